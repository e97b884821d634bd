/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * budget.c - what traces may cost. A program that goes from one piece of code to the next,
 * and comes back to none, would pay for traces that nobody runs.
 *
 * It is an account. Traces that are compiled, and those that are given up, are paid from
 * it. It begins with `budget`, and gets a share of the time that loops and functions are
 * interpreted for until they are hot, so that what is paid in vain is never more than
 * both.
 *
 * While more was paid than there was, a place has to be hot for longer, and the longer
 * the more it is: up to where it has been interpreted for twenty times as long as a trace
 * takes to be made. So does an exit, though not for so long: a trace that is left is run.
 * A numeric loop says how many turns it has ahead: if they save what a trace costs, it
 * is compiled whatever is in the account; if they are less than it had until it was hot,
 * it has to become hot once more.
 *
 * What the program flushes has not been run for long, if it does so all the time: with
 * each flush a place has to be come to four times as often until its next trace, up to a
 * limit.
 *
 * Costs and times are taken to be what they are on average, not what the clock says, so
 * that a program is compiled in the same way each time.
 */
#include "parameters.h"

#include "../lua/call.h"
#include "../lua/opcodes.h"

/* Nanoseconds: a trace, and each of its operations, that is compiled or given up. */
#define COMPILED 15000
#define COMPILED_OPERATION 700
#define GIVEN_UP 4000
#define GIVEN_UP_OPERATION 250
/* What becomes of an instruction: to be compiled with its bridges; to be interpreted; what
 * a trace saves of that. */
#define COMPILED_INSTRUCTION 8000
#define INTERPRETED 2
#define SAVED 1
/* One part of so many of the time that is interpreted. */
#define SHARE 64
/* Instructions of a turn: of more that are there many are not come to. */
#define LONGEST_TURN 50
#define MOST_TURNS (1 << 24)
#define MAX_EXIT_WAIT 3
/* That make a place wait longer. */
#define MAX_FLUSHES 7

/* Who asks for lower thresholds than ours wants traces at any price. */
static bool is_unlimited(const Jit *jit)
{
	return jit->parameters[JIT_PARAMETER_budget] <= 0 ||
	       parameter_is_lower(jit, JIT_PARAMETER_threshold) ||
	       parameter_is_lower(jit, JIT_PARAMETER_function_threshold);
}

/* ---- Paying ------------------------------------------------------------------------------- */

void budget_pay(Jit *jit, const Trace *t, bool compiled)
{
	int64_t n = t->ir.n_ops;

	jit->spent +=
		compiled ? COMPILED + COMPILED_OPERATION * n : GIVEN_UP + GIVEN_UP_OPERATION * n;
}

void budget_flushed(const Jit *jit, const Trace *t)
{
	HotWait *wait = &t->proto->wait;

	if (!t->patch || t->retired)
		return;
	if (t->kind == TRACE_LOOP) {
		HotPlace *place = jit_place_of(t->proto, t->patch);

		if (!place)
			return;
		wait = &place->wait;
	}
	if (wait->flushes < MAX_FLUSHES)
		wait->flushes++;
	wait->owed = (uint32_t)jit_start_count(jit, t->kind) << 2 * wait->flushes;
}

/* ---- Turns and time ---------------------------------------------------------------------------
 */

static int64_t turn_length(const Instruction *first, const Instruction *last)
{
	return last - first < LONGEST_TURN ? last - first + 1 : LONGEST_TURN;
}

/* Turns that the loop whose last instruction is i is still to do; 0: it does not say. */
static int64_t turns_ahead(const Frame *f, Instruction i)
{
	const Value *v = frame_base(f) + get_a(i);

	if (get_op(i) != OP_FORLOOP || !is_integer(v + 2))
		return 0;
	return (lua_Unsigned)v[1].u.i < MOST_TURNS ? v[1].u.i + 1 : MOST_TURNS;
}

static void interpreted(Jit *jit, int64_t turns, int64_t length)
{
	jit->spent -= turns * length * INTERPRETED / SHARE;
}

/* ---- Asking ------------------------------------------------------------------------------- */

/* How dear traces are: one more for each budget that is owed. */
static unsigned dearness(const Jit *jit)
{
	int64_t budget = jit->parameters[JIT_PARAMETER_budget] * 1000, n;

	if (jit->spent <= budget)
		return 0;
	n = 1 + (jit->spent - budget) / budget;
	return (unsigned)(n < MAX_WAIT ? n : MAX_WAIT);
}

/* A place has been come to `start` times, or as many as it was put off until. */
static unsigned put_off(Jit *jit, unsigned start, int64_t length, HotWait *wait)
{
	unsigned owed = wait->owed < UINT16_MAX ? wait->owed : UINT16_MAX;

	interpreted(jit, (int64_t)start << (wait->put_off ? wait->put_off - 1 : 0), length);
	if (owed) {
		wait->owed -= owed;
		return owed;
	}
	if (dearness(jit) <= wait->put_off) {
		wait->put_off = 0; /* of the next trace there */
		return 0;
	}
	return start << wait->put_off++;
}

unsigned budget_loop(Jit *jit, HotPlace *place, const Frame *f, const Instruction *first,
		     const Instruction *last, unsigned start)
{
	int64_t length = turn_length(first, last), ahead = turns_ahead(f, *last);
	int64_t cost = COMPILED + length * COMPILED_INSTRUCTION;

	if (is_unlimited(jit))
		return 0;
	if (ahead * length * SAVED > cost) {
		jit->spent -= cost;
		return 0;
	}
	if (ahead && ahead < start && !place->ended) {
		place->ended = 1;
		return start;
	}
	return put_off(jit, start, length, &place->wait);
}

unsigned budget_function(Jit *jit, Proto *p, unsigned start)
{
	if (is_unlimited(jit))
		return 0;
	return put_off(jit, start, turn_length(p->code, p->code + p->code_count - 1), &p->wait);
}

unsigned budget_exit(const Jit *jit, TraceExit *e, unsigned start)
{
	unsigned wait = is_unlimited(jit) ? 0 : dearness(jit);

	if (wait <= e->waited || e->waited == MAX_EXIT_WAIT)
		return 0;
	return start << ++e->waited;
}
