// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import TestSupport
import Testing
import TrafficLedger

@Suite("A ledger")
struct TrafficLedgerTests {
  @Test func `counts by purpose and direction, and adds up`() {
    var ledger = TrafficLedger()
    ledger.count(.report, .up, bytes: 278)
    ledger.count(.retransmission, .up, bytes: 278)
    ledger.count(.answer, .down, bytes: 55)
    ledger.addHeaders(28)
    #expect(ledger[.report, .up] == .init(datagrams: 1, bytes: 278))
    #expect(ledger[.headers, .up] == .init(datagrams: 0, bytes: 56))
    #expect(ledger.total(.up) == .init(datagrams: 2, bytes: 612))
    #expect(ledger.total(.down) == .init(datagrams: 1, bytes: 83))
    ledger.addHeaders(48)
    #expect(ledger.total(.up).bytes == 652, "headers are replaced, not added")
    var sum = TrafficLedger()
    sum.add(ledger)
    #expect(sum == ledger)
    sum.add(ledger)
    #expect(sum != ledger)
    #expect(sum.total(.down).bytes == 2 * 103)
  }

  @Test func `a record's header and tag are overhead`() {
    // Content type 23, DTLS 1.2, epoch 1, sequence number 1, 20 bytes.
    let datagram =
      hex("17 fe fd 00 01 00 00 00 00 00 01 00 14") + [UInt8](repeating: 0xA5, count: 20)
    var ledger = TrafficLedger()
    ledger.count(.report, .up, message: 4, in: datagram.span, of: datagram.count)
    #expect(ledger[.report, .up] == .init(datagrams: 1, bytes: 4))
    #expect(ledger[.overhead, .up] == .init(datagrams: 0, bytes: 29))
    #expect(ledger.total(.up) == .init(datagrams: 1, bytes: 33))
  }

  @Test func `a flight that shares a datagram with a message is a handshake's`() {
    // Content type 22 with one byte, then content type 23 with 6.
    let datagram =
      hex("16 fe fd 00 01 00 00 00 00 00 00 00 01") + [1]
      + hex("17 fe fd 00 01 00 00 00 00 00 01 00 06") + [UInt8](repeating: 0, count: 6)
    var ledger = TrafficLedger()
    ledger.count(.report, .up, message: 2, in: datagram.span, of: datagram.count)
    #expect(ledger[.handshake, .up] == .init(datagrams: 0, bytes: 14))
    #expect(ledger[.report, .up] == .init(datagrams: 1, bytes: 2))
    #expect(ledger.total(.up) == .init(datagrams: 1, bytes: 33))
  }

  @Test func `whatever comes is counted once, every byte of it`() {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededRandom(seed: seed)
    for _ in 0..<2_000 {
      var bytes = [UInt8](repeating: 0, count: Int.random(in: 1...80, using: &random))
      for index in bytes.indices { bytes[index] = UInt8.random(in: 0...30, using: &random) }
      let message = Int.random(in: 0...bytes.count, using: &random)
      var ledger = TrafficLedger()
      ledger.count(.answer, .down, message: message, in: bytes.span, of: bytes.count)
      let total = ledger.total(.down)
      #expect(total == .init(datagrams: 1, bytes: UInt64(bytes.count)), "seed \(seed)")
    }
  }
}
