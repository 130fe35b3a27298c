# SPDX-License-Identifier: ISC
"""What is measured: the rows, how one sample of each is taken, and what it is
called."""

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time

from servers import Server, Trouble, cpu_of, settled

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
ECHO["echo-idle"] = "idle"
# Servers that do not call the backend for a client that says nothing.
DATA = {row + "-data": row for row in ("full13", "id12", "stateful13")}
HANDSHAKES.update({data: HANDSHAKES[row] for data, row in DATA.items()})
KEPT = {"ka1": 1, "ka64": 64}
# row: what of the request is long, connections that share the GiB
BULK = {"down": ("--answer", 1), "up": ("--request", 1),
        "down8": ("--answer", 8), "up8": ("--request", 8)}
GROWTH = ("workers", "sessions")
# Rows that have the floor of another.
FLOOR = {**ECHO, **DATA, "down8": "down", "up8": "up"}
OTHERS = ("idle", "echo-idle", "latency", "storm", "cores", *GROWTH)
ROWS = (*HANDSHAKES, *KEPT, *BULK, *OTHERS)
# One of each kind, for two minutes.
QUICK = ("full13", "full12", "id12", "ticket13", "stateful13",
         "req13", "early13", "id12-data", *KEPT, "down", "up", "idle",
         "latency", "storm", "cores")
RESUMED = ("id12", "ticket12", "ticket13", "stateful13", "req13-resumed",
           "early13", "echo-id12", "echo-stateful13", "id12-data",
           "stateful13-data")
UNITS = {**dict.fromkeys(BULK, "s/GiB"), "idle": "bytes",
         "echo-idle": "bytes", "latency": "ms p99", "storm": "s",
         **dict.fromkeys(("cores", *GROWTH), "x")}
GIB = 1 << 30
HELLOS = 4000 # the queue of one worker takes them all
# Only these have session tickets that can be switched off, or early data.
CAN = {"stateful": ("tlsherd", "nginx", "haproxy", "stunnel"),
       "early": ("tlsherd", "haproxy")}
CAN_WAIT = ("tlsherd", "haproxy")
# Passes nothing on: it is no proxy, and told for its shared session cache.
ALONE = ("apache2",)


def unit(row):
    return UNITS.get(row, "us")


def variant(row):
    return HANDSHAKES[row][0] if row in HANDSHAKES else "tickets"


def service(row):
    return "echo" if row in ECHO else "proxy"


def has(server, row):
    if row in (*ECHO, "cores", *GROWTH):
        return server == "tlsherd"
    if row in DATA:
        return server in CAN_WAIT
    if server in ALONE:
        return row in HANDSHAKES and "--requests" not in HANDSHAKES[row][1]
    # hitch gives session ids without being told to.
    if server == "hitch" and row in ("id12", "full12-id"):
        return True
    return server in CAN.get(variant(row), (server,))


def two_cpus():
    return (sorted(os.sched_getaffinity(0)) * 2)[:2]


