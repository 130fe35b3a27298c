# SPDX-License-Identifier: ISC
"""The master and its workers: start, rights, stop, deaths, the log file."""

import fcntl
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
# Who cannot dump core cannot be looked at by the leak checker either.
NO_LEAK_CHECK = {"ASAN_OPTIONS": "detect_leaks=0"}


def control(tmp):
    return os.path.join(tmp, "ctl")


def status(tmp):
    done = herd.run(herd.CTL, "-s", control(tmp), "--json", "status")
    return json.loads(done.stdout)


def says(tls, text):
    """The echo service is there."""
    tls.sendall(text)
    assert clients.read_exactly(tls, len(text)) == text


def cut(tls):
    """The connection ends, and not in an orderly way."""
    with pytest.raises((ssl.SSLError, OSError)):
        clients.read_exactly(tls, 1)


def successor(d, number, pid):
    """The pid of the worker that has replaced that one."""
    return herd.wait_for("another worker", lambda: (
        now := d.workers().get(number)) != pid and now)


# The daemon

def test_daemon(tmp):
    """It is on its own, and has let go of the terminal and the folder."""
    with herd.Detached(tmp, herd.site()) as d:
        stat = herd.Stat(d.pid)
        assert stat.parent != os.getpid()
        assert stat.session == d.pid
        assert os.readlink(f"/proc/{d.pid}/cwd") == "/"
        assert herd.title(d.pid) == "tlsherd: master"
        for pid in [d.pid, *d.wait_workers(2).values()]:
            for fd in (0, 1, 2):
                assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"
        assert not os.stat(d.pid_path).st_mode & 0o022
    assert not os.path.exists(d.pid_path)


@pytest.mark.parametrize("workers", [1, 16])
def test_the_command_returns_when_all_workers_serve(tmp, workers):
    with herd.Detached(tmp, herd.site(workers=workers)) as d:
        assert f"{workers} workers are ready" in d.log()
        assert len(d.workers()) == workers
        clients.trace(d)


def test_daemon_that_cannot_start(tmp):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        d = herd.Detached(tmp, herd.site(
            address="127.0.0.1:%d" % taken.getsockname()[1]))
        done = herd.run(herd.TLSHERD, *d.command)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1 and "in use" in done.stderr
    assert not os.path.exists(d.pid_path)


@pytest.mark.root
def test_daemon_whose_workers_cannot_start(tmp):
    d = herd.Detached(tmp, herd.site(top=f'chroot = "{tmp}/nothing"'))
    done = herd.run(herd.TLSHERD, *d.command)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert f'chroot "{tmp}/nothing": No such file' in done.stderr
    assert not os.path.exists(d.pid_path)


def test_relative_paths(tmp):
    """They mean the same when the daemon has changed its folder."""
    with open(f"{tmp}/site.conf", "w", encoding="utf-8") as f:
        f.write('pid_file = "site.pid"\nlog = "./site.log"\n' + herd.site())
    d = herd.Detached(tmp, "", name="site", drop=lambda: os.chdir(tmp))
    with open(f"{tmp}/site.conf", "w", encoding="utf-8") as f:
        f.write('pid_file = "site.pid"\nlog = "./site.log"\n' + herd.site())
    d.command = ["-c", "site.conf"]
    with d:
        d.reload()
        clients.trace(d)


def test_the_file_is_what_the_link_shows(tmp):
    """At a reload, not at the start."""
    d = herd.Daemon(tmp, herd.site(workers=1))
    os.rename(d.conf_path, f"{tmp}/v1.conf")
    os.symlink("v1.conf", d.conf_path)
    with d:
        with open(f"{tmp}/v2.conf", "w", encoding="utf-8") as f:
            f.write(herd.site(workers=3))
        os.symlink("v2.conf", f"{tmp}/link")
        os.rename(f"{tmp}/link", d.conf_path)
        os.unlink(f"{tmp}/v1.conf")
        d.signal(signal.SIGHUP)
        d.wait_log("reloaded: generation 2, 3 workers")


def without_streams_and_signals():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for fd in range(3):
        os.close(fd)


