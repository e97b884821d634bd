/* SPDX-License-Identifier: BSD-2-Clause */
/* test_index.c - the hash index, against the simplest thing that could be right. */
#include <stdlib.h>

#include "../../jit/hooks/index.h"
#include "unit.h"

#define KEYS 3000

static uint64_t random_number(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static void agree(const struct jit_index *index, const uint32_t *model, const uint64_t *keys)
{
	uint32_t used = 0;

	for (int i = 0; i < KEYS; i++) {
		CHECK_EQ(jit_index_get(index, keys[i]), model[i]);
		used += model[i] != UINT32_MAX;
	}
	CHECK_EQ(index->used, used);
}

/* Puts, overwrites and removes at random, and compares everything every so often. */
static void walk(const uint64_t *keys)
{
	struct jit_index index = {0};
	uint32_t model[KEYS];

	for (int i = 0; i < KEYS; i++)
		model[i] = UINT32_MAX;
	for (int step = 0; step < 60000; step++) {
		uint64_t r = random_number();
		int i = (int)(r % KEYS);

		/* Mostly puts in the first half, mostly removals in the second. */
		if ((r >> 32) % 4 < (step < 30000 ? 3u : 1u)) {
			CHECK(jit_index_put(&index, keys[i], (uint32_t)step));
			model[i] = (uint32_t)step;
		} else {
			jit_index_remove(&index, keys[i]);
			model[i] = UINT32_MAX;
		}
		if (step % 2000 == 0)
			agree(&index, model, keys);
	}
	agree(&index, model, keys);
	CHECK(2 * index.used <= index.size);
	free(index.entries);
}

TEST(agrees_with_a_model_on_consecutive_keys)
{
	uint64_t keys[KEYS];

	for (int i = 0; i < KEYS; i++)
		keys[i] = (uint64_t)i + 1;
	walk(keys);
}

TEST(agrees_with_a_model_on_random_keys)
{
	uint64_t keys[KEYS];

	for (int i = 0; i < KEYS; i++)
		keys[i] = random_number() << 12 | (uint64_t)(i + 1);
	walk(keys);
}

/*
 * Keys that all have the same home: the hash multiplies, so they are made with
 * the inverse of its factor. Removal has to keep the one long run together.
 */
TEST(agrees_with_a_model_where_all_keys_collide)
{
	uint64_t keys[KEYS], inverse = 1;

	for (int i = 0; i < 6; i++)
		inverse *= 2 - 0x9e3779b97f4a7c15u * inverse;
	for (int i = 0; i < KEYS; i++)
		keys[i] = ((uint64_t)i + 1) * inverse; /* hashes to i + 1: home 0 */
	walk(keys);
}

TEST(an_empty_index_finds_and_removes_nothing)
{
	struct jit_index index = {0};

	CHECK_EQ(jit_index_get(&index, 1), UINT32_MAX);
	jit_index_remove(&index, 1);
	CHECK_EQ(index.used, 0);
}

void suite_index(void)
{
	unit_suite("index");
	ADD(agrees_with_a_model_on_consecutive_keys);
	ADD(agrees_with_a_model_on_random_keys);
	ADD(agrees_with_a_model_where_all_keys_collide);
	ADD(an_empty_index_finds_and_removes_nothing);
}
