# SPDX-License-Identifier: ISC
"""tlsherd-probe: what it says, and when it says that all is good."""

import os
import socket
import ssl

import pytest

import backend
import clients
import herd
import pki
from test_listeners import ipv6

GOOD = "Good: everything that should resume did."
NOT_GOOD = "NOT GOOD: see above for what failed or did not resume."
EARLY = "early_data { mode = accept }"


@pytest.fixture
def early(tmp):
    path = os.path.join(tmp, "early")
    with open(path, "w", encoding="ascii") as f:
        f.write("so early\n")
    return path


def probe(target, *options):
    """Exit status, and lines of text that are not empty."""
    if isinstance(target, herd.Daemon):
        target = target.address()
    done = herd.run(herd.PROBE, *options, target)
    assert done.stderr == ""
    return done.returncode, [line for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("option", ["-2", "-3"])
def test_a_server_that_gives_no_session_is_not_good(start, option):
    with start(herd.site(body="resumption = off")) as d:
        status, lines = probe(d, option, "-n", "3")
        assert (status, lines[-1]) == (1, NOT_GOOD)
        assert "The server gave no session." in lines
        code, doc = clients.probe(d, option, "-n", "3")
        assert (code, doc["good"]) == (1, False)
        # A single connection cannot offer any.
        status, lines = probe(d, option, "-n", "1")
        assert (status, lines[-1]) == (0, GOOD)
        assert "The server gave no session." not in lines


@pytest.mark.parametrize("body, good", [
    ("", False), ("early_data { mode = accept maximum = 8 }", False),
    (EARLY, True),
], ids=["none", "too many", "some"])
def test_early_data_that_are_never_sent_are_not_good(start, early, body, good):
    with start(herd.site(body=body)) as d:
        status, lines = probe(d, "--early-data", early, "-n", "3")
        assert (status, lines[-1]) == ((0, GOOD) if good else (1, NOT_GOOD))
        assert ("Early data were never sent: no session allows as many bytes."
                in lines) != good
        assert probe(d, "--early-data", early, "-n", "1")[0] == 0


def test_a_refusal_after_the_handshake(start):
    """Where the client's is complete before its certificate is looked at."""
    section = pki.section("default", "server", more=f"""
        client_certificate = required
        ca = "{pki.path("clients.pem")}" """)
    with start(herd.site(certificate=section)) as d:
        status, lines = probe(d, "-3", "-n", "2")
        assert (status, lines[-1]) == (1, NOT_GOOD)
        assert ("    1  failed: after the handshake: "
                "tlsv13 alert certificate required") in lines
        code, doc = clients.probe(d, "-3", "-n", "2")
        assert (code, doc["good"]) == (1, False)
        assert [c["ok"] for c in doc["versions"][0]["connections"]] == [False]
        assert probe(d, "--cert", pki.path("alice.both"), "-n", "2")[0] == 0


def test_no_answer_takes_no_time(start):
    with start(herd.site("discard")) as d:
        options = ["-3", "-n", "1", "--timeout", "1s"]
        status, lines = probe(d, *options)
        assert (status, lines[-1]) == (0, GOOD)
        assert lines[1].endswith("  answer          -")
        _, doc = clients.probe(d, *options)
        seen, = doc["versions"][0]["connections"]
        assert seen["ok"] and seen["answer_ms"] is None


def test_an_end_without_close_notify_spoils_nothing():
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(pki.path("server.pem"), pki.path("server.key"))

    def serve(sock):
        with ctx.wrap_socket(sock, server_side=True) as tls:
            tls.recv(1)

    with backend.Backend(serve) as b:
        assert probe(b.address, "-3", "-n", "3")[0] == 0
        b.wait_results(3)


def certificate(tmp, names):
    """A section with a certificate that verifies itself, and its file."""
    chain, key = os.path.join(tmp, "chain"), os.path.join(tmp, "key")
    done = herd.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-days", "3", "-subj", "/CN=x",
        "-addext", f"subjectAltName={names}", "-keyout", key, "-out", chain)
    assert done.returncode == 0, done.stderr
    return f'certificate "x" {{ chain = "{chain}" key = "{key}" }}', chain


@pytest.mark.parametrize("address", [
    "127.0.0.1:0", pytest.param("[::1]:0", marks=ipv6), "unix:{}/s"])
