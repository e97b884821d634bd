/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helpers.h - C functions that traces call.
 *
 * They raise no errors, run no Lua code and collect no garbage (unless `forces`),
 * so nothing of the trace's state need be in memory. What can fail (no memory, an
 * operand that wants a metamethod, an error to be raised) says so by its result; a
 * guard after the call leaves the trace, and the interpreter does the instruction
 * again, with the collector and the error messages at hand. So a helper that fails
 * must not have changed anything.
 *
 * A Lua value that is given or returned as a whole goes through Jit.operands and
 * Jit.result (setvalue, getvalue at their constant address).
 *
 * name, C function, result type, argument types (after lua_State *, which every
 * helper gets), effects.
 */
#ifndef JITLUA_HELPERS_H
#define JITLUA_HELPERS_H

#include "trace.h"

enum {
	HELPER_PURE = 0,	   /* depends on the arguments alone */
	HELPER_READS = 1 << 0,	   /* reads tables: not moved over stores to them */
	HELPER_WRITES = 1 << 1,	   /* writes tables: loads after it are done again */
	HELPER_ALLOCATES = 1 << 2, /* makes a new object: not shared, dropped if not used */
	HELPER_FORCES = 1 << 3,	   /* may do anything: only in call_may_force */
	HELPER_ONCE = 1 << 4,	   /* if it succeeded it is not to be done again */
	HELPER_CHANGES = HELPER_WRITES | HELPER_ONCE,
};

