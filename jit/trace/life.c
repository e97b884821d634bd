/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * life.c - the life of a trace: hot places, recording begins and ends, traces are
 * entered and left, linked, forgotten.
 *
 * A place is counted down by the interpreter in a hashed table of counters; places
 * that share one make each other hot a little early, which does no harm. A place
 * whose traces are given up gets a penalty that doubles, with some randomness so
 * that two loops that give up because of each other do not stay in step. At
 * `max_aborts` the place is made cold: its instruction is replaced by one that does
 * the same and counts nothing.
 *
 * Instructions that are patched (opcodes.h: J* and COLD_*) are put back by
 * jit_original() for everyone who reads code; a flush puts them back for good.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../lua/call.h"
#include "../lua/debug.h"
#include "../lua/gc.h"
#include "../lua/opcodes.h"
#include "../lua/vm.h"
#include "listen.h"
#include "model.h"
#include "parameters.h"

#include <jitlua/jitlua.h>

/* Calls until another trace of a function is tried whose last ended at a return too soon. */
#define SHORT_RETRY 31
#define MAX_SHORT 64
#define MAX_FOREIGN 8
#define MAX_YIELDS 3
/* Frames between a function and itself. */
#define MAX_RECURSION 8
#define NOT_TRACED UINT8_MAX /* Proto.aborts */
/* Types that one instruction may have bridges for, one after the other. */
#define MAX_REPEATED 6
#define PENALTIES 256 /* a power of two */

struct penalty {
	const Instruction *pc;
	uint16_t count;	 /* next start value of the counter */
	uint16_t aborts; /* in a row */
};

/* ---- Places ------------------------------------------------------------------------------- */

static struct penalty *penalty_of(Jit *jit, const Instruction *pc)
{
	struct penalty *p = &jit->penalties[((uintptr_t)pc >> 2) & (PENALTIES - 1)];

	if (p->pc != pc)
		*p = (struct penalty){.pc = pc};
	return p;
}

static uint16_t start_count(const Jit *jit, int kind)
{
	int64_t n = jit->parameters[kind == TRACE_FUNCTION ? JIT_PARAMETER_function_threshold
							   : JIT_PARAMETER_threshold];

	return (uint16_t)(n < 1 ? 1 : n > UINT16_MAX ? UINT16_MAX : n);
}

static enum opcode cold(enum opcode op)
{
	switch (op) {
	case OP_FORLOOP:
		return OP_COLD_FORLOOP;
	case OP_TFORLOOP:
		return OP_COLD_TFORLOOP;
	case OP_JMP:
		return OP_COLD_JMP;
	default:
		return op;
	}
}

static enum opcode entering(enum opcode op)
{
	switch (op) {
	case OP_FORLOOP:
		return OP_JFORLOOP;
	case OP_TFORLOOP:
		return OP_JTFORLOOP;
	case OP_JMP:
		return OP_JJMP;
	default:
		return OP_JFUNCTION;
	}
}

static void set_op(Instruction *at, enum opcode op)
{
	*at = (*at & ~(Instruction)0x7f) | (Instruction)op;
}

/* Replaces what jumps back (or the first instruction) by one that enters trace t. */
static void patch(Trace *t)
{
	enum opcode op = entering(get_op(t->original));
	Instruction a = t->original & (0xffu << 7);

	*t->patch = op == OP_JJMP ? (Instruction)op | t->number << 7
				  : (Instruction)op | a | t->number << 15;
}

static void unpatch(Trace *t)
{
	if (t->patch && !t->retired)
		*t->patch = t->original;
}

Instruction jit_original(const Jit *jit, const Instruction *pc)
{
	Instruction i = *pc;

	switch ((int)get_op(i)) {
	case OP_COLD_FORLOOP:
		return (i & ~(Instruction)0x7f) | OP_FORLOOP;
	case OP_COLD_TFORLOOP:
		return (i & ~(Instruction)0x7f) | OP_TFORLOOP;
	case OP_COLD_JMP:
		return (i & ~(Instruction)0x7f) | OP_JMP;
	case OP_JJMP:
		return jit->traces[get_ax(i)]->original;
	case OP_JFORLOOP:
	case OP_JTFORLOOP:
	case OP_JFUNCTION:
		return jit->traces[get_bx(i)]->original;
	default:
		return i;
	}
}

