/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * region.c - reading the region (abi.h) of a process that may lie.
 *
 * Invariants: no size, count or offset from the region is used before it was
 * held against a limit of ours; what is read is copied, and the copy is what
 * gets checked; a row whose `begin` and `end` differ was being written, is
 * read again, and after some tries counted as lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"

#define MAX_ROWS (2u << 20)
#define MAX_REACH (1ull << 40) /* bytes from the start of a region to a row */
#define CHUNK (1u << 20)
#define TRIES 4
#define MAX_TRIES 100000 /* of one region: it may be torn everywhere, on purpose */

/* ---- Where it is ----------------------------------------------------------------- */

int jitscope_read_memory(pid_t pid, uint64_t addr, void *buf, size_t size)
{
	struct iovec to = {buf, size};
	struct iovec from = {(void *)(uintptr_t)addr, size};
	ssize_t n;

	if (addr + size < addr)
		return -EFAULT;
	n = process_vm_readv(pid, &to, 1, &from, 1, 0);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EFAULT;
}

struct anchor_search {
	pid_t pid;
	uint64_t region;
	uint32_t file; /* that it belongs to */
	bool provider; /* some file has the note */
	int err;
};

/*
 * The mapping holds the code segment, which was linked to text_addr and is
 * mapped from text_offset: the difference is where the file was loaded.
 */
static int on_mapping(void *ctx, const struct mapping *m)
{
	struct anchor_search *s = ctx;
	struct jit_anchor anchor;
	struct notes notes;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), bias;
	int fd = jitscope_open_mapping(s->pid, m), err;

	if (fd < 0)
		return 0;
	err = jitscope_read_notes(fd, &notes);
	close(fd);
	if (err)
		return 0;
	if (!notes.has_anchor || m->offset != (notes.text_offset & ~(page - 1))) {
		jitscope_free_notes(&notes);
		return 0;
	}
	s->provider = true;
	bias = m->start - (notes.text_addr & ~(page - 1));
	err = jitscope_read_memory(s->pid, notes.anchor + bias, &anchor, sizeof(anchor));
	jitscope_free_notes(&notes);
	if (err) {
		s->err = err;
	} else if (anchor.magic != JIT_ABI_MAGIC || anchor.version != JIT_ABI_VERSION ||
		   anchor.size != sizeof(anchor)) {
		s->err = -EPROTO;
	} else if (anchor.region) {
		s->region = anchor.region;
		s->file = jitscope_file_id(m->dev, m->ino);
		return 1;
	}
	return 0;
}

int jitscope_find_region(pid_t pid, uint64_t *address, uint32_t *file)
{
	struct anchor_search s = {.pid = pid};
	int err = jitscope_check_pid(pid);

	if (err)
		return err;
	err = jitscope_each_mapping(pid, on_mapping, &s);
	if (err == -ESRCH || !jitscope_alive(pid))
		return jitscope_fail(-ESRCH, "no process %d", pid);
	if (err < 0 || s.err == -EPERM)
		return jitscope_fail(-EPERM,
				     "cannot look into process %d: it belongs to another user or "
				     "is protected; run as root",
				     pid);
	if (s.region) {
		*address = s.region;
		*file = s.file;
		return 0;
	}
	if (s.err)
		return jitscope_fail(s.err,
				     "process %d carries the provider, but its region makes no "
				     "sense (another version of libjithooks?)",
				     pid);
	if (s.provider)
		return jitscope_fail(-ENODATA,
				     "process %d carries the provider, but has made no VM yet",
				     pid);
	return jitscope_fail(-ENOENT,
			     "process %d does not carry the provider `jit`; start it with "
			     "`jitscope run --`, or see `jitscope list`",
			     pid);
}

/* ---- What it says ------------------------------------------------------------------ */

static int read_at(const struct region_source *source, uint64_t offset, void *buf, size_t size)
{
	return source->read(source->ctx, source->base + offset, buf, size);
}

/* Can this area be what it says, with rows of this size? */
bool jitscope_area_is_sane(const struct jit_area *area, size_t row)
{
	if (!area->used)
		return true;
	return area->entry_size == row && area->capacity <= MAX_ROWS &&
	       area->used <= area->capacity && area->offset >= sizeof(struct jit_region) &&
	       area->offset <= MAX_REACH;
}

