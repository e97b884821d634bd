/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_events.c - what each probe shows an observer. The tests raise the
 * semaphores themselves, as the kernel would, and read the event that the
 * probe's first argument points to.
 */
#include <jithooks/probes.h>

#include "../../jit/hooks/internal.h"
#include "unit.h"

static struct jit_event *e(void)
{
	return &jit_region->event;
}

/* One event came, of this probe, since the last time. */
static void came(enum jit_probe probe)
{
	static uint64_t seen;

	CHECK_EQ(e()->seq, seen + 1);
	CHECK_EQ(e()->probe, probe);
	CHECK_EQ(e()->magic, JIT_ABI_MAGIC);
	CHECK_EQ(e()->version, JIT_ABI_VERSION);
	CHECK_EQ(e()->size, sizeof(struct jit_event));
	CHECK_EQ(e()->instance, jit_region->instance);
	CHECK_EQ(e()->region, (uintptr_t)jit_region);
	CHECK(e()->when_ns && e()->when_ns <= jit_now());
	seen = e()->seq;
}

static void raise_all(int by)
{
#define X(name, probe) jit_##probe##_semaphore = (unsigned short)(jit_##probe##_semaphore + by);
	JIT_PROBES(X)
#undef X
}

TEST(enabled_is_the_semaphore)
{
	for (unsigned i = 0; i < JIT_NPROBES; i++)
		CHECK(!jit_probe_enabled(i));
#define X(name, probe)                                                   \
	jit_##probe##_semaphore++;                                       \
	for (unsigned i = 0; i < JIT_NPROBES; i++)                       \
		CHECK_EQ(!!jit_probe_enabled(i), i == JIT_PROBE_##name); \
	jit_##probe##_semaphore--;
	JIT_PROBES(X)
#undef X
	CHECK(!jit_probe_enabled(JIT_NPROBES));
}

TEST(nothing_fires_while_nobody_is_attached)
{
	jit_vm *vm = unit_vm();

	jit_trace_freed(vm, unit_loop(vm));
	unit_abort(vm, JIT_ABORT_OTHER, NULL, NULL);
	jit_flushed(vm, NULL);
	jit_take_over(vm, NULL, 0, 0, 0, 1);
	CHECK_EQ(e()->seq, 0);
	jit_vm_destroy(vm);
}

TEST(a_loop_tells_start_optimize_compile_free)
{
	struct jit_trace_place place = {.type = JIT_TYPE_LOOP, .greenkey = "x.lua:1"};
	struct jit_optimize ops = {.ops_before = 9, .ops_after = 7};
	struct jit_code code = {.asmaddr = 0x5000, .asmlen = 50, .operations = 6};
	jit_vm *vm = unit_vm();
	struct jit_trace t;

	raise_all(1);
	jit_trace_start(vm, &t, &place);
	came(JIT_PROBE_TRACE_START);
	CHECK_EQ(e()->trace_no, 1);
	CHECK_EQ(e()->totals.counters.TRACING, 1);
	CHECK_STR(e()->loop.greenkey, "x.lua:1");
	CHECK_STR(e()->jitdriver, "unit");

	jit_optimize(vm, &t, &ops);
	came(JIT_PROBE_OPTIMIZE);
	CHECK_EQ(e()->ops_before, 9);
	CHECK_EQ(e()->loop.operations, 7);
	CHECK_EQ(e()->loop.asmaddr, 0);

	jit_trace_compiled(vm, &t, &code);
	came(JIT_PROBE_COMPILE);
	CHECK_EQ(e()->trace_no, 1);
	CHECK_EQ(e()->loop.asmaddr, 0x5000);
	CHECK_EQ(e()->loop.asmlen, 50);
	CHECK_EQ(e()->loop.operations, 6);
	CHECK_EQ(e()->totals.counters.TOTAL_COMPILED_LOOPS, 1); /* this one included */
	CHECK_EQ(e()->totals.times.tracing_ns, e()->loop.compile_ns);

	jit_trace_freed(vm, t.no);
	came(JIT_PROBE_FREE);
	CHECK_EQ(e()->trace_no, 1);
	CHECK_EQ(e()->loop.asmaddr, 0x5000);
	CHECK_EQ(e()->totals.counters.TOTAL_FREED_LOOPS, 1);
	jit_trace_freed(vm, t.no);
	jit_trace_freed(vm, 999);
	CHECK_EQ(e()->seq, 4); /* what is not there is not freed */
	raise_all(-1);
	jit_vm_destroy(vm);
}

TEST(a_bridge_tells_its_parent_and_exit)
{
	jit_vm *vm = unit_vm();
	uint64_t root = unit_loop(vm);
	struct jit_trace_place place = {.type = JIT_TYPE_BRIDGE, .parent_no = root, .exit_no = 5};
	struct jit_trace t;

	raise_all(1);
	jit_trace_start(vm, &t, &place);
	came(JIT_PROBE_TRACE_START);
	CHECK_EQ(e()->trace_no, root + 1);
	CHECK_EQ(e()->loop.loop_no, root);
	CHECK_EQ(e()->loop.parent_no, root);
	CHECK_EQ(e()->loop.exit_no, 5);
	CHECK_EQ(e()->loop.type, JIT_TYPE_BRIDGE);
	raise_all(-1);
	jit_vm_destroy(vm);
}

TEST(an_abort_tells_place_reason_and_count)
{
	struct jit_trace_place place = {.type = JIT_TYPE_LOOP, .greenkey = "x.lua:1"};
	struct jit_abort_info info = {.counter = JIT_ABORT_BAD_LOOP,
				      .reason_id = 8,
				      .reason = "NYI",
				      .operations = 44};
	jit_vm *vm = unit_vm();
	struct jit_trace t;

	jit_abort_semaphore++;
	for (unsigned i = 1; i <= 3; i++) {
		jit_trace_start(vm, &t, &place);
		jit_trace_aborted(vm, &t, &info);
		came(JIT_PROBE_ABORT);
		CHECK_EQ(e()->trace_no, i);
		CHECK_EQ(e()->abort.count, i);
		CHECK_EQ(e()->abort.reason_id, 8);
		CHECK_EQ(e()->abort.counter, JIT_ABORT_BAD_LOOP);
		CHECK_EQ(e()->ops_before, 44);
		CHECK_STR(e()->abort.reason, "NYI");
		CHECK_STR(e()->abort.greenkey, "x.lua:1");
		CHECK_EQ(e()->totals.counters.ABORT_BAD_LOOP, i);
	}
	info.greenkey = "y.lua:2";
	info.reason = NULL;
	jit_trace_start(vm, &t, &place);
	jit_trace_aborted(vm, &t, &info);
	came(JIT_PROBE_ABORT);
	CHECK_EQ(e()->abort.count, 1);
	CHECK_STR(e()->abort.reason, "ABORT_BAD_LOOP");
	CHECK_STR(e()->abort.greenkey, "y.lua:2");
	jit_abort_semaphore--;
	jit_vm_destroy(vm);
}

TEST(a_flush_is_one_event)
{
	jit_vm *vm = unit_vm();

	for (int i = 0; i < 10; i++)
		unit_loop(vm);
	raise_all(1);
	jit_flushed(vm, "mcode full");
	came(JIT_PROBE_FLUSH);
	CHECK_EQ(e()->flush.dropped, 10);
	CHECK_EQ(e()->flush.flushed_no, 10);
	CHECK_EQ(e()->flush.vm, 1);
	CHECK_STR(e()->flush.cause, "mcode full");
	CHECK_EQ(e()->totals.counters.TOTAL_FREED_LOOPS, 10);
	raise_all(-1);
	jit_vm_destroy(vm);
}

TEST(take_over_tells_only_if_asked)
{
	struct jit_vm_config config = {.jitdriver_name = "own", .own_counters = 1};
	uint64_t counters[] = {5};
	struct jit_trace t;
	jit_vm *vm;

	CHECK_EQ(jit_vm_create(&vm, &config), 0);
	raise_all(1);
	jit_take_over(vm, counters, 1, 10, 20, 0);
	CHECK_EQ(e()->seq, 0);
	jit_take_over(vm, counters, 1, 10, 20, 1);
	came(JIT_PROBE_UPDATE);
	CHECK_EQ(e()->totals.counters.TRACING, 5);
	CHECK_EQ(e()->totals.times.backend_ns, 20);
	/* Such a VM learns of a trace when it is over; its start is no event. */
	jit_trace_start(vm, &t, &(struct jit_trace_place){.type = JIT_TYPE_LOOP});
	CHECK_EQ(e()->seq, 1);
	raise_all(-1);
	jit_vm_destroy(vm);
}

static int compile_in_hook(void *data, const JitLoopInfo *info)
{
	(void)info;
	unit_loop(data);
	return 0;
}

TEST(probes_fire_inside_a_hook_too)
{
	jit_vm *vm = unit_vm();

	jit_compile_semaphore++;
	jit_set_compile_hook(vm, compile_in_hook, vm, 0, NULL);
	unit_loop(vm);
	CHECK_EQ(e()->seq, 2);
	CHECK_EQ(e()->trace_no, 2);
	jit_compile_semaphore--;
	jit_vm_destroy(vm);
}

void suite_events(void)
{
	unit_suite("events");
	ADD(enabled_is_the_semaphore);
	ADD(nothing_fires_while_nobody_is_attached);
	ADD(a_loop_tells_start_optimize_compile_free);
	ADD(a_bridge_tells_its_parent_and_exit);
	ADD(an_abort_tells_place_reason_and_count);
	ADD(a_flush_is_one_event);
	ADD(take_over_tells_only_if_asked);
	ADD(probes_fire_inside_a_hook_too);
}
