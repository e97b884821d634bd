/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_ask.c - what a process does not take from an observer, or from somebody
 * who would be one; and that it goes on, counting, with nothing left behind.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jithooks/probes.h>

#include "../../jit/hooks/internal.h"
#include "observer.h"

#define SLOTS 8192u /* whole pages, whatever their size */

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	CHECK(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* No descriptor more; those of the observer's thread go when it comes to close them. */
static void no_more_than(unsigned before)
{
	for (int i = 0; i < 1000 && descriptors() > before; i++)
		usleep(1000);
	CHECK_EQ(descriptors(), before);
}

static int count_runs(void *ctx, unsigned how)
{
	*(unsigned *)ctx = how;
	return 0;
}

static struct process {
	jit_vm *vm;
	unsigned how;
	uint64_t no, *count;
} process;

static void make_process(void)
{
	struct jit_vm_config config = {.jitdriver_name = "unit",
				       .ctx = &process.how,
				       .count_runs = count_runs};

	CHECK_EQ(jit_vm_create(&process.vm, &config), 0);
	process.no = unit_loop(process.vm);
	process.count = jit_run_count(process.vm, process.no);
	*process.count = 5;
}

/* Asks, and gets nothing: it counts on in its own memory, and no descriptor is left. */
static void gets_nothing(void)
{
	unsigned before = descriptors();
	uint64_t start = jit_now();

	observer_attach(1);
	CHECK_EQ(jit_runs_update(process.vm), JIT_RUNS_MEMORY);
	/* It waits 50 ms at most; the rest is for a machine with other things to do. */
	CHECK(jit_now() - start < 1000000000u);
	CHECK_EQ(process.how, JIT_RUNS_MEMORY);
	CHECK_EQ(jit_region->runs_session, 0);
	CHECK_EQ(jit_region->runs_mapped, 0);
	CHECK(!jit_slots_lie_in_maps());
	CHECK(jit_run_count(process.vm, process.no) == process.count);
	CHECK_EQ(*process.count, 5);
	++*process.count;
	no_more_than(before);
}

/* Would get a map from an honest observer. */
static void gets_a_map(void)
{
	jit_runs_semaphore = (unsigned short)(jit_runs_semaphore + 1);
	CHECK_EQ(jit_runs_update(process.vm), JIT_RUNS_MEMORY);
	CHECK(jit_region->runs_session != 0);
}

/* ---- Replies ----------------------------------------------------------------------- */

typedef bool answer(struct observer *o, const struct jit_runs_request *request,
		    struct observer_reply *r);

static struct observer_reply given; /* the test's own, as it would be right but for one thing */
static bool saying_nothing;

static bool give(struct observer *o, const struct jit_runs_request *request,
		 struct observer_reply *r)
{
	(void)o;
	(void)request;
	if (saying_nothing) {
		r->size = 0;
		return false;
	}
	*r = given;
	return true;
}

static struct observer observer;

/* An observer that grants `fd`; then whatever the test spoils in `given`. */
static void start_giving(int fd)
{
	observer_directory();
	observer_start(&observer, 7, SLOTS);
	observer.answer = give;
	given = (struct observer_reply){
		.reply = {.magic = JIT_RUNS_MAGIC,
			  .version = JIT_ABI_VERSION,
			  .size = sizeof(given.reply),
			  .session = 7,
			  .status = JIT_RUNS_GRANTED,
			  .slots = SLOTS},
		.size = sizeof(given.reply),
		.fds = {fd},
		.n_fds = 1,
	};
	make_process();
}

static void stop_giving(void)
{
	CHECK_EQ(observer.requests, 1); /* it was the answer that was not good */
	jit_vm_destroy(process.vm);
	observer_stop(&observer);
	observer_remove_directory();
}

static void refuses(int fd)
{
	start_giving(fd);
	gets_nothing();
	stop_giving();
}

TEST(what_these_tests_spoil_is_taken_when_whole)
{
	start_giving(observer_make_map(SLOTS));
	gets_a_map();
	CHECK_EQ(*process.count, 5);
	stop_giving();
}

TEST(a_file_in_memory_is_no_map)
{
	int fd = memfd_create("bpf-map", MFD_CLOEXEC);

	CHECK(fd >= 0 && !ftruncate(fd, SLOTS * 8));
	refuses(fd);
}

static int make(enum bpf_map_type type, uint32_t key, uint32_t value, uint32_t n, uint32_t flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
	int fd = bpf_map_create(type, "unit", key, value, n, &opts);

	if (fd < 0)
		unit_skip("needs root and BPF");
	return fd;
}

TEST(a_hash_is_refused)
{
	refuses(make(BPF_MAP_TYPE_HASH, 4, 8, SLOTS, 0));
}

TEST(an_array_that_cannot_be_mapped_is_refused)
{
	refuses(make(BPF_MAP_TYPE_ARRAY, 4, 8, SLOTS, 0));
}

TEST(values_of_another_size_are_refused)
{
	refuses(make(BPF_MAP_TYPE_ARRAY, 4, 16, SLOTS, BPF_F_MMAPABLE));
}

TEST(a_map_that_is_not_as_long_as_promised_is_refused)
{
	refuses(make(BPF_MAP_TYPE_ARRAY, 4, 8, SLOTS - 1, BPF_F_MMAPABLE));
}

TEST(a_map_that_ends_within_a_page_is_refused)
{
	start_giving(make(BPF_MAP_TYPE_ARRAY, 4, 8, SLOTS - 8, BPF_F_MMAPABLE));
	given.reply.slots = SLOTS - 8;
	gets_nothing();
	stop_giving();
}

TEST(a_map_that_may_only_be_read_is_refused)
{
	int fd = make(BPF_MAP_TYPE_ARRAY, 4, 8, SLOTS, BPF_F_MMAPABLE);

	CHECK(!bpf_map_freeze(fd));
	refuses(fd);
}

TEST(a_descriptor_for_reading_is_refused)
{
	refuses(make(BPF_MAP_TYPE_ARRAY, 4, 8, SLOTS, BPF_F_MMAPABLE | BPF_F_RDONLY));
}

TEST(two_descriptors_are_refused)
{
	int fd = observer_make_map(SLOTS);

	start_giving(fd);
	given.fds[1] = fd;
	given.n_fds = 2;
	gets_nothing();
	stop_giving();
}

TEST(a_grant_without_a_descriptor_is_refused)
{
	start_giving(-1);
	given.n_fds = 0;
	gets_nothing();
	stop_giving();
}

TEST(a_refusal_with_a_descriptor_is_rubbish)
{
	start_giving(observer_make_map(SLOTS));
	given.reply.status = JIT_RUNS_REFUSED;
	gets_nothing();
	stop_giving();
}

TEST(nobody_keeps_what_he_has_not)
{
	start_giving(-1);
	given.n_fds = 0;
	given.reply.status = JIT_RUNS_KEEP;
	gets_nothing();
	stop_giving();
}

/* A good map, and one field of the reply that is not. */
#define SPOILED(name, change)                           \
	TEST(name)                                      \
	{                                               \
		start_giving(observer_make_map(SLOTS)); \
		change;                                 \
		gets_nothing();                         \
		stop_giving();                          \
	}

SPOILED(a_reply_needs_the_magic, given.reply.magic ^= 1 << 9)
SPOILED(a_reply_of_another_version_is_refused, given.reply.version++)
SPOILED(a_reply_that_says_another_size_is_refused, given.reply.size -= 8)
SPOILED(a_reply_that_is_cut_is_refused, given.size -= 4)
SPOILED(a_reply_needs_a_session, given.reply.session = 0)
SPOILED(a_reply_needs_a_status, given.reply.status = 99)
SPOILED(a_map_without_slots_is_refused, given.reply.slots = 0)
SPOILED(an_observer_that_hangs_up_is_none, given.size = 0)
SPOILED(who_says_nothing_is_not_waited_for, saying_nothing = true)

/* What was counted in a map stays there while its observer is too busy to answer. */
TEST(an_observer_that_is_slow_for_once_is_not_left)
{
	start_giving(observer_make_map(SLOTS));
	gets_a_map();
	saying_nothing = true;
	gets_a_map();
	CHECK_EQ(observer.requests, 2);
	CHECK_EQ(jit_region->runs_session, 7);
	CHECK(jit_slots_lie_in_maps());
	jit_vm_destroy(process.vm);
	observer_stop(&observer);
	observer_remove_directory();
}

/* ---- Who listens -------------------------------------------------------------------- */

/* The credentials of a listener are those at the time of listen(). */
static void listen_as(uid_t uid, int fd)
{
	CHECK(!seteuid(uid));
	CHECK(!listen(fd, 8));
	CHECK(!seteuid(0));
}

TEST(a_listener_who_is_not_root_is_not_asked)
{
	char path[128], byte;
	int fd, peer;

	if (geteuid())
		unit_skip("needs root");
	observer_directory();
	fd = observer_listen("1.1.sock", path);
	listen_as(65534, fd);
	make_process();
	gets_nothing();
	/* It came, saw who was there, and went without a word. */
	peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
	CHECK(peer >= 0);
	CHECK_EQ(recv(peer, &byte, 1, 0), 0);
	close(peer);
	close(fd);
	unlink(path);
	observer_remove_directory();
	jit_vm_destroy(process.vm);
}

TEST(an_honest_observer_is_found_behind_others)
{
	char fake[128], dead[128], mute[128], other[128];
	int fd, fd2, fd3;

	observer_directory();
	fd = observer_listen("1.1.sock", fake);
	listen_as(65534, fd);
	fd2 = observer_listen("2.1.sock", dead);
	close(fd2);
	fd3 = observer_listen(".hidden.sock", mute);
	fd2 = observer_listen("x.txt", other);
	CHECK(!listen(fd3, 1) && !listen(fd2, 1)); /* by root, but no observer's */
	observer_start(&observer, 3, SLOTS);
	make_process();
	gets_a_map();
	CHECK_EQ(jit_region->runs_session, 3);
	CHECK_EQ(observer_runs(&observer, jit_region->instance,
			       jit_region_loop(process.no)->loop.run_slot),
		 5);
	close(fd);
	close(fd2);
	close(fd3);
	unlink(fake);
	unlink(dead);
	unlink(mute);
	unlink(other);
	observer_stop(&observer);
	observer_remove_directory();
	jit_vm_destroy(process.vm);
}

/* Whatever the order in which the directory has them: it has one of many first by chance. */
TEST(who_watches_everything_is_asked_last)
{
	struct observer all[8];

	observer_directory();
	for (unsigned i = 0; i < 4; i++)
		observer_start_for_all(&all[i], 10 + i, SLOTS);
	observer_start(&observer, 2, SLOTS);
	for (unsigned i = 4; i < 8; i++)
		observer_start_for_all(&all[i], 10 + i, SLOTS);
	make_process();
	gets_a_map();
	CHECK_EQ(jit_region->runs_session, 2);
	for (unsigned i = 0; i < 8; i++) {
		CHECK_EQ(all[i].requests, 0);
		observer_stop(&all[i]);
	}
	observer_stop(&observer);
	observer_remove_directory();
	jit_vm_destroy(process.vm);
}

TEST(one_that_refuses_does_not_hide_another)
{
	struct observer refusing;

	observer_directory();
	observer_start(&refusing, 1, 0);
	observer_start(&observer, 2, SLOTS);
	make_process();
	gets_a_map();
	CHECK_EQ(jit_region->runs_session, 2);
	observer_stop(&observer);
	observer_stop(&refusing);
	observer_remove_directory();
	jit_vm_destroy(process.vm);
}

/* As a_listener..., but what is wrong is the directory. */
static void not_asked_in(mode_t mode, uid_t owner)
{
	observer_directory();
	observer_start(&observer, 3, SLOTS);
	CHECK(!chmod(getenv("JITHOOKS_RUNS_DIR"), mode));
	CHECK(!chown(getenv("JITHOOKS_RUNS_DIR"), owner, (gid_t)-1));
	make_process();
	gets_nothing();
	CHECK_EQ(observer.requests, 0);
	observer_stop(&observer);
	observer_remove_directory();
	jit_vm_destroy(process.vm);
}

TEST(a_directory_that_others_may_write_to_is_not_looked_at)
{
	not_asked_in(01777, 0);
}

TEST(a_directory_that_a_group_may_write_to_is_not_looked_at)
{
	not_asked_in(0775, 0);
}

TEST(a_directory_that_is_not_roots_is_not_looked_at)
{
	not_asked_in(0755, 65534);
}

TEST(without_a_directory_there_is_nobody)
{
	CHECK(!setenv("JITHOOKS_RUNS_DIR", "/nonexistent", 1));
	make_process();
	gets_nothing();
	jit_vm_destroy(process.vm);
}

/* ---- Processes with little ------------------------------------------------------------ */

/* An observer in a process of its own, for limits that are not to be its. */
static pid_t observer_process(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	CHECK(!pipe2(ready, O_CLOEXEC));
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		observer_start(&observer, 9, SLOTS);
		CHECK_EQ(write(ready[1], "", 1), 1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		unit_skip("needs root and BPF with arrays that can be mapped");
	close(ready[0]);
	return pid;
}

static void end_observer_process(pid_t pid)
{
	char path[128];

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	snprintf(path, sizeof(path), "%s/%d.9.sock", getenv("JITHOOKS_RUNS_DIR"), (int)pid);
	unlink(path);
	observer_remove_directory();
	jit_vm_destroy(process.vm);
}

/* So many descriptors more may be opened. */
static void leave_descriptors(unsigned more)
{
	struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
	int next;

	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	next = dup(0);
	CHECK(next >= 0);
	close(next);
	limit.rlim_cur = (rlim_t)next + more;
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
}

/* Whatever it is that it has no descriptor for. */
TEST(with_few_descriptors_left_it_goes_on_without)
{
	unsigned more = 0;
	pid_t pid;

	for (int fd = 3; fd < 256; fd++)
		close(fd); /* what we were started with is in nobody's count */
	observer_directory();
	pid = observer_process();
	make_process();
	for (; !jit_region->runs_session; more++) {
		CHECK(more < 8);
		leave_descriptors(more);
		jit_runs_semaphore = (unsigned short)(jit_runs_semaphore + 1);
		jit_runs_update(process.vm);
		CHECK_EQ(process.how, JIT_RUNS_MEMORY);
		CHECK_EQ(*process.count, 5);
	}
	CHECK(more > 2);
	leave_descriptors(more - 1); /* and as many are left now */
	for (unsigned i = 0; i < more - 1; i++)
		CHECK(dup(0) >= 0);
	/* None at all: it stays where it is. */
	jit_runs_semaphore = (unsigned short)(jit_runs_semaphore + 1);
	jit_runs_update(process.vm);
	CHECK_EQ(jit_region->runs_session, 9);
	leave_descriptors(100); /* for what a sanitizer does at the end */
	end_observer_process(pid);
}

TEST(with_standard_streams_closed_it_works)
{
	int err = dup(2);
	pid_t pid;

	observer_directory();
	pid = observer_process();
	make_process();
	close(0);
	close(1);
	close(2);
	jit_runs_semaphore = 1;
	jit_runs_update(process.vm);
	CHECK_EQ(fcntl(0, F_GETFD), -1);
	CHECK_EQ(fcntl(1, F_GETFD), -1);
	CHECK_EQ(fcntl(2, F_GETFD), -1);
	dup2(err, 2);
	CHECK_EQ(jit_region->runs_session, 9);
	end_observer_process(pid);
}

TEST(where_sockets_are_forbidden_it_goes_on_without)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = 4, .filter = rules};
	pid_t pid;

	observer_directory();
	pid = observer_process();
	make_process();
	gets_a_map();
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
	jit_runs_semaphore = (unsigned short)(jit_runs_semaphore + 1);
	jit_runs_update(process.vm); /* cannot ask, and keeps what it has */
	CHECK_EQ(jit_region->runs_session, 9);
	jit_runs_semaphore = 0;
	jit_runs_update(process.vm);
	CHECK_EQ(jit_region->runs_session, 0);
	CHECK_EQ(*process.count, 5);
	gets_nothing();
	end_observer_process(pid);
}

