/* SPDX-License-Identifier: BSD-2-Clause */
/* main.c - runs the unit tests of jitlua's core, in the manner of tests/unit/main.c. */
#define SUITES(X) \
	X(alloc)  \
	X(number) \
	X(format) \
	X(string) \
	X(table)  \
	X(gc)

#include "../unit/main.c"
