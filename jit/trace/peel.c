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
 * Which of them change is found by trying: slots that were written are taken to
 * change, values are not; the body is copied, what turned out otherwise is noted,
 * and the body is copied again, until nothing changes any more.
 *
 * A list that ends in `finish` has no body: it is copied once.
 */
#include "opt.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ROUNDS 16
#define MAX_TURNS 200
/* Operations that a copy has at the most. */
#define LARGEST(from) ((from)->n_ops * 4 + 2 * MAX_TURNS + 256)
#define NO_SLOT INT16_MIN

/* What is not a table's field. */
#define NO_PARENT (-1)
/* How tables may be virtual: not at all; but made before the next turn; over turns too. */
enum { ALL_REAL, WITHIN_TURNS, ACROSS_TURNS };

struct turn {
	int16_t slot; /* NO_SLOT: the value of operation `old`, or a field */
	uint8_t tag;
	bool varies;
	bool stands_in;		  /* wherever the body uses `first`, it means `value` */
	bool apart;		  /* once was taken for the twin of another, and is not */
	int16_t twin;		  /* an earlier turn with the same value in every turn, -1: none */
	IrRef old;		  /* reference in the old list of what crosses */
	IrRef first;		  /* at the end of the preamble */
	IrRef value;		  /* in the body: an argument, or `first` if it does not change */
	Bounds bounds;		  /* that the argument is taken to have: those of `first`, or ... */
	bool open_low, open_high; /* ... not on this side, because a turn does not keep them */
	/* A table that is virtual at the label: its fields have turns of their own. */
	bool is_virtual;
	int32_t shape;
	bool is_made; /* tried: it cannot be virtual there */
	int same_as;  /* the turn that is the same table, -1 */
	int parent;   /* this is a field of that turn's table, number `field` */
	unsigned field;
};

