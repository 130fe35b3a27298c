/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "pki.h"

#define YEAR (365L * 24 * 3600)
/* Check's assertions work inside tests only. */
#define need(x) ((x) ? (void)0 : failed(#x, __LINE__))

static const struct {
	const char *name;
	enum pki_id issuer; /* itself: self-signed */
	int ca;
	long begins, ends; /* seconds from now */
} table[] = {
	[PKI_CA1] = { "ca1", PKI_CA1, 1, -YEAR, YEAR },
	[PKI_CA2] = { "ca2", PKI_CA2, 1, -YEAR, YEAR },
	[PKI_INTER] = { "inter", PKI_CA1, 1, -YEAR, YEAR },
	[PKI_INTER2] = { "inter2", PKI_CA2, 1, -YEAR, YEAR },
	[PKI_SUB] = { "sub", PKI_INTER, 1, -YEAR, YEAR },
	[PKI_SERVER_A] = { "server_a", PKI_CA1, 0, -YEAR, YEAR },
	[PKI_SERVER_B] = { "server_b", PKI_CA1, 0, -YEAR, YEAR },
	[PKI_SERVER_RSA] = { "rsa", PKI_CA1, 0, -YEAR, YEAR },
	[PKI_SERVER_EXPIRED] = { "expired", PKI_CA1, 0, -YEAR, -60 },
	[PKI_SERVER_FUTURE] = { "future", PKI_CA1, 0, 3600, YEAR },
	[PKI_CLIENT1] = { "client1", PKI_CA1, 0, -YEAR, YEAR },
	[PKI_CLIENT2] = { "client2", PKI_CA2, 0, -YEAR, YEAR },
	[PKI_CLIENT_INTER] = { "client_inter", PKI_INTER, 0, -YEAR, YEAR },
	[PKI_CLIENT_INTER2] = { "client_inter2", PKI_INTER2, 0, -YEAR, YEAR },
	[PKI_CLIENT_SUB] = { "client_sub", PKI_SUB, 0, -YEAR, YEAR },
	[PKI_CLIENT_SHORT] = { "client_short", PKI_CA1, 0, -YEAR, 600 },
	[PKI_WEEK] = { "week", PKI_CA1, 0, -3600, 7 * 86400 },
	[PKI_CLIENT_EXPIRED] = { "client_expired", PKI_CA1, 0, -YEAR, -60 },
	[PKI_CLIENT_SELF] = { "client_self", PKI_CLIENT_SELF, 0, -YEAR, YEAR },
};

static struct pki certs[PKI_COUNT];
static char folder[] = "/tmp/test_tls.XXXXXX";
static char *paths[256];
static size_t npaths;

static _Noreturn void
failed(const char *what, int line)
{
	fprintf(stderr, "pki.c:%d: %s\n", line, what);
	abort();
}

static FILE *
create(const char *file)
{
	FILE *fp;

	fp = fopen(pki_path(file), "w");
	need(fp != NULL && fchmod(fileno(fp), 0600) == 0);
	return fp;
}

static void
add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, NULL, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	need(ext != NULL);
	need(X509_add_ext(x, ext, -1));
	X509_EXTENSION_free(ext);
}

static void
make(enum pki_id id)
{
	struct pki *c = &certs[id], *issuer = &certs[table[id].issuer];
	const unsigned char *cn = (const unsigned char *)table[id].name;
	X509_NAME *name;

	c->key = id == PKI_SERVER_RSA ? EVP_RSA_gen(2048) :
	    EVP_EC_gen("P-256");
	c->x = X509_new();
	need(c->key != NULL && c->x != NULL);
	name = X509_get_subject_name(c->x);
	need(X509_set_version(c->x, X509_VERSION_3) &&
	    ASN1_INTEGER_set(X509_get_serialNumber(c->x), 100 + (long)id) &&
	    X509_gmtime_adj(X509_getm_notBefore(c->x), table[id].begins) &&
	    X509_gmtime_adj(X509_getm_notAfter(c->x), table[id].ends) &&
	    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, cn,
		-1, -1, 0) &&
	    X509_set_issuer_name(c->x, X509_get_subject_name(issuer->x)) &&
	    X509_set_pubkey(c->x, c->key));
	add_extension(c->x, NID_basic_constraints,
	    table[id].ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (table[id].ca)
		add_extension(c->x, NID_subject_key_identifier, "hash");
	need(X509_sign(c->x, issuer->key, EVP_sha256()) > 0);
}

