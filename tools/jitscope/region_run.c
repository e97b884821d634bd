/* SPDX-License-Identifier: BSD-2-Clause */
/* region_run.c - `run` where there is no BPF: the regions are all there is. */

#include "region_run.h"
#include "child.h"
#include "output.h"
#include "signals.h"
#include "text.h"

static void add_subject(void *ctx, const char *path)
{
	struct subjects *all = ctx;
	struct jitscope_snapshot *s;

	if (jitscope_region_file_snapshot(path, &s))
		say("%s", jitscope_error());
	else if (s->inherited) /* on its way to exec, mostly; the kernel drops it too */
		jitscope_snapshot_free(s);
	else if (!subjects_add(all, s, session_run_ns(s)))
		say("no memory for a further process");
}

int region_run(char *const *argv, char **env, const struct region_dir *dir, pid_t *pid,
	       struct run_result *result, struct subjects *all)
{
	uint64_t started = now_ns();
	int err = jitscope_spawn(NULL, argv, env, pid);

	if (err) {
		say("%s", jitscope_error());
		return err;
	}
	signals_forward_to(*pid);
	child_ended(*pid, started, true, result);
	region_dir_each(dir, add_subject, all);
	return 0;
}
