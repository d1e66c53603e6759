#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What one report costs over each transport: transports.py NBIOT

`nbiot publish` against `nbiot simulate`, one platform for all transports, through relays that count. Each
transport sends the same report three times: first as a device that is new, with all that it takes to
connect and to authenticate; then on what is open; then after the other end has closed the connection, or,
over CoAP, in a new run with the session file: with all that it takes to be connected again. The platform's
certificate is the simulator's (P-256). Packets are UDP datagrams, or TCP segments with those that carry an
acknowledgement alone, as the system counts them (TCP_INFO); bytes are what UDP or TCP carries. The last
column has both directions with the headers of IPv4, and UDP's 28 bytes or TCP's 52 (with timestamps) for each
packet. A connection's opening and closing segments are among TCP's packets as far as the system counts them.
"""
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from counting import DatagramRelay, Relay, difference

PRODUCT, DEVICE = "a1B2c3D4e5F", "device1"
SECRET = "0123456789abcdef0123456789abcdef"
TOPIC = f"/{PRODUCT}/{DEVICE}/user/update"
REPORT = '{"value":1}'
# Time enough for an answer and the acknowledgement that TCP delays.
SETTLING = 0.5


def give_up(text):
    sys.exit(f"transports.py: {text}")


class Simulator:
    def __init__(self, nbiot, *options):
        self.child = subprocess.Popen(
            [nbiot, "simulate", "--device", f"{PRODUCT},{DEVICE},secret", "--port", "0", *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.ports = {}
        wanted = 1 + sum(option in ("--mqtt", "--mqtts", "--wss", "--https") for option in options)
        while len(self.ports) < wanted:
            line = self.child.stdout.readline()
            if not line:
                give_up("the simulator does not start")
            if " port " in line:
                words = line.split()
                name = words[-1] if words[-2].endswith(",") else "coap"
                self.ports[name] = int(words[words.index("port") + 1].rstrip(","))

    def end(self):
        self.child.kill()
        self.child.wait()


class Run:
    """A run of `nbiot publish` whose lines are written one after the other."""

    def __init__(self, nbiot, port, options):
        self.child = subprocess.Popen(
            [nbiot, "publish", "--endpoint", f"127.0.0.1:{port}", "--product-key", PRODUCT, "--device-name", DEVICE,
             "--device-secret-file", "secret", "--topic", TOPIC, "--output", "json", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def report(self):
        self.child.stdin.write(REPORT + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            give_up(f"no result: {self.child.stderr.read()}")
        if json.loads(line)["outcome"] not in ("acknowledged", "delivered"):
            give_up(f"a report was not delivered: {line}")
        time.sleep(SETTLING)

    def end(self):
        self.child.stdin.close()
        self.child.wait()


def measure(nbiot, relay, options, has_connection):
    """First, next and again: what each of three reports takes."""
    counts = [relay.count()]
    run = Run(nbiot, relay.port, options)
    for _ in range(2):
        run.report()
        counts.append(relay.count())
    if has_connection:
        relay.cut()
        time.sleep(SETTLING)
        counts[-1] = relay.count()
    else:
        run.end()
        counts[-1] = relay.count()
        run = Run(nbiot, relay.port, options)
    run.report()
    counts.append(relay.count())
    run.end()
    return [difference(later, earlier) for earlier, later in zip(counts, counts[1:])]


def measure_tool(relay, authority):
    """mosquitto_pub, which connects for each report."""
    content = f"clientIdclient1deviceName{DEVICE}productKey{PRODUCT}"
    sign = hmac.new(SECRET.encode(), content.encode(), hashlib.sha256).hexdigest()
    counts = [relay.count()]
    for _ in range(2):
        subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(relay.port), "--cafile", authority, "-q", "1", "-k", "300",
             "-i", "client1|securemode=2,signmethod=hmacsha256|", "-u", f"{DEVICE}&{PRODUCT}", "-P", sign,
             "-t", TOPIC, "-m", REPORT],
            check=True)
        time.sleep(SETTLING)
        counts.append(relay.count())
    steps = [difference(later, earlier) for earlier, later in zip(counts, counts[1:])]
    return [steps[0], None, steps[1]]


def show(name, steps, header):
    for label, step in zip(("new", "open", "again"), steps):
        if step is None:
            print(f"{name:40} {label:6} {'-':>10}")
            continue
        in_all = step[1] + step[3] + header * (step[0] + step[2])
        print(f"{name:40} {label:6} {step[0]:10} {step[1]:9} {step[2]:12} {step[3]:10} {in_all:8}")


def main():
    nbiot = os.path.realpath(sys.argv[1])
    os.environ["PATH"] += ":/usr/sbin"
    if not shutil.which("mosquitto_pub"):
        give_up("mosquitto_pub is missing")
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        with open("secret", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(SECRET + "\n")
        trust = ["--ca-file", "c/ca.pem"]
        mqtt = ["--transport", "mqtt"]
        simulators = []
        try:
            simulators.append(
                Simulator(nbiot, "--certificates", "c", "--mqtt", "0", "--mqtts", "0", "--wss", "0", "--https", "0"))
            simulators.append(Simulator(nbiot, "--security", "dtls", "--certificates", "c"))
            ports, dtls = simulators[0].ports, simulators[1].ports
            print(f"One report of {len(REPORT)} bytes to a topic of {len(TOPIC)}: as a new device, on what is open, and connected")
            print("again; the last column counts both directions and the headers of IP and UDP or TCP.")
            print()
            print(f"{'':47} {'packets up':>10} {'bytes up':>9} {'packets down':>12} {'bytes down':>10} {'in all':>8}")
            rows = [
                ("CoAP, symmetric", DatagramRelay(ports["coap"]), ["--session-file", "symmetric"], 28),
                ("CoAP, DTLS 1.2", DatagramRelay(dtls["coap"]), ["--security", "dtls", "--session-file", "dtls", *trust], 28),
                ("MQTT over TCP", Relay(ports["mqtt"]), [*mqtt, "--plain"], 52),
                ("MQTT over TLS", Relay(ports["mqtts"]), [*mqtt, *trust], 52),
                ("MQTT over a WebSocket over TLS", Relay(ports["wss"]), [*mqtt, "--websocket", *trust], 52),
                ("HTTPS", Relay(ports["https"]), ["--transport", "https", "--session-file", "https", *trust], 52),
            ]
            for name, relay, options, header in rows:
                show(name, measure(nbiot, relay, options, header == 52), header)
            show("mosquitto_pub over TLS", measure_tool(Relay(ports["mqtts"]), "c/ca.pem"), 52)
        finally:
            for simulator in simulators:
                simulator.end()
            os.chdir("/")


main()
