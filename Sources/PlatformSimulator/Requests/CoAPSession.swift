// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import OpenSSLSupport
internal import PlatformCore

/// A device's session, with its CoAP-specific state.
struct CoAPSession {
  let platform: PlatformSession
  let state: State

  /// `nil` for a session that was not started over CoAP.
  init?(_ session: PlatformSession) {
    guard let state = session.companion as? State else { return nil }
    platform = session
    self.state = state
  }

  /// Gives a new session its CoAP state; throws if OpenSSL fails.
  init(
    new session: PlatformSession,
    answersSeparately: Bool,
    protection: SimulatorConfiguration.Protection
  ) throws(OpenSSLError) {
    let key = protection == .symmetric ? try State.cipher(of: session) : nil
    platform = session
    state = State(key, answersSeparately: answersSeparately)
    session.companion = state
  }

  /// The session's key, and the form of its responses.
  ///
  /// Written from the protocol's facts, separately from the client's layers: both share only
  /// OpenSSL.
  final class State {
    let answersSeparately: Bool
    /// The last answer that was too long for a message.
    var kept: KeptReply?
    /// `nil` if DTLS records protect the messages.
    private var cipher: AES128CBC?

    init(_ cipher: consuming AES128CBC?, answersSeparately: Bool) {
      self.cipher = cipher
      self.answersSeparately = answersSeparately
    }

    static func cipher(of session: PlatformSession) throws(OpenSSLError) -> AES128CBC {
      // The key consists of digits 16 to 47 of the hexadecimal SHA-256 of "secret,random".
      var material = session.device.secret + [UInt8(ascii: ",")] + session.random
      defer {
        var span = material.mutableSpan
        wipe(&span)
      }
      var digest = try Hash.sha256.digest(of: material.span)
      defer { digest.withStorage { wipe(&$0) } }
      let vector = Array("543yhjy97ae7fyfg".utf8)
      return try AES128CBC(key: digest.bytes.extracting(8..<24), vector: vector.span)
    }

    /// The plaintext; `nil` if the bytes cannot be decrypted.
    func decrypt(_ bytes: Span<UInt8>) -> [UInt8]? {
      transform(capacity: bytes.count) { writer throws(OpenSSLError) in
        try cipher?.decrypt(bytes, into: &writer) ?? false
      }
    }

    /// The ciphertext; `nil` only if OpenSSL fails.
    func encrypt(_ bytes: [UInt8]) -> [UInt8]? {
      transform(capacity: AES128CBC.sealedCount(bytes.count)) { writer throws(OpenSSLError) in
        try cipher?.encrypt(bytes.span, into: &writer) ?? false
      }
    }

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
}

extension SimulatedPlatform {
  /// The session with a request's token.
  func session(
    of options: RequestOptions,
    at now: Instant,
    record: inout RequestRecord
  ) throws(CoAPRefusal) -> CoAPSession {
    guard let token = options.token else {
      throw CoAPRefusal(
        code: configuration.assumptions.missingToken,
        note: "option \(configuration.tokenOption) is missing"
      )
    }
    let session = try ask { () throws(Refusal) in
      try core.session(token, at: now, &record.notes)
    }
    guard let made = CoAPSession(session) else {
      throw CoAPRefusal(
        code: configuration.assumptions.unknownToken,
        note: "the token was not given over CoAP"
      )
    }
    return made
  }
}
