/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table_make.c - tables begin and end: new ones, copies, freeing.
 *
 * What compiled code makes comes as a whole: its blocks are asked for together, and
 * no emergency collection runs (it would free what only a register holds). Where
 * there is no memory, NULL is all that is said.
 */
#include "gc_internal.h"
#include "table_internal.h"

const Node table_no_node = {.value_tag = TAG_NIL, .key_tag = TAG_NIL};

static inline void empty_table(Table *t)
{
	t->absent = 0xff;
	t->in_pieces = false;
	t->node_mask = 0;
	t->array_size = 0;
	t->border_hint = 0;
	t->array = NULL;
	t->nodes = (Node *)&table_no_node;
	t->metatable = NULL;
	t->gray_next = NULL;
}

Table *table_new(lua_State *L)
{
	Table *t = gc_new(L, sizeof(Table), TAG_TABLE);

	empty_table(t);
	return t;
}

/* Blocks of a table that is not in the list of objects yet; NULL: of 0 bytes. */
struct blocks {
	Table *t;
	void *elements, *nodes;
};

static __attribute__((cold, noinline)) bool give_back(lua_State *L, const struct blocks *b,
						      size_t elements, size_t nodes)
{
	mem_free(L, b->nodes, b->nodes ? nodes : 0);
	mem_free(L, b->elements, b->elements ? elements : 0);
	mem_free(L, b->t, b->t ? sizeof(*b->t) : 0);
	return false;
}

/* Bytes of both parts; false without memory. */
static inline bool get_blocks(lua_State *L, struct blocks *b, size_t elements, size_t nodes)
{
	b->t = mem_try_alloc(L, sizeof(*b->t));
	b->elements = b->t && elements ? mem_try_alloc(L, elements) : NULL;
	b->nodes = b->t && nodes ? mem_try_alloc(L, nodes) : NULL;
	if (unlikely(!b->t || (elements && !b->elements) || (nodes && !b->nodes)))
		return give_back(L, b, elements, nodes);
	empty_table(b->t);
	return true;
}

static void set_array(Table *t, uint8_t *block, uint32_t n)
{
	t->array = block + (size_t)n * sizeof(Payload);
	t->array_size = n;
}

Table *table_try_new(lua_State *L, uint32_t array, uint32_t hash)
{
	uint32_t count = hash <= MAX_NODES ? node_count_for(hash) : 0;
	struct blocks b;

	if (hash > MAX_NODES ||
	    !get_blocks(L, &b, array_bytes(array), count ? node_bytes(count) : 0))
		return NULL;
	if (b.elements) {
		set_array(b.t, b.elements, array);
		memset(b.t->array, TAG_NIL, array);
	}
	if (b.nodes) {
		b.t->nodes = nodes_in(b.nodes, count);
		b.t->node_mask = count - 1;
	}
	gc_link_new(L->global, (Object *)b.t, TAG_TABLE);
	return b.t;
}

Table *table_copy(lua_State *L, const Table *from)
{
	size_t array = array_bytes(from->array_size);
	size_t hash = table_no_nodes(from) ? 0 : node_bytes(table_node_count(from));
	struct blocks b;

	if (!get_blocks(L, &b, array, hash))
		return NULL;
	b.t->absent = from->absent;
	if (b.elements) {
		memcpy(b.elements, array_block(from->array, from->array_size), array);
		set_array(b.t, b.elements, from->array_size);
	}
	if (b.nodes) {
		memcpy(b.nodes, node_header(from->nodes), hash);
		b.t->nodes = (Node *)((NodeHeader *)b.nodes + 1);
		b.t->node_mask = from->node_mask;
	}
	gc_link_new(L->global, (Object *)b.t, TAG_TABLE);
	return b.t;
}

void table_free_nodes(lua_State *L, Node *nodes, uint32_t mask)
{
	if (nodes != &table_no_node)
		mem_free(L, node_header(nodes), node_bytes((size_t)mask + 1));
}

void table_free_array(lua_State *L, uint8_t *array, uint32_t n)
{
	if (n > 0)
		mem_free(L, array_block(array, n), array_bytes(n));
}

size_t table_bytes(const Table *t)
{
	return sizeof(Table) + array_bytes(t->array_size) +
	       (table_no_nodes(t) ? 0 : node_bytes(table_node_count(t)));
}

void table_free(lua_State *L, Table *t)
{
	table_free_nodes(L, t->nodes, t->node_mask);
	table_free_array(L, t->array, t->array_size);
	mem_free(L, t, sizeof(Table));
}
