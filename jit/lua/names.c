/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names.c - what the program calls the value in a register.
 *
 * A register that holds a named local variable is that. For a temporary, the
 * code up to the instruction in question is read for the last instruction that
 * certainly wrote the register, and that one's operands name the value: a field,
 * a method, a constant. "Certainly": code that a forward jump may have skipped
 * tells nothing.
 */
#include "debug.h"
#include "function.h"
#include "opcodes.h"

/* Does instruction i write register reg? */
static bool writes_register(Instruction i, int reg)
{
	static const uint8_t sets_a[OPCODE_COUNT] = {
#define X(name, sets, test) [OP_##name] = sets,
		OPCODES(X)
#undef X
	};
	int a = get_a(i);

	switch (get_op(i)) {
	case OP_LOADNIL:
		return a <= reg && reg <= a + get_b(i);
	case OP_TFORCALL:
		return reg >= a + 2;
	case OP_CALL:
	case OP_TAILCALL:
		return reg >= a; /* and all above are the callee's */
	default:
		return sets_a[get_op(i)] && reg == a;
	}
}

static bool calls_metamethod(Instruction i)
{
	return get_op(i) == OP_MMBIN || get_op(i) == OP_MMBINI || get_op(i) == OP_MMBINK;
}

/* The instruction before `pc` that wrote reg; -1 if that depends on a jump. */
static int find_writer(lua_State *L, const Proto *p, int pc, int reg)
{
	int writer = -1;
	int conditional_until = 0;

	/* It follows the operator that did not apply, which so wrote nothing. */
	if (calls_metamethod(debug_instruction(L, &p->code[pc])))
		pc--;
	for (int at = 0; at < pc; at++) {
		Instruction i = debug_instruction(L, &p->code[at]);

		if (get_op(i) == OP_JMP) {
			int target = at + 1 + get_sj(i);

			if (target <= pc && target > conditional_until)
				conditional_until = target;
		} else if (writes_register(i, reg)) {
			writer = at < conditional_until ? -1 : at;
		}
	}
	return writer;
}

static const char *upvalue_name(const Proto *p, int n)
{
	return p->upvalues[n].name ? p->upvalues[n].name->text : "?";
}

static const char *constant_name(const Proto *p, int n)
{
	return is_string(&p->constants[n]) ? as_string(&p->constants[n])->text : "?";
}

/* The name that a key in a register gives: only a constant's text is one. */
static const char *key_name(lua_State *L, const Proto *p, int pc, int reg)
{
	const char *name;
	const char *kind = name_of_register(L, p, pc, reg, &name);

	return kind && strcmp(kind, "constant") == 0 ? name : "?";
}

/* A field of what is called _ENV is a global variable. */
static const char *field_kind(const char *table)
{
	return table && strcmp(table, "_ENV") == 0 ? "global" : "field";
}

static const char *field_kind_of_register(lua_State *L, const Proto *p, int pc, int reg)
{
	const char *table;

	return field_kind(name_of_register(L, p, pc, reg, &table) ? table : NULL);
}

/* What the instruction at `pc` put into its register A. */
static const char *name_of_written(lua_State *L, const Proto *p, int pc, const char **name)
{
	Instruction i = debug_instruction(L, &p->code[pc]);

	switch (get_op(i)) {
	case OP_MOVE:
		return get_b(i) < get_a(i) ? name_of_register(L, p, pc, get_b(i), name) : NULL;
	case OP_GETTABUP:
		*name = constant_name(p, get_c(i));
		return field_kind(upvalue_name(p, get_b(i)));
	case OP_GETTABLE:
		*name = key_name(L, p, pc, get_c(i));
		return field_kind_of_register(L, p, pc, get_b(i));
	case OP_GETI:
		*name = "integer index";
		return "field";
	case OP_GETFIELD:
		*name = constant_name(p, get_c(i));
		return field_kind_of_register(L, p, pc, get_b(i));
	case OP_GETUPVAL:
		*name = upvalue_name(p, get_b(i));
		return "upvalue";
	case OP_LOADK:
	case OP_LOADKX: {
		int n = get_op(i) == OP_LOADK ? get_bx(i)
					      : get_ax(debug_instruction(L, &p->code[pc + 1]));

		if (!is_string(&p->constants[n]))
			return NULL;
		*name = as_string(&p->constants[n])->text;
		return "constant";
	}
	case OP_SELF:
		*name = get_k(i) ? constant_name(p, get_c(i)) : key_name(L, p, pc, get_c(i));
		return "method";
	default:
		return NULL;
	}
}

const char *name_of_register(lua_State *L, const Proto *p, int pc, int reg, const char **name)
{
	int writer;

	*name = proto_local_name(p, reg + 1, pc);
	if (*name)
		return "local";
	writer = find_writer(L, p, pc, reg);
	return writer >= 0 ? name_of_written(L, p, writer, name) : NULL;
}

/* The metamethod that an instruction may call; META_COUNT: none. */
static enum meta metamethod_of(Instruction i)
{
	switch (get_op(i)) {
	case OP_SELF:
	case OP_GETTABUP:
	case OP_GETTABLE:
	case OP_GETI:
	case OP_GETFIELD:
		return META_INDEX;
	case OP_SETTABUP:
	case OP_SETTABLE:
	case OP_SETI:
	case OP_SETFIELD:
		return META_NEWINDEX;
	case OP_MMBIN:
	case OP_MMBINI:
	case OP_MMBINK:
		return META_FROM_BYTECODE(get_c(i));
	case OP_UNM:
		return META_UNM;
	case OP_BNOT:
		return META_BNOT;
	case OP_LEN:
		return META_LEN;
	case OP_CONCAT:
		return META_CONCAT;
	case OP_EQ:
		return META_EQ;
	case OP_LT:
	case OP_LTI:
	case OP_GTI:
		return META_LT;
	case OP_LE:
	case OP_LEI:
	case OP_GEI:
		return META_LE;
	case OP_CLOSE:
	case OP_RETURN:
		return META_CLOSE;
	default:
		return META_COUNT;
	}
}

const char *name_of_called(lua_State *L, Frame *f, const char **name)
{
	const Proto *p;
	enum meta event;
	Instruction i;
	int pc;

	if (f->status & FRAME_HOOKED) {
		*name = "?";
		return "hook";
	}
	if (f->status & FRAME_FINALIZER) {
		*name = "__gc";
		return "metamethod";
	}
	if (!frame_is_lua(f))
		return NULL;
	p = frame_function(f)->proto;
	pc = frame_pc(f);
	i = debug_instruction(L, &p->code[pc]);
	switch (get_op(i)) {
	case OP_CALL:
	case OP_TAILCALL:
		return name_of_register(L, p, pc, get_a(i), name);
	case OP_TFORCALL:
		*name = "for iterator";
		return "for iterator";
	default:
		event = metamethod_of(i);
		if (event == META_COUNT)
			return NULL;
		*name = L->global->meta_names[event]->text + 2;
		return "metamethod";
	}
}
