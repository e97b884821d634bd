/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alloc.c - jitlua's allocator: the hottest path of a program that makes objects.
 *
 * A lua_Alloc is told the size of what it frees, so small blocks need no header.
 * They come from arenas: 64 KiB of blocks of one size class, of which there are
 * SMALL_CLASSES. Chunks of 2 MiB, aligned to their size, hold 32 arenas, and all
 * their Arena structs lie at the chunk's start: that of a block is found from its
 * address by masks. (A struct at the head of each arena would do as well, but 64
 * KiB apart they would fight for the same few cache lines.)
 *
 * Invariants:
 * - An arena that serves a class is in that class's list exactly if it may have
 *   room; one that is found full leaves the list (`full`) and returns with the
 *   next block that is given back to it. The class's first arena serves requests,
 *   first from its list of free blocks, then from the part never used.
 * - `count` is the number of blocks in use, but 1 if the arena is full: so a free
 *   has one condition to look at, whether the count falls to 0, for both rare
 *   events, "has room again" and "is empty".
 * - An empty arena belongs to no class. It waits in the list of used arenas, whose
 *   memory is still there, or, after there came to be more of these than arenas in
 *   use, in that of clean ones, whose pages were given back to the system.
 *
 * Larger blocks are malloc's, and from 1 MiB on mappings of their own: a table or
 * string that grows by doubling would leave holes in malloc's memory that nobody
 * needs, small blocks being here, while a mapping grows without being copied, and
 * what is freed is the system's at once. Mappings of some MiB, whose pages are
 * dear, are kept for a while, as many as are in use.
 *
 * A heap goes away with its last block: lua_close() frees the state as the last
 * thing, and that ends the heap with no more ado.
 *
 * With AddressSanitizer every block is malloc's, so that errors are seen.
 */
#include "alloc.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#if defined(__SANITIZE_ADDRESS__)
#define PLAIN_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PLAIN_MALLOC 1
#endif
#endif

#ifdef PLAIN_MALLOC

/* The sanitizer ends the process for a block that is too large for it. */
#define LARGEST ((size_t)1 << 34)

typedef struct heap {
	size_t blocks;
} Heap;

void *heap_new(void)
{
	return calloc(1, sizeof(Heap));
}

void *heap_allocate(void *heap, void *p, size_t old_size, size_t new_size)
{
	Heap *h = heap;
	void *q;

	(void)old_size;
	if (!new_size) {
		free(p);
		h->blocks -= p != NULL;
		if (!h->blocks)
			free(h);
		return NULL;
	}
	q = new_size <= LARGEST ? realloc(p, new_size) : NULL;
	h->blocks += !p && q;
	if (!h->blocks)
		free(h);
	return q;
}

void *heap_get(void *heap, size_t size)
{
	return heap_allocate(heap, NULL, 0, size);
}

void heap_put(void *heap, void *p, size_t size)
{
	heap_allocate(heap, p, size, 0);
}

#else

#define ARENA_SIZE ((size_t)64 << 10)
#define CHUNK_SIZE ((size_t)2 << 20)
#define CHUNK_ARENAS (CHUNK_SIZE / ARENA_SIZE)
/* Blocks of the first arena begin after the structs of the chunk. */
#define CHUNK_HEADER (CHUNK_ARENAS * sizeof(Arena))
/*
 * While a heap is small, huge pages would only blow it up; one that has grown
 * beyond this many chunks gains from them, and so does a block of this size.
 */
#define SMALL_HEAP_CHUNKS 8
#define HUGE_LIMIT ((size_t)8 << 20)
/* Blocks from this size on are mappings. */
#define MAPPED_LIMIT ((size_t)1 << 20)
/* Mappings that are kept for another block at most. */
#define SPARES 4
/* Empty arenas that are kept in any case. */
#define KEEP_ARENAS 32

/* Classes: every 8 bytes up to 256, then eight for each doubling up to 4096. */
#define FINE_LIMIT 256
#define FINE_LIMIT_LOG 8
#define SMALL_LIMIT 4096
#define DOUBLINGS 4
#define FINE_CLASSES (FINE_LIMIT / 8)
#define SMALL_CLASSES (FINE_CLASSES + DOUBLINGS * 8)

/* A block that is free: the next of its arena. */
typedef struct free_block {
	struct free_block *next;
} FreeBlock;

typedef struct arena {
	FreeBlock *free;
	uint32_t count;	   /* blocks in use; 1 if full */
	uint32_t capacity; /* blocks that fit */
	char *fresh;	   /* the part never used: from here ... */
	char *end;	   /* ... to here, where no whole block is left */
	struct arena *next, *previous;
	uint16_t class;
	bool full;
} __attribute__((aligned(64))) Arena;

_Static_assert(sizeof(Arena) == 64, "an arena's struct is one cache line");

