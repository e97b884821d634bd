/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object.h - the objects that the collector owns.
 *
 * Layouts are chosen with traces in mind: what a guard or a load of compiled
 * code needs is one load away at a fixed offset, and nothing moves while it is
 * referenced. A table's node and array blocks are reached through the table,
 * so a trace may cache neither across a call that can resize it.
 */
#ifndef JITLUA_OBJECT_H
#define JITLUA_OBJECT_H

#include "value.h"

typedef uint32_t Instruction;

/*
 * Every object begins with this. `next` links all objects of one list of the
 * collector (Global: objects, finalizable, to_finalize, fixed). `marked` holds
 * the colour and more (gc.h).
 */
#define OBJECT_HEADER        \
	struct object *next; \
	uint8_t tag;         \
	uint8_t marked

typedef struct object {
	OBJECT_HEADER;
} Object;

/* ---- Strings ------------------------------------------------------------------- */

/*
 * A string of at most MAX_SHORT_STRING bytes is interned: equal strings are one
 * object, so they compare as pointers, and its hash is known. A long string is
 * not, and is hashed when it is first used as a key (`hashed`).
 */
#define MAX_SHORT_STRING 40

typedef struct string {
	OBJECT_HEADER;
	uint8_t hashed;	      /* long string: hash is valid */
	uint8_t short_length; /* short string: its length */
	uint32_t hash;
	union {
		size_t length;		  /* long string */
		struct string *next_hash; /* short string: chain of the string table */
	} u;
	char text[]; /* and a NUL */
} String;

#define string_length(s) ((s)->tag == TAG_SHORT_STRING ? (s)->short_length : (s)->u.length)
#define string_size(length) (offsetof(String, text) + (length) + 1)

/* ---- Tables -------------------------------------------------------------------- */

/*
 * The hash part is a chained scatter table (Brent's variation): nodes collide
 * within the one block, `next` is the distance in nodes to the next of the same
 * main position, 0 at the end. 24 bytes a node.
 */
typedef struct node {
	Payload value;
	Payload key;
	uint8_t value_tag; /* nil: the node is empty, whatever its key */
	uint8_t key_tag;   /* nil: never used; TAG_DEAD_KEY: its object may be gone */
	int32_t next;
} Node;

/*
 * Array part: elements 1..array_size. `array` points between the payloads,
 * which go down from it, and the tags, which go up: element i (from 0) is
 * array_payload(t, i), array_tag(t, i). One block, 9 bytes an element.
 *
 * absent: bit e is set if this table, as a metatable, is known to have no
 * field for metamethod e (meta.h, the first eight only). Whoever adds a key to a
 * table clears it.
 *
 * node_mask: number of nodes - 1; nodes is never NULL, an empty hash part is
 * the one shared empty node. A real block has a header in front of it (table.c).
 */
typedef struct table {
	OBJECT_HEADER;
	uint8_t absent;
	uint8_t in_pieces; /* gc_mark.c is under way in it; cleared when entries move */
	uint32_t node_mask;
	uint32_t array_size;
	uint32_t border_hint; /* <= array_size: the border found last; 0: none yet */
	uint8_t *array;
	Node *nodes;
	struct table *metatable;
	Object *gray_next;
} Table;

#define array_payload(t, i) (((Payload *)(t)->array) - 1 - (size_t)(i))
#define array_tag(t, i) ((t)->array + (size_t)(i))

/* ---- Functions ------------------------------------------------------------------ */

typedef struct upvalue_description {
	String *name; /* NULL if stripped */
	uint8_t in_stack;
	uint8_t index;
	uint8_t kind;
} UpvalueDescription;

typedef struct local_variable {
	String *name;
	int start_pc; /* first instruction where it lives */
	int end_pc;   /* first instruction where it is dead */
} LocalVariable;

typedef struct absolute_line {
	int pc;
	int line;
} AbsoluteLine;

