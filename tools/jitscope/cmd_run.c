/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_run.c - `jitscope run`: start a command, watch it, report at its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters.h"
#include "child.h"
#include "commands.h"
#include "json.h"
#include "output.h"
#include "region_run.h"
#include "report.h"
#include "session.h"
#include "signals.h"
#include "text.h"

#define POLL_MS 20

/* When processes began and ended, as the events tell. */
struct lives {
	struct life {
		pid_t pid;
		uint64_t began_ns, ended_ns;
	} * list;
	size_t n;
};

struct run {
	const struct options *options;
	pid_t pid;
	struct run_result result;
	struct subjects all;
	struct lives lives;
	struct jitscope_stats stats; /* of the session */
};

/* ---- With BPF ---------------------------------------------------------------------- */

static struct life *life_of(struct lives *lives, pid_t pid)
{
	for (size_t i = lives->n; i-- > 0;) /* the last one of that pid */
		if (lives->list[i].pid == pid)
			return &lives->list[i];
	return NULL;
}

static void on_event(void *ctx, const struct jitscope_event *e)
{
	struct lives *lives = ctx;
	struct life *life, *bigger = lives->list;

	if (e->kind == JITSCOPE_EXIT) {
		life = life_of(lives, (pid_t)e->pid);
		if (life)
			life->ended_ns = e->when_ns;
	}
	if (e->kind != JITSCOPE_FORK)
		return;
	if (!(lives->n & (lives->n - 1)))
		bigger = reallocarray(bigger, lives->n ? 2 * lives->n : 1, sizeof(*bigger));
	if (!bigger)
		return; /* one process shows no shares */
	lives->list = bigger;
	bigger[lives->n++] = (struct life){.pid = (pid_t)e->pid, .began_ns = e->when_ns};
}

static void watch_library(jitscope_session *session, bool verbose)
{
	char path[4096];

	if (!adapters_library(path, sizeof(path))) {
		if (verbose)
			say("no libjithooks at %s", path);
	} else if (jitscope_watch_file(session, path)) {
		say("%s", jitscope_error());
	}
}

/* What ended before anybody could look at it. */
static void add_region(void *ctx, const char *path)
{
	if (jitscope_add_region_file(ctx, path))
		say("%s", jitscope_error());
}

static int run_watched(struct run *run, jitscope_session *session, char **env,
		       const struct region_dir *dir)
{
	uint64_t started;
	int err;

	watch_library(session, run->options->verbose);
	err = jitscope_spawn(session, run->options->argv, env, &run->pid);
	if (err) {
		say("%s", jitscope_error());
		return err;
	}
	started = now_ns();
	signals_forward_to(run->pid);
	while (!child_ended(run->pid, started, false, &run->result))
		if (jitscope_poll(session, POLL_MS)) {
			say("%s", jitscope_error());
			child_ended(run->pid, started, true, &run->result);
			break;
		}
	region_dir_each(dir, add_region, session);
	if (jitscope_poll(session, 0) || subjects_from_session(&run->all, session) ||
	    jitscope_stats(session, &run->stats))
		say("%s", jitscope_error());
	for (size_t i = 0; i < run->all.n; i++) {
		struct life *life = life_of(&run->lives, run->all.list[i].snapshot->pid);

		if (life && life->ended_ns)
			run->all.list[i].run_ns = life->ended_ns - life->began_ns;
	}
	return 0;
}

/* ---- The report ---------------------------------------------------------------------- */

/* The command's own process first, in its last program; then by number of traces. */
static int in_order(const void *a, const void *b)
{
	const struct subject *x = a, *y = b;
	uint64_t m = x->snapshot->info.counters.TRACING, n = y->snapshot->info.counters.TRACING;

	if (!!x->run != !!y->run)
		return x->run ? -1 : 1;
	if (m != n)
		return m < n ? 1 : -1;
	return (x->snapshot->pid > y->snapshot->pid) - (x->snapshot->pid < y->snapshot->pid);
}

/*
 * Marks the subject that is the command's own process and brings it to the
 * front; makes an empty one if it has no figures. Without BPF there is one
 * region per program that the process executed: the last one it is.
 */
