/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ir.h - the operations that a trace is made of.
 *
 * A trace is a straight list of operations in static single assignment: each
 * names its arguments by number, and its own number is its place in the list.
 * Names are RPython's where it has the operation. Three types: 'i' a 64-bit
 * integer (tags and truth values too), 'f' a double, 'r' a pointer (an object of
 * the collector, or an address within one, good until the next operation that
 * can move it). A Lua value whose tag the trace has guarded is one of these with
 * `tag` saying which; nil, false and true are constants.
 *
 * Control: a trace begins with its preamble. A loop then has `label`, whose
 * arguments are what changes from turn to turn, the body, and `jump`, which gives
 * them their next values. Other traces end in `finish`, or in a `jump` to the label of
 * a loop that is another trace.
 *
 * State: while a trace runs the Lua stack is not written. A guard has a snapshot,
 * which says for each slot that differs from memory what belongs there, and which
 * frames are open; the exit writes it. An operation that can run other code or
 * look at the stack (`call_may_force`) has one too, and writes it before the call.
 * So a guard that fails re-executes the instruction it stands for: between the
 * snapshot's instruction and the guard nothing with an effect may have happened.
 *
 * Helpers called on trace do not raise errors: they say so by their result, a
 * guard exits, and the interpreter does the instruction again and raises.
 */
#ifndef JITLUA_IR_H
#define JITLUA_IR_H

#include <stdio.h>

#include "../lua/state.h"

/*
 * >= 0: the operation at that place. < 0: constant ~ref. IR_NONE: no argument.
 * A constant is interned, so equal constants have equal references.
 */
typedef int32_t IrRef;
#define IR_NONE INT32_MIN
#define ir_is_constant(ref) ((ref) < 0 && (ref) != IR_NONE)

enum {
	IR_PURE = 1 << 0,   /* depends on its arguments alone: shared, dropped */
	IR_LOAD = 1 << 1,   /* reads memory of its descr's kind: shared until a store to it */
	IR_STORE = 1 << 2,  /* writes memory */
	IR_GUARD = 1 << 3,  /* leaves the trace if its condition is not met; has a snapshot */
	IR_CALL = 1 << 4,   /* descr: a helper, whose effects its list says */
	IR_EFFECT = 1 << 5, /* never dropped, never moved over another effect */
	IR_FINAL = 1 << 6,  /* ends the list */
	IR_MANY = 1 << 7,   /* any number of arguments */
};

/*
 * name, text, result type ('v': none), argument types ('*': any number; '?': any
 * type), flags. What `descr` is, is said at each group.
 */