void jit_place(const Proto *p, const Instruction *pc, char *text, size_t size)
{
	char name[CHUNK_NAME_SIZE] = "?";

	if (p->source)
		chunk_name(name, p->source->text, string_length(p->source));
	snprintf(text, size, "%s:%d", name, proto_line(p, (int)(pc - p->code)));
}

/* Of where a trace begins. */
static void place_text(void *ctx, char *text, size_t size)
{
	const Trace *t = ctx;

	jit_place(t->proto, t->pc, text, size);
}

/* ---- Recording begins ------------------------------------------------------------------------ */

static Trace *new_trace(lua_State *L, int kind, Proto *p, const Instruction *pc)
{
	Trace *t = calloc(1, sizeof(*t));

	if (!t || !traces_give_number(L->global->jit, t)) {
		free(t);
		return NULL;
	}
	t->flushes = L->global->jit->flushes;
	t->kind = (uint8_t)kind;
	t->proto = p;
	t->pc = pc;
	ir_open(&t->ir);
	t->ir.proto = p;
	return t;
}

void jit_free_trace(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;

	if (t->exits)
		jit->backend->free(L, t);
	free(t->exits);
	free(t->offsets);
	jit_tell_done(t);
	ir_close(&t->ir);
	free(t);
}

/* It never was one of the traces. */
static void discard(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;

	/* A flush has given all numbers anew. */
	if (t->flushes == jit->flushes)
		traces_take_number(jit, t);
	jit_free_trace(L, t);
}

static void tell_start(Jit *jit, Trace *t)
{
	static const enum jit_trace_type types[] = {
		[TRACE_LOOP] = JIT_TYPE_LOOP,
		[TRACE_FUNCTION] = JIT_TYPE_ENTRY_BRIDGE,
		[TRACE_BRIDGE] = JIT_TYPE_BRIDGE,
	};
	const Trace *parent = t->parent ? jit->traces[t->parent] : NULL;

	jit_trace_start(jit->vm, &t->hooks,
			&(struct jit_trace_place){
				.type = types[t->kind],
				.vm_no = t->number,
				.parent_no = parent ? parent->hooks.no : 0,
				.exit_no = t->parent_exit,
				.place = place_text,
				.place_ctx = t,
			});
}

static void start(lua_State *L, Frame *f, Trace *t)
{
	Jit *jit = L->global->jit;

	tell_start(jit, t);
	listen_started(jit, t);
	jit->current = t;
	jit->recording = L;
	jit->foreign = 0;
	if (record_start(L, f, t->pc, t))
		L->mode = MODE_RECORD;
	else if (jit->current)
		jit_abort(L, ABORT_NO_MEMORY, NULL);
}

static bool may_record(lua_State *L)
{
	const Jit *jit = L->global->jit;

	return jit->on && !jit->current && L->mode == MODE_JIT && traces_have_number(jit);
}

/*
 * Another coroutine than the one that is recorded, which has resumed it, comes to a hot
 * place. It has to wait, but not for ever.
 */
static void foreign_is_hot(Jit *jit, const lua_State *L)
{
	if (jit->current && jit->recording != L && ++jit->foreign > MAX_FOREIGN)
		jit_abort(jit->recording, ABORT_COROUTINE, NULL);
}

void jit_hot(lua_State *L, Frame *f, const Instruction *pc, Instruction *patch_at, int kind)
{
	Jit *jit = L->global->jit;
	uint16_t *counter = jit_counter_of(jit, patch_at);
	struct penalty *p = penalty_of(jit, patch_at);
	Trace *t;

	*counter = p->count ? p->count : start_count(jit, kind);
	if (get_op(*patch_at) != OP_FORLOOP && get_op(*patch_at) != OP_TFORLOOP &&
	    get_op(*patch_at) != OP_JMP)
		return; /* a function that begins with its loop is traced already */
	foreign_is_hot(jit, L);
	/* The abort's hook may have run this very loop. */
	if (!may_record(L) || jit_original(jit, patch_at) != *patch_at)
		return;
	t = new_trace(L, kind, frame_function(f)->proto, pc);
	if (!t)
		return;
	t->patch = patch_at;
	t->original = *patch_at;
	start(L, f, t);
}

