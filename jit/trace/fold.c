/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fold.c - operations that need not be computed: constants, identities, simpler
 * forms.
 *
 * Each rule must be right for all values: integers wrap; floats have NaNs, signed
 * zeros and infinities, so of x+0.0, x*0.0, x-x and the like none is folded, while
 * x*1.0, x/1.0 and x-0.0 are x for every x.
 */
#include <math.h>
#include <string.h>

#include "../lua/number.h"
#include "opt.h"

static bool integer_of(const Opt *o, IrRef ref, lua_Integer *i)
{
	if (!ir_is_constant(ref) || ir_constant(o->to, ref)->type != 'i')
		return false;
	*i = ir_constant(o->to, ref)->u.i;
	return true;
}

static bool float_of(const Opt *o, IrRef ref, lua_Number *f)
{
	if (!ir_is_constant(ref) || ir_constant(o->to, ref)->type != 'f')
		return false;
	*f = ir_constant(o->to, ref)->u.n;
	return true;
}

static const void *pointer_of(const Opt *o, IrRef ref)
{
	return ir_constant(o->to, ref)->u.p;
}

static bool is_pointer(const Opt *o, IrRef ref)
{
	return ir_is_constant(ref) && ir_constant(o->to, ref)->type == 'r';
}

static IrRef truth(Opt *o, bool b)
{
	return ir_integer(o->to, b);
}

/* ---- All arguments constant --------------------------------------------------------------------
 */

static IrRef fold_integers(Opt *o, enum ir_opcode opcode, lua_Integer a, lua_Integer b)
{
	Ir *ir = o->to;

	switch (opcode) {
	case IR_INT_ADD:
		return ir_integer(ir, int_add(a, b));
	case IR_INT_SUB:
		return ir_integer(ir, int_sub(a, b));
	case IR_INT_MUL:
		return ir_integer(ir, int_mul(a, b));
	case IR_INT_FLOORDIV:
	case IR_UINT_FLOORDIV:
		return b ? ir_integer(ir, ir_floordiv(a, b)) : IR_NONE;
	case IR_INT_MOD:
	case IR_UINT_MOD:
		return b ? ir_integer(ir, ir_mod(a, b)) : IR_NONE;
	case IR_INT_AND:
		return ir_integer(ir, a & b);
	case IR_INT_OR:
		return ir_integer(ir, a | b);
	case IR_INT_XOR:
		return ir_integer(ir, a ^ b);
	case IR_INT_LSHIFT:
		return ir_integer(ir, (lua_Integer)((lua_Unsigned)a << (b & 63)));
	case IR_UINT_RSHIFT:
		return ir_integer(ir, (lua_Integer)((lua_Unsigned)a >> (b & 63)));
	case IR_INT_LT:
		return truth(o, a < b);
	case IR_INT_LE:
		return truth(o, a <= b);
	case IR_INT_EQ:
		return truth(o, a == b);
	case IR_INT_NE:
		return truth(o, a != b);
	case IR_INT_GT:
		return truth(o, a > b);
	case IR_INT_GE:
		return truth(o, a >= b);
	case IR_UINT_LT:
		return truth(o, (lua_Unsigned)a < (lua_Unsigned)b);
	case IR_UINT_GE:
		return truth(o, (lua_Unsigned)a >= (lua_Unsigned)b);
	default:
		return IR_NONE;
	}
}

static IrRef fold_floats(Opt *o, enum ir_opcode opcode, lua_Number a, lua_Number b)
{
	Ir *ir = o->to;

	switch (opcode) {
	case IR_FLOAT_ADD:
		return ir_float(ir, a + b);
	case IR_FLOAT_SUB:
		return ir_float(ir, a - b);
	case IR_FLOAT_MUL:
		return ir_float(ir, a * b);
	case IR_FLOAT_TRUEDIV:
		return ir_float(ir, a / b);
	case IR_FLOAT_LT:
		return truth(o, a < b);
	case IR_FLOAT_LE:
		return truth(o, a <= b);
	case IR_FLOAT_EQ:
		return truth(o, a == b);
	case IR_FLOAT_NE:
		return truth(o, a != b);
	case IR_FLOAT_GT:
		return truth(o, a > b);
	case IR_FLOAT_GE:
		return truth(o, a >= b);
	default:
		return IR_NONE;
	}
}

