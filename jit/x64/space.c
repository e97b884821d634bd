/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * space.c - which parts of the code area are taken.
 *
 * Filled from its beginning; what a freed trace leaves is a gap, kept in order of
 * place and joined with its neighbours, and is taken again first (the first that is
 * large enough). A gap at the end is no gap: the end moves down.
 */
#include <stdlib.h>
#include <string.h>

#include "x64.h"

#define GRAIN 16

static size_t rounded(size_t size)
{
	return (size + GRAIN - 1) & ~(size_t)(GRAIN - 1);
}

static void remove_gap(Space *s, uint32_t n)
{
	s->n_gaps--;
	memmove(s->gaps + n, s->gaps + n + 1, (s->n_gaps - n) * sizeof(*s->gaps));
}

static bool insert_gap(Space *s, uint32_t n, Block gap)
{
	if (s->n_gaps == s->size_gaps) {
		uint32_t size = s->size_gaps ? s->size_gaps * 2 : 64;
		Block *grown = realloc(s->gaps, size * sizeof(*grown));

		if (!grown)
			return false;
		s->gaps = grown;
		s->size_gaps = size;
	}
	memmove(s->gaps + n + 1, s->gaps + n, (s->n_gaps - n) * sizeof(*s->gaps));
	s->gaps[n] = gap;
	s->n_gaps++;
	return true;
}

bool space_take(Space *s, size_t bytes, Block *block)
{
	size_t size = rounded(bytes);

	*block = (Block){.size = (uint32_t)size};
	for (uint32_t i = 0; i < s->n_gaps; i++) {
		Block *gap = &s->gaps[i];

		if (gap->size < size)
			continue;
		if (gap->at + size > s->size)
			return false;
		block->at = gap->at;
		gap->at += (uint32_t)size;
		gap->size -= (uint32_t)size;
		if (!gap->size)
			remove_gap(s, i);
		return true;
	}
	if (s->used + size > s->size)
		return false;
	block->at = (uint32_t)s->used;
	s->used += size;
	return true;
}

/* Number of the first gap behind `at`. */
static uint32_t gap_behind(const Space *s, uint32_t at)
{
	uint32_t low = 0, high = s->n_gaps;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->gaps[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void space_give(Space *s, Block block)
{
	uint32_t n = gap_behind(s, block.at);

	if (n > 0 && s->gaps[n - 1].at + s->gaps[n - 1].size == block.at) {
		n--;
		block.at = s->gaps[n].at;
		block.size += s->gaps[n].size;
		remove_gap(s, n);
	}
	if (n < s->n_gaps && block.at + block.size == s->gaps[n].at) {
		block.size += s->gaps[n].size;
		remove_gap(s, n);
	}
	if (block.at + block.size == s->used)
		s->used = block.at;
	else
		insert_gap(s, n, block); /* without memory it is lost until the state closes */
}

size_t space_in_use(const Space *s)
{
	size_t n = s->used;

	for (uint32_t i = 0; i < s->n_gaps; i++)
		n -= s->gaps[i].size;
	return n;
}

void space_close(Space *s)
{
	free(s->gaps);
	*s = (Space){0};
}
