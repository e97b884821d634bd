/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_abi.c - the layout of what process, kernel and observer share: every
 * field where its size puts it, without holes, and the same on 32 bit.
 */
#include "unit.h"

#define SIZE(type, field) sizeof(((struct type *)0)->field)
#define WHOLE(type, sum)                                                   \
	_Static_assert(sizeof(struct type) == (sum), #type " has a hole"); \
	_Static_assert(sizeof(struct type) % 8 == 0, #type " is no multiple of 8")
#define AT(type, field, offset) \
	_Static_assert(offsetof(struct type, field) == (offset), #type "." #field " has moved")

WHOLE(jit_counters, JIT_NCOUNTERS * 8);
WHOLE(jit_times, JIT_NTIMES * 8);
WHOLE(jit_totals, sizeof(struct jit_counters) + sizeof(struct jit_times));
WHOLE(jit_loop, 8 * 8 + 6 * 4 + JIT_GREENKEY_LEN);
WHOLE(jit_abort, 4 * 8 + 2 * 4 + JIT_REASON_LEN + JIT_GREENKEY_LEN);
WHOLE(jit_flush, 6 * 8 + 2 * 4 + JIT_REASON_LEN);
WHOLE(jit_event, 8 + 2 * 4 + 5 * 8 + 2 * 4 + 8 + 2 * 4 + sizeof(struct jit_loop) +
			 sizeof(struct jit_abort) + sizeof(struct jit_flush) + JIT_DRIVER_LEN + 8 +
			 2 * 4 + sizeof(struct jit_totals));
WHOLE(jit_area, 8 + 4 * 4);
WHOLE(jit_region, 8 + 2 * 4 + 2 * 8 + 2 * 4 + JIT_COMM_LEN + 8 + 3 * sizeof(struct jit_area) + 8 +
			  2 * 4 + sizeof(struct jit_event));
WHOLE(jit_run, 8);
WHOLE(jit_runs_request, 8 + 2 * 4 + 2 * 8 + 2 * 4);
WHOLE(jit_runs_reply, 8 + 2 * 4 + 8 + 2 * 4);
WHOLE(jit_loop_row, 3 * 8 + sizeof(struct jit_loop) + 8);
WHOLE(jit_abort_row, 8 + sizeof(struct jit_abort) + 8);
WHOLE(jit_anchor, 8 + 2 * 4 + 8);

/* What a reader looks at before it knows the version. */
AT(jit_event, magic, 0);
AT(jit_event, version, 8);
AT(jit_event, size, 12);
AT(jit_region, magic, 0);
AT(jit_region, version, 8);
AT(jit_region, size, 12);
AT(jit_anchor, magic, 0);
AT(jit_anchor, version, 8);
AT(jit_anchor, size, 12);
AT(jit_anchor, region, 16);

AT(jit_runs_request, magic, 0);
AT(jit_runs_request, version, 8);
AT(jit_runs_request, size, 12);
AT(jit_runs_reply, magic, 0);
AT(jit_runs_reply, version, 8);
AT(jit_runs_reply, size, 12);

/* 64 bit fields that 4-byte alignment (i386) would move. */
#define ALIGNED(type, field) \
	_Static_assert(offsetof(struct type, field) % 8 == 0, #type "." #field " is not aligned")
ALIGNED(jit_loop, when_ns);
ALIGNED(jit_event, loop);
ALIGNED(jit_event, abort);
ALIGNED(jit_event, flush);
ALIGNED(jit_event, runs_since_ns);
ALIGNED(jit_event, totals);
ALIGNED(jit_region, next_no);
ALIGNED(jit_region, loops);
ALIGNED(jit_region, aborts);
ALIGNED(jit_region, runs);
ALIGNED(jit_region, runs_session);
ALIGNED(jit_region, event);
ALIGNED(jit_loop_row, loop);
ALIGNED(jit_loop_row, end);
ALIGNED(jit_abort_row, abort);
ALIGNED(jit_abort_row, end);

/* The counters and times as an array: enum and fields in step. */
TEST(enums_index_the_named_fields)
{
#define X(name, text) CHECK_EQ(offsetof(struct jit_counters, name), JIT_##name * sizeof(__u64));
	JIT_COUNTERS(X)
#undef X
#define X(name, field) CHECK_EQ(offsetof(struct jit_times, field), JIT_TIME_##name * sizeof(__u64));
	JIT_TIMES(X)
#undef X
}

/* "JTHOOKS1" in memory order, as bytes in a dump. */
TEST(magic_reads_as_text)
{
	uint64_t magic = JIT_ABI_MAGIC;

	CHECK(!__builtin_memcmp(&magic, "JTHOOKS1", 8));
}

void suite_abi(void)
{
	unit_suite("abi");
	ADD(enums_index_the_named_fields);
	ADD(magic_reads_as_text);
}
