/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api_call.c - the part of lua.h that calls, loads and raises.
 */
#include "api.h"
#include "call.h"
#include "chunk.h"
#include "debug.h"
#include "function.h"
#include "gc.h"
#include "table.h"

/* ---- Calls -------------------------------------------------------------------------- */

void lua_callk(lua_State *L, int narguments, int nresults, lua_KContext context, lua_KFunction k)
{
	Value *func = L->top - (narguments + 1);

	api_check_elements(L, narguments + 1);
	lua_assert(!k || !frame_is_lua(L->frame));
	lua_assert(L->status == LUA_OK);
	if (k && is_yieldable(L)) {
		L->frame->u.c.k = k;
		L->frame->u.c.context = context;
		call(L, func, nresults);
	} else {
		call_no_yield(L, func, nresults);
	}
	api_adjust_results(L, nresults);
}

/*
 * In a coroutine an error may be raised when this C call is long gone, because
 * the function yielded. So what lua_pcallk() was about is kept in the frame,
 * where lua_resume() finds it; no handler is set up in C.
 */
static void call_in_frame(lua_State *L, Value *func, int nresults, ptrdiff_t error_function,
			  lua_KContext context, lua_KFunction k)
{
	Frame *f = L->frame;

	f->u.c.k = k;
	f->u.c.context = context;
	f->u2.function_index = (int)save_slot(L, func);
	f->u.c.old_error_function = L->error_function;
	L->error_function = error_function;
	f->status = (uint16_t)((f->status & ~FRAME_OLD_ALLOW_HOOK) | FRAME_PCALL |
			       (L->allow_hook ? FRAME_OLD_ALLOW_HOOK : 0));
	call(L, func, nresults);
	f->status &= (uint16_t)~FRAME_PCALL;
	L->error_function = f->u.c.old_error_function;
}

int lua_pcallk(lua_State *L, int narguments, int nresults, int message_handler,
	       lua_KContext context, lua_KFunction k)
{
	ptrdiff_t error_function = message_handler ? save_slot(L, api_slot(L, message_handler)) : 0;
	Value *func = L->top - (narguments + 1);
	int status = LUA_OK;

	api_check_elements(L, narguments + 1);
	lua_assert(!k || !frame_is_lua(L->frame));
	lua_assert(L->status == LUA_OK);
	if (k && is_yieldable(L))
		call_in_frame(L, func, nresults, error_function, context, k);
	else
		status = call_function_protected(L, func, nresults, error_function);
	api_adjust_results(L, nresults);
	return status;
}

/* ---- Chunks ------------------------------------------------------------------------- */

typedef struct load {
	Input in;
	const char *name;
	const char *mode;
} Load;

static void run_load(lua_State *L, void *data)
{
	Load *load = data;

	chunk_load(L, &load->in, load->name, load->mode);
}

/* The first upvalue of a chunk is _ENV. */
static void set_environment(lua_State *L, LuaFunction *f)
{
	Upvalue *env = f->upvalues[0];

	slot_get(table_find_integer(as_table(&L->global->registry), LUA_RIDX_GLOBALS), env->v);
	gc_barrier(L, env, env->v);
}

int lua_load(lua_State *L, lua_Reader reader, void *data, const char *name, const char *mode)
{
	Load load = {.name = name ? name : "?", .mode = mode};
	int status;

	input_open(L, &load.in, reader, data);
	L->c_calls += NON_YIELDABLE;
	status = call_protected(L, run_load, &load, save_slot(L, L->top), L->error_function);
	L->c_calls -= NON_YIELDABLE;
	if (status == LUA_OK && as_lua_function(L->top - 1)->upvalue_count >= 1)
		set_environment(L, as_lua_function(L->top - 1));
	gc_check(L);
	return status;
}

int lua_dump(lua_State *L, lua_Writer writer, void *data, int strip)
{
	const Value *v = L->top - 1;

	api_check_elements(L, 1);
	return is_lua_function(v) ? dump(L, as_lua_function(v)->proto, writer, data, strip) : 1;
}

/* ---- Errors --------------------------------------------------------------------------- */

int lua_error(lua_State *L)
{
	const Value *v = L->top - 1;

	api_check_elements(L, 1);
	/* A memory error that is passed on stays one. */
	if (is_short_string(v) && as_string(v) == L->global->memory_message)
		throw_memory(L);
	throw_error(L);
}

void lua_toclose(lua_State *L, int index)
{
	Frame *f = L->frame;

	tbc_new(L, api_slot(L, index));
	if (f->nresults >= LUA_MULTRET)
		f->nresults = (int16_t)nresults_with_tbc(f->nresults);
}

lua_CFunction lua_atpanic(lua_State *L, lua_CFunction panic)
{
	lua_CFunction old = L->global->panic;

	L->global->panic = panic;
	return old;
}
