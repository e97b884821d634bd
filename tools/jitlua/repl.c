/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * repl.c - interactive mode: reads a statement, which may take several lines, or
 * an expression, runs it and prints its values.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "run.h"

/* Pushes the prompt; `variable` may have another. */
static const char *push_prompt(lua_State *L, const char *variable, const char *prompt)
{
	if (lua_getglobal(L, variable) == LUA_TNIL) {
		lua_pop(L, 1);
		return lua_pushstring(L, prompt);
	}
	prompt = luaL_tolstring(L, -1, NULL);
	lua_remove(L, -2);
	return prompt;
}

/* Pushes the next line, false at the end. "= e" stands for "return e", as in Lua 5.1. */
static bool push_line(lua_State *L, bool first)
{
	const char *prompt =
		first ? push_prompt(L, "_PROMPT", "> ") : push_prompt(L, "_PROMPT2", ">> ");
	char *line = lines_read(prompt);

	lua_pop(L, 1);
	if (!line)
		return false;
	if (first && line[0] == '=')
		lua_pushfstring(L, "return %s", line + 1);
	else
		lua_pushstring(L, line);
	free(line);
	return true;
}

/* Is the error on the top that the text ends too early? */
static bool is_incomplete(lua_State *L, int status)
{
	static const char mark[] = "<eof>";
	size_t length;
	const char *message;

	if (status != LUA_ERRSYNTAX)
		return false;
	message = lua_tolstring(L, -1, &length);
	return length >= sizeof mark - 1 && !strcmp(message + length - (sizeof mark - 1), mark);
}

static int load(lua_State *L, const char *text, size_t length)
{
	return luaL_loadbuffer(L, text, length, "=stdin");
}

/* The text on the top as an expression: true if it is one, then the function is pushed. */
static bool load_expression(lua_State *L)
{
	const char *line = lua_tostring(L, -1);
	const char *text = lua_pushfstring(L, "return %s", line);

	if (load(L, text, strlen(text)) != LUA_OK) {
		lua_pop(L, 2);
		return false;
	}
	lua_remove(L, -2);
	if (*line)
		lines_remember(line);
	return true;
}

/* The text on the top as statements; takes more lines while it is incomplete. */
static int load_statements(lua_State *L)
{
	for (;;) {
		size_t length;
		const char *text = lua_tolstring(L, 1, &length);
		int status = load(L, text, length);

		if (!is_incomplete(L, status) || !push_line(L, false)) {
			lines_remember(text);
			return status;
		}
		/* The message goes, the line comes. */
		lua_remove(L, -2);
		lua_pushliteral(L, "\n");
		lua_insert(L, -2);
		lua_concat(L, 3);
	}
}

static void print_results(lua_State *L)
{
	int n = lua_gettop(L);

	if (n == 0)
		return;
	luaL_checkstack(L, LUA_MINSTACK, "too many results to print");
	lua_getglobal(L, "print");
	lua_insert(L, 1);
	if (lua_pcall(L, n, 0, 0) != LUA_OK)
		say(lua_pushfstring(L, "error calling 'print' (%s)", lua_tostring(L, -1)));
}

void run_interactive(lua_State *L)
{
	const char *name = program_name;

	program_name = NULL;
	lines_open();
	for (;;) {
		int status = LUA_OK;

		lua_settop(L, 0);
		if (!push_line(L, true))
			break;
		if (!load_expression(L))
			status = load_statements(L);
		lua_remove(L, 1);
		if (status == LUA_OK)
			status = run_function(L, 0, LUA_MULTRET);
		if (report(L, status))
			print_results(L);
	}
	lua_settop(L, 0);
	fputc('\n', stdout);
	fflush(stdout);
	program_name = name;
}
