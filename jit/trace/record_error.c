/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_error.c - error(), and assert() that fails: where they are caught by a pcall()
 * that the recorder knows of they are jumps.
 *
 * The interpreter really raises the error: it unwinds to its handler on the C stack and
 * goes on behind the pcall() (call_recover()), still in the mode that records. So the
 * recorder has done all that belongs to it when it comes to the call: it makes the error
 * value, closes what is shared, forgets the frames and gives the results of pcall(). It
 * then expects the one error (record_survives_error()). Another one ends the recording,
 * unless it is caught by a C function that the recorded instruction called.
 *
 * The frame that catches is one that the trace inlined, or in a bridge one that was there
 * when it began, which is guarded together with all frames before it. An error with a
 * message handler is left to the interpreter: the handler sees frames and may do anything.
 */
#include "../lua/call.h"
#include "../lua/function.h"
#include "../lua/interp.h"
#include "../lua/luastring.h"
#include "../lua/vm.h"
#include "record.h"

/* ---- The error value ------------------------------------------------------------------------ */

/* "file:line: " of the Lua function at `level`, NULL: it is none that the trace knows. */
static String *position_at(Recorder *r, lua_Integer level)
{
	const Frame *f = r->L->frame;
	const Proto *p;
	char text[JIT_GREENKEY_LEN];

	if (level > r->depth + (r->bottom != NULL))
		return NULL;
	for (lua_Integer n = 1; n < level; n++)
		f = f->previous;
	text[0] = '\0';
	p = frame_is_lua(f) ? frame_function(f)->proto : NULL;
	if (p && p->line_count) {
		jit_place(p, f->u.lua.pc - 1, text, sizeof(text) - 2);
		strcat(text, ": ");
	}
	return string_new(r->L, text, strlen(text));
}

struct raised {
	Value v;
	RecordedSlot slot; /* the same, in the trace */
	lua_Integer level;
};

/* What error() adds to a text; "" to other values. NULL: that is not known. */
static String *position_of(Recorder *r, const struct raised *e)
{
	return is_string(&e->v) && e->level > 0 ? position_at(r, e->level)
						: string_new(r->L, "", 0);
}

static void add_position(Recorder *r, struct raised *e, String *position)
{
	IrRef two = ir_integer(r->ir, 2);
	Value pair[2];

	if (!string_length(position))
		return;
	set_object(&pair[0], position);
	pair[1] = e->v;
	if (ir_is_constant(e->slot.ref)) {
		vm_concat_plain(r->L, pair, 2);
		e->slot = (RecordedSlot){.ref = ir_value(r->ir, &pair[0]), .tag = pair[0].tag};
		return;
	}
	record_operand(r, 0, ir_value(r->ir, &pair[0]), pair[0].tag);
	record_operand(r, 1, e->slot.ref, e->slot.tag);
	e->slot.ref = record_call(r, HELPER_CONCAT, 1, &two);
	e->slot.tag = record_new_string(r, e->slot.ref,
					string_length(position) + string_length(as_string(&e->v)));
}

/* error(v, level): its arguments from slot on. false: it is not known what it does. */
static bool take_error(Recorder *r, int slot, int arguments, struct raised *e)
{
	const Value *args = record_value(r, slot - r->base);

	if (arguments > 1 && !is_nil(&args[1]) && !is_integer(&args[1]))
		return false;
	if (arguments > 1)
		record_use_slot(r, slot + 1, NULL);
	if (arguments > 1 && is_integer(&args[1])) {
		e->level = (int)args[1].u.i; /* as error() has it */
		record_guard_integer(r, record_use_slot(r, slot + 1, NULL), args[1].u.i);
	}
	if (arguments > 0) {
		e->v = args[0];
		e->slot.ref = record_use_slot(r, slot, &e->slot.tag);
	}
	return true;
}

/* assert(v, message) of what is false. */
static void take_assert(Recorder *r, int slot, int arguments, struct raised *e)
{
	String *message;

	record_use_slot(r, slot, NULL);
	if (arguments > 1) {
		e->v = *record_value(r, slot + 1 - r->base);
		e->slot.ref = record_use_slot(r, slot + 1, &e->slot.tag);
		return;
	}
	message = string_new(r->L, "assertion failed!", strlen("assertion failed!"));
	set_object(&e->v, message);
	e->slot = (RecordedSlot){.ref = ir_value(r->ir, &e->v), .tag = e->v.tag};
}

/* ---- Who catches it ------------------------------------------------------------------------- */

struct catcher {
	Frame *frame;
	int inlined;	    /* index of an inlined one, -1: it was there */
	int left;	    /* frames that were there and are left, itself among them, */
	const Frame *first; /* and their innermost */
};

static bool has_to_close(const lua_State *L, const Value *level)
{
	return L->tbc_count && L->stack + L->tbc[L->tbc_count - 1] >= level;
}

