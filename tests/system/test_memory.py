# SPDX-License-Identifier: ISC
"""Memory that clients make a worker use before they are anybody: there is a
limit to it, and it is given back."""

import random
import socket
import struct

import pytest

import clients
import herd

ROUNDS = herd.size(2, 6)
CLIENTS = herd.size(800, 2000)
RESIDUE = 12 * 1024  # KiB that an allocator keeps at hand


def own(pid):
    """KiB that this process alone has."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f
                    if line.startswith("Private_Dirty:"))


def hello(size):
    """A ClientHello of so many bytes without its last one, in records."""
    message = b"\1" + struct.pack("!I", size)[1:]
    message += b"\3\3" + random.Random(1).randbytes(size - 3)
    return b"".join(b"\x16\3\1" + struct.pack("!H", len(part)) + part
                    for part in (message[i:i + 16384]
                                 for i in range(0, len(message), 16384)))


def withhold(d, count, size):
    data = hello(size)
    held = []
    for _ in range(count):
        sock = clients.tcp(d)
        sock.setblocking(False)
        try:
            sock.send(data)
        except (ConnectionError, BlockingIOError):
            pass
        held.append(sock)
    return held


def come_and_go(d, count=20):
    held = [clients.connect(d) for _ in range(count)]
    for tls in held:
        tls.close()


@pytest.mark.skipif(herd.SLOW != 1, reason="not the usual allocator")
@pytest.mark.parametrize("size", [131000, 32000])
def test_withheld_hellos(start, size):
    """What larger ones held is never taken, that of others is given back."""
    conf = herd.site("echo", workers=1,
                     top='worker_connections = 5000\nlog_connections = no',
                     body='handshake_timeout = "60s"')
    with start(conf) as d:
        pid = d.wait_workers(1)[0]
        with clients.connect(d) as tls:
            tls.sendall(b"x")
            assert clients.read_exactly(tls, 1) == b"x"
        before = own(pid)
        for _ in range(ROUNDS):
            held = withhold(d, CLIENTS, size)
            if size > 32768:
                for sock in held:
                    sock.setblocking(True)
                    try:
                        while sock.recv(4096):
                            pass
                    except ConnectionError:
                        pass
                assert own(pid) < before + CLIENTS * 16 + RESIDUE
            else:
                herd.wait_for("all hellos", lambda: own(pid) > before +
                              CLIENTS * size // 1024)
            for sock in held:
                sock.close()
        # Others, of whom there are few, do not put it off.
        herd.wait_for(f"what {CLIENTS} clients held above {before} KiB",
                      lambda: come_and_go(d) or own(pid) <= before + RESIDUE)
        with clients.connect(d) as tls:
            tls.sendall(b"x")
            assert clients.read_exactly(tls, 1) == b"x"
