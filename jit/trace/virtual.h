/* SPDX-License-Identifier: BSD-2-Clause */
/* virtual.h - private to virtual.c, which says what it is about, and virtual_op.c. */
#ifndef JITLUA_VIRTUAL_H
#define JITLUA_VIRTUAL_H

#include "opt.h"

/* Elements that a table may be made with. */
#define MAX_ARRAY MAX_SHAPE_KEYS
/* As in table.c: elements that the array part has when one is appended to fewer. */
#define LEAST_APPEND 4

struct field {
	IrRef key, value;
	uint8_t tag;
};

/*
 * A virtual function is one too: its only key is its proto, with the slot of register 0
 * of the frame that makes it, and in the metatable's place is the function that does.
 */
struct virtual_table {
	uint32_t site; /* place in the old list of what makes it */
	bool is_function;
	bool closed;  /* the function's own variables are: nothing may be asked of it any more */
	IrRef ref;    /* what stands for it */
	bool carried; /* by the label: it is none of this turn */
	bool forced;
	uint32_t array, hash; /* as in TABLE_NEW */
	uint32_t size;	      /* elements that the array part has by now */
	uint32_t border;      /* that was asked for last */
	IrRef metatable;      /* IR_NONE: none */
	IrRef state;	      /* the newest operation `virtual`, IR_NONE: it is not any more */
	unsigned n;
	struct field fields[MAX_SHAPE_KEYS];
};

/* References that are something of a virtual table. */
enum part_kind { NODE_COUNT, NODES, NODE, KEY, KEY_TAG, ARRAY, UPVALUE };

struct part {
	enum part_kind kind;
	IrRef table;
	IrRef node; /* of KEY: the part that is the node */
	IrRef key;  /* of NODE: a guard told it */
	int slot;   /* of UPVALUE: its variable */
};

struct operand {
	bool set;
	IrOp store;
};

struct virtuals {
	struct virtual_table *list;
	uint32_t n, size;
	struct part *parts;
	uint32_t n_parts, size_parts;
	int32_t *what;	     /* by place: index in list + 1, ~index in parts, 0: neither */
	const uint8_t *real; /* by place in the old list: made for real */
	uint8_t *found;	     /* the same, to be marked */
	Jit *jit;
	struct operand operands[MAX_SHAPE_KEYS]; /* of the next helper; not written yet */
	bool has_result;			 /* a read of a virtual table said */
	IrRef result;
	uint8_t result_tag;
	bool opens; /* functions that share variables were made */
};

/* ---- virtual.c ------------------------------------------------------------------------------ */

/* NULL: ref, which is known (opt_known), is no virtual table. */
struct virtual_table *virtual_table(const Opt *o, IrRef ref);
/* NULL: ref is no part of one. */
struct part *virtual_part(const Opt *o, IrRef ref);
/* The table is made for real where it is made: everything is done again. */
void virtual_give_up(Opt *o, const struct virtual_table *v);
/* NULL: ref, which is known, is no virtual function. */
struct virtual_table *virtual_function(const Opt *o, IrRef ref);
const Proto *virtual_proto(const Opt *o, const struct virtual_table *v);
/* Does it share variables in slots from `slot` on? */
bool virtual_shares(const Opt *o, const struct virtual_table *v, int slot);
int virtual_base(const Opt *o, const struct virtual_table *v);
/* A table with all that `from` has. */
IrRef virtual_new(Opt *o, const struct virtual_table *from);
IrRef virtual_new_part(Opt *o, enum part_kind kind, IrRef table, IrRef node);
/* NULL: there is no such key. */
struct field *virtual_find(struct virtual_table *v, IrRef key);
bool virtual_integer_key(const Opt *o, IrRef key, lua_Integer *i);
bool virtual_string_key(const Opt *o, IrRef key);
void virtual_put(Opt *o, struct virtual_table *v, IrRef key, IrRef value, uint8_t tag);
/* Key i, an element: false if it is beyond the array part. */
bool virtual_put_element(Opt *o, struct virtual_table *v, lua_Integer i, IrRef value, uint8_t tag);
/* The value of a key under op's type. */
IrRef virtual_value(Opt *o, struct virtual_table *v, IrRef key, const IrOp *op);
IrRef virtual_tag(Opt *o, struct virtual_table *v, IrRef key);
/* false: there is more than one that it may be. */
bool virtual_border(const Opt *o, const struct virtual_table *v, lua_Integer *n);
IrRef virtual_metatable(Opt *o, const struct virtual_table *v);
void virtual_write_operand(Opt *o, unsigned n, IrRef value, uint8_t tag);

#endif
