/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * states.c - a program with several LuaJITs inside: N states, made and run on
 * threads of their own at the same time, that compile LOOPS loops each. With
 * "close" they are closed before the end.
 *
 *	states N LOOPS [close]
 *
 * Built against libluajit-5.1.so with no headers of it: what is declared here
 * is the ABI of Lua 5.1.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct lua_State lua_State;
lua_State *luaL_newstate(void);
void luaL_openlibs(lua_State *L);
int luaL_loadstring(lua_State *L, const char *code);
int lua_pcall(lua_State *L, int args, int results, int handler);
const char *lua_tolstring(lua_State *L, int index, size_t *length);
void lua_close(lua_State *L);

static pthread_barrier_t start;
static int loops;

static const char code[] = "collectgarbage('stop') "
			   "for n = 1, %d do "
			   "assert(loadstring('for i = 1, 2000 do end', '=state%d loop' .. n))() "
			   "end";

static void *work(void *argument)
{
	int number = (int)(long)argument;
	lua_State *L = luaL_newstate();
	char text[sizeof(code) + 32];

	snprintf(text, sizeof(text), code, loops, number);
	pthread_barrier_wait(&start);
	luaL_openlibs(L);
	if (luaL_loadstring(L, text) || lua_pcall(L, 0, 0, 0)) {
		fprintf(stderr, "states: %s\n", lua_tolstring(L, -1, NULL));
		exit(1);
	}
	return L;
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[1]) : 0;
	pthread_t threads[64];

	if (n < 1 || n > 64)
		return 2;
	loops = atoi(argv[2]);
	pthread_barrier_init(&start, NULL, (unsigned)n);
	for (long i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, work, (void *)(i + 1));
	for (int i = 0; i < n; i++) {
		void *L;

		pthread_join(threads[i], &L);
		if (argc > 3 && !strcmp(argv[3], "close"))
			lua_close(L);
	}
	return 0;
}
