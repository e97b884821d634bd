/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * embed.c - a VM with libjithooks in it, to be read by whoever embeds it.
 *
 * The VM is a toy. It runs loops of the form
 *
 *	for i = 1, 50 do sum = sum + i * step end
 *
 * interprets each until it is hot, then records what an iteration does,
 * optimizes that, "assembles" it (copies it to where code lies) and runs the
 * copy. All that concerns libjithooks is real: which call is made when, what
 * the hooks get, what becomes of the list that an optimize hook returns.
 *
 * Read make_code(), which is one trace from start to end, then the hooks,
 * then run_vm().
 *
 *	embed				a short tour, with hooks that print
 *	embed --loops 100 --quiet --json --hold 60
 *					a load with known totals, for tests
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jithooks/hooks.h>

#define HOT 3	      /* iterations before a loop is compiled */
#define ITERATIONS 50 /* of each loop */
#define MAX_OPS 6
#define MAX_THREADS 256

static struct {
	unsigned loops, bridges, aborts, flushes, frees, runs, threads, sleep_us, hold;
	int quiet, json;
} opt = {.loops = 3, .bridges = 1, .aborts = 1, .flushes = 1, .frees = 1, .runs = 10, .threads = 1};

/* A loop of the program, or a side exit of one that got hot itself. */
struct code {
	uint64_t no;	/* libjithooks' number */
	uint64_t *runs; /* its run count; NULL: not counted */
	ResOperation ops[MAX_OPS];
	uint32_t n;
};

struct toy {
	jit_vm *vm;
	unsigned thread;
	struct code *code; /* loops, then bridges */
};

/* ---- One trace ------------------------------------------------------------------ */

/* What one iteration does. The second operation is for the optimizer to drop. */
static uint32_t record(ResOperation *ops)
{
	static const char *const names[MAX_OPS] = {"label",   "same_as",    "int_mul",
						   "int_add", "guard_true", "jump"};

	for (uint32_t i = 0; i < MAX_OPS; i++)
		ops[i] = (ResOperation){.name = names[i], .num = i};
	return MAX_OPS;
}

/* Called by libjithooks only if a hook wants the list. */
static int materialize(void *ctx, struct jit_operations *out)
{
	struct code *code = ctx;

	out->list = code->ops;
	out->count = code->n;
	return 0;
}

/*
 * The hook may be wrong, and then the program must not be. A real VM checks single assignment,
 * dominance and types as well; NULL means that the list may be compiled.
 */
static const char *verify(const struct jit_operations *list)
{
	size_t guards = 0;

	for (size_t i = 0; i < list->count; i++)
		guards += !strcmp(list->list[i].name, "guard_true");
	if (!list->count || strcmp(list->list[list->count - 1].name, "jump"))
		return "the last operation is no jump";
	return guards == 1 ? NULL : "the guard is lost";
}

/* Gives the hook its say; if it returned a list that holds, that is the code. */
static void optimize(struct toy *toy, struct jit_trace *t, struct code *code)
{
	struct jit_optimize o = {.ops_before = code->n,
				 .ops_after = code->n,
				 .materialize = materialize,
				 .ctx = code};
	const char *why;

	jit_count(toy->vm, JIT_RECORDED_OPS, code->n);
	jit_count(toy->vm, JIT_GUARDS, 1);
	if (jit_optimize(toy->vm, t, &o) == JIT_OPS_REPLACED) {
		why = o.replacement.count > MAX_OPS ? "the list has grown" : verify(&o.replacement);
		if (!why) {
			code->n = (uint32_t)o.replacement.count;
			memmove(code->ops, o.replacement.list, code->n * sizeof(code->ops[0]));
		}
		jit_optimize_verdict(toy->vm, t, why);
	}
	jit_count(toy->vm, JIT_OPT_OPS, code->n);
	jit_count(toy->vm, JIT_OPT_GUARDS, 1);
}

