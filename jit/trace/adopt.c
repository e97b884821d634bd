/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adopt.c - a hook's list of ResOperations as a list of operations of ours.
 *
 * Variables have the numbers that the hook gave them (those of the trace's list, and
 * others for results of its own); each is the operation that it is the result of.
 * Constants of the trace are taken over first, so that they keep their references; a
 * pointer must be one of them. A snapshot is made of the one that the operation's
 * descr_ref has, with the failargs for values.
 */
#include "adopt.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A hook's own variables: numbers from 0 to here and the length of the list more. */
#define MAX_ARGS 250

struct adopting {
	const Ir *from;
	const ResOperation *op; /* that is read */
	size_t at, limit;
	Ir *ir;
	int32_t *origin;
	uint32_t size_origin;
	int32_t *made; /* the trace's snapshot -> ours that was made of it last, -1 */
	IrRef *places; /* number of a variable -> operation, IR_NONE */
	size_t n_places;
	char *message;
};

static bool refuse(const struct adopting *a, const char *format, ...)
{
	const char *name = a->op->name ? a->op->name : "?";
	va_list arguments;
	int n;

	n = snprintf(a->message, ADOPT_MESSAGE, "operation %zu, %.40s: ", a->at, name);
	va_start(arguments, format);
	vsnprintf(a->message + n, ADOPT_MESSAGE - (size_t)n, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- Boxes ---------------------------------------------------------------------------------- */

static bool adopt_pointer(const struct adopting *a, uint64_t r, const char *what, unsigned n,
			  IrRef *ref)
{
	for (uint32_t i = 0; i < a->from->n_constants; i++) {
		const IrConstant *c = &a->from->constants[i];

		if (c->type == 'r' && (uint64_t)(uintptr_t)c->u.p == r) {
			*ref = ~(IrRef)i;
			return true;
		}
	}
	return refuse(a, "%s %u is an object that is not in the trace", what, n);
}

static bool adopt_box(const struct adopting *a, const struct jit_box *box, const char *what,
		      unsigned n, IrRef *ref)
{
	if (!box->constant) {
		if (box->id >= a->n_places || a->places[box->id] == IR_NONE)
			return refuse(a, "%s %u is not defined before it", what, n);
		*ref = a->places[box->id];
		return ir_type(a->ir, *ref) == box->type ||
		       refuse(a, "%s %u has type %c, not %c", what, n, ir_type(a->ir, *ref),
			      isgraph((unsigned char)box->type) ? box->type : '?');
	}
	switch (box->type) {
	case 'i':
		*ref = ir_integer(a->ir, box->i);
		return true;
	case 'f':
		*ref = ir_float(a->ir, box->f);
		return true;
	case 'r':
		return adopt_pointer(a, box->r, what, n, ref);
	default:
		return refuse(a, "%s %u has no type", what, n);
	}
}

/* ---- Snapshots ------------------------------------------------------------------------------- */

static bool same_entries(const Ir *ir, const Snapshot *s, const IrRef *refs)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < s->entries; i++) {
		IrRef ref = ir->snapshot_entries[s->entry + i].ref;

		if (ref != IR_NONE && ref != refs[n++])
			return false;
	}
	return true;
}

static bool copy_snapshot(struct adopting *a, int32_t n, const IrRef *refs)
{
	const Ir *from = a->from;
	const Snapshot *s = &from->snapshots[n];
	Ir *ir = a->ir;
	Snapshot copy = *s;

	copy.taken = TAKEN_UNKNOWN;
	copy.entry = ir->n_snapshot_entries;
	copy.frame = ir->n_snapshot_frames;
	if (!IR_ROOM(ir, snapshots, 1) || !IR_ROOM(ir, snapshot_entries, s->entries + 1) ||
	    !IR_ROOM(ir, snapshot_frames, s->frames + 1) ||
	    !ir_grow(ir, (void **)&a->origin, ir->n_snapshots, 1, &a->size_origin,
		     sizeof(*a->origin)))
		return refuse(a, "out of memory");
	for (uint32_t i = 0; i < s->entries; i++) {
		SnapshotEntry e = from->snapshot_entries[s->entry + i];

		if (e.ref != IR_NONE)
			e.ref = *refs++;
		ir->snapshot_entries[ir->n_snapshot_entries++] = e;
	}
	if (s->frames)
		memcpy(ir->snapshot_frames + copy.frame, from->snapshot_frames + s->frame,
		       s->frames * sizeof(*ir->snapshot_frames));
	ir->n_snapshot_frames += s->frames;
	a->origin[ir->n_snapshots] = n;
	a->made[n] = (int32_t)ir->n_snapshots;
	ir->snapshots[ir->n_snapshots++] = copy;
	return true;
}

