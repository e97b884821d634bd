/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_mark.c - what lives.
 *
 * Marking is iterative: a reached object that has children is pushed on the gray
 * list through its own gray_next, so no memory is needed and no C stack is eaten.
 * The one recursion is from a closed upvalue to its value, which goes no deeper
 * since that value is no upvalue.
 *
 * Most of the time goes into waiting for memory: whether a child is white stands
 * in the child. Two things are done about that. A table's children are not looked
 * at at once: they go through a short queue (struct marker), the processor fetches
 * them when they enter it, and they have come when they leave it. And a long table
 * is traversed in pieces, each piece only when nothing else is gray, so that its
 * children are done while they are still in the cache. A long table that is under
 * way is black: a store into what was traversed already calls the back barrier,
 * which ends the affair, and so does a move of what is in it (table.c clears
 * in_pieces).
 *
 * What cannot be finished while the program runs waits in gray_again for the
 * atomic phase: threads (their stacks change without barriers), weak tables (what
 * is dead is known only at the end) and tables that a back barrier took back.
 *
 * The atomic phase, in the language's terms: weak values are cleared before
 * objects with finalizers are resurrected, weak keys after, so that a finalizer
 * finds its object's own entries in ephemeron tables but nobody finds a
 * resurrected object as a weak value. Strings are values, not objects, in the
 * eyes of weak tables: they are marked when they are looked at, never cleared.
 */
#include "../trace/trace.h"
#include "call.h"
#include "function.h"
#include "gc_internal.h"
#include "table.h"

static inline void mark_value(Global *g, const Value *v)
{
	if (is_collectable(v))
		gc_mark(g, as_object(v));
}

static inline void mark_optional(Global *g, void *object)
{
	if (object)
		gc_mark(g, object);
}

/* ---- Gray lists --------------------------------------------------------------------- */

static Object **gray_link(Object *o)
{
	switch (o->tag) {
	case TAG_TABLE:
		return &((Table *)o)->gray_next;
	case TAG_LUA_FUNCTION:
		return &((LuaFunction *)o)->gray_next;
	case TAG_C_CLOSURE:
		return &((CClosure *)o)->gray_next;
	case TAG_USERDATA:
		return &((Userdata *)o)->gray_next;
	case TAG_THREAD:
		return &((lua_State *)o)->gray_next;
	default:
		lua_assert(o->tag == TAG_PROTO);
		return &((Proto *)o)->gray_next;
	}
}

/* The object becomes gray and the first of the list. */
static inline void push_gray(Object *o, Object **link, Object **list)
{
	make_gray(o);
	*link = *list;
	*list = o;
}

void gc_gray_again(Global *g, Object *o)
{
	push_gray(o, gray_link(o), &g->gray_again);
}

void gc_mark_white(Global *g, Object *o)
{
	lua_assert(!is_dead(g, o));
	switch (o->tag) {
	case TAG_SHORT_STRING:
	case TAG_LONG_STRING:
		make_black(o);
		break;
	case TAG_TABLE:
		push_gray(o, &((Table *)o)->gray_next, &g->gray);
		break;
	case TAG_UPVALUE: {
		Upvalue *uv = (Upvalue *)o;

		if (upvalue_is_open(uv))
			make_gray(o);
		else
			make_black(o);
		mark_value(g, uv->v);
		break;
	}
	case TAG_USERDATA: {
		Userdata *ud = (Userdata *)o;

		if (ud->user_values == 0) {
			make_black(o);
			mark_optional(g, ud->metatable);
			break;
		}
		push_gray(o, &ud->gray_next, &g->gray);
		break;
	}
	default:
		push_gray(o, gray_link(o), &g->gray);
		break;
	}
}

/* ---- The queue ---------------------------------------------------------------------- */

#define QUEUE_SIZE 16 /* a power of two */

/* Lives in gc_propagate() only: between steps nothing waits in it. */
typedef struct marker {
	Global *g;
	unsigned first, count;
	Object *queue[QUEUE_SIZE];
} Marker;

static inline void take_from_queue(Marker *m)
{
	Object *o = m->queue[m->first++ % QUEUE_SIZE];

	m->count--;
	if (!is_white(o))
		return;
	if (o->tag == TAG_TABLE)
		push_gray(o, &((Table *)o)->gray_next, &m->g->gray);
	else
		gc_mark_white(m->g, o);
}

static inline void mark_later(Marker *m, Object *o)
{
	__builtin_prefetch(o, 1);
	if (m->count == QUEUE_SIZE)
		take_from_queue(m);
	m->queue[(m->first + m->count++) % QUEUE_SIZE] = o;
}

