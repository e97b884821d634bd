/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * number.c - integers and floats: conversions, operators without metamethods,
 * exact order, numerals to numbers and back.
 */
#include "number.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "debug.h"
#include "luastring.h"

/* ---- Conversions --------------------------------------------------------------------- */

/* As floats: both are exact, and the first float beyond the integers is the second. */
#define MIN_FLOAT (-0x1p63)
#define END_FLOAT 0x1p63

bool float_to_integer(lua_Number f, lua_Integer *i, enum round round)
{
	lua_Integer n;

	if (unlikely(!(f >= MIN_FLOAT && f < END_FLOAT)))
		return false;
	n = (lua_Integer)f;
	/* A float with a fraction is far from the limits: the steps do not overflow. */
	if ((lua_Number)n != f) {
		if (round == ROUND_EXACT)
			return false;
		if (round == ROUND_FLOOR)
			n -= (lua_Number)n > f;
		else
			n += (lua_Number)n < f;
	}
	*i = n;
	return true;
}

bool number_to_integer(const Value *v, lua_Integer *i, enum round round)
{
	if (is_integer(v)) {
		*i = v->u.i;
		return true;
	}
	return is_float(v) && float_to_integer(v->u.n, i, round);
}

static bool string_to_number(const Value *v, Value *number)
{
	const String *s;

	if (!is_string(v))
		return false;
	s = as_string(v);
	return number_from_text(s->text, number) == string_length(s) + 1;
}

bool to_number_slow(const Value *v, lua_Number *n)
{
	Value number = {.tag = TAG_NIL};

	return number_as_float(v, n) ||
	       (string_to_number(v, &number) && number_as_float(&number, n));
}

bool to_integer_slow(const Value *v, lua_Integer *i, enum round round)
{
	Value number = {.tag = TAG_NIL};

	if (string_to_number(v, &number))
		v = &number;
	return number_to_integer(v, i, round);
}

/* ---- Operators ------------------------------------------------------------------------- */

lua_Integer int_idiv(lua_State *L, lua_Integer a, lua_Integer b)
{
	lua_Integer q;

	/* The least integer divided by -1 would trap. */
	if (unlikely((lua_Unsigned)b + 1 <= 1)) {
		if (b == 0)
			error_run(L, "attempt to divide by zero");
		return int_sub(0, a);
	}
	q = a / b;
	return q - ((a ^ b) < 0 && q * b != a);
}

lua_Integer int_mod(lua_State *L, lua_Integer a, lua_Integer b)
{
	lua_Integer r;

	if (unlikely((lua_Unsigned)b + 1 <= 1)) {
		if (b == 0)
			error_run(L, "attempt to perform 'n%%0'");
		return 0;
	}
	r = a % b;
	return r != 0 && (r ^ b) < 0 ? r + b : r;
}

lua_Integer int_shift_left(lua_Integer a, lua_Integer b)
{
	if (b >= 0)
		return b < 64 ? (lua_Integer)((lua_Unsigned)a << b) : 0;
	return b > -64 ? (lua_Integer)((lua_Unsigned)a >> -b) : 0;
}

/*
 * fmod() is slow where the quotient is large, and most operands are whole numbers:
 * the processor's own remainder is exact for those.
 */
static lua_Number remainder_of(lua_Number a, lua_Number b)
{
	if (fabs(a) < 0x1p53 && fabs(b) < 0x1p53) {
		int64_t i = (int64_t)a, j = (int64_t)b;

		if ((lua_Number)i == a && (lua_Number)j == b && j != 0)
			return copysign((lua_Number)(i % j), a);
	}
	return fmod(a, b);
}

lua_Number float_mod(lua_Number a, lua_Number b)
{
	lua_Number r = remainder_of(a, b);

	/* The result has the sign of b; NaN and zero stay. */
	if (r > 0 ? b < 0 : r < 0 && b > 0)
		r += b;
	return r;
}

