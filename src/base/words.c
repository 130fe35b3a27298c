/* SPDX-License-Identifier: ISC */
/* Lines of words; see words.h. Master. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/words.h"

static int hex(char);

void
words_put_text(FILE *fp, const char *text)
{
	const unsigned char *p;

	fputc(' ', fp);
	for (p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p > ' ' && *p != '%' && *p < 0x7f)
			fputc(*p, fp);
		else
			fprintf(fp, "%%%02x", *p);
	}
}

const char *
words_next(struct words *w)
{
	return strsep(&w->rest, " ");
}

bool
words_number(struct words *w, int64_t min, int64_t max, int64_t *n)
{
	const char *text = words_next(w);
	char *end;

	if (text == NULL)
		return false;
	errno = 0;
	*n = strtoimax(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *n >= min &&
	    *n <= max;
}

bool
words_flag(struct words *w, bool *b)
{
	int64_t n;

	if (!words_number(w, 0, 1, &n))
		return false;
	*b = n == 1;
	return true;
}

bool
words_fd(struct words *w, int *fd)
{
	int64_t n;

	if (!words_number(w, -1, INT_MAX, &n))
		return false;
	*fd = (int)n;
	return n == -1 ||
	    (n > STDERR_FILENO && fcntl(*fd, F_SETFD, FD_CLOEXEC) == 0);
}

bool
words_text(struct words *w, char **copy)
{
	const char *text = words_next(w);
	char *to;

	if (text == NULL || *copy != NULL)
		return false;
	*copy = to = xstrdup(text);
	for (; *text != '\0'; text++) {
		if (*text != '%') {
			*to++ = *text;
			continue;
		}
		if (hex(text[1]) == -1 || hex(text[2]) == -1)
			return false;
		*to++ = (char)(hex(text[1]) * 16 + hex(text[2]));
		text += 2;
	}
	*to = '\0';
	return true;
}

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c != '\0' ? strchr(digits, c) : NULL;

	return p != NULL ? (int)(p - digits) : -1;
}
