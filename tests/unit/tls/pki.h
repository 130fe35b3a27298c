/* SPDX-License-Identifier: ISC */
/*
 * Certificates, keys and CRLs for the tests, made at run time in a temporary
 * folder: for every row of the table NAME.crt and NAME.key.
 */
#ifndef TEST_TLS_PKI_H
#define TEST_TLS_PKI_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

enum pki_id {
	PKI_CA1,
	PKI_CA2,
	PKI_INTER,  /* a CA by CA1 */
	PKI_INTER2, /* a CA by CA2 */
	PKI_SUB,    /* a CA by INTER */
	PKI_SERVER_A,
	PKI_SERVER_B,
	PKI_SERVER_RSA,
	PKI_SERVER_EXPIRED,
	PKI_SERVER_FUTURE,
	PKI_CLIENT1,	  /* by CA1 */
	PKI_CLIENT2,	  /* by CA2 */
	PKI_CLIENT_INTER, /* by INTER */
	PKI_CLIENT_INTER2,
	PKI_CLIENT_SUB,
	PKI_CLIENT_SHORT, /* by CA1, valid for ten minutes */
	PKI_WEEK,	  /* by CA1, made an hour ago for a week */
	PKI_CLIENT_EXPIRED,
	PKI_CLIENT_SELF,
	PKI_COUNT
};

struct pki {
	X509 *x;
	EVP_PKEY *key;
};

void pki_setup(void);
void pki_cleanup(void);

const struct pki *pki(enum pki_id);
/* NAME.crt, signed by itself, and NAME.key; the key is ours from now on. */
void pki_write_self(const char *name, EVP_PKEY *);
/* n CAs of this key, whose names take `size` bytes each in DER. */
char *pki_write_cas(const char *file, enum pki_id, int n, size_t size);
/* The path of a file in the temporary folder; freed at the end. */
char *pki_path(const char *file);
/* Write a file there and return its path. */
char *pki_write(const char *file, const void *, size_t);
/* A file that holds these files of the folder, one after the other. */
char *pki_join(const char *file, const char *const *parts);
/* The list of ca; revoked: one certificate on it, or -1; ends in seconds. */
char *pki_write_crl(const char *file, enum pki_id ca, int revoked, long ends);
/* The same, signed by another one; with ca's key identifier or without. */
char *pki_write_crl_as(const char *file, enum pki_id ca, enum pki_id signer,
    int revoked, long ends, bool keyid);
/* The certificate as "TRUSTED CERTIFICATE", for this use alone. */
char *pki_write_trusted(const char *file, enum pki_id, int nid);
/* The key of id, encrypted; of a traditional format or PKCS #8. */
char *pki_write_encrypted(const char *file, enum pki_id, int traditional);

#endif
