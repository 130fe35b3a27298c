# SPDX-License-Identifier: ISC
"""Recorded flights with early data, sent again and again; and disturbances."""

import collections
import os
import random
import re
import signal
import socket
import threading
import time

import backend
import clients
import herd
import offer


def during(action, work):
    """Do action(i) again and again while work() goes on; work()'s value."""
    done = threading.Event()
    failed = []

    def run():
        i = 0
        while not done.is_set():
            try:
                action(i)
            except Exception as e:  # the test has to hear of it
                failed.append(e)
                return
            i += 1

    thread = threading.Thread(target=run)
    thread.start()
    try:
        return work()
    finally:
        done.set()
        thread.join()
        assert not failed


def kill(d):
    """One of the workers, and a moment's rest."""
    living = list(d.workers().values())
    if living:
        try:
            os.kill(random.choice(living), signal.SIGKILL)
        except ProcessLookupError:
            pass
    time.sleep(0.1)


def upgrade(d):
    """A new program adopts the segment."""
    mark = d.mark()
    d.signal(signal.SIGUSR2)
    d.wait_log(r"upgraded: generation", mark)


class Counting(backend.Backend):
    """Keeps all that is delivered, whatever becomes of who delivers it."""

    def __init__(self):
        super().__init__(self._take, backlog=1024)
        self.got = []

    def _take(self, sock):
        while data := sock.recv(65536):
            self.got.append(data)
            if data == b"\n":  # of who makes a session, see offer.c
                sock.sendall(b"resumed=full\n")
                break

    def deliveries(self):
        """How often each <payload> came. Nobody must be sending any more."""
        with socket.create_connection(self.listener.getsockname()) as last:
            last.sendall(b"\n")
            assert last.recv(100)  # so the others have been accepted
        herd.wait_for("the end of all connections", lambda: sum(
            thread.is_alive() for thread in self.threads) == 1)
        return collections.Counter(re.findall(rb"<\w+>", b"".join(self.got)))


def sessions(d, n):
    """So many new ones."""
    return [answer.session for answer in
            offer.run([offer.request(d.target(), "TLSv1.3")] * n)]


def replay(d, made, name, copies):
    """A flight of each session, with a payload of its own, so many times.

    From as many sockets at once, in any order; recorded only when these are
    there, for flights that are ten seconds old are refused.
    """
    socks = [clients.tcp(d) for _ in range(len(made) * copies)]
    flights = offer.flights(made, lambda i: f"<{name}n{i}>") * copies
    random.shuffle(flights)
    for sock, flight in zip(socks, flights):
        try:
            sock.sendall(flight)
        except ConnectionError:
            pass  # its worker has been killed
    for sock in socks:
        try:
            sock.recv(1)
        except ConnectionError:
            pass
    for sock in socks:
        sock.close()
