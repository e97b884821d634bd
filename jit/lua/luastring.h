/* SPDX-License-Identifier: BSD-2-Clause */
/* luastring.h - strings: interning, hashing, comparing. */
#ifndef JITLUA_LUASTRING_H
#define JITLUA_LUASTRING_H

#include "state.h"

/* A string with a copy of the bytes; short ones are interned. Raises memory errors. */
String *string_new(lua_State *L, const char *text, size_t length);
/* Of a C string, through a small cache keyed by the pointer (checked by content). */
String *string_of(lua_State *L, const char *text);
/* A long string (length > MAX_SHORT_STRING) whose bytes the caller fills in; NUL is set. */
String *string_new_long(lua_State *L, size_t length);
/* The same for compiled code (gc.h): NULL where they would collect, grow the table or raise. */
String *string_try_new(lua_State *L, const char *text, size_t length);
String *string_try_new_long(lua_State *L, size_t length);

/* lua_newuserdatauv()'s object. */
Userdata *userdata_new(lua_State *L, size_t length, int user_values);

/* Hash of any string; computes a long one's when first asked. */
uint32_t string_hash(String *s);
/* Both long strings. */
bool string_equal_long(const String *a, const String *b);
/* Any two strings. */
static inline bool string_equal(const String *a, const String *b)
{
	return a == b ||
	       (a->tag == TAG_LONG_STRING && b->tag == TAG_LONG_STRING && string_equal_long(a, b));
}
/* < 0, 0, > 0 in the order of the locale (strcoll), embedded NULs respected. */
int string_compare(const String *a, const String *b);

/* The table of short strings. */
void string_table_open(lua_State *L); /* may raise a memory error */
void string_table_free(lua_State *L);
/* Called by the collector for a dead short string, before it is freed. */
void string_table_remove(lua_State *L, String *s);
/* Halves the table if it is mostly empty; never raises. */
void string_table_check(lua_State *L);
/* Called by the atomic phase: no entry of the cache may be a white string. */
void string_cache_clear(Global *g);

#endif
