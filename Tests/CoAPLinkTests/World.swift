// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import CoAPMessage
import ConstrainedCore
import DTLSSecurity
import OpenSSLSupport
import Platform
import PlatformCore
import PlatformSimulator
import ReportLink
import SymmetricSecurity
import TestSupport

/// A device and a platform with a link between them, on one virtual clock.
struct World: ~Copyable {
  static let productKey = "a1B2c3D4e5F"
  static let deviceName = "device1"
  static let secret = Array("0123456789abcdef0123456789abcdef".utf8)

  let layer: Layer
  let session: AnyDevice
  var platform: Platform
  /// The device's address: NAT gives it another one when this is changed.
  var address = 1
  var link: LossyLink
  var now = Instant(milliseconds: 1_000_000)
  var records: [RequestRecord] = []
  var events: [DeviceEvent] = []
  var sent: [DeviceTransmission] = []
  /// When each datagram of the device was sent.
  var departures: [Instant] = []
  /// What has come of an answer in blocks, but for the last.
  var parts: [UInt8] = []
  /// Is told of each datagram that reaches the device, and of each that it sends.
  var onArrival: (([UInt8]) -> Void)?
  var onTransmission: (([UInt8]) -> Void)?
  /// What happens to one datagram.
  var mischief: Mischief?
  /// The alert that the server answers each datagram with, in the clear.
  var refusal: UInt8?
  /// Whether the platform gets nothing any more after a datagram with the end of a handshake and a
  /// message, until the next hello.
  var isDeafAfterJoin = false
  private var isDeaf = false
  /// Whether nothing reaches the platform.
  var isDead = false
  /// Takes the place of the platform while it returns something: hostile or canned answers.
  var intercept: (([UInt8]) -> [[UInt8]]?)?

  init(
    _ layer: Layer = .symmetric,
    settings: DeviceSettings = DeviceSettings(),
    secret: [UInt8] = World.secret,
    link: LossyLink = LossyLink(loss: 0, duplication: 0, delay: 10...10, seed: 1),
    seed: UInt64 = 1,
    dtls: DTLSSettings = DTLSSettings(),
    configure: (inout SimulatorConfiguration) -> Void = { _ in }
  ) throws {
    let identity = try DeviceIdentity(
      productKey: Array(Self.productKey.utf8).span,
      deviceName: Array(Self.deviceName.utf8).span
    )
    var dtls = dtls
    dtls.timing = settings.timing
    dtls.clock = .virtual
    let device = try makeDevice(layer, identity, secret, settings, dtls, SeededRandom(seed: seed))
    var configuration = SimulatorConfiguration()
    // These tests are about the device, which knows no topic classes.
    configuration.takesAnyTopic = true
    configuration.devices = [
      SimulatedDevice(
        productKey: Self.productKey,
        deviceName: Self.deviceName,
        secret: Self.secret
      )
    ]
    configure(&configuration)
    platform = try Platform(layer, configuration, seed: seed &+ 1)
    session = device
    self.layer = layer
    self.link = link
  }

  /// Starts a report without letting time pass.
  mutating func publish(
    _ payload: String,
    topic: String = "/a1B2c3D4e5F/device1/user/update"
  ) throws {
    _ = try session.publish(
      topic: try Topic(Array(topic.utf8).span),
      payload: Array(payload.utf8),
      at: now
    )
  }

  /// Reports and lets time pass until the report has ended.
  mutating func report(
    _ payload: String,
    topic: String = "/a1B2c3D4e5F/device1/user/update"
  ) throws -> ReportResult? {
    events.removeAll()
    try publish(payload, topic: topic)
    try run()
    for case .report(let result) in events { return result }
    return nil
  }

  /// Lets time pass until the session is idle.
  mutating func run() throws {
    for _ in 0..<100_000 {
      try step()
      if session.isIdle { return }
      let next = [session.pollTimeout(), platform.pollTimeout(), link.nextArrival]
        .compactMap { $0 }.min()
      guard let next else { return }
      now = max(now, next)
    }
    preconditionFailure("the session never becomes idle")
  }