#define IR_OPERATIONS(X)                                                                         \
	/* Control. finish: back to the interpreter (descr -1) or into trace number descr. */    \
	/* jump: to the list's own label, or (descr) to that of trace number descr (join.c), */  \
	/* with a snapshot of the state there. */                                                \
	X(LABEL, "label", 'v', "*", IR_EFFECT | IR_MANY)                                         \
	X(JUMP, "jump", 'v', "*", IR_EFFECT | IR_MANY | IR_FINAL)                                \
	X(FINISH, "finish", 'v', "", IR_GUARD | IR_EFFECT | IR_FINAL)                            \
	/* A label argument's value in the body: descr is its index. */                          \
	X(ARG_I, "arg_i", 'i', "", IR_EFFECT)                                                    \
	X(ARG_F, "arg_f", 'f', "", IR_EFFECT)                                                    \
	X(ARG_R, "arg_r", 'r', "", IR_EFFECT)                                                    \
	/* Guards. */                                                                            \
	X(GUARD_TRUE, "guard_true", 'v', "i", IR_GUARD)                                          \
	X(GUARD_FALSE, "guard_false", 'v', "i", IR_GUARD)                                        \
	X(GUARD_VALUE, "guard_value", 'v', "??", IR_GUARD) /* i or r equals a constant */        \
	X(GUARD_NONNULL, "guard_nonnull", 'v', "r", IR_GUARD)                                    \
	X(GUARD_ISNULL, "guard_isnull", 'v', "r", IR_GUARD)                                      \
	/* No hook wants the interpreter, no collection is due, no wish of an observer's is */   \
	/* unheard: once a turn, in every circle of traces. */                                   \
	X(GUARD_NOT_INVALIDATED, "guard_not_invalidated", 'v', "", IR_GUARD)                     \
	X(GUARD_ALWAYS_FAILS, "guard_always_fails", 'v', "", IR_GUARD)                           \
	/* Frames that were there. descr: how many before the one that entered the trace. */     \
	/* status: nresults, in the upper half status; pc: its next instruction. */              \
	X(GUARD_FRAME_STATUS, "guard_frame_status", 'v', "i", IR_GUARD)                          \
	X(GUARD_FRAME_EXTRA, "guard_frame_extra", 'v', "i", IR_GUARD)                            \
	X(GUARD_FRAME_PC, "guard_frame_pc", 'v', "r", IR_GUARD)                                  \
	/* L->top is at slot descr. */                                                           \
	X(GUARD_TOP, "guard_top", 'v', "", IR_GUARD)                                             \
	/* A frame of pcall() catches errors: no C code above it, and none of a hook's. */       \
	X(GUARD_RECOVERABLE, "guard_recoverable", 'v', "", IR_GUARD)                             \
	/* Stack slots as they were when the trace was entered. descr: slot from base. */        \
	X(GETSLOT_TAG, "getslot_tag", 'i', "", IR_LOAD)                                          \
	X(GETSLOT_I, "getslot_i", 'i', "", IR_LOAD)                                              \
	X(GETSLOT_F, "getslot_f", 'f', "", IR_LOAD)                                              \
	X(GETSLOT_R, "getslot_r", 'r', "", IR_LOAD)                                              \
	/* Where a slot is, good until the stack can move. descr: slot from base. */             \
	X(SLOT_ADDRESS, "slot_address", 'r', "", IR_LOAD)                                        \
	/* Fields of objects. descr: enum ir_field. */                                           \
	X(GETFIELD_I, "getfield_i", 'i', "r", IR_LOAD)                                           \
	X(GETFIELD_R, "getfield_r", 'r', "r", IR_LOAD)                                           \
	/* Upvalue cell n of a Lua function: descr n. */                                         \
	X(GETUPVALUE, "getupvalue", 'r', "r", IR_PURE)                                           \
	/* A Value in memory (an upvalue's variable). setvalue_*: descr is the tag. */           \
	X(GETVALUE_TAG, "getvalue_tag", 'i', "r", IR_LOAD)                                       \
	X(GETVALUE_I, "getvalue_i", 'i', "r", IR_LOAD)                                           \
	X(GETVALUE_F, "getvalue_f", 'f', "r", IR_LOAD)                                           \
	X(GETVALUE_R, "getvalue_r", 'r', "r", IR_LOAD)                                           \
	X(SETVALUE, "setvalue", 'v', "r?", IR_STORE | IR_EFFECT)                                 \
	/* Array part: (table.array, index from 0). setarrayitem: descr is the tag. */           \
	X(GETARRAYITEM_TAG, "getarrayitem_tag", 'i', "ri", IR_LOAD)                              \
	X(GETARRAYITEM_I, "getarrayitem_i", 'i', "ri", IR_LOAD)                                  \
	X(GETARRAYITEM_F, "getarrayitem_f", 'f', "ri", IR_LOAD)                                  \
	X(GETARRAYITEM_R, "getarrayitem_r", 'r', "ri", IR_LOAD)                                  \
	X(SETARRAYITEM, "setarrayitem", 'v', "ri?", IR_STORE | IR_EFFECT)                        \
	/* Hash part. node_at: the node at a fixed index (descr) of table.nodes. */              \
	X(NODE_AT, "node_at", 'r', "r", IR_PURE)                                                 \
	X(GETNODE_KEY, "getnode_key", 'r', "r", IR_LOAD)                                         \
	X(GETNODE_KEYTAG, "getnode_keytag", 'i', "r", IR_LOAD)                                   \
	X(GETNODE_TAG, "getnode_tag", 'i', "r", IR_LOAD)                                         \
	X(GETNODE_I, "getnode_i", 'i', "r", IR_LOAD)                                             \
	X(GETNODE_F, "getnode_f", 'f', "r", IR_LOAD)                                             \
	X(GETNODE_R, "getnode_r", 'r', "r", IR_LOAD)                                             \
	X(SETNODE, "setnode", 'v', "r?", IR_STORE | IR_EFFECT) /* descr: tag */                  \
	/* Write barriers of (container, value), the value being an object. */                   \
	X(BARRIER_BACK, "barrier_back", 'v', "rr", IR_EFFECT)                                    \
	X(BARRIER, "barrier", 'v', "rr", IR_EFFECT)                                              \
	/* For an allocation that was removed: a loop of those still comes to its finalizers. */ \
	X(COUNT_REMOVED, "count_removed", 'v', "", IR_EFFECT)                                    \
	/* A pcall() that was there is left. descr: its frame, as in guards of frames. */        \
	X(LEAVE_PCALL, "leave_pcall", 'v', "", IR_EFFECT)                                        \
	/* Strings. strgetitem: byte at an index from 0. */                                      \
	X(STRLEN, "strlen", 'i', "r", IR_PURE)                                                   \
	X(STRGETITEM, "strgetitem", 'i', "ri", IR_PURE)                                          \
	/* Integers wrap. int_add with descr SUM_EXACT: the recorder knows that it does not. */  \
	/* Division, modulo as Lua's (floor); the divisor is not 0. */                           \
	X(INT_ADD, "int_add", 'i', "ii", IR_PURE)                                                \
	X(INT_SUB, "int_sub", 'i', "ii", IR_PURE)                                                \
	X(INT_MUL, "int_mul", 'i', "ii", IR_PURE)                                                \
	X(INT_FLOORDIV, "int_floordiv", 'i', "ii", IR_PURE)                                      \
	X(INT_MOD, "int_mod", 'i', "ii", IR_PURE)                                                \
	/* The same of a dividend that is not negative and a constant divisor above 0. */        \
	X(UINT_FLOORDIV, "uint_floordiv", 'i', "ii", IR_PURE)                                    \
	X(UINT_MOD, "uint_mod", 'i', "ii", IR_PURE)                                              \
	X(INT_AND, "int_and", 'i', "ii", IR_PURE)                                                \
	X(INT_OR, "int_or", 'i', "ii", IR_PURE)                                                  \
	X(INT_XOR, "int_xor", 'i', "ii", IR_PURE)                                                \
	/* Counts below 64 only; uint_rshift is Lua's >>. */                                     \
	X(INT_LSHIFT, "int_lshift", 'i', "ii", IR_PURE)                                          \
	X(UINT_RSHIFT, "uint_rshift", 'i', "ii", IR_PURE)                                        \
	X(INT_NEG, "int_neg", 'i', "i", IR_PURE)                                                 \
	X(INT_INVERT, "int_invert", 'i', "i", IR_PURE)                                           \
	X(INT_LT, "int_lt", 'i', "ii", IR_PURE)                                                  \
	X(INT_LE, "int_le", 'i', "ii", IR_PURE)                                                  \
	X(INT_EQ, "int_eq", 'i', "ii", IR_PURE)                                                  \
	X(INT_NE, "int_ne", 'i', "ii", IR_PURE)                                                  \
	X(INT_GT, "int_gt", 'i', "ii", IR_PURE)                                                  \
	X(INT_GE, "int_ge", 'i', "ii", IR_PURE)                                                  \
	X(UINT_LT, "uint_lt", 'i', "ii", IR_PURE)                                                \
	X(UINT_GE, "uint_ge", 'i', "ii", IR_PURE)                                                \
	/* Floats. Comparisons are false with a NaN, float_ne true. */                           \
	X(FLOAT_ADD, "float_add", 'f', "ff", IR_PURE)                                            \
	X(FLOAT_SUB, "float_sub", 'f', "ff", IR_PURE)                                            \
	X(FLOAT_MUL, "float_mul", 'f', "ff", IR_PURE)                                            \
	X(FLOAT_TRUEDIV, "float_truediv", 'f', "ff", IR_PURE)                                    \
	X(FLOAT_NEG, "float_neg", 'f', "f", IR_PURE)                                             \
	X(FLOAT_ABS, "float_abs", 'f', "f", IR_PURE)                                             \
	X(FLOAT_SQRT, "float_sqrt", 'f', "f", IR_PURE)                                           \
	X(FLOAT_FLOOR, "float_floor", 'f', "f", IR_PURE)                                         \
	X(FLOAT_CEIL, "float_ceil", 'f', "f", IR_PURE)                                           \
	X(FLOAT_LT, "float_lt", 'i', "ff", IR_PURE)                                              \
	X(FLOAT_LE, "float_le", 'i', "ff", IR_PURE)                                              \
	X(FLOAT_EQ, "float_eq", 'i', "ff", IR_PURE)                                              \
	X(FLOAT_NE, "float_ne", 'i', "ff", IR_PURE)                                              \
	X(FLOAT_GT, "float_gt", 'i', "ff", IR_PURE)                                              \
	X(FLOAT_GE, "float_ge", 'i', "ff", IR_PURE)                                              \
	X(CAST_INT_TO_FLOAT, "cast_int_to_float", 'f', "i", IR_PURE)                             \
	/* Truncates; mininteger if out of range, as the processor has it. */                    \
	X(CAST_FLOAT_TO_INT, "cast_float_to_int", 'i', "f", IR_PURE)                             \
	X(PTR_EQ, "ptr_eq", 'i', "rr", IR_PURE)                                                  \
	X(PTR_NE, "ptr_ne", 'i', "rr", IR_PURE)                                                  \
	X(SAME_AS_I, "same_as_i", 'i', "i", IR_PURE)                                             \
	X(SAME_AS_F, "same_as_f", 'f', "f", IR_PURE)                                             \
	X(SAME_AS_R, "same_as_r", 'r', "r", IR_PURE)                                             \
	/* Helpers: descr is enum ir_helper, which has their types and effects. */               \
	X(CALL_I, "call_i", 'i', "*", IR_CALL | IR_MANY)                                         \
	X(CALL_F, "call_f", 'f', "*", IR_CALL | IR_MANY)                                         \
	X(CALL_R, "call_r", 'r', "*", IR_CALL | IR_MANY)                                         \
	X(CALL_N, "call_n", 'v', "*", IR_CALL | IR_MANY | IR_EFFECT)                             \
	/* Writes its snapshot to the stack, then calls; slots must be read again. */            \
	X(CALL_MAY_FORCE_I, "call_may_force_i", 'i', "*", IR_CALL | IR_MANY | IR_EFFECT)         \
	/*                                                                                       \
	 * A table that is not made, as it is here: metatable, then values of its keys. Named    \
	 * by snapshots, whose exits make it, and by other such. descr: its shape.               \
	 */                                                                                      \
	X(VIRTUAL, "virtual", 'r', "*", IR_MANY)                                                 \
	/* An operation that was removed; only inside passes. */                                 \
	X(NOP, "nop", 'v', "", 0)

