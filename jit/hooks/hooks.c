/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hooks.c - the hook slots and how they are called.
 *
 * A hook runs without any lock held, on a copy of its slot, so it may set and
 * clear hooks. What marks a thread as "inside a hook" is thread-local: code
 * that gets hot in there is compiled without hooks being told, and hooks of
 * other threads are not affected.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

static __thread bool in_hook;
static __thread char error_text[256];

static void set_slot(jit_vm *vm, enum jit_slot_no no, struct jit_slot slot, const char *name)
{
	JIT_COPY(slot.name, name ? name : "hook");
	pthread_mutex_lock(&vm->lock);
	vm->slots[no] = slot;
	pthread_mutex_unlock(&vm->lock);
}

void jit_set_optimize_hook(jit_vm *vm, jit_optimize_hook *hook, void *data, int operations,
			   const char *name)
{
	set_slot(vm, SLOT_OPTIMIZE,
		 (struct jit_slot){.optimize = hook, .data = data, .operations = operations}, name);
}

void jit_set_compile_hook(jit_vm *vm, jit_compile_hook *hook, void *data, int operations,
			  const char *name)
{
	set_slot(vm, SLOT_COMPILE,
		 (struct jit_slot){.compile = hook, .data = data, .operations = operations}, name);
}

void jit_set_abort_hook(jit_vm *vm, jit_abort_hook *hook, void *data, const char *name)
{
	set_slot(vm, SLOT_ABORT, (struct jit_slot){.abort = hook, .data = data, .operations = true},
		 name);
}

void jit_set_trace_too_long_hook(jit_vm *vm, jit_trace_too_long_hook *hook, void *data,
				 const char *name)
{
	set_slot(vm, SLOT_TOO_LONG, (struct jit_slot){.too_long = hook, .data = data}, name);
}

int jit_in_hook(void)
{
	return in_hook;
}

void jit_hook_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error_text, sizeof(error_text), format, args);
	va_end(args);
}

void jit_report(jit_vm *vm, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (vm->config.report)
		vm->config.report(vm->config.ctx, line);
	else
		fprintf(stderr, "%s\n", line);
}

static SELDOM bool enter_set(jit_vm *vm, enum jit_slot_no no, struct jit_slot *slot)
{
	if (in_hook) {
		jit_bump(JIT_HOOKS_SUPPRESSED, 1);
		return false;
	}
	pthread_mutex_lock(&vm->lock);
	*slot = vm->slots[no];
	pthread_mutex_unlock(&vm->lock);
	if (!slot->compile)
		return false;
	in_hook = true;
	error_text[0] = '\0';
	jit_time_start(JIT_TIME_HOOKS);
	return true;
}

/*
 * Is there a hook to call, here and now? If so the thread is inside it until
 * leave(), and its time goes to HOOKS. A race with a setter is as if the
 * setter had come a moment later.
 */
static inline bool enter(jit_vm *vm, enum jit_slot_no no, struct jit_slot *slot)
{
	return __atomic_load_n(&vm->slots[no].compile, __ATOMIC_RELAXED) && enter_set(vm, no, slot);
}

static void leave(jit_vm *vm, const struct jit_slot *slot, int failed)
{
	jit_time_end(JIT_TIME_HOOKS);
	if (failed) {
		jit_bump(JIT_HOOK_ERRORS, 1);
		jit_report(vm, "Exception ignored in: jit hook <%s>%s%s", slot->name,
			   *error_text ? ": " : "", error_text);
	}
	in_hook = false;
}

static struct jit_operations operations(const struct jit_slot *slot, jit_materialize *materialize,
					void *ctx)
{
	struct jit_operations ops = {NULL, 0};

	if (slot->operations && materialize && materialize(ctx, &ops))
		ops = (struct jit_operations){NULL, 0};
	return ops;
}

static JitLoopInfo info_of(jit_vm *vm, struct jit_trace *t)
{
	return (JitLoopInfo){
		.jitdriver_name = vm->jitdriver_name,
		.type = jit_type_name(t->type),
		.loop_no = t->loop_no,
		.bridge_no = t->type == JIT_TYPE_BRIDGE ? t->no : 0,
		.greenkey = jit_greenkey(t),
	};
}

int jit_call_optimize(jit_vm *vm, struct jit_trace *t, struct jit_optimize *ops)
{
	struct jit_operations replacement = {NULL, 0}, list;
	struct jit_slot slot;
	JitLoopInfo info;
	int failed;

	ops->replacement = replacement;
	if (!enter(vm, SLOT_OPTIMIZE, &slot))
		return JIT_OPS_KEEP;
	info = info_of(vm, t);
	list = operations(&slot, ops->materialize, ops->ctx);
	info.operations = list.list;
	info.n_operations = list.count;
	failed = slot.optimize(slot.data, &info, &replacement);
	if (!failed && !replacement.list && replacement.count) {
		jit_hook_error("the list is NULL, and has a count of %zu", replacement.count);
		failed = 1;
	}
	leave(vm, &slot, failed);
	if (failed || !replacement.list)
		return JIT_OPS_KEEP;
	ops->replacement = replacement;
	return JIT_OPS_REPLACED;
}

void jit_call_compile(jit_vm *vm, struct jit_trace *t, const struct jit_code *code)
{
	struct jit_operations list;
	struct jit_slot slot;
	JitLoopInfo info;

	if (!enter(vm, SLOT_COMPILE, &slot))
		return;
	info = info_of(vm, t);
	list = operations(&slot, code->materialize, code->ctx);
	info.operations = list.list;
	info.n_operations = list.count;
	info.asmaddr = code->asmaddr;
	info.asmlen = code->asmlen;
	leave(vm, &slot, slot.compile(slot.data, &info));
}

void jit_call_abort(jit_vm *vm, const struct jit_abort_info *info, const char *greenkey,
		    const char *reason)
{
	struct jit_operations list;
	struct jit_slot slot;

	if (enter(vm, SLOT_ABORT, &slot)) {
		list = operations(&slot, info->materialize, info->ctx);
		leave(vm, &slot,
		      slot.abort(slot.data, vm->jitdriver_name, greenkey, reason, &list));
	}
	if (info->too_long_in && enter(vm, SLOT_TOO_LONG, &slot))
		leave(vm, &slot, slot.too_long(slot.data, vm->jitdriver_name, info->too_long_in));
}

int jit_set_param(jit_vm *vm, const char *text)
{
	return vm->config.set_param ? vm->config.set_param(vm->config.ctx, text) : -ENOTSUP;
}

int jit_releaseall(jit_vm *vm)
{
	return vm->config.releaseall ? vm->config.releaseall(vm->config.ctx) : -ENOTSUP;
}

int jit_get_stats_asmmemmgr(jit_vm *vm, uint64_t *allocated, uint64_t *used)
{
	return vm->config.stats_asmmemmgr
		       ? vm->config.stats_asmmemmgr(vm->config.ctx, allocated, used)
		       : -ENOTSUP;
}
