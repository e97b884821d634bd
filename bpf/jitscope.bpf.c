// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * jitscope.bpf.c - from probe hits to maps.
 *
 * Every probe but loop__run passes a pointer to a struct jit_event, which has
 * the totals of the process behind it. A handler copies it in one read,
 * checks it, and from then on trusts nothing but what it has copied: all
 * fields are plain data that end up in map values under the pid of the task
 * that hit the probe, so a process that lies can only lie about itself.
 *
 * Since the figures in an event are absolute, a handler overwrites and never
 * adds: a lost event costs its own entry, not the totals.
 */
#include <vmlinux.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "maps.h"
#include "spec.h"

/* Of a struct that is used in an inner map alone clang keeps no more than the name. */
static const struct jit_run describe_jit_run __attribute__((used)) = {};

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set before loading; the verifier drops what is switched off. */
const volatile bool system_wide = false;  /* else: watched processes only */
const volatile __u32 stream = 0;	  /* probes that send events, by bit */
const volatile bool lifecycle = false;	  /* fork, exec and exit send events */
const volatile bool reads_at_exit = true; /* the memory of what ends, where the kernel allows it */
const volatile __u32 loops_share = 0;	  /* rows a process may have; 0: no limit at all */

/* ---- Small things ------------------------------------------------------------ */

static __always_inline struct jitscope_stats *my_stats(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&stats, &zero);
}

/* Atomic, because a handler on the same CPU may come in between. */
#define COUNT(field)                                          \
	do {                                                  \
		struct jitscope_stats *st_ = my_stats();      \
		if (st_)                                      \
			__sync_fetch_and_add(&st_->field, 1); \
	} while (0)

/* As /proc/PID/stat has it: hundredths of a second since boot. For a task that BTF knows. */
static __always_inline __u64 start_of(struct task_struct *task)
{
	return task->group_leader->start_boottime / 10000000;
}

/* The value of a probe argument, where the cookie says it is. */
static __always_inline __u64 argument(void *ctx, __u32 spec)
{
	__u64 value = 0;

	switch (SPEC_KIND(spec)) {
	case SPEC_REGISTER:
		bpf_probe_read_kernel(&value, sizeof(value), ctx + SPEC_OFFSET(spec));
		break;
	case SPEC_CONSTANT:
		value = (__s64)(__s16)SPEC_OFFSET(spec);
		break;
	}
	switch (SPEC_SIZE(spec)) {
	case 1:
		return (__u8)value;
	case 2:
		return (__u16)value;
	case 4:
		return (__u32)value;
	}
	return value;
}

static __always_inline struct scratch *take_scratch(void)
{
	for (__u32 i = 0; i < SCRATCHES; i++) {
		__u32 key = i;
		struct scratch *s = bpf_map_lookup_elem(&scratch, &key);

		if (s && __sync_val_compare_and_swap(&s->taken, 0, 1) == 0)
			return s;
	}
	COUNT(busy);
	return NULL;
}

static __always_inline void give_back(struct scratch *s)
{
	__sync_lock_test_and_set(&s->taken, 0);
}

/* For a process, which is told from those that lost nothing. */
#define UPDATE(p, map, key, value)                                   \
	do {                                                         \
		if (bpf_map_update_elem(map, key, value, BPF_ANY)) { \
			__sync_fetch_and_add(&(p)->refused, 1);      \
			COUNT(map_full);                             \
		}                                                    \
	} while (0)

/*
 * The same, but in place if the key is there: a third of the cost, since
 * nothing is allocated. A reader may catch it between two words; that is all
 * right where each word is a figure of its own.
 */
#define PUT(p, map, key, value)                                           \
	do {                                                              \
		typeof(value) there_ = bpf_map_lookup_elem(map, key);     \
		if (there_)                                               \
			__builtin_memcpy(there_, value, sizeof(*there_)); \
		else                                                      \
			UPDATE(p, map, key, value);                       \
	} while (0)

