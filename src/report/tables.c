/* SPDX-License-Identifier: ISC */
/*
 * The reports that are one table: processes, certificates; and the
 * configuration, which is a text. Runs in the master, when somebody asks.
 */
#include "config.h"

#include "base/usage.h"
#include "report/form.h"
#include "report/report_int.h"

static void put_process(struct form *, const struct ctl_worker *);

int
report_workers(FILE *out, enum report_form form, const struct ctl_view *v)
{
	struct form f;
	size_t i;

	form_begin(&f, out, form);
	form_table_begin(&f, "workers");
#define PROCESS(key, KIND, width, heading, ...) \
	form_heading(&f, width, heading);
#include "report/fields.def"
	for (i = 0; i < v->nworkers; i++)
		if (v->workers[i].pid != 0)
			put_process(&f, &v->workers[i]);
	form_table_end(&f);
	return form_end(&f);
}

static void
put_process(struct form *f, const struct ctl_worker *w)
{
	struct usage usage, *u = &usage;

	usage_of(w->pid, u);
	form_row_begin(f);
#define PROCESS(key, KIND, width, heading, ...) \
	form_cell(f, #key, width, KIND(__VA_ARGS__));
#include "report/fields.def"
	form_row_end(f);
}

int
report_certificates(FILE *out, enum report_form form, const struct ctl_view *v)
{
	struct ctl_certificate cert, *c = &cert;
	struct form f;
	size_t i;

	form_begin(&f, out, form);
	form_table_begin(&f, "certificates");
#define CERTIFICATE(key, KIND, width, heading, ...) \
	form_heading(&f, width, heading);
#include "report/fields.def"
	for (i = 0; view_certificate(v, i, c); i++) {
		form_row_begin(&f);
#define CERTIFICATE(key, KIND, width, heading, ...) \
	form_cell(&f, #key, width, KIND(__VA_ARGS__));
#include "report/fields.def"
		form_row_end(&f);
	}
	form_table_end(&f);
	return form_end(&f);
}

int
report_config(FILE *out, enum report_form form, const struct ctl_view *v)
{
	if (v->config != NULL)
		v->config(v->arg, out);
	return fflush(out) != 0 || ferror(out) ? -1 : 0;
}
