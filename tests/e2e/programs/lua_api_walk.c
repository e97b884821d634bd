/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lua_api_walk.c - calls functions of lua.h at random and prints what they do.
 * Linked with liblua5.4 and with libjitlua it must print the same.
 *
 *	lua_api_walk SEED STEPS
 *
 * Each step is an operation on the values of the main thread's stack. Those that
 * may raise errors get copies of some of these as arguments and run in a
 * protected call; what they return is pushed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static unsigned long long state;

static unsigned pick(unsigned n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(state >> 33) % n;
}

/* ---- Showing -------------------------------------------------------------------------- */

/* No addresses, which differ; a table by what it holds. */
static void show(lua_State *L, int index, int depth)
{
	index = lua_absindex(L, index);
	switch (lua_type(L, index)) {
	case LUA_TNIL:
	case LUA_TBOOLEAN:
		printf("%s", lua_isnil(L, index) ? "nil" : lua_toboolean(L, index) ? "T" : "F");
		break;
	case LUA_TNUMBER:
		if (lua_isinteger(L, index))
			printf("%lld", (long long)lua_tointeger(L, index));
		else
			printf("%.17g.", (double)lua_tonumber(L, index));
		break;
	case LUA_TSTRING: {
		size_t n;
		const char *s = lua_tolstring(L, index, &n);

		printf("'%.30s'%zu", s, n);
		break;
	}
	case LUA_TTABLE:
		printf("{");
		for (int i = 1; depth && i <= 4; i++) {
			lua_rawgeti(L, index, i);
			show(L, -1, depth - 1);
			printf(",");
			lua_pop(L, 1);
		}
		lua_pushliteral(L, "x");
		lua_rawget(L, index);
		printf("x=%s%s}", luaL_typename(L, -1), lua_getmetatable(L, index) ? ",mt" : "");
		lua_settop(L, index > lua_gettop(L) ? index : lua_gettop(L));
		break;
	default:
		printf("%s", luaL_typename(L, index));
	}
}

static void show_stack(lua_State *L)
{
	int top = lua_gettop(L);

	for (int i = 1; i <= top; i++) {
		printf(" ");
		show(L, i, 1);
		lua_settop(L, top);
	}
	printf("\n");
}

/* ---- Operations that may raise errors ----------------------------------------------------- */

static int op_arith(lua_State *L)
{
	lua_settop(L, 2);
	lua_arith(L, (int)pick(LUA_OPBNOT + 1));
	return lua_gettop(L);
}

static int op_compare(lua_State *L)
{
	lua_pushboolean(L, lua_compare(L, 1, 2, (int)pick(3)));
	return 1;
}

static int op_concat(lua_State *L)
{
	lua_concat(L, lua_gettop(L));
	return 1;
}

static int op_len(lua_State *L)
{
	lua_len(L, 1);
	if (lua_istable(L, 1) && !luaL_getmetafield(L, 1, "__len")) {
		/* Any border will do. */
		lua_Integer n = lua_tointeger(L, -1);

		lua_pushboolean(L, (n == 0 || lua_rawgeti(L, 1, n) != LUA_TNIL) &&
					   lua_rawgeti(L, 1, n + 1) == LUA_TNIL);
		return 1;
	}
	lua_settop(L, 4);
	return 1;
}

static int op_get(lua_State *L)
{
	int type = LUA_TNONE;

	switch (pick(4)) {
	case 0:
		type = lua_gettable(L, 1);
		break;
	case 1:
		type = lua_geti(L, 1, pick(5));
		break;
	case 2:
		type = lua_getfield(L, 1, pick(2) ? "x" : "y");
		break;
	default:
		type = lua_getglobal(L, pick(2) ? "some" : "none");
		break;
	}
	lua_pushinteger(L, type);
	return 2;
}

