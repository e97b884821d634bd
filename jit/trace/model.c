/* SPDX-License-Identifier: BSD-2-Clause */
/* model.c - see model.h. */
#include "model.h"

#include <stdlib.h>

#include "../lua/call.h"
#include "../lua/gc.h"
#include "../lua/table.h"

struct model_key {
	Value key;
	uint8_t tag;   /* of the value */
	uint32_t node; /* of a string, in the model's nodes */
};

struct model {
	struct model *next;
	uint32_t array, hash, border, n;
	Table *table; /* NULL: not made yet */
	struct model_key keys[MAX_SHAPE_KEYS];
};

/* ---- Which there are ------------------------------------------------------------------------ */

static void key_value(const Ir *ir, const ShapeKey *k, Value *to)
{
	const IrConstant *c = ir_constant(ir, k->key);

	*to = (Value){.u = c->u, .tag = c->tag};
}

static bool is_model(const struct model *m, const Ir *ir, const IrShape *s)
{
	if (m->array != s->array || m->hash != s->hash || m->border != s->border || m->n != s->keys)
		return false;
	for (uint32_t i = 0; i < m->n; i++) {
		const ShapeKey *k = &ir->shape_keys[s->key + i];
		Value key;

		key_value(ir, k, &key);
		if (m->keys[i].key.u.i != key.u.i || m->keys[i].key.tag != key.tag ||
		    m->keys[i].tag != k->tag)
			return false;
	}
	return true;
}

struct model *model_of(Jit *jit, const Ir *ir, int32_t n)
{
	const IrShape *s = &ir->shapes[n];
	struct model *m;

	for (m = jit->models; m; m = m->next)
		if (is_model(m, ir, s))
			return m;
	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->array = s->array;
	m->hash = s->hash;
	m->border = s->border;
	m->n = s->keys;
	for (uint32_t i = 0; i < m->n; i++) {
		key_value(ir, &ir->shape_keys[s->key + i], &m->keys[i].key);
		m->keys[i].tag = ir->shape_keys[s->key + i].tag;
	}
	m->next = jit->models;
	jit->models = m;
	return m;
}

void models_mark(Global *g, void (*mark_white)(Global *g, Object *o))
{
	for (struct model *m = g->jit->models; m; m = m->next) {
		if (m->table && is_white(m->table))
			mark_white(g, (Object *)m->table);
		for (uint32_t i = 0; i < m->n; i++)
			if (m->keys[i].key.tag & TAG_COLLECTABLE &&
			    is_white(m->keys[i].key.u.object))
				mark_white(g, m->keys[i].key.u.object);
	}
}

void models_free(Jit *jit)
{
	while (jit->models) {
		struct model *m = jit->models;

		jit->models = m->next;
		free(m);
	}
}

/* ---- Making -------------------------------------------------------------------------------- */

/*
 * All values are there, so that no key is lost on the way. The tables that the program
 * makes have them one after the other too.
 */
static void make_model(lua_State *L, void *data)
{
	const Value there = {.tag = TAG_TRUE};
	struct model *m = data;
	Table *t = table_new(L);

	if (m->array | m->hash)
		table_resize(L, t, m->array, m->hash);
	for (uint32_t i = 0; i < m->n; i++)
		table_put(L, t, &m->keys[i].key, &there);
	for (uint32_t i = 0; i < m->n; i++) {
		Slot s = table_find(t, &m->keys[i].key);

		if (m->keys[i].key.tag != TAG_INTEGER)
			m->keys[i].node =
				(uint32_t)((Node *)((char *)s.payload - offsetof(Node, value)) -
					   t->nodes);
	}
	m->table = t;
}

static void fill(const struct model *m, Table *t, const Value *values)
{
	for (uint32_t i = 0; i < m->n; i++) {
		const struct model_key *k = &m->keys[i];

		if (k->key.tag == TAG_INTEGER) {
			*array_payload(t, k->key.u.i - 1) = values[i].u;
			*array_tag(t, k->key.u.i - 1) = k->tag;
		} else {
			t->nodes[k->node].value = values[i].u;
			t->nodes[k->node].value_tag = k->tag;
		}
	}
}

/* false without memory. */
static __attribute__((cold, noinline)) bool model_is_made(lua_State *L, struct model *m)
{
	Global *g = L->global;
	uint8_t before = g->stop_emergency;
	int status;

	g->stop_emergency = 1;
	status = call_raw_protected(L, make_model, m);
	g->stop_emergency = before;
	return status == LUA_OK;
}

Table *model_make(lua_State *L, struct model *m, const Value *values, Table *metatable)
{
	Table *t = NULL;

	if (likely(m->table) || model_is_made(L, m))
		t = table_copy(L, m->table);
	if (unlikely(!t))
		return NULL;
	fill(m, t, values);
	t->metatable = metatable;
	t->border_hint = m->border;
	return t;
}
