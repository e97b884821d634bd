/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.c - the recorder: it begins and ends, and follows one instruction after the
 * other. What single instructions do is in record_arith.c, record_table.c,
 * record_call.c; what is known of slots, and snapshots, in record_slot.c; loops in
 * record_loop.c.
 */
#include "record.h"

#include <stdlib.h>

#include "../lua/call.h"
#include "../lua/debug.h"
#include "../lua/function.h"
#include "listen.h"

static const char *const instruction_names[OPCODE_COUNT] = {
#define X(name, sets_a, test) [OP_##name] = #name,
	OPCODES(X)
#undef X
};

const char *record_instruction_name(const Recorder *r)
{
	return instruction_names[get_op(r->i)];
}

struct give_up {
	jmp_buf jump;
	enum jit_abort_reason reason;
	const char *detail;
};

_Noreturn void record_abort(Recorder *r, enum jit_abort_reason reason, const char *detail)
{
	struct give_up *g = (struct give_up *)r->give_up;

	g->reason = reason;
	g->detail = detail;
	_longjmp(g->jump, 1);
}

/* ---- One instruction ---------------------------------------------------------------------- */

static void dispatch(Recorder *r)
{
	enum opcode op = get_op(r->i);
	const Value *k = frame_function(r->L->frame)->proto->constants;
	int a = get_a(r->i), b = get_b(r->i), c = get_c(r->i);
	Value number;
	IrRef ref;
	uint8_t tag;

	switch (op) {
	case OP_MOVE:
		ref = record_use(r, b, &tag);
		record_set(r, a, ref, tag);
		break;
	case OP_LOADI:
		record_set(r, a, ir_integer(r->ir, get_sbx(r->i)), TAG_INTEGER);
		break;
	case OP_LOADF:
		record_set(r, a, ir_float(r->ir, (lua_Number)get_sbx(r->i)), TAG_FLOAT);
		break;
	case OP_LOADK:
		record_set(r, a, record_constant(r, k + get_bx(r->i)), k[get_bx(r->i)].tag);
		break;
	case OP_LOADKX:
		record_set(r, a, record_constant(r, k + get_ax(*r->pc)), k[get_ax(*r->pc)].tag);
		break;
	case OP_LOADFALSE:
	case OP_LFALSESKIP:
		record_set(r, a, IR_NONE, TAG_FALSE);
		break;
	case OP_LOADTRUE:
		record_set(r, a, IR_NONE, TAG_TRUE);
		break;
	case OP_LOADNIL:
		for (int n = 0; n <= b; n++)
			record_set(r, a + n, IR_NONE, TAG_NIL);
		break;
	case OP_GETUPVAL:
		record_get_upvalue(r);
		break;
	case OP_SETUPVAL:
		record_set_upvalue(r);
		break;
	case OP_GETTABUP ... OP_GETFIELD:
	case OP_SELF:
		record_get(r, op);
		break;
	case OP_SETTABUP ... OP_SETFIELD:
		record_put(r, op);
		break;
	case OP_NEWTABLE:
		record_new_table(r);
		break;
	case OP_SETLIST:
		record_set_list(r);
		break;
	case OP_ADDI:
		set_integer(&number, get_sc(r->i));
		record_arith(r, LUA_OPADD, a, record_value(r, b), record_use(r, b, NULL), &number,
			     ir_integer(r->ir, number.u.i));
		break;
	case OP_SHRI:
		set_integer(&number, get_sc(r->i));
		record_arith(r, LUA_OPSHR, a, record_value(r, b), record_use(r, b, NULL), &number,
			     ir_integer(r->ir, number.u.i));
		break;
	case OP_SHLI:
		set_integer(&number, get_sc(r->i));
		record_arith(r, LUA_OPSHL, a, &number, ir_integer(r->ir, number.u.i),
			     record_value(r, b), record_use(r, b, NULL));
		break;
	case OP_ADDK ... OP_IDIVK:
		record_arith(r, (int)op - OP_ADDK + LUA_OPADD, a, record_value(r, b),
			     record_use(r, b, NULL), k + c, record_constant(r, k + c));
		break;
	case OP_BANDK ... OP_BXORK:
		record_arith(r, (int)op - OP_BANDK + LUA_OPBAND, a, record_value(r, b),
			     record_use(r, b, NULL), k + c, record_constant(r, k + c));
		break;
	case OP_ADD ... OP_SHR:
		ref = record_use(r, b, NULL);
		record_arith(r, (int)op - OP_ADD + LUA_OPADD, a, record_value(r, b), ref,
			     record_value(r, c), record_use(r, c, NULL));
		break;
	case OP_MMBIN ... OP_MMBINK:
		record_meta_instruction(r, op);
		break;
	case OP_UNM ... OP_NOT:
		record_unary(r, op);
		break;
	case OP_LEN:
		record_length(r);
		break;
	case OP_CONCAT:
		record_concat(r);
		break;
	case OP_JMP:
		break;
	case OP_EQ ... OP_TESTSET:
		record_comparison(r, op);
		break;
	case OP_CALL:
	case OP_TAILCALL:
		record_call_instruction(r, op);
		break;
	case OP_RETURN ... OP_RETURN1:
		record_return(r, op);
		break;
	case OP_FORLOOP:
		record_for_loop(r);
		break;
	case OP_FORPREP:
		record_for_prepare(r);
		break;
	case OP_TFORCALL:
		record_for_call(r);
		break;
	case OP_TFORPREP:
		record_use(r, a + 3, &tag);
		if (tag > TAG_FALSE)
			record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
		break;
	case OP_TFORLOOP:
		ref = record_use(r, a + 4, &tag);
		if (tag != TAG_NIL)
			record_set(r, a + 2, ref, tag);
		break;
	case OP_CLOSURE:
		record_closure(r);
		break;
	case OP_CLOSE:
		record_close(r);
		break;
	case OP_VARARGPREP:
		record_vararg_prepare(r);
		break;
	case OP_VARARG:
		record_vararg(r);
		break;
	case OP_EXTRAARG:
		break;
	default:
		record_abort(r, ABORT_NYI_INSTRUCTION, record_instruction_name(r));
	}
}

