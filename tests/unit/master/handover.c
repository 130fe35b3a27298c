/* SPDX-License-Identifier: ISC */
/*
 * What one master writes another one reads, and what none has written is
 * refused. And a master whose shared memory is of another version begins with
 * its own.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/letter.h"
#include "base/mem.h"
#include "base/names.h"
#include "master/handover.h"
#include "master/master_int.h"
#include "test_master.h"

#define PID_GONE 0x3ffffff0 /* nobody has it */

static struct master old, new;
static struct handover h;
static struct conf_listen listener;
static char name[] = "main";
static struct err err;
static int worker_end; /* of the control socket of the last worker */

static void
master_init(struct master *m)
{
	memset(m, 0, sizeof(*m));
	TAILQ_INIT(&m->sockets);
	TAILQ_INIT(&m->processes);
	TAILQ_INIT(&m->generations);
	m->notify = -1;
}

static void
listen_on(const char *address)
{
	struct conf conf = { .reuseport = true, .workers = 3 };
	struct conf_addr a;

	memset(&a, 0, sizeof(a));
	ck_assert_int_eq(addr_parse(address, &a.addr, NULL, &err), 0);
	ck_assert_ptr_nonnull(sockets_get(&old.sockets, &conf, &listener, &a, &err));
}

static struct generation *
generation_add(unsigned number, bool draining)
{
	struct generation *g = xcalloc(1, sizeof(*g));

	g->log_fd = -1;
	g->number = number;
	g->draining = draining;
	g->kill_at = draining ? 123456789 : 0;
	g->conf = xcalloc(1, sizeof(*g->conf));
	g->conf->workers = 7;
	g->conf->drain_timeout = 60000;
	g->conf->cache_size = TLSCACHE_SIZE_MIN;
	g->conf->session_timeout = 7200000;
	g->conf->ticket_rotate = 3600000;
	g->conf->log_level = LOGLVL_WARNING;
	g->conf->log.value = xstrdup("/var/log/100% sure/ü\n.log");
	g->conf->syslog_facility = xstrdup("local3");
	TAILQ_INSERT_TAIL(&old.generations, g, entry);
	return g;
}

static struct process *
process_add(struct generation *g, unsigned worker, pid_t pid)
{
	struct process *p = xcalloc(1, sizeof(*p));
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	p->master = &old;
	p->generation = g;
	p->worker = worker;
	p->child.pid = pid;
	p->child.fd = sv[0];
	worker_end = sv[1];
	p->slot = scoreboard_take(old.scoreboard, worker);
	ck_assert_ptr_nonnull(p->slot);
	p->started = -5;
	p->ready = true;
	TAILQ_INSERT_TAIL(&old.processes, p, entry);
	g->alive++;
	return p;
}

static void
setup(void)
{
	test_dir_setup();
	master_init(&old);
	master_init(&new);
	memset(&listener, 0, sizeof(listener));
	listener.name = name;
	listener.backlog = 16;
	old.started = 1795000000;
	old.last_generation = 12;
	old.current = generation_add(12, false);
	ck_assert_int_eq(tlscache_open(&old.sessions, TLSCACHE_SIZE_MIN), 0);
	ck_assert_int_eq(tls_keys_open(&old.keys, old.current->conf), 0);
	old.scoreboard = scoreboard_new(WORKERS_MAX, MASTER_PROCESSES_MAX);
	ck_assert_ptr_nonnull(old.scoreboard);
}

static void
hand_over(void)
{
	int fd;

	fd = handover_write(&old, &err);
	ck_assert_msg(fd != -1, "%s", err.text);
	ck_assert_int_eq(letter_announce(fd), 0);
	ck_assert(letter_for_us());
	ck_assert(!letter_from_parent());
	ck_assert_ptr_null(getenv(LETTER_ENV));
}

/* The first of a kind; NULL: none. */
static const struct handed *
object(const char *name_of_kind)
{
	size_t i;

	for (i = 0; i < h.nobjects; i++)
		if (strcmp(h.objects[i].row->name, name_of_kind) == 0)
			return &h.objects[i].handed;
	return NULL;
}

