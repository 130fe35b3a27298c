# SPDX-License-Identifier: ISC
"""resumption = tickets, with keys of our own and from files; and = off."""

import base64
import hmac
import os
import signal
import ssl
import threading
import time

import pytest

import clients
import herd
import offer
import pki
from clients import TLS12

VERSIONS = list(clients.VERSIONS)
BODY = "resumption = tickets"

NAME = 16  # bytes that a ticket and its key begin with
ID = 32    # bytes of a session id; a stateful ticket is nothing more
OTHER_SIZE = {48: 80, 80: 48}  # of keys in files


def new_key(tmp, name, size=80):
    """A file as `openssl rand -out FILE SIZE` makes it: path, contents."""
    data = os.urandom(size)
    with open(f"{tmp}/{name}.new", "wb") as f:
        f.write(data)
    os.rename(f"{tmp}/{name}.new", f"{tmp}/{name}")
    return f"{tmp}/{name}", data


def with_keys(*paths, top="", **kw):
    quoted = ", ".join(f'"{p}"' for p in paths)
    return herd.site(top=f"tickets {{ keys = {{ {quoted} }} }}\n{top}",
                     body=BODY, **kw)


def ticket(d, version, key=None):
    """A full handshake's ticket, made by that key."""
    answer = offer.one(d.target(), version)
    assert answer.served and not answer.reused
    assert key is None or answer.ticket[:NAME] == key[:NAME]
    return answer


def resumes(d, version, old):
    """Offer the session of an answer; the new answer if it was resumed."""
    answer = offer.one(d.target(), version, session=old.session)
    assert answer.served, answer
    return answer if answer.reused else None


@pytest.mark.parametrize("version", VERSIONS)
def test_resumes_over_all_workers(start, version):
    with start(herd.site(workers=4, body=BODY)) as d:
        first = ticket(d, version)
        workers = set()
        for answer in offer.run([offer.request(
                d.target(), version, session=first.session)] * 100):
            assert answer.said["resumed"] == "ticket"
            assert answer.said["session_worker"] == first.said["worker"]
            workers.add(answer.said["worker"])
        assert workers == {"0", "1", "2", "3"}


@pytest.mark.parametrize("version", VERSIONS)
def test_survives_reload_and_dead_workers(start, version):
    with start(herd.site(body=BODY)) as d:
        d.faults_allowed = "signal 9"
        first = ticket(d, version)
        d.reload()
        assert resumes(d, version, first)
        before = d.wait_workers(2)
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        herd.wait_for("other workers", lambda: len(d.workers()) == 2 and
                      not set(d.workers().values()) & set(before.values()))
        assert resumes(d, version, first)


LIFE = 3  # seconds of a session, and so of three keys
ROTATING = f"""
tickets {{ rotate = 1s }}
session_cache {{ timeout = {LIFE}s }}
"""


class Resumer(threading.Thread):
    """Resumes its session all the time, and notes when it could not.

    It offers the newest ticket, which the key of the moment has made, and the
    first one, whose key has been followed by others.
    """

    def __init__(self, target, version, keys, sessions):
        super().__init__()
        self.target, self.version = target, version
        self.wanted = keys, sessions
        self.keys = set()
        self.full = 0
        self.resumed = 0
        self.wrong = []

    def run(self):
        end = time.monotonic() + 40 * herd.SLOW
        while time.monotonic() < end and not self.done():
            self.full += 1
            begun = time.time()
            first = offer.one(self.target, self.version)
            self.live(first, (begun, time.time()), end)

    def live(self, first, born, end):
        """From a full handshake to the end of its session."""
        newest = first.session
        while time.monotonic() < end and not self.done():
            begun = time.time()
            old, new = offer.run([
                offer.request(self.target, self.version, session=session)
                for session in (first.session, newest)])
            now = time.time()
            for answer in (old, new):
                self.judge(answer, begun, now, born)
            if not new.reused:
                return
            newest = new.session or newest
            if len(new.ticket) > ID:
                self.keys.add(new.ticket[:NAME])

    def judge(self, answer, begun, now, born):
        """A life has whole seconds, of a clock that is a tick late: one more
        or less is not wrong."""
        self.resumed += answer.reused
        if not answer.served:
            self.wrong.append(("not served", answer))
        elif answer.reused and begun - born[1] > LIFE + 1.1:
            self.wrong.append(("resumed after its life", begun - born[1]))
        elif not answer.reused and now - born[0] < LIFE - 1.1:
            self.wrong.append(("not resumed in its life", now - born[0]))
        elif answer.hint > LIFE:
            self.wrong.append(("promised for too long", answer))

    def enough(self):
        keys, sessions = self.wanted
        return len(self.keys) >= keys and self.full >= sessions

    def done(self):
        return self.wrong or self.enough()


