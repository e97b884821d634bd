/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bounds.c - between which numbers an integer lies, and what follows from it.
 *
 * An operation has bounds when it is written: a comparison is 0 or 1, x & 7 is 0 to
 * 7, a sum that cannot wrap lies between the sums of the bounds. A guard narrows
 * them from there on: traces are straight, so nothing that was learnt is ever
 * forgotten. What a label's argument is between, peel_turns.c finds by trying.
 *
 * What is proved so is not computed: comparisons (and with them guards), masks that
 * mask nothing; divisions of what is not negative become cheaper ones.
 *
 * The bounds are those of the signed value, and hold whatever wraps: where a result
 * may wrap it is said to be anything.
 */
#include "opt.h"

#define LEAST LUA_MININTEGER
#define GREATEST LUA_MAXINTEGER

static const Bounds anything = {LEAST, GREATEST}, truth = {0, 1}, byte = {0, UINT8_MAX},
		    word = {0, UINT32_MAX}, natural = {0, GREATEST};

static Bounds at(lua_Integer i)
{
	return (Bounds){i, i};
}

static bool is_one_number(Bounds b)
{
	return b.low == b.high;
}

static lua_Integer smaller(lua_Integer a, lua_Integer b)
{
	return a < b ? a : b;
}

static lua_Integer larger(lua_Integer a, lua_Integer b)
{
	return a > b ? a : b;
}

/* ---- Of results --------------------------------------------------------------------------------
 */

static Bounds sum(Bounds a, Bounds b)
{
	Bounds s;

	if (__builtin_add_overflow(a.low, b.low, &s.low) ||
	    __builtin_add_overflow(a.high, b.high, &s.high))
		return anything;
	return s;
}

static Bounds difference(Bounds a, Bounds b)
{
	Bounds d;

	if (__builtin_sub_overflow(a.low, b.high, &d.low) ||
	    __builtin_sub_overflow(a.high, b.low, &d.high))
		return anything;
	return d;
}

static Bounds product(Bounds a, Bounds b)
{
	lua_Integer p[4];

	if (__builtin_mul_overflow(a.low, b.low, &p[0]) ||
	    __builtin_mul_overflow(a.low, b.high, &p[1]) ||
	    __builtin_mul_overflow(a.high, b.low, &p[2]) ||
	    __builtin_mul_overflow(a.high, b.high, &p[3]))
		return anything;
	return (Bounds){smaller(smaller(p[0], p[1]), smaller(p[2], p[3])),
			larger(larger(p[0], p[1]), larger(p[2], p[3]))};
}

static Bounds conjunction(Bounds a, Bounds b)
{
	if (a.low < 0 && b.low < 0)
		return anything;
	if (a.low < 0)
		return (Bounds){0, b.high};
	return (Bounds){0, b.low < 0 ? a.high : smaller(a.high, b.high)};
}

/* Or and exclusive or: no bit above the highest of either. */
static Bounds disjunction(Bounds a, Bounds b, bool exclusive)
{
	lua_Integer high = larger(a.high, b.high);

	if (a.low < 0 || b.low < 0)
		return anything;
	if (high)
		high = (lua_Integer)(UINT64_MAX >> __builtin_clzll((lua_Unsigned)high));
	return (Bounds){exclusive ? 0 : larger(a.low, b.low), high};
}

static Bounds quotient(Bounds a, Bounds b)
{
	if (is_one_number(b) && b.low > 0)
		return (Bounds){ir_floordiv(a.low, b.low), ir_floordiv(a.high, b.low)};
	return a.low >= 0 && b.low > 0 ? (Bounds){0, a.high} : anything;
}

static Bounds modulus(Bounds a, Bounds b)
{
	if (b.low > 0)
		return (Bounds){0, a.low < 0 ? b.high - 1 : smaller(a.high, b.high - 1)};
	return b.high < 0 ? (Bounds){b.low + 1, 0} : anything;
}

