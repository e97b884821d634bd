/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replace.c - may a list that an optimize hook made replace the trace's own.
 *
 * The answer has to be right whatever the hook did: a list that is taken must neither
 * harm the process nor change what the program computes. So it is shown to do the same.
 * Both lists are copied side by side into a third one, through the optimizer's copying
 * (opt_emit(): equal operations are shared, loads forwarded, what guards prove is known)
 * and into one form (canon.c); values are equal if they become the same operation there.
 *
 * The lists advance from one guard or effect to the next, and these have to agree: the
 * same operation, equal arguments, the same snapshot with equal values. In between,
 *
 * - what is pure may come, go and move as the hook likes;
 * - what reads memory or may trap (a load, a division) must be there in the trace too,
 *   at this place or before: only there it is known to be safe;
 * - a guard that follows from earlier ones, and a store of what is there already, may be
 *   missing, or added;
 * - a guard may be added (or moved up) that leaves to the instruction that the guard
 *   before or behind it leaves to, before the first effect of the trace, or of a turn.
 *   Later it may not: a guard of what a call returned leaves to the instruction that
 *   calls, which is right only because the call failed.
 *
 * A loop's label is where the induction begins: its values must be equal the first time,
 * and, if they are taken to be equal in the body, at the jump.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "canon.h"

#define MESSAGE_SIZE 160
/* Operations of the common list for one of either: sums are written out. */
#define EXPANSION 6

enum side { TRACE, HOOK };

struct replace {
	const Ir *list[2]; /* by side */
	const int32_t *origin;
	char *message;
	Ir common;
	Opt o;
	IrRef *map[2];	   /* place in either list -> in the common one */
	IrRef *constants;  /* of either -> the first that is equal, whatever its tag */
	uint32_t at[2];	   /* the operation that is next */
	int32_t *previous; /* of the trace's: the one before with its opcode, -1 */
	int32_t last[IR_OPCODE_COUNT];
	int32_t guarded; /* snapshot of the trace's last guard, if no effect came since; -1 */
	bool acted;	 /* there was an effect, in this turn of the loop */
	int32_t forced;	 /* the trace's last call that may collect garbage, -1: none */
};

static bool refuse(const struct replace *r, enum side side, const char *format, ...)
{
	uint32_t at = r->at[side];
	va_list arguments;
	int n;

	n = snprintf(r->message, MESSAGE_SIZE,
		     "%soperation %u, %s: ", side == TRACE ? "the trace's " : "", at,
		     ir_info[r->list[side]->ops[at].opcode].name);
	va_start(arguments, format);
	vsnprintf(r->message + n, MESSAGE_SIZE - (size_t)n, format, arguments);
	va_end(arguments);
	return false;
}

static IrRef value(struct replace *r, enum side side, IrRef ref)
{
	if (ir_is_constant(ref))
		return r->constants[~ref];
	return ref == IR_NONE ? ref : opt_known(&r->o, r->map[side][ref]);
}

/* The operation that is next, its arguments in the common list; args: of IR_MANY too. */
static IrOp translate(struct replace *r, enum side side, IrRef args[UINT8_MAX])
{
	const Ir *ir = r->list[side];
	IrOp op = ir->ops[r->at[side]];
	const IrRef *from = ir_args(ir, &ir->ops[r->at[side]]);
	bool many = ir_info[op.opcode].flags & IR_MANY;

	for (unsigned i = 0; i < 3; i++)
		args[i] = IR_NONE;
	for (unsigned i = 0; i < op.nargs && i < UINT8_MAX; i++)
		args[i] = value(r, side, from[i]);
	if (!many)
		memcpy(op.arg, args, sizeof(op.arg));
	op.snapshot = -1;
	return op;
}

/* ---- Between guards and effects ------------------------------------------------------------ */

static bool is_pure_call(const IrOp *op)
{
	return ir_info[op->opcode].flags & IR_CALL && helper_info[op->descr].effects == HELPER_PURE;
}

