/* SPDX-License-Identifier: BSD-2-Clause */
/* internal.h - what the files of libjitscope share. */
#ifndef JITSCOPE_INTERNAL_H
#define JITSCOPE_INTERNAL_H

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include <jitscope/jitscope.h>

/* ---- error.c ---------------------------------------------------------------- */

/* Keeps the line for jitscope_error() and returns err. */
int jitscope_fail(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline uint64_t jitscope_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint64_t jitscope_now(void)
{
	return jitscope_clock(CLOCK_MONOTONIC);
}

/* ---- notes.c: what an ELF file says of probes and region -------------------- */

struct note_site {
	uint32_t probe; /* enum jit_probe */
	bool usable;	/* its arguments can be read */
	bool five_byte_nop;
	uint64_t offset;    /* of the site in the file */
	uint64_t semaphore; /* its offset in the file; 0: none */
	uint64_t cookie;    /* see bpf/spec.h */
};

struct notes {
	struct note_site *sites;
	size_t n_sites;
	struct note_site bells[JIT_BELLS]; /* see abi.h; their probe is JIT_NPROBES */
	size_t n_bells;
	bool has_anchor;
	uint64_t anchor;      /* its link-time address */
	uint64_t text_addr;   /* link-time address of the code segment, */
	uint64_t text_offset; /* and where that begins in the file */
};

/*
 * Reads the notes of an open file. -ENOEXEC: no ELF file of this machine, or
 * damaged; -ENOENT: neither probes nor region of ours.
 */
int jitscope_read_notes(int fd, struct notes *out);
void jitscope_free_notes(struct notes *notes);

/* ---- proc.c: what /proc says ------------------------------------------------- */

/* One executable mapping of a file. */
struct mapping {
	uint64_t start, end, offset;
	dev_t dev;
	ino_t ino;
	char path[512];
};

/* Calls f for each executable file mapping until it returns non-zero. */
int jitscope_each_mapping(pid_t pid, int (*f)(void *ctx, const struct mapping *m), void *ctx);

/* Opens what is mapped, whatever mount namespace it is in; -errno. */
int jitscope_open_mapping(pid_t pid, const struct mapping *m);

/* Opens a regular file for reading, never hanging on a FIFO; -errno. */
int jitscope_open_regular(const char *path, struct stat *st);

/* Field 22 of /proc/PID/stat, clock ticks since boot; 0: no such process. */
uint64_t jitscope_start_ticks(pid_t pid);
/* The process of a thread; 0: none. */
pid_t jitscope_tgid(pid_t pid);
/* -ESRCH, with its line, if that is no process, or only a thread of one. */
int jitscope_check_pid(pid_t pid);
/* Are our pids the kernel's? */
bool jitscope_in_first_pid_namespace(void);
int jitscope_comm(pid_t pid, char comm[JIT_COMM_LEN]);
/* While we have no descriptor left to look with, whoever has that pid lives, and is the same. */
bool jitscope_alive(pid_t pid);
bool jitscope_has_ended(pid_t pid, uint64_t start_ticks);
/* Whose rights it has now; false: no such process. */
bool jitscope_euid(pid_t pid, uid_t *uid);

/* Calls f for each process until it returns non-zero. */
int jitscope_each_process(int (*f)(void *ctx, pid_t pid), void *ctx);

/* ---- region.c: reading it ------------------------------------------------------ */

/* Where a region is read from; read() returns 0 or a negative errno. */
struct region_source {
	int (*read)(void *ctx, uint64_t addr, void *buf, size_t size);
	void *ctx;
	uint64_t base; /* address of struct jit_region */
};

/* Can this area be what it says, with rows of this size? */
bool jitscope_area_is_sane(const struct jit_area *area, size_t row);
/* The count of a loop among n; 0 if it has none of its own. */
static inline uint64_t jitscope_runs_of(const struct jit_loop *loop, const uint64_t *counts,
					uint32_t n)
{
	return loop->run_slot != JIT_RUNS_OVERFLOW && loop->run_slot < n ? counts[loop->run_slot]
									 : 0;
}

enum jitscope_run_source jitscope_region_run_source(const struct jit_region *region);
int jitscope_parse_region(const struct region_source *source, struct jitscope_snapshot **out);

/* Address and file (its id) of the region of a process; errors as jitscope_region_snapshot. */
int jitscope_find_region(pid_t pid, uint64_t *address, uint32_t *file);
int jitscope_read_memory(pid_t pid, uint64_t addr, void *buf, size_t size);

/*
 * May loop__run have been hit in loops that were not in the map yet? So it is in a child,
 * which goes on at once with what it inherited, and in code from before it was attached.
 * What the process counted beside it, if it did, has them all.
 */
static inline bool jitscope_probe_missed(const struct jitscope_process *p)
{
	return p->unknown_runs || (p->ppid && !p->execs);
}

/* ---- snapshot.c ---------------------------------------------------------------- */

/* Sorts, and makes loop_run_times from the loops. */
int jitscope_finish_snapshot(struct jitscope_snapshot *snapshot);
/* Is there the region of that instance? Its head, as it is now. */
bool jitscope_read_head(pid_t pid, uint64_t region, uint64_t instance, struct jit_region *r);
/* Counts that only rise: the larger one is the newer. */
static inline void jitscope_raise(void *to, const void *from, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		uint64_t *old = (uint64_t *)to + i, new = ((const uint64_t *)from)[i];

		*old = new > *old ? new : *old;
	}
}
/* Forgets what the maps said. */
void jitscope_drop_rows(struct jitscope_session *s);

