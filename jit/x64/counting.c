/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counting.c - how often code is run, counted on request.
 *
 * At a loop's label, or where another trace begins, there is a slot: one instruction
 * that does nothing. While runs are counted it holds
 *
 *	inc qword [r15 + n]			a loop that has no other use for r15
 *	mov rax, address; inc qword [rax]	others
 *	jmp counter				who fires the probe too, out of line
 *
 * The first waits for nothing, because processors keep what was stored through an
 * unchanged register in a renamed register of their own; it costs a tight loop its place
 * among the operations of a cycle, where the loop has as many as the processor takes. The
 * second pays for reading back each turn what the turn before has stored, about a
 * nanosecond if nothing else takes that long. r15 is loaded before the label whether
 * runs are counted or not: a loop may be on the stack, in a call, when that changes. A
 * trace that jumps to the label loads it too.
 *
 * rax and the flags are free in a slot.
 *
 * Where a trace looks whether the wish word has changed (../trace/counting.c), the word
 * that was heard is in the instruction.
 */
#include "../trace/listen.h"
#include "x64.h"

/* ---- Where they are ------------------------------------------------------------------------ */

void emit_slot(Compile *c)
{
	c->x->slot = c->code.n;
	if (!c->jit->no_slots)
		emit_nop(&c->code, SLOT_SIZE);
}

void emit_count_base(const Machine *m, Code *code)
{
	emit_mov_imm(code, COUNT_BASE, (uintptr_t)m->counts);
}

/* Before the label: the register is the count's if nobody takes it until the jump. */
void count_base_begin(Compile *c)
{
	c->count_base = c->code.n;
	c->taken = 0;
	c->x->has_count_base = !c->jit->no_slots && c->free & bit(COUNT_BASE);
	if (c->x->has_count_base)
		emit_count_base(c->m, &c->code);
	c->count_base_size = c->code.n - c->count_base;
}

void count_base_end(Compile *c)
{
	if (!c->x->has_count_base || !(c->taken & bit(COUNT_BASE)) || c->code.failed)
		return;
	c->x->has_count_base = false;
	put_nop(c->code.bytes + c->count_base, c->count_base_size);
}

/* ---- What they hold ------------------------------------------------------------------------ */

/* Called with the state, what is pushed first, and then. */
void x64_tell_run(lua_State *L, uint64_t no, uint64_t type)
{
	(void)L;
	jit_loop_run(no, (enum jit_trace_type)type);
}

/* Code that counts, fires the probe and comes back. */
static const uint8_t *make_counter(MachineTrace *x, const uint8_t *slot)
{
	const Trace *t = x->t;
	const uint8_t *at;
	Code code = {0};

	code_open(&code);
	emit_mov_imm(&code, RAX, (uintptr_t)t->runs);
	emit_rm(&code, X_INC, 0, at_reg(RAX, 0), 0);
	emit_mov_imm(&code, RAX, t->hooks.no);
	emit_push(&code, RAX);
	emit_mov_imm(&code, RAX, jit_type_of(t));
	emit_push(&code, RAX);
	emit_call_fixup(&code, x->machine->tell_run);
	emit_alu_imm(&code, ALU_ADD, RSP, 16);
	emit_jump_fixup(&code, -1, FIX_ADDRESS, (uintptr_t)slot + SLOT_SIZE);
	at = code.failed ? NULL : machine_install(x->machine, x, &code, NULL, CODE_COUNTER);
	code_close(&code);
	return at;
}

/* NULL: no room. */
static const uint8_t *counter_of(MachineTrace *x, const uint8_t *slot)
{
	if (!x->counter || x->counter_runs != x->t->runs) {
		x->counter = make_counter(x, slot);
		x->counter_runs = x->t->runs;
	}
	return x->counter;
}

/* The bytes of a slot; the rest does nothing. */
static void fill(MachineTrace *x, const uint8_t *slot, Code *code)
{
	const Trace *t = x->t;
	int64_t from_base = (const char *)t->runs - (const char *)x->machine->counts;
	const uint8_t *counter = NULL;

	if (t->counting & JIT_RUNS_PROBE)
		counter = counter_of(x, slot);
	if (counter) {
		emit_byte(code, 0xe9);
		emit_u32(code, (uint32_t)(counter - (slot + 5)));
	} else if (t->counting && x->has_count_base && from_base == (int32_t)from_base) {
		emit_rm(code, X_INC, 0, at_reg(COUNT_BASE, from_base), 0);
	} else if (t->counting) {
		emit_mov_imm(code, RAX, (uintptr_t)t->runs);
		emit_rm(code, X_INC, 0, at_reg(RAX, 0), 0);
	}
	emit_nop(code, SLOT_SIZE - code->n);
}

void x64_count(lua_State *L, Trace *t)
{
	MachineTrace *x = t->backend;
	uint8_t *slot = (uint8_t *)t->code + x->slot;
	const uint8_t *counter = x->counter;
	Code code = {0};

	if (L->global->jit->no_slots)
		return;
	code_open(&code);
	fill(x, slot, &code);
	if (!code.failed)
		machine_write(x->machine, slot, code.bytes, SLOT_SIZE);
	code_close(&code);
	if (x->counter != counter)
		listen_extended(L->global->jit, t);
}

/* ---- The wish ------------------------------------------------------------------------------ */

void compare_heard(Compile *c)
{
	MachineTrace *x = c->x;
	Code *code = &c->code;

	if (!room_for(c, &x->wishes, x->n_wishes + 1, &x->size_wishes, sizeof(*x->wishes)))
		return;
	x->heard = c->L->global->heard;
	emit_load(code, RAX, at_reg(STATE, offsetof(lua_State, listens_to)));
	emit_rm(code, 0x81, ALU_CMP, at_reg(RAX, 0), 4);
	emit_u32(code, x->heard);
	x->wishes[x->n_wishes++] = code->n - 4;
}

void x64_hear(lua_State *L, Trace *t)
{
	MachineTrace *x = t->backend;
	uint32_t heard = L->global->heard;

	if (x->heard == heard)
		return;
	x->heard = heard;
	for (uint32_t i = 0; i < x->n_wishes; i++)
		machine_write(x->machine, (uint8_t *)t->code + x->wishes[i],
			      (const uint8_t *)&heard, sizeof(heard));
}
