/* SPDX-License-Identifier: ISC */
/*
 * From root to nobody in particular, in a worker before it serves: the only
 * place of chroot(2) and setresuid(2). Whatever fails, the worker must not
 * serve.
 */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_SYS_PRCTL_H
#include <sys/prctl.h>
#endif

#include "priv/priv.h"

static int enter_chroot(const struct priv_word *, struct err *);
static int become(const struct priv_ids *, struct err *);
static int no_way_back(const struct priv_ids *, struct err *);

int
priv_drop(const struct priv_ids *ids, const struct priv_word *root,
    struct err *err)
{
	if (root->text != NULL && enter_chroot(root, err) == -1)
		return -1;
	if (ids->drop &&
	    (become(ids, err) == -1 || no_way_back(ids, err) == -1))
		return -1;
#ifdef HAVE_SYS_PRCTL_H
	/* After setresuid(2), which sets the first one anew. */
	if (prctl(PR_SET_DUMPABLE, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return err_set(err, NULL, "prctl: %s", strerror(errno));
#endif
	return 0;
}

static int
enter_chroot(const struct priv_word *path, struct err *err)
{
	if (chroot(path->text) == -1 || chdir("/") == -1)
		return err_set(err, path->loc, "chroot \"%s\": %s",
		    path->text, strerror(errno));
	return 0;
}

static int
become(const struct priv_ids *ids, struct err *err)
{
	if (setgroups((size_t)ids->ngroups, ids->groups) == -1)
		return err_set(err, NULL, "setgroups for user %s: %s",
		    ids->user, strerror(errno));
	if (setresgid(ids->gid, ids->gid, ids->gid) == -1)
		return err_set(err, NULL, "setresgid(%ld): %s",
		    (long)ids->gid, strerror(errno));
	if (setresuid(ids->uid, ids->uid, ids->uid) == -1)
		return err_set(err, NULL, "setresuid(%ld): %s",
		    (long)ids->uid, strerror(errno));
	return 0;
}

static int
no_way_back(const struct priv_ids *ids, struct err *err)
{
	if (getuid() != ids->uid || geteuid() != ids->uid ||
	    getgid() != ids->gid || getegid() != ids->gid)
		return err_set(err, NULL, "user %s: the ids did not change",
		    ids->user);
	if (ids->uid != 0 && (setuid(0) != -1 || seteuid(0) != -1))
		return err_set(err, NULL, "user %s: could become root again",
		    ids->user);
	if (ids->gid != 0 && (setgid(0) != -1 || setegid(0) != -1))
		return err_set(err, NULL,
		    "user %s: could get root's group again", ids->user);
	return 0;
}
