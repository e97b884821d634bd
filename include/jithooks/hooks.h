/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hooks.h - libjithooks: JIT hooks, counters and probes for a tracing JIT.
 *
 * A VM links libjithooks and calls it at the moments of a trace's life; the
 * library keeps the counters and times, calls the hooks that the program set,
 * fires the USDT probes, and keeps the region that an observer reads from
 * outside. The hooks are those that PyPy documents for `pypyjit`
 * (set_optimize_hook and so on); names and meanings are kept, and where ours
 * differ on purpose it is said below.
 *
 * A VM in twelve calls:
 *
 *	struct jit_vm_config config = { .jitdriver_name = "myvm" };
 *	jit_vm *vm;
 *	jit_vm_create(&vm, &config);
 *
 *	struct jit_trace t;                          // a loop got hot
 *	jit_trace_start(vm, &t, &(struct jit_trace_place){
 *		.type = JIT_TYPE_LOOP, .greenkey = "prog.x:12" });
 *	... record, optimize ...
 *	jit_count(vm, JIT_OPT_OPS, n);
 *	if (jit_optimize(vm, &t, &ops) == JIT_OPS_REPLACED)
 *		... verify ops.replacement, then jit_optimize_verdict() ...
 *	jit_backend_start(vm, &t);
 *	... assemble ...
 *	jit_backend_end(vm, &t);
 *	jit_trace_compiled(vm, &t, &(struct jit_code){
 *		.asmaddr = code, .asmlen = size, .operations = n });
 *
 *	jit_trace_aborted(vm, &t, &(struct jit_abort_info){     // or
 *		.counter = JIT_ABORT_TOO_LONG, .reason = "trace too long" });
 *	jit_trace_freed(vm, t.no);                   // code thrown away
 *	jit_flushed(vm, "code memory full");         // all code thrown away
 *	jit_vm_destroy(vm);
 *
 * tests/programs/embed.c is a complete one.
 *
 * Cost with no hook set and nobody attached: a few words written per trace,
 * nothing per loop run.
 *
 * Hooks and the callbacks below must return: no longjmp, no exception out of
 * them. They may call this library, except that a `place` must not start or end
 * a trace.
 *
 * Threads. One jit_vm is used by one thread at a time; different VMs by
 * different threads at once. Counters belong to the process, hooks to the VM.
 * No call may be made from a signal handler. After fork() the child goes on
 * with what it inherited (code, counters, loop numbers), as its own process.
 *
 * Errors. Functions return 0 or a negative errno. None of them aborts the
 * process: without memory the library counts on and leaves out what it cannot
 * keep (UNTRACKED_LOOPS, UNTRACKED_ABORTS tell).
 *
 * Times are nanoseconds of CLOCK_MONOTONIC, sizes bytes. Strings passed in
 * are copied and cut to their field in abi.h; NULL counts as "".
 *
 * Environment: JITHOOKS_REGION_DIR=DIR puts the region in a file DIR/PID.N,
 * so that its last state outlives the process. `jitscope run` sets it where
 * it cannot use BPF. JITHOOKS_COUNT_RUNS=1 counts loop runs from the start,
 * in the region. JITHOOKS_RUNS_DIR=DIR looks for observers there and not in
 * JIT_RUNS_DIR. All are ignored in set-user-ID programs.
 */
#ifndef JITHOOKS_HOOKS_H
#define JITHOOKS_HOOKS_H

#include <stddef.h>
#include <stdint.h>

#include <jithooks/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JIT_API __attribute__((visibility("default")))

typedef struct jit_vm jit_vm;

/* ---- Operations --------------------------------------------------------- */

/* An argument or result: a variable of the trace or a constant. */
struct jit_box {
	char type;     /* 'i' integer, 'r' reference, 'f' float, 'v' void */
	char constant; /* 0: variable `id`; else the value is in the union */
	union {
		uint64_t id;
		int64_t i;
		double f;
		uint64_t r;
	};
};

/*
 * One operation, as pypyjit.ResOperation. `name` is RPython's ("int_add",
 * "guard_true", "jump", ...). offset is into the machine code, 0 in the
 * optimize hook. Guards have failargs and hash; debug_merge_point has a
 * greenkey. All pointers belong to the VM and are valid during the hook only.
 */
