/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs_memory.c - whose memory the run-count maps are, and until when.
 *
 * A map that we have let go may live on: the process, or one to which that has
 * passed the descriptor, holds it open or mapped. It is kernel memory on our
 * account, so it is charged to its user as a ghost until the kernel no longer knows
 * it. To ask for a map by its number takes CAP_SYS_ADMIN, which `jitscope serve` has
 * given up; an iterator over all maps (Linux 5.8) takes no more than our programs do.
 * One reading is for all ghosts. Where it cannot be had, a ghost counts for some time.
 *
 * A user may have as much as is free after that: one alone half of all, two a third
 * each, and so on, so that there is always some left for one more. The last part
 * of it is root's, however many users come. As the map of maps has not room for any
 * number either, a small map counts as a part of that.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jitscope.skel.h"
#include "runs.h"

#define ROOTS_PART 16		       /* of all */
#define HAUNT_NS (600 * 1000000000ull) /* that a ghost counts where we cannot ask */
#define LAY_NS 200000000ull	       /* between two looks, */
#define LAY_PART 50		       /* which take this part of our time at most */

/* ---- Shares ------------------------------------------------------------------------ */

static uint64_t bytes_of(const struct run_map *m)
{
	return m->slots * sizeof(struct jit_run);
}

static uint64_t charge(const struct jitscope_runs *r, uint64_t bytes)
{
	return bytes < r->min_charge ? r->min_charge : bytes;
}

/* Of one user, or of all (NULL). */
static uint64_t charged(const struct jitscope_runs *r, const uid_t *uid)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < r->n_maps; i++)
		if (!uid || r->maps[i].uid == *uid)
			bytes += charge(r, bytes_of(&r->maps[i]));
	for (size_t i = 0; i < r->n_ghosts; i++)
		if (!uid || r->ghosts[i].uid == *uid)
			bytes += r->ghosts[i].bytes;
	return bytes;
}

static uint64_t rest(uint64_t of, uint64_t taken)
{
	return of > taken ? of - taken : 0;
}

/* That the user may have in addition. */
static uint64_t left(const struct jitscope_runs *r, uid_t uid)
{
	uint64_t all = charged(r, NULL);

	if (!uid)
		return rest(r->max_bytes, all);
	/* Each byte more is one less that is free. */
	return rest(rest(r->max_bytes - r->max_bytes / ROOTS_PART, all), charged(r, &uid)) / 2;
}

bool jitscope_runs_affordable(const struct jitscope_runs *r, uid_t uid, uint32_t slots)
{
	return charge(r, slots * sizeof(struct jit_run)) <= left(r, uid);
}

bool jitscope_runs_crowded(const struct jitscope_runs *r, uid_t uid)
{
	return left(r, uid) < charged(r, &uid) / 4;
}

uint64_t jitscope_runs_bytes(const struct jitscope_runs *r)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < r->n_maps; i++)
		bytes += bytes_of(&r->maps[i]);
	for (size_t i = 0; i < r->n_ghosts; i++)
		bytes += r->ghosts[i].bytes;
	return bytes;
}

/* ---- Refusals ------------------------------------------------------------------------- */

void jitscope_refusal_add(const struct jitscope_runs *r, struct run_refusal *refusals,
			  const struct run_map *whose)
{
	*refusals = (struct run_refusal){.n = refusals->n + 1,
					 .pid = whose->pid,
					 .uid = whose->uid,
					 .bytes = charged(r, &whose->uid),
					 .all = charged(r, NULL)};
}

static struct run_refusal take_refusals(struct jitscope_runs *r, struct run_refusal *from)
{
	struct run_refusal refusals;

	pthread_mutex_lock(&r->lock);
	refusals = *from;
	from->n = 0;
	pthread_mutex_unlock(&r->lock);
	return refusals;
}

