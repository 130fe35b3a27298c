# SPDX-License-Identifier: ISC
"""What tlsherd does not start with: one line, status 1, and nothing left.

Every wrong value by itself is in tests/unit/conf; here is the real program,
in the foreground and as a daemon.
"""

import ctypes
import os
import socket
import time

import pytest

import backend
import clients
import herd
import pki

PR_SET_CHILD_SUBREAPER = 36
PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2

libc = ctypes.CDLL(None, use_errno=True)

# It goes before the text of each case, but for what that says itself.
HEAD = [
    'pid_file = "{TMP}/pid"',
    'control_socket = "{TMP}/control"',
    'worker_connections = 100',  # no warning about open files
]


@pytest.fixture(autouse=True)
def adopt():
    """Daemons whose parent has ended become our children."""
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def children():
    """Our living children; reaps the dead ones."""
    found = [p.pid for p in herd.processes() if p.parent == os.getpid()]
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return found
        except ChildProcessError:
            return found


def files(folder):
    return sorted(os.path.join(where, name) for where, _, names in
                  os.walk(folder) for name in names)


def no_override():
    """From now on root may read only what its mode says."""
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        assert libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0


class Refused:
    def __init__(self, folder):
        self.folder = folder
        self.path = f"{folder}/bad.conf"

    def __call__(self, text, line, what, options=(), **kw):
        """`what` is said about that line of the text (None: of no line)."""
        head = [h for h in HEAD if h.split()[0] not in text]
        text = "\n".join(head + [text]).replace("{TMP}", self.folder)
        text = text.replace("{PKI}", pki.path("").rstrip("/"))
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text + "\n")
        where = f"{self.path}:" + (f"{len(head) + line}: " if line else " ")
        for mode in (["-f"], []):
            said = self.run([*mode, "-c", self.path, *options], **kw)
            assert said.startswith(where)
            assert what in said[len(where):]
        return said

    def run(self, options, **kw):
        """The one line; it comes within a second, and nothing stays."""
        before = files(self.folder), children()
        for _ in range(3):  # the machine may have other things to do
            begun = time.monotonic()
            done = herd.run(herd.TLSHERD, *options, **kw)
            took = time.monotonic() - begun
            assert done.returncode == 1
            assert done.stdout == ""
            assert done.stderr.count("\n") == 1
            assert done.stderr.endswith("\n")
            herd.wait_for("the end of all processes",
                          lambda: children() == before[1], 2)
            assert files(self.folder) == before[0]
            if took < 1 * herd.SLOW:
                break
        assert took < 1 * herd.SLOW
        return done.stderr


@pytest.fixture
def refused(tmp):
    return Refused(tmp)


GOOD = ('listen "good" { address = { "127.0.0.1:0" }\n certificate "a" {\n'
        '  chain = "{PKI}/server.pem"\n  key = "{PKI}/server.key" } }\n')


def certificate(text):
    """A listener with what stands in its certificate section, on line 2."""
    return ('listen "a" { address = { "127.0.0.1:0" } certificate "a" {\n'
            + text + "\n} }")


def listen(text):
    """A listener with more directives, from line 2 on."""
    return ('listen "bad" { certificate "a" { chain = "{PKI}/server.both" }\n'
            + text + "\n}")


LOCAL = 'address = { "127.0.0.1:0" }\n'

