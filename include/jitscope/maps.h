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
 * of enum jit_trace_type: loops that a forked child has freed. counters and counter_times are always those
 * of the instance in `processes`.
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
	__u32 fires_runs; /* 1: it has fired loop__run */
	__u32 bad;	  /* its events that could not be read, or made no sense */
	char comm[JIT_COMM_LEN];
	char jitdriver[JIT_DRIVER_LEN];
};

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
	X(unknown_loop, "runs of a loop that is not in the map")

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
