/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs_server.c - the socket at which processes ask for their run-count maps.
 *
 * Anybody may connect, so anybody may try to be in the way. The thread does
 * nothing that waits for a peer. A connection is for one request: it is read
 * as soon as it is there, answered and closed; with none it is closed after a
 * second, or earlier if its user, or all together, have too many: then the
 * oldest goes, for who means well sends at once. A user who connects too
 * often in one second is cut off without being heard for the rest of it. Who
 * it is says the kernel (SO_PEERCRED), as of the moment of connect().
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runs.h"

#define MAX_CONNECTIONS 512
#define MAX_PER_USER 256
#define MAX_ACCEPTS 64		  /* between two looks at the connections */
#define PATIENCE_NS 1000000000ull /* for a request */
#define MAX_PER_SECOND 4000	  /* connections of one user but root */
#define USERS 64		  /* whose rates are known */
#define PRIORITY (-5)		  /* nice */
#define PEEK_MS 100		  /* when there is no descriptor for a connection */

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
	/* The oldest first. */
	struct connection connections[MAX_CONNECTIONS];
	size_t n;
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

static void answer(struct runs_server *v, const struct connection *c,
		   const struct jit_runs_request *request)
{
	struct jit_runs_reply reply = {
		.magic = JIT_RUNS_MAGIC,
		.version = JIT_ABI_VERSION,
		.size = sizeof(reply),
	};
	int fd;

	jitscope_runs_answer(v->runs, &c->peer, request, &reply, &fd);
	if (send_reply(c->fd, &reply, fd) && fd >= 0)
		jitscope_runs_delivered(v->runs, &c->peer);
	if (fd >= 0)
		close(fd);
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

static void drop(struct runs_server *v, size_t i)
{
	close(v->connections[i].fd);
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
	if (own < MAX_PER_USER && v->n < MAX_CONNECTIONS)
		return;
	drop(v, own < MAX_PER_USER ? 0 : oldest);
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

/* False: there is none waiting, or no descriptor for it. */
static bool accept_one(struct runs_server *v)
{
	int fd = accept4(v->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *c;
	struct ucred who;
	socklen_t size = sizeof(who);
	uint64_t now = jitscope_now();

	if (fd < 0) {
		v->short_of_fds = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
		return errno == ECONNABORTED || errno == EINTR;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) || who.pid <= 0) {
		close(fd);
		return true;
	}
	if (!is_in_time(v, who.uid, now)) {
		count(v, TOO_OFTEN);
		close(fd);
		return true;
	}
	make_room(v, who.uid);
	c = &v->connections[v->n++];
	*c = (struct connection){.fd = fd, .peer = {who.pid, who.uid}, .since_ns = now};
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
		if (poll(fds, 2 + v->n, timeout_ms(v)) < 0 && errno != EINTR)
			return NULL;
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

/* PID.N.sock, or with JIT_RUNS_ALL, of a process that is no more. */
static void remove_stale(const char *dir)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		size_t n = strspn(end, ".0123456789");

		if (pid > 0 && end > entry->d_name && n > 2 &&
		    (!strcmp(end + n, "sock") || !strcmp(end + n - 1, JIT_RUNS_ALL)) &&
		    kill((pid_t)pid, 0) && errno == ESRCH)
			unlinkat(dirfd(d), entry->d_name, 0);
	}
	if (d)
		closedir(d);
}

static int make_dir(const char *dir)
{
	if (mkdir(dir, 0755) && errno != EEXIST)
		return jitscope_fail(-errno, "cannot make %s: %s", dir, strerror(errno));
	return jitscope_check_runs_dir(dir);
}

static int bind_to(struct runs_server *v, unsigned n)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (snprintf(v->path, sizeof(v->path), "%s/%d.%u%s", v->dir, (int)getpid(), n,
		     v->runs->session->options.system_wide ? JIT_RUNS_ALL : ".sock") >=
	    (int)sizeof(v->path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, v->path, sizeof(addr.sun_path));
	return bind(v->listener, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
}

static int make_listener(struct runs_server *v)
{
	int err = -EADDRINUSE;

	v->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (v->listener < 0)
		return jitscope_fail(-errno, "cannot make a socket: %s", strerror(errno));
	/* Another session that ends may remove the directory in between. */
	for (unsigned n = 0; n < 100 && (err == -EADDRINUSE || err == -ENOENT); n++) {
		int made = make_dir(v->dir);

		if (made) {
			close(v->listener);
			return made;
		}
		err = bind_to(v, n);
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
	if (snprintf(v->dir, sizeof(v->dir), "%s", dir) >= (int)sizeof(v->dir) - 20)
		err = jitscope_fail(-ENAMETOOLONG, "%s is too long for the name of a socket", dir);
	else if (v->wake < 0)
		err = jitscope_fail(-errno, "cannot make an event: %s", strerror(errno));
	else
		err = make_listener(v);
	if (!err) {
		remove_stale(v->dir);
		err = jitscope_start_thread(&v->thread, run, v);
		if (!err) {
			r->server = v;
			return 0;
		}
		close(v->listener);
		unlink(v->path);
	}
	if (v->wake >= 0)
		close(v->wake);
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
	rmdir(v->dir); /* if it was the last one there */
	free(v);
	r->server = NULL;
}
