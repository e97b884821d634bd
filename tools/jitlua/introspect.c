/* SPDX-License-Identifier: BSD-2-Clause */
/* introspect.c - the options that show what the JIT does: -jv, -jdump, -jperf. */
#include "introspect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jitlua/jitlua.h>

/* What is behind "="; NULL: nothing. */
static const char *argument(const char *command)
{
	const char *equals = strchr(command, '=');

	return equals && equals[1] ? equals + 1 : NULL;
}

static bool failed(const char *what, const char *file, int error)
{
	fprintf(stderr, "jitlua: %s", what);
	if (file)
		fprintf(stderr, " %s", file);
	fprintf(stderr, ": %s\n",
		error == -ELOOP ? "it is a symbolic link, which is not followed"
				: strerror(-error));
	return false;
}

static bool start_verbose(lua_State *L, const char *command)
{
	const char *file = argument(command);
	int error = jitlua_verbose(L, file);

	return !error || failed("-jv: cannot write", file, error);
}

/* FLAGS, FLAGS,FILE or ,FILE. */
static bool start_dump(lua_State *L, const char *command)
{
	const char *flags = argument(command), *comma = flags ? strchr(flags, ',') : NULL;
	const char *file = comma && comma[1] ? comma + 1 : NULL;
	char letters[32] = "";
	size_t length = !flags ? 0 : comma ? (size_t)(comma - flags) : strlen(flags);
	int error = -EINVAL;

	if (length < sizeof letters) {
		memcpy(letters, flags ? flags : "", length);
		error = jitlua_dump(L, letters, file);
	}
	if (error != -EINVAL)
		return !error || failed("-jdump: cannot write", file, error);
	fprintf(stderr, "jitlua: -jdump: flags are letters of tbipsm, not '%.*s'\n", (int)length,
		flags);
	return false;
}

static bool start_perf(lua_State *L, const char *command)
{
	int error = jitlua_perf_map(L);

	(void)command;
	return !error || failed("-jperf: cannot make the map of this process in /tmp", NULL, error);
}

static const struct {
	const char *name;
	bool (*start)(lua_State *L, const char *command);
	const char *usage, *text;
} commands[] = {
	{"v", start_verbose, "v[=FILE]", "a line for each trace, on stderr"},
	{"dump", start_dump, "dump[=FLAGS[,FILE]]",
	 "all about each trace, on stdout; FLAGS: tbipsm, or + or - some"},
	{"perf", start_perf, "perf", "names of traces for perf, in /tmp/perf-PID.map"},
};

#define COMMANDS (sizeof commands / sizeof *commands)

static size_t find(const char *command)
{
	size_t length = strcspn(command, "="), i;

	for (i = 0; i < COMMANDS; i++)
		if (strlen(commands[i].name) == length &&
		    !memcmp(command, commands[i].name, length))
			break;
	return i < COMMANDS && commands[i].start == start_perf && command[length] ? COMMANDS : i;
}

bool is_introspection(const char *command)
{
	return find(command) < COMMANDS;
}

bool introspect(lua_State *L, const char *command)
{
	return commands[find(command)].start(L, command);
}

void print_introspection(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  -j%-20s %s\n", commands[i].usage, commands[i].text);
}
