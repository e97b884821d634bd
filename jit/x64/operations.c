/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * operations.c - the machine code of each operation, but for calls and divisions.
 *
 * Arguments that are constants or spilled are taken from where they are if the
 * instruction can. Comparisons and loads whose one use is a guard are not compiled
 * where they stand: the guard compares (VALUE_FUSED). A node's address is part of
 * its loads' addresses (VALUE_VIRTUAL).
 */
#include "x64.h"
#include <math.h>

bool is_integer_comparison(enum ir_opcode opcode)
{
	return (opcode >= IR_INT_LT && opcode <= IR_UINT_GE) || opcode == IR_PTR_EQ ||
	       opcode == IR_PTR_NE;
}

bool is_float_comparison(enum ir_opcode opcode)
{
	return opcode >= IR_FLOAT_LT && opcode <= IR_FLOAT_GE;
}

bool is_load(enum ir_opcode opcode)
{
	return ir_info[opcode].flags & IR_LOAD;
}

bool constant_bits(const Compile *c, IrRef ref, uint64_t *bits)
{
	if (!ir_is_constant(ref))
		return false;
	*bits = (uint64_t)ir_constant(c->ir, ref)->u.i;
	return true;
}

bool is_immediate(const Compile *c, IrRef ref, int32_t *imm)
{
	uint64_t bits;

	if (!constant_bits(c, ref, &bits) || (int64_t)bits != (int32_t)bits)
		return false;
	*imm = (int32_t)bits;
	return true;
}

/* ---- Memory ------------------------------------------------------------------------------ */

