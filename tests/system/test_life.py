# SPDX-License-Identifier: ISC
"""The life of the daemon as an admin sees it: starts, signals, deaths."""

import grp
import json
import os
import pwd
import re
import signal
import socket
import ssl
import time

import pytest

import clients
import herd

NOBODY = pwd.getpwnam("nobody")


def control(tmp):
    return os.path.join(tmp, "ctl")


def ctl(tmp, *arguments):
    return herd.run(herd.CTL, "-s", control(tmp), *arguments)


def closed_port():
    """One that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def refuses(target):
    """Nobody listens there any more."""
    try:
        clients.tcp(target).close()
    except ConnectionRefusedError:
        return True
    return False


def gone(pid):
    return herd.title(pid) == ""


# Flags

def test_flags(tmp):
    conf = write(f"{tmp}/c", herd.site())
    assert "good" in herd.run(herd.TLSHERD, "-t", "-c", conf).stderr
    shown = herd.run(herd.TLSHERD, "-T", "-o", "workers=3", "-c", conf)
    assert shown.returncode == 0
    assert re.search(r"^workers = 3$", shown.stdout, re.M)
    again = herd.run(herd.TLSHERD, "-T", "-c",
                     write(f"{tmp}/again", shown.stdout))
    assert again.stdout == shown.stdout
    version = herd.run(herd.TLSHERD, "-V")
    assert version.returncode == 0 and "OpenSSL 3" in version.stdout
    for bad in (["-x"], ["word"], ["-c"]):
        done = herd.run(herd.TLSHERD, *bad)
        assert done.returncode == 2
        assert "usage: tlsherd" in done.stderr


# The daemon

def test_daemon(tmp):
    """The command returns when it serves, and leaves the terminal alone."""
    pid_file, port = f"{tmp}/pid", closed_port()
    conf = write(f"{tmp}/c", herd.site(
        address=f"127.0.0.1:{port}",
        top=f'pid_file = "{pid_file}"\nlog = "{tmp}/log"'))
    done = herd.run(herd.TLSHERD, "-c", conf)
    assert (done.returncode, done.stdout) == (0, "")
    with open(pid_file, encoding="ascii") as f:
        pid = int(f.read())
    try:
        clients.trace(("127.0.0.1", port))  # at once
        stat = herd.Stat(pid)
        assert stat.parent == 1 or stat.parent != os.getpid()
        assert stat.session == pid
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        for fd in (0, 1, 2):
            assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"
    finally:
        os.kill(pid, signal.SIGTERM)
        herd.wait_for("the end", lambda: gone(pid))
    assert not os.path.exists(pid_file)


def test_daemon_that_cannot_start(tmp):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        conf = write(f"{tmp}/c", herd.site(
            address="127.0.0.1:%d" % taken.getsockname()[1],
            top=f'pid_file = "{tmp}/pid"\nlog = "{tmp}/log"'))
        done = herd.run(herd.TLSHERD, "-c", conf)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "in use" in done.stderr
    assert not os.path.exists(f"{tmp}/pid")


# Rights

@pytest.mark.root
def test_rights_are_given_up(start, tmp):
    jail = f"{tmp}/jail"
    os.mkdir(jail)
    group = grp.getgrgid(NOBODY.pw_gid).gr_name
    with start(herd.site(top=f'user = "nobody"\ngroup = "{group}"\n'
                         f'chroot = "{jail}"'),
               env={"ASAN_OPTIONS": "detect_leaks=0"}) as d:
        clients.trace(d)
        for pid in d.wait_workers(2).values():
            status = herd.status(pid)
            assert status["Uid"] == [str(NOBODY.pw_uid)] * 4
            assert status["Gid"] == [str(NOBODY.pw_gid)] * 4
            assert str(os.getgid()) not in status["Groups"]
            for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                assert int(status[kind][0], 16) == 0, kind
            assert os.readlink(f"/proc/{pid}/root") == jail
        assert herd.status(d.pid)["Uid"] == ["0"] * 4


# Stopping

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_fast_stop(start, number):
    with start(herd.site("echo")) as d:
        with clients.connect(d) as tls:
            begun = time.monotonic()
            d.signal(number)
            assert d.wait_end() == 0
            assert time.monotonic() - begun < 5 * herd.SLOW
            with pytest.raises((ssl.SSLError, OSError)):
                clients.read_exactly(tls, 1)
        assert d.wait_connections(1, close="stopped")


def test_graceful_stop_has_an_end(start):
    """A client that stays is cut off when drain_timeout is over."""
    with start(herd.site("echo", top='drain_timeout = "1s"')) as d:
        with clients.connect(d):
            d.signal(signal.SIGQUIT)
            d.wait_log("finishing")
            herd.wait_for("a refusal", lambda: refuses(d.target()))
            assert d.wait_end() == 0
        assert d.wait_connections(1, close="drain")


def test_master_killed(start):
    """Workers notice, serve what they have, and go."""
    with start(herd.site("echo")) as d:
        d.status_wanted = -signal.SIGKILL
        d.faults_allowed = "master is gone"
        workers = list(d.workers().values())
        with clients.connect(d) as tls:
            tls.sendall(b"before")
            assert clients.read_exactly(tls, 6) == b"before"
            os.kill(d.pid, signal.SIGKILL)
            d.wait_log("the master is gone", n=2)
            tls.sendall(b"after")
            assert clients.read_exactly(tls, 5) == b"after"
            herd.wait_for("a refusal", lambda: refuses(d.target()))
        herd.wait_for("the workers' end",
                      lambda: all(gone(pid) for pid in workers))


# Deaths

def test_dead_worker_is_replaced(start):
    with start(herd.site()) as d:
        d.faults_allowed = "was killed by signal 9"
        ctx = clients.context()
        _, session = clients.trace(d, ctx=ctx)
        before = d.wait_workers(2)
        os.kill(before[0], signal.SIGKILL)
        now = herd.wait_for("another worker 0", lambda: (
            w := d.workers()).get(0) not in (None, before[0]) and w)
        assert now[1] == before[1]
        for _ in range(8):
            said, session = clients.trace(d, ctx=ctx, session=session)
            assert said["resumed"] == "stateful"


def test_worker_that_dies_again_and_again(start, tmp):
    """It is replaced later each time, and nobody waits for it."""
    with start(herd.site(top=f'control_socket = "{control(tmp)}"')) as d:
        d.faults_allowed = "worker 0"
        for _ in range(8):
            pid = herd.wait_for("worker 0", lambda: d.workers().get(0))
            os.kill(pid, signal.SIGALRM)
            herd.wait_for("its end", lambda p=pid: gone(p))
        delays = [int(ms) for ms in d.wait_log(
            r"worker 0 has died \d+ times soon after its start: the next "
            r"one starts in (\d+) ms", n=3)]
        assert delays[0] == 100
        assert all(b == 2 * a for a, b in zip(delays, delays[1:]))
        status = json.loads(ctl(tmp, "--json", "status").stdout)
        assert [w["restarts"] for w in status["workers"]
                if w["worker"] == 0][0] >= 8
        begun = time.monotonic()
        for _ in range(20):
            clients.trace(d)
        assert time.monotonic() - begun < 4 * herd.SLOW


# The log

def test_log_is_rotated(start, tmp):
    path = f"{tmp}/site.log"

    def lines(name):
        with open(name, encoding="utf-8") as f:
            return f.read()

    with start(herd.site(top=f'log = "{path}"'), ready=False) as d:
        herd.wait_for("the start", lambda: os.path.exists(path) and
                      "workers are ready" in lines(path))
        port = int(re.search(r"listening on 127.0.0.1:(\d+)",
                             lines(path))[1])
        clients.trace(("127.0.0.1", port))
        herd.wait_for("a line", lambda: ": connection " in lines(path))
        os.rename(path, path + ".1")
        d.signal(signal.SIGUSR1)
        herd.wait_for("the new file", lambda: os.path.exists(path) and
                      "log reopened" in lines(path))
        old = lines(path + ".1")

        def in_the_new_one():
            clients.trace(("127.0.0.1", port))
            return ": connection " in lines(path)
        herd.wait_for("the workers", in_the_new_one)
        assert lines(path + ".1").startswith(old)


# tlsherdctl

def test_tlsherdctl(start, tmp):
    with start(herd.site(
            workers=3, top=f'control_socket = "{control(tmp)}"')) as d:
        ctx, session = clients.context(), None
        for _ in range(5):
            _, session = clients.trace(d, ctx=ctx, session=session)
        d.wait_connections(5)
        plain = ctl(tmp, "status")
        assert plain.returncode == 0
        assert f"pid {d.pid}" in plain.stdout
        assert "1 full, 4 resumed (80.0 %)" in plain.stdout
        status = json.loads(ctl(tmp, "--json", "status").stdout)
        assert status["pid"] == d.pid
        assert sorted(w["pid"] for w in status["workers"]) == \
            sorted(d.workers().values())
        assert all(w["state"] == "serving" for w in status["workers"])
        cache = json.loads(ctl(tmp, "--json", "sessions").stdout)["cache"]
        assert cache["hits"] == 4 and cache["misses"] == 0
        assert "80.0 %" in plain.stdout
        assert ctl(tmp, "sessions").returncode == 0
        assert ctl(tmp, "dance").returncode == 2
        assert os.stat(control(tmp)).st_mode & 0o777 == 0o600
    done = ctl(tmp, "status")
    assert done.returncode == 1
    assert control(tmp) in done.stderr


@pytest.mark.root
def test_tlsherdctl_is_not_for_everybody(start, tmp):
    with start(herd.site(top=f'control_socket = "{control(tmp)}"')):
        done = herd.run(herd.CTL, "-s", control(tmp), "status",
                        preexec_fn=lambda: os.setuid(NOBODY.pw_uid))
        assert done.returncode == 1
        assert "Permission denied" in done.stderr
