// SPDX-License-Identifier: Apache-2.0
import EnergyEstimate
import Foundation
import PacketCapture
import RadioModel
import TestSupport
import Testing
import TrafficLedger

@Suite("The packets of a capture, priced")
struct CaptureTrafficTests {
  /// An IPv4 packet with UDP (RFC 791, RFC 768).
  private func datagram(_ isUp: Bool, _ payload: [UInt8]) -> [UInt8] {
    let ports: [UInt8] = isUp ? [0xC0, 0x00, 0x16, 0x32] : [0x16, 0x32, 0xC0, 0x00]
    let length = UInt8(payload.count + 8)
    return ip(17, ports + [0, length, 0, 0] + payload)
  }

  /// An IPv4 packet with TCP (RFC 9293), its header with 12 bytes of options.
  private func segment(_ isUp: Bool, _ sequence: UInt8, _ payload: [UInt8]) -> [UInt8] {
    let ports: [UInt8] = isUp ? [0xC0, 0x00, 0x07, 0x5B] : [0x07, 0x5B, 0xC0, 0x00]
    let header: [UInt8] = ports + [0, 0, 0, sequence, 0, 0, 0, 0, 0x80, 0x18, 0, 0, 0, 0, 0, 0]
    return ip(6, header + [UInt8](repeating: 1, count: 12) + payload)
  }

  private func ip(_ next: UInt8, _ content: [UInt8]) -> [UInt8] {
    let count = content.count + 20
    return [0x45, 0, UInt8(count >> 8), UInt8(count & 0xFF), 0, 0, 0x40, 0, 64, next, 0, 0]
      + [127, 0, 0, 1, 127, 0, 0, 1] + content
  }

