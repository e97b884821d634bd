/* SPDX-License-Identifier: BSD-2-Clause */
/* test_replace.c - which lists may replace a trace's, as text. */
#include <stdlib.h>
#include <string.h>

#include "../../jit/trace/ir.h"
#include "lua_unit.h"

/* Snapshots are numbered as they come in the text: origin[] says which is which. */
static const int32_t same_order[] = {0, 1, 2, 3, 4, 5, 6, 7};

static void parse(Ir *ir, const char *text)
{
	char message[160] = "";
	int line = 0;

	ir_open(ir);
	if (!ir_parse(ir, text, &line, message))
		fprintf(stderr, "line %d: %s\n%s\n", line, message, text);
	CHECK_STR(message, "");
}

/* The hook's list begins with the trace's constants. */
static const char *verdict(const char *was, const char *is, const int32_t *origin)
{
	static char message[160];
	Ir a, b, joined;
	uint32_t n;

	parse(&a, was);
	ir_open(&joined);
	if (a.n_constants && IR_ROOM(&joined, constants, a.n_constants)) {
		memcpy(joined.constants, a.constants, a.n_constants * sizeof(*a.constants));
		joined.n_constants = a.n_constants;
	}
	n = joined.n_constants;
	b = joined;
	if (!ir_parse(&b, is, &(int){0}, message))
		fprintf(stderr, "%s\n%s\n", message, is);
	CHECK(b.n_constants >= n);
	strcpy(message, "taken");
	ir_verify_replacement(&a, &b, origin, message);
	ir_close(&a);
	ir_close(&b);
	return message;
}

/* A list around a value: i3 is what is computed of i1 and i2. */
#define LIST(body)                   \
	"i1 = getslot_i(descr=1)\n"  \
	"i2 = getslot_i(descr=2)\n"  \
	"f11 = getslot_f(descr=4)\n" \
	"f12 = getslot_f(descr=5)\n" body "finish(descr=-1) [@1 3:i3]\n"
#define FLOATS(body)                 \
	"i1 = getslot_i(descr=1)\n"  \
	"i2 = getslot_i(descr=2)\n"  \
	"f11 = getslot_f(descr=4)\n" \
	"f12 = getslot_f(descr=5)\n" body "finish(descr=-1) [@1 3:f3]\n"

