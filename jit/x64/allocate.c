/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * allocate.c - which value is in which register, while a list is compiled.
 *
 * Operations are taken in order and values get registers as they are made; when
 * none is free, the value that is needed last goes to memory. A value has at most
 * one register and one spill slot. Its slot, once written, stays right for as long
 * as it lives, since values do not change; so it is written at most once in a turn.
 *
 * Loops: where everything is at the label is noted, and `jump` puts it there again:
 * the label's values, and what was made before the label and is needed behind it.
 * If a value of the second kind lost its register on the way, the list is compiled
 * again with that value in memory from the start (VALUE_SPILL).
 */
#include <stdlib.h>
#include <string.h>

#include "x64.h"

#define FAR INT32_MAX

/* ---- Liveness ------------------------------------------------------------------------------ */

static unsigned add_operands(const Compile *c, const IrOp *op, IrRef *out, unsigned n)
{
	const IrRef *args = ir_args(c->ir, op);

	for (unsigned i = 0; i < op->nargs && n <= UINT8_MAX; i++) {
		if (args[i] < 0)
			continue;
		if (c->values[args[i]].flags & (VALUE_FUSED | VALUE_VIRTUAL))
			n = add_operands(c, ir_op(c->ir, args[i]), out, n);
		else
			out[n++] = args[i];
	}
	return n;
}

unsigned operands_of(const Compile *c, IrRef at, IrRef *out)
{
	if (c->values[at].flags & (VALUE_FUSED | VALUE_VIRTUAL) ||
	    ir_op(c->ir, at)->opcode == IR_VIRTUAL)
		return 0;
	return add_operands(c, ir_op(c->ir, at), out, 0);
}

static void count_references(Compile *c)
{
	const Ir *ir = c->ir;
	IrRef refs[MAX_SNAPSHOT_REFS];
	unsigned n;

	for (uint32_t at = 0; at < ir->n_ops; at++) {
		const IrOp *op = &ir->ops[at];
		const IrRef *args = ir_args(ir, op);

		for (unsigned i = 0; i < op->nargs; i++)
			if (args[i] >= 0)
				c->values[args[i]].references++;
		if (op->snapshot < 0)
			continue;
		n = ir_snapshot_refs(ir, op->snapshot, refs);
		for (unsigned i = 0; i < n; i++)
			if (refs[i] >= 0)
				c->values[refs[i]].references++;
	}
}

/* Nothing between the load and the guard changes memory. */
static bool still_there(const Compile *c, IrRef load, IrRef guard)
{
	for (IrRef at = load + 1; at < guard; at++)
		if (ir_info[c->ir->ops[at].opcode].flags & (IR_STORE | IR_CALL | IR_EFFECT))
			return false;
	return true;
}

static bool may_fuse(const Compile *c, IrRef guard)
{
	const IrOp *op = ir_op(c->ir, guard), *from;
	IrRef ref = op->arg[0];
	uint64_t bits;

	if (op->opcode < IR_GUARD_TRUE || op->opcode > IR_GUARD_ISNULL || ref < 0 ||
	    c->values[ref].references != 1)
		return false;
	from = ir_op(c->ir, ref);
	if (op->opcode <= IR_GUARD_FALSE)
		return (is_integer_comparison(from->opcode) || is_float_comparison(from->opcode)) &&
		       (ref < c->ir->label) == (guard < c->ir->label);
	if (!is_load(from->opcode) || from->type == 'f' || from->opcode == IR_GETARRAYITEM_I ||
	    from->opcode == IR_GETARRAYITEM_R || from->opcode == IR_SLOT_ADDRESS)
		return false;
	/* What does not fit is compared as a whole. */
	if (op->opcode == IR_GUARD_VALUE && load_size(from) < 8 &&
	    (!constant_bits(c, op->arg[1], &bits) ||
	     bits > (load_size(from) == 1 ? UINT8_MAX : UINT32_MAX)))
		return false;
	return still_there(c, ref, guard);
}

static bool is_node_operation(enum ir_opcode opcode)
{
	return (opcode >= IR_GETNODE_KEY && opcode <= IR_GETNODE_R) || opcode == IR_SETNODE;
}

