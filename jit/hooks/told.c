/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * told.c - a VM that keeps its own counters and tells of traces when they are
 * over (hooks.h says who needs that).
 *
 * The counters are right and the telling is not complete, so the difference
 * is what this file is about. It keeps the state of the last call: what the
 * counters moved since then is the size of the trace that is told now, if it
 * was the only one, and what they moved beyond it was not told.
 */
#include <stdlib.h>

#include "index.h"
#include "internal.h"

#define UNTOLD_PLACE "(place not told)"

struct jit_told {
	jit_vm *vm;
	struct jit_index loops;		  /* VM's loop number + 1 -> ours */
	struct jit_index bridges;	  /* the same for bridges */
	uint64_t last[JIT_ABORT_OTHER];	  /* counters at the last call */
	uint64_t aborts[JIT_ABORT_OTHER]; /* told or made good, by counter */
	uint64_t compiles;		  /* the same for compiles */
	double spent;			  /* tracing + backend at the last call */
	double hooks;			  /* seconds in hooks since: the VM bills them to TRACING */
	uint64_t hook_start;
	uint64_t made_ns;
};

/*
 * Of all that is here. Taken before the region's lock, also when forking, for
 * the child has to go on with it free.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void take_lock(void)
{
	pthread_mutex_lock(&lock);
}

static void drop_lock(void)
{
	pthread_mutex_unlock(&lock);
}

static void at_fork(void)
{
	pthread_atfork(take_lock, drop_lock, drop_lock);
}

static uint64_t ns(double seconds)
{
	return seconds > 0 ? (uint64_t)(seconds * 1e9) : 0;
}

static void take_over(jit_told *told, JIT_TOLD_STATE, int tell)
{
	jit_take_over(told->vm, counters, ncounters, ns(tracing), ns(backend), tell);
}

static void remember(jit_told *told, JIT_TOLD_STATE)
{
	if (ncounters > JIT_ABORT_OTHER)
		ncounters = JIT_ABORT_OTHER;
	memcpy(told->last, counters, ncounters * sizeof(*counters));
	told->spent = tracing + backend;
	told->hooks = 0;
}

jit_told *jit_told_create(const char *jitdriver_name, JIT_TOLD_STATE)
{
	jit_told *told = calloc(1, sizeof(*told));

	if (!told)
		return NULL;
	if (jit_vm_create(&told->vm, &(struct jit_vm_config){.jitdriver_name = jitdriver_name,
							     .own_counters = 1})) {
		free(told);
		return NULL;
	}
	told->made_ns = jit_now();
	pthread_once(&once, at_fork);
	if (ncounters) {
		take_over(told, counters, ncounters, tracing, backend, 0);
		remember(told, counters, ncounters, tracing, backend);
		memcpy(told->aborts, told->last, sizeof(told->aborts));
		told->compiles = told->last[JIT_BACKEND];
	}
	return told;
}

static void put_abort(jit_told *told, unsigned counter, const char *reason, const char *greenkey,
		      uint64_t operations)
{
	struct jit_trace t;

	jit_trace_start(told->vm, &t,
			&(struct jit_trace_place){.type = JIT_TYPE_LOOP,
						  .greenkey = greenkey ? greenkey : ""});
	jit_trace_aborted(told->vm, &t,
			  &(struct jit_abort_info){.counter = counter,
						   .reason_id = counter,
						   .operations = (uint32_t)operations,
						   .reason = reason});
}

/* Puts on record what was counted and not told, but for `own` compiles. */
static void make_good(jit_told *told, const uint64_t *counters, size_t ncounters, uint64_t own)
{
	uint64_t compiles = ncounters > JIT_BACKEND ? counters[JIT_BACKEND] : 0;

	for (unsigned c = JIT_ABORT_TOO_LONG; c <= JIT_ABORT_SEGMENTED_TRACE && c < ncounters; c++)
		for (; told->aborts[c] < counters[c]; told->aborts[c]++)
			put_abort(told, c, NULL, UNTOLD_PLACE, 0);
	if (compiles > told->compiles + own)
		jit_count(told->vm, JIT_HOOKS_SUPPRESSED, compiles - told->compiles - own);
	if (compiles > told->compiles)
		told->compiles = compiles;
}

static uint64_t moved(const jit_told *told, const uint64_t *counters, size_t ncounters,
		      enum jit_counter c)
{
	return c < ncounters ? counters[c] - told->last[c] : 0;
}

/* Our number for the VM's; 0: it was not told. */
static uint64_t our_number(const struct jit_index *numbers, uint64_t vm_no)
{
	uint32_t no = jit_index_get(numbers, vm_no + 1);

	return no == NO_ROW ? 0 : no;
}

