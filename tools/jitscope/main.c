/* SPDX-License-Identifier: BSD-2-Clause */
/* main.c - the commands, and which one it is. */
#include <stdio.h>
#include <string.h>

#include <jitscope/jitscope.h>

#include "commands.h"
#include "text.h"

#define OUTPUT_OPTIONS (OPT_JSON | OPT_OUTPUT | OPT_VERBOSE)
#define TARGET_OPTIONS (OPT_PID | OPT_FILE | OPT_ALL)

static const struct command commands[] = {
	{
		.name = "run",
		.synopsis = "[OPTION...] -- CMD [ARG...]",
		.summary = "start a command, watch it, and report when it has ended",
		.about =
			"Starts CMD with the adapters for LuaJIT and PyPy in its environment, "
			"watches it from the\nfirst trace on, and reports on standard error what "
			"its JIT did: counters, time spent\ncompiling, the largest loops, the most "
			"frequent aborts, and what to do about them.\nThe exit status is that of "
			"CMD.",
		.examples = "  jitscope run -- luajit prog.lua\n"
			    "  jitscope run --json -o report.json -- pypy3 prog.py\n"
			    "  jitscope run --top 30 -- nvim --headless -S script.lua +q\n",
		.takes = OUTPUT_OPTIONS | OPT_COUNT | OPT_PIN | OPT_TOP | OPT_MAX_LOOPS |
			 OPT_MAX_RUNS | OPT_NO_BPF | OPT_NO_ADAPTER,
		.operands = true,
		.run = cmd_run,
	},
	{
		.name = "snapshot",
		.synopsis = "(-p PID | -f PATH | -a) [OPTION...]",
		.summary = "what running processes have done so far",
		.about =
			"Reports what a running JIT did since its process started, also before "
			"anybody watched.\nWith -i, -n or -d again and again: totals, what is new, "
			"and rates. PATH may also be a file\nthat JITHOOKS_REGION_DIR left of a "
			"process that has ended.",
		.examples = "  jitscope snapshot -p 4711\n"
			    "  jitscope snapshot -p 4711 -i 5 -n 12\n"
			    "  jitscope snapshot -a --json | jq '{pid, comm, counters}'\n",
		.takes = OUTPUT_OPTIONS | TARGET_OPTIONS | OPT_DURATION | OPT_INTERVAL |
			 OPT_ROUNDS | OPT_COUNT | OPT_PIN | OPT_TOP | OPT_MAX_LOOPS | OPT_MAX_RUNS |
			 OPT_NO_BPF | OPT_OWN | OPT_ALIVE,
		.run = cmd_snapshot,
	},
	{
		.name = "trace",
		.synopsis = "(-p PID | -f PATH | -a | -- CMD [ARG...]) [OPTION...]",
		.summary = "events as they happen, one line each",
		.about =
			"Prints each trace that is started, optimized, compiled, aborted or freed, "
			"and each flush,\nas it happens, until Ctrl-C or until the process ends. "
			"Needs BPF.",
		.examples =
			"  jitscope trace -p 4711\n"
			"  jitscope trace -- luajit prog.lua\n"
			"  jitscope trace -a -d 10 --json | jq -r 'select(.event == \"abort\") | "
			".reason'\n",
		.takes = OUTPUT_OPTIONS | TARGET_OPTIONS | OPT_DURATION | OPT_COUNT | OPT_PIN |
			 OPT_TOP | OPT_MAX_LOOPS | OPT_MAX_RUNS | OPT_NO_ADAPTER,
		.operands = true,
		.run = cmd_trace,
	},
	{
		.name = "list",
		.synopsis = "[-p PID | -f PATH] [OPTION...]",
		.summary = "processes and files that carry the provider",
		.about = "Lists the processes that can be watched, with the file that carries the "
			 "probes, how many\nof them can be used, and whether it has a region.",
		.examples = "  jitscope list\n"
			    "  jitscope list -f /usr/lib/libmyvm.so\n"
			    "  jitscope list --json | jq '.files[].processes[].pid'\n",
		.takes = OUTPUT_OPTIONS | TARGET_OPTIONS,
		.run = cmd_list,
	},
	{
		.name = "serve",
		.synopsis = "[OPTION...]",
		.summary = "watch the whole machine, for good, and let others read",
		.about =
			"Watches every process with the provider, those that run and those that "
			"are "
			"started later,\nuntil it is told to stop, and keeps what it knows in "
			"pinned "
			"kernel maps. Other commands then\nread those and need not attach; bpftool "
			"reads them too. -f attaches a program or library\nbefore the first "
			"process "
			"uses it. SIGHUP: look again at files that were replaced.",
		.examples = "  sudo jitscope serve\n"
			    "  sudo jitscope serve --keep 1h -f /opt/vm/bin/myvm\n"
			    "  sudo jitscope snapshot -a          # reads what it has\n"
			    "  sudo bpftool map dump pinned " JITSCOPE_PIN_DIR "/counters\n",
		.takes = OPT_FILE | OPT_DURATION | OPT_VERBOSE | OPT_KEEP | OPT_PIN | OPT_COUNT |
			 OPT_MAX_LOOPS | OPT_MAX_RUNS,
		.run = cmd_serve,
	},
	{
		.name = "check",
		.synopsis = "[OPTION...]",
		.summary = "what this machine allows, each line with its remedy",
		.about =
			"Looks at what kernel, privileges and installation allow, and at pins that "
			"a killed session\nleft. Exit status 0 if everything works with BPF, else "
			"1.",
		.examples = "  jitscope check\n"
			    "  sudo jitscope check --json\n",
		.takes = OUTPUT_OPTIONS | OPT_PIN,
		.run = cmd_check,
	},
};

#define NCOMMANDS (sizeof(commands) / sizeof(*commands))

static void help(FILE *f)
{
	fputs("Usage: jitscope COMMAND [OPTION...]\n\n"
	      "See what a tracing JIT does (LuaJIT, PyPy, or one with libjithooks): what it\n"
	      "compiles, what it gives up on and where, and what that costs.\n\nCommands:\n",
	      f);
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(f, "  %-9s %s\n", commands[i].name, commands[i].summary);
	fputs("\nExamples:\n"
	      "  jitscope run -- luajit prog.lua\n"
	      "  jitscope snapshot -p 4711\n"
	      "  jitscope trace -a -d 10\n\n"
	      "`jitscope COMMAND --help` has the options and more examples; so has the manual\n"
	      "page jitscope(1).\n",
	      f);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int bad_command(const char *name)
{
	say(name[0] == '-' ? "%s: the command comes first: jitscope COMMAND [OPTION...]; see "
			     "`jitscope --help`"
			   : "there is no command %s; see `jitscope --help`",
	    name);
	return EXIT_USAGE;
}

/* Help and version are output like any other: a full disk is an error. */
static int flushed(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	return status ? status : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	const struct command *command;
	struct options options;
	int done;

	if (!name) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		puts("jitscope " JITSCOPE_VERSION);
		return flushed(0);
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") ||
	    (!strcmp(name, "help") && argc == 2)) {
		help(stdout);
		return flushed(0);
	}
	if (!strcmp(name, "help")) {
		command = find(argv[2]);
		if (!command)
			return bad_command(argv[2]);
		options_help(stdout, command);
		return flushed(0);
	}
	command = find(name);
	if (!command)
		return bad_command(name);
	done = options_parse(&options, command, argc - 1, argv + 1);
	return done ? flushed(done - 1) : command->run(&options);
}
