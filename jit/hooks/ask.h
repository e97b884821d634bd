/* SPDX-License-Identifier: BSD-2-Clause */
/* ask.h - asking an observer for a map to count loop runs in. */
#ifndef JIT_HOOKS_ASK_H
#define JIT_HOOKS_ASK_H

#include "internal.h"

#define JIT_SOCKET_NAME 64 /* bytes of a socket's name, with its zero */

struct jit_answer {
	struct jit_runs_reply reply;
	struct jit_map map;	    /* if it was granted; the descriptor is the caller's to close */
	char name[JIT_SOCKET_NAME]; /* of the socket where it came from */
	bool silent;		    /* not heard: somebody may be there who did not answer (yet) */
};

/*
 * Asks at the sockets of the directory, that named `first` ("": none) first, until
 * somebody grants a map or lets the process keep its own. False: nobody answered.
 * Takes at most 50 ms. With no lock held that others need sooner.
 */
bool jit_ask(const char *directory, const char *first, const struct jit_runs_request *request,
	     struct jit_answer *answer);

#endif
