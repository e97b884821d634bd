/* SPDX-License-Identifier: BSD-2-Clause */
/* test_virtual.c - tables that traces do not make: the pass, the verifier, exits without memory. */
#include <string.h>

#include "../../jit/trace/opt.h"
#include "lua_unit.h"

/* Behind our own lua_assert. */
#undef lua_assert
#include <lauxlib.h>

#define TEXT 4096

static String *keys[2]; /* a, b */

/* In lists $a and $b are keys, and $T a table. */
static void expand(const char *from, Table *t, char to[TEXT])
{
	size_t n = 0;

	for (; *from && n < TEXT - 40; from++) {
		if (*from != '$') {
			to[n++] = *from;
			continue;
		}
		from++;
		n += (size_t)(*from == 'T' ? snprintf(to + n, 40, "table&%lx", (unsigned long)t)
					   : snprintf(to + n, 40, "short_string&%lx",
						      (unsigned long)keys[*from - 'a']));
	}
	to[n] = '\0';
}

static lua_State *open_state(struct unit_heap *heap)
{
	lua_State *L = unit_state(heap);

	CHECK(L->global->jit || jit_open(L));
	lua_pushliteral(L, "a");
	lua_pushliteral(L, "b");
	keys[0] = as_string(L->top - 2);
	keys[1] = as_string(L->top - 1);
	lua_newtable(L);
	return L;
}

static void parse(lua_State *L, Ir *ir, const char *text)
{
	char whole[TEXT], message[160];
	int line;

	ir_open(ir);
	expand(text, as_table(L->top - 1), whole);
	if (!ir_parse(ir, whole, &line, message))
		unit_fail(__FILE__, __LINE__, "line %d: %s", line, message);
}

