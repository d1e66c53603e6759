#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many requests a second one core serves: servers.py NBIOT LIBCOAP-SERVER

The same devices, `nbiot fleet`, report each five seconds to `nbiot simulate` and then to a server by libcoap that
checks nothing, keeps nothing and answers the same; each server on one core, the devices on another one where
there is one. Each is run for a short and for a long time: what the long run has more of requests and of the server's
processor time gives the requests a second of processor time, without start, handshakes and tokens. Over DTLS both use
OpenSSL and pre-shared keys. Last, what the simulator's memory grows by for each device that it knows.
"""
import argparse
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

INTERVAL, SHORT, LONG = 5, 10, 50


def give_up(text):
    sys.exit(f"servers.py: {text}")


def listed(nbiot, count, path):
    with open(path, "wb") as file:
        os.chmod(path, 0o600)
        subprocess.run([nbiot, "fleet", "devices", "--devices", str(count)], stdout=file, check=True)
    with open(path, encoding="ascii") as file:
        return [line.strip().split(",") for line in file]


def keys(devices, path):
    """The identity and the key that the platform's C SDK 4 derives from a device's secret (docs/security.md)."""
    with open(path, "w", encoding="ascii") as file:
        for product, name, secret in devices:
            content = f"id{product}&{name}timestamp2524608000000"
            key = hmac.new(secret.encode(), content.encode(), hashlib.sha256).hexdigest().upper()
            file.write(f"devicename|hmacsha256|{product}&{name}|2524608000000 {key}\n")


class Server:
    """A server on the first core; its log goes to a file, as a user's would."""

    def __init__(self, arguments, log):
        self.child = subprocess.Popen(arguments, stdout=open(log, "wb"), stderr=subprocess.STDOUT)
        os.sched_setaffinity(self.child.pid, {min(os.sched_getaffinity(0))})
        while True:
            with open(log, encoding="utf-8", errors="replace") as file:
                text = file.read()
            self.line = next((line for line in text.splitlines() if "listening" in line), None)
            if self.line:
                break
            if self.child.poll() is not None:
                give_up(f"{arguments[0]} does not start: {text}")
            time.sleep(0.1)

    @property
    def seconds(self):
        with open(f"/proc/{self.child.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self):
        with open(f"/proc/{self.child.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))

    def end(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()


def load(nbiot, port, kind, devices, seconds):
    place = f"127.0.0.1:{port}"
    cores = sorted(os.sched_getaffinity(0))
    run = subprocess.run(
        [nbiot, "fleet", "--device-list", devices, "--interval", f"{INTERVAL}s", "--ramp", f"{INTERVAL}s", "--for", f"{seconds}s",
         "--security", kind, "--target", place, "--target-again", place, "--output", "json"],
        stdout=subprocess.PIPE, check=False, preexec_fn=lambda: os.sched_setaffinity(0, {cores[-1]}))
    return json.loads(run.stdout)


def measure(nbiot, kind, devices, start):
    """The requests and the server's processor time that the long run has more, and reports that were not delivered."""
    seen = []
    undelivered = 0
    for seconds in (SHORT, LONG):
        server, port = start()
        summary = load(nbiot, port, kind, devices, seconds)
        seen.append((summary["delivered"], server.seconds))
        undelivered += summary["reports"] - summary["delivered"]
        server.end()
    (few, short), (many, long) = seen
    return many - few, long - short, undelivered


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nbiot")
    parser.add_argument("libcoap_server")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--known", type=int, default=100_000)
    arguments = parser.parse_args()
    nbiot = os.path.abspath(arguments.nbiot)
    libcoap = os.path.abspath(arguments.libcoap_server)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        devices = listed(nbiot, arguments.devices, "devices.csv")
        keys(devices, "keys")

        def simulator(kind, file="devices.csv"):
            server = Server([nbiot, "simulate", "--port", "0", "--device-list", file]
                            + (["--security", "dtls", "--certificates", "certificates"] if kind == "psk" else []),
                            "simulator.log")
            return server, int(server.line.split(" port ")[1].split()[0].rstrip(",:"))

        def peer(kind):
            probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            probe.close()
            return Server([libcoap, str(port)] + (["keys"] if kind == "psk" else []), "peer.log"), port

        print(f"{arguments.devices} devices, a report each {INTERVAL} s; requests for a second of one core")
        print(f"{'':28}{'requests':>10}{'CPU s':>8}{'a second':>10}{'not delivered':>15}")
        for kind, title in (("symmetric", "symmetric"), ("psk", "DTLS, pre-shared keys")):
            rates = []
            for name, start in (("nbiot simulate", simulator), ("libcoap", peer)):
                requests, seconds, undelivered = measure(nbiot, kind, "devices.csv", lambda: start(kind))
                rates.append(requests / max(seconds, 0.01))
                print(f"{title + ', ' + name:28}{requests:10}{seconds:8.2f}{rates[-1]:10.0f}{undelivered:15}",
                      flush=True)
            print(f"{'':28}{'the simulator serves':>30} {rates[0] / rates[1]:.2f} of libcoap's")
        listed(nbiot, arguments.known, "many.csv")
        listed(nbiot, 1, "one.csv")
        for kind, title in (("symmetric", "symmetric"), ("psk", "DTLS")):
            memory = []
            for file in ("one.csv", "many.csv"):
                server, _ = simulator(kind, file)
                memory.append(server.memory)
                server.end()
            print(f"memory a known device, {title}, of {arguments.known}: "
                  f"{(memory[1] - memory[0]) / (arguments.known - 1):.0f} bytes ({memory[1] >> 20} MiB in all)")


main()
