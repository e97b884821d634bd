/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtual.c - allocation removal: tables, and functions, that are not made.
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
 * A function is virtual while the variables that it shares are open. They are in the
 * stack, where the recorder has put them, so whoever makes the function later finds
 * them; inlined calls of it read and write them there. When their block is left it is
 * mostly not needed any more; where it is, it is made for real from the beginning. It
 * is made before a turn ends.
 *
 * A force needs a snapshot for the guard that there was memory. It is the newest that
 * a guard has, if nothing with an effect came since: what went between is done again.
 * Where there is none, and where a table meets something that is not done here, the
 * whole pass is done again with the tables of that place made for real.
 */
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "virtual.h"

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

/* NULL: ref, which is known (opt_known), is neither a virtual table nor a function. */
static struct virtual_table *virtual_object(const Opt *o, IrRef ref)
{
	int32_t what = ref >= 0 ? o->virtuals->what[ref] : 0;
	struct virtual_table *v = what > 0 ? &o->virtuals->list[what - 1] : NULL;

	return v && !v->forced ? v : NULL;
}

struct virtual_table *virtual_table(const Opt *o, IrRef ref)
{
	struct virtual_table *v = virtual_object(o, ref);

	return v && !v->is_function ? v : NULL;
}

struct virtual_table *virtual_function(const Opt *o, IrRef ref)
{
	struct virtual_table *v = virtual_object(o, ref);

	return v && v->is_function ? v : NULL;
}

struct part *virtual_part(const Opt *o, IrRef ref)
{
	int32_t what = ref >= 0 ? o->virtuals->what[ref] : 0;

	return what < 0 ? &o->virtuals->parts[~what] : NULL;
}

bool virtual_is(const Opt *o, IrRef ref)
{
	return o->virtuals && virtual_object(o, opt_known(o, ref));
}

bool virtual_crosses(const Opt *o, IrRef ref)
{
	return virtual_table(o, opt_known(o, ref));
}

bool virtual_is_part(const Opt *o, IrRef ref)
{
	return o->virtuals && virtual_part(o, ref);
}

/* The table is made for real where it is made: everything is done again. */
void virtual_give_up(Opt *o, const struct virtual_table *v)
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

IrRef virtual_new(Opt *o, const struct virtual_table *from)
{
	struct virtuals *vs = o->virtuals;
	struct virtual_table copy = *from;
	IrRef ref = stand_in(o, 'r');

	if (o->failed || !grow(o, &vs->list, vs->n, &vs->size, sizeof(*vs->list)))
		return 0;
	copy.ref = ref;
	copy.state = IR_NONE;
	vs->list[vs->n] = copy;
	vs->what[ref] = (int32_t)++vs->n;
	return ref;
}

IrRef virtual_new_part(Opt *o, enum part_kind kind, IrRef table, IrRef node)
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

/* ---- Functions ------------------------------------------------------------------------------ */

const Proto *virtual_proto(const Opt *o, const struct virtual_table *v)
{
	return ir_constant(o->to, v->fields[0].key)->u.p;
}

int virtual_base(const Opt *o, const struct virtual_table *v)
{
	return (int)ir_constant(o->to, v->fields[0].value)->u.i;
}

bool virtual_shares(const Opt *o, const struct virtual_table *v, int slot)
{
	const Proto *p = virtual_proto(o, v);

	for (int i = 0; i < p->upvalue_count; i++)
		if (p->upvalues[i].in_stack && virtual_base(o, v) + p->upvalues[i].index >= slot)
			return true;
	return false;
}

/* ---- Fields ------------------------------------------------------------------------------------
 */

struct field *virtual_find(struct virtual_table *v, IrRef key)
{
	for (unsigned i = 0; i < v->n; i++)
		if (v->fields[i].key == key)
			return &v->fields[i];
	return NULL;
}

bool virtual_integer_key(const Opt *o, IrRef key, lua_Integer *i)
{
	const IrConstant *c = ir_is_constant(key) ? ir_constant(o->to, key) : NULL;

	if (!c || c->type != 'i' || c->tag != TAG_INTEGER)
		return false;
	*i = c->u.i;
	return true;
}

bool virtual_string_key(const Opt *o, IrRef key)
{
	return ir_is_constant(key) && ir_constant(o->to, key)->tag == TAG_SHORT_STRING;
}

/* Is `ref` v, or something that v is in? */
static bool reaches(const Opt *o, IrRef ref, const struct virtual_table *v)
{
	const struct virtual_table *from = virtual_object(o, opt_known(o, ref));

	if (!from || from == v)
		return from;
	for (unsigned i = 0; i < from->n; i++)
		if (reaches(o, from->fields[i].value, v))
			return true;
	return false;
}