START_TEST(all_comes_along)
{
	struct generation *g;
	struct process *p, *q;
	struct bound *a, *b;
	char address[ADDR_TEXT_MAX];
	struct addr where;
	int fd, spare;
	size_t i;

	snprintf(address, sizeof(address), "unix:%s", test_path("a %b"));
	listen_on("127.0.0.1:0");
	listen_on(address);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(addr_parse("unix:/nowhere", &where, NULL, &err), 0);
	snprintf(((struct sockaddr_un *)&where.ss)->sun_path,
	    sizeof(((struct sockaddr_un *)&where.ss)->sun_path), "%s",
	    test_path("activated"));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&where.ss,
	    sizeof(struct sockaddr_un)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	activated_return(fd);
	snprintf(address, sizeof(address), "unix:%s", test_path("activated"));
	listen_on(address);
	ck_assert(TAILQ_LAST(&old.sockets, bound_list)->activated);
	spare = socket(AF_UNIX, SOCK_STREAM, 0);
	activated_return(spare);
	old.nrestarts = 3;
	old.restarts = xcalloc(3, sizeof(*old.restarts));
	old.restarts[2] = 9;
	old.reloads[0] = 11;
	old.reloads[1] = 12;
	g = generation_add(11, true);
	p = process_add(g, 1, PID_GONE);
	p->child.killed = true;
	process_add(old.current, 0, PID_GONE + 1)->ready = false;
	old.pidfile = pidfile_open(test_path("the pid"), &err);
	ck_assert_ptr_nonnull(old.pidfile);

	hand_over();
	ck_assert_msg(handover_read(&new, &h, &err) == 0, "%s", err.text);
	ck_assert_str_eq(h.version, PACKAGE_VERSION);
	ck_assert_int_eq(object("sessions")->fd, tlscache_fd(old.sessions));
	ck_assert_int_eq(object("keys")->fd, tlscache_keys_fd(old.keys));
	ck_assert_int_eq(object("scoreboard")->fd,
	    scoreboard_fd(old.scoreboard));
	ck_assert_int_eq(object("pidfile")->fd, pidfile_fd(old.pidfile));
	ck_assert_str_eq(object("pidfile")->text, pidfile_path(old.pidfile));
	ck_assert_ptr_null(object("control"));
	ck_assert_uint_eq(object("spare")->nfds, 1);
	ck_assert_int_eq(object("spare")->fds[0], spare);
	activated_forget();
	ck_assert_int_eq(new.started, old.started);
	ck_assert_uint_eq(new.last_generation, 12);
	ck_assert_uint_eq(new.nrestarts, 3);
	ck_assert_uint_eq(new.restarts[2], 9);
	ck_assert_uint_eq(new.reloads[0], 11);
	ck_assert_uint_eq(new.reloads[1], 12);

	for (i = 0; i < h.nobjects; i++)
		if (strcmp(h.objects[i].row->name, "socket") == 0 ||
		    strcmp(h.objects[i].row->name, "activated") == 0)
			h.objects[i].row->adopt(&new, &h.objects[i].handed);
	a = TAILQ_FIRST(&old.sockets);
	TAILQ_FOREACH(b, &new.sockets, entry) {
		ck_assert(addr_equal(&a->wanted, &b->wanted));
		ck_assert(addr_equal(&a->actual, &b->actual));
		ck_assert_str_eq(a->text, b->text);
		ck_assert_int_eq(a->shared, b->shared);
		ck_assert_int_eq(a->activated, b->activated);
		ck_assert_int_eq(a->file.known, b->file.known);
		ck_assert_uint_eq(a->nfds, b->nfds);
		ck_assert_uint_eq(b->served, b->nfds);
		ck_assert_mem_eq(a->fds, b->fds, a->nfds * sizeof(*a->fds));
		a = TAILQ_NEXT(a, entry);
	}
	ck_assert_ptr_null(a);

	ck_assert_uint_eq(new.current->number, 12);
	ck_assert(new.current->handed_over && !new.current->draining);
	ck_assert_uint_eq(new.current->alive, 1);
	ck_assert_uint_eq(new.current->conf->workers, 7);
	ck_assert_int_eq(new.current->conf->drain_timeout, 60000);
	ck_assert_uint_eq(new.current->conf->cache_size, TLSCACHE_SIZE_MIN);
	ck_assert_int_eq(new.current->conf->session_timeout, 7200000);
	ck_assert_int_eq(new.current->conf->ticket_rotate, 3600000);
	ck_assert_int_eq((int)new.current->conf->log_level, LOGLVL_WARNING);
	ck_assert_str_eq(new.current->conf->log.value,
	    old.current->conf->log.value);
	ck_assert_str_eq(new.current->conf->syslog_facility, "local3");

	q = TAILQ_FIRST(&new.processes);
	ck_assert_int_eq(q->child.pid, p->child.pid);
	ck_assert_int_eq(q->child.fd, p->child.fd);
	ck_assert_uint_eq(q->generation->number, 11);
	ck_assert(q->generation->draining);
	ck_assert_int_eq(q->generation->kill_at, g->kill_at);
	ck_assert_int_eq(q->started, -5);
	ck_assert(q->ready && q->child.killed);
	ck_assert_uint_eq(q->slot_number,
	    scoreboard_slot_number(old.scoreboard, p->slot));
	q = TAILQ_NEXT(q, entry);
	ck_assert_uint_eq(q->worker, 0);
	ck_assert(!q->ready && !q->child.killed);
	ck_assert_ptr_null(TAILQ_NEXT(q, entry));
	handover_release(&h);
}
END_TEST

