/* SPDX-License-Identifier: ISC */
/* When there is no more room, the first half is forgotten. Any process. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/tail.h"

/* Of what does not end, so much at a time: more than a pipe holds. */
#define READS 128

int
tail_read(struct tail *t, int fd)
{
	const size_t room = sizeof(t->text) - 1, half = room / 2;
	ssize_t n;
	int reads;

	for (reads = 0; reads < READS; reads++) {
		if (t->len == room) {
			memmove(t->text, t->text + half, room - half);
			t->len = room - half;
		}
		n = read(fd, t->text + t->len, room - t->len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 1;
		if (n <= 0)
			return 0;
		t->len += (size_t)n;
		t->text[t->len] = '\0';
	}
	return 1;
}

const char *
tail_last_line(struct tail *t)
{
	char *line;

	while (t->len > 0 && t->text[t->len - 1] == '\n')
		t->text[--t->len] = '\0';
	line = strrchr(t->text, '\n');
	return line != NULL ? line + 1 : t->text;
}
