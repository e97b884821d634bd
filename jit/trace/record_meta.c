/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_meta.c - metamethods that are Lua functions: they are calls.
 *
 * The interpreter puts such a function above the registers of the one whose
 * instruction wants it, in a frame with FRAME_NESTED; when that returns it finishes
 * the instruction (interp_finish_instruction()). So does the recorder: the frame is
 * inlined like any other, and its return does what is left. Which metatable a value
 * has and what is in it is guarded.
 */
#include "record.h"

#include <string.h>

static IrRef metatable_of(Recorder *r, const Value *v, IrRef ref)
{
	IrRef at;

	if (v->tag == TAG_TABLE)
		return record_emit(r, IR_GETFIELD_R, ref, IR_NONE, IR_FIELD_TABLE_METATABLE);
	if (v->tag == TAG_USERDATA)
		return record_emit(r, IR_GETFIELD_R, ref, IR_NONE, IR_FIELD_USERDATA_METATABLE);
	at = ir_address(r->ir, &r->L->global->metatables[value_type(v)]);
	return record_emit(r, IR_GETVALUE_R, at, IR_NONE, -1);
}

bool record_metamethod(Recorder *r, const Value *v, IrRef ref, enum meta event, Value *f,
		       IrRef *f_ref)
{
	Table *mt = meta_table(r->L, v);
	IrRef meta = metatable_of(r, v, ref), args[2];
	Value name, table;
	uint8_t tag;
	Slot s;

	if (!mt) {
		record_guard(r, IR_GUARD_ISNULL, meta, IR_NONE);
		return false;
	}
	set_object(&table, mt);
	set_object(&name, r->L->global->meta_names[event]);
	args[0] = ir_value(r->ir, &table);
	args[1] = ir_value(r->ir, &name);
	record_guard(r, IR_GUARD_VALUE, meta, args[0]);
	s = table_find_short(mt, as_string(&name));
	if (slot_is_nil(s)) {
		if (event < 8)
			record_guard_absent(r, mt, args[0], event);
		else
			record_guard_integer(r, record_call(r, HELPER_TABLE_GET_STRING, 2, args),
					     TAG_NIL);
		return false;
	}
	slot_get(s, f);
	*f_ref = record_raw_get(r, &table, args[0], &name, args[1], &tag);
	return true;
}

int record_nested_slot(const Recorder *r)
{
	return r->base + frame_function(r->L->frame)->proto->stack_size;
}

void record_meta_call(Recorder *r, int func, const struct callee *f, const RecordedSlot *args,
		      int n, int nresults)
{
	if (f->v.tag != TAG_LUA_FUNCTION)
		record_abort(r, ABORT_METAMETHOD, r->L->global->meta_names[f->event]->text);
	record_set_slot(r, func, f->ref, f->v.tag);
	for (int i = 0; i < n; i++)
		record_set_slot(r, func + 1 + i, args[i].ref, args[i].tag);
	record_enter_nested(r, func, &f->v, n, nresults);
}

/* The metamethod of one of two operands; false: neither has one. */
static bool find_binary(Recorder *r, const Value *a, IrRef x, const Value *b, IrRef y,
			struct callee *f)
{
	return record_metamethod(r, a, x, f->event, &f->v, &f->ref) ||
	       record_metamethod(r, b, y, f->event, &f->v, &f->ref);
}

static void call_binary(Recorder *r, int func, const struct callee *f, const Value *a, IrRef x,
			const Value *b, IrRef y)
{
	RecordedSlot args[] = {{.ref = x, .tag = a->tag}, {.ref = y, .tag = b->tag}};

	record_meta_call(r, func, f, args, 2, 1);
}

void record_meta_operator(Recorder *r, enum meta event, const Value *a, IrRef x, const Value *b,
			  IrRef y)
{
	struct callee f = {.event = event};

	if (!find_binary(r, a, x, b, y, &f))
		record_abort(r, ABORT_METAMETHOD, r->L->global->meta_names[event]->text);
	/* The library's own, which makes a number of it. */
	if (f.v.tag != TAG_LUA_FUNCTION && (is_string(a) || (is_number(a) && is_string(b))))
		record_abort(r, ABORT_STRING_OPERAND,
			     r->L->global->meta_names[event]->text + strlen("__"));
	call_binary(r, record_nested_slot(r), &f, a, x, b, y);
}

void record_meta_concat(Recorder *r, int func, const Value *a, IrRef x, const Value *b, IrRef y)
{
	struct callee f = {.event = META_CONCAT};

	if (!find_binary(r, a, x, b, y, &f))
		record_abort(r, ABORT_METAMETHOD, r->L->global->meta_names[META_CONCAT]->text);
	call_binary(r, func, &f, a, x, b, y);
}

bool record_meta_equal(Recorder *r, const Value *a, IrRef x, const Value *b, IrRef y)
{
	struct callee f = {.event = META_EQ};

	if (!find_binary(r, a, x, b, y, &f))
		return false;
	call_binary(r, record_nested_slot(r), &f, a, x, b, y);
	return true;
}

/* It follows the operator that its operands had no number for. */
void record_meta_instruction(Recorder *r, enum opcode op)
{
	const Value *k = frame_function(r->L->frame)->proto->constants;
	const Value *a = record_value(r, get_a(r->i)), *b;
	IrRef x = record_use(r, get_a(r->i), NULL), y;
	enum meta event = META_FROM_BYTECODE(get_c(r->i));
	Value number;

	if (op == OP_MMBIN) {
		b = record_value(r, get_b(r->i));
		y = record_use(r, get_b(r->i), NULL);
	} else if (op == OP_MMBINI) {
		set_integer(&number, get_sb(r->i));
		b = &number;
		y = ir_value(r->ir, b);
	} else {
		b = k + get_b(r->i);
		y = record_constant(r, b);
	}
	if (op != OP_MMBIN && get_k(r->i))
		record_meta_operator(r, event, b, y, a, x);
	else
		record_meta_operator(r, event, a, x, b, y);
}

void record_finish_instruction(Recorder *r, const Instruction *pc, const RecordedSlot *result)
{
	Instruction i = jit_original(r->jit, pc - 1);

	switch (get_op(i)) {
	case OP_MMBIN:
	case OP_MMBINI:
	case OP_MMBINK:
		i = jit_original(r->jit, pc - 2);
		record_set(r, get_a(i), result->ref, result->tag);
		break;
	case OP_UNM:
	case OP_BNOT:
	case OP_LEN:
	case OP_GETTABUP:
	case OP_GETTABLE:
	case OP_GETI:
	case OP_GETFIELD:
	case OP_SELF:
		record_set(r, get_a(i), result->ref, result->tag);
		break;
	default:
		/* A comparison's result was guarded when it was loaded; stores have none. */
		break;
	}
}
