/* SPDX-License-Identifier: BSD-2-Clause */
/* test_table.c - tables: against a model, traversal, borders, sizes, memory errors. */
#include <stdio.h>

#include "lua_unit.h"

/* ---- Keys of all kinds, and the model --------------------------------------------------- */

#define KEYS 2000

/* The value of key i in the model is values[i]; 0: nil. */
struct model {
	Value keys[KEYS];
	int values[KEYS];
	int count;
};

static Value key_of_kind(lua_State *L, int i)
{
	char text[100];
	Value v;

	switch (i % 8) {
	case 0:
	case 1:
	case 2:
		return unit_integer(i / 8 * 3 + i % 8 + 1); /* 1, 2, 3, ... */
	case 3:
		return unit_integer((lua_Integer)(i / 8) * 65536 * 65536 - 1000000);
	case 4:
		return unit_float(i / 8 + 0.25);
	case 5:
		snprintf(text, sizeof(text), "key %d", i);
		set_object(&v, string_new(L, text, strlen(text)));
		return v;
	case 6:
		snprintf(text, sizeof(text), "a key that is too long to be interned: number %d", i);
		set_object(&v, string_new(L, text, strlen(text)));
		return v;
	default:
		v.tag = i == 7 ? TAG_TRUE : i == 15 ? TAG_FALSE : TAG_LIGHTUSERDATA;
		v.u.p = (void *)(uintptr_t)(i * 16);
		return v;
	}
}

/* All keys are anchored in a table of their own. */
static void make_keys(lua_State *L, struct model *m)
{
	Table *anchor = unit_table(L);

	memset(m, 0, sizeof(*m));
	for (int i = 0; i < KEYS; i++) {
		m->keys[i] = key_of_kind(L, i);
		table_put_integer(L, anchor, i + 1, &m->keys[i]);
	}
}

static int find_in_model(const struct model *m, const Value *key)
{
	for (int i = 0; i < KEYS; i++) {
		const Value *k = &m->keys[i];

		if (k->tag != key->tag)
			continue;
		if (is_string(k) ? string_equal(as_string(k), as_string(key))
				 : k->tag == TAG_TRUE || k->tag == TAG_FALSE || k->u.i == key->u.i)
			return i;
	}
	unit_fail(__FILE__, __LINE__, "a key that was never put");
}

/* A key of equal value but another object, where there is such. */
static Value another_key(lua_State *L, int i)
{
	Value v = key_of_kind(L, i);

	if (v.tag == TAG_INTEGER && i % 2 && (lua_Integer)(lua_Number)v.u.i == v.u.i)
		return unit_float((lua_Number)v.u.i);
	return v;
}

static void check_finds(lua_State *L, const Table *t, const struct model *m)
{
	for (int i = 0; i < KEYS; i++) {
		Value key = another_key(L, i), v;

		table_get(t, &key, &v);
		if (m->values[i]) {
			CHECK(is_integer(&v));
			CHECK_EQ(v.u.i, m->values[i]);
		} else {
			CHECK(is_nil(&v));
		}
	}
}

static void check_traversal(lua_State *L, Table *t, const struct model *m)
{
	bool seen[KEYS] = {false};
	Value *key = L->top;
	int n = 0;

	L->top += 2;
	set_nil(key);
	while (table_next(L, t, key)) {
		int i = find_in_model(m, key);

		CHECK(!seen[i]);
		seen[i] = true;
		CHECK_EQ(key[1].u.i, m->values[i]);
		n++;
	}
	L->top -= 2;
	CHECK_EQ(n, m->count);
}

static void check_border(Table *t)
{
	lua_Unsigned n = table_border(t);

	CHECK(n == 0 || !slot_is_nil(table_find_integer(t, (lua_Integer)n)));
	CHECK(slot_is_nil(table_find_integer(t, (lua_Integer)n + 1)));
}

static void check(lua_State *L, Table *t, const struct model *m)
{
	check_finds(L, t, m);
	check_traversal(L, t, m);
	check_border(t);
}

