/* SPDX-License-Identifier: ISC */
/*
 * The control socket as a file: its mode, and what was there before. Runs in
 * the master.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/ctl_int.h"

static int socket_clear(const struct sockaddr_un *, const struct loc *,
    struct err *);

int
ctl_socket(const struct ctl_options *opts, struct err *err)
{
	struct sockaddr_un sun;
	const struct sockaddr *sa = (const struct sockaddr *)&sun;
	int fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlen(opts->path) >= sizeof(sun.sun_path))
		return err_set(err, opts->loc,
		    "control_socket: %s is longer than %zu bytes", opts->path,
		    sizeof(sun.sun_path) - 1);
	memcpy(sun.sun_path, opts->path, strlen(opts->path));

	if ((fd = fd_socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return err_set(err, opts->loc, "control_socket: socket: %s",
		    strerror(errno));
	if (fd_bind_unix(fd, sa, sizeof(sun), opts->mode) == -1) {
		if (errno != EADDRINUSE)
			goto fail;
		if (socket_clear(&sun, opts->loc, err) == -1) {
			close(fd);
			return -1;
		}
		if (fd_bind_unix(fd, sa, sizeof(sun), opts->mode) == -1)
			goto fail;
	}
	if (listen(fd, SOMAXCONN) == 0)
		return fd;
fail:
	err_set(err, opts->loc, "control_socket: %s: %s", opts->path,
	    strerror(errno));
	close(fd);
	return -1;
}

/*
 * Remove a socket that nobody listens on any more. Returns 0, or -1 with the
 * error text.
 */
static int
socket_clear(const struct sockaddr_un *sun, const struct loc *loc,
    struct err *err)
{
	const char *path;
	struct stat st;
	int error, fd;

	path = sun->sun_path;
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return err_set(err, loc,
		    "control_socket: %s is there and is no socket", path);
	if ((fd = fd_socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return err_set(err, loc, "control_socket: socket: %s",
		    strerror(errno));
	error = 0;
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == -1)
		error = errno;
	close(fd);
	if (error == 0 || error == EAGAIN)
		return err_set(err, loc,
		    "control_socket: another process listens on %s", path);
	if (error == ECONNREFUSED && unlink(path) == -1)
		error = errno;
	if (error != ECONNREFUSED && error != ENOENT)
		return err_set(err, loc, "control_socket: %s: %s", path,
		    strerror(error));
	return 0;
}
