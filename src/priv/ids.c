/* SPDX-License-Identifier: ISC */
/* Users and groups: from the words of the configuration to numbers. */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "priv/priv.h"

static int look_up_group(struct priv_ids *, const struct priv_word *,
    struct err *);
static int look_up_groups(struct priv_ids *, const char *, struct err *);
static bool number_parse(const char *, unsigned *);

int
priv_ids_look_up(struct priv_ids *ids, const struct priv_word *user,
    const struct priv_word *group, struct err *err)
{
	const struct passwd *pw;
	unsigned number;

	ids->drop = geteuid() == 0;
	ids->user = user->text;
	if (user->text[0] == '\0') {
		if (!ids->drop)
			return look_up_group(ids, group, err);
		ids->user = DAEMON_USER;
	}
	pw = getpwnam(ids->user);
	if (pw == NULL && number_parse(ids->user, &number))
		pw = getpwuid(number);
	if (pw == NULL)
		return err_set(err, user->loc, "user \"%s\" does not exist",
		    ids->user);
	ids->uid = pw->pw_uid;
	ids->gid = pw->pw_gid;
	if (look_up_group(ids, group, err) == -1)
		return -1;
	return ids->drop ? look_up_groups(ids, pw->pw_name, err) : 0;
}

static int
look_up_group(struct priv_ids *ids, const struct priv_word *group,
    struct err *err)
{
	const struct group *gr;
	unsigned number;

	if (group->text[0] == '\0')
		return 0;
	gr = getgrnam(group->text);
	if (gr == NULL && number_parse(group->text, &number))
		gr = getgrgid(number);
	if (gr == NULL)
		return err_set(err, group->loc,
		    "group \"%s\" does not exist", group->text);
	ids->gid = gr->gr_gid;
	return 0;
}

static int
look_up_groups(struct priv_ids *ids, const char *name, struct err *err)
{
	int n = 16;

	for (;;) {
		ids->ngroups = n;
		ids->groups = xreallocarray(ids->groups, (size_t)n,
		    sizeof(*ids->groups));
		if (getgrouplist(name, ids->gid, ids->groups,
		    &ids->ngroups) != -1)
			return 0;
		if (n >= 65536)
			return err_set(err, NULL, "user \"%s\" is in too "
			    "many groups", ids->user);
		n *= 2;
	}
}

/* Only digits; what does not fit is no number of anybody. */
static bool
number_parse(const char *text, unsigned *number)
{
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || n > UINT_MAX)
		return false;
	*number = (unsigned)n;
	return true;
}
