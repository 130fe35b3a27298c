#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""usage: tests/bench/siege.py [ROW ...]     from the build folder

What others may cost a site: tlsherd beside nginx (stream), each as a proxy
with two workers, one after the other in the same run.

  bytes   p99 of clients that behave, beside 5,000 that send a byte a second
  half    the same beside 5,000 that stay in the middle of their handshakes
  hellos  memory after 6 times 2,000 ClientHellos of 131,000 bytes whose last
          byte never comes

Figures are milliseconds and MiB of memory (PSS); "alone" is the same
without them. Needs some 12,000 descriptors.
"""

import os
import resource
import socket
import ssl
import statistics
import struct
import sys
import tempfile
import threading
import time

import servers

CROWD = 5000
CLIENTS = 1000
ROUNDS, WITHHELD, SIZE = 6, 2000, 131000


def context():
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    return ctx


def connect(port):
    for _ in range(100):
        sock = socket.socket()
        sock.settimeout(10)
        try:
            sock.connect(("127.0.0.1", port))
            return sock
        except OSError:
            sock.close()
            time.sleep(0.05)
    raise servers.Trouble("no connection")


def first_flight():
    """A ClientHello that is good."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context().wrap_bio(incoming, outgoing)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise servers.Trouble("no ClientHello")


def withheld():
    message = b"\1" + struct.pack("!I", SIZE)[1:] + b"\3\3" + \
        os.urandom(SIZE - 3)
    return b"".join(b"\x16\3\1" + struct.pack("!H", len(part)) + part
                    for part in (message[i:i + 16384]
                                 for i in range(0, len(message), 16384)))


class Crowd:
    """Connections that stay until the end; each kind sends what it does."""

    def __init__(self, port, kind):
        self.hello, self.kind, self.done = first_flight(), kind, False
        self.port, self.socks = port, []
        for _ in range(CROWD):
            self.socks.append(self.join())
        self.thread = threading.Thread(target=self.feed)
        self.thread.start()

    def join(self):
        sock = connect(self.port)
        sock.setblocking(False)
        if self.kind == "half":
            sock.send(self.hello)
        return sock

    def feed(self):
        """A byte a second each; who is thrown out comes again."""
        sent = [0] * CROWD
        while not self.done:
            begin = time.monotonic()
            for i in range(CROWD):
                if i % 50 == 0:
                    time.sleep(max(0, begin + i / CROWD - time.monotonic()))
                if self.done:
                    return
                self.nudge(i, sent)
            time.sleep(max(0, begin + 1 - time.monotonic()))

    def nudge(self, i, sent):
        try:
            if self.kind == "bytes":
                sent[i] += self.socks[i].send(
                    self.hello[sent[i]:sent[i] + 1])
            elif self.socks[i].recv(65536) == b"":
                raise ConnectionError
        except BlockingIOError:
            pass
        except OSError:
            self.socks[i].close()
            self.socks[i], sent[i] = self.join(), 0

    def leave(self):
        self.done = True
        self.thread.join()
        for sock in self.socks:
            sock.close()


def latencies(port):
    """Milliseconds of connection, full handshake, request and answer."""
    ctx, times = context(), []
    for _ in range(CLIENTS):
        begin = time.monotonic()
        with connect(port) as sock, ctx.wrap_socket(sock) as tls:
            tls.sendall(struct.pack("!QQ", 0, 1))
            tls.recv(1)
        times.append((time.monotonic() - begin) * 1000)
        time.sleep(0.005)
    return times


def tell(name, row, what, times):
    cuts = statistics.quantiles(times, n=100)
    print(f"{row:7} {name:8} {what:7} p50 {cuts[49]:7.2f}  "
          f"p99 {cuts[98]:7.2f}  most {max(times):7.2f} ms", flush=True)


def beside(server, row):
    tell(server.name, row, "alone", latencies(server.port))
    crowd = Crowd(server.port, row)
    try:
        tell(server.name, row, "beside", latencies(server.port))
    finally:
        crowd.leave()


def hold(port, data):
    held = []
    for _ in range(WITHHELD):
        sock = connect(port)
        sock.setblocking(False)
        try:
            sock.send(data)
        except OSError:
            pass
        held.append(sock)
    time.sleep(1)
    return held


def memory(server):
    latencies(server.port)
    values, most, data = [server.pss() / 2**20], 0, withheld()
    for _ in range(ROUNDS):
        held = hold(server.port, data)
        most = max(most, server.pss() / 2**20)
        for sock in held:
            sock.close()
        time.sleep(3)
        values.append(server.pss() / 2**20)
    print(f"hellos  {server.name:8} before {values[0]:.1f}, at most "
          f"{most:.1f}, after each round "
          f"{', '.join(f'{v:.1f}' for v in values[1:])} MiB", flush=True)


def main():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    wanted = sys.argv[1:] or ["bytes", "half", "hellos"]
    with tempfile.TemporaryDirectory() as folder:
        site = servers.Site(folder, ".", (21000, 21999))
        try:
            for row in wanted:
                for name in ("tlsherd", "nginx"):
                    server = servers.Server(site, name, "stateful")
                    try:
                        if row == "hellos":
                            memory(server)
                        else:
                            beside(server, row)
                    finally:
                        server.end()
        finally:
            site.end()


if __name__ == "__main__":
    main()