#define SUM_EXACT 1

enum ir_opcode {
#define X(name, text, type, args, flags) IR_##name,
	IR_OPERATIONS(X)
#undef X
		IR_OPCODE_COUNT
};

/* name, text, object it is in, member, type ('1', '4': unsigned of that many bytes; 'r', '8') */
#define IR_FIELDS(X)                                                          \
	X(OBJECT_TAG, "object.tag", Object, tag, '1')                         \
	X(TABLE_ARRAY_SIZE, "table.array_size", Table, array_size, '4')       \
	X(TABLE_ARRAY, "table.array", Table, array, 'r')                      \
	X(TABLE_NODE_MASK, "table.node_mask", Table, node_mask, '4')          \
	X(TABLE_NODES, "table.nodes", Table, nodes, 'r')                      \
	X(TABLE_METATABLE, "table.metatable", Table, metatable, 'r')          \
	X(TABLE_ABSENT, "table.absent", Table, absent, '1')                   \
	X(USERDATA_METATABLE, "userdata.metatable", Userdata, metatable, 'r') \
	X(FUNCTION_PROTO, "function.proto", LuaFunction, proto, 'r')          \
	X(UPVALUE_V, "upvalue.v", Upvalue, v, 'r')

enum ir_field {
#define X(name, text, object, member, type) IR_FIELD_##name,
	IR_FIELDS(X)
#undef X
		IR_FIELD_COUNT
};

