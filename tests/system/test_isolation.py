# SPDX-License-Identifier: ISC
"""A session resumes only under the rules that it was made under.

Every session of every policy is offered to every policy, as names of one
listener and as listeners of their own, with each certificate that helps and
with none. What has gone wrong elsewhere (CVE-2025-23419, CVE-2025-23048) would
be seen here as a client that is served without the certificate that the name
demands.
"""

import collections
import itertools
import re
import shutil

import pytest

import herd
import offer
import pki
from offer import KINDS

# A certificate section, who gets in (None: without a certificate), and with
# what the sessions are made that are offered to others.
Policy = collections.namedtuple("Policy", "chain rules accepts makers")

EVERYBODY = {None, "alice", "mallory", "stranger"}


def rules(mode, ca, more=""):
    return (f'client_certificate = {mode}\n'
            f'        ca = "{pki.path(ca)}"\n        {more}')


def policies():
    crl = f'crl = "{pki.path("mallory.crl")}"'
    clients = {"alice", "mallory"}
    return {
        "off": Policy("server", "", EVERYBODY, [None]),
        "optional": Policy("server", rules("optional", "clients.pem"),
                           clients | {None}, [None, "mallory"]),
        "required": Policy("server", rules("required", "clients.pem"),
                           clients, ["mallory"]),
        "other-ca": Policy("server", rules("required", "strangers.pem"),
                           {"stranger"}, ["stranger"]),
        "crl": Policy("server", rules("required", "clients.pem", crl),
                      {"alice"}, ["alice"]),
        "depth": Policy("server", rules("required", "clients.pem",
                                        "verify_depth = 1"),
                        clients, ["mallory"]),
        "other-key": Policy("server2", "", EVERYBODY, [None]),
    }


# Where a policy is met: a listener and the server name to ask it for.
Place = collections.namedtuple("Place", "policy listener sni")


def section(title, policy, names=()):
    return pki.section(title, policy.chain, names, policy.rules)


# The listeners with names, by what their default is: a lax one and a strict
# one, because what SSL_new() copies from it must not stick.
DEFAULTS = herd.size({"stateful": ["off"], "tickets": ["required"]},
                     {"stateful": ["off", "required"],
                      "tickets": ["off", "required"]})


def layout(table, resumption):
    """The text of listeners with that resumption, and their places."""
    body = f"resumption = {resumption}"
    text, places = [], []
    for default in DEFAULTS[resumption]:
        name = f"{resumption}.{default}"
        order = sorted(table, key=lambda title: title != default)
        text.append(herd.listener(name=name, body=body, certificate="\n".join(
            section(t, table[t], [f"{t}.example"]) for t in order)))
        places += [Place(t, name, f"{t}.example") for t in order]
    for title, policy in table.items():
        name = f"{resumption}.{title}.alone"
        text.append(herd.listener(name=name, body=body,
                                  certificate=section(title, policy)))
        places.append(Place(title, name, None))
    return "\n".join(text), places


class Matrix:
    """Makes the sessions of one kind and offers them around."""

    def __init__(self, d, kind, table, places):
        self.kind = kind
        self.table = table
        self.places = places
        self.targets = {p: d.target(p.listener) for p in places}

    def request(self, place, cert, session=None):
        return offer.request(self.targets[place], self.kind.version,
                             sni=place.sni, cert=cert, session=session)

    def make(self):
        """(place, the maker's certificate, session)."""
        makers = [(place, cert) for place in self.places
                  for cert in self.table[place.policy].makers]
        answers = offer.run([self.request(*maker) for maker in makers])
        for maker, answer in zip(makers, answers):
            assert answer.served and not answer.reused, (maker, answer)
            assert answer.session is not None, (maker, answer)
        return [(*maker, answer.session)
                for maker, answer in zip(makers, answers)]

    def attempts(self, sessions):
        """(home, place, the certificate at hand, session).

        After those at one foreign place the session is offered at home: it
        must still be good, or its refusal elsewhere would show nothing.
        """
        for (home, maker, session), place in itertools.product(
                sessions, self.places):
            helpful = self.table[place.policy].accepts & {"alice", "stranger"}
            certs = {None, maker} | {min(helpful)}
            for cert in sorted(certs, key=str):
                yield home, place, cert, session
            if place.policy != home.policy:
                yield home, home, None, session

    def run(self):
        """How many were tried and resumed, and what should not have been."""
        attempts = list(self.attempts(self.make()))
        answers = offer.run([self.request(place, cert, session)
                             for _, place, cert, session in attempts])
        count, wrong = collections.Counter(), []
        for (home, place, cert, _), answer in zip(attempts, answers):
            policy = "same" if home.policy == place.policy else "cross"
            count[policy, "tried"] += 1
            count[policy, "resumed"] += answer.reused
            if not self.as_promised(home, place, cert, answer):
                wrong.append((home, place, cert, answer))
        return count, wrong

    def as_promised(self, home, place, cert, answer):
        same = home.policy == place.policy
        # With the session of the same policy comes its certificate.
        welcome = same or cert in self.table[place.policy].accepts
        if not welcome:
            return not answer.served and not answer.reused
        return (answer.served and
                answer.said["certificate"] == place.policy and
                answer.said["resumed"] == (self.kind.resumed if same
                                           else "full"))