/* Guards, effects, and calls that are not pure: they stay, in their order. */
static bool is_kept(const IrOp *op)
{
	unsigned flags = ir_info[op->opcode].flags;

	/* Each virtual table is one of its own, whatever is in it. */
	return flags & IR_CALL ? !is_pure_call(op)
			       : flags & (IR_GUARD | IR_EFFECT) || op->opcode == IR_VIRTUAL;
}

static bool takes_pointer(const IrOp *op)
{
	const char *types = ir_info[op->opcode].flags & IR_CALL ? helper_info[op->descr].args
								: ir_info[op->opcode].args;

	return strchr(types, 'r');
}

/* Is it safe only because of what was checked before it? */
static bool is_delicate(const struct replace *r, const IrOp *op, const IrRef *args)
{
	switch (op->opcode) {
	case IR_INT_FLOORDIV:
	case IR_INT_MOD:
		return !ir_is_constant(args[1]) || !ir_constant(&r->common, args[1])->u.i;
	case IR_PTR_EQ:
	case IR_PTR_NE:
	case IR_SAME_AS_R:
		return false;
	default:
		return ir_info[op->opcode].flags & IR_LOAD || takes_pointer(op);
	}
}

/* Did the trace do just this before, and no object that it names can have gone since? */
static bool was_done(struct replace *r, const IrOp *op, const IrRef *args)
{
	const Ir *ir = r->list[TRACE];

	for (int32_t at = r->last[op->opcode]; at > r->forced; at = r->previous[at]) {
		const IrOp *done = &ir->ops[at];
		const IrRef *with = ir_args(ir, done);
		unsigned i = 0;

		if (done->descr != op->descr || done->nargs != op->nargs)
			continue;
		while (i < op->nargs && value(r, TRACE, with[i]) == args[i])
			i++;
		if (i == op->nargs)
			return true;
	}
	return false;
}

static const IrOp *next(const struct replace *r, enum side side)
{
	return &r->list[side]->ops[r->at[side]];
}

static bool same_kind(const struct replace *r, const IrOp *a, const IrOp *b)
{
	return a->opcode == b->opcode && a->descr == b->descr &&
	       (b->snapshot < 0 ? -1 : r->origin[b->snapshot]) == a->snapshot;
}

/* Are as many operations like the one that the trace has next still to come in both lists? */
static bool comes_later(const struct replace *r)
{
	const IrOp *wanted = next(r, TRACE);
	int balance = 0;

	for (uint32_t at = r->at[TRACE]; at < r->list[TRACE]->n_ops; at++) {
		const IrOp *a = &r->list[TRACE]->ops[at];

		balance -= a->opcode == wanted->opcode && a->descr == wanted->descr &&
			   a->snapshot == wanted->snapshot;
	}
	for (uint32_t at = r->at[HOOK]; at < r->list[HOOK]->n_ops; at++)
		balance += same_kind(r, wanted, &r->list[HOOK]->ops[at]);
	return balance >= 0;
}

static bool refuse_lost(const struct replace *r)
{
	bool guard = ir_info[next(r, TRACE)->opcode].flags & IR_GUARD;

	return refuse(r, TRACE, "this %s is lost", guard ? "guard" : "effect");
}

static bool copy_one(struct replace *r, enum side side)
{
	uint32_t at = r->at[side], n = r->common.n_ops;
	IrRef args[UINT8_MAX];
	IrOp op = translate(r, side, args);
	bool delicate = side == HOOK && is_delicate(r, &op, args);

	if (delicate && !was_done(r, &op, args))
		return comes_later(r) ? refuse(r, side, "the trace does not do this here or before")
				      : refuse_lost(r);
	r->map[side][at] = canon_emit(&r->o, &op, args);
	if (delicate && ir_info[op.opcode].flags & IR_LOAD && r->common.n_ops != n)
		return refuse(r, side, "what it reads may have changed since the trace read it");
	if (side == TRACE) {
		r->previous[at] = r->last[op.opcode];
		r->last[op.opcode] = (int32_t)at;
	}
	return true;
}

/* A guard whose condition is a value: what it proves can be known from elsewhere. */
static bool is_condition(enum ir_opcode opcode)
{
	return opcode >= IR_GUARD_TRUE && opcode <= IR_GUARD_ISNULL;
}

