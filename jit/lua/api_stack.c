/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api_stack.c - the part of lua.h that moves values between C and the stack:
 * its order, what is there, values out to C, values from C.
 */
#include "api.h"
#include "call.h"
#include "function.h"
#include "number.h"
#include "table.h"
#include "vm.h"

const Value api_none;

Value *api_pseudo_value(lua_State *L, int index)
{
	const Value *func = L->frame->func;

	if (index == LUA_REGISTRYINDEX)
		return &L->global->registry;
	index = LUA_REGISTRYINDEX - index;
	lua_assert(index <= UINT8_MAX + 1);
	/* A C function without upvalues is not even an object. */
	if (func->tag == TAG_C_CLOSURE && index <= as_c_closure(func)->upvalue_count)
		return &as_c_closure(func)->upvalues[index - 1];
	return (Value *)&api_none;
}

/* ---- The stack's order ---------------------------------------------------------- */

int lua_absindex(lua_State *L, int index)
{
	if (index > 0 || index <= LUA_REGISTRYINDEX)
		return index;
	return (int)(L->top - L->frame->func) + index;
}

int lua_gettop(lua_State *L)
{
	return (int)(L->top - (L->frame->func + 1));
}

/* Is there a variable to be closed at or above slot? */
static bool closes_from(const lua_State *L, const Value *slot)
{
	return unlikely(L->tbc_count) && L->stack + L->tbc[L->tbc_count - 1] >= slot;
}

void lua_settop(lua_State *L, int index)
{
	Value *top;

	if (index >= 0) {
		top = L->frame->func + 1 + index;
		lua_assert(top <= L->frame->top);
		for (Value *v = L->top; v < top; v++)
			set_nil(v);
	} else {
		top = L->top + index + 1;
		api_check_elements(L, -(index + 1));
	}
	if (top < L->top && closes_from(L, top))
		top = block_close(L, top, CLOSE_NORMAL, false);
	L->top = top;
}

void lua_closeslot(lua_State *L, int index)
{
	Value *slot = api_slot(L, index);

	lua_assert(closes_from(L, slot));
	slot = block_close(L, slot, CLOSE_NORMAL, false);
	set_nil(slot);
}

void lua_pushvalue(lua_State *L, int index)
{
	set_value(L->top, api_value(L, index));
	api_pushed(L);
}

static void reverse(Value *from, Value *to)
{
	for (; from < to; from++, to--) {
		Value v = *from;

		set_value(from, to);
		set_value(to, &v);
	}
}

void lua_rotate(lua_State *L, int index, int n)
{
	Value *last = L->top - 1;
	Value *first = api_slot(L, index);
	Value *middle = n >= 0 ? last - n : first - n - 1;

	lua_assert((n >= 0 ? n : -n) <= last - first + 1);
	if (first == last)
		return;
	/* lua_insert(), lua_remove(): one value moves from one end to the other. */
	if (n == 1) {
		Value v = *last;

		for (Value *p = last; p > first; p--)
			set_value(p, p - 1);
		set_value(first, &v);
	} else if (n == -1) {
		Value v = *first;

		for (Value *p = first; p < last; p++)
			set_value(p, p + 1);
		set_value(last, &v);
	} else {
		reverse(first, middle);
		reverse(middle + 1, last);
		reverse(first, last);
	}
}

void lua_copy(lua_State *L, int from_index, int to_index)
{
	const Value *from = api_value(L, from_index);
	Value *to = api_value(L, to_index);

	lua_assert(!is_none(to));
	set_value(to, from);
	if (to_index < LUA_REGISTRYINDEX) /* the registry itself is always marked anew */
		gc_barrier(L, as_c_closure(L->frame->func), from);
}

int lua_checkstack(lua_State *L, int n)
{
	Frame *f = L->frame;

	lua_assert(n >= 0);
	if (unlikely(L->stack_last - L->top <= n)) {
		ptrdiff_t used = L->top - L->stack + STACK_EXTRA;

		if (used > LUAI_MAXSTACK - n || !stack_try_grow(L, n))
			return 0;
	}
	if (f->top < L->top + n)
		f->top = L->top + n;
	return 1;
}