struct peel {
	const Ir *from;
	Ir *to;
	Opt o;
	struct turn turns[MAX_TURNS]; /* slots in the last snapshot's order, then values */
	unsigned n_turns;
	bool cautious;	 /* integers are taken to be anything in the next turn */
	IrRef *preamble; /* old place -> reference at the end of the preamble */
	uint8_t *used;	 /* by place in the preamble: the body uses it */
	int32_t *copied; /* old snapshot -> new, -1: not yet */
	/* Virtual tables: */
	Jit *jit;
	int level;
	uint8_t *real;	 /* old places whose tables are made */
	uint8_t *guards; /* old snapshots that guards have */
	uint32_t next;	 /* old snapshot that comes next */
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

/* In the body a slot that this turn did not write yet holds what the last one left. */
static void copy_snapshot(struct peel *p, int32_t n, bool body)
{
	const Ir *from = p->from;
	const Snapshot *s = &from->snapshots[n];
	Ir *to = p->to;
	Snapshot copy = *s;

	copy.entry = to->n_snapshot_entries;
	copy.frame = to->n_snapshot_frames;
	/* A call that may do anything wrote those to the stack, and results over them. */
	for (unsigned i = 0; body && p->o.forces <= to->label && i < p->n_turns; i++)
		if (p->turns[i].slot != NO_SLOT && !has_slot(from, s, p->turns[i].slot))
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
		copy_snapshot(p, (int32_t)p->next, body);
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
		if (p->turns[i].slot != NO_SLOT && p->turns[i].is_virtual &&
		    p->o.forces <= p->to->label && !has_slot(p->from, s, p->turns[i].slot))
			virtual_force(&p->o, p->turns[i].value);
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

	p->o.at = at;
	if (p->o.virtuals) {
		copy_snapshots(p, at, body);
		if (op.opcode == IR_CALL_MAY_FORCE_I)
			force_all(p, op.snapshot, body);
		/* What is certain to be made is made sooner here than by an exit. */
		if (op.opcode == IR_FINISH) {
			force_all(p, op.snapshot, body);
			p->copied[op.snapshot] = -1;
		}
	}
	for (unsigned i = 0; i < op.nargs && i < UINT8_MAX; i++)
		mapped[i] = use(p, opt_map(&p->o, args[i]), body);
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
static bool find_slots(struct peel *p)
{
	const Snapshot *s = last_snapshot(p);

	if (s->entries > MAX_TURNS)
		return false;
	p->n_turns = s->entries;
	for (uint32_t i = 0; i < s->entries; i++) {
		const SnapshotEntry *e = &p->from->snapshot_entries[s->entry + i];

		p->turns[i] = (struct turn){
			.slot = e->slot,
			.tag = e->tag,
			.old = e->ref,
			.varies = e->ref != IR_NONE,
			.same_as = -1,
			.parent = NO_PARENT,
		};
	}
	return true;
}

/* What crosses, as of now: at the end of the preamble, or of the body. */
static IrRef end_value(struct peel *p, const struct turn *t)
{
	if (t->parent != NO_PARENT)
		return virtual_field(&p->o, end_value(p, &p->turns[t->parent]), t->field);
	return t->old == IR_NONE ? IR_NONE : opt_map(&p->o, t->old);
}

/* The index of a numeric for lies in two slots: one argument is enough. */
static int16_t find_twin(const struct peel *p, unsigned n)
{
	const struct turn *t = &p->turns[n];

	for (unsigned i = 0; t->varies && !t->apart && i < n; i++)
		if (p->turns[i].varies && p->turns[i].twin < 0 && p->turns[i].first == t->first)
			return (int16_t)i;
	return -1;
}

static bool is_argument(const struct turn *t)
{
	return t->varies && t->twin < 0;
}

static void join_twin(struct peel *p, struct turn *t)
{
	t->value = p->turns[t->twin].value;
	if (t->stands_in && t->first >= 0)
		p->o.same[t->first] = t->value;
}

static void emit_argument(struct peel *p, struct turn *t, int32_t n)
{
	static const enum ir_opcode opcodes[] = {
		['i'] = IR_ARG_I, ['f'] = IR_ARG_F, ['r'] = IR_ARG_R};
	IrOp arg = {.snapshot = -1, .descr = n, .tag = t->tag, .type = ir_type(p->to, t->first)};

	arg.opcode = (uint8_t)opcodes[(unsigned char)arg.type];
	t->value = opt_emit(&p->o, &arg, (const IrRef[]){IR_NONE, IR_NONE, IR_NONE});
	if (p->o.failed)
		return;
	t->bounds = bounds_of(&p->o, t->first);
	if (t->open_low)
		t->bounds.low = LUA_MININTEGER;
	if (t->open_high)
		t->bounds.high = LUA_MAXINTEGER;
	p->o.bounds[t->value] = t->bounds;
	if (t->stands_in && t->first >= 0)
		p->o.same[t->first] = t->value;
}

/*
 * A force where a turn ends: the snapshot is that of the loop's head, where all that
 * the turn did is done.
 */
static void force_at_end(struct peel *p, IrRef ref, bool body)
{
	int32_t last = p->from->ops[p->from->n_ops - 1].snapshot;

	copy_snapshot(p, last, body);
	p->o.snapshot = p->copied[last];
	virtual_force(&p->o, ref);
}

static int find_field(const struct peel *p, int parent, unsigned field)
{
	for (unsigned i = 0; i < p->n_turns; i++)
		if (p->turns[i].parent == parent && p->turns[i].field == field)
			return (int)i;
	return -1;
}

/* The fields of a virtual table cross by themselves. */
static void add_fields(struct peel *p, int parent)
{
	unsigned n = virtual_fields(&p->o, p->turns[parent].first);

	for (unsigned field = 0; field < n; field++) {
		if (find_field(p, parent, field) >= 0)
			continue;
		if (p->n_turns == MAX_TURNS) {
			p->o.failed = true;
			return;
		}
		p->turns[p->n_turns++] = (struct turn){
			.slot = NO_SLOT,
			.tag = virtual_field_tag(&p->o, p->turns[parent].first, field),
			.varies = true,
			.old = IR_NONE,
			.first = IR_NONE,
			.same_as = -1,
			.parent = parent,
			.field = field,
		};
	}
}

/* Tables that cannot be virtual at the label are made before it. */
static void force_turns(struct peel *p, bool body)
{
	for (unsigned i = 0; i < p->n_turns; i++) {
		struct turn *t = &p->turns[i];
		IrRef end = end_value(p, t);

		if (end == IR_NONE || !virtual_is(&p->o, end))
			continue;
		if (p->level < ACROSS_TURNS || t->is_made || (body && !t->is_virtual))
			force_at_end(p, end, body);
	}
}

/* What the turns are at the end of the preamble. */
static void begin_turns(struct peel *p)
{
	if (p->o.virtuals)
		force_turns(p, false);
	/* Fields are added on the way, behind. */
	for (unsigned i = 0; i < p->n_turns && !p->o.failed; i++) {
		struct turn *t = &p->turns[i];

		t->first = t->value = end_value(p, t);
		t->is_virtual = t->first != IR_NONE && virtual_is(&p->o, t->first);
		t->same_as = -1;
		for (unsigned k = 0; t->is_virtual && k < i && t->same_as < 0; k++)
			if (p->turns[k].is_virtual && p->turns[k].first == t->first)
				t->same_as = (int)k;
		if (t->is_virtual && t->same_as < 0)
			add_fields(p, (int)i);
		if (t->is_virtual || t->first == IR_NONE)
			t->varies = false;
	}
}

/* The virtual tables with which a turn begins. */
static void make_virtual_turns(struct peel *p)
{
	for (unsigned i = 0; i < p->n_turns; i++) {
		struct turn *t = &p->turns[i];

		if (!t->is_virtual)
			continue;
		t->shape = virtual_shape(&p->o, t->first);
		t->value = t->same_as >= 0 ? p->turns[t->same_as].value
					   : virtual_copy(&p->o, t->first);
	}
	for (unsigned i = 0; i < p->n_turns && !p->o.failed; i++) {
		const struct turn *t = &p->turns[i], *up = &p->turns[t->parent < 0 ? 0 : t->parent];

		if (t->parent != NO_PARENT && t->first != IR_NONE && up->is_virtual &&
		    up->same_as < 0)
			virtual_set_field(&p->o, up->value, t->field, t->value);
	}
}

static void emit_label(struct peel *p)
{
	IrRef args[MAX_TURNS];
	IrOp label = {.opcode = IR_LABEL, .type = 'v', .descr = -1, .snapshot = -1};
	int32_t n = 0;

	begin_turns(p);
	for (unsigned i = 0; i < p->n_turns; i++) {
		struct turn *t = &p->turns[i];

		if (p->cautious)
			t->apart = t->open_low = t->open_high = true;
		t->twin = find_twin(p, i);
		if (is_argument(t))
			args[label.nargs++] = t->first;
	}
	for (uint32_t at = 0; at < p->from->n_ops; at++)
		p->preamble[at] = opt_map(&p->o, (IrRef)at);
	virtuals_forget(&p->o);
	p->to->label = opt_emit(&p->o, &label, args);
	memset(p->used, 0, p->o.size);
	for (unsigned i = 0; i < p->n_turns && !p->o.failed; i++)
		if (is_argument(&p->turns[i]))
			emit_argument(p, &p->turns[i], n++);
		else if (p->turns[i].twin >= 0)
			join_twin(p, &p->turns[i]);
	if (p->o.virtuals && !p->o.failed) {
		make_virtual_turns(p);
		p->o.used = p->used;
	}
}

/* A table that was virtual at the label is one of the same shape again, or made there. */
static bool correct_virtuals(struct peel *p)
{
	bool found = false;

	if (!p->o.virtuals)
		return false;
	force_turns(p, true);
	for (unsigned i = 0; i < p->n_turns && !p->o.failed; i++) {
		struct turn *t = &p->turns[i];
		IrRef end = t->is_virtual ? end_value(p, t) : IR_NONE;
		bool same = end != IR_NONE && virtual_is(&p->o, end);

		if (!t->is_virtual)
			continue;
		if (same && t->same_as >= 0)
			same = end == end_value(p, &p->turns[t->same_as]);
		/* No two that were apart are one now. */
		for (unsigned k = 0; same && t->same_as < 0 && k < i; k++)
			same = !p->turns[k].is_virtual || p->turns[k].same_as >= 0 ||
			       end_value(p, &p->turns[k]) != end;
		if (same && virtual_shape(&p->o, end) == t->shape)
			continue;
		t->is_made = true;
		found = true;
	}
	return found;
}

/* An argument's bounds must hold for what the turn hands on too. */
static bool correct_bounds(const struct peel *p, struct turn *t, IrRef end)
{
	Bounds b = bounds_of(&p->o, end);
	bool low = b.low<t->bounds.low, high = b.high> t->bounds.high;

	t->open_low |= low;
	t->open_high |= high;
	return low || high;
}

static bool is_integer_constant(const struct peel *p, IrRef ref)
{
	return ref < 0 && ir_type(p->to, ref) == 'i';
}

/* A turn that hands on what it got does not vary; one that was taken not to, does. */
static bool correct_turns(struct peel *p)
{
	bool found = false;

	for (unsigned i = 0; i < p->n_turns; i++) {
		struct turn *t = &p->turns[i];
		IrRef end = end_value(p, t);

		if (t->first == IR_NONE || t->is_virtual)
			continue;
		if (t->varies && t->twin >= 0 && end != end_value(p, &p->turns[t->twin])) {
			t->apart = true;
			found = true;
		} else if (t->varies && (end == t->value || end == t->first) &&
			   !(p->cautious && is_integer_constant(p, t->first))) {
			t->varies = false;
			found = true;
		} else if (!t->varies && end != t->first) {
			t->varies = true;
			found = true;
		} else if (is_argument(t) && ir_type(p->to, t->first) == 'i') {
			found |= correct_bounds(p, t, end);
		}
	}
	return found;
}

/* A value of the preamble is used in the body and is another in the next turn. */
static bool add_value(struct peel *p, IrRef old, IrRef first, IrRef end, bool *found)
{
	for (unsigned i = 0; i < p->n_turns; i++) {
		struct turn *t = &p->turns[i];

		if (t->first != first || end_value(p, t) != end || !t->varies)
			continue;
		if (!t->stands_in)
			*found = true;
		t->stands_in = true;
		return true;
	}
	for (unsigned i = 0; i < p->n_turns; i++)
		if (p->turns[i].first == first && p->turns[i].stands_in)
			return false; /* it would have to be two things at once */
	if (p->n_turns == MAX_TURNS)
		return false;
	p->turns[p->n_turns++] = (struct turn){
		.slot = NO_SLOT,
		.tag = p->from->ops[old].tag,
		.varies = true,
		.stands_in = true,
		.old = old,
		.first = first,
		.same_as = -1,
		.parent = NO_PARENT,
	};
	*found = true;
	return true;
}

/* Values that cross by way of memory. false: this cannot be expressed. */
static bool find_values(struct peel *p, bool *found)
{
	for (uint32_t at = 0; at + 1 < p->from->n_ops; at++) {
		IrRef first = p->preamble[at], end;

		if (p->from->ops[at].type == 'v' || first < 0 || !p->used[first])
			continue;
		end = opt_map(&p->o, (IrRef)at);
		if (end != first && !add_value(p, (IrRef)at, first, end, found))
			return false;
	}
	return true;
}

/* A constant that the preamble stored may be forwarded: it must be one in each turn. */
static bool stores_are_stable(const struct peel *p)
{
	for (uint32_t at = 0; at + 1 < p->from->n_ops; at++) {
		const IrOp *op = &p->from->ops[at];
		IrRef value;

		if (!(ir_info[op->opcode].flags & IR_STORE))
			continue;
		value = op->arg[op->opcode == IR_SETARRAYITEM ? 2 : 1];
		if (value >= 0 && p->preamble[value] < 0 &&
		    opt_map(&p->o, value) != p->preamble[value])
			return false;
	}
	return true;
}

static void emit_jump(struct peel *p)
{
	IrOp jump = {.opcode = IR_JUMP, .type = 'v', .descr = -1, .snapshot = -1};
	IrRef args[MAX_TURNS];

	for (unsigned i = 0; i < p->n_turns; i++)
		if (is_argument(&p->turns[i]))
			args[jump.nargs++] = end_value(p, &p->turns[i]);
	opt_emit(&p->o, &jump, args);
}

/* ---- The pass
 * ---------------------------------------------------------------------------------------- */

static bool begin(struct peel *p)
{
	opt_close(&p->o);
	ir_clear(p->to);
	/* References to constants mean the same in both lists. */
	if (!IR_ROOM(p->to, constants, p->from->n_constants))
		return false;
	if (p->from->n_constants)
		memcpy(p->to->constants, p->from->constants,
		       p->from->n_constants * sizeof(*p->to->constants));
	p->to->n_constants = p->from->n_constants;
	if (!opt_open(&p->o, p->to, p->from->n_ops, LARGEST(p->from)))
		return false;
	return p->level == ALL_REAL || virtuals_open(&p->o, p->jit, p->real, LARGEST(p->from));
}

/* One try with the turns as they are taken to be. *again: they were not. */
static bool try_loop(struct peel *p, bool first, bool *again)
{
	if (!begin(p) || !copy_turn(p, false))
		return false;
	if (first && !find_slots(p))
		return false;
	emit_label(p);
	if (p->o.failed || !copy_turn(p, true) || !stores_are_stable(p))
		return false;
	*again = correct_virtuals(p);
	if (p->o.failed)
		return false;
	*again |= correct_turns(p);
	return find_values(p, again);
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
	emit_jump(p);
	virtuals_finish(&p->o);
	return !p->o.failed;
}

static bool copy_once(struct peel *p)
{
	if (!begin(p) || !copy_turn(p, false))
		return false;
	copy_operation(p, p->from->n_ops - 1, false);
	virtuals_finish(&p->o);
	return !p->o.failed;
}

static bool makes_tables(const Ir *ir)
{
	for (uint32_t at = 0; at < ir->n_ops; at++)
		if (ir->ops[at].opcode == IR_CALL_R && ir->ops[at].descr == HELPER_TABLE_NEW)
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

	p->level = p->jit && makes_tables(p->from) ? ACROSS_TURNS : ALL_REAL;
	for (; !done && p->level >= ALL_REAL; p->level--) {
		do {
			done = loop ? peel_loop(p) : copy_once(p);
		} while (!done && p->o.restart);
		if (!loop && p->level == ACROSS_TURNS)
			p->level--; /* it would be the same again */
	}
	return done;
}

bool peel(Jit *jit, const Ir *from, Ir *to)
{
	struct peel p = {.from = from, .to = to, .jit = jit};
	bool done = false;

	p.copied = malloc((from->n_snapshots + 1) * sizeof(*p.copied));
	p.preamble = malloc((from->n_ops + 1) * sizeof(*p.preamble));
	p.used = malloc(LARGEST(from));
	p.real = calloc(from->n_ops, 1);
	p.guards = calloc(from->n_snapshots + 1, 1);
	if (p.copied && p.preamble && p.used && p.real && p.guards) {
		find_guards(&p);
		done = copy_all(&p);
	}
	opt_close(&p.o);
	free(p.preamble);
	free(p.used);
	free(p.copied);
	free(p.real);
	free(p.guards);
	return done;
}
