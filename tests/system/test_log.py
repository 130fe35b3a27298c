# SPDX-License-Identifier: ISC
"""A log that nobody takes costs no request.

The sink is filled up by the test itself, so that not a single line fits, and
then all clients are served as if there were no log; when somebody reads again
the log says how many lines are missing.
"""

import json
import os
import signal
import subprocess

import pytest

import clients
import herd

CLIENTS = herd.size(200, 1000)


def fill(fd):
    """Until nothing fits any more; fd is the test's own description."""
    os.set_blocking(fd, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(fd, b"\n" * size)
        except BlockingIOError:
            pass


def serve_all(d):
    for _ in range(CLIENTS):
        with clients.connect(d) as c:
            c.sendall(b"x")
            assert c.recv(1)


def read_until(fd, what, poke=lambda: None):
    """What comes until then; poke() makes the daemon say something."""
    text = b""
    os.set_blocking(fd, False)

    def more():
        nonlocal text
        try:
            text += os.read(fd, 1 << 16)
        except BlockingIOError:
            poke()
        return what in text
    herd.wait_for(f"{what} in the log", more)
    return text


def lost_count(tmp):
    done = herd.run(herd.CTL, "-s", f"{tmp}/ctl", "--json", "status")
    return json.loads(done.stdout)["totals"]["log_lost"]


def served_while_stalled(d, tmp, writer):
    """All of it, from a sink that works to one that works again."""
    fill(writer)
    serve_all(d)
    lost = herd.wait_for("lost lines", lambda: lost_count(tmp))
    assert lost >= CLIENTS - 2  # the last ones end when they like
    d.signal(signal.SIGUSR1)
    os.kill(next(iter(d.workers().values())), signal.SIGKILL)
    d.wait_workers(2)
    with clients.connect(d) as c:  # and so it is the new one's, too
        c.sendall(b"x")
        assert c.recv(1)


@pytest.fixture
def conf(tmp):
    return herd.site("echo", top=f'control_socket = "{tmp}/ctl"')


def test_unread_pipe(start, tmp, conf):
    """Standard error is a pipe that nobody reads."""
    reader, writer = os.pipe()
    with start(conf, ready=False, output=writer) as d:
        text = read_until(reader, b"workers are ready")
        with open(d.log_path, "wb") as f:
            f.write(text)
        served_while_stalled(d, tmp, os.open(
            f"/proc/self/fd/{writer}", os.O_WRONLY))
        text = read_until(
            reader, b" lost here: the reader of the log was too slow",
            lambda: clients.connect(d).close())
        with open(d.log_path, "ab") as f:
            f.write(text.strip(b"\n"))
        assert os.get_blocking(writer)  # it is not the daemon's alone


def test_stopped_reader_of_a_fifo(start, tmp, conf):
    """The log is a FIFO, and who reads it is stopped."""
    path = os.path.join(tmp, "fifo")
    os.mkfifo(path)
    # Opened for both, so that neither end waits for the other.
    both = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    copy = os.path.join(tmp, "copy")
    with open(copy, "wb") as out:
        reader = subprocess.Popen(["cat", path], stdout=out)
    try:
        with start(conf + f'log = "{path}"\n', ready=False) as d:
            def said(what):
                with open(copy, "rb") as f:
                    return what in f.read()
            herd.wait_for("the start", lambda: said(b"workers are ready"))
            d.log_path = copy
            reader.send_signal(signal.SIGSTOP)
            herd.wait_for("it to stop",
                          lambda: herd.Stat(reader.pid).state == "T")
            served_while_stalled(d, tmp, both)
            reader.send_signal(signal.SIGCONT)
            herd.wait_for("the count", lambda: clients.connect(d).close() or
                          said(b" lost here: "))
    finally:
        reader.kill()
        reader.wait()
        os.close(both)


@pytest.mark.skipif(not herd.ROOT, reason="mounts a small file system")
def test_full_disk(start, tmp, conf):
    """Lines that found no room are counted, and none is glued to a part."""
    disk = os.path.join(tmp, "disk")
    os.mkdir(disk)
    done = herd.run("mount", "-t", "tmpfs", "-o", "size=64k", "none", disk)
    if done.returncode != 0:
        pytest.skip(f"no mount here: {done.stderr}")
    try:
        log = os.path.join(disk, "log")
        with start(conf + f'log = "{log}"\n', ready=False) as d:
            herd.wait_for("the start", lambda: os.path.exists(log) and
                          b"workers are ready" in open(log, "rb").read())
            d.log_path = log
            with open(os.path.join(disk, "ballast"), "wb") as f:
                f.write(bytes(32 << 10))
            serve_all(d)
            lost = herd.wait_for("lost lines", lambda: lost_count(tmp))
            assert lost > 0
            os.unlink(os.path.join(disk, "ballast"))
            clients.connect(d).close()
            d.wait_log(r"\d+ lines were lost here: No space left on device")
            for line in d.log().splitlines():
                assert line.count(" tlsherd[") <= 1, line
    finally:
        herd.run("umount", "-l", disk)
