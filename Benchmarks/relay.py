#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A relay of datagrams that writes down what it carries: relay.py SERVER-PORT LOG

It prints the port on 127.0.0.1 where it listens, and ends with its standard input. A line of the log
is `CLIENT-PORT up|down BYTES CONTENT-TYPE…`, the types those of the DTLS records in the datagram
(RFC 6347 Section 4.1: 20 and 22 belong to a handshake, 21 is an alert, 23 a message).
All clients reach the server from one port, because `openssl s_server` listens to one alone.
"""
import select
import socket
import sys


def content_types(datagram):
    types, offset = [], 0
    while offset + 13 <= len(datagram):
        types.append(str(datagram[offset]))
        offset += 13 + int.from_bytes(datagram[offset + 11:offset + 13], "big")
    return types


def bound():
    result = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    result.bind(("127.0.0.1", 0))
    return result


down, up = bound(), bound()
up.connect(("127.0.0.1", int(sys.argv[1])))
client = None
print(down.getsockname()[1], flush=True)
with open(sys.argv[2], "w", buffering=1) as log:
    while True:
        ready, _, _ = select.select([down, up, sys.stdin], [], [])
        if sys.stdin in ready:
            break
        for source in ready:
            try:
                if source is down:
                    datagram, client = down.recvfrom(65536)
                    up.send(datagram)
                else:
                    datagram = up.recv(65536)
                    if client is None:
                        continue
                    down.sendto(datagram, client)
            except ConnectionError:
                continue
            direction = "up" if source is down else "down"
            print(client[1], direction, len(datagram), *content_types(datagram), file=log)
