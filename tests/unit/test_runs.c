/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_runs.c - loop runs are counted as is wished, in slots of the process's own memory
 * and in an observer's map, and nothing is lost where they move.
 */
#include <errno.h>
#include <stdlib.h>

#include <jithooks/probes.h>

#include "counting.h"

/* ---- How ------------------------------------------------------------------------- */

TEST(the_wish_is_one_word)
{
	const volatile uint32_t *wish = jit_runs_wish();
	uintptr_t at = (uintptr_t)wish;

	CHECK_EQ(at % 4, 0);
	CHECK_EQ(*wish, 0);
	observer_attach(1);
	CHECK(*wish != 0);
	observer_attach(-1);
	CHECK_EQ(*wish, 0);
	attach_to_loop_run(1);
	CHECK(*wish != 0);
	CHECK_EQ((uintptr_t)&jit_loop__run_semaphore, at);
	CHECK_EQ((uintptr_t)&jit_runs_semaphore, at + 2);
}

TEST(a_vm_counts_as_program_and_observers_wish)
{
	struct told t = {.how = 99}, other = {0};
	jit_vm *vm = vm_that_counts(&t), *second = vm_that_counts(&other);

	CHECK(!setenv("JITHOOKS_RUNS_DIR", "/nonexistent", 1)); /* too late: it is not asked */
	CHECK_EQ(jit_runs_update(vm), 0);
	CHECK_EQ(t.calls, 0); /* nothing new */
	CHECK_EQ(jit_enable_debug(vm), 0);
	CHECK_EQ(t.how, JIT_RUNS_MEMORY);
	CHECK_EQ(jit_region->counting, JIT_RUNS_MEMORY);
	CHECK_EQ(jit_enable_debug(vm), 0);
	CHECK_EQ(t.calls, 1);

	attach_to_loop_run(1);
	CHECK_EQ(jit_runs_update(second), JIT_RUNS_MEMORY | JIT_RUNS_PROBE);
	CHECK_EQ(other.how, JIT_RUNS_MEMORY | JIT_RUNS_PROBE);
	CHECK_EQ(jit_region->counting, JIT_RUNS_MEMORY | JIT_RUNS_PROBE);
	CHECK_EQ(t.how, JIT_RUNS_MEMORY); /* at its own safe point */
	CHECK_EQ(jit_disable_debug(vm), 0);
	CHECK_EQ(t.how, JIT_RUNS_MEMORY | JIT_RUNS_PROBE); /* it is wished still */
	attach_to_loop_run(-1);
	CHECK_EQ(jit_runs_update(vm), 0);
	CHECK_EQ(t.calls, 3);
	CHECK_EQ(t.how, 0);
	CHECK_EQ(jit_region->counting, JIT_RUNS_MEMORY | JIT_RUNS_PROBE);
	jit_vm_destroy(second);
	CHECK_EQ(jit_region->counting, 0);
	jit_vm_destroy(vm);
}

TEST(a_vm_that_fails_to_count_is_told_again)
{
	struct told t = {.err = -EIO};
	jit_vm *vm = vm_that_counts(&t);

	CHECK_EQ(jit_enable_debug(vm), -EIO);
	CHECK_EQ(jit_runs_update(vm), 0); /* it was not enabled */
	CHECK_EQ(t.calls, 1);
	attach_to_loop_run(1);
	CHECK_EQ(jit_runs_update(vm), 0);
	CHECK_EQ(t.calls, 2);
	CHECK_EQ(jit_region->counting, 0);
	t.err = 0;
	CHECK_EQ(jit_runs_update(vm), JIT_RUNS_MEMORY | JIT_RUNS_PROBE);
	CHECK_EQ(t.calls, 3);
	jit_vm_destroy(vm);
}

TEST(the_environment_makes_every_vm_count)
{
	struct told t = {0};
	jit_vm *vm;

	CHECK(!setenv("JITHOOKS_COUNT_RUNS", "1", 1));
	vm = vm_that_counts(&t);
	CHECK_EQ(jit_runs_update(vm), JIT_RUNS_MEMORY);
	CHECK_EQ(t.how, JIT_RUNS_MEMORY);
	CHECK_EQ(jit_enable_debug(vm), 0);
	CHECK_EQ(jit_disable_debug(vm), 0);
	CHECK_EQ(t.calls, 1);
	jit_vm_destroy(vm);
}

/* ---- Since when ------------------------------------------------------------------- */

