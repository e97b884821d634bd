/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hooks.c - compile, abort and trace-too-long hook: when each is called
 * and with what, setting and clearing, reentrancy per thread, errors.
 */
#include <errno.h>
#include <stdio.h>

#include "../../jit/hooks/internal.h"
#include "unit.h"

/* What the hooks were told last, as text; and how often each was called. */
static char told[512];
static int compiles, aborts, too_longs, lists;

static int make_list(void *ctx, struct jit_operations *out)
{
	static const ResOperation list[] = {{.name = "label"}, {.name = "jump"}};

	lists++;
	out->list = list;
	out->count = 2;
	return ctx ? -ENOMEM : 0;
}

static int on_compile(void *data, const JitLoopInfo *i)
{
	CHECK(jit_in_hook());
	compiles++;
	snprintf(told, sizeof(told), "%s %s %llu.%llu at %s, %zu%s ops, %llx+%u", i->jitdriver_name,
		 i->type, (unsigned long long)i->loop_no, (unsigned long long)i->bridge_no,
		 i->greenkey, i->n_operations, i->operations ? "" : " no",
		 (unsigned long long)i->asmaddr, i->asmlen);
	return data ? *(int *)data : 0;
}

static int on_abort(void *data, const char *jitdriver_name, const char *greenkey,
		    const char *reason, const struct jit_operations *operations)
{
	(void)data;
	CHECK(jit_in_hook());
	CHECK_EQ(too_longs, 0); /* is called after this one */
	aborts++;
	snprintf(told, sizeof(told), "%s at %s: %s, %zu ops", jitdriver_name, greenkey, reason,
		 operations->count);
	return 0;
}

static int on_too_long(void *data, const char *jitdriver_name, const char *greenkey)
{
	(void)data;
	CHECK(jit_in_hook());
	too_longs++;
	snprintf(told, sizeof(told), "%s too long in %s", jitdriver_name, greenkey);
	return 0;
}

static struct jit_trace started(jit_vm *vm)
{
	struct jit_trace_place place = {.type = JIT_TYPE_LOOP, .greenkey = "h.lua:1"};
	struct jit_trace t;

	jit_trace_start(vm, &t, &place);
	return t;
}

static void compile_with_list(jit_vm *vm, void *fail)
{
	struct jit_code code = {.asmaddr = 0x77000,
				.asmlen = 16,
				.operations = 2,
				.materialize = make_list,
				.ctx = fail};
	struct jit_trace t = started(vm);

	jit_trace_compiled(vm, &t, &code);
}

TEST(compile_hook_is_told_what_was_compiled)
{
	jit_vm *vm = unit_vm();

	jit_set_compile_hook(vm, on_compile, NULL, 1, "on_compile");
	compile_with_list(vm, NULL);
	CHECK_STR(told, "unit loop 1.0 at h.lua:1, 2 ops, 77000+16");
	unit_compile(vm, JIT_TYPE_BRIDGE, 1, "h.lua:2");
	CHECK_STR(told, "unit bridge 1.2 at h.lua:2, 0 no ops, 1000+64");
	unit_compile(vm, JIT_TYPE_ENTRY_BRIDGE, 0, NULL);
	CHECK_STR(told, "unit entry bridge 3.0 at , 0 no ops, 1000+64");
	CHECK_EQ(compiles, 3);
	CHECK(!jit_in_hook());
	jit_vm_destroy(vm);
}

/* The code is live, counted and on record when the hook looks. */
static int look_from_inside(void *data, const JitLoopInfo *info)
{
	CHECK(jit_run_count(data, info->loop_no));
	CHECK_EQ(unit_counter(JIT_TOTAL_COMPILED_LOOPS), 1);
	compiles++;
	return 0;
}

TEST(compile_hook_is_called_when_the_code_is_live)
{
	jit_vm *vm = unit_vm();

	jit_set_compile_hook(vm, look_from_inside, vm, 0, NULL);
	unit_loop(vm);
	CHECK_EQ(compiles, 1);
	jit_vm_destroy(vm);
}