  /// Does what is due now.
  mutating func step() throws {
    while let arrival = link.receive(by: now) {
      switch arrival.direction {
      case .up where isDead: break
      case .up:
        if let refusal {
          let alert: [UInt8] = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, refusal]
          link.send(alert, .down, at: now)
          continue
        }
        if isDeafAfterJoin {
          if arrival.bytes[0] == 22 { isDeaf = false }
          // A ChangeCipherSpec of 14 bytes, a Finished, a message.
          if arrival.bytes[0] == 20, arrival.bytes.count > 14 + 61 { isDeaf = true }
          if isDeaf, arrival.bytes[0] == 23 { continue }
          if isDeaf, arrival.bytes[0] == 20 {
            let head = Array(arrival.bytes.prefix(14 + 53))
            for datagram in platform.handle(head, from: address, at: now, intercept: nil).datagrams
            {
              send(datagram, .down)
            }
            continue
          }
        }
        let output = platform.handle(arrival.bytes, from: address, at: now, intercept: intercept)
        records += output.records
        for datagram in output.datagrams { send(datagram, .down) }
      case .down:
        onArrival?(arrival.bytes)
        session.handleDatagram(arrival.bytes, at: now)
      }
    }
    session.handleTimeout(at: now)
    for datagram in platform.handleTimeout(at: now) { link.send(datagram, .down, at: now) }
    while let event = session.pollEvent() {
      if case .answerBlock = event { parts += session.answer }
      events.append(event)
    }
    try transmit()
  }

  mutating func transmit() throws {
    while true {
      var buffer = [UInt8](repeating: 0xA5, count: 1_472)
      var writer = ByteWriter(buffer.mutableSpan)
      guard let transmission = try session.pollTransmit(into: &writer, at: now) else { return }
      let count = writer.count
      if transmission != .handshake { sent.append(transmission) }
      let datagram = Array(buffer[..<count])
      departures.append(now)
      onTransmission?(datagram)
      send(datagram, .up)
    }
  }

  private mutating func send(_ datagram: [UInt8], _ direction: LossyLink.Direction) {
    switch mischief?.next() {
    case .lost: break
    case .doubled:
      link.send(datagram, direction, at: now)
      link.send(datagram, direction, at: now)
    case .late: link.send(datagram, direction, at: now + Milliseconds(25))
    case nil: link.send(datagram, direction, at: now)
    }
  }

  /// What came in, without the beginnings and ends of associations.
  var requests: [RequestRecord] { records.filter { $0.kind != .association } }

  var accepted: [RequestRecord] { records.filter(\.isAcceptedReport) }

  var failure: AuthenticationFailure? {
    for case .authenticationFailed(let failure) in events { return failure }
    return nil
  }
}

/// What happens to the datagram of that number, counted from 0 in both directions together.
struct Mischief {
  enum Kind: CaseIterable {
    case lost, doubled, late
  }

  let kind: Kind
  let number: Int
  private var count = 0

  init(kind: Kind, number: Int) {
    self.kind = kind
    self.number = number
  }

  mutating func next() -> Kind? {
    count += 1
    return count - 1 == number ? kind : nil
  }
}

/// A piggybacked answer to a request, for interceptors.
func answer(
  to request: [UInt8],
  _ code: Code,
  payload: [UInt8] = [],
  options: [(OptionNumber, [UInt8])] = []
) -> [[UInt8]] {
  var buffer = [UInt8](repeating: 0, count: 70_000)
  guard let message = try? MessageView(request.span),
    var writer = try? MessageWriter(
      buffer.mutableSpan,
      type: .acknowledgement,
      code: code,
      messageID: message.messageID,
      token: message.token
    )
  else { preconditionFailure("the device sends messages") }
  for (number, value) in options { try? writer.option(number, value.span) }
  try? writer.payload(payload.span)
  let count = writer.count
  return [Array(buffer[..<count])]
}

/// Whether a request is `POST /auth`.
func isAuthentication(_ request: [UInt8]) -> Bool {
  guard let message = try? MessageView(request.span), let path = message.first(.uriPath) else {
    return false
  }
  return array(path.value) == Array("auth".utf8)
}
