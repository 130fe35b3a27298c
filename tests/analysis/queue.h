/* SPDX-License-Identifier: ISC */
/*
 * For cppcheck, which does not read the system's headers: the macros of
 * <sys/queue.h> that it could not parse otherwise.
 */
#define LIST_HEAD(name, type) struct name { struct type *lh_first; }
#define LIST_ENTRY(type) struct { struct type *le_next, **le_prev; }
#define TAILQ_HEAD(name, type) \
	struct name { struct type *tqh_first, **tqh_last; }
#define TAILQ_ENTRY(type) struct { struct type *tqe_next, **tqe_prev; }
#define TAILQ_FOREACH(var, head, field) \
	for ((var) = (head)->tqh_first; (var) != 0; \
	    (var) = (var)->field.tqe_next)
#define LIST_FOREACH(var, head, field) \
	for ((var) = (head)->lh_first; (var) != 0; \
	    (var) = (var)->field.le_next)
