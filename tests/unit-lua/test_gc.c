/* SPDX-License-Identifier: BSD-2-Clause */
/* test_gc.c - the collector, step by step: what lives, what goes, what is called. */
#include <limits.h>
#include <stdio.h>

#include "../../jit/lua/function.h"
#include "../../jit/lua/gc_internal.h"
#include "../../jit/lua/vm.h"
#include "lua_unit.h"

/* ---- Driving it ---------------------------------------------------------------------------- */

/* The least that can be done. */
static void small_step(lua_State *L)
{
	Global *g = L->global;

	g->gc_stopped = 0;
	g->gc_stress = GC_STRESS_STEPS;
	gc_step(L);
	g->gc_stress = GC_STRESS_OFF;
	g->gc_stopped = GC_STOPPED_BY_USER;
	g->debt = 0;
}

static void finish_cycle(lua_State *L)
{
	while (L->global->gc_phase != PHASE_PAUSE)
		small_step(L);
}

/* Begins a cycle and goes on until the object is black. */
static void make_it_black(lua_State *L, void *o)
{
	while (!is_black(o)) {
		small_step(L);
		CHECK(L->global->gc_phase == PHASE_PROPAGATE);
	}
}

static bool exists(lua_State *L, const void *object)
{
	for (const Object *o = L->global->objects; o; o = o->next)
		if (o == object)
			return true;
	return false;
}

static Table *element(const Table *t, lua_Integer i)
{
	Slot s = table_find_integer(t, i);

	return slot_is_nil(s) ? NULL : (Table *)s.payload->object;
}

static void put(lua_State *L, Table *t, lua_Integer i, void *object)
{
	Value v;

	set_object(&v, object);
	table_put_integer(L, t, i, &v);
	gc_barrier_back(L, t, &v);
}

/* ---- States and memory ----------------------------------------------------------------------- */

TEST(a_state_that_cannot_be_made_leaves_nothing)
{
	struct unit_heap heap;

	for (unsigned n = 0;; n++) {
		lua_State *L;

		memset(&heap, 0, sizeof(heap));
		heap.allow = n;
		heap.fail = UINT_MAX;
		L = lua_newstate(unit_allocate, &heap);
		if (L) {
			CHECK(n > 5);
			unit_close(L, &heap);
			return;
		}
		CHECK_EQ(heap.bytes, 0);
	}
}

static void make_thread(lua_State *L, void *data)
{
	(void)data;
	lua_newthread(L);
}

TEST(a_thread_that_cannot_be_made_is_collected)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Value *top = L->top;
	size_t before;

	gc_full(L, false);
	before = heap.bytes;
	heap.allow = 1;
	heap.fail = UINT_MAX;
	CHECK_EQ(call_raw_protected(L, make_thread, NULL), LUA_ERRMEM);
	heap.fail = 0;
	L->top = top;
	gc_full(L, false);
	CHECK_EQ(heap.bytes, before);
	unit_close(L, &heap);
}

TEST(what_is_counted_is_what_is_used)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);

	for (int i = 1; i < 1000; i++) {
		if (i % 3) {
			put(L, t, i * 7 % 1000, table_new(L));
		} else {
			put(L, t, i * 7 % 1000, lua_newthread(L));
			lua_pop(L, 1);
		}
	}
	CHECK_EQ(L->global->total_bytes, heap.bytes);
	gc_full(L, false);
	CHECK_EQ(L->global->total_bytes, heap.bytes);
	CHECK_EQ(lua_gc(L, LUA_GCCOUNT) * 1024 + lua_gc(L, LUA_GCCOUNTB), heap.bytes);
	unit_close(L, &heap);
}

TEST(a_failed_allocation_collects_and_is_tried_again)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	size_t before;

	gc_full(L, false);
	before = heap.bytes;
	for (int i = 0; i < 100; i++)
		table_new(L);
	heap.fail = 1;
	unit_table(L);
	CHECK_EQ(heap.bytes, before + sizeof(Table));
	unit_close(L, &heap);
}

/* What compiled code makes, each in a way that asks for all its blocks. */
static void *try_table(lua_State *L)
{
	return table_try_new(L, 5, 3);
}

static void *try_short_string(lua_State *L)
{
	return string_try_new(L, "never seen before", 17);
}

static void *try_long_string(lua_State *L)
{
	char text[100];

	memset(text, 'x', sizeof(text));
	return string_try_new(L, text, sizeof(text));
}

