# SPDX-License-Identifier: Apache-2.0
"""The platform's side for downlinks.sh: downlinks.py PORT COUNT asks the device for so many things, twelve at a time, and
ends when all are answered."""
import json
import sys
import threading

import paho.mqtt.client as mqtt

port, count = int(sys.argv[1]), int(sys.argv[2])
system = "/sys/a1B2c3D4e5F/device1/"
INFORM = "/ota/device/inform/a1B2c3D4e5F/device1"
done = threading.Event()
asked = answered = 0


def ask():
    global asked
    if asked == count:
        return
    asked += 1
    kind = asked % 5
    if kind == 0:
        return client.publish(system + "thing/model/down_raw", bytes([asked & 0xFF, 0xFF]), 1)
    if kind == 1:
        return client.publish(f"{system}rrpc/request/{asked}", b"ping", 1)
    path, params = [
        ("property/set", {"power": "on"}), ("property/get", ["power"]), ("reboot", {"delay": asked}),
    ][kind - 2]
    request = {"id": str(asked), "version": "1.0", "params": params, "method": "thing.service." + path.replace("/", ".")}
    client.publish(system + "thing/service/" + path, json.dumps(request), 1)


def on_connect(client, *more):
    replies = ["thing/service/property/set_reply", "thing/service/property/get_reply", "thing/service/reboot_reply",
               "thing/model/down_raw_reply", "rrpc/response/+"]
    client.subscribe([(system + topic, 1) for topic in replies] + [(INFORM, 1)])


def on_message(client, data, message):
    global answered
    if message.topic != INFORM:
        answered += 1
        ask()
        if answered == count:
            done.set()
    elif asked == 0:
        # The device tells its version behind its subscriptions.
        for _ in range(12):
            ask()


client = mqtt.Client("platform")
client.on_connect = on_connect
client.on_message = on_message
client.on_subscribe = lambda *more: print("ready", flush=True)
client.connect("127.0.0.1", port)
client.loop_start()
sys.exit(0 if done.wait(600) else 1)
