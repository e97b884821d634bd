/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp.c - the interpreter of Lua 5.4's bytecode.
 *
 * Direct threaded: each handler ends with its own fetch and jump through a table
 * of handlers, so that the processor predicts each instruction's successor for
 * itself. The table is chosen by L->mode: in MODE_HOOK every instruction first
 * goes through the hook code, so that without hooks nothing is paid for them. A
 * recorder of traces is one more table. The mode is read again wherever it can
 * have changed in a way that matters: at backward jumps, calls, returns and
 * after everything that may run other code.
 *
 * State of a running function, in registers: pc, base (its register 0, behind
 * its function), k (constants), frame, dispatch. Calls between Lua functions do
 * not recurse in C: they change these and go on. A frame with FRAME_FRESH is
 * where interp_run() was entered; its return leaves it.
 *
 * frame->u.lua.pc is only right after SAVE_PC(), which comes before anything
 * that can raise an error, run Lua code, or look at the frame (names in
 * messages); so for calls, too. Before anything that can collect garbage or run
 * Lua code L->top must lie above all live registers: PROTECT() does both and
 * reads base again, since the stack may have moved.
 *
 * Handlers have the quick way of an operation inline. What is rare is in
 * interp_slow.c, and what takes metamethods in vm_*.c. An arithmetic instruction
 * is followed by one of the MMBIN family, which is skipped when the quick way
 * applied and calls the metamethod otherwise.
 */
#include "interp.h"

/* ---- Operands ------------------------------------------------------------------------ */

#define RA (base + get_a(i))
#define RB (base + get_b(i))
#define RC (base + get_c(i))
#define KB (k + get_b(i))
#define KC (k + get_c(i))
#define RKC ((get_k(i) ? k : base) + get_c(i))
#define UPVALUE(n) (as_lua_function(base - 1)->upvalues[n])

/* ---- Control ---------------------------------------------------------------------------- */

#define NEXT                               \
	do {                               \
		i = *pc++;                 \
		goto *dispatch[get_op(i)]; \
	} while (0)

#define SAVE_PC() (frame->u.lua.pc = pc)

/* A hook may have been set or removed. */
#define CHECK_MODE()                                  \
	do {                                          \
		if (unlikely(L->mode != MODE_NORMAL)) \
			dispatch = labels[L->mode];   \
	} while (0)

#define PROTECT(action)                     \
	do {                                \
		SAVE_PC();                  \
		L->top = frame->top;        \
		action;                     \
		base = frame_base(frame);   \
		dispatch = labels[L->mode]; \
	} while (0)

/* At a safe point: all registers from `end` on are dead. */
#define GC_CHECK(end)                               \
	do {                                        \
		if (gc_is_due(L->global)) {         \
			SAVE_PC();                  \
			L->top = (end);             \
			gc_step(L);                 \
			base = frame_base(frame);   \
			dispatch = labels[L->mode]; \
		}                                   \
	} while (0)

/* Takes the jump that follows a test, or skips it. */
#define JUMP_IF(condition)                     \
	do {                                   \
		if ((condition) != get_k(i)) { \
			pc++;                  \
			NEXT;                  \
		}                              \
		i = *pc;                       \
		pc += get_sj(i) + 1;           \
		CHECK_MODE();                  \
		NEXT;                          \
	} while (0)

/* ---- Arithmetic ---------------------------------------------------------------------------- */

/* On success the MMBIN instruction that follows is skipped. */
#define DONE_INTEGER(value)             \
	do {                            \
		set_integer(RA, value); \
		pc++;                   \
		NEXT;                   \
	} while (0)

#define DONE_FLOAT(value)             \
	do {                          \
		set_float(RA, value); \
		pc++;                 \
		NEXT;                 \
	} while (0)

#define FLOATS(a, b, float_op)                                          \
	do {                                                            \
		lua_Number x_, y_;                                      \
		if (number_as_float(a, &x_) && number_as_float(b, &y_)) \
			DONE_FLOAT(float_op(x_, y_));                   \
		NEXT;                                                   \
	} while (0)

#define ARITHMETIC(b_operand, c_operand, int_op, float_op)        \
	do {                                                      \
		const Value *b_ = (b_operand), *c_ = (c_operand); \
		if (is_integer(b_) && is_integer(c_))             \
			DONE_INTEGER(int_op(b_->u.i, c_->u.i));   \
		FLOATS(b_, c_, float_op);                         \
	} while (0)

