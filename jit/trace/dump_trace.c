/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dump_trace.c - jitlua -jdump: what becomes of a trace, from bytecode to machine
 * code. Sections begin with "---- TRACE N", so that a reader, or a program, can
 * look for them:
 *
 *	---- TRACE 1 start prog.lua:3
 *	---- TRACE 1 bytecode		instructions as they are recorded
 *	---- TRACE 1 IR recorded	operations, then after each pass
 *	---- TRACE 1 IR assembled	operations as the backend gets them
 *	---- TRACE 1 code 312 bytes
 *	---- TRACE 1 stop -> loop
 *	---- TRACE 1 freed
 *
 * The lists of operations are what ir_parse() reads, so they can be made tests of
 * the optimizer; what their constants are is said in comments behind them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "listen.h"

/* letter, name */
#define DUMP_FLAGS(X)     \
	X('t', EVENTS)    \
	X('b', BYTECODE)  \
	X('i', IR)        \
	X('p', PASSES)    \
	X('s', SNAPSHOTS) \
	X('m', CODE)

enum {
#define X(letter, name) FLAG_NUMBER_##name,
	DUMP_FLAGS(X)
#undef X
};

enum {
#define X(letter, name) FLAG_##name = 1 << FLAG_NUMBER_##name,
	DUMP_FLAGS(X)
#undef X
};

#define DEFAULT_FLAGS (FLAG_EVENTS | FLAG_BYTECODE | FLAG_IR | FLAG_CODE)

typedef struct dump_listener {
	Listener listener;
	FILE *to;
	unsigned flags;
	bool in_bytecode; /* its section's head is written */
} DumpListener;

static FILE *section(DumpListener *d, const Trace *t, const char *what)
{
	fprintf(d->to, "---- TRACE %u %s", t->number, what);
	return d->to;
}

/* ---- Events -----------------------------------------------------------------------------------
 */

static void started(Listener *l, const Jit *jit, const Trace *t)
{
	DumpListener *d = (DumpListener *)l;
	char place[JIT_GREENKEY_LEN];

	(void)jit;
	d->in_bytecode = false;
	if (!(d->flags & FLAG_EVENTS))
		return;
	listen_place(t, place);
	section(d, t, "start ");
	if (t->parent)
		fprintf(d->to, "(%u/%u) ", t->parent, t->parent_exit);
	fprintf(d->to, "%s\n", place);
}

static void aborted(Listener *l, const Jit *jit, const Trace *t, const char *reason,
		    const char *place)
{
	DumpListener *d = (DumpListener *)l;

	(void)jit;
	if (d->flags & FLAG_EVENTS)
		fprintf(section(d, t, "abort: "), "%s at %s\n\n", reason, place);
	fflush(d->to);
}

/* Maybe while another trace is recorded. */
static void freed(Listener *l, const Jit *jit, const Trace *t)
{
	DumpListener *d = (DumpListener *)l;

	(void)jit;
	if (!(d->flags & FLAG_EVENTS))
		return;
	d->in_bytecode = false;
	section(d, t, "freed\n\n");
	fflush(d->to);
}

static void flushed(Listener *l, const Jit *jit, const char *cause)
{
	DumpListener *d = (DumpListener *)l;

	(void)jit;
	if (d->flags & FLAG_EVENTS)
		fprintf(d->to, "---- TRACE flush: %s\n\n", cause);
	fflush(d->to);
}

/* ---- Bytecode, operations
 * -------------------------------------------------------------------------
 */

static void instruction(Listener *l, const Jit *jit, const Proto *p, const Instruction *pc,
			int depth)
{
	DumpListener *d = (DumpListener *)l;

	if (!(d->flags & FLAG_BYTECODE))
		return;
	if (!d->in_bytecode)
		section(d, jit->current, "bytecode\n");
	d->in_bytecode = true;
	while (depth-- > 0)
		fputs(". ", d->to);
	bytecode_print(jit, p, pc, d->to);
}

static void print_constant(const IrConstant *c, FILE *to)
{
	char place[JIT_GREENKEY_LEN];
	const Proto *p;

	switch (c->tag) {
	case TAG_SHORT_STRING:
		fprintf(to, "# short_string&%lx ", (unsigned long)(uintptr_t)c->u.p);
		bytecode_print_string((const String *)c->u.object, to);
		break;
	case TAG_LUA_FUNCTION:
	case TAG_PROTO:
		p = c->tag == TAG_PROTO ? (const Proto *)c->u.object
					: ((const LuaFunction *)c->u.object)->proto;
		listen_place(&(Trace){.proto = (Proto *)p, .pc = p->code}, place);
		fprintf(to, "# %s&%lx %s", c->tag == TAG_PROTO ? "proto" : "lua_function",
			(unsigned long)(uintptr_t)c->u.p, place);
		break;
	default:
		return;
	}
	fputc('\n', to);
}

