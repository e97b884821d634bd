/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call.c - calling functions and returning from them, hooks included.
 *
 * A frame is taken into use only when all that can fail has been done (stack
 * and frame are there), so an error finds the caller's frame. The interpreter
 * has the quick path of Lua functions inline; call_prepare() is its way to C
 * functions, which therefore come first here.
 *
 * A thread whose mode is not MODE_NORMAL has a hook (or records): calls and
 * returns then look at hook_mask. All else pays one test of `mode`.
 */
#include "call.h"
#include "../trace/trace.h"
#include "debug.h"
#include "function.h"
#include "vm.h"

/* ---- Hooks ------------------------------------------------------------------------------ */

__attribute__((cold)) void call_hook(lua_State *L, int event, int line, int first, int count)
{
	Frame *f = L->frame;
	uint16_t status = FRAME_HOOKED;
	ptrdiff_t top, frame_top;
	lua_Debug ar;

	if (!L->hook || !L->allow_hook)
		return;
	top = save_slot(L, L->top);
	frame_top = save_slot(L, f->top);
	ar.event = event;
	ar.currentline = line;
	ar.i_ci = (struct CallInfo *)f;
	if (count) {
		status |= FRAME_TRANSFER;
		f->u2.transfer.first = (uint16_t)first;
		f->u2.transfer.count = (uint16_t)count;
	}
	if (frame_is_lua(f) && L->top < f->top)
		L->top = f->top; /* all its registers are live */
	stack_ensure(L, LUA_MINSTACK);
	if (f->top < L->top + LUA_MINSTACK)
		f->top = L->top + LUA_MINSTACK;
	L->allow_hook = 0;
	f->status |= status;
	L->hook(L, &ar);
	L->allow_hook = 1;
	f->top = restore_slot(L, frame_top);
	L->top = restore_slot(L, top);
	f->status &= (uint16_t)~status;
}

__attribute__((cold)) void call_hook_of_call(lua_State *L, Frame *f)
{
	const Proto *p = frame_function(f)->proto;

	/*
	 * For the line hook nothing has run yet: its next instruction is a new line.
	 * A vararg function gets here after its first instruction.
	 */
	L->old_pc = p->is_vararg ? 1 : 0;
	if (!(L->hook_mask & LUA_MASKCALL))
		return;
	/* Whoever asks where f is looks at the instruction before pc. */
	f->u.lua.pc++;
	call_hook(L, f->status & FRAME_TAIL ? LUA_HOOKTAILCALL : LUA_HOOKCALL, -1, 1,
		  p->parameters);
	f->u.lua.pc--;
}

static __attribute__((cold, noinline)) void hook_of_c_call(lua_State *L, Frame *f)
{
	if (L->hook_mask & LUA_MASKCALL)
		call_hook(L, LUA_HOOKCALL, -1, 1, (int)(L->top - f->func) - 1);
}

static void hook_of_return(lua_State *L, Frame *f, int nresults)
{
	if (L->hook_mask & LUA_MASKRET) {
		Value *first = L->top - nresults;
		int down = 0;

		/*
		 * A vararg function's registers lie above its extra arguments, and
		 * its func was moved back below them for the return.
		 */
		if (frame_is_lua(f)) {
			const Proto *p = frame_function(f)->proto;

			if (p->is_vararg)
				down = f->u.lua.extra_args + p->parameters + 1;
		}
		f->func += down;
		call_hook(L, LUA_HOOKRET, -1, (int)(first - f->func), nresults);
		f->func -= down;
	}
	if (frame_is_lua(f->previous))
		L->old_pc = frame_pc(f->previous);
}

/* ---- Returns ---------------------------------------------------------------------------- */

/* Moves the n values below top to `to`, as many as are wanted. */
static inline void move_results(lua_State *L, Value *to, int n, int wanted)
{
	const Value *from = L->top - n;
	int i;

	if (wanted == 1) {
		if (likely(n))
			set_value(to, from);
		else
			set_nil(to);
		L->top = to + 1;
		return;
	}
	if (wanted == 0) {
		L->top = to;
		return;
	}
	if (wanted == LUA_MULTRET)
		wanted = n;
	else if (n > wanted)
		n = wanted;
	for (i = 0; i < n; i++)
		set_value(to + i, from + i);
	for (; i < wanted; i++)
		set_nil(to + i);
	L->top = to + wanted;
}

/* What a return does besides moving values; returns how many are wanted. */
static __attribute__((cold, noinline)) int finish_slow(lua_State *L, Frame *f, int nresults)
{
	int wanted = f->nresults;

	if (wanted < LUA_MULTRET) {
		/* Should a __close yield, frame_resume() returns once more from here. */
		f->status |= FRAME_RETURNING;
		f->u2.results = nresults;
		block_close(L, f->func, CLOSE_NORMAL, true);
		f->status &= (uint16_t)~FRAME_RETURNING;
		wanted = nresults_with_tbc(wanted);
	}
	if (L->hook_mask)
		hook_of_return(L, f, nresults);
	return wanted;
}