/* The integer operator may raise an error: division by zero. */
#define DIVISION(b_operand, c_operand, int_op, slow_int_op, float_op) \
	do {                                                          \
		const Value *b_ = (b_operand), *c_ = (c_operand);     \
		if (is_integer(b_) && is_integer(c_)) {               \
			lua_Integer m_ = b_->u.i, n_ = c_->u.i;       \
			if (unlikely((lua_Unsigned)n_ + 1u <= 1u)) {  \
				SAVE_PC();                            \
				L->top = frame->top;                  \
				DONE_INTEGER(slow_int_op(L, m_, n_)); \
			}                                             \
			DONE_INTEGER(int_op(m_, n_));                 \
		}                                                     \
		FLOATS(b_, c_, float_op);                             \
	} while (0)

#define BITWISE(b_operand, c_operand, int_op)                     \
	do {                                                      \
		const Value *b_ = (b_operand), *c_ = (c_operand); \
		lua_Integer m_, n_;                               \
		if (likely(is_integer(b_) && is_integer(c_)))     \
			DONE_INTEGER(int_op(b_->u.i, c_->u.i));   \
		if (number_to_integer(b_, &m_, ROUND_EXACT) &&    \
		    number_to_integer(c_, &n_, ROUND_EXACT))      \
			DONE_INTEGER(int_op(m_, n_));             \
		NEXT;                                             \
	} while (0)

#define float_add(a, b) ((a) + (b))
#define float_sub(a, b) ((a) - (b))
#define float_mul(a, b) ((a) * (b))
#define float_div(a, b) ((a) / (b))
#define float_idiv(a, b) floor((a) / (b))
#define bit_and(a, b) ((lua_Integer)((lua_Unsigned)(a) & (lua_Unsigned)(b)))
#define bit_or(a, b) ((lua_Integer)((lua_Unsigned)(a) | (lua_Unsigned)(b)))
#define bit_xor(a, b) ((lua_Integer)((lua_Unsigned)(a) ^ (lua_Unsigned)(b)))

/* n is neither 0 nor -1. Divisions of small numbers are quicker in 32 bits. */
static inline lua_Integer quick_mod(lua_Integer m, lua_Integer n)
{
	lua_Integer r;

	if (likely(!(((lua_Unsigned)m | (lua_Unsigned)n) >> 32)))
		return (lua_Integer)((uint32_t)m % (uint32_t)n);
	r = m % n;
	return r != 0 && (r ^ n) < 0 ? r + n : r;
}

static inline lua_Integer quick_idiv(lua_Integer m, lua_Integer n)
{
	lua_Integer q;

	if (likely(!(((lua_Unsigned)m | (lua_Unsigned)n) >> 32)))
		return (lua_Integer)((uint32_t)m / (uint32_t)n);
	q = m / n;
	return (m ^ n) < 0 && q * n != m ? q - 1 : q;
}

static inline lua_Integer shift_left(lua_Integer a, lua_Integer n)
{
	if (n >= 0)
		return n < 64 ? (lua_Integer)((lua_Unsigned)a << n) : 0;
	return n > -64 ? (lua_Integer)((lua_Unsigned)a >> -n) : 0;
}

static inline lua_Integer shift_right(lua_Integer a, lua_Integer n)
{
	if (n >= 0)
		return n < 64 ? (lua_Integer)((lua_Unsigned)a >> n) : 0;
	return n > -64 ? (lua_Integer)((lua_Unsigned)a << -n) : 0;
}

/* ---- Comparisons ------------------------------------------------------------------------------
 */

#define ORDER(operator, slow)                              \
	do {                                               \
		const Value *a_ = RA, *b_ = RB;            \
		bool result_;                              \
		if (is_integer(a_) && is_integer(b_))      \
			JUMP_IF(a_->u.i operator b_->u.i); \
		if (is_float(a_) && is_float(b_))          \
			JUMP_IF(a_->u.n operator b_->u.n); \
		PROTECT(result_ = slow(L, a_, b_));        \
		JUMP_IF(result_);                          \
	} while (0)

