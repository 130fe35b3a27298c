# SPDX-License-Identifier: ISC
"""Where clients come in, to whom, and what bad ones cost the others."""

import os
import random
import signal
import socket
import ssl
import stat
import struct

import pytest

import clients
import herd
import pki

LISTENS = "0A"  # a state in /proc/net/tcp
ACCEPTS = "00010000"  # a flag in /proc/net/unix


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no ::1 here")


def served(d, name="main", client=None):
    """The listener serves and logs its client so."""
    mark = d.mark()
    said, _ = clients.trace(d.target(name))
    line, = d.wait_connections(1, mark, listener=name)
    assert line["close"] == "done"
    assert line["worker"] == said["worker"]
    if client is not None:
        assert line["client"].startswith(client)
    return said


# Addresses

@pytest.mark.parametrize("address,bound,client", [
    ("127.0.0.1:0", "127.0.0.1:", "127.0.0.1:"),
    ("0.0.0.0:0", "0.0.0.0:", "127.0.0.1:"),
    ("*:0", "0.0.0.0:", "127.0.0.1:"),
    pytest.param("[::1]:0", "[::1]:", "[::1]:", marks=ipv6),
    pytest.param("[::]:0", "[::]:", "[::1]:", marks=ipv6),
])
def test_address(start, address, bound, client):
    with start(herd.site(address=address)) as d:
        text = d.address()
        assert text.startswith(bound)
        assert len(d.addresses()) == 1
        served(d, client=client)


@ipv6
def test_all_of_ipv6_is_only_that(start):
    with start(herd.site(address="[::]:0")) as d:
        with pytest.raises(ConnectionRefusedError):
            clients.tcp(("127.0.0.1", d.port))


@pytest.mark.parametrize("mode", [None, "0600", "0660"])
def test_unix_socket(start, tmp, mode):
    path = f"{tmp}/tls"
    body = f"unix_mode = {mode}" if mode else ""
    with start(herd.site(address=f"unix:{path}", body=body)) as d:
        found = os.stat(path)
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == int(mode or "0666", 8)
        served(d, client="unix")
    assert not os.path.exists(path)


def test_unix_socket_of_a_crash(start, tmp):
    """A socket file that nobody listens to is replaced."""
    path = f"{tmp}/tls"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    with start(herd.site(address=f"unix:{path}")) as d:
        served(d)


def test_several_addresses(start, tmp):
    """Of one listener: all of them serve, and share sessions."""
    addresses = ["127.0.0.1:0", "127.0.0.1:0", "127.0.0.2:0",
                 f"unix:{tmp}/tls"]
    ctx = clients.context(clients.TLS13)
    session = None
    with start(herd.site(address=addresses)) as d:
        bound = [a for a, name in d.addresses() if name == "main"]
        assert len(set(bound)) == 4
        for text in bound:
            host, _, port = text.rpartition(":")
            target = port if host == "unix" else (host, int(port))
            said, new = clients.trace(target, ctx=ctx, session=session)
            assert said["resumed"] == ("full" if session is None
                                       else "stateful")
            session = new


def test_several_listeners(start):
    """Each with a service, a certificate and a policy of its own."""
    conf = herd.site() + \
        herd.listener("echo", "other", certificate=pki.section("own", "a"),
                      body="minimum_version = TLSv1.3") + \
        herd.listener("reply", "third", body='text = "third\\n"')
    with start(conf) as d:
        assert [name for _, name in d.addresses()] == \
            ["main", "other", "third"]
        assert served(d)["certificate"] == "default"
        with clients.connect(d.target("other")) as tls:
            tls.sendall(b"hello")
            assert tls.recv(100) == b"hello"
        with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
            clients.connect(d.target("other"),
                            clients.context(clients.TLS12))
        line = d.wait_connections(1, listener="other",
                                  version="TLSv1.3")[0]
        assert (line["service"], line["certificate"]) == ("echo", "own")
        assert clients.fetch(d.target("third"), b"")[0] == b"third\n"


# Sockets and workers

def listening(target):
    """How many sockets listen to a port of 127.0.0.1, or to a path."""
    if isinstance(target, str):
        with open("/proc/net/unix", encoding="utf-8") as f:
            rows = [line.split() for line in f]
        return sum(row[-1] == target and row[3] == ACCEPTS for row in rows)
    address = f"0100007F:{target[1]:04X}"
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f]
    return sum(row[1] == address and row[3] == LISTENS for row in rows)


@pytest.mark.parametrize("sockets,top", [
    ("tcp", "reuseport = yes"), ("tcp", "reuseport = no"), ("unix", "")])
def test_all_workers_get_connections(start, tmp, sockets, top):
    address = "127.0.0.1:0" if sockets == "tcp" else f"unix:{tmp}/tls"
    with start(herd.site(workers=4, top=top, address=address)) as d:
        assert listening(d.target()) == (4 if "yes" in top else 1)
        seen = set()

        def wave():
            for sock in [clients.tcp(d) for _ in range(16)]:
                with clients.context().wrap_socket(sock) as tls:
                    tls.sendall(b"\n")
                    said = clients.read_all(tls).decode()
                    seen.add(clients.pairs(said)["pid"])
            return len(seen) == 4

        herd.wait_for("all four workers", wave)
        assert seen == {str(pid) for pid in d.workers().values()}


def test_other_workers_serve_for_a_stopped_one(start):
    """Sharing a socket: nobody waits for a worker that hangs."""
    with start(herd.site(workers=2, top="reuseport = no")) as d:
        workers = d.workers()
        os.kill(workers[0], signal.SIGSTOP)
        try:
            herd.wait_for("worker 0 stands still",
                          lambda: herd.Stat(workers[0]).state == "T")
            for _ in range(20):
                assert clients.trace(d)[0]["worker"] == "1"
        finally:
            os.kill(workers[0], signal.SIGCONT)


