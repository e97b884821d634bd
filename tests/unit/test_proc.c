/* SPDX-License-Identifier: BSD-2-Clause */
/* test_proc.c - who has ended, and who cannot be looked at. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../user/internal.h"
#include "unit.h"

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* where a CHECK ends the test */
		pause();
		_exit(0);
	}
	return pid;
}

static void end(pid_t pid)
{
	siginfo_t info;

	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
}

TEST(of_a_pid_it_is_told_who_lives_and_who_has_ended)
{
	pid_t pid = sleeper();
	uint64_t ticks = jitscope_start_ticks(pid);

	CHECK(ticks != 0);
	CHECK(jitscope_alive(pid));
	CHECK(!jitscope_has_ended(pid, ticks));
	CHECK(jitscope_has_ended(pid, ticks + 1)); /* it is another one */
	end(pid);
	CHECK(!jitscope_alive(pid)); /* a zombie */
	waitpid(pid, NULL, 0);
	CHECK(!jitscope_alive(pid));
	CHECK(jitscope_has_ended(pid, ticks));
	CHECK(jitscope_has_ended(pid, 0));
}

TEST(without_a_descriptor_to_look_with_nobody_has_ended_but_who_is_gone)
{
	pid_t pid = sleeper();
	uint64_t ticks = jitscope_start_ticks(pid);
	struct rlimit files, none;

	getrlimit(RLIMIT_NOFILE, &files);
	none = files;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	CHECK(jitscope_start_ticks(pid) == 0);
	CHECK(jitscope_alive(pid));
	CHECK(!jitscope_has_ended(pid, ticks));
	CHECK(!jitscope_has_ended(pid, 0));
	end(pid);
	waitpid(pid, NULL, 0);
	CHECK(!jitscope_alive(pid));
	CHECK(jitscope_has_ended(pid, ticks));
	setrlimit(RLIMIT_NOFILE, &files);
}

void suite_proc(void)
{
	unit_suite("proc");
	ADD(of_a_pid_it_is_told_who_lives_and_who_has_ended);
	ADD(without_a_descriptor_to_look_with_nobody_has_ended_but_who_is_gone);
}
