internal import CBORPayload
internal import ConstrainedCore
internal import OpenSSLSupport
internal import PacketCapture
internal import Platform
internal import PlatformCoAP
internal import SecurityLayer
internal import SymmetricSecurity

/// Who sent a message, and to whom.
struct Link: Equatable {
  let source: Endpoint
  let destination: Endpoint

  /// The way back.
  var reversed: Link { Link(source: destination, destination: source) }
}

/// The device secret, and the keys that are made with it.
final class KnownSecret {
  private var bytes: [UInt8]

  /// Copies 1 to 128 bytes.
  init(_ bytes: Span<UInt8>) throws(SecurityError) {
    guard (1...SecretBytes.maxCount).contains(bytes.count) else { throw .capacity }
    self.bytes = bytes.indices.map { bytes[$0] }
  }

  deinit {
    var span = bytes.mutableSpan
    wipe(&span)
  }

  /// What opens a session of that random, 1 to 32 bytes.
  func security(random: Span<UInt8>) throws(SecurityError) -> SymmetricSecurity {
    let secret = bytes
    var security = SymmetricSecurity()
    try security.establish(secret: secret.span, random: random)
    return security
  }
}

/// A session in symmetric mode: what `/auth` answered, and the key that is made of it.
final class KnownSession {
  /// What the session's reports carry; empty where only the random was given.
  let token: [UInt8]

  /// What the key is made of, with the secret.
  let random: [UInt8]

  /// From the device to the platform, as last seen; a NAT may give the device another address.
  var link: Link?

  /// `nil` where the secret is not known.
  private var security: SymmetricSecurity?

  init(
    token: [UInt8],
    random: [UInt8],
    on link: Link?,
    security: consuming SymmetricSecurity?
  ) {
    self.token = token
    self.random = random
    self.link = link
    self.security = security
  }

  /// Whether the secret is known too.
  var hasKey: Bool { security != nil }

  /// The plain text of `bytes`; `nil` when it does not come out.
  func open(_ bytes: Span<UInt8>) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: bytes.count)
    var writer = ByteWriter(buffer.mutableSpan)
    do throws(SecurityError) {
      guard try security?.open(payload: bytes, into: &writer) != nil else { return nil }
    } catch {
      return nil
    }
    let count = writer.count
    return Array(buffer[..<count])
  }

  /// The number in an option 2089; `nil` when none comes out.
  ///
  /// Under a wrong key that happens once in 2^40 at the most: padding and digits must fit.
  func openSequence(_ bytes: Span<UInt8>) -> UInt64? {
    guard let digits = open(bytes), !digits.isEmpty,
      digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
    else { return nil }
    return UInt64(String(decoding: digits, as: UTF8.self))
  }
}

/// Token and random in what the platform answers to `/auth` (device guide 3.6), in JSON or CBOR.
struct SessionAnswer {
  let token: [UInt8]
  let random: [UInt8]

  /// `nil` when the payload is anything else, as the answer of the DTLS mode, which has no random.
  init?(_ payload: Span<UInt8>) {
    guard payload.count > 0 else { return nil }
    let answer: AuthenticationAnswer
    do throws(AuthenticationAnswerError) {
      // A map of CBOR has 5 in its first three bits, which no text of JSON begins with.
      answer =
        payload[0] >> 5 == 5
        ? try AuthenticationAnswer(CBORReader(payload)) : try AuthenticationAnswer(json: payload)
    } catch {
      return nil
    }
    guard !answer.random.isEmpty else { return nil }
    token = answer.token.bytes.indices.map { answer.token.bytes[$0] }
    random = answer.random.bytes.indices.map { answer.random.bytes[$0] }
  }
}
