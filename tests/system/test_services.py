# SPDX-License-Identifier: ISC
"""What is done with the clear text; proxy is in test_proxy.py."""

import random
import ssl

import pytest

import clients
import flows
import herd
import pki

MIB = 1 << 20


# Reply

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
        line, = d.wait_connections(1, service="reply")
        assert (line["close"], line["out"]) == ("done", str(len(text)))


def test_reply_to_somebody_who_talks(start):
    """The text arrives whole whatever the client sends."""
    with start(herd.site("reply", workers=1)) as d:
        for n in (1, 70000, 4 * MIB):
            with clients.connect(d) as tls:
                tls.sendall(bytes(n))
                assert clients.read_all(tls) == b"test\n"


# Echo and discard

def test_echo(start, version):
    count, n = herd.size((20, 128 << 10), (200, 8 * MIB))
    ctx = clients.context(version)
    with start(herd.site("echo")) as d, flows.Loop() as loop:
        for i in range(count):
            loop.add(flows.Client(d, flows.Source("client", i, n),
                                  flows.Sink("client", n, i), ctx))
        loop.run(count)
        total = str(loop.flows[0].source.sent)
        d.wait_connections(count, close="done", out=total, **{"in": total})


def test_echo_waits_for_the_slow(start):
    with start(herd.site("echo", workers=1), env=flows.LEAN) as d, \
            flows.Loop() as loop:
        flows.warm_up(d)
        client = loop.add(flows.Client(
            d, flows.Source("client", 1, flows.MANY),
            flows.Sink("client", flows.MANY, 1)))
        flows.wait_for_the_slow(d, loop, client, 1)


def test_discard(start, version):
    n = 4 * MIB
    with start(herd.site("discard")) as d:
        with clients.connect(d, clients.context(version)) as tls:
            tls.sendall(random.randbytes(n))
            tls.setblocking(False)
            with pytest.raises(ssl.SSLWantReadError):
                tls.recv(1)
            tls.settimeout(20 * herd.SLOW)
            # Sends our end and waits for the other one.
            tls.unwrap().close()
        line, = d.wait_connections(1, service="discard")
        assert (line["in"], line["out"], line["close"]) == \
            (str(n), "0", "done")


# Trace

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
            line, = d.wait_connections(1, sni=sni)
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
        line, = d.wait_connections(1)
        assert line["sni"] == said["sni"]


@pytest.mark.parametrize("name,told", [
    ("a resumed=id", r"a\x20resumed=id"), ("a\nworker=7", r"a\x0aworker=7")])
def test_no_name_makes_fields_of_its_own(start, name, told):
    with start(herd.site(workers=1)) as d:
        said, _ = clients.trace(d, sni=name)
        assert list(said) == FIELDS and said["sni"] == told
        line, = d.wait_connections(1)
        assert (line["sni"], line["worker"]) == (told, "0")
        assert line["resumed"] == "full"


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
