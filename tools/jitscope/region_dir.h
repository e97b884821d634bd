/* SPDX-License-Identifier: BSD-2-Clause */
/* region_dir.h - the directory in which processes leave their regions. */
#ifndef TOOL_REGION_DIR_H
#define TOOL_REGION_DIR_H

#include <limits.h>

struct region_dir {
	char path[PATH_MAX];
	int fd;
};

/* Makes it; 0, or a negative errno, which is said. Removes what killed ones left. */
int region_dir_make(struct region_dir *dir);
/* Calls f with each region in it, and with nothing else that may be there. */
void region_dir_each(const struct region_dir *dir, void (*f)(void *ctx, const char *path),
		     void *ctx);
void region_dir_remove(struct region_dir *dir);

#endif
