// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import OpenSSLSupport
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

/// A device whose DTLS library supports the given suites but no elliptic curves; its datagrams can
/// be split into records.
final class SDKHandshake {
  private let context: DTLSContext
  private var connection: DTLSConnection
  private(set) var messages: [[UInt8]] = []

  /// Trusts `authorities` if there are any; otherwise authenticates with a key.
  init(
    suites: String,
    authorities: [UInt8] = [],
    identity: String = "",
    key: [UInt8] = []
  ) throws {
    context = try DTLSContext(.client)
    try context.setSuites(Array(suites.utf8).span, needsEncryptThenMAC: true)
    if !authorities.isEmpty { _ = try context.setAuthorities(authorities.span, depth: 2) }
    connection = try DTLSConnection(
      context,
      patience: DTLSConnection.Patience(timeout: Milliseconds(1_000), limit: 5),
      clock: .virtual
    )
    if !authorities.isEmpty {
      // Like the SDKs, it does not send the name.
      let isNamed = connection.setServerName(Array("127.0.0.1".utf8).span, isSent: false)
      #expect(isNamed)
    }
    if !identity.isEmpty {
      try connection.setPreSharedKey(identity: Array(identity.utf8).span, key: key.span)
    }
  }

  var state: DTLSConnection.State { connection.state }
  var pollTimeout: Instant? { connection.pollTimeout }
  var suite: String { String(decoding: array(connection.suite.bytes), as: UTF8.self) }

  func start(at now: Instant) { connection.start(at: now) }
  func handleTimeout(at now: Instant) { connection.handleTimeout(at: now) }

  func next() -> [UInt8]? {
    fill { (writer) in (try? self.connection.pollDatagram(into: &writer)) ?? false }
  }

  func seal(_ message: [UInt8]) throws -> [UInt8] {
    let made = fill { (writer) in (try? self.connection.seal(message.span, into: &writer)) != nil }
    return try #require(made)
  }

  func take(_ datagram: [UInt8], at now: Instant) {
    let message = fill { (writer) in
      self.connection.receive(datagram.span, into: &writer, at: now)
      return true
    }
    if let message, !message.isEmpty { messages.append(message) }
  }

  private func fill(_ body: (inout ByteWriter) -> Bool) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0xA5, count: 2_048)
    var writer = ByteWriter(buffer.mutableSpan)
    guard body(&writer) else { return nil }
    let count = writer.count
    return Array(buffer[..<count])
  }
}

/// The simulated platform over DTLS with one such device.
final class SDKSecureBench {
  let issued: IssuedCertificate
  let rsa: IssuedCertificate
  var platform: SecurePlatform<Int>
  var now = Instant(milliseconds: 1_000)
  var records: [RequestRecord] = []
  /// Splits each of the device's datagrams before it is sent.
  var cut: ([UInt8]) -> [[UInt8]] = { [$0] }

  init(_ configure: (inout SimulatorConfiguration) -> Void = { _ in }) throws {
    issued = try IssuedCertificate(names: ["127.0.0.1"])
    rsa = try Self.rsa
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(productKey: "pk", deviceName: "device", secret: Bench.secret)
    ]
    configuration.settingNames.leniencies = "--tolerant"
    configuration.dtls.legacySuitesName = "--legacy-suites"
    configuration.dtls.clock = .virtual
    configuration.dtls.allowsLegacySuites = true
    configuration.dtls.certificate = issued.certificate
    configuration.dtls.key = issued.key
    configuration.dtls.rsaCertificate = rsa.certificate
    configuration.dtls.rsaKey = rsa.key
    configure(&configuration)
    platform = try SecurePlatform(configuration, random: SeededRandom(seed: 5))
  }

  /// Generated once: RSA keys take time.
  private static let made = Result { try IssuedCertificate(names: ["127.0.0.1"], keys: .rsa) }

  private static var rsa: IssuedCertificate { get throws { try made.get() } }

  /// The records of a datagram, each as a datagram.
  static func recordsOf(_ datagram: [UInt8]) -> [[UInt8]] {
    var records: [[UInt8]] = []
    var rest = datagram[...]
    while rest.count >= 13 {
      let base = rest.startIndex
      let count = 13 + Int(rest[base + 11]) << 8 + Int(rest[base + 12])
      records.append(Array(rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
    return records
  }

  /// Passes datagrams both ways until there are no more.
  func exchange(_ device: SDKHandshake) {
    while let datagram = device.next() {
      for part in cut(datagram) { deliver(part, device) }
    }
  }

  func deliver(_ datagram: [UInt8], _ device: SDKHandshake) {
    let output = platform.handle(datagram, from: 1, at: now)
    records += output.records
    for answer in output.datagrams { device.take(answer.bytes, at: now) }
  }

  /// Performs a whole handshake, with retransmissions where needed.
  func shakeHands(_ device: SDKHandshake) {
    device.start(at: now)
    exchange(device)
    for _ in 0..<4 where device.state == .handshaking {
      guard let deadline = device.pollTimeout else { return }
      now = max(now, deadline)
      device.handleTimeout(at: now)
      exchange(device)
    }
  }

  /// Sends a message and returns the response.
  func send(_ message: [UInt8], _ device: SDKHandshake) throws -> [UInt8] {
    let before = device.messages.count
    deliver(try device.seal(message), device)
    return try #require(device.messages.dropFirst(before).first)
  }

  var notes: [String] { records.filter { $0.kind == .association }.map(\.note) }
}
