/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * disassemble.c - machine code as text, by capstone.
 *
 * Its headers are needed where jitlua is built, the library only where and when
 * code is shown: it is loaded then, and no other program waits for it to be.
 */
#include "listen.h"

#if defined(__x86_64__) && !defined(JITLUA_NO_CAPSTONE) && __has_include(<capstone/capstone.h>)

#include <capstone/capstone.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "helpers.h"

#define STRING(x) #x
#define NUMBER_AS_STRING(x) STRING(x)
#define LIBRARY "libcapstone.so." NUMBER_AS_STRING(CS_API_MAJOR)

#define FUNCTIONS(X) X(cs_open) X(cs_close) X(cs_option) X(cs_malloc) X(cs_free) X(cs_disasm_iter)

static struct {
#define X(name) __typeof__(name) *name;
	FUNCTIONS(X)
#undef X
} capstone;

/* NULL or what is wrong. */
static const char *load(void)
{
	static const char missing[] = "cannot load " LIBRARY " (package libcapstone4)";
	void *library;

	if (capstone.cs_open)
		return NULL;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return missing;
#define X(name)                                                  \
	*(void **)&capstone.name = dlsym(library, STRING(name)); \
	if (!capstone.name)                                      \
		goto incomplete;
	FUNCTIONS(X)
#undef X
	return NULL;
incomplete:
	memset(&capstone, 0, sizeof(capstone));
	dlclose(library);
	return missing;
}

/* ---- What addresses are -------------------------------------------------------------------- */

static const char *name_of(const Jit *jit, const Trace *t, const void *at, char text[32])
{
	const char *name = jit->backend->describe ? jit->backend->describe(t, at, text) : NULL;

	for (unsigned i = 0; !name && i < HELPER_COUNT; i++)
		if (helper_info[i].function == at)
			name = helper_info[i].name;
	for (uint32_t i = 1; !name && i < jit->n_traces; i++) {
		if (!jit->traces[i] || jit->traces[i]->code != at)
			continue;
		snprintf(text, 32, "trace %u", i);
		name = text;
	}
	return name;
}

/* The address or constant that the operands end in; NULL: they do not. */
static const void *last_operand(const cs_insn *i)
{
	const char *last = strrchr(i->op_str, ' ');
	char *end;
	uintptr_t address;

	last = last ? last + 1 : i->op_str;
	if (strncmp(last, "0x", 2))
		return NULL;
	address = (uintptr_t)strtoull(last, &end, 16);
	return *end ? NULL : (const void *)address;
}

static bool is_jump(const cs_insn *i)
{
	return i->mnemonic[0] == 'j';
}

/* ---- Printing ---------------------------------------------------------------------------------
 */

struct listing {
	const Jit *jit;
	const Trace *t;
	FILE *to;
	uint8_t *targets; /* bytes of the code that jumps go to */
	csh handle;
	cs_insn *insn;
};

static void mark_target(struct listing *l)
{
	uintptr_t at = (uintptr_t)last_operand(l->insn) - (uintptr_t)l->t->code;

	if (is_jump(l->insn) && at < l->t->code_size)
		l->targets[at] = 1;
}

static void print_instruction(struct listing *l)
{
	const cs_insn *i = l->insn;
	const void *code = (const void *)(uintptr_t)i->address, *operand = last_operand(i);
	size_t offset = i->address - (uintptr_t)l->t->code;
	char text[32];
	const char *name = name_of(l->jit, l->t, code, text);

	if (name && offset)
		fprintf(l->to, "%s:\n", name);
	fprintf(l->to, "%012lx %s %-9s%s", (unsigned long)i->address,
		l->targets[offset] ? "->" : "  ", i->mnemonic, i->op_str);
	name = operand ? name_of(l->jit, l->t, operand, text) : NULL;
	if (name)
		fprintf(l->to, " ; %s", name);
	fputc('\n', l->to);
}

static void each_instruction(struct listing *l, void (*f)(struct listing *))
{
	const uint8_t *at = l->t->code;
	size_t left = l->t->code_size;
	uint64_t address = (uintptr_t)at;

	while (capstone.cs_disasm_iter(l->handle, &at, &left, &address, l->insn))
		f(l);
}

const char *disassemble(const Jit *jit, const Trace *t, FILE *to)
{
	struct listing l = {.jit = jit, .t = t, .to = to};
	const char *failed = load();

	if (failed)
		return failed;
	if (capstone.cs_open(CS_ARCH_X86, CS_MODE_64, &l.handle) != CS_ERR_OK)
		return "capstone does not know this processor";
	capstone.cs_option(l.handle, CS_OPT_SKIPDATA, CS_OPT_ON);
	l.insn = capstone.cs_malloc(l.handle);
	l.targets = calloc(t->code_size + 1, 1);
	if (l.insn && l.targets) {
		each_instruction(&l, mark_target);
		each_instruction(&l, print_instruction);
	} else {
		failed = "not enough memory";
	}
	if (l.insn)
		capstone.cs_free(l.insn, 1);
	free(l.targets);
	capstone.cs_close(&l.handle);
	return failed;
}

#else

const char *disassemble(const Jit *jit, const Trace *t, FILE *to)
{
	(void)jit;
	(void)t;
	(void)to;
	return "built without capstone (package libcapstone-dev)";
}

#endif
