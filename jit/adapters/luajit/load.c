/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c - how the adapter gets into a stock LuaJIT.
 *
 * Three ways, of which the first two need no change to the program:
 *
 * LD_PRELOAD=.../jithooks.so   for programs that use libluajit-5.1.so: nvim,
 *	wrk, nginx, ... Each state they make goes through luaL_openlibs(),
 *	which is defined here too, and first.
 *
 * LUA_INIT   for the luajit command, which holds its own LuaJIT and calls
 *	its own luaL_openlibs. `jitscope run` sets three variables:
 *
 *	JITSCOPE_LUAJIT_ADAPTER=.../jithooks.so
 *	JITSCOPE_LUA_INIT=   what LUA_INIT was, if it was set
 *	LUA_INIT=
 *	if jit then local f = package.loadlib(os.getenv("JITSCOPE_LUAJIT_ADAPTER")
 *	or "", "luaopen_jithooks") if f then f() end end
 *	local i = os.getenv("JITSCOPE_LUA_INIT") if i then
 *	if i:sub(1, 1) == "@" then dofile(i:sub(2)) else
 *	local f, e = (loadstring or load)(i, "=LUA_INIT")
 *	if f then f() else error(e, 0) end end end
 *
 *	(one line, or several). PUC Lua reads LUA_INIT too and runs just the
 *	second half.
 *
 * require "jithooks"   with the folder of jithooks.so in package.cpath.
 *
 * A preloaded library goes into every child process, most of which have no
 * Lua at all or another. Where the real luaL_openlibs does not belong to a
 * LuaJIT nothing is done but to call it.
 */
#include <dlfcn.h>

#include <jithooks/hooks.h>

#include "watch.h"

typedef void openlibs(lua_State *L);

JIT_API void luaL_openlibs(lua_State *L);
JIT_API int luaopen_jithooks(lua_State *L);

/*
 * The one that would have been called without us: the next one in the order
 * of the global scope, or, if the Lua was loaded at run time and is not in it,
 * the one that the caller was linked with.
 */
static openlibs *real_openlibs(const void *caller)
{
	openlibs *real = NULL;
	Dl_info at;
	void *handle;

	*(void **)&real = dlsym(RTLD_NEXT, "luaL_openlibs");
	if (real || !dladdr(caller, &at))
		return real;
	handle = dlopen(at.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	if (handle) {
		*(void **)&real = dlsym(handle, "luaL_openlibs");
		dlclose(handle);
	}
	return real == luaL_openlibs ? NULL : real;
}

void luaL_openlibs(lua_State *L)
{
	openlibs *real = real_openlibs(__builtin_return_address(0));
	const struct lua_api *api;

	if (!real) {
		watch_debug("no luaL_openlibs but ours: is the Lua linked statically?");
		return;
	}
	real(L);
	api = lua_api_at(*(void **)&real);
	if (api)
		watch_state(api, L);
}

int luaopen_jithooks(lua_State *L)
{
	const struct lua_api *api = lua_api_at(__builtin_return_address(0));

	if (api)
		watch_state(api, L);
	return 0;
}
