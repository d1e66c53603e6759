# SPDX-License-Identifier: Apache-2.0
"""An MQTT client that does what it is told: one JSON object a line on standard input, one for each thing that happens
on standard output. It is Eclipse Paho for Python (Debian's python3-paho-mqtt), and knows nothing of the platform.

Its only argument is a JSON object: host, port, transport (tcp or websockets), ca (a file, for TLS), id, user,
password, version (3, 4 or 5), keepAlive, clean, will (a topic), answers (whether requests are answered with 200).
"""
import json
import os
import ssl
import sys
import threading

import paho.mqtt.client as mqtt

settings = json.loads(sys.argv[1])
lock = threading.Lock()


def say(**what):
    with lock:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()


def answer(client, message):
    topic = message.topic
    if "/rrpc/request/" in topic:
        client.publish(topic.replace("/rrpc/request/", "/rrpc/response/"), message.payload)
    elif topic.startswith("/ext/rrpc/"):
        client.publish(topic, message.payload)
    elif topic.endswith("/down_raw"):
        client.publish(topic + "_reply", message.payload)
    elif topic.startswith("/sys/") and not topic.endswith("_reply"):
        request = json.loads(message.payload)
        reply = {"id": request["id"], "code": 200, "data": {}}
        client.publish(topic + "_reply", json.dumps(reply), 1)


def on_message(client, data, message):
    say(event="message", topic=message.topic, payload=message.payload.decode("latin-1"), qos=message.qos)
    if settings.get("answers"):
        answer(client, message)


version = settings.get("version", 4)
more = {} if version == 5 else {"clean_session": settings.get("clean", True)}
client = mqtt.Client(client_id=settings["id"], protocol=version, transport=settings.get("transport", "tcp"), **more)
client.username_pw_set(settings.get("user"), settings.get("password"))
if "ca" in settings:
    client.tls_set(ca_certs=settings["ca"], tls_version=ssl.PROTOCOL_TLS_CLIENT)
if settings.get("transport") == "websockets":
    client.ws_set_options(path="/mqtt")
if "will" in settings:
    client.will_set(settings["will"], "gone", 0, False)
client.on_connect = lambda c, d, flags, code, *more: say(
    event="connected", code=int(getattr(code, "value", code)), session=bool(flags.get("session present")))
client.on_message = on_message
client.on_publish = lambda c, d, number, *more: say(event="published", number=number)
client.on_subscribe = lambda c, d, number, granted, *more: say(
    event="subscribed", granted=[int(getattr(g, "value", g)) for g in granted])
client.on_unsubscribe = lambda c, d, number, *more: say(event="unsubscribed")


def commands():
    for line in sys.stdin:
        what = json.loads(line)
        if what["do"] == "publish":
            payload = what.get("payload", "").encode("latin-1")
            client.publish(what["topic"], payload, what.get("qos", 0), what.get("retain", False))
        elif what["do"] == "subscribe":
            client.subscribe(what["topic"], what.get("qos", 0))
        elif what["do"] == "unsubscribe":
            client.unsubscribe(what["topic"])
        elif what["do"] == "disconnect":
            client.disconnect()
    client.disconnect()


try:
    client.connect(settings.get("host", "127.0.0.1"), settings["port"], settings.get("keepAlive", 60))
except OSError as error:
    say(event="failed", reason=str(error))
    os._exit(1)


def on_disconnect(client, data, code, *more):
    say(event="disconnected", code=int(getattr(code, "value", code)))
    os._exit(0)


# The library's own thread: where it has none, it writes to the connection in the thread that publishes while another
# one reads, and TLS does not stand that.
client.on_disconnect = on_disconnect
client.loop_start()
commands()
threading.Event().wait()
