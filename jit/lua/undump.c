/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * undump.c - reads Lua 5.4's binary chunks, which is also how functions come
 * from the compiler (front.c).
 *
 * A chunk is a header, a byte with the number of upvalues of the main function,
 * and the function, which holds those inside it. Counts are unsigned numbers in
 * groups of seven bits, most significant first, the last one marked by its top
 * bit. A string is its size + 1 and its bytes; 0 stands for no string.
 *
 * Sizes and the header are checked, instructions are not: as in Lua, whoever
 * loads a binary chunk trusts its maker.
 *
 * The reader of the program may run Lua code and the collector between any two
 * bytes, and each allocation may fail. So the function is on the stack from the
 * beginning, a vector hangs in its prototype before it is filled, its count set
 * with it, and what holds objects is empty until they are there.
 */
#include "call.h"
#include "chunk.h"
#include "chunk_format.h"
#include "debug.h"
#include "function.h"
#include "gc.h"
#include "luastring.h"
#include "number.h"
#include "table.h"

typedef struct undump {
	lua_State *L;
	Input *in;
	const char *name;
	bool share;	   /* equal long strings become one */
	ptrdiff_t strings; /* then: slot of the table of those that were read, or of nil */
} Undump;

static _Noreturn __attribute__((cold, noinline)) void bad_format(Undump *u, const char *why)
{
	push_format(u->L, "%s: bad binary format (%s)", u->name, why);
	throw_status(u->L, LUA_ERRSYNTAX);
}

/* ---- Bytes and numbers --------------------------------------------------------------- */

static void read_block(Undump *u, void *to, size_t size)
{
	if (unlikely(input_read(u->in, to, size) != 0))
		bad_format(u, "truncated chunk");
}

static inline int read_byte(Undump *u)
{
	int c = input_byte(u->in);

	if (unlikely(c == INPUT_END))
		bad_format(u, "truncated chunk");
	return c;
}

static size_t read_unsigned(Undump *u, size_t limit)
{
	size_t x = 0;
	int c;

	limit >>= 7;
	do {
		c = read_byte(u);
		if (unlikely(x >= limit))
			bad_format(u, "integer overflow");
		x = x << 7 | (c & 0x7f);
	} while (!(c & 0x80));
	return x;
}

static inline int read_int(Undump *u)
{
	return (int)read_unsigned(u, INT_MAX);
}

static lua_Integer read_integer(Undump *u)
{
	lua_Integer i;

	read_block(u, &i, sizeof i);
	return i;
}

static lua_Number read_number(Undump *u)
{
	lua_Number n;

	read_block(u, &n, sizeof n);
	return n;
}

/* ---- Strings --------------------------------------------------------------------------- */

/*
 * The long string on the top, or the one like it that was read before: the
 * compiler makes one object of equal strings in a chunk, the format knows only
 * their bytes.
 */
static String *shared(Undump *u, String *s)
{
	lua_State *L = u->L;
	Table *t;
	Slot slot;

	if (is_nil(restore_slot(L, u->strings))) {
		t = table_new(L);
		set_object(restore_slot(L, u->strings), t);
	}
	t = as_table(restore_slot(L, u->strings));
	slot = table_find_string(t, s);
	if (!slot_is_nil(slot))
		return (String *)slot.payload->object;
	table_put_string(L, t, s, L->top - 1);
	gc_barrier_back(L, t, L->top - 1);
	return s;
}

/* NULL if there is none. The caller anchors it at once. */
static String *read_string(Undump *u, bool share)
{
	lua_State *L = u->L;
	size_t size = read_unsigned(u, ~(size_t)0);
	String *s;

	if (size == 0)
		return NULL;
	size--;
	if (size <= MAX_SHORT_STRING) {
		char text[MAX_SHORT_STRING];

		/* Most often it is all there. */
		if (likely(u->in->n >= size)) {
			s = string_new(L, size ? u->in->p : "", size);
			u->in->p += size;
			u->in->n -= size;
			return s;
		}
		read_block(u, text, size);
		return string_new(L, text, size);
	}
	if (size > (size_t)PTRDIFF_MAX - sizeof(String) - 1)
		mem_too_big(L);
	s = string_new_long(L, size);
	push_object(L, s);
	read_block(u, s->text, size);
	if (share)
		s = shared(u, s);
	L->top--;
	return s;
}

