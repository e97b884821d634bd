/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_region.c - the tables that an observer reads: rows and their reuse,
 * growth, what happens when they are full, and when memory is short.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <jithooks/probes.h>

#include "../../jit/hooks/internal.h"
#include "unit.h"

extern struct jit_anchor jit_anchor;

/* As an observer would: through offset and index, row i of an area. */
static void *row(const struct jit_area *area, uint32_t i)
{
	CHECK(i < area->capacity);
	return (char *)jit_region + area->offset + (size_t)i * area->entry_size;
}

static struct jit_loop_row *loop_row(uint32_t i)
{
	return row(&jit_region->loops, i);
}

static unsigned char has_slot[(1 << 20) + 8192];

/* Every row is whole, and what is used is within what may be read. */
static uint32_t check_tables(void)
{
	uint32_t live = 0;

	CHECK(jit_region->loops.used <= jit_region->loops.capacity);
	CHECK(jit_region->runs.used <= jit_region->runs.capacity);
	CHECK(jit_region->aborts.used <= jit_region->aborts.capacity);
	memset(has_slot, 0, sizeof(has_slot));
	for (uint32_t i = 0; i < jit_region->loops.used; i++) {
		struct jit_loop_row *r = loop_row(i);

		CHECK_EQ(r->begin, r->end);
		if (!r->no)
			continue;
		live++;
		CHECK(jit_region_loop(r->no) == r);
		CHECK(r->loop.run_slot < jit_region->runs.used);
		if (r->loop.run_slot != JIT_RUNS_OVERFLOW)
			CHECK(!has_slot[r->loop.run_slot]++); /* no two have the same */
	}
	for (uint32_t i = 0; i < jit_region->aborts.used; i++) {
		struct jit_abort_row *r = row(&jit_region->aborts, i);

		CHECK_EQ(r->begin, r->end);
	}
	return live;
}

TEST(the_anchor_leads_to_a_whole_header)
{
	jit_vm *vm;

	CHECK_EQ(jit_anchor.magic, JIT_ABI_MAGIC);
	CHECK_EQ(jit_anchor.region, 0); /* none yet */
	vm = unit_vm();
	CHECK_EQ(jit_anchor.region, (uintptr_t)jit_region);
	CHECK_EQ(jit_region->magic, JIT_ABI_MAGIC);
	CHECK_EQ(jit_region->version, JIT_ABI_VERSION);
	CHECK_EQ(jit_region->size, sizeof(struct jit_region));
	CHECK_EQ(jit_region->pid, getpid());
	CHECK(jit_region->instance);
	CHECK_EQ(jit_region->event.instance, jit_region->instance);
	CHECK_EQ(jit_region->next_no, 1);
	CHECK_EQ(jit_region->loops.entry_size, sizeof(struct jit_loop_row));
	CHECK_EQ(jit_region->aborts.entry_size, sizeof(struct jit_abort_row));
	CHECK_EQ(jit_region->runs.entry_size, 8);
	CHECK_EQ(jit_region->loops.used + jit_region->loops.capacity, 0);
	jit_vm_destroy(vm);
}

TEST(a_freed_row_is_used_again)
{
	jit_vm *vm = unit_vm();
	uint64_t no = unit_loop(vm), second;
	uint64_t *count = jit_run_count(vm, no);

	*count = 7;
	unit_loop(vm);
	jit_trace_freed(vm, no);
	CHECK(jit_run_count(vm, no) == jit_run_count(vm, 0));
	CHECK_EQ(loop_row(0)->no, 0);
	CHECK_EQ(check_tables(), 1);

	second = unit_compile(vm, JIT_TYPE_LOOP, 0, "second");
	CHECK(jit_run_count(vm, second) == count);
	CHECK_EQ(*count, 0); /* starts anew */
	CHECK_STR(loop_row(0)->loop.greenkey, "second");
	CHECK_EQ(jit_region->loops.used, 2);
	CHECK_EQ(check_tables(), 2);

	jit_flushed(vm, NULL);
	CHECK_EQ(check_tables(), 0);
	for (int i = 0; i < 2; i++)
		unit_loop(vm);
	CHECK_EQ(jit_region->loops.used, 2);
	CHECK_EQ(check_tables(), 2);
	jit_vm_destroy(vm);
}

#define MANY 20000

TEST(run_counts_keep_their_address_while_the_tables_grow)
{
	static uint64_t *counts[MANY];
	jit_vm *vm = unit_vm();
	struct jit_region *r = jit_region;

	for (uint64_t i = 0; i < MANY; i++) {
		counts[i] = jit_run_count(vm, unit_loop(vm));
		CHECK(counts[i]);
		*counts[i] = i;
	}
	CHECK(jit_region == r);
	CHECK_EQ(check_tables(), MANY);
	for (uint64_t i = 0; i < MANY; i++) {
		CHECK(jit_run_count(vm, i + 1) == counts[i]);
		CHECK_EQ(*counts[i], i);
		CHECK(row(&jit_region->runs, loop_row((uint32_t)i)->loop.run_slot) == counts[i]);
	}
	CHECK_EQ(unit_counter(JIT_UNTRACKED_LOOPS), 0);
	jit_vm_destroy(vm);
}

