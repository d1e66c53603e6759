# SPDX-License-Identifier: Apache-2.0
"""Relays on 127.0.0.1 that count what a client and a server say to each other."""
import selectors
import socket
import struct
import threading


class Relay:
    """Passes the TCP connections of one client on to a server, and counts."""

    def __init__(self, server):
        self.server = server
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.up = self.down = 0
        self.ended_up = self.ended_down = 0
        self.clients = []
        self.pairs = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        threading.Thread(target=self.run, daemon=True).start()

    @staticmethod
    def segments(client):
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 144)
        sent, received = struct.unpack_from("=II", info, 136)
        return received, sent

    def run(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    self.accept()
                # Its other end may have ended it in the same turn.
                elif key.fileobj in self.pairs:
                    self.pass_on(key.fileobj)

    def accept(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", self.server))
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(end, selectors.EVENT_READ)
        self.pairs[client], self.pairs[server] = (server, True), (client, False)
        with self.lock:
            self.clients.append(client)

    def pass_on(self, source):
        target, is_up = self.pairs[source]
        try:
            data = source.recv(65536)
            if data:
                target.sendall(data)
        except ConnectionError:
            data = b""
        with self.lock:
            if is_up:
                self.up += len(data)
            else:
                self.down += len(data)
            if not data:
                client = source if is_up else target
                received, sent = self.segments(client)
                self.ended_up += received
                self.ended_down += sent
                self.clients.remove(client)
        if not data:
            for end in (source, target):
                self.selector.unregister(end)
                end.close()
                del self.pairs[end]

    def cut(self):
        """Ends each connection in an orderly way, as a server does that has waited long enough."""
        with self.lock:
            for client in self.clients:
                client.shutdown(socket.SHUT_RDWR)

    def count(self):
        """Packets up, bytes up, packets down and bytes down so far; a packet is a segment, or its bare acknowledgement."""
        with self.lock:
            up, down = self.ended_up, self.ended_down
            for client in self.clients:
                received, sent = self.segments(client)
                up, down = up + received, down + sent
            return (up, self.up, down, self.down)


class DatagramRelay:
    """Passes the UDP datagrams of one client on to a server, and counts."""

    def __init__(self, server):
        self.inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.inside.bind(("127.0.0.1", 0))
        self.port = self.inside.getsockname()[1]
        self.outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.outside.connect(("127.0.0.1", server))
        self.counts = [0, 0, 0, 0]
        self.lock = threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        client = None
        selector = selectors.DefaultSelector()
        selector.register(self.inside, selectors.EVENT_READ)
        selector.register(self.outside, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                try:
                    if key.fileobj is self.inside:
                        data, client = self.inside.recvfrom(65536)
                        self.outside.send(data)
                        first = 0
                    else:
                        data = self.outside.recv(65536)
                        self.inside.sendto(data, client)
                        first = 2
                except ConnectionError:
                    continue
                with self.lock:
                    self.counts[first] += 1
                    self.counts[first + 1] += len(data)

    def count(self):
        """Packets up, bytes up, packets down and bytes down so far."""
        with self.lock:
            return tuple(self.counts)


def total(relays):
    return tuple(sum(values) for values in zip(*(relay.count() for relay in relays)))


def difference(later, earlier):
    return tuple(a - b for a, b in zip(later, earlier))
