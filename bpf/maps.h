/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * maps.h - the maps of a session (include/jitscope/maps.h documents them).
 *
 * All hashes are NO_PREALLOC: they are sized for the worst case and paid for
 * as they fill. The loader takes that flag off on kernels before 6.1, where
 * allocating in a tracing program is not safe, and sets the sizes.
 */
#ifndef JITSCOPE_BPF_MAPS_H
#define JITSCOPE_BPF_MAPS_H

#include <jitscope/maps.h>

#include "share.h"

#define HASH(name_, key_, value_, entries)            \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_HASH);      \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__uint(max_entries, entries);         \
		__type(key, key_);                    \
		__type(value, value_);                \
	} name_ SEC(".maps")

HASH(processes, __u32, struct jitscope_process, 8192);
HASH(counters, __u32, struct jit_counters, 8192);
HASH(counter_times, __u32, struct jit_times, 8192);
HASH(loops, struct jitscope_loop_key, struct jit_loop, 65536);
HASH(aborts, struct jitscope_abort_key, struct jit_abort, 65536);
HASH(flushes, struct jitscope_vm_key, struct jit_flush, 8192);
HASH(last_runs, struct jitscope_part_key, struct jitscope_part, 16384);
HASH(unseeded, __u32, struct jitscope_unseeded, 8192);
HASH(rows, __u32, struct rows, 8192);

/*
 * The arrays in it are made by the loader, when processes ask for them, in
 * many sizes; this one only says what they are like.
 */
struct loop_runs {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, 512);
	__type(key, __u32);
	__type(value, struct jit_run);
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__array(values, struct loop_runs);
} loop_run_times SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct jitscope_stats);
} stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct jitscope_owner);
} session SEC(".maps");

/*
 * Room for one event, too large for the stack. A handler can be preempted by
 * another on the same CPU (uprobe_multi runs them preemptible), so there are
 * several per CPU and each is taken and given back.
 */
#define SCRATCHES 8

struct scratch {
	__u32 taken;
	__u32 pad;
	union {
		struct jit_event e;
		struct jitscope_part runs;
	};
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

#endif
