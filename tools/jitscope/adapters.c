/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adapters.c - how stock JITs learn to speak libjithooks.
 *
 * The adapters are made known by the environment, so that they reach the
 * command and what it starts: LD_PRELOAD for programs that load LuaJIT as a
 * library, LUA_INIT for the luajit command, which has it inside, PYTHONPATH
 * for PyPy. What the user had there goes on working. A LUA_INIT_5_4 of the
 * user is left alone: lua5.4 then does not look at LUA_INIT.
 *
 * They are found in $JITSCOPE_LIBDIR, beside this program (the build tree),
 * in ../lib/jitscope from it (installed, wherever that was moved to), or
 * where they were to be installed.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters.h"
#include "text.h"

/* Must match jit/adapters/luajit/load.c. */
static const char lua_init[] =
	"if jit then local f = package.loadlib(os.getenv(\"JITSCOPE_LUAJIT_ADAPTER\") or \"\", "
	"\"luaopen_jithooks\") if f then f() end end "
	"local i = os.getenv(\"JITSCOPE_LUA_INIT\") if i then "
	"if i:sub(1, 1) == \"@\" then dofile(i:sub(2)) else "
	"local f, e = (loadstring or load)(i, \"=LUA_INIT\") "
	"if f then f() else error(e, 0) end end end";

/* ---- Where they are ---------------------------------------------------------------- */

static bool has_adapters(const char *dir)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/adapters", dir) < (int)sizeof(path) &&
	       !access(path, R_OK | X_OK);
}

static const char *find_folder(void)
{
	static char dir[PATH_MAX + 32];
	const char *given = getenv("JITSCOPE_LIBDIR");
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (given && *given)
		return given;
	exe[n > 0 ? n : 0] = '\0';
	slash = strrchr(exe, '/');
	if (slash) {
		*slash = '\0';
		snprintf(dir, sizeof(dir), "%s", exe);
		if (has_adapters(dir))
			return dir;
		snprintf(dir, sizeof(dir), "%s/../lib/jitscope", exe);
		if (has_adapters(dir))
			return dir;
	}
	return JITSCOPE_LIBDIR "/jitscope";
}

static const char *folder(void)
{
	static const char *found;

	if (!found)
		found = find_folder();
	return found;
}

/* An absolute path: the command may work in another directory. */
static bool locate(char *path, size_t size, const char *below)
{
	char joined[PATH_MAX + 64], real[PATH_MAX];

	snprintf(joined, sizeof(joined), "%s/%s", folder(), below);
	if (realpath(joined, real)) {
		snprintf(path, size, "%s", real);
		return strlen(real) < size;
	}
	snprintf(path, size, "%s", joined);
	return false;
}

bool adapters_luajit(char *path, size_t size)
{
	return locate(path, size, "adapters/luajit/jithooks.so");
}

bool adapters_pypy(char *path, size_t size)
{
	return locate(path, size, "adapters/pypy");
}

bool adapters_library(char *path, size_t size)
{
	return locate(path, size, "libjithooks.so.1") || locate(path, size, "../libjithooks.so.1");
}

bool adapters_jitlua(char *path, size_t size)
{
	return locate(path, size, "jitlua") || locate(path, size, "../../bin/jitlua");
}

/* ---- The environment ------------------------------------------------------------------ */

static size_t length(char **env)
{
	size_t n = 0;

	while (env[n])
		n++;
	return n;
}

static char **copy_environment(void)
{
	size_t n = length(environ);
	char **env = calloc(n + 1, sizeof(*env));

	for (size_t i = 0; env && i < n; i++) {
		env[i] = strdup(environ[i]);
		if (!env[i]) {
			free_environment(env);
			return NULL;
		}
	}
	return env;
}

void free_environment(char **env)
{
	for (char **at = env; at && *at; at++)
		free(*at);
	free(env);
}

bool environment_set(char ***env, const char *name, const char *value)
{
	size_t n = length(*env), len = strlen(name);
	char *entry, **bigger;

	if (asprintf(&entry, "%s=%s", name, value) < 0)
		return false;
	for (char **at = *env; *at; at++)
		if (!strncmp(*at, name, len) && (*at)[len] == '=') {
			free(*at);
			*at = entry;
			return true;
		}
	bigger = reallocarray(*env, n + 2, sizeof(*bigger));
	if (!bigger) {
		free(entry);
		return false;
	}
	bigger[n] = entry;
	bigger[n + 1] = NULL;
	*env = bigger;
	return true;
}

/* Puts word before what NAME has, unless it is there already. */
static bool put_first(char ***env, const char *name, const char *word)
{
	const char *old = getenv(name), *at;
	size_t len = strlen(word);
	char *value;
	bool ok;

	if (!old || !*old)
		return environment_set(env, name, word);
	for (at = old; (at = strstr(at, word)); at += len)
		if ((at == old || at[-1] == ':') && (!at[len] || at[len] == ':'))
			return true;
	if (asprintf(&value, "%s:%s", word, old) < 0)
		return false;
	ok = environment_set(env, name, value);
	free(value);
	return ok;
}

static bool add_luajit(char ***env, bool verbose)
{
	const char *init = getenv("LUA_INIT");
	char path[PATH_MAX];

	if (!adapters_luajit(path, sizeof(path))) {
		if (verbose)
			say("no adapter for LuaJIT at %s", path);
		return true;
	}
	if (strpbrk(path, ": ")) {
		say("the adapter for LuaJIT cannot be preloaded: LD_PRELOAD takes no path with a "
		    "blank or colon: %s",
		    path);
		return true;
	}
	if (init && strcmp(init, lua_init) && !environment_set(env, "JITSCOPE_LUA_INIT", init))
		return false;
	return put_first(env, "LD_PRELOAD", path) &&
	       environment_set(env, "JITSCOPE_LUAJIT_ADAPTER", path) &&
	       environment_set(env, "LUA_INIT", lua_init);
}

static bool add_pypy(char ***env, bool verbose)
{
	char path[PATH_MAX];

	if (!adapters_pypy(path, sizeof(path))) {
		if (verbose)
			say("no adapter for PyPy at %s", path);
		return true;
	}
	return put_first(env, "PYTHONPATH", path);
}

char **adapters_environment(bool with_adapters, bool verbose)
{
	char **env = copy_environment();

	if (!env || !with_adapters)
		return env;
	if (add_luajit(&env, verbose) && add_pypy(&env, verbose))
		return env;
	free_environment(env);
	return NULL;
}