/* Has the function that f just began called itself, as far as can be seen? */
static bool calls_itself(const Frame *f)
{
	const Proto *p = frame_function(f)->proto;

	if (f->status & FRAME_TAIL)
		return true;
	for (int i = 0; i < MAX_RECURSION && (f = f->previous); i++)
		if (frame_is_lua(f) && frame_function(f)->proto == p)
			return true;
	return false;
}

/*
 * A function that is called, and not only from loops that are traced: mostly it calls
 * itself.
 */
void jit_hot_function(lua_State *L, Frame *f)
{
	Jit *jit = L->global->jit;
	Proto *p = frame_function(f)->proto;
	Trace *t;

	if (!p->counted) {
		p->counted = 1;
		p->heat = (uint16_t)(start_count(jit, TRACE_FUNCTION) - 1);
		if (p->heat)
			return;
	}
	p->heat = UINT16_MAX;
	if (p->is_vararg || p->aborts == NOT_TRACED || get_op(*p->code) >= OPCODE_COUNT)
		return;
	foreign_is_hot(jit, L);
	/* The abort's hook may have run this very function. */
	if (!may_record(L) || get_op(*p->code) >= OPCODE_COUNT) {
		p->heat = (uint16_t)(start_count(jit, TRACE_FUNCTION));
		return;
	}
	p->calls_itself |= calls_itself(f);
	t = new_trace(L, TRACE_FUNCTION, p, p->code);
	if (!t)
		return;
	t->patch = p->code;
	t->original = *p->code;
	start(L, f, t);
}

/* ---- Recording ends ----------------------------------------------------------------------------
 */

/* Nothing is recorded any more; the thread goes on as before. */
static Trace *stop(Jit *jit)
{
	Trace *t = jit->current;
	lua_State *L = jit->recording;

	jit->current = NULL;
	jit->recording = NULL;
	record_stop(jit);
	interp_update_mode(L);
	return t;
}

/*
 * Of a function that calls itself every other call returns at once, so there it is
 * tried again soon, many times.
 */
static void punish_function(Jit *jit, const Trace *t, enum jit_abort_reason reason)
{
	Proto *p = t->proto;
	bool is_short = reason == ABORT_RETURNED;
	int limit = !is_short		 ? (int)jit->parameters[JIT_PARAMETER_max_aborts]
		    : p->calls_itself ? MAX_SHORT
				      : 2;

	p->aborts++;
	p->heat = is_short ? (uint16_t)(rand_r(&jit->random) & SHORT_RETRY)
			   : (uint16_t)(start_count(jit, TRACE_FUNCTION)
					<< (p->aborts < 8 ? p->aborts : 8));
	if (p->aborts >= limit) {
		p->aborts = NOT_TRACED;
		jit_count(jit->vm, JIT_BLACKLISTED, 1);
	}
}

/* Nobody enters t from its place any more, and no other trace is tried there. */
static void retire(Jit *jit, Trace *t)
{
	if (!t->patch || t->retired)
		return;
	t->retired = true;
	*t->patch = t->original;
	if (t->kind == TRACE_FUNCTION)
		t->proto->aborts = NOT_TRACED;
	else
		set_op(t->patch, cold(get_op(*t->patch)));
	jit_count(jit->vm, JIT_BLACKLISTED, 1);
}

static void punish(Jit *jit, Trace *t, enum jit_abort_reason reason)
{
	struct penalty *p;

	if (t->kind == TRACE_FUNCTION) {
		punish_function(jit, t, reason);
		return;
	}
	if (t->kind == TRACE_BRIDGE) {
		TraceExit *e = &jit->traces[t->parent]->exits[t->parent_exit];

		e->aborted++;
		/* It yields in most turns: to enter the trace and leave it costs more than it gives. */
		if (reason == ABORT_COROUTINE && e->aborted >= MAX_YIELDS)
			retire(jit, jit->traces[t->root]);
		e->failures = (uint32_t)jit->parameters[JIT_PARAMETER_trace_eagerness]
			      << (e->aborted < 16 ? e->aborted : 16);
		return;
	}
	p = penalty_of(jit, t->patch);
	p->aborts++;
	if (p->aborts >= jit->parameters[JIT_PARAMETER_max_aborts]) {
		set_op(t->patch, cold(get_op(*t->patch)));
		jit_count(jit->vm, JIT_BLACKLISTED, 1);
		return;
	}
	if (!p->count)
		p->count = start_count(jit, t->kind);
	p->count = (uint16_t)(p->count * 2 + (rand_r(&jit->random) & 15));
	if (p->count < 64 || p->count > 60000)
		p->count = 60000;
	*jit_counter_of(jit, t->patch) = p->count;
}

