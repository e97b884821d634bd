/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_call.c - calls.
 *
 * A call of a Lua function is inlined: the trace guards that it is this function
 * and goes on in it, its registers being slots further up; the frame exists only in
 * snapshots. A C function that the recorder knows becomes operations; any other is
 * called for real, with the stack made right before.
 */
#include "record.h"

/* ---- Lua functions ------------------------------------------------------------------------------
 */

/*
 * The function in `slot` is v. Where there are many closures of its code, or in a
 * bridge, which is there because functions differ, it is one with the same code. One
 * that the trace made needs no guard.
 */
static void guard_function(Recorder *r, int slot, const Value *v)
{
	IrRef ref = record_use_slot(r, slot, NULL), proto;

	if (ref >= 0 && r->ir->ops[ref].opcode == IR_CALL_R &&
	    r->ir->ops[ref].descr == HELPER_CLOSURE_NEW)
		return;
	if (is_lua_function(v) && ref >= 0 &&
	    (r->t->kind == TRACE_BRIDGE || as_lua_function(v)->proto->closures == MANY_CLOSURES)) {
		proto = record_emit(r, IR_GETFIELD_R, ref, IR_NONE, IR_FIELD_FUNCTION_PROTO);
		record_guard(r, IR_GUARD_VALUE, proto,
			     ir_object(r->ir, as_lua_function(v)->proto, TAG_PROTO));
		return;
	}
	record_guard(r, IR_GUARD_VALUE, ref, ir_object(r->ir, v->u.p, v->tag));
	known_slot(r, slot)->ref = ir_object(r->ir, v->u.p, v->tag);
}

int record_recursion(const Recorder *r, const Proto *p)
{
	int n = r->bottom == p;

	for (int i = 0; i < r->depth; i++)
		n += r->inlined[i].proto == p;
	return n;
}

/*
 * A function that calls itself by a tail call is a loop where its frame is marked as
 * one of a tail call from the beginning: then nothing but its slots changes.
 */
static bool is_loop_of_tail_calls(const Recorder *r, const Proto *p)
{
	return r->t->kind == TRACE_FUNCTION && r->below == 0 && p == r->bottom && !p->is_vararg &&
	       r->L->frame->status & FRAME_TAIL && p->code == r->t->pc;
}

/* All arguments that are taken are there, and the function in slot func is v. */
static int guard_call(Recorder *r, int func, const Value *v, int arguments)
{
	const Proto *p = as_lua_function(v)->proto;
	int kept = p->is_vararg && arguments > p->parameters ? arguments : p->parameters;

	if (p->jit_off)
		record_abort(r, ABORT_SWITCHED_OFF, NULL);
	for (int i = 0; i < arguments && i < kept; i++)
		record_use_slot(r, func + 1 + i, NULL);
	guard_function(r, func, v);
	return kept;
}

void record_need_frames(Recorder *r, int n)
{
	if (!r->jit->parameters[JIT_PARAMETER_inlining])
		record_abort(r, ABORT_NOT_INLINED, NULL);
	if (r->depth + n > MAX_INLINED)
		record_abort(r, ABORT_RECURSION, NULL);
}

void record_push_frame(Recorder *r, const SnapshotFrame *f)
{
	if (!r->depth)
		r->return_pc = r->pc;
	else if (!snapshot_frame_is_pcall(&r->inlined[r->depth - 1]))
		r->inlined[r->depth - 1].pc = r->pc;
	r->inlined[r->depth++] = *f;
	if ((uint32_t)r->depth > r->ir->max_frames)
		r->ir->max_frames = (uint32_t)r->depth;
}

