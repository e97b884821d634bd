/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_library.h - private to what records functions of Lua's own libraries: the call
 * that is recorded, its arguments, its results.
 *
 * Each function is written down for arguments of the types that it has now; for any
 * other it says NOT_KNOWN, before anything with an effect, and is called like a function
 * that nobody knows.
 */
#ifndef JITLUA_RECORD_LIBRARY_H
#define JITLUA_RECORD_LIBRARY_H

#include "record.h"

#define NOT_KNOWN (-1)

/* A call: its arguments, and room for results. */
struct known_call {
	Recorder *r;
	int func;   /* slot of the function */
	int n;	    /* arguments */
	int wanted; /* results that are looked at, at most; LUA_MULTRET: all */
	RecordedSlot results[MAX_KNOWN_RESULTS];
};

static inline const Value *value_of(const struct known_call *c, int n)
{
	return record_value(c->r, c->func - c->r->base + 1 + n);
}

static inline IrRef argument(const struct known_call *c, int n)
{
	return record_use_slot(c->r, c->func + 1 + n, NULL);
}

static inline bool has_tag(const struct known_call *c, int n, uint8_t tag)
{
	return n < c->n && value_of(c, n)->tag == tag;
}

static inline int one(struct known_call *c, IrRef ref, uint8_t tag)
{
	c->results[0] = (RecordedSlot){.ref = ref, .tag = tag};
	return 1;
}

static inline int one_integer(struct known_call *c, IrRef ref)
{
	return one(c, ref, TAG_INTEGER);
}

static inline int one_float(struct known_call *c, IrRef ref)
{
	return one(c, ref, TAG_FLOAT);
}

/* What was guarded to be so. */
static inline int one_truth(struct known_call *c, bool truth)
{
	return one(c, IR_NONE, truth ? TAG_TRUE : TAG_FALSE);
}

static inline int one_text(struct known_call *c, const char *text)
{
	String *s = string_new(c->r->L, text, strlen(text));

	return one(c, ir_object(c->r->ir, s, s->tag), s->tag);
}

static inline IrRef emit1(const struct known_call *c, enum ir_opcode opcode, IrRef a)
{
	return record_emit(c->r, opcode, a, IR_NONE, -1);
}

static inline IrRef emit2(const struct known_call *c, enum ir_opcode opcode, IrRef a, IrRef b)
{
	return record_emit(c->r, opcode, a, b, -1);
}

static inline IrRef integer(const struct known_call *c, lua_Integer i)
{
	return ir_integer(c->r->ir, i);
}

static inline IrRef metatable(const struct known_call *c, int n)
{
	return record_emit(c->r, IR_GETFIELD_R, argument(c, n), IR_NONE, IR_FIELD_TABLE_METATABLE);
}

/* Functions of the libraries, and what records each: it gives the number of results. */
#define KNOWN_FUNCTIONS(X)                        \
	X(math_floor, record_floor)               \
	X(math_ceil, record_ceil)                 \
	X(math_sqrt, record_sqrt)                 \
	X(math_abs, record_abs)                   \
	X(math_max, record_max)                   \
	X(math_min, record_min)                   \
	X(math_sin, record_sin)                   \
	X(math_cos, record_cos)                   \
	X(math_tan, record_tan)                   \
	X(math_exp, record_exp)                   \
	X(math_log, record_log)                   \
	X(math_fmod, record_fmod)                 \
	X(math_modf, record_modf)                 \
	X(math_ult, record_ult)                   \
	X(math_toint, record_tointeger)           \
	X(math_type, record_math_type)            \
	X(luaB_type, record_type)                 \
	X(luaB_tostring, record_tostring)         \
	X(luaB_tonumber, record_tonumber)         \
	X(luaB_assert, record_assert)             \
	X(luaB_select, record_select)             \
	X(luaB_ipairs, record_ipairs_call)        \
	X(luaB_pairs, record_pairs_call)          \
	X(luaB_next, record_next)                 \
	X(luaB_getmetatable, record_getmetatable) \
	X(luaB_setmetatable, record_setmetatable) \
	X(luaB_rawequal, record_rawequal)         \
	X(luaB_rawlen, record_rawlen)             \
	X(luaB_rawget, record_rawget)             \
	X(luaB_rawset, record_rawset)             \
	X(str_len, record_len)                    \
	X(str_byte, record_byte)                  \
	X(str_sub, record_sub)                    \
	X(str_char, record_char)                  \
	X(tinsert, record_insert)                 \
	X(tremove, record_remove)                 \
	X(tunpack, record_unpack)                 \
	X(tpack, record_pack)

#define X(name, recorder) int recorder(struct known_call *c);
KNOWN_FUNCTIONS(X)
#undef X

#endif