void lua_xmove(lua_State *from, lua_State *to, int n)
{
	if (from == to)
		return;
	api_check_elements(from, n);
	lua_assert(from->global == to->global && to->frame->top - to->top >= n);
	from->top -= n;
	for (int i = 0; i < n; i++)
		set_value(to->top++, from->top + i);
}

/* ---- What is there --------------------------------------------------------------- */

int lua_type(lua_State *L, int index)
{
	const Value *v = api_value(L, index);

	return unlikely(is_none(v)) ? LUA_TNONE : value_type(v);
}

const char *lua_typename(lua_State *L, int type)
{
	(void)L;
	lua_assert(type >= LUA_TNONE && type < LUA_NUMTYPES);
	return type == LUA_TNONE ? "no value" : tag_type_name(type);
}

int lua_iscfunction(lua_State *L, int index)
{
	const Value *v = api_value(L, index);

	return v->tag == TAG_C_FUNCTION || v->tag == TAG_C_CLOSURE;
}

int lua_isinteger(lua_State *L, int index)
{
	return is_integer(api_value(L, index));
}

int lua_isnumber(lua_State *L, int index)
{
	const Value *v = api_value(L, index);
	lua_Number n;

	return is_number(v) || to_number_slow(v, &n);
}

int lua_isstring(lua_State *L, int index)
{
	const Value *v = api_value(L, index);

	return is_string(v) || is_number(v);
}

int lua_isuserdata(lua_State *L, int index)
{
	const Value *v = api_value(L, index);

	return is_userdata(v) || v->tag == TAG_LIGHTUSERDATA;
}

int lua_rawequal(lua_State *L, int index1, int index2)
{
	const Value *a = api_value(L, index1), *b = api_value(L, index2);

	return !is_none(a) && !is_none(b) && vm_raw_equal(a, b);
}

int lua_compare(lua_State *L, int index1, int index2, int op)
{
	const Value *a = api_value(L, index1), *b = api_value(L, index2);

	if (is_none(a) || is_none(b))
		return 0;
	switch (op) {
	case LUA_OPEQ:
		return vm_equal(L, a, b);
	case LUA_OPLT:
		return vm_less(L, a, b);
	case LUA_OPLE:
		return vm_less_equal(L, a, b);
	default:
		lua_assert(!"operator of lua_compare()");
		return 0;
	}
}

/* ---- Values out to C --------------------------------------------------------------- */

lua_Number lua_tonumberx(lua_State *L, int index, int *is_number)
{
	lua_Number n = 0;
	bool ok = to_number(api_value(L, index), &n);

	if (is_number)
		*is_number = ok;
	return ok ? n : 0;
}

lua_Integer lua_tointegerx(lua_State *L, int index, int *is_number)
{
	lua_Integer i = 0;
	bool ok = to_integer(api_value(L, index), &i);

	if (is_number)
		*is_number = ok;
	return ok ? i : 0;
}

int lua_toboolean(lua_State *L, int index)
{
	return !is_falsy(api_value(L, index));
}

/* A number becomes a string in its place. */
static __attribute__((noinline)) bool make_string(lua_State *L, int index)
{
	Value *v = api_value(L, index);

	if (!is_number(v))
		return false;
	number_make_string(L, v);
	gc_check(L);
	return true;
}

const char *lua_tolstring(lua_State *L, int index, size_t *length)
{
	const Value *v = api_value(L, index);

	if (unlikely(!is_string(v))) {
		if (!make_string(L, index)) {
			if (length)
				*length = 0;
			return NULL;
		}
		v = api_value(L, index);
	}
	if (length)
		*length = string_length(as_string(v));
	return as_string(v)->text;
}

