/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtual.c - allocation removal: tables that are not made.
 *
 * A table that the trace makes is virtual while nothing but the trace knows of it.
 * What it has in it is kept here; reads and writes of it are answered from that and
 * are not written to the list. It is made (forced) when an operation comes that wants
 * a real one: it is stored into another object, given to a helper, or has something
 * done to it that is not known here. Then one helper makes it with all that is in it.
 *
 * A snapshot that names a virtual table gets an operation `virtual`, which says what
 * the table has in it at that place, and is computed by nobody but an exit. As
 * operations name only what is before them, a table that is in itself cannot be
 * virtual. The snapshot has to be copied when its state is that of the list, not when
 * the first guard that needs it comes: what is done to virtual tables in between is
 * done again by who goes on at the exit.
 *
 * Keys are what counts, not places: the recorder's guards on the number of nodes, and
 * on which key is in which, tell which key is meant and are true of any table with it.
 * A read of a key that is not there is nil.
 *
 * A force needs a snapshot for the guard that there was memory. It is the newest that
 * a guard has, if nothing with an effect came since: what went between is done again.
 * Where there is none, and where a table meets something that is not done here, the
 * whole pass is done again with the tables of that place made for real.
 */
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "opt.h"

/* Elements that a table may be made with. */
#define MAX_ARRAY MAX_SHAPE_KEYS
/* What table.c gives to a table that its first element is appended to. */
#define LEAST_APPEND 4

struct field {
	IrRef key, value;
	uint8_t tag;
};

struct virtual
{
	uint32_t site; /* place in the old list of what makes it */
	IrRef ref;     /* what stands for it */
	bool carried;  /* by the label: it is none of this turn */
	bool forced;
	uint32_t array, hash; /* as in TABLE_NEW */
	uint32_t size;	      /* elements that the array part has by now */
	IrRef metatable;      /* IR_NONE: none */
	IrRef state;	      /* the newest operation `virtual`, IR_NONE: it is not any more */
	unsigned n;
	struct field fields[MAX_SHAPE_KEYS];
};

/* References that are something of a virtual table. */
enum part_kind { NODE_COUNT, NODES, NODE, KEY, KEY_TAG, ARRAY };

struct part {
	enum part_kind kind;
	IrRef table;
	IrRef node; /* of KEY: the part that is the node */
	IrRef key;  /* of NODE: a guard told it */
};

struct operand {
	bool set;
	IrOp store;
};

struct virtuals {
	struct virtual *list;
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
};

bool virtuals_open(Opt *o, Jit *jit, uint8_t *real, uint32_t new_ops)
{
	struct virtuals *vs = calloc(1, sizeof(*vs));

	o->virtuals = vs;
	if (!vs)
		return false;
	vs->jit = jit;
	vs->real = vs->found = real;
	vs->what = calloc(new_ops + 1, sizeof(*vs->what));
	return vs->what;
}

void virtuals_close(Opt *o)
{
	struct virtuals *vs = o->virtuals;

	if (!vs)
		return;
	free(vs->list);
	free(vs->parts);
	free(vs->what);
	free(vs);
	o->virtuals = NULL;
}

static bool grow(Opt *o, void *vector, uint32_t n, uint32_t *size, size_t element)
{
	uint32_t more = *size ? *size * 2 : 16;
	void *grown;

	if (n < *size)
		return true;
	grown = realloc(*(void **)vector, more * element);
	if (!grown) {
		o->failed = true;
		return false;
	}
	*(void **)vector = grown;
	*size = more;
	return true;
}

/* ---- What there is -------------------------------------------------------------------------- */

/* NULL: ref, which is known (opt_known), is no virtual table. */
static struct virtual *table_of(const Opt *o, IrRef ref)
{
	int32_t what = ref >= 0 ? o->virtuals->what[ref] : 0;
	struct virtual *v = what > 0 ? &o->virtuals->list[what - 1] : NULL;

	return v && !v->forced ? v : NULL;
}

