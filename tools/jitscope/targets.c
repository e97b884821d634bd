/* SPDX-License-Identifier: BSD-2-Clause */
/* targets.c - which processes -p, -f and -a mean. */
#include <errno.h>
#include <stdlib.h>

#include "targets.h"
#include "text.h"

typedef int on_process(void *ctx, pid_t pid);

static void add_unreadable(struct targets_unreadable *list, pid_t pid)
{
	pid_t *bigger = list->pids;

	for (size_t i = 0; i < list->n; i++)
		if (list->pids[i] == pid)
			return;
	if (!(list->n & (list->n - 1))) /* grows at powers of two */
		bigger = reallocarray(bigger, list->n ? 2 * list->n : 1, sizeof(*bigger));
	if (!bigger)
		return;
	list->pids = bigger;
	bigger[list->n++] = pid;
}

/*
 * Calls f for each process that maps the file (NULL: any file with the
 * provider), until one returns non-zero.
 */
static int each_process(const char *path, struct targets_unreadable *unreadable, on_process *f,
			void *ctx)
{
	struct jitscope_providers file = {0}, found = {0};
	int err = path ? jitscope_find_file(path, &file) : 0;

	if (!err)
		err = jitscope_find(0, &found);
	for (size_t i = 0; i < found.n && !err; i++) {
		const struct jitscope_provider *p = &found.list[i];

		if (path && (p->dev != file.list->dev || p->ino != file.list->ino))
			continue;
		for (size_t k = 0; k < p->n_pids && !err; k++)
			err = f(ctx, p->pids[k]);
	}
	for (size_t i = 0; unreadable && i < found.unreadable; i++)
		add_unreadable(unreadable, found.unreadable_pids[i]);
	jitscope_providers_free(&found);
	jitscope_providers_free(&file);
	return err;
}

/* ---- Watching -------------------------------------------------------------------- */

static int watch(void *ctx, pid_t pid)
{
	int err = jitscope_watch_pid(ctx, pid);

	/*
	 * Gone, or it unmapped the file: processes come and go. And one whose
	 * region makes no sense is no reason not to watch the others.
	 */
	if (err && err != -ESRCH && err != -ENOENT)
		say("%s", jitscope_error());
	return 0;
}

int targets_watch(jitscope_session *session, const struct options *o)
{
	int err = 0;

	if (o->pid)
		return jitscope_watch_pid(session, o->pid);
	if (o->all)
		return jitscope_watch_all(session);
	for (size_t i = 0; i < o->n_files && !err; i++)
		err = jitscope_watch_file(session, o->files[i]);
	for (size_t i = 0; i < o->n_files && !err; i++)
		err = each_process(o->files[i], NULL, watch, session);
	return err;
}

/* ---- Regions --------------------------------------------------------------------- */

struct reading {
	struct subjects *all;
	struct targets_unreadable *unreadable;
};

static int read_region(void *ctx, pid_t pid)
{
	struct reading *r = ctx;
	struct jitscope_snapshot *s;
	int err;

	for (size_t i = 0; i < r->all->n; i++) /* it maps several such files */
		if (r->all->list[i].snapshot->pid == pid)
			return 0;
	err = jitscope_region_snapshot(pid, &s);
	if (err) {
		if (err == -EPERM || err == -EACCES || err == -EPROTO)
			add_unreadable(r->unreadable, pid);
		return 0;
	}
	return subjects_add(r->all, s, session_run_ns(s)) ? 0 : -ENOMEM;
}

int targets_read_regions(const struct options *o, struct subjects *all,
			 struct targets_unreadable *unreadable)
{
	struct reading r = {.all = all, .unreadable = unreadable};
	struct jitscope_snapshot *s;
	int err = 0;

	*unreadable = (struct targets_unreadable){NULL, 0};
	if (!o->pid) {
		if (!o->n_files)
			err = each_process(NULL, unreadable, read_region, &r);
		for (size_t i = 0; i < o->n_files && !err; i++)
			err = each_process(o->files[i], unreadable, read_region, &r);
		return err;
	}
	err = jitscope_region_snapshot(o->pid, &s);
	if (err)
		return err;
	return subjects_add(all, s, session_run_ns(s)) ? 0 : -ENOMEM;
}
