# SPDX-License-Identifier: ISC
"""Reloads: what changes, what stays, and that nobody notices."""

import json
import os
import signal
import threading

import pytest

import clients
import herd
import pki


def site(workers=2, size="4M", service="trace", more="", tmp=None, **kw):
    top = f"session_cache {{ size = {size} }}"
    if tmp is not None:
        top += f'\ncontrol_socket = "{tmp}/ctl"'
    return herd.site(service, workers=workers, top=top, **kw) + more


def cache(tmp):
    done = herd.run(herd.CTL, "-s", f"{tmp}/ctl", "--json", "sessions")
    return json.loads(done.stdout)["cache"]


def descriptors(pid):
    """What each is; a control client may be there for a moment."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0])
        except FileNotFoundError:
            pass
    return sorted(found)


def refuses(target):
    """Nobody listens there any more."""
    try:
        clients.tcp(target).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("numbers", [[2, 5, 1, 3]])
def test_workers_up_and_down(start, numbers):
    with start(site(numbers[0])) as d:
        ctx = clients.context()
        _, session = clients.trace(d, ctx=ctx)
        for n in numbers[1:]:
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
        with clients.connect(d.target("second")) as tls:
            tls.sendall(b"x")
            assert clients.read_exactly(tls, 1) == b"x"
        assert d.target() == first
        clients.trace(first)
        target = d.target("second")
        d.reload(site())
        herd.wait_for("a refusal", lambda: refuses(target))
        clients.trace(first)


def test_the_new_certificate(start):
    def served(d):
        with clients.connect(d) as tls:
            return tls.getpeercert(binary_form=True)

    with start(site()) as d:
        before = served(d)
        d.reload(site(certificate=pki.section("default", "server2")))
        assert served(d) != before
        d.reload(site())
        assert served(d) == before


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


def test_bad_files_change_nothing(start, tmp):
    with start(site()) as d:
        ctx = clients.context()
        _, session = clients.trace(d, ctx=ctx)
        before = d.workers()
        for conf, says in (
                (site() + "}", "tlsherd.conf:"),
                (site().replace("workers = 2", "wokers = 2"), "wokers"),
                (site().replace("server.pem", "nothing.pem"), "nothing.pem"),
                (site(size="banana"), "banana"),
                (site().replace("server.key", "server2.key"), "key")):
            said = d.reload_refused(conf)
            assert says in said and "tlsherd.conf:" in said
            assert d.workers() == before
        said, _ = clients.trace(d, ctx=ctx, session=session)
        assert said["resumed"] == "stateful"


def test_a_transfer_goes_on(start):
    with start(site(service="echo")) as d:
        old = set(d.workers().values())
        with clients.connect(d) as tls:
            tls.sendall(b"before")
            assert clients.read_exactly(tls, 6) == b"before"
            d.reload()
            data = clients.noise(300000, 1)
            thread = threading.Thread(target=tls.sendall, args=(b"after",))
            thread.start()
            thread.join()
            assert clients.read_exactly(tls, 5) == b"after"
            tls.sendall(data[:1000])
            assert clients.read_exactly(tls, 1000) == data[:1000]
            assert old & set(d.children())
        herd.wait_for("the old workers' end",
                      lambda: not old & set(d.children()))


def test_ten_times_under_load(start, tmp, version):
    """All resume, the counters go on, nothing is left behind."""
    failed, done, resumed = [], threading.Event(), [0]

    def client(d):
        ctx, session = clients.context(version), None
        while not done.is_set():
            try:
                said, session = clients.trace(d, ctx=ctx, session=session)
                resumed[0] += said["resumed"] != "full"
                if said["resumed"] == "full" and resumed[0] > 0:
                    failed.append(said)
            except (OSError, AssertionError) as e:
                failed.append(e)

    with start(site(tmp=tmp)) as d:
        thread = threading.Thread(target=client, args=(d,))
        thread.start()
        try:
            herd.wait_for("a resumption", lambda: resumed[0] > 0)
            d.reload()
            herd.wait_for("only the new workers",
                          lambda: len(d.children()) == 2)
            before = descriptors(d.pid)
            hits = cache(tmp)["hits"]
            for _ in range(10):
                count = resumed[0]
                d.reload()
                herd.wait_for("a resumption",
                              lambda c=count: resumed[0] > c or failed)
        finally:
            done.set()
            thread.join()
        assert not failed, failed[:3]
        herd.wait_for("only the new workers", lambda: len(d.children()) == 2)
        try:
            herd.wait_for("no more descriptors", lambda: len(descriptors(
                d.pid)) <= len(before), 5)
        except AssertionError:
            assert descriptors(d.pid) == before
        assert cache(tmp)["hits"] >= hits + 10


def test_two_at_once(start):
    """A second one during the first is not forgotten."""
    with start(site()) as d:
        d.reload()
        mark = d.mark()
        d.signal(signal.SIGHUP)
        d.configure(site(3))
        d.signal(signal.SIGHUP)
        d.wait_log("reloaded: generation", mark)
        d.wait_workers(3)
