/* SPDX-License-Identifier: BSD-2-Clause */
/* vm_compare.c - equality and order of any values. */
#include "vm.h"

#include "call.h"

/* Of one tag: equal without metamethods. */
static bool same_tag_equal(const Value *a, const Value *b)
{
	switch (a->tag) {
	case TAG_NIL:
	case TAG_FALSE:
	case TAG_TRUE:
		return true;
	case TAG_FLOAT:
		return a->u.n == b->u.n;
	case TAG_LONG_STRING:
		return string_equal(as_string(a), as_string(b));
	default:
		/* integers, short strings, what has an identity */
		return a->u.i == b->u.i;
	}
}

bool vm_raw_equal(const Value *a, const Value *b)
{
	lua_Integer i, j;

	if (a->tag == b->tag)
		return same_tag_equal(a, b);
	/* of two tags: only an integer and a float can be equal */
	return is_number(a) && is_number(b) && number_to_integer(a, &i, ROUND_EXACT) &&
	       number_to_integer(b, &j, ROUND_EXACT) && i == j;
}

bool vm_equal(lua_State *L, const Value *a, const Value *b)
{
	Table *x, *y;
	Value handler;

	if (a->tag != b->tag || (a->tag != TAG_TABLE && a->tag != TAG_USERDATA))
		return vm_raw_equal(a, b);
	if (as_object(a) == as_object(b))
		return true;
	x = meta_table(L, a);
	y = meta_table(L, b);
	if (!meta_fast(L, x, META_EQ, &handler) && !meta_fast(L, y, META_EQ, &handler))
		return false;
	meta_call_result(L, &handler, a, b, L->top);
	return !is_falsy(L->top);
}

bool vm_less(lua_State *L, const Value *a, const Value *b)
{
	if (is_number(a) && is_number(b))
		return number_less(a, b);
	if (is_string(a) && is_string(b))
		return string_compare(as_string(a), as_string(b)) < 0;
	return meta_order(L, a, b, META_LT);
}

bool vm_less_equal(lua_State *L, const Value *a, const Value *b)
{
	if (is_number(a) && is_number(b))
		return number_less_equal(a, b);
	if (is_string(a) && is_string(b))
		return string_compare(as_string(a), as_string(b)) <= 0;
	return meta_order(L, a, b, META_LE);
}
