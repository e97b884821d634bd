/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * canon.c - one form for what can be computed in several ways.
 *
 * replace.c has to show that a list which a hook made computes what the trace did,
 * although the hook wrote it differently. It puts both lists into one that shares
 * equal operations, so all it takes is that equal values become equal operations.
 * The optimizer's own rules do much of that; these do more, in directions that would
 * not make code faster:
 *
 * - Integers wrap, so sums, differences, negations, products with constants and left
 *   shifts by constants are linear forms modulo 2^64: k1*x1 + k2*x2 + ... + c, ordered
 *   by the reference.
 * - Comparisons look one way: > is <, with its arguments exchanged.
 * - Floats only where each result is the same bit for bit: division by a power of two
 *   is multiplication, x - c is x + (-c).
 */
#include "canon.h"

#include <math.h>
#include <string.h>

#include "../lua/number.h"

#define MAX_TERMS 8

struct sum {
	IrRef ref[MAX_TERMS];
	lua_Unsigned factor[MAX_TERMS];
	unsigned n;
	lua_Unsigned constant;
	bool too_long;
};

static IrRef emit2(Opt *o, enum ir_opcode opcode, IrRef a, IrRef b)
{
	IrRef args[3] = {a, b, IR_NONE};
	IrOp op = {
		.opcode = (uint8_t)opcode,
		.type = ir_info[opcode].type,
		.nargs = (uint16_t)strlen(ir_info[opcode].args),
		.arg = {a, b, IR_NONE},
		.descr = -1,
		.snapshot = -1,
	};

	return opt_emit(o, &op, args);
}

static bool integer_constant(const Opt *o, IrRef ref, lua_Unsigned *i)
{
	if (!ir_is_constant(ref) || ir_constant(o->to, ref)->type != 'i')
		return false;
	*i = (lua_Unsigned)ir_constant(o->to, ref)->u.i;
	return true;
}

/* ---- Sums ---------------------------------------------------------------------------------- */

static void add_term(struct sum *s, IrRef ref, lua_Unsigned factor)
{
	unsigned i = 0;

	while (i < s->n && s->ref[i] < ref)
		i++;
	if (i < s->n && s->ref[i] == ref) {
		s->factor[i] += factor;
		return;
	}
	if (s->n == MAX_TERMS) {
		s->too_long = true;
		return;
	}
	memmove(s->ref + i + 1, s->ref + i, (s->n - i) * sizeof(*s->ref));
	memmove(s->factor + i + 1, s->factor + i, (s->n - i) * sizeof(*s->factor));
	s->ref[i] = ref;
	s->factor[i] = factor;
	s->n++;
}

static void add(const Opt *o, struct sum *s, IrRef ref, lua_Unsigned factor);

/* false: op is no linear form. */
static bool add_operation(const Opt *o, struct sum *s, enum ir_opcode opcode, const IrRef *arg,
			  lua_Unsigned factor)
{
	lua_Unsigned c;

	switch (opcode) {
	case IR_INT_ADD:
		add(o, s, arg[0], factor);
		add(o, s, arg[1], factor);
		return true;
	case IR_INT_SUB:
		add(o, s, arg[0], factor);
		add(o, s, arg[1], -factor);
		return true;
	case IR_INT_NEG:
		add(o, s, arg[0], -factor);
		return true;
	case IR_INT_INVERT:
		add(o, s, arg[0], -factor);
		s->constant -= factor;
		return true;
	case IR_INT_MUL:
		if (integer_constant(o, arg[1], &c))
			add(o, s, arg[0], factor * c);
		else if (integer_constant(o, arg[0], &c))
			add(o, s, arg[1], factor * c);
		else
			return false;
		return true;
	case IR_INT_LSHIFT:
		if (!integer_constant(o, arg[1], &c) || c > 63)
			return false;
		add(o, s, arg[0], factor << c);
		return true;
	default:
		return false;
	}
}

