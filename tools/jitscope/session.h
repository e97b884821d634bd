/* SPDX-License-Identifier: BSD-2-Clause */
/* session.h - what the commands that observe have in common. */
#ifndef TOOL_SESSION_H
#define TOOL_SESSION_H

#include <jitscope/jitscope.h>

#include "options.h"
#include "subject.h"

/*
 * Opens a session as the options have it; `event`, `stream` and `ctx` as in
 * jitscope_options. Returns 0 or a negative errno, with jitscope_error().
 */
int session_open(jitscope_session **session, const struct options *o,
		 void (*event)(void *ctx, const struct jitscope_event *event), void *ctx,
		 uint32_t stream);

/*
 * Says in one line why the figures come from the region, and what is missed:
 * session_open() returned err, and jitscope_error() was `why`.
 */
void session_explain_region(const struct options *o, int err, const char *why);

/* How long a process ran, from its first VM to the snapshot; 0: not known. */
uint64_t session_run_ns(const struct jitscope_snapshot *s);

/* A growing list of subjects; the snapshots are its own. */
struct subjects {
	struct subject *list;
	size_t n;
};
bool subjects_add(struct subjects *all, struct jitscope_snapshot *snapshot, uint64_t run_ns);
void subjects_free(struct subjects *all);

/* Snapshots of all processes that the maps know and that carry the provider. */
int subjects_from_session(struct subjects *all, jitscope_session *session);

#endif
