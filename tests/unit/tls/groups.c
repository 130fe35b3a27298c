/* SPDX-License-Identifier: ISC */
/* Whose order of groups counts, and who gets finite fields. */
#include "config.h"

#include <string.h>

#include "site.h"
#include "talk.h"
#include "test_tls.h"

static char ours[] = "P-384:X25519:P-256", other[] = "P-256:P-384:X25519",
    p384[] = "P-384", aliases[] = "secp384r1:x25519:prime256v1",
    with_field[] = "X25519:ffdhe2048";

/*
 * What OpenSSL's client prefers stands first; only of that it sends a share.
 * TLS 1.3 uses the one that it got, and asks for ours where it has none of use.
 */
static const struct {
	char *groups;
	const char *client;
	const char *tls12, *tls13; /* NULL: no handshake */
} rows[] = {
	{ ours, "P-256:X25519:P-384", "secp384r1", "secp256r1" },
	{ ours, "P-256:X25519", "x25519", "secp256r1" },
	{ ours, "P-384:P-256", "secp384r1", "secp384r1" },
	{ ours, "P-521:P-256:P-384", "secp384r1", "secp384r1" },
	{ ours, "P-521:P-256:X25519", "x25519", "x25519" },
	{ p384, "P-256:P-521", NULL, NULL },
	{ other, "X25519:P-256:P-384", "secp256r1", "x25519" },
	{ other, "P-384:P-256", "secp256r1", "secp384r1" },
	{ aliases, "P-256:X25519:P-384", "secp384r1", "secp256r1" },
	{ p384, "P-256:P-384", "secp384r1", "secp384r1" },
	{ NULL, "P-256:X25519", "secp256r1", "secp256r1" },
};

static void
check(struct tls_front *front, int version, const char *client,
    const char *group)
{
	struct talk_how how = { .version = version, .groups = client,
		.sni = "b.test" };
	struct talk *t;

	t = talk_new(front, &how);
	ck_assert_int_eq(t->ok, group != NULL);
	if (group != NULL)
		ck_assert_str_eq(tls_group(t->server), group);
	talk_free(t);
}

START_TEST(test_order)
{
	static char title[] = "b", name[] = "b.test";
	struct tls_front *front;
	struct site site;

	site_init(&site);
	site_add(&site, title, name);
	site.listen.groups.value = rows[_i].groups;
	front = site_front(&site);
	check(front, TLS1_2_VERSION, rows[_i].client, rows[_i].tls12);
	check(front, TLS1_3_VERSION, rows[_i].client, rows[_i].tls13);
	tls_front_free(front);
}
END_TEST

/* A client of both versions, and a listener of the older one only. */
START_TEST(test_older)
{
	struct talk_how how = { .groups = "P-256:X25519:P-384",
		.minimum = TLS1_2_VERSION };
	struct tls_front *front;
	struct site site;
	struct talk *t;

	site_init(&site);
	site.listen.groups.value = ours;
	site.listen.maximum_version = TLS1_2_VERSION;
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert_str_eq(tls_group(t->server), "secp384r1");
	talk_free(t);
	tls_front_free(front);
}
END_TEST

/* What the client prefers, and its share, becomes a value to be ignored. */
static void
grease(unsigned char *bytes, size_t len, int value)
{
	static const unsigned char from[2] = { 0, 25 }; /* P-521 */
	const unsigned char to[2] = { (unsigned char)value,
		(unsigned char)value };
	size_t i;

	for (i = 0; i + 8 <= len; i++)
		if (bytes[i] == 0 && (bytes[i + 1] == 10 ||
			bytes[i + 1] == 51) &&
		    memcmp(bytes + i + 6, from, 2) == 0)
			memcpy(bytes + i + 6, to, 2);
}

/*
 * Browsers put such a value first. Where ours is what they prefer otherwise,
 * there is nothing to be done: both sides keep the two that they share. (The
 * client notices what was done to its words.)
 */
static const struct {
	int version, value, shared;
} greasy[] = {
	{ TLS1_2_VERSION, 0x1a, 2 },
	{ TLS1_3_VERSION, 0x1a, 2 },
	{ TLS1_3_VERSION, 0xfa, 2 },
	{ TLS1_3_VERSION, 0x1b, 1 },
};

