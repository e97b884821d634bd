/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h - private to the recorder.
 *
 * The recorder follows the interpreter: before each instruction it looks at the
 * registers that the instruction will read, writes down what the instruction does
 * to values of just these types, and guards that they are. It knows of each slot
 * what the trace has in it: nothing yet (memory has it), something it loaded, or
 * something it wrote, which memory does not have and snapshots must.
 *
 * Slots are counted from register 0 of the frame where the trace begins; -1 is
 * that frame's function.
 *
 * Order within an instruction: all guards come before its effects, since a guard
 * leaves to the instruction's beginning.
 */
#ifndef JITLUA_RECORD_H
#define JITLUA_RECORD_H

#include <limits.h>

#include "../lua/meta.h"
#include "../lua/number.h"
#include "../lua/opcodes.h"
#include "../lua/table.h"
#include "helpers.h"
#include "shared.h"

#define MAX_INLINED 16
#define MAX_RETURNS 8
#define MAX_TAIL_CALLS 20
#define NO_VALUES INT_MIN
#define MAX_KNOWN_RESULTS 16

enum slot_state { SLOT_UNKNOWN, SLOT_LOADED, SLOT_WRITTEN };

typedef struct recorded_slot {
	IrRef ref; /* IR_NONE: nil, false, true */
	uint8_t tag;
	uint8_t state;
	uint32_t set_by; /* a slot in memory: number of the instruction that wrote ref, tag */
} RecordedSlot;

typedef struct recorder {
	lua_State *L;
	Jit *jit;
	Trace *t;
	Ir *ir;
	const Instruction *pc; /* behind the instruction that is recorded */
	Instruction i;
	int line;
	uint32_t number;   /* of instructions, this one included */
	int base;	   /* slot of the running frame's register 0 */
	Frame *last_frame; /* of the last instruction that was recorded */
	Frame *frame;	   /* that is recorded: others are C functions' own calls */
	int given;	   /* arguments of the function that was entered last */
	bool entering;	   /* the next instruction is the first of a function that frame calls */
	uint32_t entered;  /* the last instruction enters this trace, if it jumps; 0 */
	bool starting;	   /* it is that */
	int tail_calls;
	const Instruction *back; /* where the last jump back went, how often in a row */
	int64_t turns;
	bool resumes; /* a coroutine */
	/*
	 * The frame at the bottom is the one that entered the trace, or, after `below` of
	 * them were left, one that was there before. Slots from `floor` on are its own.
	 */
	int below, bottom_base, floor;
	const Proto *bottom; /* NULL: nothing is known of it, for a tail call left the last */
	int depth;
	SnapshotFrame inlined[MAX_INLINED];
	const Instruction *return_pc; /* depth > 0: where the bottom frame goes on */
	int32_t snapshot;	      /* of the instruction's beginning, -1: not taken yet */
	int variable_top;	      /* slot behind variable results, or NO_VALUES */
	int top;     /* where exits of this instruction put L->top: behind those that it takes */
	int pending; /* slot of variable results whose number is not known yet */
	IrRef pending_count;		       /* their number */
	const struct longjmp_handler *handler; /* of errors, before the instruction */
	bool succeeds; /* a pcall() of a C function that is taken not to fail */
	bool raises; /* the recorded instruction raises an error, and goes on where it is caught */
	/* Read and written in memory: what closures may share when a frame is come to ... */
	SlotSet shared;
	/* ... and what closures that the trace made share, until the block is left. */
	SlotSet opened;
	bool begun;
	jmp_buf *give_up; /* record_abort() */
	RecordedSlot slots[MAX_BELOW + MAX_SLOTS];
} Recorder;

/* ---- record.c ---------------------------------------------------------------------------- */

/* Gives the trace up; does not return. */
_Noreturn void record_abort(Recorder *r, enum jit_abort_reason reason, const char *detail);
/* Ends the trace before this instruction, with a bridge never to begin there. */
void record_end_before(Recorder *r);
/* The name of the instruction that is recorded, for messages. */
const char *record_instruction_name(const Recorder *r);