static void *try_concat(lua_State *L)
{
	Value operands[3];

	set_integer(&operands[0], 12345);
	set_float(&operands[1], 0.5);
	set_integer(&operands[2], -1);
	return vm_try_concat(L, operands, 3);
}

/* Of a function with two upvalues that are slots of the stack and one that is its maker's. */
static void *try_closure(lua_State *L)
{
	UpvalueDescription upvalues[] = {{.in_stack = 1, .index = 0},
					 {.in_stack = 0, .index = 0},
					 {.in_stack = 1, .index = 1}};
	Upvalue *uv = gc_new(L, sizeof(*uv), TAG_UPVALUE), *enclosing[] = {uv};
	Proto *p = proto_new(L);
	LuaFunction *f;

	uv->v = &uv->u.closed;
	set_nil(uv->v);
	p->upvalues = upvalues;
	p->upvalue_count = 3;
	f = lua_function_try_close_over(L, p, enclosing, L->top);
	CHECK(!f || (f->upvalues[0]->v == L->top && f->upvalues[1] == uv &&
		     f->upvalues[2]->v == L->top + 1));
	p->upvalues = NULL;
	p->upvalue_count = 0;
	upvalues_close(L, L->top);
	return f;
}

static void check_try(void *(*make)(lua_State *L), unsigned others, unsigned blocks)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	size_t before;

	for (unsigned n = 0; n <= blocks; n++) {
		Table *garbage;
		void *made;

		gc_full(L, false);
		before = heap.bytes;
		garbage = table_new(L);
		heap.allow = others + n;
		heap.fail = n < blocks;
		made = make(L);
		CHECK(!heap.fail);
		CHECK_EQ(made != NULL, n == blocks);
		/* An emergency would have freed it. */
		CHECK(!is_dead(L->global, garbage));
		CHECK(heap.bytes >= before + sizeof(Table));
		gc_full(L, false);
		CHECK_EQ(heap.bytes, before);
	}
	unit_close(L, &heap);
}

TEST(what_compiled_code_makes_fails_without_a_collection)
{
	check_try(try_table, 0, 3);
	check_try(try_short_string, 0, 1);
	check_try(try_long_string, 0, 1);
	check_try(try_concat, 0, 1);
	check_try(try_closure, 2, 3);
}

TEST(a_full_table_of_strings_is_not_made_larger_by_compiled_code)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	StringTable *t = &L->global->strings;
	char text[16];
	int size = t->size, n = 0;

	while (t->count < t->size && t->size == size)
		string_new(L, text, (size_t)snprintf(text, sizeof(text), "%d", n++));
	CHECK_EQ(t->size, size);
	CHECK(!string_try_new(L, "one more", 8));
	CHECK(string_try_new(L, "1", 1));
	CHECK_EQ(t->size, size);
	string_new(L, "one more", 8);
	CHECK(t->size > size);
	CHECK(string_try_new(L, "another", 7));
	unit_close(L, &heap);
}

static void grow(lua_State *L, void *data)
{
	uint32_t *size = data;
	void *p = NULL;

	for (uint32_t i = 0;; i++) {
		/* Freed here, since the error comes instead of a larger one. */
		if (i == 10)
			mem_free(L, p, *size * sizeof(int));
		p = mem_grow(L, i == 10 ? NULL : p, i, size, sizeof(int), 10, "things");
	}
}

TEST(vectors_grow_to_their_limit)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	uint32_t size = 0;

	unit_check_raises(L, grow, &size, "too many things (limit is 10)");
	CHECK_EQ(size, 10);
	unit_close(L, &heap);
}

/* ---- Marking --------------------------------------------------------------------------------- */

TEST(what_is_not_reached_goes)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L), *kept, *dropped;

	kept = table_new(L);
	put(L, t, 1, kept);
	dropped = table_new(L);
	put(L, t, 2, dropped);
	put(L, dropped, 1, dropped);
	table_put_integer(L, t, 2, &(Value){.tag = TAG_NIL});
	gc_full(L, false);
	CHECK(exists(L, kept));
	CHECK(!exists(L, dropped));
	unit_close(L, &heap);
}

