/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - one table of options for all commands.
 *
 * An option means the same everywhere; a command only says which ones it
 * takes. Help and parser both read the table.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jitscope/jitscope.h>

#include "options.h"
#include "output.h"
#include "text.h"

#define LONG_ONLY 256 /* letters from here on have no short form */

static const struct row {
	uint32_t bit;
	int letter;
	const char *name;
	const char *arg; /* NULL: none; in brackets: optional */
	const char *help;
} rows[] = {
	{OPT_PID, 'p', "pid", "PID", "this process (trace: and what it forks)"},
	{OPT_FILE, 'f', "file", "PATH",
	 "all processes that use this program or library; may be given again"},
	{OPT_ALL, 'a', "all", NULL, "all processes of this machine"},
	{OPT_DURATION, 'd', "duration", "SEC[s|m|h]", "stop after this time"},
	{OPT_INTERVAL, 'i', "interval", "SEC[s|m|h]", "again and again, at this interval"},
	{OPT_ROUNDS, 'n', "rounds", "N", "stop after N snapshots"},
	{OPT_JSON, 'j', "json", NULL, "one JSON object, or JSON lines, in place of text"},
	{OPT_OUTPUT, 'o', "output", "FILE", "write to FILE; - is standard output"},
	{OPT_TOP, LONG_ONLY + 0, "top", "N", "list N loops and aborts (10); JSON has all"},
	{OPT_COUNT, LONG_ONLY + 5, "count", "HOW",
	 "loop runs: memory, probe (1 us for each) or off"},
	{OPT_PIN, LONG_ONLY + 1, "pin", "[DIR]", "pin the maps (" JITSCOPE_PIN_DIR ")"},
	{OPT_MAX_LOOPS, LONG_ONLY + 2, "max-loops", "N", "room for N loops in the kernel (65536)"},
	{OPT_KEEP, LONG_ONLY + 6, "keep", "SEC[s|m|h]",
	 "keep the figures of ended processes so long (5m)"},
	{OPT_OWN, LONG_ONLY + 7, "own", NULL, "attach, also where `jitscope serve` has done that"},
	{OPT_ALIVE, LONG_ONLY + 9, "alive", NULL, "only processes that have not ended"},
	{OPT_MAX_RUNS, LONG_ONLY + 8, "max-runs", "N",
	 "loops of a process with a run count in the kernel (65536)"},
	{OPT_NO_BPF, LONG_ONLY + 3, "no-bpf", NULL, "read the region of the process only"},
	{OPT_NO_ADAPTER, LONG_ONLY + 4, "no-adapter", NULL,
	 "leave the environment of the command as it is"},
	{OPT_VERBOSE, 'v', "verbose", NULL, "say more about what is done"},
	{OPT_HELP, 'h', "help", NULL, "this help"},
	{OPT_VERSION, 'V', "version", NULL, "the version"},
};

#define NROWS (sizeof(rows) / sizeof(*rows))

static bool arg_optional(const struct row *row)
{
	return row->arg && row->arg[0] == '[';
}

static uint32_t takes(const struct command *command)
{
	return command->takes | OPT_HELP | OPT_VERSION;
}

void options_help(FILE *f, const struct command *command)
{
	fprintf(f, "Usage: jitscope %s %s\n\n%s\n\nOptions:\n", command->name, command->synopsis,
		command->about);
	for (size_t i = 0; i < NROWS; i++) {
		const struct row *row = &rows[i];
		char name[64];

		if (!(row->bit & takes(command)))
			continue;
		if (arg_optional(row))
			snprintf(name, sizeof(name), "--%s[=%.*s]", row->name,
				 (int)strcspn(row->arg + 1, "]"), row->arg + 1);
		else
			snprintf(name, sizeof(name), "--%s%s%s", row->name, row->arg ? " " : "",
				 row->arg ? row->arg : "");
		if (row->letter < LONG_ONLY)
			fprintf(f, "  -%c, %-24s %s\n", row->letter, name, row->help);
		else
			fprintf(f, "      %-24s %s\n", name, row->help);
	}
	fprintf(f, "\nExamples:\n%s", command->examples);
}

