# SPDX-License-Identifier: ISC
"""What a backend hears of a connection, with proxy_protocol = v2."""

import hashlib
import os
import socket
import ssl
import struct
import threading

import pytest

import backend
import clients
import herd
import pki

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def exactly(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        assert part, f"{len(data)} of {n} bytes"
        data += part
    return data


def tlvs(data):
    found = {}
    while data:
        kind, n = struct.unpack("!BH", data[:3])
        assert kind not in found and len(data) >= 3 + n
        found[kind] = data[3:3 + n]
        data = data[3 + n:]
    return found


def read_header(sock):
    """(client, here, values by type)."""
    head = exactly(sock, 16)
    assert head[:12] == SIGNATURE
    command, family, n = struct.unpack("!BBH", head[12:])
    assert command == 0x21
    body = exactly(sock, n)
    if family == 0x11:
        kind, size = socket.AF_INET, 4
    elif family == 0x21:
        kind, size = socket.AF_INET6, 16
    else:
        assert family == 0
        return None, None, tlvs(body)
    ends = [socket.inet_ntop(kind, body[:size]),
            socket.inet_ntop(kind, body[size:2 * size])]
    ports = struct.unpack("!HH", body[2 * size:2 * size + 4])
    return (ends[0], ports[0]), (ends[1], ports[1]), tlvs(body[2 * size + 4:])


def expect(n):
    """A backend that takes the header and n bytes, and answers."""
    def serve(sock):
        header = read_header(sock)
        data = exactly(sock, n)
        sock.sendall(b"ok\n")
        return *header, data
    return serve


def site(b, body="", **kw):
    return herd.site("proxy", workers=2, body=f"""
        proxy_protocol = v2
        backend = {{ "{b.address}" }}
        {body}""", **kw)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("request_", [b"", b"hello"])
def test_header(start, version, address, request_):
    text = f"[{address}]:0" if ":" in address else f"{address}:0"
    with backend.Backend(expect(len(request_))) as b, \
            start(site(b, 'alpn = { "x" }', address=text)) as d:
        ctx = clients.context(version, alpn=["x"])
        with clients.connect(d, ctx, sni="a.example") as tls:
            tls.sendall(request_)
            assert clients.read_all(tls) == b"ok\n"
            ends = tls.getsockname()[:2], tls.getpeername()[:2]
            cipher = tls.cipher()[0].encode()
        client, here, values, data = b.wait_results(1)[0]
        assert (client, here) == ends
        assert data == request_
        assert values[0x01] == b"x"
        assert values[0x02] == b"a.example"
        ssl = values[0x20]
        assert ssl[:5] == b"\1\0\0\0\1"  # TLS; no certificate
        assert tlvs(ssl[5:]) == {0x21: clients.name(version).encode(),
                                 0x23: cipher}
        assert 0xE0 not in values


def test_unix_socket(start, tmp):
    with backend.Backend(expect(1)) as b, \
            start(site(b, address=f"unix:{tmp}/s")) as d:
        assert clients.fetch(d, b"x")[0] == b"ok\n"
        client, here, values, data = b.wait_results(1)[0]
        assert (client, here, data) == (None, None, b"x")
        assert set(values) == {0x20}


@pytest.mark.parametrize("resumption", ["stateful", "tickets"])
def test_client_certificate(start, version, resumption):
    conf = f'client_certificate = required ca = "{pki.path("clients.pem")}"'
    with backend.Backend(expect(1)) as b, \
            start(site(b, f"resumption = {resumption}",
                       certificate=pki.section("default", "server",
                                               more=conf))) as d:
        ctx = clients.context(version, cert="alice")
        session = None
        for i, flags in enumerate([0x07, 0x05]):
            answer, session = clients.fetch(d, b"x", ctx=ctx, session=session)
            assert answer == b"ok\n"
            ssl_value = b.wait_results(i + 1)[i][2][0x20]
            assert ssl_value[:5] == bytes([flags]) + b"\0\0\0\0"
            assert tlvs(ssl_value[5:])[0x22] == b"alice"
        with open(pki.path("alice.pem"), encoding="ascii") as f:
            der = ssl.PEM_cert_to_DER_cert(f.read())
        lines = d.wait_connections(2, client_cn="alice", client_cert="ok")
        assert lines[0]["resumed"] == "full" != lines[1]["resumed"]
        assert {line["client_sha256"] for line in lines} == {
            hashlib.sha256(der).hexdigest()}


@pytest.mark.parametrize("mode", ["accept", "postpone"])
def test_early_data_are_told(start, tmp, mode):
    """The first flight's data, and nothing more, before Finished."""
    path = os.path.join(tmp, "early")
    with open(path, "w", encoding="ascii") as f:
        f.write("so early")
    with backend.Backend(expect(8)) as b, \
            start(site(b, f"early_data {{ mode = {mode} }}")) as d:
        code, doc = clients.probe(d, "--early-data", path, "-n", "3")
        assert code == 0
        assert doc["versions"][0]["early_accepted"] == 2
        told = [values.get(0xE0) for _, _, values, _ in b.wait_results(3)]
        data = [data for _, _, _, data in b.results]
        assert data == 3 * [b"so early"]
        if mode == "accept":
            assert sorted(t is None for t in told) == [False, False, True]
            for t in told:
                assert t is None or t[1:] == b"\0\0\0\x08" and t[0] in (0, 1)
        else:
            assert told == [None, None, None]


def test_refused_early_data_are_none(start, tmp):
    """Copies of a flight: one backend connection has its bytes."""
    path = os.path.join(tmp, "early")
    with open(path, "w", encoding="ascii") as f:
        f.write("so early")
    lock = threading.Lock()
    got = []

    def note(sock):
        try:
            _, _, values = read_header(sock)
        except (AssertionError, ConnectionResetError):
            return  # a copy's handshake never ends, so there is no header
        with lock:
            got.append((values.get(0xE0), exactly(sock, 8)))
        sock.sendall(b"ok\n")

    with backend.Backend(note) as b, \
            start(site(b, "early_data { mode = accept }")) as d:
        _, doc = clients.probe(d, "--early-data", path, "--replay", "30")
        assert doc["replay"]["accepted"] == 1
        herd.wait_for("two requests", lambda: len(got) >= 2)
        assert sorted(t is None for t, _ in got) == [False, True]
