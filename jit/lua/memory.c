/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - every byte goes through here: counted, and asked for twice.
 *
 * Two figures are kept with each block. total_bytes is exact, always: it is what
 * collectgarbage("count") tells, and at lua_close() it must be what it was in
 * the beginning. debt is the same sum seen from the collector's next deadline:
 * it is negative while there is room and a step is due when it is positive.
 *
 * When the allocator has nothing, a full emergency collection runs and it is
 * asked again. That collection calls no finalizer and moves nothing, but it
 * frees whatever is not reachable, so a caller's new objects must be anchored
 * and old ones consistent before any allocation. With JITLUA_GC_STRESS=1 in the
 * environment each allocation that asks for more does that collection first:
 * whoever forgets to anchor is found at once (gc.c).
 */
#include "alloc.h"
#include "call.h"
#include "debug.h"
#include "gc.h"
#include "gc_internal.h"

static inline void account(lua_State *L, size_t old_size, size_t new_size)
{
	Global *g = L->global;

	g->total_bytes += new_size - old_size;
	state_owe(L, (ptrdiff_t)(new_size - old_size));
}

/*
 * Our own allocator is called directly, and is not asked again what is wanted: that
 * is worth some percent to a program that makes many objects.
 */
static inline void *get_block(Global *g, size_t size, int tag)
{
	if (likely(g->allocate == heap_allocate))
		return heap_get(g->allocate_data, size);
	return g->allocate(g->allocate_data, NULL, (size_t)tag, size);
}

static inline void put_block(Global *g, void *p, size_t size)
{
	if (likely(g->allocate == heap_allocate))
		heap_put(g->allocate_data, p, size);
	else
		g->allocate(g->allocate_data, p, size, 0);
}

/* The emergency. NULL if it was in vain or cannot be now. */
static __attribute__((noinline, cold)) void *ask_again(lua_State *L, void *p, size_t old_size,
						       size_t new_size)
{
	Global *g = L->global;

	if (g->stop_emergency)
		return NULL;
	gc_full(L, true);
	return g->allocate(g->allocate_data, p, old_size, new_size);
}

static inline void stress(lua_State *L)
{
	Global *g = L->global;

	if (unlikely(g->gc_stress == GC_STRESS_ALLOCATIONS) && !g->stop_emergency &&
	    !(g->gc_stopped & GC_STOPPED_BY_USER) && gc_stress_is_due(g))
		gc_full(L, true);
}

void *mem_try_realloc(lua_State *L, void *p, size_t old_size, size_t new_size)
{
	Global *g = L->global;
	void *block;

	lua_assert((p == NULL) == (old_size == 0));
	if (new_size == 0) {
		mem_free(L, p, old_size);
		return NULL;
	}
	if (new_size > old_size)
		stress(L);
	block = p ? g->allocate(g->allocate_data, p, old_size, new_size)
		  : get_block(g, new_size, 0);
	if (unlikely(!block)) {
		block = ask_again(L, p, old_size, new_size);
		if (!block)
			return NULL;
	}
	account(L, old_size, new_size);
	return block;
}

void *mem_realloc(lua_State *L, void *p, size_t old_size, size_t new_size)
{
	void *block = mem_try_realloc(L, p, old_size, new_size);

	if (unlikely(!block && new_size > 0))
		throw_memory(L);
	return block;
}

void mem_free(lua_State *L, void *p, size_t size)
{
	Global *g = L->global;

	lua_assert((p == NULL) == (size == 0));
	if (!p)
		return;
	put_block(g, p, size);
	account(L, size, 0);
}

static inline void *allocate(lua_State *L, size_t size, int tag)
{
	Global *g = L->global;
	void *p;

	stress(L);
	p = get_block(g, size, tag & 0x0f);
	if (unlikely(!p)) {
		p = ask_again(L, NULL, (size_t)(tag & 0x0f), size);
		if (!p)
			throw_memory(L);
	}
	account(L, 0, size);
	return p;
}

void *mem_alloc(lua_State *L, size_t size, int tag)
{
	return likely(size > 0) ? allocate(L, size, tag) : NULL;
}

void *gc_new(lua_State *L, size_t size, int tag)
{
	Object *o = allocate(L, size, tag);

	gc_link_new(L->global, o, tag);
	return o;
}

static inline void *try_allocate(lua_State *L, size_t size, int tag)
{
	void *p = get_block(L->global, size, tag & 0x0f);

	if (likely(p))
		account(L, 0, size);
	return p;
}

void *mem_try_alloc(lua_State *L, size_t size)
{
	return try_allocate(L, size, 0);
}

void *gc_try_new(lua_State *L, size_t size, int tag)
{
	Object *o = try_allocate(L, size, tag);

	if (likely(o))
		gc_link_new(L->global, o, tag);
	return o;
}

_Noreturn void mem_too_big(lua_State *L)
{
	error_run(L, "memory allocation error: block too big");
}

#define GROW_MINIMUM 4

void *mem_grow(lua_State *L, void *p, uint32_t count, uint32_t *size, size_t element,
	       uint32_t limit, const char *what)
{
	uint32_t old_size = *size, new_size;

	if (count < old_size)
		return p;
	if (unlikely(old_size >= limit / 2)) {
		if (old_size >= limit)
			error_run(L, "too many %s (limit is %d)", what, (int)limit);
		new_size = limit;
	} else {
		new_size = old_size ? old_size * 2 : GROW_MINIMUM;
	}
	p = mem_realloc(L, p, old_size * element, new_size * element);
	*size = new_size;
	return p;
}
