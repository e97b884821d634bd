/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_fork.c - a forked child goes on as a process of its own, with private
 * memory and with a region file; and what is in such a file.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../jit/hooks/internal.h"
#include "unit.h"

static void check_child(pid_t pid)
{
	int status;

	CHECK(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

TEST(a_child_has_its_own_instance_and_goes_on)
{
	jit_vm *vm = unit_vm();
	uint64_t first = unit_loop(vm), instance = jit_region->instance;
	uint64_t *count = jit_run_count(vm, first);
	pid_t pid;

	*count = 5;
	pid = fork();
	if (!pid) {
		CHECK(jit_region->instance != instance);
		CHECK_EQ(jit_region->event.instance, jit_region->instance);
		CHECK_EQ(jit_region->pid, getpid());
		CHECK_EQ(unit_counter(JIT_TOTAL_COMPILED_LOOPS), 1); /* inherited */
		CHECK_EQ(*count, 5);
		*count += 100;
		CHECK_EQ(unit_loop(vm), first + 1);
		CHECK(jit_run_count(vm, first) == count);
		jit_flushed(vm, NULL);
		jit_vm_destroy(vm);
		exit(0);
	}
	check_child(pid);
	CHECK_EQ(jit_region->instance, instance);
	CHECK_EQ(jit_region->pid, getpid());
	CHECK_EQ(*count, 5);
	CHECK_EQ(unit_counter(JIT_TOTAL_COMPILED_LOOPS), 1);
	CHECK_EQ(unit_counter(JIT_FLUSHES), 0);
	CHECK_EQ(unit_loop(vm), first + 1);
	jit_vm_destroy(vm);
}

TEST(a_child_of_a_child_is_again_another)
{
	jit_vm *vm = unit_vm();
	uint64_t instance = jit_region->instance, second;
	pid_t pid = fork(), inner;

	if (!pid) {
		second = jit_region->instance;
		inner = fork();
		if (!inner) {
			CHECK(jit_region->instance != second && jit_region->instance != instance);
			unit_loop(vm);
			jit_vm_destroy(vm);
			exit(0);
		}
		check_child(inner);
		CHECK_EQ(jit_region->instance, second);
		jit_vm_destroy(vm);
		exit(0);
	}
	check_child(pid);
	jit_vm_destroy(vm);
}

static bool stop;

static void *compile_on(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		jit_trace_freed(arg, unit_loop(arg));
	return NULL;
}

/* The lock is free in the child, whatever the other thread was at. */
TEST(a_fork_while_another_thread_compiles)
{
	jit_vm *vm = unit_vm(), *other = unit_vm();
	pthread_t thread;
	pid_t pid;

	if (WITH_TSAN)
		unit_skip("the thread sanitizer does not follow a fork of threads");
	CHECK(!pthread_create(&thread, NULL, compile_on, other));
	for (int i = 0; i < 50; i++) {
		pid = fork();
		if (!pid) {
			unit_loop(vm);
			_exit(unit_counter(JIT_TOTAL_COMPILED_LOOPS) ? 0 : 1);
		}
		check_child(pid);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	jit_vm_destroy(vm);
	jit_vm_destroy(other);
}

static pthread_barrier_t writing;

static void *write_slowly(void *arg)
{
	struct jit_loop_row *row;

	jit_region_lock();
	row = jit_region_add_loop(arg, 1000);
	pthread_barrier_wait(&writing);
	unit_spin(50000000);
	jit_region_loop_done(row);
	jit_region_unlock();
	return NULL;
}

TEST(a_fork_waits_for_a_row_that_is_being_written)
{
	struct jit_loop_row *row;
	pthread_t thread;
	jit_vm *vm;
	pid_t pid;

	if (WITH_TSAN)
		unit_skip("the thread sanitizer does not follow a fork of threads");
	vm = unit_vm();
	pthread_barrier_init(&writing, NULL, 2);
	CHECK(!pthread_create(&thread, NULL, write_slowly, vm));
	pthread_barrier_wait(&writing);
	pid = fork();
	if (!pid) {
		row = jit_region_loop(1000);
		_exit(row && row->begin == row->end ? 0 : 1);
	}
	check_child(pid);
	pthread_join(thread, NULL);
	jit_vm_destroy(vm);
}

/* ---- Region files -------------------------------------------------------------------- */

static char dir[] = "/tmp/jithooks-unit-XXXXXX";

static void use_files(void)
{
	CHECK(mkdtemp(dir));
	CHECK(!setenv("JITHOOKS_REGION_DIR", dir, 1));
}

static char *path_in(const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* Number of files, and the name of that of a process. */
static int files(pid_t pid, char *name, size_t size)
{
	struct dirent *entry;
	DIR *d = opendir(dir);
	char start[32];
	int n = 0;

	CHECK(d);
	snprintf(start, sizeof(start), "%d.", (int)pid);
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		if (name && !strncmp(entry->d_name, start, strlen(start)))
			snprintf(name, size, "%s", entry->d_name);
	}
	closedir(d);
	return n;
}

static void remove_files(void)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	CHECK(d);
	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.')
			unlink(path_in(entry->d_name));
	closedir(d);
	CHECK(!rmdir(dir));
}

/* What may be read is there. An area that has no memory yet lies beyond the end. */
static void check_within(const struct jit_area *area, const struct stat *st)
{
	uint64_t bytes = (uint64_t)area->capacity * area->entry_size;

	CHECK(!bytes || area->offset + bytes <= (uint64_t)st->st_size);
	CHECK(area->used <= area->capacity);
}

/* The region in the file of a process, as an observer maps it. */
static const struct jit_region *file_of(pid_t pid)
{
	const struct jit_region *r;
	char name[300] = "";
	struct stat st;
	int fd;

	CHECK(files(pid, name, sizeof(name)));
	CHECK(*name);
	fd = open(path_in(name), O_RDONLY);
	CHECK(fd >= 0);
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK((size_t)st.st_size >= sizeof(*r));
	r = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(r != MAP_FAILED);
	close(fd);
	CHECK_EQ(r->magic, JIT_ABI_MAGIC);
	CHECK_EQ(r->pid, pid);
	check_within(&r->loops, &st);
	check_within(&r->runs, &st);
	check_within(&r->aborts, &st);
	return r;
}

static const struct jit_loop_row *rows(const struct jit_region *r)
{
	return (const void *)((const char *)r + r->loops.offset);
}

static uint64_t runs_of(const struct jit_region *r, uint32_t row)
{
	const uint64_t *runs = (const void *)((const char *)r + r->runs.offset);

	CHECK(rows(r)[row].loop.run_slot < r->runs.used);
	return runs[rows(r)[row].loop.run_slot];
}

TEST(a_region_file_shows_what_the_process_does)
{
	const struct jit_region *r;
	jit_vm *vm;

	use_files();
	vm = unit_vm();
	r = file_of(getpid());
	CHECK_EQ(r->instance, jit_region->instance);
	for (int i = 0; i < 2000; i++)
		*jit_run_count(vm, unit_loop(vm)) = (uint64_t)i;
	unit_abort(vm, JIT_ABORT_OTHER, "why", "where");
	r = file_of(getpid()); /* has grown */
	CHECK_EQ(r->loops.used, 2000);
	CHECK_EQ(rows(r)[1999].no, 2000);
	CHECK_EQ(runs_of(r, 1999), 1999);
	CHECK_EQ(r->aborts.used, 1);
	CHECK_EQ(r->event.totals.counters.TOTAL_COMPILED_LOOPS, 2000);
	jit_vm_destroy(vm);
	remove_files();
}

TEST(a_region_file_outlives_a_killed_process)
{
	const struct jit_region *r;
	int status;
	pid_t pid;

	use_files();
	pid = fork(); /* before there is a region */
	if (!pid) {
		unit_loop(unit_vm());
		raise(SIGKILL);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	r = file_of(pid);
	CHECK_EQ(r->loops.used, 1);
	CHECK_EQ(r->event.totals.counters.TRACING, 1);
	remove_files();
}

TEST(parents_and_childs_file_are_independent)
{
	const struct jit_region *r, *mine;
	uint64_t *count;
	jit_vm *vm;
	pid_t pid;

	use_files();
	vm = unit_vm();
	for (int i = 0; i < 500; i++)
		unit_loop(vm);
	count = jit_run_count(vm, 500);
	*count = 5;
	pid = fork();
	if (!pid) {
		*count += 100;
		for (int i = 0; i < 1500; i++)
			unit_loop(vm);
		unit_abort(vm, JIT_ABORT_OTHER, "child", "child");
		jit_vm_destroy(vm);
		exit(0);
	}
	check_child(pid);
	*count += 1;
	unit_loop(vm);

	CHECK_EQ(files(pid, NULL, 0), 2);
	mine = file_of(getpid());
	CHECK_EQ(mine->instance, jit_region->instance);
	CHECK_EQ(mine->loops.used, 501);
	CHECK_EQ(mine->aborts.used, 0);
	CHECK_EQ(runs_of(mine, 499), 6);
	CHECK_EQ(mine->event.totals.counters.TOTAL_COMPILED_LOOPS, 501);

	r = file_of(pid);
	CHECK(r->instance != mine->instance);
	CHECK_EQ(r->loops.used, 2000);
	CHECK_EQ(rows(r)[0].no, 1); /* what it inherited */
	CHECK_EQ(rows(r)[1999].no, 2000);
	CHECK_EQ(runs_of(r, 499), 105);
	CHECK_EQ(r->aborts.used, 1);
	CHECK_EQ(r->event.totals.counters.TOTAL_COMPILED_LOOPS, 2000);
	jit_vm_destroy(vm);
	remove_files();
}

/* The child cannot have a file: it goes on in private memory. */
TEST(a_child_that_gets_no_file_leaves_the_parents_alone)
{
	const struct jit_region *mine;
	jit_vm *vm;
	pid_t pid;

	use_files();
	vm = unit_vm();
	unit_loop(vm);
	mine = file_of(getpid());
	remove_files(); /* directory and all */
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 1500; i++)
			CHECK(jit_run_count(vm, unit_loop(vm)));
		CHECK_EQ(unit_counter(JIT_TOTAL_COMPILED_LOOPS), 1501);
		jit_vm_destroy(vm);
		exit(0);
	}
	check_child(pid);
	CHECK_EQ(unit_counter(JIT_TOTAL_COMPILED_LOOPS), 1);
	CHECK_EQ(mine->event.totals.counters.TOTAL_COMPILED_LOOPS, 1);
	unit_loop(vm);
	CHECK_EQ(mine->event.totals.counters.TOTAL_COMPILED_LOOPS, 2);
	jit_vm_destroy(vm);
}

TEST(without_the_directory_the_region_is_private)
{
	jit_vm *vm;

	CHECK(!setenv("JITHOOKS_REGION_DIR", "/nonexistent/nowhere", 1));
	vm = unit_vm();
	CHECK(jit_run_count(vm, unit_loop(vm)));
	CHECK_EQ(unit_counter(JIT_UNTRACKED_LOOPS), 0);
	jit_vm_destroy(vm);
}

void suite_fork(void)
{
	unit_suite("fork");
	ADD(a_child_has_its_own_instance_and_goes_on);
	ADD(a_child_of_a_child_is_again_another);
	ADD(a_fork_while_another_thread_compiles);
	ADD(a_fork_waits_for_a_row_that_is_being_written);
	ADD(a_region_file_shows_what_the_process_does);
	ADD(a_region_file_outlives_a_killed_process);
	ADD(parents_and_childs_file_are_independent);
	ADD(a_child_that_gets_no_file_leaves_the_parents_alone);
	ADD(without_the_directory_the_region_is_private);
}
