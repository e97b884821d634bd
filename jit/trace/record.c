/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.c - the recorder: its state, snapshots, loops and jumps. What single
 * instructions do is in record_arith.c, record_table.c, record_call.c.
 */
#include "record.h"

#include <stdlib.h>

#include "../lua/call.h"
#include "../lua/debug.h"
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

/* ---- Slots ----------------------------------------------------------------------------------- */

RecordedSlot *record_slot(Recorder *r, int slot)
{
	if (slot < r->floor || slot >= MAX_SLOTS)
		record_abort(r, ABORT_TOO_LONG, NULL);
	if (slot >= r->ir->max_slot)
		r->ir->max_slot = slot + 1;
	return known_slot(r, slot);
}

Value *record_value(const Recorder *r, int reg)
{
	return frame_base(r->L->frame) + reg;
}

static Value *slot_value(const Recorder *r, int slot)
{
	return frame_base(r->L->frame) - r->base + slot;
}

/* A slot that closures share is read and written where they see it. */
static IrRef use_captured(Recorder *r, int slot, uint8_t *tag)
{
	const RecordedSlot *s = known_slot(r, slot);
	uint8_t found = slot_value(r, slot)->tag;
	IrRef address, tag_ref;

	/* The interpreter has not done this instruction yet: what it wrote is not seen there. */
	if (s->set_by == r->number) {
		if (tag)
			*tag = s->tag;
		return s->ref;
	}
	address = record_emit(r, IR_SLOT_ADDRESS, IR_NONE, IR_NONE, slot);
	tag_ref = record_emit(r, IR_GETVALUE_TAG, address, IR_NONE, -1);
	if (tag)
		*tag = found;
	return record_load(r, tag_ref, found, IR_GETVALUE_I, address, IR_NONE);
}

IrRef record_use_slot(Recorder *r, int slot, uint8_t *tag)
{
	RecordedSlot *s = record_slot(r, slot);

	if (slot_is_captured(r->t->captured, slot))
		return use_captured(r, slot, tag);

	if (s->state == SLOT_UNKNOWN) {
		uint8_t found = slot_value(r, slot)->tag;
		IrRef tag_ref = record_emit(r, IR_GETSLOT_TAG, IR_NONE, IR_NONE, slot);

		record_guard_integer(r, tag_ref, found);
		s->ref = IR_NONE;
		if (found > TAG_FALSE && found != TAG_TRUE) {
			s->ref = record_emit(r, record_typed(IR_GETSLOT_I, found), IR_NONE, IR_NONE,
					     slot);
			r->ir->ops[s->ref].tag = found;
		}
		s->tag = found;
		s->state = SLOT_LOADED;
	}
	if (tag)
		*tag = s->tag;
	return s->ref;
}

void record_set_slot(Recorder *r, int slot, IrRef ref, uint8_t tag)
{
	RecordedSlot *s = record_slot(r, slot);

	if (slot_is_captured(r->t->captured, slot)) {
		IrRef address = record_emit(r, IR_SLOT_ADDRESS, IR_NONE, IR_NONE, slot);

		record_emit(r, IR_SETVALUE, address, ref == IR_NONE ? ir_integer(r->ir, 0) : ref,
			    tag);
		s->ref = ref;
		s->tag = tag;
		s->set_by = r->number;
		return;
	}
	*s = (RecordedSlot){.ref = ref, .tag = tag, .state = SLOT_WRITTEN};
}

IrRef record_constant(Recorder *r, const Value *v)
{
	if (v->tag == TAG_NIL || v->tag == TAG_FALSE || v->tag == TAG_TRUE)
		return IR_NONE;
	return ir_value(r->ir, v);
}

/* ---- Operations
 * ---------------------------------------------------------------------------------- */

IrRef record_emit3(Recorder *r, enum ir_opcode opcode, IrRef a, IrRef b, IrRef c, int32_t descr)
{
	IrRef ref = ir_emit(r->ir, opcode, a, b, c, descr);

	if (r->ir->failed)
		record_abort(r, ABORT_NO_MEMORY, NULL);
	r->ir->ops[ref].line = r->line;
	r->ir->ops[ref].tag = ir_info[opcode].type == 'i'   ? TAG_INTEGER
			      : ir_info[opcode].type == 'f' ? TAG_FLOAT
							    : TAG_NIL;
	return ref;
}

IrRef record_emit(Recorder *r, enum ir_opcode opcode, IrRef a, IrRef b, int32_t descr)
{
	return record_emit3(r, opcode, a, b, IR_NONE, descr);
}

