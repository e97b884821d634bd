/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_closure.c - closures, and the variables that they share.
 */
#include "record.h"

/*
 * Variables that closures share are in memory, where all who share them look: those that
 * may be shared where the trace comes to their frame (shared.h), for good, and those of
 * closures that it makes itself, from there until their block is left. What a loop
 * shares for longer than a turn may be shared where it begins, so that is of the first
 * kind.
 */

/* Is there one of the set from `slot` on? */
static bool has_from(const SlotSet *set, int slot)
{
	for (; slot < MAX_SLOTS; slot++)
		if (slot_set_has(set, slot))
			return true;
	return false;
}

/*
 * From now on the variable is in memory. It is written there even if it was loaded: the
 * loop's next turn may have another one. One that the closure itself goes to (`local
 * function`) has no value yet.
 */
static void share(Recorder *r, int slot)
{
	RecordedSlot *s = record_slot(r, slot);
	IrRef address, ref;
	uint8_t tag;

	if (slot != r->base + get_a(r->i)) {
		ref = record_use_slot(r, slot, &tag);
		address = record_emit(r, IR_SLOT_ADDRESS, IR_NONE, IR_NONE, slot);
		record_emit(r, IR_SETVALUE, address, ref == IR_NONE ? ir_integer(r->ir, 0) : ref,
			    tag);
	}
	*s = (RecordedSlot){.state = SLOT_UNKNOWN};
	slot_set_add(&r->opened, slot);
	/* A trace that enters at the label must not have it pending, as memory gets newer. */
	if (slot >= 0)
		set_add(&r->t->shared, slot);
}

static void end_sharing_from(Recorder *r, int slot)
{
	for (slot += MAX_BELOW; slot < MAX_BELOW + MAX_SLOTS; slot++)
		r->opened.bits[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
}

void record_end_sharing(Recorder *r)
{
	for (unsigned i = 0; i < sizeof(r->opened) / sizeof(r->opened.bits[0]); i++)
		if (r->opened.bits[i])
			record_abort(r, ABORT_OPEN_UPVALUE, record_instruction_name(r));
}

void record_closure(Recorder *r)
{
	int a = get_a(r->i);
	Proto *p = frame_function(r->L->frame)->proto->protos[get_bx(r->i)];
	IrRef args[3], closure;

	for (int n = 0; n < p->upvalue_count; n++) {
		int slot = r->base + p->upvalues[n].index;

		if (p->upvalues[n].in_stack && !record_is_shared(r, slot))
			share(r, slot);
	}
	args[0] = record_use(r, -1, NULL);
	args[1] = ir_object(r->ir, p, TAG_PROTO);
	args[2] = record_emit(r, IR_SLOT_ADDRESS, IR_NONE, IR_NONE, r->base);
	closure = record_call(r, HELPER_CLOSURE_NEW, 3, args);
	r->ir->ops[closure].tag = TAG_LUA_FUNCTION;
	record_guard(r, IR_GUARD_NONNULL, closure, IR_NONE);
	record_set(r, a, closure, TAG_LUA_FUNCTION);
}

static void close_by(Recorder *r, enum ir_helper helper, int slot)
{
	IrRef level = record_emit(r, IR_SLOT_ADDRESS, IR_NONE, IR_NONE, slot);

	/* Virtual functions are in the snapshot as they are before. */
	record_take_snapshot(r);
	record_guard_that(r, true, record_call(r, helper, 1, &level));
}

/*
 * A block is left whose variables begin at `slot`. Where only closures of this trace
 * share any, there is nothing to be done if all of those are virtual (virtual.c), but
 * for what was there before, which in an inlined function is nothing.
 */
void record_close_block(Recorder *r, int slot)
{
	if (has_from(&r->shared, slot)) {
		close_by(r, HELPER_CLOSE_UPVALUES, slot);
	} else {
		if (has_from(&r->opened, slot))
			close_by(r, HELPER_CLOSE_OPENED, slot);
		if (!r->depth)
			close_by(r, HELPER_NOTHING_TO_CLOSE, slot);
	}
	end_sharing_from(r, slot);
}

void record_close_all(Recorder *r, int slot)
{
	close_by(r, HELPER_CLOSE_UPVALUES, slot);
	end_sharing_from(r, slot);
}

/* The registers of its variables hold nothing any more. */
void record_close(Recorder *r)
{
	int slot = r->base + get_a(r->i);

	record_close_block(r, slot);
	record_forget_from(r, slot);
}
