/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_findings.c - the rules that turn figures into words: each applies from
 * its limit on and not below it, and the advice fits the figures.
 */
#include <jitscope/jitscope.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

#define MAX_FOUND 16
#define MAX_ROWS 4
#define SECOND 1000000000ull

/* A process with nothing to complain about: 10 s, 1000 traces, all compiled. */
static struct jitscope_snapshot snap;
static struct jit_abort aborts[MAX_ROWS];
static struct jit_flush flush[2];
static uint64_t run_ns;

static struct jitscope_finding found[MAX_FOUND];
static size_t n_found;

static struct jit_counters *healthy(void)
{
	memset(&snap, 0, sizeof(snap));
	memset(aborts, 0, sizeof(aborts));
	memset(flush, 0, sizeof(flush));
	strcpy(snap.jitdriver, "luajit");
	snap.aborts = aborts;
	snap.flushes = flush;
	snap.info.counters.TRACING = 1000;
	snap.info.counters.TOTAL_COMPILED_LOOPS = 600;
	snap.info.counters.TOTAL_COMPILED_BRIDGES = 400;
	run_ns = 10 * SECOND;
	return &snap.info.counters;
}

static void look(void)
{
	memset(found, 0xff, sizeof(found));
	n_found = jitscope_findings(&snap, run_ns, found, MAX_FOUND);
}

static const struct jitscope_finding *find(const char *id)
{
	look();
	for (size_t i = 0; i < n_found; i++)
		if (!strcmp(found[i].id, id))
			return &found[i];
	return NULL;
}

/* The finding is there, and this severe. */
static const struct jitscope_finding *expect(const char *id, enum jitscope_severity severity)
{
	const struct jitscope_finding *f = find(id);

	if (!f)
		unit_fail(__FILE__, __LINE__, "%s was not found", id);
	CHECK_EQ(f->severity, severity);
	CHECK(strlen(f->what) > 0 && strlen(f->what) < sizeof(f->what));
	CHECK(strlen(f->advice) > 0 && strlen(f->advice) < sizeof(f->advice));
	return f;
}

#define CHECK_HAS(text, word)                                                             \
	do {                                                                              \
		if (!strstr(text, word))                                                  \
			unit_fail(__FILE__, __LINE__, "no \"%s\" in \"%s\"", word, text); \
	} while (0)

static void add_aborts(uint64_t count, const char *reason, const char *place)
{
	struct jit_abort *row = &aborts[snap.n_aborts++];

	CHECK(snap.n_aborts <= MAX_ROWS);
	row->count = count;
	snprintf(row->reason, sizeof(row->reason), "%s", reason);
	snprintf(row->greenkey, sizeof(row->greenkey), "%s", place);
	snap.info.counters.ABORT_OTHER += count;
}

static void flushed(uint64_t count, const char *cause, uint64_t dropped)
{
	struct jit_flush *row = &flush[snap.n_flushes++];

	row->vm = (uint32_t)snap.n_flushes;
	row->count = count;
	row->dropped = dropped;
	snprintf(row->cause, sizeof(row->cause), "%s", cause);
	snap.info.counters.FLUSHES += count;
}

static void compiling(double share)
{
	snap.info.counter_times.tracing_ns = (uint64_t)(share * (double)run_ns);
}

#define MCODE "machine code memory full (maxmcode)"
#define TRACES "trace table full (maxtrace)"
#define CALLED "jit.flush() called"

TEST(nothing_is_wrong_with_a_healthy_process)
{
	healthy();
	look();
	CHECK_EQ(n_found, 0);

	/* An empty one, dead before it did anything. */
	memset(&snap.info, 0, sizeof(snap.info));
	run_ns = 0;
	look();
	CHECK_EQ(n_found, 0);
}

TEST(five_flushes_with_a_tenth_of_the_run_are_a_storm)
{
	healthy();
	flushed(5, MCODE, 450);
	compiling(0.1);
	expect("flush-storm", JITSCOPE_PROBLEM);
	CHECK(!find("flushes"));

	compiling(0.099);
	CHECK(!find("flush-storm"));
	expect("flushes", JITSCOPE_WARNING);

	compiling(0.1);
	snap.info.counters.FLUSHES = 4;
	CHECK(!find("flush-storm"));
	expect("flushes", JITSCOPE_WARNING);

	/* How long the run was is not known: the flushes are enough. */
	snap.info.counters.FLUSHES = 5;
	run_ns = 0;
	expect("flush-storm", JITSCOPE_PROBLEM);
}

