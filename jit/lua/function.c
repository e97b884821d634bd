/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * function.c - prototypes, closures, upvalues, variables to be closed.
 *
 * Upvalues. While the function that declared a variable runs, the variable lives
 * in its stack slot and closures share one open upvalue that points there; when
 * its block ends the value moves into the upvalue. A thread's open upvalues are
 * sorted, highest slot first, so that leaving a block closes a prefix of the list.
 * Threads that have any are linked in Global.open_threads (gc_mark.c says why).
 *
 * Variables to be closed are few, so they are an ordinary vector of slots in the
 * thread, rising. Leaving a block takes one off before its __close is called: an
 * error or a yield in there goes on with the next.
 */
#include "function.h"

#include <stdlib.h>

#include "call.h"
#include "debug.h"
#include "gc_internal.h"
#include "table.h"

/* ---- Prototypes --------------------------------------------------------------------- */

Proto *proto_new(lua_State *L)
{
	Proto *p = gc_new(L, sizeof *p, TAG_PROTO);

	/* Its own fields begin in what is padding at the end of an Object. */
	memset(&p->parameters, 0, sizeof *p - offsetof(Proto, parameters));
	return p;
}

#define VECTOR_BYTES(vector, count) ((size_t)(count) * sizeof *(vector))

void proto_free(lua_State *L, Proto *p)
{
	free(p->places);
	mem_free(L, p->constants, VECTOR_BYTES(p->constants, p->constant_count));
	mem_free(L, p->code, VECTOR_BYTES(p->code, p->code_count));
	mem_free(L, p->protos, (size_t)p->proto_count * sizeof(Proto *));
	mem_free(L, p->upvalues, VECTOR_BYTES(p->upvalues, p->upvalue_count));
	mem_free(L, p->lines, VECTOR_BYTES(p->lines, p->line_count));
	mem_free(L, p->absolute, VECTOR_BYTES(p->absolute, p->absolute_count));
	mem_free(L, p->locals, VECTOR_BYTES(p->locals, p->local_count));
	mem_free(L, p, sizeof *p);
}

size_t proto_bytes(const Proto *p)
{
	return sizeof *p + VECTOR_BYTES(p->constants, p->constant_count) +
	       VECTOR_BYTES(p->code, p->code_count) + (size_t)p->proto_count * sizeof(Proto *) +
	       VECTOR_BYTES(p->upvalues, p->upvalue_count) + VECTOR_BYTES(p->lines, p->line_count) +
	       VECTOR_BYTES(p->absolute, p->absolute_count) +
	       VECTOR_BYTES(p->locals, p->local_count);
}

const char *proto_local_name(const Proto *p, int n, int pc)
{
	for (int i = 0; i < p->local_count && p->locals[i].start_pc <= pc; i++) {
		if (pc < p->locals[i].end_pc && --n == 0)
			return p->locals[i].name ? p->locals[i].name->text : NULL;
	}
	return NULL;
}

/* ---- Closures ----------------------------------------------------------------------- */

static inline LuaFunction *new_function(lua_State *L, int upvalues, GcNew make)
{
	LuaFunction *f = make(L, lua_function_size(upvalues), TAG_LUA_FUNCTION);

	if (unlikely(!f))
		return NULL;
	f->upvalue_count = (uint8_t)upvalues;
	f->proto = NULL;
	for (int i = 0; i < upvalues; i++)
		f->upvalues[i] = NULL;
	return f;
}

LuaFunction *lua_function_new(lua_State *L, int upvalues)
{
	return new_function(L, upvalues, gc_new);
}

CClosure *c_closure_new(lua_State *L, int upvalues)
{
	CClosure *f = gc_new(L, c_closure_size(upvalues), TAG_C_CLOSURE);

	f->upvalue_count = (uint8_t)upvalues;
	for (int i = 0; i < upvalues; i++)
		set_nil(&f->upvalues[i]);
	return f;
}

void lua_function_fill_upvalues(lua_State *L, LuaFunction *f)
{
	for (int i = 0; i < f->upvalue_count; i++) {
		Upvalue *uv = gc_new(L, sizeof *uv, TAG_UPVALUE);

		uv->v = &uv->u.closed;
		set_nil(uv->v);
		f->upvalues[i] = uv;
		gc_barrier_object(L, f, uv);
	}
}

/*
 * No barriers: the function is new, and it stays white until the end, since the
 * collections that may run in here are whole cycles.
 */
void lua_function_close_over(lua_State *L, Proto *p, Upvalue **enclosing, Value *base, Value *to)
{
	int count = p->upvalue_count;
	const UpvalueDescription *description = p->upvalues;
	LuaFunction *f = lua_function_new(L, count);

	proto_count_closure(p);
	f->proto = p;
	set_object(to, f);
	for (int i = 0; i < count; i++) {
		if (description[i].in_stack)
			f->upvalues[i] = upvalue_find(L, base + description[i].index);
		else
			f->upvalues[i] = enclosing[description[i].index];
	}
}

/* ---- Upvalues ----------------------------------------------------------------------- */

/* A new open upvalue of the slot, to stand where `link` points; NULL where `make` gives none. */
static inline Upvalue *upvalue_open(lua_State *L, Value *level, Upvalue **link, GcNew make)
{
	Upvalue *uv = make(L, sizeof *uv, TAG_UPVALUE);
	Upvalue *next = *link;

	if (unlikely(!uv))
		return NULL;
	uv->v = level;
	uv->u.open.next = next;
	uv->u.open.previous = link;
	if (next)
		next->u.open.previous = &uv->u.open.next;
	*link = uv;
	if (L->next_open == L) {
		L->next_open = L->global->open_threads;
		L->global->open_threads = L;
	}
	return uv;
}