/* How a place that is hot has to wait for its trace (trace/budget.c). */
typedef struct hot_wait {
	uint8_t put_off; /* times, since the last trace */
	uint8_t flushes; /* of traces there */
	uint32_t owed;	 /* times that it is to be come to because of the last flush */
} HotWait;

/* What the JIT keeps for an instruction that jumps back. */
typedef struct hot_place {
	uint8_t aborts; /* of traces that began there */
	HotWait wait;
	uint8_t ended;	 /* it was hot, and had few turns ahead */
	uint8_t doubted; /* its loop may have been given up in vain (trace/anew.c) */
	uint8_t resting; /* its trace was entered in vain (trace/vain.c) */
} HotPlace;

/* What the compiler made of one function; the fields of the dump format. */
typedef struct proto {
	OBJECT_HEADER;
	uint8_t parameters;
	uint8_t is_vararg;
	uint8_t stack_size; /* registers it needs, at least 2 */
	uint8_t counted;    /* with a JIT: heat is set */
	uint8_t calls_itself;
	uint8_t aborts;	  /* traces of the function that were given up */
	HotWait wait;	  /* as HotPlace */
	uint8_t jit_off;  /* jit.off(f): it is left to the interpreter */
	uint8_t closures; /* that were made of it; stays at MANY_CLOSURES */
	uint16_t heat;	  /* calls until it is hot */
	int upvalue_count;
	int constant_count;
	int code_count;
	int line_count; /* code_count, or 0 if stripped */
	int proto_count;
	int local_count;
	int absolute_count;
	int line_defined, last_line_defined;
	Value *constants;
	Instruction *code;
	struct proto **protos;
	UpvalueDescription *upvalues;
	int8_t *lines; /* difference to the line before; ABSOLUTE_LINE_MARK: see absolute */
	AbsoluteLine *absolute;
	LocalVariable *locals;
	String *source;	  /* NULL if stripped */
	HotPlace *places; /* by instruction, of malloc(); NULL: the JIT has nothing to keep yet */
	Object *gray_next;
} Proto;

#define ABSOLUTE_LINE_MARK (-0x80)

#define MANY_CLOSURES 2

static inline void proto_count_closure(Proto *p)
{
	p->closures += p->closures < MANY_CLOSURES;
}

/*
 * A variable that closures share. Open: `v` points at the stack slot, and it is
 * in its thread's list, which is sorted by level, highest first. Closed: `v`
 * points at its own `closed`. Code that reads `*v` need not ask which.
 */
typedef struct upvalue {
	OBJECT_HEADER;
	Value *v;
	union {
		struct {
			struct upvalue *next;
			struct upvalue **previous;
		} open;
		Value closed;
	} u;
} Upvalue;

#define upvalue_is_open(uv) ((uv)->v != &(uv)->u.closed)

typedef struct lua_function {
	OBJECT_HEADER;
	uint8_t upvalue_count;
	Object *gray_next;
	Proto *proto;
	Upvalue *upvalues[];
} LuaFunction;

typedef struct c_closure {
	OBJECT_HEADER;
	uint8_t upvalue_count;
	Object *gray_next;
	lua_CFunction f;
	Value upvalues[];
} CClosure;

#define lua_function_size(n) (offsetof(LuaFunction, upvalues) + (size_t)(n) * sizeof(Upvalue *))
#define c_closure_size(n) (offsetof(CClosure, upvalues) + (size_t)(n) * sizeof(Value))

/* ---- Userdata ------------------------------------------------------------------- */

/* The user's block follows the user values; it is aligned to 8 (LUAI_MAXALIGN). */
typedef struct userdata {
	OBJECT_HEADER;
	uint16_t user_values;
	size_t length;
	Table *metatable;
	Object *gray_next;
	Value values[];
} Userdata;

#define userdata_block(ud) ((void *)&(ud)->values[(ud)->user_values])
#define userdata_size(nvalues, length) \
	(offsetof(Userdata, values) + (size_t)(nvalues) * sizeof(Value) + (length))

#endif
