/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timers.c - exclusive times, as PyPy's jitprof.py keeps them.
 *
 * Each thread has a stack of what it is doing. Starting something bills the
 * time since the last change to what was on top; ending it bills to itself.
 * So the times never overlap and their sum is the time spent in the JIT.
 */
#include "internal.h"

#define DEPTH 16

static __thread struct {
	unsigned depth; /* may exceed DEPTH: deeper levels are billed to the last */
	uint8_t what[DEPTH];
	uint64_t since;
	uint64_t spent; /* TRACING and BACKEND together */
} self;

static void bill(uint64_t now)
{
	unsigned top = self.depth > DEPTH ? DEPTH : self.depth;

	if (top) {
		uint64_t ns = now - self.since;
		enum jit_time what = self.what[top - 1];

		jit_add((__u64 *)&jit_totals()->times + what, ns);
		if (what != JIT_TIME_HOOKS)
			self.spent += ns;
	}
	self.since = now;
}

void jit_time_start(enum jit_time what)
{
	if (!jit_region || (unsigned)what >= JIT_NTIMES)
		return;
	bill(jit_now());
	if (self.depth < DEPTH)
		self.what[self.depth] = what;
	self.depth++;
}

void jit_time_end(enum jit_time what)
{
	unsigned i = self.depth;

	if (!jit_region)
		return;
	if (i > DEPTH) {
		self.depth--; /* what it was is not known: taken to match */
		return;
	}
	while (i > 0 && self.what[i - 1] != what)
		i--;
	if (!i)
		return; /* ended without a start: nothing to bill */
	bill(jit_now());
	self.depth = i - 1;
}

uint64_t jit_time_spent(void)
{
	return self.spent;
}

uint64_t jit_time_last(void)
{
	return self.since;
}