TEST(a_store_into_a_black_table_is_seen)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L), *late, *later;

	make_it_black(L, t);
	late = table_new(L);
	put(L, t, 1, late);
	CHECK(!is_black(t));
	while (is_marking(L->global))
		small_step(L);
	/* While it is swept, too. */
	later = table_new(L);
	put(L, late, 1, later);
	finish_cycle(L);
	CHECK(exists(L, late));
	CHECK(exists(L, later));
	gc_full(L, false);
	CHECK(exists(L, later));
	unit_close(L, &heap);
}

TEST(a_store_into_a_black_closure_is_seen)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	CClosure *f = c_closure_new(L, 1);
	Table *late;

	push_object(L, f);
	make_it_black(L, f);
	late = table_new(L);
	set_object(&f->upvalues[0], late);
	gc_barrier(L, f, &f->upvalues[0]);
	CHECK(is_black(f));
	CHECK(!is_white(late));
	finish_cycle(L);
	CHECK(exists(L, late));
	unit_close(L, &heap);
}

TEST(a_stack_needs_no_barrier)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L), *late;

	make_it_black(L, t);
	late = unit_table(L);
	finish_cycle(L);
	CHECK(exists(L, late));
	unit_close(L, &heap);
}

static int by_address(const void *a, const void *b)
{
	const void *p = *(void *const *)a, *q = *(void *const *)b;

	return p < q ? -1 : p > q;
}

/* Every element of t is an object that is there. */
static void check_elements(lua_State *L, const Table *t, lua_Integer last)
{
	size_t n = 0;
	Object **all;

	for (Object *o = L->global->objects; o; o = o->next)
		n++;
	all = malloc(n * sizeof(*all));
	n = 0;
	for (Object *o = L->global->objects; o; o = o->next)
		all[n++] = o;
	qsort(all, n, sizeof(*all), by_address);
	for (lua_Integer i = -last; i <= last; i++) {
		Table *e = element(t, i);

		CHECK(!e || bsearch(&e, all, n, sizeof(*all), by_address));
	}
	free(all);
}

/* Long tables are traversed in pieces; meanwhile things move within and between them. */
TEST(a_long_table_may_change_while_it_is_traversed)
{
	enum { LAST = 3000, CYCLES = 30 };
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *tables[3];
	uint64_t random = 5;

	for (int i = 0; i < 3; i++)
		tables[i] = unit_table(L);
	for (int cycle = 0; cycle < CYCLES;) {
		Table *from = tables[unit_random(&random) % 3];
		Table *to = tables[unit_random(&random) % 3];
		lua_Integer i = (lua_Integer)(unit_random(&random) % (2 * LAST)) - LAST;
		lua_Integer j = (lua_Integer)(unit_random(&random) % (2 * LAST)) - LAST;
		Table *e = element(from, i);

		/* It is held by nothing but the new place. */
		if (e) {
			put(L, to, j, e);
			if (from != to || i != j)
				table_put_integer(L, from, i, &(Value){.tag = TAG_NIL});
		} else {
			put(L, to, j, table_new(L));
		}
		if (unit_random(&random) % 4 == 0)
			small_step(L);
		if (!is_marking(L->global)) {
			finish_cycle(L);
			for (int k = 0; k < 3; k++)
				check_elements(L, tables[k], LAST);
			cycle++;
			small_step(L);
		}
	}
	unit_close(L, &heap);
}

/* New keys with values that need no barrier make it move what it has. */
TEST(a_long_table_may_grow_while_it_is_traversed)
{
	enum { LAST = 700 };
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Global *g = L->global;

	for (int keys = 1; keys < 2000; keys += 100) {
		Table *t = unit_table(L);

		for (lua_Integer i = 1; i <= LAST; i++)
			put(L, t, -i * 3, table_new(L));
		finish_cycle(L);
		do
			small_step(L);
		while (!g->long_table_count || g->long_tables[g->long_table_count - 1].table != t ||
		       g->long_tables[g->long_table_count - 1].next < LAST / 2);
		for (lua_Integer i = 1; i <= keys; i++)
			table_put_integer(L, t, -i * 7 - LAST * 3, &(Value){.tag = TAG_TRUE});
		finish_cycle(L);
		for (lua_Integer i = 1; i <= LAST; i++)
			CHECK(element(t, -i * 3));
		CHECK_EQ(g->total_bytes, heap.bytes);
		for (lua_Integer i = 1; i <= keys; i++)
			table_put_integer(L, t, -i * 7 - LAST * 3, &(Value){.tag = TAG_NIL});
		check_elements(L, t, LAST * 3);
		L->top--;
	}
	unit_close(L, &heap);
}