lua_Unsigned lua_rawlen(lua_State *L, int index)
{
	const Value *v = api_value(L, index);

	switch (v->tag) {
	case TAG_SHORT_STRING:
	case TAG_LONG_STRING:
		return string_length(as_string(v));
	case TAG_USERDATA:
		return as_userdata(v)->length;
	case TAG_TABLE:
		return table_border(as_table(v));
	default:
		return 0;
	}
}

lua_CFunction lua_tocfunction(lua_State *L, int index)
{
	const Value *v = api_value(L, index);

	if (v->tag == TAG_C_FUNCTION)
		return v->u.f;
	return v->tag == TAG_C_CLOSURE ? as_c_closure(v)->f : NULL;
}

void *lua_touserdata(lua_State *L, int index)
{
	const Value *v = api_value(L, index);

	if (likely(is_userdata(v)))
		return userdata_block(as_userdata(v));
	return v->tag == TAG_LIGHTUSERDATA ? v->u.p : NULL;
}

lua_State *lua_tothread(lua_State *L, int index)
{
	const Value *v = api_value(L, index);

	return v->tag == TAG_THREAD ? as_thread(v) : NULL;
}

const void *lua_topointer(lua_State *L, int index)
{
	const Value *v = api_value(L, index);

	switch (v->tag) {
	case TAG_C_FUNCTION:
	case TAG_LIGHTUSERDATA:
		return v->u.p;
	case TAG_USERDATA:
		return userdata_block(as_userdata(v));
	default:
		return is_collectable(v) ? as_object(v) : NULL;
	}
}

/* ---- Values from C --------------------------------------------------------------- */

void lua_pushnil(lua_State *L)
{
	set_nil(L->top);
	api_pushed(L);
}

void lua_pushnumber(lua_State *L, lua_Number n)
{
	set_float(L->top, n);
	api_pushed(L);
}

void lua_pushinteger(lua_State *L, lua_Integer i)
{
	set_integer(L->top, i);
	api_pushed(L);
}

void lua_pushboolean(lua_State *L, int b)
{
	set_boolean(L->top, b);
	api_pushed(L);
}

void lua_pushlightuserdata(lua_State *L, void *p)
{
	L->top->u.p = p;
	L->top->tag = TAG_LIGHTUSERDATA;
	api_pushed(L);
}

int lua_pushthread(lua_State *L)
{
	set_object(L->top, L);
	api_pushed(L);
	return L->global->main_thread == L;
}

static inline const char *push_string(lua_State *L, String *s)
{
	set_object(L->top, s);
	api_pushed(L);
	gc_check(L);
	return s->text;
}

const char *lua_pushlstring(lua_State *L, const char *text, size_t length)
{
	return push_string(L, string_new(L, length ? text : "", length));
}

const char *lua_pushstring(lua_State *L, const char *text)
{
	if (text)
		return push_string(L, string_of(L, text));
	lua_pushnil(L);
	return NULL;
}

const char *lua_pushvfstring(lua_State *L, const char *format, va_list arguments)
{
	const char *text = push_vformat(L, format, arguments);

	gc_check(L);
	return text;
}

const char *lua_pushfstring(lua_State *L, const char *format, ...)
{
	va_list arguments;
	const char *text;

	va_start(arguments, format);
	text = push_vformat(L, format, arguments);
	va_end(arguments);
	gc_check(L);
	return text;
}

void lua_pushcclosure(lua_State *L, lua_CFunction f, int n)
{
	CClosure *c;

	if (n == 0) {
		L->top->u.f = f;
		L->top->tag = TAG_C_FUNCTION;
		api_pushed(L);
		return;
	}
	api_check_elements(L, n);
	lua_assert(n <= UINT8_MAX);
	c = c_closure_new(L, n);
	c->f = f;
	/* New, so white: no barrier. */
	L->top -= n;
	for (int i = 0; i < n; i++)
		set_value(&c->upvalues[i], L->top + i);
	set_object(L->top, c);
	api_pushed(L);
	gc_check(L);
}

size_t lua_stringtonumber(lua_State *L, const char *text)
{
	size_t size = number_from_text(text, L->top);

	if (size)
		api_pushed(L);
	return size;
}
