/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * abi.h - what the watched process, the kernel and the observer share.
 *
 * Three parties read these structs: libjithooks inside the process writes
 * them, the BPF programs copy them into kernel maps, libjitscope reads both.
 * So they are flat and of fixed size, made of 32 and 64 bit integers and
 * inline strings, the same on every architecture, and they hold no pointer
 * that anybody has to follow on trust: tables are given as an offset from the
 * start of the region, and whoever reads them checks the bounds first.
 *
 * Counters are absolute, since the start of the process. An event carries the
 * whole set, so an observer that missed one is right again after the next.
 */
#ifndef JITHOOKS_ABI_H
#define JITHOOKS_ABI_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define JIT_ABI_MAGIC 0x31534b4f4f48544aULL /* "JTHOOKS1", little endian */
#define JIT_ABI_VERSION 3

/* Sizes of the inline strings, each with room for its terminating zero. */
#define JIT_COMM_LEN 16
#define JIT_DRIVER_LEN 16
#define JIT_REASON_LEN 80
#define JIT_GREENKEY_LEN 128

/*
 * The counters: X(name, in the process's own words).
 *
 * The first 26 are PyPy's (rpython/rlib/jit_hooks.py, rpython/jit/metainterp/
 * jitprof.py), in PyPy's order; those after them are ours. A new counter goes
 * to the end.
 */
#define JIT_PYPY_COUNTERS(X)                                        \
	X(TRACING, "traces started")                                \
	X(BACKEND, "traces handed to the backend")                  \
	X(OPS, "operations executed while tracing")                 \
	X(HEAPCACHED_OPS, "operations removed by the heap cache")   \
	X(RECORDED_OPS, "operations recorded")                      \
	X(GUARDS, "guards recorded")                                \
	X(OPT_OPS, "operations left after optimization")            \
	X(OPT_GUARDS, "guards left after optimization")             \
	X(OPT_GUARDS_SHARED, "guards that share resume data")       \
	X(OPT_FORCINGS, "virtual objects forced")                   \
	X(OPT_VECTORIZE_TRY, "loops tried for vectorization")       \
	X(OPT_VECTORIZED, "loops vectorized")                       \
	X(ABORT_TOO_LONG, "aborts: trace too long")                 \
	X(ABORT_BRIDGE, "aborts: compiling a bridge")               \
	X(ABORT_BAD_LOOP, "aborts: invalid loop")                   \
	X(ABORT_ESCAPE, "aborts: virtualizable escaped")            \
	X(ABORT_FORCE_QUASIIMMUT, "aborts: quasi-immutable forced") \
	X(ABORT_SEGMENTED_TRACE, "aborts: trace segmented")         \
	X(FORCE_VIRTUALIZABLES, "virtualizables forced")            \
	X(NVIRTUALS, "virtuals in resume data")                     \
	X(NVHOLES, "holes in resume data")                          \
	X(NVREUSED, "virtuals reused in resume data")               \
	X(TOTAL_COMPILED_LOOPS, "loops compiled")                   \
	X(TOTAL_COMPILED_BRIDGES, "bridges compiled")               \
	X(TOTAL_FREED_LOOPS, "loops freed")                         \
	X(TOTAL_FREED_BRIDGES, "bridges freed")

#define JIT_OWN_COUNTERS(X)                                          \
	X(ABORT_OTHER, "aborts: any other reason")                   \
	X(FLUSHES, "flushes of all compiled code")                   \
	X(BLACKLISTED, "places given up on for good")                \
	X(GUARD_FAILURES, "guard failures")                          \
	X(HOOKS_SUPPRESSED, "hook calls left out inside a hook")     \
	X(HOOK_ERRORS, "errors raised by hooks")                     \
	X(OPTIMIZE_REPLACED, "operation lists replaced by the hook") \
	X(OPTIMIZE_REJECTED, "operation lists of the hook refused")  \
	X(UNTRACKED_LOOPS, "loops that found the loop table full")   \
	X(UNTRACKED_ABORTS, "aborts that found the abort table full")

#define JIT_COUNTERS(X) JIT_PYPY_COUNTERS(X) JIT_OWN_COUNTERS(X)

/* The exclusive times: X(name as in counter_times, field). */
#define JIT_TIMES(X)           \
	X(TRACING, tracing_ns) \
	X(BACKEND, backend_ns) \
	X(HOOKS, hooks_ns)

