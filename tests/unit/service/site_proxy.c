/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/fd.h"
#include "site_proxy.h"
#include "world.h"

struct backend backends[BACKENDS];
bool backends_closed[BACKENDS];
static size_t nbackends;
static struct conf_addr addrs[BACKENDS];

void
site_proxy_backlog(size_t n, bool local, int backlog)
{
	struct err err;
	size_t i;

	memset(backends_closed, 0, sizeof(backends_closed));
	nbackends = n;
	for (i = 0; i < n; i++) {
		backend_open(&backends[i], local, backlog);
		ck_assert_int_eq(addr_parse(backends[i].text, &addrs[i].addr,
		    NULL, &err), 0);
		addrs[i].text = addrs[i].number = backends[i].text;
	}
	world.site.listen.backends = addrs;
	world.site.listen.nbackends = n;
	world_open_service(CONF_SERVICE_PROXY);
}

void
site_proxy(size_t n, bool local)
{
	site_proxy_backlog(n, local, 128);
}

SSL_SESSION *
site_proxy_early(bool header)
{
	struct peer *client, *server;
	SSL_SESSION *session;
	int tiny = 1;

	world.site.certs[0].early.mode = CONF_EARLY_ACCEPT;
	world.site.certs[0].early.maximum = 16384;
	world.site.listen.proxy_protocol = header;
	world.site.listen.connect = CONF_CONNECT_HELLO;
	site_proxy(1, false);
	ck_assert_int_eq(setsockopt(backends[0].fd, SOL_SOCKET, SO_RCVBUF,
	    &tiny, sizeof(tiny)), 0);
	client = client_connect(NULL);
	wait_for(client->session != NULL);
	session = client->session;
	client->session = NULL;
	client->finish = true;
	wait_for((server = backend_accept(&backends[0])) != NULL);
	server->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	return session;
}

void
site_proxy_close(void)
{
	size_t i;

	for (i = 0; i < nbackends; i++)
		if (!backends_closed[i])
			backend_close(&backends[i]);
	nbackends = 0;
}

struct proxy *
the_proxy(void)
{
	return conn_state(the_conn());
}

struct leg *
the_leg(void)
{
	return &the_proxy()->leg;
}

int
fill_one(const struct addr *addr)
{
	struct pollfd pfd;
	int fd;

	fd = fd_socket(addr->ss.ss_family, SOCK_STREAM, 0);
	ck_assert_int_ne(fd, -1);
	if (connect(fd, (const struct sockaddr *)&addr->ss, addr->len) == 0)
		return fd;
	pfd.fd = fd;
	pfd.events = POLLOUT;
	if (errno == EINPROGRESS && poll(&pfd, 1, 50) == 1 &&
	    !(pfd.revents & (POLLERR | POLLHUP)))
		return fd;
	close(fd);
	return -1;
}

void
close_fd(int fd)
{
	close(fd);
}
