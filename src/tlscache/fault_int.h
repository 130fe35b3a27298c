/* SPDX-License-Identifier: ISC */
/*
 * Marked points at which the tests kill or stop the process (-DTLSC_FAULTS).
 * In the library that is installed they are nothing.
 */
#ifndef TLSC_FAULT_INT_H
#define TLSC_FAULT_INT_H

enum tlsc_fault {
#define X(NAME, holds, writing, what) TLSC_FAULT_##NAME,
#include "fault.def"
#undef X
	TLSC_FAULTS_COUNT
};

#ifdef TLSC_FAULTS
/* Called at every point; the test program brings it. */
void tlsc_fault(enum tlsc_fault);
#define TLSC_FAULT(NAME) tlsc_fault(TLSC_FAULT_##NAME)
#else
#define TLSC_FAULT(NAME) ((void)0)
#endif

#endif