/* Some file systems number with all 64 bits. */
START_TEST(numbers_of_a_file)
{
	struct handed one, again;
	struct words words;
	char *text = NULL;
	size_t len;
	FILE *fp;

	handed_init(&one);
	handed_init(&again);
	one.dev = INT64_MAX;
	one.ino = INT64_MIN;
	fp = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(fp);
	handed_put(fp, "di", &one);
	ck_assert_int_eq(fclose(fp), 0);
	words.rest = text + 1;
	ck_assert(handed_get(&words, "di", &again));
	ck_assert_int_eq(again.dev, one.dev);
	ck_assert_int_eq(again.ino, one.ino);
	free(text);
}
END_TEST

/* Everything passes exec(2), and nothing does when that failed. */
START_TEST(passing)
{
	struct process *p = process_add(old.current, 0, PID_GONE);
	int description, fds[5], i, pass;
	struct bound *b;

	listen_on("127.0.0.1:0");
	b = TAILQ_FIRST(&old.sockets);
	description = handover_write(&old, &err);
	fds[0] = tlscache_fd(old.sessions);
	fds[1] = tlscache_keys_fd(old.keys);
	fds[2] = scoreboard_fd(old.scoreboard);
	fds[3] = p->child.fd;
	fds[4] = description;
	for (pass = 1; pass >= 0; pass--) {
		handover_pass(&old, description, pass == 1);
		for (i = 0; i < 5; i++)
			ck_assert_int_eq(fcntl(fds[i], F_GETFD),
			    pass ? 0 : FD_CLOEXEC);
		for (i = 0; i < (int)b->nfds; i++)
			ck_assert_int_eq(fcntl(b->fds[i], F_GETFD),
			    pass ? 0 : FD_CLOEXEC);
	}
}
END_TEST

static void
names_are(const char *text, const char *address, bool known)
{
	struct addr *list, addr;
	size_t n;

	ck_assert_int_eq(addr_parse_all(text, &list, &n, NULL, &err), 0);
	ck_assert_uint_eq(n, 1);
	if (known) {
		ck_assert_int_eq(addr_parse(address, &addr, NULL, &err), 0);
		ck_assert(addr_equal(&list[0], &addr));
	} else {
		ck_assert(addr_is_unknown(&list[0]));
	}
	free(list);
}

static struct name *
only_name(size_t expected)
{
	struct name *all;
	size_t n;

	all = names_all(&n);
	ck_assert_uint_eq(n, expected);
	return all;
}

/*
 * A name that the program before us knew has its addresses when nobody answers;
 * one that nobody asks for is forgotten.
 */
