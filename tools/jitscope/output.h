/* SPDX-License-Identifier: BSD-2-Clause */
/* output.h - where a command writes to. */
#ifndef TOOL_OUTPUT_H
#define TOOL_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct output {
	FILE *f; /* buffered; goes out with output_flush() */
	int fd;
	int err;	  /* of the first write that failed */
	const char *path; /* NULL: a stream that was open already */
	bool tty;
};

/*
 * Opens -o FILE, or else takes `usual`, a file descriptor. Says why not, and
 * returns false. The struct must stay where it is until output_close().
 */
bool output_open(struct output *out, const char *path, int usual);

/* Flushes. False if nothing can be written any more. */
bool output_flush(struct output *out);

/*
 * Flushes and closes. False if something could not be written; that is said.
 * A reader who went away (EPIPE) had what he wanted: true.
 */
bool output_close(struct output *out);

/*
 * Shows how far a long job is, on stderr if that is a terminal and the job
 * has taken two seconds. Start with a zeroed struct; call progress_end().
 */
struct progress {
	uint64_t started_ns, shown_ns;
};
void progress(struct progress *p, const char *what, uint64_t done, uint64_t total);
void progress_end(struct progress *p);

/* CLOCK_MONOTONIC, as all times of libjitscope. */
uint64_t now_ns(void);

#endif