static const struct {
	enum jit_counter counter;
	const char *text;
} reasons[ABORT_REASON_COUNT] = {
#define X(name, counter, text) [ABORT_##name] = {counter, text},
	JIT_ABORTS(X)
#undef X
};

/* The reason's text with detail put in place of its %s. */
static void reason_text(enum jit_abort_reason reason, const char *detail, char *text, size_t size)
{
	const char *format = reasons[reason].text, *at = strstr(format, "%s");

	if (at)
		snprintf(text, size, "%.*s%s%s", (int)(at - format), format, detail ? detail : "?",
			 at + 2);
	else
		snprintf(text, size, "%s", format);
}

/* Where thread L is: at the instruction that it does. */
static void running_place(lua_State *L, const Trace *t, char *text, size_t size)
{
	Frame *f = L->frame;

	if (frame_is_lua(f))
		jit_place(frame_function(f)->proto, f->u.lua.pc - 1, text, size);
	else
		jit_place(t->proto, t->pc, text, size);
}

/* The function that made a trace too long, if it is not the one where the trace began. */
static const char *too_long_in(lua_State *L, const Trace *t, enum jit_abort_reason reason,
			       char *text, size_t size)
{
	const Proto *p = frame_is_lua(L->frame) ? frame_function(L->frame)->proto : t->proto;

	if (reason != ABORT_TOO_LONG || p == t->proto)
		return NULL;
	jit_place(p, p->code, text, size);
	return text;
}

/* t is not recorded any more. The hook may do anything, so it is the last to be told. */
static void give_up(lua_State *L, Trace *t, enum jit_abort_reason reason, const char *detail)
{
	Jit *jit = L->global->jit;
	lua_State *asking = jit->asking;
	char text[JIT_REASON_LEN], place[JIT_GREENKEY_LEN], inlined[JIT_GREENKEY_LEN];

	reason_text(reason, detail, text, sizeof(text));
	running_place(L, t, place, sizeof(place));
	if (t->flushes == jit->flushes)
		punish(jit, t, reason);
	t->next = jit->finishing;
	jit->finishing = t;
	jit->asking = jit->sweeping ? NULL : L;
	listen_aborted(jit, t, text, place);
	jit_trace_aborted(jit->vm, &t->hooks,
			  &(struct jit_abort_info){
				  .counter = reasons[reason].counter,
				  .reason = text,
				  .reason_id = reason,
				  .operations = t->ir.n_ops,
				  .greenkey = place,
				  .too_long_in =
					  too_long_in(L, t, reason, inlined, sizeof(inlined)),
				  .materialize = jit_tell_operations,
				  .ctx = t,
			  });
	jit->asking = asking;
	jit->finishing = t->next;
	discard(L, t);
}

void jit_abort(lua_State *L, enum jit_abort_reason reason, const char *detail)
{
	Jit *jit = L->global->jit;
	Trace *t = stop(jit);

	jit_count(jit->vm, JIT_RECORDED_OPS, t->ir.n_ops);
	give_up(L, t, reason, detail);
}

void jit_interrupted(lua_State *L, int status)
{
	Jit *jit = L->global->jit;

	/* What happens in a coroutine that the recorded one runs is a result of resume(). */
	if (jit->current && jit->recording == L)
		jit_abort(L, status == LUA_YIELD ? ABORT_COROUTINE : ABORT_ERROR, NULL);
}

void jit_forget_thread(Global *g, const lua_State *thread)
{
	if (!g->jit || g->jit->recording != thread)
		return;
	g->jit->sweeping = true;
	jit_abort(g->jit->recording, ABORT_COROUTINE, NULL);
	g->jit->sweeping = false;
}

