/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.c - snapshots as JSON, schema "jitscope.snapshot/1".
 *
 * Small values are jansson's. The object around them is written by hand, so
 * that loops go out one by one. jitscope(1) documents each field.
 */
#include <string.h>
#include <sys/wait.h>

#include "json.h"
#include "output.h"
#include "text.h"

#define SCHEMA "jitscope.snapshot/1"
#define FORMAT (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))
#define ROWS_PER_LOOK 4096 /* at the clock, for the progress */

json_t *json_text(const char *s)
{
	char stack[3 * JIT_GREENKEY_LEN + 1], *heap;
	size_t size = 3 * strlen(s) + 1;
	json_t *value;

	if (size <= sizeof(stack))
		return json_string(text_utf8(stack, sizeof(stack), s));
	heap = malloc(size);
	value = heap ? json_string(text_utf8(heap, size, s)) : NULL;
	free(heap);
	return value;
}

json_t *json_count(uint64_t n)
{
	return n > INT64_MAX ? json_real((double)n) : json_integer((json_int_t)n);
}

json_t *json_seconds(uint64_t ns)
{
	return json_real((double)ns / 1e9);
}

/*
 * A value that there was no memory for is null: not known. json_dumpf() writes
 * character by character, which costs more than all the rest; few values do
 * not fit the buffer.
 */
static void put(FILE *f, json_t *value)
{
	char text[4096];
	size_t n = value ? json_dumpb(value, text, sizeof(text), FORMAT) : 0;

	if (!n)
		fputs("null", f);
	else if (n <= sizeof(text))
		fwrite(text, 1, n, f);
	else
		json_dumpf(value, f, FORMAT);
	json_decref(value);
}

void json_line(FILE *f, json_t *value)
{
	put(f, value);
	fputc('\n', f);
}

/* ---- The object that is written by hand ----------------------------------------- */

struct object {
	FILE *f;
	bool any; /* has a member, or the open array a row */
};

static void separate(struct object *o)
{
	if (o->any)
		fputc(',', o->f);
	o->any = true;
}

static void member(struct object *o, const char *key, json_t *value)
{
	separate(o);
	fprintf(o->f, "\"%s\":", key);
	put(o->f, value);
}

static void array_begin(struct object *o, const char *key)
{
	separate(o);
	fprintf(o->f, "\"%s\":[", key);
	o->any = false;
}

static void row(struct object *o, json_t *value)
{
	separate(o);
	put(o->f, value);
}

static void array_end(struct object *o)
{
	fputc(']', o->f);
	o->any = true;
}

/* ---- The parts of a snapshot -------------------------------------------------------- */

static json_t *counters(const struct jit_counters *c)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < JIT_NCOUNTERS; i++)
		json_object_set_new(o, jitscope_counter_name(i), json_count(counter(c, i)));
	return o;
}

static json_t *counter_times(const struct jit_times *t)
{
	json_t *o = json_object();

#define X(name, field) json_object_set_new(o, #name, json_seconds(t->field));
	JIT_TIMES(X)
#undef X
	return o;
}

static json_t *type_name(unsigned type)
{
	const char *name = jitscope_type_name(type);

	return name ? json_string(name) : json_null();
}

/*
 * There may be a million loops, so their row is one object whose values are
 * overwritten. A value that there was no memory for is null here as well, and
 * not what the row before had.
 */
static void set(json_t *o, const char *key, json_t *value)
{
	json_object_set_new_nocheck(o, key, value ? value : json_null());
}

static void set_count(json_t *o, const char *key, uint64_t n)
{
	json_t *old = json_object_get(o, key);

	if (n > INT64_MAX || json_integer_set(old, (json_int_t)n))
		set(o, key, json_count(n));
}

static void set_bridge_count(json_t *o, const char *key, bool bridge, uint64_t n)
{
	if (bridge)
		set_count(o, key, n);
	else
		set(o, key, NULL);
}

static json_t *loop(json_t *o, const struct jitscope_loop *l)
{
	const struct jit_loop *d = &l->loop;
	bool bridge = d->type == JIT_TYPE_BRIDGE;

	set_count(o, "loop_no", bridge ? d->loop_no : l->no);
	set_bridge_count(o, "bridge_no", bridge, l->no);
	set(o, "type", type_name(d->type));
	set(o, "greenkey", json_text(d->greenkey));
	set_count(o, "asmaddr", d->asmaddr);
	set_count(o, "asmlen", d->asmlen);
	set_count(o, "operations", d->operations);
	set_bridge_count(o, "parent_no", bridge, d->parent_no);
	set_bridge_count(o, "exit_no", bridge, d->exit_no);
	set_count(o, "vm", d->vm);
	set_count(o, "vm_no", d->vm_no);
	set(o, "compile_seconds", json_seconds(d->compile_ns));
	set_count(o, "when_ns", d->when_ns);
	set_count(o, "runs", d->runs);
	return json_incref(o);
}

static json_t *abort_row(const struct jit_abort *a)
{
	const char *name = jitscope_counter_name(a->counter);

	return json_pack("{so so so so so so}", "reason", json_text(a->reason), "greenkey",
			 json_text(a->greenkey), "count", json_count(a->count), "counter",
			 name ? json_string(name) : json_null(), "reason_id",
			 json_count(a->reason_id), "last_ns", json_count(a->last_ns));
}

static json_t *flush_row(const struct jit_flush *f)
{
	return json_pack("{so so so so so so}", "vm", json_count(f->vm), "count",
			 json_count(f->count), "cause", json_text(f->cause), "dropped",
			 json_count(f->dropped), "total_dropped", json_count(f->total_dropped),
			 "last_ns", json_count(f->last_ns));
}

