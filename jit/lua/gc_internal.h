/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_internal.h - what the collector's files share.
 *
 * gc.c drives: phases, steps, parameters, barriers. gc_mark.c finds what lives,
 * gc_sweep.c frees the rest, gc_finalize.c calls __gc.
 *
 * Colours. A new object is white. Gray: reached, its children not yet; it is in
 * one of the gray lists (gray, gray_again, weak_values, ephemerons, all_weak),
 * or it is a thread or an open upvalue, which stay gray for good: their values
 * lie in a stack that changes without barriers. Black: reached, children too,
 * and in no list. Strings and userdata with nothing to traverse go from white
 * to black at once. The atomic phase ends with a flip: what is still of the old
 * white is dead, and sweeping gives all others the new white.
 */
#ifndef JITLUA_GC_INTERNAL_H
#define JITLUA_GC_INTERNAL_H

#include "gc.h"

/* The order matters: a cycle goes through it. */
enum gc_phase {
	PHASE_PROPAGATE, /* marking, with the program running in between */
	PHASE_ATOMIC,	 /* the rest of marking, in one go */
	PHASE_SWEEP_OBJECTS,
	PHASE_SWEEP_FINALIZABLE,
	PHASE_SWEEP_TO_FINALIZE,
	PHASE_SWEEP_END,
	PHASE_FINALIZERS, /* calling them, a few at a time */
	PHASE_PAUSE,	  /* between cycles */
};

/* The invariant "no black object points to a white one" must hold. */
#define is_marking(g) ((g)->gc_phase <= PHASE_ATOMIC)
#define is_sweeping(g) ((g)->gc_phase >= PHASE_SWEEP_OBJECTS && (g)->gc_phase <= PHASE_SWEEP_END)

/* Global.gc_stress, as JITLUA_GC_STRESS says. */
enum {
	GC_STRESS_OFF,
	GC_STRESS_ALLOCATIONS, /* full collections at allocations and each gc_check() */
	GC_STRESS_STEPS,       /* the smallest possible step at every gc_check() */
};

/* With GC_STRESS_ALLOCATIONS: at this place? */
static inline bool gc_stress_is_due(Global *g)
{
	if (--g->gc_stress_left)
		return false;
	g->gc_stress_left = g->gc_stress_every;
	return true;
}

#define MARK_COLOURS (MARK_WHITES | MARK_BLACK)

#define other_white(g) ((g)->white ^ MARK_WHITES)

/* Current white: a live object of this cycle's sweep. */
static inline void make_white(const Global *g, Object *o)
{
	o->marked = (uint8_t)((o->marked & ~MARK_COLOURS) | g->white);
}

static inline void make_gray(Object *o)
{
	o->marked &= (uint8_t)~MARK_COLOURS;
}

/* From white or gray. */
static inline void make_black(Object *o)
{
	o->marked = (uint8_t)((o->marked & ~MARK_WHITES) | MARK_BLACK);
}

static inline void gc_link_new(Global *g, Object *o, int tag)
{
	o->tag = (uint8_t)tag;
	o->marked = g->white;
	o->next = g->objects;
	g->objects = o;
}

/* ---- gc_mark.c -------------------------------------------------------------------------- */

/* The object is white: reaches it. */
void gc_mark_white(Global *g, Object *o);

static inline void gc_mark(Global *g, Object *o)
{
	if (is_white(o))
		gc_mark_white(g, o);
}

/* Begins a cycle: the roots are gray. */
void gc_mark_roots(Global *g);
/* Traverses gray objects until none is left or `budget` units are done; returns the units. */
size_t gc_propagate(Global *g, size_t budget);
/* Puts an object that was black back among those to be traversed in the atomic phase. */
void gc_gray_again(Global *g, Object *o);
/* All the rest; flips the whites and sets the estimate. Returns the units of work. */
size_t gc_atomic(lua_State *L);

/* ---- gc_sweep.c ------------------------------------------------------------------------- */

void gc_sweep_begin(Global *g);
/*
 * Goes over up to `budget` objects of the list that the phase is about, and to the
 * next phase at its end. Returns the units of work.
 */
size_t gc_sweep_some(lua_State *L, size_t budget);
/* For the end: frees all objects of a list but `keep`, which is its last if it is in it. */
void gc_free_list(lua_State *L, Object *list, const Object *keep);

/* ---- gc_finalize.c ---------------------------------------------------------------------- */

/* Moves what is white (or all) from finalizable to the end of to_finalize; returns its bytes. */
size_t gc_separate_finalizable(Global *g, bool all);
/* Calls up to n finalizers; returns how many. */
unsigned gc_call_finalizers(lua_State *L, unsigned n);

#endif
