/* SPDX-License-Identifier: BSD-2-Clause */
/* report.h - a process's figures for a person. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "subject.h"

struct report {
	FILE *f;
	bool colour;
	uint64_t top; /* loops and aborts listed */
};

void report_subject(const struct report *r, const struct subject *s);

/* What is not in the figures: a line for each kind of loss, if there was any. */
void report_losses(const struct report *r, const struct jitscope_snapshot *snap);

#endif