def test_rotation_under_load(start):
    """Keys come and go; a session resumes until its life is over.

    Beside it a listener without tickets, where a life is as long.
    """
    keys, lives = herd.size((4, 2), (16, 5))
    text = herd.listener(body=BODY) + herd.listener(name="stateful")
    with start(f"workers = 2\n{ROTATING}\n{text}") as d:
        resumers = [Resumer(d.target(name), version, wanted, lives)
                    for name, wanted in (("main", keys), ("stateful", 0))
                    for version in VERSIONS]
        for r in resumers:
            r.start()
        for r in resumers:
            r.join()
            print(f"{r.version}: {len(r.keys)} keys, {r.full} full handshakes,"
                  f" {r.resumed} resumed")
        for r in resumers:
            assert not r.wrong, r.wrong[:5]
            assert r.enough()
            assert r.resumed > 20


@pytest.mark.parametrize("size", [48, 80])
@pytest.mark.parametrize("version", VERSIONS)
def test_old_key_decrypts_and_is_renewed(start, tmp, version, size):
    old, old_key = new_key(tmp, "old", size)
    new, new_bytes = new_key(tmp, "new", OTHER_SIZE[size])
    with start(with_keys(old)) as d:
        first = ticket(d, version, old_key)
        assert resumes(d, version, first).ticket[:NAME] == old_key[:NAME]
        d.reload(with_keys(new, old))
        ticket(d, version, new_bytes)
        renewed = resumes(d, version, first)
        assert renewed.ticket[:NAME] == new_bytes[:NAME]
        d.reload(with_keys(new))
        assert not resumes(d, version, first)
        assert resumes(d, version, renewed)


@pytest.mark.parametrize("version", VERSIONS)
def test_first_of_many_encrypts_all_decrypt(start, tmp, version):
    sizes = [48, 80] * 8
    keys = [new_key(tmp, f"key{i}", size) for i, size in enumerate(sizes)]
    paths = [path for path, _ in keys]
    made = []
    with start(with_keys(*paths)) as d:
        for i in range(len(keys)):
            d.reload(with_keys(*paths[i:], *paths[:i]))
            made.append(ticket(d, version, keys[i][1]))
        d.reload(with_keys(*paths))
        for old in made:
            renewed = resumes(d, version, old)
            assert renewed.ticket[:NAME] == keys[0][1][:NAME]


@pytest.mark.parametrize("size", [48, 80])
def test_two_servers_share_keys(start, tmp, size):
    """What one encrypts the other one decrypts, for as long as it may."""
    common, common_key = new_key(tmp, "common", size)
    own, own_key = new_key(tmp, "own", OTHER_SIZE[size])
    with start(with_keys(common), name="one") as one, \
            start(with_keys(own, common), name="two") as two:
        for version in VERSIONS:
            there = ticket(one, version, common_key)
            back = resumes(two, version, there)
            assert back.said["resumed"] == "ticket"
            assert back.ticket[:NAME] == own_key[:NAME]
            assert resumes(two, version, back)
            assert not resumes(one, version, back)
        made = {v: ticket(two, v, own_key) for v in VERSIONS}
        one.reload(with_keys(common, own))
        for version in VERSIONS:
            again = resumes(one, version, made[version])
            assert again.ticket[:NAME] == common_key[:NAME]


def test_s_client_at_another_server(start, tmp, version):
    """A client that saved its session to a file takes it along."""
    file = f"{tmp}/session.pem"
    path, _ = new_key(tmp, "common")
    option = "-tls1_2" if version == TLS12 else "-tls1_3"

    def s_client(d, *options):
        return herd.run("openssl", "s_client", "-connect", d.address(),
                        option, "-ign_eof", *options, input="\n").stdout

    with start(with_keys(path), name="one") as one, \
            start(with_keys(path), name="two") as two:
        assert " resumed=full " in s_client(one, "-sess_out", file)
        said = s_client(two, "-sess_in", file)
        assert "\nReused, " in said
        assert " resumed=ticket " in said


