/* SPDX-License-Identifier: BSD-2-Clause */
/* test_optimize.c - the optimize hook: what it gets, what it may return, the verdict. */
#include <stdio.h>

#include "../../jit/hooks/internal.h"
#include "unit.h"

static const ResOperation original[] = {{.name = "label"}, {.name = "same_as"}, {.name = "jump"}};
static const ResOperation shorter[] = {{.name = "label"}, {.name = "jump"}};
static int lists, calls;
static char told[256], reported[512];

static int make_list(void *ctx, struct jit_operations *out)
{
	(void)ctx;
	lists++;
	out->list = original;
	out->count = 3;
	return 0;
}

static void take_report(void *ctx, const char *line)
{
	(void)ctx;
	snprintf(reported, sizeof(reported), "%s", line);
}

static jit_vm *make_vm(void)
{
	struct jit_vm_config config = {.jitdriver_name = "unit", .report = take_report};
	jit_vm *vm;

	CHECK_EQ(jit_vm_create(&vm, &config), 0);
	return vm;
}

/* Traces a loop up to the hook. The replacement holds what must not be left there. */
static int optimize(jit_vm *vm, struct jit_trace *t, struct jit_optimize *ops)
{
	struct jit_trace_place place = {.type = JIT_TYPE_LOOP, .greenkey = "o.lua:1"};

	*ops = (struct jit_optimize){.ops_before = 4,
				     .ops_after = 3,
				     .materialize = make_list,
				     .replacement = {original, 99}};
	jit_trace_start(vm, t, &place);
	return jit_optimize(vm, t, ops);
}

static int hook(void *data, const JitLoopInfo *i, struct jit_operations *replacement)
{
	calls++;
	CHECK(jit_in_hook());
	CHECK(!replacement->list);
	snprintf(told, sizeof(told), "%s %s %llu.%llu at %s, %zu%s ops, %llx+%u", i->jitdriver_name,
		 i->type, (unsigned long long)i->loop_no, (unsigned long long)i->bridge_no,
		 i->greenkey, i->n_operations, i->operations == original ? "" : " no",
		 (unsigned long long)i->asmaddr, i->asmlen);
	if (data)
		*replacement = *(struct jit_operations *)data;
	return 0;
}

TEST(without_a_hook_the_vm_keeps_its_list)
{
	jit_vm *vm = make_vm();
	struct jit_optimize ops;
	struct jit_trace t;

	CHECK_EQ(optimize(vm, &t, &ops), JIT_OPS_KEEP);
	CHECK(!ops.replacement.list);
	CHECK_EQ(ops.replacement.count, 0);
	CHECK_EQ(lists, 0);
	jit_vm_destroy(vm);
}

TEST(the_hook_is_told_before_there_is_code)
{
	jit_vm *vm = make_vm();
	struct jit_optimize ops;
	struct jit_trace t;

	jit_set_optimize_hook(vm, hook, NULL, 1, NULL);
	CHECK_EQ(optimize(vm, &t, &ops), JIT_OPS_KEEP);
	CHECK_STR(told, "unit loop 1.0 at o.lua:1, 3 ops, 0+0");
	CHECK(jit_run_count(vm, t.no) == jit_run_count(vm, 0)); /* is not compiled yet */
	CHECK_EQ(lists, 1);
	jit_set_optimize_hook(vm, hook, NULL, 0, NULL);
	CHECK_EQ(optimize(vm, &t, &ops), JIT_OPS_KEEP);
	CHECK_STR(told, "unit loop 2.0 at o.lua:1, 0 no ops, 0+0");
	CHECK_EQ(lists, 1);
	jit_set_optimize_hook(vm, NULL, NULL, 1, NULL);
	CHECK_EQ(optimize(vm, &t, &ops), JIT_OPS_KEEP);
	CHECK_EQ(calls, 2);
	jit_vm_destroy(vm);
}

TEST(a_list_replaces)
{
	struct jit_operations list = {shorter, 2};
	jit_vm *vm = make_vm();
	struct jit_optimize ops;
	struct jit_trace t;

	jit_set_optimize_hook(vm, hook, &list, 1, NULL);
	CHECK_EQ(optimize(vm, &t, &ops), JIT_OPS_REPLACED);
	CHECK(ops.replacement.list == shorter);
	CHECK_EQ(ops.replacement.count, 2);
	/* Counted by the verdict, not before. */
	CHECK_EQ(unit_counter(JIT_OPTIMIZE_REPLACED), 0);
	jit_optimize_verdict(vm, &t, NULL);
	CHECK_EQ(unit_counter(JIT_OPTIMIZE_REPLACED), 1);
	CHECK_EQ(unit_counter(JIT_OPTIMIZE_REJECTED), 0);
	CHECK_STR(reported, "");
	jit_vm_destroy(vm);
}

