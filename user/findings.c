/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * findings.c - the rules that turn figures into plain words.
 *
 * One table. A rule looks at the facts, which are worked out once, and says
 * nothing, or what is wrong and what to try. The limits are round numbers on
 * purpose: a finding is a hint where to look, and it gives its figures.
 *
 * What the advice rests on: LuaJIT throws all code away when the memory for
 * machine code (maxmcode, 512 KB in 2.1.0-beta3) or the trace table (maxtrace,
 * 1000) is full, and compiles again what it needs; a place that aborts is
 * tried again with growing penalties until it is blacklisted. PyPy gives up on
 * a trace that is longer than trace_limit operations.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct facts {
	const struct jitscope_snapshot *s;
	const struct jit_counters *c;
	bool luajit, pypy;
	uint64_t run_ns;      /* 0: not known */
	double compile_share; /* of the run; -1: not known */
	uint64_t aborts, compiled;
	double abort_share;	       /* of the traces started */
	const struct jit_abort *top;   /* the most frequent; NULL: none known */
	const struct jit_flush *flush; /* the VM that flushed most; or NULL */
};

struct rule {
	const char *id;
	bool (*applies)(const struct facts *f, enum jitscope_severity *severity);
	void (*what)(const struct facts *f, char *text, size_t size);
	void (*advice)(const struct facts *f, char *text, size_t size);
};

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static uint64_t compile_ns(const struct facts *f)
{
	return f->s->info.counter_times.tracing_ns + f->s->info.counter_times.backend_ns;
}

static const char *cause_of(const struct facts *f)
{
	return f->flush && *f->flush->cause ? f->flush->cause : "not known";
}

static bool cause_has(const struct facts *f, const char *word)
{
	return f->flush && strstr(f->flush->cause, word);
}

/* ---- Flushes: all code is thrown away, and compiled again ----------------------------- */

static bool flush_storm(const struct facts *f, enum jitscope_severity *severity)
{
	*severity = JITSCOPE_PROBLEM;
	return f->c->FLUSHES >= 5 && (f->compile_share < 0 || f->compile_share >= 0.1);
}

static void what_flush_storm(const struct facts *f, char *text, size_t size)
{
	int n = snprintf(text, size, "flush storm: all compiled code was thrown away %llu times",
			 (unsigned long long)f->c->FLUSHES);

	snprintf(text + n, size - (size_t)n,
		 " (last cause: %s); %llu traces were compiled, %.2f s went into compiling",
		 cause_of(f), (unsigned long long)f->compiled, seconds(compile_ns(f)));
}

static void advise_flushes(const struct facts *f, char *text, size_t size)
{
	if (cause_has(f, "maxmcode"))
		snprintf(text, size,
			 "give it room for machine code, and for the traces that then "
			 "fit: luajit -Omaxmcode=8192 -Omaxtrace=8000, or "
			 "jit.opt.start(\"maxmcode=8192\", \"maxtrace=8000\")");
	else if (cause_has(f, "maxtrace"))
		snprintf(text, size,
			 "give it room for more traces, and for their machine code: "
			 "luajit -Omaxtrace=8000 -Omaxmcode=8192, or "
			 "jit.opt.start(\"maxtrace=8000\", \"maxmcode=8192\")");
	else if (cause_has(f, "jit.flush"))
		snprintf(text, size, "the program calls jit.flush() itself: call it less often");
	else if (f->pypy)
		snprintf(text, size, "see what calls pypyjit.releaseall()");
	else
		snprintf(text, size, "raise the limits on code and traces of this JIT");
}

static bool flushes(const struct facts *f, enum jitscope_severity *severity)
{
	enum jitscope_severity unused;

	*severity = JITSCOPE_WARNING;
	return f->c->FLUSHES && !flush_storm(f, &unused);
}

static void what_flushes(const struct facts *f, char *text, size_t size)
{
	snprintf(text, size, "all compiled code was thrown away %llu time%s (last cause: %s)",
		 (unsigned long long)f->c->FLUSHES, f->c->FLUSHES == 1 ? "" : "s", cause_of(f));
}

/* ---- Time ------------------------------------------------------------------------------- */

static bool compile_time(const struct facts *f, enum jitscope_severity *severity)
{
	*severity = f->compile_share >= 0.5 ? JITSCOPE_PROBLEM : JITSCOPE_WARNING;
	return f->compile_share >= 0.2;
}

