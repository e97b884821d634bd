/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x64.h - the x86-64 backend: what its files share.
 *
 * A trace is compiled in one pass over its list (operations.c, calls.c), which
 * allocates registers as it goes (allocate.c) into a buffer of code (emit.c) that
 * holds no absolute address of itself. It is then copied to where it runs
 * (memory.c). Compiled again with better knowledge of which values the loop has no
 * registers for, if the first pass showed that (assemble.c).
 *
 * All traces run in one frame of the machine stack with the same layout, so that
 * they can jump to each other (exits.c):
 *
 *	rsp + 0			the frame (lua_State.frame) that entered
 *	rsp + 8, 16		number of the guard that failed, its trace
 *	rsp + SPILL_OFFSET	spilled values
 *
 * rbx is the base of the entering frame's slots, rbp the lua_State. rax and xmm15
 * are free for any instruction sequence; the rest holds values. r15 may be where run
 * counts are, in loops that leave it alone (counting.c).
 */
#ifndef JITLUA_X64_H
#define JITLUA_X64_H

#include <string.h>

#include "../trace/helpers.h"

enum {
	RAX,
	RCX,
	RDX,
	RBX,
	RSP,
	RBP,
	RSI,
	RDI,
	R8,
	R9,
	R10,
	R11,
	R12,
	R13,
	R14,
	R15,
	XMM0,
	XMM1,
	XMM15 = XMM0 + 15,
	REGISTERS,
	NO_REG = -1,
};

#define BASE RBX
#define STATE RBP
#define COUNT_BASE R15
#define bit(r) (UINT32_C(1) << (r))
#define ALL_GPRS (0xffffu & ~(bit(RAX) | bit(RBX) | bit(RSP) | bit(RBP)))
#define ALL_XMMS 0x7fff0000u
#define CALLEE_SAVED (bit(R12) | bit(R13) | bit(R14) | bit(R15))

#define MAX_SPILLS 500
#define SPILL_OFFSET 32
#define FRAME_SIZE (SPILL_OFFSET + MAX_SPILLS * 8 + 8) /* 8 more than a multiple of 16 */

/* ---- emit.c ---------------------------------------------------------------------------- */

/* base and index NO_REG: constant number disp of the pool behind the code. */
typedef struct mem {
	int8_t base, index;
	uint8_t scale; /* 1, 2, 4, 8 */
	int32_t disp;
} Mem;

#define at_reg(r, d) ((Mem){.base = (int8_t)(r), .index = NO_REG, .scale = 1, .disp = (int32_t)(d)})

enum fixup_kind { FIX_POOL, FIX_EXIT, FIX_ADDRESS };

/* A rel32 at `at`, relative to `end`, to be filled in when it is known where things are. */
typedef struct fixup {
	enum fixup_kind kind;
	uint32_t at, end;
	uintptr_t target; /* number of the constant, of the record; address */
} Fixup;

typedef struct code {
	uint8_t *bytes;
	uint32_t n, size;
	Fixup *fixups;
	uint32_t n_fixups, size_fixups;
	uint64_t *pool;
	uint32_t n_pool, size_pool;
	uint32_t zero_at; /* here the zero flag tells of zero_of, the last result */
	int zero_of;
	bool failed; /* no memory */
} Code;

/* Opcodes: byte, escape, mandatory prefix, REX.W. */
#define X_0F 0x100
#define X_0F3A 0x200
#define X_W 0x1000
#define X_66 0x660000
#define X_F2 0xf20000
enum {
	X_MOV = 0x8b | X_W,
	X_MOV_STORE = 0x89 | X_W,
	X_STORE32 = 0x89,
	X_MOV32 = 0x8b,
	X_MOVZX8 = 0xb6 | X_0F,
	X_LEA = 0x8d | X_W,
	X_INC = 0xff | X_W, /* with 0 for the register */
	X_TEST = 0x85 | X_W,
	X_CMP_STORE = 0x39 | X_W, /* memory on the left */
	X_IMUL = 0xaf | X_0F | X_W,
	X_MOVSD = 0x10 | X_0F | X_F2,
	X_MOVSD_STORE = 0x11 | X_0F | X_F2,
	X_MOVAPS = 0x28 | X_0F,
	X_MOVQ_FROM_GPR = 0x6e | X_0F | X_66 | X_W,
	X_MOVQ_TO_GPR = 0x7e | X_0F | X_66 | X_W,
	X_ADDSD = 0x58 | X_0F | X_F2,
	X_MULSD = 0x59 | X_0F | X_F2,
	X_SUBSD = 0x5c | X_0F | X_F2,
	X_DIVSD = 0x5e | X_0F | X_F2,
	X_SQRTSD = 0x51 | X_0F | X_F2,
	X_UCOMISD = 0x2e | X_0F | X_66,
	X_CVTSI2SD = 0x2a | X_0F | X_F2 | X_W,
	X_CVTTSD2SI = 0x2c | X_0F | X_F2 | X_W,
	X_XORPS = 0x57 | X_0F,
	X_ANDPS = 0x54 | X_0F,
	X_CMPSD = 0xc2 | X_0F | X_F2,
	X_ROUNDSD = 0x0b | X_0F3A | X_66,
};

