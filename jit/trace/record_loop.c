/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_loop.c - where the recorded path comes back to: the loop that is recorded
 * closes, loops inside are unrolled, and where another trace goes on this one ends.
 */
#include "../lua/function.h"
#include "label.h"
#include "passes.h"
#include "record.h"

/* ---- Loops -------------------------------------------------------------------------------- */

/*
 * What is left in registers that hold no variable at a loop's head is read by nobody:
 * temporary values, variables of blocks that were left. The running frame is there.
 */
static void drop_dead_slots(Recorder *r, const Instruction *at)
{
	const Proto *p = frame_function(r->L->frame)->proto;
	int n = 0;

	if (!p->line_count)
		return; /* stripped: it is not known which */
	while (proto_local_name(p, n + 1, (int)(at - p->code)))
		n++;
	for (int slot = r->base + n; slot < MAX_SLOTS; slot++)
		known_slot(r, slot)->state = SLOT_UNKNOWN;
}

/* A loop that is mostly a change of coroutines is as fast without a trace. */
#define MIN_RESUMING 40

/* What peel.c makes two copies of; or one turn, which writes its state and begins anew. */
static IrRef emit_end_of_loop(Recorder *r)
{
	if (r->jit->passes_off & PASS_UNROLL)
		return record_emit(r, IR_FINISH, IR_NONE, IR_NONE, (int32_t)r->t->number);
	return ir_emit_many(r->ir, IR_JUMP, NULL, 0, -1);
}

void record_close_loop(Recorder *r)
{
	int32_t snapshot;
	IrRef last;

	if (r->resumes && r->number < MIN_RESUMING)
		record_abort(r, ABORT_NYI_FUNCTION, "that resumes a coroutine, in a short loop");
	record_end_sharing(r);
	drop_dead_slots(r, r->t->pc);
	snapshot = record_snapshot(r, r->t->pc, TOP_OF_FRAME);
	last = emit_end_of_loop(r);
	if (r->ir->failed)
		record_abort(r, ABORT_NO_MEMORY, NULL);
	r->ir->ops[last].snapshot = snapshot;
	jit_finish_recording(r->L);
}

/*
 * The recorded instruction jumped back to the one before pc, which begins another loop
 * that is not compiled: it is unrolled, but for a few turns only. Traces that are no
 * loops may lead around such a loop, so they have to ask there whether they may go on.
 */
void record_unroll(Recorder *r, const Instruction *pc)
{
	if (pc - 1 != r->back) {
		r->back = pc - 1;
		r->turns = 0;
	}
	r->t->unrolled = r->pc - 1;
	r->pc = pc;
	r->snapshot = -1;
	r->top = TOP_OF_FRAME;
	if (++r->turns > r->jit->parameters[JIT_PARAMETER_max_unroll_loops])
		record_abort(r, ABORT_INNER_LOOP, NULL);
	if (r->t->kind != TRACE_LOOP)
		record_guard_not_invalidated(r);
}

bool record_jumped_back(const Recorder *r, const Frame *f, const Instruction *pc)
{
	return r->begun && f == r->last_frame && pc <= r->pc;
}

/* ---- Other traces ------------------------------------------------------------------------- */

/* The trace that a patched instruction enters, 0: it is not patched. */
static uint32_t entered_trace(Instruction i)
{
	switch ((int)get_op(i)) {
	case OP_JJMP:
		return (uint32_t)get_ax(i);
	case OP_JFORLOOP:
	case OP_JTFORLOOP:
		return (uint32_t)get_bx(i);
	default:
		return 0;
	}
}

/*
 * The trace comes to another loop that is compiled. A root trace that was to close
 * a loop of its own gives up: the inner loop's exits will lead around the outer one.
 * Others go on in it, once the instruction that enters it has jumped.
 */
void record_meet_trace(Recorder *r)
{
	r->entered = entered_trace(r->pc[-1]);
	if (r->entered && r->t->kind == TRACE_LOOP)
		record_abort(r, ABORT_INNER_LOOP, NULL);
}

/* Does another trace go on here? Then this one ends. */
static bool goes_on_elsewhere(Recorder *r, const Instruction *pc)
{
	uint32_t number = r->entered;

	r->entered = 0;
	if (!number || r->jit->traces[number]->pc != pc - 1)
		return false;
	r->pc = pc;
	r->top = TOP_OF_FRAME;
	drop_dead_slots(r, pc - 1);
	record_finish(r, pc - 1, (int32_t)number);
	return true;
}

