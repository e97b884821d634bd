/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug.c - the debug interface of the C API, lines, and the count and line hooks.
 *
 * A frame's pc is that of its next instruction, so where a frame is is one
 * before it; the interpreter saves it before whatever may look at it.
 *
 * Lines: each instruction has the difference to the line of the one before, and
 * where that does not fit in a byte, and every 128 instructions, there is an
 * absolute entry.
 */
#include "debug.h"

#include "call.h"
#include "function.h"
#include "gc.h"
#include "number.h"
#include "opcodes.h"
#include "table.h"
#include "vm.h"

#include "../trace/trace.h"

/* ---- Lines ------------------------------------------------------------------------------ */

/* The last absolute entry at or before pc; NULL: none. */
static const AbsoluteLine *absolute_before(const Proto *p, int pc)
{
	int low = 0, high = p->absolute_count;

	while (low < high) {
		int middle = low + (high - low) / 2;

		if (p->absolute[middle].pc <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &p->absolute[low - 1] : NULL;
}

int proto_line(const Proto *p, int pc)
{
	const AbsoluteLine *start;
	int at = -1, line = p->line_defined;

	if (!p->line_count)
		return -1;
	start = absolute_before(p, pc);
	if (start) {
		at = start->pc;
		line = start->line;
	}
	while (at < pc)
		line += p->lines[++at];
	return line;
}

int frame_pc(const Frame *f)
{
	return (int)(f->u.lua.pc - frame_function(f)->proto->code) - 1;
}

int frame_line(const Frame *f)
{
	return proto_line(frame_function(f)->proto, frame_pc(f));
}

Instruction debug_instruction(const lua_State *L, const Instruction *pc)
{
	const Jit *jit = L->global->jit;

	return jit ? jit_original(jit, pc) : *pc;
}

/* Are two instructions, from < to, on different lines? */
static bool line_changed(const Proto *p, int from, int to)
{
	if (!p->line_count)
		return false;
	if (to - from < 64) {
		int difference = 0, at = from;

		while (at < to && p->lines[at + 1] != ABSOLUTE_LINE_MARK)
			difference += p->lines[++at];
		if (at == to)
			return difference != 0;
	}
	return proto_line(p, from) != proto_line(p, to);
}

/* ---- Hooks ------------------------------------------------------------------------------ */

LUA_API void lua_sethook(lua_State *L, lua_Hook hook, int mask, int count)
{
	/* A signal handler may be the caller: the mask, which enables it all, comes last. */
	if (!hook || !mask) {
		hook = NULL;
		mask = 0;
	}
	L->hook = hook;
	L->base_hook_count = count;
	L->hook_count = count;
	L->hook_mask = mask;
	interp_update_mode(L);
}

LUA_API lua_Hook lua_gethook(lua_State *L)
{
	return L->hook;
}

LUA_API int lua_gethookmask(lua_State *L)
{
	return L->hook_mask;
}

LUA_API int lua_gethookcount(lua_State *L)
{
	return L->base_hook_count;
}

/* Does the instruction take values up to top that the one before it left there? */
static bool uses_top(Instruction i)
{
	switch (get_op(i)) {
	case OP_CALL:
	case OP_TAILCALL:
	case OP_RETURN:
	case OP_SETLIST:
		return get_b(i) == 0;
	case OP_VARARGPREP:
		return true;
	default:
		return false;
	}
}

static void line_hook(lua_State *L, const Proto *p, int pc)
{
	/* After a change of hooks, old_pc may be another function's. */
	int old = L->old_pc < p->code_count ? L->old_pc : 0;

	if (pc <= old /* a loop, or the first instruction */ || line_changed(p, old, pc))
		call_hook(L, LUA_HOOKLINE, proto_line(p, pc), 0, 0);
	L->old_pc = pc;
}

void debug_trace_instruction(lua_State *L, const Instruction *pc)
{
	Frame *f = L->frame;
	int mask = L->hook_mask;
	bool count_due;

	if (!(mask & (LUA_MASKLINE | LUA_MASKCOUNT)))
		return;
	f->u.lua.pc = pc;
	count_due = --L->hook_count == 0 && (mask & LUA_MASKCOUNT);
	if (count_due)
		L->hook_count = L->base_hook_count;
	else if (!(mask & LUA_MASKLINE))
		return;
	if (f->status & FRAME_HOOK_YIELD) {
		/* Here the hook has been: it yielded, and this is the same instruction. */
		f->status &= (uint16_t)~FRAME_HOOK_YIELD;
		return;
	}
	if (!uses_top(debug_instruction(L, pc - 1)))
		L->top = f->top;
	if (count_due)
		call_hook(L, LUA_HOOKCOUNT, -1, 0, 0);
	if (mask & LUA_MASKLINE)
		line_hook(L, frame_function(f)->proto, frame_pc(f));
	if (L->status == LUA_YIELD) {
		if (count_due)
			L->hook_count = 1; /* due again when it goes on */
		f->u.lua.pc--;
		f->status |= FRAME_HOOK_YIELD;
		throw_status(L, LUA_YIELD);
	}
}

/* ---- Frames ------------------------------------------------------------------------------ */

#define frame_of(ar) ((Frame *)(ar)->i_ci)

LUA_API int lua_getstack(lua_State *L, int level, lua_Debug *ar)
{
	Frame *f = L->frame;

	if (level < 0)
		return 0;
	while (level > 0 && f != &L->base_frame) {
		f = f->previous;
		level--;
	}
	if (f == &L->base_frame)
		return 0;
	ar->i_ci = (struct CallInfo *)f;
	return 1;
}

/* ---- Local variables ---------------------------------------------------------------------- */

static const char *find_vararg(const Frame *f, int n, Value **slot)
{
	if (!frame_function(f)->proto->is_vararg || n < -f->u.lua.extra_args)
		return NULL;
	*slot = f->func - f->u.lua.extra_args - (n + 1);
	return "(vararg)";
}

/* Name and slot of the n-th local variable or temporary of f; NULL if there is none. */
static const char *find_local(lua_State *L, Frame *f, int n, Value **slot)
{
	Value *base = frame_base(f);
	const char *name = NULL;

	if (frame_is_lua(f)) {
		if (n < 0)
			return find_vararg(f, n, slot);
		name = proto_local_name(frame_function(f)->proto, n, frame_pc(f));
	}
	if (!name) {
		const Value *end = f == L->frame ? L->top : f->next->func;

		if (n <= 0 || end - base < n)
			return NULL;
		name = frame_is_lua(f) ? "(temporary)" : "(C temporary)";
	}
	*slot = base + (n - 1);
	return name;
}

LUA_API const char *lua_getlocal(lua_State *L, const lua_Debug *ar, int n)
{
	const char *name;
	Value *slot;

	if (!ar) {
		/* The parameters of the function on the top, which is not running. */
		if (!is_lua_function(L->top - 1))
			return NULL;
		return proto_local_name(as_lua_function(L->top - 1)->proto, n, 0);
	}
	name = find_local(L, frame_of(ar), n, &slot);
	if (name) {
		set_value(L->top, slot);
		L->top++;
	}
	return name;
}

LUA_API const char *lua_setlocal(lua_State *L, const lua_Debug *ar, int n)
{
	Value *slot;
	const char *name = find_local(L, frame_of(ar), n, &slot);

	if (name) {
		L->top--;
		set_value(slot, L->top);
	}
	return name;
}

/* ---- lua_getinfo() ------------------------------------------------------------------------ */

/* What information is about: a function, maybe in a frame. */
struct subject {
	const LuaFunction *lua; /* NULL: a C function */
	int upvalues;
	Frame *frame; /* NULL: not running */
};

static struct subject subject_of(const Value *function, Frame *f)
{
	struct subject s = {.frame = f};

	if (is_lua_function(function)) {
		s.lua = as_lua_function(function);
		s.upvalues = s.lua->upvalue_count;
	} else if (function->tag == TAG_C_CLOSURE) {
		s.upvalues = as_c_closure(function)->upvalue_count;
	}
	return s;
}

static void get_source(const struct subject *s, lua_Debug *ar)
{
	if (s->lua) {
		const Proto *p = s->lua->proto;

		ar->source = p->source ? p->source->text : "=?";
		ar->srclen = p->source ? string_length(p->source) : strlen("=?");
		ar->linedefined = p->line_defined;
		ar->lastlinedefined = p->last_line_defined;
		ar->what = p->line_defined ? "Lua" : "main";
	} else {
		ar->source = "=[C]";
		ar->srclen = strlen("=[C]");
		ar->linedefined = -1;
		ar->lastlinedefined = -1;
		ar->what = "C";
	}
	chunk_name(ar->short_src, ar->source, ar->srclen);
}

static void get_parameters(const struct subject *s, lua_Debug *ar)
{
	ar->nups = (unsigned char)s->upvalues;
	ar->isvararg = s->lua ? (char)s->lua->proto->is_vararg : 1;
	ar->nparams = s->lua ? s->lua->proto->parameters : 0;
}

static void get_name(lua_State *L, const struct subject *s, lua_Debug *ar)
{
	ar->namewhat = NULL;
	/* Who tail called it is no longer there to tell. */
	if (s->frame && s->frame->previous && !(s->frame->status & FRAME_TAIL))
		ar->namewhat = name_of_called(L, s->frame->previous, &ar->name);
	if (!ar->namewhat) {
		ar->namewhat = "";
		ar->name = NULL;
	}
}

static void get_transfer(const struct subject *s, lua_Debug *ar)
{
	bool valid = s->frame && (s->frame->status & FRAME_TRANSFER);

	ar->ftransfer = valid ? s->frame->u2.transfer.first : 0;
	ar->ntransfer = valid ? s->frame->u2.transfer.count : 0;
}

/* Pushes a table with the lines that have code as keys; nil for a C function. */
static void push_lines(lua_State *L, const LuaFunction *f)
{
	const Proto *p;
	Value yes = {.tag = TAG_TRUE};
	Table *t;
	int first;

	if (!f) {
		set_nil(L->top);
		L->top++;
		return;
	}
	p = f->proto;
	t = table_new(L);
	push_object(L, t);
	/* The instruction that moves a vararg function up is none of its lines. */
	first = p->is_vararg ? 1 : 0;
	for (int pc = first, line = first ? proto_line(p, 0) : p->line_defined; pc < p->line_count;
	     pc++) {
		if (p->lines[pc] == ABSOLUTE_LINE_MARK)
			line = proto_line(p, pc);
		else
			line += p->lines[pc];
		table_put_integer(L, t, line, &yes);
	}
}

static bool get_info(lua_State *L, char what, const struct subject *s, lua_Debug *ar)
{
	switch (what) {
	case 'S':
		get_source(s, ar);
		return true;
	case 'l':
		ar->currentline = s->frame && frame_is_lua(s->frame) ? frame_line(s->frame) : -1;
		return true;
	case 'u':
		get_parameters(s, ar);
		return true;
	case 't':
		ar->istailcall = s->frame && (s->frame->status & FRAME_TAIL);
		return true;
	case 'n':
		get_name(L, s, ar);
		return true;
	case 'r':
		get_transfer(s, ar);
		return true;
	case 'L':
	case 'f':
		return true; /* pushed by lua_getinfo() */
	default:
		return false;
	}
}

LUA_API int lua_getinfo(lua_State *L, const char *what, lua_Debug *ar)
{
	struct subject s;
	Value function;
	int known = 1;

	if (*what == '>') {
		what++;
		L->top--;
		set_value(&function, L->top);
		s = subject_of(&function, NULL);
	} else {
		set_value(&function, frame_of(ar)->func);
		s = subject_of(&function, frame_of(ar));
	}
	for (const char *w = what; *w; w++)
		if (!get_info(L, *w, &s, ar))
			known = 0;
	if (strchr(what, 'f')) {
		set_value(L->top, &function);
		L->top++;
	}
	if (strchr(what, 'L')) {
		/* The function may have been on the stack only. */
		if (s.lua) {
			push_object(L, (LuaFunction *)s.lua);
			push_lines(L, s.lua);
			set_value(L->top - 2, L->top - 1);
			L->top--;
		} else {
			push_lines(L, NULL);
		}
	}
	return known;
}
