/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * region_run.c - `run` where there is no BPF.
 *
 * Each process of the command keeps its region in a file of a private
 * directory (JITHOOKS_REGION_DIR, hooks.h), where it is read when the command
 * has ended, however it ended. The directory is locked while we live: one
 * that is ours by name, whose process is no more, and that nobody has locked
 * was left by a jitscope that was killed, and is removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters.h"
#include "child.h"
#include "output.h"
#include "region_run.h"
#include "signals.h"
#include "text.h"

#define PREFIX "jitscope-"

/* ---- The directory ------------------------------------------------------------------ */

static const char *parent_directory(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	return dir && *dir == '/' && !access(dir, W_OK | X_OK) ? dir : "/tmp";
}

/* Removes an open directory of plain files. */
static void remove_directory(const char *path, int fd)
{
	struct dirent *entry;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	while (d && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(fd, entry->d_name, 0);
	if (d)
		closedir(d);
	rmdir(path);
}

static void remove_if_left(const char *parent, const char *name)
{
	char path[PATH_MAX], *end;
	long pid = strtol(name + strlen(PREFIX), &end, 10);
	struct stat st;
	int fd;

	if (pid <= 0 || pid > INT_MAX || *end != '-' || !kill((pid_t)pid, 0) || errno != ESRCH)
		return;
	snprintf(path, sizeof(path), "%s/%s", parent, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_uid == geteuid() && !flock(fd, LOCK_EX | LOCK_NB))
		remove_directory(path, fd);
	close(fd);
}

static void remove_leftovers(const char *parent)
{
	struct dirent *entry;
	DIR *d = opendir(parent);

	while (d && (entry = readdir(d)))
		if (!strncmp(entry->d_name, PREFIX, strlen(PREFIX)))
			remove_if_left(parent, entry->d_name);
	if (d)
		closedir(d);
}

/* Makes and locks it; its fd, or a negative errno. */
static int make_directory(char path[PATH_MAX])
{
	const char *parent = parent_directory();
	int fd;

	remove_leftovers(parent);
	snprintf(path, PATH_MAX, "%s/" PREFIX "%d-XXXXXX", parent, (int)getpid());
	if (!mkdtemp(path)) {
		int err = -errno;

		say("cannot make a directory for the regions in %s: %s", parent, strerror(errno));
		return err;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		flock(fd, LOCK_EX | LOCK_NB);
	return fd < 0 ? -errno : fd;
}

static void read_regions(const char *path, int fd, struct subjects *all)
{
	struct dirent *entry;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	while (d && (entry = readdir(d))) {
		struct jitscope_snapshot *s;
		char file[PATH_MAX + NAME_MAX + 2];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (jitscope_region_file_snapshot(file, &s))
			say("%s", jitscope_error());
		else if (s->inherited) /* on its way to exec, mostly; the kernel drops it too */
			jitscope_snapshot_free(s);
		else if (!subjects_add(all, s, session_run_ns(s)))
			say("no memory for a further process");
	}
	if (d)
		closedir(d);
}

/* ---- The command ---------------------------------------------------------------------- */

/* The child's half of start(): execs, or reports why not. */
static void become(char *const *argv, char **env, int report)
{
	int err;

	execvpe(argv[0], argv, env);
	err = -errno;
	if (write(report, &err, sizeof(err)) != sizeof(err))
		_exit(EXIT_NOT_FOUND);
	_exit(EXIT_NOT_FOUND);
}

static int start(char *const *argv, char **env, pid_t *pid)
{
	int report[2], err = 0;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	*pid = fork();
	if (!*pid)
		become(argv, env, report[1]);
	if (*pid < 0)
		err = -errno;
	close(report[1]);
	if (!err) {
		while ((n = read(report[0], &err, sizeof(err))) < 0 && errno == EINTR)
			;
		if (n != sizeof(err))
			err = 0;
	}
	close(report[0]);
	return err;
}

int region_run(char *const *argv, char ***env, pid_t *pid, struct run_result *result,
	       struct subjects *all)
{
	char path[PATH_MAX];
	uint64_t started;
	int fd = make_directory(path), err;

	if (fd < 0)
		return fd;
	if (!environment_set(env, "JITHOOKS_REGION_DIR", path)) {
		err = -ENOMEM;
		goto out;
	}
	started = now_ns();
	err = start(argv, *env, pid);
	if (err) {
		struct run_result none;

		if (*pid > 0)
			child_ended(*pid, started, true, &none);
		say("cannot run %s: %s", argv[0], strerror(-err));
		goto out;
	}
	signals_forward_to(*pid);
	if (signals_stop())
		kill(*pid, SIGTERM); /* asked for before there was a child */
	child_ended(*pid, started, true, result);
	read_regions(path, fd, all);
out:
	remove_directory(path, fd);
	close(fd);
	return err;
}