@pytest.mark.parametrize("version", VERSIONS)
def test_servers_without_common_keys(start, version):
    """Another server's ticket is no error: a full handshake."""
    with start(herd.site(body=BODY), name="one") as one, \
            start(herd.site(body=BODY), name="two") as two:
        there = ticket(one, version)
        assert not resumes(two, version, there)
        assert resumes(one, version, there)


@pytest.mark.parametrize("version", VERSIONS)
def test_key_file_replaced(start, tmp, version):
    path, old_key = new_key(tmp, "key")
    with start(with_keys(path)) as d:
        first = ticket(d, version, old_key)
        _, key = new_key(tmp, "key")
        ticket(d, version, old_key)  # the file is read at a reload
        d.reload()
        assert not resumes(d, version, first)
        second = ticket(d, version, key)
        assert resumes(d, version, second)


def test_bad_key_file_changes_nothing(start, tmp):
    path, key = new_key(tmp, "key")
    with start(with_keys(path)) as d:
        first = ticket(d, "TLSv1.3", key)
        for size in (0, 47, 49, 81):
            new_key(tmp, "key", size)
            said = d.reload_refused()
            assert f'{path}' in said and f"{size} bytes" in said
        assert resumes(d, "TLSv1.3", first)
        ticket(d, "TLSv1.3", key)


def test_from_own_keys_to_files_and_back(start, tmp):
    path, key = new_key(tmp, "key")
    with start(herd.site(body=BODY)) as d:
        first = ticket(d, "TLSv1.3")
        d.reload(with_keys(path))
        assert not resumes(d, "TLSv1.3", first)
        second = ticket(d, "TLSv1.3", key)
        d.reload(herd.site(body=BODY))
        assert not resumes(d, "TLSv1.3", second)
        third = ticket(d, "TLSv1.3")
        assert third.ticket[:NAME] not in (first.ticket[:NAME], key[:NAME])
        assert resumes(d, "TLSv1.3", third)


def damage_keys(pid):
    """Nonsense in the shared memory that all processes have keys from."""
    folder = f"/proc/{pid}/fd"
    ring, = (fd for fd in os.listdir(folder)
             if "tlscache-keys" in os.readlink(f"{folder}/{fd}"))
    with open(f"{folder}/{ring}", "r+b") as f:
        size = f.seek(0, os.SEEK_END)
        f.seek(0)
        f.write(b"\xff" * size)


@pytest.mark.parametrize("files", [True, False])
def test_damaged_keys_are_set_anew(start, tmp, files):
    """From the same files, if they came from files."""
    path, key = new_key(tmp, "key")
    with start(with_keys(path) if files else herd.site(body=BODY)) as d:
        first = ticket(d, "TLSv1.3")
        damage_keys(d.pid)
        d.wait_log("ticket keys: damaged in memory, and set anew")
        second = ticket(d, "TLSv1.3", key if files else None)
        assert resumes(d, "TLSv1.3", second)
        assert bool(resumes(d, "TLSv1.3", first)) == files


# What each kind gives to clients

@pytest.mark.parametrize("version", VERSIONS)
def test_tickets_are_stateless(start, tmp, version):
    """The session is in the ticket: it is long, and begins with the key."""
    path, key = new_key(tmp, "key")
    top = "session_cache { timeout = 90m }"
    with start(with_keys(path, top=top)) as d:
        answer = ticket(d, version, key)
        assert len(answer.ticket) > 100
        assert 0 < answer.hint <= 90 * 60


@pytest.mark.parametrize("size", [48, 80])
@pytest.mark.parametrize("version", VERSIONS)
def test_key_file_as_others_read_it(start, tmp, version, size):
    """nginx's order: 48 name, AES, HMAC; 80 name, HMAC, AES."""
    path, key = new_key(tmp, "key", size)
    aes, mac = (key[16:32], key[32:]) if size == 48 else \
        (key[48:], key[16:48])
    with start(with_keys(path)) as d:
        made = ticket(d, version, key).ticket
    iv, secret = made[16:32], made[32:-32]
    assert made[-32:] == hmac.digest(mac, made[:-32], "sha256")
    with open(f"{tmp}/secret", "wb") as f:
        f.write(secret)
    done = herd.run("openssl", "enc", "-d", f"-aes-{len(aes) * 8}-cbc",
                    "-K", aes.hex(), "-iv", iv.hex(), "-in", f"{tmp}/secret",
                    "-out", f"{tmp}/session")
    assert done.returncode == 0, done.stderr
    done = herd.run("openssl", "sess_id", "-inform", "DER", "-noout", "-text",
                    "-in", f"{tmp}/session")
    assert f"Protocol  : {version}" in done.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_stateful_sends_no_stateless_ticket(start, version):
    """Also not after resumption, to a client that has one from elsewhere."""
    text = herd.listener(name="main") + herd.listener(name="other", body=BODY)
    with start("workers = 2\n" + text) as d:
        first = offer.one(d.target(), version)
        other = offer.one(d.target("other"), version)
        answers = [first, *(offer.one(d.target(), version, session=s)
                            for s in (first.session, other.session))]
        assert [a.reused for a in answers] == [False, True, False]
        for answer in answers:
            held = answer.id if version == "TLSv1.2" else answer.ticket
            assert len(held) == ID
            assert version == "TLSv1.3" or answer.ticket == b""
        # And the other way round.
        answer = offer.one(d.target("other"), version, session=first.session)
        assert answer.served and not answer.reused
        assert len(answer.ticket) > 100


