# SPDX-License-Identifier: ISC
"""TLS clients: Python's ssl, and what the tests ask of it."""

import hashlib
import json
import random
import select
import socket
import ssl

import herd
import pki

TLS12 = ssl.TLSVersion.TLSv1_2
TLS13 = ssl.TLSVersion.TLSv1_3
PIECE = 65536
VERSIONS = {"TLSv1.2": TLS12, "TLSv1.3": TLS13}


def name(version):
    """As tlsherd and openssl call it."""
    return next(n for n, v in VERSIONS.items() if v == version)


def context(version=None, alpn=None, cert=None, ca=None):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    # Or Python takes TCP's end without close_notify for an orderly one.
    ctx.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if ca is not None:
        ctx.load_verify_locations(pki.path(ca))
        ctx.verify_mode = ssl.CERT_REQUIRED
    if version is not None:
        ctx.minimum_version = ctx.maximum_version = version
    if alpn is not None:
        ctx.set_alpn_protocols(alpn)
    if cert is not None:
        ctx.load_cert_chain(pki.path(cert + ".pem"), pki.path(cert + ".key"))
    return ctx


def tcp(target, seconds=20):
    """A connection to (host, port), a Unix path or a Daemon's listener."""
    if isinstance(target, herd.Daemon):
        target = target.target()
    if isinstance(target, str):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(seconds * herd.SLOW)
        sock.connect(target)
        return sock
    return socket.create_connection(target, seconds * herd.SLOW)


def refuses(target):
    """Nobody listens there any more."""
    try:
        tcp(target).close()
    except ConnectionRefusedError:
        return True
    return False


def connect(target, ctx=None, session=None, sni=None, seconds=20):
    """Handshake done. An end without close_notify raises an exception."""
    sock = tcp(target, seconds)
    try:
        return (ctx or context()).wrap_socket(
            sock, server_hostname=sni, session=session,
            suppress_ragged_eofs=False)
    except BaseException:
        sock.close()
        raise


def read_all(tls):
    data = b""
    while True:
        part = tls.recv(65536)
        if not part:
            return data
        data += part


def read_exactly(tls, n):
    data = b""
    while len(data) < n:
        part = tls.recv(n - len(data))
        assert part, f"the stream ended after {len(data)} of {n} bytes"
        data += part
    return data


def fetch(target, request=b"\n", **kw):
    """Send, read to the orderly end; what came and the session."""
    with connect(target, **kw) as tls:
        if request:
            tls.sendall(request)
        answer = read_all(tls)
        return answer, tls.session


def pairs(line):
    return dict(word.split("=", 1) for word in line.split())


def trace(target, **kw):
    """What the trace service says, as a dictionary, and the session."""
    answer, session = fetch(target, **kw)
    return pairs(answer.decode()), session


def probe(target, *options, seconds=60):
    """tlsherd-probe --json: exit status and document."""
    if isinstance(target, herd.Daemon):
        target = target.address()
    done = herd.run(herd.PROBE, "--json", *options, target, seconds=seconds)
    assert done.stderr == "", done.stderr
    return done.returncode, json.loads(done.stdout)


class Half:
    """A client that can end its own side and go on reading.

    ssl.SSLSocket cannot: its unwrap() wants the server's end at once.
    """

    def __init__(self, target, ctx=None, seconds=20):
        self.seconds = seconds * herd.SLOW
        self.sock = tcp(target, seconds)
        self.sock.settimeout(self.seconds)
        self.input = ssl.MemoryBIO()
        self.output = ssl.MemoryBIO()
        self.tls = (ctx or context()).wrap_bio(self.input, self.output)
        self._drive(self.tls.do_handshake)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def _drive(self, call):
        """The call until it is done; the socket brings what it wants."""
        while True:
            try:
                value = call()
                wants = False
            except ssl.SSLWantReadError:
                wants = True
            self._flush()
            if not wants:
                return value
            self._receive()

    def _flush(self):
        out = self.output.read()
        if out:
            self.sock.sendall(out)

    def _receive(self):
        data = self.sock.recv(262144)
        if data:
            self.input.write(data)
        else:
            self.input.write_eof()

    def send(self, data):
        for i in range(0, len(data), PIECE):
            self.tls.write(data[i:i + PIECE])
            self._flush()

    def finish(self):
        """close_notify, and TCP stays open both ways."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self._flush()

    def read(self, n=PIECE):
        """b"" at the server's close_notify; ssl.SSLError when it is cut."""
        try:
            return self._drive(lambda: self.tls.read(n))
        except ssl.SSLZeroReturnError:
            return b""

    def read_all(self):
        data = bytearray()
        while True:
            part = self.read()
            if not part:
                return bytes(data)
            data += part

    def exchange(self, data, n=None):
        """Send and read at the same time.

        Until all is sent and n bytes have come; without n, finish() follows
        the data, and the server's end is waited for.
        """
        back = bytearray()
        out = memoryview(b"")
        rest = memoryview(data)
        finished = n is not None
        while True:
            try:
                while part := self.tls.read(PIECE):
                    back += part
                break
            except ssl.SSLZeroReturnError:
                break
            except ssl.SSLWantReadError:
                pass
            if n is not None and len(back) >= n and not rest and not out:
                break
            if not out and rest:
                self.tls.write(rest[:PIECE])
                rest = rest[PIECE:]
                out = memoryview(self.output.read())
            elif not out and not finished:
                finished = True
                self.finish()
            ready = select.select([self.sock], [self.sock] if out else [],
                                  [], self.seconds)
            assert ready[0] or ready[1], "nothing moves"
            if ready[0]:
                self._receive()
            if ready[1]:
                out = out[self.sock.send(out[:PIECE], socket.MSG_DONTWAIT):]
        assert not rest and not out, "the server has ended too early"
        return bytes(back)


def noise(n, seed):
    """n bytes of random data with their checksum behind them."""
    data = random.Random(seed).randbytes(n)
    return data + hashlib.sha256(data).digest()


def intact(data, n):
    return (len(data) == n + 32 and
            hashlib.sha256(data[:n]).digest() == data[n:])
