/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peel.c - a recorded turn of a loop becomes a preamble and a body.
 *
 * The turn is copied twice through the same pipeline. The first copy, the preamble,
 * loads and guards what the loop needs. In the second the slots are known to hold
 * what the first left in them, so whatever does not change from turn to turn is
 * found to be there already: invariants and their guards leave the loop without a
 * pass of their own.
 *
 * What a slot holds at the end of a turn and is not the same each turn is an
 * argument of the label. Which slots these are is found by trying: all that were
 * written are taken to change at first; those that a turn hands on unchanged are
 * taken out, and the body is copied again, until nothing changes any more.
 *
 * A list that ends in `finish` has no body: it is copied once.
 */
#include "opt.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ROUNDS 8

struct turn {
	int16_t slot;
	uint8_t tag;
	IrRef first; /* at the end of the preamble */
	IrRef value; /* in the body: an argument, or `first` if it does not change */
	bool varies;
};

struct peel {
	const Ir *from;
	Ir *to;
	Opt o;
	struct turn *turns; /* what the slots hold at the label, by slot */
	unsigned n_turns;
	int32_t *copied; /* old snapshot -> new, -1: not yet */
};

static const struct turn *turn_of(const struct peel *p, int slot)
{
	for (unsigned i = 0; i < p->n_turns; i++)
		if (p->turns[i].slot == slot)
			return &p->turns[i];
	return NULL;
}

/* ---- Snapshots ------------------------------------------------------------------------------- */

static bool add_entry(Ir *to, int16_t slot, uint8_t tag, IrRef ref)
{
	if (!IR_ROOM(to, snapshot_entries, 1))
		return false;
	to->snapshot_entries[to->n_snapshot_entries++] =
		(SnapshotEntry){.slot = slot, .tag = tag, .ref = ref};
	return true;
}

static bool has_slot(const Ir *ir, const Snapshot *s, int slot)
{
	for (uint32_t i = 0; i < s->entries; i++)
		if (ir->snapshot_entries[s->entry + i].slot == slot)
			return true;
	return false;
}

/* In the body a slot that this turn did not write yet holds what the last one left. */
static void copy_snapshot(struct peel *p, int32_t n, bool body)
{
	const Ir *from = p->from;
	const Snapshot *s = &from->snapshots[n];
	Ir *to = p->to;
	Snapshot copy = *s;

	copy.entry = to->n_snapshot_entries;
	copy.frame = to->n_snapshot_frames;
	for (unsigned i = 0; body && i < p->n_turns; i++)
		if (!has_slot(from, s, p->turns[i].slot))
			add_entry(to, p->turns[i].slot, p->turns[i].tag, p->turns[i].value);
	for (uint32_t i = 0; i < s->entries; i++) {
		const SnapshotEntry *e = &from->snapshot_entries[s->entry + i];

		add_entry(to, e->slot, e->tag,
			  e->ref == IR_NONE ? IR_NONE : opt_map(&p->o, e->ref));
	}
	if (s->frames && IR_ROOM(to, snapshot_frames, s->frames)) {
		memcpy(to->snapshot_frames + to->n_snapshot_frames,
		       from->snapshot_frames + s->frame, s->frames * sizeof(*to->snapshot_frames));
		to->n_snapshot_frames += s->frames;
	}
	copy.entries = to->n_snapshot_entries - copy.entry;
	if (IR_ROOM(to, snapshots, 1)) {
		p->copied[n] = (int32_t)to->n_snapshots;
		to->snapshots[to->n_snapshots++] = copy;
	}
}

/* ---- Copying ------------------------------------------------------------------------------------
 */

/* What a getslot_* of the body reads: the slot as the last turn left it. IR_NONE: memory. */
static IrRef slot_value(struct peel *p, const IrOp *op)
{
	const struct turn *t = turn_of(p, op->descr);

	if (!t)
		return IR_NONE;
	if (op->opcode == IR_GETSLOT_TAG)
		return ir_integer(p->to, t->tag);
	if (t->value == IR_NONE || ir_type(p->to, t->value) != op->type) {
		p->o.failed = true; /* behind a guard on the tag that failed */
		return 0;
	}
	return t->value;
}

static bool is_slot_load(const IrOp *op)
{
	return op->opcode >= IR_GETSLOT_TAG && op->opcode <= IR_GETSLOT_R;
}

static void copy_operation(struct peel *p, uint32_t at, bool body)
{
	const Ir *from = p->from;
	IrOp op = from->ops[at];
	const IrRef *args = ir_args(from, &op);
	bool many = ir_info[op.opcode].flags & IR_MANY;
	IrRef mapped[UINT8_MAX] = {IR_NONE, IR_NONE, IR_NONE};
	IrRef known = IR_NONE;

	for (unsigned i = 0; i < op.nargs && i < UINT8_MAX; i++)
		mapped[i] = opt_map(&p->o, args[i]);
	for (unsigned i = op.nargs; !many && i < 3; i++)
		mapped[i] = IR_NONE;
	if (op.snapshot >= 0) {
		if (p->copied[op.snapshot] < 0)
			copy_snapshot(p, op.snapshot, body);
		op.snapshot = p->copied[op.snapshot];
	}
	/* A call that may do anything wrote the stack and may have changed it. */
	if (body && is_slot_load(&op) && p->o.forces <= p->to->label)
		known = slot_value(p, &op);
	p->o.map[at] = known != IR_NONE ? known : opt_emit(&p->o, &op, mapped);
}

static bool copy_turn(struct peel *p, bool body)
{
	uint32_t end = p->from->n_ops - 1;

	for (uint32_t i = 0; i < p->from->n_snapshots; i++)
		p->copied[i] = -1;
	for (uint32_t at = 0; at < end; at++) {
		copy_operation(p, at, body);
		if (p->o.failed || p->to->failed)
			return false;
	}
	return true;
}

