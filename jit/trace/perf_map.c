/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf_map.c - /tmp/perf-PID.map: names of compiled traces for perf and bpftrace.
 *
 * One line for each trace, as they are compiled: address and size in hexadecimal,
 * then the name, "jitlua trace 1 prog.lua:3". The file belongs to the process, not
 * to a Jit: all states of a process write to the same, with one write() for a line.
 * It stays when the process ends, since that is when perf reads it. Nothing can be
 * taken out again: after a flush an address may be named twice, and readers
 * mostly keep one of the two.
 *
 * The name can be guessed and /tmp is everybody's, so the file is made new
 * (O_EXCL), and never follows a link. What an earlier process with the same number
 * left is removed if it is ours. A fork gets a file of its own with its next trace.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "listen.h"

static struct {
	pthread_mutex_t lock;
	int fd;
	pid_t pid; /* of the process that opened fd */
} map = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static int create(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC, 0600);
}

/* A plain file of ours, with no other name: nobody else can be meant by it. */
static bool is_left_over(const char *path)
{
	struct stat s;

	return !lstat(path, &s) && S_ISREG(s.st_mode) && s.st_uid == geteuid() && s.st_nlink == 1;
}

/* Opens the map of this process, with the lock held; 0 or a negative errno. */
static int open_map(void)
{
	pid_t pid = getpid();
	char path[64];
	int fd;

	if (map.fd >= 0 && map.pid == pid)
		return 0;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)pid);
	fd = create(path);
	if (fd < 0 && errno == EEXIST && is_left_over(path) && !unlink(path))
		fd = create(path);
	if (fd < 0)
		return -errno;
	if (map.fd >= 0)
		close(map.fd);
	map.fd = fd;
	map.pid = pid;
	return 0;
}

static void write_trace(const Trace *t)
{
	char place[JIT_GREENKEY_LEN], line[JIT_GREENKEY_LEN + 64];
	int n;

	if (!t->code || !t->code_size)
		return;
	listen_place(t, place);
	n = snprintf(line, sizeof(line), "%lx %zx jitlua trace %u %s\n",
		     (unsigned long)(uintptr_t)t->code, t->code_size, t->number, place);
	/* A disk that is full is no reason to stop the program. */
	if (write(map.fd, line, (size_t)n) < 0)
		return;
}

static void compiled(Listener *l, const Jit *jit, const Trace *t, unsigned recorded)
{
	bool forked;

	(void)l;
	(void)recorded;
	pthread_mutex_lock(&map.lock);
	forked = map.pid != getpid();
	if (!open_map()) {
		/* The child has the code of its parent. */
		for (uint32_t i = 1; forked && i < t->number; i++)
			if (jit->traces[i])
				write_trace(jit->traces[i]);
		write_trace(t);
	}
	pthread_mutex_unlock(&map.lock);
}

static void close_listener(Listener *l)
{
	free(l);
}

int perf_map_start(Jit *jit)
{
	static const ListenerCalls calls = {.compiled = compiled, .close = close_listener};
	Listener *l;
	int failed;

	for (l = jit->listeners; l; l = l->next)
		if (l->calls == &calls)
			return 0;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	pthread_mutex_lock(&map.lock);
	failed = open_map();
	pthread_mutex_unlock(&map.lock);
	if (failed) {
		free(l);
		return failed;
	}
	l->calls = &calls;
	listen_add(jit, l);
	return 0;
}