/* A place in the list of traces, exits, the patch: the trace can be entered. */
static void install(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;

	traces_add(jit, t);
	for (uint32_t i = 0; i < t->ir.n_snapshots; i++)
		t->exits[i].failures = (uint32_t)jit->parameters[JIT_PARAMETER_trace_eagerness];
	for (uint32_t i = 0; i < t->ir.n_ops; i++)
		if (t->ir.ops[i].opcode == IR_GUARD_NOT_INVALIDATED)
			t->exits[t->ir.ops[i].snapshot].aborted = NOT_BRIDGED;
	if (t->ends_early)
		t->exits[t->ir.ops[t->ir.n_ops - 1].snapshot].aborted = NOT_BRIDGED;
	if (t->kind == TRACE_BRIDGE)
		jit->backend->link(L, jit->traces[t->parent], (int32_t)t->parent_exit, t);
	else
		patch(t);
}

static void count_runs(lua_State *L, Trace *t, bool on)
{
	Jit *jit = L->global->jit;

	if (on == (t->runs != NULL))
		return;
	t->runs = on ? jit_run_count(jit->vm, t->hooks.no) : NULL;
	if (jit->backend->count && (t->runs || !on))
		jit->backend->count(L, t, t->runs);
}

void jit_count_runs(lua_State *L, bool on)
{
	Jit *jit = L->global->jit;

	jit->counting = on;
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i])
			count_runs(L, jit->traces[i], on);
}

static unsigned count_guards(const Ir *ir)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < ir->n_ops; i++)
		n += (ir_info[ir->ops[i].opcode].flags & IR_GUARD) != 0;
	return n;
}

static unsigned count_operations(const Ir *ir)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < ir->n_ops; i++)
		n += ir->ops[i].opcode != IR_NOP;
	return n;
}

static int assemble(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;
	int failed;

	t->exits = calloc(t->ir.n_snapshots + 1, sizeof(*t->exits));
	/* For the compile hook; without them it has zeros. */
	t->offsets = calloc(t->ir.n_ops + 1, sizeof(*t->offsets));
	if (!t->exits)
		return ABORT_NO_MEMORY + 1;
	jit_backend_start(jit->vm, &t->hooks);
	failed = jit->backend->assemble(L, t);
	jit_backend_end(jit->vm, &t->hooks);
	if (failed) {
		free(t->exits);
		t->exits = NULL;
	}
	return failed;
}

/*
 * While the optimize hook ran, traces came and went: are the places that t is to be
 * linked to still what they were when it was recorded?
 */
static bool is_overtaken(const Jit *jit, const Trace *t)
{
	if (t->flushes != jit->flushes)
		return true;
	if (t->kind == TRACE_BRIDGE)
		return !jit->traces[t->parent] ||
		       jit->traces[t->parent]->exits[t->parent_exit].bridge;
	return *t->patch != t->original;
}

/* The hook sees what will be assembled, and may run anything meanwhile: nothing is recorded. */
static int ask_and_assemble(lua_State *L, Trace *t, unsigned ops_before)
{
	Jit *jit = L->global->jit;
	lua_State *asking = jit->asking;
	int failed;

	stop(jit);
	t->next = jit->finishing;
	jit->finishing = t;
	jit->asking = L;
	jit_tell_optimize(jit, t, ops_before);
	listen_assembled(jit, t);
	jit->asking = asking;
	failed = is_overtaken(jit, t) ? ABORT_FLUSHED + 1 : assemble(L, t);
	if (failed == ABORT_CODE_FULL + 1 && traces_evict(L))
		failed = assemble(L, t);
	jit->finishing = t->next;
	return failed;
}

static void tell_compiled(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;
	lua_State *asking = jit->asking;

	t->next = jit->finishing;
	jit->finishing = t;
	jit->asking = L;
	jit_trace_compiled(jit->vm, &t->hooks,
			   &(struct jit_code){
				   .asmaddr = (uint64_t)(uintptr_t)t->code,
				   .asmlen = (uint32_t)t->code_size,
				   .operations = count_operations(&t->ir),
				   .materialize = jit_tell_operations,
				   .ctx = t,
			   });
	jit->asking = asking;
	jit->finishing = t->next;
	free(t->offsets);
	t->offsets = NULL;
	/* If the hook flushed, t is dead and not buried yet: see the caller. */
	jit_tell_done(t);
}

