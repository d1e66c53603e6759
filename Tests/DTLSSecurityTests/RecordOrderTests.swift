// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DTLSSecurity
import SecurityLayer
import Testing

@Suite("Records and messages out of their order (RFC 6347 Sections 4.1.2.6, 4.2.3 and 4.2.4)")
struct RecordOrderTests {
  let report = Array("a report".utf8)

  @Test func `a record 63 numbers behind the newest is taken, one 64 behind is not`() throws {
    let association = try Association()
    #expect(try !association.send(report))
    try association.settle()
    for number: UInt8 in 0..<66 { try association.answer([number]) }
    let records = association.down
    association.down = []
    for index in [65, 65 - 63, 65 - 64, 65 - 63] { try association.toDevice(records[index]) }
    #expect(association.atDevice == [[65], [65 - 63]])
    #expect(association.isEstablished())
  }

  /// Each record of a datagram.
  private func records(_ datagram: [UInt8]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var offset = 0
    while offset + 13 <= datagram.count {
      let length = Int(datagram[offset + 11]) << 8 + Int(datagram[offset + 12])
      result.append(Array(datagram[offset..<offset + 13 + length]))
      offset += 13 + length
    }
    return result
  }

  /// The bytes of `range` of a record's message, as a fragment in a record of its own.
  private func fragment(_ record: [UInt8], _ range: Range<Int>) -> [UInt8] {
    func bytes(_ number: Int) -> [UInt8] { [0, UInt8(number >> 8), UInt8(number & 0xFF)] }
    let message =
      Array(record[13..<19]) + bytes(range.lowerBound) + bytes(range.count)
      + record[(25 + range.lowerBound)..<(25 + range.upperBound)]
    return Array(record[..<11]) + bytes(message.count).dropFirst() + message
  }

  /// A server that learns of a smaller PMTU sends its flight again in smaller fragments; here the last arrives first.
  @Test func `fragments of a message may overlap`() throws {
    let association = try Association()
    #expect(try !association.send(report))
    try association.toServer(association.up.removeFirst())
    let flight = association.down.flatMap(records)
    association.down = []
    #expect(flight.contains { $0[13] == 11 })
    for record in flight {
      // Type 11 is the certificate.
      guard record[13] == 11 else {
        try association.toDevice(record)
        continue
      }
      let count = record.count - 25
      #expect(count > 300)
      for range in [200..<count, 0..<100, 50..<250] {
        try association.toDevice(fragment(record, range))
      }
    }
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
    #expect(try association.send(report))
    try association.settle()
    #expect(association.atServer == [report])
  }

  @Test func `a message that overtakes the server's Finished is not taken before it`() throws {
    let association = try Association()
    #expect(try !association.send(report))
    try association.toServer(association.up.removeFirst())
    while !association.down.isEmpty { try association.toDevice(association.down.removeFirst()) }
    while !association.up.isEmpty { try association.toServer(association.up.removeFirst()) }
    // The server has the device's Finished and has sent its own.
    let flight = association.down
    association.down = []
    try association.answer(report)
    try association.toDevice(association.down.removeFirst())
    #expect(association.atDevice.isEmpty)
    #expect(!association.isEstablished())
    for datagram in flight { try association.toDevice(datagram) }
    #expect(association.isEstablished())
    try association.settle()
    #expect(association.atDevice == [report] || association.atDevice.isEmpty)
  }
}
