/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c - lists of operations as text, printed and parsed.
 *
 *	i3 = getslot_i(descr=3)
 *	guard_true(i4, descr=...) is written as   guard_true(i4) [@9 0:i3 2:f4 5:nil]
 *	i5 = int_add(i3, 1)            r1:table, r2:short_string: the Lua tag of a result
 *	label(i5, f4)
 *	jump(i6, f7)
 *
 * An operation is called by its type and place. Constants: 12, 0x1.8p+1 (floats are
 * hexadecimal, so that they come back bit for bit), "TAG&ADDRESS" for objects and
 * &ADDRESS for other pointers. descr: a field's or helper's name, else a number.
 * Behind a guard stands its snapshot: @INSTRUCTION, then slot:value, with frames as
 * {func_slot @INSTRUCTION results}, and ^SLOT where L->top is not the frame's; <N SLOT
 * when N frames were left for one whose register 0 is that slot. A shape (of `virtual`)
 * is {ARRAY HASH BORDER KEY:TAG ...}. A
 * parsed list has no proto, so there @N becomes a pointer of N instructions from
 * null, which is only good for printing again.
 *
 * What a tool prints and a test expects is the same text, so nothing here depends
 * on addresses of code.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "helpers.h"
#include "ir.h"

static const char *const tag_names[] = {
	[TAG_NIL] = "nil",
	[TAG_FALSE] = "false",
	[TAG_TRUE] = "true",
	[TAG_LIGHTUSERDATA] = "lightuserdata",
	[TAG_INTEGER] = "integer",
	[TAG_FLOAT] = "float",
	[TAG_SHORT_STRING] = "short_string",
	[TAG_LONG_STRING] = "long_string",
	[TAG_TABLE] = "table",
	[TAG_LUA_FUNCTION] = "lua_function",
	[TAG_C_FUNCTION] = "c_function",
	[TAG_C_CLOSURE] = "c_closure",
	[TAG_USERDATA] = "userdata",
	[TAG_THREAD] = "thread",
	[TAG_UPVALUE] = "upvalue",
	[TAG_PROTO] = "proto",
};

#define N_TAGS (sizeof(tag_names) / sizeof(tag_names[0]))

static const char *const field_names[IR_FIELD_COUNT] = {
#define X(name, text, object, member, type) [IR_FIELD_##name] = text,
	IR_FIELDS(X)
#undef X
};

static const char *const helper_names[HELPER_COUNT] = {
#define X(name, function, type, args, effects) [HELPER_##name] = #function,
	IR_HELPERS(X)
#undef X
};

/* What kind of number descr is. */
enum descr { DESCR_NUMBER, DESCR_FIELD, DESCR_HELPER, DESCR_TAG, DESCR_SHAPE };

static enum descr descr_kind(enum ir_opcode opcode)
{
	switch (opcode) {
	case IR_GETFIELD_I:
	case IR_GETFIELD_R:
		return DESCR_FIELD;
	case IR_SETVALUE:
	case IR_SETARRAYITEM:
	case IR_SETNODE:
		return DESCR_TAG;
	case IR_VIRTUAL:
		return DESCR_SHAPE;
	default:
		return ir_info[opcode].flags & IR_CALL ? DESCR_HELPER : DESCR_NUMBER;
	}
}

static const char *tag_name(uint8_t tag)
{
	return tag < N_TAGS && tag_names[tag] ? tag_names[tag] : "?";
}

/* ---- Printing ---------------------------------------------------------------------------- */

static void print_ref(const Ir *ir, IrRef ref, FILE *to)
{
	const IrConstant *c;

	if (ref == IR_NONE) {
		fputs("none", to);
		return;
	}
	if (ref >= 0) {
		fprintf(to, "%c%d", ir->ops[ref].type, ref);
		return;
	}
	c = ir_constant(ir, ref);
	if (c->type == 'i')
		fprintf(to, "%" PRId64, (int64_t)c->u.i);
	else if (c->type == 'f')
		fprintf(to, "%a", c->u.n);
	else
		fprintf(to, "%s&%" PRIxPTR, c->tag == TAG_NIL ? "" : tag_name(c->tag),
			(uintptr_t)c->u.p);
}