static Bounds shifted_left(Bounds a, Bounds b)
{
	if (!is_one_number(b) || b.low < 0 || b.low > 62)
		return anything;
	return product(a, at((lua_Integer)1 << b.low));
}

static Bounds shifted_right(Bounds a, Bounds b)
{
	if (!is_one_number(b) || b.low < 0 || b.low > 63)
		return a.low >= 0 ? (Bounds){0, a.high} : anything;
	if (a.low >= 0)
		return (Bounds){a.low >> b.low, a.high >> b.low};
	return b.low ? (Bounds){0, (lua_Integer)(UINT64_MAX >> b.low)} : a;
}

static Bounds of_helper(enum ir_helper helper)
{
	switch (helper) {
	case HELPER_INT_FLOAT_LT:
	case HELPER_INT_FLOAT_LE:
	case HELPER_FLOAT_INT_LT:
	case HELPER_FLOAT_INT_LE:
	case HELPER_TABLE_PUT_INTEGER:
	case HELPER_TABLE_PUT_STRING:
	case HELPER_TABLE_PUT:
	case HELPER_TABLE_APPEND:
	case HELPER_TABLE_INSERT:
	case HELPER_TABLE_REMOVE:
	case HELPER_SET_METATABLE:
	case HELPER_STRING_EQUAL:
	case HELPER_CLOSE_UPVALUES:
	case HELPER_CLOSE_OPENED:
	case HELPER_NOTHING_TO_CLOSE:
		return truth;
	case HELPER_TABLE_GET_INTEGER:
	case HELPER_TABLE_GET_STRING:
	case HELPER_TABLE_GET:
		return byte;
	default:
		return anything;
	}
}

static Bounds of_field(enum ir_field field)
{
	static const char types[IR_FIELD_COUNT] = {
#define X(name, text, object, member, type) [IR_FIELD_##name] = type,
		IR_FIELDS(X)
#undef X
	};

	return types[field] == '1' ? byte : types[field] == '4' ? word : anything;
}

static Bounds of_other(const IrOp *op)
{
	switch (op->opcode) {
	case IR_GETSLOT_TAG:
	case IR_GETVALUE_TAG:
	case IR_GETARRAYITEM_TAG:
	case IR_GETNODE_TAG:
	case IR_GETNODE_KEYTAG:
	case IR_STRGETITEM:
		return byte;
	case IR_GETFIELD_I:
		return of_field((enum ir_field)op->descr);
	case IR_STRLEN:
		return natural;
	case IR_CALL_I:
		return of_helper((enum ir_helper)op->descr);
	case IR_INT_LT ... IR_UINT_GE:
	case IR_FLOAT_LT ... IR_FLOAT_GE:
	case IR_PTR_EQ:
	case IR_PTR_NE:
		return truth;
	default:
		return anything;
	}
}

Bounds bounds_of(const Opt *o, IrRef ref)
{
	const IrOp *op;
	Bounds b, s;

	if (ref < 0)
		return ir_constant(o->to, ref)->type == 'i' ? at(ir_constant(o->to, ref)->u.i)
							    : anything;
	if (!opt_does(o, PASS_INTBOUNDS))
		return anything;
	op = ir_op(o->to, ref);
	b = o->bounds[ref];
	if (op->opcode != IR_INT_ADD || !ir_is_constant(op->arg[1]) || op->arg[0] < 0)
		return b;
	/* What was learnt of x since says something about x + c. */
	s = sum(o->bounds[op->arg[0]], at(ir_constant(o->to, op->arg[1])->u.i));
	s = (Bounds){larger(b.low, s.low), smaller(b.high, s.high)};
	return s.low <= s.high ? s : b;
}

