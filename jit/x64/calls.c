/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls.c - calls of helpers, write barriers, divisions: what needs certain
 * registers.
 */
#include <stdlib.h>
#include <string.h>

#include "../lua/gc.h"
#include "x64.h"

static const uint8_t integer_arguments[] = {RSI, RDX, RCX, R8, R9};

/* Arguments to their registers; the first integer register is the lua_State's. */
static void move_arguments(Compile *c, const IrOp *op, bool with_state)
{
	const IrRef *args = ir_args(c->ir, op);
	Move moves[8];
	unsigned integers = 0, floats = 0;

	for (unsigned i = 0; i < op->nargs && i < 8; i++) {
		bool is_float = ir_type(c->ir, args[i]) == 'f';

		moves[i] = (Move){
			.to = is_float ? (Location)(XMM0 + floats) : integer_arguments[integers],
			.from = args[i] < 0 ? LOCATION_NONE : location_of(c, args[i]),
			.constant = args[i],
		};
		floats += is_float;
		integers += !is_float;
	}
	move_all(c, moves, op->nargs);
	if (with_state)
		emit_move(&c->code, RDI, STATE);
}

static void take_result(Compile *c, const IrOp *op)
{
	if (op->type == 'f')
		bind(c, c->at, XMM0);
	else if (op->type != 'v' && c->values[c->at].last > c->at)
		emit_move(&c->code, result(c), RAX);
}

/* The short string that a table is asked for, if it is a constant; NULL. */
static const String *constant_key(const Compile *c, const IrOp *op)
{
	IrRef key;

	if (op->descr != HELPER_TABLE_GET_STRING)
		return NULL;
	key = ir_args(c->ir, op)[1];
	return ir_is_constant(key) && ir_tag(c->ir, key) == TAG_SHORT_STRING
		       ? ir_constant(c->ir, key)->u.p
		       : NULL;
}

/*
 * Mostly a table is asked for a key that it does not have: an object for a method. If the
 * node where the key belongs has another, and no next, the answer is nil. The arguments
 * are in their registers.
 */
static void call_if_there(Code *code, const void *function, const String *key)
{
	uint32_t same, more, done;

	emit_rm(code, X_MOV32, RAX, at_reg(RSI, offsetof(Table, node_mask)), 0);
	emit_alu_imm(code, ALU_AND, RAX, (int32_t)key->hash);
	emit_rr(code, 0x6b | X_W, RAX, RAX);
	emit_byte(code, sizeof(Node));
	emit_rm(code, X_ALU(ALU_ADD), RAX, at_reg(RSI, offsetof(Table, nodes)), 0);
	emit_rm(code, X_CMP_STORE, RDX, at_reg(RAX, offsetof(Node, key)), 0);
	same = emit_jump_short(code, CC_E);
	emit_compare_imm32(code, at_reg(RAX, offsetof(Node, next)), 0);
	more = emit_jump_short(code, CC_NE);
	emit_mov_imm(code, RAX, TAG_NIL);
	done = emit_jump_short(code, -1);
	emit_here(code, same);
	emit_here(code, more);
	emit_call(code, function);
	emit_here(code, done);
}

void compile_call(Compile *c, const IrOp *op)
{
	const String *key = constant_key(c, op);

	preserve(c, false);
	move_arguments(c, op, true);
	if (key)
		call_if_there(&c->code, helper_info[op->descr].function, key);
	else
		emit_call(&c->code, helper_info[op->descr].function);
	forget_registers(c);
	take_result(c, op);
}

/* A function of floats that is no helper. */
void compile_plain_call(Compile *c, const void *function, const IrOp *op)
{
	preserve(c, false);
	move_arguments(c, op, false);
	emit_call(&c->code, function);
	forget_registers(c);
	take_result(c, op);
}

/*
 * Errors go again where they went before the call opened frames of pcall(): the outermost
 * of them knows. The innermost frame is in rcx, which stays.
 */
static void restore_error_function(Compile *c, const Snapshot *s)
{
	const SnapshotFrame *f = c->ir->snapshot_frames + s->frame;
	Code *code = &c->code;
	uint32_t n = 0;

	while (n < s->frames && !snapshot_frame_is_pcall(&f[n]))
		n++;
	if (n == s->frames)
		return;
	emit_move(code, RDX, RCX);
	for (; n < s->frames - 1; n++)
		emit_load(code, RDX, at_reg(RDX, offsetof(Frame, previous)));
	emit_load(code, RDX, at_reg(RDX, offsetof(Frame, u.c.old_error_function)));
	emit_store(code, at_reg(STATE, offsetof(lua_State, error_function)), RDX);
}

