/* SPDX-License-Identifier: BSD-2-Clause */
/* test_string.c - interning, the table of short strings, hashes, order. */
#include <stdio.h>

#include "lua_unit.h"

TEST(short_strings_are_interned)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	char text[MAX_SHORT_STRING + 2], other[MAX_SHORT_STRING + 2];

	for (size_t n = 0; n <= MAX_SHORT_STRING; n++) {
		String *s;

		memset(text, 'a', sizeof(text));
		memcpy(other, text, sizeof(text));
		s = string_new(L, text, n);
		push_object(L, s);
		CHECK_EQ(s->tag, TAG_SHORT_STRING);
		CHECK_EQ(string_length(s), n);
		CHECK_EQ(s->text[n], 0);
		CHECK(s == string_new(L, other, n));
		for (size_t i = 0; i < n; i++) {
			other[i] = 'b';
			CHECK(s != string_new(L, other, n));
			other[i] = 'a';
		}
		L->top--;
	}
	unit_close(L, &heap);
}

TEST(long_strings_are_not)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	char text[MAX_SHORT_STRING + 1];
	String *a, *b;

	memset(text, 'a', sizeof(text));
	a = string_new(L, text, sizeof(text));
	push_object(L, a);
	b = string_new(L, text, sizeof(text));
	push_object(L, b);
	CHECK(a != b && a->tag == TAG_LONG_STRING);
	CHECK(string_equal(a, b) && string_equal_long(a, b));
	CHECK_EQ(string_hash(a), string_hash(b));
	b->text[40] = 'b';
	CHECK(!string_equal(a, b));
	b = string_new_long(L, 100);
	CHECK_EQ(b->text[100], 0);
	CHECK_EQ(string_length(b), 100);
	unit_close(L, &heap);
}

TEST(strings_with_nul)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	String *a = string_new(L, "a\0b", 3);

	push_object(L, a);
	CHECK_EQ(string_length(a), 3);
	CHECK(a != string_new(L, "a\0c", 3));
	CHECK(a != string_new(L, "a", 1));
	CHECK(a == string_new(L, "a\0b", 3));
	unit_close(L, &heap);
}

TEST(strings_named_by_literals)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	char text[16] = "first";
	String *s = string_of(L, text);

	push_object(L, s);
	CHECK(string_of(L, text) == s);
	strcpy(text, "second");
	CHECK_STR(string_of(L, text)->text, "second");
	strcpy(text, "first");
	CHECK(string_of(L, text) == s);
	/* A collection takes what only the cache knows. */
	strcpy(text, "third");
	string_of(L, text);
	gc_full(L, false);
	CHECK_STR(string_of(L, text)->text, "third");
	unit_close(L, &heap);
}

static String *numbered(lua_State *L, int i)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "string %d", i);

	return string_new(L, text, (size_t)n);
}

TEST(table_grows_and_shrinks)
{
	enum { N = 20000 };
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	StringTable *strings = &L->global->strings;
	Table *t = unit_table(L);
	int before = strings->count, size = strings->size;
	Value v;

	for (int i = 0; i < N; i++) {
		set_object(&v, numbered(L, i));
		table_put_integer(L, t, i + 1, &v);
	}
	CHECK_EQ(strings->count, before + N);
	CHECK(strings->size >= N && strings->size < 4 * N);
	for (int i = 0; i < N; i++) {
		table_get(t, &(Value){.u.i = i + 1, .tag = TAG_INTEGER}, &v);
		CHECK(as_string(&v) == numbered(L, i));
	}
	L->top--;
	for (int i = 0; i < 16; i++)
		gc_full(L, false);
	CHECK(strings->count <= before);
	CHECK(strings->size <= size);
	unit_close(L, &heap);
}

TEST(dead_strings_are_revived)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	String *s = string_new(L, "soon dead", 9);

	s->marked ^= MARK_WHITES; /* as after the atomic phase */
	CHECK(is_dead(L->global, s));
	CHECK(string_new(L, "soon dead", 9) == s);
	CHECK(!is_dead(L->global, s));
	unit_close(L, &heap);
}