START_TEST(names_come_along)
{
	struct addr addr;
	struct name *one;

	names_begin();
	names_are("one.example:443", NULL, false);
	names_are("two.example:443", NULL, false);
	names_are("three.example:443", NULL, false);
	one = only_name(3);
	ck_assert_int_eq(addr_parse("192.0.2.1:443", &addr, NULL, &err), 0);
	name_add(&one[0], &addr);
	name_add(&one[1], &addr);
	ck_assert_int_eq(addr_parse("[2001:db8::1]:443", &addr, NULL, &err),
	    0);
	name_add(&one[1], &addr);
	name_fail(&one[2], "for a reason");
	ck_assert_int_eq(letter_announce(handover_write(&old, &err)), 0);
	/* It is another program that reads it, of which these are not. */
	names_ask_again();
	free(one[0].before);
	free(one[1].before);
	one[0].before = one[1].before = NULL;
	one[0].nbefore = one[1].nbefore = 0;
	names_tidy();
	(void)only_name(0);
	ck_assert_msg(handover_read(&new, &h, &err) == 0, "%s", err.text);
	handover_release(&h);
	names_ask_again();
	names_are("one.example:443", NULL, false);
	one = only_name(2);
	ck_assert_int_eq((int)one->state, NAME_ASKED);
	ck_assert(name_restore(one));
	names_are("one.example:443", "192.0.2.1:443", true);
	ck_assert_uint_eq(one[1].nbefore, 2);
	names_tidy();
	(void)only_name(1);
}
END_TEST

/* Each kind has a name of its own and a form, and is released. */
START_TEST(rows)
{
	const struct shared *row = &shared_rows[_i];
	int i;

	for (i = 0; i < _i; i++)
		ck_assert_str_ne(shared_rows[i].name, row->name);
	ck_assert_uint_eq(strspn(row->form, "fdibtF"), strlen(row->form));
	ck_assert(strpbrk(row->form, "fF") != NULL);
	ck_assert(row->describe != NULL && row->adopt != NULL &&
	    row->release != NULL);
}
END_TEST

#define HEAD HANDOVER_HEAD "\n"
#define GENERATION "generation 3 0 0 2 1 2 3 4 1 /log daemon"

/* good: NULL, or what the error text has. */
static const struct {
	const char *text, *bad;
} texts[] = {
	{ HEAD GENERATION "\n", NULL },
	{ HEAD GENERATION " and more of a later version\n"
	  "what a later version says\n" "\n", NULL },
	{ "", "no generation" },
	{ HEAD, "no generation" },
	{ "tlsherd-handover 2\n" GENERATION "\n", "cannot take over" },
	{ "tlsherd-handover 1x\n" GENERATION "\n", "cannot take over" },
	{ GENERATION "\n", "cannot take over" },
	{ HEAD GENERATION "\n" GENERATION "\n", "\"generation\"" },
	{ HEAD "generation 3 1 0 2 1 2 3 4 1 /log daemon\n", "no generation" },
	{ HEAD "generation 3 0 0 2 1 2 3 4 1 /log\n", "\"generation\"" },
	{ HEAD "generation 0 0 0 2 1 2 3 4 1 /log daemon\n", "generation" },
	{ HEAD "generation 3 2 0 2 1 2 3 4 1 /log daemon\n", "generation" },
	{ HEAD "generation 3 0 0 0 1 2 3 4 1 /log daemon\n", "generation" },
	{ HEAD "generation 3 0 0 99999 1 2 3 4 1 /l daemon\n", "generation" },
	{ HEAD "generation 3 0 0 2 1 2 3 4 9 /log daemon\n", "generation" },
	{ HEAD "generation 3 0 0 2 1 2 3 4 1 %g0 daemon\n", "generation" },
	{ HEAD "generation 3 0 0 2 1 2 3 4 1 /log d%0\n", "generation" },
	{ HEAD GENERATION "\nsessions 4000\n", "\"sessions\"" },
	{ HEAD GENERATION "\nsessions 0\n", "\"sessions\"" },
	{ HEAD GENERATION "\nkeys x\n", "\"keys\"" },
	{ HEAD GENERATION "\nkeys\n", "\"keys\"" },
	{ HEAD GENERATION "\nscoreboard -2\n", "\"scoreboard\"" },
	{ HEAD GENERATION "\nscoreboard -1\n", NULL },
	{ HEAD GENERATION "\nsocket 0 127.0.0.1:1\n", "\"socket\"" },
	{ HEAD GENERATION "\nsocket 0 127.0.0.1:1 4000\n", "\"socket\"" },
	{ HEAD GENERATION "\nsocket 0 here 1\n", "\"socket\"" },
	{ HEAD GENERATION "\nworker 0 3 1 -1 0 0 1 0\n", "\"worker\"" },
	{ HEAD GENERATION "\nworker 0 3 0 -1 0 0 1 0\n", "\"worker\"" },
	{ HEAD GENERATION "\nworker 0 3 -7 -1 0 0 1 0\n", "\"worker\"" },
	{ HEAD GENERATION "\nworker 0 4 77 -1 0 0 1 0\n", "\"worker\"" },
	{ HEAD GENERATION "\nworker 2000 3 77 -1 0 0 1 0\n", "\"worker\"" },
	{ HEAD GENERATION "\nworker 2 3 77 -1 0 0 1 0\n", "\"worker\"" },
	{ HEAD GENERATION "\nworker 0 3 77 -1 0 0 1\n", "\"worker\"" },
	{ HEAD GENERATION "\nworker 0 3 77 -1 0 0 1 0\n", NULL },
	{ HEAD GENERATION "\nworker 1 3 77 -1 0 0 1 0\n", NULL },
	{ HEAD GENERATION "\nrestarts 1 2 -3\n", "\"restarts\"" },
	{ HEAD GENERATION "\nreloads 1\n", "\"reloads\"" },
	{ HEAD GENERATION "\nname\n", "\"name\"" },
	{ HEAD GENERATION "\nname a.example:1 %g\n", NULL },
	{ HEAD GENERATION "\npidfile -1\n", "\"pidfile\"" },
	{ HEAD GENERATION "\ncontrol -1 1 x /x\n", "\"control\"" },
	{ HEAD GENERATION "\ncontrol -1 1 -2 /x\n", NULL },
	{ HEAD GENERATION "\nsocket 0 127.0.0.1:1 -1\n", "\"socket\"" },
	{ HEAD GENERATION "\nstarted 1\n", "\"started\"" },
	{ HEAD GENERATION "\nstarted 99999999999999999999 1\n", "\"started\"" },
};

