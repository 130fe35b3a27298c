# SPDX-License-Identifier: ISC
"""What is measured: the rows, how one sample of each is taken, and what it is
called."""

import json
import os
import re
import signal
import subprocess

from servers import Server, Trouble

RESUME = ("--resume", "ticket")
REQUEST = ("--requests", "1")
# The client's part of a TLS 1.3 handshake is the last one. If it closed at
# once, a server that is late sees both together and never calls the backend:
# it looks good for doing less. The ticket says that the server is done.
TICKET = ("--tls", "1.3", "--ticket")
# row: variant of the servers, options of the client
HANDSHAKES = {
    "full13": ("tickets", TICKET),
    "full13-stateful": ("stateful", TICKET),
    "full12": ("tickets", ("--tls", "1.2")),
    "full12-id": ("stateful", ("--tls", "1.2")),
    "id12": ("stateful", ("--tls", "1.2", "--resume", "id")),
    "ticket12": ("tickets", ("--tls", "1.2", *RESUME)),
    "ticket13": ("tickets", (*TICKET, *RESUME)),
    "stateful13": ("stateful", (*TICKET, *RESUME)),
    "req13": ("tickets", ("--tls", "1.3", *REQUEST)),
    "req13-resumed": ("tickets", ("--tls", "1.3", *REQUEST, *RESUME)),
    "early13": ("early", ("--tls", "1.3", *REQUEST, "--early")),
}
# The same without a backend, tlsherd alone: how far it is from the floor.
ECHO = {"echo13": "full13", "echo12": "full12", "echo-id12": "id12",
        "echo-stateful13": "stateful13"}
HANDSHAKES.update({echo: HANDSHAKES[row] for echo, row in ECHO.items()})
KEPT = {"ka1": 1, "ka64": 64}
BULK = ("down", "up")
OTHERS = ("idle", "latency", "storm", "cores")
ROWS = (*HANDSHAKES, *KEPT, *BULK, *OTHERS)
RESUMED = ("id12", "ticket12", "ticket13", "stateful13", "req13-resumed",
           "early13", "echo-id12", "echo-stateful13")
UNITS = {"down": "s/GiB", "up": "s/GiB", "idle": "bytes",
         "latency": "ms p99", "storm": "s", "cores": "1/s"}
GIB = 1 << 30
# Only these have session tickets that can be switched off, or early data.
CAN = {"stateful": ("tlsherd", "nginx", "haproxy", "stunnel"),
       "early": ("tlsherd", "haproxy")}


def unit(row):
    return UNITS.get(row, "us")


def variant(row):
    return HANDSHAKES[row][0] if row in HANDSHAKES else "tickets"


def service(row):
    return "echo" if row in ECHO else "proxy"


def has(server, row):
    if row in ECHO:
        return server == "tlsherd"
    # hitch gives session ids without being told to.
    if server == "hitch" and row in ("id12", "full12-id"):
        return True
    return server in CAN.get(variant(row), (server,))


class Client:
    """The load client; result() is what it prints."""

    def __init__(self, site, port, *options, sync=True):
        command = [site.tool("client"), *map(str, options),
                   f"127.0.0.1:{port}"]
        if sync:
            command.insert(1, "--sync")
        self.child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, site.last_cpu))
        if sync and self.child.stdout.readline() != "ready\n":
            self.result(5)

    def result(self, seconds):
        """Let it go on; the figures."""
        try:
            out, err = self.child.communicate("go\n", timeout=seconds)
        except BaseException:
            self.child.kill()
            self.child.communicate()
            raise
        if self.child.returncode != 0 or not out:
            raise Trouble(err.strip() or "the client says nothing")
        return json.loads(out)


def run_client(site, port, *options, seconds=120):
    return Client(site, port, *options, sync=False).result(seconds)