static void enter_function(Recorder *r, int func, const Value *v, int arguments, int nresults)
{
	const Proto *p = as_lua_function(v)->proto;
	int kept;

	record_need_frames(r, 1);
	kept = guard_call(r, func, v, arguments);
	for (int i = arguments; i < p->parameters; i++)
		record_set_slot(r, func + 1 + i, IR_NONE, TAG_NIL);
	record_forget_from(r, func + 1 + kept);
	r->given = kept;
	record_push_frame(r, &(SnapshotFrame){
				     .func_slot = (int16_t)func,
				     .nresults = (int16_t)nresults,
				     .proto = p,
				     .pc = p->code,
			     });
	r->base = func + 1;
	r->entering = true;
}

void record_enter_nested(Recorder *r, int func, const Value *v, int arguments, int nresults)
{
	enter_function(r, func, v, arguments, nresults);
	r->inlined[r->depth - 1].status = FRAME_NESTED;
}

/* The results go where the function was, as many as are wanted. */
void record_put_results(Recorder *r, int func, const RecordedSlot *results, int n, int wanted)
{
	int count = wanted < 0 ? n : wanted;

	if (count >= MAX_SLOTS)
		record_abort(r, ABORT_TOO_LONG, NULL);
	for (int i = 0; i < count; i++) {
		if (i < n)
			record_set_slot(r, func + i, results[i].ref, results[i].tag);
		else
			record_set_slot(r, func + i, IR_NONE, TAG_NIL);
	}
	r->variable_top = wanted < 0 ? func + n : NO_VALUES;
	record_forget_from(r, func + count);
}

/* ---- C functions
 * ----------------------------------------------------------------------------------- */

/* The call wrote its snapshot: what is written up to `end` is in memory now. */
static void all_is_in_memory(Recorder *r, int end)
{
	for (int slot = r->floor; slot < end; slot++)
		if (known_slot(r, slot)->state == SLOT_WRITTEN)
			known_slot(r, slot)->state = SLOT_LOADED;
}

/* The function is called by the trace; its results are read from the stack. */
static void call_c_function(Recorder *r, int func, const Value *v, int arguments, int nresults)
{
	IrRef args[2], done;
	int32_t snapshot;

	r->resumes |= record_is_resume(v);
	for (int i = 0; i <= arguments; i++) {
		uint8_t tag;
		IrRef ref = record_use_slot(r, func + i, &tag);

		record_set_slot(r, func + i, ref, tag);
	}
	args[0] = ir_integer(r->ir, func - r->base);
	args[1] = ir_integer(r->ir, nresults);
	snapshot = record_snapshot(r, r->pc, func + 1 + arguments);
	done = ir_emit_many(r->ir, IR_CALL_MAY_FORCE_I, args, 2, HELPER_CALL_FUNCTION);
	if (r->ir->failed)
		record_abort(r, ABORT_NO_MEMORY, NULL);
	r->ir->ops[done].snapshot = snapshot;
	r->ir->ops[done].line = r->line;
	record_forget_from(r, func);
	all_is_in_memory(r, func);
	if (nresults < 0) {
		r->pending = func;
		r->pending_count = done;
	}
}

static void c_function(Recorder *r, int func, const Value *v, int arguments, int nresults)
{
	RecordedSlot results[MAX_KNOWN_RESULTS];
	int n;

	if (record_enter_pcall(r, func, v, arguments, nresults) ||
	    record_raise(r, func, v, arguments))
		return;
	n = record_known_function(r, func, v, arguments, nresults, results);
	if (n >= 0)
		record_put_results(r, func, results, n, nresults);
	else
		call_c_function(r, func, v, arguments, nresults);
}

/*
 * The frame that is open is left for good, and one like it opened, so that a tail call
 * finds one that the trace knows of.
 */
static void reopen_frame(Recorder *r)
{
	const Frame *f = r->L->frame;

	if (r->below == MAX_RETURNS)
		record_abort(r, ABORT_RETURNED, NULL);
	record_guard_status(r, f, r->below);
	if (get_c(r->i))
		record_guard_frame(r, IR_GUARD_FRAME_EXTRA, ir_integer(r->ir, f->u.lua.extra_args),
				   r->below);
	r->below++;
	r->bottom = NULL;
	r->return_pc = NULL;
	r->inlined[r->depth++] = (SnapshotFrame){
		.func_slot = (int16_t)(r->base - 1),
		.nresults = f->nresults,
		.status = f->status,
		.extra_args = f->u.lua.extra_args,
	};
	if (r->depth > (int)r->ir->max_frames)
		r->ir->max_frames = (uint32_t)r->depth;
}

