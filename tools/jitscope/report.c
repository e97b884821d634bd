/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.c - a process's figures for a person.
 *
 * Counters that are not zero, times with their share of the run, the largest
 * loops, the most frequent aborts, what is wrong and what to try, and what
 * was lost on the way. Everything that comes from the process goes through
 * text_clean().
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "report.h"
#include "text.h"

#define WRAP 96 /* columns of running text */
#define MAX_FINDINGS 16
#define MAX_FLUSHES 10
#define TEXT_COLUMN 40 /* columns of the longest description */

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static const char *paint(const struct report *r, const char *colour)
{
	return r->colour ? colour : "";
}

#define BOLD "\033[1m"
#define RED "\033[1;31m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

void report_heading(const struct report *r, const char *title)
{
	fprintf(r->f, "\n %s%s%s", paint(r, BOLD), title, paint(r, PLAIN));
}

/* Columns that a cleaned string takes: one for each character. */
static int columns(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static void padded(const struct report *r, const char *s, int width)
{
	fprintf(r->f, "%s%*s", s, width > columns(s) ? width - columns(s) : 0, "");
}

/* Running text, wrapped; it continues at column `at` and is indented so far. */
static void wrapped(const struct report *r, const char *s, int at)
{
	int indent = at;

	while (*s) {
		size_t word = strcspn(s, " ");
		char one[TEXT_CLEAN];

		snprintf(one, sizeof(one), "%.*s", (int)word, s);
		if (at > indent && at + 1 + columns(one) > WRAP) {
			fprintf(r->f, "\n%*s", indent, "");
			at = indent;
		}
		at += fprintf(r->f, "%s%s", at > indent ? " " : "", one) - (int)strlen(one) +
		      columns(one);
		s += word;
		s += strspn(s, " ");
	}
	fputc('\n', r->f);
}

/* ---- Headline ------------------------------------------------------------------ */

static void command_line(const struct report *r, char *const *argv)
{
	int room = 120;

	for (char *const *arg = argv; *arg; arg++) {
		char clean[TEXT_CLEAN];

		text_clean(clean, sizeof(clean), *arg);
		room -= columns(clean) + 1;
		if (room < 0 && arg > argv) {
			fputs(" ...", r->f);
			return;
		}
		fprintf(r->f, "%s%s", arg > argv ? " " : "", clean);
	}
}

static void headline(const struct report *r, const struct subject *s)
{
	const struct jitscope_snapshot *snap = s->snapshot;
	char comm[TEXT_CLEAN], driver[TEXT_CLEAN];

	text_clean(comm, sizeof(comm), snap->comm);
	text_clean(driver, sizeof(driver), snap->jitdriver);
	fprintf(r->f, "\n %s", paint(r, BOLD));
	if (s->run) {
		fputc('\'', r->f);
		command_line(r, s->run->argv);
		fputs("', ", r->f);
	} else if (*comm) {
		fprintf(r->f, "%s, ", comm);
	}
	fprintf(r->f, "process %d%s%s%s%s", (int)snap->pid, *driver ? ", JIT " : "", driver,
		snap->alive || s->run ? "" : ", ended", paint(r, PLAIN));
	fputc('\n', r->f);
}

static void how_it_ended(const struct report *r, const struct run_result *run)
{
	if (WIFSIGNALED(run->status))
		fprintf(r->f, " killed by signal %d (%s)\n", WTERMSIG(run->status),
			strsignal(WTERMSIG(run->status)));
	else if (WEXITSTATUS(run->status))
		fprintf(r->f, " exit status %d\n", WEXITSTATUS(run->status));
}

/* ---- Counters and times ----------------------------------------------------------- */

/* A counter that says more as a share of another one. */
static const struct ratio {
	enum jit_counter part, whole;
	const char *of;
} ratios[] = {
	{JIT_HEAPCACHED_OPS, JIT_OPS, "of the operations"},
	{JIT_GUARDS, JIT_RECORDED_OPS, "of the operations recorded"},
	{JIT_OPT_OPS, JIT_RECORDED_OPS, "of those recorded"},
	{JIT_OPT_GUARDS, JIT_GUARDS, "of those recorded"},
	{JIT_OPT_VECTORIZED, JIT_OPT_VECTORIZE_TRY, "of those tried"},
	{JIT_TOTAL_COMPILED_LOOPS, JIT_TRACING, "of the traces"},
	{JIT_TOTAL_COMPILED_BRIDGES, JIT_TRACING, "of the traces"},
	{JIT_TOTAL_FREED_LOOPS, JIT_TOTAL_COMPILED_LOOPS, "of those compiled"},
	{JIT_TOTAL_FREED_BRIDGES, JIT_TOTAL_COMPILED_BRIDGES, "of those compiled"},
	{JIT_ABORT_TOO_LONG, JIT_TRACING, "of the traces"},
	{JIT_ABORT_BRIDGE, JIT_TRACING, "of the traces"},
	{JIT_ABORT_BAD_LOOP, JIT_TRACING, "of the traces"},
	{JIT_ABORT_ESCAPE, JIT_TRACING, "of the traces"},
	{JIT_ABORT_FORCE_QUASIIMMUT, JIT_TRACING, "of the traces"},
	{JIT_ABORT_SEGMENTED_TRACE, JIT_TRACING, "of the traces"},
	{JIT_ABORT_OTHER, JIT_TRACING, "of the traces"},
};

static void ratio(const struct report *r, const struct subject *s, unsigned i, int gap)
{
	const struct jit_counters *c = &s->snapshot->info.counters;

	if (i == JIT_TRACING && s->run_ns) {
		fprintf(r->f, "%*s %10.1f  a second", gap, "",
			(double)counter(c, i) * 1e9 / (double)s->run_ns);
		return;
	}
	for (size_t k = 0; k < sizeof(ratios) / sizeof(*ratios); k++)
		if (ratios[k].part == i && counter(c, ratios[k].whole) >= counter(c, i))
			fprintf(r->f, "%*s %10.1f%% %s", gap, "",
				share(counter(c, i), counter(c, ratios[k].whole)), ratios[k].of);
}

static double change_per_second(const struct subject *s, uint64_t now, uint64_t before)
{
	uint64_t ns = s->snapshot->taken_ns - s->before->taken_ns;

	return ns ? ((double)now - (double)before) * 1e9 / (double)ns : 0;
}

static void counters(const struct report *r, const struct subject *s)
{
#define X(name, text) text,
	static const char *const texts[] = {JIT_COUNTERS(X)};
#undef X
	const struct jit_counters *c = &s->snapshot->info.counters;

	fputc('\n', r->f);
	if (s->before)
		fprintf(r->f, " %18s %14s %12s\n", "in all", "new", "a second");
	for (unsigned i = 0; i < JIT_NCOUNTERS; i++) {
		uint64_t n = counter(c, i);

		if (!n)
			continue;
		fprintf(r->f, " %18s", text_count(n));
		if (s->before) {
			uint64_t old = counter(&s->before->counters, i);

			fprintf(r->f, " %14s %12.1f", text_count(n >= old ? n - old : 0),
				change_per_second(s, n, old));
		}
		fprintf(r->f, "  %-22s  %s", jitscope_counter_name(i), texts[i]);
		if (!s->before)
			ratio(r, s, i, TEXT_COLUMN - (int)strlen(texts[i]));
		fputc('\n', r->f);
	}
}

static void one_time(const struct report *r, const struct subject *s, uint64_t ns, uint64_t before,
		     const char *name, const char *text)
{
	if (!ns)
		return;
	fprintf(r->f, " %18s", text_time(ns));
	if (s->before)
		fprintf(r->f, " %14s %11.1f%%", text_time(ns >= before ? ns - before : 0),
			change_per_second(s, ns, before) / 1e7);
	fprintf(r->f, "  %-22s  %s", name, text);
	if (s->run_ns && !s->before)
		fprintf(r->f, "%*s %10.1f%% of the run", TEXT_COLUMN - (int)strlen(text), "",
			share(ns, s->run_ns));
	fputc('\n', r->f);
}

static void elapsed(const struct report *r, const struct subject *s)
{
	fputc('\n', r->f);
	if (s->run)
		fprintf(r->f, " %18s  elapsed  (%s user, %s system)\n", text_time(s->run->wall_ns),
			text_time(s->run->user_ns), text_time(s->run->system_ns));
	else if (s->run_ns)
		fprintf(r->f, " %18s  since its JIT started\n", text_time(s->run_ns));
}

static void times(const struct report *r, const struct subject *s)
{
	static const char *const texts[] = {
		[JIT_TIME_TRACING] = "tracing and optimizing",
		[JIT_TIME_BACKEND] = "making machine code",
		[JIT_TIME_HOOKS] = "in hooks of the program",
	};
	const struct jit_times *t = &s->snapshot->info.counter_times;
	const struct jit_times none = {0}, *old = s->before ? &s->before->times : &none;

#define X(name, field) one_time(r, s, t->field, old->field, #name, texts[JIT_TIME_##name]);
	JIT_TIMES(X)
#undef X
	elapsed(r, s);
}

/* ---- Aborts and flushes ----------------------------------------------------------------- */

static void aborts(const struct report *r, const struct subject *s)
{
	const struct jitscope_snapshot *snap = s->snapshot;
	size_t n = snap->n_aborts < r->top ? snap->n_aborts : r->top;
	uint64_t total = jitscope_total_aborts(&snap->info.counters);
	char clean[TEXT_CLEAN];
	int width = 6;

	if (!snap->n_aborts)
		return;
	for (size_t i = 0; i < n; i++) {
		int w = columns(text_clean(clean, sizeof(clean), snap->aborts[i].reason));

		width = w > width ? w : width;
	}
	report_heading(r, "Aborts");
	fprintf(r->f, ": %s, for %s reasons and places", text_count(total),
		text_count(snap->n_aborts));
	if (n && n < snap->n_aborts)
		fprintf(r->f, "; the %s most frequent", text_count(n));
	fputc('\n', r->f);
	if (n)
		fprintf(r->f, " %10s %8s  %-*s  %s\n", "count", "share", width, "reason", "place");
	for (size_t i = 0; i < n; i++) {
		const struct jit_abort *a = &snap->aborts[i];

		fprintf(r->f, " %10s %7.1f%%  ", text_count(a->count),
			share(a->count, total > a->count ? total : a->count));
		padded(r, text_clean(clean, sizeof(clean), a->reason), width);
		fprintf(r->f, "  %s\n", text_clean(clean, sizeof(clean), a->greenkey));
	}
}

static void flushes(const struct report *r, const struct subject *s)
{
	const struct jitscope_snapshot *snap = s->snapshot;
	char clean[TEXT_CLEAN];

	if (!snap->n_flushes)
		return;
	report_heading(r, "Flushes");
	fputc('\n', r->f);
	for (size_t i = 0; i < snap->n_flushes && i < MAX_FLUSHES; i++) {
		const struct jit_flush *f = &snap->flushes[i];

		fprintf(r->f, " %10s  of VM %u: %s, %s traces dropped, %s by the last one\n",
			text_count(f->count), f->vm, text_clean(clean, sizeof(clean), f->cause),
			text_count(f->total_dropped), text_count(f->dropped));
	}
	if (snap->n_flushes > MAX_FLUSHES)
		fprintf(r->f, " (and of %s further VMs)\n",
			text_count(snap->n_flushes - MAX_FLUSHES));
}

/* ---- What is wrong ------------------------------------------------------------------------- */

static void findings(const struct report *r, const struct subject *s)
{
	static const struct {
		const char *name, *colour;
	} severities[] = {
		[JITSCOPE_INFO] = {"info", ""},
		[JITSCOPE_WARNING] = {"warning", YELLOW},
		[JITSCOPE_PROBLEM] = {"problem", RED},
	};
	struct jitscope_finding list[MAX_FINDINGS];
	size_t n = jitscope_findings(s->snapshot, s->run_ns, list, MAX_FINDINGS);
	char clean[TEXT_CLEAN];

	if (!n)
		return;
	report_heading(r, "Findings");
	fputc('\n', r->f);
	for (size_t i = 0; i < n; i++) {
		const char *name = severities[list[i].severity].name;

		fprintf(r->f, "   %s%s%s: ", paint(r, severities[list[i].severity].colour), name,
			paint(r, PLAIN));
		wrapped(r, text_clean(clean, sizeof(clean), list[i].what), 5 + (int)strlen(name));
		if (!*list[i].advice)
			continue;
		fputs("     try: ", r->f);
		wrapped(r, text_clean(clean, sizeof(clean), list[i].advice), 10);
	}
}

void report_losses(const struct report *r, const struct jitscope_snapshot *snap)
{
	const struct jitscope_stats *st = &snap->stats;
#define X(name, text) {offsetof(struct jitscope_stats, name), #name, text},
	static const struct {
		size_t offset;
		const char *name, *text;
	} all[] = {JITSCOPE_STATS(X)};
#undef X

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		uint64_t n;

		memcpy(&n, (const char *)st + all[i].offset, sizeof(n));
		if (!n || !strcmp(all[i].name, "hits") || !strcmp(all[i].name, "foreign") ||
		    !strcmp(all[i].name, "sent"))
			continue;
		fprintf(r->f, " %s%18s  %s%s%s\n", paint(r, RED), text_count(n), all[i].text,
			!strcmp(all[i].name, "map_full") ? "; try a larger --max-loops" : "",
			paint(r, PLAIN));
	}
	if (snap->lost)
		fprintf(r->f, " %s%18s  %s%s\n", paint(r, RED), text_count(snap->lost),
			snap->source == JITSCOPE_REGION
				? "rows changed while they were read"
				: "of these are of this process; try a larger --max-loops",
			paint(r, PLAIN));
}

static void source(const struct report *r, const struct subject *s)
{
	const struct jitscope_snapshot *snap = s->snapshot;

	fprintf(r->f, "\n Source: %s; %s.\n",
		snap->source == JITSCOPE_KERNEL ? "kernel maps" : "the region of the process",
		snap->complete ? "counters and times are complete since the process started"
			       : "INCOMPLETE: a part could not be read");
	report_run_source(r, snap);
	report_losses(r, snap);
}

struct report report_options(const struct output *out, const struct options *o)
{
	return (struct report){.f = out->f,
			       .colour = out->tty,
			       .top = o->top,
			       .count = o->count,
			       .started_ns = o->started_ns};
}

void report_subject(const struct report *r, const struct subject *s)
{
	headline(r, s);
	if (s->run)
		how_it_ended(r, s->run);
	if (!subject_carries(s)) {
		elapsed(r, s);
		fputs("\n Of its own it has no JIT activity that jitscope can see.\n", r->f);
		return;
	}
	counters(r, s);
	times(r, s);
	report_loops(r, s);
	aborts(r, s);
	flushes(r, s);
	findings(r, s);
	source(r, s);
}
