/* SPDX-License-Identifier: BSD-2-Clause */
/* internal.h - what the files of libjithooks share. */
#ifndef JIT_HOOKS_INTERNAL_H
#define JIT_HOOKS_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <jithooks/hooks.h>

#include "lock.h"

#define NO_ROW UINT32_MAX

/*
 * Not called for most traces. The code around a call of it is kept out of the
 * way too: between two traces the VM's compiler has pushed us out of the
 * processor's caches, so a trace costs by the lines of code it goes through.
 */
#define SELDOM __attribute__((noinline, cold))

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define JIT_ONE_THREAD __libc_single_threaded
#else
#define JIT_ONE_THREAD 0
#endif

/* ---- region.c: the memory that an observer reads ------------------------ */

/* Never NULL once region_open() was called; without memory a bare header. */
extern struct jit_region *jit_region;

void jit_region_open(void);

extern uint32_t jit_region_locked;

/* There is a region, and whoever takes the lock has something to write into it. */
static inline void jit_region_lock(void)
{
	jit_lock_take(&jit_region_locked);
	jit_region->inherited = 0;
}

static inline bool jit_region_trylock(void)
{
	if (!jit_lock_try(&jit_region_locked))
		return false;
	jit_region->inherited = 0;
	return true;
}

static inline void jit_region_unlock(void)
{
	jit_lock_drop(&jit_region_locked);
}

/* All below: with the lock held. */

/* A row for loop `no`, or NULL if the table is full; end with _loop_done(). */
struct jit_loop_row *jit_region_add_loop(uint64_t no);
void jit_region_loop_done(struct jit_loop_row *row);
/* The row of `no`, or NULL. */
struct jit_loop_row *jit_region_loop(uint64_t no);
/* Row number i, or NULL if it is empty. */
struct jit_loop_row *jit_region_loop_at(uint32_t i);
void jit_region_drop_loop(struct jit_loop_row *row);
/* The row may be given away when no other is free. */
void jit_region_retire_loop(struct jit_loop_row *row);
uint64_t *jit_region_run_count(uint32_t slot);
/* The row of this reason and place, made if new; NULL if the table is full. */
struct jit_abort_row *jit_region_abort(uint32_t reason_id, const char *reason,
				       const char *greenkey);
void jit_region_count_abort(struct jit_abort_row *row, enum jit_counter counter, uint64_t when);

static inline struct jit_totals *jit_totals(void)
{
	return &jit_region->event.totals;
}

/*
 * Counts are added to without a lock, by every thread. As long as there is
 * only one (the C library knows), no other can come in between, and the adds
 * of a trace, half a dozen, need not be atomic. Returns what was there before.
 */
static inline uint64_t jit_add(__u64 *to, uint64_t n)
{
	uint64_t before;

	if (!JIT_ONE_THREAD)
		return __atomic_fetch_add(to, n, __ATOMIC_RELAXED);
	before = __atomic_load_n(to, __ATOMIC_RELAXED);
	__atomic_store_n(to, before + n, __ATOMIC_RELAXED);
	return before;
}

static inline void jit_bump(enum jit_counter c, uint64_t n)
{
	jit_add((__u64 *)&jit_totals()->counters + c, n);
}

/* ---- probes.c: the sites ------------------------------------------------- */

/* With the lock held: completes jit_region->event and fires the probe. */
SELDOM void jit_fire(enum jit_probe probe);

/* ---- timers.c -------------------------------------------------------------- */

static inline uint64_t jit_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#define JIT_TIMER_DEPTH 16

/* What a thread is doing: one for each, and finding it is not free. */
struct jit_timer {
	unsigned depth; /* may exceed JIT_TIMER_DEPTH: deeper levels are billed to the last */
	uint8_t what[JIT_TIMER_DEPTH];
	uint64_t since; /* when its times last changed: now, right after a start or an end */
	uint64_t spent; /* TRACING and BACKEND together */
};

/* This thread's; the first two start and end something before. */
const struct jit_timer *jit_timer_start(enum jit_time what);
const struct jit_timer *jit_timer_end(enum jit_time what);
const struct jit_timer *jit_timer(void);

/* ---- hooks.c: the slots and the calls -------------------------------------- */

struct jit_slot {
	union {
		jit_optimize_hook *optimize;
		jit_compile_hook *compile;
		jit_abort_hook *abort;
		jit_trace_too_long_hook *too_long;
	};
	void *data;
	bool operations;
	char name[64];
};

enum jit_slot_no { SLOT_OPTIMIZE, SLOT_COMPILE, SLOT_ABORT, SLOT_TOO_LONG, NSLOTS };

struct jit_vm {
	struct jit_vm_config config;
	char jitdriver_name[JIT_DRIVER_LEN];
	uint32_t no;
	struct jit_flush flush;
	pthread_mutex_t lock; /* of the slots */
	struct jit_slot slots[NSLOTS];
	bool debug;   /* jit_enable_debug() */
	unsigned how; /* runs are counted: JIT_RUNS_* */
};

int jit_call_optimize(jit_vm *vm, struct jit_trace *t, struct jit_optimize *ops);
void jit_call_compile(jit_vm *vm, struct jit_trace *t, const struct jit_code *code);
void jit_call_abort(jit_vm *vm, const struct jit_abort_info *info, const char *greenkey,
		    const char *reason);
void jit_report(jit_vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- trace.c ----------------------------------------------------------------- */

/* Where the trace starts, asked for once. */
const char *jit_greenkey(struct jit_trace *t);

/* Copies a string into a field of fixed size; NULL counts as "". */
static inline void jit_copy(char *to, size_t size, const char *from)
{
	size_t n = from ? strnlen(from, size - 1) : 0;

	memcpy(to, from ? from : "", n);
	to[n] = '\0';
}

#define JIT_COPY(field, from) jit_copy(field, sizeof(field), from)

#endif