/* ---- record_slot.c ------------------------------------------------------------------------ */

RecordedSlot *record_slot(Recorder *r, int slot);
/* What is known of a slot that is in range. */
static inline RecordedSlot *known_slot(Recorder *r, int slot)
{
	return &r->slots[slot + MAX_BELOW];
}
/* The bottom frame is a vararg function's, whose own slots begin at `slot`. */
void record_reach(Recorder *r, int slot);
/* Is it kept in memory, since closures share it? */
static inline bool record_is_shared(const Recorder *r, int slot)
{
	return slot_set_has(&r->shared, slot) || slot_set_has(&r->opened, slot);
}
/* From `slot` on there is no value of the trace any more. */
void record_forget_from(Recorder *r, int slot);
/* These registers of the running frame, of which nothing is known, stay in memory. */
void record_share(Recorder *r, const RegisterSet *shared);
/* What slot holds, loaded and its tag guarded if need be. *tag may be NULL. */
IrRef record_use_slot(Recorder *r, int slot, uint8_t *tag);
/* The same for a register of the running frame. */
static inline IrRef record_use(Recorder *r, int reg, uint8_t *tag)
{
	return record_use_slot(r, r->base + reg, tag);
}
void record_set_slot(Recorder *r, int slot, IrRef ref, uint8_t tag);
static inline void record_set(Recorder *r, int reg, IrRef ref, uint8_t tag)
{
	record_set_slot(r, r->base + reg, ref, tag);
}
/* What the interpreter has in a register. */
Value *record_value(const Recorder *r, int reg);
/* Reference of a constant of the running function (IR_NONE for nil and booleans). */
IrRef record_constant(Recorder *r, const Value *v);

IrRef record_emit(Recorder *r, enum ir_opcode opcode, IrRef a, IrRef b, int32_t descr);
IrRef record_emit3(Recorder *r, enum ir_opcode opcode, IrRef a, IrRef b, IrRef c, int32_t descr);
/* opcode by the type of a value with this tag: record_typed(IR_GETSLOT_I, tag). */
static inline enum ir_opcode record_typed(enum ir_opcode integer, uint8_t tag)
{
	return tag == TAG_INTEGER ? integer : tag == TAG_FLOAT ? integer + 1 : integer + 2;
}
/* A guard that leaves to the beginning of the instruction. */
void record_guard(Recorder *r, enum ir_opcode opcode, IrRef a, IrRef b);
static inline void record_guard_that(Recorder *r, bool holds, IrRef condition)
{
	record_guard(r, holds ? IR_GUARD_TRUE : IR_GUARD_FALSE, condition, IR_NONE);
}
void record_guard_integer(Recorder *r, IrRef ref, lua_Integer i);
/* One with a descr: of frames (ir.h), or a slot. */
void record_guard_frame(Recorder *r, enum ir_opcode opcode, IrRef a, int32_t descr);
/* No hook, no collection is due; its exit is its own. */
void record_guard_not_invalidated(Recorder *r);
/*
 * A value in memory that `tag_ref` is the tag of: guards the tag and loads with the
 * opcode for it; IR_NONE for nil and booleans.
 */
IrRef record_load(Recorder *r, IrRef tag_ref, uint8_t tag, enum ir_opcode integer, IrRef a,
		  IrRef b);
/* A call of a helper with n arguments. */
IrRef record_call(Recorder *r, enum ir_helper helper, unsigned n, const IrRef *args);
/* Operand n of the next helper (Jit.operands). */
void record_operand(Recorder *r, unsigned n, IrRef ref, uint8_t tag);
/* Guards that a helper made string s, of the length that it has now; returns its tag. */
uint8_t record_new_string(Recorder *r, IrRef s, size_t length);
/* Takes a snapshot of the state at pc, L->top at slot `top`, or TOP_*. */
int32_t record_snapshot(Recorder *r, const Instruction *pc, int top);
/* That of the instruction's beginning, before it changes what is known. */
void record_take_snapshot(Recorder *r);
/* Ends the trace: the state is that of before this instruction; descr as in finish. */
void record_finish(Recorder *r, const Instruction *pc, int32_t descr);

