/* SPDX-License-Identifier: ISC */
/*
 * Orders: which one a request is, and answers that are a text. Runs in the
 * master; who may give orders is ctl.c's to know.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_int.h"

static const struct {
	const char *name, *text;
} orders[] = {
#define X(ID, order, text, doc) [CTL_ORDER_##ID] = { #order, text },
#include "ctl/orders.def"
#undef X
};

enum ctl_order
ctl_order_named(const char *name)
{
	unsigned i;

	for (i = 0; i < CTL_ORDER_COUNT; i++)
		if (strcmp(orders[i].name, name) == 0)
			break;
	return (enum ctl_order)i;
}

enum ctl_order
ctl_order_find(const char *request, size_t len)
{
	char line[CTL_REQUEST_MAX];
	unsigned i;
	int n;

	for (i = 0; i < CTL_ORDER_COUNT; i++) {
		n = snprintf(line, sizeof(line), "%s %s %s\n",
		    CTL_REQUEST_TAG, orders[i].name, CTL_FORM_PLAIN);
		if ((size_t)n == len && memcmp(request, line, len) == 0)
			break;
	}
	return (enum ctl_order)i;
}

const char *
ctl_order_text(enum ctl_order order)
{
	debug_assert(order < CTL_ORDER_COUNT);
	return orders[order].text;
}

char *
ctl_answer_text(enum ctl_status status, const char *text, size_t *len)
{
	char *answer;
	int n;

	n = asprintf(&answer, "%s %d %zu\n%s", CTL_ANSWER_TAG, (int)status,
	    strlen(text), text);
	if (n == -1)
		return NULL;
	*len = (size_t)n;
	return answer;
}
