/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_arith.c - operators on any values, and the preparation of numeric loops.
 *
 * Strings are numbers in arithmetic by the metamethods of the string library,
 * not here. A numeric loop does take strings as numbers, but for what must be
 * integers: as Lua does.
 */
#include "vm.h"

#include "call.h"
#include "debug.h"

void vm_arith(lua_State *L, int op, const Value *a, const Value *b, Value *result)
{
	if (!number_arith(L, op, a, b, result))
		meta_binary(L, a, b, result, META_ADD + (op - LUA_OPADD));
}

/*
 * The limit of a loop over integers, from any number. true: the loop does not
 * run. A limit that no integer reaches becomes the last integer on its side; NaN
 * counts as one below all.
 */
static bool integer_limit(lua_State *L, lua_Integer start, const Value *limit, lua_Integer step,
			  lua_Integer *result)
{
	lua_Number f;

	if (is_integer(limit)) {
		*result = limit->u.i;
	} else if (!to_integer_slow(limit, result, step < 0 ? ROUND_CEIL : ROUND_FLOOR)) {
		if (!to_number(limit, &f))
			error_for(L, limit, "limit");
		if (0 < f) {
			if (step < 0)
				return true;
			*result = LUA_MAXINTEGER;
		} else {
			if (step > 0)
				return true;
			*result = LUA_MININTEGER;
		}
	}
	return step > 0 ? start > *result : start < *result;
}

static bool prepare_integer(lua_State *L, Value *ra)
{
	lua_Integer start = ra[0].u.i, step = ra[2].u.i, limit;
	lua_Unsigned count;

	if (unlikely(step == 0))
		error_run(L, "'for' step is zero");
	set_integer(ra + 3, start);
	if (integer_limit(L, start, ra + 1, step, &limit))
		return true;
	if (step > 0) {
		count = (lua_Unsigned)limit - (lua_Unsigned)start;
		if (step != 1)
			count /= (lua_Unsigned)step;
	} else {
		/* -(step + 1) + 1: so that the least integer can be negated */
		count = (lua_Unsigned)start - (lua_Unsigned)limit;
		count /= (lua_Unsigned)(-(step + 1)) + 1u;
	}
	set_integer(ra + 1, (lua_Integer)count);
	return false;
}

static bool prepare_float(lua_State *L, Value *ra)
{
	lua_Number start, limit, step;

	if (unlikely(!to_number(ra + 1, &limit)))
		error_for(L, ra + 1, "limit");
	if (unlikely(!to_number(ra + 2, &step)))
		error_for(L, ra + 2, "step");
	if (unlikely(!to_number(ra, &start)))
		error_for(L, ra, "initial value");
	if (unlikely(step == 0))
		error_run(L, "'for' step is zero");
	if (step > 0 ? limit < start : start < limit)
		return true;
	set_float(ra, start);
	set_float(ra + 1, limit);
	set_float(ra + 2, step);
	set_float(ra + 3, start);
	return false;
}

bool vm_for_prepare(lua_State *L, Value *ra)
{
	if (is_integer(ra) && is_integer(ra + 2))
		return prepare_integer(L, ra);
	return prepare_float(L, ra);
}
