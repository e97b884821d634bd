/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_table.c - tables, upvalues, strings.
 *
 * A key that is a constant string is looked for once, now: the trace guards that
 * the table has so many nodes and this key at this place, which is true of all
 * tables that were filled in the same way, and then only loads. An element of the
 * array part is guarded to be there. Everything else asks a helper.
 */
#include "../lua/gc.h"
#include "../lua/meta.h"
#include "record.h"

static IrRef field(Recorder *r, IrRef table, enum ir_field f)
{
	bool pointer = f == IR_FIELD_TABLE_ARRAY || f == IR_FIELD_TABLE_NODES ||
		       f == IR_FIELD_TABLE_METATABLE || f == IR_FIELD_USERDATA_METATABLE ||
		       f == IR_FIELD_UPVALUE_V || f == IR_FIELD_FUNCTION_PROTO;

	return record_emit(r, pointer ? IR_GETFIELD_R : IR_GETFIELD_I, table, IR_NONE, (int32_t)f);
}

/* What a read or a write is about. */
struct access {
	const Value *object, *key;
	IrRef object_ref, key_ref;
};

/* The result of a read: a reference and a tag. */
struct found {
	IrRef ref;
	uint8_t tag;
	bool is_called; /* a function is to be asked: callee(object, key) */
	struct callee callee;
	RecordedSlot object;
};

static const struct found nothing = {.ref = IR_NONE, .tag = TAG_NIL};

/* ---- Upvalues
 * ------------------------------------------------------------------------------------ */

/* The address of upvalue n's variable; *cell: the upvalue itself. */
static IrRef variable(Recorder *r, int n, IrRef *cell)
{
	*cell = record_emit(r, IR_GETUPVALUE, record_use(r, -1, NULL), IR_NONE, n);
	r->ir->ops[*cell].tag = TAG_UPVALUE;
	return field(r, *cell, IR_FIELD_UPVALUE_V);
}

static struct found get_upvalue(Recorder *r, int n)
{
	const Value *v = frame_function(r->L->frame)->upvalues[n]->v;
	IrRef cell, address = variable(r, n, &cell);
	IrRef tag = record_emit(r, IR_GETVALUE_TAG, address, IR_NONE, -1);

	return (struct found){
		.ref = record_load(r, tag, v->tag, IR_GETVALUE_I, address, IR_NONE),
		.tag = v->tag,
	};
}

void record_get_upvalue(Recorder *r)
{
	struct found f = get_upvalue(r, get_b(r->i));

	record_set(r, get_a(r->i), f.ref, f.tag);
}

static void barrier(Recorder *r, enum ir_opcode opcode, IrRef container, IrRef value, uint8_t tag)
{
	if (tag & TAG_COLLECTABLE)
		record_emit(r, opcode, container, value, -1);
}

void record_set_upvalue(Recorder *r)
{
	uint8_t tag;
	IrRef value = record_use(r, get_a(r->i), &tag), cell;
	IrRef address = variable(r, get_b(r->i), &cell);

	/* Where a table that was virtual until now is made (virtual.c). */
	if (tag & TAG_COLLECTABLE && value >= 0)
		record_guard(r, IR_GUARD_NONNULL, value, IR_NONE);
	record_emit(r, IR_SETVALUE, address, value == IR_NONE ? ir_integer(r->ir, 0) : value, tag);
	barrier(r, IR_BARRIER, cell, value, tag);
}

/* ---- Nodes
 * -------------------------------------------------------------------------------------------- */

static Node *find_node(const Table *t, const String *key)
{
	Slot s = table_find_short(t, key);

	return s.payload ? (Node *)((char *)s.payload - offsetof(Node, value)) : NULL;
}

