/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exits.c - guards and what happens where one fails.
 *
 * A guard jumps to its own stub behind the trace's code, which says which guard it
 * was and goes to the code that all traces share: that saves the registers and
 * returns from run(). exit_restore() then asks for the snapshot's values one by
 * one; where they are is in the guard's record.
 *
 * When the exit has got a bridge, its guards jump to code that writes the
 * snapshot's slots and frames and goes on in the bridge, without leaving machine
 * code, if there is the room that the bridge needs. Otherwise jit_enter() goes on in
 * it.
 */
#include <stdlib.h>
#include <string.h>

#include "../lua/call.h"
#include "../trace/label.h"
#include "../trace/listen.h"
#include "x64.h"

/* ---- Records ------------------------------------------------------------------------------- */

bool room_for(Compile *c, void *vector, uint32_t n, uint32_t *size, size_t element)
{
	uint32_t more = *size ? *size : 64;
	void *grown;

	if (n <= *size)
		return true;
	while (more < n)
		more *= 2;
	grown = realloc(*(void **)vector, more * element);
	if (!grown) {
		c->failed = true;
		return false;
	}
	*(void **)vector = grown;
	*size = more;
	return true;
}

/* Guards of one instruction mostly have the same locations. */
static bool share_locations(const MachineTrace *x, const Location *new, uint32_t n, Record *r)
{
	const Record *last = x->n_records ? &x->records[x->n_records - 1] : NULL;

	if (!last || last->snapshot != r->snapshot ||
	    (n && memcmp(x->locations + last->locations, new, n * sizeof(*new))))
		return false;
	r->locations = last->locations;
	return true;
}

uint32_t new_record(Compile *c, const IrOp *op)
{
	MachineTrace *x = c->x;
	IrRef refs[MAX_SNAPSHOT_REFS];
	unsigned n = ir_snapshot_refs(c->ir, op->snapshot, refs);
	Record r = {
		.at = c->at,
		.snapshot = op->snapshot,
		.locations = x->n_locations,
		.may_link = op->opcode != IR_GUARD_NOT_INVALIDATED,
	};
	Location *to;

	if (!room_for(c, &x->locations, x->n_locations + n, &x->size_locations,
		      sizeof(*x->locations)) ||
	    !room_for(c, &x->records, x->n_records + 1, &x->size_records, sizeof(*x->records)))
		return 0;
	to = x->locations + x->n_locations;
	for (unsigned i = 0; i < n; i++)
		to[i] = refs[i] >= 0 ? location_of(c, refs[i]) : LOCATION_NONE;
	if (!share_locations(x, to, n, &r))
		x->n_locations += n;
	x->records[x->n_records] = r;
	return x->n_records++;
}

/* ---- Guards -------------------------------------------------------------------------------- */

void exit_if(Compile *c, uint32_t record, int cc)
{
	Record *r = &c->x->records[record];

	if (c->failed)
		return;
	emit_jump_fixup(&c->code, cc, FIX_EXIT, record);
	r->jumps[r->n_jumps++] = c->code.n - 4;
	r->has_stub = true;
}

/* Equality of floats needs the parity flag too, which is set for a NaN. */
static void guard_float_equality(Compile *c, uint32_t record, bool exit_if_equal)
{
	if (exit_if_equal) {
		uint32_t differ = emit_jump_short(&c->code, CC_P);

		exit_if(c, record, CC_E);
		emit_here(&c->code, differ);
	} else {
		exit_if(c, record, CC_NE);
		exit_if(c, record, CC_P);
	}
}

static void guard_condition(Compile *c, const IrOp *op, const IrOp *comparison)
{
	bool exit_if_true = op->opcode == IR_GUARD_FALSE;
	int cc = compile_comparison(c, comparison);
	uint32_t record = new_record(c, op);

	if (comparison->opcode == IR_FLOAT_EQ || comparison->opcode == IR_FLOAT_NE)
		guard_float_equality(c, record,
				     exit_if_true == (comparison->opcode == IR_FLOAT_EQ));
	else
		exit_if(c, record, exit_if_true ? cc : cc ^ 1);
}