_Static_assert(IR_GUARD_ISNULL - IR_GUARD_TRUE == 4, "true, false, value, nonnull, isnull");

/* A guard that holds for certain, a store of what is there. */
static bool is_needless(struct replace *r, enum side side)
{
	IrRef args[UINT8_MAX];
	IrOp op = translate(r, side, args);

	if (is_condition(op.opcode)) {
		canon_guard(&r->o, &op);
		return opt_holds(&r->o, &op);
	}
	return ir_info[op.opcode].flags & IR_STORE && is_redundant_store(&r->o, &op);
}

/* Up to the next operation that has to be in both. */
static bool advance(struct replace *r, enum side side)
{
	const Ir *ir = r->list[side];

	for (; r->at[side] < ir->n_ops; r->at[side]++) {
		const IrOp *op = &ir->ops[r->at[side]];

		if (op->opcode == IR_NOP)
			continue;
		if (!is_kept(op)) {
			if (!copy_one(r, side))
				return false;
		} else if (!is_needless(r, side)) {
			return true;
		}
	}
	return true;
}

/* ---- Snapshots ------------------------------------------------------------------------------- */

/* Is the hook's snapshot the trace's number n, with equal values? */
static bool same_snapshot(struct replace *r, int32_t hooks, int32_t n)
{
	const Ir *a = r->list[TRACE], *b = r->list[HOOK];
	const Snapshot *s, *t;

	if (hooks < 0 || n < 0)
		return hooks == n;
	if (r->origin[hooks] != n)
		return false;
	s = &a->snapshots[n];
	t = &b->snapshots[hooks];
	for (uint32_t i = 0; i < s->entries; i++) {
		IrRef was = a->snapshot_entries[s->entry + i].ref;
		IrRef is = b->snapshot_entries[t->entry + i].ref;

		/* What is not defined yet at a guard that was moved up. */
		if (was >= 0 && r->map[TRACE][was] == IR_NONE)
			return false;
		if (value(r, TRACE, was) != value(r, HOOK, is))
			return false;
	}
	return true;
}

/* ---- Guards and effects ------------------------------------------------------------------------
 */

static bool same_condition(struct replace *r)
{
	IrRef args[UINT8_MAX];
	IrOp a = translate(r, TRACE, args), b = translate(r, HOOK, args);

	canon_guard(&r->o, &a);
	canon_guard(&r->o, &b);
	return a.opcode == b.opcode && a.nargs == b.nargs &&
	       !memcmp(a.arg, b.arg, a.nargs * sizeof(*a.arg));
}

/* What the guard proves holds from here on. */
static void pass_guard(struct replace *r, enum side side)
{
	IrRef args[UINT8_MAX];
	IrOp as_written = translate(r, side, args), canonical = as_written;

	canon_guard(&r->o, &canonical);
	opt_emit(&r->o, &canonical, canonical.arg);
	if (canonical.opcode != as_written.opcode) {
		memcpy(args, as_written.arg, sizeof(as_written.arg));
		args[0] = opt_known(&r->o, args[0]);
		opt_emit(&r->o, &as_written, args);
	}
	r->at[side]++;
}

/* Its snapshot describes the state here, since nothing happened yet. */
static bool is_added_guard(struct replace *r)
{
	const IrOp *b = next(r, HOOK), *a = next(r, TRACE);
	IrRef args[UINT8_MAX], condition = translate(r, HOOK, args).arg[0];

	if (r->acted)
		return false;
	switch (b->opcode) {
	case IR_GUARD_TRUE:
		/* Else it does not prove that the value is 1. */
		if (condition < 0 || !canon_is_comparison(ir_op(&r->common, condition)->opcode))
			return false;
		break;
	case IR_GUARD_FALSE:
	case IR_GUARD_VALUE:
	case IR_GUARD_NONNULL:
	case IR_GUARD_ISNULL:
		if (condition < 0)
			return false; /* it fails for certain */
		break;
	default:
		return false;
	}
	if (ir_info[a->opcode].flags & IR_GUARD && same_snapshot(r, b->snapshot, a->snapshot))
		return true;
	return r->guarded >= 0 && same_snapshot(r, b->snapshot, r->guarded);
}

