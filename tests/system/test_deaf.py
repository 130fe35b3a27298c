# SPDX-License-Identifier: ISC
"""What takes long does not make the master deaf.

Thousands of certificates take seconds to load, at the start and at a reload.
Meanwhile a signal is followed and a dead worker replaced.
"""

import os
import signal
import time

import pytest

import herd
import pki

MANY = herd.size(1500, 10000)
SOON = 10


def many(n=MANY):
    """A site with n certificates, which all stand in the same files."""
    sections = [pki.section("default", "server")]
    sections += [pki.section(f"c{i}", "server", [f"n{i}.test"])
                 for i in range(n - 1)]
    return herd.site("reply", certificate="\n".join(sections))


@pytest.fixture
def begun(start, tmp):
    """A server that has only just begun to load what it has to."""
    def make():
        pid_path = os.path.join(tmp, "pid")
        d = start(f'pid_file = "{pid_path}"\n' + many(), ready=False)
        d.pid_path = pid_path
        return d
    return make


def wait_begun(d):
    herd.wait_for("the pid file", lambda: os.path.exists(d.pid_path))
    assert "ready" not in d.log()


def until(begin, what):
    seconds = time.monotonic() - begin
    print(f"{what}: {seconds:.3f} s")


@pytest.mark.parametrize("name", ["HUP", "USR1", "USR2"])
def test_start_goes_on(begun, name):
    with begun() as d:
        wait_begun(d)
        d.signal(getattr(signal, "SIG" + name))
        if name == "HUP":
            d.wait_log("reloaded: generation 2", seconds=120)
        elif name == "USR2":
            d.wait_log("upgrade: testing", seconds=120)
        else:
            d.wait_log("workers are ready", seconds=120)


@pytest.mark.parametrize("name", ["TERM", "INT", "QUIT"])
def test_start_ends(begun, name):
    with begun() as d:
        wait_begun(d)
        begin = time.monotonic()
        d.signal(getattr(signal, "SIG" + name))
        d.wait_end(SOON)
        until(begin, name)
        assert "ready" not in d.log()
        assert not os.path.exists(d.pid_path)


# From the first moment on, be that in the middle of the configuration.
@pytest.mark.parametrize("name", ["HUP", "USR1", "USR2"])
def test_held_from_the_start(begun, name):
    number = getattr(signal, "SIG" + name)

    def known():
        masks = herd.status(d.pid)
        return any(int(masks[key][0], 16) & 1 << number - 1
                   for key in ("SigBlk", "SigCgt"))
    with begun() as d:
        herd.wait_for("a hold of signals", known)
        d.signal(number)
        d.wait_log("workers are ready", seconds=120)


@pytest.fixture
def reloading(start):
    """A small site that has begun to become a large one."""
    def make():
        return start(herd.site("reply"))
    return make


def begin_reload(d):
    mark = d.mark()
    d.configure(many())
    d.signal(signal.SIGHUP)
    d.wait_log("reloading", mark)
    return mark


def test_worker_dies_in_a_reload(reloading):
    with reloading() as d:
        d.faults_allowed = "signal 9"
        victim = d.workers()[0]
        mark = begin_reload(d)
        begin = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        herd.wait_for("another worker 0", lambda: d.workers().get(0, victim)
                      != victim, SOON)
        until(begin, "another worker")
        assert "reloaded: generation" not in d.log(mark)
        d.wait_log("reloaded: generation", mark, seconds=120)


@pytest.mark.parametrize("name", ["TERM", "QUIT"])
def test_stop_in_a_reload(reloading, name):
    with reloading() as d:
        mark = begin_reload(d)
        begin = time.monotonic()
        d.signal(getattr(signal, "SIG" + name))
        assert d.wait_end(SOON) == 0
        until(begin, name)
        assert "reloaded: generation" not in d.log(mark)


def test_reload_in_a_reload(reloading):
    """The second one comes after the first, with what stands there then."""
    with reloading() as d:
        mark = begin_reload(d)
        d.configure(herd.site("trace"))
        d.signal(signal.SIGHUP)
        d.signal(signal.SIGUSR1)
        d.wait_log("reloaded: generation", mark, n=2, seconds=120)
