/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * join.c - a trace that ends where a loop begins goes on in it at its label.
 *
 * The body of a loop relies on all that its preamble did: on values that it does not
 * compute, guards that it does not repeat, memory that it does not read again, tables
 * that are not made. So the way to the label is the preamble. It is copied behind the
 * operations of the trace, through the same pipeline, with what the trace left in slots
 * for what is loaded from there: what the trace knows is neither loaded nor guarded
 * again. Its guards leave to the state of the loop's turn on top of that of the trace.
 * Then `jump` enters the loop and hands on the values that the label and the body want.
 * So on the way one turn of the loop is run, just as it is when the interpreter enters.
 *
 * The stack is brought up to date by the jump, but for slots of which the body knows
 * what they hold and of which all its exits say so.
 *
 * Where it cannot be done (the trace is known to fail a guard of the preamble, it shares
 * other slots with closures) or would be too much, the trace ends as others do: it
 * writes its state and begins the loop anew.
 */
#include "label.h"

#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "opt.h"

#define MAX_ENTRIES 300

struct joining {
	Opt *o;
	const Ir *loop;
	const Ir *from;
	const Snapshot *end; /* of `from`: the state where it ends */
	int base;	     /* slot of the loop's register 0 in that state */
	uint32_t start;	     /* operations of the trace itself */
	IrRef *map;	     /* place in loop -> in the new list, IR_NONE: not there yet */
	int32_t *snapshots;  /* the same of snapshots, -1 */
	uint32_t next;	     /* loop's snapshot that comes next */
	uint8_t *guards;     /* loop's snapshots that guards of the preamble have */
};

static bool is_label_value(const IrOp *op)
{
	return op->opcode >= IR_ARG_I && op->opcode <= IR_ARG_R;
}

/* ---- References ------------------------------------------------------------------------------ */

static bool give_up(struct joining *j)
{
	j->o->failed = true;
	return false;
}

static IrRef constant(const struct joining *j, IrRef ref)
{
	const IrConstant *c = ir_constant(j->loop, ref);
	Ir *to = j->o->to;

	switch (c->type) {
	case 'i':
		return ir_integer(to, c->u.i);
	case 'f':
		return ir_float(to, c->u.n);
	default:
		return ir_object(to, c->u.p, c->tag);
	}
}

static IrRef copy_virtual(struct joining *j, IrRef ref);

/* What a reference of the loop is in the trace, at the label at the latest. */
static IrRef joined(struct joining *j, IrRef ref)
{
	const Ir *loop = j->loop;
	const IrOp *op;

	if (ref == IR_NONE)
		return ref;
	if (ref < 0)
		return constant(j, ref);
	if (j->map[ref] != IR_NONE)
		return opt_known(j->o, j->map[ref]);
	op = ir_op(loop, ref);
	if (is_label_value(op))
		return joined(j, ir_args(loop, ir_op(loop, loop->label))[op->descr]);
	if (op->opcode == IR_VIRTUAL)
		return copy_virtual(j, ref);
	give_up(j);
	return 0;
}

static int32_t copy_shape(struct joining *j, int32_t n)
{
	const IrShape *from = &j->loop->shapes[n];
	ShapeKey keys[MAX_SHAPE_KEYS];
	Ir *to = j->o->to;
	int32_t shape;

	for (uint32_t i = 0; i < from->keys; i++) {
		keys[i] = j->loop->shape_keys[from->key + i];
		keys[i].key = constant(j, keys[i].key);
	}
	shape = ir_shape(to, from, keys, from->keys);
	if (!to->failed)
		to->shapes[shape].model = from->model;
	return shape;
}

