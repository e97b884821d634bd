/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lua_hooks.c - the Lua module `jithooks`: the hooks, counters and parameters that PyPy
 * documents for `pypyjit`, as Lua functions.
 *
 * A hook is called in the middle of what a thread does: between two of its instructions,
 * or when an error is on its way up. So it runs on a thread of its own, which leaves the
 * stack, the frames and the error of the other alone; all that is asked of that one is
 * that what is live in it lies below top. Nothing is recorded on it meanwhile (life.c),
 * so a hook may do anything: its own loops are compiled, without hooks.
 */
#include "lua_hooks.h"

#pragma GCC visibility push(default)
#include <jitlua/jitlua.h>
#pragma GCC visibility pop

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lua/call.h"
#include "adopt.h"
#include "parameters.h"

static const char key;

static void keep_thread(lua_State *L)
{
	Jit *jit = L->global->jit;
	struct lua_hooks *h = calloc(1, sizeof(*h));

	if (!h)
		luaL_error(L, "not enough memory");
	jit->lua_hooks = h;
	h->thread = lua_newthread(L);
	lua_rawseti(L, -2, KEPT_THREAD);
}

void lua_hooks_kept(lua_State *L)
{
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &key) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	lua_createtable(L, KEPT_RETURNED, 0);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
}

void lua_hooks_close(Jit *jit)
{
	struct lua_hooks *h = jit->lua_hooks;

	if (h) {
		free(h->ops);
		free(h->boxes);
	}
	free(h);
	jit->lua_hooks = NULL;
}

/* ---- Calling a hook ----------------------------------------------------------------------------
 */

/* What is to be called, and with what. */
struct hook_call {
	int which;
	const JitLoopInfo *info;	      /* optimize, compile */
	const char *driver, *greenkey, *text; /* abort, too long */
	const struct jit_operations *operations;
	struct jit_operations *replacement;
};

