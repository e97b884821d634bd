/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_x64.c - machine code does what the interpreter of the IR does: lists made at
 * random are run by both from the same stack, and leave the same exit, slots and
 * memory behind. They have more values alive than there are registers, loops whose
 * arguments change places, calls that clobber all that a call may, and jumps to the
 * label of another list's loop.
 */
#include <math.h>
#include <string.h>

#include "../../jit/trace/label.h"
#include "../../jit/x64/x64.h"
#include "lua_unit.h"

#ifdef __x86_64__

#define LISTS 3000
#define SLOTS 64
#define INTEGERS 8 /* slots 0 and up; floats behind them */
#define FLOATS 6
#define CALL_SLOT 24
#define ELEMENTS 32
#define VALUES 4000

static uint64_t random_state;

static uint32_t below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16) % n;
}

static lua_Integer some_integer(void)
{
	static const lua_Integer edges[] = {0,	       1,	  -1,	      2,	  7,
					    63,	       64,	  INT64_MAX,  INT64_MIN,  -3,
					    INT32_MAX, INT32_MIN, UINT32_MAX, 0x80000000, 10};

	switch (below(3)) {
	case 0:
		return edges[below(sizeof(edges) / sizeof(*edges))];
	case 1:
		return (lua_Integer)below(100) - 50;
	default:
		return (lua_Integer)((uint64_t)below(UINT32_MAX) << 32 | below(UINT32_MAX));
	}
}

static lua_Number some_float(void)
{
	static const lua_Number edges[] = {0.0, -0.0, 1.0,    -1.5,    1e300, -1e300,
					   0.1, 3.7,  9.3e18, -9.3e18, 1e19};

	switch (below(4)) {
	case 0:
		return (lua_Number)below(1000000) / 3.0 - 100000;
	case 1:
		return below(2) ? NAN : INFINITY;
	default:
		return edges[below(sizeof(edges) / sizeof(*edges))];
	}
}

/* ---- What both run on ---------------------------------------------------------------------- */

struct world {
	Value stack[SLOTS];
	Value cells[4];
	Node nodes[8];
	Payload payloads[ELEMENTS]; /* of the array, downwards; tags follow */
	uint8_t tags[ELEMENTS];
};

static struct world world, start;

static void make_start(void)
{
	memset(&start, 0, sizeof(start));
	for (int i = 0; i < INTEGERS; i++)
		set_integer(&start.stack[i], some_integer());
	for (int i = INTEGERS; i < INTEGERS + FLOATS; i++)
		set_float(&start.stack[i], some_float());
	for (int i = 0; i < 4; i++)
		set_integer(&start.cells[i], i * 1000);
	for (int i = 0; i < 8; i++)
		start.nodes[i] = (Node){.value.i = i,
					.value_tag = TAG_INTEGER,
					.key.p = start.cells,
					.key_tag = TAG_SHORT_STRING};
	for (int i = 0; i < ELEMENTS; i++) {
		start.payloads[i].i = i * 7;
		start.tags[i] = TAG_INTEGER;
	}
}

/* Clobbers registers, and moves the stack now and then. */
static int clobber(lua_State *L)
{
	lua_checkstack(L, below(3) ? 50 : 2000);
	__asm__ volatile("" ::: "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11");
	__asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1; pxor %%xmm2, %%xmm2;"
			 "pxor %%xmm3, %%xmm3; pxor %%xmm4, %%xmm4; pxor %%xmm5, %%xmm5;"
			 "xor %%ecx, %%ecx; xor %%edx, %%edx; xor %%r8d, %%r8d" ::
				 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "rcx", "rdx",
				   "r8");
	return 0;
}

/* ---- Lists at random ------------------------------------------------------------------------ */

static IrRef integers[VALUES], floats[VALUES];
static unsigned n_integers, n_floats;

static IrRef pick(const IrRef *from, unsigned n)
{
	return from[below(3) ? n - 1 - below(n < 8 ? n : 8) : below(n)];
}

