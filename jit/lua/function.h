/* SPDX-License-Identifier: BSD-2-Clause */
/* function.h - prototypes, closures, upvalues, variables to be closed. */
#ifndef JITLUA_FUNCTION_H
#define JITLUA_FUNCTION_H

#include "state.h"

Proto *proto_new(lua_State *L);
void proto_free(lua_State *L, Proto *p);
size_t proto_bytes(const Proto *p);
/* Upvalues are NULL until set. */
LuaFunction *lua_function_new(lua_State *L, int upvalues);
CClosure *c_closure_new(lua_State *L, int upvalues);
/* New closed nil upvalues for all of f. */
void lua_function_fill_upvalues(lua_State *L, LuaFunction *f);
/* The closure of p made by a function with registers at base: OP_CLOSURE. Stored in *to. */
void lua_function_close_over(lua_State *L, Proto *p, Upvalue **enclosing, Value *base, Value *to);
/*
 * The same for compiled code (gc.h); NULL without memory. enclosing: the upvalues of the
 * function that makes it.
 */
LuaFunction *lua_function_try_close_over(lua_State *L, Proto *p, Upvalue *const *enclosing,
					 Value *base);

/* The open upvalue of a stack slot, made if there is none. */
Upvalue *upvalue_find(lua_State *L, Value *level);
/* Closes all open upvalues at or above level. Runs no Lua code. */
void upvalues_close(lua_State *L, Value *level);
void upvalue_unlink(Upvalue *uv); /* takes an open one out of its list */

/* Marks the variable at level to be closed; raises if it has no __close (nil and false: no). */
void tbc_new(lua_State *L, Value *level);
/*
 * Leaves a block: closes upvalues and, in reverse order, variables from level on.
 * status: CLOSE_NORMAL, or that of the error, whose object is then at top - 1 and
 * passed on. May run Lua code, raise, yield (if yieldable) and move the stack:
 * returns level.
 */
#define CLOSE_NORMAL (-1)
Value *block_close(lua_State *L, Value *level, int status, bool yieldable);

/* Name of the n-th (from 1) local variable that lives at pc; NULL if none. */
const char *proto_local_name(const Proto *p, int n, int pc);

#endif