/* Nodes whose address is only loaded from and stored to are not computed. */
static void find_virtual(Compile *c)
{
	const Ir *ir = c->ir;
	uint32_t *good = calloc(ir->n_ops, sizeof(*good));

	if (!good)
		return;
	for (uint32_t at = 0; at < ir->n_ops; at++) {
		const IrOp *op = &ir->ops[at];

		if (is_node_operation(op->opcode) && op->arg[0] >= 0 &&
		    (op->opcode != IR_SETNODE || op->arg[1] != op->arg[0]))
			good[op->arg[0]]++;
	}
	for (uint32_t at = 0; at < ir->n_ops; at++)
		if (ir->ops[at].opcode == IR_NODE_AT && ir->ops[at].arg[0] >= 0 &&
		    ir->ops[at].descr < 1 << 20 && good[at] == c->values[at].references)
			c->values[at].flags |= VALUE_VIRTUAL;
	free(good);
}

static void used(Compile *c, IrRef ref, IrRef at)
{
	int32_t label = c->ir->label;

	c->values[ref].last = ref < label && at > label ? (int32_t)c->ir->n_ops : at;
}

static void find_last_uses(Compile *c)
{
	const Ir *ir = c->ir;
	IrRef refs[MAX_SNAPSHOT_REFS];

	for (uint32_t at = 0; at < ir->n_ops; at++) {
		const IrOp *op = &ir->ops[at];
		unsigned n = operands_of(c, (IrRef)at, refs);

		for (unsigned i = 0; i < n; i++) {
			used(c, refs[i], (IrRef)at);
			c->values[refs[i]].uses++;
		}
		if (op->snapshot < 0)
			continue;
		n = ir_snapshot_refs(ir, op->snapshot, refs);
		for (unsigned i = 0; i < n; i++)
			if (refs[i] >= 0)
				used(c, refs[i], (IrRef)at);
	}
}

static bool list_uses(Compile *c)
{
	const Ir *ir = c->ir;
	IrRef refs[UINT8_MAX + 1];
	uint32_t total = 0;

	for (uint32_t i = 0; i < ir->n_ops; i++) {
		c->values[i].use = total;
		total += c->values[i].uses;
		c->values[i].uses = 0;
	}
	c->uses = malloc((total + 1) * sizeof(*c->uses));
	if (!c->uses)
		return false;
	for (uint32_t at = 0; at < ir->n_ops; at++) {
		unsigned n = operands_of(c, (IrRef)at, refs);

		for (unsigned i = 0; i < n; i++) {
			Live *v = &c->values[refs[i]];

			c->uses[v->use + v->uses++] = (int32_t)at;
		}
	}
	return true;
}

static bool is_call(const Compile *c, const IrOp *op)
{
	return ir_info[op->opcode].flags & IR_CALL ||
	       (!c->m->has_round && (op->opcode == IR_FLOAT_FLOOR || op->opcode == IR_FLOAT_CEIL));
}

static bool is_division(const IrOp *op)
{
	return op->opcode == IR_INT_FLOORDIV || op->opcode == IR_INT_MOD ||
	       op->opcode == IR_UINT_FLOORDIV || op->opcode == IR_UINT_MOD;
}

/* The result had best be where `jump` wants it. */
static void hint_labels(Compile *c)
{
	const Ir *ir = c->ir;
	const IrOp *last = &ir->ops[ir->n_ops - 1];
	const IrRef *args = ir_args(ir, last);

	if (last->opcode != IR_JUMP || ir->label < 0)
		return;
	for (uint32_t at = (uint32_t)ir->label; at < ir->n_ops; at++) {
		const IrOp *op = &ir->ops[at];

		if (op->opcode >= IR_ARG_I && op->opcode <= IR_ARG_R && args[op->descr] > ir->label)
			c->values[args[op->descr]].hint = c->values[at].reg;
	}
}

