# SPDX-License-Identifier: ISC
"""Names of hosts and the server that is asked for them.

The master must not wait for a name server: it is dead here, or does not know a
name before a while. Both with files of our own at the places of resolv.conf
and hosts, in a mount namespace.
"""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

import pytest

import backend
import clients
import herd
import pki

pytestmark = pytest.mark.root

SOON = 10
DEAD = "127.9.9.9"
CLONE_NEWNS = 0x20000


@pytest.fixture
def dead():
    """A name server that takes questions and answers none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        # Of another run of these tests: they are all as dead.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((DEAD, 53))
        yield


@pytest.fixture
def away(tmp, dead):
    """For preexec_fn: where resolv.conf and hosts are those of the test."""
    files = {"/etc/resolv.conf": f"nameserver {DEAD}\n",
             "/etc/hosts": "127.0.0.1 localhost\n",
             "/etc/nsswitch.conf": "passwd: files\ngroup: files\n"
                                   "hosts: files dns\n"}
    paths = {}
    for target, text in files.items():
        if not os.path.exists(target):
            pytest.skip(f"there is no {target} to put another one over")
        paths[target] = os.path.join(tmp, os.path.basename(target))
        with open(paths[target], "w", encoding="ascii") as f:
            f.write(text)
    libc = ctypes.CDLL(None, use_errno=True)

    def enter():
        if libc.unshare(CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        for command in (["--make-rprivate", "/"],
                        *(["--bind", path, target]
                          for target, path in paths.items())):
            subprocess.run(["mount", *command], check=True)
    enter.hosts = paths["/etc/hosts"]
    return enter


def proxy(*backends, top="", **kw):
    names = '", "'.join(backends)
    return herd.site("proxy", top=top,
                     body=f'backend = {{ "{names}" }}', **kw)


def talk(d):
    with clients.connect(d.target()) as tls:
        tls.sendall(b"x")
        return clients.read_exactly(tls, 1)


def test_start_ends(start, away, tmp):
    pid_path = os.path.join(tmp, "pid")
    with start(proxy("slow.test:80", top=f'pid_file = "{pid_path}"'),
               ready=False, drop=away) as d:
        herd.wait_for("the pid file", lambda: os.path.exists(pid_path))
        herd.wait_for("somebody who asks", d.children)
        begin = time.monotonic()
        d.signal(signal.SIGTERM)
        assert d.wait_end(SOON) == 0
        print(f"SIGTERM: {time.monotonic() - begin:.3f} s")
        assert "ready" not in d.log()
        assert not os.path.exists(pid_path)


def test_backend_counts_as_failed(start, away):
    """The start takes the time that an answer may take, and no more."""
    with backend.Backend(backend.echo) as good, \
            start(proxy("slow.test:80", "slower.test:80", good.address),
                  drop=away) as d:
        for name in ("slow", "slower"):
            assert f'backend "{name}.test:80": the name server does not ' \
                "answer: it counts as failed" in d.log()
        for _ in range(3):
            assert talk(d) == b"x"


def test_address_is_an_error(tmp, away):
    conf = os.path.join(tmp, "t.conf")
    with open(conf, "w", encoding="ascii") as f:
        f.write(herd.site("reply", address="slow.test:0"))
    for option in "-t", "-f":
        done = herd.run(herd.TLSHERD, option, "-c", conf, preexec_fn=away)
        assert done.returncode == 1
        assert 'address "slow.test:0": the name server does not answer' in \
            done.stderr


def test_reload(start, away):
    with start(herd.site("reply"), drop=away) as d:
        d.faults_allowed = "signal 9"
        victim = d.workers()[0]
        mark = d.mark()
        d.configure(proxy("slow.test:80"))
        d.signal(signal.SIGHUP)
        d.wait_log("reloading", mark)
        begin = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        herd.wait_for("another worker 0", lambda: d.workers().get(0, victim)
                      != victim, SOON)
        print(f"another worker: {time.monotonic() - begin:.3f} s")
        assert "reloaded: generation" not in d.log(mark)
        d.wait_log("reloaded: generation", mark)


def test_stop_in_a_reload(start, away):
    with start(herd.site("reply"), drop=away) as d:
        mark = d.mark()
        d.configure(proxy("slow.test:80"))
        d.signal(signal.SIGHUP)
        d.wait_log("reloading", mark)
        begin = time.monotonic()
        d.signal(signal.SIGTERM)
        assert d.wait_end(SOON) == 0
        print(f"SIGTERM: {time.monotonic() - begin:.3f} s")
        assert "reloaded: generation" not in d.log(mark)


def found(d, away):
    """The name is known from now on."""
    mark = d.mark()
    with open(away.hosts, "a", encoding="ascii") as f:
        f.write("127.0.0.1 late.test\n")
    return mark


def test_found_later(start, away):
    with backend.Backend(backend.echo) as good:
        port = good.address.rsplit(":", 1)[1]
        with start(proxy("late.test:" + port), drop=away) as d:
            mark = found(d, away)
            d.wait_log("names are found that were not", mark, seconds=60)
            d.wait_log("reloaded: generation 2", mark, seconds=60)
            assert talk(d) == b"x"


def test_found_while_the_file_is_edited(start, away):
    """What nobody has asked to be loaded is not loaded."""
    with start(proxy("late.test:9"), drop=away) as d:
        before = d.workers()
        d.configure(herd.site("trace"))
        mark = found(d, away)
        d.wait_log("is not what is running", mark, seconds=60)
        assert d.workers() == before


def test_found_after_a_reload_that_failed(start, away):
    """The names are those of what is running, not of what was refused."""
    with backend.Backend(backend.echo) as good:
        conf = proxy("late.test:" + good.address.rsplit(":", 1)[1])
        with start(conf, drop=away) as d:
            d.reload_refused("nonsense")
            d.configure(conf)
            mark = found(d, away)
            d.wait_log("reloaded: generation", mark, seconds=40)
            assert talk(d) == b"x"


def test_found_while_a_reload_is_impossible(start, away, tmp):
    """What hinders the reload goes away, and nobody has to say so."""
    key = os.path.join(tmp, "key")
    shutil.copy(pki.path("server.key"), key)
    with backend.Backend(backend.echo) as good:
        conf = proxy("late.test:" + good.address.rsplit(":", 1)[1]).replace(
            pki.path("server.key"), key)
        with start(conf, drop=away) as d:
            os.rename(key, key + ".away")
            mark = found(d, away)
            d.wait_log("reload failed", mark, seconds=40)
            os.rename(key + ".away", key)
            d.wait_log("reloaded: generation", mark, seconds=60)
            assert talk(d) == b"x"


def test_stop_while_names_are_asked_for(start, away):
    """Nobody who asks outlives the master."""
    with start(proxy("late.test:9"), drop=away) as d:
        herd.wait_for("somebody who asks", lambda: len(d.children()) > 2, 40)
        asking = d.alive()
        d.signal(signal.SIGTERM)
        assert d.wait_end(SOON) == 0
        # They are killed; by themselves they would ask for some seconds more.
        herd.wait_for("their end", lambda: all(map(herd.gone, asking)), 2)


def has_reaped(pid):
    """A tlsherd one of whose children has ended, with its page faults."""
    if not herd.title(pid).startswith("tlsherd: "):
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return int(f.read().rsplit(")", 1)[1].split()[8]) > 0


def test_another_user_meanwhile(start, away):
    """Who is looked up anew has the groups of nobody else."""
    def conf(user):
        return proxy("slow.test:80", top=f'user = "{user}"')
    with start(conf("daemon"), ready=False, drop=away) as d:
        herd.wait_for("the ids", lambda: any(map(has_reaped, d.children())))
        d.configure(conf("nobody"))
        d.wait_log("workers are ready")
        groups = herd.status(d.workers()[0])["Groups"]
        assert groups == [str(g) for g in os.getgrouplist(
            "nobody", pwd.getpwnam("nobody").pw_gid)]


def test_upgrade_asked_for_in_its_test(start, away):
    """What is tested may be the file before the one that is meant."""
    with start(herd.site("reply"), drop=away) as d:
        d.configure(herd.site("reply", address="slow.test:0"))
        mark = d.mark()
        d.signal(signal.SIGUSR2)
        d.wait_log("upgrade: testing", mark)
        d.signal(signal.SIGUSR2)
        d.wait_log("upgrade failed: ", mark, n=2)


def test_known_names_outlive_their_server(start, away):
    """A reload while nobody answers costs no site that works."""
    with backend.Backend(backend.echo) as good:
        found_now = "127.0.0.1 late.test\n"
        with open(away.hosts, "a", encoding="ascii") as f:
            f.write(found_now)
        conf = proxy("late.test:" + good.address.rsplit(":", 1)[1])
        with start(conf, drop=away) as d:
            with open(away.hosts, "w", encoding="ascii") as f:
                f.write("127.0.0.1 localhost\n")
            d.reload_refused("nonsense")
            d.reload(conf)
            assert "it keeps the addresses that it had" in d.log()
            assert talk(d) == b"x"


def test_known_names_outlive_an_upgrade(start, away):
    """The program that takes over has them from the one before."""
    with backend.Backend(backend.echo) as good:
        with open(away.hosts, "a", encoding="ascii") as f:
            f.write("127.0.0.1 late.test\n")
        conf = proxy("late.test:" + good.address.rsplit(":", 1)[1])
        with start(conf, drop=away) as d:
            with open(away.hosts, "w", encoding="ascii") as f:
                f.write("127.0.0.1 localhost\n")
            for generation in 2, 3:
                mark = d.mark()
                d.signal(signal.SIGUSR2)
                d.wait_log(f"upgraded: generation {generation}", mark,
                           seconds=60)
                assert "it keeps the addresses that it had" in d.log(mark)
                assert talk(d) == b"x"
