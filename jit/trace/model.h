/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h - tables that traces make as a whole: those that were virtual.
 *
 * A model is a table with the keys of a shape (ir.h), made once in the way in which
 * the program makes them, so that it has their sizes and their order. Others are
 * copies of it with other values. Models belong to the Jit, and equal shapes have
 * the same one; the collector keeps them, and their keys with them.
 */
#ifndef JITLUA_MODEL_H
#define JITLUA_MODEL_H

#include "trace.h"

/* The model of ir's shape n; NULL without memory. The table itself is made when it is needed. */
struct model *model_of(Jit *jit, const Ir *ir, int32_t n);
/*
 * A table with these values, whose tags the shape has. metatable: NULL, or one without
 * a finalizer. Raises memory errors; the values must be safe from the collector.
 */
Table *model_make(lua_State *L, struct model *m, const Payload *values, Table *metatable);
void models_mark(Global *g, void (*mark_white)(Global *g, Object *o));
void models_free(Jit *jit);

#endif
