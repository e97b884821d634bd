/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * area.c - the address space that code is put into, near to what all code looks at.
 *
 * An instruction reaches 2 GiB from where it is. The wish word (jit_runs_wish()) is
 * compared in every turn of every loop, and is in the program or in a library of it,
 * so the area is reserved there, if the kernel can be brought to it: below, where the
 * heap does not want to grow, or far above.
 */
#include <sys/mman.h>

#include "x64.h"

/* With something to spare for the length of instructions. */
#define REACH ((intptr_t)INT32_MAX - 0xffff)
#define TRIES 16 /* in each direction */
#define GRAIN ((uintptr_t)0x10000)

bool area_is_near(const uint8_t *area, size_t size, const void *to)
{
	intptr_t from_first = (intptr_t)((uintptr_t)to - (uintptr_t)area);

	return from_first < REACH && from_first - (intptr_t)size > -REACH;
}

static uint8_t *map(uintptr_t where, size_t size)
{
	void *area = mmap((void *)where, size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return area == MAP_FAILED ? NULL : area;
}

static uint8_t *map_near(intptr_t distance, size_t size, const void *to)
{
	uintptr_t where = ((uintptr_t)to + (uintptr_t)distance) & ~(GRAIN - 1);
	uint8_t *area = map(where, size);

	if (area && !area_is_near(area, size, to)) {
		munmap(area, size);
		area = NULL;
	}
	return area;
}

uint8_t *area_reserve(size_t size, const void *to)
{
	intptr_t step = (REACH - (intptr_t)size) / (TRIES + 1);
	uint8_t *area = NULL;

	for (int i = 0; !area && i < TRIES; i++)
		area = map_near(-(intptr_t)size - i * step, size, to);
	for (int i = TRIES; !area && i > 0; i--)
		area = map_near(i * step, size, to);
	return area ? area : map(0, size);
}