static void
write_pem(enum pki_id id)
{
	char file[64];
	FILE *fp;

	snprintf(file, sizeof(file), "%s.crt", table[id].name);
	fp = create(file);
	need(PEM_write_X509(fp, certs[id].x));
	fclose(fp);
	snprintf(file, sizeof(file), "%s.key", table[id].name);
	fp = create(file);
	need(PEM_write_PrivateKey(fp, certs[id].key, NULL, NULL, 0, NULL,
	    NULL));
	fclose(fp);
}

void
pki_setup(void)
{
	int id;

	if (mkdtemp(folder) == NULL) {
		perror(folder);
		exit(EXIT_FAILURE);
	}
	for (id = 0; id < PKI_COUNT; id++) {
		make((enum pki_id)id);
		write_pem((enum pki_id)id);
	}
}

void
pki_cleanup(void)
{
	struct dirent *e;
	DIR *d;
	size_t i;

	if ((d = opendir(folder)) != NULL) {
		while ((e = readdir(d)) != NULL)
			if (unlinkat(dirfd(d), e->d_name, 0) == -1)
				unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
		closedir(d);
	}
	rmdir(folder);
	for (i = 0; i < PKI_COUNT; i++) {
		X509_free(certs[i].x);
		EVP_PKEY_free(certs[i].key);
	}
	for (i = 0; i < npaths; i++)
		free(paths[i]);
}

const struct pki *
pki(enum pki_id id)
{
	return &certs[id];
}

char *
pki_path(const char *file)
{
	char path[PATH_MAX];
	size_t i;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	for (i = 0; i < npaths; i++)
		if (strcmp(paths[i], path) == 0)
			return paths[i];
	need(npaths < sizeof(paths) / sizeof(paths[0]));
	paths[npaths] = strdup(path);
	need(paths[npaths] != NULL);
	return paths[npaths++];
}

char *
pki_write(const char *file, const void *bytes, size_t len)
{
	FILE *fp;

	fp = create(file);
	need(fwrite(bytes, 1, len, fp) == len);
	need(fclose(fp) == 0);
	return pki_path(file);
}

char *
pki_join(const char *file, const char *const *parts)
{
	FILE *in, *out;
	int c;

	out = create(file);
	for (; *parts != NULL; parts++) {
		in = fopen(pki_path(*parts), "r");
		need(in != NULL);
		while ((c = getc(in)) != EOF)
			putc(c, out);
		fclose(in);
	}
	need(fclose(out) == 0);
	return pki_path(file);
}

char *
pki_write_crl(const char *file, enum pki_id ca, int revoked, long ends)
{
	return pki_write_crl_as(file, ca, ca, revoked, ends, false);
}

static void
add_keyid(X509_CRL *crl, X509 *issuer)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier,
	    "keyid:always");
	need(ext != NULL);
	need(X509_CRL_add_ext(crl, ext, -1));
	X509_EXTENSION_free(ext);
}

