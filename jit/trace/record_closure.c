/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_closure.c - closures, and the variables that they share.
 */
#include "record.h"

/* Slots from `slot` on that closures may share. */
static bool shares_from(const Recorder *r, int slot)
{
	for (; slot < MAX_SLOTS; slot++)
		if (record_is_shared(r, slot))
			return true;
	return false;
}

/* The next try keeps in memory what any closure of the running function shares. */
static _Noreturn void share_next_time(Recorder *r)
{
	struct shared_slots *shared = jit_shared_at(r->jit, r->t->pc);
	RegisterSet registers = {0};

	if (shared->pc != r->t->pc)
		*shared = (struct shared_slots){.pc = r->t->pc};
	shared_anywhere(frame_function(r->L->frame)->proto, &registers);
	/* Below the frame that enters there is nothing to keep from the beginning. */
	for (int slot = r->base > 0 ? r->base : 0; slot < MAX_SLOTS && slot - r->base < MAX_SLOTS;
	     slot++)
		if (set_has(&registers, slot - r->base))
			set_add(&shared->slots, slot);
	record_abort(r, ABORT_OPEN_UPVALUE, NULL);
}

/*
 * A slot that a closure shares is kept in memory from the trace's beginning. Where
 * that turns out only now, the trace is given up, and the next try knows it.
 */
void record_closure(Recorder *r)
{
	int a = get_a(r->i);
	Proto *p = frame_function(r->L->frame)->proto->protos[get_bx(r->i)];
	IrRef args[3], closure;

	for (int n = 0; n < p->upvalue_count; n++)
		if (p->upvalues[n].in_stack && !record_is_shared(r, r->base + p->upvalues[n].index))
			share_next_time(r);
	args[0] = record_use(r, -1, NULL);
	args[1] = ir_object(r->ir, p, TAG_PROTO);
	args[2] = record_emit(r, IR_SLOT_ADDRESS, IR_NONE, IR_NONE, r->base);
	closure = record_call(r, HELPER_CLOSURE_NEW, 3, args);
	r->ir->ops[closure].tag = TAG_LUA_FUNCTION;
	record_guard(r, IR_GUARD_NONNULL, closure, IR_NONE);
	record_set(r, a, closure, TAG_LUA_FUNCTION);
}

/* A block is left whose variables begin at `slot`. */
void record_close_block(Recorder *r, int slot)
{
	bool shares = shares_from(r, slot);
	IrRef level, done;

	/* In an inlined function there is nothing that was not recorded. */
	if (r->depth && !shares)
		return;
	level = record_emit(r, IR_SLOT_ADDRESS, IR_NONE, IR_NONE, slot);
	done = record_call(r, shares ? HELPER_CLOSE_UPVALUES : HELPER_NOTHING_TO_CLOSE, 1, &level);
	record_guard_that(r, true, done);
}

void record_close(Recorder *r)
{
	record_close_block(r, r->base + get_a(r->i));
}
