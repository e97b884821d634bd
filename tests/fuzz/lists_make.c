/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lists_make.c - lists of operations at random, as a recorder makes them.
 *
 * A group of operations at a time is added: arithmetic, a guard, an element or a node
 * read or written behind its guards, a call. What guards are for is what is so in the
 * state that the list is made for, which is known by running what there is of it.
 */
#include "lists.h"

#include <stdlib.h>
#include <string.h>

#define MAX_VALUES 600

static lua_State *L;
static uint64_t random_state, first_state;

static uint32_t below(uint32_t n)
{
	return world_random(&random_state, n);
}

/* ---- The list that is made ------------------------------------------------------------------- */

struct known {
	bool loaded, written;
	uint8_t tag;
	IrRef ref;
};

struct refs {
	IrRef ref[MAX_VALUES];
	unsigned n;
};

static struct {
	Trace t;
	struct known slots[USED_SLOTS];
	struct refs integers, floats, tables;
	struct refs given; /* tables that came from slots */
	Payload values[4 * MAX_VALUES];
	uint32_t evaluated; /* operations whose values are known */
} g;

static IrRef emit3(enum ir_opcode opcode, IrRef a, IrRef b, IrRef c, int32_t descr)
{
	return ir_emit(&g.t.ir, opcode, a, b, c, descr);
}

static IrRef emit(enum ir_opcode opcode, IrRef a, IrRef b)
{
	return emit3(opcode, a, b, IR_NONE, -1);
}

static IrRef integer_constant(lua_Integer i)
{
	return ir_integer(&g.t.ir, i);
}

static void keep(struct refs *r, IrRef ref)
{
	if (r->n < MAX_VALUES)
		r->ref[r->n++] = ref;
}

static IrRef pick(const struct refs *r)
{
	return r->ref[below(2) ? r->n - 1 - below(r->n < 6 ? r->n : 6) : below(r->n)];
}

static IrRef integer(void)
{
	return g.integers.n && below(5) ? pick(&g.integers)
					: integer_constant(world_integer(&random_state));
}

static IrRef number(void)
{
	return g.floats.n && below(5) ? pick(&g.floats)
				      : ir_float(&g.t.ir, world_float(&random_state));
}

static void new_integer(IrRef ref)
{
	keep(&g.integers, ref);
}

/* ---- Snapshots, guards --------------------------------------------------------------------------
 */

static void add_entry(int slot, uint8_t tag, IrRef ref)
{
	Ir *ir = &g.t.ir;

	if (IR_ROOM(ir, snapshot_entries, 1))
		ir->snapshot_entries[ir->n_snapshot_entries++] =
			(SnapshotEntry){.slot = (int16_t)slot, .tag = tag, .ref = ref};
}

static int32_t snapshot(bool call)
{
	Ir *ir = &g.t.ir;
	Snapshot s = {.entry = ir->n_snapshot_entries,
		      .pc = list_place(ir->n_snapshots),
		      .taken = ir->n_ops,
		      .moved = true,
		      .top = call ? CALL_SLOT + 1 : TOP_SLOT};

	for (int i = 0; i < USED_SLOTS; i++)
		if (g.slots[i].written)
			add_entry(i, g.slots[i].tag, g.slots[i].ref);
	if (call)
		add_entry(CALL_SLOT, TAG_C_FUNCTION,
			  ir_object(ir, (void *)(uintptr_t)world_call, TAG_C_FUNCTION));
	s.entries = ir->n_snapshot_entries - s.entry;
	if (!IR_ROOM(ir, snapshots, 1))
		list_die("no memory");
	ir->snapshots[ir->n_snapshots] = s;
	return (int32_t)ir->n_snapshots++;
}

static IrRef guard(enum ir_opcode opcode, IrRef a, IrRef b)
{
	int32_t s = snapshot(false);
	IrRef ref =
		opcode == IR_JUMP ? ir_emit_many(&g.t.ir, opcode, NULL, 0, -1) : emit(opcode, a, b);

	g.t.ir.ops[ref].snapshot = s;
	return ref;
}

/* Runs what there is of the list, to know the values. */
static void evaluate(void)
{
	Ir *ir = &g.t.ir;
	uint32_t entries = ir->n_snapshot_entries;
	IrRef end = guard(IR_FINISH, IR_NONE, IR_NONE);
	RunningTrace here = {.t = &g.t};

	L->global->jit->backend = &backend_ir;
	if (backend_ir.assemble(L, &g.t))
		list_die("no memory");
	world_make(L, first_state);
	L->global->running = &here;
	if (backend_ir.run(L, &g.t, &here.t) != ir->ops[end].snapshot)
		list_die("a guard fails in the state that the list was made for");
	L->global->running = NULL;
	memcpy(g.values, g.t.backend, (size_t)end * sizeof(Payload));
	backend_ir.free(L, &g.t);
	g.evaluated = (uint32_t)end;
	ir->n_ops--;
	ir->n_snapshots--;
	ir->n_snapshot_entries = entries;
}

