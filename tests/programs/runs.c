/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs.c - a VM whose loops run as often as it is told, for tests of the
 * counting of loop runs. It follows the protocol of hooks.h as a VM with
 * compiled code does, and keeps a tally of its own beside: what it says was
 * counted does not come from the library.
 *
 *	runs [--loops N] [--threads T] [--sleep-us N]
 *
 * Each thread has a VM with N loops (loops, entry bridges and bridges in
 * turn). The commands come on standard input, one on a line:
 *
 *	wait		until somebody wishes that runs are counted
 *	run N		N rounds, in all threads at once; in each, the loops
 *			of a VM run once, twice, three times, ...
 *	compile N	N loops more in each VM
 *	free N		the first N loops of each VM that are still there
 *	fork N		a child runs N rounds and waits for SIGTERM
 *	forks M N F	M children at once do so, free the first F loops, and end; waits
 *			for them
 *	exec N		starts this program anew, in the same process; N not 0: as
 *			one that finds nobody to ask for a map
 *	die		SIGKILL
 *	vanish		the same, when nobody can read the counts any more
 *	become		another program in the same process, one without a JIT
 *
 * Each is answered with a line of JSON: the tally. At the end of the input it
 * exits. Runs are counted, and tallied, only while the library says so, but
 * for those before the first `wait`.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jithooks/hooks.h>

#define MAX_THREADS 64
#define MAX_CHILDREN 1000

struct loop {
	uint64_t no;
	uint64_t *count;
	unsigned long tally;
	enum jit_trace_type type;
};

struct vm {
	jit_vm *vm;
	uint32_t seen;
	unsigned how;
	struct loop *loops;
	unsigned long n, freed;
};

static struct {
	unsigned long loops, threads, sleep_us;
} opt = {.loops = 3, .threads = 1};

static struct vm vms[MAX_THREADS];
static unsigned long rounds;
static char **arguments;

/* ---- The VM ---------------------------------------------------------------------- */

/* As compiled code is patched: each loop counts where the library says now. */
static int count_runs(void *ctx, unsigned how)
{
	struct vm *v = ctx;

	v->how = how;
	for (unsigned long i = v->freed; i < v->n; i++)
		v->loops[i].count = jit_run_count(v->vm, v->loops[i].no);
	return 0;
}

static void safe_point(struct vm *v)
{
	uint32_t wish = *(const volatile uint32_t *)jit_runs_wish();

	if (wish == v->seen)
		return;
	v->seen = wish;
	jit_runs_update(v->vm);
}

static void compile(struct vm *v, unsigned long n)
{
	v->loops = reallocarray(v->loops, v->n + n, sizeof(*v->loops));
	if (!v->loops)
		abort();
	for (; n; n--) {
		struct loop *l = &v->loops[v->n];
		struct jit_trace t;
		char place[64];

		*l = (struct loop){.type = v->n % JIT_NTYPES};
		snprintf(place, sizeof(place), "runs:%lu", v->n + 1);
		jit_trace_start(v->vm, &t,
				&(struct jit_trace_place){
					.type = l->type,
					.parent_no = l->type == JIT_TYPE_BRIDGE
							     ? v->loops[v->n - 1].no
							     : 0,
					.greenkey = place,
				});
		jit_trace_compiled(v->vm, &t,
				   &(struct jit_code){.asmaddr = 4096,
						      .asmlen = 16,
						      .operations = 2});
		jit_runs_update(v->vm);
		l->no = t.no;
		l->count = jit_run_count(v->vm, t.no);
		v->n++;
	}
}

static void enter(struct vm *v, struct loop *l, unsigned long times)
{
	for (; v->how && times; times--) {
		++*(volatile uint64_t *)l->count;
		l->tally++;
		if (v->how & JIT_RUNS_PROBE)
			jit_loop_run(l->no, l->type);
	}
}

static void *run(void *arg)
{
	struct vm *v = arg;

	for (unsigned long round = 0; round < rounds; round++) {
		safe_point(v);
		for (unsigned long i = v->freed; i < v->n; i++)
			enter(v, &v->loops[i], i + 1);
		if (opt.sleep_us)
			usleep((useconds_t)opt.sleep_us);
	}
	return NULL;
}

static void make_vm(struct vm *v)
{
	struct jit_vm_config config = {.jitdriver_name = "runs",
				       .ctx = v,
				       .count_runs = count_runs};

	v->seen = *jit_runs_wish();
	if (jit_vm_create(&v->vm, &config))
		abort();
	jit_runs_update(v->vm);
	compile(v, opt.loops);
}

/* ---- Commands -------------------------------------------------------------------------- */

static void run_rounds(unsigned long n)
{
	pthread_t threads[MAX_THREADS];

	rounds = n;
	for (unsigned long i = 0; i < opt.threads; i++)
		if (pthread_create(&threads[i], NULL, run, &vms[i]))
			abort();
	for (unsigned long i = 0; i < opt.threads; i++)
		pthread_join(threads[i], NULL);
}

