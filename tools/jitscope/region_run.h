/* SPDX-License-Identifier: BSD-2-Clause */
/* region_run.h - `run` where there is no BPF. */
#ifndef TOOL_REGION_RUN_H
#define TOOL_REGION_RUN_H

#include "region_dir.h"
#include "session.h"

/*
 * Starts the command, waits for its end and reads the regions in `dir`, which
 * its environment names. Returns 0, or a negative errno if the command could
 * not be executed; that is said.
 */
int region_run(char *const *argv, char **env, const struct region_dir *dir, pid_t *pid,
	       struct run_result *result, struct subjects *all);

#endif