/*
 * The probes of provider `jit` (probes.h has their arguments). To be attached to
 * one of the last two is a wish as well: that loop runs are counted.
 */
#define JIT_PLAIN_PROBES(X)          \
	X(TRACE_START, trace__start) \
	X(OPTIMIZE, optimize)        \
	X(COMPILE, compile)          \
	X(ABORT, abort)              \
	X(FREE, free)                \
	X(FLUSH, flush)              \
	X(UPDATE, update)
#define JIT_WISH_PROBES(X)     \
	X(LOOP_RUN, loop__run) \
	X(RUNS, runs)
#define JIT_PROBES(X) JIT_PLAIN_PROBES(X) JIT_WISH_PROBES(X)

/* What a piece of compiled code is: X(enumerator, PyPy's word). */
#define JIT_TRACE_TYPES(X)              \
	X(LOOP, "loop")                 \
	X(ENTRY_BRIDGE, "entry bridge") \
	X(BRIDGE, "bridge")

enum jit_counter {
#define X(name, text) JIT_##name,
	JIT_COUNTERS(X)
#undef X
		JIT_NCOUNTERS
};

/* Is it one of the reasons for which traces are given up? */
static inline int jit_is_abort(unsigned counter)
{
	return (counter >= JIT_ABORT_TOO_LONG && counter <= JIT_ABORT_SEGMENTED_TRACE) ||
	       counter == JIT_ABORT_OTHER;
}

enum jit_time {
#define X(name, field) JIT_TIME_##name,
	JIT_TIMES(X)
#undef X
		JIT_NTIMES
};

enum jit_probe {
#define X(name, probe) JIT_PROBE_##name,
	JIT_PROBES(X)
#undef X
		JIT_NPROBES
};

enum jit_trace_type {
#define X(name, text) JIT_TYPE_##name,
	JIT_TRACE_TYPES(X)
#undef X
		JIT_NTYPES
};

/* Named fields, so that `bpftool map dump` prints names. */
struct jit_counters {
#define X(name, text) __u64 name;
	JIT_COUNTERS(X)
#undef X
};

/* Nanoseconds; exclusive: a nested start pauses the outer one. */
struct jit_times {
#define X(name, field) __u64 field;
	JIT_TIMES(X)
#undef X
};

struct jit_totals {
	struct jit_counters counters;
	struct jit_times times;
};

/*
 * One compiled loop, entry bridge or bridge. The same struct is a row of the
 * region's loop table and the value of the kernel map `loops`.
 */
struct jit_loop {
	__u64 instance;			 /* process instance it belongs to */
	__u64 loop_no;			 /* number of the root: its own, unless a bridge */
	__u64 parent_no;		 /* a bridge: the trace it leaves; else 0 */
	__u64 vm_no;			 /* the VM's own number for it; not unique */
	__u64 asmaddr;			 /* address of the machine code, 0 if unknown */
	__u64 compile_ns;		 /* exclusive time from trace start to here */
	__u64 when_ns;			 /* CLOCK_MONOTONIC when it was compiled */
	__u64 runs;			 /* times entered, as far as that was counted */
	__u32 asmlen;			 /* bytes of machine code */
	__u32 operations;		 /* after optimization */
	__u32 vm;			 /* which VM of the process, from 1 */
	__u32 exit_no;			 /* a bridge: the exit it is attached to */
	__u32 run_slot;			 /* index of its run count; JIT_RUNS_OVERFLOW: none */
	__u32 type;			 /* enum jit_trace_type */
	char greenkey[JIT_GREENKEY_LEN]; /* where it starts */
};

/* One place and reason of aborts; row of the region and value of `aborts`. */
struct jit_abort {
	__u64 instance;
	__u64 count; /* absolute */
	__u64 last_ns;
	__u64 hash;	 /* of reason text and greenkey */
	__u32 reason_id; /* the VM's own number of the reason */
	__u32 counter;	 /* enum jit_counter: which ABORT_* counted it */
	char reason[JIT_REASON_LEN];
	char greenkey[JIT_GREENKEY_LEN];
};

/* The flushes of one VM; value of `flushes`. */
struct jit_flush {
	__u64 instance;
	__u64 flushed_no;    /* its traces up to this number are gone */
	__u64 count;	     /* flushes so far */
	__u64 dropped;	     /* traces dropped by the last one */
	__u64 total_dropped; /* and by all */
	__u64 last_ns;
	__u32 vm; /* which VM of the process, from 1; 0: none flushed yet */
	__u32 pad;
	char cause[JIT_REASON_LEN]; /* of the last one */
};

