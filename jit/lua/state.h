/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h - a Lua thread (lua_State), its frames, and what all threads of one
 * state share (Global).
 *
 * Stack: one block of Values per thread, which moves when it grows; pointers
 * into it are kept as offsets over anything that can run Lua code or grow it
 * (save_slot, restore_slot). Everything at or above `top` up to stack_last +
 * STACK_EXTRA is nil or garbage that the collector does not look at; it clears
 * that part in its atomic phase.
 *
 * Frames: a doubly linked list of Frame per thread, reused, never moved, so C
 * code and compiled code may hold a Frame pointer over calls. A trace's exit
 * rebuilds as many frames as it inlined by taking them from that list: all that
 * a Lua frame needs is func, top, pc, nresults and status. A Lua function's
 * registers are func + 1 upwards: R[i] = frame->func[1 + i]. For a vararg
 * function the function is copied above its extra arguments when it starts, and
 * u.lua.extra_args says how many there are below.
 *
 * Running: `mode` selects the interpreter's dispatch table (interp.c): normal,
 * or one in which every instruction first goes through the hook code. The
 * recorder of traces will be a third. So instructions pay nothing for hooks.
 */
#ifndef JITLUA_STATE_H
#define JITLUA_STATE_H

#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "meta.h"
#include "object.h"

/* Room above a C function's top without asking, besides LUA_MINSTACK. */
#define STACK_EXTRA 5
#define STACK_BASIC (2 * LUA_MINSTACK)
/* Room that an error handler gets beyond LUAI_MAXSTACK. */
#define STACK_ERROR_ROOM 200

/* Limit of nested C calls (C functions, metamethods from C, pattern matching...). */
#ifndef LUAI_MAXCCALLS
#define LUAI_MAXCCALLS 200
#endif

typedef struct frame {
	Value *func; /* the function's slot */
	Value *top;  /* end of the slots it may use */
	struct frame *previous, *next;
	union {
		struct {
			const Instruction *pc; /* next instruction, as of the last save */
			int extra_args;	       /* vararg function: arguments beyond the named */
		} lua;
		struct {
			lua_KFunction k; /* continuation, NULL: none */
			ptrdiff_t old_error_function;
			lua_KContext context;
		} c;
	} u;
	union {
		int function_index; /* called by lua_pcallk: the function's slot, saved */
		int yielded;	    /* values that were yielded */
		int results;	    /* values that were returned, while closing variables */
		struct {
			uint16_t first; /* call and return hooks: index of the first value */
			uint16_t count;
		} transfer;
	} u2;
	int16_t nresults; /* wanted; LUA_MULTRET: all. Below -1: nresults_with_tbc() */
	uint16_t status;
} Frame;

/* Frame.status */
enum {
	FRAME_OLD_ALLOW_HOOK = 1 << 0, /* allow_hook when a protected call began */
	FRAME_C = 1 << 1,
	FRAME_FRESH = 1 << 2,	   /* its return leaves interp_run() */
	FRAME_HOOKED = 1 << 3,	   /* runs a debug hook */
	FRAME_PCALL = 1 << 4,	   /* is a protected call that may yield */
	FRAME_TAIL = 1 << 5,	   /* was tail called */
	FRAME_HOOK_YIELD = 1 << 6, /* the last hook called yielded */
	FRAME_FINALIZER = 1 << 7,  /* was called by the collector */
	FRAME_TRANSFER = 1 << 8,   /* u2.transfer is valid */
	FRAME_LEQ = 1 << 9,	   /* uses __lt for __le (LUA_COMPAT_LT_LE) */
	FRAME_RECOVER_SHIFT = 10,  /* three bits: status to recover with, while closing */
	FRAME_RECOVER_MASK = 7 << FRAME_RECOVER_SHIFT,
	FRAME_RETURNING = 1 << 13, /* C function that closes variables; u2.results is valid */
	FRAME_NESTED = 1 << 14,	   /* of a Lua function; its return goes on inside an instruction */
	FRAME_HANDLER = 1 << 15,   /* with FRAME_PCALL: xpcall(), pushed without C code */
};

