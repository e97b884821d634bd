/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs_server.c - the socket at which processes ask for their run-count maps.
 *
 * Anybody may connect, so anybody may try to be in the way. The thread does
 * nothing that waits for a peer. A connection is for one request: it is read
 * as soon as it is there, answered and closed; with none it is closed after a
 * second, or earlier if its user, or all together, have too many, or we have no
 * descriptor left: then the oldest goes, for who means well sends at once. A user who connects too
 * often in one second is cut off without being heard for the rest of it. Who
 * it is says the kernel (SO_PEERCRED), as of the moment of connect(); a request may
 * come when that process has ended, from another that has the connection, and the
 * pid be a third one's. So it is asked for only where the process is still there,
 * with the rights that it had.
 *
 * The socket lies in a directory that nobody but root may write to, since that
 * is all that tells a process whom it talks to.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runs.h"

#ifndef SO_PEERPIDFD /* since Linux 6.5 */
#define SO_PEERPIDFD 77
#endif

#define MAX_CONNECTIONS 512
#define MAX_ACCEPTS 64		  /* between two looks at the connections */
#define PATIENCE_NS 1000000000ull /* for a request */
#define MAX_PER_SECOND 4000	  /* connections of one user but root */
#define USERS 64		  /* whose rates are known */
#define PRIORITY (-5)		  /* nice */
#define MAX_SESSIONS 1000	  /* that have numbers of their own */
#define LOCK_MS 200
#define PEEK_MS 100 /* when there is no descriptor for a connection */

struct connection {
	int fd;
	struct run_peer peer;
	uint64_t since_ns;
};

struct rate {
	uid_t uid;
	uint32_t n;
	uint64_t since_ns;
};

struct runs_server {
	struct jitscope_runs *runs;
	pthread_t thread;
	char path[108], dir[96];
	int listener, wake;
	int spare; /* a descriptor for a connection when there is no other; -1: in use */
	/* The oldest first. */
	struct connection connections[MAX_CONNECTIONS];
	size_t n, max;
	struct rate rates[USERS];
	bool short_of_fds;
};

enum outcome { BAD_REQUEST, TOO_SLOW, TOO_OFTEN };

static void count(struct runs_server *v, enum outcome what)
{
	struct jitscope_run_stats *stats = &v->runs->stats;

	pthread_mutex_lock(&v->runs->lock);
	switch (what) {
	case BAD_REQUEST:
		stats->bad_request++;
		break;
	case TOO_SLOW:
		stats->too_slow++;
		break;
	case TOO_OFTEN:
		stats->too_often++;
		break;
	}
	pthread_mutex_unlock(&v->runs->lock);
}

/* ---- One request ----------------------------------------------------------------- */

static bool send_reply(int to, const struct jit_runs_reply *reply, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)reply, sizeof(*reply)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(*reply);
}

/* The process that connected, not one that got its pid after it. */
static bool is_still_there(const struct connection *c, uint64_t start_ticks)
{
	struct pollfd p = {.events = POLLIN};
	socklen_t size = sizeof(p.fd);
	bool ended;

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERPIDFD, &p.fd, &size))
		return errno == ENOPROTOOPT && start_ticks == c->peer.start_ticks &&
		       jitscope_alive(c->peer.pid); /* before Linux 6.5 */
	ended = poll(&p, 1, 0) != 0;
	close(p.fd);
	return !ended;
}

static struct run_peer peer_of(const struct connection *c)
{
	struct run_peer peer = c->peer;
	uid_t uid;

	peer.start_ticks = jitscope_start_ticks(peer.pid);
	/* At last, so that it holds for what was read before. */
	if (!jitscope_euid(peer.pid, &uid) || uid != peer.uid ||
	    !is_still_there(c, peer.start_ticks))
		peer.start_ticks = 0;
	return peer;
}

static void answer(struct runs_server *v, const struct connection *c,
		   const struct jit_runs_request *request)
{
	struct run_peer peer = peer_of(c);
	struct jit_runs_reply reply = {
		.magic = JIT_RUNS_MAGIC,
		.version = JIT_ABI_VERSION,
		.size = sizeof(reply),
	};
	bool heard;
	int fd;

	jitscope_runs_answer(v->runs, &peer, request, &reply, &fd);
	heard = send_reply(c->fd, &reply, fd);
	if (fd >= 0) {
		jitscope_runs_delivered(v->runs, &peer, heard);
		close(fd);
	}
}

