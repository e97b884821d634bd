/* SPDX-License-Identifier: BSD-2-Clause */
/* test_number.c - numerals, text of numbers, conversions, exact order, operators. */
#include <locale.h>
#include <stdio.h>

#include "lua_unit.h"

/* ---- Numerals -------------------------------------------------------------------------- */

static void check_integer(const char *text, lua_Integer wanted)
{
	Value v;

	CHECK_EQ(number_from_text(text, &v), strlen(text) + 1);
	CHECK(is_integer(&v));
	CHECK_EQ(v.u.i, wanted);
}

static void check_float(const char *text, lua_Number wanted)
{
	Value v;

	CHECK_EQ(number_from_text(text, &v), strlen(text) + 1);
	CHECK(is_float(&v));
	CHECK(v.u.n == wanted && signbit(v.u.n) == signbit(wanted));
}

static void check_refused(const char *text)
{
	Value v;

	if (number_from_text(text, &v))
		unit_fail(__FILE__, __LINE__, "\"%s\" was taken for a number", text);
}

TEST(numerals_of_integers)
{
	check_integer("0", 0);
	check_integer("-0", 0);
	check_integer("  +12\t\n\v\f\r", 12);
	check_integer("9223372036854775807", LUA_MAXINTEGER);
	check_integer("-9223372036854775808", LUA_MININTEGER);
	check_integer("000000000000000000000000000000001", 1);
	check_integer("0x10", 16);
	check_integer("-0XfF", -255);
	check_integer("0xffffffffffffffff", -1);
	check_integer("0x1ffffffffffffffff", -1);
	check_integer("-0x8000000000000000", LUA_MININTEGER);
}

TEST(numerals_of_floats)
{
	check_float("9223372036854775808", 0x1p63);
	check_float("-9223372036854775809", -0x1p63);
	check_float("1.", 1);
	check_float(".5", .5);
	check_float("-0.0", -0.0);
	check_float("1e1", 10);
	check_float(" 0x.8p1 ", 1);
	check_float("0x1p-2", .25);
	check_float("0xA.8", 10.5);
	check_float("1e400", HUGE_VAL);
	check_float("-1e400", -HUGE_VAL);
	check_float("3.14159", 3.14159);
}

/* The quick way for short numerals against strtod(). */
TEST(numerals_of_floats_are_read_as_strtod_does)
{
	uint64_t state = 3;

	for (int i = 0; i < 300000; i++) {
		uint64_t digits = unit_random(&state) >> unit_random(&state) % 48;
		int places = (int)(unit_random(&state) % 19);
		int exponent = (int)(unit_random(&state) % 60) - 30;
		char text[100];

		snprintf(text, sizeof(text), "%s%.*f%s%d", i % 3 ? "" : "-", places,
			 (double)digits / pow(10, places), i & 1 ? "e" : "E+", abs(exponent));
		if (i & 1 && exponent < 0)
			snprintf(strchr(text, 'e'), 8, "e%d", exponent);
		if (i % 5 == 0)
			strcpy(text + strcspn(text, "eE"), strchr(text, '.') ? "" : ".");
		check_float(text, strtod(text, NULL));
	}
}

