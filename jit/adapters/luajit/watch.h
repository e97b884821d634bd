/* SPDX-License-Identifier: BSD-2-Clause */
/* watch.h - what the adapter keeps for each LuaJIT VM, and who does what. */
#ifndef JIT_LUAJIT_WATCH_H
#define JIT_LUAJIT_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <jithooks/hooks.h>

#include "direct.h"
#include "lua_api.h"
#include "vmdef.h"

/* Upvalues of the C function that is attached to the VM event "trace". */
enum {
	UP_WATCH = 1,
	UP_CHAINED, /* the program's own handler, or nil */
	UP_TRACEINFO,
	UP_TRACEMC,
	UP_FUNCINFO,
	UP_GUARDED_THREAD,   /* see direct_guard(); or nil */
	UP_GUARDED_FUNCTION, /* where its trace started */
	UP_COUNT = UP_GUARDED_FUNCTION
};

/*
 * A userdata, held by the registry and by the handler. vm is NULL once the
 * Lua state has begun to close; the handler then only calls who is chained.
 */
struct watch {
	jit_vm *vm;
	struct direct direct;
	const struct vmdef *vmdef;

	/* The trace that is being made, if `open`. */
	bool open;
	bool root; /* neither side trace nor stitched to another */
	uint32_t traceno;
	struct direct_place start;
	uint32_t start_instruction;
	struct jit_trace trace;

	lua_State *guarded; /* the thread in UP_GUARDED_THREAD, or NULL */

	/* LuaJIT's trace number -> ours; 0: no such trace. */
	uint64_t *numbers;
	uint32_t n_numbers;

	bool chained;
	bool mcode_full;  /* the last event was an abort for want of memory */
	int err_too_long; /* numbers of these errors, -1 if not known */
	int err_mcode;
};

/* events.c: handler of the VM event. */
int watch_on_trace(const struct lua_api *api, lua_State *L);

/* watch.c */
void watch_state(const struct lua_api *api, lua_State *L);
int watch_setup(const struct lua_api *api, lua_State *L);
int watch_attach(const struct lua_api *api, lua_State *L);
int watch_closed(const struct lua_api *api, lua_State *L);

/* One line on stderr if JITHOOKS_DEBUG is set. */
void watch_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