/* Frame.nresults of a C function with variables to close, and back. */
#define nresults_with_tbc(n) (-(n)-3)

#define frame_is_lua(f) (!((f)->status & FRAME_C))
#define frame_function(f) as_lua_function((f)->func)
#define frame_base(f) ((f)->func + 1)

/* lua_State.mode */
/*
 * In the first two calls and returns take their quick way; in MODE_JIT hot places are
 * counted and traces entered. MODE_SWITCH: another one is due, since the JIT was turned on
 * or off; the interpreter sets it at the next instruction.
 */
enum { MODE_NORMAL, MODE_JIT, MODE_HOOK, MODE_RECORD, MODE_SWITCH, MODE_COUNT };
#define mode_is_quick(L) ((L)->mode <= MODE_JIT)

extern const uint32_t state_stop; /* a word that is never heard */

struct longjmp_handler;
struct Global;

struct lua_State {
	OBJECT_HEADER;
	uint8_t status;	    /* LUA_OK, LUA_YIELD, or the error that killed the coroutine */
	uint8_t allow_hook; /* false while a hook runs */
	uint8_t mode;	    /* MODE_*; read again after anything that can set a hook */
	uint16_t frame_count;
	Value *top; /* first free slot */
	struct global *global;
	/*
	 * A trace goes on while this word is Global.heard. It is Global.wish, but state_stop in
	 * another mode than MODE_JIT, and once the thread has allocated so much that a step of
	 * the collector is due: traces look at the wish, the mode and the debt at once.
	 */
	const uint32_t *listens_to;
	Frame *frame; /* the running function's */
	Value *stack;
	Value *stack_last; /* stack + size; STACK_EXTRA more slots follow */
	Upvalue *open_upvalues;
	Object *gray_next;
	struct lua_State *next_open;	 /* list of threads with open upvalues; itself: not in it */
	struct longjmp_handler *handler; /* innermost protected call */
	uint32_t *tbc; /* stack offsets (in slots) of variables to close, rising */
	uint32_t tbc_count, tbc_size;
	ptrdiff_t error_function; /* message handler, as a saved slot; 0: none */
	uint32_t c_calls; /* low 15 bits: depth of C calls; RECOVERABLE; calls that cannot yield */
	int old_pc;	  /* last instruction that a line hook saw */
	lua_Hook hook;
	int base_hook_count;
	int hook_count;
	volatile sig_atomic_t hook_mask;
	Frame base_frame; /* C level of the host */
};

typedef struct string_table {
	String **buckets;
	int count;
	int size; /* a power of two */
} StringTable;

#define STRING_CACHE_SETS 53
#define STRING_CACHE_WAYS 2

/* A table that the collector traverses in pieces (gc_mark.c). */
typedef struct long_table {
	struct table *table;
	size_t next; /* slot: elements, then nodes */
} LongTable;

#define LONG_TABLES 8

#define HOT_COUNTERS 1024 /* a power of two */

