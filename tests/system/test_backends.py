# SPDX-License-Identifier: ISC
"""Which backend a client gets: turns, names, and backends that fail."""

import contextlib
import ctypes
import os

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
