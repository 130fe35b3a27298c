# SPDX-License-Identifier: ISC
# What configure.ac asks for, one macro per question.

# TLSHERD_ADD_CFLAG(VARIABLE, FLAG): append FLAG if the compiler knows it.
AC_DEFUN([TLSHERD_ADD_CFLAG], [
	AS_VAR_PUSHDEF([cache], [tlsherd_cv_cflag_$2])
	AC_CACHE_CHECK([whether $CC accepts $2], [cache], [
		save_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS -Werror $2"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
		    [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
		CFLAGS=$save_CFLAGS
	])
	AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
	AS_VAR_POPDEF([cache])
])

# TLSHERD_ADD_LDFLAG(VARIABLE, FLAG): the same for the linker.
AC_DEFUN([TLSHERD_ADD_LDFLAG], [
	AS_VAR_PUSHDEF([cache], [tlsherd_cv_ldflag_$2])
	AC_CACHE_CHECK([whether the linker accepts $2], [cache], [
		save_LDFLAGS=$LDFLAGS
		LDFLAGS="$LDFLAGS $2"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
		    [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
		LDFLAGS=$save_LDFLAGS
	])
	AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
	AS_VAR_POPDEF([cache])
])

# TLSHERD_NEED_PKG(NAME, MODULES, DEBIAN-PACKAGE): stop with the package's
# name when a library is missing.
AC_DEFUN([TLSHERD_NEED_PKG], [
	PKG_CHECK_MODULES([$1], [$2], [], [
		AC_MSG_ERROR([$2 not found: $$1[]_PKG_ERRORS
    On Debian: apt-get install $3])
	])
])

AC_DEFUN([TLSHERD_ARG_WERROR], [
	AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror],
	    [treat compiler warnings as errors])], [], [enable_werror=no])
])

