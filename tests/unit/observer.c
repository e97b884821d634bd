/* SPDX-License-Identifier: BSD-2-Clause */
/* observer.c - see observer.h. */
#include <bpf/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <jithooks/probes.h>

#include "observer.h"

static char directory[] = "/tmp/jithooks-observers-XXXXXX";

void observer_directory(void)
{
	CHECK(mkdtemp(directory));
	CHECK(!setenv("JITHOOKS_RUNS_DIR", directory, 1));
}

void observer_remove_directory(void)
{
	CHECK(!rmdir(directory));
}

int observer_make_map(uint32_t slots)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "run_counts", 4, sizeof(struct jit_run), slots,
			      &opts);
}

int observer_listen(const char *name, char path[128])
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	CHECK(fd >= 0);
	snprintf(path, 128, "%s/%s", directory, name);
	CHECK((size_t)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path) < sizeof(at.sun_path));
	CHECK(!bind(fd, (struct sockaddr *)&at, sizeof(at)));
	return fd;
}

static struct watched *process_of(const struct observer *o, uint64_t instance)
{
	for (int i = 0; i < OBSERVER_PROCESSES; i++)
		if (o->processes[i].instance == instance || !o->processes[i].instance)
			return (struct watched *)&o->processes[i];
	CHECK(!"room for a process");
	return NULL;
}

/* As abi.h says. */
static void answer_well(struct observer *o, const struct jit_runs_request *request,
			struct observer_reply *r)
{
	struct watched *p = process_of(o, request->instance);
	uint32_t slots = request->slots < o->limit ? request->slots : o->limit;

	r->reply.status = JIT_RUNS_REFUSED;
	if (!o->limit)
		return;
	if (slots > p->slots) {
		/* The one that it has lives on as long as somebody has it mapped. */
		if (p->slots)
			close(p->map);
		*p = (struct watched){request->instance, observer_make_map(slots), slots};
		CHECK(p->map >= 0);
	} else if (request->session == o->session) {
		r->reply.status = JIT_RUNS_KEEP;
		r->reply.slots = p->slots;
		return;
	}
	r->reply.status = JIT_RUNS_GRANTED;
	r->reply.slots = p->slots;
	r->fds[0] = p->map;
	r->n_fds = 1;
}

static void send_reply(int fd, const struct observer_reply *r)
{
	union {
		char bytes[CMSG_SPACE(sizeof(r->fds))];
		struct cmsghdr aligned;
	} control = {0};
	struct iovec from = {(void *)&r->reply, r->size};
	struct msghdr message = {.msg_iov = &from, .msg_iovlen = 1};
	size_t bytes = (size_t)r->n_fds * sizeof(int);

	if (r->n_fds) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(bytes);
		control.aligned = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
						   .cmsg_type = SCM_RIGHTS,
						   .cmsg_len = CMSG_LEN(bytes)};
		memcpy(CMSG_DATA(&control.aligned), r->fds, bytes);
	}
	sendmsg(fd, &message, MSG_NOSIGNAL);
}

static void serve(struct observer *o, int fd)
{
	struct observer_reply r = {.size = sizeof(r.reply),
				   .reply = {.magic = JIT_RUNS_MAGIC,
					     .version = JIT_ABI_VERSION,
					     .size = sizeof(r.reply),
					     .session = o->session}};
	struct jit_runs_request request;

	if (recv(fd, &request, sizeof(request), 0) != sizeof(request))
		return;
	o->last = request;
	__atomic_add_fetch(&o->requests, 1, __ATOMIC_RELEASE);
	if (!o->answer)
		answer_well(o, &request, &r);
	else if (!o->answer(o, &request, &r))
		recv(fd, &request, sizeof(request), 0); /* until the process goes away */
	o->told = r.reply;
	if (r.size)
		send_reply(fd, &r);
}

static void *run(void *arg)
{
	struct observer *o = arg;
	int fd;

	/* An answer has to come within 50 ms, whatever else the machine is at. */
	setpriority(PRIO_PROCESS, (id_t)gettid(), -15);
	pthread_barrier_wait(&o->ready);
	while ((fd = accept4(o->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		serve(o, fd);
		close(fd);
	}
	return NULL;
}

static void start(struct observer *o, uint64_t session, uint32_t limit, const char *end)
{
	char name[64];
	int map = observer_make_map(1024);
	sigset_t all, before;

	if (map < 0)
		unit_skip("needs root and BPF with arrays that can be mapped");
	if (WITH_TSAN)
		unit_skip("the thread sanitizer does not see that an answer has come");
	close(map);
	*o = (struct observer){.session = session, .limit = limit};
	snprintf(name, sizeof(name), "%d.%llu%s", (int)getpid(), (unsigned long long)session, end);
	o->listener = observer_listen(name, o->path);
	CHECK(!listen(o->listener, 64));
	pthread_barrier_init(&o->ready, NULL, 2);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the process's */
	CHECK(!pthread_create(&o->thread, NULL, run, o));
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_barrier_wait(&o->ready);
}

void observer_start(struct observer *o, uint64_t session, uint32_t limit)
{
	start(o, session, limit, ".sock");
}

void observer_start_for_all(struct observer *o, uint64_t session, uint32_t limit)
{
	start(o, session, limit, JIT_RUNS_ALL);
}

void observer_stop(struct observer *o)
{
	shutdown(o->listener, SHUT_RDWR);
	pthread_join(o->thread, NULL);
	close(o->listener);
	unlink(o->path);
	for (int i = 0; i < OBSERVER_PROCESSES; i++)
		if (o->processes[i].slots)
			close(o->processes[i].map);
}

void observer_attach(int by)
{
	__atomic_add_fetch(&jit_runs_semaphore, (unsigned short)by, __ATOMIC_RELAXED);
}

uint64_t observer_runs(const struct observer *o, uint64_t instance, uint32_t slot)
{
	const struct watched *p = process_of(o, instance);
	struct jit_run run = {0};

	CHECK(p->slots);
	CHECK(slot < p->slots);
	CHECK(!bpf_map_lookup_elem(p->map, &slot, &run));
	return run.runs;
}
