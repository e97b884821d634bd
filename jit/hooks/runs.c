/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs.c - are loop runs counted, how, and in whose memory?
 *
 * Who is attached to probe `runs` wishes that they are, and has a map for it or
 * not; who is attached to loop__run, that the probe fires; the program, with
 * enable_debug, that they are counted at all. Here the wishes become what a VM
 * does, at a moment of the VM's own choice.
 *
 * Taking a map goes in this order, and back likewise, for each VM by itself:
 * ask (ask.c), lay its pages in the place of the VM's slots (slots.c), say so in
 * the header and fire `runs`, and only then tell the VM to count. Once the map
 * is in hand a VM that comes later asks for its descriptor again.
 *
 * Asking takes up to 50 ms and is done under a lock of its own, so that compiling
 * threads do not wait for it; under that lock the region's is taken to act.
 * fork() waits for both, and a child whose parent's counts lay in a map asks for
 * its own before it runs on: it has one thread then, which does not count.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <jithooks/probes.h>

#include "ask.h"

#define AGAIN_NS 1000000000u
#define CHECK_NS 2000000000u /* a map's owner may have gone, and another have come, unseen */
#define LEAST_SLOTS 2048

static struct {
	uint32_t lock;
	char directory[PATH_MAX];
	bool from_start; /* JITHOOKS_COUNT_RUNS */

	/* With both locks. */
	struct jit_map map; /* in hand; id 0: none */
	uint64_t session;   /* whose it is */
	/* With the first. */
	char socket[JIT_SOCKET_NAME]; /* where it came from */
	unsigned short wish;	      /* attached to `runs` when we last looked */
	bool unanswered;	      /* by anybody, when we last asked */
	uint64_t asked_ns;	      /* when that was */
	uint64_t again_ns;	      /* we do not ask before that; 0: any time */
	/* With the second. */
	uint32_t counting[2]; /* VMs that count, by the bits of how */
} self = {.directory = JIT_RUNS_DIR};

void jit_runs_open(void)
{
	const char *directory = secure_getenv("JITHOOKS_RUNS_DIR");
	const char *text = secure_getenv("JITHOOKS_COUNT_RUNS");

	if (directory && *directory)
		JIT_COPY(self.directory, directory);
	self.from_start = text && *text && strcmp(text, "0") != 0;
}

static unsigned short attached(void)
{
	return __atomic_load_n(&jit_runs_semaphore, __ATOMIC_RELAXED);
}

static const struct jit_map *in_hand(void)
{
	return self.map.id ? &self.map : NULL;
}

/* ---- In whose memory --------------------------------------------------------- */

/* With both locks: from now on the header names this session and map. */
static void own_up(const jit_vm *vm, uint64_t session, const struct jit_map *map)
{
	struct jit_event *e = &jit_region->event;
	bool new = map->id != self.map.id;

	self.session = session;
	self.map = *map;
	if (!new)
		return;
	jit_region->runs_session = session;
	jit_region->runs_mapped = map->slots;
	if (!JIT_PROBE_ON(runs))
		return;
	e->trace_no = 0;
	e->loop = (struct jit_loop){.vm = vm ? vm->no : 0};
	if (vm)
		JIT_COPY(e->jitdriver, vm->jitdriver_name);
	jit_fire(JIT_PROBE_RUNS);
}

/* Nobody has a map for us: counts are in our own memory again. */
static void go_back(const jit_vm *vm)
{
	jit_region_lock();
	jit_slots_move_out(vm);
	own_up(vm, 0, &(struct jit_map){.id = 0});
	jit_region_unlock();
}

static bool go_into(const jit_vm *vm, const struct jit_answer *answer)
{
	bool moved;

	jit_region_lock();
	moved = !jit_slots_move_in(vm, &answer->map);
	if (moved)
		own_up(vm, answer->reply.session, &answer->map);
	jit_region_unlock();
	close(answer->map.fd);
	if (moved)
		JIT_COPY(self.socket, answer->name);
	return moved;
}

/* A power of two, with room to compile more; whole pages are as well. */
static uint32_t round_up(uint32_t slots)
{
	uint32_t n = LEAST_SLOTS;
	uint32_t page = (uint32_t)((size_t)sysconf(_SC_PAGESIZE) / sizeof(struct jit_run));

	while (n < slots && n < MAX_LOOPS)
		n *= 2;
	n = n < slots ? slots : n;
	return n < 2 * page ? 2 * page : n;
}

/* Is there something to ask for? */
static bool need(const jit_vm *vm, unsigned short wish, struct jit_runs_request *request)
{
	bool elsewhere, ask;
	uint64_t now;

	jit_region_lock();
	elsewhere = !in_hand() || jit_slots_lie_elsewhere(vm, in_hand());
	ask = elsewhere || jit_slots_lie_beyond(vm, in_hand());
	*request = (struct jit_runs_request){
		.magic = JIT_RUNS_MAGIC,
		.version = JIT_ABI_VERSION,
		.size = sizeof(*request),
		.instance = jit_region->instance,
		.session = elsewhere ? 0 : self.session,
		.slots = round_up(jit_slots_wanted()),
	};
	jit_region_unlock();
	now = jit_now();
	/* Is the map's owner still there? */
	if (wish != self.wish || (self.map.id && now - self.asked_ns >= CHECK_NS))
		return true;
	return ask && now >= self.again_ns;
}

