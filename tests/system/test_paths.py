# SPDX-License-Identifier: ISC
"""What stands at a path must not stop the master.

For each directive that is a path and each thing that can stand there: a start,
a test, a reload, SIGUSR1 and SIGUSR2 say what is wrong and go on, or end, at
once; and whatever was said, SIGTERM is answered and a dead worker replaced.
"""

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import stat
import time

import pytest

import herd
import pki

# Generous for a machine that does other things, too; a master that stands in
# open(2) takes for ever.
SOON = 10

NOBODY = pwd.getpwnam("nobody")
PR_CAPBSET_DROP = 24  # linux/prctl.h

KINDS = ("fifo", "folder", "device", "dangling", "denied")

NO_FILE = {"fifo": "not a regular file", "folder": "not a regular file",
           "device": "not a regular file",
           "dangling": "No such file or directory",
           "denied": "Permission denied"}
NO_SOCKET = {kind: "is there and is no socket" for kind in KINDS}

# What is said of each kind; None: that is good.
DIRECTIVES = {
    "log": {"fifo": "nobody reads this pipe", "folder": "Is a directory",
            "device": None, "dangling": "No such file or directory",
            "denied": "Permission denied"},
    "pid_file": {"fifo": "regular file", "folder": "Is a directory|regular",
                 "device": "regular file",
                 "dangling": "symbolic link|regular file",
                 "denied": "symbolic link|regular file|Permission denied"},
    "control_socket": NO_SOCKET,
    "address": {kind: "File exists|is there and is no socket"
                for kind in KINDS},
    "chroot": {"fifo": "Not a directory", "folder": None,
               "device": "Not a directory",
               "dangling": "No such file or directory",
               "denied": "Permission denied"},
    "chain": NO_FILE,
    "key": NO_FILE,
    "ca": NO_FILE,
    "crl": NO_FILE,
    "keys": NO_FILE,
    "include": {"fifo": "is not a regular file", "folder": "is a directory",
                "device": "is not a regular file",
                "dangling": "No such file or directory",
                "denied": "Permission denied"},
}

# A reload is not refused for it: it has said so, or the one before stays.
RELOADED = {"pid_file": "pid_file changes with a restart only",
            "control_socket": "is there and is no socket"}


def put(kind, path):
    """Have a thing stand at path."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        os.mkdir(path)
    elif kind == "device":
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    elif kind == "dangling":
        os.symlink("no/where", path)
    elif kind == "denied":
        os.symlink(shut(path) + "/file", path)


def shut(path):
    """A folder that root may not look into without special rights."""
    os.mkdir(path + ".shut", 0o700 if herd.ROOT else 0)
    if herd.ROOT:
        os.chown(path + ".shut", NOBODY.pw_uid, NOBODY.pw_gid)
    return path + ".shut"


def ordinary():
    """Without root's right to look into any folder (capabilities(7))."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2) if herd.ROOT else ():
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == -1:
            raise OSError(ctypes.get_errno(), "prctl")


def clear(path):
    if os.path.isdir(path + ".shut"):
        os.rmdir(path + ".shut")
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)


class Site:
    """A configuration that sets all paths, and the files that it names."""

    def __init__(self, tmp):
        self.folder = os.path.join(tmp, "site")
        os.mkdir(self.folder)
        for name, source in (("chain", "server.pem"), ("key", "server.key"),
                             ("ca", "clients.pem"), ("crl", "empty.crl")):
            shutil.copy(pki.path(source), self.good(name))
            os.chmod(self.good(name), 0o644)
        with open(self.good("keys"), "wb") as f:
            f.write(os.urandom(48))
        with open(self.good("include"), "w", encoding="ascii") as f:
            f.write("worker_connections = 100\n")
        os.mkdir(self.good("chroot"))

    def good(self, name):
        return os.path.join(self.folder, name)

    def bad(self, name):
        return os.path.join(self.folder, name + ".bad")

    def conf(self, bad=None):
        """All paths are good but one."""
        at = {name: self.bad(name) if name == bad else self.good(name)
              for name in DIRECTIVES}
        top = "".join(f'{name} = "{at[name]}"\n' for name in
                      ("log", "pid_file", "control_socket"))
        if herd.ROOT:
            top += f'chroot = "{at["chroot"]}"\n'
        top += f'include("{at["include"]}")\n'
        top += f'tickets {{\n keys = {{ "{at["keys"]}" }}\n}}\n'
        return herd.site("reply", top=top, certificate=f"""
            certificate "default" {{
                chain = "{at["chain"]}"
                key = "{at["key"]}"
                client_certificate = optional
                ca = "{at["ca"]}"
                crl = "{at["crl"]}"
            }}""", address=("127.0.0.1:0", "unix:" + at["address"]))


@pytest.fixture
def site(tmp):
    return Site(tmp)


class Quick(herd.Daemon):
    """Its log is the file of the configuration."""

    def __init__(self, tmp, site, **kw):
        super().__init__(tmp, site.conf(), drop=ordinary, **kw)
        self.log_path = site.good("log")
        self.faults_allowed = "signal 9"

    def __enter__(self):
        open(self.log_path, "ab").close()
        return super().__enter__()


def lives(d):
    """A worker that dies is replaced."""
    victim = d.workers()[0]
    os.kill(victim, signal.SIGKILL)
    herd.wait_for("another worker 0", lambda: d.workers().get(0, victim)
                  != victim, SOON)


def ends(d):
    """SIGTERM, at once."""
    begin = time.monotonic()
    d.signal(signal.SIGTERM)
    assert d.wait_end(SOON) == 0
    print(f"SIGTERM: {time.monotonic() - begin:.3f} s")


