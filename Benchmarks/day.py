#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a day costs on the wire: day.py AGENT [KEEP-ALIVE [CYCLES]]

nbiot-agent-mqtt beside mosquitto_pub and mosquitto_sub, each reporting and listening over the same
mosquitto in the same run, over TLS and over TCP, through relays that count. The day has a keep-alive
of 300 s and a report every 15 minutes. It is measured in a smaller scale: KEEP-ALIVE seconds (30) and
a report after each three of them, CYCLES (2) times. Connecting, a report and the wait between two are
measured; the day is computed of them, and its row says so. Packets are TCP segments with those that
carry an acknowledgement alone, as the system counts them (TCP_INFO); bytes are what TCP carries.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from counting import Relay, difference, total

KEEP_ALIVE = int(sys.argv[2]) if len(sys.argv) > 2 else 30
CYCLES = int(sys.argv[3]) if len(sys.argv) > 3 else 2
PRODUCT, DEVICE = "a1B2c3D4e5F", "device1"
TOPIC = f"/{PRODUCT}/{DEVICE}/user/update"
REPORT = '{"params":{"temperature":21.5,"humidity":40}}'
REPORTS_A_DAY = 96
# Time enough for an answer and the acknowledgement that TCP delays.
SETTLING = 3


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def give_up(text):
    sys.exit(f"day.py: {text}")


