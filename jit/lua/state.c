/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.c - states, threads, lists of frames, warnings.
 *
 * The main thread and the Global lie in one block, the only one that is left
 * when everything else of a state is freed; Global.total_bytes counts it and must
 * then be its size. A state is built in a protected call, in an order in which
 * what is there at any time can be freed: an allocation that fails at any point
 * leaves nothing behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../trace/trace.h"
#include "call.h"
#include "chunk.h"
#include "function.h"
#include "gc_internal.h"
#include "table.h"
#include "vm.h"

/* The first block; lua_newstate()'s. */
typedef struct main_block {
	ThreadBlock thread;
	Global global;
} MainBlock;

#define DEFAULT_PAUSE 200
#define DEFAULT_STEP_MULTIPLIER 100
#define DEFAULT_STEP_SIZE 13 /* log2 of bytes */
#define DEFAULT_MINOR_MULTIPLIER 20
#define DEFAULT_MAJOR_MULTIPLIER 100

const uint32_t state_stop = UINT32_MAX;

/* ---- Frames ------------------------------------------------------------------------- */

Frame *state_new_frame(lua_State *L)
{
	Frame *f;

	lua_assert(!L->frame->next);
	f = mem_alloc(L, sizeof *f, 0);
	f->previous = L->frame;
	f->next = NULL;
	L->frame->next = f;
	L->frame_count++;
	return f;
}

static void free_frame(lua_State *L, Frame *f)
{
	mem_free(L, f, sizeof *f);
	L->frame_count--;
}

void state_free_frames(lua_State *L)
{
	Frame *f = L->frame->next, *next;

	L->frame->next = NULL;
	for (; f; f = next) {
		next = f->next;
		free_frame(L, f);
	}
}

void state_shrink_frames(lua_State *L)
{
	Frame *f = L->frame->next, *next;

	/* Every other one of those after the next. */
	while (f && (next = f->next) != NULL) {
		f->next = next->next;
		free_frame(L, next);
		if (!f->next)
			break;
		f->next->previous = f;
		f = f->next;
	}
}

/* ---- Threads ------------------------------------------------------------------------ */

/* What must hold before the thread has a stack; the block is zeroed. */
static void init_thread(lua_State *thread, Global *g)
{
	thread->global = g;
	thread->listens_to = &state_stop;
	thread->status = LUA_OK;
	thread->allow_hook = true;
	thread->next_open = thread;
}

LUA_API lua_State *lua_newthread(lua_State *L)
{
	Global *g = L->global;
	ThreadBlock *block;
	lua_State *thread;

	gc_check(L);
	block = mem_alloc(L, sizeof *block, LUA_TTHREAD);
	memset(block, 0, sizeof *block);
	thread = &block->thread;
	gc_link_new(g, (Object *)thread, TAG_THREAD);
	init_thread(thread, g);
	push_object(L, thread); /* anchored */
	thread->hook = L->hook;
	thread->hook_mask = L->hook_mask;
	thread->base_hook_count = thread->hook_count = L->base_hook_count;
	memcpy(block->extra, thread_block(g->main_thread)->extra, LUA_EXTRASPACE);
	stack_open(L, thread);
	interp_update_mode(thread);
	return thread;
}

void state_free_thread(lua_State *L, lua_State *thread)
{
	jit_forget_thread(L->global, thread);
	/* Closures may live on with its variables. */
	if (thread->stack) {
		upvalues_close(thread, thread->stack);
		stack_free(thread);
	}
	mem_free(L, thread->tbc, thread->tbc_size * sizeof *thread->tbc);
	mem_free(L, thread_block(thread), sizeof(ThreadBlock));
}

/* ---- Opening and closing ------------------------------------------------------------ */

/* Not for secrets: only so that the collisions of strings differ from run to run. */
static uint32_t make_seed(const lua_State *L)
{
	uint64_t h = (uint64_t)time(NULL);

	h = (h ^ (uintptr_t)L) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 32 ^ (uintptr_t)&lua_newstate) * 0x9e3779b97f4a7c15u;
	return (uint32_t)(h >> 32);
}

static void open_registry(lua_State *L)
{
	Global *g = L->global;
	Table *registry = table_new(L);
	Value v;

	set_object(&g->registry, registry);
	table_resize(L, registry, LUA_RIDX_LAST, 0);
	set_object(&v, L);
	table_put_integer(L, registry, LUA_RIDX_MAINTHREAD, &v);
	set_object(&v, table_new(L));
	table_put_integer(L, registry, LUA_RIDX_GLOBALS, &v);
}

