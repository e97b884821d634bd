/* SPDX-License-Identifier: BSD-2-Clause */
/* counting.c - a VM whose loops run as often as a test says. */
#include <unistd.h>

#include <jithooks/probes.h>

#include "counting.h"

uint32_t in_page(void)
{
	return (uint32_t)((size_t)sysconf(_SC_PAGESIZE) / sizeof(struct jit_run));
}

static int count_runs(void *ctx, unsigned how)
{
	struct told *t = ctx;

	t->calls++;
	t->how = how;
	return t->err;
}

jit_vm *vm_that_counts(struct told *t)
{
	struct jit_vm_config config = {.jitdriver_name = "unit",
				       .ctx = t,
				       .count_runs = count_runs};
	jit_vm *vm;

	CHECK_EQ(jit_vm_create(&vm, &config), 0);
	return vm;
}

jit_vm *vm_that_is_watched(struct told *t, struct observer *o)
{
	jit_vm *vm;

	observer_directory();
	observer_start(o, 1, PLENTY);
	vm = vm_that_counts(t);
	observer_attach(1);
	jit_runs_update(vm);
	return vm;
}

void end_watched(jit_vm *vm, struct observer *o)
{
	jit_vm_destroy(vm);
	observer_stop(o);
	observer_remove_directory();
}

/* As compiled code does it. */
void run(uint64_t *count, uint64_t times)
{
	for (uint64_t i = 0; i < times; i++)
		++*(volatile uint64_t *)count;
}

uint64_t overflowed(void)
{
	JitInfoSnapshot *s = jit_get_stats_snapshot();
	uint64_t n;

	CHECK(s);
	n = s->overflow_runs;
	jit_free_stats_snapshot(s);
	return n;
}

uint32_t slot_of(uint64_t no)
{
	CHECK(jit_region_loop(no));
	return jit_region_loop(no)->loop.run_slot;
}

uint64_t in_map(const struct observer *o, uint64_t no)
{
	return observer_runs(o, jit_region->instance, slot_of(no));
}

void attach_to_loop_run(int by)
{
	__atomic_add_fetch(&jit_loop__run_semaphore, (unsigned short)by, __ATOMIC_RELAXED);
}
