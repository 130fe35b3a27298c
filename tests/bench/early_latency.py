#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""usage: tests/bench/early_latency.py [MS]      from the build folder, as root

Time from before the TCP connection to the first byte of an answer over a link
with a round trip of MS milliseconds (40), for full, resumed and 0-RTT
connections: the table of tlsherd-early-data(7).

The link is two tun devices, one of them in a network namespace of its own with
the server in it, and a relay between them that holds each packet for half of
the time.
"""

import fcntl
import heapq
import json
import os
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

SPACE = f"herd-{os.getpid()}"
CLIENT, SERVER, PORT = "10.213.77.1", "10.213.77.2", 4433
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
ROUNDS = 21


def run(*command, **kw):
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          **kw)


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(),
                                           IFF_TUN | IFF_NO_PI))
    return fd


def relay(a, b, seconds, stop):
    """Every packet goes to the other end, so many seconds later."""
    held, n = [], 0
    while not stop.is_set():
        wait = held[0][0] - time.monotonic() if held else 0.1
        ready, _, _ = select.select([a, b], [], [], max(0, min(wait, 0.1)))
        now = time.monotonic()
        for fd in ready:
            heapq.heappush(held, (now + seconds, n, b if fd == a else a,
                                  os.read(fd, 65536)))
            n += 1
        while held and held[0][0] <= time.monotonic():
            _, _, fd, packet = heapq.heappop(held)
            os.write(fd, packet)


def link(ms, stop):
    names = f"hc{os.getpid()}", f"hs{os.getpid()}"
    run("ip", "netns", "add", SPACE)
    ends = tun(names[0]), tun(names[1])
    run("ip", "link", "set", names[1], "netns", SPACE)
    for end, address, space in ((names[0], CLIENT, []),
                                (names[1], SERVER, ["-n", SPACE])):
        run("ip", *space, "addr", "add", address + "/30", "dev", end)
        run("ip", *space, "link", "set", end, "up")
    thread = threading.Thread(target=relay,
                              args=(*ends, ms / 2000, stop))
    thread.start()
    return thread


def serve(folder):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
        "/CN=localhost", "-keyout", folder + "/key", "-out", folder + "/cert")
    with open(folder + "/conf", "w", encoding="ascii") as f:
        f.write(f'workers = 2\nlog = "{folder}/log"\n'
                f'listen "t" {{\n address = {{ "{SERVER}:{PORT}" }}\n'
                ' service = trace\n early_data { mode = accept }\n'
                f' certificate "c" {{ chain = "{folder}/cert"'
                f' key = "{folder}/key" }}\n}}\n')
    child = subprocess.Popen(["ip", "netns", "exec", SPACE, "src/tlsherd",
                              "-f", "-c", folder + "/conf"])
    for _ in range(100):
        time.sleep(0.1)
        if os.path.exists(folder + "/log") and "ready" in open(
                folder + "/log", encoding="utf-8").read():
            return child
    raise SystemExit("tlsherd does not start")


def measure(folder):
    """What the probe saw, by kind, without its first connection."""
    with open(folder + "/early", "w", encoding="ascii") as f:
        f.write("\n")
    seen = {}

    def probe(*options):
        done = subprocess.run(
            ["src/probe/tlsherd-probe", "--json", *options,
             f"{SERVER}:{PORT}"], capture_output=True, text=True, check=False)
        return json.loads(done.stdout)["versions"][0]["connections"]

    for _ in range(ROUNDS):
        seen.setdefault("TLS 1.2, full", []).append(
            probe("-2", "-n", "1")[0])
        seen.setdefault("TLS 1.3, full", []).append(
            probe("-3", "-n", "1")[0])
    seen["TLS 1.2, resumed"] = probe("-2", "-n", str(ROUNDS + 1))[1:]
    seen["TLS 1.3, resumed"] = probe("-3", "-n", str(ROUNDS + 1))[1:]
    seen["TLS 1.3, early data"] = probe(
        "-3", "-n", str(ROUNDS + 1), "--early-data", folder + "/early")[1:]
    assert all(c["early_accepted"] for c in seen["TLS 1.3, early data"])
    return seen


def main():
    ms = float(sys.argv[1]) if len(sys.argv) > 1 else 40.0
    stop = threading.Event()
    child = thread = None
    with tempfile.TemporaryDirectory() as folder:
        try:
            thread = link(ms, stop)
            child = serve(folder)
            print(f"round trip {ms:.0f} ms, {ROUNDS} connections of each kind")
            for kind, all_seen in measure(folder).items():
                times = [c["answer_ms"] for c in all_seen]
                print(f"  {kind:20s} median {statistics.median(times):6.1f} ms"
                      f"  (least {min(times):.1f}, most {max(times):.1f})")
        finally:
            if child is not None:
                child.send_signal(signal.SIGTERM)
                child.wait(10)
            stop.set()
            if thread is not None:
                thread.join()
            subprocess.run(["ip", "netns", "del", SPACE], check=False)


main()