TEST(backend_time_counts_as_compiling)
{
	healthy();
	flushed(5, MCODE, 450);
	snap.info.counter_times.tracing_ns = run_ns / 20;
	CHECK(!find("flush-storm"));
	snap.info.counter_times.backend_ns = run_ns / 20;
	expect("flush-storm", JITSCOPE_PROBLEM);
}

TEST(the_advice_names_the_limit_that_was_hit_first)
{
	healthy();
	compiling(0.5);
	flushed(50, MCODE, 450);
	CHECK_HAS(expect("flush-storm", JITSCOPE_PROBLEM)->advice,
		  "luajit -Omaxmcode=8192 -Omaxtrace=8000,");
	CHECK_HAS(find("flush-storm")->what, MCODE);

	healthy();
	compiling(0.5);
	flushed(50, TRACES, 999);
	CHECK_HAS(expect("flush-storm", JITSCOPE_PROBLEM)->advice,
		  "luajit -Omaxtrace=8000 -Omaxmcode=8192,");

	healthy();
	compiling(0.5);
	flushed(50, CALLED, 10);
	CHECK_HAS(expect("flush-storm", JITSCOPE_PROBLEM)->advice, "less often");
}

/* Whoever took the advice, and still has a storm, needs other numbers. */
TEST(the_advice_grows_with_what_the_flush_dropped)
{
	static const struct {
		uint64_t dropped;
		const char *options;
	} cases[] = {
		{4000, "-Omaxtrace=8000 -Omaxmcode=8192,"},
		{4001, "-Omaxtrace=16000 -Omaxmcode=16384,"},
		{8001, "-Omaxtrace=32000 -Omaxmcode=32768,"},
		{16001, "-Omaxtrace=64000 -Omaxmcode=65536,"},
		{UINT64_MAX, "-Omaxtrace=64000 -Omaxmcode=65536,"}, /* 65535 traces is most */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		healthy();
		compiling(0.5);
		flushed(50, TRACES, cases[i].dropped);
		CHECK_HAS(expect("flush-storm", JITSCOPE_PROBLEM)->advice, cases[i].options);
	}
}

TEST(the_vm_with_most_flushes_gives_the_cause)
{
	healthy();
	compiling(0.5);
	flushed(2, CALLED, 5);
	flushed(9, TRACES, 999);
	CHECK_HAS(expect("flush-storm", JITSCOPE_PROBLEM)->what, TRACES);
	CHECK_HAS(find("flush-storm")->what, "thrown away 11 times");
}

TEST(a_flush_is_worth_a_warning_unless_it_was_called_for)
{
	healthy();
	flushed(1, TRACES, 999);
	CHECK_HAS(expect("flushes", JITSCOPE_WARNING)->what, "1 time (");

	healthy();
	flushed(4, CALLED, 999);
	CHECK_HAS(expect("flushes", JITSCOPE_INFO)->what, "4 times (");

	healthy();
	flushed(5, CALLED, 999);
	expect("flushes", JITSCOPE_WARNING);

	/* It may have been the table. */
	healthy();
	flushed(1, "trace table full (maxtrace) or jit.flush() called", 999);
	expect("flushes", JITSCOPE_WARNING);

	/* No row tells of the cause. */
	healthy()->FLUSHES = 1;
	CHECK_HAS(expect("flushes", JITSCOPE_WARNING)->what, "not known");
}

TEST(a_fifth_of_the_run_for_compiling_is_much_and_half_of_it_a_problem)
{
	healthy();
	compiling(0.199);
	CHECK(!find("compile-time"));
	compiling(0.2);
	CHECK_HAS(expect("compile-time", JITSCOPE_WARNING)->advice, "-Ohotloop");
	compiling(0.499);
	expect("compile-time", JITSCOPE_WARNING);
	compiling(0.5);
	CHECK_HAS(expect("compile-time", JITSCOPE_PROBLEM)->what,
		  "50 % of the run (5.00 of 10.00 s)");

	strcpy(snap.jitdriver, "pypyjit");
	CHECK_HAS(expect("compile-time", JITSCOPE_PROBLEM)->advice, "trace_eagerness");

	run_ns = 0; /* a share of nothing known */
	CHECK(!find("compile-time"));
}

