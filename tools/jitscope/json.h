/* SPDX-License-Identifier: BSD-2-Clause */
/* json.h - the JSON that commands print; jitscope(1) documents the fields. */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H

#include <jansson.h>
#include <stdio.h>

#include "subject.h"

/* Strings of a process: always valid UTF-8. */
json_t *json_text(const char *s);

/* Jansson's integers end at 2^63; what is beyond becomes a real. */
json_t *json_count(uint64_t n);
json_t *json_seconds(uint64_t ns);

/* One line; takes the reference. */
void json_line(FILE *f, json_t *value);

/*
 * A snapshot, as one line, written row by row: it takes no memory for a
 * million loops. children: further processes of a run; NULL: not a run.
 */
void json_snapshot(FILE *f, const struct subject *subject, const struct subject *children,
		   size_t n_children);

#endif
