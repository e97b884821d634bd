/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_serve.c - `jitscope serve`: the whole machine, for good.
 *
 * One session that watches everything and pins its maps. It prints next to nothing:
 * what it knows is in the maps, for `jitscope snapshot`, bpftool and programs of the
 * user's own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "adapters.h"
#include "commands.h"
#include "notify.h"
#include "output.h"
#include "privileges.h"
#include "session.h"
#include "signals.h"
#include "text.h"

#define POLL_MS 200
#define KEEP_NS (300 * 1000000000ull)

struct serve {
	const struct options *options;
	jitscope_session *session;
};

static void on_event(void *ctx, const struct jitscope_event *e)
{
	const struct serve *serve = ctx;
	char comm[TEXT_CLEAN];

	if (e->kind == JITSCOPE_EXIT && serve->options->verbose)
		say("process %u (%s) has ended", e->pid, text_clean(comm, sizeof(comm), e->comm));
}

/* Known before the first process uses them: those are seen from their first trace on. */
static int attach_files(struct serve *serve)
{
	static bool (*const ours[])(char *path, size_t size) = {adapters_library, adapters_jitlua};
	const struct options *o = serve->options;
	char path[4096];

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (ours[i](path, sizeof(path)) && jitscope_watch_file(serve->session, path) &&
		    o->verbose)
			say("%s", jitscope_error());
	for (size_t i = 0; i < o->n_files; i++) {
		int err = jitscope_watch_file(serve->session, o->files[i]);

		if (err)
			return err;
	}
	return 0;
}

/* Files of the same name may be others by now; all else goes on as it is. */
static void look_again(struct serve *serve)
{
	notify_manager("RELOADING=1");
	if (attach_files(serve) || jitscope_watch_all(serve->session))
		say("%s", jitscope_error());
	notify_manager("READY=1");
}

/* Each process that counts takes one. */
static void take_descriptors(void)
{
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* Before there are threads, which would keep theirs. */
static int give_up_privileges(void)
{
	int err = jitscope_mount_bpffs();

	if (err) {
		say("%s", jitscope_error());
		return err;
	}
	/* Processes wait for its threads: those keep the priority that they are made with. */
	setpriority(PRIO_PROCESS, 0, -10);
	err = privileges_drop(!jitscope_attaches_at_once());
	if (err)
		say("cannot give up privileges (%s); going on with them", strerror(-err));
	return 0;
}

static int start(struct serve *serve, const struct options *o)
{
	pid_t *pids;
	size_t n;
	int err = session_open(&serve->session, o, on_event, serve, 0);

	setpriority(PRIO_PROCESS, 0, 0);
	if (!err)
		err = attach_files(serve);
	if (!err)
		err = jitscope_watch_all(serve->session);
	if (err) {
		say("%s", jitscope_error());
		return err;
	}
	if (!jitscope_pids(serve->session, &pids, &n)) {
		say("watching this machine: %zu process%s with a JIT that has started; maps in %s",
		    n, n == 1 ? "" : "es", o->pin_dir);
		free(pids);
	}
	return 0;
}

static int keep_on(struct serve *serve)
{
	const struct options *o = serve->options;
	uint64_t end_ns = o->duration_ns ? now_ns() + o->duration_ns : 0;

	notify_manager("READY=1");
	while (!signals_stop() && (!end_ns || now_ns() < end_ns)) {
		if (signals_again())
			look_again(serve);
		if (jitscope_poll(serve->session, POLL_MS)) {
			say("%s", jitscope_error());
			return EXIT_FAILED;
		}
	}
	notify_manager("STOPPING=1");
	return 0;
}

int cmd_serve(const struct options *given)
{
	struct options options = *given;
	struct serve serve = {.options = &options};
	int status;

	options.all = true;
	if (!options.pin_dir)
		options.pin_dir = options_pin_dir();
	if (!options.keep_ns)
		options.keep_ns = KEEP_NS;
	signals_catch();
	signals_catch_hup();
	take_descriptors();
	status = give_up_privileges() || start(&serve, &options) ? EXIT_FAILED : keep_on(&serve);
	jitscope_close(serve.session);
	return status;
}
