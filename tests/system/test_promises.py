# SPDX-License-Identifier: ISC
"""What tlsherd is for: sessions that outlive workers and reloads."""

import os
import random
import signal
import socket
import threading
import time

import pytest

import clients
import herd


def answer(d, ctx, session):
    """One connection to trace: what it said, was it resumed, the session."""
    with clients.connect(d, ctx, session) as tls:
        # Or the newline waits here for a delayed acknowledgement.
        tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls.sendall(b"\n")
        said = clients.pairs(clients.read_all(tls).decode())
        return said, tls.session_reused, tls.session


@pytest.mark.parametrize("reload_at", [None, 200])
def test_400_connections_over_8_workers(start, version, reload_at):
    with start(herd.site(workers=8)) as d:
        ctx = clients.context(version)
        session, resumed, workers = None, 0, set()
        for i in range(400):
            if i == reload_at:
                d.reload()
            said, reused, session = answer(d, ctx, session)
            resumed += reused
            workers.add(said["worker"])
        assert resumed == 399
        assert len(workers) == 8


def test_workers_killed_under_load(start):
    """A random worker is killed again and again; the others do not notice."""
    end = time.monotonic() + herd.size(3, 20)
    done = {"good": 0, "full": 0, "cut": 0, "slowest": 0.0}
    lock = threading.Lock()

    def client(d):
        ctx, session = clients.context(clients.TLS13), None
        while time.monotonic() < end:
            begun = time.monotonic()
            try:
                _, reused, session = answer(d, ctx, session)
                what = "good" if reused else "full"
            except (OSError, KeyError, IndexError, ValueError):
                what = "cut"
            with lock:
                done[what] += 1
                done["slowest"] = max(done["slowest"],
                                      time.monotonic() - begun)

    with start(herd.site(workers=4)) as d:
        d.faults_allowed = "signal 9"
        threads = [threading.Thread(target=client, args=(d,))
                   for _ in range(3)]
        for t in threads:
            t.start()
        kills = 0
        while time.monotonic() < end:
            workers = d.workers()
            if workers:
                try:
                    os.kill(random.choice(list(workers.values())),
                            signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
            threads[0].join(0.1)
        for t in threads:
            t.join()
        d.wait_workers(4)
        print(f"{kills} kills: {done}")
        assert kills > 10
        assert done["good"] > 50
        # A kill costs the connections of one worker, one per client here.
        assert done["cut"] <= 3 * kills
        assert done["full"] <= 3 * kills + 3
        assert done["slowest"] < 5 * herd.SLOW


def test_bad_reload_changes_nothing(start):
    with start(herd.site()) as d:
        before = d.workers()
        said = d.reload_refused("workers = banana\n")
        assert 'banana' in said
        assert d.workers() == before
        assert clients.trace(d)[0]["worker"] in ("0", "1")


def test_graceful_stop_finishes_connections(start):
    with start(herd.site(service="echo")) as d:
        tls = clients.connect(d)
        tls.sendall(b"before")
        assert clients.read_exactly(tls, 6) == b"before"
        d.signal(signal.SIGQUIT)
        d.wait_log("finishing")
        tls.sendall(b"after")
        assert clients.read_exactly(tls, 5) == b"after"
        tls.close()
        assert d.wait_end() == 0
