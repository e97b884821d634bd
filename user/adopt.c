/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adopt.c - what a session that was killed knew of processes that are no more.
 *
 * Its maps live on as pins. The processes that live are looked at anew, as when any
 * session begins. But what is known of the dead stands there and nowhere else: the
 * session that comes next, and is to keep the dead for a time as well, takes their rows
 * into its own maps before it removes the pins, and their run-count maps as they are.
 * Who died while nobody looked counts as having ended now, and as incomplete.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jitscope.skel.h"
#include "runs.h"

struct dead {
	uint32_t pid;
	uint64_t start_ticks, instance;
};

struct adoption {
	struct jitscope_session *s;
	const char *dir; /* of the pins */
	struct dead *dead;
	size_t n;
};

static int by_pid(const void *a, const void *b)
{
	const struct dead *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static const struct dead *find(const struct adoption *a, uint32_t pid)
{
	const struct dead key = {.pid = pid};

	return a->n ? bsearch(&key, a->dead, a->n, sizeof(key), by_pid) : NULL;
}

/* ---- Rows -------------------------------------------------------------------------- */

/* The pin that was made for a map like this one; a negative errno: there is none. */
static int open_pin(const struct adoption *a, const struct bpf_map *map)
{
	char path[600];
	int fd;

	jitscope_map_path(path, a->dir, map);
	fd = bpf_obj_get(path);
	if (fd >= 0 && !jitscope_is_same_kind(fd, map)) {
		close(fd);
		return -EPROTO;
	}
	return fd;
}

static int read_pin(const struct adoption *a, const struct bpf_map *map, struct map_rows *rows)
{
	int fd = open_pin(a, map), err;

	if (fd < 0)
		return fd;
	err = jitscope_read_map_fd(fd, bpf_map__key_size(map), bpf_map__value_size(map), rows);
	close(fd);
	return err;
}

static void put(struct adoption *a, const struct bpf_map *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY))
		jitscope_rows_lost(a->s, (pid_t)(*(const uint32_t *)key), 1);
}

static int adopt_processes(struct adoption *a)
{
	struct bpf_map *map = a->s->bpf->maps.processes;
	struct map_rows rows;
	int err = read_pin(a, map, &rows);

	if (err)
		return err;
	a->dead = calloc(rows.n + 1, sizeof(*a->dead));
	for (size_t i = 0; a->dead && i < rows.n; i++) {
		uint32_t pid = jitscope_row_pid(&rows, i);
		struct jitscope_process p;
		bool unseen;

		memcpy(&p, jitscope_row_value(&rows, i), sizeof(p));
		unseen = p.alive;
		if (!p.instance || !jitscope_has_ended((pid_t)pid, p.start_ticks))
			continue;
		if (unseen) {
			p.alive = 0;
			p.last_ns = jitscope_now();
		}
		put(a, map, &pid, &p);
		if (unseen)
			jitscope_mark_unseeded(a->s, (pid_t)pid);
		a->dead[a->n++] = (struct dead){pid, p.start_ticks, p.instance};
	}
	jitscope_free_rows(&rows);
	if (!a->dead)
		return -ENOMEM;
	qsort(a->dead, a->n, sizeof(*a->dead), by_pid);
	return 0;
}

/* Of a map that has a row for each process (`of_all`), or rows with instances. */
static void adopt_rows(struct adoption *a, const struct bpf_map *map, bool of_all)
{
	struct map_rows rows;

	if (read_pin(a, map, &rows))
		return;
	for (size_t i = 0; i < rows.n; i++) {
		const struct dead *dead = find(a, jitscope_row_pid(&rows, i));

		if (dead && (of_all || dead->instance == jitscope_row_instance(&rows, i)))
			put(a, map, jitscope_row_key(&rows, i), jitscope_row_value(&rows, i));
	}
	jitscope_free_rows(&rows);
}

/* ---- Run counts ---------------------------------------------------------------------- */

/* They wait in the session until it can give maps itself. */
static void keep_run_pins(struct adoption *a)
{
	struct jitscope_session *s = a->s;

	s->adopted = calloc(a->n + 1, sizeof(*s->adopted));
	for (size_t i = 0; s->adopted && i < a->n; i++) {
		const struct dead *dead = &a->dead[i];
		char path[600];
		int fd;

		snprintf(path, sizeof(path), "%s/loop_run_times/%u", a->dir, dead->pid);
		fd = bpf_obj_get(path);
		if (fd >= 0)
			s->adopted[s->n_adopted++] =
				(struct adopted){(pid_t)dead->pid, fd, dead->start_ticks,
						 dead->instance};
	}
}

/* Whose it was is not known any more: it is charged to root. */
static bool make_run_map(const struct adopted *from, struct run_map *out)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(from->fd, &info, &size) || info.type != BPF_MAP_TYPE_ARRAY ||
	    info.value_size != sizeof(struct jit_run) || !(info.map_flags & BPF_F_MMAPABLE))
		return false;
	*out = (struct run_map){
		.pid = from->pid,
		.start_ticks = from->start_ticks,
		.instance = from->instance,
		.ended_ns = jitscope_now(),
		.slots = info.max_entries,
		.id = info.id,
		.fd = from->fd,
		.counts = mmap(NULL, info.max_entries * sizeof(struct jit_run),
			       PROT_READ | PROT_WRITE, MAP_SHARED, from->fd, 0),
	};
	return out->counts != MAP_FAILED;
}

void jitscope_adopt_runs(struct jitscope_session *s, struct jitscope_runs *r)
{
	for (size_t i = 0; i < s->n_adopted; i++) {
		struct run_map m;

		if (!r || !make_run_map(&s->adopted[i], &m))
			close(s->adopted[i].fd);
		else
			jitscope_runs_add(r, &m);
	}
	free(s->adopted);
	s->adopted = NULL;
	s->n_adopted = 0;
}

/* ---- All of it -------------------------------------------------------------------------- */

void jitscope_adopt(struct jitscope_session *s, const char *dir)
{
	struct adoption a = {.s = s, .dir = dir};

	if (!adopt_processes(&a) && a.n) {
		adopt_rows(&a, s->bpf->maps.counters, true);
		adopt_rows(&a, s->bpf->maps.counter_times, true);
		adopt_rows(&a, s->bpf->maps.unseeded, true);
		adopt_rows(&a, s->bpf->maps.loops, false);
		adopt_rows(&a, s->bpf->maps.aborts, false);
		adopt_rows(&a, s->bpf->maps.flushes, false);
		adopt_rows(&a, s->bpf->maps.last_runs, false);
		if (s->options.count == JITSCOPE_COUNT_MEMORY)
			keep_run_pins(&a);
		s->sweep_wanted = true; /* what was put there is to be counted */
	}
	free(a.dead);
}