TEST(operations_are_made_only_if_wanted_and_once)
{
	jit_vm *vm = unit_vm();

	compile_with_list(vm, NULL);
	CHECK_EQ(lists, 0); /* no hook */
	jit_set_compile_hook(vm, on_compile, NULL, 0, NULL);
	compile_with_list(vm, NULL);
	CHECK_EQ(lists, 0); /* a hook that does without */
	CHECK_STR(told, "unit loop 2.0 at h.lua:1, 0 no ops, 77000+16");
	jit_set_compile_hook(vm, on_compile, NULL, 1, NULL);
	compile_with_list(vm, NULL);
	CHECK_EQ(lists, 1);
	compile_with_list(vm, vm); /* cannot be made: the hook sees none */
	CHECK_EQ(lists, 2);
	CHECK_STR(told, "unit loop 4.0 at h.lua:1, 0 no ops, 77000+16");
	CHECK_EQ(compiles, 3);
	jit_vm_destroy(vm);
}

TEST(abort_hook_is_called_for_every_abort_with_its_reason)
{
	struct jit_abort_info info = {.counter = JIT_ABORT_ESCAPE,
				      .greenkey = "h.lua:5",
				      .materialize = make_list};
	jit_vm *vm = unit_vm();
	struct jit_trace t = started(vm);

	jit_set_abort_hook(vm, on_abort, NULL, NULL);
	jit_trace_aborted(vm, &t, &info);
	CHECK_STR(told, "unit at h.lua:5: ABORT_ESCAPE, 2 ops");
	t = started(vm);
	jit_trace_retype(vm, &t, JIT_TYPE_BRIDGE); /* PyPy loses most of these */
	info.greenkey = NULL;
	info.reason = "vable escape";
	jit_trace_aborted(vm, &t, &info);
	CHECK_STR(told, "unit at h.lua:1: vable escape, 2 ops");
	CHECK_EQ(aborts, 2);
	CHECK_EQ(unit_counter(JIT_ABORT_ESCAPE), 2);
	jit_vm_destroy(vm);
}

TEST(too_long_hook_follows_if_a_function_is_blamed)
{
	struct jit_abort_info info = {.counter = JIT_ABORT_TOO_LONG};
	jit_vm *vm = unit_vm();
	struct jit_trace t = started(vm);

	jit_set_abort_hook(vm, on_abort, NULL, NULL);
	jit_set_trace_too_long_hook(vm, on_too_long, NULL, NULL);
	jit_trace_aborted(vm, &t, &info);
	CHECK_EQ(aborts, 1);
	CHECK_EQ(too_longs, 0);
	t = started(vm);
	info.too_long_in = "h.lua:callee";
	jit_trace_aborted(vm, &t, &info);
	CHECK_EQ(aborts, 2);
	CHECK_EQ(too_longs, 1);
	CHECK_STR(told, "unit too long in h.lua:callee");
	jit_vm_destroy(vm);
}

static int on_compile_two(void *data, const JitLoopInfo *info)
{
	(void)info;
	(*(int *)data)++;
	return 0;
}

TEST(setting_replaces_and_null_unregisters)
{
	jit_vm *vm = unit_vm(), *other = unit_vm();
	int twos = 0;

	jit_set_compile_hook(vm, on_compile, NULL, 1, NULL);
	unit_loop(vm);
	unit_loop(other); /* has slots of its own */
	CHECK_EQ(compiles, 1);
	jit_set_compile_hook(vm, on_compile_two, &twos, 1, NULL);
	unit_loop(vm);
	CHECK_EQ(compiles, 1);
	CHECK_EQ(twos, 1);
	jit_set_compile_hook(vm, NULL, NULL, 0, NULL);
	unit_loop(vm);
	CHECK_EQ(twos, 1);

	jit_set_abort_hook(vm, on_abort, NULL, NULL);
	jit_set_trace_too_long_hook(vm, on_too_long, NULL, NULL);
	jit_set_abort_hook(vm, NULL, NULL, NULL);
	jit_set_trace_too_long_hook(vm, NULL, NULL, NULL);
	unit_abort(vm, JIT_ABORT_TOO_LONG, NULL, NULL);
	CHECK_EQ(aborts + too_longs, 0);
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 0);
	jit_vm_destroy(vm);
	jit_vm_destroy(other);
}