typedef struct chunk {
	Arena arenas[CHUNK_ARENAS];
} Chunk;

typedef struct class
{
	Arena *first, *last;
} Class;

typedef struct heap {
	Class classes[SMALL_CLASSES];
	Arena *used, *clean; /* empty arenas, singly linked */
	size_t used_count;
	size_t arenas;	     /* that serve a class */
	size_t large;	     /* large blocks */
	size_t mapped_bytes; /* of mappings that are blocks */
	struct {
		void *p;
		size_t size;
	} spare[SPARES]; /* mappings that were blocks; none as large as HUGE_LIMIT */
	int spare_count;
	size_t spare_bytes;
	size_t chunk_count;
	void **chunks;
	size_t chunks_size; /* of the vector */
	unsigned untouched; /* arenas of the last chunk that never served */
} Heap;

/* ---- Classes ------------------------------------------------------------------------- */

static inline size_t class_of(size_t size)
{
	unsigned log;

	if (likely(size <= FINE_LIMIT))
		return (size - 1) / 8;
	log = 63 - (unsigned)__builtin_clzll(size - 1);
	return FINE_CLASSES + (size_t)(log - FINE_LIMIT_LOG) * 8 + ((size - 1) >> (log - 3)) - 8;
}

static size_t class_size(size_t class)
{
	if (class < FINE_CLASSES)
		return (class + 1) * 8;
	class -= FINE_CLASSES;
	return ((size_t)FINE_LIMIT << class / 8) / 8 * (8 + class % 8 + 1);
}

static inline Arena *arena_of(const void *p)
{
	uintptr_t a = (uintptr_t)p;
	Chunk *chunk = (Chunk *)(a & ~(CHUNK_SIZE - 1));

	return &chunk->arenas[a / ARENA_SIZE % CHUNK_ARENAS];
}

static char *arena_start(Arena *a)
{
	char *chunk = (char *)((uintptr_t)a & ~(CHUNK_SIZE - 1));
	size_t index = (size_t)(a - ((Chunk *)chunk)->arenas);

	return chunk + (index ? index * ARENA_SIZE : CHUNK_HEADER);
}

static char *arena_end(Arena *a)
{
	uintptr_t chunk = (uintptr_t)a & ~(CHUNK_SIZE - 1);
	size_t index = (size_t)(a - ((Chunk *)chunk)->arenas);

	return (char *)chunk + (index + 1) * ARENA_SIZE;
}

static void class_append(Class *c, Arena *a)
{
	a->next = NULL;
	a->previous = c->last;
	if (c->last)
		c->last->next = a;
	else
		c->first = a;
	c->last = a;
}

static void class_remove(Class *c, Arena *a)
{
	if (a->previous)
		a->previous->next = a->next;
	else
		c->first = a->next;
	if (a->next)
		a->next->previous = a->previous;
	else
		c->last = a->previous;
}

/* ---- Mappings ------------------------------------------------------------------------- */

static size_t mapped_size(size_t size)
{
	return (size + 4095) & ~(size_t)4095;
}

static void advise(void *p, size_t size)
{
	if (size >= HUGE_LIMIT)
		madvise(p, mapped_size(size), MADV_HUGEPAGE);
}

static void drop_spare(Heap *h, int i)
{
	munmap(h->spare[i].p, h->spare[i].size);
	h->spare_bytes -= h->spare[i].size;
	h->spare[i] = h->spare[--h->spare_count];
}

static void drop_spares(Heap *h)
{
	while (h->spare_count)
		drop_spare(h, 0);
}

/* What a spare mapping of `spare` bytes has too much or too little; too large: as bad as can be. */
static size_t misfit(size_t spare, size_t size)
{
	if (spare > size)
		return spare / 2 > size ? SIZE_MAX : spare - size;
	return size - spare;
}

