/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * opt.c - the optimizer: its passes, and the copying that they share.
 *
 * What is proved by a guard holds from there on, since traces are straight: after
 * guard_value(x, c) x is c, after guard_true(x) x is 1. A guard that is proved
 * already is dropped, one that is proved to fail makes the trace worthless, which
 * cannot happen in what was recorded, only in the second copy of a loop's body,
 * where it means that types are not stable.
 */
#include "opt.h"

#include "listen.h"

#include <stdlib.h>
#include <string.h>

bool opt_open(Opt *o, Ir *to, uint32_t old_ops, uint32_t new_ops)
{
	*o = (Opt){.to = to,
		   .size = new_ops,
		   .calls = -1,
		   .last_call = -1,
		   .forces = -1,
		   .seen = -1,
		   .snapshot = -1};
	for (int i = 0; i < IR_OPCODE_COUNT; i++)
		o->last[i] = -1;
	o->map = malloc((old_ops + 1) * sizeof(*o->map));
	o->same = malloc((new_ops + 1) * sizeof(*o->same));
	o->bounds = malloc((new_ops + 1) * sizeof(*o->bounds));
	o->chain = malloc((new_ops + 1) * sizeof(*o->chain));
	if (!o->map || !o->same || !o->bounds || !o->chain) {
		opt_close(o);
		return false;
	}
	for (uint32_t i = 0; i < old_ops; i++)
		o->map[i] = IR_NONE;
	return true;
}

void opt_close(Opt *o)
{
	virtuals_close(o);
	free(o->map);
	free(o->same);
	free(o->bounds);
	free(o->chain);
	o->map = o->same = NULL;
	o->bounds = NULL;
	o->chain = NULL;
}

IrRef opt_known(const Opt *o, IrRef ref)
{
	while (ref >= 0 && o->same[ref] != IR_NONE)
		ref = o->same[ref];
	return ref;
}

IrRef opt_map(const Opt *o, IrRef ref)
{
	return ref < 0 ? ref : opt_known(o, o->map[ref]);
}

/* ---- Sharing ------------------------------------------------------------------------------- */

static bool same_arguments(const Ir *ir, const IrOp *a, const IrOp *b, const IrRef *b_args)
{
	const IrRef *args = ir_args(ir, a);

	if (a->nargs != b->nargs || a->descr != b->descr)
		return false;
	for (unsigned i = 0; i < a->nargs; i++)
		if (args[i] != b_args[i])
			return false;
	return true;
}

/* An earlier operation, behind place `after`, that computes the same. */
static IrRef find_same(const Opt *o, const IrOp *op, const IrRef *args, int32_t after)
{
	for (int32_t at = o->last[op->opcode]; at > after; at = o->chain[at])
		if (same_arguments(o->to, &o->to->ops[at], op, args))
			return at;
	return IR_NONE;
}

static unsigned effects(const IrOp *op)
{
	return ir_info[op->opcode].flags & IR_CALL ? helper_info[op->descr].effects : 0;
}

/* What a call reads may have been changed by any store: it is shared only if pure. */
static IrRef find_shared(Opt *o, const IrOp *op, const IrRef *args)
{
	unsigned flags = ir_info[op->opcode].flags;

	if (flags & IR_LOAD)
		return opt_does(o, PASS_FORWARD) ? forward(o, op) : IR_NONE;
	if (!opt_does(o, PASS_PURE))
		return IR_NONE;
	if (flags & IR_PURE || (flags & IR_CALL && op->type != 'v' && effects(op) == HELPER_PURE))
		return find_same(o, op, args, -1);
	return IR_NONE;
}

/* ---- Guards -------------------------------------------------------------------------------- */

static bool is_integer_constant(const Opt *o, IrRef ref, lua_Integer *i)
{
	if (!ir_is_constant(ref) || ir_constant(o->to, ref)->type == 'f')
		return false;
	*i = ir_constant(o->to, ref)->u.i;
	return true;
}

