# SPDX-License-Identifier: ISC
"""Limits, time-outs, and what the log says of a connection."""

import ctypes
import resource
import time

import pytest

import backend
import clients
import herd

PR_CAPBSET_DROP = 24
CAP_SYS_RESOURCE = 24
libc = ctypes.CDLL(None, use_errno=True)


def test_worker_connections(start):
    """Those over the limit wait, and are served when there is room."""
    with start(herd.site("echo", workers=1,
                         top="worker_connections = 5")) as d:
        held = [clients.connect(d) for _ in range(5)]
        waiting = clients.tcp(d)
        ctx = clients.context()
        d.wait_log("accepting paused with 5 connections")
        held.pop().close()
        with ctx.wrap_socket(waiting) as tls:
            tls.sendall(b"at last")
            assert clients.read_exactly(tls, 7) == b"at last"
        for tls in held:
            tls.close()


def test_no_descriptors_left(start):
    """Accepting pauses, and the worker does not spin meanwhile."""
    def sixty_four():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        libc.prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE)

    with start(herd.site("echo", workers=1), drop=sixty_four) as d:
        pid = d.wait_workers(1)[0]
        first = clients.connect(d)
        held = [clients.tcp(d) for _ in range(64)]
        d.wait_log("accepting paused with 32 connections: the limit of open "
                   "files leaves no room for more")
        before = herd.Stat(pid).cpu
        begun = time.monotonic()
        first.sendall(b"x")
        assert clients.read_exactly(first, 1) == b"x"
        herd.wait_for("a second", lambda: time.monotonic() > begun + 1)
        assert herd.Stat(pid).cpu - before < 0.5
        waiting = clients.tcp(d)
        for sock in held:
            sock.close()
        with clients.context().wrap_socket(waiting) as tls:
            tls.sendall(b"at last")
            assert clients.read_exactly(tls, 7) == b"at last"
        first.close()


def few():
    """May open a hundred files, and no more, also as root."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    libc.prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE)


def test_who_is_accepted_has_a_backend(tmp):
    """There are descriptors for it, and the others wait for their turn."""
    with backend.Backend(backend.echo, backlog=1024) as b, herd.Daemon(
            tmp, herd.site("proxy", workers=1, top="worker_connections = 200",
                           body=f'backend = "{b.address}"'), drop=few) as d:
        d.wait_log("worker_connections = 200 needs [0-9]+ open files, the "
                   "limit is 100: a worker accepts 25 connections at a time "
                   "at most")
        waiting = [clients.tcp(d) for _ in range(80)]
        for sock in waiting:
            with clients.context().wrap_socket(sock) as tls:
                tls.sendall(b"at last")
                assert clients.read_exactly(tls, 7) == b"at last"
        d.wait_connections(80)
        assert not [c for c in d.connections() if "backend" in c["close"]]
        d.wait_log("accepting paused with 25 connections: the limit of open "
                   "files leaves no room for more")


@pytest.mark.parametrize("directive, close", [
    ("handshake_timeout", "handshake_timeout"),
    ("idle_timeout", "idle_timeout"),
    ("shutdown_timeout", "shutdown_timeout")])
def test_time_outs(start, directive, close):
    service = "reply" if directive == "shutdown_timeout" else "echo"
    with start(herd.site(service, body=f'{directive} = "300ms"')) as d:
        if directive == "handshake_timeout":
            client = clients.tcp(d)
        else:
            client = clients.connect(d)
        with client:
            d.wait_connections(1, close=close)


def test_every_field_of_the_log(start, version):
    """Its value, for a connection that is known."""
    with start(herd.site("echo", workers=1,
                         body='alpn = { "x" } groups = "X25519"')) as d:
        ctx = clients.context(version, alpn=["x"])
        session = None
        for _ in range(2):
            half = clients.connect(d, ctx, session=session, sni="a.example")
            with half as tls:
                tls.sendall(b"hello")
                assert clients.read_exactly(tls, 5) == b"hello"
                session, cipher = tls.session, tls.cipher()[0]
                port = tls.getsockname()[1]
        line = d.wait_connections(2)[1]
        assert float(line.pop("handshake_ms")) > 0
        assert float(line.pop("total_ms")) > 0
        assert line == {
            "worker": "0", "id": "2", "client": f"127.0.0.1:{port}",
            "listener": "main", "service": "echo", "sni": "a.example",
            "certificate": "default", "version": clients.name(version),
            "cipher": cipher,
            "group": "x25519" if version == clients.TLS13 else "-",
            "alpn": "x",
            "resumed": "stateful" if version == clients.TLS13 else "id",
            "early": "none", "made_by": "0", "client_cert": "none",
            "client_cn": "-", "client_sha256": "-", "backend": "-",
            "backend_failed": "-", "connect_ms": "-", "in": "5",
            "early_in": "0", "out": "5", "close": "client_closed",
            "error": "-"}


def test_many_idle_connections(start):
    """They are held, and all answer afterwards."""
    n = herd.size(200, 5000)
    with start(herd.site("echo", workers=2)) as d:
        ctx = clients.context()
        held = [clients.connect(d, ctx) for _ in range(n)]
        for tls in held:
            tls.sendall(b"x")
        for tls in held:
            assert clients.read_exactly(tls, 1) == b"x"
            tls.close()
