/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_snapshot.c - `jitscope snapshot`: what running processes have done so far. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "json.h"
#include "output.h"
#include "report.h"
#include "session.h"
#include "signals.h"
#include "targets.h"
#include "text.h"

#define POLL_MS 50

struct work {
	const struct options *options;
	jitscope_session *session; /* NULL: from the regions */
	struct output out;
	struct earlier *before; /* of the last round */
	size_t n_before;
	uint64_t end_ns; /* 0: none */
	bool repeated;
	int no_session; /* why there is none, as it is to be said */
	char why[512];
};

/* ---- One round --------------------------------------------------------------------- */

static int take_all(struct work *w, struct subjects *all)
{
	const struct options *o = w->options;
	struct jitscope_snapshot *s;
	struct targets_unreadable unreadable;
	char who[TEXT_PROCESSES];
	int err;

	if (!w->session) {
		err = targets_read_regions(o, all, &unreadable);
		if (unreadable.n && (!w->n_before || o->verbose))
			say("%s could not be read%s",
			    text_processes(who, unreadable.pids, unreadable.n),
			    geteuid() ? "; root can" : "");
		free(unreadable.pids);
		return err;
	}
	err = jitscope_poll(w->session, 0);
	if (err)
		return err;
	if (!o->pid)
		return subjects_from_session(all, w->session);
	err = jitscope_snapshot(w->session, o->pid, &s);
	if (err)
		return err;
	return subjects_add(all, s, session_run_ns(s)) ? 0 : -ENOMEM;
}

/* Those that are to be shown. */
static int take(struct work *w, struct subjects *all)
{
	int err = take_all(w, all);
	size_t kept = 0;

	for (size_t i = 0; i < all->n; i++)
		if (w->options->alive && !all->list[i].snapshot->alive)
			jitscope_snapshot_free(all->list[i].snapshot);
		else
			all->list[kept++] = all->list[i];
	all->n = kept;
	return err;
}

static const struct earlier *earlier_of(const struct work *w, const struct jitscope_snapshot *s)
{
	for (size_t i = 0; i < w->n_before; i++)
		if (w->before[i].pid == s->pid && w->before[i].instance == s->instance)
			return &w->before[i];
	return NULL;
}

static void forget(struct work *w)
{
	for (size_t i = 0; i < w->n_before; i++)
		free(w->before[i].runs);
	free(w->before);
	w->before = NULL;
	w->n_before = 0;
}

/* Takes the run counts out of the snapshots. */
static void remember(struct work *w, struct subjects *all)
{
	struct earlier *list = calloc(all->n + 1, sizeof(*list));

	if (!list)
		return; /* differences to an older round then */
	forget(w);
	for (size_t i = 0; i < all->n; i++) {
		struct jitscope_snapshot *s = all->list[i].snapshot;

		list[i] = (struct earlier){
			.pid = s->pid,
			.instance = s->instance,
			.taken_ns = s->taken_ns,
			.alive = s->alive,
			.counters = s->info.counters,
			.times = s->info.counter_times,
			.runs = s->info.loop_run_times,
			.n_runs = s->info.n_loop_run_times,
		};
		s->info.loop_run_times = NULL;
		s->info.n_loop_run_times = 0;
	}
	w->before = list;
	w->n_before = all->n;
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = ((const struct subject *)a)->snapshot->pid;
	pid_t y = ((const struct subject *)b)->snapshot->pid;

	return (x > y) - (x < y);
}

/* Why no process is asked to count runs; NULL: they are asked. */
static const char *not_asked(const struct work *w)
{
	if (!w->session)
		return "not counted: nobody has the process count them, and without BPF "
		       "only `jitscope run` can";
	if (!jitscope_counts_runs(w->session))
		return "not counted: `jitscope serve`, whose maps these are, was told not to "
		       "(--count); --own counts";
	if (!w->repeated)
		return "not counted before, and a single snapshot is over at once: -i counts";
	return NULL;
}

static void print(struct work *w, struct subjects *all)
{
	struct report report = report_options(&w->out, w->options);

	report.not_asked = not_asked(w);
	qsort(all->list, all->n, sizeof(*all->list), by_pid);
	for (size_t i = 0; i < all->n; i++) {
		struct subject *s = &all->list[i];
		const struct earlier *before = earlier_of(w, s->snapshot);

		if (before && !before->alive && !s->snapshot->alive)
			continue; /* its last round was shown */
		if (w->options->json) {
			json_snapshot(w->out.f, s, NULL, 0);
			continue;
		}
		s->before = before;
		report_subject(&report, s);
		fputc('\n', w->out.f);
	}
}

/* A process without a VM yet is no error when it is asked for by number. */
static int nothing_to_show(const struct work *w, int err)
{
	if (err == -ENOENT && w->session)
		say("process %d carries the provider, but its JIT has not started yet",
		    (int)w->options->pid);
	else if (err)
		say("%s", jitscope_error());
	else if (w->options->pid)
		say("process %d has ended", (int)w->options->pid);
	else if (w->options->n_files)
		say("no process that uses %s%s has a JIT that has started", w->options->files[0],
		    w->options->n_files > 1 ? " or another of these files" : "");
	else
		say("no process has a JIT that jitscope can see; see `jitscope list`");
	return EXIT_FAILED;
}

