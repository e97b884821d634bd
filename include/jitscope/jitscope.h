/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jitscope.h - libjitscope: observe JITs from outside.
 *
 * A session loads the BPF programs and their maps, attaches them to the
 * probes of provider `jit` wherever they are, and builds snapshots from the
 * maps. Without BPF (no privileges, no kernel support) the region functions
 * below read the same figures from the process itself.
 *
 *	jitscope_session *s;
 *	if (jitscope_open(&s, NULL) || jitscope_watch_pid(s, pid))
 *		errx(1, "%s", jitscope_error());
 *	...
 *	struct jitscope_snapshot *snap;
 *	if (!jitscope_snapshot(s, pid, &snap)) {
 *		... snap->info.counters.TRACING ...
 *		jitscope_snapshot_free(snap);
 *	}
 *	jitscope_close(s);
 *
 * Functions return 0 or a negative errno, and then jitscope_error() has one
 * line for a person: what was tried, on what, why it failed, what to do. A
 * session belongs to one thread. Nothing here changes the watched process.
 *
 * Everything read from a process is checked and copied before use: strings
 * are terminated, but may hold any bytes; print them with care.
 */
#ifndef JITSCOPE_H
#define JITSCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jitscope/maps.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JITSCOPE_API __attribute__((visibility("default")))

/* The last error of this thread; "" if none. Never NULL. */
JITSCOPE_API const char *jitscope_error(void);

/* ---- Snapshots --------------------------------------------------------------- */

struct jitscope_loop {
	uint64_t no; /* loop_no, or bridge_no of a bridge */
	struct jit_loop loop;
};

enum jitscope_source {
	JITSCOPE_KERNEL, /* from the maps */
	JITSCOPE_REGION, /* from the memory of the process */
};

/* Where the run counts of a snapshot were counted. */
enum jitscope_run_source {
	JITSCOPE_RUNS_NONE,   /* nowhere: nobody asked for it, or the JIT cannot */
	JITSCOPE_RUNS_KERNEL, /* by the process, in a map of the kernel that it shares */
	JITSCOPE_RUNS_PROBE,  /* by the handler of probe loop__run, since it was attached */
	JITSCOPE_RUNS_REGION, /* by the process, in memory of its own */
};

struct jitscope_snapshot {
	JitInfoSnapshot info; /* as pypyjit's; times in ns */
	enum jitscope_source source;
	enum jitscope_run_source run_source;
	uint32_t counting;	/* JIT_RUNS_*: how its VMs count runs now, as they say; 0 if dead */
	uint64_t runs_since_ns; /* since when it counts them itself; 0: it does not say */
	uint32_t runs_missed;	/* JIT_RUNS_LATE, _GAPS: runs that are not in the counts (abi.h) */
	uint64_t runs_session;	/* in whose map it counts, as it says (abi.h); 0: its own */
	uint64_t runs_missing_ns; /* what it counted in this time before its end (or now) went with
				     its memory; 0: nothing did */
	pid_t pid;
	bool alive;
	bool complete;	/* false: part of it could not be read; see lost */
	bool inherited; /* region: by a forked child that has done nothing yet */
	uint64_t lost;	/* its rows that are missing: of a region, they changed while they
			   were read; of the maps, it had its share of one */
	uint64_t instance;
	uint64_t start_ns; /* when its first VM was made; 0: not known */
	uint64_t taken_ns; /* CLOCK_MONOTONIC, as all times here */
	char comm[JIT_COMM_LEN];
	char jitdriver[JIT_DRIVER_LEN];
	struct jitscope_loop *loops; /* live code, by number */
	size_t n_loops;
	struct jit_abort *aborts; /* most frequent first */
	size_t n_aborts;
	struct jit_flush *flushes; /* per VM; region: the last one */
	size_t n_flushes;
	struct jitscope_stats stats; /* of the session, unknown_loop of the process; kernel only */
};

JITSCOPE_API void jitscope_snapshot_free(struct jitscope_snapshot *snapshot);

/* All ABORT_* counters together, all compiled traces together. */
JITSCOPE_API uint64_t jitscope_total_aborts(const struct jit_counters *c);
JITSCOPE_API uint64_t jitscope_total_compiled(const struct jit_counters *c);

/* The names, by enum; NULL out of range. */
JITSCOPE_API const char *jitscope_counter_name(unsigned counter);
JITSCOPE_API const char *jitscope_type_name(unsigned type);
JITSCOPE_API const char *jitscope_event_name(unsigned kind);
JITSCOPE_API const char *jitscope_run_source_name(enum jitscope_run_source source);

/* ---- Without BPF --------------------------------------------------------------- */

/*
 * Reads the region of a live process (needs the same user, or CAP_SYS_PTRACE).
 * -ESRCH no such process, -ENOENT it does not carry the provider, -ENODATA it
 * does, but has made no VM yet, -EPERM, -EPROTO the region makes no sense.
 */
JITSCOPE_API int jitscope_region_snapshot(pid_t pid, struct jitscope_snapshot **out);

