/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtual_op.c - what operations do to virtual tables (virtual.c): reads and writes
 * are answered from what is known of them, anything else gets real ones.
 */
#include <string.h>

#include "virtual.h"

/* ---- Operands and results of helpers -------------------------------------------------------- */

/* The helper's operand that an address is, -1: none that is looked at here. */
static int operand_at(const Opt *o, IrRef address)
{
	const Value *operands = o->virtuals->jit->operands, *p;

	if (!ir_is_constant(address) || ir_type(o->to, address) != 'r')
		return -1;
	p = ir_constant(o->to, address)->u.p;
	return p >= operands && p < operands + MAX_SHAPE_KEYS ? (int)(p - operands) : -1;
}

static bool is_result(const Opt *o, IrRef address)
{
	return ir_is_constant(address) && ir_type(o->to, address) == 'r' &&
	       ir_constant(o->to, address)->u.p == &o->virtuals->jit->result;
}

static void write_operands(Opt *o)
{
	struct operand *operands = o->virtuals->operands;

	for (int n = 0; n < MAX_SHAPE_KEYS; n++)
		if (operands[n].set)
			virtual_force(o, operands[n].store.arg[1]);
	for (int n = 0; n < MAX_SHAPE_KEYS && !o->failed; n++) {
		if (!operands[n].set)
			continue;
		operands[n].set = false;
		virtual_write_operand(o, (unsigned)n, opt_known(o, operands[n].store.arg[1]),
				      (uint8_t)operands[n].store.descr);
	}
}

/* A loop's next turn begins: what was said to helpers is not valid any more. */
void virtuals_forget(Opt *o)
{
	if (!o->virtuals)
		return;
	memset(o->virtuals->operands, 0, sizeof(o->virtuals->operands));
	o->virtuals->has_result = false;
}

/* ---- Operations ----------------------------------------------------------------------------- */

static bool make(Opt *o, const IrRef *args, IrRef *result)
{
	struct virtual_table v = {.site = o->at, .metatable = IR_NONE};
	lua_Integer array, hash;

	if (o->virtuals->real[o->at] || !virtual_integer_key(o, args[0], &array) ||
	    !virtual_integer_key(o, args[1], &hash) || array > MAX_ARRAY || hash > 1 << 10)
		return false;
	v.array = v.size = (uint32_t)array;
	v.hash = (uint32_t)hash;
	*result = virtual_new(o, &v);
	return true;
}

/* args: as of the helper. The function that makes it is there. */
static bool make_function(Opt *o, const IrRef *args, IrRef *result)
{
	struct virtual_table v = {.site = o->at, .is_function = true, .n = 1};
	const IrOp *base = args[2] >= 0 ? ir_op(o->to, args[2]) : NULL;

	if (o->virtuals->real[o->at] || virtual_function(o, args[0]) || !ir_is_constant(args[1]) ||
	    !base || base->opcode != IR_SLOT_ADDRESS) {
		o->virtuals->opens = true;
		return false;
	}
	v.metatable = args[0];
	v.fields[0] = (struct field){.key = args[1],
				     .value = ir_integer(o->to, base->descr),
				     .tag = TAG_INTEGER};
	*result = virtual_new(o, &v);
	return true;
}

/*
 * Variables from a slot on are closed. Functions that share some and are virtual are
 * not to be needed any more.
 */
static bool close_variables(Opt *o, const IrOp *op, IrRef level, IrRef *result)
{
	struct virtuals *vs = o->virtuals;
	int slot = level >= 0 && ir_op(o->to, level)->opcode == IR_SLOT_ADDRESS
			   ? ir_op(o->to, level)->descr
			   : INT_MIN;

	for (uint32_t i = 0; i < vs->n; i++)
		if (vs->list[i].is_function && !vs->list[i].forced &&
		    virtual_shares(o, &vs->list[i], slot))
			vs->list[i].closed = true;
	*result = ir_integer(o->to, 1);
	return op->descr == HELPER_CLOSE_OPENED && !vs->opens;
}

/* A key beyond the array part: the one behind it may make it grow. */
static bool append_element(Opt *o, struct virtual_table *v, lua_Integer i, IrRef value, uint8_t tag)
{
	if (tag == TAG_NIL || (lua_Unsigned)i != (lua_Unsigned)v->size + 1 ||
	    v->size >= LEAST_APPEND)
		return false;
	v->size = LEAST_APPEND;
	return virtual_put_element(o, v, i, value, tag);
}