/*
 * What the first argument of every probe but loop__run points to. It lies in
 * the region and is written under the region's lock just before the probe, so
 * the kernel sees the events of one process one at a time and in order, and
 * one read gets the event and the totals.
 */
struct jit_event {
	__u64 magic;   /* JIT_ABI_MAGIC */
	__u32 version; /* JIT_ABI_VERSION */
	__u32 size;    /* sizeof(struct jit_event) */
	__u64 instance;
	__u64 region; /* address of struct jit_region */
	__u64 seq;    /* events of this process, this one included */
	__u64 when_ns;
	__u64 trace_no;		/* the trace's own number */
	__u32 probe;		/* enum jit_probe */
	__u32 ops_before;	/* optimize: operations before optimization */
	__u64 runs_session;	/* as in struct jit_region, */
	__u32 counting;		/* and this as well */
	__u32 ending;		/* update: 1: the last word of a process that ends normally */
	struct jit_loop loop;	/* trace__start, optimize, compile, free */
	struct jit_abort abort; /* abort */
	struct jit_flush flush; /* the last flush, in every event */
	char jitdriver[JIT_DRIVER_LEN];
	__u64 runs_since_ns; /* when loop runs began to be counted; 0: they were not */
	__u32 runs_missed;   /* JIT_RUNS_LATE | JIT_RUNS_GAPS: those that were not */
	__u32 pad;
	struct jit_totals totals;
};

/*
 * The region: what the process knows, laid out for somebody who reads it from
 * outside with process_vm_readv(), or from the file that holds it (see
 * JITHOOKS_REGION_DIR in hooks.h). Areas are given by offset from its start.
 */
struct jit_area {
	__u64 offset;	  /* bytes from the start of the region */
	__u32 entry_size; /* bytes of one row */
	__u32 capacity;	  /* rows that may be read */
	__u32 used;	  /* rows ever used; rows from here on are empty */
	__u32 pad;
};

struct jit_region {
	__u64 magic;		 /* JIT_ABI_MAGIC, written last */
	__u32 version;		 /* JIT_ABI_VERSION */
	__u32 size;		 /* sizeof(struct jit_region) */
	__u64 instance;		 /* tells this process image from any other */
	__u64 start_ns;		 /* CLOCK_MONOTONIC when the region was made */
	__u32 pid;		 /* as the process sees itself; a hint only */
	__u32 inherited;	 /* 1: a forked child that has done nothing yet */
	char comm[JIT_COMM_LEN]; /* program name; a hint as well */
	__u64 next_no;		 /* number of the next trace */
	struct jit_area loops;	 /* of struct jit_loop_row */
	struct jit_area aborts;	 /* of struct jit_abort_row */
	struct jit_area runs;	 /* of __u64, by jit_loop.run_slot */
	__u64 runs_session;	 /* whose map has the run counts now, 0: nobody's */
	__u32 runs_mapped;	 /* slots of that map, 0: none */
	__u32 counting;		 /* JIT_RUNS_* of any VM */
	struct jit_event event;	 /* the totals, and the last event */
};

/*
 * ---- Run counts in kernel memory -------------------------------------------
 *
 * The area `runs` is divided into blocks of one page; a VM takes whole blocks,
 * so a page is counted in by one thread and each VM moves its own. While an
 * observer is attached to probe `runs` the process asks it for a map of the
 * kernel, an array of struct jit_run with as many entries as the process has
 * slots, and lays the map's pages in the place of its own: what is counted is
 * in the map then, at the same index. Slots beyond the map's are not.
 */

/* How runs are counted; both at once is allowed. 0: they are not. */
#define JIT_RUNS_MEMORY 1 /* each loop in its slot */
#define JIT_RUNS_PROBE 2  /* loop__run fires as well */

/*
 * Which runs are in no count: of code that was there before counting began, and of
 * later moments at which some VM did not count what it had.
 */
#define JIT_RUNS_LATE 1
#define JIT_RUNS_GAPS 2

/* The slot of loops that have none of their own, all together. */
#define JIT_RUNS_OVERFLOW 0

/* Value of the array; also an element of the area `runs`. */
struct jit_run {
	__u64 runs;
};

