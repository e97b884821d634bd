/* SPDX-License-Identifier: BSD-2-Clause */
/* event.h - one event as one line, for a person or as JSON. */
#ifndef TOOL_EVENT_H
#define TOOL_EVENT_H

#include <stdbool.h>
#include <stdio.h>

#include <jitscope/jitscope.h>

struct event_printer {
	FILE *f;
	bool json;
	bool show_process; /* also set when a second process appears */
	pid_t main_pid;	   /* 0: none */
	uint64_t start_ns; /* times are shown from here */
	uint64_t printed;
};

void event_print(struct event_printer *p, const struct jitscope_event *e);

/* Lines for the loops of a process that ran most, `top` of them; sorts them. */
void event_print_runs(struct event_printer *p, struct jitscope_snapshot *snapshot, uint64_t top);

/* A line for what was lost between two looks at the stats, if anything. */
void event_print_losses(struct event_printer *p, const struct jitscope_stats *before,
			const struct jitscope_stats *now, uint64_t when_ns);

/* Events that did not arrive, for whatever reason. */
uint64_t event_lost(const struct jitscope_stats *stats);

#endif
