/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc.c - drives the collector: phases, steps, parameters, barriers.
 *
 * A cycle: mark while the program runs (PROPAGATE), finish that in one go
 * (ATOMIC), free what is white (SWEEP_*), call finalizers, PAUSE. gc_step() does
 * some of it whenever the debt is positive.
 *
 * Pace. Work is counted in units, about one slot traversed or one object swept.
 * A byte that was allocated owes step_multiplier / WORK_BYTES units, and a step
 * works until it has paid for 2^step_size bytes in advance. After a cycle the
 * debt is set so that the next one begins when memory in use is gc_pause percent
 * of what was left: the estimate, which is the memory in use at the end of
 * marking, without objects that await their finalizers, less what the sweep has
 * freed since.
 *
 * Generational mode is accepted and means an incremental collector with the same
 * parameters: what it promises a program, that garbage goes and that live objects
 * stay, holds. A step that is asked for by lua_gc() is a full collection then.
 *
 * JITLUA_GC_STRESS in the environment of any build (read when a state is made):
 *   1  a full collection at each gc_check() and, without finalizers, at each
 *      allocation: finds objects that are not anchored and pointers into the
 *      stack that are held for too long.
 *   2  the smallest step at each gc_check(): finds missing barriers.
 *   N  from 3 on: as 1, at each Nth of these places, for programs that 1 makes too slow;
 *      a prime number comes by all kinds of them.
 */
#include "call.h"
#include "gc_internal.h"
#include "table.h"

#define WORK_BYTES ((ptrdiff_t)sizeof(Value))

/* Units of one step through a phase, if there is that much to do. */
#define SLICE 1000
#define FINALIZERS_AT_ONCE 10
#define FINALIZER_WORK 50

/* What remains due forever, so to say: no program frees as much. */
#define STRESS_DEBT (PTRDIFF_MAX / 4)
/*
 * A heap with less than this in it is collected as if it had as much: a cycle costs
 * something even if there is nothing, for a program that has little but makes much.
 */
#define SMALL_HEAP ((size_t)64 << 10)
/* How long a stopped collector is not asked again. */
#define STOPPED_BYTES 2000

static void set_debt(Global *g, ptrdiff_t debt)
{
	g->debt = unlikely(g->gc_stress) ? STRESS_DEBT : debt;
}

/* ---- Barriers ----------------------------------------------------------------------- */

void gc_barrier_forward_slow(lua_State *L, Object *parent, Object *child)
{
	Global *g = L->global;

	lua_assert(is_black(parent) && is_white(child));
	lua_assert(!is_dead(g, parent) && !is_dead(g, child));
	if (is_marking(g))
		gc_mark_white(g, child);
	else
		make_white(g, parent); /* swept already, so to say: no more barriers from it */
}

void gc_barrier_back_slow(lua_State *L, Object *parent)
{
	Global *g = L->global;

	lua_assert(is_black(parent) && !is_dead(g, parent));
	if (is_marking(g))
		gc_gray_again(g, parent);
	else
		make_white(g, parent);
}

void gc_fix(lua_State *L, Object *o)
{
	Global *g = L->global;
	Object **p = &g->objects;

	while (*p != o)
		p = &(*p)->next;
	if (g->sweep == &o->next)
		g->sweep = p;
	*p = o->next;
	o->next = g->fixed;
	g->fixed = o;
	make_gray(o); /* for good: not white, so it is never marked nor freed */
}

/* ---- Phases ------------------------------------------------------------------------- */

/* The next cycle begins when memory in use is gc_pause percent of the estimate. */
static void set_pause(Global *g)
{
	size_t left = g->estimate < SMALL_HEAP ? SMALL_HEAP : g->estimate;
	size_t hundredth = left / 100, pause = (size_t)g->gc_pause;
	size_t threshold = PTRDIFF_MAX;
	ptrdiff_t debt;

	if (pause < (size_t)PTRDIFF_MAX / hundredth)
		threshold = hundredth * pause;
	debt = (ptrdiff_t)g->total_bytes - (ptrdiff_t)threshold;
	set_debt(g, debt < 0 ? debt : 0);
}