static bool put_by_helper(Opt *o, const IrOp *op, struct virtual_table *v, IrRef key)
{
	struct operand *value = &o->virtuals->operands[1];
	IrRef ref = value->store.arg[1];
	uint8_t tag = (uint8_t)value->store.descr;
	lua_Integer i;

	if (!value->set)
		return false;
	if (op->descr == HELPER_TABLE_PUT_INTEGER) {
		if (!virtual_integer_key(o, key, &i) ||
		    (!virtual_put_element(o, v, i, ref, tag) && !append_element(o, v, i, ref, tag)))
			return false;
	} else if (virtual_string_key(o, key)) {
		virtual_put(o, v, key, ref, tag);
	} else {
		return false;
	}
	value->set = false;
	return true;
}

static bool get_by_helper(Opt *o, const IrOp *op, struct virtual_table *v, IrRef key, IrRef *result)
{
	struct virtuals *vs = o->virtuals;
	const struct field *f = virtual_find(v, key);
	lua_Integer i;

	if (op->descr == HELPER_TABLE_GET_STRING ? !virtual_string_key(o, key)
						 : !virtual_integer_key(o, key, &i))
		return false;
	vs->has_result = true;
	vs->result = f ? opt_known(o, f->value) : ir_integer(o->to, 0);
	vs->result_tag = f ? f->tag : TAG_NIL;
	*result = ir_integer(o->to, vs->result_tag);
	return true;
}

/* As if it had been made with so many elements: strings do not make the array grow. */
static bool reserve(const Opt *o, struct virtual_table *v, IrRef size)
{
	lua_Integer n;

	if (!virtual_integer_key(o, size, &n) || n > MAX_ARRAY)
		return false;
	if (n > v->size) {
		v->array = v->size = (uint32_t)n;
		v->state = IR_NONE;
	}
	return true;
}

static bool call(Opt *o, const IrOp *op, const IrRef *args, IrRef *result)
{
	struct virtual_table *v = op->nargs ? virtual_table(o, args[0]) : NULL;
	lua_Integer n;

	switch (op->descr) {
	case HELPER_TABLE_NEW:
		return make(o, args, result);
	case HELPER_CLOSURE_NEW:
		return make_function(o, args, result);
	case HELPER_CLOSE_OPENED:
	case HELPER_CLOSE_UPVALUES:
		return close_variables(o, op, args[0], result);
	default:
		break;
	}
	if (!v)
		return false;
	switch (op->descr) {
	case HELPER_TABLE_PUT_INTEGER:
	case HELPER_TABLE_PUT_STRING:
		*result = ir_integer(o->to, 1);
		return put_by_helper(o, op, v, args[1]);
	case HELPER_TABLE_GET_INTEGER:
	case HELPER_TABLE_GET_STRING:
		return get_by_helper(o, op, v, args[1], result);
	case HELPER_TABLE_RESERVE:
		*result = ir_integer(o->to, 1);
		return reserve(o, v, args[1]);
	case HELPER_TABLE_BORDER:
		if (!virtual_border(o, v, &n))
			return false;
		/* The next who asks begins there, which tells where there are holes. */
		if (v->size) {
			v->border = (uint32_t)n;
			v->state = IR_NONE;
		}
		*result = ir_integer(o->to, n);
		return true;
	case HELPER_SET_METATABLE:
		/* That it has no finalizer was guarded. */
		if (virtual_table(o, args[1]))
			return false;
		v->metatable = args[1];
		v->state = IR_NONE;
		*result = ir_integer(o->to, 1);
		return true;
	default:
		return false;
	}
}

static bool get_field(Opt *o, const IrOp *op, IrRef table, IrRef *result)
{
	const struct virtual_table *v = virtual_table(o, table);

	if (!v)
		return false;
	switch (op->descr) {
	case IR_FIELD_OBJECT_TAG:
		*result = ir_integer(o->to, TAG_TABLE);
		return true;
	case IR_FIELD_TABLE_METATABLE:
		*result = virtual_metatable(o, v);
		return true;
	case IR_FIELD_TABLE_ARRAY_SIZE:
		*result = ir_integer(o->to, v->size);
		return true;
	case IR_FIELD_TABLE_NODE_MASK:
		*result = virtual_new_part(o, NODE_COUNT, table, IR_NONE);
		return true;
	case IR_FIELD_TABLE_NODES:
		*result = virtual_new_part(o, NODES, table, IR_NONE);
		return true;
	case IR_FIELD_TABLE_ARRAY:
		*result = virtual_new_part(o, ARRAY, table, IR_NONE);
		return true;
	default:
		return false;
	}
}