/* Is `begin` of the row, its first word, equal to `end`, its last? */
static bool whole(const char *row, size_t size)
{
	return !memcmp(row, row + size - sizeof(uint64_t), sizeof(uint64_t));
}

struct parse {
	const struct region_source *source;
	struct jitscope_snapshot *snapshot;
	const struct jit_region *region;
	uint64_t *runs;
	unsigned tries;
};

static bool read_again(struct parse *p, uint64_t offset, char *row, size_t size)
{
	for (int i = 0; i < TRIES && p->tries < MAX_TRIES; i++, p->tries++)
		if (!read_at(p->source, offset, row, size) && whole(row, size))
			return true;
	return false;
}

static void take_loop(struct parse *p, const char *data)
{
	struct jit_loop_row row;
	struct jitscope_loop *to = &p->snapshot->loops[p->snapshot->n_loops];

	memcpy(&row, data, sizeof(row));
	if (!row.no)
		return;
	if (row.loop.type >= JIT_NTYPES) {
		p->snapshot->lost++;
		return;
	}
	to->no = row.no;
	to->loop = row.loop;
	to->loop.instance = p->region->instance;
	to->loop.greenkey[JIT_GREENKEY_LEN - 1] = '\0';
	to->loop.runs = jitscope_runs_of(&row.loop, p->runs, p->region->runs.used);
	p->snapshot->n_loops++;
}

static void take_abort(struct parse *p, const char *data)
{
	struct jit_abort *to = &p->snapshot->aborts[p->snapshot->n_aborts];
	struct jit_abort_row row;

	memcpy(&row, data, sizeof(row));
	if (!row.abort.count)
		return;
	*to = row.abort;
	to->instance = p->region->instance;
	to->greenkey[JIT_GREENKEY_LEN - 1] = '\0';
	to->reason[JIT_REASON_LEN - 1] = '\0';
	p->snapshot->n_aborts++;
}

/* Gives each whole row of an area to f. */
static int each_row(struct parse *p, const struct jit_area *area, size_t size,
		    void (*f)(struct parse *p, const char *row))
{
	size_t per_chunk = CHUNK / size;
	char *buf = malloc(per_chunk * size);
	int err = buf ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i < area->used;) {
		uint64_t offset = area->offset + (uint64_t)i * size;
		uint32_t n = area->used - i < per_chunk ? area->used - i : (uint32_t)per_chunk;

		err = read_at(p->source, offset, buf, n * size);
		for (uint32_t j = 0; !err && j < n; j++) {
			char *row = buf + j * size;

			if (whole(row, size) || read_again(p, offset + j * size, row, size))
				f(p, row);
			else
				p->snapshot->lost++;
		}
		i += n;
	}
	free(buf);
	return err;
}

static int read_tables(struct parse *p)
{
	const struct jit_region *r = p->region;
	struct jitscope_snapshot *s = p->snapshot;
	int err = 0;

	if (!jitscope_area_is_sane(&r->loops, sizeof(struct jit_loop_row)) ||
	    !jitscope_area_is_sane(&r->aborts, sizeof(struct jit_abort_row)) ||
	    !jitscope_area_is_sane(&r->runs, sizeof(uint64_t)))
		return -EPROTO;
	s->loops = calloc(r->loops.used + 1, sizeof(*s->loops));
	s->aborts = calloc(r->aborts.used + 1, sizeof(*s->aborts));
	p->runs = calloc(r->runs.used + 1, sizeof(*p->runs));
	if (!s->loops || !s->aborts || !p->runs)
		return -ENOMEM;
	if (r->runs.used)
		err = read_at(p->source, r->runs.offset, p->runs, r->runs.used * sizeof(*p->runs));
	if (!err)
		err = each_row(p, &r->loops, sizeof(struct jit_loop_row), take_loop);
	if (!err)
		err = each_row(p, &r->aborts, sizeof(struct jit_abort_row), take_abort);
	return err;
}