static int instruction_number(const Instruction *pc, const Proto *p)
{
	return (int)(p ? pc - p->code : (intptr_t)pc / (intptr_t)sizeof(*pc));
}

static void print_frame(const SnapshotFrame *f, FILE *to)
{
	fprintf(to, " {%d ", f->func_slot);
	if (snapshot_frame_is_pcall(f))
		fputs(f->status & FRAME_HANDLER ? "xpcall" : "pcall", to);
	else
		fprintf(to, "@%d", instruction_number(f->pc, f->proto));
	fprintf(to, " %d}", f->nresults);
}

static void print_snapshot(const Ir *ir, int32_t n, FILE *to)
{
	const Snapshot *s = &ir->snapshots[n];
	const SnapshotEntry *e = ir->snapshot_entries + s->entry;
	const SnapshotFrame *f = ir->snapshot_frames + s->frame;
	const Proto *p;

	/* In a parsed list, which has no proto, instruction 0 is null. */
	p = s->proto ? s->proto : ir->proto;
	fprintf(to, " [@%d", s->pc || !p ? instruction_number(s->pc, p) : -1);
	if (s->below)
		fprintf(to, " <%d %d", s->below, s->base);
	if (top_is_slot(s))
		fprintf(to, " ^%d", s->top);
	for (uint32_t i = 0; i < s->entries; i++) {
		fprintf(to, " %d:", e[i].slot);
		if (e[i].ref == IR_NONE)
			fputs(tag_name(e[i].tag), to);
		else
			print_ref(ir, e[i].ref, to);
	}
	for (uint32_t i = 0; i < s->frames; i++)
		print_frame(&f[i], to);
	fputc(']', to);
}

static void print_shape(const Ir *ir, int32_t n, FILE *to)
{
	const IrShape *s = &ir->shapes[n];

	if ((uint32_t)n >= ir->n_shapes) {
		fputs("?", to);
		return;
	}
	fprintf(to, "{%u %u %u", s->array, s->hash, s->border);
	for (uint32_t i = 0; i < s->keys; i++) {
		fputc(' ', to);
		print_ref(ir, ir->shape_keys[s->key + i].key, to);
		fprintf(to, ":%s", tag_name(ir->shape_keys[s->key + i].tag));
	}
	fputc('}', to);
}

const char *ir_descr_text(const IrOp *op, char number[IR_DESCR_NUMBER])
{
	switch (descr_kind(op->opcode)) {
	case DESCR_FIELD:
		return (uint32_t)op->descr < IR_FIELD_COUNT ? field_names[op->descr] : "?";
	case DESCR_HELPER:
		return (uint32_t)op->descr < HELPER_COUNT ? helper_names[op->descr] : "?";
	case DESCR_TAG:
		return tag_name((uint8_t)op->descr);
	default:
		snprintf(number, IR_DESCR_NUMBER, "%d", op->descr);
		return number;
	}
}

static void print_descr(const Ir *ir, const IrOp *op, FILE *to)
{
	char number[IR_DESCR_NUMBER];

	if (descr_kind(op->opcode) == DESCR_SHAPE)
		print_shape(ir, op->descr, to);
	else
		fputs(ir_descr_text(op, number), to);
}

