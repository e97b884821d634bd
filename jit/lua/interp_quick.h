/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp_quick.h - the quick ways of instructions, as macros for the handlers of
 * interp_run() (interp.c), whose variables and labels they use. A macro that ends
 * an instruction says so by what it does last: NEXT, or a jump to shared code.
 */
#ifndef JITLUA_INTERP_QUICK_H
#define JITLUA_INTERP_QUICK_H

#include "interp.h"

/* ---- Operands ------------------------------------------------------------------------ */

/* Register numbers are taken out of the instruction in bytes, 16 a register. */
#define AT(values, offset) ((Value *)((char *)(values) + ((offset)&0xff0)))
#define RA AT(base, i >> 3)
#define RB AT(base, i >> 12)
#define RC AT(base, i >> 20)
#define KB AT(k, i >> 12)
#define KC AT(k, i >> 20)
#define RKC AT(get_k(i) ? k : base, i >> 20)
#define UPVALUE(n) (as_lua_function(base - 1)->upvalues[n])

/* A handler: `OP(NAME) {`. */
#define OP(name) op_##name:

/* ---- Control ---------------------------------------------------------------------------- */

#define NEXT                               \
	do {                               \
		i = pc[0];                 \
		pc += 1;                   \
		goto *dispatch[get_op(i)]; \
	} while (0)

/* The same over one instruction. */
#define NEXT_BUT_ONE                       \
	do {                               \
		i = pc[1];                 \
		pc += 2;                   \
		goto *dispatch[get_op(i)]; \
	} while (0)

/*
 * What the compiler knew of *p is forgotten: a rare way loads tags again, so that
 * the common one may compare them in memory.
 */
#define FORGET(p) __asm__("" : "+r"(p))

#define SAVE_PC() (frame->u.lua.pc = pc)

/* A hook may have been set or removed. Volatile: so that the test is one instruction. */
#define CHECK_MODE()                                                      \
	do {                                                              \
		if (unlikely(!mode_is_quick(L)))                     \
			dispatch = labels[*(volatile uint8_t *)&L->mode]; \
	} while (0)

/* A Lua function may have been called, in which to go on (meta_call_function()). */
#define CHECK_NESTED()                           \
	do {                                     \
		if (unlikely(L->frame != frame)) \
			goto start_of_nested;    \
		base = frame_base(frame);        \
		dispatch = labels[L->mode];      \
	} while (0)

#define PROTECT(action)              \
	do {                         \
		SAVE_PC();           \
		L->top = frame->top; \
		action;              \
		CHECK_NESTED();      \
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

/*
 * Takes the jump that follows a test, or skips it. With a JIT one that goes back, or
 * is patched, is an instruction of its own, for it may be hot.
 */
#define JUMP_IF(condition)                                                \
	do {                                                              \
		if ((condition) != get_k(i)) {                            \
			NEXT_BUT_ONE;                                     \
		}                                                         \
		i = *pc;                                                  \
		if (INTERP_JIT && unlikely(get_op(i) != OP_JMP || get_sj(i) < 0)) \
			NEXT;                                             \
		pc += get_sj(i) + 1;                                      \
		CHECK_MODE();                  \
		NEXT;                          \
	} while (0)

/* ---- Arithmetic ---------------------------------------------------------------------------- */

/* On success the MMBIN instruction that follows is skipped. */
#define DONE_INTEGER(value)             \
	do {                            \
		set_integer(RA, value); \
		NEXT_BUT_ONE;           \
	} while (0)

#define DONE_FLOAT(value)             \
	do {                          \
		set_float(RA, value); \
		NEXT_BUT_ONE;         \
	} while (0)

/* Both kinds of numbers; two floats, which are most, without a jump. */
#define FLOATS(b_operand, c_operand, float_op)                                    \
	do {                                                                      \
		const Value *x_ = (b_operand), *y_ = (c_operand);                 \
		lua_Number m_, n_;                                                \
		if (likely(is_float(x_) && is_float(y_)))                         \
			DONE_FLOAT(float_op(x_->u.n, y_->u.n));                   \
		FORGET(x_);                                                       \
		FORGET(y_);                                                       \
		if (likely(number_as_float(x_, &m_) && number_as_float(y_, &n_))) \
			DONE_FLOAT(float_op(m_, n_));                             \
		NEXT;                                                             \
	} while (0)

#define ARITHMETIC(b_operand, c_operand, int_op, float_op)        \
	do {                                                      \
		const Value *b_ = (b_operand), *c_ = (c_operand); \
		if (likely(is_integer(b_) && is_integer(c_)))     \
			DONE_INTEGER(int_op(b_->u.i, c_->u.i));   \
		FORGET(b_);                                       \
		FORGET(c_);                                       \
		FLOATS(b_, c_, float_op);                         \
	} while (0)

/* The integer operator may raise an error: division by zero. */
#define DIVISION(b_operand, c_operand, int_op, slow_int_op, float_op) \
	do {                                                          \
		const Value *b_ = (b_operand), *c_ = (c_operand);     \
		if (likely(is_integer(b_) && is_integer(c_))) {       \
			lua_Integer m_ = b_->u.i, n_ = c_->u.i;       \
			if (unlikely((lua_Unsigned)n_ + 1u <= 1u)) {  \
				SAVE_PC();                            \
				L->top = frame->top;                  \
				DONE_INTEGER(slow_int_op(L, m_, n_)); \
			}                                             \
			DONE_INTEGER(int_op(m_, n_));                 \
		}                                                     \
		FORGET(b_);                                           \
		FORGET(c_);                                           \
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
#define GET_INTEGER(object_operand, integer)                                      \
	do {                                                                      \
		const Value *o_ = (object_operand);                               \
		lua_Integer i_ = (integer);                                       \
		if (likely(is_table(o_))) {                                       \
			const Table *t_ = as_table(o_);                           \
			Slot s_;                                                  \
			if (likely((lua_Unsigned)i_ - 1 < t_->array_size)) {      \
				uint8_t tag_ = *array_tag(t_, i_ - 1);            \
				if (likely(tag_ != TAG_NIL))                      \
					FOUND(((Payload *)t_->array)[-i_], tag_); \
			} else {                                                  \
				s_ = table_find_integer_hash(t_, i_);             \
				if (!slot_is_nil(s_))                             \
					FOUND(*s_.payload, *s_.tag);              \
			}                                                         \
			if (!t_->metatable) {                                     \
				set_nil(RA);                                      \
				NEXT;                                             \
			}                                                         \
		}                                                                 \
		PROTECT(interp_get_integer(L, o_, i_, RA));                       \
		NEXT;                                                             \
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
					((Payload *)t_->array)[-i_] = v_->u;      \
					*tag_ = v_->tag;                          \
					gc_barrier_back(L, t_, v_);               \
					NEXT;                                     \
				}                                                 \
			}                                                         \
		}                                                                 \
		PROTECT(interp_set_integer(L, o_, i_, v_));                       \
		NEXT;                                                             \
	} while (0)

#endif
