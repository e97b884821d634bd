/* SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause) */
/*
 * vmlinux.h - the kernel types that the BPF programs use, and no others.
 *
 * Kept by hand: a field here is one that some program reads. The offsets come
 * from the running kernel at load time (CO-RE), so only names and types have
 * to be right, and one header serves all architectures. `make vmlinux` dumps
 * the full one of the running kernel to look things up.
 */
#ifndef VMLINUX_H
#define VMLINUX_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef _Bool bool;
enum { false = 0, true = 1 };

typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_HASH_OF_MAPS = 13,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
};

enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_F_MMAPABLE = 1 << 10,
	BPF_F_INNER_MAP = 1 << 12,
};

enum {
	BPF_RB_NO_WAKEUP = 1,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live; /* threads that have not passed exit */
};

struct mm_struct;

struct task_struct {
	__s32 pid;
	__s32 tgid;
	struct mm_struct *mm; /* NULL: given up already */
	struct task_struct *group_leader;
	struct signal_struct *signal;
	__u64 start_boottime; /* ns; since 5.5, real_start_time before */
	char comm[16];
};

struct bpf_map {
	enum bpf_map_type map_type;
	__u32 map_flags;
	__u32 id;
};

struct seq_file;

struct bpf_iter_meta {
	union {
		struct seq_file *seq;
	};
};

struct bpf_iter__bpf_map {
	union {
		struct bpf_iter_meta *meta;
	};
	union {
		struct bpf_map *map;
	};
};

#pragma clang attribute pop

/* Opaque: registers are read by the offset that the attach cookie names. */
struct pt_regs;

#endif