/*
 * When it returns the stack may have moved, and L->frame is that of the call. The frame
 * that entered may have been left, and used for another since.
 */
void compile_call_may_force(Compile *c, const IrOp *op)
{
	Code *code = &c->code;
	const Snapshot *s = &c->ir->snapshots[op->snapshot];
	int base = snapshot_base(c->ir, s);

	preserve(c, true);
	compile_force(c, op);
	forget_registers(c);
	move_arguments(c, op, true);
	emit_call(code, helper_info[op->descr].function);
	emit_load(code, RCX, at_reg(STATE, offsetof(lua_State, frame)));
	restore_error_function(c, s);
	emit_load(code, BASE, at_reg(RCX, offsetof(Frame, func)));
	emit_load(code, RCX, at_reg(RSP, 0));
	emit_store(code, at_reg(STATE, offsetof(lua_State, frame)), RCX);
	emit_alu_imm(code, ALU_SUB, BASE, base * (int32_t)sizeof(Value));
	emit_store(code, at_reg(RCX, offsetof(Frame, func)), BASE);
	emit_alu_imm(code, ALU_ADD, BASE, sizeof(Value));
	take_result(c, op);
}

/* ---- Barriers ------------------------------------------------------------------------------ */

/* Objects that are constants are in registers too: it is simple, and rare. */
void compile_barrier(Compile *c, const IrOp *op)
{
	int container = need(c, op->arg[0]), value = need(c, op->arg[1]);
	uint32_t skip;
	ColdBarrier *cold;

	if (c->n_cold == c->size_cold) {
		uint32_t size = c->size_cold ? c->size_cold * 2 : 16;
		ColdBarrier *grown = realloc(c->cold, size * sizeof(*grown));

		if (!grown) {
			c->failed = true;
			return;
		}
		c->cold = grown;
		c->size_cold = size;
	}
	cold = &c->cold[c->n_cold++];
	emit_test_byte(&c->code, at_reg(container, offsetof(Object, marked)), MARK_BLACK);
	/* Rarely black: the rest is out of the way. */
	emit_byte(&c->code, 0x0f);
	emit_byte(&c->code, 0x80 | CC_NE);
	emit_u32(&c->code, 0);
	skip = c->code.n;
	*cold = (ColdBarrier){
		.jump = skip,
		.back = skip,
		.container = (int8_t)container,
		.value = (int8_t)value,
		.thunk = op->opcode == IR_BARRIER ? c->m->barrier : c->m->barrier_back,
	};
}

void compile_cold(Compile *c)
{
	Code *code = &c->code;

	for (uint32_t i = 0; i < c->n_cold && !code->failed; i++) {
		const ColdBarrier *b = &c->cold[i];
		uint32_t distance = code->n - b->jump;
		uint32_t back;

		memcpy(code->bytes + b->jump - 4, &distance, 4);
		emit_test_byte(code, at_reg(b->value, offsetof(Object, marked)), MARK_WHITES);
		back = b->back - (code->n + 6);
		emit_byte(code, 0x0f);
		emit_byte(code, 0x80 | CC_E);
		emit_u32(code, back);
		/* push, push, call, drop */
		emit_push(code, b->container);
		emit_push(code, b->value);
		emit_call_fixup(code, b->thunk);
		emit_alu_imm(code, ALU_ADD, RSP, 16);
		emit_jump_back(code, b->back);
	}
}

/* ---- Division ------------------------------------------------------------------------------ */

static bool is_power_of_two(int64_t n)
{
	return n > 0 && !(n & (n - 1));
}

static bool is_modulo(const IrOp *op)
{
	return op->opcode == IR_INT_MOD || op->opcode == IR_UINT_MOD;
}

/* A register with s; NO_REG: n is not negative, s is 0. */
static int emit_sign(Compile *c, const IrOp *op, int n)
{
	int sign;

	if (op->opcode == IR_UINT_FLOORDIV || op->opcode == IR_UINT_MOD)
		return NO_REG;
	sign = temporary(c, ALL_GPRS);
	emit_move(&c->code, sign, n);
	emit_shift_imm(&c->code, SHIFT_SAR, sign, 63);
	return sign;
}

/*
 * Floor division by d > 2 that is no power of two, of any n: with s = n >> 63 (all
 * bits the sign) it is ((n ^ s) / d) ^ s, and n ^ s is not negative. For such numbers
 * of 63 bits, with l = ceil(log2 d) and M = floor(2^(63+l) / d) + 1 < 2^64, the
 * quotient is M * n >> (63+l): M exceeds 2^(63+l)/d by at most 2^l / 2^(63+l) of it.
 */
