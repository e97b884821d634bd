/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c - strings that may be shown, and figures as people read them.
 *
 * Names, places and reasons come from the watched process, which may be
 * anybody's: nothing of them reaches a terminal that could steer it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#define SHOWN_PIDS 10

/* The character at s, as UTF-8 defines it; its length, or 0 if it is none. */
static size_t decode(const unsigned char *s, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (n <= 1) {
		*c = s[0];
		return n;
	}
	*c = s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return n;
}

/* Control characters, line and paragraph separators, marks of direction. */
static int steers(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0x61c ||
	       c == 0xfeff;
}

char *text_clean(char *out, size_t size, const char *s)
{
	const unsigned char *at = (const unsigned char *)s;
	size_t used = 0;

	while (*at) {
		uint32_t c;
		size_t n = decode(at, &c), bad = n ? n : 1;

		if (n && !steers(c)) {
			if (used + n >= size)
				break;
			memcpy(out + used, at, n);
			used += n;
		} else {
			if (used + 4 * bad >= size)
				break;
			for (size_t i = 0; i < bad; i++)
				used += (size_t)sprintf(out + used, "\\x%02x", at[i]);
		}
		at += bad;
	}
	out[used] = 0;
	return out;
}

char *text_utf8(char *out, size_t size, const char *s)
{
	const unsigned char *at = (const unsigned char *)s;
	size_t used = 0;

	while (*at) {
		uint32_t c;
		size_t n = decode(at, &c), wide = n;
		const char *from = (const char *)at;

		/* JSON escapes what is below 0x20, and the rest steers terminals too. */
		if (!n || (c >= 0x7f && c < 0xa0)) {
			from = "\xef\xbf\xbd";
			wide = 3;
		}
		if (used + wide >= size)
			break;
		memcpy(out + used, from, wide);
		used += wide;
		at += n ? n : 1;
	}
	out[used] = 0;
	return out;
}

static char *next_buffer(size_t *size)
{
	static char buffers[16][32];
	static unsigned next;

	*size = sizeof(*buffers);
	return buffers[next++ % 16];
}

const char *text_count(uint64_t n)
{
	size_t size;
	char *end = next_buffer(&size), *at;
	int digits = 0;

	end += size - 1;
	at = end;
	*at = 0;
	do {
		if (digits && digits % 3 == 0)
			*--at = ',';
		*--at = (char)('0' + n % 10);
		digits++;
	} while (n /= 10);
	return at;
}

char *text_processes(char out[TEXT_PROCESSES], const pid_t *pids, size_t n)
{
	size_t used = (size_t)snprintf(out, TEXT_PROCESSES, "%s processes (", text_count(n));

	if (n == 1) {
		snprintf(out, TEXT_PROCESSES, "process %d", (int)pids[0]);
		return out;
	}
	for (size_t i = 0; i < n && i < SHOWN_PIDS; i++)
		used += (size_t)snprintf(out + used, TEXT_PROCESSES - used, "%s%d", i ? ", " : "",
					 (int)pids[i]);
	snprintf(out + used, TEXT_PROCESSES - used, n > SHOWN_PIDS ? ", ...)" : ")");
	return out;
}

const char *text_bytes(uint64_t n)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t size;
	char *out = next_buffer(&size);
	double d = (double)n / 1024;
	unsigned unit = 0;

	if (n < 1024) {
		snprintf(out, size, "%u B", (unsigned)n);
		return out;
	}
	for (; d >= 1024 && unit < 5; unit++)
		d /= 1024;
	snprintf(out, size, "%.1f %s", d, units[unit]);
	return out;
}

const char *text_time(uint64_t ns)
{
	size_t size;
	char *out = next_buffer(&size);

	if (ns >= 1000000000)
		snprintf(out, size, "%.3f s", (double)ns / 1e9);
	else if (ns >= 1000000)
		snprintf(out, size, "%.3f ms", (double)ns / 1e6);
	else
		snprintf(out, size, "%.1f us", (double)ns / 1e3);
	return out;
}

void say(const char *format, ...)
{
	char raw[1024], line[4 * sizeof(raw) + 16] = "jitscope: ";
	size_t used = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	text_clean(line + used, sizeof(line) - used - 1, raw);
	used = strlen(line);
	line[used++] = '\n';
	while (write(STDERR_FILENO, line, used) < 0 && errno == EINTR)
		;
}
