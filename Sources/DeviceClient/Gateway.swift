// SPDX-License-Identifier: Apache-2.0
public import Alink
internal import ConstrainedCore
internal import DeviceStore
internal import DurableReports
internal import GatewayLink
public import GatewaySessions
internal import OpenSSLSupport
internal import PayloadCoding
internal import Platform
internal import Synchronization
internal import SystemClocks

/// A gateway on the platform with its sub-devices, over one MQTT connection (device guide 5 and 6.2 to 6.4).
///
/// ```
/// let gateway = try Gateway(configuration, secret: secret)
/// let meter = try gateway.add(productKey: "a1Sub", deviceName: "meter1", secret: meterSecret)
/// try await gateway.addToTopology(meter)
/// try await meter.logIn()
/// try await meter.publish(Array(#"{"value":1}"#.utf8), to: "/a1Sub/meter1/user/update")
/// ```
///
/// A sub-device that was logged in comes back by itself after a lost connection; 1,500 take half a minute, because
/// logins are spread. What is kept by `report` waits in the outbox for its sub-device's login, also over a restart, and
/// holds up nobody.
public final class Gateway: Sendable {
  /// The gateway's own client: reports and requests of itself, and what the platform sends to it.
  public let client: DeviceClient
  private let core: MQTTCore

  /// Checks the names without sending anything; `configuration.transport` must be MQTT.
  ///
  /// With `GatewayClientSettings.outbox` it takes the reports up that wait there.
  public init(
    _ configuration: DeviceClientConfiguration,
    secret: [UInt8],
    settings: GatewayClientSettings = GatewayClientSettings()
  ) throws(DeviceClientError) {
    client = try DeviceClient(configuration, secret: secret, gateway: settings)
    guard let core = client.core as? MQTTCore else { throw .needsMQTT }
    self.core = core
  }

  // MARK: - Sub-devices

  /// Takes a sub-device, which is offline until `logIn`; nothing is sent.
  ///
  /// The secret is copied; wipe your own.
  public func add(
    productKey: String,
    deviceName: String,
    secret: [UInt8],
    signMethod: SubDeviceSignMethod = .hmacSHA256
  ) throws(GatewayError) -> SubDevice {
    let identity = try Self.identity(productKey, deviceName, client.deviceNames)
    var result: Result<Int, SubDeviceError> = .failure(.unknown)
    core.update { state, _ in
      do throws(SubDeviceError) {
        result = .success(
          try state.link.sessions.add(identity, secret: secret.span.trimmed, signMethod: signMethod)
        )
      } catch {
        result = .failure(error)
      }
    }
    switch result {
    case .success(let number): return SubDevice(number, identity, signMethod, client, core)
    case .failure(let error): throw .subDevice(error)
    }
  }

  /// Forgets a sub-device, and wipes its secret; log it out before.
  ///
  /// Its `requests` end.
  public func remove(_ device: SubDevice) {
    core.update { state, completions in
      state.endSubDevice(device.number, .subDevice(.unknown), &completions)
      // It is gone, and so is its session as far as this gateway knows.
      state.endWaiters(of: device.number, isOnline: false, .success(()), &completions)
      state.link.sessions.remove(device.number)
      guard let listener = state.listeners.removeValue(forKey: device.number) else { return }
      completions.actions.append { listener.finish() }
    }
  }

  /// How many sub-devices are online.
  public var onlineCount: Int { core.state.withLock { $0.link.sessions.onlineCount } }

  /// How many are on their way there: they log in without anybody's doing.
  public var expectedCount: Int { core.state.withLock { $0.link.sessions.expectedCount } }

  // MARK: - Topology

  /// Adds a sub-device to the gateway's topology, which its login needs (`thing.topo.add`, 6.3).
  @discardableResult
  public func addToTopology(_ device: SubDevice) async throws -> AlinkAnswer {
    let proof = SubDeviceRequest(
      signMethod: device.signMethod.hmac,
      timestamp: WallClock.milliseconds()
    )
    let signature = core.state.withLock { state in
      state.link.sessions.sign(proof, by: device.number)
    }
    guard let signature else { throw GatewayError.signing }
    return try await client.request(TopologyAdd.self, as: JSONWriter.self) {
      (add: inout AlinkRequest<TopologyAdd, JSONWriter>) throws(AlinkError) in
      try add.add(device.identity, proof: proof, signature: signature.bytes)
    }
  }

