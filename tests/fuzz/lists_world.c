/* SPDX-License-Identifier: BSD-2-Clause */
/* lists_world.c - the stack and heap that lists of operations are run on. */
#include <lauxlib.h>
#undef lua_assert
#include "lists.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TABLES 3

String *world_keys[KEYS];
String *world_text;
LuaFunction *world_functions[2];

uint32_t world_random(uint64_t *state, uint32_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)((*state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % below;
}

lua_Integer world_integer(uint64_t *state)
{
	static const lua_Integer edges[] = {INT64_MAX, INT64_MIN,  INT64_MAX - 1, INT32_MAX,
					    INT32_MIN, UINT32_MAX, 1LL << 53,	  -1};

	switch (world_random(state, 8)) {
	case 0:
		return edges[world_random(state, sizeof(edges) / sizeof(*edges))];
	case 1:
		return (lua_Integer)world_random(state, 200) - 100;
	case 2:
		return (lua_Integer)((uint64_t)world_random(state, UINT32_MAX) << 32 |
				     world_random(state, UINT32_MAX));
	default:
		return world_random(state, 12);
	}
}

lua_Number world_float(uint64_t *state)
{
	static const lua_Number edges[] = {0.0,	  -0.0,	     1.0,	 -1.5,	 NAN,	  INFINITY,
					   1e300, 0x1p-1074, 0x1p53 + 2, 0x1p63, -0x1p63, 3.7};

	return world_random(state, 2) ? edges[world_random(state, sizeof(edges) / sizeof(*edges))]
				      : (lua_Number)world_random(state, 64) / 4 - 4;
}

static void anchor(lua_State *L, const char *name)
{
	lua_setfield(L, LUA_REGISTRYINDEX, name);
}

lua_State *world_open(void)
{
	static const char code[] = "local a, b = 1, 2.5 "
				   "return function() return a, b end, function() return b, a end";

	lua_State *L = luaL_newstate();

	if (!L || (!L->global->jit && !jit_open(L)))
		return NULL;
	L->global->gc_stopped = GC_STOPPED_BY_USER;
	lua_checkstack(L, 400);
	for (int i = 0; i < KEYS; i++) {
		char name[] = {'k', (char)('0' + i), '\0'};

		lua_pushstring(L, name);
		world_keys[i] = as_string(L->top - 1);
		anchor(L, name);
	}
	lua_pushstring(L, "some text");
	world_text = as_string(L->top - 1);
	anchor(L, "text");
	if (luaL_loadstring(L, code) || lua_pcall(L, 0, 2, 0))
		abort();
	world_functions[1] = as_lua_function(L->top - 1);
	anchor(L, "f1");
	world_functions[0] = as_lua_function(L->top - 1);
	anchor(L, "f0");
	return L;
}

/* ---- Making -------------------------------------------------------------------------------- */

static void any_value(uint64_t *state, Value *v)
{
	switch (world_random(state, 10)) {
	case 0:
		set_nil(v);
		break;
	case 1:
		v->tag = world_random(state, 2) ? TAG_TRUE : TAG_FALSE;
		break;
	case 2:
	case 3:
		set_float(v, world_float(state));
		break;
	case 4:
		set_object(v, world_keys[world_random(state, KEYS)]);
		break;
	default:
		set_integer(v, world_integer(state));
	}
}

static Table *make_table(lua_State *L, uint64_t *state)
{
	unsigned array = 4 + world_random(state, 8), keys = 1 + world_random(state, KEYS);
	Table *t = table_new(L);
	Value v;

	set_object(L->top, t);
	L->top++;
	table_resize(L, t, array, keys);
	for (unsigned i = 1; i <= array; i++) {
		any_value(state, &v);
		table_put_integer(L, t, i, &v);
	}
	/* Mostly the same keys in the same places. */
	for (unsigned i = 0; i < keys; i++) {
		any_value(state, &v);
		table_put_string(L, t, world_keys[i], &v);
	}
	return t;
}

void world_make(lua_State *L, uint64_t seed)
{
	uint64_t state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	Value *base = frame_base(L->frame);
	Table *tables[TABLES];

	L->top = base + TOP_SLOT;
	for (int i = 0; i < TOP_SLOT; i++)
		set_nil(base + i);
	for (int i = 0; i < TABLES; i++) {
		tables[i] = make_table(L, &state);
		base = frame_base(L->frame);
	}
	for (int i = 0; i < 4; i++)
		set_integer(base + INTEGER_SLOT + i, world_integer(&state));
	for (int i = 0; i < 2; i++)
		set_float(base + FLOAT_SLOT + i, world_float(&state));
	for (int i = 0; i < 3; i++)
		set_object(base + TABLE_SLOT + i, tables[world_random(&state, TABLES)]);
	set_object(base + FUNCTION_SLOT, world_functions[world_random(&state, 2)]);
	set_integer(base + COUNTER_SLOT, 0);
	set_object(base + STRING_SLOT, world_text);
	for (int i = 0; i < 2; i++)
		any_value(&state, world_functions[0]->upvalues[i]->v);
	L->top = base + TOP_SLOT;
	state_set_mode(L, MODE_JIT);
	L->global->debt = -1000000;
}

/* ---- Comparing ------------------------------------------------------------------------------ */

struct walk {
	uint64_t *words;
	unsigned n, n_tables;
	const Table *tables[256];
};

static void word(struct walk *w, uint64_t n)
{
	if (w->n < MAX_WORDS)
		w->words[w->n++] = n;
}

static uint64_t number_of(struct walk *w, const Table *t)
{
	unsigned i = 0;

	while (i < w->n_tables && w->tables[i] != t)
		i++;
	if (i == w->n_tables && i < 256)
		w->tables[w->n_tables++] = t;
	return i;
}

static void value(struct walk *w, Payload u, uint8_t tag)
{
	word(w, tag);
	if (tag == TAG_TABLE)
		word(w, number_of(w, u.p));
	else if (tag == TAG_FLOAT && isnan(u.n))
		word(w, 0);
	else if (tag != TAG_NIL && tag != TAG_FALSE && tag != TAG_TRUE)
		word(w, (uint64_t)u.i);
}

static void table(struct walk *w, const Table *t)
{
	word(w, t->array_size);
	for (unsigned i = 0; i < t->array_size; i++)
		value(w, *array_payload(t, i), *array_tag(t, i));
	word(w, t->node_mask);
	for (unsigned i = 0; i <= t->node_mask; i++) {
		value(w, t->nodes[i].key, t->nodes[i].key_tag);
		value(w, t->nodes[i].value, t->nodes[i].value_tag);
	}
}

unsigned world_words(lua_State *L, uint64_t *words)
{
	const Value *base = frame_base(L->frame);
	struct walk w = {.words = words};

	for (int i = 0; i < USED_SLOTS; i++)
		value(&w, base[i].u, base[i].tag);
	for (int i = 0; i < 2; i++)
		value(&w, world_functions[0]->upvalues[i]->v->u,
		      world_functions[0]->upvalues[i]->v->tag);
	for (unsigned i = 0; i < w.n_tables; i++)
		table(&w, w.tables[i]);
	return w.n;
}

/* ---- A call that may do anything
 * ------------------------------------------------------------------ */

int world_call(lua_State *L)
{
	Value *base = L->frame->func - CALL_SLOT, *v = world_functions[0]->upvalues[0]->v, one;

	set_integer(&one, 1);
	if (is_integer(v))
		v->u.i = int_add(v->u.i, 1);
	if (is_table(base + TABLE_SLOT))
		table_put_integer(L, as_table(base + TABLE_SLOT), 2, &one);
	if (is_integer(base + INTEGER_SLOT))
		base[INTEGER_SLOT].u.i = base[INTEGER_SLOT].u.i / 2;
	lua_checkstack(L, 60);
	lua_pushinteger(L, 7);
	return 1;
}