bool live_analyze(Compile *c)
{
	const Ir *ir = c->ir;
	int32_t call = -1;

	c->values = calloc(ir->n_ops, sizeof(*c->values));
	c->next_call = malloc(ir->n_ops * sizeof(*c->next_call));
	if (!c->values || !c->next_call)
		return false;
	for (uint32_t i = ir->n_ops; i-- > 0;) {
		c->values[i].last = -1;
		if (is_call(c, &ir->ops[i]))
			call = (int32_t)i;
		if (is_division(&ir->ops[i]))
			c->busy = bit(RDX);
		c->next_call[i] = call;
	}
	count_references(c);
	for (uint32_t at = 0; at < ir->n_ops; at++)
		if (may_fuse(c, (IrRef)at))
			c->values[ir->ops[at].arg[0]].flags |= VALUE_FUSED;
	find_virtual(c);
	find_last_uses(c);
	return list_uses(c);
}

void allocate_reset(Compile *c)
{
	c->free = ALL_GPRS | ALL_XMMS;
	c->pinned = c->temporary = 0;
	memset(c->slots, 0, sizeof(c->slots));
	c->x->n_label = 0;
	c->rax_frame_at = -2;
	c->frame_slot = -1;
	for (int r = 0; r < REGISTERS; r++)
		c->holder[r] = HOLDS_NOTHING;
	for (uint32_t i = 0; i < c->ir->n_ops; i++) {
		Live *v = &c->values[i];

		v->slot = -1;
		v->reg = v->hint = NO_REG;
		v->next = v->use;
	}
}

/* ---- Spill slots ----------------------------------------------------------------------------- */

Mem spill_address(int slot)
{
	return at_reg(RSP, SPILL_OFFSET + slot * 8);
}

int new_slot(Compile *c)
{
	for (int w = 0; w < (int)(sizeof(c->slots) / sizeof(*c->slots)); w++) {
		int slot;

		if (!~c->slots[w])
			continue;
		slot = w * 64 + __builtin_ctzll(~c->slots[w]);
		if (slot >= MAX_SPILLS)
			break;
		c->slots[w] |= UINT64_C(1) << slot % 64;
		if ((uint32_t)slot >= c->x->n_spills)
			c->x->n_spills = (uint32_t)slot + 1;
		return slot;
	}
	c->full = true;
	return 0;
}

