# SPDX-License-Identifier: ISC
"""The client of offer.c: any session to any server, in batches."""

import collections
import os
import subprocess

import herd
import pki

OFFER = os.path.join(herd.BUILD, "tests", "system", "offer")

# The four ways to resume: version, resumption = …, what trace calls it.
Kind = collections.namedtuple("Kind", "version resumption resumed")
KINDS = {
    "TLS 1.2 id": Kind("TLSv1.2", "stateful", "id"),
    "TLS 1.2 ticket": Kind("TLSv1.2", "tickets", "ticket"),
    "TLS 1.3 stateful": Kind("TLSv1.3", "stateful", "stateful"),
    "TLS 1.3 stateless": Kind("TLSv1.3", "tickets", "ticket"),
}


class Answer:
    """What became of one connection.

    session: to be offered again, None when the client got nothing to resume;
    id, ticket: its parts; said: the words of the service trace.
    """

    def __init__(self, line):
        head, trace = line.split(" trace: ", 1)
        word = dict(pair.split("=", 1) for pair in head.split())
        self.served = word["served"] == "yes"
        self.reused = word["reused"] == "yes"
        self.session = word["session"] if word["session"] != "-" else None
        self.id = bytes.fromhex(word["id"].strip("-"))
        self.ticket = bytes.fromhex(word["ticket"].strip("-"))
        self.hint = int(word["hint"])
        self.error = word["error"]
        self.said = dict(pair.split("=", 1) for pair in trace.split())
        if self.served:
            assert self.reused == (self.said["resumed"] != "full"), line

    def __repr__(self):
        return (f"<served={self.served} reused={self.reused} "
                f"error={self.error} {self.said}>")


def request(target, version, sni=None, cert=None, session=None):
    """One connection; target: (host, port) of Daemon.target()."""
    words = [f"to={target[1]}", f"version={version}"]
    if sni is not None:
        words.append(f"sni={sni}")
    if cert is not None:
        words.append(f"cert={pki.path(cert)}")
    if session is not None:
        words.append(f"session={session}")
    return " ".join(words)


def run(requests, seconds=240):
    """All of them, one after the other; the answers in the same order."""
    return [Answer(line) for line in _lines(requests, seconds)]


def _lines(requests, seconds):
    done = subprocess.run([OFFER], input="".join(r + "\n" for r in requests),
                          capture_output=True, text=True, errors="replace",
                          timeout=seconds * herd.SLOW, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(requests)
    return lines


def flights(sessions, early):
    """The first flight of each, with early(its place in the list)."""
    lines = _lines([f"early={early(i)} version=TLSv1.3 session={session}"
                    for i, session in enumerate(sessions)], 60)
    return [bytes.fromhex(line.split("flight=")[1]) for line in lines]


def one(target, version, **kw):
    return run([request(target, version, **kw)])[0]
