# SPDX-License-Identifier: ISC
"""What init and logrotate call: the files of etc/, installed in a folder."""

import os
import re
import stat
import subprocess

import pytest

import herd

NOT_RUNNING = 7  # of the LSB


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
        self.pid_file = f"{folder}/run/tlsherd.pid"
        self.log = f"{folder}/log/tlsherd.log"
        os.mkdir(f"{folder}/run")
        os.mkdir(f"{folder}/log")
        write(self.script, self.configured("init.d/tlsherd.in"), 0o755)
        write(f"{folder}/etc/tlsherd/tlsherd.conf",
              f'log = "{self.log}"\n' + herd.site())
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
        return herd.run(self.script, action)

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
        h.init("stop")


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
                         ("rubbish", 2), ("start", 0), ("start", 0),
                         ("status", 0), ("reload", 0)):
        done = host.init(action)
        assert done.returncode == code, (action, done.stdout, done.stderr)
    pid = host.pid()
    assert f"running, pid {pid}" in host.init("status").stdout
    opens_anew(host, lambda: host.init("rotate").check_returncode())
    assert host.pid() == pid
    assert host.init("stop").returncode == 0
    assert herd.gone(pid) and not os.path.exists(host.pid_file)


def test_usage_names_every_action(host):
    with open(host.script, encoding="utf-8") as f:
        cases = f.read().split('case ${1:-} in\n')[1]
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