static IrRef copy_virtual(struct joining *j, IrRef ref)
{
	const IrOp *from = ir_op(j->loop, ref);
	const IrRef *args = ir_args(j->loop, from);
	IrRef mapped[1 + MAX_SHAPE_KEYS];
	IrOp op = *from;

	for (unsigned i = 0; i < op.nargs; i++)
		mapped[i] = virtual_state(j->o, joined(j, args[i]));
	op.descr = copy_shape(j, op.descr);
	/* The frame that makes a function is one of the loop's. */
	if (shape_is_function(j->o->to, &j->o->to->shapes[op.descr]))
		mapped[1] = ir_integer(j->o->to, ir_constant(j->loop, args[1])->u.i + j->base);
	j->map[ref] = opt_append(j->o, &op, mapped);
	return j->map[ref];
}

/* ---- Snapshots ------------------------------------------------------------------------------- */

/* A call that may do anything wrote all that was pending to the stack. */
static bool is_written(const struct joining *j)
{
	return j->o->forces >= (int32_t)j->start;
}

/* What the trace has for a slot of the loop; NULL: memory has it. */
static const SnapshotEntry *pending(const struct joining *j, int slot)
{
	const SnapshotEntry *e = j->from->snapshot_entries + j->end->entry;

	if (is_written(j))
		return NULL;
	for (uint32_t i = 0; i < j->end->entries; i++)
		if (e[i].slot == slot + j->base)
			return &e[i];
	return NULL;
}

static bool says(const Ir *ir, const Snapshot *s, int slot)
{
	for (uint32_t i = 0; i < s->entries; i++)
		if (ir->snapshot_entries[s->entry + i].slot == slot)
			return true;
	return false;
}

/* What a snapshot names. */
static IrRef state(struct joining *j, IrRef ref)
{
	return ref == IR_NONE ? ref : virtual_state(j->o, ref);
}

/* The trace's slots, and over them what the loop's turn has in its own. */
static unsigned collect_entries(struct joining *j, const Snapshot *s,
				SnapshotEntry entries[MAX_ENTRIES])
{
	const SnapshotEntry *e = j->from->snapshot_entries + j->end->entry;
	unsigned n = 0;

	if (j->end->entries + s->entries > MAX_ENTRIES) {
		give_up(j);
		return 0;
	}
	for (uint32_t i = 0; !is_written(j) && i < j->end->entries; i++) {
		if (says(j->loop, s, e[i].slot - j->base))
			continue;
		entries[n] = e[i];
		entries[n++].ref =
			state(j, e[i].ref == IR_NONE ? IR_NONE : opt_map(j->o, e[i].ref));
	}
	e = j->loop->snapshot_entries + s->entry;
	for (uint32_t i = 0; i < s->entries; i++) {
		entries[n] = e[i];
		entries[n].slot = (int16_t)(e[i].slot + j->base);
		entries[n++].ref = state(j, joined(j, e[i].ref));
	}
	return n;
}

/* The trace's frames, the innermost of which is the loop's, then those of its turn. */
static bool add_frames(struct joining *j, const Snapshot *s, Snapshot *copy)
{
	const Snapshot *end = j->end;
	Ir *to = j->o->to;
	SnapshotFrame *frames;

	if (!IR_ROOM(to, snapshot_frames, end->frames + s->frames + 1))
		return give_up(j);
	frames = to->snapshot_frames + to->n_snapshot_frames;
	copy->frame = to->n_snapshot_frames;
	copy->frames = end->frames + s->frames;
	for (uint32_t i = 0; i < end->frames; i++)
		frames[i] = j->from->snapshot_frames[end->frame + i];
	if (end->frames)
		frames[end->frames - 1].pc = s->pc;
	for (uint32_t i = 0; i < s->frames; i++) {
		SnapshotFrame *f = &frames[end->frames + i];

		*f = j->loop->snapshot_frames[s->frame + i];
		f->func_slot = (int16_t)(f->func_slot + j->base);
	}
	to->n_snapshot_frames += copy->frames;
	return true;
}

