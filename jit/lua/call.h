/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call.h - calls, returns, errors, the stack, coroutines.
 *
 * Functions are called as: function and arguments are pushed, the function's
 * slot is named. Results replace the function and what follows.
 */
#ifndef JITLUA_CALL_H
#define JITLUA_CALL_H

#include "state.h"

/* ---- The stack ---------------------------------------------------------------------- */

/* Room for n more above top: may move the stack; raises "stack overflow". */
void stack_grow(lua_State *L, int n);
/* false instead of raising. */
bool stack_try_grow(lua_State *L, int n);
/* For the collector: gives back what is not used. */
void stack_shrink(lua_State *L);
/* Allocates a new thread's stack and first frame; frees it. */
void stack_open(lua_State *L, lua_State *thread);
void stack_free(lua_State *L);

static inline void stack_ensure(lua_State *L, int n)
{
	if (unlikely(L->stack_last - L->top <= n))
		stack_grow(L, n);
}

/* Pushes; needs one of the STACK_EXTRA or ensured slots. */
#define push_object(L, o)                \
	do {                             \
		set_object((L)->top, o); \
		(L)->top++;              \
	} while (0)

/* ---- Calls --------------------------------------------------------------------------- */

/* Calls the function in slot func, which may yield only if nothing C is between. */
void call(lua_State *L, Value *func, int nresults);
/* The same, and no yield may pass. */
void call_no_yield(lua_State *L, Value *func, int nresults);
/* Neither, directly below a handler that uses call_recover() (RECOVERABLE). */
void call_recoverable(lua_State *L, Value *func, int nresults);

/*
 * For the interpreter. Prepares a call: a Lua function gets its frame (missing
 * arguments nil, stack ensured, vararg still to be adjusted), which is returned
 * and is L->frame; a C function is run to its end and its results put in place:
 * NULL. A value with __call is replaced as the language says. May run Lua code
 * and move the stack.
 */
Frame *call_prepare(lua_State *L, Value *func, int nresults);
/*
 * Tail call of the n values from func on (function and arguments) in place of
 * frame f, whose func is moved down by `delta` slots if it was vararg. Returns -1
 * if f is now the called Lua function's frame, else the number of results of a C
 * function, which stand below top; then f->func was not moved.
 */
int call_prepare_tail(lua_State *L, Frame *f, Value *func, int n, int delta);
/*
 * The call of pcall() (at func, arguments up to top) or, with_handler, xpcall() by
 * the running Lua function, without recursion in C: as call_prepare(), but the frame
 * that is returned is FRAME_NESTED, over a frame for pcall() itself.
 */
Frame *call_prepare_pcall(lua_State *L, Value *func, int nresults, bool with_handler);
/* Can it be called so, but for hooks? arguments: how many, f among them. */
bool call_can_push_pcall(const lua_State *L, const Value *func, ptrdiff_t arguments,
			 bool with_handler);
/*
 * Frame f, whose func and top are set, becomes that of pcall() or xpcall(), and what it
 * calls is in slot f->func + 1 or, with the handler before it, f->func + 2: errors are
 * caught there and nowhere else from now on. status: pcall_status().
 */
void call_open_pcall(lua_State *L, Frame *f, uint16_t status);
/* The continuation in it, for code that writes such a frame itself. */
int call_continue_pcall(lua_State *L, int status, lua_KContext context);
static inline uint16_t pcall_status(const lua_State *L, bool with_handler)
{
	return (uint16_t)(FRAME_C | FRAME_PCALL | (with_handler ? FRAME_HANDLER : 0) |
			  (L->allow_hook ? FRAME_OLD_ALLOW_HOOK : 0));
}
/* The Lua function called by pcall frame f has returned: L->frame = f->previous. */
void call_finish_pcall(lua_State *L, Frame *f);
/*
 * Ends frame f with nresults values below top: hook, results in place, L->frame =
 * previous. A vararg function's func was moved back below its extra arguments.
 */
void call_finish(lua_State *L, Frame *f, int nresults);

/* ---- Errors ---------------------------------------------------------------------------- */

typedef void (*ProtectedFunction)(lua_State *L, void *data);

/*
 * Runs f; an error unwinds to here. Returns the status and leaves the error
 * object wherever the raiser put it: at top - 1. Frames and stack are as they
 * were when the error was raised.
 */
int call_raw_protected(lua_State *L, ProtectedFunction f, void *data);
/*
 * The same and restores: closes variables and upvalues from slot old_top (saved)
 * on, frames, hooks; the error object is then at old_top. error_function: saved
 * slot of a message handler or 0.
 */
int call_protected(lua_State *L, ProtectedFunction f, void *data, ptrdiff_t old_top,
		   ptrdiff_t error_function);
/* lua_pcallk() without continuation: calls the function in slot func, no yield may pass. */
int call_function_protected(lua_State *L, Value *func, int nresults, ptrdiff_t error_function);
/*
 * After an error that was caught where frame `base` ran: goes on in the protected
 * calls without a handler of their own (FRAME_PCALL) that are above it, if there are
 * any, until the function that base called is done. Returns the status. levels: what
 * to add to c_calls for that.
 */
int call_recover(lua_State *L, int status, Frame *base, uint32_t levels);
/* Closes to-be-closed variables from `level` (saved) on, protected; returns the last status. */
int call_close_protected(lua_State *L, ptrdiff_t level, int status);
/* Puts the error object for status at `slot` and top above it. */
void call_set_error_object(lua_State *L, int status, Value *slot);

/* Raises status; the error object is at top - 1 (LUA_ERRMEM: taken from Global). */
_Noreturn void throw_status(lua_State *L, int status);
/* Raises the value at top - 1, after the message handler. LUA_ERRRUN. */
_Noreturn void throw_error(lua_State *L);
_Noreturn void throw_memory(lua_State *L);

/*
 * Brings a thread back to its base: closes what is pending, with `status` (LUA_OK,
 * LUA_YIELD, or an error with its object at top - 1). Returns the last status; the
 * error object, if any, is then the only value. lua_resetthread().
 */
int thread_reset(lua_State *L, int status);

/* ---- C calls --------------------------------------------------------------------------- */

/* One more C level: raises "C stack overflow" at LUAI_MAXCCALLS. */
void c_call_check(lua_State *L);
static inline void c_call_enter(lua_State *L)
{
	if (unlikely(c_call_depth(L) >= LUAI_MAXCCALLS - 1))
		c_call_check(L);
	L->c_calls++;
}

/* ---- Hooks ------------------------------------------------------------------------------ */

/* Calls the debug hook. first, count: values passed or returned (Frame.u2.transfer). */
void call_hook(lua_State *L, int event, int line, int first, int count);
/*
 * The call hook of a Lua function: called by the interpreter in hook mode before
 * the first instruction, or after VARARGPREP (pc: the next instruction).
 */
void call_hook_of_call(lua_State *L, Frame *f);

#endif