/* Does what the answer says; false: there is reason to ask again. */
static bool act_on(const jit_vm *vm, const struct jit_answer *answer)
{
	bool ours = in_hand() && answer->reply.session == self.session;

	switch (answer->reply.status) {
	case JIT_RUNS_GRANTED:
		return go_into(vm, answer);
	case JIT_RUNS_KEEP:
		return ours;
	}
	if (in_hand() && !(ours && answer->reply.slots))
		go_back(vm);
	return false;
}

static void ask(const jit_vm *vm, unsigned short wish, const struct jit_runs_request *request)
{
	struct jit_answer answer;
	bool heard = jit_ask(self.directory, self.socket, request, &answer), done = false;
	const struct jit_map *map;

	if (heard)
		done = act_on(vm, &answer);
	else if (in_hand() && !answer.silent)
		go_back(vm);
	self.asked_ns = jit_now();
	jit_region_lock();
	map = in_hand();
	if (!done || !map || jit_slots_lie_elsewhere(vm, map) || jit_slots_lie_beyond(vm, map))
		self.again_ns = self.asked_ns + AGAIN_NS;
	jit_region_unlock();
	__atomic_store_n(&self.wish, wish, __ATOMIC_RELAXED);
	self.unanswered = !heard;
}

static void follow(const jit_vm *vm)
{
	struct jit_runs_request request;
	unsigned short wish;

	if (!attached() && !__atomic_load_n(&self.wish, __ATOMIC_RELAXED) &&
	    !jit_slots_lie_in_maps())
		return;
	jit_lock_take(&self.lock);
	wish = attached();
	if (!wish) {
		go_back(vm);
		__atomic_store_n(&self.wish, 0, __ATOMIC_RELAXED);
	} else if (need(vm, wish, &request)) {
		ask(vm, wish, &request);
	}
	jit_lock_drop(&self.lock);
}

/* ---- How ------------------------------------------------------------------------ */

static unsigned wished(const jit_vm *vm)
{
	if (JIT_PROBE_ON(loop__run))
		return JIT_RUNS_MEMORY | JIT_RUNS_PROBE;
	return vm->debug || self.from_start || attached() ? JIT_RUNS_MEMORY : 0;
}

static void note_counting(unsigned how, unsigned before)
{
	unsigned any = 0;

	for (unsigned bit = 0; bit < 2; bit++) {
		self.counting[bit] += (how >> bit & 1) - (before >> bit & 1);
		any |= (self.counting[bit] != 0) << bit;
	}
	jit_region->counting = any;
}

/* With the region's lock: since when there are counts, and what is not in them. */
static void note_since(jit_vm *vm, unsigned how)
{
	struct jit_event *e = &jit_region->event;

	if (how && vm->uncounted)
		e->runs_missed |= e->runs_since_ns ? JIT_RUNS_GAPS : JIT_RUNS_LATE;
	if (how && !e->runs_since_ns)
		e->runs_since_ns = jit_now();
	if (!how && vm->compiled)
		e->runs_missed |= JIT_RUNS_GAPS;
	vm->uncounted = !how && vm->compiled;
	/* Who is told with the next event only may be told never. */
	if (!JIT_PROBE_ON(update))
		return;
	e->trace_no = 0;
	e->loop = (struct jit_loop){.vm = vm->no};
	JIT_COPY(e->jitdriver, vm->jitdriver_name);
	jit_fire(JIT_PROBE_UPDATE);
}

/* Tells the VM how to count, if that is new to it. */
static int count(jit_vm *vm)
{
	unsigned how = wished(vm);
	int err = 0;
	bool new = false;

	if (how) {
		jit_region_lock();
		new = jit_slots_overflow(vm, in_hand());
		jit_region_unlock();
	}
	if (how == vm->how && !new)
		return 0;
	if (vm->config.count_runs)
		err = vm->config.count_runs(vm->config.ctx, how);
	if (err)
		return err;
	jit_region_lock();
	note_counting(how, vm->how);
	if (!how != !vm->how)
		note_since(vm, how);
	jit_region_unlock();
	vm->how = how;
	return 0;
}

unsigned jit_runs_update(jit_vm *vm)
{
	int saved = errno;

	follow(vm);
	count(vm);
	vm->uncounted = !vm->how && vm->compiled;
	errno = saved;
	return vm->how;
}

static int set_debug(jit_vm *vm, bool on)
{
	bool before = vm->debug;
	int err;

	if (!vm->config.count_runs)
		return -ENOTSUP;
	vm->debug = on;
	vm->uncounted = !vm->how && vm->compiled;
	err = count(vm);
	if (err)
		vm->debug = before;
	return err;
}

int jit_enable_debug(jit_vm *vm)
{
	return set_debug(vm, true);
}

int jit_disable_debug(jit_vm *vm)
{
	return set_debug(vm, false);
}

void jit_runs_leave(const jit_vm *vm)
{
	note_counting(0, vm->how);
}

/* ---- fork() ------------------------------------------------------------------------- */

void jit_runs_before_fork(void)
{
	jit_lock_take(&self.lock);
}

void jit_runs_in_parent(void)
{
	jit_lock_drop(&self.lock);
}

void jit_runs_in_child(void)
{
	bool had = self.map.id != 0, ask_at_once = had && attached() && !self.unanswered;
	struct jit_runs_request request;
	int saved = errno;

	self.session = 0;
	self.map.id = 0;
	self.again_ns = 0;
	if (ask_at_once && need(NULL, self.wish, &request))
		ask(NULL, self.wish, &request);
	jit_lock_drop(&self.lock);
	errno = saved;
}
