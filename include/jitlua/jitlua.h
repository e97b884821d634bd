/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jitlua.h - what libjitlua has beyond lua.h: the tracing JIT.
 *
 * It is being built, and not the default: there are programs that it runs wrong.
 */
#ifndef JITLUA_JITLUA_H
#define JITLUA_JITLUA_H

#include <lua.h>

/*
 * Gives the state a JIT, which from then on compiles hot loops of functions that are
 * called (so before the program is run). Once for a state; the JIT ends with it.
 * Returns 1, or 0 if there is not enough memory.
 */
LUA_API int jitlua_start_jit(lua_State *L);

#endif
