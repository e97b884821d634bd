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

#include <jitlua/jitlua.h>

/* Calls until another trace of a function is tried whose last ended at a return too soon. */
#define SHORT_RETRY 31
#define MAX_SHORT 64
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
	if (t->patch)
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
	Jit *jit = L->global->jit;
	Trace *t;

	if (jit->n_traces == jit->size_traces) {
		uint32_t size = jit->size_traces ? jit->size_traces * 2 : 64;
		Trace **grown = realloc(jit->traces, size * sizeof(*grown));

		if (!grown)
			return NULL;
		jit->traces = grown;
		jit->size_traces = size;
		if (!jit->n_traces)
			jit->traces[jit->n_traces++] = NULL;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->number = jit->n_traces;
	t->kind = (uint8_t)kind;
	t->proto = p;
	t->pc = pc;
	ir_open(&t->ir);
	t->ir.proto = p;
	return t;
}

static void free_trace(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;

	if (t->exits)
		jit->backend->free(L, t);
	free(t->exits);
	ir_close(&t->ir);
	free(t);
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
	if (record_start(L, f, t->pc, t))
		L->mode = MODE_RECORD;
	else if (jit->current)
		jit_abort(L, ABORT_NO_MEMORY, NULL);
}

static bool may_record(lua_State *L)
{
	const Jit *jit = L->global->jit;

	return jit->on && !jit->current && L->mode == MODE_JIT && jit->n_traces < MAX_BX;
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
	/* Another coroutine than the one that is recorded runs. */
	if (jit->current && jit->recording != L)
		jit_abort(jit->recording, ABORT_COROUTINE, NULL);
	if (!may_record(L))
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
	if (jit->current && jit->recording != L)
		jit_abort(jit->recording, ABORT_COROUTINE, NULL);
	if (!may_record(L)) {
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

void jit_abort(lua_State *L, enum jit_abort_reason reason, const char *detail)
{
	Jit *jit = L->global->jit;
	char text[JIT_REASON_LEN], place[JIT_GREENKEY_LEN];
	Frame *f = L->frame;
	Trace *t = stop(jit);

	reason_text(reason, detail, text, sizeof(text));
	place_text(t, place, sizeof(place));
	if (frame_is_lua(f))
		jit_place(frame_function(f)->proto, f->u.lua.pc - 1, place, sizeof(place));
	jit_count(jit->vm, JIT_RECORDED_OPS, t->ir.n_ops);
	listen_aborted(jit, t, text, place);
	jit_trace_aborted(jit->vm, &t->hooks,
			  &(struct jit_abort_info){
				  .counter = reasons[reason].counter,
				  .reason = text,
				  .reason_id = reason,
				  .operations = t->ir.n_ops,
				  .greenkey = place,
			  });
	punish(jit, t, reason);
	free_trace(L, t);
}

void jit_interrupted(Global *g, int status)
{
	if (g->jit->current)
		jit_abort(g->jit->recording, status == LUA_YIELD ? ABORT_COROUTINE : ABORT_ERROR,
			  NULL);
}

void jit_forget_thread(Global *g, const lua_State *thread)
{
	if (g->jit && g->jit->recording == thread)
		jit_abort(g->jit->recording, ABORT_COROUTINE, NULL);
}

/* A place in the list of traces, exits, the patch: the trace can be entered. */
static void install(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;

	jit->traces[jit->n_traces++] = t;
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

void jit_finish_recording(lua_State *L)
{
	Jit *jit = L->global->jit;
	Trace *t = jit->current;
	unsigned before = count_operations(&t->ir);
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
	jit_tell_optimize(jit, t, before);
	listen_assembled(jit, t);
	failed = assemble(L, t);
	if (failed) {
		jit_abort(L, (enum jit_abort_reason)(failed - 1), NULL);
		return;
	}
	stop(jit);
	install(L, t);
	listen_compiled(jit, t, before);
	jit_trace_compiled(jit->vm, &t->hooks,
			   &(struct jit_code){
				   .asmaddr = (uint64_t)(uintptr_t)t->code,
				   .asmlen = (uint32_t)t->code_size,
				   .operations = count_operations(&t->ir),
			   });
}

/* ---- Forgetting
 * ------------------------------------------------------------------------------------ */

/* Frees what is forgotten, unless it may still run. */
static void bury(lua_State *L)
{
	Jit *jit = L->global->jit;

	while (jit->dead && !L->global->traces_running) {
		Trace *t = jit->dead;

		jit->dead = t->next_dead;
		free_trace(L, t);
	}
}

/* A trace may be on the C stack, in a call that may do anything: it is then kept. */
static void forget(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;

	jit->traces[t->number] = NULL;
	t->dead = true;
	t->next_dead = jit->dead;
	jit->dead = t;
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
static Trace *shared_bridge(const Jit *jit, const Trace *t, int32_t exit, const Instruction *pc,
			    bool moved)
{
	for (uint32_t n = moved ? 1 : t->number + 1; n < jit->n_traces; n++) {
		Trace *to = jit->traces[n];

		if (to && to != t && to->kind == TRACE_BRIDGE && to->pc == pc &&
		    jit_may_link(t, exit, to))
			return to;
	}
	return NULL;
}

uint32_t jit_trace_at(const Jit *jit, const Instruction *pc)
{
	for (uint32_t n = 1; n < jit->n_traces; n++)
		if (jit->traces[n] && jit->traces[n]->kind == TRACE_BRIDGE &&
		    jit->traces[n]->pc == pc)
			return n;
	return 0;
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
	Trace *bridge;
	bool moved;

	jit_count(jit->vm, JIT_GUARD_FAILURES, 1);
	if (--e->failures || e->bridge)
		return;
	e->failures = (uint32_t)jit->parameters[JIT_PARAMETER_trace_eagerness];
	if (!may_record(L) || e->aborted >= jit->parameters[JIT_PARAMETER_max_aborts])
		return;
	moved = s->frames || s->below || t->pc != f->u.lua.pc;
	bridge = shared_bridge(jit, t, exit, f->u.lua.pc, moved);
	if (bridge) {
		jit->backend->link(L, t, exit, bridge);
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
		free_trace(L, bridge);
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

void jit_enter(lua_State *L, uint32_t number)
{
	Jit *jit = L->global->jit;
	Trace *t = jit->traces[number], *last;
	int32_t exit;

	while (t && may_enter(L, t)) {
		reserve_frames(L, t->ir.max_frames);
		L->global->traces_running++;
		exit = jit->backend->run(L, t, &last);
		L->global->traces_running--;
		exit_restore(L, last, exit);
		/* It was flushed while it ran: its links mean nothing any more. */
		if (unlikely(last->dead)) {
			bury(L);
			return;
		}
		if (L->global->debt > 0)
			collect(L, last);
		/* A finalizer may have set a hook, or flushed. */
		if (L->mode != MODE_JIT)
			return;
		t = next_trace(jit, last, exit);
		if (!t)
			count_exit(L, last, exit);
	}
}

/* ---- Flushing ------------------------------------------------------------------------- */

void jit_flush(lua_State *L, const char *cause)
{
	Jit *jit = L->global->jit;

	if (jit->current)
		jit_abort(L, ABORT_ERROR, NULL);
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i])
			unpatch(jit->traces[i]);
	listen_flushed(jit, cause);
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i])
			forget(L, jit->traces[i]);
	bury(L);
	jit->n_traces = jit->n_traces ? 1 : 0;
	memset(jit->penalties, 0, PENALTIES * sizeof(*jit->penalties));
	jit_flushed(jit->vm, cause);
}

/* ---- The JIT of a state
 * -------------------------------------------------------------------------------- */

bool jit_open(lua_State *L)
{
	static const int64_t defaults[] = {
#define X(name, value) [JIT_PARAMETER_##name] = value,
		JIT_PARAMETERS(X)
#undef X
	};
	Jit *jit = calloc(1, sizeof(*jit));

	if (!jit)
		return false;
	jit->penalties = calloc(PENALTIES, sizeof(*jit->penalties));
	if (!jit->penalties ||
	    jit_vm_create(&jit->vm, &(struct jit_vm_config){.jitdriver_name = "jitlua"})) {
		free(jit->penalties);
		free(jit);
		return false;
	}
	memcpy(jit->parameters, defaults, sizeof(defaults));
	for (int i = 0; i < HOT_COUNTERS; i++)
		jit->hot[i] = start_count(jit, TRACE_LOOP);
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

LUA_API int jitlua_start_jit(lua_State *L)
{
	return L->global->jit || jit_open(L);
}

void jit_shut(Global *g)
{
	Jit *jit = g->jit;

	if (!jit)
		return;
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i])
			free_trace(g->main_thread, jit->traces[i]);
	if (jit->current)
		free_trace(g->main_thread, jit->current);
	g->traces_running = 0;
	bury(g->main_thread);
	if (jit->backend->close)
		jit->backend->close(jit);
	record_stop(jit);
	listen_close(jit);
	jit_vm_destroy(jit->vm);
	free(jit->traces);
	free(jit->penalties);
	free(jit);
	g->jit = NULL;
}

void jit_switch(lua_State *L, bool on)
{
	Global *g = L->global;

	g->jit->on = on;
	interp_update_mode(g->main_thread);
	for (Object *o = g->objects; o; o = o->next)
		if (o->tag == TAG_THREAD)
			interp_update_mode((lua_State *)o);
}

typedef void (*MarkWhite)(Global *g, Object *o);

static void mark_object(Global *g, const void *object, MarkWhite mark_white)
{
	Object *o = (Object *)object;

	if (is_white(o))
		mark_white(g, o);
}

static void mark_trace(Global *g, const Trace *t, MarkWhite mark_white)
{
	const Ir *ir = &t->ir;

	mark_object(g, t->proto, mark_white);
	for (uint32_t i = 0; i < ir->n_constants; i++)
		if (ir->constants[i].tag & TAG_COLLECTABLE)
			mark_object(g, ir->constants[i].u.object, mark_white);
	for (uint32_t i = 0; i < ir->n_snapshot_frames; i++)
		mark_object(g, ir->snapshot_frames[i].proto, mark_white);
	for (uint32_t i = 0; i < ir->n_snapshots; i++)
		if (ir->snapshots[i].proto)
			mark_object(g, ir->snapshots[i].proto, mark_white);
}

void jit_mark(Global *g, MarkWhite mark_white)
{
	const Jit *jit = g->jit;

	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i])
			mark_trace(g, jit->traces[i], mark_white);
	for (const Trace *t = jit->dead; t; t = t->next_dead)
		mark_trace(g, t, mark_white);
	if (jit->current)
		mark_trace(g, jit->current, mark_white);
}