/* ---- The label
 * ----------------------------------------------------------------------------------- */

static const Snapshot *last_snapshot(const struct peel *p)
{
	return &p->from->snapshots[p->from->ops[p->from->n_ops - 1].snapshot];
}

/* What the slots hold when the preamble is over. */
static bool find_turns(struct peel *p)
{
	const Snapshot *s = last_snapshot(p);

	p->turns = calloc(s->entries + 1, sizeof(*p->turns));
	if (!p->turns)
		return false;
	p->n_turns = s->entries;
	for (uint32_t i = 0; i < s->entries; i++) {
		const SnapshotEntry *e = &p->from->snapshot_entries[s->entry + i];

		p->turns[i] = (struct turn){
			.slot = e->slot,
			.tag = e->tag,
			.first = e->ref == IR_NONE ? IR_NONE : opt_map(&p->o, e->ref),
			.varies = e->ref != IR_NONE,
		};
	}
	return true;
}

static void emit_label(struct peel *p)
{
	static const enum ir_opcode opcodes[] = {
		['i'] = IR_ARG_I, ['f'] = IR_ARG_F, ['r'] = IR_ARG_R};
	IrRef args[UINT8_MAX];
	IrOp label = {.opcode = IR_LABEL, .type = 'v', .descr = -1, .snapshot = -1};

	for (unsigned i = 0; i < p->n_turns; i++) {
		p->turns[i].value = p->turns[i].first;
		if (p->turns[i].varies)
			args[label.nargs++] = p->turns[i].first;
	}
	p->to->label = opt_emit(&p->o, &label, args);
	for (unsigned i = 0, n = 0; i < p->n_turns; i++) {
		struct turn *t = &p->turns[i];
		IrOp arg = {.snapshot = -1, .descr = (int32_t)n, .tag = t->tag};

		if (!t->varies)
			continue;
		arg.type = ir_type(p->to, t->first);
		arg.opcode = (uint8_t)opcodes[(unsigned char)arg.type];
		t->value = opt_emit(&p->o, &arg, (const IrRef[]){IR_NONE, IR_NONE, IR_NONE});
		n++;
	}
}

/* What turn t's slot holds at the end of the body. */
static bool end_value(const struct peel *p, const struct turn *t, IrRef *ref)
{
	const Snapshot *s = last_snapshot(p);
	const SnapshotEntry *e = &p->from->snapshot_entries[s->entry + (t - p->turns)];

	*ref = e->ref == IR_NONE ? IR_NONE : opt_map(&p->o, e->ref);
	return e->tag == t->tag;
}

/* After a copy: turns that hand on what they got do not vary. true: some were found. */
static bool find_invariant(struct peel *p)
{
	bool found = false;
	IrRef end;

	for (unsigned i = 0; i < p->n_turns; i++) {
		struct turn *t = &p->turns[i];

		if (t->varies && end_value(p, t, &end) && (end == t->value || end == t->first)) {
			t->varies = false;
			found = true;
		}
	}
	return found;
}

/* A turn that was taken not to vary does: it must be an argument after all. */
static bool find_varying(struct peel *p)
{
	bool found = false;
	IrRef end;

	for (unsigned i = 0; i < p->n_turns; i++) {
		struct turn *t = &p->turns[i];

		if (!t->varies && t->first != IR_NONE && end_value(p, t, &end) && end != t->first)
			t->varies = found = true;
	}
	return found;
}

static void emit_jump(struct peel *p)
{
	IrOp jump = {.opcode = IR_JUMP, .type = 'v', .descr = -1, .snapshot = -1};
	IrRef args[UINT8_MAX];

	for (unsigned i = 0; i < p->n_turns; i++)
		if (p->turns[i].varies)
			end_value(p, &p->turns[i], &args[jump.nargs++]);
	opt_emit(&p->o, &jump, args);
}

/* ---- The pass
 * ---------------------------------------------------------------------------------------- */

static bool begin(struct peel *p)
{
	opt_close(&p->o);
	ir_clear(p->to);
	return opt_open(&p->o, p->to, p->from->n_ops, p->from->n_ops * 2 + UINT8_MAX + 64);
}

/* One try with the turns as they are taken to be. *again: they were not. */
static bool try_loop(struct peel *p, bool first, bool *again)
{
	if (!begin(p) || !copy_turn(p, false))
		return false;
	if (first && !find_turns(p))
		return false;
	if (p->n_turns >= UINT8_MAX)
		return false;
	for (unsigned i = 0; !first && i < p->n_turns; i++)
		end_value(p, &p->turns[i], &p->turns[i].first);
	emit_label(p);
	if (!copy_turn(p, true))
		return false;
	*again = find_varying(p) || find_invariant(p);
	return true;
}

static bool peel_loop(struct peel *p)
{
	bool again = true;

	for (int round = 0; again; round++) {
		if (round == MAX_ROUNDS || !try_loop(p, !round, &again))
			return false;
	}
	emit_jump(p);
	return !p->o.failed;
}

static bool copy_once(struct peel *p)
{
	if (!begin(p) || !copy_turn(p, false))
		return false;
	copy_operation(p, p->from->n_ops - 1, false);
	return !p->o.failed;
}

bool peel(const Ir *from, Ir *to)
{
	struct peel p = {.from = from, .to = to};
	bool done = false;

	p.copied = malloc((from->n_snapshots + 1) * sizeof(*p.copied));
	if (p.copied)
		done = from->ops[from->n_ops - 1].opcode == IR_JUMP ? peel_loop(&p) : copy_once(&p);
	opt_close(&p.o);
	free(p.turns);
	free(p.copied);
	return done;
}
