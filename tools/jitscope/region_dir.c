/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * region_dir.c - the directory in which the processes of a command leave
 * their regions (JITHOOKS_REGION_DIR, hooks.h), to be read when they have
 * ended, however they ended.
 *
 * It is private, and locked while we live: one that is ours by name, whose
 * process is no more, and that nobody has locked was left by a jitscope that
 * was killed, and is removed by the next.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"
#include "region_dir.h"
#include "text.h"

#define PREFIX "jitscope-"

/* In memory where that can be had: the regions are written like memory. */
static const char *parent_directory(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (!access("/dev/shm", W_OK | X_OK))
		return "/dev/shm";
	return dir && *dir == '/' && !access(dir, W_OK | X_OK) ? dir : "/tmp";
}

/* Removes an open directory of plain files. */
static void remove_directory(const char *path, int fd)
{
	struct dirent *entry;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (d)
		rewinddir(d); /* the copy shares its place with other readers */
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

int region_dir_make(struct region_dir *dir)
{
	const char *parent = parent_directory();
	char *path = dir->path;

	remove_leftovers(parent);
	snprintf(path, sizeof(dir->path), "%s/" PREFIX "%d-XXXXXX", parent, (int)getpid());
	if (!mkdtemp(path)) {
		int err = -errno;

		say("cannot make a directory for the regions in %s: %s", parent, strerror(errno));
		return err;
	}
	dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir->fd < 0) {
		int err = -errno;

		rmdir(path);
		return err;
	}
	flock(dir->fd, LOCK_EX | LOCK_NB);
	return 0;
}

void region_dir_each(const struct region_dir *dir, void (*f)(void *ctx, const char *path),
		     void *ctx)
{
	struct dirent *entry;
	int copy = fcntl(dir->fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (d)
		rewinddir(d);
	while (d && (entry = readdir(d))) {
		char file[PATH_MAX + NAME_MAX + 2];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", dir->path, entry->d_name);
		f(ctx, file);
	}
	if (d)
		closedir(d);
}

void region_dir_remove(struct region_dir *dir)
{
	remove_directory(dir->path, dir->fd);
	close(dir->fd);
}
