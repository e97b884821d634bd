/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lua_memory.c - Lua states whose allocator fails, at every point.
 *
 *	lua_memory [--limit BYTES] [--step N] SCRIPT...
 *
 * Each script is run once with an allocator that never fails, which counts its
 * calls, then again in new states for each n up to that count: with the n-th
 * request refused, with two from the n-th on (the first is tried again after a
 * collection), and with all from there on until the script has ended. Making the
 * state, opening the libraries, loading and running may each fail, but only for
 * want of memory; a script that still succeeds must return what it returned at
 * first. Afterwards the same state must run the script as if nothing had been,
 * and lua_close() must give everything back.
 *
 * With --limit, instead, each script is run once by an allocator that never has
 * more than so many bytes out, and what became of it is printed; it is for scripts
 * that would use all memory there is. Here, too, the state must live on.
 *
 * The allocator is strict: sizes that are told of a block must be right, blocks
 * move each time they change their size, what is new or given back is filled
 * with what is no pointer, and blocks that get smaller are never refused.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER UINT64_MAX
#define GUARD 0x5ca1ab1e0ddba11u

struct heap {
	uint64_t requests;	     /* for more memory than before */
	uint64_t fail_from, fail_to; /* those that are refused: from <= number < to */
	size_t bytes, peak, limit;
	size_t blocks;
};

struct block {
	size_t size;
	uint64_t guard;
	unsigned char data[];
};

static const char *script; /* for messages */
static const char *mode = "at first";
static uint64_t failing;

static _Noreturn void give_up(const char *what)
{
	printf("%s: %s, request %llu: %s\n", script, mode, (unsigned long long)failing, what);
	exit(1);
}

static struct block *block_of(void *p, size_t size)
{
	struct block *b = (struct block *)((char *)p - offsetof(struct block, data));

	if (b->guard != GUARD)
		give_up("a block that is none, or was given back before");
	if (b->size != size)
		give_up("a block's size is told wrongly");
	return b;
}

static void release(struct heap *h, struct block *b)
{
	h->bytes -= b->size;
	h->blocks--;
	memset(b, 0xdd, sizeof(*b) + b->size);
	free(b);
}

static void *allocate(void *data, void *p, size_t old_size, size_t new_size)
{
	struct heap *h = data;
	struct block *old = p ? block_of(p, old_size) : NULL;
	struct block *b;

	if (!p)
		old_size = 0; /* it tells the type */
	if (new_size == 0) {
		if (old)
			release(h, old);
		return NULL;
	}
	if (new_size > old_size) {
		uint64_t number = ++h->requests;

		if ((number >= h->fail_from && number < h->fail_to) ||
		    h->bytes - old_size + new_size > h->limit)
			return NULL;
	}
	b = malloc(sizeof(*b) + new_size);
	if (!b)
		return NULL;
	b->size = new_size;
	b->guard = GUARD;
	memset(b->data, 0xa5, new_size);
	h->bytes += new_size;
	h->blocks++;
	if (old) {
		memcpy(b->data, p, old_size < new_size ? old_size : new_size);
		release(h, old);
	}
	if (h->bytes > h->peak)
		h->peak = h->bytes;
	return b->data;
}

static int panic(lua_State *L)
{
	give_up(lua_tostring(L, -1));
}

static int run_script(lua_State *L)
{
	luaL_openlibs(L);
	if (luaL_loadfile(L, script) != LUA_OK)
		return lua_error(L);
	lua_call(L, 0, 1);
	luaL_tolstring(L, -1, NULL);
	return 1;
}

/* lua_checkstack() does not raise an error but says no, which table.unpack() then does in its
 * words. */
static bool is_memory_error(lua_State *L, int status)
{
	const char *message = lua_tostring(L, -1);

	return status == LUA_ERRMEM ||
	       (status == LUA_ERRRUN && message &&
		(strstr(message, "not enough memory") || strstr(message, "too many results")));
}

/* Runs it in L: its result in malloc's memory, NULL if it ended for want of memory. */
static char *run(lua_State *L)
{
	char *result = NULL;
	int status;

	lua_settop(L, 0);
	lua_pushcfunction(L, run_script); /* needs no memory */
	status = lua_pcall(L, 0, 1, 0);
	if (status == LUA_OK)
		result = strdup(lua_tostring(L, -1));
	else if (!is_memory_error(L, status))
		give_up(lua_tostring(L, -1) ? lua_tostring(L, -1) : "an error that is no string");
	lua_settop(L, 0);
	return result;
}

