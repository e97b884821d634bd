/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs_ask.c - asks an observer for run-count maps, well or badly, and does
 * with the map what a process should not. It carries the provider (it has a
 * VM), so that it can be watched.
 *
 *	runs_ask DIR COMMAND...
 *
 * DIR is that of the observer's socket. Each command is answered with a line
 * of JSON, the last thing is to wait for SIGTERM if that is `hold`.
 *
 *	ask:N		a request for N slots, as instance 1: the reply
 *	as:N		the same as instance N, for 1 slot
 *	grab:N		N requests for large maps, each as another instance; it
 *			holds on to all that it gets
 *	children:N	N children, one after the other, ask for 1 slot each and end
 *	fill:N		writes N into every slot of the map
 *	attack		what must be refused: freeze, truncate, more access
 *	rubbish:N	N messages at random, descriptors with some
 *	half:N		N connections that send a part, and stay open
 *	idle:N		N connections that send nothing, and stay open
 *	flood:N		N connections, one after the other
 *	orphan:N	a child asks for N slots and ends; another asks for one in its name
 *	rights		a request by one who had the rights of user 65534 when it connected
 *	leave		a request, and the end before the answer
 *	wait		until somebody wishes that runs are counted
 *	hold
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jithooks/hooks.h>

/* An instance is a time. Those asked for come after our own, or their maps would be let go. */
#define LATER (1ull << 62)

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static uint64_t session; /* of the last reply */
static int map = -1;	 /* of the last reply that had one */
static uint64_t *counts;
static uint32_t slots;

static int find_socket(const char *dir)
{
	struct dirent *entry;
	DIR *d = opendir(dir);
	int found = 0;

	while (d && !found && (entry = readdir(d)))
		if (strstr(entry->d_name, ".sock"))
			found = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir,
					 entry->d_name) < (int)sizeof(address.sun_path);
	if (d)
		closedir(d);
	return found;
}

static int open_socket(void)
{
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (s >= 0 && connect(s, (struct sockaddr *)&address, sizeof(address))) {
		close(s);
		s = -1;
	}
	return s;
}

/* ---- Asking well ----------------------------------------------------------------- */

