/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lua_api.h - the Lua 5.1 C API, by pointer.
 *
 * The adapter is linked with no LuaJIT: it goes into processes that bring
 * their own, statically or as a library, or none at all. So every function it
 * uses is looked up in the very object that holds the process's LuaJIT. A
 * process may hold more than one; each has its own table of functions, and
 * its own C functions to call us through (a C function knows nothing but the
 * lua_State, and needs the API to find out more): a "slot".
 *
 * The declarations below are the stable ABI of Lua 5.1 as LuaJIT has it.
 */
#ifndef JIT_LUAJIT_LUA_API_H
#define JIT_LUAJIT_LUA_API_H

#include <stddef.h>

typedef struct lua_State lua_State;
typedef int (*lua_CFunction)(lua_State *L);
typedef double lua_Number;
typedef ptrdiff_t lua_Integer;

#define LUA_REGISTRYINDEX (-10000)
#define LUA_GLOBALSINDEX (-10002)
#define lua_upvalueindex(i) (LUA_GLOBALSINDEX - (i))

#define LUA_TNIL 0
#define LUA_TNUMBER 3
#define LUA_TSTRING 4
#define LUA_TTABLE 5
#define LUA_TFUNCTION 6

/* The VM fills it in; the tail is room for one that has grown. */
struct lua_Debug {
	int event;
	const char *name;
	const char *namewhat;
	const char *what;
	const char *source;
	int currentline;
	int nups;
	int linedefined;
	int lastlinedefined;
	char short_src[60];
	int i_ci;
	char reserve[64];
};

/* X(result, name without its prefix lua_, arguments) */
#define LUA_API_LIST(X)                                                        \
	X(int, gettop, (lua_State * L))                                        \
	X(void, settop, (lua_State * L, int index))                            \
	X(void, pushvalue, (lua_State * L, int index))                         \
	X(void, insert, (lua_State * L, int index))                            \
	X(void, replace, (lua_State * L, int index))                           \
	X(int, type, (lua_State * L, int index))                               \
	X(lua_Number, tonumber, (lua_State * L, int index))                    \
	X(lua_Integer, tointeger, (lua_State * L, int index))                  \
	X(const char *, tolstring, (lua_State * L, int index, size_t *length)) \
	X(void *, touserdata, (lua_State * L, int index))                      \
	X(const void *, topointer, (lua_State * L, int index))                 \
	X(int, rawequal, (lua_State * L, int a, int b))                        \
	X(void, pushnil, (lua_State * L))                                      \
	X(void, pushinteger, (lua_State * L, lua_Integer n))                   \
	X(void, pushstring, (lua_State * L, const char *s))                    \
	X(void, pushcclosure, (lua_State * L, lua_CFunction f, int upvalues))  \
	X(void, getfield, (lua_State * L, int index, const char *name))        \
	X(void, setfield, (lua_State * L, int index, const char *name))        \
	X(void, rawgeti, (lua_State * L, int index, int n))                    \
	X(void, createtable, (lua_State * L, int array, int hash))             \
	X(void *, newuserdata, (lua_State * L, size_t size))                   \
	X(lua_State *, newthread, (lua_State * L))                             \
	X(int, pushthread, (lua_State * L))                                    \
	X(int, setmetatable, (lua_State * L, int index))                       \
	X(const char *, setupvalue, (lua_State * L, int function, int n))      \
	X(const char *, getupvalue, (lua_State * L, int function, int n))      \
	X(void, call, (lua_State * L, int args, int results))                  \
	X(int, pcall, (lua_State * L, int args, int results, int handler))     \
	X(int, cpcall, (lua_State * L, lua_CFunction f, void *argument))       \
	X(void, close, (lua_State * L))                                        \
	X(int, error, (lua_State * L))                                         \
	X(int, getstack, (lua_State * L, int level, struct lua_Debug *ar))     \
	X(int, getinfo, (lua_State * L, const char *what, struct lua_Debug *ar))

#define LUAL_API_LIST(X)                                       \
	X(lua_State *, newstate, (void))                       \
	X(void, openlibs, (lua_State * L))                     \
	X(void, checktype, (lua_State * L, int arg, int type)) \
	X(const char *, optlstring, (lua_State * L, int arg, const char *d, size_t *length))

/* As many different LuaJITs as one process may hold. */
#define LUA_API_SLOTS 4

struct lua_api {
#define X(result, name, arguments) result(*name) arguments;
	LUA_API_LIST(X)
	LUAL_API_LIST(X)
#undef X
	const void *object; /* where the LuaJIT is loaded; NULL: slot is free */

	/* Set by the slot: our C functions that know of this table. */
	lua_CFunction setup, on_trace, attach, closed;
};

/*
 * The table for the LuaJIT that `address`, a function of it, belongs to.
 * NULL if that is no LuaJIT, or one too many.
 */
const struct lua_api *lua_api_at(const void *address);

#endif
