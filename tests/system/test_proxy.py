# SPDX-License-Identifier: ISC
"""The service `proxy`: data both ways, ends, and backends that fail."""

import os
import ssl

import pytest

import backend
import clients
import flows
import herd

MIB = 1 << 20


@pytest.fixture(params=["tcp", "unix"])
def path(request, tmp):
    """Where the backend listens: None is TCP."""
    return None if request.param == "tcp" else f"{tmp}/backend"


def proxy(*addresses, body="", **kw):
    quoted = '", "'.join(addresses)
    return herd.site("proxy", body=f'backend = {{ "{quoted}" }}\n{body}',
                     **kw)


def cut(tls):
    """All that comes before TCP's end without close_notify."""
    data = b""
    with pytest.raises(ssl.SSLError, match="(?i)eof"):
        while True:
            part = tls.recv(65536)
            assert part, "an orderly end"
            data += part
    return data


def echoed(d):
    with clients.connect(d) as tls:
        tls.sendall(b"x")
        assert tls.recv(10) == b"x"


# Data

def streams(start, path, count, n_client, n_backend, hold=(None, None),
            version=None):
    """So many connections with streams both ways, all intact."""
    listener, address = backend.bound(path)
    listener.listen(count)
    ctx = clients.context(version)
    with start(proxy(address)) as d, flows.Loop() as loop:
        loop.listen(listener, lambda sock: flows.Answer(
            sock, n_client, n_backend, hold[1]))
        for i in range(count):
            loop.add(flows.Client(
                d, flows.Source("client", i, n_client),
                flows.Sink("backend", n_backend, i), ctx, hold[0]))
        loop.run(2 * count, herd.size(60, 600))
        d.wait_connections(count, close="done", backend=address,
                           out=str(n_backend + flows.EXTRA),
                           **{"in": str(n_client + flows.EXTRA)})


def test_in_parallel(start, path, version):
    count, n = herd.size((20, 256 << 10), (200, 8 * MIB))
    streams(start, path, count, n, n, version=version)


def test_much(start):
    n = herd.size(16 * MIB, 1024 * MIB)
    streams(start, None, 1, n, n)


@pytest.mark.parametrize("first", ["client", "backend"])
def test_half_close(start, path, version, first):
    """One side ends while the other one is in the middle."""
    n = MIB
    hold = (None, n) if first == "client" else (n, None)
    streams(start, path, 4, 2 * n, 2 * n, hold, version)


@pytest.mark.parametrize("n_client,n_backend", [(0, MIB), (MIB, 0)])
def test_half_close_at_once(start, path, n_client, n_backend):
    """Who has nothing to say ends at once, and the other one tells all."""
    hold = (None, 1) if n_client == 0 else (1, None)
    streams(start, path, 4, n_client, n_backend, hold)


# Somebody is slow

@pytest.mark.parametrize("slow", ["client", "backend"])
def test_waits_for_the_slow(start, path, slow):
    n_client = flows.MANY if slow == "backend" else 0
    n_backend = flows.MANY - n_client
    listener, address = backend.bound(path)
    listener.listen()
    with start(proxy(address, workers=1), env=flows.LEAN) as d, \
            flows.Loop() as loop:
        flows.warm_up(d)
        listener.accept()[0].close()
        loop.listen(listener, lambda sock: flows.Answer(
            sock, n_client, n_backend))
        client = loop.add(flows.Client(
            d, flows.Source("client", 1, n_client),
            flows.Sink("backend", n_backend, 1)))
        flows.wait_for_the_slow(d, loop, client, 2)


# When the backend is called

def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        clients.context().wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("when", ["hello", "handshake", "data"])
def test_connect(start, path, when):
    """Not for clients that do not get as far as that."""
    listener, address = backend.bound(path)
    listener.listen()
    listener.settimeout(20 * herd.SLOW)

    def called(n, yes):
        line = d.wait_connections(n)[-1]
        assert line["backend"] == (address if yes else "-")

    with listener, start(proxy(address, workers=1,
                               body=f"connect = {when}")) as d:
        with clients.tcp(d) as sock:
            sock.sendall(client_hello())
            assert sock.recv(1) == b"\x16"
            if when == "hello":
                listener.accept()[0].close()
        called(1, when == "hello")
        with clients.connect(d) as tls:
            if when != "data":
                with listener.accept()[0] as sock:
                    sock.sendall(b"banner")
                assert clients.read_all(tls) == b"banner"
            tls.unwrap().close()
        called(2, when != "data")
        with clients.connect(d) as tls:
            tls.sendall(b"x")
            with listener.accept()[0] as sock:
                assert sock.recv(10) == b"x"
        called(3, True)