static struct part *part_of(const Opt *o, IrRef ref)
{
	int32_t what = ref >= 0 ? o->virtuals->what[ref] : 0;

	return what < 0 ? &o->virtuals->parts[~what] : NULL;
}

bool virtual_is(const Opt *o, IrRef ref)
{
	return o->virtuals && table_of(o, opt_known(o, ref));
}

/* The table is made for real where it is made: everything is done again. */
static void give_up(Opt *o, const struct virtual *v)
{
	o->virtuals->found[v->site] = 1;
	o->restart = true;
	o->failed = true;
}

/* A reference that stands for something and is not to be needed in the end. */
static IrRef stand_in(Opt *o, char type)
{
	IrOp op = {.opcode = type == 'i' ? IR_SAME_AS_I : IR_SAME_AS_R,
		   .type = type,
		   .nargs = 1,
		   .descr = -1,
		   .snapshot = -1};
	IrRef args[3] = {type == 'i' ? ir_integer(o->to, 0) : ir_address(o->to, NULL), IR_NONE,
			 IR_NONE};

	op.arg[0] = args[0];
	return opt_append(o, &op, args);
}

static IrRef new_table(Opt *o, const struct virtual *from)
{
	struct virtuals *vs = o->virtuals;
	struct virtual copy = *from;
	IrRef ref = stand_in(o, 'r');

	if (o->failed || !grow(o, &vs->list, vs->n, &vs->size, sizeof(*vs->list)))
		return 0;
	copy.ref = ref;
	copy.state = IR_NONE;
	vs->list[vs->n] = copy;
	vs->what[ref] = (int32_t)++vs->n;
	return ref;
}

static IrRef new_part(Opt *o, enum part_kind kind, IrRef table, IrRef node)
{
	struct virtuals *vs = o->virtuals;
	IrRef ref = stand_in(o, kind == NODE_COUNT || kind == KEY_TAG ? 'i' : 'r');

	if (o->failed || !grow(o, &vs->parts, vs->n_parts, &vs->size_parts, sizeof(*vs->parts)))
		return 0;
	vs->parts[vs->n_parts] =
		(struct part){.kind = kind, .table = table, .node = node, .key = IR_NONE};
	vs->what[ref] = ~(int32_t)vs->n_parts++;
	return ref;
}

/* ---- Fields ------------------------------------------------------------------------------------
 */

static struct field *find(struct virtual *v, IrRef key)
{
	for (unsigned i = 0; i < v->n; i++)
		if (v->fields[i].key == key)
			return &v->fields[i];
	return NULL;
}

static bool is_integer_key(const Opt *o, IrRef key, lua_Integer *i)
{
	const IrConstant *c = ir_is_constant(key) ? ir_constant(o->to, key) : NULL;

	if (!c || c->type != 'i' || c->tag != TAG_INTEGER)
		return false;
	*i = c->u.i;
	return true;
}

static bool is_string_key(const Opt *o, IrRef key)
{
	return ir_is_constant(key) && ir_constant(o->to, key)->tag == TAG_SHORT_STRING;
}

/* Is `ref` v, or something that v is in? */
static bool reaches(const Opt *o, IrRef ref, const struct virtual *v)
{
	const struct virtual *from = table_of(o, opt_known(o, ref));

	if (!from || from == v)
		return from;
	for (unsigned i = 0; i < from->n; i++)
		if (reaches(o, from->fields[i].value, v))
			return true;
	return false;
}

/* A key whose value is nil leaves its node, which a new key may take. */
static bool has_lost_key(const struct virtual *v)
{
	for (unsigned i = 0; i < v->n; i++)
		if (v->fields[i].tag == TAG_NIL)
			return true;
	return false;
}

static void put(Opt *o, struct virtual *v, IrRef key, IrRef value, uint8_t tag)
{
	struct field *f = find(v, key);

	value = opt_known(o, value);
	if (!f && tag == TAG_NIL)
		return;
	if (reaches(o, value, v) || (!f && (v->n == MAX_SHAPE_KEYS || has_lost_key(v)))) {
		give_up(o, v);
		return;
	}
	v->state = IR_NONE;
	if (!f)
		f = &v->fields[v->n++];
	*f = (struct field){.key = key, .value = value, .tag = tag};
}