static bool get_function_field(const Opt *o, const IrOp *op, const struct virtual_table *v,
			       IrRef *result)
{
	switch (op->descr) {
	case IR_FIELD_OBJECT_TAG:
		*result = ir_integer(o->to, TAG_LUA_FUNCTION);
		return true;
	case IR_FIELD_FUNCTION_PROTO:
		*result = v->fields[0].key;
		return true;
	default:
		return false;
	}
}

/* An upvalue of a function that is not made: one of the frame's variables, or its maker's. */
static bool get_upvalue(Opt *o, const IrOp *op, IrRef function, IrRef *result)
{
	const struct virtual_table *v = virtual_function(o, function);
	const UpvalueDescription *upvalue;
	IrOp get = *op;

	if (!v || op->descr < 0 || op->descr >= virtual_proto(o, v)->upvalue_count)
		return false;
	upvalue = &virtual_proto(o, v)->upvalues[op->descr];
	if (!upvalue->in_stack) {
		get.arg[0] = virtual_metatable(o, v);
		get.descr = upvalue->index;
		*result = opt_emit(o, &get, get.arg);
		return true;
	}
	if (v->closed)
		return false;
	*result = virtual_new_part(o, UPVALUE, function, IR_NONE);
	if (!o->failed)
		virtual_part(o, *result)->slot = virtual_base(o, v) + upvalue->index;
	return true;
}

/* The variable is in its slot; open upvalues need no barrier. */
static bool on_upvalue(Opt *o, const IrOp *op, const struct part *p, IrRef *result)
{
	IrOp address = {.opcode = IR_SLOT_ADDRESS,
			.type = 'r',
			.descr = p->slot,
			.snapshot = -1,
			.arg = {IR_NONE, IR_NONE, IR_NONE}};

	if (virtual_function(o, opt_known(o, p->table))->closed)
		return false;
	if (op->opcode == IR_GETFIELD_R && op->descr == IR_FIELD_UPVALUE_V) {
		*result = opt_emit(o, &address, address.arg);
		return true;
	}
	return op->opcode == IR_BARRIER;
}

/* A guard on a part is true: the recorder saw such a table. */
static bool guard_value(Opt *o, const IrRef *args)
{
	struct part *p = virtual_part(o, args[0]);

	if (!p || (p->kind != NODE_COUNT && p->kind != KEY && p->kind != KEY_TAG))
		return false;
	if (p->kind == KEY)
		virtual_part(o, p->node)->key = args[1];
	return true;
}

/* Elements and nodes: the key that is meant, IR_NONE: it is not known. */
static IrRef key_of(Opt *o, const IrOp *op, const IrRef *args, const struct part *p)
{
	lua_Integer i;

	if (p->kind == NODE)
		return p->key;
	if (p->kind == ARRAY && op->nargs > 1 && virtual_integer_key(o, args[1], &i))
		return ir_integer(o->to, i + 1);
	return IR_NONE;
}

