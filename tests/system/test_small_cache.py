# SPDX-License-Identifier: ISC
"""A session cache that is far too small: what is lost is hits, no more."""

import json
import random
import socket

import clients
import flows
import herd

CLIENTS = 5000
EXPONENT = 0.7
CONNECTIONS = herd.size(2500, 20000)
SLACK_KIB = 512 if herd.SLOW == 1 else 4096  # sanitizers keep more
NEAR = 0.03  # of the hit rate that is predicted


def sequence():
    """Who connects: the k-th client with a weight of k^-EXPONENT."""
    weights = [(k + 1) ** -EXPONENT for k in range(CLIENTS)]
    return random.Random(1).choices(range(CLIENTS), weights, k=CONNECTIONS)


def predict(visits, room, renew):
    """The share of hits if `room` sessions are kept, by the store's rule.

    First in, first out. Whoever is oldest stays once more if its session was
    used since (TLS 1.2) or was not used yet (TLS 1.3, one time).
    """
    kept, newest, hits = {}, {}, 0  # session: (used, stayed); client: session
    for session, client in enumerate(visits):
        old = newest.get(client)
        hit = old in kept
        hits += hit
        if hit:
            kept[old] = (True, kept[old][1])
        if hit and not renew:
            continue
        while len(kept) >= room:
            first = next(iter(kept))
            used, stayed = kept.pop(first)
            if (not used and not stayed) if renew else used:
                kept[first] = (False, True)
        kept[session] = (False, False)
        newest[client] = session
    return hits / len(visits)


def visit(d, ctx, session):
    """One connection: was the session resumed, and the new one."""
    with clients.connect(d, ctx, session) as tls:
        # Or the newline waits here for a delayed acknowledgement.
        tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls.sendall(b"\n")
        clients.read_all(tls)
        return tls.session_reused, tls.session


def cache(tmp):
    done = herd.run(herd.CTL, "-s", f"{tmp}/ctl", "-j", "sessions")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["cache"]


def memory(d):
    """KiB: the processes' own, all together, and the cache's segment."""
    segments = set()
    for pid in d.alive():
        with open(f"/proc/{pid}/smaps", encoding="utf-8",
                  errors="replace") as f:
            segment = False
            for line in f:
                field = line.split()
                if not field[0].endswith(":"):
                    segment = "tlscache-sessions" in line
                elif segment and field[0] == "Size:":
                    segments.add(int(field[1]))
    return sum(map(flows.anonymous, d.alive())), segments


def test_loses_hits_and_nothing_else(start, tmp, version):
    conf = herd.site(top=f"""
        control_socket = "{tmp}/ctl"
        session_cache {{ size = 128K }}""")
    visits, sessions, hits = sequence(), {}, 0
    ctx = clients.context(version)
    with start(conf, env=flows.LEAN) as d:
        mark = d.mark()
        before = None
        for n, client in enumerate(visits):
            if n == CONNECTIONS // 2:
                before = memory(d)
            hit, sessions[client] = visit(d, ctx, sessions.get(client))
            hits += hit
        after, stat = memory(d), cache(tmp)
        d.wait_connections(CONNECTIONS, mark)
        lines = d.log(mark).splitlines()
    renew = version == clients.TLS13
    room = stat["capacity"] * stat["entries"] // stat["bytes"]
    want = predict(visits, room, renew)
    print(f"{clients.name(version)}: {CONNECTIONS} connections of {CLIENTS} "
          f"clients, room for {room} sessions, {stat['evicted']} evicted: "
          f"{hits / CONNECTIONS:.3f} hits, predicted {want:.3f}; "
          f"{sum(map(len, lines))} bytes of log; {before} -> {after}")
    assert stat["evicted"] > room
    assert stat["hits"] == hits
    assert stat["stores"] == (CONNECTIONS if renew else CONNECTIONS - hits)
    assert stat["busy"] == stat["corrupt"] == stat["too_large"] == 0
    assert abs(hits / CONNECTIONS - want) < NEAR
    assert len(lines) == CONNECTIONS  # their own, and nothing else
    assert after[0] <= before[0] + SLACK_KIB
    assert before[1] == after[1] == {128}