TEST(an_empty_list_is_a_list)
{
	struct jit_operations list = {shorter, 0};
	jit_vm *vm = make_vm();
	struct jit_optimize ops;
	struct jit_trace t;

	jit_set_optimize_hook(vm, hook, &list, 1, NULL);
	CHECK_EQ(optimize(vm, &t, &ops), JIT_OPS_REPLACED);
	CHECK(ops.replacement.list == shorter);
	CHECK_EQ(ops.replacement.count, 0);
	jit_vm_destroy(vm);
}

TEST(null_with_a_count_is_an_error_of_the_hook)
{
	struct jit_operations list = {NULL, 7};
	jit_vm *vm = make_vm();
	struct jit_optimize ops;
	struct jit_trace t;

	jit_set_optimize_hook(vm, hook, &list, 1, "opt");
	CHECK_EQ(optimize(vm, &t, &ops), JIT_OPS_KEEP);
	CHECK(!ops.replacement.list);
	CHECK_EQ(ops.replacement.count, 0);
	CHECK_EQ(unit_counter(JIT_HOOK_ERRORS), 1);
	CHECK(strstr(reported, "opt") &&
	      strstr(reported, "the list is NULL, and has a count of 7"));
	jit_vm_destroy(vm);
}

static int replace_and_fail(void *data, const JitLoopInfo *info, struct jit_operations *replacement)
{
	(void)data;
	(void)info;
	replacement->list = shorter;
	replacement->count = 2;
	jit_hook_error("half done");
	return -1;
}

TEST(a_list_returned_with_an_error_is_dropped)
{
	jit_vm *vm = make_vm();
	struct jit_optimize ops;
	struct jit_trace t;

	jit_set_optimize_hook(vm, replace_and_fail, NULL, 1, "opt");
	CHECK_EQ(optimize(vm, &t, &ops), JIT_OPS_KEEP);
	CHECK(!ops.replacement.list);
	CHECK_STR(reported, "Exception ignored in: jit hook <opt>: half done");
	CHECK_EQ(unit_counter(JIT_HOOK_ERRORS), 1);
	jit_vm_destroy(vm);
}

TEST(a_bad_verdict_is_counted_and_reported_in_one_line)
{
	struct jit_operations list = {shorter, 2};
	jit_vm *vm = make_vm();
	struct jit_optimize ops;
	struct jit_trace t;

	jit_set_optimize_hook(vm, hook, &list, 1, NULL);
	CHECK_EQ(optimize(vm, &t, &ops), JIT_OPS_REPLACED);
	jit_optimize_verdict(vm, &t, "jump: i3 is not defined");
	CHECK_EQ(unit_counter(JIT_OPTIMIZE_REJECTED), 1);
	CHECK_EQ(unit_counter(JIT_OPTIMIZE_REPLACED), 0);
	CHECK(strstr(reported, "loop 1 at o.lua:1"));
	CHECK(strstr(reported, "jump: i3 is not defined"));
	CHECK(!strchr(reported, '\n'));
	jit_vm_destroy(vm);
}

static int optimize_in_hook(void *data, const JitLoopInfo *info, struct jit_operations *replacement)
{
	struct jit_optimize ops;
	struct jit_trace t;

	(void)info;
	(void)replacement;
	calls++;
	CHECK(calls < 10);
	CHECK_EQ(optimize(data, &t, &ops), JIT_OPS_KEEP);
	CHECK(!ops.replacement.list);
	return 0;
}

TEST(inside_a_hook_the_optimize_hook_is_suppressed)
{
	jit_vm *vm = make_vm();
	struct jit_optimize ops;
	struct jit_trace t;

	jit_set_optimize_hook(vm, optimize_in_hook, vm, 1, NULL);
	CHECK_EQ(optimize(vm, &t, &ops), JIT_OPS_KEEP);
	CHECK_EQ(calls, 1);
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 1);
	jit_vm_destroy(vm);
}

void suite_optimize(void)
{
	unit_suite("optimize");
	ADD(without_a_hook_the_vm_keeps_its_list);
	ADD(the_hook_is_told_before_there_is_code);
	ADD(a_list_replaces);
	ADD(an_empty_list_is_a_list);
	ADD(null_with_a_count_is_an_error_of_the_hook);
	ADD(a_list_returned_with_an_error_is_dropped);
	ADD(a_bad_verdict_is_counted_and_reported_in_one_line);
	ADD(inside_a_hook_the_optimize_hook_is_suppressed);
}