  /// Takes a sub-device out of the topology, which ends its session (`thing.topo.delete`, 6.3).
  @discardableResult
  public func removeFromTopology(
    productKey: String,
    deviceName: String
  ) async throws -> AlinkAnswer {
    try await list(TopologyDelete.self, productKey, deviceName)
  }

  /// The sub-devices in the topology (`thing.topo.get`, 6.3).
  public func topology() async throws -> [DeviceEntry] {
    try await client.request(TopologyGet.self, as: JSONWriter.self) { _ throws(AlinkError) in }
      .devices()
  }

  /// Tells the platform of a device that was found, which then may ask to add it (`thing.list.found`, 6.3).
  @discardableResult
  public func announce(productKey: String, deviceName: String) async throws -> AlinkAnswer {
    try await list(DeviceFound.self, productKey, deviceName)
  }

  /// Registers a sub-device; what it is given, with `iotID` and its secret: keep that like the gateway's own
  /// (`thing.sub.register`, 6.2).
  public func register(productKey: String, deviceName: String) async throws -> DeviceEntry {
    let devices = try await list(SubDeviceRegister.self, productKey, deviceName).devices()
    for device in devices
    where device.productKey.bytes.array == Array(productKey.utf8)
      && device.deviceName.bytes.array == Array(deviceName.utf8)
    {
      guard !device.deviceSecret.isEmpty else { break }
      return device
    }
    throw GatewayError.noSecret
  }

  private func list<Kind: DeviceListKind>(
    _ kind: Kind.Type,
    _ productKey: String,
    _ deviceName: String
  ) async throws -> AlinkAnswer {
    let (key, name) = (Array(productKey.utf8), Array(deviceName.utf8))
    return try await client.request(kind, as: JSONWriter.self) {
      (request: inout AlinkRequest<Kind, JSONWriter>) throws(AlinkError) in
      try request.add(productKey: key.span, deviceName: name.span)
    }
  }

  // MARK: - Reports that are kept

  /// Keeps a report of the gateway or of a sub-device until the platform has it; when this returns its id, the disk has
  /// it, and `GatewayClientSettings.onReport` tells what became of it.
  ///
  /// Each `placeholder` in the payload, unless that is empty, becomes the id. `lifetime` says after how many seconds the
  /// report is dropped, 0 for never. A topic has 128 bytes at most, a payload 1,024; throws `.outbox(.full)` where there
  /// is no room, and `.noOutbox` where the gateway has none.
  public func report(
    _ payload: [UInt8],
    to topic: String,
    placeholder: [UInt8] = [],
    lifetime: UInt32 = 0
  ) throws(GatewayError) -> UInt64 {
    let checked: Topic
    do throws(TopicError) {
      checked = try Topic(Array(topic.utf8).span)
    } catch {
      throw .topic(error)
    }
    var result: Result<UInt64, GatewayError> = .failure(.closed)
    core.update { state, _ in
      guard !state.callers.isClosed else { return }
      guard state.isDurable else {
        result = .failure(.noOutbox)
        return
      }
      do throws(OutboxError) {
        let id = try state.reports.add(
          topic: checked,
          payload: payload.span,
          placeholder: placeholder.span,
          lifetime: lifetime,
          at: MonotonicClock.now(),
          date: WallClock.now()
        )
        try state.reports.commit()
        result = .success(id)
      } catch {
        result = .failure(.outbox(error))
      }
    }
    return try result.get()
  }

  /// How many reports the outbox holds.
  public var pendingReports: Int { core.state.withLock { $0.reports.pendingReports } }

  /// Ends everything; what the outbox holds stays there.
  ///
  /// The sub-devices' sessions end with the connection.
  public func close() async { await client.close() }

  static func identity(
    _ productKey: String,
    _ deviceName: String,
    _ rule: DeviceNameRule
  ) throws(GatewayError) -> DeviceIdentity {
    do throws(IdentityError) {
      return try DeviceIdentity(
        productKey: Array(productKey.utf8).span,
        deviceName: Array(deviceName.utf8).span,
        deviceNames: rule
      )
    } catch {
      throw .identity(error)
    }
  }
}
