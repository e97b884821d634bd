/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_fold.c - what is folded computes the same: each rule of jit/trace/fold.c and
 * bounds.c with values. Lists are run by the interpreter of the IR as they are and
 * after copying (which folds), from the same slots. Integers: all of six bits and
 * the extremes, alone and in pairs of operations; floats: the special values.
 */
#include <math.h>
#include <string.h>

#include "../../jit/trace/opt.h"
#include "lua_unit.h"

#include <lauxlib.h>

#define RESULT 2 /* slot */
#define SLOT_X 0
#define SLOT_Y 1

static lua_State *L;
static struct unit_heap heap;

static lua_Integer wide[128], narrow[64];
static unsigned n_wide, n_narrow;

static const lua_Integer extremes[] = {INT64_MAX,     INT64_MIN,
				       INT64_MAX - 1, INT64_MIN + 1,
				       INT64_MAX / 2, INT64_MIN / 2,
				       INT32_MAX,     INT32_MIN,
				       UINT32_MAX,    (lua_Integer)UINT32_MAX + 1,
				       1LL << 53,     0x5555555555555555};
#define N_EXTREMES (sizeof(extremes) / sizeof(*extremes))

static const lua_Number floats[] = {0.0,
				    -0.0,
				    1.0,
				    -1.0,
				    0.5,
				    -1.5,
				    2.0,
				    3.7,
				    0x1p-1074,
				    -0x1p-1074,
				    0x1p-1022,
				    0x1p-1023,
				    0x1.8p-1030,
				    -0x1p1022,
				    0x1p1023,
				    0x1p53,
				    0x1p53 - 1,
				    0x1.0000000000001p53,
				    -0x1p53,
				    0x1p63,
				    -0x1p63,
				    0x1.fffffffffffffp62,
				    0x1.fffffffffffffp1023,
				    INFINITY,
				    -INFINITY,
				    NAN};
#define N_FLOATS (sizeof(floats) / sizeof(*floats))

static void prepare(void)
{
	L = unit_state(&heap);
	CHECK(L->global->jit || jit_open(L));
	L->global->jit->backend = &backend_ir;
	state_set_mode(L, MODE_JIT);
	L->global->debt = -1000000;
	lua_checkstack(L, 50);
	for (lua_Integer i = -32; i < 32; i++)
		wide[n_wide++] = i;
	for (lua_Integer i = -8; i < 9; i++)
		narrow[n_narrow++] = i;
	for (unsigned i = 0; i < N_EXTREMES; i++)
		wide[n_wide++] = extremes[i];
	for (unsigned i = 0; i < 6; i++)
		narrow[n_narrow++] = extremes[i];
}

/* ---- Lists ------------------------------------------------------------------------------------
 */

static IrRef slot(Ir *ir, enum ir_opcode opcode, int n)
{
	return ir_emit(ir, opcode, IR_NONE, IR_NONE, IR_NONE, n);
}

static IrRef op2(Ir *ir, enum ir_opcode opcode, IrRef a, IrRef b)
{
	return ir_emit(ir, opcode, a, b, IR_NONE, -1);
}

static IrRef op1(Ir *ir, enum ir_opcode opcode, IrRef a)
{
	return op2(ir, opcode, a, IR_NONE);
}

/* An exit that leaves ref in RESULT; nothing if it is IR_NONE. Its number is its instruction. */
static void leave(Ir *ir, enum ir_opcode opcode, IrRef condition, IrRef ref)
{
	static const Instruction places[8];
	Snapshot s = {.entry = ir->n_snapshot_entries,
		      .top = 40,
		      .taken = ir->n_ops,
		      .pc = places + ir->n_snapshots};
	IrRef at = op1(ir, opcode, condition);

	CHECK(IR_ROOM(ir, snapshots, 1) && IR_ROOM(ir, snapshot_entries, 1));
	if (ref != IR_NONE)
		ir->snapshot_entries[ir->n_snapshot_entries++] =
			(SnapshotEntry){.slot = RESULT,
					.tag = ir_type(ir, ref) == 'f' ? TAG_FLOAT : TAG_INTEGER,
					.ref = ref};
	s.entries = ir->n_snapshot_entries - s.entry;
	ir->ops[at].snapshot = (int32_t)ir->n_snapshots;
	ir->snapshots[ir->n_snapshots++] = s;
}