/* With a small number; `slow` has the operands in the order of the operator. */
#define ORDER_IMMEDIATE(operator, slow)                           \
	do {                                                      \
		const Value *a_ = RA;                             \
		int b_ = get_sb(i);                               \
		Value number_;                                    \
		bool result_;                                     \
		if (likely(is_integer(a_)))                       \
			JUMP_IF(a_->u.i operator b_);             \
		if (is_float(a_))                                 \
			JUMP_IF(a_->u.n operator(lua_Number) b_); \
		set_immediate(&number_, i);                       \
		PROTECT(result_ = slow);                          \
		JUMP_IF(result_);                                 \
	} while (0)

/* The small operand of a comparison as it was written: operand C says if as a float. */
static inline void set_immediate(Value *v, Instruction i)
{
	if (get_c(i))
		set_float(v, (lua_Number)get_sb(i));
	else
		set_integer(v, get_sb(i));
}

/* ---- Tables ---------------------------------------------------------------------------------- */

#define FOUND(payload, found_tag)             \
	do {                                  \
		Value *to_ = RA;              \
		uint8_t found_ = (found_tag); \
		to_->u = (payload);           \
		to_->tag = found_;            \
		NEXT;                         \
	} while (0)

/* R[A] = object[key], key being a short string. */
#define GET_SHORT(object_operand, key_operand)                              \
	do {                                                                \
		object = (object_operand);                                  \
		key = (key_operand);                                        \
		if (likely(is_table(object))) {                             \
			const Table *t_ = as_table(object);                 \
			const Node *n_ = node_of_short(t_, as_string(key)); \
			if (likely(n_ && n_->value_tag != TAG_NIL))         \
				FOUND(n_->value, n_->value_tag);            \
			if (!t_->metatable) {                               \
				set_nil(RA);                                \
				NEXT;                                       \
			}                                                   \
		}                                                           \
		goto get_short;                                             \
	} while (0)

/* R[A] = object[integer] */
#define GET_INTEGER(object_operand, integer)                                     \
	do {                                                                     \
		const Value *o_ = (object_operand);                              \
		lua_Integer i_ = (integer);                                      \
		if (likely(is_table(o_))) {                                      \
			const Table *t_ = as_table(o_);                          \
			Slot s_;                                                 \
			if (likely((lua_Unsigned)i_ - 1 < t_->array_size)) {     \
				uint8_t tag_ = *array_tag(t_, i_ - 1);           \
				if (likely(tag_ != TAG_NIL))                     \
					FOUND(*array_payload(t_, i_ - 1), tag_); \
			} else {                                                 \
				s_ = table_find_integer_hash(t_, i_);            \
				if (!slot_is_nil(s_))                            \
					FOUND(*s_.payload, *s_.tag);             \
			}                                                        \
			if (!t_->metatable) {                                    \
				set_nil(RA);                                     \
				NEXT;                                            \
			}                                                        \
		}                                                                \
		PROTECT(interp_get_integer(L, o_, i_, RA));                      \
		NEXT;                                                            \
	} while (0)

#define SET_SHORT(object_operand, key_operand, value_operand)         \
	do {                                                          \
		object = (object_operand);                            \
		key = (key_operand);                                  \
		value = (value_operand);                              \
		if (likely(is_table(object))) {                       \
			Table *t_ = as_table(object);                 \
			Node *n_ = node_of_short(t_, as_string(key)); \
			if (likely(n_ && n_->value_tag != TAG_NIL)) { \
				n_->value = value->u;                 \
				n_->value_tag = value->tag;           \
				gc_barrier_back(L, t_, value);        \
				NEXT;                                 \
			}                                             \
		}                                                     \
		goto set_short;                                       \
	} while (0)

#define SET_INTEGER(object_operand, integer, value_operand)                       \
	do {                                                                      \
		const Value *o_ = (object_operand), *v_ = (value_operand);        \
		lua_Integer i_ = (integer);                                       \
		if (likely(is_table(o_))) {                                       \
			Table *t_ = as_table(o_);                                 \
			if (likely((lua_Unsigned)i_ - 1 < t_->array_size)) {      \
				uint8_t *tag_ = array_tag(t_, i_ - 1);            \
				if (likely(*tag_ != TAG_NIL || !t_->metatable)) { \
					*array_payload(t_, i_ - 1) = v_->u;       \
					*tag_ = v_->tag;                          \
					gc_barrier_back(L, t_, v_);               \
					NEXT;                                     \
				}                                                 \
			}                                                         \
		}                                                                 \
		PROTECT(interp_set_integer(L, o_, i_, v_));                       \
		NEXT;                                                             \
	} while (0)

