#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Compare tlsherd with other TLS terminators on this machine.

All have two workers (or threads), the same ECDSA P-256 certificate, cipher,
group and session settings, and the same plain backend; but for apache2, which
has as many processes as clients, passes nothing on, and has no part in the
ratio. The figure of most rows is CPU time of all processes of the server per
operation: rates would measure how the client and the server share the machine.
Samples are taken round by round, each server in turn. "floor" is
OpenSSL alone, in memory, and the least that TCP takes for the same exchange.
"""

import argparse
import json
import resource
import shutil
import signal
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the sources may be read-only
import rows
import servers
from servers import Trouble

SMOKE = 20


def main():
    args = arguments()
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda *_: sys.exit(1))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if args.install:
        servers.install()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tlsherd-bench-") as folder:
        site = servers.Site(folder, args.build, args.ports)
        try:
            if args.selftest:
                selftest(site)
                return
            result = compare(site, args)
        finally:
            site.end()
    result["seconds"] = time.monotonic() - begin
    if args.json:
        json.dump(result, sys.stdout, indent=1)
        print()
    else:
        show(result)


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--build", default=".", help="the build folder (.)")
    p.add_argument("--quick", action="store_true",
                   help="under two minutes, fewer rows, less exact")
    p.add_argument("--rows", type=words(rows.ROWS), metavar="ROW,...",
                   help=", ".join(rows.ROWS))
    p.add_argument("--peers", type=words(servers.PEERS),
                   metavar="PEER,...",
                   help=", ".join(servers.PEERS))
    p.add_argument("--rounds", type=int)
    p.add_argument("--seconds", type=float, help="of one sample")
    p.add_argument("--counts", action="store_true",
                   help="also system calls and instructions of tlsherd, "
                   "with strace and valgrind")
    p.add_argument("--ports", type=port_range, default=(27000, 27999),
                   metavar="FIRST-LAST")
    p.add_argument("--json", action="store_true")
    p.add_argument("--install", action="store_true",
                   help="install the peers first (Debian, as root)")
    p.add_argument("--selftest", action="store_true",
                   help="only see whether this program works")
    args = p.parse_args()
    for tool in ("strace", "valgrind") if args.counts else ():
        if shutil.which(tool) is None:
            p.error(f"--counts takes {tool}, which is not installed")
    args.rows = args.rows or (rows.QUICK if args.quick else rows.ROWS)
    args.peers = args.peers or [
        peer for peer in servers.PEERS
        if not (args.quick and peer in rows.ALONE)]
    args.rounds = args.rounds or (2 if args.quick else 5)
    args.seconds = args.seconds or (0.2 if args.quick else 2)
    return args


def words(known):
    def parse(text):
        chosen = text.split(",")
        for word in chosen:
            if word not in known:
                raise argparse.ArgumentTypeError(f"unknown: {word}")
        return chosen
    return parse


def port_range(text):
    first, last = text.split("-")
    return int(first), int(last)


def selftest(site):
    """The client against tlsherd's echo: every kind of operation works; and
    the floor."""
    server = servers.Server(site, "tlsherd", "early", 1, service="echo")
    try:
        for options in (("--tls", "1.2", "--resume", "id"),
                        ("--tls", "1.3", "--resume", "stateful"),
                        ("--tls", "1.3", "--early")):
            told = rows.run_client(
                site, server.port, "-n", SMOKE, "-c", 4, "--pool", 4,
                "--requests", 1, "--request", 64, "--answer", 64, *options,
                seconds=20)
            wanted = {"operations": SMOKE, "requests": SMOKE, "failures": 0,
                      "resumed": SMOKE}
            if "--early" in options:
                wanted["early"] = SMOKE
            got = {key: told[key] for key in wanted}
            if got != wanted:
                raise Trouble(f"{options}: {got}, {told['error']}")
        told = rows.run_client(site, server.port, "-n", SMOKE, "-c", 4,
                               "--kept", *rows.REQUEST, seconds=20)
        if told["operations"] != SMOKE or server.cpu() <= 0:
            raise Trouble(f"kept connections: {told}")
    finally:
        server.end()
    floor = rows.Measure(site, 0.05, True).floor
    least = {row: floor(row) for row in ("id12", "ka1", "idle")}
    if not 0 < least["ka1"] < least["id12"] < least["idle"]:
        raise Trouble(f"floor: {least}")
    print(f"4 x {SMOKE} operations, none failed")


def compare(site, args):
    present, missing = [], []
    for name in args.peers:
        (present if servers.program(name) else missing).append(name)
    for name in missing:
        print(f"{name} is not installed, and skipped", file=sys.stderr)
    measure = rows.Measure(site, args.seconds, args.quick)
    result = {"servers": ["tlsherd", *present], "missing": missing,
              "rounds": args.rounds, "seconds_per_sample": args.seconds,
              "rows": {}}
    try:
        for row in args.rows:
            print(f"{row} ...", file=sys.stderr)
            result["rows"][row] = compare_row(measure, row, result, args)
    finally:
        measure.end()
    return result


def compare_row(measure, row, result, args):
    samples = {s: [] for s in result["servers"] if rows.has(s, row)}
    notes, trouble = {}, {}
    for _ in range(rounds_of(row, args)):
        for name, taken in samples.items():
            try:
                figure, said = measure.sample(name, row)
            except Trouble as why:
                trouble[name] = str(why)
                continue
            taken.append(figure)
            for key, value in said.items():
                notes.setdefault(name, {}).setdefault(key, []).append(value)
    found = {"unit": rows.unit(row), "samples": samples, "trouble": trouble,
             "notes": {name: {k: statistics.median(v)
                              for k, v in said.items()}
                       for name, said in notes.items()},
             "floor": None}
    try:
        found["floor"] = measure.floor(row)
    except Trouble as why:
        trouble["floor"] = str(why)
    if args.counts and (row in rows.HANDSHAKES or row in rows.KEPT):
        try:
            found["counts"] = measure.counts(row)
        except Trouble as why:
            trouble["tlsherd, counts"] = str(why)
    return found


def rounds_of(row, args):
    """Fewer of what takes long."""
    if row in ("idle", "echo-idle", "sessions") or (
            row == "storm" and args.quick):
        return 1
    if row in (*rows.OTHERS, *rows.BULK):
        return min(2 if args.quick else 3, args.rounds)
    return args.rounds


def best_ratio(row, found):
    """tlsherd to the best peer; below 1 is better, except for rates."""
    medians = {name: statistics.median(taken)
               for name, taken in found["samples"].items() if taken}
    # A server that does less than asked for is no measure.
    fair = [value for name, value in medians.items()
            if name not in ("tlsherd", *rows.ALONE)
            and "resumed" not in found["notes"].get(name, {})
            and found["notes"].get(name, {}).get("early", 1) > 0.9]
    if "tlsherd" not in medians or not fair:
        return None
    return medians["tlsherd"] / (max(fair) if row == "cores" else min(fair))


def floor_ratio(found):
    taken = found["samples"].get("tlsherd")
    if not taken or found["floor"] is None:
        return None
    return statistics.median(taken) / found["floor"]


def cell(taken, trouble):
    if not taken:
        return "failed" if trouble else "-"
    middle = statistics.median(taken)
    spread = (max(taken) - min(taken)) / middle * 100 if middle else 0
    return f"{number(middle)} ±{spread / 2:.0f}%"


def number(x):
    return f"{x:,.0f}" if x >= 1000 else f"{x:.1f}" if x >= 10 else f"{x:.3f}"


def show(result):
    heads = ["row", "unit", *result["servers"], "floor", "x floor", "ratio"]
    lines, remarks = [heads], []
    for row, found in result["rows"].items():
        ratio, floors = best_ratio(row, found), floor_ratio(found)
        lines.append([
            row, found["unit"],
            *(cell(found["samples"].get(s), found["trouble"].get(s))
              for s in result["servers"]),
            "-" if found["floor"] is None else number(found["floor"]),
            "-" if floors is None else f"{floors:.2f}",
            "-" if ratio is None else f"{ratio:.2f}"])
        remarks += [f"{row}, {name}: {why}"
                    for name, why in found["trouble"].items()]
        remarks += [f"{row}, {name}: " + ", ".join(
            f"{key} {number(value)}" for key, value in said.items())
            for name, said in found["notes"].items()]
        if "counts" in found:
            remarks.append(f"{row}, tlsherd: " + ", ".join(
                f"{key} {number(value)}"
                for key, value in found["counts"].items()))
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    for line in lines:
        print("  ".join(word.ljust(w) if i < 2 else word.rjust(w)
                        for i, (word, w) in enumerate(zip(line, widths))))
    print(f"\nMedians of at most {result['rounds']} rounds of "
          f"{result['seconds_per_sample']} s ± half of the range; ratio: "
          "tlsherd to the best peer that passes on.")
    print("\n".join(remarks))
    print(f"{result['seconds']:.0f} s in all")


if __name__ == "__main__":
    try:
        main()
    except Trouble as why:
        sys.exit(f"bench: {why}")
