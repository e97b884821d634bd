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
 * tried again with growing penalties until it is blacklisted, which takes some
 * ten aborts and more than 60,000 rounds, so only hot code gets there. Some
 * aborts are how LuaJIT finds its way (from an outer loop to the inner one,
 * from recursion to the form that suits it) and cost little: a finding names
 * one of those only if there is no other. PyPy gives up on a trace that is
 * longer than trace_limit operations.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define STORM 5 /* flushes; fewer are none */

struct facts {
	const struct jitscope_snapshot *s;
	const struct jit_counters *c;
	bool luajit, pypy, jitlua;
	uint64_t run_ns;      /* 0: not known */
	double compile_share; /* of the run; -1: not known */
	uint64_t aborts, compiled;
	uint64_t harmless;	       /* of the aborts */
	double abort_share;	       /* of the traces started */
	const struct jit_abort *top;   /* the most frequent harmful one, or else harmless one */
	const struct remedy *remedy;   /* against it; NULL: none known */
	const struct jit_flush *flush; /* the VM that flushed most; or NULL */
};

struct rule {
	const char *id;
	bool (*applies)(const struct facts *f, enum jitscope_severity *severity);
	void (*what)(const struct facts *f, char *text, size_t size);
	void (*advice)(const struct facts *f, char *text, size_t size);
};

/* What helps against a reason for an abort: the words in it, and the advice. */
struct remedy {
	const char *reason;
	bool harmless;
	const char *advice;
};

/* The first that fits counts. Numbers of bytecodes are those of LuaJIT 2.1. */
static const struct remedy remedies[] = {
	{"NYI: bytecode 50", false,
	 "make closures outside of hot code (bytecode 50 is UCLO: a block ends whose local "
	 "variables a closure holds)"},
	{"NYI: bytecode 51", false,
	 "make functions outside of hot code, and hand them what they need (bytecode 51 is FNEW: "
	 "function(...) ... end, also as an argument)"},
	{"NYI: bytecode 70", false,
	 "use ipairs() or a numeric for, or a LuaJIT from 2022 or later (bytecode 70 is ITERN: a "
	 "loop over pairs() or next())"},
	{"NYI: bytecode 72", false,
	 "use ipairs() or a numeric for, or a LuaJIT from 2022 or later (bytecode 72 is ISNEXT: a "
	 "loop over pairs() or next())"},
	{"NYI: bytecode 71", false,
	 "give the function named parameters, or hand it a table (bytecode 71 is VARG: all of "
	 "`...` is used, as in {...} or f(...), where a trace begins)"},
	{"NYI: bytecode 63", false,
	 "name the values (bytecode 63 is TSETM: a table is made of all results of a call, or of "
	 "`...`)"},
	{"NYI: bytecode", false,
	 "keep this bytecode out of hot code; its name is in require(\"jit.vmdef\").bcnames, six "
	 "characters for each number"},
	{"FastFunc", false,
	 "keep this library function, or this way to call it, out of hot code: it is not compiled"},
	{"NYI: C function", false,
	 "call it through the FFI, or keep it out of hot code: a C function is not compiled"},
	{"NYI: return to lower frame", false,
	 "put the hot loop into the callback, or do without one: the trace would have to go on in "
	 "a caller that is C (pcall, table.sort, string.gsub, ...)"},
	{"NYI: unsupported C type", false,
	 "convert in steps, and outside of hot code: the FFI does not compile this conversion"},
	{"NYI: unsupported C function type", false,
	 "call a C wrapper with simple types: the FFI does not compile calls with structs by value "
	 "or with variable arguments"},
	{"symbol not in cache", false,
	 "call the C function once before the hot code, so that the FFI has looked it up"},
	{"NYI: mixed sparse/dense", false,
	 "make the table with the array only, and set the fields afterwards"},
	{"loop unroll limit", false,
	 "write the inner loop out if it runs only a few times, or raise -Oloopunroll (default "
	 "15)"},
	{"call unroll limit", false,
	 "write the recursion as a loop, or raise -Ocallunroll (default 3)"},
	{"too many snapshots", false,
	 "split the function, or raise -Omaxsnap (default 500): the trace is too large"},
	{"trace too long", false,
	 "split the function, or raise -Omaxrecord (default 4000): the trace is too large"},
	{"trace too deep", false, "nest fewer calls in hot code"},
	{"machine code too long", false,
	 "split the function, or raise -Osizemcode (default 64, in KB): the trace does not fit "
	 "into one area of code memory"},
	{"failed to allocate mcode", false,
	 "raise -Omaxmcode (default 512, in KB): code memory is full"},
	{"too many spill slots", false, "split the function: too many values are live at once"},
	{"too many PHIs", false, "split the loop: too many variables change in it"},
	{"NYI: PHI shuffling", false, "split the loop: too many variables change places in it"},
	{"NYI: register coalescing", false,
	 "split the loop: too many variables change places in it"},
	{"persistent type instability", false,
	 "keep each variable of the loop at one type: one of them changes its type from round to "
	 "round"},
	{"guard would always fail", false,
	 "see what types the values have there: one is never what the trace needs"},
	{"bad argument type", false,
	 "see whether an error is expected there: a library function is given an argument that it "
	 "refuses"},
	{"store with nil or NaN key", false,
	 "see whether an error is expected there: a table is given nil or NaN as key"},
	{"missing metamethod", false,
	 "see whether an error is expected there: the operation is not defined for the value"},
	{"looping index lookup", false,
	 "shorten the chain of __index: it is too long, or runs in a circle"},
	{"error thrown or hook called", false,
	 "keep errors for what is rare, and debug.sethook() out of production: one of the two came "
	 "up while recording"},
	{"compilation disabled", false,
	 "leave the JIT on for this function, or keep it out of hot code: jit.off() was called for "
	 "it or its module"},
	{"blacklisted", false,
	 "mend the place it names or runs into, which was given up on for good; the list of aborts "
	 "has the reason"},
	{"inner loop in root trace", true,
	 "leave it, it is harmless: the inner loop is compiled first"},
	{"leaving loop in root trace", true,
	 "leave it, it is harmless unless frequent: the loop ended while it was recorded, so it is "
	 "short"},
	{"down-recursion, restarting", true,
	 "leave it, it is harmless: the recursion is compiled in another form"},
	{"retry recording", true, "leave it, it is harmless: it is recorded once more"},
	{"hit mcode limit (retrying)", true,
	 "leave it, it is harmless: it is compiled once more, in a new area of code memory"},
	{"trace too short", true, "leave it, it is harmless: there was nothing to compile"},
	{"while being recorded", true, "leave it, it is harmless: it is recorded once more"},
	{"ABORT_TOO_LONG", false,
	 "split the function, or raise trace_limit (default 6000): the trace is too long"},
	{"ABORT_SEGMENTED_TRACE", false,
	 "split the function: the trace was too long and is compiled in parts"},
	{"ABORT_ESCAPE", false,
	 "keep sys._getframe() and tracebacks out of hot code: they make frames escape"},
	{"ABORT_FORCE_QUASIIMMUT", false,
	 "change no module globals and class attributes in hot code: they are taken for constant"},
};