static IrRef integer(Ir *ir)
{
	return below(6) ? pick(integers, n_integers) : ir_integer(ir, some_integer());
}

static IrRef number(Ir *ir)
{
	return below(6) ? pick(floats, n_floats) : ir_float(ir, some_float());
}

static IrRef emit(Ir *ir, enum ir_opcode opcode, IrRef a, IrRef b, int32_t descr)
{
	IrRef ref = ir_emit(ir, opcode, a, b, IR_NONE, descr);
	char type = ir_info[opcode].type;

	if (type == 'i' && n_integers < VALUES && opcode != IR_GETVALUE_TAG &&
	    opcode != IR_GETARRAYITEM_TAG && opcode != IR_GETNODE_TAG)
		integers[n_integers++] = ref;
	if (type == 'f' && n_floats < VALUES)
		floats[n_floats++] = ref;
	return ref;
}

static int32_t snapshot(Ir *ir, bool call)
{
	Snapshot s = {.entry = ir->n_snapshot_entries, .top = call ? CALL_SLOT + 1 : 40};

	for (int16_t slot = 0; slot < CALL_SLOT; slot++) {
		SnapshotEntry e = {.slot = slot, .tag = TAG_TRUE, .ref = IR_NONE};
		uint32_t kind = below(8);

		if (kind > 4 || !IR_ROOM(ir, snapshot_entries, 2))
			continue;
		if (kind < 4) {
			e.tag = kind < 2 ? TAG_INTEGER : TAG_FLOAT;
			e.ref = kind < 2 ? integer(ir) : number(ir);
		}
		ir->snapshot_entries[ir->n_snapshot_entries++] = e;
	}
	if (call && IR_ROOM(ir, snapshot_entries, 1))
		ir->snapshot_entries[ir->n_snapshot_entries++] =
			(SnapshotEntry){.slot = CALL_SLOT,
					.tag = TAG_C_FUNCTION,
					.ref = ir_object(ir, (void *)(uintptr_t)clobber,
							 TAG_C_FUNCTION)};
	s.entries = ir->n_snapshot_entries - s.entry;
	CHECK(IR_ROOM(ir, snapshots, 1));
	ir->snapshots[ir->n_snapshots] = s;
	return (int32_t)ir->n_snapshots++;
}

static void guard(Ir *ir, enum ir_opcode opcode, IrRef a, IrRef b)
{
	int32_t s = snapshot(ir, false);
	IrRef ref = ir_emit(ir, opcode, a, b, IR_NONE, -1);

	ir->ops[ref].snapshot = s;
}

static void guard_comparison(Ir *ir)
{
	IrRef ref;

	switch (below(6)) {
	case 0: /* as likely as not */
		ref = below(2) ? emit(ir, IR_INT_LT + below(8), integer(ir), integer(ir), -1)
			       : emit(ir, IR_FLOAT_LT + below(6), number(ir), number(ir), -1);
		guard(ir, below(2) ? IR_GUARD_TRUE : IR_GUARD_FALSE, ref, IR_NONE);
		break;
	case 1:
	case 2:
		ref = ir_emit(ir, IR_FLOAT_NE, number(ir), ir_float(ir, 1.77), IR_NONE, -1);
		guard(ir, IR_GUARD_TRUE, ref, IR_NONE);
		break;
	default:
		ref = ir_emit(ir, IR_INT_EQ, integer(ir), ir_integer(ir, 77777), IR_NONE, -1);
		guard(ir, IR_GUARD_FALSE, ref, IR_NONE);
	}
}

static void call_helper(Ir *ir)
{
	IrRef args[2] = {number(ir), number(ir)};
	IrRef ref;
	int32_t s;

	switch (below(3)) {
	case 0:
		ref = ir_emit_many(ir, IR_CALL_F, args, 2, HELPER_FLOAT_POW);
		floats[n_floats++] = ref;
		return;
	case 1:
		args[1] = integer(ir);
		ref = ir_emit_many(ir, IR_CALL_I, args, 2, HELPER_FLOAT_INT_LT);
		break;
	default:
		args[0] = ir_integer(ir, CALL_SLOT);
		args[1] = emit(ir, IR_INT_AND, integer(ir), ir_integer(ir, 0), -1);
		s = snapshot(ir, true);
		ref = ir_emit_many(ir, IR_CALL_MAY_FORCE_I, args, 2, HELPER_CALL_FUNCTION);
		ir->ops[ref].snapshot = s;
	}
	integers[n_integers++] = ref;
}

