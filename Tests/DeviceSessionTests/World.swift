import AliyunIoT
import CoAPMessage
import ConstrainedCore
import DeviceSession
import OpenSSLSupport
import PlatformSimulator
import SymmetricSecurity
import TestSupport

/// A device and a platform with a link between them, on one virtual clock.
struct World: ~Copyable {
  static let productKey = "a1B2c3D4e5F"
  static let deviceName = "device1"
  static let secret = Array("0123456789abcdef0123456789abcdef".utf8)

  var session: DeviceSession<SymmetricSecurity, SeededRandom>
  var platform: SimulatedPlatform<Int>
  var link: LossyLink
  var now = Instant(milliseconds: 1_000_000)
  var records: [RequestRecord] = []
  var events: [DeviceEvent] = []
  var sent: [DeviceTransmission] = []
  /// Is told of each datagram that reaches the device, and of each that it sends.
  var onArrival: (([UInt8]) -> Void)?
  var onTransmission: (([UInt8]) -> Void)?
  /// Takes the place of the platform while it returns something: hostile or canned answers.
  var intercept: (([UInt8]) -> [[UInt8]]?)?

  init(
    settings: DeviceSettings = DeviceSettings(),
    secret: [UInt8] = World.secret,
    link: LossyLink = LossyLink(loss: 0, duplication: 0, delay: 10...10, seed: 1),
    seed: UInt64 = 1,
    configure: (inout SimulatorConfiguration) -> Void = { _ in }
  ) throws {
    let identity = try DeviceIdentity(
      productKey: Array(Self.productKey.utf8).span,
      deviceName: Array(Self.deviceName.utf8).span
    )
    guard let bytes = SecretBytes(copying: secret.span) else { preconditionFailure("no memory") }
    session = DeviceSession(
      identity: identity,
      secret: bytes,
      settings: settings,
      security: SymmetricSecurity(),
      randomness: SeededRandom(seed: seed)
    )
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(
        productKey: Self.productKey,
        deviceName: Self.deviceName,
        secret: Self.secret
      )
    ]
    configure(&configuration)
    platform = SimulatedPlatform(configuration, random: SeededRandom(seed: seed &+ 1))
    self.link = link
  }

  /// Starts a report without letting time pass.
  mutating func publish(
    _ payload: String,
    topic: String = "/a1B2c3D4e5F/device1/user/update"
  ) throws {
    _ = try session.publish(
      topic: try Topic(Array(topic.utf8).span),
      payload: Array(payload.utf8).span,
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
      case .up:
        if let answers = intercept?(arrival.bytes) {
          for answer in answers { link.send(answer, .down, at: now) }
        } else {
          let output = platform.handle(arrival.bytes, from: 1, at: now)
          if let record = output.record { records.append(record) }
          for datagram in output.datagrams { link.send(datagram.bytes, .down, at: now) }
        }
      case .down:
        onArrival?(arrival.bytes)
        session.handleDatagram(arrival.bytes.span, at: now)
      }
    }
    session.handleTimeout(at: now)
    for datagram in platform.handleTimeout(at: now) { link.send(datagram.bytes, .down, at: now) }
    while let event = session.pollEvent() { events.append(event) }
    try transmit()
  }

  mutating func transmit() throws {
    while true {
      var buffer = [UInt8](repeating: 0xA5, count: 1_472)
      var writer = ByteWriter(buffer.mutableSpan)
      guard let transmission = try session.pollTransmit(into: &writer, at: now) else { return }
      let count = writer.count
      sent.append(transmission)
      let datagram = Array(buffer[..<count])
      onTransmission?(datagram)
      link.send(datagram, .up, at: now)
    }
  }

  var accepted: [RequestRecord] { records.filter(\.isAcceptedReport) }

  var failure: AuthenticationFailure? {
    for case .authenticationFailed(let failure) in events { return failure }
    return nil
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
