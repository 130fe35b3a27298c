# SPDX-License-Identifier: ISC
"""The program is replaced by another one, and no client notices."""

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import threading

import pytest

import clients
import herd

DONE = r"upgraded: generation"
FAILED = r"upgrade failed: (.*)"


def upgrade(d):
    """Upgrade and wait until the new program's workers serve."""
    mark = d.mark()
    d.signal(signal.SIGUSR2)
    d.wait_log(DONE, mark)
    return d.log(mark)


def upgrade_refused(d):
    """What the log says about it."""
    mark = d.mark()
    d.signal(signal.SIGUSR2)
    d.wait_log(FAILED, mark)
    return d.log(mark)


def status(path, what="status"):
    done = herd.run(herd.CTL, "-s", path, "--json", what)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Client:
    """A client that keeps the session of its first connection."""

    def __init__(self, d, **kw):
        self.ctx = clients.context(**kw)
        said, self.session = clients.trace(d, ctx=self.ctx)
        assert said["resumed"] == "full"

    def resumed(self, d):
        """How that session was resumed; "full": it was not."""
        said, _ = clients.trace(d, ctx=self.ctx, session=self.session)
        return said["resumed"]

    def resumes(self, d):
        return self.resumed(d) != "full"


def program(pid):
    return os.readlink(f"/proc/{pid}/exe")


def descriptors(pid):
    return sorted(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0]
                  for fd in os.listdir(f"/proc/{pid}/fd"))


def settled(d):
    """The two workers, when the master has buried those before them."""
    def buried():
        with open(f"/proc/{d.pid}/task/{d.pid}/children",
                  encoding="ascii") as f:
            return len(f.read().split()) == 2
    herd.wait_for("two children", buried)
    return d.wait_workers(2)


@pytest.fixture
def copy(tmp):
    """A copy of the program that a test can replace: its path."""
    with herd.Daemon(tmp, herd.site(workers=1), name="find") as d:
        original = program(d.pid)
    path = os.path.join(tmp, "tlsherd")
    shutil.copy(original, path)
    libraries = os.path.join(herd.BUILD, "src", "tlscache", ".libs")
    return path, {"LD_LIBRARY_PATH": libraries}


def replace(path, text, mode=0o755):
    """Put another program in its place, as a package manager does."""
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)


def test_sessions_and_counters_go_on(start, tmp, version):
    """Ten reloads and an upgrade: nothing that was made before is lost."""
    control = f"{tmp}/control.sock"
    site = herd.site(workers=4, top=f'control_socket = "{control}"\n'
                     f'pid_file = "{tmp}/pid"')
    with start(site) as d:
        peers = [Client(d, version=version) for _ in range(10)]
        for _ in range(10):
            d.reload()
        assert all(peer.resumes(d) for peer in peers[:5])
        d.wait_workers(4)
        before = status(control), status(control, "sessions")
        upgrade(d)
        d.wait_workers(4)
        assert all(peer.resumes(d) for peer in peers[5:])
        d.wait_connections(20)
        after = status(control), status(control, "sessions")

        daemon = after[0]
        assert daemon["pid"] == before[0]["pid"] == d.pid
        assert daemon["started"] == before[0]["started"]
        assert daemon["generation"] == 12
        for name, n in (("accepted", 20), ("handshakes_resumed", 10),
                        ("handshakes_full", 10)):
            assert after[0]["totals"][name] == n
        assert before[1]["cache"]["hits"] == 5
        assert after[1]["cache"]["hits"] == 10
        assert after[1]["cache"]["stores"] >= before[1]["cache"]["stores"]
        with open(f"{tmp}/pid", encoding="ascii") as f:
            assert int(f.read()) == d.pid
        assert os.stat(control).st_mode & stat.S_IFSOCK


def test_tickets_go_on(start):
    site = herd.site(body="resumption = tickets")
    with start(site) as d:
        peer = Client(d)
        upgrade(d)
        assert peer.resumed(d) == "ticket"


