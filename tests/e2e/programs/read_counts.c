/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read_counts.c - how long it takes to read the run counts of a process.
 *
 *	read_counts PID
 *
 * Watches the process, waits until its counts lie in a map, and reads them on each
 * line of standard input: how many there are, their sum, and milliseconds, as JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jitscope/jitscope.h>

#define MAX_LOOPS (1u << 20)

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int fail(void)
{
	fprintf(stderr, "read_counts: %s\n", jitscope_error());
	return 1;
}

static int read_once(jitscope_session *s, pid_t pid)
{
	double start = now_ms(), ms;
	uint64_t *counts, sum = 0;
	size_t n;

	if (jitscope_run_counts(s, pid, &counts, &n))
		return -1;
	ms = now_ms() - start;
	for (size_t i = 0; i < n; i++)
		sum += counts[i];
	free(counts);
	printf("{\"counts\": %zu, \"sum\": %llu, \"ms\": %.3f}\n", n, (unsigned long long)sum, ms);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct jitscope_options options = {
		.count = JITSCOPE_COUNT_MEMORY,
		.max_loops = MAX_LOOPS,
		.max_runs = MAX_LOOPS + 4096,
	};
	pid_t pid = argc > 1 ? (pid_t)atoi(argv[1]) : 0;
	jitscope_session *s;
	uint64_t *counts;
	size_t n;

	if (jitscope_open(&s, &options) || jitscope_watch_pid(s, pid))
		return fail();
	for (int i = 0; i < 600 && jitscope_run_counts(s, pid, &counts, &n); i++)
		if (jitscope_poll(s, 100))
			return fail();
	for (int c; (c = getchar()) != EOF;)
		if (c == '\n' && read_once(s, pid))
			return fail();
	jitscope_close(s);
	return 0;
}
