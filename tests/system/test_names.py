# SPDX-License-Identifier: ISC
"""Certificates by server name, and the TLS policy of names and listeners."""

import hashlib
import re
import ssl

import pytest

import clients
import herd
import offer
import pki
from clients import TLS12, TLS13


@pytest.fixture(scope="module")
def rsa():
    """An RSA certificate among all those with ECDSA."""
    pki.make("rsa", "ca", "rsa.example", algorithm="rsa:2048")
    return "rsa"


def digest(name):
    """What certificate() says of the certificate NAME.pem."""
    with open(pki.path(name + ".pem"), encoding="ascii") as f:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).digest()


def certificate(d, sni=None, version=None, ctx=None):
    """Which certificate comes, and what trace calls it."""
    with clients.connect(d, ctx or clients.context(version), sni=sni) as tls:
        der = tls.getpeercert(binary_form=True)
        tls.sendall(b"\n")
        said = clients.pairs(clients.read_all(tls).decode())
    return hashlib.sha256(der).digest(), said["certificate"]


def refused(d, reason, **kw):
    """No service under these circumstances, and the alert says why."""
    # OpenSSL's names of reasons are not all alike.
    with pytest.raises(ssl.SSLError,
                       match="(?i)" + re.sub("[ _]", "[ _]", reason)):
        clients.trace(d, **kw)


SITE = [  # title, certificate, names
    ("default", "server", []),
    ("exact", "a", ["a.example", "Mixed.Example", "www.b.example"]),
    ("pattern", "b", ["*.b.example", "*.example.org"]),
]

NAMES = [  # server name, title
    (None, "default"),
    ("a.example", "exact"),
    ("A.EXAMPLE", "exact"),
    ("mixed.example", "exact"),
    ("mIXED.eXAMPLE", "exact"),
    ("sub.a.example", "default"),
    ("x.b.example", "pattern"),
    ("X.B.Example", "pattern"),
    ("www.b.example", "exact"),  # goes before the pattern
    ("y.example.org", "pattern"),
    ("b.example", "default"),    # no label
    ("x.y.b.example", "default"),  # two labels
    ("www.www.b.example", "default"),
    ("xb.example", "default"),
    ("unknown.example", "default"),
    ("example", "default"),
    ("localhost", "default"),    # of the certificate, which does not matter
]


def sections(site):
    return "\n".join(pki.section(title, name, names)
                     for title, name, names in site)


def test_choice_by_name(start, version):
    of_title = {title: digest(name) for title, name, _ in SITE}
    with start(herd.site(certificate=sections(SITE))) as d:
        for sni, title in NAMES:
            assert certificate(d, sni, version) == (of_title[title], title), \
                sni


def test_choice_where_default_stands_last(start):
    with start(herd.site(certificate=sections(SITE[::-1]))) as d:
        for sni, title in NAMES:
            assert certificate(d, sni)[1] == title, sni


def test_first_is_default_when_all_have_names(start):
    site = [("one", "a", ["one.example"]), ("two", "b", ["two.example"])]
    with start(herd.site(certificate=sections(site))) as d:
        assert certificate(d) == (digest("a"), "one")
        assert certificate(d, "three.example") == (digest("a"), "one")
        assert certificate(d, "two.example") == (digest("b"), "two")


def test_unknown_name_reject(start, version):
    ctx = clients.context(version)
    with start(herd.site(certificate=sections(SITE),
                         body="unknown_name = reject")) as d:
        for sni, title in NAMES:
            if sni is None or title != "default":
                assert certificate(d, sni, ctx=ctx)[1] == title, sni
            else:
                refused(d, "UNRECOGNIZED_NAME", ctx=ctx, sni=sni)
        # Sorted: which worker is the first to log is open.
        turned_away = sorted((line["sni"], line["certificate"])
                             for line in d.wait_connections(len(NAMES))
                             if line["close"] == "handshake")
        assert turned_away == sorted((sni, "-") for sni, title in NAMES
                                     if sni is not None and title == "default")


def test_name_in_trace_and_log(start):
    with start(herd.site(certificate=sections(SITE))) as d:
        said, _ = clients.trace(d, sni="x.b.example")
        assert said["sni"] == "x.b.example"
        line, = d.wait_connections(1)
        assert line["sni"] == "x.b.example"
        assert line["certificate"] == "pattern"