/* Key i, an element: false if it is beyond the array part. */
static bool put_element(Opt *o, struct virtual *v, lua_Integer i, IrRef value, uint8_t tag)
{
	if (i < 1 || (lua_Unsigned)i > v->size)
		return false;
	put(o, v, ir_integer(o->to, i), value, tag);
	return true;
}

/* The value of a key under op's type; IR_NONE: it is none, which cannot be. */
static IrRef value_of(Opt *o, struct virtual *v, IrRef key, const IrOp *op)
{
	const struct field *f = find(v, key);
	IrRef value = f ? opt_known(o, f->value) : IR_NONE;

	if (!f || ir_type(o->to, value) != op->type) {
		o->failed = true; /* behind a guard on the tag that failed */
		return 0;
	}
	return value;
}

static IrRef tag_of(Opt *o, struct virtual *v, IrRef key)
{
	const struct field *f = find(v, key);

	return ir_integer(o->to, f ? f->tag : TAG_NIL);
}

/* The only border, if there is but one: elements, and nothing behind the first nil. */
static bool border(const Opt *o, const struct virtual *v, lua_Integer *n)
{
	uint32_t set = 0, count = 0;
	lua_Integer i;

	for (unsigned f = 0; f < v->n; f++)
		if (is_integer_key(o, v->fields[f].key, &i) && v->fields[f].tag != TAG_NIL) {
			set |= UINT32_C(1) << i;
			count++;
		}
	*n = count;
	return set == ((UINT32_C(2) << count) - 2);
}

/* ---- State: for snapshots, for the label ---------------------------------------------------- */

int32_t virtual_shape(Opt *o, IrRef ref)
{
	const struct virtual *v = table_of(o, opt_known(o, ref));
	ShapeKey keys[MAX_SHAPE_KEYS];
	int32_t shape;
	IrShape *s;

	for (unsigned i = 0; i < v->n; i++)
		keys[i] = (ShapeKey){.key = v->fields[i].key, .tag = v->fields[i].tag};
	shape = ir_shape(o->to, v->array, v->hash, keys, v->n);
	if (o->to->failed) {
		o->failed = true;
		return 0;
	}
	s = &o->to->shapes[shape];
	if (!s->model)
		s->model = model_of(o->virtuals->jit, o->to, shape);
	o->failed |= !s->model;
	return shape;
}

static IrRef metatable_of(Opt *o, const struct virtual *v)
{
	return v->metatable == IR_NONE ? ir_address(o->to, NULL) : opt_known(o, v->metatable);
}

static bool is_state(const Opt *o, IrRef state, int32_t shape, const IrRef *args, unsigned n)
{
	const IrOp *op = state == IR_NONE ? NULL : ir_op(o->to, state);

	return op && op->descr == shape && op->nargs == n &&
	       !memcmp(ir_args(o->to, op), args, n * sizeof(*args));
}

IrRef virtual_state(Opt *o, IrRef ref)
{
	struct virtual *v;
	IrOp op = {.opcode = IR_VIRTUAL, .type = 'r', .snapshot = -1, .tag = TAG_TABLE};
	IrRef args[1 + MAX_SHAPE_KEYS], state;

	ref = opt_known(o, ref);
	v = o->virtuals ? table_of(o, ref) : NULL;
	if (!v || o->failed)
		return ref;
	args[0] = metatable_of(o, v);
	for (unsigned i = 0; i < v->n; i++)
		args[i + 1] = virtual_state(o, v->fields[i].value);
	op.descr = virtual_shape(o, ref);
	op.nargs = (uint16_t)(v->n + 1);
	if (is_state(o, v->state, op.descr, args, op.nargs))
		return v->state;
	state = opt_append(o, &op, args);
	v->state = state;
	return state;
}