/* ---- Tables ------------------------------------------------------------------------- */

/* An empty node must not keep its key's object alive; traversals still find the place. */
static inline void clear_empty_key(Node *n)
{
	if (n->key_tag & TAG_COLLECTABLE)
		n->key_tag = TAG_DEAD_KEY;
}

/* Will the entry of this (as a weak key or value) be cleared? */
static bool is_cleared(Global *g, uint8_t tag, Object *o)
{
	if (!(tag & TAG_COLLECTABLE))
		return false;
	if ((tag & 0x0f) == LUA_TSTRING) {
		gc_mark(g, o);
		return false;
	}
	return is_white(o);
}

#define TAG_WORD 0x0101010101010101u

/* Any of these eight tags an object's? */
static inline bool any_collectable(const uint8_t *tags)
{
	uint64_t word;

	memcpy(&word, tags, sizeof word);
	return word & (TAG_WORD * TAG_COLLECTABLE);
}

/* Marks the values of the array part of a weak table; returns whether one was white. */
static bool mark_array(Global *g, Table *t)
{
	bool marked = false;

	for (uint32_t i = 0; i < t->array_size; i++) {
		Object *o = array_payload(t, i)->object;

		if ((*array_tag(t, i) & TAG_COLLECTABLE) && is_white(o)) {
			gc_mark_white(g, o);
			marked = true;
		}
	}
	return marked;
}

static void traverse_array(Marker *m, Table *t, uint32_t i, uint32_t to)
{
	const uint8_t *tags = t->array;

	while (i < to) {
		uint32_t end = to;

		if (to - i >= 8) {
			end = i + 8;
			if (!any_collectable(tags + i)) {
				i = end;
				continue;
			}
		}
		for (; i < end; i++)
			if (tags[i] & TAG_COLLECTABLE)
				mark_later(m, array_payload(t, i)->object);
	}
}

/* The keys of a small table are likely a few strings that many tables share. */
#define FEW_NODES 16

static void traverse_nodes(Marker *m, Table *t, uint32_t i, uint32_t to)
{
	bool few = t->node_mask < FEW_NODES;

	for (; i < to; i++) {
		Node *n = &t->nodes[i];

		if (n->value_tag == TAG_NIL) {
			clear_empty_key(n);
			continue;
		}
		if (n->key_tag & TAG_COLLECTABLE) {
			if (few)
				gc_mark(m->g, n->key.object);
			else
				mark_later(m, n->key.object);
		}
		if (n->value_tag & TAG_COLLECTABLE)
			mark_later(m, n->value.object);
	}
}

#define table_slots(t) ((size_t)(t)->array_size + table_node_count(t))

/* Slots (elements, then nodes) that make a table long; how many are a piece. */
#define LONG 512
#define PIECE 64

static size_t traverse_strong(Marker *m, Table *t)
{
	Global *g = m->g;

	if (unlikely(table_slots(t) >= LONG) && g->long_table_count < LONG_TABLES) {
		g->long_tables[g->long_table_count].table = t;
		g->long_tables[g->long_table_count++].next = 0;
		t->in_pieces = true;
		return 1;
	}
	traverse_array(m, t, 0, t->array_size);
	traverse_nodes(m, t, 0, table_node_count(t));
	return 1 + table_slots(t);
}

/*
 * A piece of the long table that was found last, or all of it if its blocks have
 * changed: no change may keep the cycle from ending. Returns the units of work.
 */
static size_t traverse_piece(Marker *m)
{
	LongTable *at = &m->g->long_tables[m->g->long_table_count - 1];
	Table *t = at->table;
	size_t size = t->array_size, slots = table_slots(t), from = at->next, to;

	if (!is_black(t) || !t->in_pieces) {
		m->g->long_table_count--;
		if (!is_black(t))
			return 0; /* the back barrier has put it into gray_again */
		traverse_array(m, t, 0, t->array_size);
		traverse_nodes(m, t, 0, table_node_count(t));
		return slots;
	}
	to = from < size ? size : slots;
	if (to - from > PIECE)
		to = from + PIECE;
	at->next = to;
	if (to == slots)
		m->g->long_table_count--;
	if (from < size)
		traverse_array(m, t, (uint32_t)from, (uint32_t)to);
	else
		traverse_nodes(m, t, (uint32_t)(from - size), (uint32_t)(to - size));
	return to - from;
}

/*
 * Weak values, strong keys. While the program runs only the keys are marked; in
 * the atomic phase it is noted whether there may be something to clear.
 */
