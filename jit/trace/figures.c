/* SPDX-License-Identifier: BSD-2-Clause */
/* figures.c - what the counters are told of a list of operations. */
#include "helpers.h"

unsigned figures_operations(const Ir *ir)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < ir->n_ops; i++)
		n += ir->ops[i].opcode != IR_NOP;
	return n;
}

unsigned figures_guards(const Ir *ir)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < ir->n_ops; i++)
		n += (ir_info[ir->ops[i].opcode].flags & IR_GUARD) != 0;
	return n;
}

/* Guards whose snapshot an earlier one has too. */
static unsigned count_shared(const Ir *ir)
{
	unsigned n = 0;
	int32_t last = -1;

	for (uint32_t i = 0; i < ir->n_ops; i++) {
		if (!(ir_info[ir->ops[i].opcode].flags & IR_GUARD))
			continue;
		n += ir->ops[i].snapshot == last;
		last = ir->ops[i].snapshot;
	}
	return n;
}

/* Tables that are made on the way because they escape. */
static unsigned count_forced(const Ir *ir)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < ir->n_ops; i++)
		n += ir->ops[i].opcode == IR_CALL_R && ir->ops[i].descr == HELPER_TABLE_MAKE;
	return n;
}

/* Places that the table has room for and nothing in. */
static unsigned count_holes(const Ir *ir, IrRef ref)
{
	const IrShape *s = &ir->shapes[ir->ops[ref].descr];
	unsigned room = s->array + s->hash, used = 0;

	for (unsigned i = 0; i < s->keys; i++)
		used += ir->shape_keys[s->key + i].tag != TAG_NIL;
	return room > used ? room - used : 0;
}

/* Tables that exits would make. */
struct virtual_figures {
	unsigned all;
	unsigned reused; /* that an earlier exit has too */
	unsigned holes;
};

static struct virtual_figures count_virtuals(const Ir *ir)
{
	struct virtual_figures figures = {0};
	IrRef found[MAX_VIRTUALS], last = -1;

	for (uint32_t i = 0; ir->n_shapes && i < ir->n_snapshots; i++) {
		unsigned n = ir_virtuals(ir, (int32_t)i, found);

		/* Snapshots are in order, so what is new comes later in the list. */
		for (unsigned k = 0; k < n; k++) {
			figures.reused += found[k] <= last;
			figures.holes += count_holes(ir, found[k]);
			last = found[k] > last ? found[k] : last;
		}
		figures.all += n;
	}
	return figures;
}

void figures_optimized(Jit *jit, const Ir *ir)
{
	struct virtual_figures virtuals = count_virtuals(ir);

	jit_count(jit->vm, JIT_HEAPCACHED_OPS, ir->cached);
	jit_count(jit->vm, JIT_OPT_OPS, figures_operations(ir));
	jit_count(jit->vm, JIT_OPT_GUARDS, figures_guards(ir));
	jit_count(jit->vm, JIT_OPT_GUARDS_SHARED, count_shared(ir));
	jit_count(jit->vm, JIT_OPT_FORCINGS, count_forced(ir));
	jit_count(jit->vm, JIT_NVIRTUALS, virtuals.all);
	jit_count(jit->vm, JIT_NVHOLES, virtuals.holes);
	jit_count(jit->vm, JIT_NVREUSED, virtuals.reused);
}