/* A Lua value that was guarded to be one; what helpers return may be NULL. */
static bool is_object(const Opt *o, IrRef ref)
{
	return ref >= 0 && o->to->ops[ref].tag & TAG_COLLECTABLE &&
	       o->to->ops[ref].opcode != IR_CALL_R;
}

enum proof { UNKNOWN, HOLDS, FAILS };

/* Is ref certainly 0, certainly not 0? */
static enum proof prove_truth(const Opt *o, IrRef ref)
{
	Bounds b = bounds_of(o, ref);

	if (b.low > 0 || b.high < 0)
		return HOLDS;
	return b.low == 0 && b.high == 0 ? FAILS : UNKNOWN;
}

/*
 * What it looks at changes while helpers run, or by somebody else, who can wait until
 * the next trace begins or this one's next turn.
 */
static enum proof prove_not_invalidated(const Opt *o)
{
	int32_t asked = o->last[IR_GUARD_NOT_INVALIDATED];

	return opt_does(o, PASS_PURE) && asked > o->to->label && asked > o->last_call ? HOLDS
										      : UNKNOWN;
}

/* What is known of a guard's condition. */
static enum proof prove(const Opt *o, const IrOp *op)
{
	lua_Integer a, b;

	if (op->nargs == 1 && opt_does(o, PASS_PURE) && find_same(o, op, op->arg, -1) != IR_NONE)
		return HOLDS;
	switch (op->opcode) {
	case IR_GUARD_TRUE:
		return prove_truth(o, op->arg[0]);
	case IR_GUARD_FALSE:
		switch (prove_truth(o, op->arg[0])) {
		case HOLDS:
			return FAILS;
		case FAILS:
			return HOLDS;
		default:
			return UNKNOWN;
		}
	case IR_GUARD_NONNULL:
	case IR_GUARD_ISNULL:
		if (is_integer_constant(o, op->arg[0], &a))
			return (a != 0) == (op->opcode == IR_GUARD_NONNULL) ? HOLDS : FAILS;
		return op->opcode == IR_GUARD_NONNULL && opt_does(o, PASS_REWRITE) &&
				       is_object(o, op->arg[0])
			       ? HOLDS
			       : UNKNOWN;
	case IR_GUARD_VALUE:
		if (is_integer_constant(o, op->arg[0], &a) &&
		    is_integer_constant(o, op->arg[1], &b))
			return a == b ? HOLDS : FAILS;
		return UNKNOWN;
	case IR_GUARD_NOT_INVALIDATED:
		return prove_not_invalidated(o);
	default:
		return UNKNOWN;
	}
}

bool opt_holds(const Opt *o, const IrOp *op)
{
	return prove(o, op) == HOLDS;
}

/* What is equal to a constant is the constant. */
static void learn_equal(Opt *o, IrRef condition, bool holds)
{
	const IrOp *op = ir_op(o->to, condition);
	bool equal = op->opcode == IR_INT_EQ || op->opcode == IR_PTR_EQ;
	bool unequal = op->opcode == IR_INT_NE || op->opcode == IR_PTR_NE;

	if ((holds ? equal : unequal) && op->arg[0] >= 0 && ir_is_constant(op->arg[1]) &&
	    o->same[op->arg[0]] == IR_NONE)
		o->same[op->arg[0]] = op->arg[1];
}

/* What it has compared with a constant is that from now on. */
static void learn_constants(Opt *o, const IrOp *op)
{
	Bounds b;

	switch (op->opcode) {
	case IR_GUARD_TRUE:
		learn_equal(o, op->arg[0], true);
		b = bounds_of(o, op->arg[0]);
		if (b.low == b.high)
			o->same[op->arg[0]] = ir_integer(o->to, b.low);
		break;
	case IR_GUARD_FALSE:
		learn_equal(o, op->arg[0], false);
		o->same[op->arg[0]] = ir_integer(o->to, 0);
		break;
	case IR_GUARD_ISNULL:
		o->same[op->arg[0]] = ir_address(o->to, NULL);
		break;
	case IR_GUARD_VALUE:
		o->same[op->arg[0]] = op->arg[1];
		break;
	default:
		break;
	}
}

