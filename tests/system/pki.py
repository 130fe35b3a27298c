# SPDX-License-Identifier: ISC
"""Certificates for the tests, made once per run with the openssl command."""

import os
import subprocess

folder = None

CA_CONF = """
[ca]
default_ca = d
[d]
database = {folder}/index.{name}
crlnumber = {folder}/number.{name}
default_md = sha256
default_crl_days = 30
"""


def path(name):
    return os.path.join(folder, name)


def section(title, name, names=(), more=""):
    """A certificate section with the chain and key of that name."""
    quoted = ", ".join(f'"{n}"' for n in names)
    return f"""certificate "{title}" {{
        chain = "{path(name + '.pem')}"
        key = "{path(name + '.key')}"
        names = {{ {quoted} }}
        {more}
    }}"""


def _openssl(*args):
    done = subprocess.run(["openssl", *args], capture_output=True, text=True,
                          check=False, cwd=folder)
    assert done.returncode == 0, done.stderr


def _new_key(algorithm="ec"):
    curve = ["-pkeyopt", "ec_paramgen_curve:P-256"]
    return ["-newkey", algorithm, *(curve if algorithm == "ec" else []),
            "-nodes"]


def make_ca(name):
    _openssl("req", "-x509", *_new_key(), "-days", "30", "-subj",
             f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def make_intermediate(name, ca):
    """A CA below another one."""
    _make(name, ca, name, 30, "basicConstraints=critical,CA:TRUE", "ec")


def make(name, ca, cn=None, days=30, algorithm="ec"):
    """A certificate NAME.pem with NAME.key, and NAME.both with both."""
    cn = cn or name
    _make(name, ca, cn, days, f"subjectAltName=DNS:{cn}", algorithm)
    join(f"{name}.both", f"{name}.pem", f"{name}.key")


def _make(name, ca, cn, days, extension, algorithm):
    with open(path(name + ".ext"), "w", encoding="ascii") as f:
        f.write(extension + "\n")
    _openssl("req", "-new", *_new_key(algorithm), "-subj", f"/CN={cn}",
             "-keyout", f"{name}.key", "-out", f"{name}.csr")
    _openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem",
             "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", str(days),
             "-extfile", f"{name}.ext", "-out", f"{name}.pem")


def join(name, *parts):
    # Some have a key in them.
    with open(path(name), "w", encoding="ascii",
              opener=lambda file, flags: os.open(file, flags, 0o600)) as out:
        for part in parts:
            with open(path(part), encoding="ascii") as f:
                out.write(f.read())


def make_crl(ca, out, revoked=()):
    """The CA's list with the certificates that it has revoked by now."""
    conf = path(f"{ca}.cnf")
    if not os.path.exists(conf):
        with open(conf, "w", encoding="ascii") as f:
            f.write(CA_CONF.format(folder=folder, name=ca))
        with open(path(f"index.{ca}"), "w", encoding="ascii"):
            pass
        with open(path(f"number.{ca}"), "w", encoding="ascii") as f:
            f.write("01\n")
    base = ["ca", "-config", f"{ca}.cnf", "-cert", f"{ca}.pem", "-keyfile",
            f"{ca}.key"]
    for name in revoked:
        _openssl(*base, "-revoke", f"{name}.pem")
    _openssl(*base, "-gencrl", "-out", out)


def build(where):
    """Everything that the tests use."""
    global folder
    folder = where
    make_ca("ca")
    make("server", "ca", "localhost")
    make("server2", "ca", "localhost")
    make("a", "ca", "a.example")
    make("b", "ca", "b.example")
    make_ca("clients")
    make("alice", "clients")
    make("mallory", "clients")
    make_ca("strangers")
    make("stranger", "strangers")
    make_crl("clients", "empty.crl")
    make_crl("clients", "mallory.crl", ["mallory"])
    make_intermediate("branch", "clients")
    make("bob", "branch")
    make("trudy", "branch")
    make_crl("branch", "trudy.crl", ["trudy"])
    make_crl("clients", "branch.crl", ["branch"])
    join("branches.pem", "branch.pem", "clients.pem")
    join("good.crl", "trudy.crl", "mallory.crl")
    join("bad.crl", "trudy.crl", "branch.crl")
    _openssl("pkey", "-in", "server.key", "-aes128", "-passout", "pass:x",
             "-out", "encrypted.key")