TEST(what_is_no_numeral)
{
	static const char *const texts[] = {
		"",    " ",   "-",     "+",    ".",    "e1",	 "0x",	  "0x ",
		"1e",  "1e+", "inf",   "-inf", "nan",  "NaN",	 "INF",	  "infinity",
		"1 2", "1x",  "--1",   "+-1",  "- 1",  "0xg",	 "0x.p1", "1_000",
		"1,5", "0b1", "1.2.3", "a",    "0x1p", "\xa0 1",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		check_refused(texts[i]);
}

TEST(long_numerals)
{
	char text[600];

	memset(text, '1', sizeof(text));
	text[550] = '\0';
	text[1] = '.';
	check_float(text, strtod(text, NULL));
	strcpy(text + 540, "x");
	check_refused(text);
}

/* ---- Text ------------------------------------------------------------------------------- */

static void check_text(Value v, const char *wanted)
{
	char text[NUMBER_TEXT_SIZE];

	CHECK_EQ(number_to_text(&v, text), strlen(wanted));
	CHECK_STR(text, wanted);
}

TEST(text_of_integers)
{
	check_text(unit_integer(0), "0");
	check_text(unit_integer(-1), "-1");
	check_text(unit_integer(LUA_MAXINTEGER), "9223372036854775807");
	check_text(unit_integer(LUA_MININTEGER), "-9223372036854775808");
}

TEST(text_of_integers_of_every_length)
{
	char wanted[NUMBER_TEXT_SIZE];

	for (lua_Unsigned n = 1; n < UINT64_C(1) << 62; n += n / 2 + 1) {
		snprintf(wanted, sizeof(wanted), "%lld", (long long)n);
		check_text(unit_integer((lua_Integer)n), wanted);
		snprintf(wanted, sizeof(wanted), "%lld", -(long long)n);
		check_text(unit_integer(-(lua_Integer)n), wanted);
	}
}

TEST(text_of_floats)
{
	check_text(unit_float(0), "0.0");
	check_text(unit_float(-0.0), "-0.0");
	check_text(unit_float(1), "1.0");
	check_text(unit_float(-15), "-15.0");
	check_text(unit_float(99999999999999), "99999999999999.0");
	check_text(unit_float(-99999999999999), "-99999999999999.0");
	check_text(unit_float(1e14), "1e+14");
	check_text(unit_float(1e15), "1e+15");
	check_text(unit_float(0x1p63), "9.2233720368548e+18");
	check_text(unit_float(.1), "0.1");
	check_text(unit_float(1. / 3), "0.33333333333333");
	check_text(unit_float(99999999999999.9), "1e+14");
	check_text(unit_float(12345678.99999999), "12345679.0");
	check_text(unit_float(HUGE_VAL), "inf");
	check_text(unit_float(-HUGE_VAL), "-inf");
	check_text(unit_float(__builtin_nan("")), "nan");
	check_text(unit_float(-__builtin_nan("")), "-nan");
	check_text(unit_float(-1e-300), "-1e-300");
}

static void check_against_printf(lua_Number n)
{
	char wanted[NUMBER_TEXT_SIZE];

	snprintf(wanted, sizeof(wanted) - 2, "%.14g", n);
	if (!strpbrk(wanted, ".en"))
		strcat(wanted, ".0");
	check_text(unit_float(n), wanted);
}

/* The quick ways against printf(). */
TEST(text_of_floats_is_what_printf_gives)
{
	uint64_t state = 1;

	for (int i = 0; i < 200000; i++) {
		lua_Number n = (lua_Number)(int64_t)unit_random(&state) /
			       (lua_Number)(1 << unit_random(&state) % 20);

		check_against_printf(unit_random(&state) & 1 ? floor(n) : -floor(n));
		check_against_printf(n);
		check_against_printf(n * 1e-10);
		check_against_printf(-n * pow(10, (int)(unit_random(&state) % 40) - 30));
		check_against_printf(floor(n / 1e6) / 1000);
	}
}

/* Powers of ten and of two, halves of the last digit, and what is next to them. */
TEST(text_of_floats_at_the_edges)
{
	for (int power = -8; power < 18; power++) {
		for (lua_Number digits = 1; digits < 1000; digits += digits < 20 ? 0.5 : 111.25) {
			lua_Number n = digits * pow(10, power);

			for (int i = 0; i < 3; i++) {
				check_against_printf(n);
				n = nextafter(n, -HUGE_VAL);
			}
		}
	}
	for (int power = -30; power < 60; power++)
		for (int i = -3; i <= 3; i++)
			check_against_printf(ldexp(1, power) * (1 + i * 0x1p-52));
	check_against_printf(0.00010000000000005); /* ties are not exact */
	check_against_printf(1.00000000000005);
	check_against_printf(1024.0000000000125);
	check_against_printf(99999999999999.5);
	check_against_printf(9999999999999.95);
	check_against_printf(70368744177664.0 + 1 / 64.); /* 14 digits end before the point */
	for (int i = 1; i < 2000; i += 2) /* ties that are exact: 13 + digits, then a half */
		check_against_printf(10000000000000.0 * 5 + i / 2.);
}

/* A locale whose decimal point is a comma: one of the machine's, or one made for the test. */
static bool set_locale_with_comma(void)
{
	static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "pt_BR.UTF-8"};
	char folder[] = "/tmp/unit-lua-locale-XXXXXX", command[200];
	bool made;

	for (int i = 0; i < 4; i++)
		if (setlocale(LC_ALL, names[i]))
			return true;
	if (!mkdtemp(folder))
		return false;
	/* Its status is that of warnings as well. */
	snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1",
		 folder, folder);
	made = system(command) != -1 && !setenv("LOCPATH", folder, 1) &&
	       setlocale(LC_ALL, "de_DE.UTF-8");
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command) == 0 && made;
}

