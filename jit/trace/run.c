/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c - the interpreter of the IR: the first backend, and the oracle for others.
 *
 * It does what each operation says, one after the other, with as little cleverness
 * as possible. Results lie in an array by the operation's place. The array of a
 * run that left by an exit is kept with the trace until the exit has been written
 * to the stack.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lua/gc.h"
#include "../lua/number.h"
#include "label.h"

struct run {
	lua_State *L;
	Trace *t;
	const Ir *ir;
	Payload *values; /* by place */
	Payload *next;	 /* a label's values while they are replaced */
};

static Payload get(const struct run *r, IrRef ref)
{
	return ref < 0 ? ir_constant(r->ir, ref)->u : r->values[ref];
}

/* ---- Calls of helpers ---------------------------------------------------------------------- */

/* Integer and pointer arguments go into integer registers, floats into others. */
typedef Payload (*IntegerHelper)(lua_State *, lua_Integer, lua_Integer, lua_Integer, lua_Number,
				 lua_Number);
typedef lua_Number (*FloatHelper)(lua_State *, lua_Integer, lua_Integer, lua_Integer, lua_Number,
				  lua_Number);

static Payload call_helper(const struct run *r, const IrOp *op)
{
	const struct helper_info *h = &helper_info[op->descr];
	const IrRef *args = ir_args(r->ir, op);
	lua_Integer i[3] = {0};
	lua_Number f[2] = {0};
	unsigned ni = 0, nf = 0;
	Payload result;

	for (unsigned n = 0; n < op->nargs; n++) {
		if (h->args[n] == 'f')
			f[nf++] = get(r, args[n]).n;
		else
			i[ni++] = get(r, args[n]).i;
	}
	if (h->type == 'f')
		result.n = ((FloatHelper)h->function)(r->L, i[0], i[1], i[2], f[0], f[1]);
	else
		result = ((IntegerHelper)h->function)(r->L, i[0], i[1], i[2], f[0], f[1]);
	return result;
}

