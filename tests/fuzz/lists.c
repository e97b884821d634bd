/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lists.c - random lists of operations, as a recorder could have made them: run as
 * they are by the interpreter of the IR, and after the optimizer by it and by the
 * backend for x86-64. The exit that is taken, the stack and all memory must be the
 * same, from several states to begin with. But the optimizer may leave sooner in the
 * last turn (strengthen.c): then stack and memory must be those of the list as recorded
 * if it leaves there.
 *
 *	lists [--seed N] [--lists N | --seconds N]
 *
 * A list is made turn by turn with the values at hand that it has in the first
 * state, so that its guards hold there, and that its loads are of what is there;
 * in other states it leaves at one guard or another. A loop is run as it was
 * recorded by running the turn again from the stack that its last snapshot wrote.
 */
#include "lists.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STATES 4
#define MAX_TURNS 60

static lua_State *L;
static uint64_t list_seed, first_state;

void list_die(const char *what)
{
	fprintf(stderr, "list %llu: %s\n", (unsigned long long)list_seed, what);
	exit(1);
}

/* ---- Running ------------------------------------------------------------------------------------
 */

struct outcome {
	const Instruction *exit;
	int turns; /* that were begun; of recorded lists */
	unsigned n;
	uint64_t words[MAX_WORDS];
};

static int32_t run_once(Trace *t)
{
	RunningTrace here = {.t = t};
	int32_t exit;

	state_set_mode(L, MODE_JIT);
	L->global->debt = -1000000;
	L->global->running = &here;
	exit = L->global->jit->backend->run(L, t, &here.t);
	exit_restore(L, t, exit);
	L->global->running = NULL;
	return exit;
}

static void see(const Trace *t, int32_t exit, struct outcome *o)
{
	o->exit = t->ir.snapshots[exit].pc;
	o->n = world_words(L, o->words);
}

/* As recorded: a turn, and again from what its end wrote. false: it does not end. */
static bool run_recorded(Trace *t, uint64_t state, struct outcome *o)
{
	IrOp *end = &t->ir.ops[t->ir.n_ops - 1], was = *end;
	bool loops = end->opcode == IR_JUMP, ended = false;
	int32_t exit = -1;

	L->global->jit->backend = &backend_ir;
	if (loops)
		end->opcode = IR_FINISH;
	world_make(L, state);
	for (o->turns = 0; o->turns < MAX_TURNS && !ended; o->turns++) {
		exit = run_once(t);
		ended = !loops || exit != end->snapshot;
	}
	*end = was;
	see(t, exit, o);
	return ended;
}

/* The first guard that leaves to `exit`; NULL: none does before one that leaves to `end`. */
static IrOp *guard_before(const Trace *t, const Instruction *exit, const Instruction *end)
{
	for (uint32_t at = 0; at < t->ir.n_ops; at++) {
		IrOp *op = &t->ir.ops[at];
		const Instruction *leaves = ir_info[op->opcode].flags & IR_GUARD
						    ? t->ir.snapshots[op->snapshot].pc
						    : NULL;

		if (leaves && leaves == end)
			return NULL;
		if (leaves && leaves == exit)
			return op;
	}
	return NULL;
}

/*
 * As recorded, but in the turn in which `o` was left it leaves to `exit`, which must be
 * sooner. *o is then that.
 */
static bool run_shortened(Trace *t, uint64_t state, const Instruction *exit, struct outcome *o)
{
	IrOp *end = &t->ir.ops[t->ir.n_ops - 1], *guard = guard_before(t, exit, o->exit);
	IrOp was_end = *end, was_guard;
	int32_t left = -1;

	if (!guard)
		return false;
	L->global->jit->backend = &backend_ir;
	was_guard = *guard;
	if (end->opcode == IR_JUMP)
		end->opcode = IR_FINISH;
	world_make(L, state);
	for (int turns = 1; turns < o->turns; turns++)
		run_once(t);
	guard->opcode = IR_GUARD_ALWAYS_FAILS;
	guard->nargs = 0;
	left = run_once(t);
	*guard = was_guard;
	*end = was_end;
	see(t, left, o);
	return true;
}

static void run_optimized(Trace *t, const Backend *backend, uint64_t state, struct outcome *o)
{
	L->global->jit->backend = backend;
	world_make(L, state);
	see(t, run_once(t), o);
}

static unsigned lists, unstable, runs, exits_early, exits_sooner;

static void compare(Trace *t, const Trace *optimized, const struct outcome *recorded,
		    const struct outcome *is, const char *what, uint64_t state)
{
	static struct outcome shortened;
	const struct outcome *wanted = recorded;

	if (is->exit != recorded->exit) {
		shortened = *recorded;
		if (run_shortened(t, state, is->exit, &shortened)) {
			wanted = &shortened;
			exits_sooner++;
		}
	}
	if (is->exit == wanted->exit && is->n == wanted->n &&
	    !memcmp(is->words, wanted->words, is->n * sizeof(*is->words)))
		return;
	fprintf(stderr, "list %llu, state %llu, %s: exit %td, not %td",
		(unsigned long long)list_seed, (unsigned long long)state, what,
		is->exit - list_place(0), wanted->exit - list_place(0));
	for (unsigned i = 0; i < is->n; i++)
		if (is->words[i] != wanted->words[i]) {
			fprintf(stderr, "; word %u is %llx, not %llx", i,
				(unsigned long long)is->words[i],
				(unsigned long long)wanted->words[i]);
			break;
		}
	fprintf(stderr, "\nas recorded:\n");
	ir_print(&t->ir, stderr);
	fprintf(stderr, "optimized:\n");
	ir_print(&optimized->ir, stderr);
	exit(1);
}

