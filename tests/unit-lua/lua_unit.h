/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lua_unit.h - what the unit tests of jitlua's core share: states whose allocator
 * the test rules, and calls that may raise.
 */
#ifndef TESTS_LUA_UNIT_H
#define TESTS_LUA_UNIT_H

#include <stdlib.h>

#include "../../jit/lua/alloc.h"
#include "../../jit/lua/call.h"
#include "../../jit/lua/gc.h"
#include "../../jit/lua/number.h"
#include "../../jit/lua/table.h"
#include "../unit/unit.h"

/* A lua_Alloc's ud: counts, and fails on demand. */
struct unit_heap {
	size_t bytes;	/* in use */
	unsigned calls; /* that asked for memory */
	unsigned allow; /* so many such calls succeed yet ... */
	unsigned fail;	/* ... before so many fail */
};

static inline void *unit_allocate(void *ud, void *p, size_t old_size, size_t new_size)
{
	struct unit_heap *h = ud;

	if (!p)
		old_size = 0;
	if (new_size > old_size || (!p && new_size)) {
		h->calls++;
		if (h->fail && h->allow) {
			h->allow--;
		} else if (h->fail) {
			h->fail--;
			return NULL;
		}
	}
	h->bytes += new_size - old_size;
	if (!new_size) {
		free(p);
		return NULL;
	}
	return realloc(p, new_size);
}

/* The collector stands still unless the test runs it. */
static inline lua_State *unit_state(struct unit_heap *h)
{
	lua_State *L;

	memset(h, 0, sizeof(*h));
	L = lua_newstate(unit_allocate, h);
	CHECK(L);
	L->global->gc_stopped = GC_STOPPED_BY_USER;
	return L;
}

static inline void unit_close(lua_State *L, struct unit_heap *h)
{
	h->fail = 0;
	lua_close(L);
	CHECK_EQ(h->bytes, 0);
}

/* Runs f, which must raise an error with this message; the stack is as before. */
static inline void unit_check_raises(lua_State *L, ProtectedFunction f, void *data,
				     const char *message)
{
	Value *top = L->top;
	Frame *frame = L->frame;

	CHECK_EQ(call_raw_protected(L, f, data), LUA_ERRRUN);
	CHECK(is_string(L->top - 1));
	CHECK_STR(as_string(L->top - 1)->text, message);
	L->frame = frame;
	L->top = top;
}

/* A new string, anchored on the stack for good. */
static inline String *unit_string(lua_State *L, const char *text)
{
	String *s = string_of(L, text);

	stack_ensure(L, 1);
	push_object(L, s);
	return s;
}

/* A table, anchored likewise. */
static inline Table *unit_table(lua_State *L)
{
	Table *t = table_new(L);

	stack_ensure(L, 1);
	push_object(L, t);
	return t;
}

static inline Value unit_integer(lua_Integer i)
{
	Value v;

	set_integer(&v, i);
	return v;
}

static inline Value unit_float(lua_Number n)
{
	Value v;

	set_float(&v, n);
	return v;
}

static inline uint64_t unit_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

#endif
