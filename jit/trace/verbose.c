/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verbose.c - jitlua -jv: a line for each event in the life of traces.
 *
 *	[TRACE   1 prog.lua:3 start]
 *	[TRACE   1 prog.lua:3 -> loop, 46 operations recorded, 67 assembled, 924 bytes]
 *	[TRACE   2 (1/4) prog.lua:5 start]
 *	[TRACE   2 (1/4) prog.lua:5 -> loop 1, 14 operations recorded, 33 assembled, 334 bytes]
 *	[TRACE   3 prog.lua:9 abort after 17 operations: not traced: C function print at
 *		prog.lua:10]
 *	[TRACE   2 (1/4) prog.lua:5 freed]
 *	[TRACE flush of 2: jit.flush()]
 *
 * (1/4): a bridge from exit 4 of trace 1. A loop is assembled twice: its first turn,
 * and the others. "loop": the trace's own; "loop 1": that of trace 1, at its label, with
 * its first turn as a part of this trace; "trace 1": trace 1 from its beginning.
 */
#include <errno.h>
#include <stdlib.h>

#include "listen.h"

typedef struct verbose {
	Listener listener;
	FILE *to;
} Verbose;

static FILE *output(const Listener *l)
{
	return ((const Verbose *)l)->to;
}

static void print_head(FILE *to, const Trace *t)
{
	char place[JIT_GREENKEY_LEN];

	listen_place(t, place);
	fprintf(to, "[TRACE %3u ", t->number);
	if (t->parent)
		fprintf(to, "(%u/%u) ", t->parent, t->parent_exit);
	fprintf(to, "%s ", place);
}

static void started(Listener *l, const Jit *jit, const Trace *t)
{
	(void)jit;
	print_head(output(l), t);
	fputs("start]\n", output(l));
	fflush(output(l));
}

static void compiled(Listener *l, const Jit *jit, const Trace *t, unsigned recorded)
{
	char link[24];

	(void)jit;
	print_head(output(l), t);
	fprintf(output(l), "-> %s, %u operations recorded, %u assembled, %zu bytes]\n",
		listen_link(&t->ir, link), recorded, listen_operations(&t->ir), t->code_size);
	fflush(output(l));
}

static void aborted(Listener *l, const Jit *jit, const Trace *t, const char *reason,
		    const char *place)
{
	(void)jit;
	print_head(output(l), t);
	fprintf(output(l), "abort after %u operations: %s at %s]\n", t->ir.n_ops, reason, place);
	fflush(output(l));
}

static void freed(Listener *l, const Jit *jit, const Trace *t)
{
	(void)jit;
	print_head(output(l), t);
	fputs("freed]\n", output(l));
	fflush(output(l));
}

static void flushed(Listener *l, const Jit *jit, const char *cause)
{
	unsigned n = 0;

	for (uint32_t i = 1; i < jit->n_traces; i++)
		n += jit->traces[i] != NULL;
	fprintf(output(l), "[TRACE flush of %u: %s]\n", n, cause);
	fflush(output(l));
}

static void close_verbose(Listener *l)
{
	listen_shut(output(l));
	free(l);
}

int verbose_start(Jit *jit, const char *file)
{
	static const ListenerCalls calls = {
		.started = started,
		.compiled = compiled,
		.aborted = aborted,
		.freed = freed,
		.flushed = flushed,
		.close = close_verbose,
	};
	Verbose *v = calloc(1, sizeof(*v));
	int failed = v ? listen_open(file, stderr, &v->to) : -ENOMEM;

	if (failed) {
		free(v);
		return failed;
	}
	v->listener.calls = &calls;
	listen_add(jit, &v->listener);
	return 0;
}
