/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lua_operations.c - operations as Lua tables, and lists of them back again.
 *
 *	op.name		"int_add"
 *	op.args		list: a number is a constant, a Box a variable or an object
 *	op.result	the Box that the operation defines; nil if it has no result
 *	op.descr	text: which field, helper, slot, tag
 *	op.failargs	of a guard: the values that its exit restores
 *	op.snapshot	of a guard, or a call that may do anything: how they are restored
 *	op.line, op.offset, op.hash
 *
 * Everything in these tables may be changed. A Box is a variable by its identity: what a
 * hook writes into it means nothing. So a Box of another trace, or one whose operation
 * does not stand in the list, is a variable that is not defined, and a table that looks
 * like an object of the trace is none.
 */
#include "lua_hooks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- To Lua ---------------------------------------------------------------------------------- */

static void set_kept_metatable(lua_State *L, int kept, int which)
{
	lua_rawgeti(L, kept, which);
	lua_setmetatable(L, -2);
}

/* Notes in table `which` what the box at the top stands for. */
static void note(lua_State *L, int kept, int which, uint64_t n)
{
	lua_rawgeti(L, kept, which);
	lua_pushvalue(L, -2);
	lua_pushinteger(L, (lua_Integer)n);
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

static void new_box(lua_State *L, int kept, char type)
{
	lua_createtable(L, 0, 2);
	lua_pushlstring(L, &type, 1);
	lua_setfield(L, -2, "type");
	set_kept_metatable(L, kept, KEPT_BOX);
}

/* A variable of the list: boxes[number], made when it is first met. */
static void push_variable(lua_State *L, int kept, int boxes, const struct jit_box *box)
{
	if (lua_rawgeti(L, boxes, (lua_Integer)box->id + 1) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	new_box(L, kept, box->type);
	lua_pushinteger(L, (lua_Integer)box->id);
	lua_setfield(L, -2, "id");
	note(L, kept, KEPT_NUMBERS, box->id);
	lua_pushvalue(L, -1);
	lua_rawseti(L, boxes, (lua_Integer)box->id + 1);
}

/* An object of the trace; value: what a program may see of it. tag as in a Value. */
static void push_pointer(lua_State *L, int kept, uint64_t r)
{
	const Ir *ir = &L->global->jit->finishing->ir;
	uint8_t tag = TAG_NIL;

	for (uint32_t i = 0; i < ir->n_constants && tag == TAG_NIL; i++)
		if (ir->constants[i].type == 'r' && (uint64_t)(uintptr_t)ir->constants[i].u.p == r)
			tag = ir->constants[i].tag;
	new_box(L, kept, 'r');
	lua_pushinteger(L, (lua_Integer)r);
	lua_setfield(L, -2, "address");
	note(L, kept, KEPT_POINTERS, r);
	if (tag == TAG_NIL || (tag & 0x0f) >= LUA_NUMTYPES)
		return;
	L->top->u.p = (void *)(uintptr_t)r;
	L->top->tag = tag;
	L->top++;
	lua_setfield(L, -2, "value");
}

static void push_box(lua_State *L, int kept, int boxes, const struct jit_box *box)
{
	if (!box->constant)
		push_variable(L, kept, boxes, box);
	else if (box->type == 'i')
		lua_pushinteger(L, box->i);
	else if (box->type == 'f')
		lua_pushnumber(L, box->f);
	else
		push_pointer(L, kept, box->r);
}

static void push_boxes(lua_State *L, int kept, int boxes, const struct jit_box *box, uint32_t n)
{
	lua_createtable(L, (int)n, 0);
	for (uint32_t i = 0; i < n; i++) {
		push_box(L, kept, boxes, &box[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void set_number(lua_State *L, const char *name, uint64_t n)
{
	lua_pushinteger(L, (lua_Integer)n);
	lua_setfield(L, -2, name);
}

static void push_operation(lua_State *L, int kept, int boxes, const ResOperation *op)
{
	lua_createtable(L, 0, 8);
	set_kept_metatable(L, kept, KEPT_OPERATION);
	lua_pushstring(L, op->name);
	lua_setfield(L, -2, "name");
	push_boxes(L, kept, boxes, op->args, op->nargs);
	lua_setfield(L, -2, "args");
	if (op->result.type != 'v') {
		push_variable(L, kept, boxes, &op->result);
		lua_setfield(L, -2, "result");
	}
	if (op->descr) {
		lua_pushstring(L, op->descr);
		lua_setfield(L, -2, "descr");
	}
	if (op->hash) {
		push_boxes(L, kept, boxes, op->failargs, op->nfailargs);
		lua_setfield(L, -2, "failargs");
		lua_pushlightuserdata(L, (void *)op->descr_ref);
		lua_setfield(L, -2, "snapshot");
		set_number(L, "hash", op->hash);
	}
	set_number(L, "line", op->line);
	set_number(L, "offset", op->offset);
}

void lua_operations_push(lua_State *L, struct lua_hooks *h, int kept, const ResOperation *list,
			 size_t n)
{
	int boxes;

	luaL_checkstack(L, 20, "operations");
	for (int which = KEPT_NUMBERS; which <= KEPT_RETURNED; which++) {
		lua_newtable(L);
		lua_rawseti(L, kept, which);
	}
	h->next_number = 0;
	lua_newtable(L);
	boxes = lua_gettop(L);
	lua_createtable(L, n < INT_MAX ? (int)n : 0, 0);
	for (size_t i = 0; i < n; i++) {
		push_operation(L, kept, boxes, &list[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
		if ((lua_Integer)list[i].result.id >= h->next_number)
			h->next_number = (lua_Integer)list[i].result.id + 1;
	}
	lua_remove(L, boxes);
}

/* ---- From Lua -------------------------------------------------------------------------------- */

struct taking {
	lua_State *L;
	struct lua_hooks *h;
	int kept;
	size_t at;	  /* from 0 */
	const char *name; /* of the operation */
	char *message;
};

static bool refuse(const struct taking *t, const char *format, ...)
{
	va_list arguments;
	int n;

	n = snprintf(t->message, 160, "operation %zu, %.40s: ", t->at, t->name ? t->name : "?");
	va_start(arguments, format);
	vsnprintf(t->message + n, 160 - (size_t)n, format, arguments);
	va_end(arguments);
	return false;
}

static int get(lua_State *L, int index, const char *field)
{
	index = lua_absindex(L, index);
	lua_pushstring(L, field);
	return lua_rawget(L, index);
}

/* What table `which` says of the box at the top; replaces nothing. */
static bool look_up(const struct taking *t, int which, lua_Integer *n)
{
	lua_State *L = t->L;
	bool found;

	lua_rawgeti(L, t->kept, which);
	lua_pushvalue(L, -2);
	found = lua_rawget(L, -2) == LUA_TNUMBER;
	*n = lua_tointeger(L, -1);
	lua_pop(L, 2);
	return found;
}

static bool is_kept_class(const struct taking *t, int which)
{
	bool is;

	if (!lua_getmetatable(t->L, -1))
		return false;
	lua_rawgeti(t->L, t->kept, which);
	is = lua_rawequal(t->L, -1, -2);
	lua_pop(t->L, 2);
	return is;
}

/* The value at the top as a box, popped. */
static bool take_box(const struct taking *t, struct jit_box *to, const char *what, unsigned n)
{
	lua_State *L = t->L;
	lua_Integer number;
	bool good = true;

	*to = (struct jit_box){0};
	if (lua_isinteger(L, -1)) {
		*to = (struct jit_box){.type = 'i', .constant = 1, .i = lua_tointeger(L, -1)};
	} else if (lua_type(L, -1) == LUA_TNUMBER) {
		*to = (struct jit_box){.type = 'f', .constant = 1, .f = lua_tonumber(L, -1)};
	} else if (lua_type(L, -1) != LUA_TTABLE) {
		good = refuse(t, "%s %u is a %s: neither a number nor a Box", what, n,
			      luaL_typename(L, -1));
	} else if (look_up(t, KEPT_POINTERS, &number)) {
		*to = (struct jit_box){.type = 'r', .constant = 1, .r = (uint64_t)number};
	} else if (!is_kept_class(t, KEPT_BOX)) {
		good = refuse(t, "%s %u is a table that is no Box", what, n);
	} else {
		if (!look_up(t, KEPT_NUMBERS, &number)) {
			number = t->h->next_number++;
			note(L, t->kept, KEPT_NUMBERS, (uint64_t)number);
		}
		to->id = (uint64_t)number;
		if (get(L, -1, "type") == LUA_TSTRING)
			to->type = lua_tostring(L, -1)[0];
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return good;
}

/* The list in field `field` of the operation at the top. */
static bool take_boxes(const struct taking *t, const char *field, const char *what,
		       struct jit_box *boxes, uint32_t room, uint32_t *n)
{
	lua_State *L = t->L;
	int type = get(L, -1, field);
	lua_Unsigned length;

	*n = 0;
	if (type != LUA_TTABLE) {
		lua_pop(L, 1);
		return type == LUA_TNIL ||
		       refuse(t, "its %s are a %s", field, lua_typename(L, type));
	}
	length = lua_rawlen(L, -1);
	if (length > room) {
		lua_pop(L, 1);
		return refuse(t, "too many %s", field);
	}
	for (; *n < length; ++*n) {
		lua_rawgeti(L, -1, (lua_Integer)*n + 1);
		if (!take_box(t, &boxes[*n], what, *n + 1))
			break;
	}
	lua_pop(L, 1);
	return *n == length;
}

static bool take_text(const struct taking *t, const char *field, const char **text)
{
	lua_State *L = t->L;
	int type = get(L, -1, field);

	/* The list is kept, and with it the string. */
	*text = type == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
	lua_pop(L, 1);
	return *text || type == LUA_TNIL ||
	       refuse(t, "its %s is a %s", field, lua_typename(L, type));
}

/* The operation at the top. */
static bool take_operation(struct taking *t, ResOperation *op, struct jit_box **boxes,
			   const struct jit_box *end)
{
	lua_State *L = t->L;

	*op = (ResOperation){.result = {.type = 'v'}};
	t->name = NULL;
	if (lua_type(L, -1) != LUA_TTABLE)
		return refuse(t, "is a %s, not an operation", luaL_typename(L, -1));
	if (!take_text(t, "name", &op->name))
		return false;
	if (!op->name)
		return refuse(t, "has no name");
	t->name = op->name;
	op->args = *boxes;
	if (!take_boxes(t, "args", "argument", *boxes, (uint32_t)(end - *boxes), &op->nargs))
		return false;
	*boxes += op->nargs;
	op->failargs = *boxes;
	if (!take_boxes(t, "failargs", "failarg", *boxes, (uint32_t)(end - *boxes), &op->nfailargs))
		return false;
	*boxes += op->nfailargs;
	if (!take_text(t, "descr", &op->descr))
		return false;
	if (get(L, -1, "result") == LUA_TNIL)
		lua_pop(L, 1);
	else if (!take_box(t, &op->result, "result", 1))
		return false;
	if (get(L, -1, "snapshot") == LUA_TLIGHTUSERDATA)
		op->descr_ref = lua_touserdata(L, -1);
	lua_pop(L, 1);
	if (get(L, -1, "line") == LUA_TNUMBER)
		op->line = (uint32_t)lua_tointeger(L, -1);
	lua_pop(L, 1);
	return true;
}

#define MAX_BOXES 500 /* of one operation */

static size_t count_boxes(lua_State *L, size_t n)
{
	static const char *const fields[] = {"args", "failargs"};
	size_t boxes = 0;

	for (size_t i = 0; i < n; i++) {
		if (lua_rawgeti(L, -1, (lua_Integer)i + 1) == LUA_TTABLE)
			for (int f = 0; f < 2; f++) {
				size_t length =
					get(L, -1, fields[f]) == LUA_TTABLE ? lua_rawlen(L, -1) : 0;

				boxes += length < MAX_BOXES ? length : MAX_BOXES;
				lua_pop(L, 1);
			}
		lua_pop(L, 1);
	}
	return boxes;
}

bool lua_operations_take(lua_State *L, struct lua_hooks *h, int kept, size_t limit,
			 struct jit_operations *to, char message[160])
{
	struct taking t = {.L = L, .h = h, .kept = kept, .message = message};
	struct jit_box *boxes;
	size_t n, n_boxes;

	luaL_checkstack(L, 20, "operations");
	if (lua_type(L, -1) != LUA_TTABLE) {
		snprintf(message, 160, "the hook returned a %s, not a list of operations",
			 luaL_typename(L, -1));
		return false;
	}
	n = lua_rawlen(L, -1);
	if (n > limit) {
		snprintf(message, 160, "the list has %zu operations: too long, at most %zu", n,
			 limit);
		return false;
	}
	lua_pushvalue(L, -1);
	lua_rawseti(L, kept, KEPT_RETURNED);
	n_boxes = count_boxes(L, n);
	free(h->ops);
	free(h->boxes);
	h->ops = calloc(n + 1, sizeof(*h->ops));
	h->boxes = boxes = calloc(n_boxes + 1, sizeof(*h->boxes));
	if (!h->ops || !boxes) {
		snprintf(message, 160, "out of memory");
		return false;
	}
	for (t.at = 0; t.at < n; t.at++) {
		bool good;

		lua_rawgeti(L, -1, (lua_Integer)t.at + 1);
		good = take_operation(&t, &h->ops[t.at], &boxes, h->boxes + n_boxes);
		lua_pop(L, 1);
		if (!good)
			return false;
	}
	*to = (struct jit_operations){h->ops, n};
	return true;
}

/* ---- Constructors, methods ------------------------------------------------------------------- */

static int box_constructor(lua_State *L)
{
	const char *type = luaL_checkstring(L, 1);

	luaL_argcheck(L, strlen(type) == 1 && strchr("ifr", type[0]), 1,
		      "'i', 'f' or 'r' expected");
	lua_hooks_kept(L);
	new_box(L, lua_gettop(L), type[0]);
	return 1;
}

/* ResOperation(name, args, descr): with a result of its own if the operation has one. */
static int operation_constructor(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	enum ir_opcode opcode;
	int kept;

	luaL_checktype(L, 2, LUA_TTABLE);
	if (!ir_find_operation(name, &opcode))
		return luaL_argerror(L, 1, lua_pushfstring(L, "no operation '%s'", name));
	lua_settop(L, 3);
	lua_hooks_kept(L);
	kept = lua_gettop(L);
	lua_createtable(L, 0, 5);
	set_kept_metatable(L, kept, KEPT_OPERATION);
	lua_pushvalue(L, 1);
	lua_setfield(L, -2, "name");
	lua_pushvalue(L, 2);
	lua_setfield(L, -2, "args");
	lua_pushvalue(L, 3);
	lua_setfield(L, -2, "descr");
	set_number(L, "line", 0);
	set_number(L, "offset", 0);
	if (ir_info[opcode].type != 'v') {
		new_box(L, kept, ir_info[opcode].type);
		lua_setfield(L, -2, "result");
	}
	return 1;
}

/* op:getarg(n), op:setarg(n, box): from 0, as pypyjit has it. */
static int operation_getarg(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_getfield(L, 1, "args");
	lua_pushinteger(L, luaL_checkinteger(L, 2) + 1);
	lua_gettable(L, -2);
	return 1;
}

static int operation_setarg(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_getfield(L, 1, "args");
	lua_pushinteger(L, luaL_checkinteger(L, 2) + 1);
	lua_pushvalue(L, 3);
	lua_settable(L, -3);
	return 0;
}

static int box_text(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	if (get(L, 1, "address") == LUA_TNUMBER) {
		if (get(L, 1, "value") == LUA_TSTRING)
			lua_pushfstring(L, "ConstPtr(\"%s\")", lua_tostring(L, -1));
		else
			lua_pushfstring(L, "ConstPtr(%s %p)", luaL_typename(L, -1),
					(void *)(uintptr_t)lua_tointeger(L, 2));
		return 1;
	}
	get(L, 1, "type");
	get(L, 1, "id");
	lua_pushfstring(L, "%s%s", lua_type(L, 3) == LUA_TSTRING ? lua_tostring(L, 3) : "?",
			lua_isinteger(L, 4) ? luaL_tolstring(L, 4, NULL) : "?");
	return 1;
}

static void add_boxes(lua_State *L, luaL_Buffer *b, int list)
{
	lua_Integer n = lua_type(L, list) == LUA_TTABLE ? (lua_Integer)lua_rawlen(L, list) : 0;

	for (lua_Integer i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addstring(b, ", ");
		/* The buffer may have something on the stack. */
		lua_rawgeti(L, list, i);
		luaL_tolstring(L, -1, NULL);
		lua_remove(L, -2);
		luaL_addvalue(b);
	}
}

/* As RPython prints it: `i5 = int_add(i3, 1)`, `guard_true(i5) [i3]`. */
static int operation_text(lua_State *L)
{
	luaL_Buffer b;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	get(L, 1, "result");
	get(L, 1, "name");
	get(L, 1, "args");
	get(L, 1, "descr");
	get(L, 1, "failargs");
	luaL_buffinit(L, &b);
	if (!lua_isnil(L, 2)) {
		luaL_tolstring(L, 2, NULL);
		luaL_addvalue(&b);
		luaL_addstring(&b, " = ");
	}
	luaL_tolstring(L, 3, NULL);
	luaL_addvalue(&b);
	luaL_addchar(&b, '(');
	add_boxes(L, &b, 4);
	if (!lua_isnil(L, 5)) {
		if (lua_type(L, 4) == LUA_TTABLE && lua_rawlen(L, 4))
			luaL_addstring(&b, ", ");
		luaL_addstring(&b, "descr=");
		luaL_tolstring(L, 5, NULL);
		luaL_addvalue(&b);
	}
	luaL_addchar(&b, ')');
	if (!lua_isnil(L, 6)) {
		luaL_addstring(&b, " [");
		add_boxes(L, &b, 6);
		luaL_addchar(&b, ']');
	}
	luaL_pushresult(&b);
	return 1;
}

static void new_class(lua_State *L, int kept, int which, const char *name, lua_CFunction text)
{
	lua_newtable(L);
	lua_pushstring(L, name);
	lua_setfield(L, -2, "__name");
	lua_pushcfunction(L, text);
	lua_setfield(L, -2, "__tostring");
	lua_pushvalue(L, -1);
	lua_rawseti(L, kept, which);
}

void lua_operations_open(lua_State *L)
{
	static const luaL_Reg methods[] = {{"getarg", operation_getarg},
					   {"setarg", operation_setarg},
					   {NULL, NULL}};
	int module = lua_gettop(L), kept;

	lua_hooks_kept(L);
	kept = lua_gettop(L);
	new_class(L, kept, KEPT_BOX, "Box", box_text);
	new_class(L, kept, KEPT_OPERATION, "ResOperation", operation_text);
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, box_constructor);
	lua_setfield(L, module, "Box");
	lua_pushcfunction(L, operation_constructor);
	lua_setfield(L, module, "ResOperation");
	lua_settop(L, module);
}