void jit_finish_recording(lua_State *L)
{
	Jit *jit = L->global->jit;
	Trace *t = jit->current;
	unsigned before = count_operations(&t->ir);
	RunningTrace here;
	int failed;

	if (t->ir.failed) {
		jit_abort(L, ABORT_NO_MEMORY, NULL);
		return;
	}
	jit_count(jit->vm, JIT_RECORDED_OPS, before);
	jit_count(jit->vm, JIT_GUARDS, count_guards(&t->ir));
	if (!optimize(jit, &t->ir)) {
		jit_abort(L, ABORT_UNSTABLE, NULL);
		return;
	}
	jit_count(jit->vm, JIT_OPT_OPS, count_operations(&t->ir));
	jit_count(jit->vm, JIT_OPT_GUARDS, count_guards(&t->ir));
	failed = ask_and_assemble(L, t, before);
	if (failed) {
		give_up(L, t, (enum jit_abort_reason)(failed - 1), NULL);
		return;
	}
	install(L, t);
	listen_compiled(jit, t, before);
	here = (RunningTrace){.previous = L->global->running, .t = t};
	L->global->running = &here;
	tell_compiled(L, t);
	if (jit->counting && !t->dead)
		count_runs(L, t, true);
	L->global->running = here.previous;
}

/* ---- Entering and leaving
 * ------------------------------------------------------------------------ */

/* Frames that an exit may open, so that it need not allocate. */
static void reserve_frames(lua_State *L, unsigned n)
{
	Frame *f = L->frame, *running = f;

	for (; n; n--) {
		if (!f->next) {
			L->frame = f;
			state_new_frame(L);
			L->frame = running;
		}
		f = f->next;
	}
}

/* All slots that are captured now are such that t keeps in memory. */
static bool knows_captured(const lua_State *L, const Trace *t, const Value *base)
{
	for (const Upvalue *uv = L->open_upvalues; uv && uv->v >= base; uv = uv->u.open.next)
		if (uv->v - base >= MAX_SLOTS ||
		    !slot_is_captured(t->captured, (int)(uv->v - base)))
			return false;
	return true;
}

/* Is there room on the stack, or can it be made? */
static bool has_stack(lua_State *L, const Trace *t)
{
	int end = t->ir.max_slot;

	return L->stack_last - frame_base(L->frame) > end ||
	       (stack_try_grow(L, end + 1) && L->stack_last - frame_base(L->frame) > end);
}

static bool may_enter(lua_State *L, const Trace *t)
{
	return L->mode == MODE_JIT && has_stack(L, t) && knows_captured(L, t, frame_base(L->frame));
}

bool jit_may_link(const Trace *from, int32_t exit, const Trace *to)
{
	int base = snapshot_base(&from->ir, &from->ir.snapshots[exit]);

	for (int slot = base < 0 ? 0 : base; slot < MAX_SLOTS; slot++)
		if (slot_is_captured(from->captured, slot) &&
		    (slot - base >= MAX_SLOTS || !slot_is_captured(to->captured, slot - base)))
			return false;
	return true;
}

/*
 * Where the trace that goes on at pc begins, every slot is in memory, so it can go on
 * behind any exit that leads there. Only one that did nothing must not lead to itself:
 * those lead to later traces.
 */
static const Trace *shared_bridge(const Jit *jit, const Trace *t, int32_t exit,
				  const Instruction *pc, bool moved)
{
	for (const Trace *to = traces_bridge_at(jit, pc); to; to = traces_next_at(to))
		if (to != t && (moved || to->born > t->born) && jit_may_link(t, exit, to))
			return to;
	return NULL;
}

/* What t keeps in memory, counted from the frame that is open at the exit. */
static void inherit_captured(Trace *bridge, const Trace *t, int32_t exit)
{
	const Snapshot *s = &t->ir.snapshots[exit];
	int base = snapshot_base(&t->ir, s);

	for (int slot = base < 0 ? 0 : base; slot < MAX_SLOTS; slot++)
		if (slot_is_captured(t->captured, slot) && slot - base < MAX_SLOTS)
			bridge->captured[(slot - base) / 64] |= 1ull << ((slot - base) % 64);
}