static const struct jit_event *event(void)
{
	return &jit_region->event;
}

TEST(what_is_counted_from_its_first_run_on_is_complete)
{
	struct told t = {0};
	jit_vm *vm = vm_that_counts(&t);
	uint64_t since;

	CHECK_EQ(jit_runs_update(vm), 0);
	CHECK_EQ(event()->runs_since_ns, 0);
	unit_loop(vm);
	attach_to_loop_run(1);
	CHECK_EQ(jit_runs_update(vm), JIT_RUNS_MEMORY | JIT_RUNS_PROBE); /* before it can run */
	since = event()->runs_since_ns;
	CHECK(since && since <= jit_now());
	unit_loop(vm);
	jit_runs_update(vm);
	CHECK_EQ(event()->runs_since_ns, since);
	CHECK_EQ(event()->runs_missed, 0);
	jit_vm_destroy(vm);
	CHECK_EQ(event()->runs_missed, 0); /* its code cannot run any more */
}

TEST(code_from_before_was_not_counted_from_its_first_run_on)
{
	struct told t = {0};
	jit_vm *vm = vm_that_counts(&t);

	unit_loop(vm);
	CHECK_EQ(jit_runs_update(vm), 0);
	attach_to_loop_run(1);
	jit_runs_update(vm);
	CHECK_EQ(event()->runs_missed, JIT_RUNS_LATE);
	jit_vm_destroy(vm);
}

TEST(the_program_may_be_late_as_well)
{
	struct told t = {0};
	jit_vm *vm = vm_that_counts(&t);

	unit_loop(vm);
	CHECK_EQ(jit_enable_debug(vm), 0);
	CHECK_EQ(event()->runs_missed, JIT_RUNS_LATE);
	jit_vm_destroy(vm);
}

TEST(what_is_not_counted_meanwhile_is_a_gap)
{
	struct told t = {0}, other = {0};
	jit_vm *vm = vm_that_counts(&t), *second = vm_that_counts(&other);
	uint64_t since;

	CHECK_EQ(jit_enable_debug(vm), 0);
	since = event()->runs_since_ns;
	CHECK_EQ(jit_disable_debug(vm), 0);
	CHECK_EQ(event()->runs_missed, 0); /* there was nothing to count */
	CHECK_EQ(jit_enable_debug(vm), 0);
	unit_loop(vm);
	CHECK_EQ(event()->runs_missed, 0);
	unit_loop(second);
	CHECK_EQ(jit_runs_update(second), 0);
	CHECK_EQ(jit_enable_debug(second), 0);
	CHECK_EQ(event()->runs_missed, JIT_RUNS_GAPS);
	CHECK_EQ(jit_disable_debug(vm), 0);
	CHECK_EQ(jit_enable_debug(vm), 0);
	CHECK_EQ(event()->runs_missed, JIT_RUNS_GAPS);
	CHECK_EQ(event()->runs_since_ns, since);
	jit_vm_destroy(vm);
	jit_vm_destroy(second);
}

TEST(to_stop_is_a_gap_at_once)
{
	struct told t = {0};
	jit_vm *vm = vm_that_counts(&t);

	CHECK_EQ(jit_enable_debug(vm), 0);
	unit_loop(vm);
	CHECK_EQ(jit_disable_debug(vm), 0);
	CHECK_EQ(event()->runs_missed, JIT_RUNS_GAPS);
	jit_vm_destroy(vm);
}

/* ---- Slots ----------------------------------------------------------------------- */

TEST(every_vm_has_pages_of_its_own)
{
	static const jit_vm *owner[64];
	jit_vm *vms[3];
	uint32_t page;

	for (int i = 0; i < 3; i++)
		vms[i] = unit_vm();
	for (int i = 0; i < 6000; i++) {
		page = slot_of(unit_loop(vms[i % 3])) / in_page();
		CHECK(page > 0 && page < 64); /* that of the overflow is the process's */
		CHECK(!owner[page] || owner[page] == vms[i % 3]);
		owner[page] = vms[i % 3];
	}
	for (int i = 0; i < 3; i++)
		jit_vm_destroy(vms[i]);
}

