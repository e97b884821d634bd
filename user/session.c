/* SPDX-License-Identifier: BSD-2-Clause */
/* session.c - a session: loading the BPF programs, polling, and the end. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../bpf/share.h"
#include "internal.h"
#include "jitscope.skel.h"

#define NAP_NS (10 * 1000000ull)
#define MAX_LOOPS (1u << 26) /* of a map, in a session that watches strangers */

static int no_output(enum libbpf_print_level level, const char *format, va_list args)
{
	if (getenv("JITSCOPE_DEBUG") && level != LIBBPF_DEBUG)
		return vfprintf(stderr, format, args);
	return 0;
}

void jitscope_quiet_libbpf(void)
{
	libbpf_set_print(no_output);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
}

static bool kernel_is_before(unsigned major, unsigned minor)
{
	unsigned have_major = 0, have_minor = 0;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%u.%u", &have_major, &have_minor) != 2)
		return false;
	return have_major < major || (have_major == major && have_minor < minor);
}

/* --max-loops is the share of one process then, and the map is larger. */
static void set_shares(struct jitscope_session *s)
{
	struct bpf_map *loops = s->bpf->maps.loops;

	s->loops_share = bpf_map__max_entries(loops);
	s->bpf->rodata->loops_share = s->loops_share;
	if (s->loops_share <= MAX_LOOPS / LOOPS_SHARES)
		bpf_map__set_max_entries(loops, s->loops_share * LOOPS_SHARES);
}

/* Sizes, switches and program types: all that must be set before loading. */
static int configure(struct jitscope_session *s)
{
	const struct jitscope_options *o = &s->options;
	struct jitscope_bpf *b = s->bpf;
	struct bpf_map *map;
	struct bpf_program *prog;

	b->rodata->system_wide = o->system_wide;
	/* A flush has to come in any case: it is what makes us sweep. */
	b->rodata->stream = (o->event ? o->stream : 0) | 1u << JIT_PROBE_FLUSH;
	b->rodata->lifecycle = true;

	bpf_program__set_autoload(b->progs.jit_loop__run, o->count == JITSCOPE_COUNT_PROBE);
	bpf_program__set_autoload(b->progs.jit_each_runs_map, o->count == JITSCOPE_COUNT_MEMORY);
	bpf_program__set_autoattach(b->progs.jit_each_runs_map, false); /* see runs_memory.c */
	bpf_map__set_autocreate(b->maps.loop_run_times, o->count == JITSCOPE_COUNT_MEMORY);
	if (o->max_loops)
		bpf_map__set_max_entries(b->maps.loops, o->max_loops);
	if (o->system_wide)
		set_shares(s);
	/* For trying on a new kernel what an old one cannot do. */
	b->rodata->reads_at_exit = !secure_getenv("JITSCOPE_NO_READ_AT_EXIT");
	bpf_program__set_autoload(b->progs.before_exec, /* since Linux 6.10 */
				  b->rodata->reads_at_exit &&
					  libbpf_find_vmlinux_btf_id("sched_prepare_exec",
								     BPF_TRACE_RAW_TP) > 0);
	if (o->max_processes) {
		bpf_map__set_max_entries(b->maps.processes, o->max_processes);
		bpf_map__set_max_entries(b->maps.counters, o->max_processes);
		bpf_map__set_max_entries(b->maps.counter_times, o->max_processes);
		bpf_map__set_max_entries(b->maps.unseeded, o->max_processes);
		bpf_map__set_max_entries(b->maps.rows, o->max_processes);
		bpf_map__set_max_entries(b->maps.loop_run_times, o->max_processes);
	}
	/* Full parts for the loops, seen and at the end, and for each process two that are not. */
	bpf_map__set_max_entries(b->maps.last_runs,
				 2 * bpf_map__max_entries(b->maps.loops) / JITSCOPE_RUNS_PART +
					 2 * bpf_map__max_entries(b->maps.processes));
	if (o->ring_bytes)
		bpf_map__set_max_entries(b->maps.events, o->ring_bytes);
	/* Allocation from tracing programs is safe since 6.1 (bpf_mem_alloc). */
	if (kernel_is_before(6, 1))
		bpf_object__for_each_map(map, b->obj)
			bpf_map__set_map_flags(map, bpf_map__map_flags(map) &
							    ~(uint32_t)BPF_F_NO_PREALLOC);
	s->multi = jitscope_attaches_at_once();
	if (s->multi)
		bpf_object__for_each_program(prog, b->obj) if (bpf_program__type(prog) ==
							       BPF_PROG_TYPE_KPROBE)
			bpf_program__set_expected_attach_type(prog, JITSCOPE_UPROBE_MULTI);
	return 0;
}

