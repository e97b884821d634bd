/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coroutine.c - resuming, yielding, and resetting threads.
 *
 * A coroutine runs on the C stack of whoever resumes it. A yield throws away
 * the C frames up to lua_resume() and leaves the thread's own frames as they
 * are. To go on, each frame is ended from the innermost outwards (unroll()):
 * a Lua function by the interpreter, which runs on through its Lua callers
 * until a fresh frame returns; a C function by its continuation, or by
 * returning what the yield was resumed with.
 *
 * An error in a coroutine has to find the frames of protected calls whose C
 * code is gone, too: lua_pcallk() leaves FRAME_PCALL in its frame, and
 * call_recover() looks for that when the error has come up to lua_resume(). The
 * same serves pcall() without C recursion (call.c) outside of coroutines: there
 * the error comes up to call_function_protected().
 */
#include "call.h"
#include "debug.h"
#include "function.h"
#include "luastring.h"
#include "vm.h"

/* ---- Going on ------------------------------------------------------------------------------ */

/* The status that a protected call has to be finished with; LUA_OK if none was set. */
static int recover_status(const Frame *f)
{
	return (f->status & FRAME_RECOVER_MASK) >> FRAME_RECOVER_SHIFT;
}

static void set_recover_status(Frame *f, int status)
{
	f->status = (uint16_t)((f->status & ~FRAME_RECOVER_MASK) | (status << FRAME_RECOVER_SHIFT));
}

/*
 * Does what lua_pcallk() would have done after its call, which was unwound by a
 * yield or an error. Returns the status for the continuation. While variables
 * are closed, a yield or another error brings us here again: the status stays in
 * the frame until that is done.
 */
static int finish_pcall(lua_State *L, Frame *f)
{
	int status = recover_status(f);

	if (likely(status == LUA_OK)) {
		status = LUA_YIELD;
	} else {
		Value *func = restore_slot(L, f->u2.function_index);

		L->allow_hook = (f->status & FRAME_OLD_ALLOW_HOOK) != 0;
		func = block_close(L, func, status, true);
		call_set_error_object(L, status, func);
		if (unlikely(stack_size(L) > LUAI_MAXSTACK))
			stack_shrink(L); /* the overflow was handled */
		set_recover_status(f, LUA_OK);
	}
	f->status &= (uint16_t)~FRAME_PCALL;
	L->error_function = f->u.c.old_error_function;
	return status;
}

/* Ends C frame f, in which something yielded or raised an error. */
static void finish_c(lua_State *L, Frame *f)
{
	int n;

	if (f->status & FRAME_RETURNING) {
		/* A __close method yielded: the rest of them, then the return. */
		n = f->u2.results;
	} else {
		int status = LUA_YIELD;

		if (f->status & FRAME_PCALL)
			status = finish_pcall(L, f);
		/* As after any call for all results. */
		if (f->top < L->top)
			f->top = L->top;
		n = f->u.c.k(L, status, f->u.c.context);
	}
	call_finish(L, f, n);
}

/* Until `base` is the running frame again. */
static void unroll(lua_State *L, const Frame *base)
{
	Frame *f;

	while ((f = L->frame) != base) {
		if (frame_is_lua(f)) {
			interp_finish_instruction(L);
			interp_run(L, L->frame); /* f, or a metamethod that it called */
		} else {
			finish_c(L, f);
		}
	}
}

/* data: number of arguments, on the top. */
static void resume(lua_State *L, void *data)
{
	int n = *(int *)data;
	Value *first = L->top - n;
	Frame *f = L->frame;

	if (L->status == LUA_OK) {
		/* The depth was counted by lua_resume(). */
		f = call_prepare(L, first - 1, LUA_MULTRET);
		if (f) {
			f->status = FRAME_FRESH;
			interp_run(L, f);
		}
		return;
	}
	L->status = LUA_OK;
	if (unlikely(frame_is_lua(f))) {
		/* It yielded inside a hook, before an instruction. */
		L->top = first;
		interp_run(L, f);
	} else {
		if (f->u.c.k)
			n = f->u.c.k(L, LUA_YIELD, f->u.c.context);
		call_finish(L, f, n);
	}
	unroll(L, &L->base_frame);
}

static Frame *find_pcall(lua_State *L, const Frame *base)
{
	for (Frame *f = L->frame; f != base; f = f->previous)
		if (f->status & FRAME_PCALL)
			return f;
	return NULL;
}

struct recovery {
	const Frame *base;
	uint32_t levels;
};