static void add_entry(Recorder *r, Snapshot *s, int slot)
{
	const RecordedSlot *from = known_slot(r, slot);
	Ir *ir = r->ir;

	if (!IR_ROOM(ir, snapshot_entries, 1))
		record_abort(r, ABORT_NO_MEMORY, NULL);
	ir->snapshot_entries[ir->n_snapshot_entries++] = (SnapshotEntry){
		.slot = (int16_t)slot,
		.tag = from->tag,
		.ref = from->ref,
	};
	s->entries++;
}

static int frame_end(const Recorder *r)
{
	return r->base + frame_function(r->L->frame)->proto->stack_size;
}

int32_t record_snapshot(Recorder *r, const Instruction *pc, int top)
{
	Ir *ir = r->ir;
	Snapshot s = {
		.entry = ir->n_snapshot_entries,
		.frame = ir->n_snapshot_frames,
		.frames = (uint32_t)r->depth,
		.pc = r->depth ? r->return_pc : pc,
		.proto = r->below ? r->bottom : NULL,
		.below = (uint16_t)r->below,
		.base = (int16_t)r->bottom_base,
		.top = (int16_t)top,
	};
	int end = top > frame_end(r) ? top : frame_end(r);

	for (int slot = r->floor; slot < end && slot < MAX_SLOTS; slot++)
		if (known_slot(r, slot)->state == SLOT_WRITTEN)
			add_entry(r, &s, slot);
	if (end > ir->max_slot)
		ir->max_slot = end;
	if (!IR_ROOM(ir, snapshots, 1) || (r->depth && !IR_ROOM(ir, snapshot_frames, r->depth)))
		record_abort(r, ABORT_NO_MEMORY, NULL);
	for (int i = 0; i < r->depth; i++)
		ir->snapshot_frames[ir->n_snapshot_frames++] = r->inlined[i];
	if (r->depth)
		ir->snapshot_frames[ir->n_snapshot_frames - 1].pc = pc;
	ir->snapshots[ir->n_snapshots] = s;
	return (int32_t)ir->n_snapshots++;
}

static void guard(Recorder *r, enum ir_opcode opcode, IrRef a, IrRef b, int32_t descr)
{
	IrRef guard;

	if (r->snapshot < 0)
		r->snapshot = record_snapshot(r, r->pc - 1, r->top);
	guard = record_emit(r, opcode, a, b, descr);
	r->ir->ops[guard].snapshot = r->snapshot;
}

void record_guard(Recorder *r, enum ir_opcode opcode, IrRef a, IrRef b)
{
	guard(r, opcode, a, b, -1);
}

void record_guard_frame(Recorder *r, enum ir_opcode opcode, IrRef a, int32_t descr)
{
	guard(r, opcode, a, IR_NONE, descr);
}

/* That exit is not to be bridged: it is no other guard's. */
void record_guard_not_invalidated(Recorder *r)
{
	r->snapshot = -1;
	record_guard(r, IR_GUARD_NOT_INVALIDATED, IR_NONE, IR_NONE);
	r->snapshot = -1;
}

void record_guard_integer(Recorder *r, IrRef ref, lua_Integer i)
{
	record_guard(r, IR_GUARD_VALUE, ref, ir_integer(r->ir, i));
}

IrRef record_load(Recorder *r, IrRef tag_ref, uint8_t tag, enum ir_opcode integer, IrRef a, IrRef b)
{
	IrRef ref;

	record_guard_integer(r, tag_ref, tag);
	if (tag <= TAG_FALSE || tag == TAG_TRUE)
		return IR_NONE;
	ref = record_emit(r, record_typed(integer, tag), a, b, -1);
	r->ir->ops[ref].tag = tag;
	return ref;
}

IrRef record_call(Recorder *r, enum ir_helper helper, unsigned n, const IrRef *args)
{
	static const enum ir_opcode opcodes[] = {
		['i'] = IR_CALL_I, ['f'] = IR_CALL_F, ['r'] = IR_CALL_R, ['v'] = IR_CALL_N};
	char type = helper_info[helper].type;
	IrRef ref = ir_emit_many(r->ir, opcodes[(unsigned char)type], args, n, helper);

	if (r->ir->failed)
		record_abort(r, ABORT_NO_MEMORY, NULL);
	r->ir->ops[ref].line = r->line;
	r->ir->ops[ref].tag = type == 'i' ? TAG_INTEGER : type == 'f' ? TAG_FLOAT : TAG_NIL;
	return ref;
}

void record_operand(Recorder *r, unsigned n, IrRef ref, uint8_t tag)
{
	record_emit(r, IR_SETVALUE, ir_address(r->ir, &r->jit->operands[n]),
		    ref == IR_NONE ? ir_integer(r->ir, 0) : ref, tag);
}

