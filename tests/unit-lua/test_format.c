/* SPDX-License-Identifier: BSD-2-Clause */
/* test_format.c - formatted messages, names of chunks, UTF-8. */
#include <stdio.h>

#include "lua_unit.h"

#define CHECK_FORMAT(wanted, ...)                                               \
	do {                                                                    \
		CHECK_STR(push_format(L, __VA_ARGS__), wanted);                 \
		CHECK(is_string(L->top - 1));                                   \
		CHECK_EQ(string_length(as_string(L->top - 1)), strlen(wanted)); \
		L->top--;                                                       \
	} while (0)

TEST(conversions)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	char pointer[64], x60[61];

	CHECK_FORMAT("", "%s", "");
	CHECK_FORMAT("plain", "plain");
	CHECK_FORMAT("a 100% b", "%s 100%% %c", "a", 'b');
	CHECK_FORMAT("-2147483648", "%d", INT32_MIN);
	CHECK_FORMAT("<9223372036854775807>", "<%I>", (LUAI_UACINT)LUA_MAXINTEGER);
	CHECK_FORMAT("1.0 0.5 1e+15", "%f %f %f", 1.0, .5, 1e15);
	CHECK_FORMAT("(null)", "%s", (char *)NULL);
	CHECK_FORMAT("z\xc3\xa9\xf4\x8f\xbf\xbf", "%U%U%U", 0x7aL, 0xe9L, 0x10ffffL);
	snprintf(pointer, sizeof(pointer), "%p!", (void *)L);
	CHECK_FORMAT(pointer, "%p!", (void *)L);
	memset(x60, 'x', 60);
	x60[60] = '\0';
	CHECK_FORMAT("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx1", "%s%d", x60,
		     1);
	for (size_t n = 0; n < 500; n++) {
		char text[600], wanted[700];

		memset(text, 'y', n);
		text[n] = '\0';
		snprintf(wanted, sizeof(wanted), "<%s>%s", text, "abc");
		CHECK_FORMAT(wanted, "<%s>%s", text, "abc");
	}
	unit_close(L, &heap);
}

static void format_wrongly(lua_State *L, void *format)
{
	push_format(L, format, 1);
}

TEST(conversions_that_are_none)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);

	unit_check_raises(L, format_wrongly, "%x", "invalid conversion '%x' to 'lua_pushfstring'");
	unit_check_raises(L, format_wrongly, "%5d", "invalid conversion '%5' to 'lua_pushfstring'");
	unit_close(L, &heap);
}

static void check_chunk(const char *source, const char *wanted)
{
	char name[CHUNK_NAME_SIZE];

	memset(name, 'X', sizeof(name));
	chunk_name(name, source, strlen(source));
	CHECK_STR(name, wanted);
}

#define TEN "0123456789"
#define FORTY TEN TEN TEN TEN

/* Wanted: what lua5.4's debug.getinfo() says. */
TEST(names_of_chunks)
{
	check_chunk("=stdin", "stdin");
	check_chunk("=", "");
	check_chunk("=" FORTY TEN "123456789", FORTY TEN "123456789");
	check_chunk("=" FORTY TEN TEN, FORTY TEN "012345678");
	check_chunk("@file.lua", "file.lua");
	check_chunk("@" FORTY TEN "123456789", FORTY TEN "123456789");
	check_chunk("@" FORTY TEN TEN, "..."
				       "456789" FORTY TEN);
	check_chunk("", "[string \"\"]");
	check_chunk("x = 1", "[string \"x = 1\"]");
	check_chunk("x = 1\ny = 2", "[string \"x = 1...\"]");
	check_chunk("\n", "[string \"...\"]");
	check_chunk(FORTY "0123", "[string \"" FORTY "0123\"]");
	check_chunk(FORTY "01234", "[string \"" FORTY "01234...\"]");
	check_chunk(FORTY "012345", "[string \"" FORTY "01234...\"]");
	check_chunk(FORTY "012345\n", "[string \"" FORTY "01234...\"]");
}

TEST(utf8)
{
	static const struct {
		unsigned long code;
		const char *bytes;
	} cases[] = {
		{0x7f, "\x7f"},
		{0x80, "\xc2\x80"},
		{0x7ff, "\xdf\xbf"},
		{0x800, "\xe0\xa0\x80"},
		{0xffff, "\xef\xbf\xbf"},
		{0x10000, "\xf0\x90\x80\x80"},
		{0x1fffff, "\xf7\xbf\xbf\xbf"},
		{0x200000, "\xf8\x88\x80\x80\x80"},
		{0x3ffffff, "\xfb\xbf\xbf\xbf\xbf"},
		{0x4000000, "\xfc\x84\x80\x80\x80\x80"},
		{0x7fffffff, "\xfd\xbf\xbf\xbf\xbf\xbf"},
	};
	char buffer[UTF8_BUFFER];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int n = utf8_encode(buffer, cases[i].code);

		CHECK_EQ(n, strlen(cases[i].bytes));
		CHECK(!memcmp(buffer + UTF8_BUFFER - n, cases[i].bytes, (size_t)n));
	}
	CHECK_EQ(utf8_encode(buffer, 0), 1);
	CHECK_EQ(buffer[UTF8_BUFFER - 1], 0);
}

void suite_format(void);
void suite_format(void)
{
	unit_suite("format");
	ADD(conversions);
	ADD(conversions_that_are_none);
	ADD(names_of_chunks);
	ADD(utf8);
}
