/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * events.c - the handler of LuaJIT's "trace" events: what each of them means
 * in libjithooks' terms.
 *
 *	"start" traceno function pc [parent exitno]	exitno -1: stitched
 *	"stop"	traceno function
 *	"abort" traceno function pc error [info]
 *	"flush"
 *
 * The handler runs in the middle of the VM's work, with the recorder or the
 * collector waiting. It raises no error of its own, leaves what it was given
 * on the stack, and makes no garbage where direct.c can answer. Errors of the
 * program's own handler, which is called last, do go through: to the VM, as
 * without us.
 *
 * A trace that starts is ended exactly once, also where LuaJIT says nothing:
 * a flush while it is recorded drops it, and so does a start after it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch.h"

enum { ARG_WHAT = 1, ARG_TRACENO, ARG_FUNCTION, ARG_PC, ARG_5, ARG_6 };

static const char *const link_words[] = {
#define X(name, word) [DIRECT_##name] = word,
	DIRECT_LINKS(X)
#undef X
};

#define N_LINKS (sizeof(link_words) / sizeof(link_words[0]))

/* Not called for most traces: kept away from the code that is, see jit/hooks/internal.h. */
#define SELDOM __attribute__((noinline, cold))

struct call {
	const struct lua_api *api;
	lua_State *L;
	struct watch *w;
	int args;
};

/* ---- Asking the VM -------------------------------------------------------- */

/* Field of the table on the top; 0 or "" if it has none. */
static int64_t number_field(const struct call *c, const char *name)
{
	int64_t n;

	c->api->getfield(c->L, -1, name);
	n = (int64_t)c->api->tonumber(c->L, -1);
	c->api->settop(c->L, -2);
	return n;
}

/* The text for the table of jit.util.funcinfo() on the top. */
static void info_text(const struct call *c, char *text, size_t size)
{
	const struct lua_api *api = c->api;

	api->getfield(c->L, -1, "loc");
	if (api->type(c->L, -1) == LUA_TSTRING) {
		snprintf(text, size, "%s", api->tolstring(c->L, -1, NULL));
		return;
	}
	api->settop(c->L, -2);
	api->getfield(c->L, -1, "ffid");
	if (api->type(c->L, -1) == LUA_TNUMBER) {
		const char *name =
			vmdef_text(&c->w->vmdef->functions, (int)api->tointeger(c->L, -1));

		if (name) {
			snprintf(text, size, "%s", name);
			return;
		}
	}
	api->settop(c->L, c->args + 1);
	snprintf(text, size, "C:%" PRIx64, (uint64_t)number_field(c, "addr"));
}

/*
 * A place as jit/v.lua has it: "file:line", for a fast function its name, for
 * another C function its address. pc: index of the argument, 0: none.
 */
static SELDOM void ask_place(const struct call *c, int function, int pc, char *text, size_t size)
{
	const struct lua_api *api = c->api;

	snprintf(text, size, "(?)");
	api->pushvalue(c->L, lua_upvalueindex(UP_FUNCINFO));
	api->pushvalue(c->L, function);
	if (pc)
		api->pushvalue(c->L, pc);
	if (!api->pcall(c->L, pc ? 2 : 1, 1, 0) && api->type(c->L, -1) == LUA_TTABLE)
		info_text(c, text, size);
	api->settop(c->L, c->args);
}

static bool ask_trace_info(const struct call *c, struct direct_trace *trace)
{
	const struct lua_api *api = c->api;
	const char *word;
	bool found;

	api->pushvalue(c->L, lua_upvalueindex(UP_TRACEINFO));
	api->pushvalue(c->L, ARG_TRACENO);
	found = !api->pcall(c->L, 1, 1, 0) && api->type(c->L, -1) == LUA_TTABLE;
	if (found) {
		trace->nins = (uint32_t)number_field(c, "nins");
		trace->link = (uint32_t)number_field(c, "link");
		trace->linktype = N_LINKS;
		api->getfield(c->L, -1, "linktype");
		word = api->tolstring(c->L, -1, NULL);
		for (uint32_t i = 0; word && i < N_LINKS; i++)
			if (!strcmp(word, link_words[i]))
				trace->linktype = i;
	}
	api->settop(c->L, c->args);
	return found;
}

static SELDOM void ask_trace(const struct call *c, struct direct_trace *trace)
{
	const struct lua_api *api = c->api;
	size_t length = 0;

	memset(trace, 0, sizeof(*trace));
	if (!ask_trace_info(c, trace))
		return;
	api->pushvalue(c->L, lua_upvalueindex(UP_TRACEMC));
	api->pushvalue(c->L, ARG_TRACENO);
	if (!api->pcall(c->L, 1, 2, 0) && api->tolstring(c->L, -2, &length)) {
		trace->asmlen = (uint32_t)length;
		trace->asmaddr = (uint64_t)(int64_t)api->tonumber(c->L, -1);
	}
	api->settop(c->L, c->args);
}

