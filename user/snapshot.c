/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.c - building a snapshot from the maps.
 *
 * An entry counts if its instance is that of the process, and a loop if no
 * flush of its VM has dropped it since; the sweep removes the rest in time.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"
#include "jitscope.skel.h"

/* After its end a process's map is where all can see it, if it ever is. */
#define PUBLISHED_NS 1000000000ull

void jitscope_snapshot_free(struct jitscope_snapshot *s)
{
	if (!s)
		return;
	free(s->info.loop_run_times);
	free(s->loops);
	free(s->aborts);
	free(s->flushes);
	free(s);
}

static int by_number(const void *a, const void *b)
{
	const struct jitscope_loop *x = a, *y = b;

	return (x->no > y->no) - (x->no < y->no);
}

static int by_count(const void *a, const void *b)
{
	const struct jit_abort *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->hash > y->hash) - (x->hash < y->hash);
}

int jitscope_finish_snapshot(struct jitscope_snapshot *s)
{
	size_t n = 0;

	if (s->n_loops)
		qsort(s->loops, s->n_loops, sizeof(*s->loops), by_number);
	if (s->n_aborts)
		qsort(s->aborts, s->n_aborts, sizeof(*s->aborts), by_count);
	for (size_t i = 0; i < s->n_loops; i++)
		n += s->loops[i].loop.runs > 0;
	/* A VM that counts without being asked says nothing of it. */
	if (n && s->run_source == JITSCOPE_RUNS_NONE)
		s->run_source = JITSCOPE_RUNS_REGION;
	s->info.loop_run_times = calloc(n + 1, sizeof(*s->info.loop_run_times));
	if (!s->info.loop_run_times)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_loops; i++)
		if (s->loops[i].loop.runs)
			s->info.loop_run_times[s->info.n_loop_run_times++] = (struct jit_loop_run){
				.type = "leb"[s->loops[i].loop.type],
				.number = s->loops[i].no,
				.count = s->loops[i].loop.runs,
			};
	return 0;
}

uint64_t jitscope_total_aborts(const struct jit_counters *c)
{
	const __u64 *each = (const __u64 *)c;
	uint64_t n = 0;

	for (unsigned i = 0; i < JIT_NCOUNTERS; i++)
		n += jit_is_abort(i) ? each[i] : 0;
	return n;
}

uint64_t jitscope_total_compiled(const struct jit_counters *c)
{
	return c->TOTAL_COMPILED_LOOPS + c->TOTAL_COMPILED_BRIDGES;
}

/* ---- From the maps --------------------------------------------------------------------- */

void jitscope_drop_rows(struct jitscope_session *s)
{
	jitscope_free_rows(&s->loops);
	jitscope_free_rows(&s->aborts);
	jitscope_free_rows(&s->flushes);
	s->have_rows = false;
}

/* Reads the maps once for the snapshots of many processes. */
static int have_rows(struct jitscope_session *s)
{
	int err = 0;

	if (s->have_rows)
		return 0;
	s->rows_ns = jitscope_now();
	err = jitscope_read_map(s->bpf->maps.flushes, &s->flushes);
	if (!err)
		err = jitscope_read_map(s->bpf->maps.loops, &s->loops);
	if (!err)
		err = jitscope_read_map(s->bpf->maps.aborts, &s->aborts);
	if (err)
		jitscope_drop_rows(s);
	s->have_rows = !err;
	return err;
}

/* Room for all that a process has among the rows. */
static void *room_for(const struct map_rows *rows, pid_t pid, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < rows->n; i++)
		n += jitscope_row_pid(rows, i) == (uint32_t)pid;
	return calloc(n + 1, size);
}

/* Gives each row of the process to f, which takes it if it counts. */
static void each_row(const struct map_rows *rows, struct jitscope_snapshot *s,
		     void (*f)(struct jitscope_snapshot *s, const void *key, const void *value))
{
	for (size_t i = 0; i < rows->n; i++)
		if (jitscope_row_pid(rows, i) == (uint32_t)s->pid &&
		    jitscope_row_instance(rows, i) == s->instance)
			f(s, jitscope_row_key(rows, i), jitscope_row_value(rows, i));
}

static void take_flush(struct jitscope_snapshot *s, const void *key, const void *value)
{
	(void)key;
	memcpy(&s->flushes[s->n_flushes++], value, sizeof(*s->flushes));
}

