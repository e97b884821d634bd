/* SPDX-License-Identifier: BSD-2-Clause */
/* requests.c - what a program asks of the JIT through libjithooks. */
#include <errno.h>

#include "parameters.h"

static int set_param(void *ctx, const char *text)
{
	Global *g = ctx;
	char message[PARAMETER_MESSAGE];

	return parameters_set(g->main_thread, text, message) ? 0 : -EINVAL;
}

static int count_runs(void *ctx, unsigned how)
{
	Global *g = ctx;

	jit_count_runs(g->main_thread, how);
	return 0;
}

static int releaseall(void *ctx)
{
	Global *g = ctx;

	jit_flush(g->main_thread, "releaseall");
	return 0;
}

static int stats_asmmemmgr(void *ctx, uint64_t *allocated, uint64_t *used)
{
	Global *g = ctx;

	*allocated = *used = 0;
	if (g->jit->backend->memory)
		g->jit->backend->memory(g->jit, allocated, used);
	return 0;
}

struct jit_vm_config jit_vm_requests(Global *g)
{
	return (struct jit_vm_config){
		.jitdriver_name = "jitlua",
		.ctx = g,
		.count_runs = count_runs,
		.set_param = set_param,
		.releaseall = releaseall,
		.stats_asmmemmgr = stats_asmmemmgr,
	};
}
