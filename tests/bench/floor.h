/* SPDX-License-Identifier: ISC */
/* What the files of floor know of each other: the rows. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <stdbool.h>

/* A message of the client's in bytes, a negative one of the server's. */
#define FLOOR_MESSAGES 8

enum work {
	WORK_HANDSHAKE,
	WORK_REQUEST,
	WORK_KEPT,
	WORK_DOWN,
	WORK_UP,
	WORK_STORM,
	WORK_IDLE
};

struct row {
	const char *name;
	int version;
	bool stateless, resume;
	enum work work;
	int messages[FLOOR_MESSAGES]; /* as they go over the wire */
};

double floor_cpu(void); /* seconds of this process */

/*
 * CPU microseconds that the serving process takes for the row's messages
 * without TLS; with a port, where the benchmark's backend listens, as a proxy.
 */
double floor_tcp(const struct row *, const char *port);

#endif
