/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lists.h - what the fuzzer of operation lists runs on: a stack and a small heap of
 * tables, strings and variables, made anew from a number for every run.
 */
#ifndef TESTS_FUZZ_LISTS_H
#define TESTS_FUZZ_LISTS_H

#include "../../jit/lua/call.h"
#include "../../jit/lua/gc.h"
#include "../../jit/lua/number.h"
#include "../../jit/lua/table.h"
#include "../../jit/trace/opt.h"

/* Slots, from the frame's base. */
enum {
	INTEGER_SLOT = 0, /* 4 of them */
	FLOAT_SLOT = 4,	  /* 2 */
	TABLE_SLOT = 6,	  /* 3, which may be one table */
	FUNCTION_SLOT = 9,
	COUNTER_SLOT = 10,
	SCRATCH_SLOT = 11, /* 5, nil to begin with */
	STRING_SLOT = 16,
	USED_SLOTS = 17,
	CALL_SLOT = 24,
	TOP_SLOT = 40,
};

#define KEYS 6
#define MAX_WORDS 4096

extern String *world_keys[KEYS];
extern String *world_text;
extern LuaFunction *world_functions[2]; /* of two variables, which they share */

uint32_t world_random(uint64_t *state, uint32_t below);
lua_Integer world_integer(uint64_t *state);
lua_Number world_float(uint64_t *state);

/* A state, with all that stays; NULL without memory. */
lua_State *world_open(void);
/* Everything as number `seed` has it. */
void world_make(lua_State *L, uint64_t seed);
/* All that can be seen from the slots, as words; tables by the order they are met in. */
unsigned world_words(lua_State *L, uint64_t *words);
/* A C function, for CALL_SLOT: changes tables and variables, and moves the stack. */
int world_call(lua_State *L);

/* ---- lists_make.c ------------------------------------------------------------------------- */

/* List number `seed`, whose guards hold in state `first`. */
void list_make(lua_State *L, Trace *t, uint64_t seed, uint64_t first);

/* An exit is known by its instruction: number n is n instructions from null, as in parsed text. */
static inline const Instruction *list_place(uint32_t n)
{
	return (const Instruction *)((uintptr_t)n * sizeof(Instruction));
}

void list_die(const char *what) __attribute__((noreturn));

#endif
