/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit.h - what the unit tests share.
 *
 * libjithooks keeps one region for the life of a process, so each TEST runs in
 * a process of its own, forked before the library was touched: counters start
 * at zero, numbers at 1, and environment, limits and semaphores are the
 * test's own. A failed CHECK ends that process and fails the test.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jithooks/hooks.h>

#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#ifndef WITH_TSAN
#define WITH_TSAN 0
#endif

/* Opens a suite; the ADDs that follow go into it. */
void unit_suite(const char *name);
void unit_add(const char *name, void (*test)(void));
void unit_run(const char *name, void (*body)(void));

#define ADD(name) unit_add(#name, name)

#define TEST(name)                            \
	static void name##_body(void);        \
	static void name(void)                \
	{                                     \
		unit_run(#name, name##_body); \
	}                                     \
	static void name##_body(void)

void unit_fail(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
/* Leaves the test; it counts as skipped. */
void unit_skip(const char *why) __attribute__((noreturn));

#define CHECK(condition)                                                 \
	do {                                                             \
		if (!(condition))                                        \
			unit_fail(__FILE__, __LINE__, "%s", #condition); \
	} while (0)

#define CHECK_EQ(is, wanted)                                                                      \
	do {                                                                                      \
		long long is_ = (long long)(is), wanted_ = (long long)(wanted);                   \
		if (is_ != wanted_)                                                               \
			unit_fail(__FILE__, __LINE__, "%s is %lld, not %lld", #is, is_, wanted_); \
	} while (0)

#define CHECK_STR(is, wanted) unit_check_str(__FILE__, __LINE__, #is, is, wanted)
void unit_check_str(const char *file, int line, const char *what, const char *is,
		    const char *wanted);

/* ---- A VM to test with ------------- */

jit_vm *unit_vm(void);
/* A loop or entry bridge, or with a parent a bridge, compiled at place; its number. */
uint64_t unit_compile(jit_vm *vm, enum jit_trace_type type, uint64_t parent, const char *place);
uint64_t unit_loop(jit_vm *vm);
void unit_abort(jit_vm *vm, enum jit_counter counter, const char *reason, const char *place);
uint64_t unit_counter(enum jit_counter counter);
/* How often a loop has run, as the snapshot has it. */
uint64_t unit_runs(uint64_t no);
/* Waits until the clock of the timers has moved on by this much. */
void unit_spin(uint64_t ns);

#endif
