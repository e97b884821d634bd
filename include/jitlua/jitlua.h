/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jitlua.h - what libjitlua has beyond lua.h: the tracing JIT.
 *
 * A state has none until it is asked for; the command jitlua asks for it.
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
 * Sets parameters: "name=value,name=value", "off" or "default"; jitlua(1) and the functions
 * jitlua_parameter() have the names. Returns NULL, or what is wrong, valid until the next call of
 * the thread.
 */
LUA_API const char *jitlua_set_param(lua_State *L, const char *text);
/*
 * Name of parameter number i, from 0, and its default (value may be NULL); NULL: no more.
 * enable_opts, whose value is no number, is not among them.
 */
LUA_API const char *jitlua_parameter(unsigned i, long long *value);
/* What it is and its unit, in a line; NULL: no more. */
LUA_API const char *jitlua_parameter_text(unsigned i);

/*
 * Name of operation number i of traces, from 0: what hooks get and give; NULL: no more. type
 * of its result: i, f, r, v (none); arguments: one letter each, ? any of them, * any number;
 * kind: "pure", "load", "guard", ..., "" if none is said. Each of them may be NULL.
 */
LUA_API const char *jitlua_operation(unsigned i, const char **arguments, char *type,
				     const char **kind);

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

/*
 * What the JIT does, for people to read, from then on. The state must have its JIT.
 * file: NULL is what is said at each, "-" the standard output; a file is emptied if
 * it exists, and is no symbolic link. All return 0 or a negative errno: -ENOENT
 * without a JIT, -ELOOP for a link.
 */

/* A line for each trace that starts, is compiled, given up or freed, and each flush (stderr). */
LUA_API int jitlua_verbose(lua_State *L, const char *file);
/*
 * All about each trace (stdout). flags, letters: t events, b bytecode as it is
 * recorded, i the operations that are assembled, p those before the optimizer and
 * after each of its passes, s snapshots of guards with the operations, m machine
 * code. NULL or "": "tbim"; from a + or - on letters are added to that or taken out
 * of it. -EINVAL: a letter that is none of these.
 */
LUA_API int jitlua_dump(lua_State *L, const char *flags, const char *file);
/*
 * Adds the names of traces, as they are compiled, to /tmp/perf-PID.map, where perf
 * and bpftrace look for them. One file for all states of the process, made new.
 */
LUA_API int jitlua_perf_map(lua_State *L);

#endif