void record_finish(Recorder *r, const Instruction *pc, int32_t descr)
{
	int32_t snapshot = record_snapshot(r, pc, r->top);
	IrRef last = record_emit(r, IR_FINISH, IR_NONE, IR_NONE, descr);

	r->ir->ops[last].snapshot = snapshot;
	jit_finish_recording(r->L);
}

/* ---- Loops
 * -------------------------------------------------------------------------------------------- */

static void close_loop(Recorder *r)
{
	int32_t snapshot = record_snapshot(r, r->t->pc, TOP_OF_FRAME);
	IrRef last = ir_emit_many(r->ir, IR_JUMP, NULL, 0, -1);

	if (r->ir->failed)
		record_abort(r, ABORT_NO_MEMORY, NULL);
	r->ir->ops[last].snapshot = snapshot;
	jit_finish_recording(r->L);
}

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
static void meet_trace(Recorder *r)
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
	uint32_t number;

	if (!r->starting)
		return false;
	r->starting = false;
	if (record_recursion(r, frame_function(r->L->frame)->proto) <= limit &&
	    r->tail_calls <= limit && r->depth < MAX_INLINED)
		return false;
	number = function_trace(r, pc - 1);
	/* Closures of one function that tail call each other end somewhere. */
	if (!number && r->tail_calls > limit && r->tail_calls < MAX_TAIL_CALLS)
		return false;
	r->pc = pc;
	r->snapshot = -1;
	r->top = TOP_OF_FRAME;
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
	uint32_t number;

	if (!r->below || r->depth || !(get_op(i) == OP_RETURN0 || get_op(i) == OP_RETURN1))
		return false;
	number = jit_trace_at(r->jit, pc - 1);
	if (!number)
		return false;
	r->pc = pc;
	r->top = TOP_OF_FRAME;
	record_finish(r, pc - 1, (int32_t)number);
	return true;
}

static void record_jump(Recorder *r)
{
	/* A loop inside of the traced one that was not hot yet is unrolled; life.c's
	   trace_limit ends that. */
	(void)r;
}

/* ---- One instruction
 * ------------------------------------------------------------------------------------ */

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
		record_jump(r);
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
	if (r->entering && f->previous == r->frame) {
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
	guard(r, IR_GUARD_TOP, IR_NONE, IR_NONE, top);
	r->snapshot = -1;
	r->variable_top = top;
}

static void one_instruction(Recorder *r, const Instruction *pc)
{
	Frame *f = r->L->frame;

	if (r->jit->missed)
		record_abort(r, ABORT_HOOK, NULL);
	if (!is_recorded_frame(r, f))
		return;
	if (r->ir->n_ops > r->jit->parameters[JIT_PARAMETER_trace_limit])
		record_abort(r, ABORT_TOO_LONG, NULL);
	if (r->begun && r->depth == 0 && !r->below && pc - 1 == r->t->pc &&
	    r->t->kind != TRACE_BRIDGE) {
		close_loop(r);
		return;
	}
	if (goes_on_elsewhere(r, pc) || goes_on_in_function(r, pc) || goes_on_at_return(r, pc))
		return;
	r->instructions++;
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
		meet_trace(r);
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

	return t->kind == TRACE_BRIDGE && r->instructions > 1 &&
	       r->jit->traces[t->parent]->exits[t->parent_exit].aborted &&
	       (reason == ABORT_NYI_INSTRUCTION || reason == ABORT_NYI_FUNCTION ||
		reason == ABORT_NYI_OPERAND || reason == ABORT_METAMETHOD ||
		reason == ABORT_RECURSION || reason == ABORT_OPEN_UPVALUE);
}

static void end_before(Recorder *r)
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
		end_before(r);
		return;
	}
	one_instruction(r, pc);
}

/* ---- Beginning, end
 * ------------------------------------------------------------------------------------------ */

/* A bridge may be entered in all states in which its parent was. */
static bool find_captured(Recorder *r, const Value *base)
{
	const struct shared_slots *shared = jit_shared_at(r->jit, r->t->pc);
	uint64_t *captured = r->t->captured;

	for (int i = 0; shared->pc == r->t->pc && i < MAX_SLOTS / 64; i++)
		captured[i] |= shared->slots[i];
	for (const Upvalue *uv = r->L->open_upvalues; uv && uv->v >= base; uv = uv->u.open.next) {
		ptrdiff_t slot = uv->v - base;

		if (slot >= MAX_SLOTS) {
			jit_abort(r->L, ABORT_OPEN_UPVALUE, NULL);
			return false;
		}
		captured[slot / 64] |= 1ull << (slot % 64);
	}
	return true;
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
	return find_captured(r, frame_base(f));
}

void record_stop(Jit *jit)
{
	free(jit->recorder);
	jit->recorder = NULL;
}
