/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen.c - the listeners of a Jit, and what they have in common: files, names.
 */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jitlua/jitlua.h>

/* ---- Telling -------------------------------------------------------------------------------- */

#define TELL(jit, call, ...)                                             \
	do {                                                             \
		for (Listener *l_ = (jit)->listeners; l_; l_ = l_->next) \
			if (l_->calls->call)                             \
				l_->calls->call(l_, jit, __VA_ARGS__);   \
	} while (0)

void listen_started(const Jit *jit, const Trace *t)
{
	TELL(jit, started, t);
}

void listen_tell_instruction(const Jit *jit, const Proto *p, const Instruction *pc, int depth)
{
	TELL(jit, instruction, p, pc, depth);
}

void listen_tell_list(const Jit *jit, const Ir *ir, const char *pass)
{
	if (jit->current)
		TELL(jit, list, jit->current, ir, pass);
}

void listen_assembled(const Jit *jit, const Trace *t)
{
	TELL(jit, list, t, &t->ir, NULL);
}

void listen_compiled(const Jit *jit, const Trace *t, unsigned recorded)
{
	TELL(jit, compiled, t, recorded);
}

void listen_aborted(const Jit *jit, const Trace *t, const char *reason, const char *place)
{
	TELL(jit, aborted, t, reason, place);
}

void listen_freed(const Jit *jit, const Trace *t)
{
	TELL(jit, freed, t);
}

void listen_extended(const Jit *jit, const Trace *t)
{
	TELL(jit, extended, t);
}

void listen_flushed(const Jit *jit, const char *cause)
{
	TELL(jit, flushed, cause);
}

/* In the order in which they were added. */
void listen_add(Jit *jit, Listener *l)
{
	Listener **end = &jit->listeners;

	while (*end)
		end = &(*end)->next;
	l->next = NULL;
	*end = l;
}

void listen_close(Jit *jit)
{
	while (jit->listeners) {
		Listener *l = jit->listeners;

		jit->listeners = l->next;
		l->calls->close(l);
	}
}

void listen_environment(Jit *jit)
{
	const char *perf = secure_getenv("JITLUA_PERF");
	int failed = perf && !strcmp(perf, "1") ? perf_map_start(jit) : 0;

	if (failed)
		fprintf(stderr, "jitlua: no map for perf: %s\n", strerror(-failed));
}

/* ---- What they share --------------------------------------------------------------------------
 */

int listen_open(const char *name, FILE *standard, FILE **out)
{
	int fd, failed;

	*out = name ? stdout : standard;
	if (!name || !strcmp(name, "-"))
		return 0;
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0666);
	*out = fd >= 0 ? fdopen(fd, "w") : NULL;
	failed = *out ? 0 : -errno;
	if (failed && fd >= 0)
		close(fd);
	return failed;
}

void listen_shut(FILE *f)
{
	if (f == stdout || f == stderr)
		fflush(f);
	else
		fclose(f);
}

void listen_place(const Trace *t, char text[JIT_GREENKEY_LEN])
{
	jit_place(t->proto, t->pc, text, JIT_GREENKEY_LEN);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

const char *listen_link(const Ir *ir, char text[24])
{
	bool jumps = ir->ops[ir->n_ops - 1].opcode == IR_JUMP;
	uint32_t number = ir_next_trace(ir);

	if (!number)
		return jumps ? "loop" : "interpreter";
	snprintf(text, 24, jumps ? "loop %u" : "trace %u", number);
	return text;
}

unsigned listen_operations(const Ir *ir)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < ir->n_ops; i++)
		n += ir->ops[i].opcode != IR_NOP;
	return n;
}

/* ---- On request ------------------------------------------------------------------------------ */

LUA_API int jitlua_verbose(lua_State *L, const char *file)
{
	return L->global->jit ? verbose_start(L->global->jit, file) : -ENOENT;
}

LUA_API int jitlua_dump(lua_State *L, const char *flags, const char *file)
{
	return L->global->jit ? dump_start(L->global->jit, flags, file) : -ENOENT;
}

LUA_API int jitlua_perf_map(lua_State *L)
{
	return L->global->jit ? perf_map_start(L->global->jit) : -ENOENT;
}