/* The node of t that has the key, guarded to be where it is. */
static IrRef guarded_node(Recorder *r, IrRef table, const Table *t, const Node *n, const Value *key)
{
	IrRef nodes, node;

	record_guard_integer(r, field(r, table, IR_FIELD_TABLE_NODE_MASK), t->node_mask);
	nodes = field(r, table, IR_FIELD_TABLE_NODES);
	node = record_emit(r, IR_NODE_AT, nodes, IR_NONE, (int32_t)(n - t->nodes));
	record_guard(r, IR_GUARD_VALUE, record_emit(r, IR_GETNODE_KEY, node, IR_NONE, -1),
		     ir_value(r->ir, key));
	record_guard_integer(r, record_emit(r, IR_GETNODE_KEYTAG, node, IR_NONE, -1), key->tag);
	return node;
}

/* ---- Reading
 * ------------------------------------------------------------------------------------------- */

static struct found load_result(Recorder *r, IrRef tag_ref, uint8_t tag)
{
	return (struct found){
		.ref = record_load(r, tag_ref, tag, IR_GETVALUE_I,
				   ir_address(r->ir, &r->jit->result), IR_NONE),
		.tag = tag,
	};
}

/* Any key: by a helper. */
static struct found ask(Recorder *r, const struct access *a)
{
	Slot s = table_find(as_table(a->object), a->key);
	uint8_t tag = s.payload ? *s.tag : TAG_NIL;
	IrRef args[] = {a->object_ref, a->key_ref};

	if (is_integer(a->key))
		return load_result(r, record_call(r, HELPER_TABLE_GET_INTEGER, 2, args), tag);
	if (is_short_string(a->key))
		return load_result(r, record_call(r, HELPER_TABLE_GET_STRING, 2, args), tag);
	record_operand(r, 0, a->key_ref, a->key->tag);
	return load_result(r, record_call(r, HELPER_TABLE_GET, 1, args), tag);
}

static struct found raw_get_string(Recorder *r, const struct access *a)
{
	const Table *t = as_table(a->object);
	const Node *n = ir_is_constant(a->key_ref) ? find_node(t, as_string(a->key)) : NULL;
	IrRef node;

	if (!n)
		return ask(r, a);
	node = guarded_node(r, a->object_ref, t, n, a->key);
	return (struct found){
		.ref = record_load(r, record_emit(r, IR_GETNODE_TAG, node, IR_NONE, -1),
				   n->value_tag, IR_GETNODE_I, node, IR_NONE),
		.tag = n->value_tag,
	};
}

static IrRef guarded_index(Recorder *r, const struct access *a)
{
	IrRef index = record_emit(r, IR_INT_SUB, a->key_ref, ir_integer(r->ir, 1), -1);
	IrRef size = field(r, a->object_ref, IR_FIELD_TABLE_ARRAY_SIZE);

	record_guard_that(r, true, record_emit(r, IR_UINT_LT, index, size, -1));
	return index;
}

static bool in_array(const struct access *a)
{
	return (lua_Unsigned)a->key->u.i - 1 < as_table(a->object)->array_size;
}

static struct found raw_get_integer(Recorder *r, const struct access *a)
{
	IrRef index, array;
	uint8_t tag;

	if (!in_array(a))
		return ask(r, a);
	index = guarded_index(r, a);
	array = field(r, a->object_ref, IR_FIELD_TABLE_ARRAY);
	tag = *array_tag(as_table(a->object), a->key->u.i - 1);
	return (struct found){
		.ref = record_load(r, record_emit(r, IR_GETARRAYITEM_TAG, array, index, -1), tag,
				   IR_GETARRAYITEM_I, array, index),
		.tag = tag,
	};
}

static struct found raw_get(Recorder *r, const struct access *a)
{
	if (is_integer(a->key))
		return raw_get_integer(r, a);
	if (is_short_string(a->key))
		return raw_get_string(r, a);
	if (is_nil(a->key))
		return nothing;
	return ask(r, a);
}

IrRef record_raw_get(Recorder *r, const Value *table, IrRef table_ref, const Value *key,
		     IrRef key_ref, uint8_t *tag)
{
	struct access a = {.object = table,
			   .object_ref = table_ref,
			   .key = key,
			   .key_ref = key_ref};
	struct found f = raw_get(r, &a);

	*tag = f.tag;
	return f.ref;
}

#define MAX_CHAIN 8

