/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shared.h - which registers of a function closures may share (open upvalues), by
 * its code alone. What a trace keeps in registers must be none of them.
 *
 * A variable becomes shared where a closure is made that names it, and stops being it
 * where its block is left (CLOSE). Both are instructions of the function whose variable
 * it is, so a frame that stands before an instruction shares no more than some path
 * through its code to there does; callees' frames have closed theirs.
 */
#ifndef JITLUA_SHARED_H
#define JITLUA_SHARED_H

#include "trace.h"

static inline bool set_has(const RegisterSet *set, int reg)
{
	return set->bits[reg / 64] >> (reg % 64) & 1;
}

static inline void set_add(RegisterSet *set, int reg)
{
	set->bits[reg / 64] |= 1ull << (reg % 64);
}

static inline void set_add_all(RegisterSet *set, const RegisterSet *more)
{
	for (int i = 0; i < MAX_SLOTS / 64; i++)
		set->bits[i] |= more->bits[i];
}

/* Adds those that are shared somewhere in p; false: none. */
bool shared_anywhere(const Proto *p, RegisterSet *set);
/* Adds those that may be shared before p's instruction `at` is done. */
void shared_before(const Jit *jit, const Proto *p, const Instruction *at, RegisterSet *set);

#endif
