/* SPDX-License-Identifier: BSD-2-Clause */
/* lines.h - lines that a person types. */
#ifndef JITLUA_LINES_H
#define JITLUA_LINES_H

void lines_open(void);
/* The next line without its newline, to be freed; NULL at the end or without memory. */
char *lines_read(const char *prompt);
void lines_remember(const char *line);

#endif
