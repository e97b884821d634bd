/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api_table.c - the part of lua.h that reads and writes tables, globals,
 * metatables, user values and upvalues.
 *
 * Each access first tries what needs no metamethod: a table in which a value
 * that is not nil is found (or any, if there is no metatable). Only then it goes
 * to vm.h.
 */
#include "api.h"
#include "call.h"
#include "function.h"
#include "table.h"
#include "vm.h"

static inline const Value *globals(lua_State *L, Value *copy)
{
	slot_get(table_find_integer(as_table(&L->global->registry), LUA_RIDX_GLOBALS), copy);
	return copy;
}

/* ---- Reading ------------------------------------------------------------------------ */

/* Is what was found in t the answer, whatever metatable there is? */
static inline bool is_final(const Table *t, Slot slot)
{
	return likely(!slot_is_nil(slot)) || !t->metatable;
}

static inline int push_slot(lua_State *L, Slot slot)
{
	slot_get(slot, L->top);
	api_pushed(L);
	return value_type(L->top - 1);
}

/* v[key], the result pushed. */
static __attribute__((noinline)) int push_indexed(lua_State *L, const Value *v, const Value *key)
{
	vm_index(L, v, key, L->top);
	api_pushed(L);
	return value_type(L->top - 1);
}

static inline int get_string(lua_State *L, const Value *v, const char *key)
{
	String *s = string_of(L, key);

	if (likely(is_table(v))) {
		Slot slot = table_find_string(as_table(v), s);

		if (is_final(as_table(v), slot))
			return push_slot(L, slot);
	}
	/* The key's place is taken by the value. */
	set_object(L->top, s);
	api_pushed(L);
	vm_index(L, v, L->top - 1, L->top - 1);
	return value_type(L->top - 1);
}

int lua_getglobal(lua_State *L, const char *name)
{
	Value copy;

	return get_string(L, globals(L, &copy), name);
}

int lua_getfield(lua_State *L, int index, const char *key)
{
	return get_string(L, api_value(L, index), key);
}

int lua_gettable(lua_State *L, int index)
{
	const Value *v = api_value(L, index);
	Value *key = L->top - 1;

	api_check_elements(L, 1);
	if (likely(is_table(v))) {
		Slot slot = table_find(as_table(v), key);

		if (is_final(as_table(v), slot)) {
			slot_get(slot, key);
			return value_type(key);
		}
	}
	vm_index(L, v, key, key);
	return value_type(L->top - 1);
}

int lua_geti(lua_State *L, int index, lua_Integer i)
{
	const Value *v = api_value(L, index);
	Value key;

	if (likely(is_table(v))) {
		Slot slot = table_find_integer(as_table(v), i);

		if (is_final(as_table(v), slot))
			return push_slot(L, slot);
	}
	set_integer(&key, i);
	return push_indexed(L, v, &key);
}

static inline Table *api_table(lua_State *L, int index)
{
	const Value *v = api_value(L, index);

	lua_assert(is_table(v));
	return as_table(v);
}

int lua_rawget(lua_State *L, int index)
{
	Value *key = L->top - 1;

	api_check_elements(L, 1);
	table_get(api_table(L, index), key, key);
	return value_type(key);
}

int lua_rawgeti(lua_State *L, int index, lua_Integer i)
{
	return push_slot(L, table_find_integer(api_table(L, index), i));
}

int lua_rawgetp(lua_State *L, int index, const void *p)
{
	Value key = {.u.p = (void *)p, .tag = TAG_LIGHTUSERDATA};

	return push_slot(L, table_find(api_table(L, index), &key));
}

int lua_next(lua_State *L, int index)
{
	bool more = table_next(L, api_table(L, index), L->top - 1);

	api_check_elements(L, 1);
	if (more)
		api_pushed(L);
	else
		L->top--;
	return more;
}

/* ---- Writing ------------------------------------------------------------------------ */

/* Where a value that is not nil is replaced, no metamethod has a say. */
static inline void replace(lua_State *L, Table *t, Slot slot, const Value *value)
{
	slot_set(slot, value);
	gc_barrier_back(L, t, value);
}

