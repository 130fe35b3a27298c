# SPDX-License-Identifier: ISC
"""What init and logrotate call: the files of etc/, installed in a folder."""

import os
import re
import signal
import stat
import subprocess
import sys

import pytest

import clients
import herd

NOT_CONFIGURED, NOT_RUNNING = 6, 7  # of the LSB

# A process 1 that waits for the one command that it starts, as in a container.
REAPS_NOTHING = """
import os, sys
pid = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


class Host:
    """A host with an init script, a logrotate and a systemctl."""

    def __init__(self, folder):
        self.folder = folder
        self.script = f"{folder}/etc/init.d/tlsherd"
        self.pid_file = f"{folder}/run/tlsherd/tlsherd.pid"
        self.log = f"{folder}/log/tlsherd.log"
        os.mkdir(f"{folder}/run")
        os.mkdir(f"{folder}/log")
        write(self.script, self.configured("init.d/tlsherd.in"), 0o755)
        write(f"{folder}/etc/tlsherd/tlsherd.conf",
              f'log = "{self.log}"\npid_file = "{self.pid_file}"\n'
              f'control_socket = "{folder}/run/tlsherd/control.sock"\n' +
              herd.site("echo"))
        self.systemctl(active=False)

    def configured(self, name):
        with open(os.path.join(os.environ["top_srcdir"], "etc", name),
                  encoding="utf-8") as f:
            text = f.read()
        for key, value in (("sbindir", f"{herd.BUILD}/src"),
                           ("sysconfdir", f"{self.folder}/etc"),
                           ("runstatedir", f"{self.folder}/run")):
            text = text.replace(f"@{key}@", os.path.abspath(value))
        return text

    def systemctl(self, active):
        """One that knows a tlsherd, or none, and notes what it is told."""
        write(f"{self.folder}/bin/systemctl", "#!/bin/sh\n"
              f'echo "$*" >>{self.folder}/told\n'
              f'[ "$1" = kill ] || exit {0 if active else 3}\n', 0o755)

    def told(self):
        try:
            with open(f"{self.folder}/told", encoding="utf-8") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def init(self, action):
        return herd.run(self.script, action, seconds=60)

    @staticmethod
    def no_pid():
        """A pid that nobody has."""
        with subprocess.Popen(["true"]) as p:
            return p.pid

    def set(self, text):
        """What the administrator sets."""
        write(f"{self.folder}/etc/default/tlsherd", text)

    def address(self):
        with open(self.log, encoding="utf-8") as f:
            port = re.findall(r"listening on 127\.0\.0\.1:(\d+)", f.read())[-1]
        return "127.0.0.1", int(port)

    def background(self, action):
        return subprocess.Popen([self.script, action], text=True,
                                stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE)

    def postrotate(self):
        """As logrotate calls it."""
        script = re.search(r"postrotate\n(.*)endscript",
                           self.configured("logrotate/tlsherd.in"), re.S)[1]
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        done = herd.run("sh", "-c", script, "logrotate_script", self.log,
                        env=dict(os.environ, PATH=path))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def pid(self):
        with open(self.pid_file, encoding="ascii") as f:
            return int(f.read())


@pytest.fixture
def host(tmp):
    h = Host(tmp)
    yield h
    if os.path.exists(h.pid_file):
        h.init("force-stop")


@pytest.fixture
def stranger(host):
    """A process whose pid stands in a pid file that was left over."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as p:
        write(host.pid_file, f"{p.pid}\n")
        yield p
        p.kill()
    os.unlink(host.pid_file)


def lives(p):
    """It answers, so it has died of nothing that was sent before."""
    p.stdin.write(b"x")
    p.stdin.flush()
    return os.read(p.stdout.fileno(), 1) == b"x"


def opens_anew(host, call):
    os.rename(host.log, host.log + ".1")
    call()
    herd.wait_for("the log file", lambda: os.path.exists(host.log))


def test_life(host):
    for action, code in (("status", 3), ("reload", NOT_RUNNING),
                         ("rotate", NOT_RUNNING), ("upgrade", NOT_RUNNING),
                         ("stop", 0), ("force-stop", 0),
                         ("try-restart", 0), ("rubbish", 2), ("status", 3),
                         ("start", 0), ("start", 0),
                         ("status", 0), ("reload", 0)):
        done = host.init(action)
        assert done.returncode == code, (action, done.stdout, done.stderr)
    pid = host.pid()
    assert f"running, pid {pid}" in host.init("status").stdout
    opens_anew(host, lambda: host.init("rotate").check_returncode())
    assert host.pid() == pid
    assert host.init("stop").returncode == 0
    assert herd.gone(pid) and not os.path.exists(host.pid_file)


def test_stop_leaves_a_start_its_file(host):
    """One that is empty has an owner who has not written into it yet."""
    for action in "stop", "force-stop":
        write(host.pid_file, "")
        assert host.init(action).returncode == 0
        assert os.path.exists(host.pid_file)
    write(host.pid_file, f"{host.no_pid()}\n")
    assert host.init("stop").returncode == 0
    assert not os.path.exists(host.pid_file)


def talk(tls, text):
    tls.sendall(text)
    assert clients.read_exactly(tls, len(text)) == text


def test_stop_waits_for_connections(host):
    assert host.init("start").returncode == 0
    with clients.connect(host.address()) as tls:
        talk(tls, b"before")
        with host.background("stop") as stop:
            line = stop.stdout.readline()
            assert line.startswith("tlsherd finishes its connections")
            talk(tls, b"after")
            tls.close()
            assert stop.stdout.read() == "tlsherd stopped\n"
        assert stop.returncode == 0
    assert host.init("status").returncode == 3


