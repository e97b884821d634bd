/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emit.c - encoding of the instructions that the backend uses, into a buffer that
 * can be moved: what is not relative to itself is a fixup.
 */
#include <stdlib.h>
#include <string.h>

#include "x64.h"

void code_open(Code *code)
{
	code->n = code->n_fixups = code->n_pool = 0;
	code->failed = false;
}

void code_close(Code *code)
{
	free(code->bytes);
	free(code->fixups);
	free(code->pool);
	memset(code, 0, sizeof(*code));
}

/* Room for one more; the vector stays as it is without memory. */
static bool grow(Code *code, void *vector, uint32_t n, uint32_t *size, size_t element)
{
	uint32_t room = *size ? *size * 2 : (uint32_t)(2048 / element);
	void *grown;

	if (n < *size)
		return true;
	grown = realloc(*(void **)vector, room * element);
	if (!grown) {
		code->failed = true;
		return false;
	}
	*(void **)vector = grown;
	*size = room;
	return true;
}

static inline bool has_room(Code *code, uint32_t more)
{
	return code->n + more <= code->size ||
	       grow(code, &code->bytes, code->n + more - 1, &code->size, 1);
}

void emit_byte(Code *code, unsigned b)
{
	if (has_room(code, 1))
		code->bytes[code->n++] = (uint8_t)b;
}

void emit_u32(Code *code, uint32_t n)
{
	if (!has_room(code, sizeof(n)))
		return;
	memcpy(code->bytes + code->n, &n, sizeof(n));
	code->n += sizeof(n);
}

static void fixup(Code *code, enum fixup_kind kind, uintptr_t target, unsigned trail)
{
	if (grow(code, &code->fixups, code->n_fixups, &code->size_fixups, sizeof(Fixup)))
		code->fixups[code->n_fixups++] = (Fixup){.kind = kind,
							 .at = code->n,
							 .end = code->n + 4 + trail,
							 .target = target};
	emit_u32(code, 0);
}

/* Prefix, REX, escape, opcode. */
static void head(Code *code, unsigned opcode, int reg, int index, int base)
{
	unsigned rex = (opcode & X_W ? 8u : 0) | (reg & 8 ? 4u : 0) | (index & 8 ? 2u : 0) |
		       (base & 8 ? 1u : 0);

	if (opcode >> 16)
		emit_byte(code, opcode >> 16);
	if (rex)
		emit_byte(code, 0x40 | rex);
	if (opcode & (X_0F | X_0F3A))
		emit_byte(code, 0x0f);
	if (opcode & X_0F3A)
		emit_byte(code, 0x3a);
	emit_byte(code, opcode & 0xff);
}

static void modrm(Code *code, unsigned mod, int reg, int rm)
{
	emit_byte(code, mod << 6 | (unsigned)(reg & 7) << 3 | (unsigned)(rm & 7));
}

static bool is_alu(unsigned opcode)
{
	return (opcode & ~0x38u) == X_ALU(0);
}

/* After arithmetic whose result is in reg. */
static void note_result(Code *code, int reg)
{
	code->zero_at = code->n;
	code->zero_of = reg;
}

void emit_rr(Code *code, unsigned opcode, int reg, int rm)
{
	head(code, opcode, reg, 0, rm);
	modrm(code, 3, reg, rm);
	if (is_alu(opcode) && opcode != X_ALU(ALU_CMP))
		note_result(code, reg);
}

void emit_rm(Code *code, unsigned opcode, int reg, Mem mem, unsigned trail)
{
	bool none = mem.base == NO_REG, sib;
	unsigned mod;

	head(code, opcode, reg, mem.index == NO_REG ? 0 : mem.index, none ? 0 : mem.base);
	if (none) {
		modrm(code, 0, reg, 5);
		fixup(code, FIX_POOL, (uintptr_t)mem.disp, trail);
		return;
	}
	sib = mem.index != NO_REG || (mem.base & 7) == RSP;
	mod = mem.disp == 0 && (mem.base & 7) != RBP ? 0
	      : mem.disp >= -128 && mem.disp <= 127  ? 1
						     : 2;
	modrm(code, mod, reg, sib ? RSP : mem.base);
	if (sib)
		modrm(code, (unsigned)__builtin_ctz(mem.scale),
		      mem.index == NO_REG ? RSP : mem.index, mem.base);
	if (mod == 1)
		emit_byte(code, (uint8_t)mem.disp);
	else if (mod == 2)
		emit_u32(code, (uint32_t)mem.disp);
}

