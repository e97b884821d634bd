/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_iterate.c - the generic for over what ipairs() and pairs() return: the
 * function is not called, the next key and value are found by operations.
 */
#include "../lua/interp.h"
#include "record.h"

static bool has_index(const Recorder *r, const Table *t)
{
	Value found;

	return meta_fast(r->L, t->metatable, META_INDEX, &found) && !is_nil(&found);
}

/* What a table has at an integer key beyond its array part. */
static IrRef beyond_array(Recorder *r, const Table *t, IrRef object, IrRef index, lua_Integer i,
			  uint8_t *tag)
{
	IrRef args[] = {object, record_emit(r, IR_INT_ADD, index, ir_integer(r->ir, 1), -1)};
	Slot s = table_find_integer(t, i);
	IrRef found = record_call(r, HELPER_TABLE_GET_INTEGER, 2, args);

	*tag = s.payload ? *s.tag : TAG_NIL;
	return record_load(r, found, *tag, IR_GETVALUE_I, ir_address(r->ir, &r->jit->result),
			   IR_NONE);
}

/* Is the function called that ipairs() returns, for a table whose __index is not asked? */
static bool is_ipairs(const Recorder *r, int a)
{
	const Value *v = record_value(r, a), *table = v + 1, *control = v + 2;
	Slot s;

	if (v->tag != TAG_C_FUNCTION || v->u.f != ipairsaux || !is_table(table) ||
	    !is_integer(control))
		return false;
	s = table_find_integer(as_table(table), int_add(control->u.i, 1));
	return !slot_is_nil(s) || !has_index(r, as_table(table));
}

/* ipairs(): index + 1 and what is there; ends at nil. */
static void record_ipairs(Recorder *r, int a)
{
	const Value *table = record_value(r, a + 1);
	const Table *t = as_table(table);
	lua_Integer i = record_value(r, a + 2)->u.i;
	IrRef object, index, size, array, tag_ref, value, f_ref;
	bool inside;
	uint8_t tag;
	Value f;

	object = record_use(r, a + 1, NULL);
	index = record_use(r, a + 2, NULL);
	size = record_emit(r, IR_GETFIELD_I, object, IR_NONE, IR_FIELD_TABLE_ARRAY_SIZE);
	inside = (lua_Unsigned)i < t->array_size;
	record_guard_that(r, inside, record_emit(r, IR_UINT_LT, index, size, -1));
	if (inside) {
		array = record_emit(r, IR_GETFIELD_R, object, IR_NONE, IR_FIELD_TABLE_ARRAY);
		tag = *array_tag(t, i);
		tag_ref = record_emit(r, IR_GETARRAYITEM_TAG, array, index, -1);
		value = record_load(r, tag_ref, tag, IR_GETARRAYITEM_I, array, index);
	} else {
		value = beyond_array(r, t, object, index, int_add(i, 1), &tag);
	}
	if (tag == TAG_NIL) {
		record_metamethod(r, table, object, META_INDEX, &f, &f_ref);
		record_set(r, a + 4, IR_NONE, TAG_NIL);
	} else {
		record_set(r, a + 4, record_emit(r, IR_INT_ADD, index, ir_integer(r->ir, 1), -1),
			   TAG_INTEGER);
	}
	record_set(r, a + 5, value, tag);
	for (int n = 2; n < get_c(r->i); n++)
		record_set(r, a + 4 + n, IR_NONE, TAG_NIL);
}

/* pairs(): the key behind the control variable. */
static void record_pairs(Recorder *r, int a)
{
	Value *pair = r->jit->operands;
	const struct helper_info *h = &helper_info[HELPER_TABLE_FOLLOW];
	Table *t = as_table(record_value(r, a + 1));
	IrRef object = record_use(r, a + 1, NULL), control, position;
	RecordedSlot moved[2];
	lua_Integer found;
	uint8_t tag;

	control = record_use(r, a + 2, &tag);
	record_operand(r, 0, control, tag);
	position = record_call(r, HELPER_TABLE_FOLLOW, 1, &object);
	pair[0] = *record_value(r, a + 2);
	found = ((lua_Integer(*)(lua_State *, Table *))h->function)(r->L, t);
	if (found < 0)
		record_abort(r, ABORT_ERROR, record_instruction_name(r));
	if (!found) {
		record_guard_integer(r, position, 0);
		record_set(r, a + 4, IR_NONE, TAG_NIL);
		return;
	}
	record_guard_that(r, true, record_emit(r, IR_INT_GT, position, ir_integer(r->ir, 0), -1));
	for (int i = 0; i < 2; i++) {
		IrRef at = ir_address(r->ir, &pair[i]), tag_ref;

		tag_ref = record_emit(r, IR_GETVALUE_TAG, at, IR_NONE, -1);
		control = record_load(r, tag_ref, pair[i].tag, IR_GETVALUE_I, at, IR_NONE);
		moved[i] = (RecordedSlot){.ref = control, .tag = pair[i].tag};
	}
	for (int i = 0; i < get_c(r->i) || i < 2; i++)
		record_set(r, a + 4 + i, i < 2 ? moved[i].ref : IR_NONE,
			   i < 2 ? moved[i].tag : TAG_NIL);
}

bool record_known_iterator(Recorder *r, int a)
{
	const Value *v = record_value(r, a);
	bool pairs = v->tag == TAG_C_FUNCTION && v->u.f == luaB_next && is_table(v + 1);

	if (!pairs && !is_ipairs(r, a))
		return false;
	record_guard(r, IR_GUARD_VALUE, record_use(r, a, NULL), ir_object(r->ir, v->u.p, v->tag));
	if (pairs)
		record_pairs(r, a);
	else
		record_ipairs(r, a);
	return true;
}
