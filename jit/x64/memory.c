/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - where code lies, and the pieces that all traces share.
 *
 * One reserved area for each Jit, so that a rel32 reaches everything in it. Its pages
 * are writable or executable, never both. To change what a page is costs as much as to
 * compile a small trace, so who writes in several places does it between
 * machine_begin() and machine_end(): what is first written to becomes writable, and all
 * of it executable again in the end. None of the code runs meanwhile.
 *
 * Most of that cost is the kernel's, in taking mappings apart and putting them together
 * again. So the area changes by regions, each of which is a mapping of its own: every
 * other one has an advice that does nothing here and keeps neighbours from being joined.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../lua/gc.h"
#include "../trace/parameters.h"
#include "x64.h"

/* So few pages that the processor forgets just these when they change. */
#define REGION (32 * 4096u)
/* What a rel32 reaches, and more than anybody needs. */
#define MAX_CODE_MIB 1024

/* ---- Writing ------------------------------------------------------------------------------- */

static uint32_t round_up(size_t size)
{
	return (uint32_t)(size + REGION - 1) & ~(REGION - 1);
}

static uint32_t used_regions(const Machine *m)
{
	return round_up(m->space.used);
}

static void keep_regions_apart(Machine *m, uint32_t end)
{
	for (; m->apart < end; m->apart += REGION)
		if (m->apart / REGION % 2)
			madvise(m->area + m->apart, REGION, MADV_RANDOM);
}

static void make_executable(Machine *m)
{
	bool done = true;

	for (unsigned i = 0; i < m->n_written; i++)
		done &= !mprotect(m->area + m->written[i].at, m->written[i].size,
				  PROT_READ | PROT_EXEC);
	/* There were too many mappings for another: what is in use is made one. */
	if (!done)
		mprotect(m->area, used_regions(m), PROT_READ | PROT_EXEC);
	m->n_written = 0;
}

void machine_begin(Machine *m)
{
	m->writing++;
}

void machine_begin_all(Machine *m)
{
	Block all = {.size = used_regions(m)};

	machine_begin(m);
	if (!m->n_written && !mprotect(m->area, all.size, PROT_READ | PROT_WRITE))
		m->written[m->n_written++] = all;
}

void machine_end(Machine *m)
{
	if (m->writing && !--m->writing)
		make_executable(m);
}

/* What is writable and ends within these regions, or where they begin; NULL: nothing. */
static Block *written_before(Machine *m, Block regions)
{
	for (unsigned i = 0; i < m->n_written; i++)
		if (regions.at >= m->written[i].at &&
		    regions.at <= m->written[i].at + m->written[i].size)
			return &m->written[i];
	return NULL;
}

/* Until the writing ends. */
static bool make_writable(Machine *m, const uint8_t *from, size_t size)
{
	uint32_t at = (uint32_t)(from - m->area), first = at & ~(REGION - 1);
	uint32_t end = round_up(at + size);
	Block regions = {.at = first, .size = end - first};
	Block *before = written_before(m, regions);

	if (before && end <= before->at + before->size)
		return true;
	if (!before && m->n_written == MAX_WRITTEN)
		make_executable(m);
	keep_regions_apart(m, end);
	if (mprotect(m->area + first, regions.size, PROT_READ | PROT_WRITE))
		return false;
	if (before)
		before->size = end - before->at;
	else
		m->written[m->n_written++] = regions;
	return true;
}

static void put32(uint8_t *at, int64_t n)
{
	int32_t n32 = (int32_t)n;

	memcpy(at, &n32, sizeof(n32));
}

static int64_t fixup_target(const Fixup *f, const uint8_t *at, const uint32_t *exits, size_t pool)
{
	switch (f->kind) {
	case FIX_POOL:
		return (int64_t)(pool + f->target * 8);
	case FIX_EXIT:
		return exits[f->target];
	default:
		return (int64_t)(f->target - (uintptr_t)at);
	}
}

/* Room for one more in the trace's list. */
static bool can_own(MachineTrace *x)
{
	uint32_t size = x->size_blocks ? x->size_blocks * 2 : 4;
	Block *grown;

	if (x->n_blocks < x->size_blocks)
		return true;
	grown = realloc(x->blocks, size * sizeof(*grown));
	if (!grown)
		return false;
	x->blocks = grown;
	x->size_blocks = size;
	return true;
}

/* Fixes the code up for place `at` and copies it there. */
static void copy_code(Code *code, const uint32_t *exits, size_t pool, uint8_t *at)
{
	for (uint32_t i = 0; i < code->n_fixups; i++) {
		const Fixup *f = &code->fixups[i];

		put32(code->bytes + f->at, fixup_target(f, at, exits, pool) - f->end);
	}
	memcpy(at, code->bytes, code->n);
	if (code->n_pool)
		memcpy(at + pool, code->pool, code->n_pool * 8);
}

