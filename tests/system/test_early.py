# SPDX-License-Identifier: ISC
"""Early data: accepted at most once, whatever happens to the copies."""

import itertools
import json
import os
import select
import socket
import subprocess
import threading

import pytest

import backend
import clients
import herd
import pki
import storm

EARLY = "early_data { mode = accept }"
POSTPONE = "early_data { mode = postpone }"


@pytest.fixture
def early(tmp):
    """A file with a line to send early."""
    path = os.path.join(tmp, "early")
    with open(path, "w", encoding="ascii") as f:
        f.write("so early\n")
    return path


def totals(d, socket_path):
    done = herd.run(herd.CTL, "-s", socket_path, "--json", "status")
    return json.loads(done.stdout)["totals"]


def replay(d, early, copies, *options, all_answer=True):
    """The probe's counts of a replay; nothing was accepted twice."""
    code, doc = clients.probe(d, "--early-data", early, "--replay",
                              str(copies), "--timeout", "60s", *options,
                              seconds=600)
    r = doc["replay"]
    assert r["answered"] + r["unanswered"] == r["sent"]
    assert r["accepted"] + r["refused"] == r["answered"]
    assert r["most_of_one_session"] <= 1
    assert r["unanswered"] == 0 or not all_answer
    assert (code, doc["good"]) == ((0, True) if r["unanswered"] == 0 else
                                   (1, False))
    return r


@pytest.mark.parametrize("body", [EARLY, POSTPONE])
def test_every_resumption_takes_early_data(start, early, body):
    """Each session is offered once, and all of it works in all workers."""
    with start(herd.site(workers=4, body=body)) as d:
        code, doc = clients.probe(d, "--early-data", early, "-n", "41")
        assert code == 0
        seen = doc["versions"][0]
        assert seen["resumed"] == 40
        assert seen["early_accepted"] == 40
        assert seen["workers"] == 4
        # The same server, and clients that send none.
        code, doc = clients.probe(d, "-n", "41")
        assert code == 0
        assert [v["resumed"] for v in doc["versions"]] == [40, 40]


def test_a_second_time_it_is_an_ordinary_resumption(start, early):
    with start(herd.site(workers=4, body=EARLY)) as d:
        code, doc = clients.probe(d, "-f", "--early-data", early, "-n", "21")
        assert code == 0
        assert doc["versions"][0]["resumed"] == 20
        assert doc["versions"][0]["early_accepted"] == 1
        lines = d.wait_connections(21)
        assert sorted(c["early"] for c in lines) == \
            ["accepted"] + 19 * ["claimed"] + ["none"]
        assert [c["early_in"] for c in lines if c["early"] == "accepted"] == \
            ["9"]


@pytest.mark.parametrize("service, acted", [("trace", 1), ("echo", 1),
                                            ("reply", 1), ("discard", 0)])
def test_replay(start, early, service, acted):
    with start(herd.site(service, workers=8, body=EARLY)) as d:
        copies = herd.size(200, 10000)
        r = replay(d, early, copies)
        assert r["answered"] == copies + 1
        assert r["accepted"] == 1
        assert r["refused"] == copies
        assert r["acted_upon"] == acted


def relay(client, server):
    """Pass on what they say until one of them ends."""
    while True:
        for sock in select.select([client, server], [], [])[0]:
            data = sock.recv(65536)
            if not data:
                return
            (server if sock is client else client).sendall(data)


def records(data):
    """How many TLS records are complete."""
    n, end = -1, 0
    while end <= len(data):
        end += 5 + int.from_bytes(data[end + 3:end + 5], "big")
        n += 1
    return n


def relay_tickets(client, server):
    """relay(), and two tickets come together."""
    server.sendall(client.recv(65536))
    while client not in select.select([client, server], [], [])[0]:
        client.sendall(server.recv(65536))
    server.sendall(client.recv(65536))
    tickets = b""
    while records(tickets) < 2:
        tickets += server.recv(65536)
    client.sendall(tickets)
    return relay(client, server)


def replay_told(address, early, *options):
    """Exit status and last line of six copies."""
    done = herd.run(herd.PROBE, "--early-data", early, "--replay", "5",
                    *options, address)
    return done.returncode, done.stdout.splitlines()[-1]