typedef struct ResOperation {
	const char *name;
	uint32_t num; /* the VM's number of the operation */
	uint32_t nargs;
	uint32_t nfailargs;
	uint32_t line; /* source line, 0 if unknown */
	const struct jit_box *args;
	const struct jit_box *failargs;
	struct jit_box result;
	const char *descr; /* text; NULL if none */
	const void *descr_ref;
	const char *greenkey;
	uint64_t offset;
	uint64_t hash;
} ResOperation;

struct jit_operations {
	const ResOperation *list;
	size_t count;
};

/*
 * Makes the list of operations. Called only if a hook is set that wants them,
 * at most once for a hook call. The list stays the VM's. Returns 0, or a
 * negative errno: then the hook sees no operations.
 */
typedef int jit_materialize(void *ctx, struct jit_operations *out);

/* ---- The life of a VM --------------------------------------------------- */

/*
 * What the VM can do on request; each may be NULL, and the call of the same
 * name then returns -ENOTSUP. All get `ctx`. They return 0 or negative errno.
 */
struct jit_vm_config {
	const char *jitdriver_name; /* "luajit", "pypyjit": a dozen letters */
	void *ctx;
	/*
	 * The VM keeps PyPy's counters and times itself and hands them over
	 * with jit_take_over(). The library then counts and times only what
	 * is ours, and jit_trace_start() does no more than number the trace.
	 */
	int own_counters;
	/*
	 * Count loop runs from now on, as `how` says (JIT_RUNS_*; 0: no more),
	 * in all compiled code. Called on the VM's thread, by jit_runs_update(),
	 * jit_enable_debug() and jit_disable_debug(), with no lock held. Also
	 * when `how` is the same but loops count elsewhere: ask jit_run_count()
	 * for each anew.
	 */
	int (*count_runs)(void *ctx, unsigned how);
	int (*set_param)(void *ctx, const char *text);
	int (*releaseall)(void *ctx);
	int (*stats_asmmemmgr)(void *ctx, uint64_t *allocated, uint64_t *used);
	/* Gets the one line about an error in a hook; NULL: stderr. */
	void (*report)(void *ctx, const char *line);
};

JIT_API int jit_vm_create(jit_vm **vm, const struct jit_vm_config *config);

/*
 * The VM is gone. Its loops stay on record, as the last picture, until their
 * rows are needed for others. NULL is allowed.
 */
JIT_API void jit_vm_destroy(jit_vm *vm);

/* ---- The life of a trace ------------------------------------------------ */

/*
 * Where a trace starts. greenkey is the source place, "file:line" where the
 * language has that; make it with `place` instead if that costs: it is called
 * at most once, and only when somebody looks (a hook, a probe, the tables).
 */
struct jit_trace_place {
	enum jit_trace_type type;
	uint32_t exit_no;   /* a bridge: the exit of the parent */
	uint64_t parent_no; /* a bridge: number of the trace it leaves */
	uint64_t vm_no;	    /* the VM's own number, if it has one */
	const char *greenkey;
	void (*place)(void *ctx, char *buf, size_t size);
	void *place_ctx;
};

/*
 * A trace being made. The memory is the caller's; only `no`, its number, is
 * for him to read. Numbers are unique and rise for the life of the process,
 * over all VMs, loops and bridges.
 */
struct jit_trace {
	uint64_t no;
	uint64_t loop_no; /* root's number */
	uint64_t parent_no;
	uint64_t vm_no;
	uint64_t spent_ns; /* exclusive time at start; see compile_ns */
	uint32_t exit_no;
	uint32_t ops_before, ops_after;
	uint8_t type;
	uint8_t timed;
	uint8_t placed;
	void (*place)(void *ctx, char *buf, size_t size);
	void *place_ctx;
	char greenkey[JIT_GREENKEY_LEN];
};

/* Counts TRACING and starts its time; probe trace__start. */
JIT_API void jit_trace_start(jit_vm *vm, struct jit_trace *t, const struct jit_trace_place *place);

/* A loop turned out to be another type, or to start elsewhere. */
JIT_API void jit_trace_retype(jit_vm *vm, struct jit_trace *t, enum jit_trace_type type);

/* ---- The three points ---------------------------------------------------- */