static inline void finish(lua_State *L, Frame *f, int nresults)
{
	int wanted = f->nresults;

	if (unlikely(wanted < LUA_MULTRET || !mode_is_quick(L)))
		wanted = finish_slow(L, f, nresults);
	move_results(L, f->func, nresults, wanted);
	L->frame = f->previous;
}

void call_finish(lua_State *L, Frame *f, int nresults)
{
	finish(L, f, nresults);
}

/* ---- Calls ------------------------------------------------------------------------------ */

/* Ensures n slots; returns where the function is then. */
static inline Value *ensure_over(lua_State *L, int n, Value *func)
{
	if (unlikely(L->stack_last - L->top <= n)) {
		ptrdiff_t saved = save_slot(L, func);

		stack_grow(L, n);
		func = restore_slot(L, saved);
	}
	return func;
}

static inline int run_c(lua_State *L, Value *func, int nresults, lua_CFunction c)
{
	Frame *f;
	int n;

	func = ensure_over(L, LUA_MINSTACK, func);
	f = state_next_frame(L);
	f->func = func;
	f->top = L->top + LUA_MINSTACK;
	f->nresults = (int16_t)nresults;
	f->status = FRAME_C;
	L->frame = f;
	if (unlikely(!mode_is_quick(L)))
		hook_of_c_call(L, f);
	n = c(L);
	finish(L, f, n);
	return n;
}

static Frame *enter_lua(lua_State *L, Value *func, int nresults)
{
	Proto *p = as_lua_function(func)->proto;
	int given = (int)(L->top - func) - 1;
	Frame *f;

	func = ensure_over(L, p->stack_size, func);
	f = state_next_frame(L);
	f->func = func;
	f->top = func + 1 + p->stack_size;
	f->nresults = (int16_t)nresults;
	f->status = 0;
	f->u.lua.pc = p->code;
	for (; given < p->parameters; given++) {
		set_nil(L->top);
		L->top++;
	}
	L->frame = f;
	return f;
}

/* Puts the __call metamethod of the value at func below it, as the function. */
static __attribute__((cold, noinline)) Value *use_call_metamethod(lua_State *L, Value *func)
{
	Value f;

	func = ensure_over(L, 1, func);
	if (!meta_of(L, func, META_CALL, &f))
		error_call(L, func);
	for (Value *p = L->top; p > func; p--)
		set_value(p, p - 1);
	L->top++;
	set_value(func, &f);
	return func;
}

Frame *call_prepare(lua_State *L, Value *func, int nresults)
{
	for (;;) {
		if (likely(func->tag == TAG_C_FUNCTION)) {
			run_c(L, func, nresults, func->u.f);
			return NULL;
		}
		if (func->tag == TAG_LUA_FUNCTION)
			return enter_lua(L, func, nresults);
		if (func->tag == TAG_C_CLOSURE) {
			run_c(L, func, nresults, as_c_closure(func)->f);
			return NULL;
		}
		func = use_call_metamethod(L, func);
	}
}

static int enter_lua_tail(lua_State *L, Frame *f, Value *func, int n, int delta)
{
	Proto *p = as_lua_function(func)->proto;
	Value *to;
	int i;

	if (p->stack_size > delta)
		func = ensure_over(L, p->stack_size - delta, func);
	f->func -= delta;
	to = f->func;
	for (i = 0; i < n; i++)
		set_value(to + i, func + i);
	for (; i <= p->parameters; i++)
		set_nil(to + i);
	f->top = to + 1 + p->stack_size;
	f->u.lua.pc = p->code;
	f->status |= FRAME_TAIL;
	L->top = to + i;
	return -1;
}

int call_prepare_tail(lua_State *L, Frame *f, Value *func, int n, int delta)
{
	for (;;) {
		switch (func->tag) {
		case TAG_LUA_FUNCTION:
			return enter_lua_tail(L, f, func, n, delta);
		case TAG_C_FUNCTION:
			return run_c(L, func, LUA_MULTRET, func->u.f);
		case TAG_C_CLOSURE:
			return run_c(L, func, LUA_MULTRET, as_c_closure(func)->f);
		default:
			func = use_call_metamethod(L, func);
			n++;
		}
	}
}

static inline void run(lua_State *L, Value *func, int nresults, uint32_t c_calls)
{
	uint32_t old = L->c_calls;
	Frame *f;

	L->c_calls = c_calls;
	f = call_prepare(L, func, nresults);
	if (f) {
		f->status = FRAME_FRESH;
		interp_run(L, f);
	}
	L->c_calls = old;
}

static inline void check_depth(lua_State *L)
{
	if (unlikely(c_call_depth(L) >= LUAI_MAXCCALLS - 1))
		c_call_check(L);
}

