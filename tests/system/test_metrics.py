# SPDX-License-Identifier: ISC
"""`tlsherdctl metrics`: the format, and that the sums agree."""

import os
import re
import shutil
import signal
import socket
import ssl
import time

import pytest

import backend
import clients
import herd
import metrics
import pki

SOURCE = os.path.join(os.path.dirname(__file__), "..", "..")


def site(tmp, **kw):
    return herd.site(top=f'control_socket = "{tmp}/ctl"', **kw)


def raw(tmp):
    done = herd.run(herd.CTL, "-s", f"{tmp}/ctl", "metrics")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def ask(tmp):
    return metrics.Metrics(raw(tmp))


def wait_get(tmp, n, name, **labels):
    herd.wait_for(f"{name}{labels} = {n}",
                  lambda: ask(tmp).get(name, **labels) == n)


def test_format(start, tmp):
    with start(site(tmp)) as d:
        clients.trace(d)
        said = raw(tmp)
        m = metrics.Metrics(said)
        assert m.get("connections_accepted_total") == 1
        assert m.get("start_time_seconds") <= time.time()
        assert m.get("resident_memory_bytes", process="master") > 1 << 20
        assert m.get("cpu_seconds_total", process="worker") > 0
        assert 29 < m.get("certificate_expires_in_seconds",
                          listener="main") / 86400 <= 30
        if shutil.which("promtool"):
            done = herd.run("promtool", "check", "metrics", input=said)
            assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_families_are_in_the_page(start, tmp):
    with open(os.path.join(SOURCE, "man", "tlsherdctl.8"),
              encoding="utf-8") as f:
        page = re.findall(r"^\.It Va (tlsherd_\w+)$", f.read(), re.M)
    with start(site(tmp)):
        said = ask(tmp)
        assert set(said.types) <= set(page)
        # What is left out where there is nothing to tell.
        assert set(page) - set(said.types) == {
            "tlsherd_last_reload_time_seconds",
            "tlsherd_session_cache_evicted_age_min_seconds",
            "tlsherd_crl_expires_in_seconds"}


def test_no_json(start, tmp):
    with start(site(tmp)):
        done = herd.run(herd.CTL, "-s", f"{tmp}/ctl", "--json", "metrics")
        assert (done.returncode, done.stdout) == (2, "")
        assert "no JSON" in done.stderr


def hello(d, version=ssl.TLSVersion.TLSv1_3, **kw):
    """Whatever comes of it."""
    ctx = clients.context(version)
    for name, value in kw.items():
        getattr(ctx, name)(value)
    try:
        clients.trace(d, ctx=ctx)
    except (OSError, ssl.SSLError):
        pass


def say(d, data, wait=False):
    with clients.tcp(d) as s:
        s.sendall(data)
        if wait:
            s.shutdown(socket.SHUT_WR)
            while s.recv(4096):
                pass


def distrusting(d):
    """A client that says unknown_ca."""
    try:
        clients.trace(d, ctx=clients.context(ca="strangers.pem"))
    except (OSError, ssl.SSLError):
        pass


FAILURES = [
    ("version", "server", 'minimum_version = "TLSv1.3"',
     lambda d: hello(d, ssl.TLSVersion.TLSv1_2)),
    ("not_tls", "none", "", lambda d: say(d, b"GET / HTTP/1.0\r\n\r\n",
                                          True)),
    ("abort", "none", "", lambda d: say(d, b"\x16\x03\x01\x02\x00\x01")),
    ("unknown_ca", "client", "", distrusting),
    ("alpn", "server", 'alpn = { "h2" }',
     lambda d: hello(d, set_alpn_protocols=["http/1.1"])),
    ("cipher", "server", 'ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"',
     lambda d: hello(d, ssl.TLSVersion.TLSv1_2,
                     set_ciphers="ECDHE-ECDSA-CHACHA20-POLY1305")),
]


@pytest.mark.parametrize("reason,alert,body,client", FAILURES,
                         ids=[f[0] for f in FAILURES])
def test_failure(start, tmp, reason, alert, body, client):
    with start(site(tmp, body=body)) as d:
        client(d)
        wait_get(tmp, 1, "handshakes_failed_total", reason=reason,
                 alert=alert)
        m = ask(tmp)
        assert m.get("handshakes_failed_total") == 1
        assert m.get("handshakes_begun_total") == 1


