# SPDX-License-Identifier: ISC
"""Early data that reach the backend, which is who counts them here.

A client sees nothing of what a worker delivered before it was killed.
"""

import time

import pytest

import herd
import storm

SESSIONS, COPIES = 40, 10
SIZES = "4M", "8M"

DISTURBANCES = {
    "nothing": lambda d, conf, i: time.sleep(0.01),
    "kill": lambda d, conf, i: storm.kill(d),
    "reload": lambda d, conf, i: reload_slowly(d),
    "resize": lambda d, conf, i: reload_slowly(d, conf(SIZES[(i + 1) % 2])),
    "upgrade": lambda d, conf, i: storm.upgrade(d),
}


def reload_slowly(d, conf=None):
    """Workers that have copies stay until the end: let there not be many."""
    d.reload(conf)
    time.sleep(0.2)


def site(b, mode, size=SIZES[0]):
    return herd.site("proxy", workers=8,
                     top=f"session_cache {{ size = {size} }}", body=f"""
        early_data {{ mode = {mode} }}
        backend = {{ "{b.address}" }}""")


@pytest.mark.parametrize("what", list(DISTURBANCES))
def test_once(start, what):
    rounds = herd.size(1, 10)
    with storm.Counting() as b:
        def conf(size):
            return site(b, "accept", size)

        with start(conf(SIZES[0])) as d:
            if what == "kill":
                d.faults_allowed = "was killed by signal 9"
            for i in range(rounds):
                made = storm.sessions(d, SESSIONS)
                storm.during(lambda n: DISTURBANCES[what](d, conf, n),
                             lambda: storm.replay(d, made, i, COPIES))
            # All flights of a session on the move may have been refused, of
            # one that comes when all is over none.
            storm.replay(d, storm.sessions(d, 1), "last", COPIES)
        count = b.deliveries()
        assert set(count.values()) == {1}
        assert b"<lastn0>" in count
        if what in ("nothing", "reload", "upgrade"):
            assert len(count) == rounds * SESSIONS + 1
        if what == "nothing":
            # One for each session, its delivery, and count's own: copies
            # that are refused do not even open a connection.
            assert len(b.sockets) == 2 * (rounds * SESSIONS + 1) + 1


def test_never_when_postponed(start):
    """A recording cannot finish the handshake."""
    with storm.Counting() as b:
        with start(site(b, "postpone")) as d:
            storm.replay(d, storm.sessions(d, SESSIONS), 0, COPIES)
        assert not b.deliveries()
        assert len(b.sockets) == SESSIONS + 1
