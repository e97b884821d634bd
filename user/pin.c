/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin.c - pinned maps: names under /sys/fs/bpf while a session runs.
 *
 * A pin outlives the process that made it if that is killed. So the map
 * `session` is pinned with the others and says whose they are: pid and start
 * time. Pins of a process that is no more are stale; the next session that
 * wants the directory removes them, and may first take what they say of the dead.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "internal.h"
#include "jitscope.skel.h"

#define BPFFS "/sys/fs/bpf"
#define BPFFS_MAGIC 0xcafe4a11

/*
 * Below the folder of the pins there is one more, for the map of maps and the
 * maps in it (runs_publish.c).
 */
#define RUNS "loop_run_times"

bool jitscope_is_public(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	return strcmp(name, "scratch") && strcmp(name, "rows") && !strchr(name, '.') &&
	       bpf_map__autocreate(map);
}

int jitscope_fill_owner(struct jitscope_session *s)
{
	struct jitscope_owner owner = {
		.pid = (uint32_t)getpid(),
		.start_ticks = jitscope_start_ticks(getpid()),
		.abi = JIT_ABI_VERSION,
		.system_wide = s->options.system_wide,
		.seed_lost = s->seed_lost,
		.seed_failed = s->seed_failed,
		.runs_session = jitscope_runs_id(s),
	};
	uint32_t zero = 0;

	memcpy(owner.command, s->command, sizeof(owner.command));
	return bpf_map__update_elem(s->bpf->maps.session, &zero, sizeof(zero), &owner,
				    sizeof(owner), BPF_ANY);
}

static bool is_bpffs(const char *dir)
{
	struct statfs fs;

	return !statfs(dir, &fs) && (uint32_t)fs.f_type == BPFFS_MAGIC;
}

int jitscope_mount_bpffs(void)
{
	if (is_bpffs(BPFFS) || !mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		return 0;
	return jitscope_fail(-errno,
			     "no bpf file system at " BPFFS " (%s); mount it: mount -t bpf "
			     "bpf " BPFFS,
			     strerror(errno));
}

static void remove_files(const char *dir)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d))) {
		char path[600];

		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

static void remove_pins(const char *dir)
{
	char runs[600];

	snprintf(runs, sizeof(runs), "%s/" RUNS, dir);
	remove_files(runs);
	remove_files(dir);
}

/* Whose pins are there. The map may be a stranger's: of any size. */
int jitscope_pins_owner(const char *dir, struct jitscope_owner *owner)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info), zero = 0;
	char path[600];
	int fd, err;

	snprintf(path, sizeof(path), "%s/session", dir);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	memset(owner, 0, sizeof(*owner));
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	if (!err && (info.value_size != sizeof(*owner) || info.key_size != sizeof(zero)))
		err = -EPROTO;
	if (!err)
		err = bpf_map_lookup_elem(fd, &zero, owner);
	owner->command[sizeof(owner->command) - 1] = '\0';
	close(fd);
	return err;
}

int jitscope_stale_pins(const char *dir, struct jitscope_owner *owner)
{
	int err = jitscope_pins_owner(dir, owner);

	if (err)
		return jitscope_fail(err, "no pins of jitscope in %s", dir);
	if (jitscope_start_ticks((pid_t)owner->pid) == owner->start_ticks)
		return jitscope_fail(-EBUSY, "%s belongs to a running session, pid %u (%s)", dir,
				     owner->pid, owner->command);
	return 0;
}

int jitscope_remove_stale_pins(const char *dir)
{
	struct jitscope_owner owner;
	int err = jitscope_stale_pins(dir, &owner);

	if (!err)
		remove_pins(dir);
	return err;
}

/* Only below the bpf file system may anything be made, or removed as stale. */
static int check_parent(const char *dir)
{
	const char *slash = strrchr(dir, '/');
	char parent[256];

	snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - dir) : 1, slash ? dir : ".");
	if (is_bpffs(*parent ? parent : "/"))
		return 0;
	return jitscope_fail(-EINVAL,
			     "cannot pin the maps in %s: it must be a directory below " BPFFS, dir);
}

static int make_dir(struct jitscope_session *s, const char *dir)
{
	struct jitscope_owner owner = {0};
	int err = check_parent(dir);

	if (err)
		return err;
	if (!mkdir(dir, 0700))
		return 0;
	if (errno != EEXIST)
		return jitscope_fail(-errno, "cannot make %s: %s", dir, strerror(errno));
	err = jitscope_stale_pins(dir, &owner);
	if (err == -EBUSY)
		return jitscope_fail(err,
				     "%s is in use by another session, pid %u (%s); choose another "
				     "directory: --pin=DIR",
				     dir, owner.pid, owner.command);
	if (!err) {
		if (s->options.keep_ns && s->options.system_wide && owner.system_wide &&
		    owner.abi == JIT_ABI_VERSION)
			jitscope_adopt(s, dir);
		remove_pins(dir);
		return mkdir(dir, 0700) ? -errno : 0;
	}
	return jitscope_fail(-EEXIST,
			     "%s is there already and is not jitscope's; remove it, or "
			     "choose another directory: --pin=DIR",
			     dir);
}

void jitscope_map_path(char path[600], const char *dir, const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	snprintf(path, 600, "%s/%s%s", dir, name, strcmp(name, RUNS) ? "" : "/maps");
}

static int make_runs_dir(struct jitscope_session *s)
{
	snprintf(s->runs_pin_dir, sizeof(s->runs_pin_dir), "%s/" RUNS, s->pin_dir);
	return mkdir(s->runs_pin_dir, 0700) ? -errno : 0;
}

int jitscope_pin(struct jitscope_session *s)
{
	const char *dir = s->options.pin_dir;
	char path[600];
	struct bpf_map *map;
	int err;

	if (strlen(dir) >= sizeof(s->pin_dir))
		return jitscope_fail(-ENAMETOOLONG, "the name of the pin directory is too long");
	err = jitscope_mount_bpffs();
	if (!err)
		err = make_dir(s, dir);
	if (err)
		return err;
	strcpy(s->pin_dir, dir);
	/* `session` first: pins without an owner could not be told stale. */
	jitscope_map_path(path, dir, s->bpf->maps.session);
	err = bpf_map__pin(s->bpf->maps.session, path);
	if (!err && s->options.count == JITSCOPE_COUNT_MEMORY)
		err = make_runs_dir(s);
	bpf_object__for_each_map(map, s->bpf->obj)
	{
		if (err || !jitscope_is_public(map) || map == s->bpf->maps.session)
			continue;
		jitscope_map_path(path, dir, map);
		err = bpf_map__pin(map, path);
	}
	return err ? jitscope_fail(err, "cannot pin the maps in %s: %s", dir, strerror(-err)) : 0;
}

/* What this session pinned, and nothing else. */
void jitscope_unpin(struct jitscope_session *s)
{
	char path[600];
	struct bpf_map *map;

	if (!*s->pin_dir)
		return;
	bpf_object__for_each_map(map, s->bpf->obj)
	{
		jitscope_map_path(path, s->pin_dir, map);
		if (bpf_map__is_pinned(map))
			bpf_map__unpin(map, path);
	}
	if (*s->runs_pin_dir)
		rmdir(s->runs_pin_dir);
	rmdir(s->pin_dir);
	*s->runs_pin_dir = '\0';
	*s->pin_dir = '\0';
}
