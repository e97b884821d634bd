/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c - tables: an array part for 1..n, and nodes for all other keys.
 *
 * Array part. A slot holds nil or a value; what lies in it is in no node with a
 * value: integer keys within array_size are looked for here only. Payloads and
 * tags share one block, with `array` between them, so that both grow outwards.
 *
 * Nodes. A chained scatter table in one block, with Brent's variation: each node
 * that has a value is in the chain that begins at its key's main position, and if
 * it is not itself there, then that node is held by a key whose main position it
 * is. So a key that finds its main position taken by a stranger moves the stranger
 * to a free node. Free nodes are taken from the end downwards (`last_free`, in the
 * block's header); a node that had a key is not taken again this way, only as the
 * main position of a new key, until the nodes are made anew. A value that becomes
 * nil leaves the key where it is: traversal goes on from there. An empty hash part
 * is `table_no_node`, one node for all tables, never written to.
 *
 * Sizes. When no node is free, all keys are counted, and the array part gets the
 * largest power of two of which more than half would be in use. An array that is
 * full also grows, by the same measure, as soon as the key after its end comes.
 *
 * Memory errors. Everything that is needed is allocated before anything changes.
 * The allocations may run an emergency collection, which may take entries out of
 * a weak table, so room is only ever found too large.
 */
#include "table.h"

#include <math.h>

#include "call.h"
#include "debug.h"
#include "gc_internal.h"
#include "number.h"
#include "table_internal.h"

#define MAX_ARRAY_BITS 31
/* The least size of an array that grows by appending; four elements are 36 bytes. */
#define LEAST_APPEND 4
/* Nodes that the first field makes. */
#define FIRST_NODES 2
/* An array that is not larger is not looked at when fields want more nodes. */
#define SMALL_ARRAY 64

/* ---- Main positions ------------------------------------------------------------------ */

#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

/* Both halves of the product: each bit of the input reaches the low bits. */
static inline uint32_t mix(uint64_t x)
{
	unsigned __int128 product = (unsigned __int128)x * MULTIPLIER;
	uint64_t h = (uint64_t)product ^ (uint64_t)(product >> 64);

	return (uint32_t)(h ^ h >> 32);
}

/*
 * Integers that follow each other get nodes that do, and so do multiples of a power
 * of two: the key's digits to the base of the number of nodes are added, which is
 * much like a remainder by one less than that number, without a division. Beyond
 * two digits, which few keys have, the rest is mixed in. Negative keys count down
 * from the last node.
 */
static inline uint32_t hash_integer(lua_Integer key, uint32_t mask)
{
	lua_Unsigned sign = (lua_Unsigned)(key >> 63);
	lua_Unsigned low = (lua_Unsigned)key ^ sign;
	unsigned bits = 32 - (unsigned)__builtin_clz(mask | 1);
	lua_Unsigned high = low >> bits, rest = high >> bits;
	lua_Unsigned h = low + 5 * high;

	if (unlikely(rest))
		h += mix(rest);
	return (uint32_t)(h ^ sign) & mask;
}

static inline Node *main_position_integer(const Table *t, lua_Integer key)
{
	return &t->nodes[hash_integer(key, t->node_mask)];
}

/* Of keys that are less usual. */
static __attribute__((noinline)) Node *main_position_other(const Table *t, Payload key, uint8_t tag)
{
	uint32_t h;

	switch (tag) {
	case TAG_LONG_STRING:
		h = string_hash((String *)key.object);
		break;
	case TAG_FALSE:
		h = 0;
		break;
	case TAG_TRUE:
		h = 1;
		break;
	case TAG_FLOAT: /* the halves of its bits: what changes among floats is in one of them */
		h = hash_integer((key.i >> 32) + (uint32_t)key.i, t->node_mask);
		break;
	default: /* a pointer: aligned, and near others */
		h = hash_integer(key.i >> 3, t->node_mask);
	}
	return &t->nodes[h & t->node_mask];
}

/* key: not nil. A key of a node that has a value, or one that is looked for. */
static inline Node *main_position(const Table *t, Payload key, uint8_t tag)
{
	if (likely(tag == TAG_SHORT_STRING))
		return &t->nodes[((String *)key.object)->hash & t->node_mask];
	if (likely(tag == TAG_INTEGER))
		return main_position_integer(t, key.i);
	return main_position_other(t, key, tag);
}

/* ---- Finding --------------------------------------------------------------------------- */

#define NOT_FOUND ((Slot){NULL, NULL})

static inline Slot node_slot(Node *n)
{
	return n ? (Slot){&n->value, &n->value_tag} : NOT_FOUND;
}

static inline Node *find_integer_node(const Table *t, lua_Integer key)
{
	Node *n = main_position_integer(t, key);

	for (;;) {
		if (n->key.i == key && n->key_tag == TAG_INTEGER)
			return n;
		if (!n->next)
			return NULL;
		n += n->next;
	}
}

Slot table_find_integer_hash(const Table *t, lua_Integer key)
{
	return node_slot(find_integer_node(t, key));
}

static Node *find_long_string(const Table *t, const Value *key)
{
	const String *s = as_string(key);
	Node *n = main_position(t, key->u, TAG_LONG_STRING);

	for (;;) {
		const String *k = (const String *)n->key.object;

		if (n->key_tag == TAG_LONG_STRING &&
		    (k == s || (k->hash == s->hash && string_equal_long(k, s))))
			return n;
		if (!n->next)
			return NULL;
		n += n->next;
	}
}

/* A key that is equal just if tag and payload are. */
static Node *find_plain(const Table *t, const Value *key)
{
	bool tag_is_all = key->tag == TAG_FALSE || key->tag == TAG_TRUE;
	Node *n = main_position(t, key->u, key->tag);

	for (;;) {
		if (n->key_tag == key->tag && (tag_is_all || n->key.i == key->u.i))
			return n;
		if (!n->next)
			return NULL;
		n += n->next;
	}
}

/* A float with an integer's value is that integer. */
static inline bool is_integer_key(const Value *key, lua_Integer *i)
{
	if (key->tag == TAG_INTEGER) {
		*i = key->u.i;
		return true;
	}
	return key->tag == TAG_FLOAT && float_to_integer(key->u.n, i, ROUND_EXACT);
}

static __attribute__((noinline)) Slot find_other(const Table *t, const Value *key)
{
	lua_Integer i;

	switch (key->tag) {
	case TAG_NIL:
		return NOT_FOUND;
	case TAG_LONG_STRING:
		return node_slot(find_long_string(t, key));
	case TAG_FLOAT:
		if (is_integer_key(key, &i))
			return table_find_integer(t, i);
		/* fallthrough */
	default:
		return node_slot(find_plain(t, key));
	}
}

Slot table_find(const Table *t, const Value *key)
{
	if (likely(key->tag == TAG_SHORT_STRING))
		return table_find_short(t, as_string(key));
	if (likely(key->tag == TAG_INTEGER))
		return table_find_integer(t, key->u.i);
	return find_other(t, key);
}

Slot table_find_string(const Table *t, String *key)
{
	Value v;

	if (likely(key->tag == TAG_SHORT_STRING))
		return table_find_short(t, key);
	set_object(&v, key);
	return node_slot(find_long_string(t, &v));
}

/* ---- Blocks ----------------------------------------------------------------------------- */

/* A block for n nodes or more, all free; raises. */
static Node *new_nodes(lua_State *L, uint32_t n, uint32_t *mask)
{
	uint32_t count = node_count_for(n);

	*mask = count ? count - 1 : 0;
	if (n == 0)
		return (Node *)&table_no_node;
	if (n > MAX_NODES)
		error_run(L, "table overflow");
	return nodes_in(mem_alloc(L, node_bytes(count), 0), count);
}

/*
 * More elements, the new ones nil. The caller moves those that were in nodes. One
 * block is made larger, so that the system can remap a huge one; then the tags move
 * to its new end and the payloads after them.
 */
static bool try_grow_array(lua_State *L, Table *t, uint32_t n)
{
	uint32_t old = t->array_size;
	uint8_t *block = old ? array_block(t->array, old) : NULL;
	uint8_t *array;

	block = mem_try_realloc(L, block, array_bytes(old), array_bytes(n));
	if (unlikely(!block))
		return false;
	array = block + (size_t)n * sizeof(Payload);
	if (old) {
		uint8_t *old_array = block + (size_t)old * sizeof(Payload);

		memmove(array, old_array, old);
		memmove(array_block(array, old), block, old * sizeof(Payload));
	}
	memset(array + old, TAG_NIL, n - old);
	t->array = array;
	t->array_size = n;
	t->in_pieces = false;
	return true;
}

/* A new block with the first n elements; false without memory. */
static bool copy_array(lua_State *L, const Table *t, uint32_t n, uint8_t **array)
{
	uint8_t *block;

	*array = NULL;
	if (n == 0)
		return true;
	block = mem_try_realloc(L, NULL, 0, array_bytes(n));
	if (!block)
		return false;
	*array = block + (size_t)n * sizeof(Payload);
	memcpy(*array, t->array, n);
	memcpy(block, array_block(t->array, n), n * sizeof(Payload));
	return true;
}

/* ---- Nodes for new keys ------------------------------------------------------------------ */

static Node *free_node(Table *t)
{
	NodeHeader *header = node_header(t->nodes);

	if (table_no_nodes(t))
		return NULL;
	while (header->last_free > 0)
		if (t->nodes[--header->last_free].key_tag == TAG_NIL)
			return &t->nodes[header->last_free];
	return NULL;
}

/* The stranger in `node`, whose main position is `main`, moves to `to`. */
static void move_node(Table *t, Node *node, Node *main, Node *to)
{
	Node *previous = main;

	while (previous + previous->next != node)
		previous += previous->next;
	previous->next = (int32_t)(to - previous);
	*to = *node;
	if (node->next) {
		to->next += (int32_t)(node - to);
		node->next = 0;
	}
	node->value_tag = TAG_NIL;
	t->in_pieces = false;
}

/*
 * A node for a key that is in none, linked into its chain; the caller sets key and
 * value. NULL if there is none left.
 */
static inline Node *node_for(Table *t, Payload key, uint8_t tag)
{
	Node *n = main_position(t, key, tag);
	Node *other, *to;

	if (n->value_tag == TAG_NIL && likely(!table_no_nodes(t)))
		return n;
	to = free_node(t);
	if (!to)
		return NULL;
	other = main_position(t, n->key, n->key_tag);
	if (other != n) {
		move_node(t, n, other, to);
		return n;
	}
	to->next = n->next ? (int32_t)(n + n->next - to) : 0;
	n->next = (int32_t)(to - n);
	return to;
}

/* For a table whose nodes are made anew: there is a node. */
static void reinsert(Table *t, Payload key, uint8_t key_tag, Payload value, uint8_t value_tag)
{
	Node *n = node_for(t, key, key_tag);

	lua_assert(n);
	n->key = key;
	n->key_tag = key_tag;
	n->value = value;
	n->value_tag = value_tag;
}

/* ---- Changing sizes ----------------------------------------------------------------------- */

/* The elements that the array loses go to nodes. */
static void move_to_nodes(Table *t, uint8_t *array, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		Payload key = {.i = (lua_Integer)i + 1};

		if (array[i] != TAG_NIL)
			reinsert(t, key, TAG_INTEGER, ((Payload *)array)[-1 - (ptrdiff_t)i],
				 array[i]);
	}
}

