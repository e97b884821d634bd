/* SPDX-License-Identifier: BSD-2-Clause */
/* test_vm.c - the VM that the tests of libjithooks drive. */
#include "../../jit/hooks/internal.h"
#include "unit.h"

jit_vm *unit_vm(void)
{
	struct jit_vm_config config = {.jitdriver_name = "unit"};
	jit_vm *vm;

	CHECK_EQ(jit_vm_create(&vm, &config), 0);
	return vm;
}

uint64_t unit_compile(jit_vm *vm, enum jit_trace_type type, uint64_t parent, const char *place)
{
	struct jit_trace_place at = {.type = type, .parent_no = parent, .greenkey = place};
	struct jit_code code = {.asmaddr = 0x1000, .asmlen = 64, .operations = 10};
	struct jit_trace t;

	jit_trace_start(vm, &t, &at);
	jit_trace_compiled(vm, &t, &code);
	return t.no;
}

uint64_t unit_loop(jit_vm *vm)
{
	return unit_compile(vm, JIT_TYPE_LOOP, 0, "unit:1");
}

void unit_abort(jit_vm *vm, enum jit_counter counter, const char *reason, const char *place)
{
	struct jit_trace_place at = {.type = JIT_TYPE_LOOP, .greenkey = "unit:1"};
	struct jit_abort_info info = {.counter = counter, .reason = reason, .greenkey = place};
	struct jit_trace t;

	jit_trace_start(vm, &t, &at);
	jit_trace_aborted(vm, &t, &info);
}

uint64_t unit_counter(enum jit_counter counter)
{
	JitInfoSnapshot *s = jit_get_stats_snapshot();
	uint64_t n;

	CHECK(s);
	n = ((const __u64 *)&s->counters)[counter];
	jit_free_stats_snapshot(s);
	return n;
}

uint64_t unit_runs(uint64_t no)
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

void unit_spin(uint64_t ns)
{
	uint64_t end = jit_now() + ns;

	while (jit_now() < end)
		;
}