def test_tls12_client_without_tickets(start):
    """With resumption = tickets there is nothing else for it."""
    ctx = clients.context(TLS12)
    ctx.options |= ssl.OP_NO_TICKET
    with start(herd.site(body=BODY)) as d:
        said, session = clients.trace(d, ctx=ctx)
        assert not session.has_ticket and session.id == b""
        assert clients.trace(d, ctx=ctx)[0]["resumed"] == "full"


@pytest.mark.parametrize("version", VERSIONS)
def test_off(start, version):
    """No id, no ticket; and nothing that others gave is taken."""
    text = "".join(herd.listener(name=r, body=f"resumption = {r}")
                   for r in ("off", "stateful", "tickets"))
    with start("workers = 2\n" + text) as d:
        first = offer.one(d.target("off"), version)
        assert first.served and first.session is None
        assert first.id == first.ticket == b""
        for name in ("stateful", "tickets"):
            made = offer.one(d.target(name), version)
            answer = offer.one(d.target("off"), version,
                               session=made.session)
            assert answer.served and not answer.reused
            assert answer.session is None
            assert offer.one(d.target(name), version,
                             session=made.session).reused


def test_off_with_s_client(start):
    with start(herd.site(body="resumption = off")) as d:
        out = herd.run("openssl", "s_client", "-connect", d.address(),
                       "-tls1_2", "-reconnect").stdout
        assert out.count("\nNew, TLSv1.2") == 6
        assert "Reused" not in out


@pytest.mark.parametrize("version", VERSIONS)
def test_off_by_reload(start, version):
    with start(herd.site(body=BODY)) as d:
        first = ticket(d, version)
        d.reload(herd.site(body="resumption = off"))
        d.wait_workers(2)
        answer = offer.one(d.target(), version, session=first.session)
        assert answer.served and not answer.reused
        assert answer.session is None


# Secrets

def traces(secret):
    """What of a secret could stand in a text, whatever is around it."""
    found = set()
    for i in range(0, len(secret) - 8 + 1, 8):
        found.add(secret[i:i + 8].hex())
    for shift in range(3):
        whole = base64.b64encode(secret[shift:]).decode().rstrip("=")
        found.update(whole[i:i + 12] for i in range(0, len(whole) - 12, 4))
    return found


def test_no_keys_in_log(start, tmp):
    """Not at the most verbose level, nor through tlsherdctl."""
    secrets, paths = [], []
    for i, size in enumerate((48, 80)):
        path, key = new_key(tmp, f"key{i}", size)
        paths.append(path)
        secrets.append(key[NAME:])
    with open(pki.path("server.key"), encoding="ascii") as f:
        lines = f.read().splitlines()[1:-1]
    secrets.append(base64.b64decode("".join(lines)))
    said = ""
    top = f'log_level = debug\ncontrol_socket = "{tmp}/ctl"\n'
    with start(with_keys(*paths, top=top)) as d:
        for version in VERSIONS:
            assert resumes(d, version, ticket(d, version))
        d.reload(with_keys(*paths[::-1], top=top))
        for version in VERSIONS:
            assert resumes(d, version, ticket(d, version))
        _, key = new_key(tmp, "key0", 47)
        secrets.append(key)
        d.reload_refused()
        d.wait_connections(8)
        for verb in ("status", "sessions"):
            done = herd.run(herd.CTL, "-s", f"{tmp}/ctl", "-j", verb)
            assert done.returncode == 0, done.stderr
            said += done.stdout
    said += d.log()
    assert " resumed=ticket " in said
    for secret in secrets:
        assert not [t for t in traces(secret) if t.lower() in said.lower()]
