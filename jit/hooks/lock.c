/* SPDX-License-Identifier: BSD-2-Clause */
#include "lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Who had to wait does not know whether others still do, so he takes the lock
 * as one that is waited for: at worst the kernel is asked once in vain.
 */
void jit_lock_wait(uint32_t *lock)
{
	int saved = errno;

	while (__atomic_exchange_n(lock, JIT_LOCK_WAITED_FOR, __ATOMIC_ACQUIRE) != JIT_LOCK_FREE)
		syscall(SYS_futex, lock, FUTEX_WAIT_PRIVATE, JIT_LOCK_WAITED_FOR, NULL);
	errno = saved;
}

void jit_lock_wake(uint32_t *lock)
{
	int saved = errno;

	syscall(SYS_futex, lock, FUTEX_WAKE_PRIVATE, 1);
	errno = saved;
}
