/* SPDX-License-Identifier: BSD-2-Clause */
/* run.h - running chunks for the command: protected, interruptible, errors reported. */
#ifndef JITLUA_RUN_H
#define JITLUA_RUN_H

#include <stdbool.h>

#include <lauxlib.h>
#include <lua.h>

/* What messages begin with; NULL: nothing (interactive mode). */
extern const char *program_name;

void say(const char *message);
/* Says the error object on the top and pops it; true if status is LUA_OK. */
bool report(lua_State *L, int status);
/*
 * Calls a function below narguments arguments, with a traceback added to errors
 * and Ctrl-C as an error. Returns the status.
 */
int run_function(lua_State *L, int narguments, int nresults);

/* These report their errors. file: NULL is the standard input. */
bool run_file(lua_State *L, const char *file);
bool run_string(lua_State *L, const char *text, const char *name);
/* The -l option: "module" or "global=module". */
bool run_library(lua_State *L, const char *option);
/* Runs a script with the values of `arg`. */
bool run_script(lua_State *L, const char *file);

/* Until the end of the input. */
void run_interactive(lua_State *L);

#endif
