/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp_hot.h - the part of interp_run() that only an interpreter with a JIT has:
 * backward jumps that are counted, instructions that enter traces, recording.
 * Included in the middle of that function.
 */

/* A loop goes on at pc; `at` is the instruction that jumped there. */
#define COUNT_DOWN(at)                                                          \
	do {                                                                    \
		uint16_t *counter_ = jit_counter_of(L->global->hot, at);        \
		if (unlikely(--*counter_ == 0)) {                               \
			SAVE_PC();                                              \
			L->top = frame->top;                                    \
			jit_hot(L, frame, pc, (Instruction *)(at), TRACE_LOOP); \
			base = frame_base(frame); /* a hook may have run */     \
			dispatch = labels[L->mode];                             \
		}                                                               \
		CHECK_MODE();                                                   \
		NEXT;                                                           \
	} while (0)

/* The trace may end in another frame, or not run at all. */
#define ENTER_TRACE(number)           \
	do {                          \
		SAVE_PC();            \
		L->top = frame->top;  \
		jit_enter(L, number); \
		frame = L->frame;     \
		goto resume;          \
	} while (0)

/* What FORLOOP does; `taken` is what happens when the loop goes on. */
#define FOR_LOOP(bx, taken)                                                              \
	do {                                                                             \
		Value *ra = RA;                                                          \
		if (likely(is_integer(ra + 2))) {                                        \
			lua_Unsigned count_ = (lua_Unsigned)ra[1].u.i;                   \
			if (likely(count_ > 0)) {                                        \
				lua_Integer index_ = int_add(ra[0].u.i, ra[2].u.i);      \
				ra[1].u.i = (lua_Integer)(count_ - 1);                   \
				ra[0].u.i = index_;                                      \
				set_integer(ra + 3, index_);                             \
				pc -= (bx);                                              \
				taken;                                                   \
			}                                                                \
		} else {                                                                 \
			lua_Number index_ = ra[0].u.n + ra[2].u.n;                       \
			if (ra[2].u.n > 0 ? index_ <= ra[1].u.n : ra[1].u.n <= index_) { \
				ra[0].u.n = index_;                                      \
				set_float(ra + 3, index_);                               \
				pc -= (bx);                                              \
				taken;                                                   \
			}                                                                \
		}                                                                        \
		NEXT;                                                                    \
	} while (0)

#define TFOR_LOOP(bx, taken)                       \
	do {                                       \
		Value *ra = RA;                    \
		if (!is_nil(ra + 4)) {             \
			set_value(ra + 2, ra + 4); \
			pc -= (bx);                \
			taken;                     \
		}                                  \
		NEXT;                              \
	} while (0)

/* A function begins; hot ones are traced. Protos count for themselves. */
#define COUNT_CALL(p)                               \
	do {                                        \
		if (unlikely(!(p)->heat--)) {       \
			SAVE_PC();                  \
			jit_hot_function(L, frame); \
			base = frame_base(frame);   \
			dispatch = labels[L->mode]; \
		}                                   \
	} while (0)

hot_for_loop:
{
	const Instruction *at = pc - 1;

	FOR_LOOP(get_bx(i), COUNT_DOWN(at));
}
hot_tfor_loop:
{
	const Instruction *at = pc - 1;

	TFOR_LOOP(get_bx(i), COUNT_DOWN(at));
}
hot_jump:
{
	const Instruction *at = pc - 1;

	pc += get_sj(i);
	if (pc <= at)
		COUNT_DOWN(at);
	CHECK_MODE();
	NEXT;
}
enter_for_loop:
{
	uint32_t number = (uint32_t)get_bx(i);

	FOR_LOOP(get_bx(jit_original(L->global->jit, pc - 1)), ENTER_TRACE(number));
}
enter_tfor_loop:
{
	uint32_t number = (uint32_t)get_bx(i);

	TFOR_LOOP(get_bx(jit_original(L->global->jit, pc - 1)), ENTER_TRACE(number));
}
enter_jump:
{
	uint32_t number = (uint32_t)get_ax(i);

	pc += get_sj(jit_original(L->global->jit, pc - 1));
	ENTER_TRACE(number);
}
/*
 * A trace stands in for the function from here on. It may leave at once: what pc then
 * stands at is done by its own handler, or it would be entered again and again.
 */
enter_function:
{
	uint32_t number = (uint32_t)get_bx(i);

	frame->u.lua.pc = pc - 1;
	L->top = frame->top;
	jit_enter(L, number);
	frame = L->frame;
	base = frame_base(frame);
	k = frame_function(frame)->proto->constants;
	pc = frame->u.lua.pc;
	dispatch = labels[L->mode];
	i = *pc++;
	if (get_op(i) == OP_JFUNCTION) {
		i = jit_original(L->global->jit, pc - 1);
		goto *dispatch[get_op(i)];
	}
	goto *dispatch[get_op(i)];
}
record : if (L->mode == MODE_RECORD)
{
	record_instruction(L, frame, pc);
	base = frame_base(frame);
}
dispatch = labels[L->mode];
i = jit_original(L->global->jit, pc - 1);
goto *labels[MODE_NORMAL][get_op(i)];
