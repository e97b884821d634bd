/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * direct.c - reading LuaJIT's structs, and writing to one slot of a stack;
 * direct.h says why this may be done.
 *
 * The structs below are written from the layout of GC64 builds, with just the
 * fields that are read. All of the VM's objects begin with `struct object`.
 */
#include "direct.h"

#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct object {
	void *next; /* in the list of all objects, newest first */
	uint8_t marked;
	uint8_t tag;
} __attribute__((packed));

enum slot { SLOT_THREAD = 6, SLOT_FUNCTION = 8 }; /* complement of a slot's upper bits */
enum tag { TAG_STRING = 4, TAG_PROTO = 7, TAG_FUNCTION = 8, TAG_TRACE = 9 };

struct string {
	struct object object;
	uint8_t gap[10];
	uint32_t length;
	char text[];
};

struct proto {
	struct object object;
	uint8_t params, framesize;
	uint32_t size_bytecode;
	uint8_t gap[40];
	uint32_t size; /* bytes, with all that follows the struct */
	uint8_t gap2[4];
	const struct string *chunkname;
	uint32_t first_line, lines;
	const void *line_info; /* one number per instruction but the first */
	const void *upvalue_info, *variable_info;
	uint32_t bytecode[];
};

struct function {
	struct object object;
	uint8_t kind; /* 0: a Lua function */
	uint8_t upvalues;
	const void *env, *gc_list;
	const uint32_t *bytecode;
};

struct trace {
	struct object object;
	uint16_t snapshots;
	uint32_t nins; /* biased */
	uint32_t gap;
	const void *gc_list, *ir;
	uint32_t nk, snapshot_maps;
	const void *snapshot, *snapshot_map;
	const struct proto *start_proto;
	const uint32_t *start_pc;
	uint32_t start_instruction;
	uint32_t mcode_size;
	const void *mcode;
	uint32_t mcode_loop;
	uint16_t children, stack_adjust;
	uint16_t traceno, link, root, next_root, next_side;
	uint8_t sink_tags, top_slot, linktype;
};

struct thread {
	struct object object;
	uint8_t gap[6];
	const void *global;
	const void *gc_list;
	const uint64_t *base, *top, *max_stack;
	uint64_t *stack; /* its first slot holds the thread itself */
};

_Static_assert(
	sizeof(void *) != 8 ||
		(offsetof(struct string, text) == 24 && offsetof(struct proto, chunkname) == 64 &&
		 sizeof(struct proto) == 104 && offsetof(struct function, bytecode) == 32 &&
		 offsetof(struct trace, mcode) == 88 && offsetof(struct trace, linktype) == 116 &&
		 offsetof(struct thread, global) == 16 && offsetof(struct thread, stack) == 56),
	"layout of LuaJIT GC64");

#define REF_BIAS 0x8000u
#define STACK_EXTRA 64 /* slots beyond its end, at most */
#define STACK_LIMIT (1 << 20)
#define GLOBAL_WORDS 16 /* of the global state, looked at for the list's head */

/*
 * All threads of a VM point to one global state, and near its start lies the
 * head of the list of objects: the word that holds a table just made, and
 * then the next one, which in turn points back to the first.
 *
 * In a build with 32 bit references the threads do not have the same word
 * there, so nothing is followed.
 */
void direct_find(const struct lua_api *api, lua_State *L, struct direct *d)
{
	const struct thread *other = (const void *)api->newthread(L);
	void *const *global = ((const struct thread *)L)->global;
	void *const *head = NULL;

	d->newest = NULL;
	if (sizeof(void *) != 8 || !global || (uintptr_t)global % 8 || other->global != global)
		return;
	api->createtable(L, 0, 0);
	for (int i = 2; i < GLOBAL_WORDS && !head; i++)
		if (global[i] == api->topointer(L, -1))
			head = &global[i];
	if (!head)
		return;
	api->createtable(L, 0, 0);
	if (*head == api->topointer(L, -1) &&
	    ((const struct object *)*head)->next == api->topointer(L, -2))
		d->newest = head;
}

