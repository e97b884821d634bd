/* SPDX-License-Identifier: BSD-2-Clause */
/* run.c - chunks from the command line, files and modules. */
#include "run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *program_name = "jitlua";

void say(const char *message)
{
	if (program_name)
		fprintf(stderr, "%s: ", program_name);
	fprintf(stderr, "%s\n", message);
	fflush(stderr);
}

bool report(lua_State *L, int status)
{
	const char *message;

	if (status == LUA_OK)
		return true;
	message = lua_tostring(L, -1);
	say(message ? message : "(error message is not a string)");
	lua_pop(L, 1);
	return false;
}

/* ---- Protected calls ------------------------------------------------------------------ */

/*
 * Makes a string of an error object: with a traceback if it is a message, what
 * its __tostring says, or its type.
 */
static int message_handler(lua_State *L)
{
	const char *message = lua_tostring(L, 1);

	if (!message) {
		if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
			return 1;
		message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
	}
	luaL_traceback(L, L, message, 1);
	return 1;
}

/* The state that a signal interrupts. */
static lua_State *running;

static void stop(lua_State *L, lua_Debug *activation)
{
	(void)activation;
	lua_sethook(L, NULL, 0, 0);
	luaL_error(L, "interrupted!");
}

static void set_interrupt(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
}

/*
 * A handler may not touch the state, but it may set a hook, which raises the
 * error at the next instruction. A second Ctrl-C ends the process, if what is
 * running is C code that comes to no instruction.
 */
static void interrupt(int signal)
{
	(void)signal;
	set_interrupt(SIG_DFL);
	lua_sethook(running, stop, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

int run_function(lua_State *L, int narguments, int nresults)
{
	int base = lua_gettop(L) - narguments;
	int status;

	lua_pushcfunction(L, message_handler);
	lua_insert(L, base);
	running = L;
	set_interrupt(interrupt);
	status = lua_pcall(L, narguments, nresults, base);
	set_interrupt(SIG_DFL);
	lua_remove(L, base);
	return status;
}

/* ---- Chunks ------------------------------------------------------------------------------ */

/* Runs the function that was just loaded with that status. */
static bool run_loaded(lua_State *L, int status)
{
	return report(L, status == LUA_OK ? run_function(L, 0, 0) : status);
}

bool run_file(lua_State *L, const char *file)
{
	return run_loaded(L, luaL_loadfile(L, file));
}

bool run_string(lua_State *L, const char *text, const char *name)
{
	return run_loaded(L, luaL_loadbuffer(L, text, strlen(text), name));
}

bool run_library(lua_State *L, const char *option)
{
	const char *equals = strchr(option, '=');
	const char *module = equals ? equals + 1 : option;
	size_t length = (size_t)(equals ? equals - option : (ptrdiff_t)strlen(option));
	int status;

#if LUA_VERSION_RELEASE_NUM >= 50406
	/* "module-version" becomes the global "module". */
	if (!equals && strchr(option, LUA_IGMARK[0]))
		length = (size_t)(strchr(option, LUA_IGMARK[0]) - option);
#endif
	lua_pushlstring(L, option, length);
	lua_getglobal(L, "require");
	lua_pushstring(L, module);
	status = run_function(L, 1, 1);
	if (status == LUA_OK) {
		lua_setglobal(L, lua_tostring(L, -2));
		lua_pop(L, 1);
		return true;
	}
	lua_remove(L, -2);
	return report(L, status);
}

static int push_arguments(lua_State *L)
{
	int n;

	if (lua_getglobal(L, "arg") != LUA_TTABLE)
		luaL_error(L, "'arg' is not a table");
	n = (int)luaL_len(L, -1);
	luaL_checkstack(L, n + 3, "too many arguments to script");
	for (int i = 1; i <= n; i++)
		lua_rawgeti(L, -i, i);
	lua_remove(L, -n - 1);
	return n;
}

bool run_script(lua_State *L, const char *file)
{
	int status = luaL_loadfile(L, file);

	if (status == LUA_OK)
		status = run_function(L, push_arguments(L), LUA_MULTRET);
	return report(L, status);
}
