/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.c - elements of a table's array part are moved: table.insert and table.remove in
 * the middle of a list, in compiled code.
 */
#include <string.h>

#include "gc.h"
#include "table.h"

/* An element may have come from where the collector has not looked to where it has. */
static void barrier(lua_State *L, Table *t, uint32_t first, uint32_t last)
{
	for (uint32_t i = first; is_black(t) && i <= last; i++)
		if (*array_tag(t, i) & TAG_COLLECTABLE && is_white(array_payload(t, i)->object))
			gc_barrier_back_slow(L, (Object *)t);
}

/* Elements first..last, from 0, to the place after or before. */
static void shift(lua_State *L, Table *t, uint32_t first, uint32_t last, int by)
{
	uint32_t to = first + (uint32_t)by, n = last - first + 1;

	/* Payloads go down: the last one has the lowest address. */
	memmove(array_payload(t, to + n - 1), array_payload(t, last), n * sizeof(Payload));
	memmove(array_tag(t, to), array_tag(t, first), n);
	barrier(L, t, to, to + n - 1);
}

/* Elements position..n - 1, from 1, move up. A list with holes may have lost its array part. */
static void make_room(lua_State *L, Table *t, lua_Unsigned position, lua_Unsigned n)
{
	if (n <= t->array_size && position < n) {
		shift(L, t, (uint32_t)position - 1, (uint32_t)n - 2, 1);
		return;
	}
	for (; n > position; n--) {
		Value v;

		slot_get(table_find_integer(t, (lua_Integer)n - 1), &v);
		table_put_integer(L, t, (lua_Integer)n, &v);
		gc_barrier_back(L, t, &v);
	}
}

void table_insert(lua_State *L, Table *t, lua_Unsigned position, lua_Unsigned n, const Value *v)
{
	Value last;

	slot_get(table_find_integer(t, (lua_Integer)n), &last);
	table_put_integer(L, t, (lua_Integer)n + 1, &last);
	gc_barrier_back(L, t, &last);
	make_room(L, t, position, n);
	table_put_integer(L, t, (lua_Integer)position, v);
	gc_barrier_back(L, t, v);
}

void table_remove(lua_State *L, Table *t, uint32_t position, uint32_t n)
{
	if (position < n)
		shift(L, t, position, n - 1, -1);
	*array_tag(t, n - 1) = TAG_NIL;
}
