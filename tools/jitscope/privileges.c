/* SPDX-License-Identifier: BSD-2-Clause */
/* privileges.c - giving up what a long-running command does not need. */
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "privileges.h"

#define BIT(cap) (1ull << (cap))

/* What each is for. */
static const uint64_t needed = BIT(CAP_BPF)		  /* maps, programs */
			       | BIT(CAP_PERFMON)	  /* uprobes */
			       | BIT(CAP_SYS_PTRACE)	  /* maps and memory of processes */
			       | BIT(CAP_DAC_READ_SEARCH); /* the files that they map */

static int get(struct __user_cap_header_struct *header, struct __user_cap_data_struct data[2])
{
	return syscall(SYS_capget, header, data) ? -errno : 0;
}

int privileges_drop(bool admin)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	uint64_t keep = needed | (admin ? BIT(CAP_SYS_ADMIN) : 0);
	int err = get(&header, data);

	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	/* The bounding set as far as we may (CAP_SETPCAP): what is not there ends the loop. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(keep & BIT(cap)))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(keep >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}
