/* SPDX-License-Identifier: BSD-2-Clause */
/* chunk_format.h - the constants of Lua 5.4's binary chunks, for undump.c and dump.c. */
#ifndef JITLUA_CHUNK_FORMAT_H
#define JITLUA_CHUNK_FORMAT_H

#include <limits.h>

/* The header, after LUA_SIGNATURE. */
#define CHUNK_VERSION (LUA_VERSION_NUM / 100 * 16 + LUA_VERSION_NUM % 100)
#define CHUNK_FORMAT 0
/* Bytes that a transfer as text would change. */
#define CHUNK_CHECK "\x19\x93\r\n\x1a\n"
#define CHUNK_INTEGER_CHECK 0x5678
#define CHUNK_NUMBER_CHECK 370.5

/* Kinds of constants: Lua's tags, which are not ours. */
enum {
	CHUNK_NIL = LUA_TNIL,
	CHUNK_FALSE = LUA_TBOOLEAN,
	CHUNK_TRUE = LUA_TBOOLEAN | 1 << 4,
	CHUNK_INTEGER = LUA_TNUMBER,
	CHUNK_FLOAT = LUA_TNUMBER | 1 << 4,
	CHUNK_SHORT_STRING = LUA_TSTRING,
	CHUNK_LONG_STRING = LUA_TSTRING | 1 << 4,
};

#endif
