// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import HTTPSLayer
public import MQTTLayer
internal import OpenSSLSupport

/// MQTT whose user name and password come from an authentication over HTTPS (device guide 3.2), if it has a
/// `TokenSource`; without one it is the layer below, unchanged.
///
/// A connection begins with the authentication, unless there is a token that is good by its age. Where the platform
/// does not take the token (CONNACK 3), the device authenticates once more and connects once more; a second 3 is
/// told. What is asked for meanwhile is held here, in the heap, and goes to the layer below once the connection
/// stands; with a connection nothing is copied. Client id is the identity's own, without options.
///
/// Unverified: what becomes of a connection that stands when its token's time is over. It goes on here, and the next one
/// has a new token.
public struct TokenLayer<Connections: AddressedLayer & ~Copyable, Requests: HTTPSLayer & ~Copyable>:
  ~Copyable
{
  private var connections: Connections
  private var source: TokenSource<Requests>?
  private var phase = Phase.none
  /// When the connection was asked for.
  private var now = Instant(milliseconds: .min)
  /// Whether this connection has had a token refused.
  private var hasRenewed = false
  private var held = HeldCommands()
  /// What the connection was asked for with, but for names and password.
  private var keepAlive: UInt16 = 0
  private var isClean = true
  private var version = MQTTVersion.v3_1_1
  /// What has to be told without the layers below: the end of the authentication, messages that found no room.
  private var failure: MQTTAuthenticationFailure?
  private var isDisconnected = false
  private var undelivered: [UInt32] = []

  private enum Phase {
    /// There is no connection, and none is being made.
    case none
    /// The request over HTTPS is under way.
    case authenticating
    /// The layer below makes a connection with the token.
    case connecting
    /// The connection stands, or nothing stands between the owner and the layer below.
    case passing
  }

  /// A layer over `connections`, with authentication where there is a `source`.
  public init(_ connections: consuming Connections, _ source: consuming TokenSource<Requests>?) {
    self.connections = connections
    self.source = source
    usesToken = self.source != nil
    if !usesToken { phase = .passing }
  }

  /// Whether it authenticates over HTTPS.
  public let usesToken: Bool

  // MARK: - The token

  /// Begins with the authentication, or connects with the token that there is.
  private mutating func start() {
    guard source?.hasToken(at: now) == true else { return authenticate() }
    connect()
  }

  private mutating func authenticate() {
    phase = .authenticating
    failure = source?.begin()
    if failure != nil { phase = .none }
  }

  /// Connects with the token.
  private mutating func connect() {
    phase = .none
    guard setAddress() else {
      failure = .address
      source?.forget()
      return
    }
    var request = MQTTConnect()
    defer { request.password.withStorage { wipe(&$0) } }
    request.keepAlive = keepAlive
    request.isClean = isClean
    request.version = version
    source?.write(into: &request)
    phase = .connecting
    connections.connect(request, at: now)
  }

  /// Goes where the answer says, if it says so; `false` where that can be no address.
  private mutating func setAddress() -> Bool {
    // A copy: 6.3.1 crashes where one part is borrowed while another one changes.
    guard let (host, port) = source?.address else { return true }
    return connections.setAddress(host: host.bytes, port: port)
  }

  /// Takes in how the authentication has ended, if it has.
  private mutating func takeResult() -> Bool {
    guard let result = source?.pollResult(at: now) else { return false }
    switch result {
    case .token: connect()
    case .failed(let reason):
      phase = .none
      failure = reason
    }
    return true
  }

  /// Hands what was held to the layer below; what finds no room is told as undelivered.
  private mutating func release() {
    for command in held.takeAll() {
      let isTaken =
        switch command.kind {
        case .publish(let quality):
          connections.publish(
            topic: command.topic.span,
            payload: command.payload.span,
            quality: quality,
            number: command.number
          )
        case .subscribe(let quality):
          connections.subscribe(to: command.topic.span, quality: quality, number: command.number)
        case .unsubscribe:
          connections.unsubscribe(from: command.topic.span, number: command.number)
        }
      // A subscription without an answer ends with its connection.
      if !isTaken, case .publish = command.kind { undelivered.append(command.number) }
    }
  }

  /// What is to be told without the layers below.
  private mutating func takeOwnEvent() -> MQTTLayerEvent? {
    if let reason = failure {
      failure = nil
      held.removeAll()
      return .failed(.authentication(reason))
    }
    if isDisconnected {
      isDisconnected = false
      return .disconnected
    }
    return undelivered.isEmpty ? nil : .undelivered(undelivered.removeFirst())
  }
}

