/* SPDX-License-Identifier: ISC */
/*
 * Where there is no libFuzzer: runs a fuzz target once over every file that
 * is given. What the target finds ends the process, as does an input that
 * takes longer than a minute; the last line names it.
 */
#include "config.h"

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECONDS_MAX 60

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The bytes of a file in memory that ends where they do, to be freed. */
static uint8_t *
slurp(const char *path, size_t *size)
{
	uint8_t *data;
	FILE *fp;
	long end;

	if ((fp = fopen(path, "rb")) == NULL)
		err(2, "%s", path);
	if (fseek(fp, 0, SEEK_END) == -1 || (end = ftell(fp)) == -1 ||
	    fseek(fp, 0, SEEK_SET) == -1)
		err(2, "%s", path);
	*size = (size_t)end;
	/* malloc(0) may be NULL, and so may the data of a fuzzer be. */
	data = malloc(*size);
	if (data == NULL && *size > 0)
		err(2, NULL);
	if (*size > 0 && fread(data, *size, 1, fp) != 1)
		errx(2, "%s: cannot be read", path);
	fclose(fp);
	return data;
}

int
main(int argc, char *argv[])
{
	uint8_t *data;
	size_t size;
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2)
		errx(2, "usage: %s FILE ...", argv[0]);
	for (i = 1; i < argc; i++) {
		data = slurp(argv[i], &size);
		printf("%s: %zu bytes\n", argv[i], size);
		alarm(SECONDS_MAX);
		(void)LLVMFuzzerTestOneInput(data, size);
		alarm(0);
		free(data);
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