static bool put_main_first(struct run *run)
{
	struct subject *own = NULL;

	for (size_t i = 0; i < run->all.n; i++) {
		struct subject *s = &run->all.list[i];

		if (s->snapshot->pid == run->pid &&
		    (!own || s->snapshot->start_ns > own->snapshot->start_ns))
			own = s;
	}
	if (!own) {
		struct jitscope_snapshot *none = calloc(1, sizeof(*none));
		const char *slash = strrchr(run->options->argv[0], '/');

		if (!none)
			return false;
		none->pid = run->pid;
		none->stats = run->stats;
		none->complete = !(none->stats.map_full || none->stats.bad_event ||
				   none->stats.read_fault || none->stats.busy);
		none->taken_ns = now_ns();
		none->source = run->options->no_bpf ? JITSCOPE_REGION : JITSCOPE_KERNEL;
		snprintf(none->comm, sizeof(none->comm), "%s",
			 slash ? slash + 1 : run->options->argv[0]);
		if (!subjects_add(&run->all, none, 0))
			return false;
		own = &run->all.list[run->all.n - 1];
	}
	own->run = &run->result;
	own->run_ns = run->result.wall_ns;
	qsort(run->all.list, run->all.n, sizeof(*run->all.list), in_order);
	return true;
}

/* What to do if there is nothing to show. */
static void explain_nothing(const struct run *run)
{
	char path[4096];
	const char *name = run->options->argv[0];

	if (run->options->no_adapter)
		say("no trace of '%s' was seen: --no-adapter leaves out what makes LuaJIT and PyPy "
		    "visible",
		    name);
	else if (!adapters_luajit(path, sizeof(path)))
		say("no trace of '%s' was seen, and the adapters are missing (%s); set "
		    "JITSCOPE_LIBDIR, or see `jitscope check`",
		    name, path);
	else
		say("no trace of '%s' was seen: nothing got hot, or it has no LuaJIT or PyPy that "
		    "takes the adapter (static and set-user-ID programs do not) and is not linked "
		    "with libjithooks; `jitscope list` shows what carries the provider",
		    name);
}

static void text_report(const struct run *run, struct output *out)
{
	struct report report = report_options(out, run->options);
	const struct subject *own = run->all.list;
	bool carried = false, active = false;

	for (size_t i = 0; i < run->all.n; i++) {
		carried |= subject_carries(&run->all.list[i]);
		active |= subject_active(&run->all.list[i]);
	}
	if (!carried) {
		explain_nothing(run);
		report_losses(&report, own->snapshot);
		return;
	}
	for (size_t i = 0; i < run->all.n; i++)
		if (&run->all.list[i] == own || subject_active(&run->all.list[i]))
			report_subject(&report, &run->all.list[i]);
	if (!active)
		fputs("\n The JIT was there, but nothing got hot enough to be compiled.\n", out->f);
	fputc('\n', out->f);
}

static void print(const struct run *run, struct output *out)
{
	if (!run->options->json) {
		text_report(run, out);
		return;
	}
	json_snapshot(out->f, run->all.list, run->all.list + 1, run->all.n - 1);
	if (run->all.n == 1 && !subject_carries(run->all.list))
		explain_nothing(run);
}

/* ---- The command ----------------------------------------------------------------------- */

static int start_and_watch(struct run *run, struct options *options, char ***env)
{
	jitscope_session *session = NULL;
	struct region_dir dir;
	int err = 0;

	if (!options->no_bpf)
		err = session_open(&session, options, on_event, &run->lives, 0);
	if (err) {
		if (options->pin_dir) {
			say("%s", jitscope_error());
			return -EPERM;
		}
		session_explain_region(options, err, jitscope_error());
		options->no_bpf = true;
	}
	err = region_dir_make(&dir);
	if (!err) {
		if (!environment_set(env, "JITHOOKS_REGION_DIR", dir.path) ||
		    (!session && options->count != JITSCOPE_COUNT_OFF &&
		     !environment_set(env, "JITHOOKS_COUNT_RUNS", "1")))
			err = -ENOMEM;
		else if (session)
			err = run_watched(run, session, *env, &dir);
		else
			err = region_run(options->argv, *env, &dir, &run->pid, &run->result,
					 &run->all);
		region_dir_remove(&dir);
	}
	jitscope_close(session);
	return err;
}

int cmd_run(const struct options *given)
{
	struct options options = *given;
	struct run run = {.options = &options};
	struct output out;
	char **env;
	int err, status;

	if (!*options.argv) {
		say("run what? `jitscope run -- CMD [ARG...]`");
		return EXIT_USAGE;
	}
	if (!output_open(&out, options.output, STDERR_FILENO))
		return EXIT_FAILED;
	env = adapters_environment(!options.no_adapter, options.verbose);
	if (!env) {
		say("no memory");
		return EXIT_FAILED;
	}
	signals_catch();
	run.result.argv = options.argv;
	err = start_and_watch(&run, &options, &env);
	status = err ? child_exec_status(err) : child_exit_status(run.result.status);
	if (!err && put_main_first(&run))
		print(&run, &out);
	if (!output_close(&out) && !status)
		status = EXIT_FAILED;
	subjects_free(&run.all);
	free(run.lives.list);
	free_environment(env);
	return status;
}