static void finish(Ir *ir, IrRef ref)
{
	leave(ir, IR_FINISH, IR_NONE, ref);
}

struct pair {
	Trace plain, folded;
};

static struct pair p;

static Ir *begin(void)
{
	memset(&p, 0, sizeof(p));
	ir_open(&p.plain.ir);
	ir_open(&p.folded.ir);
	return &p.plain.ir;
}

/* Folds; false if a guard of the list was found to fail always. */
static bool fold_list(void)
{
	char message[160];
	bool done;

	CHECK(!p.plain.ir.failed);
	done = peel(NULL, &p.plain.ir, NULL, &p.folded.ir);
	if (done && !ir_verify(&p.folded.ir, message))
		unit_fail(__FILE__, __LINE__, "%s", message);
	if (!done) {
		ir_close(&p.folded.ir);
		CHECK(ir_copy(&p.folded.ir, &p.plain.ir));
	}
	CHECK(!backend_ir.assemble(L, &p.plain) && !backend_ir.assemble(L, &p.folded));
	return done;
}

static void end(void)
{
	backend_ir.free(L, &p.plain);
	backend_ir.free(L, &p.folded);
	ir_close(&p.plain.ir);
	ir_close(&p.folded.ir);
}

/* The exit's instruction; RESULT is set. */
static const Instruction *run(Trace *t, Value x, Value y)
{
	Value *base = frame_base(L->frame);
	Trace *last;
	int32_t exit;

	base[SLOT_X] = x;
	base[SLOT_Y] = y;
	set_nil(&base[RESULT]);
	exit = backend_ir.run(L, t, &last);
	exit_restore(L, t, exit);
	return t->ir.snapshots[exit].pc;
}

static bool same(const Value *a, const Value *b)
{
	if (a->tag != b->tag)
		return false;
	/* Any NaN is as good as another. */
	if (is_float(a) && isnan(a->u.n) && isnan(b->u.n))
		return true;
	return a->tag == TAG_NIL || a->u.i == b->u.i;
}

static void compare(Value x, Value y)
{
	const Instruction *wanted_exit = run(&p.plain, x, y), *exit;
	Value wanted = frame_base(L->frame)[RESULT], *is = &frame_base(L->frame)[RESULT];

	exit = run(&p.folded, x, y);
	if (exit == wanted_exit && same(&wanted, is))
		return;
	fprintf(stderr, "\nx = %lld (%a), y = %lld (%a): %lld, not %lld; exit %td, not %td\n",
		(long long)x.u.i, x.u.n, (long long)y.u.i, y.u.n, (long long)is->u.i,
		(long long)wanted.u.i, exit - p.plain.ir.snapshots[0].pc,
		wanted_exit - p.plain.ir.snapshots[0].pc);
	ir_print(&p.plain.ir, stderr);
	fprintf(stderr, "became\n");
	ir_print(&p.folded.ir, stderr);
	unit_fail(__FILE__, __LINE__, "a rule of folding is wrong");
}

static void compare_integers(const lua_Integer *x, unsigned n)
{
	fold_list();
	for (unsigned i = 0; i < n; i++)
		compare(unit_integer(x[i]), unit_integer(x[(i * 7 + 3) % n]));
	end();
}

/* ---- Integers
 * ------------------------------------------------------------------------------------
 */

static bool divides(enum ir_opcode opcode)
{
	return opcode == IR_INT_FLOORDIV || opcode == IR_INT_MOD;
}

static bool shifts(enum ir_opcode opcode)
{
	return opcode == IR_INT_LSHIFT || opcode == IR_UINT_RSHIFT;
}

static const enum ir_opcode binary[] = {IR_INT_ADD,    IR_INT_SUB,     IR_INT_MUL, IR_INT_FLOORDIV,
					IR_INT_MOD,    IR_INT_AND,     IR_INT_OR,  IR_INT_XOR,
					IR_INT_LSHIFT, IR_UINT_RSHIFT, IR_INT_LT,  IR_INT_LE,
					IR_INT_EQ,     IR_INT_NE,      IR_INT_GT,  IR_INT_GE,
					IR_UINT_LT,    IR_UINT_GE};
#define N_BINARY (sizeof(binary) / sizeof(*binary))

static const enum ir_opcode unary[] = {IR_INT_NEG, IR_INT_INVERT, IR_SAME_AS_I};
#define N_UNARY (sizeof(unary) / sizeof(*unary))

