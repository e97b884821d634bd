/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_counting.c - how often traces run is counted, exactly, by either backend, and
 * from when it is wished until it is not.
 *
 * A program that does n turns more has n runs more; how many turns it does before it
 * comes to compiled code is not this test's affair.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include <jitlua/jitlua.h>

#include "../../jit/trace/trace.h"
#include "lua_unit.h"
#ifdef __x86_64__
#include "../../jit/x64/x64.h"
#endif

/* Behind the core's own headers, which have another lua_assert(). */
#undef lua_assert
#include <lauxlib.h>
#include <lualib.h>

static struct unit_heap heap;

/* As an observer who attaches to both probes, or to `runs` alone, and leaves. */
#define ATTACHED_TO_RUNS 0x10000u
#define ATTACHED_TO_LOOP_RUN 1u

static void wish(uint32_t word)
{
	__atomic_store_n((uint32_t *)(uintptr_t)jit_runs_wish(), word, __ATOMIC_RELAXED);
}

static lua_State *open_state(const Backend *backend)
{
	lua_State *L = unit_state(&heap);

	wish(0); /* whoever watches all processes here */
	CHECK(jitlua_start_jit(L));
	CHECK(!jitlua_set_param(L, "threshold=2,function_threshold=2,trace_eagerness=2"));
	L->global->jit->backend = backend;
	return L;
}

/* Leaves what the program returns on the stack. */
static void run(lua_State *L, const char *program)
{
	if (luaL_loadstring(L, program) || lua_pcall(L, 0, LUA_MULTRET, 0))
		unit_fail(__FILE__, __LINE__, "%s", lua_tostring(L, -1));
}

/* Calls the function below the top of the stack. */
static lua_Integer turns(lua_State *L, lua_Integer n)
{
	lua_Integer result;

	lua_pushvalue(L, -1);
	lua_pushinteger(L, n);
	if (lua_pcall(L, 1, 1, 0))
		unit_fail(__FILE__, __LINE__, "%s", lua_tostring(L, -1));
	result = lua_tointeger(L, -1);
	lua_pop(L, 1);
	return result;
}

static uint64_t runs(lua_State *L, int kind)
{
	const Jit *jit = L->global->jit;
	uint64_t n = 0;

	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i] && jit->traces[i]->kind == kind)
			n += *jit_run_count(jit->vm, jit->traces[i]->hooks.no);
	return n;
}

/* How many runs 1000 turns more are. */
static uint64_t runs_of_1000(lua_State *L, int kind)
{
	uint64_t before = runs(L, kind), few;

	turns(L, 200);
	few = runs(L, kind) - before;
	turns(L, 1200);
	return runs(L, kind) - before - 2 * few;
}

/* ---- Exact ----------------------------------------------------------------------------------- */

static const char sum[] =
	"return function(n) local s = 0 for i = 1, n do s = s + i end return s end";

/* More values than there are registers. */
static const char wide[] =
	"return function(n)\n"
	"  local a, b, c, d, e, f, g, h = 1, 2, 3, 4, 5, 6, 7, 8\n"
	"  local j, k, l, m, o, p, q, r = 1, 2, 3, 4, 5, 6, 7, 8\n"
	"  for i = 1, n do\n"
	"    a, b, c, d, e, f, g, h = b + i, c ~ i, d + 1, e ~ a, f + b, g ~ c, h + d, a ~ e\n"
	"    j, k, l, m, o, p, q, r = k + a, l ~ i, m + b, o ~ c, p + d, q ~ e, r + f, j ~ g\n"
	"  end\n"
	"  return a ~ b ~ c ~ d ~ e ~ f ~ g ~ h ~ j ~ k ~ l ~ m ~ o ~ p ~ q ~ r\n"
	"end";

static const char calls[] = ""
			    "return function(n)\n"
			    "  local s = 0\n"
			    "  for i = 1, n do s = s + #tostring(i) end\n"
			    "  return s\n"
			    "end";

static const char branches[] =
	"return function(n)\n"
	"  local s = 0\n"
	"  for i = 1, n do if i % 10 == 0 then s = s - 1 else s = s + i end end\n"
	"  return s\n"
	"end";

/* Entered anew after each max_unroll_recursion calls. */
static const char entries[] =
	"local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end\n"
	"return f";

