/* SPDX-License-Identifier: ISC */
/*
 * Takes, releases and adds up the slots of the scoreboard. Master; a worker
 * writes its own slot and knows no other.
 *
 *	shared mapping            who writes it
 *	struct shared             master: what this is
 *	struct slot[slots]        one worker process each, while it lives
 *	struct retired[workers]   master: what dead processes counted
 *
 * Another version of the program has other tables, and its scoreboard cannot
 * be used: `layout` is made of the sizes and of all names in their order, so
 * that nobody has to remember to change a number with a table.
 *
 * Threat: a worker that has been taken over can write all of this. So there is
 * nothing in it but numbers that are told: whose a slot is, and whether it is
 * anybody's, stands in the handle.
 */
#include "config.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memfile.h"
#include "stats/scoreboard.h"

#define COUNT_MAX 65536u /* keeps the size far from overflow */

/* A counter must never take a lock that a dead process could hold. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics have locks here");

#define MAGIC 0x6472616f62746c74ULL

struct shared {
	_Alignas(64) uint64_t magic;
	uint64_t layout;
};

struct retired {
	_Alignas(64) _Atomic uint64_t metrics[METRIC_COUNT];
	_Atomic uint64_t closes[CLOSE_REASON_COUNT];
	_Atomic uint64_t failures[HANDSHAKE_FAILURE_COUNT];
	struct histogram histograms[HISTOGRAM_COUNT];
};

struct owner {
	bool in_use;
	unsigned worker;
};

struct scoreboard {
	struct shared *shared;
	struct slot *slots;
	struct owner *owners; /* of the slots */
	struct retired *retired;
	unsigned nslots;
	unsigned nworkers;
	size_t size; /* of the mapping */
	int fd;	     /* of the mapping; -1: anonymous */
};

static struct scoreboard *board_alloc(unsigned, unsigned);
static int board_file(struct scoreboard *);
static bool board_file_fits(const struct scoreboard *, int);
static int board_map(struct scoreboard *);
static uint64_t board_layout(const struct scoreboard *);
static uint64_t hash(uint64_t, const void *, size_t);
static uint64_t hash_name(uint64_t, const char *);
static void slot_settle(struct slot *);
static void slot_clear(struct slot *);
static void add_histograms(struct totals *, const struct histogram *);
static void move_histograms(struct histogram *, const struct histogram *);
static void add(uint64_t *, const _Atomic uint64_t *, size_t);
static void move(_Atomic uint64_t *, const _Atomic uint64_t *, size_t);

struct scoreboard *
scoreboard_new(unsigned workers, unsigned slots)
{
	struct scoreboard *sb;
	int saved;

	if ((sb = board_alloc(workers, slots)) == NULL)
		return NULL;
	if (board_file(sb) == -1 || board_map(sb) == -1) {
		saved = errno;
		scoreboard_free(sb);
		errno = saved;
		return NULL;
	}
	sb->shared->magic = MAGIC;
	sb->shared->layout = board_layout(sb);
	return sb;
}

struct scoreboard *
scoreboard_adopt(int fd, unsigned workers, unsigned slots, struct err *err)
{
	struct scoreboard *sb;

	if ((sb = board_alloc(workers, slots)) == NULL) {
		(void)err_set(err, NULL, "%s", strerror(errno));
		return NULL;
	}
	if (!board_file_fits(sb, fd)) {
		(void)err_set(err, NULL, "not a scoreboard of this size");
	} else {
		sb->fd = fd;
		if (board_map(sb) == -1)
			(void)err_set(err, NULL, "%s", strerror(errno));
		else if (sb->shared->magic != MAGIC ||
		    sb->shared->layout != board_layout(sb))
			(void)err_set(err, NULL, "of another layout");
		else
			return sb;
		sb->fd = -1; /* stays the caller's */
	}
	scoreboard_free(sb);
	return NULL;
}

void
scoreboard_free(struct scoreboard *sb)
{
	if (sb == NULL)
		return;
	if (sb->shared != NULL)
		munmap(sb->shared, sb->size);
	if (sb->fd != -1)
		close(sb->fd);
	free(sb->owners);
	free(sb);
}

int
scoreboard_fd(const struct scoreboard *sb)
{
	return sb->fd;
}