START_TEST(test_grease)
{
	static char preferred[] = "X25519:P-256";
	struct talk_how how = { .version = greasy[_i].version,
		.groups = "P-521:X25519:P-256", .spoil = grease,
		.arg = greasy[_i].value };
	struct tls_front *front;
	struct site site;
	struct talk *t;

	site_init(&site);
	site.listen.groups.value = preferred;
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(!t->ok);
	ck_assert_int_eq(SSL_get_shared_group(t->server, -1),
	    greasy[_i].shared);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

/*
 * A group that TLS 1.2 cannot use, or that the security level forbids, is no
 * choice: not even when the client offers it, and prefers it to others.
 */
static char field_first[] = "ffdhe2048:X25519", weak_first[] = "P-192:X25519",
    only_gcm[] = "ECDHE-ECDSA-AES128-GCM-SHA256";

static const struct {
	char *groups;
	const char *client, *ciphers;
} useless[] = {
	{ field_first, "P-256:ffdhe2048:X25519",
	    "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ weak_first, "P-256:P-192:X25519",
	    "ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0" },
};

START_TEST(test_useless)
{
	struct talk_how how = { .minimum = TLS1_2_VERSION,
		.groups = useless[_i].client, .ciphers = useless[_i].ciphers };
	struct tls_front *front;
	struct site site;
	struct talk *t;

	site_init(&site);
	site.listen.groups.value = useless[_i].groups;
	site.listen.ciphers.value = only_gcm;
	site.listen.maximum_version = TLS1_2_VERSION;
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert_str_eq(tls_group(t->server), "x25519");
	talk_free(t);
	tls_front_free(front);
}
END_TEST

static char high[] = "HIGH", not_dhe[] = "HIGH:!DHE",
    dhe[] = "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256",
    kdhe[] = "kDHE", edh[] = "EECDH:EDH", ecdhe[] = "ECDHE";

static const struct {
	char *ciphers, *groups;
	bool dhe, ffdhe; /* is there DHE in TLS 1.2, in TLS 1.3? */
} fields[] = {
	{ NULL, NULL, false, false },
	{ high, NULL, false, false },
	{ not_dhe, NULL, false, false },
	{ ecdhe, NULL, false, false },
	{ dhe, NULL, true, false },
	{ kdhe, NULL, true, false },
	{ edh, NULL, true, false },
	{ NULL, with_field, true, true },
	{ NULL, ours, false, false },
};

START_TEST(test_fields)
{
	struct talk_how how = { .version = TLS1_2_VERSION,
		.ciphers = "DHE-RSA-AES128-GCM-SHA256:"
		    "DHE-RSA-AES256-GCM-SHA384" };
	struct tls_front *front;
	struct site site;
	struct talk *t;

	site_init(&site);
	site.certs[0].chain.value = pki_path("rsa.crt");
	site.certs[0].key.value = pki_path("rsa.key");
	site.listen.ciphers.value = fields[_i].ciphers;
	site.listen.groups.value = fields[_i].groups;
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert_int_eq(t->ok, fields[_i].dhe);
	talk_free(t);
	how.version = TLS1_3_VERSION;
	how.groups = "ffdhe2048";
	t = talk_new(front, &how);
	ck_assert_int_eq(t->ok, fields[_i].ffdhe);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

/* Without a list there is all that OpenSSL has by itself, but for fields. */
START_TEST(test_default)
{
	static const char *const groups[] = { "X25519", "P-256", "P-384",
		"P-521", "X448",
#if OPENSSL_VERSION_NUMBER >= 0x30500000L
		"X25519MLKEM768",
#endif
	};
	struct talk_how how = { .version = TLS1_3_VERSION };
	struct tls_front *front;
	struct site site;
	struct talk *t;
	int i;

	site_init(&site);
	front = site_front(&site);
	for (i = 0; i < COUNT(groups); i++) {
		how.groups = groups[i];
		t = talk_new(front, &how);
		ck_assert_msg(t->ok, "%s: %s", groups[i], t->error);
		talk_free(t);
	}
	tls_front_free(front);
}
END_TEST

Suite *
groups_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("groups");
	tc = tcase_create("groups");
	tcase_add_checked_fixture(tc, shared_setup, shared_teardown);
	tcase_add_loop_test(tc, test_order, 0, COUNT(rows));
	tcase_add_loop_test(tc, test_grease, 0, COUNT(greasy));
	tcase_add_test(tc, test_older);
	tcase_add_loop_test(tc, test_useless, 0, COUNT(useless));
	tcase_add_loop_test(tc, test_fields, 0, COUNT(fields));
	tcase_add_test(tc, test_default);
	suite_add_tcase(s, tc);
	return s;
}
