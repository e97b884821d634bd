/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_told.c - a VM that tells afterwards, and not of everything: what was
 * told is on record, and what was only counted is made good, once.
 */
#include <jithooks/probes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../jit/hooks/internal.h"
#include "unit.h"

#define PYPY JIT_ABORT_OTHER /* as many counters as PyPy has */

/* The VM's own figures. */
static uint64_t vm_counters[JIT_NCOUNTERS];
static double tracing, backend;
#define STATE vm_counters, PYPY, tracing, backend

/* The VM traces and, as it seems to itself, compiles: so many operations in so many ms. */
static void vm_compiles(uint64_t operations, unsigned ms)
{
	vm_counters[JIT_TRACING]++;
	vm_counters[JIT_BACKEND]++;
	vm_counters[JIT_OPT_OPS] += operations;
	tracing += ms / 2 / 1e3;
	backend += (ms - ms / 2) / 1e3;
}

static void vm_aborts(enum jit_counter counter)
{
	vm_counters[JIT_TRACING]++;
	vm_counters[counter]++;
	tracing += 0.001;
}

/* As long as the process: where the leak checker finds them. */
static jit_told *create(const char *name, JIT_TOLD_STATE)
{
	static jit_told *volatile all[4];
	static unsigned n;

	CHECK(n < 4);
	return all[n++] = jit_told_create(name, counters, ncounters, tracing, backend);
}

static jit_told *started(void)
{
	jit_told *told = create("unit", NULL, 0, 0, 0);

	CHECK(told);
	return told;
}

static void tell_loop(jit_told *told, uint64_t vm_no, const char *place)
{
	jit_told_compiled(told, STATE, JIT_TYPE_LOOP, vm_no, 0, place, 0x4000, 400);
}

static void tell_bridge(jit_told *told, uint64_t root, uint64_t vm_no)
{
	jit_told_compiled(told, STATE, JIT_TYPE_BRIDGE, root, vm_no, NULL, 0x5000, 50);
}

static struct jit_loop *loop(uint64_t no)
{
	struct jit_loop_row *row = jit_region_loop(no);

	CHECK(row);
	return &row->loop;
}

static const struct jit_abort *abort_row(uint32_t i)
{
	const char *rows = (const char *)jit_region + jit_region->aborts.offset;

	CHECK(i < jit_region->aborts.used);
	return &((const struct jit_abort_row *)(const void *)rows)[i].abort;
}

/* How often there were aborts by this counter, over all places. */
static uint64_t on_record(enum jit_counter counter)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < jit_region->aborts.used; i++)
		n += abort_row(i)->counter == counter ? abort_row(i)->count : 0;
	return n;
}

static void check_taken_over(void)
{
	for (unsigned i = 0; i < PYPY; i++)
		CHECK_EQ(unit_counter(i), vm_counters[i]);
}

/* ---- What there was before ------------------------------------------------------ */

TEST(what_was_before_is_taken_over_and_not_made_good)
{
	jit_told *told;

	for (unsigned i = 0; i < PYPY; i++)
		vm_counters[i] = 100 + i;
	tracing = 1.5;
	backend = 0.25;
	told = create("unit", STATE);
	CHECK(told);
	check_taken_over();
	CHECK_EQ(jit_totals()->times.tracing_ns, 1500000000);
	CHECK_EQ(jit_totals()->times.backend_ns, 250000000);
	jit_told_state(told, STATE);
	CHECK_EQ(jit_region->aborts.used, 0);
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 0);

	vm_compiles(30, 8);
	tell_loop(told, 1, "a.py:1 f");
	CHECK_EQ(loop(1)->operations, 30);
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 0);
	check_taken_over();
}

TEST(without_a_state_all_starts_at_zero)
{
	jit_told *told = started();

	for (unsigned i = 0; i < JIT_NCOUNTERS; i++)
		CHECK_EQ(unit_counter(i), 0);
	vm_compiles(12, 4);
	tell_loop(told, 0, "a.py:1 f");
	CHECK_EQ(loop(1)->operations, 12);
	check_taken_over();
}

/* ---- Compiles ----------------------------------------------------------------------- */

