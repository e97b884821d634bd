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

#define MAX_LOOPS (1u << 20) /* rows of loops, and slots of theirs */

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

enum jit_area_no { ABORTS, RUNS, LOOPS, NAREAS };

static inline struct jit_area *jit_region_area(enum jit_area_no which)
{
	return which == ABORTS ? &jit_region->aborts
	       : which == RUNS ? &jit_region->runs
			       : &jit_region->loops;
}

static inline void *jit_region_row(enum jit_area_no which, uint32_t i)
{
	const struct jit_area *area = jit_region_area(which);

	return (char *)jit_region + area->offset + (size_t)i * area->entry_size;
}

/* Gives an area more memory; false if there is none. */
bool jit_region_grow(enum jit_area_no which);
/* The region's own memory takes the place of what lies there, with its contents. */
int jit_region_take_back(void *at, size_t bytes);
/* If the region is a file: writes what lies there into it. */
int jit_region_save(const void *at, size_t bytes);

/* ---- rows.c: the tables of loops and aborts ---- */

/* A row for loop `no`, or NULL if the table is full; end with _loop_done(). */
struct jit_loop_row *jit_region_add_loop(jit_vm *vm, uint64_t no);
void jit_region_loop_done(struct jit_loop_row *row);
/* The row of `no`, or NULL. */
struct jit_loop_row *jit_region_loop(uint64_t no);
/* Row number i, or NULL if it is empty. */
struct jit_loop_row *jit_region_loop_at(uint32_t i);
void jit_region_drop_loop(struct jit_loop_row *row);
/* The row may be given away when no other is free. */
void jit_region_retire_loop(struct jit_loop_row *row);
/* The row of this reason and place, made if new; NULL if the table is full. */
struct jit_abort_row *jit_region_abort(uint32_t reason_id, const char *reason,
				       const char *greenkey);
void jit_region_count_abort(struct jit_abort_row *row, enum jit_counter counter, uint64_t when);

/* ---- slots.c: where loops are counted; with the lock held ----------------- */

/* A slot for a loop of vm, its count 0; JIT_RUNS_OVERFLOW if there is none. */
uint32_t jit_slot_take(jit_vm *vm);
void jit_slot_give_back(uint32_t slot);
/* The count of the slot itself. */
uint64_t *jit_slot_runs(uint32_t slot);
/* Runs of the loop that has the slot; 0 if that is the overflow slot. */
uint64_t jit_slot_runs_of(uint32_t slot);
/* Where the loop that has the slot is to count: there, or in the overflow slot. */
uint64_t *jit_slot_counted_in(uint32_t slot);
/* The VM is gone, nobody counts in its slots. */
void jit_slots_leave(const jit_vm *vm);

/* A map as its descriptor shows it (ask.c). */
struct jit_map {
	uint32_t id; /* the kernel's; never 0 */
	uint32_t slots;
	int fd;
};

/* Slots up to the end of the last block that is in use. */
uint32_t jit_slots_wanted(void);
/*
 * Is there anything to be moved by jit_slots_move_in(), or, map NULL, _move_out()?
 * Here and below vm NULL means that there is no other thread: all that is any VM's.
 */
bool jit_slots_lie_elsewhere(const jit_vm *vm, const struct jit_map *map);
/* Has vm slots beyond the map? */
bool jit_slots_lie_beyond(const jit_vm *vm, const struct jit_map *map);
/*
 * Lays the map's pages in the place of the slots of vm, and of those that are
 * nobody's, with their counts, as far as it reaches; elsewhere, and with _out
 * everywhere, the region's own pages. On an error some may have been moved; no
 * count is lost.
 */
int jit_slots_move_in(const jit_vm *vm, const struct jit_map *map);
int jit_slots_move_out(const jit_vm *vm);
/* The loops of vm beyond the map (NULL: none) count in the overflow slot; true: that is new. */
bool jit_slots_overflow(const jit_vm *vm, const struct jit_map *map);
/* Does anything lie in a map? In a child: no longer. At exit: to the file, if any. */
bool jit_slots_lie_in_maps(void); /* without the lock */
void jit_slots_are_own(void);
void jit_slots_save(void);

/* ---- runs.c: whether and where; around fork() ------------------------------ */

void jit_runs_open(void);
void jit_runs_leave(const jit_vm *vm);
void jit_runs_before_fork(void);
void jit_runs_in_parent(void);
void jit_runs_in_child(void);

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
	uint32_t block; /* where it may have a free slot (slots.c) */
	bool debug;	/* jit_enable_debug() */
	unsigned how;	/* runs are counted: JIT_RUNS_* */
	bool compiled;	/* it has code, or had */
	bool uncounted; /* and that could run without being counted */
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
