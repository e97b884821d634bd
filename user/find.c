/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * find.c - which processes and files carry the provider.
 *
 * A file is read once, however many processes map it; one without the
 * provider is remembered as well, for most files are such.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

struct search {
	struct jitscope_providers *out;
	pid_t pid;
	int err;
	struct seen {
		dev_t dev;
		ino_t ino;
		size_t provider; /* index, or NOTHING */
	} * seen;
	size_t n_seen;
};

#define NOTHING SIZE_MAX

/* Room for one more of n entries; grows at powers of two. */
static int room(void *list, size_t n, size_t size)
{
	void **p = list, *bigger;

	if (n & (n - 1))
		return 0;
	bigger = reallocarray(*p, n ? 2 * n : 1, size);
	if (!bigger)
		return -ENOMEM;
	*p = bigger;
	return 0;
}

static int add_provider(struct search *s, int fd, const char *path, const struct stat *st,
			size_t *index)
{
	struct jitscope_provider *p;
	struct notes notes;
	int err = jitscope_read_notes(fd, &notes);

	if (err)
		return err;
	if (room(&s->out->list, s->out->n, sizeof(*p))) {
		jitscope_free_notes(&notes);
		return -ENOMEM;
	}
	p = &s->out->list[s->out->n];
	*p = (struct jitscope_provider){
		.path = strdup(path),
		.dev = st->st_dev,
		.ino = st->st_ino,
		.region = notes.has_anchor,
	};
	for (size_t i = 0; i < notes.n_sites; i++) {
		p->probes |= 1u << notes.sites[i].probe;
		if (!notes.sites[i].usable)
			p->unusable |= 1u << notes.sites[i].probe;
		p->five_byte_nop |= notes.sites[i].five_byte_nop;
	}
	jitscope_free_notes(&notes);
	if (!p->path)
		return -ENOMEM;
	*index = s->out->n++;
	return 0;
}

static int look_at_file(struct search *s, const struct mapping *m, size_t *index)
{
	struct stat st;
	int fd, err;

	for (size_t i = 0; i < s->n_seen; i++)
		if (s->seen[i].ino == m->ino && s->seen[i].dev == m->dev) {
			*index = s->seen[i].provider;
			return 0;
		}
	*index = NOTHING;
	fd = jitscope_open_mapping(s->pid, m);
	if (fd < 0)
		return 0; /* another process may show it to us */
	err = fstat(fd, &st) ? -errno : add_provider(s, fd, m->path, &st, index);
	close(fd);
	if (err == -ENOMEM || room(&s->seen, s->n_seen, sizeof(*s->seen)))
		return -ENOMEM;
	s->seen[s->n_seen++] = (struct seen){m->dev, m->ino, *index};
	return 0;
}

static int on_mapping(void *ctx, const struct mapping *m)
{
	struct jitscope_provider *p;
	struct search *s = ctx;
	size_t index;
	int err = look_at_file(s, m, &index);

	if (err || index == NOTHING)
		return err;
	p = &s->out->list[index];
	if (p->n_pids && p->pids[p->n_pids - 1] == s->pid)
		return 0;
	if (room(&p->pids, p->n_pids, sizeof(*p->pids)))
		return -ENOMEM;
	p->pids[p->n_pids++] = s->pid;
	return 0;
}

static int on_process(void *ctx, pid_t pid)
{
	struct search *s = ctx;
	int err;

	s->pid = pid;
	err = jitscope_each_mapping(pid, on_mapping, s);
	if (err == -ENOMEM)
		return err;
	s->err = err;
	if (!err || err == -ESRCH)
		return 0;
	if (room(&s->out->unreadable_pids, s->out->unreadable, sizeof(pid)))
		return -ENOMEM;
	s->out->unreadable_pids[s->out->unreadable++] = pid;
	return 0;
}

int jitscope_find(pid_t pid, struct jitscope_providers *out)
{
	struct search s = {.out = out};
	int err;

	memset(out, 0, sizeof(*out));
	if (pid > 0) {
		err = jitscope_check_pid(pid);
		if (err)
			return err;
		err = on_process(&s, pid);
		if (!err)
			err = s.err;
	} else {
		err = jitscope_each_process(on_process, &s);
	}
	free(s.seen);
	if (!err)
		return 0;
	jitscope_providers_free(out);
	if (err == -ESRCH)
		return jitscope_fail(err, "no process %d", pid);
	if (pid > 0)
		return jitscope_fail(err,
				     "cannot look at process %d: %s; it belongs to another user: "
				     "run as root",
				     pid, strerror(-err));
	return jitscope_fail(err, "cannot look through /proc: %s", strerror(-err));
}

int jitscope_find_file(const char *path, struct jitscope_providers *out)
{
	struct search s = {.out = out};
	struct stat st;
	size_t index;
	int fd, err;

	memset(out, 0, sizeof(*out));
	fd = jitscope_open_regular(path, &st);
	if (fd < 0)
		return jitscope_fail(fd, "cannot read %s: %s", path,
				     fd == -ENOEXEC ? "not a regular file" : strerror(-fd));
	err = add_provider(&s, fd, path, &st, &index);
	close(fd);
	if (!err)
		return 0;
	jitscope_providers_free(out);
	if (err == -ENOENT)
		return jitscope_fail(err, "%s carries no probe of provider jit", path);
	if (err == -ENOEXEC)
		return jitscope_fail(err, "%s is no 64-bit ELF file of this machine, or is damaged",
				     path);
	return jitscope_fail(err, "cannot read %s: %s", path, strerror(-err));
}

void jitscope_providers_free(struct jitscope_providers *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->list[i].path);
		free(p->list[i].pids);
	}
	free(p->list);
	free(p->unreadable_pids);
	memset(p, 0, sizeof(*p));
}