/* The loop's snapshot n in the trace; -1: that cannot be said. */
static int32_t join_snapshot(struct joining *j, int32_t n)
{
	const Snapshot *s = &j->loop->snapshots[n], *end = j->end;
	SnapshotEntry entries[MAX_ENTRIES];
	Snapshot copy = *end;
	Ir *to = j->o->to;

	if (s->below || !s->pc) {
		give_up(j);
		return -1;
	}
	copy.entries = collect_entries(j, s, entries);
	copy.entry = to->n_snapshot_entries;
	copy.taken = to->n_ops;
	copy.moved = true;
	copy.top = top_is_slot(s) ? (int16_t)(s->top + j->base) : s->top;
	if (!end->frames)
		copy.pc = s->pc;
	if (j->o->failed || !add_frames(j, s, &copy) || !IR_ROOM(to, snapshots, 1) ||
	    !IR_ROOM(to, snapshot_entries, copy.entries + 1)) {
		give_up(j);
		return -1;
	}
	memcpy(to->snapshot_entries + copy.entry, entries, copy.entries * sizeof(*entries));
	to->n_snapshot_entries += copy.entries;
	to->snapshots[to->n_snapshots] = copy;
	if (ir_virtuals(to, (int32_t)to->n_snapshots, (IrRef[MAX_VIRTUALS]){0}) > MAX_VIRTUALS)
		give_up(j);
	return (int32_t)to->n_snapshots++;
}

/* ---- Virtual tables -------------------------------------------------------------------------- */

/*
 * As in peel.c: what the trace has in virtual tables changes while snapshots do not, so
 * they are copied when they were taken.
 */
static void join_snapshots(struct joining *j, IrRef at)
{
	const Ir *loop = j->loop;

	for (; j->next < loop->n_snapshots && loop->snapshots[j->next].taken <= (uint32_t)at;
	     j->next++)
		if (j->guards[j->next] && !j->o->failed)
			j->o->snapshot = j->snapshots[j->next] = join_snapshot(j, (int32_t)j->next);
}

/* Is it known of the preamble's guards when their snapshots were taken? */
static bool find_guards(struct joining *j)
{
	for (IrRef at = 0; at < j->loop->label; at++) {
		const IrOp *op = ir_op(j->loop, at);

		if (!(ir_info[op->opcode].flags & IR_GUARD) || op->snapshot < 0)
			continue;
		j->guards[op->snapshot] = 1;
		if (j->loop->snapshots[op->snapshot].taken > (uint32_t)at)
			return false;
	}
	return true;
}

/* What the trace has in a snapshot of the loop is made, as far as `dead` does not say more. */
static void force_all(struct joining *j, int32_t n, const RegisterSet *dead)
{
	const Snapshot *s = &j->loop->snapshots[n];
	const SnapshotEntry *e = j->from->snapshot_entries + j->end->entry;

	for (uint32_t i = 0; !is_written(j) && i < j->end->entries; i++)
		if (e[i].ref != IR_NONE && !says(j->loop, s, e[i].slot - j->base))
			virtual_force(j->o, opt_map(j->o, e[i].ref));
	e = j->loop->snapshot_entries + s->entry;
	for (uint32_t i = 0; i < s->entries; i++)
		if (e[i].ref != IR_NONE && !label_slot_is_dead(dead, e[i].slot))
			virtual_force(j->o, joined(j, e[i].ref));
}

/* ---- Operations ------------------------------------------------------------------------------ */

/* What a load of a slot reads, if the trace has it and memory does not; IR_NONE: memory. */
static IrRef pending_value(struct joining *j, const IrOp *op)
{
	const SnapshotEntry *e = pending(j, op->descr);
	IrRef ref;

	if (!e)
		return IR_NONE;
	if (op->opcode == IR_GETSLOT_TAG)
		return ir_integer(j->o->to, e->tag);
	ref = e->ref == IR_NONE ? IR_NONE : opt_map(j->o, e->ref);
	/* Its tag is another than the preamble guards. */
	if (ref == IR_NONE || ir_type(j->o->to, ref) != op->type) {
		give_up(j);
		return 0;
	}
	return ref;
}

