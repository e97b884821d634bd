/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * embed_lua.c - a program that embeds Lua 5.4, for test_install.py: what it
 * prints must be the same with liblua5.4 and with libjitlua.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static size_t in_use;

static void *allocate(void *data, void *p, size_t old_size, size_t new_size)
{
	(void)data;
	in_use += new_size - (p ? old_size : 0);
	if (new_size)
		return realloc(p, new_size);
	free(p);
	return NULL;
}

static void warn(void *data, const char *message, int to_continue)
{
	(void)data;
	printf("warning: %s%s", message, to_continue ? "" : "\n");
}

/* A counter: a userdata with a method, a metamethod and a user value. */
static int counter_next(lua_State *L)
{
	long *n = luaL_checkudata(L, 1, "counter");

	lua_pushinteger(L, ++*n);
	lua_getiuservalue(L, 1, 1);
	return 2;
}

static int counter_new(lua_State *L)
{
	long *n = lua_newuserdatauv(L, sizeof *n, 1);

	*n = (long)luaL_checkinteger(L, 1);
	lua_pushvalue(L, 2);
	lua_setiuservalue(L, -2, 1);
	luaL_setmetatable(L, "counter");
	return 1;
}

static void open_counter(lua_State *L)
{
	static const luaL_Reg methods[] = {{"next", counter_next}, {NULL, NULL}};

	luaL_newmetatable(L, "counter");
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	lua_register(L, "counter", counter_new);
}

/* Yields twice, then returns what it was resumed with. */
static int steps(lua_State *L, int status, lua_KContext n)
{
	(void)status;
	if (n == 2)
		return lua_gettop(L);
	lua_pushinteger(L, n);
	return lua_yieldk(L, 1, n + 1, steps);
}

static int start_steps(lua_State *L)
{
	return steps(L, LUA_OK, 0);
}

/* One byte at a time. */
static const char *read_bytes(lua_State *L, void *data, size_t *size)
{
	const char **text = data;

	(void)L;
	*size = 1;
	return **text ? (*text)++ : NULL;
}

static int write_sum(lua_State *L, const void *p, size_t size, void *data)
{
	unsigned long *sum = data;

	(void)L;
	for (size_t i = 0; i < size; i++)
		*sum = *sum * 31 + ((const unsigned char *)p)[i];
	return 0;
}

static void show_stack(lua_State *L, const char *what)
{
	printf("%s:", what);
	for (int i = 1; i <= lua_gettop(L); i++) {
		printf(" %s", luaL_tolstring(L, i, NULL));
		lua_pop(L, 1);
	}
	printf("\n");
	lua_settop(L, 0);
}

static void run(lua_State *L, const char *text)
{
	if (luaL_dostring(L, text) != LUA_OK)
		printf("error: ");
	show_stack(L, "run");
}

static void use_stack(lua_State *L)
{
	for (int i = 1; i <= 5; i++)
		lua_pushinteger(L, i);
	lua_rotate(L, 2, 1);
	lua_insert(L, 1);
	lua_copy(L, 1, 3);
	lua_remove(L, 2);
	lua_pushfstring(L, "%s %d %f %I %c %% %U", "text", 7, 0.5, (LUAI_UACINT)-9, 'x', 0x20ACL);
	lua_pushstring(L, "0x10");
	lua_pushnumber(L, 2.0);
	lua_arith(L, LUA_OPMUL);
	printf("compare %d %d\n", lua_compare(L, 1, 2, LUA_OPLT), lua_compare(L, 1, 99, LUA_OPEQ));
	lua_concat(L, 2);
	show_stack(L, "stack");
}

static void use_chunks(lua_State *L)
{
	const char *text = "local a, b = ... return a * b, #'twelve bytes'";
	unsigned long sum = 0;

	printf("load %d\n", lua_load(L, read_bytes, &text, "=bytes", "t"));
	printf("dump %d", lua_dump(L, write_sum, &sum, 0));
	printf(" %lx\n", sum);
	lua_pushinteger(L, 6);
	lua_pushinteger(L, 7);
	printf("call %d\n", lua_pcall(L, 2, LUA_MULTRET, 0));
	show_stack(L, "results");
	printf("syntax %d ", luaL_loadbuffer(L, "x = = 1", 7, "=chunk"));
	show_stack(L, "message");
}

static void use_coroutine(lua_State *L)
{
	lua_State *co = lua_newthread(L);
	int status, n;

	lua_pushcfunction(co, start_steps);
	do {
		lua_pushliteral(co, "given");
		status = lua_resume(co, L, 1, &n);
		printf("resumed %d %d %s\n", status, n, lua_tostring(co, -1));
		if (status == LUA_YIELD)
			lua_pop(co, n);
	} while (status == LUA_YIELD);
	lua_pop(L, 1);
}

static void use(lua_State *L)
{
	luaL_openlibs(L);
	lua_setwarnf(L, warn, NULL);
	open_counter(L);
	use_stack(L);
	use_chunks(L);
	use_coroutine(L);
	run(L, "local c = counter(40, 'value') c:next() return c:next()");
	run(L, "counter.next(7)");
	run(L, "return pcall(error, {}) == false, select('#', table.unpack({}, 1, 5))");
	run(L, "local t = setmetatable({}, {__gc = function() error('late') end}) t = nil "
	       "collectgarbage()");
	run(L, "local u = nil; return u.field.x");
	run(L, "local x <close> = setmetatable({}, {__close = function() warn('clo', 'sed') end}) "
	       "return coroutine.isyieldable(), string.format('%5.1f|%q', 3.14159, 'a\\n')");
}

int main(void)
{
	lua_State *L = luaL_newstate();

	if (!L)
		return 1;
	use(L);
	lua_close(L);
	L = lua_newstate(allocate, NULL);
	if (!L)
		return 1;
	use(L);
	lua_close(L);
	printf("%s, %zu bytes left\n", LUA_RELEASE, in_use);
	return 0;
}