static struct found get(Recorder *r, struct access a, int depth);

/*
 * Guards that a metatable, a constant, has no field for `event` (below 8); false: it
 * has one.
 */
bool record_guard_absent(Recorder *r, Table *mt, IrRef mt_ref, enum meta event)
{
	IrRef bit = ir_integer(r->ir, 1 << event);
	Value found;

	if (meta_fast(r->L, mt, event, &found) && !is_nil(&found))
		return false;
	bit = record_emit(r, IR_INT_AND, field(r, mt_ref, IR_FIELD_TABLE_ABSENT), bit, -1);
	record_guard_that(r, true, record_emit(r, IR_INT_NE, bit, ir_integer(r->ir, 0), -1));
	return true;
}

/* object[key] for a value whose metatable is mt: follows __index if that is a table. */
static struct found inherited(Recorder *r, const struct access *a, Table *mt, IrRef mt_ref,
			      int depth)
{
	Value meta = {.tag = TAG_TABLE, .u.object = (Object *)mt}, name;
	struct access up = {.object = &meta, .object_ref = mt_ref, .key = &name};
	struct found index;
	Value next;

	if (record_guard_absent(r, mt, mt_ref, META_INDEX))
		return nothing;
	set_object(&name, r->L->global->meta_names[META_INDEX]);
	up.key_ref = ir_value(r->ir, &name);
	table_get(mt, &name, &next);
	index = raw_get_string(r, &up);
	if (index.tag == TAG_NIL)
		return nothing;
	if (is_function(&next))
		return (struct found){
			.is_called = true,
			.callee = {.event = META_INDEX, .v = next, .ref = index.ref},
			.object = {.ref = a->object_ref, .tag = a->object->tag},
		};
	if (depth >= MAX_CHAIN)
		record_abort(r, ABORT_METAMETHOD, "__index");
	return get(r,
		   (struct access){.object = &next,
				   .object_ref = index.ref,
				   .key = a->key,
				   .key_ref = a->key_ref},
		   depth + 1);
}

/* The metatable of strings is a variable like others. */
static IrRef metatable_of_strings(Recorder *r, const Table *mt)
{
	IrRef at = ir_address(r->ir, &r->L->global->metatables[LUA_TSTRING]);

	record_guard(r, IR_GUARD_VALUE, record_emit(r, IR_GETVALUE_R, at, IR_NONE, -1),
		     ir_object(r->ir, mt, TAG_TABLE));
	return ir_object(r->ir, mt, TAG_TABLE);
}

static struct found get(Recorder *r, struct access a, int depth)
{
	struct found f;
	Table *mt;
	IrRef meta;

	if (is_string(a.object)) {
		mt = r->L->global->metatables[LUA_TSTRING];
		if (!mt)
			record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
		return inherited(r, &a, mt, metatable_of_strings(r, mt), depth);
	}
	if (a.object->tag == TAG_USERDATA && as_userdata(a.object)->metatable) {
		mt = as_userdata(a.object)->metatable;
		meta = field(r, a.object_ref, IR_FIELD_USERDATA_METATABLE);
		record_guard(r, IR_GUARD_VALUE, meta, ir_object(r->ir, mt, TAG_TABLE));
		return inherited(r, &a, mt, ir_object(r->ir, mt, TAG_TABLE), depth);
	}
	if (!is_table(a.object))
		record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
	f = raw_get(r, &a);
	if (f.tag != TAG_NIL)
		return f;
	mt = as_table(a.object)->metatable;
	meta = field(r, a.object_ref, IR_FIELD_TABLE_METATABLE);
	if (!mt) {
		record_guard(r, IR_GUARD_ISNULL, meta, IR_NONE);
		return nothing;
	}
	/* The metatable is this one: what is in it can change, and is guarded. */
	record_guard(r, IR_GUARD_VALUE, meta, ir_object(r->ir, mt, TAG_TABLE));
	return inherited(r, &a, mt, ir_object(r->ir, mt, TAG_TABLE), depth);
}