/* ---- Shares of a map ---------------------------------------------------------- */

static __always_inline struct rows *rows_of(__u32 pid)
{
	struct rows none = {}, *r = bpf_map_lookup_elem(&rows, &pid);

	if (r)
		return r;
	bpf_map_update_elem(&rows, &pid, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&rows, &pid);
}

/* May the process have one row more of the map that is counted at that offset? */
static __always_inline bool take_row(struct jitscope_process *p, __u32 pid, __u32 offset,
				     __u32 share)
{
	struct rows *r = rows_of(pid);
	__s32 *count = (void *)r + offset;

	if (r && *count < (__s32)share) {
		__sync_fetch_and_add(count, 1);
		return true;
	}
	__sync_fetch_and_add(&p->refused, 1);
	COUNT(over_share);
	return false;
}

/* A row that is there already is no question. */
#define HAS_ROOM(p, pid, map, key, share)                    \
	(!loops_share || bpf_map_lookup_elem(&(map), key) || \
	 take_row(p, pid, offsetof(struct rows, map), share))

#include "last_runs.h"

/* ---- Processes --------------------------------------------------------------- */

static __always_inline struct jitscope_process *add_process(__u32 pid, struct jitscope_process *new)
{
	/* Another thread of it may have come first: its entry is as good. */
	if (bpf_map_update_elem(&processes, &pid, new, BPF_ANY))
		COUNT(map_full);
	return bpf_map_lookup_elem(&processes, &pid);
}

/* The entry of the current process; NULL if it is none of ours. */
static __always_inline struct jitscope_process *my_process(__u32 pid)
{
	struct jitscope_process *p = bpf_map_lookup_elem(&processes, &pid);
	struct jitscope_process new = {.alive = 1};
	__u64 start = start_of(bpf_get_current_task_btf());

	if (p && p->start_ticks == start)
		return system_wide || p->watched ? p : NULL;
	if (!system_wide)
		return NULL;
	new.start_ticks = start;
	return add_process(pid, &new);
}

/* ---- Events ------------------------------------------------------------------- */

/* From here on every string ends. */
static __always_inline void end_strings(struct jit_event *e)
{
	e->jitdriver[JIT_DRIVER_LEN - 1] = '\0';
	e->loop.greenkey[JIT_GREENKEY_LEN - 1] = '\0';
	e->abort.greenkey[JIT_GREENKEY_LEN - 1] = '\0';
	e->abort.reason[JIT_REASON_LEN - 1] = '\0';
	e->flush.cause[JIT_REASON_LEN - 1] = '\0';
}

/* Copies and checks the event of a hit; NULL: not ours, or not one. */
static __always_inline struct scratch *take_event(void *ctx, __u32 spec, __u32 pid,
						  struct jitscope_process **process)
{
	struct jitscope_process *p;
	struct scratch *s;
	void *from;

	COUNT(hits);
	p = my_process(pid);
	if (!p) {
		COUNT(foreign);
		return NULL;
	}
	s = take_scratch();
	if (!s)
		return NULL;
	from = (void *)argument(ctx, spec);
	if (bpf_probe_read_user(&s->e, sizeof(s->e), from)) {
		COUNT(read_fault);
		goto refused;
	}
	if (s->e.magic != JIT_ABI_MAGIC || s->e.version != JIT_ABI_VERSION ||
	    s->e.size != sizeof(s->e) || s->e.probe != SPEC_PROBE(spec) || !s->e.instance ||
	    s->e.loop.type >= JIT_NTYPES) {
		COUNT(bad_event);
		goto refused;
	}
	end_strings(&s->e);
	*process = p;
	return s;
refused:
	__sync_fetch_and_add(&p->bad, 1);
	give_back(s);
	return NULL;
}

