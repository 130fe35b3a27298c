/* SPDX-License-Identifier: ISC */
/*
 * A service that writes down what happens to its connection:
 *
 *	b begin   y early   r ready   d data   e end in order   E end by a cut
 *	o room    k recheck   D drain   C closed
 *
 * and does something at one of these events if told so.
 */
#ifndef TEST_CONN_RECORD_H
#define TEST_CONN_RECORD_H

#include "conn/conn.h"

struct record {
	char events[64]; /* the same one again is not repeated */
	char at;	 /* at the first of these … */
	void (*action)(struct conn *); /* … do this */
	uint8_t *data;
	size_t len;
	bool writable; /* what conn_write() in the action returned */
};
extern struct record record;
extern const struct conn_ops record_ops;

void record_setup(void);
void record_teardown(void);

#endif