/* Whoever calls so can be unrolled: RECOVERABLE stays as it is. */
void call(lua_State *L, Value *func, int nresults)
{
	check_depth(L);
	run(L, func, nresults, L->c_calls + 1);
}

void call_no_yield(lua_State *L, Value *func, int nresults)
{
	check_depth(L);
	run(L, func, nresults, (L->c_calls + (NON_YIELDABLE | 1)) & ~RECOVERABLE);
}

void call_recoverable(lua_State *L, Value *func, int nresults)
{
	check_depth(L);
	run(L, func, nresults, (L->c_calls + (NON_YIELDABLE | 1)) | RECOVERABLE);
}

/* ---- pcall() ----------------------------------------------------------------------------- */

/*
 * pcall() and xpcall() of the base library, called by a Lua function, need no C
 * code: a frame for them is pushed, and the function runs in the same interp_run().
 *
 *	func:	pcall, f, arguments	or	xpcall, handler, f, arguments
 *
 * (the interpreter exchanges the last two). The results of f take its place, so
 * `true` goes into the slot before. After a yield or an error inside f the frame
 * is finished as that of any C function with a continuation, which is this.
 * context: number of slots between.
 */
int call_continue_pcall(lua_State *L, int status, lua_KContext context)
{
	Value *base = frame_base(L->frame);

	if (status != LUA_YIELD) {
		/* The error object is at the top. */
		set_value(L->top, L->top - 1);
		set_boolean(L->top - 1, false);
		L->top++;
		return 2;
	}
	if (!context) {
		for (Value *p = L->top; p > base; p--)
			set_value(p, p - 1);
		L->top++;
	}
	set_boolean(base, true);
	return (int)(L->top - base);
}

static __attribute__((cold, noinline)) void finish_pcall_hooked(lua_State *L, Frame *f)
{
	f->status &= (uint16_t)~FRAME_PCALL;
	finish(L, f, call_continue_pcall(L, LUA_YIELD, f->u.c.context));
}

void call_finish_pcall(lua_State *L, Frame *f)
{
	Value *first = f->func + f->u.c.context;

	L->error_function = f->u.c.old_error_function;
	if (unlikely(!mode_is_quick(L))) {
		finish_pcall_hooked(L, f);
		return;
	}
	set_boolean(first, true);
	move_results(L, f->func, (int)(L->top - first), f->nresults);
	L->frame = f->previous;
	/* An overflow was handled so far up that its room was still in use. */
	if (unlikely(stack_size(L) > LUAI_MAXSTACK))
		stack_shrink(L);
}

static inline bool can_push(const lua_State *L, const Value *func, ptrdiff_t arguments,
			    bool with_handler)
{
	return L->c_calls & RECOVERABLE && arguments >= 1 + with_handler &&
	       (!with_handler || is_function(func + 2));
}

bool call_can_push_pcall(const lua_State *L, const Value *func, ptrdiff_t arguments,
			 bool with_handler)
{
	return can_push(L, func, arguments, with_handler);
}

static inline void open_pcall(lua_State *L, Frame *f, uint16_t status, bool with_handler)
{
	f->status = status;
	f->u.c.k = call_continue_pcall;
	f->u.c.context = with_handler;
	f->u.c.old_error_function = L->error_function;
	f->u2.function_index = (int)save_slot(L, f->func + 1 + with_handler);
	L->error_function = with_handler ? save_slot(L, f->func + 1) : 0;
}

void call_open_pcall(lua_State *L, Frame *f, uint16_t status)
{
	open_pcall(L, f, status, status & FRAME_HANDLER);
}

/* A hook wants to see the call; or the JIT records, and is not to follow what is called. */
static __attribute__((cold, noinline)) bool needs_c_code(const lua_State *L)
{
	return L->mode != MODE_RECORD || !jit_follows_call(L);
}

Frame *call_prepare_pcall(lua_State *L, Value *func, int nresults, bool with_handler)
{
	Frame *f, *callee;

	if (unlikely(!can_push(L, func, L->top - func - 1, with_handler) ||
		     (!mode_is_quick(L) && needs_c_code(L))))
		return call_prepare(L, func, nresults);
	func = ensure_over(L, LUA_MINSTACK, func);
	f = state_next_frame(L);
	f->func = func;
	f->top = L->top + LUA_MINSTACK;
	f->nresults = (int16_t)nresults;
	open_pcall(L, f, pcall_status(L, with_handler), with_handler);
	L->frame = f;
	func++;
	if (with_handler) {
		Value function = *func;

		set_value(func, func + 1);
		func++;
		set_value(func, &function);
	}
	callee = call_prepare(L, func, LUA_MULTRET);
	if (likely(callee))
		callee->status = FRAME_NESTED;
	else
		call_finish_pcall(L, f);
	return callee;
}