static bool integer_arith(lua_State *L, int op, lua_Integer a, lua_Integer b, lua_Integer *r)
{
	switch (op) {
	case LUA_OPADD:
		*r = int_add(a, b);
		return true;
	case LUA_OPSUB:
		*r = int_sub(a, b);
		return true;
	case LUA_OPMUL:
		*r = int_mul(a, b);
		return true;
	case LUA_OPMOD:
		*r = int_mod(L, a, b);
		return true;
	case LUA_OPIDIV:
		*r = int_idiv(L, a, b);
		return true;
	case LUA_OPUNM:
		*r = int_sub(0, a);
		return true;
	default: /* POW and DIV are for floats */
		return false;
	}
}

static lua_Number float_arith(int op, lua_Number a, lua_Number b)
{
	switch (op) {
	case LUA_OPADD:
		return a + b;
	case LUA_OPSUB:
		return a - b;
	case LUA_OPMUL:
		return a * b;
	case LUA_OPMOD:
		return float_mod(a, b);
	case LUA_OPPOW:
		return float_pow(a, b);
	case LUA_OPDIV:
		return a / b;
	case LUA_OPIDIV:
		return floor(a / b);
	default: /* LUA_OPUNM */
		return -a;
	}
}

static lua_Integer bitwise(int op, lua_Integer a, lua_Integer b)
{
	switch (op) {
	case LUA_OPBAND:
		return a & b;
	case LUA_OPBOR:
		return a | b;
	case LUA_OPBXOR:
		return a ^ b;
	case LUA_OPSHL:
		return int_shift_left(a, b);
	case LUA_OPSHR:
		return int_shift_left(a, int_sub(0, b));
	default: /* LUA_OPBNOT */
		return ~a;
	}
}

static bool is_bitwise(int op)
{
	return (op >= LUA_OPBAND && op <= LUA_OPSHR) || op == LUA_OPBNOT;
}

bool number_arith(lua_State *L, int op, const Value *a, const Value *b, Value *result)
{
	lua_Integer i, j;
	lua_Number m, n;

	if (is_bitwise(op)) {
		if (!number_to_integer(a, &i, ROUND_EXACT) ||
		    !number_to_integer(b, &j, ROUND_EXACT))
			return false;
		set_integer(result, bitwise(op, i, j));
		return true;
	}
	if (is_integer(a) && is_integer(b) && integer_arith(L, op, a->u.i, b->u.i, &i)) {
		set_integer(result, i);
		return true;
	}
	if (!number_as_float(a, &m) || !number_as_float(b, &n))
		return false;
	set_float(result, float_arith(op, m, n));
	return true;
}

/* ---- Order ------------------------------------------------------------------------------ */

/* Is the integer so small that it is a float without rounding? */
static inline bool fits_float(lua_Integer i)
{
	return (lua_Unsigned)i + ((lua_Unsigned)1 << 53) <= (lua_Unsigned)1 << 54;
}

/*
 * Large integers are compared as integers: i < f just if i < ceil(f), and so on.
 * A float that is no integer even so is NaN, with which all is false, or beyond
 * all of them.
 */
static bool integer_less_float(lua_Integer i, lua_Number f)
{
	lua_Integer n;

	if (likely(fits_float(i)))
		return (lua_Number)i < f;
	return float_to_integer(f, &n, ROUND_CEIL) ? i < n : f > 0;
}

static bool integer_less_equal_float(lua_Integer i, lua_Number f)
{
	lua_Integer n;

	if (likely(fits_float(i)))
		return (lua_Number)i <= f;
	return float_to_integer(f, &n, ROUND_FLOOR) ? i <= n : f > 0;
}

static bool float_less_integer(lua_Number f, lua_Integer i)
{
	lua_Integer n;

	if (likely(fits_float(i)))
		return f < (lua_Number)i;
	return float_to_integer(f, &n, ROUND_FLOOR) ? n < i : f < 0;
}

