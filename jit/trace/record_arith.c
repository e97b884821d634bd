/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_arith.c - numbers: operators, comparisons, numeric for loops.
 *
 * The types that the operands have are those that the trace is for; they were
 * guarded when the operands were loaded. An integer that meets a float is cast.
 */
#include "../lua/vm.h"
#include "record.h"

static IrRef as_float(Recorder *r, const Value *v, IrRef ref)
{
	return is_integer(v) ? record_emit(r, IR_CAST_INT_TO_FLOAT, ref, IR_NONE, -1) : ref;
}

/* ---- Operators ----------------------------------------------------------------------------------
 */

static IrRef call2(Recorder *r, enum ir_helper helper, IrRef a, IrRef b)
{
	return record_call(r, helper, 2, (const IrRef[]){a, b});
}

static void guard_not_zero(Recorder *r, const Value *v, IrRef ref)
{
	if (v->u.i == 0)
		record_abort(r, ABORT_ERROR, record_instruction_name(r));
	record_guard_that(r, true, record_emit(r, IR_INT_NE, ref, ir_integer(r->ir, 0), -1));
}

/* A shift whose count is not known to be small goes through the helper. */
static IrRef shift(Recorder *r, int op, IrRef b, IrRef c)
{
	lua_Integer n;

	if (!ir_is_constant(c))
		return call2(r, HELPER_SHIFT_LEFT, b,
			     op == LUA_OPSHL ? c : record_emit(r, IR_INT_NEG, c, IR_NONE, -1));
	n = ir_constant(r->ir, c)->u.i;
	if (op == LUA_OPSHR && n != LUA_MININTEGER)
		n = -n;
	if (n <= -64 || n >= 64)
		return ir_integer(r->ir, 0);
	return n >= 0 ? record_emit(r, IR_INT_LSHIFT, b, ir_integer(r->ir, n), -1)
		      : record_emit(r, IR_UINT_RSHIFT, b, ir_integer(r->ir, -n), -1);
}

static IrRef integer_operator(Recorder *r, int op, const Value *cv, IrRef b, IrRef c)
{
	switch (op) {
	case LUA_OPADD:
		return record_emit(r, IR_INT_ADD, b, c, -1);
	case LUA_OPSUB:
		return record_emit(r, IR_INT_SUB, b, c, -1);
	case LUA_OPMUL:
		return record_emit(r, IR_INT_MUL, b, c, -1);
	case LUA_OPMOD:
		guard_not_zero(r, cv, c);
		return record_emit(r, IR_INT_MOD, b, c, -1);
	case LUA_OPIDIV:
		guard_not_zero(r, cv, c);
		return record_emit(r, IR_INT_FLOORDIV, b, c, -1);
	case LUA_OPBAND:
		return record_emit(r, IR_INT_AND, b, c, -1);
	case LUA_OPBOR:
		return record_emit(r, IR_INT_OR, b, c, -1);
	case LUA_OPBXOR:
		return record_emit(r, IR_INT_XOR, b, c, -1);
	default:
		return shift(r, op, b, c);
	}
}

static IrRef float_operator(Recorder *r, int op, IrRef b, IrRef c)
{
	switch (op) {
	case LUA_OPADD:
		return record_emit(r, IR_FLOAT_ADD, b, c, -1);
	case LUA_OPSUB:
		return record_emit(r, IR_FLOAT_SUB, b, c, -1);
	case LUA_OPMUL:
		return record_emit(r, IR_FLOAT_MUL, b, c, -1);
	case LUA_OPDIV:
		return record_emit(r, IR_FLOAT_TRUEDIV, b, c, -1);
	case LUA_OPIDIV:
		b = record_emit(r, IR_FLOAT_TRUEDIV, b, c, -1);
		return record_emit(r, IR_FLOAT_FLOOR, b, IR_NONE, -1);
	case LUA_OPMOD:
		return call2(r, HELPER_FLOAT_MOD, b, c);
	default: /* LUA_OPPOW */
		if (ir_is_constant(c) && ir_constant(r->ir, c)->u.n == 2)
			return record_emit(r, IR_FLOAT_MUL, b, b, -1);
		return call2(r, HELPER_FLOAT_POW, b, c);
	}
}

static bool is_bitwise(int op)
{
	return op >= LUA_OPBAND && op <= LUA_OPSHR;
}

