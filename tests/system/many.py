# SPDX-License-Identifier: ISC
"""many.py PORT CLIENTS SILENT: clients that send before they read,
beside others that never say anything, all answered by the server on PORT?"""

import collections
import socket
import ssl
import sys
import threading

REQUEST = b"GET / HTTP/1.0\r\n\r\n" * 50
AT_ONCE = 20
PATIENCE = 60


def context():
    ctx = ssl.create_default_context()
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    return ctx


def verdict(ctx, port):
    """What became of one client."""
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as raw, \
                ctx.wrap_socket(raw) as tls:
            tls.sendall(REQUEST)
            text = b"".join(iter(lambda: tls.recv(4096), b""))
    except OSError as error:
        return repr(error)
    return "answered" if text.startswith(b"worker ") else repr(text)


def main(port, clients, silent):
    quiet = [socket.create_connection(("127.0.0.1", port))
             for _ in range(silent)]
    ctx, todo, verdicts = context(), iter(range(clients)), []

    def some():
        for _ in todo:
            verdicts.append(verdict(ctx, port))

    threads = [threading.Thread(target=some) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = collections.Counter(verdicts)
    print(f"beside {len(quiet)} silent clients:", *(
        f"{n} {what}" for what, n in counts.items()))
    return counts["answered"] != clients


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
