/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timers.c - exclusive times, as PyPy's jitprof.py keeps them.
 *
 * Each thread has a stack of what it is doing. Starting something bills the
 * time since the last change to what was on top; ending it bills to itself.
 * So the times never overlap and their sum is the time spent in the JIT.
 */
#include "internal.h"

static __thread struct jit_timer this_thread;

/* In a library that takes a call each time, which the compiler would repeat. */
static inline struct jit_timer *self(void)
{
	struct jit_timer *timer = &this_thread;

	__asm__("" : "+r"(timer));
	return timer;
}

static void bill(struct jit_timer *timer, uint64_t now)
{
	unsigned top = timer->depth > JIT_TIMER_DEPTH ? JIT_TIMER_DEPTH : timer->depth;

	if (top) {
		uint64_t ns = now - timer->since;
		enum jit_time what = timer->what[top - 1];

		jit_add((__u64 *)&jit_totals()->times + what, ns);
		if (what != JIT_TIME_HOOKS)
			timer->spent += ns;
	}
	timer->since = now;
}

const struct jit_timer *jit_timer_start(enum jit_time what)
{
	struct jit_timer *timer = self();

	bill(timer, jit_now());
	if (timer->depth < JIT_TIMER_DEPTH)
		timer->what[timer->depth] = what;
	timer->depth++;
	return timer;
}

const struct jit_timer *jit_timer_end(enum jit_time what)
{
	struct jit_timer *timer = self();
	unsigned i = timer->depth;

	if (i > JIT_TIMER_DEPTH) {
		timer->depth--; /* what it was is not known: taken to match */
		return timer;
	}
	while (i > 0 && timer->what[i - 1] != what)
		i--;
	if (i) { /* else ended without a start: nothing to bill */
		bill(timer, jit_now());
		timer->depth = i - 1;
	}
	return timer;
}

const struct jit_timer *jit_timer(void)
{
	return self();
}

void jit_time_start(enum jit_time what)
{
	if (jit_region && (unsigned)what < JIT_NTIMES)
		jit_timer_start(what);
}

void jit_time_end(enum jit_time what)
{
	if (jit_region)
		jit_timer_end(what);
}
