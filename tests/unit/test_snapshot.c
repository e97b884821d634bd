/* SPDX-License-Identifier: BSD-2-Clause */
/* test_snapshot.c - get_stats_snapshot. */
#include "../../jit/hooks/internal.h"
#include "unit.h"

/* PyPy crashes here. */
TEST(valid_before_the_first_vm_and_trace)
{
	JitInfoSnapshot *s = jit_get_stats_snapshot();
	jit_vm *vm;

	CHECK(s);
	CHECK_EQ(s->counters.TRACING, 0);
	CHECK_EQ(s->n_loop_run_times, 0);
	jit_free_stats_snapshot(s);
	vm = unit_vm();
	s = jit_get_stats_snapshot();
	CHECK(s);
	CHECK_EQ(s->n_loop_run_times, 0);
	jit_free_stats_snapshot(s);
	jit_free_stats_snapshot(NULL);
	jit_vm_destroy(vm);
}

static const struct jit_loop_run *run_of(const JitInfoSnapshot *s, uint64_t number)
{
	for (size_t i = 0; i < s->n_loop_run_times; i++)
		if (s->loop_run_times[i].number == number)
			return &s->loop_run_times[i];
	return NULL;
}

TEST(loop_run_times_has_type_number_and_count)
{
	jit_vm *vm = unit_vm();
	uint64_t loop = unit_loop(vm);
	uint64_t entry = unit_compile(vm, JIT_TYPE_ENTRY_BRIDGE, 0, "");
	uint64_t bridge = unit_compile(vm, JIT_TYPE_BRIDGE, loop, "");
	uint64_t silent = unit_loop(vm);
	JitInfoSnapshot *s;

	*jit_run_count(vm, loop) = 10;
	*jit_run_count(vm, entry) = 20;
	*jit_run_count(vm, bridge) = 30;
	s = jit_get_stats_snapshot();
	CHECK_EQ(s->n_loop_run_times, 3);
	CHECK_EQ(run_of(s, loop)->type, 'l');
	CHECK_EQ(run_of(s, loop)->count, 10);
	CHECK_EQ(run_of(s, entry)->type, 'e');
	CHECK_EQ(run_of(s, entry)->count, 20);
	CHECK_EQ(run_of(s, bridge)->type, 'b'); /* by its own number */
	CHECK_EQ(run_of(s, bridge)->count, 30);
	CHECK(!run_of(s, silent));
	jit_free_stats_snapshot(s);

	jit_trace_freed(vm, entry);
	s = jit_get_stats_snapshot();
	CHECK(!run_of(s, entry));
	CHECK_EQ(s->n_loop_run_times, 2);
	jit_free_stats_snapshot(s);
	jit_vm_destroy(vm);
}

TEST(a_snapshot_does_not_change_afterwards)
{
	jit_vm *vm = unit_vm();
	uint64_t loop = unit_loop(vm), *count = jit_run_count(vm, loop);
	JitInfoSnapshot *before, *after;

	*count = 1;
	before = jit_get_stats_snapshot();
	*count = 2;
	unit_loop(vm);
	after = jit_get_stats_snapshot();
	CHECK_EQ(before->counters.TRACING, 1);
	CHECK_EQ(before->loop_run_times[0].count, 1);
	CHECK_EQ(after->counters.TRACING, 2);
	CHECK_EQ(after->loop_run_times[0].count, 2);
	CHECK(after->counter_times.tracing_ns > before->counter_times.tracing_ns);
	jit_free_stats_snapshot(before);
	jit_free_stats_snapshot(after);
	jit_vm_destroy(vm);
}

static bool stop;

/* As compiled code would, and a VM beside it. */
static void *run_and_compile(void *arg)
{
	uint64_t *count = jit_run_count(arg, unit_loop(arg));

	for (int i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
		if (i % 64 == 0)
			jit_trace_freed(arg, unit_loop(arg));
	}
	return NULL;
}

TEST(snapshots_while_other_threads_compile_never_go_back)
{
	jit_vm *vm = unit_vm();
	uint64_t compiled = 0, run = 0;
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, run_and_compile, vm));
	for (int i = 0; i < 300 || compiled < 1000; i++) { /* the other has run too */
		JitInfoSnapshot *s = jit_get_stats_snapshot();

		CHECK(s);
		CHECK(s->counters.TOTAL_COMPILED_LOOPS >= compiled);
		CHECK(s->counters.TRACING >= s->counters.TOTAL_COMPILED_LOOPS);
		compiled = s->counters.TOTAL_COMPILED_LOOPS;
		CHECK(s->n_loop_run_times <= 1);
		if (s->n_loop_run_times) {
			CHECK(s->loop_run_times[0].count >= run);
			run = s->loop_run_times[0].count;
		}
		jit_free_stats_snapshot(s);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	jit_vm_destroy(vm);
}

void suite_snapshot(void)
{
	unit_suite("snapshot");
	ADD(valid_before_the_first_vm_and_trace);
	ADD(loop_run_times_has_type_number_and_count);
	ADD(a_snapshot_does_not_change_afterwards);
	ADD(snapshots_while_other_threads_compile_never_go_back);
}