/* Compares memory with the guard's constant. */
static void compare_memory(Compile *c, const IrOp *load, IrRef with)
{
	Mem mem = load_address(c, load);
	uint64_t bits = with == IR_NONE ? 0 : (uint64_t)ir_constant(c->ir, with)->u.i;

	if (load_size(load) == 1) {
		emit_compare_byte(&c->code, mem, (uint8_t)bits);
	} else if (load_size(load) == 4) {
		emit_compare_imm32(&c->code, mem, (uint32_t)bits);
	} else if ((int64_t)bits == (int32_t)bits) {
		emit_compare_imm(&c->code, mem, (int32_t)bits);
	} else {
		emit_mov_imm(&c->code, RAX, bits);
		emit_rm(&c->code, X_CMP_STORE, RAX, mem, 0);
	}
}

static void compare_register(Compile *c, int reg, IrRef with)
{
	int32_t imm = 0;

	if (with != IR_NONE && !is_immediate(c, with, &imm)) {
		emit_rm(&c->code, X_ALU(ALU_CMP), reg, memory_of(c, with), 0);
	} else if (imm) {
		emit_alu_imm(&c->code, ALU_CMP, reg, imm);
	} else {
		emit_test_zero(&c->code, reg);
	}
}

static void guard_value(Compile *c, const IrOp *op)
{
	IrRef ref = op->arg[0];
	IrRef with = op->opcode == IR_GUARD_VALUE ? op->arg[1] : IR_NONE;
	bool exit_if_equal = op->opcode == IR_GUARD_TRUE ? true : op->opcode == IR_GUARD_NONNULL;

	if (ref >= 0 && c->values[ref].flags & VALUE_FUSED)
		compare_memory(c, ir_op(c->ir, ref), with);
	else
		compare_register(c, need(c, ref), with);
	exit_if(c, new_record(c, op), exit_if_equal ? CC_E : CC_NE);
}

/* The frame `n` before the one that entered the trace, in rax. */
static void load_frame(Code *code, int32_t n)
{
	emit_load(code, RAX, at_reg(RSP, 0));
	while (n-- > 0)
		emit_load(code, RAX, at_reg(RAX, offsetof(Frame, previous)));
}

static bool is_frame_guard(const IrOp *op)
{
	return op->opcode >= IR_GUARD_FRAME_STATUS && op->opcode <= IR_GUARD_FRAME_PC;
}

/* Does a guard further on ask for a frame that is not before number n? */
static bool is_frame_wanted(const Compile *c, int32_t n)
{
	for (uint32_t at = (uint32_t)c->at + 1; at < c->ir->n_ops; at++)
		if (is_frame_guard(&c->ir->ops[at]) && c->ir->ops[at].descr >= n)
			return true;
	return false;
}

/*
 * As load_frame(). A trace that returns many times comes further and further down: it
 * goes on from the frame that the operation before has left in rax, or from one that is
 * kept in a spill slot.
 */
static void find_frame(Compile *c, int32_t n)
{
	Code *code = &c->code;
	int32_t from = 0;

	if (c->rax_frame_at == c->at - 1 && c->rax_frame <= n && !c->jit->fail_guards) {
		from = c->rax_frame;
	} else if (c->frame_slot >= 0 && c->slot_frame <= n) {
		emit_load(code, RAX, spill_address(c->frame_slot));
		from = c->slot_frame;
	} else {
		emit_load(code, RAX, at_reg(RSP, 0));
	}
	for (; from < n; from++)
		emit_load(code, RAX, at_reg(RAX, offsetof(Frame, previous)));
	if (!n || (c->frame_slot >= 0 && c->slot_frame == n) || !is_frame_wanted(c, n))
		return;
	if (c->frame_slot < 0)
		c->frame_slot = new_slot(c);
	emit_store(code, spill_address(c->frame_slot), RAX);
	c->slot_frame = n;
}

static void guard_frame(Compile *c, const IrOp *op)
{
	Code *code = &c->code;
	uint64_t bits = (uint64_t)ir_constant(c->ir, op->arg[0])->u.i;
	uint32_t record = new_record(c, op);

	find_frame(c, op->descr);
	if (op->opcode == IR_GUARD_FRAME_PC) {
		emit_load(code, RAX, at_reg(RAX, offsetof(Frame, u.lua.pc)));
		emit_rm(code, X_ALU(ALU_CMP), RAX, emit_constant(code, bits), 0);
	} else if (op->opcode == IR_GUARD_FRAME_EXTRA) {
		emit_compare_imm32(code, at_reg(RAX, offsetof(Frame, u.lua.extra_args)),
				   (uint32_t)bits);
	} else {
		emit_compare_imm32(code, at_reg(RAX, offsetof(Frame, nresults)), (uint32_t)bits);
	}
	if (op->opcode != IR_GUARD_FRAME_PC) {
		c->rax_frame = op->descr;
		c->rax_frame_at = c->at;
	}
	exit_if(c, record, CC_NE);
}

