/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - what loads read: values that the trace has loaded or stored before.
 *
 * Memory comes in kinds that never overlap (slots, fields, variables, array
 * elements, nodes), so a load is only held against stores of its kind, from the
 * newest back: the first that is certainly the same place has the answer, one that
 * may be the same place ends the search. Fields, keys of nodes and blocks of tables
 * change in calls only.
 *
 * Two places are certainly apart: elements of one array at indices that differ by a
 * constant; nodes whose keys were guarded to be different; nodes of one block at
 * different places; variables of different upvalues; different slots.
 *
 * And what nobody reads: a store is dead if another to certainly the same place comes
 * before anything can see it. A guard does, since the interpreter goes on with memory as
 * it is there; so do calls that are not pure, and the label. Write barriers do not: they
 * look at no place in the container.
 */
#include "opt.h"

enum kind { SLOT, FIELD, KEY, VARIABLE, ELEMENT, NODE };

static enum kind kind_of(enum ir_opcode opcode)
{
	switch (opcode) {
	case IR_GETSLOT_TAG:
	case IR_GETSLOT_I:
	case IR_GETSLOT_F:
	case IR_GETSLOT_R:
	case IR_SLOT_ADDRESS:
		return SLOT;
	case IR_GETVALUE_TAG:
	case IR_GETVALUE_I:
	case IR_GETVALUE_F:
	case IR_GETVALUE_R:
		return VARIABLE;
	case IR_GETARRAYITEM_TAG:
	case IR_GETARRAYITEM_I:
	case IR_GETARRAYITEM_F:
	case IR_GETARRAYITEM_R:
		return ELEMENT;
	case IR_GETNODE_TAG:
	case IR_GETNODE_I:
	case IR_GETNODE_F:
	case IR_GETNODE_R:
		return NODE;
	case IR_GETNODE_KEY:
	case IR_GETNODE_KEYTAG:
		return KEY;
	default:
		return FIELD;
	}
}

/* What may have changed all memory of a kind: loads before it are not used after it. */
static int32_t barrier(const Opt *o, enum kind kind)
{
	switch (kind) {
	case SLOT:
		return o->forces;
	case VARIABLE:
		/* Jit.operands and Jit.result are written by helpers. */
		return o->last_call;
	default:
		return o->calls;
	}
}

/* ---- Aliases -----------------------------------------------------------------------------------
 */

enum alias { SAME, APART, MAYBE };

/* x + c as (x, c). */
static IrRef base_and_offset(const Opt *o, IrRef ref, lua_Integer *offset)
{
	const IrOp *op;

	*offset = 0;
	if (ir_is_constant(ref)) {
		*offset = ir_constant(o->to, ref)->u.i;
		return IR_NONE;
	}
	op = ir_op(o->to, ref);
	if (op->opcode != IR_INT_ADD || !ir_is_constant(op->arg[1]))
		return ref;
	*offset = ir_constant(o->to, op->arg[1])->u.i;
	return op->arg[0];
}

static enum alias alias_elements(const Opt *o, const IrOp *a, const IrOp *b)
{
	lua_Integer i, j;

	if (a->arg[0] == b->arg[0] && a->arg[1] == b->arg[1])
		return SAME;
	if (a->arg[0] != b->arg[0])
		return MAYBE;
	return base_and_offset(o, a->arg[1], &i) == base_and_offset(o, b->arg[1], &j) && i != j
		       ? APART
		       : MAYBE;
}

/* The constant that a node's key was guarded to be, IR_NONE if it was not. */
static IrRef key_of(const Opt *o, IrRef node)
{
	for (int32_t at = o->last[IR_GETNODE_KEY]; at >= 0; at = o->chain[at])
		if (o->to->ops[at].arg[0] == node)
			return o->same[at];
	return IR_NONE;
}

static enum alias alias_nodes(const Opt *o, IrRef a, IrRef b)
{
	const IrOp *x, *y;
	IrRef k, l;

	if (a == b)
		return SAME;
	if (a < 0 || b < 0)
		return MAYBE;
	x = ir_op(o->to, a);
	y = ir_op(o->to, b);
	if (x->opcode == IR_NODE_AT && y->opcode == IR_NODE_AT && x->arg[0] == y->arg[0])
		return x->descr == y->descr ? SAME : APART;
	k = key_of(o, a);
	l = key_of(o, b);
	return k != IR_NONE && l != IR_NONE && k != l ? APART : MAYBE;
}

/* The upvalue whose variable is meant, or an address that is known. */
static IrRef variable(const Opt *o, IrRef ref)
{
	if (ref >= 0 && ir_op(o->to, ref)->opcode == IR_GETFIELD_R &&
	    ir_op(o->to, ref)->descr == IR_FIELD_UPVALUE_V)
		return ir_op(o->to, ref)->arg[0];
	return ref;
}

static bool is_slot(const Opt *o, IrRef ref)
{
	return ref >= 0 && ir_op(o->to, ref)->opcode == IR_SLOT_ADDRESS;
}

/* Another slot, or an address that is known, which is none on the stack. */
static bool is_apart_from_slot(const Opt *o, IrRef slot, IrRef ref)
{
	return ir_is_constant(ref) ||
	       (is_slot(o, ref) && ir_op(o->to, ref)->descr != ir_op(o->to, slot)->descr);
}

static enum alias alias_variables(const Opt *o, IrRef a, IrRef b)
{
	if (a == b)
		return SAME;
	if (is_slot(o, a) || is_slot(o, b))
		return (is_slot(o, a) ? is_apart_from_slot(o, a, b) : is_apart_from_slot(o, b, a))
			       ? APART
			       : MAYBE;
	a = variable(o, a);
	b = variable(o, b);
	return ir_is_constant(a) && ir_is_constant(b) && a != b ? APART : MAYBE;
}