TEST(a_loop_is_on_record_as_told)
{
	jit_told *told = started();

	vm_compiles(77, 6);
	tell_loop(told, 9, "a.py:1 f");
	CHECK_EQ(loop(1)->type, JIT_TYPE_LOOP);
	CHECK_EQ(loop(1)->loop_no, 1);
	CHECK_EQ(loop(1)->parent_no, 0);
	CHECK_EQ(loop(1)->vm_no, 9);
	CHECK_EQ(loop(1)->asmaddr, 0x4000);
	CHECK_EQ(loop(1)->asmlen, 400);
	CHECK_EQ(loop(1)->operations, 77);
	CHECK_STR(loop(1)->greenkey, "a.py:1 f");
	CHECK(loop(1)->compile_ns >= 5999999 && loop(1)->compile_ns <= 6000001);

	vm_compiles(5, 2);
	jit_told_compiled(told, STATE, JIT_TYPE_ENTRY_BRIDGE, 10, 0, NULL, 0x6000, 60);
	CHECK_EQ(loop(2)->type, JIT_TYPE_ENTRY_BRIDGE);
	CHECK_EQ(loop(2)->operations, 5);
	CHECK_EQ(loop(2)->vm_no, 10);
	CHECK_STR(loop(2)->greenkey, "");
	/* The VM's counters say how many there are; ours would count them twice. */
	check_taken_over();
	CHECK_STR(jit_region->event.jitdriver, "unit");
}

TEST(a_bridge_finds_its_root_by_the_vms_number)
{
	jit_told *told = started();

	vm_compiles(10, 2);
	tell_loop(told, 0, "zero.py:1 f"); /* 0 is a number like any other */
	vm_compiles(10, 2);
	tell_loop(told, 7, "seven.py:1 g");
	vm_compiles(4, 2);
	tell_bridge(told, 0, 0x7f0012345678);
	vm_compiles(3, 2);
	tell_bridge(told, 7, 0x7f0012345688);

	CHECK_EQ(loop(3)->type, JIT_TYPE_BRIDGE);
	CHECK_EQ(loop(3)->parent_no, 1);
	CHECK_EQ(loop(3)->loop_no, 1);
	CHECK_EQ(loop(3)->vm_no, 0x7f0012345678);
	CHECK_EQ(loop(3)->operations, 4);
	CHECK_STR(loop(3)->greenkey, "zero.py:1 f");
	CHECK_EQ(loop(4)->parent_no, 2);
	CHECK_STR(loop(4)->greenkey, "seven.py:1 g");
}

TEST(a_bridge_of_a_loop_that_was_not_told_has_no_parent)
{
	jit_told *told = started();

	vm_compiles(4, 2);
	tell_bridge(told, 5, 0x7f0012345678);
	CHECK_EQ(loop(1)->type, JIT_TYPE_BRIDGE);
	CHECK_EQ(loop(1)->parent_no, 0);
	CHECK_STR(loop(1)->greenkey, "");
}

TEST(of_two_loops_with_one_number_the_last_is_the_root)
{
	jit_told *told = started();

	vm_compiles(10, 2);
	tell_loop(told, 3, "old.py:1 f");
	vm_compiles(10, 2);
	tell_loop(told, 3, "new.py:1 f");
	vm_compiles(4, 2);
	tell_bridge(told, 3, 0x7f0012345678);
	CHECK_EQ(loop(3)->parent_no, 2);
	CHECK_STR(loop(1)->greenkey, "old.py:1 f");
}

TEST(compiles_not_told_are_counted_once)
{
	jit_told *told = started();

	for (int i = 0; i < 4; i++)
		vm_compiles(10, 2);
	tell_loop(told, 1, "a.py:1 f"); /* three before it were not */
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 3);
	/* Whose the operations and the time are cannot be known. */
	CHECK_EQ(loop(1)->operations, 0);
	CHECK_EQ(loop(1)->compile_ns, 0);

	vm_compiles(6, 2);
	tell_loop(told, 2, "a.py:2 f");
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 3);
	CHECK_EQ(loop(2)->operations, 6);

	vm_compiles(6, 2);
	jit_told_state(told, STATE);
	jit_told_state(told, STATE);
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 4);
	check_taken_over();
}

