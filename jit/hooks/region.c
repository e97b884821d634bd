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
 * A forked child inherits private memory as copy on write; a file, or a map of
 * the kernel that the run counts lie in (slots.c), it must not share with its
 * parent, so it moves to a file of its own, or else to private memory, before
 * it runs on.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#define MAX_ABORTS (1u << 13)
#define FIRST_BYTES (64u << 10)
#define NO_FD (-1)

static const uint32_t entry_sizes[NAREAS] = {
	[ABORTS] = sizeof(struct jit_abort_row),
	[RUNS] = sizeof(struct jit_run),
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

/* The header must not promise what is not there yet. */
SELDOM bool jit_region_grow(enum jit_area_no which)
{
	uint64_t have = self.backed[which];
	uint64_t want = have ? 2 * have : FIRST_BYTES;

	if (jit_region == &bare)
		return false;
	if (want > self.limit[which])
		want = self.limit[which];
	if (want <= have ||
	    back((char *)jit_region, jit_region_area(which)->offset + have, want - have))
		return false;
	self.backed[which] = want;
	__atomic_store_n(&jit_region_area(which)->capacity, (uint32_t)(want / entry_sizes[which]),
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
		self.limit[RUNS] = pages(loops * entry_sizes[RUNS]) + self.page; /* slots.c */
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
	r->runs_session = 0;
	r->runs_mapped = 0;
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
		jit_region_area(i)->entry_size = entry_sizes[i];
	__atomic_store_n(&r->magic, JIT_ABI_MAGIC, __ATOMIC_RELEASE);
	__atomic_store_n(&jit_anchor.region, (uintptr_t)r, __ATOMIC_RELEASE);
}

/* ---- Pages of other people's memory ------------------------------------------ */

/* Writes what lies in [at, at + bytes) to the file; 0 without one. */
int jit_region_save(const void *at, size_t bytes)
{
	const char *from = at;
	off_t offset = from - (char *)jit_region;

	while (self.fd != NO_FD && bytes) {
		ssize_t n = pwrite(self.fd, from, bytes, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from += n;
		offset += n;
		bytes -= (size_t)n;
	}
	return 0;
}

int jit_region_take_back(void *at, size_t bytes)
{
	void *copy;
	int err;

	if (self.fd != NO_FD) {
		err = jit_region_save(at, bytes);
		if (!err && mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, self.fd,
				 (char *)at - (char *)jit_region) == MAP_FAILED)
			err = -errno;
		return err;
	}
	copy = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return -errno;
	memcpy(copy, at, bytes);
	/* In one step: whoever reads from outside never sees a page of zeros. */
	if (mremap(copy, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, at) != MAP_FAILED)
		return 0;
	err = -errno;
	munmap(copy, bytes);
	return err;
}

/* ---- fork() --------------------------------------------------------------------- */

/*
 * Before fork(), with the lock held: copies everything that has memory and that
 * the child would share with its parent, who goes on writing to it before the
 * child can look: all of a file, and the run counts if they lie in a map.
 */
static void copy_for_child(void)
{
	struct part *part = self.parts;

	for (int i = 0; i < NAREAS; i++)
		part[i] = (struct part){jit_region_area(i)->offset, self.backed[i], NULL};
	part[NAREAS] = (struct part){.bytes = self.header_bytes};
	for (int i = 0; i <= NAREAS; i++) {
		part[i].copy = MAP_FAILED;
		if (self.fd == NO_FD && i != RUNS)
			part[i].bytes = 0;
		if (part[i].bytes)
			part[i].copy = mmap(NULL, part[i].bytes, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
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
 * In the child: what is shared is the parent's, so the copies move to a file of
 * the child's own, or take the place of it, under the same addresses.
 */
static void leave_parents_memory(void)
{
	int old = self.fd;

	if (old != NO_FD)
		self.fd = open_file(jit_now());
	for (int i = 0; i <= NAREAS; i++) {
		const struct part *part = &self.parts[i];
		char *at = (char *)jit_region + part->offset;

		if (part->copy == MAP_FAILED) {
			/* No memory: without counts, but never in the parent's map. */
			if (part->bytes && i == RUNS && jit_slots_lie_in_maps())
				mmap(at, part->bytes, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			continue;
		}
		if (self.fd != NO_FD && !back((char *)jit_region, part->offset, part->bytes)) {
			memcpy(at, part->copy, part->bytes);
			munmap(part->copy, part->bytes);
		} else {
			mremap(part->copy, part->bytes, part->bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
			       at);
		}
	}
	if (old != NO_FD)
		close(old);
	self.copied = false;
}

static void before_fork(void)
{
	jit_runs_before_fork();
	if (jit_region)
		jit_region_lock();
	else
		jit_lock_take(&jit_region_locked); /* another thread is about to make it */
	if (jit_region && (self.fd != NO_FD || jit_slots_lie_in_maps()))
		copy_for_child();
}

static void in_parent(void)
{
	if (self.copied)
		drop_copies();
	jit_region_unlock();
	jit_runs_in_parent();
}

static void in_child(void)
{
	if (jit_region) {
		if (self.copied)
			leave_parents_memory();
		jit_slots_are_own();
		name_process(jit_region);
		jit_region->inherited = 1;
	}
	jit_region_unlock();
	jit_runs_in_child();
}

static void open_once(void)
{
	const char *dir = secure_getenv("JITHOOKS_REGION_DIR");
	uint64_t at;
	char *base;

	self.page = (size_t)sysconf(_SC_PAGESIZE);
	self.header_bytes = pages(sizeof(struct jit_region));
	set_up(&bare);
	jit_runs_open();
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