unsigned virtual_fields(const Opt *o, IrRef ref)
{
	const struct virtual *v = o->virtuals ? table_of(o, opt_known(o, ref)) : NULL;

	return v ? 1 + v->n : 0;
}

IrRef virtual_field(Opt *o, IrRef ref, unsigned n)
{
	const struct virtual *v = o->virtuals ? table_of(o, opt_known(o, ref)) : NULL;

	if (!v || n > v->n)
		return IR_NONE;
	return n ? opt_known(o, v->fields[n - 1].value) : metatable_of(o, v);
}

uint8_t virtual_field_tag(const Opt *o, IrRef ref, unsigned n)
{
	const struct virtual *v = table_of(o, opt_known(o, ref));

	return n ? v->fields[n - 1].tag : TAG_TABLE;
}

IrRef virtual_copy(Opt *o, IrRef ref)
{
	struct virtual copy = *table_of(o, opt_known(o, ref));

	copy.carried = true;
	return new_table(o, &copy);
}

void virtual_set_field(Opt *o, IrRef ref, unsigned n, IrRef value)
{
	struct virtual *v = table_of(o, ref);

	if (n)
		v->fields[n - 1].value = value;
	else
		v->metatable =
			ir_is_constant(value) && !ir_constant(o->to, value)->u.p ? IR_NONE : value;
}

/* ---- Forcing -------------------------------------------------------------------------------- */

static void write_operand(Opt *o, unsigned n, IrRef value, uint8_t tag)
{
	IrOp store = {.opcode = IR_SETVALUE, .type = 'v', .nargs = 2, .descr = tag, .snapshot = -1};
	IrRef args[3] = {ir_address(o->to, &o->virtuals->jit->operands[n]), value, IR_NONE};

	memcpy(store.arg, args, sizeof(args));
	opt_append(o, &store, args);
}

IrRef virtual_force(Opt *o, IrRef ref)
{
	struct virtual *v;
	IrOp make = {.opcode = IR_CALL_R,
		     .type = 'r',
		     .nargs = 2,
		     .descr = HELPER_TABLE_MAKE,
		     .snapshot = -1,
		     .tag = TAG_TABLE};
	IrOp guard = {.opcode = IR_GUARD_NONNULL, .type = 'v', .nargs = 1, .descr = -1};
	IrRef args[3] = {IR_NONE, IR_NONE, IR_NONE}, made;
	int32_t shape;

	ref = opt_known(o, ref);
	v = o->virtuals ? table_of(o, ref) : NULL;
	if (!v || o->failed)
		return ref;
	if (o->snapshot < 0) {
		give_up(o, v);
		return 0;
	}
	for (unsigned i = 0; i < v->n; i++)
		virtual_force(o, v->fields[i].value);
	shape = virtual_shape(o, ref);
	if (o->failed)
		return 0;
	for (unsigned i = 0; i < v->n; i++)
		write_operand(o, i, opt_known(o, v->fields[i].value), v->fields[i].tag);
	args[0] = ir_address(o->to, o->to->shapes[shape].model);
	args[1] = metatable_of(o, v);
	made = opt_append(o, &make, args);
	guard.arg[0] = made;
	guard.arg[1] = guard.arg[2] = IR_NONE;
	guard.snapshot = o->snapshot;
	opt_append(o, &guard, guard.arg);
	if (o->failed)
		return 0;
	o->same[ref] = made;
	v->forced = true;
	return made;
}

/* ---- Operands and results of helpers -------------------------------------------------------- */

/* The helper's operand that an address is, -1: none that is looked at here. */
static int operand_at(const Opt *o, IrRef address)
{
	const Value *operands = o->virtuals->jit->operands, *p;

	if (!ir_is_constant(address) || ir_type(o->to, address) != 'r')
		return -1;
	p = ir_constant(o->to, address)->u.p;
	return p >= operands && p < operands + MAX_SHAPE_KEYS ? (int)(p - operands) : -1;
}