static void guard_top(Compile *c, const IrOp *op)
{
	uint32_t record = new_record(c, op);

	emit_load(&c->code, RAX, at_reg(STATE, offsetof(lua_State, top)));
	emit_rr(&c->code, X_ALU(ALU_SUB), RAX, BASE);
	emit_alu_imm(&c->code, ALU_CMP, RAX, op->descr * (int32_t)sizeof(Value));
	exit_if(c, record, CC_NE);
}

static void guard_recoverable(Compile *c, const IrOp *op)
{
	uint32_t record = new_record(c, op);
	int32_t c_calls = (int32_t)offsetof(lua_State, c_calls);

	emit_test_byte(&c->code, at_reg(STATE, c_calls + 1), RECOVERABLE >> 8);
	exit_if(c, record, CC_E);
	emit_compare_byte(&c->code, at_reg(STATE, offsetof(lua_State, allow_hook)), 0);
	exit_if(c, record, CC_E);
}

/* Its frame may be one that is not there any more for others: it is used once. */
void compile_leave_pcall(Compile *c, const IrOp *op)
{
	load_frame(&c->code, op->descr);
	emit_load(&c->code, RAX, at_reg(RAX, offsetof(Frame, u.c.old_error_function)));
	emit_store(&c->code, at_reg(STATE, offsetof(lua_State, error_function)), RAX);
}

static void guard_not_invalidated(Compile *c, const IrOp *op)
{
	uint32_t record = new_record(c, op);

	/* For measuring: as it was when there was no wish, and mode and debt were apart. */
	if (c->jit->no_slots) {
		emit_compare_byte(&c->code, at_reg(STATE, offsetof(lua_State, mode)), MODE_JIT);
		exit_if(c, record, CC_NE);
		emit_load(&c->code, RAX, at_reg(STATE, offsetof(lua_State, global)));
		emit_compare_imm(&c->code, at_reg(RAX, offsetof(Global, debt)), 0);
		exit_if(c, record, CC_G);
		return;
	}
	compare_heard(c);
	exit_if(c, record, CC_NE);
}

/* Is it true that nothing was done yet if the guard fails? */
static bool may_do_again(const Compile *c, const IrOp *op)
{
	const IrOp *from = op->nargs && op->arg[0] >= 0 ? ir_op(c->ir, op->arg[0]) : NULL;

	return !from || !(ir_info[from->opcode].flags & IR_CALL) ||
	       !(helper_info[from->descr].effects & HELPER_ONCE);
}

/* Test mode: the first time the guard fails whatever its condition is. */
static void fail_once(Compile *c, const IrOp *op)
{
	uint32_t record, done;

	if (!may_do_again(c, op))
		return;
	record = new_record(c, op);
	emit_mov_imm(&c->code, RAX, (uintptr_t)&c->x->forced[c->at]);
	emit_compare_byte(&c->code, at_reg(RAX, 0), 0);
	done = emit_jump_short(&c->code, CC_NE);
	emit_store_byte(&c->code, at_reg(RAX, 0), 1);
	exit_if(c, record, -1);
	emit_here(&c->code, done);
}

void compile_guard(Compile *c, const IrOp *op)
{
	IrRef ref = op->nargs ? op->arg[0] : IR_NONE;

	if (c->jit->fail_guards && op->opcode != IR_GUARD_ALWAYS_FAILS)
		fail_once(c, op);
	if (op->opcode == IR_GUARD_NOT_INVALIDATED)
		guard_not_invalidated(c, op);
	else if (op->opcode == IR_GUARD_ALWAYS_FAILS)
		exit_if(c, new_record(c, op), -1);
	else if (is_frame_guard(op))
		guard_frame(c, op);
	else if (op->opcode == IR_GUARD_TOP)
		guard_top(c, op);
	else if (op->opcode == IR_GUARD_RECOVERABLE)
		guard_recoverable(c, op);
	else if (op->opcode <= IR_GUARD_FALSE && ref >= 0 && c->values[ref].flags & VALUE_FUSED)
		guard_condition(c, op, ir_op(c->ir, ref));
	else
		guard_value(c, op);
}

