/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_library.c - functions of Lua's own libraries that become operations.
 *
 * They are known by their address (the Makefile makes their names global; weak,
 * since with another library there is just the call). Those of `math` are in
 * record_math.c, table.unpack() and table.pack() in record_unpack.c.
 */
#include "record_library.h"
#include "../lua/interp.h"

/* ---- The base library ------------------------------------------------------------------------ */

int record_type(struct known_call *c)
{
	if (c->n < 1)
		return NOT_KNOWN;
	argument(c, 0);
	return one_text(c, lua_typename(c->r->L, value_type(value_of(c, 0))));
}

static int one_new_string(struct known_call *c, IrRef s, size_t length)
{
	return one(c, s, record_new_string(c->r, s, length));
}

static void guard_no_basic_metatable(const struct known_call *c, int type)
{
	IrRef at = ir_address(c->r->ir, &c->r->L->global->metatables[type]);

	record_guard(c->r, IR_GUARD_ISNULL, emit1(c, IR_GETVALUE_R, at), IR_NONE);
}

int record_tostring(struct known_call *c)
{
	char text[NUMBER_TEXT_SIZE];
	const Value *v = value_of(c, 0);

	if (c->n < 1 || !is_number(v) || c->r->L->global->metatables[LUA_TNUMBER])
		return NOT_KNOWN;
	guard_no_basic_metatable(c, LUA_TNUMBER);
	record_operand(c->r, 0, argument(c, 0), v->tag);
	return one_new_string(c, record_call(c->r, HELPER_TO_STRING, 0, NULL),
			      number_to_text(v, text));
}

int record_tonumber(struct known_call *c)
{
	const Value *v = value_of(c, 0);
	IrRef s, tag;
	Value found;

	if (c->n != 1)
		return NOT_KNOWN;
	if (is_number(v))
		return one(c, argument(c, 0), v->tag);
	if (!is_string(v))
		return NOT_KNOWN;
	if (number_from_text(as_string(v)->text, &found) != string_length(as_string(v)) + 1)
		set_nil(&found);
	s = argument(c, 0);
	tag = record_call(c->r, HELPER_TO_NUMBER, 1, &s);
	return one(c,
		   record_load(c->r, tag, found.tag, IR_GETVALUE_I,
			       ir_address(c->r->ir, &c->r->jit->result), IR_NONE),
		   found.tag);
}

int record_assert(struct known_call *c)
{
	if (c->n < 1 || c->n > MAX_KNOWN_RESULTS || is_falsy(value_of(c, 0)))
		return NOT_KNOWN;
	for (int i = 0; i < c->n; i++)
		c->results[i] = (RecordedSlot){.ref = argument(c, i), .tag = value_of(c, i)->tag};
	return c->n;
}

int record_select(struct known_call *c)
{
	const Value *v = value_of(c, 0);
	IrRef which;
	int first;

	if (has_tag(c, 0, TAG_SHORT_STRING) && as_string(v)->text[0] == '#') {
		record_guard(c->r, IR_GUARD_VALUE, argument(c, 0), ir_value(c->r->ir, v));
		return one_integer(c, integer(c, c->n - 1));
	}
	if (!has_tag(c, 0, TAG_INTEGER) || v->u.i == 0 || v->u.i <= -c->n)
		return NOT_KNOWN;
	first = v->u.i < 0 ? c->n + (int)v->u.i : v->u.i < c->n ? (int)v->u.i : c->n;
	if (c->n - first > MAX_KNOWN_RESULTS)
		return NOT_KNOWN;
	which = argument(c, 0);
	record_guard(c->r, IR_GUARD_VALUE, which, integer(c, v->u.i));
	for (int i = first; i < c->n; i++)
		c->results[i - first] =
			(RecordedSlot){.ref = argument(c, i), .tag = value_of(c, i)->tag};
	return c->n - first;
}

static int iterate(struct known_call *c, lua_CFunction f, IrRef control, uint8_t tag)
{
	c->results[0] = (RecordedSlot){.ref = ir_object(c->r->ir, (void *)f, TAG_C_FUNCTION),
				       .tag = TAG_C_FUNCTION};
	c->results[1] = (RecordedSlot){.ref = argument(c, 0), .tag = value_of(c, 0)->tag};
	c->results[2] = (RecordedSlot){.ref = control, .tag = tag};
	return 3;
}

int record_ipairs_call(struct known_call *c)
{
	return c->n < 1 ? NOT_KNOWN : iterate(c, ipairsaux, integer(c, 0), TAG_INTEGER);
}

/*
 * Guards that table n has no metatable, or one, which is a constant then, without
 * the field `name`, which can only be asked for. false: it has it.
 */