static bool catches(const Frame *f)
{
	return f->status & FRAME_PCALL && f->u.c.k == call_continue_pcall &&
	       !(f->status & FRAME_HANDLER) && frame_is_lua(f->previous);
}

/*
 * Of the frames that were there: f is the innermost that is still open. Metamethods are
 * called in slots that are not known from the code.
 */
static bool find_below(const Recorder *r, Frame *f, struct catcher *c)
{
	c->inlined = -1;
	c->left = 1;
	c->first = f;
	if (r->t->kind != TRACE_BRIDGE)
		return false;
	for (; frame_is_lua(f); f = f->previous, c->left++)
		if (f->status & (uint16_t)~FRAME_TAIL && !record_pcall_of(f))
			return false;
	c->frame = f;
	return catches(f) && r->below + c->left <= MAX_RETURNS &&
	       record_base_below(r, f->previous) > -MAX_BELOW && !has_to_close(r->L, f->func) &&
	       !frame_function(f->previous)->proto->jit_off;
}

static bool find_catcher(const Recorder *r, struct catcher *c)
{
	Frame *f = r->L->frame;
	int i;

	for (i = r->depth - 1; i >= 0 && frame_is_lua(f); i--)
		f = f->previous;
	if (i < 0)
		return find_below(r, f, c);
	*c = (struct catcher){.frame = f, .inlined = i};
	return catches(f);
}

/* ---- It is raised --------------------------------------------------------------------------- */

/*
 * The frames that were there are those that are there now, at the same distance: each
 * was called from where it was called now, over as many extra arguments.
 */
static void guard_frames(Recorder *r, const struct catcher *c)
{
	const Frame *f = c->first;
	int n = r->below;

	record_guard_not_invalidated(r);
	if (!r->bottom && f != c->frame)
		record_guard_pc(r, f, n);
	for (; f != c->frame; f = f->previous, n++) {
		record_guard_status(r, f, n);
		if (frame_function(f)->proto->is_vararg)
			record_guard_frame(r, IR_GUARD_FRAME_EXTRA,
					   ir_integer(r->ir, f->u.lua.extra_args), n);
		if (f->previous != c->frame)
			record_guard_pc(r, f->previous, n + 1);
	}
	record_guard_status(r, f, n);
	record_guard_pc(r, f->previous, n + 1);
}

static void unwind(Recorder *r, const struct catcher *c)
{
	Frame *to = c->frame->previous;

	if (c->inlined >= 0) {
		record_close_block(r, r->inlined[c->inlined].func_slot + 1);
		r->depth = c->inlined;
		r->base = r->depth ? r->inlined[r->depth - 1].func_slot + 1 : r->bottom_base;
	} else {
		guard_frames(r, c);
		record_close_all(r, record_slot_of(r, c->frame->func) + 1);
		record_emit(r, IR_LEAVE_PCALL, IR_NONE, IR_NONE, r->below + c->left - 1);
		r->depth = 0;
		record_go_below(r, to, c->left);
	}
	r->frame = to;
}

static void raise_to(Recorder *r, struct raised *e, String *position, const struct catcher *c)
{
	int func = record_slot_of(r, c->frame->func);
	RecordedSlot results[] = {{.ref = IR_NONE, .tag = TAG_FALSE}, {.ref = IR_NONE}};

	add_position(r, e, position);
	unwind(r, c);
	results[1] = e->slot;
	record_put_results(r, func, results, 2, c->frame->nresults);
	r->raises = true;
}

bool record_raise(Recorder *r, int func, const Value *v, int arguments)
{
	struct raised e = {.slot = {.ref = IR_NONE, .tag = TAG_NIL}, .level = 1};
	struct catcher c;
	String *position;
	bool is_error = v->tag == TAG_C_FUNCTION && v->u.f && v->u.f == luaB_error;

	set_nil(&e.v);
	if (!is_error && (v->tag != TAG_C_FUNCTION || v->u.f != luaB_assert || arguments < 1 ||
			  !is_falsy(record_value(r, func + 1 - r->base))))
		return false;
	record_guard(r, IR_GUARD_VALUE, record_use_slot(r, func, NULL),
		     ir_object(r->ir, v->u.p, v->tag));
	if (!is_error)
		take_assert(r, func + 1, arguments, &e);
	else if (!take_error(r, func + 1, arguments, &e))
		return false;
	position = position_of(r, &e);
	if (position && find_catcher(r, &c))
		raise_to(r, &e, position, &c);
	else if (r->t->kind == TRACE_BRIDGE && r->number > 1)
		record_end_before(r);
	else
		return false;
	return true;
}

bool record_survives_error(Recorder *r, int status)
{
	if (r->L->handler != r->handler)
		return !r->succeeds;
	if (!r->raises || status != LUA_ERRRUN)
		return false;
	r->raises = false;
	return true;
}
