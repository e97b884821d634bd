/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * told.c - traces told of when they are over, in plain arguments (hooks.h
 * says for whom).
 */
#include "internal.h"

jit_vm *jit_told_vm(const char *jitdriver_name)
{
	jit_vm *vm;

	jit_vm_create(&vm,
		      &(struct jit_vm_config){.jitdriver_name = jitdriver_name, .own_counters = 1});
	return vm;
}

/* The place of trace `no`, "" if it is not on record. */
static void greenkey_of(uint64_t no, char *to, size_t size)
{
	struct jit_loop_row *row;

	jit_region_lock();
	row = jit_region_loop(no);
	jit_copy(to, size, row ? row->loop.greenkey : "");
	jit_region_unlock();
}

uint64_t jit_told_compiled(jit_vm *vm, unsigned type, uint64_t parent_no, uint64_t vm_no,
			   const char *greenkey, uint64_t asmaddr, uint64_t asmlen,
			   uint64_t operations, uint64_t compile_ns)
{
	char parents[JIT_GREENKEY_LEN];
	struct jit_trace t;

	if (!greenkey) {
		greenkey_of(parent_no, parents, sizeof(parents));
		greenkey = parents;
	}
	jit_trace_start(vm, &t,
			&(struct jit_trace_place){.type = type < JIT_NTYPES ? type : JIT_TYPE_LOOP,
						  .parent_no = parent_no,
						  .vm_no = vm_no,
						  .greenkey = greenkey});
	jit_trace_compiled(vm, &t,
			   &(struct jit_code){.asmaddr = asmaddr,
					      .asmlen = (uint32_t)asmlen,
					      .operations = (uint32_t)operations,
					      .compile_ns = compile_ns});
	return t.no;
}

void jit_told_aborted(jit_vm *vm, unsigned counter, const char *reason, const char *greenkey,
		      uint64_t operations, uint64_t times)
{
	struct jit_trace t;

	for (; times; times--) {
		jit_trace_start(vm, &t,
				&(struct jit_trace_place){.type = JIT_TYPE_LOOP,
							  .greenkey = greenkey ? greenkey : ""});
		jit_trace_aborted(vm, &t,
				  &(struct jit_abort_info){.counter = counter,
							   .reason_id = counter,
							   .operations = (uint32_t)operations,
							   .reason = reason});
	}
}

void jit_told_hook_start(jit_vm *vm)
{
	(void)vm;
	jit_time_start(JIT_TIME_HOOKS);
}

void jit_told_hook_end(jit_vm *vm, int failed)
{
	(void)vm;
	jit_time_end(JIT_TIME_HOOKS);
	if (failed)
		jit_bump(JIT_HOOK_ERRORS, 1);
}