char *
pki_write_crl_as(const char *file, enum pki_id ca, enum pki_id signer,
    int revoked, long ends, bool keyid)
{
	X509_REVOKED *r;
	X509_CRL *crl;
	ASN1_TIME *t;
	FILE *fp;

	crl = X509_CRL_new();
	t = X509_gmtime_adj(NULL, -YEAR);
	need(crl != NULL && t != NULL);
	need(X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
	    X509_CRL_set_issuer_name(crl,
		X509_get_subject_name(certs[ca].x)) &&
	    X509_CRL_set1_lastUpdate(crl, t));
	if (revoked != -1) {
		r = X509_REVOKED_new();
		need(r != NULL);
		need(X509_REVOKED_set_serialNumber(r,
			      X509_get_serialNumber(certs[revoked].x)) &&
		    X509_REVOKED_set_revocationDate(r, t) &&
		    X509_CRL_add0_revoked(crl, r));
	}
	need(X509_gmtime_adj(t, ends) != NULL);
	need(X509_CRL_set1_nextUpdate(crl, t));
	if (keyid)
		add_keyid(crl, certs[ca].x);
	need(X509_CRL_sign(crl, certs[signer].key, EVP_sha256()) > 0);
	fp = create(file);
	need(PEM_write_X509_CRL(fp, crl));
	fclose(fp);
	ASN1_TIME_free(t);
	X509_CRL_free(crl);
	return pki_path(file);
}

static X509 *
self_signed(const char *cn, EVP_PKEY *key)
{
	X509_NAME *name;
	X509 *x;
	int id;

	x = X509_new();
	need(x != NULL);
	name = X509_get_subject_name(x);
	need(X509_set_version(x, X509_VERSION_3) &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -YEAR) &&
	    X509_gmtime_adj(X509_getm_notAfter(x), YEAR) &&
	    X509_NAME_add_entry_by_NID(name, NID_organizationName,
		MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0) &&
	    X509_set_issuer_name(x, name) && X509_set_pubkey(x, key));
	id = EVP_PKEY_get_base_id(key);
	need(X509_sign(x, key, id == EVP_PKEY_ED25519 ? NULL : EVP_sha256()) >
	    0);
	return x;
}

void
pki_write_self(const char *name, EVP_PKEY *key)
{
	char file[64];
	FILE *fp;
	X509 *x;

	need(key != NULL);
	x = self_signed(name, key);
	snprintf(file, sizeof(file), "%s.crt", name);
	fp = create(file);
	need(PEM_write_X509(fp, x));
	fclose(fp);
	snprintf(file, sizeof(file), "%s.key", name);
	fp = create(file);
	need(PEM_write_PrivateKey(fp, key, NULL, NULL, 0, NULL, NULL));
	fclose(fp);
	X509_free(x);
	EVP_PKEY_free(key);
}

char *
pki_write_cas(const char *file, enum pki_id id, int n, size_t size)
{
	char text[64];
	FILE *fp;
	X509 *x;
	int i;

	fp = create(file);
	for (i = 0; i < n; i++) {
		/* 13 bytes of DER around it */
		need(size > 13 && size - 13 < sizeof(text));
		snprintf(text, sizeof(text), "%0*d", (int)size - 13, i);
		x = self_signed(text, certs[id].key);
		need(i2d_X509_NAME(X509_get_subject_name(x), NULL) ==
		    (int)size);
		need(PEM_write_X509(fp, x));
		X509_free(x);
	}
	need(fclose(fp) == 0);
	return pki_path(file);
}

char *
pki_write_trusted(const char *file, enum pki_id id, int nid)
{
	FILE *fp;
	X509 *x;

	x = X509_dup(certs[id].x);
	need(x != NULL && X509_add1_trust_object(x, OBJ_nid2obj(nid)));
	fp = create(file);
	need(PEM_write_X509_AUX(fp, x));
	fclose(fp);
	X509_free(x);
	return pki_path(file);
}

char *
pki_write_encrypted(const char *file, enum pki_id id, int traditional)
{
	unsigned char secret[] = "secret";
	BIO *bio;

	bio = BIO_new_file(pki_path(file), "w");
	need(bio != NULL);
	if (traditional)
		need(PEM_write_bio_PrivateKey_traditional(bio,
		    certs[id].key, EVP_aes_128_cbc(), secret, 6, NULL, NULL));
	else
		need(PEM_write_bio_PKCS8PrivateKey(bio, certs[id].key,
		    EVP_aes_128_cbc(), (char *)secret, 6, NULL, NULL));
	BIO_free(bio);
	return pki_path(file);
}
