/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * budget.c - what traces may cost. A program that goes from one piece of code to the next,
 * and comes back to none, would pay for traces that nobody runs.
 *
 * A loop or function that was compiled is proved when it is come back to after other
 * traces were made. What those cost that are not proved yet, and what was given up, must
 * not exceed `budget` and what those cost that are. While it does, a place has to be hot
 * for longer, and the longer the more it exceeds: up to where it has been interpreted for
 * ten times as long as a trace takes to be made. So a program that comes back to nothing
 * pays little more than the budget, and one that comes back may make twice as many traces
 * each time that it does. Bridges are no part of this: they are made where code is run.
 *
 * Costs are taken to be what they are on average, not what the clock says, so that a
 * program is compiled in the same way each time.
 */
#include "parameters.h"

/* Nanoseconds: a trace, and each of its operations, that is compiled or given up. */
#define COMPILED 15000
#define COMPILED_OPERATION 700
#define GIVEN_UP 4000
#define GIVEN_UP_OPERATION 250
/* Traces made until to enter an older one is to come back to it. */
#define COMES_BACK 8

void budget_pay(Jit *jit, Trace *t, bool compiled)
{
	int64_t n = t->ir.n_ops;

	if (t->kind == TRACE_BRIDGE)
		return;
	if (compiled)
		t->cost = COMPILED + COMPILED_OPERATION * n;
	jit->spent += compiled ? t->cost : GIVEN_UP + GIVEN_UP_OPERATION * n;
}

void budget_entered(Jit *jit, Trace *t)
{
	if (jit->generation - t->last_used < COMES_BACK)
		return;
	jit->spent -= 2 * t->cost;
	t->cost = 0;
}

/* Who asks for lower thresholds than ours wants traces at any price. */
static int64_t budget_of(const Jit *jit)
{
	if (parameter_is_lower(jit, JIT_PARAMETER_threshold) ||
	    parameter_is_lower(jit, JIT_PARAMETER_function_threshold))
		return 0;
	return jit->parameters[JIT_PARAMETER_budget] * 1000;
}

/* One more for each half of a budget that is owed. */
unsigned budget_wait(const Jit *jit)
{
	int64_t budget = budget_of(jit), debt = jit->spent - budget, n;

	if (budget <= 0 || debt <= 0)
		return 0;
	n = 1 + debt / ((budget + 1) / 2);
	return (unsigned)(n < MAX_WAIT ? n : MAX_WAIT);
}