static void add(const Opt *o, struct sum *s, IrRef ref, lua_Unsigned factor)
{
	lua_Unsigned c;
	const IrOp *op;

	ref = opt_known(o, ref);
	if (s->too_long)
		return;
	if (integer_constant(o, ref, &c)) {
		s->constant += c * factor;
		return;
	}
	op = ref >= 0 ? ir_op(o->to, ref) : NULL;
	if (!op || !add_operation(o, s, op->opcode, op->arg, factor))
		add_term(s, ref, factor);
}

static IrRef write_sum(Opt *o, const struct sum *s)
{
	IrRef sum = IR_NONE;

	for (unsigned i = 0; i < s->n; i++) {
		IrRef term = s->ref[i];

		if (!s->factor[i])
			continue;
		if (s->factor[i] != 1)
			term = emit2(o, IR_INT_MUL, term,
				     ir_integer(o->to, (lua_Integer)s->factor[i]));
		sum = sum == IR_NONE ? term : emit2(o, IR_INT_ADD, sum, term);
	}
	if (sum == IR_NONE)
		return ir_integer(o->to, (lua_Integer)s->constant);
	return s->constant ? emit2(o, IR_INT_ADD, sum, ir_integer(o->to, (lua_Integer)s->constant))
			   : sum;
}

/* IR_NONE: op is no sum, or too long a one. */
static IrRef emit_sum(Opt *o, enum ir_opcode opcode, const IrRef *args)
{
	struct sum s = {0};

	if (!add_operation(o, &s, opcode, args, 1) || s.too_long)
		return IR_NONE;
	return write_sum(o, &s);
}

/* ---- Bits, comparisons, floats ----------------------------------------------------------------
 */

/* (x & c) & d is x & (c & d); the same for | and ^. ~x is a sum. */
static IrRef emit_bits(Opt *o, enum ir_opcode opcode, const IrRef *args)
{
	IrRef x = args[0];
	lua_Unsigned c, d;
	const IrOp *inner;

	if (!integer_constant(o, args[1], &d)) {
		if (!integer_constant(o, args[0], &d))
			return IR_NONE;
		x = args[1];
	}
	inner = x >= 0 ? ir_op(o->to, x) : NULL;
	if (inner && inner->opcode == opcode && integer_constant(o, inner->arg[1], &c)) {
		d = opcode == IR_INT_AND ? c & d : opcode == IR_INT_OR ? c | d : c ^ d;
		x = inner->arg[0];
	}
	if (opcode == IR_INT_XOR && d == (lua_Unsigned)-1) {
		IrRef inverted[3] = {x, IR_NONE, IR_NONE};

		return emit_sum(o, IR_INT_INVERT, inverted);
	}
	return emit2(o, opcode, x, ir_integer(o->to, (lua_Integer)d));
}

static bool float_constant(const Opt *o, IrRef ref, lua_Number *f)
{
	if (!ir_is_constant(ref) || ir_constant(o->to, ref)->type != 'f')
		return false;
	*f = ir_constant(o->to, ref)->u.n;
	return true;
}

/* Is 1/f exact, so that x/f and x*(1/f) are rounded from the same number? */
static bool has_exact_inverse(lua_Number f)
{
	int exponent;

	return isnormal(f) && fabs(frexp(f, &exponent)) == 0.5 && isnormal(1 / f);
}

static IrRef emit_float(Opt *o, enum ir_opcode opcode, const IrRef *args)
{
	lua_Number f;

	switch (opcode) {
	case IR_FLOAT_TRUEDIV:
		if (float_constant(o, args[1], &f) && has_exact_inverse(f))
			return emit2(o, IR_FLOAT_MUL, args[0], ir_float(o->to, 1 / f));
		return IR_NONE;
	case IR_FLOAT_SUB:
		/* What the optimizer folds is left to it: x - 0.0. */
		if (float_constant(o, args[1], &f) && f == f && f != 0)
			return emit2(o, IR_FLOAT_ADD, args[0], ir_float(o->to, -f));
		return IR_NONE;
	case IR_FLOAT_GT:
		return emit2(o, IR_FLOAT_LT, args[1], args[0]);
	case IR_FLOAT_GE:
		return emit2(o, IR_FLOAT_LE, args[1], args[0]);
	default:
		return IR_NONE;
	}
}

