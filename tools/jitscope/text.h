/* SPDX-License-Identifier: BSD-2-Clause */
/* text.h - strings that may be shown, and figures as people read them. */
#ifndef TOOL_TEXT_H
#define TOOL_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Room for any string of abi.h with all its bytes escaped. */
#define TEXT_CLEAN 640

/*
 * Copies s for a terminal: control characters, what reorders text, and bytes
 * that are not UTF-8 become \xNN. Cut to size at a whole character. Returns out.
 */
char *text_clean(char *out, size_t size, const char *s);

/*
 * Copies s as valid UTF-8: each byte that is not becomes U+FFFD. Three bytes
 * for each of s are enough. Returns out.
 */
char *text_utf8(char *out, size_t size, const char *s);

/* "1,234,567"; into one of a few buffers in turn, good for one printf. */
const char *text_count(uint64_t n);

/* "process 12", "3 processes (12, 345, 6789)"; of many not all. Returns out. */
#define TEXT_PROCESSES 192
char *text_processes(char out[TEXT_PROCESSES], const pid_t *pids, size_t n);

/* "1.2 KiB", "340 B"; likewise. */
const char *text_bytes(uint64_t n);

/* "12.345 s", "1.234 ms", "12.3 us"; likewise. */
const char *text_time(uint64_t ns);

/* A message of the command: one cleaned line on stderr, in one write. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