static void reinsert_all(Table *t, const Node *nodes, uint32_t mask)
{
	for (const Node *n = nodes, *end = n + mask + 1; n < end; n++) {
		lua_Unsigned i = (lua_Unsigned)n->key.i - 1;

		if (n->value_tag == TAG_NIL)
			continue;
		if (n->key_tag == TAG_INTEGER && i < t->array_size) {
			*array_payload(t, i) = n->value;
			*array_tag(t, i) = n->value_tag;
		} else {
			reinsert(t, n->key, n->key_tag, n->value, n->value_tag);
		}
	}
}

/* Nodes anew, for count entries at least as many as there are; the array stays. */
static void resize_nodes(lua_State *L, Table *t, uint32_t count)
{
	uint32_t old_mask = t->node_mask, mask;
	Node *nodes = new_nodes(L, count, &mask), *old_nodes = t->nodes;

	t->nodes = nodes;
	t->node_mask = mask;
	t->in_pieces = false;
	reinsert_all(t, old_nodes, old_mask);
	table_free_nodes(L, old_nodes, old_mask);
}

/* Both parts anew. hash_count: not less than the entries that will be in nodes. */
static void resize(lua_State *L, Table *t, uint32_t array_size, uint32_t hash_count)
{
	uint32_t old_mask = t->node_mask, old_size = t->array_size, mask;
	uint8_t *old_array = t->array, *array = NULL;
	bool shrinks = array_size < old_size, done = true;
	Node *nodes = new_nodes(L, hash_count, &mask), *old_nodes;

	if (shrinks)
		done = copy_array(L, t, array_size, &array);
	else if (array_size > old_size)
		done = try_grow_array(L, t, array_size);
	if (unlikely(!done)) {
		table_free_nodes(L, nodes, mask);
		throw_memory(L);
	}
	old_nodes = t->nodes;
	t->nodes = nodes;
	t->node_mask = mask;
	t->in_pieces = false;
	if (shrinks) {
		move_to_nodes(t, old_array, array_size, old_size);
		t->array = array;
		t->array_size = array_size;
		if (t->border_hint > array_size)
			t->border_hint = array_size;
		table_free_array(L, old_array, old_size);
	}
	reinsert_all(t, old_nodes, old_mask);
	table_free_nodes(L, old_nodes, old_mask);
}

