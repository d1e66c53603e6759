// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import ConstrainedCore
import DTLSSecurity
import DeviceDriver
import DeviceStore
import DurableReports
import EitherSecurity
import Foundation
import OpenSSLSupport
import Platform
import PlatformCore
import PlatformCredentials
import PlatformSimulator
import SecurityLayer
import SymmetricSecurity
import TestSupport
import Testing

/// A durable device over a directory of its own, a platform, and a link between them, on one virtual clock.
///
/// The device can lose its power at any step: what it had in memory is gone, the directory stays.
final class DurableWorld {
  typealias Device = DurableReports<CoAPLink<EitherSecurity, SeededRandom>>

  /// One life of the device.
  final class Life {
    var device: Device
    init(_ device: consuming Device) { self.device = device }
  }

  /// What the device's lives have cost together.
  struct Costs {
    var bytesUp = 0
    var bytesDown = 0
    var datagramsUp = 0
    var authentications = 0
    var handshakes = 0
    var resumptions = 0
    var syncs = 0
    var diskBytes = 0
  }

  let layer: Layer
  let path: String
  var settings = DurableSettings()
  var deviceSettings: DeviceSettings
  private(set) var life: Life?
  private(set) var costs = Costs()
  private var platform: Platform
  private var link: LossyLink
  private var lives: UInt64 = 0
  /// What the device's session is bound to.
  var endpoint = "platform.test:1"
  /// Whether nothing reaches the platform.
  var isDead = false
  /// Answers requests in the platform's place, unless it gives `nil`.
  var intercept: (([UInt8]) -> [[UInt8]]?)?
  /// The device's address: NAT gives it another one when this is changed.
  var address = 1
  var now = Instant(milliseconds: 1_000_000)
  /// Seconds since 1970 at the instant 0; `nil` while the device's clock is not set.
  var epoch: UInt64? = 1_763_000_000
  /// Which start of the machine it is.
  var boot: UInt64 = 1
  private(set) var records: [RequestRecord] = []
  private(set) var delivered: [UInt64] = []
  private(set) var rejected: [UInt64] = []
  private(set) var ended: [String] = []
  private(set) var postponed: [(id: UInt64, result: ReportResult)] = []
  private(set) var hints: [RadioHint] = []
  /// When the device told that the disk had refused.
  private(set) var storeFailures: [Instant] = []

