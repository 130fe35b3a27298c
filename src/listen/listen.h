/* SPDX-License-Identifier: ISC */
/*
 * The listening sockets and the files of Unix sockets. A generation gets what
 * it wants with sockets_begin() and sockets_get(), has it listen with
 * sockets_listen(), and then either sockets_commit() or sockets_abort()
 * follows. Master.
 */
#ifndef LISTEN_LISTEN_H
#define LISTEN_LISTEN_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/handed.h"
#include "conf/conf.h"

/* socket_file.c: which file is ours; known false: none. */
struct socket_file {
	bool known;
	dev_t dev;
	ino_t ino;
};

/* sockets.c: the sockets of one address; they live from reload to reload. */
struct bound {
	TAILQ_ENTRY(bound) entry;
	struct addr wanted; /* as configured; port 0: any */
	struct addr actual;
	char text[ADDR_TEXT_MAX];
	struct socket_file file; /* of a Unix socket */
	int *fds;
	size_t nfds;
	bool shared; /* all workers have all of them */
	bool activated; /* the service manager's */
	size_t served; /* of fds, by a generation that serves or has */
	/* As the generation that is being made wants it: */
	bool wanted_now;
	const struct conf_listen *listen;
};
TAILQ_HEAD(bound_list, bound);

/* sockets.c */

/* Before sockets_get() for a new generation. */
void sockets_begin(struct bound_list *);
/*
 * The sockets for an address of a listener: those that are there already, or
 * new ones; with SO_REUSEPORT at least one per worker. NULL and the error text.
 */
struct bound *sockets_get(struct bound_list *, const struct conf *,
    const struct conf_listen *, const struct conf_addr *, struct err *);
/*
 * The generation is ready: have all its sockets listen. 0, or -1 with the
 * error text.
 */
int sockets_listen(struct bound_list *, struct err *);
/*
 * The generation is to serve now: nobody new comes in to what it does not
 * want. Is there anything of that kind? Before workers are told to finish.
 */
bool sockets_shut(struct bound_list *);
/* It serves: close what it does not want. */
void sockets_commit(struct bound_list *);
/* It will not: close what was opened for it. */
void sockets_abort(struct bound_list *);
/* In a worker: close all but the first ones of a set. */
void sockets_forget(struct bound *, size_t keep);
/* Close all and remove the files of Unix sockets. */
void sockets_close(struct bound_list *);
enum sockets_kind {
	SOCKETS_EACH,	   /* one for each worker */
	SOCKETS_SHARED,	   /* all workers share them */
	SOCKETS_ACTIVATED, /* the same; a service manager has bound them */
};
/*
 * The sockets of an address, as text, that the program before us in this process
 * had; and before: are they of that kind?
 */
void sockets_adopt(struct bound_list *, const char *text, enum sockets_kind,
    const int *fds, size_t n);
bool sockets_fit(const char *text, int fd);
/* Number i of them, activated or not, for the next one. False: no more. */
bool sockets_put(const struct bound_list *, bool activated, size_t i,
    struct handed *);

/* activated.c */

/*
 * Take what LISTEN_FDS says is ours; LISTEN_* go out of the environment. The
 * first descriptor behind them.
 */
int activated_begin(void);
/*
 * Those that listen at an address, the caller's by now; *fds, NULL before, is
 * to be freed. How many there are.
 */
size_t activated_take(const struct addr *, int **fds);
/* An address is no longer wanted: keep its socket until it is. */
void activated_return(int fd);
/* Warn of those that no address has. */
void activated_tell(void);
/* These, which stay where they are. How many there are. */
size_t activated_spare(int **fds);
/* In a worker: close these. */
void activated_forget(void);

/* socket_file.c. bind and mode: 0, or -1 and errno. */
int socket_file_bind(struct socket_file *, int fd, const struct addr *,
    int mode);
/* The socket that is there now is ours. */
void socket_file_note(struct socket_file *, const struct addr *);
/* ENOENT: it is gone, or another file is there. */
int socket_file_mode(const struct socket_file *, const struct addr *,
    int mode);
/* If it is still ours. */
void socket_file_remove(const struct socket_file *, const struct addr *);

/*
 * holder.c. Who listens at an address, as words that go behind "in use"; "" where
 * the system does not tell.
 */
#define HOLDER_TEXT_MAX 160
void holder_text(const struct addr *, char *buf, size_t size);

#endif
