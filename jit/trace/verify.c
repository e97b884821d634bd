/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.c - is a list of operations well formed.
 *
 * Asked after every pass in debug builds, of every list that an optimize hook returns,
 * and of parsed tests. A list that passes can be compiled: every reference is defined
 * before its use and has the right type, descr is in range, every exit can rebuild the
 * stack. Whether it does what another list does is asked in replace.c.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "helpers.h"
#include "ir.h"

#define MESSAGE_SIZE 160
#define MAX_SLOT 2000

struct check {
	const Ir *ir;
	IrRef at;
	char *message;
};

static bool wrong(const struct check *c, const char *format, ...)
{
	const IrOp *op = ir_op(c->ir, c->at);
	va_list arguments;
	int n;

	n = snprintf(c->message, MESSAGE_SIZE, "operation %d, %s: ", c->at,
		     op->opcode < IR_OPCODE_COUNT ? ir_info[op->opcode].name : "?");
	va_start(arguments, format);
	vsnprintf(c->message + n, MESSAGE_SIZE - (size_t)n, format, arguments);
	va_end(arguments);
	return false;
}

/* What descr names is not there. */
static bool no_such(const struct check *c, const char *what, int32_t descr)
{
	return descr == -1 ? wrong(c, "has no descr, which is to name a %s", what)
			   : wrong(c, "no %s %d", what, descr);
}

/* A reference that is used at c->at, of one of the types in `types` ('?': any). */
static bool check_ref(const struct check *c, IrRef ref, char type, const char *what)
{
	char found;

	if (ref == IR_NONE)
		return wrong(c, "%s is missing", what);
	if (ref >= c->at)
		return wrong(c, "%s, %d, is not defined before it", what, ref);
	if (ref < 0 && (uint32_t)~ref >= c->ir->n_constants)
		return wrong(c, "%s is a constant that is not there", what);
	found = ir_type(c->ir, ref);
	if (found == 'v')
		return wrong(c, "%s, %d, has no result", what, ref);
	if (type != '?' && found != type)
		return wrong(c, "%s has type %c, not %c", what, found, type);
	return true;
}

static bool is_virtual(const Ir *ir, IrRef ref)
{
	return ref >= 0 && ir->ops[ref].opcode == IR_VIRTUAL;
}

/* ---- Arguments, descr ---------------------------------------------------------------------- */

static bool check_call(const struct check *c, const IrOp *op, const IrRef *args)
{
	const struct helper_info *h;
	char what[20];

	if ((uint32_t)op->descr >= HELPER_COUNT)
		return no_such(c, "helper", op->descr);
	h = &helper_info[op->descr];
	if (h->type != op->type)
		return wrong(c, "%s has a result of type %c", h->name, h->type);
	if (op->nargs != strlen(h->args))
		return wrong(c, "%s takes %zu arguments, not %u", h->name, strlen(h->args),
			     op->nargs);
	if (!(h->effects & HELPER_FORCES) != (op->opcode != IR_CALL_MAY_FORCE_I))
		return wrong(c, "%s is not called so", h->name);
	for (unsigned i = 0; i < op->nargs; i++) {
		snprintf(what, sizeof(what), "argument %u", i + 1);
		if (!check_ref(c, args[i], h->args[i], what))
			return false;
		if (is_virtual(c->ir, args[i]))
			return wrong(c, "%s is virtual", what);
	}
	return true;
}

static bool is_value_tag(int32_t tag)
{
	return tag >= 0 && tag <= UINT8_MAX && (tag & 0x0f) < LUA_NUMTYPES;
}

/* The tag that a store writes goes with the type of what it stores. */
static bool check_stored(const struct check *c, const IrOp *op, IrRef value)
{
	int32_t tag = op->descr;
	char type = ir_type(c->ir, value);

	if (!is_value_tag(tag))
		return no_such(c, "tag", tag);
	if ((tag == TAG_INTEGER && type != 'i') || (tag == TAG_FLOAT && type != 'f') ||
	    ((tag & TAG_COLLECTABLE) && type != 'r'))
		return wrong(c, "a value of type %c is stored under tag %d", type, tag);
	return true;
}

