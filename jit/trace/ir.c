/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ir.c - building lists of operations.
 *
 * Memory comes from malloc: a list is built while the interpreter runs along, and
 * must not make the program's own collector or allocator behave differently. When
 * memory runs out the list is marked `failed` and further building does nothing;
 * whoever built it looks once, at the end.
 */
#include "ir.h"

#include <stdlib.h>
#include <string.h>

const struct ir_info ir_info[IR_OPCODE_COUNT] = {
#define X(name, text, type, args, flags) [IR_##name] = {text, type, args, flags},
	IR_OPERATIONS(X)
#undef X
};

void ir_open(Ir *ir)
{
	memset(ir, 0, sizeof(*ir));
	ir->label = -1;
}

void ir_close(Ir *ir)
{
	free(ir->ops);
	free(ir->args);
	free(ir->constants);
	free(ir->snapshots);
	free(ir->snapshot_entries);
	free(ir->snapshot_frames);
	free(ir->shapes);
	free(ir->shape_keys);
	ir_open(ir);
}

void ir_clear(Ir *ir)
{
	ir->n_ops = ir->n_args = ir->n_constants = 0;
	ir->n_snapshots = ir->n_snapshot_entries = ir->n_snapshot_frames = 0;
	ir->n_shapes = ir->n_shape_keys = 0;
	ir->label = -1;
	ir->max_slot = 0;
	ir->failed = false;
}

static bool copy_vector(void **to, uint32_t *size, const void *from, uint32_t n, size_t element)
{
	*size = n;
	*to = NULL;
	if (!n)
		return true;
	*to = malloc(n * element);
	if (*to)
		memcpy(*to, from, n * element);
	return *to;
}

bool ir_copy(Ir *to, const Ir *from)
{
	bool done = true;

	*to = *from;
#define COPY(name)                                                                             \
	(done &= copy_vector((void **)&to->name, &to->size_##name, from->name, from->n_##name, \
			     sizeof(*from->name)))
	COPY(ops);
	COPY(args);
	COPY(constants);
	COPY(snapshots);
	COPY(snapshot_entries);
	COPY(snapshot_frames);
	COPY(shapes);
	COPY(shape_keys);
#undef COPY
	if (!done)
		ir_close(to);
	return done;
}

bool ir_grow(Ir *ir, void **vector, uint32_t n, uint32_t more, uint32_t *size, size_t element)
{
	uint32_t room = *size ? *size : 64;
	void *grown;

	if (ir->failed)
		return false;
	if (n + more <= *size)
		return true;
	while (room < n + more)
		room *= 2;
	grown = realloc(*vector, room * element);
	if (!grown) {
		ir->failed = true;
		return false;
	}
	*vector = grown;
	*size = room;
	return true;
}

/* ---- Constants ----------------------------------------------------------------------- */

/* Equal constants are found from the end: a trace uses again what it used last. */
static IrRef constant(Ir *ir, char type, uint8_t tag, Payload u)
{
	for (uint32_t n = ir->n_constants; n > 0; n--) {
		const IrConstant *c = &ir->constants[n - 1];

		if (c->type == type && c->tag == tag && c->u.i == u.i)
			return ~(IrRef)(n - 1);
	}
	if (!IR_ROOM(ir, constants, 1))
		return ir->n_constants ? ~0 : IR_NONE;
	ir->constants[ir->n_constants] = (IrConstant){.type = type, .tag = tag, .u = u};
	return ~(IrRef)ir->n_constants++;
}

IrRef ir_integer(Ir *ir, lua_Integer i)
{
	return constant(ir, 'i', TAG_INTEGER, (Payload){.i = i});
}

IrRef ir_float(Ir *ir, lua_Number n)
{
	return constant(ir, 'f', TAG_FLOAT, (Payload){.n = n});
}

IrRef ir_object(Ir *ir, const void *object, uint8_t tag)
{
	return constant(ir, 'r', tag, (Payload){.p = (void *)object});
}

IrRef ir_address(Ir *ir, const void *p)
{
	return constant(ir, 'r', TAG_NIL, (Payload){.p = (void *)p});
}

IrRef ir_value(Ir *ir, const Value *v)
{
	if (is_integer(v))
		return ir_integer(ir, v->u.i);
	if (is_float(v))
		return ir_float(ir, v->u.n);
	return ir_object(ir, v->u.p, v->tag);
}

/* ---- Operations ----------------------------------------------------------------------- */

static IrRef emit(Ir *ir, enum ir_opcode opcode, int32_t descr)
{
	if (!IR_ROOM(ir, ops, 1))
		return 0;
	ir->ops[ir->n_ops] = (IrOp){
		.opcode = (uint8_t)opcode,
		.type = ir_info[opcode].type,
		.arg = {IR_NONE, IR_NONE, IR_NONE},
		.descr = descr,
		.snapshot = -1,
	};
	return (IrRef)ir->n_ops++;
}

