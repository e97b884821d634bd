/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * maps.h - keys and values of the kernel maps.
 *
 * The names of the maps are an interface: `bpftool map dump name counters`
 * prints these structs with their field names, and whoever pins a session
 * (jitscope --pin) can read them from programs of his own.
 *
 *   processes      hash         pid -> struct jitscope_process
 *   counters       hash         pid -> struct jit_counters (abi.h)
 *   counter_times  hash         pid -> struct jit_times (abi.h), ns
 *   loops          hash         struct jitscope_loop_key -> struct jit_loop
 *   aborts         hash         struct jitscope_abort_key -> struct jit_abort
 *   flushes        hash         struct jitscope_vm_key -> struct jit_flush
 *   last_runs      hash         struct jitscope_part_key -> struct jitscope_part
 *   unseeded       hash         pid -> struct jitscope_unseeded
 *   loop_run_times hash of maps pid -> array, run_slot -> struct jit_run (abi.h)
 *   events         ring buffer  struct jitscope_event
 *   stats          per-CPU      0 -> struct jitscope_stats
 *   session        array        0 -> struct jitscope_owner
 *
 * Keys name a process by its pid alone, so that a person can type it. Which
 * process of that pid a value belongs to tells its `instance`: it equals
 * that in `processes`, or else the value is left over from an earlier one
 * and the next sweep removes it, as it does rows of `loops` whose type is none
 * of enum jit_trace_type: loops that a forked child has freed. counters and counter_times are
 * always those of the instance in `processes`.
 */
#ifndef JITSCOPE_MAPS_H
#define JITSCOPE_MAPS_H

#include <jithooks/abi.h>

struct jitscope_process {
	__u64 start_ticks; /* field 22 of /proc/PID/stat: tells a pid used again */
	__u64 instance;	   /* of its region; 0: no event seen yet */
	__u64 region;	   /* address in the process; 0: not known */
	__u64 first_ns;	   /* CLOCK_MONOTONIC of its first event */
	__u64 last_ns;	   /* and of the last thing seen of it */
	__u64 events;	   /* probe hits taken from it, runs not counted */
	__u64 refused;	   /* its rows that are missing: a map was full, or it had its share */
	__u32 ppid;
	__u32 alive;
	__u32 watched; /* 1: asked for, or forked from one that was */
	__u32 execs;
	__u32 fires_runs;    /* 1: it has fired loop__run */
	__u32 bad;	     /* its events that could not be read, or made no sense */
	__u64 unknown_runs;  /* hits of loop__run that found no loop of that number */
	__u64 runs_since_ns; /* since when it counts loop runs, and what is not */
	__u32 runs_missed;   /* in the counts: as in struct jit_event */
	__u32 file; /* jitscope_file_id() of that which its events come from; 0: not known */
	__u64 runs_session; /* in whose map it counts loop runs, by its last event; 0: its own */
	__u32 counting;	    /* JIT_RUNS_*, likewise */
	__u32 runs_kept;    /* 1: last_runs has all run counts, as of its end */
	char comm[JIT_COMM_LEN];
	char jitdriver[JIT_DRIVER_LEN];
};

/* Tells files apart in few bits; never 0. Two may share one, but hardly on one machine. */
static inline __u32 jitscope_file_id(__u64 dev, __u64 ino)
{
	__u64 h = (ino * 0x9e3779b97f4a7c15ull) ^ (dev * 0xc2b2ae3d27d4eb4full);

	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9ull;
	return (__u32)(h >> 32) | !(h >> 32);
}

struct jitscope_loop_key {
	__u32 pid;
	__u32 type; /* enum jit_trace_type */
	__u64 no;   /* loop_no, or bridge_no of a bridge */
};

struct jitscope_abort_key {
	__u32 pid;
	__u32 reason_id;
	__u64 hash; /* jit_abort.hash */
};

struct jitscope_vm_key {
	__u32 pid;
	__u32 vm;
};

/*
 * Run counts of a process that has ended, or is about to, copied from its memory wherever
 * that was, or (`seen`) of one that lives, as somebody saw them last. Parts that are all
 * zero may be missing. What it counts in loop_run_times is there at any time.
 */
#define JITSCOPE_RUNS_PART 64 /* slots */

struct jitscope_part_key {
	__u32 pid;
	__u32 part; /* run_slot / JITSCOPE_RUNS_PART */
	__u32 seen;
};

struct jitscope_part {
	__u64 instance;
	__u64 when_ns; /* CLOCK_MONOTONIC when they were copied */
	__u64 runs[JITSCOPE_RUNS_PART];
};

/*
 * Of what this program did before it was watched, part is missing: it could not be
 * read, or found no room. It is that of `processes` if these are the same there.
 */
struct jitscope_unseeded {
	__u64 start_ticks;
	__u32 execs;
	__u32 pad;
};

/* Loss is counted, never silent. */
#define JITSCOPE_STATS(X)                                                  \
	X(hits, "probe hits")                                              \
	X(foreign, "hits of processes that are not watched")               \
	X(sent, "events written to the ring buffer")                       \
	X(dropped, "events lost: ring buffer full")                        \
	X(map_full, "entries lost: map full")                              \
	X(over_share, "entries lost: a process had its share of a map")    \
	X(bad_event, "events refused: wrong magic, version, size or kind") \
	X(read_fault, "events lost: unreadable memory in the process")     \
	X(busy, "events lost: no scratch space on that CPU")               \
	X(unknown_loop, "runs of a loop that was not in the map")

struct jitscope_stats {
#define X(name, text) __u64 name;
	JITSCOPE_STATS(X)
#undef X
};

/* Who runs this session: tells stale pins from live ones. */
struct jitscope_owner {
	__u64 start_ticks; /* field 22 of /proc/PID/stat */
	__u32 pid;
	__u32 abi;
	__u32 system_wide;
	__u32 pad;
	__u64 seed_lost; /* what jitscope_stats() adds to map_full and read_fault */
	__u64 seed_failed;
	__u64 runs_session; /* as in the requests for run-count maps; 0: none */
	char command[64];
};

/* What happened: a probe (enum jit_probe), or one of these. */
enum jitscope_event_kind {
	JITSCOPE_FORK = 64,
	JITSCOPE_EXEC,
	JITSCOPE_EXIT,
	JITSCOPE_NEWCOMER, /* a program was started that may be a JIT; not handed out */
};

struct jitscope_event {
	__u64 when_ns; /* CLOCK_MONOTONIC */
	__u64 trace_no;
	__u64 loop_no;
	__u64 parent_no; /* FORK: pid of the parent */
	__u64 asmaddr;
	__u64 compile_ns;
	__u64 dropped;
	__u64 count; /* ABORT: this reason at this place so far */
	__u64 runs;  /* FREE: how often it ran, as far as that was counted */
	__u32 pid;
	__u32 tid;
	__u32 kind; /* enum jit_probe or enum jitscope_event_kind */
	__u32 type; /* enum jit_trace_type */
	__u32 asmlen;
	__u32 operations;
	__u32 ops_before;
	__u32 exit_no;
	__u32 reason_id;
	__u32 vm;
	char comm[JIT_COMM_LEN];
	char jitdriver[JIT_DRIVER_LEN];
	char reason[JIT_REASON_LEN];
	char greenkey[JIT_GREENKEY_LEN];
};

#endif