START_TEST(text)
{
	const char *bad = texts[_i].bad;
	char what[64];
	int fd;

	fd = memfd_create("test", 0);
	ck_assert_int_eq(write(fd, texts[_i].text, strlen(texts[_i].text)),
	    (ssize_t)strlen(texts[_i].text));
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(letter_announce(fd), 0);
	err.text[0] = '\0';
	ck_assert_msg(handover_check(&err) == (bad == NULL ? 0 : -1), "%s",
	    err.text);
	if (bad == NULL)
		return;
	snprintf(what, sizeof(what), "%.60s", bad);
	if (what[0] == '"')
		what[strlen(what) - 1] = '\0';
	ck_assert_msg(strstr(err.text, what) != NULL, "%s", err.text);
}
END_TEST

START_TEST(not_for_us)
{
	char value[64];

	ck_assert(!letter_for_us() && !letter_from_parent());
	ck_assert_int_eq(setenv(LETTER_ENV, "1 0", 1), 0);
	ck_assert(!letter_for_us());
	ck_assert_ptr_null(getenv(LETTER_ENV));
	snprintf(value, sizeof(value), "%ld 0", (long)getppid());
	ck_assert_int_eq(setenv(LETTER_ENV, value, 1), 0);
	ck_assert(!letter_for_us() && letter_from_parent());
	ck_assert_int_eq(setenv(LETTER_ENV, "rubbish", 1), 0);
	ck_assert(!letter_for_us() && !letter_from_parent());
	ck_assert_int_eq(handover_read(&new, &h, &err), -1);
}
END_TEST

/*
 * The other version: of the sessions, the keys, the counters; or there is no
 * such thing. The configuration does not load, so that the master stands as it
 * was taken over.
 */
static struct master_options options = { .origin.path = "/nonexistent/x.conf",
	.foreground = true };

static void
other_layout(int fd)
{
	uint32_t layout = 77;

	ck_assert_int_eq(pwrite(fd, &layout, sizeof(layout), 8),
	    (ssize_t)sizeof(layout));
}

static void
take_over(void)
{
	free(old.current->conf->log.value);
	old.current->conf->log.value = xstrdup("stderr");
	old.current->conf->log_level = LOGLVL_ERROR;
	new.options = &options;
	events_begin(&new);
	hand_over();
	takeover(&new);
	ck_assert_int_eq((int)new.state, MASTER_RUNNING);
	ck_assert(new.current->handed_over);
	ck_assert_int_gt(new.retry_at, clock_mono_us());
	ck_assert(new.reload_failed);
}