# The backend is not as it should be

def refused(d, address, reason, error):
    """A client gets no byte and no orderly end."""
    with clients.connect(d) as tls:
        assert cut(tls) == b""
    line, = d.wait_connections(1, close=reason)
    assert line["backend"] == address
    assert line["error"] == error
    assert line["out"] == "0"


def test_backend_down(start, path):
    with backend.refusing(path) as address, start(proxy(address)) as d:
        refused(d, address, "backend_down", "Connection_refused")


def test_backend_is_not_there(start, tmp):
    with start(proxy(f"unix:{tmp}/nothing")) as d:
        refused(d, f"unix:{tmp}/nothing", "backend_down",
                "No_such_file_or_directory")


def test_connect_timeout(start, path):
    with backend.full(path) as (_, address), \
            start(proxy(address, body='connect_timeout = "100ms"')) as d:
        refused(d, address, "connect_timeout", "Connection_timed_out")


def test_waits_for_a_full_backend(start, path):
    """Its queue has room in time: the client has only waited."""
    with backend.full(path) as (listener, address), \
            start(proxy(address, body='connect_timeout = "1m"')) as d, \
            clients.connect(d) as tls:
        tls.sendall(b"x")
        listener.accept()[0].close()
        with listener.accept()[0] as sock:
            sock.settimeout(20 * herd.SLOW)
            assert sock.recv(10) == b"x"
            sock.sendall(b"y")
            assert tls.recv(10) == b"y"


def test_comes_back_with_its_backend(start, tmp):
    """A backend that was down is used as soon as it is up."""
    path = f"{tmp}/backend"
    with start(proxy("unix:" + path)) as d:
        for n in (1, 2):
            with clients.connect(d) as tls:
                cut(tls)
            d.wait_connections(n, close="backend_down")
            with backend.Backend(backend.echo, path):
                echoed(d)
            os.unlink(path)


def test_backends_take_turns(start, tmp):
    with backend.Backend(backend.echo, f"{tmp}/1") as one, \
            backend.Backend(backend.echo) as two, \
            start(proxy(one.address, two.address, workers=1)) as d:
        for _ in range(6):
            echoed(d)
        used = [c["backend"] for c in d.wait_connections(6)]
        assert used.count(one.address) == used.count(two.address) == 3


def test_goes_to_the_next_backend(start, tmp):
    with backend.refusing() as down, backend.full() as (_, deaf), \
            backend.Backend(backend.echo) as up, \
            start(proxy(down, deaf, up.address, f"unix:{tmp}/nothing",
                        workers=1, body='connect_timeout = "400ms"')) as d:
        for _ in range(4):
            echoed(d)
        assert {c["backend"] for c in d.wait_connections(4)} == {up.address}


def moody(sock):
    """Echoes, or resets when the first byte is r."""
    first = sock.recv(1)
    sock.sendall(first)
    if first == b"r":
        sock.recv(1)
        backend.reset(sock)
    else:
        backend.echo(sock)


def test_backend_resets(start, version):
    """The client sees that it is not all; its neighbour sees nothing."""
    ctx = clients.context(version)
    with backend.Backend(moody) as b, \
            start(proxy(b.address, workers=1)) as d, \
            clients.connect(d, ctx) as tls, \
            clients.connect(d, ctx) as neighbour:
        neighbour.sendall(b"before")
        assert clients.read_exactly(neighbour, 6) == b"before"
        tls.sendall(b"r")
        assert tls.recv(1) == b"r"
        tls.sendall(b"!")
        assert cut(tls) == b""
        tls.close()
        line, = d.wait_connections(1, close="backend_abort")
        assert line["error"] == "Connection_reset_by_peer"
        neighbour.sendall(b"after")
        assert clients.read_exactly(neighbour, 5) == b"after"


def test_backend_resets_an_upload(start):
    def serve(sock):
        sock.recv(100000)
        backend.reset(sock)

    with backend.Backend(serve) as b, start(proxy(b.address)) as d:
        with clients.connect(d) as tls:
            # All of it is taken, or the end of our output might be lost.
            tls.sendall(bytes(8 * MIB))
            assert cut(tls) == b""
        d.wait_connections(1, close="backend_abort")
