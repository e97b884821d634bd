/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shared.c - which registers closures may share before an instruction: a walk over
 * the function's code, until what flows into each instruction changes no more.
 */
#include "shared.h"

#include <stdlib.h>

#include "../lua/opcodes.h"

/* What closures of `inner` share of the function that makes them. */
static bool add_captured(const Proto *inner, RegisterSet *set)
{
	bool any = false;

	for (int n = 0; n < inner->upvalue_count; n++) {
		if (!inner->upvalues[n].in_stack)
			continue;
		set_add(set, inner->upvalues[n].index);
		any = true;
	}
	return any;
}

bool shared_anywhere(const Proto *p, RegisterSet *set)
{
	bool any = false;

	for (int n = 0; n < p->proto_count; n++)
		any |= add_captured(p->protos[n], set);
	return any;
}

/* ---- Before an instruction --------------------------------------------------------------------
 */

struct flow {
	const Proto *p;
	RegisterSet *before; /* by instruction */
	bool again;	     /* one that was done has got more */
};

/* What is shared behind instruction n. */
static void step(const struct flow *f, int n, Instruction i, RegisterSet *set)
{
	*set = f->before[n];
	if (get_op(i) == OP_CLOSURE)
		add_captured(f->p->protos[get_bx(i)], set);
	for (int reg = get_op(i) == OP_CLOSE ? get_a(i) : MAX_SLOTS; reg < MAX_SLOTS; reg++)
		set->bits[reg / 64] &= ~(1ull << (reg % 64));
}

static void flow_to(struct flow *f, int from, int to, const RegisterSet *set)
{
	bool more = false;

	if (to < 0 || to >= f->p->code_count)
		return;
	for (int i = 0; i < MAX_SLOTS / 64; i++) {
		more |= (set->bits[i] & ~f->before[to].bits[i]) != 0;
		f->before[to].bits[i] |= set->bits[i];
	}
	f->again |= more && to <= from;
}

static void flow_from(struct flow *f, int n, Instruction i)
{
	RegisterSet set;

	step(f, n, i, &set);
	switch (get_op(i)) {
	case OP_JMP:
		flow_to(f, n, n + 1 + get_sj(i), &set);
		return;
	case OP_LFALSESKIP:
		flow_to(f, n, n + 2, &set);
		return;
	case OP_RETURN ... OP_RETURN1:
		return;
	case OP_TFORPREP:
		flow_to(f, n, n + 1 + get_bx(i), &set);
		return;
	case OP_FORPREP:
		flow_to(f, n, n + 2 + get_bx(i), &set);
		break;
	case OP_FORLOOP:
	case OP_TFORLOOP:
		flow_to(f, n, n + 1 - get_bx(i), &set);
		break;
	case OP_EQ ... OP_TESTSET:
		flow_to(f, n, n + 2, &set);
		break;
	default:
		break;
	}
	flow_to(f, n, n + 1, &set);
}

void shared_before(const Jit *jit, const Proto *p, const Instruction *at, RegisterSet *set)
{
	RegisterSet anywhere = {0};
	struct flow f = {.p = p, .again = true};

	if (!shared_anywhere(p, &anywhere))
		return;
	f.before = calloc((size_t)p->code_count, sizeof(*f.before));
	while (f.before && f.again) {
		f.again = false;
		for (int n = 0; n < p->code_count; n++)
			flow_from(&f, n, jit_original(jit, &p->code[n]));
	}
	if (f.before)
		anywhere = f.before[at - p->code];
	set_add_all(set, &anywhere);
	free(f.before);
}