static void memory(Ir *ir)
{
	IrRef cell = ir_address(ir, &world.cells[below(4)]);
	IrRef array = ir_address(ir, world.tags), index, node;

	switch (below(6)) {
	case 0:
		ir_emit(ir, IR_SETVALUE, cell, integer(ir), IR_NONE, TAG_INTEGER);
		break;
	case 1:
		guard(ir, IR_GUARD_VALUE, emit(ir, IR_GETVALUE_TAG, cell, IR_NONE, -1),
		      ir_integer(ir, TAG_INTEGER));
		emit(ir, IR_GETVALUE_I, cell, IR_NONE, -1);
		break;
	case 2:
	case 3:
		index = below(3) ? emit(ir, IR_INT_AND, integer(ir), ir_integer(ir, ELEMENTS - 1),
					-1)
				 : ir_integer(ir, below(ELEMENTS));
		guard(ir, IR_GUARD_VALUE, emit(ir, IR_GETARRAYITEM_TAG, array, index, -1),
		      ir_integer(ir, TAG_INTEGER));
		emit(ir, IR_GETARRAYITEM_I, array, index, -1);
		if (below(4))
			ir_emit(ir, IR_SETARRAYITEM, array, index, integer(ir), TAG_INTEGER);
		break;
	default:
		node = ir_emit(ir, IR_NODE_AT, ir_address(ir, world.nodes), IR_NONE, IR_NONE,
			       (int32_t)below(8));
		guard(ir, IR_GUARD_VALUE, ir_emit(ir, IR_GETNODE_KEY, node, IR_NONE, IR_NONE, -1),
		      ir_object(ir, start.cells, TAG_SHORT_STRING));
		guard(ir, IR_GUARD_VALUE, emit(ir, IR_GETNODE_TAG, node, IR_NONE, -1),
		      ir_integer(ir, TAG_INTEGER));
		emit(ir, IR_GETNODE_I, node, IR_NONE, -1);
		ir_emit(ir, IR_SETNODE, node, integer(ir), IR_NONE, TAG_INTEGER);
	}
}

static void one_operation(Ir *ir, bool calls)
{
	IrRef a;

	switch (below(16)) {
	case 0 ... 2:
		emit(ir, IR_INT_ADD + below(3), integer(ir), integer(ir), -1);
		break;
	case 3:
		emit(ir, IR_INT_AND + below(3), integer(ir), integer(ir), -1);
		break;
	case 4:
		emit(ir, IR_INT_LT + below(8), integer(ir), integer(ir), -1);
		break;
	case 5:
		a = below(2) ? emit(ir, IR_INT_OR, integer(ir), ir_integer(ir, 1), -1)
			     : ir_integer(ir, below(2) ? some_integer() | 1 : 1 + below(1000));
		emit(ir, below(2) ? IR_INT_MOD : IR_INT_FLOORDIV, integer(ir), a, -1);
		break;
	case 6:
		a = below(2) ? ir_integer(ir, below(64))
			     : emit(ir, IR_INT_AND, integer(ir), ir_integer(ir, 63), -1);
		emit(ir, below(2) ? IR_INT_LSHIFT : IR_UINT_RSHIFT, integer(ir), a, -1);
		break;
	case 7:
		emit(ir, below(2) ? IR_INT_NEG : IR_INT_INVERT, integer(ir), IR_NONE, -1);
		break;
	case 8 ... 9:
		emit(ir, IR_FLOAT_ADD + below(4), number(ir), number(ir), -1);
		break;
	case 10:
		emit(ir, IR_FLOAT_NEG + below(5), number(ir), IR_NONE, -1);
		break;
	case 11:
		emit(ir, IR_FLOAT_LT + below(6), number(ir), number(ir), -1);
		break;
	case 12:
		if (below(2))
			emit(ir, IR_CAST_INT_TO_FLOAT, integer(ir), IR_NONE, -1);
		else
			emit(ir, IR_CAST_FLOAT_TO_INT, number(ir), IR_NONE, -1);
		break;
	case 13:
		guard_comparison(ir);
		break;
	case 14:
		memory(ir);
		break;
	default:
		if (calls)
			call_helper(ir);
	}
}