/*
 * False: there is nothing to read yet. Descriptors that come along are dropped
 * by the kernel, as there is no room given for them.
 */
static bool serve(struct runs_server *v, const struct connection *c)
{
	struct jit_runs_request request;
	ssize_t n = recv(c->fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n != (ssize_t)sizeof(request) || request.magic != JIT_RUNS_MAGIC ||
	    request.version != JIT_ABI_VERSION || request.size != sizeof(request))
		count(v, BAD_REQUEST);
	else
		answer(v, c, &request);
	return true;
}

/* ---- Connections ----------------------------------------------------------------------- */

/* Of the descriptors the most is for those whom we watch. */
static size_t max_connections(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= 4 * MAX_CONNECTIONS)
		return MAX_CONNECTIONS;
	return files.rlim_cur < 8 ? 2 : (size_t)files.rlim_cur / 4;
}

static int open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void close_connection(struct runs_server *v, int fd)
{
	close(fd);
	if (v->spare < 0)
		v->spare = open_spare();
}

static void drop(struct runs_server *v, size_t i)
{
	close_connection(v, v->connections[i].fd);
	memmove(&v->connections[i], &v->connections[i + 1], (--v->n - i) * sizeof(*v->connections));
}

/* The oldest one goes: of the same user if that has its share, else of all. */
static void make_room(struct runs_server *v, uid_t uid)
{
	size_t own = 0, oldest = 0;

	for (size_t i = v->n; i-- > 0;)
		if (v->connections[i].peer.uid == uid) {
			own++;
			oldest = i;
		}
	if (own < v->max / 2 && v->n < v->max)
		return;
	drop(v, own < v->max / 2 ? 0 : oldest);
	count(v, TOO_SLOW);
}

/* May the user be heard? Of more users than there is room for the oldest is forgotten. */
static bool is_in_time(struct runs_server *v, uid_t uid, uint64_t now)
{
	struct rate *rate = NULL, *oldest = v->rates;

	for (size_t i = 0; i < USERS && !rate; i++) {
		if (v->rates[i].since_ns && v->rates[i].uid == uid)
			rate = &v->rates[i];
		if (v->rates[i].since_ns < oldest->since_ns)
			oldest = &v->rates[i];
	}
	if (!rate || now - rate->since_ns > 1000000000u) {
		rate = rate ? rate : oldest;
		*rate = (struct rate){.uid = uid, .since_ns = now};
	}
	return !uid || ++rate->n <= MAX_PER_SECOND;
}

/*
 * Who asks waits for an answer, and must not wait because we have no descriptor left. The
 * spare one is for that; if it is in use already, the oldest connection has had its time.
 */
static bool free_descriptor(struct runs_server *v)
{
	if (v->spare < 0 && v->n) {
		drop(v, 0);
		count(v, TOO_SLOW);
	}
	if (v->spare < 0)
		return false;
	close(v->spare);
	v->spare = -1;
	return true;
}

