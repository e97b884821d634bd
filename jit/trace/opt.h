/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * opt.h - private to the optimizer: a pass that copies a list goes through
 * opt_emit(), which folds, shares and forwards on the way.
 *
 * A pass reads one list and writes another. `map` says what each operation of the
 * old list is in the new one; what is found to be equal to something that is there
 * already, or to a constant, is only mapped and not written.
 */
#ifndef JITLUA_OPT_H
#define JITLUA_OPT_H

#include "helpers.h"
#include "passes.h"

/* What an integer is between, the ends included. */
typedef struct bounds {
	lua_Integer low, high;
} Bounds;

typedef struct opt {
	Ir *to;
	IrRef *map;	/* of the list that is copied: old place -> new reference */
	IrRef *same;	/* new place -> what guards proved it to be, IR_NONE: nothing */
	Bounds *bounds; /* new place -> what its integer is known to be between */
	int32_t *chain; /* new place -> the one before it with the same opcode, -1: none */
	uint32_t size;	/* of same, bounds and chain */
	int32_t last[IR_OPCODE_COUNT]; /* head of each chain */
	int32_t calls;		       /* place of the last call that writes tables, -1 */
	int32_t last_call;	       /* of the last of any helper, -1 */
	int32_t forces;		       /* of the last that may do anything, -1 */
	int32_t seen;		       /* of the last at which others may look at memory, -1 */
	unsigned cached; /* operations of the first turn that the heap cache answered */
	bool failed;
	unsigned off; /* passes that are: PASS_* */
	/* virtual.c; NULL: all tables are made. */
	struct virtuals *virtuals;
	uint32_t at;	  /* place in the old list of the operation that is copied */
	int32_t snapshot; /* one that holds here, -1: there is none */
	uint8_t *used;	  /* by place: used behind the label; NULL: not counted */
	bool restart;	  /* do it again: more tables are real by now */
} Opt;

/* ---- opt.c ------------------------------------------------------------------------------ */

static inline bool opt_does(const Opt *o, unsigned pass)
{
	return !(o->off & pass);
}

bool opt_open(Opt *o, Ir *to, uint32_t old_ops, uint32_t new_ops);
void opt_close(Opt *o);
/* What reference `ref` of the old list is now. */
IrRef opt_map(const Opt *o, IrRef ref);
/*
 * Writes op (arguments are references of the new list, `args` for IR_MANY) unless it
 * is not needed; returns what stands for it.
 */
IrRef opt_emit(Opt *o, const IrOp *op, const IrRef *args);
/* The same as it is, needed or not. */
IrRef opt_append(Opt *o, const IrOp *op, const IrRef *args);
/* What guards proved a reference to be, or what a virtual table has become. */
IrRef opt_known(const Opt *o, IrRef ref);
/* Does guard op (of references of the new list) hold for certain? */
bool opt_holds(const Opt *o, const IrOp *op);

/* ---- fold.c ------------------------------------------------------------------------------ */

/*
 * A reference that op equals without being computed, or IR_NONE. May change op (its
 * opcode, the order of its arguments) to a simpler one that does the same.
 */
IrRef fold(Opt *o, IrOp *op);

/* ---- bounds.c ------------------------------------------------------------------------------ */

Bounds bounds_of(const Opt *o, IrRef ref);
/* Of what op, whose arguments are of the new list, computes. */
Bounds bounds_of_result(const Opt *o, const IrOp *op);
/* A guard has passed: the condition, an operation, is not 0 (or is). */
void bounds_learn(Opt *o, IrRef condition, bool holds);
/* sum is a + b and did not wrap. */
void bounds_learn_sum(Opt *o, IrRef sum, IrRef a, IrRef b);
/* ref as a sum with a constant, the offset: of what, which is ref itself with offset 0. */
IrRef bounds_base(const Opt *o, IrRef ref, lua_Integer *offset);
/* As fold(), from what the arguments are between. */
IrRef bounds_fold(Opt *o, IrOp *op);

/* ---- memory.c ------------------------------------------------------------------------------ */

/* The value that load op reads, if it is known: an earlier load's or store's. IR_NONE if not. */
IrRef forward(Opt *o, const IrOp *op);
/* Does store op write what is there already? */
bool is_redundant_store(Opt *o, const IrOp *op);
/* Store op is about to be written: an earlier one that it makes dead becomes nop. */
void take_out_overwritten(Opt *o, const IrOp *op);

/* ---- virtual.c ------------------------------------------------------------------------------- */

/* real: by place in the old list, set where a table is not to be virtual; gets marked. */
bool virtuals_open(Opt *o, Jit *jit, uint8_t *real, uint32_t new_ops);
void virtuals_close(Opt *o);
void virtuals_forget(Opt *o);
void virtuals_finish(Opt *o);
/* Does op if it is about virtual tables. false: args has none any more, op is for the list. */
bool virtual_take(Opt *o, const IrOp *op, IrRef *args, IrRef *result);
bool virtual_is(const Opt *o, IrRef ref);
/* May one that is virtual be so in the next turn too? */
bool virtual_crosses(const Opt *o, IrRef ref);
/* What ref is, made for real. */
IrRef virtual_force(Opt *o, IrRef ref);
/* What a snapshot names for ref, virtual or not. */
IrRef virtual_state(Opt *o, IrRef ref);
/* Number of its shape in o->to; its metatable and fields: 0 is the metatable. */
int32_t virtual_shape(Opt *o, IrRef ref);
unsigned virtual_fields(const Opt *o, IrRef ref);
IrRef virtual_field(Opt *o, IrRef ref, unsigned n); /* IR_NONE: there is none */
uint8_t virtual_field_tag(const Opt *o, IrRef ref, unsigned n);
/* Another of its shape, for a loop's turn, which gets fields of its own. */
IrRef virtual_copy(Opt *o, IrRef ref);
void virtual_set_field(Opt *o, IrRef ref, unsigned n, IrRef value);

/* Does it stand for a part of a virtual table, its array or a node? */
bool virtual_is_part(const Opt *o, IrRef ref);

/* ---- join.c ---------------------------------------------------------------------------------- */

/*
 * The list `from` was copied to o->to up to its end, a `finish` into trace `number`,
 * whose list is `loop`: puts loop's preamble and a jump to its label behind it. carry:
 * virtual tables may stay so on the way. false: that cannot be done, what is in o is to
 * be thrown away.
 */
bool join(Opt *o, const Ir *from, const Ir *loop, int32_t number, bool carry);

/* ---- peel.c, strengthen.c, dce.c ------------------------------------------------------------- */

/*
 * Of a recorded loop: preamble, label and body. false: the types at the end are not
 * those at the beginning, `to` is to be thrown away. loop: the list of the trace that
 * `from` goes on in, which is entered at its label if that can be done; NULL: it is not.
 */
bool peel(Jit *jit, const Ir *from, const Ir *loop, Ir *to);
/* Guards that a later one implies say what that one says, which becomes nop. */
void strengthen_guards(Ir *ir);
/* Operations that nobody needs become nop and are taken out. */
void eliminate_dead_code(Ir *ir);

#endif
