/* SPDX-License-Identifier: BSD-2-Clause */
/* record_math.c - functions of the library `math` that become operations. */
#include "record_library.h"

static bool float_argument(const struct known_call *c, int n, IrRef *ref)
{
	if (has_tag(c, n, TAG_FLOAT)) {
		*ref = argument(c, n);
		return true;
	}
	if (!has_tag(c, n, TAG_INTEGER))
		return false;
	*ref = emit1(c, IR_CAST_INT_TO_FLOAT, argument(c, n));
	return true;
}

static int rounded(struct known_call *c, enum ir_opcode opcode, enum round round)
{
	lua_Integer i;

	if (has_tag(c, 0, TAG_INTEGER))
		return one_integer(c, argument(c, 0));
	if (!has_tag(c, 0, TAG_FLOAT) || !float_to_integer(value_of(c, 0)->u.n, &i, round))
		return NOT_KNOWN;
	return one_integer(c, record_float_to_integer(c->r, emit1(c, opcode, argument(c, 0))));
}

int record_floor(struct known_call *c)
{
	return rounded(c, IR_FLOAT_FLOOR, ROUND_FLOOR);
}

int record_ceil(struct known_call *c)
{
	return rounded(c, IR_FLOAT_CEIL, ROUND_CEIL);
}

int record_tointeger(struct known_call *c)
{
	lua_Integer i;

	if (has_tag(c, 0, TAG_INTEGER))
		return one_integer(c, argument(c, 0));
	if (!has_tag(c, 0, TAG_FLOAT) || !float_to_integer(value_of(c, 0)->u.n, &i, ROUND_EXACT))
		return NOT_KNOWN;
	return one_integer(c, record_float_to_integer(c->r, argument(c, 0)));
}

int record_abs(struct known_call *c)
{
	IrRef x, sign;

	if (has_tag(c, 0, TAG_FLOAT))
		return one_float(c, emit1(c, IR_FLOAT_ABS, argument(c, 0)));
	if (!has_tag(c, 0, TAG_INTEGER))
		return NOT_KNOWN;
	/* -1 or 0: (x ^ sign) - sign */
	x = argument(c, 0);
	sign = emit1(c, IR_INT_NEG, emit2(c, IR_UINT_RSHIFT, x, integer(c, 63)));
	return one_integer(c, emit2(c, IR_INT_SUB, emit2(c, IR_INT_XOR, x, sign), sign));
}

int record_sqrt(struct known_call *c)
{
	IrRef x;

	return float_argument(c, 0, &x) ? one_float(c, emit1(c, IR_FLOAT_SQRT, x)) : NOT_KNOWN;
}

static int by_helper(struct known_call *c, enum ir_helper helper)
{
	IrRef x;

	if (!float_argument(c, 0, &x))
		return NOT_KNOWN;
	return one_float(c, record_call(c->r, helper, 1, &x));
}

int record_sin(struct known_call *c)
{
	return by_helper(c, HELPER_FLOAT_SIN);
}

int record_cos(struct known_call *c)
{
	return by_helper(c, HELPER_FLOAT_COS);
}

int record_tan(struct known_call *c)
{
	return by_helper(c, HELPER_FLOAT_TAN);
}

int record_exp(struct known_call *c)
{
	return by_helper(c, HELPER_FLOAT_EXP);
}

int record_log(struct known_call *c)
{
	return c->n == 1 ? by_helper(c, HELPER_FLOAT_LOG) : NOT_KNOWN;
}

