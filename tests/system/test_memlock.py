# SPDX-License-Identifier: ISC
"""Shared memory that cannot be locked: said once, and by tlsherdctl."""

import ctypes
import json
import os
import resource
import signal

import pytest

import clients
import herd

SAID = "cannot be locked into memory"
PR_CAPBSET_DROP = 24
CAP_IPC_LOCK = 14


def little():
    """Before the exec: a limit of 64 KiB, also for who is root."""
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
    if herd.ROOT:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) == -1:
            raise OSError(ctypes.get_errno(), "prctl")


def locked(control):
    done = herd.run(herd.CTL, "-s", control, "--json", "sessions")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return said["cache"]["locked"], said["ticket_keys"]["locked"]


def kernel_says(pid):
    """Bytes that the kernel has locked for a process."""
    return int(herd.status(pid)["VmLck"][0]) << 10


def no_sanitizer(pid):
    """AddressSanitizer takes mlock(2) away."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as f:
        if "asan" in f.read():
            pytest.skip("built with a sanitizer")


def site(control, cache="1M"):
    return herd.site(top=f'control_socket = "{control}"\n'
                     f'session_cache {{ size = "{cache}" }}')


def test_limit_too_low(start, tmp):
    control = f"{tmp}/control.sock"
    with start(site(control), drop=little) as d:
        no_sanitizer(d.pid)
        d.wait_log(SAID)
        line = next(x for x in d.log().splitlines() if SAID in x)
        assert "sessions cannot" in line and "64K" in line and "3M" in line
        assert "LimitMEMLOCK" in line
        assert locked(control)[0] == 0
        assert kernel_says(d.pid) == locked(control)[1]
        d.reload()
        d.reload(site(control, "2M"))
        assert d.log().count(SAID) == 1
        clients.trace(d)
        # The program that takes over has to lock anew, and says it once.
        mark = d.mark()
        d.signal(signal.SIGUSR2)
        d.wait_log("upgraded: generation", mark)
        d.wait_log(SAID, mark)
        d.reload()
        assert d.log().count(SAID) == 2


def test_limit_that_suffices(start, tmp):
    control = f"{tmp}/control.sock"
    hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    if not herd.ROOT and hard != resource.RLIM_INFINITY and hard < 4 << 20:
        pytest.skip("the hard limit is too low")

    def enough():
        if not herd.ROOT:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))

    with start(site(control), drop=enough) as d:
        no_sanitizer(d.pid)
        if kernel_says(d.pid) == 0 and herd.ROOT:
            pytest.skip("root without the right to lock memory")
        cache, keys = locked(control)
        assert cache >= 1 << 20 and keys > 0
        assert kernel_says(d.pid) == cache + keys
        # What the master has locked, no worker can have swapped out.
        mark = d.mark()
        d.signal(signal.SIGUSR2)
        d.wait_log("upgraded: generation", mark)
        assert locked(control) == (cache, keys)
        assert kernel_says(d.pid) == cache + keys
        assert SAID not in d.log()
        assert os.path.exists(control)
