# SPDX-License-Identifier: ISC
"""The servers that are compared, and the backend behind all of them: their
configuration, their life, and what /proc says of them.

A Server ends with all its processes, and no other: they are found by their
session, which begins with the process that we start.
"""

import os
import resource
import shutil
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ("nginx", "haproxy", "hitch", "stunnel", "apache2")
PACKAGES = ("nginx-light", "libnginx-mod-stream", "haproxy", "hitch",
            "stunnel4", "apache2")
MODULES = ("/usr/lib/nginx/modules/ngx_stream_module.so",
           "/usr/lib64/nginx/modules/ngx_stream_module.so",
           "/usr/local/nginx/modules/ngx_stream_module.so")
APACHE = "/usr/lib/apache2/modules"
CIPHERS = "ECDHE-ECDSA-AES128-GCM-SHA256"
CIPHERSUITES = "TLS_AES_128_GCM_SHA256"
GROUPS = "X25519:P-256"
RELOAD = {"haproxy": signal.SIGUSR2}
START_SECONDS = 10


class Trouble(Exception):
    """What keeps a measurement from being made."""


def wait_for(what, condition, seconds=START_SECONDS):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise Trouble(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)
    return value


def program(name):
    """The path of a peer's program; None when it is not installed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    if name == "nginx" and module() is None:
        return None
    names = ("stunnel4", "stunnel") if name == "stunnel" else (name,)
    return next(filter(None, (shutil.which(n, path=path) for n in names)),
                None)


def module():
    return next((m for m in MODULES if os.path.exists(m)), None)


def install():
    """Install the peers, without letting their services start."""
    policy = "/usr/sbin/policy-rc.d"
    ours = not os.path.exists(policy)
    if ours:
        with open(policy, "w", encoding="ascii") as f:
            f.write("#!/bin/sh\nexit 101\n")
        os.chmod(policy, 0o755)
    try:
        subprocess.run(["apt-get", "install", "-y",
                        "--no-install-recommends", *PACKAGES], check=True,
                       env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    finally:
        if ours:
            os.unlink(policy)


def make_certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder + "/key.pem", "-out", folder + "/cert.pem"],
        check=True, capture_output=True)
    with open(folder + "/both.pem", "w", encoding="ascii") as out:
        for part in ("/cert.pem", "/key.pem"):
            with open(folder + part, encoding="ascii") as f:
                out.write(f.read())


def stat_of(pid):
    """The fields of /proc/PID/stat after the name; None: it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8",
                  errors="replace") as f:
            return f.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def session(leader):
    """The living processes of a session."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_of(name)
            if fields and fields[0] not in "ZX" and int(fields[3]) == leader:
                found.append(int(name))
    return found


def cpu_of(pid):
    """CPU seconds of a process with all its threads, ended ones included:
    its CPU clock (clock_getcpuclockid), which knows nanoseconds."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def settled(cpu, step=0.02):
    """Wait until these CPU seconds grow no more; since when."""
    limit = time.monotonic() + START_SECONDS
    last, since = cpu(), time.monotonic()
    while (now := time.monotonic()) < limit and now - since < 0.02:
        time.sleep(step)
        if (value := cpu()) - last >= 0.0002:
            last, since = value, time.monotonic()
    return since


