/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs.c - the run-count maps of a session: made, found, read, let go.
 *
 * What a process can do with the map that it gets is write any numbers at any
 * time, in this map and no other. So the counts are copied word by word and
 * nothing here depends on their values. It cannot freeze, resize or delete
 * the map. It can keep it, or hand it on, after we have let it go; such maps are
 * ghosts (runs_memory.c, which also says how much a user may have).
 *
 * A map belongs to one instance (abi.h) of one process. A process that asks
 * again is given the same one, so that threads can follow one by one, unless
 * it wants a larger: that starts with a copy of the counts, and the process
 * brings them up to date as its threads change over. Another instance in the
 * same process, as after exec, gets a map of its own in place of the old one.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "jitscope.skel.h"
#include "runs.h"

#define MAX_RUNS 65536
#define MAX_BYTES (256ull << 20)
#define LONGER_NS (50 * 1000000000ull) /* one is kept that the maps of events know nothing of */
#define CHECKS 64		       /* processes that one look asks about */

/* ---- The list ------------------------------------------------------------------- */

static struct run_map *find(const struct jitscope_runs *r, pid_t pid)
{
	for (size_t i = 0; i < r->n_maps; i++)
		if (r->maps[i].pid == pid)
			return &r->maps[i];
	return NULL;
}

/* Makes room for one element more; the capacity is the next power of two. */
static void *grown(void *list, size_t n, size_t size)
{
	return n & (n - 1) ? list : reallocarray(list, n ? 2 * n : 1, size);
}

static bool has_room(struct jitscope_runs *r)
{
	struct run_map *maps = grown(r->maps, r->n_maps, sizeof(*maps));
	struct run_ghost *ghosts;
	uint32_t *gone;

	if (maps)
		r->maps = maps;
	/* What lets it go again must not fail. */
	ghosts = reallocarray(r->ghosts, r->n_ghosts + r->n_maps + 2, sizeof(*ghosts));
	if (ghosts)
		r->ghosts = ghosts;
	gone = reallocarray(r->gone, r->n_gone + r->n_maps + 2, sizeof(*gone));
	if (gone)
		r->gone = gone;
	return maps && ghosts && gone;
}

static uint32_t bytes_of(uint32_t slots)
{
	return slots * (uint32_t)sizeof(struct jit_run);
}

/* ---- One map -------------------------------------------------------------------- */

/* bpftool shows the counts by the names of struct jit_run. */
static int create(const struct jitscope_runs *r, uint32_t slots)
{
	struct bpf_object *obj = r->session->bpf->obj;
	const struct btf *btf = bpf_object__btf(obj);
	int key = btf__find_by_name_kind(btf, "unsigned int", BTF_KIND_INT);
	int value = btf__find_by_name_kind(btf, "jit_run", BTF_KIND_STRUCT);
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);

	if (key > 0 && value > 0) {
		opts.btf_fd = (uint32_t)bpf_object__btf_fd(obj);
		opts.btf_key_type_id = (uint32_t)key;
		opts.btf_value_type_id = (uint32_t)value;
	}
	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "loop_runs", sizeof(uint32_t),
			      sizeof(struct jit_run), slots, &opts);
}

static int make_map(const struct jitscope_runs *r, uint32_t slots, struct run_map *out)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int err;

	out->fd = create(r, slots);
	if (out->fd < 0)
		return out->fd;
	out->counts = mmap(NULL, bytes_of(slots), PROT_READ | PROT_WRITE, MAP_SHARED, out->fd, 0);
	err = out->counts == MAP_FAILED ? -errno : bpf_obj_get_info_by_fd(out->fd, &info, &size);
	if (err) {
		if (out->counts != MAP_FAILED)
			munmap(out->counts, bytes_of(slots));
		close(out->fd);
		return err;
	}
	out->id = info.id;
	out->slots = slots;
	return 0;
}

void jitscope_runs_add(struct jitscope_runs *r, const struct run_map *m)
{
	if (jitscope_runs_affordable(r, m->uid, m->slots) && has_room(r)) {
		r->maps[r->n_maps++] = *m;
		return;
	}
	munmap(m->counts, bytes_of(m->slots));
	close(m->fd);
}

/* Our part of it; the process may still hold it. */
static void let_go(struct jitscope_runs *r, struct run_map *m)
{
	munmap(m->counts, bytes_of(m->slots));
	if (m->fd >= 0)
		close(m->fd);
	jitscope_ghost_add(r, m);
}

