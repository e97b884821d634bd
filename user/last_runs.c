/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * last_runs.c - run counts of processes that counted in memory of their own.
 *
 * That goes when they end. As a rule the handlers copy it then (bpf/last_runs.h), and
 * `last_runs` has all of it. Where they could not (a process that was killed, before
 * Linux 6.16; memory that cannot be read) there is what was seen last: whoever reads
 * such counts, for a snapshot or now and then to have them, leaves them in the same map
 * under a key of their own. So nobody sees fewer afterwards than were seen before.
 *
 * Whom we find so, and could give a map, we tell that once more.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>

#include "../bpf/share.h"
#include "internal.h"
#include "jitscope.skel.h"

#define BATCH 64
#define LOOK_EVERY 1000000000ull
#define MAX_OFFERS 4
#define MAX_SLOTS ((1u << 20) + 8192) /* that a loop can have */

/* ---- What is there --------------------------------------------------------------- */

struct parts {
	uint64_t *counts;
	uint64_t *when_ns; /* of each part; 0: it is not there, all zero */
	uint32_t n;
};

static uint32_t parts_of(const struct jitscope_snapshot *s)
{
	uint32_t most = 0;

	for (size_t i = 0; i < s->n_loops; i++) {
		uint32_t slot = s->loops[i].loop.run_slot;

		most = slot > most && slot < MAX_SLOTS ? slot : most;
	}
	return most / JITSCOPE_RUNS_PART + 1;
}

/* The newest that there is of it, 0: nothing. */
static uint64_t load(struct jitscope_session *s, const struct jitscope_snapshot *snap, bool seen,
		     struct parts *out)
{
	uint64_t newest = 0;

	out->n = parts_of(snap);
	out->counts = calloc(out->n, JITSCOPE_RUNS_PART * sizeof(*out->counts));
	out->when_ns = calloc(out->n, sizeof(*out->when_ns));
	for (uint32_t i = 0; out->counts && out->when_ns && i < out->n; i++) {
		struct jitscope_part_key key = {(uint32_t)snap->pid, i, seen};
		struct jitscope_part part;

		if (bpf_map__lookup_elem(s->bpf->maps.last_runs, &key, sizeof(key), &part,
					 sizeof(part), 0) ||
		    part.instance != snap->instance)
			continue;
		memcpy(&out->counts[i * JITSCOPE_RUNS_PART], part.runs, sizeof(part.runs));
		out->when_ns[i] = part.when_ns;
		newest = part.when_ns > newest ? part.when_ns : newest;
	}
	return newest;
}

/* Another loop may have had the slot when it was seen. */
static bool is_of(const struct parts *p, const struct jit_loop *loop)
{
	uint32_t part = loop->run_slot / JITSCOPE_RUNS_PART;

	return loop->run_slot != JIT_RUNS_OVERFLOW && part < p->n &&
	       p->when_ns[part] > loop->when_ns;
}

uint64_t jitscope_last_runs(struct jitscope_session *s, struct jitscope_snapshot *snap, bool seen)
{
	struct parts p;
	uint64_t newest = load(s, snap, seen, &p);

	for (size_t i = 0; newest && i < snap->n_loops; i++) {
		struct jit_loop *loop = &snap->loops[i].loop;

		if (is_of(&p, loop))
			jitscope_raise(&loop->runs, &p.counts[loop->run_slot], 1);
	}
	if (newest)
		jitscope_raise(&snap->info.overflow_runs, &p.counts[JIT_RUNS_OVERFLOW], 1);
	free(p.counts);
	free(p.when_ns);
	return newest;
}

/* ---- What is seen ----------------------------------------------------------------- */

static bool is_zero(const uint64_t *counts, uint32_t n)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < n; i++)
		any |= counts[i];
	return !any;
}

/* So many parts of one process. A reader has no options to go by, but the map is as large. */
static uint32_t seen_share(const struct jitscope_session *s)
{
	uint32_t share = s->loops_share;

	if (*s->shared_dir)
		share = bpf_map__max_entries(s->bpf->maps.loops) / LOOPS_SHARES;
	return share ? SEEN_RUNS_SHARE(share) : UINT32_MAX;
}

