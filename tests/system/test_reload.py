# SPDX-License-Identifier: ISC
"""Reloads: what changes, what stays, and that nobody notices."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import threading

import pytest

import backend
import clients
import herd
import pki

RELOADED = r"reloaded: generation (\d+), (\d+) workers are ready"


def site(workers=2, size="4M", service="trace", more="", tmp=None, top="",
         **kw):
    top += f"\nsession_cache {{ size = {size} }}"
    if tmp is not None:
        top += f'\ncontrol_socket = "{tmp}/ctl"'
    return herd.site(service, workers=workers, top=top, **kw) + more


def answer(tmp, command):
    done = herd.run(herd.CTL, "-s", f"{tmp}/ctl", "--json", command)
    return json.loads(done.stdout)


def cache(tmp):
    return answer(tmp, "sessions")["cache"]


def descriptors(pid):
    """What each is."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0])
        except FileNotFoundError:
            pass
    return sorted(found)


def says(tls, text=b"hello"):
    """The echo service is there."""
    tls.sendall(text)
    assert clients.read_exactly(tls, len(text)) == text


def wait_old_gone(d, old):
    herd.wait_for("the end of the workers before",
                  lambda: not set(old.values()) & set(d.children()))


def served(target):
    with clients.connect(target) as tls:
        return tls.getpeercert(binary_form=True)


# What changes

def test_the_same_file(start):
    """New workers, the same sessions."""
    with start(site()) as d:
        ctx = clients.context()
        _, session = clients.trace(d, ctx=ctx)
        old = d.wait_workers(2)
        mark = d.mark()
        d.reload()
        assert d.wait_log(RELOADED, mark) == [("2", "2")]
        for _ in range(10):
            said, session = clients.trace(d, ctx=ctx, session=session)
            assert said["resumed"] == "stateful"
            assert int(said["pid"]) not in old.values()
        wait_old_gone(d, old)
        assert not set(d.wait_workers(2).values()) & set(old.values())


def test_workers_up_and_down(start):
    with start(site(2)) as d:
        ctx = clients.context()
        _, session = clients.trace(d, ctx=ctx)
        for n in (5, 1, 3):
            d.reload(site(n))
            d.wait_workers(n)
            seen = set()
            for _ in range(20 * n):
                said, session = clients.trace(d, ctx=ctx, session=session)
                assert said["resumed"] == "stateful"
                seen.add(said["worker"])
            assert seen == {str(i) for i in range(n)}


def test_listeners_come_and_go(start):
    second = herd.listener(name="second", service="echo")
    with start(site()) as d:
        first = d.target()
        d.reload(site(more=second))
        target = d.target("second")
        with clients.connect(target) as tls:
            says(tls)
            clients.trace(first)
            mark = d.mark()
            d.reload(site())
            d.wait_log(r"no longer listening on 127.0.0.1:%d\b" % target[1],
                       mark)
            herd.wait_for("a refusal", lambda: clients.refuses(target))
            says(tls)
        clients.trace(first)
        # The same address, but it may have another name and service.
        d.reload(site().replace('"main"', '"other"').replace(
            '"trace"', '"reply"'))
        assert clients.fetch(first)[0] == b"test\n"
        d.wait_connections(1, listener="other", service="reply")


@pytest.mark.parametrize("reuseport", ["yes", "no"])
@pytest.mark.parametrize("gone", [False, True])
def test_what_is_queued_is_served(start, reuseport, gone):
    """Also where fewer workers listen, or the address is not wanted more."""
    top = f"reuseport = {reuseport}"
    other = herd.listener(name="other")
    with start(site(4, top=top, more=other)) as d:
        target = d.target("other")
        old = d.wait_workers(4)
        for pid in old.values():
            os.kill(pid, signal.SIGSTOP)
        waiting = [clients.tcp(target) for _ in range(20)]
        mark = d.mark()
        d.configure(site(1, top=top, more="" if gone else other))
        d.signal(signal.SIGHUP)
        # The old ones have been told to finish, and cannot.
        herd.wait_for("the new worker", lambda: 5 == len(d.children()))
        if gone:
            d.wait_log("no longer listening on", mark)
        for pid in old.values():
            os.kill(pid, signal.SIGCONT)
        for sock in waiting:
            with clients.context().wrap_socket(sock) as tls:
                tls.sendall(b"\n")
                assert b"version=TLSv1.3" in clients.read_all(tls)
        d.wait_log(RELOADED, mark)
        wait_old_gone(d, old)
        if gone:
            assert clients.refuses(target)
        else:
            for _ in range(20):
                clients.trace(target)