static bool float_less_equal_integer(lua_Number f, lua_Integer i)
{
	lua_Integer n;

	if (likely(fits_float(i)))
		return f <= (lua_Number)i;
	return float_to_integer(f, &n, ROUND_CEIL) ? n <= i : f < 0;
}

bool number_less(const Value *a, const Value *b)
{
	if (is_integer(a))
		return is_integer(b) ? a->u.i < b->u.i : integer_less_float(a->u.i, b->u.n);
	return is_float(b) ? a->u.n < b->u.n : float_less_integer(a->u.n, b->u.i);
}

bool number_less_equal(const Value *a, const Value *b)
{
	if (is_integer(a))
		return is_integer(b) ? a->u.i <= b->u.i : integer_less_equal_float(a->u.i, b->u.n);
	return is_float(b) ? a->u.n <= b->u.n : float_less_equal_integer(a->u.n, b->u.i);
}

/* ---- From text --------------------------------------------------------------------------- */

/* The language's white space and digits, whatever the locale. */
static inline bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *skip_space(const char *p)
{
	while (is_space(*p))
		p++;
	return p;
}

/* Hexadecimal: wraps around. NULL if there are no digits. */
static const char *read_hex(const char *p, lua_Unsigned *n)
{
	const char *begin = p;
	int digit;

	*n = 0;
	while ((digit = hex_digit(*p)) >= 0) {
		*n = *n * 16 + (unsigned)digit;
		p++;
	}
	return p > begin ? p : NULL;
}

/* Decimal: NULL as well if it does not fit, for which it may be a float. */
static const char *read_decimal(const char *p, bool negative, lua_Unsigned *n)
{
	const lua_Unsigned limit = (lua_Unsigned)LUA_MAXINTEGER + negative;
	const char *begin = p;

	*n = 0;
	for (; is_digit(*p); p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (unlikely(*n > (limit - digit) / 10))
			return NULL;
		*n = *n * 10 + digit;
	}
	return p > begin ? p : NULL;
}

/* The end of the numeral, white space behind it included, or NULL. */
static const char *read_integer(const char *p, lua_Integer *i)
{
	bool negative = false;
	lua_Unsigned n;

	p = skip_space(p);
	if (*p == '-' || *p == '+')
		negative = *p++ == '-';
	if (p[0] == '0' && (p[1] | 0x20) == 'x')
		p = read_hex(p + 2, &n);
	else
		p = read_decimal(p, negative, &n);
	if (!p)
		return NULL;
	p = skip_space(p);
	if (*p)
		return NULL;
	*i = (lua_Integer)(negative ? 0 - n : n);
	return p;
}

static const char *read_float_here(const char *text, lua_Number *n)
{
	char *end;

	*n = strtod(text, &end);
	if (end == text)
		return NULL;
	end += skip_space(end) - end;
	return *end ? NULL : end;
}

/* Longest numeral that is tried again with the locale's point. */
#define LONGEST_NUMERAL 200

static char decimal_point(void)
{
	return localeconv()->decimal_point[0];
}

static const char *read_exponent(const char *p, int *exponent)
{
	bool negative = false;
	const char *begin;

	if (*p == '-' || *p == '+')
		negative = *p++ == '-';
	begin = p;
	*exponent = 0;
	for (; is_digit(*p) && p - begin < 4; p++)
		*exponent = *exponent * 10 + (*p - '0');
	if (negative)
		*exponent = -*exponent;
	return p > begin ? p : NULL;
}

/* Greatest power of ten that is a float without rounding. */
#define EXACT_POWER 22

#define MOST_DIGITS 18 /* that an uint64_t surely holds */

/*
 * Decimal floats as people write them: as integer and power of ten are exact, one
 * operation rounds as strtod() would. NULL: it is not so simple, or no numeral.
 */
