/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inherit.c - the code of forked processes that end before anybody looks.
 *
 * A child goes on with its parent's code, of which no event of its own tells;
 * what it has is read from its memory soon after the fork. If it has ended by
 * then, its counters are there, and its run counts in the map that it shared,
 * but not the loops that they belong to: those are what the parent had at the
 * moment of the fork, without those that the child threw away: the handler of
 * `free` has left rows of no type for them, and what it flushed is known too.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "jitscope.skel.h"

#define BATCH 1024

struct heir {
	uint32_t pid, parent;
	uint64_t forked_ns;
	/* Filled in when its turn comes; 0: it was no JIT, or the parent is not known. */
	uint64_t instance, parent_instance;
	uint32_t room;
	bool freed; /* some of it */
};

/* Rows on their way into the map. */
struct bequest {
	struct jitscope_loop_key keys[BATCH];
	struct jit_loop loops[BATCH];
	uint32_t n;
};

void jitscope_remember_heir(struct jitscope_session *s, const struct watched *w)
{
	struct heir *heirs = s->heirs;

	if (!(s->n_heirs & (s->n_heirs - 1)))
		heirs = reallocarray(heirs, s->n_heirs ? 2 * s->n_heirs : 1, sizeof(*heirs));
	if (!heirs)
		return;
	s->heirs = heirs;
	heirs[s->n_heirs++] = (struct heir){.pid = (uint32_t)w->pid,
					    .parent = (uint32_t)w->parent,
					    .forked_ns = w->forked_ns};
}

void jitscope_forget_heir(struct jitscope_session *s, pid_t pid)
{
	struct watched *w = jitscope_watched(s, pid, false);

	if (w)
		w->inherits = false;
	for (size_t i = 0; i < s->n_heirs; i++)
		if (s->heirs[i].pid == (uint32_t)pid)
			s->heirs[i--] = s->heirs[--s->n_heirs];
}

bool jitscope_inherits(struct jitscope_session *s, pid_t pid)
{
	const struct watched *w = jitscope_watched(s, pid, false);

	return (w && w->inherits) || jitscope_is_heir(s, pid);
}

bool jitscope_is_heir(const struct jitscope_session *s, pid_t pid)
{
	for (size_t i = 0; i < s->n_heirs; i++)
		if (s->heirs[i].pid == (uint32_t)pid)
			return true;
	return false;
}

/* Of the program that it was forked as, or is: 0 if there is none. */
static uint64_t instance_of(struct jitscope_session *s, uint32_t pid, bool forked_as)
{
	struct jitscope_process p;

	if (bpf_map__lookup_elem(s->bpf->maps.processes, &pid, sizeof(pid), &p, sizeof(p), 0) ||
	    (forked_as && p.execs))
		return 0;
	return p.instance;
}

static void put(struct jitscope_session *s, struct bequest *b)
{
	uint32_t n = b->n;
	int err = n ? bpf_map_update_batch(bpf_map__fd(s->bpf->maps.loops), b->keys, b->loops, &n,
					   NULL)
		    : 0;

	for (; err && n < b->n; n++)
		jitscope_rows_lost(s, (pid_t)b->keys[n].pid, 1);
	b->n = 0;
}

/* The heirs who threw something away. */
static void note_freed(struct jitscope_session *s, const struct map_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct jit_loop *loop = jitscope_row_value(rows, i);

		for (size_t k = 0; loop->type >= JIT_NTYPES && k < s->n_heirs; k++)
			s->heirs[k].freed |= s->heirs[k].pid == jitscope_row_pid(rows, i);
		s->sweep_wanted |= loop->type >= JIT_NTYPES;
	}
}

static bool has_freed(struct jitscope_session *s, const struct heir *h,
		      const struct jitscope_loop_key *parents)
{
	struct jitscope_loop_key key = {.pid = h->pid, .type = parents->type, .no = parents->no};
	struct jit_loop loop;

	return h->freed &&
	       !bpf_map__lookup_elem(s->bpf->maps.loops, &key, sizeof(key), &loop, sizeof(loop),
				     0) &&
	       loop.type >= JIT_NTYPES && loop.instance == h->instance;
}

static void bequeath(struct jitscope_session *s, struct bequest *b, struct heir *to,
		     const struct jitscope_loop_key *key, const struct jit_loop *loop)
{
	if (!to->room) {
		jitscope_rows_lost(s, (pid_t)to->pid, 1);
		return;
	}
	to->room--;
	b->keys[b->n] =
		(struct jitscope_loop_key){.pid = to->pid, .type = key->type, .no = key->no};
	b->loops[b->n] = *loop;
	b->loops[b->n].instance = to->instance;
	b->loops[b->n].runs = 0; /* of the parent */
	if (++b->n == BATCH)
		put(s, b);
}

/* To all that had it when they were forked, and have it still. */
static void share_out(struct jitscope_session *s, struct bequest *b,
		      const struct jitscope_loop_key *key, const struct jit_loop *loop)
{
	if (loop->type >= JIT_NTYPES)
		return;
	for (size_t k = 0; k < s->n_heirs; k++) {
		struct heir *h = &s->heirs[k];

		if (h->parent == key->pid && h->parent_instance == loop->instance &&
		    loop->when_ns < h->forked_ns && !has_freed(s, h, key))
			bequeath(s, b, h, key, loop);
	}
}

/* One reading of the map for all of them: there may be many, and much in it. */
void jitscope_inherit(struct jitscope_session *s)
{
	struct bequest *b = s->n_heirs ? calloc(1, sizeof(*b)) : NULL;
	struct map_rows rows;
	bool any = false;

	for (size_t i = 0; i < s->n_heirs; i++) {
		struct heir *h = &s->heirs[i];

		h->instance = instance_of(s, h->pid, true);
		h->parent_instance = h->instance ? instance_of(s, h->parent, false) : 0;
		h->room = s->loops_share ? s->loops_share : UINT32_MAX;
		any |= h->parent_instance != 0;
	}
	if (b && any && !jitscope_read_map(s->bpf->maps.loops, &rows)) {
		note_freed(s, &rows);
		for (size_t i = 0; i < rows.n; i++)
			share_out(s, b, jitscope_row_key(&rows, i), jitscope_row_value(&rows, i));
		put(s, b);
		jitscope_free_rows(&rows);
		s->sweep_wanted |= s->loops_share != 0; /* what was put there is to be counted */
	}
	free(b);
	s->n_heirs = 0;
}
