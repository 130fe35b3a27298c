/* SPDX-License-Identifier: ISC */
/* The suites of test_tlscache. */
#ifndef TEST_TLSCACHE_H
#define TEST_TLSCACHE_H

#include <check.h>

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

/* The address sanitizer makes mlock() a function that does nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define NO_MLOCK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NO_MLOCK 1
#endif
#endif
#ifndef NO_MLOCK
#define NO_MLOCK 0
#endif

Suite *hash_suite(void);
Suite *segment_suite(void);
Suite *store_suite(void);
Suite *move_suite(void);
Suite *cache_suite(void);
Suite *damage_suite(void);
Suite *small_suite(void);

/* What this program does when a test executes it with a descriptor. */
int cache_adopter(int fd);

#endif