TEST(the_time_of_another_trace_is_not_the_loops)
{
	jit_told *told = started();

	vm_aborts(JIT_ABORT_ESCAPE); /* not told: two traces, one of them compiled */
	vm_compiles(9, 2);
	tell_loop(told, 1, "a.py:1 f"); /* number 2: the abort took one */
	CHECK_EQ(loop(2)->operations, 9);
	CHECK_EQ(loop(2)->compile_ns, 0);
	CHECK_EQ(on_record(JIT_ABORT_ESCAPE), 1);
}

TEST(an_older_vm_has_fewer_counters_and_a_newer_one_more)
{
	jit_told *told = started();
	uint64_t many[JIT_NCOUNTERS + 4];

	vm_compiles(9, 2);
	jit_told_compiled(told, vm_counters, JIT_TRACING + 1, tracing, backend, JIT_TYPE_LOOP, 1, 0,
			  "a.py:1 f", 0x4000, 400);
	CHECK_EQ(unit_counter(JIT_TRACING), 1);
	CHECK_EQ(unit_counter(JIT_OPT_OPS), 0);
	CHECK_EQ(loop(1)->operations, 0);
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 0);

	for (unsigned i = 0; i < JIT_NCOUNTERS + 4; i++)
		many[i] = i < PYPY ? vm_counters[i] : 1000;
	jit_told_state(told, many, JIT_NCOUNTERS + 4, tracing, backend);
	check_taken_over();
	for (unsigned i = PYPY; i < JIT_NCOUNTERS; i++)
		CHECK_EQ(unit_counter(i), i == JIT_HOOKS_SUPPRESSED);
	/* Nor did the surplus go anywhere else. */
	vm_aborts(JIT_ABORT_TOO_LONG);
	jit_told_state(told, STATE);
	CHECK_EQ(on_record(JIT_ABORT_TOO_LONG), 1);
}

/* ---- Aborts --------------------------------------------------------------------------- */

TEST(an_abort_is_on_record_as_told)
{
	jit_told *told = started();

	vm_aborts(JIT_ABORT_TOO_LONG);
	jit_told_aborted(told, STATE, JIT_ABORT_TOO_LONG, "ABORT_TOO_LONG", "a.py:1 f", 6001);
	CHECK_EQ(jit_region->aborts.used, 1);
	CHECK_EQ(abort_row(0)->count, 1);
	CHECK_EQ(abort_row(0)->counter, JIT_ABORT_TOO_LONG);
	CHECK_EQ(abort_row(0)->reason_id, JIT_ABORT_TOO_LONG);
	CHECK_STR(abort_row(0)->reason, "ABORT_TOO_LONG");
	CHECK_STR(abort_row(0)->greenkey, "a.py:1 f");
	check_taken_over();
}

TEST(one_abort_told_twice_is_one)
{
	jit_told *told = started();

	vm_aborts(JIT_ABORT_TOO_LONG);
	jit_told_aborted(told, STATE, JIT_ABORT_TOO_LONG, "ABORT_TOO_LONG", "a.py:1 f", 6001);
	jit_told_aborted(told, STATE, JIT_ABORT_TOO_LONG, "ABORT_TOO_LONG", "a.py:9 g", 0);
	CHECK_EQ(jit_region->aborts.used, 1);
	CHECK_EQ(on_record(JIT_ABORT_TOO_LONG), 1);

	vm_aborts(JIT_ABORT_TOO_LONG);
	jit_told_aborted(told, STATE, JIT_ABORT_TOO_LONG, "ABORT_TOO_LONG", "a.py:9 g", 0);
	CHECK_EQ(jit_region->aborts.used, 2);
	CHECK_STR(abort_row(1)->greenkey, "a.py:9 g");
	CHECK_EQ(on_record(JIT_ABORT_TOO_LONG), 2);
}