static void learn(Opt *o, const IrOp *op)
{
	if (op->nargs == 0 || op->arg[0] < 0)
		return;
	if (op->opcode == IR_GUARD_TRUE || op->opcode == IR_GUARD_FALSE)
		bounds_learn(o, op->arg[0], op->opcode == IR_GUARD_TRUE);
	if (opt_does(o, PASS_REWRITE))
		learn_constants(o, op);
}

/* ---- Emitting -------------------------------------------------------------------------------- */

/* Done again, it would be done twice. What is written for a helper does not count. */
static bool has_effect(const IrOp *op, const IrRef *args)
{
	if (effects(op) & (HELPER_WRITES | HELPER_FORCES))
		return true;
	return ir_info[op->opcode].flags & IR_STORE &&
	       !(op->opcode == IR_SETVALUE && ir_is_constant(args[0]));
}

/* May anybody but loads of the trace look at memory here? */
static bool lets_see(const IrOp *op)
{
	unsigned flags = ir_info[op->opcode].flags;

	if (flags & IR_CALL)
		return effects(op) != HELPER_PURE;
	return flags & (IR_GUARD | IR_EFFECT) && !(flags & IR_STORE) && op->opcode != IR_BARRIER &&
	       op->opcode != IR_BARRIER_BACK;
}

static void count_used(Opt *o, const IrOp *op, const IrRef *args)
{
	for (unsigned i = 0; i < op->nargs; i++)
		if (args[i] >= 0 && args[i] < o->to->label)
			o->used[args[i]] = 1;
}

IrRef opt_append(Opt *o, const IrOp *op, const IrRef *args)
{
	bool many = ir_info[op->opcode].flags & IR_MANY;
	IrRef ref;

	if (o->failed)
		return 0;
	if (o->used)
		count_used(o, op, args);
	if (has_effect(op, args))
		o->snapshot = -1;
	if (ir_info[op->opcode].flags & IR_STORE && opt_does(o, PASS_DEAD_STORES))
		take_out_overwritten(o, op);
	ref = many ? ir_emit_many(o->to, op->opcode, args, op->nargs, op->descr)
		   : ir_emit(o->to, op->opcode, op->arg[0], op->arg[1], op->arg[2], op->descr);

	if (o->to->failed || (uint32_t)ref >= o->size) {
		o->failed = true;
		return 0;
	}
	o->to->ops[ref].tag = op->tag;
	o->to->ops[ref].snapshot = op->snapshot;
	o->to->ops[ref].line = op->line;
	o->same[ref] = IR_NONE;
	o->bounds[ref] = bounds_of_result(o, &o->to->ops[ref]);
	o->chain[ref] = o->last[op->opcode];
	o->last[op->opcode] = ref;
	if (effects(op) & (HELPER_WRITES | HELPER_FORCES))
		o->calls = ref;
	if (effects(op) & HELPER_FORCES)
		o->forces = ref;
	if (ir_info[op->opcode].flags & IR_CALL && effects(op) != HELPER_PURE)
		o->last_call = ref;
	if (lets_see(op))
		o->seen = ref;
	return ref;
}

/*
 * As RPython's HEAPCACHED_OPS: a load of what was loaded or stored before, or a guard on
 * what is known to be that, of this type or class. The second copy of a loop is no
 * second recording.
 */
static void count_cached(Opt *o, enum ir_opcode opcode)
{
	if (o->to->label < 0 && (ir_info[opcode].flags & IR_LOAD || opcode == IR_GUARD_VALUE ||
				 opcode == IR_GUARD_NONNULL || opcode == IR_GUARD_ISNULL))
		o->cached++;
}

