/* SPDX-License-Identifier: BSD-2-Clause */
/* output.c - where a command writes to, and what becomes of write errors. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "output.h"
#include "text.h"

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/*
 * stdio keeps no errno of a write that fails while it prints; so the writing
 * is ours. A signal that comes in between is none of its business.
 */
static ssize_t write_out(void *cookie, const char *buf, size_t size)
{
	struct output *out = cookie;
	size_t done = 0;

	while (done < size && !out->err) {
		ssize_t n = write(out->fd, buf + done, size - done);

		if (n < 0 && errno != EINTR)
			out->err = errno;
		else if (n > 0)
			done += (size_t)n;
	}
	return out->err ? 0 : (ssize_t)size;
}

bool output_open(struct output *out, const char *path, int usual)
{
	cookie_io_functions_t io = {.write = write_out};

	*out = (struct output){.fd = usual};
	if (path && !strcmp(path, "-")) {
		out->fd = STDOUT_FILENO;
	} else if (path) {
		out->path = path;
		out->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (out->fd < 0) {
			say("cannot write to %s: %s", path, strerror(errno));
			return false;
		}
	}
	out->tty = isatty(out->fd);
	out->f = fopencookie(out, "w", io);
	if (out->f) {
		setvbuf(out->f, NULL, _IOFBF, 1 << 16);
		return true;
	}
	say("no memory");
	if (out->path)
		close(out->fd);
	return false;
}

bool output_flush(struct output *out)
{
	fflush(out->f);
	return !out->err;
}

bool output_close(struct output *out)
{
	fclose(out->f);
	if (out->path && close(out->fd) && !out->err)
		out->err = errno;
	if (!out->err || out->err == EPIPE)
		return true;
	say("cannot write to %s: %s", out->path ? out->path : "the output", strerror(out->err));
	return false;
}

/* ---- Progress ------------------------------------------------------------------ */

#define PATIENCE_NS 2000000000u
#define SHOW_EVERY_NS 200000000u

void progress(struct progress *p, const char *what, uint64_t done, uint64_t total)
{
	uint64_t now = now_ns();

	if (!p->started_ns)
		p->started_ns = now;
	if (now - p->started_ns < PATIENCE_NS || now - p->shown_ns < SHOW_EVERY_NS ||
	    !isatty(STDERR_FILENO))
		return;
	p->shown_ns = now;
	fprintf(stderr, "\r%s: %s of %s ", what, text_count(done), text_count(total));
}

void progress_end(struct progress *p)
{
	if (p->shown_ns)
		fputs("\r\033[K", stderr);
	p->shown_ns = 0;
}