static void close_state(lua_State *L, struct heap *h)
{
	lua_close(L);
	if (h->blocks || h->bytes)
		give_up("lua_close() did not give everything back");
}

static void stay_as(char *result, const char *expected, const char *what)
{
	if (!result || strcmp(result, expected) != 0)
		give_up(what);
	free(result);
}

/* Whether the script succeeded in spite of the refusals. */
static bool try_with(uint64_t from, uint64_t to, const char *expected)
{
	struct heap h = {.fail_from = from, .fail_to = to, .limit = SIZE_MAX};
	lua_State *L = lua_newstate(allocate, &h);
	char *result;
	bool survived;

	if (!L) {
		if (h.blocks)
			give_up("lua_newstate() failed and kept memory");
		return false;
	}
	lua_atpanic(L, panic);
	result = run(L);
	survived = result != NULL;
	if (survived)
		stay_as(result, expected, "another result");
	h.fail_from = h.fail_to = NEVER;
	/*
	 * Lua's auxiliary library registers the metatable of its buffers before it has
	 * filled it and never looks again: half a one is not the core's fault.
	 */
	lua_pushnil(L);
	lua_setfield(L, LUA_REGISTRYINDEX, "_UBOX*");
	stay_as(run(L), expected, "another result in the same state, afterwards");
	close_state(L, &h);
	return survived;
}

static void exhaust(uint64_t step)
{
	struct heap h = {.fail_from = NEVER, .fail_to = NEVER, .limit = SIZE_MAX};
	lua_State *L = lua_newstate(allocate, &h);
	uint64_t survived = 0, tries = 0;
	uint64_t requests;
	char *expected;

	if (!L)
		give_up("no state");
	lua_atpanic(L, panic);
	expected = run(L);
	if (!expected)
		give_up("no memory, with all there is");
	requests = h.requests;
	close_state(L, &h);
	for (uint64_t n = 1; n <= requests; n += step) {
		failing = n;
		mode = "one refused";
		survived += try_with(n, n + 1, expected);
		mode = "two refused"; /* so that a collection does not help */
		survived += try_with(n, n + 2, expected);
		mode = "all refused";
		survived += try_with(n, NEVER, expected);
		tries += 3;
	}
	mode = "at first";
	failing = 0;
	printf("%s: %llu requests, peak %zu bytes, %llu of %llu runs survived a refusal\n", script,
	       (unsigned long long)requests, h.peak, (unsigned long long)survived,
	       (unsigned long long)tries);
	free(expected);
}

static void limited(size_t limit)
{
	struct heap h = {.fail_from = NEVER, .fail_to = NEVER, .limit = limit};
	lua_State *L = lua_newstate(allocate, &h);
	char *result;

	if (!L)
		give_up("no state within the limit");
	lua_atpanic(L, panic);
	mode = "limited";
	result = run(L);
	printf("%s: %s\n", script, result ? result : "not enough memory");
	free(result);
	h.limit = limit;
	if (luaL_dostring(
		    L,
		    "collectgarbage() local t = {} for i = 1, 100 do t[i] = {i} end return #t") ||
	    lua_tointeger(L, -1) != 100)
		give_up("the state does not work any more");
	close_state(L, &h);
}

int main(int argc, char **argv)
{
	size_t limit = 0;
	uint64_t step = 1;
	int at = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
		if (!strcmp(argv[at], "--limit"))
			limit = strtoull(argv[at + 1], NULL, 10);
		else if (!strcmp(argv[at], "--step"))
			step = strtoull(argv[at + 1], NULL, 10);
		else
			break;
	}
	if (at >= argc || argv[at][0] == '-' || !step) {
		fprintf(stderr, "usage: lua_memory [--limit BYTES] [--step N] SCRIPT...\n");
		return 2;
	}
	for (; at < argc; at++) {
		script = argv[at];
		if (limit)
			limited(limit);
		else
			exhaust(step);
	}
	return 0;
}
