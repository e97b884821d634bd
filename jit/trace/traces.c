/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * traces.c - all traces that there are: their numbers, bridges by place, and which of
 * them live on.
 *
 * A trace and its bridges are a family. A family lives as long as the function in which
 * it began: what a program loads, runs and drops takes its traces with it. So traces
 * are no roots of a collection; what one names is marked once the prototype where its
 * family begins was reached, as the values of an ephemeron table are. A family that is
 * on the C stack, in a call that may do anything, or whose bridge is being recorded,
 * was reached. Where a trace goes on in another family, it has marked that one's
 * prototype; so no code that lives leads to code that is freed.
 *
 * A flush forgets all at once, families that run too: they are kept, apart, until no
 * trace is on the C stack.
 */
#include <stdlib.h>
#include <string.h>

#include "../lua/gc.h"
#include "../lua/opcodes.h"
#include "listen.h"
#include "model.h"
#include "trace.h"

/* ---- Numbers ------------------------------------------------------------------------------- */

static bool grow_traces(Jit *jit)
{
	uint32_t size = jit->size_traces ? jit->size_traces * 2 : 64;
	Trace **grown = realloc(jit->traces, size * sizeof(*grown));
	uint32_t *spare;

	if (!grown)
		return false;
	jit->traces = grown;
	spare = realloc(jit->spare, size * sizeof(*spare));
	if (!spare)
		return false;
	jit->spare = spare;
	jit->size_traces = size;
	if (!jit->n_traces)
		jit->traces[jit->n_traces++] = NULL;
	return true;
}

bool traces_have_number(const Jit *jit)
{
	return jit->n_spare || jit->n_traces < MAX_BX;
}

bool traces_give_number(Jit *jit, Trace *t)
{
	if (jit->n_spare) {
		t->number = jit->spare[--jit->n_spare];
		return true;
	}
	if (jit->n_traces == jit->size_traces && !grow_traces(jit))
		return false;
	t->number = jit->n_traces++;
	jit->traces[t->number] = NULL;
	return true;
}

void traces_take_number(Jit *jit, const Trace *t)
{
	jit->traces[t->number] = NULL;
	if (t->number == jit->n_traces - 1)
		jit->n_traces--;
	else
		jit->spare[jit->n_spare++] = t->number;
}

Trace *traces_family(const Jit *jit, const Trace *t)
{
	return t->kind == TRACE_BRIDGE ? jit->traces[t->root] : (Trace *)t;
}

/* ---- Places ---------------------------------------------------------------------------------- */

/* NULL: there are no bridges yet, or no memory for their places. */
static Trace **bucket_of(const Jit *jit, const Instruction *pc)
{
	return jit->bridges ? &jit->bridges[((uintptr_t)pc >> 2) & (BRIDGE_BUCKETS - 1)] : NULL;
}

const Trace *traces_bridge_at(const Jit *jit, const Instruction *pc)
{
	Trace **at = bucket_of(jit, pc);
	const Trace *t = at ? *at : NULL;

	while (t && t->pc != pc)
		t = t->next_at;
	return t;
}

const Trace *traces_next_at(const Trace *t)
{
	const Instruction *pc = t->pc;

	do
		t = t->next_at;
	while (t && t->pc != pc);
	return t;
}

static void remove_place(Jit *jit, const Trace *t)
{
	Trace **at = bucket_of(jit, t->pc);

	while (at && *at && *at != t)
		at = &(*at)->next_at;
	if (at && *at)
		*at = t->next_at;
}

/* One that has no place is not found by those that could go on in it. */
static void add_place(Jit *jit, Trace *t)
{
	Trace **at;

	if (!jit->bridges)
		jit->bridges = calloc(BRIDGE_BUCKETS, sizeof(*jit->bridges));
	at = bucket_of(jit, t->pc);
	/* The oldest first. */
	while (at && *at)
		at = &(*at)->next_at;
	if (at)
		*at = t;
}

/* ---- Forgetting ------------------------------------------------------------------------------ */

void traces_bury(lua_State *L)
{
	Jit *jit = L->global->jit;

	while (jit->dead && !L->global->running) {
		Trace *t = jit->dead;

		jit->dead = t->next_dead;
		jit_free_trace(L, t);
	}
}

void traces_forget_all(lua_State *L)
{
	Jit *jit = L->global->jit;

	jit_count_no_more(L); /* where they counted will be others' */
	for (uint32_t i = 1; i < jit->n_traces; i++) {
		Trace *t = jit->traces[i];

		if (!t)
			continue;
		t->dead = true;
		t->next_dead = jit->dead;
		jit->dead = t;
	}
	free(jit->bridges);
	jit->bridges = NULL;
	jit->n_traces = jit->n_traces ? 1 : 0;
	jit->n_spare = 0;
	traces_bury(L);
}

/* ---- Living on ---------------------------------------------------------------------------------
 */

static void mark_object(Global *g, const void *object, MarkWhite mark_white)
{
	Object *o = (Object *)object;

	if (is_white(o))
		mark_white(g, o);
}

Trace *traces_goes_on_in(const Jit *jit, const Trace *t)
{
	uint32_t number = ir_next_trace(&t->ir);

	return number < jit->n_traces ? jit->traces[number] : NULL;
}

static void mark_family(Global *g, uint32_t number, MarkWhite mark_white)
{
	const Jit *jit = g->jit;

	if (number && number < jit->n_traces && jit->traces[number])
		mark_object(g, traces_family(jit, jit->traces[number])->proto, mark_white);
}

