/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_slot.c - what the recorder knows of slots, and how it writes: values of
 * slots, operations, guards and their snapshots.
 */
#include "record.h"

/* ---- Slots -------------------------------------------------------------------------------- */

RecordedSlot *record_slot(Recorder *r, int slot)
{
	if (slot < r->floor || slot >= MAX_SLOTS)
		record_abort(r, ABORT_TOO_LONG, NULL);
	if (slot >= r->ir->max_slot)
		r->ir->max_slot = slot + 1;
	return known_slot(r, slot);
}

void record_reach(Recorder *r, int slot)
{
	if (slot < -MAX_BELOW)
		record_abort(r, ABORT_TOO_LONG, NULL);
	if (slot < r->floor)
		r->floor = slot;
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
static IrRef use_shared(Recorder *r, int slot, uint8_t *tag)
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

void record_forget_from(Recorder *r, int slot)
{
	for (; slot < MAX_SLOTS; slot++)
		*known_slot(r, slot) = (RecordedSlot){.state = SLOT_UNKNOWN};
}

void record_share(Recorder *r, const RegisterSet *shared)
{
	for (int reg = 0; reg < MAX_SLOTS; reg++) {
		int slot = r->base + reg;

		if (!set_has(shared, reg) || slot >= MAX_SLOTS || record_is_shared(r, slot))
			continue;
		slot_set_add(&r->shared, slot);
		if (slot >= 0)
			set_add(&r->t->shared, slot);
		*known_slot(r, slot) = (RecordedSlot){.state = SLOT_UNKNOWN};
	}
}

IrRef record_use_slot(Recorder *r, int slot, uint8_t *tag)
{
	RecordedSlot *s = record_slot(r, slot);

	if (record_is_shared(r, slot))
		return use_shared(r, slot, tag);

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

	if (record_is_shared(r, slot)) {
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

/* ---- Operations --------------------------------------------------------------------------- */

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

uint8_t record_new_string(Recorder *r, IrRef s, size_t length)
{
	uint8_t tag = length <= MAX_SHORT_STRING ? TAG_SHORT_STRING : TAG_LONG_STRING;

	record_guard(r, IR_GUARD_NONNULL, s, IR_NONE);
	record_guard_integer(r, record_emit(r, IR_GETFIELD_I, s, IR_NONE, IR_FIELD_OBJECT_TAG),
			     tag);
	r->ir->ops[s].tag = tag;
	return tag;
}

/* ---- Snapshots and guards ----------------------------------------------------------------- */

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
		.taken = ir->n_ops,
		.moved = r->number > 1,
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

void record_take_snapshot(Recorder *r)
{
	if (r->snapshot < 0)
		r->snapshot = record_snapshot(r, r->pc - 1, r->top);
}

static void guard(Recorder *r, enum ir_opcode opcode, IrRef a, IrRef b, int32_t descr)
{
	IrRef guard;

	record_take_snapshot(r);
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

void record_finish(Recorder *r, const Instruction *pc, int32_t descr)
{
	int32_t snapshot = record_snapshot(r, pc, r->top);
	IrRef last = record_emit(r, IR_FINISH, IR_NONE, IR_NONE, descr);

	r->ir->ops[last].snapshot = snapshot;
	jit_finish_recording(r->L);
}