def summary(count):
    return "; ".join(f"{policy}-policy: {count[policy, 'resumed']} of "
                     f"{count[policy, 'tried']}"
                     for policy in ("cross", "same"))


def test_matrix(start):
    table = policies()
    layouts = {r: layout(table, r) for r in ("stateful", "tickets")}
    conf = "workers = 2\nlog_connections = no\n" + "".join(
        text for text, _ in layouts.values())
    total, wrong = collections.Counter(), []
    with start(conf) as d:
        for name, kind in KINDS.items():
            places = layouts[kind.resumption][1]
            count, bad = Matrix(d, kind, table, places).run()
            print(f"{name}: {summary(count)}")
            total += count
            wrong += bad
    print(summary(total))
    assert not wrong, wrong[:10]
    assert total["cross", "resumed"] == 0
    assert total["same", "resumed"] == total["same", "tried"]
    assert min(total["cross", "tried"], total["same", "tried"]) > 1000


# Reload with other rules

@pytest.fixture(params=list(KINDS))
def kind(request):
    return KINDS[request.param]


def reload(d, conf=None):
    """Until the workers of the generation before, who go by the old rules
    and may accept for some more moments, are gone."""
    d.reload(conf)
    d.wait_workers(2)


def guarded(kind, ca="clients.pem", crl=None, chain="server"):
    more = f'crl = "{crl}"' if crl else ""
    return herd.site(body=f"resumption = {kind.resumption}",
                     certificate=pki.section("default", chain, (),
                                             rules("required", ca, more)))


def sessions_of(d, kind, *names):
    """A session of each client, which is good now."""
    made = {}
    for name in names:
        answer = offer.one(d.target(), kind.version, cert=name)
        assert answer.served, answer
        made[name] = answer.session
        again = offer.one(d.target(), kind.version, session=answer.session)
        assert again.said["resumed"] == kind.resumed
    return made


def comes_back(d, kind, name, session):
    """The session with the certificate at hand, and without."""
    return [offer.one(d.target(), kind.version, cert=cert, session=session)
            for cert in (name, None)]


def test_revoked_by_reload(start, tmp, kind):
    """The file of the CRL is replaced and mallory stands in it now."""
    crl = f"{tmp}/list.crl"
    shutil.copy(pki.path("empty.crl"), crl)
    with start(guarded(kind, crl=crl)) as d:
        made = sessions_of(d, kind, "alice", "mallory")
        shutil.copy(pki.path("mallory.crl"), crl)
        reload(d)
        mark = d.mark()
        for answer in comes_back(d, kind, "mallory", made["mallory"]):
            assert not answer.served and not answer.reused
        verdicts = [c["client_cert"] for c in d.wait_connections(2, mark)]
        assert sorted(verdicts) == ["none", "revoked"]
        # The rules are others, so alice has to show her certificate again.
        with_it, without = comes_back(d, kind, "alice", made["alice"])
        assert with_it.served and not with_it.reused
        assert not without.served
        again = offer.one(d.target(), kind.version, session=with_it.session)
        assert again.served and again.reused


@pytest.mark.parametrize("ca", ["branch.pem", "branches.pem"])
def test_intermediate_ca(start, kind, ca):
    """With its root beside it or alone; in the end it is revoked itself."""
    good = "trudy.crl" if ca == "branch.pem" else "good.crl"
    with start(guarded(kind, ca=ca, crl=pki.path(good))) as d:
        made = sessions_of(d, kind, "bob")
        mark = d.mark()
        assert not offer.one(d.target(), kind.version, cert="trudy").served
        d.wait_connections(1, mark, client_cert="revoked")
        reload(d, guarded(kind, ca=ca, crl=pki.path("bad.crl")))
        mark = d.mark()
        for answer in comes_back(d, kind, "bob", made["bob"]):
            assert not answer.served and not answer.reused
        d.wait_connections(1, mark, client_cert="revoked")


def test_other_ca_by_reload(start, kind):
    with start(guarded(kind)) as d:
        made = sessions_of(d, kind, "alice")
        reload(d, guarded(kind, ca="strangers.pem"))
        for answer in comes_back(d, kind, "alice", made["alice"]):
            assert not answer.served and not answer.reused
        assert offer.one(d.target(), kind.version, cert="stranger").served