TEST(slots_of_freed_loops_are_used_again_by_the_same_vm)
{
	jit_vm *vm = unit_vm(), *other = unit_vm();
	uint64_t loops[1000], no;
	uint32_t most = 0;

	for (int i = 0; i < 1000; i++) {
		loops[i] = unit_loop(vm);
		run(jit_run_count(vm, loops[i]), 7);
		most = slot_of(loops[i]) > most ? slot_of(loops[i]) : most;
	}
	most |= in_page() - 1; /* the last of its page */
	for (int i = 0; i < 1000; i++)
		jit_trace_freed(vm, loops[i]);
	for (int i = 0; i < 1000; i++) {
		CHECK(slot_of(unit_loop(other)) > most);
		no = unit_loop(vm);
		CHECK(slot_of(no) <= most);
		CHECK_EQ(*jit_run_count(vm, no), 0); /* starts anew */
	}
	jit_vm_destroy(vm);
	jit_vm_destroy(other);
}

/* A program that makes VM after VM, as threads come and go. */
TEST(pages_of_vms_that_are_gone_are_used_again)
{
	for (int i = 0; i < 3000; i++) {
		jit_vm *vm = unit_vm();
		uint64_t no = unit_loop(vm);

		CHECK(slot_of(no) != JIT_RUNS_OVERFLOW);
		jit_trace_freed(vm, no);
		jit_vm_destroy(vm);
	}
	CHECK(jit_region->runs.used <= 4 * in_page());
}

TEST(loops_without_a_slot_count_in_the_overflow)
{
	jit_vm *vm = unit_vm();
	uint64_t *overflow = jit_run_count(vm, 12345); /* is not on record */

	CHECK(overflow);
	run(overflow, 3);
	CHECK_EQ(overflowed(), 3);
	CHECK(jit_run_count(vm, unit_loop(vm)) != overflow);
	CHECK(jit_run_count(vm, 12345) == overflow);
	jit_vm_destroy(vm);
}

/* ---- Into a map and back ---------------------------------------------------------- */

TEST(counts_move_into_a_map_and_back)
{
	struct told t = {0};
	struct observer o;
	uint64_t loops[20], seq;
	jit_vm *vm;

	observer_directory();
	observer_start(&o, 77, PLENTY);
	vm = vm_that_counts(&t);
	for (uint64_t i = 0; i < 20; i++) {
		loops[i] = unit_loop(vm);
		run(jit_run_count(vm, loops[i]), i);
	}
	CHECK_EQ(jit_runs_update(vm), 0);
	CHECK_EQ(o.requests, 0); /* nobody has wished anything */
	seq = jit_region->event.seq;
	observer_attach(1);
	errno = 1234;
	CHECK_EQ(jit_runs_update(vm), JIT_RUNS_MEMORY);
	CHECK_EQ(errno, 1234);
	CHECK_EQ(t.how, JIT_RUNS_MEMORY);
	CHECK_EQ(o.requests, 1);
	CHECK_EQ(o.last.instance, jit_region->instance);
	CHECK_EQ(o.last.session, 0);
	CHECK(o.last.slots >= 2 * in_page());
	CHECK_EQ(o.last.slots % in_page(), 0);
	CHECK_EQ(jit_region->runs_session, 77);
	CHECK_EQ(jit_region->runs_mapped, o.told.slots);
	CHECK_EQ(jit_region->event.seq, seq + 1);
	CHECK_EQ(jit_region->event.probe, JIT_PROBE_RUNS);

	for (uint64_t i = 0; i < 20; i++) {
		CHECK_EQ(in_map(&o, loops[i]), i); /* what was counted before */
		run(jit_run_count(vm, loops[i]), 100);
		CHECK_EQ(in_map(&o, loops[i]), 100 + i);
		CHECK_EQ(unit_runs(loops[i]), 100 + i);
	}
	CHECK_EQ(jit_runs_update(vm), JIT_RUNS_MEMORY);
	CHECK_EQ(o.requests, 1);
	CHECK_EQ(t.calls, 1);

	observer_attach(-1);
	CHECK_EQ(jit_runs_update(vm), 0);
	CHECK_EQ(t.how, 0);
	CHECK_EQ(jit_region->runs_session, 0);
	CHECK_EQ(jit_region->runs_mapped, 0);
	for (uint64_t i = 0; i < 20; i++) {
		CHECK_EQ(unit_runs(loops[i]), 100 + i);
		run(jit_run_count(vm, loops[i]), 1000);
		CHECK_EQ(in_map(&o, loops[i]), 100 + i); /* it is not ours any more */
		CHECK_EQ(unit_runs(loops[i]), 1100 + i);
	}
	end_watched(vm, &o);
}