static int op_set(lua_State *L)
{
	switch (pick(4)) {
	case 0:
		lua_settable(L, 1);
		break;
	case 1:
		lua_seti(L, 1, pick(5));
		break;
	case 2:
		lua_setfield(L, 1, pick(2) ? "x" : "y");
		break;
	default:
		lua_setglobal(L, "some");
		break;
	}
	return lua_gettop(L);
}

static int op_raw(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	switch (pick(6)) {
	case 0:
		lua_rawget(L, 1);
		break;
	case 1:
		lua_rawgeti(L, 1, pick(5));
		break;
	case 2:
		lua_rawset(L, 1);
		break;
	case 3:
		lua_rawseti(L, 1, pick(5));
		break;
	case 4:
		lua_rawsetp(L, 1, &state);
		break;
	default:
		lua_rawgetp(L, 1, &state);
		break;
	}
	return lua_gettop(L);
}

static int op_next(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 2);
	/* Which key is next is nobody's business; that there is one is. */
	lua_pushboolean(L, lua_next(L, 1));
	return 1;
}

static int op_metatable(lua_State *L)
{
	if (lua_istable(L, 2) && (lua_istable(L, 1) || lua_isuserdata(L, 1))) {
		lua_settop(L, 2);
		lua_setmetatable(L, 1);
	}
	return lua_getmetatable(L, 1);
}

static int op_user_values(lua_State *L)
{
	if (lua_type(L, 1) != LUA_TUSERDATA)
		return luaL_typeerror(L, 1, "userdata");
	lua_pushinteger(L, lua_setiuservalue(L, 1, (int)pick(4)));
	lua_pushinteger(L, lua_getiuservalue(L, 1, (int)pick(4)));
	return lua_gettop(L) - 1;
}

static int op_upvalues(lua_State *L)
{
	const char *name;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	name = lua_setupvalue(L, 1, (int)pick(4));
	lua_pushstring(L, name);
	name = lua_getupvalue(L, 1, (int)pick(4));
	lua_pushstring(L, name);
	lua_pushboolean(L, lua_upvalueid(L, 1, 1) == lua_upvalueid(L, 1, (int)pick(3)));
	return lua_gettop(L) - 1;
}

static int op_call(lua_State *L)
{
	lua_call(L, lua_gettop(L) - 1, pick(3) ? LUA_MULTRET : (int)pick(4));
	return lua_gettop(L);
}

static int op_error(lua_State *L)
{
	return lua_error(L);
}

static int op_strings(lua_State *L)
{
	size_t n;
	const char *s = luaL_tolstring(L, 1, &n);

	if (lua_isnumber(L, 1) || lua_type(L, 1) == LUA_TSTRING)
		lua_pushinteger(L, (lua_Integer)lua_stringtonumber(L, s));
	else
		lua_pushinteger(L, lua_rawequal(L, 1, 2));
	lua_remove(L, 3);
	return 1;
}

static int op_convert(lua_State *L)
{
	int is_number, is_integer;
	lua_Number f = lua_tonumberx(L, 1, &is_number);
	lua_Integer i = lua_tointegerx(L, 1, &is_integer);

	printf(" [%d %d %d %d %.17g %lld %d %d %d %d]", lua_isnumber(L, 1), lua_isstring(L, 1),
	       is_number, is_integer, f, (long long)i, lua_iscfunction(L, 1), lua_isuserdata(L, 1),
	       lua_type(L, 9), (int)(lua_type(L, 1) == LUA_TTABLE ? 0 : lua_rawlen(L, 1)));
	lua_tostring(L, 1);
	return 1;
}

static int on_close(lua_State *L)
{
	printf(" close(");
	show(L, 2, 0);
	printf(")");
	if (pick(8) == 0)
		luaL_error(L, "in __close");
	return 0;
}

