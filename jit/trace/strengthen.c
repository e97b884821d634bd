/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strengthen.c - of two guards of which the later implies the earlier one, one stays.
 *
 * x < 10, then x < 5: the first is made the second, which goes. What passes is the same,
 * and what does not leaves sooner, to the instruction that the first guard stands for; the
 * interpreter, or a bridge, does the rest again and finds out why. It is right wherever the
 * first guard may fail for a reason that is not its own:
 *
 * - not behind a call that changed something, if it leaves to the instruction that calls:
 *   that is right only because the call failed;
 * - not at the beginning of a trace: who leaves there has done nothing and is there again.
 *
 * And it is worth it:
 *
 * - no effect and no label lies between the two, which would then be done elsewhere;
 * - the first says between which numbers x is, or that a pointer is not NULL. One that says
 *   what x is not is a case of several, each with its own exit: in one exit all would have
 *   to be told apart again.
 *
 * What a guard says is about a value and constants. The comparison of the first is
 * rewritten where it stands, so nobody else may use it.
 */
#include <stdlib.h>

#include "opt.h"

/* Of an integer, or of a pointer as one. */
struct claim {
	IrRef value;
	bool excludes; /* all but in.low */
	Bounds in;
};

struct strengthen {
	Ir *ir;
	/* place of a value -> the newest guard about it; of that -> the one before; -1 */
	int32_t *guards;
	uint32_t *uses; /* of each operation; NULL: not counted yet */
	int32_t acted;	/* last effect, last label; -1 */
	bool called;	/* no guard came since a call that changed something */
	int32_t call_s; /* snapshot of the first guard behind such a call, -1 */
};

/* ---- What guards say ------------------------------------------------------------------------- */

static bool constant(const Ir *ir, IrRef ref, lua_Integer *i)
{
	if (!ir_is_constant(ref) || ir_constant(ir, ref)->type == 'f')
		return false;
	*i = ir_constant(ir, ref)->u.i;
	return true;
}

static bool claim_excludes(struct claim *c, lua_Integer i)
{
	c->excludes = true;
	c->in = (Bounds){i, i};
	return true;
}

static bool claim_at_most(struct claim *c, lua_Integer i)
{
	c->in = (Bounds){LUA_MININTEGER, i};
	return true;
}

static bool claim_at_least(struct claim *c, lua_Integer i)
{
	c->in = (Bounds){i, LUA_MAXINTEGER};
	return true;
}

static bool claim_equal(struct claim *c, lua_Integer i, bool holds)
{
	c->in = (Bounds){i, i};
	return holds || claim_excludes(c, i);
}

/* x < i, or not. */
static bool claim_less(struct claim *c, lua_Integer i, bool holds)
{
	if (!holds)
		return claim_at_least(c, i);
	return i != LUA_MININTEGER && claim_at_most(c, i - 1);
}

/* x > i, or not. */
static bool claim_greater(struct claim *c, lua_Integer i, bool holds)
{
	if (!holds)
		return claim_at_most(c, i);
	return i != LUA_MAXINTEGER && claim_at_least(c, i + 1);
}

/* x < i as unsigned numbers, or not. */
static bool claim_below(struct claim *c, lua_Integer i, bool holds)
{
	c->in = (Bounds){0, i - 1};
	return holds && i > 0;
}

static bool claim_compared(const Ir *ir, const IrOp *op, bool holds, struct claim *c)
{
	lua_Integer i;

	if (op->nargs != 2 || !constant(ir, op->arg[1], &i))
		return false;
	c->value = op->arg[0];
	switch (op->opcode) {
	case IR_INT_LT:
		return claim_less(c, i, holds);
	case IR_INT_GE:
		return claim_less(c, i, !holds);
	case IR_INT_GT:
		return claim_greater(c, i, holds);
	case IR_INT_LE:
		return claim_greater(c, i, !holds);
	case IR_INT_EQ:
	case IR_PTR_EQ:
		return claim_equal(c, i, holds);
	case IR_INT_NE:
	case IR_PTR_NE:
		return claim_equal(c, i, !holds);
	case IR_UINT_LT:
		return claim_below(c, i, holds);
	case IR_UINT_GE:
		return claim_below(c, i, !holds);
	default:
		return false;
	}
}

/* false: it says nothing that could be compared. */
static bool claim_of(const Ir *ir, const IrOp *guard, struct claim *c)
{
	lua_Integer i;

	*c = (struct claim){.value = guard->arg[0]};
	if (guard->nargs == 0 || guard->arg[0] < 0)
		return false;
	switch (guard->opcode) {
	case IR_GUARD_TRUE:
	case IR_GUARD_FALSE:
		return claim_compared(ir, ir_op(ir, guard->arg[0]), guard->opcode == IR_GUARD_TRUE,
				      c) &&
		       c->value >= 0;
	case IR_GUARD_VALUE:
		return constant(ir, guard->arg[1], &i) && claim_equal(c, i, true);
	case IR_GUARD_NONNULL:
		return claim_excludes(c, 0);
	default:
		return false;
	}
}

