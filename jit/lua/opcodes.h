/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * opcodes.h - the instructions of Lua 5.4's bytecode.
 *
 *	 31     24 23     16 15 14      7 6      0
 *	[   C    |    B    |k|    A     |   op   ]	ABC
 *	[        Bx          |    A     |   op   ]	ABx, AsBx (excess 2^16 - 1)
 *	[             Ax                |   op   ]	Ax, sJ (excess 2^24 - 1)
 *
 * sB and sC are in excess of 127. This is the format of LUAC_VERSION 0x54,
 * LUAC_FORMAT 0; the reference is the comment on each opcode of Lua 5.4's
 * lopcodes.h.
 */
#ifndef JITLUA_OPCODES_H
#define JITLUA_OPCODES_H

#include "object.h"

/* name, writes register A, is a test (a jump follows) */
#define OPCODES(X)                                                                                                          \
	X(MOVE, 1, 0)                                                                                                       \
	X(LOADI, 1, 0) X(LOADF, 1, 0) X(LOADK, 1, 0) X(LOADKX, 1, 0) X(LOADFALSE, 1, 0) X(                                  \
		LFALSESKIP, 1, 0) X(LOADTRUE, 1, 0) X(LOADNIL, 1, 0) X(GETUPVAL, 1, 0) X(SETUPVAL,                          \
											 0, 0)                              \
		X(GETTABUP, 1, 0) X(GETTABLE, 1, 0) X(GETI, 1, 0) X(GETFIELD, 1, 0) X(SETTABUP, 0, 0) X(                    \
			SETTABLE,                                                                                           \
			0,                                                                                                  \
			0) X(SETI, 0, 0) X(SETFIELD, 0, 0)                                                                  \
			X(NEWTABLE, 1,                                                                                      \
			  0) X(SELF, 1,                                                                                     \
			       0) X(ADDI, 1,                                                                                \
				    0) X(ADDK, 1,                                                                           \
					 0) X(SUBK, 1,                                                                      \
					      0) X(MULK, 1, 0)                                                              \
				X(MODK, 1, 0) X(POWK, 1, 0) X(DIVK, 1, 0) X(IDIVK, 1, 0) X(                                 \
					BANDK,                                                                              \
					1,                                                                                  \
					0) X(BORK, 1, 0) X(BXORK, 1, 0)                                                     \
					X(SHRI, 1, 0) X(SHLI, 1, 0) X(ADD, 1, 0) X(SUB, 1, 0) X(                            \
						MUL, 1,                                                                     \
						0) X(MOD, 1,                                                                \
						     0) X(POW, 1, 0)                                                        \
						X(DIV, 1, 0) X(IDIV, 1, 0) X(BAND, 1, 0) X(BOR, 1, 0) X(                    \
							BXOR, 1, 0) X(SHL, 1,                                               \
								      0) X(SHR, 1, 0)                                       \
							X(MMBIN, 0,                                                         \
							  0) X(MMBINI, 0,                                                   \
							       0) X(MMBINK, 0,                                              \
								    0) X(UNM, 1,                                            \
									 0) X(BNOT, 1,                                      \
									      0) X(NOT, 1, 0)                               \
								X(LEN, 1,                                                   \
								  0) X(CONCAT, 1,                                           \
								       0) X(CLOSE, 0,                                       \
									    0) X(TBC, 0,                                    \
										 0) X(JMP, 0,                               \
										      0) X(EQ, 0, 1)                        \
									X(LT, 0,                                            \
									  1) X(LE, 0,                                       \
									       1) X(EQK, 0,                                 \
										    1) X(EQI, 0,                            \
											 1) X(LTI,                          \
											      0,                            \
											      1) X(LEI,                     \
												   0, 1) X(GTI,             \
													   0, 1)            \
										X(GEI, 0,                                   \
										  1) X(TEST, 0,                             \
										       1) X(TESTSET,                        \
											    1,                              \
											    1) X(CALL,                      \
												 1,                         \
												 0) X(TAILCALL,             \
												      1,                    \
												      0) X(RETURN, 0, 0)    \
											X(RETURN0,                          \
											  0,                                \
											  0) X(RETURN1,                     \
											       0,                           \
											       0) X(FORLOOP,                \
												    1,                      \
												    0) X(FORPREP,           \
													 1,                 \
													 0) X(TFORPREP,     \
													      0,            \
													      0)            \
												X(TFORCALL,                 \
												  0,                        \
												  0) X(TFORLOOP,            \
												       1,                   \
												       0) X(SETLIST,        \
													    0,              \
													    0) X(CLOSURE,   \
														 1,         \
														 0)         \
													X(VARARG,           \
													  1,                \
													  0) X(VARARGPREP,  \
													       1,           \
													       0)           \
														X(EXTRAARG, \
														  0,        \
														  0)

enum opcode {
#define X(name, sets_a, test) OP_##name,
	OPCODES(X)
#undef X
		OPCODE_COUNT,

	/*
	 * Patched over others by the JIT (trace/hot.c), never in a chunk. J*: enters the
	 * trace that Bx (JJMP: Ax) numbers. COLD_*: as the original, but not counted.
	 */
	OP_JFORLOOP = OPCODE_COUNT,
	OP_JTFORLOOP,
	OP_JJMP,
	OP_JFUNCTION,
	OP_COLD_FORLOOP,
	OP_COLD_TFORLOOP,
	OP_COLD_JMP,
};

#define MAX_BX ((1 << 17) - 1)
#define OFFSET_SBX (MAX_BX >> 1)
#define OFFSET_SJ (((1 << 25) - 1) >> 1)
#define OFFSET_SC 127

#define get_op(i) ((enum opcode)((i)&0x7f))
#define get_a(i) ((int)(((i) >> 7) & 0xff))
#define get_k(i) ((int)(((i) >> 15) & 1))
#define get_b(i) ((int)(((i) >> 16) & 0xff))
#define get_c(i) ((int)((i) >> 24))
#define get_sb(i) (get_b(i) - OFFSET_SC)
#define get_sc(i) (get_c(i) - OFFSET_SC)
#define get_bx(i) ((int)((i) >> 15))
#define get_sbx(i) (get_bx(i) - OFFSET_SBX)
#define get_ax(i) ((int)((i) >> 7))
#define get_sj(i) (get_ax(i) - OFFSET_SJ)

/* Elements that one SETLIST stores at the most, before the next continues. */
#define FIELDS_PER_FLUSH 50

#endif
