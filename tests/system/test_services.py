# SPDX-License-Identifier: ISC
"""What is done with the clear text: every service, and proxy's backends."""

import os
import random
import socket
import ssl

import pytest

import backend
import clients
import flows
import herd
import pki

MIB = 1 << 20


@pytest.fixture(params=["tcp", "unix"])
def path(request, tmp):
    """Where the backend listens: None is TCP."""
    return None if request.param == "tcp" else f"{tmp}/backend"


def proxy(*addresses, body="", **kw):
    quoted = '", "'.join(addresses)
    return herd.site("proxy", body=f'backend = {{ "{quoted}" }}\n{body}',
                     **kw)


def closed(d, n=1, **fields):
    """The log lines of connections that ended like this."""
    return d.wait_connections(n, **fields)


def cut(tls):
    """All that comes before TCP's end without close_notify."""
    data = b""
    with pytest.raises(ssl.SSLError, match="(?i)eof"):
        while True:
            part = tls.recv(65536)
            assert part, "an orderly end"
            data += part
    return data


# reply

TEXTS = [
    ("", "test\n"),
    ('text = ""', ""),
    ('text = "two\\nlines\\n"', "two\nlines\n"),
    (f'text = "{"long " * 8000}"', "long " * 8000),  # several records
]


@pytest.mark.parametrize("body,text", TEXTS, ids=range(len(TEXTS)))
def test_reply(start, version, body, text):
    with start(herd.site("reply", body=body)) as d:
        said, _ = clients.fetch(d, b"", ctx=clients.context(version))
        assert said == text.encode()
        line, = closed(d, service="reply")
        assert (line["close"], line["out"]) == ("done", str(len(text)))


def test_reply_to_somebody_who_talks(start):
    """The text arrives whole whatever the client sends."""
    with start(herd.site("reply", workers=1)) as d:
        for n in (1, 70000, 4 * MIB):
            with clients.connect(d) as tls:
                tls.sendall(bytes(n))
                assert clients.read_all(tls) == b"test\n"


# echo, discard

def test_echo(start, version):
    count, n = herd.size((20, 128 << 10), (200, 8 * MIB))
    ctx = clients.context(version)
    with start(herd.site("echo")) as d, flows.Loop() as loop:
        for i in range(count):
            loop.add(flows.Client(d, flows.Source("client", i, n),
                                  flows.Sink("client", n, i), ctx))
        loop.run(count)
        total = str(loop.flows[0].source.sent)
        closed(d, count, close="done", out=total, **{"in": total})


def test_discard(start, version):
    n = 4 * MIB
    with start(herd.site("discard")) as d:
        with clients.connect(d, clients.context(version)) as tls:
            tls.sendall(random.randbytes(n))
            # Sends our end and waits for the other one.
            tls.unwrap().close()
        line, = closed(d, service="discard")
        assert (line["in"], line["out"], line["close"]) == \
            (str(n), "0", "done")


# trace

FIELDS = ["worker", "pid", "version", "cipher", "group", "sni", "alpn",
          "resumed", "session_worker", "early", "early_in", "certificate",
          "client_certificate", "connection"]


def test_trace_fields(start, version):
    certificate = pki.section("site", "server", ["a.example"]) + \
        pki.section("asks", "server", ["b.example"],
                    "client_certificate = optional\n"
                    f'ca = "{pki.path("clients.pem")}"')
    ctx = clients.context(version, alpn=["two", "one"], cert="alice")
    with start(herd.site(workers=1, certificate=certificate,
                         body='alpn = { "one", "two" }\n'
                              'groups = "P-256"')) as d:
        pid = d.workers()[0]
        for sni, title, verdict in (("a.example", "site", "none"),
                                    ("B.Example", "asks", "ok")):
            with clients.connect(d, ctx, sni=sni) as tls:
                tls.sendall(b"\n")
                answer = clients.read_all(tls).decode()
                cipher = tls.cipher()[0]
                chosen = tls.selected_alpn_protocol()
            said = clients.pairs(answer)
            assert answer.endswith("\n") and answer.count("\n") == 1
            assert list(said) == FIELDS
            number = said.pop("connection")
            assert said == {
                "worker": "0", "pid": str(pid), "version":
                clients.name(version), "cipher": cipher, "group":
                "secp256r1", "sni": sni, "alpn": chosen,
                "resumed": "full", "session_worker": "0", "early": "none",
                "early_in": "0", "certificate": title,
                "client_certificate": verdict}
            assert chosen == "one"
            line, = closed(d, sni=sni)
            assert line["id"] == number