/* ---- Places, traces: read directly where that is proved to be right -------- */

/* Text of the place in ARG_FUNCTION, ARG_PC; *place only if it can be read. */
static void place_text(const struct call *c, struct direct_place *place, char *text, size_t size)
{
	struct direct *d = &c->w->direct;
	const void *function = c->api->topointer(c->L, ARG_FUNCTION);
	uint32_t pc = (uint32_t)c->api->tointeger(c->L, ARG_PC);
	char asked[JIT_GREENKEY_LEN];
	bool read = direct_place(d, function, pc, place) && direct_place_text(place, text, size);

	if (read && !direct_in_doubt(&d->places)) {
		direct_answered(&d->places, true);
		return;
	}
	ask_place(c, ARG_FUNCTION, ARG_PC, asked, sizeof(asked));
	if (read)
		direct_answered(&d->places, !strcmp(asked, text));
	if (!read || d->places.wrong) {
		place->proto = NULL;
		snprintf(text, size, "%s", asked);
	}
}

static void finished_trace(const struct call *c, struct direct_trace *trace)
{
	struct direct *d = &c->w->direct;
	struct direct_trace asked;
	bool read = direct_trace(d, c->w->traceno, trace);

	if (read && !direct_in_doubt(&d->traces)) {
		direct_answered(&d->traces, true);
		return;
	}
	ask_trace(c, &asked);
	if (read)
		direct_answered(&d->traces,
				asked.asmaddr == trace->asmaddr && asked.asmlen == trace->asmlen &&
					asked.nins == trace->nins && asked.link == trace->link &&
					asked.linktype == trace->linktype);
	*trace = asked;
}

/* ---- Numbers ------------------------------------------------------------- */

static uint64_t number_of(const struct watch *w, uint32_t traceno)
{
	return traceno < w->n_numbers ? w->numbers[traceno] : 0;
}

/* Without memory the trace has no number: its bridges then have no parent. */
static void set_number(struct watch *w, uint32_t traceno, uint64_t no)
{
	uint32_t n = w->n_numbers ? w->n_numbers : 256;
	uint64_t *more;

	if (traceno >= w->n_numbers) {
		while (n <= traceno)
			n *= 2;
		more = realloc(w->numbers, n * sizeof(*more));
		if (!more)
			return;
		memset(more + w->n_numbers, 0, (n - w->n_numbers) * sizeof(*more));
		w->numbers = more;
		w->n_numbers = n;
	}
	w->numbers[traceno] = no;
}

/* ---- What LuaJIT does not survive ------------------------------------------- */

/* Is there a Lua function below the one that is being recorded? */
static SELDOM bool ask_lua_below(const struct call *c)
{
	struct lua_Debug ar;

	memset(&ar, 0, sizeof(ar));
	if (!c->api->getstack(c->L, 1, &ar))
		return true; /* events are told on another thread: a LuaJIT that needs no guard */
	/* A line is cheaper to ask for than what a function is; C functions have none. */
	for (int level = 2; c->api->getstack(c->L, level, &ar); level++)
		if (c->api->getinfo(c->L, "l", &ar) && ar.currentline >= 0)
			return true;
	return false;
}

static bool lua_below(const struct call *c)
{
	struct direct *d = &c->w->direct;
	bool read = direct_called_by_lua(d, c->L), asked;

	if (read && !direct_in_doubt(&d->callers)) {
		direct_answered(&d->callers, true);
		return true;
	}
	asked = ask_lua_below(c);
	if (read)
		direct_answered(&d->callers, asked);
	return asked;
}

static SELDOM void unguard(const struct call *c)
{
	direct_unguard(c->w->guarded);
	c->w->guarded = NULL;
	c->api->pushnil(c->L);
	c->api->replace(c->L, lua_upvalueindex(UP_GUARDED_THREAD));
	c->api->pushnil(c->L);
	c->api->replace(c->L, lua_upvalueindex(UP_GUARDED_FUNCTION));
}

static void guard(const struct call *c)
{
	if (lua_below(c) ||
	    !direct_guard(&c->w->direct, c->L, c->api->topointer(c->L, ARG_FUNCTION)))
		return;
	c->w->guarded = c->L;
	c->api->pushthread(c->L);
	c->api->replace(c->L, lua_upvalueindex(UP_GUARDED_THREAD));
	c->api->pushvalue(c->L, ARG_FUNCTION);
	c->api->replace(c->L, lua_upvalueindex(UP_GUARDED_FUNCTION));
}

