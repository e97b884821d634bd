/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * join.c - a jump to the label of a loop that is another trace: each value that the loop
 * has there goes to where the loop has it, in a register, in a spill slot, or in both.
 */
#include "../trace/label.h"
#include "x64.h"

/* The argument of the jump for a value that the loop has at its label; -1: none. */
static int argument_for(const Ir *loop, const IrRef *wanted, unsigned n, IrRef ref)
{
	const IrOp *op = ir_op(loop, ref);

	if (ref > loop->label)
		return op->descr;
	for (unsigned i = ir_op(loop, loop->label)->nargs; i < n; i++)
		if (wanted[i] == ref)
			return (int)i;
	return -1;
}

static const Trace *target(const Compile *c, const IrOp *jump)
{
	const Trace *to = c->jit->traces[jump->descr];

	return to && to->code ? to : NULL;
}

static bool is_called_before(const Compile *c, IrRef ref, IrRef end)
{
	int32_t call = c->next_call[ref + 1];

	return call >= 0 && call < end;
}

void hint_join(Compile *c)
{
	IrRef wanted[MAX_LABEL_VALUES], end = (IrRef)c->ir->n_ops - 1;
	const IrOp *jump = ir_op(c->ir, end);
	const MachineTrace *x;
	const Trace *to;

	if (jump->opcode != IR_JUMP || jump->descr <= 0 || !(to = target(c, jump)) ||
	    label_values(&to->ir, wanted) != jump->nargs)
		return;
	x = to->backend;
	for (uint32_t i = 0; i < x->n_label; i++) {
		int8_t reg = x->label[i].reg;
		int n = argument_for(&to->ir, wanted, jump->nargs, x->label[i].ref);
		IrRef ref = n < 0 ? IR_NONE : ir_args(c->ir, jump)[n];

		if (reg != NO_REG && ref >= 0 &&
		    (CALLEE_SAVED & bit(reg) || !is_called_before(c, ref, end)))
			c->values[ref].hint = reg;
	}
}

/* false: the jump does not say what a value is. */
static bool list_moves(Compile *c, const IrOp *jump, const Trace *to, Move *moves, unsigned *n)
{
	const MachineTrace *x = to->backend;
	const IrRef *args = ir_args(c->ir, jump);
	IrRef wanted[MAX_LABEL_VALUES];
	unsigned values = label_values(&to->ir, wanted);

	if (values != jump->nargs || x->n_label > MAX_MOVES / 2)
		return false;
	for (uint32_t i = 0; i < x->n_label; i++) {
		const LabelLocation *l = &x->label[i];
		int argument = argument_for(&to->ir, wanted, values, l->ref);

		if (argument < 0)
			return false;
		if (l->reg != NO_REG)
			add_move(c, moves, n, (Location)l->reg, args[argument]);
		if (l->slot >= 0)
			add_move(c, moves, n, (Location)(LOCATION_SLOT + l->slot), args[argument]);
	}
	return true;
}

void compile_join(Compile *c, const IrOp *op)
{
	const Snapshot *s = &c->ir->snapshots[op->snapshot];
	const Trace *to = target(c, op);
	const MachineTrace *x;
	RegisterSet dead;
	Move moves[MAX_MOVES];
	unsigned n = 0;
	uint32_t record;

	/* Frames are written with the help of these. */
	if (s->frames || s->below)
		evict(c, bit(RCX) | bit(RDX));
	record = new_record(c, op);
	if (c->failed)
		return;
	if (!to || !list_moves(c, op, to, moves, &n)) {
		exit_if(c, record, -1);
		return;
	}
	label_dead_slots(&to->ir, &dead);
	c->x->records[record].has_stub = true;
	go_on(&c->code, c->t, c->x, &c->x->records[record], to, (struct refuge){FIX_EXIT, record},
	      &dead);
	move_all(c, moves, n);
	x = to->backend;
	if (x->has_count_base)
		emit_count_base(c->m, &c->code);
	emit_jump_fixup(&c->code, -1, FIX_ADDRESS, (uintptr_t)to->code + x->label_code);
}
