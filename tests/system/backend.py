# SPDX-License-Identifier: ISC
"""Backends for the proxy service: a function per connection."""

import contextlib
import os
import socket
import struct
import threading

import herd


class Backend:
    """`with Backend(serve) as b:` calls serve(sock) for each connection.

    What serve returns is kept in `results`, what it raises in `errors`.
    """

    def __init__(self, serve, path=None, backlog=128, where=None):
        self.serve = serve
        self.results = []
        self.errors = []
        self.sockets = []
        self.threads = []
        self.listener, self.address = bound(path, where)
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


def reset(sock):
    """Close so that the other side gets a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


def bound(path=None, where=None):
    """A socket that does not listen yet, and its address for `backend`."""
    if path is not None:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
        os.chmod(path, 0o666)  # for workers that are nobody
        return sock, "unix:" + path
    sock = socket.socket()
    if where is not None:  # it may have been somebody's a moment ago
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(where or ("127.0.0.1", 0))
    return sock, "%s:%d" % sock.getsockname()


@contextlib.contextmanager
def refusing(path=None):
    """The address of a backend that refuses connections."""
    sock, address = bound(path)
    with sock:
        yield address


@contextlib.contextmanager
def full(path=None):
    """A listener whose queue is full: it does not answer a connect()."""
    listener, address = bound(path)
    with listener, socket.socket(listener.family) as first:
        listener.listen(0)
        first.connect(listener.getsockname())
        yield listener, address
