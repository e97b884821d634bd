/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * observer.h - an observer to test with: it listens at a socket, makes real maps
 * of the kernel, and answers as abi.h says, or as the test says. It is a thread of
 * the test's process, so the test sees what it sees.
 */
#ifndef TESTS_OBSERVER_H
#define TESTS_OBSERVER_H

#include <pthread.h>

#include "unit.h"

#define OBSERVER_PROCESSES 8

struct observer_reply {
	struct jit_runs_reply reply;
	size_t size;
	int fds[2];
	int n_fds; /* they stay the test's */
};

struct observer {
	uint64_t session;
	uint32_t limit; /* slots that a process gets at most; 0: it is refused */
	/* What it answers; returning false: nothing. NULL: as it ought to. */
	bool (*answer)(struct observer *o, const struct jit_runs_request *request,
		       struct observer_reply *r);
	/* What came; for the test to look at after the process has got its answer. */
	unsigned requests;
	struct jit_runs_request last;
	struct jit_runs_reply told;
	struct watched {
		uint64_t instance;
		int map;
		uint32_t slots;
	} processes[OBSERVER_PROCESSES];
	int listener;
	char path[128];
	pthread_t thread;
	pthread_barrier_t ready;
};

/* The directory of sockets: made, and named to the library. Before the first VM. */
void observer_directory(void);
/* Another socket in it; the observer is the caller's memory. Skips the test without BPF. */
void observer_start(struct observer *o, uint64_t session, uint32_t limit);
/* One who watches the whole machine. */
void observer_start_for_all(struct observer *o, uint64_t session, uint32_t limit);
void observer_stop(struct observer *o);
void observer_remove_directory(void);
/* A listening socket in the directory; its path. */
int observer_listen(const char *name, char path[128]);

/* As if attached to `runs`, or not any more. */
void observer_attach(int by);
/* The count of a slot in the map of a process, as bpf() reads it. */
uint64_t observer_runs(const struct observer *o, uint64_t instance, uint32_t slot);
/* A map that can be mapped, of so many slots; its descriptor. */
int observer_make_map(uint32_t slots);

#endif