void jitscope_refusals_tell(struct jitscope_runs *r)
{
	struct run_refusal limited = take_refusals(r, &r->limited),
			   failed = take_refusals(r, &r->failed);

	if (limited.n)
		jitscope_tell(r->session, JITSCOPE_TELL_MEMORY,
			      "user %u may have no more memory for maps to count loop runs in (has "
			      "%llu MiB, all users %llu): process %d counts in its own memory",
			      (unsigned)limited.uid, (unsigned long long)limited.bytes >> 20,
			      (unsigned long long)limited.all >> 20, (int)limited.pid);
	if (failed.n)
		jitscope_tell(
			r->session, JITSCOPE_TELL_FAILED,
			"process %d of user %u could not be given a map to count loop runs in "
			"(out of memory or of file descriptors); it counts in its own memory",
			(int)failed.pid, (unsigned)failed.uid);
}

/* ---- Ghosts --------------------------------------------------------------------------- */

void jitscope_ghost_add(struct jitscope_runs *r, const struct run_map *m)
{
	r->ghosts[r->n_ghosts++] = (struct run_ghost){.id = m->id,
						      .bytes = (uint32_t)bytes_of(m),
						      .uid = m->uid,
						      .since_ns = jitscope_now()};
}

/* The numbers of all maps that are like ours, in order; a negative errno: not to be had. */
struct ids {
	uint32_t *list;
	size_t n;
};

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static ssize_t read_some(int fd, struct ids *ids)
{
	uint32_t buffer[1024], *more;
	ssize_t size;

	do
		size = read(fd, buffer, sizeof(buffer));
	while (size < 0 && (errno == EAGAIN || errno == EINTR));
	if (size <= 0)
		return size < 0 ? -errno : 0;
	more = realloc(ids->list, ids->n * sizeof(*more) + (size_t)size);
	if (!more)
		return -ENOMEM;
	ids->list = more;
	memcpy(more + ids->n, buffer, (size_t)size);
	ids->n += (size_t)size / sizeof(*more);
	return size;
}

static int read_ids(const struct bpf_link *iterator, struct ids *ids)
{
	int fd = iterator ? bpf_iter_create(bpf_link__fd(iterator)) : -ENOSYS;
	ssize_t got;

	*ids = (struct ids){NULL, 0};
	if (fd < 0)
		return fd;
	do
		got = read_some(fd, ids);
	while (got > 0);
	close(fd);
	if (got < 0) {
		free(ids->list);
		return (int)got;
	}
	if (ids->n)
		qsort(ids->list, ids->n, sizeof(*ids->list), by_number);
	return 0;
}

static bool exists(const struct run_ghost *ghost, const struct ids *ids)
{
	return ids->n &&
	       bsearch(&ghost->id, ids->list, ids->n, sizeof(ghost->id), by_number) != NULL;
}

void jitscope_lay_ghosts(struct jitscope_runs *r)
{
	uint64_t now = jitscope_now();
	size_t n = r->n_ghosts, kept = 0;
	struct ids ids;
	int err;

	if (!n || now < r->next_lay_ns)
		return;
	pthread_mutex_unlock(&r->lock);
	err = read_ids(r->iterator, &ids);
	r->next_lay_ns = now + LAY_NS + LAY_PART * (jitscope_now() - now);
	pthread_mutex_lock(&r->lock);
	/* Those that came meanwhile stand behind the n and may be younger than the list. */
	for (size_t i = 0; i < r->n_ghosts; i++)
		if (i >= n ||
		    (err ? now < r->ghosts[i].since_ns + HAUNT_NS : exists(&r->ghosts[i], &ids)))
			r->ghosts[kept++] = r->ghosts[i];
	r->n_ghosts = kept;
	if (!err)
		free(ids.list);
}

/* ---- Start and end ------------------------------------------------------------------------- */

void jitscope_runs_memory_open(struct jitscope_runs *r)
{
	const struct jitscope_options *o = &r->session->options;

	r->min_charge = r->max_bytes / bpf_map__max_entries(r->session->bpf->maps.loop_run_times);
	/* The variable is for trying the other way. */
	if (!secure_getenv("JITSCOPE_NO_MAP_ITERATOR"))
		r->iterator =
			bpf_program__attach_iter(r->session->bpf->progs.jit_each_runs_map, NULL);
	if (!r->iterator && o->note)
		o->note(o->ctx,
			"the kernel does not tell which maps are still in use: memory that "
			"processes counted loop runs in is free again only after 10 minutes");
}

void jitscope_runs_memory_close(struct jitscope_runs *r)
{
	bpf_link__destroy(r->iterator);
	free(r->ghosts);
}
