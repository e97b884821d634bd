/* SPDX-License-Identifier: BSD-2-Clause */
/* notify.h - telling the service manager how far we are. */
#ifndef TOOL_NOTIFY_H
#define TOOL_NOTIFY_H

/*
 * One message of sd_notify(3), such as "READY=1". Without a manager that asked for it
 * (NOTIFY_SOCKET) nothing is done; what fails is the manager's to notice.
 */
void notify_manager(const char *message);

#endif