void record_arith(Recorder *r, int op, int a, const Value *b, IrRef b_ref, const Value *c,
		  IrRef c_ref)
{
	IrRef result;

	if (!is_number(b) || !is_number(c))
		return; /* the MMBIN instruction that follows does it */
	if (is_integer(b) && is_integer(c) && op != LUA_OPDIV && op != LUA_OPPOW) {
		result = integer_operator(r, op, c, b_ref, c_ref);
		record_set(r, a, result, TAG_INTEGER);
		return;
	}
	if (is_bitwise(op))
		record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
	b_ref = as_float(r, b, b_ref);
	result = float_operator(r, op, b_ref, as_float(r, c, c_ref));
	record_set(r, a, result, TAG_FLOAT);
}

void record_unary(Recorder *r, enum opcode op)
{
	uint8_t tag;
	IrRef ref = record_use(r, get_b(r->i), &tag);
	int a = get_a(r->i);

	if (op == OP_NOT)
		record_set(r, a, IR_NONE, tag <= TAG_FALSE ? TAG_TRUE : TAG_FALSE);
	else if (tag == TAG_INTEGER)
		record_set(r, a,
			   record_emit(r, op == OP_UNM ? IR_INT_NEG : IR_INT_INVERT, ref, IR_NONE,
				       -1),
			   TAG_INTEGER);
	else if (tag == TAG_FLOAT && op == OP_UNM)
		record_set(r, a, record_emit(r, IR_FLOAT_NEG, ref, IR_NONE, -1), TAG_FLOAT);
	else if (tag == TAG_FLOAT)
		record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
	else
		record_meta_operator(r, op == OP_UNM ? META_UNM : META_BNOT,
				     record_value(r, get_b(r->i)), ref,
				     record_value(r, get_b(r->i)), ref);
}

/* ---- Comparisons
 * -------------------------------------------------------------------------------------- */

/*
 * The float that equals an integer, which is guarded to be no further from 0 than 2^53:
 * up to there each has one. false: now it is further.
 */
static bool exact_float(Recorder *r, const Value *v, IrRef integer, IrRef *number)
{
	lua_Integer limit = 1LL << 53;
	IrRef shifted;

	if (v->u.i > limit || v->u.i < -limit)
		return false;
	if (ir_is_constant(integer)) {
		*number = ir_float(r->ir, (lua_Number)v->u.i);
		return true;
	}
	shifted = record_emit(r, IR_INT_ADD, integer, ir_integer(r->ir, limit), -1);
	record_guard_that(r, true,
			  record_emit(r, IR_UINT_LT, shifted, ir_integer(r->ir, 2 * limit + 1),
				      -1));
	*number = record_emit(r, IR_CAST_INT_TO_FLOAT, integer, IR_NONE, -1);
	return true;
}

/* a < b or a <= b, for an integer and a float. */
static IrRef order_mixed(Recorder *r, bool or_equal, const Value *a, IrRef x, const Value *b,
			 IrRef y)
{
	if (is_integer(a) ? exact_float(r, a, x, &x) : exact_float(r, b, y, &y))
		return record_emit(r, or_equal ? IR_FLOAT_LE : IR_FLOAT_LT, x, y, -1);
	if (is_integer(a))
		return call2(r, or_equal ? HELPER_INT_FLOAT_LE : HELPER_INT_FLOAT_LT, x, y);
	return call2(r, or_equal ? HELPER_FLOAT_INT_LE : HELPER_FLOAT_INT_LT, x, y);
}

/* a < b or a <= b, for numbers and strings. */
static IrRef order(Recorder *r, bool or_equal, const Value *a, IrRef x, const Value *b, IrRef y)
{
	if (is_integer(a) && is_integer(b))
		return record_emit(r, or_equal ? IR_INT_LE : IR_INT_LT, x, y, -1);
	if (is_float(a) && is_float(b))
		return record_emit(r, or_equal ? IR_FLOAT_LE : IR_FLOAT_LT, x, y, -1);
	if (is_number(a) && is_number(b))
		return order_mixed(r, or_equal, a, x, b, y);
	if (is_string(a) && is_string(b))
		return record_emit(r, or_equal ? IR_INT_LE : IR_INT_LT,
				   call2(r, HELPER_STRING_COMPARE, x, y), ir_integer(r->ir, 0), -1);
	record_abort(r, ABORT_METAMETHOD, record_instruction_name(r));
}

IrRef record_less(Recorder *r, const Value *a, IrRef x, const Value *b, IrRef y)
{
	return order(r, false, a, x, b, y);
}

