/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_unpack.c - table.unpack() and table.pack(): between a list and values.
 *
 * The list's elements become as many loads. So how many there are is guarded; but a
 * call of which a few values are wanted wants just these, whatever the length beyond.
 * With bounds that are variables it is their distance that is guarded, for a window
 * that moves along a list would leave the trace each time.
 *
 * A table that table.pack() makes is one like those of constructors: virtual, mostly.
 */
#include "record_library.h"

/* More values may be more than the stack has room for, which is an error. */
#define MOST_VALUES 200

/*
 * Of the elements that are unpacked; n: how many, `loaded` of which are looked at. An
 * __index is asked for those that are not there, wanted or not: then all are looked at.
 */
struct range {
	lua_Integer first, last;
	IrRef first_ref, last_ref;
	lua_Unsigned n;
	int wanted, loaded; /* wanted: LUA_MULTRET: all */
};

static bool is_given(const struct known_call *c, int n)
{
	return n < c->n && !is_nil(value_of(c, n));
}

static bool is_bound(const struct known_call *c, int n)
{
	return !is_given(c, n) || is_integer(value_of(c, n));
}

static bool has_index(const struct known_call *c)
{
	Table *mt = as_table(value_of(c, 0))->metatable;
	Value found;

	return mt && meta_fast(c->r->L, mt, META_INDEX, &found) && !is_nil(&found);
}

static void take_bounds(struct known_call *c, struct range *g)
{
	IrRef table = argument(c, 0);

	for (int n = 1; n <= 2 && n < c->n; n++)
		argument(c, n); /* nil is not given */
	g->first = is_given(c, 1) ? value_of(c, 1)->u.i : 1;
	g->first_ref = is_given(c, 1) ? argument(c, 1) : integer(c, 1);
	if (is_given(c, 2)) {
		g->last = value_of(c, 2)->u.i;
		g->last_ref = argument(c, 2);
	} else {
		g->last = (lua_Integer)table_border(as_table(value_of(c, 0)));
		g->last_ref = record_call(c->r, HELPER_TABLE_BORDER, 1, &table);
	}
}

/* All that are wanted are there: there may be more. */
static bool is_enough(const struct range *g)
{
	return g->wanted != LUA_MULTRET && g->n >= (lua_Unsigned)g->wanted;
}

/* false: too many. */
static bool count(const struct known_call *c, struct range *g)
{
	g->wanted = has_index(c) ? LUA_MULTRET : c->wanted;
	g->n = g->first <= g->last ? (lua_Unsigned)g->last - (lua_Unsigned)g->first + 1 : 0;
	/* 0 of all integers: they are 2^64 */
	if (g->n > MOST_VALUES || (!g->n && g->first <= g->last))
		return false;
	g->loaded = is_enough(g) ? g->wanted : (int)g->n;
	return g->loaded <= MAX_KNOWN_RESULTS;
}

static void guard_less_equal(const struct known_call *c, bool holds, IrRef a, IrRef b)
{
	record_guard_that(c->r, holds, emit2(c, IR_INT_LE, a, b));
}

static void guard_last(const struct known_call *c, const struct range *g)
{
	if (!is_enough(g)) {
		record_guard_integer(c->r, g->last_ref, g->last);
		return;
	}
	guard_less_equal(c, true, integer(c, g->first + g->wanted - 1), g->last_ref);
	guard_less_equal(c, true, g->last_ref, integer(c, g->first + MOST_VALUES - 1));
}

static void guard_distance(const struct known_call *c, const struct range *g)
{
	IrRef distance = emit2(c, IR_INT_SUB, g->last_ref, g->first_ref);

	if (!is_enough(g)) {
		record_guard_integer(c->r, distance, (lua_Integer)g->n - 1);
		return;
	}
	guard_less_equal(c, true, integer(c, g->wanted - 1), distance);
	record_guard_that(c->r, true, emit2(c, IR_UINT_LT, distance, integer(c, MOST_VALUES)));
}

static void guard_range(const struct known_call *c, const struct range *g)
{
	bool is_far = g->first > LUA_MAXINTEGER - MOST_VALUES || g->first == LUA_MININTEGER;

	if (ir_is_constant(g->first_ref) && !is_far && g->n) {
		guard_last(c, g);
		return;
	}
	guard_less_equal(c, g->n, g->first_ref, g->last_ref);
	if (g->n)
		guard_distance(c, g);
}

static bool has_holes(const struct known_call *c, const struct range *g)
{
	for (int i = 0; i < g->loaded; i++)
		if (slot_is_nil(table_find_integer(as_table(value_of(c, 0)), g->first + i)))
			return true;
	return false;
}

/* Guards that no metamethod has a say in the length, or in what is not there; false: one has. */
static bool guard_metatable(const struct known_call *c, const struct range *g)
{
	Table *mt = as_table(value_of(c, 0))->metatable;
	IrRef is;

	if (!mt) {
		record_guard(c->r, IR_GUARD_ISNULL, metatable(c, 0), IR_NONE);
		return true;
	}
	is = ir_object(c->r->ir, mt, TAG_TABLE);
	record_guard(c->r, IR_GUARD_VALUE, metatable(c, 0), is);
	if (!is_given(c, 2) && !record_guard_absent(c->r, mt, is, META_LEN))
		return false;
	return has_index(c) ? !has_holes(c, g) : record_guard_absent(c->r, mt, is, META_INDEX);
}

/* The last comes first: that it is in the array part says it of the others. */
static void load(struct known_call *c, const struct range *g)
{
	for (int i = g->loaded - 1; i >= 0; i--) {
		RecordedSlot *to = &c->results[i];
		IrRef key_ref;
		Value key;

		set_integer(&key, g->first + i);
		key_ref = ir_is_constant(g->first_ref) ? ir_value(c->r->ir, &key)
						       : record_emit(c->r, IR_INT_ADD, g->first_ref,
								     integer(c, i), SUM_EXACT);
		to->ref = record_raw_get(c->r, value_of(c, 0), argument(c, 0), &key, key_ref,
					 &to->tag);
	}
}

int record_unpack(struct known_call *c)
{
	struct range g;

	if (!has_tag(c, 0, TAG_TABLE) || !is_bound(c, 1) || !is_bound(c, 2))
		return NOT_KNOWN;
	take_bounds(c, &g);
	if (!count(c, &g) || !guard_metatable(c, &g))
		return NOT_KNOWN;
	guard_range(c, &g);
	load(c, &g);
	return g.loaded;
}

/* A virtual table has no more keys; this one has "n" too. */
#define MOST_PACKED (MAX_SHAPE_KEYS - 1)

int record_pack(struct known_call *c)
{
	String *name = string_new(c->r->L, "n", 1);
	RecordedSlot values[MOST_PACKED];
	IrRef args[2];

	if (c->n > MOST_PACKED)
		return NOT_KNOWN;
	for (int i = 0; i < c->n; i++)
		values[i] = (RecordedSlot){.ref = argument(c, i), .tag = value_of(c, i)->tag};
	args[0] = record_make_table(c->r, c->n, 1);
	args[1] = ir_object(c->r->ir, name, name->tag);
	record_operand(c->r, 1, integer(c, c->n), TAG_INTEGER);
	record_guard_that(c->r, true, record_call(c->r, HELPER_TABLE_PUT_STRING, 2, args));
	record_put_elements(c->r, args[0], 1, values, c->n);
	return one(c, args[0], TAG_TABLE);
}
