/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h - what the files of the tracing JIT share: the JIT's state, traces,
 * and who does what when.
 *
 *	interpreter --hot.c--> life.c --start--> record.c --finish.c--> opt.c
 *	     ^                                                            |
 *	     |                                                 optimize hook, verify.c
 *	     |                                                            |
 *	     +---enter.c, exit.c <--------runs-------- backend (x64, or run.c's)
 *
 * Where traces begin: at loop heads (FORLOOP, TFORLOOP, a JMP back: the first
 * instruction of the body), at function entries, at exits of other traces
 * (bridges). A compiled loop is entered by its instruction: the interpreter finds
 * JFORLOOP, JTFORLOOP, JJMP, JFUNCTION there, patched over the original, which the
 * trace keeps. `jit_original()` undoes that for whoever looks at code (dump, debug,
 * the recorder).
 *
 * While a trace runs L->frame is the frame that entered it and the stack is as it
 * was then. No collection happens: the loop's
 * guard_not_invalidated leaves the trace when one is due, and helpers that
 * allocate do not collect (they fail, the guard after them exits).
 */
#ifndef JITLUA_TRACE_H
#define JITLUA_TRACE_H

#include <jithooks/hooks.h>

#include "../lua/opcodes.h"
#include "../lua/state.h"
#include "ir.h"

/*
 * Parameters: PyPy's names and meaning, our defaults: name, default, and meaning with
 * unit, as -jhelp prints it and jitlua(1) has it.
 */
#define JIT_PARAMETERS(X)                                                                      \
	X(threshold, 57, "turns of a loop until it is compiled")                               \
	X(function_threshold, 113, "calls of a function until it is compiled")                 \
	X(trace_eagerness, 10, "failures of a guard until a bridge is made from it")           \
	X(trace_limit, 6000, "operations that one trace may record")                           \
	X(inlining, 1, "1: traces follow calls of Lua functions; 0: they are given up there")  \
	X(loop_longevity, 100000,                                                              \
	  "traces made since a loop was last entered, until it is freed; looked at every 512") \
	X(max_unroll_loops, 4, "turns of an inner loop that a trace goes around")              \
	X(max_unroll_recursion, 4, "frames of one function that a trace has at once")          \
	X(max_aborts, 6, "times that a place is given up until it is left alone")              \
	X(max_bridges, 100, "bridges of one loop")                                             \
	X(budget, 300,                                                                         \
	  "microseconds for traces, besides a share of the time interpreted; 0: no limit")     \
	X(code_limit, 64, "MiB of machine code, from 1 to 1024")

enum jit_parameter {
#define X(name, value, text) JIT_PARAMETER_##name,
	JIT_PARAMETERS(X)
#undef X
		JIT_PARAMETER_COUNT
};

/*
 * Why a trace is given up: name, PyPy's counter, text (with the operation's or
 * function's name put in for %s).
 */
#define JIT_ABORTS(X)                                                                   \
	X(TOO_LONG, JIT_ABORT_TOO_LONG, "trace too long")                               \
	X(NYI_INSTRUCTION, JIT_ABORT_OTHER, "not traced: instruction %s")               \
	X(NYI_FUNCTION, JIT_ABORT_OTHER, "not traced: C function %s")                   \
	X(NYI_OPERAND, JIT_ABORT_OTHER, "not traced: operands of %s")                   \
	X(METAMETHOD, JIT_ABORT_OTHER, "not traced: metamethod %s")                     \
	X(STRING_OPERAND, JIT_ABORT_OTHER, "not traced: string as operand of %s")       \
	X(NOT_INLINED, JIT_ABORT_OTHER, "call not followed: inlining is 0")             \
	X(OPEN_UPVALUE, JIT_ABORT_OTHER, "captured variable in a traced frame: %s")     \
	X(INNER_LOOP, JIT_ABORT_BAD_LOOP, "inner loop in a trace of the outer")         \
	X(LEFT_LOOP, JIT_ABORT_BAD_LOOP, "loop left before it closed")                  \
	X(RECURSION, JIT_ABORT_OTHER, "recursion not unrolled further")                 \
	X(RETURNED, JIT_ABORT_ESCAPE, "returned below the frame where the trace began") \
	X(UNSTABLE, JIT_ABORT_BAD_LOOP, "types change from turn to turn")               \
	X(ERROR, JIT_ABORT_ESCAPE, "error while tracing: %s")                           \
	X(HOOK, JIT_ABORT_ESCAPE, "debug hook while tracing")                           \
	X(COROUTINE, JIT_ABORT_ESCAPE, "other coroutine while tracing")                 \
	X(REJECTED, JIT_ABORT_OTHER, "not assembled: %s")                               \
	X(NO_MEMORY, JIT_ABORT_OTHER, "out of memory")                                  \
	X(CODE_FULL, JIT_ABORT_OTHER, "machine code memory full")                       \
	X(SWITCHED_OFF, JIT_ABORT_OTHER, "JIT compilation disabled for function")       \
	X(TURNED_OFF, JIT_ABORT_OTHER, "JIT turned off while recording")                \
	X(FLUSHED, JIT_ABORT_OTHER, "flushed while recording")                          \
	X(OVERTAKEN, JIT_ABORT_OTHER, "flushed, or overtaken, while a hook ran")

enum jit_abort_reason {
#define X(name, counter, text) ABORT_##name,
	JIT_ABORTS(X)
#undef X
		ABORT_REASON_COUNT
};

/* Slots from its base that a trace can use; a multiple of 64. */
#define MAX_SLOTS 256
/* Slots below the first frame's, of functions that a trace returned to; such a multiple too. */
#define MAX_BELOW 256

/* By register, or by slot. */
typedef struct register_set {
	uint64_t bits[MAX_SLOTS / 64];
} RegisterSet;

/* By slot, those below included. */
typedef struct slot_set {
	uint64_t bits[(MAX_BELOW + MAX_SLOTS) / 64];
} SlotSet;

/* A slot beyond is in no set. */
static inline bool slot_set_has(const SlotSet *set, int slot)
{
	unsigned n = (unsigned)(slot + MAX_BELOW);

	return n < MAX_BELOW + MAX_SLOTS && set->bits[n / 64] >> (n % 64) & 1;
}

static inline void slot_set_add(SlotSet *set, int slot)
{
	unsigned n = (unsigned)(slot + MAX_BELOW);

	set->bits[n / 64] |= UINT64_C(1) << (n % 64);
}

enum { TRACE_LOOP, TRACE_FUNCTION, TRACE_BRIDGE };

/* A guard's way out. Number = snapshot index. */
typedef struct trace_exit {
	uint32_t failures; /* until it is bridged */
	uint32_t bridge;   /* trace number, 0: none */
	uint8_t aborted;   /* bridges given up here; NOT_BRIDGED: there is to be none */
	uint8_t waited;	   /* times that one was put off (budget.c) */
	uint8_t looped;	   /* times that one was put off for a loop inside the trace */
} TraceExit;

#define NOT_BRIDGED UINT8_MAX

typedef struct trace {
	uint32_t number;    /* index in Jit.traces; 0 is none */
	uint32_t flushes;   /* Jit.flushes when it began */
	struct trace *next; /* in Jit.finishing */
	uint8_t kind;
	RegisterSet shared; /* slots that it reads and writes in memory, for some time at least */
	bool links_itself;  /* ends in `jump` */
	bool retired;	    /* its place does not enter it any more */
	bool flushed;	 /* a family's first: nobody comes to it, it is freed as soon as can be */
	bool ends_early; /* in `finish`, before what cannot be traced */
	/* What jumps back in the last loop, not compiled, that it goes around; NULL: none. */
	const Instruction *unrolled;
	Proto *proto;	       /* where it begins */
	const Instruction *pc; /* first instruction that it stands for */
	/* Loop or function: the instruction that enters it; NULL: bridge, or superseded. */
	Instruction *patch;
	Instruction original;	      /* of a loop or function: what the patched place held */
	uint32_t parent, parent_exit; /* bridge */
	uint16_t bridges;	      /* of a loop: that its family has */
	uint8_t repeated;	      /* bridges in a row that begin at one instruction */
	uint32_t root;		      /* bridge: the trace its family began with */
	Ir ir;			      /* constants and snapshots are needed for exits */
	TraceExit *exits;	      /* one per snapshot */
	void *code;		      /* backend's: entry */
	uint32_t *offsets; /* by place: where an operation's code begins; NULL: not kept */
	size_t code_size;
	void *backend;		 /* backend's: locations of snapshot values, exit stubs */
	struct trace *next_at;	 /* bridge: the next in the list of its place's bucket */
	struct trace *next_dead; /* forgotten while traces ran */
	uint64_t born;		 /* which one of all it is */
	uint64_t last_used;	 /* the youngest trace's `born` when it was entered */
	IrRef doubted;		 /* loop: the guard that it was superseded for, 0: none (anew.c) */
	IrRef settled;		 /* and one that is no cause for that any more */
	uint16_t vain;		 /* loop: runs that were, more than not (vain.c) */
	bool resting;		 /* its place does not enter it for some time */
	bool dead;
	bool reached; /* by this collection */
	/*
	 * For the collector, once `listed`: objects that its code and its exits name, and
	 * numbers of traces that it leads to.
	 */
	bool listed;
	Object **objects;
	uint32_t n_objects;
	uint32_t *links;
	uint32_t n_links;
	struct jit_trace hooks; /* libjithooks' */
	struct told_list *told; /* tell.c: what a hook looks at */
	uint64_t *runs;		/* where it counts, NULL: it does not */
	uint8_t counting;	/* how: JIT_RUNS_*, 0 */
} Trace;

/* A trace on the C stack: the last of those that this jit_enter() came to. */
typedef struct running_trace {
	struct running_trace *previous;
	Trace *t;
} RunningTrace;

/* Where a loop stood when its trace was entered (vain.c). */
typedef struct loop_run {
	uint32_t number; /* the trace's; 0: its turns cannot be told from each other */
	ptrdiff_t slot;	 /* as of save_slot(): what is another value in each turn */
	Value turn;	 /* its value then */
} LoopRun;

/* Code that is not a trace's first: "exit 3", "counter"; or shared by all: "entry". */
typedef struct code_piece {
	const void *at;
	size_t size; /* bytes */
	char what[24];
} CodePiece;

/* What a backend does. x64/backend.c and run.c (the IR interpreter) have one each. */
typedef struct backend {
	const char *name;
	/* Makes t runnable: sets code, code_size, backend. 0, or an abort reason + 1. */
	int (*assemble)(lua_State *L, Trace *t);
	/*
	 * Runs t (or a trace that it is linked to) from the frame L->frame until an exit.
	 * Returns the exit's number and sets *last to the trace that was left.
	 */
	int32_t (*run)(lua_State *L, Trace *t, Trace **last);
	/* The operation at which it was left; until other code runs. */
	IrRef (*left_at)(lua_State *L, const Trace *t);
	/*
	 * Payload of operation ref's result at the exit that run() returned; n is its place
	 * in the exit's ir_snapshot_refs().
	 */
	Payload (*value)(lua_State *L, const Trace *t, IrRef ref, unsigned n);
	/*
	 * Between `begin` and its end no code runs, and assemble(), link() and count() may put
	 * off what they can do better together. NULL: they do not.
	 */
	void (*write)(lua_State *L, bool begin);
	/* What traces_link() does, in code: t->exits[exit] says so already. */
	void (*link)(lua_State *L, Trace *t, int32_t exit, Trace *to);
	/*
	 * From now on t counts as t->counting says, in *t->runs: each turn of a loop, each
	 * time that another trace is entered. No such call: run() looks by itself.
	 */
	void (*count)(lua_State *L, Trace *t);
	/* t's guard_not_invalidated holds while the wish word is Global.heard, as it is now. */
	void (*hear)(lua_State *L, Trace *t);
	/* Many calls of the two are to come, in a row; they are over. Or no such call. */
	void (*patch_many)(struct jit *jit, bool begin);
	void (*free)(lua_State *L, Trace *t);
	/* What code of t jumps to there: "exit 3"; NULL: nothing that it knows. Or no such call. */
	const char *(*describe)(const Trace *t, const void *at, char text[32]);
	/* Number n of t's pieces in the order in which they were made, of the shared ones if t is
	 * NULL; false: there are no more. Or no such call. */
	bool (*piece)(const struct jit *jit, const Trace *t, unsigned n, CodePiece *piece);
	/* All traces are freed: what is left of the backend's in jit; NULL: nothing. */
	void (*close)(struct jit *jit);
	/* Bytes for code, and how many of them are in use; NULL: none. */
	void (*memory)(struct jit *jit, uint64_t *allocated, uint64_t *used);
	/*
	 * No more than so many MiB of code from now on; *fits: what there is lies within.
	 * false: fewer are reserved, it is as it was. NULL: there is nothing to limit.
	 */
	bool (*limit)(struct jit *jit, int64_t mib, bool *fits);
} Backend;

extern const Backend backend_ir; /* run.c */
#ifdef __x86_64__
extern const Backend backend_x64; /* ../x64 */
#endif

struct recorder;

/*
 * One in so many allocations that the optimizer removed counts as a byte for the
 * collector (Jit.removed overflows): a program that waits for a finalizer ends, one
 * that does not pays a hundredth for it.
 */
#define REMOVED_SHARE 64

#define MAX_OPERANDS 256
#define PCALL_PLACES 64 /* a power of two */
#define BRIDGE_BUCKETS 4096
typedef struct jit {
	bool on;
	unsigned passes_off; /* of the optimizer: PASS_*, passes.h */
	bool missed; /* a hook was set while recording: it saw instructions that were not recorded
		      */
	bool verify; /* test mode: no list is compiled that the verifier refuses */
	bool fail_guards;  /* test mode: every guard fails once */
	bool no_slots;	   /* for measuring: code without what counting needs */
	bool lingering;	   /* there are families that are flushed and not freed yet */
	unsigned counting; /* how runs of all traces are counted: JIT_RUNS_*, 0 */
	const Backend *backend;
	void *machine; /* backend_x64's: code memory, state at an exit */
	int64_t parameters[JIT_PARAMETER_COUNT];
	uint16_t *hot;	/* Global.hot */
	Trace **traces; /* by number */
	uint32_t n_traces, size_traces;
	uint32_t *spare; /* numbers below n_traces that are free */
	uint32_t n_spare;
	uint64_t generation;	   /* traces that there ever were */
	Trace **bridges;	   /* by place, BRIDGE_BUCKETS; NULL: there are none */
	Trace *dead;		   /* forgotten, and maybe running */
	struct recorder *recorder; /* while recording, else NULL */
	lua_State *recording;	   /* the thread that records */
	unsigned foreign;	   /* hot places of other threads meanwhile */
	Trace *current;		   /* being recorded */
	/* Recorded and not installed: a hook may be running, and traces begin in it. */
	Trace *finishing;
	uint32_t flushes; /* so far */
	/*
	 * The thread at whose cost hooks are called now, with all that is live in its
	 * stack below top; NULL: no Lua code may run (the collector sweeps).
	 */
	lua_State *asking;
	bool sweeping;
	char refused[160]; /* why what an optimize hook in Lua returned is no list; "": it is */
	struct lua_hooks *lua_hooks; /* lua_hooks.c: what hooks in Lua need; NULL: never used */
	unsigned random;	     /* state of the penalties' generator */
	int64_t spent;		     /* ns, on traces: the share for them taken off (budget.c) */
	jit_vm *vm;		     /* libjithooks */
	struct listener *listeners;  /* listen.h; NULL: nobody looks */
	struct pcall_place {
		const Instruction *pc; /* a call of pcall() */
		unsigned aborts;       /* of recordings that were in its function */
	} pcalls[PCALL_PLACES];	       /* by a hash of pc */
	uint32_t removed;	       /* allocations that are not made, see REMOVED_SHARE */
	lua_Integer position;	       /* where the last traversal was (helpers.c) */
	Value operands[MAX_OPERANDS];  /* what helpers are given and give back (helpers.h) */
	Value result;
	struct model *models; /* model.h */
	/* What the collector keeps while an exit makes tables of it. */
	const Value *kept;
	unsigned n_kept;
} Jit;

/* ---- open.c ------------------------------------------------------------------------------- */

/* Makes L->global->jit; false without memory (the program then runs without a JIT). */
bool jit_open(lua_State *L);
/* The same, but what was not there before does not compile anything yet. */
bool jit_need(lua_State *L);
void jit_shut(Global *g);
/* on, off: L->mode of all threads follows. */
void jit_switch(lua_State *L, bool on);
/* All traces are forgotten and their places unpatched. */
void jit_flush(lua_State *L, const char *cause);

/* ---- hot.c -------------------------------------------------------------------------------- */

/*
 * The place `patch`, the instruction that jumps back to a loop's body at pc (or a
 * function's first), is due to be counted down: starts recording when it is hot.
 */
void jit_hot(lua_State *L, Frame *f, const Instruction *pc, Instruction *patch, int kind);
/* The same for the function that f just began. */
void jit_hot_function(lua_State *L, Frame *f);
/* What is kept for the instruction `at` of p; NULL: nothing so far. */
HotPlace *jit_place_of(const Proto *p, const Instruction *at);
/* The counter of a place; the interpreter counts it down and calls jit_hot() at 0. */
static inline uint16_t *jit_counter_of(uint16_t *hot, const Instruction *patch)
{
	return &hot[((uintptr_t)patch >> 2) & (HOT_COUNTERS - 1)];
}
/* How often a place is come to until it is hot for a trace of that kind, by the parameters. */
uint16_t jit_start_count(const Jit *jit, int kind);
/* Hot places are counted anew, from a threshold that has changed. */
void jit_restart_counters(Jit *jit);
/* Replaces what jumps back (or the first instruction) by one that enters trace t. */
void jit_patch(Trace *t);
void jit_unpatch(Trace *t);
/* The instruction that pc, which is patched, really stands for. */
Instruction jit_original_of_patched(const Jit *jit, const Instruction *pc);
/* The same of any. */
static inline Instruction jit_original(const Jit *jit, const Instruction *pc)
{
	return get_op(*pc) < OPCODE_COUNT ? *pc : jit_original_of_patched(jit, pc);
}
/* "file:line" of an instruction, as messages show the chunk. */
void jit_place(const Proto *p, const Instruction *pc, char *text, size_t size);
/* Another trace is to take t's place, at the next occasion. */
void jit_supersede(Jit *jit, Trace *t);
/*
 * jit.on(f), jit.off(f): off, no trace begins in p, is entered from it or goes on into
 * it; on, its places are as new. What was recorded or compiled for p is dropped.
 */
void jit_switch_function(lua_State *L, Proto *p, bool on);
/* A trace that begins at t's place was given up. */
void jit_punish(Jit *jit, Trace *t, enum jit_abort_reason reason);

/* ---- anew.c -------------------------------------------------------------------------------- */

/* Is the guard about the type of a value in memory? */
bool anew_is_about_type(const Ir *ir, IrRef guard);
/* t, a loop, is left at that guard time and again: it is superseded. */
void anew_doubt(Jit *jit, Trace *t, IrRef guard);
/*
 * A loop is about to be recorded at pc in frame f, whose jump back is patch_at. true: the
 * one that was there before is there again, as types are those that it wants.
 */
bool anew_put_back(const Jit *jit, const Frame *f, const Instruction *pc, Instruction *patch_at);
/* t, a loop, is installed: is it of use for what the one before was superseded for? */
void anew_compare(const Jit *jit, Trace *t);

/* ---- vain.c -------------------------------------------------------------------------------- */

/* The interpreter is about to enter t. */
void vain_begin(const lua_State *L, const Trace *t, LoopRun *run);
/* t was left for the interpreter in that run: is the trace that it began with to rest? */
void vain_end(const lua_State *L, const Trace *t, int32_t exit, IrRef left_at, const LoopRun *run);
/* A hot place's trace has rested: it is entered again. false: there is none. */
bool vain_put_back(const Jit *jit, const Frame *f, Instruction *patch_at);

/* ---- budget.c ------------------------------------------------------------------------------ */

/* A place may have to be hot 2^n times as long as its threshold says. */
#define MAX_WAIT 10
/* t was compiled and installed, or given up after what it has by now. */
void budget_pay(Jit *jit, const Trace *t, bool compiled);
/* The program flushes t, whose place still enters it. */
void budget_flushed(const Jit *jit, const Trace *t);
/*
 * A place is hot, its threshold is `start`: 0, it may be traced; or how many times it is
 * to be come to until that is asked again. The loop from first to last, in frame f; a
 * function; an exit.
 */
unsigned budget_loop(Jit *jit, HotPlace *place, const Frame *f, const Instruction *first,
		     const Instruction *last, unsigned start);
unsigned budget_function(Jit *jit, Proto *p, unsigned start);
unsigned budget_exit(const Jit *jit, TraceExit *e, unsigned start);

/* ---- life.c ------------------------------------------------------------------------------- */

/* One with a number, that is in no list; NULL: no memory. */
Trace *jit_new_trace(lua_State *L, int kind, Proto *p, const Instruction *pc);
/* Frees it and what belongs to it; it is in no list. */
void jit_free_trace(lua_State *L, Trace *t);
/* The same for one that never was one of the traces. */
void jit_discard(lua_State *L, Trace *t);
/* Can a recording begin now? */
bool jit_may_record(lua_State *L);
/* Of what f does from t->pc on. */
void jit_start_recording(lua_State *L, Frame *f, Trace *t);
/* Nothing is recorded any more; the thread goes on as before. Returns what was recorded. */
Trace *jit_stop_recording(Jit *jit);
/* Stops and gives up what is recorded now. */
void jit_abort(lua_State *L, enum jit_abort_reason reason, const char *detail);
/* Is the function recorded that the running instruction calls? */
bool jit_follows_call(const lua_State *L);
/* An error or a yield unwinds while something is recorded: mostly that cannot follow. */
void jit_interrupted(lua_State *L, int status);
/* The thread is about to be freed. */
void jit_forget_thread(Global *g, const lua_State *thread);
/* The end of t, which is not recorded any more. */
void jit_give_up(lua_State *L, Trace *t, enum jit_abort_reason reason, const char *detail);

/* ---- finish.c ----------------------------------------------------------------------------- */

/* Recording is over: compile what was recorded, or say why not. */
void jit_finish_recording(lua_State *L);
/* ---- counting.c --------------------------------------------------------------------------- */

enum jit_trace_type jit_type_of(const Trace *t);
/* Runs of all traces are counted like that from now on (JIT_RUNS_*; 0: no more). */
void jit_count_runs(lua_State *L, unsigned how);
/* The traces that there are do not count any more; those to come will. */
void jit_count_no_more(lua_State *L);
/* t was compiled: it counts if the others do. Also if the hook that saw it flushed it. */
void jit_count_new(lua_State *L, Trace *t);
/* Has an observer come or gone since it was listened to? */
static inline bool jit_has_wish(const Global *g)
{
	return g->heard != __atomic_load_n(g->wish, __ATOMIC_RELAXED);
}
/* At a safe point: what is wished now is done, whether it is new or not. */
void jit_listen(lua_State *L);

/* ---- enter.c ------------------------------------------------------------------------------ */

/* Enters trace `number` at a patched place; L->frame is the frame to go on with. */
void jit_enter(lua_State *L, uint32_t number);

/* ---- traces.c --------------------------------------------------------------------------- */

/* Is there a number for one more? */
bool traces_have_number(const Jit *jit);
/* Sets t->number; false without memory. */
bool traces_give_number(Jit *jit, Trace *t);
void traces_take_number(Jit *jit, const Trace *t);
/* It can be entered from now on. */
void traces_add(Jit *jit, Trace *t);
/* Exit `exit` of t goes on in bridge `to` from now on. */
void traces_link(lua_State *L, Trace *t, int32_t exit, Trace *to);
/* The bridges that begin at pc, the oldest first. */
const Trace *traces_bridge_at(const Jit *jit, const Instruction *pc);
const Trace *traces_next_at(const Trace *t);
/* The trace with which t's family began. */
Trace *traces_family(const Jit *jit, const Trace *t);
/* The trace that t goes on in at its end; NULL: none. */
Trace *traces_goes_on_in(const Jit *jit, const Trace *t);
/* Frees those that are not marked as reached, and counts them. */
unsigned traces_drop_unreached(lua_State *L);
/* They are kept until none can be running; traces_bury() frees them then. */
void traces_forget_all(lua_State *L);
void traces_bury(lua_State *L);

typedef void (*MarkWhite)(Global *g, Object *o);
/* The collector: marks what is a root. */
void jit_mark(Global *g, MarkWhite mark_white);
/* Marks what traces name whose functions were reached; false: there was nothing new. */
bool jit_mark_reached(Global *g, MarkWhite mark_white);

/* ---- evict.c ----------------------------------------------------------------------------- */

/*
 * Frees families that were not entered for the longest time, about a quarter; not those
 * that run, that the recording needs or that others lead to. false: there were none.
 */
bool traces_evict(lua_State *L);
/* After a trace was added: now and then frees families by `loop_longevity`. */
void traces_age(lua_State *L);
/* Which traces a flush is for: that number, or those that began in proto. */
struct traces_chosen {
	const Proto *proto;
	uint32_t number;
	bool retired_only; /* whose places do not enter them any more */
};
/*
 * Flushes them with their bridges, and all that lead to them; their places can be traced
 * anew. What is recorded now is given up.
 */
void traces_flush(lua_State *L, struct traces_chosen which);
/* Frees what was flushed and ran then, if nothing runs now. */
void traces_drop_flushed(lua_State *L);
/* Does t go on in anything that was flushed? */
bool traces_lead_to_flushed(const Jit *jit, const Trace *t);

/* ---- figures.c --------------------------------------------------------------------------- */

unsigned figures_operations(const Ir *ir);
unsigned figures_guards(const Ir *ir);
/* Of a list as it is compiled, to the counters. */
void figures_optimized(Jit *jit, const Ir *ir);

/* ---- record.c --------------------------------------------------------------------------- */

/* Begins with the frame's state at pc; for a bridge with that of parent's exit. */
bool record_start(lua_State *L, Frame *f, const Instruction *pc, Trace *t);
/* How many instructions it has followed. */
unsigned record_instructions(const Jit *jit);
/* Does it go on in the function that the running instruction calls? */
bool record_follows_call(const struct recorder *r);
/* Is the error that is raised now a part of what it follows, or caught by what it calls? */
bool record_survives_error(struct recorder *r, int status);
/* The recording is given up. */
void record_given_up(struct recorder *r);
/* Frees the recorder, if there is one. */
void record_stop(Jit *jit);
/*
 * The recorded list ends in that snapshot, where `to`, a loop, goes on. May what `to`
 * does follow in the list, as far as slots are concerned?
 */
bool record_may_join(const Jit *jit, int32_t snapshot, const Trace *to);
/* MODE_RECORD: called before each instruction is executed, pc behind it. */
void record_instruction(lua_State *L, Frame *f, const Instruction *pc);

/* ---- opt.c ------------------------------------------------------------------------------- */

/*
 * All passes, in the order listed there. false: types change from turn to turn, or
 * memory ran out; ir is as it was.
 */
bool optimize(Jit *jit, Ir *ir);

/* ---- tell.c: libjithooks ------------------------------------------------------------------ */

/* Probe and optimize hook; a list that the hook returns and that is good replaces t's. */
void jit_tell_optimize(Jit *jit, Trace *t, unsigned ops_before);
/* jit_materialize: a list as hooks see it; frees the one before. ctx: the Trace. */
int jit_tell_operations(void *ctx, struct jit_operations *out);
/* A list that jit_tell_operations() made is no longer looked at. */
void jit_tell_done(Trace *t);

/* ---- requests.c, lua_hooks.c --------------------------------------------------------------- */

/* What the program can ask of the JIT of g by libjithooks. */
struct jit_vm_config jit_vm_requests(Global *g);
void lua_hooks_close(Jit *jit);

/* ---- exit.c ------------------------------------------------------------------------------ */

/*
 * Writes snapshot `exit` of t: slots, frames, L->frame, L->top. Virtual tables are
 * made: for those it may raise a memory error, in the state that it leaves.
 */
void exit_restore(lua_State *L, const Trace *t, int32_t exit);
/*
 * The same for a jump to another trace's label: the slots in `dead`, counted from the
 * frame that is open then, stay as they are, and no table is made.
 */
void exit_go_on(lua_State *L, const Trace *t, int32_t exit, const RegisterSet *dead);

#endif
