/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_list.c - `jitscope list`: processes and files that carry the provider. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters.h"
#include "commands.h"
#include "json.h"
#include "output.h"
#include "text.h"

#define X(name, probe) #probe,
static const char *const probe_names[] = {JIT_PROBES(X)};
#undef X

/* What /proc calls a process; "" if it is gone. */
static void read_comm(pid_t pid, char comm[JIT_COMM_LEN + 1])
{
	char path[64];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	n = f ? fread(comm, 1, JIT_COMM_LEN, f) : 0;
	comm[n] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	if (f)
		fclose(f);
}

static void print_row(FILE *f, const struct jitscope_provider *p, pid_t pid)
{
	char comm[JIT_COMM_LEN + 1], clean[TEXT_CLEAN], path[4096], number[16] = "-";

	*comm = '\0';
	if (pid) {
		read_comm(pid, comm);
		snprintf(number, sizeof(number), "%d", (int)pid);
	}
	fprintf(f, "%8s  %-15s  %2d of %d  %-6s  %s\n", number,
		*comm ? text_clean(clean, sizeof(clean), comm) : "-",
		__builtin_popcount(p->probes & ~p->unusable), JIT_NPROBES, p->region ? "yes" : "no",
		text_clean(path, sizeof(path), p->path));
}

static void print_text(FILE *f, const struct jitscope_providers *all)
{
	if (all->n)
		fprintf(f, "%8s  %-15s  %-7s  %-6s  %s\n", "PID", "COMM", "PROBES", "REGION",
			"FILE");
	for (size_t i = 0; i < all->n; i++) {
		const struct jitscope_provider *p = &all->list[i];

		for (size_t k = 0; k < p->n_pids; k++)
			print_row(f, p, p->pids[k]);
		if (!p->n_pids)
			print_row(f, p, 0);
	}
	for (size_t i = 0; i < all->n; i++) {
		char clean[4096];

		if (all->list[i].five_byte_nop)
			say("%s has probes on five-byte nops; Linux 6.18 corrupts functions there "
			    "while they are attached: build it against a newer libjithooks",
			    text_clean(clean, sizeof(clean), all->list[i].path));
	}
}

static json_t *probes(uint32_t bits)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < JIT_NPROBES; i++)
		if (bits & 1u << i)
			json_array_append_new(list, json_string(probe_names[i]));
	return list;
}

static json_t *provider(const struct jitscope_provider *p)
{
	json_t *processes = json_array();

	for (size_t i = 0; i < p->n_pids; i++) {
		char comm[JIT_COMM_LEN + 1];

		read_comm(p->pids[i], comm);
		json_array_append_new(processes, json_pack("{si so}", "pid", (int)p->pids[i],
							   "comm", json_text(comm)));
	}
	return json_pack("{so so so sb sb so}", "path", json_text(p->path), "probes",
			 probes(p->probes), "unusable", probes(p->unusable), "region", p->region,
			 "five_byte_nop", p->five_byte_nop, "processes", processes);
}

static json_t *pids(const pid_t *list, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_integer(list[i]));
	return array;
}

static void print_json(FILE *f, const struct jitscope_providers *all)
{
	json_t *files = json_array();

	for (size_t i = 0; i < all->n; i++)
		json_array_append_new(files, provider(&all->list[i]));
	json_line(f, json_pack("{ss so so so}", "schema", "jitscope.list/1", "files", files,
			       "unreadable", json_count(all->unreadable), "unreadable_pids",
			       pids(all->unreadable_pids, all->unreadable)));
}

/* A file that was asked for, with its processes, if there are any. */
static int add_file(struct jitscope_providers *out, struct jitscope_providers *found,
		    const char *path)
{
	struct jitscope_providers file;
	struct jitscope_provider *bigger;
	int err = jitscope_find_file(path, &file);

	if (err)
		return err;
	bigger = reallocarray(out->list, out->n + 1, sizeof(*bigger));
	if (!bigger) {
		jitscope_providers_free(&file);
		return -ENOMEM;
	}
	out->list = bigger;
	bigger[out->n] = *file.list;
	free(file.list);
	for (size_t i = 0; i < found->n; i++)
		if (found->list[i].dev == bigger[out->n].dev &&
		    found->list[i].ino == bigger[out->n].ino) {
			bigger[out->n].pids = found->list[i].pids;
			bigger[out->n].n_pids = found->list[i].n_pids;
			found->list[i].pids = NULL;
			found->list[i].n_pids = 0;
			break;
		}
	out->n++;
	return 0;
}

static int find_users(const struct options *o, struct jitscope_providers *out)
{
	struct jitscope_providers found;
	int err = jitscope_find(0, &found);

	*out = (struct jitscope_providers){0};
	if (err)
		return err;
	for (size_t i = 0; i < o->n_files && !err; i++)
		err = add_file(out, &found, o->files[i]);
	out->unreadable = found.unreadable;
	out->unreadable_pids = found.unreadable_pids;
	found.unreadable_pids = NULL;
	jitscope_providers_free(&found);
	if (err)
		jitscope_providers_free(out);
	return err;
}

int cmd_list(const struct options *o)
{
	struct jitscope_providers all;
	char who[TEXT_PROCESSES];
	struct output out;
	int status = 0;
	int err = o->n_files ? find_users(o, &all) : jitscope_find(o->pid, &all);

	if (err) {
		say("%s", jitscope_error());
		return EXIT_FAILED;
	}
	if (!output_open(&out, o->output, STDOUT_FILENO)) {
		jitscope_providers_free(&all);
		return EXIT_FAILED;
	}
	if (o->json)
		print_json(out.f, &all);
	else
		print_text(out.f, &all);
	if (all.unreadable)
		say("%s could not be looked at%s",
		    text_processes(who, all.unreadable_pids, all.unreadable),
		    geteuid() ? ": they are of other users; root sees them" : "");
	if (!all.n && o->pid) {
		say("process %d does not carry the provider; start it with `jitscope run --`",
		    (int)o->pid);
		status = EXIT_FAILED;
	} else if (!all.n) {
		say("no process carries the provider now; start one with `jitscope run --`, or see "
		    "jitscope(1) for services");
	}
	jitscope_providers_free(&all);
	return output_close(&out) ? status : EXIT_FAILED;
}