def cases():
    for name in DIRECTIVES:
        yield pytest.param(name, marks=pytest.mark.root
                           if name == "chroot" else ())


def kinds_of(name):
    """Each kind and what is said of it."""
    for kind in KINDS:
        if kind != "device" or herd.ROOT:
            yield kind, DIRECTIVES[name][kind]


@pytest.mark.parametrize("test", [False, True], ids=["start", "test"])
@pytest.mark.parametrize("name", cases())
def test_start(tmp, site, name, test):
    conf = os.path.join(tmp, "t.conf")
    for kind, says in kinds_of(name):
        if test and (name, kind) == ("log", "fifo"):
            says = None  # it is not opened: who reads it would see an end
        if says is None and not test:
            continue
        clear(site.bad(name))
        put(kind, site.bad(name))
        with open(conf, "w", encoding="utf-8") as f:
            f.write(site.conf(name))
        begin = time.monotonic()
        done = herd.run(herd.TLSHERD, "-t" if test else "-f", "-c", conf,
                        seconds=SOON, preexec_fn=ordinary)
        print(f"{name} {kind}: {time.monotonic() - begin:.3f} s, "
              f"{done.returncode}, {done.stderr.strip()}")
        assert done.returncode == (1 if says else 0), done.stderr
        expect(done.stderr, name, says)
        assert os.path.lexists(site.bad(name))
        assert not os.path.lexists(site.good("pid_file"))


def expect(text, name, says):
    if says is None:
        return
    lines = [line for line in text.splitlines()
             if any(s in line for s in says.split("|"))]
    assert lines, text
    # file:line of the directive
    assert ".conf:" in lines[0], lines[0]
    assert name.replace("_", " ") in lines[0].replace("_", " "), lines[0]


@pytest.mark.parametrize("test", [False, True], ids=["start", "test"])
@pytest.mark.parametrize("name", ["pid_file", "control_socket", "address"])
def test_start_in_a_folder(tmp, site, name, test):
    """Where no file is to be made."""
    os.symlink(shut(site.bad(name)), os.path.join(tmp, "way"))
    conf = os.path.join(tmp, "t.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(site.conf(name).replace(
            site.bad(name), os.path.join(tmp, "way", "file")))
    done = herd.run(herd.TLSHERD, "-t" if test else "-f", "-c", conf,
                    seconds=SOON, preexec_fn=ordinary)
    assert done.returncode == 1, done.stderr
    expect(done.stderr, name, "Permission denied")


@pytest.mark.parametrize("name", cases())
def test_reload(tmp, site, name):
    with Quick(tmp, site) as d:
        for kind, says in kinds_of(name):
            clear(site.bad(name))
            put(kind, site.bad(name))
            d.configure(site.conf(name))
            mark = d.mark()
            before = d.workers()
            begin = time.monotonic()
            d.signal(signal.SIGHUP)
            if says is None:
                herd.wait_for("new workers", lambda: None not in
                              renewed(before, d.workers()), SOON)
            elif name in RELOADED:
                d.wait_log(RELOADED[name], mark, seconds=SOON)
                d.wait_log("reloaded: generation", mark, seconds=SOON)
            else:
                d.wait_log("reload failed", mark, seconds=SOON)
                expect(d.log(mark), name, says)
            print(f"{name} {kind}: {time.monotonic() - begin:.3f} s")
            lives(d)
            if says is None or name in RELOADED:
                d.reload(site.conf())
        ends(d)


def renewed(before, now):
    """For each worker its pid, None when it is still the one before."""
    return [now.get(n) if now.get(n) != pid else None
            for n, pid in before.items()]


@pytest.mark.parametrize("name", cases())
def test_usr1(tmp, site, name):
    with Quick(tmp, site) as d:
        for kind, says in kinds_of(name):
            with replaced(d, site, name, kind):
                mark = d.mark()
                begin = time.monotonic()
                d.signal(signal.SIGUSR1)
                if name != "log":
                    d.wait_log("log reopened", mark, seconds=SOON)
                elif says is not None:
                    # The old file goes on, and says so.
                    d.wait_log("the log goes on", mark, seconds=SOON)
                    assert says in d.log(mark)
                print(f"{name} {kind}: {time.monotonic() - begin:.3f} s")
                if name != "chroot":
                    lives(d)
            mark = d.mark()
            d.signal(signal.SIGUSR1)
            d.wait_log("log reopened", mark, seconds=SOON)
        ends(d)


@pytest.mark.parametrize("name", cases())
def test_usr2(tmp, site, name):
    with Quick(tmp, site) as d:
        for kind, says in kinds_of(name):
            if says is None:
                continue
            with replaced(d, site, name, kind):
                mark = d.mark()
                begin = time.monotonic()
                d.signal(signal.SIGUSR2)
                d.wait_log("upgrade failed", mark, seconds=SOON)
                d.wait_log("goes on", mark, seconds=SOON)
                print(f"{name} {kind}: {time.monotonic() - begin:.3f} s")
                expect(d.log(mark), name, says)
                if name != "chroot":
                    lives(d)
        ends(d)


@contextlib.contextmanager
def replaced(d, site, name, kind):
    """Meanwhile something else stands where a path of the server was."""
    path = site.good(name)
    os.rename(path, path + ".kept")
    if name == "log":
        d.log_path = path + ".kept"
    put(kind, path)
    yield
    clear(path)
    os.rename(path + ".kept", path)
    d.log_path = site.good("log")
