// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import CoAPLink
import CoAPMessage
import ConstrainedCore
import DTLSSecurity
import EitherSecurity
import OpenSSLSupport
import PayloadCoding
import Platform
import PlatformCore
import PlatformCredentials
import PlatformSimulator
import ReportLink
import SecurityLayer
import SymmetricSecurity
import TestSupport
import Testing

/// The security layers, each of which runs the whole suite of a device.
enum Layer: String, CustomTestStringConvertible, Sendable {
  case symmetric
  case certificate
  case preSharedKey
  /// `EitherSecurity` in each of its modes.
  case eitherSymmetric
  case eitherCertificate

  /// The layers that a program is built with for one mode.
  static let allCases: [Layer] = [.symmetric, .certificate, .preSharedKey]

  /// These, and the one that is chosen while a program runs.
  static let withEither = allCases + [.eitherSymmetric, .eitherCertificate]

  var testDescription: String { rawValue }

  var isSymmetric: Bool { self == .symmetric || self == .eitherSymmetric }

  /// Whether reports carry numbers.
  var hasSequence: Bool { isSymmetric }

  /// The longest that handshakes delay something on a link of 10 ms.
  var delay: Int64 { isSymmetric ? 0 : 200 }
}

/// One certificate for all tests: to make it takes longer than to use it.
let issued: IssuedCertificate = {
  do {
    return try IssuedCertificate(names: ["platform.test", "127.0.0.1"])
  } catch {
    preconditionFailure("OpenSSL makes no certificate: \(error)")
  }
}()

/// A device with any layer.
class AnyDevice {
  var counters: DeviceCounters { fatalError() }
  var isIdle: Bool { fatalError() }
  var isAuthenticated: Bool { fatalError() }
  var answer: [UInt8] { fatalError() }
  func publish(topic: Topic, payload: [UInt8], at now: Instant) throws -> ReportID { fatalError() }
  func connect(at now: Instant) { fatalError() }
  func handleDatagram(_ datagram: [UInt8], at now: Instant) { fatalError() }
  func handleTimeout(at now: Instant) { fatalError() }
  func pollTransmit(into output: inout ByteWriter, at now: Instant) throws -> DeviceTransmission? {
    fatalError()
  }
  func pollTimeout() -> Instant? { fatalError() }
  func pollEvent() -> DeviceEvent? { fatalError() }
  func forgetToken() { fatalError() }
  func cancelReport() { fatalError() }
  func cancelAll() { fatalError() }
  func close() { fatalError() }
  func interrupt(at now: Instant) { fatalError() }
  func perform(_ call: ThingCall, at now: Instant) throws -> ReportID { fatalError() }
  func pull(_ maxMessages: Int = 3, at now: Instant) throws -> ReportID { fatalError() }
  func register(at now: Instant) throws { fatalError() }
  func cancelRegistration(at now: Instant) { fatalError() }
  var secret: [UInt8] { fatalError() }
  func overhead(of topic: Topic) -> MessageOverhead { fatalError() }
  func takeAnswersInBlocks(upTo limit: Int) { fatalError() }
  func openAnswer(_ parts: [UInt8]) throws -> [UInt8] { fatalError() }
}

/// A request of the thing model.
enum ThingCall {
  case properties([(String, Int64)], ContentFormat = .json)
  case desired([String], ContentFormat = .json)
  /// The thing model.
  case model
  /// The guide's property `Power`, with its time.
  case power(ContentFormat = .json)
}

/// A device with one layer.
final class Device<Security: SecurityLayer & ~Copyable>: AnyDevice {
  var session: CoAPLink<Security, SeededRandom>

  init(_ session: consuming CoAPLink<Security, SeededRandom>) {
    self.session = session
  }

  override var counters: DeviceCounters { session.counters }
  override var isIdle: Bool { session.isIdle }
  override var isAuthenticated: Bool { session.isAuthenticated }
  override var answer: [UInt8] {
    var bytes: [UInt8] = []
    for index in 0..<session.answer.count { bytes.append(session.answer[index]) }
    return bytes
  }

  override func publish(topic: Topic, payload: [UInt8], at now: Instant) throws -> ReportID {
    try session.publish(topic: topic, payload: payload.span, at: now)
  }

  override func perform(_ call: ThingCall, at now: Instant) throws -> ReportID {
    switch call {
    case .properties(let properties, .cbor): try post(properties, CBORWriter.self, at: now)
    case .properties(let properties, _): try post(properties, JSONWriter.self, at: now)
    case .model:
      try session.request(ThingModelGet.self, as: JSONWriter.self, at: now) {
        _ throws(AlinkError) in
      }
    case .power(.cbor): try power(CBORWriter.self, at: now)
    case .power: try power(JSONWriter.self, at: now)
    case .desired(let names, .cbor): try desired(names, CBORWriter.self, at: now)
    case .desired(let names, _): try desired(names, JSONWriter.self, at: now)
    }
  }

