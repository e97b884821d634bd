/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enter.c - traces are entered and left: whether one may be, which one goes on where
 * another was left, and exits that are hot enough for a bridge.
 */
#include "../lua/call.h"
#include "../lua/gc.h"
#include "../lua/opcodes.h"
#include "trace.h"

/* Types that one instruction may have bridges for, one after the other. */
#define MAX_REPEATED 6
/* Traces of one loop, for other types than the first. */
#define MAX_LOOPS 3
/* Bridges, each behind the one before, that go around a loop that is not compiled. */
#define MAX_CHAIN 2
/* Times that an exit waits, each longer than the one before, for such a loop's trace. */
#define MAX_WAITS 4
/* Bridges of a family that is given up for a better one. */
#define MAX_SUPERSEDED 8

/* ---- May it be entered? ------------------------------------------------------------------- */

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

/* Is there room on the stack, or can it be made? */
static bool has_stack(lua_State *L, const Trace *t)
{
	int end = t->ir.max_slot;

	return L->stack_last - frame_base(L->frame) > end ||
	       (stack_try_grow(L, end + 1) && L->stack_last - frame_base(L->frame) > end);
}

static bool may_enter(lua_State *L, const Trace *t)
{
	return L->mode == MODE_JIT && has_stack(L, t);
}

/* ---- Loops between traces ----------------------------------------------------------------- */

/*
 * t begins in a loop that is not compiled, goes around it for some turns and leaves it to
 * where a trace goes on that does so too: between them they would run the loop, and write
 * all to memory every few turns. It was short when they were recorded, and is long now.
 * The instruction that jumps back in the loop; NULL: it is not so.
 */
static const Instruction *loop_between(const Trace *t, const Trace *to, const Snapshot *s,
				       const Frame *f)
{
	const Proto *p = frame_function(f)->proto;
	const Instruction *back = t->unrolled;

	return to && !s->frames && !s->below && back == to->unrolled && back >= p->code &&
			       back < p->code + p->code_count
		       ? back
		       : NULL;
}

static bool enters_trace(Instruction i)
{
	return get_op(i) >= OP_JFORLOOP && get_op(i) <= OP_JJMP;
}

/* Its own bridge enters the loop's trace, or is there for a few more turns. */
static bool wants_own_bridge(const Jit *jit, const Trace *t, const TraceExit *e,
			     const Instruction *back)
{
	if (!back || e->aborted || t->repeated == MAX_REPEATED ||
	    traces_family(jit, t)->bridges >= jit->parameters[JIT_PARAMETER_max_bridges])
		return false;
	return enters_trace(*back) || t->repeated < MAX_CHAIN;
}

/*
 * The loop had better have a trace: the interpreter goes around it until then, which
 * comes here when it is far from its end.
 */
static bool waits_for_loop(Jit *jit, TraceExit *e, const Instruction *back)
{
	if (!back || get_op(*back) >= OPCODE_COUNT || e->looped == MAX_WAITS)
		return false;
	*jit_counter_of(jit->hot, back) = 1;
	e->failures <<= ++e->looped;
	return true;
}

/* ---- An exit is hot ----------------------------------------------------------------------- */

/*
 * Where the trace that goes on at pc begins, every slot is in memory, so it can go on
 * behind any exit that leads there. Only one that did nothing must not lead to itself:
 * those lead to later traces.
 */
static const Trace *shared_bridge(const Jit *jit, const Trace *t, const Instruction *pc, bool moved)
{
	for (const Trace *to = traces_bridge_at(jit, pc); to; to = traces_next_at(to))
		if (moved || to->born > t->born)
			return to;
	return NULL;
}

/* Those that its place has had are all kept: their bridges lead into them. */
static unsigned loops_at(const Jit *jit, const Instruction *pc)
{
	unsigned n = 0;

	for (uint32_t i = 1; i < jit->n_traces; i++)
		n += jit->traces[i] && jit->traces[i]->kind == TRACE_LOOP &&
		     jit->traces[i]->pc == pc;
	return n;
}

/*
 * Values have another type than when the loop was recorded, maybe from now on: that of
 * an array's elements, which were 0 in the beginning. Bridges would come back to the
 * loop to leave it again in each turn; one that is recorded now has these types.
 */
static bool wants_other_types(const Jit *jit, const Trace *t, IrRef left_at)
{
	return t->kind == TRACE_LOOP && t->patch && !t->retired && left_at != t->settled &&
	       anew_is_about_type(&t->ir, left_at) && loops_at(jit, t->pc) < MAX_LOOPS;
}

/* The function that a call that begins at pc calls; NULL: no Lua function. */
static const LuaFunction *callee_at(const Jit *jit, const Frame *f, const Instruction *pc)
{
	Instruction i = jit_original(jit, pc);
	enum opcode op = get_op(i);
	const Value *v = frame_base(f) + get_a(i);

	return (op == OP_CALL || op == OP_TAILCALL || op == OP_TFORCALL) && is_lua_function(v)
		       ? as_lua_function(v)
		       : NULL;
}

/*
 * The root trace was made for one closure, and here comes another one of the same code:
 * where it is called in turns with others, or where each run of the loop has its own, a
 * bridge would be gone through in each turn. Early in the family's life a new root that
 * asks for the code alone is better.
 */
static bool wants_any_closure(const Jit *jit, const Trace *t, IrRef left_at, const Frame *f)
{
	const IrOp *guard = ir_op(&t->ir, left_at);
	const LuaFunction *now;
	const IrConstant *c;

	if (t->kind == TRACE_BRIDGE || !t->patch || t->retired || t->bridges > MAX_SUPERSEDED)
		return false;
	now = callee_at(jit, f, f->u.lua.pc);
	if (!now || now->proto->closures < MANY_CLOSURES)
		return false;
	if (guard->opcode != IR_GUARD_VALUE || !ir_is_constant(guard->arg[1]))
		return false;
	c = ir_constant(&t->ir, guard->arg[1]);
	return c->tag == TAG_LUA_FUNCTION && c->u.object != (const Object *)now &&
	       ((const LuaFunction *)c->u.object)->proto == now->proto;
}

