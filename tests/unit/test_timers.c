/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_timers.c - exclusive times. Nothing here asks how long something took:
 * what is checked is which time stands still while another runs, and that all
 * times together are never more than the clock says has passed.
 */
#include "../../jit/hooks/internal.h"
#include "unit.h"

#define STEP 100000 /* ns that the clock is made to move on */

static struct jit_times times(void)
{
	return jit_totals()->times;
}

static uint64_t sum(void)
{
	return times().tracing_ns + times().backend_ns + times().hooks_ns;
}

/* Times of what runs are written at a change, so each check is made after one. */
TEST(a_nested_start_pauses_the_outer_one)
{
	jit_vm *vm = unit_vm();
	uint64_t begin = jit_now(), tracing, backend;

	jit_time_start(JIT_TIME_TRACING);
	unit_spin(STEP);
	jit_time_start(JIT_TIME_BACKEND);
	tracing = times().tracing_ns;
	CHECK(tracing >= STEP);
	CHECK_EQ(times().backend_ns, 0);

	unit_spin(STEP);
	jit_time_end(JIT_TIME_BACKEND);
	backend = times().backend_ns;
	CHECK(backend >= STEP);
	CHECK_EQ(times().tracing_ns, tracing);

	unit_spin(STEP);
	jit_time_end(JIT_TIME_TRACING);
	CHECK(times().tracing_ns >= tracing + STEP);
	CHECK_EQ(times().backend_ns, backend);
	CHECK(sum() <= jit_now() - begin);
	jit_vm_destroy(vm);
}

/* Nothing runs: then nothing is billed, whatever starts next. */
static void check_idle(void)
{
	struct jit_times before = times();

	unit_spin(STEP);
	jit_time_start(JIT_TIME_HOOKS);
	CHECK_EQ(times().tracing_ns, before.tracing_ns);
	CHECK_EQ(times().backend_ns, before.backend_ns);
	CHECK_EQ(times().hooks_ns, before.hooks_ns);
	jit_time_end(JIT_TIME_HOOKS);
}

TEST(an_end_without_a_start_bills_nothing)
{
	jit_vm *vm = unit_vm();

	jit_time_end(JIT_TIME_TRACING);
	check_idle();
	jit_time_start(JIT_TIME_TRACING);
	jit_time_end(JIT_TIME_BACKEND); /* is not running: tracing goes on */
	unit_spin(STEP);
	jit_time_end(JIT_TIME_TRACING);
	CHECK(times().tracing_ns >= STEP);
	CHECK_EQ(times().backend_ns, 0);
	check_idle();
	jit_vm_destroy(vm);
}

TEST(an_end_ends_what_is_inside)
{
	jit_vm *vm = unit_vm();
	uint64_t tracing;

	jit_time_start(JIT_TIME_TRACING);
	jit_time_start(JIT_TIME_BACKEND);
	unit_spin(STEP);
	tracing = times().tracing_ns;
	jit_time_end(JIT_TIME_TRACING); /* the backend's end is missing */
	CHECK(times().backend_ns >= STEP);
	CHECK_EQ(times().tracing_ns, tracing);
	check_idle();
	jit_vm_destroy(vm);
}

TEST(an_unknown_time_is_ignored)
{
	jit_vm *vm = unit_vm();

	jit_time_start(JIT_NTIMES);
	check_idle();
	jit_time_end(JIT_NTIMES);
	check_idle();
	jit_vm_destroy(vm);
}

/* Nested this deep, alternating and in blocks of one kind, and out again. */
static void nest(unsigned depth, unsigned block)
{
	uint64_t begin = jit_now(), before = sum();

	for (unsigned i = 0; i < depth; i++)
		jit_time_start(i / block % 2 ? JIT_TIME_BACKEND : JIT_TIME_TRACING);
	unit_spin(STEP);
	for (unsigned i = depth; i-- > 0;)
		jit_time_end(i / block % 2 ? JIT_TIME_BACKEND : JIT_TIME_TRACING);
	CHECK(sum() - before >= STEP);
	CHECK(sum() - before <= jit_now() - begin);
	check_idle();
}

TEST(deeper_than_the_stack_comes_out_even)
{
	static const unsigned depths[] = {15, 16, 17, 18, 40, 254, 255, 256, 257, 1000};
	jit_vm *vm = unit_vm();

	for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		nest(depths[i], 1);
		nest(depths[i], 16); /* what is too deep is of a kind that is not in the stack */
		nest(depths[i], 2000);
	}
	jit_vm_destroy(vm);
}