static bool guard_no_field(const struct known_call *c, int n, const char *name)
{
	Table *mt = as_table(value_of(c, n))->metatable;
	IrRef meta = metatable(c, n), args[2];
	String *s;

	if (!mt) {
		record_guard(c->r, IR_GUARD_ISNULL, meta, IR_NONE);
		return true;
	}
	s = string_new(c->r->L, name, strlen(name));
	if (!slot_is_nil(table_find_string(mt, s)))
		return false;
	args[0] = ir_object(c->r->ir, mt, TAG_TABLE);
	args[1] = ir_object(c->r->ir, s, s->tag);
	record_guard(c->r, IR_GUARD_VALUE, meta, args[0]);
	record_guard_integer(c->r, record_call(c->r, HELPER_TABLE_GET_STRING, 2, args), TAG_NIL);
	return true;
}

int record_pairs_call(struct known_call *c)
{
	if (!has_tag(c, 0, TAG_TABLE) || !guard_no_field(c, 0, "__pairs"))
		return NOT_KNOWN;
	return iterate(c, luaB_next, IR_NONE, TAG_NIL);
}

int record_getmetatable(struct known_call *c)
{
	Table *mt;

	if (!has_tag(c, 0, TAG_TABLE) || !guard_no_field(c, 0, "__metatable"))
		return NOT_KNOWN;
	mt = as_table(value_of(c, 0))->metatable;
	return mt ? one(c, ir_object(c->r->ir, mt, TAG_TABLE), TAG_TABLE)
		  : one(c, IR_NONE, TAG_NIL);
}

int record_setmetatable(struct known_call *c)
{
	IrRef args[2];

	if (!has_tag(c, 0, TAG_TABLE) || !has_tag(c, 1, TAG_TABLE) ||
	    as_table(value_of(c, 0))->metatable)
		return NOT_KNOWN;
	args[0] = argument(c, 0);
	args[1] = argument(c, 1);
	record_guard(c->r, IR_GUARD_ISNULL, metatable(c, 0), IR_NONE);
	if (!record_guard_absent(c->r, as_table(value_of(c, 1)), args[1], META_GC))
		return NOT_KNOWN;
	record_guard_that(c->r, true, record_call(c->r, HELPER_SET_METATABLE, 2, args));
	return one(c, args[0], TAG_TABLE);
}

int record_rawequal(struct known_call *c)
{
	const Value *a = value_of(c, 0), *b = value_of(c, 1);

	/* An integer and a float may be equal in ways that cannot be guarded. */
	if (c->n < 2 || (a->tag != b->tag && is_number(a) && is_number(b)))
		return NOT_KNOWN;
	return one_truth(c, record_raw_equal(c->r, a, argument(c, 0), b, argument(c, 1)));
}

int record_rawlen(struct known_call *c)
{
	IrRef x;

	if (c->n != 1)
		return NOT_KNOWN;
	if (is_string(value_of(c, 0)))
		return one_integer(c, emit1(c, IR_STRLEN, argument(c, 0)));
	if (!is_table(value_of(c, 0)))
		return NOT_KNOWN;
	x = argument(c, 0);
	return one_integer(c, record_call(c->r, HELPER_TABLE_BORDER, 1, &x));
}

int record_rawget(struct known_call *c)
{
	const Value *key = value_of(c, 1);
	uint8_t tag;
	IrRef found;

	if (c->n != 2 || !has_tag(c, 0, TAG_TABLE) || is_nil(key))
		return NOT_KNOWN;
	found = record_raw_get(c->r, value_of(c, 0), argument(c, 0), key, argument(c, 1), &tag);
	return one(c, found, tag);
}

int record_rawset(struct known_call *c)
{
	const Value *key = value_of(c, 1);
	IrRef table;

	if (c->n != 3 || !has_tag(c, 0, TAG_TABLE) || is_nil(key) || is_float(key))
		return NOT_KNOWN;
	table = argument(c, 0);
	record_operand(c->r, 0, argument(c, 1), key->tag);
	record_operand(c->r, 1, argument(c, 2), value_of(c, 2)->tag);
	record_guard_that(c->r, true, record_call(c->r, HELPER_TABLE_PUT, 1, &table));
	return one(c, table, TAG_TABLE);
}