TEST(the_point_of_the_locale)
{
	if (!set_locale_with_comma())
		unit_skip("no locale with a comma, and localedef (package locales) makes none");
	CHECK_STR(localeconv()->decimal_point, ",");
	check_text(unit_float(1), "1,0");
	check_text(unit_float(1.5), "1,5");
	check_float("1,5", 1.5);
	check_float("1.5", 1.5);
	check_refused("1.5.1");
}

/* ---- Conversions and order ----------------------------------------------------------------- */

TEST(floats_become_integers)
{
	lua_Integer i;

	CHECK(float_to_integer(-0.0, &i, ROUND_EXACT) && i == 0);
	CHECK(float_to_integer(-0x1p63, &i, ROUND_EXACT) && i == LUA_MININTEGER);
	CHECK(!float_to_integer(0x1p63, &i, ROUND_FLOOR));
	CHECK(!float_to_integer(-0x1.0000000000001p63, &i, ROUND_CEIL));
	CHECK(!float_to_integer(__builtin_nan(""), &i, ROUND_FLOOR));
	CHECK(!float_to_integer(1.5, &i, ROUND_EXACT));
	CHECK(float_to_integer(1.5, &i, ROUND_FLOOR) && i == 1);
	CHECK(float_to_integer(1.5, &i, ROUND_CEIL) && i == 2);
	CHECK(float_to_integer(-1.5, &i, ROUND_FLOOR) && i == -2);
	CHECK(float_to_integer(-1.5, &i, ROUND_CEIL) && i == -1);
	CHECK(float_to_integer(0.5, &i, ROUND_CEIL) && i == 1);
	CHECK(float_to_integer(-0.5, &i, ROUND_FLOOR) && i == -1);
	CHECK(float_to_integer(-0.5, &i, ROUND_CEIL) && i == 0);
}

TEST(strings_become_numbers)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);
	lua_Integer i;
	lua_Number n;
	Value v;

	set_object(&v, unit_string(L, " 0x10 "));
	CHECK(to_integer(&v, &i) && i == 16);
	CHECK(to_number(&v, &n) && n == 16);
	CHECK(!number_to_integer(&v, &i, ROUND_EXACT));
	set_object(&v, unit_string(L, "1e2"));
	CHECK(to_integer(&v, &i) && i == 100);
	set_object(&v, unit_string(L, "1.5"));
	CHECK(!to_integer(&v, &i));
	CHECK(to_integer_slow(&v, &i, ROUND_FLOOR) && i == 1);
	set_object(&v, unit_string(L, "x"));
	CHECK(!to_number(&v, &n));
	set_object(&v, string_new(L, "1\0", 2));
	CHECK(!to_number(&v, &n));
	set_nil(&v);
	CHECK(!to_number(&v, &n));
	unit_close(L, &heap);
}

static int compare_exactly(const Value *a, const Value *b)
{
	long double x = is_integer(a) ? (long double)a->u.i : (long double)a->u.n;
	long double y = is_integer(b) ? (long double)b->u.i : (long double)b->u.n;

	return (x > y) - (x < y);
}