static bool is_result(const Opt *o, IrRef address)
{
	return ir_is_constant(address) && ir_type(o->to, address) == 'r' &&
	       ir_constant(o->to, address)->u.p == &o->virtuals->jit->result;
}

static void write_operands(Opt *o)
{
	struct operand *operands = o->virtuals->operands;

	for (int n = 0; n < MAX_SHAPE_KEYS; n++)
		if (operands[n].set)
			virtual_force(o, operands[n].store.arg[1]);
	for (int n = 0; n < MAX_SHAPE_KEYS && !o->failed; n++) {
		if (!operands[n].set)
			continue;
		operands[n].set = false;
		write_operand(o, (unsigned)n, opt_known(o, operands[n].store.arg[1]),
			      (uint8_t)operands[n].store.descr);
	}
}

/* A loop's next turn begins: what was said to helpers is not valid any more. */
void virtuals_forget(Opt *o)
{
	if (!o->virtuals)
		return;
	memset(o->virtuals->operands, 0, sizeof(o->virtuals->operands));
	o->virtuals->has_result = false;
}

/* ---- Operations ----------------------------------------------------------------------------- */

static bool make(Opt *o, const IrRef *args, IrRef *result)
{
	struct virtual v = {.site = o->at, .metatable = IR_NONE};
	lua_Integer array, hash;

	if (o->virtuals->real[o->at] || !is_integer_key(o, args[0], &array) ||
	    !is_integer_key(o, args[1], &hash) || array > MAX_ARRAY || hash > 1 << 10)
		return false;
	v.array = v.size = (uint32_t)array;
	v.hash = (uint32_t)hash;
	*result = new_table(o, &v);
	return true;
}

/* A key beyond the array part: the one behind it may make it grow. */
static bool append_element(Opt *o, struct virtual *v, lua_Integer i, IrRef value, uint8_t tag)
{
	if (tag == TAG_NIL || (lua_Unsigned)i != (lua_Unsigned)v->size + 1 ||
	    v->size >= LEAST_APPEND)
		return false;
	v->size = LEAST_APPEND;
	return put_element(o, v, i, value, tag);
}

static bool put_by_helper(Opt *o, const IrOp *op, struct virtual *v, IrRef key)
{
	struct operand *value = &o->virtuals->operands[1];
	IrRef ref = value->store.arg[1];
	uint8_t tag = (uint8_t)value->store.descr;
	lua_Integer i;

	if (!value->set)
		return false;
	if (op->descr == HELPER_TABLE_PUT_INTEGER) {
		if (!is_integer_key(o, key, &i) ||
		    (!put_element(o, v, i, ref, tag) && !append_element(o, v, i, ref, tag)))
			return false;
	} else if (is_string_key(o, key)) {
		put(o, v, key, ref, tag);
	} else {
		return false;
	}
	value->set = false;
	return true;
}

static bool get_by_helper(Opt *o, const IrOp *op, struct virtual *v, IrRef key, IrRef *result)
{
	struct virtuals *vs = o->virtuals;
	const struct field *f = find(v, key);
	lua_Integer i;

	if (op->descr == HELPER_TABLE_GET_STRING ? !is_string_key(o, key)
						 : !is_integer_key(o, key, &i))
		return false;
	vs->has_result = true;
	vs->result = f ? opt_known(o, f->value) : ir_integer(o->to, 0);
	vs->result_tag = f ? f->tag : TAG_NIL;
	*result = ir_integer(o->to, vs->result_tag);
	return true;
}