def test_trace_of_a_resumed_session(start, version):
    ctx = clients.context(version)
    with start(herd.site(workers=1)) as d:
        first, session = clients.trace(d, ctx=ctx)
        again, _ = clients.trace(d, ctx=ctx, session=session)
        changed = {k for k in FIELDS if first[k] != again[k]}
        # TLS 1.2 resumes without a key exchange.
        assert changed == {"resumed", "connection"} | (
            {"group"} if version == clients.TLS12 else set())
        assert again["session_worker"] == "0"
        assert int(again["connection"]) == int(first["connection"]) + 1


def test_trace_quotes_what_the_client_says(start):
    with start(herd.site(workers=1)) as d:
        said, _ = clients.trace(d, sni="a\"b'c\\d=e")
        assert list(said) == FIELDS
        assert said["sni"] == r"a\x22b\x27c\x5cd=e"
        line, = closed(d)
        assert line["sni"] == said["sni"]


@pytest.mark.parametrize("name", ["a resumed=id", "a\nworker=7"])
def test_no_name_makes_fields_of_its_own(start, name):
    with start(herd.site(workers=1)) as d:
        with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
            clients.connect(d, sni=name)
        line, = closed(d)
        assert (line["sni"], line["close"]) == ("-", "handshake")


@pytest.mark.parametrize("parts,http", [
    (["G", "E", "T", " "], "GET"), (["HEA", "D /"], "HEAD"),
    (["GE", "n"], None), (["\0"], None), (["HEADER"], None)])
def test_trace_decides_by_the_first_bytes(start, parts, http):
    with start(herd.site(workers=1)) as d:
        with clients.connect(d) as tls:
            for part in parts:
                tls.sendall(part.encode())
            head, _, body = clients.read_all(tls).rpartition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n") == bool(http)
        if http == "HEAD":
            assert body == b""
        else:
            assert list(clients.pairs(body.decode())) == FIELDS
        if http == "GET":
            assert f"Content-Length: {len(body)}\r\n".encode() in head


def test_trace_of_somebody_who_only_ends(start, version):
    with start(herd.site(workers=1)) as d:
        with clients.Half(d, clients.context(version)) as tls:
            tls.finish()
            said = clients.pairs(tls.read_all().decode())
        assert list(said) == FIELDS


# proxy: data

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
        closed(d, count, close="done", backend=address,
               out=str(n_backend + flows.EXTRA),
               **{"in": str(n_client + flows.EXTRA)})


def test_proxy_in_parallel(start, path, version):
    count, n = herd.size((20, 256 << 10), (200, 8 * MIB))
    streams(start, path, count, n, n, version=version)


def test_proxy_much(start):
    n = herd.size(16 * MIB, 1024 * MIB)
    streams(start, None, 1, n, n)


@pytest.mark.parametrize("first", ["client", "backend"])
def test_proxy_half_close(start, path, version, first):
    """One side ends while the other one is in the middle."""
    n = MIB
    hold = (None, n) if first == "client" else (n, None)
    streams(start, path, 4, 2 * n, 2 * n, hold, version)


@pytest.mark.parametrize("n_client,n_backend", [(0, MIB), (MIB, 0)])
def test_proxy_half_close_at_once(start, path, n_client, n_backend):
    """Who has nothing to say ends at once, and the other one tells all."""
    hold = (None, 1) if n_client == 0 else (1, None)
    streams(start, path, 4, n_client, n_backend, hold)


# somebody is slow

MANY = 64 * MIB
FEW_KIB = 8 << 10


def anonymous(pid):
    """KiB of memory that is the worker's own."""
    return int(herd.status(pid)["RssAnon"][0])


def wait_for_the_slow(d, loop, client, n):
    """Nobody reads what is sent; later somebody does.

    What waits stays with its sender, and not in the worker.
    """
    pid = d.workers()[0]
    before = anonymous(pid)
    while len(loop.flows) < n or not client.shaken:
        assert loop.turn(20 * herd.SLOW)
    slow, sender = (loop.flows[-1], client) if client.source.left else \
        (client, loop.flows[-1])
    slow.reading = False
    loop.stall()
    assert sender.source.sent < MANY
    assert anonymous(pid) - before < FEW_KIB
    slow.reading = True
    loop.run(n)


def warm_up(d):
    """The worker has all the memory that it needs once."""
    with clients.connect(d) as tls:
        tls.sendall(b"x")


@pytest.mark.parametrize("slow", ["client", "backend"])
def test_proxy_waits_for_the_slow(start, path, slow):
    n_client, n_backend = (MANY, 0) if slow == "backend" else (0, MANY)
    listener, address = backend.bound(path)
    listener.listen()
    with start(proxy(address, workers=1)) as d, flows.Loop() as loop:
        warm_up(d)
        listener.accept()[0].close()
        loop.listen(listener, lambda sock: flows.Answer(
            sock, n_client, n_backend))
        client = loop.add(flows.Client(
            d, flows.Source("client", 1, n_client),
            flows.Sink("backend", n_backend, 1)))
        wait_for_the_slow(d, loop, client, 2)