/* Elements that were in nodes move to the array, which has grown from old_size. */
static void move_to_array(Table *t, uint32_t old_size)
{
	if (table_node_count(t) <= t->array_size - old_size) {
		for (Node *n = t->nodes, *end = n + t->node_mask + 1; n < end; n++) {
			lua_Unsigned i = (lua_Unsigned)n->key.i - 1;

			if (n->value_tag == TAG_NIL || n->key_tag != TAG_INTEGER ||
			    i >= t->array_size)
				continue;
			*array_payload(t, i) = n->value;
			*array_tag(t, i) = n->value_tag;
			n->value_tag = TAG_NIL;
		}
		return;
	}
	for (uint32_t i = old_size; i < t->array_size; i++) {
		Node *n = find_integer_node(t, (lua_Integer)i + 1);

		if (n && n->value_tag != TAG_NIL) {
			*array_payload(t, i) = n->value;
			*array_tag(t, i) = n->value_tag;
			n->value_tag = TAG_NIL;
		}
	}
}

static void grow_array(lua_State *L, Table *t, uint32_t n)
{
	uint32_t old_size = t->array_size;

	if (!try_grow_array(L, t, n))
		throw_memory(L);
	if (!table_no_nodes(t))
		move_to_array(t, old_size);
}

/* ---- Counting ------------------------------------------------------------------------------ */