static String *read_string_of(Undump *u, Proto *p, bool share)
{
	String *s = read_string(u, share);

	if (s)
		gc_barrier_object(u->L, p, s);
	return s;
}

/* ---- Functions ------------------------------------------------------------------------- */

/* Allocates a vector of n elements in its place, and sets the count. */
#define new_vector(u, place, count, n)                                       \
	do {                                                                 \
		int n_ = (n);                                                \
		(place) = allocate_vector((u), (size_t)n_, sizeof *(place)); \
		(count) = n_;                                                \
	} while (0)

static void *allocate_vector(Undump *u, size_t n, size_t element)
{
	if (unlikely(n > (size_t)PTRDIFF_MAX / element))
		mem_too_big(u->L);
	return mem_alloc(u->L, n * element, 0);
}

static void read_code(Undump *u, Proto *p)
{
	new_vector(u, p->code, p->code_count, read_int(u));
	read_block(u, p->code, (size_t)p->code_count * sizeof *p->code);
}

static void read_constant(Undump *u, Proto *p, Value *v)
{
	String *s;

	switch (read_byte(u)) {
	case CHUNK_NIL:
		break;
	case CHUNK_FALSE:
		set_boolean(v, false);
		break;
	case CHUNK_TRUE:
		set_boolean(v, true);
		break;
	case CHUNK_FLOAT:
		set_float(v, read_number(u));
		break;
	case CHUNK_INTEGER:
		set_integer(v, read_integer(u));
		break;
	case CHUNK_SHORT_STRING:
	case CHUNK_LONG_STRING:
		s = read_string_of(u, p, u->share);
		if (!s)
			bad_format(u, "bad format for constant string");
		set_object(v, s);
		break;
	default:
		bad_format(u, "unknown kind of constant");
	}
}

static void read_constants(Undump *u, Proto *p)
{
	new_vector(u, p->constants, p->constant_count, read_int(u));
	for (int i = 0; i < p->constant_count; i++)
		set_nil(&p->constants[i]);
	for (int i = 0; i < p->constant_count; i++)
		read_constant(u, p, &p->constants[i]);
}

static void read_upvalues(Undump *u, Proto *p)
{
	new_vector(u, p->upvalues, p->upvalue_count, read_int(u));
	for (int i = 0; i < p->upvalue_count; i++)
		p->upvalues[i].name = NULL;
	for (int i = 0; i < p->upvalue_count; i++) {
		p->upvalues[i].in_stack = (uint8_t)read_byte(u);
		p->upvalues[i].index = (uint8_t)read_byte(u);
		p->upvalues[i].kind = (uint8_t)read_byte(u);
	}
}

static void read_function(Undump *u, Proto *p, String *parent_source);

static void read_protos(Undump *u, Proto *p)
{
	new_vector(u, p->protos, p->proto_count, read_int(u));
	for (int i = 0; i < p->proto_count; i++)
		p->protos[i] = NULL;
	for (int i = 0; i < p->proto_count; i++) {
		p->protos[i] = proto_new(u->L);
		gc_barrier_object(u->L, p, p->protos[i]);
		read_function(u, p->protos[i], p->source);
	}
}

static void read_lines(Undump *u, Proto *p)
{
	new_vector(u, p->lines, p->line_count, read_int(u));
	read_block(u, p->lines, (size_t)p->line_count);
	new_vector(u, p->absolute, p->absolute_count, read_int(u));
	for (int i = 0; i < p->absolute_count; i++) {
		p->absolute[i].pc = read_int(u);
		p->absolute[i].line = read_int(u);
	}
}

