/* SPDX-License-Identifier: BSD-2-Clause */
/* privileges.h - giving up what a long-running command does not need. */
#ifndef TOOL_PRIVILEGES_H
#define TOOL_PRIVILEGES_H

#include <stdbool.h>

/*
 * Keeps what loading, attaching to files and reading processes need, for good: also
 * not to be had back by executing something. `admin`: CAP_SYS_ADMIN as well, which
 * attaching takes before Linux 6.6. Returns 0 or a negative errno; then it has what it
 * had before, or less.
 */
int privileges_drop(bool admin);

#endif