static void operand(Recorder *r, struct access *a, int object, const Value *key, IrRef key_ref)
{
	a->object = record_value(r, object);
	a->object_ref = record_use(r, object, NULL);
	a->key = key;
	a->key_ref = key_ref;
}

static void upvalue_operand(Recorder *r, struct access *a, int n)
{
	a->object = frame_function(r->L->frame)->upvalues[n]->v;
	a->object_ref = get_upvalue(r, n).ref;
}

void record_get(Recorder *r, enum opcode op)
{
	const Value *k = frame_function(r->L->frame)->proto->constants;
	int b = get_b(r->i), c = get_c(r->i);
	struct access a = {0};
	struct found f;
	Value number;

	switch (op) {
	case OP_GETTABUP:
		upvalue_operand(r, &a, b);
		a.key = k + c;
		a.key_ref = record_constant(r, k + c);
		break;
	case OP_GETFIELD:
		operand(r, &a, b, k + c, record_constant(r, k + c));
		break;
	case OP_GETI:
		set_integer(&number, c);
		operand(r, &a, b, &number, ir_integer(r->ir, c));
		break;
	case OP_SELF:
		if (get_k(r->i))
			operand(r, &a, b, k + c, record_constant(r, k + c));
		else
			operand(r, &a, b, record_value(r, c), record_use(r, c, NULL));
		break;
	default:
		operand(r, &a, b, record_value(r, c), record_use(r, c, NULL));
	}
	f = get(r, a, 0);
	if (op == OP_SELF)
		record_set(r, get_a(r->i) + 1, a.object_ref, a.object->tag);
	if (f.is_called) {
		RecordedSlot args[] = {f.object, {.ref = a.key_ref, .tag = a.key->tag}};

		record_meta_call(r, record_nested_slot(r), &f.callee, args, 2, 1);
		return;
	}
	record_set(r, get_a(r->i), f.ref, f.tag);
}

/* ---- Writing
 * -------------------------------------------------------------------------------------------- */

struct stored {
	IrRef ref;
	uint8_t tag;
};

static IrRef payload(Recorder *r, const struct stored *v)
{
	return v->ref == IR_NONE ? ir_integer(r->ir, 0) : v->ref;
}

/* The table has no metatable, or one without a field for `event`. */
static void guard_plain(Recorder *r, const struct access *a, enum meta event)
{
	Table *mt = as_table(a->object)->metatable;
	IrRef meta = field(r, a->object_ref, IR_FIELD_TABLE_METATABLE), is;

	if (!mt) {
		record_guard(r, IR_GUARD_ISNULL, meta, IR_NONE);
		return;
	}
	is = ir_object(r->ir, mt, TAG_TABLE);
	record_guard(r, IR_GUARD_VALUE, meta, is);
	if (!record_guard_absent(r, mt, is, event))
		record_abort(r, ABORT_METAMETHOD, r->L->global->meta_names[event]->text);
}

/* A key that is new, or in no place that can be guarded. */
static void put_by_helper(Recorder *r, const struct access *a, const struct stored *v)
{
	IrRef args[] = {a->object_ref, a->key_ref}, done;

	guard_plain(r, a, META_NEWINDEX);
	record_operand(r, 1, v->ref, v->tag);
	if (is_integer(a->key)) {
		done = record_call(r, HELPER_TABLE_PUT_INTEGER, 2, args);
	} else if (is_short_string(a->key)) {
		done = record_call(r, HELPER_TABLE_PUT_STRING, 2, args);
	} else {
		record_operand(r, 0, a->key_ref, a->key->tag);
		done = record_call(r, HELPER_TABLE_PUT, 1, args);
	}
	record_guard_that(r, true, done);
}

/* A value that is there is overwritten: no metamethod has a say. */
static void guard_there(Recorder *r, IrRef tag_ref)
{
	record_guard_that(r, true,
			  record_emit(r, IR_INT_NE, tag_ref, ir_integer(r->ir, TAG_NIL), -1));
}