uint8_t *machine_install(Machine *m, MachineTrace *x, Code *code, const uint32_t *exits,
			 int32_t what)
{
	size_t pool = (code->n + 7) & ~(size_t)7, size = pool + code->n_pool * 8;
	bool done;
	Block block;

	if ((x && !can_own(x)) || !space_take(&m->space, size, &block))
		return NULL;
	machine_begin(m);
	done = make_writable(m, m->area + block.at, size);
	if (done)
		copy_code(code, exits, pool, m->area + block.at);
	machine_end(m);
	if (!done) {
		space_give(&m->space, block);
		return NULL;
	}
	block.what = what;
	if (x)
		x->blocks[x->n_blocks++] = block;
	return m->area + block.at;
}

void machine_remove(Machine *m, MachineTrace *x)
{
	while (x->n_blocks)
		space_give(&m->space, x->blocks[--x->n_blocks]);
}

void machine_write(Machine *m, uint8_t *at, const uint8_t *bytes, size_t n)
{
	machine_begin(m);
	if (make_writable(m, at, n))
		memcpy(at, bytes, n);
	machine_end(m);
}

void machine_patch(Machine *m, uint8_t *at, const uint8_t *target)
{
	int32_t distance = (int32_t)(target - (at + 4));

	machine_write(m, at, (const uint8_t *)&distance, sizeof(distance));
}

/* ---- Shared code ------------------------------------------------------------------------- */

static const uint8_t saved[] = {RBX, RBP, R12, R13, R14, R15};
static const uint8_t clobbered[] = {RCX, RDX, RSI, RDI, R8, R9, R10, R11};

static void code_enter(Code *code)
{
	for (unsigned i = 0; i < sizeof(saved); i++)
		emit_push(code, saved[i]);
	emit_alu_imm(code, ALU_SUB, RSP, FRAME_SIZE);
	emit_move(code, STATE, RDI);
	emit_load(code, RAX, at_reg(STATE, offsetof(lua_State, frame)));
	emit_store(code, at_reg(RSP, 0), RAX);
	emit_load(code, BASE, at_reg(RAX, offsetof(Frame, func)));
	emit_alu_imm(code, ALU_ADD, BASE, sizeof(Value));
	emit_rr(code, 0xff, 4, RSI);
}

static void save_registers(Code *code, Machine *m)
{
	emit_mov_imm(code, RAX, (uintptr_t)&m->state);
	for (int r = 0; r < XMM0; r++)
		if (ALL_GPRS & bit(r))
			emit_store(code, at_reg(RAX, offsetof(ExitState, gprs) + 8 * (size_t)r), r);
	for (int r = XMM0; r < REGISTERS; r++)
		if (ALL_XMMS & bit(r))
			emit_store(code,
				   at_reg(RAX, offsetof(ExitState, xmms) + 8 * (size_t)(r - XMM0)),
				   r);
}

static void code_leave(Code *code, Machine *m)
{
	save_registers(code, m);
	emit_load(code, RDI, at_reg(RSP, 16));
	emit_load(code, RSI, at_reg(RSP, 8));
	emit_move(code, RDX, RSP);
	emit_call(code, (void *)(uintptr_t)x64_leave);
	emit_alu_imm(code, ALU_ADD, RSP, FRAME_SIZE);
	for (unsigned i = sizeof(saved); i-- > 0;)
		emit_pop(code, saved[i]);
	emit_byte(code, 0xc3);
}

/* Called, so all is 8 further up. */
static void code_force(Code *code, Machine *m)
{
	save_registers(code, m);
	emit_load(code, RDI, at_reg(RSP, 24));
	emit_load(code, RSI, at_reg(RSP, 16));
	emit_rm(code, X_LEA, RDX, at_reg(RSP, 8), 0);
	emit_move(code, RCX, STATE);
	emit_alu_imm(code, ALU_SUB, RSP, 8);
	emit_call(code, (void *)(uintptr_t)x64_force);
	emit_alu_imm(code, ALU_ADD, RSP, 8);
	emit_byte(code, 0xc3);
}

/* slow(L, a, b), where a and then b were pushed; all registers are kept. */
static void code_keeping(Code *code, const void *slow)
{
	int xmms = 17 * 8, gprs = (int)sizeof(clobbered) * 8;

	for (unsigned i = 0; i < sizeof(clobbered); i++)
		emit_push(code, clobbered[i]);
	emit_alu_imm(code, ALU_SUB, RSP, xmms);
	for (int r = XMM0; r < XMM15; r++)
		emit_store(code, at_reg(RSP, 8 * (r - XMM0)), r);
	emit_move(code, RDI, STATE);
	emit_load(code, RSI, at_reg(RSP, xmms + gprs + 16));
	emit_load(code, RDX, at_reg(RSP, xmms + gprs + 8));
	emit_call(code, slow);
	for (int r = XMM0; r < XMM15; r++)
		emit_load(code, r, at_reg(RSP, 8 * (r - XMM0)));
	emit_alu_imm(code, ALU_ADD, RSP, xmms);
	for (unsigned i = sizeof(clobbered); i-- > 0;)
		emit_pop(code, clobbered[i]);
	emit_byte(code, 0xc3);
}

/* Where the next piece begins. */
static uint32_t next_piece(Code *code)
{
	while (code->n % 16)
		emit_byte(code, 0xcc);
	return code->n;
}

