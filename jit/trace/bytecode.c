/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bytecode.c - instructions as text, with the operands that luac5.4 -l prints, and
 * what they mean behind a semicolon.
 *
 * Unlike luac5.4, which counts from 1, instructions are numbered from 0, as in
 * snapshots.
 */
#include <ctype.h>

#include "../lua/debug.h"
#include "../lua/meta.h"
#include "../lua/number.h"
#include "../lua/opcodes.h"
#include "listen.h"

/*
 * operands: A, B, C; b, c signed; x Bx, s sBx, j sJ, X Ax; k the flag as a number,
 * K as a letter at the operand before it.
 * notes: b, c, x constant at B, C, Bx; K constant at C if the flag is set; u, U
 * upvalue at A, B; e metamethod at C; + - > jump forward by Bx, back, by sJ; f
 * function Bx.
 */
static const struct {
	const char *name, *operands, *notes;
} formats[OPCODE_COUNT] = {
#define F(name, operands, notes) [OP_##name] = {#name, operands, notes}
	F(MOVE, "AB", ""),	    F(LOADI, "As", ""),	      F(LOADF, "As", ""),
	F(LOADK, "Ax", "x"),	    F(LOADKX, "A", ""),	      F(LOADFALSE, "A", ""),
	F(LFALSESKIP, "A", ""),	    F(LOADTRUE, "A", ""),     F(LOADNIL, "AB", ""),
	F(GETUPVAL, "AB", "U"),	    F(SETUPVAL, "AB", "U"),   F(GETTABUP, "ABC", "Uc"),
	F(GETTABLE, "ABC", ""),	    F(GETI, "ABC", ""),	      F(GETFIELD, "ABC", "c"),
	F(SETTABUP, "ABCK", "ubK"), F(SETTABLE, "ABCK", "K"), F(SETI, "ABCK", "K"),
	F(SETFIELD, "ABCK", "bK"),  F(NEWTABLE, "ABC", ""),   F(SELF, "ABCK", "K"),
	F(ADDI, "ABc", ""),	    F(ADDK, "ABC", "c"),      F(SUBK, "ABC", "c"),
	F(MULK, "ABC", "c"),	    F(MODK, "ABC", "c"),      F(POWK, "ABC", "c"),
	F(DIVK, "ABC", "c"),	    F(IDIVK, "ABC", "c"),     F(BANDK, "ABC", "c"),
	F(BORK, "ABC", "c"),	    F(BXORK, "ABC", "c"),     F(SHRI, "ABc", ""),
	F(SHLI, "ABc", ""),	    F(ADD, "ABC", ""),	      F(SUB, "ABC", ""),
	F(MUL, "ABC", ""),	    F(MOD, "ABC", ""),	      F(POW, "ABC", ""),
	F(DIV, "ABC", ""),	    F(IDIV, "ABC", ""),	      F(BAND, "ABC", ""),
	F(BOR, "ABC", ""),	    F(BXOR, "ABC", ""),	      F(SHL, "ABC", ""),
	F(SHR, "ABC", ""),	    F(MMBIN, "ABC", "e"),     F(MMBINI, "AbCk", "e"),
	F(MMBINK, "ABCk", "eb"),    F(UNM, "AB", ""),	      F(BNOT, "AB", ""),
	F(NOT, "AB", ""),	    F(LEN, "AB", ""),	      F(CONCAT, "AB", ""),
	F(CLOSE, "A", ""),	    F(TBC, "A", ""),	      F(JMP, "j", ">"),
	F(EQ, "ABk", ""),	    F(LT, "ABk", ""),	      F(LE, "ABk", ""),
	F(EQK, "ABk", "b"),	    F(EQI, "Abk", ""),	      F(LTI, "Abk", ""),
	F(LEI, "Abk", ""),	    F(GTI, "Abk", ""),	      F(GEI, "Abk", ""),
	F(TEST, "Ak", ""),	    F(TESTSET, "ABk", ""),    F(CALL, "ABC", ""),
	F(TAILCALL, "ABCK", ""),    F(RETURN, "ABCK", ""),    F(RETURN0, "", ""),
	F(RETURN1, "A", ""),	    F(FORLOOP, "Ax", "-"),    F(FORPREP, "Ax", "+"),
	F(TFORPREP, "Ax", "+"),	    F(TFORCALL, "AC", ""),    F(TFORLOOP, "Ax", "-"),
	F(SETLIST, "ABC", ""),	    F(CLOSURE, "Ax", "f"),    F(VARARG, "AC", ""),
	F(VARARGPREP, "A", ""),	    F(EXTRAARG, "X", ""),
#undef F
};