/* The spare mapping that fits best, made to fit; NULL if there is none. */
static void *take_spare(Heap *h, size_t size)
{
	size_t least = SIZE_MAX;
	int best = -1;
	void *p;

	for (int i = 0; i < h->spare_count; i++) {
		size_t m = misfit(h->spare[i].size, size);

		if (m < least) {
			least = m;
			best = i;
		}
	}
	if (best < 0)
		return NULL;
	p = mremap(h->spare[best].p, h->spare[best].size, size, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		return NULL;
	h->spare_bytes -= h->spare[best].size;
	h->spare[best] = h->spare[--h->spare_count];
	return p;
}

static void *map_block(Heap *h, size_t size)
{
	size_t mapped = mapped_size(size);
	void *p = NULL;

	if (size > PTRDIFF_MAX)
		return NULL;
	if (size < HUGE_LIMIT)
		p = take_spare(h, mapped);
	if (!p) {
		if (size >= HUGE_LIMIT)
			drop_spares(h);
		p = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return NULL;
		advise(p, size);
	}
	h->mapped_bytes += mapped;
	return p;
}

/* A mapping of middle size is kept if those that are kept are not more than those in use. */
static void unmap_block(Heap *h, void *p, size_t size)
{
	size_t mapped = mapped_size(size);

	h->mapped_bytes -= mapped;
	if (size >= HUGE_LIMIT || mapped > h->mapped_bytes + MAPPED_LIMIT) {
		munmap(p, mapped);
		return;
	}
	while (h->spare_count == SPARES || h->spare_bytes + mapped > h->mapped_bytes + MAPPED_LIMIT)
		drop_spare(h, 0);
	h->spare[h->spare_count].p = p;
	h->spare[h->spare_count++].size = mapped;
	h->spare_bytes += mapped;
}

static void *remap_block(Heap *h, void *p, size_t old_size, size_t new_size)
{
	size_t old_mapped = mapped_size(old_size), new_mapped = mapped_size(new_size);

	if (new_size > PTRDIFF_MAX)
		return NULL;
	p = mremap(p, old_mapped, new_mapped, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		return NULL;
	if (old_size < HUGE_LIMIT)
		advise(p, new_size);
	h->mapped_bytes += new_mapped - old_mapped;
	return p;
}

/* ---- Chunks and arenas --------------------------------------------------------------- */

/* A mapping aligned to its size: more is mapped, and what is too much given back. */
static void *map_chunk(bool huge)
{
	char *p = mmap(NULL, 2 * CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	size_t before;

	if (p == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)p % CHUNK_SIZE;
	if (before)
		munmap(p, before);
	p += before;
	munmap(p + CHUNK_SIZE, CHUNK_SIZE - before);
	madvise(p, CHUNK_SIZE, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return p;
}

static bool add_chunk(Heap *h)
{
	void *chunk;

	if (h->chunk_count == h->chunks_size) {
		size_t size = h->chunks_size ? h->chunks_size * 2 : 4;
		void **chunks = realloc(h->chunks, size * sizeof(void *));

		if (!chunks)
			return false;
		h->chunks = chunks;
		h->chunks_size = size;
	}
	drop_spares(h); /* what grows is something else */
	chunk = map_chunk(h->chunk_count >= SMALL_HEAP_CHUNKS);
	if (!chunk)
		return false;
	h->chunks[h->chunk_count++] = chunk;
	h->untouched = CHUNK_ARENAS;
	return true;
}

/* An empty arena from wherever there is one; its pages as they are. */
static Arena *take_arena(Heap *h)
{
	Arena *a = h->used;

	if (a) {
		h->used = a->next;
		h->used_count--;
		return a;
	}
	a = h->clean;
	if (a) {
		h->clean = a->next;
		return a;
	}
	if (!h->untouched && !add_chunk(h))
		return NULL;
	a = ((Chunk *)h->chunks[h->chunk_count - 1])->arenas + CHUNK_ARENAS - h->untouched;
	h->untouched--;
	return a;
}

static Arena *open_arena(Heap *h, size_t class)
{
	Arena *a = take_arena(h);
	size_t size = class_size(class);

	if (!a)
		return NULL;
	a->free = NULL;
	a->count = 0;
	a->fresh = arena_start(a);
	a->capacity = (uint32_t)((size_t)(arena_end(a) - a->fresh) / size);
	a->end = a->fresh + a->capacity * size;
	a->class = (uint16_t) class;
	a->full = false;
	class_append(&h->classes[class], a);
	h->arenas++;
	return a;
}

static void free_heap_struct(Heap *h)
{
	for (size_t i = 0; i < h->chunk_count; i++)
		munmap(h->chunks[i], CHUNK_SIZE);
	drop_spares(h);
	free(h->chunks);
	free(h);
}

/* Has the last block gone? */
static inline void check_end(Heap *h)
{
	if (unlikely(!h->arenas && !h->large))
		free_heap_struct(h);
}

static void close_arena(Heap *h, Arena *a)
{
	class_remove(&h->classes[a->class], a);
	h->arenas--;
	if (h->used_count < KEEP_ARENAS + h->arenas) {
		a->next = h->used;
		h->used = a;
		h->used_count++;
	} else {
		char *start = arena_start(a);

		/* Not the page with the chunk's structs. */
		if ((uintptr_t)start % ARENA_SIZE)
			start = (char *)(((uintptr_t)start | 4095) + 1);
		madvise(start, (size_t)(arena_end(a) - start), MADV_DONTNEED);
		a->next = h->clean;
		h->clean = a;
	}
	check_end(h);
}

/* ---- Blocks ---------------------------------------------------------------------------- */

/* A block of a, which may be its last one: NULL, then, if there was none. */
static inline void *take_block(Arena *a, size_t size)
{
	FreeBlock *b = a->free;

	if (likely(b)) {
		a->free = b->next;
		a->count++;
		return b;
	}
	if (likely(a->fresh != a->end)) {
		b = (FreeBlock *)a->fresh;
		a->fresh += size;
		a->count++;
		return b;
	}
	return NULL;
}

static __attribute__((noinline, cold)) void *no_memory(Heap *h)
{
	check_end(h);
	return NULL;
}

/* The first arena is full or there is none. */
static __attribute__((noinline)) void *alloc_small_slow(Heap *h, size_t class)
{
	Class *c = &h->classes[class];
	size_t size = class_size(class);
	Arena *a;
	void *p;

	while ((a = c->first)) {
		p = take_block(a, size);
		if (p)
			return p;
		class_remove(c, a);
		a->full = true;
		a->count = 1;
	}
	a = open_arena(h, class);
	return a ? take_block(a, size) : no_memory(h);
}

static inline void *alloc_small(Heap *h, size_t size)
{
	size_t class = class_of(size);
	Arena *a = h->classes[class].first;

	if (likely(a)) {
		FreeBlock *b = a->free;

		if (likely(b)) {
			a->free = b->next;
			a->count++;
			return b;
		}
		if (likely(size <= FINE_LIMIT && a->fresh != a->end)) {
			b = (FreeBlock *)a->fresh;
			a->fresh += (class + 1) * 8;
			a->count++;
			return b;
		}
	}
	return alloc_small_slow(h, class);
}

/* The count of a has fallen to 0: it was full, or it is empty. */
static __attribute__((noinline)) void free_small_slow(Heap *h, Arena *a)
{
	if (a->full) {
		a->full = false;
		a->count = a->capacity - 1;
		class_append(&h->classes[a->class], a);
		if (a->count)
			return;
	}
	close_arena(h, a);
}

static inline void free_small(Heap *h, void *p)
{
	Arena *a = arena_of(p);
	FreeBlock *b = p;

	b->next = a->free;
	a->free = b;
	if (unlikely(!--a->count))
		free_small_slow(h, a);
}

static __attribute__((noinline)) void *alloc_large(Heap *h, size_t size)
{
	void *p = size < MAPPED_LIMIT ? malloc(size) : map_block(h, size);

	if (unlikely(!p))
		return no_memory(h);
	h->large++;
	return p;
}

static __attribute__((noinline)) void free_large(Heap *h, void *p, size_t size)
{
	if (size < MAPPED_LIMIT)
		free(p);
	else
		unmap_block(h, p, size);
	h->large--;
	check_end(h);
}

/* Both sizes large. */
static void *realloc_large(Heap *h, void *p, size_t old_size, size_t new_size)
{
	void *q;

	if (old_size < MAPPED_LIMIT && new_size < MAPPED_LIMIT)
		return realloc(p, new_size);
	if (old_size >= MAPPED_LIMIT && new_size >= MAPPED_LIMIT)
		return remap_block(h, p, old_size, new_size);
	q = alloc_large(h, new_size);
	if (!q)
		return NULL;
	memcpy(q, p, old_size < new_size ? old_size : new_size);
	free_large(h, p, old_size);
	return q;
}

static __attribute__((noinline)) void *reallocate(Heap *h, void *p, size_t old_size,
						  size_t new_size)
{
	void *q;

	if (old_size > SMALL_LIMIT && new_size > SMALL_LIMIT)
		return realloc_large(h, p, old_size, new_size);
	if (old_size <= SMALL_LIMIT && new_size <= SMALL_LIMIT &&
	    class_of(old_size) == class_of(new_size))
		return p;
	q = new_size <= SMALL_LIMIT ? alloc_small(h, new_size) : alloc_large(h, new_size);
	if (!q)
		return NULL;
	memcpy(q, p, old_size < new_size ? old_size : new_size);
	if (old_size <= SMALL_LIMIT)
		free_small(h, p);
	else
		free_large(h, p, old_size);
	return q;
}

void *heap_get(void *heap, size_t size)
{
	return likely(size <= SMALL_LIMIT) ? alloc_small(heap, size) : alloc_large(heap, size);
}

void heap_put(void *heap, void *p, size_t size)
{
	if (likely(size <= SMALL_LIMIT))
		free_small(heap, p);
	else
		free_large(heap, p, size);
}

void *heap_allocate(void *heap, void *p, size_t old_size, size_t new_size)
{
	if (!p)
		return new_size ? heap_get(heap, new_size) : NULL;
	if (new_size)
		return reallocate(heap, p, old_size, new_size);
	heap_put(heap, p, old_size);
	return NULL;
}

void *heap_new(void)
{
	return calloc(1, sizeof(Heap));
}

#endif