/* An exit was taken: is it hot enough for a bridge of its own? */
static void count_exit(lua_State *L, Trace *t, int32_t exit)
{
	Jit *jit = L->global->jit;
	TraceExit *e = &t->exits[exit];
	const Snapshot *s = &t->ir.snapshots[exit];
	Frame *f = L->frame;
	const Trace *shared;
	Trace *bridge;
	bool moved;

	jit_count(jit->vm, JIT_GUARD_FAILURES, 1);
	if (--e->failures || e->bridge)
		return;
	e->failures = (uint32_t)jit->parameters[JIT_PARAMETER_trace_eagerness];
	if (!may_record(L) || e->aborted >= jit->parameters[JIT_PARAMETER_max_aborts])
		return;
	moved = s->frames || s->below || t->pc != f->u.lua.pc;
	shared = shared_bridge(jit, t, exit, f->u.lua.pc, moved);
	if (shared) {
		jit->backend->link(L, t, exit, (Trace *)shared);
		return;
	}
	bridge = new_trace(L, TRACE_BRIDGE, frame_function(f)->proto, f->u.lua.pc);
	if (!bridge)
		return;
	bridge->parent = t->number;
	bridge->parent_exit = (uint32_t)exit;
	bridge->repeated = moved ? 0 : (uint8_t)(t->repeated + 1);
	bridge->root = t->kind == TRACE_BRIDGE ? t->root : t->number;
	if (bridge->repeated > MAX_REPEATED ||
	    jit->traces[bridge->root]->bridges++ >= jit->parameters[JIT_PARAMETER_max_bridges]) {
		e->aborted = NOT_BRIDGED;
		discard(L, bridge);
		return;
	}
	inherit_captured(bridge, t, exit);
	start(L, f, bridge);
}

/* The trace that goes on after exit `exit` of t was written back; NULL: the interpreter. */
static Trace *next_trace(const Jit *jit, const Trace *t, int32_t exit)
{
	const IrOp *last = &t->ir.ops[t->ir.n_ops - 1];

	if (t->exits[exit].bridge)
		return jit->traces[t->exits[exit].bridge];
	if (last->opcode == IR_FINISH && last->snapshot == exit && last->descr > 0 &&
	    (uint32_t)last->descr < jit->n_traces)
		return jit->traces[last->descr];
	return NULL;
}

/* Local variables that are in scope before the instruction; all registers without names. */
static int variables_in_scope(const Proto *p, const Instruction *at)
{
	int pc = (int)(at - p->code), n = 0;

	if (!p->line_count)
		return p->stack_size; /* stripped */
	for (int i = 0; i < p->local_count && p->locals[i].start_pc <= pc; i++)
		n += pc < p->locals[i].end_pc;
	return n;
}

/*
 * A step of the collector. Where a loop begins registers above the variables hold what
 * is over: as under the interpreter, which collects in the middle of statements with
 * L->top behind what is used, they keep nothing alive.
 */
static void collect(lua_State *L, const Trace *last)
{
	ptrdiff_t top = save_slot(L, L->top);

	if (last->kind == TRACE_LOOP && L->frame->u.lua.pc == last->pc)
		L->top = frame_base(L->frame) + variables_in_scope(last->proto, last->pc);
	gc_step(L);
	L->top = restore_slot(L, top);
}

/* One run of here->t, and what follows from it; true: with another trace, here->t by then. */
static bool run_trace(lua_State *L, RunningTrace *here)
{
	Jit *jit = L->global->jit;
	Trace *t = here->t, *next;
	int32_t exit;

	reserve_frames(L, t->ir.max_frames);
	exit = jit->backend->run(L, t, &here->t);
	t = here->t;
	exit_restore(L, t, exit);
	if (L->global->debt > 0)
		collect(L, t);
	/* It was flushed while it ran (links mean nothing any more), or a finalizer set a hook. */
	if (unlikely(t->dead || L->mode != MODE_JIT))
		return false;
	next = next_trace(jit, t, exit);
	if (!next)
		count_exit(L, t, exit);
	else
		here->t = next;
	return next;
}

