/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.c - the stack of a thread: one block that moves.
 *
 * Every slot of the block always holds a valid value, or one that was valid
 * once and that the collector has not freed since: new slots are nil, and the
 * collector clears what lies above top. So the interpreter may raise top over
 * registers that it has not written yet.
 *
 * What points into the block is known and is corrected when it moves: top, each
 * frame's func and top, and the open upvalues. Variables to be closed are kept
 * as offsets. Whoever else holds a slot over a call that may grow the stack
 * saves it as an offset, too.
 *
 * The limit is LUAI_MAXSTACK. When it is hit, the block grows once more by
 * STACK_ERROR_ROOM, in which message handlers run; an overflow of that is an
 * error in error handling. stack_shrink() takes the room back.
 */
#include "call.h"
#include "debug.h"
#include "gc.h"

#define bytes_of(slots) ((size_t)((slots) + STACK_EXTRA) * sizeof(Value))
#define moved(p, from, to) ((Value *)((char *)(to) + ((char *)(p) - (char *)(from))))

static void correct_pointers(lua_State *L, Value *from, Value *to)
{
	L->top = moved(L->top, from, to);
	for (Frame *f = L->frame; f; f = f->previous) {
		f->func = moved(f->func, from, to);
		f->top = moved(f->top, from, to);
	}
	for (Upvalue *uv = L->open_upvalues; uv; uv = uv->u.open.next)
		uv->v = moved(uv->v, from, to);
}

/* The old block stays as it is until the new one is there: a collection may read it. */
static bool resize(lua_State *L, int size, bool raise)
{
	int old_size = stack_size(L);
	Value *old = L->stack, *block;

	if (raise)
		block = mem_realloc(L, old, bytes_of(old_size), bytes_of(size));
	else
		block = mem_try_realloc(L, old, bytes_of(old_size), bytes_of(size));
	if (!block)
		return false;
	for (int i = old_size + STACK_EXTRA; i < size + STACK_EXTRA; i++)
		set_nil(&block[i]);
	if (block != old)
		correct_pointers(L, old, block);
	L->stack = block;
	L->stack_last = block + size;
	return true;
}

static bool grow(lua_State *L, int n, bool raise)
{
	int size = stack_size(L);

	if (unlikely(size > LUAI_MAXSTACK)) {
		/* The room for message handlers is used up as well. */
		if (raise)
			throw_status(L, LUA_ERRERR);
		return false;
	}
	if (likely(n < LUAI_MAXSTACK)) {
		int needed = (int)(L->top - L->stack) + n;
		int wanted = 2 * size;

		if (wanted > LUAI_MAXSTACK)
			wanted = LUAI_MAXSTACK;
		if (wanted < needed)
			wanted = needed;
		if (likely(wanted <= LUAI_MAXSTACK))
			return resize(L, wanted, raise);
	}
	if (raise) {
		resize(L, LUAI_MAXSTACK + STACK_ERROR_ROOM, true);
		error_run(L, "stack overflow");
	}
	return false;
}

__attribute__((noinline, cold)) void stack_grow(lua_State *L, int n)
{
	grow(L, n, true);
}

__attribute__((noinline, cold)) bool stack_try_grow(lua_State *L, int n)
{
	return grow(L, n, false);
}

static int slots_in_use(lua_State *L)
{
	const Value *end = L->top;
	int n;

	for (Frame *f = L->frame; f; f = f->previous)
		if (end < f->top)
			end = f->top;
	n = (int)(end - L->stack) + 1;
	return n < LUA_MINSTACK ? LUA_MINSTACK : n;
}

void stack_shrink(lua_State *L)
{
	int used = slots_in_use(L);
	int keep = used > LUAI_MAXSTACK / 3 ? LUAI_MAXSTACK : used * 3;

	/* A trace that called something made sure of slots and frames before. */
	if (L->global->traces_running)
		return;
	/* A stack that is really overflowing needs its room for handlers. */
	if (used <= LUAI_MAXSTACK - STACK_EXTRA && stack_size(L) > keep) {
		int size = used > LUAI_MAXSTACK / 2 ? LUAI_MAXSTACK : used * 2;

		resize(L, size, false);
	}
	state_shrink_frames(L);
}

void stack_open(lua_State *L, lua_State *thread)
{
	Frame *base = &thread->base_frame;

	thread->stack = mem_alloc(L, bytes_of(STACK_BASIC), 0);
	for (int i = 0; i < STACK_BASIC + STACK_EXTRA; i++)
		set_nil(&thread->stack[i]);
	thread->stack_last = thread->stack + STACK_BASIC;
	base->previous = base->next = NULL;
	base->func = thread->stack;
	base->status = FRAME_C;
	base->nresults = 0;
	base->u.c.k = NULL;
	thread->top = thread->stack + 1;
	base->top = thread->top + LUA_MINSTACK;
	thread->frame = base;
}

void stack_free(lua_State *L)
{
	if (!L->stack)
		return;
	L->frame = &L->base_frame;
	state_free_frames(L);
	mem_free(L, L->stack, bytes_of(stack_size(L)));
	L->stack = NULL;
}
