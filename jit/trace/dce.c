/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dce.c - takes out what nobody needs.
 *
 * Needed are effects and guards, what they and their snapshots name, and so on
 * backwards. A label's value is needed if its arg_* is; one that is not goes, with
 * what the jump gives for it. Places move, so the list is renumbered at the end.
 */
#include <stdlib.h>
#include <string.h>

#include "opt.h"

static bool is_root(const IrOp *op)
{
	unsigned flags = ir_info[op->opcode].flags;

	if (op->opcode == IR_ARG_I || op->opcode == IR_ARG_F || op->opcode == IR_ARG_R ||
	    op->opcode == IR_LABEL)
		return false;
	if (op->opcode == IR_JUMP)
		return op->descr > 0;
	if (flags & IR_CALL && helper_info[op->descr].effects & (HELPER_WRITES | HELPER_FORCES))
		return true;
	return flags & (IR_EFFECT | IR_GUARD | IR_FINAL);
}

static bool mark(Ir *ir, IrRef ref)
{
	if (ref < 0 || ir->ops[ref].mark)
		return false;
	ir->ops[ref].mark = 1;
	return true;
}

static void mark_needed_by(Ir *ir, const IrOp *op)
{
	const IrRef *args = ir_args(ir, op);
	const Snapshot *s;

	for (unsigned i = 0; i < op->nargs; i++)
		mark(ir, args[i]);
	if (op->snapshot < 0)
		return;
	s = &ir->snapshots[op->snapshot];
	for (uint32_t i = 0; i < s->entries; i++)
		mark(ir, ir->snapshot_entries[s->entry + i].ref);
}

static bool is_label_value(const IrOp *op)
{
	return op->opcode == IR_ARG_I || op->opcode == IR_ARG_F || op->opcode == IR_ARG_R;
}

/* The label's value n: needed at the label and, for the next turn, at the jump. */
static bool mark_label_value(Ir *ir, int32_t n)
{
	const IrOp *label = &ir->ops[ir->label], *jump = &ir->ops[ir->n_ops - 1];
	bool more = mark(ir, ir_args(ir, jump)[n]);

	return mark(ir, ir_args(ir, label)[n]) || more;
}

/* Backwards over the list until a turn of the loop adds nothing. */
static void mark_all(Ir *ir)
{
	bool again = true;

	while (again) {
		again = false;
		for (uint32_t n = ir->n_ops; n > 0; n--) {
			const IrOp *op = &ir->ops[n - 1];

			if (!op->mark && !is_root(op))
				continue;
			ir->ops[n - 1].mark = 1;
			if (is_label_value(op))
				again |= mark_label_value(ir, op->descr);
			else
				mark_needed_by(ir, op);
		}
	}
}

/* One allocation that is not needed and made in each turn stays as a count. */
static void count_removed(Ir *ir)
{
	for (uint32_t at = (uint32_t)(ir->label + 1); at < ir->n_ops; at++) {
		IrOp *op = &ir->ops[at];

		if (op->mark || !(ir_info[op->opcode].flags & IR_CALL) ||
		    !(helper_info[op->descr].effects & HELPER_ALLOCATES))
			continue;
		*op = (IrOp){.opcode = IR_COUNT_REMOVED,
			     .type = 'v',
			     .mark = 1,
			     .descr = -1,
			     .snapshot = -1,
			     .line = op->line};
		return;
	}
}

/* Takes values that are not needed out of label and jump; kept[n] becomes n's new number. */
static void shrink_label(Ir *ir, int32_t *kept)
{
	IrOp *label = &ir->ops[ir->label], *jump = &ir->ops[ir->n_ops - 1];
	IrRef *to_label = ir->args + label->arg[0], *to_jump = ir->args + jump->arg[0];
	uint16_t n = 0;

	for (unsigned i = 0; i < label->nargs; i++)
		kept[i] = -1;
	for (uint32_t at = 0; at < ir->n_ops; at++)
		if (is_label_value(&ir->ops[at]) && ir->ops[at].mark)
			kept[ir->ops[at].descr] = 0;
	for (unsigned i = 0; i < label->nargs; i++) {
		if (kept[i] < 0)
			continue;
		kept[i] = n;
		to_label[n] = to_label[i];
		to_jump[n] = to_jump[i];
		n++;
	}
	label->nargs = jump->nargs = n;
	label->mark = jump->mark = 1;
}

static IrRef moved(const IrRef *places, IrRef ref)
{
	return ref < 0 ? ref : places[ref];
}

static void renumber(Ir *ir, const IrRef *places)
{
	for (uint32_t at = 0; at < ir->n_ops; at++) {
		IrOp *op = &ir->ops[at];
		IrRef *args = ir_info[op->opcode].flags & IR_MANY ? ir->args + op->arg[0] : op->arg;

		for (unsigned i = 0; i < op->nargs; i++)
			args[i] = moved(places, args[i]);
	}
	for (uint32_t i = 0; i < ir->n_snapshot_entries; i++)
		ir->snapshot_entries[i].ref = moved(places, ir->snapshot_entries[i].ref);
	if (ir->label >= 0)
		ir->label = places[ir->label];
}

/* Snapshots are in the order in which they were taken; so many of the operations are left. */
static uint32_t move_snapshots(Ir *ir, uint32_t next, uint32_t at, uint32_t left)
{
	while (next < ir->n_snapshots && ir->snapshots[next].taken <= at)
		ir->snapshots[next++].taken = left;
	return next;
}

static void take_out(Ir *ir, IrRef *places, const int32_t *kept)
{
	uint32_t to = 0, snapshot = 0;

	for (uint32_t at = 0; at < ir->n_ops; at++) {
		snapshot = move_snapshots(ir, snapshot, at, to);
		places[at] = IR_NONE;
		if (!ir->ops[at].mark)
			continue;
		if (is_label_value(&ir->ops[at]))
			ir->ops[at].descr = kept[ir->ops[at].descr];
		places[at] = (IrRef)to;
		ir->ops[to] = ir->ops[at];
		ir->ops[to++].mark = 0;
	}
	ir->n_ops = to;
	renumber(ir, places);
}

void eliminate_dead_code(Ir *ir)
{
	IrRef *places = malloc(ir->n_ops * sizeof(*places));
	int32_t kept[UINT8_MAX]; /* peel() makes no more */

	if (!places)
		return; /* the list is right as it is */
	for (uint32_t at = 0; at < ir->n_ops; at++)
		ir->ops[at].mark = 0;
	mark_all(ir);
	count_removed(ir);
	if (ir->label >= 0)
		shrink_label(ir, kept);
	take_out(ir, places, kept);
	free(places);
}