/* The descriptor that came; -1: none. */
static int receive(int s, struct jit_runs_reply *reply)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {reply, sizeof(*reply)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	struct pollfd p = {.fd = s, .events = POLLIN};
	struct cmsghdr *c;
	int fd = -1;

	memset(reply, 0, sizeof(*reply));
	if (poll(&p, 1, 5000) != 1 || recvmsg(s, &msg, MSG_CMSG_CLOEXEC) != sizeof(*reply))
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

static void take(int fd, uint32_t n)
{
	if (counts)
		munmap(counts, slots * sizeof(*counts));
	if (map >= 0)
		close(map);
	map = fd;
	slots = n;
	counts = mmap(NULL, slots * sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	if (counts == MAP_FAILED)
		counts = NULL;
}

static struct jit_runs_request request_of(uint64_t instance, uint32_t n)
{
	return (struct jit_runs_request){
		.magic = JIT_RUNS_MAGIC,
		.version = JIT_ABI_VERSION,
		.size = sizeof(struct jit_runs_request),
		.instance = instance ? LATER + instance : 0,
		.session = session,
		.slots = n,
	};
}

static void ask(uint64_t instance, uint32_t n)
{
	struct jit_runs_request request = request_of(instance, n);
	struct jit_runs_reply reply;
	int s = open_socket(), fd = -1, ok;

	ok = s >= 0 && send(s, &request, sizeof(request), MSG_NOSIGNAL) == sizeof(request);
	if (ok)
		fd = receive(s, &reply);
	ok = ok && reply.magic == JIT_RUNS_MAGIC && reply.version == JIT_ABI_VERSION &&
	     reply.size == sizeof(reply);
	close(s);
	if (!ok) {
		puts("{\"status\":null}");
		return;
	}
	session = reply.session;
	if (fd >= 0)
		take(fd, reply.slots);
	printf("{\"status\":%u,\"slots\":%u,\"map\":%s,\"first\":%llu}\n", reply.status,
	       reply.slots, fd >= 0 && counts ? "true" : "false",
	       counts ? (unsigned long long)counts[1] : 0);
}

static void grab(unsigned long n)
{
	unsigned long got = 0;

	for (unsigned long i = 0; i < n; i++) {
		struct jit_runs_request request = request_of(1000 + i, 65536);
		struct jit_runs_reply reply;
		int s = open_socket();

		if (s >= 0 && send(s, &request, sizeof(request), MSG_NOSIGNAL) == sizeof(request))
			got += receive(s, &reply) >= 0;
		close(s);
	}
	printf("{\"grabbed\":%lu}\n", got);
}

static void children(unsigned long n)
{
	unsigned long got = 0;

	for (unsigned long i = 0; i < n; i++) {
		struct jit_runs_request request = request_of(1, 1);
		struct jit_runs_reply reply;
		pid_t pid = fork();
		int s, status;

		if (!pid) {
			s = open_socket();
			if (s >= 0)
				send(s, &request, sizeof(request), MSG_NOSIGNAL);
			_exit(s < 0 || receive(s, &reply) < 0);
		}
		got += waitpid(pid, &status, 0) == pid && !status;
	}
	printf("{\"given\":%lu}\n", got);
}

/* ---- The map ------------------------------------------------------------------------- */

static void fill(uint64_t value)
{
	for (uint32_t i = 0; i < slots; i++)
		counts[i] = value;
	printf("{\"filled\":%u}\n", slots);
}

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static const char *refused(long result)
{
	return result ? "true" : "false";
}

static void attack(void)
{
	union bpf_attr freeze = {.map_fd = (uint32_t)map};
	long page = sysconf(_SC_PAGESIZE);
	size_t size = slots * sizeof(*counts);
	void *beyond = mmap(NULL, size + (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	void *code = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, map, 0);
	char byte = 1;

	printf("{\"freeze\":%s,\"truncate\":%s,\"write\":%s,\"beyond\":%s,\"code\":%s}\n",
	       refused(bpf(BPF_MAP_FREEZE, &freeze)), refused(ftruncate(map, 0)),
	       refused(pwrite(map, &byte, 1, 0) != 1), refused(beyond == MAP_FAILED),
	       refused(code == MAP_FAILED));
}

/* ---- Asking badly ----------------------------------------------------------------------- */

static void send_with_fd(int s, const void *data, size_t size, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.align = {.cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_RIGHTS,
			       .cmsg_len = CMSG_LEN(sizeof(int))}};
	struct iovec iov = {(void *)(uintptr_t)data, size};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};

	memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
	sendmsg(s, &msg, MSG_NOSIGNAL);
}

/* Every length there is, right beginnings with wrong ends, a descriptor with each third. */
static void rubbish(unsigned long n)
{
	struct {
		struct jit_runs_request request;
		char more[200];
	} data;

	srandom(1);
	for (unsigned long i = 0; i < n; i++) {
		int s = open_socket();

		if (s < 0)
			continue;
		for (size_t k = 0; k < sizeof(data); k++)
			((char *)&data)[k] = (char)random();
		if (i % 2)
			data.request.magic = JIT_RUNS_MAGIC;
		if (i % 4 == 3)
			data.request.version = JIT_ABI_VERSION;
		if (i % 3)
			send(s, &data, (size_t)random() % sizeof(data), MSG_NOSIGNAL);
		else
			send_with_fd(s, &data, sizeof(data.request), s);
		close(s);
	}
	printf("{\"rubbish\":%lu}\n", n);
}

static void keep_open(unsigned long n, size_t send_bytes)
{
	struct jit_runs_request request = request_of(1, 1);
	unsigned long made = 0;

	for (unsigned long i = 0; i < n; i++) {
		int s = open_socket();

		made += s >= 0;
		if (s >= 0 && send_bytes)
			send(s, &request, send_bytes, MSG_NOSIGNAL);
	}
	printf("{\"connections\":%lu}\n", made);
}

static void flood(unsigned long n)
{
	unsigned long made = 0;

	for (unsigned long i = 0; i < n; i++) {
		int s = open_socket();

		made += s >= 0;
		if (s >= 0)
			close(s);
	}
	printf("{\"connections\":%lu}\n", made);
}

/* The reply to a request on a connection that may be another's. */
static void ask_on(int s)
{
	struct jit_runs_request request = request_of(1, 1);
	struct jit_runs_reply reply;
	int fd = -1;

	if (s >= 0 && send(s, &request, sizeof(request), MSG_NOSIGNAL) == sizeof(request))
		fd = receive(s, &reply);
	printf("{\"status\":%u,\"map\":%s}\n", reply.status, fd >= 0 ? "true" : "false");
}

static void orphan(unsigned long n)
{
	int s;

	if (fork())
		return; /* nobody waits for it: its pid stays */
	ask(1, (uint32_t)n);
	fflush(stdout);
	s = open_socket();
	if (!fork()) {
		usleep(500000); /* until its end is known */
		ask_on(s);
		fflush(stdout);
	}
	_exit(0);
}

static void rights(void)
{
	int s, err = seteuid(65534);

	s = open_socket();
	err |= seteuid(0);
	if (!err)
		ask_on(s);
}

static void leave(void)
{
	struct jit_runs_request request = request_of(1, 1);
	int s = open_socket();

	if (s >= 0)
		send(s, &request, sizeof(request), MSG_NOSIGNAL);
	_exit(0);
}

/* ---- Start ---------------------------------------------------------------------------------- */

static void wait_for_wish(const char *dir)
{
	while (!jit_probe_enabled(JIT_PROBE_RUNS) || !find_socket(dir))
		usleep(1000);
	puts("{}");
}

static void execute(const char *dir, const char *command)
{
	const char *colon = strchr(command, ':');
	unsigned long n = colon ? strtoul(colon + 1, NULL, 0) : 0;
	size_t length = colon ? (size_t)(colon - command) : strlen(command);

#define IS(word) (length == strlen(word) && !strncmp(command, word, length))
	if (IS("wait"))
		wait_for_wish(dir);
	else if (IS("ask"))
		ask(1, (uint32_t)n);
	else if (IS("as"))
		ask(n, 1);
	else if (IS("grab"))
		grab(n);
	else if (IS("children"))
		children(n);
	else if (IS("fill"))
		fill(n);
	else if (IS("attack"))
		attack();
	else if (IS("rubbish"))
		rubbish(n);
	else if (IS("half"))
		keep_open(n, sizeof(struct jit_runs_request) / 2);
	else if (IS("idle"))
		keep_open(n, 0);
	else if (IS("flood"))
		flood(n);
	else if (IS("orphan"))
		orphan(n);
	else if (IS("rights"))
		rights();
	else if (IS("leave"))
		leave();
	else if (IS("hold"))
		pause();
	else
		exit(2);
#undef IS
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct jit_vm_config config = {.jitdriver_name = "runs_ask"};
	struct rlimit files = {1 << 16, 1 << 16};
	jit_vm *vm;

	if (argc < 3 || jit_vm_create(&vm, &config)) {
		fprintf(stderr, "usage: runs_ask DIR COMMAND...\n");
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files); /* as far as it is allowed */
	for (int i = 2; i < argc; i++)
		execute(argv[1], argv[i]);
	jit_vm_destroy(vm);
	return 0;
}
