/* SPDX-License-Identifier: ISC */
/*
 * Reads the files that directives name, whole and once, so that what is
 * parsed is what is hashed, and words the errors about them. Master, at start
 * and reload.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/log.h"
#include "tls/tls_int.h"
#include "tlscache.h"

/* In the first line of a key, whatever its format. */
#define KEY_MARK "PRIVATE KEY-----"

#define FILE_MAX (64u << 20) /* lists of revoked certificates grow large */

/* Of warnings with the same words, so many are said one by one. */
#define SAID_MAX 5
#define WORDINGS 32

static struct {
	const char *fmt;
	unsigned long n;
	char example[128];
} said[WORDINGS];
static char last_folder[PATH_MAX]; /* that was looked at */

static void check_folder(const char *, const struct conf_str *);
static int read_open(int, struct tls_file *, const char *,
    const struct conf_str *, struct err *);
static int check_rights(const struct stat *, bool, const char *,
    const struct conf_str *, struct err *);
static bool is_said(const char *, const char *);
static int read_all(int, struct tls_file *);

int
tls_file_read(struct tls_file *f, const char *directive,
    const struct conf_str *path, struct err *err)
{
	int fd, r;

	memset(f, 0, sizeof(*f));
	/* O_NONBLOCK: a FIFO must not hang a reload before fstat() tells. */
	fd = open(path->value, O_RDONLY | O_CLOEXEC | O_NOCTTY |
	    O_NONBLOCK);
	if (fd == -1)
		return tls_file_error(err, directive, path, "%s",
		    strerror(errno));
	r = read_open(fd, f, directive, path, err);
	close(fd);
	if (r == -1)
		tls_file_wipe(f);
	return r;
}

static int
read_open(int fd, struct tls_file *f, const char *directive,
    const struct conf_str *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return tls_file_error(err, directive, path, "%s",
		    strerror(errno));
	if (!S_ISREG(st.st_mode))
		return tls_file_error(err, directive, path, "not a regular "
		    "file");
	if (st.st_size > (off_t)FILE_MAX)
		return tls_file_error(err, directive, path,
		    "larger than %u MiB", FILE_MAX >> 20);
	if ((f->data = malloc((size_t)st.st_size + 1)) == NULL)
		return tls_file_error(err, directive, path, "%s",
		    strerror(errno));
	f->len = (size_t)st.st_size;
	if (read_all(fd, f) == -1)
		return tls_file_error(err, directive, path, "%s",
		    strerror(errno));
	return check_rights(&st, strcmp(directive, "keys") == 0 ||
	    tls_file_has_key(f), directive, path, err);
}

bool
tls_file_has_key(const struct tls_file *f)
{
	return memmem(f->data, f->len, KEY_MARK, strlen(KEY_MARK)) != NULL;
}

STACK_OF(X509_INFO) *
tls_file_pem(const struct tls_file *f)
{
	STACK_OF(X509_INFO) *infos;
	BIO *bio;

	ERR_clear_error();
	if ((bio = BIO_new_mem_buf(f->data, (int)f->len)) == NULL)
		return NULL;
	infos = PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return infos;
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
	if (!is_said(fmt, text))
		return;
	tls_file_error(&err, directive, path, "%s", text);
	log_warnx("%s", err.text);
}

void
tls_file_warned(void)
{
	size_t i;

	last_folder[0] = '\0';
	for (i = 0; i < WORDINGS && said[i].fmt != NULL; i++) {
		if (said[i].n > SAID_MAX)
			log_warnx("%lu more like this: %s",
			    said[i].n - SAID_MAX, said[i].example);
		said[i].fmt = NULL;
		said[i].n = 0;
	}
}

/* Whether this one is to be said. */
static bool
is_said(const char *fmt, const char *text)
{
	size_t i;

	for (i = 0; i < WORDINGS; i++) {
		if (said[i].fmt == NULL) {
			said[i].fmt = fmt;
			snprintf(said[i].example, sizeof(said[i].example),
			    "%.*s", (int)sizeof(said[i].example) - 1, text);
		}
		if (said[i].fmt == fmt)
			return ++said[i].n <= SAID_MAX;
	}
	return true;
}

/* A thousand files are seldom in a thousand folders: ask once. */
static void
check_folder(const char *directive, const struct conf_str *path)
{
	const char *slash = strrchr(path->value, '/');
	char folder[PATH_MAX];
	struct stat st;

	if (slash == NULL || (size_t)(slash - path->value) >= PATH_MAX - 1)
		return;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path->value) + 1,
	    path->value);
	if (strcmp(folder, last_folder) == 0)
		return;
	strcpy(last_folder, folder);
	if (stat(folder, &st) == 0 && (st.st_mode & S_IWOTH) != 0 &&
	    (st.st_mode & S_ISVTX) == 0)
		tls_file_warn(directive, path, "others can put another file in "
		    "its place: they can write to the folder (mode %04o)",
		    (unsigned)st.st_mode & 07777);
}

/*
 * Whoever can write a key can be whom we say we are, so it is refused, as
 * sshd(8) does; what others can read is a secret no more. Our own group and
 * root's are not others, and a group that may read was chosen for that.
 */
static int
check_rights(const struct stat *st, bool secret, const char *directive,
    const struct conf_str *path, struct err *err)
{
	bool theirs = st->st_gid != 0 && st->st_gid != getegid();
	unsigned mode = st->st_mode & 07777;

	if ((mode & S_IWOTH) != 0 || ((mode & S_IWGRP) != 0 && theirs)) {
		if (secret)
			return tls_file_error(err, directive, path, "others "
			    "can write to it (mode %04o)", mode);
		tls_file_warn(directive, path, "others can write to it (mode "
		    "%04o)", mode);
	}
	check_folder(directive, path);
	if (secret && (mode & S_IROTH) != 0)
		tls_file_warn(directive, path, "others can read it (mode "
		    "%04o)", mode);
	return 0;
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