static void traverse_weak_values(Global *g, Table *t)
{
	Node *n = t->nodes, *end = n + table_node_count(t);
	bool has_cleared = t->array_size > 0;

	for (; n < end; n++) {
		if (n->value_tag == TAG_NIL) {
			clear_empty_key(n);
			continue;
		}
		if (n->key_tag & TAG_COLLECTABLE)
			gc_mark(g, n->key.object);
		if (!has_cleared && is_cleared(g, n->value_tag, n->value.object))
			has_cleared = true;
	}
	if (g->gc_phase == PHASE_PROPAGATE)
		push_gray((Object *)t, &t->gray_next, &g->gray_again);
	else if (has_cleared)
		push_gray((Object *)t, &t->gray_next, &g->weak_values);
}

/*
 * Weak keys: a value is reached through its key only. Returns whether anything
 * was marked. backwards: order of the nodes, alternated by the caller, so that a
 * chain of entries that lie in the wrong order does not take a round for each.
 */
static bool traverse_ephemeron(Global *g, Table *t, bool backwards)
{
	bool marked = mark_array(g, t), has_cleared = false, has_white_pair = false;
	uint32_t count = table_node_count(t);

	for (uint32_t i = 0; i < count; i++) {
		Node *n = &t->nodes[backwards ? count - 1 - i : i];

		if (n->value_tag == TAG_NIL) {
			clear_empty_key(n);
		} else if (is_cleared(g, n->key_tag, n->key.object)) {
			has_cleared = true;
			if ((n->value_tag & TAG_COLLECTABLE) && is_white(n->value.object))
				has_white_pair = true;
		} else if ((n->value_tag & TAG_COLLECTABLE) && is_white(n->value.object)) {
			gc_mark_white(g, n->value.object);
			marked = true;
		}
	}
	if (g->gc_phase == PHASE_PROPAGATE)
		push_gray((Object *)t, &t->gray_next, &g->gray_again);
	else if (has_white_pair)
		push_gray((Object *)t, &t->gray_next, &g->ephemerons);
	else if (has_cleared)
		push_gray((Object *)t, &t->gray_next, &g->all_weak);
	return marked;
}

static size_t traverse_weak(Marker *m, Table *t, const String *mode)
{
	Global *g = m->g;
	bool weak_keys = strchr(mode->text, 'k') != NULL;
	bool weak_values = strchr(mode->text, 'v') != NULL;

	if (weak_keys && weak_values)
		push_gray((Object *)t, &t->gray_next, &g->all_weak);
	else if (weak_keys)
		traverse_ephemeron(g, t, false);
	else if (weak_values)
		traverse_weak_values(g, t);
	else
		return traverse_strong(m, t);
	return 1 + table_slots(t);
}

static size_t traverse_table(Marker *m, Table *t)
{
	Table *mt = t->metatable;
	Value mode;

	if (mt) {
		gc_mark(m->g, (Object *)mt);
		if (meta_fast(m->g->main_thread, mt, META_MODE, &mode) && is_string(&mode))
			return traverse_weak(m, t, as_string(&mode));
	}
	return traverse_strong(m, t);
}

/* ---- Other objects ------------------------------------------------------------------ */

static size_t traverse_userdata(Global *g, Userdata *ud)
{
	mark_optional(g, ud->metatable);
	for (unsigned i = 0; i < ud->user_values; i++)
		mark_value(g, &ud->values[i]);
	return 1 + (size_t)ud->user_values;
}

static size_t traverse_lua_function(Global *g, LuaFunction *f)
{
	mark_optional(g, f->proto);
	for (unsigned i = 0; i < f->upvalue_count; i++)
		mark_optional(g, f->upvalues[i]);
	return 1 + (size_t)f->upvalue_count;
}

static size_t traverse_c_closure(Global *g, CClosure *f)
{
	for (unsigned i = 0; i < f->upvalue_count; i++)
		mark_value(g, &f->upvalues[i]);
	return 1 + (size_t)f->upvalue_count;
}

/* It may be half built: whatever is not there yet is NULL. */
static size_t traverse_proto(Global *g, Proto *p)
{
	mark_optional(g, p->source);
	for (int i = 0; i < p->constant_count; i++)
		mark_value(g, &p->constants[i]);
	for (int i = 0; i < p->upvalue_count; i++)
		mark_optional(g, p->upvalues[i].name);
	for (int i = 0; i < p->proto_count; i++)
		mark_optional(g, p->protos[i]);
	for (int i = 0; i < p->local_count; i++)
		mark_optional(g, p->locals[i].name);
	return 1 + (size_t)p->constant_count + (size_t)p->upvalue_count + (size_t)p->proto_count +
	       (size_t)p->local_count;
}