# The one place that decides whether debug_assert() is on; STYLE has its use.
# As config.h has it, each source has the same, the library's included. Off, the
# expression is compiled all the same, and never evaluated.
AC_DEFUN([TLSHERD_ARG_DEBUG], [
	AC_ARG_ENABLE([debug], [AS_HELP_STRING([--enable-debug],
	    [assertions at the borders of objects; --enable-werror has them])],
	    [], [enable_debug=$enable_werror])
	AS_IF([test "x$enable_debug" != xno], [
		enable_debug=yes
		AC_DEFINE([TLSHERD_DEBUG], [1], [debug_assert() is on])
	])
	AH_BOTTOM([#ifdef TLSHERD_DEBUG
#include <assert.h>
#define debug_assert(e) assert(e)
#else
#define debug_assert(e) ((void)(0 && (e)))
#endif])
])

AC_DEFUN([TLSHERD_ARG_SANITIZERS], [
	AC_ARG_ENABLE([sanitizers], [AS_HELP_STRING(
	    [--enable-sanitizers=LIST],
	    [build with sanitizers, such as address,undefined])],
	    [], [enable_sanitizers=no])
	AS_IF([test "x$enable_sanitizers" = xyes],
	    [enable_sanitizers=address,undefined])
])

AC_DEFUN([TLSHERD_ARG_FUZZING], [
	AC_ARG_ENABLE([fuzzing], [AS_HELP_STRING([--enable-fuzzing],
	    [build the fuzz targets with libFuzzer (needs clang)])],
	    [], [enable_fuzzing=no])
	AM_CONDITIONAL([FUZZING], [test "x$enable_fuzzing" = xyes])
	AS_IF([test "x$enable_fuzzing" = xyes], [
		AC_MSG_CHECKING([for libFuzzer])
		save_LDFLAGS=$LDFLAGS
		FUZZ_LDFLAGS=-fsanitize=fuzzer
		LDFLAGS="$LDFLAGS $FUZZ_LDFLAGS"
		AC_LINK_IFELSE([AC_LANG_SOURCE([[
			int LLVMFuzzerTestOneInput(const char *, unsigned long);
			int LLVMFuzzerTestOneInput(const char *p,
			    unsigned long n) { return !p && n; }]])],
		    [AC_MSG_RESULT([yes])], [
			AC_MSG_RESULT([no])
			AC_MSG_ERROR([--enable-fuzzing needs clang and libFuzzer
    On Debian: apt-get install clang libclang-rt-14-dev
    ./configure CC=clang --enable-fuzzing])
		])
		LDFLAGS=$save_LDFLAGS
	])
	AC_SUBST([FUZZ_LDFLAGS])
])

AC_DEFUN([TLSHERD_ARG_COVERAGE], [
	AC_ARG_ENABLE([coverage], [AS_HELP_STRING([--enable-coverage],
	    [build for gcov])], [], [enable_coverage=no])
])

AC_DEFUN([TLSHERD_ARG_HARDENING], [
	AC_ARG_ENABLE([hardening], [AS_HELP_STRING([--disable-hardening],
	    [leave the hardening flags out])], [], [enable_hardening=yes])
])

# The fault hook kills a process at marked points of the cache's code: tests
# build it, an installed library must not have it.
AC_DEFUN([TLSHERD_ARG_FAULTS], [
	AC_ARG_ENABLE([faults], [AS_HELP_STRING([--disable-faults],
	    [do not build the fault-injection tests])],
	    [], [enable_faults=yes])
	AM_CONDITIONAL([FAULTS], [test "x$enable_faults" = xyes])
])

AC_DEFUN([TLSHERD_ARG_DAEMON_USER], [
	AC_ARG_WITH([user], [AS_HELP_STRING([--with-user=NAME],
	    [user that the workers run as when the master is root
	    @<:@nobody@:>@])], [], [with_user=nobody])
	AC_DEFINE_UNQUOTED([DAEMON_USER], ["$with_user"],
	    [user of the workers when the configuration names none])
	AC_SUBST([DAEMON_USER], [$with_user])
])

# The calls without _ex are deprecated since 3.4, and some end in 2038.
AC_DEFUN([TLSHERD_SESSION_TIME], [
	save_LIBS=$LIBS
	LIBS="$OPENSSL_LIBS $LIBS"
	AC_CHECK_FUNC([SSL_SESSION_set_time_ex], [], [
		AC_DEFINE([SSL_SESSION_get_time_ex(s)],
		    [((time_t)SSL_SESSION_get_time(s))],
		    [for OpenSSL before 3.3])
		AC_DEFINE([SSL_SESSION_set_time_ex(s, t)],
		    [SSL_SESSION_set_time(s, (long)(t))],
		    [for OpenSSL before 3.3])
	])
	LIBS=$save_LIBS
])

# OpenSSL allocates some 700 times in a handshake.
AC_DEFUN([TLSHERD_WANT_TCMALLOC], [
	AC_ARG_WITH([tcmalloc], [AS_HELP_STRING([--without-tcmalloc],
	    [leave memory to the C library])], [],
	    [AS_IF([test "x$enable_sanitizers" = xno &&
		test "x$enable_fuzzing" = xno],
		[with_tcmalloc=auto], [with_tcmalloc=no])])
	AS_IF([test "x$with_tcmalloc" != xno], [
		PKG_CHECK_MODULES([TCMALLOC], [libtcmalloc_minimal],
		    [with_tcmalloc=yes], [
			AS_IF([test "x$with_tcmalloc" = xyes], [AC_MSG_ERROR(
			    [libtcmalloc_minimal not found: $TCMALLOC_PKG_ERRORS
    On Debian: apt-get install libgoogle-perftools-dev])])
			with_tcmalloc=no
		])
	])
])

AC_DEFUN([TLSHERD_WANT_CHECK], [
	PKG_CHECK_MODULES([CHECK], [check >= 0.11], [have_check=yes],
	    [have_check=no])
	AM_CONDITIONAL([HAVE_CHECK], [test "x$have_check" = xyes])
])

# pytest runs with the interpreter that has it, which may not be the first
# python3 of PATH.
AC_DEFUN([TLSHERD_WANT_PYTEST], [
	AC_CACHE_CHECK([for a python3 with pytest], [tlsherd_cv_pytest], [
		tlsherd_cv_pytest=no
		for python in "${PYTHON:-python3}" /usr/bin/python3; do
			"$python" -c 'import pytest' >/dev/null 2>&1 || continue
			tlsherd_cv_pytest=$python
			break
		done
	])
	AC_SUBST([PYTHON], [$tlsherd_cv_pytest])
	AM_CONDITIONAL([HAVE_PYTEST], [test "x$tlsherd_cv_pytest" != xno])
])

AC_DEFUN([TLSHERD_FLAGS], [
	for flag in -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual \
	    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	    -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough \
	    -Wno-unused-parameter; do
		TLSHERD_ADD_CFLAG([WARN_CFLAGS], [$flag])
	done
	AS_IF([test "x$enable_werror" = xyes],
	    [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
	TLSHERD_ADD_CFLAG([WARN_CFLAGS], [-fvisibility=hidden])

	AS_IF([test "x$enable_hardening" = xyes], [
		AS_IF([test "x$enable_sanitizers" = xno &&
		    test "x$enable_coverage" = xno],
		    [HARDEN_CPPFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
		for flag in -fstack-protector-strong -fstack-clash-protection \
		    -fcf-protection; do
			TLSHERD_ADD_CFLAG([HARDEN_CFLAGS], [$flag])
		done
		for flag in -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack; do
			TLSHERD_ADD_LDFLAG([HARDEN_LDFLAGS], [$flag])
		done
	])
	AS_IF([test "x$enable_sanitizers" != xno], [
		san="-fsanitize=$enable_sanitizers -fno-sanitize-recover=all"
		HARDEN_CFLAGS="$HARDEN_CFLAGS $san -fno-omit-frame-pointer"
		HARDEN_LDFLAGS="$HARDEN_LDFLAGS $san"
	])
	AS_IF([test "x$enable_fuzzing" = xyes], [
		HARDEN_CFLAGS="$HARDEN_CFLAGS -fsanitize=fuzzer-no-link"
		HARDEN_LDFLAGS="$HARDEN_LDFLAGS -fsanitize=fuzzer-no-link"
	])
	AS_IF([test "x$enable_coverage" = xyes], [
		HARDEN_CFLAGS="$HARDEN_CFLAGS --coverage"
		HARDEN_LDFLAGS="$HARDEN_LDFLAGS --coverage"
	])
	AM_CONDITIONAL([SANITIZERS], [test "x$enable_sanitizers" != xno])
	AC_SUBST([WARN_CFLAGS])
	AC_SUBST([HARDEN_CPPFLAGS])
	AC_SUBST([HARDEN_CFLAGS])
	AC_SUBST([HARDEN_LDFLAGS])
])

AC_DEFUN([TLSHERD_SUMMARY], [
	AC_MSG_NOTICE([
  tlsherd $PACKAGE_VERSION
    compiler         $CC $CFLAGS
    OpenSSL          $($PKG_CONFIG --modversion libssl)
    libevent         $($PKG_CONFIG --modversion libevent_core)
    libConfuse       $($PKG_CONFIG --modversion libconfuse)
    tcmalloc         $with_tcmalloc
    worker user      $with_user
    hardening        $enable_hardening
    -Werror          $enable_werror
    debug_assert()   $enable_debug
    sanitizers       $enable_sanitizers
    fuzz targets     $enable_fuzzing
    coverage         $enable_coverage
    unit tests       $have_check (Check)
    system tests     $tlsherd_cv_pytest (pytest)
	])
])