  /// A pcap file of raw IP packets, `seconds` apart.
  private func capture(
    _ packets: [[UInt8]],
    seconds: Int = 1,
    _ body: (String) throws -> Void
  ) throws {
    func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(value >> ($0 * 8) & 0xFF) } }
    var bytes = hex("d4 c3 b2 a1 02 00 04 00 00 00 00 00 00 00 00 00 00 00 04 00 65 00 00 00")
    for (number, packet) in packets.enumerated() {
      bytes +=
        word(1_000 + number * seconds) + word(0) + word(packet.count) + word(packet.count) + packet
    }
    try file(bytes, body)
  }

  /// A file of these bytes, removed afterwards.
  private func file(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Data(bytes).write(to: path)
    defer { try? FileManager.default.removeItem(at: path) }
    try body(path.path)
  }

  // CON POST /auth, its answer, CON POST /topic, the same again, its answer, and that again.
  private let authentication = hex("41 02 00 01 07 b4") + Array("auth".utf8) + hex("ff 7b 7d")
  private let token = hex("61 45 00 01 07 ff 7b 7d")
  private let report = hex("41 02 00 02 08 b5") + Array("topic".utf8) + hex("ff 7b 7d")
  private let answer = hex("61 45 00 02 08")

  @Test func `CoAP is read message by message`() throws {
    let packets = [
      datagram(true, authentication), datagram(false, token), datagram(true, report),
      datagram(true, report), datagram(false, answer), datagram(false, answer),
      datagram(true, hex("60 00 00 02")),
      // Not the platform's.
      ip(1, [8, 0, 0, 0]),
    ]
    try capture(packets) { path in
      let traffic = try CaptureTraffic(path: path)
      let ledger = traffic.ledger
      #expect(traffic.packets == 8)
      #expect(traffic.others == 1)
      #expect(traffic.reports == 1)
      func expect(_ purpose: TrafficLedger.Purpose, _ up: [UInt8]?, _ down: [UInt8]?) {
        let (sent, received) = (ledger[purpose, .up], ledger[purpose, .down])
        #expect(sent == .init(datagrams: up == nil ? 0 : 1, bytes: UInt64(up?.count ?? 0)))
        #expect(received == .init(datagrams: down == nil ? 0 : 1, bytes: UInt64(down?.count ?? 0)))
      }
      expect(.authentication, authentication, token)
      expect(.report, report, nil)
      expect(.answer, nil, answer)
      expect(.retransmission, report, answer)
      expect(.acknowledgement, [0, 0, 0, 0], nil)
      let all = packets.dropLast().reduce(0) { $0 + $1.count }
      #expect(ledger.total(.up).bytes + ledger.total(.down).bytes == UInt64(all))
    }
  }

  @Test(arguments: [(100, 4), (247, 4), (248, 0), (900, 0)])
  func `the same message is a new one after EXCHANGE_LIFETIME, each time from the last`(
    seconds: Int,
    repeated: UInt64
  ) throws {
    let packets = [[UInt8]](repeating: datagram(true, authentication), count: 5)
    try capture(packets, seconds: seconds) { path in
      let ledger = try CaptureTraffic(path: path).ledger
      #expect(ledger[.retransmission, .up].datagrams == repeated)
      #expect(ledger[.authentication, .up].datagrams == 5 - repeated)
    }
  }

  @Test func `of TCP a segment sent again, and those without bytes, are told apart`() throws {
    let packets = [
      segment(true, 1, []), segment(false, 1, []), segment(true, 2, hex("16 03 01 00 00")),
      segment(true, 2, hex("16 03 01 00 00")), segment(false, 2, hex("16 03 03 00 00")),
      segment(true, 7, hex("17 03 03 00 01 aa")), segment(false, 7, hex("17 03 03 00 00")),
    ]
    try capture(packets) { path in
      let ledger = try CaptureTraffic(path: path).ledger
      #expect(ledger[.handshake, .up] == .init(datagrams: 1, bytes: 5))
      #expect(ledger[.retransmission, .up] == .init(datagrams: 1, bytes: 5))
      #expect(ledger[.report, .up] == .init(datagrams: 1, bytes: 6))
      #expect(ledger[.answer, .down] == .init(datagrams: 1, bytes: 5))
      #expect(ledger[.headers, .up].bytes == 4 * 52)
      let all = packets.reduce(0) { $0 + $1.count }
      #expect(ledger.total(.up).bytes + ledger.total(.down).bytes == UInt64(all))
    }
  }

  @Test func `a capture of one report costs what the meter says of its packets`() throws {
    let packets = [datagram(true, report), datagram(false, answer)]
    try capture(packets) { path in
      let plan = ReportPlan(
        payload: [],
        interval: 900_000,
        security: .symmetric,
        habits: RadioHabits(coverage: 0)
      )
      let model = RadioModel()
      let estimate = TrafficReplay(try CaptureTraffic(path: path)).run(plan, model)
      var meter = RadioMeter(model, plan.habits, at: 0)
      _ = meter.send(report.count, for: .report, .oneAnswer, at: 0)
      _ = meter.receive(answer.count, for: .answer, at: 1_000)
      meter.advance(to: 900_000)
      #expect(abs(estimate.account.energy - meter.account.energy) < 1e-9)
      #expect(estimate.reports == 1)
      #expect(estimate.duration == 900_000)
    }
  }

  @Test(arguments: [(60_000.0, 1_800_000.0), (900_000, 1_800_000), (3_600_000, 7_200_000)])
  func `after the last report there is as much time as between two, or an interval`(
    interval: Double,
    duration: Double
  ) throws {
    var second = report
    second[3] = 3
    let packets = [datagram(true, report), datagram(true, second)]
    try capture(packets, seconds: 900) { path in
      let plan = ReportPlan(
        payload: [],
        interval: interval,
        security: .symmetric,
        habits: RadioHabits(coverage: 0)
      )
      let traffic = try CaptureTraffic(path: path)
      #expect(traffic.span == 900_000)
      let estimate = TrafficReplay(traffic).run(plan, RadioModel())
      #expect(abs(estimate.duration - duration) < 1e-6)
    }
  }

  @Test func `it says how far its reports are apart, and which have an answer`() throws {
    var second = report
    second[3] = 3
    let packets = [
      datagram(true, report), datagram(true, second), datagram(false, answer),
      datagram(true, second),
    ]
    try capture(packets) { path in
      let traffic = try CaptureTraffic(path: path)
      #expect(traffic.reports == 2 && traffic.spacing == 1_000 && !traffic.runsBackwards)
      let plan = ReportPlan(
        payload: [],
        interval: 900_000,
        security: .symmetric,
        habits: RadioHabits(coverage: 0)
      )
      let estimate = TrafficReplay(traffic).run(plan, RadioModel())
      #expect(estimate.isReplay && estimate.reports == 2 && estimate.acknowledged == 1)
      #expect(estimate.retransmissions == 1 && estimate.authentications == 0)
    }
    try capture([datagram(true, report)]) { path in
      let traffic = try CaptureTraffic(path: path)
      #expect(traffic.spacing == nil)
    }
  }

  @Test func `a packet cut anywhere, or with any byte changed, never traps`() throws {
    var packets: [[UInt8]] = []
    for whole in [datagram(true, report), segment(false, 2, hex("16 03 03 00 00"))] {
      for count in 0..<whole.count { packets.append(Array(whole[..<count])) }
      for index in whole.indices {
        for bit in 0..<8 {
          var changed = whole
          changed[index] ^= 1 << UInt8(bit)
          packets.append(changed)
        }
      }
    }
    try capture(packets) { path in
      let traffic = try CaptureTraffic(path: path)
      #expect(traffic.packets == packets.count)
      #expect(traffic.others > 0 && traffic.others < packets.count)
    }
  }

  @Test func `a file that is no capture, or ends too early, says so`() throws {
    #expect(throws: CaptureError.self) { try CaptureTraffic(path: "/dev/null") }
    #expect(throws: CaptureError.self) { try CaptureTraffic(path: "/nowhere/x.pcap") }
    let packet = datagram(true, report)
    let whole = CaptureBytes.pcap(linkType: 101, [(packet, packet.count, 0)])
    try file(whole) { path in
      let traffic = try CaptureTraffic(path: path)
      #expect(traffic.reports == 1)
    }
    // In the file's header, in the packet's, and in the packet.
    for count in [10, 30, whole.count - 3] {
      try file(Array(whole[..<count])) { path in
        #expect(throws: CaptureError.self) { try CaptureTraffic(path: path) }
      }
    }
  }
}