static void record_bridge(lua_State *L, Trace *t, int32_t exit, unsigned repeated)
{
	Jit *jit = L->global->jit;
	TraceExit *e = &t->exits[exit];
	unsigned wait = budget_exit(jit, e, e->failures);
	Frame *f = L->frame;
	Trace *bridge;

	if (wait) {
		e->failures = wait;
		return;
	}
	bridge = jit_new_trace(L, TRACE_BRIDGE, frame_function(f)->proto, f->u.lua.pc);
	if (!bridge)
		return;
	bridge->parent = t->number;
	bridge->parent_exit = (uint32_t)exit;
	bridge->repeated = (uint8_t)repeated;
	bridge->root = t->kind == TRACE_BRIDGE ? t->root : t->number;
	if (bridge->repeated > MAX_REPEATED ||
	    jit->traces[bridge->root]->bridges++ >= jit->parameters[JIT_PARAMETER_max_bridges]) {
		e->aborted = NOT_BRIDGED;
		jit_discard(L, bridge);
		return;
	}
	jit_start_recording(L, f, bridge);
}

/* A trace that is there already goes on, or one is recorded now, or later. */
static void go_on_behind(lua_State *L, Trace *t, int32_t exit)
{
	const Jit *jit = L->global->jit;
	const Snapshot *s = &t->ir.snapshots[exit];
	const Frame *f = L->frame;
	TraceExit *e = &t->exits[exit];
	bool moved = s->moved || s->frames || s->below || t->pc != f->u.lua.pc;
	const Trace *shared = shared_bridge(jit, t, f->u.lua.pc, moved);
	const Instruction *back = loop_between(t, shared, s, f);

	if (wants_own_bridge(jit, t, e, back))
		record_bridge(L, t, exit, t->repeated + 1u);
	else if (waits_for_loop(L->global->jit, e, back))
		return;
	else if (shared)
		traces_link(L, t, exit, (Trace *)shared);
	else
		record_bridge(L, t, exit, moved ? 0 : t->repeated + 1u);
}

/* An exit was taken: is it hot enough for a bridge of its own? */
static void count_exit(lua_State *L, Trace *t, int32_t exit, IrRef left_at)
{
	Jit *jit = L->global->jit;
	TraceExit *e = &t->exits[exit];
	Frame *f = L->frame;

	jit_count(jit->vm, JIT_GUARD_FAILURES, 1);
	if (--e->failures || e->bridge)
		return;
	e->failures = (uint32_t)jit->parameters[JIT_PARAMETER_trace_eagerness];
	if (!jit_may_record(L) || e->aborted >= jit->parameters[JIT_PARAMETER_max_aborts] ||
	    frame_function(f)->proto->jit_off || traces_family(jit, t)->flushed)
		return;
	if (wants_other_types(jit, t, left_at))
		anew_doubt(jit, t, left_at);
	else if (wants_any_closure(jit, t, left_at, f))
		jit_supersede(jit, t);
	else
		go_on_behind(L, t, exit);
}

/* ---- Running ------------------------------------------------------------------------------ */

/* The trace that goes on after exit `exit` of t was written back; NULL: the interpreter. */
static Trace *next_trace(const Jit *jit, const Trace *t, int32_t exit)
{
	const IrOp *last = &t->ir.ops[t->ir.n_ops - 1];

	if (t->exits[exit].bridge)
		return jit->traces[t->exits[exit].bridge];
	if (last->snapshot == exit && ir_next_trace(&t->ir) < jit->n_traces)
		return jit->traces[ir_next_trace(&t->ir)];
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
static bool run_trace(lua_State *L, RunningTrace *here, const LoopRun *run)
{
	Jit *jit = L->global->jit;
	Trace *t = here->t, *next;
	int32_t exit;
	IrRef left_at;
	bool wished;

	reserve_frames(L, t->ir.max_frames);
	state_listen(L);
	exit = jit->backend->run(L, t, &here->t);
	t = here->t;
	left_at = jit->backend->left_at(L, t);
	exit_restore(L, t, exit);
	if (L->global->debt > 0)
		collect(L, t);
	wished = jit_has_wish(L->global);
	if (unlikely(wished))
		jit_listen(L);
	/* It was flushed while it ran (links mean nothing any more), or a finalizer set a hook. */
	if (unlikely(t->dead || L->mode != MODE_JIT))
		return false;
	next = next_trace(jit, t, exit);
	if (next) {
		here->t = next;
		return true;
	}
	vain_end(L, t, exit, left_at, run);
	if (!unlikely(wished) || t->exits[exit].aborted != NOT_BRIDGED)
		count_exit(L, t, exit, left_at);
	return false;
}

void jit_enter(lua_State *L, uint32_t number)
{
	Global *g = L->global;
	RunningTrace here = {.previous = g->running, .t = g->jit->traces[number]};
	LoopRun run;

	if (unlikely(jit_has_wish(g)))
		jit_listen(L);
	here.t->last_used = g->jit->generation;
	g->running = &here;
	vain_begin(L, here.t, &run);
	while (may_enter(L, here.t) && run_trace(L, &here, &run))
		;
	g->running = here.previous;
	if (unlikely(g->jit->dead))
		traces_bury(L);
	if (unlikely(g->jit->lingering))
		traces_drop_flushed(L);
}
