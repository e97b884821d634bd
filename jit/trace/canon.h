/* SPDX-License-Identifier: BSD-2-Clause */
/* canon.h - one form for what can be computed in several ways. */
#ifndef JITLUA_CANON_H
#define JITLUA_CANON_H

#include "opt.h"

/*
 * Writes op like opt_emit(), in its canonical form: two operations whose forms are one
 * reference give the same value for all arguments.
 */
IrRef canon_emit(Opt *o, const IrOp *op, const IrRef *args);
/*
 * Makes a guard of references of the new list the canonical one with the same
 * condition; may write the comparison that it is about.
 */
void canon_guard(Opt *o, IrOp *op);
/* A comparison: its value is 0 or 1. */
bool canon_is_comparison(enum ir_opcode opcode);

#endif