static void place_of(uint64_t no, char *to, size_t size)
{
	struct jit_loop_row *row;

	jit_region_lock();
	row = jit_region_loop(no);
	jit_copy(to, size, row ? row->loop.greenkey : "");
	jit_region_unlock();
}

void jit_told_compiled(jit_told *told, JIT_TOLD_STATE, unsigned type, uint64_t loop_no,
		       uint64_t bridge_no, const char *greenkey, uint64_t asmaddr, uint64_t asmlen)
{
	bool bridge = type == JIT_TYPE_BRIDGE, one_backend, one_trace;
	struct jit_trace_place place = {.type = type < JIT_NTYPES ? type : JIT_TYPE_LOOP,
					.vm_no = bridge ? bridge_no : loop_no,
					.greenkey = greenkey ? greenkey : ""};
	struct jit_code code = {.asmaddr = asmaddr, .asmlen = (uint32_t)asmlen};
	char roots[JIT_GREENKEY_LEN];
	struct jit_trace t;

	take_lock();
	take_over(told, counters, ncounters, tracing, backend, 0);
	one_backend = moved(told, counters, ncounters, JIT_BACKEND) == 1;
	one_trace = moved(told, counters, ncounters, JIT_TRACING) == 1;
	make_good(told, counters, ncounters, 1);
	if (one_backend)
		code.operations = (uint32_t)moved(told, counters, ncounters, JIT_OPT_OPS);
	if (one_trace)
		code.compile_ns = ns(tracing + backend - told->spent - told->hooks);
	if (bridge) {
		place.parent_no = our_number(&told->loops, loop_no);
		place_of(place.parent_no, roots, sizeof(roots));
		place.greenkey = roots;
	}
	jit_trace_start(told->vm, &t, &place);
	jit_trace_compiled(told->vm, &t, &code);
	/* Numbers that do not fit would take four thousand million traces. */
	if (t.no < NO_ROW)
		jit_index_put(bridge ? &told->bridges : &told->loops, place.vm_no + 1,
			      (uint32_t)t.no);
	remember(told, counters, ncounters, tracing, backend);
	drop_lock();
}

void jit_told_aborted(jit_told *told, JIT_TOLD_STATE, unsigned counter, const char *reason,
		      const char *greenkey, uint64_t operations)
{
	bool counted = jit_is_abort(counter) && counter < ncounters;

	take_lock();
	take_over(told, counters, ncounters, tracing, backend, 0);
	if (!counted || told->aborts[counter] < counters[counter]) {
		/* The last one counted is this; those before it were not told. */
		if (counted)
			told->aborts[counter]++;
		make_good(told, counters, ncounters, 0);
		put_abort(told, counter, reason, greenkey, operations);
	}
	remember(told, counters, ncounters, tracing, backend);
	drop_lock();
}

void jit_told_state(jit_told *told, JIT_TOLD_STATE)
{
	take_lock();
	take_over(told, counters, ncounters, tracing, backend, 0);
	make_good(told, counters, ncounters, 0);
	take_over(told, counters, ncounters, tracing, backend, 1);
	remember(told, counters, ncounters, tracing, backend);
	drop_lock();
}

static void put_runs(const struct jit_index *numbers, uint64_t vm_no, uint64_t runs)
{
	struct jit_loop_row *row = jit_region_loop(our_number(numbers, vm_no));

	if (row && row->loop.run_slot != JIT_RUNS_OVERFLOW)
		__atomic_store_n(jit_slot_runs(row->loop.run_slot), runs, __ATOMIC_RELAXED);
}

void jit_told_runs(jit_told *told, unsigned type, const uint64_t *numbers, const uint64_t *runs,
		   size_t n)
{
	take_lock();
	told->vm->debug = true; /* it counts, whoever wishes it, */
	jit_region_lock();
	if (!jit_region->event.runs_since_ns) /* and did so when it told nothing yet */
		jit_region->event.runs_since_ns = told->made_ns;
	jit_region_unlock();
	jit_runs_update(told->vm);
	jit_region_lock();
	for (size_t i = 0; i < n; i++)
		put_runs(type == JIT_TYPE_BRIDGE ? &told->bridges : &told->loops, numbers[i],
			 runs[i]);
	jit_region_unlock();
	drop_lock();
}

void jit_told_hook_start(jit_told *told)
{
	take_lock();
	told->hook_start = jit_now();
	drop_lock();
	jit_time_start(JIT_TIME_HOOKS);
}

void jit_told_hook_end(jit_told *told, int failed)
{
	jit_time_end(JIT_TIME_HOOKS);
	if (failed)
		jit_bump(JIT_HOOK_ERRORS, 1);
	take_lock();
	told->hooks += (double)(jit_now() - told->hook_start) / 1e9;
	drop_lock();
}
