/* SPDX-License-Identifier: ISC */
/* Letters from one program to the next; see letter.h. Master, tlsherd -t. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/letter.h"
#include "base/memfile.h"

static int memory_file(const char *, size_t, struct err *);
static void receive(void);
static int read_lines(FILE *, const char *,
    bool (*)(void *, const char *, struct words *), void *, struct err *);

/* What the environment said: who announced it, and the descriptor. */
static struct {
	pid_t pid;
	int fd;
} announced = { 0, -1 };

int
letter_write(const char *head, void (*write_rest)(FILE *, const void *),
    const void *arg, struct err *err)
{
	char *text = NULL;
	int failed, fd;
	size_t len;
	FILE *fp;

	fp = open_memstream(&text, &len);
	if (fp == NULL)
		return err_set(err, NULL, "out of memory");
	fprintf(fp, "%s\n", head);
	write_rest(fp, arg);
	failed = ferror(fp);
	failed = fclose(fp) != 0 || failed;
	fd = failed ? err_set(err, NULL, "out of memory") :
	    memory_file(text, len, err);
	free(text);
	return fd;
}

static int
memory_file(const char *text, size_t len, struct err *err)
{
	int fd;

	fd = memfile_new("tlsherd-handover");
	if (fd != -1 && write(fd, text, len) == (ssize_t)len &&
	    lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	if (fd == -1 && errno == ENOSYS)
		return err_set(err, NULL, "this system has no memory files "
		    "(memfd_create), so nothing can be handed on");
	(void)err_set(err, NULL, "memory file: %s", strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

void
letter_pass(int fd, bool pass)
{
	if (fd != -1)
		(void)fcntl(fd, F_SETFD, pass ? 0 : FD_CLOEXEC);
}

int
letter_announce(int fd)
{
	char text[64];

	snprintf(text, sizeof(text), "%ld %d", (long)getpid(), fd);
	return setenv(LETTER_ENV, text, 1);
}

void
letter_withdraw(void)
{
	(void)unsetenv(LETTER_ENV);
}

bool
letter_for_us(void)
{
	receive();
	return announced.pid == getpid();
}

bool
letter_from_parent(void)
{
	receive();
	/* 0 is a parent that this namespace does not see, and no letter. */
	return announced.pid != 0 && announced.pid == getppid();
}

/* The environment may have come over several programs: who meant us? */
static void
receive(void)
{
	const char *text = getenv(LETTER_ENV);
	long pid = 0;
	int fd = -1;

	if (text == NULL)
		return;
	if (sscanf(text, "%ld %d", &pid, &fd) != 2)
		pid = 0;
	announced.pid = (pid_t)pid;
	announced.fd = fd;
	letter_withdraw();
}

int
letter_read(const char *head,
    bool (*line)(void *, const char *, struct words *), void *arg,
    struct err *err)
{
	FILE *fp;
	int result;

	receive();
	fp = announced.fd != -1 ? fdopen(announced.fd, "r") : NULL;
	announced.fd = -1;
	if (fp == NULL)
		return err_set(err, NULL, "the description of what is handed "
		    "on is not there");
	result = read_lines(fp, head, line, arg, err);
	fclose(fp);
	return result;
}

static int
read_lines(FILE *fp, const char *head,
    bool (*line)(void *, const char *, struct words *), void *arg,
    struct err *err)
{
	char *text = NULL;
	size_t size = 0;
	struct words w;
	int n, result = 0;

	for (n = 1; result == 0 && getline(&text, &size, fp) > 0; n++) {
		text[strcspn(text, "\n")] = '\0';
		w.rest = text;
		if (n == 1 && strcmp(text, head) != 0)
			result = err_set(err, NULL, "tlsherd "
			    PACKAGE_VERSION " cannot take over from this one: "
			    "\"%.64s\" instead of \"%s\"", text, head);
		else if (n > 1 && !line(arg, words_next(&w), &w))
			result = err_set(err, NULL, "what is handed on cannot "
			    "be read: \"%.64s\"", text);
	}
	free(text);
	return result;
}