static uint64_t
accepted(struct master *m)
{
	struct totals totals;

	scoreboard_sum(m->scoreboard, SCOREBOARD_ALL, &totals);
	return totals.metrics[METRIC_ACCEPTED];
}

START_TEST(memory_kept)
{
	struct process *p = process_add(old.current, 1, PID_GONE);
	struct tlscache_stat stat;
	struct slot *s;

	ck_assert_int_eq(tlscache_store(old.sessions, "id", 2, "data", 4,
	    2000000000, 1800000000), 0);
	slot_add(p->slot, METRIC_ACCEPTED, 5);
	take_over();
	tlscache_stat(new.sessions, &stat);
	ck_assert_uint_eq(stat.entries, 1);
	ck_assert_ptr_eq(new.current->cache->sessions, new.sessions);
	ck_assert_uint_eq(accepted(&new), 5);
	s = TAILQ_FIRST(&new.processes)->slot;
	slot_add(p->slot, METRIC_ACCEPTED, 1);
	ck_assert_uint_eq(s->metrics[METRIC_ACCEPTED], 6);
}
END_TEST

START_TEST(sessions_refused)
{
	other_layout(tlscache_fd(old.sessions));
	take_over();
	ck_assert_ptr_null(new.sessions);
	ck_assert_ptr_null(new.current->cache);
	ck_assert_ptr_nonnull(new.keys);
}
END_TEST

START_TEST(sessions_missing)
{
	tlscache_close(old.sessions);
	old.sessions = NULL;
	take_over();
	ck_assert_ptr_null(new.sessions);
}
END_TEST

START_TEST(keys_refused)
{
	struct tlscache_keys_stat stat;

	other_layout(tlscache_keys_fd(old.keys));
	take_over();
	ck_assert_ptr_nonnull(new.sessions);
	ck_assert_int_ne(tlscache_keys_fd(new.keys), -1);
	tlscache_keys_stat(new.keys, &stat);
	ck_assert_uint_ge(stat.keys, 1);
}
END_TEST

START_TEST(scoreboard_refused)
{
	struct process *p = process_add(old.current, 1, PID_GONE);

	slot_add(p->slot, METRIC_ACCEPTED, 5);
	other_layout(scoreboard_fd(old.scoreboard));
	take_over();
	ck_assert_uint_eq(accepted(&new), 0);
	ck_assert_ptr_nonnull(TAILQ_FIRST(&new.processes)->slot);
	slot_add(p->slot, METRIC_ACCEPTED, 5);
	ck_assert_uint_eq(accepted(&new), 0);
}
END_TEST

/* Nobody can be started for the queue of one that is missing. */
START_TEST(queues_covered)
{
	struct control_msg msg;
	unsigned i;

	process_add(old.current, 4, PID_GONE);
	take_over();
	ck_assert_uint_eq(new.nseats, 7);
	ck_assert_uint_ge(new.nrestarts, 7);
	for (i = 0; i < 7; i++) {
		if (i == 4)
			continue;
		ck_assert_int_eq(recv(worker_end, &msg, sizeof(msg),
		    MSG_DONTWAIT), (ssize_t)sizeof(msg));
		ck_assert_int_eq(msg.type, CONTROL_COVER);
		ck_assert_uint_eq(msg.arg, i);
	}
	ck_assert_int_eq(recv(worker_end, &msg, sizeof(msg), MSG_DONTWAIT),
	    -1);
}
END_TEST

Suite *
handover_suite(void)
{
	Suite *s = suite_create("handover");
	TCase *tc = tcase_create("handover");

	/* A process takes over once, and leaves what it has to its end. */
	tcase_set_tags(tc, "fork");

	tcase_add_checked_fixture(tc, setup, test_dir_teardown);
	tcase_add_test(tc, all_comes_along);
	tcase_add_test(tc, names_come_along);
	tcase_add_loop_test(tc, rows, 0, (int)shared_count);
	tcase_add_test(tc, numbers_of_a_file);
	tcase_add_test(tc, passing);
	tcase_add_loop_test(tc, text, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(tc, not_for_us);
	tcase_add_test(tc, memory_kept);
	tcase_add_test(tc, sessions_refused);
	tcase_add_test(tc, sessions_missing);
	tcase_add_test(tc, keys_refused);
	tcase_add_test(tc, scoreboard_refused);
	tcase_add_test(tc, queues_covered);
	suite_add_tcase(s, tc);
	return s;
}
