/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c - the life of VMs and traces: what is counted, kept on record and
 * told at each moment. The order at each point is always the same: counters
 * and times, then the tables and the probe under the region's lock, so that
 * the event carries figures that include it, then the hook without the lock.
 */
#include <errno.h>
#include <stdlib.h>

#include <jithooks/probes.h>

#include "internal.h"

static uint32_t vms; /* made so far */

int jit_vm_create(jit_vm **out, const struct jit_vm_config *config)
{
	jit_vm *vm = calloc(1, sizeof(*vm));

	*out = NULL;
	if (!vm)
		return -ENOMEM;
	jit_region_open();
	vm->config = *config;
	JIT_COPY(vm->jitdriver_name, config->jitdriver_name);
	vm->config.jitdriver_name = vm->jitdriver_name;
	pthread_mutex_init(&vm->lock, NULL);
	vm->no = __atomic_add_fetch(&vms, 1, __ATOMIC_RELAXED);
	jit_region_lock();
	JIT_COPY(jit_region->event.jitdriver, vm->jitdriver_name);
	jit_region_unlock();
	*out = vm;
	return 0;
}

/* Calls f for each loop of the VM that is on record. */
static uint64_t each_loop(jit_vm *vm, void (*f)(struct jit_loop_row *))
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < jit_region->loops.used; i++) {
		struct jit_loop_row *row = jit_region_loop_at(i);

		if (row && row->loop.vm == vm->no) {
			f(row);
			n++;
		}
	}
	return n;
}

void jit_vm_destroy(jit_vm *vm)
{
	if (!vm)
		return;
	jit_region_lock();
	each_loop(vm, jit_region_retire_loop);
	jit_slots_leave(vm);
	jit_runs_leave(vm);
	jit_region_unlock();
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}

/* What PyPy counts, unless the VM does that itself. */
static void pypy_count(jit_vm *vm, enum jit_counter c, uint64_t n)
{
	if (!vm->config.own_counters)
		jit_bump(c, n);
}

const char *jit_greenkey(struct jit_trace *t)
{
	if (!t->placed) {
		t->placed = 1;
		if (t->place)
			t->place(t->place_ctx, t->greenkey, sizeof(t->greenkey));
		t->greenkey[sizeof(t->greenkey) - 1] = '\0';
	}
	return t->greenkey;
}

/*
 * What there is to say of a trace, its code excepted. The greenkey is there:
 * the VM's function that makes it must not run under our lock.
 */
static void describe(jit_vm *vm, struct jit_trace *t, struct jit_loop *loop)
{
	const struct jit_timer *timer = t->timed ? jit_timer() : NULL;

	loop->instance = jit_region->instance;
	loop->loop_no = t->loop_no;
	loop->parent_no = t->parent_no;
	loop->vm_no = t->vm_no;
	loop->asmaddr = 0;
	loop->compile_ns = timer ? timer->spent - t->spent_ns : 0;
	loop->when_ns = timer ? timer->since : jit_now();
	loop->runs = 0;
	loop->asmlen = 0;
	loop->operations = t->ops_after;
	loop->vm = vm->no;
	loop->exit_no = t->exit_no;
	loop->run_slot = 0;
	loop->type = t->type;
	JIT_COPY(loop->greenkey, t->greenkey);
}

/* The event's fields about the trace. With the lock held. */
static struct jit_event *event_of(jit_vm *vm, struct jit_trace *t)
{
	struct jit_event *e = &jit_region->event;

	e->trace_no = t->no;
	e->ops_before = t->ops_before;
	memcpy(e->jitdriver, vm->jitdriver_name, sizeof(e->jitdriver));
	describe(vm, t, &e->loop);
	return e;
}

void jit_trace_start(jit_vm *vm, struct jit_trace *t, const struct jit_trace_place *place)
{
	/* Without the greenkey: 128 bytes that need no clearing. */
	memset(t, 0, offsetof(struct jit_trace, greenkey));
	t->greenkey[0] = '\0';
	t->type = place->type < JIT_NTYPES ? place->type : JIT_TYPE_LOOP;
	t->parent_no = place->parent_no;
	t->vm_no = place->vm_no;
	t->exit_no = place->exit_no;
	if (place->greenkey) {
		JIT_COPY(t->greenkey, place->greenkey);
		t->placed = 1;
	} else {
		t->place = place->place;
		t->place_ctx = place->place_ctx;
	}
	if (!vm->config.own_counters) {
		jit_bump(JIT_TRACING, 1);
		t->spent_ns = jit_timer_start(JIT_TIME_TRACING)->spent;
		t->timed = 1;
	}

	t->no = jit_add(&jit_region->next_no, 1);
	t->loop_no = t->no;
	if (!t->parent_no && !JIT_PROBE_ON(trace__start))
		return;
	if (JIT_PROBE_ON(trace__start))
		jit_greenkey(t);
	jit_region_lock();
	if (t->parent_no) {
		struct jit_loop_row *parent = jit_region_loop(t->parent_no);

		t->loop_no = parent ? parent->loop.loop_no : t->parent_no;
	}
	if (JIT_PROBE_ON(trace__start) && t->timed && t->placed) {
		event_of(vm, t);
		jit_fire(JIT_PROBE_TRACE_START);
	}
	jit_region_unlock();
}