static void operations(Ir *ir, bool calls)
{
	for (uint32_t n = below(2) ? below(20) : below(120); n; n--)
		one_operation(ir, calls);
}

/* The first argument counts the turns; others change places or values. */
static void loop(Ir *ir, bool calls)
{
	unsigned n = 1 + below(below(3) ? 6 : 40);
	IrRef args[40] = {ir_integer(ir, 0)}, in[40], next[40];

	for (unsigned i = 1; i < n; i++)
		args[i] = below(2) ? integer(ir) : number(ir);
	ir->label = ir_emit_many(ir, IR_LABEL, args, n, -1);
	for (unsigned i = 0; i < n; i++)
		in[i] = emit(ir, ir_type(ir, args[i]) == 'i' ? IR_ARG_I : IR_ARG_F, IR_NONE,
			     IR_NONE, (int32_t)i);
	guard(ir, IR_GUARD_TRUE,
	      ir_emit(ir, IR_INT_LT, in[0], ir_integer(ir, 1 + below(20)), IR_NONE, -1), IR_NONE);
	guard(ir, IR_GUARD_NOT_INVALIDATED, IR_NONE, IR_NONE);
	operations(ir, calls);
	next[0] = emit(ir, IR_INT_ADD, in[0], ir_integer(ir, 1), -1);
	for (unsigned i = 1; i < n; i++) {
		unsigned other = 1 + below(n - 1);

		if (below(2) && ir_type(ir, in[other]) == ir_type(ir, in[i]))
			next[i] = in[other];
		else
			next[i] = ir_type(ir, in[i]) == 'i' ? integer(ir) : number(ir);
	}
	ir_emit_many(ir, IR_JUMP, next, n, -1);
}

static bool begin_list(Ir *ir)
{
	bool calls = below(3);

	ir_open(ir);
	ir->max_slot = 40;
	n_integers = n_floats = 0;
	for (int i = 0; i < INTEGERS; i++)
		emit(ir, IR_GETSLOT_I, IR_NONE, IR_NONE, i);
	for (int i = INTEGERS; i < INTEGERS + FLOATS; i++)
		emit(ir, IR_GETSLOT_F, IR_NONE, IR_NONE, i);
	operations(ir, calls);
	return calls;
}

static void make_loop(Ir *ir)
{
	loop(ir, begin_list(ir));
}

static void make_list(Ir *ir)
{
	bool calls = begin_list(ir);

	if (below(3))
		loop(ir, calls);
	else
		guard(ir, IR_FINISH, IR_NONE, IR_NONE);
}

/* What the label of `loop` takes is anything, but addresses are what they are there. */
static void make_joining(Ir *ir, const Ir *loop)
{
	IrRef values[MAX_LABEL_VALUES];
	unsigned n = label_values(loop, values);
	IrRef jump;
	int32_t s;

	CHECK(n <= MAX_LABEL_VALUES);
	begin_list(ir);
	for (unsigned i = 0; i < n; i++) {
		char type = ir_type(loop, values[i]);

		values[i] = type == 'i' ? integer(ir)
			    : type == 'f'
				    ? number(ir)
				    : ir_emit(ir, IR_NODE_AT, ir_address(ir, world.nodes), IR_NONE,
					      IR_NONE, ir_op(loop, values[i])->descr);
	}
	values[0] = ir_integer(ir, below(5));
	s = snapshot(ir, false);
	jump = ir_emit_many(ir, IR_JUMP, values, n, 1);
	ir->ops[jump].snapshot = s;
}