const char *options_pin_dir(void)
{
	const char *dir = secure_getenv("JITSCOPE_PIN_DIR");

	return dir && *dir ? dir : JITSCOPE_PIN_DIR;
}

/* ---- Values ------------------------------------------------------------------ */

static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !errno && !*end && *out >= min && *out <= max;
}

static bool parse_time(const char *text, uint64_t *ns)
{
	char *end;
	double seconds, unit = 1;

	if ((*text < '0' || *text > '9') && *text != '.')
		return false;
	seconds = strtod(text, &end);
	if (*end == 's' || *end == 'm' || *end == 'h')
		unit = *end == 'm' ? 60 : *end == 'h' ? 3600 : 1, end++;
	seconds *= unit;
	if (*end || !isfinite(seconds) || seconds < 0.001 || seconds > 1e9)
		return false;
	*ns = (uint64_t)(seconds * 1e9);
	return true;
}

static bool parse_count(const char *text, enum jitscope_count *out)
{
	static const char *const words[] = {
		[JITSCOPE_COUNT_OFF] = "off",
		[JITSCOPE_COUNT_MEMORY] = "memory",
		[JITSCOPE_COUNT_PROBE] = "probe",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(text, words[i])) {
			*out = (enum jitscope_count)i;
			return true;
		}
	return false;
}

/* NULL, or what would have been right. */
static const char *set(struct options *o, const struct row *row, const char *arg)
{
	uint64_t n;

	o->given |= row->bit;
	switch (row->bit) {
	case OPT_PID:
		if (!parse_number(arg, 1, INT_MAX, &n))
			return "the number of a process, as `jitscope list` shows them";
		if (o->pid)
			return "the only one: -p is given once";
		o->pid = (pid_t)n;
		break;
	case OPT_FILE:
		if (o->n_files == MAX_FILES)
			return "one of 64 files at most";
		o->files[o->n_files++] = arg;
		return *arg ? NULL : "the path of a program or library";
	case OPT_ALL:
		o->all = true;
		break;
	case OPT_DURATION:
		return parse_time(arg, &o->duration_ns) ? NULL : "a time, like 10, 2.5s, 5m or 1h";
	case OPT_INTERVAL:
		return parse_time(arg, &o->interval_ns) ? NULL : "a time, like 1, 0.5s or 5m";
	case OPT_ROUNDS:
		return parse_number(arg, 1, UINT64_MAX, &o->rounds) ? NULL : "a number from 1";
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_OUTPUT:
		o->output = arg;
		return *arg ? NULL : "the path of a file";
	case OPT_TOP:
		return parse_number(arg, 0, UINT64_MAX, &o->top) ? NULL : "a number from 0";
	case OPT_PIN:
		o->pin_dir = arg ? arg : options_pin_dir();
		return o->pin_dir[0] == '/' ? NULL : "a folder in a BPF file system";
	case OPT_MAX_LOOPS:
		if (!parse_number(arg, 1, 1u << 26, &n))
			return "a number from 1 to 67108864";
		o->max_loops = (uint32_t)n;
		break;
	case OPT_KEEP:
		return parse_time(arg, &o->keep_ns) ? NULL : "a time, like 30, 5m or 1h";
	case OPT_OWN:
		o->own = true;
		break;
	case OPT_ALIVE:
		o->alive = true;
		break;
	case OPT_MAX_RUNS:
		if (!parse_number(arg, 1, 1u << 24, &n))
			return "a number from 1 to 16777216";
		o->max_runs = (uint32_t)n;
		break;
	case OPT_COUNT:
		return parse_count(arg, &o->count) ? NULL : "memory, probe or off";
	case OPT_VERBOSE:
		o->verbose = true;
		break;
	case OPT_NO_BPF:
		o->no_bpf = true;
		break;
	case OPT_NO_ADAPTER:
		o->no_adapter = true;
		break;
	}
	return NULL;
}

/* ---- The command line ----------------------------------------------------------- */

