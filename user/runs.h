/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs.h - run counts in kernel memory, the observer's side.
 *
 * A process that is watched asks for a map over a socket (abi.h has the
 * protocol) and from then on counts in it. Three threads have a part in that:
 *
 *   the server     answers requests: makes a map, sends its descriptor
 *                  (runs_server.c; at once, whatever the session does)
 *   the publisher  enters maps in the map of maps, pins them, and takes them
 *                  out (runs_publish.c; the kernel makes it wait some 10 ms
 *                  each time, so it does many together)
 *   the session's  reads the counts, and says which processes have ended
 *
 * What they share is the list of maps in runs.c, under its lock. No lock is
 * held over a call into the kernel that may wait.
 */
#ifndef JITSCOPE_RUNS_H
#define JITSCOPE_RUNS_H

#include <pthread.h>

#include "internal.h"

/* The map of one process. */
struct run_map {
	pid_t pid;
	uid_t uid;
	uint64_t start_ticks, instance;
	uint64_t ended_ns; /* 0: it lives, as far as we know */
	uint32_t slots;	   /* entries, a multiple of those in a page */
	uint32_t id;	   /* the kernel's number of the map */
	int fd;		   /* -1: the process has ended, nobody will ask for it again */
	uint64_t *counts;  /* our mapping: while there is one no process can freeze the map */
	bool delivered;	   /* the process was sent it */
	bool missed;	   /* it was no longer there to be sent it, and has to be rung */
	bool published;
};

/* A map that we let go, but that a process may still hold. */
struct run_ghost {
	uint32_t id, bytes;
	uid_t uid;
	uint64_t since_ns;
};

/* Who was not given a map: the last of n. */
struct run_refusal {
	uint64_t n;
	pid_t pid;
	uid_t uid;
	uint64_t bytes, all; /* of that user, and of all users */
};

struct jitscope_runs {
	struct jitscope_session *session;
	uint64_t id;	 /* of the session, in requests and replies */
	unsigned number; /* among those that listen (abi.h) */
	uint32_t page_slots, max_slots;
	uint64_t max_bytes, min_charge;

	pthread_mutex_t lock; /* of all that follows */
	struct run_map *maps;
	size_t n_maps;
	struct run_ghost *ghosts; /* has room for all of the maps as well */
	size_t n_ghosts;
	uint32_t *gone; /* pids whose maps are to be taken out of the map of maps */
	size_t n_gone;
	struct jitscope_run_stats stats;
	size_t next_check;
	bool any_missed;		    /* or they have been looked at since */
	struct run_refusal limited, failed; /* that are not told yet */

	/* runs_memory.c, of the publisher's thread */
	struct bpf_link *iterator; /* over the kernel's maps; NULL: there is none */
	uint64_t next_lay_ns;

	/* runs_publish.c */
	pthread_t publisher;
	pthread_cond_t work;
	bool stop;

	/* runs_server.c */
	struct runs_server *server;
};

/* Who asks. */
struct run_peer {
	pid_t pid;
	uid_t uid;
	uint64_t start_ticks; /* 0: the pid may be another process's by now */
};

/* ---- runs.c ------------------------------------------------------------------- */

/*
 * Answers a request of the right form: fills session, status and slots of the
 * reply. If JIT_RUNS_GRANTED, *fd is the map, the caller's to close.
 */
void jitscope_runs_answer(struct jitscope_runs *r, const struct run_peer *peer,
			  const struct jit_runs_request *request, struct jit_runs_reply *reply,
			  int *fd);
/* The reply with a map went out, or nobody waited for it any more. */
void jitscope_runs_delivered(struct jitscope_runs *r, const struct run_peer *peer, bool heard);

/* One more, of a process that has ended; if there is no room for it, it is let go. */
void jitscope_runs_add(struct jitscope_runs *r, const struct run_map *m);

/* ---- runs_memory.c: all with the lock held --------------------------------------- */

/* Whose request is refused, for the session's thread to tell. */
void jitscope_refusal_add(const struct jitscope_runs *r, struct run_refusal *refusals,
			  const struct run_map *whose);
/* What all maps and ghosts take. */
uint64_t jitscope_runs_bytes(const struct jitscope_runs *r);
/* May the user have such a map in addition? */
bool jitscope_runs_affordable(const struct jitscope_runs *r, uid_t uid, uint32_t slots);
/* Little is left, compared with what the user has. */
bool jitscope_runs_crowded(const struct jitscope_runs *r, uid_t uid);
/* The map is let go. */
void jitscope_ghost_add(struct jitscope_runs *r, const struct run_map *m);
/* Forgets those that are gone, unless it has looked just now. Gives the lock away meanwhile. */
void jitscope_lay_ghosts(struct jitscope_runs *r);
/* These without the lock. Those that are no process's own fault: */
void jitscope_refusals_tell(struct jitscope_runs *r);
void jitscope_runs_memory_open(struct jitscope_runs *r);
void jitscope_runs_memory_close(struct jitscope_runs *r);

/* ---- runs_publish.c ------------------------------------------------------------- */

/* A thread that no signal reaches. 0 or a negative errno, with its line. */
int jitscope_start_thread(pthread_t *thread, void *(*f)(void *arg), void *arg);
int jitscope_publisher_start(struct jitscope_runs *r);
/* With the lock held: there is something to publish or to take out. */
void jitscope_publisher_wake(struct jitscope_runs *r);
/* Ends the thread and removes the pins. */
void jitscope_publisher_stop(struct jitscope_runs *r);

/* ---- runs_server.c --------------------------------------------------------------- */

int jitscope_server_start(struct jitscope_runs *r, const char *dir);
void jitscope_server_stop(struct jitscope_runs *r);

#endif
