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
 * What crosses from one turn to the next and is not the same each turn is an
 * argument of the label. There are two ways to cross. A slot: what the turn left in
 * it. And any value of the preamble that the body uses, by way of memory (a load is
 * forwarded from a store of the turn before): if operation q of the turn is r in
 * the preamble and r is used in the body, then the next turn has to use what q is
 * in the body.
 *
 * A value that the preamble knows as a constant is one in each turn, though the body may
 * not see why: nothing was known before the preamble, so it follows from the turn's own
 * guards, and the body has them too or has proved them.
 *
 * Which of them change is found by trying: slots that were written are taken to
 * change, values are not; the body is copied, what turned out otherwise is noted,
 * and the body is copied again, until nothing changes any more.
 *
 * A list that ends in `finish` has no body: it is copied once, and enters the loop that
 * it goes on in at the label if that can be done (join.c).
 */
#include "peel.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ROUNDS 16

/* Operations that a copy has at the most. */
static uint32_t largest(const struct peel *p)
{
	return (p->from->n_ops + (p->loop ? p->loop->n_ops : 0)) * 4 + 2 * MAX_TURNS + 256;
}

static const struct turn *turn_of(const struct peel *p, int slot)
{
	for (unsigned i = 0; i < p->n_turns; i++)
		if (p->turns[i].slot == slot)
			return &p->turns[i];
	return NULL;
}

/* ---- Snapshots ---------------------------------------------------------------------------- */

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

/* Does the slot still hold what the last turn left in it, and the stack does not? */
static bool is_carried(const struct peel *p, const Snapshot *s, int slot)
{
	return slot != NO_SLOT && !has_slot(p->from, s, slot) && !slot_set_has(&p->written, slot);
}

/* The body uses a reference: what is of the preamble crosses. */
static IrRef use(struct peel *p, IrRef ref, bool body)
{
	if (body && ref >= 0 && ref < p->to->label)
		p->used[ref] = 1;
	return ref;
}

static IrRef snapshot_ref(struct peel *p, IrRef ref, bool body)
{
	return ref == IR_NONE ? ref : use(p, virtual_state(&p->o, ref), body);
}

void peel_copy_snapshot(struct peel *p, int32_t n, bool body)
{
	const Ir *from = p->from;
	const Snapshot *s = &from->snapshots[n];
	Ir *to = p->to;
	Snapshot copy = *s;

	copy.entry = to->n_snapshot_entries;
	copy.frame = to->n_snapshot_frames;
	/* A call that may do anything wrote those to the stack, and results over them. */
	for (unsigned i = 0; body && p->o.forces <= to->label && i < p->n_turns; i++)
		if (is_carried(p, s, p->turns[i].slot))
			add_entry(to, p->turns[i].slot, p->turns[i].tag,
				  snapshot_ref(p, p->turns[i].value, body));
	for (uint32_t i = 0; i < s->entries; i++) {
		const SnapshotEntry *e = &from->snapshot_entries[s->entry + i];

		add_entry(to, e->slot, e->tag,
			  e->ref == IR_NONE ? IR_NONE
					    : snapshot_ref(p, opt_map(&p->o, e->ref), body));
	}
	if (s->frames && IR_ROOM(to, snapshot_frames, s->frames)) {
		memcpy(to->snapshot_frames + to->n_snapshot_frames,
		       from->snapshot_frames + s->frame, s->frames * sizeof(*to->snapshot_frames));
		to->n_snapshot_frames += s->frames;
	}
	copy.entries = to->n_snapshot_entries - copy.entry;
	copy.taken = to->n_ops;
	if (IR_ROOM(to, snapshots, 1)) {
		p->copied[n] = (int32_t)to->n_snapshots;
		to->snapshots[to->n_snapshots++] = copy;
	}
	if (p->o.virtuals && !to->failed &&
	    ir_virtuals(to, p->copied[n], (IrRef[MAX_VIRTUALS]){0}) > MAX_VIRTUALS)
		p->o.failed = true;
}

/*
 * Virtual tables change while snapshots do not: those of guards are copied when they
 * were taken.
 */
static void copy_snapshots(struct peel *p, uint32_t at, bool body)
{
	for (; p->next < p->from->n_snapshots && p->from->snapshots[p->next].taken <= at;
	     p->next++) {
		if (!p->guards[p->next])
			continue;
		peel_copy_snapshot(p, (int32_t)p->next, body);
		p->o.snapshot = p->copied[p->next];
	}
}