def test_the_new_certificate(start, tmp):
    """Another file, and other contents of the same file."""
    with start(site()) as d:
        before = served(d)
        d.reload(site(certificate=pki.section("default", "server2")))
        other = served(d)
        assert other != before
        for end in ("pem", "key"):
            shutil.copy(pki.path(f"server.{end}"), f"{tmp}/x.{end}")
        section = (f'certificate "default" {{ chain = "{tmp}/x.pem"\n'
                   f'key = "{tmp}/x.key" }}')
        d.reload(site(certificate=section))
        assert served(d) == before
        with clients.connect(d) as tls:
            for end in ("pem", "key"):
                shutil.copy(pki.path(f"server2.{end}"), f"{tmp}/x.{end}")
            assert served(d) == before
            d.reload()
            assert served(d) == other
            tls.sendall(b"\n")
            assert b"certificate=default" in clients.read_all(tls)


def test_the_new_time_outs(start):
    """For new connections; those of before keep what they began with."""
    with start(site(service="echo")) as d, clients.connect(d) as old:
        says(old)
        d.reload(site(service="echo", body='idle_timeout = "200ms"'))
        with clients.connect(d) as new:
            says(new)
            d.wait_connections(1, close="idle_timeout")
        says(old)


def test_the_new_log(start, tmp):
    """From now on it goes there, those that finish included."""
    def text():
        with open(f"{tmp}/other", encoding="utf-8") as f:
            return f.read()

    with start(site(service="echo")) as d:
        with clients.connect(d) as tls:
            says(tls)
            d.configure(f'log = "{tmp}/other"\n' + site(service="echo"))
            d.signal(signal.SIGHUP)
            herd.wait_for("the new log", lambda: os.path.exists(
                f"{tmp}/other") and re.search(RELOADED, text()))
            says(tls)
        herd.wait_for("its line", lambda: ": connection " in text())
        assert not d.connections()


def test_what_takes_a_restart(tmp):
    with herd.Detached(tmp, site()) as d:
        mark = d.mark()
        text = f'pid_file = "{tmp}/pid"\nlog = "{d.log_path}"\n' + site()
        d.reload(text)
        d.wait_log("pid_file changes with a restart only", mark)
        assert os.path.exists(d.pid_path) and not os.path.exists(f"{tmp}/pid")


# The session cache

@pytest.mark.parametrize("sizes", [["1M", "8M"], ["8M", "1M"]])
def test_size_of_the_cache(start, tmp, version, sizes):
    """Sessions that fit are still there; the counters go on."""
    with start(site(size=sizes[0], tmp=tmp)) as d:
        ctx = clients.context(version)
        sessions = [clients.trace(d, ctx=ctx)[1] for _ in range(20)]
        before = cache(tmp)
        d.reload(site(size=sizes[1], tmp=tmp))
        after = cache(tmp)
        assert after["capacity"] != before["capacity"]
        assert after["entries"] == before["entries"]
        assert after["stores"] >= before["stores"]
        for session in sessions:
            assert clients.trace(d, ctx=ctx, session=session)[0]["resumed"] \
                in ("stateful", "id")
        assert cache(tmp)["hits"] == before["hits"] + 20


def test_a_cache_that_is_too_small(start, tmp):
    """The newest sessions stay; the others cost a handshake, no more."""
    with start(site(size="4M", tmp=tmp)) as d:
        ctx = clients.context(clients.TLS12)
        sessions = [clients.trace(d, ctx=ctx)[1] for _ in range(900)]
        assert cache(tmp)["entries"] == 900
        d.reload(site(size="128K", tmp=tmp))
        left = cache(tmp)
        assert 0 < left["entries"] < 900
        assert left["bytes"] <= left["capacity"] < 128 << 10
        assert clients.trace(d, ctx=ctx, session=sessions[-1])[0][
            "resumed"] == "id"
        assert clients.trace(d, ctx=ctx, session=sessions[0])[0][
            "resumed"] == "full"