/* What finds no room is not kept; that is no more than if nobody had looked. */
static void put(struct jitscope_session *s, const struct jitscope_part_key *keys,
		const struct jitscope_part *parts, uint32_t n)
{
	if (n)
		bpf_map_update_batch(bpf_map__fd(s->bpf->maps.last_runs), keys, parts, &n, NULL);
}

void jitscope_saw_runs(struct jitscope_session *s, pid_t pid, uint64_t instance,
		       const uint64_t *counts, uint32_t n)
{
	struct jitscope_part *parts = calloc(BATCH, sizeof(*parts));
	struct jitscope_part_key keys[BATCH];
	uint64_t now = jitscope_now();
	uint32_t k = 0, room = seen_share(s);

	for (uint32_t at = 0; parts && at < n; at += JITSCOPE_RUNS_PART) {
		uint32_t m = n - at < JITSCOPE_RUNS_PART ? n - at : JITSCOPE_RUNS_PART;

		if (is_zero(counts + at, m))
			continue;
		if (!room--)
			break;
		keys[k] = (struct jitscope_part_key){(uint32_t)pid, at / JITSCOPE_RUNS_PART, 1};
		parts[k] = (struct jitscope_part){.instance = instance, .when_ns = now};
		memcpy(parts[k].runs, counts + at, m * sizeof(*counts));
		if (++k == BATCH) {
			put(s, keys, parts, k);
			k = 0;
		}
	}
	if (parts)
		put(s, keys, parts, k);
	free(parts);
}

uint64_t *jitscope_region_runs(pid_t pid, uint64_t region, const struct jit_region *r)
{
	size_t size = r->runs.used * sizeof(uint64_t);
	uint64_t *counts;

	if (!r->runs.used || !jitscope_area_is_sane(&r->runs, sizeof(*counts)))
		return NULL;
	counts = malloc(size);
	if (!counts || !jitscope_read_memory(pid, region + r->runs.offset, counts, size))
		return counts;
	free(counts);
	return NULL;
}

/*
 * It counts, and is in nobody's map: it found nobody to ask in time, and asks again only
 * when it hears something. What it is told all hear that use the file, so not often.
 */
static void offer_map(struct jitscope_session *s, struct watched *w, const struct jit_region *r)
{
	uint64_t now = jitscope_now();

	if (!s->runs || !r->counting || r->runs_session || w->offers == MAX_OFFERS ||
	    now < w->offered_ns + (LOOK_EVERY << 2 * w->offers))
		return;
	w->offered_ns = now;
	w->offers++;
	jitscope_attach_process(s, w->pid, true);
}

static void look_at(struct jitscope_session *s, struct watched *w)
{
	pid_t pid = w->pid;
	uint32_t key = (uint32_t)pid;
	struct jitscope_process p;
	struct jit_region r;
	uint64_t *counts;

	if (bpf_map__lookup_elem(s->bpf->maps.processes, &key, sizeof(key), &p, sizeof(p), 0) ||
	    !p.alive || !p.region || p.fires_runs ||
	    !jitscope_read_head(pid, p.region, p.instance, &r) ||
	    (r.runs_session && r.runs_session == jitscope_runs_id(s)))
		return;
	counts = jitscope_region_runs(pid, p.region, &r);
	if (counts)
		jitscope_saw_runs(s, pid, p.instance, counts, r.runs.used);
	free(counts);
	offer_map(s, w, &r);
}

/* Seldom enough that it takes a small part of our time. */
void jitscope_look_at_runs(struct jitscope_session *s, uint64_t now)
{
	if (now < s->next_runs_ns)
		return;
	for (size_t i = 0; i < s->n_watched; i++)
		if (s->watched[i].alive)
			look_at(s, &s->watched[i]);
	s->next_runs_ns = jitscope_now() + LOOK_EVERY + 20 * (jitscope_now() - now);
}