void jit_trace_retype(jit_vm *vm, struct jit_trace *t, enum jit_trace_type type)
{
	(void)vm;
	if (type < JIT_NTYPES)
		t->type = type;
}

int jit_optimize(jit_vm *vm, struct jit_trace *t, struct jit_optimize *ops)
{
	t->ops_before = ops->ops_before;
	t->ops_after = ops->ops_after;
	if (JIT_PROBE_ON(optimize)) {
		jit_greenkey(t);
		jit_region_lock();
		event_of(vm, t);
		jit_fire(JIT_PROBE_OPTIMIZE);
		jit_region_unlock();
	}
	return jit_call_optimize(vm, t, ops);
}

void jit_optimize_verdict(jit_vm *vm, struct jit_trace *t, const char *why)
{
	jit_bump(why ? JIT_OPTIMIZE_REJECTED : JIT_OPTIMIZE_REPLACED, 1);
	if (why)
		jit_report(vm, "operations of the optimize hook refused for %s %llu at %s: %s",
			   jit_type_name(t->type), (unsigned long long)t->no, jit_greenkey(t), why);
}

void jit_backend_start(jit_vm *vm, struct jit_trace *t)
{
	pypy_count(vm, JIT_BACKEND, 1);
	if (t->timed)
		jit_time_start(JIT_TIME_BACKEND);
}

void jit_backend_end(jit_vm *vm, struct jit_trace *t)
{
	(void)vm;
	if (t->timed)
		jit_time_end(JIT_TIME_BACKEND);
}

/* Enters the trace where it will be found; the row, or the event's own. */
static struct jit_loop *enter(jit_vm *vm, struct jit_trace *t, const struct jit_code *code)
{
	struct jit_loop_row *row = jit_region_add_loop(vm, t->no);
	struct jit_loop *loop = row ? &row->loop : &jit_region->event.loop;
	uint32_t slot = row ? loop->run_slot : 0;

	describe(vm, t, loop);
	loop->asmaddr = code->asmaddr;
	loop->asmlen = code->asmlen;
	loop->run_slot = slot;
	if (code->compile_ns)
		loop->compile_ns = code->compile_ns;
	if (row)
		jit_region_loop_done(row);
	else
		jit_bump(JIT_UNTRACKED_LOOPS, 1);
	return loop;
}

void jit_trace_compiled(jit_vm *vm, struct jit_trace *t, const struct jit_code *code)
{
	const struct jit_loop *loop;

	if (t->timed)
		jit_timer_end(JIT_TIME_TRACING);
	pypy_count(vm,
		   t->type == JIT_TYPE_BRIDGE ? JIT_TOTAL_COMPILED_BRIDGES
					      : JIT_TOTAL_COMPILED_LOOPS,
		   1);
	t->ops_after = code->operations;

	jit_greenkey(t);
	jit_region_lock();
	loop = enter(vm, t, code);
	vm->compiled = true;
	if (JIT_PROBE_ON(compile)) {
		struct jit_event *e = &jit_region->event;

		e->trace_no = t->no;
		e->ops_before = t->ops_before;
		memcpy(e->jitdriver, vm->jitdriver_name, sizeof(e->jitdriver));
		if (loop != &e->loop)
			e->loop = *loop;
		jit_fire(JIT_PROBE_COMPILE);
	}
	jit_region_unlock();

	jit_call_compile(vm, t, code);
}

void jit_trace_aborted(jit_vm *vm, struct jit_trace *t, const struct jit_abort_info *info)
{
	enum jit_counter counter = jit_is_abort(info->counter) ? info->counter : JIT_ABORT_OTHER;
	const char *reason = info->reason ? info->reason : jit_counter_name(counter);
	const char *greenkey = info->greenkey ? info->greenkey : jit_greenkey(t);
	bool tell = JIT_PROBE_ON(abort);
	struct jit_abort_row *row;
	uint64_t when = t->timed ? jit_timer_end(JIT_TIME_TRACING)->since : jit_now();

	if (counter == JIT_ABORT_OTHER)
		jit_bump(counter, 1);
	else
		pypy_count(vm, counter, 1);
	t->ops_before = info->operations;

	if (tell)
		jit_greenkey(t);
	jit_region_lock();
	row = jit_region_abort(info->reason_id, reason, greenkey);
	if (row)
		jit_region_count_abort(row, counter, when);
	else
		jit_bump(JIT_UNTRACKED_ABORTS, 1);
	if (tell) {
		struct jit_event *e = event_of(vm, t);

		if (row) {
			e->abort = row->abort;
		} else {
			e->abort = (struct jit_abort){
				.counter = counter,
				.reason_id = info->reason_id,
			};
			JIT_COPY(e->abort.reason, reason);
			JIT_COPY(e->abort.greenkey, greenkey);
		}
		jit_fire(JIT_PROBE_ABORT);
	}
	jit_region_unlock();

	jit_call_abort(vm, info, greenkey, reason);
}