def pss_of(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


class Ports:
    """Free ports of 127.0.0.1 out of a range, each given once."""

    def __init__(self, first, last):
        self.left = iter(range(first, last + 1))

    def take(self):
        for port in self.left:
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
        raise Trouble("no free port is left in the range")


class Process:
    """A program in a session of its own."""

    def __init__(self, command, log, cpus=None, stdin=subprocess.DEVNULL):
        pin = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
        with open(log, "ab") as out:
            self.child = subprocess.Popen(
                command, stdin=stdin, stdout=out, stderr=out,
                start_new_session=True, preexec_fn=pin)
        self.log = log

    def pids(self):
        return session(self.child.pid)

    def wait_port(self, port, seconds=START_SECONDS):
        def answers():
            if self.child.poll() is not None:
                raise Trouble(f"{self.child.args[0]} ended: {self.text()}")
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        wait_for(self.child.args[0], answers, seconds)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()[-2000:]

    def end(self, seconds=START_SECONDS):
        pids = self.pids()
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(seconds)
            wait_for("the end", lambda: not self.pids(), 2)
        except (subprocess.TimeoutExpired, Trouble):
            for pid in set(pids) & set(self.pids()):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.child.wait(seconds)


class Server(Process):
    """One of the compared; variant: tickets, stateful or early; data: it
    calls the backend only for clients that have said something."""

    def __init__(self, site, name, variant, workers=2, cpus=None, prefix=(),
                 service="proxy", data=False, seconds=START_SECONDS,
                 words=None):
        self.name = name
        self.port = site.ports.take()
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        values = {
            "FILES": files, "CONNECTIONS": min(16000, (files - 200) // 2),
            "PORT": self.port, "BACKEND": site.backend_port,
            "FOLDER": site.folder, "WORKERS": workers, "SERVICE": service,
            "MODULE": module(), "APACHE": APACHE,
            "CERTIFICATE": site.folder + "/cert.pem",
            "KEY": site.folder + "/key.pem",
            "BOTH": site.folder + "/both.pem", "CIPHERS": CIPHERS,
            "CIPHERSUITES": CIPHERSUITES, "GROUPS": GROUPS,
            "HAPROXY": {"tickets": "", "stateful": "no-tls-tickets",
                        "early": "allow-0rtt"}[variant],
            "IF_ROOT": "" if os.geteuid() == 0 else "#",
            "IF_TICKETS": "" if variant == "tickets" else "#",
            "IF_STATEFUL": "#" if variant == "tickets" else "",
            "IF_PROXY": "" if service == "proxy" else "#",
            "IF_EARLY": "" if variant == "early" else "#",
            "IF_DATA": "" if data else "#",
        }
        values.update(words or {})
        self.conf = conf = f"{site.folder}/{name}-{self.port}.conf"
        with open(f"{HERE}/peers/{name}.in", encoding="ascii") as f:
            text = f.read()
        for word, value in values.items():
            text = text.replace(f"@{word}@", str(value))
        with open(conf, "w", encoding="ascii") as f:
            f.write(text)
        command = {
            "tlsherd": ["-f", "-c", conf],
            "nginx": ["-c", conf, "-p", site.folder],
            "haproxy": ["-W", "-db", "-f", conf],
            "hitch": ["--config=" + conf],
            "stunnel": [conf],
            "apache2": ["-D", "FOREGROUND", "-f", conf],
        }[name]
        command.insert(0, program(name) if name in PEERS else
                       site.build + "/src/tlsherd")
        super().__init__([*prefix, *command], conf + ".log", cpus)
        try:
            self.wait_port(self.port, seconds)
            if name == "tlsherd":
                wait_for("the workers",
                         lambda: "workers are ready" in self.text(), seconds)
            for pid in self.pids() if cpus else ():
                os.sched_setaffinity(pid, cpus)  # hitch sets its own
        except BaseException:
            self.end()
            raise

    def cpu(self):
        return sum(cpu_of(pid) for pid in self.pids())

    def cpu_settled(self):
        """When the last closes have been worked off."""
        settled(self.cpu)
        return self.cpu()

    def pss(self):
        return sum(pss_of(pid) for pid in self.pids())

    def pin(self, cpus):
        """tlsherd: each worker to one of these; the workers' pids."""
        workers = sorted(set(self.pids()) - {self.child.pid})
        for pid, cpu in zip(workers, cpus, strict=True):
            os.sched_setaffinity(pid, {cpu})
        return workers

    def move(self, port):
        """To another port, with the next reload."""
        with open(self.conf, encoding="ascii") as f:
            text = f.read().replace(f":{self.port}", f":{port}")
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(text)
        self.port = port

    def reload(self):
        os.kill(self.child.pid, RELOAD.get(self.name, signal.SIGHUP))


class Site:
    """What all servers share: folder, certificate, ports, backend."""

    def __init__(self, folder, build, ports):
        self.folder, self.build = folder, os.path.abspath(build)
        self.ports = Ports(*ports)
        self.last_cpu = {max(os.sched_getaffinity(0))}
        make_certificate(folder)
        self.backend_port = self.ports.take()
        self.backend = Process(
            [self.tool("backend"), str(self.backend_port)],
            folder + "/backend.log", self.last_cpu, subprocess.PIPE)
        self.backend.wait_port(self.backend_port)

    def tool(self, name):
        return f"{self.build}/tests/bench/{name}"

    def end(self):
        self.backend.child.stdin.close()
        self.backend.end()