/* A loop, or with a parent a bridge from it, from start to end. */
static void make_code(struct toy *toy, struct code *code, const struct code *parent,
		      const char *greenkey)
{
	struct jit_trace t;

	jit_trace_start(toy->vm, &t,
			&(struct jit_trace_place){
				.type = parent ? JIT_TYPE_BRIDGE : JIT_TYPE_LOOP,
				.parent_no = parent ? parent->no : 0,
				.exit_no = parent ? 4 : 0, /* its guard */
				.greenkey = greenkey,
			});
	code->n = record(code->ops);
	optimize(toy, &t, code);

	jit_backend_start(toy->vm, &t);
	for (uint32_t i = 0; i < code->n; i++)
		code->ops[i].offset = 16 * i; /* where the "machine code" of each begins */
	jit_backend_end(toy->vm, &t);

	code->no = t.no;
	jit_trace_compiled(toy->vm, &t,
			   &(struct jit_code){
				   .asmaddr = (uintptr_t)code->ops,
				   .asmlen = 16 * code->n,
				   .operations = code->n,
				   .materialize = materialize,
				   .ctx = code,
			   });
	/* The address stays good as long as the code lives: it could be in an `inc`. */
	code->runs = jit_run_count(toy->vm, t.no);
}

/* A trace that is begun and comes to nothing. */
static void give_up(struct toy *toy, const char *greenkey)
{
	struct jit_trace t;

	jit_trace_start(toy->vm, &t,
			&(struct jit_trace_place){.type = JIT_TYPE_LOOP, .greenkey = greenkey});
	jit_trace_aborted(toy->vm, &t,
			  &(struct jit_abort_info){.counter = JIT_ABORT_TOO_LONG,
						   .reason = "trace too long",
						   .operations = 6000,
						   .too_long_in = "toy:helper"});
}

/* ---- The hooks: what a user of the VM would write --------------------------------- */

static int on_compile(void *data, const JitLoopInfo *info)
{
	(void)data;
	if (!opt.quiet)
		printf("compiled %s %llu.%llu at %s: %zu operations, %u bytes\n", info->type,
		       (unsigned long long)info->loop_no, (unsigned long long)info->bridge_no,
		       info->greenkey, info->n_operations, info->asmlen);
	return 0;
}

/* Drops same_as. The list is the hook's own and stays valid until the next call. */
static int on_optimize(void *data, const JitLoopInfo *info, struct jit_operations *replacement)
{
	static __thread ResOperation list[MAX_OPS];
	size_t n = 0;

	(void)data;
	if (info->n_operations > MAX_OPS) {
		jit_hook_error("%zu operations are too many for me", info->n_operations);
		return -E2BIG;
	}
	for (size_t i = 0; i < info->n_operations; i++)
		if (strcmp(info->operations[i].name, "same_as"))
			list[n++] = info->operations[i];
	replacement->list = list;
	replacement->count = n;
	return 0;
}

static int on_abort(void *data, const char *jitdriver_name, const char *greenkey,
		    const char *reason, const struct jit_operations *operations)
{
	(void)data;
	(void)operations;
	if (!opt.quiet)
		printf("aborted at %s in %s: %s\n", greenkey, jitdriver_name, reason);
	return 0;
}

static int on_trace_too_long(void *data, const char *jitdriver_name, const char *greenkey)
{
	(void)data;
	(void)jitdriver_name;
	if (!opt.quiet)
		printf("too long because of %s\n", greenkey);
	return 0;
}

/* ---- The VM ------------------------------------------------------------------------- */

/* One iteration as compiled code: an entry, and what the operations do. */
static long enter_code(const struct code *code, long sum, long i, long step)
{
	if (code->runs)
		__atomic_fetch_add(code->runs, 1, __ATOMIC_RELAXED);
	for (uint32_t k = 0; k < code->n; k++)
		if (!strcmp(code->ops[k].name, "int_mul"))
			sum += i * step;
	return sum;
}