/* Could it be read? Asked of the kernel, which does not crash if it cannot. */
static bool readable(const void *at, size_t size)
{
	char copy[sizeof(struct proto)];
	struct iovec to = {copy, size}, from = {(void *)at, size};

	return size <= sizeof(copy) &&
	       process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)size;
}

/*
 * While the layout is not proved, what looks like a pointer may be none: then
 * nothing is read that the kernel would not read for us.
 */
static bool safe(const struct direct *d, const struct proto *proto)
{
	return !direct_in_doubt(&d->places) || (readable(proto, sizeof(*proto)) &&
						readable(proto->chunkname, sizeof(struct string)));
}

bool direct_place(const struct direct *d, const void *function, uint32_t pc,
		  struct direct_place *place)
{
	const struct function *f = function;
	const struct proto *proto;

	place->proto = NULL;
	if (!d->newest || d->places.wrong || !f || f->object.tag != TAG_FUNCTION || f->kind != 0)
		return false;
	proto = (const void *)((const char *)f->bytecode - sizeof(struct proto));
	if (!safe(d, proto) || proto->object.tag != TAG_PROTO || pc >= proto->size_bytecode)
		return false;
	place->proto = proto;
	place->pc = pc;
	return true;
}

uint32_t direct_instruction(const struct direct_place *place)
{
	return ((const struct proto *)place->proto)->bytecode[place->pc];
}

/* Line numbers are offsets of the least width that holds all of them. */
static bool line_of(const struct proto *proto, uint32_t pc, uint32_t *line)
{
	unsigned width = proto->lines < 256 ? 1 : proto->lines < 65536 ? 2 : 4;
	size_t at = (const char *)proto->line_info - (const char *)proto;
	uint8_t n1;
	uint16_t n2;
	uint32_t n4 = 0;

	if (!proto->line_info) {
		*line = 0; /* stripped */
		return true;
	}
	if (at < sizeof(*proto) || at > proto->size || at + (size_t)pc * width > proto->size)
		return false;
	if (pc > 0) {
		const char *info = (const char *)proto->line_info + (size_t)(pc - 1) * width;

		switch (width) {
		case 1:
			memcpy(&n1, info, 1);
			n4 = n1;
			break;
		case 2:
			memcpy(&n2, info, 2);
			n4 = n2;
			break;
		default:
			memcpy(&n4, info, 4);
		}
	}
	*line = proto->first_line + n4;
	return true;
}

static char *put_number(char *end, uint32_t n)
{
	do
		*--end = (char)('0' + n % 10);
	while (n /= 10);
	return end;
}

/* The part of the path after its last separator, unless that begins it. */
static const char *last_part(const char *path, size_t length)
{
	for (size_t i = length; i-- > 1;)
		if (path[i] == '/' || path[i] == '\\')
			return path + i + 1;
	return path;
}

/* As the VM prints pointers: whole bytes, at least four. */
static size_t put_address(char *text, size_t size, const void *p)
{
	int digits = 8;

	while (digits < 16 && (uintptr_t)p >> (4 * digits))
		digits += 2;
	return (size_t)snprintf(text, size, "0x%0*llx", digits, (unsigned long long)(uintptr_t)p);
}

/*
 * Chunks from a file: the last part of its path. "=name": the name. Code that
 * was given as a string: that, quoted, if short, else where it lies.
 */
bool direct_place_text(const struct direct_place *place, char *text, size_t size)
{
	const struct proto *proto = place->proto;
	const struct string *name;
	char number[12], address[24], *digits, *end = number + sizeof(number);
	const char *from, *quote = "";
	size_t length, used = 0;
	uint32_t line;

	if (!proto || proto->first_line == UINT32_MAX || !line_of(proto, place->pc, &line))
		return false;
	name = proto->chunkname;
	if (!name || name->object.tag != TAG_STRING || line > INT32_MAX)
		return false;
	from = name->text;
	length = strnlen(from, name->length);
	if (*from == '@') {
		from = last_part(name->text + 1, length - 1);
		length = (size_t)(name->text + length - from);
	} else if (name->length > 40) {
		length = put_address(address, sizeof(address), proto);
		from = address;
	} else if (*from == '=') {
		from++, length--;
	} else {
		quote = "\"";
	}
	digits = put_number(end, line);
	*--digits = ':';
	if (length + (size_t)(end - digits) + 3 > size)
		return false;
	if (*quote)
		text[used++] = '"';
	memcpy(text + used, from, length);
	used += length;
	if (*quote)
		text[used++] = '"';
	memcpy(text + used, digits, (size_t)(end - digits));
	text[used + (size_t)(end - digits)] = '\0';
	return true;
}

