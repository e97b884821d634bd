/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * meta.c - metamethods: found by name in a metatable, called with operands.
 *
 * The names are interned once (Global.meta_names), so that a search is a search
 * for a short string. For the events that are asked most, a metatable remembers
 * in a bit that it has no such field (Table.absent): a plain object with a class
 * as its metatable pays one load and a test for __newindex, __eq, __len.
 *
 * A metamethod that is a Lua function and is called by an instruction of another is
 * not run here: it gets a frame, with which the interpreter goes on when it finds
 * it (no recursion in C), and interp_finish_instruction() does what follows here
 * after the call; so it does if a metamethod yields. So nothing may follow that it
 * does not repeat.
 */
#include "meta.h"

#include "call.h"
#include "debug.h"
#include "gc.h"
#include "table.h"

static const char *const names[META_COUNT] = {
#define X(name, text) text,
	METAMETHODS(X)
#undef X
};

void meta_open(lua_State *L)
{
	for (int event = 0; event < META_COUNT; event++) {
		String *name = string_of(L, names[event]);

		L->global->meta_names[event] = name;
		gc_fix(L, (Object *)name);
	}
}

/* ---- Finding ---------------------------------------------------------------------- */

Table *meta_table(lua_State *L, const Value *v)
{
	switch (v->tag) {
	case TAG_TABLE:
		return as_table(v)->metatable;
	case TAG_USERDATA:
		return as_userdata(v)->metatable;
	default:
		return L->global->metatables[value_type(v)];
	}
}

bool meta_find(lua_State *L, Table *mt, enum meta event, Value *out)
{
	Slot s = table_find_short(mt, L->global->meta_names[event]);

	if (!slot_is_nil(s)) {
		out->u = *s.payload;
		out->tag = *s.tag;
		return true;
	}
	if (event < 8)
		mt->absent |= (uint8_t)(1u << event);
	return false;
}

bool meta_of(lua_State *L, const Value *v, enum meta event, Value *out)
{
	Table *mt = meta_table(L, v);

	if (!mt || (event < 8 && (mt->absent & (1u << event))))
		return false;
	return meta_find(L, mt, event, out);
}

/* ---- Names of types --------------------------------------------------------------- */

const char *tag_type_name(int type)
{
	static const char *const type_names[] = {
		"no value", "nil",   "boolean",	 "userdata", "number",
		"string",   "table", "function", "userdata", "thread",
	};

	return type_names[type + 1];
}

const char *meta_type_name(lua_State *L, const Value *v)
{
	Table *mt = is_table(v)	     ? as_table(v)->metatable
		    : is_userdata(v) ? as_userdata(v)->metatable
				     : NULL;
	Value name;

	if (meta_fast(L, mt, META_METATABLE_NAME, &name) && is_string(&name))
		return as_string(&name)->text;
	return tag_type_name(value_type(v));
}

/* ---- Calling ---------------------------------------------------------------------- */

/*
 * The host may work on a thread that is not running and whose frame is that of a Lua
 * function (it yielded in a hook, or is dead): that is not the interpreter.
 */
bool meta_call_function(lua_State *L, Value *func, int nresults)
{
	if (likely(!(L->frame->status & (FRAME_C | FRAME_HOOKED)) && L->status == LUA_OK)) {
		Frame *f = call_prepare(L, func, nresults);

		if (likely(f))
			f->status = FRAME_NESTED;
		return f != NULL;
	}
	call_no_yield(L, func, nresults);
	return false;
}

void meta_call(lua_State *L, const Value *f, const Value *a, const Value *b, const Value *c)
{
	Value *func = L->top;

	set_value(func, f);
	set_value(func + 1, a);
	set_value(func + 2, b);
	set_value(func + 3, c);
	L->top = func + 4;
	meta_call_function(L, func, 0);
}

void meta_call_result(lua_State *L, const Value *f, const Value *a, const Value *b, Value *result)
{
	ptrdiff_t saved = save_slot(L, result);
	Value *func = L->top;

	set_value(func, f);
	set_value(func + 1, a);
	set_value(func + 2, b);
	L->top = func + 3;
	if (likely(meta_call_function(L, func, 1)))
		return;
	result = restore_slot(L, saved);
	L->top--;
	set_value(result, L->top);
}

static bool call_binary(lua_State *L, const Value *a, const Value *b, Value *result,
			enum meta event)
{
	Value f;

	if (!meta_of(L, a, event, &f) && !meta_of(L, b, event, &f))
		return false;
	meta_call_result(L, &f, a, b, result);
	return true;
}

static _Noreturn void error_binary(lua_State *L, const Value *a, const Value *b, enum meta event)
{
	switch (event) {
	case META_BAND:
	case META_BOR:
	case META_BXOR:
	case META_SHL:
	case META_SHR:
	case META_BNOT:
		if (is_number(a) && is_number(b))
			error_no_integer(L, a, b);
		error_operand(L, a, b, "perform bitwise operation on");
	case META_CONCAT:
		error_concat(L, a, b);
	default:
		error_operand(L, a, b, "perform arithmetic on");
	}
}

void meta_binary(lua_State *L, const Value *a, const Value *b, Value *result, enum meta event)
{
	if (unlikely(!call_binary(L, a, b, result, event)))
		error_binary(L, a, b, event);
}

/* The result means nothing if the frame has changed. */
bool meta_order(lua_State *L, const Value *a, const Value *b, enum meta event)
{
	if (call_binary(L, a, b, L->top, event))
		return !is_falsy(L->top);
	if (event == META_LE) {
		/*
		 * a <= b as not (b < a), as a Lua with LUA_COMPAT_LT_LE does; the flag
		 * tells it to interp_finish_instruction().
		 */
		L->frame->status |= FRAME_LEQ;
		if (call_binary(L, b, a, L->top, META_LT)) {
			L->frame->status &= (uint16_t)~FRAME_LEQ;
			return is_falsy(L->top);
		}
	}
	error_order(L, a, b);
}
