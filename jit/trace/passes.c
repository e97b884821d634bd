/* SPDX-License-Identifier: BSD-2-Clause */
/* passes.c - see passes.h. */
#include "passes.h"

#include <stdio.h>
#include <string.h>

/*
 * In LuaJIT's order; those that it does not have come last. No bits: there is no such pass,
 * or no way without it. level: the lowest of LuaJIT's that has it.
 */
static const struct pass {
	const char *pypy, *luajit;
	unsigned bits;
	char level;
} passes[] = {
	{"rewrite", "fold", PASS_REWRITE, '1'},
	{"pure", "cse", PASS_PURE, '1'},
	{NULL, "dce", 0, '1'},
	{"heap", "fwd", PASS_FORWARD, '3'},
	{"heap", "dse", PASS_DEAD_STORES, '3'},
	{NULL, "narrow", 0, '2'},
	{"unroll", "loop", PASS_UNROLL, '2'},
	{"intbounds", "abc", PASS_INTBOUNDS, '3'},
	{"virtualize", "sink", PASS_VIRTUALIZE, '3'},
	{NULL, "fuse", 0, '3'},
	{"string", NULL, 0, '1'},
	{"earlyforce", NULL, 0, '1'},
};

#define N_PASSES (sizeof(passes) / sizeof(*passes))

/* ---- PyPy's --------------------------------------------------------------------------------- */

static bool refuse(char message[PARAMETER_MESSAGE], const char *name, size_t length)
{
	const char *last = "";
	int n = snprintf(message, PARAMETER_MESSAGE,
			 "there is no optimization '%.*s'; say all, or some of", (int)length, name);

	for (size_t i = 0; i < N_PASSES && n < PARAMETER_MESSAGE; i++) {
		if (!passes[i].pypy || !strcmp(passes[i].pypy, last))
			continue;
		n += snprintf(message + n, PARAMETER_MESSAGE - (size_t)n, "%c%s", *last ? ':' : ' ',
			      passes[i].pypy);
		last = passes[i].pypy;
	}
	return false;
}

/* Takes what has that name out of *off; false: nothing has it. */
static bool enable(const char *name, size_t length, unsigned *off)
{
	bool found = false;

	for (size_t i = 0; i < N_PASSES; i++) {
		const char *pypy = passes[i].pypy;

		if (!pypy || strncmp(pypy, name, length) != 0 || pypy[length])
			continue;
		*off &= ~passes[i].bits;
		found = true;
	}
	return found;
}

bool passes_enable(Jit *jit, const char *names, char message[PARAMETER_MESSAGE])
{
	unsigned off = ~0U;

	if (!strcmp(names, "all")) {
		jit->passes_off = 0;
		return true;
	}
	while (*names) {
		size_t length = strcspn(names, ":");

		if (length && !enable(names, length, &off))
			return refuse(message, names, length < 40 ? length : 40);
		names += length + (names[length] == ':');
	}
	jit->passes_off = off;
	return true;
}

/* ---- LuaJIT's -------------------------------------------------------------------------------- */

static void set_level(Jit *jit, char level)
{
	jit->passes_off = 0;
	for (size_t i = 0; i < N_PASSES; i++)
		if (passes[i].level > level)
			jit->passes_off |= passes[i].bits;
}

bool passes_switch(Jit *jit, const char *word)
{
	bool on = true;

	if (*word >= '0' && *word <= '3' && !word[1]) {
		set_level(jit, *word);
		return true;
	}
	if (*word == '+' || *word == '-')
		on = *word++ == '+';
	else if (!strncmp(word, "no", 2)) {
		on = false;
		word += 2;
	}
	for (size_t i = 0; i < N_PASSES; i++) {
		if (!passes[i].luajit || strcmp(word, passes[i].luajit) != 0)
			continue;
		if (on)
			jit->passes_off &= ~passes[i].bits;
		else
			jit->passes_off |= passes[i].bits;
		return true;
	}
	return false;
}

const char *passes_name(unsigned n)
{
	return n < N_PASSES ? passes[n].luajit : NULL;
}

bool passes_is_on(const Jit *jit, unsigned n)
{
	return !(jit->passes_off & passes[n].bits);
}
