/* SPDX-License-Identifier: BSD-2-Clause */
/* test_runs_threads.c - run counts of several threads, of forked children, and in region files. */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jithooks/probes.h>

#include "counting.h"

/* ---- Several threads ----------------------------------------------------------------- */

#define TIMES 10000000u /* at least */

struct counter {
	pthread_t thread;
	struct told told;
	uint64_t no, other, times;
};

static bool stop;

/* Two loops; looks at the wish now and then, as compiled code does. */
static void *count_on(void *arg)
{
	struct counter *c = arg;
	jit_vm *vm = vm_that_counts(&c->told);
	const volatile uint32_t *wish = jit_runs_wish();
	uint32_t seen = *wish;
	uint64_t *first, *second;

	c->no = unit_loop(vm);
	c->other = unit_loop(vm);
	jit_runs_update(vm);
	first = jit_run_count(vm, c->no);
	second = jit_run_count(vm, c->other);
	while (c->times < TIMES || !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		if (*wish != seen) {
			seen = *wish;
			jit_runs_update(vm);
		}
		run(first, 100);
		run(second, 1);
		c->times += 100;
	}
	return vm;
}

static void join(struct counter *c)
{
	void *vm;

	CHECK(!pthread_join(c->thread, &vm));
	jit_vm_destroy(vm);
	CHECK_EQ(unit_runs(c->no), c->times);
	CHECK_EQ(unit_runs(c->other), c->times / 100);
}

static bool in_hand(void)
{
	return __atomic_load_n(&jit_region->runs_session, __ATOMIC_RELAXED) != 0;
}

