/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_call.c - calls and returns.
 *
 * A call of a Lua function is inlined: the trace guards that it is this function
 * and goes on in it, its registers being slots further up; the frame exists only in
 * snapshots. A C function that the recorder knows becomes operations; any other is
 * called for real, with the stack made right before.
 */
#include "../lua/interp.h"
#include "record.h"

/* ---- Lua functions ------------------------------------------------------------------------------
 */

/* What is above the running frame's registers is no value of the trace any more. */
static void forget_above(Recorder *r, int slot)
{
	for (; slot < MAX_SLOTS; slot++)
		r->slots[slot + 1] = (RecordedSlot){.state = SLOT_UNKNOWN};
}

/*
 * The function in `slot` is v, or in a bridge, which is there because functions
 * differ, one with the same code. One that the trace made needs no guard.
 */
static void guard_function(Recorder *r, int slot, const Value *v)
{
	IrRef ref = record_use_slot(r, slot, NULL), proto;

	if (ref >= 0 && r->ir->ops[ref].opcode == IR_CALL_R &&
	    r->ir->ops[ref].descr == HELPER_CLOSURE_NEW)
		return;
	if (is_lua_function(v) && ref >= 0 && r->t->kind == TRACE_BRIDGE) {
		proto = record_emit(r, IR_GETFIELD_R, ref, IR_NONE, IR_FIELD_FUNCTION_PROTO);
		record_guard(r, IR_GUARD_VALUE, proto,
			     ir_object(r->ir, as_lua_function(v)->proto, TAG_PROTO));
		return;
	}
	record_guard(r, IR_GUARD_VALUE, ref, ir_object(r->ir, v->u.p, v->tag));
	r->slots[slot + 1].ref = ir_object(r->ir, v->u.p, v->tag);
}

static int recursion_depth(const Recorder *r, const Proto *p)
{
	int n = frame_function(r->L->frame)->proto == p;

	for (int i = 0; i < r->depth; i++)
		n += r->inlined[i].proto == p;
	return n;
}

static void enter_function(Recorder *r, int func, const Value *v, int arguments, int nresults)
{
	const Proto *p = as_lua_function(v)->proto;
	int kept = p->is_vararg && arguments > p->parameters ? arguments : p->parameters;

	if (r->depth == MAX_INLINED || !r->jit->parameters[JIT_PARAMETER_inlining] ||
	    recursion_depth(r, p) > r->jit->parameters[JIT_PARAMETER_max_unroll_recursion])
		record_abort(r, ABORT_RECURSION, NULL);
	for (int i = 0; i < arguments && i < kept; i++)
		record_use_slot(r, func + 1 + i, NULL);
	guard_function(r, func, v);
	for (int i = arguments; i < p->parameters; i++)
		record_set_slot(r, func + 1 + i, IR_NONE, TAG_NIL);
	forget_above(r, func + 1 + kept);
	r->given = kept;
	if (r->depth)
		r->inlined[r->depth - 1].pc = r->pc;
	else
		r->return_pc = r->pc;
	r->inlined[r->depth++] = (SnapshotFrame){
		.func_slot = (int16_t)func,
		.nresults = (int16_t)nresults,
		.proto = p,
		.pc = p->code,
	};
	if ((uint32_t)r->depth > r->ir->max_frames)
		r->ir->max_frames = (uint32_t)r->depth;
	r->base = func + 1;
	r->entering = true;
}

/* The results go where the function was, as many as are wanted. */
static void put_results(Recorder *r, int func, const RecordedSlot *results, int n, int wanted)
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
	r->variable_top = wanted < 0 ? func + n : 0;
	forget_above(r, func + count);
}

void record_return(Recorder *r, enum opcode op)
{
	int a = get_a(r->i), n = op == OP_RETURN0 ? 0 : op == OP_RETURN1 ? 1 : get_b(r->i) - 1;
	RecordedSlot results[MAX_SLOTS];
	const SnapshotFrame *f;
	int func;

	if (r->depth == 0) {
		if (r->t->kind == TRACE_LOOP)
			record_abort(r, ABORT_RETURNED, NULL);
		record_finish(r, r->pc - 1, -1);
		return;
	}
	if (n < 0) {
		if (!r->variable_top)
			record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
		n = r->variable_top - (r->base + a);
	}
	if (n >= MAX_SLOTS)
		record_abort(r, ABORT_TOO_LONG, NULL);
	/* While the frame is still there: what has to be loaded has guards. */
	for (int i = 0; i < n; i++)
		results[i].ref = record_use(r, a + i, &results[i].tag);
	if (op == OP_RETURN && get_k(r->i))
		record_close_block(r, r->base);
	f = &r->inlined[--r->depth];
	func = f->func_slot;
	if (op == OP_RETURN && get_c(r->i))
		func -= f->extra_args + get_c(r->i);
	r->base = r->depth ? r->inlined[r->depth - 1].func_slot + 1 : 0;
	r->frame = r->frame->previous;
	put_results(r, func, results, n, f->nresults);
}