def test_started_by_anything(tmp):
    """No standard streams, all signals blocked, files of somebody else."""
    with open(f"{tmp}/secret", "w", encoding="utf-8") as secret:
        d = herd.Detached(tmp, herd.site(), keep=[secret.fileno()],
                          drop=without_streams_and_signals)
        with d:
            clients.trace(d)
            for pid in [d.pid, *d.workers().values()]:
                files = herd.files(pid)
                assert [files[fd] for fd in range(3)] == ["/dev/null"] * 3
                assert secret.name not in files.values()
            d.faults_allowed = "was killed by signal 9"
            pid = d.workers()[0]
            os.kill(pid, signal.SIGKILL)
            successor(d, 0, pid)


def test_foreground_without_streams(tmp):
    d = herd.Daemon(tmp, herd.site(top=f'log = "{tmp}/tlsherd.log"'),
                    drop=without_streams_and_signals)
    with d:
        mark = d.mark()
        d.signal(signal.SIGUSR1)
        d.wait_log("log reopened", mark)
        clients.trace(d)
        files = herd.files(d.pid)
        assert [files[fd] for fd in range(3)] == ["/dev/null"] * 3


# The pid file

def test_the_pid_file_is_locked(tmp):
    lock = fcntl.lockf if hasattr(fcntl, "F_OFD_SETLK") else fcntl.flock
    with herd.Detached(tmp, herd.site()) as d:
        with open(d.pid_path, "rb") as f, pytest.raises(BlockingIOError):
            lock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
        for mode in (["-f"], []):
            done = herd.run(herd.TLSHERD, *mode, *d.command)
            assert done.returncode == 1
            assert done.stderr == (
                f"{d.conf_path}:1: pid file {d.pid_path}: tlsherd is running "
                f"already, pid {d.pid}\n")
        clients.trace(d)
        with open(d.pid_path, encoding="ascii") as f:
            assert f.read() == f"{d.pid}\n"


def test_what_a_dead_master_left_is_no_obstacle(tmp):
    """The pid file, the control socket, a Unix socket and the port."""
    unix = herd.listener(name="unix", address=f"unix:{tmp}/sock")
    top = f'control_socket = "{control(tmp)}"'
    with herd.Detached(tmp, herd.site(top=top) + unix) as d:
        address = d.address()
        os.kill(d.pid, signal.SIGKILL)
        herd.wait_for("the workers' end", lambda: not d.alive())
    for path in (d.pid_path, control(tmp), f"{tmp}/sock"):
        assert os.path.exists(path)
    with herd.Detached(tmp, herd.site(top=top, address=address) + unix) as d:
        clients.trace(d)
        clients.trace(d.target("unix"))
        assert status(tmp)["pid"] == d.pid


@pytest.mark.skipif(not hasattr(fcntl, "F_OFD_SETLK"), reason="no such locks")
@pytest.mark.parametrize("lock", [fcntl.flock, fcntl.lockf])
def test_who_locks_a_stale_pid_file_hinders_nobody(tmp, lock):
    with herd.Detached(tmp, herd.site()) as d:
        os.kill(d.pid, signal.SIGKILL)
        herd.wait_for("the workers' end", lambda: not d.alive())
    with open(d.pid_path, "rb") as f:
        lock(f, fcntl.LOCK_SH)
        with herd.Detached(tmp, herd.site()) as d:
            again = herd.run(herd.TLSHERD, *d.command)
            assert f"running already, pid {d.pid}\n" in again.stderr


# Rights

def check_rights(pid, uid, gid, groups):
    """Real, effective, saved, and that of the file system."""
    said = herd.status(pid)
    assert said["Uid"] == [str(uid)] * 4
    assert said["Gid"] == [str(gid)] * 4
    assert {int(g) for g in said["Groups"]} == set(groups)
    for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
        assert int(said[kind][0], 16) == 0, kind
    assert said["NoNewPrivs"] == ["1"]


@pytest.mark.root
def test_rights_are_given_up(start, tmp):
    jail = f"{tmp}/jail"
    os.mkdir(jail)
    other = grp.getgrnam("daemon")
    with start(herd.site(top='user = "nobody"\ngroup = "daemon"\n'
                         f'chroot = "{jail}"'), env=NO_LEAK_CHECK) as d:
        clients.trace(d)
        before = d.wait_workers(2)
        d.reload()
        clients.trace(d)
        herd.wait_for("the end of those before", lambda: not
                      set(before.values()) & set(d.children()))
        for pid in d.wait_workers(2).values():
            check_rights(pid, NOBODY.pw_uid, other.gr_gid,
                         os.getgrouplist("nobody", other.gr_gid))
            assert os.readlink(f"/proc/{pid}/root") == jail
            assert os.readlink(f"/proc/{pid}/cwd") == jail
            # Root's, because the process is not dumpable.
            assert os.stat(f"/proc/{pid}/environ").st_uid == 0
        assert herd.status(d.pid)["Uid"] == ["0"] * 4