static bool implies(const struct claim *a, const struct claim *b)
{
	if (a->excludes)
		return b->excludes && a->in.low == b->in.low;
	if (b->excludes)
		return b->in.low < a->in.low || b->in.low > a->in.high;
	return a->in.low >= b->in.low && a->in.high <= b->in.high;
}

/* ---- Making one of two ----------------------------------------------------------------------- */

static void count_use(struct strengthen *s, IrRef ref)
{
	if (ref >= 0)
		s->uses[ref]++;
}

static bool count_uses(struct strengthen *s)
{
	const Ir *ir = s->ir;

	s->uses = calloc(ir->n_ops, sizeof(*s->uses));
	if (!s->uses)
		return false;
	for (uint32_t at = 0; at < ir->n_ops; at++) {
		const IrRef *args = ir_args(ir, &ir->ops[at]);

		for (unsigned i = 0; i < ir->ops[at].nargs; i++)
			count_use(s, args[i]);
	}
	for (uint32_t i = 0; i < ir->n_snapshot_entries; i++)
		count_use(s, ir->snapshot_entries[i].ref);
	return true;
}

/* Only who may merge two guards asks, so uses are counted then. */
static bool is_used_once(struct strengthen *s, IrRef condition)
{
	return (s->uses || count_uses(s)) && s->uses[condition] == 1;
}

/* The guard at `earlier` says what that at `later` does. false: it cannot be written there. */
static bool rewrite(struct strengthen *s, int32_t earlier, int32_t later)
{
	Ir *ir = s->ir;
	IrOp *was = &ir->ops[earlier], *is = &ir->ops[later], *compared;

	if (is->opcode == IR_GUARD_VALUE) {
		was->opcode = IR_GUARD_VALUE;
		was->nargs = is->nargs;
		was->arg[0] = is->arg[0];
		was->arg[1] = is->arg[1];
		return true;
	}
	if ((was->opcode != IR_GUARD_TRUE && was->opcode != IR_GUARD_FALSE) ||
	    !is_used_once(s, was->arg[0]))
		return false;
	compared = &ir->ops[was->arg[0]];
	compared->opcode = ir->ops[is->arg[0]].opcode;
	compared->arg[1] = ir->ops[is->arg[0]].arg[1];
	was->opcode = is->opcode;
	return true;
}

static bool may_say_more(const struct strengthen *s, int32_t guard, const struct claim *says)
{
	const IrOp *op = &s->ir->ops[guard];

	return (!says->excludes || op->opcode == IR_GUARD_NONNULL) &&
	       s->ir->snapshots[op->snapshot].moved;
}

/* Is the guard at `at` needed no more, since an earlier one says the same now? */
static bool strengthen(struct strengthen *s, int32_t at, const struct claim *c)
{
	struct claim earlier;

	for (int32_t g = s->guards[c->value]; g > s->acted; g = s->guards[g])
		if (claim_of(s->ir, &s->ir->ops[g], &earlier) && implies(c, &earlier) &&
		    may_say_more(s, g, &earlier) && rewrite(s, g, at))
			return true;
	return false;
}

/* ---- The pass -------------------------------------------------------------------------------- */

static bool changes(const IrOp *op)
{
	return ir_info[op->opcode].flags & IR_CALL &&
	       helper_info[op->descr].effects & (HELPER_CHANGES | HELPER_FORCES);
}

static void take_guard(struct strengthen *s, int32_t at)
{
	IrOp *op = &s->ir->ops[at];
	struct claim c;

	if (s->called)
		s->call_s = op->snapshot;
	s->called = false;
	if (op->snapshot == s->call_s || !claim_of(s->ir, op, &c))
		return;
	if (strengthen(s, at, &c)) {
		*op = (IrOp){.opcode = IR_NOP, .type = 'v', .descr = -1, .snapshot = -1};
		return;
	}
	s->guards[at] = s->guards[c.value];
	s->guards[c.value] = at;
}

void strengthen_guards(Ir *ir)
{
	struct strengthen s = {.ir = ir, .acted = -1, .call_s = -1};

	s.guards = malloc(ir->n_ops * sizeof(*s.guards));
	if (!s.guards)
		return; /* the list is right as it is */
	for (int32_t at = 0; at < (int32_t)ir->n_ops; at++) {
		const IrOp *op = &ir->ops[at];
		unsigned flags = ir_info[op->opcode].flags;

		s.guards[at] = -1;
		if (flags & IR_FINAL)
			break;
		if (flags & IR_GUARD)
			take_guard(&s, at);
		s.called |= changes(op);
		if (flags & IR_EFFECT || changes(op))
			s.acted = at;
	}
	free(s.guards);
	free(s.uses);
}