static Payload value_of(IrRef ref)
{
	if (ref < 0)
		return ir_constant(&g.t.ir, ref)->u;
	if ((uint32_t)ref >= g.evaluated)
		evaluate();
	return g.values[ref];
}

/* Memory as it is behind the last operation. */
static void now(void)
{
	if (g.evaluated != g.t.ir.n_ops)
		evaluate();
}

static bool guard_that(IrRef condition)
{
	bool holds = value_of(condition).i;

	guard(holds ? IR_GUARD_TRUE : IR_GUARD_FALSE, condition, IR_NONE);
	return holds;
}

static void guard_integer(IrRef ref, lua_Integer i)
{
	guard(IR_GUARD_VALUE, ref, integer_constant(i));
}

/* The value behind a tag, by the load `opcode`, IR_GET*_I and up: kept if it is a number. */
static IrRef load(IrRef tag_ref, enum ir_opcode opcode, IrRef a, IrRef b, int32_t descr,
		  uint8_t *tag)
{
	IrRef ref;

	*tag = (uint8_t)value_of(tag_ref).i;
	guard_integer(tag_ref, *tag);
	if (*tag == TAG_INTEGER) {
		ref = emit3(opcode, a, b, IR_NONE, descr);
		new_integer(ref);
	} else if (*tag == TAG_FLOAT) {
		ref = emit3(opcode + 1, a, b, IR_NONE, descr);
		keep(&g.floats, ref);
	} else if (*tag == TAG_NIL || *tag == TAG_TRUE || *tag == TAG_FALSE) {
		ref = IR_NONE;
	} else {
		ref = emit3(opcode + 2, a, b, IR_NONE, descr);
		if (*tag == TAG_TABLE)
			keep(&g.tables, ref);
	}
	if (ref != IR_NONE)
		g.t.ir.ops[ref].tag = *tag;
	return ref;
}

static struct known *use_slot(int n)
{
	struct known *s = &g.slots[n];

	if (!s->loaded) {
		IrRef tag = emit3(IR_GETSLOT_TAG, IR_NONE, IR_NONE, IR_NONE, n);

		s->ref = load(tag, IR_GETSLOT_I, IR_NONE, IR_NONE, n, &s->tag);
		s->loaded = true;
		if (s->tag == TAG_TABLE)
			keep(&g.given, s->ref);
	}
	return s;
}

static void set_slot(int n, uint8_t tag, IrRef ref)
{
	g.slots[n] = (struct known){.loaded = true, .written = true, .tag = tag, .ref = ref};
}

/* Something to store: a number mostly. */
static IrRef some_value(uint8_t *tag)
{
	switch (below(8)) {
	case 0:
		*tag = below(2) ? TAG_NIL : TAG_TRUE;
		return integer_constant(0);
	case 1:
	case 2:
		*tag = TAG_FLOAT;
		return number();
	case 3:
		*tag = TAG_SHORT_STRING;
		return ir_object(&g.t.ir, world_keys[below(KEYS)], TAG_SHORT_STRING);
	case 4:
		if (g.tables.n) {
			*tag = TAG_TABLE;
			return pick(&g.tables);
		}
		/* fall through */
	default:
		*tag = TAG_INTEGER;
		return integer();
	}
}

/* ---- Groups of operations
 * -------------------------------------------------------------------------- */

/*
 * A table that the turn made does not go into a slot: if it is virtual in the next turn,
 * guards on the places of its keys are taken to hold, and the list leaves later than what
 * was recorded.
 */
static void slots(void)
{
	int n = (int)below(USED_SLOTS);
	uint8_t tag;
	IrRef ref;

	if (below(2)) {
		use_slot(n);
		return;
	}
	/* So that loops are stable, slots keep their type mostly. */
	if (n < INTEGER_SLOT + 4) {
		set_slot(n, TAG_INTEGER, integer());
	} else if (n < FLOAT_SLOT + 2) {
		set_slot(n, TAG_FLOAT, number());
	} else if (n < TABLE_SLOT + 3) {
		use_slot(n);
		if (g.given.n)
			set_slot(n, TAG_TABLE, pick(&g.given));
	} else if (n >= SCRATCH_SLOT && n < STRING_SLOT && (!g.slots[n].loaded || !below(4))) {
		ref = some_value(&tag);
		if (tag != TAG_TABLE)
			set_slot(n, tag, tag == TAG_NIL || tag == TAG_TRUE ? IR_NONE : ref);
	}
}

