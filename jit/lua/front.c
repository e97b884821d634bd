/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * front.c - compiles text by Lua's own lexer, parser and code generator.
 *
 * They come from liblua5.4.a as a whole Lua core of their own, whose symbols got
 * the prefix front_ (Makefile). It never runs a function. Text goes in by its
 * lua_load(), the binary chunk comes out by its lua_dump(), and undump.c makes
 * our function of it. So bytecode and syntax errors are lua5.4's to the letter.
 *
 * The compiler's state is made when the first text is loaded. A compilation
 * leaves garbage there. Its collector is off meanwhile: once it has more than
 * KEEP_BYTES it collects, and after a big chunk, more than CLOSE_BYTES, it is
 * closed, and the next text gets a new one. Its memory comes from the program's
 * allocator; an allocation that fails runs our emergency collection first. It is
 * not in the figures of our collector: it is there for the duration of a
 * lua_load(), and at most KEEP_BYTES of it after that.
 *
 * No longjmp of ours may cross the compiler's C frames, nor one of its ours. Its
 * errors end in its lua_load(). The program's reader, which may run Lua code,
 * raise errors and load other texts meanwhile, runs in a protected call; if it
 * fails, the compiler sees the end of the text and what the reader raised is
 * raised again after the compiler has returned.
 *
 * Between lua_dump() and undump() the chunk lies in a list of blocks. A big one is
 * never there three times: the garbage of its compilation is collected before it
 * is dumped, the compiler's state is closed after that, and undump() frees block
 * by block what it has read.
 */
#include "call.h"
#include "chunk.h"
#include "gc.h"
#include "luastring.h"

/* ---- The compiler ---------------------------------------------------------------------- */

struct front_state;
typedef const char *(*FrontReader)(struct front_state *F, void *data, size_t *size);
typedef int (*FrontWriter)(struct front_state *F, const void *p, size_t size, void *data);

extern struct front_state *front_lua_newstate(lua_Alloc allocate, void *data);
extern void front_lua_close(struct front_state *F);
extern int front_lua_gc(struct front_state *F, int what, ...);
extern int front_lua_load(struct front_state *F, FrontReader reader, void *data, const char *name,
			  const char *mode);
extern int front_lua_dump(struct front_state *F, FrontWriter writer, void *data, int strip);
extern int front_lua_gettop(struct front_state *F);
extern void front_lua_settop(struct front_state *F, int index);
extern const char *front_lua_tolstring(struct front_state *F, int index, size_t *length);

#define KEEP_BYTES ((size_t)128 << 10)
#define CLOSE_BYTES ((size_t)1 << 20)
#define COLLECT_BYTES ((size_t)4 << 20)

/* Global.front */
typedef struct front {
	Global *global;
	lua_State *L; /* the thread that compiles */
	struct front_state *state;
	size_t bytes; /* that the state has */
	int depth;    /* compilations under way: readers may load */
} Front;

/* Runs an emergency collection if there is no memory. */
static void *allocate(lua_State *L, Global *g, void *p, size_t old_size, size_t new_size)
{
	void *block = g->allocate(g->allocate_data, p, old_size, new_size);

	if (unlikely(!block) && new_size > 0 && L && !g->stop_emergency) {
		gc_full(L, true);
		block = g->allocate(g->allocate_data, p, old_size, new_size);
	}
	return block;
}

/* The compiler's lua_Alloc. */
static void *allocate_counted(void *data, void *p, size_t old_size, size_t new_size)
{
	Front *front = data;
	void *block = allocate(front->L, front->global, p, old_size, new_size);

	if (block || new_size == 0)
		front->bytes += new_size - (p ? old_size : 0);
	return block;
}

static Front *front_open(lua_State *L)
{
	Global *g = L->global;
	Front *front = g->front;

	if (!front) {
		front = allocate(L, g, NULL, 0, sizeof *front);
		if (!front)
			throw_memory(L);
		*front = (Front){.global = g};
		g->front = front;
	}
	if (!front->state) {
		front->L = L;
		front->state = front_lua_newstate(allocate_counted, front);
		front->L = NULL;
		if (!front->state)
			throw_memory(L);
		front_lua_gc(front->state, LUA_GCSTOP);
	}
	return front;
}

static void close_state(Front *front)
{
	front_lua_close(front->state);
	front->state = NULL;
	lua_assert(front->bytes == 0);
}

void front_close(Global *g)
{
	Front *front = g->front;

	if (!front)
		return;
	if (front->state)
		close_state(front);
	g->allocate(g->allocate_data, front, sizeof *front, 0);
	g->front = NULL;
}

/* ---- The chunk between the two ------------------------------------------------------------ */

typedef struct block {
	struct block *next;
	size_t size, used;
	char bytes[];
} Block;

#define BLOCK_MIN ((size_t)8 << 10)
#define BLOCK_MAX ((size_t)256 << 10)

/* A small chunk needs no memory but this. */
typedef struct pipe {
	lua_State *L;
	Block *first, *last; /* what did not fit into bytes */
	bool handed_out;     /* the first block is being read */
	size_t used;
	char bytes[2048];
} Pipe;

/* Its bytes need not be zeroed. */
static void pipe_open(Pipe *pipe, lua_State *L)
{
	pipe->L = L;
	pipe->first = pipe->last = NULL;
	pipe->handed_out = false;
	pipe->used = 0;
}