/* next(t): is it empty? */
int record_next(struct known_call *c)
{
	IrRef args[2], position;
	Value pair[2];

	if (!has_tag(c, 0, TAG_TABLE) || (c->n > 1 && !is_nil(value_of(c, 1))))
		return NOT_KNOWN;
	if (c->n > 1)
		argument(c, 1);
	args[0] = argument(c, 0);
	args[1] = integer(c, 0);
	position = record_call(c->r, HELPER_TABLE_NEXT, 2, args);
	set_nil(&pair[0]);
	if (!table_next(c->r->L, as_table(value_of(c, 0)), pair)) {
		record_guard_integer(c->r, position, 0);
		return one(c, IR_NONE, TAG_NIL);
	}
	record_guard_that(c->r, true, emit2(c, IR_INT_NE, position, integer(c, 0)));
	for (int i = 0; i < 2; i++) {
		IrRef at = ir_address(c->r->ir, &c->r->jit->operands[i]);
		IrRef tag = emit1(c, IR_GETVALUE_TAG, at);

		c->results[i].tag = pair[i].tag;
		c->results[i].ref = record_load(c->r, tag, pair[i].tag, IR_GETVALUE_I, at, IR_NONE);
	}
	return 2;
}

/* ---- string ------------------------------------------------------------------------------------
 */

int record_len(struct known_call *c)
{
	if (c->n < 1 || !is_string(value_of(c, 0)))
		return NOT_KNOWN;
	return one_integer(c, emit1(c, IR_STRLEN, argument(c, 0)));
}

/* A position in a string: a negative one counts from its end, which is guarded. */
static IrRef string_position(const struct known_call *c, int n, lua_Integer *position)
{
	const String *s = as_string(value_of(c, 0));
	IrRef ref = argument(c, n);
	bool negative = value_of(c, n)->u.i < 0;

	*position = value_of(c, n)->u.i;
	record_guard_that(c->r, negative, emit2(c, IR_INT_LT, ref, integer(c, 0)));
	if (!negative)
		return ref;
	*position += (lua_Integer)string_length(s) + 1;
	ref = emit2(c, IR_INT_ADD, emit1(c, IR_STRLEN, argument(c, 0)), ref);
	return emit2(c, IR_INT_ADD, ref, integer(c, 1));
}

int record_byte(struct known_call *c)
{
	IrRef index = integer(c, 1), s;
	lua_Integer position = 1;

	if (c->n < 1 || c->n > 2 || !is_string(value_of(c, 0)) ||
	    (c->n == 2 && !has_tag(c, 1, TAG_INTEGER)))
		return NOT_KNOWN;
	s = argument(c, 0);
	if (c->n == 2)
		index = string_position(c, 1, &position);
	if (position == LUA_MININTEGER ||
	    (lua_Unsigned)position - 1 >= string_length(as_string(value_of(c, 0))))
		return NOT_KNOWN;
	index = emit2(c, IR_INT_SUB, index, integer(c, 1));
	record_guard_that(c->r, true, emit2(c, IR_UINT_LT, index, emit1(c, IR_STRLEN, s)));
	return one_integer(c, emit2(c, IR_STRGETITEM, s, index));
}

int record_sub(struct known_call *c)
{
	lua_Integer i, j = -1, length;
	IrRef args[3];

	if (c->n < 2 || c->n > 3 || !is_string(value_of(c, 0)) || !has_tag(c, 1, TAG_INTEGER) ||
	    (c->n == 3 && !has_tag(c, 2, TAG_INTEGER)))
		return NOT_KNOWN;
	args[0] = argument(c, 0);
	length = (lua_Integer)string_length(as_string(value_of(c, 0)));
	args[1] = string_position(c, 1, &i);
	if (c->n == 3) {
		args[2] = string_position(c, 2, &j);
	} else {
		args[2] = emit1(c, IR_STRLEN, args[0]);
		j = length;
	}
	i = i < 1 ? 1 : i;
	j = j > length ? length : j;
	return one_new_string(c, record_call(c->r, HELPER_STRING_SUB, 3, args),
			      i > j ? 0 : (size_t)(j - i + 1));
}

int record_char(struct known_call *c)
{
	IrRef code;

	if (c->n != 1 || !has_tag(c, 0, TAG_INTEGER) ||
	    (lua_Unsigned)value_of(c, 0)->u.i > UINT8_MAX)
		return NOT_KNOWN;
	code = argument(c, 0);
	record_guard_that(c->r, true, emit2(c, IR_UINT_LT, code, integer(c, UINT8_MAX + 1)));
	return one_new_string(c, record_call(c->r, HELPER_STRING_CHAR, 1, &code), 1);
}

/* ---- table ----------------------------------------------------------------------------------- */

static bool guard_plain_table(const struct known_call *c)
{
	if (!has_tag(c, 0, TAG_TABLE) || as_table(value_of(c, 0))->metatable)
		return false;
	record_guard(c->r, IR_GUARD_ISNULL, metatable(c, 0), IR_NONE);
	return true;
}

