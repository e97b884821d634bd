/* SPDX-License-Identifier: BSD-2-Clause */
/* targets.h - which processes -p, -f and -a mean. */
#ifndef TOOL_TARGETS_H
#define TOOL_TARGETS_H

#include "session.h"

/* Watches what the options name; -errno with jitscope_error(). */
int targets_watch(jitscope_session *session, const struct options *o);

/*
 * Reads the regions of what the options name. -errno with jitscope_error():
 * -ESRCH or -ENODATA if there is nothing to read. Processes of other users
 * are left out of -f and -a: they are in *unreadable, each once; free its list.
 */
struct targets_unreadable {
	pid_t *pids;
	size_t n;
};

int targets_read_regions(const struct options *o, struct subjects *all,
			 struct targets_unreadable *unreadable);

#endif
