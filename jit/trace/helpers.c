/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helpers.c - what traces call; see helpers.h for the rules they keep.
 *
 * What can raise an error (out of memory, mostly) runs protected, without an
 * emergency collection: one would free what only the trace's registers hold.
 */
#include "helpers.h"

#include <math.h>

#include "../lua/call.h"
#include "../lua/function.h"
#include "../lua/gc.h"
#include "../lua/meta.h"
#include "../lua/number.h"
#include "../lua/table.h"
#include "../lua/vm.h"
#include "model.h"

/* ---- Running what may fail ------------------------------------------------------------------- */

/* Runs f(L, data); false if it raised. What it pushed is gone then. */
static bool attempt(lua_State *L, ProtectedFunction f, void *data)
{
	Global *g = L->global;
	ptrdiff_t top = save_slot(L, L->top);
	uint8_t before = g->stop_emergency;
	int status;

	g->stop_emergency = 1;
	status = call_raw_protected(L, f, data);
	g->stop_emergency = before;
	L->top = restore_slot(L, top);
	return status == LUA_OK;
}

/* ---- Numbers ------------------------------------------------------------------------------------
 */

#define UNARY(name, function)                                             \
	static lua_Number helper_float_##name(lua_State *L, lua_Number a) \
	{                                                                 \
		(void)L;                                                  \
		return function(a);                                       \
	}

UNARY(sin, sin)
UNARY(cos, cos)
UNARY(tan, tan)
UNARY(asin, asin)
UNARY(acos, acos)
UNARY(exp, exp)
UNARY(log, log)
#undef UNARY

#define BINARY(name, function)                                                          \
	static lua_Number helper_float_##name(lua_State *L, lua_Number a, lua_Number b) \
	{                                                                               \
		(void)L;                                                                \
		return function(a, b);                                                  \
	}

BINARY(pow, float_pow)
BINARY(mod, float_mod)
BINARY(atan2, atan2)
BINARY(fmod, fmod)
#undef BINARY

/* The least integer has no quotient by -1; of 0 there is none. */
static lua_Integer helper_int_fmod(lua_State *L, lua_Integer a, lua_Integer b)
{
	(void)L;
	return (lua_Unsigned)b + 1 <= 1 ? 0 : a % b;
}

#define COMPARISON(name, type_a, make_a, type_b, make_b, compare)          \
	static lua_Integer helper_##name(lua_State *L, type_a a, type_b b) \
	{                                                                  \
		Value x, y;                                                \
		(void)L;                                                   \
		make_a(&x, a);                                             \
		make_b(&y, b);                                             \
		return compare(&x, &y);                                    \
	}

COMPARISON(int_float_lt, lua_Integer, set_integer, lua_Number, set_float, number_less)
COMPARISON(int_float_le, lua_Integer, set_integer, lua_Number, set_float, number_less_equal)
COMPARISON(float_int_lt, lua_Number, set_float, lua_Integer, set_integer, number_less)
COMPARISON(float_int_le, lua_Number, set_float, lua_Integer, set_integer, number_less_equal)
#undef COMPARISON

static lua_Integer helper_shift_left(lua_State *L, lua_Integer a, lua_Integer n)
{
	(void)L;
	return int_shift_left(a, n);
}

/* ---- Tables
 * ---------------------------------------------------------------------------------------- */

static lua_Integer give(lua_State *L, Slot s)
{
	slot_get(s, &L->global->jit->result);
	return L->global->jit->result.tag;
}

static lua_Integer helper_table_get_integer(lua_State *L, Table *t, lua_Integer key)
{
	return give(L, table_find_integer(t, key));
}

static lua_Integer helper_table_get_string(lua_State *L, Table *t, String *key)
{
	return give(L, table_find_string(t, key));
}

static lua_Integer helper_table_get(lua_State *L, Table *t)
{
	return give(L, table_find(t, &L->global->jit->operands[0]));
}

struct put {
	Table *t;
	const Value *key, *v;
};

static void put(lua_State *L, void *data)
{
	struct put *p = data;

	table_put(L, p->t, p->key, p->v);
	gc_barrier_back(L, p->t, p->v);
}

static lua_Integer helper_table_put(lua_State *L, Table *t)
{
	Jit *jit = L->global->jit;
	struct put p = {.t = t, .key = &jit->operands[0], .v = &jit->operands[1]};

	if (table_try_put(L, t, p.key, p.v)) {
		gc_barrier_back(L, t, p.v);
		return 1;
	}
	return attempt(L, put, &p);
}

static lua_Integer helper_table_put_integer(lua_State *L, Table *t, lua_Integer key)
{
	Slot s = table_find_integer(t, key);
	Value *v = &L->global->jit->operands[1];

	if (s.payload && *s.tag != TAG_NIL) {
		slot_set(s, v);
		gc_barrier_back(L, t, v);
		return 1;
	}
	set_integer(&L->global->jit->operands[0], key);
	return helper_table_put(L, t);
}