/* One operation a line; snapshots begin with " [@" in it. */
static void print_operation(const DumpListener *d, const Ir *ir, IrRef ref)
{
	char *text = NULL, *snapshot;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);

	if (!memory)
		return;
	ir_print_op(ir, ref, memory);
	fclose(memory);
	snapshot = text && !(d->flags & FLAG_SNAPSHOTS) ? strstr(text, " [@") : NULL;
	if (snapshot)
		strcpy(snapshot, "\n");
	if (text)
		fputs(text, d->to);
	free(text);
}

static void list(Listener *l, const Jit *jit, const Trace *t, const Ir *ir, const char *pass)
{
	DumpListener *d = (DumpListener *)l;

	(void)jit;
	if (!(d->flags & (pass ? FLAG_PASSES : FLAG_IR)))
		return;
	section(d, t, "IR ");
	fprintf(d->to, "%s%s\n", pass && strcmp(pass, "recorded") ? "after " : "",
		pass ? pass : "assembled");
	for (uint32_t i = 0; i < ir->n_ops; i++)
		if (ir->ops[i].opcode != IR_NOP)
			print_operation(d, ir, (IrRef)i);
	for (uint32_t i = 0; i < ir->n_constants; i++)
		print_constant(&ir->constants[i], d->to);
	/* What follows may crash, and then this is wanted most. */
	fflush(d->to);
}

/* ---- Machine code
 * ---------------------------------------------------------------------------------- */

static void print_code(DumpListener *d, const Jit *jit, const Trace *t)
{
	const char *failed;

	fprintf(section(d, t, "code "), "%zu bytes\n", t->code_size);
	failed = t->code ? disassemble(jit, t, d->to) : "none: the operations are interpreted";
	if (failed)
		fprintf(d->to, "# %s\n", failed);
}

static void compiled(Listener *l, const Jit *jit, const Trace *t, unsigned recorded)
{
	DumpListener *d = (DumpListener *)l;
	char link[24];

	(void)recorded;
	if (d->flags & FLAG_CODE)
		print_code(d, jit, t);
	if (d->flags & FLAG_EVENTS)
		fprintf(section(d, t, "stop -> "), "%s\n\n", listen_link(&t->ir, link));
	fflush(d->to);
}

static void close_dump(Listener *l)
{
	listen_shut(((DumpListener *)l)->to);
	free(l);
}

/* ---- Beginning
 * ------------------------------------------------------------------------------------- */

static unsigned flag_of(char letter)
{
	switch (letter) {
#define X(letter, name) \
	case letter:    \
		return FLAG_##name;
		DUMP_FLAGS(X)
#undef X
	default:
		return 0;
	}
}

/* "ip": these; "+p-m": the usual ones, with and without; NULL, "": the usual ones. */
static bool parse_flags(const char *text, unsigned *flags)
{
	char sign = '+';

	*flags = DEFAULT_FLAGS;
	if (!text || !*text)
		return true;
	if (*text != '+' && *text != '-')
		*flags = 0;
	for (; *text; text++) {
		unsigned flag = flag_of(*text);

		if (*text == '+' || *text == '-')
			sign = *text;
		else if (!flag)
			return false;
		else if (sign == '+')
			*flags |= flag;
		else
			*flags &= ~flag;
	}
	/* Of snapshots alone there is nothing to show. */
	if (*flags == FLAG_SNAPSHOTS)
		*flags |= FLAG_IR;
	return true;
}

int dump_start(Jit *jit, const char *flags, const char *file)
{
	static const ListenerCalls calls = {
		.started = started,
		.instruction = instruction,
		.list = list,
		.compiled = compiled,
		.aborted = aborted,
		.freed = freed,
		.flushed = flushed,
		.close = close_dump,
	};
	DumpListener *d = calloc(1, sizeof(*d));
	int failed = !d ? -ENOMEM : !parse_flags(flags, &d->flags) ? -EINVAL : 0;

	if (!failed)
		failed = listen_open(file, stdout, &d->to);
	if (failed) {
		free(d);
		return failed;
	}
	d->listener.calls = &calls;
	listen_add(jit, &d->listener);
	return 0;
}
