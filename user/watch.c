/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.c - which processes a session watches, and what it does as they go
 * on: fork, exec, map further files, end.
 *
 * A file is attached by inode, so what it has from then on is seen. A process
 * that maps a file of the provider before the session knew the file is caught
 * up with by looking at its mappings: shortly after an exec, then at longer
 * and longer intervals. Nothing is lost by coming late but the stream: the
 * region gives the rest.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"
#include "jitscope.skel.h"

#define MS 1000000ull
#define FIRST_LOOK (20 * MS)
#define LAST_LOOK (2000 * MS)
#define SWEEP_EVERY (250 * MS)
#define SCAN_EVERY (2000 * MS)
#define NEWCOMERS 1024
#define MANY_ENDED 16 /* that part of the room for processes */
#define SECOND_LOOK (100 * MS)
#define FORGET_EVERY (10000 * MS) /* or more often, */
#define FORGET_PARTS 4		  /* so often in the time for which the dead are kept, */
#define FORGET_AT_MOST (1000 * MS)

struct watched *jitscope_watched(struct jitscope_session *s, pid_t pid, bool add)
{
	struct watched *bigger;

	for (size_t i = 0; i < s->n_watched; i++)
		if (s->watched[i].pid == pid)
			return &s->watched[i];
	if (!add)
		return NULL;
	for (size_t i = 0; i < s->n_watched; i++)
		if (!s->watched[i].alive) {
			s->watched[i] = (struct watched){.pid = pid, .alive = true};
			return &s->watched[i];
		}
	bigger = reallocarray(s->watched, s->n_watched + 1, sizeof(*bigger));
	if (!bigger)
		return NULL;
	s->watched = bigger;
	bigger[s->n_watched] = (struct watched){.pid = pid, .alive = true};
	return &bigger[s->n_watched++];
}

void jitscope_rows_lost(struct jitscope_session *s, pid_t pid, uint64_t n)
{
	s->seed_lost += n;
	jitscope_mark_unseeded(s, pid);
}

static void look_soon(struct watched *w)
{
	if (!w)
		return;
	w->alive = true;
	w->pause_ns = FIRST_LOOK;
	w->look_again_ns = jitscope_now() + FIRST_LOOK;
	w->start_ticks = jitscope_start_ticks(w->pid);
}

/* Tells the BPF programs that the hits of this process count. */
int jitscope_mark_watched(struct jitscope_session *s, pid_t pid)
{
	struct jitscope_process p = {
		.start_ticks = jitscope_start_ticks(pid),
		.alive = 1,
		.watched = 1,
	};
	uint32_t key = (uint32_t)pid;
	int err = jitscope_check_pid(pid);

	if (err)
		return err;
	jitscope_comm(pid, p.comm);
	err = bpf_map__update_elem(s->bpf->maps.processes, &key, sizeof(key), &p, sizeof(p),
				   BPF_NOEXIST);
	if (err == -EEXIST) {
		struct jitscope_process old;

		if (!bpf_map__lookup_elem(s->bpf->maps.processes, &key, sizeof(key), &old,
					  sizeof(old), 0) &&
		    old.start_ticks == p.start_ticks)
			return 0;
		err = bpf_map__update_elem(s->bpf->maps.processes, &key, sizeof(key), &p, sizeof(p),
					   BPF_ANY);
	}
	if (!err)
		return 0;
	s->seed_lost++;
	return jitscope_fail(err, "cannot watch process %d: %s", pid,
			     err == -E2BIG ? "the map `processes` is full" : strerror(-err));
}

/*
 * It started, not as a copy of another, when all files were attached already: events have
 * told everything. (It may have ended before its memory could be looked at.)
 */
static bool was_watched_from_start(const struct jitscope_session *s, pid_t pid)
{
	const uint64_t tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	struct jitscope_process p;
	uint32_t key = (uint32_t)pid;

	return !bpf_map__lookup_elem(s->bpf->maps.processes, &key, sizeof(key), &p, sizeof(p), 0) &&
	       (!p.ppid || p.execs) && p.start_ticks * tick > s->attached_ns;
}

/* What could not be seeded is missing in the figures of this session. */
static int seed(struct jitscope_session *s, pid_t pid)
{
	int err = jitscope_seed(s, pid);

	if (!err || err == -ENODATA || err == -ENOENT) /* it has no VM yet */
		return 0;
	if (was_watched_from_start(s, pid))
		return 0;
	if (jitscope_mark_unseeded(s, pid))
		s->seed_failed += err != -ESRCH;
	return err;
}

int jitscope_watch_pid(jitscope_session *s, pid_t pid)
{
	int err, found;

	if (*s->shared_dir)
		return jitscope_reader_has(s, pid);
	err = jitscope_mark_watched(s, pid);
	if (err)
		return err;
	found = jitscope_attach_process(s, pid, true);
	if (found < 0)
		return found;
	if (!found)
		return jitscope_fail(-ENOENT,
				     "process %d does not carry the provider `jit`; start it with "
				     "`jitscope run --`, or see `jitscope list`",
				     pid);
	look_soon(jitscope_watched(s, pid, true));
	return seed(s, pid);
}