/* Does anything of ours lie in a map of the kernel? */
static int is_mapped(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int found = 0;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, "bpf-map") != NULL;
	if (f)
		fclose(f);
	return found;
}

static void print(void)
{
	JitInfoSnapshot *s = jit_get_stats_snapshot();
	const char *comma = "";

	printf("{\"pid\":%d,\"how\":%u,\"mapped\":%s,\"tally\":{", (int)getpid(), vms[0].how,
	       is_mapped() ? "true" : "false");
	for (unsigned long i = 0; i < opt.threads; i++)
		for (unsigned long k = vms[i].freed; k < vms[i].n; k++, comma = ",")
			printf("%s\"%llu\":%lu", comma, (unsigned long long)vms[i].loops[k].no,
			       vms[i].loops[k].tally);
	printf("},\"snapshot\":{");
	for (size_t i = 0; s && i < s->n_loop_run_times; i++)
		printf("%s\"%llu\":%llu", i ? "," : "",
		       (unsigned long long)s->loop_run_times[i].number,
		       (unsigned long long)s->loop_run_times[i].count);
	printf("},\"overflow\":%llu}\n", s ? (unsigned long long)s->overflow_runs : 0);
	fflush(stdout);
	jit_free_stats_snapshot(s);
}

static void wait_for_wish(void)
{
	for (unsigned long i = 0; i < opt.threads; i++)
		while (safe_point(&vms[i]), !vms[i].how)
			usleep(1000);
}

static void free_loops(unsigned long n)
{
	for (unsigned long i = 0; i < opt.threads; i++)
		for (unsigned long k = 0; k < n && vms[i].freed < vms[i].n; k++)
			jit_trace_freed(vms[i].vm, vms[i].loops[vms[i].freed++].no);
}

static void run_in_children(unsigned long n, unsigned long n_rounds, unsigned long n_free, int stay)
{
	pid_t pids[MAX_CHILDREN];

	if (n > MAX_CHILDREN)
		abort();
	for (unsigned long i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			abort();
		if (pids[i])
			continue;
		run_rounds(n_rounds);
		free_loops(n_free);
		print();
		if (stay)
			pause();
		exit(0);
	}
	for (unsigned long i = 0; i < n && !stay; i++)
		waitpid(pids[i], NULL, 0);
}

static void execute_anew(unsigned long alone)
{
	if (alone)
		setenv("JITHOOKS_RUNS_DIR", "/nonexistent", 1);
	execv("/proc/self/exe", arguments);
}

/* An observer finds at its end what it has seen before. */
static void vanish(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	for (unsigned long i = 0; i < opt.threads; i++)
		for (unsigned long k = vms[i].freed; k < vms[i].n; k++)
			if (mprotect((void *)((uintptr_t)vms[i].loops[k].count & ~(page - 1)), page,
				     PROT_NONE))
				abort();
	raise(SIGKILL);
}

static void execute(char *line)
{
	unsigned long n = 0, m = 0, l = 0;
	char word[16] = "";

	sscanf(line, "%15s %lu %lu %lu", word, &n, &m, &l);
	if (!strcmp(word, "wait"))
		wait_for_wish();
	else if (!strcmp(word, "run"))
		run_rounds(n);
	else if (!strcmp(word, "compile"))
		for (unsigned long i = 0; i < opt.threads; i++)
			compile(&vms[i], n);
	else if (!strcmp(word, "free"))
		free_loops(n);
	else if (!strcmp(word, "fork"))
		return run_in_children(1, n, 0, 1);
	else if (!strcmp(word, "forks"))
		run_in_children(n, m, l, 0);
	else if (!strcmp(word, "exec"))
		execute_anew(n);
	else if (!strcmp(word, "die"))
		raise(SIGKILL);
	else if (!strcmp(word, "vanish"))
		vanish();
	else if (!strcmp(word, "become"))
		execlp("sleep", "sleep", "600", (char *)NULL);
	print();
}

/* ---- Start ---------------------------------------------------------------------------------- */

static void parse(int argc, char **argv)
{
	static const struct {
		const char *name;
		unsigned long *value;
	} numbers[] = {{"--loops", &opt.loops},
		       {"--threads", &opt.threads},
		       {"--sleep-us", &opt.sleep_us}};

	arguments = argv;
	for (int i = 1; i < argc; i += 2) {
		size_t k = 0;

		while (k < 3 && strcmp(argv[i], numbers[k].name))
			k++;
		if (k == 3 || i + 1 == argc) {
			fprintf(stderr, "usage: runs [--loops|threads|sleep-us N]\n");
			exit(2);
		}
		*numbers[k].value = strtoul(argv[i + 1], NULL, 0);
	}
	if (!opt.threads || opt.threads > MAX_THREADS)
		exit(2);
}

int main(int argc, char **argv)
{
	char line[64];

	parse(argc, argv);
	setvbuf(stdin, NULL, _IONBF, 0); /* an exec must not swallow commands */
	for (unsigned long i = 0; i < opt.threads; i++)
		make_vm(&vms[i]);
	print();
	while (fgets(line, sizeof(line), stdin))
		execute(line);
	return 0;
}