static void put(lua_State *L, Table *t, struct model *m, int i, int value)
{
	Value v = unit_integer(value), key = another_key(L, i);

	if (!value)
		set_nil(&v);
	if (key.tag == TAG_INTEGER && value % 3 == 0)
		table_put_integer(L, t, key.u.i, &v);
	else if (is_string(&key) && value % 3 == 0)
		table_put_string(L, t, as_string(&key), &v);
	else if (value % 3 == 1)
		table_put_at(L, t, &key, table_find(t, &key), &v);
	else
		table_put(L, t, &key, &v);
	m->count += !!value - !!m->values[i];
	m->values[i] = value;
}

TEST(agrees_with_a_model)
{
	static struct model m;
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);
	uint64_t state = 42;

	make_keys(L, &m);
	/* Filled and emptied by turns, each time as far as chance takes it. */
	for (int round = 0; round < 40; round++) {
		unsigned percent = (unsigned)(unit_random(&state) % 100);
		int range = 1 + (int)(unit_random(&state) % KEYS);

		for (int step = 0; step < 3000; step++) {
			int i = (int)(unit_random(&state) % (unsigned)range);

			put(L, t, &m, i, unit_random(&state) % 100 < percent ? step + 1 : 0);
			if (step % 64 == 0)
				check_border(t);
		}
		check(L, t, &m);
		if (round % 8 == 7)
			gc_full(L, false);
	}
	unit_close(L, &heap);
}

TEST(resizing_keeps_all)
{
	static struct model m;
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);
	uint64_t state = 1;

	make_keys(L, &m);
	for (int i = 0; i < KEYS; i += 1 + i / 50)
		put(L, t, &m, i, i + 1);
	for (int i = 0; i < 200; i++) {
		unsigned array = (unsigned)(unit_random(&state) % 2000);

		if (i % 3)
			table_resize(L, t, array, (unsigned)(unit_random(&state) % 500));
		else
			table_resize_array(L, t, array);
		CHECK_EQ(t->array_size, array);
		check(L, t, &m);
	}
	table_resize(L, t, 0, 0);
	check(L, t, &m);
	unit_close(L, &heap);
}

/* ---- Keys ---------------------------------------------------------------------------------- */

TEST(floats_that_are_integers_are_integer_keys)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);
	Value *key = L->top, v = unit_integer(7), k;

	L->top += 2;
	k = unit_float(-0x1p63);
	table_put(L, t, &k, &v);
	set_nil(key);
	CHECK(table_next(L, t, key));
	CHECK(is_integer(key) && key->u.i == LUA_MININTEGER);
	*key = unit_float(-0x1p63); /* next() takes it as well */
	CHECK(!table_next(L, t, key));
	k = unit_float(-0.0);
	table_put(L, t, &k, &v);
	CHECK(table_find_integer(t, 0).payload);
	k = unit_float(0x1p63); /* no integer */
	CHECK(!table_find(t, &k).payload);
	table_put(L, t, &k, &v);
	CHECK(table_find(t, &k).payload);
	CHECK(!table_find_integer(t, LUA_MAXINTEGER).payload);
	unit_close(L, &heap);
}

struct key_of_test {
	Table *t;
	Value key;
};

static void put_key(lua_State *L, void *data)
{
	struct key_of_test *k = data;
	Value v = unit_integer(1);

	table_put(L, k->t, &k->key, &v);
}

static void next_key(lua_State *L, void *data)
{
	struct key_of_test *k = data;

	L->top[0] = k->key;
	L->top += 2;
	table_next(L, k->t, L->top - 2);
}

TEST(keys_that_cannot_be)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	struct key_of_test k = {unit_table(L), {.tag = TAG_NIL}};
	Value v;

	unit_check_raises(L, put_key, &k, "table index is nil");
	CHECK(!table_find(k.t, &k.key).payload);
	k.key = unit_float(__builtin_nan(""));
	unit_check_raises(L, put_key, &k, "table index is NaN");
	CHECK(!table_find(k.t, &k.key).payload);
	k.key = unit_integer(1);
	unit_check_raises(L, next_key, &k, "invalid key to 'next'");
	set_object(&k.key, unit_string(L, "x"));
	unit_check_raises(L, next_key, &k, "invalid key to 'next'");
	set_nil(&v);
	table_put(L, k.t, &k.key, &v); /* nil is not put */
	CHECK(table_no_nodes(k.t));
	unit_close(L, &heap);
}

