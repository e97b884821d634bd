/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emit.c - a load generator for tests and benchmarks: sends events of chosen
 * kinds at a chosen rate and tells exactly what it sent.
 *
 * Each kind sends only its own probe, except compile, which has to free what
 * it compiled beyond the last KEEP, and mix, which sends all of them. A call is
 * counted as sent if its probe had somebody attached just before it; with
 * --wait and an observer that stays this is exact, as long as the loop table
 * is not full (2^20 loops): what is not on record cannot be freed.
 *
 * The figures in the counters mean nothing here (update sets them to what it
 * likes); embed.c is the one with known totals.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jithooks/hooks.h>

#define KEEP 1000
#define MAX_THREADS 256
#define MAX_CHILDREN 256

static const char *const probe_names[] = {
#define X(name, probe) #probe,
	JIT_PROBES(X)
#undef X
};

static struct {
	unsigned long events;  /* to send, by each thread */
	unsigned long rate;    /* a second, by each process; 0: as fast as it goes */
	unsigned long loops;   /* live loops before the first event */
	unsigned long places;  /* how many greenkeys there are */
	unsigned long seconds; /* limit of time; 0: none */
	unsigned long threads, children;
	int wait, hold, json;
	const char *kind;
} opt = {.threads = 1, .places = 100, .kind = "mix"};

