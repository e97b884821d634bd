/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - tables without metamethods.
 *
 * A Slot is where a value lies: a pointer to the payload and one to the tag,
 * which are apart in the array part. It is good until the table is written to
 * with a new key. Stores into a table need a barrier (gc.h) and, for a new key,
 * `absent` cleared; table_put() and its kin clear `absent`, the barrier is the
 * caller's.
 */
#ifndef JITLUA_TABLE_H
#define JITLUA_TABLE_H

#include "luastring.h"

typedef struct slot {
	Payload *payload; /* NULL: the key is not in the table */
	uint8_t *tag;
} Slot;

Table *table_new(lua_State *L);
void table_free(lua_State *L, Table *t);
/* Sizes for so many elements 1..n and so many other keys. Raises memory errors. */
void table_resize(lua_State *L, Table *t, unsigned array, unsigned hash);
void table_resize_array(lua_State *L, Table *t, unsigned array);
/* An empty table with such sizes; NULL without memory. Raises nothing, collects nothing. */
Table *table_try_new(lua_State *L, uint32_t array, uint32_t hash);
/*
 * A table with the same keys and values in the same places, without a metatable; NULL
 * without memory. Raises nothing, collects nothing.
 */
Table *table_copy(lua_State *L, const Table *from);

/* ---- Reading --------------------------------------------------------------------- */

/* Where key is; a slot that is found may hold nil. */
Slot table_find(const Table *t, const Value *key);
Slot table_find_string(const Table *t, String *key); /* any string */

/* Hash part only. */
Slot table_find_integer_hash(const Table *t, lua_Integer key);

static inline Slot table_find_integer(const Table *t, lua_Integer key)
{
	lua_Unsigned i = (lua_Unsigned)key - 1;

	if (likely(i < t->array_size))
		return (Slot){array_payload(t, i), array_tag(t, i)};
	return table_find_integer_hash(t, key);
}

static inline Slot table_find_short(const Table *t, const String *key)
{
	Node *n = &t->nodes[key->hash & t->node_mask];

	for (;;) {
		if (n->key.object == (const Object *)key && n->key_tag == TAG_SHORT_STRING)
			return (Slot){&n->value, &n->value_tag};
		if (!n->next)
			return (Slot){NULL, NULL};
		n += n->next;
	}
}

/* What is there, nil if nothing. */
static inline void slot_get(Slot s, Value *to)
{
	if (s.payload) {
		to->u = *s.payload;
		to->tag = *s.tag;
	} else {
		to->tag = TAG_NIL;
	}
}

static inline bool slot_is_nil(Slot s)
{
	return !s.payload || *s.tag == TAG_NIL;
}

static inline void slot_set(Slot s, const Value *v)
{
	*s.payload = v->u;
	*s.tag = v->tag;
}

static inline void table_get(const Table *t, const Value *key, Value *to)
{
	slot_get(table_find(t, key), to);
}

/* ---- Writing --------------------------------------------------------------------- */

/*
 * Stores v at key, which may be new. Raises "index is nil", "index is NaN" and
 * memory errors; a float key with an integer value counts as that integer.
 * key and v may be in the stack (no Lua code runs, the stack does not move).
 * A collectable key gets its own barrier in here; v's is the caller's.
 */
void table_put(lua_State *L, Table *t, const Value *key, const Value *v);
/* The same where no memory is needed; false: nothing was done. */
bool table_try_put(lua_State *L, Table *t, const Value *key, const Value *v);
void table_put_integer(lua_State *L, Table *t, lua_Integer key, const Value *v);
void table_put_string(lua_State *L, Table *t, String *key, const Value *v);
/*
 * The same when table_find() of key has just said `s` (found or not): saves the
 * second search.
 */
void table_put_at(lua_State *L, Table *t, const Value *key, Slot s, const Value *v);

/* ---- Lists (list.c) --------------------------------------------------------------- */

/*
 * v becomes element `position` of 1..n, with n a border of the table and in the array part;
 * those from there on move up. Raises memory errors, before it has changed anything if there
 * are no holes.
 */
void table_insert(lua_State *L, Table *t, lua_Unsigned position, lua_Unsigned n, const Value *v);
/* Takes out element `position` of 1..n, which are in the array part; those behind move down. */
void table_remove(lua_State *L, Table *t, uint32_t position, uint32_t n);

/* ---- The whole ------------------------------------------------------------------- */

/*
 * Traversal: key[0] is replaced by the key after it, key[1] by its value; nil
 * begins. Returns false at the end. Raises an error for a key that is not there.
 * Order: array part, then nodes; assigning nil to fields during it is allowed.
 */
bool table_next(lua_State *L, Table *t, Value *key);

/* A border: n with t[n] not nil and t[n + 1] nil, or 0 with t[1] nil. */
lua_Unsigned table_border(Table *t);

#define table_node_count(t) ((t)->node_mask + 1)
/* The hash part of all tables that have none. */
extern const Node table_no_node;
static inline bool table_no_nodes(const Table *t)
{
	return t->nodes == &table_no_node;
}
/* Bytes that the table and its blocks take. */
size_t table_bytes(const Table *t);

#endif
