/* SPDX-License-Identifier: BSD-2-Clause */
/* introspect.h - the options that show what the JIT does: -jv, -jdump, -jperf. */
#ifndef JITLUA_INTROSPECT_H
#define JITLUA_INTROSPECT_H

#include <stdbool.h>

#include <lua.h>

/* Is what follows -j one of these, "v=FILE"? */
bool is_introspection(const char *command);
/* Starts it; false: it cannot be, which was said. The state has a JIT. */
bool introspect(lua_State *L, const char *command);
/* The lines of -jhelp. */
void print_introspection(void);

#endif
