/* SPDX-License-Identifier: ISC */
/*
 * Version 1, a line of text (2.1):
 *
 *	PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 CR LF
 *
 * One blank between two words, no zeros before a number, CR and LF within 107
 * bytes. What follows UNKNOWN is not looked at. Any process.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string.h>

#include "proxyproto/proxyproto_int.h"

#define WORD_MAX INET6_ADDRSTRLEN /* with its NUL */

/* What is left of the line, without CR and LF. */
struct line {
	const char *p;
	size_t len;
};

static size_t line_length(const uint8_t *, size_t);
static bool skip(struct line *, const char *);
static bool word(struct line *, char *, bool last);
static const char *read_ends(struct proxyproto *, int, struct line);
static bool read_port(const char *, uint16_t *);

ssize_t
proxyproto_read_v1(struct proxyproto *h, const uint8_t *buf, size_t len,
    const char **why)
{
	size_t n = line_length(buf, len);
	struct line line;

	if (n == 0 && len < PROXYPROTO_V1_MAX)
		return 0;
	if (n == 0) {
		*why = "no end of the line in 107 bytes";
		return -1;
	}
	line.p = (const char *)buf + V1_START_LEN;
	line.len = n - V1_START_LEN - 2;
	h->version = 1;
	if (skip(&line, "TCP4 "))
		*why = read_ends(h, AF_INET, line);
	else if (skip(&line, "TCP6 "))
		*why = read_ends(h, AF_INET6, line);
	else if (!skip(&line, "UNKNOWN") || (line.len > 0 && *line.p != ' '))
		*why = "neither TCP4 nor TCP6 nor UNKNOWN";
	return *why == NULL ? (ssize_t)n : -1;
}

/* With CR and LF; 0: they are not there. */
static size_t
line_length(const uint8_t *buf, size_t len)
{
	size_t i;

	for (i = V1_START_LEN + 1; i < len && i < PROXYPROTO_V1_MAX; i++)
		if (buf[i] == '\n' && buf[i - 1] == '\r')
			return i + 1;
	return 0;
}

static bool
skip(struct line *line, const char *text)
{
	size_t n = strlen(text);

	if (line->len < n || memcmp(line->p, text, n) != 0)
		return false;
	line->p += n;
	line->len -= n;
	return true;
}

static const char *
read_ends(struct proxyproto *h, int family, struct line line)
{
	char text[4][WORD_MAX];
	uint8_t from[16], to[16];
	uint16_t from_port, to_port;
	int i;

	for (i = 0; i < 4; i++)
		if (!word(&line, text[i], i == 3))
			return "not two addresses and two ports";
	/*
	 * It takes no zeros before a number. An IPv6 address may end as an
	 * IPv4 one: mapped ones are written so by most.
	 */
	if (inet_pton(family, text[0], from) != 1 ||
	    inet_pton(family, text[1], to) != 1)
		return family == AF_INET ? "not an IPv4 address" :
		    "not an IPv6 address";
	if (!read_port(text[2], &from_port) || !read_port(text[3], &to_port))
		return "not a port";
	h->type = SOCK_STREAM;
	proxyproto_inet(&h->from, family, from, from_port);
	proxyproto_inet(&h->to, family, to, to_port);
	return NULL;
}

/* Up to the blank, which is skipped, or to the end if it is the last one. */
static bool
word(struct line *line, char *text, bool last)
{
	size_t n;

	for (n = 0; n < line->len && line->p[n] != ' '; n++)
		;
	if (n == 0 || n >= WORD_MAX || last != (n == line->len) ||
	    memchr(line->p, '\0', n) != NULL)
		return false;
	memcpy(text, line->p, n);
	text[n] = '\0';
	line->p += last ? n : n + 1;
	line->len -= last ? n : n + 1;
	return true;
}

static bool
read_port(const char *text, uint16_t *port)
{
	unsigned n = 0;
	const char *p;

	if (strlen(text) > 5 || (text[0] == '0' && text[1] != '\0'))
		return false;
	for (p = text; *p >= '0' && *p <= '9'; p++)
		n = 10 * n + (unsigned)(*p - '0');
	*port = htons((uint16_t)n);
	return *p == '\0' && n <= 65535;
}