static bool is_in_array(const struct known_call *c)
{
	Table *t = as_table(value_of(c, 0));

	return has_tag(c, 0, TAG_TABLE) && table_border(t) <= t->array_size;
}

int record_insert(struct known_call *c)
{
	IrRef args[2];

	if (c->n < 2 || c->n > 3 ||
	    (c->n == 3 && (!has_tag(c, 1, TAG_INTEGER) || !is_in_array(c))) ||
	    !guard_plain_table(c))
		return NOT_KNOWN;
	args[0] = argument(c, 0);
	if (c->n == 3)
		args[1] = argument(c, 1);
	record_operand(c->r, 1, argument(c, c->n - 1), value_of(c, c->n - 1)->tag);
	record_guard_that(c->r, true,
			  c->n == 3 ? record_call(c->r, HELPER_TABLE_INSERT, 2, args)
				    : record_call(c->r, HELPER_TABLE_APPEND, 1, args));
	return 0;
}

/* An element, which is in the array part: the last, or one in the middle. */
int record_remove(struct known_call *c)
{
	Table *t = as_table(value_of(c, 0));
	IrRef args[2], index, array, value;
	lua_Unsigned size, at;
	uint8_t tag;

	if (c->n < 1 || c->n > 2 || (c->n == 2 && !has_tag(c, 1, TAG_INTEGER)) ||
	    !guard_plain_table(c))
		return NOT_KNOWN;
	size = table_border(t);
	at = c->n == 2 ? (lua_Unsigned)value_of(c, 1)->u.i : size;
	if (at - 1 >= size || size > t->array_size)
		return NOT_KNOWN;
	args[0] = argument(c, 0);
	args[1] = c->n == 2 ? argument(c, 1) : record_call(c->r, HELPER_TABLE_BORDER, 1, args);
	index = emit2(c, IR_INT_SUB, args[1], integer(c, 1));
	record_guard_that(c->r, true,
			  emit2(c, IR_UINT_LT, index,
				record_emit(c->r, IR_GETFIELD_I, args[0], IR_NONE,
					    IR_FIELD_TABLE_ARRAY_SIZE)));
	array = record_emit(c->r, IR_GETFIELD_R, args[0], IR_NONE, IR_FIELD_TABLE_ARRAY);
	tag = *array_tag(t, at - 1);
	value = record_load(c->r, emit2(c, IR_GETARRAYITEM_TAG, array, index), tag,
			    IR_GETARRAYITEM_I, array, index);
	if (c->n == 1)
		record_emit3(c->r, IR_SETARRAYITEM, array, index, integer(c, 0), TAG_NIL);
	else
		record_guard_that(c->r, true, record_call(c->r, HELPER_TABLE_REMOVE, 2, args));
	return one(c, value, tag);
}

/* ---- What is known ------------------------------------------------------------------------------
 */

#define X(name, recorder) extern int name(lua_State *L) __attribute__((weak));
KNOWN_FUNCTIONS(X)
#undef X

static const struct known_function {
	lua_CFunction function;
	int (*record)(struct known_call *c);
} known_functions[] = {
#define X(name, recorder) {name, recorder},
	KNOWN_FUNCTIONS(X)
#undef X
};

extern int luaB_auxwrap(lua_State *L) __attribute__((weak));
extern int luaB_coresume(lua_State *L) __attribute__((weak));

bool record_is_resume(const Value *v)
{
	lua_CFunction f = v->tag == TAG_C_FUNCTION  ? v->u.f
			  : v->tag == TAG_C_CLOSURE ? as_c_closure(v)->f
						    : NULL;

	return f && (f == luaB_auxwrap || f == luaB_coresume);
}

int record_known_function(Recorder *r, int func, const Value *v, int arguments, int wanted,
			  RecordedSlot results[MAX_KNOWN_RESULTS])
{
	struct known_call c = {.r = r, .func = func, .n = arguments, .wanted = wanted};
	int n;

	if (v->tag != TAG_C_FUNCTION)
		return NOT_KNOWN;
	for (unsigned i = 0; i < sizeof(known_functions) / sizeof(*known_functions); i++) {
		if (known_functions[i].function != v->u.f)
			continue;
		record_guard(r, IR_GUARD_VALUE, record_use_slot(r, func, NULL),
			     ir_object(r->ir, v->u.p, v->tag));
		n = known_functions[i].record(&c);
		for (int k = 0; k < n; k++)
			results[k] = c.results[k];
		return n;
	}
	return NOT_KNOWN;
}
