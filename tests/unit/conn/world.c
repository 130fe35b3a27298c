/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/clock.h"
#include "base/log.h"
#include "conn/conn_int.h"
#include "peer.h"
#include "record.h"
#include "service/service.h"
#include "world.h"

struct world world;

static size_t
count_fds(void)
{
	struct dirent *e;
	size_t n;
	DIR *dir;

	dir = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(dir);
	for (n = 0; (e = readdir(dir)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void
gone(void *arg)
{
	struct world *w = arg;

	w->gone++;
}

TCase *
world_tcase(const char *name)
{
	TCase *tc;

	tc = tcase_create(name);
	tcase_add_checked_fixture(tc, record_setup, record_teardown);
	tcase_add_checked_fixture(tc, world_setup, world_teardown);
	tcase_set_timeout(tc, 60);
	return tc;
}

void
world_setup(void)
{
	struct conf_listen *l = &world.site.listen;
	static char text[] = "test\n";
	struct err err;

	memset(&world, 0, sizeof(world));
	/* It keeps a descriptor of its own from then on. */
	ck_assert_int_eq(log_open("stderr", "daemon", &err), 0);
	world.fds = count_fds();
	shared_setup();
	site_init(&world.site);
	l->text = text;
	l->handshake_timeout = l->idle_timeout = 60000;
	l->shutdown_timeout = l->connect_timeout = 60000;
	world.base = event_base_new();
	ck_assert_ptr_nonnull(world.base);
	world.hub_conf.base = world.base;
	world.hub_conf.slot = &world.slot;
	world.hub_conf.worker = 7;
	world.hub_conf.gone = gone;
	world.hub_conf.arg = &world;
}

void
world_open(const struct conn_ops *ops)
{
	struct err err;

	world.listener.conf = &world.site.listen;
	world.listener.ops = ops;
	world.listener.tls = site_front(&world.site);
	tls_front_set_worker(world.listener.tls, 7);
	if (ops->setup != NULL)
		ck_assert_int_eq(ops->setup(&world.site.listen,
		    &world.listener.service, &err), 0);
	world.hub = conn_hub_new(&world.hub_conf);
	ck_assert_ptr_nonnull(world.hub);
}

void
world_open_service(enum conf_service service)
{
	world_open(service_ops(service));
}

void
world_teardown(void)
{
	uint64_t accepted, closed;

	conn_hub_free(world.hub);
	accepted = metric(METRIC_ACCEPTED);
	closed = metric(METRIC_CLOSED);
	ck_assert_uint_eq(accepted, closed);
	ck_assert_uint_eq(atomic_load(&world.slot.connections), 0);
	peers_free();
	if (world.listener.ops != NULL && world.listener.ops->teardown != NULL)
		world.listener.ops->teardown(world.listener.service);
	tls_front_free(world.listener.tls);
	event_base_free(world.base);
	shared_teardown();
	ck_assert_uint_eq(count_fds(), world.fds);
}

void
world_turn(void)
{
	peers_turn();
	event_base_loop(world.base, EVLOOP_NONBLOCK);
}

uint64_t
closes(enum close_reason r)
{
	return atomic_load(&world.slot.closes[r]);
}

uint64_t
metric(enum metric m)
{
	return atomic_load(&world.slot.metrics[m]);
}

struct conn *
the_conn(void)
{
	ck_assert_uint_eq(conn_hub_count(world.hub), 1);
	return TAILQ_FIRST(&world.hub->conns);
}

int64_t
world_deadline(void)
{
	const char *times = getenv("CK_TIMEOUT_MULTIPLIER");

	return clock_mono_us() +
	    (times != NULL ? atoi(times) : 1) * INT64_C(20000000);
}

int
world_late(int64_t until)
{
	return clock_mono_us() > until;
}

void
turn_for(int ms)
{
	int64_t until;

	for (until = clock_mono_us() + ms * 1000; clock_mono_us() < until;)
		world_turn();
}