/* ---- record_loop.c ------------------------------------------------------------------------ */

/* The next instruction is the first of the recorded loop again. */
void record_close_loop(Recorder *r);
/* Did the recorded instruction jump back? pc is behind the one that comes next. */
bool record_jumped_back(const Recorder *r, const Frame *f, const Instruction *pc);
/* It did, into another loop: for a few turns only. */
void record_unroll(Recorder *r, const Instruction *pc);
/* The instruction that is recorded may be one that enters another trace. */
void record_meet_trace(Recorder *r);
/* Does another trace go on before pc? Then this one has ended. */
bool record_goes_on(Recorder *r, const Instruction *pc);

/* ---- The parts: each does one instruction ------------------------------------------------- */

void record_arith(Recorder *r, int op, int a, const Value *b, IrRef b_ref, const Value *c,
		  IrRef c_ref);
void record_unary(Recorder *r, enum opcode op);
/* Comparisons and tests, with the jump that follows. */
void record_comparison(Recorder *r, enum opcode op);
void record_for_loop(Recorder *r);
IrRef record_float_to_integer(Recorder *r, IrRef number);
/* a < b of two numbers, as a truth value. */
IrRef record_less(Recorder *r, const Value *a, IrRef x, const Value *b, IrRef y);
/* Guards that a == b without metamethods is what it is now, and says what. */
bool record_raw_equal(Recorder *r, const Value *a, IrRef x, const Value *b, IrRef y);
void record_for_prepare(Recorder *r);

bool record_guard_absent(Recorder *r, Table *mt, IrRef mt_ref, enum meta event);
/* table[key] without metamethods, key neither nil nor a float. */
IrRef record_raw_get(Recorder *r, const Value *table, IrRef table_ref, const Value *key,
		     IrRef key_ref, uint8_t *tag);
void record_get_upvalue(Recorder *r);
void record_set_upvalue(Recorder *r);
void record_get(Recorder *r, enum opcode op);
void record_put(Recorder *r, enum opcode op);
/* A new table with room for so many elements and nodes. */
IrRef record_make_table(Recorder *r, lua_Integer array, lua_Integer hash);
/* n elements from `first` on of a new table, whose array part they are in. */
void record_put_elements(Recorder *r, IrRef table, lua_Integer first, const RecordedSlot *v, int n);
void record_new_table(Recorder *r);
void record_set_list(Recorder *r);
void record_length(Recorder *r);
void record_concat(Recorder *r);
/*
 * A metamethod of the concatenation before pc, called in slot func of its frame, returned
 * v, which is `result`. The instruction's snapshot was taken.
 */
void record_go_on_concat(Recorder *r, const Instruction *pc, int func, const Value *v,
			 const RecordedSlot *result);

/* A function that an instruction calls for its operands. */
struct callee {
	enum meta event;
	Value v;
	IrRef ref;
};

/*
 * Metamethod `event` of a value: *f, guarded to be looked for and found there, or
 * false, guarded not to be there.
 */
bool record_metamethod(Recorder *r, const Value *v, IrRef ref, enum meta event, Value *f,
		       IrRef *f_ref);
/* The slot above all registers, where metamethods are called. */
int record_nested_slot(const Recorder *r);
/* Those that are no Lua functions give the trace up. All guards are to come before. */
void record_meta_call(Recorder *r, int func, const struct callee *f, const RecordedSlot *args,
		      int n, int nresults);
void record_meta_operator(Recorder *r, enum meta event, const Value *a, IrRef x, const Value *b,
			  IrRef y);
