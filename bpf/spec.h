/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spec.h - where a probe argument is, in 32 bits of the attach cookie.
 *
 * The loader reads the argument strings of the notes ("8@%rdi", "-4@$3") and
 * puts the first argument's place into the lower half of the cookie, the
 * second's into the upper. Two are enough: the rest is in the event.
 *
 *	bits 0-15   offset into struct pt_regs, or a constant (signed)
 *	bits 16-19  size in bytes: 1, 2, 4, 8
 *	bits 20-21  SPEC_REGISTER or SPEC_CONSTANT
 *	bits 24-31  which probe it is (enum jit_probe)
 *
 * The events' first argument says all; there the upper half is the file's
 * jitscope_file_id() instead.
 *
 * The loader never lets an offset pass that lies outside struct pt_regs.
 */
#ifndef JITSCOPE_BPF_SPEC_H
#define JITSCOPE_BPF_SPEC_H

enum { SPEC_NONE, SPEC_REGISTER, SPEC_CONSTANT };

#define SPEC(kind, size, offset) \
	((__u32)(kind) << 20 | (__u32)(size) << 16 | ((__u32)(offset)&0xffff))
#define SPEC_OF_PROBE(probe) ((__u32)(probe) << 24)
#define SPEC_PROBE(spec) ((spec) >> 24)
#define SPEC_KIND(spec) ((spec) >> 20 & 3)
#define SPEC_SIZE(spec) ((spec) >> 16 & 15)
#define SPEC_OFFSET(spec) ((spec)&0xffff)

#endif
