/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_finalize.c - objects with __gc.
 *
 * An object whose metatable had a __gc when it was set moves from `objects` to
 * the head of `finalizable`, so that list is in the reverse order of marking,
 * which is the order to call them in. The atomic phase moves the dead ones to
 * the end of `to_finalize` and resurrects them. When an object's finalizer is
 * called it goes back to `objects`, an object like others: it is freed by the
 * next cycle unless the finalizer saved it, and may be marked for finalization
 * again.
 */
#include "call.h"
#include "gc_internal.h"
#include "table.h"

void gc_check_finalizer(lua_State *L, Object *o, Table *metatable)
{
	Global *g = L->global;
	Object **p = &g->objects;
	Value method;

	if ((o->marked & MARK_FINALIZABLE) || (g->gc_stopped & GC_STOPPED_CLOSING) ||
	    !meta_fast(L, metatable, META_GC, &method))
		return;
	while (*p != o)
		p = &(*p)->next;
	/* The sweep stands behind it: its link goes with it. */
	if (g->sweep == &o->next)
		g->sweep = p;
	*p = o->next;
	o->next = g->finalizable;
	g->finalizable = o;
	o->marked |= MARK_FINALIZABLE;
}

static size_t bytes_of(const Object *o)
{
	const Userdata *ud = (const Userdata *)o;

	if (o->tag == TAG_TABLE)
		return table_bytes((const Table *)o);
	lua_assert(o->tag == TAG_USERDATA);
	return userdata_size(ud->user_values, ud->length);
}

size_t gc_separate_finalizable(Global *g, bool all)
{
	Object **p = &g->finalizable, **last = &g->to_finalize, *o;
	size_t bytes = 0;

	while (*last)
		last = &(*last)->next;
	while ((o = *p) != NULL) {
		if (!all && !is_white(o)) {
			p = &o->next;
			continue;
		}
		bytes += bytes_of(o);
		*p = o->next;
		o->next = NULL;
		*last = o;
		last = &o->next;
	}
	return bytes;
}

/* The next one to be called, an ordinary object again. Nothing is being swept. */
static Object *take_to_finalize(Global *g)
{
	Object *o = g->to_finalize;

	lua_assert(!is_sweeping(g));
	g->to_finalize = o->next;
	o->next = g->objects;
	g->objects = o;
	o->marked &= (uint8_t)~MARK_FINALIZABLE;
	return o;
}

static void call_method(lua_State *L, void *data)
{
	(void)data;
	call_no_yield(L, L->top - 2, 0);
}

/*
 * Calls the finalizer of the next object, protected. The two slots come from
 * STACK_EXTRA: a collection may run anywhere.
 */
static void call_finalizer(lua_State *L)
{
	Global *g = L->global;
	uint8_t allow_hook = L->allow_hook, stopped = g->gc_stopped;
	Value object, method;
	int status;

	set_object(&object, take_to_finalize(g));
	if (!meta_of(L, &object, META_GC, &method))
		return;
	g->gc_stopped |= GC_STOPPED_BY_ITSELF;
	L->allow_hook = false;
	set_value(L->top++, &method);
	set_value(L->top++, &object);
	L->frame->status |= FRAME_FINALIZER;
	status = call_protected(L, call_method, NULL, save_slot(L, L->top - 2), 0);
	L->frame->status &= (uint16_t)~FRAME_FINALIZER;
	L->allow_hook = allow_hook;
	g->gc_stopped = stopped;
	if (unlikely(status != LUA_OK)) {
		state_warn_error(L, "__gc");
		L->top--;
	}
}

unsigned gc_call_finalizers(lua_State *L, unsigned n)
{
	Global *g = L->global;
	unsigned i;

	for (i = 0; i < n && g->to_finalize; i++)
		call_finalizer(L);
	return i;
}
