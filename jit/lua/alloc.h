/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alloc.h - jitlua's own allocator, a lua_Alloc: size classes in 64 KiB arenas
 * for small blocks, malloc for others. It relies on lua_Alloc's promise that the
 * old size is told rightly.
 */
#ifndef JITLUA_ALLOC_H
#define JITLUA_ALLOC_H

#include <stddef.h>

/*
 * A heap; NULL without memory. One per state: not for two threads at once. It
 * goes away with its last block, and with a first block that cannot be had, so
 * lua_close(), and lua_newstate() that fails, leave nothing to give back.
 */
void *heap_new(void);
/* The lua_Alloc; ud is the heap. */
void *heap_allocate(void *heap, void *p, size_t old_size, size_t new_size);
/* What it does for a new block and for one that is given back (size > 0), called directly. */
void *heap_get(void *heap, size_t size);
void heap_put(void *heap, void *p, size_t size);

#endif
