/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_concat.c - concatenation.
 *
 * It is right associative, and a..b..c is one instruction with all operands in
 * the stack. So a run of strings and numbers at the end is joined in one go,
 * without the intermediate strings; a metamethod takes two operands and its
 * result goes on as the last of those that are left.
 */
#include "vm.h"

#include "call.h"
#include "debug.h"

/* Numbers of one run whose text is kept on the C stack; others become strings in place. */
#define KEPT_TEXTS 4

typedef struct pieces {
	size_t total;	    /* bytes of all operands */
	int kept;	    /* texts in use */
	const Value *whole; /* an operand that is not empty */
	uint8_t lengths[KEPT_TEXTS];
	char texts[KEPT_TEXTS][NUMBER_TEXT_SIZE];
} Pieces;

static void measure_number(lua_State *L, Pieces *p, Value *v)
{
	if (p->kept == KEPT_TEXTS) {
		number_make_string(L, v);
		p->total += string_length(as_string(v));
		return;
	}
	p->lengths[p->kept] = (uint8_t)number_to_text(v, p->texts[p->kept]);
	p->total += p->lengths[p->kept++];
}

static void measure(lua_State *L, Pieces *p, Value *first, int n)
{
	p->total = 0;
	p->kept = 0;
	p->whole = first;
	for (Value *v = first; v < first + n; v++) {
		size_t before = p->total, length;

		if (!is_string(v)) {
			measure_number(L, p, v);
		} else {
			length = string_length(as_string(v));
			if (unlikely(length > LUA_MAXINTEGER - sizeof(String) - 1 - before))
				error_run(L, "string length overflow");
			p->total += length;
		}
		if (p->total != before)
			p->whole = v;
	}
}

/* The same where it does all but raise and allocate; false: it would. */
static bool try_measure(Pieces *p, const Value *first, int n)
{
	p->total = 0;
	p->kept = 0;
	p->whole = first;
	for (const Value *v = first; v < first + n; v++) {
		size_t before = p->total;

		if (likely(is_string(v))) {
			p->total += string_length(as_string(v));
			if (unlikely(p->total > LUA_MAXINTEGER / 2))
				return false;
		} else if (is_number(v) && p->kept < KEPT_TEXTS) {
			p->lengths[p->kept] = (uint8_t)number_to_text(v, p->texts[p->kept]);
			p->total += p->lengths[p->kept++];
		} else {
			return false;
		}
		if (p->total != before)
			p->whole = v;
	}
	return true;
}

static void join(const Pieces *p, char *to, const Value *first, int n)
{
	int kept = 0;

	for (const Value *v = first; v < first + n; v++) {
		if (is_string(v)) {
			size_t length = string_length(as_string(v));

			memcpy(to, as_string(v)->text, length);
			to += length;
		} else {
			memcpy(to, p->texts[kept], p->lengths[kept]);
			to += p->lengths[kept++];
		}
	}
}

/* n strings and numbers, all below top: their concatenation into *first. */
static void concat_run(lua_State *L, Value *first, int n)
{
	Pieces p;
	char buffer[MAX_SHORT_STRING];
	String *s;

	measure(L, &p, first, n);
	if (is_string(p.whole) && string_length(as_string(p.whole)) == p.total) {
		set_value(first, p.whole);
	} else if (p.total <= MAX_SHORT_STRING) {
		join(&p, buffer, first, n);
		s = string_new(L, buffer, p.total);
		set_object(first, s);
	} else {
		s = string_new_long(L, p.total);
		join(&p, s->text, first, n);
		set_object(first, s);
	}
}

static inline bool joins(const Value *v)
{
	return is_string(v) || is_number(v);
}

void vm_concat(lua_State *L, int n)
{
	const Frame *f = L->frame;

	while (n > 1) {
		Value *top = L->top;
		int run = 0;

		while (run < n && joins(top - 1 - run))
			run++;
		if (run < 2) {
			meta_binary(L, top - 2, top - 1, top - 2, META_CONCAT);
			if (L->frame != f)
				return; /* it has yet to run */
			run = 2;
		} else {
			concat_run(L, top - run, run);
		}
		n -= run - 1;
		L->top -= run - 1;
	}
}

bool vm_concat_plain(lua_State *L, Value *first, int n)
{
	for (int i = 0; i < n; i++) {
		if (unlikely(!joins(first + i)))
			return false;
	}
	concat_run(L, first, n);
	return true;
}

String *vm_try_concat(lua_State *L, const Value *first, int n)
{
	char buffer[MAX_SHORT_STRING];
	Pieces p;
	String *s;

	if (!try_measure(&p, first, n))
		return NULL;
	if (is_string(p.whole) && string_length(as_string(p.whole)) == p.total)
		return as_string(p.whole);
	if (p.total <= MAX_SHORT_STRING) {
		join(&p, buffer, first, n);
		return string_try_new(L, buffer, p.total);
	}
	s = string_try_new_long(L, p.total);
	if (likely(s))
		join(&p, s->text, first, n);
	return s;
}