static void forget(struct jitscope_runs *r, struct run_map *m)
{
	let_go(r, m);
	r->gone[r->n_gone++] = (uint32_t)m->pid;
	*m = r->maps[--r->n_maps];
	jitscope_publisher_wake(r);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Relaxed: the process goes on writing. */
static void copy_counts(uint64_t *to, const uint64_t *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

/* ---- Requests --------------------------------------------------------------------- */

static bool is_watched(const struct jitscope_runs *r, pid_t pid, uint64_t start_ticks)
{
	const struct jitscope_session *s = r->session;
	struct jitscope_process p;
	uint32_t key = (uint32_t)pid;

	if (s->options.system_wide)
		return true;
	return !bpf_map_lookup_elem(bpf_map__fd(s->bpf->maps.processes), &key, &p) && p.watched &&
	       p.start_ticks == start_ticks;
}

/* Whole pages, for what lies in the same page as the map is the map's. */
static uint32_t slots_for(const struct jitscope_runs *r, uint32_t wanted)
{
	uint32_t page = r->page_slots;

	if (wanted >= r->max_slots)
		return r->max_slots;
	return wanted ? (wanted + page - 1) / page * page : page;
}

/* Of the user's processes that have ended, the one that did so first; NULL: none. */
static struct run_map *first_ended(const struct jitscope_runs *r, uid_t uid)
{
	struct run_map *first = NULL;

	for (size_t i = 0; i < r->n_maps; i++) {
		struct run_map *m = &r->maps[i];

		if (m->uid == uid && m->ended_ns && (!first || m->ended_ns < first->ended_ns))
			first = m;
	}
	return first;
}

/*
 * Who has not much left forgets his dead before their time, rather than that his living
 * are refused. Two at each request are enough to stay ahead.
 */
static void make_way(struct jitscope_runs *r, uid_t uid)
{
	for (int i = 0; i < 2 && jitscope_runs_crowded(r, uid); i++) {
		struct run_map *m = first_ended(r, uid);

		if (!m)
			return;
		forget(r, m);
	}
}

/*
 * A new map in the place of `old`, the same process's, or at the end of the
 * list. NULL, and counted, if there can be none.
 */
static struct run_map *replace(struct jitscope_runs *r, struct run_map *old,
			       const struct run_map *like, uint32_t slots)
{
	struct run_map m = *like;
	size_t at = old ? (size_t)(old - r->maps) : r->n_maps;
	bool same = old && old->start_ticks == like->start_ticks && old->instance == like->instance;

	if (!jitscope_runs_affordable(r, like->uid, slots)) {
		r->stats.limited++;
		jitscope_refusal_add(r, &r->limited, like);
		return NULL;
	}
	if (!has_room(r) || make_map(r, slots, &m)) {
		r->stats.failed++;
		jitscope_refusal_add(r, &r->failed, like);
		return NULL;
	}
	if (at < r->n_maps) {
		old = &r->maps[at];
		if (same)
			copy_counts(m.counts, old->counts, smaller(m.slots, old->slots));
		let_go(r, old);
		r->stats.grown += same;
	} else {
		r->n_maps++;
	}
	r->maps[at] = m;
	jitscope_publisher_wake(r);
	make_way(r, m.uid);
	return find(r, m.pid);
}

/* The map that the process is to have, the one it has or a new one; NULL: none. */
static struct run_map *map_for(struct jitscope_runs *r, const struct run_map *like, uint32_t slots)
{
	struct run_map *m = find(r, like->pid), *larger;

	if (!m || m->start_ticks != like->start_ticks || m->instance != like->instance ||
	    m->ended_ns)
		return replace(r, m, like, slots);
	if (m->slots >= slots)
		return m;
	larger = replace(r, m, like, slots);
	return larger ? larger : find(r, like->pid);
}

void jitscope_runs_answer(struct jitscope_runs *r, const struct run_peer *peer,
			  const struct jit_runs_request *request, struct jit_runs_reply *reply,
			  int *fd)
{
	struct run_map like = {
		.pid = peer->pid,
		.uid = peer->uid,
		.start_ticks = peer->start_ticks,
		.instance = request->instance,
		.fd = -1,
	};
	struct run_map *m;

	*fd = -1;
	reply->session = r->id;
	reply->status = JIT_RUNS_REFUSED;
	reply->slots = 0;
	pthread_mutex_lock(&r->lock);
	if (!like.start_ticks || !like.instance || !is_watched(r, like.pid, like.start_ticks)) {
		r->stats.unwatched++;
		goto out;
	}
	m = map_for(r, &like, slots_for(r, request->slots));
	if (!m)
		goto out;
	reply->slots = m->slots;
	/* One that has just taken the place of another it cannot have yet. */
	if (request->session == r->id && m->delivered) {
		r->stats.kept++;
		reply->status = JIT_RUNS_KEEP;
		goto out;
	}
	*fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 0);
	if (*fd < 0) {
		r->stats.failed++;
		jitscope_refusal_add(r, &r->failed, m);
		reply->slots = 0;
		goto out;
	}
	r->stats.granted++;
	reply->status = JIT_RUNS_GRANTED;
out:
	pthread_mutex_unlock(&r->lock);
}

void jitscope_runs_delivered(struct jitscope_runs *r, const struct run_peer *peer, bool heard)
{
	struct run_map *m;

	pthread_mutex_lock(&r->lock);
	m = find(r, peer->pid);
	if (m) {
		m->delivered |= heard;
		m->missed = !heard;
		if (!heard)
			__atomic_store_n(&r->any_missed, true, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&r->lock);
}

uint64_t jitscope_runs_id(const struct jitscope_session *s)
{
	return s->runs ? s->runs->id : s->shared_runs;
}

/* Without a socket for maps as well: the wish is in the probe that is attached. */
bool jitscope_counts_runs(const struct jitscope_session *s)
{
	return *s->shared_dir ? s->shared_runs != 0 : s->options.count != JITSCOPE_COUNT_OFF;
}

unsigned jitscope_runs_number(const struct jitscope_session *s)
{
	return s->runs ? s->runs->number : 0;
}

/* ---- For the session's thread ------------------------------------------------------ */

/* A process that has to be told to ask again; 0: none. */
static pid_t take_missed(struct jitscope_runs *r)
{
	pid_t pid = 0;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->n_maps && !pid; i++)
		if (r->maps[i].missed && !r->maps[i].ended_ns) {
			r->maps[i].missed = false;
			pid = r->maps[i].pid;
		}
	__atomic_store_n(&r->any_missed, pid != 0, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&r->lock);
	return pid;
}

void jitscope_runs_ring(struct jitscope_session *s)
{
	struct jitscope_runs *r = s->runs;
	pid_t pid;

	if (!r || !__atomic_load_n(&r->any_missed, __ATOMIC_RELAXED))
		return;
	while ((pid = take_missed(r)))
		jitscope_attach_process(s, pid, true);
}

bool jitscope_runs_copy(struct jitscope_session *s, pid_t pid, uint64_t instance, uint64_t **counts,
			uint32_t *slots)
{
	struct jitscope_runs *r = s->runs;
	struct run_map *m;

	*counts = NULL;
	*slots = 0;
	if (*s->shared_dir)
		return jitscope_reader_runs(s, pid, counts, slots);
	if (!r)
		return false;
	pthread_mutex_lock(&r->lock);
	m = find(r, pid);
	if (m && m->instance == instance)
		*counts = malloc(bytes_of(m->slots));
	if (*counts) {
		copy_counts(*counts, m->counts, m->slots);
		*slots = m->slots;
	}
	pthread_mutex_unlock(&r->lock);
	return *counts != NULL;
}

int jitscope_run_counts(jitscope_session *s, pid_t pid, uint64_t **counts, size_t *n)
{
	struct jitscope_process p;
	uint32_t key = (uint32_t)pid, slots;

	*n = 0;
	if (bpf_map__lookup_elem(s->bpf->maps.processes, &key, sizeof(key), &p, sizeof(p), 0) ||
	    !jitscope_runs_copy(s, pid, p.instance, counts, &slots))
		return jitscope_fail(-ENOENT, "process %d has no run-count map of this session",
				     pid);
	*n = slots;
	return 0;
}

int jitscope_run_stats(jitscope_session *s, struct jitscope_run_stats *out)
{
	struct jitscope_runs *r = s->runs;

	memset(out, 0, sizeof(*out));
	if (!r)
		return 0;
	pthread_mutex_lock(&r->lock);
	*out = r->stats;
	out->maps = r->n_maps;
	out->bytes = jitscope_runs_bytes(r);
	pthread_mutex_unlock(&r->lock);
	return 0;
}

static void has_ended(struct run_map *m)
{
	if (!m->ended_ns)
		m->ended_ns = jitscope_now();
	if (m->published && m->fd >= 0) {
		close(m->fd);
		m->fd = -1;
	}
}

static bool is_there(const struct run_map *m)
{
	return !jitscope_has_ended(m->pid, m->start_ticks) && jitscope_alive(m->pid);
}

/* The process's map, with the lock held; NULL, without it: there is none. */
static struct run_map *lock_map(struct jitscope_runs *r, pid_t pid)
{
	struct run_map *m;

	if (!r)
		return NULL;
	pthread_mutex_lock(&r->lock);
	m = find(r, pid);
	if (!m)
		pthread_mutex_unlock(&r->lock);
	return m;
}

void jitscope_runs_ended(struct jitscope_session *s, pid_t pid)
{
	struct run_map *m = lock_map(s->runs, pid);

	if (!m)
		return;
	if (!is_there(m)) /* else the pid is another process's by now */
		has_ended(m);
	pthread_mutex_unlock(&s->runs->lock);
}

void jitscope_runs_forget(struct jitscope_session *s, pid_t pid)
{
	struct run_map *m = lock_map(s->runs, pid);

	if (!m)
		return;
	if (m->ended_ns || !is_there(m))
		forget(s->runs, m);
	pthread_mutex_unlock(&s->runs->lock);
}

/* The maps of events are about a later program of the process. */
static bool is_outdated(const struct jitscope_session *s, const struct run_map *m)
{
	struct jitscope_process p;
	uint32_t pid = (uint32_t)m->pid;

	return !bpf_map__lookup_elem(s->bpf->maps.processes, &pid, sizeof(pid), &p, sizeof(p), 0) &&
	       p.instance > m->instance;
}

/* It may have ended since we looked at the clock. */
static bool is_long_ended(const struct jitscope_session *s, const struct run_map *m, uint64_t now)
{
	return s->options.system_wide && m->ended_ns &&
	       now > m->ended_ns + jitscope_keep_ns(s) + LONGER_NS;
}

/*
 * An event of a process's end may be lost, or come before the request that it
 * left behind. A few processes each time, so that no call takes long.
 */
void jitscope_runs_check(struct jitscope_session *s)
{
	struct jitscope_runs *r = s->runs;
	uint64_t now = jitscope_now();

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < CHECKS && i < r->n_maps; i++) {
		struct run_map *m = &r->maps[r->next_check++ % r->n_maps];

		if (m->ended_ns ? m->fd >= 0 : !is_there(m))
			has_ended(m);
		if (is_outdated(s, m) || is_long_ended(s, m, now))
			forget(r, m);
	}
	pthread_mutex_unlock(&r->lock);
	jitscope_refusals_tell(r);
}

