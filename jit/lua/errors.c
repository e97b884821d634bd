/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errors.c - the messages of run-time errors: where, what, and the name of the
 * variable at fault.
 *
 * The texts are those of lua5.4, and the names too: the operand's address says
 * which register or upvalue of the running function it is, and names.c what the
 * program calls that. A message is built in pieces of constants and names that
 * prototypes own, so only the whole of it is allocated.
 */
#include "call.h"
#include "debug.h"
#include "gc.h"
#include "number.h"

const char *error_add_position(lua_State *L, const char *message, const String *source, int line)
{
	char name[CHUNK_NAME_SIZE] = "?";
	const char *text;

	if (source)
		chunk_name(name, source->text, string_length(source));
	text = push_format(L, "%s:%d: %s", name, line, message);
	set_value(L->top - 2, L->top - 1);
	L->top--;
	return text;
}

_Noreturn void error_run(lua_State *L, const char *format, ...)
{
	Frame *f = L->frame;
	const char *message;
	va_list arguments;

	va_start(arguments, format);
	message = push_vformat(L, format, arguments);
	va_end(arguments);
	if (frame_is_lua(f))
		error_add_position(L, message, frame_function(f)->proto->source, frame_line(f));
	/* A loop that only raises and catches errors has no other safe point. */
	gc_check(L);
	throw_error(L);
}

/* ---- Names of values ------------------------------------------------------------------- */

/* What a message says of a variable: " (local 'x')", in pieces; all empty: nothing. */
struct origin {
	const char *open, *kind, *quote, *name, *close;
};

#define ORIGIN_FORMAT "%s%s%s%s%s"
#define origin_pieces(o) (o).open, (o).kind, (o).quote, (o).name, (o).close

static struct origin origin(const char *kind, const char *name)
{
	return kind ? (struct origin){" (", kind, " '", name, "')"}
		    : (struct origin){"", "", "", "", ""};
}

static const char *upvalue_kind(const LuaFunction *f, const Value *v, const char **name)
{
	for (int i = 0; i < f->upvalue_count; i++) {
		if (f->upvalues[i]->v == v) {
			const String *s = f->proto->upvalues[i].name;

			*name = s ? s->text : "?";
			return "upvalue";
		}
	}
	return NULL;
}

/* The variable of the running Lua function whose place is v. */
static struct origin origin_of(lua_State *L, const Value *v)
{
	Frame *f = L->frame;
	const char *name, *kind = NULL;

	if (frame_is_lua(f)) {
		kind = upvalue_kind(frame_function(f), v, &name);
		if (!kind && v >= frame_base(f) && v < f->top)
			kind = name_of_register(L, frame_function(f)->proto, frame_pc(f),
						(int)(v - frame_base(f)), &name);
	}
	return origin(kind, name);
}

/* ---- The errors ------------------------------------------------------------------------ */

static _Noreturn void raise_type(lua_State *L, const Value *v, const char *operation,
				 struct origin o)
{
	error_run(L, "attempt to %s a %s value" ORIGIN_FORMAT, operation, meta_type_name(L, v),
		  origin_pieces(o));
}

_Noreturn void error_type(lua_State *L, const Value *v, const char *operation)
{
	raise_type(L, v, operation, origin_of(L, v));
}

_Noreturn void error_call(lua_State *L, const Value *v)
{
	const char *name;
	const char *kind = name_of_called(L, L->frame, &name);

	raise_type(L, v, "call", kind ? origin(kind, name) : origin_of(L, v));
}

_Noreturn void error_for(lua_State *L, const Value *v, const char *what)
{
	error_run(L, "bad 'for' %s (number expected, got %s)", what, meta_type_name(L, v));
}

_Noreturn void error_concat(lua_State *L, const Value *a, const Value *b)
{
	error_type(L, is_string(a) || is_number(a) ? b : a, "concatenate");
}

_Noreturn void error_operand(lua_State *L, const Value *a, const Value *b, const char *message)
{
	error_type(L, is_number(a) ? b : a, message);
}

_Noreturn void error_no_integer(lua_State *L, const Value *a, const Value *b)
{
	lua_Integer unused;
	struct origin o = origin_of(L, number_to_integer(a, &unused, ROUND_EXACT) ? b : a);

	error_run(L, "number" ORIGIN_FORMAT " has no integer representation", origin_pieces(o));
}

_Noreturn void error_order(lua_State *L, const Value *a, const Value *b)
{
	const char *ta = meta_type_name(L, a);
	const char *tb = meta_type_name(L, b);

	if (strcmp(ta, tb) == 0)
		error_run(L, "attempt to compare two %s values", ta);
	error_run(L, "attempt to compare %s with %s", ta, tb);
}
