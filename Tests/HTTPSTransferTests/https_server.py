#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server of firmware and of registrations on 127.0.0.1, for the tests.

https_server.py FOLDER NAME    shows NAME.pem of FOLDER, serves its firmware.bin, logs to requests.log

It prints its port and ends with its standard input. The first part of a path says how it behaves.
"""
import email.utils
import gzip
import hashlib
import hmac
import http.server
import json
import os
import ssl
import sys
import threading
import time
import urllib.parse

FOLDER, NAME = sys.argv[1], sys.argv[2]
PRODUCT_SECRET = b"product secret of the tests"
DEVICE_SECRET = "0123456789abcdef0123456789abcdef"
SEEN = {}
LOCK = threading.Lock()


def firmware():
    with open(os.path.join(FOLDER, "firmware.bin"), "rb") as file:
        return file.read()


def is_first(path):
    """Whether nobody has asked for the path before."""
    with LOCK:
        SEEN[path] = SEEN.get(path, 0) + 1
        return SEEN[path] == 1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *arguments):
        pass

    def note(self):
        with LOCK, open(os.path.join(FOLDER, "requests.log"), "a") as log:
            log.write(f"{self.command} {self.path} {self.headers.get('Range', '-')}\n")
        with LOCK, open(os.path.join(FOLDER, "times.log"), "a") as log:
            log.write(f"{time.monotonic()}\n")

    def answer(self, status, body=b"", fields=()):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self, body):
        """Sends a body and breaks the connection without TLS's goodbye."""
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = True
        self.connection.unwrap = lambda: None
        self.connection.shutdown(2)

    def do_GET(self):
        self.note()
        kind = self.path.split("/")[1]
        port = self.server.server_port
        whole = firmware()
        if kind.isdigit():
            self.answer(int(kind), b"<Error>AccessDenied</Error>")
        elif kind == "to-http":
            self.answer(302, fields=[("Location", f"http://127.0.0.1:{port}/plain")])
        elif kind == "to-https":
            self.answer(302, fields=[("Location", f"https://127.0.0.1:{port}/plain")])
        elif kind == "round":
            self.answer(302, fields=[("Location", f"https://127.0.0.1:{port}/round")])
        elif kind.startswith("after-") and is_first(self.path):
            self.wait_for(kind)
        elif kind.startswith("after-"):
            self.send_firmware(whole)
        elif kind.startswith("part-"):
            self.send_strange_part(whole, kind.removeprefix("part-"))
        elif kind == "gzip":
            self.answer(200, gzip.compress(whole), [("Content-Encoding", "gzip")])
        elif kind == "gzip-chunked":
            self.send_chunked(gzip.compress(whole), [("Content-Encoding", "gzip")])
        elif kind == "called-gzip":
            self.answer(200, whole, [("Content-Encoding", "gzip")])
        elif kind == "busy-once" and is_first(self.path):
            self.answer(503, b"later")
        elif kind == "dead":
            self.cut(b"")
        elif kind == "flip":
            self.send_firmware(whole[:-1] + bytes([whole[-1] ^ 1]))
        elif kind == "longer":
            self.send_firmware(whole + b"!")
        elif kind == "shorter":
            self.send_firmware(whole[:-1])
        elif kind in ("endless", "early-end"):
            # Without a length, so that only the connection's end tells.
            self.close_connection = True
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(whole + b"!" * 100 if kind == "endless" else whole[:-100])
        elif kind == "no-ranges":
            self.answer(200, whole)
        elif kind == "no-ranges-cut-once":
            self.send_firmware(whole, knows_ranges=False, cuts=is_first(self.path))
        elif kind == "no-ranges-cut":
            self.send_firmware(whole, knows_ranges=False, cuts=True)
        elif kind == "cut-once":
            self.send_firmware(whole, cuts=is_first(self.path))
        elif kind == "cut":
            self.send_firmware(whole, cuts=True)
        elif kind == "stall":
            self.send_firmware(whole, stalls=True)
        elif kind == "wrong-range":
            self.send_firmware(whole, shift=1)
        elif kind == "no-416" and self.headers.get("Range"):
            self.answer(416, fields=[("Content-Range", f"bytes */{len(whole)}")])
        else:
            self.send_firmware(whole)

    def wait_for(self, kind):
        """Asks for 2 seconds: after-503-seconds, after-429-date, after-503-nonsense, after-503-past."""
        _, status, form = kind.split("-")
        date = email.utils.formatdate(time.time() + 86_400 + 2, usegmt=True)
        field = {"seconds": "2", "date": date, "nonsense": "2e9 years", "past": "Sun, 06 Nov 1994 08:49:37 GMT"}
        self.send_response_only(int(status))
        # The server's clock is a day ahead: only the difference counts.
        self.send_header("Date", email.utils.formatdate(time.time() + 86_400, usegmt=True))
        self.send_header("Retry-After", field[form])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_chunked(self, body, fields):
        self.send_response(200)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(body), 10_000):
            piece = body[start : start + 10_000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def send_strange_part(self, whole, kind):
        """Breaks off the first answer; to a range it sends another part, or calls it something else."""
        size = len(whole)
        field = self.headers.get("Range")
        tag = f'"{SEEN.get(self.path, 0)}"' if kind == "other-tag" else '"same"'
        if is_first(self.path):
            self.send_response(200)
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            mixed = bytes(byte ^ 1 for byte in whole) if kind in ("other-tag", "other-bytes") else whole
            self.cut(mixed[: size // 2 + 137])
            return
        if not field:
            self.answer(200, whole, [("ETag", tag)])
            return
        start = int(field.removeprefix("bytes=").removesuffix("-"))
        first, last, total, status = start, size - 1, size, 206
        if kind == "aligned":
            first = start // 4_096 * 4_096
        elif kind in ("whole", "multipart"):
            first = 0
        elif kind == "gap":
            first = start + 4_096
        elif kind == "before":
            first, last = 0, start - 1
        elif kind == "short":
            last = min(last, start + 20_000)
        elif kind == "other-total":
            total = size + 1
        elif kind in ("called-200", "called-200-closed"):
            status = 200
        body = whole[first : last + 1]
        self.send_response(status)
        self.send_header("ETag", tag)
        if kind == "multipart":
            line = f"--X\r\nContent-Range: bytes {start}-{last}/{size}\r\n\r\n"
            body = line.encode() + whole[start:] + b"\r\n--X--\r\n"
            self.send_header("Content-Type", "multipart/byteranges; boundary=X")
        elif kind == "unknown-total":
            self.send_header("Content-Range", f"bytes {first}-{last}/*")
        elif kind not in ("bare", "called-200", "called-200-closed"):
            self.send_header("Content-Range", f"bytes {first}-{last}/{total}")
        if kind == "wrong-length":
            body += b"!" * 10
        if kind == "called-200-closed":
            self.close_connection = True
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_firmware(self, whole, knows_ranges=True, cuts=False, stalls=False, shift=0):
        start = 0
        range_field = self.headers.get("Range")
        if range_field and knows_ranges:
            start = int(range_field.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            shown = start + shift
            self.send_header("Content-Range", f"bytes {shown}-{len(whole) - 1}/{len(whole)}")
        else:
            self.send_response(200)
        rest = whole[start:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if cuts:
            self.cut(rest[: (len(rest) + 1) // 2])
        elif stalls:
            self.wfile.write(rest[: len(rest) // 2])
            self.wfile.flush()
            time.sleep(600)
        else:
            self.wfile.write(rest)

    def do_POST(self):
        self.note()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/auth/register/device":
            self.answer(200, json.dumps(self.register(body)).encode())
        elif self.path == "/long":
            self.answer(200, b" " * 100_000)
        elif self.path == "/nonsense":
            self.answer(200, b"<html>")
        elif self.path.startswith("/after-"):
            self.wait_for(self.path[1:])
        elif self.path == "/moved":
            port = self.server.server_port
            self.answer(307, fields=[("Location", f"https://127.0.0.1:{port}/auth/register/device")])
        else:
            self.answer(int(self.path[1:]), b"")

    def register(self, body):
        """Device guide 6.2: every field but sign and signMethod is signed, in the order of the names."""
        if self.headers["Content-Type"] != "application/x-www-form-urlencoded":
            return {"code": 460, "message": "content type"}
        fields = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        sign, method = fields.pop("sign"), fields.pop("signMethod").lower()
        content = "".join(name + fields[name] for name in sorted(fields)).encode()
        expected = hmac.new(PRODUCT_SECRET, content, method.removeprefix("hmac")).hexdigest()
        if sorted(fields) != ["deviceName", "productKey", "random"] or not fields["random"]:
            return {"code": 460, "message": "request parameter error"}
        if not hmac.compare_digest(expected, sign.lower()):
            return {"code": 401, "message": "request auth error"}
        data = {
            "productKey": fields["productKey"],
            "deviceName": fields["deviceName"],
            "deviceSecret": DEVICE_SECRET,
        }
        if fields["deviceName"] == "mistaken":
            data["deviceName"] = "device1"
        if fields["deviceName"] == "unknown":
            return {"code": 6100, "data": None, "message": "device\u001b[31m not found"}
        return {"code": 200, "data": data, "message": "success"}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(FOLDER, NAME + ".pem"), os.path.join(FOLDER, NAME + ".key"))
# The handshake in the thread of its connection: a client that waits must not stop the others.
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
