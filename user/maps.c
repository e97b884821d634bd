/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * maps.c - whole maps: reading them, and sweeping out what is left over.
 *
 * Batches (kernel 5.6) read a hash some ten times faster than key by key. A
 * map that changes while it is read may show an entry twice or not at all;
 * entries that stay are seen.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../bpf/share.h"
#include "internal.h"
#include "jitscope.skel.h"

#define BATCH 8192

static int reserve(struct map_rows *rows, size_t *capacity, size_t more)
{
	size_t want = *capacity ? *capacity : more;
	char *keys, *values;

	while (want < rows->n + more)
		want *= 2;
	if (want == *capacity)
		return 0;
	keys = reallocarray(rows->keys, want, rows->key_size);
	if (keys)
		rows->keys = keys;
	values = reallocarray(rows->values, want, rows->value_size);
	if (values)
		rows->values = values;
	if (!keys || !values)
		return -ENOMEM;
	*capacity = want;
	return 0;
}

int jitscope_read_map(const struct bpf_map *map, struct map_rows *out)
{
	return jitscope_read_map_fd(bpf_map__fd(map), bpf_map__key_size(map),
				    bpf_map__value_size(map), out);
}

int jitscope_read_map_fd(int fd, size_t key_size, size_t value_size, struct map_rows *out)
{
	size_t capacity = 0, batch = BATCH;
	int err;
	uint32_t in, next; /* a batch position of a hash is a bucket number */
	void *from = NULL;

	memset(out, 0, sizeof(*out));
	out->key_size = key_size;
	out->value_size = value_size;
	for (;;) {
		uint32_t count = (uint32_t)batch;

		err = reserve(out, &capacity, batch);
		if (err)
			break;
		err = bpf_map_lookup_batch(fd, from, &next, out->keys + out->n * out->key_size,
					   out->values + out->n * out->value_size, &count, NULL);
		if (err == -ENOSPC) {
			batch *= 2; /* one bucket holds more than fits */
			continue;
		}
		if (err && err != -ENOENT)
			break;
		out->n += count;
		if (err == -ENOENT)
			return 0;
		in = next;
		from = &in;
	}
	jitscope_free_rows(out);
	return err;
}

void jitscope_free_rows(struct map_rows *rows)
{
	free(rows->keys);
	free(rows->values);
	memset(rows, 0, sizeof(*rows));
}

/* ---- Sweeping ------------------------------------------------------------------------ */

/* How long the figures of a process that has ended are kept, if nothing else is asked for. */
#define KEEP_NS (10 * 1000000000ull)

uint64_t jitscope_keep_ns(const struct jitscope_session *s)
{
	return s->options.keep_ns ? s->options.keep_ns : KEEP_NS;
}

/* What there is to know about an entry's process, and its VM's flushes. */
struct known {
	uint32_t pid;
	uint64_t instance;
	struct rows rows; /* that it keeps */
};

struct flushed {
	uint32_t pid, vm;
	uint64_t instance, flushed_no;
};

struct sweep {
	struct jitscope_session *s;
	struct known *known;
	struct flushed *flushed;
	size_t n_known, n_flushed;
};

static int by_pid(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int by_vm(const void *a, const void *b)
{
	const struct flushed *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->vm > y->vm) - (x->vm < y->vm);
}

/* The pid's entries in the maps that have one for each process. */
static void forget_process(struct jitscope_session *s, uint32_t pid)
{
	bpf_map__delete_elem(s->bpf->maps.processes, &pid, sizeof(pid), 0);
	bpf_map__delete_elem(s->bpf->maps.counters, &pid, sizeof(pid), 0);
	bpf_map__delete_elem(s->bpf->maps.counter_times, &pid, sizeof(pid), 0);
	bpf_map__delete_elem(s->bpf->maps.rows, &pid, sizeof(pid), 0);
	jitscope_unmark_unseeded(s, (pid_t)pid);
	jitscope_runs_forget(s, (pid_t)pid);
}

