/* SPDX-License-Identifier: ISC */
/*
 * The door of a listening socket that is to go away. What closes last resets
 * the connections that are queued, although their clients' connect(2) has
 * returned, and between the last accept(2) and the close there is always room
 * for one more. So the door is shut first: who has begun to come in still
 * does, nobody begins any more, and the queue can be emptied once and for all.
 */
#ifndef BASE_DOOR_H
#define BASE_DOOR_H

#include <stdbool.h>

/*
 * For all who have this socket, and for good. TCP drops the first packet of a
 * new connection, which the client sends again a second later, and then the
 * port is closed. Unix sockets have it from the removal of their file; here
 * they are only marked. 0, or -1 and errno: ENOTSUP where the system cannot.
 */
int door_shut(int fd);
bool door_is_shut(int fd);

#endif
