/* SPDX-License-Identifier: BSD-2-Clause */
/* main.c - runs the unit tests of jitlua's core, in the manner of tests/unit/main.c. */
#ifdef __x86_64__
#define MACHINE_SUITES(X) X(x64)
#else
#define MACHINE_SUITES(X)
#endif

#define SUITES(X)  \
	X(alloc)   \
	X(number)  \
	X(format)  \
	X(string)  \
	X(table)   \
	X(gc)      \
	X(fold)    \
	X(virtual) \
	X(replace) \
	X(counting) \
	X(passes)  \
	X(strengthen) \
	MACHINE_SUITES(X)

#include "../unit/main.c"
