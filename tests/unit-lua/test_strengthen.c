/* SPDX-License-Identifier: BSD-2-Clause */
/* test_strengthen.c - which guards may say more: what a list's text does not say. */
#include "../../jit/trace/opt.h"
#include "lua_unit.h"

static const char text[] = "i0 = getslot_i(descr=0)\n"
			   "i1 = int_lt(i0, 10)\n"
			   "guard_true(i1) [@1]\n"
			   "i3 = int_lt(i0, 5)\n"
			   "guard_true(i3) [@2]\n"
			   "finish(descr=-1) [@3]\n";

/* Guards left, if the first of two leaves where the trace has done an instruction or none. */
static unsigned guards_left(bool moved)
{
	char message[160];
	unsigned n = 0;
	int line;
	Ir ir;

	ir_open(&ir);
	CHECK(ir_parse(&ir, text, &line, message));
	ir.snapshots[0].moved = moved;
	strengthen_guards(&ir);
	for (uint32_t at = 0; at < ir.n_ops; at++)
		n += ir.ops[at].opcode == IR_GUARD_TRUE;
	ir_close(&ir);
	return n;
}

TEST(a_guard_says_more_only_where_the_trace_has_done_something)
{
	CHECK_EQ(guards_left(true), 1);
	CHECK_EQ(guards_left(false), 2);
}

void suite_strengthen(void);
void suite_strengthen(void)
{
	unit_suite("strengthen");
	ADD(a_guard_says_more_only_where_the_trace_has_done_something);
}