/* May d be opcode's right operand? */
static bool fits(enum ir_opcode opcode, lua_Integer d)
{
	return !(divides(opcode) && d == 0) && !(shifts(opcode) && (d < 0 || d > 63));
}

TEST(integers_and_constants)
{
	prepare();
	for (unsigned n = 0; n < N_BINARY; n++)
		for (unsigned i = 0; i < n_wide; i++) {
			Ir *ir = begin();

			if (fits(binary[n], wide[i])) {
				IrRef x = slot(ir, IR_GETSLOT_I, SLOT_X);

				finish(ir, op2(ir, binary[n], x, ir_integer(ir, wide[i])));
				compare_integers(wide, n_wide);
			}
			ir = begin();
			if (shifts(binary[n]) || divides(binary[n]))
				continue;
			finish(ir, op2(ir, binary[n], ir_integer(ir, wide[i]),
				       slot(ir, IR_GETSLOT_I, SLOT_X)));
			compare_integers(wide, n_wide);
		}
	unit_close(L, &heap);
}

TEST(constants_alone)
{
	prepare();
	for (unsigned n = 0; n < N_BINARY; n++)
		for (unsigned i = 0; i < n_wide; i++)
			for (unsigned j = 0; j < n_wide; j++) {
				Ir *ir;

				if (!fits(binary[n], wide[j]))
					continue;
				ir = begin();
				finish(ir, op2(ir, binary[n], ir_integer(ir, wide[i]),
					       ir_integer(ir, wide[j])));
				compare_integers(wide, 1);
			}
	for (unsigned n = 0; n < N_UNARY; n++)
		for (unsigned i = 0; i < n_wide; i++) {
			Ir *ir = begin();

			finish(ir, op1(ir, unary[n], ir_integer(ir, wide[i])));
			compare_integers(wide, 1);
		}
	unit_close(L, &heap);
}

TEST(operands_that_are_equal_or_unknown)
{
	prepare();
	for (unsigned n = 0; n < N_BINARY; n++) {
		Ir *ir = begin();
		IrRef x = slot(ir, IR_GETSLOT_I, SLOT_X), y = x;

		if (divides(binary[n]))
			y = op2(ir, IR_INT_OR, x, ir_integer(ir, 1));
		else if (shifts(binary[n]))
			y = op2(ir, IR_INT_AND, x, ir_integer(ir, 63));
		finish(ir, op2(ir, binary[n], x, y));
		compare_integers(wide, n_wide);
		if (divides(binary[n]) || shifts(binary[n]))
			continue;
		for (unsigned i = 0; i < n_wide; i++) {
			ir = begin();
			x = slot(ir, IR_GETSLOT_I, SLOT_X);
			y = slot(ir, IR_GETSLOT_I, SLOT_Y);
			finish(ir, op2(ir, binary[n], x, y));
			fold_list();
			for (unsigned j = 0; j < n_wide; j++)
				compare(unit_integer(wide[i]), unit_integer(wide[j]));
			end();
		}
	}
	unit_close(L, &heap);
}

/* Every operation of the result of every other: bounds, sums, inverses. */
TEST(two_operations)
{
	prepare();
	for (unsigned n = 0; n < N_BINARY * N_BINARY; n++)
		for (unsigned i = 0; i < n_narrow * n_narrow; i++) {
			enum ir_opcode first = binary[n / N_BINARY], second = binary[n % N_BINARY];
			lua_Integer c = narrow[i / n_narrow], d = narrow[i % n_narrow];
			Ir *ir;
			IrRef x;

			if (!fits(first, c) || !fits(second, d))
				continue;
			ir = begin();
			x = slot(ir, IR_GETSLOT_I, SLOT_X);
			x = op2(ir, first, x, ir_integer(ir, c));
			finish(ir, op2(ir, second, x, ir_integer(ir, d)));
			compare_integers(narrow, n_narrow);
		}
	unit_close(L, &heap);
}

TEST(differences_of_sums)
{
	prepare();
	for (unsigned i = 0; i < n_wide * n_wide; i++) {
		Ir *ir = begin();
		IrRef x = slot(ir, IR_GETSLOT_I, SLOT_X);
		IrRef a = op2(ir, IR_INT_ADD, x, ir_integer(ir, wide[i / n_wide]));

		finish(ir, op2(ir, IR_INT_SUB, a,
			       op2(ir, IR_INT_ADD, x, ir_integer(ir, wide[i % n_wide]))));
		compare_integers(wide, n_wide);
	}
	unit_close(L, &heap);
}

