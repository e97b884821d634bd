/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counting.c - how often traces run: when that is to be counted, and where.
 *
 * Observers and the program wish it, at any time; libjithooks has the wish as a word
 * in memory that the kernel changes (jit_runs_wish()). The word is looked at when a
 * trace is entered, when one is compiled, and by guard_not_invalidated: every circle of
 * traces that go on in each other comes by one, so a loop that never ends hears of the
 * wish in its next turn. It leaves machine code then; libjithooks does what is to be
 * done outside, and says through config.count_runs how traces have to count, upon
 * which the code of all is patched. Whatever comes of the wish, the word as it was is
 * noted as heard, in Global.heard and in the code that compares it: nothing leaves because
 * of it again.
 */
#include "trace.h"

enum jit_trace_type jit_type_of(const Trace *t)
{
	static const enum jit_trace_type types[] = {
		[TRACE_LOOP] = JIT_TYPE_LOOP,
		[TRACE_FUNCTION] = JIT_TYPE_ENTRY_BRIDGE,
		[TRACE_BRIDGE] = JIT_TYPE_BRIDGE,
	};

	return types[t->kind];
}

static void count_runs(lua_State *L, Trace *t, unsigned how)
{
	Jit *jit = L->global->jit;
	uint64_t *runs = how ? jit_run_count(jit->vm, t->hooks.no) : NULL;

	if (t->counting == how && t->runs == runs)
		return;
	t->counting = (uint8_t)how;
	t->runs = runs;
	if (jit->backend->count)
		jit->backend->count(L, t);
}

static void patch_many(Jit *jit, bool begin)
{
	if (jit->backend->patch_many)
		jit->backend->patch_many(jit, begin);
}

static void count_all(lua_State *L, unsigned how)
{
	Jit *jit = L->global->jit;

	patch_many(jit, true);
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i])
			count_runs(L, jit->traces[i], how);
	patch_many(jit, false);
}

void jit_count_runs(lua_State *L, unsigned how)
{
	L->global->jit->counting = how;
	count_all(L, how);
}

void jit_count_no_more(lua_State *L)
{
	if (L->global->jit->counting)
		count_all(L, 0);
}

static void hear(lua_State *L, Trace *t)
{
	const Backend *backend = L->global->jit->backend;

	if (backend->hear)
		backend->hear(L, t);
}

void jit_listen(lua_State *L)
{
	Global *g = L->global;
	Jit *jit = g->jit;
	uint32_t before = g->heard;

	/* First of all, so that what changes meanwhile is heard the next time. */
	g->heard = __atomic_load_n(g->wish, __ATOMIC_RELAXED);
	jit_runs_update(jit->vm);
	if (g->heard == before)
		return; /* as at most compiles: no code is to be made writable */
	patch_many(jit, true);
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i])
			hear(L, jit->traces[i]);
	patch_many(jit, false);
}

void jit_count_new(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;

	jit_listen(L);
	hear(L, t);
	if (jit->counting && !t->dead)
		count_runs(L, t, jit->counting);
}