static IrRef fold_one(Opt *o, const IrOp *op)
{
	lua_Integer i;
	lua_Number f;

	if (integer_of(o, op->arg[0], &i))
		switch (op->opcode) {
		case IR_INT_NEG:
			return ir_integer(o->to, int_sub(0, i));
		case IR_INT_INVERT:
			return ir_integer(o->to, ~i);
		case IR_CAST_INT_TO_FLOAT:
			return ir_float(o->to, (lua_Number)i);
		default:
			return IR_NONE;
		}
	if (float_of(o, op->arg[0], &f))
		switch (op->opcode) {
		case IR_FLOAT_NEG:
			return ir_float(o->to, -f);
		case IR_FLOAT_ABS:
			return ir_float(o->to, fabs(f));
		case IR_FLOAT_FLOOR:
			return ir_float(o->to, floor(f));
		case IR_FLOAT_CEIL:
			return ir_float(o->to, ceil(f));
		case IR_FLOAT_SQRT:
			return ir_float(o->to, sqrt(f));
		case IR_CAST_FLOAT_TO_INT:
			return ir_integer(o->to, f >= -0x1p63 && f < 0x1p63 ? (lua_Integer)f
									    : LUA_MININTEGER);
		default:
			return IR_NONE;
		}
	if (is_pointer(o, op->arg[0])) {
		if (op->opcode == IR_STRLEN)
			return ir_integer(o->to, (lua_Integer)string_length((
							 const String *)pointer_of(o, op->arg[0])));
		if (op->opcode == IR_GETUPVALUE)
			return ir_object(o->to,
					 ((const LuaFunction *)pointer_of(o, op->arg[0]))
						 ->upvalues[op->descr],
					 TAG_UPVALUE);
	}
	return IR_NONE;
}

/* ---- Identities
 * ------------------------------------------------------------------------------------ */

/* The operation that does the same with its operands exchanged; IR_NOP: there is none. */
static enum ir_opcode mirrored(enum ir_opcode opcode)
{
	switch (opcode) {
	case IR_INT_LT:
		return IR_INT_GT;
	case IR_INT_LE:
		return IR_INT_GE;
	case IR_INT_GT:
		return IR_INT_LT;
	case IR_INT_GE:
		return IR_INT_LE;
	case IR_INT_ADD:
	case IR_INT_MUL:
	case IR_INT_AND:
	case IR_INT_OR:
	case IR_INT_XOR:
	case IR_INT_EQ:
	case IR_INT_NE:
	case IR_FLOAT_ADD:
	case IR_FLOAT_MUL:
	case IR_FLOAT_EQ:
	case IR_FLOAT_NE:
	case IR_PTR_EQ:
	case IR_PTR_NE:
		return opcode;
	default:
		return IR_NOP;
	}
}

/* A constant goes to the right, so that rules and sharing see one form. */
static void order_arguments(IrOp *op)
{
	IrRef a = op->arg[0];

	if (mirrored(op->opcode) == IR_NOP || a >= op->arg[1])
		return;
	op->opcode = (uint8_t)mirrored(op->opcode);
	op->arg[0] = op->arg[1];
	op->arg[1] = a;
}

/* x op constant */
static IrRef fold_integer_right(Opt *o, IrOp *op, lua_Integer b)
{
	IrRef x = op->arg[0];

	switch (op->opcode) {
	case IR_INT_ADD:
	case IR_INT_SUB:
	case IR_INT_OR:
	case IR_INT_XOR:
	case IR_INT_LSHIFT:
	case IR_UINT_RSHIFT:
		return b == 0 ? x : IR_NONE;
	case IR_INT_MUL:
		if (b == 1)
			return x;
		return b == 0 ? op->arg[1] : IR_NONE;
	case IR_INT_AND:
		if (b == -1)
			return x;
		return b == 0 ? op->arg[1] : IR_NONE;
	case IR_INT_FLOORDIV:
		return b == 1 ? x : IR_NONE;
	case IR_INT_MOD:
		if (b == 1 || b == -1)
			return ir_integer(o->to, 0);
		if (b > 0 && !(b & (b - 1))) {
			op->opcode = IR_INT_AND;
			op->arg[1] = ir_integer(o->to, b - 1);
		}
		return IR_NONE;
	default:
		return IR_NONE;
	}
}

/* (x + c) + b is x + (c + b); a subtraction of a constant is an addition. */
static IrRef fold_sums(Opt *o, IrOp *op, lua_Integer b)
{
	const IrOp *inner;
	lua_Integer c;

	if (op->opcode == IR_INT_SUB) {
		op->opcode = IR_INT_ADD;
		b = int_sub(0, b);
		op->arg[1] = ir_integer(o->to, b);
	}
	if (op->opcode != IR_INT_ADD || op->arg[0] < 0)
		return IR_NONE;
	inner = ir_op(o->to, op->arg[0]);
	if (inner->opcode != IR_INT_ADD || !integer_of(o, inner->arg[1], &c))
		return IR_NONE;
	b = int_add(b, c);
	op->arg[0] = inner->arg[0];
	op->arg[1] = ir_integer(o->to, b);
	return b == 0 ? op->arg[0] : IR_NONE;
}