TEST(interning_survives_every_memory_error)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	Table *t = unit_table(L);
	StringTable *strings = &L->global->strings;
	Value v;

	set_boolean(&v, true);
	/* So that the table is about to grow. */
	for (int i = 0; strings->count < strings->size; i++)
		table_put_string(L, t, numbered(L, i), &v);
	heap.fail =
		2; /* the table cannot grow, not after a collection either: the string is made */
	CHECK_STR(numbered(L, 1000000)->text, "string 1000000");
	CHECK_EQ(heap.fail, 0);
	CHECK(numbered(L, 0) == numbered(L, 0));
	unit_close(L, &heap);
}

/* Keys as programs have them fall evenly: no chain is much longer than chance has it. */
TEST(hashes_spread)
{
	enum { N = 1 << 14 };
	static uint8_t counts[4][N];
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	static const char *const formats[] = {"%d", "field_%d_name", "x%06d", "%032d"};
	char text[64];

	for (int f = 0; f < 4; f++) {
		int longest = 0, empty = 0;

		for (int i = 0; i < N; i++) {
			int n = snprintf(text, sizeof(text), formats[f], i);
			uint32_t h = string_new(L, text, (size_t)n)->hash & (N - 1);

			if (++counts[f][h] > longest)
				longest = counts[f][h];
		}
		for (int i = 0; i < N; i++)
			empty += !counts[f][i];
		CHECK(longest <= 20); /* by chance 8; the seed is a random one */
		CHECK(empty < N / 2);	/* by chance 1/e */
	}
	unit_close(L, &heap);
}

TEST(order)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	static const struct {
		const char *text;
		size_t length;
	} rising[] = {{"", 0},	   {"\0", 1}, {"\0a", 2}, {"a", 1},   {"a\0", 2},   {"a\0a", 3},
		      {"a\0b", 3}, {"aa", 2}, {"b", 1},	  {"b\0", 2}, {"b\0\0", 3}, {"b\0\0c", 4}};
	enum { N = sizeof(rising) / sizeof(*rising) };

	stack_ensure(L, N);
	for (int i = 0; i < N; i++)
		push_object(L, string_new(L, rising[i].text, rising[i].length));
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			int order = string_compare(as_string(L->top - N + i),
						   as_string(L->top - N + j));

			CHECK_EQ((order > 0) - (order < 0), (i > j) - (i < j));
		}
	unit_close(L, &heap);
}

static void make_huge(lua_State *L, void *data)
{
	(void)data;
	string_new_long(L, SIZE_MAX - 10);
}

static void make_huge_userdata(lua_State *L, void *data)
{
	(void)data;
	userdata_new(L, SIZE_MAX - 10, 1);
}

TEST(sizes_that_cannot_be)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);

	unit_check_raises(L, make_huge, NULL, "memory allocation error: block too big");
	unit_check_raises(L, make_huge_userdata, NULL, "memory allocation error: block too big");
	unit_close(L, &heap);
}

TEST(userdata_has_its_block_and_nil_values)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);

	for (int n = 0; n < 4; n++) {
		Userdata *ud = userdata_new(L, 100, n);

		push_object(L, ud);
		CHECK_EQ(ud->length, 100);
		CHECK_EQ(ud->user_values, n);
		CHECK(!ud->metatable);
		for (int i = 0; i < n; i++)
			CHECK(is_nil(&ud->values[i]));
		CHECK((uintptr_t)userdata_block(ud) % 8 == 0);
		memset(userdata_block(ud), 0xff, 100);
	}
	unit_close(L, &heap);
}

void suite_string(void);
void suite_string(void)
{
	unit_suite("string");
	ADD(short_strings_are_interned);
	ADD(long_strings_are_not);
	ADD(strings_with_nul);
	ADD(strings_named_by_literals);
	ADD(table_grows_and_shrinks);
	ADD(dead_strings_are_revived);
	ADD(interning_survives_every_memory_error);
	ADD(hashes_spread);
	ADD(order);
	ADD(sizes_that_cannot_be);
	ADD(userdata_has_its_block_and_nil_values);
}
