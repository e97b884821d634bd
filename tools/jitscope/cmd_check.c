/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_check.c - `jitscope check`: what this machine allows, with remedies. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters.h"
#include "commands.h"
#include "json.h"
#include "output.h"
#include "text.h"

#define MAX_CHECKS 48

struct line {
	const char *id;
	enum jitscope_status status;
	char what[512]; /* a long path is cut */
	char remedy[200];
};

struct lines {
	struct line list[MAX_CHECKS];
	size_t n;
};

static const char *const status_names[] = {
	[JITSCOPE_OK] = "ok",
	[JITSCOPE_LIMITED] = "limited",
	[JITSCOPE_MISSING] = "missing",
};

__attribute__((format(printf, 5, 6))) static void add(struct lines *l, const char *id,
						      enum jitscope_status status,
						      const char *remedy, const char *format, ...)
{
	struct line *line = &l->list[l->n];
	va_list args;

	if (l->n == MAX_CHECKS)
		return;
	l->n++;
	line->id = id;
	line->status = status;
	snprintf(line->remedy, sizeof(line->remedy), "%s", remedy);
	va_start(args, format);
	vsnprintf(line->what, sizeof(line->what), format, args);
	va_end(args);
}

static bool add_machine(struct lines *l)
{
	struct jitscope_check checks[MAX_CHECKS / 2];
	size_t n = jitscope_checks(checks, MAX_CHECKS / 2);
	bool bpf = true;

	for (size_t i = 0; i < n; i++) {
		add(l, checks[i].id, checks[i].status, checks[i].remedy, "%s", checks[i].what);
		bpf = bpf && checks[i].status != JITSCOPE_MISSING;
	}
	return bpf;
}

/* ---- Of our own: adapters, JITs, pins ---------------------------------------------- */

static void add_adapters(struct lines *l)
{
	static const char remedy[] = "build or install all of jitscope, or set JITSCOPE_LIBDIR";
	char path[4096];
	bool there;

	there = adapters_luajit(path, sizeof(path));
	add(l, "adapter-luajit", there ? JITSCOPE_OK : JITSCOPE_MISSING, there ? "" : remedy,
	    "adapter for LuaJIT: %s", path);
	there = adapters_pypy(path, sizeof(path));
	add(l, "adapter-pypy", there ? JITSCOPE_OK : JITSCOPE_MISSING, there ? "" : remedy,
	    "adapter for PyPy: %s", path);
	there = adapters_library(path, sizeof(path));
	add(l, "libjithooks", there ? JITSCOPE_OK : JITSCOPE_MISSING, there ? "" : remedy,
	    "libjithooks: %s", path);
}

static bool in_path(const char *name, char *file, size_t size)
{
	const char *path = getenv("PATH");

	for (; path; path = *path ? path + 1 : NULL) {
		size_t n = strcspn(path, ":");

		snprintf(file, size, "%.*s%s%s", (int)n, path, n ? "/" : "./", name);
		if (!access(file, X_OK))
			return true;
		path += n;
	}
	return false;
}

static void add_jit(struct lines *l, const char *name, const char *remedy)
{
	char file[4096];
	bool there = in_path(name, file, sizeof(file));

	add(l, name, there ? JITSCOPE_OK : JITSCOPE_LIMITED, there ? "" : remedy, "%s: %s", name,
	    there ? file : "not in PATH");
}

static void add_pins(struct lines *l, const char *dir)
{
	struct jitscope_owner owner;
	int err = jitscope_stale_pins(dir, &owner);

	if (!err)
		add(l, "pins", JITSCOPE_LIMITED,
		    "the next session with --pin removes them; so does rm -r of that directory",
		    "stale pins in %s: left by `%s`, process %u, which is gone", dir, owner.command,
		    owner.pid);
	else if (err == -EBUSY)
		add(l, "pins", JITSCOPE_OK, "", "pins in %s: in use by `%s`, process %u", dir,
		    owner.command, owner.pid);
	else if (err == -EPERM || err == -EACCES)
		add(l, "pins", JITSCOPE_LIMITED, "run as root", "pins: cannot look into %s", dir);
	else
		add(l, "pins", JITSCOPE_OK, "", "no stale pins in %s", dir);
}

/* ---- Output ------------------------------------------------------------------------- */

static void print_text(struct output *out, const struct lines *l, bool bpf)
{
	static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
	char clean[2048];

	for (size_t i = 0; i < l->n; i++) {
		const struct line *c = &l->list[i];

		fprintf(out->f, "%s%-8s%s  %-16s  %s\n", out->tty ? colours[c->status] : "",
			status_names[c->status], out->tty ? "\033[0m" : "", c->id,
			text_clean(clean, sizeof(clean), c->what));
		if (*c->remedy)
			fprintf(out->f, "%28s-> %s\n", "",
				text_clean(clean, sizeof(clean), c->remedy));
	}
	fputs(bpf ? "\nAll commands work, with BPF.\n"
		  : "\nWithout BPF: run and snapshot work on your own processes, from the region "
		    "they keep; trace does not.\n",
	      out->f);
}

static void print_json(FILE *f, const struct lines *l, bool bpf)
{
	json_t *checks = json_array();

	for (size_t i = 0; i < l->n; i++) {
		const struct line *c = &l->list[i];

		json_array_append_new(checks,
				      json_pack("{ss ss so so}", "id", c->id, "status",
						status_names[c->status], "what", json_text(c->what),
						"remedy",
						*c->remedy ? json_text(c->remedy) : json_null()));
	}
	json_line(f, json_pack("{ss sb so}", "schema", "jitscope.check/1", "bpf", bpf, "checks",
			       checks));
}

int cmd_check(const struct options *o)
{
	struct output out;
	struct lines l = {0};
	bool bpf;

	if (!output_open(&out, o->output, STDOUT_FILENO))
		return EXIT_FAILED;
	bpf = add_machine(&l);
	add_pins(&l, o->pin_dir ? o->pin_dir : options_pin_dir());
	add_adapters(&l);
	add_jit(&l, "luajit", "apt install luajit, to watch the luajit command");
	add_jit(&l, "pypy3", "apt install pypy3, to watch PyPy");
	if (o->json)
		print_json(out.f, &l, bpf);
	else
		print_text(&out, &l, bpf);
	if (!output_close(&out))
		return EXIT_FAILED;
	return bpf ? 0 : EXIT_FAILED;
}
