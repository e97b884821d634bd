/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_index.c - object[key], object[key] = v and #object with metamethods.
 *
 * A metamethod that is no function is indexed in its turn, so __index and
 * __newindex form chains. Their length is limited because a chain may be a loop.
 */
#include "vm.h"

#include "call.h"
#include "debug.h"
#include "gc.h"

#define MAX_CHAIN 2000

/*
 * Looks for key along the chain. `object` gave nothing if it is a table and
 * `searched`. `object` may be `link`, which holds the rest of the chain.
 */
static void index_chain(lua_State *L, const Value *object, const Value *key, Value *result,
			bool searched)
{
	Value link, handler;

	for (int n = 0; n < MAX_CHAIN; n++) {
		if (likely(is_table(object))) {
			Table *t = as_table(object);

			if (!searched) {
				Slot s = table_find(t, key);

				if (!slot_is_nil(s)) {
					slot_get(s, result);
					return;
				}
			}
			if (!meta_fast(L, t->metatable, META_INDEX, &handler)) {
				set_nil(result);
				return;
			}
		} else if (unlikely(!meta_of(L, object, META_INDEX, &handler))) {
			error_type(L, object, "index");
		}
		if (is_function(&handler)) {
			meta_call_result(L, &handler, object, key, result);
			return;
		}
		set_value(&link, &handler);
		object = &link;
		searched = false;
	}
	error_run(L, "'__index' chain too long; possible loop");
}

void vm_index(lua_State *L, const Value *object, const Value *key, Value *result)
{
	index_chain(L, object, key, result, false);
}

void vm_index_absent(lua_State *L, const Value *object, const Value *key, Value *result)
{
	index_chain(L, object, key, result, true);
}

static void set_index_chain(lua_State *L, const Value *object, const Value *key, Slot slot,
			    bool searched, const Value *v)
{
	Value link, handler;

	for (int n = 0; n < MAX_CHAIN; n++) {
		if (likely(is_table(object))) {
			Table *t = as_table(object);

			if (!searched)
				slot = table_find(t, key);
			if (!slot_is_nil(slot)) {
				slot_set(slot, v);
				gc_barrier_back(L, t, v);
				return;
			}
			if (!meta_fast(L, t->metatable, META_NEWINDEX, &handler)) {
				table_put_at(L, t, key, slot, v);
				gc_barrier_back(L, t, v);
				return;
			}
		} else if (unlikely(!meta_of(L, object, META_NEWINDEX, &handler))) {
			error_type(L, object, "index");
		}
		if (is_function(&handler)) {
			meta_call(L, &handler, object, key, v);
			return;
		}
		set_value(&link, &handler);
		object = &link;
		searched = false;
	}
	error_run(L, "'__newindex' chain too long; possible loop");
}

void vm_set_index(lua_State *L, const Value *object, const Value *key, const Value *v)
{
	set_index_chain(L, object, key, (Slot){NULL, NULL}, false, v);
}

void vm_set_index_at(lua_State *L, const Value *object, const Value *key, Slot slot, const Value *v)
{
	set_index_chain(L, object, key, slot, true, v);
}

void vm_length(lua_State *L, const Value *v, Value *result)
{
	Value handler;

	switch (v->tag) {
	case TAG_TABLE:
		if (!meta_fast(L, as_table(v)->metatable, META_LEN, &handler)) {
			set_integer(result, (lua_Integer)table_border(as_table(v)));
			return;
		}
		break;
	case TAG_SHORT_STRING:
	case TAG_LONG_STRING:
		set_integer(result, (lua_Integer)string_length(as_string(v)));
		return;
	default:
		if (unlikely(!meta_of(L, v, META_LEN, &handler)))
			error_type(L, v, "get length of");
		break;
	}
	meta_call_result(L, &handler, v, v, result);
}