TEST(a_new_key_clears_what_the_metatable_remembers)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);
	String *s = unit_string(L, "__index");
	Value v = unit_integer(1), nil;

	set_nil(&nil);
	t->absent = 0xff;
	table_put_string(L, t, s, &nil);
	CHECK_EQ(t->absent, 0xff);
	table_put_string(L, t, s, &v);
	CHECK_EQ(t->absent, 0);
	t->absent = 0xfe;
	table_put_string(L, t, s, &v); /* is there */
	CHECK_EQ(t->absent, 0xfe);
	table_put_string(L, t, s, &nil);
	t->absent = 0xff;
	table_put_string(L, t, s, &v); /* had its node yet */
	CHECK_EQ(t->absent, 0);
	unit_close(L, &heap);
}

/* ---- Traversal ------------------------------------------------------------------------------- */

TEST(fields_may_be_cleared_during_traversal)
{
	static struct model m;
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);
	Value *key, nil;
	int n = 0;

	set_nil(&nil);
	make_keys(L, &m);
	for (int i = 0; i < KEYS; i++)
		put(L, t, &m, i, i + 1);
	key = L->top;
	L->top += 2;
	set_nil(key);
	while (table_next(L, t, key)) {
		table_put(L, t, key, &nil);
		if (n++ % 100 == 0)
			gc_full(L, false); /* keys die; the one in the stack is held */
	}
	CHECK_EQ(n, KEYS);
	set_nil(key);
	CHECK(!table_next(L, t, key));
	unit_close(L, &heap);
}

TEST(traversal_goes_on_from_a_dead_key)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);
	Value v = unit_integer(1), k, *key;
	int n = 0;

	for (int i = 0; i < 50; i++) {
		set_object(&k, table_new(L));
		table_put(L, t, &k, &v);
	}
	key = L->top;
	L->top += 2;
	set_nil(key);
	while (table_next(L, t, key)) {
		Node *node = (Node *)((char *)table_find(t, key).payload - offsetof(Node, value));

		node->value_tag = TAG_NIL;
		node->key_tag = TAG_DEAD_KEY;
		CHECK(!table_find(t, key).payload);
		n++;
	}
	CHECK_EQ(n, 50);
	unit_close(L, &heap);
}

/* ---- Arrays and borders ------------------------------------------------------------------------
 */

TEST(a_list_lies_in_the_array)
{
	enum { N = 100000 };
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);
	unsigned calls = heap.calls;

	for (int i = 1; i <= N; i++) {
		Value v = unit_integer(i);

		CHECK_EQ(table_border(t), i - 1);
		table_put_integer(L, t, i, &v);
	}
	CHECK(table_no_nodes(t));
	CHECK(t->array_size >= N && t->array_size < 2 * N);
	CHECK(heap.calls - calls < 20);
	for (int i = N; i > 0; i--) {
		Value nil;

		CHECK_EQ(table_border(t), i);
		set_nil(&nil);
		table_put_integer(L, t, i, &nil);
	}
	CHECK_EQ(table_border(t), 0);
	unit_close(L, &heap);
}

TEST(a_list_with_fields_lies_in_the_array)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);
	Value v = unit_integer(1);

	table_put_string(L, t, unit_string(L, "n"), &v);
	/* The first elements come late, when others are in nodes. */
	for (int i = 40; i > 20; i--)
		table_put_integer(L, t, i, &v);
	for (int i = 1; i <= 20; i++)
		table_put_integer(L, t, i, &v);
	CHECK_EQ(table_border(t), 40);
	table_put_integer(L, t, 41, &v);
	CHECK(t->array_size >= 20);
	CHECK_EQ(table_border(t), 41);
	for (int i = 1; i <= 41; i++)
		CHECK(!slot_is_nil(table_find_integer(t, i)));
	CHECK_EQ(table_find_string(t, string_of(L, "n")).payload->i, 1);
	unit_close(L, &heap);
}