/* A key whose value is nil leaves its node, which a new key may take. */
static bool has_lost_key(const struct virtual_table *v)
{
	for (unsigned i = 0; i < v->n; i++)
		if (v->fields[i].tag == TAG_NIL)
			return true;
	return false;
}

void virtual_put(Opt *o, struct virtual_table *v, IrRef key, IrRef value, uint8_t tag)
{
	struct field *f = virtual_find(v, key);

	value = opt_known(o, value);
	if (!f && tag == TAG_NIL)
		return;
	if (reaches(o, value, v) || (!f && (v->n == MAX_SHAPE_KEYS || has_lost_key(v)))) {
		virtual_give_up(o, v);
		return;
	}
	v->state = IR_NONE;
	if (!f)
		f = &v->fields[v->n++];
	*f = (struct field){.key = key, .value = value, .tag = tag};
}

/* Key i, an element: false if it is beyond the array part. */
bool virtual_put_element(Opt *o, struct virtual_table *v, lua_Integer i, IrRef value, uint8_t tag)
{
	if (i < 1 || (lua_Unsigned)i > v->size)
		return false;
	virtual_put(o, v, ir_integer(o->to, i), value, tag);
	return true;
}

/* The value of a key under op's type; IR_NONE: it is none, which cannot be. */
IrRef virtual_value(Opt *o, struct virtual_table *v, IrRef key, const IrOp *op)
{
	const struct field *f = virtual_find(v, key);
	IrRef value = f ? opt_known(o, f->value) : IR_NONE;

	if (!f || ir_type(o->to, value) != op->type) {
		o->failed = true; /* behind a guard on the tag that failed */
		return 0;
	}
	return value;
}

IrRef virtual_tag(Opt *o, struct virtual_table *v, IrRef key)
{
	const struct field *f = virtual_find(v, key);

	return ir_integer(o->to, f ? f->tag : TAG_NIL);
}

/* The only border, if there is but one: elements, and nothing behind the first nil. */
bool virtual_border(const Opt *o, const struct virtual_table *v, lua_Integer *n)
{
	uint64_t set = 0;
	uint32_t count = 0;
	lua_Integer i;

	for (unsigned f = 0; f < v->n; f++)
		if (virtual_integer_key(o, v->fields[f].key, &i) && v->fields[f].tag != TAG_NIL) {
			set |= UINT64_C(1) << i;
			count++;
		}
	*n = count;
	return set == ((UINT64_C(2) << count) - 2);
}

/* ---- State: for snapshots, for the label ---------------------------------------------------- */

int32_t virtual_shape(Opt *o, IrRef ref)
{
	const struct virtual_table *v = virtual_object(o, opt_known(o, ref));
	ShapeKey keys[MAX_SHAPE_KEYS];
	int32_t shape;
	IrShape *s;

	for (unsigned i = 0; i < v->n; i++)
		keys[i] = (ShapeKey){.key = v->fields[i].key, .tag = v->fields[i].tag};
	shape = ir_shape(o->to, &(IrShape){.array = v->array, .hash = v->hash, .border = v->border},
			 keys, v->n);
	if (o->to->failed) {
		o->failed = true;
		return 0;
	}
	if (v->is_function)
		return shape;
	s = &o->to->shapes[shape];
	if (!s->model)
		s->model = model_of(o->virtuals->jit, o->to, shape);
	o->failed |= !s->model;
	return shape;
}

IrRef virtual_metatable(Opt *o, const struct virtual_table *v)
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
	struct virtual_table *v;
	IrOp op = {.opcode = IR_VIRTUAL, .type = 'r', .snapshot = -1};
	IrRef args[1 + MAX_SHAPE_KEYS], state;

	ref = opt_known(o, ref);
	v = o->virtuals ? virtual_object(o, ref) : NULL;
	if (!v || o->failed)
		return ref;
	if (v->closed) {
		virtual_give_up(o, v);
		return 0;
	}
	op.tag = v->is_function ? TAG_LUA_FUNCTION : TAG_TABLE;
	args[0] = virtual_metatable(o, v);
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
	const struct virtual_table *v = o->virtuals ? virtual_table(o, opt_known(o, ref)) : NULL;

	return v ? 1 + v->n : 0;
}