/* As in C: the result has the sign of the first. */
static int integer_fmod(struct known_call *c)
{
	IrRef args[2], zero = integer(c, 0);

	if (value_of(c, 1)->u.i == 0)
		return NOT_KNOWN;
	args[0] = argument(c, 0);
	args[1] = argument(c, 1);
	if (value_of(c, 0)->u.i < 0 || value_of(c, 1)->u.i < 0) {
		record_guard_that(c->r, true, emit2(c, IR_INT_NE, args[1], zero));
		return one_integer(c, record_call(c->r, HELPER_INT_FMOD, 2, args));
	}
	record_guard_that(c->r, true, emit2(c, IR_INT_LE, zero, args[0]));
	record_guard_that(c->r, true, emit2(c, IR_INT_LT, zero, args[1]));
	return one_integer(c, emit2(c, IR_INT_MOD, args[0], args[1]));
}

int record_fmod(struct known_call *c)
{
	IrRef args[2];

	if (has_tag(c, 0, TAG_INTEGER) && has_tag(c, 1, TAG_INTEGER))
		return integer_fmod(c);
	if (!float_argument(c, 0, &args[0]) || !float_argument(c, 1, &args[1]))
		return NOT_KNOWN;
	return one_float(c, record_call(c->r, HELPER_FLOAT_FMOD, 2, args));
}

/* The whole part is an integer if it is in their range; then the rest is a difference. */
int record_modf(struct known_call *c)
{
	IrRef x, whole;
	bool negative;
	lua_Integer i;

	if (has_tag(c, 0, TAG_INTEGER)) {
		one_integer(c, argument(c, 0));
		c->results[1] = (RecordedSlot){.ref = ir_float(c->r->ir, 0), .tag = TAG_FLOAT};
		return 2;
	}
	if (!has_tag(c, 0, TAG_FLOAT))
		return NOT_KNOWN;
	negative = value_of(c, 0)->u.n < 0;
	if (!float_to_integer(value_of(c, 0)->u.n, &i, negative ? ROUND_CEIL : ROUND_FLOOR))
		return NOT_KNOWN;
	x = argument(c, 0);
	record_guard_that(c->r, negative, emit2(c, IR_FLOAT_LT, x, ir_float(c->r->ir, 0)));
	whole = emit1(c, negative ? IR_FLOAT_CEIL : IR_FLOAT_FLOOR, x);
	one_integer(c, record_float_to_integer(c->r, whole));
	c->results[1] = (RecordedSlot){.ref = emit2(c, IR_FLOAT_SUB, x, whole), .tag = TAG_FLOAT};
	return 2;
}

int record_ult(struct known_call *c)
{
	bool less;

	if (!has_tag(c, 0, TAG_INTEGER) || !has_tag(c, 1, TAG_INTEGER))
		return NOT_KNOWN;
	less = (lua_Unsigned)value_of(c, 0)->u.i < (lua_Unsigned)value_of(c, 1)->u.i;
	record_guard_that(c->r, less, emit2(c, IR_UINT_LT, argument(c, 0), argument(c, 1)));
	return one_truth(c, less);
}

/* The argument that no other is less (greater) than: guarded to be the one it is now. */
static int extreme(struct known_call *c, bool greatest)
{
	int best = 0;

	for (int i = 0; i < c->n; i++)
		if (!is_number(value_of(c, i)))
			return NOT_KNOWN;
	if (c->n < 1)
		return NOT_KNOWN;
	for (int i = 1; i < c->n; i++) {
		int a = greatest ? best : i, b = greatest ? i : best;
		IrRef less = record_less(c->r, value_of(c, a), argument(c, a), value_of(c, b),
					 argument(c, b));
		bool holds = number_less(value_of(c, a), value_of(c, b));

		record_guard_that(c->r, holds, less);
		if (holds)
			best = i;
	}
	return one(c, argument(c, best), value_of(c, best)->tag);
}

int record_max(struct known_call *c)
{
	return extreme(c, true);
}

int record_min(struct known_call *c)
{
	return extreme(c, false);
}

int record_math_type(struct known_call *c)
{
	if (has_tag(c, 0, TAG_INTEGER))
		return argument(c, 0), one_text(c, "integer");
	if (has_tag(c, 0, TAG_FLOAT))
		return argument(c, 0), one_text(c, "float");
	return NOT_KNOWN;
}
