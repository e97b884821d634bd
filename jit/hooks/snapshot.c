/* SPDX-License-Identifier: BSD-2-Clause */
/* snapshot.c - get_stats_snapshot: the process looks at its own figures. */
#include <stdlib.h>

#include "internal.h"

#define X(name, text) #name,
static const char *const counter_names[] = {JIT_COUNTERS(X)};
#undef X
#define X(name, text) text,
static const char *const type_names[] = {JIT_TRACE_TYPES(X)};
#undef X

const char *jit_counter_name(unsigned counter)
{
	return counter < JIT_NCOUNTERS ? counter_names[counter] : NULL;
}

const char *jit_type_name(unsigned type)
{
	return type < JIT_NTYPES ? type_names[type] : NULL;
}

static int add_runs(JitInfoSnapshot *s)
{
	uint32_t used = jit_region->loops.used;

	s->loop_run_times = calloc(used ? used : 1, sizeof(*s->loop_run_times));
	if (!s->loop_run_times)
		return -1;
	for (uint32_t i = 0; i < used; i++) {
		struct jit_loop_row *row = jit_region_loop_at(i);
		uint64_t runs = row ? jit_slot_runs_of(row->loop.run_slot) : 0;

		if (runs)
			s->loop_run_times[s->n_loop_run_times++] = (struct jit_loop_run){
				.type = "leb"[row->loop.type],
				.number = row->no,
				.count = runs,
			};
	}
	return 0;
}

/*
 * Others count meanwhile, without the lock. What a trace counts first stands
 * first (TRACING), so it is read last: no copy has more compiled than started.
 */
static void copy(void *to, const void *from, size_t n)
{
	for (size_t i = n; i-- > 0;)
		((__u64 *)to)[i] = __atomic_load_n((const __u64 *)from + i, __ATOMIC_ACQUIRE);
}

JitInfoSnapshot *jit_get_stats_snapshot(void)
{
	JitInfoSnapshot *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return NULL;
	jit_region_open();
	jit_region_lock();
	copy(&s->counters, &jit_totals()->counters, JIT_NCOUNTERS);
	copy(&s->counter_times, &jit_totals()->times, JIT_NTIMES);
	err = add_runs(s);
	s->overflow_runs = __atomic_load_n(jit_slot_runs(JIT_RUNS_OVERFLOW), __ATOMIC_RELAXED);
	jit_region_unlock();
	if (err) {
		free(s);
		return NULL;
	}
	return s;
}

void jit_free_stats_snapshot(JitInfoSnapshot *s)
{
	if (s)
		free(s->loop_run_times);
	free(s);
}