/* ---- C functions
 * ----------------------------------------------------------------------------------- */

/* The function is called by the trace; its results are read from the stack. */
static void call_c_function(Recorder *r, int func, int arguments, int nresults)
{
	IrRef args[2], done;
	int32_t snapshot;

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
	forget_above(r, func);
	if (nresults < 0) {
		r->pending = func;
		r->pending_count = done;
	}
}

static void c_function(Recorder *r, int func, const Value *v, int arguments, int nresults)
{
	RecordedSlot results[MAX_KNOWN_RESULTS];
	int n;

	guard_function(r, func, v);
	n = record_known_function(r, func, v, arguments, results);
	if (n >= 0)
		put_results(r, func, results, n, nresults);
	else
		call_c_function(r, func, arguments, nresults);
}

/*
 * A Lua function takes the place of the frame that calls it. The frame's own
 * function and extra arguments are gone.
 */
static void tail_call(Recorder *r, int func, const Value *v, int arguments)
{
	SnapshotFrame *f = &r->inlined[r->depth - 1];
	const Proto *p;
	RecordedSlot moved[MAX_SLOTS];
	int to, kept;

	if (r->depth == 0 && r->t->kind == TRACE_LOOP)
		record_abort(r, ABORT_RETURNED, NULL);
	if (r->depth == 0) {
		record_finish(r, r->pc - 1, -1);
		return;
	}
	if (!is_lua_function(v))
		record_abort(r, ABORT_NYI_INSTRUCTION, "TAILCALL of a C function");
	p = as_lua_function(v)->proto;
	if (arguments >= MAX_SLOTS ||
	    recursion_depth(r, p) > r->jit->parameters[JIT_PARAMETER_max_unroll_recursion])
		record_abort(r, ABORT_RECURSION, NULL);
	kept = p->is_vararg && arguments > p->parameters ? arguments : p->parameters;
	guard_function(r, func, v);
	for (int i = 0; i <= arguments; i++)
		moved[i].ref = record_use_slot(r, func + i, &moved[i].tag);
	if (get_k(r->i))
		record_close_block(r, r->base);
	to = f->func_slot;
	if (get_c(r->i))
		to -= f->extra_args + get_c(r->i);
	for (int i = 0; i <= kept; i++) {
		if (i <= arguments)
			record_set_slot(r, to + i, moved[i].ref, moved[i].tag);
		else
			record_set_slot(r, to + i, IR_NONE, TAG_NIL);
	}
	forget_above(r, to + 1 + kept);
	f->func_slot = (int16_t)to;
	f->status |= FRAME_TAIL;
	f->proto = p;
	f->pc = p->code;
	f->extra_args = 0;
	r->given = kept;
	r->base = to + 1;
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

void record_vararg(Recorder *r)
{
	const SnapshotFrame *f = &r->inlined[r->depth - 1];
	int to = r->base + get_a(r->i), n = get_c(r->i) - 1;

	if (r->depth == 0)
		record_abort(r, ABORT_NYI_INSTRUCTION, record_instruction_name(r));
	r->variable_top = n < 0 ? to + f->extra_args : 0;
	n = n < 0 ? f->extra_args : n;
	for (int i = 0; i < n; i++) {
		uint8_t tag = TAG_NIL;
		IrRef ref = IR_NONE;

		if (i < f->extra_args)
			ref = record_use_slot(r, f->func_slot - f->extra_args + i, &tag);
		record_set_slot(r, to + i, ref, tag);
	}
}

void record_call_instruction(Recorder *r, enum opcode op)
{
	int func = r->base + get_a(r->i), b = get_b(r->i), nresults = get_c(r->i) - 1;
	const Value *v = record_value(r, get_a(r->i));
	int arguments = b - 1;

	if (!b) {
		if (!r->variable_top)
			record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
		arguments = r->variable_top - func - 1;
	}
	r->variable_top = 0;
	if (op == OP_TAILCALL)
		tail_call(r, func, v, arguments);
	else if (is_lua_function(v))
		enter_function(r, func, v, arguments, nresults);
	else if (is_function(v))
		c_function(r, func, v, arguments, nresults);
	else
		record_abort(r, ABORT_METAMETHOD, "__call");
}

/* ---- Generic for
 * ------------------------------------------------------------------------------------ */

/* What a table has at an integer key beyond its array part. */
static IrRef beyond_array(Recorder *r, const Table *t, IrRef object, IrRef index, lua_Integer i,
			  uint8_t *tag)
{
	IrRef args[] = {object, record_emit(r, IR_INT_ADD, index, ir_integer(r->ir, 1), -1)};
	Slot s = table_find_integer(t, i);
	IrRef found = record_call(r, HELPER_TABLE_GET_INTEGER, 2, args);

	*tag = s.payload ? *s.tag : TAG_NIL;
	return record_load(r, found, *tag, IR_GETVALUE_I, ir_address(r->ir, &r->jit->result),
			   IR_NONE);
}

/* ipairs(): index + 1 and what is there; ends at nil. */
static void record_ipairs(Recorder *r, int a)
{
	const Value *table = record_value(r, a + 1), *control = record_value(r, a + 2);
	const Table *t = as_table(table);
	lua_Integer i = control->u.i;
	IrRef object, index, size, array, tag_ref, value;
	bool inside;
	uint8_t tag;

	if (!is_table(table) || !is_integer(control) || t->metatable)
		record_abort(r, ABORT_NYI_FUNCTION, "ipairs of no plain table");
	object = record_use(r, a + 1, NULL);
	index = record_use(r, a + 2, NULL);
	record_guard(r, IR_GUARD_ISNULL,
		     record_emit(r, IR_GETFIELD_R, object, IR_NONE, IR_FIELD_TABLE_METATABLE),
		     IR_NONE);
	size = record_emit(r, IR_GETFIELD_I, object, IR_NONE, IR_FIELD_TABLE_ARRAY_SIZE);
	inside = (lua_Unsigned)i < t->array_size;
	record_guard_that(r, inside, record_emit(r, IR_UINT_LT, index, size, -1));
	if (inside) {
		array = record_emit(r, IR_GETFIELD_R, object, IR_NONE, IR_FIELD_TABLE_ARRAY);
		tag = *array_tag(t, i);
		tag_ref = record_emit(r, IR_GETARRAYITEM_TAG, array, index, -1);
		value = record_load(r, tag_ref, tag, IR_GETARRAYITEM_I, array, index);
	} else {
		value = beyond_array(r, t, object, index, int_add(i, 1), &tag);
	}
	if (tag == TAG_NIL)
		record_set(r, a + 4, IR_NONE, TAG_NIL);
	else
		record_set(r, a + 4, record_emit(r, IR_INT_ADD, index, ir_integer(r->ir, 1), -1),
			   TAG_INTEGER);
	record_set(r, a + 5, value, tag);
	for (int n = 2; n < get_c(r->i); n++)
		record_set(r, a + 4 + n, IR_NONE, TAG_NIL);
}

/* pairs(): the key behind the control variable. */
static void record_pairs(Recorder *r, int a)
{
	Value *pair = r->jit->operands;
	const struct helper_info *h = &helper_info[HELPER_TABLE_FOLLOW];
	Table *t = as_table(record_value(r, a + 1));
	IrRef object = record_use(r, a + 1, NULL), control, position;
	RecordedSlot moved[2];
	lua_Integer found;
	uint8_t tag;

	control = record_use(r, a + 2, &tag);
	record_operand(r, 0, control, tag);
	position = record_call(r, HELPER_TABLE_FOLLOW, 1, &object);
	pair[0] = *record_value(r, a + 2);
	found = ((lua_Integer(*)(lua_State *, Table *))h->function)(r->L, t);
	if (found < 0)
		record_abort(r, ABORT_ERROR, NULL);
	if (!found) {
		record_guard_integer(r, position, 0);
		record_set(r, a + 4, IR_NONE, TAG_NIL);
		return;
	}
	record_guard_that(r, true, record_emit(r, IR_INT_GT, position, ir_integer(r->ir, 0), -1));
	for (int i = 0; i < 2; i++) {
		IrRef at = ir_address(r->ir, &pair[i]), tag_ref;

		tag_ref = record_emit(r, IR_GETVALUE_TAG, at, IR_NONE, -1);
		control = record_load(r, tag_ref, pair[i].tag, IR_GETVALUE_I, at, IR_NONE);
		moved[i] = (RecordedSlot){.ref = control, .tag = pair[i].tag};
	}
	for (int i = 0; i < get_c(r->i) || i < 2; i++)
		record_set(r, a + 4 + i, i < 2 ? moved[i].ref : IR_NONE,
			   i < 2 ? moved[i].tag : TAG_NIL);
}

void record_for_call(Recorder *r)
{
	int a = get_a(r->i), func = r->base + a + 4, nresults = get_c(r->i);
	const Value *v = record_value(r, a);

	if (v->tag == TAG_C_FUNCTION && v->u.f == ipairsaux) {
		record_guard(r, IR_GUARD_VALUE, record_use(r, a, NULL),
			     ir_object(r->ir, v->u.p, v->tag));
		record_ipairs(r, a);
		return;
	}
	if (v->tag == TAG_C_FUNCTION && v->u.f == luaB_next && is_table(v + 1)) {
		record_guard(r, IR_GUARD_VALUE, record_use(r, a, NULL),
			     ir_object(r->ir, v->u.p, v->tag));
		record_pairs(r, a);
		return;
	}
	if (!is_function(v))
		record_abort(r, ABORT_METAMETHOD, "__call");
	/* The instruction copies the registers, so they are not there yet. */
	for (int i = 0; i < 3; i++) {
		uint8_t tag;
		IrRef ref = record_use(r, a + i, &tag);

		record_set_slot(r, func + i, ref, tag);
	}
	if (is_lua_function(v))
		enter_function(r, func, v, 2, nresults);
	else {
		guard_function(r, func, v);
		call_c_function(r, func, 2, nresults);
	}
}