def test_again_and_again(start, tmp):
    """Nothing is left open, by the master or its workers."""
    address = ("127.0.0.1:0", "127.0.0.1:0", f"unix:{tmp}/listen")
    site = herd.site(address=address,
                     top=f'control_socket = "{tmp}/control.sock"')
    with start(site) as d:
        clients.trace(d)
        upgrade(d)
        workers = settled(d)
        master, worker = descriptors(d.pid), descriptors(workers[0])
        for _ in range(3):
            upgrade(d)
            d.reload()
            workers = settled(d)
            assert descriptors(d.pid) == master
            assert descriptors(workers[0]) == worker
            for target in (d.target(), f"{tmp}/listen"):
                assert clients.trace(target)[0]["worker"] in "01"
            assert herd.title(d.pid) == "tlsherd: master"
    assert not os.path.exists(f"{tmp}/listen")
    assert not os.path.exists(f"{tmp}/control.sock")


def test_daemon(tmp):
    """Not in the foreground: the second instance still sees the first."""
    path = f"{tmp}/pid"
    log = f"{tmp}/daemon.log"
    site = herd.site(top=f'pid_file = "{path}"\nlog = "{log}"')
    conf = f"{tmp}/daemon.conf"
    with open(conf, "w", encoding="utf-8") as f:
        f.write(site)

    def logged():
        with open(log, encoding="utf-8") as f:
            return f.read()

    done = herd.run(herd.TLSHERD, "-c", conf)
    assert done.returncode == 0, done.stderr
    with open(path, encoding="ascii") as f:
        pid = int(f.read())
    try:
        os.kill(pid, signal.SIGUSR2)
        herd.wait_for("the upgrade", lambda: "upgraded:" in logged())
        again = herd.run(herd.TLSHERD, "-c", conf)
        assert again.returncode == 1
        assert f"running already, pid {pid}" in again.stderr
    finally:
        os.kill(pid, signal.SIGTERM)
        herd.wait_for("the end", lambda: not os.path.exists(path))


def test_transfer_is_not_cut(start):
    with start(herd.site(service="echo")) as d:
        data = clients.noise(herd.size(4, 64) << 20, 1)
        half = len(data) // 2
        with clients.Half(d) as client:
            back = client.exchange(data[:half], 1)
            upgrade(d)
            assert d.children() and len(d.workers()) == 2
            back += client.exchange(data[half:])
            assert clients.intact(back, len(data) - 32)
        d.wait_workers(2)
        assert d.wait_connections(1, close="done")


def test_generations_that_finish_are_known(start):
    """Workers of two generations finish while the program is replaced."""
    site = herd.site(service="echo", top="drain_timeout = 60s")
    with start(site) as d:
        held = []
        for _ in range(2):
            tls = clients.connect(d)
            tls.sendall(b"x")
            assert clients.read_exactly(tls, 1) == b"x"
            held.append(tls)
            d.reload()
        upgrade(d)
        upgrade(d)
        assert len(d.workers()) == 2
        herd.wait_for("two that finish", lambda: len(d.children()) == 4)
        for tls in held:
            tls.sendall(b"y")
            assert clients.read_exactly(tls, 1) == b"y"
            tls.close()
        d.wait_workers(2)


@pytest.mark.parametrize("reuseport", ["on", "off"])
def test_under_load(start, reuseport):
    """No connection fails while the program is replaced several times."""
    end = threading.Event()
    failed, good = [], []

    def client(d):
        ctx, session = clients.context(clients.TLS13), None
        while not end.is_set():
            try:
                said, session = clients.trace(d, ctx=ctx, session=session)
                good.append(said["resumed"])
            except (OSError, KeyError, ValueError) as e:
                failed.append(repr(e))

    with start(herd.site(workers=3, top=f"reuseport = {reuseport}")) as d:
        threads = [threading.Thread(target=client, args=(d,))
                   for _ in range(4)]
        for t in threads:
            t.start()
        try:
            for _ in range(herd.size(3, 10)):
                before = len(good)
                upgrade(d)
                herd.wait_for("connections", lambda: len(good) > before + 20)
        finally:
            end.set()
            for t in threads:
                t.join()
        assert not failed
        assert good.count("full") == len(threads)


def test_a_worker_that_died_meanwhile(start):
    """The master that comes reaps what the one before it has started."""
    with start(herd.site(workers=3)) as d:
        d.faults_allowed = "signal 9"
        for _ in range(5):
            mark = d.mark()
            d.signal(signal.SIGUSR2)
            for pid in d.children():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            d.wait_log(DONE + "|upgrade failed", mark)
            d.wait_workers(3)
            clients.trace(d)