/* Reads a region file (JITHOOKS_REGION_DIR), also after the process's end. */
JITSCOPE_API int jitscope_region_file_snapshot(const char *path, struct jitscope_snapshot **out);

/* ---- Finding ------------------------------------------------------------------- */

/* A file that carries the provider, or the stapsdt notes of it. */
struct jitscope_provider {
	char *path; /* as its process sees it */
	dev_t dev;
	ino_t ino;
	uint32_t probes;    /* bit per enum jit_probe */
	uint32_t unusable;  /* those whose arguments cannot be read */
	bool region;	    /* has the note of a region */
	bool five_byte_nop; /* foreign sites that Linux 6.18 may corrupt */
	pid_t *pids;	    /* processes that have it mapped */
	size_t n_pids;
};

struct jitscope_providers {
	struct jitscope_provider *list;
	size_t n;
	size_t unreadable; /* processes that could not be looked at: */
	pid_t *unreadable_pids;
};

/* All processes of this machine, or one (pid > 0). */
JITSCOPE_API int jitscope_find(pid_t pid, struct jitscope_providers *out);
/* One file. -ENOEXEC: no ELF file, or a damaged one; -ENOENT: no provider. */
JITSCOPE_API int jitscope_find_file(const char *path, struct jitscope_providers *out);
JITSCOPE_API void jitscope_providers_free(struct jitscope_providers *p);

/* ---- Sessions ------------------------------------------------------------------- */

typedef struct jitscope_session jitscope_session;

/* How loop runs are counted while a session watches. */
enum jitscope_count {
	JITSCOPE_COUNT_OFF,    /* not on our account; what is counted anyway is shown */
	JITSCOPE_COUNT_MEMORY, /* by the compiled code, in maps that it shares with us */
	JITSCOPE_COUNT_PROBE,  /* by probe loop__run: about 1 us for each run */
};

struct jitscope_options {
	/*
	 * Gets events, from jitscope_poll(): those of `stream` (bit per enum
	 * jit_probe) and always fork, exec and exit. NULL: none are sent.
	 */
	void (*event)(void *ctx, const struct jitscope_event *event);
	/*
	 * Gets notes for a person, one line each. What may be said very often is said
	 * once, then together: the rest at the latest in jitscope_close(). NULL: they are
	 * left out.
	 */
	void (*note)(void *ctx, const char *line);
	void *ctx;
	uint32_t stream;
	uint32_t max_loops;	/* room for them, of each process if system_wide; 0: 65536 */
	uint32_t max_processes; /* 0: 8192 */
	uint32_t ring_bytes;	/* power of two; 0: 16 MiB */
	uint64_t keep_ns;	/* system_wide: what has ended is kept so long; 0: 10 s */
	bool system_wide;	/* take every process that fires the probes */
	enum jitscope_count count;
	/*
	 * COUNT_MEMORY: a thread of the session (all signals blocked) listens on
	 * a socket in runs_dir and gives each watched process that asks a map of
	 * its own. Where that cannot be, the session goes on with a note, and the
	 * processes count in their own memory.
	 */
	const char *runs_dir;	 /* NULL: $JITSCOPE_RUNS_DIR, or JIT_RUNS_DIR (abi.h) */
	uint32_t max_runs;	 /* loops of one process with a count, at least; 0: 65536 */
	uint64_t max_runs_bytes; /* of all maps together, shared among users; 0: 256 MiB */
	const char *pin_dir;	 /* pin the maps there; NULL: not */
	const char *command;	 /* who: shown by `jitscope check` for pins */
};

#define JITSCOPE_PIN_DIR "/sys/fs/bpf/jitscope"

/*
 * For one who gives up privileges before he opens a session (its threads would keep
 * theirs): can all probes of a file be attached by one link (Linux 6.6)? Then CAP_BPF
 * and CAP_PERFMON are enough; else it takes CAP_SYS_ADMIN.
 */
JITSCOPE_API bool jitscope_attaches_at_once(void);

/* Likewise: mounts the BPF file system if it is not there yet. */
JITSCOPE_API int jitscope_mount_bpffs(void);

/* options may be NULL. -EPERM, -ENOSYS (no BTF, kernel too old), ... */
JITSCOPE_API int jitscope_open(jitscope_session **session, const struct jitscope_options *options);

/*
 * Reads the maps that a system-wide session has pinned in dir (`jitscope serve`), and
 * attaches nothing: everything below works that does not watch, wait for events or
 * change something. -ENOENT: nothing is pinned there, or not by a running session that
 * watches everything; -EPROTO: by another version.
 */
JITSCOPE_API int jitscope_open_pinned(jitscope_session **session, const char *dir);

/* Detaches, unpins, frees. The watched processes go on. NULL is allowed. */
JITSCOPE_API void jitscope_close(jitscope_session *session);

/*
 * Watch a running process and what it forks: attach to the files it maps that
 * carry the provider, and seed the maps with what it compiled before.
 * Errors as jitscope_region_snapshot(); -ENODATA is not one here.
 */
JITSCOPE_API int jitscope_watch_pid(jitscope_session *session, pid_t pid);