TEST(addresses_stay_while_the_memory_changes)
{
	struct told t = {0};
	struct observer o;
	uint64_t *count, no;
	jit_vm *vm;

	observer_directory();
	observer_start(&o, 1, PLENTY);
	vm = vm_that_counts(&t);
	no = unit_loop(vm);
	count = jit_run_count(vm, no);
	for (uint64_t i = 0; i < 50; i++) {
		observer_attach(i % 2 ? -1 : 1);
		jit_runs_update(vm);
		run(count, 10);
		CHECK(jit_run_count(vm, no) == count);
		CHECK_EQ(unit_runs(no), 10 * i + 10);
	}
	end_watched(vm, &o);
}

TEST(slots_that_are_taken_while_the_map_is_there_start_at_zero)
{
	struct told t = {0};
	struct observer o;
	uint64_t first, second;
	jit_vm *vm;

	observer_directory();
	observer_start(&o, 1, PLENTY);
	vm = vm_that_counts(&t);
	observer_attach(1);
	jit_runs_update(vm);
	first = unit_loop(vm);
	jit_runs_update(vm);
	CHECK_EQ(o.requests, 1); /* pages that were nobody's came along */
	run(jit_run_count(vm, first), 5);
	CHECK_EQ(in_map(&o, first), 5);
	jit_trace_freed(vm, first);
	second = unit_loop(vm);
	CHECK_EQ(in_map(&o, second), 0);
	run(jit_run_count(vm, second), 6);
	CHECK_EQ(in_map(&o, second), 6);
	end_watched(vm, &o);
}

TEST(a_map_that_gets_too_small_is_exchanged_for_a_larger)
{
	struct told t = {0};
	struct observer o;
	uint64_t loops[20000];
	uint32_t slots;
	jit_vm *vm;

	observer_directory();
	observer_start(&o, 1, PLENTY);
	vm = vm_that_counts(&t);
	observer_attach(1);
	for (uint64_t i = 0; i < 20000; i++) {
		loops[i] = unit_loop(vm);
		jit_runs_update(vm);
		run(jit_run_count(vm, loops[i]), i % 10);
	}
	slots = jit_region->runs_mapped;
	CHECK(slots > 20000);
	CHECK(o.requests < 10);
	CHECK_EQ(o.last.session, 1); /* it had one */
	for (uint64_t i = 0; i < 20000; i++)
		CHECK_EQ(in_map(&o, loops[i]), i % 10);
	CHECK_EQ(overflowed(), 0);
	CHECK_EQ(t.calls, 1);
	end_watched(vm, &o);
}

TEST(loops_beyond_the_map_count_in_the_overflow)
{
	struct told t = {0};
	uint64_t loops[5000], n = 0;
	struct observer o;
	uint32_t limit = 4 * in_page();
	jit_vm *vm;

	if (in_page() > 1000)
		unit_skip("needs pages of 4096 bytes");
	observer_directory();
	observer_start(&o, 1, limit);
	vm = vm_that_counts(&t);
	CHECK_EQ(jit_enable_debug(vm), 0);
	for (uint64_t i = 0; i < 5000; i++) {
		loops[i] = unit_loop(vm);
		run(jit_run_count(vm, loops[i]), 2);
	}
	observer_attach(1);
	CHECK_EQ(t.calls, 1);
	CHECK_EQ(jit_runs_update(vm), JIT_RUNS_MEMORY);
	CHECK_EQ(t.calls, 2); /* to ask anew where each counts */
	CHECK_EQ(jit_region->runs_mapped, limit);
	jit_runs_update(vm);
	CHECK_EQ(o.requests, 1); /* not again so soon */
	for (uint64_t i = 0; i < 5000; i++) {
		run(jit_run_count(vm, loops[i]), 3);
		if (slot_of(loops[i]) < limit) {
			CHECK_EQ(in_map(&o, loops[i]), 5);
			CHECK_EQ(unit_runs(loops[i]), 5);
		} else {
			CHECK_EQ(unit_runs(loops[i]), 2); /* its own, as far as it had one */
			n++;
		}
	}
	CHECK_EQ(n, 5000 - 3 * in_page());
	CHECK_EQ(overflowed(), 3 * n);
	CHECK_EQ(observer_runs(&o, jit_region->instance, JIT_RUNS_OVERFLOW), 3 * n);

	/* A loop that is compiled now has no better place. */
	loops[0] = unit_loop(vm);
	jit_runs_update(vm);
	run(jit_run_count(vm, loops[0]), 1);
	CHECK_EQ(overflowed(), 3 * n + 1);
	CHECK_EQ(t.calls, 2);

	observer_attach(-1);
	CHECK_EQ(jit_runs_update(vm), JIT_RUNS_MEMORY);
	CHECK_EQ(t.calls, 3);
	run(jit_run_count(vm, loops[4999]), 1);
	CHECK_EQ(unit_runs(loops[4999]), 3);
	CHECK_EQ(overflowed(), 3 * n + 1);
	end_watched(vm, &o);
}