/* The same of two operands of a concatenation, called in slot func. */
void record_meta_concat(Recorder *r, int func, const Value *a, IrRef x, const Value *b, IrRef y);
/* false, guarded: neither has an __eq. */
bool record_meta_equal(Recorder *r, const Value *a, IrRef x, const Value *b, IrRef y);
void record_meta_instruction(Recorder *r, enum opcode op);
/* A metamethod other than of a concatenation returned: what is left of the one before pc. */
void record_finish_instruction(Recorder *r, const Instruction *pc, const RecordedSlot *result);
/* The function in slot `func`, as a part of this instruction. */
void record_enter_nested(Recorder *r, int func, const Value *v, int arguments, int nresults);

/* Gives up if there is no room for n more inlined frames. */
void record_need_frames(Recorder *r, int n);
/* One that the running instruction opens. */
void record_push_frame(Recorder *r, const SnapshotFrame *f);
/* The results go to slot func and what follows, as many as are wanted. */
void record_put_results(Recorder *r, int func, const RecordedSlot *results, int n, int wanted);
void record_call_instruction(Recorder *r, enum opcode op);
void record_return(Recorder *r, enum opcode op);
/* Of a value in the stack, and of register 0 of that frame. */
int record_slot_of(const Recorder *r, const Value *v);
int record_base_below(const Recorder *r, const Frame *to);
/* f, which is the frame n before the one that entered, is what it is now. */
void record_guard_status(Recorder *r, const Frame *f, int n);
/* It goes on where it would now. */
void record_guard_pc(Recorder *r, const Frame *f, int n);
/* That frame is the one at the bottom now. left: frames that were there before. */
void record_go_below(Recorder *r, const Frame *to, int left);
/* The running frame was made by a tail call, for as many results as now. */
void record_guard_tail_called(Recorder *r);
/* Frames of p that the trace knows of. */
int record_recursion(const Recorder *r, const Proto *p);
void record_for_call(Recorder *r);
/* The generic for whose registers begin at a calls what ipairs() or pairs() returns: it is done. */
bool record_known_iterator(Recorder *r, int a);
void record_vararg_prepare(Recorder *r);
void record_vararg(Recorder *r);
void record_closure(Recorder *r);
void record_close(Recorder *r);
/* A block is left whose variables begin at `slot`; their values are not read any more. */
void record_close_block(Recorder *r, int slot);
/* The same of frames that were there, whose variables others may share. */
void record_close_all(Recorder *r, int slot);
/* The turn ends: as the code is, no variable that it shared outlives it; else it is given up. */
void record_end_sharing(Recorder *r);
/* Does it resume a coroutine? */
bool record_is_resume(const Value *v);
/*
 * A call of v, in slot func, that is pcall() or xpcall(): its Lua function is entered, or
 * its C function done. false: it is not, or has to be called like any other C function.
 */
bool record_enter_pcall(Recorder *r, int func, const Value *v, int arguments, int nresults);
/*
 * A call of v, in slot func, that is error(), or assert() of what is false: goes on where
 * the error is caught, or ends the trace. false: it is no such, or has to be called.
 */
bool record_raise(Recorder *r, int func, const Value *v, int arguments);
/* The frame of pcall() that Lua frame f returns to, or NULL: it is no such. */
Frame *record_pcall_of(const Frame *f);
/* pcall() at slot func, for nresults, returns true and what its function returned. */
void record_leave_pcall(Recorder *r, int func, int nresults, const RecordedSlot *results, int n);
/*
 * A function of Lua's own libraries in slot func: how many results it has now, which
 * are what `results` says; -1: it is not one that is known, but by its tag. Of results
 * beyond `wanted` (or LUA_MULTRET) there need be none.
 */
int record_known_function(Recorder *r, int func, const Value *v, int arguments, int wanted,
			  RecordedSlot results[MAX_KNOWN_RESULTS]);

#endif