static void what_compile_time(const struct facts *f, char *text, size_t size)
{
	snprintf(text, size, "%.0f %% of the run (%.2f of %.2f s) went into compiling",
		 100 * f->compile_share, seconds(compile_ns(f)), seconds(f->run_ns));
}

static void advise_compile_time(const struct facts *f, char *text, size_t size)
{
	if (f->c->FLUSHES >= 5)
		snprintf(text, size, "stop the flushes first (above)");
	else if (f->run_ns < 2000000000ull)
		snprintf(text, size,
			 "a short run is mostly warm-up: measure a longer one before "
			 "changing anything");
	else if (f->luajit)
		snprintf(text, size,
			 "compile less: a higher -Ohotloop (default 56) and -Ohotexit "
			 "(default 10); compare with luajit -joff");
	else if (f->pypy)
		snprintf(text, size,
			 "compile less: a higher --jit threshold (default 1039) and "
			 "trace_eagerness (default 200); compare with --jit off");
	else
		snprintf(text, size, "raise the thresholds from which code counts as hot");
}

/* ---- Aborts ------------------------------------------------------------------------------ */

static bool abort_share(const struct facts *f, enum jitscope_severity *severity)
{
	*severity = JITSCOPE_WARNING;
	return f->aborts >= 20 && f->abort_share >= 0.3;
}

static void what_abort_share(const struct facts *f, char *text, size_t size)
{
	int n = snprintf(text, size, "%llu of %llu traces started were given up (%.0f %%)",
			 (unsigned long long)f->aborts, (unsigned long long)f->c->TRACING,
			 100 * f->abort_share);

	if (f->top)
		snprintf(text + n, size - (size_t)n, "; most often \"%s\" at %s, %llu times",
			 f->top->reason, f->top->greenkey, (unsigned long long)f->top->count);
}

/* What helps against a reason: the words in it, and the advice. */
static const struct {
	const char *reason;
	const char *advice;
} remedies[] = {
	{"NYI: FastFunc", "this library function is not compiled: keep it out of hot loops"},
	{"NYI: bytecode",
	 "this construct is not compiled (closures made, or varargs, in the loop): "
	 "move it out of the hot loop"},
	{"NYI: C function", "a C function cannot be compiled: call it through the FFI, or move it "
			    "out of the loop"},
	{"loop unroll limit", "an inner loop runs only a few times: write it out, or raise "
			      "-Oloopunroll (default 15)"},
	{"call unroll limit", "recursion: write it as a loop"},
	{"inner loop in root trace", "harmless: the inner loop is compiled first"},
	{"leaving loop in root trace", "harmless unless frequent: the loop ended while it was "
				       "recorded"},
	{"too many snapshots", "the trace is too large: split the function, or raise -Omaxsnap "
			       "(default 500)"},
	{"trace too long", "the trace is too large: split the function, or raise -Omaxrecord "
			   "(default 4000)"},
	{"failed to allocate mcode", "raise -Omaxmcode (default 512, in KB)"},
	{"blacklisted", "it ran into a place that was given up on: see the reason of that one"},
	{"ABORT_TOO_LONG", "the trace is too long: split the function, or raise trace_limit "
			   "(default 6000)"},
	{"ABORT_SEGMENTED_TRACE", "the trace was too long and is compiled in parts: split the "
				  "function"},
	{"ABORT_ESCAPE", "a frame escaped: sys._getframe() and tracebacks in hot code do that"},
	{"ABORT_FORCE_QUASIIMMUT", "something taken for constant is changed in hot code: a module "
				   "global, or a class attribute"},
};

static void advise_reason(const struct facts *f, char *text, size_t size)
{
	for (size_t i = 0; f->top && i < sizeof(remedies) / sizeof(*remedies); i++)
		if (strstr(f->top->reason, remedies[i].reason)) {
			snprintf(text, size, "%s", remedies[i].advice);
			return;
		}
	snprintf(text, size, "look at that place first");
}

static bool same_place(const struct facts *f, enum jitscope_severity *severity)
{
	enum jitscope_severity unused;

	*severity = JITSCOPE_WARNING;
	return f->top && f->top->count >= 10 && share(f->top->count, f->aborts) >= 0.5 &&
	       !abort_share(f, &unused);
}

static void what_same_place(const struct facts *f, char *text, size_t size)
{
	snprintf(text, size, "one place is tried again and again: %s, given up %llu times (\"%s\")",
		 f->top->greenkey, (unsigned long long)f->top->count, f->top->reason);
}

/* ---- Hooks and loss ------------------------------------------------------------------------ */

