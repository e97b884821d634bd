/* SPDX-License-Identifier: BSD-2-Clause */
/* test_counters.c - which counters there are, and what counts in which. */
#include "../../jit/hooks/internal.h"
#include "unit.h"

/* As documented for pypyjit; spelled out, because the order is what is tested. */
static const char *const pypy[] = {
	"TRACING",
	"BACKEND",
	"OPS",
	"HEAPCACHED_OPS",
	"RECORDED_OPS",
	"GUARDS",
	"OPT_OPS",
	"OPT_GUARDS",
	"OPT_GUARDS_SHARED",
	"OPT_FORCINGS",
	"OPT_VECTORIZE_TRY",
	"OPT_VECTORIZED",
	"ABORT_TOO_LONG",
	"ABORT_BRIDGE",
	"ABORT_BAD_LOOP",
	"ABORT_ESCAPE",
	"ABORT_FORCE_QUASIIMMUT",
	"ABORT_SEGMENTED_TRACE",
	"FORCE_VIRTUALIZABLES",
	"NVIRTUALS",
	"NVHOLES",
	"NVREUSED",
	"TOTAL_COMPILED_LOOPS",
	"TOTAL_COMPILED_BRIDGES",
	"TOTAL_FREED_LOOPS",
	"TOTAL_FREED_BRIDGES",
};

#define NPYPY (sizeof(pypy) / sizeof(pypy[0]))

TEST(first_26_are_pypys_in_pypys_order)
{
	CHECK_EQ(NPYPY, 26);
	for (unsigned i = 0; i < NPYPY; i++)
		CHECK_STR(jit_counter_name(i), pypy[i]);
	CHECK_EQ(JIT_ABORT_OTHER, 26);
	CHECK_STR(jit_counter_name(26), "ABORT_OTHER");
}

TEST(names_end_with_the_list)
{
	CHECK(jit_counter_name(JIT_NCOUNTERS - 1));
	CHECK(!jit_counter_name(JIT_NCOUNTERS));
	CHECK(!jit_counter_name(-1u));
	CHECK_STR(jit_type_name(JIT_TYPE_LOOP), "loop");
	CHECK_STR(jit_type_name(JIT_TYPE_ENTRY_BRIDGE), "entry bridge");
	CHECK_STR(jit_type_name(JIT_TYPE_BRIDGE), "bridge");
	CHECK(!jit_type_name(JIT_NTYPES));
}

static void check_only(const uint64_t *wanted)
{
	for (unsigned i = 0; i < JIT_NCOUNTERS; i++)
		if (unit_counter(i) != wanted[i])
			unit_fail(__FILE__, __LINE__, "%s is %llu, not %llu", jit_counter_name(i),
				  (unsigned long long)unit_counter(i),
				  (unsigned long long)wanted[i]);
}

TEST(each_counter_counts_alone)
{
	uint64_t wanted[JIT_NCOUNTERS] = {0};
	jit_vm *vm = unit_vm();

	check_only(wanted);
	for (unsigned i = 0; i < JIT_NCOUNTERS; i++) {
		jit_count(vm, i, i + 1);
		wanted[i] = i + 1;
		check_only(wanted);
	}
	jit_count(vm, JIT_NCOUNTERS, 7);
	jit_count(vm, (enum jit_counter) - 1, 7);
	check_only(wanted);
	jit_vm_destroy(vm);
}

/* One of each moment of a trace's life. */
static void live(jit_vm *vm)
{
	struct jit_trace_place place = {.type = JIT_TYPE_LOOP};
	struct jit_optimize ops = {.ops_before = 5, .ops_after = 4};
	struct jit_code code = {.operations = 4};
	struct jit_trace t;
	uint64_t loop, bridge;

	jit_trace_start(vm, &t, &place);
	jit_optimize(vm, &t, &ops);
	jit_backend_start(vm, &t);
	jit_backend_end(vm, &t);
	jit_trace_compiled(vm, &t, &code);
	loop = t.no;
	unit_compile(vm, JIT_TYPE_ENTRY_BRIDGE, 0, "");
	bridge = unit_compile(vm, JIT_TYPE_BRIDGE, loop, "");
	unit_abort(vm, JIT_ABORT_ESCAPE, NULL, NULL);
	unit_abort(vm, JIT_ABORT_OTHER, NULL, NULL);
	unit_abort(vm, JIT_GUARDS, NULL, NULL); /* no abort counter: other */
	jit_trace_freed(vm, bridge);
	jit_trace_freed(vm, bridge); /* is not there any more */
	unit_compile(vm, JIT_TYPE_BRIDGE, loop, "");
	jit_flushed(vm, "test");
}

