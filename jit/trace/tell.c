/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tell.c - operations as the hooks of libjithooks see them, and what comes of a list
 * that the optimize hook returns.
 *
 * A ResOperation is made for each operation of the list: a variable's number is the
 * place of the operation that it is the result of, a guard's failargs are the values of
 * its snapshot, in the snapshot's order, and descr_ref is the operation of the list
 * itself: through it an operation of a hook's list has its snapshot.
 */
#include "adopt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC visibility push(default)
#include <jitlua/jitlua.h>
#pragma GCC visibility pop

struct told_list {
	ResOperation *ops;
	struct jit_box *boxes;
	char (*numbers)[IR_DESCR_NUMBER]; /* descr's text, where it is a number */
};

static unsigned count(const Ir *ir)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < ir->n_ops; i++)
		n += ir->ops[i].opcode != IR_NOP;
	return n;
}

/* ---- A list for hooks --------------------------------------------------------------------- */

static unsigned count_failargs(const Ir *ir, const IrOp *op)
{
	const Snapshot *s;
	unsigned n = 0;

	if (op->snapshot < 0)
		return 0;
	s = &ir->snapshots[op->snapshot];
	for (uint32_t i = 0; i < s->entries; i++)
		n += ir->snapshot_entries[s->entry + i].ref != IR_NONE;
	return n;
}

static size_t count_boxes(const Ir *ir)
{
	size_t n = 0;

	for (uint32_t i = 0; i < ir->n_ops; i++)
		n += ir->ops[i].nargs + count_failargs(ir, &ir->ops[i]);
	return n;
}

static struct jit_box box_of(const Ir *ir, IrRef ref)
{
	struct jit_box box = {.type = ir_type(ir, ref)};

	if (ref >= 0) {
		box.id = (uint64_t)ref;
	} else {
		box.constant = 1;
		box.i = ir_constant(ir, ref)->u.i;
	}
	return box;
}

static struct jit_box *fill_args(const Ir *ir, const IrOp *op, ResOperation *to,
				 struct jit_box *boxes)
{
	const IrRef *args = ir_args(ir, op);

	to->args = boxes;
	to->nargs = op->nargs;
	for (unsigned i = 0; i < op->nargs; i++)
		*boxes++ = box_of(ir, args[i]);
	return boxes;
}

static struct jit_box *fill_failargs(const Ir *ir, const IrOp *op, ResOperation *to,
				     struct jit_box *boxes)
{
	const Snapshot *s;

	if (op->snapshot < 0)
		return boxes;
	to->failargs = boxes;
	s = &ir->snapshots[op->snapshot];
	for (uint32_t i = 0; i < s->entries; i++) {
		IrRef ref = ir->snapshot_entries[s->entry + i].ref;

		if (ref != IR_NONE)
			*boxes++ = box_of(ir, ref);
	}
	to->nfailargs = (uint32_t)(boxes - to->failargs);
	to->hash = (uint64_t)op->snapshot + 1;
	return boxes;
}

static void fill(const Ir *ir, const uint32_t *offsets, struct told_list *list)
{
	struct jit_box *boxes = list->boxes;
	ResOperation *to = list->ops;

	for (uint32_t i = 0; i < ir->n_ops; i++) {
		const IrOp *op = &ir->ops[i];

		if (op->opcode == IR_NOP)
			continue;
		*to = (ResOperation){
			.name = ir_info[op->opcode].name,
			.num = op->opcode,
			.line = op->line > 0 ? (uint32_t)op->line : 0,
			.result = {.type = op->type, .id = i},
			.descr_ref = op,
			.offset = offsets ? offsets[i] : 0,
		};
		if (op->descr != -1)
			to->descr = ir_descr_text(op, list->numbers[i]);
		boxes = fill_args(ir, op, to, boxes);
		boxes = fill_failargs(ir, op, to, boxes);
		to++;
	}
}

void jit_tell_done(Trace *t)
{
	if (!t->told)
		return;
	free(t->told->ops);
	free(t->told->boxes);
	free(t->told->numbers);
	free(t->told);
	t->told = NULL;
}

int jit_tell_operations(void *ctx, struct jit_operations *out)
{
	Trace *t = ctx;
	const Ir *ir = &t->ir;
	size_t boxes = count_boxes(ir);
	struct told_list *list;

	jit_tell_done(t);
	list = calloc(1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	t->told = list;
	list->ops = calloc(ir->n_ops + 1, sizeof(*list->ops));
	list->boxes = calloc(boxes + 1, sizeof(*list->boxes));
	list->numbers = calloc(ir->n_ops + 1, sizeof(*list->numbers));
	if (ir->failed || !list->ops || !list->boxes || !list->numbers) {
		jit_tell_done(t);
		return -ENOMEM;
	}
	fill(ir, t->code ? t->offsets : NULL, list);
	*out = (struct jit_operations){list->ops, count(ir)};
	return 0;
}

/* ---- What there is ------------------------------------------------------------------------- */

static const char *kind_of(unsigned flags)
{
	return flags & IR_FINAL	   ? "end"
	       : flags & IR_GUARD  ? "guard"
	       : flags & IR_STORE  ? "store"
	       : flags & IR_CALL   ? "call"
	       : flags & IR_EFFECT ? "effect"
	       : flags & IR_LOAD   ? "load"
	       : flags & IR_PURE   ? "pure"
				   : "";
}

LUA_API const char *jitlua_operation(unsigned i, const char **arguments, char *type,
				     const char **kind)
{
	const struct ir_info *info;

	if (i >= IR_NOP)
		return NULL;
	info = &ir_info[i];
	if (arguments)
		*arguments = info->args;
	if (type)
		*type = info->type;
	if (kind)
		*kind = kind_of(info->flags);
	return info->name;
}

/* ---- The optimize hook ---------------------------------------------------------------------- */

static bool take(Trace *t, const struct jit_operations *list, char message[ADOPT_MESSAGE])
{
	struct adopted new;
	bool good;

	if (!adopt(&t->ir, list, &new, message))
		return false;
	good = ir_verify_replacement(&t->ir, &new.ir, new.origin, message);
	free(new.origin);
	if (!good) {
		ir_close(&new.ir);
		return false;
	}
	ir_close(&t->ir);
	t->ir = new.ir;
	return true;
}

void jit_tell_optimize(Jit *jit, Trace *t, unsigned ops_before)
{
	struct jit_optimize ops = {
		.ops_before = ops_before,
		.ops_after = count(&t->ir),
		.materialize = jit_tell_operations,
		.ctx = t,
	};
	char message[ADOPT_MESSAGE];

	jit->refused[0] = '\0';
	if (jit_optimize(jit->vm, &t->hooks, &ops) == JIT_OPS_REPLACED) {
		const char *why = jit->refused;

		if (!*why)
			why = take(t, &ops.replacement, message) ? NULL : message;
		jit_optimize_verdict(jit->vm, &t->hooks, why);
	}
	jit_tell_done(t);
}
