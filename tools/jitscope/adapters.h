/* SPDX-License-Identifier: BSD-2-Clause */
/* adapters.h - how stock JITs learn to speak libjithooks. */
#ifndef TOOL_ADAPTERS_H
#define TOOL_ADAPTERS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes the path of something of ours below the folder of adapters; false
 * if it is not there (the path then says where it should be).
 */
bool adapters_luajit(char *path, size_t size);	/* the library to preload */
bool adapters_pypy(char *path, size_t size);	/* the folder for PYTHONPATH */
bool adapters_library(char *path, size_t size); /* libjithooks.so */
bool adapters_jitlua(char *path, size_t size);	/* our own JIT */

/*
 * The environment of a command that is to be watched: ours, with what the
 * adapters need. free_environment() it. NULL without memory.
 */
char **adapters_environment(bool with_adapters, bool verbose);

/* Sets NAME=VALUE in such an environment; false without memory. */
bool environment_set(char ***env, const char *name, const char *value);
void free_environment(char **env);

#endif
