/* SPDX-License-Identifier: BSD-2-Clause */
/* report.h - a process's figures for a person. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "options.h"
#include "output.h"
#include "subject.h"

struct report {
	FILE *f;
	bool colour;
	uint64_t top; /* loops and aborts listed */
	enum jitscope_count count;
	uint64_t started_ns;   /* the command, CLOCK_MONOTONIC */
	const char *not_asked; /* why nobody asks a process to count runs; NULL: somebody does */
};

struct report report_options(const struct output *out, const struct options *o);

void report_subject(const struct report *r, const struct subject *s);

/* What is not in the figures: a line for each kind of loss, if there was any. */
void report_losses(const struct report *r, const struct jitscope_snapshot *snap);

/* ---- Between report.c and report_loops.c ------------------------------------------ */

void report_heading(const struct report *r, const char *title);
/* The loops: those that ran most, or if runs are not counted the largest. */
void report_loops(const struct report *r, const struct subject *s);

/* ---- Between report.c and report_runs.c ------------------------------------------- */

/* Where and since when runs of loops were counted, or why not, in one line. */
void report_run_source(const struct report *r, const struct jitscope_snapshot *snap);

#endif