def test_key_in_chain_file(start, version):
    text = f"""certificate "default" {{
        chain = "{pki.path('a.both')}"
    }}"""
    ctx = clients.context(version)
    with start(herd.site(certificate=text)) as d:
        assert certificate(d, ctx=ctx) == (digest("a"), "default")


def test_chain_is_sent(start, tmp, version):
    """What stands behind the certificate goes along: an intermediate CA."""
    pki.make_intermediate("middle", "ca")
    pki.make("below", "middle", "below.example")
    pki.join("chain.pem", "below.pem", "middle.pem")
    text = f"""certificate "default" {{
        chain = "{pki.path('chain.pem')}"
        key = "{pki.path('below.key')}"
    }}"""
    ctx = clients.context(version, ca="ca.pem")
    ctx.check_hostname = True
    with start(herd.site(certificate=text)) as d:
        assert clients.trace(d, ctx=ctx, sni="below.example")[0]
        refused(d, "Hostname mismatch", ctx=ctx, sni="a.example")


def test_rsa_and_ecdsa(start, rsa):
    """The cipher of TLS 1.2 goes by the certificate of the name."""
    site = [("default", "server", []), ("rsa", rsa, ["rsa.example"])]
    ecdsa_only, rsa_only = clients.context(TLS12), clients.context(TLS12)
    ecdsa_only.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    rsa_only.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    with start(herd.site(certificate=sections(site))) as d:
        for version in (TLS12, TLS13):
            assert certificate(d, None, version)[0] == digest("server")
            assert certificate(d, "rsa.example", version)[0] == digest(rsa)
        assert certificate(d, ctx=ecdsa_only)[1] == "default"
        assert certificate(d, "rsa.example", ctx=rsa_only)[1] == "rsa"
        refused(d, "HANDSHAKE_FAILURE", ctx=rsa_only)
        refused(d, "HANDSHAKE_FAILURE", ctx=ecdsa_only, sni="rsa.example")


ASKS = ('client_certificate = {} ca = "{}"').format


def test_client_certificate_of_one_name(start, version):
    """Each name has its own rules, whatever those of the default are."""
    ca = pki.path("clients.pem")
    text = "\n".join([
        pki.section("default", "server"),
        pki.section("maybe", "server", ["maybe.example"],
                    ASKS("optional", ca)),
        pki.section("must", "server", ["must.example"],
                    ASKS("required", ca))])
    verdicts = {  # by the client's certificate: None is a refusal
        None: {"open": "none", "maybe": "none", "must": None},
        "alice": {"open": "none", "maybe": "ok", "must": "ok"},
        "stranger": {"open": "none", "maybe": None, "must": None},
    }
    with start(herd.site(certificate=text)) as d:
        for cert, row in verdicts.items():
            for name, verdict in row.items():
                answer = offer.one(d.target(), clients.name(version),
                                   sni=name + ".example", cert=cert)
                assert answer.said.get("client_certificate") == verdict, \
                    (cert, name)
                assert answer.served == (verdict is not None)
        assert {c["client_cert"] for c in d.wait_connections(
            3, close="handshake")} == {"none", "unknown_ca"}


def test_default_asks_and_name_does_not(start, version):
    text = "\n".join([
        pki.section("default", "server", (),
                    ASKS("required", pki.path("clients.pem"))),
        pki.section("open", "server", ["open.example"])])
    with start(herd.site(certificate=text)) as d:
        for sni, served in [("open.example", True), (None, False),
                            ("other.example", False)]:
            assert offer.one(d.target(), clients.name(version),
                             sni=sni).served == served, sni


VERSIONS = [  # of the listener: minimum, maximum; what it speaks
    (TLS12, TLS13, {TLS12, TLS13}),
    (TLS12, TLS12, {TLS12}),
    (TLS13, TLS13, {TLS13}),
]


@pytest.mark.parametrize("low,high,spoken", VERSIONS)
def test_versions(start, low, high, spoken):
    body = (f"minimum_version = {clients.name(low)}\n"
            f"maximum_version = {clients.name(high)}")
    with start(herd.site(body=body, certificate=sections(SITE))) as d:
        for version in (TLS12, TLS13):
            for sni in (None, "a.example"):
                ctx = clients.context(version)
                if version in spoken:
                    said, _ = clients.trace(d, ctx=ctx, sni=sni)
                    assert said["version"] == clients.name(version)
                else:
                    refused(d, "PROTOCOL_VERSION", ctx=ctx, sni=sni)
        assert clients.trace(d)[0]["version"] == clients.name(high)