Bounds bounds_of_result(const Opt *o, const IrOp *op)
{
	Bounds a = anything, b = anything;

	if (ir_info[op->opcode].flags & IR_PURE) {
		a = bounds_of(o, op->arg[0]);
		b = op->nargs > 1 ? bounds_of(o, op->arg[1]) : anything;
	}
	switch (op->opcode) {
	case IR_INT_ADD:
		return sum(a, b);
	case IR_INT_SUB:
		return difference(a, b);
	case IR_INT_MUL:
		return product(a, b);
	case IR_INT_NEG:
		return difference(at(0), a);
	case IR_INT_INVERT:
		return (Bounds){~a.high, ~a.low};
	case IR_INT_FLOORDIV:
	case IR_UINT_FLOORDIV:
		return quotient(a, b);
	case IR_INT_MOD:
	case IR_UINT_MOD:
		return modulus(a, b);
	case IR_INT_AND:
		return conjunction(a, b);
	case IR_INT_OR:
	case IR_INT_XOR:
		return disjunction(a, b, op->opcode == IR_INT_XOR);
	case IR_INT_LSHIFT:
		return shifted_left(a, b);
	case IR_UINT_RSHIFT:
		return shifted_right(a, b);
	default:
		return of_other(op);
	}
}

/* ---- Learning from guards -----------------------------------------------------------------------
 */

/* Bounds that contradict each other stand behind a guard that never lets the trace pass. */
static void narrow(Opt *o, IrRef ref, lua_Integer low, lua_Integer high)
{
	const IrOp *op;
	lua_Integer c;
	Bounds b;

	if (ref < 0)
		return;
	op = ir_op(o->to, ref);
	b = bounds_of(o, ref);
	b = (Bounds){larger(b.low, low), smaller(b.high, high)};
	if (b.low > b.high)
		return;
	o->bounds[ref] = b;
	if (op->opcode != IR_INT_ADD || !ir_is_constant(op->arg[1]))
		return;
	c = ir_constant(o->to, op->arg[1])->u.i;
	if (!__builtin_sub_overflow(b.low, c, &low) && !__builtin_sub_overflow(b.high, c, &high))
		narrow(o, op->arg[0], low, high);
}

/* a < b, or a <= b */
static void learn_less(Opt *o, IrRef a, IrRef b, bool or_equal)
{
	lua_Integer high = bounds_of(o, b).high, low = bounds_of(o, a).low;

	if (!or_equal && (high == LEAST || low == GREATEST))
		return;
	narrow(o, a, LEAST, high - !or_equal);
	narrow(o, b, low + !or_equal, GREATEST);
}

static void learn_equal(Opt *o, IrRef a, IrRef b)
{
	Bounds x = bounds_of(o, a), y = bounds_of(o, b);

	narrow(o, a, y.low, y.high);
	narrow(o, b, x.low, x.high);
}

static void learn_unequal(Opt *o, IrRef a, IrRef b)
{
	Bounds x = bounds_of(o, a), y = bounds_of(o, b);

	if (!is_one_number(y) || is_one_number(x))
		return;
	if (x.low == y.low)
		narrow(o, a, x.low + 1, GREATEST);
	else if (x.high == y.low)
		narrow(o, a, LEAST, x.high - 1);
}

/* As unsigned numbers; said only of a `b` that is not negative. */
static void learn_below(Opt *o, IrRef a, IrRef b)
{
	Bounds y = bounds_of(o, b);
	lua_Integer low;

	if (y.low < 0 || y.high == 0)
		return;
	narrow(o, a, 0, y.high - 1);
	low = bounds_of(o, a).low;
	if (low >= 0 && low < y.high)
		narrow(o, b, low + 1, GREATEST);
}

static void learn_not_below(Opt *o, IrRef a, IrRef b)
{
	if (bounds_of(o, a).low >= 0 && bounds_of(o, b).low >= 0)
		learn_less(o, b, a, true);
}

static lua_Integer saturated_sum(lua_Integer a, lua_Integer b)
{
	lua_Integer s;

	return !__builtin_add_overflow(a, b, &s) ? s : a < 0 ? LEAST : GREATEST;
}

