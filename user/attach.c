/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach.c - from the notes of a file to attached BPF programs.
 *
 * libbpf could attach to USDT by itself; what speaks for doing it here is
 *  - uprobe_multi (kernel 6.6) without libbpf 1.3: detaching a site of the
 *    perf kind takes 0.13 s, all sites of a multi link together a few ms;
 *  - one parser of notes, ours, which is fuzzed;
 *  - argument places in the cookie instead of a map of specs, so a handler
 *    fetches one register instead of walking a table.
 *
 * A file is attached by inode: running and later processes that map it hit
 * the probes, and the BPF program tells whose hits count. The path handed to
 * the kernel is /proc/self/fd/N, so it means what we opened and nothing else.
 *
 * Who gives processes maps to count in has a bell as well, which tells them of it
 * where another observer is attached already; abi.h says how.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"
#include "jitscope.skel.h"

/* Within half of that who is rung looks at its semaphore, if it looks at all. */
#define RING_NS 200000000u

/* BPF_LINK_CREATE with the part of uprobe_multi, as in <linux/bpf.h> of 6.6. */
struct multi_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, pad;
};

static int link_create(const struct multi_attr *attr)
{
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, attr, offsetof(struct multi_attr, pad));

	return fd < 0 ? -errno : (int)fd;
}

/*
 * The kernel looks at the path before anything else of a multi link: a path
 * that is no regular file gives EBADF where there is uprobe_multi, and EINVAL
 * where there is not.
 */
bool jitscope_attaches_at_once(void)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = JITSCOPE_UPROBE_MULTI);
	uint64_t offset = 0;
	struct multi_attr attr = {
		.attach_type = JITSCOPE_UPROBE_MULTI,
		.path = (uintptr_t) "/",
		.offsets = (uintptr_t)&offset,
		.count = 1,
	};
	int fd, link;

	if (secure_getenv("JITSCOPE_NO_UPROBE_MULTI"))
		return false; /* for trying the other way on a new kernel */
	fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "probe_multi", "GPL", insns, 2, &opts);
	if (fd < 0)
		return false;
	attr.prog_fd = (uint32_t)fd;
	link = link_create(&attr);
	close(fd);
	if (link >= 0)
		close(link);
	return link == -EBADF;
}

static struct bpf_program *program(struct jitscope_session *s, uint32_t probe)
{
	return probe == JIT_PROBE_LOOP_RUN ? s->bpf->progs.jit_loop__run : s->bpf->progs.jit_event;
}

#define OWN_BELLS (JIT_BELLS / 2) /* of so many sessions; the other half are second ones */

/* The session's bell in a file; NULL: it has none. */
static const struct note_site *bell(const struct jitscope_session *s, const struct notes *notes)
{
	unsigned number = jitscope_runs_number(s) % OWN_BELLS;

	return s->runs && number < notes->n_bells ? &notes->bells[number] : NULL;
}

static struct note_site second_bell(const struct jitscope_session *s, const struct notes *notes)
{
	unsigned number = jitscope_runs_number(s) % OWN_BELLS + OWN_BELLS;

	return s->runs && number < notes->n_bells ? notes->bells[number]
						  : (struct note_site){.offset = 0};
}

/* The sites of the notes, and the bell after them. */
static const struct note_site *site_at(const struct jitscope_session *s, const struct notes *notes,
				       size_t i)
{
	return i < notes->n_sites ? &notes->sites[i] : bell(s, notes);
}

/* What the handler is told of its site, and of the file it is in. */
static uint64_t cookie_of(const struct note_site *site, const struct attached_file *f)
{
	if (site->probe == JIT_PROBE_LOOP_RUN)
		return site->cookie;
	return (uint64_t)jitscope_file_id(f->dev, f->ino) << 32 | (uint32_t)site->cookie;
}

/* What the session has no use for is not attached, and costs nothing. */
static bool wanted(struct jitscope_session *s, const struct note_site *site)
{
	if (!site || !site->usable)
		return false;
	switch (site->probe) {
	case JIT_PROBE_TRACE_START:
	case JIT_PROBE_OPTIMIZE:
		return s->options.stream & 1u << site->probe;
	case JIT_PROBE_LOOP_RUN:
		return s->options.count == JITSCOPE_COUNT_PROBE;
	case JIT_PROBE_RUNS:
		return s->options.count == JITSCOPE_COUNT_MEMORY;
	}
	return true;
}

/* All wanted sites of one program in one link; -ENOENT if there are none. */
static int attach_multi(struct jitscope_session *s, const char *path, const struct notes *notes,
			const struct attached_file *f, struct bpf_program *prog)
{
	size_t n = notes->n_sites + 1;
	uint64_t *offsets = calloc(3 * n, sizeof(*offsets));
	uint64_t *semaphores = offsets + n, *cookies = semaphores + n;
	struct multi_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(prog),
		.attach_type = JITSCOPE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.ref_ctr_offsets = (uintptr_t)semaphores,
		.cookies = (uintptr_t)cookies,
	};
	int fd;

	if (!offsets)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct note_site *site = site_at(s, notes, i);

		if (!wanted(s, site) || program(s, site->probe) != prog)
			continue;
		offsets[attr.count] = site->offset;
		semaphores[attr.count] = site->semaphore;
		cookies[attr.count++] = cookie_of(site, f);
	}
	fd = attr.count ? link_create(&attr) : -ENOENT;
	free(offsets);
	return fd;
}