TEST(a_trace_life_is_counted)
{
	uint64_t wanted[JIT_NCOUNTERS] = {
		[JIT_TRACING] = 7,
		[JIT_BACKEND] = 1,
		[JIT_TOTAL_COMPILED_LOOPS] = 2,
		[JIT_TOTAL_COMPILED_BRIDGES] = 2,
		[JIT_ABORT_ESCAPE] = 1,
		[JIT_ABORT_OTHER] = 2,
		[JIT_TOTAL_FREED_LOOPS] = 2,
		[JIT_TOTAL_FREED_BRIDGES] = 2,
		[JIT_FLUSHES] = 1,
	};
	jit_vm *vm = unit_vm();

	live(vm);
	check_only(wanted);
	jit_vm_destroy(vm);
	check_only(wanted);
}

TEST(own_counters_leaves_pypys_to_the_vm)
{
	struct jit_vm_config config = {.jitdriver_name = "own", .own_counters = 1};
	uint64_t wanted[JIT_NCOUNTERS] = {[JIT_ABORT_OTHER] = 2, [JIT_FLUSHES] = 1};
	JitInfoSnapshot *s;
	jit_vm *vm;

	CHECK_EQ(jit_vm_create(&vm, &config), 0);
	live(vm);
	check_only(wanted);
	unit_spin(1000);
	jit_time_start(JIT_TIME_HOOKS); /* bills what still runs: nothing does */
	jit_time_end(JIT_TIME_HOOKS);
	s = jit_get_stats_snapshot();
	CHECK_EQ(s->counter_times.tracing_ns, 0);
	CHECK_EQ(s->counter_times.backend_ns, 0);
	jit_free_stats_snapshot(s);
	jit_vm_destroy(vm);
}

TEST(take_over_sets_pypys_and_no_more)
{
	struct jit_vm_config config = {.jitdriver_name = "own", .own_counters = 1};
	uint64_t wanted[JIT_NCOUNTERS] = {0}, theirs[JIT_NCOUNTERS];
	JitInfoSnapshot *s;
	jit_vm *vm;

	CHECK_EQ(jit_vm_create(&vm, &config), 0);
	for (unsigned i = 0; i < JIT_NCOUNTERS; i++)
		theirs[i] = 100 + i;
	jit_count(vm, JIT_FLUSHES, 3);
	wanted[JIT_FLUSHES] = 3;

	jit_take_over(vm, theirs, 2, 11, 12, 0);
	wanted[0] = 100;
	wanted[1] = 101;
	check_only(wanted);

	jit_take_over(vm, theirs, JIT_NCOUNTERS, 21, 22, 1);
	for (unsigned i = 0; i < NPYPY; i++)
		wanted[i] = 100 + i;
	check_only(wanted);

	s = jit_get_stats_snapshot();
	CHECK_EQ(s->counter_times.tracing_ns, 21);
	CHECK_EQ(s->counter_times.backend_ns, 22);
	CHECK_EQ(s->counter_times.hooks_ns, 0);
	jit_free_stats_snapshot(s);
	jit_vm_destroy(vm);
}

#define THREADS 4
#define TIMES 20000

static void *count_many(void *arg)
{
	for (int i = 0; i < TIMES; i++)
		jit_count(arg, JIT_OPS, 1);
	return NULL;
}

TEST(threads_lose_no_count)
{
	pthread_t threads[THREADS];
	jit_vm *vms[THREADS];

	for (int i = 0; i < THREADS; i++) {
		vms[i] = unit_vm();
		CHECK(!pthread_create(&threads[i], NULL, count_many, vms[i]));
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		jit_vm_destroy(vms[i]);
	}
	CHECK_EQ(unit_counter(JIT_OPS), THREADS * TIMES);
}

void suite_counters(void)
{
	unit_suite("counters");
	ADD(first_26_are_pypys_in_pypys_order);
	ADD(names_end_with_the_list);
	ADD(each_counter_counts_alone);
	ADD(a_trace_life_is_counted);
	ADD(own_counters_leaves_pypys_to_the_vm);
	ADD(take_over_sets_pypys_and_no_more);
	ADD(threads_lose_no_count);
}
