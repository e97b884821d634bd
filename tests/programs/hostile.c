/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile.c - a process that lies to its observer.
 *
 * It carries the provider itself (its own sites, semaphores, anchor and note;
 * nothing of libjithooks is linked in) and, by mode, fires probes with bad
 * arguments or shows a region that is not what it says. Each mode breaks one
 * thing in what would otherwise be believed. After each it prints a line with
 * the mode and how often each probe was fired, so that the observer's account
 * of losses can be checked against it.
 *
 *	hostile --mode NAME|all [--count N] [--wait] [--hold]
 *	hostile --mode list
 *
 * Held, it fires once more at each SIGUSR1.
 */
#include <jithooks/probes.h>

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define X JIT_PROBE_SEMAPHORE
JIT_PROBES(X)
#undef X

#define NROWS 64
#define KERNEL_ADDRESS 0xffffffff81000000u
#define NON_CANONICAL 0x0000900000000000u
#define HUGE_OFFSET (1ull << 60)

struct jit_anchor jit_anchor __attribute__((used)) = {
	.magic = JIT_ABI_MAGIC,
	.version = JIT_ABI_VERSION,
	.size = sizeof(struct jit_anchor),
};

__asm__(".pushsection .note.jithooks,\"\",\"note\"\n"
	".balign 4\n"
	".4byte 9, 8, 1\n"
	".asciz \"jithooks\"\n"
	".balign 4\n"
	".8byte jit_anchor\n"
	".popsection\n");

/* The region as it would be in an honest process; each mode spoils it. */
static struct whole {
	struct jit_region region;
	struct jit_abort_row aborts[NROWS];
	__u64 runs[NROWS];
	struct jit_loop_row loops[NROWS];
} whole;

static struct jit_region *const region = &whole.region;
static struct jit_event *const event = &whole.region.event;
static unsigned long fired[JIT_NPROBES];
static unsigned long count = 1;
static char *unmapped; /* a page that is not there */
static char *edge;     /* the last byte before it */

static unsigned long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned long long)ts.tv_sec * 1000000000u + (unsigned long long)ts.tv_nsec;
}

/* ---- The sites -------------------------------------------------------------------- */

#define SITE static __attribute__((noinline, cold)) void

SITE site_trace__start(const void *e, const void *text, __u64 n, __u32 m)
{
	STAP_PROBE6(jit, trace__start, e, n, text, m, n, m);
}

SITE site_optimize(const void *e, const void *text, __u64 n, __u32 m)
{
	STAP_PROBE6(jit, optimize, e, n, text, m, m, m);
}

SITE site_compile(const void *e, const void *text, __u64 n, __u32 m)
{
	STAP_PROBE6(jit, compile, e, n, text, m, n, m);
}

SITE site_abort(const void *e, const void *text, __u64 n, __u32 m)
{
	STAP_PROBE6(jit, abort, e, n, text, text, m, m);
}

SITE site_free(const void *e, const void *text, __u64 n, __u32 m)
{
	(void)text;
	STAP_PROBE3(jit, free, e, n, m);
}

SITE site_flush(const void *e, const void *text, __u64 n, __u32 m)
{
	(void)m;
	STAP_PROBE3(jit, flush, e, text, n);
}

SITE site_update(const void *e, const void *text, __u64 n, __u32 m)
{
	(void)text;
	(void)n;
	(void)m;
	STAP_PROBE1(jit, update, e);
}

SITE site_runs(const void *e, const void *text, __u64 n, __u32 m)
{
	(void)text;
	(void)n;
	(void)m;
	STAP_PROBE1(jit, runs, e);
}

SITE site_loop__run(const void *e, const void *text, __u64 n, __u32 m)
{
	(void)e;
	(void)text;
	STAP_PROBE2(jit, loop__run, n, m);
}

