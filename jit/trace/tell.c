/* SPDX-License-Identifier: BSD-2-Clause */
/* tell.c - operations for the hooks of libjithooks. */
#include "trace.h"

static unsigned count(const Ir *ir)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < ir->n_ops; i++)
		n += ir->ops[i].opcode != IR_NOP;
	return n;
}

void jit_tell_optimize(Jit *jit, Trace *t, unsigned ops_before)
{
	struct jit_optimize ops = {.ops_before = ops_before, .ops_after = count(&t->ir)};

	if (jit_optimize(jit->vm, &t->hooks, &ops) == JIT_OPS_REPLACED)
		jit_optimize_verdict(jit->vm, &t->hooks, "lists cannot be replaced yet");
}