static void integers(void)
{
	IrRef a = integer(), b = integer();

	switch (below(10)) {
	case 0:
		b = below(2) ? emit(IR_INT_OR, b, integer_constant(1))
			     : integer_constant(1 + below(below(2) ? 20 : 300));
		new_integer(emit(below(2) ? IR_INT_MOD : IR_INT_FLOORDIV, a, b));
		break;
	case 1:
		new_integer(emit(below(2) ? IR_INT_LSHIFT : IR_UINT_RSHIFT, a,
				 integer_constant(below(3) ? below(8) : below(64))));
		break;
	case 2:
		new_integer(emit(below(2) ? IR_INT_NEG : IR_INT_INVERT, a, IR_NONE));
		break;
	case 3:
		new_integer(emit(IR_INT_AND, a, integer_constant((1 << below(9)) - 1)));
		break;
	case 4:
		new_integer(emit(IR_INT_AND + below(3), a, b));
		break;
	case 5:
		new_integer(emit(IR_INT_LT + below(8), a, b));
		break;
	case 6:
		new_integer(emit(IR_INT_ADD, a, integer_constant((int)below(5) - 2)));
		break;
	case 7:
		new_integer(emit(IR_INT_MUL, a, b));
		break;
	default:
		new_integer(emit(below(2) ? IR_INT_ADD : IR_INT_SUB, a, b));
	}
}

static void float_operations(void)
{
	IrRef args[2] = {number(), number()};

	switch (below(6)) {
	case 0:
		keep(&g.floats, emit(IR_FLOAT_NEG + below(5), args[0], IR_NONE));
		break;
	case 1:
		new_integer(emit(IR_FLOAT_LT + below(6), args[0], args[1]));
		break;
	case 2:
		if (below(2))
			keep(&g.floats, emit(IR_CAST_INT_TO_FLOAT, integer(), IR_NONE));
		else
			new_integer(emit(IR_CAST_FLOAT_TO_INT, args[0], IR_NONE));
		break;
	case 3:
		keep(&g.floats, ir_emit_many(&g.t.ir, IR_CALL_F, args, 2, HELPER_FLOAT_POW));
		break;
	default:
		keep(&g.floats, emit(IR_FLOAT_ADD + below(4), args[0], args[1]));
	}
}

static void comparison(void)
{
	IrRef args[2] = {integer(), number()}, x;

	switch (below(8)) {
	case 0:
		guard_that(emit(IR_FLOAT_LT + below(6), args[1], number()));
		break;
	case 1:
		guard_that(ir_emit_many(&g.t.ir, IR_CALL_I, args, 2, HELPER_INT_FLOAT_LT));
		break;
	case 2:
		if (g.tables.n)
			guard_that(emit(below(2) ? IR_PTR_EQ : IR_PTR_NE, pick(&g.tables),
					pick(&g.tables)));
		break;
	case 3:
		x = integer();
		if (x >= 0)
			guard_integer(x, value_of(x).i);
		break;
	case 4:
		guard_that(integer());
		break;
	default:
		guard_that(emit(IR_INT_LT + below(8), args[0],
				below(2) ? integer() : integer_constant(below(16))));
	}
}

static IrRef table(void)
{
	struct known *s;

	if (g.tables.n && below(2))
		return pick(&g.tables);
	s = use_slot(TABLE_SLOT + (int)below(3));
	return s->tag == TAG_TABLE ? s->ref : IR_NONE;
}

static IrRef field(IrRef table, enum ir_field f)
{
	return emit3(f == IR_FIELD_TABLE_ARRAY_SIZE || f == IR_FIELD_TABLE_NODE_MASK
			     ? IR_GETFIELD_I
			     : IR_GETFIELD_R,
		     table, IR_NONE, IR_NONE, (int32_t)f);
}

static IrRef some_key(void)
{
	IrRef key = integer();

	switch (below(4)) {
	case 0:
		return integer_constant(1 + below(10));
	case 1:
		return emit(IR_INT_ADD, emit(IR_INT_AND, key, integer_constant(7)),
			    integer_constant(below(3)));
	default:
		return key;
	}
}

static void store_barrier(IrRef container, IrRef value, uint8_t tag)
{
	if (tag & TAG_COLLECTABLE)
		emit(IR_BARRIER_BACK, container, value);
}