static void loop_run_times(struct object *o, const struct jitscope_snapshot *s)
{
	json_t *one = json_object();

	array_begin(o, "loop_run_times");
	for (size_t i = 0; i < s->info.n_loop_run_times; i++) {
		const struct jit_loop_run *r = &s->info.loop_run_times[i];

		set(one, "type", json_stringn(&r->type, 1));
		set_count(one, "number", r->number);
		set_count(one, "runs", r->count);
		row(o, json_incref(one));
	}
	json_decref(one);
	array_end(o);
}

static void loops(struct object *o, const struct jitscope_snapshot *s)
{
	struct progress shown = {0};
	json_t *one = json_object();

	array_begin(o, "loops");
	for (size_t i = 0; i < s->n_loops; i++) {
		row(o, loop(one, &s->loops[i]));
		if (i % ROWS_PER_LOOK == 0) {
			progress(&shown, "writing loops", i, s->n_loops);
			if (ferror(o->f)) /* nobody reads any more */
				break;
		}
	}
	json_decref(one);
	progress_end(&shown);
	array_end(o);
}

static void findings(struct object *o, const struct subject *s)
{
	static const char *const severities[] = {"info", "warning", "problem"};
	struct jitscope_finding list[16];
	size_t n = jitscope_findings(s->snapshot, s->run_ns, list, 16);

	array_begin(o, "findings");
	for (size_t i = 0; i < n; i++)
		row(o, json_pack("{ss ss so so}", "id", list[i].id, "severity",
				 severities[list[i].severity], "what", json_text(list[i].what),
				 "advice", json_text(list[i].advice)));
	array_end(o);
}

static json_t *stats(const struct jitscope_snapshot *s)
{
	json_t *o = json_object();

#define X(name, text) json_object_set_new(o, #name, json_count(s->stats.name));
	JITSCOPE_STATS(X)
#undef X
	json_object_set_new(o, "lost_rows", json_count(s->lost));
	return o;
}

static json_t *run(const struct run_result *r)
{
	json_t *command = json_array();
	bool killed = WIFSIGNALED(r->status);

	for (char *const *arg = r->argv; *arg; arg++)
		json_array_append_new(command, json_text(*arg));
	return json_pack("{so so so so so so}", "command", command, "exit_status",
			 killed ? json_null() : json_integer(WEXITSTATUS(r->status)), "signal",
			 killed ? json_integer(WTERMSIG(r->status)) : json_null(), "wall_seconds",
			 json_seconds(r->wall_ns), "user_seconds", json_seconds(r->user_ns),
			 "system_seconds", json_seconds(r->system_ns));
}

/* Null is what is not known: not every VM that counts says so. */
static void runs(struct object *o, const struct jitscope_snapshot *s)
{
	bool counted = s->run_source != JITSCOPE_RUNS_NONE, told = counted && s->runs_since_ns;

	member(o, "runs_since_ns", told ? json_count(s->runs_since_ns) : json_null());
	member(o, "runs_complete", told ? json_boolean(!s->runs_missed) : json_null());
	member(o, "counting",
	       s->alive && (s->counting || s->runs_since_ns || !counted)
		       ? json_boolean(s->counting != 0)
		       : json_null());
}

static void head(struct object *o, const struct jitscope_snapshot *s)
{
	member(o, "schema", json_string(SCHEMA));
	member(o, "pid", json_integer(s->pid));
	member(o, "comm", json_text(s->comm));
	member(o, "jitdriver", json_text(s->jitdriver));
	member(o, "source", json_string(s->source == JITSCOPE_KERNEL ? "kernel" : "region"));
	member(o, "run_source",
	       s->run_source == JITSCOPE_RUNS_NONE
		       ? json_null()
		       : json_string(jitscope_run_source_name(s->run_source)));
	runs(o, s);
	member(o, "runs_missing_seconds", json_seconds(s->runs_missing_ns));
	member(o, "taken_ns", json_count(s->taken_ns));
	member(o, "start_ns", json_count(s->start_ns));
	member(o, "alive", json_boolean(s->alive));
	member(o, "complete", json_boolean(s->complete));
}

static void object(FILE *f, const struct subject *subject, const struct subject *children,
		   size_t n_children)
{
	const struct jitscope_snapshot *s = subject->snapshot;
	struct object o = {.f = f};

	fputc('{', f);
	head(&o, s);
	if (subject->run)
		member(&o, "run", run(subject->run));
	member(&o, "counters", counters(&s->info.counters));
	member(&o, "counter_times", counter_times(&s->info.counter_times));
	loop_run_times(&o, s);
	member(&o, "overflow_runs", json_count(s->info.overflow_runs));
	loops(&o, s);
	array_begin(&o, "aborts");
	for (size_t i = 0; i < s->n_aborts; i++)
		row(&o, abort_row(&s->aborts[i]));
	array_end(&o);
	array_begin(&o, "flushes");
	for (size_t i = 0; i < s->n_flushes; i++)
		row(&o, flush_row(&s->flushes[i]));
	array_end(&o);
	findings(&o, subject);
	member(&o, "stats", stats(s));
	if (children) {
		array_begin(&o, "children");
		for (size_t i = 0; i < n_children; i++) {
			separate(&o);
			object(f, &children[i], NULL, 0);
		}
		array_end(&o);
	}
	fputc('}', f);
}

void json_snapshot(FILE *f, const struct subject *subject, const struct subject *children,
		   size_t n_children)
{
	object(f, subject, children, n_children);
	fputc('\n', f);
}
