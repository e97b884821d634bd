/* SPDX-License-Identifier: BSD-2-Clause */
/* index.h - a hash index from a 64 bit key to a row number. */
#ifndef JIT_HOOKS_INDEX_H
#define JIT_HOOKS_INDEX_H

#include <stdbool.h>
#include <stdint.h>

/* Open addressing, at most half full; key 0 is an empty place. */
struct jit_index {
	struct jit_index_entry {
		uint64_t key;
		uint32_t row;
	} * entries;
	uint32_t size; /* power of two, or 0 */
	uint32_t used;
};

/* false without memory; the index is then as it was. */
bool jit_index_put(struct jit_index *index, uint64_t key, uint32_t row);
/* The row, or UINT32_MAX. */
uint32_t jit_index_get(const struct jit_index *index, uint64_t key);
void jit_index_remove(struct jit_index *index, uint64_t key);

#endif
