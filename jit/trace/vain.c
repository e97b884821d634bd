/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vain.c - loops whose traces are entered in vain. Each turn goes another way, and where
 * it goes there is to be no bridge: too many were given up, or there are as many as there
 * may be. Then the trace is entered and left again in every turn or two, which costs more
 * than the few operations in between save.
 *
 * Such a trace rests: its instruction is put back, and enters it once more after as many
 * turns as a counter can hold. What it costs is next to nothing from then on, and a
 * program whose loop goes the usual way later gets its trace back.
 */
#include "../lua/call.h"
#include "../lua/opcodes.h"
#include "trace.h"

/* More runs in vain than not. */
#define MAX_VAIN 500
#define MAX_TURNS 1000
/* Operations that cost the interpreter what it costs to enter a trace and to leave it. */
#define WORTH_IT 120
/* The longest way from a loop's trace over bridges that is looked at. */
#define MAX_WAY 100

/* ---- A run -------------------------------------------------------------------------------- */

/*
 * What is another value in each turn of t's loop; an integer says how many turns are left.
 * NULL: there is no such thing.
 */
static const Value *turn_of(const lua_State *L, const Trace *t)
{
	const Value *ra = frame_base(L->frame) + get_a(t->original);

	if (t->kind != TRACE_LOOP)
		return NULL;
	switch (get_op(t->original)) {
	case OP_FORLOOP:
		return is_integer(ra + 2) ? ra + 1 : ra;
	case OP_TFORLOOP:
		return ra + 2;
	default:
		return NULL;
	}
}

void vain_begin(const lua_State *L, const Trace *t, LoopRun *run)
{
	const Value *turn = turn_of(L, t);

	run->number = turn ? t->number : 0;
	if (!turn)
		return;
	run->turn = *turn;
	run->slot = save_slot(L, turn);
}

/* Operations from the beginning of t's family to where t was left. */
static int64_t operations_until(const Jit *jit, const Trace *t, IrRef left_at)
{
	int64_t n = left_at;

	for (int i = 0; t->kind == TRACE_BRIDGE && i < MAX_WAY; i++) {
		int32_t exit = (int32_t)t->parent_exit;
		uint32_t at = 0;

		t = jit->traces[t->parent];
		while (at + 1 < t->ir.n_ops && t->ir.ops[at].snapshot != exit)
			at++;
		n += at;
	}
	return n;
}

static void rest(Jit *jit, Trace *root)
{
	HotPlace *place = jit_place_of(root->proto, root->patch);

	if (!place)
		return;
	jit_unpatch(root);
	root->resting = true;
	place->resting = 1;
	*jit_counter_of(jit->hot, root->patch) = UINT16_MAX;
}

/* Turns of a run that began as `run` says and ended where `now` is. */
static int64_t turns_of(const Trace *root, const LoopRun *run, const Value *now)
{
	lua_Unsigned turns;

	if (now->tag != run->turn.tag)
		return 1;
	turns = (lua_Unsigned)run->turn.u.i - (lua_Unsigned)now->u.i;
	if (get_op(root->original) != OP_FORLOOP || !is_integer(now))
		return turns != 0;
	return turns < MAX_TURNS ? (int64_t)turns : MAX_TURNS;
}

void vain_end(const lua_State *L, const Trace *t, int32_t exit, IrRef left_at, const LoopRun *run)
{
	Jit *jit = L->global->jit;
	Trace *root = jit->traces[run->number];
	const Value *now;
	int64_t done;

	if (!root || !root->patch || root->retired || root->resting)
		return;
	now = restore_slot(L, run->slot);
	if (traces_family(jit, t) != root || now >= L->stack_last) {
		root->vain = 0;
		return;
	}
	done = turns_of(root, run, now) * (root->ir.n_ops - root->ir.label);
	if (done > WORTH_IT) {
		done /= WORTH_IT;
		root->vain = (uint16_t)(done < root->vain ? root->vain - done : 0);
		return;
	}
	if (t->exits[exit].aborted < jit->parameters[JIT_PARAMETER_max_aborts] ||
	    jit->parameters[JIT_PARAMETER_budget] <= 0 || ++root->vain < MAX_VAIN)
		return;
	root->vain = 0;
	if (done + operations_until(jit, t, left_at) <= WORTH_IT)
		rest(jit, root);
}

/* ---- Afterwards ---------------------------------------------------------------------------- */

bool vain_put_back(const Jit *jit, const Frame *f, Instruction *patch_at)
{
	HotPlace *place = jit_place_of(frame_function(f)->proto, patch_at);

	if (!place || !place->resting)
		return false;
	place->resting = 0;
	for (uint32_t i = 1; i < jit->n_traces; i++) {
		Trace *t = jit->traces[i];

		if (!t || !t->resting || t->patch != patch_at || t->flushed)
			continue;
		t->resting = false;
		if (*patch_at != t->original)
			return false;
		jit_patch(t);
		return true;
	}
	return false;
}