/* A loop of the program: interpreted until hot, then compiled and entered --runs times. */
static long run_loop(struct toy *toy, unsigned number)
{
	struct code *code = &toy->code[number];
	char greenkey[JIT_GREENKEY_LEN];
	long sum = 0, step = number + 1;

	for (long i = 1; i <= ITERATIONS; i++) {
		if (i < HOT) {
			sum += i * step; /* the interpreter */
		} else if (i == HOT) {
			snprintf(greenkey, sizeof(greenkey), "toy%u:%u", toy->thread, number + 1);
			make_code(toy, code, NULL, greenkey);
			sum += i * step;
		} else if (i - HOT <= (long)opt.runs) {
			sum = enter_code(code, sum, i, step);
		} else {
			sum += i * step;
		}
	}
	for (unsigned long done = ITERATIONS - HOT; done < opt.runs; done++)
		enter_code(code, 0, 0, 0);
	return sum;
}

/* The program, once. */
static void run_program(struct toy *toy)
{
	for (unsigned i = 0; i < opt.loops; i++) {
		if (run_loop(toy, i) != (long)(i + 1) * ITERATIONS * (ITERATIONS + 1) / 2)
			abort(); /* compiled and interpreted code differ */
		if (opt.sleep_us)
			usleep(opt.sleep_us);
	}
	for (unsigned i = 0; i < opt.bridges; i++) {
		struct code *parent = &toy->code[i % opt.loops];

		make_code(toy, &toy->code[opt.loops + i], parent, "toy:guard");
		if (opt.sleep_us)
			usleep(opt.sleep_us);
	}
	for (unsigned i = 0; i < opt.aborts; i++)
		give_up(toy, "toy:99");
}

/* Holds every VM until the figures are printed, so that its loops are not "of a closed VM". */
static pthread_barrier_t ran, looked;

static void *run_vm(void *arg)
{
	struct toy *toy = arg;
	struct jit_vm_config config = {.jitdriver_name = "toy", .ctx = toy};

	toy->code = calloc(opt.loops + opt.bridges + 1, sizeof(*toy->code));
	if (!toy->code || jit_vm_create(&toy->vm, &config)) {
		fprintf(stderr, "embed: cannot create a VM: out of memory\n");
		exit(1);
	}
	jit_set_compile_hook(toy->vm, on_compile, NULL, 1, "on_compile");
	jit_set_optimize_hook(toy->vm, on_optimize, NULL, 1, "on_optimize");
	jit_set_abort_hook(toy->vm, on_abort, NULL, "on_abort");
	jit_set_trace_too_long_hook(toy->vm, on_trace_too_long, NULL, "on_trace_too_long");

	for (unsigned i = 0; i < opt.flushes; i++) {
		run_program(toy);
		jit_flushed(toy->vm, "toy code memory full");
	}
	run_program(toy);
	for (unsigned i = 0; i < opt.frees; i++)
		jit_trace_freed(toy->vm, toy->code[i].no);

	pthread_barrier_wait(&ran);
	pthread_barrier_wait(&looked);
	jit_vm_destroy(toy->vm);
	free(toy->code);
	return NULL;
}

/* ---- What came of it ------------------------------------------------------------------ */

static void print_snapshot(void)
{
	JitInfoSnapshot *s = jit_get_stats_snapshot();
	const __u64 *counters;

	if (!s)
		return;
	counters = (const __u64 *)&s->counters;
	for (unsigned i = 0; i < JIT_NCOUNTERS; i++)
		if (counters[i])
			printf("%-24s %llu\n", jit_counter_name(i),
			       (unsigned long long)counters[i]);
	for (size_t i = 0; i < s->n_loop_run_times; i++)
		printf("runs of %c%-15llu %llu\n", s->loop_run_times[i].type,
		       (unsigned long long)s->loop_run_times[i].number,
		       (unsigned long long)s->loop_run_times[i].count);
	jit_free_stats_snapshot(s);
}

