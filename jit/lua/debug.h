/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug.h - where we are and what things are called: lines, variable names,
 * error messages with both; lua_getinfo() and its kin are in debug.c.
 */
#ifndef JITLUA_DEBUG_H
#define JITLUA_DEBUG_H

#include "state.h"

/* Raises with "source:line: " in front if the running function is Lua. */
_Noreturn void error_run(lua_State *L, const char *format, ...);
/* "attempt to OPERATION a TYPE value (local 'x')" */
_Noreturn void error_type(lua_State *L, const Value *v, const char *operation);
/* "attempt to call a TYPE value (...)", with the name from the calling code. */
_Noreturn void error_call(lua_State *L, const Value *v);
/* "'for' WHAT must be a number" */
_Noreturn void error_for(lua_State *L, const Value *v, const char *what);
_Noreturn void error_concat(lua_State *L, const Value *a, const Value *b);
/* Arithmetic (message: "perform arithmetic on") and bitwise operators. */
_Noreturn void error_operand(lua_State *L, const Value *a, const Value *b, const char *message);
/* "number has no integer representation", naming the culprit. */
_Noreturn void error_no_integer(lua_State *L, const Value *a, const Value *b);
_Noreturn void error_order(lua_State *L, const Value *a, const Value *b);

/* Puts "source:line: " before the message on the top. */
const char *error_add_position(lua_State *L, const char *message, const String *source, int line);

/* Line of instruction pc (an index); -1 if stripped. */
int proto_line(const Proto *p, int pc);
/* Index of the instruction that frame f is executing. */
int frame_pc(const Frame *f);
int frame_line(const Frame *f);
/* The instruction at pc as it was compiled, whatever the JIT has put over it. */
Instruction debug_instruction(const lua_State *L, const Instruction *pc);

/* names.c: what an instruction's register or called function is called. */
/* Kind ("local", "global", "field", "method", "constant", "upvalue"...) or NULL; sets *name. */
const char *name_of_register(lua_State *L, const Proto *p, int pc, int reg, const char **name);
/* How the function that f (Lua) is calling is named there; also "metamethod", "for iterator". */
const char *name_of_called(lua_State *L, Frame *f, const char **name);

/*
 * Hook mode: called before each instruction of Lua frame L->frame with pc after
 * it; calls count and line hooks. Keeps frame->u.lua.pc right over it. May yield.
 */
void debug_trace_instruction(lua_State *L, const Instruction *pc);

#endif