/* The trace that stands for the function that begins at pc, 0: there is none. */
static uint32_t function_trace(const Recorder *r, const Instruction *pc)
{
	if (r->t->kind == TRACE_FUNCTION && pc == r->t->pc)
		return r->t->number;
	return get_op(*pc) == OP_JFUNCTION ? (uint32_t)get_bx(*pc) : 0;
}

/* A function that calls itself is followed some calls down, then its own trace goes on. */
static bool goes_on_in_function(Recorder *r, const Instruction *pc)
{
	int64_t limit = r->jit->parameters[JIT_PARAMETER_max_unroll_recursion];
	const Proto *p = frame_function(r->L->frame)->proto;
	uint32_t number;

	if (!r->starting)
		return false;
	r->starting = false;
	if (record_recursion(r, p) <= limit && r->tail_calls <= limit && r->depth < MAX_INLINED)
		return false;
	number = function_trace(r, pc - 1);
	/*
	 * Closures of one function that tail call each other end somewhere; not so what a
	 * vararg function, which has no trace of its own, does to a structure.
	 */
	if (!number && r->tail_calls > limit && r->tail_calls < MAX_TAIL_CALLS && !p->is_vararg)
		return false;
	r->pc = pc;
	r->snapshot = -1;
	/* A vararg function's first instruction finds its arguments by L->top. */
	r->top = p->is_vararg ? r->base + r->given : TOP_OF_FRAME;
	if (!number)
		record_abort(r, ABORT_RECURSION, NULL);
	record_finish(r, pc - 1, (int32_t)number);
	return true;
}

/*
 * A return after a return: the trace that began at this one, which asks where it
 * goes, goes on.
 */
static bool goes_on_at_return(Recorder *r, const Instruction *pc)
{
	Instruction i = jit_original(r->jit, pc - 1);
	const Trace *to;

	if (!r->below || r->depth || !(get_op(i) == OP_RETURN0 || get_op(i) == OP_RETURN1))
		return false;
	to = traces_bridge_at(r->jit, pc - 1);
	if (!to)
		return false;
	r->pc = pc;
	r->top = TOP_OF_FRAME;
	record_finish(r, pc - 1, (int32_t)to->number);
	return true;
}

static bool reads_slot(enum ir_opcode opcode)
{
	return opcode >= IR_GETSLOT_TAG && opcode <= IR_GETSLOT_R;
}

/* Does the preamble guard that a slot has another tag than it has by then? */
static bool is_other_tag(const Ir *loop, const IrOp *guard, int slot, uint8_t tag)
{
	const IrOp *load = guard->opcode == IR_GUARD_VALUE && guard->arg[0] >= 0
				   ? ir_op(loop, guard->arg[0])
				   : NULL;

	return load && load->opcode == IR_GETSLOT_TAG && load->descr == slot &&
	       ir_constant(loop, guard->arg[1])->u.i != tag;
}

static bool fits(const Ir *loop, int slot, uint8_t tag)
{
	for (IrRef at = 0; at < loop->label; at++)
		if (is_other_tag(loop, ir_op(loop, at), slot, tag))
			return false;
	return true;
}

/*
 * What one of the two has in memory must not be what the other has, or had, of a slot.
 * That values have other types would be found later, at more cost.
 */
bool record_may_join(const Jit *jit, int32_t snapshot, const Trace *to)
{
	const Recorder *r = jit->recorder;
	const Snapshot *s = &r->ir->snapshots[snapshot];
	int base = snapshot_base(r->ir, s);

	if (to->ir.label < 0 || to->ir.label > MAX_PREAMBLE || base + to->ir.max_slot > MAX_SLOTS)
		return false;
	for (uint32_t i = 0; i < s->entries; i++) {
		const SnapshotEntry *e = &r->ir->snapshot_entries[s->entry + i];
		int slot = e->slot - base;

		if ((slot >= 0 && slot < MAX_SLOTS && set_has(&to->shared, slot)) ||
		    !fits(&to->ir, slot, e->tag))
			return false;
	}
	for (IrRef at = 0; at < to->ir.label; at++) {
		const IrOp *op = ir_op(&to->ir, at);
		int slot = op->descr + base;

		if (reads_slot(op->opcode) &&
		    (slot < -MAX_BELOW || slot >= MAX_SLOTS || record_is_shared(r, slot)))
			return false;
	}
	return true;
}

bool record_goes_on(Recorder *r, const Instruction *pc)
{
	return goes_on_elsewhere(r, pc) || goes_on_in_function(r, pc) || goes_on_at_return(r, pc);
}