static bool hook_time(const struct facts *f, enum jitscope_severity *severity)
{
	*severity = JITSCOPE_WARNING;
	return f->run_ns && share(f->s->info.counter_times.hooks_ns, f->run_ns) >= 0.05;
}

static void what_hook_time(const struct facts *f, char *text, size_t size)
{
	snprintf(text, size, "%.0f %% of the run was spent in JIT hooks of the program",
		 100 * share(f->s->info.counter_times.hooks_ns, f->run_ns));
}

static void advise_hook_time(const struct facts *f, char *text, size_t size)
{
	(void)f;
	snprintf(text, size, "set the hooks with operations=False, or do less in them");
}

static bool hook_errors(const struct facts *f, enum jitscope_severity *severity)
{
	*severity = JITSCOPE_WARNING;
	return f->c->HOOK_ERRORS || f->c->OPTIMIZE_REJECTED;
}

static void what_hook_errors(const struct facts *f, char *text, size_t size)
{
	snprintf(text, size, "hooks failed %llu times, and %llu operation lists were refused",
		 (unsigned long long)f->c->HOOK_ERRORS,
		 (unsigned long long)f->c->OPTIMIZE_REJECTED);
}

static void advise_hook_errors(const struct facts *f, char *text, size_t size)
{
	(void)f;
	snprintf(text, size, "the program's stderr has a line for each");
}

static bool nothing_compiled(const struct facts *f, enum jitscope_severity *severity)
{
	*severity = JITSCOPE_INFO;
	return !f->compiled && f->run_ns >= 1000000000ull;
}

static void what_nothing_compiled(const struct facts *f, char *text, size_t size)
{
	snprintf(text, size, "nothing was compiled in %.1f s, %llu traces were tried",
		 seconds(f->run_ns), (unsigned long long)f->c->TRACING);
}

static void advise_nothing_compiled(const struct facts *f, char *text, size_t size)
{
	if (f->aborts)
		advise_reason(f, text, size);
	else
		snprintf(text, size, "is the JIT on? Else no loop got hot");
}

static const struct rule rules[] = {
	{"flush-storm", flush_storm, what_flush_storm, advise_flushes},
	{"compile-time", compile_time, what_compile_time, advise_compile_time},
	{"abort-share", abort_share, what_abort_share, advise_reason},
	{"same-place", same_place, what_same_place, advise_reason},
	{"flushes", flushes, what_flushes, advise_flushes},
	{"hook-time", hook_time, what_hook_time, advise_hook_time},
	{"hook-errors", hook_errors, what_hook_errors, advise_hook_errors},
	{"nothing-compiled", nothing_compiled, what_nothing_compiled, advise_nothing_compiled},
};

static struct facts work_out(const struct jitscope_snapshot *s, uint64_t run_ns)
{
	struct facts f = {
		.s = s,
		.c = &s->info.counters,
		.luajit = !strcmp(s->jitdriver, "luajit"),
		.pypy = !strcmp(s->jitdriver, "pypyjit"),
		.run_ns = run_ns,
		.aborts = jitscope_total_aborts(&s->info.counters),
		.compiled = jitscope_total_compiled(&s->info.counters),
		.top = s->n_aborts ? &s->aborts[0] : NULL,
	};

	f.compile_share = run_ns ? share(compile_ns(&f), run_ns) : -1;
	f.abort_share = share(f.aborts, f.c->TRACING);
	for (size_t i = 0; i < s->n_flushes; i++)
		if (!f.flush || s->flushes[i].count > f.flush->count)
			f.flush = &s->flushes[i];
	return f;
}

size_t jitscope_findings(const struct jitscope_snapshot *snapshot, uint64_t run_ns,
			 struct jitscope_finding *out, size_t max)
{
	struct facts f = work_out(snapshot, run_ns);
	size_t n = 0;

	/* Worst first, and in the order of the table within a severity. */
	for (int severity = JITSCOPE_PROBLEM; severity >= JITSCOPE_INFO; severity--)
		for (size_t i = 0; i < sizeof(rules) / sizeof(*rules) && n < max; i++) {
			enum jitscope_severity is;

			if (!rules[i].applies(&f, &is) || (int)is != severity)
				continue;
			out[n].id = rules[i].id;
			out[n].severity = is;
			rules[i].what(&f, out[n].what, sizeof(out[n].what));
			rules[i].advice(&f, out[n].advice, sizeof(out[n].advice));
			n++;
		}
	return n;
}