/* v[key] = what is on the top, which is popped. */
static inline void set_string(lua_State *L, const Value *v, const char *key)
{
	String *s = string_of(L, key);

	api_check_elements(L, 1);
	if (likely(is_table(v))) {
		Slot slot = table_find_string(as_table(v), s);

		if (!slot_is_nil(slot)) {
			replace(L, as_table(v), slot, L->top - 1);
			L->top--;
			return;
		}
	}
	set_object(L->top, s);
	api_pushed(L);
	vm_set_index(L, v, L->top - 1, L->top - 2);
	L->top -= 2;
}

void lua_setglobal(lua_State *L, const char *name)
{
	Value copy;

	set_string(L, globals(L, &copy), name);
}

void lua_setfield(lua_State *L, int index, const char *key)
{
	set_string(L, api_value(L, index), key);
}

void lua_settable(lua_State *L, int index)
{
	const Value *v = api_value(L, index);

	api_check_elements(L, 2);
	if (likely(is_table(v))) {
		Slot slot = table_find(as_table(v), L->top - 2);

		if (!slot_is_nil(slot))
			replace(L, as_table(v), slot, L->top - 1);
		else
			vm_set_index_at(L, v, L->top - 2, slot, L->top - 1);
	} else {
		vm_set_index(L, v, L->top - 2, L->top - 1);
	}
	L->top -= 2;
}

void lua_seti(lua_State *L, int index, lua_Integer i)
{
	const Value *v = api_value(L, index);
	Value key;

	api_check_elements(L, 1);
	if (likely(is_table(v))) {
		Table *t = as_table(v);
		Slot slot = table_find_integer(t, i);

		if (likely(!slot_is_nil(slot) || (slot.payload && !t->metatable))) {
			replace(L, t, slot, L->top - 1);
			L->top--;
			return;
		}
	}
	set_integer(&key, i);
	vm_set_index(L, v, &key, L->top - 1);
	L->top--;
}

static void raw_set(lua_State *L, int index, const Value *key, int pops)
{
	Table *t = api_table(L, index);

	api_check_elements(L, pops);
	table_put(L, t, key, L->top - 1);
	gc_barrier_back(L, t, L->top - 1);
	L->top -= pops;
}

void lua_rawset(lua_State *L, int index)
{
	raw_set(L, index, L->top - 2, 2);
}

void lua_rawsetp(lua_State *L, int index, const void *p)
{
	Value key = {.u.p = (void *)p, .tag = TAG_LIGHTUSERDATA};

	raw_set(L, index, &key, 1);
}

void lua_rawseti(lua_State *L, int index, lua_Integer i)
{
	Table *t = api_table(L, index);
	const Value *value = L->top - 1;

	api_check_elements(L, 1);
	if (likely((lua_Unsigned)i - 1 < t->array_size)) {
		*array_payload(t, i - 1) = value->u;
		*array_tag(t, i - 1) = value->tag;
	} else {
		table_put_integer(L, t, i, value);
	}
	gc_barrier_back(L, t, value);
	L->top--;
}

/* ---- Tables, userdata, metatables ------------------------------------------------- */

void lua_createtable(lua_State *L, int array, int hash)
{
	Table *t = table_new(L);

	set_object(L->top, t);
	api_pushed(L);
	if (array > 0 || hash > 0)
		table_resize(L, t, (unsigned)array, (unsigned)hash);
	gc_check(L);
}

void *lua_newuserdatauv(lua_State *L, size_t size, int user_values)
{
	Userdata *ud;

	lua_assert(user_values >= 0 && user_values < UINT16_MAX);
	ud = userdata_new(L, size, user_values);
	set_object(L->top, ud);
	api_pushed(L);
	gc_check(L);
	return userdata_block(ud);
}

int lua_getmetatable(lua_State *L, int index)
{
	Table *mt = meta_table(L, api_value(L, index));

	if (!mt)
		return 0;
	set_object(L->top, mt);
	api_pushed(L);
	return 1;
}

