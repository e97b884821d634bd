/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value.h - a Lua value: eight bytes of payload and a tag.
 *
 * The core is made to be traced, and that begins here:
 *
 * - A value is a payload and a one-byte tag, side by side in 16 bytes where a
 *   single value lies (a stack slot, a closed upvalue, a constant), and apart
 *   where many lie (a table's array part is an array of payloads and an array
 *   of tags: 9 bytes an element). 64-bit integers leave no room for NaN boxes.
 * - A guard is one byte compare. Every distinction that compiled code wants to
 *   specialize on has a tag of its own: integer or float, short or long string,
 *   false or true, Lua function, C closure or plain C function.
 * - The payload is what a register of compiled code holds, with nothing to
 *   mask or shift: an integer, a double, a pointer. The tag is known to the
 *   trace and written only when a value goes back to memory.
 * - nil is the only "nothing": an empty slot of a table holds nil, and absent
 *   reads as nil, so a load from a table needs one guard and not two.
 *
 * The low four bits of a tag are the type that lua.h names (LUA_TNIL, ...), so
 * lua_type() is a mask. Bits 4 and 5 tell variants apart. Bit 6: the payload is
 * an object of the collector.
 */
#ifndef JITLUA_VALUE_H
#define JITLUA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The API is what others see; all else is hidden by the compiler's option. */
#pragma GCC visibility push(default)
#include <lua.h>
#pragma GCC visibility pop

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* In a build with DEBUG=1 what must hold is checked. */
#ifdef JITLUA_DEBUG
#include <assert.h>
#define lua_assert(x) assert(x)
#else
#define lua_assert(x) ((void)0)
#endif

#define TAG_COLLECTABLE 0x40
#define TAG_VARIANT(type, variant) ((type) | ((variant) << 4))

enum tag {
	TAG_NIL = TAG_VARIANT(LUA_TNIL, 0),
	TAG_FALSE = TAG_VARIANT(LUA_TBOOLEAN, 0),
	TAG_TRUE = TAG_VARIANT(LUA_TBOOLEAN, 1),
	TAG_LIGHTUSERDATA = TAG_VARIANT(LUA_TLIGHTUSERDATA, 0),
	TAG_INTEGER = TAG_VARIANT(LUA_TNUMBER, 0),
	TAG_FLOAT = TAG_VARIANT(LUA_TNUMBER, 1),
	TAG_SHORT_STRING = TAG_VARIANT(LUA_TSTRING, 0) | TAG_COLLECTABLE,
	TAG_LONG_STRING = TAG_VARIANT(LUA_TSTRING, 1) | TAG_COLLECTABLE,
	TAG_TABLE = TAG_VARIANT(LUA_TTABLE, 0) | TAG_COLLECTABLE,
	TAG_LUA_FUNCTION = TAG_VARIANT(LUA_TFUNCTION, 0) | TAG_COLLECTABLE,
	TAG_C_FUNCTION = TAG_VARIANT(LUA_TFUNCTION, 1), /* without upvalues: no object */
	TAG_C_CLOSURE = TAG_VARIANT(LUA_TFUNCTION, 2) | TAG_COLLECTABLE,
	TAG_USERDATA = TAG_VARIANT(LUA_TUSERDATA, 0) | TAG_COLLECTABLE,
	TAG_THREAD = TAG_VARIANT(LUA_TTHREAD, 0) | TAG_COLLECTABLE,

	/* Never seen by a program. */
	TAG_UPVALUE = LUA_NUMTYPES | TAG_COLLECTABLE,
	TAG_PROTO = (LUA_NUMTYPES + 1) | TAG_COLLECTABLE,
	TAG_DEAD_KEY = LUA_NUMTYPES + 2, /* key of an empty node whose object may be gone */
};

struct object;

typedef union payload {
	struct object *object;
	void *p;
	lua_CFunction f;
	lua_Integer i;
	lua_Number n;
} Payload;

typedef struct value {
	Payload u;
	uint8_t tag;
} Value;

/* ---- Asking ------------------------------------------------------------------ */

#define value_type(v) ((v)->tag & 0x0f)
#define is_nil(v) ((v)->tag == TAG_NIL)
#define is_falsy(v) ((v)->tag <= TAG_FALSE)
#define is_integer(v) ((v)->tag == TAG_INTEGER)
#define is_float(v) ((v)->tag == TAG_FLOAT)
#define is_number(v) (value_type(v) == LUA_TNUMBER)
#define is_string(v) (value_type(v) == LUA_TSTRING)
#define is_short_string(v) ((v)->tag == TAG_SHORT_STRING)
#define is_table(v) ((v)->tag == TAG_TABLE)
#define is_userdata(v) ((v)->tag == TAG_USERDATA)
#define is_function(v) (value_type(v) == LUA_TFUNCTION)
#define is_lua_function(v) ((v)->tag == TAG_LUA_FUNCTION)
#define is_collectable(v) (((v)->tag & TAG_COLLECTABLE) != 0)

/* is_falsy() rests on this: nothing but nil and false sorts that low. */
_Static_assert(TAG_NIL == 0 && TAG_FALSE == 1, "false and nil are the lowest tags");

/* ---- Taking: the caller knows the tag ------------------------------------------ */

#define as_object(v) ((v)->u.object)
#define as_string(v) ((String *)(v)->u.object)
#define as_table(v) ((Table *)(v)->u.object)
#define as_lua_function(v) ((LuaFunction *)(v)->u.object)
#define as_c_closure(v) ((CClosure *)(v)->u.object)
#define as_userdata(v) ((Userdata *)(v)->u.object)
#define as_thread(v) ((lua_State *)(v)->u.object)

/* ---- Setting -------------------------------------------------------------------- */

static inline void set_value(Value *to, const Value *from)
{
	to->u = from->u;
	to->tag = from->tag;
}

static inline void set_nil(Value *v)
{
	v->tag = TAG_NIL;
}

static inline void set_boolean(Value *v, bool b)
{
	v->tag = b ? TAG_TRUE : TAG_FALSE;
}

static inline void set_integer(Value *v, lua_Integer i)
{
	v->u.i = i;
	v->tag = TAG_INTEGER;
}

static inline void set_float(Value *v, lua_Number n)
{
	v->u.n = n;
	v->tag = TAG_FLOAT;
}

/* Any object: its own header has the tag. */
#define set_object(v, o)                        \
	do {                                    \
		Value *set_v_ = (v);            \
		Object *set_o_ = (Object *)(o); \
		set_v_->u.object = set_o_;      \
		set_v_->tag = set_o_->tag;      \
	} while (0)

#endif