/* What must be counted, worked out from the options and not from the library. */
static void print_expected(void)
{
	unsigned long rounds = (unsigned long)(opt.flushes + 1) * opt.threads;
	unsigned long loops = rounds * opt.loops, bridges = rounds * opt.bridges;
	unsigned long flushed = (unsigned long)opt.flushes * opt.threads;
	unsigned long live_loops = (unsigned long)(opt.loops - opt.frees) * opt.threads;

	printf("{\"pid\":%d,\"counters\":{\"TRACING\":%lu,\"BACKEND\":%lu,\"RECORDED_OPS\":%lu,"
	       "\"GUARDS\":%lu,\"OPT_OPS\":%lu,\"OPT_GUARDS\":%lu,\"ABORT_TOO_LONG\":%lu,"
	       "\"TOTAL_COMPILED_LOOPS\":%lu,\"TOTAL_COMPILED_BRIDGES\":%lu,"
	       "\"TOTAL_FREED_LOOPS\":%lu,\"TOTAL_FREED_BRIDGES\":%lu,\"FLUSHES\":%lu,"
	       "\"OPTIMIZE_REPLACED\":%lu},"
	       "\"live_loops\":%lu,\"live_bridges\":%lu,\"runs_per_loop\":%u}\n",
	       (int)getpid(), loops + bridges + rounds * opt.aborts, loops + bridges,
	       MAX_OPS * (loops + bridges), loops + bridges, (MAX_OPS - 1) * (loops + bridges),
	       loops + bridges, rounds * opt.aborts, loops, bridges, loops - live_loops,
	       flushed * opt.bridges, flushed, loops + bridges, live_loops,
	       (unsigned long)opt.bridges * opt.threads, opt.runs);
}

static void parse(int argc, char **argv)
{
	static const struct {
		const char *name;
		unsigned *value;
	} numbers[] = {
		{"--loops", &opt.loops},     {"--bridges", &opt.bridges},
		{"--aborts", &opt.aborts},   {"--flushes", &opt.flushes},
		{"--frees", &opt.frees},     {"--runs", &opt.runs},
		{"--threads", &opt.threads}, {"--sleep-us", &opt.sleep_us},
		{"--hold", &opt.hold},
	};
	size_t k, n = sizeof(numbers) / sizeof(numbers[0]);

	for (int i = 1; i < argc; i++) {
		for (k = 0; k < n && strcmp(argv[i], numbers[k].name); k++)
			;
		if (k < n && i + 1 < argc)
			*numbers[k].value = (unsigned)strtoul(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--quiet"))
			opt.quiet = 1;
		else if (!strcmp(argv[i], "--json"))
			opt.json = 1;
		else
			opt.threads = 0;
	}
	if (opt.frees > opt.loops)
		opt.frees = opt.loops;
	if ((opt.bridges && !opt.loops) || !opt.threads || opt.threads > MAX_THREADS) {
		fprintf(stderr,
			"usage: embed [--loops|bridges|aborts|flushes|frees|runs|threads|"
			"sleep-us|hold N] [--quiet] [--json]\n"
			"bridges need loops to leave; 1 to %d threads\n",
			MAX_THREADS);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct toy toys[MAX_THREADS] = {0};
	pthread_t threads[MAX_THREADS];

	parse(argc, argv);
	pthread_barrier_init(&ran, NULL, opt.threads + 1);
	pthread_barrier_init(&looked, NULL, opt.threads + 1);
	for (unsigned i = 0; i < opt.threads; i++) {
		toys[i].thread = i;
		if (pthread_create(&threads[i], NULL, run_vm, &toys[i])) {
			fprintf(stderr, "embed: cannot create thread %u\n", i);
			return 1;
		}
	}
	pthread_barrier_wait(&ran);
	if (!opt.quiet)
		print_snapshot();
	if (opt.json)
		print_expected();
	fflush(stdout);
	sleep(opt.hold);
	pthread_barrier_wait(&looked);
	for (unsigned i = 0; i < opt.threads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