static const struct {
	const char *was, *is;
	bool equal;
} integers[] =
	{
		{"i3 = int_add(i1, i2)\n", "i3 = int_add(i2, i1)\n", true},
		{"i3 = int_add(i1, i2)\n", "i3 = int_sub(i1, i2)\n", false},
		{"i3 = int_sub(i1, i2)\n", "i3 = int_sub(i2, i1)\n", false},
		{"i3 = int_sub(i1, i2)\n", "i4 = int_neg(i2)\ni3 = int_add(i4, i1)\n", true},
		{"i3 = int_mul(i1, 8)\n", "i3 = int_lshift(i1, 3)\n", true},
		{"i3 = int_mul(i1, 8)\n", "i3 = int_lshift(i1, 4)\n", false},
		{"i3 = int_lshift(i1, 63)\n", "i3 = int_mul(i1, -9223372036854775808)\n", true},
		{"i3 = int_lshift(i1, 64)\n", "i3 = int_mul(i1, 0)\n", false},
		{"i3 = int_mul(i1, 2)\n", "i3 = int_add(i1, i1)\n", true},
		{"i3 = int_mul(i1, 3)\n", "i4 = int_lshift(i1, 1)\ni3 = int_add(i4, i1)\n", true},
		{"i3 = int_invert(i1)\n", "i4 = int_neg(i1)\ni3 = int_sub(i4, 1)\n", true},
		{"i3 = int_invert(i1)\n", "i3 = int_xor(i1, -1)\n", true},
		{"i3 = int_mod(i1, 16)\n", "i3 = int_and(i1, 15)\n", true},
		{"i3 = int_mod(i1, 16)\n", "i3 = int_and(i1, 16)\n", false},
		{"i3 = int_and(i1, 12)\n", "i4 = int_and(i1, 13)\ni3 = int_and(i4, 14)\n", true},
		{"i3 = int_or(i1, 3)\n", "i4 = int_or(i1, 1)\ni3 = int_or(2, i4)\n", true},
		{"i3 = int_xor(i1, 3)\n", "i4 = int_xor(i1, 1)\ni3 = int_xor(i4, 2)\n", true},
		{"i3 = int_lt(i1, i2)\n", "i3 = int_gt(i2, i1)\n", true},
		{"i3 = int_lt(i1, i2)\n", "i3 = int_le(i1, i2)\n", false},
		{"i3 = int_ge(i1, i2)\n", "i3 = int_le(i2, i1)\n", true},
		{"i3 = float_lt(f11, f12)\n", "i3 = float_gt(f12, f11)\n", true},
		{"i3 = float_lt(f11, f12)\n", "i3 = float_gt(f11, f12)\n", false},
		/* A division may trap: it is not done where it was not. */
		{"i3 = int_add(i1, i2)\n", "i4 = int_floordiv(i1, i2)\ni3 = int_add(i1, i2)\n",
		 false},
		{"i3 = int_add(i1, i2)\n", "i4 = int_mod(i1, 0)\ni3 = int_add(i1, i2)\n", false},
		{"i3 = int_add(i1, i2)\n", "i4 = int_mod(i1, 3)\ni3 = int_add(i1, i2)\n", true},
		{"i3 = int_floordiv(i1, i2)\n", "i4 = int_floordiv(i1, i2)\ni3 = same_as_i(i4)\n",
		 true},
		/* Nor is a slot read. */
		{"i3 = int_add(i1, i2)\n", "i4 = getslot_i(descr=9)\ni3 = int_add(i1, i2)\n",
		 false},
		{"i3 = int_add(i1, i2)\n", "i4 = getslot_i(descr=2)\ni3 = int_add(i1, i4)\n", true},
},
  floats[] = {
	  {"f3 = float_truediv(f11, 0x1p+2)\n", "f3 = float_mul(f11, 0x1p-2)\n", true},
	  {"f3 = float_truediv(f11, -0x1p-9)\n", "f3 = float_mul(f11, -0x1p+9)\n", true},
	  {"f3 = float_truediv(f11, 0x1.8p+1)\n", "f3 = float_mul(f11, 0x1.5555555555555p-2)\n",
	   false},
	  /* 2^-1074 has no inverse; 2^1023 has one that is not normal. */
	  {"f3 = float_truediv(f11, 0x1p-1074)\n", "f3 = float_mul(f11, 0x1p+1023)\n", false},
	  {"f3 = float_truediv(f11, 0x1p+1023)\n", "f3 = float_mul(f11, 0x1p-1023)\n", false},
	  {"f3 = float_add(f11, f11)\n", "f3 = float_mul(f11, 0x1p+1)\n", true},
	  {"f3 = float_sub(f11, 0x1p+1)\n", "f3 = float_add(f11, -0x1p+1)\n", true},
	  {"f3 = float_add(f11, f12)\n", "f3 = float_sub(f11, f12)\n", false},
	  {"f3 = float_sub(f11, f12)\n", "f4 = float_neg(f12)\nf3 = float_add(f11, f4)\n", false},
	  {"f3 = float_mul(f11, 0x0p+0)\n", "f3 = same_as_f(0x0p+0)\n", false},
	  {"f3 = float_add(f11, 0x0p+0)\n", "f3 = same_as_f(f11)\n", false},
	  {"f3 = float_sub(f11, 0x0p+0)\n", "f3 = same_as_f(f11)\n", true},
	  {"f3 = float_mul(f11, 0x1p+0)\n", "f3 = same_as_f(f11)\n", true},
	  {"f3 = float_abs(f11)\n", "f4 = float_neg(f11)\nf3 = float_abs(f4)\n", true},
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void check_values(bool equal, const char *was, const char *is)
{
	const char *said = verdict(was, is, same_order);

	if (equal != !strcmp(said, "taken"))
		fprintf(stderr, "%s\nwas\n%s\nis\n%s\n", said, was, is);
	CHECK_EQ(!strcmp(said, "taken"), equal);
}

static void join(char *to, size_t size, bool is_float, const char *body)
{
	if (is_float)
		snprintf(to, size, FLOATS("%s"), body);
	else
		snprintf(to, size, LIST("%s"), body);
}

TEST(values_are_equal_if_that_can_be_shown)
{
	char was[500], is[500];

	for (size_t i = 0; i < COUNT(integers); i++) {
		join(was, sizeof(was), false, integers[i].was);
		join(is, sizeof(is), false, integers[i].is);
		check_values(integers[i].equal, was, is);
	}
	for (size_t i = 0; i < COUNT(floats); i++) {
		join(was, sizeof(was), true, floats[i].was);
		join(is, sizeof(is), true, floats[i].is);
		check_values(floats[i].equal, was, is);
	}
}

/* ---- Guards ---------------------------------------------------------------------------------- */

#define SLOTS                       \
	"i1 = getslot_i(descr=1)\n" \
	"i2 = getslot_i(descr=2)\n"
#define END "finish(descr=-1) [@9]\n"

TEST(guards_may_look_different_and_stay)
{
	const char *was = SLOTS "i3 = int_lt(i1, i2)\nguard_true(i3) [@1 1:i1]\n" END;

	CHECK_STR(verdict(was, SLOTS "i3 = int_ge(i1, i2)\nguard_false(i3) [@1 1:i1]\n" END,
			  same_order),
		  "taken");
	CHECK_STR(verdict(was, SLOTS "i3 = int_ge(i1, i2)\nguard_true(i3) [@1 1:i1]\n" END,
			  same_order),
		  "the trace's operation 3, guard_true: this guard is lost");
	CHECK_STR(verdict(was, SLOTS "i3 = int_lt(i1, i2)\nguard_true(i3) [@1 1:i2]\n" END,
			  same_order),
		  "operation 3, guard_true: its snapshot, or a value in it, was changed");
	CHECK_STR(verdict(was, SLOTS END, (const int32_t[]){1}),
		  "the trace's operation 3, guard_true: this guard is lost");
}

TEST(a_guard_that_follows_may_go)
{
	const char *was = SLOTS "i3 = int_lt(i1, i2)\nguard_true(i3) [@1]\n"
				"i4 = int_gt(i2, i1)\nguard_true(i4) [@2]\n" END;
	const char *one = SLOTS "i3 = int_lt(i1, i2)\nguard_true(i3) [@1]\n" END;

	CHECK_STR(verdict(was, one, (const int32_t[]){0, 2}), "taken");
	CHECK_STR(verdict(one, was, (const int32_t[]){0, 0, 1}), "taken");
	/* The second alone proves as much, but leaves elsewhere. */
	CHECK(strcmp(verdict(was, SLOTS "i4 = int_gt(i2, i1)\nguard_true(i4) [@2]\n" END,
			     (const int32_t[]){1, 2}),
		     "taken"));
}

TEST(a_guard_may_be_added_where_nothing_happened)
{
	const char *was = SLOTS "guard_value(i1, 3) [@1]\nsetvalue(&1000, i2, descr=integer)\n" END;
	const char *before =
		SLOTS "i3 = int_lt(i1, i2)\nguard_true(i3) [@1]\nguard_value(i1, 3) [@1]\n"
		      "setvalue(&1000, i2, descr=integer)\n" END;
	const char *after = SLOTS "guard_value(i1, 3) [@1]\nsetvalue(&1000, i2, descr=integer)\n"
				  "i3 = int_lt(i1, i2)\nguard_true(i3) [@1]\n" END;

	CHECK_STR(verdict(was, before, (const int32_t[]){0, 0, 1}), "taken");
	CHECK(strcmp(verdict(was, after, (const int32_t[]){0, 0, 1}), "taken"));
	/* 5 is not a truth value: the guard proves less than it looks. */
	CHECK(strcmp(verdict(was,
			     SLOTS "guard_true(i2) [@1]\nguard_value(i1, 3) [@1]\n"
				   "setvalue(&1000, 1, descr=integer)\n" END,
			     (const int32_t[]){0, 0, 1}),
		     "taken"));
}

/* ---- Effects --------------------------------------------------------------------------------- */

#define STORE(to, value) "setvalue(&" to ", " value ", descr=integer)\n"

TEST(stores_stay_in_their_order)
{
	const char *was = SLOTS STORE("1000", "i1") STORE("2000", "i2") END;

	CHECK_STR(verdict(was, was, same_order), "taken");
	CHECK_STR(verdict(was, SLOTS STORE("2000", "i2") STORE("1000", "i1") END, same_order),
		  "operation 2, setvalue: argument 1 is not shown to be what it was");
	CHECK_STR(verdict(was, SLOTS STORE("1000", "i1") END, same_order),
		  "the trace's operation 3, setvalue: this effect is lost");
	CHECK_STR(verdict(was, SLOTS STORE("1000", "i2") STORE("2000", "i2") END, same_order),
		  "operation 2, setvalue: argument 2 is not shown to be what it was");
	/* What is there already may be written again. */
	CHECK_STR(verdict(was,
			  SLOTS STORE("1000", "i1") STORE("1000", "i1") STORE("2000", "i2") END,
			  same_order),
		  "taken");
}

#define POINTERS                    \
	SLOTS                       \
	"r5 = getslot_r(descr=5)\n" \
	"r6 = getslot_r(descr=6)\n"

TEST(a_load_does_not_pass_a_store)
{
	const char *was = POINTERS "i3 = getvalue_i(r5)\nsetvalue(r6, i2, descr=integer)\n"
				   "i4 = getvalue_i(r5)\nfinish(descr=-1) [@9 3:i3 4:i4]\n";
	const char *early = POINTERS "i3 = getvalue_i(r5)\nsetvalue(r6, i2, descr=integer)\n"
				     "finish(descr=-1) [@9 3:i3 4:i3]\n";
	const char *late = POINTERS "setvalue(r6, i2, descr=integer)\ni3 = getvalue_i(r5)\n"
				    "i4 = getvalue_i(r5)\nfinish(descr=-1) [@9 3:i3 4:i4]\n";

	CHECK_STR(verdict(was, was, same_order), "taken");
	CHECK_STR(verdict(was, early, same_order),
		  "operation 6, finish: its snapshot, or a value in it, was changed");
	CHECK(strcmp(verdict(was, late, same_order), "taken"));
}

/* ---- Loops ----------------------------------------------------------------------------------- */

#define LOOP(step)                                                  \
	"i1 = getslot_i(descr=1)\nlabel(i1)\ni2 = arg_i(descr=0)\n" \
	"i3 = int_lt(i2, 100)\nguard_true(i3) [@1 1:i2]\n" step "jump(i4)\n"

TEST(what_a_loop_gives_its_next_turn_stays)
{
	const char *was = LOOP("i4 = int_add(i2, 2)\n");

	CHECK_STR(verdict(was, LOOP("i5 = int_add(i2, 1)\ni4 = int_add(1, i5)\n"), same_order),
		  "taken");
	CHECK_STR(verdict(was, LOOP("i4 = int_add(i2, 1)\n"), same_order),
		  "operation 6, jump: argument 1 is not shown to be what it was");
	CHECK_STR(verdict(was, LOOP("i4 = int_add(i1, 2)\n"), same_order),
		  "operation 6, jump: argument 1 is not shown to be what it was");
}

void suite_replace(void);
void suite_replace(void)
{
	unit_suite("replace");
	ADD(values_are_equal_if_that_can_be_shown);
	ADD(guards_may_look_different_and_stay);
	ADD(a_guard_that_follows_may_go);
	ADD(a_guard_may_be_added_where_nothing_happened);
	ADD(stores_stay_in_their_order);
	ADD(a_load_does_not_pass_a_store);
	ADD(what_a_loop_gives_its_next_turn_stays);
}
