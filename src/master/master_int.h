/* SPDX-License-Identifier: ISC */
/* The parts of the master process and what they work on. */
#ifndef MASTER_MASTER_INT_H
#define MASTER_MASTER_INT_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/child.h"
#include "base/err.h"
#include "base/pidfile.h"
#include "base/tail.h"
#include "generation/generation.h"
#include "listen/listen.h"
#include "master/master.h"
#include "master/state.h"
#include "priv/lookup.h"
#include "stats/heartbeat.h"
#include "stats/scoreboard.h"
#include "tlscache.h"
#include "worker/heritage.h"

/* Worker processes at one time, those that finish included. */
#define MASTER_PROCESSES_MAX (4 * 1024)

/* A worker process. */
struct process {
	TAILQ_ENTRY(process) entry;
	struct master *master;
	struct generation *generation;
	unsigned worker;
	struct child child; /* its fd is our end of the channel */
	struct event control;
	struct slot *slot;
	unsigned slot_number; /* handed over, and not looked up yet */
	int64_t started; /* clock_mono_us() */
	struct heartbeat heartbeat;
	bool ready;
	bool drained;	 /* accepts no more */
	int status;	 /* as waitpid(2) has it, when it has ended */
	char *failure;	 /* what it could not do, in its own words */
};
TAILQ_HEAD(process_list, process);

/* supervise.c: the place of a worker number in the current generation. */
struct seat {
	struct master *master;
	struct process *process; /* NULL: waiting for the next one */
	struct event retry;
	unsigned faults;	 /* deaths in a row soon after the start */
	struct process *cover;	 /* serves this one's queue meanwhile */
};

/* upgrade.c: the process that tests the program. */
struct upgrade_test {
	struct child child; /* its fd is of what it prints */
	struct event readable;
	struct tail said;
	bool held;	/* signals are, until the exec */
	unsigned turns; /* of the event loop, until then */
};

struct master {
	const struct master_options *options;
	struct event_base *base;
	enum master_state state; /* state.c alone changes it */
	unsigned noted;		 /* facts that wait for settle.c */
	struct err why;		 /* of FACT_FAILED and FACT_LATE */
	const char *late;	 /* why, when the deadline passes */
	struct tlscache *sessions; /* of the current generation */
	struct tlscache_keys *keys;
	struct scoreboard *scoreboard;
	struct pidfile *pidfile;
	struct bound_list sockets;
	struct children children; /* of all kinds */
	struct process_list processes;
	struct process *ended; /* reap.c judges it; NULL: none */
	struct generation_list generations;
	struct generation *current;
	struct generation *next;
	struct generation *closing; /* may still accept, after a reload */
	/* … from addresses that are no longer wanted; 0: from none */
	int64_t leaving_until; /* clock_mono_us() */
	struct seat *seats; /* one per worker of the current generation */
	unsigned nseats;
	int64_t last_start; /* clock_mono_us(), of a worker in a seat */
	unsigned last_generation; /* its number */
	int64_t names_at; /* clock_mono_us(): ask again for names that failed */
	int64_t names_wait_s; /* what was found could not be used so far */
	struct upgrade_test test;
	struct lookup lookup;
	struct event answer; /* to that */
	struct child mover; /* moves sessions to a cache of another size */
	int64_t retry_at; /* clock_mono_us(): finish an upgrade; 0: no need */
	int64_t started;      /* clock_wall() */
	int notify;	      /* daemon: the waiting parent, or -1 */
	int status;	      /* of the exit */
	unsigned *restarts; /* by worker number, over all generations */
	unsigned nrestarts;
	struct ctl *ctl; /* control socket; NULL: none */
	struct ctl_worker *view_workers;
	int64_t reload_time; /* clock_wall() of the last one; 0: none */
	bool reload_failed;
	unsigned reloads[2]; /* [0] that went well, [1] that failed */
	char reload_error[1024];
	int64_t line_time; /* of the last line about the cache */
	struct tlscache_stat line_stat;
	bool unlocked_told; /* that shared memory is not locked */
	struct event signals[7];
	event_callback_fn message; /* a process says something; events.c */
	struct event making;	/* more of `next` is to be made */
	struct event turn;	/* of the loop, before the exec */
	struct event deadline;	/* of a start, reload or stop */
	struct event heartbeat;
	struct event upkeep;	/* ticket keys, what is overdue */
	struct event watchdog;	/* the service manager's */
	bool manager_deaf;	/* what it was told was not taken */
};

/* process.c */

/* Start a worker. NULL and errno. */
struct process *process_start(struct master *, struct generation *,
    unsigned worker);
void process_free(struct process *);
/* One that was handed over. */
void process_adopt(struct process *);
/* channel.c */

/* Tell it something; a worker that cannot be told is about to be reaped. */
void process_tell(struct process *, enum control_type, unsigned arg, int fd);
/* Have the event loop hear it. */
void process_watch(struct process *);
/* Hear what it has to say: ready, drained and failure are what it said. */
void process_listen(struct process *);
void process_hang_up(struct process *);

/* mover.c */

/* Move the sessions of `from` to the cache of m->current. 0, or -1 and errno. */
int mover_start(struct master *, struct tlscache *from);

/* exec.c */

/*
 * Run the program of argv as a child, m->test.child, with what is described
 * handed on to it; its output is what it prints. 0, or -1 and errno.
 */
