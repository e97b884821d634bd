/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hot.c - places where traces begin: how often they are come to, what they pay for
 * traces that are given up, and the instructions there.
 *
 * A place is counted down by the interpreter in a hashed table of counters; places
 * that share one make each other hot a little early, which does no harm. A place
 * whose traces are given up gets a penalty that doubles, with some randomness so
 * that two loops that give up because of each other do not stay in step. At
 * `max_aborts` the place is made cold: its instruction is replaced by one that does
 * the same and counts nothing. That this end comes is certain: how often a place was
 * given up is kept with its function (HotPlace, Proto.aborts), where flushes do not
 * touch it, or with its exit (TraceExit.aborted), and only grows.
 *
 * Instructions that are patched (opcodes.h: J* and COLD_*) are put back by
 * jit_original() for everyone who reads code; a flush puts them back for good.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lua/call.h"
#include "../lua/debug.h"
#include "../lua/number.h"
#include "../lua/opcodes.h"
#include "trace.h"

/* Calls until another trace of a function is tried whose last ended at a return too soon. */
#define SHORT_RETRY 31
#define MAX_SHORT 64
#define MAX_FOREIGN 8
#define MAX_YIELDS 3
/* Frames between a function and itself. */
#define MAX_RECURSION 8
#define NOT_TRACED UINT8_MAX /* Proto.aborts */
/* Turns until a loop that was given up is tried again. */
#define MIN_PENALTY 64
#define SOON 7
#define MAX_PENALTY 60000

/* ---- Counters ----------------------------------------------------------------------------- */

HotPlace *jit_place_of(const Proto *p, const Instruction *at)
{
	return p->places ? &p->places[at - p->code] : NULL;
}

/* It is made if there is none; NULL without memory. */
static HotPlace *make_place(Proto *p, const Instruction *at)
{
	if (!p->places)
		p->places = calloc((size_t)p->code_count, sizeof(*p->places));
	return jit_place_of(p, at);
}

uint16_t jit_start_count(const Jit *jit, int kind)
{
	int64_t n = jit->parameters[kind == TRACE_FUNCTION ? JIT_PARAMETER_function_threshold
							   : JIT_PARAMETER_threshold];

	return (uint16_t)(n < 1 ? 1 : n > UINT16_MAX ? UINT16_MAX : n);
}

void jit_restart_counters(Jit *jit)
{
	for (int i = 0; i < HOT_COUNTERS; i++)
		jit->hot[i] = jit_start_count(jit, TRACE_LOOP);
}

/* ---- Instructions ------------------------------------------------------------------------- */

static enum opcode cold(enum opcode op)
{
	switch (op) {
	case OP_FORLOOP:
		return OP_COLD_FORLOOP;
	case OP_TFORLOOP:
		return OP_COLD_TFORLOOP;
	case OP_JMP:
		return OP_COLD_JMP;
	default:
		return op;
	}
}

static enum opcode entering(enum opcode op)
{
	switch (op) {
	case OP_FORLOOP:
		return OP_JFORLOOP;
	case OP_TFORLOOP:
		return OP_JTFORLOOP;
	case OP_JMP:
		return OP_JJMP;
	default:
		return OP_JFUNCTION;
	}
}

static void set_op(Instruction *at, enum opcode op)
{
	*at = (*at & ~(Instruction)0x7f) | (Instruction)op;
}

void jit_patch(Trace *t)
{
	enum opcode op = entering(get_op(t->original));
	Instruction a = t->original & (0xffu << 7);

	*t->patch = op == OP_JJMP ? (Instruction)op | t->number << 7
				  : (Instruction)op | a | t->number << 15;
}

void jit_unpatch(Trace *t)
{
	if (t->patch && !t->retired)
		*t->patch = t->original;
}

Instruction jit_original_of_patched(const Jit *jit, const Instruction *pc)
{
	Instruction i = *pc;

	switch ((int)get_op(i)) {
	case OP_COLD_FORLOOP:
		return (i & ~(Instruction)0x7f) | OP_FORLOOP;
	case OP_COLD_TFORLOOP:
		return (i & ~(Instruction)0x7f) | OP_TFORLOOP;
	case OP_COLD_JMP:
		return (i & ~(Instruction)0x7f) | OP_JMP;
	case OP_JJMP:
		return jit->traces[get_ax(i)]->original;
	case OP_JFORLOOP:
	case OP_JTFORLOOP:
	case OP_JFUNCTION:
		return jit->traces[get_bx(i)]->original;
	default:
		return i;
	}
}

