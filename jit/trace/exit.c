/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exit.c - from a trace back to the interpreter's state.
 *
 * A snapshot says what differs from the state in which the trace was entered:
 * slots, and frames that the trace inlined. Frames are taken from the thread's
 * list; jit_enter() has seen to it that there are enough, and that the stack has
 * room, so nothing in here can fail.
 */
#include "trace.h"

static void write_slots(lua_State *L, const Trace *t, int32_t exit, Value *base)
{
	const Snapshot *s = &t->ir.snapshots[exit];
	const SnapshotEntry *e = t->ir.snapshot_entries + s->entry;
	const Backend *backend = L->global->jit->backend;

	for (uint32_t i = 0; i < s->entries; i++, e++) {
		Value *v = base + e->slot;

		if (e->ref != IR_NONE)
			v->u = e->ref < 0 ? ir_constant(&t->ir, e->ref)->u
					  : backend->value(L, t, exit, e->ref);
		v->tag = e->tag;
	}
}

static void open_frames(lua_State *L, const Trace *t, const Snapshot *s, Value *base)
{
	const SnapshotFrame *from = t->ir.snapshot_frames + s->frame;

	for (uint32_t i = 0; i < s->frames; i++, from++) {
		Frame *f = L->frame->next;

		lua_assert(f);
		f->func = base + from->func_slot;
		f->top = f->func + 1 + from->proto->stack_size;
		f->u.lua.pc = from->pc;
		f->u.lua.extra_args = from->extra_args;
		f->nresults = from->nresults;
		f->status = from->status;
		L->frame = f;
	}
}

void exit_restore(lua_State *L, const Trace *t, int32_t exit)
{
	const Snapshot *s = &t->ir.snapshots[exit];
	Value *base = frame_base(L->frame);

	write_slots(L, t, exit, base);
	for (unsigned i = 0; i < s->below; i++)
		L->frame = L->frame->previous;
	if (s->pc)
		L->frame->u.lua.pc = s->pc;
	open_frames(L, t, s, base);
	if (s->top != TOP_AS_IT_IS)
		L->top = top_is_slot(s) ? base + s->top : L->frame->top;
}
