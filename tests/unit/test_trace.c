/* SPDX-License-Identifier: BSD-2-Clause */
/* test_trace.c - the life of traces: numbers, roots, frees, flushes, greenkeys. */
#include <stdio.h>

#include "../../jit/hooks/internal.h"
#include "unit.h"

static struct jit_loop *loop(uint64_t no)
{
	struct jit_loop_row *row = jit_region_loop(no);

	return row ? &row->loop : NULL;
}

TEST(numbers_rise_over_all_vms_and_aborts)
{
	jit_vm *a = unit_vm(), *b = unit_vm();

	CHECK_EQ(unit_loop(a), 1);
	CHECK_EQ(unit_loop(b), 2);
	unit_abort(a, JIT_ABORT_TOO_LONG, NULL, NULL); /* took 3 */
	CHECK_EQ(unit_compile(b, JIT_TYPE_BRIDGE, 2, ""), 4);
	jit_trace_freed(b, 4);
	jit_vm_destroy(b);
	b = unit_vm();
	CHECK_EQ(unit_loop(b), 5);
	CHECK_EQ(loop(1)->vm, 1);
	CHECK_EQ(loop(5)->vm, 3);
	jit_vm_destroy(a);
	jit_vm_destroy(b);
}

#define THREADS 4
#define EACH 2000

static void *number_some(void *arg)
{
	uint64_t *numbers = arg;
	jit_vm *vm = unit_vm();

	for (int i = 0; i < EACH; i++)
		numbers[i] = unit_loop(vm);
	jit_vm_destroy(vm);
	return NULL;
}

TEST(numbers_are_unique_over_threads)
{
	static uint64_t numbers[THREADS][EACH];
	static bool seen[THREADS * EACH + 1];
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, number_some, numbers[i]));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++)
		for (int k = 0; k < EACH; k++) {
			CHECK(numbers[i][k] >= 1 && numbers[i][k] <= THREADS * EACH);
			CHECK(!seen[numbers[i][k]]);
			seen[numbers[i][k]] = true;
			CHECK(!k || numbers[i][k] > numbers[i][k - 1]);
		}
	CHECK_EQ(unit_counter(JIT_TOTAL_COMPILED_LOOPS), THREADS * EACH);
}

TEST(loop_no_of_a_bridge_is_its_roots)
{
	jit_vm *vm = unit_vm();
	uint64_t root = unit_loop(vm);
	uint64_t bridge = unit_compile(vm, JIT_TYPE_BRIDGE, root, "");
	uint64_t second = unit_compile(vm, JIT_TYPE_BRIDGE, bridge, "");
	uint64_t orphan;

	CHECK_EQ(loop(root)->loop_no, root);
	CHECK_EQ(loop(root)->parent_no, 0);
	CHECK_EQ(loop(bridge)->loop_no, root);
	CHECK_EQ(loop(bridge)->parent_no, root);
	CHECK_EQ(loop(second)->loop_no, root);
	CHECK_EQ(loop(second)->parent_no, bridge);

	/* A parent that is gone: the number given is all there is. */
	jit_trace_freed(vm, second);
	orphan = unit_compile(vm, JIT_TYPE_BRIDGE, second, "");
	CHECK_EQ(loop(orphan)->loop_no, second);
	jit_vm_destroy(vm);
}

TEST(the_row_says_what_was_compiled)
{
	struct jit_trace_place place = {.type = JIT_TYPE_LOOP,
					.exit_no = 3,
					.vm_no = 77,
					.greenkey = "a.lua:9"};
	struct jit_code code = {.asmaddr = 0xabc000, .asmlen = 321, .operations = 12};
	jit_vm *vm = unit_vm();
	uint64_t before = jit_now();
	struct jit_trace t;

	jit_trace_start(vm, &t, &place);
	jit_trace_retype(vm, &t, JIT_TYPE_ENTRY_BRIDGE);
	jit_trace_compiled(vm, &t, &code);
	CHECK(loop(t.no));
	CHECK_EQ(loop(t.no)->instance, jit_region->instance);
	CHECK_EQ(loop(t.no)->type, JIT_TYPE_ENTRY_BRIDGE);
	CHECK_EQ(loop(t.no)->exit_no, 3);
	CHECK_EQ(loop(t.no)->vm_no, 77);
	CHECK_EQ(loop(t.no)->vm, 1);
	CHECK_EQ(loop(t.no)->asmaddr, 0xabc000);
	CHECK_EQ(loop(t.no)->asmlen, 321);
	CHECK_EQ(loop(t.no)->operations, 12);
	CHECK_STR(loop(t.no)->greenkey, "a.lua:9");
	CHECK(loop(t.no)->when_ns >= before && loop(t.no)->when_ns <= jit_now());
	jit_vm_destroy(vm);
}

