/* SPDX-License-Identifier: BSD-2-Clause */
/* test_runs_observers.c - run counts when observers come, go, refuse and follow each other. */
#include <unistd.h>

#include <jithooks/probes.h>

#include "counting.h"

/* ---- Observers come and go --------------------------------------------------------- */

TEST(a_second_observer_leaves_the_map_where_it_is)
{
	struct told t = {0};
	struct observer first, second;
	uint64_t no;
	jit_vm *vm;

	vm = vm_that_is_watched(&t, &first);
	no = unit_loop(vm);
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
	end_watched(vm, &second);
}

/* One died and another came before the process looked: as many are attached as were. */
TEST(an_observer_that_took_anothers_place_unseen_is_found_in_time)
{
	struct told t = {0};
	struct observer first, second;
	uint64_t no;
	jit_vm *vm;

	vm = vm_that_is_watched(&t, &first);
	no = unit_loop(vm);
	run(jit_run_count(vm, no), 10);
	observer_stop(&first);
	observer_start(&second, 2, PLENTY);
	usleep(2050000);
	jit_runs_update(vm); /* as at a compile */
	CHECK_EQ(jit_region->runs_session, 2);
	CHECK_EQ(in_map(&second, no), 10);
	end_watched(vm, &second);
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
	end_watched(vm, &o);
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
	end_watched(vm, &o);
}

TEST(a_session_that_knows_us_no_longer_is_left)
{
	struct told t = {0};
	struct observer o;
	uint64_t no, seq;
	jit_vm *vm;

	vm = vm_that_is_watched(&t, &o);
	no = unit_loop(vm);
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
	CHECK_EQ(unit_runs(no), 20);
	end_watched(vm, &o);
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
	end_watched(vm, &o);
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
	CHECK_EQ(unit_runs(1), 100);
	observer_attach(1);
	jit_told_runs(told, JIT_TYPE_LOOP, &number, &runs[1], 1);
	CHECK_EQ(in_map(&o, 1), 150);
	CHECK_EQ(unit_runs(1), 150);
	observer_attach(-1);
	jit_told_runs(told, JIT_TYPE_LOOP, &number, &runs[2], 1);
	CHECK_EQ(in_map(&o, 1), 150);
	CHECK_EQ(unit_runs(1), 160);
	CHECK_EQ(jit_region->counting, JIT_RUNS_MEMORY); /* by itself, still */
	observer_stop(&o);
	observer_remove_directory();
}

void suite_runs_observers(void)
{
	unit_suite("runs_observers");
	ADD(a_second_observer_leaves_the_map_where_it_is);
	ADD(an_observer_that_took_anothers_place_unseen_is_found_in_time);
	ADD(who_refuses_is_asked_again_later);
	ADD(who_comes_after_one_that_refused_is_asked_at_once);
	ADD(a_session_that_knows_us_no_longer_is_left);
	ADD(an_observer_at_its_limit_keeps_what_it_has_given);
	ADD(runs_that_are_told_are_in_the_map);
}