static const char *read_simple_float(const char *p, lua_Number *n)
{
	static const lua_Number powers[EXACT_POWER + 1] = {1e0,	 1e1,  1e2,  1e3,  1e4,	 1e5,
							   1e6,	 1e7,  1e8,  1e9,  1e10, 1e11,
							   1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
							   1e18, 1e19, 1e20, 1e21, 1e22};
	uint64_t digits = 0;
	int count = 0, scale = 0, exponent = 0;
	bool negative = false;

	p = skip_space(p);
	if (*p == '-' || *p == '+')
		negative = *p++ == '-';
	/* There may be more digits than an int counts. */
	for (; is_digit(*p) && count <= MOST_DIGITS; p++, count++)
		digits = digits * 10 + (unsigned)(*p - '0');
	if (*p == '.')
		for (p++; is_digit(*p) && count <= MOST_DIGITS; p++, count++, scale--)
			digits = digits * 10 + (unsigned)(*p - '0');
	if (count == 0 || count > MOST_DIGITS || digits > UINT64_C(1) << 53)
		return NULL;
	if ((*p | 0x20) == 'e') {
		p = read_exponent(p + 1, &exponent);
		if (!p)
			return NULL;
		scale += exponent;
	}
	p = skip_space(p);
	if (*p || scale < -EXACT_POWER || scale > EXACT_POWER)
		return NULL;
	*n = (lua_Number)digits;
	*n = scale < 0 ? *n / powers[-scale] : *n * powers[scale];
	if (negative)
		*n = -*n;
	return p;
}

/* strtod() knows all of the language's floats, and "inf" and "nan", which are refused. */
static const char *read_float(const char *text, lua_Number *n)
{
	char copy[LONGEST_NUMERAL + 1];
	const char *point, *end;
	size_t length;

	end = read_simple_float(text, n);
	if (end)
		return end;
	if (strpbrk(text, "nN"))
		return NULL;
	end = read_float_here(text, n);
	if (end)
		return end;
	point = strchr(text, '.');
	length = strlen(text);
	if (!point || length > LONGEST_NUMERAL)
		return NULL;
	memcpy(copy, text, length + 1);
	copy[point - text] = decimal_point();
	end = read_float_here(copy, n);
	return end ? text + (end - copy) : NULL;
}

size_t number_from_text(const char *text, Value *result)
{
	const char *end;
	lua_Integer i;
	lua_Number n;

	end = read_integer(text, &i);
	if (end) {
		set_integer(result, i);
	} else {
		end = read_float(text, &n);
		if (!end)
			return 0;
		set_float(result, n);
	}
	return (size_t)(end - text) + 1;
}

/* ---- To text ------------------------------------------------------------------------------- */

/* Two digits a step: divisions are what it costs. */
static size_t write_integer(lua_Integer i, char *text)
{
	char digits[24];
	char *p = digits + sizeof(digits);
	lua_Unsigned n = i < 0 ? 0 - (lua_Unsigned)i : (lua_Unsigned)i;
	size_t length;

	while (n >= 10) {
		unsigned pair = (unsigned)(n % 100);

		n /= 100;
		*--p = (char)('0' + pair % 10);
		*--p = (char)('0' + pair / 10);
	}
	if (n || p == digits + sizeof(digits))
		*--p = (char)('0' + n);
	if (i < 0)
		*--p = '-';
	length = (size_t)(digits + sizeof(digits) - p);
	memcpy(text, p, length);
	text[length] = '\0';
	return length;
}

static size_t add_fraction(char *text, size_t length)
{
	text[length++] = decimal_point();
	text[length++] = '0';
	text[length] = '\0';
	return length;
}

#define DIGITS 14 /* of LUA_NUMBER_FMT */
#define LEAST_OF_DIGITS UINT64_C(10000000000000)

/*
 * n * 10^scale, rounded as printf() does, exactly: mantissa and power of five fit
 * 128 bits together. n is positive, scale from 0 to 17, the result below 2^64.
 */