static void open_strings(lua_State *L)
{
	Global *g = L->global;

	string_table_open(L);
	g->memory_message = string_new(L, "not enough memory", strlen("not enough memory"));
	gc_fix(L, (Object *)g->memory_message);
	for (int i = 0; i < STRING_CACHE_SETS; i++) {
		for (int j = 0; j < STRING_CACHE_WAYS; j++)
			g->string_cache[i][j] = g->memory_message;
	}
}

static void open_state(lua_State *L, void *data)
{
	Global *g = L->global;

	(void)data;
	stack_open(L, L);
	open_strings(L);
	open_registry(L);
	meta_open(L);
	g->gc_stopped = 0;
	g->stop_emergency = false;
}

/* Frees everything but the first block; also what is half built. */
static void free_state(lua_State *L)
{
	Global *g = L->global;

	gc_free_all(L);
	jit_shut(g);
	if (g->front)
		front_close(g);
	if (g->strings.buckets)
		string_table_free(L);
	if (L->stack)
		stack_free(L);
	mem_free(L, L->tbc, L->tbc_size * sizeof *L->tbc);
	lua_assert(g->total_bytes == sizeof(MainBlock));
	g->allocate(g->allocate_data, thread_block(L), sizeof(MainBlock), 0);
}

static void set_stress(Global *g, const char *text)
{
	int n = text ? atoi(text) : 0;

	if (n <= 0)
		return;
	g->gc_stress = n == GC_STRESS_STEPS ? GC_STRESS_STEPS : GC_STRESS_ALLOCATIONS;
	g->gc_stress_every = g->gc_stress_left = (unsigned)n;
	g->debt = 1;
}

static void init_global(Global *g, lua_State *L, lua_Alloc allocate, void *data)
{
	g->allocate = allocate;
	g->allocate_data = data;
	g->total_bytes = sizeof(MainBlock);
	g->seed = make_seed(L);
	g->main_thread = L;
	g->white = MARK_WHITE0;
	g->gc_phase = PHASE_PAUSE;
	g->gc_mode = LUA_GCINC;
	g->gc_stopped = GC_STOPPED_BY_ITSELF;
	g->stop_emergency = true;
	g->gc_pause = DEFAULT_PAUSE;
	g->gc_step_multiplier = DEFAULT_STEP_MULTIPLIER;
	g->gc_step_size = DEFAULT_STEP_SIZE;
	g->gc_minor_multiplier = DEFAULT_MINOR_MULTIPLIER;
	g->gc_major_multiplier = DEFAULT_MAJOR_MULTIPLIER;
	set_stress(g, getenv("JITLUA_GC_STRESS"));
}

LUA_API lua_State *lua_newstate(lua_Alloc allocate, void *data)
{
	MainBlock *block = allocate(data, NULL, LUA_TTHREAD, sizeof *block);
	lua_State *L;

	if (!block)
		return NULL;
	memset(block, 0, sizeof *block);
	L = &block->thread.thread;
	init_global(&block->global, L, allocate, data);
	init_thread(L, &block->global);
	L->c_calls = NON_YIELDABLE; /* nothing to yield to */
	gc_link_new(&block->global, (Object *)L, TAG_THREAD);
	if (call_raw_protected(L, open_state, NULL) != LUA_OK) {
		free_state(L);
		return NULL;
	}
	return L;
}

LUA_API void lua_close(lua_State *L)
{
	L = L->global->main_thread;
	/* What was running is given up, its variables are closed. */
	L->frame = &L->base_frame;
	call_close_protected(L, save_slot(L, L->stack + 1), LUA_OK);
	free_state(L);
}

/* ---- Warnings ----------------------------------------------------------------------- */

void state_warning(lua_State *L, const char *text, int to_continue)
{
	Global *g = L->global;

	if (g->warn)
		g->warn(g->warn_data, text, to_continue);
}

void state_warn_error(lua_State *L, const char *where)
{
	const Value *v = L->top - 1;

	state_warning(L, "error in ", 1);
	state_warning(L, where, 1);
	state_warning(L, " (", 1);
	state_warning(L, is_string(v) ? as_string(v)->text : "error object is not a string", 1);
	state_warning(L, ")", 0);
}
