// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding
internal import SecurityLayer
internal import SymmetricSecurity

/// The decrypted parts of a message.
struct OpenedMessage {
  /// The state of a payload.
  enum Payload {
    /// Plaintext, as far as is known.
    case plain
    /// The decrypted payload.
    case opened([UInt8])
    /// Not decrypted; known to be encrypted only if a sequence number or the request says so.
    case unopened(Obstacle, isEncrypted: Bool)
  }

  /// The numbers of the options 2089 in order; empty if any of them cannot be decrypted.
  var sequences: [UInt64] = []

  /// Why they could not be decrypted.
  var obstacle: Obstacle?

  var payload = Payload.plain
}

/// Why something encrypted could not be decrypted.
enum Obstacle: CustomStringConvertible {
  /// The random is known, but not the secret.
  case needsSecret
  case needsSecretAndRandom
  /// The secret is known, but not the random.
  case needsRandom
  /// Decryption failed.
  case anotherKey
  /// A block of a body that is encrypted as a whole.
  case isBlock

  var description: String {
    switch self {
    case .needsSecret: "give the device's secret to see it"
    case .needsSecretAndRandom: "give the device's secret and the session's random to see it"
    case .needsRandom:
      "the answer to /auth that gave its token was not seen: give the session's random"
    case .anotherKey:
      "cannot be opened: another key or secret, altered on the way, or not encrypted"
    case .isBlock: "a block of a body that is encrypted as a whole; blocks are not reassembled here"
    }
  }
}

/// The sessions in symmetric mode of the messages so far.
///
/// A session is learned from the answer to `/auth`. A request belongs to the session whose token it
/// carries, an answer to the session of its request. At most 256 sessions and 1,024 requests are
/// kept; the oldest are dropped first.
struct SessionTable {
  /// A request that may still be answered.
  private struct Request {
    enum Kind {
      /// `/auth` and paths below it, in plaintext both ways (device guide 3.6).
      case authentication
      case plain
      case opened(KnownSession)
      case unopened(Obstacle)
    }

    let link: Link?
    let token: Token
    let messageID: UInt16
    let kind: Kind
  }

  /// `nil` to show only plaintext.
  private let secret: KnownSecret?

  /// The session whose random the caller has given.
  private let given: KnownSession?
  private var sessions = Recent<KnownSession>(capacity: 256)
  private var requests = Recent<Request>(capacity: 1_024)

  /// Decrypts nothing.
  init() {
    secret = nil
    given = nil
  }

  /// Decrypts sessions of that secret once their answer to `/auth` has been seen.
  init(secret: Span<UInt8>) throws(SecurityError) {
    self.secret = try KnownSecret(secret)
    given = nil
  }

  /// Also decrypts the session of that random, 1 to 32 bytes, and tries it first.
  init(secret: Span<UInt8>, random: Span<UInt8>) throws(SecurityError) {
    let known = try KnownSecret(secret)
    self.secret = known
    given = KnownSession(
      token: [],
      random: Self.array(random),
      on: nil,
      security: try known.security(random: random)
    )
  }

  /// Decrypts a message, and records what is needed for later ones.
  mutating func open(_ view: MessageView, on link: Link?) -> OpenedMessage {
    if view.code.isRequest { return openRequest(view, on: link) }
    guard view.code.isResponse, view.payload.count > 0 else { return OpenedMessage() }
    var opened = OpenedMessage()
    opened.payload = openAnswer(view, on: link)
    return opened
  }

  // MARK: Requests

  private mutating func openRequest(
    _ view: MessageView,
    on link: Link?
  ) -> OpenedMessage {
    var opened = OpenedMessage()
    let kind = openRequest(view, on: link, into: &opened)
    requests.add(Request(link: link, token: view.token, messageID: view.messageID, kind: kind))
    return opened
  }

  private func openRequest(
    _ view: MessageView,
    on link: Link?,
    into opened: inout OpenedMessage
  ) -> Request.Kind {
    guard view.first(.uriPath)?.value.isEqual(to: "auth") != true else { return .authentication }
    let owners = owners(of: view)
    guard view.first(.platformSequence) != nil else {
      return openUnnumbered(view, owners, into: &opened)
    }
    // An unknown token may be of any session: the number shows which.
    let candidates = owners.isEmpty ? Array(sessions.newestFirst) : owners
    for session in (given.map { [$0] } ?? []) + candidates {
      opened.sequences = Self.sequences(of: view, in: session)
      guard !opened.sequences.isEmpty else { continue }
      if session !== given { session.link = link }
      opened.payload = Self.payload(of: view, in: session, isEncrypted: true)
      return .opened(session)
    }
    let obstacle = obstacle(to: owners)
    opened.sequences = []
    opened.obstacle = obstacle
    if view.payload.count > 0, !PayloadLines.isJSON(view.payload) {
      opened.payload = .unopened(obstacle, isEncrypted: true)
    }
    return .unopened(obstacle)
  }

