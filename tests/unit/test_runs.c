/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_runs.c - loop runs are counted, in the process's memory and in an
 * observer's, and nothing is lost where they move.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jithooks/probes.h>

#include "../../jit/hooks/internal.h"
#include "observer.h"

#define PLENTY (1u << 20)

static uint32_t in_page(void)
{
	return (uint32_t)((size_t)sysconf(_SC_PAGESIZE) / sizeof(struct jit_run));
}

/* What a VM was told: how often, and how to count. */
struct told {
	unsigned calls, how;
	int err;
};

static int count_runs(void *ctx, unsigned how)
{
	struct told *t = ctx;

	t->calls++;
	t->how = how;
	return t->err;
}

static jit_vm *vm_that_counts(struct told *t)
{
	struct jit_vm_config config = {.jitdriver_name = "unit",
				       .ctx = t,
				       .count_runs = count_runs};
	jit_vm *vm;

	CHECK_EQ(jit_vm_create(&vm, &config), 0);
	return vm;
}

/* As compiled code does it. */
static void run(uint64_t *count, uint64_t times)
{
	for (uint64_t i = 0; i < times; i++)
		++*(volatile uint64_t *)count;
}

static uint64_t counted(uint64_t no)
{
	JitInfoSnapshot *s = jit_get_stats_snapshot();
	uint64_t n = 0;

	CHECK(s);
	for (size_t i = 0; i < s->n_loop_run_times; i++)
		if (s->loop_run_times[i].number == no)
			n = s->loop_run_times[i].count;
	jit_free_stats_snapshot(s);
	return n;
}

static uint64_t overflowed(void)
{
	JitInfoSnapshot *s = jit_get_stats_snapshot();
	uint64_t n;

	CHECK(s);
	n = s->overflow_runs;
	jit_free_stats_snapshot(s);
	return n;
}

static uint32_t slot_of(uint64_t no)
{
	CHECK(jit_region_loop(no));
	return jit_region_loop(no)->loop.run_slot;
}

static uint64_t in_map(const struct observer *o, uint64_t no)
{
	return observer_runs(o, jit_region->instance, slot_of(no));
}

static void attach_to_loop_run(int by)
{
	__atomic_add_fetch(&jit_loop__run_semaphore, (unsigned short)by, __ATOMIC_RELAXED);
}

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
		CHECK_EQ(counted(loops[i]), 100 + i);
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
		CHECK_EQ(counted(loops[i]), 100 + i);
		run(jit_run_count(vm, loops[i]), 1000);
		CHECK_EQ(in_map(&o, loops[i]), 100 + i); /* it is not ours any more */
		CHECK_EQ(counted(loops[i]), 1100 + i);
	}
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
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
		CHECK_EQ(counted(no), 10 * i + 10);
	}
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
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
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
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
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
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
			CHECK_EQ(counted(loops[i]), 5);
		} else {
			CHECK_EQ(counted(loops[i]), 2); /* its own, as far as it had one */
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
	CHECK_EQ(counted(loops[4999]), 3);
	CHECK_EQ(overflowed(), 3 * n + 1);
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
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
	jit_vm_destroy(vm);
	observer_stop(&large);
	observer_remove_directory();
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
	CHECK_EQ(counted(last), 10);
	CHECK_EQ(overflowed(), 10);
	jit_vm_destroy(vm);
	observer_stop(&large);
	observer_stop(&small);
	observer_remove_directory();
}

/* ---- Observers come and go --------------------------------------------------------- */

TEST(a_second_observer_leaves_the_map_where_it_is)
{
	struct told t = {0};
	struct observer first, second;
	uint64_t no;
	jit_vm *vm;

	observer_directory();
	observer_start(&first, 1, PLENTY);
	vm = vm_that_counts(&t);
	no = unit_loop(vm);
	observer_attach(1);
	jit_runs_update(vm);
	run(jit_run_count(vm, no), 10);

	observer_start(&second, 2, PLENTY);
	observer_attach(1);
	jit_runs_update(vm);
	CHECK_EQ(jit_region->runs_session, 1);
	CHECK_EQ(first.requests, 2);
	CHECK_EQ(first.told.status, JIT_RUNS_KEEP);
	CHECK_EQ(second.requests, 0);

	observer_stop(&first);
	observer_attach(-1);
	jit_runs_update(vm);
	CHECK_EQ(jit_region->runs_session, 2);
	CHECK_EQ(in_map(&second, no), 10);
	run(jit_run_count(vm, no), 5);
	CHECK_EQ(in_map(&second, no), 15);
	CHECK_EQ(t.calls, 1);
	jit_vm_destroy(vm);
	observer_stop(&second);
	observer_remove_directory();
}

