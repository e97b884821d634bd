/* SPDX-License-Identifier: BSD-2-Clause */
/* error.c - the last error of a thread, and the names of things. */
#include <stdarg.h>

#include "internal.h"

static __thread char text[512];

const char *jitscope_error(void)
{
	return text;
}

int jitscope_fail(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return err;
}

const char *jitscope_counter_name(unsigned counter)
{
#define X(name, text) #name,
	static const char *const names[] = {JIT_COUNTERS(X)};
#undef X
	return counter < JIT_NCOUNTERS ? names[counter] : NULL;
}

const char *jitscope_type_name(unsigned type)
{
#define X(name, text) text,
	static const char *const names[] = {JIT_TRACE_TYPES(X)};
#undef X
	return type < JIT_NTYPES ? names[type] : NULL;
}

const char *jitscope_run_source_name(enum jitscope_run_source source)
{
	static const char *const names[] = {
		[JITSCOPE_RUNS_NONE] = "none",
		[JITSCOPE_RUNS_KERNEL] = "kernel",
		[JITSCOPE_RUNS_PROBE] = "probe",
		[JITSCOPE_RUNS_REGION] = "region",
	};

	return source < sizeof(names) / sizeof(*names) ? names[source] : NULL;
}

const char *jitscope_event_name(unsigned kind)
{
#define X(name, probe) #probe,
	static const char *const names[] = {JIT_PROBES(X)};
#undef X
	switch (kind) {
	case JIT_PROBE_TRACE_START:
		return "start"; /* as the JITs' own logs say */
	case JITSCOPE_FORK:
		return "fork";
	case JITSCOPE_EXEC:
		return "exec";
	case JITSCOPE_EXIT:
		return "exit";
	}
	return kind < JIT_NPROBES ? names[kind] : NULL;
}
