/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evict.c - families of traces that are dropped although their functions live: to make
 * room, for age, and because the program wants single ones flushed.
 *
 * No code that lives leads to code that is freed. Who makes room or looks for age keeps
 * what others lead to; a flush by name drops those that lead to it as well, so that nobody
 * comes to it any more. What is on the C stack then, or hangs on something that waits to
 * be installed, is only unpatched: it is dropped when no trace runs.
 */
#include <stdlib.h>

#include "listen.h"
#include "trace.h"

/* Traces made from one look for old families to the next. */
#define AGE_EVERY 512

/* ---- What is kept ------------------------------------------------------------------------------
 */

static int by_use(const void *a, const void *b)
{
	uint64_t x = (*(Trace *const *)a)->last_used, y = (*(Trace *const *)b)->last_used;

	return (x < y) - (x > y);
}

/* The families that were entered last: three quarters of them. */
static void keep_recent(Jit *jit)
{
	Trace **roots = malloc((jit->n_traces + 1) * sizeof(Trace *));
	uint32_t n = 0;

	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i] && jit->traces[i]->kind != TRACE_BRIDGE) {
			jit->traces[i]->reached = !roots;
			if (roots)
				roots[n++] = jit->traces[i];
		}
	if (!roots)
		return;
	qsort(roots, n, sizeof(Trace *), by_use);
	for (uint32_t i = 0; i < n; i++)
		roots[i]->reached = i < n - n / 4;
	free(roots);
}

/* The families that were entered since so many traces were made. */
static void keep_young(Jit *jit)
{
	uint64_t longevity = (uint64_t)jit->parameters[JIT_PARAMETER_loop_longevity];

	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i] && jit->traces[i]->kind != TRACE_BRIDGE)
			jit->traces[i]->reached =
				jit->generation - jit->traces[i]->last_used <= longevity;
}

/* What runs, and what waits to be installed: it hangs on its parent, and may lead on. */
static void keep_needed(const Global *g)
{
	const Jit *jit = g->jit;
	Trace *t;

	for (const RunningTrace *r = g->running; r; r = r->previous)
		if (!r->t->dead)
			traces_family(jit, r->t)->reached = true;
	for (const Trace *f = jit->finishing; f; f = f->next) {
		if (f->flushes == jit->flushes && f->parent)
			traces_family(jit, jit->traces[f->parent])->reached = true;
		t = traces_goes_on_in(jit, f);
		if (t)
			traces_family(jit, t)->reached = true;
	}
}

/* What is kept, and all that its code leads to. */
static void keep_linked(const Jit *jit)
{
	bool more = true;

	while (more) {
		more = false;
		for (uint32_t i = 1; i < jit->n_traces; i++) {
			Trace *t = jit->traces[i], *to;

			if (!t || !traces_family(jit, t)->reached)
				continue;
			t->reached = true;
			to = traces_goes_on_in(jit, t);
			if (to && !traces_family(jit, to)->reached)
				more = traces_family(jit, to)->reached = true;
			for (uint32_t n = 0; n < t->ir.n_snapshots; n++) {
				to = jit->traces[t->exits[n].bridge];
				if (to && !traces_family(jit, to)->reached)
					more = traces_family(jit, to)->reached = true;
			}
		}
	}
}

static void keep_all_but_flushed(Jit *jit)
{
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i] && jit->traces[i]->kind != TRACE_BRIDGE)
			jit->traces[i]->reached = !jit->traces[i]->flushed;
}

/* ---- Dropping -----------------------------------------------------------------------------------
 */

static bool evict(lua_State *L, void (*keep)(Jit *jit))
{
	Jit *jit = L->global->jit;

	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i])
			jit->traces[i]->reached = false;
	keep(jit);
	keep_needed(L->global);
	keep_linked(jit);
	return traces_drop_unreached(L) > 0;
}

bool traces_evict(lua_State *L)
{
	return evict(L, keep_recent);
}

void traces_age(lua_State *L)
{
	if (L->global->jit->generation % AGE_EVERY == 0)
		evict(L, keep_young);
}

/* ---- Flushing by name ---------------------------------------------------------------------------
 */

static bool is_flushed(const Jit *jit, const Trace *t)
{
	return t && traces_family(jit, t)->flushed;
}

bool traces_lead_to_flushed(const Jit *jit, const Trace *t)
{
	if (is_flushed(jit, traces_goes_on_in(jit, t)))
		return true;
	for (uint32_t i = 0; t->exits && i < t->ir.n_snapshots; i++)
		if (is_flushed(jit, jit->traces[t->exits[i].bridge]))
			return true;
	return false;
}

static void flush_family(Jit *jit, Trace *root)
{
	budget_flushed(jit, root);
	jit_unpatch(root);
	root->retired = true;
	root->flushed = true;
	jit->lingering = true;
}

/* Who leads to what is flushed goes with it. */
static void flush_leading(Jit *jit)
{
	bool more = true;

	while (more) {
		more = false;
		for (uint32_t i = 1; i < jit->n_traces; i++) {
			Trace *t = jit->traces[i];

			if (!t || is_flushed(jit, t) || !traces_lead_to_flushed(jit, t))
				continue;
			flush_family(jit, traces_family(jit, t));
			more = true;
		}
	}
}

void traces_drop_flushed(lua_State *L)
{
	Jit *jit = L->global->jit;

	if (L->global->running)
		return;
	evict(L, keep_all_but_flushed);
	jit->lingering = false;
	for (uint32_t i = 1; i < jit->n_traces; i++)
		jit->lingering |= is_flushed(jit, jit->traces[i]);
}

static bool is_chosen(const Trace *t, const struct traces_chosen *which)
{
	return t && t->kind != TRACE_BRIDGE && !t->flushed &&
	       (which->number ? t->number == which->number : t->proto == which->proto) &&
	       (t->retired || !which->retired_only);
}

static bool has_chosen(const Jit *jit, const struct traces_chosen *which)
{
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (is_chosen(jit->traces[i], which))
			return true;
	return false;
}

void traces_flush(lua_State *L, struct traces_chosen which)
{
	Jit *jit = L->global->jit;

	/* It may go on into what is flushed, or have followed the function. */
	if (jit->current && (which.proto || has_chosen(jit, &which)))
		jit_abort(jit->recording, ABORT_FLUSHED, NULL);
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (is_chosen(jit->traces[i], &which))
			flush_family(jit, jit->traces[i]);
	if (!jit->lingering)
		return;
	flush_leading(jit);
	traces_drop_flushed(L);
}
