/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open.c - the JIT of a Lua state: made, switched on and off, flushed, freed.
 */
#include <stdlib.h>
#include <string.h>

#include "../lua/vm.h"
#include "listen.h"
#include "model.h"
#include "parameters.h"

#include <jitlua/jitlua.h>

bool jit_open(lua_State *L)
{
	struct jit_vm_config config = jit_vm_requests(L->global);
	Jit *jit = calloc(1, sizeof(*jit));

	if (!jit)
		return false;
	if (jit_vm_create(&jit->vm, &config)) {
		free(jit);
		return false;
	}
	parameters_default(jit);
	jit->hot = L->global->hot;
	jit_restart_counters(jit);
	jit->random = 1;
	jit->fail_guards = getenv("JITLUA_FAIL_GUARDS");
	jit->verify = getenv("JITLUA_VERIFY");
	jit->backend = &backend_ir;
#ifdef __x86_64__
	if (!getenv("JITLUA_IR"))
		jit->backend = &backend_x64;
#endif
	jit->no_slots = getenv("JITLUA_NO_SLOTS");
	L->global->jit = jit;
	listen_environment(jit);
	L->global->wish = jit_runs_wish();
	jit_listen(L);
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
	free(jit->bridges);
	free(jit->spare);
	free(jit);
	g->jit = NULL;
}

/* A thread may be in the middle of the interpreter, which looks when it is in no quick mode. */
static void switch_thread(lua_State *L)
{
	if (mode_is_quick(L))
		state_set_mode(L, MODE_SWITCH);
}

void jit_switch(lua_State *L, bool on)
{
	Global *g = L->global;

	if (g->jit->on == on)
		return;
	g->jit->on = on;
	if (!on && g->jit->current)
		jit_abort(g->jit->recording, ABORT_TURNED_OFF, NULL);
	switch_thread(g->main_thread);
	for (Object *o = g->objects; o; o = o->next)
		if (o->tag == TAG_THREAD)
			switch_thread((lua_State *)o);
}

void jit_flush(lua_State *L, const char *cause)
{
	Jit *jit = L->global->jit;

	if (jit->current)
		jit_abort(jit->recording, ABORT_FLUSHED, NULL);
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i]) {
			budget_flushed(jit, jit->traces[i]);
			jit_unpatch(jit->traces[i]);
		}
	listen_flushed(jit, cause);
	jit->flushes++;
	traces_forget_all(L);
	jit_flushed(jit->vm, cause);
}