static void read_locals(Undump *u, Proto *p)
{
	new_vector(u, p->locals, p->local_count, read_int(u));
	for (int i = 0; i < p->local_count; i++)
		p->locals[i].name = NULL;
	for (int i = 0; i < p->local_count; i++) {
		p->locals[i].name = read_string_of(u, p, false);
		p->locals[i].start_pc = read_int(u);
		p->locals[i].end_pc = read_int(u);
	}
}

static void read_upvalue_names(Undump *u, Proto *p)
{
	int n = read_int(u);

	if (n > p->upvalue_count)
		bad_format(u, "too many names of upvalues");
	for (int i = 0; i < n; i++)
		p->upvalues[i].name = read_string_of(u, p, false);
}

static void read_function(Undump *u, Proto *p, String *parent_source)
{
	c_call_enter(u->L);
	p->source = read_string_of(u, p, false);
	if (!p->source && parent_source) {
		p->source = parent_source;
		gc_barrier_object(u->L, p, parent_source);
	}
	p->line_defined = read_int(u);
	p->last_line_defined = read_int(u);
	p->parameters = (uint8_t)read_byte(u);
	p->is_vararg = (uint8_t)read_byte(u);
	p->stack_size = (uint8_t)read_byte(u);
	read_code(u, p);
	read_constants(u, p);
	read_upvalues(u, p);
	read_protos(u, p);
	read_lines(u, p);
	read_locals(u, p);
	read_upvalue_names(u, p);
	u->L->c_calls--;
}

/* ---- The chunk --------------------------------------------------------------------------- */

static void check_text(Undump *u, const char *expected, size_t size, const char *why)
{
	char text[sizeof LUA_SIGNATURE + sizeof CHUNK_CHECK];

	read_block(u, text, size);
	if (memcmp(text, expected, size) != 0)
		bad_format(u, why);
}

static void check_byte(Undump *u, int expected, const char *why)
{
	if (read_byte(u) != expected)
		bad_format(u, why);
}

/* The first byte of the signature was read. */
static void check_header(Undump *u)
{
	check_text(u, &LUA_SIGNATURE[1], strlen(LUA_SIGNATURE) - 1, "not a binary chunk");
	check_byte(u, CHUNK_VERSION, "version mismatch");
	check_byte(u, CHUNK_FORMAT, "format mismatch");
	check_text(u, CHUNK_CHECK, sizeof CHUNK_CHECK - 1, "corrupted chunk");
	check_byte(u, sizeof(Instruction), "Instruction size mismatch");
	check_byte(u, sizeof(lua_Integer), "lua_Integer size mismatch");
	check_byte(u, sizeof(lua_Number), "lua_Number size mismatch");
	if (read_integer(u) != CHUNK_INTEGER_CHECK)
		bad_format(u, "integer format mismatch");
	if (read_number(u) != CHUNK_NUMBER_CHECK)
		bad_format(u, "float format mismatch");
}

static const char *shown_name(const char *name)
{
	if (*name == '@' || *name == '=')
		return name + 1;
	return *name == LUA_SIGNATURE[0] ? "binary string" : name;
}

LuaFunction *undump(lua_State *L, Input *in, const char *name, bool share)
{
	Undump u = {L, in, shown_name(name), share, 0};
	LuaFunction *f;

	check_header(&u);
	f = lua_function_new(L, read_byte(&u));
	stack_ensure(L, 3);
	push_object(L, f);
	u.strings = save_slot(L, L->top);
	set_nil(L->top);
	L->top++;
	f->proto = proto_new(L);
	gc_barrier_object(L, f, f->proto);
	read_function(&u, f->proto, NULL);
	if (f->upvalue_count != f->proto->upvalue_count)
		bad_format(&u, "number of upvalues mismatch");
	L->top--;
	return f;
}
