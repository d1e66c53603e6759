// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import EitherSecurity
internal import OpenSSLSupport
internal import SecurityLayer
internal import SymmetricSecurity

/// The protection of a device in a fleet: `EitherSecurity`, but with the symmetric mode's ciphers borrowed.
///
/// OpenSSL's two contexts take 1.3 KB in each device that is authenticated; here a device keeps what its key is
/// derived from, and the contexts are made when they are needed.
struct FleetProtection: ~Copyable, SecurityLayer {
  private var layer: EitherSecurity
  private let ciphers: FleetCiphers
  private let number: Int
  /// The device's secret and the platform's random text; `nil` without a token and over DTLS.
  private var secret: SecretBytes?
  private var random: [UInt8] = []

  /// The protection of the device with that number.
  init(_ layer: consuming EitherSecurity, _ number: Int, _ ciphers: FleetCiphers) {
    self.layer = layer
    self.number = number
    self.ciphers = ciphers
  }

  var usesSequence: Bool { layer.usesSequence }
  var wrapsDatagrams: Bool { layer.wrapsDatagrams }
}

// MARK: - The payload seam

extension FleetProtection {
  mutating func establish(
    secret: Span<UInt8>,
    random: Span<UInt8>
  ) throws(SecurityError) {
    guard !layer.isDTLS else { return }
    ciphers.forget(number)
    self.secret = SecretBytes(copying: secret)
    self.random = random.indices.map { random[$0] }
  }

  mutating func seal(payload: Span<UInt8>, into output: inout ByteWriter) throws(SecurityError) {
    guard !layer.isDTLS else { return try layer.seal(payload: payload, into: &output) }
    try cipher().layer.seal(payload: payload, into: &output)
  }

  mutating func open(payload: Span<UInt8>, into output: inout ByteWriter) throws(SecurityError) {
    guard !layer.isDTLS else { return try layer.open(payload: payload, into: &output) }
    try cipher().layer.open(payload: payload, into: &output)
  }

  mutating func sealSequence(
    _ sequence: UInt64,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    guard !layer.isDTLS else { return try layer.sealSequence(sequence, into: &output) }
    try cipher().layer.sealSequence(sequence, into: &output)
  }

  private func cipher() throws(SecurityError) -> FleetCiphers.Place {
    switch secret {
    case .none: throw .notEstablished
    case .some(let secret):
      return try ciphers.place(of: number, secret: secret.bytes, random: random.span)
    }
  }
}

// MARK: - The datagram seam, as it is

extension FleetProtection {
  mutating func wrap(
    _ message: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) { try layer.wrap(message, into: &output, at: now) }

  mutating func unwrap(
    _ datagram: Span<UInt8>,
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) { try layer.unwrap(datagram, into: &output, at: now) }

  var hasPendingMessage: Bool { layer.hasPendingMessage }
  var hasCutMessage: Bool { layer.hasCutMessage }
  var holdsBack: Bool { layer.holdsBack }
  var joinsNextMessage: Bool { layer.joinsNextMessage }
  mutating func pollEvent() -> SecurityEvent? { layer.pollEvent() }
  mutating func interrupt() { layer.interrupt() }
  mutating func close() { layer.close() }

  mutating func pollTransmit(
    into output: inout ByteWriter,
    at now: Instant
  ) throws(SecurityError) -> Bool { try layer.pollTransmit(into: &output, at: now) }

  func pollTimeout() -> Instant? { layer.pollTimeout() }
  mutating func handleTimeout(at now: Instant) { layer.handleTimeout(at: now) }

  func exportChannel(into output: inout ByteWriter) throws(CapacityError) {
    try layer.exportChannel(into: &output)
  }

  mutating func importChannel(_ bytes: Span<UInt8>) { layer.importChannel(bytes) }
}

/// The symmetric mode's ciphers of the devices that used one last.
///
/// Memory: 1.3 KB for each of `limit` places, however many devices there are. Two devices whose numbers differ by a
/// multiple of `limit` take turns, and each turn derives the key anew.
final class FleetCiphers {
  /// A place for the cipher of one device at a time.
  final class Place {
    fileprivate var owner = -1
    var layer = SymmetricSecurity()
  }

  private let places: [Place]

  init() { places = (0..<Self.limit).map { _ in Place() } }

  /// The place of a device, with its key in it.
  func place(
    of number: Int,
    secret: Span<UInt8>,
    random: Span<UInt8>
  ) throws(SecurityError) -> Place {
    let place = places[number % Self.limit]
    if place.owner != number {
      place.owner = -1
      try place.layer.establish(secret: secret, random: random)
      place.owner = number
    }
    return place
  }

  /// The device's key is another one from now on.
  func forget(_ number: Int) {
    let place = places[number % Self.limit]
    if place.owner == number { place.owner = -1 }
  }

  static let limit = 256
}