/* ---- The test ----------------------------------------------------------------------------------
 */

/*
 * With and without the probe, in the region, where a register may lead, or anywhere; how
 * it was counted before does not matter.
 */
static void count_somehow(lua_State *L, const Backend *backend, Trace *t, uint64_t *runs)
{
	static const uint8_t how[] = {JIT_RUNS_MEMORY, JIT_RUNS_MEMORY | JIT_RUNS_PROBE, 0};
	uint64_t *region = jit_run_count(L->global->jit->vm, 0);

	for (uint32_t n = below(3); n-- > 0;) {
		t->counting = how[below(3)];
		t->runs = t->counting ? region : NULL;
		if (backend->count)
			backend->count(L, t);
	}
	t->counting = how[below(2)];
	t->runs = below(2) ? runs : region;
	*t->runs = 0;
	if (backend->count)
		backend->count(L, t);
}

struct outcome {
	uint32_t last; /* number of the trace that was left */
	int32_t exit;
	uint64_t runs[2]; /* of the first, of the loop */
	struct world world;
};

/* loop: the one that t jumps to, or NULL. */
static struct outcome run(lua_State *L, const Backend *backend, Trace *t, Trace *loop)
{
	Trace *all[] = {NULL, loop ? loop : t, t}, **before = L->global->jit->traces, *last;
	uint64_t random_before = random_state;
	RunningTrace here = {.t = t};
	struct outcome found = {0};

	L->global->running = &here;
	L->global->jit->backend = backend;
	L->global->jit->traces = all;
	state_set_mode(L, MODE_JIT);
	L->global->debt = -1000000;
	for (Trace **a = &all[1]; a <= &all[2]; a++) {
		if (a == &all[2] && !loop)
			break;
		CHECK(!backend->assemble(L, *a));
		count_somehow(L, backend, *a, &found.runs[*a == loop]);
	}
	world = start;
	memcpy(frame_base(L->frame), world.stack, sizeof(world.stack));
	found.exit = backend->run(L, t, &last);
	CHECK(last == t || last == loop);
	found.last = last->number;
	for (Trace **a = &all[1]; a <= &all[2]; a++)
		found.runs[*a == loop] = *(*a)->runs;
	exit_restore(L, last, found.exit);
	memcpy(world.stack, frame_base(L->frame), sizeof(world.stack));
	found.world = world;
	L->global->running = NULL;
	L->global->jit->traces = before;
	backend->free(L, t);
	if (loop)
		backend->free(L, loop);
	random_state = random_before;
	return found;
}

/* Any NaN is as good as another. */
static bool same_value(const Value *a, const Value *b)
{
	if (a->tag != b->tag)
		return false;
	if (is_float(a) && isnan(a->u.n))
		return isnan(b->u.n);
	return a->tag == TAG_TRUE || a->tag == TAG_NIL || a->u.i == b->u.i;
}

static bool same_world(const struct world *a, const struct world *b)
{
	for (int i = 0; i < CALL_SLOT; i++)
		if (!same_value(&a->stack[i], &b->stack[i]))
			return false;
	for (int i = 0; i < 4; i++)
		if (!same_value(&a->cells[i], &b->cells[i]))
			return false;
	return !memcmp(a->nodes, b->nodes, sizeof(a->nodes)) &&
	       !memcmp(a->payloads, b->payloads, sizeof(a->payloads)) &&
	       !memcmp(a->tags, b->tags, sizeof(a->tags));
}

static void check_list(Trace *t, unsigned list)
{
	char message[160];

	CHECK(!t->ir.failed);
	if (!ir_verify(&t->ir, message))
		unit_fail(__FILE__, __LINE__, "list %u: %s", list, message);
	t->exits = calloc(t->ir.n_snapshots + 1, sizeof(*t->exits));
	CHECK(t->exits);
}

static void close_list(Trace *t)
{
	free(t->exits);
	ir_close(&t->ir);
}

