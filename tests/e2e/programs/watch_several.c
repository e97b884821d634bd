/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch_several.c - a user of libjitscope: watches processes one after the other, in
 * one session, and tells what is known of their loop runs.
 *
 *	watch_several PID...
 *
 * Each line on standard input is answered with a line of JSON for each process; it
 * ends when there are no more.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jitscope/jitscope.h>

static int fail(void)
{
	fprintf(stderr, "watch_several: %s\n", jitscope_error());
	return 1;
}

static int tell(jitscope_session *session, pid_t pid)
{
	unsigned long long runs = 0;
	struct jitscope_snapshot *s;

	if (jitscope_snapshot(session, pid, &s))
		return -1;
	for (size_t i = 0; i < s->n_loops; i++)
		runs += s->loops[i].loop.runs;
	printf("{\"pid\":%d,\"run_source\":\"%s\",\"runs\":%llu}\n", (int)pid,
	       jitscope_run_source_name(s->run_source), runs);
	fflush(stdout);
	jitscope_snapshot_free(s);
	return 0;
}

/* 1: a line came; 0: the end; negative: an error. */
static int next_line(jitscope_session *session)
{
	struct pollfd in = {.fd = 0, .events = POLLIN};
	char c;

	while (!poll(&in, 1, 0))
		if (jitscope_poll(session, 10))
			return -1;
	while (read(0, &c, 1) == 1)
		if (c == '\n')
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct jitscope_options options = {.count = JITSCOPE_COUNT_MEMORY,
					   .command = "watch_several"};
	jitscope_session *session;
	int more;

	if (jitscope_open(&session, &options))
		return fail();
	for (int i = 1; i < argc; i++)
		if (jitscope_watch_pid(session, atoi(argv[i])))
			return fail();
	puts("{}");
	fflush(stdout);
	while ((more = next_line(session)) > 0)
		for (int i = 1; i < argc; i++)
			if (tell(session, atoi(argv[i])))
				return fail();
	jitscope_close(session);
	return more ? fail() : 0;
}
