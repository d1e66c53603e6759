internal import ConstrainedCore
internal import OpenSSLSupport

/// What the platform remembers of a device that has authenticated.
///
/// Written from the protocol's facts, apart from the client's layers: both meet only in OpenSSL.
final class PlatformSession {
  let device: SimulatedDevice
  let token: [UInt8]
  let random: [UInt8]
  let sequenceOffset: UInt64
  let expiry: Instant
  let answersSeparately: Bool
  /// `nil` where the messages lie in DTLS records.
  private var cipher: AES128CBC?
  private var usedSequences: Set<UInt64> = []
  /// How many requests with the token were taken.
  var uses = 0
  /// The last answer that was too long for a message.
  var kept: KeptReply?

  /// How many numbers are remembered; a session that used them all must authenticate again.
  private static let maxSequences = 1_000_000

  init(
    device: SimulatedDevice,
    token: [UInt8],
    random: [UInt8],
    sequenceOffset: UInt64,
    expiry: Instant,
    answersSeparately: Bool,
    protection: SimulatorConfiguration.Protection
  ) throws {
    self.device = device
    self.token = token
    self.random = random
    self.sequenceOffset = sequenceOffset
    self.expiry = expiry
    self.answersSeparately = answersSeparately
    guard protection == .symmetric else {
      cipher = nil
      return
    }
    // The key: digits 16 to 47 of the hexadecimal SHA-256 of "secret,random".
    var material = device.secret + [UInt8(ascii: ",")] + random
    defer {
      var span = material.mutableSpan
      wipe(&span)
    }
    var digest = try Hash.sha256.digest(of: material.span)
    defer { digest.withStorage { wipe(&$0) } }
    let vector = Array("543yhjy97ae7fyfg".utf8)
    cipher = try AES128CBC(key: digest.bytes.extracting(8..<24), vector: vector.span)
  }

  var isFull: Bool { usedSequences.count >= Self.maxSequences }

  /// The plaintext, or `nil` when the bytes do not decrypt.
  func decrypt(_ bytes: Span<UInt8>) -> [UInt8]? {
    transform(capacity: bytes.count) { writer throws(OpenSSLError) in
      try cipher?.decrypt(bytes, into: &writer) ?? false
    }
  }

  /// The ciphertext; `nil` only when OpenSSL fails.
  func encrypt(_ bytes: [UInt8]) -> [UInt8]? {
    transform(capacity: AES128CBC.sealedCount(bytes.count)) { writer throws(OpenSSLError) in
      try cipher?.encrypt(bytes.span, into: &writer) ?? false
    }
  }

  /// Notes the number; `false` when the session has seen it before.
  func use(_ sequence: UInt64) -> Bool { usedSequences.insert(sequence).inserted }

  private func transform(
    capacity: Int,
    _ body: (inout ByteWriter) throws(OpenSSLError) -> Bool
  ) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: capacity)
    var writer = ByteWriter(buffer.mutableSpan)
    do throws(OpenSSLError) {
      guard try body(&writer) else { return nil }
    } catch {
      return nil
    }
    let count = writer.count
    return Array(buffer[..<count])
  }
}
