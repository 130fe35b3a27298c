/* SPDX-License-Identifier: ISC */
/* How many open files a configuration needs, and what fewer are enough for. */
#include "config.h"

#include "conf/conf.h"

/* Descriptors beside those of connections: log, event loop, shared memory … */
#define FILES_RESERVE 64

static size_t files_each(const struct conf *);
static size_t files_beside(const struct conf *);

size_t
conf_files(const struct conf *conf)
{
	return conf->worker_connections * files_each(conf) +
	    files_beside(conf);
}

/*
 * What is accepted can be served: who would find no descriptor for its backend
 * is better left in the queue.
 */
size_t
conf_room(const struct conf *conf, size_t limit)
{
	size_t beside = files_beside(conf), room;

	/* With a limit so low that guessing does harm, half of it. */
	if (beside > limit / 2)
		beside = limit / 2;
	room = (limit - beside) / files_each(conf);
	if (room > conf->worker_connections)
		return conf->worker_connections;
	return room > 0 ? room : 1;
}

/* The client's, and the backend's where one is called. */
static size_t
files_each(const struct conf *conf)
{
	size_t i;

	for (i = 0; i < conf->nlistens; i++)
		if (conf->listens[i].nbackends > 0)
			return 2;
	return 1;
}

/* Beside those of connections: in a worker, and in us who hold all sockets. */
static size_t
files_beside(const struct conf *conf)
{
	size_t i, sockets = 0;

	for (i = 0; i < conf->nlistens; i++)
		sockets += conf->listens[i].naddresses;
	return (sockets + 1) * conf->workers + FILES_RESERVE;
}