IrRef virtual_field(Opt *o, IrRef ref, unsigned n)
{
	const struct virtual_table *v = o->virtuals ? virtual_table(o, opt_known(o, ref)) : NULL;

	if (!v || n > v->n)
		return IR_NONE;
	return n ? opt_known(o, v->fields[n - 1].value) : virtual_metatable(o, v);
}

uint8_t virtual_field_tag(const Opt *o, IrRef ref, unsigned n)
{
	const struct virtual_table *v = virtual_table(o, opt_known(o, ref));

	return n ? v->fields[n - 1].tag : TAG_TABLE;
}

IrRef virtual_copy(Opt *o, IrRef ref)
{
	struct virtual_table copy = *virtual_table(o, opt_known(o, ref));

	copy.carried = true;
	return virtual_new(o, &copy);
}

void virtual_set_field(Opt *o, IrRef ref, unsigned n, IrRef value)
{
	struct virtual_table *v = virtual_table(o, ref);

	if (n)
		v->fields[n - 1].value = value;
	else
		v->metatable =
			ir_is_constant(value) && !ir_constant(o->to, value)->u.p ? IR_NONE : value;
}

/* ---- Forcing -------------------------------------------------------------------------------- */

void virtual_write_operand(Opt *o, unsigned n, IrRef value, uint8_t tag)
{
	IrOp store = {.opcode = IR_SETVALUE, .type = 'v', .nargs = 2, .descr = tag, .snapshot = -1};
	IrRef args[3] = {ir_address(o->to, &o->virtuals->jit->operands[n]), value, IR_NONE};

	memcpy(store.arg, args, sizeof(args));
	opt_append(o, &store, args);
}

/* Writes what makes v, and the guard that there was memory. */
static IrRef append_making(Opt *o, enum ir_helper helper, const IrRef *args, unsigned n,
			   uint8_t tag)
{
	IrOp make = {.opcode = IR_CALL_R,
		     .type = 'r',
		     .nargs = (uint16_t)n,
		     .descr = (int32_t)helper,
		     .snapshot = -1,
		     .tag = tag};
	IrOp guard = {.opcode = IR_GUARD_NONNULL, .type = 'v', .nargs = 1, .descr = -1};
	IrRef made = opt_append(o, &make, args);

	guard.arg[0] = made;
	guard.arg[1] = guard.arg[2] = IR_NONE;
	guard.snapshot = o->snapshot;
	opt_append(o, &guard, guard.arg);
	return made;
}

static IrRef make_table(Opt *o, IrRef ref, struct virtual_table *v)
{
	IrRef args[2];
	int32_t shape;

	for (unsigned i = 0; i < v->n; i++)
		virtual_force(o, v->fields[i].value);
	shape = virtual_shape(o, ref);
	if (o->failed)
		return 0;
	for (unsigned i = 0; i < v->n; i++)
		virtual_write_operand(o, i, opt_known(o, v->fields[i].value), v->fields[i].tag);
	args[0] = ir_address(o->to, o->to->shapes[shape].model);
	args[1] = virtual_metatable(o, v);
	return append_making(o, HELPER_TABLE_MAKE, args, 2, TAG_TABLE);
}

static IrRef make_function(Opt *o, const struct virtual_table *v)
{
	IrOp base = {.opcode = IR_SLOT_ADDRESS,
		     .type = 'r',
		     .descr = virtual_base(o, v),
		     .snapshot = -1,
		     .arg = {IR_NONE, IR_NONE, IR_NONE}};
	IrRef args[3] = {virtual_metatable(o, v), v->fields[0].key, opt_emit(o, &base, base.arg)};

	o->virtuals->opens = true;
	return append_making(o, HELPER_CLOSURE_NEW, args, 3, TAG_LUA_FUNCTION);
}

IrRef virtual_force(Opt *o, IrRef ref)
{
	struct virtual_table *v;
	IrRef made;

	ref = opt_known(o, ref);
	v = o->virtuals ? virtual_object(o, ref) : NULL;
	if (!v || o->failed)
		return ref;
	if (o->snapshot < 0 || v->closed) {
		virtual_give_up(o, v);
		return 0;
	}
	made = v->is_function ? make_function(o, v) : make_table(o, ref, v);
	if (o->failed)
		return 0;
	o->same[ref] = made;
	v->forced = true;
	return made;
}

/*
 * Tables that were never made: in a list that has one, dce.c leaves a count of what
 * was removed. Those that were made do not need what stood for them.
 */
void virtuals_finish(Opt *o)
{
	const struct virtuals *vs = o->virtuals;

	for (uint32_t i = 0; vs && i < vs->n && !o->failed; i++) {
		const struct virtual_table *v = &vs->list[i];
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
