/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * measure.c - runs a command and says what it cost: CPU time and peak memory.
 *
 *	measure [-n TIMES] COMMAND [ARGUMENT...]
 *
 * The command's output goes where it always goes; at the end one line of JSON on
 * standard error has the sums of TIMES runs and the largest peak. It stands between a benchmark in
 *Python and the command because the kernel counts a process's memory from before exec() in as well:
 * a child of Python never has a peak below Python's own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct cost {
	double user, system, wall;
	long peak_kib;
	int status;
};

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run_once(char **command, struct cost *c)
{
	double start = now();
	struct rusage usage;
	int status;
	pid_t pid = vfork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			return -errno;
	c->wall += now() - start;
	c->user += seconds(usage.ru_utime);
	c->system += seconds(usage.ru_stime);
	if (usage.ru_maxrss > c->peak_kib)
		c->peak_kib = usage.ru_maxrss;
	c->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

int main(int argc, char **argv)
{
	struct cost cost = {0};
	long times = 1;
	int at = 1;

	if (at + 1 < argc && !strcmp(argv[at], "-n")) {
		times = strtol(argv[at + 1], NULL, 10);
		at += 2;
	}
	if (at >= argc || times < 1) {
		fprintf(stderr, "usage: measure [-n TIMES] COMMAND [ARGUMENT...]\n");
		return 2;
	}
	for (long i = 0; i < times && cost.status == 0; i++) {
		int err = run_once(argv + at, &cost);

		if (err) {
			fprintf(stderr, "measure: cannot run %s: %s\n", argv[at], strerror(-err));
			return 1;
		}
	}
	fprintf(stderr, "{\"user\": %.6f, \"system\": %.6f, \"wall\": %.6f, \"peak_kib\": %ld}\n",
		cost.user, cost.system, cost.wall, cost.peak_kib);
	return cost.status;
}