/* What all threads of a state share. */
typedef struct global {
	lua_Alloc allocate;
	void *allocate_data;
	size_t total_bytes; /* in use, exact */
	ptrdiff_t debt;	    /* > 0: the collector should do a step */
	size_t estimate;    /* in use after the last cycle */
	StringTable strings;
	Value registry;
	uint32_t seed;

	/* gc.c */
	uint8_t white; /* the current one */
	uint8_t gc_phase;
	uint8_t gc_mode;	/* LUA_GCINC or LUA_GCGEN as asked for; gc.c says what runs */
	uint8_t gc_stopped;	/* GC_STOPPED_* bits */
	uint8_t gc_emergency;	/* a collection for an allocation that failed: run no Lua code */
	uint8_t gc_stress;	/* GC_STRESS_* (gc_internal.h) */
	uint8_t stop_emergency; /* building the state: no emergency collection yet */
	unsigned gc_stress_every, gc_stress_left; /* places from one to the next, and until it */
	int gc_pause, gc_step_multiplier, gc_step_size;
	int gc_minor_multiplier, gc_major_multiplier; /* kept for lua_gc() */
	Object *objects, *finalizable, *to_finalize, *fixed;
	Object **sweep;
	Object *gray, *gray_again, *weak_values, *ephemerons, *all_weak;
	unsigned long_table_count;
	LongTable long_tables[LONG_TABLES];
	struct lua_State *open_threads; /* with open upvalues */

	/* state.c, front.c */
	lua_CFunction panic;
	struct lua_State *main_thread;
	String *memory_message;
	String *meta_names[META_COUNT];
	Table *metatables[LUA_NUMTYPES]; /* of types other than table and userdata */
	String *string_cache[STRING_CACHE_SETS][STRING_CACHE_WAYS];
	lua_WarnFunction warn;
	void *warn_data;
	struct running_trace *running; /* traces on the C stack, the innermost first */
	struct jit *jit;	       /* NULL: there is none */
	const uint32_t *wish;	       /* with a JIT: jit_runs_wish() */
	uint32_t heard;		       /* what it was when it was acted upon */
	void *front;		       /* the compiler's own state, made when it is first needed */
	/* By place, count down (trace/hot.c); here, where each turn finds them soonest. */
	uint16_t hot[HOT_COUNTERS];
} Global;

/* In this order: it may interrupt itself (lua_sethook() in a signal's handler). */
static inline void state_set_mode(struct lua_State *L, uint8_t mode)
{
	L->listens_to = mode == MODE_JIT ? L->global->wish : &state_stop;
	L->mode = mode;
}

/* More memory is in use. */
static inline void state_owe(struct lua_State *L, ptrdiff_t bytes)
{
	L->global->debt += bytes;
	if (unlikely(L->global->debt > 0))
		L->listens_to = &state_stop;
}

/* What was due may have been done; interrupted as well. */
static inline void state_listen(struct lua_State *L)
{
	if (L->mode != MODE_JIT || L->global->debt > 0)
		return;
	L->listens_to = L->global->wish;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (unlikely(*(volatile uint8_t *)&L->mode != MODE_JIT))
		L->listens_to = &state_stop;
}

#define save_slot(L, p) ((char *)(p) - (char *)(L)->stack)
#define restore_slot(L, n) ((Value *)((char *)(L)->stack + (n)))
#define stack_size(L) ((int)((L)->stack_last - (L)->stack))

/* C calls that may not yield are counted in the high half. */
#define NON_YIELDABLE 0x10000u
#define is_yieldable(L) (((L)->c_calls & 0xffff0000u) == 0)
/*
 * A bit of c_calls: all C code between here and the innermost handler of errors can
 * be left by a jump and be made up for by what the frames say, as after a yield
 * (coroutine.c: unroll()). Then pcall() needs no handler of its own.
 */
#define RECOVERABLE 0x8000u
#define c_call_depth(L) ((L)->c_calls & 0x7fffu)

/* The block that lua_newstate() and lua_newthread() allocate. */
typedef struct thread_block {
	uint8_t extra[LUA_EXTRASPACE];
	lua_State thread;
} ThreadBlock;

#define thread_block(L) ((ThreadBlock *)((char *)(L)-offsetof(ThreadBlock, thread)))

/* Frees a thread object; called by the collector. */
void state_free_thread(lua_State *L, lua_State *thread);
/* A frame after the running one, taken from the list or new. Raises memory errors. */
Frame *state_new_frame(lua_State *L);
/* Frees half of the frames that are not in use; all of them. */
void state_shrink_frames(lua_State *L);
void state_free_frames(lua_State *L);

static inline Frame *state_next_frame(lua_State *L)
{
	return likely(L->frame->next) ? L->frame->next : state_new_frame(L);
}

/* Sends text to the warn function; see lua_warning(). */
void state_warning(lua_State *L, const char *text, int to_continue);
/* Warns of the error object on the top, in a call of `where`. */
void state_warn_error(lua_State *L, const char *where);

#endif