void bounds_learn_sum(Opt *o, IrRef sum, IrRef a, IrRef b)
{
	Bounds x = bounds_of(o, a), y = bounds_of(o, b);

	narrow(o, sum, saturated_sum(x.low, y.low), saturated_sum(x.high, y.high));
}

static enum ir_opcode opposite(enum ir_opcode opcode)
{
	switch (opcode) {
	case IR_INT_LT:
		return IR_INT_GE;
	case IR_INT_LE:
		return IR_INT_GT;
	case IR_INT_GT:
		return IR_INT_LE;
	case IR_INT_GE:
		return IR_INT_LT;
	case IR_INT_EQ:
		return IR_INT_NE;
	case IR_INT_NE:
		return IR_INT_EQ;
	case IR_UINT_LT:
		return IR_UINT_GE;
	case IR_UINT_GE:
		return IR_UINT_LT;
	default:
		return opcode;
	}
}

void bounds_learn(Opt *o, IrRef condition, bool holds)
{
	const IrOp *op = ir_op(o->to, condition);
	IrRef a = op->arg[0], b = op->arg[1];

	if (op->opcode < IR_INT_LT || op->opcode > IR_UINT_GE) {
		if (holds && bounds_of(o, condition).low == 0)
			narrow(o, condition, 1, GREATEST);
		return;
	}
	o->bounds[condition] = at(holds);
	switch (holds ? op->opcode : opposite(op->opcode)) {
	case IR_INT_LT:
		learn_less(o, a, b, false);
		break;
	case IR_INT_LE:
		learn_less(o, a, b, true);
		break;
	case IR_INT_GT:
		learn_less(o, b, a, false);
		break;
	case IR_INT_GE:
		learn_less(o, b, a, true);
		break;
	case IR_INT_EQ:
		learn_equal(o, a, b);
		break;
	case IR_INT_NE:
		learn_unequal(o, a, b);
		break;
	case IR_UINT_LT:
		learn_below(o, a, b);
		break;
	default:
		learn_not_below(o, a, b);
	}
}

/* ---- What follows
 * ---------------------------------------------------------------------------------
 */

enum answer { NO, YES, UNKNOWN };

static enum answer less(Bounds a, Bounds b, bool or_equal)
{
	if (or_equal ? a.high <= b.low : a.high < b.low)
		return YES;
	return (or_equal ? a.low > b.high : a.low >= b.high) ? NO : UNKNOWN;
}

static enum answer equal(Bounds a, Bounds b)
{
	if (a.high < b.low || b.high < a.low)
		return NO;
	return is_one_number(a) && is_one_number(b) ? YES : UNKNOWN;
}

/* As unsigned numbers those that are negative are the larger ones. */
static enum answer below(Bounds a, Bounds b)
{
	if ((a.low >= 0 && b.low >= 0) || (a.high < 0 && b.high < 0))
		return less(a, b, false);
	if (a.low >= 0 && b.high < 0)
		return YES;
	return a.high < 0 && b.low >= 0 ? NO : UNKNOWN;
}

static enum answer not(enum answer a) { return a == UNKNOWN ? a : a == NO ? YES : NO; }

IrRef bounds_base(const Opt *o, IrRef ref, lua_Integer *offset)
{
	const IrOp *op = ref < 0 ? NULL : ir_op(o->to, ref);

	*offset = 0;
	if (!op || op->opcode != IR_INT_ADD || !ir_is_constant(op->arg[1]))
		return ref;
	*offset = ir_constant(o->to, op->arg[1])->u.i;
	return op->arg[0];
}

/*
 * x + a < size as unsigned numbers, if x + b < size is known for some b >= a, neither
 * x + a nor size being negative: then x + b does not wrap, and is no smaller.
 */