TEST(flush_drops_the_loops_of_that_vm_only)
{
	jit_vm *a = unit_vm(), *b = unit_vm();
	uint64_t of_a[3], of_b[2];

	of_a[0] = unit_loop(a);
	of_b[0] = unit_loop(b);
	of_a[1] = unit_compile(a, JIT_TYPE_BRIDGE, of_a[0], "");
	of_b[1] = unit_compile(b, JIT_TYPE_BRIDGE, of_b[0], "");
	of_a[2] = unit_loop(a);
	jit_flushed(a, "full");
	for (int i = 0; i < 3; i++)
		CHECK(!loop(of_a[i]));
	for (int i = 0; i < 2; i++)
		CHECK(loop(of_b[i]));
	CHECK_EQ(unit_counter(JIT_FLUSHES), 1);
	CHECK_EQ(unit_counter(JIT_TOTAL_FREED_LOOPS), 2);
	CHECK_EQ(unit_counter(JIT_TOTAL_FREED_BRIDGES), 1);
	CHECK_EQ(jit_region->event.flush.dropped, 3);
	CHECK_EQ(jit_region->event.flush.flushed_no, 5);

	jit_flushed(a, "again");
	CHECK_EQ(unit_counter(JIT_FLUSHES), 2);
	CHECK_EQ(jit_region->event.flush.dropped, 0);
	CHECK_EQ(jit_region->event.flush.total_dropped, 3);
	CHECK_EQ(jit_region->event.flush.count, 2);
	CHECK_STR(jit_region->event.flush.cause, "again");
	jit_flushed(b, NULL);
	CHECK_EQ(jit_region->event.flush.count, 1);
	CHECK_EQ(jit_region->event.flush.vm, 2);
	CHECK_STR(jit_region->event.flush.cause, "");
	CHECK_EQ(unit_counter(JIT_TOTAL_FREED_BRIDGES), 2);
	jit_vm_destroy(a);
	jit_vm_destroy(b);
}

static int asked;

static void say_place(void *ctx, char *buf, size_t size)
{
	asked++;
	snprintf(buf, size, "%s", (const char *)ctx);
}

static int look(void *data, const JitLoopInfo *info)
{
	(void)data;
	CHECK_STR(info->greenkey, "late.lua:1");
	return 0;
}

TEST(place_is_asked_at_most_once_and_only_when_needed)
{
	struct jit_trace_place place = {.type = JIT_TYPE_LOOP,
					.place = say_place,
					.place_ctx = (char *)"late.lua:1"};
	struct jit_optimize ops = {0};
	jit_vm *vm = unit_vm();
	struct jit_trace t;

	jit_trace_start(vm, &t, &place);
	jit_optimize(vm, &t, &ops);
	CHECK_EQ(asked, 0); /* nobody looked */
	jit_trace_compiled(vm, &t, &(struct jit_code){0});
	CHECK_EQ(asked, 1);
	CHECK_STR(loop(t.no)->greenkey, "late.lua:1");

	/* The table and a hook both look. */
	jit_set_compile_hook(vm, look, NULL, 0, NULL);
	jit_trace_start(vm, &t, &place);
	jit_trace_compiled(vm, &t, &(struct jit_code){0});
	CHECK_EQ(asked, 2);

	/* An abort that says its place itself needs no other. */
	jit_trace_start(vm, &t, &place);
	jit_trace_aborted(vm, &t, &(struct jit_abort_info){.greenkey = "here"});
	CHECK_EQ(asked, 2);
	jit_vm_destroy(vm);
}

TEST(long_strings_are_cut_to_their_field)
{
	char text[1000];
	struct jit_vm_config config = {.jitdriver_name = text};
	jit_vm *vm;

	memset(text, 'x', sizeof(text));
	text[999] = '\0';
	CHECK_EQ(jit_vm_create(&vm, &config), 0);
	CHECK_EQ(strlen(jit_region->event.jitdriver), JIT_DRIVER_LEN - 1);
	unit_compile(vm, JIT_TYPE_LOOP, 0, text);
	CHECK_EQ(strlen(loop(1)->greenkey), JIT_GREENKEY_LEN - 1);
	unit_abort(vm, JIT_ABORT_OTHER, text, text);
	jit_flushed(vm, text);
	CHECK_EQ(strlen(jit_region->event.flush.cause), JIT_REASON_LEN - 1);
	jit_vm_destroy(vm);
}

TEST(destroying_no_vm_is_allowed)
{
	jit_vm_destroy(NULL);
	CHECK(!jit_region);
}

void suite_trace(void)
{
	unit_suite("trace");
	ADD(numbers_rise_over_all_vms_and_aborts);
	ADD(numbers_are_unique_over_threads);
	ADD(loop_no_of_a_bridge_is_its_roots);
	ADD(the_row_says_what_was_compiled);
	ADD(flush_drops_the_loops_of_that_vm_only);
	ADD(place_is_asked_at_most_once_and_only_when_needed);
	ADD(long_strings_are_cut_to_their_field);
	ADD(destroying_no_vm_is_allowed);
}
