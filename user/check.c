/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.c - what this machine allows.
 *
 * Everything is found out by trying, not from version numbers; the kernel
 * versions in the remedies only say where a feature came.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "internal.h"

struct checks {
	struct jitscope_check *list;
	size_t n, max;
};

static void add(struct checks *c, const char *id, enum jitscope_status status, const char *remedy,
		const char *what, ...) __attribute__((format(printf, 5, 6)));

static void add(struct checks *c, const char *id, enum jitscope_status status, const char *remedy,
		const char *what, ...)
{
	struct jitscope_check *check;
	va_list args;

	if (c->n == c->max)
		return;
	check = &c->list[c->n++];
	check->id = id;
	check->status = status;
	va_start(args, what);
	vsnprintf(check->what, sizeof(check->what), what, args);
	va_end(args);
	snprintf(check->remedy, sizeof(check->remedy), "%s", remedy);
}

static void check_kernel(struct checks *c)
{
	struct utsname u;

	uname(&u);
	add(c, "kernel", JITSCOPE_OK, "", "Linux %s, %s", u.release, u.machine);
}

static void check_btf(struct checks *c)
{
	if (!access("/sys/kernel/btf/vmlinux", R_OK))
		add(c, "btf", JITSCOPE_OK, "", "the kernel describes its types");
	else
		add(c, "btf", JITSCOPE_MISSING,
		    "boot a kernel with CONFIG_DEBUG_INFO_BTF; without it only the region is read",
		    "/sys/kernel/btf/vmlinux: %s", strerror(errno));
}

/* A map is the least that bpf() can make: does it let us? */
static bool check_bpf(struct checks *c)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "check", 0, 0, 4096, NULL);

	if (fd >= 0) {
		close(fd);
		add(c, "bpf", JITSCOPE_OK, "", "bpf() is allowed, ring buffers are there");
		return true;
	}
	if (fd == -EPERM)
		add(c, "bpf", JITSCOPE_MISSING,
		    "run as root (or with CAP_BPF and CAP_PERFMON) for live figures; your own "
		    "processes can be read without",
		    "bpf(): not permitted");
	else
		add(c, "bpf", JITSCOPE_MISSING, "needs Linux 5.8 or later", "bpf(): %s",
		    strerror(-fd));
	return false;
}

/* The programs of a real session are loaded, verified and thrown away. */
static void check_programs(struct checks *c)
{
	jitscope_session *s;

	if (!jitscope_in_first_pid_namespace())
		return; /* has a line of its own */
	if (jitscope_open(&s, NULL)) {
		add(c, "programs", JITSCOPE_MISSING, "needs Linux 5.15 or later", "%s",
		    jitscope_error());
		return;
	}
	jitscope_close(s);
	add(c, "programs", JITSCOPE_OK, "", "the BPF programs load and attach");
}

static void check_uprobes(struct checks *c)
{
	struct stat st;

	if (jitscope_attaches_at_once())
		add(c, "uprobe-multi", JITSCOPE_OK, "", "many probe sites attach at once");
	else if (!stat("/sys/bus/event_source/devices/uprobe", &st))
		add(c, "uprobe-multi", JITSCOPE_LIMITED,
		    "Linux 6.6 or later detaches in milliseconds",
		    "one by one: detaching takes about 0.1 s for each probe");
	else
		add(c, "uprobe-multi", JITSCOPE_MISSING, "boot a kernel with CONFIG_UPROBE_EVENTS",
		    "this kernel has no uprobes");
}

static void check_bpffs(struct checks *c)
{
	struct statfs fs;

	if (!statfs("/sys/fs/bpf", &fs) && (uint32_t)fs.f_type == 0xcafe4a11)
		add(c, "bpffs", JITSCOPE_OK, "", "/sys/fs/bpf is mounted: --pin works");
	else
		add(c, "bpffs", JITSCOPE_LIMITED,
		    "--pin mounts it as root, or: mount -t bpf bpf /sys/fs/bpf",
		    "/sys/fs/bpf is not mounted");
}

/* May we read the memory of our own processes, as seeding does? */
static void check_memory(struct checks *c)
{
	uint64_t word = 42, copy = 0;
	char value[16] = "";
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");

	if (jitscope_read_memory(getpid(), (uintptr_t)&word, &copy, sizeof(copy)) || copy != word) {
		add(c, "memory", JITSCOPE_MISSING,
		    "allow process_vm_readv() in this container (SYS_PTRACE)",
		    "process_vm_readv() is refused: loops compiled before attaching stay unseen");
	} else if (f && fgets(value, sizeof(value), f) && *value != '0' && geteuid()) {
		add(c, "memory", JITSCOPE_LIMITED,
		    "run as root, or start programs with `jitscope run`, or: sysctl "
		    "kernel.yama.ptrace_scope=0",
		    "Yama lets you read only processes that you started from here");
	} else {
		add(c, "memory", JITSCOPE_OK, "", "the memory of watched processes can be read");
	}
	if (f)
		fclose(f);
}

/* A map that a process can share, and a place where it can ask for it? */
static void check_runs(struct checks *c)
{
	static const char remedy[] = "until then each process counts in its own memory, where it "
				     "is asked to";
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	const char *dir = jitscope_runs_dir(NULL);
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "check", sizeof(uint32_t), sizeof(uint64_t),
				(uint32_t)(size / sizeof(uint64_t)), &opts);
	void *mapped =
		fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (mapped == MAP_FAILED)
		add(c, "runs", JITSCOPE_LIMITED, remedy,
		    "loop runs cannot be counted in kernel memory: no map to share: %s",
		    strerror(errno));
	else if (geteuid())
		add(c, "runs", JITSCOPE_LIMITED, remedy,
		    "loop runs cannot be counted in kernel memory: only root can listen in %s",
		    dir);
	else if (jitscope_check_runs_dir(dir) == -EPERM)
		add(c, "runs", JITSCOPE_LIMITED, remedy, "%s", jitscope_error());
	else if (jitscope_runs_dir_is_closed(dir))
		add(c, "runs", JITSCOPE_LIMITED, "chmod 755 it",
		    "loop runs of other users' processes cannot be counted in kernel memory: %s is "
		    "closed to them",
		    dir);
	else
		add(c, "runs", JITSCOPE_OK, "",
		    "loop runs can be counted in kernel memory (sockets in %s)", dir);
	if (mapped != MAP_FAILED)
		munmap(mapped, size);
	if (fd >= 0)
		close(fd);
}

static void check_namespace(struct checks *c)
{
	if (jitscope_in_first_pid_namespace())
		add(c, "pid-namespace", JITSCOPE_OK, "", "pids are those of the kernel");
	else
		add(c, "pid-namespace", JITSCOPE_MISSING,
		    "run jitscope on the host, or share its pid namespace; here the region is read",
		    "in a container: the kernel's pids are not those seen here");
}

size_t jitscope_checks(struct jitscope_check *out, size_t max)
{
	struct checks c = {.list = out, .max = max};

	check_kernel(&c);
	check_btf(&c);
	if (check_bpf(&c))
		check_programs(&c);
	check_uprobes(&c);
	check_bpffs(&c);
	check_memory(&c);
	check_runs(&c);
	check_namespace(&c);
	return c.n;
}
