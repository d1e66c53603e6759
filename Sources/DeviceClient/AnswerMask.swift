// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import OpenSSLSupport
internal import Synchronization

/// Hides what a server repeats of the device's credentials: its secret, and the token that was sent last.
///
/// Shared by a client's core and its `MeteredHTTPSLayer`.
final class AnswerMask: Sendable {
  private struct Known: ~Copyable {
    let secret: SecretBytes?
    var token = FixedBytes<192>()
  }

  private let known: Mutex<Known>

  /// A mask for a device with that secret, which is copied.
  init(secret: borrowing SecretBytes) {
    known = Mutex(Known(secret: SecretBytes(copying: secret.bytes)))
  }

  deinit { known.withLock { $0.token.withStorage { wipe(&$0) } } }

  /// Takes the token of a request.
  func note(token: Span<UInt8>) {
    known.withLock { known in
      // Both have 192 bytes at most.
      try? known.token.replace(with: token)
    }
  }

  /// The bytes with `…` in place of each.
  func apply(to bytes: [UInt8]) -> [UInt8] {
    known.withLock { known in
      let masked = Self.replace(known.token.bytes, in: bytes)
      switch known.secret {
      case .some(let secret): return Self.replace(secret.bytes, in: masked)
      case nil: return masked
      }
    }
  }

  /// The bytes with `…` in place of a secret; fewer than 8 bytes protect nothing, and may be a word of the text.
  private static func replace(_ secret: Span<UInt8>, in bytes: [UInt8]) -> [UInt8] {
    guard secret.count >= 8, bytes.count >= secret.count else { return bytes }
    var masked: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let end = index + secret.count
      if end <= bytes.count, bytes.span.extracting(index..<end).isEqual(to: secret) {
        masked += Array("…".utf8)
        index = end
      } else {
        masked.append(bytes[index])
        index += 1
      }
    }
    return masked
  }
}