/* ---- The session ---------------------------------------------------------------- */

struct attached_file {
	dev_t dev;
	ino_t ino;
	int *links;  /* fds of BPF links, or -1 where perf is used */
	void **perf; /* struct bpf_link of libbpf */
	size_t n;
	struct note_site second_bell; /* offset 0: it has none */
	int ring;		      /* the link to that one, or -1; with perf: */
	void *perf_ring;
	uint64_t rang_ns; /* when that changed */
	int ring_later;	  /* the file, for it has to change again; or -1 */
};

struct watched {
	pid_t pid;
	bool alive;
	bool inherits;		/* forked: has code that no event told of */
	pid_t parent;		/* by this one, */
	uint64_t forked_ns;	/* then */
	uint64_t look_again_ns; /* when to look for newly mapped files; 0: never */
	uint64_t pause_ns;	/* how long the last wait was */
	uint64_t start_ticks;	/* tells a pid used again */
	uint64_t offered_ns;	/* when it was told to ask for a map, though it had not asked */
	uint32_t offers;	/* how often */
};

/* What is told again and again; see tell.c. */
enum jitscope_subject {
	JITSCOPE_TELL_ROOM,    /* a map is full, or a process has its share of it */
	JITSCOPE_TELL_PROCESS, /* one cannot be looked at */
	JITSCOPE_TELL_FILE,    /* has probes that cannot be used */
	JITSCOPE_TELL_MEMORY,  /* for run counts is used up */
	JITSCOPE_TELL_FAILED,  /* a run-count map could not be made */
	JITSCOPE_SUBJECTS,
};

struct told {
	char line[600];
	uint64_t more; /* lines since then that were not told, of which that is the last */
	uint64_t last_ns, next_ns, pause_ns;
};

/*
 * A map that was read whole. In loops, aborts and flushes each key begins with
 * the pid, and each value with the instance.
 */
struct map_rows {
	char *keys, *values;
	size_t n, key_size, value_size;
};

static inline const void *jitscope_row_key(const struct map_rows *rows, size_t i)
{
	return rows->keys + i * rows->key_size;
}

static inline const void *jitscope_row_value(const struct map_rows *rows, size_t i)
{
	return rows->values + i * rows->value_size;
}

static inline uint32_t jitscope_row_pid(const struct map_rows *rows, size_t i)
{
	return *(const uint32_t *)jitscope_row_key(rows, i);
}

static inline uint64_t jitscope_row_instance(const struct map_rows *rows, size_t i)
{
	return *(const uint64_t *)jitscope_row_value(rows, i);
}

