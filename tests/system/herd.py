# SPDX-License-Identifier: ISC
"""The daemon under test.

`with Daemon(tmp, conf) as d:` starts it in the foreground with a folder of its
own and ports that the system chooses, waits until its workers serve, and ends
it with all its workers, whatever the test did. At the end nothing may be left
of it, it must have ended as told, and no worker may have died that the test
did not kill.
"""

import os
import re
import resource
import signal
import subprocess
import time

import pki

SLOW = float(os.environ.get("TLSHERD_TEST_SLOW", "1"))
FULL = os.environ.get("TLSHERD_FULL") == "1"
BUILD = os.environ.get("top_builddir", os.getcwd())
TLSHERD = os.path.join(BUILD, "src", "tlsherd")
PROBE = os.path.join(BUILD, "src", "probe", "tlsherd-probe")
CTL = os.path.join(BUILD, "tlsherdctl")
ROOT = os.geteuid() == 0

# What a healthy daemon never logs.
FAULTS = re.compile(r"was killed by signal|exited with status|Sanitizer"
                    r"|runtime error:|Assertion|does not listen"
                    r"|has not finished in time")


def size(small, full):
    """How much of it: small by default, full with TLSHERD_FULL=1."""
    return full if FULL else small


def wait_for(what, condition, seconds=20):
    """The first true value of condition(), or an AssertionError."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds * SLOW:.0f} s in vain "
                                 f"for {what}")
        time.sleep(0.01)


def run(*command, seconds=30, **kw):
    """A command to its end: status, stdout and stderr as text."""
    kw.setdefault("stdin", subprocess.DEVNULL if "input" not in kw else None)
    if kw["stdin"] is None:
        del kw["stdin"]
    return subprocess.run([str(c) for c in command], capture_output=True,
                          text=True, errors="replace",
                          timeout=seconds * SLOW, check=False, **kw)


def listener(service="trace", name="main", address="127.0.0.1:0", body="",
             certificate=None):
    """A listen section; certificate: the text of its certificate sections."""
    if certificate is None:
        certificate = pki.section("default", "server")
    if not isinstance(address, str):
        address = '", "'.join(address)
    return f"""
listen "{name}" {{
    address = {{ "{address}" }}
    service = "{service}"
    {body}
    {certificate}
}}
"""


def site(service="trace", workers=2, top="", **kw):
    """A configuration with one listener."""
    return f"workers = {workers}\n{top}\n" + listener(service, **kw)


def as_target(text):
    """An address as the log has it: (host, port), or a Unix socket's path."""
    if text.startswith("unix:"):
        return text[len("unix:"):]
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


class Stat:
    """What /proc says of a process."""

    def __init__(self, pid):
        with open(f"/proc/{pid}/stat", encoding="ascii",
                  errors="replace") as f:
            text = f.read()
        field = text[text.rindex(")") + 2:].split()
        self.pid = pid
        self.state = field[0]
        self.parent = int(field[1])
        self.session = int(field[3])
        tick = os.sysconf("SC_CLK_TCK")
        self.cpu = (int(field[11]) + int(field[12])) / tick