static int by_time(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/*
 * The dead of before then go. If the map is nearly full they make way for the living, the
 * oldest first, until half of it is free.
 */
static uint64_t forget_before(const struct jitscope_session *s, const struct map_rows *rows)
{
	const struct jitscope_process *p = (void *)rows->values;
	uint64_t now = jitscope_now(), keep = jitscope_keep_ns(s), max, *ends;
	uint64_t before = now > keep ? now - keep : 0;
	size_t n = 0, surplus;

	max = bpf_map__max_entries(s->bpf->maps.processes);
	if (rows->n <= max - max / 4)
		return before;
	ends = calloc(rows->n, sizeof(*ends));
	for (size_t i = 0; ends && i < rows->n; i++)
		if (!p[i].alive)
			ends[n++] = p[i].last_ns;
	surplus = rows->n - max / 2 < n ? rows->n - max / 2 : n;
	if (surplus) {
		qsort(ends, n, sizeof(*ends), by_time);
		if (ends[surplus - 1] + 1 > before)
			before = ends[surplus - 1] + 1;
	}
	free(ends);
	return before;
}

static void forget_processes(struct jitscope_session *s)
{
	struct map_rows rows;
	const struct jitscope_process *p;
	uint64_t before;

	if (jitscope_read_map(s->bpf->maps.processes, &rows))
		return;
	p = (void *)rows.values;
	before = forget_before(s, &rows);
	for (size_t i = 0; i < rows.n; i++)
		if (!p[i].alive && p[i].last_ns < before)
			forget_process(s, jitscope_row_pid(&rows, i));
	jitscope_free_rows(&rows);
}

/* The process whose entry it is; NULL if the pid is another one's now. */
static struct known *current(const struct sweep *w, uint32_t pid, uint64_t instance)
{
	struct known key = {.pid = pid};
	struct known *k = bsearch(&key, w->known, w->n_known, sizeof(key), by_pid);

	return k && k->instance == instance ? k : NULL;
}

/*
 * All processes that there are. To be asked for after the rows were read that are to be
 * held against it, or those of one that has just come would go as nobody's.
 */
static int know_processes(struct sweep *w)
{
	struct sweep before = *w;
	struct map_rows rows;
	int err = jitscope_read_map(w->s->bpf->maps.processes, &rows);
	const struct jitscope_process *p = (void *)rows.values;

	if (err)
		return err;
	w->known = calloc(rows.n + 1, sizeof(*w->known));
	w->n_known = w->known ? rows.n : 0;
	for (size_t i = 0; i < w->n_known; i++) {
		uint32_t pid = jitscope_row_pid(&rows, i);
		const struct known *old =
			before.n_known ? current(&before, pid, p[i].instance) : NULL;

		w->known[i] = (struct known){.pid = pid, .instance = p[i].instance};
		if (old)
			w->known[i].rows = old->rows;
	}
	free(before.known);
	jitscope_free_rows(&rows);
	if (!w->known)
		return -ENOMEM;
	qsort(w->known, w->n_known, sizeof(*w->known), by_pid);
	return 0;
}

/* A map, and the processes that its rows may be of. */
static int read_rows(struct sweep *w, const struct bpf_map *map, struct map_rows *rows)
{
	int err = jitscope_read_map(map, rows);

	if (err)
		return err;
	err = know_processes(w);
	if (err)
		jitscope_free_rows(rows);
	return err;
}

static int know_flushes(struct sweep *w)
{
	struct map_rows rows;
	int err = read_rows(w, w->s->bpf->maps.flushes, &rows);
	const struct jitscope_vm_key *keys = (void *)rows.keys;
	const struct jit_flush *f = (void *)rows.values;

	if (err)
		return err;
	w->flushed = calloc(rows.n + 1, sizeof(*w->flushed));
	for (size_t i = 0; w->flushed && i < rows.n; i++) {
		struct known *of = current(w, keys[i].pid, f[i].instance);

		if (!of) {
			bpf_map__delete_elem(w->s->bpf->maps.flushes, &keys[i], sizeof(keys[i]), 0);
			continue;
		}
		of->rows.flushes++;
		w->flushed[w->n_flushed++] =
			(struct flushed){keys[i].pid, keys[i].vm, f[i].instance, f[i].flushed_no};
	}
	jitscope_free_rows(&rows);
	if (!w->flushed)
		return -ENOMEM;
	qsort(w->flushed, w->n_flushed, sizeof(*w->flushed), by_vm);
	return 0;
}

static bool was_flushed(const struct sweep *w, const void *key, const void *value)
{
	const struct jitscope_loop_key *k = key;
	const struct jit_loop *loop = value;
	struct flushed want = {.pid = k->pid, .vm = loop->vm};
	const struct flushed *f = bsearch(&want, w->flushed, w->n_flushed, sizeof(want), by_vm);

	return f && f->instance == loop->instance && k->no <= f->flushed_no;
}

/* Is the loop no more? What a forked child has freed is known until it has inherited. */
static bool is_gone(const struct sweep *w, const void *key, const void *value)
{
	const struct jitscope_loop_key *k = key;
	const struct jit_loop *loop = value;

	if (loop->type >= JIT_NTYPES)
		return !jitscope_inherits(w->s, (pid_t)k->pid);
	return was_flushed(w, key, value);
}

/* Deletes keys in batches; one that has gone meanwhile ends a batch early. */
static void delete_all(const struct bpf_map *map, const char *keys, size_t key_size, size_t n)
{
	for (size_t at = 0; at < n;) {
		uint32_t count = n - at < BATCH ? (uint32_t)(n - at) : BATCH;

		if (bpf_map_delete_batch(bpf_map__fd(map), keys + at * key_size, &count, NULL))
			count++;
		at += count;
	}
}

/*
 * Takes out the rows of processes that are no more, and of others what is
 * gone (NULL: nothing); counts what each process keeps.
 */
static int sweep_map(struct sweep *w, const struct bpf_map *map,
		     bool (*gone)(const struct sweep *w, const void *key, const void *value),
		     size_t count)
{
	struct map_rows rows;
	int err = read_rows(w, map, &rows);
	size_t n = 0;

	if (err)
		return err;
	ring_buffer__consume(w->s->ring);
	for (size_t i = 0; i < rows.n; i++) {
		struct known *of =
			current(w, jitscope_row_pid(&rows, i), jitscope_row_instance(&rows, i));
		const void *key = jitscope_row_key(&rows, i);

		if (of && !(gone && gone(w, key, jitscope_row_value(&rows, i))))
			++*(__s32 *)((char *)&of->rows + count);
		else
			memmove(rows.keys + n++ * rows.key_size, key, rows.key_size);
	}
	delete_all(map, rows.keys, rows.key_size, n);
	jitscope_free_rows(&rows);
	ring_buffer__consume(w->s->ring);
	return 0;
}

/* What the handlers go by; see bpf/share.h. */
static void tell_rows(const struct sweep *w)
{
	for (size_t i = 0; w->s->loops_share && i < w->n_known; i++)
		bpf_map__update_elem(w->s->bpf->maps.rows, &w->known[i].pid,
				     sizeof(w->known[i].pid), &w->known[i].rows,
				     sizeof(w->known[i].rows), BPF_ANY);
}

void jitscope_make_room(struct jitscope_session *s)
{
	s->n_ended = 0;
	forget_processes(s);
	s->sweep_wanted = true;
}

/*
 * The kernel cannot do this in a handler, since it has no list of the loops of
 * one VM, nor of the entries of one process. A compile between the reading and
 * the deleting has a number of its own, which is not among those deleted.
 */
void jitscope_sweep(struct jitscope_session *s, bool forget)
{
	struct jitscope_bpf *bpf = s->bpf;
	struct sweep w = {.s = s};

	if (forget)
		forget_processes(s);
	if (!know_flushes(&w) &&
	    !sweep_map(&w, bpf->maps.loops, is_gone, offsetof(struct rows, loops)) &&
	    !sweep_map(&w, bpf->maps.aborts, NULL, offsetof(struct rows, aborts)) &&
	    !sweep_map(&w, bpf->maps.last_runs, NULL, offsetof(struct rows, last_runs)))
		tell_rows(&w);
	if (forget)
		jitscope_sweep_unseeded(s);
	jitscope_fill_owner(s); /* the losses may have grown */
	free(w.known);
	free(w.flushed);
}
