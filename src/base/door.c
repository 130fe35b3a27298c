/* SPDX-License-Identifier: ISC */
/*
 * See door.h. By a socket filter, which Linux asks about each packet for a
 * listening socket; connections that are accepted there inherit it, and have
 * no packets that it drops. Any process.
 */
#include "config.h"

#include <sys/socket.h>

#ifdef HAVE_LINUX_FILTER_H
#include <linux/filter.h>
#endif

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "base/door.h"

#if defined(HAVE_LINUX_FILTER_H) && defined(SO_ATTACH_FILTER) && \
    defined(SO_GET_FILTER)

#define FLAGS_OFFSET 13 /* in the header of TCP, where a packet begins here */
#define FLAG_SYN 0x02
#define FLAG_ACK 0x10

int
door_shut(int fd)
{
	struct sock_filter drop_syn[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_OFFSET),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FLAG_SYN | FLAG_ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FLAG_SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX), /* all of it */
	};
	struct sock_fprog program = {
		.len = sizeof(drop_syn) / sizeof(drop_syn[0]),
		.filter = drop_syn,
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
	    sizeof(program));
}

bool
door_is_shut(int fd)
{
	socklen_t len = 0; /* of instructions; with 0 only their number comes */

	return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &len) == 0 &&
	    len > 0;
}

#else

int
door_shut(int fd)
{
	errno = ENOTSUP;
	return -1;
}

bool
door_is_shut(int fd)
{
	return false;
}

#endif
