/* SPDX-License-Identifier: BSD-2-Clause */
/* runs.c - are loop runs counted, and how? */
#include <errno.h>
#include <stdlib.h>

#include <jithooks/probes.h>

#include "internal.h"

static bool from_the_start(void)
{
	const char *text = secure_getenv("JITHOOKS_COUNT_RUNS");

	return text && *text && strcmp(text, "0") != 0;
}

/* How the VM has to count now. */
static unsigned wished(const jit_vm *vm)
{
	if (JIT_PROBE_ON(loop__run))
		return JIT_RUNS_MEMORY | JIT_RUNS_PROBE;
	return vm->debug || JIT_PROBE_ON(runs) || from_the_start() ? JIT_RUNS_MEMORY : 0;
}

static int count(jit_vm *vm)
{
	unsigned how = wished(vm);
	int err;

	if (!vm->config.count_runs)
		return -ENOTSUP;
	if (how == vm->how)
		return 0;
	err = vm->config.count_runs(vm->config.ctx, how);
	if (!err)
		vm->how = how;
	return err;
}

static int set_debug(jit_vm *vm, bool on)
{
	bool before = vm->debug;
	int err;

	vm->debug = on;
	err = count(vm);
	if (err)
		vm->debug = before;
	return err;
}

int jit_enable_debug(jit_vm *vm)
{
	return set_debug(vm, true);
}

int jit_disable_debug(jit_vm *vm)
{
	return set_debug(vm, false);
}

unsigned jit_runs_update(jit_vm *vm)
{
	int saved = errno;

	count(vm);
	errno = saved;
	return vm->how;
}