TEST(a_larger_observer_takes_what_was_beyond_the_first)
{
	struct told t = {0};
	struct observer small, large;
	uint32_t limit = 2 * in_page();
	uint64_t first, last = 0;
	jit_vm *vm;

	observer_directory();
	observer_start(&small, 1, limit);
	vm = vm_that_counts(&t);
	first = unit_loop(vm);
	while (!last || slot_of(last) < limit)
		last = unit_loop(vm);
	observer_attach(1);
	jit_runs_update(vm);
	CHECK_EQ(jit_region->runs_session, 1);
	run(jit_run_count(vm, first), 10);
	run(jit_run_count(vm, last), 10);
	observer_stop(&small); /* dies: the kernel takes its semaphore back */
	observer_start(&large, 2, PLENTY);
	jit_runs_semaphore = 2; /* or some other number than before */
	CHECK_EQ(jit_runs_update(vm), JIT_RUNS_MEMORY);
	CHECK_EQ(jit_region->runs_session, 2);
	CHECK_EQ(in_map(&large, first), 10);
	CHECK_EQ(in_map(&large, last), 0);
	run(jit_run_count(vm, last), 5);
	CHECK_EQ(in_map(&large, last), 5);
	CHECK_EQ(overflowed(), 10);
	end_watched(vm, &large);
}

TEST(a_smaller_map_after_a_larger)
{
	struct told t = {0};
	struct observer large, small;
	uint32_t limit = 2 * in_page();
	uint64_t last = 0;
	jit_vm *vm;

	observer_directory();
	observer_start(&large, 1, PLENTY);
	vm = vm_that_counts(&t);
	while (!last || slot_of(last) < limit)
		last = unit_loop(vm);
	observer_attach(1);
	jit_runs_update(vm);
	run(jit_run_count(vm, last), 10);
	CHECK_EQ(in_map(&large, last), 10);
	observer_start(&small, 2, limit);
	large.limit = 0;
	observer_attach(1);
	jit_runs_update(vm);
	CHECK_EQ(jit_region->runs_session, 2);
	run(jit_run_count(vm, last), 10);
	CHECK_EQ(in_map(&large, last), 10); /* nothing of it is written to any more */
	CHECK_EQ(unit_runs(last), 10);
	CHECK_EQ(overflowed(), 10);
	jit_vm_destroy(vm);
	observer_stop(&large);
	observer_stop(&small);
	observer_remove_directory();
}

void suite_runs(void)
{
	unit_suite("runs");
	ADD(the_wish_is_one_word);
	ADD(a_vm_counts_as_program_and_observers_wish);
	ADD(a_vm_that_fails_to_count_is_told_again);
	ADD(the_environment_makes_every_vm_count);
	ADD(what_is_counted_from_its_first_run_on_is_complete);
	ADD(code_from_before_was_not_counted_from_its_first_run_on);
	ADD(the_program_may_be_late_as_well);
	ADD(what_is_not_counted_meanwhile_is_a_gap);
	ADD(to_stop_is_a_gap_at_once);
	ADD(every_vm_has_pages_of_its_own);
	ADD(slots_of_freed_loops_are_used_again_by_the_same_vm);
	ADD(pages_of_vms_that_are_gone_are_used_again);
	ADD(loops_without_a_slot_count_in_the_overflow);
	ADD(counts_move_into_a_map_and_back);
	ADD(addresses_stay_while_the_memory_changes);
	ADD(slots_that_are_taken_while_the_map_is_there_start_at_zero);
	ADD(a_map_that_gets_too_small_is_exchanged_for_a_larger);
	ADD(loops_beyond_the_map_count_in_the_overflow);
	ADD(a_larger_observer_takes_what_was_beyond_the_first);
	ADD(a_smaller_map_after_a_larger);
}
