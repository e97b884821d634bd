/* SPDX-License-Identifier: BSD-2-Clause */
/* session.c - what the commands that observe have in common. */
#include <errno.h>
#include <stdlib.h>

#include "session.h"
#include "text.h"

static void note(void *ctx, const char *line)
{
	(void)ctx;
	say("%s", line);
}

int session_open(jitscope_session **session, const struct options *o,
		 void (*event)(void *ctx, const struct jitscope_event *event), void *ctx,
		 uint32_t stream)
{
	char command[64];
	struct jitscope_options options = {
		.event = event,
		.note = note,
		.ctx = ctx,
		.stream = stream,
		.max_loops = o->max_loops,
		.system_wide = o->all || o->n_files,
		.count = o->count,
		.max_runs = o->max_runs,
		.pin_dir = o->pin_dir,
		.keep_ns = o->keep_ns,
		.command = command,
	};

	snprintf(command, sizeof(command), "jitscope %s", o->command->name);
	return jitscope_open(session, &options);
}

void session_explain_region(const struct options *o, int err, const char *why)
{
	const char *who = err == -ENOTSUP ? "a jitscope outside"
			  : err == -EPERM ? "root"
					  : "a kernel that allows it";

	if (o->json && *o->argv && !o->output)
		return; /* stderr is to be JSON, and its field `source` says it */
	say("%s; the figures are those that the process keeps itself (its region); %s would add "
	    "live events (jitscope trace), the kernel maps for bpftool and --pin%s%s",
	    why, who, o->count == JITSCOPE_COUNT_PROBE ? ", --count=probe" : "",
	    err == -EPERM ? ", and processes of other users" : "");
}

uint64_t session_run_ns(const struct jitscope_snapshot *s)
{
	return s->alive && s->start_ns && s->taken_ns > s->start_ns ? s->taken_ns - s->start_ns : 0;
}

bool subjects_add(struct subjects *all, struct jitscope_snapshot *snapshot, uint64_t run_ns)
{
	struct subject *bigger = all->list;

	if (!(all->n & (all->n - 1))) /* grows at powers of two */
		bigger = reallocarray(all->list, all->n ? 2 * all->n : 1, sizeof(*bigger));
	if (!bigger) {
		jitscope_snapshot_free(snapshot);
		return false;
	}
	all->list = bigger;
	all->list[all->n++] = (struct subject){.snapshot = snapshot, .run_ns = run_ns};
	return true;
}

void subjects_free(struct subjects *all)
{
	for (size_t i = 0; i < all->n; i++)
		jitscope_snapshot_free(all->list[i].snapshot);
	free(all->list);
	*all = (struct subjects){0};
}

int subjects_from_session(struct subjects *all, jitscope_session *session)
{
	size_t n = 0;
	pid_t *pids;
	int err = jitscope_pids(session, &pids, &n);

	if (err)
		return err;
	for (size_t i = 0; i < n && !err; i++) {
		struct jitscope_snapshot *s;

		err = jitscope_snapshot(session, pids[i], &s);
		if (err == -ENOENT) { /* collected meanwhile */
			err = 0;
			continue;
		}
		if (err)
			break;
		if (!s->instance)
			jitscope_snapshot_free(s);
		else if (!subjects_add(all, s, session_run_ns(s)))
			err = -ENOMEM;
	}
	free(pids);
	return err;
}
