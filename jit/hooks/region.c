/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * region.c - the memory that an observer reads from outside.
 *
 * One contiguous range of addresses is reserved without memory behind it:
 *
 *	[ header, event, totals ][ aborts ][ run counts ][ loops ]
 *
 * Each area is given memory from its start as it fills, doubling, so rows
 * never move: the header says by offset and capacity what may be read, and
 * machine code may increment a run count at a fixed address.
 *
 * The memory is private, and an observer reads it with process_vm_readv(). Or
 * it is a file (JITHOOKS_REGION_DIR), which an observer without privileges
 * reads after the process has ended, however it ended. Blocks of the file are
 * allocated before they are mapped, so a full disk is an error at a place
 * that expects it and never a SIGBUS.
 *
 * A forked child inherits private memory as copy on write; a file it must not
 * share with its parent, so it moves to a file of its own, or else to private
 * memory, before it runs on.
 *
 * Invariant: rows change only with the lock held, between a change of `begin`
 * and the same change of `end`.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jithooks/probes.h>

#include "index.h"
#include "internal.h"

#define MAX_LOOPS (1u << 20)
#define MAX_ABORTS (1u << 13)
#define FIRST_BYTES (64u << 10)
#define NO_FD (-1)

enum { ABORTS, RUNS, LOOPS, NAREAS };

static const uint32_t entry_sizes[NAREAS] = {
	[ABORTS] = sizeof(struct jit_abort_row),
	[RUNS] = sizeof(__u64),
	[LOOPS] = sizeof(struct jit_loop_row),
};

struct jit_region *jit_region;
uint32_t jit_region_locked = JIT_LOCK_FREE;

/* What stands in when there is no address space at all: counters only. */
static struct jit_region bare;

static struct {
	pthread_once_t once;
	size_t page;
	size_t header_bytes;
	size_t reserved;
	uint64_t limit[NAREAS];	 /* bytes reserved for each */
	uint64_t backed[NAREAS]; /* bytes that have memory */
	int fd;
	char dir[PATH_MAX - 64];
	struct part {
		uint64_t offset, bytes;
		void *copy;
	} parts[NAREAS + 1]; /* the header and the areas, for a child to be */
	bool copied;
	struct jit_index loops;	 /* number -> row */
	struct jit_index aborts; /* hash -> row */
	uint32_t *free_rows;	 /* stack */
	uint32_t n_free, cap_free;
	uint32_t retired; /* rows that may be taken when none is free */
	uint32_t retired_next;
} self = {.once = PTHREAD_ONCE_INIT, .fd = NO_FD};

/*
 * The way in from outside. The note holds the address of the anchor as the
 * linker set it; the anchor holds that of the region.
 */
struct jit_anchor jit_anchor __attribute__((visibility("hidden"), used)) = {
	.magic = JIT_ABI_MAGIC,
	.version = JIT_ABI_VERSION,
	.size = sizeof(struct jit_anchor),
};

__asm__(".pushsection .note.jithooks,\"\",\"note\"\n"
	".balign 4\n"
	".4byte 9, 8, 1\n" /* with its zero, descriptor, JIT_NOTE_TYPE */
	".asciz \"jithooks\"\n"
	".balign 4\n"
	".8byte jit_anchor\n"
	".popsection\n");

static struct jit_area *area(int which)
{
	return which == ABORTS ? &jit_region->aborts
	       : which == RUNS ? &jit_region->runs
			       : &jit_region->loops;
}

static void *row_at(int which, uint32_t i)
{
	return (char *)jit_region + area(which)->offset + (size_t)i * entry_sizes[which];
}

/* Puts memory behind [offset, offset + bytes) of the reserved range. */
static int back(char *base, uint64_t offset, uint64_t bytes)
{
	if (self.fd == NO_FD)
		return mprotect(base + offset, bytes, PROT_READ | PROT_WRITE) ? -errno : 0;
	if (posix_fallocate(self.fd, (off_t)offset, (off_t)bytes))
		return -ENOSPC;
	if (mmap(base + offset, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, self.fd,
		 (off_t)offset) == MAP_FAILED)
		return -errno;
	return 0;
}

/* Doubles an area. The header must not promise what is not there yet. */
static SELDOM bool grow(int which)
{
	uint64_t have = self.backed[which];
	uint64_t want = have ? 2 * have : FIRST_BYTES;

	if (jit_region == &bare)
		return false;
	if (want > self.limit[which])
		want = self.limit[which];
	if (want <= have || back((char *)jit_region, area(which)->offset + have, want - have))
		return false;
	self.backed[which] = want;
	__atomic_store_n(&area(which)->capacity, (uint32_t)(want / entry_sizes[which]),
			 __ATOMIC_RELEASE);
	return true;
}