/* The sweep is over. */
static void finish_sweep(lua_State *L)
{
	Global *g = L->global;

	if (!g->gc_emergency)
		string_table_check(L);
	g->gc_phase = PHASE_FINALIZERS;
}

static size_t step_finalizers(lua_State *L)
{
	Global *g = L->global;

	if (g->to_finalize && !g->gc_emergency) {
		g->stop_emergency = false; /* they are ordinary code */
		return (size_t)gc_call_finalizers(L, FINALIZERS_AT_ONCE) * FINALIZER_WORK;
	}
	g->gc_phase = PHASE_PAUSE;
	return 0;
}

/* Some work, at most about `budget` units where it can be divided; returns the units. */
static size_t do_some(lua_State *L, size_t budget)
{
	Global *g = L->global;
	size_t work;

	g->stop_emergency = true; /* not within a collection */
	switch (g->gc_phase) {
	case PHASE_PAUSE:
		gc_mark_roots(g);
		g->gc_phase = PHASE_PROPAGATE;
		work = 1;
		break;
	case PHASE_PROPAGATE:
		if (g->gray || g->long_table_count > 0) {
			work = gc_propagate(g, budget);
			break;
		}
		work = gc_atomic(L);
		gc_sweep_begin(g);
		break;
	case PHASE_SWEEP_END:
		finish_sweep(L);
		work = 0;
		break;
	case PHASE_FINALIZERS:
		work = step_finalizers(L);
		break;
	default:
		work = gc_sweep_some(L, budget);
		break;
	}
	g->stop_emergency = false;
	return work;
}

static void run_until(lua_State *L, enum gc_phase phase)
{
	while (L->global->gc_phase != phase)
		do_some(L, SIZE_MAX);
}

static void incremental_step(lua_State *L)
{
	Global *g = L->global;
	ptrdiff_t multiplier = g->gc_step_multiplier | 1; /* never 0 */
	ptrdiff_t ahead = PTRDIFF_MAX, debt = g->debt / WORK_BYTES;

	if (__builtin_mul_overflow(debt, multiplier, &debt))
		debt = PTRDIFF_MAX;
	if (g->gc_step_size < 40)
		ahead = ((ptrdiff_t)1 << g->gc_step_size) / WORK_BYTES * multiplier;
	do {
		size_t work = do_some(L, SLICE);

		debt -= (ptrdiff_t)work;
	} while (debt > -ahead && g->gc_phase != PHASE_PAUSE);
	if (g->gc_phase == PHASE_PAUSE)
		set_pause(g);
	else
		set_debt(g, debt / multiplier * WORK_BYTES);
}

static void stress_step(lua_State *L)
{
	Global *g = L->global;

	if (g->gc_stress == GC_STRESS_STEPS)
		do_some(L, 1);
	else if (gc_stress_is_due(g))
		gc_full(L, false);
	set_debt(g, 0);
}

__attribute__((noinline)) void gc_step(lua_State *L)
{
	Global *g = L->global;

	if (g->gc_stopped)
		set_debt(g, -STOPPED_BYTES);
	else if (unlikely(g->gc_stress))
		stress_step(L);
	else
		incremental_step(L);
	state_listen(L);
}

void gc_full(lua_State *L, bool emergency)
{
	Global *g = L->global;
	uint8_t outer = g->gc_emergency;

	g->gc_emergency = emergency;
	/* Nothing is dead yet in a cycle that still marks: that sweep makes all white. */
	if (is_marking(g))
		gc_sweep_begin(g);
	run_until(L, PHASE_PAUSE);
	do_some(L, 1);
	run_until(L, PHASE_FINALIZERS);
	run_until(L, PHASE_PAUSE);
	set_pause(g);
	g->gc_emergency = outer;
}

void gc_free_all(lua_State *L)
{
	Global *g = L->global;

	g->gc_stopped = GC_STOPPED_CLOSING;
	while (is_sweeping(g) && g->gc_phase != PHASE_SWEEP_END)
		gc_sweep_some(L, SIZE_MAX);
	g->gc_phase = PHASE_FINALIZERS;
	gc_separate_finalizable(g, true);
	gc_call_finalizers(L, UINT_MAX);
	lua_assert(!g->finalizable && !g->to_finalize);
	g->stop_emergency = true;
	gc_free_list(L, g->objects, (Object *)g->main_thread);
	gc_free_list(L, g->fixed, NULL);
	g->objects = g->fixed = NULL;
	g->strings.count = 0;
}

