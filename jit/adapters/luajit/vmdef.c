/* SPDX-License-Identifier: BSD-2-Clause */
/* vmdef.c - reads jit.vmdef in a Lua state of our own. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "vmdef.h"
#include "watch.h"

#define MAX_TEXTS 4096

static struct known {
	const struct lua_api *api;
	struct vmdef vmdef;
} known[LUA_API_SLOTS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Copies field `name` of the table on the top. No memory: fewer texts. */
static void copy_texts(const struct lua_api *api, lua_State *L, const char *name,
		       struct vmdef_texts *texts)
{
	api->getfield(L, -1, name);
	while (api->type(L, -1) == LUA_TTABLE && texts->n < MAX_TEXTS) {
		char **more = NULL;
		char *text = NULL;

		api->rawgeti(L, -1, texts->n);
		if (api->type(L, -1) == LUA_TSTRING)
			text = strdup(api->tolstring(L, -1, NULL));
		api->settop(L, -2);
		if (text)
			more = realloc(texts->text, (texts->n + 1) * sizeof(*more));
		if (!more) {
			free(text);
			break;
		}
		texts->text = more;
		texts->text[texts->n++] = text;
	}
	api->settop(L, -2);
}

static void read_module(const struct lua_api *api, lua_State *L, struct vmdef *vmdef)
{
	api->openlibs(L);
	api->getfield(L, LUA_GLOBALSINDEX, "require");
	api->pushstring(L, "jit.vmdef");
	if (api->pcall(L, 1, 1, 0) || api->type(L, -1) != LUA_TTABLE) {
		watch_debug("no jit.vmdef: reasons of aborts will be numbers");
		return;
	}
	copy_texts(api, L, "traceerr", &vmdef->errors);
	copy_texts(api, L, "ffnames", &vmdef->functions);
}

const struct vmdef *vmdef_of(const struct lua_api *api)
{
	struct known *k = known;
	lua_State *L;

	pthread_mutex_lock(&lock);
	while (k->api && k->api != api)
		k++;
	if (!k->api) {
		k->api = api;
		L = api->newstate();
		if (L) {
			read_module(api, L, &k->vmdef);
			api->close(L);
		}
	}
	pthread_mutex_unlock(&lock);
	return &k->vmdef;
}

const char *vmdef_text(const struct vmdef_texts *texts, int n)
{
	return n >= 0 && n < texts->n ? texts->text[n] : NULL;
}

int vmdef_number(const struct vmdef_texts *texts, const char *text)
{
	for (int n = 0; n < texts->n; n++)
		if (!strcmp(texts->text[n], text))
			return n;
	return -1;
}
