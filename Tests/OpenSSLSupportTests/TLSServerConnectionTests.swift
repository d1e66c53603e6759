// SPDX-License-Identifier: Apache-2.0
import OpenSSLSupport
import TestSupport
import Testing

@Suite("A server's end of TLS, from whatever the network brings")
struct TLSServerConnectionTests {
  /// A ClientHello of TLS 1.2 with one suite, ECDHE-ECDSA-AES128-GCM-SHA256, and the group P-256.
  private static let hello = hex(
    "16 0301 0049 01 000045 0303" + String(repeating: "5A", count: 32) + "00 0002 C02B 01 00 001A"
      + "000A 0004 0002 0017 000B 0002 0100 000D 0008 0006 0403 0401 0501"
  )

  private static func context() throws -> IssuedCertificate {
    try IssuedCertificate(names: ["127.0.0.1"])
  }

  /// What becomes of a connection that gets these bytes, in pieces of a length.
  private static func outcome(
    _ bytes: [UInt8],
    _ context: borrowing TLSServerContext,
    pieces: Int = 1_000
  ) throws -> (input: TLSServerConnection.Input, output: [UInt8]) {
    var connection = try TLSServerConnection(context)
    var last = TLSServerConnection.Input.waiting
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = Array(rest.prefix(pieces))
      rest = rest.dropFirst(pieces)
      let isTaken = connection.handle(piece.span)
      #expect(isTaken)
      last = connection.read()
      guard last == .waiting else { break }
    }
    return (last, connection.takeOutput())
  }

  @Test func `a hello is answered with the certificate, however it is cut`() throws {
    let issued = try Self.context()
    let context = try TLSServerContext(certificate: issued.certificate.span, key: issued.key.span)
    for pieces in [1, 7, 1_000] {
      let (input, output) = try Self.outcome(Self.hello, context, pieces: pieces)
      #expect(input == .waiting)
      // A handshake record of TLS 1.2 with a ServerHello.
      #expect(output.count > 300 && output.starts(with: [0x16, 0x03, 0x03]))
      #expect(output.dropFirst(5).first == 2)
    }
  }

  @Test func `each truncation waits or fails, and each flipped bit is survived`() throws {
    let issued = try Self.context()
    let context = try TLSServerContext(certificate: issued.certificate.span, key: issued.key.span)
    for count in 0..<Self.hello.count {
      let (input, output) = try Self.outcome(Array(Self.hello.prefix(count)), context)
      #expect(input == .waiting && output.isEmpty, "\(count)")
    }
    for bit in 0..<Self.hello.count * 8 {
      var changed = Self.hello
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      let (input, _) = try Self.outcome(changed, context)
      if case .bytes = input { Issue.record("bit \(bit) brought bytes of an application") }
    }
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func `noise fails`(seed: UInt64) throws {
    let issued = try Self.context()
    let context = try TLSServerContext(certificate: issued.certificate.span, key: issued.key.span)
    var random = SeededRandom(seed: seed)
    let noise = (0..<40_000).map { _ in UInt8(truncatingIfNeeded: random.next() as UInt64) }
    guard case .failed(let reason) = try Self.outcome(noise, context).input else {
      Issue.record("seed \(seed) was taken")
      return
    }
    #expect(!reason.isEmpty)
    // A record that would be of this protocol, with noise in it.
    let record = [0x16, 0x03, 0x01, 0x40, 0x00] + noise.prefix(0x4000)
    guard case .failed = try Self.outcome(record, context).input else {
      Issue.record("seed \(seed) was taken in a record")
      return
    }
  }

  @Test func `nothing in the clear is sent before the handshake, and a foreign key is refused`()
    throws
  {
    let issued = try Self.context()
    let context = try TLSServerContext(certificate: issued.certificate.span, key: issued.key.span)
    var connection = try TLSServerConnection(context)
    let isWritten = connection.write(Self.hello.span)
    let output = connection.takeOutput()
    #expect(!isWritten && output == [])
    connection.close()
    let other = try Self.context()
    #expect(throws: OpenSSLError.self) {
      _ = try TLSServerContext(certificate: issued.certificate.span, key: other.key.span)
    }
    #expect(throws: OpenSSLError.self) {
      _ = try TLSServerContext(certificate: issued.key.span, key: other.key.span)
    }
  }
}