#define IR_HELPERS(X)                                                                             \
	X(FLOAT_POW, helper_float_pow, 'f', "ff", HELPER_PURE)                                    \
	X(FLOAT_MOD, helper_float_mod, 'f', "ff", HELPER_PURE)                                    \
	X(FLOAT_SIN, helper_float_sin, 'f', "f", HELPER_PURE)                                     \
	X(FLOAT_COS, helper_float_cos, 'f', "f", HELPER_PURE)                                     \
	X(FLOAT_TAN, helper_float_tan, 'f', "f", HELPER_PURE)                                     \
	X(FLOAT_ASIN, helper_float_asin, 'f', "f", HELPER_PURE)                                   \
	X(FLOAT_ACOS, helper_float_acos, 'f', "f", HELPER_PURE)                                   \
	X(FLOAT_ATAN2, helper_float_atan2, 'f', "ff", HELPER_PURE)                                \
	X(FLOAT_EXP, helper_float_exp, 'f', "f", HELPER_PURE)                                     \
	X(FLOAT_LOG, helper_float_log, 'f', "f", HELPER_PURE)                                     \
	X(FLOAT_FMOD, helper_float_fmod, 'f', "ff", HELPER_PURE)                                  \
	X(INT_FMOD, helper_int_fmod, 'i', "ii", HELPER_PURE) /* of what is not 0 */               \
	/* Exact comparison of integer and float. */                                              \
	X(INT_FLOAT_LT, helper_int_float_lt, 'i', "if", HELPER_PURE)                              \
	X(INT_FLOAT_LE, helper_int_float_le, 'i', "if", HELPER_PURE)                              \
	X(FLOAT_INT_LT, helper_float_int_lt, 'i', "fi", HELPER_PURE)                              \
	X(FLOAT_INT_LE, helper_float_int_le, 'i', "fi", HELPER_PURE)                              \
	/* Shifts with a count that is not known; Lua's. */                                       \
	X(SHIFT_LEFT, helper_shift_left, 'i', "ii", HELPER_PURE)                                  \
	/* Tables: raw. get: the tag, the value in Jit.result. */                                 \
	X(TABLE_GET_INTEGER, helper_table_get_integer, 'i', "ri", HELPER_READS)                   \
	X(TABLE_GET_STRING, helper_table_get_string, 'i', "rr", HELPER_READS)                     \
	X(TABLE_GET, helper_table_get, 'i', "r", HELPER_READS) /* key: operands[0] */             \
	/* put: value in operands[1]; 1, or 0 if it failed. No metamethod is looked at. */        \
	X(TABLE_PUT_INTEGER, helper_table_put_integer, 'i', "ri", HELPER_WRITES)                  \
	X(TABLE_PUT_STRING, helper_table_put_string, 'i', "rr", HELPER_WRITES)                    \
	X(TABLE_PUT, helper_table_put, 'i', "r", HELPER_WRITES) /* key: operands[0] */            \
	X(TABLE_BORDER, helper_table_border, 'i', "r", HELPER_READS)                              \
	X(TABLE_NEW, helper_table_new, 'r', "ii", HELPER_ALLOCATES)                               \
	/* An array part of so many elements at least: 1, or 0 if it failed. */                   \
	X(TABLE_RESERVE, helper_table_reserve, 'i', "ri", HELPER_WRITES)                          \
	/* A virtual table is made (model.h), with the values in operands: (model, metatable). */ \
	X(TABLE_MAKE, helper_table_make, 'r', "rr", HELPER_ALLOCATES)                             \
	/* table.insert at the end, table.remove from it: 1 or 0; value in operands/result. */    \
	X(TABLE_APPEND, helper_table_append, 'i', "r", HELPER_CHANGES)                            \
	/* The same at a position in a list, at 1 and up; what is removed is read before. */      \
	X(TABLE_INSERT, helper_table_insert, 'i', "ri", HELPER_CHANGES)                           \
	X(TABLE_REMOVE, helper_table_remove, 'i', "ri", HELPER_CHANGES)                           \
	/* Traversal: position -> next position, 0 at the end; key, value in operands[0], [1]. */ \
	X(TABLE_NEXT, helper_table_next, 'i', "ri", HELPER_WRITES)                                \
	/* 1, or 0 if the metatable has a finalizer. */                                           \
	X(SET_METATABLE, helper_set_metatable, 'i', "rr", HELPER_WRITES)                          \
	/* TABLE_NEXT of the key in operands[0]; -1: it is not there. */                          \
	X(TABLE_FOLLOW, helper_table_follow, 'i', "r", HELPER_READS)                              \
	/* (enclosing function, proto, its frame's register 0); NULL if it fails. */              \
	X(CLOSURE_NEW, helper_closure_new, 'r', "rrr", HELPER_ALLOCATES)                          \
	/* From a slot on: 1, or 0 if there is a variable to be closed. */                        \
	X(CLOSE_UPVALUES, helper_close_upvalues, 'i', "r", HELPER_WRITES)                         \
	/* The same for what closures of this trace alone share. */                               \
	X(CLOSE_OPENED, helper_close_opened, 'i', "r", HELPER_WRITES)                             \
	X(NOTHING_TO_CLOSE, helper_nothing_to_close, 'i', "r", HELPER_READS)                      \
	/* Strings; NULL if they fail. concat: n values in operands. */                           \
	X(CONCAT, helper_concat, 'r', "i", HELPER_ALLOCATES)                                      \
	X(STRING_SUB, helper_string_sub, 'r', "rii", HELPER_ALLOCATES)                            \
	X(STRING_CHAR, helper_string_char, 'r', "i", HELPER_ALLOCATES)                            \
	X(STRING_EQUAL, helper_string_equal, 'i', "rr", HELPER_PURE)                              \
	X(STRING_COMPARE, helper_string_compare, 'i', "rr", HELPER_PURE)                          \
	/* tostring(), tonumber() of a number or a string: operands[0]. */                        \
	X(TO_STRING, helper_to_string, 'r', "", HELPER_ALLOCATES)                                 \
	X(TO_NUMBER, helper_to_number, 'i', "r", HELPER_READS)                                    \
	/* The C function in slot (from L->frame's base, 0 and up), arguments up to L->top: */    \
	/* called as the interpreter does, results wanted: nresults. 1. May raise, yield. */      \
	X(CALL_FUNCTION, helper_call_function, 'i', "ii", HELPER_FORCES)

enum ir_helper {
#define X(name, function, type, args, effects) HELPER_##name,
	IR_HELPERS(X)
#undef X
		HELPER_COUNT
};

extern const struct helper_info {
	const char *name; /* of the C function, for text */
	void *function;
	char type;
	const char *args;
	uint8_t effects;
} helper_info[HELPER_COUNT];

#endif