struct jitscope_session {
	struct jitscope_bpf *bpf;
	struct jitscope_options options;
	char command[64]; /* of the options, which are the caller's */
	struct ring_buffer *ring;
	bool multi; /* uprobe_multi, since 6.6 */
	struct attached_file *files;
	size_t n_files;
	uint64_t attached_ns; /* CLOCK_BOOTTIME when the last of them was */
	struct {
		dev_t dev;
		ino_t ino;
	} * strangers; /* files known to have no provider */
	size_t n_strangers;
	struct watched *watched;
	size_t n_watched;
	struct newcomer {
		pid_t pid;
		bool looked;
		uint64_t look_ns;
	} * newcomers; /* system-wide: programs that were just started */
	size_t n_newcomers;
	uint64_t next_scan_ns, next_sweep_ns, next_forget_ns, next_inherit_ns, next_tidy_ns,
		next_runs_ns;
	uint32_t n_ended; /* processes since room was made for others */
	bool sweep_wanted;
	struct heir *heirs; /* see inherit.c */
	size_t n_heirs;
	uint64_t seed_lost;	    /* rows that found no room while seeding */
	uint64_t seed_failed;	    /* processes whose region could not be read */
	uint32_t loops_share;	    /* what one process may have of them; 0: the whole map */
	char pin_dir[256];	    /* "" if nothing is pinned */
	char runs_pin_dir[280];	    /* below it, for the maps of loop_run_times; or "" */
	struct jitscope_runs *runs; /* NULL: no process counts for us */
	struct adopted {	    /* run-count maps, see adopt.c */
		pid_t pid;
		int fd;
		uint64_t start_ticks, instance;
	} * adopted;
	size_t n_adopted;
	struct told told[JITSCOPE_SUBJECTS];
	/* A reader of maps that are another session's: */
	char shared_dir[256];	/* where it has pinned them; else "" */
	uint64_t shared_runs;	/* its number in requests for run-count maps */
	uint32_t *shared_files; /* of these files only, by their ids; none: of all */
	size_t n_shared_files;
	/* What the snapshots until the next poll are made of. */
	struct map_rows loops, aborts, flushes;
	bool have_rows;
	uint64_t rows_ns; /* when they were read */
};

#define JITSCOPE_UPROBE_MULTI 48 /* BPF_TRACE_UPROBE_MULTI, since 6.6 */

/* attach.c */
int jitscope_attach_fd(struct jitscope_session *s, int fd, const struct stat *st, const char *path);
/*
 * Attaches what the process has mapped; returns how many files, or -errno. `ring`:
 * files that are attached already tell their processes to ask for maps once more.
 */
int jitscope_attach_process(struct jitscope_session *s, pid_t pid, bool ring);
void jitscope_detach_all(struct jitscope_session *s);

/* tell.c: notes */
void jitscope_tell(struct jitscope_session *s, enum jitscope_subject subject, const char *format,
		   ...) __attribute__((format(printf, 3, 4)));
/* Now and then: what was held back. */
void jitscope_tell_rest(struct jitscope_session *s, bool at_once);
/* A process and its user. */
const char *jitscope_who(pid_t pid, char text[64]);

/* seed.c */
int jitscope_seed(struct jitscope_session *s, pid_t pid);

/* unseeded.c: whose figures lack something of before they were watched */
/* Part of what the process did before is missing; true: that is new. */
bool jitscope_mark_unseeded(struct jitscope_session *s, pid_t pid);
/* All of it is there after all. */
void jitscope_unmark_unseeded(struct jitscope_session *s, pid_t pid);
bool jitscope_is_unseeded(const struct jitscope_session *s, pid_t pid,
			  const struct jitscope_process *p);
/* What is noted of processes that the maps know no longer goes. */
void jitscope_sweep_unseeded(struct jitscope_session *s);

/* inherit.c */
/* It has ended before its memory could be looked at. */
void jitscope_remember_heir(struct jitscope_session *s, const struct watched *w);
/* What it had is known from elsewhere. */
void jitscope_forget_heir(struct jitscope_session *s, pid_t pid);
/* Has it still to be given that? */
bool jitscope_is_heir(const struct jitscope_session *s, pid_t pid);
/* Is it alive, perhaps, and its memory to be looked at, or an heir? */
bool jitscope_inherits(struct jitscope_session *s, pid_t pid);
/* Gives the processes remembered what they had of their parents. */
void jitscope_inherit(struct jitscope_session *s);

/* last_runs.c: run counts in the processes' own memory */
/*
 * Raises the counts of the snapshot to those that the handlers have kept of its process,
 * or to what was `seen` last. Of when that is; 0: there are none.
 */
uint64_t jitscope_last_runs(struct jitscope_session *s, struct jitscope_snapshot *snap, bool seen);
/* For that: what somebody has read just now. */
void jitscope_saw_runs(struct jitscope_session *s, pid_t pid, uint64_t instance,
		       const uint64_t *counts, uint32_t n);
/* r->runs.used of them, to be freed; NULL: none, or they cannot be read. */
uint64_t *jitscope_region_runs(pid_t pid, uint64_t region, const struct jit_region *r);
/* Now and then: looks what is not in our maps. */
void jitscope_look_at_runs(struct jitscope_session *s, uint64_t now);

/* watch.c */
int jitscope_mark_watched(struct jitscope_session *s, pid_t pid);
struct watched *jitscope_watched(struct jitscope_session *s, pid_t pid, bool add);
/* Rows of a process that found no room when we wrote them. */
void jitscope_rows_lost(struct jitscope_session *s, pid_t pid, uint64_t n);
void jitscope_housekeeping(struct jitscope_session *s);
void jitscope_on_life(struct jitscope_session *s, const struct jitscope_event *e);

