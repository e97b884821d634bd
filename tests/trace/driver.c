/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver.c - golden tests of the optimizer's passes: a list as text, the passes that
 * run over it, and the list that must come out.
 *
 *	build/trace-tests FILE...           compares, prints what differs
 *	build/trace-tests --print FILE      prints the file with what came out, to be
 *	                                    looked at and put there by hand
 *
 * A file has any number of tests, one after the other:
 *
 *	test: adding nothing
 *	passes: peel dce
 *	    i0 = getslot_i(descr=0)
 *	    ...
 *	expect:
 *	    ...
 *
 * Lines before the first test, and those that begin with #, are comments. Folding,
 * sharing, forwarding and guards are not passes of their own but parts of copying,
 * which is what `peel` does with a list that ends in finish; LuaJIT's switches before
 * it, as in `passes: -fold peel dce`, leave some of them out. Before `passes:` there may
 * be the list of a loop, under `loop:`; `peel` then lets a list that ends in finish go on
 * in it. `expect: unstable` says that the passes must give the list up. Lists are
 * verified before and after. The last line is "N passed, N failed, N skipped".
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../jit/trace/opt.h"

#define MESSAGE_SIZE 160

/* ---- Passes -------------------------------------------------------------------------------- */

static Jit jit; /* but for what is switched off there is nothing in it */

static bool pass_peel(Ir *ir, const Ir *loop)
{
	Ir to;
	bool done;

	ir_open(&to);
	done = peel(jit.passes_off ? &jit : NULL, ir, loop, &to) && !to.failed;
	ir_close(done ? ir : &to);
	if (done)
		*ir = to;
	return done;
}

static bool pass_dce(Ir *ir, const Ir *loop)
{
	(void)loop;
	eliminate_dead_code(ir);
	return true;
}

static bool pass_strengthen(Ir *ir, const Ir *loop)
{
	(void)loop;
	strengthen_guards(ir);
	return true;
}

static bool pass_optimize(Ir *ir, const Ir *loop)
{
	(void)loop;
	return optimize(&jit, ir);
}

static const struct pass {
	const char *name;
	bool (*run)(Ir *ir, const Ir *loop);
} passes[] = {{"peel", pass_peel},
	      {"strengthen", pass_strengthen},
	      {"dce", pass_dce},
	      {"optimize", pass_optimize}};

static const struct pass *find_pass(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(passes) / sizeof(*passes); i++)
		if (strlen(passes[i].name) == n && !strncmp(passes[i].name, name, n))
			return &passes[i];
	return NULL;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

struct text {
	char *start;
	size_t length;
};

struct test {
	const char *file;
	int line; /* of `test:` */
	struct text name, loop, passes, list, wanted;
	int loop_line, list_line;
	bool unstable;
};

static unsigned passed, failed;
static bool printing;

