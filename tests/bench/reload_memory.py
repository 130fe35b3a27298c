#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""usage: tests/bench/reload_memory.py [--certificates N,N] [--workers N,N]
           [--peers NAME,NAME] [--reloads N]          from the build folder

What reloads cost in memory: PSS of all processes of tlsherd, nginx (http) and
haproxy, each with the same thousands of certificates by server name, after the
start, after one reload and after ten, all one after the other in the same run.
A reload is over when as many processes are there as before, and none of the
workers is one of the old. "peak" is the most that was seen meanwhile.

Takes 20 minutes; 10,000 certificates and 16 workers need 6 GiB.
"""

import argparse
import os
import subprocess
import tempfile
import time

import servers

SETTLE = 1.5  # seconds: whoever gives memory back later
LIMIT = 180   # seconds for a start or a reload
EACH = 0.1    # seconds between two looks for the peak


def make_chain(folder):
    """chain.pem (a leaf and its CA below a root) and chain.key."""
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True,
                       cwd=folder)
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new, "-days", "9", "-subj", "/CN=Root",
            "-keyout", "root.key", "-out", "root.pem")
    for name, ca, extension in (
            ("middle", "root", "basicConstraints=critical,CA:TRUE"),
            ("leaf", "middle", "subjectAltName=DNS:localhost")):
        with open(f"{folder}/{name}.ext", "w", encoding="ascii") as f:
            f.write(extension + "\n")
        openssl("req", "-new", *new, "-subj", f"/CN={name}", "-keyout",
                f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem",
                "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", "9",
                "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    return [read(f"{folder}/{name}") for name in
            ("leaf.pem", "middle.pem", "leaf.key")]


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    os.chmod(path, 0o600)


def make_files(folder, count):
    """Files of their own for all: haproxy reads one path but once."""
    leaf, middle, key = make_chain(folder)
    for i in range(count):
        write(f"{folder}/{i}.pem", leaf + middle)
        write(f"{folder}/{i}.key", key)
        write(f"{folder}/{i}.both", leaf + middle + key)


def conf_tlsherd(folder, port, count, workers):
    sections = "\n".join(
        f'certificate "{i}" {{ chain = "{folder}/{i}.pem"; '
        f'key = "{folder}/{i}.key"; names = {{ "n{i}.test" }} }}'
        .replace("; ", "\n") for i in range(count))
    return f"""workers = {workers}
log = stderr
listen "main" {{
address = {{ "127.0.0.1:{port}" }}
service = "reply"
{sections}
}}
"""


def conf_nginx(folder, port, count, workers):
    sections = "\n".join(
        f"server {{ listen 127.0.0.1:{port} ssl; server_name n{i}.test; "
        f"ssl_certificate {folder}/{i}.pem; "
        f"ssl_certificate_key {folder}/{i}.key; }}" for i in range(count))
    return f"""daemon off;
{"user root;" if os.geteuid() == 0 else ""}
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/nginx.log crit;
events {{ worker_connections 512; }}
http {{
access_log off;
server_names_hash_max_size {4 * count};
server_names_hash_bucket_size 128;
ssl_protocols TLSv1.2 TLSv1.3;
{sections}
}}
"""


def conf_haproxy(folder, port, count, workers):
    write(f"{folder}/list", "".join(
        f"{folder}/{i}.both n{i}.test\n" for i in range(count)))
    return f"""global
nbthread {workers}
defaults
mode tcp
timeout connect 5s
timeout client 5m
timeout server 5m
frontend main
bind 127.0.0.1:{port} ssl crt-list {folder}/list
default_backend main
backend main
server main 127.0.0.1:1
"""


CONF = {"tlsherd": conf_tlsherd, "nginx": conf_nginx,
        "haproxy": conf_haproxy}


class Server(servers.Process):
    def __init__(self, name, folder, count, workers):
        self.name = name
        port = servers.Ports(21000, 21999).take()
        conf = f"{folder}/{name}.conf"
        write(conf, CONF[name](folder, port, count, workers))
        command = {
            "tlsherd": [os.path.abspath("src/tlsherd"), "-f", "-c", conf],
            "nginx": [servers.program(name), "-c", conf, "-p", folder],
            "haproxy": [servers.program(name), "-W", "-db", "-f", conf],
        }[name]
        super().__init__(command, conf + ".log")
        self.peak = 0
        try:
            self.wait_port(port, LIMIT)
            # haproxy is one process with threads.
            self.count = 2 if name == "haproxy" else 1 + workers
            servers.wait_for("all workers",
                             lambda: len(self.pids()) == self.count, LIMIT)
            time.sleep(SETTLE)
        except BaseException:
            self.end()
            raise

    def workers(self):
        return set(self.pids()) - {self.child.pid}

    def pss(self):
        total = 0
        for pid in self.pids():
            try:
                total += servers.pss_of(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass
        self.peak = max(self.peak, total)
        return total / 2**20

    def reload(self, look):
        """Seconds that it took; look: for the peak, which slows it down."""
        old, begin, next_look = self.workers(), time.monotonic(), 0
        os.kill(self.child.pid,
                servers.RELOAD.get(self.name, servers.signal.SIGHUP))

        def done():
            nonlocal next_look
            if look and time.monotonic() >= next_look:
                self.pss()
                next_look = time.monotonic() + EACH
            return len(self.pids()) == self.count and \
                not self.workers() & old
        servers.wait_for("a reload", done, LIMIT)
        return time.monotonic() - begin


def measure(name, folder, count, workers, reloads):
    server = Server(name, folder, count, workers)
    try:
        start, took, values = server.pss(), [], []
        for i in range(reloads):
            took.append(server.reload(i == 0))
            time.sleep(SETTLE)
            values.append(server.pss())
        peak = server.peak / 2**20
        print(f"{name:8} {count:6} {workers:3} {start:8.1f} {values[0]:8.1f} "
              f"{values[-1]:8.1f} {values[-1] / start:6.2f} {peak:8.1f} "
              f"{sorted(took)[len(took) // 2]:7.2f}", flush=True)
    finally:
        server.end(60)


def numbers(text):
    return [int(word) for word in text.split(",")]


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n", 1)[0][7:])
    parser.add_argument("--certificates", type=numbers, default=[2000, 10000])
    parser.add_argument("--workers", type=numbers, default=[4, 16])
    parser.add_argument("--peers", default="tlsherd,nginx,haproxy")
    parser.add_argument("--reloads", type=int, default=10)
    args = parser.parse_args()
    print("MiB of PSS     certs  wk    start  1st rel. last rel. ratio     "
          "peak    s")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        make_files(folder, max(args.certificates))
        for count in args.certificates:
            for workers in args.workers:
                for name in args.peers.split(","):
                    measure(name, folder, count, workers, args.reloads)


if __name__ == "__main__":
    main()
