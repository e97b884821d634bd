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
 * What the JIT does, for people to read, from then on. The state must have its JIT.
 * file: NULL is what is said at each, "-" the standard output; a file is emptied if
 * it exists, and is no symbolic link. All return 0 or a negative errno: -ENOENT
 * without a JIT, -ELOOP for a link.
 */

/* A line for each trace that starts, is compiled or given up, and each flush (stderr). */
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
