/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chunk.h - from a chunk to a function and back: undump.c and dump.c read and
 * write Lua 5.4's binary format, front.c compiles text by Lua's own compiler.
 */
#ifndef JITLUA_CHUNK_H
#define JITLUA_CHUNK_H

#include "state.h"

/* A chunk's bytes as lua_load() gets them from its reader. */
typedef struct input {
	lua_State *L;
	lua_Reader reader;
	void *data;
	const char *p; /* next unread byte */
	size_t n;      /* bytes left at p */
} Input;

#define INPUT_END (-1)
void input_open(lua_State *L, Input *in, lua_Reader reader, void *data);
/* Asks the reader for more; returns the next byte and takes it, or INPUT_END. */
int input_fill(Input *in);
static inline int input_byte(Input *in)
{
	return in->n ? (in->n--, (unsigned char)*in->p++) : input_fill(in);
}
/* Copies n bytes; returns how many were missing. */
size_t input_read(Input *in, void *to, size_t n);

/*
 * The rest (the byte `first`, LUA_SIGNATURE[0], was taken). Pushes a Lua
 * function with NULL upvalues. Raises LUA_ERRSYNTAX "NAME: bad binary format (WHY)".
 * share: equal long strings become one object.
 */
LuaFunction *undump(lua_State *L, Input *in, const char *name, bool share);
/* As lua_dump(): the writer's first non-zero answer, or 0. */
int dump(lua_State *L, const Proto *p, lua_Writer writer, void *data, bool strip);

/*
 * Compiles text (`first` was taken from in, or INPUT_END). Pushes a Lua function
 * with NULL upvalues. Raises what the compiler says (LUA_ERRSYNTAX, LUA_ERRMEM)
 * and what the reader raised.
 */
LuaFunction *front_compile(lua_State *L, Input *in, int first, const char *name);
/* Closes the compiler's state, if there is one. */
void front_close(Global *g);

/* All of lua_load() but the setting of _ENV: pushes the function or raises. */
LuaFunction *chunk_load(lua_State *L, Input *in, const char *name, const char *mode);

#endif
