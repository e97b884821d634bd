/* SPDX-License-Identifier: BSD-2-Clause */
/* child.c - the command of `run` and `trace`: its end, and its exit status. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "child.h"
#include "options.h"
#include "output.h"
#include "signals.h"

static uint64_t ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_usec * 1000u;
}

bool child_ended(pid_t pid, uint64_t started_ns, bool wait, struct run_result *result)
{
	struct rusage usage = {0};
	siginfo_t info = {0};

	/* Left as a zombie at first: no signal is forwarded to a pid used again. */
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | (wait ? 0 : WNOHANG)))
		if (errno != EINTR)
			break;
	if (info.si_pid != pid)
		return false;
	result->wall_ns = now_ns() - started_ns;
	signals_forward_to(0);
	while (wait4(pid, &result->status, 0, &usage) < 0 && errno == EINTR)
		;
	result->user_ns = ns(&usage.ru_utime);
	result->system_ns = ns(&usage.ru_stime);
	return true;
}

int child_exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int child_exec_status(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
		return EXIT_NOT_FOUND;
	case -EACCES:
	case -ENOEXEC:
	case -EISDIR:
	case -ELOOP:
	case -ETXTBSY:
	case -E2BIG:
		return EXIT_NOT_EXECUTABLE;
	}
	return EXIT_FAILED;
}
