/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_notes.c - the parser of ELF notes, given any bytes for a file. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct notes notes;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	lseek(fd, 0, SEEK_SET);
	if (!jitscope_read_notes(fd, &notes)) {
		for (size_t i = 0; i < notes.n_sites; i++)
			if (notes.sites[i].probe >= JIT_NPROBES)
				abort();
		jitscope_free_notes(&notes);
	}
	return 0;
}
