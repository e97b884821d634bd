/* SPDX-License-Identifier: BSD-2-Clause */
/* parameters.h - the JIT's parameters by name (trace.h has the list). */
#ifndef JITLUA_PARAMETERS_H
#define JITLUA_PARAMETERS_H

#include "trace.h"

#define PARAMETER_MESSAGE 200
#define PARAMETER_MAX 1000000000

void parameters_default(Jit *jit);
int64_t parameter_default(enum jit_parameter i);
/* Is it lower than its default? */
bool parameter_is_lower(const Jit *jit, enum jit_parameter i);
/* false: message says why not. */
bool parameter_set(lua_State *L, const char *name, const char *value,
		   char message[PARAMETER_MESSAGE]);
/* "name=value,...", "off", "default". What stands before an error is done. */
bool parameters_set(lua_State *L, const char *text, char message[PARAMETER_MESSAGE]);

#endif