/* One died and another came before the process looked: as many are attached as were. */
TEST(an_observer_that_took_anothers_place_unseen_is_found_in_time)
{
	struct told t = {0};
	struct observer first, second;
	uint64_t no;
	jit_vm *vm;

	observer_directory();
	observer_start(&first, 1, PLENTY);
	vm = vm_that_counts(&t);
	no = unit_loop(vm);
	observer_attach(1);
	jit_runs_update(vm);
	run(jit_run_count(vm, no), 10);
	observer_stop(&first);
	observer_start(&second, 2, PLENTY);
	usleep(2050000);
	jit_runs_update(vm); /* as at a compile */
	CHECK_EQ(jit_region->runs_session, 2);
	CHECK_EQ(in_map(&second, no), 10);
	jit_vm_destroy(vm);
	observer_stop(&second);
	observer_remove_directory();
}

TEST(who_refuses_is_asked_again_later)
{
	struct told t = {0};
	struct observer o;
	uint64_t no;
	jit_vm *vm;

	observer_directory();
	observer_start(&o, 1, 0);
	vm = vm_that_counts(&t);
	no = unit_loop(vm);
	observer_attach(1);
	CHECK_EQ(jit_runs_update(vm), JIT_RUNS_MEMORY); /* it is wished, by somebody */
	run(jit_run_count(vm, no), 10);
	for (int i = 0; i < 100; i++)
		jit_runs_update(vm);
	CHECK_EQ(o.requests, 1);
	CHECK_EQ(jit_region->runs_session, 0);
	o.limit = PLENTY;
	usleep(1050000);
	jit_runs_update(vm);
	CHECK_EQ(o.requests, 2);
	CHECK_EQ(jit_region->runs_session, 1);
	CHECK_EQ(in_map(&o, no), 10);
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
}

/* Another who attaches is asked at once, though as many are attached as before. */
TEST(who_comes_after_one_that_refused_is_asked_at_once)
{
	struct told t = {0};
	struct observer o;
	jit_vm *vm;

	observer_directory();
	observer_start(&o, 1, 0);
	vm = vm_that_counts(&t);
	observer_attach(1);
	jit_runs_update(vm);
	CHECK_EQ(jit_region->runs_session, 0);
	observer_attach(-1);
	CHECK_EQ(jit_runs_update(vm), 0);
	o.limit = PLENTY;
	observer_attach(1);
	CHECK_EQ(jit_runs_update(vm), JIT_RUNS_MEMORY);
	CHECK_EQ(jit_region->runs_session, 1);
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
}

TEST(a_session_that_knows_us_no_longer_is_left)
{
	struct told t = {0};
	struct observer o;
	uint64_t no, seq;
	jit_vm *vm;

	observer_directory();
	observer_start(&o, 1, PLENTY);
	vm = vm_that_counts(&t);
	no = unit_loop(vm);
	observer_attach(1);
	jit_runs_update(vm);
	run(jit_run_count(vm, no), 10);
	o.limit = 0;
	seq = jit_region->event.seq;
	observer_attach(1);
	jit_runs_update(vm);
	CHECK_EQ(jit_region->runs_session, 0);
	CHECK_EQ(jit_region->event.seq, seq + 1); /* given back */
	CHECK_EQ(jit_region->event.probe, JIT_PROBE_RUNS);
	run(jit_run_count(vm, no), 10);
	CHECK_EQ(in_map(&o, no), 10);
	CHECK_EQ(counted(no), 20);
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
}

static bool keep_small(struct observer *o, const struct jit_runs_request *request,
		       struct observer_reply *r)
{
	(void)request;
	r->reply.status = JIT_RUNS_REFUSED;
	r->reply.slots = o->processes[0].slots;
	return true;
}

