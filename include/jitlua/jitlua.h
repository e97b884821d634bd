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

/*
 * Sets parameters: "name=value,name=value", "off" or "default" (the names are in
 * jitlua(1)). Returns NULL, or what is wrong, valid until the next call of the thread.
 */
LUA_API const char *jitlua_set_param(lua_State *L, const char *text);
/* Name of parameter number i, from 0, and its default (value may be NULL); NULL: no more. */
LUA_API const char *jitlua_parameter(unsigned i, long long *value);

/*
 * The state's JIT for the functions of <jithooks/hooks.h> that are for programs: hooks in
 * C, set_param, run counting. NULL without memory. A hook in C gets a trace's operations
 * and may return a list that replaces them; it must not raise Lua errors.
 */
LUA_API struct jit_vm *jitlua_vm(lua_State *L);

/*
 * The modules `jithooks` (hooks in Lua, counters) and `jit` (on, off, flush, as LuaJIT has
 * it). jitlua_preload() makes require find them, and is what the command does.
 */
LUA_API int luaopen_jithooks(lua_State *L);
LUA_API int luaopen_jit(lua_State *L);
LUA_API void jitlua_preload(lua_State *L);

#endif