TEST(a_short_run_is_warm_up_unless_it_flushes)
{
	healthy();
	run_ns = 2 * SECOND - 1;
	compiling(0.9);
	CHECK_HAS(expect("compile-time", JITSCOPE_INFO)->advice, "warm-up");
	run_ns = 2 * SECOND;
	compiling(0.9);
	expect("compile-time", JITSCOPE_PROBLEM);

	healthy();
	run_ns = SECOND;
	compiling(0.9);
	flushed(5, MCODE, 450);
	CHECK_HAS(expect("compile-time", JITSCOPE_PROBLEM)->advice, "flushes first");
	CHECK_STR(found[0].id, "flush-storm"); /* it says "above" */
}

TEST(three_aborts_in_ten_traces_are_many)
{
	healthy()->TRACING = 100;
	add_aborts(29, "NYI: bytecode 51", "a.lua:1");
	CHECK(!find("abort-share"));
	aborts[0].count = ++snap.info.counters.ABORT_OTHER;
	expect("abort-share", JITSCOPE_WARNING);
	CHECK_HAS(find("abort-share")->what, "30 of 100 traces started were given up (30 %);");
	CHECK_HAS(find("abort-share")->what, "\"NYI: bytecode 51\" at a.lua:1, 30 times");

	/* Few are no matter, whatever their share is. */
	healthy()->TRACING = 19;
	add_aborts(19, "NYI: bytecode 51", "a.lua:1");
	CHECK(!find("abort-share"));
	snap.info.counters.TRACING = aborts[0].count = ++snap.info.counters.ABORT_OTHER;
	expect("abort-share", JITSCOPE_WARNING);
}

TEST(every_abort_counter_counts)
{
	struct jit_counters *c = healthy();

	c->TRACING = 100;
	c->ABORT_TOO_LONG = c->ABORT_BRIDGE = c->ABORT_BAD_LOOP = c->ABORT_ESCAPE = 4;
	c->ABORT_FORCE_QUASIIMMUT = c->ABORT_SEGMENTED_TRACE = 4;
	c->ABORT_OTHER = 5;
	CHECK(!find("abort-share"));
	c->ABORT_OTHER = 6;
	/* There are no rows that say where. */
	CHECK_HAS(expect("abort-share", JITSCOPE_WARNING)->advice, "list of aborts is empty");
}

TEST(harmless_aborts_are_not_what_is_named)
{
	healthy()->TRACING = 100;
	add_aborts(40, "inner loop in root trace", "a.lua:1");
	add_aborts(20, "leaving loop in root trace", "a.lua:2");
	add_aborts(10, "NYI: bytecode 71", "b.lua:3");
	add_aborts(9, "NYI: bytecode 51", "b.lua:4");
	expect("abort-share", JITSCOPE_INFO);
	CHECK_HAS(find("abort-share")->what, "60 of these for harmless reasons");
	CHECK_HAS(find("abort-share")->what,
		  "of the others most often \"NYI: bytecode 71\" at b.lua:3");
	CHECK_HAS(find("abort-share")->advice, "VARG");

	/* Of the same traces three in ten for other reasons. */
	aborts[3].count += 11;
	snap.info.counters.ABORT_OTHER += 11;
	expect("abort-share", JITSCOPE_WARNING);

	/* Nothing but harmless ones. */
	healthy()->TRACING = 100;
	add_aborts(40, "inner loop in root trace", "a.lua:1");
	expect("abort-share", JITSCOPE_INFO);
	CHECK_HAS(find("abort-share")->what, "most often \"inner loop in root trace\" at a.lua:1");
	CHECK_HAS(find("abort-share")->advice, "harmless");
}

TEST(a_lying_process_has_no_more_harmless_aborts_than_aborts)
{
	healthy()->TRACING = 100;
	add_aborts(40, "inner loop in root trace", "a.lua:1");
	aborts[0].count = UINT64_MAX;
	expect("abort-share", JITSCOPE_INFO);
	CHECK_HAS(find("abort-share")->what, ", 40 of these for harmless reasons");
}