/* The search ended at the guard: the function is right, and pc means nothing. */
static SELDOM void mend_place(const struct call *c)
{
	const void *function = c->api->topointer(c->L, ARG_FUNCTION);
	struct direct_place place;

	if (!c->w->guarded || !c->w->start.proto ||
	    direct_place(&c->w->direct, function, (uint32_t)c->api->tointeger(c->L, ARG_PC),
			 &place))
		return;
	c->api->pushinteger(c->L, (lua_Integer)c->w->start.pc);
	c->api->replace(c->L, ARG_PC);
}

/* ---- The events ------------------------------------------------------------ */

/* LuaJIT dropped the open trace without a word. */
static SELDOM void drop_open(struct watch *w, const char *why)
{
	struct jit_abort_info info = {.counter = JIT_ABORT_OTHER, .reason = why};

	w->open = false;
	jit_trace_aborted(w->vm, &w->trace, &info);
}

static void on_start(const struct call *c)
{
	const struct lua_api *api = c->api;
	struct watch *w = c->w;
	char text[JIT_GREENKEY_LEN];
	struct jit_trace_place place = {.type = JIT_TYPE_LOOP, .greenkey = text};
	bool has_parent = c->args >= ARG_6;
	int exit_no = has_parent ? (int)api->tointeger(c->L, ARG_6) : 0;

	if (w->open)
		drop_open(w, "dropped while being recorded");
	w->traceno = (uint32_t)api->tointeger(c->L, ARG_TRACENO);
	/* Its number is free, so the trace that had it was collected. */
	if (number_of(w, w->traceno)) {
		jit_trace_freed(w->vm, number_of(w, w->traceno));
		w->numbers[w->traceno] = 0;
	}
	if (has_parent && exit_no < 0) {
		place.type = JIT_TYPE_ENTRY_BRIDGE;
	} else if (has_parent) {
		place.type = JIT_TYPE_BRIDGE;
		place.exit_no = (uint32_t)exit_no;
		place.parent_no = number_of(w, (uint32_t)api->tointeger(c->L, ARG_5));
	}
	place.vm_no = w->traceno;
	place_text(c, &w->start, text, sizeof(text));
	w->root = !has_parent;
	w->start_instruction = w->start.proto ? direct_instruction(&w->start) : 0;
	w->mcode_full = false;
	w->open = true;
	jit_trace_start(w->vm, &w->trace, &place);
}

/*
 * An entry bridge, in PyPy's sense, is entered from the interpreter and does
 * not close a loop of its own.
 */
static bool closes_itself(const struct direct_trace *trace, uint32_t traceno)
{
	return trace->link == traceno &&
	       (trace->linktype == DIRECT_LOOP || trace->linktype == DIRECT_TAILREC ||
		trace->linktype == DIRECT_UPREC || trace->linktype == DIRECT_DOWNREC);
}

static void on_stop(const struct call *c)
{
	struct watch *w = c->w;
	enum jit_trace_type type;
	struct direct_trace trace;
	struct jit_code code;

	w->mcode_full = false;
	if (!w->open)
		return;
	w->open = false;
	finished_trace(c, &trace);
	type = closes_itself(&trace, w->traceno) ? JIT_TYPE_LOOP : JIT_TYPE_ENTRY_BRIDGE;
	if (w->trace.type != JIT_TYPE_BRIDGE && w->trace.type != type)
		jit_trace_retype(w->vm, &w->trace, type);
	set_number(w, w->traceno, w->trace.no);
	jit_count(w->vm, JIT_OPT_OPS, trace.nins);
	code = (struct jit_code){
		.asmaddr = trace.asmaddr,
		.asmlen = trace.asmlen,
		.operations = trace.nins,
	};
	jit_trace_compiled(w->vm, &w->trace, &code);
}

/* The error's format with its info put in place of its one conversion. */
static void fill_in(const char *format, const char *info, char *text, size_t size)
{
	const char *at = strchr(format, '%');

	if (!at || !at[1])
		snprintf(text, size, "%s", format);
	else
		snprintf(text, size, "%.*s%s%s", (int)(at - format), format, info, at + 2);
}