TEST(sparse_integers_lie_in_nodes)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);
	Value v = unit_integer(1);

	for (int i = 1; i <= 1000; i++)
		table_put_integer(L, t, (lua_Integer)i * 1000, &v);
	CHECK_EQ(t->array_size, 0);
	CHECK_EQ(table_node_count(t), 1024);
	unit_close(L, &heap);
}

static lua_Unsigned border_of(lua_State *L, unsigned size, const char *elements)
{
	Table *t = unit_table(L);
	Value v = unit_integer(1);

	table_resize(L, t, size, 0);
	for (unsigned i = 0; elements[i]; i++)
		if (elements[i] == 'x')
			table_put_integer(L, t, i + 1, &v);
	L->top--;
	return table_border(t);
}

/* What lua5.4 answers for constructors with nil in them. */
TEST(borders_of_lists_with_holes)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);

	CHECK_EQ(border_of(L, 4, "xx.x"), 4);
	CHECK_EQ(border_of(L, 3, "..x"), 3);
	CHECK_EQ(border_of(L, 4, "x.x."), 3);
	CHECK_EQ(border_of(L, 4, ".x.."), 2);
	CHECK_EQ(border_of(L, 3, "..."), 0);
	CHECK_EQ(border_of(L, 5, "x...."), 1);
	CHECK_EQ(border_of(L, 6, "xx.x.."), 2);
	CHECK_EQ(border_of(L, 8, "xxxx..xx"), 8);
	unit_close(L, &heap);
}

TEST(borders_far_out_in_nodes)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);
	Value v = unit_integer(1);

	/* Powers of two on the way of the search, as a malicious program puts them. */
	for (int i = 0; i < 63; i++)
		table_put_integer(L, t, INT64_C(1) << i, &v);
	table_put_integer(L, t, LUA_MAXINTEGER, &v);
	check_border(t);
	unit_close(L, &heap);
}

/* ---- Cost
 * ------------------------------------------------------------------------------------------ */

/* Mean length of the walk that finds a key. */
static double mean_walk(const Table *t)
{
	double sum = 0, count = 0;

	for (const Node *n = t->nodes; n < t->nodes + table_node_count(t); n++) {
		int length = 1;

		for (const Node *m = n; m->next; m += m->next)
			length++;
		/* The nodes of a chain see 1, 2, ... of it: each adds what is behind it. */
		if (n->value_tag != TAG_NIL) {
			sum += length;
			count++;
		}
	}
	return sum / count;
}

TEST(integers_at_any_stride_spread)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Value v = unit_integer(1);

	for (int shift = 0; shift < 50; shift++) {
		for (int odd = 1; odd < 1000; odd = odd * 3 + 4) {
			Table *t = unit_table(L);

			for (int i = 1; i <= 2000; i++)
				table_put_integer(L, t,
						  int_mul(i + 100000, (INT64_C(1) << shift) * odd),
						  &v);
			CHECK(mean_walk(t) < 5);
			L->top--;
		}
		gc_full(L, false);
	}
	unit_close(L, &heap);
}

TEST(consecutive_integers_do_not_collide)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	static const lua_Integer begins[] = {1000001, -5000, INT64_C(1) << 40, LUA_MININTEGER};
	Value v = unit_integer(1);

	for (int b = 0; b < 4; b++) {
		Table *t = unit_table(L);

		for (int i = 0; i < 4096; i++)
			table_put_integer(L, t, begins[b] + i, &v);
		CHECK(mean_walk(t) < 1.1);
	}
	unit_close(L, &heap);
}