/* What every event says of its process. */
static __always_inline void note_process(struct jitscope_process *p, struct jit_event *e, __u32 pid,
					 __u32 file)
{
	__u64 now = bpf_ktime_get_ns();

	if (p->instance != e->instance) {
		if (p->instance) /* else it is a child that has run what it inherited */
			p->unknown_runs = 0;
		p->instance = e->instance;
		p->first_ns = now;
		p->refused = 0;
		p->fires_runs = 0;
		p->bad = 0;
		p->runs_kept = 0;
		bpf_get_current_comm(p->comm, sizeof(p->comm));
	}
	p->region = e->region;
	p->runs_session = e->runs_session;
	p->counting = e->counting;
	p->runs_since_ns = e->runs_since_ns;
	p->runs_missed = e->runs_missed;
	p->file = file;
	p->last_ns = now;
	p->alive = 1;
	__sync_fetch_and_add(&p->events, 1);
	__builtin_memcpy(p->jitdriver, e->jitdriver, sizeof(p->jitdriver));
	PUT(p, &counters, &pid, &e->totals.counters);
	PUT(p, &counter_times, &pid, &e->totals.times);
}

/* What the event is about: where it started or aborted, and why. */
static __always_inline void send_texts(struct jitscope_event *to, struct jit_event *e, __u32 probe)
{
	to->reason[0] = '\0';
	to->greenkey[0] = '\0';
	switch (probe) {
	case JIT_PROBE_ABORT:
		__builtin_memcpy(to->reason, e->abort.reason, sizeof(to->reason));
		__builtin_memcpy(to->greenkey, e->abort.greenkey, sizeof(to->greenkey));
		break;
	case JIT_PROBE_FLUSH:
		__builtin_memcpy(to->reason, e->flush.cause, sizeof(to->reason));
		break;
	case JIT_PROBE_UPDATE:
	case JIT_PROBE_RUNS:
		break;
	default:
		__builtin_memcpy(to->greenkey, e->loop.greenkey, sizeof(to->greenkey));
	}
}

static __always_inline void send(struct jit_event *e, __u32 probe)
{
	struct jitscope_event *to;
	__u64 id = bpf_get_current_pid_tgid();

	to = bpf_ringbuf_reserve(&events, sizeof(*to), 0);
	if (!to) {
		COUNT(dropped);
		return;
	}
	to->when_ns = e->when_ns;
	to->trace_no = probe == JIT_PROBE_UPDATE || probe == JIT_PROBE_RUNS ? 0 : e->trace_no;
	to->loop_no = e->loop.loop_no;
	to->parent_no = e->loop.parent_no;
	to->asmaddr = e->loop.asmaddr;
	to->compile_ns = e->loop.compile_ns;
	to->dropped = probe == JIT_PROBE_FLUSH ? e->flush.dropped : 0;
	to->count = probe == JIT_PROBE_ABORT ? e->abort.count : 0;
	to->runs = probe == JIT_PROBE_FREE ? e->loop.runs : 0;
	to->pid = id >> 32;
	to->tid = (__u32)id;
	to->kind = probe;
	to->type = e->loop.type;
	to->asmlen = e->loop.asmlen;
	to->operations = probe == JIT_PROBE_ABORT ? e->ops_before : e->loop.operations;
	to->ops_before = e->ops_before;
	to->exit_no = e->loop.exit_no;
	to->reason_id = e->abort.reason_id;
	to->vm = e->loop.vm;
	bpf_get_current_comm(to->comm, sizeof(to->comm));
	__builtin_memcpy(to->jitdriver, e->jitdriver, sizeof(to->jitdriver));
	send_texts(to, e, probe);
	/* The reader comes by on a timer: waking it would cost the process. */
	bpf_ringbuf_submit(to, BPF_RB_NO_WAKEUP);
	COUNT(sent);
}

static __always_inline void enter_loop(struct jitscope_process *p, struct jit_event *e, __u32 pid,
				       __u32 type)
{
	struct jitscope_loop_key key = {.pid = pid, .type = type, .no = e->trace_no};

	e->loop.instance = e->instance;
	if (HAS_ROOM(p, pid, loops, &key, loops_share))
		UPDATE(p, &loops, &key, &e->loop);
}

