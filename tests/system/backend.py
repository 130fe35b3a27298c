# SPDX-License-Identifier: ISC
"""Backends for the proxy service: a function per connection."""

import socket
import threading

import herd


class Backend:
    """`with Backend(serve) as b:` calls serve(sock) for each connection.

    What serve returns is kept in `results`, what it raises in `errors`.
    """

    def __init__(self, serve, path=None, backlog=128):
        self.serve = serve
        self.results = []
        self.errors = []
        self.sockets = []
        self.threads = []
        if path is not None:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.address = "unix:" + path
        else:
            self.listener = socket.socket()
            self.listener.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.listener.listen(backlog)

    def __enter__(self):
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        self.threads.append(thread)
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(20 * herd.SLOW)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(60 * herd.SLOW)
            self.sockets.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,),
                                      daemon=True)
            thread.start()
            self.threads.append(thread)

    def _serve(self, sock):
        try:
            with sock:
                self.results.append(self.serve(sock))
        except Exception as e:  # for the test to look at
            self.errors.append(e)

    def wait_results(self, n, seconds=20):
        herd.wait_for(f"{n} results of the backend",
                      lambda: len(self.results) + len(self.errors) >= n,
                      seconds)
        assert not self.errors, self.errors
        return self.results


def read_all(sock):
    data = bytearray()
    while True:
        part = sock.recv(262144)
        if not part:
            return bytes(data)
        data += part


def echo(sock):
    n = 0
    while True:
        data = sock.recv(65536)
        if not data:
            return n
        n += len(data)
        sock.sendall(data)


def unused_port():
    """A port that nobody listens to."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