/* ---- Reentrancy ------------------------------------------------------------------ */

static jit_vm *inner_vm;

/* Code gets hot in the hook: of its own VM, and of another on the same thread. */
static int hot_hook(void *data, const JitLoopInfo *info)
{
	struct jit_trace t;

	(void)info;
	compiles++;
	CHECK(compiles < 10); /* unbounded nesting */
	unit_loop(data);
	unit_loop(inner_vm);
	t = started(data);
	jit_trace_aborted(data, &t, &(struct jit_abort_info){.too_long_in = "f"});
	CHECK(jit_in_hook());
	return 0;
}

TEST(hot_code_in_a_hook_is_compiled_but_not_told)
{
	jit_vm *vm = unit_vm();

	inner_vm = unit_vm();
	jit_set_compile_hook(vm, hot_hook, vm, 1, NULL);
	jit_set_compile_hook(inner_vm, on_compile, NULL, 1, NULL);
	jit_set_abort_hook(vm, on_abort, NULL, NULL);
	jit_set_trace_too_long_hook(vm, on_too_long, NULL, NULL);
	unit_loop(vm);
	CHECK_EQ(compiles, 1);
	CHECK_EQ(aborts, 0);
	CHECK_EQ(unit_counter(JIT_TOTAL_COMPILED_LOOPS), 3);
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 4); /* two compiles, abort, too long */
	CHECK(!jit_in_hook());
	unit_loop(vm); /* and it is told again afterwards */
	CHECK_EQ(compiles, 2);
	jit_vm_destroy(vm);
	jit_vm_destroy(inner_vm);
}

/* PyPy's flag is cleared by this, and nesting has no bound. */
static int set_in_hook(void *data, const JitLoopInfo *info)
{
	(void)info;
	compiles++;
	CHECK(compiles < 10);
	jit_set_compile_hook(data, set_in_hook, data, 1, "again");
	jit_set_abort_hook(data, on_abort, NULL, NULL);
	CHECK(jit_in_hook());
	unit_loop(data);
	unit_abort(data, JIT_ABORT_OTHER, NULL, NULL);
	return 0;
}

TEST(setting_a_hook_in_a_hook_does_not_let_it_in_again)
{
	jit_vm *vm = unit_vm();

	jit_set_compile_hook(vm, set_in_hook, vm, 1, NULL);
	unit_loop(vm);
	CHECK_EQ(compiles, 1);
	CHECK_EQ(aborts, 0);
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 2);
	unit_abort(vm, JIT_ABORT_OTHER, NULL, NULL); /* what was set there holds */
	CHECK_EQ(aborts, 1);
	jit_vm_destroy(vm);
}

static int clear_in_hook(void *data, const JitLoopInfo *info)
{
	(void)info;
	compiles++;
	jit_set_compile_hook(data, NULL, NULL, 0, NULL);
	unit_loop(data); /* no hook is set any more: nothing was left out */
	return 0;
}

TEST(a_hook_may_clear_itself)
{
	jit_vm *vm = unit_vm();

	jit_set_compile_hook(vm, clear_in_hook, vm, 1, NULL);
	unit_loop(vm);
	unit_loop(vm);
	CHECK_EQ(compiles, 1);
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 0);
	jit_vm_destroy(vm);
}

static pthread_barrier_t both;
static int by_thread[2];