static int attach_perf(struct jitscope_session *s, const char *path, const struct note_site *site,
		       const struct attached_file *f, struct bpf_link **link)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .ref_ctr_offset = site->semaphore,
		    .bpf_cookie = cookie_of(site, f));

	*link = bpf_program__attach_uprobe_opts(program(s, site->probe), -1, path, site->offset,
						&opts);
	return *link ? 0 : -errno;
}

/* ---- The second bell ------------------------------------------------------------------ */

static int ring_multi(struct jitscope_session *s, const char *path, const struct note_site *site)
{
	const struct multi_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(program(s, site->probe)),
		.attach_type = JITSCOPE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)&site->offset,
		.ref_ctr_offsets = (uintptr_t)&site->semaphore,
		.cookies = (uintptr_t)&site->cookie,
		.count = 1,
	};

	return link_create(&attr);
}

static bool stop_ringing(struct attached_file *f)
{
	bool rang = f->ring >= 0 || f->perf_ring;

	if (f->ring >= 0)
		close(f->ring);
	bpf_link__destroy(f->perf_ring);
	f->ring = -1;
	f->perf_ring = NULL;
	return rang;
}

/*
 * Processes hear a change, not a state: it stays as it is until the next time. That is
 * not before they have looked, or two changes would be none.
 */
static void ring(struct jitscope_session *s, struct attached_file *f, int fd)
{
	uint64_t now = jitscope_now();
	char path[64];

	if (!f->second_bell.offset)
		return;
	if (now - f->rang_ns < RING_NS) {
		if (f->ring_later < 0)
			f->ring_later = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		return;
	}
	f->rang_ns = now;
	if (stop_ringing(f))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (s->multi)
		f->ring = ring_multi(s, path, &f->second_bell);
	else
		attach_perf(s, path, &f->second_bell, f, (struct bpf_link **)&f->perf_ring);
}

void jitscope_ring_later(struct jitscope_session *s)
{
	uint64_t now = jitscope_now();

	for (size_t i = 0; i < s->n_files; i++) {
		struct attached_file *f = &s->files[i];

		if (f->ring_later < 0 || now - f->rang_ns < RING_NS)
			continue;
		ring(s, f, f->ring_later);
		close(f->ring_later);
		f->ring_later = -1;
	}
}

/* ---- Files ------------------------------------------------------------------------------ */

static void detach_file(struct attached_file *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->links && f->links[i] >= 0)
			close(f->links[i]);
		if (f->perf && f->perf[i])
			bpf_link__destroy(f->perf[i]);
	}
	stop_ringing(f);
	if (f->ring_later >= 0)
		close(f->ring_later);
	free(f->links);
	free(f->perf);
}

void jitscope_detach_all(struct jitscope_session *s)
{
	for (size_t i = 0; i < s->n_files; i++)
		detach_file(&s->files[i]);
	free(s->files);
	free(s->strangers);
	s->files = NULL;
	s->strangers = NULL;
	s->n_files = s->n_strangers = 0;
}

static int attach_multis(struct jitscope_session *s, const char *path, const struct notes *notes,
			 struct attached_file *f)
{
	struct bpf_program *const programs[] = {s->bpf->progs.jit_event,
						s->bpf->progs.jit_loop__run};

	f->links = calloc(2, sizeof(*f->links));
	if (!f->links)
		return -ENOMEM;
	for (size_t i = 0; i < 2; i++) {
		int fd = attach_multi(s, path, notes, f, programs[i]);

		if (fd >= 0)
			f->links[f->n++] = fd;
		else if (fd != -ENOENT)
			return fd;
	}
	return 0;
}

static int attach_perfs(struct jitscope_session *s, const char *path, const struct notes *notes,
			struct attached_file *f)
{
	f->perf = calloc(notes->n_sites + 1, sizeof(*f->perf));
	if (!f->perf)
		return -ENOMEM;
	for (size_t i = 0; i <= notes->n_sites; i++) {
		const struct note_site *site = site_at(s, notes, i);
		int err;

		if (!wanted(s, site))
			continue;
		err = attach_perf(s, path, site, f, (struct bpf_link **)&f->perf[f->n]);
		if (err)
			return err;
		f->n++;
	}
	return 0;
}

static void warn_of_sites(struct jitscope_session *s, const char *path, const struct notes *notes)
{
	bool unusable = false, nop = false;

	for (size_t i = 0; i < notes->n_sites; i++) {
		unusable |= !notes->sites[i].usable;
		nop |= notes->sites[i].five_byte_nop;
	}
	if (unusable)
		jitscope_tell(s, JITSCOPE_TELL_FILE,
			      "%s: some probes pass their arguments in memory and are left out; "
			      "build them with STAP_SDT_ARG_CONSTRAINT nr",
			      path);
	if (nop)
		jitscope_tell(s, JITSCOPE_TELL_FILE,
			      "%s: has probes on a five-byte nop, which Linux 6.18 and later may "
			      "corrupt while attached; build them with <sys/sdt.h>",
			      path);
}

