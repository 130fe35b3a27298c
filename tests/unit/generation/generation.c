/* SPDX-License-Identifier: ISC */
/* What a worker keeps of its generation, and of no other. */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "generation/generation.h"
#include "test_generation.h"

static char name[] = "main", text[ADDR_TEXT_MAX];
static struct bound_list sockets;
static struct generation_list generations;
static struct conf conf;
static struct conf_listen listener;

static struct bound *
get(const char *address)
{
	struct conf_addr a;
	struct bound *b;
	struct err err;

	memset(&a, 0, sizeof(a));
	a.text = a.number = text;
	ck_assert_int_eq(addr_parse(address, &a.addr, NULL, &err), 0);
	b = sockets_get(&sockets, &conf, &listener, &a, &err);
	ck_assert_msg(b != NULL, "%s", err.text);
	return b;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

/* A worker of the running generation that is forked during a reload. */
START_TEST(forget)
{
	struct heritage_socket_set set;
	struct bound *b, *other;
	struct generation g;

	TAILQ_INIT(&sockets);
	TAILQ_INIT(&generations);
	conf.reuseport = true;
	conf.workers = 3;
	listener.name = name;
	listener.backlog = 16;
	b = get("127.0.0.1:0");
	memset(&set, 0, sizeof(set));
	set.nfds = b->nfds;
	set.fds = calloc(b->nfds, sizeof(*set.fds));
	ck_assert_ptr_nonnull(set.fds);
	memcpy(set.fds, b->fds, b->nfds * sizeof(*set.fds));
	memset(&g, 0, sizeof(g));
	g.sets = &set;
	g.nsets = 1;
	conf.workers = 4;
	sockets_begin(&sockets);
	ck_assert_ptr_eq(get("127.0.0.1:0"), b);
	other = get("127.0.0.2:0");
	generation_forget(&generations, &sockets, &g);
	ck_assert(is_open(b->fds[0]));
	ck_assert(is_open(b->fds[2]));
	ck_assert(!is_open(b->fds[3]));
	ck_assert(!is_open(other->fds[0]));
	b->nfds = 3;
	other->nfds = 0;
	sockets_close(&sockets);
	free(set.fds);
}
END_TEST

Suite *
generation_suite(void)
{
	Suite *suite = suite_create("generation");
	TCase *tc = tcase_create("generation");

	tcase_add_test(tc, forget);
	suite_add_tcase(suite, tc);
	return suite;
}