/* ---- lua_gc() ----------------------------------------------------------------------- */

/*
 * Lua keeps the percentages in a byte, in steps of four: programs can see that
 * in what lua_gc() returns.
 */
static int percentage(int n)
{
	return (uint8_t)(n / 4) * 4;
}

static int set_percentage(int *parameter, int n)
{
	int old = *parameter;

	*parameter = percentage(n);
	return old;
}

/* 0: leaves it as it is. */
static void set_percentage_if(int *parameter, int n)
{
	if (n != 0)
		*parameter = percentage(n);
}

static int change_mode(lua_State *L, int mode)
{
	Global *g = L->global;
	int old = g->gc_mode;

	if (mode != old) {
		g->gc_mode = (uint8_t)mode;
		if (mode == LUA_GCGEN)
			gc_full(L, false);
	}
	return old;
}

/*
 * A step of `kilobytes`, 0 a basic one; returns whether a cycle ended. It is a
 * real step under stress, too.
 */
static int step_by_hand(lua_State *L, int kilobytes)
{
	Global *g = L->global;
	uint8_t stopped = g->gc_stopped;
	ptrdiff_t debt = 1;
	int ended;

	g->gc_stopped = 0;
	if (g->gc_mode == LUA_GCGEN) {
		gc_full(L, false);
		debt = 0;
	} else if (kilobytes == 0) {
		g->debt = 0;
		incremental_step(L);
	} else {
		debt = (g->gc_stress ? 0 : g->debt) + (ptrdiff_t)kilobytes * 1024;
		set_debt(g, debt);
		if (debt > 0) {
			g->debt = debt;
			incremental_step(L);
		}
	}
	ended = debt > 0 && g->gc_phase == PHASE_PAUSE;
	g->gc_stopped = stopped;
	return ended;
}

static int control_generational(lua_State *L, int minor, int major)
{
	Global *g = L->global;

	if (minor != 0)
		g->gc_minor_multiplier = (uint8_t)minor;
	set_percentage_if(&g->gc_major_multiplier, major);
	return change_mode(L, LUA_GCGEN);
}

static int control_incremental(lua_State *L, int pause, int step_multiplier, int step_size)
{
	Global *g = L->global;

	set_percentage_if(&g->gc_pause, pause);
	set_percentage_if(&g->gc_step_multiplier, step_multiplier);
	if (step_size != 0)
		g->gc_step_size = (uint8_t)step_size;
	return change_mode(L, LUA_GCINC);
}

int gc_control(lua_State *L, int what, va_list arguments)
{
	Global *g = L->global;
	int a, b, c;

	/* In a finalizer all is refused. */
	if (g->gc_stopped & GC_STOPPED_BY_ITSELF)
		return -1;
	switch (what) {
	case LUA_GCSTOP:
		g->gc_stopped |= GC_STOPPED_BY_USER;
		return 0;
	case LUA_GCRESTART:
		set_debt(g, 0);
		g->gc_stopped &= (uint8_t)~GC_STOPPED_BY_USER;
		return 0;
	case LUA_GCCOLLECT:
		gc_full(L, false);
		return 0;
	case LUA_GCCOUNT:
		return (int)(g->total_bytes >> 10);
	case LUA_GCCOUNTB:
		return (int)(g->total_bytes & 0x3ff);
	case LUA_GCSTEP:
		return step_by_hand(L, va_arg(arguments, int));
	case LUA_GCSETPAUSE:
		return set_percentage(&g->gc_pause, va_arg(arguments, int));
	case LUA_GCSETSTEPMUL:
		return set_percentage(&g->gc_step_multiplier, va_arg(arguments, int));
	case LUA_GCISRUNNING:
		return g->gc_stopped == 0;
	case LUA_GCGEN:
		a = va_arg(arguments, int);
		b = va_arg(arguments, int);
		return control_generational(L, a, b);
	case LUA_GCINC:
		a = va_arg(arguments, int);
		b = va_arg(arguments, int);
		c = va_arg(arguments, int);
		return control_incremental(L, a, b, c);
	default:
		return -1;
	}
}