/* A long double has 64 bits: it holds both kinds. */
TEST(order_is_exact)
{
	static const lua_Integer near[] = {0,
					   1,
					   -1,
					   INT64_C(1) << 53,
					   -(INT64_C(1) << 53),
					   INT64_C(1) << 62,
					   LUA_MAXINTEGER,
					   LUA_MININTEGER,
					   LUA_MAXINTEGER - 1024,
					   LUA_MININTEGER + 1024};
	Value values[200];
	int n = 0;

	for (int i = 0; i < 10; i++)
		for (int j = -2; j <= 2; j++) {
			values[n++] = unit_integer(int_add(near[i], j));
			values[n++] = unit_float((lua_Number)near[i] + j);
			values[n++] = unit_float(nextafter((lua_Number)near[i], j * HUGE_VAL));
		}
	values[n++] = unit_float(HUGE_VAL);
	values[n++] = unit_float(-HUGE_VAL);
	values[n++] = unit_float(0.5);
	for (int i = 0; i < n; i++) {
		for (int j = 0; j < n; j++) {
			if (is_float(&values[i]) && isnan(values[i].u.n))
				continue;
			if (is_float(&values[j]) && isnan(values[j].u.n))
				continue;
			CHECK_EQ(number_less(&values[i], &values[j]),
				 compare_exactly(&values[i], &values[j]) < 0);
			CHECK_EQ(number_less_equal(&values[i], &values[j]),
				 compare_exactly(&values[i], &values[j]) <= 0);
		}
	}
}

TEST(nothing_is_in_order_with_nan)
{
	Value nan = unit_float(__builtin_nan(""));
	lua_Integer integers[] = {0, LUA_MAXINTEGER, LUA_MININTEGER};

	for (int i = 0; i < 3; i++) {
		Value v = unit_integer(integers[i]);

		CHECK(!number_less(&v, &nan) && !number_less(&nan, &v));
		CHECK(!number_less_equal(&v, &nan) && !number_less_equal(&nan, &v));
	}
}

/* ---- Operators ------------------------------------------------------------------------------ */

TEST(shifts)
{
	CHECK_EQ(int_shift_left(1, 63), LUA_MININTEGER);
	CHECK_EQ(int_shift_left(1, 64), 0);
	CHECK_EQ(int_shift_left(-1, -63), 1);
	CHECK_EQ(int_shift_left(-1, -64), 0);
	CHECK_EQ(int_shift_left(-1, LUA_MININTEGER), 0);
	CHECK_EQ(int_shift_left(-1, LUA_MAXINTEGER), 0);
	CHECK_EQ(int_shift_left(5, 0), 5);
}

TEST(floor_division_of_integers)
{
	lua_State *L = NULL; /* only errors need it */

	CHECK_EQ(int_idiv(L, 7, 2), 3);
	CHECK_EQ(int_idiv(L, -7, 2), -4);
	CHECK_EQ(int_idiv(L, 7, -2), -4);
	CHECK_EQ(int_idiv(L, -7, -2), 3);
	CHECK_EQ(int_idiv(L, 1, -2), -1);
	CHECK_EQ(int_idiv(L, LUA_MININTEGER, -1), LUA_MININTEGER);
	CHECK_EQ(int_mod(L, 7, 3), 1);
	CHECK_EQ(int_mod(L, -7, 3), 2);
	CHECK_EQ(int_mod(L, 7, -3), -2);
	CHECK_EQ(int_mod(L, -7, -3), -1);
	CHECK_EQ(int_mod(L, 6, -3), 0);
	CHECK_EQ(int_mod(L, LUA_MININTEGER, -1), 0);
}

static void divide_by_zero(lua_State *L, void *data)
{
	if (data)
		int_mod(L, 1, 0);
	else
		int_idiv(L, 1, 0);
}

TEST(integers_divided_by_zero)
{
	struct unit_heap heap;
	lua_State *L = unit_state(&heap);

	unit_check_raises(L, divide_by_zero, NULL, "attempt to divide by zero");
	unit_check_raises(L, divide_by_zero, L, "attempt to perform 'n%0'");
	unit_close(L, &heap);
}

