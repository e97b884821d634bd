/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp.h - private to the interpreter: quick searches that are inlined into
 * its handlers (interp.c) and the slow work that is kept out of them
 * (interp_slow.c).
 */
#ifndef JITLUA_INTERP_H
#define JITLUA_INTERP_H

#include "call.h"
#include "debug.h"
#include "function.h"
#include "gc.h"
#include "opcodes.h"
#include "vm.h"

/* interp.c, compiled without and with a JIT; interp_run() chooses. */
void interp_run_plain(lua_State *L, Frame *frame);
void interp_run_jit(lua_State *L, Frame *frame);

/* ---- Tables ------------------------------------------------------------------------- */

/* The node of a short string; NULL if there is none. */
static inline Node *node_of_short(const Table *t, const String *key)
{
	Node *n = &t->nodes[key->hash & t->node_mask];

	while (n->key.object != (const Object *)key || n->key_tag != TAG_SHORT_STRING) {
		if (!n->next)
			return NULL;
		n += n->next;
	}
	return n;
}

/* No metamethod `event` (below 8), as far as can be told without a search. */
static inline bool has_no_meta(const Table *mt, enum meta event)
{
	return !mt || (mt->absent & (1u << event));
}

/*
 * object has no value at `key`, a short string, itself. The node that the chain of
 * its __index tables has, or a node with nil. NULL: the chain has a function in
 * it, or is too long to be followed here. Changes nothing.
 */
const Node *interp_inherited(lua_State *L, const Value *object, const String *key);

/* object[key] = v, key being a short string, after the quick way found no value. */
void interp_set_short(lua_State *L, const Value *object, const Value *key, const Value *v);

/* t[i] = v for any table without metamethod and i not in the array part or nil there. */
void interp_set_integer(lua_State *L, const Value *object, lua_Integer i, const Value *v);
/* object[i] where object, if it is a table, has no value there. */
void interp_get_integer(lua_State *L, const Value *object, lua_Integer i, Value *result);

/* ---- Iterators of the base library ------------------------------------------------------ */

/*
 * What pairs() and ipairs() return, known by their address in the object files of
 * Lua's own library (the Makefile makes these two names global). A loop over them
 * makes no call. Weak: with another library there is just the call.
 */
extern int luaB_next(lua_State *L) __attribute__((weak));
extern int ipairsaux(lua_State *L) __attribute__((weak));
/* Known as well: they run in the interpreter that calls them (call_prepare_pcall()). */
extern int luaB_pcall(lua_State *L) __attribute__((weak));
extern int luaB_xpcall(lua_State *L) __attribute__((weak));
/* What the recorder knows besides. */
extern int luaB_error(lua_State *L) __attribute__((weak));
extern int luaB_assert(lua_State *L) __attribute__((weak));

/*
 * OP_TFORCALL of next(t, ra[2]): ra[4] and ra[5] get the next key and value, or
 * ra[4] nil at the end. false: the key is not to be found, and next() itself is to
 * say so.
 */
bool interp_next(const Table *t, Value *ra);

/* ---- Frames ---------------------------------------------------------------------------- */

/* OP_VARARGPREP: moves the function and its parameters above the extra arguments. */
void interp_adjust_varargs(lua_State *L, Frame *f);
/* OP_VARARG: n values, or all and top after them. `to` is in the stack, which may move. */
void interp_get_varargs(lua_State *L, Frame *f, Value *to, int n);
/* OP_SETLIST: t[last - n + 1..last] = values. */
void interp_set_list(lua_State *L, Table *t, const Value *values, int n, unsigned last);

#endif