static int attach_and_seed(void *ctx, pid_t pid)
{
	struct jitscope_session *s = ctx;
	struct watched *w = jitscope_watched(s, pid, false);
	int err;

	if ((w && w->alive) || jitscope_attach_process(s, pid, false) <= 0)
		return 0;
	w = jitscope_watched(s, pid, true);
	if (w)
		*w = (struct watched){.pid = pid, .alive = true}; /* the pid may be used again */
	err = jitscope_mark_watched(s, pid);
	if (!err)
		err = seed(s, pid);
	if (err && err != -ESRCH)
		jitscope_tell(s, JITSCOPE_TELL_PROCESS, "%s", jitscope_error());
	return 0;
}

int jitscope_watch_all(jitscope_session *s)
{
	uint64_t start = jitscope_now(), took;
	int err = *s->shared_dir ? 0 : jitscope_each_process(attach_and_seed, s);

	/* A hundredth of our time at most, however many processes there are. */
	took = jitscope_now() - start;
	s->next_scan_ns = start + (100 * took > SCAN_EVERY ? 100 * took : SCAN_EVERY);
	return err ? jitscope_fail(err, "cannot look through /proc: %s", strerror(-err)) : 0;
}

static void has_ended(struct jitscope_session *s, struct watched *w)
{
	if (w->inherits)
		jitscope_remember_heir(s, w);
	w->inherits = false;
	w->alive = false;
}

/* ---- Programs that have just been started ---------------------------------------------- */

/*
 * A session that watches the whole machine hears of every exec, and looks twice what
 * the program maps: at once, for a file that is new to it, so that what is started
 * next is seen from its first trace; and when its libraries are there. What a program
 * loads later the scan finds. A full list is no loss either, for the same reason.
 */
static void welcome(struct jitscope_session *s, pid_t pid)
{
	if (!s->next_scan_ns)
		return; /* it watches the files that were named */
	if (!s->newcomers)
		s->newcomers = calloc(NEWCOMERS, sizeof(*s->newcomers));
	if (s->newcomers && s->n_newcomers < NEWCOMERS)
		s->newcomers[s->n_newcomers++] = (struct newcomer){.pid = pid};
}

static void look_at_newcomers(struct jitscope_session *s, uint64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_newcomers; i++) {
		struct newcomer *new = &s->newcomers[i];

		if (now >= new->look_ns) {
			attach_and_seed(s, new->pid);
			if (new->looked)
				continue;
			new->looked = true;
			new->look_ns = now + SECOND_LOOK;
		}
		s->newcomers[kept++] = *new;
	}
	s->n_newcomers = kept;
}

/* What the tracepoints of process life bring. */
void jitscope_on_life(struct jitscope_session *s, const struct jitscope_event *e)
{
	pid_t pid = (pid_t)e->pid;
	struct watched *w;

	switch (e->kind) {
	case JITSCOPE_FORK:
	case JITSCOPE_EXEC:
		w = jitscope_watched(s, pid, true);
		look_soon(w);
		if (w) {
			w->inherits = e->kind == JITSCOPE_FORK;
			w->parent = (pid_t)e->parent_no;
			w->forked_ns = e->when_ns;
		}
		break;
	case JITSCOPE_EXIT:
		w = jitscope_watched(s, pid, false);
		if (w)
			has_ended(s, w);
		jitscope_runs_ended(s, pid);
		s->n_ended++;
		break;
	case JITSCOPE_NEWCOMER:
		welcome(s, pid);
		break;
	case JIT_PROBE_FLUSH:
		s->sweep_wanted = true;
		break;
	}
}

/* Has this program image told the maps of itself? */
static bool is_known(struct jitscope_session *s, pid_t pid)
{
	struct jitscope_process p;
	uint32_t key = (uint32_t)pid;

	return !bpf_map__lookup_elem(s->bpf->maps.processes, &key, sizeof(key), &p, sizeof(p), 0) &&
	       p.region;
}

static void look_again(struct jitscope_session *s, struct watched *w, uint64_t now)
{
	size_t files = s->n_files;

	if (jitscope_has_ended(w->pid, w->start_ticks)) {
		has_ended(s, w); /* before we heard of it */
		return;
	}
	w->pause_ns = w->pause_ns * 2 > LAST_LOOK ? LAST_LOOK : w->pause_ns * 2;
	w->look_again_ns = now + w->pause_ns;
	if (jitscope_attach_process(s, w->pid, false) > 0 &&
	    (s->n_files > files || w->inherits || !is_known(s, w->pid)) &&
	    !jitscope_seed(s, w->pid)) {
		s->sweep_wanted |= w->inherits; /* of what it has freed so far */
		w->inherits = false;
	}
}

/* How exactly the time is kept for which the dead are remembered. */
static uint64_t forget_every(const struct jitscope_session *s)
{
	uint64_t part = jitscope_keep_ns(s) / FORGET_PARTS;

	part = part < FORGET_AT_MOST ? FORGET_AT_MOST : part;
	return part < FORGET_EVERY ? part : FORGET_EVERY;
}