static bool same_float(lua_Number a, lua_Number b)
{
	return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

static lua_Number plain_mod(lua_Number a, lua_Number b)
{
	lua_Number r = fmod(a, b);

	return (r < 0 && b > 0) || (r > 0 && b < 0) ? r + b : r;
}

TEST(modulo_of_floats_agrees_with_fmod)
{
	static const lua_Number special[] = {0.0,    -0.0,   1,	       -1,	 3,	     -3,
					     0.5,    -2.5,   0x1p53,   -0x1p53,	 0x1p53 - 1, 1e300,
					     1e-300, 5e-324, HUGE_VAL, -HUGE_VAL};
	uint64_t state = 7;

	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 16; j++)
			CHECK(same_float(float_mod(special[i], special[j]),
					 plain_mod(special[i], special[j])));
	CHECK(isnan(float_mod(__builtin_nan(""), 1)) && isnan(float_mod(1, __builtin_nan(""))));
	for (int i = 0; i < 300000; i++) {
		lua_Number a = (lua_Number)(int64_t)(unit_random(&state) - (1u << 31));
		lua_Number b = (lua_Number)(int64_t)(unit_random(&state) % 5000) - 2500;

		if (i % 3 == 0)
			b /= 8;
		CHECK(same_float(float_mod(a, b), plain_mod(a, b)));
	}
}

static bool arith(int op, Value a, Value b, Value *result)
{
	return number_arith(NULL, op, &a, &b, result);
}

TEST(operators)
{
	Value r;

	CHECK(arith(LUA_OPADD, unit_integer(LUA_MAXINTEGER), unit_integer(1), &r));
	CHECK(is_integer(&r) && r.u.i == LUA_MININTEGER);
	CHECK(arith(LUA_OPADD, unit_integer(1), unit_float(1), &r) && is_float(&r) && r.u.n == 2);
	CHECK(arith(LUA_OPDIV, unit_integer(1), unit_integer(2), &r) && is_float(&r));
	CHECK(arith(LUA_OPPOW, unit_integer(2), unit_integer(3), &r) && r.u.n == 8);
	CHECK(arith(LUA_OPIDIV, unit_float(-7), unit_integer(2), &r) && r.u.n == -4);
	CHECK(arith(LUA_OPMUL, unit_integer(3), unit_integer(5), &r) && r.u.i == 15);
	CHECK(arith(LUA_OPUNM, unit_integer(LUA_MININTEGER), unit_integer(0), &r));
	CHECK_EQ(r.u.i, LUA_MININTEGER);
	CHECK(arith(LUA_OPUNM, unit_float(0), unit_float(0), &r) && signbit(r.u.n));
	CHECK(arith(LUA_OPBAND, unit_float(7), unit_integer(5), &r) && is_integer(&r) &&
	      r.u.i == 5);
	CHECK(arith(LUA_OPSHR, unit_integer(-1), unit_integer(60), &r) && r.u.i == 15);
	CHECK(arith(LUA_OPSHR, unit_integer(1), unit_integer(LUA_MININTEGER), &r) && r.u.i == 0);
	CHECK(arith(LUA_OPBNOT, unit_integer(0), unit_integer(0), &r) && r.u.i == -1);
	CHECK(!arith(LUA_OPBOR, unit_float(1.5), unit_integer(1), &r));
	set_nil(&r);
	CHECK(!arith(LUA_OPADD, r, unit_integer(1), &r));
}

void suite_number(void);
void suite_number(void)
{
	unit_suite("number");
	ADD(numerals_of_integers);
	ADD(numerals_of_floats);
	ADD(numerals_of_floats_are_read_as_strtod_does);
	ADD(what_is_no_numeral);
	ADD(long_numerals);
	ADD(text_of_integers);
	ADD(text_of_integers_of_every_length);
	ADD(text_of_floats);
	ADD(text_of_floats_is_what_printf_gives);
	ADD(text_of_floats_at_the_edges);
	ADD(the_point_of_the_locale);
	ADD(floats_become_integers);
	ADD(strings_become_numbers);
	ADD(order_is_exact);
	ADD(nothing_is_in_order_with_nan);
	ADD(shifts);
	ADD(floor_division_of_integers);
	ADD(integers_divided_by_zero);
	ADD(modulo_of_floats_agrees_with_fmod);
	ADD(operators);
}