@pytest.mark.parametrize("names, options, says", [
    ("IP:127.0.0.1,IP:::1", [], None),
    ("IP:127.0.0.2,IP:::2,DNS:127.0.0.1", [], "IP address mismatch"),
    ("DNS:name.example", ["--sni", "name.example"], None),
    ("IP:127.0.0.1,IP:::1", ["--sni", "name.example"], "hostname mismatch"),
], ids=["address", "another address", "name", "another name"])
def test_ca_verifies_whom_it_calls(start, tmp, address, names, options, says):
    section, chain = certificate(tmp, names)
    with start(herd.site(address=address.format(tmp),
                         certificate=section)) as d:
        status, lines = probe(d, "--ca", chain, "-n", "2", *options)
        if address.startswith("unix:") and not options:
            says = None  # there is nothing that it could be compared with
        assert (status, lines[-1]) == ((1, NOT_GOOD) if says else (0, GOOD))
        assert (f"    1  failed: handshake: {says}" in lines) == bool(says)


def refused_port():
    """One that nobody listens to."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def nothing_to_replay(target, early, *options):
    """What the probe says for want of a flight."""
    done = herd.run(herd.PROBE, "--early-data", early, "--replay", "5",
                    *options, target)
    code, doc = clients.probe(target, "--early-data", early, "--replay", "5",
                              *options)
    assert (code, doc["good"], doc["versions"]) == (1, False, [])
    assert done.returncode == 1
    assert done.stderr == f"tlsherd-probe: {doc['error']}\n"
    return done.stderr.removeprefix("tlsherd-probe: ").rstrip("\n")


@pytest.mark.parametrize("body, options, says", [
    ("resumption = off", ["--timeout", "1s"], "the server gave no session"),
    ("", [], "the server's sessions do not allow 9 bytes of early data"),
    ("", ["--ca", "alice.pem"],
     "handshake: unable to get local issuer certificate"),
], ids=["no session", "no early data", "no handshake"])
def test_why_there_is_nothing_to_replay(start, early, body, options, says):
    with start(herd.site(body=body)) as d:
        options = [pki.path(o) if o.endswith(".pem") else o for o in options]
        assert nothing_to_replay(d.address(), early, *options) == says


def test_nobody_to_replay_to(early):
    target = f"127.0.0.1:{refused_port()}"
    assert nothing_to_replay(target, early) == (
        f"cannot connect to {target}: Connection refused")


@pytest.mark.parametrize("options", [[], ["--replay", "5"]])
def test_what_is_wrong_with_options_is_no_document(early, options):
    target = f"127.0.0.1:{refused_port()}"
    done = herd.run(herd.PROBE, "--json", "--early-data", early, "--ca",
                    "/nothing", *options, target)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("tlsherd-probe: --ca /nothing: "
                           "No such file or directory\n")


@pytest.mark.parametrize("cert, key, says", [
    ("alice.pem", None,
     "--cert {}: no private key in the file, and no --key"),
    ("alice.pem", "alice.csr", "--key {}: no private key in the file"),
    ("alice.pem", "nothing", "--key {}: No such file or directory"),
    ("alice.pem", "mallory.key", "--key {}: key values mismatch"),
    ("alice.key", None, "--cert {}: no certificate in the file"),
    ("nothing", "alice.key", "--cert {}: No such file or directory"),
])
def test_client_certificates_that_are_none(cert, key, says):
    options = ["--cert", pki.path(cert)]
    options += ["--key", pki.path(key)] if key else []
    done = herd.run(herd.PROBE, *options, "127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    path = pki.path(key if says.startswith("--key") else cert)
    assert done.stderr == f"tlsherd-probe: {says.format(path)}\n"


def test_workers_are_as_many_as_tlsherd_can_have():
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(pki.path("server.pem"), pki.path("server.key"))

    def serve(sock):
        with ctx.wrap_socket(sock, server_side=True) as tls:
            tls.recv(1)
            tls.sendall(b"worker=1023 resumed=full\n")

    with backend.Backend(serve) as b:
        code, doc = clients.probe(b.address, "-3", "-n", "1", "--workers",
                                  "1024")
        seen = doc["versions"][0]
        assert (code, seen["workers"]) == (0, 1024)
        assert seen["connections"][0]["worker"] == 1023
        assert len(seen["resumptions"]) == 1024
