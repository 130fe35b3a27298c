/* SPDX-License-Identifier: ISC */
/*
 * The configuration: what a file says, as plain structs that nobody changes
 * after conf_load(). What can be told from the text alone has been checked, and
 * nobody checks it again: who works with it asserts what he relies on. Whether
 * files can be read and keys match is for tls/ to find out, whether an address
 * can be bound for listen/. Every value that can be wrong later keeps its place
 * in the file.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/log.h"

/* A string and where it stands. value NULL: not given. */
struct conf_str {
	char *value;
	struct loc loc;
};

struct conf_strs {
	struct conf_str *v;
	size_t n;
};

/* A name with several addresses makes several of these. */
struct conf_addr {
	struct addr addr; /* addr_is_unknown(): a name that is not known */
	char *text;   /* as written */
	char *number; /* as addr_format() writes it, for the log */
	bool again;   /* another address of the text before */
	struct loc loc;
};

struct conf_addrs {
	struct conf_addr *v;
	size_t n;
};

enum conf_resumption { /* resumption = … */
	CONF_RESUME_STATEFUL, /* sessions in the shared cache (default) */
	CONF_RESUME_TICKETS,  /* stateless tickets, keys shared by the workers */
	CONF_RESUME_OFF,
};

enum conf_client_cert { /* client_certificate = … */
	CONF_CLIENT_CERT_OFF,
	CONF_CLIENT_CERT_OPTIONAL, /* asked for, may be absent, never invalid */
	CONF_CLIENT_CERT_REQUIRED,
};

enum conf_tls_version { /* the numbers of the protocol, RFC 8446 4.2.1 */
	CONF_TLS1_2 = 0x0303,
	CONF_TLS1_3 = 0x0304,
};

enum conf_service { /* service = … ; one row per service in services.def */
#define X(ID, name, doc) CONF_SERVICE_##ID,
#include "conf/services.def"
#undef X
	CONF_SERVICE_COUNT
};

enum conf_connect { /* connect = …: when the backend is called */
	CONF_CONNECT_HANDSHAKE, /* when the handshake is complete (default) */
	CONF_CONNECT_DATA,	/* … and the client has sent something */
	CONF_CONNECT_HELLO,	/* while the handshake goes on */
};

enum conf_early_mode { /* early_data { mode = … } */
	CONF_EARLY_OFF,	     /* also when there is no such section */
	CONF_EARLY_ACCEPT,   /* for the service as soon as they come */
	CONF_EARLY_POSTPONE, /* … after the client's Finished */
};

/* No session may send more of them. */
#define CONF_EARLY_MAX (1u << 20)

/* early_data { … } */
struct conf_early_data {
	enum conf_early_mode mode;
	size_t maximum;	 /* bytes that a session may send early */
	struct loc loc;	 /* file NULL: there is no such section */
};

/* certificate "title" { … }: a certificate and the policy that goes with it */
struct conf_certificate {
	char *title;
	struct conf_strs names; /* in lower case; empty: the default */
	struct conf_str chain;	/* PEM, leaf first; always given */
	struct conf_str key;	/* PEM; not given: in the chain file too */
	enum conf_client_cert client_certificate;
	/* PEM: CAs that client certificates must have; given if we ask. */
	struct conf_str ca;
	struct conf_str crl; /* PEM: revoked certificates, of leaf and CAs */
	int verify_depth;    /* CAs between the client's and a known one */
	struct conf_early_data early; /* that of the listener if not given */
	struct loc loc;
};