TEST(one_operand)
{
	prepare();
	for (unsigned n = 0; n < N_UNARY * N_UNARY; n++) {
		Ir *ir = begin();
		IrRef x = slot(ir, IR_GETSLOT_I, SLOT_X);

		finish(ir, op1(ir, unary[n / N_UNARY], op1(ir, unary[n % N_UNARY], x)));
		compare_integers(wide, n_wide);
	}
	for (unsigned n = 0; n < N_UNARY * N_BINARY; n++)
		for (unsigned i = 0; i < n_wide; i++) {
			enum ir_opcode opcode = binary[n / N_UNARY];
			Ir *ir;
			IrRef x;

			if (!fits(opcode, wide[i]))
				continue;
			ir = begin();
			x = slot(ir, IR_GETSLOT_I, SLOT_X);
			x = op2(ir, opcode, x, ir_integer(ir, wide[i]));
			finish(ir, op1(ir, unary[n % N_UNARY], x));
			compare_integers(wide, n_wide);
			ir = begin();
			x = slot(ir, IR_GETSLOT_I, SLOT_X);
			x = op1(ir, unary[n % N_UNARY], x);
			finish(ir, op2(ir, opcode, x, ir_integer(ir, wide[i])));
			compare_integers(wide, n_wide);
		}
	unit_close(L, &heap);
}

/* ---- What guards say of integers --------------------------------------------------------------
 */

#define N_COMPARISONS 8 /* IR_INT_LT and up */

/* guard(x op c), then an operation of x + k and d, and another guard on that. */
static void guarded(unsigned n, lua_Integer c, enum ir_opcode second, lua_Integer k, lua_Integer d)
{
	Ir *ir = begin();
	IrRef x = slot(ir, IR_GETSLOT_I, SLOT_X), sum, result;

	sum = k < 0 ? x : op2(ir, IR_INT_ADD, x, ir_integer(ir, k));
	leave(ir, n & 1 ? IR_GUARD_TRUE : IR_GUARD_FALSE,
	      op2(ir, IR_INT_LT + n / 2, x, ir_integer(ir, c)), IR_NONE);
	if (k < 0)
		sum = op2(ir, IR_INT_ADD, x, ir_integer(ir, k));
	result = op2(ir, second, sum, ir_integer(ir, d));
	leave(ir, IR_GUARD_TRUE, op2(ir, IR_INT_NE, result, ir_integer(ir, 1)), result);
	leave(ir, IR_GUARD_FALSE, op2(ir, IR_INT_LT, sum, ir_integer(ir, d)), sum);
	finish(ir, op2(ir, IR_INT_ADD, result, x));
	compare_integers(narrow, n_narrow);
}

TEST(guards_and_what_follows_from_them)
{
	static const lua_Integer sums[] = {0, 1, -1, 3};

	prepare();
	for (unsigned n = 0; n < 2 * N_COMPARISONS; n++)
		for (unsigned i = 0; i < n_narrow * n_narrow; i++)
			for (unsigned m = 0; m < N_BINARY; m++)
				for (unsigned k = 0; k < 4; k++)
					if (fits(binary[m], narrow[i % n_narrow]))
						guarded(n, narrow[i / n_narrow], binary[m], sums[k],
							narrow[i % n_narrow]);
	unit_close(L, &heap);
}

