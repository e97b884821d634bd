/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * throw.c - errors unwind by longjmp to the innermost handler of their thread.
 *
 * An error is a status and, for LUA_ERRRUN and LUA_ERRSYNTAX, the value at
 * top - 1. LUA_ERRMEM and LUA_ERRERR carry no value, since there may be no
 * memory for one: theirs is put in place by call_set_error_object(). LUA_YIELD
 * travels the same way, from lua_yieldk() to lua_resume().
 *
 * Nothing is undone by the throw. call_raw_protected() restores only the depth
 * of C calls; call_protected() the rest: the running frame, whether hooks are
 * allowed, the message handler; it closes what is to be closed above its level.
 *
 * A thread without a handler that fails is a coroutine on which the host works
 * without having resumed it: it is reset, and the error goes to the main thread.
 * If that has no handler either, the host's panic function has the last word.
 */
#include <stdlib.h>

#include "../trace/trace.h"
#include "call.h"
#include "debug.h"
#include "function.h"
#include "luastring.h"

/*
 * The compiler's own jumps save what the code needs and nothing else: a resume
 * with its yield takes a fifth less time than with the C library's.
 */
#if defined(__x86_64__) && defined(__GNUC__)
typedef void *Place[5];
#define mark_place(place) __builtin_setjmp(place)
#define jump_to(place) __builtin_longjmp(place, 1)
#else
typedef jmp_buf Place;
#define mark_place(place) _setjmp(place)
#define jump_to(place) _longjmp(place, 1)
#endif

struct longjmp_handler {
	struct longjmp_handler *previous;
	volatile int status;
	Place place;
};

int call_raw_protected(lua_State *L, ProtectedFunction f, void *data)
{
	uint32_t c_calls = L->c_calls;
	struct running_trace *running = L->global->running;
	struct longjmp_handler handler;

	handler.status = LUA_OK;
	handler.previous = L->handler;
	L->handler = &handler;
	if (mark_place(handler.place) == 0)
		f(L, data);
	L->handler = handler.previous;
	L->c_calls = c_calls;
	L->global->running = running;
	return handler.status;
}

/* No handler in this thread. */
static _Noreturn __attribute__((cold, noinline)) void throw_unprotected(lua_State *L, int status)
{
	Global *g = L->global;

	status = thread_reset(L, status);
	if (g->main_thread->handler) {
		set_value(g->main_thread->top, L->top - 1);
		g->main_thread->top++;
		throw_status(g->main_thread, status);
	}
	if (g->panic)
		g->panic(L);
	abort();
}

_Noreturn void throw_status(lua_State *L, int status)
{
	const Jit *jit = L->global->jit;

	if (jit && unlikely(jit->current))
		jit_interrupted(L, status);
	if (unlikely(!L->handler))
		throw_unprotected(L, status);
	L->handler->status = status;
	jump_to(L->handler->place);
}

_Noreturn void throw_error(lua_State *L)
{
	if (L->error_function) {
		/* The slots are there: STACK_EXTRA. */
		set_value(L->top, L->top - 1);
		set_value(L->top - 1, restore_slot(L, L->error_function));
		L->top++;
		call_no_yield(L, L->top - 2, 1);
	}
	throw_status(L, LUA_ERRRUN);
}

_Noreturn void throw_memory(lua_State *L)
{
	throw_status(L, LUA_ERRMEM);
}

static void push_handling_message(lua_State *L, void *data)
{
	String *s = string_of(L, "error in error handling");

	(void)data;
	push_object(L, s);
}

void call_set_error_object(lua_State *L, int status, Value *slot)
{
	switch (status) {
	case LUA_OK:
		set_nil(slot);
		break;
	case LUA_ERRMEM:
		set_object(slot, L->global->memory_message);
		break;
	case LUA_ERRERR: {
		ptrdiff_t saved = save_slot(L, slot);
		bool pushed = call_raw_protected(L, push_handling_message, NULL) == LUA_OK;

		slot = restore_slot(L, saved);
		if (pushed)
			set_value(slot, L->top - 1);
		else
			set_object(slot, L->global->memory_message);
		break;
	}
	default:
		set_value(slot, L->top - 1);
		break;
	}
	L->top = slot + 1;
}

struct closing {
	ptrdiff_t level;
	int status;
};

static void close_level(lua_State *L, void *data)
{
	struct closing *c = data;
	int status = c->status == LUA_OK ? CLOSE_NORMAL : c->status;

	block_close(L, restore_slot(L, c->level), status, false);
}

int call_close_protected(lua_State *L, ptrdiff_t level, int status)
{
	Frame *frame = L->frame;
	uint8_t allow_hook = L->allow_hook;

	/* An error in a __close replaces the one before, and the rest is closed with it. */
	for (;;) {
		struct closing c = {level, status};

		status = call_raw_protected(L, close_level, &c);
		if (likely(status == LUA_OK))
			return c.status;
		L->frame = frame;
		L->allow_hook = allow_hook;
	}
}

/* How things were when a protected call began. */
struct before {
	Frame *frame;
	ptrdiff_t top, error_function;
	uint8_t allow_hook;
};

static inline struct before remember(lua_State *L, ptrdiff_t top)
{
	return (struct before){L->frame, top, L->error_function, L->allow_hook};
}

/* After an error: the error object is the only value from the old top on. */
static __attribute__((noinline)) int restore(lua_State *L, const struct before *b, int status)
{
	L->frame = b->frame;
	L->allow_hook = b->allow_hook;
	status = call_close_protected(L, b->top, status);
	call_set_error_object(L, status, restore_slot(L, b->top));
	if (unlikely(stack_size(L) > LUAI_MAXSTACK))
		stack_shrink(L); /* the overflow was handled */
	return status;
}

int call_protected(lua_State *L, ProtectedFunction f, void *data, ptrdiff_t old_top,
		   ptrdiff_t error_function)
{
	struct before before = remember(L, old_top);
	int status;

	L->error_function = error_function;
	status = call_raw_protected(L, f, data);
	if (unlikely(status != LUA_OK))
		status = restore(L, &before, status);
	L->error_function = before.error_function;
	return status;
}

struct call {
	Value *func;
	int nresults;
};

static void run_call(lua_State *L, void *data)
{
	struct call *c = data;

	call_recoverable(L, c->func, c->nresults);
}

int call_function_protected(lua_State *L, Value *func, int nresults, ptrdiff_t error_function)
{
	struct before before = remember(L, save_slot(L, func));
	struct call c = {func, nresults};
	int status;

	L->error_function = error_function;
	status = call_raw_protected(L, run_call, &c);
	if (unlikely(status != LUA_OK)) {
		status = call_recover(L, status, before.frame, NON_YIELDABLE | 1);
		if (status != LUA_OK)
			status = restore(L, &before, status);
	}
	L->error_function = before.error_function;
	return status;
}

/*
 * Between LUAI_MAXCCALLS and a tenth above it, the message handler of the very
 * overflow runs; beyond that handling it has failed. The level is counted before
 * the error is raised, so that the handler's own calls do not raise it again.
 */
__attribute__((cold, noinline)) void c_call_check(lua_State *L)
{
	uint32_t depth = c_call_depth(L) + 1;

	if (depth == LUAI_MAXCCALLS) {
		L->c_calls++;
		error_run(L, "C stack overflow");
	}
	if (depth >= LUAI_MAXCCALLS / 10 * 11)
		throw_status(L, LUA_ERRERR);
}