typedef struct ir_op {
	uint8_t opcode;
	char type;    /* 'v', 'i', 'f', 'r' */
	uint8_t tag;  /* the Lua value's tag, TAG_NIL if it is none */
	uint8_t mark; /* for the pass that runs */
	uint16_t nargs;
	IrRef arg[3];	  /* IR_MANY: arg[0] is the first's place in Ir.args */
	int32_t descr;	  /* -1: none */
	int32_t snapshot; /* index, -1: none */
	int32_t line;	  /* source line it stands for */
} IrOp;

typedef struct ir_constant {
	char type;
	uint8_t tag; /* of a Lua value; for 'r' TAG_NIL: an address that is none */
	Payload u;
} IrConstant;

/* What belongs into a slot (from base of the trace's first frame). */
typedef struct snapshot_entry {
	int16_t slot;
	uint8_t tag;
	IrRef ref; /* IR_NONE for nil, false, true: the tag says it */
} SnapshotEntry;

/*
 * An inlined frame: written to the list of frames at an exit. It is a Lua function's,
 * or that of a pcall() or xpcall(), which has neither code nor registers: the next is
 * that of the Lua function it calls.
 */
typedef struct snapshot_frame {
	int16_t func_slot; /* where its function is; base is one further */
	int16_t nresults;
	uint16_t status;
	const Instruction *pc; /* its next instruction */
	const Proto *proto;
	int extra_args;
} SnapshotFrame;

