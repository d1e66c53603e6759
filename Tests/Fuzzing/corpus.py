#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the fuzzers' first inputs, made from the test vectors: corpus.py PROJECT TARGET-FOLDER."""

import json
import pathlib
import sys

project, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


def write(target, inputs):
    folder = out / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        (folder / f"seed-{number:04}").write_bytes(data)


def udp(payload, port=5683):
    return port.to_bytes(2, "big") * 2 + (len(payload) + 8).to_bytes(2, "big") + b"\0\0" + payload


def ipv4(content):
    head = b"\x45\0" + (20 + len(content)).to_bytes(2, "big") + b"\0\0\0\0\x40\x11\0\0"
    return head + bytes(8) + content


def ipv6(content, following=17):
    return b"\x60\0\0\0" + len(content).to_bytes(2, "big") + bytes([following, 64]) + bytes(32) + content


vectors = json.loads((project / "Tests/TestSupport/Resources/coap-messages.json").read_text())
messages = [bytes.fromhex(vector["hex"]) for vector in vectors]
short = [message for message in messages if len(message) <= 256]

texts = [
    b'{"random":"ad2b3a5eb51d64f7","seqOffset":1,"token":"MZ8m37hp01w1SSqoDFzo0010500d00.ad2b"}',
    b'{"token":"f13102810756432e85dfd351eeb41c04"}',
    b'{"seqOffset":"18446744073709551615","token":"\\u0041","x":[{}]}',
    b'{"code":"200","data":{"productKey":"pk","deviceName":"device","deviceSecret":"s\\u00fc"},"message":"m"}',
    b'{"code":6100,"data":null,"deviceSecret":"s"}',
    b'{"a":[1,-2.5e+3,true,false,null,"\\u00fc\\ud83d\\ude00\\n",{}],"b":{"c":[]}}',
    b"[" * 32 + b"]" * 32, b"0", b"-1.5E-7", b'"\xc3\xbc\xe6\xb0\xb4\xf0\x90\x85\x91"', b" \t\r\n1 ",
]
published = project / "Tests/Vectors"
texts += [file.read_bytes() for file in sorted((published / "json-parsing").rglob("*.json"))]
texts = [text for text in texts if len(text) <= 4096]

items = [
    "00", "1bffffffffffffffff", "3863", "f93e00", "fb3ff199999999999a", "f7", "f8ff", "5f42010243030405ff",
    "7f626162ff", "62c3bc", "8301820203820405", "9f018202039f0405ffff", "a26161016162820203",
    "bf61610161629f0203ffff", "c074323031332d30332d32315432303a30343a30305a", "d818456449455446", "c249010000",
]
items += [item["hex"] for item in json.loads((published / "cbor-appendix-a.json").read_text())]
items = [bytes.fromhex(item) for item in items]

get = bytes.fromhex("40017d34bb74656d7065726174757265")
record = bytes.fromhex("16fefd000000000000000000040100000016fefd00010000000000000002aabb")
over4, over6 = ipv4(udp(get)), ipv6(udp(get))
extended = ipv6(b"\x3c\0\x01\x04\0\0\0\0" + b"\x2c\0\x01\x04\0\0\0\0" + b"\x11\0\0\0\1\2\3\4" + udp(get), 0)
# In the order of LinkType.supported: null, Ethernet, raw twice, loop, cooked, IPv4, IPv6, cooked 2.
packets = [
    (0, b"\2\0\0\0" + over4), (0, b"\x1e\0\0\0" + over6), (1, bytes(12) + b"\x08\0" + over4),
    (1, bytes(12) + b"\x81\0\0\x2a\x86\xdd" + over6), (2, over4), (3, extended), (4, b"\0\0\0\2" + over4),
    (5, bytes(14) + b"\x08\0" + over4), (6, over4), (7, over6), (8, b"\x86\xdd" + bytes(18) + extended),
]
typed = [bytes.fromhex("60450001c13cff") + item for item in items]

write("fuzz-message", short)

# Pairs of a step and its value; step 7 takes in a datagram of so many bytes, with 8 added one whose
# message ID and token are those of the last request.
def receive(message, matched=True):
    return bytes([15 if matched else 7, len(message)]) + message


answers = [bytes.fromhex(text) for text in (
    "6445000000000000", "4445000100000000", "5445000200000000", "60000000", "70000000",
    "644500000000000061058" + "11e", "54450003000000006106", "6481000000000000d8ef0102030405060708",
    "645f000000000000d10e08", "6445000000000000d10a08" + "ff" + "00" * 16,
)]
scripts = [bytes([step, value]) for step in range(7) for value in (0, 2, 4, 106, 255)]
scripts += [start + receive(answer) for start in (b"\0\0", b"\0\2", b"\1\1", b"\2\0", b"\6\5") for answer in answers]
scripts += [b"\0\2" + receive(answers[5]) + b"\xf5\x30" + receive(answers[6]) + b"\4\0" + receive(answers[0])]
scripts += [receive(message, False) for message in short if len(message) <= 255]
write("fuzz-exchange", scripts)

# A handshake with a message each way and a sleep, twice, whole and in part, in each flavour.
calm = (bytes(2) + bytes([2, 0, 4, 0, 4, 0]) * 6 + bytes([0, 0, 2, 0, 13, 0, 4, 0, 12, 255])) * 2
handshakes = [bytes([flavour]) + calm for flavour in range(16)]
handshakes += [b"\0" + calm[:length] + bytes([15, len(record)]) + record + calm for length in range(0, len(calm), 12)]
write("fuzz-handshake", handshakes)
write("fuzz-json", texts)
repeated = ["a2616101616102", "bf6161017f616160ff02ff", "a261786161617981a261610161617f6161ff"]
write("fuzz-cbor", items + [bytes.fromhex(item) for item in repeated])