/* ---- Going on in another trace -------------------------------------------------------------- */

static void write_value(Code *code, Mem to, Location from)
{
	if (from < LOCATION_SLOT) {
		emit_store(code, to, from);
	} else {
		emit_load(code, RAX, spill_address(from - LOCATION_SLOT));
		emit_store(code, to, RAX);
	}
}

static void write_slots(Code *code, const Trace *t, const MachineTrace *x, const Record *r,
			const RegisterSet *dead)
{
	const Ir *ir = &t->ir;
	const Snapshot *s = &ir->snapshots[r->snapshot];
	int shift = snapshot_base(ir, s);

	for (uint32_t i = 0; i < s->entries; i++) {
		const SnapshotEntry *e = &ir->snapshot_entries[s->entry + i];
		int32_t at = e->slot * (int32_t)sizeof(Value);

		if (label_slot_is_dead(dead, e->slot - shift))
			continue;
		if (e->ref >= 0)
			write_value(code, at_reg(BASE, at), x->locations[r->locations + i]);
		else if (e->ref != IR_NONE)
			emit_store_imm(code, at_reg(BASE, at),
				       (uint64_t)ir_constant(ir, e->ref)->u.i);
		emit_store_byte(code, at_reg(BASE, at + (int32_t)offsetof(Value, tag)), e->tag);
	}
}

static void write_address(Code *code, Mem to, const void *address)
{
	emit_mov_imm(code, RDX, (uintptr_t)address);
	emit_store(code, to, RDX);
}

/* As call_open_pcall(), of the frame in rcx. */
static void open_pcall(Code *code, const SnapshotFrame *from)
{
	bool with_handler = from->status & FRAME_HANDLER;
	int32_t callee = (from->func_slot + 1 + with_handler) * (int32_t)sizeof(Value);
	Mem error_function = at_reg(STATE, offsetof(lua_State, error_function));

	write_address(code, at_reg(RCX, offsetof(Frame, u.c.k)), (const void *)call_continue_pcall);
	emit_store_imm(code, at_reg(RCX, offsetof(Frame, u.c.context)), with_handler);
	emit_load(code, RDX, error_function);
	emit_store(code, at_reg(RCX, offsetof(Frame, u.c.old_error_function)), RDX);
	emit_rm(code, X_LEA, RDX, at_reg(BASE, callee), 0);
	emit_rm(code, X_ALU(ALU_SUB), RDX, at_reg(STATE, offsetof(lua_State, stack)), 0);
	emit_rm(code, X_STORE32, RDX, at_reg(RCX, offsetof(Frame, u2.function_index)), 0);
	if (!with_handler) {
		emit_store_imm(code, error_function, 0);
		return;
	}
	emit_alu_imm(code, ALU_SUB, RDX, sizeof(Value));
	emit_store(code, error_function, RDX);
}

_Static_assert(offsetof(Frame, status) == offsetof(Frame, nresults) + 2, "written as one");

/*
 * As exit.c's open_frames(). The slots are written, so registers are free; rcx is the
 * innermost frame then.
 */
static void open_frames(Code *code, const Trace *t, const Snapshot *s)
{
	const SnapshotFrame *from = t->ir.snapshot_frames + s->frame;
	int32_t size = (int32_t)sizeof(Value);

	emit_load(code, RCX, at_reg(RSP, 0));
	for (unsigned i = 0; i < s->below; i++)
		emit_load(code, RCX, at_reg(RCX, offsetof(Frame, previous)));
	if (s->pc)
		write_address(code, at_reg(RCX, offsetof(Frame, u.lua.pc)), s->pc);
	for (uint32_t i = 0; i < s->frames; i++, from++) {
		emit_load(code, RCX, at_reg(RCX, offsetof(Frame, next)));
		emit_rm(code, X_LEA, RDX, at_reg(BASE, from->func_slot * size), 0);
		emit_store(code, at_reg(RCX, offsetof(Frame, func)), RDX);
		emit_alu_imm(code, ALU_ADD, RDX, snapshot_frame_size(from) * size);
		emit_store(code, at_reg(RCX, offsetof(Frame, top)), RDX);
		if (snapshot_frame_is_pcall(from)) {
			open_pcall(code, from);
		} else {
			write_address(code, at_reg(RCX, offsetof(Frame, u.lua.pc)), from->pc);
			emit_store_imm32(code, at_reg(RCX, offsetof(Frame, u.lua.extra_args)),
					 (uint32_t)from->extra_args);
		}
		emit_store_imm32(code, at_reg(RCX, offsetof(Frame, nresults)),
				 (uint16_t)from->nresults | (uint32_t)from->status << 16);
	}
	emit_store(code, at_reg(STATE, offsetof(lua_State, frame)), RCX);
}

