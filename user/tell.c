/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tell.c - notes for a person, of things that may happen any number of times.
 *
 * The processes of a stranger must not fill a log. So of each subject the first line is
 * told at once. What follows is counted, and told as one line, the latest, with the
 * number of the others: after a minute, then after twice as long each time, an hour at
 * most. After a pause with nothing to tell it begins anew.
 */
#include <stdarg.h>

#include "internal.h"

#define FIRST_PAUSE_NS (60 * 1000000000ull)
#define LAST_PAUSE_NS (3600 * 1000000000ull)

static void note(const struct jitscope_session *s, const char *line)
{
	s->options.note(s->options.ctx, line);
}

void jitscope_tell(struct jitscope_session *s, enum jitscope_subject subject, const char *format,
		   ...)
{
	struct told *told = &s->told[subject];
	uint64_t now = jitscope_now();
	va_list args;

	if (!s->options.note)
		return;
	va_start(args, format);
	vsnprintf(told->line, sizeof(told->line), format, args);
	va_end(args);
	if (told->more || now < told->next_ns) {
		told->more++;
		return;
	}
	note(s, told->line);
	told->pause_ns = FIRST_PAUSE_NS;
	told->last_ns = now;
	told->next_ns = now + told->pause_ns;
}

static void tell_more(struct jitscope_session *s, struct told *told, uint64_t now)
{
	char line[sizeof(told->line) + 64];

	snprintf(line, sizeof(line), "%s (and %llu more of the kind in %llu s)", told->line,
		 (unsigned long long)told->more - 1,
		 (unsigned long long)(now - told->last_ns) / 1000000000);
	note(s, told->more > 1 ? line : told->line);
	told->more = 0;
	told->pause_ns = 2 * told->pause_ns < LAST_PAUSE_NS ? 2 * told->pause_ns : LAST_PAUSE_NS;
	told->last_ns = now;
	told->next_ns = now + told->pause_ns;
}

void jitscope_tell_rest(struct jitscope_session *s, bool at_once)
{
	uint64_t now = jitscope_now();

	for (size_t i = 0; i < JITSCOPE_SUBJECTS; i++)
		if (s->told[i].more && (at_once || now >= s->told[i].next_ns))
			tell_more(s, &s->told[i], now);
}

const char *jitscope_who(pid_t pid, char text[64])
{
	uid_t uid;

	if (jitscope_euid(pid, &uid))
		snprintf(text, 64, "process %d of user %u", (int)pid, (unsigned)uid);
	else
		snprintf(text, 64, "process %d", (int)pid);
	return text;
}
