/* SPDX-License-Identifier: BSD-2-Clause */
/* region_run.c - `run` where there is no BPF: the regions are all there is. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "output.h"
#include "region_run.h"
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

/* The child's half of start(): execs, or reports why not. */
static void become(char *const *argv, char **env, int report)
{
	int err;

	execvpe(argv[0], argv, env);
	err = -errno;
	if (write(report, &err, sizeof(err)) != sizeof(err))
		_exit(EXIT_NOT_FOUND);
	_exit(EXIT_NOT_FOUND);
}

static int start(char *const *argv, char **env, pid_t *pid)
{
	int report[2], err = 0;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	*pid = fork();
	if (!*pid)
		become(argv, env, report[1]);
	if (*pid < 0)
		err = -errno;
	close(report[1]);
	if (!err) {
		while ((n = read(report[0], &err, sizeof(err))) < 0 && errno == EINTR)
			;
		if (n != sizeof(err))
			err = 0;
	}
	close(report[0]);
	return err;
}

int region_run(char *const *argv, char **env, const struct region_dir *dir, pid_t *pid,
	       struct run_result *result, struct subjects *all)
{
	uint64_t started = now_ns();
	int err = start(argv, env, pid);

	if (err) {
		struct run_result none;

		if (*pid > 0)
			child_ended(*pid, started, true, &none);
		say("cannot run %s: %s", argv[0], strerror(-err));
		return err;
	}
	signals_forward_to(*pid);
	if (signals_stop())
		kill(*pid, SIGTERM); /* asked for before there was a child */
	child_ended(*pid, started, true, result);
	region_dir_each(dir, add_subject, all);
	return 0;
}
