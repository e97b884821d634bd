/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signals.c - what signals mean while a command works.
 *
 * Everything is caught by a handler, nothing is ignored: exec sets a caught
 * signal back to its default, so the started command gets what we got. What
 * was ignored when we came (nohup) stays ignored, for both.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "signals.h"

static volatile sig_atomic_t stop; /* the signal that asked for it */
static volatile sig_atomic_t child;

static void handle(int sig)
{
	int err = errno;

	switch (sig) {
	case SIGCHLD:
	case SIGPIPE:
		break;
	case SIGTERM:
	case SIGHUP:
		if (child) {
			kill((pid_t)child, sig);
			break;
		}
		/* fall through */
	default:
		if (!child)
			stop = sig;
	}
	errno = err;
}

void signals_catch(void)
{
	static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD};

	for (size_t i = 0; i < sizeof(caught) / sizeof(*caught); i++) {
		struct sigaction action = {.sa_handler = handle}, old;

		if (!sigaction(caught[i], NULL, &old) && old.sa_handler == SIG_IGN &&
		    caught[i] != SIGCHLD)
			continue;
		sigaction(caught[i], &action, NULL);
	}
}

static volatile sig_atomic_t again;

static void handle_hup(int sig)
{
	(void)sig;
	again = 1;
}

void signals_catch_hup(void)
{
	struct sigaction action = {.sa_handler = handle_hup};

	sigaction(SIGHUP, &action, NULL);
}

bool signals_again(void)
{
	bool came = again;

	again = 0;
	return came;
}

bool signals_stop(void)
{
	return stop;
}

void signals_forward_to(pid_t pid)
{
	child = pid;
	if (pid && stop)
		kill(pid, stop); /* it came before there was a child */
}