@pytest.mark.root
def test_rights_without_a_user(start):
    """The user that was chosen when tlsherd was built, with its groups."""
    version = herd.run(herd.TLSHERD, "-V").stdout
    user = pwd.getpwnam(re.search(r"workers run as (\S+)", version)[1])
    with start(herd.site(), env=NO_LEAK_CHECK) as d:
        for pid in d.wait_workers(2).values():
            check_rights(pid, user.pw_uid, user.pw_gid,
                         os.getgrouplist(user.pw_name, user.pw_gid))


@pytest.mark.root
def test_numbers_for_names(start):
    top = f'user = "{NOBODY.pw_uid}"\ngroup = "{NOBODY.pw_gid}"'
    with start(herd.site(top=top), env=NO_LEAK_CHECK) as d:
        for pid in d.wait_workers(2).values():
            check_rights(pid, NOBODY.pw_uid, NOBODY.pw_gid,
                         os.getgrouplist("nobody", NOBODY.pw_gid))


# Stopping

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_fast_stop(start, number):
    """^C comes to the whole process group."""
    with start(herd.site("echo")) as d:
        with clients.connect(d) as tls:
            says(tls, b"x")
            os.killpg(d.pid, number)
            assert d.wait_end(5) == 0
            cut(tls)
        assert clients.refuses(d.target())
        d.wait_connections(1, close="stopped")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_stop_during_the_start(start, number):
    with start(herd.site(workers=32), ready=False) as d:
        herd.wait_for("the first worker", d.workers)
        d.signal(number)
        assert d.wait_end() == 0


def test_fast_stop_of_a_graceful_one(start):
    with start(herd.site("echo")) as d:
        with clients.connect(d) as tls:
            d.signal(signal.SIGQUIT)
            d.wait_log("finishing")
            says(tls, b"x")
            d.signal(signal.SIGTERM)
            assert d.wait_end(5) == 0
            cut(tls)
        d.wait_connections(1, close="stopped")


def test_second_fast_stop_kills(start):
    """Five seconds is how long a worker that hangs has otherwise."""
    with start(herd.site("echo")) as d:
        for pid in d.wait_workers(2).values():
            os.kill(pid, signal.SIGSTOP)
        d.signal(signal.SIGTERM)
        d.wait_log("master: stopping")
        begun = time.monotonic()
        d.signal(signal.SIGTERM)
        assert d.wait_end() == 0
        assert time.monotonic() - begun < 4


def test_a_worker_that_hangs_is_killed(start):
    with start(herd.site("echo")) as d:
        os.kill(d.wait_workers(2)[0], signal.SIGSTOP)
        begun = time.monotonic()
        d.signal(signal.SIGTERM)
        assert d.wait_end() == 0
        assert time.monotonic() - begun > 4


def test_graceful_stop_waits_for_a_transfer(start):
    data = clients.noise(4 << 20, 1)
    with start(herd.site("echo")) as d, clients.Half(d) as half:
        half.send(data[:1000])
        assert half.read(1) == data[:1]
        os.killpg(d.pid, signal.SIGQUIT)
        d.wait_log("finishing")
        herd.wait_for("a refusal", lambda: clients.refuses(d.target()))
        rest = half.exchange(data[1000:])
        assert clients.intact(data[:1] + rest, 4 << 20)
        half.sock.close()
        assert d.wait_end() == 0
        line, = d.connections()
        assert line["close"] == "done"
        assert line["out"] == str(len(data))


def test_graceful_stop_serves_the_queue(start):
    """Also behind somebody who has gone away again."""
    with start(herd.site("echo", workers=1)) as d:
        worker = d.wait_workers(1)[0]
        target = d.target()
        os.kill(worker, signal.SIGSTOP)
        clients.tcp(target).close()
        with clients.tcp(target) as sock:
            d.signal(signal.SIGQUIT)
            d.wait_log("finishing")
            os.kill(worker, signal.SIGCONT)
            with clients.context().wrap_socket(sock) as tls:
                says(tls, b"x")
        assert d.wait_end() == 0