def run_quietly(*arguments):
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificates():
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256"]
    run_quietly(
        "openssl", "req", "-x509", *curve, "-days", "2", "-subj", "/CN=root", "-keyout", "root.key",
        "-out", "ca.pem")
    run_quietly("openssl", "req", *curve, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    with open("extensions", "w") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    run_quietly(
        "openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "root.key", "-set_serial",
        "1", "-sha256", "-days", "2", "-extfile", "extensions", "-out", "server.pem")


class Contest:
    """Both contenders over one transport."""

    def __init__(self, agent, name, broker, is_secure, children):
        self.name = name
        self.agent_relays = [Relay(broker)]
        self.tools_relays = [Relay(broker), Relay(broker)]
        folder = f"agent-{broker}"
        os.mkdir(folder, 0o700)
        lines = {
            "product-key": PRODUCT, "device-name": DEVICE, "device-secret-file": "secret",
            "state-directory": folder, "endpoint": f"127.0.0.1:{self.agent_relays[0].port}",
            "keep-alive": KEEP_ALIVE, "topic": TOPIC, "tls": "yes" if is_secure else "no",
            **({"ca-file": "ca.pem"} if is_secure else {}),
        }
        with open(f"{folder}.conf", "w") as file:
            file.writelines(f"{key} = {value}\n" for key, value in lines.items())

        def start(*arguments):
            log = open(f"log-{len(children)}", "w")
            child = subprocess.Popen(
                arguments, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, text=True)
            children.append(child)
            return child

        def tool(program, relay, *arguments):
            trust = ["--cafile", "ca.pem"] if is_secure else []
            return start(
                program, "-h", "127.0.0.1", "-p", str(relay.port), "-k", str(KEEP_ALIVE), "-q", "1",
                *trust, *arguments)

        self.agent = start(agent, "--config", f"{folder}.conf")
        self.publisher = tool("mosquitto_pub", self.tools_relays[0], "-l", "-t", TOPIC)
        tool("mosquitto_sub", self.tools_relays[1], "-t", f"/sys/{PRODUCT}/{DEVICE}/#")

    def count(self):
        return total(self.agent_relays), total(self.tools_relays)

    def report(self):
        for child in (self.agent, self.publisher):
            child.stdin.write(REPORT + "\n")
            child.stdin.flush()


def measure(contests):
    """For each contest and contender what connecting, a report and a wait take."""
    time.sleep(SETTLING + 2)
    connecting = [contest.count() for contest in contests]
    reports = [[(0,) * 4] * 2 for _ in contests]
    waits = [[(0,) * 4] * 2 for _ in contests]
    before = connecting
    for _ in range(CYCLES):
        start = time.monotonic()
        for contest in contests:
            contest.report()
        time.sleep(SETTLING)
        after = [contest.count() for contest in contests]
        time.sleep(max(0, start + 3 * KEEP_ALIVE - 0.2 - time.monotonic()))
        end = [contest.count() for contest in contests]
        for index in range(len(contests)):
            for who in range(2):
                for sums, later, earlier in ((reports, after, before), (waits, end, after)):
                    step = difference(later[index][who], earlier[index][who])
                    sums[index][who] = tuple(a + b for a, b in zip(sums[index][who], step))
        before = end
        time.sleep(max(0, start + 3 * KEEP_ALIVE - time.monotonic()))
    return connecting, reports, waits


def show(contests, connecting, reports, waits):
    print("A day at keep-alive 300 s with a report every 15 minutes: nbiot-agent-mqtt beside mosquitto_pub -l and")
    print(f"mosquitto_sub. Measured at keep-alive {KEEP_ALIVE} s with a report every {3 * KEEP_ALIVE} s, {CYCLES} times;")
    print(f"the day is computed: connecting and {REPORTS_A_DAY} times a report and the wait behind it.")
    for index, contest in enumerate(contests):
        print()
        print(f"{contest.name:34} {'packets up':>10} {'bytes up':>9} {'packets down':>12} {'bytes down':>10}")
        days = []
        for who, name in enumerate(("nbiot-agent-mqtt", "mosquitto_pub, mosquitto_sub")):
            first = connecting[index][who]
            report = [value / CYCLES for value in reports[index][who]]
            wait = [value / CYCLES for value in waits[index][who]]
            day = [round(a + REPORTS_A_DAY * (b + c)) for a, b, c in zip(first, report, wait)]
            days.append(day)
            print(name)
            for label, row in (
                ("  connecting, measured", first), ("  a report, measured", report),
                ("  the wait, measured", wait), ("  the day, computed", day)):
                texts = [f"{value:.1f}".removesuffix(".0") for value in row]
                print(f"{label:34} {texts[0]:>10} {texts[1]:>9} {texts[2]:>12} {texts[3]:>10}")
        ratios = [f"{a / b:.2f}" for a, b in zip(*days)]
        print(f"{'the day, of mosquitto’s':34} {ratios[0]:>10} {ratios[1]:>9} {ratios[2]:>12} {ratios[3]:>10}")


def main():
    agent = os.path.realpath(sys.argv[1])
    os.environ["PATH"] += ":/usr/sbin"
    for tool in ("mosquitto", "mosquitto_pub", "mosquitto_sub", "openssl"):
        if not shutil.which(tool):
            give_up(f"{tool} is missing")
    children = []
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        try:
            make_certificates()
            with open("secret", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write("0123456789abcdef0123456789abcdef\n")
            tls, tcp = free_port(), free_port()
            with open("mosquitto.conf", "w") as file:
                # It would give up root before it reads its key.
                file.write("user root\n" if os.geteuid() == 0 else "")
                file.write(
                    f"allow_anonymous true\nlog_dest none\nlistener {tls} 127.0.0.1\ncertfile server.pem\n"
                    f"keyfile server.key\nlistener {tcp} 127.0.0.1\n")
            children.append(subprocess.Popen(["mosquitto", "-c", "mosquitto.conf"], stderr=subprocess.DEVNULL))
            for port in (tls, tcp):
                for _ in range(500):
                    try:
                        socket.create_connection(("127.0.0.1", port)).close()
                        break
                    except OSError:
                        time.sleep(0.02)
                else:
                    give_up("mosquitto does not start")
            contests = [
                Contest(agent, "over TLS", tls, True, children), Contest(agent, "over TCP", tcp, False, children),
            ]
            results = measure(contests)
            for child in children:
                if child.poll() is not None:
                    give_up(f"{child.args[0]} ended with {child.returncode}")
            for index in (1, 4):
                text = open(f"log-{index}").read()
                if text.count("delivered ") != CYCLES:
                    give_up(f"the agent has not delivered {CYCLES} reports:\n{text}")
            show(contests, *results)
        finally:
            for child in children:
                child.kill()
            for child in children:
                child.wait()
            os.chdir("/")


main()