static unsigned count_values(const Ir *ir, const Snapshot *s)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < s->entries; i++)
		n += ir->snapshot_entries[s->entry + i].ref != IR_NONE;
	return n;
}

static bool adopt_failargs(struct adopting *a, int32_t n, IrRef *refs)
{
	const ResOperation *op = a->op;
	unsigned wanted = count_values(a->from, &a->from->snapshots[n]);

	if (op->nfailargs != wanted)
		return refuse(a, "has %u failargs, not the %u of its snapshot", op->nfailargs,
			      wanted);
	if (wanted && !op->failargs)
		return refuse(a, "has %u failargs, and its list of them is NULL", wanted);
	for (unsigned i = 0; i < wanted; i++)
		if (!adopt_box(a, &op->failargs[i], "failarg", i + 1, &refs[i]))
			return false;
	return true;
}

static bool adopt_snapshot(struct adopting *a, IrOp *to, const IrOp *like)
{
	int32_t n = like ? like->snapshot : -1;
	IrRef *refs;
	bool good;

	if (n < 0)
		return refuse(a, "has no snapshot: it needs that of an operation of the trace");
	refs = malloc((a->from->snapshots[n].entries + 1) * sizeof(*refs));
	if (!refs)
		return refuse(a, "out of memory");
	good = adopt_failargs(a, n, refs);
	if (good && (a->made[n] < 0 || !same_entries(a->ir, &a->ir->snapshots[a->made[n]], refs)))
		good = copy_snapshot(a, n, refs);
	free(refs);
	to->snapshot = a->made[n];
	return good;
}

/* ---- Operations ------------------------------------------------------------------------------ */

static const IrOp *find_like(const struct adopting *a)
{
	uintptr_t first = (uintptr_t)a->from->ops, at = (uintptr_t)a->op->descr_ref;

	if (at < first || at >= first + a->from->n_ops * sizeof(IrOp) ||
	    (at - first) % sizeof(IrOp))
		return NULL;
	return a->op->descr_ref;
}

/* The Lua tag of a result of type 'r': what the trace's operation of that number has. */
static uint8_t tag_of(const struct adopting *a, const IrOp *to)
{
	uint64_t id = a->op->result.id;
	const IrOp *was = id < a->from->n_ops ? &a->from->ops[id] : NULL;

	if (to->type != 'r')
		return to->type == 'i' ? TAG_INTEGER : TAG_FLOAT;
	return was && was->opcode == to->opcode && was->descr == to->descr ? was->tag : TAG_NIL;
}

static bool adopt_result(struct adopting *a, IrRef ref)
{
	const struct jit_box *result = &a->op->result;
	IrOp *to = &a->ir->ops[ref];

	if (to->type == 'v')
		return true;
	if (result->constant || result->type != to->type)
		return refuse(a, "its result has type %c", to->type);
	if (result->id >= a->n_places)
		return refuse(a, "the number of its result is too high");
	if (a->places[result->id] != IR_NONE)
		return refuse(a, "its result is that of operation %d already",
			      a->places[result->id]);
	a->places[result->id] = ref;
	to->tag = tag_of(a, to);
	return true;
}

static bool adopt_descr(const struct adopting *a, enum ir_opcode opcode, int32_t *descr)
{
	char message[ADOPT_MESSAGE];

	*descr = -1;
	if (!a->op->descr)
		return true;
	return ir_parse_descr(opcode, a->op->descr, descr, message) ||
	       refuse(a, "its descr: %.80s", message);
}

static bool wants_snapshot(enum ir_opcode opcode, int32_t descr)
{
	return ir_info[opcode].flags & IR_GUARD || opcode == IR_CALL_MAY_FORCE_I ||
	       (opcode == IR_JUMP && descr > 0);
}