/* ---- Start and end ------------------------------------------------------------------- */

const char *jitscope_runs_dir(const struct jitscope_options *o)
{
	const char *dir = secure_getenv("JITSCOPE_RUNS_DIR");

	if (o && o->runs_dir)
		return o->runs_dir;
	return dir && *dir ? dir : JIT_RUNS_DIR;
}

/* What goes wrong here does not keep the session from all else. */
static int start(struct jitscope_runs *r)
{
	const struct jitscope_options *o = &r->session->options;
	int err;

	r->page_slots = (uint32_t)((size_t)sysconf(_SC_PAGESIZE) / sizeof(struct jit_run));
	r->max_slots = o->max_runs ? o->max_runs : MAX_RUNS;
	r->max_slots = (r->max_slots + r->page_slots - 1) / r->page_slots * r->page_slots;
	r->max_slots += r->page_slots; /* the first has no loop's count but the overflow's */
	r->max_bytes = o->max_runs_bytes ? o->max_runs_bytes : MAX_BYTES;
	if (getrandom(&r->id, sizeof(r->id), 0) != sizeof(r->id))
		return jitscope_fail(-errno, "no random numbers: %s", strerror(errno));
	r->id |= !r->id;
	jitscope_runs_memory_open(r);
	jitscope_adopt_runs(r->session, r);
	err = jitscope_publisher_start(r);
	if (!err) {
		err = jitscope_server_start(r, jitscope_runs_dir(o));
		if (err)
			jitscope_publisher_stop(r);
	}
	return err;
}

static void free_all(struct jitscope_runs *r)
{
	for (size_t i = 0; i < r->n_maps; i++) {
		munmap(r->maps[i].counts, bytes_of(r->maps[i].slots));
		if (r->maps[i].fd >= 0)
			close(r->maps[i].fd);
	}
	jitscope_runs_memory_close(r);
	free(r->maps);
	free(r->gone);
	free(r);
}

int jitscope_runs_open(struct jitscope_session *s)
{
	struct jitscope_runs *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->session = s;
	pthread_mutex_init(&r->lock, NULL);
	err = start(r);
	if (err) {
		free_all(r);
		return err;
	}
	s->runs = r;
	return 0;
}

void jitscope_runs_refuse(struct jitscope_session *s)
{
	if (s->runs)
		jitscope_server_stop(s->runs);
}

void jitscope_runs_close(struct jitscope_session *s)
{
	struct jitscope_runs *r = s->runs;

	if (!r)
		return;
	jitscope_server_stop(r);
	jitscope_publisher_stop(r);
	free_all(r);
	s->runs = NULL;
}
