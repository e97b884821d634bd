/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * luastring.c - strings: interning, hashing, comparing; userdata, which are made
 * alike.
 *
 * Short strings are in one hash table of chains, which doubles when there are as
 * many strings as buckets. The table does not keep its strings alive: the sweep
 * takes dead ones out, and one that is dead but not yet swept is made live again
 * if it is asked for. Any allocation may run an emergency collection that takes
 * strings out, so nothing that was read from the table is used after one.
 */
#include "luastring.h"

#include <limits.h>

#include "gc.h"

/* Sizes of blocks fit both a size_t and an integer of the language. */
#define SIZE_LIMIT (sizeof(size_t) < sizeof(lua_Integer) ? SIZE_MAX : (size_t)(LUA_MAXINTEGER))

#define MINIMUM_BUCKETS 128

/* ---- Hashing ------------------------------------------------------------------------- */

#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t load64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t load32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Both halves of the product: each bit of the input reaches the low bits. */
static inline uint64_t mix(uint64_t h)
{
	unsigned __int128 product = (unsigned __int128)h * MULTIPLIER;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes at a time; the last eight may overlap those before. */
static inline uint32_t hash_bytes(const char *p, size_t n, uint32_t seed)
{
	uint64_t h = seed ^ (n * MULTIPLIER);

	if (n >= 8) {
		const char *last = p + n - 8;

		for (; p < last; p += 8)
			h = mix(h ^ load64(p));
		h ^= load64(last);
	} else if (n >= 4) {
		h ^= load32(p) << 32 | load32(p + n - 4);
	} else if (n > 0) {
		h ^= (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 |
		     (unsigned char)p[n - 1];
	}
	h = mix(h);
	return (uint32_t)(h ^ h >> 32);
}

uint32_t string_hash(String *s)
{
	if (s->tag == TAG_LONG_STRING && !s->hashed) {
		s->hash = hash_bytes(s->text, s->u.length, s->hash);
		s->hashed = 1;
	}
	return s->hash;
}

/* ---- The table ----------------------------------------------------------------------- */

static inline bool same_bytes(const char *a, const char *b, size_t n)
{
	if (n >= 8) {
		const char *last = a + n - 8;

		if (load64(last) != load64(b + n - 8))
			return false;
		for (; a < last; a += 8, b += 8)
			if (load64(a) != load64(b))
				return false;
		return true;
	}
	if (n >= 4)
		return load32(a) == load32(b) && load32(a + n - 4) == load32(b + n - 4);
	return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

/* Spreads the strings of the first `from` buckets over `to`: either is twice the other. */
static void rehash(String **buckets, int from, int to)
{
	for (int i = from; i < to; i++)
		buckets[i] = NULL;
	for (int i = 0; i < from; i++) {
		String *s = buckets[i];

		buckets[i] = NULL;
		while (s) {
			String *next = s->u.next_hash;
			String **bucket = &buckets[s->hash & (uint32_t)(to - 1)];

			s->u.next_hash = *bucket;
			*bucket = s;
			s = next;
		}
	}
}

/* Without memory the table stays as it is: chains get longer, that is all. */
static __attribute__((noinline)) void grow(lua_State *L)
{
	StringTable *t = &L->global->strings;
	int size = t->size;
	String **buckets;

	if (size > INT_MAX / 2 / (int)sizeof(String *))
		return;
	buckets = mem_try_realloc(L, t->buckets, (size_t)size * sizeof(String *),
				  (size_t)size * 2 * sizeof(String *));
	if (!buckets)
		return;
	rehash(buckets, size, size * 2);
	t->buckets = buckets;
	t->size = size * 2;
}

void string_table_check(lua_State *L)
{
	StringTable *t = &L->global->strings;
	int size = t->size;
	String **buckets;

	/* An emergency may be within grow(). */
	if (L->global->gc_emergency || t->count >= size / 4 || size <= MINIMUM_BUCKETS)
		return;
	rehash(t->buckets, size, size / 2);
	t->size = size / 2;
	buckets = mem_try_realloc(L, t->buckets, (size_t)size * sizeof(String *),
				  (size_t)t->size * sizeof(String *));
	if (buckets) {
		t->buckets = buckets;
	} else {
		rehash(t->buckets, size / 2, size);
		t->size = size;
	}
}

void string_table_open(lua_State *L)
{
	StringTable *t = &L->global->strings;

	t->buckets = mem_alloc(L, MINIMUM_BUCKETS * sizeof(String *), 0);
	t->size = MINIMUM_BUCKETS;
	rehash(t->buckets, 0, MINIMUM_BUCKETS);
}

void string_table_free(lua_State *L)
{
	StringTable *t = &L->global->strings;

	mem_free(L, t->buckets, (size_t)t->size * sizeof(String *));
	t->buckets = NULL;
	t->size = 0;
}

void string_table_remove(lua_State *L, String *s)
{
	StringTable *t = &L->global->strings;
	String **link = &t->buckets[s->hash & (uint32_t)(t->size - 1)];

	while (*link != s)
		link = &(*link)->u.next_hash;
	*link = s->u.next_hash;
	t->count--;
}

/* ---- Making strings ------------------------------------------------------------------- */

static inline String **bucket_of(StringTable *t, uint32_t hash)
{
	return &t->buckets[hash & (uint32_t)(t->size - 1)];
}

/* The object of a string that is not in the table: NULL where `make` gives none. */
static inline String *new_short(lua_State *L, const char *text, size_t length, uint32_t hash,
				GcNew make)
{
	StringTable *t = &L->global->strings;
	String *s, **bucket;

	s = make(L, string_size(length), TAG_SHORT_STRING);
	if (unlikely(!s))
		return NULL;
	s->short_length = (uint8_t)length;
	s->hashed = 0;
	s->hash = hash;
	memcpy(s->text, text, length);
	s->text[length] = '\0';
	bucket = bucket_of(t, hash);
	s->u.next_hash = *bucket;
	*bucket = s;
	t->count++;
	return s;
}

static inline String *find_short(Global *g, const char *text, size_t length, uint32_t hash)
{
	for (String *s = *bucket_of(&g->strings, hash); s; s = s->u.next_hash) {
		if (s->hash == hash && s->short_length == length &&
		    likely(same_bytes(text, s->text, length))) {
			if (unlikely(is_dead(g, s)))
				gc_revive(s);
			return s;
		}
	}
	return NULL;
}

static String *intern(lua_State *L, const char *text, size_t length)
{
	Global *g = L->global;
	uint32_t hash = hash_bytes(text, length, g->seed);
	String *s = find_short(g, text, length, hash);

	if (s)
		return s;
	if (unlikely(g->strings.count >= g->strings.size))
		grow(L);
	return new_short(L, text, length, hash, gc_new);
}

/* Whoever may collect makes a full table larger. */
static String *try_intern(lua_State *L, const char *text, size_t length)
{
	Global *g = L->global;
	uint32_t hash = hash_bytes(text, length, g->seed);
	String *s = find_short(g, text, length, hash);

	if (s || unlikely(g->strings.count >= g->strings.size))
		return s;
	return new_short(L, text, length, hash, gc_try_new);
}

static inline String *new_long(lua_State *L, size_t length, GcNew make)
{
	String *s = make(L, string_size(length), TAG_LONG_STRING);

	if (unlikely(!s))
		return NULL;
	s->hashed = 0;
	s->short_length = 0;
	s->hash = L->global->seed;
	s->u.length = length;
	s->text[length] = '\0';
	return s;
}

String *string_new_long(lua_State *L, size_t length)
{
	if (unlikely(length >= SIZE_LIMIT - sizeof(String)))
		mem_too_big(L);
	return new_long(L, length, gc_new);
}

String *string_try_new_long(lua_State *L, size_t length)
{
	return likely(length < SIZE_LIMIT - sizeof(String)) ? new_long(L, length, gc_try_new)
							    : NULL;
}

String *string_try_new(lua_State *L, const char *text, size_t length)
{
	String *s;

	if (likely(length <= MAX_SHORT_STRING))
		return try_intern(L, text, length);
	s = string_try_new_long(L, length);
	if (likely(s))
		memcpy(s->text, text, length);
	return s;
}

String *string_new(lua_State *L, const char *text, size_t length)
{
	String *s;

	if (likely(length <= MAX_SHORT_STRING))
		return intern(L, text, length);
	s = string_new_long(L, length);
	memcpy(s->text, text, length);
	return s;
}

/*
 * C code names fields by literals, over and over: their address tells which
 * string it was last time. Other text may since stand there, so it is compared.
 */
String *string_of(lua_State *L, const char *text)
{
	uintptr_t address = (uintptr_t)text;
	String **set = L->global->string_cache[(address ^ address >> 6) % STRING_CACHE_SETS];
	String *s;

	for (int i = 0; i < STRING_CACHE_WAYS; i++)
		if (set[i] && !strcmp(text, set[i]->text))
			return set[i];
	s = string_new(L, text, strlen(text));
	for (int i = STRING_CACHE_WAYS - 1; i > 0; i--)
		set[i] = set[i - 1];
	set[0] = s;
	return s;
}

void string_cache_clear(Global *g)
{
	for (int i = 0; i < STRING_CACHE_SETS; i++)
		for (int j = 0; j < STRING_CACHE_WAYS; j++)
			if (g->string_cache[i][j] && is_white(g->string_cache[i][j]))
				g->string_cache[i][j] = NULL;
}

/* ---- Comparing ------------------------------------------------------------------------ */

bool string_equal_long(const String *a, const String *b)
{
	return a == b || (a->u.length == b->u.length && !memcmp(a->text, b->text, a->u.length));
}

/* strcoll() stops at a NUL: piece by piece, then. */
int string_compare(const String *a, const String *b)
{
	const char *p = a->text, *q = b->text;
	size_t m = string_length(a), n = string_length(b);

	for (;;) {
		int order = strcoll(p, q);
		size_t length;

		if (order)
			return order;
		length = strlen(p);
		if (length == n)
			return length != m;
		if (length == m)
			return -1;
		length++;
		p += length;
		q += length;
		m -= length;
		n -= length;
	}
}

/* ---- Userdata -------------------------------------------------------------------------- */

Userdata *userdata_new(lua_State *L, size_t length, int user_values)
{
	Userdata *ud;

	if (unlikely(length > SIZE_LIMIT - userdata_size(user_values, 0)))
		mem_too_big(L);
	ud = gc_new(L, userdata_size(user_values, length), TAG_USERDATA);
	ud->user_values = (uint16_t)user_values;
	ud->length = length;
	ud->metatable = NULL;
	ud->gray_next = NULL;
	for (int i = 0; i < user_values; i++)
		set_nil(&ud->values[i]);
	return ud;
}