/* Two operands: X_ALU(ALU_ADD); with an immediate: emit_alu_imm(). */
enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_AND = 4, ALU_SUB, ALU_XOR, ALU_CMP };
#define X_ALU(op) (((op) << 3) | 3 | X_W)

enum { SHIFT_SHL = 4, SHIFT_SHR, SHIFT_SAR = 7 };
enum { UNARY_NOT = 2, UNARY_NEG, UNARY_MUL, UNARY_IDIV = 7 };

/* Condition codes; ^ 1 negates. */
enum {
	CC_B = 2,
	CC_AE,
	CC_E,
	CC_NE,
	CC_BE,
	CC_A,
	CC_S,
	CC_NS,
	CC_P,
	CC_NP,
	CC_L,
	CC_GE,
	CC_LE,
	CC_G,
};

void code_open(Code *code);
void code_close(Code *code);
void emit_byte(Code *code, unsigned b);
void emit_u32(Code *code, uint32_t n);
void emit_rr(Code *code, unsigned opcode, int reg, int rm);
/* trail: bytes of the instruction that follow, its immediate. */
void emit_rm(Code *code, unsigned opcode, int reg, Mem mem, unsigned trail);
void emit_alu_imm(Code *code, int op, int rm, int32_t imm);
void emit_push(Code *code, int reg);
void emit_pop(Code *code, int reg);
void emit_shift_imm(Code *code, int op, int rm, int count);
void emit_unary(Code *code, int op, int rm);
/* As short as it can be; keeps the flags. */
void emit_mov_imm(Code *code, int reg, uint64_t imm);
/* Writes eight bytes; changes rax if the constant does not fit into an immediate. */
void emit_store_imm(Code *code, Mem to, uint64_t imm);
void emit_store_imm32(Code *code, Mem to, uint32_t imm); /* four bytes */
void emit_store_byte(Code *code, Mem to, uint8_t imm);
void emit_compare_byte(Code *code, Mem with, uint8_t imm);
/* op is ALU_ADD etc.; of eight bytes, of four. */
void emit_alu_memory_imm(Code *code, int op, Mem to, int32_t imm);
void emit_alu_memory_imm32(Code *code, int op, Mem to, uint32_t imm);
void emit_compare_imm(Code *code, Mem with, int32_t imm);    /* of eight bytes */
void emit_compare_imm32(Code *code, Mem with, uint32_t imm); /* of four */
/* Equal: reg is 0. Of other conditions nothing is said. */
void emit_test_zero(Code *code, int reg);
void emit_test_byte(Code *code, Mem with, uint8_t imm);
/* A jump whose target is bound later, at emit_here(). */
uint32_t emit_jump_short(Code *code, int cc);
void emit_here(Code *code, uint32_t jump);
/* cc -1: always */
void emit_jump_fixup(Code *code, int cc, enum fixup_kind kind, uintptr_t target);
void emit_jump_back(Code *code, uint32_t to);
void emit_call_fixup(Code *code, const void *to);
void emit_call(Code *code, const void *function); /* changes rax */
void emit_align(Code *code, uint32_t to);
/* One instruction of up to 15 bytes that does nothing. */
void emit_nop(Code *code, unsigned n);
void put_nop(uint8_t *at, unsigned n);
Mem emit_constant(Code *code, uint64_t bits);
/* Moves between registers of any kind. */
void emit_move(Code *code, int to, int from);
void emit_load(Code *code, int to, Mem from);
void emit_store(Code *code, Mem to, int from);

