/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_runs.c - one line on the runs of loops: where they were counted, since when,
 * and whether they still are; or why not.
 */
#include <string.h>

#include "report.h"
#include "text.h"

static bool is_of(const struct jitscope_snapshot *snap, const char *jitdriver)
{
	return !strcmp(snap->jitdriver, jitdriver);
}

/* ---- Counted ------------------------------------------------------------------------ */

/* The process counted before the probe was attached: those are the first of the figures. */
static bool began_before(const struct report *r, const struct jitscope_snapshot *snap)
{
	return snap->run_source == JITSCOPE_RUNS_PROBE && snap->runs_since_ns &&
	       snap->runs_since_ns < r->started_ns;
}

static const char *where(const struct report *r, const struct jitscope_snapshot *snap)
{
	switch (snap->run_source) {
	case JITSCOPE_RUNS_KERNEL:
		return "counted by the compiled code, in kernel memory";
	case JITSCOPE_RUNS_PROBE:
		return began_before(r, snap) ? "counted by the process itself, and by probe "
					       "loop__run since that is attached"
					     : "counted by probe loop__run";
	default:
		return "counted by the process, in its own memory";
	}
}

/* Counts tell how often something ran only to who knows since when. */
static void put_since(const struct report *r, const struct jitscope_snapshot *snap)
{
	bool late = snap->runs_missed & JIT_RUNS_LATE, gaps = snap->runs_missed & JIT_RUNS_GAPS;
	uint64_t ago = snap->taken_ns - snap->runs_since_ns;

	if (!snap->runs_since_ns || snap->runs_since_ns > snap->taken_ns)
		fputs(snap->run_source == JITSCOPE_RUNS_PROBE ? ", since it was attached"
							      : ", since counting began",
		      r->f);
	else if (!late && !gaps)
		fputs(", all since the process started", r->f);
	else
		fprintf(r->f, ", %ssince %s ago%s", late ? "only " : "", text_time(ago),
			gaps ? " and with gaps" : "");
}

static void put_state(const struct report *r, const struct jitscope_snapshot *snap)
{
	if (snap->runs_missing_ns)
		fprintf(r->f, "; as of %s before %s", text_time(snap->runs_missing_ns),
			snap->alive ? "now" : "its end");
	if (is_of(snap, "pypyjit"))
		fputs("; as of its last event", r->f); /* which is when PyPy tells them */
	else if (snap->alive && snap->runs_since_ns && !snap->counting)
		fputs("; not counted now", r->f);
}

/* It counts, and was offered a map, but has none. */
static bool is_out_of_reach(const struct report *r, const struct jitscope_snapshot *snap)
{
	return r->count == JITSCOPE_COUNT_MEMORY && !r->not_asked &&
	       snap->source == JITSCOPE_KERNEL && snap->run_source == JITSCOPE_RUNS_REGION &&
	       snap->counting;
}

/* ---- Not counted -------------------------------------------------------------------- */

static const char *why_none(const struct report *r, const struct jitscope_snapshot *snap)
{
	if (!snap->n_loops)
		return "none: there is no compiled code";
	if (is_of(snap, "luajit"))
		return "not counted: LuaJIT cannot";
	if (is_of(snap, "pypyjit"))
		return "not counted: PyPy does only with JITHOOKS_PYPY_RUNS=1 in its environment "
		       "when it starts";
	if (r->not_asked)
		return r->not_asked;
	return "not counted: this JIT cannot, or has not noticed yet";
}

void report_run_source(const struct report *r, const struct jitscope_snapshot *snap)
{
	bool counted = snap->run_source != JITSCOPE_RUNS_NONE;

	if (!counted && r->count == JITSCOPE_COUNT_OFF)
		return;
	fprintf(r->f, " Runs of loops: %s", counted ? where(r, snap) : why_none(r, snap));
	if (counted) {
		put_since(r, snap);
		put_state(r, snap);
	}
	if (is_out_of_reach(r, snap))
		fputs(" (it does not reach the socket in " JIT_RUNS_DIR ", as in a container)",
		      r->f);
	fputs(".\n", r->f);
}