static IrRef emit_real(Opt *o, const IrOp *from, const IrRef *args)
{
	IrOp copy = *from, *op = &copy;
	IrRef found;

	if (!(ir_info[op->opcode].flags & IR_MANY)) {
		memcpy(op->arg, args, sizeof(op->arg));
		found = fold(o, op);
		if (found == IR_NONE)
			found = bounds_fold(o, op);
		if (found != IR_NONE)
			return opt_known(o, found);
		args = op->arg;
	}
	found = find_shared(o, op, args);
	if (found != IR_NONE) {
		count_cached(o, op->opcode);
		return opt_known(o, found);
	}
	if (ir_info[op->opcode].flags & IR_GUARD) {
		enum proof proof = prove(o, op);

		if (proof == HOLDS) {
			count_cached(o, op->opcode);
			return 0;
		}
		if (proof == FAILS)
			o->failed = true;
		found = opt_append(o, op, args);
		learn(o, op);
		return found;
	}
	if (ir_info[op->opcode].flags & IR_STORE && opt_does(o, PASS_DEAD_STORES) &&
	    is_redundant_store(o, op))
		return 0;
	return opt_append(o, op, args);
}

static IrRef emit(Opt *o, const IrOp *op, const IrRef *args)
{
	IrRef own[UINT8_MAX], found;

	if (o->failed)
		return 0;
	if (!o->virtuals || op->nargs > UINT8_MAX)
		return emit_real(o, op, args);
	for (unsigned i = 0; i < 3; i++)
		own[i] = IR_NONE;
	memcpy(own, args, op->nargs * sizeof(*own));
	return virtual_take(o, op, own, &found) ? found : emit_real(o, op, own);
}

IrRef opt_emit(Opt *o, const IrOp *op, const IrRef *args)
{
	IrOp plain = *op;
	IrRef sum;

	if (op->opcode != IR_INT_ADD || op->descr != SUM_EXACT)
		return emit(o, op, args);
	/* What is known is learnt; the operation is one like others. */
	plain.descr = -1;
	sum = emit(o, &plain, args);
	if (!o->failed)
		bounds_learn_sum(o, sum, args[0], args[1]);
	return sum;
}

/* ---- The passes ---------------------------------------------------------------------------------
 */

/* Puts `to` in the place of ir's list. */
static void replace(Ir *ir, Ir *to)
{
	ir_close(ir);
	*ir = *to;
}

/* The loop whose label the recorded list may jump to at its end; NULL: none. */
static const Ir *loop_to_join(const Jit *jit, const Ir *ir)
{
	const IrOp *last = &ir->ops[ir->n_ops - 1];
	const Trace *to;

	if (!jit->recorder || &jit->current->ir != ir || ir_next_trace(ir) >= jit->n_traces)
		return NULL;
	to = jit->traces[ir_next_trace(ir)];
	return to && record_may_join(jit, last->snapshot, to) ? &to->ir : NULL;
}

bool optimize(Jit *jit, Ir *ir)
{
	Ir to;
	bool done;

	listen_list(jit, ir, "recorded");
	ir_open(&to);
	to.proto = ir->proto;
	done = peel(jit, ir, loop_to_join(jit, ir), &to) && !to.failed;
	if (!done) {
		ir_close(&to);
		return false;
	}
	if (to.max_slot < ir->max_slot)
		to.max_slot = ir->max_slot;
	if (to.max_frames < ir->max_frames)
		to.max_frames = ir->max_frames;
	replace(ir, &to);
	listen_list(jit, ir, "peel");
	if (!(jit->passes_off & PASS_INTBOUNDS)) {
		strengthen_guards(ir);
		listen_list(jit, ir, "strengthen");
	}
	eliminate_dead_code(ir);
	listen_list(jit, ir, "dce");
	return true;
}
