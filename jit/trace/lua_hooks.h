/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lua_hooks.h - what the files of the Lua module `jithooks` share.
 *
 * All that is kept for a state is in one table of the registry, by the numbers below.
 */
#ifndef JITLUA_LUA_HOOKS_H
#define JITLUA_LUA_HOOKS_H

#include "trace.h"

#pragma GCC visibility push(default)
#include <lauxlib.h>
#pragma GCC visibility pop

enum {
	KEPT_THREAD = 1, /* hooks run on it */
	KEPT_OPTIMIZE,	 /* the four hooks, nil if not set */
	KEPT_COMPILE,
	KEPT_ABORT,
	KEPT_TOO_LONG,
	KEPT_BOX, /* metatables */
	KEPT_OPERATION,
	KEPT_INFO,
	KEPT_NUMBERS,  /* while an optimize hook runs: box -> number of the variable */
	KEPT_POINTERS, /* box -> address of the constant */
	KEPT_RETURNED, /* list whose strings are in use */
};

struct lua_hooks {
	lua_State *thread;
	/* The list that an optimize hook returned. */
	ResOperation *ops;
	struct jit_box *boxes;
	lua_Integer next_number; /* of a variable that a hook makes */
};

/* Pushes the table, made if it is not there. */
void lua_hooks_kept(lua_State *L);

/* ---- lua_operations.c ---------------------------------------------------------------- */

/* Fields `Box`, `ResOperation` of the module at the top, and their metatables. */
void lua_operations_open(lua_State *L);
/* Pushes the list as a table; kept: index of the registry's table. */
void lua_operations_push(lua_State *L, struct lua_hooks *h, int kept, const ResOperation *list,
			 size_t n);
/*
 * The list at the top as one for libjithooks, good until the next one. false: message says
 * what is wrong with it. Raises memory errors only.
 */
bool lua_operations_take(lua_State *L, struct lua_hooks *h, int kept, size_t limit,
			 struct jit_operations *to, char message[160]);

#endif