static void build_getopt(char *letters, struct option *longs)
{
	char *at = letters;

	*at++ = '+'; /* stop at CMD: what follows is its business */
	*at++ = ':';
	for (size_t i = 0; i < NROWS; i++) {
		longs[i] = (struct option){.name = rows[i].name,
					   .val = rows[i].letter,
					   .has_arg = arg_optional(&rows[i]) ? optional_argument
						      : rows[i].arg	     ? required_argument
									     : no_argument};
		if (rows[i].letter >= LONG_ONLY)
			continue;
		*at++ = (char)rows[i].letter;
		if (rows[i].arg)
			*at++ = ':';
	}
	*at = 0;
}

static const struct row *row_of(int letter)
{
	for (size_t i = 0; i < NROWS; i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

static int usage_error(const struct command *c)
{
	fprintf(stderr, "; see `jitscope %s --help`\n", c->name);
	return EXIT_USAGE + 1;
}

static int bad_option(const struct command *c, int got, const char *word)
{
	const struct row *row = row_of(optopt);
	char clean[128];

	text_clean(clean, sizeof(clean), word);
	if (got == ':' && row)
		fprintf(stderr, "jitscope %s: --%s needs an argument: %s", c->name, row->name,
			row->arg);
	else if (row && !row->arg && strchr(word, '='))
		fprintf(stderr, "jitscope %s: --%s takes no argument", c->name, row->name);
	else if (word[0] == '-' && word[1] != '-' && optopt)
		fprintf(stderr, "jitscope %s: there is no option -%c", c->name,
			optopt > ' ' && optopt < 127 ? optopt : '?');
	else
		fprintf(stderr, "jitscope %s: there is no option %s, or it is cut too short",
			c->name, clean);
	return usage_error(c);
}

static int check_together(const struct options *o)
{
	const struct command *c = o->command;
	int targets = !!o->pid + !!o->n_files + o->all + !!*o->argv;

	if (*o->argv && !c->operands) {
		fprintf(stderr, "jitscope %s: it starts no command (`jitscope run -- CMD` does)",
			c->name);
		return usage_error(c);
	}
	if (targets > 1) {
		fprintf(stderr, "jitscope %s: give one of -p PID, -f PATH, -a%s, not several",
			c->name, c->operands ? " and -- CMD" : "");
		return usage_error(c);
	}
	if (o->no_bpf && o->pin_dir) {
		fprintf(stderr,
			"jitscope %s: --pin pins kernel maps, and --no-bpf does without them",
			c->name);
		return usage_error(c);
	}
	if (o->no_bpf && o->count == JITSCOPE_COUNT_PROBE) {
		fprintf(stderr,
			"jitscope %s: --count=probe counts in the kernel, and --no-bpf does "
			"without",
			c->name);
		return usage_error(c);
	}
	return 0;
}

int options_parse(struct options *o, const struct command *command, int argc, char **argv)
{
	struct option longs[NROWS + 1] = {0};
	char letters[3 + 2 * NROWS];
	int got;

	*o = (struct options){.command = command,
			      .top = 10,
			      .count = JITSCOPE_COUNT_MEMORY,
			      .started_ns = now_ns()};
	build_getopt(letters, longs);
	opterr = 0;
	optind = 1;
	for (;;) {
		int at = optind;
		const struct row *row;
		const char *right;
		char clean[128];

		got = getopt_long(argc, argv, letters, longs, NULL);
		if (got == -1)
			break;
		if (got == '?' || got == ':')
			return bad_option(command, got, argv[at]);
		row = row_of(got);
		if (got == 'h') {
			options_help(stdout, command);
			return 1;
		}
		if (got == 'V') {
			puts("jitscope " JITSCOPE_VERSION);
			return 1;
		}
		if (!(row->bit & takes(command))) {
			fprintf(stderr, "jitscope %s: it does not take --%s", command->name,
				row->name);
			return usage_error(command);
		}
		right = set(o, row, optarg);
		if (right) {
			text_clean(clean, sizeof(clean), optarg ? optarg : "");
			fprintf(stderr, "jitscope %s: --%s '%s' should be %s", command->name,
				row->name, clean, right);
			return usage_error(command);
		}
	}
	o->argv = argv + optind;
	return check_together(o);
}