/* The first call on each thread waits until the other is inside its hook too. */
static int meet(void *data, const JitLoopInfo *info)
{
	int *calls = data;

	(void)info;
	if (!(*calls)++)
		pthread_barrier_wait(&both);
	return 0;
}

static void *compile_five(void *arg)
{
	jit_vm *vm = unit_vm();

	jit_set_compile_hook(vm, meet, arg, 1, NULL);
	for (int i = 0; i < 5; i++)
		unit_loop(vm);
	jit_vm_destroy(vm);
	return NULL;
}

TEST(threads_do_not_lose_each_others_events)
{
	pthread_t threads[2];

	pthread_barrier_init(&both, NULL, 2);
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, compile_five, &by_thread[i]));
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(by_thread[0], 5);
	CHECK_EQ(by_thread[1], 5);
	CHECK_EQ(unit_counter(JIT_HOOKS_SUPPRESSED), 0);
}

/* ---- Errors, and what a VM may lack -------------------------------------------------- */

static char reported[512];
static int reports;

static void take_report(void *ctx, const char *line)
{
	(void)ctx;
	reports++;
	snprintf(reported, sizeof(reported), "%s", line);
}

static jit_vm *reporting_vm(void)
{
	struct jit_vm_config config = {.jitdriver_name = "unit", .report = take_report};
	jit_vm *vm;

	CHECK_EQ(jit_vm_create(&vm, &config), 0);
	return vm;
}

static int fail(void *data, const JitLoopInfo *info)
{
	(void)info;
	if (data)
		jit_hook_error("%s, %d times", (const char *)data, 3);
	return -1;
}

TEST(an_error_in_a_hook_is_reported_and_swallowed)
{
	jit_vm *vm = reporting_vm();
	char name[200], wanted[200];
	int error = 5;

	jit_set_compile_hook(vm, fail, (char *)"division by zero", 1, "my_hook");
	unit_loop(vm);
	CHECK_STR(reported, "Exception ignored in: jit hook <my_hook>: division by zero, 3 times");
	CHECK_EQ(unit_counter(JIT_HOOK_ERRORS), 1);
	CHECK_EQ(unit_counter(JIT_TOTAL_COMPILED_LOOPS), 1);
	CHECK(!jit_in_hook());

	/* The text of the last error does not stick. */
	jit_set_compile_hook(vm, fail, NULL, 1, "silent");
	unit_loop(vm);
	CHECK_STR(reported, "Exception ignored in: jit hook <silent>");
	jit_set_compile_hook(vm, on_compile, &error, 1, NULL);
	unit_loop(vm);
	CHECK_STR(reported, "Exception ignored in: jit hook <hook>");
	CHECK_EQ(unit_counter(JIT_HOOK_ERRORS), 3);
	CHECK_EQ(reports, 3);

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	jit_set_compile_hook(vm, fail, NULL, 1, name);
	unit_loop(vm);
	snprintf(wanted, sizeof(wanted), "Exception ignored in: jit hook <%.63s>", name);
	CHECK_STR(reported, wanted);
	jit_vm_destroy(vm);
}

static int abort_fails(void *data, const char *jitdriver_name, const char *greenkey,
		       const char *reason, const struct jit_operations *operations)
{
	(void)data, (void)jitdriver_name, (void)greenkey, (void)reason, (void)operations;
	jit_hook_error("in abort");
	return 1;
}

static int too_long_fails(void *data, const char *jitdriver_name, const char *greenkey)
{
	(void)data, (void)jitdriver_name, (void)greenkey;
	jit_hook_error("in too long");
	return 1;
}

