/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seed.c - what a process did before anybody attached.
 *
 * The probes are attached first, then the region is read and put into the
 * maps; totals never over those that a handler has written meanwhile, which are
 * newer. What remains is a loop that was freed between the reading and the
 * writing; so if events came in between, the region is read once more, and
 * what it no longer has is taken out.
 *
 * A process that has ended before anybody looked may have left its region in
 * a file: that goes into the maps in the same way.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../bpf/share.h"
#include "internal.h"
#include "jitscope.skel.h"

#define BATCH 4096

static struct jitscope_loop_key loop_key(pid_t pid, const struct jitscope_loop *l)
{
	return (struct jitscope_loop_key){.pid = (uint32_t)pid, .type = l->loop.type, .no = l->no};
}

/* The table may keep rows of before an exec: only other instances go. */
static int put_newer(const struct bpf_map *map, const void *key, size_t key_size, const void *value,
		     size_t value_size, uint64_t instance)
{
	uint64_t there[64]; /* larger than any value; its first word is the instance */

	if (!bpf_map__lookup_elem(map, key, key_size, there, value_size, 0) && *there == instance)
		return 0;
	return bpf_map__update_elem(map, key, key_size, value, value_size, BPF_ANY);
}

/* The map is full, or this process has its share of it. */
static void count_missing(struct jitscope_session *s, pid_t pid, uint64_t n, const char *what,
			  const char *remedy)
{
	char who[64];

	if (!n)
		return;
	jitscope_rows_lost(s, pid, n);
	jitscope_tell(s, JITSCOPE_TELL_ROOM, "no room in the map `%s`: %llu %s of %s are missing%s",
		      what, (unsigned long long)n, what, jitscope_who(pid, who), remedy);
}

/*
 * What the handler of loop__run has counted stays as it is: the region has
 * it from elsewhere. What the process counted before is where that began.
 */
static void keep_runs(struct jitscope_session *s, const struct jitscope_loop_key *key,
		      struct jit_loop *loop)
{
	struct jit_loop there;

	if (!bpf_map__lookup_elem(s->bpf->maps.loops, key, sizeof(*key), &there, sizeof(there),
				  0) &&
	    there.instance == loop->instance && there.runs)
		loop->runs = there.runs;
}

/* So many of n rows may be seeded; see bpf/share.h. */
static size_t share_of(const struct jitscope_session *s, size_t n, uint32_t share)
{
	return s->loops_share && n > share ? share : n;
}

/*
 * What a forked child has freed since its memory was read has left a row of no type, which
 * must not go: nobody may be able to read that memory again. So its rows come one by one.
 */
static int put_inherited(int fd, const struct jitscope_loop_key *keys, const struct jit_loop *loops,
			 uint32_t *n)
{
	struct jit_loop there;
	uint32_t i;
	int err = 0;

	for (i = 0; i < *n; i++) {
		err = bpf_map_update_elem(fd, &keys[i], &loops[i], BPF_NOEXIST);
		if (err == -EEXIST)
			err = !bpf_map_lookup_elem(fd, &keys[i], &there) &&
					      there.instance == loops[i].instance
				      ? 0
				      : bpf_map_update_elem(fd, &keys[i], &loops[i], BPF_ANY);
		if (err)
			break;
	}
	*n = i;
	return err;
}

/*
 * Adds the loops, thousands to a call (a batch knows no BPF_NOEXIST). What a
 * handler has put there meanwhile is the same loop: writing it once more does
 * no harm.
 */
static int put_loops(struct jitscope_session *s, pid_t pid, const struct jitscope_snapshot *snap,
		     bool keep)
{
	struct jitscope_loop_key *keys = malloc(BATCH * sizeof(*keys));
	struct jit_loop *values = malloc(BATCH * sizeof(*values));
	int fd = bpf_map__fd(s->bpf->maps.loops), err = keys && values ? 0 : -ENOMEM;
	size_t at = 0, end = share_of(s, snap->n_loops, s->loops_share);
	bool inherits = jitscope_inherits(s, pid);

	while (!err && at < end) {
		uint32_t n = 0;

		for (; n < BATCH && at + n < end; n++) {
			keys[n] = loop_key(pid, &snap->loops[at + n]);
			values[n] = snap->loops[at + n].loop;
			if (keep && s->options.count == JITSCOPE_COUNT_PROBE)
				keep_runs(s, &keys[n], &values[n]);
		}
		err = inherits ? put_inherited(fd, keys, values, &n)
			       : bpf_map_update_batch(fd, keys, values, &n, NULL);
		at += n;
		if (err == -E2BIG)
			break;
	}
	if (!err || err == -E2BIG) {
		count_missing(s, pid, snap->n_loops - at, "loops", "; use a larger --max-loops");
		err = 0;
	}
	free(keys);
	free(values);
	return err;
}