/* guard(x op y), then x' op2 y' with sums of either. */
TEST(guards_of_two_unknown)
{
	static const lua_Integer sums[] = {0, 1, -1, 2, INT64_MAX};

	prepare();
	for (unsigned n = 0; n < 2 * N_COMPARISONS; n++)
		for (unsigned m = 0; m < N_COMPARISONS; m++)
			for (unsigned k = 0; k < 125; k++) {
				Ir *ir = begin();
				IrRef x = slot(ir, IR_GETSLOT_I, SLOT_X), y, z;

				y = slot(ir, IR_GETSLOT_I, SLOT_Y);
				/* Sizes of arrays are not negative. */
				if (k % 3 == 0)
					x = op2(ir, IR_UINT_RSHIFT, x, ir_integer(ir, 1));
				if (k % 2)
					y = op2(ir, IR_UINT_RSHIFT, y, ir_integer(ir, 1));
				z = op2(ir, IR_INT_ADD, x, ir_integer(ir, sums[k % 5]));
				leave(ir, n & 1 ? IR_GUARD_TRUE : IR_GUARD_FALSE,
				      op2(ir, IR_INT_LT + n / 2, z, y), z);
				z = op2(ir, IR_INT_ADD, x, ir_integer(ir, sums[k / 5 % 5]));
				leave(ir, IR_GUARD_TRUE,
				      op2(ir, IR_INT_GE, z, ir_integer(ir, sums[k / 25])), y);
				finish(ir, op2(ir, IR_INT_LT + m, z, y));
				fold_list();
				for (unsigned i = 0; i < n_narrow * n_narrow; i++)
					compare(unit_integer(narrow[i / n_narrow]),
						unit_integer(narrow[i % n_narrow]));
				end();
			}
	unit_close(L, &heap);
}

TEST(guards_on_integers_that_are_no_truth_values)
{
	prepare();
	for (unsigned n = 0; n < 8; n++) {
		Ir *ir = begin();
		IrRef x = slot(ir, IR_GETSLOT_I, SLOT_X);

		/* -2 to 1, -1 to 0, 0 to 2 */
		if (n / 2)
			x = op2(ir, IR_INT_ADD,
				op2(ir, IR_INT_AND, x,
				    ir_integer(ir, n < 4   ? 3
						   : n < 6 ? 1
							   : 2)),
				ir_integer(ir, n < 4   ? -2
					       : n < 6 ? -1
						       : 0));
		leave(ir, n % 2 ? IR_GUARD_TRUE : IR_GUARD_FALSE, x, x);
		leave(ir, n % 2 ? IR_GUARD_TRUE : IR_GUARD_FALSE, x, x);
		finish(ir, op2(ir, IR_INT_ADD, x, ir_integer(ir, 1)));
		compare_integers(wide, n_wide);
	}
	unit_close(L, &heap);
}

/* ---- Floats
 * ----------------------------------------------------------------------------------------
 */

static const enum ir_opcode float_binary[] = {IR_FLOAT_ADD,	IR_FLOAT_SUB, IR_FLOAT_MUL,
					      IR_FLOAT_TRUEDIV, IR_FLOAT_LT,  IR_FLOAT_LE,
					      IR_FLOAT_EQ,	IR_FLOAT_NE,  IR_FLOAT_GT,
					      IR_FLOAT_GE};
#define N_FLOAT_BINARY (sizeof(float_binary) / sizeof(*float_binary))

static const enum ir_opcode float_unary[] = {IR_FLOAT_NEG,	  IR_FLOAT_ABS,	 IR_FLOAT_SQRT,
					     IR_FLOAT_FLOOR,	  IR_FLOAT_CEIL, IR_SAME_AS_F,
					     IR_CAST_FLOAT_TO_INT};
#define N_FLOAT_UNARY (sizeof(float_unary) / sizeof(*float_unary))

static void compare_floats(void)
{
	fold_list();
	for (unsigned i = 0; i < N_FLOATS; i++)
		for (unsigned j = 0; j < N_FLOATS; j++)
			compare(unit_float(floats[i]), unit_float(floats[j]));
	end();
}

TEST(floats_and_constants)
{
	prepare();
	for (unsigned n = 0; n < N_FLOAT_BINARY; n++) {
		Ir *ir = begin();
		IrRef x = slot(ir, IR_GETSLOT_F, SLOT_X);

		finish(ir, op2(ir, float_binary[n], x, x));
		compare_floats();
		ir = begin();
		x = slot(ir, IR_GETSLOT_F, SLOT_X);
		finish(ir, op2(ir, float_binary[n], x, slot(ir, IR_GETSLOT_F, SLOT_Y)));
		compare_floats();
		for (unsigned i = 0; i < N_FLOATS; i++) {
			ir = begin();
			x = slot(ir, IR_GETSLOT_F, SLOT_X);
			finish(ir, op2(ir, float_binary[n], x, ir_float(ir, floats[i])));
			compare_floats();
			ir = begin();
			x = slot(ir, IR_GETSLOT_F, SLOT_X);
			finish(ir, op2(ir, float_binary[n], ir_float(ir, floats[i]), x));
			compare_floats();
			for (unsigned j = 0; j < N_FLOATS; j++) {
				ir = begin();
				finish(ir, op2(ir, float_binary[n], ir_float(ir, floats[i]),
					       ir_float(ir, floats[j])));
				compare_integers(wide, 1);
			}
		}
	}
	unit_close(L, &heap);
}

