/* SPDX-License-Identifier: ISC */
/* Texts for the codes. */
#include "config.h"

#include "tlscache.h"

const char *
tlscache_strerror(int code)
{
	switch (code) {
	case TLSCACHE_OK:
		return "no error";
	case TLSCACHE_E_INVAL:
		return "an argument is out of range";
	case TLSCACHE_E_SYSTEM:
		return "a system call failed";
	case TLSCACHE_E_NOMEM:
		return "out of memory";
	case TLSCACHE_E_MISS:
		return "no such entry";
	case TLSCACHE_E_TOOBIG:
		return "the entry is too large";
	case TLSCACHE_E_SPACE:
		return "the buffer is too small";
	case TLSCACHE_E_BUSY:
		return "a stopped process holds the lock";
	case TLSCACHE_E_CLAIMED:
		return "claimed before";
	case TLSCACHE_E_FORMAT:
		return "not a segment of this version of the cache";
	case TLSCACHE_E_OPENSSL:
		return "OpenSSL failed";
	case TLSCACHE_E_RETIRED:
		return "the cache has moved to another one";
	default:
		return "unknown error";
	}
}