/* descr counts from the loop's frame; false: the trace does not have such a thing. */
static bool move_to_frame(const struct joining *j, IrOp *op)
{
	switch (op->opcode) {
	case IR_SLOT_ADDRESS:
	case IR_GETSLOT_TAG:
	case IR_GETSLOT_I:
	case IR_GETSLOT_F:
	case IR_GETSLOT_R:
		op->descr += j->base;
		return true;
	case IR_GUARD_FRAME_STATUS:
	case IR_GUARD_FRAME_EXTRA:
		op->descr += j->end->below - (int32_t)j->end->frames;
		return true;
	case IR_GUARD_RECOVERABLE:
		/* It looks at the frames that are open. */
		return !j->end->frames && !j->end->below;
	default:
		/* Those are of traces that return, or begin at an exit. */
		return op->opcode != IR_GUARD_TOP && op->opcode != IR_GUARD_FRAME_PC &&
		       op->opcode != IR_LEAVE_PCALL;
	}
}

/* The frame that a guard is about, if the trace has opened it; NULL: it was there before. */
static const SnapshotFrame *opened_frame(const struct joining *j, const IrOp *guard)
{
	if ((guard->opcode != IR_GUARD_FRAME_STATUS && guard->opcode != IR_GUARD_FRAME_EXTRA) ||
	    (uint32_t)guard->descr >= j->end->frames)
		return NULL;
	return &j->from->snapshot_frames[j->end->frame + j->end->frames - 1 -
					 (uint32_t)guard->descr];
}

/* Is it, as it will be opened, what the guard wants? */
static bool is_frame_wanted(const struct joining *j, const IrOp *guard, const SnapshotFrame *f)
{
	lua_Integer wanted = ir_constant(j->loop, guard->arg[0])->u.i;

	if (guard->opcode == IR_GUARD_FRAME_EXTRA)
		return wanted == f->extra_args;
	return wanted == (lua_Integer)((uint16_t)f->nresults | (uint32_t)f->status << 16);
}

static bool is_slot_load(enum ir_opcode opcode)
{
	return opcode >= IR_GETSLOT_TAG && opcode <= IR_GETSLOT_R;
}

static bool copy_operation(struct joining *j, IrRef at)
{
	IrOp op = *ir_op(j->loop, at);
	const IrRef *args = ir_args(j->loop, ir_op(j->loop, at));
	IrRef mapped[UINT8_MAX] = {IR_NONE, IR_NONE, IR_NONE}, known = IR_NONE;
	const SnapshotFrame *frame = opened_frame(j, &op);

	if (op.opcode == IR_NOP)
		return true;
	if (frame)
		return is_frame_wanted(j, &op, frame);
	if (op.opcode == IR_VIRTUAL) {
		copy_virtual(j, at);
		return !j->o->failed;
	}
	if (op.nargs >= UINT8_MAX)
		return false;
	for (unsigned i = 0; i < op.nargs; i++)
		mapped[i] = joined(j, args[i]);
	if (op.opcode == IR_CALL_MAY_FORCE_I) {
		force_all(j, op.snapshot, NULL);
		j->snapshots[op.snapshot] = -1;
	}
	if (is_slot_load(op.opcode))
		known = pending_value(j, &op);
	if (!move_to_frame(j, &op))
		return false;
	if (op.snapshot >= 0) {
		int32_t *copy = &j->snapshots[op.snapshot];

		if (*copy < 0)
			*copy = join_snapshot(j, op.snapshot);
		op.snapshot = *copy;
	}
	if (!j->o->failed)
		j->map[at] = known != IR_NONE ? known : opt_emit(j->o, &op, mapped);
	return !j->o->failed && !j->o->to->failed;
}

