/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * maps.c - whole maps: reading them, and sweeping out what is left over.
 *
 * Batches (kernel 5.6) read a hash some ten times faster than key by key. A
 * map that changes while it is read may show an entry twice or not at all;
 * entries that stay are seen.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "jitscope.skel.h"

#define BATCH 8192

static int reserve(struct map_rows *rows, size_t *capacity, size_t more)
{
	size_t want = *capacity ? *capacity : more;
	char *keys, *values;

	while (want < rows->n + more)
		want *= 2;
	if (want == *capacity)
		return 0;
	keys = reallocarray(rows->keys, want, rows->key_size);
	if (keys)
		rows->keys = keys;
	values = reallocarray(rows->values, want, rows->value_size);
	if (values)
		rows->values = values;
	if (!keys || !values)
		return -ENOMEM;
	*capacity = want;
	return 0;
}

int jitscope_read_map(const struct bpf_map *map, struct map_rows *out)
{
	size_t capacity = 0, batch = BATCH;
	int fd = bpf_map__fd(map), err;
	uint32_t in, next; /* a batch position of a hash is a bucket number */
	void *from = NULL;

	memset(out, 0, sizeof(*out));
	out->key_size = bpf_map__key_size(map);
	out->value_size = bpf_map__value_size(map);
	for (;;) {
		uint32_t count = (uint32_t)batch;

		err = reserve(out, &capacity, batch);
		if (err)
			break;
		err = bpf_map_lookup_batch(fd, from, &next, out->keys + out->n * out->key_size,
					   out->values + out->n * out->value_size, &count, NULL);
		if (err == -ENOSPC) {
			batch *= 2; /* one bucket holds more than fits */
			continue;
		}
		if (err && err != -ENOENT)
			break;
		out->n += count;
		if (err == -ENOENT)
			return 0;
		in = next;
		from = &in;
	}
	jitscope_free_rows(out);
	return err;
}

void jitscope_free_rows(struct map_rows *rows)
{
	free(rows->keys);
	free(rows->values);
	memset(rows, 0, sizeof(*rows));
}

/* ---- Sweeping ------------------------------------------------------------------------ */

/* Has the loop gone in a flush of its VM? */
static bool flushed(struct jitscope_session *s, uint32_t pid, uint64_t no,
		    const struct jit_loop *loop)
{
	struct jitscope_vm_key key = {.pid = pid, .vm = loop->vm};
	struct jit_flush flush;

	return !bpf_map__lookup_elem(s->bpf->maps.flushes, &key, sizeof(key), &flush, sizeof(flush),
				     0) &&
	       flush.instance == loop->instance && no <= flush.flushed_no;
}

static uint64_t instance_of(struct jitscope_session *s, uint32_t pid)
{
	struct jitscope_process p;

	return bpf_map__lookup_elem(s->bpf->maps.processes, &pid, sizeof(pid), &p, sizeof(p), 0)
		       ? 0
		       : p.instance;
}

/*
 * Removes loops that a flush dropped and entries of earlier processes of the
 * same pid. The kernel cannot do that in a handler, since it has no list of
 * the loops of one VM.
 */
void jitscope_sweep(struct jitscope_session *s)
{
	struct bpf_map *map = s->bpf->maps.loops;
	struct map_rows rows;

	if (!jitscope_read_map(map, &rows)) {
		struct jitscope_loop_key *keys = (void *)rows.keys;
		struct jit_loop *loops = (void *)rows.values;

		for (size_t i = 0; i < rows.n; i++)
			if (loops[i].instance != instance_of(s, keys[i].pid) ||
			    flushed(s, keys[i].pid, keys[i].no, &loops[i]))
				bpf_map__delete_elem(map, &keys[i], sizeof(keys[i]), 0);
		jitscope_free_rows(&rows);
	}
	map = s->bpf->maps.aborts;
	if (!jitscope_read_map(map, &rows)) {
		struct jitscope_abort_key *keys = (void *)rows.keys;
		struct jit_abort *aborts = (void *)rows.values;

		for (size_t i = 0; i < rows.n; i++)
			if (aborts[i].instance != instance_of(s, keys[i].pid))
				bpf_map__delete_elem(map, &keys[i], sizeof(keys[i]), 0);
		jitscope_free_rows(&rows);
	}
}
