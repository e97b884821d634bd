/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * label.h - what a loop has at its label, for who enters it there from another trace
 * (join.c, and the backends).
 */
#ifndef JITLUA_LABEL_H
#define JITLUA_LABEL_H

#include "helpers.h"
#include "shared.h"

/* A loop whose preamble is longer is begun anew: bridges would get too long. */
#define MAX_PREAMBLE 80
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
 * The first guard of the body, which every turn begins with: its snapshot is the state
 * at the label. NULL: it is not where it is expected.
 */
const IrOp *label_guard(const Ir *ir);

/*
 * Slots that nobody reads from memory once ir's label is passed, for the body knows what
 * is in them.
 */
void label_dead_slots(const Ir *ir, RegisterSet *slots);
/* slots: NULL for none. */
static inline bool label_slot_is_dead(const RegisterSet *slots, int slot)
{
	return slots && slot >= 0 && slot < MAX_SLOTS && set_has(slots, slot);
}

#endif