static IrRef emit_canonical(Opt *o, enum ir_opcode opcode, const IrRef *args)
{
	switch (opcode) {
	case IR_INT_ADD:
	case IR_INT_SUB:
	case IR_INT_NEG:
	case IR_INT_INVERT:
	case IR_INT_MUL:
	case IR_INT_LSHIFT:
		return emit_sum(o, opcode, args);
	case IR_INT_AND:
	case IR_INT_OR:
	case IR_INT_XOR:
		return emit_bits(o, opcode, args);
	case IR_INT_GT:
		return emit2(o, IR_INT_LT, args[1], args[0]);
	case IR_INT_GE:
		return emit2(o, IR_INT_LE, args[1], args[0]);
	default:
		return emit_float(o, opcode, args);
	}
}

IrRef canon_emit(Opt *o, const IrOp *op, const IrRef *args)
{
	IrRef found = IR_NONE;

	if (!(ir_info[op->opcode].flags & IR_MANY))
		found = emit_canonical(o, op->opcode, args);
	return opt_known(o, found != IR_NONE ? found : opt_emit(o, op, args));
}

/* ---- Guards ---------------------------------------------------------------------------------- */

bool canon_is_comparison(enum ir_opcode opcode)
{
	return (opcode >= IR_INT_LT && opcode <= IR_UINT_GE) ||
	       (opcode >= IR_FLOAT_LT && opcode <= IR_FLOAT_GE) || opcode == IR_PTR_EQ ||
	       opcode == IR_PTR_NE;
}

/* The opposite of a comparison, its arguments exchanged if *swap; nop: it has none. */
static enum ir_opcode opposite(enum ir_opcode opcode, bool *swap)
{
	*swap = opcode == IR_INT_LT || opcode == IR_INT_LE;
	switch (opcode) {
	case IR_INT_LT:
		return IR_INT_LE;
	case IR_INT_LE:
		return IR_INT_LT;
	case IR_INT_EQ:
		return IR_INT_NE;
	case IR_INT_NE:
		return IR_INT_EQ;
	case IR_UINT_LT:
		return IR_UINT_GE;
	case IR_UINT_GE:
		return IR_UINT_LT;
	case IR_FLOAT_EQ:
		return IR_FLOAT_NE;
	case IR_FLOAT_NE:
		return IR_FLOAT_EQ;
	case IR_PTR_EQ:
		return IR_PTR_NE;
	case IR_PTR_NE:
		return IR_PTR_EQ;
	default:
		return IR_NOP;
	}
}

void canon_guard(Opt *o, IrOp *op)
{
	enum ir_opcode other;
	const IrOp *of;
	bool swap;
	IrRef a, b;

	if (op->opcode == IR_GUARD_FALSE && op->arg[0] >= 0) {
		of = ir_op(o->to, op->arg[0]);
		a = opt_known(o, of->arg[0]);
		b = of->nargs > 1 ? opt_known(o, of->arg[1]) : IR_NONE;
		other = opposite(of->opcode, &swap);
		if (other != IR_NOP) {
			op->opcode = IR_GUARD_TRUE;
			op->arg[0] = emit2(o, other, swap ? b : a, swap ? a : b);
		}
	}
	if (op->opcode != IR_GUARD_TRUE || op->arg[0] < 0)
		return;
	of = ir_op(o->to, op->arg[0]);
	if ((of->opcode == IR_INT_EQ || of->opcode == IR_PTR_EQ) && ir_is_constant(of->arg[1])) {
		op->opcode = IR_GUARD_VALUE;
		op->nargs = 2;
		op->arg[1] = of->arg[1];
		op->arg[0] = opt_known(o, of->arg[0]);
	}
}