FILES = [
    # the form
    ('wokers = 2', 1, 'unknown directive "wokers"'),
    (listen(LOCAL + 'servise = echo'), 3, 'unknown directive "servise"'),
    (certificate('chian = "x"'), 2, 'unknown directive "chian"'),
    ('workers = { 1, 2 }', 1, 'takes one value'),
    ('workers { }', 1, 'workers'),
    ('session_cache = 5', 1, 'session_cache'),
    ('listen "a" {', 1, 'no closing'),
    ('}', 1, '}'),
    ('workers =', 2, 'not the end of the file'),
    ('log = "', 1, 'no closing'),
    ('include("/nonexistent")', 1, '/nonexistent'),
    ('include("bad.conf")', 1, 'bad.conf'),
    ('', None, 'no listen section'),
    # values
    ('workers = 0', 1, 'workers "0": expected auto or a number'),
    ('workers = banana', 1, 'workers "banana": expected auto or a number'),
    ('reuseport = 2', 1, 'reuseport "2": expected yes or no'),
    ('session_cache { size = banana }', 1, 'size "banana": expected a size'),
    ('session_cache {\nsize = 1 }', 2, 'size "1": expected a size'),
    ('drain_timeout = soon', 1, 'drain_timeout "soon": expected a duration'),
    (listen(LOCAL + 'service = eco'), 3, 'service "eco": expected reply'),
    (listen(LOCAL + 'service = proxy'), 1, 'no backend'),
    (listen(LOCAL + 'ciphers = "NO-SUCH"'), 3, 'NO-SUCH'),
    (listen(LOCAL + 'groups = "no-such"'), 3, 'no-such'),
    # addresses
    (listen('address = { "443" }'), 2, '"443" is not an address'),
    (listen('address = { "127.0.0.1" }'), 2, '"127.0.0.1" is not'),
    (listen('address = { "127.0.0.1:65536" }'), 2, '127.0.0.1:65536'),
    (listen('address = { "[::1:443" }'), 2, '[::1:443'),
    (listen('address = { "192.0.2.1:20001" }'), 2, 'Cannot assign'),
    (listen('address = { "unix:/nonexistent/x" }'), 2, 'No such file'),
    (listen('address = { "unix:{TMP}" }'), 2, 'File exists'),
    (listen(''), 1, 'has no address'),
    (listen('address = { "127.0.0.1:20001",\n"127.0.0.1:20001" }'), 3,
     'is bound twice'),
    (listen('address = { "127.0.0.1:20001" }') + '\n' +
     listen('address = { "127.0.0.1:20001" }').replace("bad", "other"), 5,
     'is bound twice'),
    (GOOD + GOOD, 5, '"good"'),
    (listen('address = { "unix:{TMP}/x",\n"unix:{TMP}/x" }'), 3,
     'is bound twice'),
    # certificates and keys
    (certificate(''), 1, 'has no chain'),
    (certificate('chain = "{PKI}/server.pem"'), 2, 'key'),
    (certificate('chain = "{PKI}/server.pem"\nkey = "/nonexistent"'), 3,
     '/nonexistent'),
    (certificate('chain = "/nonexistent"\nkey = "{PKI}/server.key"'), 2,
     '/nonexistent'),
    (certificate('chain = "{PKI}/server.pem"\nkey = "{PKI}/a.key"'), 3,
     'not that of the certificate'),
    (certificate('chain = "{PKI}/server.pem"\nkey = "/"'), 3, 'key "/"'),
    (certificate('chain = "{PKI}/server.pem"\nkey = "{PKI}/encrypted.key"'),
     3, 'encrypted.key'),
    (certificate('chain = "{TMP}/bad.conf"\nkey = "{PKI}/server.key"'), 2,
     'bad.conf'),
    (certificate('chain = "{PKI}/server.both"\nclient_certificate = required'),
     1, 'has no ca'),
    (certificate('chain = "{PKI}/server.both"\nca = "{PKI}/server.key"\n'
                 'client_certificate = required'), 3, 'server.key'),
    ('tickets { keys = {\n"{PKI}/server.key" } }\n' + GOOD, 2, 'server.key'),
    # the process
    ('log = "/nonexistent/log"\n' + GOOD, 1, '/nonexistent/log'),
    ('pid_file = "/nonexistent/pid"\n' + GOOD, 1, '/nonexistent/pid'),
    ('control_socket = "/nonexistent/c"\n' + GOOD, 1, '/nonexistent/c'),
    ('pid_file = "{TMP}/bad.conf"\n' + GOOD, 1, 'is not a pid file'),
    ('user = "no-such-user-here"\n' + GOOD, 1, '"no-such-user-here"'),
    ('group = "no-such-group-here"\n' + GOOD, 1, '"no-such-group-here"'),
]