/* Two stores to an element, and between them a read of one that may be the same. */
static void overwrite(IrRef t, IrRef array, IrRef index)
{
	IrRef other = emit(IR_INT_SUB, some_key(), integer_constant(1)), values[2];
	uint8_t tags[2];

	if (!guard_that(emit(IR_UINT_LT, other, field(t, IR_FIELD_TABLE_ARRAY_SIZE))))
		return;
	for (int i = 0; i < 2; i++)
		values[i] = some_value(&tags[i]);
	emit3(IR_SETARRAYITEM, array, index, values[0], tags[0]);
	store_barrier(t, values[0], tags[0]);
	if (below(2))
		new_integer(emit(IR_GETARRAYITEM_TAG, array, other));
	emit3(IR_SETARRAYITEM, array, index, values[1], tags[1]);
	store_barrier(t, values[1], tags[1]);
}

static void elements(void)
{
	IrRef t = table(), index, array, ref;
	uint8_t tag;

	if (t == IR_NONE)
		return;
	index = emit(IR_INT_SUB, some_key(), integer_constant(1));
	if (!guard_that(emit(IR_UINT_LT, index, field(t, IR_FIELD_TABLE_ARRAY_SIZE))))
		return;
	array = field(t, IR_FIELD_TABLE_ARRAY);
	if (below(4) == 0) {
		overwrite(t, array, index);
		return;
	}
	if (below(2)) {
		load(emit(IR_GETARRAYITEM_TAG, array, index), IR_GETARRAYITEM_I, array, index, -1,
		     &tag);
		return;
	}
	ref = some_value(&tag);
	emit3(IR_SETARRAYITEM, array, index, ref, tag);
	store_barrier(t, ref, tag);
}

static void nodes(void)
{
	IrRef t = table(), key = IR_NONE, node, ref;
	const Table *is;
	uint32_t n = 0;
	uint8_t tag;

	if (t == IR_NONE)
		return;
	now();
	is = value_of(t).p;
	for (int tries = 0; tries < 8 && key == IR_NONE; tries++) {
		n = below(is->node_mask + 1);
		if (is->nodes[n].key_tag == TAG_SHORT_STRING)
			key = ir_object(&g.t.ir, is->nodes[n].key.p, TAG_SHORT_STRING);
	}
	if (key == IR_NONE)
		return;
	guard_integer(field(t, IR_FIELD_TABLE_NODE_MASK), is->node_mask);
	node = emit3(IR_NODE_AT, field(t, IR_FIELD_TABLE_NODES), IR_NONE, IR_NONE, (int32_t)n);
	guard(IR_GUARD_VALUE, emit(IR_GETNODE_KEY, node, IR_NONE), key);
	guard_integer(emit(IR_GETNODE_KEYTAG, node, IR_NONE), TAG_SHORT_STRING);
	if (below(2)) {
		load(emit(IR_GETNODE_TAG, node, IR_NONE), IR_GETNODE_I, node, IR_NONE, -1, &tag);
		return;
	}
	ref = some_value(&tag);
	emit3(IR_SETNODE, node, ref, IR_NONE, tag);
	store_barrier(t, ref, tag);
}

static void variables(void)
{
	IrRef f, up, address, ref;
	uint8_t tag;

	f = below(2) ? use_slot(FUNCTION_SLOT)->ref
		     : ir_object(&g.t.ir, world_functions[below(2)], TAG_LUA_FUNCTION);
	up = emit3(IR_GETUPVALUE, f, IR_NONE, IR_NONE, (int32_t)below(2));
	g.t.ir.ops[up].tag = TAG_UPVALUE;
	address = emit3(IR_GETFIELD_R, up, IR_NONE, IR_NONE, IR_FIELD_UPVALUE_V);
	if (below(2)) {
		load(emit(IR_GETVALUE_TAG, address, IR_NONE), IR_GETVALUE_I, address, IR_NONE, -1,
		     &tag);
		return;
	}
	ref = some_value(&tag);
	emit3(IR_SETVALUE, address, ref, IR_NONE, tag);
	if (tag & TAG_COLLECTABLE)
		emit(IR_BARRIER, up, ref);
}

static void strings(void)
{
	const struct known *s = use_slot(STRING_SLOT);
	IrRef index = integer();

	if (s->tag != TAG_SHORT_STRING)
		return;
	if (guard_that(emit(IR_UINT_LT, index, emit(IR_STRLEN, s->ref, IR_NONE))))
		new_integer(emit(IR_STRGETITEM, s->ref, index));
}

static void put_operand(void)
{
	uint8_t tag;
	IrRef ref = some_value(&tag);

	emit3(IR_SETVALUE, ir_address(&g.t.ir, &L->global->jit->operands[1]), ref, IR_NONE, tag);
}