/* The metatable, then values that have the types of the shape's tags. */
static bool check_virtual(const struct check *c, const IrOp *op, const IrRef *args)
{
	const Ir *ir = c->ir;
	const IrShape *s = &ir->shapes[op->descr];

	if ((uint32_t)op->descr >= ir->n_shapes)
		return no_such(c, "shape", op->descr);
	if (s->keys > MAX_SHAPE_KEYS || (uint64_t)s->key + s->keys > ir->n_shape_keys)
		return wrong(c, "has a shape with keys that are not there");
	if (op->nargs != s->keys + 1)
		return wrong(c, "%u arguments expected, %u found", s->keys + 1, op->nargs);
	if (ir_type(ir, args[0]) != 'r' || is_virtual(ir, args[0]))
		return wrong(c, "its metatable is no table");
	for (unsigned i = 1; i < op->nargs; i++) {
		const ShapeKey *k = &ir->shape_keys[s->key + i - 1];
		IrOp store = {.descr = k->tag};

		if (!ir_is_constant(k->key) || (uint32_t)~k->key >= ir->n_constants ||
		    ir_type(ir, k->key) == 'f')
			return wrong(c, "key %u is no constant integer or string", i);
		if (!check_stored(c, &store, args[i]))
			return false;
	}
	return true;
}

static bool check_descr(const struct check *c, const IrOp *op, const IrRef *args)
{
	switch (op->opcode) {
	case IR_VIRTUAL:
		return check_virtual(c, op, args);
	case IR_GETFIELD_I:
	case IR_GETFIELD_R:
		return (uint32_t)op->descr < IR_FIELD_COUNT || no_such(c, "field", op->descr);
	case IR_SETVALUE:
	case IR_SETNODE:
		return check_stored(c, op, args[1]);
	case IR_SETARRAYITEM:
		return check_stored(c, op, args[2]);
	case IR_GETSLOT_TAG:
	case IR_GETSLOT_I:
	case IR_GETSLOT_F:
	case IR_GETSLOT_R:
	case IR_SLOT_ADDRESS:
	case IR_GUARD_TOP:
		return (op->descr >= -MAX_SLOT && op->descr < MAX_SLOT) ||
		       wrong(c, "no slot %d", op->descr);
	case IR_GUARD_FRAME_STATUS:
	case IR_GUARD_FRAME_EXTRA:
	case IR_GUARD_FRAME_PC:
		if (!ir_is_constant(args[0]))
			return wrong(c, "argument 1 is no constant");
		__attribute__((fallthrough));
	case IR_LEAVE_PCALL:
		return op->descr >= 0 || no_such(c, "frame", op->descr);
	case IR_NODE_AT:
	case IR_GETUPVALUE:
		return op->descr >= 0 || no_such(c, "number", op->descr);
	case IR_GUARD_VALUE:
		if (ir_type(c->ir, args[0]) == 'f' ||
		    ir_type(c->ir, args[0]) != ir_type(c->ir, args[1]))
			return wrong(c, "compares types %c and %c", ir_type(c->ir, args[0]),
				     ir_type(c->ir, args[1]));
		return ir_is_constant(args[1]) || wrong(c, "argument 2 is no constant");
	default:
		return true;
	}
}

static bool check_arguments(const struct check *c, const IrOp *op)
{
	const struct ir_info *info = &ir_info[op->opcode];
	const IrRef *args;
	char what[20];

	if (info->flags & IR_MANY) {
		if ((uint64_t)(uint32_t)op->arg[0] + op->nargs > c->ir->n_args)
			return wrong(c, "arguments that are not there");
	} else if (op->nargs != strlen(info->args)) {
		return wrong(c, "%zu arguments expected, %u found", strlen(info->args), op->nargs);
	}
	args = ir_args(c->ir, op);
	if (info->flags & IR_CALL)
		return check_call(c, op, args);
	for (unsigned i = 0; i < op->nargs; i++) {
		snprintf(what, sizeof(what), "argument %u", i + 1);
		if (!check_ref(c, args[i], info->flags & IR_MANY ? '?' : info->args[i], what))
			return false;
		if (is_virtual(c->ir, args[i]) && op->opcode != IR_VIRTUAL)
			return wrong(c, "argument %u is virtual", i + 1);
	}
	return check_descr(c, op, args);
}

/* ---- Snapshots --------------------------------------------------------------------------------
 */

static bool check_entry(const struct check *c, const Snapshot *s, const SnapshotEntry *e)
{
	char what[32], type;

	if (e->slot < (s->below ? -MAX_SLOT : -1) || e->slot >= MAX_SLOT)
		return wrong(c, "slot %d in its snapshot", e->slot);
	if (!is_value_tag(e->tag))
		return wrong(c, "tag %d in its snapshot", e->tag);
	if (e->ref == IR_NONE)
		return e->tag == TAG_NIL || e->tag == TAG_FALSE || e->tag == TAG_TRUE ||
		       wrong(c, "slot %d of its snapshot has no value", e->slot);
	snprintf(what, sizeof(what), "slot %d of its snapshot", e->slot);
	type = e->tag == TAG_INTEGER ? 'i' : e->tag == TAG_FLOAT ? 'f' : 'r';
	return check_ref(c, e->ref, type, what);
}