/* Guards that an integer and a float are equal, or not. */
static void guard_mixed(Recorder *r, bool equal, const Value *v, IrRef integer, IrRef number)
{
	IrRef exact;

	if (!exact_float(r, v, integer, &exact))
		record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
	record_guard_that(r, equal, record_emit(r, IR_FLOAT_EQ, exact, number, -1));
}

bool record_raw_equal(Recorder *r, const Value *a, IrRef x, const Value *b, IrRef y)
{
	bool equal = vm_raw_equal(a, b);

	if (a->tag != b->tag) {
		if (is_number(a) && is_number(b))
			guard_mixed(r, equal, is_integer(a) ? a : b, is_integer(a) ? x : y,
				    is_integer(a) ? y : x);
		return equal;
	}
	switch (a->tag) {
	case TAG_NIL:
	case TAG_FALSE:
	case TAG_TRUE:
		break;
	case TAG_INTEGER:
		record_guard_that(r, equal, record_emit(r, IR_INT_EQ, x, y, -1));
		break;
	case TAG_FLOAT:
		record_guard_that(r, equal, record_emit(r, IR_FLOAT_EQ, x, y, -1));
		break;
	case TAG_LONG_STRING:
		record_guard_that(r, equal, call2(r, HELPER_STRING_EQUAL, x, y));
		break;
	default:
		record_guard_that(r, equal, record_emit(r, IR_PTR_EQ, x, y, -1));
	}
	return equal;
}

/* Guards that a == b is what it is now. */
static void equality(Recorder *r, const Value *a, IrRef x, const Value *b, IrRef y)
{
	if (!record_raw_equal(r, a, x, b, y) && a->tag == b->tag &&
	    (a->tag == TAG_TABLE || a->tag == TAG_USERDATA))
		record_meta_equal(r, a, x, b, y);
}

static void ordered(Recorder *r, bool or_equal, const Value *a, IrRef x, const Value *b, IrRef y)
{
	bool holds;
	IrRef condition;

	if (!(is_number(a) && is_number(b)) && !(is_string(a) && is_string(b))) {
		record_meta_operator(r, or_equal ? META_LE : META_LT, a, x, b, y);
		return;
	}
	condition = order(r, or_equal, a, x, b, y);
	holds = or_equal ? vm_less_equal(r->L, a, b) : vm_less(r->L, a, b);

	record_guard_that(r, holds, condition);
}

static void immediate(const Recorder *r, Value *v)
{
	if (get_c(r->i))
		set_float(v, (lua_Number)get_sb(r->i));
	else
		set_integer(v, get_sb(r->i));
}

static void test_set(Recorder *r)
{
	uint8_t tag;
	IrRef ref = record_use(r, get_b(r->i), &tag);

	if ((tag <= TAG_FALSE) != get_k(r->i))
		record_set(r, get_a(r->i), ref, tag);
}

void record_comparison(Recorder *r, enum opcode op)
{
	const Value *a = record_value(r, get_a(r->i)), *b;
	Value number;
	IrRef x, y;

	if (op == OP_TESTSET) {
		test_set(r);
		return;
	}
	x = record_use(r, get_a(r->i), NULL);
	switch (op) {
	case OP_TEST:
		return; /* the tag was guarded */
	case OP_EQ:
	case OP_LT:
	case OP_LE:
		b = record_value(r, get_b(r->i));
		y = record_use(r, get_b(r->i), NULL);
		break;
	case OP_EQK:
		b = frame_function(r->L->frame)->proto->constants + get_b(r->i);
		y = record_constant(r, b);
		break;
	default:
		immediate(r, &number);
		if (op == OP_EQI)
			set_integer(&number, get_sb(r->i));
		b = &number;
		y = ir_value(r->ir, b);
	}
	switch (op) {
	case OP_EQ:
	case OP_EQK:
	case OP_EQI:
		equality(r, a, x, b, y);
		break;
	case OP_LT:
	case OP_LTI:
		ordered(r, false, a, x, b, y);
		break;
	case OP_LE:
	case OP_LEI:
		ordered(r, true, a, x, b, y);
		break;
	case OP_GTI:
		ordered(r, false, b, y, a, x);
		break;
	default: /* OP_GEI */
		ordered(r, true, b, y, a, x);
	}
}

/* ---- Numeric for loops
 * ------------------------------------------------------------------------------------ */

static bool leaves_traced_loop(const Recorder *r)
{
	return r->depth == 0 && r->t->kind == TRACE_LOOP && r->pc - 1 == r->t->patch;
}

/* Where the loop at r->i is prepared; its start, limit and step are computed before. */
static const Instruction *preparation(const Recorder *r)
{
	return r->pc - get_bx(r->i) - 1;
}