static int fail_to_load(int err)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return jitscope_fail(-ENOSYS, "cannot load the BPF programs: this kernel has no "
					      "BTF (CONFIG_DEBUG_INFO_BTF); see `jitscope check`");
	if (err == -EPERM || err == -EACCES)
		return jitscope_fail(-EPERM, "cannot load the BPF programs: not permitted; run as "
					     "root, or with CAP_BPF and CAP_PERFMON");
	return jitscope_fail(err, "cannot load the BPF programs: %s; see `jitscope check`",
			     strerror(-err));
}

static int on_ring(void *ctx, void *data, size_t size)
{
	struct jitscope_session *s = ctx;
	const struct jitscope_event *e = data;

	if (size < sizeof(*e))
		return 0;
	jitscope_on_life(s, e);
	if (s->options.event && e->kind != JITSCOPE_NEWCOMER &&
	    (e->kind >= JIT_NPROBES || s->options.stream & 1u << e->kind))
		s->options.event(s->options.ctx, e);
	return 0;
}

/* The processes count all the same: the wish is in the probe that is attached. */
static void explain_no_maps(struct jitscope_session *s)
{
	char line[700];

	if (!s->options.note)
		return;
	snprintf(line, sizeof(line),
		 "loop runs cannot be counted in kernel memory, each process counts in its own: %s",
		 jitscope_error());
	s->options.note(s->options.ctx, line);
}

int jitscope_open(jitscope_session **out, const struct jitscope_options *options)
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct jitscope_session *s = calloc(1, sizeof(*s));
	int err;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	if (options)
		s->options = *options;
	if (s->options.command)
		snprintf(s->command, sizeof(s->command), "%s", s->options.command);
	jitscope_quiet_libbpf();
	if (kernel_is_before(5, 11)) /* later kernels charge the cgroup */
		setrlimit(RLIMIT_MEMLOCK, &unlimited);

	if (!jitscope_in_first_pid_namespace()) {
		err = jitscope_fail(-ENOTSUP, "the kernel's pids are not those of this container; "
					      "run jitscope on the host, or share its pid "
					      "namespace");
		goto failed;
	}
	s->bpf = jitscope_bpf__open();
	if (!s->bpf) {
		err = fail_to_load(-errno);
		goto failed;
	}
	err = configure(s);
	if (!err)
		err = jitscope_bpf__load(s->bpf);
	if (err) {
		err = fail_to_load(err);
		goto failed;
	}
	s->ring = ring_buffer__new(bpf_map__fd(s->bpf->maps.events), on_ring, s, NULL);
	if (!s->ring) {
		err = jitscope_fail(-errno, "cannot map the ring buffer: %s", strerror(errno));
		goto failed;
	}
	err = jitscope_fill_owner(s);
	if (!err)
		err = jitscope_bpf__attach(s->bpf); /* the tracepoints */
	if (err) {
		jitscope_fail(err, "cannot attach to the tracepoints of processes: %s",
			      strerror(-err));
		goto failed;
	}
	if (s->options.pin_dir)
		err = jitscope_pin(s);
	if (err)
		goto failed;
	if (s->options.count == JITSCOPE_COUNT_MEMORY && jitscope_runs_open(s))
		explain_no_maps(s);
	*out = s;
	return 0;
failed:
	jitscope_close(s);
	return err;
}

void jitscope_close(jitscope_session *s)
{
	if (!s)
		return;
	jitscope_tell_rest(s, true);
	jitscope_adopt_runs(s, NULL);
	jitscope_runs_refuse(s);
	jitscope_detach_all(s);
	jitscope_runs_close(s);
	jitscope_drop_rows(s);
	jitscope_unpin(s);
	ring_buffer__free(s->ring);
	jitscope_bpf__destroy(s->bpf);
	free(s->watched);
	free(s->newcomers);
	free(s->heirs);
	free(s->shared_files);
	free(s);
}

/*
 * The handlers do not wake us (a wake-up would be paid by the process that is
 * watched), so this comes by every few ms.
 */
int jitscope_poll(jitscope_session *s, int timeout_ms)
{
	uint64_t end = jitscope_now() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;

	jitscope_drop_rows(s);
	for (;;) {
		int err = *s->shared_dir ? jitscope_reader_poll(s) : ring_buffer__consume(s->ring);
		uint64_t now = jitscope_now();
		struct timespec nap = {0};

		if (err < 0)
			return jitscope_fail(err, "cannot read the events: %s", strerror(-err));
		if (!*s->shared_dir)
			jitscope_housekeeping(s);
		if (now >= end)
			return 0;
		nap.tv_nsec = (long)(end - now < NAP_NS ? end - now : NAP_NS);
		if (nanosleep(&nap, NULL))
			return 0; /* a signal: let the caller look */
	}
}