static lua_Integer helper_table_put_string(lua_State *L, Table *t, String *key)
{
	set_object(&L->global->jit->operands[0], key);
	return helper_table_put(L, t);
}

static lua_Integer helper_table_border(lua_State *L, Table *t)
{
	(void)L;
	return (lua_Integer)table_border(t);
}

static Table *helper_table_new(lua_State *L, lua_Integer array, lua_Integer hash)
{
	return table_try_new(L, (uint32_t)array, (uint32_t)hash);
}

struct reserve {
	Table *t;
	unsigned size;
};

static void reserve(lua_State *L, void *data)
{
	struct reserve *r = data;

	table_resize_array(L, r->t, r->size);
}

static lua_Integer helper_table_reserve(lua_State *L, Table *t, lua_Integer size)
{
	struct reserve r = {.t = t, .size = (unsigned)size};

	return size <= t->array_size || attempt(L, reserve, &r);
}

static Table *helper_table_make(lua_State *L, struct model *m, Table *metatable)
{
	return model_make(L, m, L->global->jit->operands, metatable);
}

static lua_Integer helper_table_append(lua_State *L, Table *t)
{
	return helper_table_put_integer(L, t, (lua_Integer)table_border(t) + 1);
}

struct insert {
	Table *t;
	lua_Unsigned position, n;
	Value *v;
};

static void insert(lua_State *L, void *data)
{
	struct insert *i = data;

	table_insert(L, i->t, i->position, i->n, i->v);
}

static lua_Integer helper_table_insert(lua_State *L, Table *t, lua_Integer position)
{
	struct insert i = {.t = t,
			   .position = (lua_Unsigned)position,
			   .n = table_border(t),
			   .v = &L->global->jit->operands[1]};

	if (i.position - 1 > i.n || i.n > t->array_size)
		return 0;
	if (i.position > i.n)
		return helper_table_put_integer(L, t, position);
	return attempt(L, insert, &i);
}

static lua_Integer helper_table_remove(lua_State *L, Table *t, lua_Integer position)
{
	lua_Unsigned n = table_border(t);

	(void)L;
	if ((lua_Unsigned)position - 1 >= n || n > t->array_size)
		return 0;
	table_remove(L, t, (uint32_t)position, (uint32_t)n);
	return 1;
}

/* Position: elements of the array part, then nodes, from 1. */
static lua_Integer helper_table_next(lua_State *L, Table *t, lua_Integer position)
{
	Value *out = L->global->jit->operands;

	for (; (lua_Unsigned)position < t->array_size; position++) {
		if (*array_tag(t, position) == TAG_NIL)
			continue;
		set_integer(&out[0], position + 1);
		out[1] = (Value){.u = *array_payload(t, position), .tag = *array_tag(t, position)};
		return position + 1;
	}
	for (lua_Integer n = position - t->array_size; n <= t->node_mask; n++) {
		const Node *node = &t->nodes[n];

		if (node->value_tag == TAG_NIL)
			continue;
		out[0] = (Value){.u = node->key, .tag = node->key_tag};
		out[1] = (Value){.u = node->value, .tag = node->value_tag};
		return n + t->array_size + 1;
	}
	return 0;
}

static lua_Integer helper_set_metatable(lua_State *L, Table *t, Table *metatable)
{
	Value found;

	if (meta_fast(L, metatable, META_GC, &found) && !is_nil(&found))
		return 0;
	t->metatable = metatable;
	gc_barrier_object(L, t, metatable);
	return 1;
}

/* Position of the key in operands[0], -1: it is not there. */
static lua_Integer position_of(lua_State *L, const Table *t)
{
	const Jit *jit = L->global->jit;
	const Value *key = &jit->operands[0];
	lua_Unsigned hint = (lua_Unsigned)jit->position - 1 - t->array_size;
	Slot s;

	if (is_nil(key))
		return 0;
	if (is_integer(key) && (lua_Unsigned)key->u.i - 1 < t->array_size)
		return key->u.i;
	/* Mostly it is the one that was given last. */
	if (hint <= t->node_mask && t->nodes[hint].key.i == key->u.i &&
	    t->nodes[hint].key_tag == key->tag)
		return jit->position;
	s = is_float(key) ? (Slot){NULL, NULL} : table_find(t, key);
	if (!s.payload)
		return -1;
	return (Node *)((char *)s.payload - offsetof(Node, value)) - t->nodes + 1 + t->array_size;
}

