/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counting.c - how often code is run, counted on request.
 *
 * At a loop's label, or where other traces begin, there is an instruction of five bytes
 * that does nothing. While runs are counted it is a jump to code that counts and comes
 * back; otherwise nothing is paid but that instruction.
 */
#include "../trace/listen.h"
#include "x64.h"

static const uint8_t nothing[COUNT_SIZE] = {0x0f, 0x1f, 0x44, 0x00, 0x00};

void emit_count(Compile *c)
{
	c->x->count_at = c->code.n;
	for (int i = 0; i < COUNT_SIZE; i++)
		emit_byte(&c->code, nothing[i]);
}

/* rax and the flags are free there. */
static const uint8_t *make_counter(MachineTrace *x, const uint8_t *from, uint64_t *runs)
{
	const uint8_t *at;
	Code code = {0};

	code_open(&code);
	emit_mov_imm(&code, RAX, (uintptr_t)runs);
	emit_rm(&code, X_INC, 0, at_reg(RAX, 0), 0);
	emit_jump_fixup(&code, -1, FIX_ADDRESS, (uintptr_t)from + COUNT_SIZE);
	at = code.failed ? NULL : machine_install(x->machine, x, &code, NULL, CODE_COUNTER);
	code_close(&code);
	return at;
}

void x64_count(lua_State *L, Trace *t, uint64_t *runs)
{
	MachineTrace *x = t->backend;
	uint8_t *at = (uint8_t *)t->code + x->count_at, jump[COUNT_SIZE] = {0xe9};
	int32_t distance;

	if (!runs) {
		machine_write(x->machine, at, nothing, COUNT_SIZE);
		return;
	}
	/* Where a trace's runs are counted stays the same. */
	if (!x->counter) {
		x->counter = make_counter(x, at, runs);
		if (!x->counter)
			return; /* no room: it is not counted */
		listen_extended(L->global->jit, t);
	}
	distance = (int32_t)(x->counter - (at + COUNT_SIZE));
	memcpy(jump + 1, &distance, sizeof(distance));
	machine_write(x->machine, at, jump, COUNT_SIZE);
}