#define JIT_OPS_KEEP 0	   /* compile what you have */
#define JIT_OPS_REPLACED 1 /* verify ops->replacement, then compile that */

struct jit_optimize {
	uint32_t ops_before; /* recorded */
	uint32_t ops_after;  /* after optimization */
	jit_materialize *materialize;
	void *ctx;
	struct jit_operations replacement; /* out; the hook's, see below */
};

/*
 * After optimization, before assembly: probe optimize, then the optimize
 * hook. If it returns JIT_OPS_REPLACED the VM must verify the list (single
 * assignment, dominance, types, guards and side effects kept) and say what
 * came of it with jit_optimize_verdict(); it compiles its own list if the
 * verdict is bad. The replacement is valid until the verdict.
 */
JIT_API int jit_optimize(jit_vm *vm, struct jit_trace *t, struct jit_optimize *ops);

/*
 * why == NULL: accepted, counts OPTIMIZE_REPLACED. Else it names operation
 * and rule, is reported in one line, and OPTIMIZE_REJECTED counts it.
 */
JIT_API void jit_optimize_verdict(jit_vm *vm, struct jit_trace *t, const char *why);

/* Around assembly: counts BACKEND, and bills the time to it. */
JIT_API void jit_backend_start(jit_vm *vm, struct jit_trace *t);
JIT_API void jit_backend_end(jit_vm *vm, struct jit_trace *t);

struct jit_code {
	uint64_t asmaddr;
	uint32_t asmlen;
	uint32_t operations;
	jit_materialize *materialize;
	void *ctx;
	uint64_t compile_ns; /* as the VM measured it; 0: take ours */
};

/*
 * The code is live: counts TOTAL_COMPILED_LOOPS or _BRIDGES, ends TRACING,
 * enters the loop table, fires probe compile, calls the compile hook.
 */
JIT_API void jit_trace_compiled(jit_vm *vm, struct jit_trace *t, const struct jit_code *code);

struct jit_abort_info {
	enum jit_counter counter; /* one of the ABORT_* */
	uint32_t reason_id;	  /* the VM's own number of the reason */
	uint32_t operations;	  /* recorded so far */
	const char *reason;	  /* NULL: the counter's name */
	const char *greenkey;	  /* where it aborted; NULL: at its start */
	const char *too_long_in;  /* function blamed for the length, or NULL */
	jit_materialize *materialize;
	void *ctx;
};

/*
 * The trace is given up: counts, ends TRACING, enters the abort table, fires
 * probe abort, calls the abort hook, then, if too_long_in is given, the
 * trace-too-long hook. Unlike PyPy, for every abort.
 */
JIT_API void jit_trace_aborted(jit_vm *vm, struct jit_trace *t, const struct jit_abort_info *info);

/* Code number `no` was thrown away: counts TOTAL_FREED_*, probe free. */
JIT_API void jit_trace_freed(jit_vm *vm, uint64_t no);

/* All code of this VM was: counts FLUSHES and TOTAL_FREED_*, probe flush. */
JIT_API void jit_flushed(jit_vm *vm, const char *cause);

/* ---- Counters, times, runs ----------------------------------------------- */

JIT_API void jit_count(jit_vm *vm, enum jit_counter counter, uint64_t n);

/*
 * For a VM with own_counters: takes over PyPy's counters, in their order, as
 * many as there are, and the TRACING and BACKEND times. `tell` fires probe
 * update; leave it 0 where another event follows at once.
 */
JIT_API void jit_take_over(jit_vm *vm, const uint64_t *counters, size_t ncounters,
			   uint64_t tracing_ns, uint64_t backend_ns, int tell);

/* Exclusive times of this thread; starts nest, an end ends what is inside. */
JIT_API void jit_time_start(enum jit_time what);
JIT_API void jit_time_end(enum jit_time what);

/*
 * The run count of loop `no`: compiled code increments it, without a lock, on
 * the VM's thread only. A loop that is not on record, or has no count of its
 * own, gets the overflow count, which all such loops share (if several threads
 * count there at once some runs may be lost). Never NULL. The address stays
 * good for the life of the process; where the count lies in physical memory,
 * the process's own or the kernel's, changes in jit_runs_update(). That of a
 * freed loop goes to another: do not count in freed code.
 */