/* x * 2 is x + x: the same number, rounded once, in less time. */
static IrRef fold_double(IrOp *op)
{
	op->opcode = IR_FLOAT_ADD;
	op->arg[1] = op->arg[0];
	return IR_NONE;
}

static IrRef fold_float_right(IrOp *op, lua_Number b)
{
	switch (op->opcode) {
	case IR_FLOAT_MUL:
		if (b == 2)
			return fold_double(op);
		return b == 1 ? op->arg[0] : IR_NONE;
	case IR_FLOAT_TRUEDIV:
		return b == 1 ? op->arg[0] : IR_NONE;
	case IR_FLOAT_SUB:
		return b == 0 && !signbit(b) ? op->arg[0] : IR_NONE;
	default:
		return IR_NONE;
	}
}

/* x op x, for integers and pointers. */
static IrRef fold_equal(Opt *o, const IrOp *op)
{
	switch (op->opcode) {
	case IR_INT_SUB:
	case IR_INT_XOR:
		return ir_integer(o->to, 0);
	case IR_INT_AND:
	case IR_INT_OR:
		return op->arg[0];
	case IR_INT_EQ:
	case IR_INT_LE:
	case IR_INT_GE:
	case IR_UINT_GE:
	case IR_PTR_EQ:
		return truth(o, true);
	case IR_INT_NE:
	case IR_INT_LT:
	case IR_INT_GT:
	case IR_UINT_LT:
	case IR_PTR_NE:
		return truth(o, false);
	default:
		return IR_NONE;
	}
}

/* -(-x), ~~x, abs(-x), a cast there and back. */
static IrRef fold_inverse(Opt *o, IrOp *op)
{
	const IrOp *inner;

	if (op->arg[0] < 0)
		return IR_NONE;
	inner = ir_op(o->to, op->arg[0]);
	if (op->opcode == inner->opcode &&
	    (op->opcode == IR_INT_NEG || op->opcode == IR_INT_INVERT || op->opcode == IR_FLOAT_NEG))
		return inner->arg[0];
	if (op->opcode == IR_FLOAT_ABS && inner->opcode == IR_FLOAT_NEG)
		op->arg[0] = inner->arg[0];
	if ((op->opcode == IR_FLOAT_ABS || op->opcode == IR_FLOAT_FLOOR ||
	     op->opcode == IR_FLOAT_CEIL) &&
	    inner->opcode == op->opcode)
		return op->arg[0];
	/* An integer as float has no fraction. */
	if ((op->opcode == IR_FLOAT_FLOOR || op->opcode == IR_FLOAT_CEIL) &&
	    inner->opcode == IR_CAST_INT_TO_FLOAT)
		return op->arg[0];
	return IR_NONE;
}

/* x + a less x + b is a - b, whether either wraps or not. */
static IrRef fold_distance(Opt *o, const IrOp *op)
{
	lua_Integer a, b;

	if (op->opcode != IR_INT_SUB ||
	    bounds_base(o, op->arg[0], &a) != bounds_base(o, op->arg[1], &b))
		return IR_NONE;
	return ir_integer(o->to, int_sub(a, b));
}

static IrRef fold_two(Opt *o, IrOp *op)
{
	lua_Integer i, j;
	lua_Number f, g;
	IrRef found;

	if (integer_of(o, op->arg[1], &j)) {
		if (integer_of(o, op->arg[0], &i))
			return fold_integers(o, op->opcode, i, j);
		found = fold_integer_right(o, op, j);
		return found != IR_NONE || !integer_of(o, op->arg[1], &j) ? found
									  : fold_sums(o, op, j);
	}
	if (float_of(o, op->arg[1], &g))
		return float_of(o, op->arg[0], &f) ? fold_floats(o, op->opcode, f, g)
						   : fold_float_right(op, g);
	if (is_pointer(o, op->arg[0]) && is_pointer(o, op->arg[1])) {
		bool equal = pointer_of(o, op->arg[0]) == pointer_of(o, op->arg[1]);

		if (op->opcode == IR_PTR_EQ || op->opcode == IR_PTR_NE)
			return truth(o, equal == (op->opcode == IR_PTR_EQ));
	}
	return op->arg[0] == op->arg[1] ? fold_equal(o, op) : fold_distance(o, op);
}

IrRef fold(Opt *o, IrOp *op)
{
	switch (op->opcode) {
	case IR_SAME_AS_I:
	case IR_SAME_AS_F:
	case IR_SAME_AS_R:
		return op->arg[0];
	default:
		break;
	}
	if (!opt_does(o, PASS_REWRITE) || !(ir_info[op->opcode].flags & IR_PURE))
		return IR_NONE;
	if (op->nargs == 1) {
		IrRef found = fold_one(o, op);

		return found != IR_NONE ? found : fold_inverse(o, op);
	}
	order_arguments(op);
	return fold_two(o, op);
}