/* maps.c: whole maps */
struct bpf_map;
int jitscope_read_map(const struct bpf_map *map, struct map_rows *out);
int jitscope_read_map_fd(int fd, size_t key_size, size_t value_size, struct map_rows *out);
void jitscope_free_rows(struct map_rows *rows);
/*
 * Removes what is left over; with `forget`, also processes that ended some
 * time ago. Reads the ring meanwhile.
 */
void jitscope_sweep(struct jitscope_session *s, bool forget);
/* Lets ended processes go before they fill the map; their other rows are swept later. */
void jitscope_make_room(struct jitscope_session *s);
/* How long a system-wide session keeps the figures of what has ended. */
uint64_t jitscope_keep_ns(const struct jitscope_session *s);

/* attach.c: now and then: does the ringing that had to wait. */
void jitscope_ring_later(struct jitscope_session *s);

/* runs.c: run counts in kernel memory (runs.h has the whole of it) */
int jitscope_runs_open(struct jitscope_session *s);
void jitscope_runs_close(struct jitscope_session *s);
/*
 * Copies what an instance of a process counted, by run_slot: *slots counts, to
 * be freed. False: it has no map of this session.
 */
bool jitscope_runs_copy(struct jitscope_session *s, pid_t pid, uint64_t instance, uint64_t **counts,
			uint32_t *slots);
uint64_t jitscope_runs_id(const struct jitscope_session *s);
/* Of the session among those that listen (abi.h); 0 if it does not. */
unsigned jitscope_runs_number(const struct jitscope_session *s);
/* Nobody is given a map from now on. Before the probes are let go, for that makes them ask. */
void jitscope_runs_refuse(struct jitscope_session *s);
/* It has ended: nothing more is given to it, what it counted stays. */
void jitscope_runs_ended(struct jitscope_session *s, pid_t pid);
/* That goes too. */
void jitscope_runs_forget(struct jitscope_session *s, pid_t pid);
/* Where the sockets are; options may be NULL. */
const char *jitscope_runs_dir(const struct jitscope_options *options);
/* -EPERM, with its line: somebody else may write there. Others if it is not there. */
int jitscope_check_runs_dir(const char *dir);
/* It is there, and processes of other users cannot look for sockets in it. */
bool jitscope_runs_dir_is_closed(const char *dir);
/* Now and then: those who waited for their maps no longer than they may are told to ask again. */
void jitscope_runs_ring(struct jitscope_session *s);
/* Now and then: finds ended processes whose end no event told. */
void jitscope_runs_check(struct jitscope_session *s);

/* pin.c */
int jitscope_pin(struct jitscope_session *s);
void jitscope_unpin(struct jitscope_session *s);
int jitscope_fill_owner(struct jitscope_session *s);
/* Whose pins are in dir; a negative errno, without a line, if nobody's. */
int jitscope_pins_owner(const char *dir, struct jitscope_owner *owner);
/* Where a map is pinned below dir. */
void jitscope_map_path(char path[600], const char *dir, const struct bpf_map *map);
/* The maps that are pinned: all but the working memory of the handlers. */
bool jitscope_is_public(const struct bpf_map *map);

/* session.c */
void jitscope_quiet_libbpf(void);

/* adopt.c */
/* Takes what a killed session has pinned in dir of processes that have ended since. */
void jitscope_adopt(struct jitscope_session *s, const char *dir);
/* Their run-count maps become those of r; NULL: they are let go. Before r has threads. */
void jitscope_adopt_runs(struct jitscope_session *s, struct jitscope_runs *r);

/* share.c */
/* Is it what we would have made, of whatever size? */
bool jitscope_is_same_kind(int fd, const struct bpf_map *map);
/* What a reader does in the place of a session of its own */
int jitscope_reader_poll(struct jitscope_session *s);
/* As jitscope_runs_copy(). */
bool jitscope_reader_runs(struct jitscope_session *s, pid_t pid, uint64_t **counts,
			  uint32_t *slots);
int jitscope_reader_has(struct jitscope_session *s, pid_t pid);
/* Only processes of files that this was called with are there then; -ENOENT: it knows none. */
int jitscope_reader_keep_to(struct jitscope_session *s, const struct stat *st, const char *path);
bool jitscope_reader_keeps(const struct jitscope_session *s, const struct jitscope_process *p);

#endif