int exec_test(struct master *, const char **argv, int description);
/*
 * The same in our place, with signals held. Returns when it fails: errno,
 * nothing has changed.
 */
void exec_become(const struct master *, const char **argv, int description);

/* logfile.c */

/* Hand the master's log file to all workers. */
void logfile_share(struct master *);
/* SIGUSR1 */
void logfile_reopen(struct master *);

/* supervise.c */

/* Who dies sooner was not fit to start. */
#define SHORT_LIFE_US 10000000

/* Start all workers of a generation. 0, or -1 with the error text. */
int supervise_start(struct master *, struct generation *, struct err *);
/* Make the seats for a generation that has become the current one. */
void supervise_seat(struct master *);
void supervise_clear(struct master *);
/*
 * A worker has died, by its own fault or not: free it, and start another one
 * in its seat, if it had one, now or after a while.
 */
void supervise_gone(struct process *, bool fault);
/* Have the queue of who does not serve be served by another, or no longer. */
void supervise_cover(struct master *);
/* A worker has stopped to run: who serves now? */
void supervise_silent(struct master *);
/*
 * Milliseconds until the next try after so many faults in a row. When there is
 * no other worker (alone) it is at once, unless the last start of any worker
 * was only so many milliseconds ago (since).
 */
long supervise_delay(unsigned faults, bool alone, int64_t since);

/* heartbeat.c */

void heartbeat_begin(struct master *);
/* Look after all workers from now on. 0, or -1. */
int heartbeat_watch(struct master *);

/* manager.c */

void manager_begin(struct master *);
/* The service manager wants to hear that we run, if it does. 0, or -1. */
int manager_watch(struct master *);
/* What has just been done, in its words. */
void manager_tell(struct master *, enum master_action);

/* making.c */

/* What all workers together may take to be ready, in milliseconds. */
#define MAKING_READY_WITHIN 20000

/* Make `next`, bit by bit, and start its workers. */
void making_begin(struct master *);
/* A bit is due. */
void making_go_on(struct master *);
void making_drop(struct master *);
/* What was made serves. */
void making_settled(struct master *);
/* Once a second: names that failed are asked for again now and then. */
void making_names(struct master *);

/* reload.c: what transitions.def tells, and */

void reload_begin(struct master *);
void reload_names(struct master *);
void reload_listen(struct master *);
void reload_commit(struct master *);
/* The verdict on the last reload, if it is not told: before all that comes. */
void reload_verdict(struct master *);
void reload_abort(struct master *);
/* If there is one: as reload_abort(), without a word. */
void reload_drop(struct master *);
/* The process that moved the sessions has ended. */
void reload_moved(struct master *, int status);

/* upgrade.c: the same, and */

void upgrade_begin(struct master *);
void upgrade_hold(struct master *);
void upgrade_take_over(struct master *);
void upgrade_abort(struct master *);
/* If there is one: as upgrade_abort(), without a word. */
void upgrade_drop(struct master *);
/* The child that tests the program has ended. */
void upgrade_tested(struct master *, int status);
/* The event loop has turned, with signals held. */
void upgrade_turn(struct master *);

/* takeover.c */

/*
 * In the program that another one has handed over to: go on where it was, and
 * begin to replace its workers.
 */
void takeover(struct master *);

/* observe.c */
struct ctl_handed;
int observe_open(struct master *, const struct conf *, struct err *);
/* control_socket and control_mode after a reload. */
void observe_change(struct master *, const struct conf *);
/* With a control socket that was handed over (fd -1: none). */
int observe_adopt(struct master *, const struct ctl_handed *, struct err *);
void observe_close(struct master *);
/* Nothing that was ordered is done any more. */
void observe_end(struct master *);
/* How a reload ended; error NULL: well. */
void observe_reload(struct master *, const char *error);
/* A line about the session cache in the log; begin anew without one. */
void observe_line(struct master *);
void observe_line_begin(struct master *);
/* Is the shared memory locked? A line in the log when it is not, but once. */
void observe_locked(struct master *);
/* Once a second: is a line due? */
void observe_tick(struct master *);

/* stop.c: what transitions.def tells */

/* What a worker may take to act on an order, in milliseconds. */
#define STOP_GRACE 5000

void stop_graceful(struct master *);
void stop_fast(struct master *);
/* The first generation does not come to serve: the exit status is 1. */
void stop_failed(struct master *);
void stop_kill(struct master *);
void stop_done(struct master *);

/* note.c */

void note(struct master *, enum master_fact);
/* FACT_FAILED, and why. */
void note_failed(struct master *, const char *why);
/* FACT_LATE after so many milliseconds, and why (not copied). */
void note_deadline(struct master *, int64_t ms, const char *late);
void note_late(struct master *);
/* As if that signal had come, in the next turn of the loop. */
void note_signal(struct master *, int);
/* The facts that can be seen. */
unsigned note_seen(const struct master *);

/* settle.c */

/* Do what is due. Only what the event loop calls may call it. */
void master_settle(struct master *);

/* events.c */

/* Make the event base and all events. Fails with a word on standard error. */
void events_begin(struct master *);
/* Watch signals and do what is to be done each second. 0, or -1. */
int events_watch(struct master *, struct err *);
void events_end(struct master *);

/* reap.c */

/* SIGCHLD: who has ended? */
void reap_children(struct master *);

#endif