static bool is_flushed(const struct jitscope_snapshot *s, const struct jitscope_loop_key *key,
		       const struct jit_loop *loop)
{
	for (size_t i = 0; i < s->n_flushes; i++)
		if (s->flushes[i].vm == loop->vm && key->no <= s->flushes[i].flushed_no)
			return true;
	return false;
}

static void take_loop(struct jitscope_snapshot *s, const void *key, const void *value)
{
	const struct jitscope_loop_key *k = key;
	const struct jit_loop *loop = value;

	if (loop->type < JIT_NTYPES && !is_flushed(s, k, loop))
		s->loops[s->n_loops++] = (struct jitscope_loop){.no = k->no, .loop = *loop};
}

static void take_abort(struct jitscope_snapshot *s, const void *key, const void *value)
{
	(void)key;
	memcpy(&s->aborts[s->n_aborts++], value, sizeof(*s->aborts));
}

static int take_tables(const jitscope_session *session, struct jitscope_snapshot *s)
{
	s->flushes = room_for(&session->flushes, s->pid, sizeof(*s->flushes));
	s->loops = room_for(&session->loops, s->pid, sizeof(*s->loops));
	s->aborts = room_for(&session->aborts, s->pid, sizeof(*s->aborts));
	if (!s->flushes || !s->loops || !s->aborts)
		return -ENOMEM;
	/* The flushes first: they say which loops are gone. */
	each_row(&session->flushes, s, take_flush);
	each_row(&session->loops, s, take_loop);
	each_row(&session->aborts, s, take_abort);
	return 0;
}

static void take_process(struct jitscope_snapshot *s, const struct jitscope_process *p)
{
	s->source = JITSCOPE_KERNEL;
	s->alive = p->alive;
	s->complete = true;
	s->instance = p->instance;
	s->start_ns = p->instance; /* an instance is the time it was made */
	s->taken_ns = jitscope_now();
	s->runs_since_ns = p->runs_since_ns;
	s->runs_missed = p->runs_missed;
	memcpy(s->comm, p->comm, sizeof(s->comm) - 1);
	memcpy(s->jitdriver, p->jitdriver, sizeof(s->jitdriver) - 1);
}

bool jitscope_read_head(pid_t pid, uint64_t region, uint64_t instance, struct jit_region *r)
{
	return !jitscope_read_memory(pid, region, r, sizeof(*r)) && r->magic == JIT_ABI_MAGIC &&
	       r->version == JIT_ABI_VERSION && r->size == sizeof(*r) && r->instance == instance;
}

/* Returns whether there were any. */
static bool raise_runs(struct jitscope_snapshot *s, const uint64_t *counts, uint32_t n)
{
	bool any = n && counts[JIT_RUNS_OVERFLOW];

	if (n)
		jitscope_raise(&s->info.overflow_runs, &counts[JIT_RUNS_OVERFLOW], 1);
	for (size_t i = 0; i < s->n_loops; i++) {
		uint64_t runs = jitscope_runs_of(&s->loops[i].loop, counts, n);

		jitscope_raise(&s->loops[i].loop.runs, &runs, 1);
		any |= runs != 0;
	}
	return any;
}

static bool is_ours(const jitscope_session *session, uint64_t runs_session)
{
	return runs_session && runs_session == jitscope_runs_id(session);
}

/*
 * From the map that the process shares with us, if there is one; of a live one even if empty.
 * False: there is none.
 */
static bool take_shared_runs(jitscope_session *session, struct jitscope_snapshot *s, bool live)
{
	uint64_t *counts;
	uint32_t n;

	if (!jitscope_runs_copy(session, s->pid, s->instance, &counts, &n))
		return false;
	if (raise_runs(s, counts, n) || live)
		s->run_source = JITSCOPE_RUNS_KERNEL;
	free(counts);
	return true;
}

/*
 * Of a process that counted in our map. The session gives it before it enters it where other
 * commands look (runs_publish.c), so these wait for it if the process ended just now.
 */
static bool take_given_runs(jitscope_session *session, struct jitscope_snapshot *s,
			    const struct jitscope_process *p)
{
	static const struct timespec nap = {.tv_nsec = 10000000};

	while (!take_shared_runs(session, s, false))
		if (jitscope_now() > p->last_ns + PUBLISHED_NS || nanosleep(&nap, NULL))
			return false;
	return true;
}

