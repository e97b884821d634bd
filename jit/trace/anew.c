/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * anew.c - loops that are recorded anew, because a value has another type than when they
 * were recorded first.
 *
 * It may have it from now on, as an array's elements that were 0 in the beginning: then
 * the next loop has that type. Or only in some turns: then the next one is the same as
 * the first, and so would be the one after it. That this is so shows in the turn in
 * which recording would begin, if the value is in a slot, and else by what was recorded.
 * The loop that was there, or the one that is the same, is settled then: its exit at that
 * guard is for bridges.
 */
#include "../lua/call.h"
#include "trace.h"

/* The operation that loads the tag that guard is about; NULL: it is another one. */
static const IrOp *loaded_tag(const Ir *ir, IrRef guard)
{
	const IrOp *op = ir_op(ir, guard), *load;

	if (op->opcode != IR_GUARD_VALUE || op->arg[0] < 0)
		return NULL;
	load = ir_op(ir, op->arg[0]);
	switch (load->opcode) {
	case IR_GETSLOT_TAG:
	case IR_GETVALUE_TAG:
	case IR_GETARRAYITEM_TAG:
	case IR_GETNODE_TAG:
		return load;
	default:
		return NULL;
	}
}

bool anew_is_about_type(const Ir *ir, IrRef guard)
{
	return loaded_tag(ir, guard);
}

static lua_Integer wanted_tag(const Ir *ir, IrRef guard)
{
	return ir_constant(ir, ir_op(ir, guard)->arg[1])->u.i;
}

void anew_doubt(Jit *jit, Trace *t, IrRef guard)
{
	HotPlace *place = jit_place_of(t->proto, t->patch);

	if (place) {
		place->doubted = 1;
		t->doubted = guard;
	}
	jit_supersede(jit, t);
}

/* The youngest loop there that was doubted; NULL: there is none. */
static Trace *doubted_at(const Jit *jit, const Instruction *pc)
{
	Trace *found = NULL;

	for (uint32_t i = 1; i < jit->n_traces; i++) {
		Trace *t = jit->traces[i];

		if (t && t->doubted && t->pc == pc && !t->flushed &&
		    (!found || t->born > found->born))
			found = t;
	}
	return found;
}

static bool has_wanted_type(const Frame *f, const Trace *t)
{
	const IrOp *load = loaded_tag(&t->ir, t->doubted);

	return load && load->opcode == IR_GETSLOT_TAG &&
	       frame_base(f)[load->descr].tag == wanted_tag(&t->ir, t->doubted);
}

bool anew_put_back(const Jit *jit, const Frame *f, const Instruction *pc, Instruction *patch_at)
{
	HotPlace *place = jit_place_of(frame_function(f)->proto, patch_at);
	Trace *t = place && place->doubted ? doubted_at(jit, pc) : NULL;

	if (!t || *patch_at != t->original || !has_wanted_type(f, t))
		return false;
	place->doubted = 0;
	t->settled = t->doubted;
	t->doubted = 0;
	t->patch = patch_at;
	jit_patch(t);
	return true;
}

static bool is_like(const Ir *ir, IrRef guard, const IrOp *load)
{
	const IrOp *own = loaded_tag(ir, guard);

	return own && own->opcode == load->opcode && own->descr == load->descr;
}

/* Which one of those like it is `guard`, counted from 1? */
static unsigned count_like(const Ir *ir, IrRef guard, const IrOp *load)
{
	unsigned n = 0;

	for (IrRef at = 0; at <= guard; at++)
		n += is_like(ir, at, load);
	return n;
}

/* ir's guard of the same value's type as `guard` of `old`, if it wants the same; 0 if not. */
static IrRef same_guard(const Ir *old, IrRef guard, const Ir *ir)
{
	const IrOp *load = loaded_tag(old, guard);
	unsigned left = load ? count_like(old, guard, load) : 0;

	for (IrRef at = 0; left && (uint32_t)at < ir->n_ops; at++)
		if (is_like(ir, at, load) && !--left &&
		    wanted_tag(ir, at) == wanted_tag(old, guard))
			return at;
	return 0;
}

void anew_compare(const Jit *jit, Trace *t)
{
	HotPlace *place = jit_place_of(t->proto, t->patch);
	Trace *old = place && place->doubted ? doubted_at(jit, t->pc) : NULL;

	if (!old)
		return;
	place->doubted = 0;
	t->settled = same_guard(&old->ir, old->doubted, &t->ir);
	old->doubted = 0;
}
