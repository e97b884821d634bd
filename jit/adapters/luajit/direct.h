/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * direct.h - what jit.util tells of a trace and a place, read from the VM's
 * memory instead.
 *
 * jit.util.funcinfo() and traceinfo() make a table, tracemc() a string of all
 * the machine code: together some 2 us and a kilobyte of garbage per trace,
 * in a VM that compiles one in 20 us. The same facts are a few loads away, in
 * structs whose layout has not changed in the 64 bit builds of LuaJIT 2.1
 * ("GC64", the default on x86-64 and the only one on ARM64).
 *
 * Not changed so far is no promise, so nothing is read on trust: how to reach
 * the newest object is found out on a state's own tables (direct_find), each
 * object has to carry the right tag, and the caller compares the first
 * answers, and later one in a while, with those of jit.util. One difference
 * and the VM is asked through jit.util from then on.
 */
#ifndef JIT_LUAJIT_DIRECT_H
#define JIT_LUAJIT_DIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lua_api.h"

/* Answers compared before one is believed, and how often one is after that. */
#define DIRECT_PROOFS 4
#define DIRECT_EVERY 1024

struct direct_proof {
	uint32_t answers;
	bool wrong;
};

/* newest == NULL: this VM is not one that can be read. */
struct direct {
	void *const *newest; /* head of the VM's list of objects */
	struct direct_proof places, traces, callers;
};

/* A bytecode instruction. proto == NULL: not known. */
struct direct_place {
	const void *proto;
	uint32_t pc;
};

struct direct_trace {
	uint64_t asmaddr;
	uint32_t asmlen;
	uint32_t nins;
	uint32_t link;
	uint32_t linktype; /* as in enum direct_link */
};

/* X(name, jit.util's word) in the order of the VM's numbers. */
#define DIRECT_LINKS(X)              \
	X(NONE, "none")              \
	X(ROOT, "root")              \
	X(LOOP, "loop")              \
	X(TAILREC, "tail-recursion") \
	X(UPREC, "up-recursion")     \
	X(DOWNREC, "down-recursion") \
	X(INTERP, "interpreter")     \
	X(RETURN, "return")          \
	X(STITCH, "stitch")

enum direct_link {
#define X(name, word) DIRECT_##name,
	DIRECT_LINKS(X)
#undef X
};

/* Finds the way in, or leaves d->newest NULL. Needs 3 free stack slots. */
void direct_find(const struct lua_api *api, lua_State *L, struct direct *d);

/* Is the next answer to be compared with that of jit.util? */
static inline bool direct_in_doubt(const struct direct_proof *proof)
{
	return proof->answers < DIRECT_PROOFS || proof->answers % DIRECT_EVERY == 0;
}

/* The answer was compared, or not (right). */
static inline void direct_answered(struct direct_proof *proof, bool right)
{
	proof->answers++;
	proof->wrong |= !right;
}

/* The place `pc` in a Lua function (lua_topointer()); false if unreadable. */
bool direct_place(const struct direct *d, const void *function, uint32_t pc,
		  struct direct_place *place);
/* The instruction itself; for comparing only. */
uint32_t direct_instruction(const struct direct_place *place);
/* As funcinfo(function, pc).loc, cut to size; false: ask the VM. */
bool direct_place_text(const struct direct_place *place, char *text, size_t size);
/*
 * Was the function that runs below the handler called by a Lua function? L is
 * the handler's thread. false: it was not, or that cannot be read.
 */
bool direct_called_by_lua(const struct direct *d, lua_State *L);
/*
 * Keeps LuaJIT from crashing if the trace that starts in `function` is given
 * up with no Lua function on the stack; L is the thread that runs it. false:
 * this is not to be done here. Both have to live until direct_unguard(L).
 */
bool direct_guard(const struct direct *d, lua_State *L, const void *function);
void direct_unguard(lua_State *L);

/* Trace number traceno, in the event that tells of it; false: ask the VM. */
bool direct_trace(const struct direct *d, uint32_t traceno, struct direct_trace *trace);

#endif