static void run_recovery(lua_State *L, void *data)
{
	const struct recovery *r = data;

	L->c_calls = (L->c_calls + r->levels) | RECOVERABLE;
	unroll(L, r->base);
}

int call_recover(lua_State *L, int status, Frame *base, uint32_t levels)
{
	struct recovery r = {base, levels};
	Frame *f;

	while (status > LUA_YIELD && (f = find_pcall(L, base)) != NULL) {
		L->frame = f;
		set_recover_status(f, status);
		status = call_raw_protected(L, run_recovery, &r);
	}
	return status;
}

/* After an error in a coroutine: what status it ends, or goes on, with. */
static __attribute__((cold, noinline)) int resume_after_error(lua_State *L, int status)
{
	status = call_recover(L, status, &L->base_frame, 0);
	if (status > LUA_YIELD) {
		/* Nobody caught it: dead, but its frames are kept for a traceback. */
		L->status = (uint8_t)status;
		call_set_error_object(L, status, L->top);
		L->frame->top = L->top;
	}
	return status;
}

/* ---- lua_resume(), lua_yieldk() -------------------------------------------------------------- */

/* The thread cannot be resumed: nothing happens to it but that its arguments are gone. */
static __attribute__((cold, noinline)) int refuse(lua_State *L, lua_State *from,
						  const char *message, int narguments)
{
	/* A lack of memory is the caller's error, not the thread's. */
	String *s = string_of(from ? from : L, message);

	L->top -= narguments;
	push_object(L, s);
	return LUA_ERRRUN;
}

LUA_API int lua_resume(lua_State *L, lua_State *from, int narguments, int *nresults)
{
	int status;

	if (L->status == LUA_OK) {
		if (unlikely(L->frame != &L->base_frame))
			return refuse(L, from, "cannot resume non-suspended coroutine", narguments);
		if (unlikely(L->top - frame_base(L->frame) == narguments)) /* no function */
			return refuse(L, from, "cannot resume dead coroutine", narguments);
	} else if (unlikely(L->status != LUA_YIELD)) {
		return refuse(L, from, "cannot resume dead coroutine", narguments);
	}
	L->c_calls = from ? c_call_depth(from) : 0;
	if (unlikely(L->c_calls >= LUAI_MAXCCALLS))
		return refuse(L, from, "C stack overflow", narguments);
	L->c_calls = (L->c_calls + 1) | RECOVERABLE;

	status = call_raw_protected(L, resume, &narguments);
	if (unlikely(status > LUA_YIELD))
		status = resume_after_error(L, status);
	*nresults =
		status == LUA_YIELD ? L->frame->u2.yielded : (int)(L->top - frame_base(L->frame));
	return status;
}

LUA_API int lua_yieldk(lua_State *L, int nresults, lua_KContext context, lua_KFunction k)
{
	Frame *f = L->frame;

	if (unlikely(!is_yieldable(L))) {
		if (L == L->global->main_thread)
			error_run(L, "attempt to yield from outside a coroutine");
		error_run(L, "attempt to yield across a C-call boundary");
	}
	L->status = LUA_YIELD;
	f->u2.yielded = nresults;
	if (unlikely(frame_is_lua(f)))
		return 0; /* in a hook: debug_trace_instruction() yields when that has returned */
	f->u.c.k = k;
	if (k)
		f->u.c.context = context;
	throw_status(L, LUA_YIELD);
}

LUA_API int lua_isyieldable(lua_State *L)
{
	return is_yieldable(L);
}

/* ---- Reset --------------------------------------------------------------------------------- */

int thread_reset(lua_State *L, int status)
{
	Frame *base = &L->base_frame;

	L->frame = base;
	base->func = L->stack;
	base->status = FRAME_C;
	set_nil(L->stack);
	if (status == LUA_YIELD)
		status = LUA_OK;
	L->status = LUA_OK; /* so that __close methods can run */
	L->error_function = 0;
	status = call_close_protected(L, save_slot(L, L->stack + 1), status);
	if (status == LUA_OK)
		L->top = L->stack + 1;
	else
		call_set_error_object(L, status, L->stack + 1);
	base->top = L->top + LUA_MINSTACK;
	stack_shrink(L);
	return status;
}

LUA_API int lua_resetthread(lua_State *L)
{
	return thread_reset(L, L->status);
}

#if LUA_VERSION_RELEASE_NUM >= 50406
LUA_API int lua_closethread(lua_State *L, lua_State *from)
{
	L->c_calls = from ? c_call_depth(from) : 0;
	return thread_reset(L, L->status);
}
#endif