#define snapshot_frame_is_pcall(f) ((f)->status & FRAME_PCALL)

/* Slots that frame f may use. */
static inline int snapshot_frame_size(const SnapshotFrame *f)
{
	return 1 + (snapshot_frame_is_pcall(f) ? 2 + LUA_MINSTACK : f->proto->stack_size);
}

/*
 * The first frame is the one that entered the trace, or after `below` returns one that
 * was there before: its registers are then slots below 0.
 */
typedef struct snapshot {
	uint32_t entry, entries;     /* in Ir.snapshot_entries */
	uint32_t frame, frames;	     /* in Ir.snapshot_frames: inlined ones, outermost first */
	const Instruction *pc;	     /* of the first frame: its next instruction; NULL: as it is */
	const Proto *proto;	     /* of the first frame, NULL: it is Ir.proto */
	uint32_t taken;		     /* operations before it, or: */
#define TAKEN_UNKNOWN UINT32_MAX     /* a hook moved them */
	bool moved;		     /* the trace has done an instruction */
	uint16_t below;		     /* frames that were left for good */
	int16_t base;		     /* the first frame's register 0 */
	int16_t top;		     /* slot where L->top goes, or: */
#define TOP_OF_FRAME INT16_MIN	     /* the innermost frame's top */
#define TOP_AS_IT_IS (INT16_MIN + 1) /* behind a call with variable results, which set it */
#define top_is_slot(s) ((s)->top > TOP_AS_IT_IS)
} Snapshot;

/*
 * What virtual tables have in common: the sizes with which they were to be made, the
 * border that was asked for last (Table.border_hint), and their keys in the order in
 * which they came, each with the tag of its value. A list has a shape once, so that
 * equal shapes have equal numbers.
 */