def processes():
    """All living processes."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Stat(int(name))
            except (FileNotFoundError, ProcessLookupError):
                continue
            if stat.state not in "ZX":
                found.append(stat)
    return found


def title(pid):
    """The command line, as ps shows it."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def status(pid):
    """/proc/PID/status as a dictionary."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return {key: value.split() for key, value in
                (line.split(":", 1) for line in f if ":" in line)}


def files(pid):
    """What its descriptors are."""
    return {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}")
            for fd in os.listdir(f"/proc/{pid}/fd")}


def gone(pid):
    """It has ended; as a zombie it may still wait for its parent."""
    return title(pid) == ""


def limit_files(pid, n):
    """Let a process have no more than n descriptors."""
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (n, n))


class Daemon:
    def __init__(self, tmp, conf, *options, name="tlsherd", env=None,
                 foreground=True, ready=True, drop=None, keep=(),
                 output=None):
        self.folder = tmp
        self.conf_path = os.path.join(tmp, name + ".conf")
        self.log_path = os.path.join(tmp, name + ".log")
        self.configure(conf)
        self.wait_ready = ready
        self.faults_allowed = None
        self.status_wanted = 0
        self.pid = None
        self.session = None
        self.child = None
        self.command = ["-c", self.conf_path, *options]
        if foreground:
            self.command.insert(0, "-f")
        self.environment = dict(os.environ, **(env or {}))
        self.preexec = drop
        self.inherited = keep
        self.output = output  # instead of the log file

    # Life

    def __enter__(self):
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                [TLSHERD, *self.command], stdin=subprocess.DEVNULL,
                stdout=self.output or log, stderr=self.output or log,
                env=self.environment, start_new_session=True,
                preexec_fn=self.preexec,
                pass_fds=self.inherited)
        self.pid = self.session = self.child.pid
        try:
            if self.wait_ready:
                wait_for("the workers", self._is_ready)
        except BaseException:
            self._end_all()
            raise
        return self

    def _is_ready(self):
        if self.child.poll() is not None:
            raise AssertionError(f"tlsherd ended with {self.child.returncode}"
                                 f" at its start: {self.log()}")
        return "workers are ready" in self.log()

    def __exit__(self, kind, *_):
        try:
            if self.child.poll() is None:
                self.signal(signal.SIGTERM)
            if kind is None:
                self.wait_end()
                assert self.child.returncode == self.status_wanted
                self._check_end()
        finally:
            self._end_all()

    def _check_end(self):
        wait_for("the end of all workers", lambda: not self.alive(), 10)
        self.check_faults()

    def wait_end(self, seconds=20):
        """Wait until the master has ended; its exit status."""
        return self.child.wait(seconds * SLOW)

    def alive(self):
        """What lives of this daemon."""
        return [p.pid for p in processes() if p.session == self.session]

    def _kill_all(self):
        for pid in self.alive():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def _end_all(self):
        self._kill_all()
        if self.child.returncode is None:
            self.child.wait(10 * SLOW)

    def check_faults(self):
        bad = [line for line in self.log().splitlines()
               if FAULTS.search(line) and not (self.faults_allowed and
                                               self.faults_allowed in line)]
        assert not bad, "\n".join(bad)

    # Signals

    def signal(self, number):
        os.kill(self.pid, number)

    def configure(self, conf):
        with open(self.conf_path + ".new", "w", encoding="utf-8") as f:
            f.write(conf)
        os.rename(self.conf_path + ".new", self.conf_path)

    def reload(self, conf=None):
        """Reload and wait until the new generation serves."""
        if conf is not None:
            self.configure(conf)
        mark = self.mark()
        self.signal(signal.SIGHUP)
        self.wait_log(r"reloaded: generation", mark)

    def reload_refused(self, conf=None):
        """Reload something that is no good; what the log says about it."""
        if conf is not None:
            self.configure(conf)
        mark = self.mark()
        self.signal(signal.SIGHUP)
        self.wait_log(r"reload failed", mark)
        return self.log(mark)

    # Log

    def log(self, mark=0):
        with open(self.log_path, "rb") as f:
            f.seek(mark)
            return f.read().decode(errors="replace")

    def mark(self):
        """A place in the log, to look only at what comes after it."""
        return os.path.getsize(self.log_path)

    def wait_log(self, pattern, mark=0, n=1, seconds=20):
        """Wait for n matches of the pattern; all that there are."""
        expr = re.compile(pattern)

        def enough():
            found = expr.findall(self.log(mark))
            return found if len(found) >= n else None
        return wait_for(f"{n} x {pattern!r} in the log", enough, seconds)

    def connections(self, mark=0):
        """The connection lines, as dictionaries."""
        return [dict(pair.split("=", 1) for pair in line.split())
                for line in re.findall(r": connection (.*)", self.log(mark))]

    def wait_connections(self, n, mark=0, seconds=20, **fields):
        """Wait until n connections with these fields have been logged."""
        def enough():
            found = [c for c in self.connections(mark) if
                     all(c[k] == v for k, v in fields.items())]
            return found if len(found) >= n else None
        return wait_for(f"{n} connections {fields} in the log", enough,
                        seconds)

    # Where it listens

    def addresses(self):
        """(address, listener) in the order of the log."""
        return re.findall(r'listening on (\S+) \(listener "([^"]*)"\)',
                          self.log())

    def address(self, name="main"):
        """What the listener's first socket is bound to."""
        return next(a for a, n in self.addresses() if n == name)

    def target(self, name="main"):
        """(host, port), or the path of a Unix socket."""
        return as_target(self.address(name))

    @property
    def port(self):
        return self.target()[1]

    # Workers

    def children(self):
        return [p.pid for p in processes() if p.parent == self.pid]

    def workers(self):
        """Number → pid of the workers that serve (or will)."""
        found = {}
        for pid in self.children():
            match = re.fullmatch(r"tlsherd: worker (\d+)", title(pid))
            if match:
                found[int(match[1])] = pid
        return found

    def wait_workers(self, n):
        """Wait until there are exactly n, none of them finishing."""
        def there():
            found = self.workers()
            return found if len(found) == n == len(self.children()) else None
        return wait_for(f"{n} workers", there)


class Detached(Daemon):
    """The same as a daemon, with a pid file that says who it is.

    It has a log file, too. Its exit status nobody gets to know.
    """

    def __init__(self, tmp, conf, *options, name="tlsherd", log=None, **kw):
        self.pid_path = os.path.join(tmp, name + ".pid")
        log = log or os.path.join(tmp, name + ".log")
        super().__init__(tmp, f'pid_file = "{self.pid_path}"\n'
                         f'log = "{log}"\n{conf}', *options, name=name,
                         foreground=False, **kw)
        self.log_path = log

    def __enter__(self):
        done = run(TLSHERD, *self.command, env=self.environment,
                   preexec_fn=self.preexec, pass_fds=self.inherited)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        with open(self.pid_path, encoding="ascii") as f:
            self.pid = self.session = int(f.read())
        return self

    def __exit__(self, kind, *_):
        try:
            if not gone(self.pid):
                self.signal(signal.SIGTERM)
            if kind is None:
                self.wait_end()
                self._check_end()
        finally:
            self._kill_all()

    def wait_end(self, seconds=20):
        wait_for("the end", lambda: gone(self.pid), seconds)
