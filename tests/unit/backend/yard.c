/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>

#include "base/clock.h"
#include "base/fd.h"
#include "test_dir.h"
#include "yard.h"

#define FDS_MAX 256
#define FILL_MAX 64

struct yard yard;
static char name[] = "test";
static char texts[YARD_MAX][ADDR_TEXT_MAX];
static int fills[FILL_MAX];
static size_t nfills;

static void
enter(void *user)
{
	ck_assert_ptr_eq(user, &yard);
	ck_assert_int_eq(yard.entered, yard.left);
	yard.entered++;
}

static void
leave(void *user)
{
	yard.left++;
	ck_assert_int_eq(yard.entered, yard.left);
}

static void
connected(void *user)
{
	ck_assert(leg_is_up(&yard.leg));
	yard.connected++;
}

static void
refused(void *user)
{
	ck_assert_int_ne(leg_error(&yard.leg), 0);
	yard.refused++;
}

static void
failed(void *user)
{
	ck_assert(leg_has_failed(&yard.leg) && leg_waits(&yard.leg) == 0);
	yard.failed++;
}

static void
sent(void *user)
{
	yard.sent++;
}

static void
broken(void *user)
{
	ck_assert(leg_is_broken(&yard.leg) && leg_waits(&yard.leg) == 0);
	yard.broken++;
}

static void
input(void *user)
{
	ck_assert(leg_is_up(&yard.leg));
	yard.input++;
}

static const struct leg_ops ops = {
	.enter = enter,
	.leave = leave,
	.connected = connected,
	.refused = refused,
	.failed = failed,
	.sent = sent,
	.broken = broken,
	.input = input,
};

static size_t
count_fds(void)
{
	size_t n = 0;
	int fd;

	for (fd = 0; fd < FDS_MAX; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* Only event bases with edge-triggered events will do. */
static struct event_base *
new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	event_config_require_features(config, EV_FEATURE_ET);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

void
yard_setup(void)
{
	test_dir_setup();
	memset(&yard, 0, sizeof(yard));
	memset(yard.fds, -1, sizeof(yard.fds));
	nfills = 0;
	yard.open = count_fds();
	yard.base = new_base();
	ck_assert_ptr_nonnull(yard.base);
	yard.listen.name = name;
	yard.listen.connect_timeout = 20000;
}

void
yard_teardown(void)
{
	size_t i;

	leg_close(&yard.leg);
	backend_pool_free(yard.pool);
	event_base_free(yard.base);
	for (i = 0; i < YARD_MAX; i++)
		if (yard.fds[i] != -1)
			close(yard.fds[i]);
	while (nfills > 0)
		close(fills[--nfills]);
	ck_assert_uint_eq(count_fds(), yard.open);
	test_dir_teardown();
}

static void
listen_at(size_t i, bool local, int backlog)
{
	struct addr *addr = &yard.addrs[i].addr;
	char file[32];
	struct err err;

	snprintf(file, sizeof(file), "s%zu", i);
	if (local)
		snprintf(texts[i], sizeof(texts[i]), "unix:%s",
		    test_path(file));
	else
		snprintf(texts[i], sizeof(texts[i]), "127.0.0.1:1");
	ck_assert_int_eq(addr_parse(texts[i], addr, NULL, &err), 0);
	if (!local)
		((struct sockaddr_in *)&addr->ss)->sin_port = 0;
	yard.fds[i] = fd_socket(addr->ss.ss_family, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(yard.fds[i], (struct sockaddr *)&addr->ss,
	    addr->len), 0);
	ck_assert_int_eq(listen(yard.fds[i], backlog), 0);
	if (!local)
		ck_assert_int_eq(getsockname(yard.fds[i],
		    (struct sockaddr *)&addr->ss, &addr->len), 0);
	addr_format((struct sockaddr *)&addr->ss, addr->len, texts[i],
	    sizeof(texts[i]));
	yard.addrs[i].text = yard.addrs[i].number = texts[i];
}

void
yard_open(size_t n, bool local, int backlog)
{
	size_t i;

	for (i = 0; i < n; i++)
		listen_at(i, local, backlog);
	yard.listen.backends = yard.addrs;
	yard.listen.nbackends = n;
	yard.pool = backend_pool_new(&yard.listen, &ops);
}

void
yard_close(size_t i)
{
	close(yard.fds[i]);
	yard.fds[i] = -1;
}

void
yard_connect(void)
{
	leg_connect(&yard.leg, yard.pool, &yard, yard.base, 0);
}

int
yard_accept(size_t i)
{
	int fd;

	wait_for((fd = fd_accept(yard.fds[i], NULL, NULL)) != -1);
	return fd;
}

/* Whether it is connected at once, or soon. */
static bool
is_taken(int fd, const struct addr *addr)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	if (connect(fd, (const struct sockaddr *)&addr->ss, addr->len) == 0)
		return true;
	return errno == EINPROGRESS && poll(&pfd, 1, 50) == 1 &&
	    !(pfd.revents & (POLLERR | POLLHUP));
}

void
yard_fill(size_t i)
{
	const struct addr *addr = &yard.addrs[i].addr;
	int fd;

	do {
		ck_assert_uint_lt(nfills, FILL_MAX);
		fd = fd_socket(addr->ss.ss_family, SOCK_STREAM, 0);
		ck_assert_int_ne(fd, -1);
		fills[nfills++] = fd;
	} while (is_taken(fd, addr));
	close(fills[--nfills]);
}

void
yard_empty(size_t i)
{
	size_t n;

	for (n = 0; n < nfills; n++)
		close(yard_accept(i));
}

void
yard_turn(void)
{
	event_base_loop(yard.base, EVLOOP_NONBLOCK);
}

int64_t
yard_deadline(void)
{
	const char *times = getenv("CK_TIMEOUT_MULTIPLIER");

	return clock_mono_us() +
	    (times != NULL ? atoi(times) : 1) * INT64_C(20000000);
}

bool
yard_late(int64_t until)
{
	return clock_mono_us() > until;
}
