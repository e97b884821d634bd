/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp_jit.c - the interpreter once more, with the JIT's part (interp_hot.h): so
 * that the other one, for -joff, pays nothing for it.
 */
/* Its table of handlers is the plain one with some replaced. */
#pragma GCC diagnostic ignored "-Woverride-init"
#define INTERP_JIT 1
#define INTERP_RUN interp_run_jit
#include "interp.c" /* NOLINT(bugprone-suspicious-include) */
