/* SPDX-License-Identifier: BSD-2-Clause */
/* options.h - the options of all commands, and what a command is. */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <jitscope/jitscope.h>

/* One bit per option: which of them a command takes. */
enum {
	OPT_PID = 1 << 0,
	OPT_FILE = 1 << 1,
	OPT_ALL = 1 << 2,
	OPT_DURATION = 1 << 3,
	OPT_INTERVAL = 1 << 4,
	OPT_ROUNDS = 1 << 5,
	OPT_JSON = 1 << 6,
	OPT_OUTPUT = 1 << 7,
	OPT_VERBOSE = 1 << 8,
	OPT_PIN = 1 << 9,
	OPT_TOP = 1 << 10,
	OPT_MAX_LOOPS = 1 << 11,
	OPT_NO_BPF = 1 << 12,
	OPT_NO_ADAPTER = 1 << 13,
	OPT_HELP = 1 << 14,
	OPT_VERSION = 1 << 15,
	OPT_COUNT = 1 << 16,
	OPT_KEEP = 1 << 17,
	OPT_OWN = 1 << 18,
	OPT_MAX_RUNS = 1 << 19,
	OPT_ALIVE = 1 << 20,
};

#define MAX_FILES 64

struct options {
	const struct command *command;
	uint32_t given; /* bits of the options that stand on the command line */
	pid_t pid;
	const char *files[MAX_FILES]; /* of -f */
	size_t n_files;
	uint64_t started_ns;  /* CLOCK_MONOTONIC when the command line was read */
	uint64_t duration_ns; /* 0: no limit */
	uint64_t interval_ns;
	uint64_t rounds; /* 0: no limit */
	uint64_t keep_ns;
	bool all, json, verbose, no_bpf, no_adapter, own, alive;
	enum jitscope_count count;
	const char *output;
	const char *pin_dir;
	uint64_t top;
	uint32_t max_loops; /* 0: libjitscope's default */
	uint32_t max_runs;  /* likewise */
	char **argv;	    /* the command to start; argv[0] NULL: none */
};

struct command {
	const char *name;
	const char *synopsis;
	const char *summary; /* one line */
	const char *about;
	const char *examples;
	uint32_t takes; /* bits of its options */
	bool operands;	/* it takes CMD [ARG...] */
	int (*run)(const struct options *options);
};

/* Exit codes; `run` has the child's besides, and the shell's two. */
enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
};

/*
 * Fills options from the arguments after the command's name. Returns 0 to go
 * on, or the exit status plus one: help was printed, or an error.
 */
int options_parse(struct options *options, const struct command *command, int argc, char **argv);

/* Where maps are pinned if nothing else is said; JITSCOPE_PIN_DIR in the environment does. */
const char *options_pin_dir(void);

/* What `jitscope CMD --help` prints. */
void options_help(FILE *f, const struct command *command);

#endif
