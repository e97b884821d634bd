/* SPDX-License-Identifier: BSD-2-Clause */
#include "index.h"

#include <stdlib.h>

static uint32_t home(const struct jit_index *index, uint64_t key)
{
	return (uint32_t)((key * 0x9e3779b97f4a7c15u) >> 32) & (index->size - 1);
}

/* The place of key, or the empty place where it belongs. */
static uint32_t place(const struct jit_index *index, uint64_t key)
{
	uint32_t i = home(index, key);

	while (index->entries[i].key && index->entries[i].key != key)
		i = (i + 1) & (index->size - 1);
	return i;
}

static __attribute__((noinline, cold)) bool grow(struct jit_index *index)
{
	struct jit_index bigger = {.size = index->size ? index->size * 2 : 64, .used = index->used};

	bigger.entries = calloc(bigger.size, sizeof(*bigger.entries));
	if (!bigger.entries)
		return false;
	for (uint32_t i = 0; i < index->size; i++)
		if (index->entries[i].key)
			bigger.entries[place(&bigger, index->entries[i].key)] = index->entries[i];
	free(index->entries);
	*index = bigger;
	return true;
}

bool jit_index_put(struct jit_index *index, uint64_t key, uint32_t row)
{
	uint32_t i;

	if (2 * (index->used + 1) > index->size && !grow(index))
		return false;
	i = place(index, key);
	index->used += !index->entries[i].key;
	index->entries[i] = (struct jit_index_entry){key, row};
	return true;
}

uint32_t jit_index_get(const struct jit_index *index, uint64_t key)
{
	uint32_t i;

	if (!index->size)
		return UINT32_MAX;
	i = place(index, key);
	return index->entries[i].key ? index->entries[i].row : UINT32_MAX;
}

/* Moves later entries of the run back, so that no search ends too early. */
void jit_index_remove(struct jit_index *index, uint64_t key)
{
	uint32_t mask = index->size - 1, hole, i;

	if (!index->size)
		return;
	hole = place(index, key);
	if (!index->entries[hole].key)
		return;
	for (i = (hole + 1) & mask; index->entries[i].key; i = (i + 1) & mask) {
		uint32_t from = home(index, index->entries[i].key);

		if (((i - from) & mask) >= ((i - hole) & mask)) {
			index->entries[hole] = index->entries[i];
			hole = i;
		}
	}
	index->entries[hole].key = 0;
	index->used--;
}
