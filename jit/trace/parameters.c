/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parameters.c - set_param: parameters by name, as text "name=value,name=value", "off"
 * or "default".
 */
#include "passes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC visibility push(default)
#include <jitlua/jitlua.h>
#pragma GCC visibility pop

static const struct parameter {
	const char *name;
	int64_t value;
	const char *text;
} defaults[JIT_PARAMETER_COUNT] = {
#define X(name, value, text) [JIT_PARAMETER_##name] = {#name, value, text},
	JIT_PARAMETERS(X)
#undef X
};

/* PyPy's that mean nothing here: taken and forgotten, so that programs run. */
static const char *const ignored[] = {
	"decay",
	"retrace_limit",
	"pureop_historylength",
	"max_retrace_guards",
	"disable_unrolling",
	"vec",
	"vec_all",
	"vec_cost",
};

void parameters_default(Jit *jit)
{
	for (int i = 0; i < JIT_PARAMETER_COUNT; i++)
		jit->parameters[i] = defaults[i].value;
	jit->passes_off = 0;
}

bool parameter_is_lower(const Jit *jit, enum jit_parameter i)
{
	return jit->parameters[i] < defaults[i].value;
}

int64_t parameter_default(enum jit_parameter i)
{
	return defaults[i].value;
}

LUA_API const char *jitlua_parameter(unsigned i, long long *value)
{
	if (i >= JIT_PARAMETER_COUNT)
		return NULL;
	if (value)
		*value = defaults[i].value;
	return defaults[i].name;
}

LUA_API const char *jitlua_parameter_text(unsigned i)
{
	return i < JIT_PARAMETER_COUNT ? defaults[i].text : NULL;
}

static bool is_ignored(const char *name)
{
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		if (!strcmp(name, ignored[i]))
			return true;
	return false;
}

static bool refuse(char message[PARAMETER_MESSAGE], const char *format, const char *what)
{
	snprintf(message, PARAMETER_MESSAGE, format, what);
	return false;
}

/* false: it is too late for so many MiB. */
static bool limit_code(lua_State *L, int64_t mib)
{
	Jit *jit = L->global->jit;
	bool fits;

	if (!jit->backend->limit)
		return true;
	if (!jit->backend->limit(jit, mib, &fits))
		return false;
	if (!fits)
		jit_flush(L, "code_limit");
	return true;
}

static void set_defaults(lua_State *L)
{
	parameters_default(L->global->jit);
	limit_code(L, L->global->jit->parameters[JIT_PARAMETER_code_limit]);
	jit_restart_counters(L->global->jit);
}

bool parameter_set(lua_State *L, const char *name, const char *value,
		   char message[PARAMETER_MESSAGE])
{
	Jit *jit = L->global->jit;
	char *end;
	long long n = strtoll(value, &end, 10);

	if (is_ignored(name))
		return true;
	if (!strcmp(name, "enable_opts"))
		return passes_enable(jit, value, message);
	for (int i = 0; i < JIT_PARAMETER_COUNT; i++) {
		if (strcmp(name, defaults[i].name) != 0)
			continue;
		if (end == value || *end || n < 0 || n > PARAMETER_MAX)
			return refuse(message, "'%.40s' is not a number from 0 to 1000000000",
				      value);
		if (i == JIT_PARAMETER_code_limit && !limit_code(L, n))
			return refuse(message,
				      "%.40s MiB is more than was reserved for code when the first "
				      "was made: set it before",
				      value);
		jit->parameters[i] = n;
		if (i == JIT_PARAMETER_threshold)
			jit_restart_counters(jit);
		return true;
	}
	return refuse(message, "there is no parameter '%.40s'", name);
}

/* One of the list: "name=value". */
static bool set_one(lua_State *L, char *text, char message[PARAMETER_MESSAGE])
{
	char *value = strchr(text, '=');

	if (!strcmp(text, "off")) {
		jit_switch(L, false);
		return true;
	}
	if (!strcmp(text, "default")) {
		set_defaults(L);
		jit_switch(L, true);
		return true;
	}
	if (!value)
		return refuse(message, "'%.40s' is neither name=value nor \"off\" nor \"default\"",
			      text);
	*value = '\0';
	return parameter_set(L, text, value + 1, message);
}

bool parameters_set(lua_State *L, const char *text, char message[PARAMETER_MESSAGE])
{
	char copy[400], *rest = copy, *one;

	if (strlen(text) >= sizeof(copy))
		return refuse(message, "%s", "the text is too long");
	strcpy(copy, text);
	while ((one = strsep(&rest, ",")))
		if (*one && !set_one(L, one, message))
			return false;
	return true;
}