/* The same for jitlua, whose words are in jit/trace/trace.h. */
static const struct remedy jitlua_remedies[] = {
	{"trace too long", false,
	 "split the function, or raise -jtrace_limit (default 6000): the trace is too large"},
	{"not traced: instruction", false, "keep this instruction out of hot code"},
	{"not traced: C function", false, "keep this way to call it out of hot code"},
	{"not traced: operands", false, "keep values of such types out of hot code"},
	{"not traced: metamethod", false,
	 "write this metamethod in Lua, or keep it out of hot code"},
	{"not traced: string", false,
	 "compute with numbers: make them of strings by tonumber() before"},
	{"call not followed", false, "leave -jinlining at 1, its default"},
	{"JIT turned off", false, "call jit.off() before hot code, not in it"},
	{"flushed while recording", false,
	 "call jit.flush(), jit.on() and jit.off() before hot code, not in it"},
	{"captured variable", false,
	 "make fewer closures over the local variables of hot code: it has too many slots"},
	{"types change from turn to turn", false,
	 "keep each variable of the loop at one type: one of them changes its type from round to "
	 "round"},
	{"error while tracing", false, "keep errors for what is rare: one came up while recording"},
	{"debug hook while tracing", false, "keep debug.sethook() out of production"},
	{"machine code memory full", false, "raise -jcode_limit (default 64, in MiB)"},
	{"inner loop in a trace", true,
	 "leave it, it is harmless: the inner loop is compiled first"},
	{"loop left before it closed", true,
	 "leave it, it is harmless unless frequent: the loop ended while it was recorded"},
	{"recursion not unrolled", true,
	 "leave it, it is harmless: the recursion is compiled in another form"},
	{"returned below the frame", true,
	 "leave it, it is harmless: the function is short, its callers are compiled"},
	{"other coroutine while tracing", true,
	 "leave it, it is harmless: the loop's body is compiled in parts"},
};

static const struct remedy *remedy_in(const struct remedy *list, size_t n, const char *reason)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(reason, list[i].reason))
			return &list[i];
	return NULL;
}