JIT_API uint64_t *jit_run_count(jit_vm *vm, uint64_t no);

/*
 * Whether and how runs are to be counted changes while the process runs, as
 * observers come and go. What they wish shows in one word, which the kernel
 * changes; its value has no meaning but to differ from what it was. Compiled
 * code may compare it at each turn. The VM does this:
 *
 *	seen = *jit_runs_wish();		// first of all
 *	jit_runs_update(vm);			// after jit_vm_create()
 *	...
 *	if (*jit_runs_wish() != seen) {		// at safe points, often
 *		seen = *jit_runs_wish();	// before the call, not after
 *		jit_runs_update(vm);
 *	}
 *	...
 *	jit_trace_compiled(vm, &t, &code);	// at each compile
 *	jit_runs_update(vm);
 *	count = jit_run_count(vm, t.no);
 *
 * It is aligned to 4 bytes and stays where it is. A forked child is given what
 * it needs inside fork(): the word is as it was, and nothing is to be done.
 */
JIT_API const uint32_t *jit_runs_wish(void);

/*
 * At a safe point of the VM's thread, when no code of the VM counts: does what
 * the wish asks. Moves the VM's run counts into an observer's map, a larger
 * one, or back (counts are kept), and calls config.count_runs if something
 * changed for the VM. Returns how the VM counts now: JIT_RUNS_*, or 0. If an
 * observer does not answer it waits at most 50 ms, and a later call tries
 * again, not sooner than a second after. Leaves errno alone.
 */
JIT_API unsigned jit_runs_update(jit_vm *vm);

/* Fires probe loop__run, for a VM that counts by probe. */
JIT_API void jit_loop_run(uint64_t no, enum jit_trace_type type);

/* Is somebody attached to this probe? Cheap: call it before any work. */
JIT_API int jit_probe_enabled(enum jit_probe probe);

/* ---- Told afterwards, in plain arguments ---------------------------------- */

/*
 * For an adapter in another language to a VM with counters of its own that
 * tells of a trace when it is over, and not of every one: PyPy. No struct
 * crosses the border, so there is no layout that could come to differ from
 * this header; enumerators are found by name with jit_counter_name() and
 * jit_type_name(). What the VM has counted since the last call and not told
 * is made good: aborts go on record without a place, compiles are counted in
 * HOOKS_SUPPRESSED. Any thread may call at any time.
 */
typedef struct jit_told jit_told;

/* The VM's counters (in PyPy's order) and times (seconds) as they stand. */
#define JIT_TOLD_STATE const uint64_t *counters, size_t ncounters, double tracing, double backend

/*
 * NULL without memory. It lives as long as the process. The state says what
 * there was before; ncounters 0 if nothing.
 */
JIT_API jit_told *jit_told_create(const char *jitdriver_name, JIT_TOLD_STATE);

/*
 * A trace was compiled. loop_no is the VM's number of the loop, for a bridge
 * that of its root, whose place it then has; bridge_no counts for bridges
 * only. Operations and compile time are how far the state moved.
 */
JIT_API void jit_told_compiled(jit_told *told, JIT_TOLD_STATE, unsigned type, uint64_t loop_no,
			       uint64_t bridge_no, const char *greenkey, uint64_t asmaddr,
			       uint64_t asmlen);

/*
 * A trace was given up. If the state has no abort by this counter that was
 * not told before, nothing is done: it is the same one.
 */
JIT_API void jit_told_aborted(jit_told *told, JIT_TOLD_STATE, unsigned counter, const char *reason,
			      const char *greenkey, uint64_t operations);

/* The state as it stands; probe update. */
JIT_API void jit_told_state(jit_told *told, JIT_TOLD_STATE);

/*
 * Loop runs as the VM counts them itself, whoever wishes it, since its start:
 * of bridges (type bridge) or of the others, by the VM's numbers. Of a number
 * that was not told nothing is kept; of one that several have, the last told
 * has the runs.
 */
JIT_API void jit_told_runs(jit_told *told, unsigned type, const uint64_t *numbers,
			   const uint64_t *runs, size_t n);

/* Around a hook of the program that the VM calls by itself. */
JIT_API void jit_told_hook_start(jit_told *told);
JIT_API void jit_told_hook_end(jit_told *told, int failed);