/* Every probe, --count times. */
static void fire(const void *e, const void *text, __u64 n, __u32 m)
{
	for (unsigned long i = 0; i < count; i++) {
#define X(name, site)                    \
	event->seq++;                    \
	event->probe = JIT_PROBE_##name; \
	site_##site(e, text, n, m);      \
	__atomic_fetch_add(&fired[JIT_PROBE_##name], 1, __ATOMIC_RELAXED);
		JIT_PROBES(X)
#undef X
	}
}

/* All probes with the event as the mode left it. */
static void fire_event(void)
{
	fire(event, "hostile:1", event->trace_no, 0);
}

/* ---- What an honest process would show ---------------------------------------------- */

#define AREA(field)                                                                            \
	(struct jit_area)                                                                      \
	{                                                                                      \
		.offset = offsetof(struct whole, field), .entry_size = sizeof(whole.field[0]), \
		.capacity = NROWS, .used = NROWS / 2                                           \
	}

static void be_honest(void)
{
	memset(&whole, 0, sizeof(whole));
	region->magic = JIT_ABI_MAGIC;
	region->version = JIT_ABI_VERSION;
	region->size = sizeof(*region);
	region->instance = region->start_ns = now();
	region->pid = (__u32)getpid();
	region->next_no = NROWS + 1;
	region->aborts = AREA(aborts);
	region->runs = AREA(runs);
	region->loops = AREA(loops);
	for (__u32 i = 0; i < NROWS / 2; i++) {
		whole.loops[i].no = i + 1;
		whole.loops[i].loop = (struct jit_loop){.instance = region->instance,
							.loop_no = i + 1,
							.vm = 1,
							.run_slot = i,
							.greenkey = "hostile:1"};
		whole.aborts[i].abort = (struct jit_abort){.instance = region->instance,
							   .count = 1,
							   .hash = i + 1,
							   .counter = JIT_ABORT_OTHER,
							   .reason = "hostile",
							   .greenkey = "hostile:2"};
		whole.runs[i] = i;
	}
	event->magic = JIT_ABI_MAGIC;
	event->version = JIT_ABI_VERSION;
	event->size = sizeof(*event);
	event->instance = region->instance;
	event->region = (__u64)(unsigned long)region;
	event->when_ns = now();
	event->trace_no = 1;
	event->loop = whole.loops[0].loop;
	event->abort = whole.aborts[0].abort;
	event->flush =
		(struct jit_flush){.instance = region->instance, .vm = 1, .cause = "hostile"};
	strcpy(event->jitdriver, "hostile");
	jit_anchor.region = event->region;
}

/* ---- The modes ------------------------------------------------------------------------ */

static void honest(void)
{
	fire_event();
}

static void event_null(void)
{
	fire(NULL, NULL, 0, 0);
}

static void event_unmapped(void)
{
	fire(unmapped, unmapped, 1, 0);
}

static void event_at_edge(void)
{
	fire(edge, edge, 1, 0);
}

static void event_kernel(void)
{
	fire((void *)KERNEL_ADDRESS, (void *)KERNEL_ADDRESS, 1, 0);
}

static void event_non_canonical(void)
{
	fire((void *)NON_CANONICAL, (void *)-1L, -1, -1);
}

static void event_magic(void)
{
	event->magic++;
	fire_event();
}

static void event_version(void)
{
	event->version = 999;
	fire_event();
}

static void event_size_zero(void)
{
	event->size = 0;
	fire_event();
}

static void event_size_huge(void)
{
	event->size = 0xffffffff;
	fire_event();
}

/* No terminator, and bytes that a terminal or a JSON reader does not like. */
static void event_strings(void)
{
	memset(event->loop.greenkey, 0xff, sizeof(event->loop.greenkey));
	memset(event->abort.greenkey, '"', sizeof(event->abort.greenkey));
	memset(event->abort.reason, 0x1b, sizeof(event->abort.reason));
	memset(event->flush.cause, '\n', sizeof(event->flush.cause));
	memset(event->jitdriver, '\\', sizeof(event->jitdriver));
	fire(event, edge, 1, 0);
}

static void random_bytes(void *to, size_t n)
{
	static __u64 x = 88172645463325252u;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		((unsigned char *)to)[i] = (unsigned char)x;
	}
}

/* Random everywhere but in what is checked first, then there too. */
static void event_random(void)
{
	size_t head = offsetof(struct jit_event, instance);

	random_bytes((char *)event + head, sizeof(*event) - head);
	fire(event, event, -1, -1);
	random_bytes(event, sizeof(*event));
	fire((char *)event + 1, event, -1, -1);
	be_honest();
}

/* The event says it is for another probe than the one that fires. */
static void event_probe(void)
{
	static struct jit_event other;

	other = *event;
	other.probe = JIT_PROBE_LOOP_RUN;
	fire(&other, "hostile:1", 1, 0);
	other.probe = 0xffffffff;
	fire(&other, "hostile:1", 1, 0);
}

static void event_instance(void)
{
	for (int i = 0; i < 100; i++) {
		event->instance = now();
		fire_event();
	}
}

static void event_numbers(void)
{
	event->loop.type = event->abort.counter = event->loop.run_slot = -1;
	event->trace_no = event->flush.dropped = event->flush.flushed_no = event->loop.loop_no = -1;
	memset(&event->totals, 0xff, sizeof(event->totals));
	fire_event();
}

/* Nothing is wrong but the amount: a table of the observer is to overflow. */
static void event_many_loops(void)
{
	for (__u64 i = 1; i <= 200000; i++) {
		event->trace_no = event->loop.loop_no = event->abort.hash = i;
		fire_event();
	}
}

/* One probe. */
#define FIRE(name, site)                            \
	event->probe = JIT_PROBE_##name;            \
	site_##site(event, "", event->trace_no, 0); \
	fired[JIT_PROBE_##name]++;

/* Rows that stay, in each table. */
static void event_many_rows(void)
{
	for (__u32 i = 1; i <= 100000; i++) {
		event->trace_no = event->loop.loop_no = event->abort.hash = event->flush.vm = i;
		event->loop.vm = 0; /* no flush is of this one */
		FIRE(COMPILE, compile)
		FIRE(ABORT, abort)
		FIRE(FLUSH, flush)
	}
}

/* ---- Last words: the handler is to copy the run counts ---- */

/* All that is said is true, and nothing of it is left when the process exits. */
static void last_word(void)
{
	event->loop.run_slot = 5;
	whole.runs[5] = 77;
	FIRE(COMPILE, compile)
	event->ending = 1;
	FIRE(UPDATE, update)
	region->instance = 0;
}

/* More counts than there can be, then more than there is memory for, each nowhere. */
static void last_word_absurd(void)
{
	static const __u64 offsets[] = {HUGE_OFFSET, -1ull, 0, KERNEL_ADDRESS, NON_CANONICAL};

	event->ending = 1;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		region->runs.offset = offsets[i];
		region->runs.capacity = region->runs.used = 0xffffffff;
		fire_event();
		region->runs.used = 1 << 20;
		fire_event();
		region->runs.used = 0xfffffff0;
		fire_event();
	}
}

/* As many counts as it is let leave behind, again and again. */
static void last_word_many(void)
{
	const __u32 slots = 1 << 20;
	__u64 *counts = mmap(NULL, slots * sizeof(*counts), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (counts == MAP_FAILED)
		exit(1);
	for (__u32 i = 0; i < slots; i++)
		counts[i] = i + 1;
	region->runs.offset = (__u64)(unsigned long)counts - (__u64)(unsigned long)region;
	region->runs.capacity = region->runs.used = slots;
	event->ending = 1;
	for (int i = 0; i < 10; i++)
		fire_event();
}

static void show_region(__u64 address)
{
	event->region = jit_anchor.region = address;
	fire_event();
}

static void region_null(void)
{
	show_region(0);
}

static void region_kernel(void)
{
	show_region(KERNEL_ADDRESS);
}

static void region_unmapped(void)
{
	show_region((__u64)(unsigned long)unmapped);
}

static void region_at_edge(void)
{
	show_region((__u64)(unsigned long)edge);
}

/* The region is the anchor, whose first fields look right. */
static void region_itself(void)
{
	show_region((__u64)(unsigned long)&jit_anchor);
}

static void region_wraps(void)
{
	show_region(-8ull);
}

static void region_pid(void)
{
	region->pid = 1;
	fire_event();
}

static void region_size(void)
{
	region->size = 8;
	fire_event();
}

static void region_random(void)
{
	random_bytes(&region->next_no, sizeof(*region) - offsetof(struct jit_region, next_no));
	fire_event();
}

#define EACH_AREA(field, value)                 \
	do {                                    \
		region->loops.field = (value);  \
		region->aborts.field = (value); \
		region->runs.field = (value);   \
		fire_event();                   \
	} while (0)

static void area_offset(void)
{
	EACH_AREA(offset, HUGE_OFFSET);
}

static void area_offset_wraps(void)
{
	EACH_AREA(offset, -(__u64)(unsigned long)region);
}

static void area_capacity(void)
{
	EACH_AREA(capacity, 0xffffffff);
	EACH_AREA(used, 0xffffffff);
}

static void area_used(void)
{
	EACH_AREA(used, NROWS * 1000);
}

static void area_entry_zero(void)
{
	EACH_AREA(entry_size, 0);
}

static void area_entry_huge(void)
{
	EACH_AREA(entry_size, 0xffffffff);
}

static void area_entry_odd(void)
{
	EACH_AREA(entry_size, 7);
}

static void area_overlap(void)
{
	EACH_AREA(offset, 0);
}

/* Every row looks as if it were being written, for ever. */
static void rows_torn(void)
{
	for (int i = 0; i < NROWS; i++) {
		whole.loops[i].begin++;
		whole.aborts[i].begin++;
	}
	fire_event();
}

static void rows_same_number(void)
{
	for (int i = 0; i < NROWS; i++)
		whole.loops[i].no = 1;
	fire_event();
}

static void rows_random(void)
{
	random_bytes(whole.aborts, sizeof(whole.aborts));
	random_bytes(whole.loops, sizeof(whole.loops));
	for (int i = 0; i < NROWS; i++) {
		whole.aborts[i].end = whole.aborts[i].begin;
		whole.loops[i].end = whole.loops[i].begin;
	}
	fire_event();
}

static void *fire_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		fire_event();
	return NULL;
}

/* Ends with a probe on its way. Last in the list: nothing comes after. */
static void exit_while_firing(void)
{
	pthread_t thread;

	for (int i = 0; i < 4; i++)
		pthread_create(&thread, NULL, fire_for_ever, NULL);
	usleep(20000);
	fflush(stdout);
	_exit(0);
}

#define MODES(X)               \
	X(honest)              \
	X(event_null)          \
	X(event_unmapped)      \
	X(event_at_edge)       \
	X(event_kernel)        \
	X(event_non_canonical) \
	X(event_magic)         \
	X(event_version)       \
	X(event_size_zero)     \
	X(event_size_huge)     \
	X(event_strings)       \
	X(event_random)        \
	X(event_probe)         \
	X(event_instance)      \
	X(event_numbers)       \
	X(event_many_loops)    \
	X(event_many_rows)     \
	X(last_word)           \
	X(last_word_absurd)    \
	X(last_word_many)      \
	X(region_null)         \
	X(region_kernel)       \
	X(region_unmapped)     \
	X(region_at_edge)      \
	X(region_itself)       \
	X(region_wraps)        \
	X(region_pid)          \
	X(region_size)         \
	X(region_random)       \
	X(area_offset)         \
	X(area_offset_wraps)   \
	X(area_capacity)       \
	X(area_used)           \
	X(area_entry_zero)     \
	X(area_entry_huge)     \
	X(area_entry_odd)      \
	X(area_overlap)        \
	X(rows_torn)           \
	X(rows_same_number)    \
	X(rows_random)         \
	X(exit_while_firing)

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
#define X(mode) {#mode, mode},
	MODES(X)
#undef X
};