typedef struct shape_key {
	IrRef key; /* a constant: integer or short string */
	uint8_t tag;
} ShapeKey;

typedef struct ir_shape {
	uint32_t key, keys; /* in Ir.shape_keys */
	uint32_t array, hash, border;
	struct model *model; /* model.c; NULL in a list that was parsed */
} IrShape;

/*
 * The shape of a virtual function (virtual.c): its only key is a proto. The metatable is
 * then the function that makes it, the value the slot of that one's register 0.
 */
#define shape_is_function(ir, s) \
	((s)->keys == 1 && ir_tag(ir, (ir)->shape_keys[(s)->key].key) == TAG_PROTO)

#define MAX_SHAPE_KEYS 32
/* Virtual tables that one snapshot may name, those in others counted. */
#define MAX_VIRTUALS 32

#define VECTOR(type, name) \
	type *name;        \
	uint32_t n_##name, size_##name

typedef struct ir {
	VECTOR(IrOp, ops);
	VECTOR(IrRef, args);
	VECTOR(IrConstant, constants);
	VECTOR(Snapshot, snapshots);
	VECTOR(SnapshotEntry, snapshot_entries);
	VECTOR(SnapshotFrame, snapshot_frames);
	VECTOR(IrShape, shapes);
	VECTOR(ShapeKey, shape_keys);
	const Proto *proto;  /* of the first frame; NULL in a list that was parsed */
	int32_t label;	     /* place of the label, -1: none */
	uint32_t max_frames; /* that it inlines at once */
	int max_slot;	     /* slots above base that it needs on the stack */
	unsigned cached;     /* operations not written since what they read was known (opt.c) */
	bool failed;	     /* memory ran out while it was built: nothing in it may be used */
} Ir;

/* ---- ir.c: building ---------------------------------------------------------------- */

extern const struct ir_info {
	const char *name;
	char type;
	const char *args;
	uint8_t flags;
} ir_info[IR_OPCODE_COUNT];

void ir_open(Ir *ir);
void ir_close(Ir *ir);
/* An independent copy; false without memory. */
bool ir_copy(Ir *to, const Ir *from);
void ir_clear(Ir *ir); /* empties, keeps the memory */

IrRef ir_integer(Ir *ir, lua_Integer i); /* tag TAG_INTEGER */
IrRef ir_float(Ir *ir, lua_Number n);	 /* compared by bits */
IrRef ir_object(Ir *ir, const void *object, uint8_t tag);
IrRef ir_address(Ir *ir, const void *p); /* no Lua value */
/* Any Lua value but nil, false and true. */
IrRef ir_value(Ir *ir, const Value *v);

/* Room for `more` elements in one of the vectors: IR_ROOM(ir, snapshots, 1). Else failed. */
bool ir_grow(Ir *ir, void **vector, uint32_t n, uint32_t more, uint32_t *size, size_t element);
#define IR_ROOM(ir, name, more)                                                     \
	ir_grow(ir, (void **)&(ir)->name, (ir)->n_##name, more, &(ir)->size_##name, \
		sizeof(*(ir)->name))

/* Appends an operation with fixed arguments (IR_NONE for those it lacks). Returns its place. */
IrRef ir_emit(Ir *ir, enum ir_opcode opcode, IrRef a, IrRef b, IrRef c, int32_t descr);
/* One with any number of arguments, which do not lie in this list's own ir->args. */
IrRef ir_emit_many(Ir *ir, enum ir_opcode opcode, const IrRef *args, unsigned n, int32_t descr);

/* The slot of register 0 of the frame that is open at an exit. */
static inline int snapshot_base(const Ir *ir, const Snapshot *s)
{
	return s->frames ? ir->snapshot_frames[s->frame + s->frames - 1].func_slot + 1 : s->base;
}

static inline const IrOp *ir_op(const Ir *ir, IrRef ref)
{
	return &ir->ops[ref];
}

