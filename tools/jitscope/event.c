/* SPDX-License-Identifier: BSD-2-Clause */
/* event.c - one event as one line, for a person or as JSON. */
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "json.h"
#include "text.h"

/* ---- For a person -------------------------------------------------------------- */

static void print_trace(FILE *f, const struct jitscope_event *e)
{
	const char *type = jitscope_type_name(e->type);
	char place[TEXT_CLEAN];

	fprintf(f, "%s %llu", type ? type : "trace", (unsigned long long)e->trace_no);
	if (e->type == JIT_TYPE_BRIDGE && e->parent_no)
		fprintf(f, " from %llu/%u", (unsigned long long)e->parent_no, e->exit_no);
	if (*e->greenkey)
		fprintf(f, "  %s", text_clean(place, sizeof(place), e->greenkey));
}

static void print_details(FILE *f, const struct jitscope_event *e)
{
	char reason[TEXT_CLEAN];

	text_clean(reason, sizeof(reason), e->reason);
	switch (e->kind) {
	case JIT_PROBE_OPTIMIZE:
		print_trace(f, e);
		fprintf(f, "  %u ops -> %u", e->ops_before, e->operations);
		break;
	case JIT_PROBE_COMPILE:
		print_trace(f, e);
		fprintf(f, "  %u ops, %u bytes, %.1f us", e->operations, e->asmlen,
			(double)e->compile_ns / 1e3);
		break;
	case JIT_PROBE_ABORT:
		print_trace(f, e);
		fprintf(f, "  %s", *reason ? reason : "no reason given");
		if (e->operations)
			fprintf(f, ", after %u ops", e->operations);
		if (e->count > 1)
			fprintf(f, ", time %llu here", (unsigned long long)e->count);
		break;
	case JIT_PROBE_FLUSH:
		fprintf(f, "%s, %llu traces dropped", *reason ? reason : "no cause given",
			(unsigned long long)e->dropped);
		break;
	case JITSCOPE_FORK:
		fprintf(f, "by process %llu", (unsigned long long)e->parent_no);
		break;
	case JITSCOPE_EXEC:
	case JITSCOPE_EXIT:
		break;
	case JIT_PROBE_FREE:
	case JIT_PROBE_RUNS:
		print_trace(f, e);
		if (e->runs)
			fprintf(f, "  %s runs", text_count(e->runs));
		break;
	default:
		print_trace(f, e);
	}
}

/* Seconds since the start; an event from before it (a fork's clock) is at 0. */
static double seconds(const struct event_printer *p, uint64_t when_ns)
{
	return when_ns > p->start_ns ? (double)(when_ns - p->start_ns) / 1e9 : 0;
}

static void print_text(struct event_printer *p, const struct jitscope_event *e)
{
	const char *name = jitscope_event_name(e->kind);
	char comm[TEXT_CLEAN];

	if (!p->main_pid)
		p->main_pid = (pid_t)e->pid;
	if ((pid_t)e->pid != p->main_pid)
		p->show_process = true;
	fprintf(p->f, "%12.6f  ", seconds(p, e->when_ns));
	if (p->show_process)
		fprintf(p->f, "%8u %-15s  ", e->pid, text_clean(comm, sizeof(comm), e->comm));
	fprintf(p->f, "%-8s  ", name ? name : "?");
	print_details(p->f, e);
	fputc('\n', p->f);
}

/* ---- JSON ------------------------------------------------------------------------- */