static size_t pages(size_t bytes)
{
	return (bytes + self.page - 1) & ~(self.page - 1);
}

/* Reserves addresses; a process with little room gets smaller tables. */
static char *reserve(void)
{
	for (unsigned shrink = 0; shrink < 12; shrink += 2) {
		size_t loops = MAX_LOOPS >> shrink;
		size_t aborts = MAX_ABORTS >> (shrink / 2);
		void *base;

		self.limit[ABORTS] = pages(aborts * entry_sizes[ABORTS]);
		self.limit[RUNS] = pages(loops * entry_sizes[RUNS]);
		self.limit[LOOPS] = pages(loops * entry_sizes[LOOPS]);
		self.reserved = self.header_bytes + self.limit[ABORTS] + self.limit[RUNS] +
				self.limit[LOOPS];
		base = mmap(NULL, self.reserved, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (base != MAP_FAILED)
			return base;
	}
	return NULL;
}

static int open_file(uint64_t instance)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d.%llx", self.dir, (int)getpid(),
		 (unsigned long long)instance);
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void name_process(struct jit_region *r)
{
	r->instance = jit_now();
	r->start_ns = r->instance;
	r->pid = (uint32_t)getpid();
	JIT_COPY(r->comm, program_invocation_short_name);
	r->event.instance = r->instance;
}

static void set_up(struct jit_region *r)
{
	r->version = JIT_ABI_VERSION;
	r->size = sizeof(*r);
	r->next_no = 1;
	r->event.magic = JIT_ABI_MAGIC;
	r->event.version = JIT_ABI_VERSION;
	r->event.size = sizeof(r->event);
	r->event.region = (uintptr_t)r;
	name_process(r);
}

/* Publishes; from here on an observer may read. */
static void publish(struct jit_region *r)
{
	jit_region = r;
	for (int i = 0; i < NAREAS; i++)
		area(i)->entry_size = entry_sizes[i];
	__atomic_store_n(&r->magic, JIT_ABI_MAGIC, __ATOMIC_RELEASE);
	__atomic_store_n(&jit_anchor.region, (uintptr_t)r, __ATOMIC_RELEASE);
}

/*
 * Before fork(), with the lock held: copies everything that has memory, for the
 * parent goes on writing to its file before the child can look at it.
 */
