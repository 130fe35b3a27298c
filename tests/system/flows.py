# SPDX-License-Identifier: ISC
"""Many connections at once, each way its own stream of random data.

One thread drives all of them with a selector, clients and backends alike, so
that no SSL object is ever in two threads. A stream says whose it is and ends
with a checksum: a byte that is lost, changed, or given to another connection
does not go unseen.
"""

import hashlib
import os
import random
import selectors
import ssl
import struct
import time

import clients
import herd

PIECE = 65536
NUMBER = struct.Struct(">Q")
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
EXTRA = NUMBER.size + hashlib.sha256().digest_size
QUIET = 0.4
MANY = 64 << 20  # more than all buffers on the way
FEW_KIB = 8 << 10
# The address sanitizer keeps what was freed; here we count memory.
LEAN = {"ASAN_OPTIONS": ":".join([os.environ.get("ASAN_OPTIONS", ""),
                                  "quarantine_size_mb=1"])}


class Source:
    """The number of a connection, n random bytes, and their checksum."""

    def __init__(self, role, number, n):
        self.random = random.Random(f"{role} {number}")
        self.digest = hashlib.sha256(role.encode())
        self.left = n
        self.sent = 0
        self.head = NUMBER.pack(number)
        self.done = False

    def piece(self):
        """The next ones; b"" at the end."""
        if self.done:
            return b""
        data = self.head + self.random.randbytes(min(self.left, PIECE))
        self.left -= len(data) - len(self.head)
        self.head = b""
        self.digest.update(data)
        if self.left == 0:
            self.done = True
            data += self.digest.digest()
        self.sent += len(data)
        return data


class Sink:
    """Takes what a Source of this role and n gives."""

    def __init__(self, role, n, number=None):
        self.digest = hashlib.sha256(role.encode())
        self.left = NUMBER.size + n
        self.wanted = number
        self.head = b""
        self.tail = b""

    @property
    def number(self):
        if len(self.head) < NUMBER.size:
            return None
        return NUMBER.unpack(self.head)[0]

    def put(self, data):
        if len(self.head) < NUMBER.size:
            self.head += data[:NUMBER.size - len(self.head)]
        own, tail = data[:self.left], data[self.left:]
        self.digest.update(own)
        self.left -= len(own)
        self.tail += tail

    def check(self):
        assert self.left == 0, f"{self.left} bytes are missing"
        assert self.wanted in (None, self.number), "another one's stream"
        assert self.tail == self.digest.digest(), "the checksum is wrong"


class Flow:
    """One end of a connection, without TLS.

    hold: after so many bytes, wait for the other side's end. With `reading`
    false it reads nothing, its end is known when it reads again.
    """

    def __init__(self, sock, source, sink, hold=None):
        sock.setblocking(False)
        self.sock = sock
        self.source = source
        self.sink = sink
        self.hold = hold
        self.out = memoryview(b"")
        self.reading = True
        self.finished = False  # we
        self.ended = False     # the other side

    def over(self):
        return self.finished and self.ended and not self.out

    def interest(self):
        events = READ if self.reading and not self.ended else 0
        return events | (WRITE if self.out or self.may_send() else 0)

    def may_send(self):
        if self.finished or self.source is None:
            return False
        return self.hold is None or self.source.sent < self.hold or self.ended

    def step(self, events):
        if events & READ:
            self.take(self.sock.recv(4 * PIECE))
        if events & WRITE:
            if not self.out:
                self.give()
            if self.out:
                self.out = self.out[self.sock.send(self.out):]

    def give(self):
        data = self.source.piece()
        if data:
            self.out = memoryview(data)
        else:
            self.finished = True
            self.sock.shutdown(1)

    def take(self, data):
        if data:
            self.sink.put(data)
        else:
            self.ended = True


class Answer(Flow):
    """A backend's end: it learns from the client's stream who it is."""

    def __init__(self, sock, n_in, n_out, hold=None):
        super().__init__(sock, None, Sink("client", n_in), hold)
        self.n = n_out

    def take(self, data):
        super().take(data)
        if self.source is None and self.sink.number is not None:
            self.source = Source("backend", self.sink.number, self.n)


class Client(Flow):
    """A TLS client's end. Its end is close_notify; TCP stays open."""

    def __init__(self, target, source, sink, ctx=None, hold=None):
        super().__init__(clients.tcp(target), source, sink, hold)
        self.input = ssl.MemoryBIO()
        self.output = ssl.MemoryBIO()
        self.tls = (ctx or clients.context()).wrap_bio(self.input,
                                                       self.output)
        self.shaken = False
        self.shake()

    def shake(self):
        try:
            self.tls.do_handshake()
            self.shaken = True
        except ssl.SSLWantReadError:
            pass
        self.gather()

    def gather(self):
        data = self.output.read()
        if data:
            self.out = memoryview(bytes(self.out) + data)

    def may_send(self):
        return self.shaken and super().may_send()

    def give(self):
        data = self.source.piece()
        if data:
            self.tls.write(data)
        else:
            self.finished = True
            try:
                self.tls.unwrap()
            except ssl.SSLWantReadError:
                pass
        self.gather()

    def take(self, data):
        if data:
            self.input.write(data)
        else:
            self.input.write_eof()
        if not self.shaken:
            self.shake()
        try:
            while self.shaken and not self.ended:
                clear = self.tls.read(PIECE)
                self.ended = not clear
                self.sink.put(clear)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        self.gather()


class Loop:
    """Drives flows. Use it in a with statement: it closes all sockets."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.flows = []
        self.listeners = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.listeners + [f.sock for f in self.flows]:
            sock.close()
        self.selector.close()

    def add(self, flow):
        self.flows.append(flow)
        return flow

    def listen(self, sock, make):
        """make(socket) gives the flow of each connection to the listener."""
        sock.setblocking(False)
        self.listeners.append(sock)
        self.selector.register(sock, READ, make)

    def turn(self, timeout):
        """What there is to do now; False: nothing for so long."""
        for flow in self.flows:
            self._watch(flow)
        ready = self.selector.select(timeout)
        for key, events in ready:
            if isinstance(key.data, Flow):
                key.data.step(events)
            else:
                self.add(key.data(key.fileobj.accept()[0]))
        return bool(ready)

    def _watch(self, flow):
        wanted = flow.interest()
        known = self.selector.get_map().get(flow.sock)
        if known is None and wanted:
            self.selector.register(flow.sock, wanted, flow)
        elif known is not None and not wanted:
            self.selector.unregister(flow.sock)
        elif known is not None and known.events != wanted:
            self.selector.modify(flow.sock, wanted, flow)

    def run(self, n, seconds=60):
        """Until n flows are over; all of them must be intact."""
        end = time.monotonic() + seconds * herd.SLOW
        while sum(f.over() for f in self.flows) < n:
            assert time.monotonic() < end, [
                (type(f).__name__, f.finished, f.ended, f.sink.left)
                for f in self.flows if not f.over()]
            self.turn(1)
        assert len(self.flows) == n
        for flow in self.flows:
            flow.sink.check()

    def stall(self, seconds=60):
        """Until everybody waits for somebody else."""
        end = time.monotonic() + seconds * herd.SLOW
        while self.turn(QUIET * herd.SLOW):
            assert time.monotonic() < end, "it never stopped"


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
    grown = anonymous(pid) - before
    assert grown < FEW_KIB
    slow.reading = True
    loop.run(n)


def warm_up(d):
    """The worker has all the memory that it needs once."""
    with clients.connect(d) as tls:
        tls.sendall(b"x")