static void put_integer(Recorder *r, const struct access *a, const struct stored *v)
{
	IrRef index, array;

	if (!in_array(a)) {
		put_by_helper(r, a, v);
		return;
	}
	index = guarded_index(r, a);
	array = field(r, a->object_ref, IR_FIELD_TABLE_ARRAY);
	if (as_table(a->object)->metatable &&
	    *array_tag(as_table(a->object), a->key->u.i - 1) != TAG_NIL)
		guard_there(r, record_emit(r, IR_GETARRAYITEM_TAG, array, index, -1));
	else
		guard_plain(r, a, META_NEWINDEX);
	record_emit3(r, IR_SETARRAYITEM, array, index, payload(r, v), v->tag);
	barrier(r, IR_BARRIER_BACK, a->object_ref, v->ref, v->tag);
}

static void put_string(Recorder *r, const struct access *a, const struct stored *v)
{
	const Table *t = as_table(a->object);
	const Node *n = ir_is_constant(a->key_ref) ? find_node(t, as_string(a->key)) : NULL;
	IrRef node;

	if (!n || n->value_tag == TAG_NIL) {
		put_by_helper(r, a, v);
		return;
	}
	node = guarded_node(r, a->object_ref, t, n, a->key);
	guard_there(r, record_emit(r, IR_GETNODE_TAG, node, IR_NONE, -1));
	record_emit(r, IR_SETNODE, node, payload(r, v), v->tag);
	barrier(r, IR_BARRIER_BACK, a->object_ref, v->ref, v->tag);
}

static void put(Recorder *r, const struct access *a, const struct stored *v, int depth);

/* A key without a value, in an object with a __newindex; false: that is not so. */
static bool put_by_metamethod(Recorder *r, const struct access *a, const struct stored *v,
			      int depth)
{
	Table *mt = meta_table(r->L, a->object);
	struct callee f = {.event = META_NEWINDEX};
	RecordedSlot args[] = {{.ref = a->object_ref, .tag = a->object->tag},
			       {.ref = a->key_ref, .tag = a->key->tag},
			       {.ref = v->ref, .tag = v->tag}};

	if (is_table(a->object) && (!meta_fast(r->L, mt, META_NEWINDEX, &f.v) ||
				    !slot_is_nil(table_find(as_table(a->object), a->key))))
		return false;
	if (!mt || depth >= MAX_CHAIN)
		record_abort(r, ABORT_METAMETHOD, "__newindex");
	if (is_table(a->object))
		raw_get(r, a);
	if (!record_metamethod(r, a->object, a->object_ref, META_NEWINDEX, &f.v, &f.ref))
		record_abort(r, ABORT_ERROR, record_instruction_name(r));
	if (is_function(&f.v))
		record_meta_call(r, record_nested_slot(r), &f, args, 3, 0);
	else
		put(r,
		    &(struct access){.object = &f.v,
				     .object_ref = f.ref,
				     .key = a->key,
				     .key_ref = a->key_ref},
		    v, depth + 1);
	return true;
}

static void put(Recorder *r, const struct access *a, const struct stored *v, int depth)
{
	if (put_by_metamethod(r, a, v, depth))
		return;
	if (is_integer(a->key))
		put_integer(r, a, v);
	else if (is_short_string(a->key))
		put_string(r, a, v);
	else if (is_nil(a->key))
		record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
	else
		put_by_helper(r, a, v);
}

void record_put(Recorder *r, enum opcode op)
{
	const Value *k = frame_function(r->L->frame)->proto->constants;
	int a = get_a(r->i), b = get_b(r->i), c = get_c(r->i);
	struct access to = {0};
	struct stored v;
	Value number;

	if (get_k(r->i))
		v = (struct stored){record_constant(r, k + c), k[c].tag};
	else
		v.ref = record_use(r, c, &v.tag);
	switch (op) {
	case OP_SETTABUP:
		upvalue_operand(r, &to, a);
		to.key = k + b;
		to.key_ref = record_constant(r, k + b);
		break;
	case OP_SETFIELD:
		operand(r, &to, a, k + b, record_constant(r, k + b));
		break;
	case OP_SETI:
		set_integer(&number, b);
		operand(r, &to, a, &number, ir_integer(r->ir, b));
		break;
	default:
		operand(r, &to, a, record_value(r, b), record_use(r, b, NULL));
	}
	put(r, &to, &v, 0);
}