# A model, a zero byte and a payload behind a byte that chooses the call.
types = [
    ('{"type":"int","specs":{"min":"-5","max":"100","step":"5"}}', ("0", "3", "101", "-5", "1.5")),
    ('{"type":"double","specs":{"min":-40.5,"max":"1e2","step":"0.1"}}', ("21.3", "0.35", "1e300", "7")),
    ('{"type":"float","specs":{"step":"1e-330"}}', ("1.5e308", "3.4e38", "0.1", "18446744073709551615")),
    ('{"type":"enum","specs":{"0":"off","-7":"lost"}}', ("0", "-7", "1", '"0"')),
    ('{"type":"bool","specs":{"0":"off","1":"on"}}', ("0", "1", "2", "true")),
    ('{"type":"text","specs":{"length":"4"}}', ('"abcd"', '"\\u00fc\\u00fc"', '"abcde"', "null")),
    ('{"type":"date","specs":{}}', ('"1524448722000"', '"x"', '"9999999999999999999"', "1")),
    ('{"type":"array","specs":{"size":"2","item":{"type":"int"}}}', ("[]", "[1,2]", "[1,2,3]", '["1"]')),
    ('{"type":"struct","specs":[{"identifier":"value","required":true,"dataType":{"type":"int"}},'
     '{"identifier":"t","dataType":{"type":"text"}}]}',
     ('{"value":1}', '{"value":{"value":1},"time":1}', '{"t":""}', "{}")),
]
checks = []
for kind, values in types:
    item = '[{"identifier":"p","accessMode":"rw","required":true,"dataType":%s}]' % kind
    model = '{"properties":%s,"events":[{"identifier":"e","outputData":%s}],' % (item, item)
    model += '"services":[{"identifier":"e","inputData":["p"],"outputData":%s}]}' % item
    for value in values:
        plain, timed = '{"p":%s}' % value, '{"p":{"value":%s,"time":1524448722000}}' % value
        event = '{"value":%s,"time":1524448722000}' % plain
        for call, payload in (
            (0, '{"id":"1","params":%s,"method":"m"}' % timed), (2, plain), (3, timed),
            (4, '{"params":%s}' % plain), (5, '{"params":%s}' % event), (6, event),
            (7, '{"code":200,"data":%s}' % plain), (18, plain),
        ):
            checks.append(bytes([call]) + model.encode() + b"\0" + payload.encode())
        checks.append(b"\x0a" + model.encode() + b"\0" + bytes.fromhex("a16170") + items[len(checks) % len(items)])
write("fuzz-model", checks)
guide = sorted((project / "Tests/AlinkTests/Resources/guide").glob("*.txt"))
write("fuzz-alink", [file.read_bytes() for file in guide] + items)


# A step that chooses the topic, a length in fours and the message; then a wait, an answer, and the same again.
def comes(kind, message):
    message += b" " * (-len(message) % 4)
    return bytes([kind * 4, len(message) // 4]) + message


digest = b"ab" * 32
params = {
    0: b'{"a":1,"b":{"c":[1,2.50,"\\u00fc"]}}', 1: b'["a","b"]', 2: b"{}", 3: b"{}", 8: b'{"configId":"c","configSize":3,'
    b'"sign":"' + digest + b'","signMethod":"Sha256","url":"https://h/f","getType":"file"}',
    10: b'[{"productKey":"pk2","deviceName":"meter"}]', 11: b"{}", 12: b"{}", 13: b"{}",
}
methods = {
    0: b"service.property.set", 1: b"service.property.get", 2: b"service.a", 3: b"service.b", 8: b"config.push",
    10: b"topo.add.notify", 11: b"disable", 12: b"enable", 13: b"delete",
}
downlinks = [
    comes(kind, b'{"id":"%d","version":"1.0","params":%s,"method":"thing.%s"}' % (kind, params[kind], methods[kind]))
    for kind in params
]
downlinks += [
    comes(4, b"hi"), comes(5, b"hi"), comes(6, b"\x01\x02"), comes(14, b'{"id":"3","code":521,"message":"device deleted"}'),
    comes(7, b'{"code":"1000","data":{"size":1,"version":"2","url":"https://h/f","sign":"' + digest + b'","signMethod":'
          b'"Sha256"},"id":1,"message":"success"}'),
    comes(9, b'{"id":7,"version":"1.0","method":"thing.model.config.push","data":{"digest":"' + digest + b'","url":"https://h/f"}}'),
    comes(15, b'{"id":"3","code":200,"data":{"a":{"value":1,"version":2}}}'),
]
calm = b"".join(one + b"\3\1\2\1" for one in downlinks) + b"".join(downlinks) + b"\2\xff"
write("fuzz-downlink", downlinks + [one + one + b"\2\x1f\3\1{}      " for one in downlinks] + [calm])
write("fuzz-auth", texts)
write(
    "fuzz-inspect",
    [b"\2\0" + data for data in short[::3] + items + typed + [record, b"0x40 01:7d 34\nzz\n\n4"]]
    + [bytes([link, 0]) + packet for link, packet in packets]
    + [bytes([link, 40]) + packet[:-3] for link, packet in packets],
)
