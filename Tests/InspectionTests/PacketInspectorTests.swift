// SPDX-License-Identifier: Apache-2.0
import Inspection
import PacketCapture
import TestSupport
import Testing

/// Shows packets in order; raw IP by default.
struct Capture: ~Copyable {
  var inspector: PacketInspector

  init(
    _ linkType: LinkType = .raw,
    ports: Set<UInt16> = PacketInspector.defaultPorts,
    messages: consuming MessageInspector = MessageInspector()
  ) {
    inspector = PacketInspector(messages, linkType: linkType, ports: ports)
  }

  mutating func text(_ bytes: [UInt8], count: Int = 0, at time: Int64 = 0) -> [String] {
    let packet = PacketView(bytes.span, originalCount: count, microseconds: time)
    return inspector.text(packet)?.split(separator: "\n").map(String.init) ?? []
  }

  mutating func json(_ bytes: [UInt8], count: Int = 0, at time: Int64 = 0) -> String? {
    let packet = PacketView(bytes.span, originalCount: count, microseconds: time)
    return inspector.json(packet).map { String(decoding: $0, as: UTF8.self) }
  }
}

@Suite("Packets as a person and a program read them")
struct PacketInspectorTests {
  static let get: [UInt8] = [0x40, 0x01, 0x7D, 0x34]

  static func packet(_ payload: [UInt8], to port: Int = 5_683) -> [UInt8] {
    PacketBytes.ipv4(PacketBytes.udp(payload, to: port))
  }

  @Test func `number, time since the first packet, addresses and ports come first`() {
    var capture = Capture()
    #expect(capture.text(Self.packet(Self.get, to: 80), at: 5_000_000) == [])
    #expect(
      capture.text(Self.packet(Self.get), at: 6_000_001) == [
        "packet 2, 1.000001 s, 10.0.0.2:40000 -> 192.0.2.1:5683",
        "CON GET, message ID 32052, no token, 4 bytes",
      ]
    )
    #expect(
      capture.text(Self.packet(Self.get), at: 4_900_000)[0].hasPrefix("packet 3, -0.100000 s")
    )
    #expect(capture.text(Self.packet(Self.get), at: .min)[0].hasPrefix("packet 4, "))
    #expect(capture.text(Self.packet(Self.get), at: .max)[0].hasPrefix("packet 5, "))
  }

  @Test func `only the chosen ports are shown, whichever side they are on`() {
    var capture = Capture(ports: [7_000])
    #expect(capture.json(Self.packet(Self.get)) == nil)
    #expect(capture.json(Self.packet(Self.get, to: 7_000)) != nil)
    let answer = PacketBytes.ipv4(PacketBytes.udp(Self.get, from: 7_000, to: 40_000))
    #expect(capture.json(answer) != nil)
  }

  @Test func `the object in a capture is the message's behind number, time and addresses`() {
    var capture = Capture()
    var messages = MessageInspector()
    let object = String(decoding: messages.json(Self.get.span), as: UTF8.self).dropFirst()
    for (number, time, text) in [
      (1, 1_700_000_000_000_001, "1700000000.000001"), (2, -1, "-0.000001"), (3, 0, "0.000000"),
    ] {
      #expect(
        capture.json(Self.packet(Self.get), at: Int64(time))
          == #"{"packet":\#(number),"time":"\#(text)","source":"10.0.0.2:40000","#
          + #""destination":"192.0.2.1:5683",\#(object)"#
      )
    }
    #expect(
      capture.json(Self.packet(Self.get), at: .min)?.contains("-9223372036854.775808") == true
    )
  }

  /// The start of the first packet's object.
  private static func start(port: Int = 5_683) -> String {
    #"{"packet":1,"time":"0.000000","source":"10.0.0.2:40000","destination":"192.0.2.1:\#(port)","#
  }

  @Test func `a packet that the capture cut short is said to be`() {
    var capture = Capture()
    let whole = Self.packet(Self.get + [0xB5] + Array("topic".utf8))
    let kept = Array(whole.dropLast(3))
    #expect(
      capture.text(kept, count: whole.count)[1].hasPrefix("cut short: the capture kept 7 of 10")
    )
    #expect(
      capture.json(kept, count: whole.count)
        == Self.start().replacing(":1,", with: ":2,")
        + #""valid":false,"reason":"cut short: the capture kept 7 of 10 bytes; capture with a larger "#
        + #"snapshot length (tcpdump -s 0)","offset":7}"#
    )
  }

  static let records: [(String, [String])] = [
    (
      "16 feff 0000 000000000000 0003 010000",
      ["DTLS record: handshake ClientHello, DTLS 1.0, epoch 0, 3 bytes"]
    ),
    (
      "14 fefd 0000 000000000001 0001 01 16 fefd 0001 000000000000 0002 aabb",
      [
        "DTLS record: change cipher spec, DTLS 1.2, epoch 0, 1 bytes",
        "DTLS record: handshake, DTLS 1.2, epoch 1, 2 bytes",
      ]
    ),
    ("17 fefd 0001", ["DTLS record: application data, DTLS 1.2, 5 bytes"]),
    (
      "17 fefd 0001 000000000000 ffff 00",
      ["DTLS record: application data, DTLS 1.2, epoch 1, 65535 bytes, of which 1 are there"]
    ),
    ("19 fefd 0001 000000000000 aabb", ["DTLS record: with a connection ID, DTLS 1.2, 13 bytes"]),
    ("2f 01 02", ["DTLS record: encrypted, DTLS 1.3, 3 bytes"]),
    (
      "15 fefd 0000 000000000000 0000 40",
      ["DTLS record: alert, DTLS 1.2, epoch 0, 0 bytes", "1 bytes that are not a DTLS record"]
    ),
  ]

  @Test(arguments: records)
  func `DTLS records are named and not taken for bad CoAP`(hex: String, lines: [String]) {
    var capture = Capture()
    let packet = Self.packet(TestSupport.hex(hex), to: 5_684)
    #expect(Array(capture.text(packet).dropFirst()) == lines)
    let more = lines.count > 1 ? ", and \(lines.count - 1) more" : ""
    #expect(
      capture.json(packet)
        == Self.start(port: 5_684).replacing(":1,", with: ":2,")
        + #""valid":false,"reason":"not CoAP: \#(lines[0])\#(more)","offset":0}"#
    )
  }

  @Test func `what is not shown is counted by its reason`() {
    var capture = Capture()
    let udp = PacketBytes.udp(Self.get, to: 5_683)
    _ = capture.text(PacketBytes.ipv4(udp))
    _ = capture.text(PacketBytes.ipv4(udp, fragment: 0x2000))
    _ = capture.text(PacketBytes.ipv4(udp, fragment: 0x0001))
    _ = capture.text(PacketBytes.ipv4(udp, next: 6))
    _ = capture.text(PacketBytes.ipv4(udp, length: 19))
    _ = capture.text(Array(PacketBytes.ipv4(udp)[..<20]), count: 100)
    _ = capture.text(PacketBytes.ipv4(PacketBytes.udp(Self.get, to: 53)))
    #expect(
      capture.inspector.counts.description
        == "7 packets: 1 shown, 2 skipped as fragments of IP packets, 1 cut short by the capture "
        + "before their payload, 1 malformed, 2 of other protocols or ports"
    )
  }
}