/*
 * A thread is gray for good. While the program runs it goes on to gray_again. In
 * the atomic phase the dead part of the stack is cleared: a function's frame may
 * reach over slots that it has not written yet, and what is in them must be good.
 */
static size_t traverse_thread(Global *g, lua_State *thread)
{
	size_t work = 1;

	make_gray((Object *)thread);
	if (g->gc_phase == PHASE_PROPAGATE)
		push_gray((Object *)thread, &thread->gray_next, &g->gray_again);
	if (!thread->stack)
		return work; /* it is being built */
	for (const Value *v = thread->stack; v < thread->top; v++)
		mark_value(g, v);
	/* They cannot go as long as a function could find them by their level. */
	for (Upvalue *uv = thread->open_upvalues; uv; uv = uv->u.open.next)
		gc_mark(g, (Object *)uv);
	work += (size_t)stack_size(thread);
	if (g->gc_phase == PHASE_ATOMIC) {
		for (Value *v = thread->top; v < thread->stack_last + STACK_EXTRA; v++)
			set_nil(v);
		/* It may have been taken out when it looked dead (remark_upvalues()). */
		if (thread->next_open == thread && thread->open_upvalues) {
			thread->next_open = g->open_threads;
			g->open_threads = thread;
		}
	} else if (!g->gc_emergency) {
		stack_shrink(thread);
	}
	return work;
}

/* ---- Propagation -------------------------------------------------------------------- */

/* Takes the first gray object and traverses it; returns the units of work. */
static inline size_t propagate_one(Marker *m)
{
	Global *g = m->g;
	Object *o = g->gray;

	o->marked |= MARK_BLACK;
	switch (o->tag) {
	case TAG_TABLE:
		g->gray = ((Table *)o)->gray_next;
		return traverse_table(m, (Table *)o);
	case TAG_LUA_FUNCTION:
		g->gray = ((LuaFunction *)o)->gray_next;
		return traverse_lua_function(g, (LuaFunction *)o);
	case TAG_C_CLOSURE:
		g->gray = ((CClosure *)o)->gray_next;
		return traverse_c_closure(g, (CClosure *)o);
	case TAG_USERDATA:
		g->gray = ((Userdata *)o)->gray_next;
		return traverse_userdata(g, (Userdata *)o);
	case TAG_THREAD:
		g->gray = ((lua_State *)o)->gray_next;
		return traverse_thread(g, (lua_State *)o);
	default:
		lua_assert(o->tag == TAG_PROTO);
		g->gray = ((Proto *)o)->gray_next;
		return traverse_proto(g, (Proto *)o);
	}
}

size_t gc_propagate(Global *g, size_t budget)
{
	Marker m = {.g = g};
	size_t work = 0;

	while (work < budget) {
		if (g->gray)
			work += propagate_one(&m);
		else if (m.count > 0)
			take_from_queue(&m);
		else if (g->long_table_count > 0)
			work += traverse_piece(&m);
		else
			break;
	}
	while (m.count > 0)
		take_from_queue(&m);
	return work;
}

static size_t propagate_all(Global *g)
{
	return gc_propagate(g, SIZE_MAX);
}

static void mark_metatables(Global *g)
{
	for (int i = 0; i < LUA_NUMTYPES; i++)
		mark_optional(g, g->metatables[i]);
}

void gc_mark_roots(Global *g)
{
	g->gray = g->gray_again = NULL;
	g->long_table_count = 0;
	g->weak_values = g->ephemerons = g->all_weak = NULL;
	gc_mark(g, (Object *)g->main_thread);
	mark_value(g, &g->registry);
	mark_metatables(g);
	if (g->jit)
		jit_mark(g, gc_mark_white);
	/* Finalizers that were not called yet. */
	for (Object *o = g->to_finalize; o; o = o->next)
		gc_mark(g, o);
}

/* ---- The atomic phase --------------------------------------------------------------- */

/*
 * A thread that is not reached does not mark its stack, but closures may have
 * marked upvalues that are open in it, and changed them since. Such threads leave
 * the list: nobody runs them any more (traverse_thread() mends it for those that a
 * finalizer resurrects).
 */