def test_graceful_stop_has_an_end(start):
    """A client that stays is cut off when drain_timeout is over."""
    with start(herd.site("echo", top='drain_timeout = "700ms"')) as d:
        with clients.connect(d) as tls:
            begun = time.monotonic()
            d.signal(signal.SIGQUIT)
            d.wait_log("finishing")
            says(tls, b"x")
            assert d.wait_end() == 0
            assert time.monotonic() - begun >= 0.7
            cut(tls)
        d.wait_connections(1, close="drain")


def test_graceful_stop_at_once(start):
    with start(herd.site("echo", top='drain_timeout = 0')) as d:
        with clients.connect(d) as tls:
            d.signal(signal.SIGQUIT)
            assert d.wait_end(5) == 0
            cut(tls)
        d.wait_connections(1, close="drain")


# Deaths

@pytest.mark.parametrize("ends", [True, False])
def test_master_killed(start, ends):
    """Workers notice, serve what they have, and go; the port is free."""
    with start(herd.site("echo", top='drain_timeout = "700ms"' if not ends
                         else "")) as d:
        d.status_wanted = -signal.SIGKILL
        address = d.address()
        workers = list(d.wait_workers(2).values())
        with clients.connect(d) as tls:
            says(tls, b"before")
            os.kill(d.pid, signal.SIGKILL)
            d.wait_log("the master is gone: finishing", n=2)
            herd.wait_for("a refusal", lambda: clients.refuses(d.target()))
            says(tls, b"after")
            if not ends:
                herd.wait_for("the end", lambda: d.connections())
                cut(tls)
        herd.wait_for("the workers' end",
                      lambda: all(herd.gone(pid) for pid in workers))
        d.wait_connections(1, close="client_closed" if ends else "drain")
    with start(herd.site("echo", address=address), name="again") as d:
        clients.connect(d).close()


def test_dead_worker_is_replaced(start):
    with start(herd.site()) as d:
        d.faults_allowed = "was killed by signal 9"
        ctx = clients.context()
        _, session = clients.trace(d, ctx=ctx)
        before = d.wait_workers(2)
        os.kill(before[0], signal.SIGKILL)
        d.wait_log(rf"worker 0, pid {before[0]}, was killed by signal 9")
        successor(d, 0, before[0])
        assert d.workers()[1] == before[1]
        assert "the next one starts in" not in d.log()
        for _ in range(8):
            said, session = clients.trace(d, ctx=ctx, session=session)
            assert said["resumed"] == "stateful"


def test_worker_that_is_stopped_is_replaced(start):
    with start(herd.site("echo", workers=1)) as d:
        d.faults_allowed = "exited with status 0"
        pid = d.wait_workers(1)[0]
        with clients.connect(d) as tls:
            says(tls, b"x")
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT,
                           signal.SIGUSR1, signal.SIGUSR2):
                os.kill(pid, number)  # the master's affairs
            says(tls, b"x")
            os.kill(pid, signal.SIGTERM)
            cut(tls)
        d.wait_connections(1, close="stopped")
        successor(d, 0, pid)
        with clients.connect(d) as tls:
            says(tls, b"x")


@pytest.mark.parametrize("reuseport", ["yes", "no"])
def test_the_queue_of_a_dead_worker(start, reuseport):
    """Its successor serves who waits there."""
    with start(herd.site(workers=1, top=f"reuseport = {reuseport}")) as d:
        d.faults_allowed = "was killed by signal 9"
        pid = d.wait_workers(1)[0]
        os.kill(pid, signal.SIGSTOP)
        waiting = [clients.tcp(d) for _ in range(10)]
        os.kill(pid, signal.SIGKILL)
        for sock in waiting:
            with clients.context().wrap_socket(sock) as tls:
                tls.sendall(b"\n")
                said = clients.pairs(clients.read_all(tls).decode())
                assert said["pid"] not in ("", str(pid))