/*
 * What a forked child has of its parent comes into the map later (user/inherit.c). A
 * loop of that kind leaves a row of no type behind, so that it does not come.
 */
static __always_inline void leave_loop(struct jitscope_process *p, struct jit_event *e, __u32 pid)
{
	struct jitscope_loop_key key = {.pid = pid, .type = e->loop.type, .no = e->trace_no};

	if (!bpf_map_delete_elem(&loops, &key)) {
		struct rows *r = loops_share ? bpf_map_lookup_elem(&rows, &pid) : NULL;

		if (r)
			__sync_fetch_and_add(&r->loops, -1);
	} else if (p->ppid && !p->execs) {
		e->loop.type = JIT_NTYPES;
		enter_loop(p, e, pid, key.type);
	}
}

static __always_inline void enter_abort(struct jitscope_process *p, struct jit_event *e, __u32 pid)
{
	struct jitscope_abort_key key = {
		.pid = pid,
		.reason_id = e->abort.reason_id,
		.hash = e->abort.hash,
	};

	if (!e->abort.count)
		return; /* the process found its own table full, and counts that */
	e->abort.instance = e->instance;
	if (HAS_ROOM(p, pid, aborts, &key, ABORTS_SHARE))
		PUT(p, &aborts, &key, &e->abort);
}

static __always_inline void enter_flush(struct jitscope_process *p, struct jit_event *e, __u32 pid)
{
	struct jitscope_vm_key key = {.pid = pid, .vm = e->flush.vm};

	e->flush.instance = e->instance;
	if (HAS_ROOM(p, pid, flushes, &key, FLUSHES_SHARE))
		PUT(p, &flushes, &key, &e->flush);
}

/*
 * One program for all probes that pass an event: then one link holds all the
 * sites of a file, and detaching waits for the kernel's grace periods once
 * and not for each probe.
 */
SEC("uprobe")
int jit_event(void *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 spec = (__u32)cookie, probe = SPEC_PROBE(spec);
	struct jitscope_process *p;
	struct scratch *s;

	s = take_event(ctx, spec, pid, &p);
	if (!s)
		return 0;
	note_process(p, &s->e, pid, cookie >> 32);
	switch (probe) {
	case JIT_PROBE_COMPILE:
		enter_loop(p, &s->e, pid, s->e.loop.type);
		break;
	case JIT_PROBE_FREE:
		leave_loop(p, &s->e, pid);
		break;
	case JIT_PROBE_ABORT:
		enter_abort(p, &s->e, pid);
		break;
	case JIT_PROBE_FLUSH:
		enter_flush(p, &s->e, pid);
		break;
	case JIT_PROBE_UPDATE:
		if (s->e.ending)
			keep_runs(p, pid);
		break;
	}
	if (stream & (1u << (probe & 31)))
		send(&s->e, probe);
	give_back(s);
	return 0;
}

/* The only probe without an event: it may fire a million times a second. */
SEC("uprobe")
int jit_loop__run(void *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct jitscope_loop_key key = {
		.pid = bpf_get_current_pid_tgid() >> 32,
		.type = (__u32)argument(ctx, cookie >> 32),
		.no = argument(ctx, (__u32)cookie),
	};
	struct jitscope_process *p;
	struct jit_loop *loop;

	COUNT(hits);
	p = my_process(key.pid);
	if (!p) {
		COUNT(foreign);
		return 0;
	}
	if (!p->fires_runs)
		p->fires_runs = 1;
	loop = bpf_map_lookup_elem(&loops, &key);
	if (loop && loop->instance == p->instance) {
		__sync_fetch_and_add(&loop->runs, 1);
	} else {
		__sync_fetch_and_add(&p->unknown_runs, 1);
		COUNT(unknown_loop);
	}
	return 0;
}

/* ---- Maps that are in use ---------------------------------------------------------- */