/* listen "name" { … } */
struct conf_listen {
	char *name;
	struct conf_addr *addresses; /* at least one */
	size_t naddresses;
	int backlog;
	int unix_mode; /* file mode of Unix listeners */
	enum conf_service service;
	char *text; /* what reply sends */
	struct conf_addr *backends; /* at least one for a proxy */
	size_t nbackends;
	bool proxy_protocol; /* tell them, in version 2 */
	enum conf_connect connect;
	bool client_cut_reset; /* client_cut = reset | end */
	struct conf_certificate *certificates; /* at least one */
	size_t ncertificates; /* [0] serves whoever names none of the names */
	bool unknown_name_reject; /* unknown_name = reject | default */
	enum conf_resumption resumption;
	enum conf_tls_version minimum_version;
	enum conf_tls_version maximum_version;
	struct conf_str ciphers;      /* TLS 1.2, OpenSSL's syntax */
	struct conf_str ciphersuites; /* TLS 1.3 */
	struct conf_str groups;
	struct conf_strs alpn; /* protocols we speak, the preferred one first */
	struct conf_early_data early;
	int64_t handshake_timeout; /* milliseconds, as all times below */
	int64_t idle_timeout;
	int64_t shutdown_timeout;
	int64_t connect_timeout;
	int64_t backend_retry; /* 0: failures are not remembered */
	int64_t client_keepalive; /* 0: off */
	int64_t backend_keepalive;
	struct loc loc;
};

struct conf {
	struct conf_str user;  /* value never NULL; "" when not given */
	struct conf_str group; /* the same */
	struct conf_str chroot;
	unsigned workers;	     /* auto has become a number */
	bool workers_auto;
	unsigned worker_connections; /* limit of one worker */
	bool reuseport;
	struct conf_str pid_file;
	struct conf_str control_socket;
	int control_mode;
	struct conf_str log; /* auto, stderr, syslog or an absolute path */
	char *syslog_facility;
	enum log_level log_level;
	bool log_connections;
	int64_t drain_timeout;
	size_t cache_size;	/* session_cache { size } in bytes */
	struct loc cache_size_loc;
	int64_t session_timeout; /* session_cache { timeout }, milliseconds */
	int64_t ticket_rotate;	 /* tickets { rotate }, milliseconds */
	struct conf_strs ticket_keys; /* tickets { keys }; empty: made by us */
	struct conf_listen *listens; /* at least one */
	size_t nlistens;
	char **files; /* what the loc.file point to */
	size_t nfiles;
	size_t size; /* of all of them, in bytes */
};

/*
 * Read the file and the `-o` assignments (n of them, each "key=value" or
 * "section.key=value", later ones win over the file). Returns the
 * configuration, or NULL with one line in err:
 *   /etc/tlsherd/tlsherd.conf:12: unknown directive "wokers"; did you mean
 *   "workers"?
 * Relative paths in the file are taken from the file's own folder, those of
 * assignments from the folder of path, and come out absolute, so that a reload
 * works from any working directory. Not reentrant: libConfuse is not.
 */
struct conf *conf_load(const char *path, char *const *overrides, size_t n,
    struct err *);
/* What it is called with, where that is kept for the next time. */
struct conf_origin {
	const char *path; /* absolute */
	char *const *overrides;
	size_t noverrides;
};

void conf_free(struct conf *);

/* Of the library that is loaded, such as "3.3". */
const char *conf_confuse_version(void);

/*
 * The path that a directive of the top level has in a file that conf_load()
 * refuses: absolute, to be freed. NULL when the file cannot be read, does not
 * have it itself (included files are not looked at), or has it empty, with a
 * backslash or with a dollar.
 */
char *conf_peek_path(const char *file, const char *name);

/*
 * Print in full, with defaults, in the syntax of the file (tlsherd -T): what
 * is printed loads as the same configuration.
 */
void conf_print(const struct conf *, FILE *);
/* Are both the same, in print? */
bool conf_same(const struct conf *, const struct conf *);

/* Has a backend whose name was not found one that is found now? */
bool conf_names_found(const struct conf *);
/* Those that are not found are to be asked for again. Is there one? */
bool conf_names_ask(const struct conf *);

/* The name of a service, a resumption mode … as the file writes it. */
const char *conf_service_name(enum conf_service);
const char *conf_resumption_name(enum conf_resumption);

/*
 * Is there what a start would stumble over, for `tlsherd -t`? And is the folder
 * of chroot one? 0, or -1 with the error text.
 */
int conf_check_paths(const struct conf *, struct err *);
int conf_check_chroot(const struct conf *, struct err *);

/* The open files that a worker, and we who hold all sockets, may need. */
size_t conf_files(const struct conf *);
/*
 * How many connections a worker may have at a time, when so many files may be
 * open: worker_connections or less, but never none.
 */
size_t conf_room(const struct conf *, size_t files);

#endif
