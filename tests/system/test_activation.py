# SPDX-License-Identifier: ISC
"""Sockets that a service manager has bound and passes on (LISTEN_FDS)."""

import fcntl
import os
import signal
import socket
import stat

import pytest

import clients
import herd


def activate(daemon, sockets, pid=None):
    """Have it start with these, from descriptor 3 on, as systemd does it."""
    def become():
        copies = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100)
                  for s in sockets]
        for number, fd in enumerate(copies, 3):
            os.dup2(fd, number)
        os.closerange(100, 200)
        os.execve(herd.TLSHERD, [herd.TLSHERD, *daemon.command], dict(
            daemon.environment, LISTEN_FDS=str(len(sockets)),
            LISTEN_FDNAMES=":".join(["tlsherd.socket"] * len(sockets)),
            LISTEN_PID=str(pid or os.getpid())))
    daemon.preexec = become
    return daemon


def talk(target, text=b"hello"):
    with clients.connect(target) as tls:
        tls.sendall(text)
        assert clients.read_exactly(tls, len(text)) == text


def listening_inodes(pid):
    return {name for name in herd.files(pid).values()
            if name.startswith("socket:")}


def inode(sock):
    return f"socket:[{os.fstat(sock.fileno()).st_ino}]"


@pytest.fixture
def bound():
    with socket.create_server(("127.0.0.1", 0)) as s:
        yield s


def site(bound, **kw):
    host, port = bound.getsockname()
    return herd.site("echo", address=f"{host}:{port}", **kw)


def test_taken(tmp, bound):
    """It is not bound anew, serves all workers, and lives on."""
    with activate(herd.Daemon(tmp, site(bound)), [bound]) as d:
        for pid in (d.pid, *d.workers().values()):
            assert inode(bound) in listening_inodes(pid)
        for _ in range(5):
            talk(bound.getsockname())
        d.signal(signal.SIGQUIT)
        d.wait_end()
    # Whoever comes now waits for the next start.
    with socket.create_connection(bound.getsockname()):
        pass
    with activate(herd.Daemon(tmp, site(bound), name="next"), [bound]):
        talk(bound.getsockname())


def test_reload_and_upgrade(tmp, bound):
    """Given back when no listener wants it, and taken again."""
    other = herd.site("echo")
    with activate(herd.Daemon(tmp, site(bound)), [bound]) as d:
        talk(bound.getsockname())
        d.reload(other)
        d.reload(site(bound, workers=3))
        talk(bound.getsockname())
        d.signal(signal.SIGUSR2)
        d.wait_log("upgraded: generation")
        assert inode(bound) in listening_inodes(d.pid)
        with open(f"/proc/{d.pid}/environ", "rb") as f:
            assert b"LISTEN_" not in f.read()
        talk(bound.getsockname())
        d.reload(other)
        d.reload(site(bound))
        talk(bound.getsockname())
        assert "in use" not in d.log()


def test_given_back_before_an_upgrade(tmp, bound):
    """What no listener wants is there for the program after us, too."""
    other = herd.site("echo")
    with activate(herd.Daemon(tmp, site(bound)), [bound]) as d:
        d.reload(other)
        d.signal(signal.SIGUSR2)
        d.wait_log("upgraded: generation")
        d.reload(site(bound))
        talk(bound.getsockname())
        assert "in use" not in d.log()


@pytest.mark.parametrize("upgrade", [False, True])
def test_unix_file_stays(tmp, upgrade):
    path = f"{tmp}/s"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()
        os.chmod(path, 0o622)
        with activate(herd.Daemon(tmp, herd.site(
                "echo", address=f"unix:{path}")), [s]) as d:
            talk(path)
            if upgrade:
                d.signal(signal.SIGUSR2)
                d.wait_log("upgraded: generation")
            d.reload()
            talk(path)
            mode = os.stat(path).st_mode
            assert stat.S_ISSOCK(mode) and mode & 0o777 == 0o622
            d.signal(signal.SIGQUIT)
            d.wait_end()
        assert stat.S_ISSOCK(os.stat(path).st_mode)
        assert "nobody can connect" not in d.log()


def test_some(tmp, bound):
    """One is wanted, another is not, and one is not passed."""
    with socket.create_server(("127.0.0.1", 0)) as stray:
        conf = herd.site("echo", address=[
            "127.0.0.1:0", "{}:{}".format(*bound.getsockname())])
        with activate(herd.Daemon(tmp, conf), [stray, bound]) as d:
            for address, _ in d.addresses():
                talk(herd.as_target(address))
            assert len(d.addresses()) == 2
            port = stray.getsockname()[1]
            assert (f"descriptor 3 of the service manager (127.0.0.1:{port}) "
                    "is not the address of any listener") in d.log()
            assert inode(stray) in listening_inodes(d.pid)
            for pid in d.workers().values():
                assert inode(stray) not in listening_inodes(pid)


def test_of_another(tmp, bound):
    """LISTEN_PID names somebody else: they are not ours."""
    with activate(herd.Daemon(tmp, site(bound), ready=False), [bound],
                  pid=1) as d:
        d.status_wanted = 1
        d.wait_end()
        assert "in use" in d.log()