static bool call(Opt *o, const IrOp *op, const IrRef *args, IrRef *result)
{
	struct virtual *v = op->nargs ? table_of(o, args[0]) : NULL;
	lua_Integer n;

	if (op->descr == HELPER_TABLE_NEW)
		return make(o, args, result);
	if (!v)
		return false;
	switch (op->descr) {
	case HELPER_TABLE_PUT_INTEGER:
	case HELPER_TABLE_PUT_STRING:
		*result = ir_integer(o->to, 1);
		return put_by_helper(o, op, v, args[1]);
	case HELPER_TABLE_GET_INTEGER:
	case HELPER_TABLE_GET_STRING:
		return get_by_helper(o, op, v, args[1], result);
	case HELPER_TABLE_BORDER:
		if (!border(o, v, &n))
			return false;
		*result = ir_integer(o->to, n);
		return true;
	case HELPER_SET_METATABLE:
		/* That it has no finalizer was guarded. */
		if (table_of(o, args[1]))
			return false;
		v->metatable = args[1];
		v->state = IR_NONE;
		*result = ir_integer(o->to, 1);
		return true;
	default:
		return false;
	}
}

static bool get_field(Opt *o, const IrOp *op, IrRef table, IrRef *result)
{
	const struct virtual *v = table_of(o, table);

	if (!v)
		return false;
	switch (op->descr) {
	case IR_FIELD_OBJECT_TAG:
		*result = ir_integer(o->to, TAG_TABLE);
		return true;
	case IR_FIELD_TABLE_METATABLE:
		*result = metatable_of(o, v);
		return true;
	case IR_FIELD_TABLE_ARRAY_SIZE:
		*result = ir_integer(o->to, v->size);
		return true;
	case IR_FIELD_TABLE_NODE_MASK:
		*result = new_part(o, NODE_COUNT, table, IR_NONE);
		return true;
	case IR_FIELD_TABLE_NODES:
		*result = new_part(o, NODES, table, IR_NONE);
		return true;
	case IR_FIELD_TABLE_ARRAY:
		*result = new_part(o, ARRAY, table, IR_NONE);
		return true;
	default:
		return false;
	}
}

/* A guard on a part is true: the recorder saw such a table. */
static bool guard_value(Opt *o, const IrRef *args)
{
	struct part *p = part_of(o, args[0]);

	if (!p || (p->kind != NODE_COUNT && p->kind != KEY && p->kind != KEY_TAG))
		return false;
	if (p->kind == KEY)
		part_of(o, p->node)->key = args[1];
	return true;
}

/* Elements and nodes: the key that is meant, IR_NONE: it is not known. */
static IrRef key_of(Opt *o, const IrOp *op, const IrRef *args, const struct part *p)
{
	lua_Integer i;

	if (p->kind == NODE)
		return p->key;
	if (p->kind == ARRAY && op->nargs > 1 && is_integer_key(o, args[1], &i))
		return ir_integer(o->to, i + 1);
	return IR_NONE;
}

static bool on_part(Opt *o, const IrOp *op, const IrRef *args, IrRef *result)
{
	struct part *p = part_of(o, args[0]);
	IrRef table = p->table, node = args[0], key;
	struct virtual *v = table_of(o, opt_known(o, table));

	if (!v)
		return false;
	switch (op->opcode) {
	case IR_NODE_AT:
		*result = new_part(o, NODE, table, IR_NONE);
		return true;
	case IR_GETNODE_KEY:
		*result = new_part(o, KEY, table, node);
		return true;
	case IR_GETNODE_KEYTAG:
		*result = new_part(o, KEY_TAG, table, node);
		return true;
	case IR_GUARD_VALUE:
		return guard_value(o, args);
	default:
		break;
	}
	key = key_of(o, op, args, p);
	if (key == IR_NONE)
		return false;
	switch (op->opcode) {
	case IR_GETNODE_TAG:
	case IR_GETARRAYITEM_TAG:
		*result = tag_of(o, v, key);
		return true;
	case IR_GETNODE_I:
	case IR_GETNODE_F:
	case IR_GETNODE_R:
	case IR_GETARRAYITEM_I:
	case IR_GETARRAYITEM_F:
	case IR_GETARRAYITEM_R:
		*result = value_of(o, v, key, op);
		return true;
	case IR_SETNODE:
		put(o, v, key, args[1], (uint8_t)op->descr);
		return true;
	case IR_SETARRAYITEM:
		put(o, v, key, args[2], (uint8_t)op->descr);
		return true;
	default:
		return false;
	}
}