static void check_exact(const Backend *backend, uint32_t word)
{
	static const struct {
		const char *program;
		int kind;
		uint64_t runs;
	} all[] = {
		{sum, TRACE_LOOP, 1000},	{wide, TRACE_LOOP, 1000},
		{calls, TRACE_LOOP, 1000},	{branches, TRACE_BRIDGE, 100},
		{entries, TRACE_FUNCTION, 250},
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		lua_State *L = open_state(backend);
		lua_Integer result;
		uint64_t counted;

		luaL_openlibs(L);
		run(L, all[i].program);
		turns(L, 300);
		result = turns(L, 1200);
		CHECK_EQ(runs_of_1000(L, all[i].kind), 0);
		wish(word);
		counted = runs_of_1000(L, all[i].kind);
		if (counted != all[i].runs)
			unit_fail(__FILE__, __LINE__, "%s: %llu runs, %s", backend->name,
				  (unsigned long long)counted, all[i].program);
		CHECK_EQ(turns(L, 1200), result);
		wish(0);
		CHECK_EQ(runs_of_1000(L, all[i].kind), 0);
		CHECK_EQ(turns(L, 1200), result);
		unit_close(L, &heap);
	}
}

TEST(runs_are_exact_in_memory)
{
	check_exact(&backend_ir, ATTACHED_TO_RUNS);
#ifdef __x86_64__
	check_exact(&backend_x64, ATTACHED_TO_RUNS);
#endif
}

/* The code that fires the probe counts as well, and keeps all registers. */
TEST(runs_are_exact_beside_the_probe)
{
	check_exact(&backend_ir, ATTACHED_TO_LOOP_RUN);
#ifdef __x86_64__
	check_exact(&backend_x64, ATTACHED_TO_RUNS | ATTACHED_TO_LOOP_RUN);
#endif
}

TEST(debug_is_a_wish_too)
{
	lua_State *L = open_state(&backend_ir);
	jit_vm *vm = jitlua_vm(L);

	run(L, sum);
	CHECK_EQ(jit_enable_debug(vm), 0);
	turns(L, 300);
	CHECK_EQ(runs_of_1000(L, TRACE_LOOP), 1000);
	CHECK_EQ(jit_disable_debug(vm), 0);
	CHECK_EQ(runs_of_1000(L, TRACE_LOOP), 0);
	unit_close(L, &heap);
}

/* ---- In the middle of a loop ------------------------------------------------------------------
 */

static lua_Integer counted_from;

/* Called by the loop. */
static int wish_at(lua_State *L)
{
	if (lua_tointeger(L, 1) == counted_from)
		wish(ATTACHED_TO_RUNS);
	return 0;
}

static void check_call_in_loop(const Backend *backend)
{
	lua_State *L = open_state(backend);
	uint64_t from_500, from_700;

	lua_register(L, "wish_at", wish_at);
	run(L, "return function(n) for i = 1, n do wish_at(i) end end");
	counted_from = 0;
	turns(L, 300);
	for (int i = 0; i < 2; i++) {
		counted_from = i ? 700 : 500;
		turns(L, 1000);
		wish(0);
		turns(L, 10);
		if (!i)
			from_500 = runs(L, TRACE_LOOP);
		else
			from_700 = runs(L, TRACE_LOOP) - from_500;
	}
	CHECK(from_500 >= 490 && from_500 <= 500);
	CHECK_EQ(from_500 - from_700, 200);
	unit_close(L, &heap);
}

/* The call returns into code that was patched meanwhile. */
TEST(a_loop_is_counted_from_the_turn_that_wishes_it)
{
	check_call_in_loop(&backend_ir);
#ifdef __x86_64__
	check_call_in_loop(&backend_x64);
#endif
}

/* ---- A loop that never ends -------------------------------------------------------------------
 */

#define TICK_MS 100

static lua_State *endless;
static volatile int ticks;
static uint64_t counted[6];

static void stop(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	luaL_error(L, "stopped");
}

/* One tick to wish, one to see what came of it. */
static void tick(int sig)
{
	const Trace *t = endless->global->jit->traces[1];
	const uint32_t words[] = {0, ATTACHED_TO_RUNS, ATTACHED_TO_RUNS, 0, 0};

	(void)sig;
	if (!t || ticks > 4)
		return;
	counted[ticks] = t->runs ? *t->runs : 0;
	wish(words[ticks]);
	if (++ticks > 4)
		lua_sethook(endless, stop, LUA_MASKCOUNT, 1);
}

static void check_endless(const Backend *backend)
{
	struct itimerval timer = {{0, TICK_MS * 1000}, {0, TICK_MS * 1000}}, off = {0};
	lua_State *L = open_state(backend);
	uint64_t end;

	endless = L;
	ticks = 0;
	CHECK_EQ(luaL_loadstring(L, "local n = 0 while true do n = n + 1 end"), LUA_OK);
	CHECK(signal(SIGALRM, tick) != SIG_ERR);
	CHECK(!setitimer(ITIMER_REAL, &timer, NULL));
	CHECK_EQ(lua_pcall(L, 0, 0, 0), LUA_ERRRUN);
	CHECK(!setitimer(ITIMER_REAL, &off, NULL));
	CHECK_EQ(ticks, 5);
	end = runs(L, TRACE_LOOP);
	/* Off, off, then on for two ticks, then off, for one: t->runs is taken away. */
	CHECK_EQ(counted[0], 0);
	CHECK_EQ(counted[1], 0);
	CHECK(counted[2] > 0);
	CHECK(counted[3] > counted[2]);
	CHECK_EQ(counted[4], 0);
	CHECK(end >= counted[3]);
	unit_close(L, &heap);
}