/* Returns the number of the trace that was left. */
static uint32_t compare(lua_State *L, Trace *t, Trace *loop, unsigned list)
{
	struct outcome wanted = run(L, &backend_ir, t, loop), found = run(L, &backend_x64, t, loop);

	CHECK_EQ(found.last, wanted.last);
	CHECK_EQ(found.exit, wanted.exit);
	CHECK_EQ(found.runs[0], wanted.runs[0]);
	CHECK_EQ(found.runs[1], wanted.runs[1]);
	if (!same_world(&found.world, &wanted.world))
		unit_fail(__FILE__, __LINE__, "list %u differs", list);
	return found.last;
}

TEST(machine_code_does_what_the_interpreter_does)
{
	struct unit_heap heap = {0};
	lua_State *L = unit_state(&heap);

	CHECK(L->global->jit || jit_open(L));
	lua_checkstack(L, 200);
	for (unsigned i = 1; i <= LISTS; i++) {
		Trace t = {.number = 1};

		random_state = i * UINT64_C(0x9e3779b97f4a7c15);
		make_start();
		make_list(&t.ir);
		check_list(&t, i);
		compare(L, &t, NULL, i);
		close_list(&t);
	}
	unit_close(L, &heap);
}

TEST(a_jump_to_another_label_does_so_too)
{
	struct unit_heap heap = {0};
	lua_State *L = unit_state(&heap);
	unsigned joined = 0;

	CHECK(L->global->jit || jit_open(L));
	lua_checkstack(L, 200);
	for (unsigned i = 1; i <= LISTS; i++) {
		Trace loop = {.number = 1}, t = {.number = 2};

		random_state = i * UINT64_C(0x9e3779b97f4a7c15);
		make_start();
		make_loop(&loop.ir);
		check_list(&loop, i);
		make_joining(&t.ir, &loop.ir);
		check_list(&t, i);
		joined += compare(L, &t, &loop, i) == 1;
		close_list(&t);
		close_list(&loop);
	}
	CHECK(joined > LISTS / 10);
	unit_close(L, &heap);
}

/* Bytes of code that take an element, whose index something else wants afterwards or not. */
static uint32_t size_of_access(lua_State *L, bool store, bool wanted)
{
	Trace t = {.number = 1};
	Ir *ir = &t.ir;
	IrRef array, index, other;

	ir_open(ir);
	ir->max_slot = 40;
	n_integers = n_floats = 0;
	array = ir_address(ir, world.tags);
	index = emit(ir, IR_INT_AND, emit(ir, IR_GETSLOT_I, IR_NONE, IR_NONE, 0),
		     ir_integer(ir, ELEMENTS - 1), -1);
	other = emit(ir, IR_GETSLOT_I, IR_NONE, IR_NONE, 1);
	if (store)
		ir_emit(ir, IR_SETARRAYITEM, array, index, other, TAG_INTEGER);
	else
		ir_emit(ir, IR_SETVALUE, ir_address(ir, &world.cells[0]),
			emit(ir, IR_GETARRAYITEM_I, array, index, -1), IR_NONE, TAG_INTEGER);
	ir_emit(ir, IR_SETVALUE, ir_address(ir, &world.cells[1]), other, IR_NONE, TAG_INTEGER);
	ir_emit(ir, IR_SETVALUE, ir_address(ir, &world.cells[2]), wanted ? index : other, IR_NONE,
		TAG_INTEGER);
	n_integers = 0;
	integers[n_integers++] = other;
	floats[n_floats++] = ir_float(ir, 0.5);
	guard(ir, IR_FINISH, IR_NONE, IR_NONE);
	check_list(&t, 0);
	compare(L, &t, NULL, 0);
	close_list(&t);
	return t.code_size;
}

TEST(an_index_that_nobody_wants_gives_its_register_to_the_address)
{
	struct unit_heap heap = {0};
	lua_State *L = unit_state(&heap);

	CHECK(L->global->jit || jit_open(L));
	lua_checkstack(L, 200);
	random_state = 1;
	make_start();
	for (int store = 0; store < 2; store++)
		CHECK_EQ(size_of_access(L, store, true) - size_of_access(L, store, false),
			 3); /* mov rax, index */
	unit_close(L, &heap);
}

