/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf_map.c - /tmp/perf-PID.map: names of compiled traces for perf and bpftrace.
 *
 * One line for each piece of code, as they are made: address and size in hexadecimal,
 * then the name. "jitlua trace 1 prog.lua:3" is a trace with the stubs of its guards;
 * "jitlua trace 1 exit 3 prog.lua:3" what leads from that exit into a bridge; "jitlua
 * entry" what all traces share. The file belongs to the process, not
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

typedef struct perf_map {
	Listener listener;
	pid_t pid; /* in whose map all code is named that this Jit had; 0: none */
} PerfMap;

static void write_name(const void *at, size_t size, const char *name)
{
	char line[JIT_GREENKEY_LEN + 96];
	int n = snprintf(line, sizeof(line), "%lx %zx jitlua %s\n", (unsigned long)(uintptr_t)at,
			 size, name);

	/* A disk that is full is no reason to stop the program. */
	if (write(map.fd, line, (size_t)n) < 0)
		return;
}

/* A piece of t, NULL: its first code. */
static void write_code(const Trace *t, const CodePiece *piece)
{
	char place[JIT_GREENKEY_LEN], name[JIT_GREENKEY_LEN + 64];

	if (!t->code || !t->code_size)
		return;
	listen_place(t, place);
	snprintf(name, sizeof(name), "trace %u%s%s %s", t->number, piece ? " " : "",
		 piece ? piece->what : "", place);
	write_name(piece ? piece->at : t->code, piece ? piece->size : t->code_size, name);
}

static void write_trace(const Jit *jit, const Trace *t)
{
	CodePiece piece;

	write_code(t, NULL);
	for (unsigned n = 0; jit->backend->piece && jit->backend->piece(jit, t, n, &piece); n++)
		write_code(t, &piece);
}

/*
 * Opens the map, with all that jit has but t in it, if this is the first that is told: or
 * the first after a fork, for the child has the code of its parent. t: NULL, or one that is
 * named next.
 */
static bool begin(PerfMap *p, const Jit *jit, const Trace *t)
{
	CodePiece piece;

	if (open_map())
		return false;
	if (p->pid == getpid())
		return true;
	p->pid = getpid();
	for (unsigned n = 0; jit->backend->piece && jit->backend->piece(jit, NULL, n, &piece); n++)
		write_name(piece.at, piece.size, piece.what);
	for (uint32_t i = 1; i < jit->n_traces; i++)
		if (jit->traces[i] && jit->traces[i] != t)
			write_trace(jit, jit->traces[i]);
	return true;
}

static void compiled(Listener *l, const Jit *jit, const Trace *t, unsigned recorded)
{
	(void)recorded;
	pthread_mutex_lock(&map.lock);
	if (begin((PerfMap *)l, jit, t))
		write_trace(jit, t);
	pthread_mutex_unlock(&map.lock);
}

static void extended(Listener *l, const Jit *jit, const Trace *t)
{
	PerfMap *p = (PerfMap *)l;
	CodePiece last, piece;
	bool known;
	unsigned n = 0;

	while (jit->backend->piece(jit, t, n, &piece)) {
		last = piece;
		n++;
	}
	pthread_mutex_lock(&map.lock);
	known = p->pid == getpid();
	if (n && begin(p, jit, NULL) && known)
		write_code(t, &last);
	pthread_mutex_unlock(&map.lock);
}

static void close_listener(Listener *l)
{
	free(l);
}

int perf_map_start(Jit *jit)
{
	static const ListenerCalls calls = {.compiled = compiled,
					    .extended = extended,
					    .close = close_listener};
	Listener *l;
	int failed;

	for (l = jit->listeners; l; l = l->next)
		if (l->calls == &calls)
			return 0;
	l = calloc(1, sizeof(PerfMap));
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