/*
 * A step that is written as a number is guarded to be that: the step is a constant then.
 * Only where the guard leaves the loop.
 */
static IrRef loop_step(Recorder *r, int a)
{
	Instruction last = preparation(r)[-1];
	IrRef step = record_use(r, a + 2, NULL);

	if (!leaves_traced_loop(r) || get_op(last) != OP_LOADI || get_a(last) != a + 2)
		return step;
	record_guard_integer(r, step, record_value(r, a + 2)->u.i);
	return ir_integer(r->ir, record_value(r, a + 2)->u.i);
}

/* Does the loop begin with a number that is not negative, as it is written? */
static bool begins_above_zero(const Recorder *r, int a)
{
	const Instruction *at = preparation(r) - 1;
	const Instruction *first = frame_function(r->L->frame)->proto->code;

	for (int n = 0; n < 8 && at > first; n++)
		if (get_a(*--at) == a)
			return get_op(*at) == OP_LOADI && get_sbx(*at) >= 0;
	return false;
}

/* Was the loop's variable divided? That is cheaper if it is known not to be negative. */
static bool is_divided(Recorder *r, int a)
{
	const RecordedSlot *variable = record_slot(r, r->base + a + 3);

	for (uint32_t n = 0; variable->state == SLOT_LOADED && n < r->ir->n_ops; n++) {
		const IrOp *op = &r->ir->ops[n];

		if ((op->opcode == IR_INT_MOD || op->opcode == IR_INT_FLOORDIV) &&
		    op->arg[0] == variable->ref && ir_is_constant(op->arg[1]))
			return true;
	}
	return false;
}

static void integer_loop(Recorder *r, int a)
{
	bool goes_on = record_value(r, a + 1)->u.i != 0;
	IrRef count = record_use(r, a + 1, NULL), step = loop_step(r, a), index;
	IrRef zero = ir_integer(r->ir, 0);

	index = record_use(r, a, NULL);
	record_guard_that(r, goes_on, record_emit(r, IR_INT_NE, count, zero, -1));
	if (!goes_on)
		return;
	/* An index that begins there and rises stays there: after the first turn this is known. */
	if (record_value(r, a)->u.i >= 0 && record_value(r, a + 2)->u.i > 0 &&
	    leaves_traced_loop(r) && is_divided(r, a) && begins_above_zero(r, a))
		record_guard_that(r, true, record_emit(r, IR_INT_GE, index, zero, -1));
	index = record_emit(r, IR_INT_ADD, index, step, SUM_EXACT);
	record_set(r, a + 1, record_emit(r, IR_INT_SUB, count, ir_integer(r->ir, 1), -1),
		   TAG_INTEGER);
	record_set(r, a, index, TAG_INTEGER);
	record_set(r, a + 3, index, TAG_INTEGER);
}

static void float_loop(Recorder *r, int a)
{
	const Value *v = record_value(r, a);
	lua_Number next = v[0].u.n + v[2].u.n;
	bool rising = v[2].u.n > 0, goes_on = rising ? next <= v[1].u.n : v[1].u.n <= next;
	IrRef limit = record_use(r, a + 1, NULL), step = record_use(r, a + 2, NULL), index;
	IrRef zero = ir_float(r->ir, 0);

	index = record_use(r, a, NULL);
	record_guard_that(r, rising, record_emit(r, IR_FLOAT_GT, step, zero, -1));
	index = record_emit(r, IR_FLOAT_ADD, index, step, -1);
	record_guard_that(r, goes_on,
			  rising ? record_emit(r, IR_FLOAT_LE, index, limit, -1)
				 : record_emit(r, IR_FLOAT_LE, limit, index, -1));
	if (!goes_on)
		return;
	record_set(r, a, index, TAG_FLOAT);
	record_set(r, a + 3, index, TAG_FLOAT);
}

void record_for_loop(Recorder *r)
{
	int a = get_a(r->i);
	uint8_t tag;

	record_use(r, a + 2, &tag);
	if (tag == TAG_INTEGER)
		integer_loop(r, a);
	else
		float_loop(r, a);
	if (leaves_traced_loop(r) && r->ir->n_ops &&
	    known_slot(r, r->base + a)->state != SLOT_WRITTEN)
		record_abort(r, ABORT_LEFT_LOOP, NULL);
}