/*
 * LuaJIT before September 2023 (its commit b138ccfa) tells of an abort by the
 * innermost Lua function on the stack, and takes it for granted that there is
 * one. Code that C called, and that leaves its own frame to a C function by a
 * tail call (`return string.rep(...)`), has none: with any handler attached
 * the VM then runs off the bottom of the stack, and crashes.
 *
 * The slot below the lowest frame is the last one that is looked at before
 * that. It holds the thread, so that there is something in the place of a
 * function while C code uses a thread in which nothing runs. While a trace is
 * recorded something does, and the slot can hold the function that is being
 * recorded: the search ends there.
 */
static uint64_t tagged(uint64_t tag, const void *object)
{
	return ~tag << 47 | (uintptr_t)object;
}

/* Four pointers in this order, into one stack: that is no accident. */
static bool looks_like_a_thread(const struct thread *t)
{
	return !((uintptr_t)t->stack % 8) && t->stack && t->base > t->stack && t->top >= t->base &&
	       t->max_stack > t->stack && t->max_stack + STACK_EXTRA > t->top &&
	       t->max_stack - t->stack < STACK_LIMIT;
}

/*
 * The slot below the base of a frame says in its lower bits how the frame was
 * entered. From a Lua function: then it holds the address of that function's
 * next instruction. Else by C or by the VM, and it holds how many bytes lie
 * between this base and the one before. A function with a variable number of
 * arguments has a second frame above its own.
 */
enum { FRAME_LUA = 0, FRAME_VARARG = 3, FRAME_PROTECTED_C = 5 };
enum { FRAME_LUA_BITS = 3, FRAME_BITS = 7 };

/* From a base to the one before, if the frame was entered like that; or NULL. */
static const uint64_t *base_before(const struct thread *t, const uint64_t *base, unsigned entered)
{
	uint64_t size = base[-1] / sizeof(*base);

	if ((base[-1] & FRAME_BITS) != entered || size >= (size_t)(base - t->stack))
		return NULL;
	return base - size;
}

bool direct_called_by_lua(const struct direct *d, lua_State *L)
{
	const struct thread *t = (const void *)L;
	const uint64_t *base, *named;

	if (!d->newest || d->callers.wrong || !looks_like_a_thread(t))
		return false;
	base = base_before(t, t->base, FRAME_PROTECTED_C);
	if (!base)
		return false;
	named = base_before(t, base, FRAME_VARARG);
	if (named)
		base = named;
	return (base[-1] & FRAME_LUA_BITS) == FRAME_LUA;
}

bool direct_guard(const struct direct *d, lua_State *L, const void *function)
{
	const struct thread *t = (const void *)L;

	if (!d->newest || d->places.wrong || !looks_like_a_thread(t) ||
	    *t->stack != tagged(SLOT_THREAD, L))
		return false;
	*t->stack = tagged(SLOT_FUNCTION, function);
	return true;
}

void direct_unguard(lua_State *L)
{
	*((const struct thread *)(const void *)L)->stack = tagged(SLOT_THREAD, L);
}

/* A finished trace is made an object just before its event: it is the newest. */
bool direct_trace(const struct direct *d, uint32_t traceno, struct direct_trace *trace)
{
	const struct trace *t;

	if (!d->newest || d->traces.wrong)
		return false;
	t = *d->newest;
	if (t->object.tag != TAG_TRACE || t->traceno != traceno)
		return false;
	trace->asmaddr = (uintptr_t)t->mcode;
	trace->asmlen = t->mcode_size;
	trace->nins = t->nins - REF_BIAS - 1;
	trace->link = t->link;
	trace->linktype = t->linktype;
	return true;
}
