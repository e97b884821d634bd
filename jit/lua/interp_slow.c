/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp_slow.c - what instructions do when their quick way does not apply, and
 * how an instruction is finished after a yield inside it.
 */
#include "../trace/trace.h"
#include "interp.h"

/* ---- Tables ------------------------------------------------------------------------- */

/* Longer chains are left to vm_index(), which knows the limit and raises the error. */
#define QUICK_CHAIN 16

const Node *interp_inherited(lua_State *L, const Value *object, const String *key)
{
	static const Node nothing;
	const String *name = L->global->meta_names[META_INDEX];
	Table *mt = meta_table(L, object);

	if (unlikely(!mt && !is_table(object)))
		return NULL;
	for (int i = 0; i < QUICK_CHAIN; i++) {
		const Node *n;
		const Table *t;

		if (has_no_meta(mt, META_INDEX))
			return is_table(object) ? &nothing : NULL;
		n = node_of_short(mt, name);
		if (!n || n->value_tag != TAG_TABLE)
			return NULL;
		t = (const Table *)n->value.object;
		n = node_of_short(t, key);
		if (n && n->value_tag != TAG_NIL)
			return n;
		mt = t->metatable;
		if (!mt)
			return &nothing;
	}
	return NULL;
}

void interp_set_short(lua_State *L, const Value *object, const Value *key, const Value *v)
{
	Slot s = {NULL, NULL};
	Table *t;

	if (unlikely(!is_table(object))) {
		vm_set_index(L, object, key, v);
		return;
	}
	t = as_table(object);
	s = table_find_short(t, as_string(key));
	if (likely(has_no_meta(t->metatable, META_NEWINDEX))) {
		table_put_at(L, t, key, s, v);
		gc_barrier_back(L, t, v);
	} else {
		vm_set_index_at(L, object, key, s, v);
	}
}

void interp_set_integer(lua_State *L, const Value *object, lua_Integer i, const Value *v)
{
	Value key;

	set_integer(&key, i);
	if (likely(is_table(object))) {
		Table *t = as_table(object);
		Slot s = table_find_integer(t, i);

		if (!slot_is_nil(s)) {
			slot_set(s, v);
			gc_barrier_back(L, t, v);
		} else if (has_no_meta(t->metatable, META_NEWINDEX)) {
			table_put_at(L, t, &key, s, v);
			gc_barrier_back(L, t, v);
		} else {
			vm_set_index_at(L, object, &key, s, v);
		}
	} else {
		vm_set_index(L, object, &key, v);
	}
}

void interp_get_integer(lua_State *L, const Value *object, lua_Integer i, Value *result)
{
	Value key;

	set_integer(&key, i);
	vm_index_absent(L, object, &key, result);
}

/* ---- Iterators of the base library ------------------------------------------------------ */

/*
 * The node after that of the key ra[2], as an index; UINT64_MAX if there is no such
 * key. While the loop has no variable to close, which is ra[3], nobody uses the
 * payload of the nil that is there: it keeps the index, and the search is but a
 * check. It may be anything, so it is believed only if the key is there.
 */
static inline uint64_t node_after(const Table *t, const Value *ra)
{
	const Value *key = ra + 2;
	uint64_t hint = (uint64_t)ra[3].u.i;
	Slot s;

	if (likely(hint <= t->node_mask)) {
		const Node *n = &t->nodes[hint];

		if (likely(n->key.i == key->u.i && n->key_tag == key->tag))
			return hint + 1;
	}
	s = table_find(t, key);
	if (unlikely(!s.payload))
		return UINT64_MAX;
	return (uint64_t)((Node *)((char *)s.payload - offsetof(Node, value)) - t->nodes) + 1;
}

bool interp_next(const Table *t, Value *ra)
{
	const Value *key = ra + 2;
	uint64_t i = 0;

	if (key->tag == TAG_INTEGER && (lua_Unsigned)key->u.i - 1 < t->array_size) {
		i = (uint64_t)key->u.i;
	} else if (key->tag != TAG_NIL) {
		if (unlikely(key->tag == TAG_FLOAT))
			return false;
		i = node_after(t, ra);
		if (unlikely(i == UINT64_MAX))
			return false;
		goto nodes;
	}
	for (; i < t->array_size; i++) {
		uint8_t tag = *array_tag(t, i);

		if (tag != TAG_NIL) {
			set_integer(ra + 4, (lua_Integer)i + 1);
			ra[5].u = *array_payload(t, i);
			ra[5].tag = tag;
			return true;
		}
	}
	i = 0;
nodes:
	for (; i <= t->node_mask; i++) {
		const Node *n = &t->nodes[i];

		if (n->value_tag != TAG_NIL) {
			ra[4].u = n->key;
			ra[4].tag = n->key_tag;
			ra[5].u = n->value;
			ra[5].tag = n->value_tag;
			if (is_nil(ra + 3))
				ra[3].u.i = (lua_Integer)i;
			return true;
		}
	}
	set_nil(ra + 4);
	return true;
}

