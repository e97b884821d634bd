/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_region.c - the region reader, given any bytes for a process's memory.
 *
 * The input is the region from its start; reading past its end fails, as it
 * does in a process. Odd inputs get the fixed fields set right first, so that
 * the fuzzer spends its time behind the first check.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct memory {
	uint8_t *data;
	size_t size;
};

static int read_input(void *ctx, uint64_t addr, void *buf, size_t size)
{
	const struct memory *m = ctx;

	if (addr > m->size || size > m->size - addr)
		return -EFAULT;
	memcpy(buf, m->data + addr, size);
	return 0;
}

static void check(const struct jitscope_snapshot *s)
{
	for (size_t i = 0; i < s->n_loops; i++)
		if (s->loops[i].loop.type >= JIT_NTYPES ||
		    strlen(s->loops[i].loop.greenkey) >= JIT_GREENKEY_LEN)
			abort();
	for (size_t i = 0; i < s->n_aborts; i++)
		if (strlen(s->aborts[i].greenkey) >= JIT_GREENKEY_LEN ||
		    strlen(s->aborts[i].reason) >= JIT_REASON_LEN)
			abort();
	if (strlen(s->jitdriver) >= JIT_DRIVER_LEN || strlen(s->comm) >= JIT_COMM_LEN)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {malloc(size ? size : 1), size};
	struct region_source source = {.read = read_input, .ctx = &m};
	struct jitscope_finding findings[16];
	struct jitscope_snapshot *s;

	memcpy(m.data, data, size);
	if (size > sizeof(struct jit_region) && data[size - 1] & 1) {
		struct jit_region *r = (void *)m.data;

		r->magic = JIT_ABI_MAGIC;
		r->version = JIT_ABI_VERSION;
		r->size = sizeof(*r);
		r->instance |= 1;
		r->loops.entry_size = sizeof(struct jit_loop_row);
		r->aborts.entry_size = sizeof(struct jit_abort_row);
		r->runs.entry_size = sizeof(uint64_t);
		r->loops.capacity = r->aborts.capacity = r->runs.capacity = 1 << 16;
		/* Most used counts of random bytes are refused; keep some small. */
		r->loops.used &= 0xff;
		r->aborts.used &= 0xff;
		r->runs.used &= 0xff;
		r->loops.offset = sizeof(*r) + (r->loops.offset & 0xfff);
		r->aborts.offset = sizeof(*r) + (r->aborts.offset & 0xfff);
		r->runs.offset = sizeof(*r) + (r->runs.offset & 0xfff);
	}
	if (!jitscope_parse_region(&source, &s)) {
		check(s);
		jitscope_findings(s, data[0] * 10000000ull, findings, 16);
		jitscope_snapshot_free(s);
	}
	free(m.data);
	return 0;
}