/* Tags in [from, to) that are not nil. */
static uint32_t count_values(const uint8_t *tags, uint32_t from, uint32_t to)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f), ones = UINT64_C(0x0101010101010101);
	uint32_t n = 0;

	for (; from + 8 <= to; from += 8) {
		uint64_t x;

		memcpy(&x, tags + from, sizeof(x));
		/* No tag has bit 7: it is set just where there was something. */
		n += (uint32_t)((((x + low) >> 7) & ones) * ones >> 56);
	}
	for (; from < to; from++)
		n += tags[from] != TAG_NIL;
	return n;
}

/* Keys 2^(i-1) < key <= 2^i are counted in slice i. */
typedef struct census {
	uint32_t slices[MAX_ARRAY_BITS + 1];
	uint32_t integers; /* the sum of slices */
	uint32_t total;	   /* all keys */
	bool had_dead;	   /* nodes whose value is nil by now */
} Census;

static void count_integer(Census *c, lua_Integer key)
{
	lua_Unsigned i = (lua_Unsigned)key - 1;

	if (i >= UINT64_C(1) << MAX_ARRAY_BITS)
		return;
	c->slices[i ? 64 - __builtin_clzll(i) : 0]++;
	c->integers++;
}

static void count_array(Census *c, const Table *t)
{
	uint32_t from = 0;

	for (int slice = 0; from < t->array_size; slice++) {
		uint32_t to = UINT32_C(1) << slice, n;

		if (to > t->array_size)
			to = t->array_size;
		n = count_values(t->array, from, to);
		c->slices[slice] += n;
		c->integers += n;
		c->total += n;
		from = to;
	}
}

static void count_nodes(Census *c, const Table *t)
{
	for (const Node *n = t->nodes, *end = n + t->node_mask + 1; n < end; n++) {
		if (n->value_tag == TAG_NIL) {
			c->had_dead = true;
			continue;
		}
		if (n->key_tag == TAG_INTEGER)
			count_integer(c, n->key.i);
		c->total++;
	}
}

/* The array size that the counts ask for; *inside: how many keys would be in it. */
static uint32_t best_array_size(const Census *c, uint32_t *inside)
{
	uint32_t best = 0, sum = 0;

	*inside = 0;
	for (int i = 0; i <= MAX_ARRAY_BITS; i++) {
		uint32_t size = UINT32_C(1) << i;

		if (c->integers <= size / 2)
			break;
		sum += c->slices[i];
		if (sum > size / 2) {
			best = size;
			*inside = sum;
		}
	}
	return best;
}