static void free_slot(Compile *c, int slot)
{
	c->slots[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

/* ---- Registers ------------------------------------------------------------------------------- */

uint32_t class_of(const Compile *c, IrRef ref)
{
	return ir_type(c->ir, ref) == 'f' ? ALL_XMMS : ALL_GPRS;
}

static void drop_register(Compile *c, int reg)
{
	IrRef ref = c->holder[reg];

	if (ref >= 0)
		c->values[ref].reg = NO_REG;
	c->holder[reg] = HOLDS_NOTHING;
	c->free |= bit(reg);
}

void bind(Compile *c, IrRef ref, int reg)
{
	c->holder[reg] = ref;
	c->values[ref].reg = (int8_t)reg;
	c->free &= ~bit(reg);
	c->taken |= bit(reg);
}

void release(Compile *c, IrRef ref)
{
	Live *v = &c->values[ref];

	if (v->reg != NO_REG)
		drop_register(c, v->reg);
	if (v->slot >= 0)
		free_slot(c, v->slot);
	v->slot = -1;
}

static void write_slot(Compile *c, IrRef ref)
{
	Live *v = &c->values[ref];

	if (v->slot >= 0)
		return;
	v->slot = (int16_t)new_slot(c);
	emit_store(&c->code, spill_address(v->slot), v->reg);
}

/* When it is needed in a register next, this operation not counted. */
static int32_t next_use(Compile *c, IrRef ref)
{
	Live *v = &c->values[ref];
	int32_t label = c->ir->label;

	while (v->next < v->use + v->uses && c->uses[v->next] <= c->at)
		v->next++;
	if (v->next < v->use + v->uses)
		return c->uses[v->next];
	if (v->last < (int32_t)c->ir->n_ops || c->at <= label)
		return FAR;
	for (uint32_t i = v->use; i < v->use + v->uses; i++)
		if (c->uses[i] > label)
			return (int32_t)c->ir->n_ops + c->uses[i] - label;
	return FAR;
}

/* Of the registers in mask, none of which is free, the one whose value is needed last. */
static int choose_victim(Compile *c, uint32_t mask)
{
	int victim = NO_REG;
	int64_t best = -1;

	for (int r = 0; r < REGISTERS; r++) {
		int64_t score;

		if (!(mask & bit(r)) || c->pinned & bit(r) || c->holder[r] < 0)
			continue;
		score = (int64_t)next_use(c, c->holder[r]) * 2 +
			(c->values[c->holder[r]].slot >= 0);
		if (score > best) {
			best = score;
			victim = r;
		}
	}
	return victim;
}

/* A free register of mask; one is emptied if need be. Pinned from here on. */
static int take(Compile *c, uint32_t mask)
{
	uint32_t free = c->free & mask & ~c->pinned;
	int r;

	if (free) {
		r = __builtin_ctz(free);
	} else {
		r = choose_victim(c, mask);
		if (r == NO_REG) { /* cannot be: no operation has so many operands */
			c->failed = true;
			return mask & ALL_XMMS ? XMM0 : RCX;
		}
		write_slot(c, c->holder[r]);
		drop_register(c, r);
	}
	c->pinned |= bit(r);
	c->taken |= bit(r);
	return r;
}

static bool lives_over_call(const Compile *c, IrRef ref)
{
	int32_t from = c->at + 1, call;

	if (from >= (int32_t)c->ir->n_ops)
		return false;
	call = c->next_call[from];
	return call >= 0 && call < c->values[ref].last;
}

/* Rather not those that an operation of this list empties for itself. */
static uint32_t quiet(const Compile *c, uint32_t good)
{
	return good & ~c->busy ? good & ~c->busy : good;
}

/* The best register for a value from here on. */
static int take_for(Compile *c, IrRef ref)
{
	uint32_t mask = class_of(c, ref), free = c->free & mask & ~c->pinned, good;
	int8_t hint = c->values[ref].hint;

	if (hint != NO_REG && free & bit(hint))
		good = bit(hint);
	else if (lives_over_call(c, ref))
		good = free & CALLEE_SAVED;
	else
		good = quiet(c, free & ~CALLEE_SAVED);
	return take(c, good ? good : mask);
}

int temporary(Compile *c, uint32_t mask)
{
	int r = take(c, mask);

	c->temporary |= bit(r);
	c->holder[r] = HOLDS_TEMPORARY;
	c->free &= ~bit(r);
	return r;
}

static void load_constant(Compile *c, IrRef ref, int reg)
{
	uint64_t bits = (uint64_t)ir_constant(c->ir, ref)->u.i;

	if (reg < XMM0)
		emit_mov_imm(&c->code, reg, bits);
	else if (!bits)
		emit_rr(&c->code, X_XORPS, reg, reg);
	else
		emit_load(&c->code, reg, emit_constant(&c->code, bits));
}

int need(Compile *c, IrRef ref)
{
	Live *v;
	int r;

	if (ref < 0) {
		r = temporary(c, class_of(c, ref));
		load_constant(c, ref, r);
		return r;
	}
	v = &c->values[ref];
	if (v->reg == NO_REG) {
		r = take_for(c, ref);
		emit_load(&c->code, r, spill_address(v->slot));
		bind(c, ref, r);
	}
	c->pinned |= bit(v->reg);
	return v->reg;
}

bool in_register(const Compile *c, IrRef ref)
{
	return ref >= 0 && c->values[ref].reg != NO_REG;
}

Mem memory_of(Compile *c, IrRef ref)
{
	if (ref < 0)
		return emit_constant(&c->code, (uint64_t)ir_constant(c->ir, ref)->u.i);
	return spill_address(c->values[ref].slot);
}

bool dies_here(const Compile *c, IrRef ref)
{
	return ref >= 0 && c->values[ref].last <= c->at;
}

void free_operands(Compile *c)
{
	IrRef refs[UINT8_MAX + 1];
	unsigned n = operands_of(c, c->at, refs);

	for (unsigned i = 0; i < n; i++) {
		const Live *v = &c->values[refs[i]];

		if (v->last > c->at)
			continue;
		if (v->reg != NO_REG)
			c->pinned &= ~bit(v->reg);
		release(c, refs[i]);
	}
}

int result(Compile *c)
{
	int r = take_for(c, c->at);

	bind(c, c->at, r);
	return r;
}

/* Another register is where the result is wanted at the end of the turn. */
static bool is_wanted_elsewhere(const Compile *c, int r)
{
	int8_t hint = c->values[c->at].hint;

	return hint != NO_REG && hint != r && c->free & class_of(c, c->at) & ~c->pinned & bit(hint);
}

int result_from(Compile *c, IrRef ref)
{
	int r;

	if (ref >= 0 && dies_here(c, ref) && c->values[ref].reg != NO_REG &&
	    !is_wanted_elsewhere(c, c->values[ref].reg)) {
		r = c->values[ref].reg;
		drop_register(c, r);
		bind(c, c->at, r);
		c->pinned |= bit(r);
		return r;
	}
	if (ref < 0) {
		r = result(c);
		load_constant(c, ref, r);
		return r;
	}
	if (c->values[ref].reg != NO_REG) {
		int from = c->values[ref].reg;

		c->pinned |= bit(from);
		r = result(c);
		emit_move(&c->code, r, from);
	} else {
		r = result(c);
		emit_load(&c->code, r, spill_address(c->values[ref].slot));
	}
	return r;
}

/* ---- Around an operation -----------------------------------------------------------------------
 */

void allocate_begin(Compile *c, IrRef at)
{
	c->at = at;
	c->pinned = 0;
}

static void release_dead(Compile *c, IrRef ref)
{
	Live *v = &c->values[ref];

	if (v->last <= c->at && (v->reg != NO_REG || v->slot >= 0))
		release(c, ref);
}

void allocate_end(Compile *c)
{
	const Ir *ir = c->ir;
	const IrOp *op = ir_op(ir, c->at);
	IrRef refs[MAX_SNAPSHOT_REFS];
	unsigned n = operands_of(c, c->at, refs);

	for (int r = 0; c->temporary; r++)
		if (c->temporary & bit(r)) {
			drop_register(c, r);
			c->temporary &= ~bit(r);
		}
	c->pinned = 0;
	for (unsigned i = 0; i < n; i++)
		release_dead(c, refs[i]);
	n = op->snapshot >= 0 ? ir_snapshot_refs(ir, op->snapshot, refs) : 0;
	for (unsigned i = 0; i < n; i++)
		if (refs[i] >= 0)
			release_dead(c, refs[i]);
	if (c->values[c->at].last < c->at)
		release_dead(c, c->at);
}

void evict(Compile *c, uint32_t mask)
{
	for (int r = 0; r < REGISTERS; r++) {
		IrRef ref = c->holder[r];
		uint32_t free;

		if (!(mask & bit(r)) || ref < 0)
			continue;
		free = c->free & class_of(c, ref) & ~c->pinned & ~mask;
		if (free) {
			int to = __builtin_ctz(free);

			emit_move(&c->code, to, r);
			drop_register(c, r);
			bind(c, ref, to);
		} else {
			write_slot(c, ref);
			drop_register(c, r);
		}
	}
}

void preserve(Compile *c, bool arguments_too)
{
	for (int r = 0; r < REGISTERS; r++) {
		IrRef ref = c->holder[r];
		uint32_t free = c->free & CALLEE_SAVED & ~c->pinned;

		if (ref < 0 || CALLEE_SAVED & bit(r) || (!arguments_too && dies_here(c, ref)))
			continue;
		if (c->values[ref].slot < 0 && r < XMM0 && free) {
			int to = __builtin_ctz(free);

			emit_move(&c->code, to, r);
			drop_register(c, r);
			bind(c, ref, to);
		} else {
			write_slot(c, ref);
		}
	}
}

void forget_registers(Compile *c)
{
	for (int r = 0; r < REGISTERS; r++)
		if (c->holder[r] >= 0 && !(CALLEE_SAVED & bit(r)))
			drop_register(c, r);
}

Location location_of(const Compile *c, IrRef ref)
{
	const Live *v = &c->values[ref];

	if (v->reg != NO_REG)
		return (Location)v->reg;
	return v->slot >= 0 ? (Location)(LOCATION_SLOT + v->slot) : LOCATION_NONE;
}

/* ---- Parallel moves ---------------------------------------------------------------------------
 */

static void one_move(Compile *c, const Move *m)
{
	Code *code = &c->code;

	if (m->from == LOCATION_NONE) {
		if (m->to < LOCATION_SLOT)
			load_constant(c, m->constant, m->to);
		else
			emit_store_imm(code, spill_address(m->to - LOCATION_SLOT),
				       (uint64_t)ir_constant(c->ir, m->constant)->u.i);
	} else if (m->to < LOCATION_SLOT && m->from < LOCATION_SLOT) {
		emit_move(code, m->to, m->from);
	} else if (m->to < LOCATION_SLOT) {
		emit_load(code, m->to, spill_address(m->from - LOCATION_SLOT));
	} else if (m->from < LOCATION_SLOT) {
		emit_store(code, spill_address(m->to - LOCATION_SLOT), m->from);
	} else {
		emit_load(code, XMM15, spill_address(m->from - LOCATION_SLOT));
		emit_store(code, spill_address(m->to - LOCATION_SLOT), XMM15);
	}
}

static bool is_source(const Move *moves, unsigned n, unsigned except, Location place)
{
	for (unsigned i = 0; i < n; i++)
		if (i != except && moves[i].from == place)
			return true;
	return false;
}

/* Moves whose target nobody reads any more are done; true: there was one. */
static bool some_moves(Compile *c, Move *moves, unsigned *n)
{
	bool progress = false;

	for (unsigned i = 0; i < *n;) {
		if (moves[i].from != LOCATION_NONE && !is_source(moves, *n, i, moves[i].to)) {
			one_move(c, &moves[i]);
			moves[i] = moves[--*n];
			progress = true;
		} else {
			i++;
		}
	}
	return progress;
}

/* Is there one from slot to slot, which needs xmm15? */
static bool moves_slots(const Move *moves, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (moves[i].to >= LOCATION_SLOT && moves[i].from >= LOCATION_SLOT)
			return true;
	return false;
}

/* A value that is in the way of a move goes aside, if it can without changing sides. */
static bool break_cycle(Compile *c, Move *moves, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		Location place = moves[i].to;
		bool is_float = place >= XMM0 && place < LOCATION_SLOT;
		Move aside = {.to = is_float && !moves_slots(moves, n) ? XMM15 : RAX,
			      .from = place};

		if (moves[i].from == LOCATION_NONE)
			continue;
		one_move(c, &aside);
		for (unsigned j = 0; j < n; j++)
			if (moves[j].from == place)
				moves[j].from = aside.to;
		return true;
	}
	return false;
}

void move_all(Compile *c, Move *moves, unsigned n)
{
	unsigned left = 0;

	for (unsigned i = 0; i < n; i++)
		if (moves[i].to != moves[i].from)
			moves[left++] = moves[i];
	while (some_moves(c, moves, &left) || break_cycle(c, moves, left))
		;
	for (unsigned i = 0; i < left; i++)
		one_move(c, &moves[i]);
}

/* ---- Loops
 * --------------------------------------------------------------------------------------- */

static bool is_label_value(const Compile *c, uint32_t at)
{
	const IrOp *op = ir_op(c->ir, (IrRef)at);

	return op->opcode >= IR_ARG_I && op->opcode <= IR_ARG_R && c->values[at].last >= 0;
}

static bool is_used_in_loop(const Compile *c, IrRef ref)
{
	const Live *v = &c->values[ref];

	return v->uses && c->uses[v->use + v->uses - 1] > c->ir->label;
}

/* What the body does not need in a register gives its own up before. */
static void spill_for_loop(Compile *c)
{
	for (int r = 0; r < REGISTERS; r++) {
		IrRef ref = c->holder[r];

		if (ref < 0 || c->values[ref].last <= c->at)
			continue;
		if (c->values[ref].flags & VALUE_SPILL || !is_used_in_loop(c, ref)) {
			write_slot(c, ref);
			drop_register(c, r);
		}
	}
}

/* The value that begins as `ref` takes over its place. */
static bool take_over(Compile *c, IrRef value, IrRef ref)
{
	Live *v, *to = &c->values[value];

	if (ref < 0)
		return false;
	v = &c->values[ref];
	if (v->last > c->at || (v->reg == NO_REG && v->slot < 0))
		return false;
	if (v->reg != NO_REG) {
		int r = v->reg;

		drop_register(c, r);
		bind(c, value, r);
		c->pinned |= bit(r);
	} else {
		to->slot = v->slot;
		v->slot = -1;
	}
	return true;
}

static void copy_value(Compile *c, IrRef value, IrRef ref)
{
	uint32_t mask = class_of(c, value);
	Live *v = &c->values[value];
	Move m = {.constant = ref, .from = ref < 0 ? LOCATION_NONE : location_of(c, ref)};

	if (c->free & mask & ~c->pinned) {
		int r = take_for(c, value);

		bind(c, value, r);
		m.to = (Location)r;
	} else {
		v->slot = (int16_t)new_slot(c);
		m.to = (Location)(LOCATION_SLOT + v->slot);
	}
	one_move(c, &m);
}

/* Sources of copies may have been taken over: where they went then. */
static IrRef taken_by(const Compile *c, const IrRef *args, IrRef ref)
{
	for (uint32_t at = (uint32_t)c->ir->label; at < c->ir->n_ops; at++)
		if (is_label_value(c, at) && args[c->ir->ops[at].descr] == ref)
			return (IrRef)at;
	return ref;
}

static void note_label(Compile *c)
{
	for (uint32_t i = 0; i < c->ir->n_ops; i++) {
		const Live *v = &c->values[i];

		if (v->last > c->at && (v->reg != NO_REG || v->slot >= 0))
			c->x->label[c->x->n_label++] =
				(LabelLocation){.ref = (IrRef)i, .reg = v->reg, .slot = v->slot};
	}
}

void allocate_label(Compile *c, const IrOp *label)
{
	const Ir *ir = c->ir;
	const IrRef *args = ir_args(ir, label);
	uint8_t *taken = calloc(ir->n_ops, 1);

	if (!taken) {
		c->failed = true;
		return;
	}
	c->frame_slot = -1; /* later turns come with another frame in it */
	spill_for_loop(c);
	for (uint32_t at = (uint32_t)c->at; at < ir->n_ops; at++)
		if (is_label_value(c, at))
			taken[at] = take_over(c, (IrRef)at, args[ir->ops[at].descr]);
	for (uint32_t at = (uint32_t)c->at; at < ir->n_ops; at++) {
		IrRef ref;

		if (!is_label_value(c, at) || taken[at])
			continue;
		ref = args[ir->ops[at].descr];
		if (ref >= 0 && location_of(c, ref) == LOCATION_NONE)
			ref = taken_by(c, args, ref);
		copy_value(c, (IrRef)at, ref);
	}
	free(taken);
	for (unsigned i = 0; i < label->nargs; i++)
		if (args[i] >= 0)
			release_dead(c, args[i]);
	note_label(c);
	hint_labels(c);
	count_base_begin(c);
	emit_align(&c->code, 16);
	c->x->label_code = c->code.n;
	emit_slot(c);
}

void add_move(Compile *c, Move *moves, unsigned *n, Location to, IrRef ref)
{
	if (*n == MAX_MOVES)
		c->failed = true;
	else
		moves[(*n)++] = (Move){
			.to = to,
			.from = ref < 0 ? LOCATION_NONE : location_of(c, ref),
			.constant = ref,
		};
}

void allocate_jump(Compile *c, const IrOp *jump)
{
	const Ir *ir = c->ir;
	const IrRef *args = ir_args(ir, jump);
	Move moves[MAX_MOVES];
	unsigned n = 0;

	for (uint32_t i = 0; i < c->x->n_label; i++) {
		const LabelLocation *l = &c->x->label[i];
		const IrOp *op = ir_op(ir, l->ref);

		if (l->ref > ir->label) {
			Location to = l->reg != NO_REG ? (Location)l->reg
						       : (Location)(LOCATION_SLOT + l->slot);

			add_move(c, moves, &n, to, args[op->descr]);
		} else if (l->reg != NO_REG) {
			add_move(c, moves, &n, (Location)l->reg, l->ref);
			if (c->values[l->ref].reg == NO_REG) {
				c->values[l->ref].flags |= VALUE_SPILL;
				c->again = true;
			}
		}
	}
	move_all(c, moves, n);
	count_base_end(c);
	emit_jump_back(&c->code, c->x->label_code);
}
