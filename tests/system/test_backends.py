# SPDX-License-Identifier: ISC
"""Which backend a client gets: turns, names, and backends that fail."""

import contextlib
import ctypes
import os
import re

import pytest

import backend
import clients
import herd

CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000

root = pytest.mark.skipif(not herd.ROOT, reason="needs root")


def proxy(*addresses, body="", **kw):
    quoted = '", "'.join(addresses)
    return herd.site("proxy", body=f'backend = {{ "{quoted}" }}\n{body}',
                     **kw)


def with_hosts(tmp, text):
    """For the daemon to call before its exec: /etc/hosts is another file."""
    if not os.path.exists("/etc/hosts"):
        pytest.skip("there is no /etc/hosts to put another one over")
    path = os.path.join(tmp, "hosts")
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    libc = ctypes.CDLL(None, use_errno=True)

    def check(result):
        if result != 0:
            raise OSError(ctypes.get_errno(), "no /etc/hosts of our own")

    def prepare():
        check(libc.unshare(CLONE_NEWNS))
        check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
        check(libc.mount(path.encode(), b"/etc/hosts", None, MS_BIND, None))
    return prepare


@contextlib.contextmanager
def at(address, port=0):
    """A backend there that says its address and ends."""
    with backend.Backend(lambda sock: sock.sendall(address.encode()),
                         where=(address, port)) as b:
        yield int(b.address.rsplit(":", 1)[1])


def ask(d):
    """Which backend answers."""
    with clients.connect(d) as tls:
        return clients.read_all(tls).decode()


# Names

@root
def test_name_of_several_is_called_in_turn(start, tmp):
    hosts = "127.0.0.1 several.test\n127.0.0.2 several.test\n"
    with at("127.0.0.1") as port, at("127.0.0.2", port), \
            start(proxy(f"several.test:{port}", workers=1),
                  drop=with_hosts(tmp, hosts)) as d:
        assert {ask(d), ask(d)} == {"127.0.0.1", "127.0.0.2"}
        assert {line["backend"] for line in d.wait_connections(2)} == {
            f"127.0.0.1:{port}", f"127.0.0.2:{port}"}


@root
def test_name_of_several_is_bound_to_all(start, tmp):
    hosts = "127.0.0.1 several.test\n127.0.0.2 several.test\n"
    with start(herd.site(address="several.test:0"),
               drop=with_hosts(tmp, hosts)) as d:
        bound = [text.rsplit(":", 1) for text, _ in d.addresses()]
        assert {host for host, _ in bound} == {"127.0.0.1", "127.0.0.2"}
        for host, port in bound:
            clients.trace((host, int(port)))
        d.wait_connections(2, close="done")


# Failures

def down(d):
    return d.log().count(" is down: ")


def up(d):
    return d.log().count(" is up again after ")


@pytest.mark.parametrize("where", ["tcp", "unix"])
def test_failure_is_remembered_and_told_once(start, tmp, where):
    path = f"{tmp}/bad" if where == "unix" else None
    bad, address = backend.bound(path)
    with bad, at("127.0.0.1") as port, \
            start(proxy(address, f"127.0.0.1:{port}", workers=1,
                        body="backend_retry = 1h")) as d:
        for _ in range(6):
            assert ask(d) == "127.0.0.1"
        lines = d.wait_connections(6, backend=f"127.0.0.1:{port}")
        assert sorted(line["backend_failed"] for line in lines) == (
            ["0"] * 5 + ["1"])
        d.wait_log(r'worker 0: listener "main": backend '
                   + re.escape(address) + " is down: Connection refused")
        assert down(d) == 1 and up(d) == 0


def test_backend_comes_back(start):
    bad, address = backend.bound()
    with bad, at("127.0.0.1") as port, \
            start(proxy(address, f"127.0.0.1:{port}", workers=1,
                        body="backend_retry = 50ms")) as d:
        herd.wait_for("a failure", lambda: ask(d) and down(d))
        bad.listen()

        def is_up():
            with clients.connect(d):
                pass
            return up(d)
        herd.wait_for("the backend", is_up)
        assert down(d) == up(d) == 1


def test_hung_backend_costs_one_client_its_time(start):
    with backend.full() as (_, hung), at("127.0.0.1") as port, \
            start(proxy(hung, f"127.0.0.1:{port}", workers=1,
                        body="connect_timeout = 2s backend_retry = 1h")) as d:
        for _ in range(6):
            assert ask(d) == "127.0.0.1"
        lines = d.wait_connections(6)
        slow = [line for line in lines if line["backend_failed"] == "1"]
        assert len(slow) == 1
        # The loop counts in whole milliseconds of a time that it keeps.
        assert float(slow[0]["connect_ms"]) >= 990
        assert {line["backend"] for line in lines} == {f"127.0.0.1:{port}"}
        assert d.log().count(
            f"backend {hung} is down: Connection timed out") == 1


def test_all_are_down(start):
    with backend.refusing() as one, backend.refusing() as other, \
            start(proxy(one, other, workers=1)) as d:
        for _ in range(3):
            with clients.connect(d) as tls, pytest.raises(OSError):
                assert tls.recv(1)
        lines = d.wait_connections(3, close="backend_down")
        assert {line["backend_failed"] for line in lines} == {"2"}
        assert {line["backend"] for line in lines} <= {one, other}
        assert down(d) == 2


@root
def test_named_backend_is_told_by_both(start, tmp):
    hosts = "127.0.0.2 bad.test\n"
    with start(proxy("bad.test:1", workers=1),
               drop=with_hosts(tmp, hosts)) as d:
        with clients.connect(d) as tls, pytest.raises(OSError):
            assert tls.recv(1)
        d.wait_log(r"backend bad\.test:1 \(127\.0\.0\.2:1\) is down: ")
        d.wait_connections(1, backend="127.0.0.2:1")
