/* SPDX-License-Identifier: ISC */
/* How many connections a worker has room for. */
#include "config.h"

#include <string.h>

#include "conf/conf.h"
#include "test_conf.h"

static const struct {
	unsigned connections;
	size_t backends, files, room;
} rooms[] = {
	{ 100, 0, 1000, 100 },
	{ 100, 1, 1000, 100 },
	/* 64, and for two workers an address and a socket to the master */
	{ 900, 0, 968, 900 },
	{ 900, 0, 967, 899 },
	{ 900, 1, 968, 450 },
	{ 200, 0, 100, 50 },
	{ 200, 1, 100, 25 },
	{ 200, 1, 1, 1 },
	{ 200, 1, 0, 1 },
};

START_TEST(room)
{
	struct conf_listen listen;
	struct conf conf;

	memset(&listen, 0, sizeof(listen));
	memset(&conf, 0, sizeof(conf));
	listen.naddresses = 1;
	listen.nbackends = rooms[_i].backends;
	conf.listens = &listen;
	conf.nlistens = 1;
	conf.workers = 2;
	conf.worker_connections = rooms[_i].connections;
	ck_assert_uint_eq(conf_room(&conf, rooms[_i].files),
	    rooms[_i].room);
}
END_TEST

Suite *
files_suite(void)
{
	Suite *s = suite_create("files");
	TCase *tc = tcase_create("files");

	tcase_add_loop_test(tc, room, 0, sizeof(rooms) / sizeof(rooms[0]));
	suite_add_tcase(s, tc);
	return s;
}