static int op_close(lua_State *L)
{
	if (pick(4) == 0)
		lua_toclose(L, 1); /* most values cannot be closed */
	for (unsigned i = 0; i < 3; i++) {
		lua_newtable(L);
		lua_createtable(L, 0, 1);
		lua_pushcfunction(L, on_close);
		lua_setfield(L, -2, "__close");
		lua_setmetatable(L, -2);
		lua_toclose(L, -1);
		lua_pushinteger(L, (lua_Integer)i);
	}
	if (pick(3) == 0)
		lua_closeslot(L, -2);
	if (pick(3) == 0)
		lua_settop(L, -(int)pick(4) - 2);
	if (pick(3) == 0)
		lua_error(L);
	return (int)pick((unsigned)lua_gettop(L) + 1);
}

static int write_string(lua_State *L, const void *p, size_t size, void *buffer)
{
	(void)L;
	luaL_addlstring(buffer, p, size);
	return 0;
}

static int op_dump(lua_State *L)
{
	luaL_Buffer b;
	const char *s;
	size_t n;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	luaL_buffinit(L, &b);
	lua_pushvalue(L, 1);
	if (lua_dump(L, write_string, &b, (int)pick(2)))
		return luaL_error(L, "no dump of this");
	lua_remove(L, -1);
	luaL_pushresult(&b);
	s = lua_tolstring(L, -1, &n);
	if (luaL_loadbufferx(L, s, pick(4) ? n : pick((unsigned)n), "=dump", pick(4) ? "b" : "t"))
		return lua_error(L);
	lua_remove(L, -2);
	return 1;
}

static const lua_CFunction operations[] = {op_arith,	 op_arith,	 op_compare,  op_concat,
					   op_len,	 op_get,	 op_get,      op_set,
					   op_set,	 op_raw,	 op_raw,      op_next,
					   op_metatable, op_user_values, op_upvalues, op_call,
					   op_error,	 op_strings,	 op_convert,  op_close,
					   op_dump};

static const char *const operation_names[] = {"arith",	   "arith",	  "compare",  "concat",
					      "len",	   "get",	  "get",      "set",
					      "set",	   "raw",	  "raw",      "next",
					      "metatable", "user_values", "upvalues", "call",
					      "error",	   "strings",	  "convert",  "close",
					      "dump"};

/* ---- Operations on the stack -------------------------------------------------------------- */

/* A C closure that returns its upvalues. */
static int upvalues(lua_State *L)
{
	int n = 0;

	while (n < 3 && lua_type(L, lua_upvalueindex(n + 1)) != LUA_TNONE)
		lua_pushvalue(L, lua_upvalueindex(++n));
	return n;
}

static int handler(lua_State *L)
{
	if (!lua_isstring(L, 1))
		lua_pushstring(L, luaL_typename(L, 1));
	lua_pushliteral(L, "!");
	lua_insert(L, -2);
	lua_concat(L, 2);
	return 1;
}