# Files that are no good

BAD = [
    (lambda text: text + "}", None, '}'),
    (lambda text: text.replace("workers = 2", "wokers = 2"), "wokers",
     'unknown directive "wokers"'),
    (lambda text: text.replace("workers = 2", "workers = 0"), "workers",
     'workers "0"'),
    (lambda text: text.replace("size = 4M", "size = banana"), "banana",
     'size "banana"'),
    (lambda text: text.replace("server.pem", "nothing.pem"), "nothing.pem",
     "No such file or directory"),
    (lambda text: text.replace("server.key", "server2.key"), "server2.key",
     "not that of the certificate"),
    (lambda text: 'user = "no-such-user-here"\n' + text, "no-such",
     "does not exist"),
    (lambda text: text.replace("127.0.0.1:0", "127.0.0.1:TAKEN"), "TAKEN",
     "Address already in use"),
    (lambda text: 'log = "/nonexistent/log"\n' + text, "/nonexistent",
     "No such file or directory"),
]


def test_bad_files_change_nothing(start, tmp):
    """One line says what is wrong, with file and line."""
    good = site(tmp=tmp, body='text = "x"', service="reply")
    with start(good) as d, backend.refusing() as taken:
        ctx = clients.context(clients.TLS12)
        session = clients.fetch(d, ctx=ctx)[1]
        before = d.wait_workers(2)
        held = descriptors(d.pid)
        for change, word, what in BAD:
            text = change(good.replace('"x"', '"y"'))
            number = next((i for i, line in enumerate(text.splitlines(), 1)
                           if word and word in line), 0) or \
                len(text.splitlines())
            said = d.reload_refused(text.replace(
                "127.0.0.1:TAKEN", taken))
            line = next(x for x in said.splitlines() if what in x)
            assert f"master: {d.conf_path}:{number}: " in line
            assert "reload failed: the running configuration stays" in said
            assert clients.fetch(d, ctx=ctx, session=session)[0] == b"x"
            verdict = answer(tmp, "status")
            assert verdict["reload_verdict"] == "failed"
            assert verdict["generation"] == 1
            assert line.endswith(verdict["reload_error"])
        os.unlink(d.conf_path)
        mark = d.mark()
        d.signal(signal.SIGHUP)
        d.wait_log("reload failed", mark)
        assert f"{d.conf_path}: No such file" in d.log(mark)
        assert d.wait_workers(2) == before
        herd.wait_for("no more descriptors",
                      lambda: descriptors(d.pid) == held)
        d.reload(good)
        assert answer(tmp, "status")["reload_verdict"] == "ok"


@pytest.mark.root
def test_workers_that_cannot_start(start, tmp):
    """Only they find out; the running ones stay."""
    with start(site()) as d:
        before = d.wait_workers(2)
        said = d.reload_refused(f'chroot = "{tmp}/nothing"\n' + site())
        assert f'{d.conf_path}:1: chroot "{tmp}/nothing"' in said
        assert d.wait_workers(2) == before
        clients.trace(d)


# Nobody notices

def test_a_transfer_goes_on(start):
    """The workers before finish it, and end then."""
    data = clients.noise(4 << 20, 1)
    with start(site(service="echo")) as d, clients.Half(d) as half:
        half.send(data[:1000])
        assert half.read(1) == data[:1]
        old = d.wait_workers(2)
        d.reload()
        back = half.exchange(data[1000:], len(data) - 1)
        assert clients.intact(data[:1] + back, 4 << 20)
        last, = set(old.values()) & set(d.children())
        assert re.fullmatch(r"tlsherd: worker [01], finishing",
                            herd.title(last))
        half.finish()
        assert half.read_all() == b""
        half.sock.close()
        wait_old_gone(d, old)
        d.wait_connections(1, close="done", out=str(len(data)))


def test_a_transfer_has_no_more_than_drain_timeout(start):
    top = 'drain_timeout = "500ms"'
    with start(site(service="echo", top=top)) as d:
        old = d.wait_workers(2)
        with clients.connect(d) as tls:
            says(tls)
            d.reload()
            says(tls)
            wait_old_gone(d, old)
            with pytest.raises(OSError):
                clients.read_exactly(tls, 1)
        d.wait_connections(1, close="drain")


