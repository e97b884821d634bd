/* SPDX-License-Identifier: BSD-2-Clause */
/* signals.h - what signals mean while a command works. */
#ifndef TOOL_SIGNALS_H
#define TOOL_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * From here on SIGINT, SIGTERM, SIGHUP and SIGQUIT ask to stop in good order,
 * SIGPIPE is an error of write(), and SIGCHLD interrupts waiting.
 */
void signals_catch(void);

/* SIGHUP says from now on something else: see signals_again(). */
void signals_catch_hup(void);

/* Has SIGHUP come since the last call? */
bool signals_again(void);

/* Was a stop asked for? */
bool signals_stop(void);

/*
 * A command was started: it gets SIGTERM and SIGHUP from us, SIGINT and
 * SIGQUIT from the terminal, and we wait for its end. A signal that came
 * before is handed on now. 0: it has ended.
 */
void signals_forward_to(pid_t child);

#endif