static bool on_part(Opt *o, const IrOp *op, const IrRef *args, IrRef *result)
{
	struct part *p = virtual_part(o, args[0]);
	IrRef table = p->table, node = args[0], key;
	struct virtual_table *v = virtual_table(o, opt_known(o, table));

	if (p->kind == UPVALUE && virtual_function(o, opt_known(o, table)))
		return on_upvalue(o, op, p, result);
	if (!v)
		return false;
	switch (op->opcode) {
	case IR_NODE_AT:
		*result = virtual_new_part(o, NODE, table, IR_NONE);
		return true;
	case IR_GETNODE_KEY:
		*result = virtual_new_part(o, KEY, table, node);
		return true;
	case IR_GETNODE_KEYTAG:
		*result = virtual_new_part(o, KEY_TAG, table, node);
		return true;
	case IR_GUARD_VALUE:
		return guard_value(o, args);
	default:
		break;
	}
	key = key_of(o, op, args, p);
	if (key == IR_NONE)
		return false;
	switch (op->opcode) {
	case IR_GETNODE_TAG:
	case IR_GETARRAYITEM_TAG:
		*result = virtual_tag(o, v, key);
		return true;
	case IR_GETNODE_I:
	case IR_GETNODE_F:
	case IR_GETNODE_R:
	case IR_GETARRAYITEM_I:
	case IR_GETARRAYITEM_F:
	case IR_GETARRAYITEM_R:
		*result = virtual_value(o, v, key, op);
		return true;
	case IR_SETNODE:
		virtual_put(o, v, key, args[1], (uint8_t)op->descr);
		return true;
	case IR_SETARRAYITEM:
		virtual_put(o, v, key, args[2], (uint8_t)op->descr);
		return true;
	default:
		return false;
	}
}

/* What a helper is told, and what it said. */
static bool variable(Opt *o, const IrOp *op, const IrRef *args, IrRef *result)
{
	struct virtuals *vs = o->virtuals;
	int operand = operand_at(o, args[0]);

	if (op->opcode == IR_SETVALUE) {
		if (operand < 0)
			return false;
		vs->operands[operand] = (struct operand){.set = true, .store = *op};
		vs->operands[operand].store.arg[1] = args[1];
		return true;
	}
	if (operand >= 0)
		write_operands(o);
	if (!vs->has_result || !is_result(o, args[0]))
		return false;
	*result = op->opcode == IR_GETVALUE_TAG ? ir_integer(o->to, vs->result_tag)
						: opt_known(o, vs->result);
	o->failed |= ir_type(o->to, *result) != op->type;
	return true;
}

static bool is_virtual(const Opt *o, IrRef ref)
{
	return virtual_table(o, ref) || virtual_function(o, ref);
}

/* Operations on references of virtual tables and functions themselves. */
static bool on_object(Opt *o, const IrOp *op, const IrRef *args, IrRef *result)
{
	const struct virtual_table *f = virtual_function(o, args[0]);

	switch (op->opcode) {
	case IR_GETFIELD_I:
	case IR_GETFIELD_R:
		return f ? get_function_field(o, op, f, result) : get_field(o, op, args[0], result);
	case IR_GETUPVALUE:
		return get_upvalue(o, op, args[0], result);
	case IR_GUARD_NONNULL:
		return is_virtual(o, args[0]);
	case IR_BARRIER_BACK:
	case IR_BARRIER:
		return virtual_table(o, args[0]);
	case IR_PTR_EQ:
	case IR_PTR_NE:
		if (!is_virtual(o, args[0]) && !is_virtual(o, args[1]))
			return false;
		*result = ir_integer(o->to, (args[0] == args[1]) == (op->opcode == IR_PTR_EQ));
		return true;
	default:
		return false;
	}
}

static bool handle(Opt *o, const IrOp *op, const IrRef *args, IrRef *result)
{
	if (op->nargs && virtual_part(o, args[0]))
		return on_part(o, op, args, result);
	if (ir_info[op->opcode].flags & IR_CALL)
		return call(o, op, args, result);
	if (op->opcode >= IR_GETVALUE_TAG && op->opcode <= IR_SETVALUE &&
	    variable(o, op, args, result))
		return true;
	return op->nargs && on_object(o, op, args, result);
}

bool virtual_take(Opt *o, const IrOp *op, IrRef *args, IrRef *result)
{
	*result = 0;
	if (handle(o, op, args, result) || o->failed)
		return true;
	for (unsigned i = 0; i < op->nargs; i++) {
		const struct part *p = virtual_part(o, args[i]);

		if (p) {
			/* Something was done to it that is not known here. */
			virtual_give_up(o, &o->virtuals->list[o->virtuals->what[p->table] - 1]);
			return true;
		}
		args[i] = virtual_force(o, args[i]);
	}
	if (ir_info[op->opcode].flags & IR_CALL && helper_info[op->descr].effects != HELPER_PURE) {
		write_operands(o);
		o->virtuals->has_result = false;
		/* Forcing one may have made another that is an argument too. */
		for (unsigned i = 0; i < op->nargs; i++)
			args[i] = opt_known(o, args[i]);
	}
	return o->failed;
}
