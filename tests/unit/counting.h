/* SPDX-License-Identifier: BSD-2-Clause */
/* counting.h - a VM whose loops run as often as a test says; for the tests of run counts. */
#ifndef TESTS_COUNTING_H
#define TESTS_COUNTING_H

#include "../../jit/hooks/internal.h"
#include "observer.h"

#define PLENTY (1u << 20) /* slots, for an observer without a limit */

/* What a VM was told: how often, and how to count. */
struct told {
	unsigned calls, how;
	int err;
};

jit_vm *vm_that_counts(struct told *t);
/* The same, in the map of o, which begins to watch. */
jit_vm *vm_that_is_watched(struct told *t, struct observer *o);
/* Ends both, and the directory of observers. */
void end_watched(jit_vm *vm, struct observer *o);
/* As compiled code does it. */
void run(uint64_t *count, uint64_t times);
/* Of all loops without a slot of their own. */
uint64_t overflowed(void);
/* Slots in a page; that of a loop; what it has in the map of an observer. */
uint32_t in_page(void);
uint32_t slot_of(uint64_t no);
uint64_t in_map(const struct observer *o, uint64_t no);
/* As if attached to loop__run, or not any more. */
void attach_to_loop_run(int by);

#endif
