#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""usage: tests/bench/siege.py [ROW ...]     from the build folder

What others may cost a site: tlsherd beside nginx (stream), each as a proxy
with two workers, one after the other in the same run.

  bytes   p99 of clients that behave, beside 5,000 that send a byte a second
  half    the same beside 5,000 that stay in the middle of their handshakes
  hellos  memory after 6 times 2,000 ClientHellos of 131,000 bytes whose last
          byte never comes
  doors   clients that were let in and not served, in 50 graceful stops and
          100 reloads that take the address away, under load
  files   400 clients at a time where each worker may have 100 descriptors
          and 200 connections: whose handshake was in vain

Figures are milliseconds (p99) and MiB of memory (PSS); "alone" is the same
without them, "most" the slowest of a thousand. Needs some 12,000 descriptors.
"""

import collections
import multiprocessing
import os
import resource
import signal
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
STOPS, REMOVALS, VISITORS = 50, 100, 4
TURNS, NAMES = 5, ("tlsherd", "nginx")
DESCRIPTORS, PLACES, AT_A_TIME = 100, 200, 400


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
    """Connections that stay until the end; each kind sends what it does. In a
    process of its own: its work is not to be seen in the clients' times."""

    def __init__(self, port, kind):
        self.hello, self.kind = first_flight(), kind
        self.port, self.socks = port, []
        self.here, self.done = (multiprocessing.Event() for _ in range(2))
        self.process = multiprocessing.Process(target=self.stay)
        self.process.start()
        if not self.here.wait(60):
            raise servers.Trouble("the crowd does not come")

    def stay(self):
        for _ in range(CROWD):
            self.socks.append(self.join())
        self.here.set()
        self.feed()

    def join(self):
        sock = connect(self.port)
        sock.setblocking(False)
        if self.kind == "half":
            sock.send(self.hello)
        return sock

    def feed(self):
        """A byte a second each; who is thrown out comes again."""
        sent = [0] * CROWD
        while not self.done.is_set():
            begin = time.monotonic()
            for i in range(CROWD):
                if i % 50 == 0:
                    time.sleep(max(0, begin + i / CROWD - time.monotonic()))
                    if self.done.is_set():
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
        self.done.set()
        self.process.join(30)


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


def p99(times):
    return statistics.quantiles(times, n=100)[98]


def beside(site, row):
    """Each in turn, some times over."""
    seen = collections.defaultdict(list)
    for _ in range(TURNS):
        for name in NAMES:
            server = servers.Server(site, name, "stateful")
            try:
                alone = latencies(server.port)
                crowd = Crowd(server.port, row)
                try:
                    times = latencies(server.port)
                finally:
                    crowd.leave()
            finally:
                server.end()
            seen[name].append((p99(alone), p99(times), max(times)))
            print(f"{row:7} {name:8} alone {seen[name][-1][0]:7.2f}  "
                  f"beside {seen[name][-1][1]:7.2f}  "
                  f"most {seen[name][-1][2]:7.2f}", flush=True)
    for name in NAMES:
        alone, times, _ = (statistics.median(v) for v in zip(*seen[name]))
        print(f"{row:7} {name:8} p99, median: alone {alone:.2f}, "
              f"beside {times:.2f} ms", flush=True)


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


def memory(site, name):
    server = servers.Server(site, name, "stateful")
    try:
        hellos(server)
    finally:
        server.end()


def hellos(server):
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


def ask(sock, ctx):
    with ctx.wrap_socket(sock) as tls:
        tls.sendall(struct.pack("!QQ", 0, 1))
        if tls.recv(1) == b"":
            raise ConnectionError


def visit(port, served, lost):
    """Until nobody listens."""
    ctx = context()
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port), 10)
        except ConnectionRefusedError:
            return
        except OSError:
            continue
        try:
            ask(sock, ctx)
            with served.get_lock():
                served.value += 1
        except OSError:
            with lost.get_lock():
                lost.value += 1


class Visitors:
    """Processes that come to a port until it is shut."""

    def __init__(self, port, served, lost):
        begin = served.value
        self.processes = [
            multiprocessing.Process(target=visit, args=(port, served, lost))
            for _ in range(VISITORS)]
        for process in self.processes:
            process.start()
        servers.wait_for("visitors",
                         lambda: served.value > begin + 5 * VISITORS)

    def leave(self):
        for process in self.processes:
            process.join(30)
            if process.exitcode != 0:
                raise servers.Trouble("a visitor did not come home")


def stops(site, name, served, lost):
    for _ in range(STOPS):
        server = servers.Server(site, name, "stateful")
        try:
            visitors = Visitors(server.port, served, lost)
            os.kill(server.child.pid, signal.SIGQUIT)
            visitors.leave()
            server.child.wait(30)
        finally:
            server.end()


def removals(site, name, served, lost):
    server = servers.Server(site, name, "stateful")
    try:
        for _ in range(REMOVALS):
            visitors = Visitors(server.port, served, lost)
            server.move(site.ports.take())
            server.reload()
            visitors.leave()
            server.wait_port(server.port)
    finally:
        server.end()


def doors(site, name):
    for what, do in (("stops", stops), ("removed", removals)):
        served, lost = (multiprocessing.Value("i", 0) for _ in range(2))
        do(site, name, served, lost)
        print(f"doors   {name:8} {what:7} served {served.value}, "
              f"let in and lost {lost.value}", flush=True)


def guest(port, results):
    try:
        sock = socket.create_connection(("127.0.0.1", port), 30)
        tls = context().wrap_socket(sock)
    except OSError:
        results.append("no handshake")
        return
    try:
        tls.sendall(struct.pack("!QQ", 0, 1))
        results.append("served" if tls.recv(1) else "in vain")
        time.sleep(0.2)
    except OSError:
        results.append("in vain")
    tls.close()


def files(site, name):
    server = servers.Server(
        site, name, "stateful", prefix=["prlimit", f"--nofile={DESCRIPTORS}"],
        words={"FILES": DESCRIPTORS, "CONNECTIONS": PLACES})
    try:
        results = []
        guests = [threading.Thread(target=guest, args=(server.port, results))
                  for _ in range(AT_A_TIME)]
        for thread in guests:
            thread.start()
        for thread in guests:
            thread.join()
    finally:
        server.end()
    print(f"files   {name:8}", ", ".join(
        f"{what} {n}" for what, n in
        sorted(collections.Counter(results).items())), flush=True)


def each(do):
    return lambda site, row: [do(site, name) for name in NAMES]


ROWS = {"bytes": beside, "half": beside, "hellos": each(memory),
        "doors": each(doors), "files": each(files)}


def main():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        site = servers.Site(folder, ".", (21000, 21999))
        try:
            for row in sys.argv[1:] or ROWS:
                ROWS[row](site, row)
        finally:
            site.end()


if __name__ == "__main__":
    main()
