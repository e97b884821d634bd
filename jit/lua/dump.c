/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dump.c - writes Lua 5.4's binary chunks (undump.c describes them), byte for
 * byte as lua5.4 does: a function's source is left out where it is its parent's.
 *
 * Small pieces are gathered before the writer sees them.
 */
#include "chunk.h"
#include "chunk_format.h"
#include "debug.h"

typedef struct dump {
	lua_State *L;
	lua_Writer writer;
	void *data;
	bool strip;
	int status; /* the writer's; after an error it is not called again */
	size_t n;   /* bytes in buffer */
	char buffer[256];
} Dump;

/* ---- Bytes and numbers --------------------------------------------------------------- */

static void flush(Dump *d)
{
	if (d->status == 0 && d->n > 0)
		d->status = d->writer(d->L, d->buffer, d->n, d->data);
	d->n = 0;
}

static void write_block(Dump *d, const void *block, size_t size)
{
	if (size > sizeof d->buffer - d->n) {
		flush(d);
		if (size > sizeof d->buffer) {
			if (d->status == 0)
				d->status = d->writer(d->L, block, size, d->data);
			return;
		}
	}
	if (size > 0)
		memcpy(d->buffer + d->n, block, size);
	d->n += size;
}

static void write_byte(Dump *d, int byte)
{
	char c = (char)byte;

	write_block(d, &c, 1);
}

static void write_unsigned(Dump *d, size_t x)
{
	char text[(sizeof x * CHAR_BIT + 6) / 7], *first = text + sizeof text;

	do {
		*--first = (char)(x & 0x7f);
		x >>= 7;
	} while (x);
	text[sizeof text - 1] |= (char)0x80;
	write_block(d, first, (size_t)(text + sizeof text - first));
}

static void write_int(Dump *d, int i)
{
	write_unsigned(d, (size_t)i);
}

static void write_string(Dump *d, const String *s)
{
	if (!s) {
		write_unsigned(d, 0);
		return;
	}
	write_unsigned(d, string_length(s) + 1);
	write_block(d, s->text, string_length(s));
}

/* ---- Functions ------------------------------------------------------------------------- */

static void write_constant(Dump *d, const Value *v)
{
	switch (v->tag) {
	case TAG_FALSE:
		write_byte(d, CHUNK_FALSE);
		break;
	case TAG_TRUE:
		write_byte(d, CHUNK_TRUE);
		break;
	case TAG_FLOAT:
		write_byte(d, CHUNK_FLOAT);
		write_block(d, &v->u.n, sizeof v->u.n);
		break;
	case TAG_INTEGER:
		write_byte(d, CHUNK_INTEGER);
		write_block(d, &v->u.i, sizeof v->u.i);
		break;
	case TAG_SHORT_STRING:
	case TAG_LONG_STRING:
		write_byte(d, v->tag == TAG_SHORT_STRING ? CHUNK_SHORT_STRING : CHUNK_LONG_STRING);
		write_string(d, as_string(v));
		break;
	default:
		lua_assert(is_nil(v));
		write_byte(d, CHUNK_NIL);
	}
}

static void write_lines(Dump *d, const Proto *p)
{
	int n = d->strip ? 0 : p->line_count;

	write_int(d, n);
	write_block(d, p->lines, (size_t)n);
	n = d->strip ? 0 : p->absolute_count;
	write_int(d, n);
	for (int i = 0; i < n; i++) {
		write_int(d, p->absolute[i].pc);
		write_int(d, p->absolute[i].line);
	}
}

static void write_names(Dump *d, const Proto *p)
{
	int n = d->strip ? 0 : p->local_count;

	write_int(d, n);
	for (int i = 0; i < n; i++) {
		write_string(d, p->locals[i].name);
		write_int(d, p->locals[i].start_pc);
		write_int(d, p->locals[i].end_pc);
	}
	n = d->strip ? 0 : p->upvalue_count;
	write_int(d, n);
	for (int i = 0; i < n; i++)
		write_string(d, p->upvalues[i].name);
}

/* As it was compiled: the JIT patches instructions. */
static void write_code(Dump *d, const Proto *p)
{
	write_int(d, p->code_count);
	for (int i = 0; i < p->code_count; i++) {
		Instruction instruction = debug_instruction(d->L, &p->code[i]);

		write_block(d, &instruction, sizeof instruction);
	}
}

static void write_function(Dump *d, const Proto *p, const String *parent_source)
{
	write_string(d, d->strip || p->source == parent_source ? NULL : p->source);
	write_int(d, p->line_defined);
	write_int(d, p->last_line_defined);
	write_byte(d, p->parameters);
	write_byte(d, p->is_vararg);
	write_byte(d, p->stack_size);
	write_code(d, p);
	write_int(d, p->constant_count);
	for (int i = 0; i < p->constant_count; i++)
		write_constant(d, &p->constants[i]);
	write_int(d, p->upvalue_count);
	for (int i = 0; i < p->upvalue_count; i++) {
		write_byte(d, p->upvalues[i].in_stack);
		write_byte(d, p->upvalues[i].index);
		write_byte(d, p->upvalues[i].kind);
	}
	write_int(d, p->proto_count);
	for (int i = 0; i < p->proto_count; i++)
		write_function(d, p->protos[i], p->source);
	write_lines(d, p);
	write_names(d, p);
}

/* ---- The chunk --------------------------------------------------------------------------- */

static void write_header(Dump *d)
{
	lua_Integer i = CHUNK_INTEGER_CHECK;
	lua_Number n = CHUNK_NUMBER_CHECK;

	write_block(d, LUA_SIGNATURE, strlen(LUA_SIGNATURE));
	write_byte(d, CHUNK_VERSION);
	write_byte(d, CHUNK_FORMAT);
	write_block(d, CHUNK_CHECK, sizeof CHUNK_CHECK - 1);
	write_byte(d, sizeof(Instruction));
	write_byte(d, sizeof i);
	write_byte(d, sizeof n);
	write_block(d, &i, sizeof i);
	write_block(d, &n, sizeof n);
}

int dump(lua_State *L, const Proto *p, lua_Writer writer, void *data, bool strip)
{
	Dump d = {.L = L, .writer = writer, .data = data, .strip = strip};

	write_header(&d);
	write_byte(&d, p->upvalue_count);
	write_function(&d, p, NULL);
	flush(&d);
	return d.status;
}
