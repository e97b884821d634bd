/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ask.c - asks an observer for a map to count loop runs in (abi.h).
 *
 * An observer is root; a process is anybody, and may be a target. So nothing is
 * trusted but what root made and the kernel says:
 *  - the directory is root's, and nobody else can put a socket there;
 *  - who listens at a socket is root (SO_PEERCRED);
 *  - the descriptor is one of an array map, of the size that the reply names,
 *    which can be mapped: /proc says so of the descriptor itself.
 * Sockets are reached through the open directory, so it is the one that was
 * looked at.
 *
 * It runs inside the program's own threads, at moments that the program does not
 * know of. It waits LIMIT_NS in all and no longer, allocates no memory, raises no
 * signal, and leaves no descriptor behind; where a call is refused (no descriptor
 * left, a filter of system calls, no /proc) there is no answer, and that is all.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ask.h"

#define LIMIT_NS 50000000u
#define MAX_FDS 8 /* that a reply is looked through for; one is right */

/* The descriptor's map as <linux/bpf.h> would have it. */
#define MAP_TYPE_ARRAY 2
#define MAP_MMAPABLE (1u << 10) /* Linux 5.5 */

struct asking {
	const struct jit_runs_request *request;
	uint64_t until_ns;
	int dir;
	bool silent; /* somebody who could have answered did not */
};

static int milliseconds_left(const struct asking *a)
{
	uint64_t now = jit_now();

	return now >= a->until_ns ? 0 : (int)((a->until_ns - now + 999999) / 1000000);
}

/* ---- The descriptor ---------------------------------------------------------- */

static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* The number after `name:` at the start of a line; ULONG_MAX if there is none. */
static unsigned long number_in(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == ':')
			return strtoul(line + length + 1, NULL, 0);
	}
	return ULONG_MAX;
}

/* Is it a map of the shape that was promised? Fills in its id. */
static bool is_such_a_map(struct jit_map *map)
{
	static const char kind[] = "anon_inode:bpf-map";
	char path[64], text[1024];
	unsigned long id;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", map->fd);
	n = readlink(path, text, sizeof(text));
	if (n != sizeof(kind) - 1 || memcmp(text, kind, sizeof(kind) - 1) != 0)
		return false;
	snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", map->fd);
	if (!read_text(path, text, sizeof(text)))
		return false;
	id = number_in(text, "map_id");
	map->id = (uint32_t)id;
	return number_in(text, "map_type") == MAP_TYPE_ARRAY && number_in(text, "key_size") == 4 &&
	       number_in(text, "value_size") == sizeof(struct jit_run) &&
	       number_in(text, "max_entries") == map->slots &&
	       number_in(text, "map_flags") != ULONG_MAX &&
	       (number_in(text, "map_flags") & MAP_MMAPABLE) && number_in(text, "frozen") == 0 &&
	       id && id <= UINT32_MAX && map->slots &&
	       map->slots % ((size_t)sysconf(_SC_PAGESIZE) / sizeof(struct jit_run)) == 0;
}

/* ---- One conversation --------------------------------------------------------- */

static bool is_by_root(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) && peer.uid == 0;
}

static int wait_for(struct asking *a, int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, fd < 0 ? 0 : 1, fd < 0 ? 1 : milliseconds_left(a));
	while (n < 0 && errno == EINTR && milliseconds_left(a));
	return n;
}

/* A socket on which somebody who is root will read; or a negative errno. */
static int call(struct asking *a, const char *name)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int n = snprintf(to.sun_path, sizeof(to.sun_path), "/proc/thread-self/fd/%d/%s", a->dir,
			 name);

	if (fd < 0)
		return -errno;
	if (n >= (int)sizeof(to.sun_path)) {
		close(fd);
		return -ENAMETOOLONG;
	}
	/* EAGAIN: more are calling at this moment than may wait. */
	while ((err = connect(fd, (struct sockaddr *)&to, sizeof(to)) ? -errno : 0) &&
	       (err == -EAGAIN || err == -EINTR) && milliseconds_left(a))
		wait_for(a, -1, 0);
	if (!err && !is_by_root(fd))
		err = -ECONNREFUSED; /* nobody whom we talk to */
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Closes all descriptors that came, unless it is one as it ought to be. */
static int take_fds(struct msghdr *message, bool wanted)
{
	int fds[MAX_FDS], n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		    bytes > (MAX_FDS - (size_t)n) * sizeof(int))
			continue;
		memcpy(&fds[n], CMSG_DATA(c), bytes);
		n += (int)(bytes / sizeof(int));
	}
	if (n == 1 && wanted)
		return fds[0];
	while (n)
		close(fds[--n]);
	return -1;
}

