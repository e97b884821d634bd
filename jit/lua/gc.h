/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc.h - memory and the collector: allocating, barriers, steps.
 *
 * Incremental mark and sweep in three colours with two whites. Invariant while
 * marking: no black object points to a white one. Whoever stores a white object
 * into a black one calls a barrier: forward (the child is marked; for objects
 * that are rarely written) or back (the parent becomes gray again; for tables).
 * Threads are never black: the stack needs no barrier.
 *
 * A step runs only where the program says so: gc_check() at safe points, where
 * all live values are in the stack below top (compiled code: at a snapshot).
 * An allocation that fails runs a full emergency collection, which calls no
 * finalizer, so any allocation may free what is not reachable: a new object is
 * anchored (pushed, stored) before the next allocation.
 */
#ifndef JITLUA_GC_H
#define JITLUA_GC_H

#include <stdarg.h>

#include "state.h"

/* ---- Memory ------------------------------------------------------------------------ */

/* Counts, collects when the allocator fails, raises LUA_ERRMEM if that is no help. */
void *mem_realloc(lua_State *L, void *p, size_t old_size, size_t new_size);
/* NULL where mem_realloc() raises. */
void *mem_try_realloc(lua_State *L, void *p, size_t old_size, size_t new_size);
void mem_free(lua_State *L, void *p, size_t size);
/* tag: what the allocator is told it is for (lua_Alloc). */
void *mem_alloc(lua_State *L, size_t size, int tag);
/* "not enough memory" for a size that cannot be: raises. */
_Noreturn void mem_too_big(lua_State *L);

/*
 * Room for one more element in a vector that doubles: sets *size. Raises
 * "too many WHAT (limit is N)".
 */
void *mem_grow(lua_State *L, void *p, uint32_t count, uint32_t *size, size_t element,
	       uint32_t limit, const char *what);

/* A new white object in the list of all objects. */
void *gc_new(lua_State *L, size_t size, int tag) __attribute__((returns_nonnull));

/*
 * For compiled code, whose registers no collection sees: the same with no emergency
 * collection, NULL without memory. Larger than 0.
 */
void *mem_try_alloc(lua_State *L, size_t size);
void *gc_try_new(lua_State *L, size_t size, int tag);
typedef void *(*GcNew)(lua_State *L, size_t size, int tag);

/* ---- Colours ------------------------------------------------------------------------ */

enum {
	MARK_WHITE0 = 1 << 0,
	MARK_WHITE1 = 1 << 1,
	MARK_BLACK = 1 << 2,	   /* neither white nor black: gray */
	MARK_FINALIZABLE = 1 << 3, /* in the list of objects with a finalizer */
	MARK_WHITES = MARK_WHITE0 | MARK_WHITE1,
};

#define is_white(o) (((Object *)(o))->marked & MARK_WHITES)
#define is_black(o) (((Object *)(o))->marked & MARK_BLACK)
/* Of a white that was not reached: to be swept. */
#define is_dead(g, o) (((Object *)(o))->marked & ((g)->white ^ MARK_WHITES) & MARK_WHITES)

void gc_barrier_forward_slow(lua_State *L, Object *parent, Object *child);
void gc_barrier_back_slow(lua_State *L, Object *parent);

/* A value was stored into parent (any object but a thread): forward. */
#define gc_barrier(L, parent, v)                                                             \
	do {                                                                                 \
		const Value *gc_v_ = (v);                                                    \
		if (is_collectable(gc_v_) && is_black(parent) && is_white(as_object(gc_v_))) \
			gc_barrier_forward_slow(L, (Object *)(parent), as_object(gc_v_));    \
	} while (0)
#define gc_barrier_object(L, parent, child)                                                \
	do {                                                                               \
		if (is_black(parent) && is_white(child))                                   \
			gc_barrier_forward_slow(L, (Object *)(parent), (Object *)(child)); \
	} while (0)
/* A value was stored into table or userdata `parent`: back. */
#define gc_barrier_back(L, parent, v)                                                        \
	do {                                                                                 \
		const Value *gc_v_ = (v);                                                    \
		if (is_collectable(gc_v_) && is_black(parent) && is_white(as_object(gc_v_))) \
			gc_barrier_back_slow(L, (Object *)(parent));                         \
	} while (0)

/* A dead object that is found again (the string table) is made live. */
#define gc_revive(o) (((Object *)(o))->marked ^= MARK_WHITES)

/* ---- Running -------------------------------------------------------------------------- */

/* Why the collector does not run. */
enum {
	GC_STOPPED_BY_USER = 1 << 0,
	GC_STOPPED_BY_ITSELF = 1 << 1, /* in a finalizer or a collection */
	GC_STOPPED_CLOSING = 1 << 2,
};

void gc_step(lua_State *L);
/* At a safe point. With stress on it is due each time. */
static inline bool gc_is_due(const Global *g)
{
	return unlikely(g->debt > 0);
}
#define gc_check(L)                         \
	do {                                \
		if (gc_is_due((L)->global)) \
			gc_step(L);         \
	} while (0)

/* A whole cycle; emergency: without finalizers, nothing shrinks. */
void gc_full(lua_State *L, bool emergency);
/* lua_gc(); the arguments as there. */
int gc_control(lua_State *L, int what, va_list arguments);
/* The string is never collected (names of metamethods, the memory message). */
void gc_fix(lua_State *L, Object *o);
/* A metatable with __gc was set for o. */
void gc_check_finalizer(lua_State *L, Object *o, Table *metatable);
/* Calls all finalizers and frees everything; for lua_close(). */
void gc_free_all(lua_State *L);

#endif