TEST(one_place_with_half_of_the_aborts_is_named)
{
	healthy();
	add_aborts(10, "NYI: bytecode 51", "a.lua:1");
	add_aborts(10, "trace too long", "a.lua:2");
	CHECK_HAS(expect("same-place", JITSCOPE_WARNING)->what, "a.lua:1, given up 10 times");
	CHECK_HAS(find("same-place")->advice, "FNEW");

	aborts[1].count = 11; /* less than half */
	snap.info.counters.ABORT_OTHER = 21;
	CHECK(!find("same-place"));

	healthy();
	add_aborts(9, "NYI: bytecode 51", "a.lua:1");
	CHECK(!find("same-place"));

	/* Said already. */
	healthy()->TRACING = 50;
	add_aborts(20, "NYI: bytecode 51", "a.lua:1");
	expect("abort-share", JITSCOPE_WARNING);
	CHECK(!find("same-place"));

	healthy();
	add_aborts(100, "inner loop in root trace", "a.lua:1");
	CHECK(!find("same-place"));
}

TEST(places_given_up_on_for_good_are_told)
{
	healthy();
	add_aborts(9, "NYI: bytecode 51", "a.lua:1");
	CHECK(!find("blacklisted"));
	snap.info.counters.BLACKLISTED = 1;
	CHECK_HAS(expect("blacklisted", JITSCOPE_WARNING)->what, "1 hot place has");
	snap.info.counters.BLACKLISTED = 2;
	CHECK_HAS(expect("blacklisted", JITSCOPE_WARNING)->what, "2 hot places have");

	/* As outer loops are. */
	healthy()->BLACKLISTED = 1;
	add_aborts(11, "inner loop in root trace", "a.lua:1");
	CHECK_HAS(expect("blacklisted", JITSCOPE_INFO)->advice, "harmless");
}

TEST(hooks_that_take_a_twentieth_of_the_run_are_slow)
{
	healthy();
	snap.info.counter_times.hooks_ns = run_ns / 20 - 1;
	CHECK(!find("hook-time"));
	snap.info.counter_times.hooks_ns = run_ns / 20;
	CHECK_HAS(expect("hook-time", JITSCOPE_WARNING)->advice, "jit.attach()");
	strcpy(snap.jitdriver, "pypyjit");
	CHECK_HAS(expect("hook-time", JITSCOPE_WARNING)->advice, "operations=False");
	run_ns = 0;
	CHECK(!find("hook-time"));
}

TEST(one_failed_hook_or_refused_list_is_told)
{
	healthy()->HOOK_ERRORS = 1;
	expect("hook-errors", JITSCOPE_WARNING);
	healthy()->OPTIMIZE_REJECTED = 1;
	expect("hook-errors", JITSCOPE_WARNING);
	healthy()->HOOKS_SUPPRESSED = 1;
	CHECK(!find("hook-errors"));
}

TEST(a_second_with_nothing_compiled_is_told)
{
	memset(healthy(), 0, sizeof(struct jit_counters));
	run_ns = SECOND - 1;
	CHECK(!find("nothing-compiled"));
	run_ns = SECOND;
	CHECK_HAS(expect("nothing-compiled", JITSCOPE_INFO)->advice, "jit.status()");

	snap.info.counters.TRACING = 9;
	add_aborts(9, "NYI: bytecode 51", "a.lua:1");
	CHECK_HAS(expect("nothing-compiled", JITSCOPE_INFO)->advice, "FNEW");

	snap.info.counters.TOTAL_COMPILED_BRIDGES = 1;
	CHECK(!find("nothing-compiled"));
}

