#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The platform's HTTPS as a device may meet it, on 127.0.0.1, for the tests.

https_peer.py FOLDER NAME [old]   shows NAME.pem of FOLDER, appends each request to requests.log as a line of JSON

It prints its port and ends with its standard input. How it answers is said by the last part of a topic, for /auth
by the client id, and for a registration by the device name. `old` speaks TLS 1.1 alone.
"""
import email.utils
import hashlib
import json
import os
import socket
import ssl
import sys
import threading
import time
import urllib.parse

FOLDER, NAME = sys.argv[1], sys.argv[2]
IS_OLD = sys.argv[3:] == ["old"]
REGISTRATION = "/auth/register/device"
LOCK = threading.Lock()
SEEN = {}
# How every tenth request of the topic `tenth` goes wrong, in turn.
WAYS = [
    "never", "dead", "drip", "cut", "garbage", "text", "none", "long-body", "long-head", "interim", "redirect",
    "code-10000", "code-20001", "code-20003", "code-30001", "close-unsaid", "http10-bare", "endless", "long-line",
]
# Those of them that end at once.
QUICK_WAYS = [way for way in WAYS if way not in ("never", "drip")]
COUNT = {"tenth": 0, "connections": 0, "tokens": 0, "messages": 892687627916247039}


class Connection:
    def __init__(self, stream, number):
        self.stream, self.number, self.rest = stream, number, b""

    def read_request(self):
        while b"\r\n\r\n" not in self.rest:
            piece = self.stream.recv(65_536)
            if not piece:
                return None
            self.rest += piece
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        if "/early " in lines[0] or "/close-early " in lines[0]:
            return None
        size = int(fields.get("content-length", "0"))
        while len(self.rest) < size:
            piece = self.stream.recv(65_536)
            if not piece:
                return None
            self.rest += piece
        body, self.rest = self.rest[:size], self.rest[size:]
        return lines[0], fields, body

    def send(self, data):
        self.stream.sendall(data)

    def answer(self, body, status="200 OK", fields=(), version="1.1"):
        lines = [f"HTTP/{version} {status}", *fields, f"Content-Length: {len(body)}"]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def note(connection, line, fields, body, kind):
    method, path, version = line.split(" ")
    entry = {
        "method": method, "path": path, "version": version, "fields": fields, "size": len(body),
        "digest": hashlib.sha256(body).hexdigest(), "connection": connection.number,
        "resumed": bool(connection.stream.session_reused), "tls": connection.stream.version(),
        "kind": kind,
        "text": body.decode("latin-1") if len(body) < 2_000 else "",
    }
    with LOCK, open(os.path.join(FOLDER, "requests.log"), "a") as log:
        log.write(json.dumps(entry) + "\n")


def good(path, kind):
    with LOCK:
        if path == "/auth":
            COUNT["tokens"] += 1
            token = b"0123456789abcdef-token-%d" if kind == "real-token" else b"token-%d"
            return b'{"code":0,"message":"success","info":{"token":"%s"}}' % (token % COUNT["tokens"])
        COUNT["messages"] += 1
        return b'{"code":0,"message":"success","info":{"messageId":%d,}}' % COUNT["messages"]


def is_first(path):
    with LOCK:
        SEEN[path] = SEEN.get(path, 0) + 1
        return SEEN[path] == 1


def kind_of(path, body):
    """How a request is answered: `good`, or the way in which it goes wrong."""
    kind = path.rsplit("/", 1)[-1]
    if path == "/auth":
        kind = json.loads(body)["clientId"]
    if path == REGISTRATION:
        kind = urllib.parse.parse_qs(body.decode())["deviceName"][0]
    if kind in ("tenth", "tenth-quick"):
        ways = WAYS if kind == "tenth" else QUICK_WAYS
        with LOCK:
            COUNT["tenth"] += 1
            number, rest = divmod(COUNT["tenth"], 10)
        kind = "good" if rest else ways[number % len(ways)]
    if kind.endswith("-once"):
        kind = kind.removesuffix("-once") if is_first(path) else "good"
    return kind


def serve(connection, path, kind, fields):
    """Answers a request; whether the connection stays."""
    send, whole = connection.send, good(path, kind)
    if path == REGISTRATION:
        name = "another" if kind == "other-device" else kind
        data = {"productKey": "pk", "deviceName": name, "deviceSecret": "its-own"}
        whole = json.dumps({"code": 200, "data": data, "message": "success"}).encode()
    if kind == "never":
        time.sleep(3_600)
    elif kind in ("dead", "close-early"):
        return False
    elif kind == "repeats":
        connection.answer(b'{"code":10001,"message":"bad token %s"}' % fields["password"].encode())
    elif kind == "repeats-page":
        connection.answer(b"<html>bad token %s</html>" % fields["password"].encode(), "403 No")
    elif kind == "drip":
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(whole) + whole:
            send(bytes([byte]))
            time.sleep(1)
    elif kind == "chunked":
        send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for byte in whole:
            send(b"1\r\n%c\r\n" % byte)
        send(b"0\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n")
    elif kind == "continue":
        send(b"HTTP/1.1 100 Continue\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n")
        connection.answer(whole)
    elif kind == "http10":
        connection.answer(whole, version="1.0")
        return False
    elif kind == "http10-bare":
        send(b"HTTP/1.0 200 OK\r\n\r\n" + whole)
        return False
    elif kind == "close":
        connection.answer(whole, fields=["Connection: close"])
        return False
    elif kind == "close-unsaid":
        connection.answer(whole)
        return False
    elif kind == "long-body":
        connection.answer(b'"' + b"x" * 65_535 + b'"')
    elif kind == "full-body":
        connection.answer(b'"' + b"x" * 65_534 + b'"')
    elif kind == "endless":
        send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            send(b"1000\r\n" + b"x" * 4_096 + b"\r\n")
    elif kind == "long-head":
        connection.answer(whole, fields=[f"X-{number}: {'x' * 1_000}" for number in range(70)])
    elif kind == "long-line":
        connection.answer(whole, fields=["X-Long: " + "x" * 200_000])
    elif kind == "interim":
        while True:
            send(b"HTTP/1.1 100 Continue\r\nX: %s\r\n\r\n" % (b"x" * 1_000))
    elif kind == "redirect":
        connection.answer(b"", "302 Found", ["Location: https://127.0.0.1:1/elsewhere"])
    elif kind == "text":
        connection.answer(b"<html>Welcome</html>")
    elif kind == "none":
        connection.answer(b"")
    elif kind == "garbage":
        send(b"\x00\x01\x02 welcome\r\n\r\n")
        return False
    elif kind == "cut":
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + whole)
        return False
    elif kind == "no-token":
        connection.answer(b'{"code":0,"message":"success","info":{}}')
    elif kind == "long-token":
        connection.answer(b'{"code":0,"message":"success","info":{"token":"%s"}}' % (b"t" * 193))
    elif kind.startswith("bare-"):
        connection.answer(b"", kind[5:] + " No")
    elif kind == "late":
        connection.answer(whole, fields=["Date: Sun, 06 Nov 1994 08:49:37 GMT"])
    elif kind.startswith("until"):
        # Three seconds from now by this machine's clock, or by that of a server in 1994.
        own = kind == "until-by-its-clock"
        now = 784_111_777 if own else time.time()
        fields = [f"Retry-After: {email.utils.formatdate(now + 3, usegmt=True)}"]
        fields += [f"Date: {email.utils.formatdate(now, usegmt=True)}"] if own else []
        connection.answer(b"", "503 No", fields)
    elif kind.startswith("code-"):
        connection.answer(b'{"code":%d,"message":"no"}' % int(kind[5:]))
    elif kind.startswith("status-"):
        connection.answer(b"", kind[7:] + " No", ["Retry-After: 7"])
    else:
        connection.answer(whole)
    return True


def handle(stream, context):
    try:
        stream = context.wrap_socket(stream, server_side=True)
        with LOCK:
            COUNT["connections"] += 1
            number = COUNT["connections"]
        connection = Connection(stream, number)
        while request := connection.read_request():
            path = request[0].split(" ")[1]
            kind = kind_of(path, request[2])
            note(connection, *request, kind)
            if not serve(connection, path, kind, request[1]):
                break
        stream.unwrap()
    except (OSError, ValueError):
        pass
    finally:
        stream.close()


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if IS_OLD:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(os.path.join(FOLDER, NAME + ".pem"), os.path.join(FOLDER, NAME + ".key"))
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            stream, _ = listener.accept()
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=handle, args=(stream, context), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()
    os._exit(0)


main()
