/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmdef.h - the texts of jit.vmdef, copied out of Lua.
 *
 * The module is a big one: hundreds of strings, which every collection of the
 * program would sweep, in a state that may have no more than that of its own
 * (measured: 1 % of the instructions of a small program that compiles a lot).
 * So it is loaded into a state of our own, once for each LuaJIT in the
 * process, and that state is closed again.
 */
#ifndef JIT_LUAJIT_VMDEF_H
#define JIT_LUAJIT_VMDEF_H

#include "lua_api.h"

/* The strings of a Lua table from [0] on, up to the first that is none. */
struct vmdef_texts {
	char **text;
	int n;
};

struct vmdef {
	struct vmdef_texts errors;    /* jit.vmdef.traceerr: formats */
	struct vmdef_texts functions; /* jit.vmdef.ffnames */
};

/* Never NULL; empty where the module is not found. Lives as long as the process. */
const struct vmdef *vmdef_of(const struct lua_api *api);

/* The text with this number, or NULL. */
const char *vmdef_text(const struct vmdef_texts *texts, int n);

/* The number of a text, or -1. */
int vmdef_number(const struct vmdef_texts *texts, const char *text);

#endif