/*
 * A value in slot func that has a __call: *f, which goes there; the value is its first
 * argument.
 */
static void find_call(Recorder *r, int func, const Value *v, int arguments, struct callee *f)
{
	IrRef ref = record_use_slot(r, func, NULL);
	uint8_t tag;

	*f = (struct callee){.event = META_CALL};
	if (!record_metamethod(r, v, ref, META_CALL, &f->v, &f->ref) || !is_function(&f->v))
		record_abort(r, ABORT_METAMETHOD, "__call");
	for (int i = 0; i <= arguments; i++)
		record_use_slot(r, func + i, NULL);
	for (int i = arguments; i >= 0; i--) {
		ref = record_use_slot(r, func + i, &tag);
		record_set_slot(r, func + i + 1, ref, tag);
	}
	record_set_slot(r, func, f->ref, f->v.tag);
}

/*
 * A Lua function takes the place of the frame that calls it. The frame's own
 * function and extra arguments are gone.
 */
static void tail_call(Recorder *r, int func, const Value *v, int arguments)
{
	struct callee called;
	SnapshotFrame *f;
	const Proto *p;
	RecordedSlot moved[MAX_SLOTS];
	int to, kept;

	/* It is a call, and the RETURN that follows takes all results. */
	if (is_function(v) && !is_lua_function(v)) {
		c_function(r, func, v, arguments, -1);
		return;
	}
	if (r->depth == 0 && r->t->kind == TRACE_LOOP)
		record_abort(r, ABORT_RETURNED, NULL);
	if (arguments >= MAX_SLOTS)
		record_abort(r, ABORT_TOO_LONG, NULL);
	if (!is_function(v)) {
		record_take_snapshot(r);
		find_call(r, func, v, arguments++, &called);
		v = &called.v;
		if (!is_lua_function(v))
			record_abort(r, ABORT_METAMETHOD, "__call");
	}
	p = as_lua_function(v)->proto;
	if (p->jit_off)
		record_abort(r, ABORT_SWITCHED_OFF, NULL);
	kept = p->is_vararg && arguments > p->parameters ? arguments : p->parameters;
	guard_function(r, func, v);
	for (int i = 0; i <= arguments; i++)
		moved[i].ref = record_use_slot(r, func + i, &moved[i].tag);
	if (r->depth == 0 && !is_loop_of_tail_calls(r, p))
		reopen_frame(r);
	if (get_k(r->i))
		record_close_block(r, r->base);
	f = &r->inlined[r->depth - 1];
	to = r->depth ? f->func_slot : r->base - 1;
	if (get_c(r->i))
		to -= f->extra_args + get_c(r->i);
	record_reach(r, to);
	for (int i = 0; i <= kept; i++) {
		if (i <= arguments)
			record_set_slot(r, to + i, moved[i].ref, moved[i].tag);
		else
			record_set_slot(r, to + i, IR_NONE, TAG_NIL);
	}
	record_forget_from(r, to + 1 + kept);
	r->given = kept;
	r->base = to + 1;
	r->starting = true;
	r->tail_calls++;
	if (!r->depth)
		return;
	f->func_slot = (int16_t)to;
	f->status |= FRAME_TAIL;
	f->proto = p;
	f->pc = p->code;
	f->extra_args = 0;
}

/* ---- Variable arguments: of inlined functions only ------------------------------------------ */