/* Before a call that may do anything: what it can see is real. */
static void force_all(struct peel *p, int32_t n, bool body)
{
	const Snapshot *s = &p->from->snapshots[n];

	for (uint32_t i = 0; i < s->entries; i++) {
		IrRef ref = p->from->snapshot_entries[s->entry + i].ref;

		if (ref != IR_NONE)
			virtual_force(&p->o, opt_map(&p->o, ref));
	}
	for (unsigned i = 0; body && i < p->n_turns; i++)
		if (p->turns[i].is_virtual && p->o.forces <= p->to->label &&
		    is_carried(p, s, p->turns[i].slot))
			virtual_force(&p->o, p->turns[i].value);
}

static void force_before(struct peel *p, uint32_t at, bool body)
{
	const IrOp *op = &p->from->ops[at];

	copy_snapshots(p, at, body);
	if (op->opcode == IR_CALL_MAY_FORCE_I)
		force_all(p, op->snapshot, body);
	/* What is certain to be made is made sooner here than by an exit. */
	if (op->opcode == IR_FINISH) {
		force_all(p, op->snapshot, body);
		p->copied[op->snapshot] = -1;
	}
}

/* ---- Copying ------------------------------------------------------------------------------ */

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

static void note_written(struct peel *p, const IrOp *op)
{
	const IrOp *address = op->arg[0] >= 0 ? ir_op(p->from, op->arg[0]) : NULL;

	if (address && address->opcode == IR_SLOT_ADDRESS)
		slot_set_add(&p->written, address->descr);
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
	IrRef mapped[UINT8_MAX], known = IR_NONE;

	p->o.at = at;
	if (p->o.virtuals)
		force_before(p, at, body);
	for (unsigned i = 0; i < op.nargs && i < UINT8_MAX; i++)
		mapped[i] = use(p, opt_map(&p->o, args[i]), body);
	for (unsigned i = op.nargs; i < 3; i++)
		mapped[i] = IR_NONE;
	if (op.snapshot >= 0) {
		if (p->copied[op.snapshot] < 0)
			peel_copy_snapshot(p, op.snapshot, body);
		op.snapshot = p->copied[op.snapshot];
	}
	/* A call that may do anything wrote the stack and may have changed it. */
	if (body && is_slot_load(&op) && p->o.forces <= p->to->label)
		known = slot_value(p, &op);
	if (op.opcode == IR_SETVALUE)
		note_written(p, &from->ops[at]);
	p->o.map[at] = known != IR_NONE ? known : opt_emit(&p->o, &op, mapped);
	if (op.type != 'v')
		use(p, p->o.map[at], body && known == IR_NONE);
}

static bool copy_turn(struct peel *p, bool body)
{
	uint32_t end = p->from->n_ops - 1;

	for (uint32_t i = 0; i < p->from->n_snapshots; i++)
		p->copied[i] = -1;
	p->next = 0;
	p->o.snapshot = -1;
	p->written = (SlotSet){{0}};
	for (uint32_t at = 0; at < end; at++) {
		copy_operation(p, at, body);
		if (p->o.failed || p->to->failed)
			return false;
	}
	return true;
}

/* ---- The pass ----------------------------------------------------------------------------- */

static bool begin(struct peel *p)
{
	opt_close(&p->o);
	ir_clear(p->to);
	p->to->max_frames = 0;
	/* References to constants mean the same in both lists. */
	if (!IR_ROOM(p->to, constants, p->from->n_constants))
		return false;
	if (p->from->n_constants)
		memcpy(p->to->constants, p->from->constants,
		       p->from->n_constants * sizeof(*p->to->constants));
	p->to->n_constants = p->from->n_constants;
	if (!opt_open(&p->o, p->to, p->from->n_ops, largest(p)))
		return false;
	p->o.off = p->jit ? p->jit->passes_off : 0;
	return p->level == ALL_REAL || virtuals_open(&p->o, p->jit, p->real, largest(p));
}

/* One try with the turns as they are taken to be. *again: they were not. */
static bool try_loop(struct peel *p, bool first, bool *again)
{
	if (!begin(p) || !copy_turn(p, false))
		return false;
	if (first && !peel_find_slots(p))
		return false;
	peel_emit_label(p);
	if (p->o.failed || !copy_turn(p, true))
		return false;
	*again = peel_correct_virtuals(p);
	if (p->o.failed)
		return false;
	*again |= peel_correct_turns(p);
	return peel_find_values(p, again);
}