/* The stack is made what it would be without the trace, then the frame is as it was. */
static Payload call_may_force(struct run *r, const IrOp *op)
{
	lua_State *L = r->L;
	Frame *entered = L->frame;
	ptrdiff_t error_function = L->error_function;
	void *before = r->t->backend;
	Payload result;
	Value *base;

	r->t->backend = r->values;
	L->global->running->t = r->t;
	exit_restore(L, r->t, op->snapshot);
	r->t->backend = before;
	result = call_helper(r, op);
	/* The frame that entered may have been left and used for another since. */
	base = frame_base(L->frame) - snapshot_base(r->ir, &r->ir->snapshots[op->snapshot]);
	L->frame = entered;
	L->error_function = error_function;
	entered->func = base - 1;
	return result;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static const struct {
	size_t offset;
	char type;
} fields[IR_FIELD_COUNT] = {
#define X(name, text, object, member, type) [IR_FIELD_##name] = {offsetof(object, member), type},
	IR_FIELDS(X)
#undef X
};

static Payload get_field(const void *object, int32_t field)
{
	const char *p = (const char *)object + fields[field].offset;

	switch (fields[field].type) {
	case '1':
		return (Payload){.i = *(const uint8_t *)p};
	case '4':
		return (Payload){.i = *(const uint32_t *)p};
	default:
		return *(const Payload *)p;
	}
}

#define ARRAY_TAG(array, i) ((uint8_t *)(array) + (i))
#define ARRAY_PAYLOAD(array, i) ((Payload *)(array)-1 - (i))

static Payload load(const struct run *r, const IrOp *op)
{
	Payload a = op->nargs > 0 ? get(r, op->arg[0]) : (Payload){0};
	Payload b = op->nargs > 1 ? get(r, op->arg[1]) : (Payload){0};
	const Value *base = frame_base(r->L->frame);

	switch (op->opcode) {
	case IR_GETSLOT_TAG:
		return (Payload){.i = base[op->descr].tag};
	case IR_GETSLOT_I:
	case IR_GETSLOT_F:
	case IR_GETSLOT_R:
		return base[op->descr].u;
	case IR_SLOT_ADDRESS:
		return (Payload){.p = (void *)(base + op->descr)};
	case IR_GETFIELD_I:
	case IR_GETFIELD_R:
		return get_field(a.p, op->descr);
	case IR_GETVALUE_TAG:
		return (Payload){.i = ((Value *)a.p)->tag};
	case IR_GETVALUE_I:
	case IR_GETVALUE_F:
	case IR_GETVALUE_R:
		return ((Value *)a.p)->u;
	case IR_GETARRAYITEM_TAG:
		return (Payload){.i = *ARRAY_TAG(a.p, b.i)};
	case IR_GETARRAYITEM_I:
	case IR_GETARRAYITEM_F:
	case IR_GETARRAYITEM_R:
		return *ARRAY_PAYLOAD(a.p, b.i);
	case IR_GETNODE_KEY:
		return ((Node *)a.p)->key;
	case IR_GETNODE_KEYTAG:
		return (Payload){.i = ((Node *)a.p)->key_tag};
	case IR_GETNODE_TAG:
		return (Payload){.i = ((Node *)a.p)->value_tag};
	default:
		return ((Node *)a.p)->value;
	}
}

static void store(const struct run *r, const IrOp *op)
{
	Payload a = get(r, op->arg[0]), b = get(r, op->arg[1]);
	uint8_t tag = (uint8_t)op->descr;

	switch (op->opcode) {
	case IR_SETVALUE:
		*(Value *)a.p = (Value){.u = b, .tag = tag};
		break;
	case IR_SETARRAYITEM:
		*ARRAY_PAYLOAD(a.p, b.i) = get(r, op->arg[2]);
		*ARRAY_TAG(a.p, b.i) = tag;
		break;
	case IR_SETNODE:
		((Node *)a.p)->value = b;
		((Node *)a.p)->value_tag = tag;
		break;
	case IR_BARRIER_BACK:
		if (is_black(a.object) && is_white(b.object))
			gc_barrier_back_slow(r->L, a.object);
		break;
	default:
		if (is_black(a.object) && is_white(b.object))
			gc_barrier_forward_slow(r->L, a.object, b.object);
	}
}

/* ---- Arithmetic
 * ---------------------------------------------------------------------------------- */

/* cvttsd2si: what is out of range becomes the smallest integer. */
static lua_Integer truncate_float(lua_Number f)
{
	return f >= -0x1p63 && f < 0x1p63 ? (lua_Integer)f : INT64_MIN;
}

static lua_Integer integer_operation(enum ir_opcode opcode, lua_Integer a, lua_Integer b)
{
	switch (opcode) {
	case IR_INT_ADD:
		return int_add(a, b);
	case IR_INT_SUB:
		return int_sub(a, b);
	case IR_INT_MUL:
		return int_mul(a, b);
	case IR_INT_FLOORDIV:
	case IR_UINT_FLOORDIV:
		return ir_floordiv(a, b);
	case IR_INT_MOD:
	case IR_UINT_MOD:
		return ir_mod(a, b);
	case IR_INT_AND:
		return a & b;
	case IR_INT_OR:
		return a | b;
	case IR_INT_XOR:
		return a ^ b;
	case IR_INT_LSHIFT:
		return (lua_Integer)((lua_Unsigned)a << (b & 63));
	case IR_UINT_RSHIFT:
		return (lua_Integer)((lua_Unsigned)a >> (b & 63));
	case IR_INT_NEG:
		return int_sub(0, a);
	case IR_INT_INVERT:
		return ~a;
	case IR_INT_LT:
		return a < b;
	case IR_INT_LE:
		return a <= b;
	case IR_INT_EQ:
	case IR_PTR_EQ:
		return a == b;
	case IR_INT_NE:
	case IR_PTR_NE:
		return a != b;
	case IR_INT_GT:
		return a > b;
	case IR_INT_GE:
		return a >= b;
	case IR_UINT_LT:
		return (lua_Unsigned)a < (lua_Unsigned)b;
	default: /* IR_UINT_GE */
		return (lua_Unsigned)a >= (lua_Unsigned)b;
	}
}

static lua_Number float_operation(enum ir_opcode opcode, lua_Number a, lua_Number b)
{
	switch (opcode) {
	case IR_FLOAT_ADD:
		return a + b;
	case IR_FLOAT_SUB:
		return a - b;
	case IR_FLOAT_MUL:
		return a * b;
	case IR_FLOAT_TRUEDIV:
		return a / b;
	case IR_FLOAT_NEG:
		return -a;
	case IR_FLOAT_ABS:
		return fabs(a);
	case IR_FLOAT_SQRT:
		return sqrt(a);
	case IR_FLOAT_FLOOR:
		return floor(a);
	default: /* IR_FLOAT_CEIL */
		return ceil(a);
	}
}

static bool float_comparison(enum ir_opcode opcode, lua_Number a, lua_Number b)
{
	switch (opcode) {
	case IR_FLOAT_LT:
		return a < b;
	case IR_FLOAT_LE:
		return a <= b;
	case IR_FLOAT_EQ:
		return a == b;
	case IR_FLOAT_NE:
		return a != b;
	case IR_FLOAT_GT:
		return a > b;
	default: /* IR_FLOAT_GE */
		return a >= b;
	}
}

static Payload pure(const struct run *r, const IrOp *op)
{
	Payload a = get(r, op->arg[0]);
	Payload b = op->nargs > 1 ? get(r, op->arg[1]) : (Payload){0};

	switch (op->opcode) {
	case IR_SAME_AS_I:
	case IR_SAME_AS_F:
	case IR_SAME_AS_R:
		return a;
	case IR_CAST_INT_TO_FLOAT:
		return (Payload){.n = (lua_Number)a.i};
	case IR_CAST_FLOAT_TO_INT:
		return (Payload){.i = truncate_float(a.n)};
	case IR_GETUPVALUE:
		return (Payload){.p = ((LuaFunction *)a.p)->upvalues[op->descr]};
	case IR_NODE_AT:
		return (Payload){.p = (Node *)a.p + op->descr};
	case IR_STRLEN:
		return (Payload){.i = (lua_Integer)string_length((String *)a.p)};
	case IR_STRGETITEM:
		return (Payload){.i = (unsigned char)((String *)a.p)->text[b.i]};
	default:
		break;
	}
	if (ir_type(r->ir, op->arg[0]) != 'f')
		return (Payload){.i = integer_operation(op->opcode, a.i, b.i)};
	if (op->type == 'i')
		return (Payload){.i = float_comparison(op->opcode, a.n, b.n)};
	return (Payload){.n = float_operation(op->opcode, a.n, b.n)};
}

/* ---- Control
 * ------------------------------------------------------------------------------------------ */

static const Frame *frame_before(const lua_State *L, int32_t n)
{
	const Frame *f = L->frame;

	while (n-- > 0)
		f = f->previous;
	return f;
}

static uint32_t frame_status(const Frame *f)
{
	return (uint16_t)f->nresults | (uint32_t)f->status << 16;
}

static bool holds(const struct run *r, const IrOp *op)
{
	const lua_State *L = r->L;

	switch (op->opcode) {
	case IR_GUARD_TRUE:
		return get(r, op->arg[0]).i;
	case IR_GUARD_FALSE:
		return !get(r, op->arg[0]).i;
	case IR_GUARD_VALUE:
		return get(r, op->arg[0]).i == get(r, op->arg[1]).i;
	case IR_GUARD_NONNULL:
		return get(r, op->arg[0]).p;
	case IR_GUARD_ISNULL:
		return !get(r, op->arg[0]).p;
	case IR_GUARD_NOT_INVALIDATED:
		return *L->listens_to == L->global->heard;
	case IR_GUARD_FRAME_STATUS:
		return frame_status(frame_before(L, op->descr)) == get(r, op->arg[0]).i;
	case IR_GUARD_FRAME_EXTRA:
		return frame_before(L, op->descr)->u.lua.extra_args == get(r, op->arg[0]).i;
	case IR_GUARD_FRAME_PC:
		return frame_before(L, op->descr)->u.lua.pc == get(r, op->arg[0]).p;
	case IR_GUARD_TOP:
		return L->top == frame_base(L->frame) + op->descr;
	case IR_GUARD_RECOVERABLE:
		return L->c_calls & RECOVERABLE && L->allow_hook;
	default: /* guard_always_fails, finish */
		return false;
	}
}

/* All of a label's values are read before one is replaced. */
static void take_values(struct run *r, const IrOp *jump)
{
	const IrRef *args = ir_args(r->ir, jump);

	for (unsigned i = 0; i < jump->nargs; i++)
		r->next[i] = get(r, args[i]);
}

static void count_removed(lua_State *L)
{
	uint32_t *removed = &L->global->jit->removed;

	if (__builtin_add_overflow(*removed, UINT32_MAX / REMOVED_SHARE + 1, removed))
		state_owe(L, 1);
}

static void count_run(const Trace *t)
{
	if (!t->runs)
		return;
	++*t->runs;
	if (t->counting & JIT_RUNS_PROBE)
		jit_loop_run(t->hooks.no, jit_type_of(t));
}

/* Runs from place `at` to an exit; the answer is the operation that takes it. */
static uint32_t run_list(struct run *r, uint32_t at)
{
	const Ir *ir = r->ir;

	if (ir->label < 0)
		count_run(r->t);
	for (;; at++) {
		const IrOp *op = &ir->ops[at];
		unsigned flags = ir_info[op->opcode].flags;

		switch (op->opcode) {
		case IR_NOP:
		case IR_VIRTUAL:
			continue;
		case IR_LABEL:
			take_values(r, op);
			count_run(r->t);
			continue;
		case IR_JUMP:
			if (op->descr > 0)
				return at;
			take_values(r, op);
			count_run(r->t);
			at = (uint32_t)ir->label;
			continue;
		case IR_ARG_I:
		case IR_ARG_F:
		case IR_ARG_R:
			r->values[at] = r->next[op->descr];
			continue;
		case IR_COUNT_REMOVED:
			count_removed(r->L);
			continue;
		case IR_LEAVE_PCALL:
			r->L->error_function =
				frame_before(r->L, op->descr)->u.c.old_error_function;
			continue;
		case IR_CALL_MAY_FORCE_I:
			r->values[at] = call_may_force(r, op);
			continue;
		default:
			break;
		}
		if (flags & IR_GUARD) {
			if (!holds(r, op))
				return at;
		} else if (flags & IR_CALL) {
			r->values[at] = call_helper(r, op);
		} else if (flags & IR_LOAD) {
			r->values[at] = load(r, op);
		} else if (flags & IR_EFFECT) {
			store(r, op);
		} else {
			r->values[at] = pure(r, op);
		}
	}
}

/* ---- The backend
 * ------------------------------------------------------------------------------------------ */

static int run_assemble(lua_State *L, Trace *t)
{
	(void)L;
	t->code = NULL;
	t->code_size = 0;
	t->backend = malloc((t->ir.n_ops + 1) * sizeof(Payload));
	return t->backend ? 0 : ABORT_NO_MEMORY + 1;
}

/* What the list has for its values, then those of its label. */
static size_t values_of(const Ir *ir)
{
	return ir->n_ops + (ir->label >= 0 ? ir_op(ir, ir->label)->nargs : 0);
}

/* The loop whose label was jumped to there; NULL: it was left otherwise. */
static Trace *joined_loop(const struct run *r, uint32_t left_at)
{
	const IrOp *op = &r->ir->ops[left_at];

	return op->opcode == IR_JUMP ? r->L->global->jit->traces[op->descr] : NULL;
}

/* For exit and bridges, which ask for them after the run. */
static void keep_values(const struct run *r, uint32_t left_at)
{
	Payload *kept = r->t->backend;

	memcpy(kept, r->values, r->ir->n_ops * sizeof(Payload));
	kept[r->ir->n_ops].i = left_at;
}

/* The stack is brought up to date; then *from's jump gives the values of r, which is `to`. */
static void pass_label(const struct run *from, int32_t exit, struct run *r)
{
	const IrOp *jump = &from->ir->ops[from->ir->n_ops - 1];
	const IrRef *args = ir_args(from->ir, jump);
	unsigned label = ir_op(r->ir, r->ir->label)->nargs;
	RegisterSet dead;
	IrRef wanted[MAX_LABEL_VALUES];
	unsigned n = label_values(r->ir, wanted);

	lua_assert(n == jump->nargs);
	label_dead_slots(r->ir, &dead);
	exit_go_on(r->L, from->t, exit, &dead);
	for (unsigned i = 0; i < n; i++)
		if (i < label)
			r->next[i] = get(from, args[i]);
		else
			r->values[wanted[i]] = get(from, args[i]);
	count_run(r->t);
}

static int32_t run_trace(lua_State *L, Trace *t, Trace **last)
{
	struct run r = {.L = L, .t = t, .ir = &t->ir}, loop = r;
	uint32_t left_at;

	/* On the C stack: a helper that raises an error jumps over this function. */
	r.values = __builtin_alloca(values_of(r.ir) * sizeof(Payload));
	r.next = r.values + r.ir->n_ops;
	left_at = run_list(&r, 0);
	keep_values(&r, left_at);
	*last = t;
	loop.t = joined_loop(&r, left_at);
	if (!loop.t)
		return ir_op(r.ir, (IrRef)left_at)->snapshot;
	loop.ir = &loop.t->ir;
	loop.values = __builtin_alloca(values_of(loop.ir) * sizeof(Payload));
	loop.next = loop.values + loop.ir->n_ops;
	pass_label(&r, ir_op(r.ir, (IrRef)left_at)->snapshot, &loop);
	left_at = run_list(&loop, (uint32_t)loop.ir->label + 1);
	keep_values(&loop, left_at);
	*last = loop.t;
	return ir_op(loop.ir, (IrRef)left_at)->snapshot;
}

static IrRef run_left_at(lua_State *L, const Trace *t)
{
	(void)L;
	return (IrRef)((const Payload *)t->backend)[t->ir.n_ops].i;
}

static Payload run_value(lua_State *L, const Trace *t, IrRef ref, unsigned n)
{
	(void)L;
	(void)n;
	return ((const Payload *)t->backend)[ref];
}

/* jit_enter() goes on in the bridge. */
static void run_link(lua_State *L, Trace *t, int32_t exit, Trace *to)
{
	(void)L;
	(void)t;
	(void)exit;
	(void)to;
}

static void run_free(lua_State *L, Trace *t)
{
	(void)L;
	free(t->backend);
	t->backend = NULL;
}

const Backend backend_ir = {
	.name = "ir",
	.assemble = run_assemble,
	.run = run_trace,
	.left_at = run_left_at,
	.value = run_value,
	.link = run_link,
	.free = run_free,
};
