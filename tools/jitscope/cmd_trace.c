/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_trace.c - `jitscope trace`: events as they happen. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters.h"
#include "child.h"
#include "commands.h"
#include "event.h"
#include "output.h"
#include "session.h"
#include "signals.h"
#include "targets.h"
#include "text.h"

#define POLL_MS 20

/* All but those that come without a story: update, and each run of a loop. */
#define STREAM                                                                                    \
	((1u << JIT_PROBE_TRACE_START) | (1u << JIT_PROBE_OPTIMIZE) | (1u << JIT_PROBE_COMPILE) | \
	 (1u << JIT_PROBE_ABORT) | (1u << JIT_PROBE_FREE) | (1u << JIT_PROBE_FLUSH))

struct trace {
	const struct options *options;
	jitscope_session *session;
	struct output out;
	struct event_printer printer;
	struct jitscope_stats last; /* what was said about losses */
	pid_t child;		    /* 0: none, or it has ended */
	uint64_t child_started_ns;
	bool ended; /* the process of -p, by its event */
};

static void on_event(void *ctx, const struct jitscope_event *e)
{
	struct trace *t = ctx;

	if (e->kind == JITSCOPE_EXIT && (pid_t)e->pid == t->options->pid)
		t->ended = true;
	event_print(&t->printer, e);
}

/* Says what was lost since it was last said. */
static void tell_losses(struct trace *t)
{
	struct jitscope_stats now;

	if (jitscope_stats(t->session, &now))
		return;
	event_print_losses(&t->printer, &t->last, &now, now_ns());
	t->last = now;
}

static bool goes_on(struct trace *t, uint64_t end_ns)
{
	struct run_result result;

	if (signals_stop() || (end_ns && now_ns() >= end_ns))
		return false;
	if (t->child && child_ended(t->child, t->child_started_ns, false, &result)) {
		t->child = 0;
		return false;
	}
	/*
	 * A process that was asked for by number and is gone has no more events. Its
	 * number lives on until its parent asks for it; its event may be lost.
	 */
	return !t->ended && (!t->options->pid || !kill(t->options->pid, 0) || errno != ESRCH);
}

/* The last word: how often the loops ran that are still there. */
static void tell_runs(struct trace *t)
{
	struct subjects all = {0};

	if (t->options->count == JITSCOPE_COUNT_OFF || t->out.err)
		return;
	if (subjects_from_session(&all, t->session))
		say("%s", jitscope_error());
	for (size_t i = 0; i < all.n; i++)
		event_print_runs(&t->printer, all.list[i].snapshot,
				 t->options->json ? UINT64_MAX : t->options->top);
	subjects_free(&all);
}

static int stream(struct trace *t)
{
	uint64_t end_ns = t->options->duration_ns ? now_ns() + t->options->duration_ns : 0;
	bool more;

	do {
		more = goes_on(t, end_ns);
		if (jitscope_poll(t->session, more ? POLL_MS : 0)) {
			say("%s", jitscope_error());
			return EXIT_FAILED;
		}
		tell_losses(t);
	} while (output_flush(&t->out) && more);
	tell_runs(t);
	if (!t->out.err && (!t->options->json || t->options->verbose))
		say("%s events, %s lost", text_count(t->printer.printed),
		    text_count(event_lost(&t->last)));
	return 0;
}

static int start_command(struct trace *t)
{
	const struct options *o = t->options;
	char **env = adapters_environment(!o->no_adapter, o->verbose), path[4096];
	int err;

	if (!env) {
		say("no memory");
		return -ENOMEM;
	}
	if (adapters_library(path, sizeof(path)) && jitscope_watch_file(t->session, path))
		say("%s", jitscope_error());
	err = jitscope_spawn(t->session, o->argv, env, &t->child);
	free_environment(env);
	if (err) {
		say("%s", jitscope_error());
		return err;
	}
	t->child_started_ns = now_ns();
	t->printer.main_pid = t->child;
	signals_forward_to(t->child);
	return 0;
}

static int observe(struct trace *t)
{
	const struct options *o = t->options;
	int err = session_open(&t->session, o, on_event, t, STREAM);

	if (err) {
		say("%s (trace shows live events, which only the kernel has; `jitscope snapshot` "
		    "and `run` work without)",
		    jitscope_error());
		return EXIT_FAILED;
	}
	t->printer.start_ns = now_ns();
	if (*o->argv) {
		err = start_command(t);
		return err ? child_exec_status(err) : stream(t);
	}
	if (targets_watch(t->session, o)) {
		say("%s", jitscope_error());
		return EXIT_FAILED;
	}
	return stream(t);
}

int cmd_trace(const struct options *o)
{
	struct trace t = {.options = o};
	int status;

	if (!o->pid && !o->n_files && !o->all && !*o->argv) {
		say("trace what? give -p PID, -f PATH, -a or -- CMD; `jitscope list` shows "
		    "what "
		    "there is");
		return EXIT_USAGE;
	}
	if (!output_open(&t.out, o->output, STDOUT_FILENO))
		return EXIT_FAILED;
	t.printer = (struct event_printer){
		.f = t.out.f,
		.json = o->json,
		.main_pid = o->pid,
		.show_process = o->n_files || o->all,
	};
	signals_catch();
	status = observe(&t);
	jitscope_close(t.session);
	if (!output_close(&t.out) && !status)
		status = EXIT_FAILED;
	return status;
}