extension TokenLayer: MQTTLayer where Connections: ~Copyable, Requests: ~Copyable {
  /// Makes a connection, with the token in place of the request's user name and password.
  public mutating func connect(_ request: borrowing @_addressable MQTTConnect, at now: Instant) {
    guard usesToken else { return connections.connect(request, at: now) }
    switch phase {
    case .authenticating: source?.cancel()
    case .connecting, .passing, .none: break
    }
    held.removeAll()
    failure = nil
    isDisconnected = false
    undelivered = []
    self.now = now
    hasRenewed = false
    keepAlive = request.keepAlive
    isClean = request.isClean
    version = request.version
    start()
  }

  /// Publishes a message, once there is a connection.
  public mutating func publish(
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool {
    guard phase != .passing else {
      return connections.publish(topic: topic, payload: payload, quality: quality, number: number)
    }
    return hold(.publish(quality), number, topic, payload)
  }

  /// Asks for the messages of a topic filter, once there is a connection.
  public mutating func subscribe(
    to filter: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool {
    guard phase != .passing else {
      return connections.subscribe(to: filter, quality: quality, number: number)
    }
    return hold(.subscribe(quality), number, filter, Span())
  }

  #if !SMALL || GATEWAY
  /// Asks for the messages of several topic filters; `false` before there is a connection.
  public mutating func subscribe(
    toAll filters: Span<UInt8>,
    quality: MQTTQuality,
    number: UInt32
  ) -> Bool {
    phase == .passing
      && connections.subscribe(toAll: filters, quality: quality, number: number)
  }
  #endif

  /// Asks for them no more, once there is a connection.
  public mutating func unsubscribe(from filter: Span<UInt8>, number: UInt32) -> Bool {
    guard phase != .passing else {
      return connections.unsubscribe(from: filter, number: number)
    }
    return hold(.unsubscribe, number, filter, Span())
  }

  private mutating func hold(
    _ kind: HeldCommand.Kind,
    _ number: UInt32,
    _ topic: Span<UInt8>,
    _ payload: Span<UInt8>
  ) -> Bool {
    guard let limit = source?.settings.heldBytes else { return false }
    return held.append(kind, number, topic: topic, payload: payload, limit: limit)
  }

  /// Ends the connection in order, or the authentication before it.
  public mutating func disconnect() {
    guard usesToken else { return connections.disconnect() }
    held.removeAll()
    switch phase {
    case .none: isDisconnected = true
    case .authenticating:
      source?.cancel()
      isDisconnected = true
    case .connecting, .passing: connections.disconnect()
    }
    phase = .none
  }

  /// What happened since the last call; `nil` when that is all.
  public mutating func pollEvent() -> MQTTLayerEvent? {
    guard usesToken else { return connections.pollEvent() }
    while true {
      if let event = takeOwnEvent() { return event }
      if phase == .authenticating {
        guard takeResult() else { return nil }
        continue
      }
      guard let event = connections.pollEvent() else { return nil }
      switch event {
      case .connected where phase == .connecting:
        phase = .passing
        release()
      case .failed(.refused(3)) where phase == .connecting:
        // Device guide 3.2: iotId or iotToken is not valid.
        source?.forget()
        if hasRenewed {
          phase = .none
          held.removeAll()
          return event
        }
        hasRenewed = true
        authenticate()
        continue
      case .failed, .lost, .disconnected:
        phase = .none
        held.removeAll()
      default: break
      }
      return event
    }
  }

  /// That of the layer that something is waited for from.
  public var descriptor: Int32 {
    guard phase == .authenticating else { return connections.descriptor }
    return switch source {
    case .some(let source): source.descriptor
    case nil: -1
    }
  }

  /// The topic of the last event `message`.
  public var topic: Span<UInt8> {
    @_lifetime(borrow self)
    get { connections.topic }
  }

  /// The payload of the last event `message`.
  public var payload: Span<UInt8> {
    @_lifetime(borrow self)
    get { connections.payload }
  }

  // MARK: - Over a restart

  /// Whether there is a token that the owner has not stored.
  public var hasUnkeptToken: Bool {
    switch source {
    case .some(let source): source.isUnkept
    case nil: false
    }
  }

  /// Writes the token, with the address that came with it.
  public func writeToken(_ userName: inout FixedBytes<192>, _ rest: inout FixedBytes<2048>) {
    switch source {
    case .some(let source): source.write(&userName, &rest)
    case nil: break
    }
  }

  /// Takes the token of an earlier process.
  public mutating func restoreToken(_ userName: Span<UInt8>, _ rest: Span<UInt8>) {
    source?.restore(userName, rest)
  }

  /// Notes that the owner has stored the token.
  public mutating func keepToken() { source?.noteKept() }

  /// Forgets the token.
  public mutating func forgetToken() { source?.forget() }
}
