/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * region_dir.c - the directory in which the processes of a command leave
 * their regions (JITHOOKS_REGION_DIR, hooks.h), to be read when they have
 * ended, however they ended.
 *
 * It is private, marked, and locked while we live. One that a killed jitscope
 * left is removed by the next, but only if nothing about it is in doubt: its
 * name is exactly one of ours with a pid that is no more, it is ours and
 * closed to others, nobody has locked it, the marker is in it, and besides
 * that only regions. If anything else is in there, all of it stays.
 *
 * The marker is made when the lock is held and removed last, so a directory
 * with a marker and without a lock has no owner: kill() alone would not know
 * that of a process in another pid namespace.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"
#include "region_dir.h"
#include "text.h"

#define PREFIX ".jitscope-regions."
#define RANDOM 6 /* characters that mkdtemp() puts for XXXXXX */
#define MARKER ".jitscope-regions"

/* In memory where that can be had: the regions are written like memory. */
static const char *parent_directory(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (!access("/dev/shm", W_OK | X_OK))
		return "/dev/shm";
	return dir && *dir == '/' && !access(dir, W_OK | X_OK) ? dir : "/tmp";
}

/* ---- Names ------------------------------------------------------------------------ */

/* The decimal number at the start of s as printf() writes a pid; 0 if it is none. */
static pid_t leading_pid(const char *s, const char **end)
{
	size_t n = strspn(s, "0123456789");
	long pid = n && n <= 10 && *s != '0' ? strtol(s, NULL, 10) : 0;

	*end = s + n;
	return pid <= INT_MAX ? (pid_t)pid : 0;
}

/* PID.HEX, as libjithooks names them. */
static bool is_region_name(const char *name)
{
	size_t n;

	if (!leading_pid(name, &name) || *name++ != '.')
		return false;
	n = strspn(name, "0123456789abcdef");
	return n && n <= 16 && !name[n];
}

/* The process that a directory of this name belongs to; 0: it is none of ours. */
static pid_t owner_of(const char *name)
{
	pid_t pid;
	size_t n = 0;

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return 0;
	pid = leading_pid(name + strlen(PREFIX), &name);
	if (!pid || *name++ != '.')
		return 0;
	while (isalnum((unsigned char)name[n]))
		n++;
	return n == RANDOM && !name[n] ? pid : 0;
}

/* ---- What is inside ---------------------------------------------------------------- */

/* A plain file of our own: what a name promises is not taken on trust. */
static bool is_own_file(int dir, const char *name)
{
	struct stat st;

	return !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid();
}

static bool is_region(int dir, const char *name)
{
	return is_region_name(name) && is_own_file(dir, name);
}

/* NULL with errno; from the start, though the descriptor shares its place. */
static DIR *list(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (d)
		rewinddir(d);
	else if (copy >= 0)
		close(copy);
	return d;
}

static bool holds_only_ours(int fd)
{
	bool marked = false, only = true;
	struct dirent *entry;
	DIR *d = list(fd);

	if (!d)
		return false;
	while ((entry = readdir(d))) {
		const char *name = entry->d_name;

		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		if (!strcmp(name, MARKER) && is_own_file(fd, name))
			marked = true;
		else if (!is_region(fd, name))
			only = false;
	}
	closedir(d);
	return marked && only;
}

/* Removes what is ours, and the directory if nothing else was in it. */
static bool remove_ours(const char *path, int fd)
{
	struct dirent *entry;
	DIR *d = list(fd);

	while (d && (entry = readdir(d)))
		if (is_region(fd, entry->d_name))
			unlinkat(fd, entry->d_name, 0);
	if (d)
		closedir(d);
	unlinkat(fd, MARKER, 0);
	return !rmdir(path);
}

/* ---- Leftovers ----------------------------------------------------------------------- */

static void remove_if_left(const char *parent, const char *name)
{
	pid_t pid = owner_of(name);
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (!pid || !kill(pid, 0) || errno != ESRCH)
		return;
	snprintf(path, sizeof(path), "%s/%s", parent, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_uid == geteuid() && (st.st_mode & 07777) == 0700 &&
	    !flock(fd, LOCK_EX | LOCK_NB) && holds_only_ours(fd))
		remove_ours(path, fd);
	close(fd);
}

static void remove_leftovers(const char *parent)
{
	struct dirent *entry;
	DIR *d = opendir(parent);

	while (d && (entry = readdir(d)))
		remove_if_left(parent, entry->d_name);
	if (d)
		closedir(d);
}

/* ---- Our own --------------------------------------------------------------------------- */

/* Takes the lock, then marks it. */
static int claim(struct region_dir *dir)
{
	int marker;

	dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir->fd < 0)
		return -errno;
	flock(dir->fd, LOCK_EX | LOCK_NB);
	marker = openat(dir->fd, MARKER, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (marker < 0) {
		int err = -errno;

		close(dir->fd);
		return err;
	}
	close(marker);
	return 0;
}

int region_dir_make(struct region_dir *dir)
{
	const char *parent = parent_directory();
	int err = 0;

	remove_leftovers(parent);
	snprintf(dir->path, sizeof(dir->path), "%s/" PREFIX "%d.XXXXXX", parent, (int)getpid());
	if (!mkdtemp(dir->path)) {
		err = -errno;
	} else {
		err = claim(dir);
		if (err)
			rmdir(dir->path);
	}
	if (err)
		say("cannot make a directory for the regions in %s: %s", parent, strerror(-err));
	return err;
}

void region_dir_each(const struct region_dir *dir, void (*f)(void *ctx, const char *path),
		     void *ctx)
{
	struct dirent *entry;
	DIR *d = list(dir->fd);

	while (d && (entry = readdir(d))) {
		char file[PATH_MAX + NAME_MAX + 2];

		if (!is_region(dir->fd, entry->d_name))
			continue;
		snprintf(file, sizeof(file), "%s/%s", dir->path, entry->d_name);
		f(ctx, file);
	}
	if (d)
		closedir(d);
}

void region_dir_remove(struct region_dir *dir)
{
	if (!remove_ours(dir->path, dir->fd) && errno == ENOTEMPTY)
		say("%s stays: the command put something of its own in it", dir->path);
	close(dir->fd);
}