void ir_print_op(const Ir *ir, IrRef ref, FILE *to)
{
	const IrOp *op = ir_op(ir, ref);
	const IrRef *args = ir_args(ir, op);
	const char *separator = "";

	if (op->type != 'v') {
		fprintf(to, "%c%d", op->type, ref);
		if (op->type == 'r' && op->tag != TAG_NIL)
			fprintf(to, ":%s", tag_name(op->tag));
		fputs(" = ", to);
	}
	fprintf(to, "%s(", ir_info[op->opcode].name);
	for (unsigned i = 0; i < op->nargs; i++) {
		fputs(separator, to);
		print_ref(ir, args[i], to);
		separator = ", ";
	}
	if (op->descr != -1) {
		fprintf(to, "%sdescr=", separator);
		print_descr(ir, op, to);
	}
	fputc(')', to);
	if (op->snapshot >= 0)
		print_snapshot(ir, op->snapshot, to);
	fputc('\n', to);
}

void ir_print(const Ir *ir, FILE *to)
{
	for (uint32_t i = 0; i < ir->n_ops; i++)
		if (ir->ops[i].opcode != IR_NOP)
			ir_print_op(ir, (IrRef)i, to);
}

/* ---- Parsing ------------------------------------------------------------------------------ */

struct parser {
	Ir *ir;
	const char *p;
	int line;
	char *message;
	/* Numbers in the text need not be places: what each name stands for here. */
	IrRef *names;
	uint32_t n_names, size_names;
};

#define MESSAGE_SIZE 160
#define MAX_NAME (1 << 20)

static bool fail(struct parser *ps, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(ps->message, MESSAGE_SIZE, format, arguments);
	va_end(arguments);
	return false;
}

static void blanks(struct parser *ps)
{
	while (*ps->p == ' ' || *ps->p == '\t')
		ps->p++;
}

static bool accept(struct parser *ps, const char *text)
{
	size_t n = strlen(text);

	blanks(ps);
	if (strncmp(ps->p, text, n) != 0)
		return false;
	ps->p += n;
	return true;
}

static bool expect(struct parser *ps, const char *text)
{
	return accept(ps, text) || fail(ps, "'%s' expected before '%.20s'", text, ps->p);
}

/* A word of letters, digits, '_' and '.'. */
static size_t word(struct parser *ps, char *to, size_t size)
{
	size_t n = 0;

	blanks(ps);
	while ((isalnum((unsigned char)ps->p[n]) || ps->p[n] == '_' || ps->p[n] == '.') &&
	       n + 1 < size) {
		to[n] = ps->p[n];
		n++;
	}
	to[n] = '\0';
	ps->p += n;
	return n;
}

static bool number(struct parser *ps, long *n)
{
	char *end;

	blanks(ps);
	*n = strtol(ps->p, &end, 10);
	if (end == ps->p)
		return fail(ps, "number expected before '%.20s'", ps->p);
	ps->p = end;
	return true;
}

static bool find_name(const char *const *list, size_t n, const char *name, int32_t *found)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] && !strcmp(list[i], name)) {
			*found = (int32_t)i;
			return true;
		}
	return false;
}

static bool name_operation(struct parser *ps, unsigned long n, IrRef ref)
{
	if (n >= MAX_NAME)
		return fail(ps, "operation number %lu is too large", n);
	if (!ir_grow(ps->ir, (void **)&ps->names, 0, (uint32_t)n + 1, &ps->size_names,
		     sizeof(*ps->names)))
		return fail(ps, "out of memory");
	while (ps->n_names <= n)
		ps->names[ps->n_names++] = IR_NONE;
	ps->names[n] = ref;
	return true;
}

static bool parse_object(struct parser *ps, int32_t tag, IrRef *ref)
{
	char *end;
	uintptr_t address = (uintptr_t)strtoull(ps->p, &end, 16);

	if (end == ps->p)
		return fail(ps, "address expected before '%.20s'", ps->p);
	ps->p = end;
	*ref = ir_object(ps->ir, (void *)address, (uint8_t)tag);
	return true;
}

static bool parse_number(struct parser *ps, IrRef *ref)
{
	const char *start = ps->p;
	char *integer_end, *float_end;
	long long i = strtoll(start, &integer_end, 10);
	double f = strtod(start, &float_end);

	if (float_end == start)
		return fail(ps, "value expected before '%.20s'", ps->p);
	ps->p = float_end > integer_end ? float_end : integer_end;
	*ref = float_end > integer_end ? ir_float(ps->ir, f) : ir_integer(ps->ir, i);
	return true;
}