static uint64_t scale_up(lua_Number n, int scale)
{
	static const uint64_t fives[] = {UINT64_C(1),
					 UINT64_C(5),
					 UINT64_C(25),
					 UINT64_C(125),
					 UINT64_C(625),
					 UINT64_C(3125),
					 UINT64_C(15625),
					 UINT64_C(78125),
					 UINT64_C(390625),
					 UINT64_C(1953125),
					 UINT64_C(9765625),
					 UINT64_C(48828125),
					 UINT64_C(244140625),
					 UINT64_C(1220703125),
					 UINT64_C(6103515625),
					 UINT64_C(30517578125),
					 UINT64_C(152587890625),
					 UINT64_C(762939453125)};
	unsigned __int128 product, part, half;
	uint64_t bits, result;
	int shift;

	memcpy(&bits, &n, sizeof(bits));
	product = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
	product *= fives[scale];
	shift = 1075 - (int)(bits >> 52) - scale; /* so many bits are a fraction */
	half = (unsigned __int128)1 << (shift - 1);
	part = product & (half * 2 - 1);
	result = (uint64_t)(product >> shift);
	return result + (part > half || (part == half && (result & 1)));
}

/* The decimal exponent of a number in [1e-4, 1e14), or one less. */
static int guess_power(lua_Number n)
{
	uint64_t bits;
	int power;

	memcpy(&bits, &n, sizeof(bits));
	power = (((int)(bits >> 52) - 1023) * 1233) >> 12; /* log10(2) * 4096 */
	return power < -4 ? -4 : power;
}

/* The digits with their point; returns the end. */
static char *place_point(char *p, const char *digits, int count, int power)
{
	if (power < 0) {
		*p++ = '0';
		*p++ = decimal_point();
		for (; power < -1; power++)
			*p++ = '0';
	} else {
		for (; power >= 0; power--)
			*p++ = count-- > 0 ? *digits++ : '0';
		*p++ = decimal_point();
		if (count <= 0)
			*p++ = '0';
	}
	while (count-- > 0)
		*p++ = *digits++;
	return p;
}

/*
 * What "%.14g" writes of a number in [1e-4, 1e14): 14 digits, then no zeros at the
 * end, and no exponent, unless it is rounded to 1e14: 0, then.
 */
static size_t write_plain_float(lua_Number n, char *text)
{
	char digits[DIGITS], *p = text;
	int power = guess_power(fabs(n)), count = DIGITS;
	uint64_t m = scale_up(fabs(n), DIGITS - 1 - power);

	if (m >= LEAST_OF_DIGITS * 10) {
		if (++power == DIGITS)
			return 0;
		m = scale_up(fabs(n), DIGITS - 1 - power);
	}
	for (int i = DIGITS; i > 0; m /= 10)
		digits[--i] = (char)('0' + m % 10);
	while (digits[count - 1] == '0')
		count--;
	if (n < 0)
		*p++ = '-';
	p = place_point(p, digits, count, power);
	*p = '\0';
	return (size_t)(p - text);
}

static size_t write_float(lua_Number n, char text[NUMBER_TEXT_SIZE])
{
	size_t length = 0;

	/* Without printf() where it is easy. */
	if (fabs(n) < 1e14) {
		if ((lua_Number)(lua_Integer)n == n && (n != 0 || !signbit(n)))
			return add_fraction(text, write_integer((lua_Integer)n, text));
		if (fabs(n) >= 1e-4)
			length = write_plain_float(n, text);
	}
	if (length)
		return length;
	length = (size_t)snprintf(text, NUMBER_TEXT_SIZE, LUA_NUMBER_FMT, n);
	if (text[strspn(text, "-0123456789")] == '\0') /* looks like an integer */
		length = add_fraction(text, length);
	return length;
}

size_t number_to_text(const Value *v, char text[NUMBER_TEXT_SIZE])
{
	return is_integer(v) ? write_integer(v->u.i, text) : write_float(v->u.n, text);
}

void number_make_string(lua_State *L, Value *v)
{
	char text[NUMBER_TEXT_SIZE];
	size_t length = number_to_text(v, text);
	String *s = string_new(L, text, length);

	set_object(v, s);
}
