/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * assemble.c - from a list to code in place; the backend as the life cycle sees it.
 */
#include <stdlib.h>

#include "x64.h"

#define MAX_PASSES 4
/* So that traces can mostly go on in each other without asking again for room. */
#define MIN_FRAMES 4

/* What guards jump to: the number of the record, then the code that is shared. */
static uint32_t *compile_exits(Compile *c)
{
	Code *code = &c->code;
	MachineTrace *x = c->x;
	uint32_t *exits = malloc((x->n_records + 1) * sizeof(*exits));
	uint32_t common = code->n;

	if (!exits)
		return NULL;
	emit_store(code, at_reg(RSP, 8), RAX);
	emit_mov_imm(code, RAX, (uintptr_t)x);
	emit_store(code, at_reg(RSP, 16), RAX);
	emit_jump_fixup(code, -1, FIX_ADDRESS, (uintptr_t)c->m->leave);
	for (uint32_t i = 0; i < x->n_records; i++) {
		exits[i] = x->records[i].stub = code->n;
		if (!x->records[i].has_stub)
			continue;
		emit_mov_imm(code, RAX, i);
		emit_jump_back(code, common);
	}
	return exits;
}

static void compile_list(Compile *c)
{
	const Ir *ir = c->ir;

	allocate_reset(c);
	hint_join(c);
	code_open(&c->code);
	c->n_cold = 0;
	c->x->n_records = c->x->n_locations = c->x->n_wishes = 0;
	c->again = c->full = false;
	if (ir->label < 0)
		emit_slot(c);
	for (uint32_t at = 0; at < ir->n_ops; at++) {
		if (c->t->offsets)
			c->t->offsets[at] = c->code.n;
		allocate_begin(c, (IrRef)at);
		compile_operation(c, &ir->ops[at]);
		allocate_end(c);
		if (c->failed || c->full || c->code.failed)
			return;
	}
	compile_cold(c);
}

static int install(Compile *c)
{
	uint32_t *exits = compile_exits(c);
	uint8_t *at;

	if (!exits || c->code.failed) {
		free(exits);
		return ABORT_NO_MEMORY + 1;
	}
	at = machine_install(c->m, c->x, &c->code, exits, CODE_TRACE);
	free(exits);
	if (!at)
		return ABORT_CODE_FULL + 1;
	c->t->code = at;
	c->t->code_size = c->code.n;
	return 0;
}

static int compile(Compile *c)
{
	const Ir *ir = c->ir;

	if (ir->label >= 0)
		c->x->label = malloc((ir->n_ops + 1) * sizeof(*c->x->label));
	if (!live_analyze(c) || (ir->label >= 0 && !c->x->label))
		return ABORT_NO_MEMORY + 1;
	if (c->jit->fail_guards) {
		c->x->forced = calloc(ir->n_ops, 1);
		if (!c->x->forced)
			return ABORT_NO_MEMORY + 1;
	}
	for (int pass = 0; pass < MAX_PASSES; pass++) {
		compile_list(c);
		if (c->failed || c->code.failed)
			return ABORT_NO_MEMORY + 1;
		if (c->full)
			return ABORT_TOO_LONG + 1;
		if (!c->again)
			break;
	}
	return install(c);
}

static void free_machine_trace(MachineTrace *x)
{
	if (!x)
		return;
	free(x->records);
	free(x->locations);
	free(x->blocks);
	free(x->forced);
	free(x->wishes);
	free(x->label);
	free(x);
}

int x64_assemble(lua_State *L, Trace *t)
{
	Compile *c = calloc(1, sizeof(*c));
	MachineTrace *x = calloc(1, sizeof(*x));
	Machine *m = machine_of(L);
	int failed = ABORT_NO_MEMORY + 1;

	if (c && x && m) {
		*x = (MachineTrace){.machine = m, .t = t};
		*c = (Compile){.L = L, .jit = L->global->jit, .m = m, .t = t, .ir = &t->ir, .x = x};
		if (t->ir.max_frames < MIN_FRAMES)
			t->ir.max_frames = MIN_FRAMES;
		failed = compile(c);
		code_close(&c->code);
		free(c->values);
		free(c->uses);
		free(c->next_call);
		free(c->cold);
	}
	free(c);
	if (failed) {
		free_machine_trace(x);
		return failed;
	}
	t->backend = x;
	return 0;
}

/* ---- The backend ----------------------------------------------------------------------------- */

static int32_t x64_run(lua_State *L, Trace *t, Trace **last)
{
	Machine *m = ((MachineTrace *)t->backend)->machine;
	int32_t exit = m->enter(L, t->code);

	*last = m->left->t;
	return exit;
}

static IrRef x64_left_at(lua_State *L, const Trace *t)
{
	(void)t;
	return ((const Machine *)L->global->jit->machine)->record->at;
}

/* The code of a trace and what leads into it are written at once. */
static void x64_write(lua_State *L, bool begin)
{
	Machine *m = machine_of(L);

	if (m && begin)
		machine_begin(m);
	else if (m)
		machine_end(m);
}

static void x64_free(lua_State *L, Trace *t)
{
	(void)L;
	if (t->backend)
		machine_remove(((MachineTrace *)t->backend)->machine, t->backend);
	free_machine_trace(t->backend);
	t->backend = NULL;
	t->code = NULL;
}

static void x64_memory(Jit *jit, uint64_t *allocated, uint64_t *used)
{
	const Machine *m = jit->machine;

	if (!m)
		return;
	*allocated = m->space.size;
	*used = space_in_use(&m->space);
}

static void x64_patch_many(Jit *jit, bool begin)
{
	if (!jit->machine)
		return;
	if (begin)
		machine_begin_all(jit->machine);
	else
		machine_end(jit->machine);
}

/* For who prints the code. */
static const char *x64_describe(const Trace *t, const void *at, char text[32])
{
	const MachineTrace *x = t->backend;
	const Machine *m = x->machine;
	size_t offset = (size_t)((const uint8_t *)at - (const uint8_t *)t->code);

	if (at == m->leave)
		return "leave";
	if (at == m->force)
		return "force";
	if (at == m->barrier || at == m->barrier_back)
		return "barrier";
	if (at == m->tell_run)
		return "loop__run";
	for (uint32_t i = 0; i < x->n_records; i++)
		if (x->records[i].has_stub && x->records[i].stub == offset) {
			snprintf(text, 32, "exit %d", x->records[i].snapshot);
			return text;
		}
	return NULL;
}

const Backend backend_x64 = {
	.name = "x64",
	.assemble = x64_assemble,
	.run = x64_run,
	.left_at = x64_left_at,
	.value = machine_value,
	.link = link_exit,
	.write = x64_write,
	.count = x64_count,
	.hear = x64_hear,
	.patch_many = x64_patch_many,
	.free = x64_free,
	.describe = x64_describe,
	.piece = machine_piece,
	.close = machine_close,
	.memory = x64_memory,
	.limit = machine_limit,
};
