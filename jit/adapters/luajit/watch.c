/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.c - starts and ends the watching of a Lua state, and shares the one
 * handler that LuaJIT has for its "trace" events.
 *
 * A VM has one handler per event, and jit.attach() replaces it: `luajit -jv`
 * would end our watching, and we would silence `luajit -jv`. So ours is
 * attached for good; a handler that was there, or comes later by jit.attach,
 * is kept as an upvalue of ours and called by it. For that jit.attach is
 * replaced, in the table `jit`, by a function that gives everything else to
 * the real one.
 *
 * The program must not notice us: jit.util does not stay in package.loaded,
 * jit.vmdef is read elsewhere (vmdef.h), the stack is left as it was, and
 * whatever is missing or fails means that the state is not watched.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch.h"

#define REGISTRY_KEY "jithooks"

/* Upvalues of our jit.attach. */
enum { ATTACH_REAL = 1, ATTACH_HANDLER, ATTACH_WATCH };

void watch_debug(const char *format, ...)
{
	va_list args;

	if (!secure_getenv("JITHOOKS_DEBUG"))
		return;
	fputs("jithooks: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static void pop(const struct lua_api *api, lua_State *L, int n)
{
	api->settop(L, -n - 1);
}

/* Pushes require(name), or nil, and leaves package.loaded as it was. */
static void push_module(const struct lua_api *api, lua_State *L, const char *name)
{
	api->getfield(L, LUA_REGISTRYINDEX, "_LOADED");
	api->getfield(L, -1, name);
	if (api->type(L, -1) != LUA_TTABLE) {
		pop(api, L, 1);
		api->getfield(L, LUA_GLOBALSINDEX, "require");
		api->pushstring(L, name);
		if (api->pcall(L, 1, 1, 0) || api->type(L, -1) != LUA_TTABLE) {
			pop(api, L, 1);
			api->pushnil(L);
		}
		api->pushnil(L);
		api->setfield(L, -3, name);
	}
	api->insert(L, -2);
	pop(api, L, 1);
}

/* Replaces the value on the top by its field, or by nil if it has none. */
static void to_field(const struct lua_api *api, lua_State *L, const char *name)
{
	if (api->type(L, -1) == LUA_TTABLE)
		api->getfield(L, -1, name);
	else
		api->pushnil(L);
	api->insert(L, -2);
	pop(api, L, 1);
}

/*
 * The handler that is attached to "trace", or nil. LuaJIT keeps it in the
 * registry under a hash of the event's name.
 */
static void push_handler(const struct lua_api *api, lua_State *L)
{
	const char *name = "trace";
	uint32_t hash = (uint32_t)strlen(name);

	for (; *name; name++)
		hash ^= ((hash << 6) | (hash >> 26)) + (unsigned char)*name;
	api->getfield(L, LUA_REGISTRYINDEX, "_VMEVENTS");
	if (api->type(L, -1) == LUA_TTABLE) {
		api->rawgeti(L, -1, (int)(hash << 3));
		api->insert(L, -2);
		pop(api, L, 1);
	}
	if (api->type(L, -1) != LUA_TFUNCTION) {
		pop(api, L, 1);
		api->pushnil(L);
	}
}

/* Pushes a userdata whose finalizer ends the watching. */
static struct watch *push_watch(const struct lua_api *api, lua_State *L)
{
	struct watch *w = api->newuserdata(L, sizeof(*w));

	memset(w, 0, sizeof(*w));
	api->createtable(L, 0, 1);
	api->pushcclosure(L, api->closed, 0);
	api->setfield(L, -2, "__gc");
	api->setmetatable(L, -2);
	return w;
}

/* Pushes the handler, with the userdata at index `at` and what it calls. */
static bool push_our_handler(const struct lua_api *api, lua_State *L, int at)
{
	static const char *const util[] = {"traceinfo", "tracemc", "funcinfo"};
	struct watch *w = api->touserdata(L, at);
	int module = at + 1;

	push_module(api, L, "jit.util");
	api->pushvalue(L, at);
	push_handler(api, L);
	w->chained = api->type(L, -1) == LUA_TFUNCTION;
	for (int i = 0; i < 3; i++) {
		api->pushvalue(L, module);
		to_field(api, L, util[i]);
		if (api->type(L, -1) != LUA_TFUNCTION) {
			watch_debug("no jit.util.%s: a LuaJIT without its compiler?", util[i]);
			return false;
		}
	}
	api->pushnil(L);
	api->pushnil(L);
	api->pushcclosure(L, api->on_trace, UP_COUNT);
	api->insert(L, module);
	return true;
}

/* In protected mode, and at the end of it the stack is dropped. */
int watch_setup(const struct lua_api *api, lua_State *L)
{
	struct jit_vm_config config = {.jitdriver_name = "luajit"};
	enum { JIT = 1, ATTACH, WATCH, HANDLER };
	struct watch *w;

	api->settop(L, 0);
	api->getfield(L, LUA_REGISTRYINDEX, REGISTRY_KEY);
	if (api->type(L, -1) != LUA_TNIL)
		return 0; /* watched already */
	pop(api, L, 1);
	api->getfield(L, LUA_REGISTRYINDEX, "_LOADED");
	to_field(api, L, "jit");
	api->pushvalue(L, JIT);
	to_field(api, L, "attach");
	if (api->type(L, ATTACH) != LUA_TFUNCTION) {
		watch_debug("no jit.attach");
		return 0;
	}
	w = push_watch(api, L);
	if (!push_our_handler(api, L, WATCH))
		return 0;
	w->vmdef = vmdef_of(api);
	w->err_too_long = vmdef_number(&w->vmdef->errors, "trace too long");
	w->err_mcode = vmdef_number(&w->vmdef->errors, "failed to allocate mcode memory");
	direct_find(api, L, &w->direct);
	api->settop(L, HANDLER);
	if (jit_vm_create(&w->vm, &config))
		return 0;

	api->pushvalue(L, WATCH);
	api->setfield(L, LUA_REGISTRYINDEX, REGISTRY_KEY);
	api->pushvalue(L, ATTACH);
	api->pushvalue(L, HANDLER);
	api->pushstring(L, "trace");
	api->call(L, 2, 0);
	api->pushvalue(L, ATTACH);
	api->pushvalue(L, HANDLER);
	api->pushvalue(L, WATCH);
	api->pushcclosure(L, api->attach, ATTACH_WATCH);
	api->setfield(L, JIT, "attach");
	return 0;
}

void watch_state(const struct lua_api *api, lua_State *L)
{
	int top = api->gettop(L);

	if (api->cpcall(L, api->setup, NULL)) {
		const char *why = api->tolstring(L, -1, NULL);

		watch_debug("cannot watch this state: %s", why ? why : "error");
	}
	api->settop(L, top);
}

static void set_chained(const struct lua_api *api, lua_State *L, struct watch *w, bool on)
{
	api->pushvalue(L, lua_upvalueindex(ATTACH_HANDLER));
	if (on)
		api->pushvalue(L, 1);
	else
		api->pushnil(L);
	api->setupvalue(L, -2, UP_CHAINED);
	pop(api, L, 1);
	w->chained = on;
}

/* Is the handler at index 1 the one that is chained? */
static bool is_chained(const struct lua_api *api, lua_State *L, struct watch *w)
{
	bool same;

	if (!w->chained)
		return false;
	api->pushvalue(L, lua_upvalueindex(ATTACH_HANDLER));
	same = api->getupvalue(L, -1, UP_CHAINED) && api->rawequal(L, 1, -1);
	api->settop(L, 2);
	return same;
}

/* jit.attach(handler, event) attaches; jit.attach(handler) detaches. */
int watch_attach(const struct lua_api *api, lua_State *L)
{
	struct watch *w = api->touserdata(L, lua_upvalueindex(ATTACH_WATCH));
	const char *event;

	api->checktype(L, 1, LUA_TFUNCTION);
	event = api->optlstring(L, 2, NULL, NULL);
	api->settop(L, 2);
	if (event && !strcmp(event, "trace")) {
		set_chained(api, L, w, true);
		return 0;
	}
	if (!event && is_chained(api, L, w))
		set_chained(api, L, w, false);
	api->pushvalue(L, lua_upvalueindex(ATTACH_REAL));
	api->insert(L, 1);
	api->call(L, 2, 0);
	return 0;
}

int watch_closed(const struct lua_api *api, lua_State *L)
{
	struct watch *w = api->touserdata(L, 1);

	if (w && w->vm) {
		jit_vm_destroy(w->vm);
		w->vm = NULL;
		free(w->numbers);
		w->numbers = NULL;
		w->n_numbers = 0;
	}
	return 0;
}
