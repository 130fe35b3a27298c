# SPDX-License-Identifier: ISC
"""Addresses that go away under load: who was let in is served."""

import multiprocessing
import os
import signal
import socket
import time

import pytest

import clients
import herd

PROCESSES = 4
ANSWER = b"test\n"


def one(target, ctx):
    """True: served; False: the door is shut. An error: let in, not served."""
    try:
        sock = clients.tcp(target)
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    with ctx.wrap_socket(sock, suppress_ragged_eofs=False) as tls:
        assert clients.read_all(tls) == ANSWER
    return True


def again_and_again(target, served, wrong):
    """Until nobody listens."""
    ctx = clients.context()
    while True:
        try:
            if not one(target, ctx):
                return
            with served.get_lock():
                served.value += 1
        except (OSError, AssertionError) as e:
            wrong.put(repr(e))


class Crowd:
    """Processes that come to an address until it is gone."""

    def __init__(self, target):
        self.served = multiprocessing.Value("i", 0)
        self.wrong = multiprocessing.SimpleQueue()
        self.crowd = [multiprocessing.Process(
            target=again_and_again, args=(target, self.served, self.wrong))
            for _ in range(PROCESSES)]
        for p in self.crowd:
            p.start()
        herd.wait_for("clients", lambda: self.served.value > 5 * PROCESSES)

    def leave(self):
        """Wait until all have been turned away; what went wrong before."""
        for p in self.crowd:
            p.join(20 * herd.SLOW)
            assert p.exitcode == 0
        wrong = []
        while not self.wrong.empty():
            wrong.append(self.wrong.get())
        return wrong


def removable(top, address):
    stays = herd.site("reply", 4, top, body='text = "test\\n"')
    return stays, stays + herd.listener("reply", "second", address,
                                        'text = "test\\n"')


@pytest.mark.parametrize("kind", ["each", "shared", "unix"])
def test_an_address_is_removed(start, tmp, kind):
    address = "127.0.0.1:0"
    if kind == "unix":
        address = f"unix:{tmp}/sock"
    stays, both = removable("reuseport = no" if kind == "shared" else "",
                            address)
    wrong = []
    with start(both) as d:
        for i in range(herd.size(2, 100)):
            if i > 0:
                d.reload(both)
            target = [herd.as_target(a) for a, n in d.addresses()
                      if n == "second"][-1]
            crowd = Crowd(target)
            d.reload(stays)
            wrong += crowd.leave()
    assert not wrong, f"{len(wrong)} were not served, as {wrong[0]}"


@pytest.mark.parametrize("reuseport", ["yes", "no"])
def test_a_graceful_stop(start, reuseport):
    wrong = []
    conf, _ = removable(f"reuseport = {reuseport}", "-")
    for i in range(herd.size(2, 50)):
        with start(conf, name=f"stop{i}") as d:
            crowd = Crowd(d.target())
            d.signal(signal.SIGQUIT)
            wrong += crowd.leave()
            assert d.wait_end() == 0
    assert not wrong, f"{len(wrong)} were not served, as {wrong[0]}"


def test_fewer_workers(start):
    """Sockets that lose their worker are another's."""
    conf, _ = removable("", "-")
    with start(conf) as d:
        crowd = Crowd(d.target())
        for i in range(herd.size(2, 50)):
            d.reload(conf.replace("workers = 4", f"workers = {1 + i % 4}"))
        d.signal(signal.SIGQUIT)
        wrong = crowd.leave()
    assert not wrong, f"{len(wrong)} were not served, as {wrong[0]}"


def test_the_master_dies(start):
    """Some systems let only root shut doors: then the workers are root."""
    wrong = []
    conf, _ = removable('user = "root"' if herd.ROOT else "", "-")
    for i in range(herd.size(2, 50)):
        with start(conf, name=f"dies{i}") as d:
            d.status_wanted = -signal.SIGKILL
            crowd = Crowd(d.target())
            os.kill(d.pid, signal.SIGKILL)
            wrong += crowd.leave()
    assert not wrong, f"{len(wrong)} were not served, as {wrong[0]}"


def test_an_address_comes_back(start):
    """Asked for while it is left: the reload waits for that."""
    port = socket.create_server(("127.0.0.1", 0))
    address = "127.0.0.1:%d" % port.getsockname()[1]
    port.close()
    stays, both = removable("", address)
    with start(both) as d:
        for _ in range(3):
            mark = d.mark()
            d.configure(stays)
            d.signal(signal.SIGHUP)
            d.wait_log("no longer listening on", mark)
            begun = time.monotonic()
            d.configure(both)
            d.signal(signal.SIGHUP)
            d.wait_log("reloaded: generation", mark, n=2)
            assert time.monotonic() - begun < 10
            assert clients.fetch(d.target("second"))[0] == ANSWER
        assert "reload failed" not in d.log()
