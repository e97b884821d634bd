/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * passes.h - the parts of the optimizer that can be switched off, each by itself, by
 * PyPy's names (the parameter enable_opts) and by LuaJIT's (jit.opt.start).
 *
 * Jit.passes_off has those that are off, for traces that are made from then on; those
 * that there are stay as they are. None needs another: each does with less if it finds less.
 *
 * What has no name here is always done: guards on constants, which peeling and virtual
 * tables make, and dead code go. So is the check of an optimize hook's list: it says what
 * a list does, and is no optimization.
 */
#ifndef JITLUA_PASSES_H
#define JITLUA_PASSES_H

#include "parameters.h"

enum {
	PASS_REWRITE = 1 << 0,	   /* fold.c; what a guard compared with a constant is that */
	PASS_PURE = 1 << 1,	   /* the same operations, the same guards: once */
	PASS_FORWARD = 1 << 2,	   /* memory.c: loads of what is known to be there */
	PASS_DEAD_STORES = 1 << 3, /* memory.c: of what is there, or of what nobody reads */
	PASS_UNROLL = 1 << 4,	   /* peel.c; without it a turn ends in the trace's beginning */
	PASS_INTBOUNDS = 1 << 5,   /* bounds.c, strengthen.c */
	PASS_VIRTUALIZE = 1 << 6,  /* virtual.c */
};

/* enable_opts: "all", or those that are to be on, "name:name"; false: message says why not. */
bool passes_enable(Jit *jit, const char *names, char message[PARAMETER_MESSAGE]);
/* One word of jit.opt.start: a name, with + or nothing before it, - or no; a level, 0 to 3. */
bool passes_switch(Jit *jit, const char *word);
/* LuaJIT's name of number n, from 0; NULL: there are no more. */
const char *passes_name(unsigned n);
bool passes_is_on(const Jit *jit, unsigned n);

#endif
