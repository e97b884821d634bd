/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api.h - what the functions of lua.h share: from an index to a value.
 *
 * The standard libraries are written with these functions, so they are hot. What
 * they all do (an index above 0, a push) is inline here; the rest, an error or a
 * metamethod, is called. As in Lua, a caller who breaks a rule of the manual is
 * only told so in a build with DEBUG=1.
 */
#ifndef JITLUA_API_H
#define JITLUA_API_H

#include "gc.h"
#include "luastring.h"
#include "state.h"

/* What an index that is acceptable but not valid stands for; never written to. */
extern const Value api_none;
#define is_none(v) ((v) == &api_none)

/* The registry and upvalues. */
Value *api_pseudo_value(lua_State *L, int index);

static inline Value *api_value(lua_State *L, int index)
{
	if (likely(index > 0)) {
		Value *v = L->frame->func + index;

		lua_assert(v <= L->frame->top);
		return likely(v < L->top) ? v : (Value *)&api_none;
	}
	if (likely(index > LUA_REGISTRYINDEX)) {
		lua_assert(index != 0 && -index <= L->top - (L->frame->func + 1));
		return L->top + index;
	}
	return api_pseudo_value(L, index);
}

/* An index of the stack, which must be valid. */
static inline Value *api_slot(lua_State *L, int index)
{
	Value *v = index > 0 ? L->frame->func + index : L->top + index;

	lua_assert(index > LUA_REGISTRYINDEX && v > L->frame->func && v < L->top);
	return v;
}

#define api_check_elements(L, n) lua_assert((n) <= (L)->top - ((L)->frame->func + 1))

/* The value at top, whose tag and payload are set, is pushed. */
static inline void api_pushed(lua_State *L)
{
	L->top++;
	lua_assert(L->top <= L->frame->top);
}

/* A call for all results may have left more than a frame has room for. */
static inline void api_adjust_results(lua_State *L, int nresults)
{
	if (nresults <= LUA_MULTRET && L->frame->top < L->top)
		L->frame->top = L->top;
}

#endif