/* The integer that a float is; it is guarded to be one, in range. */
IrRef record_float_to_integer(Recorder *r, IrRef number)
{
	IrRef integer = record_emit(r, IR_CAST_FLOAT_TO_INT, number, IR_NONE, -1);
	IrRef back = record_emit(r, IR_CAST_INT_TO_FLOAT, integer, IR_NONE, -1);

	record_guard_that(r, true, record_emit(r, IR_FLOAT_EQ, back, number, -1));
	return integer;
}

/* The limit of a loop of integers: a float is rounded to the inside. */
static IrRef integer_limit(Recorder *r, const Value *v, bool rising, lua_Integer *limit)
{
	IrRef ref = record_use(r, get_a(r->i) + 1, NULL);

	if (is_integer(v)) {
		*limit = v->u.i;
		return ref;
	}
	if (!is_float(v) || !float_to_integer(v->u.n, limit, rising ? ROUND_FLOOR : ROUND_CEIL))
		record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
	ref = record_emit(r, rising ? IR_FLOAT_FLOOR : IR_FLOAT_CEIL, ref, IR_NONE, -1);
	return record_float_to_integer(r, ref);
}

/* The count of turns is the distance divided by the step, none of which overflows. */
static void prepare_integers(Recorder *r, const Value *v)
{
	int a = get_a(r->i);
	lua_Integer step = v[2].u.i, limit, distance;
	bool rising = step > 0, runs;
	IrRef start = record_use(r, a, NULL), step_ref = record_use(r, a + 2, NULL), end, count;
	IrRef zero = ir_integer(r->ir, 0);

	if (step == 0 || step == LUA_MININTEGER)
		record_abort(r, ABORT_ERROR, record_instruction_name(r));
	/* A step of 0 is an error. */
	record_guard_that(r, true,
			  record_emit(r, rising ? IR_INT_GT : IR_INT_LT, step_ref, zero, -1));
	end = integer_limit(r, v + 1, rising, &limit);
	runs = rising ? v->u.i <= limit : v->u.i >= limit;
	record_guard_that(r, runs,
			  rising ? record_emit(r, IR_INT_LE, start, end, -1)
				 : record_emit(r, IR_INT_LE, end, start, -1));
	if (!runs)
		return;
	if (rising) {
		count = record_emit(r, IR_INT_SUB, end, start, -1);
		distance = int_sub(limit, v->u.i);
	} else {
		count = record_emit(r, IR_INT_SUB, start, end, -1);
		distance = int_sub(v->u.i, limit);
		step_ref = record_emit(r, IR_INT_NEG, step_ref, IR_NONE, -1);
		record_guard_that(r, true, record_emit(r, IR_INT_GT, step_ref, zero, -1));
	}
	if (step != 1 && step != -1) {
		if (distance < 0)
			record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
		record_guard_that(r, true, record_emit(r, IR_INT_GE, count, zero, -1));
		count = record_emit(r, IR_INT_FLOORDIV, count, step_ref, -1);
	} else {
		record_guard_integer(r, step_ref, 1);
	}
	record_set(r, a + 1, count, TAG_INTEGER);
	record_set(r, a + 3, start, TAG_INTEGER);
}

static void prepare_floats(Recorder *r, const Value *v)
{
	int a = get_a(r->i);
	lua_Number n[3];
	IrRef ref[3];
	bool rising, runs;

	for (int i = 0; i < 3; i++) {
		if (!number_as_float(v + i, &n[i]))
			record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
		ref[i] = as_float(r, v + i, record_use(r, a + i, NULL));
	}
	rising = n[2] > 0;
	if (!rising && !(n[2] < 0))
		record_abort(r, ABORT_ERROR, record_instruction_name(r));
	record_guard_that(r, true,
			  record_emit(r, rising ? IR_FLOAT_GT : IR_FLOAT_LT, ref[2],
				      ir_float(r->ir, 0), -1));
	runs = rising ? !(n[1] < n[0]) : !(n[0] < n[1]);
	record_guard_that(r, !runs,
			  rising ? record_emit(r, IR_FLOAT_LT, ref[1], ref[0], -1)
				 : record_emit(r, IR_FLOAT_LT, ref[0], ref[1], -1));
	if (!runs)
		return;
	record_set(r, a, ref[0], TAG_FLOAT);
	record_set(r, a + 1, ref[1], TAG_FLOAT);
	record_set(r, a + 2, ref[2], TAG_FLOAT);
	record_set(r, a + 3, ref[0], TAG_FLOAT);
}

void record_for_prepare(Recorder *r)
{
	const Value *v = record_value(r, get_a(r->i));

	if (is_integer(v) && is_integer(v + 2))
		prepare_integers(r, v);
	else
		prepare_floats(r, v);
}