static const struct remedy *remedy_for(const struct facts *f, const char *reason)
{
	if (f->jitlua)
		return remedy_in(jitlua_remedies,
				 sizeof(jitlua_remedies) / sizeof(*jitlua_remedies), reason);
	return remedy_in(remedies, sizeof(remedies) / sizeof(*remedies), reason);
}

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
	return f->c->FLUSHES >= STORM && (f->compile_share < 0 || f->compile_share >= 0.1);
}

static void what_flush_storm(const struct facts *f, char *text, size_t size)
{
	int n = snprintf(text, size, "flush storm: all compiled code was thrown away %llu times",
			 (unsigned long long)f->c->FLUSHES);

	snprintf(text + n, size - (size_t)n,
		 " (last cause: %s); %llu traces were compiled, %.2f s went into compiling",
		 cause_of(f), (unsigned long long)f->compiled, seconds(compile_ns(f)));
}

/*
 * Eight times what there was. How much that was nobody tells, but the last
 * flush dropped as many traces as fitted in: some 1000 with the defaults.
 */
static unsigned enough_room(const struct facts *f)
{
	unsigned scale = 1;

	while (scale < 8 && f->flush->dropped > 4000ull * scale)
		scale *= 2;
	return scale;
}

static void advise_flushes(const struct facts *f, char *text, size_t size)
{
	bool mcode = cause_has(f, "maxmcode");
	const char *first = mcode ? "maxmcode" : "maxtrace";
	const char *second = mcode ? "maxtrace" : "maxmcode";

	if (mcode || cause_has(f, "maxtrace")) {
		unsigned traces = 8000 * enough_room(f), code = 8192 * enough_room(f);
		unsigned m = mcode ? code : traces, n = mcode ? traces : code;

		snprintf(text, size,
			 "give it room for %s: luajit -O%s=%u -O%s=%u, or "
			 "jit.opt.start(\"%s=%u\", \"%s=%u\") at the start of the program",
			 mcode ? "machine code, and for the traces that then fit"
			       : "more traces, and for their machine code",
			 first, m, second, n, first, m, second, n);
	} else if (cause_has(f, "jit.flush")) {
		snprintf(text, size, "the program calls jit.flush() itself: call it less often");
	} else if (f->pypy) {
		snprintf(text, size, "see what calls pypyjit.releaseall()");
	} else {
		snprintf(text, size, "raise the limits on code and traces of this JIT");
	}
}

static bool flushes(const struct facts *f, enum jitscope_severity *severity)
{
	enum jitscope_severity unused;

	/* Called for, and not often: it may well be meant. */
	*severity =
		cause_has(f, "jit.flush()") && !cause_has(f, "maxtrace") && f->c->FLUSHES < STORM
			? JITSCOPE_INFO
			: JITSCOPE_WARNING;
	return f->c->FLUSHES && !flush_storm(f, &unused);
}

static void what_flushes(const struct facts *f, char *text, size_t size)
{
	snprintf(text, size, "all compiled code was thrown away %llu time%s (last cause: %s)",
		 (unsigned long long)f->c->FLUSHES, f->c->FLUSHES == 1 ? "" : "s", cause_of(f));
}

/* ---- Time ------------------------------------------------------------------------------- */

/* Most of it is warm-up. */
static bool short_run(const struct facts *f)
{
	return f->run_ns < 2000000000ull;
}

static bool compile_time(const struct facts *f, enum jitscope_severity *severity)
{
	if (short_run(f) && f->c->FLUSHES < STORM)
		*severity = JITSCOPE_INFO;
	else
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
	if (f->c->FLUSHES >= STORM)
		snprintf(text, size, "stop the flushes first (above)");
	else if (short_run(f))
		snprintf(text, size,
			 "a short run is mostly warm-up: measure a longer one before "
			 "changing anything");
	else if (f->luajit)
		snprintf(text, size,
			 "compile less: a higher -Ohotloop (default 56) and -Ohotexit "
			 "(default 10); compare with luajit -joff");
	else if (f->jitlua)
		snprintf(text, size,
			 "compile less: a higher -jthreshold (default 57) and "
			 "trace_eagerness (default 10); compare with jitlua -joff");
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
	*severity = share(f->aborts - f->harmless, f->c->TRACING) >= 0.3 ? JITSCOPE_WARNING
									 : JITSCOPE_INFO;
	return f->aborts >= 20 && f->abort_share >= 0.3;
}

static void what_abort_share(const struct facts *f, char *text, size_t size)
{
	int n = snprintf(text, size, "%llu of %llu traces started were given up (%.0f %%)",
			 (unsigned long long)f->aborts, (unsigned long long)f->c->TRACING,
			 100 * f->abort_share);

	if (f->harmless)
		n += snprintf(text + n, size - (size_t)n, ", %llu of these for harmless reasons",
			      (unsigned long long)f->harmless);
	if (f->top)
		snprintf(text + n, size - (size_t)n, "; %s \"%s\" at %s, %llu times",
			 f->harmless && f->harmless < f->aborts ? "of the others most often"
								: "most often",
			 f->top->reason, f->top->greenkey, (unsigned long long)f->top->count);
}

