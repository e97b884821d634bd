/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peel_turns.c - what crosses from one turn of a loop to the next, as peel.c says:
 * the label's arguments, found by trying, and the tables that are virtual there.
 */
#include "peel.h"

#include <string.h>

/* ---- The end of a turn -------------------------------------------------------------------- */

static const Snapshot *last_snapshot(const struct peel *p)
{
	return &p->from->snapshots[p->from->ops[p->from->n_ops - 1].snapshot];
}

bool peel_find_slots(struct peel *p)
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

/* ---- Virtual tables ----------------------------------------------------------------------- */

/*
 * A force where a turn ends: the snapshot is that of the loop's head, where all that
 * the turn did is done.
 */
static void force_at_end(struct peel *p, IrRef ref, bool body)
{
	int32_t last = p->from->ops[p->from->n_ops - 1].snapshot;

	peel_copy_snapshot(p, last, body);
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
		if (p->level < ACROSS_TURNS || t->is_made || (body && !t->is_virtual) ||
		    !virtual_crosses(&p->o, end))
			force_at_end(p, end, body);
	}
}

/* The value of a turn at the end of the preamble; what is in a table may have to be made. */
static IrRef cross(struct peel *p, const struct turn *t)
{
	IrRef end = end_value(p, t);

	if (end == IR_NONE || !virtual_is(&p->o, end) || virtual_crosses(&p->o, end))
		return end;
	force_at_end(p, end, false);
	return end_value(p, t);
}

/* What the turns are at the end of the preamble. */
static void begin_turns(struct peel *p)
{
	if (p->o.virtuals)
		force_turns(p, false);
	/* Fields are added on the way, behind. */
	for (unsigned i = 0; i < p->n_turns && !p->o.failed; i++) {
		struct turn *t = &p->turns[i];

		t->first = t->value = cross(p, t);
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

bool peel_correct_virtuals(struct peel *p)
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

/* ---- The label ---------------------------------------------------------------------------- */

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

void peel_emit_label(struct peel *p)
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

/* ---- What was taken wrong ----------------------------------------------------------------- */

/* An argument's bounds must hold for what the turn hands on too. */
static bool correct_bounds(const struct peel *p, struct turn *t, IrRef end)
{
	Bounds b = bounds_of(&p->o, end);
	bool low = b.low < t->bounds.low;
	bool high = b.high > t->bounds.high;

	t->open_low |= low;
	t->open_high |= high;
	return low || high;
}

static bool is_integer_constant(const struct peel *p, IrRef ref)
{
	return ref < 0 && ir_type(p->to, ref) == 'i';
}

bool peel_correct_turns(struct peel *p)
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

bool peel_find_values(struct peel *p, bool *found)
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

void peel_emit_jump(struct peel *p)
{
	IrOp jump = {.opcode = IR_JUMP, .type = 'v', .descr = -1, .snapshot = -1};
	IrRef args[MAX_TURNS];

	for (unsigned i = 0; i < p->n_turns; i++)
		if (is_argument(&p->turns[i]))
			args[jump.nargs++] = end_value(p, &p->turns[i]);
	opt_emit(&p->o, &jump, args);
}