/* frame: a register with the running frame; NO_REG: none. */
static void set_top(Code *code, const Snapshot *s, int frame)
{
	if (s->top == TOP_AS_IT_IS)
		return;
	if (top_is_slot(s)) {
		emit_rm(code, X_LEA, RAX, at_reg(BASE, s->top * (int32_t)sizeof(Value)), 0);
	} else {
		if (frame == NO_REG)
			emit_load(code, RAX, at_reg(RSP, 0));
		emit_load(code, RAX, at_reg(frame == NO_REG ? RAX : frame, offsetof(Frame, top)));
	}
	emit_store(code, at_reg(STATE, offsetof(lua_State, top)), RAX);
}

/*
 * Slots and frames that `to` needs beyond what the trace that goes on made sure of:
 * they are there, or the exit is taken through jit_enter(). Only rax is free here.
 */
static void check_room(Code *code, const Trace *from, const Snapshot *s, const Trace *to,
		       struct refuge out)
{
	int slots = snapshot_base(&from->ir, s) + to->ir.max_slot;
	uint32_t frames = s->frames + to->ir.max_frames;

	frames = frames > s->below ? frames - s->below : 0;

	if (slots > from->ir.max_slot) {
		emit_load(code, RAX, at_reg(STATE, offsetof(lua_State, stack_last)));
		emit_rr(code, X_ALU(ALU_SUB), RAX, BASE);
		emit_alu_imm(code, ALU_CMP, RAX, slots * (int32_t)sizeof(Value));
		emit_jump_fixup(code, CC_BE, out.kind, out.target);
	}
	if (frames <= from->ir.max_frames)
		return;
	emit_load(code, RAX, at_reg(RSP, 0));
	for (uint32_t n = 1; n <= frames; n++) {
		emit_load(code, RAX, at_reg(RAX, offsetof(Frame, next)));
		if (n <= from->ir.max_frames)
			continue;
		emit_test_zero(code, RAX);
		emit_jump_fixup(code, CC_E, out.kind, out.target);
	}
}

static bool has_virtuals(const Ir *ir, int32_t snapshot)
{
	IrRef virtuals[MAX_VIRTUALS];

	return ir_virtuals(ir, snapshot, virtuals) > 0;
}

/* Where tables are to be made, exit_restore() does it all. */
static void restore(Code *code, const MachineTrace *x, const Record *r)
{
	emit_store_imm(code, at_reg(RSP, 8), (uint64_t)(r - x->records));
	emit_store_imm(code, at_reg(RSP, 16), (uintptr_t)x);
	emit_call_fixup(code, x->machine->force);
}

void go_on(Code *code, const Trace *t, const MachineTrace *x, const Record *r, const Trace *to,
	   struct refuge out, const RegisterSet *dead)
{
	const Snapshot *s = &t->ir.snapshots[r->snapshot];
	int shift = snapshot_base(&t->ir, s);

	check_room(code, t, s, to, out);
	if (!dead && has_virtuals(&t->ir, r->snapshot)) {
		restore(code, x, r);
		emit_load(code, RAX, at_reg(STATE, offsetof(lua_State, frame)));
		emit_store(code, at_reg(RSP, 0), RAX);
	} else {
		write_slots(code, t, x, r, dead);
		if (s->frames || s->below) {
			open_frames(code, t, s);
			emit_store(code, at_reg(RSP, 0), RCX);
		}
		set_top(code, s, s->frames || s->below ? RCX : NO_REG);
	}
	if (shift)
		emit_alu_imm(code, ALU_ADD, BASE, shift * (int32_t)sizeof(Value));
}

