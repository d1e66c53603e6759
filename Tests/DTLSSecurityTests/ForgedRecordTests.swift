// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DTLSSecurity
import OpenSSLSupport
import SecurityLayer
import Testing

/// Anybody who can send the device a datagram with the server's address can send these.
@Suite("RFC 6347 Section 4.1.2.7: forged records of an association that stands")
struct ForgedRecordTests {
  /// Authenticated encryption with tags of 8 and 16 bytes; CBC, where the server knows encrypt-then-MAC (RFC 7366).
  static let suites = [
    "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-SHA256",
  ]
  private let report = Array("a report of some bytes".utf8)

  private func connected(_ suite: String) throws -> Association {
    let association = try Association(suite: suite) { $0.allowsLegacySuites = true }
    #expect(try !association.send(report))
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
    return association
  }

  /// Sends one message each way.
  private func exchange(_ association: Association) throws {
    #expect(association.event() == nil)
    #expect(try association.send(report))
    try association.answer(Array(report.reversed()))
    try association.settle()
    #expect(association.atServer == [report])
    #expect(association.atDevice == [Array(report.reversed())])
    #expect(association.isEstablished())
  }

  @Test(arguments: suites, [20, 21, 22, 23, 24] as [UInt8])
  func `of any length they are dropped, and are not answered`(suite: String, type: UInt8) throws {
    let association = try connected(suite)
    for count in 0...200 {
      let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      let number: [UInt8] = [0, 0, 0, 1, 0, UInt8(count)]
      try association.toDevice(RobustnessTests.record(type, body, epoch: 1, number: number))
      #expect(association.event() == nil, "\(count) bytes")
    }
    #expect(association.up.isEmpty)
    try exchange(association)
  }

  @Test(arguments: suites)
  func `a record of the server's with a changed bit is dropped`(suite: String) throws {
    let association = try connected(suite)
    try association.answer(report)
    let record = association.down.removeFirst()
    for bit in 0..<8 * record.count {
      var altered = record
      altered[bit / 8] ^= 1 << (bit % 8)
      try association.toDevice(altered)
      #expect(association.event() == nil, "bit \(bit)")
    }
    #expect(association.up.isEmpty)
    #expect(association.atDevice.isEmpty)
    try exchange(association)
  }
}