static bool make_shared(Machine *m)
{
	Code code = {0};
	uint32_t leave, force, barrier_back, barrier, tell_run;
	const uint8_t *at;

	code_open(&code);
	code_enter(&code);
	leave = next_piece(&code);
	code_leave(&code, m);
	force = next_piece(&code);
	code_force(&code, m);
	barrier_back = next_piece(&code);
	code_keeping(&code, (void *)(uintptr_t)gc_barrier_back_slow);
	barrier = next_piece(&code);
	code_keeping(&code, (void *)(uintptr_t)gc_barrier_forward_slow);
	tell_run = next_piece(&code);
	code_keeping(&code, (void *)(uintptr_t)x64_tell_run);
	at = code.failed ? NULL : machine_install(m, NULL, &code, NULL, CODE_SHARED);
	if (at) {
		*(const void **)&m->enter = at;
		m->leave = at + leave;
		m->force = at + force;
		m->barrier_back = at + barrier_back;
		m->barrier = at + barrier;
		m->tell_run = at + tell_run;
		m->shared_end = at + code.n;
	}
	code_close(&code);
	return at;
}

/* ---- Pieces, for who names code ----------------------------------------------------------- */

static bool shared_piece(const Machine *m, unsigned n, CodePiece *piece)
{
	static const char *const names[] = {"entry",	    "exit",    "force",
					    "barrier back", "barrier", "loop__run"};
	const void *begin[] = {*(const void *const *)&m->enter,
			       m->leave,
			       m->force,
			       m->barrier_back,
			       m->barrier,
			       m->tell_run,
			       m->shared_end};

	if (n >= sizeof(names) / sizeof(*names))
		return false;
	piece->at = begin[n];
	piece->size = (size_t)((const uint8_t *)begin[n + 1] - (const uint8_t *)begin[n]);
	snprintf(piece->what, sizeof(piece->what), "%s", names[n]);
	return true;
}

bool machine_piece(const Jit *jit, const Trace *t, unsigned n, CodePiece *piece)
{
	const MachineTrace *x = t ? t->backend : NULL;
	const Machine *m = jit->machine;
	Block block;

	if (!m || (t && (!x || n + 1 >= x->n_blocks)))
		return false;
	if (!t)
		return shared_piece(m, n, piece);
	block = x->blocks[n + 1]; /* the first is the trace's own */
	piece->at = m->area + block.at;
	piece->size = block.size;
	if (block.what == CODE_COUNTER)
		snprintf(piece->what, sizeof(piece->what), "counter");
	else
		snprintf(piece->what, sizeof(piece->what), "exit %d", block.what);
	return true;
}

/* ---- The machine ----------------------------------------------------------------------------- */

void machine_close(Jit *jit)
{
	Machine *m = jit->machine;

	if (m && m->area)
		munmap(m->area, m->reserved);
	if (m)
		space_close(&m->space);
	free(m);
	jit->machine = NULL;
}

static uint8_t *reserve(size_t size)
{
	void *area =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return area == MAP_FAILED ? NULL : area;
}

static size_t bytes_of(int64_t mib)
{
	return (size_t)(mib < 1 ? 1 : mib > MAX_CODE_MIB ? MAX_CODE_MIB : mib) << 20;
}

bool machine_limit(Jit *jit, int64_t mib, bool *fits)
{
	Machine *m = jit->machine;
	size_t limit = bytes_of(mib);

	*fits = !m || m->space.used <= limit;
	if (m && limit > m->reserved)
		return false;
	if (m)
		m->space.size = limit;
	return true;
}

Machine *machine_of(lua_State *L)
{
	Jit *jit = L->global->jit;
	Machine *m = jit->machine;
	size_t limit = bytes_of(jit->parameters[JIT_PARAMETER_code_limit]), usual;

	if (m)
		return m;
	m = calloc(1, sizeof(*m));
	jit->machine = m;
	if (!m)
		return NULL;
	/* So that "default" and what is below it can be set at any time. */
	usual = bytes_of(parameter_default(JIT_PARAMETER_code_limit));
	m->space.size = limit;
	m->reserved = limit < usual ? usual : limit;
	m->has_round = __builtin_cpu_supports("sse4.1");
	m->counts = jit_run_count(jit->vm, 0);
	m->area = reserve(m->reserved);
	if (!m->area || !make_shared(m)) {
		machine_close(jit);
		return NULL;
	}
	return m;
}

Payload machine_value(lua_State *L, const Trace *t, IrRef ref, unsigned n)
{
	const Machine *m = L->global->jit->machine;
	Location from = m->left->locations[m->record->locations + n];
	uint64_t bits = 0;

	(void)t;
	(void)ref;
	if (from < XMM0)
		bits = m->state.gprs[from];
	else if (from < LOCATION_SLOT)
		bits = m->state.xmms[from - XMM0];
	else if (from != LOCATION_NONE)
		bits = m->state.spills[from - LOCATION_SLOT];
	return (Payload){.i = (lua_Integer)bits};
}