/* No borders: a table with holes has several, and which is found depends on what was asked. */
static void helpers(void)
{
	IrRef result = ir_address(&g.t.ir, &L->global->jit->result);
	IrRef args[2] = {table(), IR_NONE}, ref;
	uint8_t tag;

	if (args[0] == IR_NONE)
		return;
	switch (below(6)) {
	case 0:
	case 1:
		args[1] = some_key();
		ref = ir_emit_many(&g.t.ir, IR_CALL_I, args, 2, HELPER_TABLE_GET_INTEGER);
		load(ref, IR_GETVALUE_I, result, IR_NONE, -1, &tag);
		break;
	case 2:
		args[1] = ir_object(&g.t.ir, world_keys[below(KEYS)], TAG_SHORT_STRING);
		ref = ir_emit_many(&g.t.ir, IR_CALL_I, args, 2, HELPER_TABLE_GET_STRING);
		load(ref, IR_GETVALUE_I, result, IR_NONE, -1, &tag);
		break;
	case 3:
		put_operand();
		args[1] = some_key();
		guard_that(ir_emit_many(&g.t.ir, IR_CALL_I, args, 2, HELPER_TABLE_PUT_INTEGER));
		break;
	case 4:
		put_operand();
		args[1] = ir_object(&g.t.ir, world_keys[below(KEYS)], TAG_SHORT_STRING);
		guard_that(ir_emit_many(&g.t.ir, IR_CALL_I, args, 2, HELPER_TABLE_PUT_STRING));
		break;
	default:
		args[0] = integer_constant(below(3));
		args[1] = integer_constant(0);
		ref = ir_emit_many(&g.t.ir, IR_CALL_R, args, 2, HELPER_TABLE_NEW);
		g.t.ir.ops[ref].tag = TAG_TABLE;
		guard(IR_GUARD_NONNULL, ref, IR_NONE);
		keep(&g.tables, ref);
	}
}

/* The stack is as the snapshot says, then anything: slots are loaded again. */
static void force(void)
{
	IrRef args[2] = {integer_constant(CALL_SLOT), integer_constant(below(2))};
	int32_t s = snapshot(true);
	IrRef ref = ir_emit_many(&g.t.ir, IR_CALL_MAY_FORCE_I, args, 2, HELPER_CALL_FUNCTION);

	g.t.ir.ops[ref].snapshot = s;
	memset(g.slots, 0, sizeof(g.slots));
}

static void fields(void)
{
	IrRef t = table(), meta;

	if (t == IR_NONE)
		return;
	meta = field(t, IR_FIELD_TABLE_METATABLE);
	guard(IR_GUARD_ISNULL, meta, IR_NONE);
	if (below(2))
		new_integer(field(t, IR_FIELD_TABLE_ARRAY_SIZE));
	else
		guard(IR_GUARD_NOT_INVALIDATED, IR_NONE, IR_NONE);
}

static void group(bool forces)
{
	static void (*const groups[])(void) = {slots,	 slots,	     integers,	 integers,
					       integers, comparison, comparison, float_operations,
					       elements, elements,   elements,	 nodes,
					       nodes,	 variables,  variables,	 helpers,
					       fields,	 strings};
	uint32_t n = below(36);

	if (forces && !below(12))
		force();
	else
		groups[n % (sizeof(groups) / sizeof(*groups))]();
}

/* A counter, so that loops end. */
static void count(void)
{
	IrRef counter = use_slot(COUNTER_SLOT)->ref, next;

	guard(IR_GUARD_TRUE, emit(IR_INT_LT, counter, integer_constant(1 + below(12))), IR_NONE);
	next = emit3(IR_INT_ADD, counter, integer_constant(1), IR_NONE, SUM_EXACT);
	set_slot(COUNTER_SLOT, TAG_INTEGER, next);
	/* A numeric for has it in two slots. */
	if (below(2))
		set_slot(INTEGER_SLOT, TAG_INTEGER, next);
}

void list_make(lua_State *state, Trace *t, uint64_t seed, uint64_t first)
{
	bool loops, forces;

	L = state;
	random_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	first_state = first;
	loops = below(4);
	forces = !below(3);
	memset(&g, 0, sizeof(g));
	ir_open(&g.t.ir);
	g.t.ir.max_slot = TOP_SLOT;
	g.t.number = 1;
	if (loops)
		count();
	for (uint32_t n = 1 + below(below(2) ? 8 : 25); n; n--)
		group(forces);
	guard(loops ? IR_JUMP : IR_FINISH, IR_NONE, IR_NONE);
	*t = g.t;
}
