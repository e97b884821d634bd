/* SPDX-License-Identifier: BSD-2-Clause */
/* join.h - a trace goes on in a loop at its label: see join.c. */
#ifndef JITLUA_JOIN_H
#define JITLUA_JOIN_H

#include "opt.h"

/* Values that a jump to another trace's label hands on at the most. */
#define MAX_LABEL_VALUES 200

/*
 * What a jump from another trace to ir's label hands on, one for each of its arguments:
 * first the label's own arguments (out has what the preamble gives for them), then the
 * values of the preamble that the body uses, in the order of the list.
 * MAX_LABEL_VALUES + 1: they are more.
 */
unsigned label_values(const Ir *ir, IrRef out[MAX_LABEL_VALUES]);

/*
 * Slots that nobody reads from memory once ir's label is passed, for the body knows what
 * is in them: a bit each.
 */
void label_dead_slots(const Ir *ir, uint64_t slots[MAX_SLOTS / 64]);
static inline bool label_slot_is_dead(const uint64_t *slots, int slot)
{
	return slots && slot >= 0 && slot < MAX_SLOTS && slots[slot / 64] >> (slot % 64) & 1;
}

/*
 * The list from was copied to o->to up to its end, a `finish` into trace `number`, whose
 * list is loop: puts loop's preamble and the jump behind it. false: that cannot be done,
 * and o is to be thrown away.
 */
bool join(Opt *o, const Ir *from, const Ir *loop, int32_t number);

#endif