TEST(errors_of_the_other_hooks_are_reported_too)
{
	jit_vm *vm = reporting_vm();
	struct jit_trace t = started(vm);

	jit_set_abort_hook(vm, abort_fails, NULL, "a");
	jit_set_trace_too_long_hook(vm, too_long_fails, NULL, "t");
	unit_abort(vm, JIT_ABORT_OTHER, NULL, NULL);
	CHECK_STR(reported, "Exception ignored in: jit hook <a>: in abort");
	jit_trace_aborted(vm, &t, &(struct jit_abort_info){.too_long_in = "f"});
	CHECK_STR(reported, "Exception ignored in: jit hook <t>: in too long");
	CHECK_EQ(reports, 3);
	CHECK_EQ(unit_counter(JIT_HOOK_ERRORS), 3);
	jit_vm_destroy(vm);
}

static int count_runs(void *ctx, unsigned how)
{
	*(int *)ctx = (int)how;
	return how ? 0 : -EIO;
}

static int set_param(void *ctx, const char *text)
{
	(void)ctx;
	return strcmp(text, "threshold=5") ? -EINVAL : 0;
}

static int release(void *ctx)
{
	*(int *)ctx = 44;
	return 0;
}

static int memory(void *ctx, uint64_t *allocated, uint64_t *used)
{
	(void)ctx;
	*allocated = 100;
	*used = 50;
	return 0;
}

TEST(what_the_vm_cannot_do_is_enotsup)
{
	uint64_t allocated, used;
	jit_vm *vm = unit_vm();

	CHECK_EQ(jit_enable_debug(vm), -ENOTSUP);
	CHECK_EQ(jit_disable_debug(vm), -ENOTSUP);
	CHECK_EQ(jit_set_param(vm, "off"), -ENOTSUP);
	CHECK_EQ(jit_releaseall(vm), -ENOTSUP);
	CHECK_EQ(jit_get_stats_asmmemmgr(vm, &allocated, &used), -ENOTSUP);
	jit_vm_destroy(vm);
}

TEST(what_the_vm_can_do_is_asked_of_it)
{
	int state = 7;
	struct jit_vm_config config = {.jitdriver_name = "unit",
				       .ctx = &state,
				       .count_runs = count_runs,
				       .set_param = set_param,
				       .releaseall = release,
				       .stats_asmmemmgr = memory};
	uint64_t allocated, used;
	jit_vm *vm;

	CHECK_EQ(jit_vm_create(&vm, &config), 0);
	CHECK_EQ(jit_enable_debug(vm), 0);
	CHECK_EQ(state, 1);
	CHECK_EQ(jit_disable_debug(vm), -EIO);
	CHECK_EQ(state, 0);
	CHECK_EQ(jit_set_param(vm, "threshold=5"), 0);
	CHECK_EQ(jit_set_param(vm, "x"), -EINVAL);
	CHECK_EQ(jit_releaseall(vm), 0);
	CHECK_EQ(state, 44);
	CHECK_EQ(jit_get_stats_asmmemmgr(vm, &allocated, &used), 0);
	CHECK_EQ(allocated, 100);
	CHECK_EQ(used, 50);
	jit_vm_destroy(vm);
}

void suite_hooks(void)
{
	unit_suite("hooks");
	ADD(compile_hook_is_told_what_was_compiled);
	ADD(compile_hook_is_called_when_the_code_is_live);
	ADD(operations_are_made_only_if_wanted_and_once);
	ADD(abort_hook_is_called_for_every_abort_with_its_reason);
	ADD(too_long_hook_follows_if_a_function_is_blamed);
	ADD(setting_replaces_and_null_unregisters);
	ADD(hot_code_in_a_hook_is_compiled_but_not_told);
	ADD(setting_a_hook_in_a_hook_does_not_let_it_in_again);
	ADD(a_hook_may_clear_itself);
	ADD(threads_do_not_lose_each_others_events);
	ADD(an_error_in_a_hook_is_reported_and_swallowed);
	ADD(errors_of_the_other_hooks_are_reported_too);
	ADD(what_the_vm_cannot_do_is_enotsup);
	ADD(what_the_vm_can_do_is_asked_of_it);
}