/* The function and its parameters move above the arguments. */
void record_vararg_prepare(Recorder *r)
{
	SnapshotFrame *f = &r->inlined[r->depth - 1];
	int parameters, to, from;

	if (r->depth == 0)
		record_abort(r, ABORT_NYI_INSTRUCTION, record_instruction_name(r));
	parameters = f->proto->parameters;
	from = f->func_slot;
	to = from + 1 + r->given;
	for (int i = 0; i <= parameters; i++) {
		uint8_t tag;
		IrRef ref = record_use_slot(r, from + i, &tag);

		record_set_slot(r, to + i, ref, tag);
		if (i)
			record_set_slot(r, from + i, IR_NONE, TAG_NIL);
	}
	f->func_slot = (int16_t)to;
	f->extra_args = r->given - parameters;
	r->base = to + 1;
}

/* The extra arguments of the running function: how many, and the slot of the first. */
static int extra_arguments(Recorder *r, int *first)
{
	const Frame *f = r->L->frame;
	int n = f->u.lua.extra_args;

	if (r->depth == 0)
		record_guard_frame(r, IR_GUARD_FRAME_EXTRA, ir_integer(r->ir, n), r->below);
	*first = r->base - 1 - n;
	record_reach(r, *first);
	return n;
}

void record_vararg(Recorder *r)
{
	int to = r->base + get_a(r->i), n = get_c(r->i) - 1, first;
	int extra = extra_arguments(r, &first);
	RecordedSlot values[MAX_SLOTS];

	if (extra >= MAX_SLOTS)
		record_abort(r, ABORT_TOO_LONG, NULL);
	r->variable_top = n < 0 ? to + extra : NO_VALUES;
	n = n < 0 ? extra : n;
	for (int i = 0; i < n && i < extra; i++)
		values[i].ref = record_use_slot(r, first + i, &values[i].tag);
	for (int i = 0; i < n; i++)
		record_set_slot(r, to + i, i < extra ? values[i].ref : IR_NONE,
				i < extra ? values[i].tag : TAG_NIL);
}

/* A value with a __call: that is called, with the value as its first argument. */
static void call_object(Recorder *r, int func, const Value *v, int arguments, int nresults)
{
	struct callee f;

	record_take_snapshot(r);
	find_call(r, func, v, arguments, &f);
	if (is_lua_function(&f.v))
		enter_function(r, func, &f.v, arguments + 1, nresults);
	else
		call_c_function(r, func, &f.v, arguments + 1, nresults);
}

void record_call_instruction(Recorder *r, enum opcode op)
{
	int func = r->base + get_a(r->i), b = get_b(r->i), nresults = get_c(r->i) - 1;
	const Value *v = record_value(r, get_a(r->i));
	int arguments = b - 1;

	if (!b) {
		if (r->variable_top == NO_VALUES)
			record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
		arguments = r->variable_top - func - 1;
	}
	r->variable_top = NO_VALUES;
	if (op == OP_TAILCALL)
		tail_call(r, func, v, arguments);
	else if (is_lua_function(v))
		enter_function(r, func, v, arguments, nresults);
	else if (is_function(v))
		c_function(r, func, v, arguments, nresults);
	else
		call_object(r, func, v, arguments, nresults);
}

/* ---- Generic for
 * ------------------------------------------------------------------------------------ */

void record_for_call(Recorder *r)
{
	int a = get_a(r->i), func = r->base + a + 4, nresults = get_c(r->i);
	const Value *v = record_value(r, a);

	if (record_known_iterator(r, a))
		return;
	record_take_snapshot(r);
	/* The instruction copies the registers, so they are not there yet. */
	for (int i = 0; i < 3; i++) {
		uint8_t tag;
		IrRef ref = record_use(r, a + i, &tag);

		record_set_slot(r, func + i, ref, tag);
	}
	if (is_lua_function(v))
		enter_function(r, func, v, 2, nresults);
	else if (is_function(v))
		call_c_function(r, func, v, 2, nresults);
	else
		call_object(r, func, v, 2, nresults);
}
