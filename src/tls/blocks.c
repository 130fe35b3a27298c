/* SPDX-License-Identifier: ISC */
/*
 * The blocks of a PEM file: OpenSSL passes over those that it was not asked
 * for, so whatever is not used is named here, with its line. Master, at start
 * and reload.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "tls/tls_int.h"

#define BEGIN "-----BEGIN"
#define DASHES "-----"
#define BOM "\xef\xbb\xbf" /* OpenSSL passes over it, and so do we */
#define NAME_MAX_SHOWN 40

static void look_at(const char *, const struct conf_str *, const char *,
    size_t, unsigned, unsigned, unsigned *);
static const char *past_blanks(const char *, const char *);
static bool begins(const char *, const char *, const char *);
static unsigned kind_of(const char *, size_t);

void
tls_blocks_warn(const struct tls_file *f, const char *directive,
    const struct conf_str *path, unsigned used)
{
	const char *end = (const char *)f->data + f->len;
	const char *nl, *p = (const char *)f->data;
	unsigned keys = 0, line;

	for (line = 1; p < end; line++, p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		if (begins(p, nl, BOM))
			p += strlen(BOM);
		if (begins(p, nl, BEGIN))
			look_at(directive, path, p, (size_t)(nl - p), line,
			    used, &keys);
		else if (begins(past_blanks(p, nl), nl, BEGIN))
			tls_file_warn(directive, path, "blanks before the "
			    "block in line %u: it is not read", line);
	}
}

static const char *
past_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

static bool
begins(const char *p, const char *end, const char *with)
{
	return (size_t)(end - p) >= strlen(with) &&
	    memcmp(p, with, strlen(with)) == 0;
}

static void
look_at(const char *directive, const struct conf_str *path, const char *p,
    size_t n, unsigned line, unsigned used, unsigned *keys)
{
	char name[NAME_MAX_SHOWN];
	unsigned kind;

	while (n > 0 && (p[n - 1] == '\r' || p[n - 1] == ' ' ||
	    p[n - 1] == '\t'))
		n--;
	if (n < strlen(BEGIN) + 1 + strlen(DASHES) || p[strlen(BEGIN)] != ' ' ||
	    memcmp(p + n - strlen(DASHES), DASHES, strlen(DASHES)) != 0) {
		tls_file_warn(directive, path, "line %u begins as a block does "
		    "and does not end so: what follows is not read", line);
		return;
	}
	p += strlen(BEGIN) + 1;
	n -= strlen(BEGIN) + 1 + strlen(DASHES);
	kind = kind_of(p, n);
	snprintf(name, sizeof(name), "%.*s", (int)n, p);
	if ((kind & used) == 0)
		tls_file_warn(directive, path, "the block \"%s\" in line %u is "
		    "not used", name, line);
	else if (kind == TLS_BLOCK_KEY && (*keys)++ > 0)
		tls_file_warn(directive, path, "the private key in line %u is "
		    "not used: there is one before it", line);
}

static unsigned
kind_of(const char *name, size_t n)
{
	static const struct {
		const char *name;
		unsigned kind;
	} known[] = {
		{ "CERTIFICATE", TLS_BLOCK_CERT },
		{ "X509 CERTIFICATE", TLS_BLOCK_CERT },
		{ "TRUSTED CERTIFICATE", TLS_BLOCK_CERT },
		{ "X509 CRL", TLS_BLOCK_CRL },
		{ "EC PARAMETERS", TLS_BLOCK_CURVE },
		{ "PRIVATE KEY", TLS_BLOCK_KEY },
		{ "ENCRYPTED PRIVATE KEY", TLS_BLOCK_KEY },
		{ "RSA PRIVATE KEY", TLS_BLOCK_KEY },
		{ "EC PRIVATE KEY", TLS_BLOCK_KEY },
		{ "DSA PRIVATE KEY", TLS_BLOCK_KEY },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == n &&
		    memcmp(known[i].name, name, n) == 0)
			return known[i].kind;
	return 0;
}