static bool refuse_difference(struct replace *r)
{
	const IrOp *a = next(r, TRACE), *b = next(r, HOOK);
	bool guard = ir_info[a->opcode].flags & IR_GUARD && a->opcode != IR_FINISH;

	if (guard && a->opcode == b->opcode && same_condition(r))
		return refuse(r, HOOK, "its snapshot, or a value in it, was changed");
	if (a->opcode == b->opcode && a->descr == b->descr)
		return refuse(r, HOOK, "an argument is not shown to be what it was");
	if (!comes_later(r))
		return refuse_lost(r);
	return refuse(r, HOOK, "stands before the trace's operation %u, %s, which must come first",
		      r->at[TRACE], ir_info[a->opcode].name);
}

static bool match_guard(struct replace *r)
{
	if (same_condition(r) &&
	    same_snapshot(r, next(r, HOOK)->snapshot, next(r, TRACE)->snapshot)) {
		r->guarded = next(r, TRACE)->snapshot;
		pass_guard(r, TRACE);
		r->at[HOOK]++;
		return true;
	}
	if (!is_added_guard(r))
		return refuse_difference(r);
	pass_guard(r, HOOK);
	return true;
}

/*
 * Another turn of the loop comes here with memory as the body left it: what the body may
 * write was not read before.
 */
static void forget_what_the_body_writes(struct replace *r, IrRef label)
{
	const Ir *ir = r->list[TRACE];

	for (uint32_t at = r->at[TRACE]; at < ir->n_ops; at++) {
		const IrOp *op = &ir->ops[at];
		unsigned effects =
			ir_info[op->opcode].flags & IR_CALL ? helper_info[op->descr].effects : 0;

		if (effects & (HELPER_WRITES | HELPER_FORCES) || op->opcode == IR_SETARRAYITEM ||
		    op->opcode == IR_SETNODE)
			r->o.calls = label;
		if (effects || op->opcode == IR_SETVALUE)
			r->o.last_call = label;
		if (effects & HELPER_FORCES) {
			r->o.forces = label;
			r->forced = (int32_t)r->at[TRACE] - 1;
		}
	}
}

static bool is_label_value(const IrOp *op)
{
	return op->opcode == IR_ARG_I || op->opcode == IR_ARG_F || op->opcode == IR_ARG_R;
}

/* A label's values are where the label is. */
static bool check_place(const struct replace *r)
{
	uint32_t at = r->at[HOOK];

	if (!is_label_value(next(r, HOOK)))
		return true;
	return is_label_value(next(r, HOOK) - 1) || r->list[HOOK]->ops[at - 1].opcode == IR_LABEL ||
	       refuse(r, HOOK, "stands apart from its label");
}

static bool acts(enum ir_opcode opcode)
{
	const IrOp op = {.opcode = (uint8_t)opcode};

	return opcode != IR_VIRTUAL && opcode != IR_LABEL && !is_label_value(&op) &&
	       !(ir_info[opcode].flags & IR_GUARD);
}

static bool match_effect(struct replace *r)
{
	const IrOp *a = next(r, TRACE), *b = next(r, HOOK);
	IrRef args[UINT8_MAX], others[UINT8_MAX], ref;
	IrOp op;

	if (a->opcode != b->opcode || a->descr != b->descr || a->nargs != b->nargs)
		return refuse_difference(r);
	if (a->nargs >= UINT8_MAX)
		return refuse(r, TRACE, "has too many arguments to be checked");
	op = translate(r, TRACE, args);
	translate(r, HOOK, others);
	for (unsigned i = 0; i < a->nargs; i++)
		if (args[i] != others[i])
			return refuse(r, HOOK, "argument %u is not shown to be what it was", i + 1);
	if (!same_snapshot(r, b->snapshot, a->snapshot))
		return refuse(r, HOOK, "its snapshot, or a value in it, was changed");
	if (!check_place(r))
		return false;
	if (op.opcode == IR_CALL_MAY_FORCE_I)
		r->forced = (int32_t)r->at[TRACE];
	ref = opt_emit(&r->o, &op, args);
	r->map[TRACE][r->at[TRACE]++] = r->map[HOOK][r->at[HOOK]++] = ref;
	if (op.opcode != IR_VIRTUAL)
		r->guarded = -1;
	r->acted |= acts(op.opcode);
	if (op.opcode == IR_LABEL) {
		r->acted = false;
		r->common.label = ref;
		forget_what_the_body_writes(r, ref);
	}
	return true;
}

