/* SPDX-License-Identifier: BSD-2-Clause */
/* test_alloc.c - the allocator: blocks apart from each other, kept over realloc, all given back. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "lua_unit.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifndef WITH_ASAN
#define WITH_ASAN 0
#endif

#define BLOCKS 4000

struct block {
	unsigned char *p;
	size_t size;
	unsigned char fill;
};

static void check_block(const struct block *b)
{
	for (size_t i = 0; i < b->size; i++)
		CHECK_EQ(b->p[i], b->fill);
}

static size_t random_size(uint64_t *state)
{
	uint64_t r = unit_random(state);

	switch (r % 16) {
	case 0:
		return 1 + r / 16 % (r % 64 ? 100000 : 3000000);
	case 1:
	case 2:
		return 1 + r / 16 % 6000;
	default:
		return 1 + r / 16 % 200;
	}
}

static void change(void *heap, struct block *b, uint64_t *state)
{
	size_t size = unit_random(state) % 3 ? random_size(state) : 0;
	size_t kept = size < b->size ? size : b->size;
	unsigned char *p;

	check_block(b);
	p = heap_allocate(heap, b->p, b->p ? b->size : LUA_TTABLE, size);
	CHECK(!size == !p);
	CHECK((uintptr_t)p % 8 == 0);
	for (size_t i = 0; i < kept; i++)
		CHECK_EQ(p[i], b->fill);
	b->p = p;
	b->size = size;
	b->fill = (unsigned char)unit_random(state);
	if (p)
		memset(p, b->fill, size);
}

TEST(blocks_are_apart_and_keep_their_bytes)
{
	static struct block blocks[BLOCKS];
	void *heap = heap_new(), *anchor;
	uint64_t state = 88172645463325252u;

	CHECK(heap);
	anchor = heap_allocate(heap, NULL, 0, 100);
	for (int i = 0; i < 50 * BLOCKS; i++)
		change(heap, &blocks[unit_random(&state) % BLOCKS], &state);
	for (int i = 0; i < BLOCKS; i++) {
		check_block(&blocks[i]);
		heap_allocate(heap, blocks[i].p, blocks[i].size, 0);
	}
	heap_allocate(heap, anchor, 100, 0);
}

static int count_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	int c, n = 0;

	CHECK(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

TEST(heap_goes_away_with_its_last_block)
{
	enum { N = 200000 };
	void **blocks = malloc(N * sizeof(void *));
	int before = count_mappings();

	if (WITH_ASAN)
		unit_skip("the sanitizer has mappings of its own");
	for (int round = 0; round < 3; round++) {
		void *heap = heap_new();

		for (int i = 0; i < N; i++)
			blocks[i] = heap_allocate(heap, NULL, 0, 56);
		CHECK(count_mappings() > before);
		for (int i = 0; i < N; i++)
			heap_allocate(heap, blocks[i], 56, 0);
		CHECK_EQ(count_mappings(), before);
	}
	free(blocks);
}

TEST(heap_goes_away_with_a_first_block_that_cannot_be_had)
{
	/* The leak checker would tell. */
	CHECK(!heap_allocate(heap_new(), NULL, 0, SIZE_MAX / 2));
}

TEST(memory_of_empty_arenas_serves_other_sizes)
{
	enum { N = 100000, ROUNDS = 20 };
	static void *blocks[N];
	void *heap = heap_new(), *anchor = heap_allocate(heap, NULL, 0, 1);
	struct rusage usage;
	long before;

	if (WITH_ASAN)
		unit_skip("blocks are malloc's");
	getrusage(RUSAGE_SELF, &usage);
	before = usage.ru_maxrss;
	for (int round = 1; round <= ROUNDS; round++) {
		size_t size = (size_t)round * 8;
		int n = N / round;

		for (int i = 0; i < n; i++) {
			blocks[i] = heap_allocate(heap, NULL, 0, size);
			memset(blocks[i], 1, size);
		}
		for (int i = 0; i < n; i++)
			heap_allocate(heap, blocks[i], size, 0);
	}
	getrusage(RUSAGE_SELF, &usage);
	CHECK(usage.ru_maxrss - before < 3 * N * 8 / 1024);
	heap_allocate(heap, anchor, 1, 0);
}

TEST(without_memory_small_blocks_are_refused_and_the_rest_lives)
{
	enum { SIZE = 512, LIMIT = 64 << 20 };
	struct rlimit limit = {LIMIT, LIMIT};
	void *heap = heap_new(), *anchor = heap_allocate(heap, NULL, 0, 8);
	void **list = NULL, **p;
	unsigned n = 0;

	if (WITH_ASAN)
		unit_skip("the sanitizer's own memory is beyond any limit");
	CHECK(!setrlimit(RLIMIT_AS, &limit));
	while ((p = heap_allocate(heap, NULL, 0, SIZE))) {
		*p = list;
		list = p;
		n++;
	}
	CHECK(n > 1000);
	CHECK(!heap_allocate(heap, list, SIZE, SIZE * 2));
	for (; list; list = p) {
		p = *list;
		heap_allocate(heap, list, SIZE, 0);
		n--;
	}
	CHECK_EQ(n, 0);
	heap_allocate(heap, anchor, 8, 0);
}

void suite_alloc(void);
void suite_alloc(void)
{
	unit_suite("alloc");
	ADD(blocks_are_apart_and_keep_their_bytes);
	ADD(heap_goes_away_with_its_last_block);
	ADD(heap_goes_away_with_a_first_block_that_cannot_be_had);
	ADD(memory_of_empty_arenas_serves_other_sizes);
	ADD(without_memory_small_blocks_are_refused_and_the_rest_lives);
}