/*
 * From the memory of a process that lives: that has besides what is not in the map (yet),
 * and all, if it counts in the map of another session. What is in our map then is old.
 */
static void take_live_runs(jitscope_session *session, struct jitscope_snapshot *s, uint64_t region,
			   const struct jit_region *r)
{
	uint64_t *counts = jitscope_region_runs(s->pid, region, r);

	s->run_source = jitscope_region_run_source(r);
	if (counts)
		raise_runs(s, counts, r->runs.used);
	if (is_ours(session, r->runs_session))
		take_shared_runs(session, s, true);
	else if (counts)
		jitscope_saw_runs(session, s->pid, s->instance, counts, r->runs.used);
	free(counts);
}

/*
 * Of a process whose memory is gone, or another program's: what was kept of it is all. Else
 * there is its map, and if it did not count there, what somebody saw last.
 */
static void take_left_runs(jitscope_session *session, struct jitscope_snapshot *s,
			   const struct jitscope_process *p)
{
	uint64_t end_ns = p->alive ? s->taken_ns : p->last_ns, seen_ns;

	if (p->runs_kept) {
		if (jitscope_last_runs(session, s, false) || p->counting)
			s->run_source =
				p->runs_session ? JITSCOPE_RUNS_KERNEL : JITSCOPE_RUNS_REGION;
		return;
	}
	if (is_ours(session, p->runs_session)) {
		if (take_given_runs(session, s, p))
			return;
	} else {
		take_shared_runs(session, s, false);
	}
	seen_ns = jitscope_last_runs(session, s, true);
	if (!seen_ns && !p->counting)
		return;
	seen_ns = seen_ns ? seen_ns : s->start_ns;
	s->runs_missing_ns = end_ns > seen_ns ? end_ns - seen_ns : 1;
	s->complete = false;
	if (!p->runs_session)
		s->run_source = JITSCOPE_RUNS_REGION;
}

/* Better than the probe: then its own counts are taken. */
static bool counts_better(struct jitscope_snapshot *s, const struct jitscope_process *p,
			  uint32_t counting)
{
	if (!jitscope_probe_missed(p) || !(counting & JIT_RUNS_MEMORY))
		return false;
	for (size_t i = 0; i < s->n_loops; i++)
		s->loops[i].loop.runs = 0;
	s->stats.unknown_loop = 0;
	return true;
}

/* False: its memory could not be read. */
static bool refresh(jitscope_session *session, struct jitscope_snapshot *s,
		    const struct jitscope_process *p)
{
	bool there = p->alive && p->region && p->start_ticks == jitscope_start_ticks(s->pid);
	bool by_probe = p->fires_runs;
	struct jit_region r;

	there = there && jitscope_read_head(s->pid, p->region, s->instance, &r);
	/* Counters and times can change without an event. */
	if (there) {
		s->counting = r.counting;
		s->runs_session = r.runs_session;
		s->runs_since_ns = r.event.runs_since_ns;
		s->runs_missed = r.event.runs_missed;
		jitscope_raise(&s->info.counters, &r.event.totals.counters, JIT_NCOUNTERS);
		jitscope_raise(&s->info.counter_times, &r.event.totals.times, JIT_NTIMES);
	}
	if (by_probe && counts_better(s, p, there ? r.counting : p->runs_kept ? p->counting : 0))
		by_probe = false;
	if (by_probe)
		s->run_source = JITSCOPE_RUNS_PROBE;
	else if (there)
		take_live_runs(session, s, p->region, &r);
	else
		take_left_runs(session, s, p);
	return there;
}

/* What another process has lost or garbled by itself is not missing here. */
static bool is_complete(jitscope_session *session, const struct jitscope_snapshot *s,
			const struct jitscope_process *p)
{
	return !s->stats.busy && !s->lost && !p->bad && !jitscope_is_unseeded(session, s->pid, p);
}