def test_signals_that_come_at_once(start):
    """HUP, USR1 and USR2 in any order: none is lost, none kills."""
    with start(herd.site()) as d:
        for _ in range(3):
            mark = d.mark()
            for _ in range(5):
                d.signal(signal.SIGUSR2)
                d.signal(signal.SIGUSR1)
                d.signal(signal.SIGHUP)
            d.wait_log(DONE, mark)
            herd.wait_for("rest", lambda: quiet(d))
            clients.trace(d)
        d.wait_workers(2)


def quiet(d):
    """Every upgrade and reload that began has come to its end."""
    log = d.log()
    begun = log.count("upgrade: testing") + log.count("reloading ")
    ended = (log.count("upgraded: ") + log.count("reloaded: "))
    return begun == ended


def test_path_of_the_program(tmp, copy):
    """What stands at its path is started, and not the file it once was."""
    path, env = copy
    os.mkdir(f"{tmp}/v2")
    os.rename(path, f"{tmp}/v2/tlsherd")
    os.symlink("v2/tlsherd", path)
    with Copy(tmp, path, env) as d:
        assert program(d.pid) == f"{tmp}/v2/tlsherd"
        os.mkdir(f"{tmp}/v3")
        shutil.copy(f"{tmp}/v2/tlsherd", f"{tmp}/v3/tlsherd")
        os.symlink("v3/tlsherd", path + ".new")
        os.rename(path + ".new", path)
        upgrade(d)
        assert program(d.pid) == f"{tmp}/v3/tlsherd"
        clients.trace(d)


class Copy(herd.Daemon):
    """A daemon from another file than that of the build folder."""

    def __init__(self, tmp, path, env, conf=None):
        super().__init__(tmp, conf or herd.site(), env=env)
        self.program = path

    def __enter__(self):
        before, herd.TLSHERD = herd.TLSHERD, self.program
        try:
            return super().__enter__()
        finally:
            herd.TLSHERD = before


BROKEN = [
    ("#!/bin/sh\necho it does not run >&2\nexit 3\n", 0o755,
     "ended with status 3: it does not run"),
    ("#!/bin/sh\nexit 1\n", 0o755, "ended with status 1"),
    ("#!/bin/sh\nexit 0\n", 0o755, "is no tlsherd that can take over"),
    ("#!/bin/sh\nkill -SEGV $$\n", 0o755, "was ended by signal 11"),
    ("#!/bin/sh\necho no\n", 0o644, "Permission denied"),
    ("\x7fELF nonsense", 0o755, "Exec format error"),
    ("#!/nonexistent/interpreter\n", 0o755, "No such file or directory"),
]


@pytest.mark.parametrize("text,mode,why", BROKEN)
def test_broken_program(tmp, copy, text, mode, why):
    path, env = copy
    with Copy(tmp, path, env) as d:
        workers = d.workers()
        peer = Client(d)
        replace(path, text, mode)
        said = upgrade_refused(d)
        assert why in said and path in said
        assert " goes on" in said
        assert d.workers() == workers
        assert peer.resumes(d)
        d.reload()
        clients.trace(d)


def test_program_that_is_gone(tmp, copy):
    path, env = copy
    with Copy(tmp, path, env) as d:
        os.unlink(path)
        assert "No such file or directory" in upgrade_refused(d)
        clients.trace(d)


def test_program_that_hangs_is_ended_with_the_daemon(tmp, copy):
    path, env = copy
    with Copy(tmp, path, env) as d:
        replace(path, f"#!/bin/sh\necho $$ >{tmp}/hangs\n"
                "exec tail -f /dev/null\n")
        d.signal(signal.SIGUSR2)
        herd.wait_for("the test", lambda: os.path.exists(f"{tmp}/hangs") and
                      os.path.getsize(f"{tmp}/hangs") > 0)
        clients.trace(d)
        with open(f"{tmp}/hangs", encoding="ascii") as f:
            pid = int(f.read())
    herd.wait_for("its end", lambda: not os.path.exists(f"/proc/{pid}") or
                  herd.Stat(pid).state in "ZX")


