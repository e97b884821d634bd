/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - runs the unit tests: all suites, or those named on the command line.
 * Another program of tests includes this file with its own list of suites.
 *
 * The last line is "N passed, N failed, N skipped", of tests; the exit status
 * is 0 if none failed.
 */
#include <CUnit/Basic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#ifndef SUITES
#define SUITES(X)         \
	X(abi)            \
	X(index)          \
	X(counters)       \
	X(timers)         \
	X(trace)          \
	X(events)         \
	X(hooks)          \
	X(optimize)       \
	X(region)         \
	X(fork)           \
	X(runs)           \
	X(runs_observers) \
	X(runs_threads)   \
	X(ask)            \
	X(told)           \
	X(snapshot)       \
	X(findings)       \
	X(proc)
#endif

#define X(name) void suite_##name(void);
SUITES(X)
#undef X

#define SKIPPED 77	  /* exit status of a test's process */
#define LIMIT_SECONDS 120 /* a test that hangs */

static CU_pSuite suite;
static unsigned skipped;

void unit_suite(const char *name)
{
	suite = CU_add_suite(name, NULL, NULL);
}

void unit_add(const char *name, void (*test)(void))
{
	CU_add_test(suite, name, test);
}

static void report(const char *file, int line, const char *text)
{
	fprintf(stderr, "\n%s:%d: %s", file, line, text);
	fflush(stderr);
}

void unit_fail(const char *file, int line, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	report(file, line, text);
	_exit(1);
}

void unit_check_str(const char *file, int line, const char *what, const char *is,
		    const char *wanted)
{
	if (!is || strcmp(is, wanted))
		unit_fail(file, line, "%s is \"%s\", not \"%s\"", what, is ? is : "(NULL)", wanted);
}

void unit_skip(const char *why)
{
	fprintf(stderr, "\nskipped: %s", why);
	_exit(SKIPPED);
}

/* exit(), not _exit(): the leak checker and the library's own end are part of the test. */
void unit_run(const char *name, void (*body)(void))
{
	char what[256];
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		alarm(LIMIT_SECONDS);
		body();
		exit(0);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		skipped++;
		return;
	}
	if (status != -1 && WIFSIGNALED(status))
		snprintf(what, sizeof(what), "%s: killed by signal %d", name, WTERMSIG(status));
	else
		snprintf(what, sizeof(what), "%s: failed, see above", name);
	CU_assertImplementation(status == 0, __LINE__, what, __FILE__, "", CU_FALSE);
}

static int wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc < 2;
}

int main(int argc, char **argv)
{
	unsigned run, failed;

	if (CU_initialize_registry() != CUE_SUCCESS) {
		fprintf(stderr, "unit: %s\n", CU_get_error_msg());
		return 2;
	}
#define X(name)                        \
	if (wanted(#name, argc, argv)) \
		suite_##name();
	SUITES(X)
#undef X
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	run = CU_get_number_of_tests_run();
	failed = CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	printf("%u passed, %u failed, %u skipped\n", run - failed - skipped, failed, skipped);
	return failed || !run;
}
