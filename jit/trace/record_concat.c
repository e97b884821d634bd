/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_concat.c - concatenation of any number of operands.
 *
 * As in the interpreter (vm_concat.c) strings and numbers at the end are joined in one
 * go, and a metamethod takes the last two of what is left; when it returns, its result
 * takes their place and the rest goes on. What is left by then is seen by where the
 * metamethod's frame is, behind it, so an exit in there needs to know nothing else.
 *
 * What is joined before a metamethod is called goes into a register of the instruction:
 * all guards leave to the state before that.
 */
#include "record.h"

/* Operands in slots from `first` on. The stack has all of them but, maybe, the last. */
struct operands {
	int first, n;
	const Value *stack;
	Value last;
	IrRef last_ref;
	size_t last_length; /* if it joins */
};

static bool joins(const Value *v)
{
	return is_string(v) || is_number(v);
}

/* Bytes that a value adds to a concatenation. */
static size_t text_length(const Value *v)
{
	char text[NUMBER_TEXT_SIZE];

	return is_string(v) ? string_length(as_string(v)) : number_to_text(v, text);
}

static const Value *operand(const struct operands *o, int i)
{
	return i == o->n - 1 ? &o->last : &o->stack[i];
}

/* How many of them, at the end, can be joined. */
static int find_run(const struct operands *o)
{
	int run = 0;

	while (run < o->n && joins(operand(o, o->n - 1 - run)))
		run++;
	return run;
}

/* The last `run` become one. Whether it is a short or a long string is guarded. */
static void join(Recorder *r, struct operands *o, int run)
{
	int from = o->n - run;
	IrRef count = ir_integer(r->ir, run), result;
	size_t length = o->last_length;

	if (run > MAX_OPERANDS)
		record_abort(r, ABORT_NYI_OPERAND, record_instruction_name(r));
	for (int i = from; i < o->n - 1; i++)
		length += text_length(&o->stack[i]);
	for (int i = from; i < o->n; i++) {
		uint8_t operand_tag;
		IrRef ref = record_use_slot(r, o->first + i, &operand_tag);

		record_operand(r, (unsigned)(i - from), ref, operand_tag);
	}
	result = record_call(r, HELPER_CONCAT, 1, &count);
	o->last.tag = record_new_string(r, result, length);
	o->last_ref = result;
	o->last_length = length;
	o->n = from + 1;
	record_set_slot(r, o->first + from, result, o->last.tag);
}

static void go_on(Recorder *r, struct operands *o)
{
	while (o->n > 1) {
		int run = find_run(o), a = o->n - 2;

		if (run < 2) {
			record_meta_concat(r, o->first + o->n, &o->stack[a],
					   record_use_slot(r, o->first + a, NULL), &o->last,
					   o->last_ref);
			return;
		}
		join(r, o, run);
	}
}

void record_concat(Recorder *r)
{
	int a = get_a(r->i), n = get_b(r->i);
	struct operands o = {.first = r->base + a, .n = n, .stack = record_value(r, a)};

	for (int i = 0; i < n; i++)
		o.last_ref = record_use(r, a + i, NULL);
	o.last = o.stack[n - 1];
	o.last_length = joins(&o.last) ? text_length(&o.last) : 0;
	if (find_run(&o) < n)
		record_take_snapshot(r);
	go_on(r, &o);
}

void record_go_on_concat(Recorder *r, const Instruction *pc, int func, const Value *v,
			 const RecordedSlot *result)
{
	int a = get_a(jit_original(r->jit, pc - 1)), first = r->base + a;
	struct operands o = {
		.first = first,
		.n = func - 1 - first,
		.stack = frame_base(r->frame) + a,
		.last = {.u = v->u, .tag = result->tag},
		.last_ref = result->ref,
		.last_length = joins(v) ? text_length(v) : 0,
	};

	/* The frame that goes on is that of the concatenation. */
	r->pc = pc;
	record_set_slot(r, func - 2, result->ref, result->tag);
	go_on(r, &o);
}
