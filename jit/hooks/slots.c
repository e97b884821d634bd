/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slots.c - where loops are counted: slots, blocks of them, and whose memory it is.
 *
 * Compiled code counts with a plain increment at an address that never changes.
 * So what it counts in must be one thread's alone, and the memory at that address
 * can be exchanged only while that thread does not count. Hence blocks: a page of
 * slots belongs to one VM, which moves it, at its own safe point, from the
 * region's own memory to an observer's map and back:
 *
 *	slots    0 ... 511   512 ... 1023   1024 ... 1535   1536 ... 2047
 *	         overflow    VM 1           VM 2            nobody
 *
 * A page is moved by copying its counts to where the new one can be written to
 * already, and then putting that one at the old one's address, in one step. What
 * is nobody's is moved by whoever comes first: pages that were never used, those
 * of VMs that are gone, and block 0, which is the process's.
 *
 * Loops that have no slot (no memory, or the table is full) and those whose slot
 * lies beyond the end of the map count in slot 0. Several threads may do so at
 * once, and one may move that page meanwhile, so this count alone is not exact
 * with several threads.
 *
 * Invariants: a block with an owner or with live slots has memory. `map` is the
 * map whose pages lie there, 0: the region's own. `beyond` is what the owner's
 * code was told, and changes in jit_slots_overflow() only.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* Of pages from 4 to 64 KiB, and with block 0. */
#define MAX_BLOCKS (MAX_LOOPS / (4096 / sizeof(struct jit_run)) + 1)
#define MAX_SLOTS (MAX_LOOPS + 65536 / sizeof(struct jit_run))

static struct {
	uint32_t slots;	  /* in a block */
	uint32_t in_maps; /* blocks that lie in a map */
	uint32_t beyond;  /* blocks that are marked so */
	struct block {
		const jit_vm *owner; /* NULL: nobody */
		uint32_t map;
		uint16_t live; /* slots that loops have */
		bool beyond;
	} blocks[MAX_BLOCKS];
	uint64_t taken[MAX_SLOTS / 64]; /* by slot */
} self;

/* Counts here when there is not even memory for block 0. */
static uint64_t last_resort;

static uint32_t slots_in_block(void)
{
	if (!self.slots)
		self.slots = (uint32_t)((size_t)sysconf(_SC_PAGESIZE) / sizeof(struct jit_run));
	return self.slots;
}

/* Blocks that have memory. */
static uint32_t blocks(void)
{
	return jit_region->runs.capacity / slots_in_block();
}

static bool have_memory(uint32_t slots)
{
	while (jit_region->runs.capacity < slots)
		if (!jit_region_grow(RUNS))
			return false;
	return true;
}

uint64_t *jit_slot_runs(uint32_t slot)
{
	if (slot == JIT_RUNS_OVERFLOW && !have_memory(1))
		return &last_resort;
	return jit_region_row(RUNS, slot);
}

uint64_t jit_slot_runs_of(uint32_t slot)
{
	if (slot == JIT_RUNS_OVERFLOW)
		return 0;
	return __atomic_load_n(jit_slot_runs(slot), __ATOMIC_RELAXED);
}

uint64_t *jit_slot_counted_in(uint32_t slot)
{
	return jit_slot_runs(self.blocks[slot / slots_in_block()].beyond ? JIT_RUNS_OVERFLOW
									 : slot);
}

static void set_beyond(struct block *block, bool beyond)
{
	self.beyond += beyond - block->beyond;
	block->beyond = beyond;
}

/* ---- Taking slots -------------------------------------------------------------- */

/*
 * A block of the VM's with room; or, rather than one whose slots are of no use,
 * one that is nobody's yet. 0: none.
 */
static uint32_t find_block(const jit_vm *vm)
{
	uint32_t n = blocks(), spare = 0, beyond = 0;

	for (uint32_t b = 1; b < n; b++) {
		const struct block *block = &self.blocks[b];

		if (block->owner == vm && block->live < self.slots) {
			if (!block->beyond)
				return b;
			beyond = beyond ? beyond : b;
		} else if (!block->owner && !block->live && !spare) {
			spare = b;
		}
	}
	if (!spare && have_memory((n + 1 + !n) * self.slots))
		spare = n + !n;
	if (!spare)
		return beyond;
	self.blocks[spare].owner = vm;
	set_beyond(&self.blocks[spare], false);
	return spare;
}

static uint32_t free_slot_of(uint32_t b)
{
	uint32_t word = b * self.slots / 64;

	while (!~self.taken[word])
		word++;
	return word * 64 + (uint32_t)__builtin_ctzll(~self.taken[word]);
}

uint32_t jit_slot_take(jit_vm *vm)
{
	uint32_t b = vm->block, slot;

	if (!b || self.blocks[b].live == slots_in_block())
		b = vm->block = find_block(vm);
	if (!b)
		return JIT_RUNS_OVERFLOW;
	slot = free_slot_of(b);
	self.taken[slot / 64] |= 1ull << slot % 64;
	self.blocks[b].live++;
	__atomic_store_n(jit_slot_runs(slot), 0, __ATOMIC_RELAXED);
	if (slot >= jit_region->runs.used)
		__atomic_store_n(&jit_region->runs.used, slot + 1, __ATOMIC_RELEASE);
	return slot;
}