TEST(aborts_not_told_go_on_record_without_a_place)
{
	jit_told *told = started();

	for (int i = 0; i < 4; i++)
		vm_aborts(JIT_ABORT_SEGMENTED_TRACE);
	vm_aborts(JIT_ABORT_BAD_LOOP);
	vm_aborts(JIT_ABORT_TOO_LONG);
	vm_aborts(JIT_ABORT_TOO_LONG);
	/* Of those by the same counter the last is the one told. */
	jit_told_aborted(told, STATE, JIT_ABORT_TOO_LONG, "ABORT_TOO_LONG", "a.py:1 f", 6001);
	CHECK_EQ(on_record(JIT_ABORT_SEGMENTED_TRACE), 4);
	CHECK_EQ(on_record(JIT_ABORT_BAD_LOOP), 1);
	CHECK_EQ(on_record(JIT_ABORT_TOO_LONG), 2);
	for (uint32_t i = 0; i < jit_region->aborts.used; i++) {
		const struct jit_abort *a = abort_row(i);

		CHECK_STR(a->reason, jit_counter_name(a->counter));
		if (strcmp(a->greenkey, "a.py:1 f"))
			CHECK_STR(a->greenkey, "(place not told)");
	}
	CHECK_EQ(jit_region->aborts.used, 4);

	jit_told_state(told, STATE);
	CHECK_EQ(jit_region->aborts.used, 4);
	CHECK_EQ(on_record(JIT_ABORT_SEGMENTED_TRACE), 4);
	check_taken_over();
}

TEST(every_abort_counter_is_made_good)
{
	jit_told *told = started();

	for (unsigned c = JIT_ABORT_TOO_LONG; c <= JIT_ABORT_SEGMENTED_TRACE; c++)
		for (unsigned i = JIT_ABORT_TOO_LONG; i <= c; i++)
			vm_aborts(c);
	jit_told_state(told, STATE);
	for (unsigned c = JIT_ABORT_TOO_LONG; c <= JIT_ABORT_SEGMENTED_TRACE; c++)
		CHECK_EQ(on_record(c), c - JIT_ABORT_TOO_LONG + 1);
	check_taken_over();
	CHECK_EQ(unit_counter(JIT_ABORT_OTHER), 0);
}

TEST(a_reason_that_the_vm_has_no_counter_for_is_ours_to_count)
{
	jit_told *told = started();

	for (unsigned i = 1; i <= 3; i++) {
		jit_told_aborted(told, STATE, JIT_ABORT_OTHER, "ABORT_OF_TOMORROW", "a.py:1 f", 5);
		CHECK_EQ(unit_counter(JIT_ABORT_OTHER), i);
	}
	CHECK_EQ(jit_region->aborts.used, 1);
	CHECK_EQ(on_record(JIT_ABORT_OTHER), 3);
	CHECK_STR(abort_row(0)->reason, "ABORT_OF_TOMORROW");
	/* What is no abort at all does not do harm either. */
	jit_told_aborted(told, STATE, JIT_TRACING, "nonsense", NULL, 5);
	jit_told_aborted(told, STATE, 12345, NULL, NULL, 5);
	CHECK_EQ(unit_counter(JIT_ABORT_OTHER), 5);
	CHECK_EQ(on_record(JIT_ABORT_OTHER), 5);
}

TEST(a_state_that_comes_late_makes_nothing_good_again)
{
	jit_told *told = started();
	uint64_t late[PYPY];

	vm_aborts(JIT_ABORT_BAD_LOOP);
	vm_compiles(5, 2);
	memcpy(late, vm_counters, sizeof(late));
	vm_aborts(JIT_ABORT_BAD_LOOP);
	vm_compiles(5, 2);
	jit_told_state(told, STATE);
	jit_told_state(told, late, PYPY, tracing, backend); /* from another thread */
	jit_told_state(told, STATE);
	CHECK_EQ(on_record(JIT_ABORT_BAD_LOOP), 2);
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 2);
	check_taken_over();
}

/* ---- Hooks, probes, threads, children ------------------------------------------------- */