/* Calls f for all that t's list names; many are the same in a row and come once. */
static void each_object(const Trace *t, void (*f)(void *ctx, const void *object), void *ctx)
{
	const Ir *ir = &t->ir;
	const void *last = t->proto;

	f(ctx, t->proto);
	for (uint32_t i = 0; i < ir->n_constants; i++)
		if (ir->constants[i].tag & TAG_COLLECTABLE)
			f(ctx, ir->constants[i].u.object);
	for (uint32_t i = 0; i < ir->n_snapshot_frames; i++) {
		if (ir->snapshot_frames[i].proto && ir->snapshot_frames[i].proto != last)
			f(ctx, ir->snapshot_frames[i].proto);
		last = ir->snapshot_frames[i].proto;
	}
	for (uint32_t i = 0; i < ir->n_snapshots; i++) {
		if (ir->snapshots[i].proto && ir->snapshots[i].proto != last)
			f(ctx, ir->snapshots[i].proto);
		last = ir->snapshots[i].proto;
	}
}

static void count_object(void *ctx, const void *object)
{
	(void)object;
	++*(uint32_t *)ctx;
}

static void list_object(void *ctx, const void *object)
{
	Trace *t = ctx;

	t->objects[t->n_objects++] = (Object *)object;
}

/* A trace is marked in each collection, and its list is long. */
static void list_objects(Trace *t)
{
	uint32_t n = 0;

	each_object(t, count_object, &n);
	t->objects = malloc(n * sizeof(Object *));
	t->listed = t->objects;
	if (t->listed)
		each_object(t, list_object, t);
}

/* Without memory the list of t's exits has to do. */
static void list_link(Trace *t, uint32_t number)
{
	uint32_t *grown;

	if (!t->listed)
		return;
	grown = realloc(t->links, (t->n_links + 1) * sizeof(*grown));
	t->listed = grown;
	if (!grown)
		return;
	t->links = grown;
	t->links[t->n_links++] = number;
}

void traces_link(lua_State *L, Trace *t, int32_t exit, Trace *to)
{
	t->exits[exit].bridge = to->number;
	list_link(t, to->number);
	L->global->jit->backend->link(L, t, exit, to);
}

void traces_add(Jit *jit, Trace *t)
{
	jit->traces[t->number] = t;
	t->born = ++jit->generation;
	traces_family(jit, t)->last_used = jit->generation;
	list_objects(t);
	if (traces_goes_on_in(jit, t))
		list_link(t, traces_goes_on_in(jit, t)->number);
	if (t->kind == TRACE_BRIDGE)
		add_place(jit, t);
}

struct marking {
	Global *g;
	MarkWhite mark_white;
};

static void mark_named(void *ctx, const void *object)
{
	const struct marking *m = ctx;

	mark_object(m->g, object, m->mark_white);
}

static void mark_unlisted(Global *g, const Trace *t, MarkWhite mark_white)
{
	const Trace *to;

	each_object(t, mark_named, &(struct marking){g, mark_white});
	if (t->dead)
		return; /* numbers mean others by now */
	for (uint32_t i = 0; t->exits && i < t->ir.n_snapshots; i++)
		mark_family(g, t->exits[i].bridge, mark_white);
	to = traces_goes_on_in(g->jit, t);
	if (to)
		mark_family(g, to->number, mark_white);
}

static void mark_trace(Global *g, const Trace *t, MarkWhite mark_white)
{
	if (!t->listed) {
		mark_unlisted(g, t, mark_white);
		return;
	}
	for (uint32_t i = 0; i < t->n_objects; i++)
		mark_object(g, t->objects[i], mark_white);
	for (uint32_t i = 0; !t->dead && i < t->n_links; i++)
		mark_family(g, t->links[i], mark_white);
}

void jit_mark(Global *g, MarkWhite mark_white)
{
	Jit *jit = g->jit;

	models_mark(g, mark_white);
	for (unsigned i = 0; i < jit->n_kept; i++)
		if (jit->kept[i].tag & TAG_COLLECTABLE)
			mark_object(g, jit->kept[i].u.object, mark_white);
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i])
			jit->traces[i]->reached = false;
	for (const Trace *t = jit->dead; t; t = t->next_dead)
		mark_trace(g, t, mark_white);
	for (const RunningTrace *r = g->running; r; r = r->previous)
		if (!r->t->dead)
			mark_object(g, traces_family(jit, r->t)->proto, mark_white);
	for (const Trace *t = jit->finishing; t; t = t->next) {
		mark_trace(g, t, mark_white);
		if (t->flushes == jit->flushes)
			mark_family(g, t->parent, mark_white);
	}
	if (jit->current) {
		mark_trace(g, jit->current, mark_white);
		mark_family(g, jit->current->parent, mark_white);
	}
}

bool jit_mark_reached(Global *g, MarkWhite mark_white)
{
	const Jit *jit = g->jit;
	bool found = false;

	for (uint32_t i = 1; i < jit->n_traces; i++) {
		Trace *t = jit->traces[i];

		if (!t || t->reached || is_white(traces_family(jit, t)->proto))
			continue;
		t->reached = true;
		found = true;
		mark_trace(g, t, mark_white);
	}
	return found;
}

unsigned traces_drop_unreached(lua_State *L)
{
	Jit *jit = L->global->jit;
	unsigned n = 0;

	for (uint32_t i = jit->n_traces; i-- > 1;) {
		Trace *t = jit->traces[i];

		if (!t || t->reached)
			continue;
		listen_freed(jit, t);
		jit_trace_freed(jit->vm, t->hooks.no);
		if (t->kind == TRACE_BRIDGE)
			remove_place(jit, t);
		else
			jit_unpatch(t);
		traces_take_number(jit, t);
		jit_free_trace(L, t);
		n++;
	}
	return n;
}