/* The reply, and the descriptor with it; false if it is not one. */
static bool hear(int fd, struct jit_runs_reply *reply, int *map)
{
	union {
		char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
		struct cmsghdr aligned;
	} control;
	struct iovec to = {reply, sizeof(*reply)};
	struct msghdr message = {.msg_iov = &to,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	bool good;

	if (n < 0)
		return false;
	good = n == sizeof(*reply) && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	       reply->magic == JIT_RUNS_MAGIC && reply->version == JIT_ABI_VERSION &&
	       reply->size == sizeof(*reply) && reply->session && reply->status <= JIT_RUNS_REFUSED;
	*map = take_fds(&message, good && reply->status == JIT_RUNS_GRANTED);
	return good && (*map >= 0) == (reply->status == JIT_RUNS_GRANTED);
}

/* Asks the observer at one socket; false: it is none, or says nothing of use. */
static bool ask_one(struct asking *a, const char *name, struct jit_answer *answer)
{
	int fd = call(a, name);
	bool heard;

	if (fd < 0) {
		a->silent |= fd != -ECONNREFUSED && fd != -ENOENT;
		return false;
	}
	heard = send(fd, a->request, sizeof(*a->request), MSG_NOSIGNAL) ==
			(ssize_t)sizeof(*a->request) &&
		wait_for(a, fd, POLLIN) > 0 && hear(fd, &answer->reply, &answer->map.fd);
	close(fd);
	if (!heard) {
		a->silent = true;
		return false;
	}
	answer->map.slots = answer->reply.slots;
	if (answer->reply.status != JIT_RUNS_GRANTED || is_such_a_map(&answer->map)) {
		JIT_COPY(answer->name, name);
		return true;
	}
	close(answer->map.fd);
	return false;
}

/* ---- The directory ---------------------------------------------------------------- */

static int open_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) || st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH)) {
		close(fd);
		errno = ENOENT; /* as good as none */
		return -1;
	}
	return fd;
}

static bool took(const struct jit_answer *answer)
{
	return answer->reply.status != JIT_RUNS_REFUSED;
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && !strcmp(name + n - m, end);
}

static bool is_socket_name(const char *name)
{
	return ends_in(name, ".sock") && strlen(name) < JIT_SOCKET_NAME && *name != '.';
}

/*
 * Somebody else than the one who was asked first, of those who watch everything or of
 * those who chose what they watch; the last refusal if all refuse.
 */
static bool ask_others(struct asking *a, const char *first, bool all, struct jit_answer *answer)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct jit_answer next;
	bool heard = false;
	ssize_t n;

	lseek(a->dir, 0, SEEK_SET);
	while ((n = getdents64(a->dir, buffer, sizeof(buffer))) > 0)
		for (ssize_t at = 0; at < n && milliseconds_left(a);) {
			const struct dirent64 *entry = (void *)&buffer[at];

			at += entry->d_reclen;
			if (!is_socket_name(entry->d_name) || !strcmp(entry->d_name, first) ||
			    ends_in(entry->d_name, JIT_RUNS_ALL) != all ||
			    !ask_one(a, entry->d_name, &next))
				continue;
			*answer = next;
			if (took(answer))
				return true;
			heard = true;
		}
	return heard;
}

bool jit_ask(const char *directory, const char *first, const struct jit_runs_request *request,
	     struct jit_answer *answer)
{
	struct asking a = {.request = request, .until_ns = jit_now() + LIMIT_NS};
	bool heard;

	a.dir = open_directory(directory);
	answer->silent = a.dir < 0 && errno != ENOENT;
	if (a.dir < 0)
		return false;
	heard = *first && ask_one(&a, first, answer);
	/* Its own observer may be over a limit, and stays the one that is asked. */
	if (!heard || (answer->reply.status == JIT_RUNS_REFUSED && !answer->reply.slots))
		for (int all = 0; all < 2 && !(heard && took(answer)); all++)
			heard = ask_others(&a, first, all, answer) || heard;
	close(a.dir);
	answer->silent = a.silent;
	return heard;
}
