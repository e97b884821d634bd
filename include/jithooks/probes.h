/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probes.h - the USDT provider `jit`.
 *
 * For whoever writes bpftrace, SystemTap or perf against it, and for a JIT
 * that wants the same provider without linking libjithooks (libjithooks
 * itself fires these from jit/hooks/probes.c and nothing else needs to
 * include this file).
 *
 *   probe         arguments
 *   trace__start  event*, trace_no, greenkey*, type, parent_no, exit_no
 *   optimize      event*, trace_no, greenkey*, type, ops before, ops after
 *   compile       event*, trace_no, greenkey*, type, asmaddr, asmlen
 *   abort         event*, trace_no, greenkey*, reason text*, reason id, ops
 *   free          event*, trace_no, type
 *   flush         event*, reason text*, traces dropped
 *   update        event*
 *   loop__run     loop number, type
 *   runs          event*
 *
 * event* is a struct jit_event (abi.h). Strings end within their field. type
 * is enum jit_trace_type: 0 loop, 1 entry bridge, 2 bridge. Numbers are 64
 * bit, or 32 bit where abi.h has them so. `update` says that counters or
 * times changed with no event of their own to carry them, or that a VM began or
 * ceased to count loop runs; `runs` that the
 * process took a map for its run counts, a larger one, or gave it back.
 *
 * Two are wishes too. While somebody is attached to `runs` the process counts
 * loop runs, in a map if that somebody gives it one (abi.h); while somebody is
 * attached to loop__run it counts them, and the probe fires at each.
 *
 *   bpftrace -e 'usdt:/path/libjithooks.so:jit:abort
 *                { @[str(arg2), str(arg3)] = count(); }'
 *
 * Three things here are not taste:
 *  - Arguments are constrained to "nr" (number or register). The default of
 *    gcc, "nor", lets it name memory operands that libbpf cannot parse.
 *  - A site is the one-byte nop of <sys/sdt.h>. On Linux 6.18 a five-byte nop
 *    becomes an optimized uprobe that clobbers the red zone of leaf functions.
 *  - Each probe has one site, in a function that is neither inlined nor
 *    cloned: attaching and detaching cost by the site.
 *
 * There are sites called `bell` besides, which never fire: a second observer of
 * `runs` is told from the first by them (abi.h).
 */
#ifndef JITHOOKS_PROBES_H
#define JITHOOKS_PROBES_H

#define _SDT_HAS_SEMAPHORES 1
#define STAP_SDT_ARG_CONSTRAINT nr
#include <sys/sdt.h>

#include <jithooks/abi.h>

/*
 * The semaphores count who is attached, per process; the kernel changes them
 * and clears them by itself when an observer dies. They have to be in the
 * object that has the sites, so they are hidden; ask jit_probe_enabled().
 */
#define X(name, probe)                                \
	extern unsigned short jit_##probe##_semaphore \
		__attribute__((visibility("hidden"), section(".probes")));
JIT_PROBES(X)
#undef X

/*
 * Define the semaphores: once, in the file that has the sites. (libjithooks
 * itself lays those of JIT_WISH_PROBES side by side: jit_runs_wish().)
 */
#define JIT_PROBE_SEMAPHORE(name, probe)       \
	unsigned short jit_##probe##_semaphore \
		__attribute__((visibility("hidden"), section(".probes"), used));

/* Is somebody attached to the probe? */
#define JIT_PROBE_ON(probe) \
	__builtin_expect(*(volatile unsigned short *)&jit_##probe##_semaphore != 0, 0)

#endif