static bool is_below_known(const Opt *o, IrRef index, IrRef size)
{
	lua_Integer a, b, distance;
	IrRef x = bounds_base(o, index, &a);

	if (bounds_of(o, index).low < 0 || bounds_of(o, size).low < 0)
		return false;
	for (int32_t i = o->last[IR_UINT_LT]; i >= 0; i = o->chain[i]) {
		const IrOp *op = ir_op(o->to, i);

		if (op->arg[1] == size && bounds_of(o, i).low == 1 &&
		    bounds_base(o, op->arg[0], &b) == x &&
		    !__builtin_sub_overflow(b, a, &distance) && distance >= 0)
			return true;
	}
	return false;
}

static enum answer compare(const Opt *o, const IrOp *op)
{
	Bounds a = bounds_of(o, op->arg[0]), b = bounds_of(o, op->arg[1]);

	switch (op->opcode) {
	case IR_INT_LT:
		return less(a, b, false);
	case IR_INT_LE:
		return less(a, b, true);
	case IR_INT_GT:
		return less(b, a, false);
	case IR_INT_GE:
		return less(b, a, true);
	case IR_INT_EQ:
		return equal(a, b);
	case IR_INT_NE:
		return not(equal(a, b));
	case IR_UINT_LT:
		return is_below_known(o, op->arg[0], op->arg[1]) ? YES : below(a, b);
	default: /* IR_UINT_GE */
		return is_below_known(o, op->arg[0], op->arg[1]) ? NO : not(below(a, b));
	}
}

static bool is_power_of_two(lua_Integer n)
{
	return n > 0 && !(n & (n - 1));
}

/* x mod d is x of 0 <= x < d. */
static IrRef fold_modulo(IrOp *op, Bounds a, Bounds b)
{
	if (a.low < 0)
		return IR_NONE;
	if (a.high < b.low)
		return op->arg[0];
	if (is_one_number(b) && b.low > 0 && op->arg[1] < 0)
		op->opcode = IR_UINT_MOD;
	return IR_NONE;
}

static IrRef fold_division(Opt *o, IrOp *op, Bounds a, Bounds b)
{
	if (a.low < 0 || op->arg[1] >= 0 || b.low <= 0)
		return IR_NONE;
	if (is_power_of_two(b.low)) {
		op->opcode = IR_UINT_RSHIFT;
		op->arg[1] = ir_integer(o->to, __builtin_ctzll((lua_Unsigned)b.low));
	} else {
		op->opcode = IR_UINT_FLOORDIV;
	}
	return IR_NONE;
}

static IrRef fold_mask(const IrOp *op, Bounds a, Bounds b)
{
	/* All bits that a can have are in the mask. */
	return is_one_number(b) && !(b.low & (lua_Integer)((lua_Unsigned)b.low + 1)) &&
			       a.low >= 0 && a.high <= b.low
		       ? op->arg[0]
		       : IR_NONE;
}

IrRef bounds_fold(Opt *o, IrOp *op)
{
	Bounds a, b;

	if (!opt_does(o, PASS_INTBOUNDS) || !(ir_info[op->opcode].flags & IR_PURE) ||
	    op->type != 'i' || ir_type(o->to, op->arg[0]) != 'i')
		return IR_NONE;
	if (op->opcode >= IR_INT_LT && op->opcode <= IR_UINT_GE) {
		enum answer answer = compare(o, op);

		return answer == UNKNOWN ? IR_NONE : ir_integer(o->to, answer == YES);
	}
	b = bounds_of_result(o, op);
	if (is_one_number(b))
		return ir_integer(o->to, b.low);
	if (op->nargs < 2)
		return IR_NONE;
	a = bounds_of(o, op->arg[0]);
	b = bounds_of(o, op->arg[1]);
	switch (op->opcode) {
	case IR_INT_MOD:
		return fold_modulo(op, a, b);
	case IR_INT_FLOORDIV:
		return fold_division(o, op, a, b);
	case IR_INT_AND:
		return fold_mask(op, a, b);
	default:
		return IR_NONE;
	}
}
