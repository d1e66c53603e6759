// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import HTTPSLayer
internal import MQTTLayer
public import OpenSSLSupport
public import Platform
internal import PlatformCredentials
internal import PlatformHTTPS
internal import SecurityLayer

/// Authenticates a device at `POST /auth/devicename`, and holds what that brings: user name, password and address of its
/// MQTT connections (device guide 3.2).
///
/// A state machine over an `HTTPSLayer`. Order of calls: `begin`, then `pollResult` until it gives something.
public struct TokenSource<Requests: HTTPSLayer & ~Copyable>: ~Copyable {
  private var requests: Requests
  private let identity: DeviceIdentity
  private let secret: SecretBytes
  let settings: TokenSettings

  /// The user name; empty without a token.
  private var userName = FixedBytes<128>()
  private var password = FixedBytes<256>()
  /// The address for MQTT; empty where the platform has named none.
  private var host = FixedBytes<255>()
  private var port: UInt16 = 0
  /// When the token was got; `nil` where an earlier process did, whose owner watches its age.
  private var since: Instant?
  /// Whether the owner has not stored the token yet.
  private(set) var isUnkept = false
  /// The platform's text in its last answer, for people; empty without one.
  public private(set) var message = FixedBytes<128>()

  /// A device without a token; nothing is sent yet.
  public init(
    identity: DeviceIdentity,
    secret: consuming SecretBytes,
    settings: TokenSettings = TokenSettings(),
    requests: consuming Requests
  ) {
    self.identity = identity
    self.secret = secret
    self.settings = settings
    self.requests = requests
  }

  var descriptor: Int32 { requests.descriptor }

  /// Whether there is a token that is good at `now`, as far as its age is known; one that is not is forgotten.
  mutating func hasToken(at now: Instant) -> Bool {
    if let since, now - since >= settings.tokenLifetime { forget() }
    return !userName.isEmpty
  }

  /// Where to connect, if the answer has said so and is to be followed.
  var address: (host: FixedBytes<255>, port: UInt16)? {
    mutating get { settings.takesAddress && !host.isEmpty ? (host, port) : nil }
  }

  /// Writes names and password of a connection; the client id is the identity's own, without options.
  mutating func write(into request: inout MQTTConnect) {
    request.userName = userName
    request.password = password
    // 64 bytes at most.
    try? request.clientID.replace(with: identity.clientID.bytes)
  }

  /// Overwrites the token and forgets it.
  mutating func forget() {
    password.withStorage { wipe(&$0) }
    password.removeAll()
    userName.removeAll()
    host.removeAll()
    port = 0
    since = nil
    isUnkept = false
  }

  mutating func noteKept() { isUnkept = false }

  // MARK: - The request

  /// Sends the request; why it cannot be sent, or `nil`.
  mutating func begin() -> MQTTAuthenticationFailure? {
    forget()
    message.removeAll()
    let request = HTTPSAuthenticationRequest(
      signMethod: settings.signMethod,
      timestamp: settings.timestamp
    )
    let sign: FixedBytes<32>
    do throws(SecurityError) {
      sign = try settings.signMethod.signature(key: secret.bytes) {
        (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeSigningContent(identity, into: &writer)
      }
    } catch {
      return .signing
    }
    var body = FixedBytes<640>()
    var head = HTTPSRequest()
    head.content = .form
    head.limit = settings.answerTimeout
    do throws(CapacityError) {
      try head.path.replace(with: Span("/auth/devicename" as StaticString))
      try body.write { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeForm(identity, signature: sign.bytes, into: &writer)
      }
    } catch {
      // Names and client id are short enough.
      return .memory
    }
    return requests.begin(head, body: body.bytes) ? nil : .memory
  }

  /// Gives the request up.
  mutating func cancel() {
    requests.cancel()
    requests.close()
  }

  /// How the request has ended; `nil` while it has not.
  mutating func pollResult(at now: Instant) -> TokenResult? {
    guard let event = requests.pollEvent() else { return nil }
    var failure: MQTTAuthenticationFailure?
    switch event {
    case .failed(let reason, _): failure = .transfer(reason)
    case .answered: failure = take(at: now)
    }
    // The next one is days away.
    requests.close()
    return if let failure { .failed(failure) } else { .token }
  }

  /// Takes the answer; why it brings nothing, or `nil`.
  private mutating func take(at now: Instant) -> MQTTAuthenticationFailure? {
    let status = requests.head.status
    let isGood = status >= 200 && status < 300
    let answer: MQTTAuthenticationAnswer
    do throws(HTTPSAnswerError) {
      answer = try MQTTAuthenticationAnswer(json: requests.body)
    } catch {
      return isGood ? .answer : .status(status)
    }
    message = answer.message
    guard answer.isSuccess else { return .code(UInt32(truncatingIfNeeded: answer.code)) }
    // A success beside another status is not the platform's.
    guard isGood else { return .status(status) }
    // Both stand in CONNECT as texts.
    guard isPrintable(answer.iotID.bytes), isPrintable(answer.iotToken.bytes) else {
      return .answer
    }
    userName = answer.iotID
    password = answer.iotToken
    if let port = answer.port, !answer.host.isEmpty {
      host = answer.host
      self.port = port
    }
    since = now
    isUnkept = true
    return nil
  }

  /// Whether there is something, and visible characters alone.
  private func isPrintable(_ bytes: Span<UInt8>) -> Bool {
    for index in bytes.indices where bytes[index] <= 0x20 || bytes[index] >= 0x7F { return false }
    return !bytes.isEmpty
  }

  // MARK: - Over a restart

  /// Writes the user name, and the rest: the port in two bytes, the host behind its length, the password.
  func write(_ name: inout FixedBytes<192>, _ rest: inout FixedBytes<2048>) {
    name.write { (writer: inout ByteWriter) in
      // 128 bytes at most.
      try? writer.append(userName.bytes)
    }
    rest.write { (writer: inout ByteWriter) in
      // 514 bytes at most.
      try? writer.append(UInt8(truncatingIfNeeded: port &>> 8))
      try? writer.append(UInt8(truncatingIfNeeded: port))
      try? writer.append(UInt8(truncatingIfNeeded: host.count))
      try? writer.append(host.bytes)
      try? writer.append(password.bytes)
    }
  }

  /// Takes what `write` has written; without a token where it cannot be that.
  mutating func restore(_ name: Span<UInt8>, _ rest: Span<UInt8>) {
    forget()
    guard rest.count > 3, rest.count > 3 + Int(rest[2]), isPrintable(name) else { return }
    let end = 3 + Int(rest[2])
    let secret = rest.extracting(end..<rest.count)
    guard isPrintable(secret) else { return }
    do throws(CapacityError) {
      try host.replace(with: rest.extracting(3..<end))
      try password.replace(with: secret)
      try userName.replace(with: name)
      port = UInt16(rest[0]) &<< 8 | UInt16(rest[1])
    } catch {
      forget()
    }
  }
}

/// How an authentication has ended.
enum TokenResult {
  case token
  case failed(MQTTAuthenticationFailure)
}
