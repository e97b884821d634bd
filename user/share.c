/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * share.c - reading the maps of another session.
 *
 * Two sessions that watch the same files cost a process each hit twice. Where one
 * watches the whole machine and has pinned its maps, a second one need not attach: it
 * opens the pins, checks that they are what it would have made itself, and reads.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"
#include "jitscope.skel.h"

bool jitscope_is_same_kind(int fd, const struct bpf_map *map)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &size) && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map);
}

static int adopt(const char *dir, struct bpf_map *map)
{
	char path[600];
	int fd, err = -EPROTO;

	jitscope_map_path(path, dir, map);
	fd = bpf_obj_get(path);
	if (fd == -ENOENT && bpf_map__type(map) == BPF_MAP_TYPE_HASH_OF_MAPS)
		return bpf_map__set_autocreate(map, false); /* no runs are counted there */
	if (fd < 0)
		return fd;
	if (jitscope_is_same_kind(fd, map))
		err = bpf_map__reuse_fd(map, fd);
	close(fd);
	return err;
}

/* The programs stay out of the kernel: nothing is attached. */
static int load(struct jitscope_session *s, const char *dir)
{
	struct bpf_program *prog;
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_program(prog, s->bpf->obj) bpf_program__set_autoload(prog, false);
	bpf_object__for_each_map(map, s->bpf->obj)
	{
		if (!err && jitscope_is_public(map))
			err = adopt(dir, map);
	}
	return err ? err : jitscope_bpf__load(s->bpf);
}

static bool is_alive(const struct jitscope_owner *owner)
{
	return owner->start_ticks && jitscope_start_ticks((pid_t)owner->pid) == owner->start_ticks;
}

int jitscope_open_pinned(jitscope_session **out, const char *dir)
{
	struct jitscope_owner owner;
	struct jitscope_session *s;
	int err = jitscope_pins_owner(dir, &owner);

	*out = NULL;
	if (err || strlen(dir) >= sizeof(s->shared_dir) || !owner.system_wide || !is_alive(&owner))
		return jitscope_fail(-ENOENT,
				     "no session that watches everything has its maps in %s", dir);
	if (owner.abi != JIT_ABI_VERSION)
		return jitscope_fail(-EPROTO, "the maps in %s are of another version of jitscope",
				     dir);
	s = calloc(1, sizeof(*s));
	if (!s)
		return jitscope_fail(-ENOMEM, "no memory");
	snprintf(s->shared_dir, sizeof(s->shared_dir), "%s", dir);
	s->options.system_wide = true;
	jitscope_quiet_libbpf();
	s->bpf = jitscope_bpf__open();
	err = s->bpf ? load(s, dir) : -errno;
	if (err) {
		jitscope_close(s);
		return jitscope_fail(err, "cannot read the maps in %s: %s", dir, strerror(-err));
	}
	*out = s;
	return 0;
}

/* The owner's losses are ours. */
int jitscope_reader_poll(struct jitscope_session *s)
{
	struct jitscope_owner owner;
	uint32_t zero = 0;
	int err = bpf_map__lookup_elem(s->bpf->maps.session, &zero, sizeof(zero), &owner,
				       sizeof(owner), 0);

	if (err)
		return err;
	s->seed_lost = owner.seed_lost;
	s->seed_failed = owner.seed_failed;
	s->shared_runs = owner.runs_session;
	return is_alive(&owner) ? 0 : -EOWNERDEAD;
}

bool jitscope_reader_runs(struct jitscope_session *s, pid_t pid, uint64_t **counts, uint32_t *slots)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	const uint64_t *shared = MAP_FAILED;
	char path[600];
	int fd;

	snprintf(path, sizeof(path), "%s/loop_run_times/%d", s->shared_dir, (int)pid);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return false;
	if (!bpf_obj_get_info_by_fd(fd, &info, &size) && info.type == BPF_MAP_TYPE_ARRAY &&
	    info.value_size == sizeof(*shared))
		shared = mmap(NULL, info.max_entries * sizeof(*shared), PROT_READ, MAP_SHARED, fd,
			      0);
	close(fd);
	if (shared == MAP_FAILED)
		return false;
	*counts = malloc(info.max_entries * sizeof(*shared));
	if (*counts) {
		memcpy(*counts, shared, info.max_entries * sizeof(*shared));
		*slots = info.max_entries;
	}
	munmap((void *)shared, info.max_entries * sizeof(*shared));
	return *counts != NULL;
}

int jitscope_reader_has(struct jitscope_session *s, pid_t pid)
{
	struct jitscope_process p;
	uint32_t key = (uint32_t)pid;
	uint64_t start_ticks = jitscope_start_ticks(pid);
	bool seen = !bpf_map__lookup_elem(s->bpf->maps.processes, &key, sizeof(key), &p, sizeof(p),
					  0) &&
		    p.instance;
	int err;

	if (seen && !start_ticks && !p.alive)
		return 0; /* it has ended, and what it did is kept for a time */
	err = jitscope_check_pid(pid);
	if (err)
		return err;
	if (!seen || p.start_ticks != start_ticks)
		return jitscope_fail(-ENOENT,
				     "the session that watches everything has not seen "
				     "process %d yet",
				     pid);
	return 0;
}

bool jitscope_reader_keeps(const struct jitscope_session *s, const struct jitscope_process *p)
{
	for (size_t i = 0; i < s->n_shared_files; i++)
		if (s->shared_files[i] == p->file)
			return true;
	return !s->n_shared_files;
}

static bool has_any_of(struct jitscope_session *s, uint32_t file)
{
	struct map_rows rows;
	const struct jitscope_process *p;
	bool found = false;

	if (jitscope_read_map(s->bpf->maps.processes, &rows))
		return false;
	p = (void *)rows.values;
	for (size_t i = 0; i < rows.n && !found; i++)
		found = p[i].instance && p[i].file == file;
	jitscope_free_rows(&rows);
	return found;
}

int jitscope_reader_keep_to(struct jitscope_session *s, const struct stat *st, const char *path)
{
	uint32_t file = jitscope_file_id(st->st_dev, st->st_ino);
	uint32_t *more = reallocarray(s->shared_files, s->n_shared_files + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	s->shared_files = more;
	more[s->n_shared_files++] = file;
	return has_any_of(s, file) ? 0
				   : jitscope_fail(-ENOENT,
						   "the session that watches everything has seen "
						   "no process of %s",
						   path);
}
