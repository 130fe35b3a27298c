/* SPDX-License-Identifier: ISC */
/*
 * Reads the files that directives name, whole and once, so that what is
 * parsed is what is hashed, and words the errors about them. Master, at start
 * and reload.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/log.h"
#include "tls/tls_int.h"
#include "tlscache.h"

#define FILE_MAX (64u << 20) /* lists of revoked certificates grow large */

static int read_all(int, struct tls_file *);

int
tls_file_read(struct tls_file *f, const char *directive,
    const struct conf_str *path, struct err *err)
{
	struct stat st;
	int fd, r;

	memset(f, 0, sizeof(*f));
	/* O_NONBLOCK: a FIFO must not hang a reload before fstat() tells. */
	fd = open(path->value, O_RDONLY | O_CLOEXEC | O_NOCTTY |
	    O_NONBLOCK);
	if (fd == -1)
		return tls_file_error(err, directive, path, "%s",
		    strerror(errno));
	if (fstat(fd, &st) == -1)
		r = tls_file_error(err, directive, path, "%s",
		    strerror(errno));
	else if (!S_ISREG(st.st_mode))
		r = tls_file_error(err, directive, path, "not a regular file");
	else if (st.st_size > (off_t)FILE_MAX)
		r = tls_file_error(err, directive, path,
		    "larger than %u MiB", FILE_MAX >> 20);
	else if ((f->data = malloc((size_t)st.st_size + 1)) == NULL)
		r = tls_file_error(err, directive, path, "%s",
		    strerror(errno));
	else {
		f->len = (size_t)st.st_size;
		if ((r = read_all(fd, f)) == -1)
			tls_file_error(err, directive, path, "%s",
			    strerror(errno));
	}
	close(fd);
	if (r == -1)
		tls_file_wipe(f);
	return r;
}

void
tls_file_wipe(struct tls_file *f)
{
	if (f->data != NULL)
		OPENSSL_cleanse(f->data, f->len);
	free(f->data);
	f->data = NULL;
	f->len = 0;
}

int
tls_file_error(struct err *err, const char *directive,
    const struct conf_str *path, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return err_set(err, &path->loc, "%s \"%s\": %s", directive,
	    path->value, text);
}

void
tls_file_warn(const char *directive, const struct conf_str *path,
    const char *fmt, ...)
{
	struct err err;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tls_file_error(&err, directive, path, "%s", text);
	log_warnx("%s", err.text);
}

const char *
tls_reason(void)
{
	const char *reason;
	unsigned long e;

	e = ERR_get_error();
	reason = ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) :
	    ERR_reason_error_string(e);
	ERR_clear_error();
	return reason != NULL ? reason : "unknown error";
}

const char *
tls_cache_reason(int code)
{
	static char text[256];
	const char *reason;

	reason = code == TLSCACHE_E_SYSTEM ? strerror(errno) :
	    code == TLSCACHE_E_OPENSSL ? tls_reason() : NULL;
	snprintf(text, sizeof(text), "%s%s%s", tlscache_strerror(code),
	    reason != NULL ? ": " : "", reason != NULL ? reason : "");
	return text;
}

/* A file that shrinks meanwhile is what it is then; one that grows is cut. */
static int
read_all(int fd, struct tls_file *f)
{
	size_t n;
	ssize_t r;

	for (n = 0; n < f->len; n += (size_t)r) {
		r = read(fd, f->data + n, f->len - n);
		if (r == -1 && errno == EINTR)
			r = 0;
		else if (r == -1)
			return -1;
		else if (r == 0)
			break;
	}
	f->len = n;
	return 0;
}