static const Backend *const backends[] = {
	&backend_ir,
#ifdef __x86_64__
	&backend_x64,
#endif
};

static void compare_backends(Trace *t, Trace *optimized)
{
	static struct outcome wanted[STATES], is;
	bool ends[STATES];

	if (backend_ir.assemble(L, t))
		list_die("no memory");
	for (unsigned s = 0; s < STATES; s++) {
		ends[s] = run_recorded(t, first_state + s, &wanted[s]);
		runs += ends[s];
		exits_early += wanted[s].exit != t->ir.snapshots[t->ir.n_snapshots - 1].pc;
	}
	for (unsigned b = 0; b < sizeof(backends) / sizeof(*backends); b++) {
		if (backends[b]->assemble(L, optimized))
			list_die("not assembled");
		for (unsigned s = 0; s < STATES; s++) {
			if (!ends[s])
				continue;
			run_optimized(optimized, backends[b], first_state + s, &is);
			compare(t, optimized, &wanted[s], &is, backends[b]->name, first_state + s);
		}
		backends[b]->free(L, optimized);
	}
	backend_ir.free(L, t);
}

/* What is printed and parsed again prints the same. */
static void compare_text(const Ir *ir)
{
	char *text[2] = {NULL, NULL}, message[160];
	size_t size;
	FILE *to = open_memstream(&text[0], &size);
	bool equal;
	int line = 0;
	Ir again;

	ir_print(ir, to);
	fclose(to);
	ir_open(&again);
	if (!ir_parse(&again, text[0], &line, message)) {
		fprintf(stderr, "%s\nline %d: %s\n", text[0], line, message);
		list_die("its text is not parsed");
	}
	to = open_memstream(&text[1], &size);
	ir_print(&again, to);
	fclose(to);
	equal = !strcmp(text[0], text[1]);
	if (!equal)
		fprintf(stderr, "%s\nprinted again:\n%s\n", text[0], text[1]);
	ir_close(&again);
	free(text[0]);
	free(text[1]);
	if (!equal)
		list_die("its text is parsed as another list");
}

static void one_list(uint64_t seed)
{
	Trace list, optimized = {.number = 1};
	char message[160];

	list_seed = seed;
	first_state = seed * STATES;
	list_make(L, &list, seed, first_state);
	if (list.ir.failed || !ir_verify(&list.ir, message))
		list_die(list.ir.failed ? "no memory" : message);
	if (!ir_copy(&optimized.ir, &list.ir))
		list_die("no memory");
	lists++;
	if (!optimize(L->global->jit, &optimized.ir)) {
		unstable++;
	} else {
		if (!ir_verify(&optimized.ir, message)) {
			ir_print(&list.ir, stderr);
			fprintf(stderr, "optimized:\n");
			ir_print(&optimized.ir, stderr);
			list_die(message);
		}
		if (seed % 16 == 0)
			compare_text(&optimized.ir);
		optimized.exits = calloc(optimized.ir.n_snapshots + 1, sizeof(*optimized.exits));
		compare_backends(&list, &optimized);
		free(optimized.exits);
	}
	ir_close(&optimized.ir);
	ir_close(&list.ir);
	if (seed % 256 == 0) {
		world_make(L, 0);
		gc_full(L, false);
	}
}

static void crashed(int signal_number)
{
	static char text[] = "crashed: list 00000000000000000000\n";
	uint64_t n = list_seed;

	for (char *p = text + sizeof(text) - 3; n; n /= 10)
		*p-- = (char)('0' + n % 10);
	if (write(2, text, sizeof(text) - 1) < 0)
		_exit(2);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

int main(int argc, char **argv)
{
	uint64_t seed = (uint64_t)time(NULL) << 20, wanted = UINT64_MAX;
	time_t end = time(NULL) + 10;

	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t n = strtoull(argv[i + 1], NULL, 10);

		if (!strcmp(argv[i], "--seed"))
			seed = n;
		else if (!strcmp(argv[i], "--seconds"))
			end = time(NULL) + (time_t)n;
		else if (!strcmp(argv[i], "--lists"))
			wanted = n;
	}
	if (wanted != UINT64_MAX)
		end = INT64_MAX;
	signal(SIGSEGV, crashed);
	signal(SIGALRM, crashed);
	L = world_open();
	if (!L)
		return 2;
	for (uint64_t i = 0; i < wanted && time(NULL) < end; i++) {
		alarm(20);
		one_list(seed + i);
	}
	printf("%u lists, %u of them unstable, %u runs, %u left before their end, %u of "
	       "optimized ones sooner\n",
	       lists, unstable, runs, exits_early, exits_sooner);
	return !lists || unstable > lists / 2;
}
