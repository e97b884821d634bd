/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newstate.c - luaL_newstate(): Lua's own, but on jitlua's allocator. It is the
 * one function of the auxiliary library that is not Lua's (Makefile).
 *
 * Warnings are off, until the control message "@on". Which of the functions
 * below is set as the warn function is the state that they keep.
 */
#include <stdio.h>

#include "alloc.h"
#include "value.h"
#include <string.h>

#pragma GCC visibility push(default)
#include <lauxlib.h>
#pragma GCC visibility pop

static int panic(lua_State *L)
{
	const char *message = lua_tostring(L, -1);

	fprintf(stderr, "PANIC: unprotected error in call to Lua API (%s)\n",
		message ? message : "error object is not a string");
	fflush(stderr);
	return 0; /* the core aborts */
}

static void warn_off(void *data, const char *message, int to_continue);
static void warn_on(void *data, const char *message, int to_continue);
static void warn_continue(void *data, const char *message, int to_continue);

/* A message that is one piece and begins with '@' is to the warn function itself. */
static bool is_control(lua_State *L, const char *message, int to_continue)
{
	if (to_continue || message[0] != '@')
		return false;
	if (!strcmp(message + 1, "on"))
		lua_setwarnf(L, warn_on, L);
	else if (!strcmp(message + 1, "off"))
		lua_setwarnf(L, warn_off, L);
	return true;
}

static void warn_off(void *data, const char *message, int to_continue)
{
	is_control(data, message, to_continue);
}

static void warn_on(void *data, const char *message, int to_continue)
{
	if (is_control(data, message, to_continue))
		return;
	fputs("Lua warning: ", stderr);
	fflush(stderr);
	warn_continue(data, message, to_continue);
}

static void warn_continue(void *data, const char *message, int to_continue)
{
	lua_State *L = data;

	fputs(message, stderr);
	if (!to_continue)
		fputc('\n', stderr);
	fflush(stderr);
	lua_setwarnf(L, to_continue ? warn_continue : warn_on, L);
}

lua_State *luaL_newstate(void)
{
	void *heap = heap_new();
	lua_State *L;

	if (!heap)
		return NULL;
	/* The heap goes with its last block, so with the state or the failed attempt. */
	L = lua_newstate(heap_allocate, heap);
	if (L) {
		lua_atpanic(L, panic);
		lua_setwarnf(L, warn_off, L);
	}
	return L;
}