def test_default_versions(start):
    """TLS 1.2 and 1.3, as tlsherd.conf(5) has it; nothing before."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with start(herd.site()) as d:
        for version in (TLS12, TLS13):
            said, _ = clients.trace(d, ctx=clients.context(version))
            assert said["version"] == clients.name(version)
        refused(d, "PROTOCOL_VERSION", ctx=old)


def test_ciphers(start):
    """The lists of the listener hold for its names, too."""
    body = """ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"
        ciphersuites = "TLS_CHACHA20_POLY1305_SHA256"
        """
    other = clients.context(TLS12)
    other.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    ciphers = {TLS12: "ECDHE-ECDSA-AES256-GCM-SHA384",
               TLS13: "TLS_CHACHA20_POLY1305_SHA256"}
    with start(herd.site(body=body, certificate=sections(SITE))) as d:
        for sni in (None, "a.example", "x.b.example"):
            for version, cipher in ciphers.items():
                said, _ = clients.trace(d, ctx=clients.context(version),
                                        sni=sni)
                assert said["cipher"] == cipher
            refused(d, "HANDSHAKE_FAILURE", ctx=other, sni=sni)


def test_groups(start, rsa, version):
    """With RSA: TLS 1.2 needs the curve of an ECDSA key in the client's."""
    site = [("default", rsa, []), ("exact", rsa, ["a.example"])]
    agrees, differs = clients.context(version), clients.context(version)
    agrees.set_ecdh_curve("secp384r1")
    differs.set_ecdh_curve("prime256v1")
    if version == TLS12:
        differs.set_ciphers("ECDHE")
    with start(herd.site(body='groups = "P-384:X25519"',
                         certificate=sections(site))) as d:
        for sni in (None, "a.example"):
            said, _ = clients.trace(d, ctx=agrees, sni=sni)
            assert said["group"] == "secp384r1"
            refused(d, "HANDSHAKE_FAILURE", ctx=differs, sni=sni)


ALPN = [  # of the client; what is chosen, None is a refusal
    (None, "-"),
    (["h2"], "h2"),
    (["http/1.1"], "http/1.1"),
    (["http/1.1", "h2"], "h2"),  # the server's preference
    (["x", "http/1.1", "y"], "http/1.1"),
    (["x", "y"], None),
    (["H2"], None),
]


def test_alpn(start, version):
    with start(herd.site(body='alpn = { "h2", "http/1.1" }',
                         certificate=sections(SITE))) as d:
        for sni in (None, "a.example"):
            for offered, chosen in ALPN:
                ctx = clients.context(version, alpn=offered)
                if chosen is None:
                    refused(d, "NO_APPLICATION_PROTOCOL", ctx=ctx, sni=sni)
                    continue
                said, _ = clients.trace(d, ctx=ctx, sni=sni)
                assert said["alpn"] == chosen, offered


def test_alpn_is_chosen_again_at_resumption(start, version):
    """The session does not bring the old protocol along."""
    ctx = clients.context(version, alpn=["h2"])
    with start(herd.site(body='alpn = { "h2", "http/1.1" }')) as d:
        said, session = clients.trace(d, ctx=ctx)
        assert said["alpn"] == "h2"
        ctx.set_alpn_protocols(["http/1.1"])
        said, _ = clients.trace(d, ctx=ctx, session=session)
        assert said["resumed"] != "full"
        assert said["alpn"] == "http/1.1"


def test_no_alpn_ignores_offer(start):
    with start(herd.site()) as d:
        said, _ = clients.trace(d, ctx=clients.context(alpn=["h2"]))
        assert said["alpn"] == "-"


def test_s_client_by_name(start):
    """A second client sees the same certificates."""
    with start(herd.site(certificate=sections(SITE))) as d:
        for sni, cn in [("a.example", "a.example"),
                        ("x.b.example", "b.example"),
                        ("x.y.b.example", "localhost")]:
            out = herd.run("openssl", "s_client", "-connect", d.address(),
                           "-servername", sni, "-ign_eof", input="\n").stdout
            # "CN = x" before OpenSSL 3.2
            assert re.search(f"^subject=CN ?= ?{re.escape(cn)}$", out,
                             re.MULTILINE), sni