/* The count stays to be read until the slot is taken again. */
void jit_slot_give_back(uint32_t slot)
{
	struct block *block = &self.blocks[slot / slots_in_block()];

	if (slot == JIT_RUNS_OVERFLOW)
		return;
	self.taken[slot / 64] &= ~(1ull << slot % 64);
	block->live--;
}

void jit_slots_leave(const jit_vm *vm)
{
	for (uint32_t b = 1; b < blocks(); b++)
		if (self.blocks[b].owner == vm)
			self.blocks[b].owner = NULL;
}

/* ---- Moving them ----------------------------------------------------------------- */

/* May the thread of vm move the block? */
static bool may_move(const struct block *block, const jit_vm *vm)
{
	return !vm || !block->owner || block->owner == vm;
}

/* Blocks that vm may move and that lie elsewhere, from *first on: the next run of them. */
static uint32_t next_run(const jit_vm *vm, uint32_t map, uint32_t end, uint32_t *first)
{
	uint32_t b = *first, n = 0;

	while (b < end && !(may_move(&self.blocks[b], vm) && self.blocks[b].map != map))
		b++;
	while (b + n < end && may_move(&self.blocks[b + n], vm) && self.blocks[b + n].map != map)
		n++;
	*first = b;
	return n;
}

static void note_moved(uint32_t b, uint32_t n, uint32_t map)
{
	for (; n--; b++) {
		__atomic_add_fetch(&self.in_maps, (map != 0) - (self.blocks[b].map != 0),
				   __ATOMIC_RELAXED);
		self.blocks[b].map = map;
	}
}

static int lay(const struct jit_map *map, uint32_t b, uint32_t n)
{
	size_t page = self.slots * sizeof(struct jit_run), bytes = n * page;
	off_t offset = (off_t)(b * page);
	char *at = jit_region_row(RUNS, b * self.slots), *there;
	int err = 0;

	there = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, offset);
	if (there == MAP_FAILED)
		return -errno;
	memcpy(there, at, bytes);
	if (mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, map->fd, offset) ==
	    MAP_FAILED)
		err = -errno;
	munmap(there, bytes);
	return err;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Blocks that the map reaches. */
static uint32_t reach_of(const struct jit_map *map)
{
	return map ? smaller(map->slots / slots_in_block(), blocks()) : 0;
}

static int move_out(const jit_vm *vm, uint32_t first)
{
	size_t page = slots_in_block() * sizeof(struct jit_run);
	uint32_t n;

	for (uint32_t b = first; (n = next_run(vm, 0, blocks(), &b)); b += n) {
		int err = jit_region_take_back(jit_region_row(RUNS, b * self.slots), n * page);

		if (err)
			return err;
		note_moved(b, n, 0);
	}
	return 0;
}

int jit_slots_move_in(const jit_vm *vm, const struct jit_map *map)
{
	uint32_t n;

	have_memory(map->slots);
	for (uint32_t b = 0; (n = next_run(vm, map->id, reach_of(map), &b)); b += n) {
		int err = lay(map, b, n);

		if (err)
			return err;
		note_moved(b, n, map->id);
	}
	return move_out(vm, reach_of(map)); /* the map before this one may have been larger */
}

int jit_slots_move_out(const jit_vm *vm)
{
	return self.in_maps ? move_out(vm, 0) : 0;
}

bool jit_slots_lie_elsewhere(const jit_vm *vm, const struct jit_map *map)
{
	uint32_t end = reach_of(map), inside = 0, outside = end;

	return (map && next_run(vm, map->id, end, &inside)) ||
	       (self.in_maps && next_run(vm, 0, blocks(), &outside));
}

bool jit_slots_lie_beyond(const jit_vm *vm, const struct jit_map *map)
{
	for (uint32_t b = reach_of(map); b < blocks(); b++)
		if (self.blocks[b].owner && may_move(&self.blocks[b], vm))
			return true;
	return false;
}

bool jit_slots_overflow(const jit_vm *vm, const struct jit_map *map)
{
	uint32_t end = map ? reach_of(map) : blocks();
	bool new = false;

	for (uint32_t b = self.beyond ? 1 : end; b < blocks(); b++) {
		struct block *block = &self.blocks[b];
		bool beyond = b >= end;

		if (block->owner == vm && block->beyond != beyond) {
			set_beyond(block, beyond);
			new = true;
		}
	}
	return new;
}

uint32_t jit_slots_wanted(void)
{
	uint32_t b = blocks();

	while (b > 1 && !self.blocks[b - 1].owner && !self.blocks[b - 1].live)
		b--;
	return b * slots_in_block();
}

/* ---- Ends ------------------------------------------------------------------------- */

bool jit_slots_lie_in_maps(void)
{
	return __atomic_load_n(&self.in_maps, __ATOMIC_RELAXED) > 0;
}

void jit_slots_are_own(void)
{
	note_moved(0, blocks(), 0);
}

void jit_slots_save(void)
{
	size_t page = slots_in_block() * sizeof(struct jit_run);

	for (uint32_t b = 0; self.in_maps && b < blocks(); b++)
		if (self.blocks[b].map)
			jit_region_save(jit_region_row(RUNS, b * self.slots), page);
}