/* ---- New tables
 * ------------------------------------------------------------------------------------------- */

IrRef record_make_table(Recorder *r, lua_Integer array, lua_Integer hash)
{
	IrRef table =
		record_call(r, HELPER_TABLE_NEW, 2,
			    (const IrRef[]){ir_integer(r->ir, array), ir_integer(r->ir, hash)});

	r->ir->ops[table].tag = TAG_TABLE;
	record_guard(r, IR_GUARD_NONNULL, table, IR_NONE);
	return table;
}

void record_new_table(Recorder *r)
{
	int b = get_b(r->i);
	lua_Integer array = get_c(r->i), hash = b ? 1 << (b - 1) : 0;

	if (get_k(r->i))
		array += (lua_Integer)get_ax(*r->pc) << 8;
	record_set(r, get_a(r->i), record_make_table(r, array, hash), TAG_TABLE);
}

void record_put_elements(Recorder *r, IrRef table, lua_Integer first, const RecordedSlot *v, int n)
{
	IrRef array;

	if (!n)
		return;
	record_guard_that(r, true,
			  record_emit(r, IR_UINT_LT, ir_integer(r->ir, first + n - 2),
				      field(r, table, IR_FIELD_TABLE_ARRAY_SIZE), -1));
	array = field(r, table, IR_FIELD_TABLE_ARRAY);
	for (int i = 0; i < n; i++) {
		struct stored stored = {v[i].ref, v[i].tag};

		record_emit3(r, IR_SETARRAYITEM, array, ir_integer(r->ir, first + i - 1),
			     payload(r, &stored), v[i].tag);
		barrier(r, IR_BARRIER_BACK, table, v[i].ref, v[i].tag);
	}
}

/*
 * NEWTABLE made room for them all, but for those of a call or `...` at the end. The
 * table is new, so nothing can go wrong halfway.
 */
void record_set_list(Recorder *r)
{
	int a = get_a(r->i), n = get_b(r->i);
	lua_Integer first = get_c(r->i);
	const Table *t = as_table(record_value(r, a));
	IrRef table = record_use(r, a, NULL);
	RecordedSlot values[MAX_SLOTS];

	if (get_k(r->i))
		first += (lua_Integer)get_ax(*r->pc) << 8;
	if (n == 0) {
		if (r->variable_top == NO_VALUES)
			record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
		n = r->variable_top - (r->base + a) - 1;
		r->variable_top = NO_VALUES;
	}
	if (n > MAX_SLOTS)
		record_abort(r, ABORT_TOO_LONG, NULL);
	for (int i = 0; i < n; i++)
		values[i].ref = record_use(r, a + 1 + i, &values[i].tag);
	if (n && first + n > t->array_size)
		record_guard_that(r, true,
				  record_call(r, HELPER_TABLE_RESERVE, 2,
					      (const IrRef[]){table,
							      ir_integer(r->ir, first + n)}));
	record_put_elements(r, table, first + 1, values, n);
}

/* ---- Length ------------------------------------------------------------------------------ */

void record_length(Recorder *r)
{
	const Value *v = record_value(r, get_b(r->i));
	IrRef ref = record_use(r, get_b(r->i), NULL);
	struct access a = {.object = v, .object_ref = ref};
	Value handler;

	if (is_string(v)) {
		ref = record_emit(r, IR_STRLEN, ref, IR_NONE, -1);
	} else if (is_table(v) && !meta_fast(r->L, as_table(v)->metatable, META_LEN, &handler)) {
		guard_plain(r, &a, META_LEN);
		ref = record_call(r, HELPER_TABLE_BORDER, 1, &ref);
	} else {
		record_meta_operator(r, META_LEN, v, ref, v, ref);
		return;
	}
	record_set(r, get_a(r->i), ref, TAG_INTEGER);
}