static inline const IrConstant *ir_constant(const Ir *ir, IrRef ref)
{
	return &ir->constants[~ref];
}

/* Number of the trace in which the list goes on at its end: finish, jump; 0: none. */
static inline uint32_t ir_next_trace(const Ir *ir)
{
	const IrOp *last = ir->n_ops ? &ir->ops[ir->n_ops - 1] : NULL;

	return last && ir_info[last->opcode].flags & IR_FINAL && last->descr > 0
		       ? (uint32_t)last->descr
		       : 0;
}

/* 'i', 'f' or 'r' of any reference. */
char ir_type(const Ir *ir, IrRef ref);
uint8_t ir_tag(const Ir *ir, IrRef ref);
/* The arguments of any operation. */
const IrRef *ir_args(const Ir *ir, const IrOp *op);
/* Number of the shape of such sizes, without a model if it is new. */
int32_t ir_shape(Ir *ir, const IrShape *sizes, const ShapeKey *keys, unsigned n);
/*
 * The virtual tables that snapshot n names, and those in them, each once and behind
 * those that it has in it. MAX_VIRTUALS + 1: they are more.
 */
unsigned ir_virtuals(const Ir *ir, int32_t n, IrRef out[MAX_VIRTUALS]);
/*
 * What operations the snapshot needs: those in slots, then those in virtual tables,
 * in the order of ir_virtuals(). Constants are in it too: locations go by place.
 */
#define MAX_SNAPSHOT_REFS 2048
unsigned ir_snapshot_refs(const Ir *ir, int32_t n, IrRef out[MAX_SNAPSHOT_REFS]);

/* What int_floordiv computes; -1 is taken apart because the processor traps for mininteger. */
static inline lua_Integer ir_floordiv(lua_Integer a, lua_Integer b)
{
	if (b == -1)
		return (lua_Integer)(0 - (lua_Unsigned)a);
	return a / b - ((a % b) && (a ^ b) < 0);
}

static inline lua_Integer ir_mod(lua_Integer a, lua_Integer b)
{
	lua_Integer m = b == -1 ? 0 : a % b;

	return m && (m ^ b) < 0 ? m + b : m;
}

/* ---- text.c -------------------------------------------------------------------------- */

/*
 * As RPython prints it: `i5 = int_add(i3, 1)`, `guard_true(i7) [@9 0:i3 2:f4]`,
 * `label(i3, f4)`. Snapshots: @ and the index of the instruction in its proto,
 * then slot:value; frames in {slot @pc}. What is printed can be parsed again, but
 * for addresses of objects, which the text names and a parser makes up.
 */
void ir_print(const Ir *ir, FILE *to);
void ir_print_op(const Ir *ir, IrRef ref, FILE *to);
/* false: *line and message (static or in the buffer) say what is wrong where. */
bool ir_parse(Ir *ir, const char *text, int *line, char message[160]);
/* descr as it is printed (a name, or `number`), and back. */
#define IR_DESCR_NUMBER 12
const char *ir_descr_text(const IrOp *op, char number[IR_DESCR_NUMBER]);
bool ir_parse_descr(enum ir_opcode opcode, const char *text, int32_t *descr, char message[160]);
/* By its name in the list above; not nop. */
bool ir_find_operation(const char *name, enum ir_opcode *opcode);

/* ---- verify.c ------------------------------------------------------------------------ */

/*
 * Is it well formed: opcodes, arguments defined before use and of the right type,
 * labels and jumps that agree, a final operation at the end and only there,
 * snapshots whose references are defined where they are used. message names the
 * operation and the rule.
 */
bool ir_verify(const Ir *ir, char message[160]);

/* ---- replace.c ----------------------------------------------------------------------- */

/*
 * May `changed`, an optimize hook's list, replace `ir`: is it well formed, and does it
 * do just the same? origin says for each snapshot of changed which one of ir's it is.
 * message names the operation and the rule.
 */
bool ir_verify_replacement(const Ir *ir, const Ir *changed, const int32_t *origin,
			   char message[160]);

#endif
