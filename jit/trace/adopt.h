/* SPDX-License-Identifier: BSD-2-Clause */
/* adopt.h - a hook's list of ResOperations as a list of operations of ours. */
#ifndef JITLUA_ADOPT_H
#define JITLUA_ADOPT_H

#include "trace.h"

#define ADOPT_MESSAGE 160

struct adopted {
	Ir ir;
	int32_t *origin; /* of each snapshot: the trace's that it was made of */
};

/* How long a list may be that replaces one of n operations. */
static inline size_t adopt_limit(size_t n)
{
	return 2 * n + 1000;
}

/*
 * Reads `list`, made for a trace of `from`. Nothing in it is trusted but that pointers
 * which are not NULL lead to what the counts say, and that strings end. false: message
 * names the operation and what is wrong with it; nothing is to be freed.
 */
bool adopt(const Ir *from, const struct jit_operations *list, struct adopted *to,
	   char message[ADOPT_MESSAGE]);

#endif
