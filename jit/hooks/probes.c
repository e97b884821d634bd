/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probes.c - the sites of the USDT provider.
 *
 * One function per probe, neither inlined nor cloned, holds its only site
 * (probes.h says why). Everything an observer may want is in the event, which
 * lies in the region beside the totals; the plain arguments repeat what a
 * bpftrace one-liner wants at hand.
 */
#include <jithooks/probes.h>

#include "internal.h"

#define X JIT_PROBE_SEMAPHORE
JIT_PLAIN_PROBES(X)
#undef X

/*
 * The two that are wishes are one word, which compiled code looks at often; C
 * does not say in what order it lays objects.
 */
__asm__(".pushsection .probes,\"aw\",%progbits\n"
	".balign 4\n"
	".globl jit_wish_word, jit_loop__run_semaphore, jit_runs_semaphore\n"
	".hidden jit_wish_word, jit_loop__run_semaphore, jit_runs_semaphore\n"
	".type jit_wish_word, %object\n"
	".type jit_loop__run_semaphore, %object\n"
	".type jit_runs_semaphore, %object\n"
	".size jit_wish_word, 4\n"
	".size jit_loop__run_semaphore, 2\n"
	".size jit_runs_semaphore, 2\n"
	"jit_wish_word:\n"
	"jit_loop__run_semaphore: .2byte 0\n"
	"jit_runs_semaphore: .2byte 0\n"
	".globl jit_bell_semaphore\n"
	".hidden jit_bell_semaphore\n"
	".set jit_bell_semaphore, jit_runs_semaphore\n"
	".popsection\n");

extern unsigned short jit_bell_semaphore __attribute__((visibility("hidden")));
extern const uint32_t jit_wish_word __attribute__((visibility("hidden")));

const uint32_t *jit_runs_wish(void)
{
	return &jit_wish_word;
}

#ifdef __clang__
#define SITE static __attribute__((noinline, cold)) void
#else
#define SITE static __attribute__((noinline, noclone, noipa, cold)) void
#endif

SITE fire_trace__start(const struct jit_event *e)
{
	STAP_PROBE6(jit, trace__start, e, e->trace_no, &e->loop.greenkey[0], e->loop.type,
		    e->loop.parent_no, e->loop.exit_no);
}

SITE fire_optimize(const struct jit_event *e)
{
	STAP_PROBE6(jit, optimize, e, e->trace_no, &e->loop.greenkey[0], e->loop.type,
		    e->ops_before, e->loop.operations);
}

SITE fire_compile(const struct jit_event *e)
{
	STAP_PROBE6(jit, compile, e, e->trace_no, &e->loop.greenkey[0], e->loop.type,
		    e->loop.asmaddr, e->loop.asmlen);
}

SITE fire_abort(const struct jit_event *e)
{
	STAP_PROBE6(jit, abort, e, e->trace_no, &e->abort.greenkey[0], &e->abort.reason[0],
		    e->abort.reason_id, e->ops_before);
}

SITE fire_free(const struct jit_event *e)
{
	STAP_PROBE3(jit, free, e, e->trace_no, e->loop.type);
}

SITE fire_flush(const struct jit_event *e)
{
	STAP_PROBE3(jit, flush, e, &e->flush.cause[0], e->flush.dropped);
}

SITE fire_update(const struct jit_event *e)
{
	STAP_PROBE1(jit, update, e);
}

SITE fire_runs(const struct jit_event *e)
{
	STAP_PROBE1(jit, runs, e);
}

SITE fire_loop__run(uint64_t no, uint32_t type)
{
	STAP_PROBE2(jit, loop__run, no, type);
}

/* Not to be reached, but to be attached to; JIT_BELLS of them. */
#define BELL STAP_PROBE(jit, bell);
#define FOUR_BELLS BELL BELL BELL BELL
SITE bells(void)
{
	FOUR_BELLS FOUR_BELLS FOUR_BELLS FOUR_BELLS
	FOUR_BELLS FOUR_BELLS FOUR_BELLS FOUR_BELLS
}

int jit_probe_enabled(enum jit_probe probe)
{
	switch (probe) {
#define X(name, probe)         \
	case JIT_PROBE_##name: \
		return JIT_PROBE_ON(probe);
		JIT_PROBES(X)
#undef X
	default:
		return 0;
	}
}

void jit_fire(enum jit_probe probe)
{
	struct jit_event *e = &jit_region->event;

	e->seq++;
	e->when_ns = jit_now();
	e->probe = probe;
	e->runs_session = jit_region->runs_session;
	e->counting = jit_region->counting;
	switch (probe) {
	case JIT_PROBE_TRACE_START:
		fire_trace__start(e);
		break;
	case JIT_PROBE_OPTIMIZE:
		fire_optimize(e);
		break;
	case JIT_PROBE_COMPILE:
		fire_compile(e);
		break;
	case JIT_PROBE_ABORT:
		fire_abort(e);
		break;
	case JIT_PROBE_FREE:
		fire_free(e);
		break;
	case JIT_PROBE_FLUSH:
		fire_flush(e);
		break;
	case JIT_PROBE_UPDATE:
		fire_update(e);
		break;
	case JIT_PROBE_RUNS:
		fire_runs(e);
		break;
	default:
		bells(); /* nothing fires that, but the linker keeps them */
	}
}

void jit_loop_run(uint64_t no, enum jit_trace_type type)
{
	if (JIT_PROBE_ON(loop__run))
		fire_loop__run(no, type);
}