/* ---- Locations, records ------------------------------------------------------------------ */

/* Where a value is: a register's number, or LOCATION_SLOT and more: a spill slot. */
typedef uint16_t Location;
#define LOCATION_SLOT REGISTERS
#define LOCATION_NONE UINT16_MAX

/* A guard, or a call that writes its snapshot. */
typedef struct record {
	IrRef at; /* the operation */
	int32_t snapshot;
	uint32_t locations; /* one for each of the snapshot's entries */
	uint32_t jumps[3];  /* places of their rel32 in the code; 0: none */
	uint32_t stub;	    /* place of its stub, if it has one */
	bool has_stub;
	uint8_t n_jumps;
	bool may_link;
} Record;

/* ---- space.c ------------------------------------------------------------------------------- */

/* Of the code area, from its beginning. */
typedef struct block {
	uint32_t at, size;
	int32_t what; /* the number of an exit that goes on in another trace, or CODE_* */
} Block;

enum { CODE_TRACE = -1, CODE_COUNTER = -2, CODE_SHARED = -3 };

typedef struct space {
	size_t size; /* where what may be taken ends */
	size_t used; /* end of what was ever taken; beyond `size` if that was lowered */
	Block *gaps;
	uint32_t n_gaps, size_gaps;
} Space;

bool space_take(Space *s, size_t bytes, Block *block); /* false: there is no room */
void space_give(Space *s, Block block);
size_t space_in_use(const Space *s);
void space_close(Space *s);

/* Where a value is that lives when a loop begins: in either, or both. */
typedef struct label_location {
	IrRef ref;
	int8_t reg;   /* NO_REG */
	int16_t slot; /* -1: none */
} LabelLocation;

typedef struct machine_trace {
	struct machine *machine;
	Trace *t;
	Record *records;
	uint32_t n_records, size_records;
	Location *locations;
	uint32_t n_locations, size_locations;
	uint32_t n_spills;
	Block *blocks; /* its code, and that of its linked exits */
	uint32_t n_blocks, size_blocks;
	uint8_t *forced;	      /* test mode: operations whose guard failed once */
	LabelLocation *label;	      /* a loop: what there is at its label, and where */
	uint32_t n_label, label_code; /* place of its code */
	uint32_t slot;		      /* place of what counts runs, or could */
	bool has_count_base;	      /* COUNT_BASE is loaded there */
	const uint8_t *counter; /* code that counts and tells, in counter_runs; NULL: none yet */
	const uint64_t *counter_runs;
	uint32_t *wishes; /* places of what Global.heard is compared with: four bytes */
	uint32_t n_wishes, size_wishes;
	uint32_t heard; /* what they are */
} MachineTrace;

/* ---- memory.c ------------------------------------------------------------------------------ */

/* What a trace that was left, or that calls, had in its registers and slots. */
typedef struct exit_state {
	uint64_t gprs[16];
	uint64_t xmms[16];
	uint64_t spills[MAX_SPILLS];
} ExitState;

/* Of one Jit. */
#define MAX_WRITTEN 8

typedef struct machine {
	ExitState state;
	const MachineTrace *left; /* whose state that is */
	const Record *record;	  /* at which guard */
	uint8_t *area;
	size_t reserved; /* bytes of addresses there; space.size is not more */
	Space space;
	unsigned writing;	    /* machine_begin() that have no end yet */
	Block written[MAX_WRITTEN]; /* regions that are writable */
	unsigned n_written;
	uint32_t apart;	    /* where those end that are kept apart */
	bool has_round;	    /* SSE4.1 */
	const void *counts; /* run counts are not far from here; the same for good */
	/* Code that all traces share: one block. */
	int32_t (*enter)(lua_State *L, const void *code);
	const void *leave, *force, *barrier_back, *barrier, *tell_run, *shared_end;
} Machine;

Machine *machine_of(lua_State *L); /* NULL without memory */
void machine_close(Jit *jit);
/* Backend.limit */
bool machine_limit(Jit *jit, int64_t mib, bool *fits);
Payload machine_value(lua_State *L, const Trace *t, IrRef ref, unsigned n);
/*
 * Copies code to where it can run; NULL: no room. exits: place of each record's stub.
 * x: the trace that it is part of, NULL for what all share. what: as in Block.
 */
