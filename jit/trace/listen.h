/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen.h - what happens to traces, told to whoever shows it to people: verbose.c
 * (-jv), dump_trace.c (-jdump), perf_map.c (-jperf).
 *
 * A listener is a table of calls, those that it does not want being NULL, and its
 * own state behind that. They are told at the same places at which libjithooks is,
 * so what they count agrees with its counters. A Jit without listeners pays one
 * comparison for an event, and none in code that is compiled.
 *
 * Listeners must not change anything of the Jit's, nor run Lua code.
 */
#ifndef JITLUA_LISTEN_H
#define JITLUA_LISTEN_H

#include <stdio.h>

#include "trace.h"

typedef struct listener Listener;

typedef struct listener_calls {
	/* t->number is the next free one; a trace that is given up does not keep it. */
	void (*started)(Listener *l, const Jit *jit, const Trace *t);
	/* pc is about to be recorded, `depth` calls below where the trace began. */
	void (*instruction)(Listener *l, const Jit *jit, const Proto *p, const Instruction *pc,
			    int depth);
	/* The operations of t: "recorded", after each pass its name, NULL as they are assembled. */
	void (*list)(Listener *l, const Jit *jit, const Trace *t, const Ir *ir, const char *pass);
	/* recorded: operations before the optimizer. */
	void (*compiled)(Listener *l, const Jit *jit, const Trace *t, unsigned recorded);
	void (*aborted)(Listener *l, const Jit *jit, const Trace *t, const char *reason,
			const char *place);
	/* t, which may not have been told of yet, has got another piece of code, its last. */
	void (*extended)(Listener *l, const Jit *jit, const Trace *t);
	/* t alone, with its family: it is not used any more, or flushed by name. */
	void (*freed)(Listener *l, const Jit *jit, const Trace *t);
	/* All, before they are freed; they are not told of one by one. */
	void (*flushed)(Listener *l, const Jit *jit, const char *cause);
	/* Frees the listener too. */
	void (*close)(Listener *l);
} ListenerCalls;

struct listener {
	const ListenerCalls *calls;
	Listener *next;
};

void listen_add(Jit *jit, Listener *l);
/* Those that the environment asks for. */
void listen_environment(Jit *jit);
void listen_close(Jit *jit);

void listen_started(const Jit *jit, const Trace *t);
void listen_compiled(const Jit *jit, const Trace *t, unsigned recorded);
void listen_aborted(const Jit *jit, const Trace *t, const char *reason, const char *place);
void listen_freed(const Jit *jit, const Trace *t);
void listen_extended(const Jit *jit, const Trace *t);
void listen_flushed(const Jit *jit, const char *cause);

void listen_tell_instruction(const Jit *jit, const Proto *p, const Instruction *pc, int depth);
static inline void listen_instruction(const Jit *jit, const Proto *p, const Instruction *pc,
				      int depth)
{
	if (unlikely(jit->listeners))
		listen_tell_instruction(jit, p, pc, depth);
}

void listen_assembled(const Jit *jit, const Trace *t);
void listen_tell_list(const Jit *jit, const Ir *ir, const char *pass);
/* Of jit->current; jit: NULL in tests of the optimizer. */
static inline void listen_list(const Jit *jit, const Ir *ir, const char *pass)
{
	if (unlikely(jit && jit->listeners))
		listen_tell_list(jit, ir, pass);
}

/* ---- For listeners ----------------------------------------------------------------------- */

/*
 * Opens what a listener writes to: `standard` if name is NULL, the standard output
 * if it is "-", else a new or emptied file, which must not be a symbolic link. 0 or
 * a negative errno.
 */
int listen_open(const char *name, FILE *standard, FILE **out);
void listen_shut(FILE *f);
/* jit_place() of where t begins, without characters that could break a line. */
void listen_place(const Trace *t, char text[JIT_GREENKEY_LEN]);
/* "loop", "trace N", "interpreter": where a list goes on at its end. */
const char *listen_link(const Ir *ir, char text[24]);
unsigned listen_operations(const Ir *ir);

/* ---- The listeners ------------------------------------------------------------------------- */

/* 0 or a negative errno, as for listen_open(). */
int verbose_start(Jit *jit, const char *file);
/* flags: see jitlua_dump(); -EINVAL: there is no such flag. */
int dump_start(Jit *jit, const char *flags, const char *file);
int perf_map_start(Jit *jit);

/* bytecode.c: "0007 [3] GETTABUP 0 0 3 ; _ENV "print"", and a newline. */
void bytecode_print(const Jit *jit, const Proto *p, const Instruction *pc, FILE *to);
/* A string as in Lua source, at most some forty bytes of it. */
void bytecode_print_string(const String *s, FILE *to);

/*
 * disassemble.c: machine code at its place, one instruction a line. NULL or a
 * message that says why it cannot be shown.
 */
const char *disassemble(const Jit *jit, const Trace *t, FILE *to);

#endif
