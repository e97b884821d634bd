/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finish.c - what was recorded becomes a trace that can be entered: it is optimized,
 * hooks see it, it is assembled and installed.
 */
#include <stdlib.h>

#include "listen.h"
#include "trace.h"

/* ---- Installing --------------------------------------------------------------------------- */

/* A place in the list of traces, exits, the patch: the trace can be entered. */
static void install(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;

	traces_add(jit, t);
	for (uint32_t i = 0; i < t->ir.n_snapshots; i++)
		t->exits[i].failures = (uint32_t)jit->parameters[JIT_PARAMETER_trace_eagerness];
	for (uint32_t i = 0; i < t->ir.n_ops; i++)
		if (t->ir.ops[i].opcode == IR_GUARD_NOT_INVALIDATED)
			t->exits[t->ir.ops[i].snapshot].aborted = NOT_BRIDGED;
	if (t->ends_early)
		t->exits[t->ir.ops[t->ir.n_ops - 1].snapshot].aborted = NOT_BRIDGED;
	if (t->kind == TRACE_BRIDGE) {
		traces_link(L, jit->traces[t->parent], (int32_t)t->parent_exit, t);
		return;
	}
	if (t->kind == TRACE_LOOP)
		anew_compare(jit, t);
	jit_patch(t);
}

/* ---- Compiling ---------------------------------------------------------------------------- */

static int assemble(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;
	int failed;

	t->exits = calloc(t->ir.n_snapshots + 1, sizeof(*t->exits));
	/* For the compile hook; without them it has zeros. */
	t->offsets = calloc(t->ir.n_ops + 1, sizeof(*t->offsets));
	if (!t->exits)
		return ABORT_NO_MEMORY + 1;
	failed = jit->backend->assemble(L, t);
	if (failed) {
		free(t->exits);
		t->exits = NULL;
	}
	return failed;
}

/*
 * While the optimize hook ran, traces came and went: are the places that t is to be
 * linked to still what they were when it was recorded?
 */
static bool is_overtaken(const Jit *jit, const Trace *t)
{
	if (t->flushes != jit->flushes || t->proto->jit_off || traces_lead_to_flushed(jit, t))
		return true;
	if (t->kind == TRACE_BRIDGE)
		return !jit->traces[t->parent] || traces_family(jit, t)->flushed ||
		       jit->traces[t->parent]->exits[t->parent_exit].bridge;
	return *t->patch != t->original;
}

static int assemble_and_install(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;
	int failed;

	jit_backend_start(jit->vm, &t->hooks);
	if (jit->backend->write)
		jit->backend->write(L, true);
	failed = assemble(L, t);
	if (failed == ABORT_CODE_FULL + 1 && traces_evict(L))
		failed = assemble(L, t);
	if (!failed)
		install(L, t);
	if (jit->backend->write)
		jit->backend->write(L, false);
	jit_backend_end(jit->vm, &t->hooks);
	return failed;
}

/* The hook sees what will be assembled, and may run anything meanwhile: nothing is recorded. */
static int ask_and_assemble(lua_State *L, Trace *t, unsigned ops_before)
{
	Jit *jit = L->global->jit;
	lua_State *asking = jit->asking;
	int failed;

	jit_stop_recording(jit);
	t->next = jit->finishing;
	jit->finishing = t;
	jit->asking = L;
	jit_tell_optimize(jit, t, ops_before);
	listen_assembled(jit, t);
	jit->asking = asking;
	failed = is_overtaken(jit, t) ? ABORT_OVERTAKEN + 1 : assemble_and_install(L, t);
	jit->finishing = t->next;
	return failed;
}

static void tell_compiled(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;
	lua_State *asking = jit->asking;

	t->next = jit->finishing;
	jit->finishing = t;
	jit->asking = L;
	jit_trace_compiled(jit->vm, &t->hooks,
			   &(struct jit_code){
				   .asmaddr = (uint64_t)(uintptr_t)t->code,
				   .asmlen = (uint32_t)t->code_size,
				   .operations = figures_operations(&t->ir),
				   .materialize = jit_tell_operations,
				   .ctx = t,
			   });
	jit->asking = asking;
	jit->finishing = t->next;
	free(t->offsets);
	t->offsets = NULL;
	/* If the hook flushed, t is dead and not buried yet: see the caller. */
	jit_tell_done(t);
}

void jit_finish_recording(lua_State *L)
{
	Jit *jit = L->global->jit;
	Trace *t = jit->current;
	unsigned before = figures_operations(&t->ir), guards = figures_guards(&t->ir);
	RunningTrace here;
	char wrong[160];
	int failed;

	if (t->ir.failed) {
		jit_abort(L, ABORT_NO_MEMORY, NULL);
		return;
	}
	if (!optimize(jit, &t->ir)) {
		jit_abort(L, ABORT_UNSTABLE, NULL);
		return;
	}
	if (unlikely(jit->verify) && !ir_verify(&t->ir, wrong)) {
		jit_abort(L, ABORT_REJECTED, wrong);
		return;
	}
	jit_count(jit->vm, JIT_RECORDED_OPS, before);
	jit_count(jit->vm, JIT_GUARDS, guards);
	figures_optimized(jit, &t->ir);
	failed = ask_and_assemble(L, t, before);
	if (failed) {
		jit_give_up(L, t, (enum jit_abort_reason)(failed - 1), NULL);
		return;
	}
	budget_pay(jit, t, true);
	listen_compiled(jit, t, before);
	here = (RunningTrace){.previous = L->global->running, .t = t};
	L->global->running = &here;
	tell_compiled(L, t);
	jit_count_new(L, t);
	if (!t->dead)
		traces_age(L);
	L->global->running = here.previous;
}
