# SPDX-License-Identifier: ISC
"""Memory and reloads: they do not cost more of it each time, old private keys
are nowhere after one, and one that there is no memory for changes nothing."""

import os
import re
import resource
import signal
import subprocess

import pytest

import clients
import herd
import pki

CERTIFICATES = herd.size(300, 2000)
RELOADS = herd.size(5, 10)
WORKERS = 4
ALLOWANCE = 4 * 1024  # KiB, for all processes together
SECRETS = ("priv", "privateExponent", "prime1", "prime2", "exponent1",
           "exponent2", "coefficient")


def many(n, name="server"):
    """n certificates, which all stand in the same files."""
    sections = [pki.section("default", name)]
    sections += [pki.section(f"c{i}", name, [f"n{i}.test"])
                 for i in range(n - 1)]
    return "\n".join(sections)


def site(n, workers=WORKERS):
    return herd.site("reply", workers=workers, certificate=many(n))


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f
                    if line.startswith("Pss:"))


def settled_pss(d, most):
    """KiB of all processes, when the old workers have gone."""
    d.wait_workers(WORKERS)
    values = []

    def low():
        values.append(sum(pss(pid) for pid in d.alive()))
        return values[-1] <= most
    try:
        herd.wait_for(f"{most} KiB", low, 5)
    except AssertionError:
        pass
    return values[-1]


@pytest.mark.skipif(herd.SLOW != 1, reason="not the usual allocator")
def test_reloads_cost_no_memory(start):
    with start(site(CERTIFICATES)) as d:
        first = settled_pss(d, 0)
        most = first * 5 // 4 + ALLOWANCE
        values = []
        for _ in range(RELOADS):
            d.reload()
            values.append(settled_pss(d, most))
        print(first, values)
        assert max(values) <= most, values


def secrets(path):
    """Numbers that nobody else may know, as bytes in both orders."""
    text = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"],
                          capture_output=True, text=True, check=True).stdout
    found = []
    for name in SECRETS:
        block = re.search(rf"^{name}:\n((?: +[0-9a-f:]+\n)+)", text, re.M)
        if block:
            number = bytes.fromhex(re.sub(r"[\s:]", "", block[1]))
            number = number.lstrip(b"\0")
            found += [number, number[::-1]]
    assert found, text
    return found


def memory(pid):
    """All that is written in a process."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            low, high, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if "w" in rights:
                mem.seek(int(low, 16))
                yield mem.read(int(high, 16) - int(low, 16))


def known(pid, numbers):
    """Those of them that the process has."""
    parts = list(memory(pid))
    return [n for n in numbers if any(n in part for part in parts)]


@pytest.fixture(params=["ec", "rsa"])
def old(request):
    """Certificates whose keys are to go, and the numbers in these."""
    names = [f"old-{request.param}{i}" for i in range(4)]
    for name in names:
        pki.make(name, "ca", f"{name}.test", algorithm=request.param)
    sections = "\n".join(pki.section(name, name, [f"{name}.test"])
                         for name in names)
    numbers = [n for name in names for n in secrets(pki.path(name + ".key"))]
    return sections, numbers


def has_all(pid, numbers):
    """Each number in one order or the other: or nothing could be found."""
    found = known(pid, numbers)
    return all(number in found or number[::-1] in found
               for number in numbers)


@pytest.mark.root
def test_old_keys_are_gone(start, old):
    sections, numbers = old
    server = secrets(pki.path("server.key"))
    with start(herd.site("echo", certificate=sections + pki.section(
            "default", "server"))) as d:
        d.faults_allowed = "signal 9"
        for pid in d.workers().values():
            assert has_all(pid, numbers) and has_all(pid, server)
        with clients.connect(d) as held:
            d.reload(herd.site("echo"))
            workers = d.workers()
            for pid in workers.values():
                assert has_all(pid, server)
                assert not known(pid, numbers), "in a new worker"
            # The master may still have them; who is born now has not.
            os.kill(workers[0], signal.SIGKILL)
            born = herd.wait_for("another worker 0", lambda: d.workers().get(
                0, workers[0]) != workers[0] and d.workers()[0])
            clients.connect(d).close()
            assert not known(born, numbers), "in one that was born later"
            held.close()
        d.wait_workers(2)
        assert not known(d.pid, numbers), "in the master"


@pytest.mark.skipif(herd.SLOW != 1, reason="needs all addresses there are")
def test_too_large_for_memory(start):
    """It is refused, what runs goes on, and one that has room is loaded."""
    with start(site(1, 2)) as d:
        workers = d.workers()
        size = int(herd.status(d.pid)["VmSize"][0]) * 1024
        limit = size + (36 << 20)
        resource.prlimit(d.pid, resource.RLIMIT_AS, (limit, limit))
        text = d.reload_refused(site(herd.size(2500, 10000), 2))
        assert re.search(r"not enough memory", text), text
        assert d.workers() == workers
        clients.connect(d).close()
        d.reload(site(2, 2))
        clients.connect(d).close()