/* The numbers of all maps that are made like those for loop runs, ours or not, in 32 bits each. */
SEC("iter/bpf_map")
int jit_each_runs_map(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	__u32 id;

	if (!map || map->map_type != BPF_MAP_TYPE_ARRAY || !(map->map_flags & BPF_F_INNER_MAP))
		return 0;
	id = map->id;
	bpf_seq_write(ctx->meta->seq, &id, sizeof(id));
	return 0;
}

/* ---- The life of processes ------------------------------------------------------ */

static __always_inline void send_life(__u32 kind, __u32 pid, __u32 parent, struct task_struct *task)
{
	struct jitscope_event *to;

	if (!lifecycle)
		return;
	to = bpf_ringbuf_reserve(&events, sizeof(*to), 0);
	if (!to) {
		COUNT(dropped);
		return;
	}
	__builtin_memset(to, 0, sizeof(*to));
	to->when_ns = bpf_ktime_get_ns();
	to->kind = kind;
	to->pid = pid;
	to->tid = pid;
	to->parent_no = parent;
	bpf_probe_read_kernel_str(to->comm, sizeof(to->comm), task->comm);
	bpf_ringbuf_submit(to, BPF_RB_NO_WAKEUP);
	COUNT(sent);
}

/* A child of a process that we know is known, with its code and counters. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = parent->tgid, pid = child->tgid;
	struct jitscope_process *p, new = {.alive = 1, .ppid = from};

	if (from == pid)
		return 0; /* a thread */
	p = bpf_map_lookup_elem(&processes, &from);
	if (!p || p->start_ticks != start_of(parent))
		return 0;
	new.start_ticks = child->start_boottime / 10000000;
	new.watched = p->watched;
	new.file = p->file;
	bpf_probe_read_kernel_str(new.comm, sizeof(new.comm), child->comm);
	if (!add_process(pid, &new))
		return 0;
	send_life(JITSCOPE_FORK, pid, from, child);
	return 0;
}

/* An exec that can no longer fail: the memory is still the old program's. Since 6.10. */
SEC("tp_btf/sched_prepare_exec")
int BPF_PROG(before_exec, struct task_struct *task)
{
	__u32 pid = task->tgid;
	struct jitscope_process *p = bpf_map_lookup_elem(&processes, &pid);

	if (p && p->start_ticks == start_of(task))
		keep_runs(p, pid);
	return 0;
}

/* The old program is gone; the next event, if any, brings a new instance. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	__u32 pid = task->tgid;
	struct jitscope_process *p = bpf_map_lookup_elem(&processes, &pid);

	if (!p || p->start_ticks != start_of(task)) {
		/* The observer looks whether it is one of ours. */
		if (system_wide)
			send_life(JITSCOPE_NEWCOMER, pid, 0, task);
		return 0;
	}
	p->execs++;
	p->region = 0;
	p->last_ns = bpf_ktime_get_ns();
	bpf_probe_read_kernel_str(p->comm, sizeof(p->comm), task->comm);
	send_life(JITSCOPE_EXEC, pid, 0, task);
	return 0;
}

/* Called for each thread; the last one to pass ends the process. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	__u32 pid = task->tgid;
	struct jitscope_process *p;

	if (task->signal->live.counter > 0)
		return 0;
	p = bpf_map_lookup_elem(&processes, &pid);
	if (!p || p->start_ticks != start_of(task))
		return 0;
	/* Who sees that it has ended finds its counts. */
	if (reads_at_exit && task->mm)
		keep_runs(p, pid);
	/* Two threads that exit together may both find nobody left: one tells. */
	if (!__sync_lock_test_and_set(&p->alive, 0))
		return 0;
	p->last_ns = bpf_ktime_get_ns();
	send_life(JITSCOPE_EXIT, pid, p->ppid, task);
	/* Nothing to remember of a child that never was a JIT. */
	if (!p->instance && p->ppid)
		bpf_map_delete_elem(&processes, &pid);
	return 0;
}