/* Of a process that has just ended the rest may be on its way, and is shown but once. */
static void settle(jitscope_session *session, pid_t pid, uint64_t ended_ns)
{
	if (session->ring)
		ring_buffer__consume(session->ring);
	if (ended_ns > session->rows_ns)
		jitscope_drop_rows(session);
	if (!jitscope_is_heir(session, pid))
		return;
	jitscope_inherit(session);
	jitscope_drop_rows(session);
}

static bool look_up(jitscope_session *session, pid_t pid, struct jitscope_process *p)
{
	uint32_t key = (uint32_t)pid;

	return !bpf_map__lookup_elem(session->bpf->maps.processes, &key, sizeof(key), p, sizeof(*p),
				     0);
}

/* *gone: it has ended since we looked, and what it did last may be missing. */
static int make_snapshot(jitscope_session *session, pid_t pid, struct jitscope_snapshot **out,
			 bool *gone)
{
	struct jitscope_process p, now;
	uint32_t key = (uint32_t)pid;
	struct jitscope_bpf *bpf = session->bpf;
	struct jitscope_snapshot *s;
	int err;

	*out = NULL;
	*gone = false;
	if (!look_up(session, pid, &p) || !p.instance)
		return jitscope_fail(-ENOENT, "nothing was seen of process %d", pid);
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->pid = pid;
	take_process(s, &p);
	bpf_map__lookup_elem(bpf->maps.counters, &key, sizeof(key), &s->info.counters,
			     sizeof(s->info.counters), 0);
	bpf_map__lookup_elem(bpf->maps.counter_times, &key, sizeof(key), &s->info.counter_times,
			     sizeof(s->info.counter_times), 0);
	if (!p.alive)
		settle(session, pid, p.last_ns);
	err = have_rows(session);
	if (!err)
		err = take_tables(session, s);
	if (!err)
		err = jitscope_stats(session, &s->stats);
	s->stats.unknown_loop = p.unknown_runs;
	if (!err && !refresh(session, s, &p))
		*gone = p.alive && look_up(session, pid, &now) && !now.alive;
	if (!err)
		err = jitscope_finish_snapshot(s);
	if (err) {
		jitscope_snapshot_free(s);
		return jitscope_fail(err, "cannot read the maps: %s", strerror(-err));
	}
	s->lost = p.refused;
	s->complete &= is_complete(session, s, &p);
	*out = s;
	return 0;
}

int jitscope_snapshot(jitscope_session *session, pid_t pid, struct jitscope_snapshot **out)
{
	bool gone;
	int err = make_snapshot(session, pid, out, &gone);

	if (err || !gone)
		return err;
	jitscope_snapshot_free(*out);
	return make_snapshot(session, pid, out, &gone);
}

int jitscope_stats(jitscope_session *session, struct jitscope_stats *out)
{
	int cpus = libbpf_num_possible_cpus(), err;
	uint64_t *sum = (uint64_t *)out;
	struct jitscope_stats *each;
	uint32_t zero = 0;

	memset(out, 0, sizeof(*out));
	if (cpus <= 0)
		return -EINVAL;
	each = calloc((size_t)cpus, sizeof(*each));
	if (!each)
		return -ENOMEM;
	err = bpf_map__lookup_elem(session->bpf->maps.stats, &zero, sizeof(zero), each,
				   (size_t)cpus * sizeof(*each), 0);
	for (int i = 0; !err && i < cpus; i++)
		for (size_t j = 0; j < sizeof(*out) / sizeof(*sum); j++)
			sum[j] += ((const uint64_t *)&each[i])[j];
	out->map_full += session->seed_lost;
	out->read_fault += session->seed_failed;
	free(each);
	return err;
}

int jitscope_pids(jitscope_session *session, pid_t **pids, size_t *n)
{
	struct map_rows rows;
	int err = jitscope_read_map(session->bpf->maps.processes, &rows);
	const struct jitscope_process *p = (void *)rows.values;

	*pids = NULL;
	*n = 0;
	if (err)
		return jitscope_fail(err, "cannot read the maps: %s", strerror(-err));
	*pids = calloc(rows.n + 1, sizeof(**pids));
	for (size_t i = 0; *pids && i < rows.n; i++)
		if (p[i].instance && jitscope_reader_keeps(session, &p[i]))
			(*pids)[(*n)++] = (pid_t)((const uint32_t *)rows.keys)[i];
	jitscope_free_rows(&rows);
	return *pids ? 0 : -ENOMEM;
}