/* Before a call that may do anything: the stack and the frames as the snapshot has them. */
void compile_force(Compile *c, const IrOp *op)
{
	const Snapshot *s = &c->ir->snapshots[op->snapshot];
	Code *code = &c->code;
	uint32_t record = new_record(c, op);

	if (c->failed)
		return;
	if (has_virtuals(c->ir, op->snapshot)) {
		restore(code, c->x, &c->x->records[record]);
		return;
	}
	write_slots(code, c->t, c->x, &c->x->records[record], NULL);
	open_frames(code, c->t, s);
	/* As x64_force(): the trace that is on the C stack. */
	emit_load(code, RAX, at_reg(STATE, offsetof(lua_State, global)));
	emit_load(code, RAX, at_reg(RAX, offsetof(Global, running)));
	write_address(code, at_reg(RAX, offsetof(RunningTrace, t)), c->t);
	if (top_is_slot(s))
		emit_rm(code, X_LEA, RCX, at_reg(BASE, s->top * (int32_t)sizeof(Value)), 0);
	else
		emit_load(code, RCX, at_reg(RCX, offsetof(Frame, top)));
	emit_store(code, at_reg(STATE, offsetof(lua_State, top)), RCX);
}

static Trace *finish_target(const Compile *c, const IrOp *op)
{
	Trace *to = NULL;

	if (op->descr > 0 && (uint32_t)op->descr == c->t->number)
		to = c->t;
	else if (op->descr > 0 && (uint32_t)op->descr < c->jit->n_traces)
		to = c->jit->traces[op->descr];
	if (!to || (to != c->t && !to->code))
		return NULL;
	return to;
}

void compile_finish(Compile *c, const IrOp *op)
{
	uint32_t record = new_record(c, op);
	Trace *to = finish_target(c, op);
	Record *r;

	if (c->failed)
		return;
	r = &c->x->records[record];
	if (!to) {
		exit_if(c, record, -1);
		return;
	}
	r->has_stub = true;
	go_on(&c->code, c->t, c->x, r, to, (struct refuge){FIX_EXIT, record}, NULL);
	if (to == c->t)
		emit_jump_back(&c->code, 0);
	else
		emit_jump_fixup(&c->code, -1, FIX_ADDRESS, (uintptr_t)to->code);
}

void link_exit(lua_State *L, Trace *t, int32_t exit, Trace *to)
{
	MachineTrace *x = t->backend;
	Machine *m = machine_of(L);
	Code code = {0};

	if (!m || L->global->jit->fail_guards)
		return;
	machine_begin(m);
	for (uint32_t i = 0; i < x->n_records; i++) {
		const Record *r = &x->records[i];
		uint8_t *at;

		if (r->snapshot != exit || !r->may_link || !r->n_jumps)
			continue;
		code_open(&code);
		go_on(&code, t, x, r, to,
		      (struct refuge){FIX_ADDRESS, (uintptr_t)t->code + r->stub}, NULL);
		emit_jump_fixup(&code, -1, FIX_ADDRESS, (uintptr_t)to->code);
		at = code.failed ? NULL : machine_install(m, x, &code, NULL, exit);
		for (unsigned j = 0; at && j < r->n_jumps; j++)
			machine_patch(m, (uint8_t *)t->code + r->jumps[j], at);
		if (at)
			listen_extended(L->global->jit, t);
	}
	machine_end(m);
	code_close(&code);
}

/* ---- Called by code ----------------------------------------------------------------------------
 */

static void keep_spills(const MachineTrace *x, uint32_t record, const uint64_t *frame)
{
	Machine *m = x->machine;

	memcpy(m->state.spills, frame + SPILL_OFFSET / 8, x->n_spills * sizeof(*frame));
	m->left = x;
	m->record = &x->records[record];
}

int32_t x64_leave(const MachineTrace *x, uint32_t record, const uint64_t *frame)
{
	keep_spills(x, record, frame);
	return x->records[record].snapshot;
}

void x64_force(const MachineTrace *x, uint32_t record, const uint64_t *frame, lua_State *L)
{
	keep_spills(x, record, frame);
	L->global->running->t = x->t;
	exit_restore(L, x->t, x->records[record].snapshot);
}
