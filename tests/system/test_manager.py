# SPDX-License-Identifier: ISC
"""A service manager: what it hears (sd_notify), as a stub of systemd does."""

import os
import re
import signal
import socket
import time

import pytest

import clients
import herd


class Manager:
    """Listens for messages as systemd does; an abstract name or a path."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(name.replace("@", "\0") if name[0] == "@" else name)
        self.socket.settimeout(20 * herd.SLOW)
        self.senders = set()

    def environment(self, **more):
        return dict({"NOTIFY_SOCKET": self.name}, **more)

    def hear(self):
        """The next message, as a dictionary."""
        data, control, _, _ = self.socket.recvmsg(4096, 4096)
        self.senders.add(int.from_bytes(control[0][2][:4], "little"))
        return dict(line.split("=", 1) for line in data.decode().split("\n"))

    def hears(self, **wanted):
        """The next message says this; a STATUS matches."""
        message = self.hear()
        status = wanted.pop("STATUS", "")
        assert re.search(status, message.get("STATUS", "")), message
        assert {k: message.get(k) for k in wanted} == wanted, message
        return message

    def silent(self):
        self.socket.setblocking(False)
        try:
            return self.socket.recv(4096) is None
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(20 * herd.SLOW)

    def close(self):
        self.socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp):
    m = Manager(f"{tmp}/notify" if request.param == "path" else
                f"@tlsherd-{os.getpid()}-{os.path.basename(tmp)}")
    yield m
    m.close()


def hears_reloading(manager, status):
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    message = manager.hears(RELOADING="1", STATUS=status)
    since = before - int(message["MONOTONIC_USEC"])
    assert abs(since) < 60_000_000 * herd.SLOW, message


def test_life(start, manager):
    """Start, reload, one that fails, upgrade, stop: nothing else is said."""
    conf = herd.site("echo", top='drain_timeout = "20s"')
    with start(conf, env=manager.environment()) as d:
        ready = {"READY": "1", "MAINPID": str(d.pid)}
        manager.hears(STATUS="2 workers serve, generation 1$", **ready)

        d.reload(conf.replace("workers = 2", "workers = 3"))
        hears_reloading(manager, "^reloading$")
        manager.hears(STATUS="3 workers serve, generation 2$", **ready)

        said = d.reload_refused("nonsense")
        hears_reloading(manager, "^reloading$")
        message = manager.hears(
            READY="1", STATUS="^reload failed, generation 2 goes on: ")
        assert message["STATUS"].split(": ", 1)[1] in said

        mark = d.mark()
        d.signal(signal.SIGUSR2)
        d.wait_log("upgrade failed", mark)
        hears_reloading(manager, "testing the program")
        manager.hears(READY="1", STATUS="^upgrade failed, generation 2")

        d.configure(conf)
        d.signal(signal.SIGUSR2)
        d.wait_log("upgraded: generation", mark)
        hears_reloading(manager, "testing the program")
        hears_reloading(manager, "starting workers")
        manager.hears(STATUS="2 workers serve, generation 3$", **ready)

        with clients.connect(d.target()) as tls:
            tls.sendall(b"x")
            assert clients.read_exactly(tls, 1) == b"x"
            d.signal(signal.SIGQUIT)
            manager.hears(STOPPING="1", EXTEND_TIMEOUT_USEC="30000000",
                          STATUS="finishing")
        d.wait_end()
        assert manager.silent()
        assert manager.senders == {d.pid}


def test_fast_stop(start, manager):
    with start(herd.site(), env=manager.environment()) as d:
        manager.hears(READY="1")
        d.signal(signal.SIGTERM)
        manager.hears(STOPPING="1", STATUS="^stopping$")
        d.wait_end()
        assert manager.silent()


def test_start_fails(tmp, manager):
    """It says why: after the configuration is read there is a master."""
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, herd.Daemon(tmp, herd.site(
            address=f"127.0.0.1:{taken.getsockname()[1]}"), ready=False,
            env=manager.environment()) as d:
        d.status_wanted = 1
        manager.hears(STOPPING="1", STATUS="in use")
        d.wait_end()


def test_watchdog(start, manager):
    """At half of the time, and not when the master hangs."""
    env = manager.environment(WATCHDOG_USEC="400000")
    begin = time.monotonic()
    with start(herd.site(), env=env) as d:
        beats = 0
        while beats < 5:
            beats += manager.hear().get("WATCHDOG") == "1"
        assert time.monotonic() - begin > 0.6
        os.kill(d.pid, signal.SIGSTOP)
        while not manager.silent():
            pass
        manager.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            manager.hear()
        os.kill(d.pid, signal.SIGCONT)
        manager.socket.settimeout(20 * herd.SLOW)
        manager.hears(WATCHDOG="1")
        # The new program goes on with it.
        d.signal(signal.SIGUSR2)
        d.wait_log("upgraded: generation")
        while "upgrade" not in manager.hear().get("STATUS", ""):
            pass
        while manager.hear().get("WATCHDOG") != "1":
            pass


def test_watchdog_of_another(start, manager):
    """WATCHDOG_PID names a process that is not the master."""
    env = manager.environment(WATCHDOG_USEC="1000", WATCHDOG_PID="1")
    with start(herd.site(), env=env) as d:
        manager.hears(READY="1")
        d.reload()
        hears_reloading(manager, "reloading")


def test_manager_is_gone(start, manager):
    """It costs a line in the log."""
    with start(herd.site(), env=manager.environment()) as d:
        manager.hears(READY="1")
        manager.close()
        if manager.name[0] == "/":
            os.unlink(manager.name)
        d.reload()
        d.reload()
        assert len(d.wait_log(r"the service manager \(NOTIFY_SOCKET\): ")
                   ) == 1