/* ---- Frames ---------------------------------------------------------------------------- */

void interp_adjust_varargs(lua_State *L, Frame *f)
{
	const Proto *p = frame_function(f)->proto;
	int given = (int)(L->top - f->func) - 1;
	Value *func, *top;

	f->u.lua.extra_args = 0; /* as long as nothing has moved */
	stack_ensure(L, p->stack_size + 1);
	func = f->func;
	top = L->top;
	set_value(top, func);
	for (int i = 1; i <= p->parameters; i++) {
		set_value(top + i, func + i);
		set_nil(func + i); /* not to be kept alive twice */
	}
	f->func = top;
	f->top = top + 1 + p->stack_size;
	f->u.lua.extra_args = given - p->parameters;
	L->top = top + 1 + p->parameters;
}

void interp_get_varargs(lua_State *L, Frame *f, Value *to, int n)
{
	int extra = f->u.lua.extra_args, i;
	const Value *from;

	if (n < 0) {
		ptrdiff_t saved = save_slot(L, to);

		n = extra;
		if (unlikely(L->stack_last - L->top <= n)) {
			gc_check(L);
			stack_grow(L, n);
		}
		to = restore_slot(L, saved);
		L->top = to + n;
	}
	from = f->func - extra;
	for (i = 0; i < n && i < extra; i++)
		set_value(to + i, from + i);
	for (; i < n; i++)
		set_nil(to + i);
}

void interp_set_list(lua_State *L, Table *t, const Value *values, int n, unsigned last)
{
	unsigned i = last - (unsigned)n;

	if (last > t->array_size)
		table_resize_array(L, t, last);
	for (; i < last; i++, values++) {
		*array_payload(t, i) = values->u;
		*array_tag(t, i) = values->tag;
		gc_barrier_back(L, t, values);
	}
}

/* ---- After a yield ---------------------------------------------------------------------- */

static void finish_comparison(lua_State *L, Frame *f, Instruction i)
{
	bool result = !is_falsy(L->top - 1);

	L->top--;
	if (f->status & FRAME_LEQ) { /* it was "not (b < a)" */
		f->status &= (uint16_t)~FRAME_LEQ;
		result = !result;
	}
	if (result != get_k(i))
		f->u.lua.pc++; /* over the jump */
}

/* The metamethod took two operands; its result and what is left are at the top. */
static void finish_concat(lua_State *L, Frame *f, Instruction i)
{
	Value *result = L->top - 1, *first = frame_base(f) + get_a(i);
	int left = (int)(result - 1 - first);

	set_value(result - 2, result);
	L->top = result - 1;
	vm_concat(L, left);
}

void interp_finish_instruction(lua_State *L)
{
	Frame *f = L->frame;
	Value *base = frame_base(f);
	Instruction i = debug_instruction(L, f->u.lua.pc - 1);

	switch (get_op(i)) {
	case OP_MMBIN:
	case OP_MMBINI:
	case OP_MMBINK:
		L->top--;
		set_value(base + get_a(f->u.lua.pc[-2]), L->top);
		break;
	case OP_UNM:
	case OP_BNOT:
	case OP_LEN:
	case OP_GETTABUP:
	case OP_GETTABLE:
	case OP_GETI:
	case OP_GETFIELD:
	case OP_SELF:
		L->top--;
		set_value(base + get_a(i), L->top);
		break;
	case OP_LT:
	case OP_LE:
	case OP_LTI:
	case OP_LEI:
	case OP_GTI:
	case OP_GEI:
	case OP_EQ:
		finish_comparison(L, f, i);
		break;
	case OP_CONCAT:
		finish_concat(L, f, i);
		break;
	case OP_CLOSE:
		f->u.lua.pc--; /* again, for the variables that are left */
		break;
	case OP_RETURN:
		L->top = base + get_a(i) + f->u2.results;
		f->u.lua.pc--;
		break;
	default:
		/* calls, whose results are in place, and stores */
		break;
	}
}

void interp_run(lua_State *L, Frame *f)
{
	if (L->global->jit)
		interp_run_jit(L, f);
	else
		interp_run_plain(L, f);
}

void interp_update_mode(lua_State *L)
{
	Jit *jit = L->global->jit;

	if (jit && L->hook_mask && jit->recording == L)
		jit->missed = true;
	if (L->hook_mask)
		state_set_mode(L, MODE_HOOK);
	else if (jit && jit->recording == L)
		state_set_mode(L, MODE_RECORD);
	else
		state_set_mode(L, jit && jit->on ? MODE_JIT : MODE_NORMAL);
}