/* As fmterr() of jit/v.lua. Returns the error's number. */
static int reason_text(const struct call *c, char *text, size_t size)
{
	const struct lua_api *api = c->api;
	char info[64] = "?";
	const char *format;
	int error;

	if (api->type(c->L, ARG_5) != LUA_TNUMBER) {
		format = api->type(c->L, ARG_5) == LUA_TSTRING ? api->tolstring(c->L, ARG_5, NULL)
							       : "error object";
		snprintf(text, size, "%s", format);
		return 0;
	}
	error = (int)api->tointeger(c->L, ARG_5);
	if (api->type(c->L, ARG_6) == LUA_TFUNCTION)
		ask_place(c, ARG_6, 0, info, sizeof(info));
	else if (api->type(c->L, ARG_6) == LUA_TNUMBER)
		snprintf(info, sizeof(info), "%.14g", api->tonumber(c->L, ARG_6));
	else if (api->type(c->L, ARG_6) == LUA_TSTRING)
		snprintf(info, sizeof(info), "%s", api->tolstring(c->L, ARG_6, NULL));

	format = vmdef_text(&c->w->vmdef->errors, error);
	if (format)
		fill_in(format, info, text, size);
	else
		snprintf(text, size, "trace error %d", error);
	return error;
}

/*
 * LuaJIT gives up on a place by replacing its instruction by one that counts
 * nothing. Only that changes the instruction at which a trace is being
 * recorded, and it has happened when we are told of the abort. The function
 * is held by the recorder until then.
 */
static bool blacklisted(const struct watch *w)
{
	return w->root && w->start.proto && !w->direct.places.wrong &&
	       direct_instruction(&w->start) != w->start_instruction;
}

static void on_abort(const struct call *c)
{
	struct watch *w = c->w;
	char reason[JIT_REASON_LEN], text[JIT_GREENKEY_LEN];
	struct jit_abort_info info = {.reason = reason, .greenkey = text};
	struct direct_place place;
	struct direct_trace trace;
	int error;

	if (!w->open)
		return;
	w->open = false;
	error = reason_text(c, reason, sizeof(reason));
	w->mcode_full = error == w->err_mcode;
	place_text(c, &place, text, sizeof(text));
	info.counter = error == w->err_too_long ? JIT_ABORT_TOO_LONG : JIT_ABORT_OTHER;
	info.reason_id = (uint32_t)error;
	if (jit_probe_enabled(JIT_PROBE_ABORT) && ask_trace_info(c, &trace))
		info.operations = trace.nins;
	if (blacklisted(w))
		jit_count(w->vm, JIT_BLACKLISTED, 1);
	jit_trace_aborted(w->vm, &w->trace, &info);
}

/*
 * LuaJIT does not say why it flushes. Out of code memory it does so right
 * after the abort that says so; with no trace number left, in place of a
 * start, while Lua code runs; and jit.flush() is a C function. Versions that
 * tell their events on a thread of its own hide who runs.
 */
static const char *flush_cause(const struct call *c)
{
	struct lua_Debug ar;

	if (c->w->mcode_full)
		return "machine code memory full (maxmcode)";
	memset(&ar, 0, sizeof(ar));
	if (!c->api->getstack(c->L, 1, &ar) || !c->api->getinfo(c->L, "S", &ar) || !ar.what)
		return "trace table full (maxtrace) or jit.flush() called";
	return *ar.what == 'C' ? "jit.flush() called" : "trace table full (maxtrace)";
}

static SELDOM void on_flush(const struct call *c)
{
	struct watch *w = c->w;
	const char *cause = flush_cause(c);

	if (w->open)
		drop_open(w, "flushed while being recorded");
	w->mcode_full = false;
	if (w->numbers)
		memset(w->numbers, 0, w->n_numbers * sizeof(*w->numbers));
	jit_flushed(w->vm, cause);
}

/* The program's own handler, billed as the hook that it is. */
static SELDOM int call_chained(const struct call *c)
{
	int failed;

	c->api->pushvalue(c->L, lua_upvalueindex(UP_CHAINED));
	c->api->insert(c->L, 1);
	jit_time_start(JIT_TIME_HOOKS);
	failed = c->api->pcall(c->L, c->args, 0, 0);
	jit_time_end(JIT_TIME_HOOKS);
	return failed ? c->api->error(c->L) : 0;
}

int watch_on_trace(const struct lua_api *api, lua_State *L)
{
	struct call c = {
		.api = api,
		.L = L,
		.w = api->touserdata(L, lua_upvalueindex(UP_WATCH)),
		.args = api->gettop(L),
	};
	/* "start", "stop", "abort", "flush": told apart by their letters. */
	const char *what = c.args ? api->tolstring(L, ARG_WHAT, NULL) : NULL;

	if (what && what[0] == 'a')
		mend_place(&c);
	if (c.w->guarded)
		unguard(&c);
	if (c.w->vm && what) {
		if (what[0] == 's' && what[1] == 't')
			what[2] == 'a' ? on_start(&c) : on_stop(&c);
		else if (what[0] == 'a')
			on_abort(&c);
		else if (what[0] == 'f')
			on_flush(&c);
	}
	if (what && what[0] == 's' && what[1] == 't' && what[2] == 'a')
		guard(&c);
	return c.w->chained ? call_chained(&c) : 0;
}
