/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lua_perf.c - a host of two Lua states with one map for perf, and of a fork.
 *
 *	lua_perf
 *
 * Without a JIT nothing can be asked for. Then both states, and after a fork the
 * child's, compile a loop each: at lines 1, 2 and 3 of chunks "first", "second" and
 * "child". Prints the process numbers of parent and child.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <jitlua/jitlua.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "lua_perf: %s\n", what);
	exit(1);
}

static lua_State *new_state(void)
{
	lua_State *L = luaL_newstate();

	check(L != NULL, "no state");
	luaL_openlibs(L);
	check(jitlua_perf_map(L) == -ENOENT, "a map without a JIT");
	check(jitlua_verbose(L, NULL) == -ENOENT, "-jv without a JIT");
	check(jitlua_dump(L, NULL, NULL) == -ENOENT, "-jdump without a JIT");
	check(jitlua_start_jit(L), "no JIT");
	check(!jitlua_perf_map(L) && !jitlua_perf_map(L), "no map");
	check(jitlua_dump(L, "?", NULL) == -EINVAL, "flags that are none");
	return L;
}

static void loop(lua_State *L, const char *name, int line)
{
	char chunk[128];

	snprintf(chunk, sizeof(chunk), "%.*slocal s = 0 for i = 1, 1000 do s = s + i end return s",
		 line - 1, "\n\n\n\n");
	check(!luaL_loadbuffer(L, chunk, strlen(chunk), name) && !lua_pcall(L, 0, 1, 0) &&
		      lua_tointeger(L, -1) == 500500,
	      lua_tostring(L, -1));
	lua_pop(L, 1);
}

int main(void)
{
	lua_State *first = new_state(), *second = new_state();
	pid_t child;
	int status;

	loop(first, "=first", 1);
	loop(second, "=second", 2);
	child = fork();
	if (!child) {
		loop(first, "=child", 3);
		lua_close(first);
		_exit(0);
	}
	check(waitpid(child, &status, 0) == child && !status, "the child failed");
	/* A state that is made after another is gone adds to the same map. */
	lua_close(first);
	first = new_state();
	loop(first, "=third", 4);
	lua_close(first);
	lua_close(second);
	printf("%d %d\n", (int)getpid(), (int)child);
	return 0;
}