uint8_t *machine_install(Machine *m, MachineTrace *x, Code *code, const uint32_t *exits,
			 int32_t what);
/* Backend.piece */
bool machine_piece(const Jit *jit, const Trace *t, unsigned n, CodePiece *piece);
/* The trace's code is not needed any more. */
void machine_remove(Machine *m, MachineTrace *x);
/* Writes a rel32. */
void machine_patch(Machine *m, uint8_t *at, const uint8_t *target);
/* Overwrites code. */
void machine_write(Machine *m, uint8_t *at, const uint8_t *bytes, size_t n);
/* All that is written until the last end is done at once; no code runs. */
void machine_begin(Machine *m);
/* The same, and it will be all over the code. */
void machine_begin_all(Machine *m);
void machine_end(Machine *m);

/* ---- allocate.c ------------------------------------------------------------------------------ */

enum {
	VALUE_FUSED = 1 << 0,	/* computed by the guard that is its one use */
	VALUE_VIRTUAL = 1 << 1, /* an address that its uses compute */
	VALUE_SPILL = 1 << 2,	/* in memory when the loop begins */
};

typedef struct live {
	int32_t last;	    /* operation that needs it last; -1: none */
	uint32_t use, uses; /* in Compile.uses: operations that need it in a register */
	uint32_t next;	    /* the first of those that may still come */
	int16_t slot;	    /* -1: none */
	int8_t reg, hint;   /* NO_REG */
	uint8_t flags;
	uint32_t references; /* by operations and snapshots */
} Live;

typedef struct cold_barrier {
	uint32_t jump, back;
	int8_t container, value;
	const void *thunk;
} ColdBarrier;

typedef struct compile {
	lua_State *L;
	Jit *jit;
	Machine *m;
	Trace *t;
	const Ir *ir;
	MachineTrace *x;
	Code code;
	int32_t at; /* the operation */
	Live *values;
	int32_t *uses;
	int32_t *next_call; /* from each operation on, -1: none */
	uint32_t busy;	    /* registers that divisions empty for themselves */
	IrRef holder[REGISTERS];
	uint32_t free, pinned, temporary;
	uint64_t slots[(MAX_SPILLS + 63) / 64];
	ColdBarrier *cold;
	uint32_t n_cold, size_cold;
	uint32_t taken;			      /* registers that were, since the label */
	uint32_t count_base, count_base_size; /* place of what loads it */
	/* Frames that guards came to, by their descr: in rax behind an operation; -1: no slot. */
	int32_t rax_frame, rax_frame_at, slot_frame;
	int frame_slot;
	bool failed, full, again;
} Compile;

#define HOLDS_NOTHING IR_NONE
#define HOLDS_TEMPORARY (IR_NONE + 1)

/* What operation `at` needs in registers; at most UINT8_MAX + 1 references. */
unsigned operands_of(const Compile *c, IrRef at, IrRef *out);
bool live_analyze(Compile *c);
void allocate_reset(Compile *c);
void allocate_begin(Compile *c, IrRef at);
/* Frees what the operation needed last. */
void allocate_end(Compile *c);
bool dies_here(const Compile *c, IrRef ref);

/* A register with the value; a constant is loaded into a temporary. Pinned. */
int need(Compile *c, IrRef ref);
/* Where it is, without moving it: a register (pinned), a spill slot or a pool constant. */
bool in_register(const Compile *c, IrRef ref);
Mem memory_of(Compile *c, IrRef ref);
int temporary(Compile *c, uint32_t mask);
/* A register for this operation's result. */
int result(Compile *c);
/* Arguments that die here give up their registers, for an instruction that reads them first. */
void free_operands(Compile *c);
/* The same, and the argument `ref` is copied to it; its own if it dies here. */
int result_from(Compile *c, IrRef ref);
/* The result is in this free register. */
void bind(Compile *c, IrRef ref, int reg);
void release(Compile *c, IrRef ref);
/* Empties the registers: their values go elsewhere. */
void evict(Compile *c, uint32_t mask);
/* Before a call: what lives on is in callee-saved registers or memory. */
void preserve(Compile *c, bool arguments_too);
/* After one. */
void forget_registers(Compile *c);
Mem spill_address(int slot);
/* Not in use by any value; sets c->full if there is none. */
int new_slot(Compile *c);
Location location_of(const Compile *c, IrRef ref);
uint32_t class_of(const Compile *c, IrRef ref);

