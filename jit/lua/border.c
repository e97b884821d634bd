/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * border.c - the length of a table: n such that t[n] is not nil and t[n + 1] is.
 *
 * A table with holes has several; which one is found may depend on the last answer,
 * `border_hint`, from where the search begins: an array that grows or shrinks at its
 * end is asked for its length after each step.
 */
#include "table.h"

/* Steps from the last border that are tried before a binary search. */
#define NEAR 4

#define has_element(t, i) (*array_tag(t, (i)-1) != TAG_NIL)

/* Element low is there, or low is 0; element high is nil. */
static uint32_t search_border(const Table *t, uint32_t low, uint32_t high)
{
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (has_element(t, middle))
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Element i, the border of last time, was taken away. */
static uint32_t border_below(const Table *t, uint32_t i)
{
	for (int n = 0; n < NEAR; n++)
		if (--i == 0 || has_element(t, i))
			return i;
	return search_border(t, 0, i);
}

/* Element i is there. */
static uint32_t border_above(const Table *t, uint32_t i)
{
	for (int n = 0; n < NEAR; n++, i++)
		if (i == t->array_size || !has_element(t, i + 1))
			return i;
	return has_element(t, t->array_size) ? t->array_size : search_border(t, i, t->array_size);
}

/*
 * A border of the array part, which is not empty; array_size if the last element is
 * not nil. Programs that let nil into a list and take its length expect what Lua
 * gives them: the end, if that is a border, or else what a binary search finds.
 */
static uint32_t array_border(const Table *t)
{
	uint32_t size = t->array_size, hint = t->border_hint;

	if (hint)
		return has_element(t, hint) ? border_above(t, hint) : border_below(t, hint);
	if (has_element(t, size))
		return size;
	if (size > 1 && has_element(t, size - 1))
		return size - 1;
	return search_border(t, 0, size);
}

static bool has_node(const Table *t, lua_Unsigned i)
{
	Slot s = table_find_integer_hash(t, (lua_Integer)i);

	return s.payload && *s.tag != TAG_NIL;
}

/* Element `low` is the array's last, element low + 1 is in a node: doubles, then halves. */
static lua_Unsigned border_in_nodes(const Table *t, lua_Unsigned low)
{
	lua_Unsigned high;

	low++;
	for (;;) {
		if (low > (lua_Unsigned)LUA_MAXINTEGER / 2) {
			/* Someone made this on purpose. */
			high = (lua_Unsigned)LUA_MAXINTEGER;
			if (has_node(t, high))
				return high;
			break;
		}
		high = low * 2;
		if (!has_node(t, high))
			break;
		low = high;
	}
	while (high - low > 1) {
		lua_Unsigned middle = low + (high - low) / 2;

		if (has_node(t, middle))
			low = middle;
		else
			high = middle;
	}
	return low;
}

lua_Unsigned table_border(Table *t)
{
	uint32_t size = t->array_size, border = 0;

	if (size > 0) {
		border = array_border(t);
		t->border_hint = border;
		if (border < size)
			return border;
	}
	if (table_no_nodes(t) || !has_node(t, (lua_Unsigned)size + 1))
		return border;
	return border_in_nodes(t, size);
}
