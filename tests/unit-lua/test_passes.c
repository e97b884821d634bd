/* SPDX-License-Identifier: BSD-2-Clause */
/* test_passes.c - which parts of the optimizer are on, as a program in C sets it. */
#include <errno.h>
#include <string.h>

#include <jithooks/hooks.h>
#include <jitlua/jitlua.h>

#include "../../jit/trace/passes.h"
#include "lua_unit.h"

static struct unit_heap heap;

static bool is_on(const lua_State *L, unsigned passes)
{
	const unsigned all = PASS_REWRITE | PASS_PURE | PASS_FORWARD | PASS_DEAD_STORES |
			     PASS_UNROLL | PASS_INTBOUNDS | PASS_VIRTUALIZE;

	return (~L->global->jit->passes_off & all) == passes;
}

TEST(what_the_list_names_is_on_and_nothing_else)
{
	static const struct {
		const char *text;
		unsigned on;
	} lists[] = {
		{"enable_opts=intbounds", PASS_INTBOUNDS},
		{"enable_opts=rewrite", PASS_REWRITE},
		{"enable_opts=virtualize", PASS_VIRTUALIZE},
		{"enable_opts=pure", PASS_PURE},
		{"enable_opts=heap", PASS_FORWARD | PASS_DEAD_STORES},
		{"enable_opts=unroll", PASS_UNROLL},
		{"enable_opts=string:earlyforce", 0},
		{"enable_opts=", 0},
		{"enable_opts=:pure::unroll:,threshold=7", PASS_PURE | PASS_UNROLL},
	};
	lua_State *L = unit_state(&heap);
	struct jit_vm *vm = jitlua_vm(L);

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		CHECK_EQ(jit_set_param(vm, lists[i].text), 0);
		CHECK(is_on(L, lists[i].on));
	}
	CHECK_EQ(jit_set_param(vm, "enable_opts=all"), 0);
	CHECK_EQ(L->global->jit->passes_off, 0);
	CHECK(!jitlua_set_param(L, "enable_opts="));
	CHECK_EQ(jit_set_param(vm, "default"), 0);
	CHECK_EQ(L->global->jit->passes_off, 0);
	unit_close(L, &heap);
}

TEST(a_list_with_a_wrong_name_changes_nothing)
{
	lua_State *L = unit_state(&heap);
	const char *wrong;

	CHECK(!jitlua_set_param(L, "enable_opts=pure"));
	CHECK_EQ(jit_set_param(jitlua_vm(L), "enable_opts=heap:fold"), -EINVAL);
	CHECK(is_on(L, PASS_PURE));
	wrong = jitlua_set_param(L, "enable_opts=heap:fold:unroll");
	CHECK(wrong && strstr(wrong, "'fold'; say all, or some of rewrite:pure:heap:unroll:"));
	CHECK(is_on(L, PASS_PURE));
	unit_close(L, &heap);
}

void suite_passes(void);
void suite_passes(void)
{
	unit_suite("passes");
	ADD(what_the_list_names_is_on_and_nothing_else);
	ADD(a_list_with_a_wrong_name_changes_nothing);
}
