/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.c - what /proc says of processes and of the files that they map.
 *
 * A process may live in another mount namespace, and the file it maps may be
 * deleted since or replaced by another of the same name. /proc/PID/map_files
 * leads to the very inode but needs privileges; /proc/PID/root/PATH needs
 * fewer, and then the inode number has to agree.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"

#define MAX_MAPPINGS 4096 /* of one process that are looked at */

/* "start-end perms offset major:minor inode path"; false if not for us. */
static bool parse_mapping(char *line, struct mapping *m)
{
	unsigned int major, minor;
	unsigned long long start, end, offset, ino;
	char perms[8];
	int path = 0;

	if (sscanf(line, "%llx-%llx %7s %llx %x:%x %llu %n", &start, &end, perms, &offset, &major,
		   &minor, &ino, &path) < 7 ||
	    !path || !ino || !strchr(perms, 'x') || line[path] != '/')
		return false;
	line[strcspn(line, "\n")] = '\0';
	m->start = start;
	m->end = end;
	m->offset = offset;
	m->dev = makedev(major, minor);
	m->ino = ino;
	snprintf(m->path, sizeof(m->path), "%s", line + path);
	return true;
}

int jitscope_each_mapping(pid_t pid, int (*f)(void *ctx, const struct mapping *m), void *ctx)
{
	char path[64], *line = NULL;
	size_t size = 0, n = 0;
	int err = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return errno == ENOENT ? -ESRCH : -errno;
	errno = 0;
	while (!err && getline(&line, &size, maps) > 0) {
		struct mapping m;

		if (parse_mapping(line, &m) && n++ < MAX_MAPPINGS)
			err = f(ctx, &m);
	}
	/* The kernel refuses at the first read, not when the file is opened. */
	if (!err && ferror(maps))
		err = errno == ESRCH ? -ESRCH : -EACCES;
	free(line);
	fclose(maps);
	return err;
}

/*
 * O_PATH first: opening a device has effects, and the path may be one that a
 * hostile process chose.
 */
int jitscope_open_regular(const char *path, struct stat *st)
{
	int place = open(path, O_PATH | O_CLOEXEC), fd = -ENOEXEC;
	char self[64];

	if (place < 0)
		return -errno;
	if (fstat(place, st)) {
		fd = -errno;
	} else if (S_ISDIR(st->st_mode)) {
		fd = -EISDIR;
	} else if (S_ISREG(st->st_mode)) {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", place);
		fd = open(self, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	close(place);
	return fd;
}

int jitscope_open_mapping(pid_t pid, const struct mapping *m)
{
	char path[640];
	struct stat st = {0};
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid,
		 (unsigned long long)m->start, (unsigned long long)m->end);
	fd = jitscope_open_regular(path, &st);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, m->path);
	fd = jitscope_open_regular(path, &st);
	if (fd >= 0 && st.st_ino != m->ino) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

uint64_t jitscope_start_ticks(pid_t pid)
{
	char path[64], buf[1024], *at;
	unsigned long long ticks = 0;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = '\0';
	/* The name may hold anything, so count from its last parenthesis. */
	at = strrchr(buf, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		ticks = strtoull(at, NULL, 10);
	return ticks;
}

int jitscope_comm(pid_t pid, char comm[JIT_COMM_LEN])
{
	char path[64];
	size_t n;
	FILE *f;

	memset(comm, 0, JIT_COMM_LEN);
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	n = fread(comm, 1, JIT_COMM_LEN - 1, f);
	fclose(f);
	if (n && comm[n - 1] == '\n')
		comm[n - 1] = '\0';
	return 0;
}

/* What /proc/PID/status has after `name:`; false: there is no such process, or line. */
static bool status_of(pid_t pid, const char *name, char *text, size_t size)
{
	size_t n = strlen(name);
	char path[64], line[128];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = !strncmp(line, name, n) && line[n] == ':';
	if (f)
		fclose(f);
	if (found)
		snprintf(text, size, "%s", line + n + 1);
	return found;
}

pid_t jitscope_tgid(pid_t pid)
{
	char text[128];

	return status_of(pid, "Tgid", text, sizeof(text)) ? (pid_t)strtol(text, NULL, 10) : 0;
}

bool jitscope_euid(pid_t pid, uid_t *uid)
{
	char text[128];
	unsigned long real, effective;

	if (!status_of(pid, "Uid", text, sizeof(text)) ||
	    sscanf(text, "%lu %lu", &real, &effective) != 2)
		return false;
	*uid = (uid_t)effective;
	return true;
}

int jitscope_check_pid(pid_t pid)
{
	pid_t tgid = jitscope_tgid(pid);

	if (!tgid)
		return jitscope_fail(-ESRCH, "no process %d", pid);
	if (tgid != pid)
		return jitscope_fail(-ESRCH, "%d is a thread of process %d: name that", pid, tgid);
	return 0;
}

bool jitscope_in_first_pid_namespace(void)
{
	struct stat st = {0};

	/* PROC_PID_INIT_INO of the kernel; without /proc nothing works anyway. */
	return stat("/proc/self/ns/pid", &st) || st.st_ino == 0xeffffffcu;
}

/* Without a descriptor, when there is none to look with. */
static bool is_known_to_kernel(pid_t pid)
{
	return !kill(pid, 0) || errno != ESRCH;
}

bool jitscope_alive(pid_t pid)
{
	char text[128];

	if (status_of(pid, "State", text, sizeof(text)))
		return !strpbrk(text, "ZX");
	return is_known_to_kernel(pid);
}

bool jitscope_has_ended(pid_t pid, uint64_t start_ticks)
{
	uint64_t ticks = jitscope_start_ticks(pid);

	return ticks && start_ticks ? ticks != start_ticks : !is_known_to_kernel(pid);
}

int jitscope_each_process(int (*f)(void *ctx, pid_t pid), void *ctx)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	int err = 0;

	if (!proc)
		return -errno;
	while (!err && (entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (isdigit((unsigned char)entry->d_name[0]) && !*end)
			err = f(ctx, (pid_t)pid);
	}
	closedir(proc);
	return err;
}