TEST(time_in_hooks_of_the_program_is_not_the_traces)
{
	jit_told *told = started();
	uint64_t hooks;

	vm_compiles(5, 2);
	tell_loop(told, 1, "a.py:1 f");
	jit_told_hook_start(told);
	unit_spin(3000000);
	jit_told_hook_end(told, 0);
	hooks = jit_totals()->times.hooks_ns;
	CHECK(hooks >= 3000000);
	CHECK_EQ(unit_counter(JIT_HOOK_ERRORS), 0);

	/* The VM bills it to TRACING, beside the 2 ms of the next loop. */
	tracing += (double)hooks / 1e9;
	vm_compiles(5, 2);
	tell_loop(told, 2, "a.py:2 f");
	CHECK(loop(2)->compile_ns <= 2000000);

	jit_told_hook_start(told);
	jit_told_hook_end(told, 1);
	CHECK_EQ(unit_counter(JIT_HOOK_ERRORS), 1);
	vm_compiles(5, 2);
	tell_loop(told, 3, "a.py:3 f");
	CHECK_EQ(unit_counter(JIT_HOOK_ERRORS), 1);
}

TEST(each_kind_of_telling_is_one_event)
{
	struct jit_event *e;
	jit_told *told = started();

	e = &jit_region->event;
	jit_compile_semaphore++;
	jit_abort_semaphore++;
	jit_update_semaphore++;
	vm_compiles(5, 2);
	tell_loop(told, 1, "a.py:1 f");
	CHECK_EQ(e->seq, 1);
	CHECK_EQ(e->probe, JIT_PROBE_COMPILE);
	CHECK_EQ(e->trace_no, 1);
	CHECK_EQ(e->totals.counters.BACKEND, 1);
	CHECK_STR(e->loop.greenkey, "a.py:1 f");

	vm_aborts(JIT_ABORT_ESCAPE);
	jit_told_aborted(told, STATE, JIT_ABORT_ESCAPE, "ABORT_ESCAPE", "a.py:2 f", 7);
	CHECK_EQ(e->seq, 2);
	CHECK_EQ(e->probe, JIT_PROBE_ABORT);
	CHECK_EQ(e->totals.counters.ABORT_ESCAPE, 1);
	CHECK_EQ(e->ops_before, 7);

	/* Two were not told: an event each, and the update has the totals. */
	vm_aborts(JIT_ABORT_ESCAPE);
	vm_aborts(JIT_ABORT_ESCAPE);
	jit_told_state(told, STATE);
	CHECK_EQ(e->seq, 5);
	CHECK_EQ(e->probe, JIT_PROBE_UPDATE);
	CHECK_EQ(e->totals.counters.ABORT_ESCAPE, 3);
	jit_told_state(told, STATE);
	CHECK_EQ(e->seq, 6);
	jit_compile_semaphore--;
	jit_abort_semaphore--;
	jit_update_semaphore--;
}

#define THREADS 4
#define EACH 3000

static jit_told *shared;
static pthread_mutex_t vm_lock = PTHREAD_MUTEX_INITIALIZER;

/* The VM's own lock guards its figures, not the telling: that may come late. */
static void *abort_some(void *arg)
{
	uint64_t seen[PYPY];
	double spent;

	(void)arg;
	for (int i = 0; i < EACH; i++) {
		pthread_mutex_lock(&vm_lock);
		vm_aborts(JIT_ABORT_BRIDGE);
		memcpy(seen, vm_counters, sizeof(seen));
		spent = tracing;
		pthread_mutex_unlock(&vm_lock);
		if (i % 3)
			jit_told_aborted(shared, seen, PYPY, spent, 0, JIT_ABORT_BRIDGE,
					 "ABORT_BRIDGE", "a.py:1 f", 1);
		else if (i % 2)
			jit_told_state(shared, seen, PYPY, spent, 0);
	}
	return NULL;
}

TEST(any_thread_tells_and_every_abort_is_one)
{
	pthread_t threads[THREADS];

	shared = started();
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, abort_some, NULL));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	jit_told_state(shared, STATE);
	CHECK_EQ(on_record(JIT_ABORT_BRIDGE), THREADS * EACH);
	check_taken_over();
}

static bool enough;

static void *tell_on(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		jit_told_state(shared, STATE);
	return NULL;
}