typedef struct move {
	Location to, from; /* from LOCATION_NONE: the constant */
	IrRef constant;
} Move;
#define MAX_MOVES 1024
/* One more: what ref is goes there. */
void add_move(Compile *c, Move *moves, unsigned *n, Location to, IrRef ref);
/* All at once. */
void move_all(Compile *c, Move *moves, unsigned n);

void allocate_label(Compile *c, const IrOp *label);
void allocate_jump(Compile *c, const IrOp *jump);

/* ---- operations.c, calls.c, assemble.c, exits.c ------------------------------------------------
 */

void compile_operation(Compile *c, const IrOp *op);
void compile_call(Compile *c, const IrOp *op);
void compile_call_may_force(Compile *c, const IrOp *op);
void compile_plain_call(Compile *c, const void *function, const IrOp *op);
void compile_barrier(Compile *c, const IrOp *op);
void compile_division(Compile *c, const IrOp *op);
void compile_guard(Compile *c, const IrOp *op);
void compile_leave_pcall(Compile *c, const IrOp *op);
void compile_finish(Compile *c, const IrOp *op);
/* join.c: a jump to another trace's label; before: values had best be where it wants them. */
void compile_join(Compile *c, const IrOp *op);
void hint_join(Compile *c);
void compile_force(Compile *c, const IrOp *op);
void compile_cold(Compile *c);
/* A load's place in memory; how many bytes it reads: 1, 4, 8. */
Mem load_address(Compile *c, const IrOp *op);
int load_size(const IrOp *op);
bool is_load(enum ir_opcode opcode);
bool is_integer_comparison(enum ir_opcode opcode);
bool is_float_comparison(enum ir_opcode opcode);
bool constant_bits(const Compile *c, IrRef ref, uint64_t *bits);
bool is_immediate(const Compile *c, IrRef ref, int32_t *imm);
/* Sets the flags of a comparison; the condition under which it is true. */
int compile_comparison(Compile *c, const IrOp *op);

/* The record of the operation, with where its snapshot's values are now. */
uint32_t new_record(Compile *c, const IrOp *op);
/* Sees to it that a vector has room for n elements; false: no memory. */
bool room_for(Compile *c, void *vector, uint32_t n, uint32_t *size, size_t element);
/* Leaves under a condition (-1: always). */
void exit_if(Compile *c, uint32_t record, int cc);
/* Where code jumps to that finds that there is no room: the record's stub. */
struct refuge {
	enum fixup_kind kind;
	uintptr_t target;
};
/*
 * From a guard's failure, or the end of t, to where `to` begins, but for the jump. dead:
 * slots that are not written (join.h), then what is in registers other than rax, rcx,
 * rdx stays there; NULL: none, and nothing does.
 */
void go_on(Code *code, const Trace *t, const MachineTrace *x, const Record *r, const Trace *to,
	   struct refuge out, const RegisterSet *dead);
void link_exit(lua_State *L, Trace *t, int32_t exit, Trace *to);

/* ---- counting.c ------------------------------------------------------------------------------ */

#define SLOT_SIZE 13
void emit_slot(Compile *c);
/* Loads COUNT_BASE: before a label, and before a jump to one from elsewhere. */
void emit_count_base(const Machine *m, Code *code);
/* A loop's body comes, is over: may COUNT_BASE stay? */
void count_base_begin(Compile *c);
void count_base_end(Compile *c);
void x64_count(lua_State *L, Trace *t);
/* Equal: the wish word is as it was when it was heard. */
void compare_heard(Compile *c);
void x64_hear(lua_State *L, Trace *t);
/* Called by code. */
void x64_tell_run(lua_State *L, uint64_t no, uint64_t type);

int x64_assemble(lua_State *L, Trace *t);
/* Called by code: leaving; before a call that may force. */
int32_t x64_leave(const MachineTrace *x, uint32_t record, const uint64_t *frame);
void x64_force(const MachineTrace *x, uint32_t record, const uint64_t *frame, lua_State *L);

#endif