void jit_place(const Proto *p, const Instruction *pc, char *text, size_t size)
{
	char name[CHUNK_NAME_SIZE] = "?";

	if (p->source)
		chunk_name(name, p->source->text, string_length(p->source));
	snprintf(text, size, "%s:%d", name, proto_line(p, (int)(pc - p->code)));
}

/* A counter of that many, or of the largest there is. */
static uint16_t as_count(unsigned n)
{
	return (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
}

/* ---- A place is hot ----------------------------------------------------------------------- */

/*
 * Another coroutine than the one that is recorded, which has resumed it, comes to a hot
 * place. It has to wait, but not for ever.
 */
static void foreign_is_hot(Jit *jit, const lua_State *L)
{
	if (jit->current && jit->recording != L && ++jit->foreign > MAX_FOREIGN)
		jit_abort(jit->recording, ABORT_COROUTINE, NULL);
}

void jit_hot(lua_State *L, Frame *f, const Instruction *pc, Instruction *patch_at, int kind)
{
	Jit *jit = L->global->jit;
	uint16_t *counter = jit_counter_of(jit->hot, patch_at);
	unsigned wait;
	HotPlace *place;
	Trace *t;

	*counter = jit_start_count(jit, kind);
	if (get_op(*patch_at) != OP_FORLOOP && get_op(*patch_at) != OP_TFORLOOP &&
	    get_op(*patch_at) != OP_JMP)
		return; /* a function that begins with its loop is traced already */
	if (frame_function(f)->proto->jit_off) {
		set_op(patch_at, cold(get_op(*patch_at)));
		return;
	}
	foreign_is_hot(jit, L);
	/* The abort's hook may have run this very loop. */
	if (!jit_may_record(L) || jit_original(jit, patch_at) != *patch_at)
		return;
	if (vain_put_back(jit, f, patch_at) || anew_put_back(jit, f, pc, patch_at))
		return;
	place = make_place(frame_function(f)->proto, patch_at);
	wait = place ? budget_loop(jit, place, f, pc, patch_at, jit_start_count(jit, kind)) : 0;
	if (wait) {
		*counter = as_count(wait);
		return;
	}
	t = jit_new_trace(L, kind, frame_function(f)->proto, pc);
	if (!t)
		return;
	t->patch = patch_at;
	t->original = *patch_at;
	jit_start_recording(L, f, t);
}

/* Has the function that f just began called itself, as far as can be seen? */
static bool calls_itself(const Frame *f)
{
	const Proto *p = frame_function(f)->proto;

	if (f->status & FRAME_TAIL)
		return true;
	for (int i = 0; i < MAX_RECURSION && (f = f->previous); i++)
		if (frame_is_lua(f) && frame_function(f)->proto == p)
			return true;
	return false;
}

/*
 * A function that is called, and not only from loops that are traced: mostly it calls
 * itself.
 */
void jit_hot_function(lua_State *L, Frame *f)
{
	Jit *jit = L->global->jit;
	Proto *p = frame_function(f)->proto;
	unsigned wait;
	Trace *t;

	if (!p->counted) {
		p->counted = 1;
		p->heat = (uint16_t)(jit_start_count(jit, TRACE_FUNCTION) - 1);
		if (p->heat)
			return;
	}
	p->heat = UINT16_MAX;
	if (p->is_vararg || p->jit_off || p->aborts == NOT_TRACED ||
	    get_op(*p->code) >= OPCODE_COUNT)
		return;
	foreign_is_hot(jit, L);
	/* The abort's hook may have run this very function. */
	if (!jit_may_record(L) || get_op(*p->code) >= OPCODE_COUNT) {
		p->heat = (uint16_t)(jit_start_count(jit, TRACE_FUNCTION));
		return;
	}
	wait = budget_function(jit, p, jit_start_count(jit, TRACE_FUNCTION));
	if (wait) {
		p->heat = as_count(wait);
		return;
	}
	p->calls_itself |= calls_itself(f);
	t = jit_new_trace(L, TRACE_FUNCTION, p, p->code);
	if (!t)
		return;
	t->patch = p->code;
	t->original = *p->code;
	jit_start_recording(L, f, t);
}

/* ---- A trace was given up ----------------------------------------------------------------- */

/*
 * Of a function that calls itself every other call returns at once, so there it is
 * tried again soon, many times.
 */
static void punish_function(Jit *jit, const Trace *t, enum jit_abort_reason reason)
{
	Proto *p = t->proto;
	bool is_short = reason == ABORT_RETURNED;
	int limit = !is_short	      ? (int)jit->parameters[JIT_PARAMETER_max_aborts]
		    : p->calls_itself ? MAX_SHORT
				      : 2;

	p->aborts++;
	p->heat = is_short ? (uint16_t)(rand_r(&jit->random) & SHORT_RETRY)
			   : (uint16_t)(jit_start_count(jit, TRACE_FUNCTION)
					<< (p->aborts < 8 ? p->aborts : 8));
	if (p->aborts >= limit) {
		p->aborts = NOT_TRACED;
		jit_count(jit->vm, JIT_BLACKLISTED, 1);
	}
}

/* Nobody enters t from its place any more, and no other trace is tried there. */
static void retire(Jit *jit, Trace *t)
{
	if (!t->patch || t->retired)
		return;
	t->retired = true;
	*t->patch = t->original;
	if (t->kind == TRACE_FUNCTION)
		t->proto->aborts = NOT_TRACED;
	else
		set_op(t->patch, cold(get_op(*t->patch)));
	jit_count(jit->vm, JIT_BLACKLISTED, 1);
}

/*
 * The turn that was recorded was a run's last, by chance: one of the next is no worse to
 * record than the first was. A loop that waits long is unrolled by the traces around it
 * meanwhile, which go on without it once it has a trace.
 */
static bool may_try_soon(const HotPlace *place, enum jit_abort_reason reason)
{
	return place->aborts == 1 && (reason == ABORT_LEFT_LOOP || reason == ABORT_RETURNED);
}

static void punish_loop(Jit *jit, Trace *t, enum jit_abort_reason reason)
{
	HotPlace *place = make_place(t->proto, t->patch);
	int64_t count = jit_start_count(jit, t->kind);

	if (!place || ++place->aborts >= jit->parameters[JIT_PARAMETER_max_aborts] ||
	    place->aborts == UINT8_MAX) {
		set_op(t->patch, cold(get_op(*t->patch)));
		jit_count(jit->vm, JIT_BLACKLISTED, 1);
		return;
	}
	if (may_try_soon(place, reason)) {
		*jit_counter_of(jit->hot, t->patch) = (uint16_t)(1 + (rand_r(&jit->random) & SOON));
		return;
	}
	count <<= place->aborts < 10 ? place->aborts : 10;
	count = count < MIN_PENALTY ? MIN_PENALTY : count > MAX_PENALTY ? MAX_PENALTY : count;
	*jit_counter_of(jit->hot, t->patch) = (uint16_t)(count + (rand_r(&jit->random) & 15));
}

void jit_supersede(Jit *jit, Trace *t)
{
	*t->patch = t->original;
	if (t->kind == TRACE_FUNCTION)
		t->proto->heat = 0;
	else
		*jit_counter_of(jit->hot, t->patch) = 1;
	t->patch = NULL;
}

void jit_punish(Jit *jit, Trace *t, enum jit_abort_reason reason)
{
	if (t->kind == TRACE_FUNCTION) {
		punish_function(jit, t, reason);
		return;
	}
	if (t->kind == TRACE_BRIDGE) {
		TraceExit *e = &jit->traces[t->parent]->exits[t->parent_exit];

		e->aborted++;
		/* It yields in most turns: to enter the trace and leave it costs more than it
		 * gives. */
		if (reason == ABORT_COROUTINE && e->aborted >= MAX_YIELDS)
			retire(jit, jit->traces[t->root]);
		e->failures = (uint32_t)jit->parameters[JIT_PARAMETER_trace_eagerness]
			      << (e->aborted < 16 ? e->aborted : 16);
		return;
	}
	punish_loop(jit, t, reason);
}

/* ---- Functions switched on and off --------------------------------------------------------- */

/* As if nothing had ever been given up in p: its loops and its calls are counted again. */
static void warm(Jit *jit, Proto *p)
{
	for (int i = 0; i < p->code_count; i++)
		if (get_op(p->code[i]) >= OP_COLD_FORLOOP && get_op(p->code[i]) <= OP_COLD_JMP)
			p->code[i] = jit_original(jit, &p->code[i]);
	free(p->places);
	p->places = NULL;
	p->counted = 0;
	p->heat = 0;
	p->aborts = 0;
}

void jit_switch_function(lua_State *L, Proto *p, bool on)
{
	p->jit_off = !on;
	traces_flush(L, (struct traces_chosen){.proto = p, .retired_only = on});
	if (on)
		warm(L->global->jit, p);
}
