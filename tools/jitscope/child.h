/* SPDX-License-Identifier: BSD-2-Clause */
/* child.h - the command of `run` and `trace`: its end, and its exit status. */
#ifndef TOOL_CHILD_H
#define TOOL_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "subject.h"

/* Has it ended? If so fills result, and does not block; with wait, blocks. */
bool child_ended(pid_t pid, uint64_t started_ns, bool wait, struct run_result *result);

/* What the shell would return for it. */
int child_exit_status(int status);

/* What it would for a command that could not be executed; err is negative. */
int child_exec_status(int err);

#endif