/* i12, 12, 0x1p+1, table&1234, &1234 */
static bool parse_ref(struct parser *ps, IrRef *ref)
{
	char text[40];
	const char *start;
	int32_t tag;

	blanks(ps);
	start = ps->p;
	if (accept(ps, "&"))
		return parse_object(ps, TAG_NIL, ref);
	if (strchr("ifr", *start) && *start && isdigit((unsigned char)start[1])) {
		char *end;
		unsigned long n = strtoul(start + 1, &end, 10);

		ps->p = end;
		if (n >= ps->n_names || ps->names[n] == IR_NONE)
			return fail(ps, "%c%lu is not defined", *start, n);
		*ref = ps->names[n];
		return ir_type(ps->ir, *ref) == *start ||
		       fail(ps, "%c%lu has type %c", *start, n, ir_type(ps->ir, *ref));
	}
	if (isalpha((unsigned char)*start) && word(ps, text, sizeof(text)) && *ps->p == '&' &&
	    find_name(tag_names, N_TAGS, text, &tag)) {
		ps->p++;
		return parse_object(ps, tag, ref);
	}
	ps->p = start;
	return parse_number(ps, ref);
}

static bool parse_shape(struct parser *ps, int32_t *descr)
{
	ShapeKey keys[MAX_SHAPE_KEYS];
	long array, hash, border;
	unsigned n = 0;

	if (!expect(ps, "{") || !number(ps, &array) || !number(ps, &hash) || !number(ps, &border))
		return false;
	for (; !accept(ps, "}"); n++) {
		char text[40];
		int32_t tag;

		if (n == MAX_SHAPE_KEYS)
			return fail(ps, "more than %d keys", MAX_SHAPE_KEYS);
		if (!parse_ref(ps, &keys[n].key) || !expect(ps, ":"))
			return false;
		word(ps, text, sizeof(text));
		if (!find_name(tag_names, N_TAGS, text, &tag))
			return fail(ps, "no tag '%s'", text);
		keys[n].tag = (uint8_t)tag;
	}
	*descr = ir_shape(ps->ir,
			  &(IrShape){.array = (uint32_t)array,
				     .hash = (uint32_t)hash,
				     .border = (uint32_t)border},
			  keys, n);
	return true;
}

static bool parse_descr(struct parser *ps, enum ir_opcode opcode, int32_t *descr)
{
	char text[60];
	long n;

	switch (descr_kind(opcode)) {
	case DESCR_FIELD:
		word(ps, text, sizeof(text));
		return find_name(field_names, IR_FIELD_COUNT, text, descr) ||
		       fail(ps, "no field '%s'", text);
	case DESCR_HELPER:
		word(ps, text, sizeof(text));
		return find_name(helper_names, HELPER_COUNT, text, descr) ||
		       fail(ps, "no helper '%s'", text);
	case DESCR_TAG:
		word(ps, text, sizeof(text));
		return find_name(tag_names, N_TAGS, text, descr) || fail(ps, "no tag '%s'", text);
	case DESCR_SHAPE:
		return parse_shape(ps, descr);
	default:
		if (!number(ps, &n))
			return false;
		*descr = (int32_t)n;
		return true;
	}
}

static const Instruction *instruction(long n)
{
	return (const Instruction *)((uintptr_t)n * sizeof(Instruction));
}

