/* SPDX-License-Identifier: BSD-2-Clause */
/* lua_api.c - finds the LuaJITs of this process, and their functions. */
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "lua_api.h"
#include "watch.h"

#define SLOTS(X) X(0) X(1) X(2) X(3)

#define X(n) SLOT_##n,
enum { SLOTS(X) N_SLOTS };
#undef X
_Static_assert(N_SLOTS == LUA_API_SLOTS, "a C function for each slot");

static struct lua_api slots[N_SLOTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The C functions of each slot: the only ones that know which it is. */
#define X(n)                                         \
	static int setup_##n(lua_State *L)           \
	{                                            \
		return watch_setup(&slots[n], L);    \
	}                                            \
	static int on_trace_##n(lua_State *L)        \
	{                                            \
		return watch_on_trace(&slots[n], L); \
	}                                            \
	static int attach_##n(lua_State *L)          \
	{                                            \
		return watch_attach(&slots[n], L);   \
	}                                            \
	static int closed_##n(lua_State *L)          \
	{                                            \
		return watch_closed(&slots[n], L);   \
	}
SLOTS(X)
#undef X

static const struct {
	lua_CFunction setup, on_trace, attach, closed;
} functions[] = {
#define X(n) {setup_##n, on_trace_##n, attach_##n, closed_##n},
	SLOTS(X)
#undef X
};

/* A symbol of this very object, not of one it depends on. */
static void *own_symbol(void *handle, const void *object, const char *name)
{
	void *address = dlsym(handle, name);
	Dl_info info;

	if (!address || !dladdr(address, &info) || info.dli_fbase != object)
		return NULL;
	return address;
}

/* The object as a handle: by its name, or as the program itself. */
static void *open_object(const Dl_info *at)
{
	void *handle = NULL;

	/* A program is named as it was called: no path means no library to look for. */
	if (strchr(at->dli_fname, '/'))
		handle = dlopen(at->dli_fname, RTLD_LAZY | RTLD_NOLOAD);

	if (handle && own_symbol(handle, at->dli_fbase, "luaJIT_setmode"))
		return handle;
	if (handle)
		dlclose(handle);
	handle = dlopen(NULL, RTLD_LAZY);
	if (handle && own_symbol(handle, at->dli_fbase, "luaJIT_setmode"))
		return handle;
	if (handle)
		dlclose(handle);
	return NULL;
}

static bool fill(struct lua_api *api, void *handle, const void *object)
{
	bool whole = true;

#define X(result, name, arguments)                                       \
	*(void **)&api->name = own_symbol(handle, object, "lua_" #name); \
	whole = whole && api->name;
	LUA_API_LIST(X)
#undef X
#define X(result, name, arguments)                                        \
	*(void **)&api->name = own_symbol(handle, object, "luaL_" #name); \
	whole = whole && api->name;
	LUAL_API_LIST(X)
#undef X
	return whole;
}

static const struct lua_api *take_slot(const Dl_info *at)
{
	void *handle;
	int n;

	for (n = 0; n < N_SLOTS && slots[n].object; n++)
		if (slots[n].object == at->dli_fbase)
			return &slots[n];
	if (n == N_SLOTS) {
		watch_debug("more than %d different LuaJITs in this process", N_SLOTS);
		return NULL;
	}
	handle = open_object(at);
	if (!handle)
		return NULL;
	/* The handle stays open: the functions may be called until the end. */
	if (!fill(&slots[n], handle, at->dli_fbase)) {
		watch_debug("%s lacks some of the Lua 5.1 API", at->dli_fname);
		dlclose(handle);
		return NULL;
	}
	slots[n].setup = functions[n].setup;
	slots[n].on_trace = functions[n].on_trace;
	slots[n].attach = functions[n].attach;
	slots[n].closed = functions[n].closed;
	slots[n].object = at->dli_fbase;
	return &slots[n];
}

const struct lua_api *lua_api_at(const void *address)
{
	const struct lua_api *api;
	Dl_info at;

	if (!dladdr(address, &at))
		return NULL;
	pthread_mutex_lock(&lock);
	api = take_slot(&at);
	pthread_mutex_unlock(&lock);
	return api;
}
