/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lua_jit.c - the Lua module `jit`, as LuaJIT's users know it.
 *
 * It is there for require only and never a global: programs ask `if jit then` for LuaJIT,
 * which this is not. What LuaJIT's parameters are called here is in the list below, its
 * switches for single optimizations are in passes.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "passes.h"

#pragma GCC visibility push(default)
#include <lauxlib.h>

#include <jitlua/jitlua.h>
#pragma GCC visibility pop

/* LuaJIT's name, ours (NULL: there is nothing like it), divisor of the value. */
static const struct parameter {
	const char *theirs, *ours;
	int divisor;
} names[] = {
	{"hotloop", "threshold", 1},
	{"hotexit", "trace_eagerness", 1},
	{"maxrecord", "trace_limit", 1},
	{"maxtrace", "loop_longevity", 1},
	{"maxside", "max_bridges", 1},
	{"loopunroll", "max_unroll_loops", 1},
	{"callunroll", "max_unroll_recursion", 1},
	{"recunroll", "max_unroll_recursion", 1},
	{"maxmcode", "code_limit", 1024},
	{"maxirconst", NULL, 1},
	{"maxsnap", NULL, 1},
	{"minstitch", NULL, 1},
	{"tryside", NULL, 1},
	{"instunroll", NULL, 1},
	{"sizemcode", NULL, 1},
};

/* ---- on, off, flush, status ---------------------------------------------------------------- */

typedef void (*Switch)(lua_State *L, Proto *p);

static void switch_on(lua_State *L, Proto *p)
{
	jit_switch_function(L, p, true);
}

static void switch_off(lua_State *L, Proto *p)
{
	jit_switch_function(L, p, false);
}

static void flush(lua_State *L, Proto *p)
{
	traces_flush(L, (struct traces_chosen){.proto = p});
}

static void do_below(lua_State *L, Proto *p, Switch what)
{
	for (int i = 0; i < p->proto_count; i++) {
		what(L, p->protos[i]);
		do_below(L, p->protos[i], what);
	}
}

/* The first argument: a Lua function, or true for the one that calls. */
static Proto *named_function(lua_State *L)
{
	lua_Debug caller;

	luaL_argexpected(L, lua_isfunction(L, 1) || (lua_isboolean(L, 1) && lua_toboolean(L, 1)), 1,
			 "Lua function");
	if (lua_isboolean(L, 1)) {
		if (!lua_getstack(L, 1, &caller) || !lua_getinfo(L, "f", &caller))
			luaL_argerror(L, 1, "no function calls this one");
		lua_replace(L, 1);
	}
	luaL_argcheck(L, !lua_iscfunction(L, 1), 1, "Lua function expected");
	return ((const LuaFunction *)lua_topointer(L, 1))->proto;
}

/*
 * jit.on(f|true [, inner]) and its likes. inner: true, with all functions that are
 * written in f; false, only those.
 */
static int for_function(lua_State *L, Switch what)
{
	Proto *p = named_function(L);

	if (!lua_isboolean(L, 2) || lua_toboolean(L, 2))
		what(L, p);
	if (lua_isboolean(L, 2))
		do_below(L, p, what);
	return 0;
}

static int jit_on(lua_State *L)
{
	if (!lua_isnoneornil(L, 1))
		return for_function(L, switch_on);
	jit_switch(L, true);
	return 0;
}

static int jit_off(lua_State *L)
{
	if (!lua_isnoneornil(L, 1))
		return for_function(L, switch_off);
	jit_switch(L, false);
	return 0;
}

/* jit.flush(): all; jit.flush(f|true [, inner]); jit.flush(n): the loop or function with number n.
 */
static int flush_some(lua_State *L)
{
	lua_Integer n;

	if (lua_type(L, 1) == LUA_TNUMBER) {
		n = luaL_checkinteger(L, 1);
		if (n > 0 && n <= UINT32_MAX)
			traces_flush(L, (struct traces_chosen){.number = (uint32_t)n});
		return 0;
	}
	if (!lua_isnoneornil(L, 1))
		return for_function(L, flush);
	jit_flush(L, "jit.flush()");
	return 0;
}