static enum alias alias(const Opt *o, enum kind kind, const IrOp *a, const IrOp *b)
{
	switch (kind) {
	case VARIABLE:
		return alias_variables(o, a->arg[0], b->arg[0]);
	case ELEMENT:
		return alias_elements(o, a, b);
	default:
		return alias_nodes(o, a->arg[0], b->arg[0]);
	}
}

/* ---- Forwarding
 * ----------------------------------------------------------------------------------- */

static enum ir_opcode store_of(enum kind kind)
{
	return kind == VARIABLE ? IR_SETVALUE : kind == ELEMENT ? IR_SETARRAYITEM : IR_SETNODE;
}

static IrRef stored_value(const IrOp *store)
{
	return store->arg[store->opcode == IR_SETARRAYITEM ? 2 : 1];
}

static bool loads_tag(enum ir_opcode opcode)
{
	return opcode == IR_GETVALUE_TAG || opcode == IR_GETARRAYITEM_TAG ||
	       opcode == IR_GETNODE_TAG;
}

/*
 * The newest store, behind `after`, that may be to op's place; *certain if it is.
 * `after` itself if there is none.
 */
static int32_t newest_store(const Opt *o, const IrOp *op, enum kind kind, int32_t after,
			    bool *certain)
{
	for (int32_t at = o->last[store_of(kind)]; at > after; at = o->chain[at]) {
		enum alias found = alias(o, kind, op, &o->to->ops[at]);

		if (found != APART) {
			*certain = found == SAME;
			return at;
		}
	}
	*certain = false;
	return after;
}

static IrRef earlier_load(const Opt *o, const IrOp *op, int32_t after)
{
	for (int32_t at = o->last[op->opcode]; at > after; at = o->chain[at]) {
		const IrOp *load = &o->to->ops[at];

		if (load->arg[0] == op->arg[0] && load->arg[1] == op->arg[1] &&
		    load->descr == op->descr)
			return at;
	}
	return IR_NONE;
}

IrRef forward(Opt *o, const IrOp *op)
{
	enum kind kind = kind_of(op->opcode);
	int32_t after = barrier(o, kind), at;
	const IrOp *store;
	bool certain;

	if (kind == SLOT || kind == FIELD || kind == KEY)
		return earlier_load(o, op, after);
	at = newest_store(o, op, kind, after, &certain);
	if (!certain)
		return earlier_load(o, op, at);
	store = &o->to->ops[at];
	if (loads_tag(op->opcode))
		return ir_integer(o->to, store->descr);
	/* A load of another type than was stored stands behind a guard that fails. */
	return ir_type(o->to, stored_value(store)) == op->type ? stored_value(store) : IR_NONE;
}

static enum kind kind_of_store(enum ir_opcode opcode)
{
	return opcode == IR_SETVALUE ? VARIABLE : opcode == IR_SETARRAYITEM ? ELEMENT : NODE;
}

bool is_redundant_store(Opt *o, const IrOp *op)
{
	enum kind kind = kind_of_store(op->opcode);
	bool certain;
	int32_t at = newest_store(o, op, kind, barrier(o, kind), &certain);

	return certain && o->to->ops[at].descr == op->descr &&
	       stored_value(&o->to->ops[at]) == stored_value(op);
}

/* ---- Dead stores ------------------------------------------------------------------------ */

/* The first of four loads: tag, i, f, r. */
static enum ir_opcode loads_of(enum kind kind)
{
	return kind == VARIABLE	 ? IR_GETVALUE_TAG
	       : kind == ELEMENT ? IR_GETARRAYITEM_TAG
				 : IR_GETNODE_TAG;
}

_Static_assert(IR_GETSLOT_R - IR_GETSLOT_TAG == 3 && IR_GETVALUE_R - IR_GETVALUE_TAG == 3 &&
		       IR_GETARRAYITEM_R - IR_GETARRAYITEM_TAG == 3 &&
		       IR_GETNODE_R - IR_GETNODE_TAG == 3,
	       "tag, i, f, r");

/* May a load behind the store at `store` read what it wrote? */
static bool may_be_read(const Opt *o, enum kind kind, int32_t store)
{
	enum ir_opcode first = loads_of(kind);

	for (enum ir_opcode i = first; i < first + 4; i++)
		for (int32_t at = o->last[i]; at > store; at = o->chain[at])
			if (alias(o, kind, &o->to->ops[at], &o->to->ops[store]) != APART)
				return true;
	/* A variable may be one that is still on the stack. */
	for (enum ir_opcode i = IR_GETSLOT_TAG; kind == VARIABLE && i <= IR_GETSLOT_R; i++)
		if (o->last[i] > store)
			return true;
	return false;
}

void take_out_overwritten(Opt *o, const IrOp *op)
{
	enum kind kind = kind_of_store(op->opcode);
	int32_t *link = &o->last[op->opcode], at;

	/* Stores in between hide nothing: they read nothing. */
	while (*link > o->seen && alias(o, kind, op, &o->to->ops[*link]) != SAME)
		link = &o->chain[*link];
	at = *link;
	if (at <= o->seen || may_be_read(o, kind, at))
		return;
	*link = o->chain[at];
	o->to->ops[at] = (IrOp){.opcode = IR_NOP,
				.type = 'v',
				.arg = {IR_NONE, IR_NONE, IR_NONE},
				.descr = -1,
				.snapshot = -1};
}
