# SPDX-License-Identifier: ISC
"""The table of tlsherd.conf(5), "Ends": who ends how, what the other side
sees, and what has arrived by then. Whoever reads is slow: it begins after a
second, when the end has long been there.
"""

import concurrent.futures
import fcntl
import hashlib
import random
import signal
import socket
import ssl
import struct
import termios
import time

import pytest

import backend
import clients
import herd

N = 1 << 20
SLOW = 1.0  # what the reader is late; not waited for by any check
HEAD = 32
DATA = random.Random(14).randbytes(N)
DIGEST = hashlib.sha256(DATA).hexdigest()
GARBAGE = b"\x17\x03\x03\0\x20" + bytes(32)

# Who ends how, and what the backend sees with client_cut = end and = reset.
CLIENT_ENDS = {
    "notify": ("end", "end"),        # close_notify; reads the answer
    "leave": ("end", "end"),         # close_notify, and TCP is closed
    "close": ("end", "reset"),       # TCP is closed
    "half": ("end", "reset"),        # TCP's end; reads the answer
    "reset": ("end", "reset"),
    "silent": ("end", "reset"),      # until idle_timeout
    "garbage": ("end", "reset"),     # what is no TLS: a protocol error
    "deaf": ("end", "reset"),        # resets with an answer on its way
}
# How the backend ends after its answer: in order, and with a reset.
BACKEND_ENDS = ("bye", "broken")
ANSWERED = ("notify", "half")


def drained(sock):
    """All that was sent has arrived at the other side's system."""
    def empty():
        left = fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0\0\0\0")
        return struct.unpack("i", left)[0] == 0
    herd.wait_for("an empty queue", empty, 30)


def reset(sock):
    """A reset destroys what is on its way from here: that is no promise."""
    drained(sock)
    backend.reset(sock)