static bool find_loop(struct peel *p)
{
	bool again = true;

	for (int round = 0; again; round++) {
		if (round == MAX_ROUNDS || !try_loop(p, !round, &again))
			return false;
	}
	return true;
}

/*
 * What is known of the next turn may say that it leaves at a guard for certain. That
 * is no reason to give up if it is about an integer, a flag that is 0 and 1 in turn:
 * the loop goes on in a bridge every other time.
 */
static bool peel_loop(struct peel *p)
{
	p->cautious = false;
	if (!find_loop(p)) {
		p->cautious = true;
		if (p->o.restart || !find_loop(p))
			return false;
	}
	peel_emit_jump(p);
	virtuals_finish(&p->o);
	return !p->o.failed;
}

/*
 * The end of a list that goes on in another trace's loop: first with virtual tables as
 * they are, then with all made that the loop can see, then not by its label.
 */
static bool join_loop(struct peel *p)
{
	uint32_t end = p->from->n_ops - 1;

	p->o.at = end;
	if (p->o.virtuals && p->carry)
		copy_snapshots(p, end, false);
	else if (p->o.virtuals)
		force_before(p, end, false);
	/* Tables that the loop's turn makes are those that it cannot do without. */
	p->real[end] = 1;
	if (!p->o.failed && join(&p->o, p->from, p->loop, p->from->ops[end].descr, p->carry))
		return true;
	if (!p->o.restart && !p->carry)
		p->loop = NULL;
	if (!p->o.restart)
		p->carry = false;
	p->o.restart = p->o.failed = true; /* again, as it is now */
	return false;
}

static bool copy_once(struct peel *p)
{
	if (!begin(p) || !copy_turn(p, false))
		return false;
	if (!p->loop)
		copy_operation(p, p->from->n_ops - 1, false);
	else if (!join_loop(p))
		return false;
	virtuals_finish(&p->o);
	return !p->o.failed;
}

static bool makes_objects(const Ir *ir)
{
	for (uint32_t at = 0; at < ir->n_ops; at++)
		if (ir->ops[at].opcode == IR_CALL_R && (ir->ops[at].descr == HELPER_TABLE_NEW ||
							ir->ops[at].descr == HELPER_CLOSURE_NEW))
			return true;
	return false;
}

static void find_guards(struct peel *p)
{
	for (uint32_t at = 0; at < p->from->n_ops; at++) {
		const IrOp *op = &p->from->ops[at];

		if (ir_info[op->opcode].flags & IR_GUARD && op->snapshot >= 0)
			p->guards[op->snapshot] = 1;
	}
}

/* With as many virtual tables as it goes. */
static bool copy_all(struct peel *p)
{
	bool done = false, loop = p->from->ops[p->from->n_ops - 1].opcode == IR_JUMP;

	p->level = p->jit && !(p->jit->passes_off & PASS_VIRTUALIZE) && makes_objects(p->from)
			   ? ACROSS_TURNS
			   : ALL_REAL;
	p->carry = p->level > ALL_REAL;
	for (; !done && p->level >= ALL_REAL; p->level--) {
		do {
			done = loop ? peel_loop(p) : copy_once(p);
		} while (!done && p->o.restart);
		if (!loop && p->level == ACROSS_TURNS)
			p->level--; /* it would be the same again */
	}
	return done;
}

bool peel(Jit *jit, const Ir *from, const Ir *loop, Ir *to)
{
	struct turn turns[MAX_TURNS];
	struct peel p = {.from = from, .to = to, .jit = jit, .loop = loop, .turns = turns};
	bool done = false;

	p.copied = malloc((from->n_snapshots + 1) * sizeof(*p.copied));
	p.preamble = malloc((from->n_ops + 1) * sizeof(*p.preamble));
	p.used = malloc(largest(&p));
	p.real = calloc(from->n_ops, 1);
	p.guards = calloc(from->n_snapshots + 1, 1);
	if (p.copied && p.preamble && p.used && p.real && p.guards) {
		find_guards(&p);
		done = copy_all(&p);
		to->cached = p.o.cached;
	}
	opt_close(&p.o);
	free(p.preamble);
	free(p.used);
	free(p.copied);
	free(p.real);
	free(p.guards);
	return done;
}