/* Nothing that a jump leaves in the trace may be a table that is not made. */
static bool writes_no_virtual(const struct joining *j, int32_t n)
{
	const Ir *to = j->o->to;
	const Snapshot *s = &to->snapshots[n];
	RegisterSet dead;

	label_dead_slots(j->loop, &dead);
	for (uint32_t i = 0; i < s->entries; i++) {
		const SnapshotEntry *e = &to->snapshot_entries[s->entry + i];

		if (e->ref >= 0 && ir_op(to, e->ref)->opcode == IR_VIRTUAL &&
		    !label_slot_is_dead(&dead, e->slot - j->base))
			return false;
	}
	return true;
}

/* What the label's values are; those that are virtual are made. */
static bool collect_values(struct joining *j, IrRef values[MAX_LABEL_VALUES], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char type = ir_type(j->loop, values[i]);

		values[i] = virtual_force(j->o, joined(j, values[i]));
		if (j->o->failed || ir_type(j->o->to, values[i]) != type ||
		    virtual_is_part(j->o, values[i]))
			return false;
	}
	/* To make one may have made others. */
	for (unsigned i = 0; i < n; i++)
		values[i] = opt_known(j->o, values[i]);
	return true;
}

static bool emit_jump(struct joining *j, int32_t number)
{
	IrOp jump = {.opcode = IR_JUMP, .type = 'v', .descr = number};
	const IrOp *guard = label_guard(j->loop);
	RegisterSet dead;
	IrRef values[MAX_LABEL_VALUES];
	unsigned n = label_values(j->loop, values);

	if (!guard || n > MAX_LABEL_VALUES)
		return false;
	label_dead_slots(j->loop, &dead);
	/* All that the turn did is done where this one leads to. */
	if (j->o->virtuals)
		j->o->snapshot = join_snapshot(j, guard->snapshot);
	if (!collect_values(j, values, n))
		return false;
	force_all(j, guard->snapshot, &dead);
	jump.nargs = (uint16_t)n;
	jump.line = j->from->ops[j->from->n_ops - 1].line;
	jump.snapshot = join_snapshot(j, guard->snapshot);
	if (j->o->failed || !writes_no_virtual(j, jump.snapshot))
		return false;
	opt_append(j->o, &jump, values);
	return !j->o->failed;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static bool copy_preamble(struct joining *j, int32_t number)
{
	for (IrRef at = 0; at < j->loop->label; at++) {
		if (j->o->virtuals)
			join_snapshots(j, at);
		if (j->o->failed || !copy_operation(j, at))
			return false;
	}
	return emit_jump(j, number);
}

/* The slots and frames that the turn of the loop may need besides. */
static void make_room(const struct joining *j)
{
	Ir *to = j->o->to;

	to->max_slot = j->base + j->loop->max_slot;
	to->max_frames = j->end->frames + j->loop->max_frames;
}

static bool open(struct joining *j)
{
	const Ir *loop = j->loop;

	j->map = malloc(loop->n_ops * sizeof(*j->map));
	j->snapshots = malloc((loop->n_snapshots + 1) * sizeof(*j->snapshots));
	j->guards = calloc(loop->n_snapshots + 1, 1);
	if (!j->map || !j->snapshots || !j->guards)
		return false;
	for (uint32_t i = 0; i < loop->n_ops; i++)
		j->map[i] = IR_NONE;
	for (uint32_t i = 0; i < loop->n_snapshots; i++)
		j->snapshots[i] = -1;
	return true;
}

bool join(Opt *o, const Ir *from, const Ir *loop, int32_t number, bool carry)
{
	struct joining j = {.o = o, .from = from, .loop = loop, .start = o->to->n_ops};
	struct virtuals *virtuals = o->virtuals;
	unsigned cached = o->cached;
	bool done;

	j.end = &from->snapshots[from->ops[from->n_ops - 1].snapshot];
	j.base = snapshot_base(from, j.end);
	done = open(&j) && (find_guards(&j) || !carry);
	if (!carry)
		o->virtuals = NULL; /* all are made */
	done = done && copy_preamble(&j, number);
	o->virtuals = virtuals;
	o->cached = cached; /* that was no recording */
	make_room(&j);
	free(j.map);
	free(j.snapshots);
	free(j.guards);
	return done;
}