class Client:
    """The load client; result() is what it prints."""

    def __init__(self, site, port, *options, sync=True, cpus=None):
        command = [site.tool("client"), *map(str, options),
                   f"127.0.0.1:{port}"]
        if sync:
            command.insert(1, "--sync")
        self.child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(
                0, cpus or site.last_cpu))
        if sync and self.child.stdout.readline() != "ready\n":
            self.result(5)

    def go(self):
        """Let it begin now; otherwise result() does."""
        self.child.stdin.write("go\n")
        self.child.stdin.flush()

    def result(self, seconds):
        """The figures, when it has ended."""
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

    def server(self, name, row):
        # A worker that comes to share the client's processor is woken at a
        # third of the cost. Where there is one connection that is chance.
        apart = row == "ka1"
        key = name, variant(row), service(row), row in DATA, apart
        if key not in self.running:
            self.running[key] = Server(
                self.site, name, variant(row), service=service(row),
                data=row in DATA, cpus=set(two_cpus()[:1]) if apart else None)
        return self.running[key]

    def sample(self, name, row):
        if row in ("idle", "echo-idle"):
            return self.idle(name, service(row))
        if row in OTHERS:
            return getattr(self, row)(name)
        return self.cpu(self.server(name, row), row)

    def options(self, row):
        if row in HANDSHAKES:
            return ["-s", self.seconds, *HANDSHAKES[row][1]]
        if row in KEPT:
            return ["-s", self.seconds, "-c", KEPT[row], "--kept", *REQUEST]
        size = GIB // 4 if self.small else GIB
        long, n = BULK[row]
        return ["-n", n, "-c", n, "--kept", *REQUEST, long, size // n]

    def cpu(self, server, row, *more):
        """CPU time of the server per operation, in microseconds."""
        client = Client(self.site, server.port, *self.options(row), *more)
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

    def idle(self, name, service):
        """Memory of an idle connection, in bytes."""
        n = 1000 if self.small else 8000
        server = Server(self.site, name, "tickets", service=service)
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
        told = run_client(
            self.site, self.server(name, "latency").port,
            "-s", max(1, 2 * self.seconds), "-c", 400, "--rate", 400,
            *REQUEST)
        if told["failures"] > 0:
            raise Trouble(f"{told['failures']} failures, {told['error']}")
        return told["p99_us"] / 1e3, {"p50 ms": told["p50_us"] / 1e3}

    def storm(self, name):
        """2,000 clients at once: a server that has just started, and one
        that has just been told to reload. Seconds until all are served. The
        clients are two processes, one on each of two processors, which
        they share with the server: what all together have to do is what
        takes the time, as in the floor."""
        server = Server(self.site, name, "tickets")
        try:
            cold = self.storm_once(server)
            server.reload()
            warm = self.storm_once(server)
            return cold["seconds"], {
                "reload s": warm["seconds"],
                "failures": cold["failures"] + warm["failures"],
                "p99 ms": cold["p99_us"] / 1e3,
                "clients' CPU s": cold["cpu"],
                "its own CPU s": cold["server"]}
        finally:
            server.end()

    def storm_once(self, server):
        clients = [Client(self.site, server.port, "-n", 1000, "-c", 1000,
                          *REQUEST, cpus={cpu}) for cpu in two_cpus()]
        before = server.cpu_settled()
        for client in clients:
            client.go()
        told = [client.result(60) for client in clients]
        return {"seconds": max(t["seconds"] for t in told),
                "failures": sum(t["failures"] for t in told),
                "p99_us": max(t["p99_us"] for t in told),
                "cpu": sum(t["cpu"] for t in told),
                "server": server.cpu_settled() - before}

    def cores(self, name):
        """How many times faster two workers, each on a processor of its
        own, answer 4,000 clients than one. The clients need processors,
        too: so they say hello while the workers are stopped, and then are
        stopped themselves."""
        took, spent = {}, {}
        for n in (1, 2):
            server = Server(self.site, name, "tickets", n, service="echo")
            try:
                workers = server.pin(two_cpus()[:n])
                took[n], cpu = self.answer_all(server.port, workers, HELLOS)
                spent[n] = cpu / HELLOS * 1e6
            finally:
                server.end()
        return took[1] / took[2], {
            "ms, one worker": took[1] * 1e3, "two": took[2] * 1e3,
            "us of CPU each, one worker": spent[1], "with two": spent[2]}

    def workers(self, name):
        """How much more a handshake costs with eight workers than with
        one."""
        spent = {}
        for n in (1, 2, 4, 8):
            server = Server(self.site, name, "tickets", n, service="echo")
            try:
                spent[n], _ = self.cpu(server, "echo13")
            finally:
                server.end()
        return spent[8] / spent[1], {f"us, {n} workers": us
                                     for n, us in spent.items()}

    def sessions(self, name):
        """How much more a resumption costs when the cache has many."""
        spent = {}
        server = Server(self.site, name, "stateful", service="echo")
        try:
            for n in (10, 1000, 30000):
                spent[n], notes = self.cpu(server, "echo-id12", "--pool", n)
                if notes:
                    raise Trouble(f"of {n} sessions: {notes}")
        finally:
            server.end()
        return spent[30000] / spent[10], {f"us, {n} sessions": us
                                          for n, us in spent.items()}

    def answer_all(self, port, workers, n):
        """Seconds by the clock, and of the workers' CPU time."""
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        client = Client(self.site, port, "-n", n, "-c", n)
        try:
            client.go()
            settled(lambda: cpu_of(client.child.pid))
            client.child.send_signal(signal.SIGSTOP)
            before = sum(map(cpu_of, workers))
            begin = time.monotonic()
            for pid in workers:
                os.kill(pid, signal.SIGCONT)
            end = settled(lambda: sum(map(cpu_of, workers)), 0.002)
            return end - begin, sum(map(cpu_of, workers)) - before
        finally:
            client.child.kill()
            client.child.communicate()

    def floor(self, row):
        """What OpenSSL alone takes, and TCP for the same exchange with
        clients, and with the backend where there is one; None for rows
        without a floor."""
        if row in ("latency", "cores", "early13", *GROWTH):
            return None
        same = FLOOR.get(row, row)
        least = self.run_floor(same, *self.floor_options())
        if same in HANDSHAKES or same in KEPT:
            calls = row not in ECHO and row not in DATA
            backend = [str(self.site.backend_port)] if calls else []
            least += self.run_floor("tcp", same, *backend)
        return least / (1e6 if row in BULK else 1)

    def floor_options(self):
        return (self.site.folder + "/cert.pem", self.site.folder + "/key.pem",
                str(min(1, self.seconds)))

    def run_floor(self, *args, prefix=()):
        try:
            return float(subprocess.run(
                [*prefix, self.site.tool("floor"), *args], check=True,
                capture_output=True, text=True, timeout=60).stdout)
        except subprocess.SubprocessError as why:
            raise Trouble(f"floor: {why}, {why.stderr}") from why

    # Counts, free of noise: tlsherd with one worker.

    def counts(self, row):
        """System calls per operation, one connection at a time and 32, and
        thousands of user-space instructions, OpenSSL's alone beside them."""
        at_once = (KEPT[row],) if row in KEPT else (1, 32)
        found = {f"calls, {n} at a time": self.calls(row, n) for n in at_once}
        found["1000 instructions"] = self.instructions(row) / 1e3
        if row != "early13":
            least = self.floor_instructions(row) / 1e3
            found["OpenSSL alone"] = least
            found["x OpenSSL"] = found["1000 instructions"] / least
        return found

    def load(self, row, n, at_once):
        """The client's options for so many operations."""
        how = ("--kept", *REQUEST) if row in KEPT else HANDSHAKES[row][1]
        return ["-n", n, "-c", at_once, *how]

    def difference(self, count, few, many):
        return (count(many) - count(few)) / (many - few)

    def calls(self, row, at_once):
        server = Server(self.site, "tlsherd", variant(row), 1,
                        service=service(row), data=row in DATA)
        out = self.site.folder + "/strace"
        worker = max(server.pids())

        def count(n):
            client = Client(self.site, server.port,
                            *self.load(row, n, at_once))
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
                lines = [line.split() for line in f]
            # Percent, seconds, each, calls, perhaps errors, name.
            return sum(int(words[3]) for words in lines
                       if len(words) > 4 and words[3].isdigit()
                       and words[-1] != "total")
        try:
            return self.difference(count, 200, 1000)
        finally:
            server.end()

    def instructions(self, row):
        def count(n):
            with self.callgrind() as (folder, prefix):
                server = Server(self.site, "tlsherd", variant(row), 1,
                                seconds=60, service=service(row),
                                data=row in DATA, prefix=prefix)
                try:
                    run_client(self.site, server.port,
                               *self.load(row, n, KEPT.get(row, 8)))
                finally:
                    server.end(60)
                return counted(folder)
        return self.difference(count, 50, 250)

    def floor_instructions(self, row):
        """The same of OpenSSL alone: the floor's functions server_*()."""
        def count(n):
            with self.callgrind("--toggle-collect=server_*") as (folder,
                                                                 prefix):
                self.run_floor(FLOOR.get(row, row),
                               *self.floor_options()[:2], f"x{n}",
                               prefix=prefix)
                return counted(folder)
        return self.difference(count, 50, 250)

    @contextlib.contextmanager
    def callgrind(self, *options):
        """A folder where a server's workers may write, and what goes before
        the command."""
        os.chmod(self.site.folder, 0o755)
        with tempfile.TemporaryDirectory(dir=self.site.folder) as folder:
            os.chmod(folder, 0o1777)
            yield folder, [
                self.site.build + "/libtool", "--mode=execute", "valgrind",
                "-q", "--tool=callgrind",
                f"--callgrind-out-file={folder}/%p", *options]


def counted(folder):
    found = 0
    for name in os.listdir(folder):
        with open(f"{folder}/{name}", encoding="ascii",
                  errors="replace") as f:
            found += sum(map(int, re.findall(r"^totals: (\d+)", f.read(),
                                             re.M)))
    if found == 0:
        raise Trouble("valgrind has counted nothing")
    return found