TEST(an_observer_at_its_limit_keeps_what_it_has_given)
{
	struct told t = {0};
	struct observer o;
	uint64_t no, last = 0;
	jit_vm *vm;

	observer_directory();
	observer_start(&o, 1, 2 * in_page());
	vm = vm_that_counts(&t);
	no = unit_loop(vm);
	observer_attach(1);
	jit_runs_update(vm);
	o.answer = keep_small;
	while (!last || slot_of(last) < 2 * in_page())
		last = unit_loop(vm);
	jit_runs_update(vm);
	CHECK_EQ(o.requests, 2);
	CHECK_EQ(jit_region->runs_session, 1);
	run(jit_run_count(vm, no), 10);
	run(jit_run_count(vm, last), 10);
	CHECK_EQ(in_map(&o, no), 10);
	CHECK_EQ(overflowed(), 10);
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
}

/* Of a VM that counts itself and tells of it: what it has told last. */
TEST(runs_that_are_told_are_in_the_map)
{
	static const uint64_t none[JIT_ABORT_OTHER], number = 7, runs[] = {100, 150, 160};
	struct observer o;
	jit_told *told;

	observer_directory();
	observer_start(&o, 1, PLENTY);
	told = jit_told_create("unit", none, JIT_ABORT_OTHER, 0, 0);
	CHECK(told);
	jit_told_compiled(told, none, JIT_ABORT_OTHER, 0, 0, JIT_TYPE_LOOP, number, 0, "a", 0, 0);
	jit_told_runs(told, JIT_TYPE_LOOP, &number, &runs[0], 1);
	CHECK_EQ(o.requests, 0);
	CHECK_EQ(counted(1), 100);
	observer_attach(1);
	jit_told_runs(told, JIT_TYPE_LOOP, &number, &runs[1], 1);
	CHECK_EQ(in_map(&o, 1), 150);
	CHECK_EQ(counted(1), 150);
	observer_attach(-1);
	jit_told_runs(told, JIT_TYPE_LOOP, &number, &runs[2], 1);
	CHECK_EQ(in_map(&o, 1), 150);
	CHECK_EQ(counted(1), 160);
	CHECK_EQ(jit_region->counting, JIT_RUNS_MEMORY); /* by itself, still */
	observer_stop(&o);
	observer_remove_directory();
}

/* ---- Several threads ----------------------------------------------------------------- */

#define TIMES 10000000u /* at least */

struct counter {
	pthread_t thread;
	struct told told;
	uint64_t no, other, times;
};

static bool stop;

/* Two loops; looks at the wish now and then, as compiled code does. */
static void *count_on(void *arg)
{
	struct counter *c = arg;
	jit_vm *vm = vm_that_counts(&c->told);
	const volatile uint32_t *wish = jit_runs_wish();
	uint32_t seen = *wish;
	uint64_t *first, *second;

	c->no = unit_loop(vm);
	c->other = unit_loop(vm);
	jit_runs_update(vm);
	first = jit_run_count(vm, c->no);
	second = jit_run_count(vm, c->other);
	while (c->times < TIMES || !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		if (*wish != seen) {
			seen = *wish;
			jit_runs_update(vm);
		}
		run(first, 100);
		run(second, 1);
		c->times += 100;
	}
	return vm;
}

static void join(struct counter *c)
{
	void *vm;

	CHECK(!pthread_join(c->thread, &vm));
	jit_vm_destroy(vm);
	CHECK_EQ(counted(c->no), c->times);
	CHECK_EQ(counted(c->other), c->times / 100);
}

static bool in_hand(void)
{
	return __atomic_load_n(&jit_region->runs_session, __ATOMIC_RELAXED) != 0;
}

