// SPDX-License-Identifier: Apache-2.0
public import Alink
public import CoAPMessage
internal import ConstrainedCore
internal import DurableReports
internal import GatewayLink
public import GatewaySessions
public import PayloadCoding
public import Platform
internal import Synchronization
internal import SystemClocks

/// A sub-device of a `Gateway`.
public final class SubDevice: Sendable {
  /// Its names.
  public let identity: DeviceIdentity
  /// The product's key.
  public let productKey: String
  /// The device's name.
  public let deviceName: String
  /// What it signs with.
  public let signMethod: SubDeviceSignMethod
  /// The sessions' number of it, which `GatewayEvent` has.
  public let number: Int
  private let core: MQTTCore
  private let client: DeviceClient

  init(
    _ number: Int,
    _ identity: DeviceIdentity,
    _ signMethod: SubDeviceSignMethod,
    _ gateway: DeviceClient,
    _ core: MQTTCore
  ) {
    self.number = number
    self.identity = identity
    self.signMethod = signMethod
    self.core = core
    productKey = String(decoding: identity.productKey.bytes.array, as: UTF8.self)
    deviceName = String(decoding: identity.deviceName.bytes.array, as: UTF8.self)
    client = DeviceClient(subDevice: identity, of: gateway)
  }

  /// Whether it is online, so that its reports go out at once.
  public var isOnline: Bool { core.state.withLock { $0.link.sessions.isOnline(number) } }

  /// Whether it was told to be online; one that the platform has refused for good stays so, and is offline.
  public var isWanted: Bool { core.state.withLock { $0.link.sessions.isWanted(number) } }

  /// Wants it online from now on, over this connection and later ones, and returns once it is.
  ///
  /// Throws `GatewayError.refused` where the platform refuses it for good; what passes is waited out. Cancelling the task
  /// ends the wait alone.
  public func logIn() async throws {
    try wantOnline()
    let id = core.makeID()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        core.waitForSubDevice(number, id, isOnline: true, continuation)
      }
    } onCancel: {
      core.cancel(id)
    }
  }

  /// Wants it online from now on, without a wait; `GatewayClientSettings.onEvent` tells.
  public func wantOnline() throws(GatewayError) { try change(isOnline: true) }

  /// Logs it out, and returns once it is offline, also where a login was under way.
  public func logOut() async throws {
    try change(isOnline: false)
    let id = core.makeID()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        core.waitForSubDevice(number, id, isOnline: false, continuation)
      }
    } onCancel: {
      core.cancel(id)
    }
  }

  private func change(isOnline: Bool) throws(GatewayError) {
    var failure: GatewayError?
    core.update { state, _ in
      do throws(SubDeviceError) {
        let now = MonotonicClock.now()
        if isOnline {
          try state.link.sessions.logIn(number, at: now)
        } else {
          try state.link.sessions.logOut(number, at: now)
        }
      } catch {
        failure = .subDevice(error)
      }
    }
    if let failure { throw failure }
  }

  /// Reports `payload` to a topic of this sub-device and waits for the platform's answer, as `DeviceClient.publish` does.
  ///
  /// It waits for a login that is under way; of a sub-device that is not to be online it throws `subDeviceOffline`
  /// without sending.
  public func publish(
    _ payload: [UInt8],
    to topic: String,
    format: ContentFormat = .json
  ) async throws -> Receipt {
    try await client.publish(payload, to: topic, format: format)
  }

  /// Sends a request of the thing model for this sub-device, as `DeviceClient.request` does.
  @discardableResult
  public func request<Kind: AlinkKind, Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ kind: Kind.Type,
    as writer: Writer.Type,
    _ build: (inout AlinkRequest<Kind, Writer>) throws(AlinkError) -> Void
  ) async throws -> AlinkAnswer {
    try await client.request(kind, as: writer, build)
  }

  /// What the platform sends to this sub-device: property sets, services, bytes, disable, enable, delete.
  ///
  /// Each message goes to the sequence that was made last; 16 are kept for it, and further ones are answered with 429.
  /// So are those that nobody listens to. The sequence ends when another one is made, when the sub-device is removed, and
  /// when the gateway is closed.
  public var requests: AsyncStream<DeviceRequest> {
    AsyncStream(bufferingPolicy: .bufferingOldest(16)) { continuation in
      core.update { state, completions in
        guard !state.callers.isClosed, state.link.sessions.identity(of: number) != nil else {
          return completions.actions.append { continuation.finish() }
        }
        guard let earlier = state.listeners.updateValue(continuation, forKey: number) else {
          return
        }
        completions.actions.append { earlier.finish() }
      }
    }
  }
}