static void push_any(lua_State *L)
{
	static const char *const texts[] = {
		"",
		"x",
		"10",
		"0x1p4",
		"3.0",
		" 7 ",
		"1e400",
		"nan",
		"9223372036854775808",
		"a string that is longer than what is interned, forty bytes"};
	static const double numbers[] = {0.0, -0.0, 1.5, 3.0, 1e15, -1e300, 9007199254740993.0};
	static const lua_Integer integers[] = {0, 1, 2, 3, -1, 64, LUA_MAXINTEGER, LUA_MININTEGER};
	static const char *const functions[] = {
		"return ...",
		"local a, b = ... return b, a",
		"local t = ... return t.x",
		"local f, x = ... return f(x)",
		"local a <const> = 5; return a, #{...}",
		"local x, y = ... return function() x = y; return x end",
		"return setmetatable({x = 1}, {__index = function(t, k) return k end, __len = "
		"function() return 99 end, __call = function(self, ...) return ... end, __add = "
		"function(a, b) return 'add' end, __concat = function() return 'cat' end, __eq = "
		"function() return true end, __lt = function() return 1 end, __newindex = "
		"function(t, k, v) rawset(t, 1, v) end})"};

	switch (pick(10)) {
	case 0:
		lua_pushnil(L);
		break;
	case 1:
		lua_pushboolean(L, (int)pick(2));
		break;
	case 2:
		lua_pushinteger(L, integers[pick(COUNT(integers))]);
		break;
	case 3:
		lua_pushnumber(L, numbers[pick(COUNT(numbers))]);
		break;
	case 4:
		lua_pushstring(L, texts[pick(COUNT(texts))]);
		break;
	case 5:
		lua_createtable(L, (int)pick(4), (int)pick(4));
		for (unsigned i = pick(5); i > 0; i--) {
			lua_pushinteger(L, (lua_Integer)i * 10);
			lua_rawseti(L, -2, i);
		}
		break;
	case 6:
		memset(lua_newuserdatauv(L, pick(20), (int)pick(3)), 0, 0);
		break;
	case 7:
		if (luaL_loadstring(L, functions[pick(COUNT(functions))]))
			abort();
		if (pick(2) && lua_pcall(L, 0, 1, 0))
			lua_pop(L, 1);
		break;
	case 8: {
		unsigned n = pick(4);

		for (unsigned i = 0; i < n; i++)
			lua_pushinteger(L, (lua_Integer)i);
		lua_pushcclosure(L, upvalues, (int)n);
		break;
	}
	default:
		lua_pushfstring(L, "%d:%s:%f:%%%c", (int)pick(9), "s", 0.5 * pick(9), 'c');
		break;
	}
}

static void move_values(lua_State *L)
{
	int top = lua_gettop(L);
	lua_State *co;

	switch (pick(6)) {
	case 0:
		lua_settop(L, (int)pick((unsigned)top + 1));
		break;
	case 1:
		lua_rotate(L, 1 + (int)pick((unsigned)top), 0);
		lua_rotate(L, 1, (int)pick((unsigned)top + 1));
		break;
	case 2:
		lua_insert(L, 1 + (int)pick((unsigned)top));
		break;
	case 3:
		lua_remove(L, 1 + (int)pick((unsigned)top));
		break;
	case 4:
		lua_copy(L, 1 + (int)pick((unsigned)top), 1 + (int)pick((unsigned)top));
		break;
	default:
		co = lua_newthread(L);
		lua_insert(L, 1);
		lua_xmove(L, co, 1);
		lua_xmove(co, L, 1);
		lua_remove(L, 1);
		break;
	}
}

static void operate(lua_State *L)
{
	unsigned which = pick(COUNT(operations));
	int top = lua_gettop(L), n = 3, status;
	int with_handler = pick(2) ? 1 : 0;

	if (with_handler)
		lua_pushcfunction(L, handler);
	lua_pushcfunction(L, operations[which]);
	for (int i = 0; i < n; i++)
		lua_pushvalue(L, 1 + (int)pick((unsigned)top));
	printf("%s(", operation_names[which]);
	for (int i = n; i > 0; i--) {
		show(L, -i, 1);
		printf(" ");
	}
	printf(")");
	status = lua_pcall(L, n, LUA_MULTRET, with_handler ? top + 1 : 0);
	if (with_handler)
		lua_remove(L, top + 1);
	printf(" = %d:", status);
}

int main(int argc, char **argv)
{
	lua_State *L = luaL_newstate();
	long steps = argc > 2 ? atol(argv[2]) : 1000;

	state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	luaL_openlibs(L);
	while (steps-- > 0) {
		unsigned action = pick(10);

		if (!lua_checkstack(L, 30))
			abort();
		if (lua_gettop(L) < 3 || action < 2)
			push_any(L);
		else if (action == 2)
			move_values(L);
		else
			operate(L);
		if (pick(50) == 0)
			lua_gc(L, LUA_GCCOLLECT);
		if (lua_gettop(L) > 12) {
			lua_rotate(L, 1, 6);
			lua_settop(L, 6);
		}
		show_stack(L);
	}
	lua_close(L);
	return 0;
}
