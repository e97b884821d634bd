/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_loops.c - the compiled code of a process, and how often it ran.
 *
 * Where runs are counted the hottest come first: by the runs since the last
 * round, if there was one, else by all. Otherwise the largest do.
 */
#include <stdlib.h>

#include "report.h"
#include "text.h"

struct ranked {
	uint64_t first, second; /* larger ones come first */
	size_t index;
};

/* The older one of two that are equal. */
static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? 1 : -1;
	if (x->second != y->second)
		return x->second < y->second ? 1 : -1;
	return (x->index > y->index) - (x->index < y->index);
}

/* ---- Runs ---------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	const struct jit_loop_run *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/* Since the last round; a loop that was not there then had none. */
static uint64_t new_runs(const struct subject *s, const struct jitscope_loop *l)
{
	const struct jit_loop_run key = {.number = l->no}, *old = NULL;

	if (s->before && s->before->n_runs)
		old = bsearch(&key, s->before->runs, s->before->n_runs, sizeof(key), by_number);
	return old && old->count <= l->loop.runs ? l->loop.runs - old->count : l->loop.runs;
}

static double per_second(const struct subject *s, uint64_t n)
{
	uint64_t ns = s->snapshot->taken_ns - s->before->taken_ns;

	return ns ? (double)n * 1e9 / (double)ns : 0;
}

static bool any_runs(const struct jitscope_snapshot *snap)
{
	return snap->info.n_loop_run_times || snap->info.overflow_runs;
}

/* ---- The list ---------------------------------------------------------------------- */

static struct ranked rank(const struct subject *s, size_t i, bool runs)
{
	const struct jitscope_loop *l = &s->snapshot->loops[i];

	if (runs)
		return (struct ranked){s->before ? new_runs(s, l) : l->loop.runs, l->loop.runs, i};
	/* by machine code, or where that is not known by operations */
	return (struct ranked){l->loop.asmlen, l->loop.operations, i};
}

static void columns(const struct report *r, const struct subject *s, bool runs)
{
	fprintf(r->f, " %10s %8s %12s", "bytes", "ops", "compile us");
	if (runs)
		fprintf(r->f, " %18s", "runs");
	if (runs && s->before)
		fprintf(r->f, " %16s", "a second");
	fprintf(r->f, "  %8s  %-12s  %s\n", "number", "type", "place");
}

static void one_loop(const struct report *r, const struct subject *s, const struct jitscope_loop *l,
		     bool runs)
{
	const char *type = jitscope_type_name(l->loop.type);
	char clean[TEXT_CLEAN];

	fprintf(r->f, " %10s %8s %12.1f", text_count(l->loop.asmlen),
		text_count(l->loop.operations), (double)l->loop.compile_ns / 1e3);
	if (runs)
		fprintf(r->f, " %18s", text_count(l->loop.runs));
	if (runs && s->before)
		fprintf(r->f, " %16.1f", per_second(s, new_runs(s, l)));
	fprintf(r->f, "  %8llu  %-12s  %s\n", (unsigned long long)l->no, type ? type : "?",
		text_clean(clean, sizeof(clean), l->loop.greenkey));
}

static void list(const struct report *r, const struct subject *s, bool runs)
{
	const struct jitscope_snapshot *snap = s->snapshot;
	struct ranked *order = malloc(snap->n_loops * sizeof(*order));

	if (!order) {
		fputs(" (no memory to sort the loops)\n", r->f);
		return;
	}
	for (size_t i = 0; i < snap->n_loops; i++)
		order[i] = rank(s, i, runs);
	qsort(order, snap->n_loops, sizeof(*order), by_rank);
	columns(r, s, runs);
	for (size_t i = 0; i < snap->n_loops && i < r->top; i++)
		one_loop(r, s, &snap->loops[order[i].index], runs);
	free(order);
}

void report_loops(const struct report *r, const struct subject *s)
{
	const struct jitscope_snapshot *snap = s->snapshot;
	bool runs = any_runs(snap);
	uint64_t bytes = 0;

	if (!snap->n_loops)
		return;
	for (size_t i = 0; i < snap->n_loops; i++)
		bytes += snap->loops[i].loop.asmlen;
	report_heading(r, "Compiled code");
	fprintf(r->f, ": %s live, %s of machine code", text_count(snap->n_loops),
		text_bytes(bytes));
	if (r->top && r->top < snap->n_loops)
		fprintf(r->f, "; the %s %s", text_count(r->top), runs ? "hottest" : "largest");
	fputc('\n', r->f);
	if (r->top)
		list(r, s, runs);
	if (snap->info.overflow_runs)
		fprintf(r->f, " and %s runs of loops that have no count of their own\n",
			text_count(snap->info.overflow_runs));
}
