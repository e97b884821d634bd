/* SPDX-License-Identifier: BSD-2-Clause */
/* table_internal.h - how a table's blocks are laid out: for table.c and table_make.c. */
#ifndef JITLUA_TABLE_INTERNAL_H
#define JITLUA_TABLE_INTERNAL_H

#include "table.h"

#define MAX_NODES (UINT32_C(1) << 30)

typedef struct node_header {
	uint32_t last_free; /* all nodes at and above it have had a key */
	uint32_t padding;
} NodeHeader;

#define node_header(nodes) ((NodeHeader *)(nodes)-1)
#define node_bytes(n) (sizeof(NodeHeader) + (size_t)(n) * sizeof(Node))
#define array_bytes(n) ((size_t)(n) * (sizeof(Payload) + 1))
/* Where the block of an array of n elements begins. */
#define array_block(array, n) ((array) - (size_t)(n) * sizeof(Payload))

/* Nodes that there are for n keys: a power of two, or 0. n <= MAX_NODES. */
static inline uint32_t node_count_for(uint32_t n)
{
	return n > 1 ? UINT32_C(2) << (31 - __builtin_clz(n - 1)) : n;
}

/* A block of node_bytes(n) becomes n free nodes. */
static inline Node *nodes_in(void *block, uint32_t n)
{
	NodeHeader *header = block;

	header->last_free = n;
	header->padding = 0;
	memset(header + 1, 0, n * sizeof(Node)); /* TAG_NIL */
	return (Node *)(header + 1);
}

void table_free_nodes(lua_State *L, Node *nodes, uint32_t mask);
void table_free_array(lua_State *L, uint8_t *array, uint32_t n);

#endif