/* Every text of jit.vmdef.traceerr that a person can do something about has its own advice. */
TEST(each_reason_has_its_own_advice)
{
	static const struct {
		const char *reason, *word;
	} cases[] = {
		{"NYI: bytecode 50", "UCLO"},
		{"NYI: bytecode 70", "ITERN"},
		{"NYI: bytecode 72", "ISNEXT"},
		{"NYI: bytecode 99", "jit.vmdef"},
		{"NYI: unsupported variant of FastFunc string.rep", "library function"},
		{"NYI: FastFunc string.dump", "library function"},
		{"NYI: C function 0x00401000", "FFI"},
		{"NYI: unsupported C type conversion", "convert"},
		{"NYI: unsupported C function type", "wrapper"},
		{"NYI: return to lower frame", "callback"},
		{"NYI: mixed sparse/dense table", "table"},
		{"NYI: PHI shuffling too complex", "split"},
		{"NYI: register coalescing too complex", "split"},
		{"error thrown or hook called during recording", "errors"},
		{"trace too long", "-Omaxrecord"},
		{"too many snapshots", "-Omaxsnap"},
		{"loop unroll limit reached", "-Oloopunroll"},
		{"call unroll limit reached", "-Ocallunroll"},
		{"machine code too long", "-Osizemcode"},
		{"failed to allocate mcode memory", "-Omaxmcode"},
		{"JIT compilation disabled for function", "jit.off()"},
		{"blacklisted", "given up on"},
		{"persistent type instability", "type"},
		{"symbol not in cache", "once before"},
		{"ABORT_TOO_LONG", "trace_limit"},
		{"ABORT_ESCAPE", "sys._getframe"},
		{"ABORT_FORCE_QUASIIMMUT", "module globals"},
		{"something never heard of", "look at that place"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		healthy();
		add_aborts(10, cases[i].reason, "a.lua:1");
		CHECK_HAS(expect("same-place", JITSCOPE_WARNING)->advice, cases[i].word);
	}
}

TEST(the_worst_comes_first_and_no_more_than_there_is_room_for)
{
	healthy()->BLACKLISTED = 1;
	snap.info.counters.TRACING = 40;
	add_aborts(20, "inner loop in root trace", "a.lua:1"); /* infos */
	snap.info.counter_times.hooks_ns = run_ns / 2;	       /* a warning */
	compiling(0.6);					       /* problems */
	flushed(5, MCODE, 450);
	look();
	CHECK_EQ(n_found, 5);
	CHECK_STR(found[0].id, "flush-storm");
	CHECK_STR(found[1].id, "compile-time");
	CHECK_STR(found[2].id, "hook-time");
	CHECK_STR(found[3].id, "abort-share");
	CHECK_STR(found[4].id, "blacklisted");

	memset(found, 0, sizeof(found));
	CHECK_EQ(jitscope_findings(&snap, run_ns, found, 3), 3);
	CHECK_STR(found[2].id, "hook-time");
	CHECK(!found[3].id);
}

TEST(texts_of_any_length_fit)
{
	char reason[JIT_REASON_LEN], place[JIT_GREENKEY_LEN];

	memset(reason, 'r', sizeof(reason) - 1);
	memset(place, 'p', sizeof(place) - 1);
	reason[sizeof(reason) - 1] = place[sizeof(place) - 1] = '\0';
	healthy()->TRACING = UINT64_MAX;
	add_aborts(10, reason, place);
	expect("same-place", JITSCOPE_WARNING);
	snap.info.counters.ABORT_OTHER = aborts[0].count = UINT64_MAX - 1;
	add_aborts(1, "retry recording", place);
	expect("abort-share", JITSCOPE_WARNING);
}

void suite_findings(void)
{
	unit_suite("findings");
	ADD(nothing_is_wrong_with_a_healthy_process);
	ADD(five_flushes_with_a_tenth_of_the_run_are_a_storm);
	ADD(backend_time_counts_as_compiling);
	ADD(the_advice_names_the_limit_that_was_hit_first);
	ADD(the_advice_grows_with_what_the_flush_dropped);
	ADD(the_vm_with_most_flushes_gives_the_cause);
	ADD(a_flush_is_worth_a_warning_unless_it_was_called_for);
	ADD(a_fifth_of_the_run_for_compiling_is_much_and_half_of_it_a_problem);
	ADD(a_short_run_is_warm_up_unless_it_flushes);
	ADD(three_aborts_in_ten_traces_are_many);
	ADD(every_abort_counter_counts);
	ADD(harmless_aborts_are_not_what_is_named);
	ADD(a_lying_process_has_no_more_harmless_aborts_than_aborts);
	ADD(one_place_with_half_of_the_aborts_is_named);
	ADD(places_given_up_on_for_good_are_told);
	ADD(hooks_that_take_a_twentieth_of_the_run_are_slow);
	ADD(one_failed_hook_or_refused_list_is_told);
	ADD(a_second_with_nothing_compiled_is_told);
	ADD(each_reason_has_its_own_advice);
	ADD(the_worst_comes_first_and_no_more_than_there_is_room_for);
	ADD(texts_of_any_length_fit);
}