class Server:
    """A backend that reads late, and then does as the client says."""

    def __init__(self, path=None):
        self.ends = {}
        self.backend = backend.Backend(self.serve, path, backlog=1024)

    def serve(self, sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
        key = b""
        while len(key) < HEAD:
            part = sock.recv(HEAD - len(key))
            assert part, key
            key += part
        key = key.decode().strip()
        kind = key.split()[0]
        if kind in BACKEND_ENDS:
            sock.sendall(DATA)
            if kind == "broken":
                reset(sock)
            return
        if kind == "deaf":
            sock.sendall(DATA[:100000])
        time.sleep(SLOW)
        self.read(sock, key)
        if kind in ANSWERED:
            try:
                sock.sendall(DATA)
            except OSError:
                pass  # after a reset

    def read(self, sock, key):
        digest = hashlib.sha256()
        n = 0
        end = "end"
        try:
            while part := sock.recv(1 << 16):
                n += len(part)
                digest.update(part)
        except ConnectionResetError:
            end = "reset"
        self.ends[key] = (n, digest.hexdigest(), end)


class Client:
    def __init__(self, d, name, ctx, kind, number):
        self.kind = kind
        self.key = f"{kind} {number}"
        self.half = clients.Half(d.target(name), ctx, 60)
        self.answer = None

    def run(self):
        half, sock = self.half, self.half.sock
        half.send(self.key.ljust(HEAD).encode())
        if self.kind not in BACKEND_ENDS:
            half.send(DATA)
        getattr(self, "end_" + self.kind)(half, sock)
        sock.close()

    def slow_answer(self, half):
        time.sleep(SLOW)
        data = bytearray()
        try:
            while part := half.read():
                data += part
            end = "end"
        except (ssl.SSLError, OSError):
            end = "cut"
        self.answer = (len(data), hashlib.sha256(data).hexdigest(), end)

    def end_notify(self, half, sock):
        half.finish()
        self.slow_answer(half)

    def end_leave(self, half, sock):
        drained(sock)  # with a ticket unread the close will be a reset
        half.finish()

    def end_close(self, half, sock):
        drained(sock)

    def end_half(self, half, sock):
        sock.shutdown(socket.SHUT_WR)
        self.slow_answer(half)

    def end_reset(self, half, sock):
        reset(sock)

    def end_deaf(self, half, sock):
        reset(sock)

    def end_silent(self, half, sock):
        try:
            while sock.recv(1 << 16):
                pass
        except ConnectionResetError:
            pass

    def end_garbage(self, half, sock):
        sock.sendall(GARBAGE)
        self.end_silent(half, sock)

    def end_bye(self, half, sock):
        self.slow_answer(half)

    def end_broken(self, half, sock):
        self.slow_answer(half)


def crowd(d, name, ctx, kinds, count):
    """So many clients of each kind at once."""
    made = [Client(d, name, ctx, kind, f"{name} {i}")
            for kind in kinds for i in range(count)]
    with concurrent.futures.ThreadPoolExecutor(len(made)) as pool:
        for done in [pool.submit(c.run) for c in made]:
            done.result()
    return made


def listeners(servers, resumption):
    """One for each backend and each client_cut, and what it is called."""
    return {f"{kind}-{cut}": herd.listener(
        "proxy", name=f"{kind}-{cut}", body=f"""
        backend = {{ "{server.backend.address}" }}
        resumption = {resumption}
        client_cut = {cut}
        idle_timeout = "2s"
        """) for kind, server in servers.items() for cut in ("end", "reset")}


def check(server, made, tcp, cut):
    """A reset cannot be sent over a Unix socket: there it is an end."""
    mine = [c for c in made if c.kind in CLIENT_ENDS]
    herd.wait_for("the ends", lambda: all(c.key in server.ends
                                          for c in mine), 60)
    for c in mine:
        end = CLIENT_ENDS[c.kind][cut == "reset"] if tcp else "end"
        assert server.ends[c.key] == (N, DIGEST, end), c.key
    for c in made:
        whole = c.kind != "broken" or not tcp
        if c.kind in BACKEND_ENDS or c.kind == "notify" or (
                c.kind == "half" and cut == "end"):
            assert c.answer == (N, DIGEST, "end" if whole else "cut"), c.key


@pytest.mark.parametrize("resumption", ["tickets", "off"])
def test_table(start, tmp, resumption, version):
    servers = {"tcp": Server(), "unix": Server(f"{tmp}/backend")}
    sections = listeners(servers, resumption)
    ctx = clients.context(version)
    kinds = list(CLIENT_ENDS) + list(BACKEND_ENDS)
    count = herd.size(1, 200)
    rounds = [kinds] if not herd.FULL else [[k] for k in kinds]
    with servers["tcp"].backend, servers["unix"].backend, \
            start("workers = 2\n" + "".join(sections.values())) as d:
        for batch in rounds:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                runs = {name: pool.submit(crowd, d, name, ctx, batch, count)
                        for name in sections}
            for name, run in runs.items():
                kind, cut = name.split("-")
                check(servers[kind], run.result(), kind == "tcp", cut)
        total = len(sections) * len(kinds) * count
        lines = d.wait_connections(total, seconds=60)
        assert len(lines) == total
        assert {c["in"] for c in lines} == {str(HEAD), str(N + HEAD)}


# Workers that stop

@pytest.fixture
def site(start, tmp):
    """A proxy, and a backend that reads when the test says so."""
    listener, address = backend.bound()
    listener.listen()
    listener.settimeout(20 * herd.SLOW)
    made = []

    def make(cut="end", top=""):
        made.append(start(herd.site(
            "proxy", workers=1, top=top, body=f'backend = {{ "{address}" }}\n'
            f"client_cut = {cut}")))
        return made[-1], listener
    with listener:
        yield make


def rest(sock):
    sock.settimeout(20 * herd.SLOW)
    data = bytearray()
    try:
        while part := sock.recv(1 << 16):
            data += part
    except ConnectionResetError:
        return bytes(data), "reset"
    return bytes(data), "end"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_stop(site, version, number):
    """What the kernel has taken arrives, also if the worker waits for none."""
    few = DATA[:100000]
    with_drain = 'drain_timeout = "100ms"'
    d, listener = site(top=with_drain if number == signal.SIGQUIT else "")
    with d, clients.Half(d, clients.context(version)) as half:
        half.send(few)
        sock, _ = listener.accept()
        with sock:
            sock.sendall(few)  # an answer that nobody reads yet
            drained(half.sock)
            drained(sock)
            herd.wait_for("all in the kernel", lambda: len(sock.recv(
                len(few), socket.MSG_PEEK)) > 0)
            d.signal(number)
            d.wait_end()
            line, = d.connections()
            assert (line["in"], line["out"]) == ("100000", "100000")
            assert rest(sock) == (few, "end")
        answer = bytearray()
        with pytest.raises(ssl.SSLError):
            while True:
                part = half.read()
                assert part, "an orderly end"
                answer += part
        assert bytes(answer) == few


def test_drain(site, version):
    """A graceful stop waits for what clients have left behind."""
    d, listener = site()
    with d:
        with clients.Half(d, clients.context(version)) as half:
            sock, _ = listener.accept()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            sender = concurrent.futures.ThreadPoolExecutor(1).submit(
                half.send, DATA)
            herd.wait_for("a full backend", lambda: len(sock.recv(
                1 << 15, socket.MSG_PEEK)) == 1 << 15)
            sender.result()
        d.signal(signal.SIGQUIT)
        with sock:
            d.wait_log("finish|stopping")
            data, end = rest(sock)
        d.wait_end()
        line, = d.connections()
        # With a ticket unread, the close was a reset.
        assert int(line["in"]) == N or version == clients.TLS13
        assert (len(data), end) == (int(line["in"]), "end")
        assert line["close"] in ("client_closed", "client_abort")


def test_backend_never_reads(start):
    """idle_timeout bounds it; what is lost then the log and a reset say."""
    def serve(sock):
        herd.wait_for("the log line", lambda: done)
        return rest(sock)

    done = []
    with backend.Backend(serve) as b, start(herd.site(
            "proxy", body=f'backend = {{ "{b.address}" }}\n'
            'idle_timeout = "300ms"')) as d:
        with clients.connect(d) as tls:
            tls.settimeout(20 * herd.SLOW)
            with pytest.raises(OSError):
                for _ in range(64):
                    tls.sendall(DATA)
        line, = d.wait_connections(1, close="idle_timeout")
        done.append(True)
        (data, end), = b.wait_results(1)
        if line["error"] == "-":  # the system took the rest at last
            assert (len(data), end) == (int(line["in"]), "end")
        else:
            assert line["error"].endswith("bytes_are_not_delivered")
            assert len(data) < int(line["in"]) and end == "reset"


def test_answers_at_once(start):
    """TLS 1.2: close_notify and TCP's end do not wait for the backend."""
    hold = []

    def serve(sock):
        data = backend.read_all(sock)
        herd.wait_for("the client's end", lambda: hold)
        return data

    with backend.Backend(serve) as b, start(herd.site(
            "proxy", body=f'backend = {{ "{b.address}" }}')) as d:
        with clients.Half(d, clients.context(clients.TLS12)) as half:
            half.send(b"bye")
            half.finish()
            half.sock.shutdown(socket.SHUT_WR)
            assert half.read() == b""
        d.wait_connections(1, close="done")
        hold.append(True)
        assert b.wait_results(1) == [b"bye"]