static bool compare(struct replace *r)
{
	const uint32_t *at = r->at;

	for (;;) {
		if (!advance(r, TRACE) || !advance(r, HOOK))
			return false;
		/* Both end in what has to agree, so they end together. */
		if (at[TRACE] == r->list[TRACE]->n_ops || at[HOOK] == r->list[HOOK]->n_ops)
			return true;
		if (r->o.failed) {
			snprintf(r->message, MESSAGE_SIZE, "the list is too long to be checked");
			return false;
		}
		if (is_condition(next(r, HOOK)->opcode)) {
			if (!match_guard(r))
				return false;
		} else if (!match_effect(r)) {
			return false;
		}
	}
}

/* ---- Opening, closing --------------------------------------------------------------------------
 */

static IrRef *new_map(const Ir *ir)
{
	IrRef *map = malloc((ir->n_ops + 1) * sizeof(*map));

	for (uint32_t i = 0; map && i < ir->n_ops; i++)
		map[i] = IR_NONE;
	return map;
}

static IrRef first_equal(const Ir *ir, uint32_t n)
{
	const IrConstant *c = &ir->constants[n];
	uint32_t i = 0;

	while (ir->constants[i].type != c->type || ir->constants[i].u.i != c->u.i)
		i++;
	return ~(IrRef)i;
}

/* A constant is the same reference in all three lists: changed begins with those of ir. */
static bool copy_constants(struct replace *r)
{
	const Ir *ir = r->list[HOOK];

	r->constants = malloc((ir->n_constants + 1) * sizeof(*r->constants));
	if (!r->constants)
		return false;
	for (uint32_t i = 0; i < ir->n_constants; i++)
		r->constants[i] = first_equal(ir, i);
	if (!ir->n_constants)
		return true;
	if (!IR_ROOM(&r->common, constants, ir->n_constants))
		return false;
	memcpy(r->common.constants, ir->constants, ir->n_constants * sizeof(*ir->constants));
	r->common.n_constants = ir->n_constants;
	return true;
}

static bool open(struct replace *r)
{
	uint32_t n = r->list[TRACE]->n_ops + r->list[HOOK]->n_ops;
	bool opened;

	ir_open(&r->common);
	opened = opt_open(&r->o, &r->common, 0, n * EXPANSION + 1000);
	for (int i = 0; i < IR_OPCODE_COUNT; i++)
		r->last[i] = -1;
	r->map[TRACE] = new_map(r->list[TRACE]);
	r->map[HOOK] = new_map(r->list[HOOK]);
	r->previous = malloc((r->list[TRACE]->n_ops + 1) * sizeof(*r->previous));
	return opened && r->map[TRACE] && r->map[HOOK] && r->previous && copy_constants(r);
}

static void close_all(struct replace *r)
{
	opt_close(&r->o);
	ir_close(&r->common);
	free(r->map[TRACE]);
	free(r->map[HOOK]);
	free(r->previous);
	free(r->constants);
}

bool ir_verify_replacement(const Ir *ir, const Ir *changed, const int32_t *origin,
			   char message[MESSAGE_SIZE])
{
	struct replace r = {.list = {ir, changed},
			    .origin = origin,
			    .message = message,
			    .guarded = -1,
			    .forced = -1};
	bool good;

	if (!ir_verify(changed, message))
		return false;
	good = open(&r);
	if (good)
		good = compare(&r) && !r.o.failed;
	else
		snprintf(message, MESSAGE_SIZE, "out of memory");
	if (!good && r.o.failed)
		snprintf(message, MESSAGE_SIZE, "the list is too long, or has a guard that fails");
	close_all(&r);
	return good;
}