/* A sum of remainders: the division empties rdx, which would be a move in each turn. */
TEST(what_a_loop_keeps_is_not_where_it_divides)
{
	struct unit_heap heap = {0};
	lua_State *L = unit_state(&heap);
	Trace t = {.number = 1};
	Ir *ir = &t.ir;
	IrRef args[2], sum;
	const MachineTrace *x;

	CHECK(L->global->jit || jit_open(L));
	ir_open(ir);
	ir->max_slot = 40;
	args[0] = ir_emit(ir, IR_GETSLOT_I, IR_NONE, IR_NONE, IR_NONE, 0);
	args[1] = ir_emit(ir, IR_GETSLOT_I, IR_NONE, IR_NONE, IR_NONE, 1);
	ir->label = ir_emit_many(ir, IR_LABEL, args, 2, -1);
	for (int i = 0; i < 2; i++)
		args[i] = ir_emit(ir, IR_ARG_I, IR_NONE, IR_NONE, IR_NONE, i);
	sum = ir_emit(ir, IR_INT_MOD, args[1], ir_integer(ir, 7), IR_NONE, -1);
	args[0] = ir_emit(ir, IR_INT_ADD, args[0], sum, IR_NONE, -1);
	args[1] = ir_emit(ir, IR_INT_ADD, args[1], ir_integer(ir, 1), IR_NONE, -1);
	ir_emit_many(ir, IR_JUMP, args, 2, -1);
	CHECK(!backend_x64.assemble(L, &t));
	x = t.backend;
	CHECK_EQ(x->n_label, 2);
	for (uint32_t i = 0; i < x->n_label; i++)
		CHECK(x->label[i].reg != NO_REG && x->label[i].reg != RDX);
	backend_x64.free(L, &t);
	ir_close(ir);
	unit_close(L, &heap);
}

/* Does a test of reg take an instruction? */
static bool tests_zero(Code *code, int reg)
{
	uint32_t n = code->n;

	emit_test_zero(code, reg);
	return code->n > n;
}

static void a_result_that_was_just_computed_is_not_tested_again(void)
{
	uint32_t jump;
	Code code;

	code_open(&code);
	CHECK(tests_zero(&code, RCX));
	emit_alu_imm(&code, ALU_SUB, RCX, 1);
	CHECK(!tests_zero(&code, RCX) && tests_zero(&code, RDX));
	emit_rr(&code, X_ALU(ALU_AND), RCX, RDX);
	CHECK(!tests_zero(&code, RCX));
	emit_move(&code, RSI, RCX);
	CHECK(tests_zero(&code, RCX));
	emit_alu_imm(&code, ALU_CMP, RCX, 1);
	CHECK(tests_zero(&code, RCX));
	emit_rr(&code, X_ALU(ALU_CMP), RCX, RDX);
	CHECK(tests_zero(&code, RCX));
	/* Who comes from elsewhere has other flags. */
	jump = emit_jump_short(&code, CC_E);
	emit_alu_imm(&code, ALU_ADD, RCX, 1);
	emit_here(&code, jump);
	CHECK(tests_zero(&code, RCX));
	emit_alu_imm(&code, ALU_ADD, RCX, 1);
	emit_align(&code, 1);
	CHECK(tests_zero(&code, RCX));
	code_close(&code);
}

void suite_x64(void);
void suite_x64(void)
{
	unit_suite("x64");
	ADD(a_result_that_was_just_computed_is_not_tested_again);
	ADD(what_a_loop_keeps_is_not_where_it_divides);
	ADD(an_index_that_nobody_wants_gives_its_register_to_the_address);
	ADD(machine_code_does_what_the_interpreter_does);
	ADD(a_jump_to_another_label_does_so_too);
}

#else

void suite_x64(void);
void suite_x64(void)
{
}

#endif
