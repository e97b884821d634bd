/* SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause) */
/*
 * last_runs.h - the run counts that a process leaves behind.
 *
 * A process counts in a map that an observer gave it, or, if nobody did in time, in
 * memory of its own, which goes with it. So its counts are copied into the map
 * `last_runs` when it ends, here, where nobody has to wait for anybody: at its last
 * word (an event with `ending`), when it exits in whatever way, and before an exec.
 * The second is the better one, since nothing is counted after it; but tracepoint
 * sched_process_exit comes early enough to see the memory since Linux 6.16 only.
 *
 * They are copied wherever they lie, also if in a map: it may be another session's, or
 * some thread has not changed over. What is read is the process's own memory, by
 * addresses that it gives, as far as it can read it itself; without a page of it that
 * is not there, nothing is said to be kept.
 *
 * Included by jitscope.bpf.c. The functions are global, each verified by itself, so
 * that a million counts cost the verifier no more than 64.
 */
#ifndef JITSCOPE_BPF_LAST_RUNS_H
#define JITSCOPE_BPF_LAST_RUNS_H

#define PART_BYTES (JITSCOPE_RUNS_PART * sizeof(struct jit_run))
#define PARTS_AT_ONCE 256
#define MAX_PARTS (PARTS_AT_ONCE * 72) /* the slots of libjithooks, and some */

static __always_inline bool may_add_part(__u32 pid)
{
	struct rows *r = loops_share ? rows_of(pid) : NULL;

	if (!loops_share)
		return true;
	if (!r || r->last_runs >= (__s32)LAST_RUNS_SHARE(loops_share))
		return false;
	__sync_fetch_and_add(&r->last_runs, 1);
	return true;
}

/* One that is all zero is left out, but must take the place of an older one. */
static __always_inline int put_part(struct jitscope_part_key *key, struct jitscope_part *runs)
{
	__u64 any = 0;

	if (!bpf_map_lookup_elem(&last_runs, key)) {
		for (int i = 0; i < JITSCOPE_RUNS_PART; i++)
			any |= runs->runs[i];
		if (!any)
			return 0;
		if (!may_add_part(key->pid))
			return -1;
	}
	return bpf_map_update_elem(&last_runs, key, runs, BPF_ANY) ? -1 : 0;
}

/* Of so many slots that it has in all. */
__noinline int keep_part(__u32 pid, __u64 instance, __u64 from, __u32 slots, __u32 part)
{
	__u32 left = slots - part * JITSCOPE_RUNS_PART, size = PART_BYTES;
	struct jitscope_part_key key = {.pid = pid, .part = part};
	struct scratch *s = take_scratch();
	int err = -1;

	if (!s)
		return err;
	s->runs.instance = instance;
	s->runs.when_ns = bpf_ktime_get_ns();
	if (left < JITSCOPE_RUNS_PART) {
		__builtin_memset(s->runs.runs, 0, PART_BYTES);
		size = left * sizeof(struct jit_run);
	}
	if (!bpf_probe_read_user(s->runs.runs, size, (void *)from + part * PART_BYTES))
		err = put_part(&key, &s->runs);
	give_back(s);
	return err;
}

/* The parts from `part` on, PARTS_AT_ONCE at most. */
__noinline int keep_parts(__u32 pid, __u64 instance, __u64 from, __u32 slots, __u32 part)
{
	for (__u32 i = 0; i < PARTS_AT_ONCE && (part + i) * JITSCOPE_RUNS_PART < slots; i++)
		if (keep_part(pid, instance, from, slots, part + i))
			return -1;
	return 0;
}

/* All that the region has; 0: they are in the map. */
__noinline int keep_counts(__u32 pid, __u64 instance, __u64 region)
{
	/* Without the event, which is at its end. */
	__u64 head[offsetof(struct jit_region, event) / sizeof(__u64)];
	struct jit_region *r = (void *)head;

	if (bpf_probe_read_user(head, sizeof(head), (void *)region))
		return -1;
	if (r->magic != JIT_ABI_MAGIC || r->version != JIT_ABI_VERSION || r->size != sizeof(*r) ||
	    r->instance != instance || r->runs.used > r->runs.capacity ||
	    r->runs.used > MAX_PARTS * JITSCOPE_RUNS_PART)
		return -1;
	for (__u32 part = 0; part < MAX_PARTS; part += PARTS_AT_ONCE)
		if (part * JITSCOPE_RUNS_PART < r->runs.used &&
		    keep_parts(pid, instance, region + r->runs.offset, r->runs.used, part))
			return -1;
	return 0;
}

/* The process, which is the current one, ends or goes on to another program. */
static __always_inline void keep_runs(struct jitscope_process *p, __u32 pid)
{
	if (p->instance && p->region && !keep_counts(pid, p->instance, p->region))
		p->runs_kept = 1;
}

#endif