def test_kinds(start, tmp):
    """Each kind has its histogram, with the time that the log tells."""
    with start(site(tmp, workers=1)) as d:
        for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
            ctx = clients.context(version)
            _, session = clients.trace(d, ctx=ctx)
            clients.trace(d, ctx=ctx, session=session)
        wait_get(tmp, 4, "connections_closed_total")
        m = ask(tmp)
        name = "handshake_duration_seconds_"
        assert m.get(name + "count", kind="full") == 2
        assert m.get(name + "count", kind="id") == 1
        assert m.get(name + "count", kind="stateful") == 1
        assert m.get(name + "count", kind="ticket") == 0
        logged = sum(float(c["handshake_ms"]) for c in d.connections())
        assert abs(m.get(name + "sum") * 1000 - logged) < 0.01


def test_backend_connects(start, tmp):
    with backend.Backend(backend.echo) as b:
        with start(site(tmp, service="proxy",
                        body=f'backend = {{ "{b.address}" }}')) as d:
            with clients.connect(d) as tls:
                tls.sendall(b"x")
                assert clients.read_exactly(tls, 1) == b"x"
            wait_get(tmp, 1, "backend_connect_duration_seconds_count")
            assert ask(tmp).get("backend_connects_total") == 1


def mixed(d):
    """Full, resumed, failed and given up: eight connections."""
    ctx = clients.context(ssl.TLSVersion.TLSv1_3)
    _, session = clients.trace(d, ctx=ctx)
    for _ in range(3):
        _, session = clients.trace(d, ctx=ctx, session=session)
    distrusting(d)
    say(d, b"GET / HTTP/1.0\r\n\r\n", True)
    say(d, b"\x16\x03\x01\x02\x00\x01")
    say(d, b"")
    return 8


def grown(before, after):
    """Nothing that counts has become less. (Of one process: if it lives.)"""
    now = after.counters()
    for key, value in before.counters().items():
        if not key[0].startswith("tlsherd_worker_cpu"):
            assert now[key] >= value, key


def agree(m):
    assert m.get("connections_closed_total") == \
        m.get("connections_accepted_total")
    completed = m.get("handshakes_full_total") + \
        m.get("handshakes_resumed_total")
    assert completed + m.get("handshakes_failed_total") == \
        m.get("handshakes_begun_total")
    assert m.get("handshake_duration_seconds_count") == completed
    assert m.get("worker_connections_accepted_total") == \
        m.get("connections_accepted_total")


def test_sums(start, tmp):
    """Over a worker's death, a reload and an upgrade."""
    with start(site(tmp)) as d:
        d.faults_allowed = "was killed by signal 9"
        made, before = 0, ask(tmp)

        def settled():
            wait_get(tmp, made, "connections_closed_total")
            m = ask(tmp)
            agree(m)
            grown(before, m)
            return m

        made += mixed(d)
        before = settled()
        # One that is open, one in its handshake: they die with a worker.
        with clients.connect(d), clients.tcp(d) as s:
            s.sendall(b"\x16\x03\x01\x02\x00\x01")
            made += 2
            wait_get(tmp, made, "connections_accepted_total")
            wait_get(tmp, before.get("handshakes_begun_total") + 2,
                     "handshakes_begun_total")
            for pid in d.workers().values():
                os.kill(pid, signal.SIGKILL)
            before = settled()
        assert before.get("connections_closed_total",
                          reason="worker_died") == 2
        assert before.get("handshakes_failed_total",
                          reason="worker_died") == 1
        wait_get(tmp, 2, "workers", state="serving")
        assert ask(tmp).get("worker_restarts_total") == 2
        made += mixed(d)
        before = settled()
        d.reload()
        made += mixed(d)
        before = settled()
        assert before.get("reloads_total", verdict="ok") == 1
        mark = d.mark()
        d.signal(signal.SIGUSR2)
        d.wait_log(r"upgraded: generation", mark)
        made += mixed(d)
        before = settled()
        assert before.get("connections_accepted_total") == made == 34
        assert before.get("handshakes_resumed_total") == 12
        d.reload_refused("nonsense")
        assert ask(tmp).get("reloads_total", verdict="failed") == 1
        assert ask(tmp).get("last_reload_successful") == 0


def test_crl_expiry(start, tmp):
    body = f"""client_certificate = optional
        ca = "{pki.path('clients.pem')}"
        crl = "{pki.path('empty.crl')}\""""
    with start(site(tmp, certificate=pki.section("t", "server", more=body))):
        assert 0 < ask(tmp).get("crl_expires_in_seconds",
                                certificate="t") <= 31 * 86400