class Load:
    """Clients that come back all the time; each must resume."""

    def __init__(self, d, kinds):
        self.d = d
        self.wrong = []
        self.resumed = [0] * len(kinds)
        self.done = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(i, ctx))
                        for i, ctx in enumerate(kinds)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def work(self, number, ctx):
        session = None
        try:
            while not self.done.is_set():
                again = session is not None
                said, session = clients.trace(self.d, ctx=ctx,
                                              session=session)
                assert again == (said["resumed"] != "full"), said
                self.resumed[number] += again
        except (OSError, AssertionError, KeyError) as e:
            self.wrong.append(e)

    def wait_progress(self, n=1):
        before = list(self.resumed)
        herd.wait_for("resumptions", lambda: self.wrong or all(
            now >= b + n for b, now in zip(before, self.resumed)))
        assert not self.wrong, self.wrong


def test_ten_times_under_load(start, tmp):
    """All resume, the counters go on, nothing is left behind."""
    kinds = [clients.context(v) for v in clients.VERSIONS.values()]
    with start(site(tmp=tmp)) as d:
        with Load(d, kinds) as load:
            load.wait_progress()
            d.reload()
            d.wait_workers(2)
            load.wait_progress()
            held = descriptors(d.pid)
            for _ in range(10):
                before = cache(tmp)
                old = d.workers()
                d.reload()
                load.wait_progress(2)
                after = cache(tmp)
                assert after["hits"] >= before["hits"] + len(kinds)
                wait_old_gone(d, old)
        assert not load.wrong, load.wrong
        d.wait_workers(2)
        herd.wait_for("no more descriptors",
                      lambda: descriptors(d.pid) == held)
        n = sum(load.resumed)
        said = cache(tmp)
        assert (said["hits"], said["misses"]) == (n, 0)
        totals = answer(tmp, "status")["totals"]
        assert totals["handshakes_resumed"] == n
        assert totals["handshakes_full"] == len(kinds)
        assert totals["handshakes_failed"] == 0


def test_many_in_a_row(start):
    """Workers end as soon as they are told: nothing is left to tell them."""
    with start(site(8)) as d:
        for _ in range(10):
            d.reload()
        d.wait_workers(8)
        assert "does not listen" not in d.log()


def test_two_at_once(start):
    """A second one during the first is not forgotten."""
    with start(site()) as d:
        d.reload()
        d.signal(signal.SIGHUP)
        d.configure(site(3))
        d.signal(signal.SIGHUP)
        d.wait_workers(3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_stop_during_a_reload(start, number):
    """It is given up unless it was through, and everything of it ends."""
    with start(site(8)) as d:
        d.configure(site(32))
        d.signal(signal.SIGHUP)
        d.wait_log("reloading")
        d.signal(number)
        assert d.wait_end() == 0
        assert not re.search(rf"(stopping|finishing)\n.*{RELOADED}",
                             d.log(), re.DOTALL)


def test_the_file_of_a_socket_is_gone(start, tmp):
    """It costs that socket, and no reload."""
    path = f"{tmp}/sock"
    conf = site() + herd.listener(name="local", address=f"unix:{path}")
    with start(conf) as d:
        os.unlink(path)
        d.reload()
        assert f"unix:{path}: nobody can connect before a restart" in d.log()


def test_the_file_of_a_socket_is_another(start, tmp):
    """Whoever may write to the folder does not choose what root changes."""
    path, secret = f"{tmp}/sock", f"{tmp}/secret"
    with open(secret, "w", encoding="utf-8"):
        os.chmod(secret, 0o600)
    conf = site() + herd.listener(name="local", address=f"unix:{path}")
    with start(conf) as d:
        os.unlink(path)
        os.symlink(secret, path)
        d.reload()
        assert f"unix:{path}: nobody can connect before a restart" in d.log()
        assert stat.S_IMODE(os.stat(secret).st_mode) == 0o600
        os.unlink(path)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
            d.reload(site())
            assert os.path.exists(path)


def test_mode_of_a_socket(start, tmp):
    path = f"{tmp}/sock"

    def local(mode):
        return site() + herd.listener(name="local", address=f"unix:{path}",
                                      body=f"unix_mode = {mode}")
    with start(local("0600")) as d:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        d.reload(local("0660"))
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
        d.reload(site())
        assert not os.path.exists(path)
