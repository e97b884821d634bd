/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.c - the tables of the region: loops and aborts.
 *
 * Invariant: rows change only with the lock held, between a change of `begin`
 * and the same change of `end`.
 */
#include <stdlib.h>

#include <jithooks/probes.h>

#include "index.h"
#include "internal.h"

static struct {
	struct jit_index loops;	 /* number -> row */
	struct jit_index aborts; /* hash -> row */
	uint32_t *free_rows;	 /* stack */
	uint32_t n_free, cap_free;
	uint32_t retired; /* rows that may be taken when none is free */
	uint32_t retired_next;
} self;

/* Until there are so many, rows of loops whose VM is gone are not given away. */
#define FEW_LOOPS ((64u << 10) / sizeof(struct jit_loop_row))

/* What is written after the fence is not seen before the new `begin`. */
#define BEGIN(row)                                                                   \
	do {                                                                         \
		__atomic_store_n(&(row)->begin, (row)->begin + 1, __ATOMIC_RELAXED); \
		__atomic_thread_fence(__ATOMIC_RELEASE);                             \
	} while (0)
#define END(row) __atomic_store_n(&(row)->end, (row)->begin, __ATOMIC_RELEASE)

static uint32_t number_of(const struct jit_loop_row *row)
{
	return (uint32_t)(row - (struct jit_loop_row *)jit_region_row(LOOPS, 0));
}

static bool push_free(uint32_t i)
{
	if (self.n_free == self.cap_free) {
		uint32_t cap = self.cap_free ? 2 * self.cap_free : 256;
		uint32_t *rows = realloc(self.free_rows, cap * sizeof(*rows));

		if (!rows)
			return false;
		self.free_rows = rows;
		self.cap_free = cap;
	}
	self.free_rows[self.n_free++] = i;
	return true;
}

/*
 * The loops of a closed VM are kept until the table has no other row to give:
 * the last picture of a program that has ended its VM is worth having.
 */
static SELDOM bool take_retired(uint32_t *i)
{
	while (self.retired && self.retired_next < jit_region->loops.used) {
		struct jit_loop_row *row = jit_region_row(LOOPS, self.retired_next++);

		if (row->no && row->retired) {
			*i = number_of(row);
			self.retired--;
			jit_region->event.trace_no = row->no;
			jit_region->event.loop = row->loop;
			jit_region->event.loop.runs = jit_slot_runs_of(row->loop.run_slot);
			if (JIT_PROBE_ON(free))
				jit_fire(JIT_PROBE_FREE);
			jit_index_remove(&self.loops, row->no);
			jit_slot_give_back(row->loop.run_slot);
			return true;
		}
	}
	self.retired_next = 0;
	return false;
}

static bool new_row(uint32_t *i)
{
	struct jit_area *loops = &jit_region->loops;

	if (self.n_free) {
		*i = self.free_rows[--self.n_free];
		return true;
	}
	if (loops->used >= FEW_LOOPS && take_retired(i))
		return true;
	if (loops->used == loops->capacity && !jit_region_grow(LOOPS))
		return false;
	*i = loops->used;
	return true;
}

struct jit_loop_row *jit_region_add_loop(jit_vm *vm, uint64_t no)
{
	struct jit_loop_row *row;
	uint32_t i;

	if (!new_row(&i))
		return NULL;
	row = jit_region_row(LOOPS, i);
	if (!jit_index_put(&self.loops, no, i)) {
		if (i < jit_region->loops.used) {
			BEGIN(row);
			row->no = 0; /* it may have been a retired one */
			END(row);
			push_free(i);
		}
		return NULL;
	}
	BEGIN(row);
	row->no = no;
	row->retired = 0;
	row->loop.run_slot = jit_slot_take(vm);
	if (i == jit_region->loops.used)
		__atomic_store_n(&jit_region->loops.used, i + 1, __ATOMIC_RELEASE);
	return row;
}

void jit_region_loop_done(struct jit_loop_row *row)
{
	END(row);
}

struct jit_loop_row *jit_region_loop(uint64_t no)
{
	uint32_t i = jit_index_get(&self.loops, no);

	return i == NO_ROW ? NULL : jit_region_row(LOOPS, i);
}

struct jit_loop_row *jit_region_loop_at(uint32_t i)
{
	struct jit_loop_row *row = NULL;

	if (i < jit_region->loops.used)
		row = jit_region_row(LOOPS, i);
	return row && row->no ? row : NULL;
}

void jit_region_drop_loop(struct jit_loop_row *row)
{
	jit_index_remove(&self.loops, row->no);
	BEGIN(row);
	row->no = 0;
	END(row);
	jit_slot_give_back(row->loop.run_slot);
	push_free(number_of(row));
}

void jit_region_retire_loop(struct jit_loop_row *row)
{
	BEGIN(row);
	row->retired = 1;
	END(row);
	self.retired++;
}

/* FNV-1a; never 0, which the index and the observer take for none. */
static uint64_t hash_text(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return (h ^ 0xff) * 0x100000001b3u;
}

struct jit_abort_row *jit_region_abort(uint32_t reason_id, const char *reason, const char *greenkey)
{
	struct jit_area *aborts = &jit_region->aborts;
	uint64_t hash = hash_text(hash_text(0xcbf29ce484222325u, reason), greenkey);
	struct jit_abort_row *row;
	uint32_t i;

	hash += !hash;
	i = jit_index_get(&self.aborts, hash);
	if (i != NO_ROW)
		return jit_region_row(ABORTS, i);
	if (aborts->used == aborts->capacity && !jit_region_grow(ABORTS))
		return NULL;
	if (!jit_index_put(&self.aborts, hash, aborts->used))
		return NULL;
	row = jit_region_row(ABORTS, aborts->used);
	BEGIN(row);
	row->abort.hash = hash;
	row->abort.reason_id = reason_id;
	JIT_COPY(row->abort.reason, reason);
	JIT_COPY(row->abort.greenkey, greenkey);
	END(row);
	__atomic_store_n(&aborts->used, aborts->used + 1, __ATOMIC_RELEASE);
	return row;
}

void jit_region_count_abort(struct jit_abort_row *row, enum jit_counter counter, uint64_t when)
{
	BEGIN(row);
	row->abort.instance = jit_region->instance;
	row->abort.counter = counter;
	row->abort.count++;
	row->abort.last_ns = when;
	END(row);
}