static void *trace_a_while(void *arg)
{
	(void)arg;
	jit_time_end(JIT_TIME_TRACING); /* the other thread's is not ours to end */
	jit_time_start(JIT_TIME_BACKEND);
	unit_spin(STEP);
	jit_time_end(JIT_TIME_BACKEND);
	jit_time_start(JIT_TIME_BACKEND); /* still runs when the thread ends: bills no one */
	return NULL;
}

TEST(threads_have_stacks_of_their_own)
{
	jit_vm *vm = unit_vm();
	uint64_t begin = jit_now(), tracing;
	pthread_t thread;

	jit_time_start(JIT_TIME_TRACING);
	CHECK(!pthread_create(&thread, NULL, trace_a_while, NULL));
	pthread_join(thread, NULL);
	CHECK(times().backend_ns >= STEP);
	tracing = times().tracing_ns;
	unit_spin(STEP);
	jit_time_end(JIT_TIME_TRACING);
	CHECK(times().tracing_ns >= tracing + 2 * STEP); /* went on all the time */
	CHECK(sum() <= 2 * (jit_now() - begin));
	check_idle();
	jit_vm_destroy(vm);
}

static int spin_in_hook(void *data, const JitLoopInfo *info)
{
	(void)info;
	*(struct jit_times *)data = times();
	unit_spin(STEP);
	return 0;
}

static int spin_in_optimize(void *data, const JitLoopInfo *info, struct jit_operations *ops)
{
	(void)ops;
	return spin_in_hook(data, info);
}

TEST(time_in_a_hook_is_not_tracing)
{
	struct jit_trace_place place = {.type = JIT_TYPE_LOOP};
	struct jit_optimize ops = {0};
	struct jit_times at;
	jit_vm *vm = unit_vm();
	struct jit_trace t;
	uint64_t hooks;

	jit_set_optimize_hook(vm, spin_in_optimize, &at, 0, NULL);
	jit_set_compile_hook(vm, spin_in_hook, &at, 0, NULL);
	jit_trace_start(vm, &t, &place);
	jit_optimize(vm, &t, &ops);
	hooks = times().hooks_ns;
	CHECK(hooks >= STEP);
	CHECK_EQ(times().tracing_ns, at.tracing_ns); /* stood still in there */
	jit_trace_compiled(vm, &t, &(struct jit_code){0});
	CHECK(times().hooks_ns >= hooks + STEP);
	CHECK_EQ(times().tracing_ns, at.tracing_ns); /* had ended before */
	check_idle();
	jit_vm_destroy(vm);
}

/* compile_ns is the exclusive time of the trace, hooks left out, nested code not. */
TEST(compile_ns_is_what_tracing_and_backend_took)
{
	struct jit_trace_place place = {.type = JIT_TYPE_LOOP};
	struct jit_optimize ops = {0};
	struct jit_times at;
	jit_vm *vm = unit_vm();
	struct jit_trace t;
	uint64_t earlier;

	unit_loop(vm);
	earlier = times().tracing_ns;
	jit_set_optimize_hook(vm, spin_in_optimize, &at, 0, NULL);
	jit_trace_start(vm, &t, &place);
	unit_spin(STEP);
	jit_optimize(vm, &t, &ops);
	jit_backend_start(vm, &t);
	unit_spin(STEP);
	jit_backend_end(vm, &t);
	jit_trace_compiled(vm, &t, &(struct jit_code){0});
	CHECK_EQ(jit_region_loop(t.no)->loop.compile_ns,
		 times().tracing_ns - earlier + times().backend_ns);
	CHECK(jit_region_loop(t.no)->loop.compile_ns >= 2 * STEP);
	jit_vm_destroy(vm);
}

/* As long as there is no region there is nobody to bill. */
TEST(a_timer_before_the_first_vm_is_ignored)
{
	jit_time_start(JIT_TIME_TRACING);
	jit_time_end(JIT_TIME_TRACING);
	jit_vm_destroy(unit_vm());
	CHECK_EQ(sum(), 0);
	check_idle();
}

void suite_timers(void)
{
	unit_suite("timers");
	ADD(a_nested_start_pauses_the_outer_one);
	ADD(an_end_without_a_start_bills_nothing);
	ADD(an_end_ends_what_is_inside);
	ADD(an_unknown_time_is_ignored);
	ADD(deeper_than_the_stack_comes_out_even);
	ADD(threads_have_stacks_of_their_own);
	ADD(time_in_a_hook_is_not_tracing);
	ADD(compile_ns_is_what_tracing_and_backend_took);
	ADD(a_timer_before_the_first_vm_is_ignored);
}