def test_other_contents_of_ca_file(start, tmp, kind):
    """The same path, and somebody else in it."""
    ca = f"{tmp}/ca.pem"
    shutil.copy(pki.path("clients.pem"), ca)
    with start(guarded(kind, ca=ca)) as d:
        made = sessions_of(d, kind, "alice")
        shutil.copy(pki.path("strangers.pem"), ca)
        reload(d)
        for answer in comes_back(d, kind, "alice", made["alice"]):
            assert not answer.served and not answer.reused


def test_certificate_demanded_by_reload(start, kind):
    """A session from the time when nobody was asked gets nobody in."""
    open_to_all = herd.site(body=f"resumption = {kind.resumption}")
    with start(open_to_all) as d:
        session = offer.one(d.target(), kind.version).session
        reload(d, guarded(kind))
        with_it, without = comes_back(d, kind, "alice", session)
        assert with_it.served and not with_it.reused
        assert not without.served


def test_other_certificate_by_reload(start, kind):
    """The server's certificate is part of it: clients see the new one."""
    with start(guarded(kind)) as d:
        made = sessions_of(d, kind, "alice")
        reload(d, guarded(kind, chain="server2"))
        with_it, without = comes_back(d, kind, "alice", made["alice"])
        assert with_it.served and not with_it.reused
        assert not without.served


def test_same_rules_after_reload(start, tmp, kind):
    """Moved files with the same contents are the same rules."""
    crl = f"{tmp}/list.crl"
    shutil.copy(pki.path("mallory.crl"), crl)
    with start(guarded(kind, crl=crl)) as d:
        made = sessions_of(d, kind, "alice")
        reload(d)
        reload(d, guarded(kind, crl=pki.path("mallory.crl")))
        for answer in comes_back(d, kind, "alice", made["alice"]):
            assert answer.said["resumed"] == kind.resumed


MIXED = (r'c:\d+: certificate "must": client_certificate is another than that '
         r'of "open", and the backends are the same: ')


def mixed(service="proxy", more="", modes=("off", "required"), listeners=1):
    """One listener for both names, or one for each."""
    if service == "proxy":
        more += '\n    backend = { "127.0.0.1:9" }'
    sections = [pki.section(title, "server", [f"{title}.example"],
                            "" if mode == "off" else
                            rules(mode, "clients.pem"))
                for title, mode in zip(("open", "must"), modes)]
    texts = ["\n".join(sections)] if listeners == 1 else sections
    return "workers = 2\n" + "".join(
        herd.listener(service, f"l{i}", body=more, certificate=text)
        for i, text in enumerate(texts))


@pytest.mark.parametrize("warned, how", [
    (1, {}), (1, {"modes": ("optional", "required")}),
    (0, {"more": "proxy_protocol = v2"}), (0, {"service": "trace"}),
    (0, {"modes": ("required", "required")}), (0, {"modes": ("off", "off")}),
    (0, {"listeners": 2})])
def test_warning_of_shared_backends(tmp, warned, how):
    with open(f"{tmp}/c", "w", encoding="ascii") as f:
        f.write(mixed(**how))
    done = herd.run(herd.TLSHERD, "-t", "-c", f"{tmp}/c")
    assert done.returncode == 0
    *warnings, last = done.stderr.splitlines()
    assert last.startswith(f"{tmp}/c: the configuration is good")
    # That the certificate has other names is said as well.
    assert len([w for w in warnings if re.search(MIXED, w)]) == warned


def test_warning_at_start_and_reload(start):
    warning = MIXED.replace("c:", "conf:", 1)
    with start(mixed()) as d:
        assert len(re.findall(warning, d.log())) == 1
        mark = d.mark()
        reload(d)
        assert len(re.findall(warning, d.log(mark))) == 1
        mark = d.mark()
        reload(d, mixed(listeners=2))
        assert not re.findall(warning, d.log(mark))


def test_s_client_session_of_another_name(start, tmp, kind):
    """A second client: what one name gave is nothing to the other one."""
    file = f"{tmp}/session.pem"
    option = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}[kind.version]
    text = "\n".join([
        pki.section("open", "server", ["open.example"]),
        pki.section("must", "server", ["must.example"],
                    rules("required", "clients.pem"))])
    with start(herd.site(body=f"resumption = {kind.resumption}",
                         certificate=text)) as d:
        def s_client(name, *options):
            return herd.run("openssl", "s_client", "-connect", d.address(),
                            option, "-ign_eof", "-servername",
                            f"{name}.example", *options, input="\n").stdout

        made = s_client("open", "-sess_out", file)
        assert " resumed=full " in made
        assert f" resumed={kind.resumed} " in s_client("open", "-sess_in",
                                                       file)
        assert " resumed=" not in s_client("must", "-sess_in", file)
        alice = ("-cert", pki.path("alice.pem"), "-key",
                 pki.path("alice.key"))
        said = s_client("must", "-sess_in", file, *alice)
        assert " resumed=full " in said
        assert " client_certificate=ok " in said