int lua_setmetatable(lua_State *L, int index)
{
	Value *v = api_value(L, index);
	Table *mt = NULL;

	api_check_elements(L, 1);
	if (!is_nil(L->top - 1)) {
		lua_assert(is_table(L->top - 1));
		mt = as_table(L->top - 1);
	}
	if (is_table(v))
		as_table(v)->metatable = mt;
	else if (is_userdata(v))
		as_userdata(v)->metatable = mt;
	else
		L->global->metatables[value_type(v)] = mt;
	if (mt && (is_table(v) || is_userdata(v))) {
		gc_barrier_object(L, as_object(v), mt);
		gc_check_finalizer(L, as_object(v), mt);
	}
	L->top--;
	return 1;
}

int lua_getiuservalue(lua_State *L, int index, int n)
{
	const Userdata *ud = as_userdata(api_value(L, index));

	lua_assert(is_userdata(api_value(L, index)));
	if (n <= 0 || n > ud->user_values) {
		set_nil(L->top);
		api_pushed(L);
		return LUA_TNONE;
	}
	set_value(L->top, &ud->values[n - 1]);
	api_pushed(L);
	return value_type(L->top - 1);
}

int lua_setiuservalue(lua_State *L, int index, int n)
{
	Userdata *ud = as_userdata(api_value(L, index));
	bool there = n > 0 && n <= ud->user_values;

	api_check_elements(L, 1);
	lua_assert(is_userdata(api_value(L, index)));
	if (there) {
		set_value(&ud->values[n - 1], L->top - 1);
		gc_barrier_back(L, ud, L->top - 1);
	}
	L->top--;
	return there;
}

/* ---- Upvalues --------------------------------------------------------------------- */

/*
 * Upvalue n of function v, NULL if there is none; its name, its owner for
 * barriers (that of a Lua function is the shared variable).
 */
static Value *upvalue(const Value *v, int n, const char **name, Object **owner)
{
	if (v->tag == TAG_C_CLOSURE) {
		CClosure *c = as_c_closure(v);

		if (n <= 0 || n > c->upvalue_count)
			return NULL;
		*name = "";
		*owner = (Object *)c;
		return &c->upvalues[n - 1];
	}
	if (v->tag == TAG_LUA_FUNCTION) {
		LuaFunction *f = as_lua_function(v);
		const String *s;

		if (n <= 0 || n > f->proto->upvalue_count)
			return NULL;
		s = f->proto->upvalues[n - 1].name;
		*name = s ? s->text : "(no name)";
		*owner = (Object *)f->upvalues[n - 1];
		return f->upvalues[n - 1]->v;
	}
	return NULL;
}

const char *lua_getupvalue(lua_State *L, int index, int n)
{
	const char *name;
	Object *owner;
	const Value *v = upvalue(api_value(L, index), n, &name, &owner);

	if (!v)
		return NULL;
	set_value(L->top, v);
	api_pushed(L);
	return name;
}

const char *lua_setupvalue(lua_State *L, int index, int n)
{
	const char *name;
	Object *owner;
	Value *v = upvalue(api_value(L, index), n, &name, &owner);

	api_check_elements(L, 1);
	if (!v)
		return NULL;
	L->top--;
	set_value(v, L->top);
	gc_barrier(L, owner, v);
	return name;
}

static Upvalue **upvalue_place(lua_State *L, int index, int n)
{
	const Value *v = api_value(L, index);
	LuaFunction *f = as_lua_function(v);

	lua_assert(is_lua_function(v));
	return n > 0 && n <= f->proto->upvalue_count ? &f->upvalues[n - 1] : NULL;
}

void *lua_upvalueid(lua_State *L, int index, int n)
{
	const Value *v = api_value(L, index);
	Upvalue **place;

	if (v->tag == TAG_C_CLOSURE) {
		CClosure *c = as_c_closure(v);

		return n > 0 && n <= c->upvalue_count ? &c->upvalues[n - 1] : NULL;
	}
	if (v->tag == TAG_C_FUNCTION)
		return NULL;
	place = upvalue_place(L, index, n);
	return place ? *place : NULL;
}

void lua_upvaluejoin(lua_State *L, int index1, int n1, int index2, int n2)
{
	Upvalue **to = upvalue_place(L, index1, n1), **from = upvalue_place(L, index2, n2);

	lua_assert(to && from);
	*to = *from;
	gc_barrier_object(L, as_object(api_value(L, index1)), *from);
}