/* Forked while another thread is in the library, most of the time with its lock. */
TEST(a_child_can_tell_whoever_told_when_it_was_forked)
{
	pthread_t thread;

	if (WITH_TSAN)
		unit_skip("TSan dislikes threads and fork together");
	shared = started();
	CHECK(!pthread_create(&thread, NULL, tell_on, NULL));
	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();
		int status;

		CHECK(pid >= 0);
		if (!pid) {
			alarm(20);
			vm_compiles(5, 2);
			tell_loop(shared, 1, "a.py:1 f");
			_exit(unit_counter(JIT_BACKEND) == 1 ? 0 : 1);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
	}
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CHECK_EQ(unit_counter(JIT_BACKEND), 0);
}

TEST(runs_are_those_that_the_vm_has_counted)
{
	static const uint64_t numbers[] = {7, 9, 7000000000000}, runs[] = {100, 200, 300};
	static const uint64_t again[] = {150};
	jit_told *told = started();

	vm_compiles(5, 2);
	tell_loop(told, 7, "a.py:1 f"); /* ours is 1 */
	vm_compiles(5, 2);
	tell_bridge(told, 7, 9); /* a bridge may have the number of a loop */
	vm_compiles(5, 2);
	tell_loop(told, 9, "a.py:2 g");
	vm_compiles(5, 2);
	tell_bridge(told, 7, 7000000000000);

	CHECK_EQ(jit_region->counting, 0);
	jit_told_runs(told, JIT_TYPE_LOOP, numbers, runs, 3); /* of the third nothing is known */
	CHECK_EQ(jit_region->counting, JIT_RUNS_MEMORY);
	CHECK_EQ(unit_runs(1), 100);
	CHECK_EQ(unit_runs(2), 0);
	CHECK_EQ(unit_runs(3), 200);
	CHECK_EQ(unit_runs(4), 0);
	jit_told_runs(told, JIT_TYPE_BRIDGE, numbers, runs, 3);
	CHECK_EQ(unit_runs(1), 100);
	CHECK_EQ(unit_runs(2), 200);
	CHECK_EQ(unit_runs(3), 200);
	CHECK_EQ(unit_runs(4), 300);
	jit_told_runs(told, JIT_TYPE_LOOP, numbers, again, 1); /* absolute, not more */
	CHECK_EQ(unit_runs(1), 150);
	CHECK_EQ(unit_runs(3), 200);

	/* Another has the number now; the first keeps what it had. */
	vm_compiles(5, 2);
	tell_loop(told, 7, "a.py:9 h");
	jit_told_runs(told, JIT_TYPE_LOOP, numbers, runs, 1);
	CHECK_EQ(unit_runs(1), 150);
	CHECK_EQ(unit_runs(5), 100);
	CHECK_EQ(*jit_slot_runs(JIT_RUNS_OVERFLOW), 0);
}

void suite_told(void)
{
	unit_suite("told");
	ADD(what_was_before_is_taken_over_and_not_made_good);
	ADD(without_a_state_all_starts_at_zero);
	ADD(a_loop_is_on_record_as_told);
	ADD(a_bridge_finds_its_root_by_the_vms_number);
	ADD(a_bridge_of_a_loop_that_was_not_told_has_no_parent);
	ADD(of_two_loops_with_one_number_the_last_is_the_root);
	ADD(compiles_not_told_are_counted_once);
	ADD(the_time_of_another_trace_is_not_the_loops);
	ADD(an_older_vm_has_fewer_counters_and_a_newer_one_more);
	ADD(an_abort_is_on_record_as_told);
	ADD(one_abort_told_twice_is_one);
	ADD(aborts_not_told_go_on_record_without_a_place);
	ADD(every_abort_counter_is_made_good);
	ADD(a_reason_that_the_vm_has_no_counter_for_is_ours_to_count);
	ADD(a_state_that_comes_late_makes_nothing_good_again);
	ADD(time_in_hooks_of_the_program_is_not_the_traces);
	ADD(each_kind_of_telling_is_one_event);
	ADD(any_thread_tells_and_every_abort_is_one);
	ADD(a_child_can_tell_whoever_told_when_it_was_forked);
	ADD(runs_are_those_that_the_vm_has_counted);
}