static bool is_small(int32_t imm)
{
	return imm >= -128 && imm <= 127;
}

static void immediate(Code *code, int32_t imm)
{
	if (is_small(imm))
		emit_byte(code, (uint8_t)imm);
	else
		emit_u32(code, (uint32_t)imm);
}

void emit_alu_imm(Code *code, int op, int rm, int32_t imm)
{
	emit_rr(code, (is_small(imm) ? 0x83 : 0x81) | X_W, op, rm);
	immediate(code, imm);
	if (op != ALU_CMP)
		note_result(code, rm);
}

void emit_shift_imm(Code *code, int op, int rm, int count)
{
	emit_rr(code, 0xc1 | X_W, op, rm);
	emit_byte(code, (uint8_t)count);
}

/* The short forms: of pop, valgrind knows no other. */
static void push_or_pop(Code *code, unsigned opcode, int reg)
{
	if (reg >= R8)
		emit_byte(code, 0x41);
	emit_byte(code, opcode | (reg & 7));
}

void emit_push(Code *code, int reg)
{
	push_or_pop(code, 0x50, reg);
}

void emit_pop(Code *code, int reg)
{
	push_or_pop(code, 0x58, reg);
}

void emit_unary(Code *code, int op, int rm)
{
	emit_rr(code, 0xf7 | X_W, op, rm);
}

void emit_mov_imm(Code *code, int reg, uint64_t imm)
{
	if (imm <= UINT32_MAX) {
		if (reg & 8)
			emit_byte(code, 0x41);
		emit_byte(code, 0xb8 | (reg & 7));
		emit_u32(code, (uint32_t)imm);
	} else if (imm >= (uint64_t)INT32_MIN) {
		emit_rr(code, 0xc7 | X_W, 0, reg);
		emit_u32(code, (uint32_t)imm);
	} else {
		emit_byte(code, reg & 8 ? 0x49 : 0x48);
		emit_byte(code, 0xb8 | (reg & 7));
		emit_u32(code, (uint32_t)imm);
		emit_u32(code, (uint32_t)(imm >> 32));
	}
}

void emit_store_imm(Code *code, Mem to, uint64_t imm)
{
	if ((int64_t)imm == (int32_t)imm) {
		emit_rm(code, 0xc7 | X_W, 0, to, 4);
		emit_u32(code, (uint32_t)imm);
	} else {
		emit_mov_imm(code, RAX, imm);
		emit_store(code, to, RAX);
	}
}

void emit_store_imm32(Code *code, Mem to, uint32_t imm)
{
	emit_rm(code, 0xc7, 0, to, 4);
	emit_u32(code, imm);
}

void emit_store_byte(Code *code, Mem to, uint8_t imm)
{
	emit_rm(code, 0xc6, 0, to, 1);
	emit_byte(code, imm);
}

void emit_compare_byte(Code *code, Mem with, uint8_t imm)
{
	emit_rm(code, 0x80, ALU_CMP, with, 1);
	emit_byte(code, imm);
}

void emit_alu_memory_imm(Code *code, int op, Mem to, int32_t imm)
{
	emit_rm(code, (is_small(imm) ? 0x83 : 0x81) | X_W, op, to, is_small(imm) ? 1 : 4);
	immediate(code, imm);
}

void emit_alu_memory_imm32(Code *code, int op, Mem to, uint32_t imm)
{
	bool small = is_small((int32_t)imm);

	emit_rm(code, small ? 0x83 : 0x81, op, to, small ? 1 : 4);
	immediate(code, (int32_t)imm);
}

void emit_compare_imm(Code *code, Mem with, int32_t imm)
{
	emit_alu_memory_imm(code, ALU_CMP, with, imm);
}

void emit_compare_imm32(Code *code, Mem with, uint32_t imm)
{
	emit_alu_memory_imm32(code, ALU_CMP, with, imm);
}

void emit_test_zero(Code *code, int reg)
{
	if (code->zero_at != code->n || code->zero_of != reg || !code->n)
		emit_rr(code, X_TEST, reg, reg);
}