TEST(threads_count_exactly_while_maps_come_and_go)
{
	struct counter a = {0}, b = {0};
	struct observer o;
	jit_vm *vm;

	observer_directory();
	observer_start(&o, 1, PLENTY);
	vm = unit_vm();
	CHECK(!pthread_create(&a.thread, NULL, count_on, &a));
	CHECK(!pthread_create(&b.thread, NULL, count_on, &b));
	for (unsigned turn = 0; turn < 100; turn++) {
		observer_attach(turn % 2 ? -1 : 1);
		/* Until one of the two has seen it; the other may not have. */
		for (int i = 0; i < 100 && !in_hand() == !(turn % 2); i++)
			usleep(200);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	CHECK(o.requests > 10);
	join(&a);
	join(&b);
	CHECK_EQ(overflowed(), 0);
	end_watched(vm, &o);
}

/* The pages of a VM whose thread does not come by stay where they are. */
TEST(each_vm_moves_its_own)
{
	struct told t = {0}, u = {0};
	struct observer o;
	uint64_t mine, yours;
	jit_vm *vm, *other;

	observer_directory();
	observer_start(&o, 1, PLENTY);
	vm = vm_that_counts(&t);
	other = vm_that_counts(&u);
	mine = unit_loop(vm);
	yours = unit_loop(other);
	run(jit_run_count(other, yours), 5);
	observer_attach(1);
	jit_runs_update(vm);
	CHECK_EQ(in_map(&o, yours), 0);
	run(jit_run_count(other, yours), 5);
	jit_runs_update(other);
	CHECK_EQ(o.requests, 2);
	CHECK_EQ(o.told.status, JIT_RUNS_GRANTED); /* the same */
	CHECK_EQ(in_map(&o, yours), 10);
	observer_attach(-1);
	jit_runs_update(vm);
	run(jit_run_count(other, yours), 5);
	CHECK_EQ(in_map(&o, yours), 15);
	jit_runs_update(other);
	run(jit_run_count(other, yours), 5);
	CHECK_EQ(in_map(&o, yours), 15);
	CHECK_EQ(unit_runs(yours), 20);
	CHECK_EQ(unit_runs(mine), 0);
	jit_vm_destroy(vm);
	jit_vm_destroy(other);
	observer_stop(&o);
	observer_remove_directory();
}

/* ---- fork() --------------------------------------------------------------------------- */

static void check_child(pid_t pid)
{
	int status;

	CHECK(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

TEST(a_child_gets_a_map_of_its_own)
{
	struct told t = {0};
	struct observer o;
	uint64_t no, parent, *count;
	jit_vm *vm;
	pid_t pid;

	vm = vm_that_is_watched(&t, &o);
	no = unit_loop(vm);
	count = jit_run_count(vm, no);
	run(count, 10);
	parent = jit_region->instance;
	pid = fork();
	if (!pid) {
		CHECK(jit_region->instance != parent);
		CHECK_EQ(jit_region->runs_session, 1); /* before it runs on */
		CHECK_EQ(unit_runs(no), 10);
		run(count, 5);
		CHECK_EQ(unit_runs(no), 15);
		pid = fork();
		if (!pid) {
			run(count, 1);
			_exit(unit_runs(no) != 16);
		}
		check_child(pid);
		CHECK_EQ(unit_runs(no), 15);
		_exit(0);
	}
	run(count, 1);
	check_child(pid);
	CHECK_EQ(unit_runs(no), 11);
	CHECK_EQ(in_map(&o, no), 11);
	CHECK_EQ(o.requests, 3);
	CHECK(o.processes[1].instance && o.processes[2].instance);
	CHECK_EQ(observer_runs(&o, o.processes[1].instance, slot_of(no)), 15);
	CHECK_EQ(observer_runs(&o, o.processes[2].instance, slot_of(no)), 16);
	end_watched(vm, &o);
}

TEST(a_child_that_is_refused_counts_in_memory_of_its_own)
{
	struct told t = {0};
	struct observer o;
	uint64_t no, *count;
	jit_vm *vm;
	pid_t pid;

	vm = vm_that_is_watched(&t, &o);
	no = unit_loop(vm);
	count = jit_run_count(vm, no);
	run(count, 10);
	o.limit = 0;
	pid = fork();
	if (!pid) {
		CHECK_EQ(jit_region->runs_session, 0);
		run(count, 5);
		_exit(unit_runs(no) != 15);
	}
	check_child(pid);
	CHECK_EQ(in_map(&o, no), 10);
	CHECK_EQ(jit_region->runs_session, 1);
	end_watched(vm, &o);
}

/* The other thread counts on in the parent; its loops are as they were in the child. */
TEST(a_fork_while_another_thread_counts)
{
	struct counter c = {0};
	struct observer o;
	jit_vm *vm;
	pid_t pid;

	if (WITH_TSAN)
		unit_skip("the thread sanitizer does not follow a fork of threads");
	observer_directory();
	observer_start(&o, 1, PLENTY);
	observer_attach(1);
	vm = unit_vm();
	CHECK(!pthread_create(&c.thread, NULL, count_on, &c));
	while (!in_hand() || !unit_runs(c.no)) {
		usleep(100000);
		observer_attach(1); /* if the first answer came too late */
	}
	for (int i = 0; i < 5; i++) {
		pid = fork();
		if (!pid) {
			uint64_t before = unit_runs(c.no);

			usleep(2000);
			_exit(unit_runs(c.no) != before || !before);
		}
		check_child(pid);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	join(&c);
	end_watched(vm, &o);
}

/* ---- Region files ------------------------------------------------------------------------ */

/* The path of a process's region file; there is one. */
static const char *file_of(const char *dir, pid_t pid)
{
	static char pattern[128], path[256];
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/%d.*", dir, (int)pid);
	CHECK(!glob(pattern, 0, NULL, &g));
	CHECK_EQ(g.gl_pathc, 1);
	snprintf(path, sizeof(path), "%s", g.gl_pathv[0]);
	globfree(&g);
	return path;
}

/* The last event as it stands in the file. */
static struct jit_event event_in_file(const char *dir, pid_t pid)
{
	struct jit_event e = {.magic = 0};
	int fd = open(file_of(dir, pid), O_RDONLY);

	CHECK(fd >= 0);
	CHECK_EQ(pread(fd, &e, sizeof(e), offsetof(struct jit_region, event)), sizeof(e));
	close(fd);
	return e;
}

/* The count of a loop as it stands in the file. */
static uint64_t in_file(const char *dir, pid_t pid, uint64_t no)
{
	const struct jit_region *r;
	const struct jit_loop_row *rows;
	const uint64_t *runs;
	int fd = open(file_of(dir, pid), O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END);
	uint64_t n = 0;

	CHECK(fd >= 0);
	r = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(r != MAP_FAILED);
	close(fd);
	rows = (const void *)((const char *)r + r->loops.offset);
	runs = (const void *)((const char *)r + r->runs.offset);
	for (uint32_t i = 0; i < r->loops.used; i++)
		if (rows[i].no == no)
			n = runs[rows[i].loop.run_slot];
	munmap((void *)r, (size_t)size);
	return n;
}

TEST(a_region_file_has_the_counts_again_when_the_map_is_gone)
{
	char dir[] = "/tmp/jithooks-runs-XXXXXX";
	struct told t = {0};
	struct observer o;
	uint64_t no, instance;
	jit_vm *vm;
	pid_t pid;

	CHECK(mkdtemp(dir));
	CHECK(!setenv("JITHOOKS_REGION_DIR", dir, 1));
	observer_directory();
	observer_start(&o, 1, PLENTY);
	vm = vm_that_counts(&t);
	no = unit_loop(vm);
	run(jit_run_count(vm, no), 1);
	observer_attach(1);
	jit_runs_update(vm);
	run(jit_run_count(vm, no), 10);
	CHECK_EQ(in_map(&o, no), 11);
	CHECK_EQ(in_file(dir, getpid(), no), 1);
	instance = jit_region->instance;
	pid = fork();
	if (!pid) {
		CHECK(jit_region->instance != instance);
		run(jit_run_count(vm, no), 5);
		CHECK_EQ(unit_runs(no), 16);
		exit(0); /* at a normal end the file gets what the map has */
	}
	check_child(pid);
	CHECK_EQ(o.requests, 2);
	CHECK_EQ(observer_runs(&o, o.processes[1].instance, slot_of(no)), 16);
	CHECK_EQ(in_map(&o, no), 11);
	observer_attach(-1);
	jit_runs_update(vm);
	CHECK_EQ(in_file(dir, getpid(), no), 11);
	run(jit_run_count(vm, no), 10);
	CHECK_EQ(in_file(dir, getpid(), no), 21);
	CHECK_EQ(in_map(&o, no), 11);
	CHECK_EQ(in_file(dir, pid, no), 16);
	unlink(file_of(dir, getpid()));
	unlink(file_of(dir, pid));
	CHECK(!rmdir(dir));
	end_watched(vm, &o);
}

/* An observer takes the counts with it; nobody is asked for a map any more. */
TEST(the_last_word_at_a_normal_end_says_so)
{
	char dir[] = "/tmp/jithooks-runs-XXXXXX";
	struct told t = {0};
	struct observer o;
	struct jit_event e;
	jit_vm *vm;
	pid_t pid;

	CHECK(mkdtemp(dir));
	CHECK(!setenv("JITHOOKS_REGION_DIR", dir, 1));
	observer_directory();
	vm = vm_that_counts(&t);
	unit_loop(vm);
	observer_attach(1);
	jit_runs_update(vm); /* finds nobody */
	observer_start(&o, 1, PLENTY);
	pid = fork();
	if (!pid) {
		jit_update_semaphore = 1;
		exit(0);
	}
	check_child(pid);
	CHECK_EQ(o.requests, 0);
	e = event_in_file(dir, pid);
	CHECK_EQ(e.probe, JIT_PROBE_UPDATE);
	CHECK_EQ(e.ending, 1);
	CHECK_EQ(e.counting, JIT_RUNS_MEMORY);
	CHECK_EQ(e.runs_session, 0);
	CHECK_EQ(event_in_file(dir, getpid()).ending, 0);
	unlink(file_of(dir, getpid()));
	unlink(file_of(dir, pid));
	CHECK(!rmdir(dir));
	end_watched(vm, &o);
}

void suite_runs_threads(void)
{
	unit_suite("runs_threads");
	ADD(threads_count_exactly_while_maps_come_and_go);
	ADD(each_vm_moves_its_own);
	ADD(a_child_gets_a_map_of_its_own);
	ADD(a_child_that_is_refused_counts_in_memory_of_its_own);
	ADD(a_fork_while_another_thread_counts);
	ADD(a_region_file_has_the_counts_again_when_the_map_is_gone);
	ADD(the_last_word_at_a_normal_end_says_so);
}