@pytest.mark.parametrize("answered", [0, 2, 6])
def test_a_copy_without_an_answer_proves_nothing(start, early, answered):
    """The others come to somebody who never says anything."""
    def serve(sock):
        if next(turn) > answered:  # the first one makes the session
            return backend.read_all(sock)
        with clients.tcp(d) as server:
            return relay(sock, server)

    with start(herd.site(body=EARLY)) as d, backend.Backend(serve) as b:
        turn = itertools.count()
        status, says = replay_told(b.address, early, "--timeout", "1s")
        if answered == 6:
            assert says == "Good: no early data were accepted more than once."
        else:
            assert says == (f"NOT GOOD: {6 - answered} of 6 copies had no "
                            "answer: nothing is proven.")
        assert status == (0 if answered == 6 else 1)
        turn = itertools.count()
        code, doc = clients.probe(b.address, "--early-data", early,
                                  "--replay", "5", "--timeout", "1s")
        assert code == status
        assert doc["good"] == (answered == 6)
        assert doc["replay"]["answered"] == answered
        assert doc["replay"]["unanswered"] == 6 - answered


def test_a_wish_for_another_key_share_is_an_answer(start, early):
    with start(herd.site(body=EARLY + " groups = P-256")) as d:
        assert replay(d, early, 9)["refused"] == 10


@pytest.mark.parametrize("sessions", [1, 3])
def test_who_accepts_copies_is_found_out(early, sessions):
    """s_server serves one after the other, and has to be told to go on."""
    turn, one = itertools.count(), threading.Lock()

    def serve(sock):
        with one, clients.tcp(("127.0.0.1", port)) as server:
            if next(turn) < sessions:
                return relay_tickets(sock, server)
            server.sendall(sock.recv(65536))
            sock.sendall(server.recv(65536))
        return backend.read_all(sock)

    with subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", "-tls1_3",
             "-early_data", "-no_anti_replay", "-num_tickets", "2",
             "-cert", pki.path("server.pem"), "-key", pki.path("server.key")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True) as server:
        try:
            port = next(int(line.rsplit(":", 1)[1]) for line in server.stdout
                        if line.startswith("ACCEPT"))
            with backend.Backend(serve) as b:
                assert replay_told(b.address, early,
                                   "--sessions", str(sessions)) == (
                    1, "NOT GOOD: early data were accepted more than once.")
        finally:
            server.kill()


def test_replay_of_what_is_postponed(start, early):
    """Nobody can have it acted upon who cannot finish the handshake."""
    with start(herd.site("echo", workers=8, body=POSTPONE)) as d:
        r = replay(d, early, 200)
        assert r["accepted"] == 1
        assert r["acted_upon"] == 0


def test_replay_of_many_sessions(start, early):
    n = herd.size(50, 1000)
    with start(herd.site(workers=8, body=EARLY)) as d:
        r = replay(d, early, 9, "--sessions", str(n))
        assert r["accepted"] == n
        assert r["most_of_one_session"] == 1


@pytest.mark.parametrize("sizes", [["4M"], ["4M", "8M"]])
def test_replay_across_reloads(start, early, sizes):
    """A changed size moves the sessions, and what is on the move is refused."""
    def conf(size):
        return herd.site(workers=8, top=f"session_cache {{ size = {size} }}",
                         body=EARLY)
    n = herd.size(50, 500)
    with start(conf(sizes[0])) as d:
        r = storm.during(
            lambda i: d.reload(conf(sizes[(i + 1) % len(sizes)])),
            lambda: replay(d, early, 9, "--sessions", str(n)))
        if len(sizes) == 1:
            assert r["accepted"] == n


def test_replay_across_upgrades(start, early):
    """A new program adopts the segment, again and again."""
    n = herd.size(50, 500)
    with start(herd.site(workers=8, body=EARLY)) as d:
        r = storm.during(lambda _: storm.upgrade(d), lambda: replay(
            d, early, 9, "--sessions", str(n)))
        assert d.log().count("upgraded: generation") > 0
        assert r["accepted"] == n


def test_replay_while_workers_are_killed(start, early):
    """What the client sees; test_deliveries.py is what the backend does."""
    n = herd.size(50, 500)
    with start(herd.site(workers=8, body=EARLY)) as d:
        d.faults_allowed = "was killed by signal 9"
        r = storm.during(lambda _: storm.kill(d), lambda: replay(
            d, early, 9, "--sessions", str(n), all_answer=False))
        assert 0 < r["accepted"] <= n