static bool check_snapshot(const struct check *c, const IrOp *op)
{
	const Ir *ir = c->ir;
	IrRef virtuals[MAX_VIRTUALS];
	const Snapshot *s;
	unsigned n;
	bool wanted = ir_info[op->opcode].flags & IR_GUARD || op->opcode == IR_CALL_MAY_FORCE_I ||
		      (op->opcode == IR_JUMP && op->descr > 0);

	if (op->snapshot < 0)
		return !wanted || wrong(c, "has no snapshot");
	if ((uint32_t)op->snapshot >= ir->n_snapshots)
		return wrong(c, "has a snapshot that is not there");
	s = &ir->snapshots[op->snapshot];
	if ((uint64_t)s->entry + s->entries > ir->n_snapshot_entries ||
	    (uint64_t)s->frame + s->frames > ir->n_snapshot_frames)
		return wrong(c, "has a snapshot with entries that are not there");
	for (uint32_t i = 0; i < s->entries; i++)
		if (!check_entry(c, s, &ir->snapshot_entries[s->entry + i]))
			return false;
	n = ir_virtuals(ir, op->snapshot, virtuals);
	if (n > MAX_VIRTUALS)
		return wrong(c, "its snapshot has more than %d virtual tables", MAX_VIRTUALS);
	return !n || op->opcode != IR_CALL_MAY_FORCE_I || wrong(c, "would see a virtual table");
}

/* ---- Control ------------------------------------------------------------------------------------
 */

static bool check_jump(const struct check *c, const IrOp *op)
{
	const Ir *ir = c->ir;
	const IrOp *label;
	const IrRef *from, *to;

	/* What the other trace's label takes is known to who made the jump. */
	if (op->descr > 0)
		return ir->label < 0 || wrong(c, "leads to another trace, and there is a label");
	if (ir->label < 0)
		return op->nargs == 0 || wrong(c, "there is no label");
	label = ir_op(ir, ir->label);
	if (label->nargs != op->nargs)
		return wrong(c, "gives %u values to a label of %u", op->nargs, label->nargs);
	from = ir_args(ir, op);
	to = ir_args(ir, label);
	for (unsigned i = 0; i < op->nargs; i++)
		if (ir_type(ir, from[i]) != ir_type(ir, to[i]))
			return wrong(c, "value %u has type %c, the label's %c", i + 1,
				     ir_type(ir, from[i]), ir_type(ir, to[i]));
	return true;
}

/* arg_*: value number descr of the label, which stands before it. */
static bool check_label_value(const struct check *c, const IrOp *op)
{
	const Ir *ir = c->ir;
	const IrOp *label;

	if (ir->label < 0 || ir->label > c->at)
		return wrong(c, "stands before the label");
	label = ir_op(ir, ir->label);
	if ((uint32_t)op->descr >= label->nargs)
		return no_such(c, "value of the label", op->descr);
	return ir_type(ir, ir_args(ir, label)[op->descr]) == op->type ||
	       wrong(c, "the label's value %d has another type", op->descr);
}

static bool check_control(const struct check *c, const IrOp *op)
{
	bool last = (uint32_t)c->at + 1 == c->ir->n_ops;

	if (!(ir_info[op->opcode].flags & IR_FINAL) != !last)
		return wrong(c, last ? "the list ends without jump or finish"
				     : "stands before the end of the list");
	switch (op->opcode) {
	case IR_LABEL:
		return c->ir->label == c->at || wrong(c, "is a second label");
	case IR_JUMP:
		return check_jump(c, op);
	case IR_ARG_I:
	case IR_ARG_F:
	case IR_ARG_R:
		return check_label_value(c, op);
	default:
		return true;
	}
}

static bool check_operation(const struct check *c)
{
	const IrOp *op = ir_op(c->ir, c->at);

	if (op->opcode >= IR_OPCODE_COUNT)
		return wrong(c, "no operation %u", op->opcode);
	if (op->type != ir_info[op->opcode].type)
		return wrong(c, "its result has type %c", ir_info[op->opcode].type);
	return check_arguments(c, op) && check_snapshot(c, op) && check_control(c, op);
}

bool ir_verify(const Ir *ir, char message[MESSAGE_SIZE])
{
	struct check c = {.ir = ir, .message = message};

	if (!ir->n_ops) {
		snprintf(message, MESSAGE_SIZE, "the list is empty");
		return false;
	}
	if (ir->label >= 0 &&
	    ((uint32_t)ir->label >= ir->n_ops || ir->ops[ir->label].opcode != IR_LABEL)) {
		snprintf(message, MESSAGE_SIZE, "the label is not where it should be");
		return false;
	}
	for (; (uint32_t)c.at < ir->n_ops; c.at++)
		if (!check_operation(&c))
			return false;
	return true;
}