static Block *new_block(Pipe *pipe, size_t needed)
{
	size_t size = pipe->last ? pipe->last->size * 2 : BLOCK_MIN;
	Block *b;

	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	if (size < needed)
		size = needed;
	b = allocate(pipe->L, pipe->L->global, NULL, 0, sizeof *b + size);
	if (!b)
		return NULL;
	*b = (Block){.size = size};
	if (pipe->last)
		pipe->last->next = b;
	else
		pipe->first = b;
	pipe->last = b;
	return b;
}

static void free_first(Pipe *pipe)
{
	Global *g = pipe->L->global;
	Block *b = pipe->first;

	pipe->first = b->next;
	g->allocate(g->allocate_data, b, sizeof *b + b->size, 0);
}

static int pipe_write(struct front_state *F, const void *p, size_t size, void *data)
{
	Pipe *pipe = data;
	Block *b = pipe->last;

	(void)F;
	if (!b && sizeof pipe->bytes - pipe->used >= size) {
		memcpy(pipe->bytes + pipe->used, p, size);
		pipe->used += size;
		return 0;
	}
	if (!b || b->size - b->used < size) {
		b = new_block(pipe, size);
		if (!b)
			return LUA_ERRMEM;
	}
	memcpy(b->bytes + b->used, p, size);
	b->used += size;
	return 0;
}

/* Block by block; the one before is freed. */
static const char *pipe_read(lua_State *L, void *data, size_t *size)
{
	Pipe *pipe = data;

	(void)L;
	if (pipe->used > 0) {
		*size = pipe->used;
		pipe->used = 0;
		return pipe->bytes;
	}
	if (pipe->handed_out)
		free_first(pipe);
	pipe->handed_out = pipe->first != NULL;
	if (!pipe->first)
		return NULL;
	*size = pipe->first->used;
	return pipe->first->bytes;
}

/* ---- Compiling ------------------------------------------------------------------------------ */

typedef struct compilation {
	lua_State *L;
	Input *in;
	int first;  /* byte that was taken from in already; INPUT_END after the end */
	int status; /* of the reader */
} Compilation;

static void fill(lua_State *L, void *data)
{
	Compilation *c = data;

	(void)L;
	c->first = input_fill(c->in);
}

/* The compiler's reader: hands on what the program's reader gives. */
static const char *read_text(struct front_state *F, void *data, size_t *size)
{
	Compilation *c = data;
	Input *in = c->in;
	const char *text;

	if (c->first == INPUT_END)
		return NULL;
	if (!in->p) {
		lua_State *L = c->L;
		int top = front_lua_gettop(F);

		c->status = call_protected(L, fill, c, save_slot(L, L->top), L->error_function);
		/* A compilation that the reader began may have been left by an error. */
		front_lua_settop(F, top);
		if (c->status != LUA_OK)
			c->first = INPUT_END;
		if (c->first == INPUT_END)
			return NULL;
	}
	/* The byte that was taken is still in front of the rest. */
	text = in->p - 1;
	*size = in->n + 1;
	in->p = NULL;
	in->n = 0;
	return text;
}

static void leave(Front *front, lua_State *outer)
{
	front->depth--;
	front->L = outer;
}

/* What is above top is garbage now. */
static void clean(Front *front, int top)
{
	if (front->depth == 0 && front->bytes > CLOSE_BYTES) {
		close_state(front);
		return;
	}
	front_lua_settop(front->state, top);
	if (front->depth == 0 && front->bytes > KEEP_BYTES)
		front_lua_gc(front->state, LUA_GCCOLLECT);
}

/* Takes over the compiler's error message and raises it. */
static _Noreturn void raise_message(lua_State *L, Front *front, int top, int status)
{
	size_t length;
	const char *text = front_lua_tolstring(front->state, -1, &length);

	if (status != LUA_ERRMEM) {
		String *s = string_new(L, text, length);

		push_object(L, s);
	}
	clean(front, top);
	if (status == LUA_ERRRUN)
		throw_error(L);
	throw_status(L, status);
}

typedef struct undumping {
	Pipe *pipe;
	const char *name;
} Undumping;

static void run_undump(lua_State *L, void *data)
{
	Undumping *u = data;
	Input in;

	input_open(L, &in, pipe_read, u->pipe);
	input_byte(&in);
	undump(L, &in, u->name, true);
}

LuaFunction *front_compile(lua_State *L, Input *in, int first, const char *name)
{
	Front *front = front_open(L);
	lua_State *outer = front->L;
	int top = front->depth ? front_lua_gettop(front->state) : 0;
	Compilation c = {.L = L, .in = in, .first = first};
	Pipe pipe;
	Undumping u = {&pipe, name};
	int status, write_status = LUA_OK;

	pipe_open(&pipe, L);
	stack_ensure(L, 2);
	front->depth++;
	front->L = L;
	status = front_lua_load(front->state, read_text, &c, name, NULL);
	if (status == LUA_OK && c.status == LUA_OK && front->bytes > COLLECT_BYTES)
		front_lua_gc(front->state, LUA_GCCOLLECT);
	if (status == LUA_OK && c.status == LUA_OK)
		write_status = front_lua_dump(front->state, pipe_write, &pipe, false);
	leave(front, outer);
	if (status != LUA_OK && c.status == LUA_OK)
		raise_message(L, front, top, status);
	clean(front, top);
	status = c.status != LUA_OK ? c.status : write_status;
	if (status == LUA_OK && !pipe.first)
		run_undump(L, &u); /* leaves nothing behind if it raises */
	else if (status == LUA_OK)
		status = call_raw_protected(L, run_undump, &u);
	while (pipe.first)
		free_first(&pipe);
	if (status != LUA_OK)
		throw_status(L, status);
	return as_lua_function(L->top - 1);
}