static struct scoreboard *
board_alloc(unsigned workers, unsigned slots)
{
	struct scoreboard *sb;

	if (workers == 0 || workers > COUNT_MAX || slots == 0 ||
	    slots > COUNT_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if ((sb = calloc(1, sizeof(*sb))) == NULL)
		return NULL;
	if ((sb->owners = calloc(slots, sizeof(*sb->owners))) == NULL) {
		free(sb);
		return NULL;
	}
	sb->fd = -1;
	sb->nslots = slots;
	sb->nworkers = workers;
	sb->size = sizeof(struct shared) + slots * sizeof(struct slot) +
	    workers * sizeof(struct retired);
	return sb;
}

static int
board_file(struct scoreboard *sb)
{
	sb->fd = memfile_new("tlsherd-scoreboard");
	if (sb->fd == -1)
		return errno == ENOSYS ? 0 : -1;
	return memfile_fix_size(sb->fd, sb->size);
}

/* Its size must be sealed, so that nobody can shorten the mapping under us. */
static bool
board_file_fits(const struct scoreboard *sb, int fd)
{
	return memfile_has_size(fd, sb->size) &&
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static int
board_map(struct scoreboard *sb)
{
	char *map;

	map = mmap(NULL, sb->size, PROT_READ | PROT_WRITE,
	    sb->fd == -1 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, sb->fd, 0);
	if (map == MAP_FAILED)
		return -1;
	sb->shared = (void *)map;
	map += sizeof(struct shared);
	sb->slots = (void *)map;
	map += sb->nslots * sizeof(struct slot);
	sb->retired = (void *)map;
	return 0;
}

static uint64_t
board_layout(const struct scoreboard *sb)
{
	const size_t sizes[] = { sb->nslots, sb->nworkers, METRIC_COUNT,
		CLOSE_REASON_COUNT, HANDSHAKE_FAILURE_COUNT, HISTOGRAM_COUNT,
		HISTOGRAM_FIRST, HISTOGRAM_BUCKETS, sizeof(struct shared),
		sizeof(struct slot), sizeof(struct retired) };
	uint64_t h;
	int i;

	h = hash(0xcbf29ce484222325, sizes, sizeof(sizes));
	for (i = 0; i < METRIC_COUNT; i++)
		h = hash_name(h, metric_name((enum metric)i));
	for (i = 0; i < CLOSE_REASON_COUNT; i++)
		h = hash_name(h, close_reason_name((enum close_reason)i));
	for (i = 0; i < HANDSHAKE_FAILURE_COUNT; i++)
		h = hash_name(h,
		    handshake_failure_name((enum handshake_failure)i));
	for (i = 0; i < HISTOGRAM_COUNT; i++)
		h = hash_name(h, histogram_name((enum histogram_id)i));
	return h;
}

static uint64_t
hash_name(uint64_t h, const char *name)
{
	return hash(h, name, strlen(name) + 1);
}

/* FNV-1a */
static uint64_t
hash(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len-- > 0)
		h = (h ^ *p++) * 0x100000001b3;
	return h;
}

struct slot *
scoreboard_take(struct scoreboard *sb, unsigned worker)
{
	struct slot *s;
	unsigned i;

	for (i = 0; i < sb->nslots; i++)
		if (!sb->owners[i].in_use)
			break;
	s = scoreboard_keep(sb, i, worker);
	if (s != NULL)
		slot_clear(s);
	return s;
}

struct slot *
scoreboard_keep(struct scoreboard *sb, unsigned number, unsigned worker)
{
	struct owner *o;

	if (number >= sb->nslots || worker >= sb->nworkers)
		return NULL;
	o = &sb->owners[number];
	if (o->in_use)
		return NULL;
	o->in_use = true;
	o->worker = worker;
	return &sb->slots[number];
}

unsigned
scoreboard_slot_number(const struct scoreboard *sb, const struct slot *s)
{
	debug_assert(s >= sb->slots && s < sb->slots + sb->nslots);
	return (unsigned)(s - sb->slots);
}

void
scoreboard_release(struct scoreboard *sb, struct slot *s)
{
	struct owner *o = &sb->owners[scoreboard_slot_number(sb, s)];
	struct retired *r = &sb->retired[o->worker];

	debug_assert(o->in_use && o->worker < sb->nworkers);
	slot_settle(s);
	move(r->metrics, s->metrics, METRIC_COUNT);
	move(r->closes, s->closes, CLOSE_REASON_COUNT);
	move(r->failures, s->failures, HANDSHAKE_FAILURE_COUNT);
	move_histograms(r->histograms, s->histograms);
	slot_clear(s);
	o->in_use = false;
}

void
scoreboard_sum(const struct scoreboard *sb, unsigned worker, struct totals *t)
{
	const struct retired *r;
	const struct slot *s;
	unsigned i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < sb->nworkers; i++) {
		if (worker != SCOREBOARD_ALL && worker != i)
			continue;
		r = &sb->retired[i];
		add(t->metrics, r->metrics, METRIC_COUNT);
		add(t->closes, r->closes, CLOSE_REASON_COUNT);
		add(t->failures, r->failures, HANDSHAKE_FAILURE_COUNT);
		add_histograms(t, r->histograms);
	}
	for (i = 0; i < sb->nslots; i++) {
		s = &sb->slots[i];
		if (!sb->owners[i].in_use)
			continue;
		if (worker != SCOREBOARD_ALL && worker != sb->owners[i].worker)
			continue;
		add(t->metrics, s->metrics, METRIC_COUNT);
		add(t->closes, s->closes, CLOSE_REASON_COUNT);
		add(t->failures, s->failures, HANDSHAKE_FAILURE_COUNT);
		add(&t->connections, &s->connections, 1);
		add_histograms(t, s->histograms);
	}
}