static void set(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

static void set_trace(json_t *o, const struct jitscope_event *e)
{
	const char *type = jitscope_type_name(e->type);
	bool bridge = e->type == JIT_TYPE_BRIDGE;

	set(o, "trace_no", json_count(e->trace_no));
	set(o, "type", type ? json_string(type) : json_null());
	set(o, "greenkey", json_text(e->greenkey));
	set(o, "loop_no", json_count(e->loop_no));
	set(o, "parent_no", bridge ? json_count(e->parent_no) : json_null());
	set(o, "exit_no", bridge ? json_count(e->exit_no) : json_null());
	set(o, "vm", json_count(e->vm));
}

static void set_details(json_t *o, const struct jitscope_event *e)
{
	switch (e->kind) {
	case JIT_PROBE_OPTIMIZE:
		set(o, "ops_before", json_count(e->ops_before));
		set(o, "operations", json_count(e->operations));
		break;
	case JIT_PROBE_COMPILE:
		set(o, "operations", json_count(e->operations));
		set(o, "asmaddr", json_count(e->asmaddr));
		set(o, "asmlen", json_count(e->asmlen));
		set(o, "compile_seconds", json_seconds(e->compile_ns));
		break;
	case JIT_PROBE_ABORT:
		set(o, "reason", json_text(e->reason));
		set(o, "reason_id", json_count(e->reason_id));
		set(o, "operations", json_count(e->operations));
		set(o, "count", json_count(e->count));
		break;
	case JIT_PROBE_FLUSH:
		set(o, "cause", json_text(e->reason));
		set(o, "dropped", json_count(e->dropped));
		set(o, "vm", json_count(e->vm));
		break;
	case JIT_PROBE_FREE:
	case JIT_PROBE_RUNS:
		set(o, "runs", json_count(e->runs));
		break;
	case JITSCOPE_FORK:
		set(o, "parent_pid", json_count(e->parent_no));
		break;
	}
}

static void print_json(struct event_printer *p, const struct jitscope_event *e)
{
	const char *name = jitscope_event_name(e->kind);
	json_t *o = json_object();

	set(o, "event", name ? json_string(name) : json_null());
	set(o, "when_ns", json_count(e->when_ns));
	set(o, "seconds", json_real(seconds(p, e->when_ns)));
	set(o, "pid", json_count(e->pid));
	set(o, "tid", json_count(e->tid));
	set(o, "comm", json_text(e->comm));
	set(o, "jitdriver", json_text(e->jitdriver));
	if (e->kind < JIT_NPROBES && e->kind != JIT_PROBE_FLUSH && e->kind != JIT_PROBE_UPDATE)
		set_trace(o, e);
	set_details(o, e);
	json_line(p->f, o);
}

static void print(struct event_printer *p, const struct jitscope_event *e)
{
	if (p->json)
		print_json(p, e);
	else
		print_text(p, e);
}

void event_print(struct event_printer *p, const struct jitscope_event *e)
{
	p->printed++;
	print(p, e);
}

/* ---- Runs ------------------------------------------------------------------------------ */

static int by_runs(const void *a, const void *b)
{
	const struct jitscope_loop *x = a, *y = b;

	if (x->loop.runs != y->loop.runs)
		return x->loop.runs < y->loop.runs ? 1 : -1;
	return (x->no > y->no) - (x->no < y->no);
}

void event_print_runs(struct event_printer *p, struct jitscope_snapshot *s, uint64_t top)
{
	struct jitscope_event e = {
		.kind = JIT_PROBE_RUNS,
		.when_ns = s->taken_ns,
		.pid = (uint32_t)s->pid,
		.tid = (uint32_t)s->pid,
	};

	memcpy(e.comm, s->comm, sizeof(e.comm));
	memcpy(e.jitdriver, s->jitdriver, sizeof(e.jitdriver));
	if (s->n_loops)
		qsort(s->loops, s->n_loops, sizeof(*s->loops), by_runs);
	for (size_t i = 0; i < s->n_loops && i < top && s->loops[i].loop.runs; i++) {
		const struct jit_loop *l = &s->loops[i].loop;

		e.trace_no = s->loops[i].no;
		e.loop_no = l->loop_no;
		e.parent_no = l->parent_no;
		e.exit_no = l->exit_no;
		e.type = l->type;
		e.vm = l->vm;
		e.runs = l->runs;
		memcpy(e.greenkey, l->greenkey, sizeof(e.greenkey));
		print(p, &e);
	}
}

/* ---- Losses ---------------------------------------------------------------------------- */

uint64_t event_lost(const struct jitscope_stats *s)
{
	return s->dropped + s->bad_event + s->read_fault + s->busy;
}

void event_print_losses(struct event_printer *p, const struct jitscope_stats *before,
			const struct jitscope_stats *now, uint64_t when_ns)
{
	uint64_t lost = event_lost(now) - event_lost(before);

	if (!lost)
		return;
	if (p->json) {
		json_line(p->f,
			  json_pack("{ss so sf so so so so so}", "event", "lost", "when_ns",
				    json_count(when_ns), "seconds", seconds(p, when_ns), "lost",
				    json_count(lost), "dropped",
				    json_count(now->dropped - before->dropped), "bad_event",
				    json_count(now->bad_event - before->bad_event), "read_fault",
				    json_count(now->read_fault - before->read_fault), "busy",
				    json_count(now->busy - before->busy)));
		return;
	}
	fprintf(p->f, "%12.6f  lost      %s events:", seconds(p, when_ns), text_count(lost));
#define X(name, why)                   \
	if (now->name != before->name) \
		fprintf(p->f, " %s %s", text_count(now->name - before->name), why);
	X(dropped, "ring buffer full")
	X(bad_event, "refused")
	X(read_fault, "unreadable")
	X(busy, "no scratch space")
#undef X
	fputc('\n', p->f);
}
