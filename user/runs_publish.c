/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs_publish.c - the map of maps `loop_run_times`, and the pins.
 *
 * To enter a map there, or to take one out, makes the kernel wait until no BPF
 * program can be using what was there before: some 10 ms, for one as for many.
 * A process that waits for its answer must not wait for that, nor may the
 * session. So a thread does it, as many at a time as there are.
 *
 * What is to be done is told by the list of maps: those not published, and
 * the pids of those that are gone. The thread takes copies under the lock and
 * works without it. It works alone, so what is changed meanwhile comes later.
 *
 * Its third task are ghosts (runs_memory.c): those that the kernel has let go of.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "jitscope.skel.h"
#include "runs.h"

#define BATCH 256
#define GHOSTS_NS 200000000L

struct batch {
	uint32_t pids[BATCH];
	uint32_t fds[BATCH];
	uint32_t n;
};

static const char *pin_dir(const struct jitscope_runs *r)
{
	return r->session->runs_pin_dir;
}

/* ---- What is to be done ------------------------------------------------------------ */

/* Not the pid of a process that has a map by now: its entry takes the old one's place. */
static bool has_map(const struct jitscope_runs *r, uint32_t pid)
{
	for (size_t i = 0; i < r->n_maps; i++)
		if (r->maps[i].pid == (pid_t)pid)
			return true;
	return false;
}

static void take_gone(struct jitscope_runs *r, struct batch *b)
{
	for (b->n = 0; r->n_gone && b->n < BATCH;) {
		uint32_t pid = r->gone[--r->n_gone];

		if (!has_map(r, pid))
			b->pids[b->n++] = pid;
	}
}

/* What has no descriptor to spare stays for the next time. */
static void take_new(struct jitscope_runs *r, struct batch *b)
{
	b->n = 0;
	for (size_t i = 0; i < r->n_maps && b->n < BATCH; i++) {
		struct run_map *m = &r->maps[i];
		int fd = m->published ? -1 : fcntl(m->fd, F_DUPFD_CLOEXEC, 0);

		if (fd < 0)
			continue;
		m->published = true;
		b->pids[b->n] = (uint32_t)m->pid;
		b->fds[b->n++] = (uint32_t)fd;
	}
}

static bool has_work(const struct jitscope_runs *r)
{
	if (r->n_gone)
		return true;
	for (size_t i = 0; i < r->n_maps; i++)
		if (!r->maps[i].published)
			return true;
	return false;
}

/* ---- Doing it ---------------------------------------------------------------------------- */

static void pin_path(char path[600], const struct jitscope_runs *r, uint32_t pid)
{
	snprintf(path, 600, "%s/%u", pin_dir(r), pid);
}

static void pin(const struct jitscope_runs *r, uint32_t pid, int fd)
{
	char path[600];

	if (!*pin_dir(r))
		return;
	pin_path(path, r, pid);
	unlink(path); /* the one that this takes the place of */
	bpf_obj_pin(fd, path);
}

static void unpin(const struct jitscope_runs *r, uint32_t pid)
{
	char path[600];

	if (!*pin_dir(r))
		return;
	pin_path(path, r, pid);
	unlink(path);
}

/* Batches of maps of maps came with 5.17; one by one before. */
static void publish(const struct jitscope_runs *r, struct batch *b)
{
	int outer = bpf_map__fd(r->session->bpf->maps.loop_run_times);
	uint32_t n = b->n;

	if (bpf_map_update_batch(outer, b->pids, b->fds, &n, NULL))
		for (uint32_t i = n < b->n ? n : 0; i < b->n; i++)
			bpf_map_update_elem(outer, &b->pids[i], &b->fds[i], BPF_ANY);
	for (uint32_t i = 0; i < b->n; i++) {
		pin(r, b->pids[i], (int)b->fds[i]);
		close((int)b->fds[i]);
	}
}

static void take_out(const struct jitscope_runs *r, struct batch *b)
{
	int outer = bpf_map__fd(r->session->bpf->maps.loop_run_times);
	uint32_t n = b->n;

	/* Ends at one that is not there. */
	if (bpf_map_delete_batch(outer, b->pids, &n, NULL))
		for (uint32_t i = n < b->n ? n : 0; i < b->n; i++)
			bpf_map_delete_elem(outer, &b->pids[i]);
	for (uint32_t i = 0; i < b->n; i++)
		unpin(r, b->pids[i]);
}

/* ---- The thread ----------------------------------------------------------------------------- */

static void wait_for_work(struct jitscope_runs *r)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += GHOSTS_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (!r->stop && !has_work(r)) {
		if (!r->n_ghosts)
			pthread_cond_wait(&r->work, &r->lock);
		else if (pthread_cond_timedwait(&r->work, &r->lock, &until))
			return;
	}
}

static void *work(void *arg)
{
	struct jitscope_runs *r = arg;
	struct batch gone, new;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		take_gone(r, &gone);
		take_new(r, &new);
		pthread_mutex_unlock(&r->lock);
		if (gone.n)
			take_out(r, &gone);
		if (new.n)
			publish(r, &new);
		pthread_mutex_lock(&r->lock);
		jitscope_lay_ghosts(r);
		wait_for_work(r);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

void jitscope_publisher_wake(struct jitscope_runs *r)
{
	pthread_cond_signal(&r->work);
}

int jitscope_start_thread(pthread_t *thread, void *(*f)(void *arg), void *arg)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(thread, NULL, f, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err ? jitscope_fail(-err, "cannot start a thread: %s", strerror(err)) : 0;
}

int jitscope_publisher_start(struct jitscope_runs *r)
{
	pthread_condattr_t clock;

	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&r->work, &clock);
	pthread_condattr_destroy(&clock);
	return jitscope_start_thread(&r->publisher, work, r);
}

void jitscope_publisher_stop(struct jitscope_runs *r)
{
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->publisher, NULL);
	pthread_cond_destroy(&r->work);
	for (size_t i = 0; i < r->n_maps; i++)
		unpin(r, (uint32_t)r->maps[i].pid);
	for (size_t i = 0; i < r->n_gone; i++)
		unpin(r, r->gone[i]);
}
