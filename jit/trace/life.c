/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * life.c - recordings begin and are given up; traces are made and freed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lua/call.h"
#include "../lua/vm.h"
#include "listen.h"
#include "record.h"

/* ---- Traces ------------------------------------------------------------------------------- */

Trace *jit_new_trace(lua_State *L, int kind, Proto *p, const Instruction *pc)
{
	Trace *t = calloc(1, sizeof(*t));

	if (!t || !traces_give_number(L->global->jit, t)) {
		free(t);
		return NULL;
	}
	t->flushes = L->global->jit->flushes;
	t->kind = (uint8_t)kind;
	t->proto = p;
	t->pc = pc;
	ir_open(&t->ir);
	t->ir.proto = p;
	return t;
}

void jit_free_trace(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;

	if (t->exits)
		jit->backend->free(L, t);
	free(t->exits);
	free(t->offsets);
	free(t->objects);
	free(t->links);
	jit_tell_done(t);
	ir_close(&t->ir);
	free(t);
}

void jit_discard(lua_State *L, Trace *t)
{
	Jit *jit = L->global->jit;

	/* A flush has given all numbers anew. */
	if (t->flushes == jit->flushes)
		traces_take_number(jit, t);
	jit_free_trace(L, t);
}

/* ---- Recording begins --------------------------------------------------------------------- */

/* Of where a trace begins. */
static void place_text(void *ctx, char *text, size_t size)
{
	const Trace *t = ctx;

	jit_place(t->proto, t->pc, text, size);
}

static void tell_start(Jit *jit, Trace *t)
{
	const Trace *parent = t->parent ? jit->traces[t->parent] : NULL;

	jit_trace_start(jit->vm, &t->hooks,
			&(struct jit_trace_place){
				.type = jit_type_of(t),
				.vm_no = t->number,
				.parent_no = parent ? parent->hooks.no : 0,
				.exit_no = t->parent_exit,
				.place = place_text,
				.place_ctx = t,
			});
}

void jit_start_recording(lua_State *L, Frame *f, Trace *t)
{
	Jit *jit = L->global->jit;

	tell_start(jit, t);
	listen_started(jit, t);
	jit->current = t;
	jit->recording = L;
	jit->foreign = 0;
	if (record_start(L, f, t->pc, t))
		state_set_mode(L, MODE_RECORD);
	else if (jit->current)
		jit_abort(L, ABORT_NO_MEMORY, NULL);
}

bool jit_may_record(lua_State *L)
{
	const Jit *jit = L->global->jit;

	return jit->on && !jit->current && L->mode == MODE_JIT && traces_have_number(jit);
}

/* ---- Recording is given up ---------------------------------------------------------------- */

Trace *jit_stop_recording(Jit *jit)
{
	Trace *t = jit->current;
	lua_State *L = jit->recording;

	if (jit->recorder)
		jit_count(jit->vm, JIT_OPS, record_instructions(jit));
	jit->current = NULL;
	jit->recording = NULL;
	record_stop(jit);
	interp_update_mode(L);
	return t;
}

static const struct {
	enum jit_counter counter;
	const char *text;
} reasons[ABORT_REASON_COUNT] = {
#define X(name, counter, text) [ABORT_##name] = {counter, text},
	JIT_ABORTS(X)
#undef X
};

/* The reason's text with detail put in place of its %s. */
static void reason_text(enum jit_abort_reason reason, const char *detail, char *text, size_t size)
{
	const char *format = reasons[reason].text, *at = strstr(format, "%s");

	if (at)
		snprintf(text, size, "%.*s%s%s", (int)(at - format), format, detail ? detail : "?",
			 at + 2);
	else
		snprintf(text, size, "%s", format);
}

/* Where thread L is: at the instruction that it does. */
static void running_place(lua_State *L, const Trace *t, char *text, size_t size)
{
	Frame *f = L->frame;

	if (frame_is_lua(f))
		jit_place(frame_function(f)->proto, f->u.lua.pc - 1, text, size);
	else
		jit_place(t->proto, t->pc, text, size);
}

/* The function that made a trace too long, if it is not the one where the trace began. */
static const char *too_long_in(lua_State *L, const Trace *t, enum jit_abort_reason reason,
			       char *text, size_t size)
{
	const Proto *p = frame_is_lua(L->frame) ? frame_function(L->frame)->proto : t->proto;

	if (reason != ABORT_TOO_LONG || p == t->proto)
		return NULL;
	jit_place(p, p->code, text, size);
	return text;
}

/* t is not recorded any more. The hook may do anything, so it is the last to be told. */
void jit_give_up(lua_State *L, Trace *t, enum jit_abort_reason reason, const char *detail)
{
	Jit *jit = L->global->jit;
	lua_State *asking = jit->asking;
	char text[JIT_REASON_LEN], place[JIT_GREENKEY_LEN], inlined[JIT_GREENKEY_LEN];

	reason_text(reason, detail, text, sizeof(text));
	running_place(L, t, place, sizeof(place));
	if (t->flushes == jit->flushes)
		jit_punish(jit, t, reason);
	budget_pay(jit, t, false);
	t->next = jit->finishing;
	jit->finishing = t;
	jit->asking = jit->sweeping ? NULL : L;
	listen_aborted(jit, t, text, place);
	jit_trace_aborted(jit->vm, &t->hooks,
			  &(struct jit_abort_info){
				  .counter = reasons[reason].counter,
				  .reason = text,
				  .reason_id = reason,
				  .operations = t->ir.n_ops,
				  .greenkey = place,
				  .too_long_in =
					  too_long_in(L, t, reason, inlined, sizeof(inlined)),
				  .materialize = jit_tell_operations,
				  .ctx = t,
			  });
	jit->asking = asking;
	jit->finishing = t->next;
	jit_discard(L, t);
}

void jit_abort(lua_State *L, enum jit_abort_reason reason, const char *detail)
{
	Jit *jit = L->global->jit;
	Trace *t;

	record_given_up(jit->recorder);
	t = jit_stop_recording(jit);
	jit_count(jit->vm, JIT_RECORDED_OPS, t->ir.n_ops);
	jit_give_up(L, t, reason, detail);
}

bool jit_follows_call(const lua_State *L)
{
	const Jit *jit = L->global->jit;

	return jit->recording == L && jit->recorder && record_follows_call(jit->recorder);
}

void jit_interrupted(lua_State *L, int status)
{
	Jit *jit = L->global->jit;

	/* What happens in a coroutine that the recorded one runs is a result of resume(). */
	if (jit->recording == L &&
	    !(status != LUA_YIELD && record_survives_error(jit->recorder, status)))
		jit_abort(L, status == LUA_YIELD ? ABORT_COROUTINE : ABORT_ERROR,
			  jit->recorder ? record_instruction_name(jit->recorder) : NULL);
}

void jit_forget_thread(Global *g, const lua_State *thread)
{
	if (!g->jit || g->jit->recording != thread)
		return;
	g->jit->sweeping = true;
	jit_abort(g->jit->recording, ABORT_COROUTINE, NULL);
	g->jit->sweeping = false;
}