TEST(one_float)
{
	prepare();
	for (unsigned n = 0; n < N_FLOAT_UNARY; n++) {
		for (unsigned m = 0; m < N_FLOAT_UNARY - 1; m++) {
			Ir *ir = begin();
			IrRef x = slot(ir, IR_GETSLOT_F, SLOT_X);

			x = op1(ir, float_unary[m], x);
			finish(ir, op1(ir, float_unary[n], x));
			compare_floats();
		}
		for (unsigned i = 0; i < N_FLOATS; i++) {
			Ir *ir = begin();

			finish(ir, op1(ir, float_unary[n], ir_float(ir, floats[i])));
			compare_integers(wide, 1);
		}
	}
	unit_close(L, &heap);
}

TEST(integers_as_floats)
{
	prepare();
	for (unsigned n = 0; n < N_FLOAT_UNARY; n++) {
		Ir *ir = begin();
		IrRef x = slot(ir, IR_GETSLOT_I, SLOT_X);

		x = op1(ir, IR_CAST_INT_TO_FLOAT, x);
		finish(ir, op1(ir, float_unary[n], x));
		compare_integers(wide, n_wide);
		for (unsigned i = 0; i < n_wide; i++) {
			ir = begin();
			x = op1(ir, IR_CAST_INT_TO_FLOAT, ir_integer(ir, wide[i]));
			finish(ir, op1(ir, float_unary[n], x));
			compare_integers(wide, 1);
		}
	}
	unit_close(L, &heap);
}

/* ---- Pointers
 * ----------------------------------------------------------------------------------------
 */

TEST(pointers)
{
	static int things[2];

	prepare();
	for (unsigned n = 0; n < 8; n++) {
		enum ir_opcode opcode = n & 1 ? IR_PTR_EQ : IR_PTR_NE;
		Ir *ir = begin();
		IrRef x = ir_address(ir, things), y = ir_address(ir, things + (n & 2) / 2);
		Value a, b;

		if (n & 4)
			x = op1(ir, IR_SAME_AS_R, slot(ir, IR_GETSLOT_R, SLOT_X));
		if ((n & 6) == 4)
			y = x;
		finish(ir, op2(ir, opcode, x, y));
		fold_list();
		for (int i = 0; i < 2; i++) {
			set_nil(&a);
			a.u.p = things + i;
			b = a;
			compare(a, b);
		}
		end();
	}
	unit_close(L, &heap);
}

TEST(strings_and_upvalues)
{
	String *s;
	LuaFunction *f;
	Ir *ir;

	prepare();
	s = unit_string(L, "seven..");
	ir = begin();
	finish(ir, op1(ir, IR_STRLEN, ir_object(ir, s, TAG_SHORT_STRING)));
	compare_integers(wide, 1);
	CHECK(!luaL_loadstring(L, "x = 1"));
	f = (LuaFunction *)(L->top - 1)->u.p;
	for (int n = 0; n < 2; n++) {
		IrRef x, up;

		ir = begin();
		x = ir_object(ir, f, TAG_LUA_FUNCTION);
		up = ir_emit(ir, IR_GETUPVALUE, x, IR_NONE, IR_NONE, 0);
		finish(ir, op2(ir, n ? IR_PTR_EQ : IR_PTR_NE, up,
			       ir_object(ir, f->upvalues[0], TAG_UPVALUE)));
		compare_integers(wide, 1);
	}
	unit_close(L, &heap);
}

void suite_fold(void);
void suite_fold(void)
{
	unit_suite("fold");
	ADD(integers_and_constants);
	ADD(constants_alone);
	ADD(operands_that_are_equal_or_unknown);
	ADD(two_operations);
	ADD(differences_of_sums);
	ADD(one_operand);
	ADD(guards_and_what_follows_from_them);
	ADD(guards_of_two_unknown);
	ADD(guards_on_integers_that_are_no_truth_values);
	ADD(floats_and_constants);
	ADD(one_float);
	ADD(integers_as_floats);
	ADD(pointers);
	ADD(strings_and_upvalues);
}