/* A C function that is called for real may run Lua functions: they are not recorded. */
static bool is_recorded_frame(Recorder *r, Frame *f)
{
	const Frame *pcall = record_pcall_of(f);

	if (r->entering && (pcall ? pcall : f)->previous == r->frame) {
		r->entering = false;
		r->starting = true;
		r->frame = f;
	}
	return f == r->frame;
}

static bool takes_all(Instruction i)
{
	enum opcode op = get_op(i);

	return (op == OP_CALL || op == OP_TAILCALL || op == OP_RETURN || op == OP_SETLIST) &&
	       get_b(i) == 0;
}

static bool reads_top(Instruction i)
{
	return takes_all(i) || get_op(i) == OP_VARARGPREP;
}

/* The instruction behind a call takes its results: they are as many as now. */
static void count_results(Recorder *r)
{
	int n = (int)(r->L->top - record_value(r, r->pending - r->base));
	IrRef guard;

	if (n < 0 || r->pending + n >= MAX_SLOTS)
		record_abort(r, ABORT_TOO_LONG, NULL);
	guard = record_emit(r, IR_GUARD_VALUE, r->pending_count, ir_integer(r->ir, n), -1);
	r->ir->ops[guard].snapshot = record_snapshot(r, r->pc - 1, TOP_AS_IT_IS);
	r->variable_top = r->pending + n;
	r->pending = NO_VALUES;
}

/* A bridge begins at an instruction that takes values up to L->top: as many as now. */
static void count_values(Recorder *r)
{
	int top = r->base + (int)(r->L->top - record_value(r, 0));

	if (top < r->base || top >= MAX_SLOTS)
		record_abort(r, ABORT_TOO_LONG, NULL);
	r->top = TOP_AS_IT_IS;
	record_guard_frame(r, IR_GUARD_TOP, IR_NONE, top);
	r->snapshot = -1;
	r->variable_top = top;
}

