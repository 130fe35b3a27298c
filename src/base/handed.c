/* SPDX-License-Identifier: ISC */
/* Objects that are handed on; see handed.h. Master. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/handed.h"
#include "base/mem.h"

static void put_word(FILE *, char, const struct handed *);
static bool get_word(struct words *, char, struct handed *);
static bool get_all(struct words *, struct handed *);

void
handed_init(struct handed *h)
{
	memset(h, 0, sizeof(*h));
	h->fd = -1;
}

void
handed_put(FILE *fp, const char *form, const struct handed *h)
{
	for (; *form != '\0'; form++)
		put_word(fp, *form, h);
}

static void
put_word(FILE *fp, char letter, const struct handed *h)
{
	size_t i;

	switch (letter) {
	case 'f':
		fprintf(fp, " %d", h->fd);
		break;
	case 'd':
		fprintf(fp, " %" PRId64, h->dev);
		break;
	case 'i':
		fprintf(fp, " %" PRId64, h->ino);
		break;
	case 'b':
		fprintf(fp, " %d", h->flag);
		break;
	case 't':
		words_put_text(fp, h->text);
		break;
	case 'F':
		for (i = 0; i < h->nfds; i++)
			fprintf(fp, " %d", h->fds[i]);
		break;
	}
}

bool
handed_get(struct words *w, const char *form, struct handed *h)
{
	for (; *form != '\0'; form++)
		if (!get_word(w, *form, h))
			return false;
	return true;
}

static bool
get_word(struct words *w, char letter, struct handed *h)
{
	bool ok;

	switch (letter) {
	case 'f':
		return words_fd(w, &h->fd);
	case 'd':
		return words_number(w, INT64_MIN, INT64_MAX, &h->dev);
	case 'i':
		return words_number(w, INT64_MIN, INT64_MAX, &h->ino);
	case 'b':
		return words_flag(w, &h->flag);
	case 't':
		ok = words_text(w, &h->own);
		h->text = h->own;
		return ok;
	case 'F':
		return get_all(w, h);
	default:
		return false;
	}
}

static bool
get_all(struct words *w, struct handed *h)
{
	do {
		h->fds = xreallocarray(h->fds, h->nfds + 1, sizeof(*h->fds));
		if (!words_fd(w, &h->fds[h->nfds]))
			return false;
		h->nfds++;
	} while (w->rest != NULL);
	return true;
}

void
handed_release(struct handed *h)
{
	free(h->own);
	free(h->fds);
}