/* ---- Hooks, as pypyjit ---------------------------------------------------- */

/*
 * What a hook is told; as pypyjit.JitLoopInfo. Valid during the hook only.
 * asmaddr and asmlen are 0 in the optimize hook. operations is NULL if the
 * hook was set with operations = 0.
 */
typedef struct JitLoopInfo {
	const char *jitdriver_name;
	const char *type;   /* "loop", "entry bridge", "bridge" */
	uint64_t loop_no;   /* a bridge: that of its root */
	uint64_t bridge_no; /* 0: not a bridge */
	const char *greenkey;
	const ResOperation *operations;
	size_t n_operations;
	uint64_t asmaddr;
	uint32_t asmlen;
} JitLoopInfo;

/*
 * A hook returns 0. Any other value says that it failed: that is reported as
 * `Exception ignored in: jit hook <name>` with the text of jit_hook_error(),
 * counted in HOOK_ERRORS, and never reaches the VM.
 *
 * While a hook runs on a thread no other hook is called on that thread; what
 * was not told is counted in HOOKS_SUPPRESSED and the probes fire all the
 * same. (PyPy has one flag for all threads, and loses theirs.) Time in hooks
 * is billed to HOOKS.
 *
 * The optimize hook leaves *replacement alone, or sets it to a list that it
 * owns and that stays valid until the hook is called again. An empty list is
 * a list (list not NULL, count 0); NULL with a count is an error of the hook.
 * Within the list a VM refuses what is NULL where a count says that there is
 * something. What it cannot tell is a pointer that leads nowhere: those that
 * are not NULL must be good.
 */
typedef int jit_optimize_hook(void *data, const JitLoopInfo *info,
			      struct jit_operations *replacement);
typedef int jit_compile_hook(void *data, const JitLoopInfo *info);
typedef int jit_abort_hook(void *data, const char *jitdriver_name, const char *greenkey,
			   const char *reason, const struct jit_operations *operations);
typedef int jit_trace_too_long_hook(void *data, const char *jitdriver_name, const char *greenkey);

/*
 * One slot per hook and VM; setting replaces, NULL unregisters. `name` is for
 * error reports. operations = 0: the hook does without the list, which is
 * then not made. May be called inside a hook.
 */
JIT_API void jit_set_optimize_hook(jit_vm *vm, jit_optimize_hook *hook, void *data, int operations,
				   const char *name);
JIT_API void jit_set_compile_hook(jit_vm *vm, jit_compile_hook *hook, void *data, int operations,
				  const char *name);
JIT_API void jit_set_abort_hook(jit_vm *vm, jit_abort_hook *hook, void *data, const char *name);
JIT_API void jit_set_trace_too_long_hook(jit_vm *vm, jit_trace_too_long_hook *hook, void *data,
					 const char *name);

/* Inside a hook: the text for the report if it returns non-zero. */
JIT_API void jit_hook_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Is a hook running on this thread? */
JIT_API int jit_in_hook(void);

/*
 * Run counting for all compiled code, on and off; -ENOTSUP if it cannot. Off
 * is off unless an observer wishes otherwise.
 */
JIT_API int jit_enable_debug(jit_vm *vm);
JIT_API int jit_disable_debug(jit_vm *vm);

/* "name=value,name=value", "off" or "default". */
JIT_API int jit_set_param(jit_vm *vm, const char *text);
JIT_API int jit_releaseall(jit_vm *vm);
JIT_API int jit_get_stats_asmmemmgr(jit_vm *vm, uint64_t *allocated, uint64_t *used);

/* ---- Snapshot -------------------------------------------------------------- */

/* JitInfoSnapshot is in abi.h: the observer hands out the same type. */

/* NULL without memory. Free with jit_free_stats_snapshot(). */
JIT_API JitInfoSnapshot *jit_get_stats_snapshot(void);
JIT_API void jit_free_stats_snapshot(JitInfoSnapshot *snapshot);

/* The names, by enum; NULL out of range. */
JIT_API const char *jit_counter_name(unsigned counter);
JIT_API const char *jit_type_name(unsigned type);

#ifdef __cplusplus
}
#endif

#endif
