/* SPDX-License-Identifier: ISC */
/* Error texts for admins; see err.h. Any process. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"

int
err_set(struct err *err, const struct loc *loc, const char *fmt, ...)
{
	size_t n = 0;
	va_list ap;
	char *p;
	int len;

	err->text[0] = '\0';
	if (loc != NULL && loc->file != NULL) {
		if (loc->line > 0)
			len = snprintf(err->text, sizeof(err->text),
			    "%s:%d: ", loc->file, loc->line);
		else
			len = snprintf(err->text, sizeof(err->text), "%s: ",
			    loc->file);
		n = len < 0 ? 0 : (size_t)len;
		if (n >= sizeof(err->text))
			n = sizeof(err->text) - 1;
	}
	va_start(ap, fmt);
	vsnprintf(err->text + n, sizeof(err->text) - n, fmt, ap);
	va_end(ap);
	for (p = err->text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return -1;
}
