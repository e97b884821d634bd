/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_sweep.c - frees what is dead.
 *
 * The lists are swept in place, a piece at a time; Global.sweep is the link that
 * points to the next object to look at. New objects are put at the head of the
 * list, behind the sweep, with the new white. Sweeping is most of what
 * collecting costs in programs that allocate much and keep little, so the loop
 * writes a link only at the end of a run of dead objects.
 */
#include "call.h"
#include "function.h"
#include "gc_internal.h"
#include "table.h"

static void free_string(lua_State *L, String *s)
{
	if (s->tag == TAG_SHORT_STRING) {
		string_table_remove(L, s);
		mem_free(L, s, string_size(s->short_length));
	} else {
		mem_free(L, s, string_size(s->u.length));
	}
}

static void free_object(lua_State *L, Object *o)
{
	switch (o->tag) {
	case TAG_SHORT_STRING:
	case TAG_LONG_STRING:
		free_string(L, (String *)o);
		break;
	case TAG_TABLE:
		table_free(L, (Table *)o);
		break;
	case TAG_LUA_FUNCTION:
		mem_free(L, o, lua_function_size(((LuaFunction *)o)->upvalue_count));
		break;
	case TAG_C_CLOSURE:
		mem_free(L, o, c_closure_size(((CClosure *)o)->upvalue_count));
		break;
	case TAG_UPVALUE:
		if (upvalue_is_open((Upvalue *)o))
			upvalue_unlink((Upvalue *)o);
		mem_free(L, o, sizeof(Upvalue));
		break;
	case TAG_USERDATA: {
		Userdata *ud = (Userdata *)o;

		mem_free(L, ud, userdata_size(ud->user_values, ud->length));
		break;
	}
	case TAG_PROTO:
		proto_free(L, (Proto *)o);
		break;
	default:
		lua_assert(o->tag == TAG_THREAD);
		state_free_thread(L, (lua_State *)o);
		break;
	}
}

/* Sweeps *n objects from link p on, takes them off *n; returns the link to go on from. */
static Object **sweep_list(lua_State *L, Object **p, size_t *n)
{
	Global *g = L->global;
	const uint8_t dead = (uint8_t)other_white(g), white = g->white;
	Object *o = *p;
	size_t left = *n;

	while (o && left > 0) {
		if (o->marked & dead) {
			do {
				Object *next = o->next;

				free_object(L, o);
				o = next;
				left--;
			} while (o && left > 0 && (o->marked & dead));
			*p = o;
		} else {
			o->marked = (uint8_t)((o->marked & ~MARK_COLOURS) | white);
			p = &o->next;
			o = *p;
			left--;
		}
	}
	*n = left;
	return p;
}

void gc_sweep_begin(Global *g)
{
	g->gc_phase = PHASE_SWEEP_OBJECTS;
	g->sweep = &g->objects;
}

/* The list of this phase is done. */
static void next_phase(lua_State *L)
{
	Global *g = L->global;

	g->gc_phase++;
	switch (g->gc_phase) {
	case PHASE_SWEEP_FINALIZABLE:
		g->sweep = &g->finalizable;
		break;
	case PHASE_SWEEP_TO_FINALIZE:
		g->sweep = &g->to_finalize;
		break;
	default:
		g->sweep = NULL;
		break;
	}
}

size_t gc_sweep_some(lua_State *L, size_t budget)
{
	Global *g = L->global;
	size_t before = g->total_bytes, left = budget;

	g->sweep = sweep_list(L, g->sweep, &left);
	g->estimate -= before - g->total_bytes;
	if (!*g->sweep)
		next_phase(L);
	return 1 + budget - left;
}

void gc_free_list(lua_State *L, Object *list, const Object *keep)
{
	while (list && list != keep) {
		Object *next = list->next;

		/* Nobody asks the table of strings any more. */
		if (list->tag == TAG_SHORT_STRING)
			mem_free(L, list, string_size(((String *)list)->short_length));
		else
			free_object(L, list);
		list = next;
	}
}
