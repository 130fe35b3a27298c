/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "record.h"

static void record_begin(struct conn *);
static void record_early(struct conn *);
static void record_ready(struct conn *);
static void record_data(struct conn *, const uint8_t *, size_t);
static void record_eof(struct conn *, bool);
static void record_room(struct conn *);
static void record_recheck(struct conn *);
static void record_drain(struct conn *);
static void record_closed(struct conn *);

struct record record;

const struct conn_ops record_ops = {
	.name = "record",
	.state_size = 24,
	.begin = record_begin,
	.early = record_early,
	.ready = record_ready,
	.data = record_data,
	.eof = record_eof,
	.room = record_room,
	.recheck = record_recheck,
	.drain = record_drain,
	.closed = record_closed,
};

void
record_setup(void)
{
	memset(&record, 0, sizeof(record));
}

void
record_teardown(void)
{
	free(record.data);
}

static void
note(struct conn *c, char event)
{
	size_t n = strlen(record.events);

	if (n == 0 || record.events[n - 1] != event) {
		ck_assert_uint_lt(n, sizeof(record.events) - 1);
		record.events[n] = event;
	}
	if (record.at == event && record.action != NULL) {
		record.at = '\0';
		record.action(c);
	}
}

static void
record_begin(struct conn *c)
{
	static const uint8_t zero[24];

	ck_assert_mem_eq(conn_state(c), zero, sizeof(zero));
	note(c, 'b');
}

static void
record_early(struct conn *c)
{
	note(c, 'y');
}

static void
record_ready(struct conn *c)
{
	note(c, 'r');
}

static void
record_data(struct conn *c, const uint8_t *buf, size_t len)
{
	ck_assert_uint_gt(len, 0);
	record.data = realloc(record.data, record.len + len);
	ck_assert_ptr_nonnull(record.data);
	memcpy(record.data + record.len, buf, len);
	record.len += len;
	note(c, 'd');
}

static void
record_eof(struct conn *c, bool orderly)
{
	note(c, orderly ? 'e' : 'E');
	conn_finish(c);
}

static void
record_room(struct conn *c)
{
	note(c, 'o');
}

static void
record_recheck(struct conn *c)
{
	note(c, 'k');
}

static void
record_drain(struct conn *c)
{
	note(c, 'D');
}

static void
record_closed(struct conn *c)
{
	note(c, 'C');
}