static const struct {
	uint16_t offset;
	uint8_t size;
} fields[IR_FIELD_COUNT] = {
#define X(name, text, object, member, type) \
	[IR_FIELD_##name] = {offsetof(object, member), (type) == '1' ? 1 : (type) == '4' ? 4 : 8},
	IR_FIELDS(X)
#undef X
};

/*
 * The payload is at array - 8 - 8 * index: a register gets -1 - index, that of the index
 * itself if nobody wants that afterwards (`last`), else rax.
 */
static Mem element_payload(Compile *c, int array, IrRef index, bool last)
{
	uint64_t i;
	int reg;

	if (constant_bits(c, index, &i) && i < INT32_MAX / 16)
		return at_reg(array, -8 - 8 * (int32_t)i);
	reg = need(c, index);
	if (!last) {
		emit_move(&c->code, RAX, reg);
		reg = RAX;
	}
	emit_unary(&c->code, UNARY_NOT, reg);
	return (Mem){.base = (int8_t)array, .index = (int8_t)reg, .scale = 8};
}

static Mem element_tag(Compile *c, int array, IrRef index)
{
	uint64_t i;

	if (constant_bits(c, index, &i) && i < INT32_MAX / 16)
		return at_reg(array, (int32_t)i);
	return (Mem){.base = (int8_t)array, .index = (int8_t)need(c, index), .scale = 1};
}

/* A member of the node, whose address may be one that is not computed. */
static Mem in_node(Compile *c, IrRef node, size_t offset)
{
	const IrOp *op;

	if (node < 0 || !(c->values[node].flags & VALUE_VIRTUAL))
		return at_reg(need(c, node), offset);
	op = ir_op(c->ir, node);
	return at_reg(need(c, op->arg[0]), (int32_t)offset + op->descr * (int32_t)sizeof(Node));
}

int load_size(const IrOp *op)
{
	switch (op->opcode) {
	case IR_GETSLOT_TAG:
	case IR_GETVALUE_TAG:
	case IR_GETARRAYITEM_TAG:
	case IR_GETNODE_KEYTAG:
	case IR_GETNODE_TAG:
		return 1;
	case IR_GETFIELD_I:
	case IR_GETFIELD_R:
		return fields[op->descr].size;
	default:
		return 8;
	}
}

Mem load_address(Compile *c, const IrOp *op)
{
	switch (op->opcode) {
	case IR_GETSLOT_TAG:
		return at_reg(BASE, op->descr * (int)sizeof(Value) + (int)offsetof(Value, tag));
	case IR_GETSLOT_I:
	case IR_GETSLOT_F:
	case IR_GETSLOT_R:
	case IR_SLOT_ADDRESS:
		return at_reg(BASE, op->descr * (int)sizeof(Value));
	case IR_GETFIELD_I:
	case IR_GETFIELD_R:
		return at_reg(need(c, op->arg[0]), fields[op->descr].offset);
	case IR_GETVALUE_TAG:
		return at_reg(need(c, op->arg[0]), offsetof(Value, tag));
	case IR_GETVALUE_I:
	case IR_GETVALUE_F:
	case IR_GETVALUE_R:
		return at_reg(need(c, op->arg[0]), 0);
	case IR_GETARRAYITEM_TAG:
		return element_tag(c, need(c, op->arg[0]), op->arg[1]);
	case IR_GETARRAYITEM_I:
	case IR_GETARRAYITEM_F:
	case IR_GETARRAYITEM_R:
		return element_payload(c, need(c, op->arg[0]), op->arg[1],
				       dies_here(c, op->arg[1]));
	case IR_GETNODE_KEY:
		return in_node(c, op->arg[0], offsetof(Node, key));
	case IR_GETNODE_KEYTAG:
		return in_node(c, op->arg[0], offsetof(Node, key_tag));
	case IR_GETNODE_TAG:
		return in_node(c, op->arg[0], offsetof(Node, value_tag));
	default:
		return in_node(c, op->arg[0], offsetof(Node, value));
	}
}

static void emit_sized_load(Compile *c, int to, Mem from, int size)
{
	if (size == 1)
		emit_rm(&c->code, X_MOVZX8, to, from, 0);
	else if (size == 4)
		emit_rm(&c->code, X_MOV32, to, from, 0);
	else
		emit_load(&c->code, to, from);
}

/* One instruction reads the arguments and writes the result: they may share registers. */
static void compile_load(Compile *c, const IrOp *op)
{
	Mem from = load_address(c, op);

	free_operands(c);
	if (op->opcode == IR_SLOT_ADDRESS) {
		emit_rm(&c->code, X_LEA, result(c), from, 0);
		return;
	}
	emit_sized_load(c, result(c), from, load_size(op));
}

/* nil, false and true are what their tags say. */
static bool has_payload(int tag)
{
	return tag > TAG_FALSE && tag != TAG_TRUE;
}

static void store_payload(Compile *c, Mem to, IrRef value)
{
	uint64_t bits;

	if (constant_bits(c, value, &bits) && ((int64_t)bits == (int32_t)bits || to.index != RAX)) {
		emit_store_imm(&c->code, to, bits);
	} else {
		emit_store(&c->code, to, need(c, value));
	}
}

/* The payload comes last: its address may take the place of the index. */
static void store_element(Compile *c, const IrOp *op)
{
	IrRef index = op->arg[1], value = op->arg[2];
	int array = need(c, op->arg[0]);

	if (value >= 0)
		need(c, value);
	emit_store_byte(&c->code, element_tag(c, array, index), (uint8_t)op->descr);
	if (has_payload(op->descr))
		store_payload(c,
			      element_payload(c, array, index,
					      dies_here(c, index) && value != index),
			      value);
}

static void compile_store(Compile *c, const IrOp *op)
{
	int object, tag = op->descr;
	Mem to;

	switch (op->opcode) {
	case IR_SETVALUE:
		object = need(c, op->arg[0]);
		if (has_payload(tag))
			store_payload(c, at_reg(object, 0), op->arg[1]);
		emit_store_byte(&c->code, at_reg(object, offsetof(Value, tag)), (uint8_t)tag);
		break;
	case IR_SETNODE:
		to = in_node(c, op->arg[0], offsetof(Node, value));
		if (has_payload(tag))
			store_payload(c, to, op->arg[1]);
		to.disp += (int)offsetof(Node, value_tag) - (int)offsetof(Node, value);
		emit_store_byte(&c->code, to, (uint8_t)tag);
		break;
	default:
		store_element(c, op);
	}
}

/* ---- Integers -------------------------------------------------------------------------------- */

/* reg = reg op ref */
static void alu(Compile *c, int op, int reg, IrRef ref)
{
	int32_t imm;

	if (is_immediate(c, ref, &imm))
		emit_alu_imm(&c->code, op, reg, imm);
	else if (in_register(c, ref))
		emit_rr(&c->code, X_ALU(op), reg, c->values[ref].reg);
	else
		emit_rm(&c->code, X_ALU(op), reg, memory_of(c, ref), 0);
}

static void pin(Compile *c, IrRef ref)
{
	if (in_register(c, ref))
		c->pinned |= bit(c->values[ref].reg);
}

/* The constant, or what lives on, is better the second. */
static bool should_swap(const Compile *c, IrRef a, IrRef b)
{
	if (a < 0 || b < 0)
		return a < 0 && b >= 0;
	return !(dies_here(c, a) && in_register(c, a)) && dies_here(c, b) && in_register(c, b);
}

/* a + b without changing a. */
static bool compile_lea(Compile *c, IrRef a, IrRef b, int32_t sign)
{
	int32_t imm;
	Mem sum;

	if (a < 0 || (dies_here(c, a) && c->values[c->at].hint == NO_REG))
		return false;
	if (is_immediate(c, b, &imm) && imm != INT32_MIN) {
		sum = at_reg(need(c, a), imm * sign);
	} else if (sign > 0 && in_register(c, a) && in_register(c, b) && !dies_here(c, b)) {
		sum = (Mem){.base = (int8_t)need(c, a), .index = (int8_t)need(c, b), .scale = 1};
	} else {
		return false;
	}
	if (dies_here(c, a) && c->values[c->at].hint == c->values[a].reg)
		return false;
	free_operands(c);
	emit_rm(&c->code, X_LEA, result(c), sum, 0);
	return true;
}

/* a stays where it is if b is the same. */
static void compile_alu(Compile *c, const IrOp *op, int alu_op)
{
	IrRef a = op->arg[0], b = op->arg[1];
	int reg;

	if (alu_op != ALU_SUB && should_swap(c, a, b)) {
		a = op->arg[1];
		b = op->arg[0];
	}
	if ((alu_op == ALU_ADD && compile_lea(c, a, b, 1)) ||
	    (alu_op == ALU_SUB && compile_lea(c, a, b, -1)))
		return;
	pin(c, b);
	if (a == b && a >= 0) {
		reg = need(c, a);
		reg = result_from(c, a);
		emit_rr(&c->code, X_ALU(alu_op), reg, reg);
		return;
	}
	reg = result_from(c, a);
	alu(c, alu_op, reg, b);
}

static void compile_multiply(Compile *c, const IrOp *op)
{
	IrRef a = op->arg[0], b = op->arg[1];
	int32_t imm;
	int reg;

	if (should_swap(c, a, b)) {
		a = op->arg[1];
		b = op->arg[0];
	}
	if (is_immediate(c, b, &imm)) {
		int from = need(c, a);
		bool small = imm >= -128 && imm <= 127;

		free_operands(c);
		emit_rr(&c->code, (small ? 0x6b : 0x69) | X_W, result(c), from);
		if (small)
			emit_byte(&c->code, (uint8_t)imm);
		else
			emit_u32(&c->code, (uint32_t)imm);
		return;
	}
	pin(c, b);
	if (a == b)
		need(c, a);
	reg = result_from(c, a);
	if (a == b)
		emit_rr(&c->code, X_IMUL, reg, reg);
	else if (in_register(c, b))
		emit_rr(&c->code, X_IMUL, reg, c->values[b].reg);
	else
		emit_rm(&c->code, X_IMUL, reg, memory_of(c, b), 0);
}

/* The count must be in rcx. */
static void compile_shift(Compile *c, const IrOp *op)
{
	int shift = op->opcode == IR_INT_LSHIFT ? SHIFT_SHL : SHIFT_SHR;
	uint64_t count;
	int reg;

	if (constant_bits(c, op->arg[1], &count)) {
		reg = result_from(c, op->arg[0]);
		emit_shift_imm(&c->code, shift, reg, (int)(count & 63));
		return;
	}
	/* rax holds the value meanwhile: the result may then be anywhere. */
	evict(c, bit(RCX));
	c->pinned |= bit(RCX);
	emit_move(&c->code, RAX, need(c, op->arg[0]));
	emit_move(&c->code, RCX, need(c, op->arg[1]));
	emit_rr(&c->code, 0xd3 | X_W, shift, RAX);
	free_operands(c);
	emit_move(&c->code, result(c), RAX);
}

static int integer_condition(enum ir_opcode opcode)
{
	switch (opcode) {
	case IR_INT_LT:
		return CC_L;
	case IR_INT_LE:
		return CC_LE;
	case IR_INT_GT:
		return CC_G;
	case IR_INT_GE:
		return CC_GE;
	case IR_UINT_LT:
		return CC_B;
	case IR_UINT_GE:
		return CC_AE;
	case IR_INT_EQ:
	case IR_PTR_EQ:
		return CC_E;
	default:
		return CC_NE;
	}
}

/* The condition with its operands swapped. */
static int swapped(int cc)
{
	switch (cc) {
	case CC_L:
		return CC_G;
	case CC_G:
		return CC_L;
	case CC_LE:
		return CC_GE;
	case CC_GE:
		return CC_LE;
	case CC_B:
		return CC_A;
	case CC_AE:
		return CC_BE;
	default:
		return cc;
	}
}

/* ---- Floats ------------------------------------------------------------------------------------
 */

/* reg = reg op ref */
static void sse(Compile *c, unsigned opcode, int reg, IrRef ref)
{
	if (in_register(c, ref))
		emit_rr(&c->code, opcode, reg, c->values[ref].reg);
	else
		emit_rm(&c->code, opcode, reg, memory_of(c, ref), 0);
}

static void compile_float(Compile *c, const IrOp *op, unsigned opcode)
{
	IrRef a = op->arg[0], b = op->arg[1];
	bool commutes = op->opcode == IR_FLOAT_ADD || op->opcode == IR_FLOAT_MUL;
	int reg;

	if (commutes && should_swap(c, a, b)) {
		a = op->arg[1];
		b = op->arg[0];
	}
	pin(c, b);
	if (a == b) {
		if (a >= 0)
			need(c, a);
		reg = result_from(c, a);
		emit_rr(&c->code, opcode, reg, reg);
		return;
	}
	reg = result_from(c, a);
	sse(c, opcode, reg, b);
}

static void compile_mask(Compile *c, const IrOp *op)
{
	bool negate = op->opcode == IR_FLOAT_NEG;
	int reg = result_from(c, op->arg[0]);

	emit_load(&c->code, XMM15,
		  emit_constant(&c->code, negate ? UINT64_C(1) << 63 : ~(UINT64_C(1) << 63)));
	emit_rr(&c->code, negate ? X_XORPS : X_ANDPS, reg, XMM15);
}

static void compile_round(Compile *c, const IrOp *op)
{
	int from = need(c, op->arg[0]);

	free_operands(c);
	emit_rr(&c->code, X_ROUNDSD, result(c), from);
	/* Downwards, upwards; no exception for what is inexact. */
	emit_byte(&c->code, op->opcode == IR_FLOAT_FLOOR ? 9 : 10);
}

static void compile_conversion(Compile *c, const IrOp *op)
{
	int from = need(c, op->arg[0]), to = result(c);

	if (op->opcode == IR_CAST_FLOAT_TO_INT) {
		emit_rr(&c->code, X_CVTTSD2SI, to, from);
		return;
	}
	/* The instruction leaves the upper half, so it would wait for the register. */
	emit_rr(&c->code, X_XORPS, to, to);
	emit_rr(&c->code, X_CVTSI2SD, to, from);
}

/* ---- Comparisons
 * ----------------------------------------------------------------------------------
 */

static int compare_integers(Compile *c, const IrOp *op)
{
	IrRef a = op->arg[0], b = op->arg[1];
	int cc = integer_condition(op->opcode);
	int32_t imm;

	if (a < 0 && b >= 0) {
		a = op->arg[1];
		b = op->arg[0];
		cc = swapped(cc);
	}
	pin(c, b);
	if (is_immediate(c, b, &imm) && imm == 0 && cc != CC_B && cc != CC_AE && cc != CC_A &&
	    cc != CC_BE) {
		int reg = need(c, a);

		if (cc == CC_E || cc == CC_NE)
			emit_test_zero(&c->code, reg);
		else
			emit_rr(&c->code, X_TEST, reg, reg);
	} else {
		alu(c, ALU_CMP, need(c, a), b);
	}
	return cc;
}

/*
 * Below and above are false if one is a NaN in one order of the operands only: that
 * order is taken.
 */
static int compare_floats(Compile *c, const IrOp *op)
{
	IrRef a = op->arg[0], b = op->arg[1];
	int cc;

	switch (op->opcode) {
	case IR_FLOAT_LT:
	case IR_FLOAT_LE:
		a = op->arg[1];
		b = op->arg[0];
		cc = op->opcode == IR_FLOAT_LT ? CC_A : CC_AE;
		break;
	case IR_FLOAT_GT:
		cc = CC_A;
		break;
	case IR_FLOAT_GE:
		cc = CC_AE;
		break;
	default:
		cc = op->opcode == IR_FLOAT_EQ ? CC_E : CC_NE;
	}
	pin(c, b);
	sse(c, X_UCOMISD, need(c, a), b);
	return cc;
}

int compile_comparison(Compile *c, const IrOp *op)
{
	return is_float_comparison(op->opcode) ? compare_floats(c, op) : compare_integers(c, op);
}

/* A condition as a value. */
static void compile_truth(Compile *c, const IrOp *op)
{
	int cc = compare_integers(c, op);

	emit_rr(&c->code, (0x90u + (unsigned)cc) | X_0F, 0, RAX);
	free_operands(c);
	emit_rr(&c->code, X_MOVZX8, result(c), RAX);
}

static void compile_float_truth(Compile *c, const IrOp *op)
{
	static const uint8_t predicates[] = {1, 2, 0, 4, 1, 2}; /* lt, le, eq, ne, gt, ge */
	unsigned which = op->opcode - IR_FLOAT_LT;
	IrRef a = op->arg[which >= 4], b = op->arg[which < 4];
	int reg;

	pin(c, b);
	emit_move(&c->code, XMM15, need(c, a));
	if (in_register(c, b))
		emit_rr(&c->code, X_CMPSD, XMM15, c->values[b].reg);
	else
		emit_rm(&c->code, X_CMPSD, XMM15, memory_of(c, b), 1);
	emit_byte(&c->code, predicates[which]);
	free_operands(c);
	reg = result(c);
	emit_move(&c->code, reg, XMM15);
	emit_alu_imm(&c->code, ALU_AND, reg, 1);
}

/* ---- Strings
 * ---------------------------------------------------------------------------------------
 */

static void compile_strlen(Compile *c, const IrOp *op)
{
	uint8_t tag = ir_tag(c->ir, op->arg[0]);
	int s = need(c, op->arg[0]), to = result(c);
	Mem short_length = at_reg(s, offsetof(String, short_length));
	Mem length = at_reg(s, offsetof(String, u.length));
	uint32_t jump, end;

	if (tag == TAG_SHORT_STRING) {
		emit_rm(&c->code, X_MOVZX8, to, short_length, 0);
	} else if (tag == TAG_LONG_STRING) {
		emit_load(&c->code, to, length);
	} else {
		emit_compare_byte(&c->code, at_reg(s, offsetof(String, tag)), TAG_SHORT_STRING);
		jump = emit_jump_short(&c->code, CC_E);
		emit_load(&c->code, to, length);
		end = emit_jump_short(&c->code, -1);
		emit_here(&c->code, jump);
		emit_rm(&c->code, X_MOVZX8, to, short_length, 0);
		emit_here(&c->code, end);
	}
}

static void compile_strgetitem(Compile *c, const IrOp *op)
{
	int s = need(c, op->arg[0]);
	Mem from = at_reg(s, offsetof(String, text));
	uint64_t i;

	if (constant_bits(c, op->arg[1], &i) && i < INT32_MAX / 2)
		from.disp += (int32_t)i;
	else
		from.index = (int8_t)need(c, op->arg[1]);
	free_operands(c);
	emit_rm(&c->code, X_MOVZX8, result(c), from, 0);
}

/* ---- Dispatch
 * ----------------------------------------------------------------------------------------
 */

static void compile_unary(Compile *c, const IrOp *op, int unary)
{
	emit_unary(&c->code, unary, result_from(c, op->arg[0]));
}

static void compile_pure(Compile *c, const IrOp *op)
{
	static const unsigned sse_opcodes[] = {X_ADDSD, X_SUBSD, X_MULSD, X_DIVSD};
	int from;

	switch (op->opcode) {
	case IR_GETUPVALUE:
		from = need(c, op->arg[0]);
		free_operands(c);
		emit_load(&c->code, result(c),
			  at_reg(from, offsetof(LuaFunction, upvalues) + 8 * (size_t)op->descr));
		break;
	case IR_NODE_AT:
		from = need(c, op->arg[0]);
		free_operands(c);
		emit_rm(&c->code, X_LEA, result(c), at_reg(from, op->descr * (int32_t)sizeof(Node)),
			0);
		break;
	case IR_STRLEN:
		compile_strlen(c, op);
		break;
	case IR_STRGETITEM:
		compile_strgetitem(c, op);
		break;
	case IR_INT_ADD:
		compile_alu(c, op, ALU_ADD);
		break;
	case IR_INT_SUB:
		compile_alu(c, op, ALU_SUB);
		break;
	case IR_INT_AND:
		compile_alu(c, op, ALU_AND);
		break;
	case IR_INT_OR:
		compile_alu(c, op, ALU_OR);
		break;
	case IR_INT_XOR:
		compile_alu(c, op, ALU_XOR);
		break;
	case IR_INT_MUL:
		compile_multiply(c, op);
		break;
	case IR_INT_FLOORDIV:
	case IR_INT_MOD:
	case IR_UINT_FLOORDIV:
	case IR_UINT_MOD:
		compile_division(c, op);
		break;
	case IR_INT_LSHIFT:
	case IR_UINT_RSHIFT:
		compile_shift(c, op);
		break;
	case IR_INT_NEG:
		compile_unary(c, op, UNARY_NEG);
		break;
	case IR_INT_INVERT:
		compile_unary(c, op, UNARY_NOT);
		break;
	case IR_FLOAT_ADD ... IR_FLOAT_TRUEDIV:
		compile_float(c, op, sse_opcodes[op->opcode - IR_FLOAT_ADD]);
		break;
	case IR_FLOAT_NEG:
	case IR_FLOAT_ABS:
		compile_mask(c, op);
		break;
	case IR_FLOAT_SQRT:
		from = need(c, op->arg[0]);
		free_operands(c);
		emit_rr(&c->code, X_SQRTSD, result(c), from);
		break;
	case IR_FLOAT_FLOOR:
	case IR_FLOAT_CEIL:
		compile_round(c, op);
		break;
	case IR_FLOAT_LT ... IR_FLOAT_GE:
		compile_float_truth(c, op);
		break;
	case IR_CAST_INT_TO_FLOAT:
	case IR_CAST_FLOAT_TO_INT:
		compile_conversion(c, op);
		break;
	case IR_SAME_AS_I:
	case IR_SAME_AS_F:
	case IR_SAME_AS_R:
		result_from(c, op->arg[0]);
		break;
	default:
		compile_truth(c, op);
	}
}

static void compile_count_removed(Compile *c)
{
	uint32_t no_debt;

	emit_mov_imm(&c->code, RAX, (uintptr_t)&c->jit->removed);
	emit_alu_memory_imm32(&c->code, ALU_ADD, at_reg(RAX, 0), UINT32_MAX / REMOVED_SHARE + 1);
	emit_load(&c->code, RAX, at_reg(STATE, offsetof(lua_State, global)));
	emit_alu_memory_imm(&c->code, ALU_ADC, at_reg(RAX, offsetof(Global, debt)), 0);
	no_debt = emit_jump_short(&c->code, CC_LE);
	emit_mov_imm(&c->code, RAX, (uintptr_t)&state_stop);
	emit_store(&c->code, at_reg(STATE, offsetof(lua_State, listens_to)), RAX);
	emit_here(&c->code, no_debt);
}

void compile_operation(Compile *c, const IrOp *op)
{
	unsigned flags = ir_info[op->opcode].flags;

	if (op->opcode == IR_NOP || op->opcode == IR_VIRTUAL ||
	    (op->opcode >= IR_ARG_I && op->opcode <= IR_ARG_R) ||
	    c->values[c->at].flags & (VALUE_FUSED | VALUE_VIRTUAL))
		return;
	if (op->opcode == IR_LABEL)
		allocate_label(c, op);
	else if (op->opcode == IR_JUMP && op->descr > 0)
		compile_join(c, op);
	else if (op->opcode == IR_JUMP)
		allocate_jump(c, op);
	else if (op->opcode == IR_FINISH)
		compile_finish(c, op);
	else if (op->opcode == IR_CALL_MAY_FORCE_I)
		compile_call_may_force(c, op);
	else if (flags & IR_GUARD)
		compile_guard(c, op);
	else if (flags & IR_CALL)
		compile_call(c, op);
	else if (flags & IR_LOAD)
		compile_load(c, op);
	else if (op->opcode == IR_BARRIER || op->opcode == IR_BARRIER_BACK)
		compile_barrier(c, op);
	else if (op->opcode == IR_COUNT_REMOVED)
		compile_count_removed(c);
	else if (op->opcode == IR_LEAVE_PCALL)
		compile_leave_pcall(c, op);
	else if (flags & IR_STORE)
		compile_store(c, op);
	else if ((op->opcode == IR_FLOAT_FLOOR || op->opcode == IR_FLOAT_CEIL) && !c->m->has_round)
		compile_plain_call(c,
				   op->opcode == IR_FLOAT_FLOOR ? (void *)(uintptr_t)floor
								: (void *)(uintptr_t)ceil,
				   op);
	else
		compile_pure(c, op);
}
