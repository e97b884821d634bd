/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lua_hooks.c - an optimize hook in C, in a program that embeds jitlua.
 *
 *	lua_hooks CASE	runs a loop under a hook that does what CASE says
 *
 * Prints what the loop computed, then how many lists were replaced and rejected.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include <jithooks/hooks.h>
#include <jitlua/jitlua.h>

static const char program[] = "local x, t = 1.0, {}\n"
			      "for i = 1, 100 do x = x / 4 + i; t[i] = x end\n"
			      "return x + #t\n";

#define ROOM 5000

static ResOperation list[ROOM];
static struct jit_box boxes[ROOM * 4];

static size_t copy(const JitLoopInfo *info)
{
	memcpy(list, info->operations, info->n_operations * sizeof(*list));
	return info->n_operations;
}

static ResOperation *find(const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	fprintf(stderr, "no %s\n", name);
	exit(1);
}

/* x / 4.0 is x * 0.25. */
static void multiply(size_t n)
{
	struct jit_box *box = boxes;

	for (size_t i = 0; i < n; i++) {
		const struct jit_box *args = list[i].args;

		if (strcmp(list[i].name, "float_truediv") != 0 || !args[1].constant ||
		    args[1].f != 4)
			continue;
		box[0] = args[0];
		box[1] = args[1];
		box[1].f = 0.25;
		list[i].name = "float_mul";
		list[i].args = box;
		box += 2;
	}
}

static int hook(void *data, const JitLoopInfo *info, struct jit_operations *out)
{
	const char *what = data;
	size_t n = copy(info), at = 0;
	struct jit_box *first = (struct jit_box *)list[0].args;

	if (strcmp(info->type, "loop") != 0)
		return 0;
	if (!strcmp(what, "keep"))
		return 0;
	if (!strcmp(what, "fail")) {
		jit_hook_error("number %d", 7);
		return 1;
	}
	if (!strcmp(what, "multiply"))
		multiply(n);
	else if (!strcmp(what, "name"))
		list[1].name = "int_adb";
	else if (!strcmp(what, "null"))
		list[1].name = NULL;
	else if (!strcmp(what, "empty"))
		n = 0;
	else if (!strcmp(what, "long"))
		n = 1000000;
	else if (!strcmp(what, "short"))
		n--;
	else if (!strcmp(what, "twice"))
		list[3].result = list[1].result;
	else if (!strcmp(what, "descr_ref"))
		find("guard_value", n)->descr_ref = list;
	else if (!strcmp(what, "inside"))
		find("guard_value", n)->descr_ref =
			(const char *)find("guard_value", n)->descr_ref + 1;
	else if (!strcmp(what, "variable"))
		((struct jit_box *)find("guard_value", n)->args)->id = UINT64_MAX;
	else if (!strcmp(what, "later"))
		((struct jit_box *)find("guard_value", n)->args)->id = n - 2;
	else if (!strcmp(what, "pointer")) {
		struct jit_box *box = boxes;

		*box = (struct jit_box){.type = 'r', .constant = 1, .r = (uintptr_t)first};
		box[1] = box[0];
		list[1] = (ResOperation){.name = "ptr_eq",
					 .nargs = 2,
					 .args = box,
					 .result = list[1].result};
	} else if (!strcmp(what, "type"))
		((struct jit_box *)find("float_truediv", n)->args)->type = 'i';
	else if (!strcmp(what, "failargs"))
		find("guard_value", n)->nfailargs = 100000;
	else if (!strcmp(what, "no-args"))
		find("float_truediv", n)->args = NULL;
	else if (!strcmp(what, "no-many-args"))
		find("label", n)->args = NULL;
	else if (!strcmp(what, "no-failargs")) {
		/* The first of the loop's that has some. */
		while (!list[at].nfailargs && at < n - 1)
			at++;
		list[at].failargs = NULL;
	} else if (!strcmp(what, "no-descr"))
		find("arg_f", n)->descr = NULL;
	else if (!strcmp(what, "no-tag"))
		find("setarrayitem", n)->descr = NULL;
	else if (!strcmp(what, "no-field"))
		find("getfield_i", n)->descr = NULL;
	else if (!strcmp(what, "no-list")) {
		*out = (struct jit_operations){NULL, n};
		return 0;
	}
	*out = (struct jit_operations){list, n};
	return 0;
}

int main(int argc, char **argv)
{
	lua_State *L = luaL_newstate();
	JitInfoSnapshot *s;

	if (!L || argc != 2 || !jitlua_start_jit(L) || jitlua_set_param(L, "threshold=5"))
		return 2;
	luaL_openlibs(L);
	jit_set_optimize_hook(jitlua_vm(L), hook, argv[1], 1, "in C");
	if (luaL_dostring(L, program) != LUA_OK) {
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
		return 1;
	}
	printf("%s\n", lua_tostring(L, -1));
	s = jit_get_stats_snapshot();
	printf("replaced %llu rejected %llu errors %llu loops %llu\n",
	       (unsigned long long)s->counters.OPTIMIZE_REPLACED,
	       (unsigned long long)s->counters.OPTIMIZE_REJECTED,
	       (unsigned long long)s->counters.HOOK_ERRORS,
	       (unsigned long long)s->counters.TOTAL_COMPILED_LOOPS);
	jit_free_stats_snapshot(s);
	lua_close(L);
	return 0;
}