#define NMODES (sizeof(modes) / sizeof(modes[0]))

/* The pid shows that the process is alive after the mode. */
static void run_mode(size_t i)
{
	memset(fired, 0, sizeof(fired));
	be_honest();
	modes[i].run();
	printf("{\"pid\":%d,\"mode\":\"%s\"", (int)getpid(), modes[i].name);
#define X(name, probe) printf(",\"" #probe "\":%lu", fired[JIT_PROBE_##name]);
	JIT_PROBES(X)
#undef X
	puts("}");
	fflush(stdout);
}

/* One page, and a hole after it. */
static void make_hole(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("hostile: mmap");
		exit(1);
	}
	memset(p, 'A', page);
	munmap(p + page, page);
	unmapped = p + page;
	edge = unmapped - 1;
}

static void ignore(int number)
{
	(void)number;
}

int main(int argc, char **argv)
{
	const char *mode = NULL;
	bool wait = false, hold = false, found = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--mode") && i + 1 < argc)
			mode = argv[++i];
		else if (!strcmp(argv[i], "--count") && i + 1 < argc)
			count = strtoul(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--wait"))
			wait = true;
		else if (!strcmp(argv[i], "--hold"))
			hold = true;
		else
			mode = "";
	}
	make_hole();
	while (wait && !JIT_PROBE_ON(update))
		usleep(1000);
	for (size_t i = 0; mode && i < NMODES; i++) {
		bool all = !strcmp(mode, "all"), list = !strcmp(mode, "list");

		if (list)
			puts(modes[i].name);
		else if (!strcmp(mode, modes[i].name) ||
			 (all && (modes[i].run != exit_while_firing || !hold)))
			run_mode(i);
		found |= all || list || !strcmp(mode, modes[i].name);
	}
	if (!found) {
		fprintf(stderr,
			"usage: hostile --mode NAME|all|list [--count N] [--wait] [--hold]\n");
		return 2;
	}
	signal(SIGUSR1, ignore);
	while (hold) { /* until killed */
		pause();
		fire_event();
	}
	return 0;
}