def test_the_end_is_a_verdict(tmp, copy):
    """Who waits for what will not be done any more is told so, at once."""
    path, env = copy
    conf = herd.site(top=f'control_socket = "{tmp}/ctl"')
    with Copy(tmp, path, env, conf) as d, clients.connect(d):
        replace(path, f"#!/bin/sh\necho $$ >{tmp}/hangs\n"
                "exec tail -f /dev/null\n")
        asking = []
        for order in "upgrade", "reload":
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(20 * herd.SLOW)
            s.connect(f"{tmp}/ctl")
            s.sendall(f"tlsherdctl/1 {order} plain\n".encode())
            herd.wait_for("the test", lambda: os.path.exists(f"{tmp}/hangs"))
            asking.append(s)
        status(f"{tmp}/ctl")
        d.signal(signal.SIGQUIT)
        d.wait_log("finishing")
        for s in asking:
            assert s.recv(100) == b"tlsherd/1 1 20\ntlsherd is finishing"
            s.close()
        assert d.alive()


def test_configuration_error(start):
    with start(herd.site()) as d:
        workers = d.workers()
        d.configure("wokers = 2\n" + herd.site())
        said = upgrade_refused(d)
        assert f"{d.conf_path}:1: unknown directive" in said
        assert d.workers() == workers
        clients.trace(d)
        d.configure(herd.site())
        upgrade(d)


def test_failure_after_the_exec(start):
    """What no test can find out: the address is taken. All go on serving."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        more = herd.listener(name="more", address=f"127.0.0.1:{port}")
        with start(herd.site(workers=2)) as d:
            workers = d.workers()
            peer = Client(d)
            d.configure(herd.site(workers=2) + more)
            mark = d.mark()
            d.signal(signal.SIGUSR2)
            d.wait_log("the upgrade is not finished", mark)
            assert "Address already in use" in d.log(mark)
            assert d.workers() == workers
            assert peer.resumes(d)
            # Another upgrade from there, and a reload that repairs it.
            mark = d.mark()
            d.signal(signal.SIGUSR2)
            d.wait_log("the upgrade is not finished", mark)
            assert d.workers() == workers
            d.configure(herd.site(workers=3))
            mark = d.mark()
            d.signal(signal.SIGHUP)
            d.wait_log(DONE, mark)
            d.wait_workers(3)
            assert peer.resumes(d)


def test_failure_after_the_exec_is_tried_again(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        more = herd.listener(name="more", address=f"127.0.0.1:{port}")
        with start(herd.site()) as d:
            d.configure(herd.site() + more)
            mark = d.mark()
            d.signal(signal.SIGUSR2)
            d.wait_log("the upgrade is not finished", mark)
            taken.close()
            d.wait_log(DONE, mark, seconds=30)
            assert clients.trace(("127.0.0.1", port))[0]["worker"] in "01"


def kill_worker(d, number):
    """One of those that are not replaced; wait for its burial."""
    mark = d.mark()
    os.kill(d.workers()[number], signal.SIGKILL)
    d.wait_log(f"worker {number} has no successor", mark)


def served_by(d):
    """Who serves, when there are as many clients as reach every queue."""
    return {clients.trace(d)[0]["worker"] for _ in range(24)}


@pytest.mark.parametrize("reuseport", ["on", "off"])
def test_failure_after_the_exec_and_a_death(start, reuseport):
    """The others serve the queue of a worker that cannot be replaced."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        site = herd.site(workers=2, top=f"reuseport = {reuseport}")
        more = herd.listener(name="more", address=f"127.0.0.1:{port}")
        with start(site) as d:
            d.faults_allowed = "signal 9"
            d.configure(site + more)
            mark = d.mark()
            d.signal(signal.SIGUSR2)
            d.wait_log("the upgrade is not finished", mark)
            kill_worker(d, 1)
            assert served_by(d) == {"0"}
            taken.close()
            d.signal(signal.SIGHUP)
            d.wait_log(DONE, mark)
            d.wait_workers(2)
            assert clients.trace(("127.0.0.1", port))[0]["worker"] in "01"
            herd.wait_for("both", lambda: served_by(d) == {"0", "1"})


