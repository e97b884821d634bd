/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chunk.c - the bytes of a chunk as a reader gives them, and which way they go:
 * the first byte tells a binary chunk from text.
 */
#include "chunk.h"

#include "call.h"
#include "function.h"
#include "number.h"

void input_open(lua_State *L, Input *in, lua_Reader reader, void *data)
{
	in->L = L;
	in->reader = reader;
	in->data = data;
	in->p = NULL;
	in->n = 0;
}

int input_fill(Input *in)
{
	size_t n = 0;
	const char *p = in->reader(in->L, in->data, &n);

	if (!p || n == 0)
		return INPUT_END;
	in->p = p + 1;
	in->n = n - 1;
	return (unsigned char)*p;
}

size_t input_read(Input *in, void *to, size_t n)
{
	char *next = to;

	while (n > 0) {
		size_t step;

		if (in->n == 0) {
			int c = input_fill(in);

			if (c == INPUT_END)
				break;
			*next++ = (char)c;
			n--;
			continue;
		}
		step = in->n < n ? in->n : n;
		memcpy(next, in->p, step);
		in->p += step;
		in->n -= step;
		next += step;
		n -= step;
	}
	return n;
}

static void check_mode(lua_State *L, const char *mode, const char *kind)
{
	if (mode && !strchr(mode, kind[0])) {
		push_format(L, "attempt to load a %s chunk (mode is '%s')", kind, mode);
		throw_status(L, LUA_ERRSYNTAX);
	}
}

LuaFunction *chunk_load(lua_State *L, Input *in, const char *name, const char *mode)
{
	int first = input_byte(in);
	LuaFunction *f;

	if (first == LUA_SIGNATURE[0]) {
		check_mode(L, mode, "binary");
		f = undump(L, in, name, false);
	} else {
		check_mode(L, mode, "text");
		f = front_compile(L, in, first, name);
	}
	lua_function_fill_upvalues(L, f);
	return f;
}
