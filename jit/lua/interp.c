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
#ifndef INTERP_JIT
#define INTERP_JIT 0
#define INTERP_RUN interp_run_plain
#endif

#include "../trace/trace.h"
#include "interp_quick.h"

/* Each instruction by its own handler; what a JIT patched in by the original's. */
#define X(name, sets_a, test) [OP_##name] = &&op_##name,
#define ORDINARY                                                            \
	{                                                                   \
		OPCODES(X)                                                  \
		[OPCODE_COUNT... OP_COLD_JMP] = &&patched,                  \
				 [OP_COLD_JMP + 1 ... 127] = &&op_EXTRAARG, \
	}

void INTERP_RUN(lua_State *L, Frame *frame)
{
	static const void *const labels[MODE_COUNT][128] = {
		[MODE_NORMAL] = ORDINARY,
		[MODE_HOOK] = {[0 ... 127] = &&hook},
		[MODE_SWITCH] = {[0 ... 127] = &&switch_mode},
#if INTERP_JIT
		[MODE_JIT] =
			{
				OPCODES(X)[OP_FORLOOP] = &&hot_for_loop,
				[OP_TFORLOOP] = &&hot_tfor_loop,
				[OP_JMP] = &&hot_jump,
				[OP_JFORLOOP] = &&enter_for_loop,
				[OP_JTFORLOOP] = &&enter_tfor_loop,
				[OP_JJMP] = &&enter_jump,
				[OP_JFUNCTION] = &&enter_function,
				[OP_COLD_FORLOOP] = &&op_FORLOOP,
				[OP_COLD_TFORLOOP] = &&op_TFORLOOP,
				[OP_COLD_JMP] = &&op_JMP,
				[OP_COLD_JMP + 1 ... 127] = &&op_EXTRAARG,
			},
		[MODE_RECORD] = {[0 ... 127] = &&record},
#else
		[MODE_JIT] = {[0 ... 127] = &&go_over},
		[MODE_RECORD] = {[0 ... 127] = &&go_over},
#endif
	};
#undef X
	const void *const *dispatch;
	const Instruction *pc;
	Value *base;
	const Value *k;
	Instruction i;

	/* Operands on the way to shared code. */
	const Value *object, *key, *value;
	Value *func;
	int nresults;

	goto start;
start_of_nested:
	frame = L->frame;
start:
	/* A function begins (or is resumed): L->frame == frame. */
	if (unlikely(!mode_is_quick(L))) {
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

switch_mode:
	interp_update_mode(L);
	dispatch = labels[L->mode];
	goto *dispatch[get_op(i)];
hook:
	if (L->global->jit)
		i = jit_original(L->global->jit, pc - 1);
	/* TFORCALL and TFORLOOP are one instruction to hooks, as in lua5.4. */
	if (get_op(i) != OP_VARARGPREP && get_op(i) != OP_TFORLOOP) {
		debug_trace_instruction(L, pc);
		base = frame_base(frame);
		dispatch = labels[L->mode];
	}
	goto *labels[MODE_NORMAL][get_op(i)];
patched:
	i = jit_original(L->global->jit, pc - 1);
	goto *labels[MODE_NORMAL][get_op(i)];
#if INTERP_JIT
#include "interp_hot.h"
#else
go_over:
	/* The JIT was started while this ran: all that is running is in the frames. */
	frame->u.lua.pc = pc - 1;
	interp_run_jit(L, frame);
	return;
#endif

	/* ---- Loads ------------------------------------------------------------------- */

	OP (MOVE) {
		set_value(RA, RB);
		NEXT;
	}
	OP (LOADI) {
		set_integer(RA, get_sbx(i));
		NEXT;
	}
	OP (LOADF) {
		set_float(RA, (lua_Number)get_sbx(i));
		NEXT;
	}
	OP (LOADK) {
		set_value(RA, k + get_bx(i));
		NEXT;
	}
	OP (LOADKX) {
		set_value(RA, k + get_ax(*pc));
		NEXT_BUT_ONE;
	}
	OP (LOADFALSE) {
		set_boolean(RA, false);
		NEXT;
	}
	OP (LFALSESKIP) {
		set_boolean(RA, false);
		NEXT_BUT_ONE;
	}
	OP (LOADTRUE) {
		set_boolean(RA, true);
		NEXT;
	}
	OP (LOADNIL) {
		Value *v = RA;
		int n = get_b(i);

		do {
			set_nil(v);
			v++;
		} while (n--);
		NEXT;
	}
	OP (GETUPVAL) {
		set_value(RA, UPVALUE(get_b(i))->v);
		NEXT;
	}
	OP (SETUPVAL) {
		Upvalue *uv = UPVALUE(get_b(i));

		value = RA;
		set_value(uv->v, value);
		gc_barrier(L, uv, value);
		NEXT;
	}

	/* ---- Tables ------------------------------------------------------------------ */

	OP (GETTABUP) {
		GET_SHORT(UPVALUE(get_b(i))->v, KC);
	}
	OP (GETFIELD) {
		GET_SHORT(RB, KC);
	}
	OP (GETI) {
		GET_INTEGER(RB, get_c(i));
	}
	OP (GETTABLE) {
		object = RB;
		key = RC;
		if (likely(is_integer(key)))
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
	}
get_short : {
	const Node *n = interp_inherited(L, object, as_string(key));

	if (likely(n))
		FOUND(n->value, n->value_tag);
	PROTECT(vm_index_absent(L, object, key, RA));
	NEXT;
}
	OP (SELF) {
		object = RB;
		key = RKC;
		set_value(RA + 1, object);
		if (likely(is_short_string(key)))
			GET_SHORT(object, key);
		PROTECT(vm_index(L, object, key, RA));
		NEXT;
	}
	OP (SETTABUP) {
		SET_SHORT(UPVALUE(get_a(i))->v, KB, RKC);
	}
	OP (SETFIELD) {
		SET_SHORT(RA, KB, RKC);
	}
	OP (SETI) {
		SET_INTEGER(RA, get_b(i), RKC);
	}
	OP (SETTABLE) {
		object = RA;
		key = RB;
		value = RKC;
		if (likely(is_integer(key)))
			SET_INTEGER(object, key->u.i, value);
		if (is_short_string(key))
			SET_SHORT(object, key, value);
		PROTECT(vm_set_index(L, object, key, value));
		NEXT;
	}
set_short:
	PROTECT(interp_set_short(L, object, key, value));
	NEXT;

	OP (NEWTABLE) {
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
	OP (SETLIST) {
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

	OP (ADDI) {
		const Value *b = RB;

		if (likely(is_integer(b)))
			DONE_INTEGER(int_add(b->u.i, get_sc(i)));
		if (is_float(b))
			DONE_FLOAT(b->u.n + (lua_Number)get_sc(i));
		NEXT;
	}
	OP (ADDK) {
		ARITHMETIC(RB, KC, int_add, float_add);
	}
	OP (SUBK) {
		ARITHMETIC(RB, KC, int_sub, float_sub);
	}
	OP (MULK) {
		ARITHMETIC(RB, KC, int_mul, float_mul);
	}
	OP (MODK) {
		DIVISION(RB, KC, quick_mod, int_mod, float_mod);
	}
	OP (POWK) {
		FLOATS(RB, KC, float_pow);
	}
	OP (DIVK) {
		FLOATS(RB, KC, float_div);
	}
	OP (IDIVK) {
		DIVISION(RB, KC, quick_idiv, int_idiv, float_idiv);
	}
	OP (BANDK) {
		BITWISE(RB, KC, bit_and);
	}
	OP (BORK) {
		BITWISE(RB, KC, bit_or);
	}
	OP (BXORK) {
		BITWISE(RB, KC, bit_xor);
	}
	OP (SHRI) {
		const Value *b = RB;
		lua_Integer n;

		if (likely(is_integer(b)))
			DONE_INTEGER(shift_right(b->u.i, get_sc(i)));
		if (number_to_integer(b, &n, ROUND_EXACT))
			DONE_INTEGER(shift_right(n, get_sc(i)));
		NEXT;
	}
	OP (SHLI) {
		const Value *b = RB;
		lua_Integer n;

		if (likely(is_integer(b)))
			DONE_INTEGER(shift_left(get_sc(i), b->u.i));
		if (number_to_integer(b, &n, ROUND_EXACT))
			DONE_INTEGER(shift_left(get_sc(i), n));
		NEXT;
	}
	OP (ADD) {
		ARITHMETIC(RB, RC, int_add, float_add);
	}
	OP (SUB) {
		ARITHMETIC(RB, RC, int_sub, float_sub);
	}
	OP (MUL) {
		ARITHMETIC(RB, RC, int_mul, float_mul);
	}
	OP (MOD) {
		DIVISION(RB, RC, quick_mod, int_mod, float_mod);
	}
	OP (POW) {
		FLOATS(RB, RC, float_pow);
	}
	OP (DIV) {
		FLOATS(RB, RC, float_div);
	}
	OP (IDIV) {
		DIVISION(RB, RC, quick_idiv, int_idiv, float_idiv);
	}
	OP (BAND) {
		BITWISE(RB, RC, bit_and);
	}
	OP (BOR) {
		BITWISE(RB, RC, bit_or);
	}
	OP (BXOR) {
		BITWISE(RB, RC, bit_xor);
	}
	OP (SHL) {
		BITWISE(RB, RC, shift_left);
	}
	OP (SHR) {
		BITWISE(RB, RC, shift_right);
	}
	/* The instruction before is the operator that did not apply; its A is the target. */
	OP (MMBIN) {
		PROTECT(meta_binary(L, RA, RB, base + get_a(pc[-2]), META_FROM_BYTECODE(get_c(i))));
		NEXT;
	}
	OP (MMBINI) {
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
	OP (MMBINK) {
		const Value *a = RA, *b = KB;

		if (get_k(i)) {
			b = a;
			a = KB;
		}
		PROTECT(meta_binary(L, a, b, base + get_a(pc[-2]), META_FROM_BYTECODE(get_c(i))));
		NEXT;
	}

	OP (UNM) {
		const Value *b = RB;

		if (is_integer(b))
			set_integer(RA, int_sub(0, b->u.i));
		else if (is_float(b))
			set_float(RA, -b->u.n);
		else
			PROTECT(meta_binary(L, b, b, RA, META_UNM));
		NEXT;
	}
	OP (BNOT) {
		const Value *b = RB;
		lua_Integer n;

		if (number_to_integer(b, &n, ROUND_EXACT))
			set_integer(RA, ~n);
		else
			PROTECT(meta_binary(L, b, b, RA, META_BNOT));
		NEXT;
	}
	OP (NOT) {
		set_boolean(RA, is_falsy(RB));
		NEXT;
	}
	OP (LEN) {
		const Value *b = RB;

		if (is_table(b) && has_no_meta(as_table(b)->metatable, META_LEN))
			set_integer(RA, (lua_Integer)table_border(as_table(b)));
		else if (is_short_string(b))
			set_integer(RA, as_string(b)->short_length);
		else
			PROTECT(vm_length(L, b, RA));
		NEXT;
	}
	OP (CONCAT) {
		Value *ra = RA;
		int n = get_b(i);

		SAVE_PC();
		L->top = ra + n;
		if (unlikely(!vm_concat_plain(L, ra, n))) {
			vm_concat(L, n);
			CHECK_NESTED();
			ra = RA;
		}
		GC_CHECK(ra + 1);
		NEXT;
	}

	/* ---- Blocks, jumps, tests -------------------------------------------------------- */

	OP (CLOSE) {
		PROTECT(block_close(L, RA, CLOSE_NORMAL, true));
		NEXT;
	}
	OP (TBC) {
		PROTECT(tbc_new(L, RA));
		NEXT;
	}
	OP (JMP) {
		pc += get_sj(i);
		CHECK_MODE();
		NEXT;
	}
	OP (EQ) {
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
	OP (LT) {
		ORDER(<, vm_less);
	}
	OP (LE) {
		ORDER(<=, vm_less_equal);
	}
	OP (EQK) {
		const Value *a = RA, *b = KB;

		if (is_short_string(b))
			JUMP_IF(is_short_string(a) && a->u.object == b->u.object);
		JUMP_IF(vm_raw_equal(a, b));
	}
	OP (EQI) {
		const Value *a = RA;

		if (is_integer(a))
			JUMP_IF(a->u.i == get_sb(i));
		if (is_float(a))
			JUMP_IF(a->u.n == (lua_Number)get_sb(i));
		JUMP_IF(false);
	}
	OP (LTI) {
		ORDER_IMMEDIATE(<, vm_less(L, a_, &number_));
	}
	OP (LEI) {
		ORDER_IMMEDIATE(<=, vm_less_equal(L, a_, &number_));
	}
	OP (GTI) {
		ORDER_IMMEDIATE(>, vm_less(L, &number_, a_));
	}
	OP (GEI) {
		ORDER_IMMEDIATE(>=, vm_less_equal(L, &number_, a_));
	}
	OP (TEST) {
		JUMP_IF(!is_falsy(RA));
	}
	OP (TESTSET) {
		const Value *b = RB;

		if (is_falsy(b) == get_k(i)) {
			NEXT_BUT_ONE;
		}
		set_value(RA, b);
		i = *pc;
		pc += get_sj(i) + 1;
		CHECK_MODE();
		NEXT;
	}

	/* ---- Calls -------------------------------------------------------------------------- */

	OP (CALL) {
		func = RA;
		nresults = get_c(i) - 1;
		if (get_b(i))
			L->top = func + get_b(i);
	}
call_function:
	/* func, its arguments up to L->top; nresults */
	SAVE_PC();
	if (likely(is_lua_function(func))) {
		const Proto *p = as_lua_function(func)->proto;
		Frame *f = frame->next;
		Value *top = L->top;
		ptrdiff_t missing;

		if (unlikely(!f || L->stack_last - top <= p->stack_size || !mode_is_quick(L)))
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
#if INTERP_JIT
		COUNT_CALL((Proto *)p);
#endif
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
		if (unlikely(c == luaB_pcall || c == luaB_xpcall))
			goto call_pcall;
		if (unlikely(!f || L->stack_last - L->top <= LUA_MINSTACK || !mode_is_quick(L)))
			goto call_slow;
		f->func = func;
		f->top = L->top + LUA_MINSTACK;
		f->nresults = (int16_t)nresults;
		f->status = FRAME_C;
		L->frame = f;
		n = c(L);
		base = frame_base(frame);
		if (unlikely(!mode_is_quick(L) || f->nresults < LUA_MULTRET)) {
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
call_pcall : {
	Frame *f = call_prepare_pcall(L, func, nresults, func->u.f == luaB_xpcall);

	if (likely(f)) {
		frame = f;
#if INTERP_JIT
		pc = f->u.lua.pc;
		if (likely(mode_is_quick(L)))
			COUNT_CALL(frame_function(f)->proto);
#endif
		goto start;
	}
	base = frame_base(frame);
	dispatch = labels[L->mode];
	NEXT;
}

	OP (TAILCALL) {
		int n = get_b(i), delta = 0;

		func = RA;
		if (get_c(i))
			delta = frame->u.lua.extra_args + get_c(i);
		if (n)
			L->top = func + n;
		else
			n = (int)(L->top - func);
		if ((func->tag == TAG_C_FUNCTION &&
		     (func->u.f == luaB_pcall || func->u.f == luaB_xpcall)) ||
		    (INTERP_JIT && L->mode == MODE_RECORD && is_function(func) &&
		     !is_lua_function(func))) {
			/* The RETURN that follows takes all results. */
			nresults = LUA_MULTRET;
			goto call_function;
		}
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

	OP (RETURN) {
		Value *ra = RA;
		int n = get_b(i) - 1;

		if (n < 0)
			n = (int)(L->top - ra);
		SAVE_PC();
		if (get_k(i)) {
			frame->u2.results = n; /* should closing yield */
			if (L->top < frame->top)
				L->top = frame->top;
			block_close(L, base, CLOSE_NORMAL, true);
			CHECK_NESTED();
			ra = RA;
		}
		if (get_c(i))
			frame->func -= frame->u.lua.extra_args + get_c(i);
		L->top = ra + n;
		call_finish(L, frame, n);
	}
returned:
	if (unlikely(frame->status & (FRAME_FRESH | FRAME_NESTED)))
		goto leave;
	frame = frame->previous;
	goto resume;
leave:
	if (frame->status & FRAME_FRESH)
		return;
	frame = frame->previous;
	if (frame_is_lua(frame))
		interp_finish_instruction(L); /* it was called as a metamethod */
	else
		call_finish_pcall(L, frame);
	frame = L->frame;
	goto start;

	OP (RETURN0) {
		if (unlikely(!mode_is_quick(L))) {
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
	}
	OP (RETURN1) {
		if (unlikely(!mode_is_quick(L))) {
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
	}
return_quick:
	if (unlikely(frame->status & (FRAME_FRESH | FRAME_NESTED)))
		goto leave;
	frame = frame->previous;
	base = frame_base(frame);
	k = frame_function(frame)->proto->constants;
	pc = frame->u.lua.pc;
	NEXT;

	/* ---- Loops ----------------------------------------------------------------------------
	 */

	OP (FORLOOP) {
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
	OP (FORPREP) {
		Value *ra = RA;

		if (likely(is_integer(ra) && is_integer(ra + 1) && is_integer(ra + 2) &&
			   ra[2].u.i == 1)) {
			lua_Integer first = ra[0].u.i, limit = ra[1].u.i;

			if (first > limit) {
				pc += get_bx(i) + 1;
				NEXT;
			}
			ra[1].u.i = int_sub(limit, first);
			set_integer(ra + 3, first);
			NEXT;
		}
		SAVE_PC();
		L->top = frame->top;
		if (vm_for_prepare(L, ra))
			pc += get_bx(i) + 1;
		NEXT;
	}
	OP (TFORPREP) {
		if (unlikely(!is_falsy(RA + 3)))
			PROTECT(tbc_new(L, RA + 3));
		pc += get_bx(i);
		if (unlikely(L->mode == MODE_HOOK)) {
			/* It is one with the TFORCALL that follows. */
			i = *pc++;
			goto op_TFORCALL;
		}
		NEXT;
	}
	OP (TFORCALL) {
		Value *ra = RA;

		nresults = get_c(i);
		if (likely(ra->tag == TAG_C_FUNCTION && is_table(ra + 1) && mode_is_quick(L))) {
			const Table *t = as_table(ra + 1);

			if (ra->u.f == luaB_next) {
				if (likely(interp_next(t, ra)))
					goto iterated;
			} else if (ra->u.f == ipairsaux && is_integer(ra + 2)) {
				lua_Unsigned n = (lua_Unsigned)ra[2].u.i;

				if (n < t->array_size && *array_tag(t, n) != TAG_NIL) {
					set_integer(ra + 4, (lua_Integer)n + 1);
					ra[5].u = *array_payload(t, n);
					ra[5].tag = *array_tag(t, n);
					goto iterated;
				}
			}
		}
		func = ra + 4;
		set_value(func, ra);
		set_value(func + 1, ra + 1);
		set_value(func + 2, ra + 2);
		L->top = func + 3;
		goto call_function;
	}
iterated:
	/* One of our own iterators gave two values. */
	if (unlikely(nresults > 2)) {
		func = RA + 6;
		do {
			set_nil(func);
			func++;
		} while (--nresults > 2);
	}
	i = *pc++;
#if INTERP_JIT
	goto *dispatch[get_op(i)];
#endif
	OP (TFORLOOP) {
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

	OP (CLOSURE) {
		Value *ra = RA;
		LuaFunction *f = as_lua_function(base - 1);

		SAVE_PC();
		L->top = ra + 1;
		lua_function_close_over(L, f->proto->protos[get_bx(i)], f->upvalues, base, ra);
		GC_CHECK(ra + 1);
		NEXT;
	}
	OP (VARARG) {
		PROTECT(interp_get_varargs(L, frame, RA, get_c(i) - 1));
		NEXT;
	}
	OP (VARARGPREP) {
		SAVE_PC();
		interp_adjust_varargs(L, frame);
		if (unlikely(!mode_is_quick(L)))
			call_hook_of_call(L, frame);
		base = frame_base(frame);
		dispatch = labels[L->mode];
		NEXT;
	}
	OP (EXTRAARG) {
		/* Only ever an operand of the instruction before. */
		NEXT;
	}
}