static void put_aborts(struct jitscope_session *s, pid_t pid, const struct jitscope_snapshot *snap)
{
	size_t n = share_of(s, snap->n_aborts, ABORTS_SHARE), missing = snap->n_aborts - n;

	for (size_t i = 0; i < n; i++) {
		const struct jit_abort *a = &snap->aborts[i];
		struct jitscope_abort_key key = {
			.pid = (uint32_t)pid,
			.reason_id = a->reason_id,
			.hash = a->hash,
		};

		missing += put_newer(s->bpf->maps.aborts, &key, sizeof(key), a, sizeof(*a),
				     snap->instance) != 0;
	}
	count_missing(s, pid, missing, "aborts", "");
	missing = 0;
	for (size_t i = 0; i < snap->n_flushes; i++) {
		const struct jit_flush *f = &snap->flushes[i];
		struct jitscope_vm_key key = {.pid = (uint32_t)pid, .vm = f->vm};

		missing += put_newer(s->bpf->maps.flushes, &key, sizeof(key), f, sizeof(*f),
				     snap->instance) != 0;
	}
	count_missing(s, pid, missing, "flushes", "");
}

/*
 * What is there belongs to an earlier process; what comes in between is a
 * handler's, and newer.
 */
static void put_totals(struct jitscope_session *s, uint32_t key,
		       const struct jitscope_snapshot *snap)
{
	bpf_map__delete_elem(s->bpf->maps.counters, &key, sizeof(key), 0);
	bpf_map__update_elem(s->bpf->maps.counters, &key, sizeof(key), &snap->info.counters,
			     sizeof(snap->info.counters), BPF_NOEXIST);
	bpf_map__delete_elem(s->bpf->maps.counter_times, &key, sizeof(key), 0);
	bpf_map__update_elem(s->bpf->maps.counter_times, &key, sizeof(key),
			     &snap->info.counter_times, sizeof(snap->info.counter_times),
			     BPF_NOEXIST);
}

static int put_process(struct jitscope_session *s, pid_t pid, uint64_t region, uint32_t file,
		       const struct jitscope_snapshot *snap)
{
	struct jitscope_process p = {0};
	uint32_t key = (uint32_t)pid;
	uint64_t start_ticks = jitscope_start_ticks(pid); /* 0: it has ended since it was read */
	int err;
	bool there = !bpf_map__lookup_elem(s->bpf->maps.processes, &key, sizeof(key), &p, sizeof(p),
					   0) &&
		     (!start_ticks || p.start_ticks == start_ticks);

	if (there && p.instance == snap->instance)
		return 0; /* an event has told everything already */
	if (!there)
		p = (struct jitscope_process){.watched = 1, .start_ticks = start_ticks};
	p.alive = jitscope_alive(pid);
	p.instance = snap->instance;
	p.region = region;
	p.file = file;
	p.runs_since_ns = snap->runs_since_ns;
	p.runs_missed = snap->runs_missed;
	p.last_ns = snap->taken_ns;
	p.counting = snap->counting;
	p.runs_session = snap->runs_session;
	p.runs_kept = 0;
	memcpy(p.comm, snap->comm, sizeof(p.comm));
	memcpy(p.jitdriver, snap->jitdriver, sizeof(p.jitdriver));
	/* The totals first: with the instance there, they have to be right. */
	put_totals(s, key, snap);
	err = bpf_map__update_elem(s->bpf->maps.processes, &key, sizeof(key), &p, sizeof(p),
				   BPF_ANY);

	/* It may have ended meanwhile, and that handler's word must not be lost. */
	if (!err && p.alive && !jitscope_alive(pid)) {
		p.alive = 0;
		err = bpf_map__update_elem(s->bpf->maps.processes, &key, sizeof(key), &p, sizeof(p),
					   BPF_ANY);
	}
	return err;
}

/* Numbers are sorted in a snapshot. */
static bool has_loop(const struct jitscope_snapshot *snap, uint64_t no)
{
	size_t low = 0, high = snap->n_loops;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (snap->loops[mid].no < no)
			low = mid + 1;
		else
			high = mid;
	}
	return low < snap->n_loops && snap->loops[low].no == no;
}