static bool adopt_operation(struct adopting *a)
{
	const ResOperation *op = a->op;
	const IrOp *like = find_like(a);
	enum ir_opcode opcode;
	IrRef args[MAX_ARGS] = {IR_NONE, IR_NONE, IR_NONE}, ref;
	int32_t descr;
	bool many;

	if (!op->name)
		return refuse(a, "its name is NULL");
	if (!ir_find_operation(op->name, &opcode))
		return refuse(a, "there is no such operation");
	many = ir_info[opcode].flags & IR_MANY;
	if (op->nargs > (many ? MAX_ARGS : 3) ||
	    (!many && op->nargs != strlen(ir_info[opcode].args)))
		return refuse(a, "has %u arguments, which is not what it takes", op->nargs);
	if (op->nargs && !op->args)
		return refuse(a, "has %u arguments, and its list of them is NULL", op->nargs);
	for (unsigned i = 0; i < op->nargs; i++)
		if (!adopt_box(a, &op->args[i], "argument", i + 1, &args[i]))
			return false;
	if (!adopt_descr(a, opcode, &descr))
		return false;
	ref = many ? ir_emit_many(a->ir, opcode, args, op->nargs, descr)
		   : ir_emit(a->ir, opcode, args[0], args[1], args[2], descr);
	if (a->ir->failed)
		return refuse(a, "out of memory");
	a->ir->ops[ref].line = (int32_t)(op->line <= INT32_MAX ? op->line : 0);
	if (opcode == IR_LABEL && a->ir->label < 0)
		a->ir->label = ref;
	return adopt_result(a, ref) &&
	       (!wants_snapshot(opcode, descr) || adopt_snapshot(a, &a->ir->ops[ref], like));
}

/* ---- The list -------------------------------------------------------------------------------- */

static void copy(void *to, const void *from, uint32_t n, size_t size)
{
	if (n)
		memcpy(to, from, n * size);
}

static bool open(struct adopting *a, const struct jit_operations *list)
{
	const Ir *from = a->from;
	Ir *ir = a->ir;

	ir_open(ir);
	ir->proto = from->proto;
	ir->max_slot = from->max_slot;
	ir->max_frames = from->max_frames;
	a->n_places = from->n_ops + 2 * list->count + 1;
	a->places = malloc(a->n_places * sizeof(*a->places));
	a->made = malloc((from->n_snapshots + 1) * sizeof(*a->made));
	if (!a->places || !a->made || !IR_ROOM(ir, constants, from->n_constants + 1))
		return false;
	copy(ir->constants, from->constants, from->n_constants, sizeof(*ir->constants));
	ir->n_constants = from->n_constants;
	/* Their keys are constants. */
	if (!IR_ROOM(ir, shapes, from->n_shapes + 1) ||
	    !IR_ROOM(ir, shape_keys, from->n_shape_keys + 1))
		return false;
	copy(ir->shapes, from->shapes, from->n_shapes, sizeof(*ir->shapes));
	copy(ir->shape_keys, from->shape_keys, from->n_shape_keys, sizeof(*ir->shape_keys));
	ir->n_shapes = from->n_shapes;
	ir->n_shape_keys = from->n_shape_keys;
	for (size_t i = 0; i < a->n_places; i++)
		a->places[i] = IR_NONE;
	for (uint32_t i = 0; i < from->n_snapshots; i++)
		a->made[i] = -1;
	return true;
}

static bool adopt_all(struct adopting *a, const struct jit_operations *list)
{
	if (!open(a, list)) {
		snprintf(a->message, ADOPT_MESSAGE, "out of memory");
		return false;
	}
	for (a->at = 0; a->at < list->count; a->at++) {
		a->op = &list->list[a->at];
		if (!adopt_operation(a))
			return false;
	}
	return true;
}

bool adopt(const Ir *from, const struct jit_operations *list, struct adopted *to,
	   char message[ADOPT_MESSAGE])
{
	struct adopting a = {.from = from, .ir = &to->ir, .message = message};
	bool good;

	if (list->count > adopt_limit(from->n_ops)) {
		snprintf(message, ADOPT_MESSAGE,
			 "the list has %zu operations: too long, the trace has %u", list->count,
			 from->n_ops);
		return false;
	}
	good = adopt_all(&a, list);
	free(a.places);
	free(a.made);
	if (!good) {
		free(a.origin);
		ir_close(&to->ir);
		return false;
	}
	to->origin = a.origin;
	return true;
}