@pytest.mark.parametrize("action", ["stop", "force-stop"])
def test_stop_does_not_wait_for_ever(host, action):
    host.set("STOP_WAIT=1\n")
    assert host.init("start").returncode == 0
    pid = host.pid()
    with clients.connect(host.address()) as tls:
        talk(tls, b"before")
        done = host.init(action)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (
            0, "tlsherd stopped, its connections cut")
    assert herd.gone(pid) and not os.path.exists(host.pid_file)


def test_a_master_that_hears_nothing(host):
    """Only a kill ends it, and only force-stop goes so far."""
    host.set("FORCE_WAIT=1\n")
    assert host.init("start").returncode == 0
    pid = host.pid()
    os.kill(pid, signal.SIGSTOP)
    done = host.init("force-stop")
    assert done.returncode == 0 and "stopped" in done.stdout
    assert herd.gone(pid) and not os.path.exists(host.pid_file)


def test_start_at_once_after_a_kill(host):
    """It may be there for a moment still, which is not running."""
    assert host.init("start").returncode == 0
    pid = host.pid()
    os.kill(pid, signal.SIGKILL)
    done = host.init("start")
    assert (done.returncode, done.stdout) == (0, "tlsherd started\n")
    assert host.pid() != pid


def test_sample(tmp):
    """The installed configuration serves a page with the page's certificate."""
    with open(os.path.join(os.environ["top_srcdir"], "etc/tlsherd.conf"),
              encoding="utf-8") as f:
        text = f.read()
    with open(os.path.join(os.environ["top_srcdir"], "README"),
              encoding="utf-8") as f:
        command = re.search(r"^ *(openssl req .*?[^\\])$", f.read(),
                            re.M | re.S)[1]
    assert text.count('"/run/tlsherd/') == 2
    text = text.replace("/run/tlsherd/", f"{tmp}/").replace(
        '{ "0.0.0.0:443", "[::]:443" }', '"127.0.0.1:0"')
    herd.run("sh", "-c", command.replace("/etc/tlsherd/", f"{tmp}/")
             ).check_returncode()
    user = "nobody" if herd.ROOT else str(os.geteuid())
    with herd.Daemon(tmp, text, "-o", f"user={user}") as d:
        page, _ = clients.fetch(d.target("https"),
                                b"GET / HTTP/1.0\r\n\r\n")
        assert page == b"HTTP/1.0 200 OK\r\n\r\ntlsherd works.\n"
        done = herd.run(herd.CTL, "-s", f"{tmp}/control.sock", "status")
        assert done.returncode == 0 and str(d.pid) in done.stdout


@pytest.mark.parametrize("action", ["start", "restart"])
def test_after_a_boot(host, action):
    """The system's folder for pid files and sockets is empty then."""
    folder = os.path.dirname(host.pid_file)
    assert not os.path.exists(folder)
    done = host.init(action)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert host.init("status").returncode == 0


def test_without_configuration(host):
    os.unlink(f"{host.folder}/etc/tlsherd/tlsherd.conf")
    assert host.init("start").returncode == NOT_CONFIGURED


def test_process_1_reaps_nothing(host):
    space = ("unshare", "--pid", "--fork", "--mount-proc")
    if herd.run(*space, "true").returncode != 0:
        pytest.skip("no leave to make a process 1")
    script = "; ".join(f"{host.script} {action}; echo $?" for action in (
        "start", "restart", "status", "stop", "status"))
    done = herd.run(*space, sys.executable, "-c", REAPS_NOTHING, "/bin/sh",
                    "-c", script + "; exit 0", seconds=120)
    codes = [int(line) for line in done.stdout.splitlines() if line.isdigit()]
    assert codes == [0, 0, 0, 0, 3], (done.stdout, done.stderr)


def test_status_for_everybody(host):
    """Whoever may not send a signal learns all the same that it runs."""
    if not herd.ROOT:
        pytest.skip("not root")
    os.chmod(host.folder, 0o755)
    if herd.run("test", "-x", herd.TLSHERD, user="nobody").returncode != 0:
        pytest.skip("others cannot reach the build folder")
    assert host.init("start").returncode == 0
    done = herd.run(host.script, "status", user="nobody")
    assert (done.returncode, done.stdout) == (
        0, f"tlsherd is running, pid {host.pid()}\n")


def test_usage_names_every_action(host):
    with open(host.script, encoding="utf-8") as f:
        cases = f.read().split('case ${1:-} in\n')[-1]
    actions = {word for line in re.findall(r"^([a-z |-]+)\)", cases, re.M)
               for word in line.split(" | ")}
    usage = re.search(r"\{(.*)\}", host.init("").stderr)[1]
    assert set(usage.split("|")) == actions and "rotate" in actions


def test_rotate_finds_a_stranger(host, stranger):
    done = host.init("rotate")
    assert done.returncode == NOT_RUNNING
    assert done.stderr == "tlsherd is not running\n"
    assert lives(stranger)


def test_logrotate(host):
    assert host.init("start").returncode == 0
    opens_anew(host, host.postrotate)
    assert host.told() == []


def test_logrotate_without_a_daemon(host):
    host.postrotate()


@pytest.mark.parametrize("script", [True, False])
def test_logrotate_finds_a_stranger(host, stranger, script):
    if not script:
        os.chmod(host.script, stat.S_IRUSR)
    host.postrotate()
    assert lives(stranger)
    assert not [line for line in host.told() if "kill" in line]


def test_logrotate_with_systemd_only(host):
    os.unlink(host.script)
    host.systemctl(active=True)
    host.postrotate()
    assert host.told()[-1] == "kill --kill-who=main --signal=USR1 tlsherd"