static void on_signal(int no)
{
	(void)no;
}

TEST(signals_do_not_disturb_it)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
	unsigned late = 0;

	start_giving(observer_make_map(SLOTS));
	CHECK(!sigaction(SIGALRM, &action, NULL));
	CHECK(!setitimer(ITIMER_REAL, &often, NULL));
	for (int i = 0; i < 200; i++) {
		jit_runs_semaphore = 1;
		jit_runs_update(process.vm);
		late += jit_region->runs_session != 7;
		jit_runs_semaphore = 0;
		jit_runs_update(process.vm);
		CHECK_EQ(jit_region->runs_session, 0);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	CHECK(late <= 5); /* 50 ms are nothing where all processors are busy */
	CHECK_EQ(*process.count, 5);
	jit_vm_destroy(process.vm);
	observer_stop(&observer);
	observer_remove_directory();
}

/* An unprivileged process is counted by root, and may do nothing to it. */
TEST(another_user_gets_a_map_too)
{
	int status;
	pid_t pid;

	observer_directory();
	observer_start(&observer, 5, SLOTS);
	CHECK(!chmod(getenv("JITHOOKS_RUNS_DIR"), 0755));
	CHECK(!chmod(observer.path, 0666));
	pid = fork();
	if (!pid) {
		CHECK(!setgid(65534) && !setuid(65534));
		make_process();
		gets_a_map();
		CHECK_EQ(*process.count, 5);
		*process.count = 6;
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(observer_runs(&observer, observer.processes[0].instance,
			       (uint32_t)((size_t)sysconf(_SC_PAGESIZE) / 8)),
		 6); /* and stay, when it has ended */
	observer_stop(&observer);
	observer_remove_directory();
}

void suite_ask(void)
{
	unit_suite("ask");
	ADD(what_these_tests_spoil_is_taken_when_whole);
	ADD(a_file_in_memory_is_no_map);
	ADD(a_hash_is_refused);
	ADD(an_array_that_cannot_be_mapped_is_refused);
	ADD(values_of_another_size_are_refused);
	ADD(a_map_that_is_not_as_long_as_promised_is_refused);
	ADD(a_map_that_ends_within_a_page_is_refused);
	ADD(a_map_that_may_only_be_read_is_refused);
	ADD(a_descriptor_for_reading_is_refused);
	ADD(two_descriptors_are_refused);
	ADD(a_grant_without_a_descriptor_is_refused);
	ADD(a_refusal_with_a_descriptor_is_rubbish);
	ADD(nobody_keeps_what_he_has_not);
	ADD(a_reply_needs_the_magic);
	ADD(a_reply_of_another_version_is_refused);
	ADD(a_reply_that_says_another_size_is_refused);
	ADD(a_reply_that_is_cut_is_refused);
	ADD(a_reply_needs_a_session);
	ADD(a_reply_needs_a_status);
	ADD(a_map_without_slots_is_refused);
	ADD(an_observer_that_hangs_up_is_none);
	ADD(who_says_nothing_is_not_waited_for);
	ADD(an_observer_that_is_slow_for_once_is_not_left);
	ADD(a_listener_who_is_not_root_is_not_asked);
	ADD(an_honest_observer_is_found_behind_others);
	ADD(who_watches_everything_is_asked_last);
	ADD(one_that_refuses_does_not_hide_another);
	ADD(a_directory_that_others_may_write_to_is_not_looked_at);
	ADD(a_directory_that_a_group_may_write_to_is_not_looked_at);
	ADD(a_directory_that_is_not_roots_is_not_looked_at);
	ADD(without_a_directory_there_is_nobody);
	ADD(with_few_descriptors_left_it_goes_on_without);
	ADD(with_standard_streams_closed_it_works);
	ADD(where_sockets_are_forbidden_it_goes_on_without);
	ADD(signals_do_not_disturb_it);
	ADD(another_user_gets_a_map_too);
}