static void take_back_freed(struct jitscope_session *s, pid_t pid,
			    const struct jitscope_snapshot *seeded)
{
	struct jitscope_snapshot *now;

	if (jitscope_region_snapshot(pid, &now))
		return;
	for (size_t i = 0; now->instance == seeded->instance && i < seeded->n_loops; i++)
		if (!has_loop(now, seeded->loops[i].no)) {
			struct jitscope_loop_key key = loop_key(pid, &seeded->loops[i]);

			bpf_map__delete_elem(s->bpf->maps.loops, &key, sizeof(key), 0);
		}
	jitscope_snapshot_free(now);
}

/* Did the process go on while we wrote? */
static bool moved_on(pid_t pid, uint64_t region, uint64_t *seq)
{
	uint64_t now;

	if (jitscope_read_memory(pid, region + offsetof(struct jit_region, event.seq), &now,
				 sizeof(now)))
		return false;
	if (now == *seq)
		return false;
	*seq = now;
	return true;
}

int jitscope_seed(struct jitscope_session *s, pid_t pid)
{
	struct jitscope_snapshot *snap;
	uint64_t region, seq = 0;
	uint32_t file;
	int err = jitscope_find_region(pid, &region, &file);

	if (err)
		return err;
	moved_on(pid, region, &seq);
	err = jitscope_region_snapshot(pid, &snap);
	if (err)
		return err;
	jitscope_unmark_unseeded(s, pid); /* until a row finds no room */
	put_aborts(s, pid, snap);
	err = put_loops(s, pid, snap, true);
	if (!err)
		err = put_process(s, pid, region, file, snap);
	if (!err && moved_on(pid, region, &seq))
		take_back_freed(s, pid, snap);
	s->sweep_wanted |= s->loops_share != 0; /* what was put there is to be counted */
	jitscope_snapshot_free(snap);
	return err ? jitscope_fail(err, "cannot seed the maps for process %d: %s", pid,
				   strerror(-err))
		   : 0;
}

/* ---- After the end --------------------------------------------------------------------- */

/* The pid under which the kernel knows an instance; else what the process thought. */
static uint32_t pid_of(struct jitscope_session *s, const struct jitscope_snapshot *snap)
{
	uint32_t pid = (uint32_t)snap->pid;
	struct map_rows rows;

	if (jitscope_read_map(s->bpf->maps.processes, &rows))
		return pid;
	for (size_t i = 0; i < rows.n; i++)
		if (((const struct jitscope_process *)(void *)rows.values)[i].instance ==
		    snap->instance)
			pid = ((const uint32_t *)(void *)rows.keys)[i];
	jitscope_free_rows(&rows);
	return pid;
}

/* Loops of before a fork, or of a process that was too short to be looked at. */
static int add_rest(struct jitscope_session *s, uint32_t pid, const struct jitscope_snapshot *snap)
{
	struct jitscope_process p = {.watched = 1};
	struct jitscope_stats stats;
	bool better;
	int err = 0;

	bpf_map__lookup_elem(s->bpf->maps.processes, &pid, sizeof(pid), &p, sizeof(p), 0);
	if (p.instance > snap->instance)
		return 0; /* the process went on to another program, which counts */
	better = jitscope_probe_missed(&p) && snap->counting & JIT_RUNS_MEMORY;
	jitscope_forget_heir(s, (pid_t)pid);
	put_aborts(s, (pid_t)pid, snap);
	/* If the map was full, what found no room is counted already. */
	if (!jitscope_stats(s, &stats) && !stats.map_full)
		err = put_loops(s, (pid_t)pid, snap, !better);
	put_totals(s, pid, snap);
	if ((p.instance == snap->instance && !better) || err)
		return err;
	if (better)
		p.unknown_runs = p.fires_runs = 0;
	p.instance = snap->instance;
	p.last_ns = snap->taken_ns;
	p.runs_since_ns = snap->runs_since_ns;
	p.runs_missed = snap->runs_missed;
	memcpy(p.comm, snap->comm, sizeof(p.comm));
	memcpy(p.jitdriver, snap->jitdriver, sizeof(p.jitdriver));
	return bpf_map__update_elem(s->bpf->maps.processes, &pid, sizeof(pid), &p, sizeof(p),
				    BPF_ANY);
}

int jitscope_add_region_file(jitscope_session *s, const char *path)
{
	struct jitscope_snapshot *snap;
	int err = jitscope_region_file_snapshot(path, &snap);

	if (err)
		return err;
	if (s->ring)
		ring_buffer__consume(s->ring); /* that it was forked, or has ended, comes before */
	if (!snap->inherited)
		err = add_rest(s, pid_of(s, snap), snap);
	jitscope_snapshot_free(snap);
	return err ? jitscope_fail(err, "cannot add %s to the maps: %s", path, strerror(-err)) : 0;
}