/* ---- The rounds ---------------------------------------------------------------------- */

/* Waits for the next round; false if there is none. */
static bool wait_until(struct work *w, uint64_t next_ns)
{
	for (;;) {
		uint64_t now = now_ns(), left, ms;

		if (signals_stop() || (w->end_ns && now >= w->end_ns))
			return false;
		if (now >= next_ns)
			return true;
		left = (w->end_ns && w->end_ns < next_ns ? w->end_ns : next_ns) - now;
		ms = left / 1000000 < POLL_MS ? left / 1000000 + 1 : POLL_MS;
		if (w->session) {
			if (jitscope_poll(w->session, (int)ms))
				return false;
		} else {
			nanosleep(&(struct timespec){.tv_nsec = (long)ms * 1000000}, NULL);
		}
	}
}

static bool any_alive(const struct subjects *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].snapshot->alive)
			return true;
	return false;
}

static int rounds(struct work *w)
{
	const struct options *o = w->options;
	uint64_t start = now_ns(), round = 0;
	bool go_on = true;

	for (w->end_ns = o->duration_ns ? start + o->duration_ns : 0; go_on;) {
		struct subjects all = {0};
		int err = take(w, &all);

		if (err || !all.n) {
			subjects_free(&all);
			if (!round || (err && err != -ESRCH && err != -ENOENT))
				return nothing_to_show(w, err);
			return 0; /* it has ended */
		}
		if (!round && w->no_session)
			session_explain_region(o, w->no_session, w->why);
		print(w, &all);
		remember(w, &all);
		go_on = output_flush(&w->out) && w->repeated && any_alive(&all);
		subjects_free(&all);
		round++;
		go_on = go_on && (!o->rounds || round < o->rounds) &&
			wait_until(w, start + round * o->interval_ns);
	}
	return 0;
}

/* Is it a region: what JITHOOKS_REGION_DIR left of a process? Else one of code, or nothing. */
static bool is_region_file(const char *path)
{
	struct jitscope_providers file;
	int err = jitscope_find_file(path, &file);

	jitscope_providers_free(&file);
	return err == -ENOEXEC;
}

/* Of -f: how many are regions. */
static size_t count_region_files(const struct options *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n_files; i++)
		n += is_region_file(o->files[i]);
	return n;
}

static int show_region_files(struct work *w)
{
	const struct options *o = w->options;
	struct subjects all = {0};
	int status = 0;

	for (size_t i = 0; i < o->n_files && !status; i++) {
		struct jitscope_snapshot *s;

		if (jitscope_region_file_snapshot(o->files[i], &s)) {
			say("%s is neither a program or library of this machine nor a region file",
			    o->files[i]);
			status = EXIT_FAILED;
		} else if (!subjects_add(&all, s, 0)) {
			status = EXIT_FAILED;
		}
	}
	if (!status)
		print(w, &all);
	subjects_free(&all);
	return status;
}

/* Is there a `jitscope serve` that has what we want? Then nothing need be attached. */
static bool shares(struct work *w)
{
	const struct options *o = w->options;

	if (o->no_bpf || o->own || o->pin_dir || o->max_loops || o->count == JITSCOPE_COUNT_PROBE)
		return false;
	if (jitscope_open_pinned(&w->session, options_pin_dir()))
		return false;
	if (!targets_watch(w->session, o)) {
		if (o->verbose)
			say("reading the maps in %s, which `jitscope serve` fills",
			    options_pin_dir());
		return true;
	}
	jitscope_close(w->session);
	w->session = NULL;
	return false;
}

static int observe(struct work *w)
{
	const struct options *o = w->options;
	size_t regions = count_region_files(o);

	if (regions && regions == o->n_files)
		return show_region_files(w);
	if (shares(w))
		return rounds(w);
	if (!o->no_bpf)
		w->no_session = session_open(&w->session, o, NULL, NULL, 0);
	if (w->no_session && o->pin_dir) {
		say("%s", jitscope_error());
		return EXIT_FAILED;
	}
	/* Said when there is something to show: otherwise one line says why not. */
	if (w->no_session)
		snprintf(w->why, sizeof(w->why), "%s", jitscope_error());
	if (w->session && targets_watch(w->session, o)) {
		say("%s", jitscope_error());
		return EXIT_FAILED;
	}
	return rounds(w);
}

int cmd_snapshot(const struct options *given)
{
	struct options options = *given;
	struct work w = {.options = &options};
	int status;

	if (!options.pid && !options.n_files && !options.all) {
		say("snapshot of what? give -p PID, -f PATH or -a; `jitscope list` shows what "
		    "there is");
		return EXIT_USAGE;
	}
	if (!options.interval_ns)
		options.interval_ns = 1000000000;
	w.repeated = options.given & (OPT_INTERVAL | OPT_ROUNDS | OPT_DURATION);
	if (!w.repeated && !(options.given & OPT_COUNT))
		options.count = JITSCOPE_COUNT_OFF; /* to count for a moment says nothing */
	if (!output_open(&w.out, options.output, STDOUT_FILENO))
		return EXIT_FAILED;
	signals_catch();
	status = observe(&w);
	jitscope_close(w.session);
	forget(&w);
	if (!output_close(&w.out))
		status = EXIT_FAILED;
	return status;
}
