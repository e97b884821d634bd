/* SPDX-License-Identifier: BSD-2-Clause */
/* subject.h - a process as the reports show it, in text or JSON. */
#ifndef TOOL_SUBJECT_H
#define TOOL_SUBJECT_H

#include <jitscope/jitscope.h>

/* How the command of `run` ended and what it took. */
struct run_result {
	char *const *argv;
	int status; /* as wait() gives it */
	uint64_t wall_ns, user_ns, system_ns;
};

/* The figures of an earlier report of the same process. */
struct earlier {
	pid_t pid;
	uint64_t instance;
	uint64_t taken_ns;
	bool alive;
	struct jit_counters counters;
	struct jit_times times;
	struct jit_loop_run *runs; /* of its loops then, by number */
	size_t n_runs;
};

struct subject {
	struct jitscope_snapshot *snapshot;
	uint64_t run_ns;	      /* how long the process ran; 0: not known */
	const struct run_result *run; /* of the command itself; else NULL */
	const struct earlier *before; /* show what changed since; or NULL */
};

/* What a process was told by hooks, probes or region: did it carry the provider? */
static inline bool subject_carries(const struct subject *s)
{
	return s->snapshot->instance != 0;
}

/* Any traces at all? */
static inline bool subject_active(const struct subject *s)
{
	const struct jit_counters *c = &s->snapshot->info.counters;

	return c->TRACING || jitscope_total_compiled(c) || jitscope_total_aborts(c) ||
	       s->snapshot->n_loops || s->snapshot->n_aborts;
}

/* Counter by number: struct jit_counters is one u64 after the other. */
static inline uint64_t counter(const struct jit_counters *c, unsigned i)
{
	return ((const __u64 *)c)[i];
}

#endif
