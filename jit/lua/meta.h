/* SPDX-License-Identifier: BSD-2-Clause */
/* meta.h - metamethods: their list, how they are found and called. */
#ifndef JITLUA_META_H
#define JITLUA_META_H

#include "object.h"

/*
 * The first eight are those whose absence a metatable remembers in one bit
 * (Table.absent). ADD..SHR stand in the order of LUA_OPADD.., then UNM and BNOT
 * follow as in lua.h: meta_of_operator() rests on that.
 */
#define METAMETHODS(X)              \
	X(INDEX, "__index")         \
	X(NEWINDEX, "__newindex")   \
	X(GC, "__gc")               \
	X(MODE, "__mode")           \
	X(LEN, "__len")             \
	X(EQ, "__eq")               \
	X(CALL, "__call")           \
	X(METATABLE_NAME, "__name") \
	X(ADD, "__add")             \
	X(SUB, "__sub")             \
	X(MUL, "__mul")             \
	X(MOD, "__mod")             \
	X(POW, "__pow")             \
	X(DIV, "__div")             \
	X(IDIV, "__idiv")           \
	X(BAND, "__band")           \
	X(BOR, "__bor")             \
	X(BXOR, "__bxor")           \
	X(SHL, "__shl")             \
	X(SHR, "__shr")             \
	X(UNM, "__unm")             \
	X(BNOT, "__bnot")           \
	X(LT, "__lt")               \
	X(LE, "__le")               \
	X(CONCAT, "__concat")       \
	X(CLOSE, "__close")

enum meta {
#define X(name, text) META_##name,
	METAMETHODS(X)
#undef X
		META_COUNT
};

_Static_assert(META_SHR - META_ADD == LUA_OPSHR - LUA_OPADD, "operators in the order of lua.h");
_Static_assert(META_BNOT - META_ADD == LUA_OPBNOT - LUA_OPADD, "operators in the order of lua.h");

/*
 * The dump format's number of a metamethod (operand C of the MMBIN family) in
 * Lua's own order, where __index is 0 and __add is 6.
 */
#define META_FROM_BYTECODE(c) ((enum meta)((c)-6 + META_ADD))

struct lua_State;

/* Interns the names; called once for a state. */
void meta_open(lua_State *L);

/* The metatable of any value, NULL if it has none. */
Table *meta_table(lua_State *L, const Value *v);

/* Metamethod `event` of v: false if there is none, else *out. */
bool meta_of(lua_State *L, const Value *v, enum meta event, Value *out);

/* Field `event` of metatable mt. Not found and event < 8: remembered in mt->absent. */
bool meta_find(lua_State *L, Table *mt, enum meta event, Value *out);

/* The same with the quick no: mt may be NULL, event < 8. */
#define meta_fast(L, mt, event, out) \
	((mt) && !((mt)->absent & (1u << (event))) && meta_find(L, mt, event, out))

/* Type name for messages: a string __name of the metatable, else the type's name. */
const char *meta_type_name(lua_State *L, const Value *v);
/* lua_typename() of a tag. */
const char *tag_type_name(int type);

/*
 * All that follows here, and what vm.h does by it, may leave a call undone if it is
 * an instruction of a Lua function that calls another: then L->frame is the frame
 * of that (FRAME_NESTED), in which the interpreter goes on, and when it returns
 * interp_finish_instruction() does what is left. The result is not there yet.
 */

/* Calls the function in slot func with what is above; true: left undone. */
bool meta_call_function(lua_State *L, Value *func, int nresults);

/* Calls f(a, b, c) for no result. All three may be in the stack. */
void meta_call(lua_State *L, const Value *f, const Value *a, const Value *b, const Value *c);

/*
 * Calls f(a, b), one result into *result, which is a slot of the stack (it is
 * found again should the stack move).
 */
void meta_call_result(lua_State *L, const Value *f, const Value *a, const Value *b, Value *result);

/*
 * Binary (and unary: b = a) operator on values that the plain operation does not
 * take: calls the metamethod of a or b, else raises the error that names the
 * operation and the culprit.
 */
void meta_binary(lua_State *L, const Value *a, const Value *b, Value *result, enum meta event);

/* The same for the comparisons META_LT and META_LE; the result as a truth value. */
bool meta_order(lua_State *L, const Value *a, const Value *b, enum meta event);

#endif