/*
 * Where observers listen: sockets of type SOCK_SEQPACKET, <observer pid>.<n>.sock,
 * in a directory that root owns and nobody else may write to. The listener must
 * be root. One request and one reply to a connection, then both close it. Who
 * watches the whole machine ends the name in JIT_RUNS_ALL and is asked last: one
 * who chose what he watches has a better use for the counts. n is the observer's
 * number, the lowest that no other there has.
 */
#define JIT_RUNS_DIR "/run/jitscope"
#define JIT_RUNS_ALL ".all.sock"
/*
 * When to ask: when the semaphore of `runs` changes. The kernel counts there the
 * sites that somebody is attached to, not who is: a second observer of `runs` would
 * come and go unseen. Hence the bells, sites of provider `jit` with this name and
 * the semaphore of `runs`, which no code reaches. Observer n is attached to `runs` and,
 * as long as it is there, to bell n modulo JIT_BELLS / 2, in the order of the file's
 * notes. When it has a process more to watch that heard it before, it attaches to the
 * bell JIT_BELLS / 2 further on as well, or lets go of that.
 */
#define JIT_BELL "bell"
#define JIT_BELLS 32
#define JIT_RUNS_MAGIC 0x534e555254494aULL /* "JITRUNS", little endian */

struct jit_runs_request {
	__u64 magic;   /* JIT_RUNS_MAGIC */
	__u32 version; /* JIT_ABI_VERSION */
	__u32 size;    /* sizeof(struct jit_runs_request) */
	__u64 instance;
	/*
	 * Whose map it has, and all of it laid in place: that one may KEEP. 0:
	 * it has none, or some thread needs the descriptor of the one it has.
	 */
	__u64 session;
	__u32 slots; /* wanted */
	__u32 pad;
};

enum jit_runs_status {
	JIT_RUNS_GRANTED, /* one descriptor comes with the reply: the map */
	JIT_RUNS_KEEP,	  /* you have my map, and it is as large as it gets for now */
	JIT_RUNS_REFUSED, /* not watched, or over a limit */
};

/*
 * A map may have fewer slots than were wanted; loops beyond it then count in
 * the overflow slot. Their number is a multiple of page size / 8.
 */
struct jit_runs_reply {
	__u64 magic;   /* JIT_RUNS_MAGIC */
	__u32 version; /* JIT_ABI_VERSION */
	__u32 size;    /* sizeof(struct jit_runs_reply) */
	__u64 session; /* of the observer: never 0, no two alike */
	__u32 status;  /* enum jit_runs_status */
	__u32 slots;   /* of the map; 0: none */
};

/*
 * A row is written between a change of `begin` and the same change of `end`;
 * a reader whose copy has begin == end holds a whole row. no == 0: empty.
 */
struct jit_loop_row {
	__u64 begin;
	__u64 no;
	__u64 retired; /* its VM is gone; the row may go to another loop */
	struct jit_loop loop;
	__u64 end;
};

struct jit_abort_row {
	__u64 begin;
	struct jit_abort abort;
	__u64 end;
};

/*
 * The ELF note by which the region is found from outside. It lies in a
 * section that is not loaded, as those of SystemTap do, so strip keeps it.
 * Descriptor: one 64 bit word, the link-time address of struct jit_anchor.
 */
#define JIT_NOTE_NAME "jithooks"
#define JIT_NOTE_TYPE 1
#define JIT_NOTE_SECTION ".note.jithooks"

struct jit_anchor {
	__u64 magic;   /* JIT_ABI_MAGIC */
	__u32 version; /* JIT_ABI_VERSION */
	__u32 size;    /* sizeof(struct jit_anchor) */
	__u64 region;  /* address of struct jit_region; 0: none yet */
};

/* ---- Snapshots: made in memory, by either side, never shared ------------ */

struct jit_loop_run {
	char type; /* 'e' entry, 'l' loop, 'b' bridge, as PyPy has it */
	__u64 number;
	__u64 count;
};

/*
 * As pypyjit.JitInfoSnapshot: a copy, right for the moment it was taken.
 * counters and counter_times are the process's; times in ns.
 */
typedef struct JitInfoSnapshot {
	struct jit_counters counters;
	struct jit_times counter_times;
	struct jit_loop_run *loop_run_times; /* loops with a run count */
	__u64 n_loop_run_times;
	__u64 overflow_runs; /* of loops without a count of their own, together */
} JitInfoSnapshot;

#endif