/* Attach to a file: running and later processes that map it. */
JITSCOPE_API int jitscope_watch_file(jitscope_session *session, const char *path);

/* Every file with the provider that is mapped now; call again for new ones. */
JITSCOPE_API int jitscope_watch_all(jitscope_session *session);

/*
 * Starts a command, watched from its first instruction. argv[0] is looked up
 * in PATH. envp NULL: the caller's. The child is stopped before exec until
 * everything is attached. -ENOENT, -EACCES, ...: could not be executed.
 * Its end is the caller's to wait for, with waitpid(). session NULL: it is only
 * started, with the same errors.
 */
JITSCOPE_API int jitscope_spawn(jitscope_session *session, char *const argv[], char *const envp[],
				pid_t *pid);

/*
 * A process of JITHOOKS_REGION_DIR left this file: what the maps lack of it is
 * put there. For processes that end before their mappings can be looked at.
 */
JITSCOPE_API int jitscope_add_region_file(jitscope_session *session, const char *path);

/*
 * Delivers what came, and does the housekeeping (files mapped later, seeding,
 * sweeping). Returns after timeout_ms, or earlier if a signal came. Call it
 * at least some ten times a second while events stream.
 */
JITSCOPE_API int jitscope_poll(jitscope_session *session, int timeout_ms);

/* pid of every process there is something to say about; free() the list. */
JITSCOPE_API int jitscope_pids(jitscope_session *session, pid_t **pids, size_t *n);

/*
 * What the maps say of a process, dead or alive. -ENOENT: nothing. Call
 * jitscope_poll(session, 0) first for the newest. Of a process that has ended its
 * last events may come from in here.
 */
JITSCOPE_API int jitscope_snapshot(jitscope_session *session, pid_t pid,
				   struct jitscope_snapshot **out);

JITSCOPE_API int jitscope_stats(jitscope_session *session, struct jitscope_stats *out);

/*
 * A copy of the run counts of a process as they are in its map, by run_slot of
 * struct jit_loop; free() it. The cheap way for who knows the loops already: no
 * other map is read. -ENOENT: it has none from this session.
 */
JITSCOPE_API int jitscope_run_counts(jitscope_session *session, pid_t pid, uint64_t **counts,
				     size_t *n);

/* Does it have processes count loop runs? A reader: that whose maps it reads, as of the last poll.
 */
JITSCOPE_API bool jitscope_counts_runs(const jitscope_session *session);

/* What became of the requests for run-count maps. */
#define JITSCOPE_RUN_STATS(X)                                               \
	X(granted, "maps given to processes")                               \
	X(grown, "of these, in place of a smaller one")                     \
	X(kept, "processes that had theirs already")                        \
	X(unwatched, "refused: the process is not watched")                 \
	X(limited, "refused: the maps would take more memory than allowed") \
	X(failed, "refused: the kernel gave no map")                        \
	X(bad_request, "connections without a request that makes sense")    \
	X(too_slow, "connections that took too long, or were too many")     \
	X(too_often, "connections of a user that had too many in a second")

struct jitscope_run_stats {
	uint64_t maps;	/* there are now */
	uint64_t bytes; /* that they take, with those only a process still holds */
#define X(name, text) uint64_t name;
	JITSCOPE_RUN_STATS(X)
#undef X
};

JITSCOPE_API int jitscope_run_stats(jitscope_session *session, struct jitscope_run_stats *out);

/* ---- Findings ------------------------------------------------------------------- */

enum jitscope_severity { JITSCOPE_INFO, JITSCOPE_WARNING, JITSCOPE_PROBLEM };

struct jitscope_finding {
	const char *id; /* stable, for scripts: "flush-storm" */
	enum jitscope_severity severity;
	char what[320];	  /* what is wrong, with its figures */
	char advice[320]; /* what to try */
};

/*
 * Holds the rules (user/findings.c) against a snapshot. run_ns is how long
 * the process ran, 0 if not known. Returns how many of max were written,
 * worst first.
 */
JITSCOPE_API size_t jitscope_findings(const struct jitscope_snapshot *snapshot, uint64_t run_ns,
				      struct jitscope_finding *out, size_t max);

/* ---- What this machine allows --------------------------------------------------- */

enum jitscope_status { JITSCOPE_OK, JITSCOPE_LIMITED, JITSCOPE_MISSING };

struct jitscope_check {
	const char *id; /* "btf", "bpf", "uprobe-multi", ... */
	enum jitscope_status status;
	char what[160];	  /* what was found */
	char remedy[200]; /* what to do about it; "" if nothing */
};

/* Fills up to max lines; returns how many. Leaves nothing behind. */
JITSCOPE_API size_t jitscope_checks(struct jitscope_check *out, size_t max);

/* Pins that a killed session left in dir: what it was, and removal. */
JITSCOPE_API int jitscope_stale_pins(const char *dir, struct jitscope_owner *owner);
JITSCOPE_API int jitscope_remove_stale_pins(const char *dir);

#ifdef __cplusplus
}
#endif

#endif