static bool is_waited_for(const struct runs_server *v)
{
	struct pollfd p = {.fd = v->listener, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* accept() looks for a descriptor first, and only then if there is anybody. */
static int accept_any(struct runs_server *v)
{
	int fd;

	do
		fd = accept4(v->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && (errno == EMFILE || errno == ENFILE) && is_waited_for(v) &&
	       free_descriptor(v));
	return fd;
}

/* False: there is none waiting, or no descriptor for it. */
static bool accept_one(struct runs_server *v)
{
	int fd = accept_any(v);
	struct connection *c;
	struct ucred who;
	socklen_t size = sizeof(who);
	uint64_t now = jitscope_now();

	if (fd < 0) {
		v->short_of_fds = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
		return errno == ECONNABORTED || errno == EINTR;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) || who.pid <= 0) {
		close_connection(v, fd);
		return true;
	}
	if (!is_in_time(v, who.uid, now)) {
		count(v, TOO_OFTEN);
		close_connection(v, fd);
		return true;
	}
	make_room(v, who.uid);
	c = &v->connections[v->n++];
	*c = (struct connection){.fd = fd,
				 .peer = {who.pid, who.uid, jitscope_start_ticks(who.pid)},
				 .since_ns = now};
	if (serve(v, c))
		drop(v, v->n - 1);
	return true;
}

/* Those whose request is there, and those who have had their time. */
static void look_at(struct runs_server *v, const struct pollfd *ready)
{
	uint64_t now = jitscope_now();

	for (size_t i = v->n; i-- > 0;) {
		if (ready[i].revents && serve(v, &v->connections[i])) {
			drop(v, i);
		} else if (now - v->connections[i].since_ns > PATIENCE_NS) {
			drop(v, i);
			count(v, TOO_SLOW);
		}
	}
}

/* ---- The thread -------------------------------------------------------------------------- */

/* Until the oldest connection has had its time; -1: there is none. */
static int timeout_ms(const struct runs_server *v)
{
	uint64_t now = jitscope_now(), end;

	if (v->short_of_fds)
		return PEEK_MS;
	if (!v->n)
		return -1;
	end = v->connections[0].since_ns + PATIENCE_NS;
	return end > now ? (int)((end - now) / 1000000) + 1 : 0;
}

static void nap(void)
{
	const struct timespec moment = {.tv_nsec = PEEK_MS * 1000000};

	nanosleep(&moment, NULL);
}

static void *run(void *arg)
{
	struct runs_server *v = arg;
	struct pollfd fds[MAX_CONNECTIONS + 2];

	/* Who asks waits 50 ms, a machine may be busy. Of this thread alone; or not at all. */
	setpriority(PRIO_PROCESS, (id_t)gettid(), PRIORITY);
	for (;;) {
		fds[0] = (struct pollfd){.fd = v->wake, .events = POLLIN};
		/* Without a descriptor to spare the listener would be ready for ever. */
		fds[1] =
			(struct pollfd){.fd = v->short_of_fds ? -1 : v->listener, .events = POLLIN};
		for (size_t i = 0; i < v->n; i++)
			fds[2 + i] = (struct pollfd){.fd = v->connections[i].fd, .events = POLLIN};
		if (poll(fds, 2 + v->n, timeout_ms(v)) < 0) {
			nap(); /* no memory */
			continue;
		}
		if (fds[0].revents)
			return NULL;
		look_at(v, fds + 2);
		if (fds[1].revents || v->short_of_fds) {
			v->short_of_fds = false;
			for (int i = 0; i < MAX_ACCEPTS && accept_one(v); i++)
				;
		}
	}
}

/* ---- The socket --------------------------------------------------------------------------------
 */

int jitscope_check_runs_dir(const char *dir)
{
	struct stat st;

	if (lstat(dir, &st))
		return jitscope_fail(-errno, "cannot look at %s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode) || st.st_uid || st.st_mode & (S_IWGRP | S_IWOTH))
		return jitscope_fail(-EPERM,
				     "%s must be a directory of root's that nobody else may write "
				     "to, for processes to trust what is in it",
				     dir);
	return 0;
}

/* Is it PID.N.sock, or with JIT_RUNS_ALL? */
static bool parse_name(const char *name, pid_t *pid, unsigned long *n)
{
	char *end;

	if (*name < '0' || *name > '9')
		return false;
	*pid = (pid_t)strtol(name, &end, 10);
	if (*pid <= 0 || end[0] != '.' || end[1] < '0' || end[1] > '9')
		return false;
	*n = strtoul(end + 1, &end, 10);
	return !strcmp(end, ".sock") || !strcmp(end, JIT_RUNS_ALL);
}

/* The lowest number that no session has; what those that were killed left goes. */
static unsigned free_number(int dir)
{
	bool taken[MAX_SESSIONS] = {false};
	struct dirent *entry;
	unsigned n = 0;
	DIR *d = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 0));

	while (d && (entry = readdir(d))) {
		unsigned long number;
		pid_t pid;

		if (!parse_name(entry->d_name, &pid, &number))
			continue;
		if (kill(pid, 0) && errno == ESRCH)
			unlinkat(dir, entry->d_name, 0);
		else if (number < MAX_SESSIONS)
			taken[number] = true;
	}
	if (d)
		closedir(d);
	while (n < MAX_SESSIONS - 1 && taken[n])
		n++;
	return n;
}

/*
 * Sessions that start together take their numbers one after the other. Anybody can
 * hold this lock, so we wait a moment and no longer.
 */
