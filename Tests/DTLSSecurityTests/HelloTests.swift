// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DTLSSecurity
import SecurityLayer
import Testing

/// A ClientHello (RFC 5246 Section 7.4.1.2, RFC 6347 Section 4.2.1) in parts.
private struct ClientHello {
  var cookie: [UInt8] = []
  var suites: [UInt16] = []
  var extensions: [UInt16: [UInt8]] = [:]
  /// The whole body with the cookie removed.
  var withoutCookie: [UInt8] = []

  /// Reads the datagram's first record: 13 bytes of its header, 12 of the message's.
  init(_ datagram: [UInt8]) throws {
    try #require(datagram[0] == 22 && datagram[13] == 1)
    let body = Array(datagram[25...])
    // Version, random, session ID.
    var offset = 2 + 32
    offset += 1 + Int(body[offset])
    withoutCookie = Array(body[..<offset]) + [0]
    cookie = Array(body[(offset + 1)...].prefix(Int(body[offset])))
    offset += 1 + cookie.count
    withoutCookie += body[offset...]
    let count = Self.number(body, offset)
    for place in stride(from: offset + 2, to: offset + 2 + count, by: 2) {
      suites.append(UInt16(Self.number(body, place)))
    }
    offset += 2 + count
    offset += 1 + Int(body[offset]) + 2
    while offset < body.count {
      let length = Self.number(body, offset + 2)
      extensions[UInt16(Self.number(body, offset))] = Array(body[(offset + 4)...].prefix(length))
      offset += 4 + length
    }
  }

  private static func number(_ bytes: [UInt8], _ offset: Int) -> Int {
    Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
  }
}

@Suite("The hello (RFC 6347 Section 4.2.1, RFC 7252 Section 9.1.3)")
struct HelloTests {
  let report = Array("a report".utf8)

  @Test func `the hello with the cookie is the first one with the cookie added`() throws {
    let association = try Association(asksForCookie: true)
    #expect(try !association.send(report))
    let first = try ClientHello(#require(association.up.first))
    #expect(first.cookie.isEmpty)
    try association.toServer(association.up.removeFirst())
    // HelloVerifyRequest, type 3, of a server that names DTLS 1.0 in it.
    let request = try #require(association.down.first)
    #expect(request[13] == 3 && Array(request[25..<27]) == [0xFE, 0xFF])
    try association.toDevice(association.down.removeFirst())
    let second = try ClientHello(#require(association.up.first))
    #expect(!second.cookie.isEmpty)
    #expect(second.withoutCookie == first.withoutCookie)
    // ServerHello, type 2: DTLS 1.2 all the same.
    try association.toServer(association.up.removeFirst())
    let answer = try #require(association.down.first)
    #expect(answer[13] == 2 && Array(answer[25..<27]) == [0xFE, 0xFD])
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
  }

  @Test func `it offers CCM_8 and P-256, points that are not compressed, and no RC4`() throws {
    let association = try Association()
    #expect(try !association.send(report))
    let hello = try ClientHello(#require(association.up.first))
    // ChaCha20-Poly1305, CCM_8, CCM and GCM, all with ephemeral keys, and RFC 5746's signal.
    #expect(
      hello.suites == [0xCCA9, 0xCCA8, 0xC0AE, 0xC0AC, 0xC02B, 0xC02F, 0x00FF]
    )
    // Supported groups: X25519 and secp256r1.
    #expect(hello.extensions[10] == [0, 4, 0, 29, 0, 23])
    // Point formats: 0 is uncompressed.
    #expect(hello.extensions[11]?.dropFirst().contains(0) == true)
    // Signature algorithms: ECDSA and RSA with SHA-256.
    #expect(hello.extensions[13] == [0, 4, 4, 3, 4, 1])
    // The server's name (RFC 6066 Section 3).
    #expect(hello.extensions[0]?.suffix(9) == Array("localhost".utf8)[...])
  }

  @Test func `with a pre-shared key it offers CCM_8`() throws {
    let (identity, key) = (Array("device".utf8), Array("a key of some bytes".utf8))
    var device = try DTLSSecurity(identity: identity.span, key: key.span)
    let now = Instant(milliseconds: 1_000)
    var buffer = [UInt8](repeating: 0xA5, count: 2_048)
    #expect(throws: SecurityError.notEstablished) {
      var writer = ByteWriter(buffer.mutableSpan)
      try device.wrap(report.span, into: &writer, at: now)
    }
    var writer = ByteWriter(buffer.mutableSpan)
    #expect(try device.pollTransmit(into: &writer, at: now))
    let count = writer.count
    let hello = try ClientHello(Array(buffer[..<count]))
    #expect(hello.suites == [0xCCAB, 0xC0A8, 0xC0A4, 0x00A8, 0x00FF])
  }
}
