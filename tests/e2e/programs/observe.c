/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * observe.c - a user of libjitscope: starts a command, takes every event there
 * is, runs of loops included, and prints what came as one JSON object.
 *
 *	observe CMD [ARG...]
 */
#include <stdio.h>
#include <sys/wait.h>

#include <jitscope/jitscope.h>

#define KINDS (JITSCOPE_EXIT + 1)

static unsigned long long counts[KINDS];

static void on_event(void *ctx, const struct jitscope_event *event)
{
	(void)ctx;
	if (event->kind < KINDS)
		counts[event->kind]++;
}

static int fail(void)
{
	fprintf(stderr, "observe: %s\n", jitscope_error());
	return 1;
}

static void print(pid_t pid, const struct jitscope_snapshot *s)
{
	printf("{\"pid\":%d,\"events\":{", (int)pid);
	for (unsigned i = 0, n = 0; i < KINDS; i++)
		if (jitscope_event_name(i))
			printf("%s\"%s\":%llu", n++ ? "," : "", jitscope_event_name(i), counts[i]);
	printf("},\"stats\":{");
#define X(name, text) printf("\"" #name "\":%llu,", (unsigned long long)s->stats.name);
	JITSCOPE_STATS(X)
#undef X
	printf("\"lost_rows\":%llu},\"compiled\":%llu,\"aborts\":%llu,\"runs\":{",
	       (unsigned long long)s->lost,
	       (unsigned long long)jitscope_total_compiled(&s->info.counters),
	       (unsigned long long)jitscope_total_aborts(&s->info.counters));
	for (size_t i = 0; i < s->info.n_loop_run_times; i++)
		printf("%s\"%llu\":%llu", i ? "," : "",
		       (unsigned long long)s->info.loop_run_times[i].number,
		       (unsigned long long)s->info.loop_run_times[i].count);
	printf("}}\n");
}

int main(int argc, char **argv)
{
	struct jitscope_options options = {
		.event = on_event,
		.stream = (1u << JIT_NPROBES) - 1,
		.count = JITSCOPE_COUNT_PROBE,
		.command = "observe",
	};
	struct jitscope_snapshot *snapshot;
	jitscope_session *session;
	int status = 0;
	pid_t pid;

	if (argc < 2) {
		fprintf(stderr, "usage: observe CMD [ARG...]\n");
		return 2;
	}
	if (jitscope_open(&session, &options) || jitscope_spawn(session, argv + 1, NULL, &pid))
		return fail();
	while (!waitpid(pid, &status, WNOHANG))
		if (jitscope_poll(session, 10))
			return fail();
	if (jitscope_poll(session, 0) || jitscope_snapshot(session, pid, &snapshot))
		return fail();
	print(pid, snapshot);
	jitscope_snapshot_free(snapshot);
	jitscope_close(session);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