/* Its own word for where it counts; what lies in a map it reads as its memory too. */
enum jitscope_run_source jitscope_region_run_source(const struct jit_region *r)
{
	if (!r->counting)
		return JITSCOPE_RUNS_NONE;
	return r->runs_mapped ? JITSCOPE_RUNS_KERNEL : JITSCOPE_RUNS_REGION;
}

static int take_flush(struct jitscope_snapshot *s, const struct jit_event *e)
{
	if (!e->flush.vm)
		return 0;
	s->flushes = malloc(sizeof(*s->flushes));
	if (!s->flushes)
		return -ENOMEM;
	s->flushes[0] = e->flush;
	s->flushes[0].instance = e->instance;
	s->flushes[0].cause[JIT_REASON_LEN - 1] = '\0';
	s->n_flushes = 1;
	return 0;
}

int jitscope_parse_region(const struct region_source *source, struct jitscope_snapshot **out)
{
	struct jit_region region;
	struct parse p = {.source = source, .region = &region};
	struct jitscope_snapshot *s;
	int err = read_at(source, 0, &region, sizeof(region));

	*out = NULL;
	if (err)
		return err;
	if (region.magic != JIT_ABI_MAGIC || region.version != JIT_ABI_VERSION ||
	    region.size != sizeof(region) || !region.instance)
		return -EPROTO;
	s = p.snapshot = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->source = JITSCOPE_REGION;
	s->complete = true;
	s->instance = region.instance;
	s->start_ns = region.start_ns;
	s->inherited = region.inherited != 0;
	s->run_source = jitscope_region_run_source(&region);
	s->counting = region.counting;
	s->runs_session = region.runs_session;
	s->runs_since_ns = region.event.runs_since_ns;
	s->runs_missed = region.event.runs_missed;
	s->taken_ns = jitscope_now();
	s->pid = (pid_t)region.pid;
	s->info.counters = region.event.totals.counters;
	s->info.counter_times = region.event.totals.times;
	memcpy(s->comm, region.comm, sizeof(s->comm) - 1);
	memcpy(s->jitdriver, region.event.jitdriver, sizeof(s->jitdriver) - 1);
	err = take_flush(s, &region.event);
	if (!err)
		err = read_tables(&p);
	if (!err && region.runs.used)
		s->info.overflow_runs = p.runs[JIT_RUNS_OVERFLOW];
	free(p.runs);
	if (!err)
		err = jitscope_finish_snapshot(s);
	if (s->lost)
		s->complete = false;
	if (err) {
		jitscope_snapshot_free(s);
		return err;
	}
	*out = s;
	return 0;
}

/* ---- A process, or a file ------------------------------------------------------------ */

static int read_process(void *ctx, uint64_t addr, void *buf, size_t size)
{
	return jitscope_read_memory(*(pid_t *)ctx, addr, buf, size);
}

int jitscope_region_snapshot(pid_t pid, struct jitscope_snapshot **out)
{
	struct region_source source = {.read = read_process, .ctx = &pid};
	uint32_t file;
	int err = jitscope_find_region(pid, &source.base, &file);

	*out = NULL;
	if (err)
		return err;
	err = jitscope_parse_region(&source, out);
	if (err == -ESRCH)
		return jitscope_fail(err, "process %d ended while it was read", pid);
	if (err)
		return jitscope_fail(err, "the region of process %d makes no sense: %s", pid,
				     strerror(-err));
	(*out)->pid = pid;
	(*out)->alive = true;
	jitscope_comm(pid, (*out)->comm);
	return 0;
}

static int read_file(void *ctx, uint64_t offset, void *buf, size_t size)
{
	int fd = *(int *)ctx;
	ssize_t n = pread(fd, buf, size, (off_t)offset);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EFAULT;
}

int jitscope_region_file_snapshot(const char *path, struct jitscope_snapshot **out)
{
	struct stat st;
	int fd = jitscope_open_regular(path, &st), err;
	struct region_source source = {.read = read_file, .ctx = &fd};

	*out = NULL;
	if (fd < 0)
		return jitscope_fail(fd, "cannot read %s: %s", path, strerror(-fd));
	err = jitscope_parse_region(&source, out);
	close(fd);
	if (err)
		return jitscope_fail(err, "%s is no region: %s", path, strerror(-err));
	(*out)->alive = jitscope_alive((*out)->pid);
	return 0;
}