/* What has grown while it was used, or may be wrong by now. */
static void tidy(struct jitscope_session *s, uint64_t now)
{
	if (now < s->next_tidy_ns)
		return;
	s->next_tidy_ns = now + FORGET_EVERY;
	s->n_strangers = 0; /* their inodes may be other files by now */
	malloc_trim(0);	    /* the copies of whole maps: a session may last for months */
}

/* Seldom enough that it takes a small part of our time, however much there is. */
static void sweep(struct jitscope_session *s, uint64_t now)
{
	bool forget = s->options.system_wide && now >= s->next_forget_ns;

	if (forget)
		s->next_forget_ns = now + forget_every(s);
	if (forget || s->sweep_wanted) {
		s->sweep_wanted = false;
		jitscope_sweep(s, forget);
	}
	if (s->options.system_wide)
		tidy(s, now);
	jitscope_runs_check(s);
	s->next_sweep_ns = jitscope_now() + SWEEP_EVERY + 10 * (jitscope_now() - now);
}

/* At once, before anybody asks; but that takes a small part of our time as well. */
static void inherit(struct jitscope_session *s, uint64_t now)
{
	if (!s->n_heirs || now < s->next_inherit_ns)
		return;
	jitscope_inherit(s);
	s->next_inherit_ns = now + 10 * (jitscope_now() - now);
}

void jitscope_housekeeping(struct jitscope_session *s)
{
	uint64_t now = jitscope_now();

	for (size_t i = 0; i < s->n_watched; i++)
		if (s->watched[i].alive && s->watched[i].look_again_ns &&
		    now >= s->watched[i].look_again_ns)
			look_again(s, &s->watched[i], now);
	look_at_newcomers(s, now);
	inherit(s, now);
	jitscope_look_at_runs(s, now);
	jitscope_runs_ring(s);
	jitscope_ring_later(s);
	if (s->options.system_wide &&
	    s->n_ended > bpf_map__max_entries(s->bpf->maps.processes) / MANY_ENDED)
		jitscope_make_room(s);
	jitscope_tell_rest(s, false);
	if (s->options.system_wide && s->next_scan_ns && now >= s->next_scan_ns)
		jitscope_watch_all(s);
	if (now >= s->next_sweep_ns)
		sweep(s, now);
}

/* ---- Starting a command ---------------------------------------------------------------- */

/* The child: waits to be let go, then execs or reports why it could not. */
static void become(char *const argv[], char *const envp[], int go, int report)
{
	char byte;
	int err;

	if (read(go, &byte, 1) != 1)
		_exit(127); /* the observer is gone before the start */
	execvpe(argv[0], argv, envp);
	err = errno;
	if (write(report, &err, sizeof(err)) < 0)
		_exit(127);
	_exit(127);
}

/* The executable as the child will find it, to be attached before it runs. */
static void attach_command(struct jitscope_session *s, const char *name)
{
	const char *path = getenv("PATH");
	char file[4096];
	struct stat st;
	int fd;

	if (strchr(name, '/'))
		path = "";
	for (; path; path = *path ? path + 1 : NULL) {
		size_t n = strcspn(path, ":");

		snprintf(file, sizeof(file), "%.*s%s%s", (int)n, path, n ? "/" : "", name);
		path += n;
		if (access(file, X_OK))
			continue;
		fd = jitscope_open_regular(file, &st);
		if (fd < 0)
			continue;
		jitscope_attach_fd(s, fd, &st, file); /* most commands carry none */
		close(fd);
		return;
	}
}

int jitscope_spawn(jitscope_session *s, char *const argv[], char *const envp[], pid_t *pid)
{
	int go[2], report[2], err = 0;
	ssize_t n;

	if (pipe2(go, O_CLOEXEC))
		return jitscope_fail(-errno, "cannot make a pipe: %s", strerror(errno));
	if (pipe2(report, O_CLOEXEC)) {
		err = jitscope_fail(-errno, "cannot make a pipe: %s", strerror(errno));
		close(go[0]);
		close(go[1]);
		return err;
	}
	*pid = fork();
	if (!*pid) {
		close(go[1]);
		become(argv, envp ? envp : environ, go[0], report[1]);
	}
	close(go[0]);
	close(report[1]);
	if (*pid < 0) {
		err = jitscope_fail(-errno, "cannot fork: %s", strerror(errno));
		goto out;
	}
	if (s) {
		err = jitscope_mark_watched(s, *pid);
		if (!err) {
			attach_command(s, argv[0]);
			look_soon(jitscope_watched(s, *pid, true));
		}
	}
	if (!err && write(go[1], "", 1) != 1)
		err = -errno;
	close(go[1]);
	go[1] = -1;
	if (!err) {
		int why;

		while ((n = read(report[0], &why, sizeof(why))) < 0 && errno == EINTR)
			;
		if (n == sizeof(why))
			err = jitscope_fail(-why, "cannot run %s: %s", argv[0], strerror(why));
	}
	if (err)
		waitpid(*pid, NULL, 0);
out:
	if (go[1] >= 0)
		close(go[1]);
	close(report[0]);
	return err;
}