/*
 * The usual table with fields, whose nodes just do not suffice any more: no integer
 * is among the keys, and all are in use. Or it has no nodes yet.
 */
static bool only_fields(const Table *t)
{
	if (table_no_nodes(t))
		return true;
	for (const Node *n = t->nodes, *end = n + t->node_mask + 1; n < end; n++)
		if (n->value_tag == TAG_NIL || n->key_tag == TAG_INTEGER)
			return false;
	return true;
}

/*
 * No node is free for `key`: new sizes. A table that loses as many keys as it gains
 * would be full again at once if its nodes were just enough: it gets more.
 */
static __attribute__((noinline)) void rehash(lua_State *L, Table *t, const Value *key)
{
	Census c = {.integers = 0};
	uint32_t array_size, inside, hash;

	count_array(&c, t);
	count_nodes(&c, t);
	if (key->tag == TAG_INTEGER)
		count_integer(&c, key->u.i);
	c.total++;
	array_size = best_array_size(&c, &inside);
	hash = c.total - inside;
	if (c.had_dead && !table_no_nodes(t) && hash <= table_node_count(t) &&
	    hash > table_node_count(t) / 8 * 7)
		hash = table_node_count(t) + 1;
	resize(L, t, array_size, hash);
}

/* Key array_size + 1 is new: does the array grow to hold it? Raises. */
static bool append(lua_State *L, Table *t)
{
	uint32_t size = t->array_size, n = LEAST_APPEND;

	if (size >= LEAST_APPEND) {
		if (size >= UINT32_C(1) << (MAX_ARRAY_BITS - 1))
			return false;
		n = UINT32_C(2) << (31 - __builtin_clz(size));
		if (count_values(t->array, 0, size) + 1 <= n / 2)
			return false;
	}
	grow_array(L, t, n);
	return true;
}

/* Nodes that will be needed at least if the array has n elements. */
static uint32_t least_nodes(const Table *t, uint32_t n)
{
	uint32_t count = 0;

	if (n < t->array_size)
		count = count_values(t->array, n, t->array_size);
	for (const Node *node = t->nodes, *end = node + t->node_mask + 1; node < end; node++)
		count += node->value_tag != TAG_NIL;
	return count;
}

void table_resize(lua_State *L, Table *t, unsigned array, unsigned hash)
{
	uint32_t least = least_nodes(t, array);

	resize(L, t, array, hash > least ? hash : least);
}

void table_resize_array(lua_State *L, Table *t, unsigned array)
{
	if (array > t->array_size)
		grow_array(L, t, array);
	else if (array < t->array_size)
		table_resize(L, t, array, table_no_nodes(t) ? 0 : table_node_count(t));
}

/* ---- Writing ------------------------------------------------------------------------------- */

static inline void set_element(Table *t, lua_Unsigned i, const Value *v)
{
	*array_payload(t, i) = v->u;
	*array_tag(t, i) = v->tag;
}

static __attribute__((noinline)) Node *make_room(lua_State *L, Table *t, const Value *key)
{
	if (key->tag != TAG_INTEGER && t->array_size <= SMALL_ARRAY && only_fields(t))
		resize_nodes(L, t, table_no_nodes(t) ? FIRST_NODES : table_node_count(t) + 1);
	else
		rehash(L, t, key);
	t->absent = 0; /* a collection in there may have asked for __mode */
	if (key->tag == TAG_INTEGER && (lua_Unsigned)key->u.i - 1 < t->array_size)
		return NULL;
	return node_for(t, key->u, key->tag);
}

/* key is not in the table, no float that is an integer, not nil or NaN. */
static void put_new(lua_State *L, Table *t, const Value *key, const Value *v)
{
	Node *n;

	if (v->tag == TAG_NIL)
		return;
	t->absent = 0;
	if (key->tag == TAG_INTEGER && (lua_Unsigned)key->u.i - 1 == t->array_size &&
	    append(L, t)) {
		set_element(t, (lua_Unsigned)key->u.i - 1, v);
		return;
	}
	n = node_for(t, key->u, key->tag);
	if (unlikely(!n)) {
		n = make_room(L, t, key);
		if (!n) {
			set_element(t, (lua_Unsigned)key->u.i - 1, v);
			return;
		}
	}
	n->key = key->u;
	n->key_tag = key->tag;
	n->value = v->u;
	n->value_tag = v->tag;
	gc_barrier_back(L, t, key);
}