TEST(an_upvalue_of_a_dead_thread_keeps_its_value)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap), *thread = lua_newthread(L);
	LuaFunction *f;
	Table *t;

	t = table_new(thread);
	push_object(thread, t);
	f = lua_function_new(L, 1);
	push_object(L, f);
	f->upvalues[0] = upvalue_find(thread, thread->top - 1);
	/* Only f is left. */
	set_value(L->top - 2, L->top - 1);
	L->top--;
	gc_full(L, false);
	gc_full(L, false);
	CHECK(!exists(L, thread));
	CHECK(exists(L, t));
	CHECK(!upvalue_is_open(f->upvalues[0]));
	CHECK(as_table(f->upvalues[0]->v) == t);
	unit_close(L, &heap);
}

/* ---- Finalizers ------------------------------------------------------------------------------ */

static int called[8], called_count;

static int note(lua_State *L)
{
	lua_rawgeti(L, 1, 1);
	called[called_count++] = (int)lua_tointeger(L, -1);
	return 0;
}

static void push_finalizable(lua_State *L, int number)
{
	lua_createtable(L, 1, 0);
	lua_pushinteger(L, number);
	lua_rawseti(L, -2, 1);
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, note);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
}

TEST(finalizers_run_once_and_the_last_marked_first)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);

	push_finalizable(L, 9);
	for (int i = 1; i <= 3; i++) {
		push_finalizable(L, i);
		lua_pop(L, 1);
	}
	called_count = 0;
	/* Not in an emergency. */
	gc_full(L, true);
	CHECK_EQ(called_count, 0);
	gc_full(L, false);
	gc_full(L, false);
	CHECK_EQ(called_count, 3);
	CHECK_EQ(called[0], 3);
	CHECK_EQ(called[2], 1);
	/* The one that lives is called in the end. */
	unit_close(L, &heap);
	CHECK_EQ(called_count, 4);
	CHECK_EQ(called[3], 9);
}

/* ---- lua_gc() ---------------------------------------------------------------------------------
 */

TEST(parameters_are_told_as_lua_tells_them)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);

	CHECK_EQ(lua_gc(L, LUA_GCSETPAUSE, 203), 200);
	CHECK_EQ(lua_gc(L, LUA_GCSETPAUSE, 1024), 200);
	CHECK_EQ(lua_gc(L, LUA_GCSETPAUSE, 200), 0);
	CHECK_EQ(lua_gc(L, LUA_GCSETSTEPMUL, 400), 100);
	CHECK_EQ(lua_gc(L, LUA_GCGEN, 0, 0), LUA_GCINC);
	CHECK_EQ(lua_gc(L, LUA_GCINC, 0, 0, 0), LUA_GCGEN);
	CHECK_EQ(lua_gc(L, LUA_GCISRUNNING), 0);
	CHECK_EQ(lua_gc(L, LUA_GCRESTART), 0);
	CHECK_EQ(lua_gc(L, LUA_GCISRUNNING), 1);
	CHECK_EQ(lua_gc(L, LUA_GCSTEP, 20000), 1);
	CHECK_EQ(lua_gc(L, 77), -1);
	unit_close(L, &heap);
}

void suite_gc(void);
void suite_gc(void)
{
	unit_suite("gc");
	ADD(a_state_that_cannot_be_made_leaves_nothing);
	ADD(a_thread_that_cannot_be_made_is_collected);
	ADD(what_is_counted_is_what_is_used);
	ADD(a_failed_allocation_collects_and_is_tried_again);
	ADD(what_compiled_code_makes_fails_without_a_collection);
	ADD(a_full_table_of_strings_is_not_made_larger_by_compiled_code);
	ADD(vectors_grow_to_their_limit);
	ADD(what_is_not_reached_goes);
	ADD(a_store_into_a_black_table_is_seen);
	ADD(a_store_into_a_black_closure_is_seen);
	ADD(a_stack_needs_no_barrier);
	ADD(a_long_table_may_change_while_it_is_traversed);
	ADD(a_long_table_may_grow_while_it_is_traversed);
	ADD(an_upvalue_of_a_dead_thread_keeps_its_value);
	ADD(finalizers_run_once_and_the_last_marked_first);
	ADD(parameters_are_told_as_lua_tells_them);
}
