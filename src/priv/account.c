/* SPDX-License-Identifier: ISC */
/* Whom the workers become, as it was looked up. Master. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "priv/lookup.h"

void
priv_account_set(struct priv_account *a, const struct priv_word *user,
    const struct priv_word *group)
{
	if (a->user.text != NULL && (strcmp(a->user.text, user->text) != 0 ||
	    strcmp(a->group.text, group->text) != 0)) {
		a->known = false;
		a->ids.ngroups = 0;
		a->error[0] = '\0';
	}
	a->user = *user;
	a->group = *group;
}

int
priv_account_take(struct priv_account *a, struct err *err)
{
	const char *user = a->user.text, *group = a->group.text;
	struct priv_ids *ids = &a->ids;

	if (a->error[0] != '\0')
		return err_set(err, NULL, "%s", a->error);
	ids->drop = geteuid() == 0;
	ids->user = user[0] == '\0' && ids->drop ? DAEMON_USER : user;
	if (!ids->drop && user[0] != '\0' && ids->uid != geteuid())
		log_warnx("user = \"%s\" is not followed: only root can "
		    "change to another user", user);
	if (ids->drop && ids->uid == 0)
		log_warnx("user = \"%s\": the workers run as root",
		    ids->user);
	if (!ids->drop && group[0] != '\0' && ids->gid != getegid())
		log_warnx("group = \"%s\" is not followed: only root can "
		    "change to another group", group);
	return 0;
}

void
priv_account_release(struct priv_account *a)
{
	free(a->ids.groups);
}
