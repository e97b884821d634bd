/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exit.c - from a trace back to the interpreter's state.
 *
 * A snapshot says what differs from the state in which the trace was entered:
 * slots, and frames that the trace inlined. Frames are taken from the thread's
 * list; jit_enter() has seen to it that there are enough, and that the stack has
 * room, so nothing in there can fail.
 *
 * Tables and functions that the trace did not make are made here, when everything else is in its
 * place: if there is no memory for them, not even after a full collection, the
 * program gets the error that it would have got when it made them.
 */
#include "../lua/call.h"
#include "../lua/function.h"
#include "../lua/gc.h"
#include "label.h"
#include "model.h"

/* n: as in ir_snapshot_refs(). */
static Payload value_at(lua_State *L, const Trace *t, IrRef ref, unsigned n)
{
	return ref < 0 ? ir_constant(&t->ir, ref)->u : L->global->jit->backend->value(L, t, ref, n);
}

static bool is_virtual(const Ir *ir, IrRef ref)
{
	return ref >= 0 && ir->ops[ref].opcode == IR_VIRTUAL;
}

static void write_slots(lua_State *L, const Trace *t, int32_t exit, Value *base,
			const RegisterSet *dead)
{
	const Snapshot *s = &t->ir.snapshots[exit];
	const SnapshotEntry *e = t->ir.snapshot_entries + s->entry;
	int shift = snapshot_base(&t->ir, s);

	for (uint32_t i = 0; i < s->entries; i++, e++) {
		Value *v = base + e->slot;

		if (label_slot_is_dead(dead, e->slot - shift))
			continue;
		if (is_virtual(&t->ir, e->ref)) {
			v->tag = TAG_NIL;
			continue;
		}
		if (e->ref != IR_NONE)
			v->u = value_at(L, t, e->ref, i);
		v->tag = e->tag;
	}
}

/* ---- Virtual objects ------------------------------------------------------------------------- */

struct making {
	const Ir *ir;
	unsigned n;
	IrRef refs[MAX_VIRTUALS]; /* behind those that are in them */
	Object *made[MAX_VIRTUALS];
	unsigned n_values;
	Value values[MAX_VIRTUALS * (1 + MAX_SHAPE_KEYS)]; /* of all, in order */
};

/* The arguments of virtual tables that are none themselves; `first`: before them. */
static void get_values(lua_State *L, const Trace *t, unsigned first, struct making *m)
{
	m->n_values = 0;
	for (unsigned v = 0; v < m->n; v++) {
		const IrOp *op = ir_op(m->ir, m->refs[v]);
		const IrRef *args = ir_args(m->ir, op);
		const ShapeKey *keys = m->ir->shape_keys + m->ir->shapes[op->descr].key;

		for (unsigned i = 0; i < op->nargs; i++) {
			unsigned n = m->n_values++;
			Value *to = &m->values[n];

			to->tag = i ? keys[i - 1].tag : TAG_TABLE; /* or any object */
			if (is_virtual(m->ir, args[i]))
				to->tag = TAG_NIL;
			else
				to->u = value_at(L, t, args[i], first + n);
			if (!i && !to->u.p)
				to->tag = TAG_NIL;
		}
	}
}

static Object *made_for(const struct making *m, IrRef ref)
{
	unsigned v = 0;

	while (m->refs[v] != ref)
		v++;
	return m->made[v];
}

/* Of operation `virtual`, with its values; NULL without memory. base: as the trace has it. */
static Object *make_object(lua_State *L, const Ir *ir, const IrOp *op, const Value *from,
			   Value *base)
{
	const IrShape *s = &ir->shapes[op->descr];
	const LuaFunction *maker;

	if (!shape_is_function(ir, s))
		return (Object *)model_make(L, s->model, from + 1,
					    from->tag == TAG_NIL ? NULL : (Table *)from->u.object);
	maker = (const LuaFunction *)from->u.object;
	return (Object *)lua_function_try_close_over(
		L, (Proto *)ir_constant(ir, ir->shape_keys[s->key].key)->u.p, maker->upvalues,
		base + from[1].u.i);
}

/* false: no memory. Nothing is collected, so what is made already stays. */
static bool make_all(lua_State *L, struct making *m, Value *base)
{
	Value *from = m->values;

	for (unsigned v = 0; v < m->n; v++) {
		const IrOp *op = ir_op(m->ir, m->refs[v]);
		const IrRef *args = ir_args(m->ir, op);

		for (unsigned i = 1; i < op->nargs; i++)
			if (is_virtual(m->ir, args[i]))
				from[i].u.p = made_for(m, args[i]);
		m->made[v] = make_object(L, m->ir, op, from, base);
		if (!m->made[v])
			return false;
		from += op->nargs;
	}
	return true;
}

static void collect_all(lua_State *L, const struct making *m)
{
	Jit *jit = L->global->jit;

	jit->kept = m->values;
	jit->n_kept = m->n_values;
	gc_full(L, true);
	jit->n_kept = 0;
}

static void make_virtuals(lua_State *L, const Trace *t, int32_t exit, Value *base)
{
	const Snapshot *s = &t->ir.snapshots[exit];
	const SnapshotEntry *e = t->ir.snapshot_entries + s->entry;
	struct making m;

	m.ir = &t->ir;
	m.n = t->ir.n_shapes ? ir_virtuals(&t->ir, exit, m.refs) : 0;
	if (!m.n)
		return;
	get_values(L, t, s->entries, &m);
	if (!make_all(L, &m, base)) {
		collect_all(L, &m);
		if (!make_all(L, &m, base))
			throw_memory(L);
	}
	for (uint32_t i = 0; i < s->entries; i++, e++)
		if (is_virtual(&t->ir, e->ref))
			base[e->slot] = (Value){.u.object = made_for(&m, e->ref), .tag = e->tag};
}

/* ---- The whole --------------------------------------------------------------------------------
 */

static void open_frames(lua_State *L, const Trace *t, const Snapshot *s, Value *base)
{
	const SnapshotFrame *from = t->ir.snapshot_frames + s->frame;

	for (uint32_t i = 0; i < s->frames; i++, from++) {
		Frame *f = L->frame->next;

		lua_assert(f);
		f->func = base + from->func_slot;
		f->top = f->func + snapshot_frame_size(from);
		f->nresults = from->nresults;
		if (snapshot_frame_is_pcall(from)) {
			call_open_pcall(L, f, from->status);
		} else {
			f->u.lua.pc = from->pc;
			f->u.lua.extra_args = from->extra_args;
			f->status = from->status;
		}
		L->frame = f;
	}
}

void exit_go_on(lua_State *L, const Trace *t, int32_t exit, const RegisterSet *dead)
{
	const Snapshot *s = &t->ir.snapshots[exit];
	Value *base = frame_base(L->frame);

	write_slots(L, t, exit, base, dead);
	for (unsigned i = 0; i < s->below; i++)
		L->frame = L->frame->previous;
	if (s->pc)
		L->frame->u.lua.pc = s->pc;
	open_frames(L, t, s, base);
	if (s->top != TOP_AS_IT_IS)
		L->top = top_is_slot(s) ? base + s->top : L->frame->top;
}

void exit_restore(lua_State *L, const Trace *t, int32_t exit)
{
	Value *base = frame_base(L->frame);

	exit_go_on(L, t, exit, NULL);
	make_virtuals(L, t, exit, base);
}