static lua_Integer helper_table_follow(lua_State *L, Table *t)
{
	lua_Integer position = position_of(L, t);

	if (position >= 0)
		L->global->jit->position = position = helper_table_next(L, t, position);
	return position;
}

/* ---- Closures ------------------------------------------------------------------------------- */

static LuaFunction *helper_closure_new(lua_State *L, LuaFunction *enclosing, Proto *p, Value *base)
{
	return lua_function_try_close_over(L, p, enclosing->upvalues, base);
}

static bool has_to_close(const lua_State *L, const Value *level)
{
	return L->tbc_count > 0 && L->stack + L->tbc[L->tbc_count - 1] >= level;
}

static lua_Integer helper_close_upvalues(lua_State *L, Value *level)
{
	if (has_to_close(L, level))
		return 0;
	upvalues_close(L, level);
	return 1;
}

static lua_Integer helper_close_opened(lua_State *L, Value *level)
{
	return helper_close_upvalues(L, level);
}

static lua_Integer helper_nothing_to_close(lua_State *L, Value *level)
{
	return !has_to_close(L, level) && !(L->open_upvalues && L->open_upvalues->v >= level);
}

/* ---- Strings
 * ---------------------------------------------------------------------------------------- */

struct text {
	String *s;
	lua_Integer n;
	const char *text;
	size_t length;
};

/* Operands are strings and numbers. */
static void concat(lua_State *L, void *data)
{
	struct text *t = data;
	Value *operands = L->global->jit->operands;

	vm_concat_plain(L, operands, (int)t->n);
	t->s = as_string(operands);
}

static String *helper_concat(lua_State *L, lua_Integer n)
{
	struct text t = {.n = n};
	String *s = vm_try_concat(L, L->global->jit->operands, (int)n);

	if (likely(s))
		return s;
	return attempt(L, concat, &t) ? t.s : NULL;
}

static void new_string(lua_State *L, void *data)
{
	struct text *t = data;

	t->s = string_new(L, t->text, t->length);
}

static String *make_string(lua_State *L, const char *text, size_t length)
{
	struct text t = {.text = text, .length = length};
	String *s = string_try_new(L, text, length);

	if (likely(s))
		return s;
	return attempt(L, new_string, &t) ? t.s : NULL;
}

/* Bounds as string.sub() has them after it dealt with negative ones. */
static String *helper_string_sub(lua_State *L, String *s, lua_Integer i, lua_Integer j)
{
	lua_Integer length = (lua_Integer)string_length(s);

	if (i < 1)
		i = 1;
	if (j > length)
		j = length;
	return i > j ? make_string(L, "", 0) : make_string(L, s->text + i - 1, (size_t)(j - i + 1));
}

static String *helper_string_char(lua_State *L, lua_Integer c)
{
	char text = (char)c;

	return make_string(L, &text, 1);
}

static lua_Integer helper_string_equal(lua_State *L, String *a, String *b)
{
	(void)L;
	return string_equal(a, b);
}

static lua_Integer helper_string_compare(lua_State *L, String *a, String *b)
{
	(void)L;
	return string_compare(a, b);
}

static String *helper_to_string(lua_State *L)
{
	const Value *v = &L->global->jit->operands[0];
	char text[NUMBER_TEXT_SIZE];

	return is_string(v) ? as_string(v) : make_string(L, text, number_to_text(v, text));
}

static lua_Integer helper_to_number(lua_State *L, String *s)
{
	Value *v = &L->global->jit->result;

	if (number_from_text(s->text, v) != string_length(s) + 1)
		set_nil(v);
	return v->tag;
}

/* ---- Calls
 * -------------------------------------------------------------------------------------------- */

/* As the interpreter calls a C function, the straight way; call_prepare() is for the rest. */
static lua_Integer helper_call_function(lua_State *L, lua_Integer func, lua_Integer nresults)
{
	Value *v = frame_base(L->frame) + func;
	Frame *f = L->frame->next;
	lua_CFunction c = v->tag == TAG_C_FUNCTION  ? v->u.f
			  : v->tag == TAG_C_CLOSURE ? as_c_closure(v)->f
						    : NULL;

	if (likely(c && f && L->stack_last - L->top > LUA_MINSTACK && mode_is_quick(L))) {
		f->func = v;
		f->top = L->top + LUA_MINSTACK;
		f->nresults = (int16_t)nresults;
		f->status = FRAME_C;
		L->frame = f;
		call_finish(L, f, c(L));
	} else {
		call_prepare(L, v, (int)nresults);
	}
	return nresults < 0 ? L->top - (frame_base(L->frame) + func) : 1;
}

const struct helper_info helper_info[HELPER_COUNT] = {
#define X(name, function, type, args, effects) \
	[HELPER_##name] = {#function, (void *)(function), type, args, effects},
	IR_HELPERS(X)
#undef X
};