/* Frees and compiles at random for a long time: nothing leaks, nothing tears. */
TEST(random_frees_and_compiles_keep_the_tables_whole)
{
	static uint64_t live[500];
	jit_vm *vm = unit_vm();
	uint32_t n = 0, x = 1;

	for (int step = 0; step < 50000; step++) {
		x = x * 1664525 + 1013904223;
		if (n == 500 || (n && (x >> 16) % 2)) {
			uint32_t i = (x >> 17) % n;

			jit_trace_freed(vm, live[i]);
			live[i] = live[--n];
		} else {
			live[n++] = unit_loop(vm);
		}
	}
	CHECK_EQ(check_tables(), n);
	CHECK(jit_region->loops.used <= 500);
	for (uint32_t i = 0; i < n; i++)
		CHECK(jit_run_count(vm, live[i]));
	jit_vm_destroy(vm);
}

TEST(loops_of_a_destroyed_vm_stay_while_there_is_room)
{
	jit_vm *vm = unit_vm(), *next = unit_vm();

	for (int i = 0; i < 10; i++)
		unit_loop(vm);
	unit_loop(next);
	jit_vm_destroy(vm);
	jit_trace_freed(next, 11);
	for (int i = 0; i < 10; i++)
		unit_loop(next);
	CHECK_EQ(jit_region->loops.used, 20); /* the freed row was taken first */
	CHECK_EQ(check_tables(), 20);
	jit_vm_destroy(next);
}

TEST(loops_of_a_destroyed_vm_stay_until_rows_are_needed)
{
	jit_vm *vm = unit_vm(), *next;
	uint32_t used;

	for (int i = 0; i < 300; i++)
		unit_loop(vm);
	jit_vm_destroy(vm);
	CHECK_EQ(check_tables(), 300); /* the last picture */
	CHECK_EQ(unit_counter(JIT_TOTAL_FREED_LOOPS), 0);
	used = jit_region->loops.used;

	next = unit_vm();
	jit_free_semaphore++; /* an observer is told that they go */
	for (int i = 0; i < 300; i++)
		unit_loop(next);
	CHECK_EQ(jit_region->event.seq, 300);
	jit_free_semaphore--;
	CHECK_EQ(jit_region->loops.used, used);
	CHECK_EQ(check_tables(), 300);
	CHECK(!jit_region_loop(1));
	CHECK(jit_region_loop(301));

	unit_loop(next); /* none is left to be taken */
	CHECK_EQ(jit_region->loops.used, used + 1);
	CHECK_EQ(check_tables(), 301);
	jit_vm_destroy(next);
}

TEST(aborts_are_kept_once_per_reason_and_place)
{
	jit_vm *vm = unit_vm();
	struct jit_abort_row *first, *second;

	for (int i = 0; i < 5; i++)
		unit_abort(vm, JIT_ABORT_TOO_LONG, "too long", "a:1");
	unit_abort(vm, JIT_ABORT_TOO_LONG, "too long", "a:2");
	unit_abort(vm, JIT_ABORT_BAD_LOOP, "bad", "a:1");
	/* What is where one string ends and the next begins counts too. */
	unit_abort(vm, JIT_ABORT_OTHER, "ab", "c");
	unit_abort(vm, JIT_ABORT_OTHER, "a", "bc");
	CHECK_EQ(jit_region->aborts.used, 5);
	first = row(&jit_region->aborts, 0);
	second = row(&jit_region->aborts, 1);
	CHECK_EQ(first->abort.count, 5);
	CHECK_EQ(first->abort.counter, JIT_ABORT_TOO_LONG);
	CHECK_STR(first->abort.reason, "too long");
	CHECK_STR(first->abort.greenkey, "a:1");
	CHECK_EQ(first->abort.instance, jit_region->instance);
	CHECK(first->abort.hash && first->abort.hash != second->abort.hash);
	CHECK(first->abort.last_ns && first->abort.last_ns <= second->abort.last_ns);
	CHECK_EQ(second->abort.count, 1);
	check_tables();
	jit_vm_destroy(vm);
}