TEST(a_loop_that_never_ends_hears_of_the_wish)
{
	check_endless(&backend_ir);
#ifdef __x86_64__
	check_endless(&backend_x64);
#endif
}

/* ---- Much code ----------------------------------------------------------------------------------
 */

#define MANY 300

static void many_loops(lua_State *L)
{
	run(L, "local all = {}\n"
	       "for i = 1, 300 do all[i] = load 'local n = ... for i = 1, n do end' end\n"
	       "return function(n) for i = 1, #all do all[i](n) end end");
}

static unsigned loops_that_ran(lua_State *L)
{
	const Jit *jit = L->global->jit;
	unsigned n = 0;

	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i] && jit->traces[i]->kind == TRACE_LOOP)
			n += *jit_run_count(jit->vm, jit->traces[i]->hooks.no) >= 80;
	return n;
}

TEST(all_code_is_told_at_once)
{
#ifdef __x86_64__
	lua_State *L = open_state(&backend_x64);
	uint64_t before;

	luaL_openlibs(L);
	many_loops(L);
	turns(L, 20);
	CHECK_EQ(loops_that_ran(L), 0);
	wish(ATTACHED_TO_RUNS);
	turns(L, 100);
	CHECK(loops_that_ran(L) >= MANY);
	/* Code for each that is made while all is writable. */
	wish(ATTACHED_TO_RUNS | ATTACHED_TO_LOOP_RUN);
	before = runs(L, TRACE_LOOP);
	turns(L, 100);
	CHECK(runs(L, TRACE_LOOP) >= before + MANY * 80);
	wish(0);
	turns(L, 100);
	before = runs(L, TRACE_LOOP);
	turns(L, 100);
	CHECK_EQ(runs(L, TRACE_LOOP), before);
	/* Flushed code does not count where others do. */
	wish(ATTACHED_TO_RUNS);
	turns(L, 100);
	jit_flush(L, "test");
	turns(L, 100);
	CHECK_EQ(loops_that_ran(L), MANY);
	unit_close(L, &heap);
#else
	unit_skip("no machine code here");
#endif
}

#ifdef __x86_64__

/* Which of the two ways the machine code of the only loop counts. */
static bool has_base(lua_State *L)
{
	const Jit *jit = L->global->jit;

	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i] && jit->traces[i]->kind == TRACE_LOOP)
			return ((MachineTrace *)jit->traces[i]->backend)->has_count_base;
	unit_fail(__FILE__, __LINE__, "no loop");
}

#endif

/* What the other tests run has both ways of counting in it. */
TEST(a_loop_that_leaves_a_register_counts_by_it)
{
#ifdef __x86_64__
	const char *programs[] = {sum, branches, wide};

	for (int i = 0; i < 3; i++) {
		lua_State *L = open_state(&backend_x64);

		luaL_openlibs(L);
		run(L, programs[i]);
		turns(L, 300);
		CHECK_EQ(has_base(L), i < 2);
		unit_close(L, &heap);
	}
#else
	unit_skip("no machine code here");
#endif
}

static uint64_t guard_failures(void)
{
	JitInfoSnapshot *s = jit_get_stats_snapshot();
	uint64_t n;

	CHECK(s);
	n = s->counters.GUARD_FAILURES;
	jit_free_stats_snapshot(s);
	return n;
}

/* Guards that fail because of a wish are no failures of the program's. */
TEST(to_hear_is_no_guard_failure)
{
	lua_State *L = open_state(&backend_ir);
	uint64_t before;

	run(L, sum);
	turns(L, 300);
	before = guard_failures();
	turns(L, 1000);
	CHECK_EQ(guard_failures(), before + 1); /* the end of the loop */
	wish(ATTACHED_TO_RUNS);
	turns(L, 1000);
	CHECK_EQ(guard_failures(), before + 2);
	unit_close(L, &heap);
}

void suite_counting(void);
void suite_counting(void)
{
	unit_suite("counting");
	ADD(runs_are_exact_in_memory);
	ADD(runs_are_exact_beside_the_probe);
	ADD(debug_is_a_wish_too);
	ADD(a_loop_is_counted_from_the_turn_that_wishes_it);
	ADD(a_loop_that_never_ends_hears_of_the_wish);
	ADD(all_code_is_told_at_once);
	ADD(a_loop_that_leaves_a_register_counts_by_it);
	ADD(to_hear_is_no_guard_failure);
}
