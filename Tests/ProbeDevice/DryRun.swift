// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import OpenSSLSupport
internal import Platform
internal import ReportLink
internal import SecurityLayer
internal import SymmetricSecurity

/// The platform of a measurement: answers made once, with message ID and token of each request put in.
struct CannedPlatform {
  private var authentication = FixedBytes<256>()
  private var report = FixedBytes<64>()

  init?(secret: Span<UInt8>) {
    let random = bytes("70d4dbd6121c0df0")
    let answer = bytes(
      #"{"random":"70d4dbd6121c0df0","seqOffset":1,"token":"OgNYztTrnl8BsV6dN1RDlutapYbPTX.70d4"}"#
    )
    var security = SymmetricSecurity()
    var sealed = FixedBytes<32>()
    do throws(SecurityError) {
      try security.establish(secret: secret, random: random.bytes)
      try sealed.write { (writer: inout ByteWriter) throws(SecurityError) in
        try security.seal(payload: bytes(#"{"id":1}"#).bytes, into: &writer)
      }
    } catch {
      return nil
    }
    do throws(MessageWriterError) {
      try authentication.fill { (storage) throws(MessageWriterError) in
        var message = try Self.begin(storage)
        try message.payload(answer.bytes)
        return message.count
      }
      try report.fill { (storage) throws(MessageWriterError) in
        var message = try Self.begin(storage)
        try message.option(.platformMessageID, random.bytes.extracting(0..<8))
        try message.payload(sealed.bytes)
        return message.count
      }
    } catch {
      return nil
    }
  }

  @_lifetime(copy storage)
  private static func begin(
    _ storage: consuming MutableSpan<UInt8>
  ) throws(MessageWriterError) -> MessageWriter {
    try MessageWriter(
      storage,
      type: .acknowledgement,
      code: .content,
      messageID: 0,
      token: Token(0)
    )
  }

  /// Hands `take` the answer to a request with a token of 4 bytes.
  mutating func answer(
    _ request: Span<UInt8>,
    toAuthentication: Bool,
    _ take: (Span<UInt8>) -> Void
  ) {
    if toAuthentication {
      authentication.withStorage { for index in 2..<8 { $0[index] = request[index] } }
      take(authentication.bytes)
    } else {
      report.withStorage { for index in 2..<8 { $0[index] = request[index] } }
      take(report.bytes)
    }
  }
}

/// Reports `count` times without a socket, a second apart on a clock of its own; says how many were
/// acknowledged with a decrypted answer.
func reportDry(
  _ session: inout CoAPLink<SymmetricSecurity, SystemRandom>,
  _ topic: Topic,
  _ payload: Span<UInt8>,
  _ platform: inout CannedPlatform,
  count: UInt32
) -> UInt32 {
  var now = Instant(milliseconds: 1_000_000)
  var datagram = FixedBytes<1_472>()
  var acknowledged: UInt32 = 0
  for _ in 0..<count {
    now = now + Milliseconds(1_000)
    guard (try? session.publish(topic: topic, payload: payload, at: now)) != nil else { break }
    var isOver = false
    while !isOver {
      var transmission: DeviceTransmission?
      datagram.write { (writer: inout ByteWriter) in
        transmission = try? session.pollTransmit(into: &writer, at: now)
      }
      guard let transmission else { return acknowledged }
      let isAuthentication = transmission == .authentication(attempt: 1)
      platform.answer(datagram.bytes, toAuthentication: isAuthentication) {
        session.handleDatagram($0, at: now)
      }
      while let event = session.pollEvent() {
        guard case .report(let result) = event else { continue }
        isOver = true
        if result.outcome == .acknowledged, session.answer.count == 8 { acknowledged += 1 }
      }
    }
  }
  return acknowledged
}