/* What a helper is told, and what it said. */
static bool variable(Opt *o, const IrOp *op, const IrRef *args, IrRef *result)
{
	struct virtuals *vs = o->virtuals;
	int operand = operand_at(o, args[0]);

	if (op->opcode == IR_SETVALUE) {
		if (operand < 0)
			return false;
		vs->operands[operand] = (struct operand){.set = true, .store = *op};
		vs->operands[operand].store.arg[1] = args[1];
		return true;
	}
	if (operand >= 0)
		write_operands(o);
	if (!vs->has_result || !is_result(o, args[0]))
		return false;
	*result = op->opcode == IR_GETVALUE_TAG ? ir_integer(o->to, vs->result_tag)
						: opt_known(o, vs->result);
	o->failed |= ir_type(o->to, *result) != op->type;
	return true;
}

/* Operations on references of virtual tables themselves. */
static bool on_table(Opt *o, const IrOp *op, const IrRef *args, IrRef *result)
{
	switch (op->opcode) {
	case IR_GETFIELD_I:
	case IR_GETFIELD_R:
		return get_field(o, op, args[0], result);
	case IR_GUARD_NONNULL:
		return table_of(o, args[0]);
	case IR_BARRIER_BACK:
	case IR_BARRIER:
		return table_of(o, args[0]);
	case IR_PTR_EQ:
	case IR_PTR_NE:
		if (!table_of(o, args[0]) && !table_of(o, args[1]))
			return false;
		*result = ir_integer(o->to, (args[0] == args[1]) == (op->opcode == IR_PTR_EQ));
		return true;
	default:
		return false;
	}
}

static bool handle(Opt *o, const IrOp *op, const IrRef *args, IrRef *result)
{
	if (op->nargs && part_of(o, args[0]))
		return on_part(o, op, args, result);
	if (ir_info[op->opcode].flags & IR_CALL)
		return call(o, op, args, result);
	if (op->opcode >= IR_GETVALUE_TAG && op->opcode <= IR_SETVALUE &&
	    variable(o, op, args, result))
		return true;
	return op->nargs && on_table(o, op, args, result);
}

bool virtual_take(Opt *o, const IrOp *op, IrRef *args, IrRef *result)
{
	*result = 0;
	if (handle(o, op, args, result) || o->failed)
		return true;
	for (unsigned i = 0; i < op->nargs; i++) {
		const struct part *p = part_of(o, args[i]);

		if (p) {
			/* Something was done to it that is not known here. */
			give_up(o, &o->virtuals->list[o->virtuals->what[p->table] - 1]);
			return true;
		}
		args[i] = virtual_force(o, args[i]);
	}
	if (ir_info[op->opcode].flags & IR_CALL && helper_info[op->descr].effects != HELPER_PURE) {
		write_operands(o);
		o->virtuals->has_result = false;
		/* Forcing one may have made another that is an argument too. */
		for (unsigned i = 0; i < op->nargs; i++)
			args[i] = opt_known(o, args[i]);
	}
	return o->failed;
}

/*
 * Tables that were never made: in a list that has one, dce.c leaves a count of what
 * was removed. Those that were made do not need what stood for them.
 */
void virtuals_finish(Opt *o)
{
	const struct virtuals *vs = o->virtuals;

	for (uint32_t i = 0; vs && i < vs->n && !o->failed; i++) {
		const struct virtual *v = &vs->list[i];
		IrOp *op = &o->to->ops[v->ref];

		if (v->carried || v->forced || !IR_ROOM(o->to, args, 2))
			continue;
		op->opcode = IR_CALL_R;
		op->descr = HELPER_TABLE_NEW;
		op->nargs = 2;
		op->arg[0] = (IrRef)o->to->n_args;
		o->to->args[o->to->n_args++] = ir_integer(o->to, 0);
		o->to->args[o->to->n_args++] = ir_integer(o->to, 0);
	}
}
