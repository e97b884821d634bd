/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.h - the region's lock: a word, and the kernel for whoever has to wait.
 *
 * A trace takes it two or three times, nearly always free. Then this is a few
 * instructions in the caller, where a mutex of the C library is several calls
 * into code that has left the processor's caches since the last trace.
 *
 * It may be held over fork(): nobody waits in the child, which goes on with it
 * as it was.
 */
#ifndef JIT_HOOKS_LOCK_H
#define JIT_HOOKS_LOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { JIT_LOCK_FREE, JIT_LOCK_HELD, JIT_LOCK_WAITED_FOR };

/* Waits until the lock is ours; wakes one who waits. Both leave errno alone. */
void jit_lock_wait(uint32_t *lock);
void jit_lock_wake(uint32_t *lock);

static inline bool jit_lock_try(uint32_t *lock)
{
	uint32_t expected = JIT_LOCK_FREE;

	return __atomic_compare_exchange_n(lock, &expected, JIT_LOCK_HELD, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static inline void jit_lock_take(uint32_t *lock)
{
	if (__builtin_expect(!jit_lock_try(lock), 0))
		jit_lock_wait(lock);
}

static inline void jit_lock_drop(uint32_t *lock)
{
	if (__builtin_expect(__atomic_exchange_n(lock, JIT_LOCK_FREE, __ATOMIC_RELEASE) ==
				     JIT_LOCK_WAITED_FOR,
			     0))
		jit_lock_wake(lock);
}

#endif