TEST(a_full_abort_table_is_counted)
{
	jit_vm *vm = unit_vm();
	char place[32];
	int n = 9000;

	for (int i = 0; i < n; i++) {
		snprintf(place, sizeof(place), "a:%d", i);
		unit_abort(vm, JIT_ABORT_OTHER, "why", place);
	}
	CHECK_EQ(jit_region->aborts.used, 8192);
	CHECK_EQ(unit_counter(JIT_ABORT_OTHER), n);
	CHECK_EQ(unit_counter(JIT_UNTRACKED_ABORTS), n - 8192);
	unit_abort(vm, JIT_ABORT_OTHER, "why", "a:0"); /* has its row */
	CHECK_EQ(unit_counter(JIT_UNTRACKED_ABORTS), n - 8192);
	check_tables();
	jit_vm_destroy(vm);
}

TEST(a_full_loop_table_is_counted)
{
	jit_vm *vm = unit_vm();
	uint64_t full = 1u << 20, no;

	for (uint64_t i = 0; i < full + 10; i++)
		unit_loop(vm);
	CHECK_EQ(jit_region->loops.used, full);
	CHECK_EQ(unit_counter(JIT_TOTAL_COMPILED_LOOPS), full + 10);
	CHECK_EQ(unit_counter(JIT_UNTRACKED_LOOPS), 10);
	CHECK(jit_run_count(vm, full));
	CHECK(jit_run_count(vm, full + 1) == jit_run_count(vm, 0));
	jit_trace_freed(vm, full + 1); /* is not on record: nothing happens */
	jit_trace_freed(vm, 5);
	no = unit_loop(vm); /* there is room again */
	CHECK(jit_run_count(vm, no));
	CHECK_EQ(unit_counter(JIT_UNTRACKED_LOOPS), 10);
	jit_vm_destroy(vm);
}

/* ---- Little memory ---------------------------------------------------------------- */

static void limit_memory(size_t more)
{
	struct rlimit limit;
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f && fscanf(f, "%lu", &pages) == 1);
	fclose(f);
	limit.rlim_cur = limit.rlim_max = pages * (size_t)sysconf(_SC_PAGESIZE) + more;
	CHECK(!setrlimit(RLIMIT_AS, &limit));
}

/* With so much address space left the tables are smaller, or there are none. */
static void live_with(size_t more)
{
	jit_vm *vm;
	int n = 3000;

#if defined(__SANITIZE_ADDRESS__) || WITH_TSAN
	unit_skip("the sanitizer needs the address space");
#endif
	CHECK(malloc(1)); /* the heap is there before the limit */
	limit_memory(more);
	vm = unit_vm();
	for (int i = 0; i < n; i++)
		unit_loop(vm);
	for (int i = 0; i < 400; i++) {
		char place[32];

		snprintf(place, sizeof(place), "a:%d", i);
		unit_abort(vm, JIT_ABORT_OTHER, "why", place);
	}
	CHECK_EQ(jit_totals()->counters.TOTAL_COMPILED_LOOPS, n);
	CHECK_EQ(jit_totals()->counters.ABORT_OTHER, 400);
	CHECK_EQ(jit_totals()->counters.UNTRACKED_LOOPS, n - jit_region->loops.used);
	CHECK_EQ(jit_totals()->counters.UNTRACKED_ABORTS, 400 - jit_region->aborts.used);
	check_tables();
	jit_flushed(vm, NULL);
	CHECK_EQ(check_tables(), 0);
	CHECK_EQ(jit_totals()->counters.TOTAL_FREED_LOOPS, jit_region->loops.used);
	jit_vm_destroy(vm);
}

TEST(with_100_mb_left_tables_are_smaller_but_serve)
{
	live_with(100 << 20);
	CHECK_EQ(jit_region->loops.used, 3000);
	CHECK(jit_region->loops.offset < 100 << 20);
}

TEST(with_2_mb_left_some_loops_are_untracked)
{
	live_with(2 << 20);
	CHECK(jit_region->loops.used > 0);
}

TEST(with_no_room_at_all_there_are_counters)
{
	live_with(100 << 10);
	CHECK_EQ(jit_region->loops.used, 0);
	CHECK_EQ(jit_anchor.region, (uintptr_t)jit_region);
}

void suite_region(void)
{
	unit_suite("region");
	ADD(the_anchor_leads_to_a_whole_header);
	ADD(a_freed_row_is_used_again);
	ADD(run_counts_keep_their_address_while_the_tables_grow);
	ADD(random_frees_and_compiles_keep_the_tables_whole);
	ADD(loops_of_a_destroyed_vm_stay_while_there_is_room);
	ADD(loops_of_a_destroyed_vm_stay_until_rows_are_needed);
	ADD(aborts_are_kept_once_per_reason_and_place);
	ADD(a_full_abort_table_is_counted);
	ADD(a_full_loop_table_is_counted);
	ADD(with_100_mb_left_tables_are_smaller_but_serve);
	ADD(with_2_mb_left_some_loops_are_untracked);
	ADD(with_no_room_at_all_there_are_counters);
}