  init(
    _ layer: Layer,
    link: LossyLink,
    timing: DeviceSettings = DeviceSettings(),
    configure: (inout SimulatorConfiguration) -> Void = { _ in }
  ) throws {
    self.layer = layer
    self.link = link
    deviceSettings = timing
    path =
      FileManager.default.temporaryDirectory.appending(path: "device-\(UUID().uuidString)").path
    var configuration = SimulatorConfiguration()
    // As in `World`.
    configuration.takesAnyTopic = true
    configuration.devices = [
      SimulatedDevice(
        productKey: World.productKey,
        deviceName: World.deviceName,
        secret: World.secret
      )
    ]
    configure(&configuration)
    platform = try Platform(layer, configuration, seed: 2)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var date: UInt64 { epoch.map { $0 + UInt64(now.milliseconds) / 1_000 } ?? 0 }

  /// Starts a device with what the directory holds.
  func start() throws {
    lives += 1
    let identity = try DeviceIdentity(
      productKey: Array(World.productKey.utf8).span,
      deviceName: Array(World.deviceName.utf8).span
    )
    let secretBytes = World.secret
    guard let secret = SecretBytes(copying: secretBytes.span) else {
      preconditionFailure("no memory")
    }
    let fingerprint = try fingerprint()
    life = Life(
      try DurableReports(
        identity: identity,
        secret: secret,
        settings: settings,
        session: deviceSettings,
        security: try makeLayer(identity),
        randomness: SeededRandom(seed: 1_000 + lives),
        directory: try StateDirectory(path: Array(path.utf8).span),
        fingerprint: fingerprint,
        now: TimeStamp(boot: boot, instant: now, date: date)
      )
    )
  }

  private func fingerprint() throws -> FixedBytes<32> {
    let identity = try DeviceIdentity(
      productKey: Array(World.productKey.utf8).span,
      deviceName: Array(World.deviceName.utf8).span
    )
    let secretBytes = World.secret
    guard let secret = SecretBytes(copying: secretBytes.span) else {
      preconditionFailure("no memory")
    }
    let endpoint = Array(endpoint.utf8)
    return try DeviceFingerprint.make(
      identity,
      secret: secret,
      endpoint: endpoint.span,
      mode: layer.isSymmetric ? 0 : 1
    )
  }

  private func makeLayer(_ identity: DeviceIdentity) throws -> EitherSecurity {
    var dtls = DTLSSettings()
    dtls.timing = deviceSettings.timing
    dtls.clock = .virtual
    switch layer {
    case .certificate, .eitherCertificate: return EitherSecurity(try makeChannel(dtls))
    case .preSharedKey:
      let secret = World.secret
      let key = try PreSharedKey(identity, secret: secret.span)
      let name = key.identity
      return EitherSecurity(
        try DTLSSecurity(identity: name.bytes, key: key.key.bytes, settings: dtls)
      )
    case .symmetric, .eitherSymmetric: return EitherSecurity(SymmetricSecurity())
    }
  }

  /// The power goes: nothing is said, nothing is written.
  func cutPower() {
    guard let life else { return }
    let counters = life.device.link.counters
    costs.bytesUp += counters.bytesUp
    costs.bytesDown += counters.bytesDown
    costs.datagramsUp += counters.datagramsUp
    costs.authentications += counters.authentications
    costs.handshakes += counters.handshakes
    costs.resumptions += counters.resumptions
    costs.syncs += life.device.sessionWrites.syncs + life.device.outboxWrites.syncs
    costs.diskBytes += life.device.sessionWrites.bytes + life.device.outboxWrites.bytes
    self.life = nil
  }

  @discardableResult
  func accept(
    _ payload: String,
    topic: String = "/a1B2c3D4e5F/device1/user/update",
    priority: UInt8 = 0,
    lifetime: UInt32 = 0,
    key: UInt64 = 0
  ) throws -> UInt64 {
    let life = try #require(life)
    let id = try life.device.accept(
      topic: try Topic(Array(topic.utf8).span),
      payload: Array(payload.utf8).span,
      priority: priority,
      lifetime: lifetime,
      key: key,
      at: now,
      date: date
    )
    while let event = life.device.pollReplaced() { take(event, life) }
    return id
  }

  private func take(_ event: DurableEvent, _ life: Life) {
    switch event {
    case .delivered(let id): delivered.append(id)
    case .rejected(let id): rejected.append(id)
    case .postponed(let id): postponed.append((id, life.device.link.result))
    case .givenUp(let id, let reason): ended.append("given-up \(id) \(reason)")
    case .expired(let id): ended.append("expired \(id)")
    case .dropped(let id): ended.append("dropped \(id)")
    case .superseded(let id): ended.append("superseded \(id)")
    case .storeFailed: storeFailures.append(now)
    case .authenticated, .authenticationFailed, .downlink: break
    }
  }

  /// Changes a digit of the random that the directory holds, as if `/auth`'s answer had been altered.
  func alterKeptRandom() throws {
    let directory = try StateDirectory(path: Array(path.utf8).span)
    var store = SessionStore()
    store.join(directory)
    let fingerprint = try self.fingerprint()
    var record = SessionRecord()
    var finding = SessionFinding.none
    try store.load(for: fingerprint, into: &record, &finding).check()
    try #require(finding == .found)
    record.random.withStorage { $0[0] ^= 1 }
    try store.replace(with: &record).check()
  }

  /// Lets time pass until `end`, or until the device has nothing to do before it.
  func run(until end: Instant, stopsWhenIdle: Bool = false) throws {
    while now <= end {
      try step()
      guard let life else { return }
      if stopsWhenIdle, life.device.isDone, life.device.link.isIdle,
        link.nextArrival == nil
      {
        return
      }
      let next = [life.device.pollTimeout(), platform.pollTimeout(), link.nextArrival]
        .compactMap { $0 }.min()
      now = max(now, min(next ?? end + Milliseconds(1), end + Milliseconds(1)))
    }
  }

  /// Does what is due now.
  func step() throws {
    let life = try #require(life)
    while let arrival = link.receive(by: now) {
      switch arrival.direction {
      case .up where isDead: break
      case .up:
        let output = platform.handle(arrival.bytes, from: address, at: now, intercept: intercept)
        records += output.records
        for datagram in output.datagrams { link.send(datagram, .down, at: now) }
      case .down:
        life.device.handleDatagram(arrival.bytes.span, of: arrival.bytes.count, at: now)
      }
    }
    for datagram in platform.handleTimeout(at: now) { link.send(datagram, .down, at: now) }
    life.device.handleTimeout(at: now)
    while let event = life.device.pollEvent(at: now, date: date) { take(event, life) }
    while true {
      var buffer = [UInt8](repeating: 0xA5, count: 1_472)
      var writer = ByteWriter(buffer.mutableSpan)
      guard let sent = try life.device.pollTransmit(into: &writer, at: now) else { break }
      let count = writer.count
      hints.append(RadioHint(for: sent, pendingReports: life.device.pendingReports))
      link.send(Array(buffer[..<count]), .up, at: now)
    }
  }
}