  /// A request without a sequence number is not a report; its payload is still tried if a person
  /// has given the random, or if its token is known.
  private func openUnnumbered(
    _ view: MessageView,
    _ owners: [KnownSession],
    into opened: inout OpenedMessage
  ) -> Request.Kind {
    guard let session = given ?? owners.first, session.hasKey else { return .plain }
    if view.payload.count > 0 {
      opened.payload = Self.payload(of: view, in: session, isEncrypted: false)
    }
    return .opened(session)
  }

  /// The sessions with the token of a request, the newest first.
  private func owners(of view: MessageView) -> [KnownSession] {
    for number in [OptionNumber.platformToken, .legacyPlatformToken] {
      guard let option = view.first(number) else { continue }
      let token = Self.array(option.value)
      return sessions.newestFirst.filter { $0.token == token }
    }
    return []
  }

  /// Why no session could decrypt something.
  private func obstacle(to owners: [KnownSession]) -> Obstacle {
    guard secret != nil else { return owners.isEmpty ? .needsSecretAndRandom : .needsSecret }
    return owners.isEmpty && given == nil ? .needsRandom : .anotherKey
  }

  // MARK: Answers

  private mutating func openAnswer(
    _ view: MessageView,
    on link: Link?
  ) -> OpenedMessage.Payload {
    let (token, messageID, isPiggybacked) =
      (view.token, view.messageID, view.type == .acknowledgement)
    let request = requests.newestFirst.first { request in
      request.link == link?.reversed && request.token == token
        // RFC 7252 Section 5.3.2: a piggybacked response also has the request's message ID.
        && (!isPiggybacked || request.messageID == messageID)
    }
    switch request?.kind {
    case .authentication:
      learn(view, on: link)
      return .plain
    case .plain: return .plain
    case .opened(let session): return Self.payload(of: view, in: session, isEncrypted: false)
    case .unopened(let obstacle):
      return ReadableText.isReadable(view.payload) ? .plain : .unopened(obstacle, isEncrypted: true)
    case nil:
      if learn(view, on: link) || ReadableText.isReadable(view.payload) { return .plain }
      return openUnasked(view, on: link)
    }
  }

  /// A response whose request was not seen.
  private func openUnasked(
    _ view: MessageView,
    on link: Link?
  ) -> OpenedMessage.Payload {
    // One in 256 payloads decrypts under a wrong key by chance. So only the link's last sessions
    // are tried, and the result must make sense.
    let recent = sessions.newestFirst.lazy.filter { $0.hasKey && $0.link == link?.reversed }.prefix(
      4
    )
    for session in recent {
      guard let inside = session.open(view.payload) else { continue }
      if PayloadLines.saysSomething(inside.span, view.contentFormat) { return .opened(inside) }
    }
    guard let given else { return .plain }
    return Self.payload(of: view, in: given, isEncrypted: false)
  }

  /// Learns a session from an answer to `/auth`; `false` if the payload is not one.
  @discardableResult
  private mutating func learn(_ view: MessageView, on link: Link?) -> Bool {
    guard view.code.isSuccess, let answer = SessionAnswer(view.payload) else { return false }
    let known = sessions.newestFirst.first { $0.token == answer.token }
    // A retransmission, or captured on two interfaces.
    guard known?.random != answer.random else { return true }
    sessions.add(
      KnownSession(
        token: answer.token,
        random: answer.random,
        on: link?.reversed,
        security: security(random: answer.random.span)
      )
    )
    return true
  }

  /// `nil` without a secret, or if memory is short; the session's messages then stay encrypted.
  private func security(random: Span<UInt8>) -> SymmetricSecurity? {
    do throws(SecurityError) { return try secret?.security(random: random) } catch { return nil }
  }

  // MARK: Shared by both

  /// All numbers of the message; empty if any of them cannot be decrypted.
  private static func sequences(of view: MessageView, in session: KnownSession) -> [UInt64] {
    var result: [UInt64] = []
    var iterator = view.options
    while let option = iterator.next() {
      guard option.number == .platformSequence else { continue }
      guard let number = session.openSequence(option.value) else { return [] }
      result.append(number)
    }
    return result
  }

  private static func payload(
    of view: MessageView,
    in session: KnownSession,
    isEncrypted: Bool
  ) -> OpenedMessage.Payload {
    // Ciphertext is not JSON, nor text without control characters.
    let isPlain =
      isEncrypted ? PayloadLines.isJSON(view.payload) : ReadableText.isReadable(view.payload)
    guard view.payload.count > 0, !isPlain else { return .plain }
    if isBlock(view) { return .unopened(.isBlock, isEncrypted: true) }
    if let inside = session.open(view.payload) { return .opened(inside) }
    return .unopened(.anotherKey, isEncrypted: isEncrypted)
  }

  /// Whether the payload is a block of a longer body (RFC 7959 Section 2.2): by Block1 in a
  /// request, by Block2 in a response.
  private static func isBlock(_ view: MessageView) -> Bool {
    let number: OptionNumber = view.code.isRequest ? .block1 : .block2
    guard let value = view.first(number)?.uintValue else { return false }
    return value >> 4 != 0 || value & 8 != 0
  }

  private static func array(_ bytes: Span<UInt8>) -> [UInt8] { bytes.indices.map { bytes[$0] } }
}
