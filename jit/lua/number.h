/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * number.h - integers and floats: conversions, operators without metamethods,
 * text.
 */
#ifndef JITLUA_NUMBER_H
#define JITLUA_NUMBER_H

#include <math.h>
#include <stdarg.h>

#include "state.h"

/* How a float with a fraction becomes an integer. */
enum round { ROUND_EXACT /* it does not */, ROUND_FLOOR, ROUND_CEIL };

/* false if f (rounded) is no integer or out of range. */
bool float_to_integer(lua_Number f, lua_Integer *i, enum round round);

/* Numbers, and strings that are numerals; false for others. */
bool to_number_slow(const Value *v, lua_Number *n);
bool to_integer_slow(const Value *v, lua_Integer *i, enum round round);
/* Numbers only: strings are refused. */
bool number_to_integer(const Value *v, lua_Integer *i, enum round round);

static inline bool to_number(const Value *v, lua_Number *n)
{
	if (is_float(v)) {
		*n = v->u.n;
		return true;
	}
	return to_number_slow(v, n);
}

static inline bool to_integer(const Value *v, lua_Integer *i)
{
	if (is_integer(v)) {
		*i = v->u.i;
		return true;
	}
	return to_integer_slow(v, i, ROUND_EXACT);
}

/* Numbers only, both kinds; false otherwise. */
static inline bool number_as_float(const Value *v, lua_Number *n)
{
	if (is_float(v))
		*n = v->u.n;
	else if (is_integer(v))
		*n = (lua_Number)v->u.i;
	else
		return false;
	return true;
}

/* Wrapping integer arithmetic. */
#define int_add(a, b) ((lua_Integer)((lua_Unsigned)(a) + (lua_Unsigned)(b)))
#define int_sub(a, b) ((lua_Integer)((lua_Unsigned)(a) - (lua_Unsigned)(b)))
#define int_mul(a, b) ((lua_Integer)((lua_Unsigned)(a) * (lua_Unsigned)(b)))

/* Floor division and modulo of integers; raise errors for a divisor of 0. */
lua_Integer int_idiv(lua_State *L, lua_Integer a, lua_Integer b);
lua_Integer int_mod(lua_State *L, lua_Integer a, lua_Integer b);
/* b < 0 shifts right; 64 and more give 0. */
lua_Integer int_shift_left(lua_Integer a, lua_Integer b);
lua_Number float_mod(lua_Number a, lua_Number b);
static inline lua_Number float_pow(lua_Number a, lua_Number b)
{
	return b == 2 ? a * a : pow(a, b);
}

/*
 * Operator LUA_OPADD..LUA_OPBNOT on numbers (no strings, no metamethods): false
 * if it does not apply. Raises only for integer division by zero.
 */
bool number_arith(lua_State *L, int op, const Value *a, const Value *b, Value *result);

/* Exact order of any two numbers (integer and float compare without rounding). */
bool number_less(const Value *a, const Value *b);
bool number_less_equal(const Value *a, const Value *b);

/*
 * Reads a numeral as the language has it (decimal, hexadecimal, floats, white
 * space around; the locale's point too). Returns the length read with its NUL,
 * 0 if text is no numeral as a whole.
 */
size_t number_from_text(const char *text, Value *result);
#define NUMBER_TEXT_SIZE 44
/* Writes as tostring() does ("%d", "%.14g" with ".0" added). Returns the length. */
size_t number_to_text(const Value *v, char text[NUMBER_TEXT_SIZE]);
/* Replaces a number in *v by its string. */
void number_make_string(lua_State *L, Value *v);

/* As lua_pushvfstring(): pushes and returns the text. Also used for all messages. */
const char *push_vformat(lua_State *L, const char *format, va_list arguments);
const char *push_format(lua_State *L, const char *format, ...);

#define CHUNK_NAME_SIZE LUA_IDSIZE
/* `source` of a chunk as messages show it, as luaL_loadbufferx() documents. */
void chunk_name(char text[CHUNK_NAME_SIZE], const char *source, size_t length);

/* UTF-8 of a code point below 2^31, at the end of buffer; returns its length. */
#define UTF8_BUFFER 8
int utf8_encode(char buffer[UTF8_BUFFER], unsigned long code);

#endif