def test_worker_that_dies_again_and_again(start, tmp):
    """It is replaced later each time; another one covers its queue."""
    with start(herd.site(top=f'control_socket = "{control(tmp)}"')) as d:
        d.faults_allowed = "worker 0"
        other = d.wait_workers(2)[1]
        for deaths in range(1, 8):
            pid = herd.wait_for("worker 0", lambda: d.workers().get(0))
            os.kill(pid, signal.SIGALRM)
            d.wait_log(rf"worker 0, pid {pid}, was killed by signal 14")
            if deaths <= 3:
                successor(d, 0, pid)
        told = d.wait_log(r"worker 0 has died (\d+) times soon after its "
                          r"start: the next one starts in (\d+) ms", n=4)
        assert told == [("4", "100"), ("5", "200"), ("6", "400"),
                        ("7", "800")]
        delayed, = [w for w in status(tmp)["workers"] if w["worker"] == 0]
        assert (delayed["state"], delayed["pid"]) == ("delayed", None)
        assert delayed["restarts"] == 7
        for _ in range(20):
            said, _ = clients.trace(d)
            assert said["pid"] == str(other) or d.workers().get(0)
        herd.wait_for("worker 0 again",
                      lambda: clients.trace(d)[0]["worker"] == "0")
        assert d.workers()[1] == other


def test_none_is_left(start):
    """Each dies again and again, but somebody is always there at once."""
    with start(herd.site(workers=2)) as d:
        d.faults_allowed = "was killed by signal 14"
        d.wait_workers(2)
        worst = 0
        for _ in range(herd.size(16, 100)):
            pids = d.workers().values()
            for pid in pids:
                os.kill(pid, signal.SIGALRM)
            begun = time.monotonic()
            herd.wait_for("the end", lambda: all(
                pid not in d.workers().values() for pid in pids))
            herd.wait_for("a worker", d.workers)
            clients.trace(d)
            worst = max(worst, time.monotonic() - begun)
        assert worst < 1 * herd.SLOW
        assert "for no other serves" in d.log()


def test_a_worker_that_does_not_run(start, tmp):
    """Another serves those who wait in its queue, until it runs again."""
    with start(herd.site(top=f'control_socket = "{control(tmp)}"')) as d:
        pids = d.wait_workers(2)
        os.kill(pids[0], signal.SIGSTOP)
        for _ in range(10):
            assert clients.trace(d)[0]["worker"] == "1"
        d.wait_log(rf"worker 0, pid {pids[0]}, has not run for a second "
                   r"\(stopped by a signal\)")
        states = {w["worker"]: w["state"] for w in status(tmp)["workers"]}
        assert states == {0: "silent", 1: "serving"}
        os.kill(pids[0], signal.SIGCONT)
        d.wait_log(rf"worker 0, pid {pids[0]}, runs again")
        herd.wait_for("worker 0",
                      lambda: clients.trace(d)[0]["worker"] == "0")
        assert d.workers() == pids


# The log file

def lines(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def test_log_is_rotated(tmp):
    path = f"{tmp}/site.log"
    with herd.Detached(tmp, herd.site(), log=path) as d:
        clients.trace(d)
        target = d.target()
        d.wait_connections(1)
        os.rename(path, path + ".1")
        d.signal(signal.SIGUSR1)
        herd.wait_for("the new file", lambda: os.path.exists(path) and
                      "log reopened" in lines(path))

        def all_workers():
            clients.trace(target)
            return {c["worker"] for c in d.connections()} == {"0", "1"}
        herd.wait_for("both workers", all_workers)
        old = lines(path + ".1")
        # So does one that is made now.
        d.faults_allowed = "was killed by signal 9"
        pid = d.workers()[0]
        os.kill(pid, signal.SIGKILL)
        successor(d, 0, pid)
        mark = d.mark()

        def the_new_one():
            clients.trace(target)
            return any(c["worker"] == "0" for c in d.connections(mark))
        herd.wait_for("worker 0", the_new_one)
        assert lines(path + ".1") == old


def test_log_that_cannot_be_reopened(tmp):
    """The file before is still there to say so."""
    os.mkdir(f"{tmp}/logs")
    with herd.Detached(tmp, herd.site(), log=f"{tmp}/logs/log") as d:
        target = d.target()
        os.rename(f"{tmp}/logs", f"{tmp}/old")
        d.log_path = f"{tmp}/old/log"
        d.signal(signal.SIGUSR1)
        d.wait_log(f"log file {tmp}/logs/log: No such file")
        clients.trace(target)
        d.wait_connections(1)
        os.mkdir(f"{tmp}/logs")
        d.signal(signal.SIGUSR1)
        herd.wait_for("the new file",
                      lambda: os.path.exists(f"{tmp}/logs/log"))
        d.log_path = f"{tmp}/logs/log"
        d.wait_log("log reopened")
