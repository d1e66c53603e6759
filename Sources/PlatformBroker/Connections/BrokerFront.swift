// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore
internal import PayloadValues
package import PlatformCore

/// The platform's side of MQTT, as a state machine without I/O: the core's front for what mosquitto's plugins ask.
///
/// Hand it events with `handle`, in the order in which they come in; it answers each request among them with one
/// `BrokerOrder.answer`, which comes last among the orders to that broker. `push` sends what the platform has to say.
/// What follows is in the `Output`: carry out its orders, print its records, and tell whoever asked for a push how
/// that ended. `pollTimeout` and `handleTimeout` end the pushes that nobody answers.
package final class BrokerFront {
  /// What follows.
  package struct Output {
    /// What the plugins are to do, in order.
    package var orders: [(side: BrokerSide, order: BrokerOrder)] = []
    /// What happened.
    package var records: [BrokerRecord] = []
    /// The pushes that are over.
    package var endings: [(push: Int, result: PushResult)] = []

    package init() {}

    /// Adds what the answer to the same event must not overtake.
    mutating func add(_ other: Output) {
      var place = orders.count
      if case .answer? = orders.last?.order { place -= 1 }
      orders.insert(contentsOf: other.orders, at: place)
      records += other.records
      endings += other.endings
    }

    mutating func order(_ side: BrokerSide, _ order: BrokerOrder) { orders.append((side, order)) }
  }

  let core: PlatformCore
  let configuration: PlatformConfiguration
  let settings: BrokerFrontSettings
  var connections: [Connection.Key: Connection] = [:]
  var lines: [String: DeviceLine] = [:]
  var waiting: [Int: WaitingPush] = [:]
  var lastPush = 0
  private var lastRegistration = 0

  /// The front of a core, with nobody connected.
  package init(_ core: PlatformCore, _ settings: BrokerFrontSettings) {
    self.core = core
    configuration = core.configuration
    self.settings = settings
  }

  /// Takes in what a plugin tells.
  package func handle(_ event: BrokerEvent, from side: BrokerSide, at now: Instant) -> Output {
    var output = Output()
    core.applyConsole()
    switch event {
    case .hello, .ready: break
    case .connect(let request): connect(request, side, at: now, &output)
    case .publish(let request): publish(request, side, at: now, &output)
    case .subscribe(let number, let qos, let filter):
      subscribe(Connection.Key(side: side, number: number), qos, filter, at: now, &output)
    case .unsubscribe(let number, let filter):
      unsubscribe(Connection.Key(side: side, number: number), filter, at: now, &output)
    case .disconnect(let number):
      let key = Connection.Key(side: side, number: number)
      if let connection = connections[key] { forget(connection, at: now, &output) }
    }
    var notices = Output()
    tellNotices(at: now, &notices)
    output.add(notices)
    closeDisabled(at: now, &output)
    return output
  }

  /// Takes in that a broker has ended: nobody is connected to it, and no session is kept.
  package func handleEnd(of side: BrokerSide, at now: Instant) -> Output {
    var output = Output()
    for connection in connections.values.filter({ $0.key.side == side }) {
      forget(connection, at: now, &output)
    }
    for path in lines.keys { lines[path]?.sessions[side] = nil }
    return output
  }

  /// The devices that are connected, and the sub-devices that are online over one; those that register left out.
  package var online: [OnlineDevice] {
    let direct = lines.values.compactMap(\.connection).filter { !$0.isClosing && !$0.isReplaced }
    let others = core.onlineSubDevices.compactMap { device, gateway in
      connection(of: device.path).map { OnlineDevice($0, device, over: gateway) }
    }
    return (direct.map { OnlineDevice($0, $0.device, over: nil) } + others)
      .sorted { ($0.productKey, $0.deviceName) < ($1.productKey, $1.deviceName) }
  }

  /// Closes a device's connection, or a sub-device's session over its gateway's; `false` if it has neither.
  ///
  /// With `notice` it is told before that another one is in its place.
  package func close(
    _ path: String,
    notice: Bool,
    at now: Instant
  ) -> (wasOnline: Bool, output: Output) {
    var output = Output()
    guard let connection = lines[path]?.connection, !connection.isClosing else {
      let wasOnline = core.endSubDevice(path, notice ? .connectedElsewhere : nil)
      tellNotices(at: now, &output)
      return (wasOnline, output)
    }
    if notice { tellKick(connection, at: now, &output) }
    close(connection, "the console closes it", at: now, &output)
    return (true, output)
  }

  // MARK: Inside

  /// The line of a device, which it keeps for good: there are as many as devices.
  func line(of device: SimulatedDevice) -> DeviceLine {
    if let line = lines[device.path] { return line }
    let line = DeviceLine(number: lines.count + 1)
    lines[device.path] = line
    return line
  }

  /// An id for a connection that registers.
  func makeRegistrationID() -> String {
    lastRegistration += 1
    return "r\(lastRegistration)"
  }

  func record(
    _ kind: BrokerRecord.Kind,
    _ connection: Connection,
    at now: Instant
  ) -> BrokerRecord {
    var record = BrokerRecord(kind, at: now)
    record.transport = connection.transport
    record.peer = connection.address
    record.notes.device = connection.device.path
    return record
  }

  /// Closes a connection once what was delivered to it is on its way.
  func close(
    _ connection: Connection,
    _ note: String,
    at now: Instant,
    _ output: inout Output
  ) {
    guard !connection.isClosing else { return }
    connection.isClosing = true
    output.order(connection.key.side, .close(id: connection.id))
    var record = record(.close, connection, at: now)
    record.note = note
    output.records.append(record)
  }

  private func forget(_ connection: Connection, at now: Instant, _ output: inout Output) {
    connections[connection.key] = nil
    var record = record(.disconnect, connection, at: now)
    if connection.isReplaced { record.note = "another connection is in its place" }
    output.records.append(record)
    if let session = connection.session { core.endSubDevices(over: session) }
    let path = connection.device.path
    guard lines[path]?.connection === connection else { return }
    lines[path]?.connection = nil
    if connection.isClean {
      lines[path]?.sessions[connection.key.side]?.subscriptions = Subscriptions()
    }
  }

  /// Closes the connections of devices that the console has disabled meanwhile.
  ///
  /// Unverified: that they are closed.
  private func closeDisabled(at now: Instant, _ output: inout Output) {
    for connection in connections.values
    where !connection.isClosing && !connection.isReplaced && core.isDisabled(connection.device) {
      close(connection, "the device is disabled", at: now, &output)
    }
  }
}