static inline void put_found(Table *t, Slot s, const Value *v)
{
	if (*s.tag == TAG_NIL)
		t->absent = 0;
	slot_set(s, v);
}

static __attribute__((noinline)) void put_new_unusual(lua_State *L, Table *t, const Value *key,
						      const Value *v)
{
	lua_Integer i;
	Value integer;

	if (key->tag == TAG_NIL)
		error_run(L, "table index is nil");
	if (key->u.n != key->u.n)
		error_run(L, "table index is NaN");
	if (is_integer_key(key, &i)) {
		set_integer(&integer, i);
		key = &integer;
	}
	put_new(L, t, key, v);
}

void table_put_at(lua_State *L, Table *t, const Value *key, Slot s, const Value *v)
{
	if (s.payload)
		put_found(t, s, v);
	else if (unlikely(key->tag == TAG_NIL || key->tag == TAG_FLOAT))
		put_new_unusual(L, t, key, v);
	else
		put_new(L, t, key, v);
}

bool table_try_put(lua_State *L, Table *t, const Value *key, const Value *v)
{
	Slot s = table_find(t, key);
	Node *n;

	if (s.payload) {
		put_found(t, s, v);
		return true;
	}
	if (key->tag != TAG_SHORT_STRING || v->tag == TAG_NIL)
		return false;
	n = node_for(t, key->u, key->tag);
	if (!n)
		return false;
	t->absent = 0;
	n->key = key->u;
	n->key_tag = key->tag;
	n->value = v->u;
	n->value_tag = v->tag;
	gc_barrier_back(L, t, key);
	return true;
}

void table_put(lua_State *L, Table *t, const Value *key, const Value *v)
{
	table_put_at(L, t, key, table_find(t, key), v);
}

void table_put_integer(lua_State *L, Table *t, lua_Integer key, const Value *v)
{
	Slot s = table_find_integer(t, key);
	Value k;

	if (likely(s.payload)) {
		put_found(t, s, v);
	} else {
		set_integer(&k, key);
		put_new(L, t, &k, v);
	}
}

void table_put_string(lua_State *L, Table *t, String *key, const Value *v)
{
	Slot s = table_find_string(t, key);
	Value k;

	if (likely(s.payload)) {
		put_found(t, s, v);
	} else {
		set_object(&k, key);
		put_new(L, t, &k, v);
	}
}

/* ---- Traversal ----------------------------------------------------------------------------- */

/* A node whose key was this, though its object may be dead: the caller holds it. */
static Node *find_dead(const Table *t, const Value *key)
{
	Node *n = main_position(t, key->u, key->tag);

	for (;;) {
		if (n->key_tag == TAG_DEAD_KEY && n->key.object == key->u.object)
			return n;
		if (!n->next)
			return NULL;
		n += n->next;
	}
}

static Node *find_key_of_traversal(lua_State *L, const Table *t, const Value *key)
{
	Slot s = table_find(t, key);
	Node *n = s.payload ? (Node *)((char *)s.payload - offsetof(Node, value)) : NULL;

	if (unlikely(!n) && is_collectable(key))
		n = find_dead(t, key);
	if (unlikely(!n))
		error_run(L, "invalid key to 'next'");
	return n;
}

/* Where traversal goes on after key: an index into array part and nodes together. */
static uint64_t position_after(lua_State *L, const Table *t, const Value *key)
{
	lua_Integer i;

	if (key->tag == TAG_NIL)
		return 0;
	if (is_integer_key(key, &i) && (lua_Unsigned)i - 1 < t->array_size)
		return (uint64_t)i;
	return (uint64_t)(find_key_of_traversal(L, t, key) - t->nodes) + 1 + t->array_size;
}

bool table_next(lua_State *L, Table *t, Value *key)
{
	uint64_t i = position_after(L, t, key);

	for (; i < t->array_size; i++) {
		if (*array_tag(t, i) != TAG_NIL) {
			key[1].u = *array_payload(t, i);
			key[1].tag = *array_tag(t, i);
			set_integer(&key[0], (lua_Integer)i + 1);
			return true;
		}
	}
	for (i -= t->array_size; i <= t->node_mask; i++) {
		const Node *n = &t->nodes[i];

		if (n->value_tag != TAG_NIL) {
			key[0].u = n->key;
			key[0].tag = n->key_tag;
			key[1].u = n->value;
			key[1].tag = n->value_tag;
			return true;
		}
	}
	return false;
}
