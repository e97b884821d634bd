/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unseeded.c - whose figures lack something of before they were watched.
 *
 * That is in a map as well, because those who read the maps of a session (share.c)
 * have to know it, and because it is about a program, not a pid: an entry counts only
 * if it fits that of `processes`.
 */
#include <bpf/libbpf.h>

#include "internal.h"
#include "jitscope.skel.h"

static bool look_up(const struct bpf_map *map, pid_t pid, void *value, size_t size)
{
	uint32_t key = (uint32_t)pid;

	return !bpf_map__lookup_elem(map, &key, sizeof(key), value, size, 0);
}

bool jitscope_is_unseeded(const struct jitscope_session *s, pid_t pid,
			  const struct jitscope_process *p)
{
	struct jitscope_unseeded u;

	return look_up(s->bpf->maps.unseeded, pid, &u, sizeof(u)) &&
	       u.start_ticks == p->start_ticks && u.execs == p->execs;
}

bool jitscope_mark_unseeded(struct jitscope_session *s, pid_t pid)
{
	struct jitscope_process p = {.start_ticks = 0};
	struct jitscope_unseeded u = {0};
	uint32_t key = (uint32_t)pid;

	look_up(s->bpf->maps.processes, pid, &p, sizeof(p));
	if (jitscope_is_unseeded(s, pid, &p))
		return false;
	u.start_ticks = p.start_ticks;
	u.execs = p.execs;
	bpf_map__update_elem(s->bpf->maps.unseeded, &key, sizeof(key), &u, sizeof(u), BPF_ANY);
	return true;
}

void jitscope_unmark_unseeded(struct jitscope_session *s, pid_t pid)
{
	uint32_t key = (uint32_t)pid;

	bpf_map__delete_elem(s->bpf->maps.unseeded, &key, sizeof(key), 0);
}

void jitscope_sweep_unseeded(struct jitscope_session *s)
{
	struct jitscope_process p;
	struct map_rows rows;

	if (jitscope_read_map(s->bpf->maps.unseeded, &rows))
		return;
	for (size_t i = 0; i < rows.n; i++) {
		pid_t pid = (pid_t)jitscope_row_pid(&rows, i);

		if (!look_up(s->bpf->maps.processes, pid, &p, sizeof(p)))
			jitscope_unmark_unseeded(s, pid);
	}
	jitscope_free_rows(&rows);
}