/* Addresses of the JIT's own become &A. */
static void hide_addresses(char *text)
{
	char *to = text;

	while (*text) {
		size_t n = *text == '&' ? strspn(text + 1, "0123456789abcdef") : 0;

		if (n > 1) {
			*to++ = '&';
			*to++ = 'A';
			text += 1 + n;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* What the passes make of a list, which may go on in a loop. */
static void check_joined(const char *loop, const char *text, const char *wanted)
{
	struct unit_heap heap;
	lua_State *L = open_state(&heap);
	char message[160], whole[TEXT], *printed = NULL;
	size_t size;
	FILE *f = open_memstream(&printed, &size);
	Ir ir, to, other;

	CHECK(f);
	parse(L, &ir, text);
	parse(L, &other, loop);
	ir_open(&to);
	CHECK(peel(L->global->jit, &ir, *loop ? &other : NULL, &to) && !to.failed);
	eliminate_dead_code(&to);
	if (!ir_verify(&to, message))
		unit_fail(__FILE__, __LINE__, "%s", message);
	ir_print(&to, f);
	fclose(f);
	expand(wanted, as_table(L->top - 1), whole);
	if (*loop)
		hide_addresses(printed);
	CHECK_STR(printed, whole);
	free(printed);
	ir_close(&ir);
	ir_close(&to);
	ir_close(&other);
	unit_close(L, &heap);
}

static void check_pass(const char *text, const char *wanted)
{
	check_joined("", text, wanted);
}

TEST(a_table_that_is_only_read_is_not_made)
{
	check_pass("i0 = getslot_i(descr=0)\n"
		   "r1:table = call_r(0, 0, descr=helper_table_new)\n"
		   "guard_nonnull(r1) [@1]\n"
		   "r2 = getfield_r(r1, descr=table.metatable)\n"
		   "guard_isnull(r2) [@2 0:r1]\n"
		   "r3:table = call_r(3, 0, descr=helper_table_new)\n"
		   "setarrayitem(&0, 0, i0, descr=integer)\n"
		   "r4 = getfield_r(r3, descr=table.array)\n"
		   "setarrayitem(r4, 2, i0, descr=integer)\n"
		   "i5 = getarrayitem_tag(r4, 2)\n"
		   "guard_value(i5, 3) [@3 0:r1]\n"
		   "i6 = getarrayitem_i(r4, 2)\n"
		   "i7 = int_add(i6, 1)\n"
		   "i8 = getarrayitem_tag(r4, 0)\n"
		   "guard_value(i8, 0) [@4 0:r1]\n"
		   "finish(descr=-1) [@5 0:i7]\n",
		   "i0 = getslot_i(descr=0)\n"
		   "count_removed()\n"
		   "setarrayitem(&0, 0, i0, descr=integer)\n"
		   "i3 = int_add(i0, 1)\n"
		   "finish() [@5 0:i3]\n");
}

TEST(a_snapshot_names_what_a_table_has_at_its_place)
{
	check_pass("i0 = getslot_i(descr=0)\n"
		   "r1:table = call_r(2, 0, descr=helper_table_new)\n"
		   "r2 = getfield_r(r1, descr=table.array)\n"
		   "setarrayitem(r2, 0, i0, descr=integer)\n"
		   "r8 = getslot_r(descr=1)\n"
		   "guard_nonnull(r8) [@1 0:r1 1:r1]\n"
		   "r4:table = call_r(1, 0, descr=helper_table_new)\n"
		   "r5 = getfield_r(r4, descr=table.array)\n"
		   "setarrayitem(r5, 0, r1, descr=table)\n"
		   "barrier_back(r4, r1)\n"
		   "i6 = call_i(r4, $T, descr=helper_set_metatable)\n"
		   "guard_true(i6) [@2 0:r4]\n"
		   "setarrayitem(r2, 0, 7, descr=integer)\n"
		   "r9 = getslot_r(descr=2)\n"
		   "guard_nonnull(r9) [@3 0:r4 1:r1]\n"
		   "finish(descr=-1) [@4]\n",
		   "i0 = getslot_i(descr=0)\n"
		   "count_removed()\n"
		   "r2 = getslot_r(descr=1)\n"
		   "r3:table = virtual(&0, i0, descr={2 0 0 1:integer})\n"
		   "guard_nonnull(r2) [@1 0:r3 1:r3]\n"
		   "r5 = getslot_r(descr=2)\n"
		   "r6:table = virtual(&0, 7, descr={2 0 0 1:integer})\n"
		   "r7:table = virtual($T, r6, descr={1 0 0 1:table})\n"
		   "guard_nonnull(r5) [@3 0:r7 1:r6]\n"
		   "finish() [@4]\n");
}

TEST(what_is_stored_elsewhere_is_made_there)
{
	char message[160], printed[TEXT];
	struct unit_heap heap;
	lua_State *L = open_state(&heap);
	FILE *f;
	Ir ir, to;
	const char *text = "r0:table = getslot_r(descr=0)\n"
			   "i1 = getslot_i(descr=1)\n"
			   "r2:table = call_r(1, 0, descr=helper_table_new)\n"
			   "r3 = getfield_r(r2, descr=table.array)\n"
			   "setarrayitem(r3, 0, i1, descr=integer)\n"
			   "r4 = getfield_r(r0, descr=table.array)\n"
			   "i5 = getfield_i(r0, descr=table.array_size)\n"
			   "i6 = uint_lt(0, i5)\n"
			   "guard_true(i6) [@1 1:r2]\n"
			   "setarrayitem(r4, 0, r2, descr=table)\n"
			   "barrier_back(r0, r2)\n"
			   "finish(descr=-1) [@3 1:r2]\n";

	parse(L, &ir, text);
	ir_open(&to);
	CHECK(peel(L->global->jit, &ir, NULL, &to) && !to.failed);
	eliminate_dead_code(&to);
	if (!ir_verify(&to, message))
		unit_fail(__FILE__, __LINE__, "%s", message);
	f = fmemopen(printed, sizeof(printed), "w");
	CHECK(f);
	ir_print(&to, f);
	fclose(f);
	/* The guard before it still has it virtual; it is made once, behind that. */
	CHECK(strstr(printed, "helper_table_make"));
	CHECK(strstr(printed, "virtual(") < strstr(printed, "guard_true"));
	CHECK(strstr(printed, "guard_true") < strstr(printed, "helper_table_make"));
	CHECK(!strstr(strstr(printed, "helper_table_make") + 1, "virtual("));
	CHECK(!strstr(printed, "helper_table_new"));
	ir_close(&ir);
	ir_close(&to);
	unit_close(L, &heap);
}

TEST(a_table_that_is_replaced_in_each_turn_crosses_as_its_fields)
{
	check_pass("i0 = getslot_i(descr=0)\n"
		   "guard_not_invalidated() [@9]\n"
		   "i1 = int_add(i0, 1)\n"
		   "r2:table = call_r(1, 0, descr=helper_table_new)\n"
		   "r3 = getfield_r(r2, descr=table.array)\n"
		   "setarrayitem(r3, 0, i1, descr=integer)\n"
		   "i4 = int_lt(i1, 100)\n"
		   "guard_true(i4) [@1 0:i1 1:r2]\n"
		   "jump() [@9 0:i1 1:r2]\n",
		   "i0 = getslot_i(descr=0)\n"
		   "guard_not_invalidated() [@9]\n"
		   "i2 = int_add(i0, 1)\n"
		   "i3 = int_lt(i2, 100)\n"
		   "r4:table = virtual(&0, i2, descr={1 0 0 1:integer})\n"
		   "guard_true(i3) [@1 0:i2 1:r4]\n"
		   "label(i2)\n"
		   "i7 = arg_i(descr=0)\n"
		   "r8:table = virtual(&0, i7, descr={1 0 0 1:integer})\n"
		   "guard_not_invalidated() [@9 0:i7 1:r8]\n"
		   "i10 = int_add(i7, 1)\n"
		   "count_removed()\n"
		   "i12 = int_lt(i10, 100)\n"
		   "r13:table = virtual(&0, i10, descr={1 0 0 1:integer})\n"
		   "guard_true(i12) [@1 0:i10 1:r13]\n"
		   "jump(i10)\n");
}

/* The loop reads the one of the turn before and makes another. */
#define CARRYING                                                \
	"guard_not_invalidated() [@9]\n"                        \
	"r0:table = getslot_r(descr=1)\n"                       \
	"r1 = getfield_r(r0, descr=table.array)\n"              \
	"i2 = getarrayitem_tag(r1, 0)\n"                        \
	"guard_value(i2, 3) [@1]\n"                             \
	"i3 = getarrayitem_i(r1, 0)\n"                          \
	"i4 = int_add(i3, 1)\n"                                 \
	"label(i4)\n"                                           \
	"i5 = arg_i(descr=0)\n"                                 \
	"r6:table = virtual(&0, i5, descr={1 0 0 1:integer})\n" \
	"guard_not_invalidated() [@9 1:r6]\n"                   \
	"i7 = int_add(i5, 1)\n"                                 \
	"jump(i7)\n"

TEST(a_virtual_table_goes_on_to_a_label)
{
	check_joined(CARRYING,
		     "i0 = getslot_i(descr=0)\n"
		     "r1:table = call_r(1, 0, descr=helper_table_new)\n"
		     "r2 = getfield_r(r1, descr=table.array)\n"
		     "setarrayitem(r2, 0, i0, descr=integer)\n"
		     "finish(descr=5) [@9 1:r1 2:r1]\n",
		     /* Slot 2 is none of those that the loop knows: its table is made. */
		     "i0 = getslot_i(descr=0)\n"
		     "r1:table = virtual(&0, i0, descr={1 0 0 1:integer})\n"
		     "guard_not_invalidated() [@9 1:r1 2:r1]\n"
		     "i3 = int_add(i0, 1)\n"
		     "r4:table = virtual(&0, i3, descr={1 0 0 1:integer})\n"
		     "setvalue(&A, i0, descr=integer)\n"
		     "r6:table = call_r(&A, &0, descr=helper_table_make)\n"
		     "guard_nonnull(r6) [@9 2:r1 1:r4]\n"
		     "jump(i3, descr=5) [@9 2:r6 1:r4]\n");
	check_joined(CARRYING,
		     "i0 = getslot_i(descr=0)\n"
		     "r1:table = call_r(1, 0, descr=helper_table_new)\n"
		     "r2 = getfield_r(r1, descr=table.array)\n"
		     "setarrayitem(r2, 0, i0, descr=integer)\n"
		     "finish(descr=5) [@9 1:r1]\n",
		     "i0 = getslot_i(descr=0)\n"
		     "count_removed()\n"
		     "r2:table = virtual(&0, i0, descr={1 0 0 1:integer})\n"
		     "guard_not_invalidated() [@9 1:r2]\n"
		     "i4 = int_add(i0, 1)\n"
		     "r5:table = virtual(&0, i4, descr={1 0 0 1:integer})\n"
		     "jump(i4, descr=5) [@9 1:r5]\n");
}

TEST(a_virtual_table_whose_block_the_body_uses_is_made)
{
	check_joined("guard_not_invalidated() [@9]\n"
		     "r0:table = getslot_r(descr=1)\n"
		     "r1 = getfield_r(r0, descr=table.array)\n"
		     "i2 = getfield_i(r0, descr=table.array_size)\n"
		     "i3 = getslot_i(descr=2)\n"
		     "label(i3)\n"
		     "i4 = arg_i(descr=0)\n"
		     "guard_not_invalidated() [@9 2:i4]\n"
		     "i5 = uint_lt(i4, i2)\n"
		     "guard_true(i5) [@1 2:i4]\n"
		     "i6 = getarrayitem_tag(r1, i4)\n"
		     "guard_value(i6, 3) [@1 2:i4]\n"
		     "i7 = getarrayitem_i(r1, i4)\n"
		     "jump(i7)\n",
		     "i0 = getslot_i(descr=0)\n"
		     "r1:table = call_r(1, 0, descr=helper_table_new)\n"
		     "r2 = getfield_r(r1, descr=table.array)\n"
		     "setarrayitem(r2, 0, i0, descr=integer)\n"
		     "finish(descr=5) [@9 1:r1]\n",
		     "i0 = getslot_i(descr=0)\n"
		     "r1:table = virtual(&0, i0, descr={1 0 0 1:integer})\n"
		     "setvalue(&A, i0, descr=integer)\n"
		     "r3:table = call_r(&A, &0, descr=helper_table_make)\n"
		     "guard_nonnull(r3) [@9 1:r1]\n"
		     "guard_not_invalidated() [@9 1:r3]\n"
		     "r6 = getfield_r(r3, descr=table.array)\n"
		     "i7 = getfield_i(r3, descr=table.array_size)\n"
		     "i8 = getslot_i(descr=2)\n"
		     "jump(i8, r6, i7, descr=5) [@9 1:r3 2:i8]\n");
}

/* ---- The verifier, the text ------------------------------------------------------------------ */

static void check_refused(const char *text, const char *why)
{
	struct unit_heap heap;
	lua_State *L = open_state(&heap);
	char message[160];
	Ir ir;

	parse(L, &ir, text);
	CHECK(!ir_verify(&ir, message));
	if (!strstr(message, why))
		unit_fail(__FILE__, __LINE__, "\"%s\", not \"%s\"", message, why);
	ir_close(&ir);
	unit_close(L, &heap);
}

TEST(a_virtual_table_is_only_for_snapshots)
{
	check_refused("r0:table = virtual(&0, 1, descr={0 1 0 $a:integer})\n"
		      "i1 = getfield_i(r0, descr=table.array_size)\n"
		      "finish(descr=-1) [@9 0:i1]\n",
		      "argument 1 is virtual");
	check_refused("r0:table = virtual(&0, 1, descr={0 1 0 $a:integer})\n"
		      "i1 = call_i(r0, descr=helper_table_border)\n"
		      "finish(descr=-1) [@9 0:i1]\n",
		      "is virtual");
	check_refused("r0:table = virtual(&0, 1, descr={0 1 0 $a:integer})\n"
		      "i1 = call_may_force_i(0, 0, descr=helper_call_function) [@0 0:r0]\n"
		      "finish(descr=-1) [@9 0:i1]\n",
		      "would see a virtual table");
}

TEST(a_virtual_table_has_what_its_shape_says)
{
	check_refused("r0:table = virtual(&0, descr={0 1 0 $a:integer})\n"
		      "finish(descr=-1) [@0 0:r0]\n",
		      "2 arguments expected, 1 found");
	check_refused("f0 = getslot_f(descr=0)\n"
		      "r1:table = virtual(&0, f0, descr={0 1 0 $a:integer})\n"
		      "finish(descr=-1) [@0 0:r1]\n",
		      "a value of type f is stored under tag");
	check_refused("i0 = getslot_i(descr=0)\n"
		      "r1:table = virtual(i0, 1, descr={0 1 0 $a:integer})\n"
		      "finish(descr=-1) [@0 0:r1]\n",
		      "its metatable is no table");
}

/* ---- Exits ----------------------------------------------------------------------------------- */

/* The compiled loop allocates nothing until it is left. */
static const char program[] = "local function f(n)\n"
			      "  local o\n"
			      "  for i = 1, n do\n"
			      "    if i > 1 then o = { a = i, b = { i } } end\n"
			      "  end\n"
			      "  return o\n"
			      "end\n"
			      "f(500) f(500)\n"
			      "return f\n";

TEST(an_exit_without_memory_is_a_memory_error)
{
	struct unit_heap heap;
	lua_State *L = open_state(&heap);

	CHECK_EQ(luaL_loadstring(L, program), LUA_OK);
	CHECK_EQ(lua_pcall(L, 0, 1, 0), LUA_OK);
	for (unsigned fail = 0; fail < 6; fail++) {
		lua_pushvalue(L, -1);
		lua_pushinteger(L, 400);
		heap.calls = 0;
		heap.allow = fail;
		heap.fail = 1000;
		CHECK_EQ(lua_pcall(L, 1, 1, 0), fail < 4 ? LUA_ERRMEM : LUA_OK);
		heap.fail = 0;
		/* Two tables, the nodes of one, the array of the other. */
		CHECK(heap.calls >= fail || heap.calls == 4);
		lua_pop(L, 1);
	}
	unit_close(L, &heap);
}

TEST(an_exit_collects_what_it_can_before_it_gives_up)
{
	struct unit_heap heap;
	lua_State *L = open_state(&heap);

	CHECK_EQ(luaL_loadstring(L, program), LUA_OK);
	CHECK_EQ(lua_pcall(L, 0, 1, 0), LUA_OK);
	for (unsigned allow = 0; allow < 4; allow++) {
		lua_pushvalue(L, -1);
		lua_pushinteger(L, 400);
		heap.allow = allow;
		heap.fail = 1;
		CHECK_EQ(lua_pcall(L, 1, 1, 0), LUA_OK);
		CHECK_EQ(heap.fail, 0);
		CHECK_EQ(lua_getfield(L, -1, "a"), LUA_TNUMBER);
		CHECK_EQ(lua_tointeger(L, -1), 400);
		lua_getfield(L, -2, "b");
		CHECK_EQ(lua_rawlen(L, -1), 1);
		lua_pop(L, 3);
	}
	unit_close(L, &heap);
}

void suite_virtual(void);
void suite_virtual(void)
{
	unit_suite("virtual");
	ADD(a_table_that_is_only_read_is_not_made);
	ADD(a_snapshot_names_what_a_table_has_at_its_place);
	ADD(what_is_stored_elsewhere_is_made_there);
	ADD(a_table_that_is_replaced_in_each_turn_crosses_as_its_fields);
	ADD(a_virtual_table_goes_on_to_a_label);
	ADD(a_virtual_table_whose_block_the_body_uses_is_made);
	ADD(a_virtual_table_is_only_for_snapshots);
	ADD(a_virtual_table_has_what_its_shape_says);
	ADD(an_exit_without_memory_is_a_memory_error);
	ADD(an_exit_collects_what_it_can_before_it_gives_up);
}