void jit_enter(lua_State *L, uint32_t number)
{
	Global *g = L->global;
	RunningTrace here = {.previous = g->running, .t = g->jit->traces[number]};

	here.t->last_used = g->jit->generation;
	g->running = &here;
	while (may_enter(L, here.t) && run_trace(L, &here))
		;
	g->running = here.previous;
	if (unlikely(g->jit->dead))
		traces_bury(L);
}

/* ---- Flushing ------------------------------------------------------------------------- */

void jit_flush(lua_State *L, const char *cause)
{
	Jit *jit = L->global->jit;

	if (jit->current)
		jit_abort(jit->recording, ABORT_ERROR, NULL);
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i])
			unpatch(jit->traces[i]);
	listen_flushed(jit, cause);
	jit->flushes++;
	traces_forget_all(L);
	memset(jit->penalties, 0, PENALTIES * sizeof(*jit->penalties));
	jit_flushed(jit->vm, cause);
}

/* ---- The JIT of a state
 * -------------------------------------------------------------------------------- */

void jit_restart_counters(Jit *jit)
{
	for (int i = 0; i < HOT_COUNTERS; i++)
		jit->hot[i] = start_count(jit, TRACE_LOOP);
	memset(jit->penalties, 0, PENALTIES * sizeof(*jit->penalties));
}

bool jit_open(lua_State *L)
{
	struct jit_vm_config config = jit_vm_requests(L->global);
	Jit *jit = calloc(1, sizeof(*jit));

	if (!jit)
		return false;
	jit->penalties = calloc(PENALTIES, sizeof(*jit->penalties));
	if (!jit->penalties || jit_vm_create(&jit->vm, &config)) {
		free(jit->penalties);
		free(jit);
		return false;
	}
	parameters_default(jit);
	jit_restart_counters(jit);
	jit->random = 1;
	jit->backend = &backend_ir;
#ifdef __x86_64__
	if (!getenv("JITLUA_IR"))
		jit->backend = &backend_x64;
#endif
	L->global->jit = jit;
	listen_environment(jit);
	jit_switch(L, true);
	return true;
}

bool jit_need(lua_State *L)
{
	if (L->global->jit)
		return true;
	if (!jit_open(L))
		return false;
	jit_switch(L, false);
	return true;
}

LUA_API int jitlua_start_jit(lua_State *L)
{
	if (!jit_need(L))
		return 0;
	jit_switch(L, true);
	return 1;
}

LUA_API const char *jitlua_set_param(lua_State *L, const char *text)
{
	static __thread char message[PARAMETER_MESSAGE];

	if (!jit_need(L))
		return "not enough memory";
	return parameters_set(L, text, message) ? NULL : message;
}

LUA_API struct jit_vm *jitlua_vm(lua_State *L)
{
	return jit_need(L) ? L->global->jit->vm : NULL;
}

void jit_shut(Global *g)
{
	Jit *jit = g->jit;

	if (!jit)
		return;
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i])
			jit_free_trace(g->main_thread, jit->traces[i]);
	if (jit->current)
		jit_free_trace(g->main_thread, jit->current);
	g->running = NULL;
	traces_bury(g->main_thread);
	if (jit->backend->close)
		jit->backend->close(jit);
	record_stop(jit);
	listen_close(jit);
	jit_vm_destroy(jit->vm);
	lua_hooks_close(jit);
	models_free(jit);
	free(jit->traces);
	free(jit->spare);
	free(jit->penalties);
	free(jit);
	g->jit = NULL;
}

/* A thread may be in the middle of the interpreter, which looks when it is in no quick mode. */
static void switch_thread(lua_State *L)
{
	if (mode_is_quick(L))
		L->mode = MODE_SWITCH;
}

void jit_switch(lua_State *L, bool on)
{
	Global *g = L->global;

	if (g->jit->on == on)
		return;
	g->jit->on = on;
	if (!on && g->jit->current)
		jit_abort(g->jit->recording, ABORT_ERROR, NULL);
	switch_thread(g->main_thread);
	for (Object *o = g->objects; o; o = o->next)
		if (o->tag == TAG_THREAD)
			switch_thread((lua_State *)o);
}
