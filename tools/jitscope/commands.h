/* SPDX-License-Identifier: BSD-2-Clause */
/* commands.h - the commands; main.c lists them. Each returns the exit status. */
#ifndef TOOL_COMMANDS_H
#define TOOL_COMMANDS_H

#include "options.h"

int cmd_check(const struct options *options);
int cmd_list(const struct options *options);
int cmd_run(const struct options *options);
int cmd_serve(const struct options *options);
int cmd_snapshot(const struct options *options);
int cmd_trace(const struct options *options);

#endif