static void divide_by_constant(Compile *c, const IrOp *op, int64_t d)
{
	Code *code = &c->code;
	int l = 64 - __builtin_clzll((uint64_t)d - 1);
	uint64_t m = (uint64_t)(((unsigned __int128)1 << (63 + l)) / (uint64_t)d) + 1;
	int n, sign, to;

	evict(c, bit(RDX));
	c->pinned |= bit(RDX);
	n = need(c, op->arg[0]);
	sign = emit_sign(c, op, n);
	emit_mov_imm(code, RAX, m);
	if (sign == NO_REG) {
		emit_unary(code, UNARY_MUL, n);
	} else {
		emit_move(code, RDX, n);
		emit_rr(code, X_ALU(ALU_XOR), RDX, sign);
		emit_unary(code, UNARY_MUL, RDX);
	}
	if (l > 1)
		emit_shift_imm(code, SHIFT_SHR, RDX, l - 1);
	if (sign != NO_REG)
		emit_rr(code, X_ALU(ALU_XOR), RDX, sign);
	if (!is_modulo(op)) {
		free_operands(c);
		emit_move(code, result(c), RDX);
		return;
	}
	/* n - quotient * d */
	if (d == (int32_t)d) {
		emit_rr(code, 0x69 | X_W, RDX, RDX);
		emit_u32(code, (uint32_t)d);
	} else {
		emit_rm(code, X_IMUL, RDX, emit_constant(code, (uint64_t)d), 0);
	}
	to = result_from(c, op->arg[0]);
	emit_rr(code, X_ALU(ALU_SUB), to, RDX);
}

/* The divisor in a register, not 0. -1 is apart: the instruction traps for the least integer. */
static void divide(Compile *c, const IrOp *op)
{
	Code *code = &c->code;
	bool modulo = is_modulo(op);
	uint32_t minus_one, end, exact, same;
	int n, d;

	evict(c, bit(RDX));
	c->pinned |= bit(RDX);
	n = need(c, op->arg[0]);
	d = need(c, op->arg[1]);
	emit_move(code, RAX, n);
	emit_alu_imm(code, ALU_CMP, d, -1);
	minus_one = emit_jump_short(code, CC_E);
	emit_byte(code, 0x48); /* cqo */
	emit_byte(code, 0x99);
	emit_unary(code, UNARY_IDIV, d);
	/* Rounded to zero. Of different signs and not exact: one less. */
	emit_rr(code, X_TEST, RDX, RDX);
	exact = emit_jump_short(code, CC_E);
	if (modulo) {
		emit_move(code, RAX, RDX);
		emit_rr(code, X_ALU(ALU_XOR), RAX, d);
		same = emit_jump_short(code, CC_NS);
		emit_rr(code, X_ALU(ALU_ADD), RDX, d);
	} else {
		emit_rr(code, X_ALU(ALU_XOR), RDX, d);
		same = emit_jump_short(code, CC_NS);
		emit_alu_imm(code, ALU_SUB, RAX, 1);
	}
	emit_here(code, same);
	emit_here(code, exact);
	end = emit_jump_short(code, -1);
	emit_here(code, minus_one);
	if (modulo)
		emit_mov_imm(code, RDX, 0);
	else
		emit_unary(code, UNARY_NEG, RAX);
	emit_here(code, end);
	free_operands(c);
	emit_move(code, result(c), modulo ? RDX : RAX);
}

void compile_division(Compile *c, const IrOp *op)
{
	bool modulo = is_modulo(op);
	uint64_t bits;
	int64_t d;
	int reg;

	if (!constant_bits(c, op->arg[1], &bits) || op->arg[0] < 0) {
		divide(c, op);
		return;
	}
	d = (int64_t)bits;
	if (is_power_of_two(d)) {
		reg = result_from(c, op->arg[0]);
		if (!modulo && d > 1)
			emit_shift_imm(&c->code, SHIFT_SAR, reg, __builtin_ctzll(bits));
		else if (modulo && d - 1 == (int32_t)(d - 1))
			emit_alu_imm(&c->code, ALU_AND, reg, (int32_t)(d - 1));
		else if (modulo)
			emit_rm(&c->code, X_ALU(ALU_AND), reg, emit_constant(&c->code, bits - 1),
				0);
	} else if (d > 0) {
		divide_by_constant(c, op, d);
	} else {
		divide(c, op);
	}
}