def test_replay_with_a_cache_that_is_full(start, early):
    """What has been evicted does not resume, so it is not accepted."""
    n = herd.size(900, 5000)
    with start(herd.site(workers=8, top="session_cache { size = 128K }",
                         body=EARLY)) as d:
        r = replay(d, early, 2, "--sessions", str(n))
        assert 0 < r["accepted"] < n


@pytest.mark.needs("openssl")
def test_openssl_s_client(start, early, tmp):
    with start(herd.site(workers=2, body=EARLY)) as d:
        session = os.path.join(tmp, "session")
        command = ["openssl", "s_client", "-connect", d.address(),
                   "-ign_eof"]
        answers = []
        for options in [["-sess_out", session],
                        ["-sess_in", session, "-early_data", early],
                        ["-sess_in", session, "-early_data", early]]:
            done = herd.run(*command, *options, input="\n")
            answers.append(done.stdout)
        assert "Max Early Data: 16384" in answers[0]
        assert "Early data was accepted" in answers[1]
        assert "early=accepted early_in=9 " in answers[1]
        assert "Early data was rejected" in answers[2]
        assert "resumed=stateful" in answers[2]
        assert "early=claimed early_in=0 " in answers[2]


def gnutls_cli(host, port, early):
    """Two connections, the second with early data if all is well."""
    herd.run("timeout", "5", "gnutls-cli", "--insecure", "--resume",
             "--waitresumption", "--earlydata", early, "-p", port, host)


def s_server_gets_early_data(early):
    """From gnutls-cli: that of Debian 13 does not come back with any."""
    with subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", "-early_data",
             "-cert", pki.path("server.pem"), "-key", pki.path("server.key")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT) as server:
        said = b""
        try:
            while not said.startswith(b"ACCEPT "):
                said = server.stdout.readline()
                assert said, "openssl s_server does not listen"
            port = int(said.rsplit(b":", 1)[1])
            gnutls_cli("127.0.0.1", port, early)
        finally:
            server.terminate()
        return b"so early" in server.stdout.read()


@pytest.mark.needs("gnutls-cli")
@pytest.mark.needs("openssl")
def test_gnutls_cli(start, early):
    if not s_server_gets_early_data(early):
        pytest.skip("this gnutls-cli's early data do not reach openssl "
                    "s_server either")
    with start(herd.site("echo", workers=2, body=EARLY)) as d:
        gnutls_cli(*d.target(), early)
        # Two workers: either line may come first.
        assert sorted(c["early"] for c in d.wait_connections(2)) == [
            "accepted", "none"]


def test_proxy_passes_it_on_before_the_handshake_is_complete(start, early):
    """The backend has the bytes although no client ever finishes."""
    with socket.create_server(("127.0.0.1", 0)) as backend:
        backend.settimeout(20 * herd.SLOW)
        conf = herd.site("proxy", workers=2, body=EARLY + """
            handshake_timeout = 3s
            backend = { "127.0.0.1:%d" }""" % backend.getsockname()[1])
        got = []

        def serve():
            while len(got) < 1:
                sock, _ = backend.accept()
                with sock:
                    sock.settimeout(20 * herd.SLOW)
                    data = sock.recv(100)
                    if not data:
                        continue
                    if data == b"so early\n" and not first:
                        got.append(data)
                    sock.sendall(b"answer\n")
                    first.clear()

        first = [True]  # the connection that makes the session
        thread = threading.Thread(target=serve)
        thread.start()
        with start(conf) as d:
            r = replay(d, early, 20)
            assert r["accepted"] == 1
            assert r["acted_upon"] == 1
            thread.join(20 * herd.SLOW)
            assert got == [b"so early\n"]


def test_totals_tell(start, early, tmp):
    path = os.path.join(tmp, "ctl")
    with start(herd.site(workers=2, top=f'control_socket = "{path}"',
                         body=EARLY)) as d:
        replay(d, early, 9)
        told = herd.wait_for("ten verdicts", lambda: (
            t := totals(d, path))["early_claimed"] == 9 and t)
        assert told["early_accepted"] == 1
        assert told["early_bytes"] == 9