static void complain(const struct test *t, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s:%d: %.*s: ", t->file, t->line, (int)t->name.length, t->name.start);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static bool verify(const struct test *t, const Ir *ir, const char *when)
{
	char message[MESSAGE_SIZE];
	bool good = ir_verify(ir, message);

	if (!good)
		complain(t, "the list %s is not well formed: %s", when, message);
	return good;
}

static bool parse(const struct test *t, const struct text *list, int first, Ir *ir)
{
	char message[MESSAGE_SIZE], *text = strndup(list->start, list->length);
	int line = 0;
	bool good;

	if (!text)
		abort();
	good = ir_parse(ir, text, &line, message);
	free(text);
	if (!good)
		complain(t, "line %d: %s", first + line - 1, message);
	return good && verify(t, ir, "to begin with");
}

static bool is_switch(const char *word, size_t n)
{
	char text[16];

	snprintf(text, sizeof(text), "%.*s", (int)n, word);
	return passes_switch(&jit, text);
}

/* 1: done, 0: a pass gave the list up, -1: no such pass. */
static int run_passes(const struct test *t, Ir *ir, const Ir *loop)
{
	const char *p = t->passes.start, *end = p + t->passes.length;

	jit.passes_off = 0;
	while (p < end) {
		size_t n = strcspn(p, " \t\n");
		const struct pass *pass = find_pass(p, n);

		if (n && !pass && is_switch(p, n)) {
			p += n + (p + n < end);
			continue;
		}
		if (n && !pass) {
			complain(t, "no pass '%.*s'", (int)n, p);
			return -1;
		}
		if (n && !pass->run(ir, loop))
			return 0;
		p += n + (p + n < end);
	}
	return 1;
}

/* Lines without blanks in front of them or empty ones. */
static char *next_line(char **p, char *end, size_t *n)
{
	char *start = *p;

	*n = 0;
	while (start < end && strchr(" \t\n", *start))
		start++;
	if (start < end)
		*n = strcspn(start, "\n");
	if (start + *n > end)
		*n = (size_t)(end - start);
	*p = start + *n;
	return start;
}

/* The first line that differs, with what is common before it. */
static bool same_text(const struct test *t, char *found)
{
	char *a = t->wanted.start, *a_end = a + t->wanted.length;
	char *b = found, *b_end = b + strlen(b);

	for (;;) {
		size_t n, m;
		char *wanted = next_line(&a, a_end, &n), *is = next_line(&b, b_end, &m);

		if (!n && !m)
			return true;
		if (n == m && !memcmp(wanted, is, n))
			continue;
		complain(t, "differs:\n-    %.*s\n+    %.*s\nthe whole list is\n%s", (int)n, wanted,
			 (int)m, is, found);
		return false;
	}
}

static char *print(const Ir *ir)
{
	size_t size;
	char *text = NULL;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		abort();
	ir_print(ir, to);
	fclose(to);
	return text;
}

static void print_result(const char *text)
{
	printf("expect:\n");
	while (*text) {
		size_t n = strcspn(text, "\n");

		printf("    %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
	printf("\n");
}

static bool run_test(const struct test *t)
{
	bool good = false;
	char *text;
	int done;
	Ir ir, loop;

	ir_open(&ir);
	ir_open(&loop);
	if ((!t->loop.start || parse(t, &t->loop, t->loop_line, &loop)) &&
	    parse(t, &t->list, t->list_line, &ir)) {
		done = run_passes(t, &ir, t->loop.start ? &loop : NULL);
		text = print(&ir);
		if (printing && done == 0)
			printf("expect: unstable\n\n");
		else if (printing)
			print_result(text);
		else if (done == 0 && !t->unstable)
			complain(t, "given up");
		else if (done > 0 && t->unstable)
			complain(t, "not given up:\n%s", text);
		else if (done >= 0)
			good = t->unstable ||
			       (verify(t, &ir, "that came out") && same_text(t, text));
		free(text);
	}
	ir_close(&ir);
	ir_close(&loop);
	return good;
}

/* ---- Files --------------------------------------------------------------------------------------
 */

static char *read_file(const char *name)
{
	FILE *f = fopen(name, "r");
	size_t n = 0, size = 0;
	char *text = NULL;

	if (!f) {
		perror(name);
		return NULL;
	}
	do {
		size += 65536;
		text = realloc(text, size + 1);
		if (!text)
			abort();
		n += fread(text + n, 1, size - n, f);
	} while (n == size);
	fclose(f);
	text[n] = '\0';
	return text;
}

static bool begins(const char *line, const char *word, struct text *rest)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) != 0)
		return false;
	line += n;
	while (*line == ' ')
		line++;
	*rest = (struct text){.start = (char *)line, .length = strcspn(line, "\n")};
	return true;
}

static void finish(const struct test *t)
{
	if (!t->line)
		return;
	if (run_test(t)) {
		passed++;
		return;
	}
	failed += !printing;
}

/* Each line goes to the part of the test that it is in; with --print all but results is copied. */
static void run_file(const char *name)
{
	struct test t = {.file = name}, none = t;
	struct text *part = NULL, rest;
	char *text = read_file(name), *line = text;

	if (!text) {
		failed++;
		return;
	}
	for (int number = 1; *line; number++) {
		size_t n = strcspn(line, "\n");

		n += line[n] == '\n';
		if (begins(line, "test:", &rest)) {
			finish(&t);
			t = none;
			t.line = number;
			t.name = rest;
			part = NULL;
		} else if (begins(line, "loop:", &rest)) {
			t.loop_line = number + 1;
			part = &t.loop;
			part->start = line + n;
		} else if (begins(line, "passes:", &rest)) {
			t.passes = rest;
			t.list_line = number + 1;
			part = &t.list;
			part->start = line + n;
		} else if (begins(line, "expect:", &rest)) {
			t.unstable = rest.length > 0;
			part = &t.wanted;
			part->start = line + n;
		} else if (part) {
			part->length += n;
		}
		if (printing && part != &t.wanted)
			printf("%.*s", (int)n, line);
		line += n;
	}
	finish(&t);
	free(text);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--print"))
			printing = true;
		else
			run_file(argv[i]);
	}
	if (!printing)
		printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed || (!passed && !printing);
}
