/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_return.c - returns: into functions that the trace inlined, and into frames that
 * were there when it began.
 *
 * What is below the frame that entered a trace is not known. A bridge that returns into
 * it guards that it is the frame that is there now, at this call; slots below 0 are its.
 */
#include "record.h"

/* A function that returns earlier is no trace of its own: to call it is cheaper. */
#define MIN_FUNCTION 50

static uint32_t status_word(const Frame *f)
{
	return (uint16_t)f->nresults | (uint32_t)f->status << 16;
}

void record_guard_status(Recorder *r, const Frame *f, int n)
{
	record_guard_frame(r, IR_GUARD_FRAME_STATUS, ir_integer(r->ir, status_word(f)), n);
}

void record_guard_pc(Recorder *r, const Frame *f, int n)
{
	record_guard_frame(r, IR_GUARD_FRAME_PC, ir_address(r->ir, f->u.lua.pc), n);
}

void record_guard_tail_called(Recorder *r)
{
	const Frame *f = r->L->frame;

	record_guard_status(r, f, r->below);
}

/* Where the running function returns to: over a pcall(), which has no code. */
static Frame *frame_before(const Frame *f)
{
	Frame *pcall = record_pcall_of(f);

	return pcall ? pcall->previous : f->previous;
}

/* The Lua function that goes on behind its call when the running one returns, or NULL. */
static Frame *caller(const Recorder *r)
{
	const Frame *f = r->L->frame;
	Frame *to = frame_before(f);
	enum opcode op;
	Instruction i;

	if (f->status & (uint16_t) ~(FRAME_TAIL | FRAME_NESTED) || !frame_is_lua(to))
		return NULL;
	i = jit_original(r->jit, to->u.lua.pc - 1);
	op = get_op(i);
	if (record_pcall_of(f))
		return to;
	if (f->status & FRAME_NESTED)
		return op == OP_CLOSE || op == OP_RETURN || (op == OP_CONCAT && get_b(i) > 2) ||
				       to->status & FRAME_LEQ
			       ? NULL
			       : to;
	return op == OP_CALL || op == OP_TFORCALL ? to : NULL;
}

int record_slot_of(const Recorder *r, const Value *v)
{
	return r->base - (int)(frame_base(r->L->frame) - v);
}

int record_base_below(const Recorder *r, const Frame *to)
{
	return record_slot_of(r, frame_base(to));
}

static bool may_return_below(const Recorder *r)
{
	const Frame *to = caller(r);

	return to && r->below < MAX_RETURNS && record_base_below(r, to) > -MAX_BELOW &&
	       r->t->kind == TRACE_BRIDGE && !frame_function(to)->proto->jit_off;
}

/* The trace goes on in the frame below, and guards that it is the one that is there now. */
static void guard_return(Recorder *r, const Frame *to)
{
	bool entered = r->depth == 0;
	const Frame *f = r->L->frame, *pcall = record_pcall_of(f);
	int n = r->below;

	record_guard_not_invalidated(r);
	if (entered) {
		record_guard_status(r, f, n);
		if (get_op(r->i) == OP_RETURN && get_c(r->i))
			record_guard_frame(r, IR_GUARD_FRAME_EXTRA,
					   ir_integer(r->ir, f->u.lua.extra_args), n);
		n++;
	}
	if (pcall)
		record_guard_status(r, pcall, n++);
	record_guard_pc(r, to, n);
}

/* Of its variables the trace had none; those that closures may share stay in memory. */
void record_go_below(Recorder *r, const Frame *to, int left)
{
	RegisterSet shared = {0};

	r->bottom_base = record_base_below(r, to);
	r->floor = r->bottom_base - 1;
	r->bottom = frame_function(to)->proto;
	r->below += left;
	r->base = r->bottom_base;
	shared_anywhere(r->bottom, &shared);
	record_share(r, &shared);
}

/* The trace ends at a return that it cannot follow. */
static void end_at_return(Recorder *r)
{
	if (r->t->kind == TRACE_LOOP || r->number == 1 ||
	    (r->t->kind == TRACE_FUNCTION && r->number < MIN_FUNCTION))
		record_abort(r, ABORT_RETURNED, NULL);
	record_finish(r, r->pc - 1, -1);
}

/* A metamethod, called in slot func for an instruction of frame `to`, returns v. */
static void finish_nested(Recorder *r, const Frame *to, int func, const Value *v,
			  const RecordedSlot *result)
{
	const Instruction *pc = to->u.lua.pc;

	record_forget_from(r, func);
	r->variable_top = NO_VALUES;
	if (get_op(jit_original(r->jit, pc - 1)) == OP_CONCAT)
		record_go_on_concat(r, pc, func, v, result);
	else
		record_finish_instruction(r, pc, result);
}

void record_return(Recorder *r, enum opcode op)
{
	int a = get_a(r->i), n = op == OP_RETURN0 ? 0 : op == OP_RETURN1 ? 1 : get_b(r->i) - 1;
	bool below = r->depth == 0 || (r->depth == 1 && !r->bottom), entered = r->depth == 0;
	SnapshotFrame f = {.func_slot = (int16_t)(r->base - 1),
			   .nresults = r->L->frame->nresults,
			   .status = r->L->frame->status,
			   .extra_args = r->L->frame->u.lua.extra_args};
	RecordedSlot results[MAX_SLOTS];
	Frame *to = frame_before(r->L->frame), *pcall = record_pcall_of(r->L->frame);
	int func, pcall_func;

	if (below && !may_return_below(r)) {
		end_at_return(r);
		return;
	}
	if (n < 0) {
		if (r->variable_top == NO_VALUES)
			record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
		n = r->variable_top - (r->base + a);
	}
	if (n >= MAX_SLOTS)
		record_abort(r, ABORT_TOO_LONG, NULL);
	if (f.status & FRAME_NESTED)
		record_take_snapshot(r);
	/* While the frame is still there: what has to be loaded has guards. */
	for (int i = 0; i < n; i++)
		results[i].ref = record_use(r, a + i, &results[i].tag);
	if (op == OP_RETURN && get_k(r->i))
		record_close_block(r, r->base);
	if (below)
		guard_return(r, to);
	if (below && pcall)
		record_emit(r, IR_LEAVE_PCALL, IR_NONE, IR_NONE, r->below + entered);
	pcall_func = pcall ? record_slot_of(r, pcall->func) : 0;
	if (!entered)
		f = r->inlined[--r->depth];
	if (pcall && !below)
		r->depth--;
	func = f.func_slot;
	if (op == OP_RETURN && get_c(r->i))
		func -= f.extra_args + get_c(r->i);
	if (below)
		record_go_below(r, to, entered + !!pcall);
	else
		r->base = r->depth ? r->inlined[r->depth - 1].func_slot + 1 : r->bottom_base;
	r->frame = to;
	if (pcall)
		record_leave_pcall(r, pcall_func, pcall->nresults, results, n);
	else if (f.status & FRAME_NESTED)
		finish_nested(r, to, func, n ? record_value(r, a) : &(Value){.tag = TAG_NIL},
			      n ? results : &(RecordedSlot){.ref = IR_NONE});
	else
		record_put_results(r, func, results, n, f.nresults);
}
