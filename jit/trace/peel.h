/* SPDX-License-Identifier: BSD-2-Clause */
/* peel.h - private to peel.c, which says what it is about, and peel_turns.c. */
#ifndef JITLUA_PEEL_H
#define JITLUA_PEEL_H

#include "opt.h"

#define MAX_TURNS 200
#define NO_SLOT INT16_MIN

/* What is not a table's field. */
#define NO_PARENT (-1)
/* How tables may be virtual: not at all; but made before the next turn; over turns too. */
enum { ALL_REAL, WITHIN_TURNS, ACROSS_TURNS };

struct turn {
	int16_t slot; /* NO_SLOT: the value of operation `old`, or a field */
	uint8_t tag;
	bool varies;
	bool stands_in;		  /* wherever the body uses `first`, it means `value` */
	bool apart;		  /* once was taken for the twin of another, and is not */
	int16_t twin;		  /* an earlier turn with the same value in every turn, -1: none */
	IrRef old;		  /* reference in the old list of what crosses */
	IrRef first;		  /* at the end of the preamble */
	IrRef value;		  /* in the body: an argument, or `first` if it does not change */
	Bounds bounds;		  /* that the argument is taken to have: those of `first`, or ... */
	bool open_low, open_high; /* ... not on this side, because a turn does not keep them */
	/* A table that is virtual at the label: its fields have turns of their own. */
	bool is_virtual;
	int32_t shape;
	bool is_made; /* tried: it cannot be virtual there */
	int same_as;  /* the turn that is the same table, -1 */
	int parent;   /* this is a field of that turn's table, number `field` */
	unsigned field;
};

struct peel {
	const Ir *from;
	Ir *to;
	Opt o;
	struct turn *turns; /* MAX_TURNS: slots in the last snapshot's order, then values */
	unsigned n_turns;
	bool cautious;	 /* integers are taken to be anything in the next turn */
	IrRef *preamble; /* old place -> reference at the end of the preamble */
	uint8_t *used;	 /* by place in the preamble: the body uses it */
	int32_t *copied; /* old snapshot -> new, -1: not yet */
	const Ir *loop;	 /* that the list goes on in at its label, NULL: none */
	bool carry;	 /* with tables that are virtual */
	/* Slots that this turn has written to the stack, for closures share them. */
	SlotSet written;
	/* Virtual tables: */
	Jit *jit;
	int level;
	uint8_t *real;	 /* old places whose tables are made */
	uint8_t *guards; /* old snapshots that guards have */
	uint32_t next;	 /* old snapshot that comes next */
};

/* ---- peel.c ------------------------------------------------------------------------------- */

/* In the body a slot that this turn did not write yet holds what the last one left. */
void peel_copy_snapshot(struct peel *p, int32_t n, bool body);

/* ---- peel_turns.c ------------------------------------------------------------------------- */

/* What the slots hold when the preamble is over. */
bool peel_find_slots(struct peel *p);
/* The label, with what crosses as its arguments. */
void peel_emit_label(struct peel *p);
/*
 * Behind the body: what was taken to be otherwise than it is? true: something was, it
 * is noted, the body is to be copied again.
 *
 * A table that was virtual at the label is one of the same shape again, or made there.
 */
bool peel_correct_virtuals(struct peel *p);
/* A turn that hands on what it got does not vary; one that was taken not to, does. */
bool peel_correct_turns(struct peel *p);
/* Values that cross by way of memory; *found as above. false: this cannot be expressed. */
bool peel_find_values(struct peel *p, bool *found);
/* The jump, which hands on what the label takes. */
void peel_emit_jump(struct peel *p);

#endif