struct sender {
	jit_vm *vm;    /* counts and times by the library */
	jit_vm *quiet; /* own_counters: a trace's start fires no probe */
	unsigned long sent[JIT_NPROBES];
	unsigned long calls;
	uint64_t kept[KEEP];
	unsigned long compiled, tick;
	double seconds;
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void note(struct sender *s, enum jit_probe probe)
{
	s->calls++;
	s->sent[probe] += jit_probe_enabled(probe) != 0;
}

/* ---- The kinds ----------------------------------------------------------------- */

static void begin(jit_vm *vm, struct sender *s, struct jit_trace *t)
{
	char place[64];

	snprintf(place, sizeof(place), "emit.lua:%lu", s->tick % opt.places);
	jit_trace_start(vm, t, &(struct jit_trace_place){.type = JIT_TYPE_LOOP, .greenkey = place});
}

static void emit_trace__start(struct sender *s)
{
	struct jit_trace t;

	note(s, JIT_PROBE_TRACE_START);
	begin(s->vm, s, &t);
	jit_time_end(JIT_TIME_TRACING);
}

static void emit_optimize(struct sender *s)
{
	struct jit_optimize ops = {.ops_before = 100, .ops_after = 50};
	struct jit_trace t;

	begin(s->quiet, s, &t);
	note(s, JIT_PROBE_OPTIMIZE);
	jit_optimize(s->quiet, &t, &ops);
}

/* Code that is compiled and stays. */
static uint64_t compile(jit_vm *vm, struct sender *s)
{
	struct jit_trace t;

	if (vm == s->vm)
		note(s, JIT_PROBE_TRACE_START);
	begin(vm, s, &t);
	note(s, JIT_PROBE_COMPILE);
	jit_trace_compiled(vm, &t,
			   &(struct jit_code){.asmaddr = 0x10000 + 64 * t.no,
					      .asmlen = 64,
					      .operations = 50});
	return t.no;
}

static void free_one(struct sender *s, jit_vm *vm, uint64_t no)
{
	note(s, JIT_PROBE_FREE);
	jit_trace_freed(vm, no);
}

static void emit_compile(struct sender *s)
{
	uint64_t *oldest = &s->kept[s->compiled++ % KEEP];

	if (*oldest)
		free_one(s, s->quiet, *oldest);
	*oldest = compile(s->quiet, s);
}

static void emit_abort(struct sender *s)
{
	struct jit_trace t;

	begin(s->quiet, s, &t);
	note(s, JIT_PROBE_ABORT);
	jit_trace_aborted(s->quiet, &t,
			  &(struct jit_abort_info){
				  .counter = s->tick % 2 ? JIT_ABORT_OTHER : JIT_ABORT_TOO_LONG,
				  .reason_id = s->tick % 2,
				  .reason = s->tick % 2 ? "NYI: bytecode 51" : "trace too long",
				  .operations = 42,
			  });
}

/* Only what is on record can be freed, so this compiles too. */
static void emit_free(struct sender *s)
{
	free_one(s, s->quiet, compile(s->quiet, s));
}

static void emit_flush(struct sender *s)
{
	note(s, JIT_PROBE_FLUSH);
	jit_flushed(s->quiet, "emit says so");
	memset(s->kept, 0, sizeof(s->kept));
}

static void emit_update(struct sender *s)
{
	uint64_t counters[JIT_ABORT_OTHER] = {[JIT_TRACING] = s->tick + 1};

	note(s, JIT_PROBE_UPDATE);
	jit_take_over(s->quiet, counters, JIT_ABORT_OTHER, s->tick, s->tick, 1);
}

static void emit_loop__run(struct sender *s)
{
	note(s, JIT_PROBE_LOOP_RUN);
	jit_loop_run(1 + s->tick % opt.places, JIT_TYPE_LOOP);
}

/* Fires only when a map comes or goes. */
static void emit_runs(struct sender *s)
{
	jit_runs_update(s->vm);
}

static void emit_mix(struct sender *s)
{
	static void (*const kinds[])(struct sender *) = {
		emit_compile, emit_compile, emit_abort, emit_optimize,	emit_trace__start,
		emit_compile, emit_update,  emit_abort, emit_loop__run,
	};

	if (s->tick % 1000 == 999)
		emit_flush(s);
	else
		kinds[s->tick % (sizeof(kinds) / sizeof(kinds[0]))](s);
}

static void (*kind_named(const char *name))(struct sender *)
{
#define X(n, probe)                \
	if (!strcmp(name, #probe)) \
		return emit_##probe;
	JIT_PROBES(X)
#undef X
	return strcmp(name, "mix") ? NULL : emit_mix;
}

/* ---- Sending -------------------------------------------------------------------- */

/* Sleeps until event number i is due. */
static void pace(uint64_t start, unsigned long i, double per_second)
{
	uint64_t due = start + (uint64_t)((double)i * 1e9 / per_second);
	struct timespec ts = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};

	if (due > now() + 50000)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void *send_all(void *arg)
{
	struct sender *s = arg;
	void (*emit)(struct sender *) = kind_named(opt.kind);
	double rate = (double)opt.rate / opt.threads;
	uint64_t start = now(), end = start + opt.seconds * 1000000000u;

	for (unsigned long i = 0; i < opt.events || (!opt.events && opt.seconds); i++) {
		if (opt.rate)
			pace(start, i, rate);
		if (opt.seconds && i % 64 == 0 && now() >= end)
			break;
		emit(s);
		s->tick++;
	}
	s->seconds = (double)(now() - start) / 1e9;
	return NULL;
}

static void print(const struct sender *senders)
{
	unsigned long sent[JIT_NPROBES] = {0}, calls = 0, total = 0;
	double seconds = 0;

	for (unsigned i = 0; i < opt.threads; i++) {
		for (unsigned p = 0; p < JIT_NPROBES; p++)
			sent[p] += senders[i].sent[p];
		calls += senders[i].calls;
		if (senders[i].seconds > seconds)
			seconds = senders[i].seconds;
	}
	for (unsigned p = 0; p < JIT_NPROBES; p++)
		total += sent[p];
	printf(opt.json ? "{\"pid\":%d,\"seconds\":%.6f,\"calls\":%lu,\"sent\":%lu,\"live_loops\":%"
			  "lu"
			: "pid %d: %.6f s, %lu calls, %lu sent, %lu loops from the start",
	       (int)getpid(), seconds, calls, total, opt.loops);
	for (unsigned p = 0; p < JIT_NPROBES; p++)
		printf(opt.json ? ",\"%s\":%lu" : ", %s %lu", probe_names[p], sent[p]);
	puts(opt.json ? "}" : "");
	fflush(stdout);
}

/* Until SIGTERM or SIGINT (blocked since the start), or the other end of a piped stdin closes. */
static void hold(int signals)
{
	struct stat st;
	int piped = !fstat(0, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
	struct pollfd fds[2] = {{.fd = signals, .events = POLLIN},
				{.fd = piped ? 0 : -1, .events = POLLIN}};
	char skip[256];

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents)
			return;
		if (fds[1].revents && read(0, skip, sizeof(skip)) <= 0)
			return;
	}
}

static void wait_for_observer(void)
{
	for (;;) {
		int all = 1;

		for (unsigned p = 0; p < JIT_NPROBES; p++)
			if (p == JIT_PROBE_LOOP_RUN ? !strcmp(opt.kind, "loop__run")
						    : p != JIT_PROBE_RUNS)
				all &= jit_probe_enabled(p);
		if (all)
			return;
		usleep(1000);
	}
}

static struct sender *make_senders(void)
{
	static const struct jit_vm_config vm = {.jitdriver_name = "emit"};
	static const struct jit_vm_config quiet = {.jitdriver_name = "emit", .own_counters = 1};
	struct sender *senders = calloc(opt.threads, sizeof(*senders));

	for (unsigned i = 0; senders && i < opt.threads; i++)
		if (jit_vm_create(&senders[i].vm, &vm) || jit_vm_create(&senders[i].quiet, &quiet))
			return NULL;
	return senders;
}

static void parse(int argc, char **argv)
{
	static const struct {
		const char *name;
		unsigned long *value;
	} numbers[] = {
		{"--events", &opt.events},   {"--rate", &opt.rate},	  {"--loops", &opt.loops},
		{"--places", &opt.places},   {"--threads", &opt.threads}, {"--fork", &opt.children},
		{"--seconds", &opt.seconds},
	};
	size_t k, n = sizeof(numbers) / sizeof(numbers[0]);

	for (int i = 1; i < argc; i++) {
		for (k = 0; k < n && strcmp(argv[i], numbers[k].name); k++)
			;
		if (k < n && i + 1 < argc)
			*numbers[k].value = strtoul(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--kind") && i + 1 < argc)
			opt.kind = argv[++i];
		else if (!strcmp(argv[i], "--wait"))
			opt.wait = 1;
		else if (!strcmp(argv[i], "--hold"))
			opt.hold = 1;
		else if (!strcmp(argv[i], "--json"))
			opt.json = 1;
		else
			opt.threads = 0;
	}
	if (!opt.threads || opt.threads > MAX_THREADS || opt.children > MAX_CHILDREN ||
	    !opt.places || !kind_named(opt.kind)) {
		fprintf(stderr,
			"usage: emit [--kind PROBE|mix] [--events N] [--seconds S] [--rate N]\n"
			"            [--threads T] [--fork N] [--loops N] [--places N]\n"
			"            [--wait] [--hold] [--json]\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	pthread_t threads[MAX_THREADS];
	pid_t children[MAX_CHILDREN];
	struct sender *senders;
	sigset_t stop;
	int signals;

	parse(argc, argv);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	if (opt.hold)
		sigprocmask(SIG_BLOCK, &stop, NULL);
	signals = signalfd(-1, &stop, SFD_CLOEXEC);
	senders = make_senders();
	if (!senders) {
		fprintf(stderr, "emit: out of memory\n");
		return 1;
	}
	if (opt.wait)
		wait_for_observer();
	for (; senders[0].tick < opt.loops; senders[0].tick++)
		compile(senders[0].vm, &senders[0]);
	for (unsigned i = 0; i < opt.children; i++) {
		children[i] = fork();
		if (children[i] < 0) {
			perror("emit: fork");
			return 1;
		}
		if (!children[i]) {
			opt.children = 0;
			memset(senders[0].sent, 0, sizeof(senders[0].sent));
			senders[0].calls = 0;
		}
	}
	for (unsigned i = 0; i < opt.threads; i++)
		pthread_create(&threads[i], NULL, send_all, &senders[i]);
	for (unsigned i = 0; i < opt.threads; i++)
		pthread_join(threads[i], NULL);
	print(senders);
	if (opt.hold)
		hold(signals);
	for (unsigned i = 0; i < opt.children; i++) {
		if (opt.hold)
			kill(children[i], SIGTERM);
		waitpid(children[i], NULL, 0);
	}
	for (unsigned i = 0; i < opt.threads; i++) {
		jit_vm_destroy(senders[i].vm);
		jit_vm_destroy(senders[i].quiet);
	}
	free(senders);
	return 0;
}
