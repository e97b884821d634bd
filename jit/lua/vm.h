/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm.h - the language's operations on any values, metamethods included: what
 * the interpreter does when its quick way does not apply, what the C API does,
 * and what compiled code will call.
 *
 * `result` is a slot of the stack, found again if the stack moves; operands may
 * be slots too and are read before Lua code runs. After any of these the caller
 * reads its base again.
 */
#ifndef JITLUA_VM_H
#define JITLUA_VM_H

#include "number.h"
#include "table.h"

/* result = object[key] */
void vm_index(lua_State *L, const Value *object, const Value *key, Value *result);
/*
 * The same when table `object` was searched for key and gave nil: looks at the
 * metatable only.
 */
void vm_index_absent(lua_State *L, const Value *object, const Value *key, Value *result);
/* object[key] = v */
void vm_set_index(lua_State *L, const Value *object, const Value *key, const Value *v);
/* The same when table `object` was searched for key: found `slot`, nil or none. */
void vm_set_index_at(lua_State *L, const Value *object, const Value *key, Slot slot,
		     const Value *v);

/* Operator LUA_OPADD.. with strings as numbers and metamethods. */
void vm_arith(lua_State *L, int op, const Value *a, const Value *b, Value *result);
/* The top n values are replaced by their concatenation. */
void vm_concat(lua_State *L, int n);
/*
 * The n > 1 values from first on, which end at top, if all are strings and numbers:
 * their concatenation into *first; else false.
 */
bool vm_concat_plain(lua_State *L, Value *first, int n);
/* The same for compiled code (gc.h): NULL where it cannot be made the plain way. */
String *vm_try_concat(lua_State *L, const Value *first, int n);
/* result = #v */
void vm_length(lua_State *L, const Value *v, Value *result);

/* == without metamethods; and with them. */
bool vm_raw_equal(const Value *a, const Value *b);
bool vm_equal(lua_State *L, const Value *a, const Value *b);
bool vm_less(lua_State *L, const Value *a, const Value *b);
bool vm_less_equal(lua_State *L, const Value *a, const Value *b);

/*
 * Prepares a numeric for loop, ra as in OP_FORPREP. true: the loop does not run.
 * After it: ra[0] index, ra[1] iteration count left (integer loop) or limit,
 * ra[2] step, ra[3] the control variable. Raises "'for' initial value must be a
 * number" and kin.
 */
bool vm_for_prepare(lua_State *L, Value *ra);

/* ---- interp.c ------------------------------------------------------------------------ */

/* Runs the Lua function of frame f until that frame (FRAME_FRESH) returns. */
void interp_run(lua_State *L, Frame *f);
/*
 * After a yield inside an instruction of the running Lua frame: does the rest of
 * that instruction (stores the metamethod's result, ...).
 */
void interp_finish_instruction(lua_State *L);
/* Sets L->mode from L->hook_mask; called by lua_sethook(), also in a signal handler. */
void interp_update_mode(lua_State *L);

#endif