static void count_freed(const struct jit_loop *loop)
{
	jit_bump(loop->type == JIT_TYPE_BRIDGE ? JIT_TOTAL_FREED_BRIDGES : JIT_TOTAL_FREED_LOOPS,
		 1);
}

static void drop_and_count(struct jit_loop_row *row)
{
	count_freed(&row->loop);
	jit_region_drop_loop(row);
}

void jit_trace_freed(jit_vm *vm, uint64_t no)
{
	struct jit_loop_row *row;

	jit_region_lock();
	row = jit_region_loop(no);
	if (row) {
		if (!vm->config.own_counters)
			count_freed(&row->loop);
		if (JIT_PROBE_ON(free)) {
			struct jit_event *e = &jit_region->event;

			e->trace_no = no;
			e->loop = row->loop;
			e->loop.runs = jit_slot_runs_of(row->loop.run_slot);
			memcpy(e->jitdriver, vm->jitdriver_name, sizeof(e->jitdriver));
			jit_fire(JIT_PROBE_FREE);
		}
		jit_region_drop_loop(row);
	}
	jit_region_unlock();
}

void jit_flushed(jit_vm *vm, const char *cause)
{
	struct jit_event *e = &jit_region->event;
	struct jit_flush *f = &vm->flush;

	jit_bump(JIT_FLUSHES, 1);
	jit_region_lock();
	f->dropped = each_loop(vm, vm->config.own_counters ? jit_region_drop_loop : drop_and_count);
	f->total_dropped += f->dropped;
	f->count++;
	f->instance = jit_region->instance;
	f->flushed_no = jit_region->next_no - 1;
	f->last_ns = jit_now();
	f->vm = vm->no;
	JIT_COPY(f->cause, cause);
	e->flush = *f;
	e->trace_no = 0;
	e->loop = (struct jit_loop){.vm = vm->no};
	if (JIT_PROBE_ON(flush))
		jit_fire(JIT_PROBE_FLUSH);
	jit_region_unlock();
}

void jit_count(jit_vm *vm, enum jit_counter counter, uint64_t n)
{
	(void)vm;
	if ((unsigned)counter < JIT_NCOUNTERS)
		jit_bump(counter, n);
}

void jit_take_over(jit_vm *vm, const uint64_t *counters, size_t n, uint64_t tracing_ns,
		   uint64_t backend_ns, int tell)
{
	__u64 *to = (__u64 *)&jit_totals()->counters;

	if (n > JIT_ABORT_OTHER)
		n = JIT_ABORT_OTHER; /* ours are not the VM's to set */
	jit_region_lock();
	for (size_t i = 0; i < n; i++)
		__atomic_store_n(&to[i], counters[i], __ATOMIC_RELAXED);
	__atomic_store_n(&jit_totals()->times.tracing_ns, tracing_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&jit_totals()->times.backend_ns, backend_ns, __ATOMIC_RELAXED);
	JIT_COPY(jit_region->event.jitdriver, vm->jitdriver_name);
	if (tell && JIT_PROBE_ON(update))
		jit_fire(JIT_PROBE_UPDATE);
	jit_region_unlock();
}

uint64_t *jit_run_count(jit_vm *vm, uint64_t no)
{
	struct jit_loop_row *row;
	uint64_t *count;

	(void)vm;
	jit_region_lock();
	row = jit_region_loop(no);
	count = jit_slot_counted_in(row ? row->loop.run_slot : JIT_RUNS_OVERFLOW);
	jit_region_unlock();
	return count;
}

/*
 * Counters and run counts can change after the last event: the last word at a normal exit.
 * An observer takes all of them from it (bpf/runs.h), so nobody is asked or waited for.
 */
__attribute__((destructor)) static void last_word(void)
{
	/* exit() may have been called from a signal handler: do not wait for locks. */
	if (!jit_region || !jit_region_trylock())
		return;
	if (jit_region->next_no > 1 && JIT_PROBE_ON(update)) {
		jit_region->event.ending = 1;
		jit_fire(JIT_PROBE_UPDATE);
	}
	jit_slots_save();
	jit_region_unlock();
}