/* ---- The interpreter --------------------------------------------------------------------------
 */

void interp_run(lua_State *L, Frame *frame)
{
	static const void *const labels[MODE_COUNT][128] = {
		[MODE_NORMAL] =
			{
#define X(name, sets_a, test) [OP_##name] = &&op_##name,
				OPCODES(X)
#undef X
					[OPCODE_COUNT... 127] = &&op_EXTRAARG,
			},
		[MODE_HOOK] = {[0 ... 127] = &&hook},
	};
	const void *const *dispatch;
	const Instruction *pc;
	Value *base;
	const Value *k;
	Instruction i;

	/* Operands on the way to shared code. */
	const Value *object, *key, *value;
	Value *func;
	int nresults;

start:
	/* A function begins (or is resumed): L->frame == frame. */
	if (unlikely(L->mode != MODE_NORMAL)) {
		const Proto *p = frame_function(frame)->proto;

		/* A vararg function's call hook waits for OP_VARARGPREP. */
		if (frame->u.lua.pc == p->code && !p->is_vararg &&
		    !(frame->status & FRAME_HOOK_YIELD))
			call_hook_of_call(L, frame);
	}
resume:
	base = frame_base(frame);
	k = frame_function(frame)->proto->constants;
	pc = frame->u.lua.pc;
	dispatch = labels[L->mode];
	NEXT;

hook:
	if (get_op(i) != OP_VARARGPREP) {
		debug_trace_instruction(L, pc);
		base = frame_base(frame);
		dispatch = labels[L->mode];
	}
	goto *labels[MODE_NORMAL][get_op(i)];

	/* ---- Loads ------------------------------------------------------------------- */

op_MOVE:
	set_value(RA, RB);
	NEXT;
op_LOADI:
	set_integer(RA, get_sbx(i));
	NEXT;
op_LOADF:
	set_float(RA, (lua_Number)get_sbx(i));
	NEXT;
op_LOADK:
	set_value(RA, k + get_bx(i));
	NEXT;
op_LOADKX:
	set_value(RA, k + get_ax(*pc));
	pc++;
	NEXT;
op_LOADFALSE:
	set_boolean(RA, false);
	NEXT;
op_LFALSESKIP:
	set_boolean(RA, false);
	pc++;
	NEXT;
op_LOADTRUE:
	set_boolean(RA, true);
	NEXT;
op_LOADNIL : {
	Value *v = RA;
	int n = get_b(i);

	do {
		set_nil(v);
		v++;
	} while (n--);
	NEXT;
}
op_GETUPVAL:
	set_value(RA, UPVALUE(get_b(i))->v);
	NEXT;
op_SETUPVAL : {
	Upvalue *uv = UPVALUE(get_b(i));

	value = RA;
	set_value(uv->v, value);
	gc_barrier(L, uv, value);
	NEXT;
}

	/* ---- Tables ------------------------------------------------------------------ */

op_GETTABUP:
	GET_SHORT(UPVALUE(get_b(i))->v, KC);
op_GETFIELD:
	GET_SHORT(RB, KC);
op_GETI:
	GET_INTEGER(RB, get_c(i));
op_GETTABLE:
	object = RB;
	key = RC;
	if (is_integer(key))
		GET_INTEGER(object, key->u.i);
	if (is_short_string(key))
		GET_SHORT(object, key);
	if (is_table(object)) {
		Slot s = table_find(as_table(object), key);

		if (!slot_is_nil(s))
			FOUND(*s.payload, *s.tag);
	}
	PROTECT(vm_index(L, object, key, RA));
	NEXT;
get_short : {
	const Node *n = interp_inherited(L, object, as_string(key));

	if (likely(n))
		FOUND(n->value, n->value_tag);
	PROTECT(vm_index(L, object, key, RA));
	NEXT;
}
op_SELF:
	object = RB;
	key = RKC;
	set_value(RA + 1, object);
	if (likely(is_short_string(key)))
		GET_SHORT(object, key);
	PROTECT(vm_index(L, object, key, RA));
	NEXT;

op_SETTABUP:
	SET_SHORT(UPVALUE(get_a(i))->v, KB, RKC);
op_SETFIELD:
	SET_SHORT(RA, KB, RKC);
op_SETI:
	SET_INTEGER(RA, get_b(i), RKC);
op_SETTABLE:
	object = RA;
	key = RB;
	value = RKC;
	if (is_integer(key))
		SET_INTEGER(object, key->u.i, value);
	if (is_short_string(key))
		SET_SHORT(object, key, value);
	PROTECT(vm_set_index(L, object, key, value));
	NEXT;
set_short:
	PROTECT(interp_set_short(L, object, key, value));
	NEXT;

op_NEWTABLE : {
	Value *ra = RA;
	int b = get_b(i);
	unsigned array = (unsigned)get_c(i), hash = b ? 1u << (b - 1) : 0;
	Table *t;

	if (get_k(i))
		array += (unsigned)get_ax(*pc) << 8;
	pc++;
	SAVE_PC();
	L->top = ra + 1;
	t = table_new(L);
	set_object(ra, t);
	if (array | hash)
		table_resize(L, t, array, hash);
	GC_CHECK(ra + 1);
	NEXT;
}
op_SETLIST : {
	Value *ra = RA;
	int n = get_b(i);
	unsigned last = (unsigned)get_c(i);

	if (get_k(i)) {
		last += (unsigned)get_ax(*pc) << 8;
		pc++;
	}
	if (n == 0)
		n = (int)(L->top - ra) - 1;
	else
		L->top = frame->top;
	SAVE_PC();
	interp_set_list(L, as_table(ra), ra + 1, n, last + (unsigned)n);
	NEXT;
}

	/* ---- Arithmetic ---------------------------------------------------------------- */

op_ADDI : {
	const Value *b = RB;

	if (likely(is_integer(b)))
		DONE_INTEGER(int_add(b->u.i, get_sc(i)));
	if (is_float(b))
		DONE_FLOAT(b->u.n + (lua_Number)get_sc(i));
	NEXT;
}
op_ADDK:
	ARITHMETIC(RB, KC, int_add, float_add);
op_SUBK:
	ARITHMETIC(RB, KC, int_sub, float_sub);
op_MULK:
	ARITHMETIC(RB, KC, int_mul, float_mul);
op_MODK:
	DIVISION(RB, KC, quick_mod, int_mod, float_mod);
op_POWK:
	FLOATS(RB, KC, float_pow);
op_DIVK:
	FLOATS(RB, KC, float_div);
op_IDIVK:
	DIVISION(RB, KC, quick_idiv, int_idiv, float_idiv);
op_BANDK:
	BITWISE(RB, KC, bit_and);
op_BORK:
	BITWISE(RB, KC, bit_or);
op_BXORK:
	BITWISE(RB, KC, bit_xor);
op_SHRI : {
	const Value *b = RB;
	lua_Integer n;

	if (likely(is_integer(b)))
		DONE_INTEGER(shift_right(b->u.i, get_sc(i)));
	if (number_to_integer(b, &n, ROUND_EXACT))
		DONE_INTEGER(shift_right(n, get_sc(i)));
	NEXT;
}
op_SHLI : {
	const Value *b = RB;
	lua_Integer n;

	if (likely(is_integer(b)))
		DONE_INTEGER(shift_left(get_sc(i), b->u.i));
	if (number_to_integer(b, &n, ROUND_EXACT))
		DONE_INTEGER(shift_left(get_sc(i), n));
	NEXT;
}
op_ADD:
	ARITHMETIC(RB, RC, int_add, float_add);
op_SUB:
	ARITHMETIC(RB, RC, int_sub, float_sub);
op_MUL:
	ARITHMETIC(RB, RC, int_mul, float_mul);
op_MOD:
	DIVISION(RB, RC, quick_mod, int_mod, float_mod);
op_POW:
	FLOATS(RB, RC, float_pow);
op_DIV:
	FLOATS(RB, RC, float_div);
op_IDIV:
	DIVISION(RB, RC, quick_idiv, int_idiv, float_idiv);
op_BAND:
	BITWISE(RB, RC, bit_and);
op_BOR:
	BITWISE(RB, RC, bit_or);
op_BXOR:
	BITWISE(RB, RC, bit_xor);
op_SHL:
	BITWISE(RB, RC, shift_left);
op_SHR:
	BITWISE(RB, RC, shift_right);

	/* The instruction before is the operator that did not apply; its A is the target. */
op_MMBIN:
	PROTECT(meta_binary(L, RA, RB, base + get_a(pc[-2]), META_FROM_BYTECODE(get_c(i))));
	NEXT;
op_MMBINI : {
	const Value *a = RA, *b;
	Value number;

	set_integer(&number, get_sb(i));
	b = &number;
	if (get_k(i)) {
		b = a;
		a = &number;
	}
	PROTECT(meta_binary(L, a, b, base + get_a(pc[-2]), META_FROM_BYTECODE(get_c(i))));
	NEXT;
}
op_MMBINK : {
	const Value *a = RA, *b = KB;

	if (get_k(i)) {
		b = a;
		a = KB;
	}
	PROTECT(meta_binary(L, a, b, base + get_a(pc[-2]), META_FROM_BYTECODE(get_c(i))));
	NEXT;
}

op_UNM : {
	const Value *b = RB;

	if (is_integer(b))
		set_integer(RA, int_sub(0, b->u.i));
	else if (is_float(b))
		set_float(RA, -b->u.n);
	else
		PROTECT(meta_binary(L, b, b, RA, META_UNM));
	NEXT;
}
op_BNOT : {
	const Value *b = RB;
	lua_Integer n;

	if (number_to_integer(b, &n, ROUND_EXACT))
		set_integer(RA, ~n);
	else
		PROTECT(meta_binary(L, b, b, RA, META_BNOT));
	NEXT;
}
op_NOT:
	set_boolean(RA, is_falsy(RB));
	NEXT;
op_LEN : {
	const Value *b = RB;

	if (is_table(b) && has_no_meta(as_table(b)->metatable, META_LEN))
		set_integer(RA, (lua_Integer)table_border(as_table(b)));
	else if (is_short_string(b))
		set_integer(RA, as_string(b)->short_length);
	else
		PROTECT(vm_length(L, b, RA));
	NEXT;
}
op_CONCAT : {
	Value *ra = RA;
	int n = get_b(i);

	SAVE_PC();
	L->top = ra + n;
	if (unlikely(!vm_concat_plain(L, ra, n))) {
		vm_concat(L, n);
		base = frame_base(frame);
		dispatch = labels[L->mode];
		ra = RA;
	}
	GC_CHECK(ra + 1);
	NEXT;
}

	/* ---- Blocks, jumps, tests -------------------------------------------------------- */

op_CLOSE:
	PROTECT(block_close(L, RA, CLOSE_NORMAL, true));
	NEXT;
op_TBC:
	PROTECT(tbc_new(L, RA));
	NEXT;
op_JMP:
	pc += get_sj(i);
	CHECK_MODE();
	NEXT;

op_EQ : {
	const Value *a = RA, *b = RB;
	bool result;

	if (a->tag == b->tag) {
		switch (a->tag) {
		case TAG_INTEGER:
		case TAG_SHORT_STRING:
			JUMP_IF(a->u.i == b->u.i);
		case TAG_FLOAT:
			JUMP_IF(a->u.n == b->u.n);
		case TAG_NIL:
		case TAG_FALSE:
		case TAG_TRUE:
			JUMP_IF(true);
		default:
			break;
		}
	}
	PROTECT(result = vm_equal(L, a, b));
	JUMP_IF(result);
}
op_LT:
	ORDER(<, vm_less);
op_LE:
	ORDER(<=, vm_less_equal);
op_EQK : {
	const Value *a = RA, *b = KB;

	if (is_short_string(b))
		JUMP_IF(is_short_string(a) && a->u.object == b->u.object);
	JUMP_IF(vm_raw_equal(a, b));
}
op_EQI : {
	const Value *a = RA;

	if (is_integer(a))
		JUMP_IF(a->u.i == get_sb(i));
	if (is_float(a))
		JUMP_IF(a->u.n == (lua_Number)get_sb(i));
	JUMP_IF(false);
}
op_LTI:
	ORDER_IMMEDIATE(<, vm_less(L, a_, &number_));
op_LEI:
	ORDER_IMMEDIATE(<=, vm_less_equal(L, a_, &number_));
op_GTI:
	ORDER_IMMEDIATE(>, vm_less(L, &number_, a_));
op_GEI:
	ORDER_IMMEDIATE(>=, vm_less_equal(L, &number_, a_));
op_TEST:
	JUMP_IF(!is_falsy(RA));
op_TESTSET : {
	const Value *b = RB;

	if (is_falsy(b) == get_k(i)) {
		pc++;
		NEXT;
	}
	set_value(RA, b);
	i = *pc;
	pc += get_sj(i) + 1;
	CHECK_MODE();
	NEXT;
}

	/* ---- Calls -------------------------------------------------------------------------- */

op_CALL:
	func = RA;
	nresults = get_c(i) - 1;
	if (get_b(i))
		L->top = func + get_b(i);
call_function:
	/* func, its arguments up to L->top; nresults */
	SAVE_PC();
	if (likely(is_lua_function(func))) {
		const Proto *p = as_lua_function(func)->proto;
		Frame *f = frame->next;
		Value *top = L->top;
		ptrdiff_t missing;

		if (unlikely(!f || L->stack_last - top <= p->stack_size || L->mode != MODE_NORMAL))
			goto call_slow;
		f->func = func;
		f->top = func + 1 + p->stack_size;
		f->nresults = (int16_t)nresults;
		f->status = 0;
		base = func + 1;
		missing = p->parameters - (top - base);
		if (unlikely(missing > 0)) {
			do {
				set_nil(top);
				top++;
			} while (--missing);
			L->top = top;
		}
		L->frame = frame = f;
		k = p->constants;
		pc = p->code;
		NEXT;
	} else {
		lua_CFunction c;
		Frame *f = frame->next;
		const Value *from;
		int n;

		if (func->tag == TAG_C_FUNCTION)
			c = func->u.f;
		else if (func->tag == TAG_C_CLOSURE)
			c = as_c_closure(func)->f;
		else
			goto call_slow;
		if (unlikely(!f || L->stack_last - L->top <= LUA_MINSTACK ||
			     L->mode != MODE_NORMAL))
			goto call_slow;
		f->func = func;
		f->top = L->top + LUA_MINSTACK;
		f->nresults = (int16_t)nresults;
		f->status = FRAME_C;
		L->frame = f;
		n = c(L);
		base = frame_base(frame);
		if (unlikely(L->mode != MODE_NORMAL || f->nresults < LUA_MULTRET)) {
			call_finish(L, f, n);
			base = frame_base(frame);
			dispatch = labels[L->mode];
			NEXT;
		}
		L->frame = frame;
		func = f->func;
		from = L->top - n;
		nresults = f->nresults;
		if (nresults == 1) {
			if (unlikely(!n))
				set_nil(func);
			else
				set_value(func, from);
			NEXT;
		}
		if (nresults < 0)
			L->top = func + n;
		else
			n = n < nresults ? n : nresults;
		nresults -= n;
		for (; n > 0; n--, func++, from++)
			set_value(func, from);
		for (; nresults > 0; nresults--, func++)
			set_nil(func);
		NEXT;
	}
call_slow : {
	Frame *f = call_prepare(L, func, nresults);

	if (f) {
		frame = f;
		goto start;
	}
	base = frame_base(frame);
	dispatch = labels[L->mode];
	NEXT;
}

op_TAILCALL : {
	int n = get_b(i), delta = 0;

	func = RA;
	if (get_c(i))
		delta = frame->u.lua.extra_args + get_c(i);
	if (n)
		L->top = func + n;
	else
		n = (int)(L->top - func);
	SAVE_PC();
	if (get_k(i))
		upvalues_close(L, base);
	n = call_prepare_tail(L, frame, func, n, delta);
	if (n < 0)
		goto start;
	frame->func -= delta;
	call_finish(L, frame, n);
	goto returned;
}

op_RETURN : {
	Value *ra = RA;
	int n = get_b(i) - 1;

	if (n < 0)
		n = (int)(L->top - ra);
	SAVE_PC();
	if (get_k(i)) {
		frame->u2.results = n; /* should closing yield */
		if (L->top < frame->top)
			L->top = frame->top;
		base = block_close(L, base, CLOSE_NORMAL, true);
		ra = RA;
	}
	if (get_c(i))
		frame->func -= frame->u.lua.extra_args + get_c(i);
	L->top = ra + n;
	call_finish(L, frame, n);
}
returned:
	if (frame->status & FRAME_FRESH)
		return;
	frame = frame->previous;
	goto resume;

op_RETURN0:
	if (unlikely(L->mode != MODE_NORMAL)) {
		SAVE_PC();
		L->top = RA;
		call_finish(L, frame, 0);
		goto returned;
	}
	nresults = frame->nresults;
	func = base - 1;
	L->frame = frame->previous;
	if (nresults > 0) {
		do {
			set_nil(func);
			func++;
		} while (--nresults);
	}
	L->top = func;
	goto return_quick;
op_RETURN1:
	if (unlikely(L->mode != MODE_NORMAL)) {
		SAVE_PC();
		L->top = RA + 1;
		call_finish(L, frame, 1);
		goto returned;
	}
	nresults = frame->nresults;
	func = base - 1;
	L->frame = frame->previous;
	if (likely(nresults)) {
		set_value(func, RA);
		func++;
		while (unlikely(--nresults > 0)) {
			set_nil(func);
			func++;
		}
	}
	L->top = func;
return_quick:
	if (frame->status & FRAME_FRESH)
		return;
	frame = frame->previous;
	base = frame_base(frame);
	k = frame_function(frame)->proto->constants;
	pc = frame->u.lua.pc;
	NEXT;

	/* ---- Loops ----------------------------------------------------------------------------
	 */

op_FORLOOP : {
	Value *ra = RA;

	if (likely(is_integer(ra + 2))) {
		lua_Unsigned count = (lua_Unsigned)ra[1].u.i;

		if (likely(count > 0)) {
			lua_Integer index = int_add(ra[0].u.i, ra[2].u.i);

			ra[1].u.i = (lua_Integer)(count - 1);
			ra[0].u.i = index;
			set_integer(ra + 3, index);
			pc -= get_bx(i);
			CHECK_MODE();
		}
	} else {
		lua_Number index = ra[0].u.n + ra[2].u.n;

		if (ra[2].u.n > 0 ? index <= ra[1].u.n : ra[1].u.n <= index) {
			ra[0].u.n = index;
			set_float(ra + 3, index);
			pc -= get_bx(i);
			CHECK_MODE();
		}
	}
	NEXT;
}
op_FORPREP:
	SAVE_PC();
	L->top = frame->top;
	if (vm_for_prepare(L, RA))
		pc += get_bx(i) + 1;
	NEXT;
op_TFORPREP:
	if (unlikely(!is_falsy(RA + 3)))
		PROTECT(tbc_new(L, RA + 3));
	pc += get_bx(i);
	NEXT;
op_TFORCALL:
	func = RA + 4;
	set_value(func, func - 4);
	set_value(func + 1, func - 3);
	set_value(func + 2, func - 2);
	L->top = func + 3;
	nresults = get_c(i);
	goto call_function;
op_TFORLOOP : {
	Value *ra = RA;

	if (!is_nil(ra + 4)) {
		set_value(ra + 2, ra + 4);
		pc -= get_bx(i);
		CHECK_MODE();
	}
	NEXT;
}

	/* ---- Functions --------------------------------------------------------------------------
	 */

op_CLOSURE : {
	Value *ra = RA;
	LuaFunction *f = as_lua_function(base - 1);

	SAVE_PC();
	L->top = ra + 1;
	lua_function_close_over(L, f->proto->protos[get_bx(i)], f->upvalues, base, ra);
	GC_CHECK(ra + 1);
	NEXT;
}
op_VARARG:
	PROTECT(interp_get_varargs(L, frame, RA, get_c(i) - 1));
	NEXT;
op_VARARGPREP:
	SAVE_PC();
	interp_adjust_varargs(L, frame);
	if (unlikely(L->mode != MODE_NORMAL))
		call_hook_of_call(L, frame);
	base = frame_base(frame);
	dispatch = labels[L->mode];
	NEXT;
op_EXTRAARG:
	/* Only ever an operand of the instruction before. */
	NEXT;
}