static void advise_reason(const struct facts *f, char *text, size_t size)
{
	if (!f->top)
		snprintf(text, size,
			 "look for the places with a new run: the list of aborts is empty");
	else
		snprintf(text, size, "%s",
			 f->remedy ? f->remedy->advice : "look at that place first");
}

static bool same_place(const struct facts *f, enum jitscope_severity *severity)
{
	enum jitscope_severity unused;

	*severity = JITSCOPE_WARNING;
	return f->top && !(f->remedy && f->remedy->harmless) && f->top->count >= 10 &&
	       share(f->top->count, f->aborts) >= 0.5 && !abort_share(f, &unused);
}

static void what_same_place(const struct facts *f, char *text, size_t size)
{
	snprintf(text, size, "one place is tried again and again: %s, given up %llu times (\"%s\")",
		 f->top->greenkey, (unsigned long long)f->top->count, f->top->reason);
}

static bool blacklisted(const struct facts *f, enum jitscope_severity *severity)
{
	*severity = f->aborts > f->harmless ? JITSCOPE_WARNING : JITSCOPE_INFO;
	return f->c->BLACKLISTED;
}

static void what_blacklisted(const struct facts *f, char *text, size_t size)
{
	snprintf(text, size,
		 "%llu hot place%s been given up on for good: from there the program goes on "
		 "uncompiled",
		 (unsigned long long)f->c->BLACKLISTED, f->c->BLACKLISTED == 1 ? " has" : "s have");
}

static void advise_blacklisted(const struct facts *f, char *text, size_t size)
{
	if (f->aborts > f->harmless)
		snprintf(text, size,
			 "mend what has the highest counts in the list of aborts; what has been "
			 "given up stays so until the program is started again%s",
			 f->jitlua ? ", or jit.on(f) gives function f another chance" : "");
	else
		snprintf(text, size,
			 "leave it, it is mostly harmless: outer loops, whose inner loops are "
			 "compiled");
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
	if (f->luajit)
		snprintf(text, size,
			 "run without the handler that was set by jit.attach(), as luajit -jv and "
			 "-jdump set one");
	else
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
		snprintf(text, size, "see whether the JIT is on (%s); if so, nothing got hot",
			 f->luajit   ? "jit.status()"
			 : f->jitlua ? "jitlua -jon"
			 : f->pypy   ? "--jit off"
				     : "its settings");
}

static const struct rule rules[] = {
	{"flush-storm", flush_storm, what_flush_storm, advise_flushes},
	{"compile-time", compile_time, what_compile_time, advise_compile_time},
	{"abort-share", abort_share, what_abort_share, advise_reason},
	{"same-place", same_place, what_same_place, advise_reason},
	{"blacklisted", blacklisted, what_blacklisted, advise_blacklisted},
	{"flushes", flushes, what_flushes, advise_flushes},
	{"hook-time", hook_time, what_hook_time, advise_hook_time},
	{"hook-errors", hook_errors, what_hook_errors, advise_hook_errors},
	{"nothing-compiled", nothing_compiled, what_nothing_compiled, advise_nothing_compiled},
};

/* They are sorted, the most frequent first. */
static void find_top(struct facts *f)
{
	for (size_t i = 0; f->s->aborts && i < f->s->n_aborts; i++) {
		const struct jit_abort *abort = &f->s->aborts[i];
		const struct remedy *remedy = remedy_for(f, abort->reason);
		bool harmless = remedy && remedy->harmless;

		if (harmless)
			f->harmless += abort->count;
		if (!f->top || (f->remedy && f->remedy->harmless && !harmless)) {
			f->top = abort;
			f->remedy = remedy;
		}
	}
	if (f->harmless > f->aborts) /* a lying process */
		f->harmless = f->aborts;
}

static struct facts work_out(const struct jitscope_snapshot *s, uint64_t run_ns)
{
	struct facts f = {
		.s = s,
		.c = &s->info.counters,
		.luajit = !strcmp(s->jitdriver, "luajit"),
		.pypy = !strcmp(s->jitdriver, "pypyjit"),
		.jitlua = !strcmp(s->jitdriver, "jitlua"),
		.run_ns = run_ns,
		.aborts = jitscope_total_aborts(&s->info.counters),
		.compiled = jitscope_total_compiled(&s->info.counters),
	};

	f.compile_share = run_ns ? share(compile_ns(&f), run_ns) : -1;
	f.abort_share = share(f.aborts, f.c->TRACING);
	find_top(&f);
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