static bool parse_entry(struct parser *ps)
{
	SnapshotEntry *e;
	char text[40];
	const char *start;
	int32_t tag;
	long slot;

	if (!number(ps, &slot) || !expect(ps, ":"))
		return false;
	if (!IR_ROOM(ps->ir, snapshot_entries, 1))
		return fail(ps, "out of memory");
	e = &ps->ir->snapshot_entries[ps->ir->n_snapshot_entries++];
	*e = (SnapshotEntry){.slot = (int16_t)slot, .ref = IR_NONE};
	start = ps->p;
	if (word(ps, text, sizeof(text)) && find_name(tag_names, N_TAGS, text, &tag) &&
	    *ps->p != '&') {
		e->tag = (uint8_t)tag;
		return true;
	}
	ps->p = start;
	if (!parse_ref(ps, &e->ref))
		return false;
	e->tag = ir_tag(ps->ir, e->ref);
	return true;
}

static bool parse_frame(struct parser *ps)
{
	long slot, pc = 0, results;
	uint16_t status = 0;

	if (!number(ps, &slot))
		return false;
	if (accept(ps, "xpcall"))
		status = FRAME_C | FRAME_PCALL | FRAME_OLD_ALLOW_HOOK | FRAME_HANDLER;
	else if (accept(ps, "pcall"))
		status = FRAME_C | FRAME_PCALL | FRAME_OLD_ALLOW_HOOK;
	else if (!expect(ps, "@") || !number(ps, &pc))
		return false;
	if (!number(ps, &results) || !expect(ps, "}"))
		return false;
	if (!IR_ROOM(ps->ir, snapshot_frames, 1))
		return fail(ps, "out of memory");
	ps->ir->snapshot_frames[ps->ir->n_snapshot_frames++] = (SnapshotFrame){
		.func_slot = (int16_t)slot,
		.nresults = (int16_t)results,
		.status = status,
		.pc = instruction(pc),
	};
	return true;
}

static bool parse_snapshot(struct parser *ps, IrOp *op)
{
	Ir *ir = ps->ir;
	Snapshot s = {.top = TOP_OF_FRAME,
		      .moved = true, /* text does not say */
		      .entry = ir->n_snapshot_entries,
		      .frame = ir->n_snapshot_frames,
		      .taken = ir->n_ops - 1};
	long n;

	if (!expect(ps, "@") || !number(ps, &n))
		return false;
	s.pc = instruction(n);
	if (accept(ps, "<")) {
		if (!number(ps, &n))
			return false;
		s.below = (uint16_t)n;
		if (!number(ps, &n))
			return false;
		s.base = (int16_t)n;
	}
	while (!accept(ps, "]")) {
		if (accept(ps, "^")) {
			if (!number(ps, &n))
				return false;
			s.top = (int16_t)n;
		} else if (accept(ps, "{")) {
			if (!parse_frame(ps))
				return false;
		} else if (!parse_entry(ps)) {
			return false;
		}
	}
	s.entries = ir->n_snapshot_entries - s.entry;
	s.frames = ir->n_snapshot_frames - s.frame;
	if (!IR_ROOM(ir, snapshots, 1))
		return fail(ps, "out of memory");
	op->snapshot = (int32_t)ir->n_snapshots;
	ir->snapshots[ir->n_snapshots++] = s;
	return true;
}

/* "i12 = " or "r12:table = " in front of an operation that has a result. */
static bool parse_result(struct parser *ps, char *type, unsigned long *n, int32_t *tag)
{
	const char *start = ps->p;
	char text[40], *end;

	*type = 'v';
	*tag = TAG_NIL;
	if (!*start || !strchr("ifr", *start) || !isdigit((unsigned char)start[1]))
		return true;
	*n = strtoul(start + 1, &end, 10);
	ps->p = end;
	if (accept(ps, ":") &&
	    !(word(ps, text, sizeof(text)) && find_name(tag_names, N_TAGS, text, tag)))
		return fail(ps, "no tag '%s'", text);
	*type = *start;
	return expect(ps, "=");
}