# Bad clients

def hello():
    """The ClientHello of a real client."""
    out = ssl.MemoryBIO()
    tls = clients.context().wrap_bio(ssl.MemoryBIO(), out,
                                     server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return out.read()


def record(kind, body, version=0x0301):
    return struct.pack(">BHH", kind, version, len(body)) + body


SSL2_HELLO = bytes.fromhex("802e0100020015000000100100800300800700c0060040"
                           "020080040080050080") + bytes(16)

TALK = {  # what: (bytes, close reason, is the answer an alert, or nothing)
    "http": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "not_tls", False),
    "smtp": (b"EHLO localhost\r\n", "not_tls", False),
    "zeros": (bytes(5000), "not_tls", False),
    "ssl2": (SSL2_HELLO, "handshake", True),
    "other record": (record(23, b"x" * 100), "handshake", True),
    "no hello": (record(22, b"\x0b\0\0\x04abcd"), "handshake", True),
    "bad hello": (record(22, b"\x01\0\0\x20" + b"\xff" * 32), "handshake",
                  True),
    "long record": (struct.pack(">BHH", 22, 0x0301, 0xffff) + bytes(70000),
                    "handshake", True),
    "empty records": (record(22, b"") * 2000, "handshake", True),
    "alert": (record(21, b"\x02\x28"), "handshake", True),
    "long hello": (record(22, b"\x01\xff\xff\xff" + bytes(16000)) +
                   record(22, bytes(16384)) * 20, "handshake", True),
}


def read_to_end(sock):
    """What comes until the server ends; a reset is an end, too."""
    data = b""
    try:
        while True:
            part = sock.recv(65536)
            if not part:
                return data
            data += part
    except ConnectionResetError:
        return data


@pytest.fixture
def lone(start):
    """One worker, for good and bad ones alike; it is the same at the end."""
    def conf(timeout):
        return herd.site(workers=1, body=f'handshake_timeout = "{timeout}"\n'
                         'shutdown_timeout = "300ms"')

    class Lone:
        def __init__(self, timeout):
            self.daemon = start(conf(timeout))

        def __enter__(self):
            d = self.daemon.__enter__()
            self.pid = d.workers()[0]
            return d

        def __exit__(self, kind, *rest):
            d = self.daemon
            try:
                if kind is None:
                    assert clients.trace(d)[0]["pid"] == str(self.pid)
                    assert d.workers() == {0: self.pid}
            finally:
                d.__exit__(kind, *rest)
    return Lone


@pytest.mark.parametrize("what", TALK)
def test_no_handshake(lone, what):
    """It is answered with an end, and an alert where that makes sense."""
    data, reason, alert = TALK[what]
    with lone("20s") as d:
        with clients.tcp(d) as sock:
            try:
                sock.sendall(data)
            except (ConnectionResetError, BrokenPipeError):
                pass
            answer = read_to_end(sock)
        line, = d.wait_connections(1)
        assert line["close"] == reason
        assert line["handshake_ms"] == "-"
        assert line["error"] != "-"
        assert answer[:2] == (b"\x15\x03" if alert else b"")


def test_random_bytes(lone):
    """They end in one way or the other, and nobody else notices."""
    rng = random.Random(7)
    count = herd.size(50, 2000)
    with lone("300ms") as d:
        good = clients.connect(d)
        for i in range(count):
            data = rng.randbytes(rng.randrange(1, 600))
            if i % 2:
                data = b"\x16\x03\x01" + data
            with clients.tcp(d) as sock:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                read_to_end(sock)
        ends = {c["close"] for c in d.wait_connections(count)}
        assert ends <= {"not_tls", "handshake", "client_abort"}
        good.sendall(b"\n")
        assert b"worker=0" in clients.read_all(good)


def test_damaged_hellos(lone):
    """A ClientHello with a byte changed, each time another one."""
    whole = hello()
    rng = random.Random(8)
    count = herd.size(60, 3000)
    with lone("300ms") as d:
        for _ in range(count):
            data = bytearray(whole)
            data[rng.randrange(5, len(data))] ^= 1 << rng.randrange(8)
            with clients.tcp(d) as sock:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                read_to_end(sock)
        ends = {c["close"] for c in d.wait_connections(count)}
        assert ends <= {"handshake", "client_abort"}


@pytest.mark.parametrize("part", ["nothing", "a byte", "half", "all"])
def test_silence(lone, part):
    """Who stops before the handshake is complete is cut in time."""
    whole = hello()
    n = {"nothing": 0, "a byte": 1, "half": len(whole) // 2,
         "all": len(whole)}[part]
    with lone("200ms") as d:
        with clients.tcp(d) as sock:
            sock.sendall(whole[:n])
            # Others are served meanwhile.
            clients.trace(d)
            answer = read_to_end(sock)
            assert bool(answer) == (part == "all")
            line, = d.wait_connections(1, close="handshake_timeout")
            assert float(line["total_ms"]) >= 200


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("n", [0, 100, 10 ** 6])
def test_client_goes_away(lone, how, n):
    """Before and in its handshake."""
    whole = hello()
    with lone("20s") as d:
        for _ in range(20):
            with clients.tcp(d) as sock:
                sock.sendall(whole[:n])
                if how == "reset":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    struct.pack("ii", 1, 0))
        if n > 0:
            d.wait_connections(20, close="client_abort")


def test_many_silent_ones(lone):
    """More of them than a queue holds, and the next client is served."""
    with lone("20s") as d:
        silent = [clients.tcp(d) for _ in range(herd.size(200, 900))]
        for _ in range(5):
            clients.trace(d)
        for sock in silent:
            sock.close()