TEST(threads_count_exactly_while_maps_come_and_go)
{
	struct counter a = {0}, b = {0};
	struct observer o;
	jit_vm *vm;

	observer_directory();
	observer_start(&o, 1, PLENTY);
	vm = unit_vm();
	CHECK(!pthread_create(&a.thread, NULL, count_on, &a));
	CHECK(!pthread_create(&b.thread, NULL, count_on, &b));
	for (unsigned turn = 0; turn < 100; turn++) {
		observer_attach(turn % 2 ? -1 : 1);
		/* Until one of the two has seen it; the other may not have. */
		for (int i = 0; i < 100 && !in_hand() == !(turn % 2); i++)
			usleep(200);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	CHECK(o.requests > 10);
	join(&a);
	join(&b);
	CHECK_EQ(overflowed(), 0);
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
}

/* The pages of a VM whose thread does not come by stay where they are. */
TEST(each_vm_moves_its_own)
{
	struct told t = {0}, u = {0};
	struct observer o;
	uint64_t mine, yours;
	jit_vm *vm, *other;

	observer_directory();
	observer_start(&o, 1, PLENTY);
	vm = vm_that_counts(&t);
	other = vm_that_counts(&u);
	mine = unit_loop(vm);
	yours = unit_loop(other);
	run(jit_run_count(other, yours), 5);
	observer_attach(1);
	jit_runs_update(vm);
	CHECK_EQ(in_map(&o, yours), 0);
	run(jit_run_count(other, yours), 5);
	jit_runs_update(other);
	CHECK_EQ(o.requests, 2);
	CHECK_EQ(o.told.status, JIT_RUNS_GRANTED); /* the same */
	CHECK_EQ(in_map(&o, yours), 10);
	observer_attach(-1);
	jit_runs_update(vm);
	run(jit_run_count(other, yours), 5);
	CHECK_EQ(in_map(&o, yours), 15);
	jit_runs_update(other);
	run(jit_run_count(other, yours), 5);
	CHECK_EQ(in_map(&o, yours), 15);
	CHECK_EQ(counted(yours), 20);
	CHECK_EQ(counted(mine), 0);
	jit_vm_destroy(vm);
	jit_vm_destroy(other);
	observer_stop(&o);
	observer_remove_directory();
}

/* ---- fork() --------------------------------------------------------------------------- */

static void check_child(pid_t pid)
{
	int status;

	CHECK(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

TEST(a_child_gets_a_map_of_its_own)
{
	struct told t = {0};
	struct observer o;
	uint64_t no, parent, *count;
	jit_vm *vm;
	pid_t pid;

	observer_directory();
	observer_start(&o, 1, PLENTY);
	vm = vm_that_counts(&t);
	no = unit_loop(vm);
	count = jit_run_count(vm, no);
	observer_attach(1);
	jit_runs_update(vm);
	run(count, 10);
	parent = jit_region->instance;
	pid = fork();
	if (!pid) {
		CHECK(jit_region->instance != parent);
		CHECK_EQ(jit_region->runs_session, 1); /* before it runs on */
		CHECK_EQ(counted(no), 10);
		run(count, 5);
		CHECK_EQ(counted(no), 15);
		pid = fork();
		if (!pid) {
			run(count, 1);
			_exit(counted(no) != 16);
		}
		check_child(pid);
		CHECK_EQ(counted(no), 15);
		_exit(0);
	}
	run(count, 1);
	check_child(pid);
	CHECK_EQ(counted(no), 11);
	CHECK_EQ(in_map(&o, no), 11);
	CHECK_EQ(o.requests, 3);
	CHECK(o.processes[1].instance && o.processes[2].instance);
	CHECK_EQ(observer_runs(&o, o.processes[1].instance, slot_of(no)), 15);
	CHECK_EQ(observer_runs(&o, o.processes[2].instance, slot_of(no)), 16);
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
}

TEST(a_child_that_is_refused_counts_in_memory_of_its_own)
{
	struct told t = {0};
	struct observer o;
	uint64_t no, *count;
	jit_vm *vm;
	pid_t pid;

	observer_directory();
	observer_start(&o, 1, PLENTY);
	vm = vm_that_counts(&t);
	no = unit_loop(vm);
	count = jit_run_count(vm, no);
	observer_attach(1);
	jit_runs_update(vm);
	run(count, 10);
	o.limit = 0;
	pid = fork();
	if (!pid) {
		CHECK_EQ(jit_region->runs_session, 0);
		run(count, 5);
		_exit(counted(no) != 15);
	}
	check_child(pid);
	CHECK_EQ(in_map(&o, no), 10);
	CHECK_EQ(jit_region->runs_session, 1);
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
}

/* The other thread counts on in the parent; its loops are as they were in the child. */
TEST(a_fork_while_another_thread_counts)
{
	struct counter c = {0};
	struct observer o;
	jit_vm *vm;
	pid_t pid;

	if (WITH_TSAN)
		unit_skip("the thread sanitizer does not follow a fork of threads");
	observer_directory();
	observer_start(&o, 1, PLENTY);
	observer_attach(1);
	vm = unit_vm();
	CHECK(!pthread_create(&c.thread, NULL, count_on, &c));
	while (!in_hand() || !counted(c.no)) {
		usleep(100000);
		observer_attach(1); /* if the first answer came too late */
	}
	for (int i = 0; i < 5; i++) {
		pid = fork();
		if (!pid) {
			uint64_t before = counted(c.no);

			usleep(2000);
			_exit(counted(c.no) != before || !before);
		}
		check_child(pid);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	join(&c);
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
}

/* ---- Region files ------------------------------------------------------------------------ */

/* The path of a process's region file; there is one. */
static const char *file_of(const char *dir, pid_t pid)
{
	static char pattern[128], path[256];
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/%d.*", dir, (int)pid);
	CHECK(!glob(pattern, 0, NULL, &g));
	CHECK_EQ(g.gl_pathc, 1);
	snprintf(path, sizeof(path), "%s", g.gl_pathv[0]);
	globfree(&g);
	return path;
}

/* The count of a loop as it stands in the file. */
static uint64_t in_file(const char *dir, pid_t pid, uint64_t no)
{
	const struct jit_region *r;
	const struct jit_loop_row *rows;
	const uint64_t *runs;
	int fd = open(file_of(dir, pid), O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END);
	uint64_t n = 0;

	CHECK(fd >= 0);
	r = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(r != MAP_FAILED);
	close(fd);
	rows = (const void *)((const char *)r + r->loops.offset);
	runs = (const void *)((const char *)r + r->runs.offset);
	for (uint32_t i = 0; i < r->loops.used; i++)
		if (rows[i].no == no)
			n = runs[rows[i].loop.run_slot];
	munmap((void *)r, (size_t)size);
	return n;
}

TEST(a_region_file_has_the_counts_again_when_the_map_is_gone)
{
	char dir[] = "/tmp/jithooks-runs-XXXXXX";
	struct told t = {0};
	struct observer o;
	uint64_t no, instance;
	jit_vm *vm;
	pid_t pid;

	CHECK(mkdtemp(dir));
	CHECK(!setenv("JITHOOKS_REGION_DIR", dir, 1));
	observer_directory();
	observer_start(&o, 1, PLENTY);
	vm = vm_that_counts(&t);
	no = unit_loop(vm);
	run(jit_run_count(vm, no), 1);
	observer_attach(1);
	jit_runs_update(vm);
	run(jit_run_count(vm, no), 10);
	CHECK_EQ(in_map(&o, no), 11);
	CHECK_EQ(in_file(dir, getpid(), no), 1);
	instance = jit_region->instance;
	pid = fork();
	if (!pid) {
		CHECK(jit_region->instance != instance);
		run(jit_run_count(vm, no), 5);
		CHECK_EQ(counted(no), 16);
		exit(0); /* at a normal end the file gets what the map has */
	}
	check_child(pid);
	CHECK_EQ(o.requests, 2);
	CHECK_EQ(observer_runs(&o, o.processes[1].instance, slot_of(no)), 16);
	CHECK_EQ(in_map(&o, no), 11);
	observer_attach(-1);
	jit_runs_update(vm);
	CHECK_EQ(in_file(dir, getpid(), no), 11);
	run(jit_run_count(vm, no), 10);
	CHECK_EQ(in_file(dir, getpid(), no), 21);
	CHECK_EQ(in_map(&o, no), 11);
	CHECK_EQ(in_file(dir, pid, no), 16);
	unlink(file_of(dir, getpid()));
	unlink(file_of(dir, pid));
	CHECK(!rmdir(dir));
	jit_vm_destroy(vm);
	observer_stop(&o);
	observer_remove_directory();
}

void suite_runs(void)
{
	unit_suite("runs");
	ADD(the_wish_is_one_word);
	ADD(a_vm_counts_as_program_and_observers_wish);
	ADD(a_vm_that_fails_to_count_is_told_again);
	ADD(the_environment_makes_every_vm_count);
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
	ADD(a_second_observer_leaves_the_map_where_it_is);
	ADD(an_observer_that_took_anothers_place_unseen_is_found_in_time);
	ADD(who_refuses_is_asked_again_later);
	ADD(who_comes_after_one_that_refused_is_asked_at_once);
	ADD(a_session_that_knows_us_no_longer_is_left);
	ADD(an_observer_at_its_limit_keeps_what_it_has_given);
	ADD(runs_that_are_told_are_in_the_map);
	ADD(threads_count_exactly_while_maps_come_and_go);
	ADD(each_vm_moves_its_own);
	ADD(a_child_gets_a_map_of_its_own);
	ADD(a_child_that_is_refused_counts_in_memory_of_its_own);
	ADD(a_fork_while_another_thread_counts);
	ADD(a_region_file_has_the_counts_again_when_the_map_is_gone);
}
