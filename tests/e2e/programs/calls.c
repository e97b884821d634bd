/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls.c - a host that calls Lua from C, with no Lua function below, as event
 * loops do: the global function `request`, N times, each way that there is.
 *
 *	calls call|pcall|resume N CODE
 *
 * CODE is run first. Built against libluajit-5.1.so with no headers of it:
 * what is declared here is the ABI of Lua 5.1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GLOBALS (-10002)

typedef struct lua_State lua_State;
lua_State *luaL_newstate(void);
void luaL_openlibs(lua_State *L);
int luaL_loadstring(lua_State *L, const char *code);
lua_State *lua_newthread(lua_State *L);
void lua_call(lua_State *L, int args, int results);
int lua_pcall(lua_State *L, int args, int results, int handler);
int lua_resume(lua_State *L, int args);
const char *lua_tolstring(lua_State *L, int index, size_t *length);
void lua_getfield(lua_State *L, int index, const char *name);
void lua_settop(lua_State *L, int index);
int lua_gettop(lua_State *L);
void lua_close(lua_State *L);

static void check(lua_State *L, int error)
{
	if (!error)
		return;
	fprintf(stderr, "calls: %s\n", lua_tolstring(L, -1, NULL));
	exit(1);
}

static void request(lua_State *L, const char *way)
{
	lua_State *on = strcmp(way, "resume") ? L : lua_newthread(L);

	lua_getfield(on, GLOBALS, "request");
	if (!strcmp(way, "call"))
		lua_call(on, 0, 1);
	else if (!strcmp(way, "pcall"))
		check(on, lua_pcall(on, 0, 1, 0));
	else
		check(on, lua_resume(on, 0));
	lua_settop(L, 0);
}

int main(int argc, char **argv)
{
	lua_State *L;

	if (argc < 4)
		return 2;
	L = luaL_newstate();
	luaL_openlibs(L);
	check(L, luaL_loadstring(L, argv[3]) || lua_pcall(L, 0, 0, 0));
	for (int i = atoi(argv[2]); i > 0; i--)
		request(L, argv[1]);
	lua_getfield(L, GLOBALS, "print");
	lua_getfield(L, GLOBALS, "total");
	lua_call(L, 1, 0);
	lua_close(L);
	return 0;
}
