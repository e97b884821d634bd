/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_pcall.c - pcall() and xpcall() of a Lua function.
 *
 * The interpreter calls them without C code (call_prepare_pcall()): a frame that says
 * that errors are caught here, and over it that of the function, which returns to it.
 * So they are two frames that are inlined. Exits write both; an error that is raised by
 * the interpreter after an exit, or by a C function that the trace calls, finds the
 * frame like any other. As long as the trace runs nothing needs it, since what runs in
 * there raises no errors.
 *
 * A C function that the recorder knows needs no frame at all.
 *
 * Where the function returns to a frame that was there when the trace began, the trace
 * guards what frame that is and takes it away (leave_pcall).
 */
#include "../lua/call.h"
#include "../lua/interp.h"
#include "record.h"

static bool is_pcall(const Value *v)
{
	return v->tag == TAG_C_FUNCTION && v->u.f &&
	       (v->u.f == luaB_pcall || v->u.f == luaB_xpcall);
}

/* What is known of a call of pcall() that is behind pc. */
static struct pcall_place *place_of(const Recorder *r, const Instruction *pc)
{
	return &r->jit->pcalls[((uintptr_t)pc >> 2) & (PCALL_PLACES - 1)];
}

/*
 * So often a recording may be given up in the function that a pcall() calls. Then it is
 * called for real, and the trace around it can be made.
 */
#define MAX_PCALL_ABORTS 2

void record_given_up(Recorder *r)
{
	struct pcall_place *place;
	const Instruction *pc;
	int i = r->depth - 1;

	while (i >= 0 && !snapshot_frame_is_pcall(&r->inlined[i]))
		i--;
	if (i < 0)
		return;
	pc = i ? r->inlined[i - 1].pc : r->return_pc;
	place = place_of(r, pc);
	if (place->pc != pc)
		*place = (struct pcall_place){.pc = pc};
	place->aborts++;
}

static bool is_left_alone(const Recorder *r)
{
	const struct pcall_place *place = place_of(r, r->pc);

	return place->pc == r->pc && place->aborts >= MAX_PCALL_ABORTS;
}

/* Does the call of v need no C code, and does it catch errors of a Lua function? */
static bool can_inline(const Recorder *r, int func, const Value *v, int arguments)
{
	const Value *at = record_value(r, func - r->base);
	bool with_handler = v->u.f == luaB_xpcall;

	return r->L->allow_hook && !is_left_alone(r) &&
	       call_can_push_pcall(r->L, at, arguments, with_handler) && is_lua_function(at + 1) &&
	       !as_lua_function(at + 1)->proto->jit_off && func + 2 + LUA_MINSTACK < MAX_SLOTS &&
	       !(with_handler && (record_is_shared(r, func + 1) || record_is_shared(r, func + 2)));
}

/* xpcall(f, handler, ...): the two change places. */
static void exchange(Recorder *r, int slot)
{
	RecordedSlot f, handler;

	f.ref = record_use_slot(r, slot, &f.tag);
	handler.ref = record_use_slot(r, slot + 1, &handler.tag);
	record_set_slot(r, slot, handler.ref, handler.tag);
	record_set_slot(r, slot + 1, f.ref, f.tag);
}

/*
 * pcall() of a function that becomes operations: where those do not succeed they leave the
 * trace before the call.
 */
static bool call_known(Recorder *r, int func, const Value *v, int arguments, int nresults)
{
	const Value *f = record_value(r, func + 1 - r->base);
	RecordedSlot results[MAX_KNOWN_RESULTS];
	int wanted = nresults > 0 ? nresults - 1 : nresults, n;

	if (v->u.f != luaB_pcall || arguments < 1 || f->tag != TAG_C_FUNCTION)
		return false;
	record_guard(r, IR_GUARD_VALUE, record_use_slot(r, func, NULL),
		     ir_object(r->ir, v->u.p, v->tag));
	n = record_known_function(r, func + 1, f, arguments - 1, wanted, results);
	if (n < 0)
		return false;
	record_leave_pcall(r, func, nresults, results, n);
	r->succeeds = true;
	return true;
}

bool record_enter_pcall(Recorder *r, int func, const Value *v, int arguments, int nresults)
{
	SnapshotFrame f = {.func_slot = (int16_t)func, .nresults = (int16_t)nresults};
	bool with_handler;

	if (!is_pcall(v))
		return false;
	if (!can_inline(r, func, v, arguments))
		return call_known(r, func, v, arguments, nresults);
	with_handler = v->u.f == luaB_xpcall;
	record_need_frames(r, 2);
	/* Of these guards all that follow have their snapshot: that of before the call. */
	record_guard(r, IR_GUARD_VALUE, record_use_slot(r, func, NULL),
		     ir_object(r->ir, v->u.p, v->tag));
	record_guard(r, IR_GUARD_RECOVERABLE, IR_NONE, IR_NONE);
	f.status = pcall_status(r->L, with_handler);
	for (int i = 1; i <= arguments; i++)
		record_use_slot(r, func + i, NULL);
	v = record_value(r, func + 1 - r->base);
	if (with_handler)
		exchange(r, func + 1);
	if (func + snapshot_frame_size(&f) > r->ir->max_slot)
		r->ir->max_slot = func + snapshot_frame_size(&f);
	record_push_frame(r, &f);
	record_enter_nested(r, func + 1 + with_handler, v, arguments - 1 - with_handler,
			    LUA_MULTRET);
	return true;
}

bool record_follows_call(const Recorder *r)
{
	return r->entering;
}

Frame *record_pcall_of(const Frame *f)
{
	return f->status & FRAME_NESTED && !frame_is_lua(f->previous) ? f->previous : NULL;
}

void record_leave_pcall(Recorder *r, int func, int nresults, const RecordedSlot *results, int n)
{
	RecordedSlot all[MAX_SLOTS];

	if (n + 1 >= MAX_SLOTS)
		record_abort(r, ABORT_TOO_LONG, NULL);
	all[0] = (RecordedSlot){.ref = IR_NONE, .tag = TAG_TRUE};
	for (int i = 0; i < n; i++)
		all[i + 1] = results[i];
	record_put_results(r, func, all, n + 1, nresults);
}