static void copy_for_child(void)
{
	struct part *part = self.parts;

	part[0] = (struct part){.bytes = self.header_bytes};
	for (int i = 0; i < NAREAS; i++)
		part[i + 1] = (struct part){area(i)->offset, self.backed[i], NULL};
	for (int i = 0; i <= NAREAS; i++) {
		part[i].copy = part[i].bytes ? mmap(NULL, part[i].bytes, PROT_READ | PROT_WRITE,
						    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
					     : MAP_FAILED;
		if (part[i].copy != MAP_FAILED)
			memcpy(part[i].copy, (char *)jit_region + part[i].offset, part[i].bytes);
	}
	self.copied = true;
}

static void drop_copies(void)
{
	for (int i = 0; i <= NAREAS; i++)
		if (self.parts[i].copy != MAP_FAILED)
			munmap(self.parts[i].copy, self.parts[i].bytes);
	self.copied = false;
}

/*
 * In the child: the file is the parent's, so the copies move to a file of the
 * child's own, or take the file's place, under the same addresses.
 */
static void leave_parents_file(void)
{
	int old = self.fd;

	self.fd = open_file(jit_now());
	for (int i = 0; i <= NAREAS; i++) {
		const struct part *part = &self.parts[i];
		char *at = (char *)jit_region + part->offset;

		if (part->copy == MAP_FAILED)
			continue; /* nothing there; or no memory: shared with the parent */
		if (self.fd != NO_FD && !back((char *)jit_region, part->offset, part->bytes)) {
			memcpy(at, part->copy, part->bytes);
			munmap(part->copy, part->bytes);
		} else {
			mremap(part->copy, part->bytes, part->bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
			       at);
		}
	}
	close(old);
	self.copied = false;
}

static void before_fork(void)
{
	if (jit_region)
		jit_region_lock();
	else
		jit_lock_take(&jit_region_locked); /* another thread is about to make it */
	if (jit_region && self.fd != NO_FD)
		copy_for_child();
}

static void in_parent(void)
{
	if (self.copied)
		drop_copies();
	jit_region_unlock();
}

static void in_child(void)
{
	if (jit_region) {
		if (self.copied)
			leave_parents_file();
		name_process(jit_region);
		jit_region->inherited = 1;
	}
	jit_region_unlock();
}

static void open_once(void)
{
	const char *dir = secure_getenv("JITHOOKS_REGION_DIR");
	uint64_t at;
	char *base;

	self.page = (size_t)sysconf(_SC_PAGESIZE);
	self.header_bytes = pages(sizeof(struct jit_region));
	set_up(&bare);
	pthread_atfork(before_fork, in_parent, in_child);

	base = reserve();
	if (base && dir && *dir && strlen(dir) < sizeof(self.dir)) {
		strcpy(self.dir, dir);
		self.fd = open_file(bare.instance);
		if (self.fd != NO_FD && back(base, 0, self.header_bytes)) {
			close(self.fd);
			self.fd = NO_FD;
		}
	}
	if (!base || (self.fd == NO_FD && back(base, 0, self.header_bytes))) {
		publish(&bare);
		return;
	}
	set_up((struct jit_region *)base);
	at = self.header_bytes;
	((struct jit_region *)base)->aborts.offset = at;
	((struct jit_region *)base)->runs.offset = at += self.limit[ABORTS];
	((struct jit_region *)base)->loops.offset = at + self.limit[RUNS];
	publish((struct jit_region *)base);
}

void jit_region_open(void)
{
	pthread_once(&self.once, open_once);
}

/* ---- Rows ----------------------------------------------------------------- */

/* What is written after the fence is not seen before the new `begin`. */
#define BEGIN(row)                                                                   \
	do {                                                                         \
		__atomic_store_n(&(row)->begin, (row)->begin + 1, __ATOMIC_RELAXED); \
		__atomic_thread_fence(__ATOMIC_RELEASE);                             \
	} while (0)
#define END(row) __atomic_store_n(&(row)->end, (row)->begin, __ATOMIC_RELEASE)

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
		struct jit_loop_row *row = row_at(LOOPS, self.retired_next++);

		if (row->no && row->retired) {
			*i = row->loop.run_slot;
			self.retired--;
			jit_region->event.trace_no = row->no;
			jit_region->event.loop = row->loop;
			if (JIT_PROBE_ON(free))
				jit_fire(JIT_PROBE_FREE);
			jit_index_remove(&self.loops, row->no);
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
	if (loops->used >= FIRST_BYTES / entry_sizes[LOOPS] && take_retired(i))
		return true;
	if (loops->used == loops->capacity && !grow(LOOPS))
		return false;
	if (loops->used == jit_region->runs.capacity && !grow(RUNS))
		return false;
	*i = loops->used;
	return true;
}

struct jit_loop_row *jit_region_add_loop(uint64_t no)
{
	struct jit_loop_row *row;
	uint32_t i;

	if (!new_row(&i))
		return NULL;
	row = row_at(LOOPS, i);
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
	row->loop.run_slot = i;
	*jit_region_run_count(i) = 0;
	if (i == jit_region->loops.used) {
		jit_region->runs.used = i + 1;
		__atomic_store_n(&jit_region->loops.used, i + 1, __ATOMIC_RELEASE);
	}
	return row;
}

void jit_region_loop_done(struct jit_loop_row *row)
{
	END(row);
}

struct jit_loop_row *jit_region_loop(uint64_t no)
{
	uint32_t i = jit_index_get(&self.loops, no);

	return i == NO_ROW ? NULL : row_at(LOOPS, i);
}

struct jit_loop_row *jit_region_loop_at(uint32_t i)
{
	struct jit_loop_row *row = NULL;

	if (i < jit_region->loops.used)
		row = row_at(LOOPS, i);
	return row && row->no ? row : NULL;
}

void jit_region_drop_loop(struct jit_loop_row *row)
{
	jit_index_remove(&self.loops, row->no);
	BEGIN(row);
	row->no = 0;
	END(row);
	push_free(row->loop.run_slot);
}

void jit_region_retire_loop(struct jit_loop_row *row)
{
	BEGIN(row);
	row->retired = 1;
	END(row);
	self.retired++;
}

uint64_t *jit_region_run_count(uint32_t slot)
{
	return row_at(RUNS, slot);
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
		return row_at(ABORTS, i);
	if (aborts->used == aborts->capacity && !grow(ABORTS))
		return NULL;
	if (!jit_index_put(&self.aborts, hash, aborts->used))
		return NULL;
	row = row_at(ABORTS, aborts->used);
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
