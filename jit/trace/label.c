/* SPDX-License-Identifier: BSD-2-Clause */
/* label.c - see label.h. */
#include "label.h"

#include <stdlib.h>
#include <string.h>

static bool is_label_value(const IrOp *op)
{
	return op->opcode >= IR_ARG_I && op->opcode <= IR_ARG_R;
}

/* The body needs `ref`, or is made of what is in it. */
static void need(const Ir *ir, IrRef ref, uint8_t *needed)
{
	const IrOp *op;
	const IrRef *args;

	if (ref < 0 || ref >= ir->label)
		return;
	op = ir_op(ir, ref);
	args = ir_args(ir, op);
	if (op->opcode != IR_VIRTUAL)
		needed[ref] = 1;
	/* A backend may compute a node's address where it is used. */
	for (unsigned i = 0; i < op->nargs; i++)
		if (op->opcode == IR_VIRTUAL || op->opcode == IR_NODE_AT)
			need(ir, args[i], needed);
}

static void need_all_of(const Ir *ir, const IrOp *op, uint8_t *needed)
{
	const IrRef *args = ir_args(ir, op);
	const Snapshot *s;

	for (unsigned i = 0; i < op->nargs; i++)
		need(ir, args[i], needed);
	if (op->snapshot < 0)
		return;
	s = &ir->snapshots[op->snapshot];
	for (uint32_t i = 0; i < s->entries; i++)
		need(ir, ir->snapshot_entries[s->entry + i].ref, needed);
}

unsigned label_values(const Ir *ir, IrRef out[MAX_LABEL_VALUES])
{
	const IrOp *label = ir_op(ir, ir->label);
	unsigned n = label->nargs;
	uint8_t *needed;

	if (n > MAX_LABEL_VALUES)
		return MAX_LABEL_VALUES + 1;
	needed = calloc((size_t)ir->label + 1, 1);
	if (!needed)
		return MAX_LABEL_VALUES + 1;
	memcpy(out, ir_args(ir, label), n * sizeof(*out));
	for (uint32_t at = (uint32_t)ir->label + 1; at < ir->n_ops; at++)
		need_all_of(ir, &ir->ops[at], needed);
	for (IrRef ref = 0; ref < ir->label && n <= MAX_LABEL_VALUES; ref++) {
		if (!needed[ref])
			continue;
		if (n < MAX_LABEL_VALUES)
			out[n] = ref;
		n++;
	}
	free(needed);
	return n;
}

const IrOp *label_guard(const Ir *ir)
{
	for (uint32_t at = (uint32_t)ir->label + 1; at < ir->n_ops; at++) {
		const IrOp *op = &ir->ops[at];

		if (op->opcode == IR_GUARD_NOT_INVALIDATED)
			return op;
		if (ir_info[op->opcode].flags & (IR_GUARD | IR_STORE | IR_CALL | IR_EFFECT) &&
		    !is_label_value(op))
			return NULL;
	}
	return NULL;
}

/* Of the slots in `slots`, those that snapshot n says too. */
static void keep_said(const Ir *ir, int32_t n, RegisterSet *slots)
{
	const Snapshot *s = &ir->snapshots[n];
	RegisterSet said = {0};

	for (uint32_t i = 0; i < s->entries; i++) {
		int slot = ir->snapshot_entries[s->entry + i].slot;

		if (slot >= 0 && slot < MAX_SLOTS)
			set_add(&said, slot);
	}
	for (int i = 0; i < MAX_SLOTS / 64; i++)
		slots->bits[i] &= said.bits[i];
}

static bool reads_slot(enum ir_opcode opcode)
{
	return opcode >= IR_GETSLOT_TAG && opcode <= IR_SLOT_ADDRESS;
}

_Static_assert(IR_SLOT_ADDRESS - IR_GETSLOT_TAG == 4, "tag, i, f, r, address");

void label_dead_slots(const Ir *ir, RegisterSet *slots)
{
	bool forced = false;

	memset(slots, 0xff, sizeof(*slots));
	for (uint32_t at = (uint32_t)ir->label + 1; at < ir->n_ops; at++) {
		const IrOp *op = &ir->ops[at];

		if (reads_slot(op->opcode) && op->descr >= 0 && op->descr < MAX_SLOTS)
			slots->bits[op->descr / 64] &= ~(UINT64_C(1) << op->descr % 64);
		/* A call that may do anything has written its snapshot to the stack. */
		if (op->snapshot >= 0 && !forced)
			keep_said(ir, op->snapshot, slots);
		forced |= op->opcode == IR_CALL_MAY_FORCE_I;
	}
}
