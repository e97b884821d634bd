/* SPDX-License-Identifier: BSD-2-Clause */
/* region_run.h - `run` where there is no BPF. */
#ifndef TOOL_REGION_RUN_H
#define TOOL_REGION_RUN_H

#include "session.h"

/*
 * Starts the command with its regions in files, waits for its end and reads
 * them. Takes env. Returns 0, or a negative errno if the command could not be
 * executed; that is said.
 */
int region_run(char *const *argv, char ***env, pid_t *pid, struct run_result *result,
	       struct subjects *all);

#endif
