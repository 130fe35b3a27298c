/* SPDX-License-Identifier: ISC */
/*
 * Processes of the benchmark. Each is recorded when it is made, dies with its
 * parent, and is ended by its pid. They wait for each other before they begin
 * and work until their time is over, each on a processor of its own as long
 * as there are enough.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_SYS_PRCTL_H
#include <sys/prctl.h>
#endif

#include "cache_bench.h"

struct crew {
	pthread_barrier_t begin;
	_Atomic uint64_t begun; /* when the first of them ran on */
	struct crew_result result[CREW_MAX];
};

/* What one process is told; inherited. */
struct order {
	struct crew *crew;
	const struct crew_work *work;
	double seconds;
};

static volatile sig_atomic_t children[CREW_MAX];
static cpu_set_t allowed; /* before anybody was pinned */

static void crew_member(void *, unsigned);
static void crew_wait(unsigned);
static void crew_check(int pid, int status);
static double cpu_clock(void);

void
crew_run(unsigned n, const struct crew_work *work, double seconds,
    struct crew_result *results)
{
	struct order order = { crew_memory(sizeof(struct crew)), work,
		seconds };
	pthread_barrierattr_t attr;
	unsigned i;

	if (pthread_barrierattr_init(&attr) != 0 ||
	    pthread_barrierattr_setpshared(&attr,
	    PTHREAD_PROCESS_SHARED) != 0 ||
	    pthread_barrier_init(&order.crew->begin, &attr, n) != 0)
		bench_fail("a barrier", strerror(errno));
	(void)pthread_barrierattr_destroy(&attr);
	for (i = 0; i < n; i++)
		(void)crew_fork(crew_member, &order, i);
	crew_wait(n);
	memcpy(results, order.crew->result, n * sizeof(*results));
	(void)munmap(order.crew, sizeof(*order.crew));
}

static void
crew_member(void *arg, unsigned number)
{
	const struct order *order = arg;
	const struct crew_work *work = order->work;
	struct crew_result r = { 0 };
	uint64_t begun = 0, end, now;
	double cpu;

	if (work->prepare != NULL)
		work->prepare(work->arg, number);
	(void)pthread_barrier_wait(&order->crew->begin);
	cpu = cpu_clock();
	/* Who gets a processor late has lost that time all the same. */
	now = hist_clock();
	if (atomic_compare_exchange_strong(&order->crew->begun, &begun, now))
		begun = now;
	for (end = begun + (uint64_t)(order->seconds * 1e9); now < end;
	    now = hist_clock())
		r.operations += work->work(work->arg, number, &r.good);
	r.cpu = cpu_clock() - cpu;
	r.seconds = (double)(now - begun) / 1e9;
	order->crew->result[number] = r;
}

/* The first that fails ends all: the others may wait for it for ever. */
static void
crew_wait(unsigned n)
{
	int status;
	pid_t pid;

	while (n > 0) {
		pid = wait(&status);
		if (pid == -1 && errno == EINTR)
			continue;
		if (pid == -1)
			bench_fail("waiting", strerror(errno));
		crew_check(pid, status);
		n--;
	}
}

void
crew_join(int pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			bench_fail("waiting", strerror(errno));
	crew_check(pid, status);
}

/* It has ended: how? */
static void
crew_check(int pid, int status)
{
	unsigned i;

	for (i = 0; i < CREW_MAX; i++)
		if (children[i] == pid)
			children[i] = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		bench_fail("a process", "failed");
}

int
crew_fork(void (*work)(void *, unsigned), void *arg, unsigned number)
{
	pid_t parent = getpid(), pid;
	unsigned i;

	for (i = 0; i < CREW_MAX && children[i] != 0; i++)
		;
	if (i == CREW_MAX)
		bench_fail("a process", "there are too many");
	pid = fork();
	if (pid == -1)
		bench_fail("fork", strerror(errno));
	if (pid > 0) {
		children[i] = pid;
		return pid;
	}
	for (i = 0; i < CREW_MAX; i++)
		children[i] = 0;
#ifdef HAVE_SYS_PRCTL_H
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
	if (getppid() != parent)
		_exit(1);
	crew_pin(number);
	work(arg, number);
	_exit(0);
}

void
crew_end(int pid)
{
	unsigned i;

	for (i = 0; i < CREW_MAX; i++) {
		if (children[i] != pid)
			continue;
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
			;
		children[i] = 0;
	}
}

void
crew_end_all(void)
{
	unsigned i;

	for (i = 0; i < CREW_MAX; i++)
		if (children[i] != 0)
			(void)kill((pid_t)children[i], SIGKILL);
}

unsigned
crew_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == -1)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

/* Without a processor of its own a process works all the same. */
void
crew_pin(unsigned number)
{
	cpu_set_t one;
	unsigned i;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) == -1)
		return;
	number %= (unsigned)CPU_COUNT(&allowed);
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &allowed) || number-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		(void)sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

void
crew_unpin(void)
{
	(void)sched_setaffinity(0, sizeof(allowed), &allowed);
}

void *
crew_memory(size_t size)
{
	void *p;

	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		bench_fail("shared memory", strerror(errno));
	return p;
}

static double
cpu_clock(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