IrRef ir_emit(Ir *ir, enum ir_opcode opcode, IrRef a, IrRef b, IrRef c, int32_t descr)
{
	IrRef ref = emit(ir, opcode, descr);

	if (!ir->failed) {
		IrOp *op = &ir->ops[ref];

		op->nargs = (uint16_t)strlen(ir_info[opcode].args);
		op->arg[0] = a;
		op->arg[1] = b;
		op->arg[2] = c;
	}
	return ref;
}

IrRef ir_emit_many(Ir *ir, enum ir_opcode opcode, const IrRef *args, unsigned n, int32_t descr)
{
	uint32_t first = ir->n_args;
	IrRef ref;

	if (!IR_ROOM(ir, args, n ? n : 1))
		return 0;
	if (n)
		memcpy(ir->args + first, args, n * sizeof(*args));
	ir->n_args += n;
	ref = emit(ir, opcode, descr);
	if (!ir->failed) {
		ir->ops[ref].nargs = (uint16_t)n;
		ir->ops[ref].arg[0] = (IrRef)first;
	}
	return ref;
}

char ir_type(const Ir *ir, IrRef ref)
{
	return ref < 0 ? ir_constant(ir, ref)->type : ir->ops[ref].type;
}

uint8_t ir_tag(const Ir *ir, IrRef ref)
{
	return ref < 0 ? ir_constant(ir, ref)->tag : ir->ops[ref].tag;
}

const IrRef *ir_args(const Ir *ir, const IrOp *op)
{
	return ir_info[op->opcode].flags & IR_MANY ? ir->args + op->arg[0] : op->arg;
}

/* ---- Virtual tables --------------------------------------------------------------------- */

static bool is_shape(const Ir *ir, const IrShape *s, const IrShape *sizes, const ShapeKey *keys,
		     unsigned n)
{
	const ShapeKey *k = ir->shape_keys + s->key;

	if (s->array != sizes->array || s->hash != sizes->hash || s->border != sizes->border ||
	    s->keys != n)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (k[i].key != keys[i].key || k[i].tag != keys[i].tag)
			return false;
	return true;
}

int32_t ir_shape(Ir *ir, const IrShape *sizes, const ShapeKey *keys, unsigned n)
{
	for (uint32_t i = 0; i < ir->n_shapes; i++)
		if (is_shape(ir, &ir->shapes[i], sizes, keys, n))
			return (int32_t)i;
	if (!IR_ROOM(ir, shapes, 1) || !IR_ROOM(ir, shape_keys, n ? n : 1))
		return 0;
	ir->shapes[ir->n_shapes] = (IrShape){.key = ir->n_shape_keys,
					     .keys = n,
					     .array = sizes->array,
					     .hash = sizes->hash,
					     .border = sizes->border};
	if (n)
		memcpy(ir->shape_keys + ir->n_shape_keys, keys, n * sizeof(*keys));
	ir->n_shape_keys += n;
	return (int32_t)ir->n_shapes++;
}

static bool is_virtual(const Ir *ir, IrRef ref)
{
	return ref >= 0 && ir->ops[ref].opcode == IR_VIRTUAL;
}

/* Adds ref behind what is in it. */
static unsigned add_virtual(const Ir *ir, IrRef ref, IrRef *out, unsigned n, unsigned depth)
{
	const IrRef *args;

	if (!is_virtual(ir, ref) || n > MAX_VIRTUALS)
		return n;
	for (unsigned i = 0; i < n; i++)
		if (out[i] == ref)
			return n;
	if (depth == MAX_VIRTUALS)
		return MAX_VIRTUALS + 1;
	args = ir_args(ir, &ir->ops[ref]);
	for (unsigned i = 0; i < ir->ops[ref].nargs; i++)
		n = add_virtual(ir, args[i], out, n, depth + 1);
	if (n < MAX_VIRTUALS)
		out[n] = ref;
	return n > MAX_VIRTUALS ? n : n + 1;
}

unsigned ir_virtuals(const Ir *ir, int32_t n, IrRef out[MAX_VIRTUALS])
{
	const Snapshot *s = &ir->snapshots[n];
	unsigned found = 0;

	for (uint32_t i = 0; ir->n_shapes && i < s->entries; i++)
		found = add_virtual(ir, ir->snapshot_entries[s->entry + i].ref, out, found, 0);
	return found;
}

unsigned ir_snapshot_refs(const Ir *ir, int32_t n, IrRef out[MAX_SNAPSHOT_REFS])
{
	const Snapshot *s = &ir->snapshots[n];
	IrRef virtuals[MAX_VIRTUALS];
	unsigned found = ir_virtuals(ir, n, virtuals), to = 0;

	for (uint32_t i = 0; i < s->entries && to < MAX_SNAPSHOT_REFS; i++) {
		IrRef ref = ir->snapshot_entries[s->entry + i].ref;

		out[to++] = is_virtual(ir, ref) ? IR_NONE : ref;
	}
	for (unsigned v = 0; v < found && v < MAX_VIRTUALS; v++) {
		const IrOp *op = ir_op(ir, virtuals[v]);
		const IrRef *args = ir_args(ir, op);

		for (unsigned i = 0; i < op->nargs && to < MAX_SNAPSHOT_REFS; i++)
			out[to++] = is_virtual(ir, args[i]) ? IR_NONE : args[i];
	}
	return to;
}