static void set_text(lua_State *L, const char *name, const char *text)
{
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

/* The number that jit.flush() takes: of a bridge, its loop's. */
static uint32_t trace_number(const Jit *jit)
{
	const Trace *t = jit->finishing;

	return t->kind == TRACE_BRIDGE ? t->root : t->number;
}

static void push_info(lua_State *L, int kept, const JitLoopInfo *info)
{
	lua_createtable(L, 0, 10);
	lua_rawgeti(L, kept, KEPT_INFO);
	lua_setmetatable(L, -2);
	set_text(L, "jitdriver_name", info->jitdriver_name);
	set_text(L, "type", info->type);
	set_text(L, "greenkey", info->greenkey);
	lua_pushinteger(L, (lua_Integer)info->loop_no);
	lua_setfield(L, -2, "loop_no");
	lua_pushinteger(L, trace_number(L->global->jit));
	lua_setfield(L, -2, "trace_no");
	if (info->bridge_no) {
		lua_pushinteger(L, (lua_Integer)info->bridge_no);
		lua_setfield(L, -2, "bridge_no");
	}
	lua_pushinteger(L, (lua_Integer)info->asmaddr);
	lua_setfield(L, -2, "asmaddr");
	lua_pushinteger(L, (lua_Integer)info->asmlen);
	lua_setfield(L, -2, "asmlen");
	if (info->operations) {
		lua_operations_push(L, L->global->jit->lua_hooks, kept, info->operations,
				    info->n_operations);
		lua_setfield(L, -2, "operations");
	}
}

static int push_arguments(lua_State *L, int kept, const struct hook_call *c)
{
	if (c->info) {
		push_info(L, kept, c->info);
		return 1;
	}
	lua_pushstring(L, c->driver);
	lua_pushstring(L, c->greenkey);
	if (c->which == KEPT_TOO_LONG)
		return 2;
	lua_pushstring(L, c->text);
	lua_operations_push(L, L->global->jit->lua_hooks, kept, c->operations->list,
			    c->operations->count);
	return 4;
}

/* What an optimize hook returned is at the top. */
static void take_replacement(lua_State *L, int kept, const struct hook_call *c)
{
	static const ResOperation none;
	Jit *jit = L->global->jit;
	size_t limit = adopt_limit(jit->finishing->ir.n_ops);

	if (lua_isnil(L, -1))
		return;
	/* A list that is none is refused where all are: it has to be counted. */
	if (!lua_operations_take(L, jit->lua_hooks, kept, limit, c->replacement, jit->refused))
		*c->replacement = (struct jit_operations){&none, 0};
}

/* Protected. */
static int call_hook_function(lua_State *L)
{
	const struct hook_call *c = lua_touserdata(L, 1);
	int kept, n;

	luaL_checkstack(L, 30, "hook");
	lua_hooks_kept(L);
	kept = lua_gettop(L);
	if (lua_rawgeti(L, kept, c->which) == LUA_TNIL)
		return 0;
	n = push_arguments(L, kept, c);
	lua_call(L, n, c->replacement ? 1 : 0);
	if (c->replacement)
		take_replacement(L, kept, c);
	/* They would keep everything of the trace alive. */
	for (int which = KEPT_NUMBERS; which <= KEPT_POINTERS; which++) {
		lua_pushnil(L);
		lua_rawseti(L, kept, which);
	}
	return 0;
}

static int error_text(lua_State *L)
{
	luaL_tolstring(L, 1, NULL);
	return 1;
}

static int run_protected(lua_State *L, struct hook_call *c)
{
	int status;

	lua_settop(L, 0);
	lua_pushcfunction(L, error_text);
	lua_pushcfunction(L, call_hook_function);
	lua_pushlightuserdata(L, c);
	status = lua_pcall(L, 1, 0, 1);
	if (status != LUA_OK)
		jit_hook_error("%s", lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
								    : "error in error handling");
	lua_settop(L, 0);
	return status != LUA_OK;
}

static int run(Jit *jit, struct hook_call *c)
{
	lua_State *L = jit->asking, *H = jit->lua_hooks->thread;
	ptrdiff_t top;
	int failed;

	if (!L) {
		jit_count(jit->vm, JIT_HOOKS_SUPPRESSED, 1);
		return 0;
	}
	top = save_slot(L, L->top);
	if (frame_is_lua(L->frame) && L->top < L->frame->top)
		L->top = L->frame->top;
	H->c_calls = c_call_depth(L);
	failed = run_protected(H, c);
	L->top = restore_slot(L, top);
	return failed;
}

static int optimize_hook(void *jit, const JitLoopInfo *info, struct jit_operations *replacement)
{
	return run(jit, &(struct hook_call){.which = KEPT_OPTIMIZE,
					    .info = info,
					    .replacement = replacement});
}

static int compile_hook(void *jit, const JitLoopInfo *info)
{
	return run(jit, &(struct hook_call){.which = KEPT_COMPILE, .info = info});
}

static int abort_hook(void *jit, const char *driver, const char *greenkey, const char *reason,
		      const struct jit_operations *operations)
{
	return run(jit, &(struct hook_call){.which = KEPT_ABORT,
					    .driver = driver,
					    .greenkey = greenkey,
					    .text = reason,
					    .operations = operations});
}

static int trace_too_long_hook(void *jit, const char *driver, const char *greenkey)
{
	return run(jit, &(struct hook_call){.which = KEPT_TOO_LONG,
					    .driver = driver,
					    .greenkey = greenkey});
}

/* ---- Setting hooks ------------------------------------------------------------------------------
 */

static void check_hook(lua_State *L)
{
	luaL_checkany(L, 1);
	if (lua_isnil(L, 1) || lua_isfunction(L, 1) || luaL_getmetafield(L, 1, "__call"))
		return;
	luaL_typeerror(L, 1, "function or nil");
}

/* Keeps the hook; its name for reports: where it was written. */
static void keep_hook(lua_State *L, int which, char name[LUA_IDSIZE + 20])
{
	lua_Debug ar = {0};

	lua_hooks_kept(L);
	lua_pushvalue(L, 1);
	lua_rawseti(L, -2, which);
	snprintf(name, LUA_IDSIZE + 20, "%s", luaL_typename(L, 1));
	if (!lua_isfunction(L, 1))
		return;
	lua_pushvalue(L, 1);
	lua_getinfo(L, ">S", &ar);
	if (ar.linedefined >= 0)
		snprintf(name, LUA_IDSIZE + 20, "%s:%d", ar.short_src, ar.linedefined);
}

/* operations: missing is true. */
static int wants_operations(lua_State *L)
{
	return lua_isnoneornil(L, 2) || lua_toboolean(L, 2);
}

static int set_optimize_hook(lua_State *L)
{
	Jit *jit = L->global->jit;
	char name[LUA_IDSIZE + 20];
	int operations = wants_operations(L);

	check_hook(L);
	keep_hook(L, KEPT_OPTIMIZE, name);
	jit_set_optimize_hook(jit->vm, lua_isnil(L, 1) ? NULL : optimize_hook, jit, operations,
			      name);
	return 0;
}

static int set_compile_hook(lua_State *L)
{
	Jit *jit = L->global->jit;
	char name[LUA_IDSIZE + 20];
	int operations = wants_operations(L);

	check_hook(L);
	keep_hook(L, KEPT_COMPILE, name);
	jit_set_compile_hook(jit->vm, lua_isnil(L, 1) ? NULL : compile_hook, jit, operations, name);
	return 0;
}

static int set_abort_hook(lua_State *L)
{
	Jit *jit = L->global->jit;
	char name[LUA_IDSIZE + 20];

	check_hook(L);
	keep_hook(L, KEPT_ABORT, name);
	jit_set_abort_hook(jit->vm, lua_isnil(L, 1) ? NULL : abort_hook, jit, name);
	return 0;
}

static int set_trace_too_long_hook(lua_State *L)
{
	Jit *jit = L->global->jit;
	char name[LUA_IDSIZE + 20];

	check_hook(L);
	keep_hook(L, KEPT_TOO_LONG, name);
	jit_set_trace_too_long_hook(jit->vm, lua_isnil(L, 1) ? NULL : trace_too_long_hook, jit,
				    name);
	return 0;
}

/* ---- The rest -----------------------------------------------------------------------------------
 */

static int check_done(lua_State *L, int err, const char *what)
{
	if (err == -ENOTSUP)
		return luaL_error(L, "%s is not supported", what);
	return err ? luaL_error(L, "%s: %s", what, strerror(-err)) : 0;
}

static int enable_debug(lua_State *L)
{
	return check_done(L, jit_enable_debug(L->global->jit->vm), "counting loop runs");
}

static int disable_debug(lua_State *L)
{
	return check_done(L, jit_disable_debug(L->global->jit->vm), "counting loop runs");
}

static int releaseall(lua_State *L)
{
	return check_done(L, jit_releaseall(L->global->jit->vm), "releaseall");
}

static int get_stats_asmmemmgr(lua_State *L)
{
	uint64_t allocated = 0, used = 0;

	check_done(L, jit_get_stats_asmmemmgr(L->global->jit->vm, &allocated, &used),
		   "get_stats_asmmemmgr");
	lua_pushinteger(L, (lua_Integer)allocated);
	lua_pushinteger(L, (lua_Integer)used);
	return 2;
}

/* set_param("name=value,...") or set_param{name = value, ...} */
static int set_param(lua_State *L)
{
	char message[PARAMETER_MESSAGE];

	if (lua_type(L, 1) != LUA_TTABLE) {
		if (!parameters_set(L, luaL_checkstring(L, 1), message))
			return luaL_argerror(L, 1, message);
		return 0;
	}
	for (lua_pushnil(L); lua_next(L, 1); lua_settop(L, 2)) {
		if (lua_type(L, 2) != LUA_TSTRING)
			return luaL_argerror(L, 1, "names expected as keys");
		if (!parameter_set(L, lua_tostring(L, 2), luaL_tolstring(L, 3, NULL), message))
			return luaL_argerror(L, 1, message);
	}
	return 0;
}

static void push_counters(lua_State *L, const JitInfoSnapshot *s)
{
	const __u64 *n = (const __u64 *)&s->counters;

	lua_createtable(L, 0, JIT_NCOUNTERS);
	for (unsigned i = 0; i < JIT_NCOUNTERS; i++) {
		lua_pushinteger(L, (lua_Integer)n[i]);
		lua_setfield(L, -2, jit_counter_name(i));
	}
}

static void push_times(lua_State *L, const JitInfoSnapshot *s)
{
	static const char *const names[JIT_NTIMES] = {
		[JIT_TIME_TRACING] = "TRACING",
		[JIT_TIME_BACKEND] = "BACKEND",
		[JIT_TIME_HOOKS] = "HOOKS",
	};
	const __u64 *ns = (const __u64 *)&s->counter_times;

	lua_createtable(L, 0, JIT_NTIMES);
	for (int i = 0; i < JIT_NTIMES; i++) {
		lua_pushnumber(L, (lua_Number)ns[i] / 1e9);
		lua_setfield(L, -2, names[i]);
	}
}

/* runs[type][number] = count; the types are those of pypyjit: e, l, b. */
static void push_runs(lua_State *L, const JitInfoSnapshot *s)
{
	lua_createtable(L, 0, 3);
	for (const char *type = "elb"; *type; type++) {
		lua_pushlstring(L, type, 1);
		lua_newtable(L);
		lua_rawset(L, -3);
	}
	for (size_t i = 0; i < s->n_loop_run_times; i++) {
		const struct jit_loop_run *run = &s->loop_run_times[i];

		lua_pushlstring(L, &run->type, 1);
		if (lua_rawget(L, -2) == LUA_TTABLE) {
			lua_pushinteger(L, (lua_Integer)run->count);
			lua_rawseti(L, -2, (lua_Integer)run->number);
		}
		lua_pop(L, 1);
	}
}

/* Protected, so that the snapshot is freed whatever happens. */
static int push_snapshot(lua_State *L)
{
	const JitInfoSnapshot *s = lua_touserdata(L, 1);

	lua_createtable(L, 0, 3);
	push_counters(L, s);
	lua_setfield(L, -2, "counters");
	push_times(L, s);
	lua_setfield(L, -2, "counter_times");
	push_runs(L, s);
	lua_setfield(L, -2, "loop_run_times");
	return 1;
}

static int get_stats_snapshot(lua_State *L)
{
	JitInfoSnapshot *s = jit_get_stats_snapshot();
	int status;

	if (!s)
		return luaL_error(L, "not enough memory");
	lua_pushcfunction(L, push_snapshot);
	lua_pushlightuserdata(L, s);
	status = lua_pcall(L, 1, 1, 0);
	jit_free_stats_snapshot(s);
	return status == LUA_OK ? 1 : lua_error(L);
}

/* As pypyjit's: <JitLoopInfo pypyjit, N operations, starting at <...>>. */
static int info_text(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_getfield(L, 1, "jitdriver_name");
	lua_getfield(L, 1, "greenkey");
	lua_getfield(L, 1, "operations");
	lua_pushfstring(L, "<JitLoopInfo %s, %I operations, starting at <%s>>",
			luaL_tolstring(L, 2, NULL),
			lua_type(L, 4) == LUA_TTABLE ? (LUAI_UACINT)lua_rawlen(L, 4) : 0,
			luaL_tolstring(L, 3, NULL));
	return 1;
}

static const luaL_Reg functions[] = {
	{"set_optimize_hook", set_optimize_hook},
	{"set_compile_hook", set_compile_hook},
	{"set_abort_hook", set_abort_hook},
	{"set_trace_too_long_hook", set_trace_too_long_hook},
	{"enable_debug", enable_debug},
	{"disable_debug", disable_debug},
	{"get_stats_snapshot", get_stats_snapshot},
	{"get_stats_asmmemmgr", get_stats_asmmemmgr},
	{"releaseall", releaseall},
	{"set_param", set_param},
	{NULL, NULL},
};

static void push_defaults(lua_State *L)
{
	const char *name;
	long long value;

	lua_createtable(L, 0, JIT_PARAMETER_COUNT + 1);
	for (unsigned i = 0; (name = jitlua_parameter(i, &value)); i++) {
		lua_pushinteger(L, value);
		lua_setfield(L, -2, name);
	}
	lua_pushliteral(L, "all");
	lua_setfield(L, -2, "enable_opts");
}

LUALIB_API int luaopen_jithooks(lua_State *L)
{
	if (!jit_need(L))
		return luaL_error(L, "cannot start the JIT: not enough memory");
	luaL_newlib(L, functions);
	lua_hooks_kept(L);
	if (!L->global->jit->lua_hooks)
		keep_thread(L);
	lua_newtable(L);
	lua_pushliteral(L, "JitLoopInfo");
	lua_setfield(L, -2, "__name");
	lua_pushcfunction(L, info_text);
	lua_setfield(L, -2, "__tostring");
	lua_rawseti(L, -2, KEPT_INFO);
	lua_pop(L, 1);
	lua_operations_open(L);
	push_defaults(L);
	lua_setfield(L, -2, "defaults");
	return 1;
}