/// How the front decides.
package struct BrokerFrontSettings: Sendable {
  /// What only the cloud could tell.
  package var assumptions = BrokerAssumptions()
  /// How many bytes a payload may have.
  ///
  /// Unverified: 256 KB, which the platform's newer pages have; the guide's 1 KB is CoAP's (3.5).
  package var payloadLimit = 256 * 1_024

  package init() {}
}

/// A device that is connected.
public struct OnlineDevice: Sendable, Equatable {
  /// The product's key.
  public let productKey: String
  /// The device's name.
  public let deviceName: String
  /// `PRODUCTKEY/DEVICENAME` of the gateway over which it is online; `nil` for a device with a connection of its own.
  public let gateway: String?
  /// How it, or its gateway, is connected.
  public let transport: BrokerTransport
  /// The address that it comes from.
  public let address: String
  /// What its client id has before the bar.
  public let clientID: String
  /// Seconds.
  public let keepAlive: UInt16
  /// Whether its session ends with the connection.
  public let isClean: Bool

  init(_ connection: Connection, _ device: SimulatedDevice, over gateway: SimulatedDevice?) {
    productKey = device.productKey
    deviceName = device.deviceName
    self.gateway = gateway?.path
    transport = connection.transport
    address = connection.address
    clientID = connection.clientID
    keepAlive = connection.keepAlive
    isClean = connection.isClean
  }
}