static inline Upvalue *find_or_open(lua_State *L, Value *level, GcNew make)
{
	Upvalue **link = &L->open_upvalues, *uv;

	while ((uv = *link) != NULL && uv->v >= level) {
		lua_assert(!is_dead(L->global, uv));
		if (uv->v == level)
			return uv;
		link = &uv->u.open.next;
	}
	return upvalue_open(L, level, link, make);
}

Upvalue *upvalue_find(lua_State *L, Value *level)
{
	return find_or_open(L, level, gc_new);
}

/* Without memory what was made is garbage, and open upvalues are those of their slots. */
LuaFunction *lua_function_try_close_over(lua_State *L, Proto *p, Upvalue *const *enclosing,
					 Value *base)
{
	LuaFunction *f = new_function(L, p->upvalue_count, gc_try_new);

	if (unlikely(!f))
		return NULL;
	proto_count_closure(p);
	f->proto = p;
	for (int i = 0; i < f->upvalue_count; i++) {
		const UpvalueDescription *description = &p->upvalues[i];

		f->upvalues[i] = description->in_stack
					 ? find_or_open(L, base + description->index, gc_try_new)
					 : enclosing[description->index];
		if (unlikely(!f->upvalues[i]))
			return NULL;
	}
	return f;
}

void upvalue_unlink(Upvalue *uv)
{
	lua_assert(upvalue_is_open(uv));
	*uv->u.open.previous = uv->u.open.next;
	if (uv->u.open.next)
		uv->u.open.next->u.open.previous = uv->u.open.previous;
}

void upvalues_close(lua_State *L, Value *level)
{
	Upvalue *uv;

	while ((uv = L->open_upvalues) != NULL && uv->v >= level) {
		Value *closed = &uv->u.closed;
		const Value *v = uv->v;

		L->open_upvalues = uv->u.open.next;
		if (uv->u.open.next)
			uv->u.open.next->u.open.previous = &L->open_upvalues;
		set_value(closed, v);
		uv->v = closed;
		/* A gray one was marked when it was open; now its value does not change. */
		if (!is_white(uv)) {
			make_black((Object *)uv);
			gc_barrier(L, uv, closed);
		}
	}
}

/* ---- Variables to be closed --------------------------------------------------------- */

#define TBC_LIMIT ((uint32_t)LUAI_MAXSTACK + STACK_ERROR_ROOM)

/* What the slot is called in the running function. */
static const char *variable_name(lua_State *L, const Value *level)
{
	const Frame *f = L->frame;
	int n = (int)(level - f->func);
	const char *name = NULL;

	if (frame_is_lua(f))
		name = proto_local_name(frame_function(f)->proto, n, frame_pc(f));
	if (name)
		return name;
	return frame_is_lua(f) ? "(temporary)" : "(C temporary)";
}

void tbc_new(lua_State *L, Value *level)
{
	Value method;

	if (is_falsy(level))
		return;
	if (!meta_of(L, level, META_CLOSE, &method))
		error_run(L, "variable '%s' got a non-closable value", variable_name(L, level));
	L->tbc = mem_grow(L, L->tbc, L->tbc_count, &L->tbc_size, sizeof *L->tbc, TBC_LIMIT,
			  "variables to be closed");
	L->tbc[L->tbc_count++] = (uint32_t)(level - L->stack);
}

/*
 * Calls __close of the variable with the error's object, nil if there is none.
 * A metamethod that has gone since is called all the same: as nil, an error.
 */
static void call_close_method(lua_State *L, const Value *v, const Value *error, bool yieldable)
{
	Value *top = L->top, method;

	if (!meta_of(L, v, META_CLOSE, &method))
		set_nil(&method);
	set_value(top, &method);
	set_value(top + 1, v);
	set_value(top + 2, error);
	L->top = top + 3;
	if (!yieldable)
		call_no_yield(L, top, 0);
	else if (frame_is_lua(L->frame) && L->mode == MODE_NORMAL)
		meta_call_function(L, top,
				   0); /* the instruction is repeated: no hook shall see that */
	else
		call(L, top, 0);
}

/* An error's object moves next to the variable: all above that is given up. */
static void close_variable(lua_State *L, Value *v, int status, bool yieldable)
{
	Value nil = {.tag = TAG_NIL};

	if (status == CLOSE_NORMAL) {
		call_close_method(L, v, &nil, yieldable);
		return;
	}
	if (status == LUA_OK) {
		set_nil(v + 1);
		L->top = v + 2;
	} else {
		call_set_error_object(L, status, v + 1);
	}
	call_close_method(L, v, v + 1, yieldable);
}

Value *block_close(lua_State *L, Value *level, int status, bool yieldable)
{
	ptrdiff_t saved = save_slot(L, level);
	const Frame *f = L->frame;

	upvalues_close(L, level);
	while (L->tbc_count > 0 && L->stack + L->tbc[L->tbc_count - 1] >= level) {
		Value *v = L->stack + L->tbc[--L->tbc_count];

		close_variable(L, v, status, yieldable);
		level = restore_slot(L, saved);
		if (L->frame != f)
			break; /* an instruction, which is repeated when that has returned */
	}
	return level;
}
