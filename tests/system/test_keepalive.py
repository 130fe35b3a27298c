# SPDX-License-Identifier: ISC
"""TCP keepalive: connections whose link is dead."""

import os
import subprocess
import sys

import pytest

import clients
import herd

# Of the networks for benchmarks; another one for each run.
HERE = f"198.18.{os.getpid() % 256}.1"
THERE = f"198.18.{os.getpid() % 256}.2"
NONE, KEEPALIVE = "00", "02"  # timers in /proc/net/tcp
ESTABLISHED = "01"


class Link:
    """A network namespace behind a link that can be cut."""

    def __init__(self):
        self.name = f"herd{os.getpid()}"
        self.near = self.far = ""

    def __enter__(self):
        near, far = self.near, self.far = f"h{os.getpid()}", f"p{os.getpid()}"
        self.ip("netns", "add", self.name)
        try:
            self.ip("link", "add", near, "type", "veth", "peer", "name", far,
                    "netns", self.name)
            self.ip("addr", "add", HERE + "/30", "dev", near)
            self.ip("link", "set", near, "up")
            self.there("addr", "add", THERE + "/30", "dev", far)
            self.there("link", "set", far, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        herd.run("ip", "link", "del", self.near)
        herd.run("ip", "netns", "del", self.name)

    def ip(self, *args):
        done = herd.run("ip", *args)
        if done.returncode != 0:
            pytest.skip("no network namespaces here: " + done.stderr)

    def there(self, *args):
        self.ip("-n", self.name, *args)

    def cut(self):
        self.there("link", "set", self.far, "down")

    def start(self, *command, **kw):
        return subprocess.Popen(["ip", "netns", "exec", self.name, *command],
                                **kw)


def timers(port):
    """Of the connections accepted at the port."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return [row[5].split(":")[0] for row in rows if row[3] == ESTABLISHED
            and row[1].endswith(f":{port:04X}")]


def wait_timers(d, timer):
    """That is its only one, once the last segment is acknowledged."""
    herd.wait_for(f"the timer {timer}", lambda: timers(d.port) == [timer])


@pytest.mark.parametrize("reuseport", ["yes", "no"])
def test_clients_have_it(start, reuseport):
    """By default, and as a reload says."""
    top = f"reuseport = {reuseport}"
    with start(herd.site("echo", 1, top)) as d:
        with clients.connect(d):
            wait_timers(d, KEEPALIVE)
        d.wait_connections(1)
        d.reload(herd.site("echo", 1, top,
                           body="client_keepalive = off"))
        with clients.connect(d):
            wait_timers(d, NONE)
        d.wait_connections(2)
        d.reload(herd.site("echo", 1, top,
                           body="client_keepalive = 9h"))
        with clients.connect(d):
            wait_timers(d, KEEPALIVE)


@pytest.mark.skipif(not herd.ROOT, reason="needs root")
def test_dead_client(start):
    with Link() as link, \
            start(herd.site("echo", 1, address="0.0.0.0:0",
                            body="idle_timeout = 0 client_keepalive = 1s")
                  ) as d:
        s_client = link.start(
            "openssl", "s_client", "-quiet", "-connect", f"{HERE}:{d.port}",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        try:
            s_client.stdin.write(b"x\n")
            s_client.stdin.flush()
            assert s_client.stdout.read(2) == b"x\n"
            wait_timers(d, KEEPALIVE)
            link.cut()
            line, = d.wait_connections(1)
            assert line["close"] == "client_abort"
        finally:
            s_client.kill()
            s_client.communicate()


LISTENER = """
import socket, sys
sock = socket.create_server((sys.argv[1], 0))
print(sock.getsockname()[1], flush=True)
peer = sock.accept()[0]
peer.sendall(b"x")
sock.accept()
"""


@pytest.mark.skipif(not herd.ROOT, reason="needs root")
def test_dead_backend(start):
    with Link() as link, link.start(
            sys.executable, "-c", LISTENER, THERE,
            stdout=subprocess.PIPE) as there:
        try:
            port = int(there.stdout.readline())
            body = (f'backend = "{THERE}:{port}"\nidle_timeout = 0\n'
                    "backend_keepalive = 1s")
            with start(herd.site("proxy", 1, body=body)) as d, \
                    clients.connect(d) as tls:
                assert tls.recv(1) == b"x"
                link.cut()
                line, = d.wait_connections(1, close="backend_abort")
                assert line["error"] in ("Connection_timed_out",
                                         "No_route_to_host")
        finally:
            there.kill()