class Measure:
    """Samples of all rows, of any server. A sample is the figure of the row
    and what else is worth telling."""

    def __init__(self, site, seconds, small):
        self.site, self.seconds, self.small = site, seconds, small
        self.running = {}

    def end(self):
        for server in self.running.values():
            server.end()

    def server(self, name, kind, service="proxy"):
        key = name, kind, service
        if key not in self.running:
            self.running[key] = Server(self.site, name, kind,
                                       service=service)
        return self.running[key]

    def sample(self, name, row):
        if row in OTHERS:
            return getattr(self, row)(name)
        return self.cpu(self.server(name, variant(row), service(row)), row)

    def options(self, row):
        if row in HANDSHAKES:
            return ["-s", self.seconds, *HANDSHAKES[row][1]]
        if row in KEPT:
            return ["-s", self.seconds, "-c", KEPT[row], "--kept", *REQUEST]
        size = GIB // 4 if self.small else GIB
        return ["-n", 1, "-c", 1, "--kept", *REQUEST,
                "--answer" if row == "down" else "--request", size]

    def cpu(self, server, row):
        """CPU time of the server per operation, in microseconds."""
        client = Client(self.site, server.port, *self.options(row))
        before = server.cpu_settled()
        told = client.result(self.seconds + 60)
        spent = server.cpu_settled() - before
        if told["operations"] == 0 or told["failures"] > 0:
            raise Trouble(f"{told['failures']} failures, {told['error']}")
        notes = {}
        share = told["resumed"] / told["operations"]
        if row in RESUMED and share < 0.99:
            notes["resumed"] = share
        if row == "early13":
            notes["early"] = told["early"] / told["operations"]
        if row in BULK:
            return spent * (4 if self.small else 1), notes
        return spent / told["operations"] * 1e6, notes

    def idle(self, name):
        """Memory of an idle connection, in bytes."""
        n = 1000 if self.small else 8000
        server = Server(self.site, name, "tickets")
        try:
            run_client(self.site, server.port, "-n", 50, *REQUEST)
            before = server.pss()
            client = Client(self.site, server.port, "-c", n, "-n", n,
                            "--kept", *REQUEST)
            after = server.pss()
            told = client.result(60)
            if told["operations"] != n:
                raise Trouble(f"{n - told['operations']} did not live")
            return (after - before) / n, {}
        finally:
            server.end()

    def latency(self, name):
        """Handshake and request, 400 new ones per second."""
        told = run_client(self.site, self.server(name, "tickets").port,
                          "-s", max(1, 2 * self.seconds), "-c", 400,
                          "--rate", 400, *REQUEST)
        if told["failures"] > 0:
            raise Trouble(f"{told['failures']} failures, {told['error']}")
        return told["p99_us"] / 1e3, {"p50 ms": told["p50_us"] / 1e3}

    def storm(self, name):
        """2,000 clients at once: a server that has just started, and one
        that has just been told to reload. Seconds until all are served."""
        storm = ("-n", 2000, "-c", 2000, *REQUEST)
        server = Server(self.site, name, "tickets")
        try:
            cold = run_client(self.site, server.port, *storm)
            server.reload()
            warm = run_client(self.site, server.port, *storm)
            return cold["seconds"], {
                "reload s": warm["seconds"],
                "failures": cold["failures"] + warm["failures"],
                "p99 ms": cold["p99_us"] / 1e3}
        finally:
            server.end()

    def cores(self, name):
        """Full handshakes per second with two workers on two processors;
        with one on one."""
        rate, spent = {}, {}
        for n in (1, 2):
            cpus = set(sorted(os.sched_getaffinity(0))[:n])
            server = Server(self.site, name, "tickets", n, cpus)
            try:
                before = server.cpu_settled()
                told = run_client(self.site, server.port, "-s", self.seconds)
                spent[n] = ((server.cpu_settled() - before) * 1e6 /
                            max(1, told["operations"]))
                rate[n] = told["operations"] / told["seconds"]
            finally:
                server.end()
        return rate[2], {"1 worker": rate[1], "us": spent[2],
                         "1 worker us": spent[1]}

    def floor(self, row):
        """What OpenSSL alone takes, and TCP to accept and close; None for
        rows without a floor."""
        if row in (*OTHERS, "early13"):
            return None
        least = self.run_floor(ECHO.get(row, row))
        if row in HANDSHAKES:
            least += self.run_floor("tcp")
        return least / (1e6 if row in BULK else 1)

    def run_floor(self, what):
        return float(subprocess.run(
            [self.site.tool("floor"), what, self.site.folder + "/cert.pem",
             self.site.folder + "/key.pem", str(min(1, self.seconds))],
            check=True, capture_output=True, text=True, timeout=60).stdout)

    # Counts, free of noise: tlsherd with one worker.

    def counts(self, row):
        """System calls per operation, one connection at a time and 32, and
        thousands of user-space instructions."""
        return {"calls, 1 at a time": self.calls(row, 1),
                "calls, 32 at a time": self.calls(row, 32),
                "1000 instructions": self.instructions(row) / 1e3}

    def difference(self, count, few, many):
        return (count(many) - count(few)) / (many - few)

    def calls(self, row, at_once):
        kind, options = HANDSHAKES[row]
        server = Server(self.site, "tlsherd", kind, 1, service=service(row))
        out = self.site.folder + "/strace"
        worker = max(server.pids())

        def count(n):
            client = Client(self.site, server.port, "-n", n, "-c", at_once,
                            *options)
            tracer = subprocess.Popen(
                ["strace", "-f", "-c", "-o", out, "-p", str(worker)],
                stderr=subprocess.PIPE, text=True)
            if "attached" not in (line := tracer.stderr.readline()):
                raise Trouble(line.strip())
            client.result(60)
            server.cpu_settled()
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=30)
            with open(out, encoding="ascii") as f:
                total = re.search(r"(\d+)(?: +\d+)? total$", f.read(), re.M)
            return int(total[1])
        try:
            return self.difference(count, 200, 1000)
        finally:
            server.end()

    def instructions(self, row):
        kind, options = HANDSHAKES[row]
        folder = f"{self.site.folder}/cg-{row}"
        os.mkdir(folder)
        os.chmod(folder, 0o1777)
        os.chmod(self.site.folder, 0o755)

        def count(n):
            out = f"{folder}/{n}."
            server = Server(
                self.site, "tlsherd", kind, 1, seconds=60,
                service=service(row),
                prefix=[self.site.build + "/libtool", "--mode=execute",
                        "valgrind", "-q", "--tool=callgrind",
                        f"--callgrind-out-file={out}%p"])
            try:
                run_client(self.site, server.port, "-n", n, "-c", 8,
                           *options)
            finally:
                server.end(60)
            found = 0
            for name in os.listdir(folder):
                if name.startswith(f"{n}."):
                    with open(f"{folder}/{name}", encoding="ascii",
                              errors="replace") as f:
                        found += sum(map(int, re.findall(
                            r"^totals: (\d+)", f.read(), re.M)))
            if found == 0:
                raise Trouble("valgrind has counted nothing")
            return found
        return self.difference(count, 50, 250)