static int status(lua_State *L)
{
	const Jit *jit = L->global->jit;
	int given = lua_gettop(L);

	luaL_checkstack(L, 20, NULL);
	lua_pushboolean(L, jit->on);
	lua_pushstring(L, jit->backend->name);
	for (unsigned i = 0; passes_name(i); i++)
		if (passes_is_on(jit, i))
			lua_pushstring(L, passes_name(i));
	return lua_gettop(L) - given;
}

/* ---- jit.opt.start --------------------------------------------------------------------------- */

/* name=value, with LuaJIT's or our own name. */
static bool set_parameter(lua_State *L, const char *text, char message[PARAMETER_MESSAGE])
{
	const char *equals = strchr(text, '='), *value = equals ? equals + 1 : NULL;
	char name[40], scaled[24];
	size_t n = equals ? (size_t)(equals - text) : sizeof(name);

	if (n >= sizeof(name))
		return false;
	memcpy(name, text, n);
	name[n] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i].theirs) != 0)
			continue;
		if (!names[i].ours)
			return true;
		if (names[i].divisor > 1) {
			snprintf(scaled, sizeof(scaled), "%lld",
				 (atoll(value) + names[i].divisor - 1) / names[i].divisor);
			value = scaled;
		}
		return parameter_set(L, names[i].ours, value, message);
	}
	return parameter_set(L, name, value, message);
}

/* why: "": it is no parameter. */
static int refuse(lua_State *L, const char *text, const char *why)
{
	luaL_Buffer known;

	if (*why)
		return luaL_error(L, "unknown or malformed optimization flag '%s': %s", text, why);
	luaL_buffinit(L, &known);
	for (unsigned i = 0; passes_name(i); i++) {
		luaL_addstring(&known, passes_name(i));
		luaL_addstring(&known, ", ");
	}
	luaL_pushresult(&known);
	return luaL_error(L,
			  "unknown or malformed optimization flag '%s' (%s0 to 3, or NAME=VALUE)",
			  text, lua_tostring(L, -1));
}

/* As LuaJIT's: without arguments the switches are as they were in the beginning. */
static int opt_start(lua_State *L)
{
	char message[PARAMETER_MESSAGE] = "";
	int n = lua_gettop(L);

	if (!n)
		L->global->jit->passes_off = 0;
	for (int i = 1; i <= n; i++) {
		const char *text = luaL_checkstring(L, i);

		if (!passes_switch(L->global->jit, text) && !set_parameter(L, text, message))
			return refuse(L, text, message);
	}
	return 0;
}

/* ---- The module -------------------------------------------------------------------------------
 */

#if defined(__x86_64__)
#define ARCH "x64"
#elif defined(__aarch64__)
#define ARCH "arm64"
#else
#define ARCH "other"
#endif

LUALIB_API int luaopen_jit(lua_State *L)
{
	static const luaL_Reg functions[] = {{"on", jit_on},
					     {"off", jit_off},
					     {"flush", flush_some},
					     {"status", status},
					     {NULL, NULL}};

	if (!jit_need(L))
		return luaL_error(L, "cannot start the JIT: not enough memory");
	luaL_newlib(L, functions);
	lua_pushliteral(L, "jitlua " JITSCOPE_VERSION);
	lua_setfield(L, -2, "version");
	lua_pushliteral(L, "Linux");
	lua_setfield(L, -2, "os");
	lua_pushliteral(L, ARCH);
	lua_setfield(L, -2, "arch");
	lua_newtable(L);
	lua_pushcfunction(L, opt_start);
	lua_setfield(L, -2, "start");
	lua_setfield(L, -2, "opt");
	return 1;
}

LUALIB_API void jitlua_preload(lua_State *L)
{
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
	lua_pushcfunction(L, luaopen_jit);
	lua_setfield(L, -2, "jit");
	lua_pushcfunction(L, luaopen_jithooks);
	lua_setfield(L, -2, "jithooks");
	lua_pop(L, 1);
}
