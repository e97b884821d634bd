/* SPDX-License-Identifier: BSD-2-Clause */
/* api_misc.c - what is left of lua.h: operators, warnings, the collector, the state. */
#include <stdarg.h>

#include "api.h"
#include "gc.h"
#include "luastring.h"
#include "vm.h"

/* ---- Operators ------------------------------------------------------------------------ */

void lua_arith(lua_State *L, int op)
{
	lua_assert(op >= LUA_OPADD && op <= LUA_OPBNOT);
	if (op == LUA_OPUNM || op == LUA_OPBNOT) {
		/* An operator with one operand gets it twice. */
		api_check_elements(L, 1);
		set_value(L->top, L->top - 1);
		api_pushed(L);
	}
	api_check_elements(L, 2);
	vm_arith(L, op, L->top - 2, L->top - 1, L->top - 2);
	L->top--;
}

void lua_concat(lua_State *L, int n)
{
	api_check_elements(L, n);
	if (n == 0) {
		set_object(L->top, string_new(L, "", 0));
		api_pushed(L);
	} else if (n > 1) {
		vm_concat(L, n);
	}
	gc_check(L);
}

void lua_len(lua_State *L, int index)
{
	vm_length(L, api_value(L, index), L->top);
	api_pushed(L);
}

/* ---- Warnings --------------------------------------------------------------------------- */

void lua_setwarnf(lua_State *L, lua_WarnFunction f, void *data)
{
	L->global->warn_data = data;
	L->global->warn = f;
}

void lua_warning(lua_State *L, const char *message, int to_continue)
{
	state_warning(L, message, to_continue);
}

/* ---- The state ---------------------------------------------------------------------------- */

int lua_gc(lua_State *L, int what, ...)
{
	va_list arguments;
	int result;

	va_start(arguments, what);
	result = gc_control(L, what, arguments);
	va_end(arguments);
	return result;
}

lua_Alloc lua_getallocf(lua_State *L, void **data)
{
	if (data)
		*data = L->global->allocate_data;
	return L->global->allocate;
}

void lua_setallocf(lua_State *L, lua_Alloc f, void *data)
{
	L->global->allocate_data = data;
	L->global->allocate = f;
}

lua_Number lua_version(lua_State *L)
{
	(void)L;
	return LUA_VERSION_NUM;
}

int lua_status(lua_State *L)
{
	return L->status;
}

/* Obsolete: since 5.4.3 the limit is fixed, and this only says what it is. */
int lua_setcstacklimit(lua_State *L, unsigned limit)
{
	(void)L;
	(void)limit;
	return LUAI_MAXCCALLS;
}
