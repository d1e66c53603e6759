// SPDX-License-Identifier: Apache-2.0
internal import CBORPayload
internal import ConstrainedCore
internal import OpenSSLSupport
internal import PacketCapture
internal import Platform
internal import PlatformCoAP
internal import SecurityLayer
internal import SymmetricSecurity

/// The sender and the receiver of a message.
struct Link: Equatable {
  let source: Endpoint
  let destination: Endpoint

  /// The opposite direction.
  var reversed: Link { Link(source: destination, destination: source) }
}

/// The device secret, from which session keys are derived.
final class KnownSecret {
  private var bytes: [UInt8]

  /// Copies a secret of 1 to 128 bytes.
  init(_ bytes: Span<UInt8>) throws(SecurityError) {
    guard (1...SecretBytes.maxCount).contains(bytes.count) else { throw .capacity }
    self.bytes = bytes.indices.map { bytes[$0] }
  }

  deinit {
    var span = bytes.mutableSpan
    wipe(&span)
  }

  /// The decryption for a session with that random, 1 to 32 bytes.
  func security(random: Span<UInt8>) throws(SecurityError) -> SymmetricSecurity {
    let secret = bytes
    var security = SymmetricSecurity()
    try security.establish(secret: secret.span, random: random)
    return security
  }
}

/// A session in symmetric mode: the answer to `/auth`, and the key derived from it.
final class KnownSession {
  /// The token in the session's reports; empty if only the random is known.
  let token: [UInt8]

  /// The random from which, together with the secret, the key is derived.
  let random: [UInt8]

  /// The last seen addresses, from the device to the platform; a NAT may change the device's.
  var link: Link?

  /// `nil` if the secret is not known.
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

  /// Whether the secret is known.
  var hasKey: Bool { security != nil }

  /// The decrypted `bytes`; `nil` if they cannot be decrypted.
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

  /// The decrypted number of an option 2089; `nil` if it cannot be decrypted.
  ///
  /// A wrong key passes at most once in 2^40: the padding must be right, and the content must be
  /// digits.
  func openSequence(_ bytes: Span<UInt8>) -> UInt64? {
    guard let digits = open(bytes), !digits.isEmpty,
      digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
    else { return nil }
    return UInt64(String(decoding: digits, as: UTF8.self))
  }
}

/// Token and random of the platform's answer to `/auth` (device guide 3.6), in JSON or CBOR.
struct SessionAnswer {
  let token: [UInt8]
  let random: [UInt8]

  /// `nil` for any other payload, such as the answer of the DTLS mode, which has no random.
  init?(_ payload: Span<UInt8>) {
    guard payload.count > 0 else { return nil }
    let answer: AuthenticationAnswer
    do throws(AuthenticationAnswerError) {
      // The first three bits of a CBOR map are 5; no JSON text begins that way.
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