  private func post<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ properties: [(String, Int64)],
    _ writer: Writer.Type,
    at now: Instant
  ) throws -> ReportID {
    try session.request(PropertyPost.self, as: writer, at: now) { post throws(AlinkError) in
      for (name, value) in properties {
        let name = Array(name.utf8)
        try post.add(name.span) { (w: inout Writer) throws(CapacityError) in try w.integer(value) }
      }
    }
  }

  private func power<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ writer: Writer.Type,
    at now: Instant
  ) throws -> ReportID {
    try session.request(PropertyPost.self, as: writer, at: now) { post throws(AlinkError) in
      try post.add("Power", time: 1_524_448_722_000) {
        (w: inout Writer) throws(CapacityError) in try w.string("on")
      }
    }
  }

  private func desired<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ names: [String],
    _ writer: Writer.Type,
    at now: Instant
  ) throws -> ReportID {
    try session.request(DesiredGet.self, as: writer, at: now) { get throws(AlinkError) in
      for name in names {
        let name = Array(name.utf8)
        try get.add(name.span)
      }
    }
  }

  override func takeAnswersInBlocks(upTo limit: Int) { session.takeAnswersInBlocks(upTo: limit) }
  override func openAnswer(_ parts: [UInt8]) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0xA5, count: parts.count)
    var writer = ByteWriter(buffer.mutableSpan)
    try session.openAnswer(parts.span, into: &writer)
    let count = writer.count
    return Array(buffer[..<count])
  }
  override func pull(_ maxMessages: Int = 3, at now: Instant) throws -> ReportID {
    try session.pull(maxMessages: maxMessages, at: now)
  }
  override func register(at now: Instant) throws { try session.register(at: now) }
  override func cancelRegistration(at now: Instant) { session.cancelRegistration(at: now) }
  override var secret: [UInt8] {
    session.withSecret { secret in
      var bytes: [UInt8] = []
      for index in 0..<secret.count { bytes.append(secret[index]) }
      return bytes
    }
  }
  override func overhead(of topic: Topic) -> MessageOverhead { session.overhead(of: topic) }

  override func connect(at now: Instant) { session.connect(at: now) }

  override func handleDatagram(_ datagram: [UInt8], at now: Instant) {
    session.handleDatagram(datagram.span, at: now)
  }

  override func handleTimeout(at now: Instant) { session.handleTimeout(at: now) }

  override func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws -> DeviceTransmission? {
    try session.pollTransmit(into: &output, at: now)
  }

  override func pollTimeout() -> Instant? { session.pollTimeout() }
  override func pollEvent() -> DeviceEvent? { session.pollEvent() }
  override func forgetToken() { session.forgetToken() }
  override func cancelReport() { session.cancelReport() }
  override func cancelAll() { session.cancelAll() }
  override func close() { session.close() }
  override func interrupt(at now: Instant) { session.interrupt(at: now) }
}

/// A device of the test's identity.
func makeDevice(
  _ layer: Layer,
  _ identity: DeviceIdentity,
  _ secret: [UInt8],
  _ settings: DeviceSettings,
  _ dtls: DTLSSettings,
  _ random: SeededRandom
) throws -> AnyDevice {
  guard let bytes = SecretBytes(copying: secret.span) else { preconditionFailure("no memory") }
  switch layer {
  case .symmetric:
    return Device(
      CoAPLink(
        identity: identity,
        secret: bytes,
        settings: settings,
        security: SymmetricSecurity(),
        randomness: random
      )
    )
  case .certificate:
    return Device(
      CoAPLink(
        identity: identity,
        secret: bytes,
        settings: settings,
        security: try makeChannel(dtls),
        randomness: random
      )
    )
  case .eitherSymmetric, .eitherCertificate:
    return Device(
      CoAPLink(
        identity: identity,
        secret: bytes,
        settings: settings,
        security: layer == .eitherSymmetric
          ? EitherSecurity(SymmetricSecurity()) : EitherSecurity(try makeChannel(dtls)),
        randomness: random
      )
    )
  case .preSharedKey:
    let deviceSecret = World.secret
    let key = try PreSharedKey(identity, secret: deviceSecret.span)
    let name = key.identity
    return Device(
      CoAPLink(
        identity: identity,
        secret: bytes,
        settings: settings,
        security: try DTLSSecurity(
          identity: name.bytes,
          key: key.key.bytes,
          settings: dtls
        ),
        randomness: random
      )
    )
  }
}

/// A layer that verifies the certificate of all tests.
func makeChannel(_ settings: DTLSSettings) throws -> DTLSSecurity {
  let authority = issued.authority
  return try DTLSSecurity(
    serverName: Array("platform.test".utf8).span,
    authorities: authority.span,
    settings: settings
  )
}

/// The platform's end of the link, with or without DTLS.
struct Platform {
  // One of the two.
  private var plain: SimulatedPlatform<Int>?
  private var secure: SecurePlatform<Int>?

  init(
    _ layer: Layer,
    _ configuration: SimulatorConfiguration,
    certificate: IssuedCertificate = issued,
    seed: UInt64
  ) throws {
    var configuration = configuration
    if layer.isSymmetric {
      plain = SimulatedPlatform(configuration, random: SeededRandom(seed: seed))
    } else {
      configuration.dtls.certificate = certificate.certificate
      configuration.dtls.key = certificate.key
      configuration.dtls.clock = .virtual
      secure = try SecurePlatform(configuration, random: SeededRandom(seed: seed))
    }
  }

  mutating func handle(
    _ bytes: [UInt8],
    from peer: Int,
    at now: Instant,
    intercept: (([UInt8]) -> [[UInt8]]?)?
  ) -> (datagrams: [[UInt8]], records: [RequestRecord]) {
    if plain != nil, let answers = intercept?(bytes) { return (answers, []) }
    if let output = plain?.handle(bytes, from: peer, at: now) {
      return (output.datagrams.map(\.bytes), output.record.map { [$0] } ?? [])
    }
    secure?.intercept = intercept
    let output = secure?.handle(bytes, from: peer, at: now)
    return (output?.datagrams.map(\.bytes) ?? [], output?.records ?? [])
  }

  func pollTimeout() -> Instant? { plain?.pollTimeout() ?? secure?.pollTimeout() }

  mutating func handleTimeout(at now: Instant) -> [[UInt8]] {
    plain?.handleTimeout(at: now).map(\.bytes)
      ?? secure?.handleTimeout(at: now).datagrams.map(\.bytes) ?? []
  }

  /// Forgets what could be resumed.
  func forgetSessions() { secure?.forgetSessions() }
}
