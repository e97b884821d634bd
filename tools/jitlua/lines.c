/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lines.c - reads with GNU readline, or else plainly. The library is looked for
 * when the first line is wanted, so only interactive mode pays for it, and a
 * machine without it does as well.
 */
#include "lines.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *(*readline)(const char *prompt);
static void (*add_history)(const char *line);

void lines_open(void)
{
	static const char *const names[] = {"libreadline.so.8", "libreadline.so.7",
					    "libreadline.so"};
	void *library = NULL;
	const char **name;

	for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++)
		library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return;
	*(void **)&readline = dlsym(library, "readline");
	*(void **)&add_history = dlsym(library, "add_history");
	/* What ~/.inputrc may ask for by $if. */
	name = dlsym(library, "rl_readline_name");
	if (name)
		*name = "lua";
}

static char *read_plain(const char *prompt)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	fputs(prompt, stdout);
	fflush(stdout);
	length = getline(&line, &size, stdin);
	if (length < 0) {
		free(line);
		return NULL;
	}
	if (length > 0 && line[length - 1] == '\n')
		line[length - 1] = '\0';
	return line;
}

char *lines_read(const char *prompt)
{
	return readline ? readline(prompt) : read_plain(prompt);
}

void lines_remember(const char *line)
{
	if (add_history)
		add_history(line);
}