void emit_test_byte(Code *code, Mem with, uint8_t imm)
{
	emit_rm(code, 0xf6, 0, with, 1);
	emit_byte(code, imm);
}

/* ---- Jumps ------------------------------------------------------------------------------- */

uint32_t emit_jump_short(Code *code, int cc)
{
	emit_byte(code, cc < 0 ? 0xeb : 0x70 | (unsigned)cc);
	emit_byte(code, 0);
	return code->n;
}

void emit_here(Code *code, uint32_t jump)
{
	code->zero_at = 0;
	if (!code->failed)
		code->bytes[jump - 1] = (uint8_t)(code->n - jump);
}

static void jump_opcode(Code *code, int cc)
{
	if (cc < 0) {
		emit_byte(code, 0xe9);
	} else {
		emit_byte(code, 0x0f);
		emit_byte(code, 0x80 | (unsigned)cc);
	}
}

void emit_jump_fixup(Code *code, int cc, enum fixup_kind kind, uintptr_t target)
{
	jump_opcode(code, cc);
	fixup(code, kind, target, 0);
}

void emit_jump_back(Code *code, uint32_t to)
{
	emit_byte(code, 0xe9);
	emit_u32(code, to - (code->n + 4));
}

void emit_call_fixup(Code *code, const void *to)
{
	emit_byte(code, 0xe8);
	fixup(code, FIX_ADDRESS, (uintptr_t)to, 0);
}

void emit_call(Code *code, const void *function)
{
	emit_mov_imm(code, RAX, (uintptr_t)function);
	emit_rr(code, 0xff, 2, RAX);
}

/* ---- Nothing ------------------------------------------------------------------------------- */

void put_nop(uint8_t *at, unsigned n)
{
	static const uint8_t nops[][9] = {
		{0x90},
		{0x66, 0x90},
		{0x0f, 0x1f, 0x00},
		{0x0f, 0x1f, 0x40, 0x00},
		{0x0f, 0x1f, 0x44, 0x00, 0x00},
		{0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
		{0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
		{0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
		{0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
	};

	for (; n > 9; n--)
		*at++ = 0x66; /* once more */
	if (n)
		memcpy(at, nops[n - 1], n);
}

void emit_nop(Code *code, unsigned n)
{
	uint32_t at = code->n;

	for (unsigned i = 0; i < n; i++)
		emit_byte(code, 0);
	if (!code->failed)
		put_nop(code->bytes + at, n);
}

void emit_align(Code *code, uint32_t to)
{
	code->zero_at = 0; /* who jumps here has other flags */
	while (code->n % to && !code->failed) {
		uint32_t n = to - code->n % to;

		emit_nop(code, n > 9 ? 9 : n);
	}
}

/* ---- Moves ------------------------------------------------------------------------------- */

Mem emit_constant(Code *code, uint64_t bits)
{
	Mem mem = {.base = NO_REG, .index = NO_REG, .scale = 1};

	for (uint32_t i = 0; i < code->n_pool; i++)
		if (code->pool[i] == bits) {
			mem.disp = (int32_t)i;
			return mem;
		}
	if (grow(code, &code->pool, code->n_pool, &code->size_pool, sizeof(*code->pool))) {
		mem.disp = (int32_t)code->n_pool;
		code->pool[code->n_pool++] = bits;
	}
	return mem;
}

void emit_move(Code *code, int to, int from)
{
	if (to == from)
		return;
	if (to < XMM0 && from < XMM0)
		emit_rr(code, X_MOV, to, from);
	else if (to >= XMM0 && from >= XMM0)
		emit_rr(code, X_MOVAPS, to, from);
	else if (to >= XMM0)
		emit_rr(code, X_MOVQ_FROM_GPR, to, from);
	else
		emit_rr(code, X_MOVQ_TO_GPR, from, to);
}

void emit_load(Code *code, int to, Mem from)
{
	emit_rm(code, to >= XMM0 ? X_MOVSD : X_MOV, to, from, 0);
}

void emit_store(Code *code, Mem to, int from)
{
	emit_rm(code, from >= XMM0 ? X_MOVSD_STORE : X_MOV_STORE, from, to, 0);
}