def test_failures_after_the_exec_and_deaths(start, tmp):
    """What serves whose queue is found anew by each program."""
    control = f"{tmp}/control.sock"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        site = herd.site(workers=3, top=f'control_socket = "{control}"')
        more = herd.listener(name="more", address=f"127.0.0.1:{port}")
        with start(site) as d:
            d.faults_allowed = "signal 9"
            d.configure(site + more)
            for number in (1, 2):
                mark = d.mark()
                d.signal(signal.SIGUSR2)
                d.wait_log("the upgrade is not finished", mark)
                kill_worker(d, number)
                assert "1" not in served_by(d)
            assert served_by(d) == {"0"}
            states = {w["worker"]: (w["state"], w["restarts"])
                      for w in status(control)["workers"]}
            assert states == {0: ("serving", 0), 1: ("delayed", 1),
                              2: ("delayed", 1)}
            # With nobody left, the next worker that serves is a new one.
            kill_worker(d, 0)
            taken.close()
            d.signal(signal.SIGHUP)
            d.wait_log(DONE, mark)
            d.wait_workers(3)
            served_by(d)


def test_other_cache_size(start):
    """The configuration may change with the program: sessions move."""
    with start(herd.site(top='session_cache { size = "1M" }')) as d:
        peer = Client(d)
        d.configure(herd.site(top='session_cache { size = "2M" }'))
        upgrade(d)
        # They move when the new workers serve already.
        herd.wait_for("the session", lambda: peer.resumes(d))


LAYOUT = 8  # where the number of the layout is, in each of them
MEMORY = [
    ("tlscache-sessions", "the session cache cannot be taken over"),
    ("tlscache-keys", "the ticket keys cannot be taken over"),
    ("tlsherd-scoreboard", "the counters cannot be taken over"),
]


def other_layout(pid, name):
    """Let the shared memory of that name be one of another version."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        if os.readlink(path).startswith(f"/memfd:{name}"):
            with open(path, "r+b", buffering=0) as f:
                f.seek(LAYOUT)
                f.write(b"\x7f\0\0\0")
            return
    raise AssertionError(f"there is no memory file {name}")


@pytest.mark.parametrize("memory,said", MEMORY)
@pytest.mark.parametrize("resumption", ["stateful", "tickets"])
def test_memory_of_another_version(start, tmp, memory, said, resumption):
    """It begins anew, the log says so, and no connection is lost."""
    control = f"{tmp}/control.sock"
    site = herd.site(body=f"resumption = {resumption}",
                     top=f'control_socket = "{control}"')
    with start(site) as d:
        peer = Client(d)
        other_layout(d.pid, memory)
        log = upgrade(d)
        assert said in log
        assert log.count("cannot be taken over") == 1
        d.wait_workers(2)
        lost = {"tlscache-sessions": "stateful", "tlscache-keys": "tickets"}
        assert peer.resumes(d) == (lost.get(memory) != resumption)
        assert Client(d).resumes(d)
        counted = 3 if memory == "tlsherd-scoreboard" else 4
        herd.wait_for("the counters", lambda: status(control)["totals"][
            "accepted"] == counted)
        # And from now on all is of this version.
        assert "cannot be taken over" not in upgrade(d)
        assert Client(d).resumes(d)


def test_environment_of_another(tmp):
    """A description that is not meant for this process changes nothing."""
    conf = f"{tmp}/t.conf"
    with open(conf, "w", encoding="utf-8") as f:
        f.write(herd.site())
    env = dict(os.environ, TLSHERD_HANDOVER="1 0")
    done = herd.run(herd.TLSHERD, "-t", "-c", conf, env=env)
    assert done.returncode == 0
    assert "take over" not in done.stdout
    with herd.Daemon(tmp, herd.site(),
                     env={"TLSHERD_HANDOVER": "1 0"}) as d:
        clients.trace(d)


@pytest.mark.root
def test_as_root_in_a_chroot(start, tmp):
    """The master keeps its rights, so what its workers gave up is no matter."""
    jail = f"{tmp}/jail"
    os.mkdir(jail)
    # There is no /proc for LeakSanitizer.
    with start(herd.site(top=f'user = "nobody"\nchroot = "{jail}"'),
               env={"ASAN_OPTIONS": "detect_leaks=0"}) as d:
        peer = Client(d)
        upgrade(d)
        assert peer.resumes(d)
        nobody = str(pwd.getpwnam("nobody").pw_uid)
        for pid in d.wait_workers(2).values():
            assert herd.status(pid)["Uid"] == [nobody] * 4