def test_echo_waits_for_the_slow(start):
    with start(herd.site("echo", workers=1)) as d, flows.Loop() as loop:
        warm_up(d)
        client = loop.add(flows.Client(d, flows.Source("client", 1, MANY),
                                       flows.Sink("client", MANY, 1)))
        wait_for_the_slow(d, loop, client, 1)


# proxy: the backend is not as it should be

def refused(d, address, reason, error):
    """A client gets no byte and no orderly end."""
    with clients.connect(d) as tls:
        assert cut(tls) == b""
    line, = closed(d, close=reason)
    assert line["backend"] == address
    assert line["error"] == error
    assert line["out"] == "0"


def test_proxy_backend_down(start, path):
    with backend.refusing(path) as address, start(proxy(address)) as d:
        refused(d, address, "backend_down", "Connection_refused")


def test_proxy_backend_is_not_there(start, tmp):
    with start(proxy(f"unix:{tmp}/nothing")) as d:
        refused(d, f"unix:{tmp}/nothing", "backend_down",
                "No_such_file_or_directory")


def test_proxy_connect_timeout(start, path):
    with backend.full(path) as (_, address), \
            start(proxy(address, body='connect_timeout = "100ms"')) as d:
        refused(d, address, "connect_timeout", "Connection_timed_out")


def test_proxy_waits_for_a_full_backend(start, path):
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


def test_proxy_comes_back_with_its_backend(start, tmp):
    """A backend that was down is used as soon as it is up."""
    path = f"{tmp}/backend"
    with start(proxy("unix:" + path)) as d:
        for n in (1, 2):
            with clients.connect(d) as tls:
                cut(tls)
            closed(d, n, close="backend_down")
            with backend.Backend(backend.echo, path), \
                    clients.connect(d) as tls:
                tls.sendall(b"x")
                assert tls.recv(10) == b"x"
            os.unlink(path)


def test_proxy_backends_take_turns(start, tmp):
    with backend.Backend(backend.echo, f"{tmp}/1") as one, \
            backend.Backend(backend.echo) as two, \
            start(proxy(one.address, two.address, workers=1)) as d:
        for _ in range(6):
            with clients.connect(d) as tls:
                tls.sendall(b"x")
                assert tls.recv(10) == b"x"
        used = [c["backend"] for c in closed(d, 6)]
        assert used.count(one.address) == used.count(two.address) == 3


def test_proxy_goes_to_the_next_backend(start, tmp):
    with backend.refusing() as down, backend.full() as (_, deaf), \
            backend.Backend(backend.echo) as up, \
            start(proxy(down, deaf, up.address, f"unix:{tmp}/nothing",
                        workers=1, body='connect_timeout = "400ms"')) as d:
        for _ in range(4):
            with clients.connect(d) as tls:
                tls.sendall(b"x")
                assert tls.recv(10) == b"x"
        assert {c["backend"] for c in closed(d, 4)} == {up.address}


def moody(sock):
    """Echoes, or resets when the first byte is r."""
    first = sock.recv(1)
    sock.sendall(first)
    if first == b"r":
        sock.recv(1)
        backend.reset(sock)
    else:
        backend.echo(sock)


def test_proxy_backend_resets(start, version):
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
        line, = closed(d, close="backend_abort")
        assert line["error"] == "Connection_reset_by_peer"
        neighbour.sendall(b"after")
        assert clients.read_exactly(neighbour, 5) == b"after"


def test_proxy_backend_resets_an_upload(start):
    def serve(sock):
        sock.recv(100000)
        backend.reset(sock)

    with backend.Backend(serve) as b, start(proxy(b.address)) as d:
        with clients.connect(d) as tls:
            # All of it is taken, or the end of our output might be lost.
            tls.sendall(bytes(8 * MIB))
            assert cut(tls) == b""
        closed(d, close="backend_abort")


def test_proxy_client_is_cut(start, path):
    """The backend does not take a part for the whole (over TCP)."""
    ended = []

    def serve(sock):
        try:
            ended.append(backend.read_all(sock))
        except ConnectionResetError:
            ended.append("reset")

    with backend.Backend(serve, path) as b, start(proxy(b.address)) as d:
        with clients.connect(d) as tls:
            tls.sendall(b"whole")
            tls.unwrap().close()
        b.wait_results(1)
        with clients.connect(d) as tls:
            tls.sendall(b"part")
        b.wait_results(2)
        # A reset cannot be sent over a Unix socket.
        assert ended == [b"whole", "reset" if path is None else b"part"]
        closed(d, close="done")
        closed(d, close="client_abort")