/* As many keys go as come: nodes are not made anew each time. */
TEST(a_queue_in_nodes_is_cheap)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);
	Value v = unit_integer(1), nil;
	unsigned calls = heap.calls;

	set_nil(&nil);
	for (int i = 0; i < 1024; i++)
		table_put_integer(L, t, 5000 + i, &v);
	for (int i = 0; i < 100000; i++) {
		table_put_integer(L, t, 5000 + i, &nil);
		table_put_integer(L, t, 6024 + i, &v);
	}
	CHECK(heap.calls - calls < 2000);
	CHECK(table_node_count(t) <= 2048);
	unit_close(L, &heap);
}

/* ---- Memory errors
 * ----------------------------------------------------------------------------------- */

struct step {
	Table *t;
	struct model *m;
	int i;
};

static void put_step(lua_State *L, void *data)
{
	struct step *s = data;
	Value v = unit_integer(s->i + 1);

	/* Keys are made beforehand: only the table allocates. */
	table_put(L, s->t, &s->m->keys[s->i], &v);
}

static void shrink_step(lua_State *L, void *data)
{
	struct step *s = data;

	table_resize(L, s->t, (unsigned)s->i, 0);
}

/* Each put is tried with 0, 1, 2, ... allocations until it works; failures change nothing. */
TEST(memory_errors_leave_the_table_as_it_was)
{
	static struct model m;
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	struct step s = {unit_table(L), &m, 0};
	Value *top;
	unsigned failures = 0;

	make_keys(L, &m);
	top = L->top;
	for (s.i = 0; s.i < KEYS; s.i++) {
		int status;

		for (unsigned allowed = 0;; allowed++) {
			size_t bytes = table_bytes(s.t);

			heap.allow = allowed;
			heap.fail = UINT32_MAX;
			status = call_raw_protected(L, put_step, &s);
			if (status == LUA_OK)
				break;
			CHECK_EQ(status, LUA_ERRMEM);
			CHECK_EQ(table_bytes(s.t), bytes);
			failures++;
			L->top = top;
			CHECK(allowed < 10);
		}
		heap.fail = 0;
		m.values[s.i] = s.i + 1;
		m.count++;
		if (s.i % 100 == 0)
			check(L, s.t, &m);
	}
	CHECK(failures > 5);
	for (s.i = (int)s.t->array_size - 1; s.i > 0; s.i /= 2) {
		for (unsigned allowed = 0; allowed < 2; allowed++) {
			heap.allow = allowed;
			heap.fail = 2;
			CHECK_EQ(call_raw_protected(L, shrink_step, &s), LUA_ERRMEM);
		}
		heap.fail = 0;
		L->top = top;
		check(L, s.t, &m);
		CHECK_EQ(call_raw_protected(L, shrink_step, &s), LUA_OK);
		check(L, s.t, &m);
	}
	unit_close(L, &heap);
}

static void overflow(lua_State *L, void *data)
{
	table_resize(L, data, 0, UINT32_C(1) << 31);
}

TEST(more_nodes_than_can_be)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);

	unit_check_raises(L, overflow, unit_table(L), "table overflow");
	unit_close(L, &heap);
}

void suite_table(void);
void suite_table(void)
{
	unit_suite("table");
	ADD(agrees_with_a_model);
	ADD(resizing_keeps_all);
	ADD(floats_that_are_integers_are_integer_keys);
	ADD(keys_that_cannot_be);
	ADD(a_new_key_clears_what_the_metatable_remembers);
	ADD(fields_may_be_cleared_during_traversal);
	ADD(traversal_goes_on_from_a_dead_key);
	ADD(a_list_lies_in_the_array);
	ADD(a_list_with_fields_lies_in_the_array);
	ADD(sparse_integers_lie_in_nodes);
	ADD(borders_of_lists_with_holes);
	ADD(borders_far_out_in_nodes);
	ADD(integers_at_any_stride_spread);
	ADD(consecutive_integers_do_not_collide);
	ADD(a_queue_in_nodes_is_cheap);
	ADD(memory_errors_leave_the_table_as_it_was);
	ADD(more_nodes_than_can_be);
}