static struct attached_file *find_attached(const struct jitscope_session *s, const struct stat *st)
{
	for (size_t i = 0; i < s->n_files; i++)
		if (s->files[i].ino == st->st_ino && s->files[i].dev == st->st_dev)
			return &s->files[i];
	return NULL;
}

/* Returns 1 if the file is attached already, 0 if it is now, or -errno. */
int jitscope_attach_fd(struct jitscope_session *s, int fd, const struct stat *st, const char *path)
{
	struct attached_file *files,
		f = {.dev = st->st_dev, .ino = st->st_ino, .ring = -1, .ring_later = -1};
	struct notes notes;
	char name[64];
	int err;

	if (find_attached(s, st))
		return 1;
	err = jitscope_read_notes(fd, &notes);
	if (err)
		return jitscope_fail(err, "%s %s", path,
				     err == -ENOENT ? "carries no probe of provider jit"
						    : "is no 64-bit ELF file of this machine, or "
						      "is damaged");
	warn_of_sites(s, path, &notes);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	files = reallocarray(s->files, s->n_files + 1, sizeof(*files));
	err = files ? 0 : -ENOMEM;
	if (files)
		s->files = files;
	if (!err)
		err = s->multi ? attach_multis(s, name, &notes, &f)
			       : attach_perfs(s, name, &notes, &f);
	f.second_bell = second_bell(s, &notes);
	jitscope_free_notes(&notes);
	if (err) {
		detach_file(&f);
		return jitscope_fail(err, "cannot attach to the probes of %s: %s", path,
				     strerror(-err));
	}
	s->files[s->n_files++] = f;
	s->attached_ns = jitscope_clock(CLOCK_BOOTTIME);
	return 0;
}

int jitscope_watch_file(struct jitscope_session *s, const char *path)
{
	struct stat st;
	int fd = jitscope_open_regular(path, &st), err;

	if (fd < 0)
		return jitscope_fail(fd, "cannot read %s: %s", path,
				     fd == -ENOEXEC ? "not a regular file" : strerror(-fd));
	if (*s->shared_dir) {
		close(fd);
		return jitscope_reader_keep_to(s, &st, path);
	}
	err = jitscope_attach_fd(s, fd, &st, path);
	close(fd);
	return err < 0 ? err : 0;
}

/* ---- What a process maps --------------------------------------------------------------- */

struct attach_process {
	struct jitscope_session *s;
	pid_t pid;
	int found; /* files with the provider */
	int added; /* of those, attached just now */
	int err;   /* what kept one from being attached */
	bool ring; /* it may have heard of the others before it was watched */
};

static bool is_stranger(const struct jitscope_session *s, const struct mapping *m)
{
	for (size_t i = 0; i < s->n_strangers; i++)
		if (s->strangers[i].ino == m->ino && s->strangers[i].dev == m->dev)
			return true;
	return false;
}

static void add_stranger(struct jitscope_session *s, const struct mapping *m)
{
	void *bigger = s->strangers;

	if (!(s->n_strangers & (s->n_strangers - 1)))
		bigger = reallocarray(s->strangers, s->n_strangers ? 2 * s->n_strangers : 1,
				      sizeof(*s->strangers));
	if (!bigger)
		return; /* then it is read again next time */
	s->strangers = bigger;
	s->strangers[s->n_strangers].dev = m->dev;
	s->strangers[s->n_strangers++].ino = m->ino;
}

static int on_mapping(void *ctx, const struct mapping *m)
{
	struct attach_process *a = ctx;
	struct stat st;
	int fd, err;

	if (is_stranger(a->s, m))
		return 0;
	fd = jitscope_open_mapping(a->pid, m);
	if (fd < 0)
		return 0;
	err = fstat(fd, &st) ? -errno : jitscope_attach_fd(a->s, fd, &st, m->path);
	if (err == 1 && a->ring)
		ring(a->s, find_attached(a->s, &st), fd);
	close(fd);
	if (err == -ENOENT || err == -ENOEXEC) {
		add_stranger(a->s, m);
	} else if (err < 0) {
		a->err = err;
	} else {
		a->found++;
		a->added += !err;
	}
	return 0;
}

int jitscope_attach_process(struct jitscope_session *s, pid_t pid, bool ring)
{
	struct attach_process a = {.s = s, .pid = pid, .ring = ring};
	int err = jitscope_each_mapping(pid, on_mapping, &a);

	if (err == -ESRCH)
		return jitscope_fail(err, "no process %d", pid);
	if (err)
		return jitscope_fail(err, "cannot look at process %d: %s", pid, strerror(-err));
	if (!a.found && a.err)
		return a.err;
	return a.found;
}