static void one_instruction(Recorder *r, const Instruction *pc)
{
	Frame *f = r->L->frame;
	bool back;

	if (r->jit->missed)
		record_abort(r, ABORT_HOOK, NULL);
	if (!is_recorded_frame(r, f))
		return;
	if (r->raises)
		record_abort(r, ABORT_ERROR, record_instruction_name(r));
	r->handler = r->L->handler;
	r->succeeds = false;
	if (r->ir->n_ops > r->jit->parameters[JIT_PARAMETER_trace_limit])
		record_abort(r, ABORT_TOO_LONG, NULL);
	if (r->begun && r->depth == 0 && !r->below && pc - 1 == r->t->pc &&
	    r->t->kind != TRACE_BRIDGE) {
		record_close_loop(r);
		return;
	}
	back = record_jumped_back(r, f, pc) && !r->starting;
	if (record_goes_on(r, pc))
		return;
	if (back)
		record_unroll(r, pc);
	r->last_frame = f;
	r->pc = pc;
	r->number++;
	r->i = jit_original(r->jit, pc - 1);
	r->line = proto_line(frame_function(f)->proto,
			     (int)(pc - 1 - frame_function(f)->proto->code));
	listen_instruction(r->jit, frame_function(f)->proto, pc - 1, r->depth);
	r->snapshot = -1;
	r->top = TOP_OF_FRAME;
	if (r->pending != NO_VALUES)
		count_results(r);
	if (!r->begun && takes_all(r->i))
		count_values(r);
	if (r->variable_top != NO_VALUES && takes_all(r->i))
		r->top = r->variable_top;
	if (!r->begun) {
		r->begun = true;
		if (r->t->kind != TRACE_BRIDGE)
			record_guard_not_invalidated(r);
		if (r->t->kind == TRACE_FUNCTION && f->status & FRAME_TAIL)
			record_guard_tail_called(r);
	} else {
		record_meet_trace(r);
	}
	dispatch(r);
}

/*
 * A bridge that was given up once because of an instruction ends before it the next
 * time: what is before is run by machine code, and the interpreter goes on.
 */
static bool may_end_before(const Recorder *r, enum jit_abort_reason reason)
{
	const Trace *t = r->t;

	return t->kind == TRACE_BRIDGE && r->number > 1 &&
	       r->jit->traces[t->parent]->exits[t->parent_exit].aborted &&
	       (reason == ABORT_NYI_INSTRUCTION || reason == ABORT_NYI_FUNCTION ||
		reason == ABORT_NYI_OPERAND || reason == ABORT_METAMETHOD ||
		reason == ABORT_STRING_OPERAND || reason == ABORT_NOT_INLINED ||
		reason == ABORT_RECURSION || reason == ABORT_OPEN_UPVALUE ||
		reason == ABORT_SWITCHED_OFF);
}

void record_end_before(Recorder *r)
{
	IrRef last;

	if (r->snapshot < 0)
		r->snapshot = record_snapshot(r, r->pc - 1, r->top);
	last = record_emit(r, IR_FINISH, IR_NONE, IR_NONE, -1);
	r->ir->ops[last].snapshot = r->snapshot;
	r->t->ends_early = true;
	jit_finish_recording(r->L);
}

void record_instruction(lua_State *L, Frame *f, const Instruction *pc)
{
	Recorder *r = L->global->jit->recorder;
	volatile bool ends = false;
	struct give_up g;

	f->u.lua.pc = pc;
	/* Recording may allocate: a collection must not take registers for free. */
	if (!reads_top(jit_original(L->global->jit, pc - 1)))
		L->top = f->top;
	r->give_up = &g.jump;
	if (_setjmp(g.jump)) {
		if (ends || !may_end_before(r, g.reason)) {
			jit_abort(L, g.reason, g.detail);
			return;
		}
		ends = true;
		record_end_before(r);
		return;
	}
	one_instruction(r, pc);
}

/* ---- Beginning, end ----------------------------------------------------------------------- */

/* What closures may share already. */
static void find_shared(Recorder *r)
{
	RegisterSet shared = {0};

	shared_before(r->jit, r->bottom, r->t->pc, &shared);
	record_share(r, &shared);
}

bool record_start(lua_State *L, Frame *f, const Instruction *pc, Trace *t)
{
	Jit *jit = L->global->jit;
	Recorder *r = calloc(1, sizeof(*r));
	RecordedSlot *function;

	(void)pc;
	if (!r)
		return false;
	r->L = L;
	r->jit = jit;
	r->t = t;
	r->ir = &t->ir;
	r->frame = f;
	jit->missed = false;
	jit->recorder = r;
	r->variable_top = r->pending = NO_VALUES;
	r->floor = -1; /* bottom_base is 0 */
	r->bottom = frame_function(f)->proto;
	/* The function is the one whose code this is: no guard. */
	function = known_slot(r, -1);
	function->ref = ir_emit(r->ir, IR_GETSLOT_R, IR_NONE, IR_NONE, IR_NONE, -1);
	function->tag = TAG_LUA_FUNCTION;
	function->state = SLOT_LOADED;
	if (r->ir->failed) {
		record_stop(jit);
		return false;
	}
	r->ir->ops[function->ref].tag = TAG_LUA_FUNCTION;
	find_shared(r);
	return true;
}

void record_stop(Jit *jit)
{
	free(jit->recorder);
	jit->recorder = NULL;
}

unsigned record_instructions(const Jit *jit)
{
	return jit->recorder->number;
}
