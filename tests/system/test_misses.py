# SPDX-License-Identifier: ISC
"""Why a session did not resume, as the counters tell it."""

import json
import os
import signal

import pytest

import clients
import herd
import pki


class Counters:
    """What `tlsherdctl sessions` says, since the last question."""

    def __init__(self, path):
        self.path = path
        self.before = self.now()

    def now(self):
        done = herd.run(herd.CTL, "-s", self.path, "--json", "sessions")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        counted = {k: v for k, v in said["cache"].items()
                   if k in ("hits", "misses") or k.startswith("miss_")}
        for name in ("accepted", "unknown"):
            counted["key_" + name] = said["ticket_keys"][name]
        return counted

    def added(self):
        """What has changed since."""
        before, self.before = self.before, self.now()
        return {k: v - before[k] for k, v in self.before.items()
                if v != before[k]}


@pytest.fixture
def control(tmp):
    return f"{tmp}/control.sock"


def site(control, resumption="stateful", chain="server", top=""):
    return herd.site(
        workers=2, top=f'control_socket = "{control}"\n{top}',
        body=f"resumption = {resumption}",
        certificate=pki.section("default", chain))


def offer(d, ctx, session):
    said, _ = clients.trace(d, ctx=ctx, session=session)
    return said["resumed"]


def test_found(start, control, version):
    with start(site(control)) as d:
        counters, ctx = Counters(control), clients.context(version)
        _, session = clients.trace(d, ctx=ctx)
        assert not counters.added()
        assert offer(d, ctx, session) != "full"
        assert counters.added() == {"hits": 1}


def test_unknown(start, control, version):
    """The session of a daemon that is no more."""
    ctx = clients.context(version)
    with start(site(control), name="before") as d:
        _, session = clients.trace(d, ctx=ctx)
    with start(site(control)) as d:
        counters = Counters(control)
        assert offer(d, ctx, session) == "full"
        assert counters.added() == {"misses": 1, "miss_unknown": 1}


def test_context(start, control, version):
    """A reload brings another certificate, and then the first one again."""
    ctx = clients.context(version)
    with start(site(control)) as d:
        _, session = clients.trace(d, ctx=ctx)
        d.reload(site(control, chain="server2"))
        counters = Counters(control)
        assert offer(d, ctx, session) == "full"
        assert counters.added() == {"misses": 1, "miss_context": 1}
        d.reload(site(control))
        assert offer(d, ctx, session) != "full"
        assert counters.added() == {"hits": 1}


def test_context_of_another_name(start, control, version):
    """Two names with certificates of their own: one cache, two contexts."""
    ctx = clients.context(version)
    certificate = (pki.section("default", "server") +
                   pki.section("other", "server2", ["other.test"]))
    conf = herd.site(top=f'control_socket = "{control}"',
                     certificate=certificate)
    with start(conf) as d:
        counters = Counters(control)
        _, session = clients.trace(d, ctx=ctx, sni="one.test")
        said, _ = clients.trace(d, ctx=ctx, session=session, sni="other.test")
        assert said["resumed"] == "full"
        assert counters.added() == {"misses": 1, "miss_context": 1}


def test_ticket_key_unknown(start, control, tmp, version):
    """The keys of a file are replaced by others."""
    keys = f"{tmp}/ticket.key"

    def write_keys():
        with open(keys + ".new", "wb") as f:
            os.chmod(keys + ".new", 0o600)
            f.write(os.urandom(80))
        os.rename(keys + ".new", keys)

    write_keys()
    conf = site(control, "tickets", top=f'tickets {{ keys = {{ "{keys}" }} }}')
    ctx = clients.context(version)
    with start(conf) as d:
        counters = Counters(control)
        _, session = clients.trace(d, ctx=ctx)
        assert offer(d, ctx, session) == "ticket"
        assert counters.added() == {"key_accepted": 1}
        write_keys()
        d.reload()
        assert offer(d, ctx, session) == "full"
        assert counters.added()["key_unknown"] == 1


def test_what_expires_is_wiped(start, control):
    """Also when nobody asks for it, and by a worker that has taken over."""
    def cache():
        done = herd.run(herd.CTL, "-s", control, "--json", "sessions")
        return json.loads(done.stdout)["cache"]

    top = "session_cache { timeout = 1s size = 128K }"
    with start(site(control, top=top)) as d:
        d.faults_allowed = "was killed by signal 9"
        for n in (1, 2):
            clients.trace(d, ctx=clients.context(clients.TLS12))
            assert cache()["stores"] == n
            herd.wait_for("the wiping", lambda: cache()["expired"] == n)
            assert cache()["entries"] == 0
            first = d.wait_workers(2)[0]
            os.kill(first, signal.SIGKILL)
            herd.wait_for("the next one",
                          lambda: d.workers().get(0) not in (None, first))