/* Nothing that was begun is without an end. Nobody else writes here now. */
static void
slot_settle(struct slot *s)
{
	uint64_t begun, ended, done;
	int i;

	for (i = 0, ended = 0; i < CLOSE_REASON_COUNT; i++)
		ended += s->closes[i];
	begun = s->metrics[METRIC_ACCEPTED];
	if (begun > ended) {
		s->closes[CLOSE_WORKER_DIED] += begun - ended;
		ended = begun;
	}
	/* It may have died between a reason and the total. */
	s->metrics[METRIC_CLOSED] = ended;
	for (i = 0, ended = 0; i < HANDSHAKE_FAILURE_COUNT; i++)
		ended += s->failures[i];
	done = s->metrics[METRIC_HANDSHAKES_FULL] +
	    s->metrics[METRIC_HANDSHAKES_RESUMED];
	begun = s->metrics[METRIC_HANDSHAKES_BEGUN];
	if (begun > ended + done) {
		s->failures[FAILURE_WORKER_DIED] += begun - ended - done;
		ended = begun - done;
	}
	s->metrics[METRIC_HANDSHAKES_FAILED] = ended;
}

static void
slot_clear(struct slot *s)
{
	size_t i;

	for (i = 0; i < METRIC_COUNT; i++)
		s->metrics[i] = 0;
	for (i = 0; i < CLOSE_REASON_COUNT; i++)
		s->closes[i] = 0;
	for (i = 0; i < HANDSHAKE_FAILURE_COUNT; i++)
		s->failures[i] = 0;
	s->connections = 0;
	s->beats = 0;
	memset(s->histograms, 0, sizeof(s->histograms));
}

static void
add(uint64_t *to, const _Atomic uint64_t *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] += atomic_load_explicit(&from[i], memory_order_relaxed);
}

static void
move(_Atomic uint64_t *to, const _Atomic uint64_t *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] += from[i];
}

static void
add_histograms(struct totals *t, const struct histogram *from)
{
	size_t i;

	for (i = 0; i < HISTOGRAM_COUNT; i++) {
		add(&t->histograms[i].sum, &from[i].sum, 1);
		add(t->histograms[i].buckets, from[i].buckets,
		    HISTOGRAM_BUCKETS);
	}
}

static void
move_histograms(struct histogram *to, const struct histogram *from)
{
	size_t i;

	for (i = 0; i < HISTOGRAM_COUNT; i++) {
		move(&to[i].sum, &from[i].sum, 1);
		move(to[i].buckets, from[i].buckets, HISTOGRAM_BUCKETS);
	}
}