static bool parse_arguments(struct parser *ps, enum ir_opcode opcode, IrRef *args, unsigned *n,
			    int32_t *descr)
{
	*n = 0;
	*descr = -1;
	if (!expect(ps, "("))
		return false;
	while (!accept(ps, ")")) {
		if (*n || *descr != -1)
			if (!expect(ps, ","))
				return false;
		if (accept(ps, "descr=")) {
			if (!parse_descr(ps, opcode, descr))
				return false;
		} else if (*n == UINT8_MAX) {
			return fail(ps, "more than %d arguments", UINT8_MAX);
		} else if (!parse_ref(ps, &args[(*n)++])) {
			return false;
		}
	}
	return true;
}

bool ir_parse_descr(enum ir_opcode opcode, const char *text, int32_t *descr, char message[160])
{
	struct parser ps = {.p = text, .message = message};
	long n;

	/* Shapes are the list's: by number. */
	if (descr_kind(opcode) == DESCR_SHAPE) {
		if (!number(&ps, &n))
			return false;
		*descr = (int32_t)n;
	} else if (!parse_descr(&ps, opcode, descr))
		return false;
	return !*ps.p || fail(&ps, "'%.20s' after '%.60s'", ps.p, text);
}

bool ir_find_operation(const char *name, enum ir_opcode *opcode)
{
	for (int i = 0; i < IR_NOP; i++)
		if (!strcmp(ir_info[i].name, name)) {
			*opcode = (enum ir_opcode)i;
			return true;
		}
	return false;
}

static bool find_operation(struct parser *ps, enum ir_opcode *opcode)
{
	char text[60];

	word(ps, text, sizeof(text));
	return ir_find_operation(text, opcode) || fail(ps, "no operation '%s'", text);
}

static bool parse_operation(struct parser *ps)
{
	IrRef args[UINT8_MAX], ref;
	enum ir_opcode opcode = IR_NOP;
	unsigned long name = 0;
	int32_t descr, tag;
	unsigned n;
	char type;
	IrOp *op;

	if (!parse_result(ps, &type, &name, &tag) || !find_operation(ps, &opcode) ||
	    !parse_arguments(ps, opcode, args, &n, &descr))
		return false;
	if (type != ir_info[opcode].type)
		return fail(ps, "the result of %s has type %c, not %c", ir_info[opcode].name,
			    ir_info[opcode].type, type);
	if (ir_info[opcode].flags & IR_MANY) {
		ref = ir_emit_many(ps->ir, opcode, args, n, descr);
	} else if (n != strlen(ir_info[opcode].args)) {
		return fail(ps, "%s has %zu arguments, not %u", ir_info[opcode].name,
			    strlen(ir_info[opcode].args), n);
	} else {
		ref = ir_emit(ps->ir, opcode, n > 0 ? args[0] : IR_NONE, n > 1 ? args[1] : IR_NONE,
			      n > 2 ? args[2] : IR_NONE, descr);
	}
	if (ps->ir->failed)
		return fail(ps, "out of memory");
	op = &ps->ir->ops[ref];
	op->tag = (uint8_t)(type == 'i' ? TAG_INTEGER : type == 'f' ? TAG_FLOAT : tag);
	if (opcode == IR_LABEL)
		ps->ir->label = ref;
	if (accept(ps, "[") && !parse_snapshot(ps, op))
		return false;
	blanks(ps);
	if (*ps->p && *ps->p != '\n' && *ps->p != '#')
		return fail(ps, "'%.20s' after the operation", ps->p);
	return type == 'v' || name_operation(ps, name, ref);
}

bool ir_parse(Ir *ir, const char *text, int *line, char message[MESSAGE_SIZE])
{
	struct parser ps = {.ir = ir, .p = text, .line = 1, .message = message};
	bool good = true;

	while (good && *ps.p) {
		blanks(&ps);
		if (*ps.p && *ps.p != '\n' && *ps.p != '#')
			good = parse_operation(&ps);
		if (!good)
			break;
		ps.p += strcspn(ps.p, "\n");
		if (*ps.p) {
			ps.p++;
			ps.line++;
		}
	}
	*line = ps.line;
	free(ps.names);
	return good;
}