static size_t remark_upvalues(Global *g)
{
	lua_State **p = &g->open_threads, *thread;
	size_t work = 0;

	while ((thread = *p) != NULL) {
		work++;
		if (!is_white(thread) && thread->open_upvalues) {
			p = &thread->next_open;
			continue;
		}
		*p = thread->next_open;
		thread->next_open = thread;
		for (Upvalue *uv = thread->open_upvalues; uv; uv = uv->u.open.next) {
			work++;
			if (!is_white(uv))
				mark_value(g, uv->v);
		}
	}
	return work;
}

/* Until no ephemeron table marks anything new. */
static size_t converge_ephemerons(Global *g)
{
	bool changed, backwards = false;
	size_t work = 0;

	do {
		Object *o = g->ephemerons, *next;

		changed = false;
		g->ephemerons = NULL;
		for (; o; o = next) {
			Table *t = (Table *)o;

			next = t->gray_next;
			make_black(o);
			work += 1 + (size_t)table_node_count(t);
			if (traverse_ephemeron(g, t, backwards)) {
				work += propagate_all(g);
				changed = true;
			}
		}
		backwards = !backwards;
	} while (changed);
	return work;
}

/* And no trace either: they live by what was reached. */
static size_t converge(Global *g)
{
	size_t work = converge_ephemerons(g);

	while (g->jit && jit_mark_reached(g, gc_mark_white)) {
		work += propagate_all(g);
		work += converge_ephemerons(g);
	}
	return work;
}

static size_t clear_by_keys(Global *g, Object *list)
{
	size_t work = 0;

	for (; list; list = ((Table *)list)->gray_next) {
		Table *t = (Table *)list;
		Node *n = t->nodes, *end = n + table_node_count(t);

		work += table_node_count(t);
		for (; n < end; n++) {
			if (n->value_tag != TAG_NIL && is_cleared(g, n->key_tag, n->key.object))
				n->value_tag = TAG_NIL;
			if (n->value_tag == TAG_NIL)
				clear_empty_key(n);
		}
	}
	return work;
}

/* Up to the table `until`, which (and what follows) was done before. */
static size_t clear_by_values(Global *g, Object *list, const Object *until)
{
	size_t work = 0;

	for (; list != until; list = ((Table *)list)->gray_next) {
		Table *t = (Table *)list;
		Node *n = t->nodes, *end = n + table_node_count(t);

		work += t->array_size + (size_t)table_node_count(t);
		for (uint32_t i = 0; i < t->array_size; i++) {
			if (is_cleared(g, *array_tag(t, i), array_payload(t, i)->object))
				*array_tag(t, i) = TAG_NIL;
		}
		for (; n < end; n++) {
			if (is_cleared(g, n->value_tag, n->value.object))
				n->value_tag = TAG_NIL;
			if (n->value_tag == TAG_NIL)
				clear_empty_key(n);
		}
	}
	return work;
}

/* What the program changed since it was marked, and what had to wait. */
static size_t mark_rest(lua_State *L)
{
	Global *g = L->global;
	Object *again = g->gray_again;
	size_t work;

	g->gray_again = NULL;
	gc_mark(g, (Object *)L);
	mark_value(g, &g->registry);
	mark_metatables(g);
	/* Traces that came since, with what they name. */
	if (g->jit)
		jit_mark(g, gc_mark_white);
	work = propagate_all(g);
	work += remark_upvalues(g);
	work += propagate_all(g);
	g->gray = again;
	work += propagate_all(g);
	return work + converge(g);
}

size_t gc_atomic(lua_State *L)
{
	Global *g = L->global;
	Object *weak_values, *all_weak;
	size_t work;

	g->gc_phase = PHASE_ATOMIC;
	work = mark_rest(L);
	/* All that is strongly reached is marked. */
	work += clear_by_values(g, g->weak_values, NULL);
	work += clear_by_values(g, g->all_weak, NULL);
	weak_values = g->weak_values;
	all_weak = g->all_weak;
	/* The resurrected will be garbage, as a rule, when their finalizers have run. */
	g->estimate = g->total_bytes - gc_separate_finalizable(g, false);
	for (Object *o = g->to_finalize; o; o = o->next) {
		gc_mark(g, o);
		work++;
	}
	work += propagate_all(g);
	work += converge(g);
	/* All that is resurrected is marked too. */
	work += clear_by_keys(g, g->ephemerons);
	work += clear_by_keys(g, g->all_weak);
	work += clear_by_values(g, g->weak_values, weak_values);
	work += clear_by_values(g, g->all_weak, all_weak);
	string_cache_clear(g);
	if (g->jit)
		traces_drop_unreached(L);
	g->white = (uint8_t)other_white(g);
	return work;
}