static int lock_dir(const char *dir)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i < LOCK_MS && flock(fd, LOCK_EX | LOCK_NB); i++)
		nanosleep(&moment, NULL);
	return fd;
}

bool jitscope_runs_dir_is_closed(const char *dir)
{
	struct stat st;

	return !stat(dir, &st) && (st.st_mode & 0005) != 0005;
}

/* What we have just made is for all to look into, whatever our umask says. */
static void open_to_all(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_uid == geteuid())
		fchmod(fd, 0755);
	close(fd);
}

static int make_dir(const char *dir)
{
	if (!mkdir(dir, 0755))
		open_to_all(dir);
	else if (errno != EEXIST)
		return jitscope_fail(-errno, "cannot make %s: %s", dir, strerror(errno));
	return jitscope_check_runs_dir(dir);
}

/* Somebody else made it, who may have meant it: that is not ours to change. */
static void warn_of_closed_dir(const struct jitscope_runs *r, const char *dir)
{
	const struct jitscope_options *o = &r->session->options;
	char line[300];

	if (!o->note || !jitscope_runs_dir_is_closed(dir))
		return;
	snprintf(line, sizeof(line),
		 "%s is closed to other users: their processes count loop runs in their own "
		 "memory; chmod 755 %s",
		 dir, dir);
	o->note(o->ctx, line);
}

static int bind_to(struct runs_server *v, unsigned n)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	v->runs->number = n;
	if (snprintf(v->path, sizeof(v->path), "%s/%d.%u%s", v->dir, (int)getpid(), n,
		     v->runs->session->options.system_wide ? JIT_RUNS_ALL : ".sock") >=
	    (int)sizeof(v->path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, v->path, sizeof(addr.sun_path));
	return bind(v->listener, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
}

/* With a number of its own, if that can be had. */
static int bind_numbered(struct runs_server *v)
{
	int dir = lock_dir(v->dir), err = 0;

	if (dir < 0)
		return -errno;
	for (unsigned n = free_number(dir), i = 0; !i || (err == -EADDRINUSE && i < 100); i++)
		err = bind_to(v, n + i);
	close(dir);
	return err;
}

static int make_listener(struct runs_server *v)
{
	int err = -ENOENT;

	v->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (v->listener < 0)
		return jitscope_fail(-errno, "cannot make a socket: %s", strerror(errno));
	/* Another session that ends may remove the directory in between. */
	for (int i = 0; i < 100 && err == -ENOENT; i++) {
		int made = make_dir(v->dir);

		if (made) {
			close(v->listener);
			return made;
		}
		err = bind_numbered(v);
	}
	if (!err && (chmod(v->path, 0666) || listen(v->listener, SOMAXCONN)))
		err = -errno;
	if (!err)
		return 0;
	close(v->listener);
	return jitscope_fail(err, "cannot listen at %s: %s", v->path, strerror(-err));
}

int jitscope_server_start(struct jitscope_runs *r, const char *dir)
{
	struct runs_server *v = calloc(1, sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	v->runs = r;
	v->wake = eventfd(0, EFD_CLOEXEC);
	v->spare = open_spare();
	v->max = max_connections();
	if (snprintf(v->dir, sizeof(v->dir), "%s", dir) >= (int)sizeof(v->dir) - 20)
		err = jitscope_fail(-ENAMETOOLONG, "%s is too long for the name of a socket", dir);
	else if (v->wake < 0)
		err = jitscope_fail(-errno, "cannot make an event: %s", strerror(errno));
	else
		err = make_listener(v);
	if (!err) {
		err = jitscope_start_thread(&v->thread, run, v);
		if (!err) {
			warn_of_closed_dir(r, v->dir);
			r->server = v;
			return 0;
		}
		close(v->listener);
		unlink(v->path);
	}
	if (v->wake >= 0)
		close(v->wake);
	if (v->spare >= 0)
		close(v->spare);
	free(v);
	return err;
}

void jitscope_server_stop(struct jitscope_runs *r)
{
	struct runs_server *v = r->server;

	if (!v)
		return;
	eventfd_write(v->wake, 1);
	pthread_join(v->thread, NULL);
	while (v->n)
		drop(v, 0);
	unlink(v->path);
	close(v->listener);
	close(v->wake);
	if (v->spare >= 0)
		close(v->spare);
	rmdir(v->dir); /* if it was the last one there */
	free(v);
	r->server = NULL;
}