@pytest.mark.parametrize("text,line,what", FILES,
                         ids=[f"{i}-{c[2]}" for i, c in enumerate(FILES)])
def test_bad_file(refused, text, line, what):
    refused(text, line, what)


def test_chroot_that_is_not_there(refused):
    refused('chroot = "/nonexistent"\n' + GOOD, 1, "/nonexistent")


@pytest.mark.parametrize("line,name", [(2, "chain"), (3, "key")])
def test_file_that_may_not_be_read(refused, tmp, line, name):
    names = {"chain": pki.path("server.pem"), "key": pki.path("server.key")}
    with open(names[name], encoding="ascii") as f:
        text = f.read()
    names[name] = f"{tmp}/closed"
    with open(names[name], "w", encoding="ascii") as f:
        f.write(text)
    os.chmod(names[name], 0)
    said = refused(certificate('chain = "{chain}"\nkey = "{key}"'.format(
        **names)), line, "Permission denied",
        preexec_fn=no_override if herd.ROOT else None)
    assert f"{tmp}/closed" in said


def test_no_such_configuration(refused, tmp):
    for mode in (["-f"], []):
        said = refused.run([*mode, "-c", f"{tmp}/nothing"])
        assert said.startswith(f"{tmp}/nothing: No such file")


def test_bad_assignment(refused, tmp):
    with open(f"{tmp}/good.conf", "w", encoding="utf-8") as f:
        f.write(herd.site())
    for mode in (["-f"], []):
        said = refused.run([*mode, "-c", f"{tmp}/good.conf", "-o",
                            "workers=0"])
        assert 'workers "0": expected auto or a number' in said


# Addresses that somebody has

def in_use(refused, address, **kw):
    """A listener before it, and its address, does not stay either."""
    return refused('listen "good" { address = { "unix:{TMP}/first" }\n'
                   'certificate "a" { chain = "{PKI}/server.both" } }\n' +
                   listen(f'address = {{ "127.0.0.1:0",\n"{address}" }}'), 5,
                   "Address already in use", **kw)


@pytest.mark.parametrize("reuseport", ["yes", "no"])
def test_port_in_use(refused, reuseport):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        option = ["-o", f"reuseport={reuseport}"]
        assert address in in_use(refused, address, options=option)


def test_port_of_another_tlsherd(refused, start):
    """SO_REUSEPORT would let two of them share it."""
    with start(herd.site()) as d:
        in_use(refused, d.address())
        served = {clients.trace(d)[0]["pid"] for _ in range(10)}
        assert served <= {str(pid) for pid in d.workers().values()}


def test_unix_socket_in_use(refused, start, tmp):
    with start(herd.site(address=f"unix:{tmp}/taken")) as d:
        in_use(refused, f"unix:{tmp}/taken")
        clients.trace(d)


def test_all_addresses_and_one_of_them(refused):
    with backend.refusing() as address:
        port = address.rpartition(":")[2]
    said = refused(listen(f'address = {{ "0.0.0.0:{port}",\n'
                          f'"127.0.0.1:{port}" }}'), 3, "in use")
    assert address in said


def test_second_instance(refused, start, tmp):
    """The pid file is the first one's, and stays."""
    pid_file = f"{tmp}/running"
    with start(f'pid_file = "{pid_file}"\n' + herd.site()) as d:
        said = refused(f'pid_file = "{pid_file}"\n' + GOOD, 1,
                       "tlsherd is running already")
        assert str(d.pid) in said
        with open(pid_file, encoding="ascii") as f:
            assert int(f.read()) == d.pid
        clients.trace(d)