/* ---- Operands ------------------------------------------------------------------------------- */

static int operand(Instruction i, char letter)
{
	switch (letter) {
	case 'A':
		return get_a(i);
	case 'B':
		return get_b(i);
	case 'C':
		return get_c(i);
	case 'b':
		return get_sb(i);
	case 'c':
		return get_sc(i);
	case 'x':
		return get_bx(i);
	case 's':
		return get_sbx(i);
	case 'j':
		return get_sj(i);
	case 'X':
		return get_ax(i);
	default:
		return get_k(i);
	}
}

static void print_operands(Instruction i, const char *operands, FILE *to)
{
	for (; *operands; operands++) {
		if (*operands != 'K')
			fprintf(to, " %d", operand(i, *operands));
		else if (get_k(i))
			fputc('k', to);
	}
}

/* ---- Notes ------------------------------------------------------------------------------------
 */

#define MAX_SHOWN 40

void bytecode_print_string(const String *s, FILE *to)
{
	size_t length = string_length(s);

	fputc('"', to);
	for (size_t i = 0; i < length && i < MAX_SHOWN; i++) {
		unsigned char c = (unsigned char)s->text[i];

		if (c == '"' || c == '\\')
			fprintf(to, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", to);
		else if (isprint(c))
			fputc(c, to);
		else
			fprintf(to, "\\%03d", c);
	}
	fputs(length > MAX_SHOWN ? "\"..." : "\"", to);
}

static void print_constant(const Proto *p, int n, FILE *to)
{
	const Value *v = n < p->constant_count ? &p->constants[n] : NULL;

	if (!v)
		fputc('?', to);
	else if (is_string(v))
		bytecode_print_string(as_string(v), to);
	else if (v->tag == TAG_INTEGER)
		fprintf(to, LUA_INTEGER_FMT, v->u.i);
	else if (v->tag == TAG_FLOAT)
		fprintf(to, LUA_NUMBER_FMT, v->u.n);
	else
		fputs(v->tag == TAG_NIL ? "nil" : v->tag == TAG_TRUE ? "true" : "false", to);
}

static void print_upvalue(const Proto *p, int n, FILE *to)
{
	if (n < p->upvalue_count && p->upvalues[n].name)
		fputs(p->upvalues[n].name->text, to);
	else
		fputc('-', to);
}

static void print_metamethod(int n, FILE *to)
{
	static const char *const names[] = {
#define X(name, text) text,
		METAMETHODS(X)
#undef X
	};
	unsigned event = META_FROM_BYTECODE(n);

	fputs(event < META_COUNT ? names[event] : "?", to);
}

static void print_function(const Proto *p, int n, FILE *to)
{
	if (n < p->proto_count)
		fprintf(to, "function at line %d", p->protos[n]->line_defined);
	else
		fputc('?', to);
}

static void print_note(const Proto *p, int at, Instruction i, char note, FILE *to)
{
	switch (note) {
	case 'b':
		print_constant(p, get_b(i), to);
		break;
	case 'c':
	case 'K':
		print_constant(p, get_c(i), to);
		break;
	case 'x':
		print_constant(p, get_bx(i), to);
		break;
	case 'u':
		print_upvalue(p, get_a(i), to);
		break;
	case 'U':
		print_upvalue(p, get_b(i), to);
		break;
	case 'e':
		print_metamethod(get_c(i), to);
		break;
	case '>':
		fprintf(to, "to %d", at + 1 + get_sj(i));
		break;
	case '+':
		fprintf(to, "to %d", at + 1 + get_bx(i) + (get_op(i) == OP_FORPREP));
		break;
	case '-':
		fprintf(to, "to %d", at + 1 - get_bx(i));
		break;
	default:
		print_function(p, get_bx(i), to);
	}
}

void bytecode_print(const Jit *jit, const Proto *p, const Instruction *pc, FILE *to)
{
	Instruction i = jit_original(jit, pc);
	int at = (int)(pc - p->code);
	const char *separator = " ; ";

	fprintf(to, "%04d [%d] %s", at, proto_line(p, at), formats[get_op(i)].name);
	print_operands(i, formats[get_op(i)].operands, to);
	for (const char *note = formats[get_op(i)].notes; *note; note++) {
		if (*note == 'K' && !get_k(i))
			continue;
		fputs(separator, to);
		print_note(p, at, i, *note, to);
		separator = " ";
	}
	fputc('\n', to);
}
