# SPDX-License-Identifier: ISC
"""Clients that a person would try by hand."""

import re

import pytest

import clients
import herd
from clients import TLS12

S_CLIENT_OPTION = {clients.TLS12: "-tls1_2", clients.TLS13: "-tls1_3"}


def s_client(d, *options):
    return herd.run("openssl", "s_client", "-connect", d.address(),
                    "-ign_eof", *options, input="\n")


def test_s_client_reconnect(start):
    with start(herd.site(workers=4)) as d:
        out = herd.run("openssl", "s_client", "-connect", d.address(),
                       "-tls1_2", "-reconnect").stdout
        assert out.count("\nNew, TLSv1.2") == 1
        assert out.count("\nReused, TLSv1.2") == 5


def test_s_client_session_file(start, tmp, version):
    file = f"{tmp}/session.pem"
    with start(herd.site(workers=4)) as d:
        first = s_client(d, S_CLIENT_OPTION[version], "-sess_out", file)
        assert "\nNew, " in first.stdout
        assert " resumed=full " in first.stdout
        again = s_client(d, S_CLIENT_OPTION[version], "-sess_in", file)
        assert "\nReused, " in again.stdout
        kind = "id" if version == TLS12 else "stateful"
        assert f" resumed={kind} " in again.stdout


@pytest.mark.needs("curl")
def test_curl_page(start):
    with start(herd.site()) as d:
        done = herd.run("curl", "-sk", "-i", f"https://{d.address()}/")
        assert done.returncode == 0
        head, body = done.stdout.split("\n\n", 1)
        assert head.startswith("HTTP/1.1 200 ")
        assert re.search(r"(?im)^content-type: text/plain", head)
        assert f"\nContent-Length: {len(body)}" in head.replace("\r", "")
        said = clients.pairs(body)
        assert said["version"] == "TLSv1.3"
        assert int(said["pid"]) in d.workers().values()


@pytest.mark.needs("curl")
def test_curl_head(start):
    with start(herd.site()) as d:
        done = herd.run("curl", "-skI", f"https://{d.address()}/")
        assert done.returncode == 0
        assert done.stdout.startswith("HTTP/1.1 200 ")
        assert "worker=" not in done.stdout


@pytest.mark.needs("curl")
def test_curl_verifies(start):
    with start(herd.site()) as d:
        ca = clients.pki.path("ca.pem")
        url = f"https://localhost:{d.port}/"
        port = f"localhost:{d.port}:127.0.0.1"
        good = herd.run("curl", "-s", "--resolve", port, "--cacert", ca, url)
        assert good.returncode == 0
        assert " sni=localhost " in good.stdout
        other = clients.pki.path("clients.pem")
        bad = herd.run("curl", "-s", "--resolve", port, "--cacert", other, url)
        assert bad.returncode == 60  # the CA is not known


@pytest.mark.needs("gnutls-cli")
@pytest.mark.parametrize("priority", ["VERS-TLS1.2", "VERS-TLS1.3"])
def test_gnutls_resumes(start, priority):
    with start(herd.site(service="echo", workers=4)) as d:
        done = herd.run("gnutls-cli", "-r", "--insecure", "--priority",
                        f"NORMAL:-VERS-ALL:+{priority}", "-p", d.port,
                        "127.0.0.1", input="hello\n")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "This is a resumed session" in done.stdout
        kinds = {c["resumed"] for c in d.wait_connections(2)}
        kind = "id" if priority == "VERS-TLS1.2" else "stateful"
        assert kinds == {"full", kind}


def test_python_resumes(start, version):
    ctx = clients.context(version)
    with start(herd.site(workers=4)) as d:
        said, session = clients.trace(d, ctx=ctx)
        assert said["resumed"] == "full"
        for _ in range(10):
            maker = said["worker"] if said["resumed"] == "full" or \
                version != TLS12 else said["session_worker"]
            said, session = clients.trace(d, ctx=ctx, session=session)
            assert said["resumed"] != "full"
            assert said["session_worker"] == maker
