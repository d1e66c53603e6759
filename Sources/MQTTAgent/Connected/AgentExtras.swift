// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import DeviceDownlinks
internal import DeviceStore
internal import DurableReports
internal import OpenSSLSupport
internal import Platform
internal import ReportLink
internal import SystemClocks

/// What the agent over MQTT has beside its driver: what the platform sends.
struct AgentExtras: ~Copyable {
  /// Requests of the platform and their answers.
  var exchange: DownlinkExchange<16, 8_192>
  /// The command that answers them.
  var command = RequestCommand()
  /// The upgrade that was pushed, and what is kept of it.
  var firmware = FirmwarePush()
  private var store = FirmwareStore()
  #if GATEWAY
  /// Configurations that were offered.
  var configurations = Configurations()
  /// How many sub-devices were online when that was told of last.
  var toldOnline = -1
  /// Since when all that waits is of sub-devices that are not online.
  var shutSince: Instant?
  /// How long lines without room wait for one of them.
  static var shutPatience: Milliseconds { Milliseconds(60_000) }
  #endif
  /// Messages that were dropped after they had been looked at.
  var drops = Burst()
  /// Requests that were answered with an error without being handed over.
  var refusals = Burst()
  /// What requests are checked by; empty for nothing.
  private let model: ModelText
  /// The device.
  let identity: DeviceIdentity
  /// Numbers of the device's own requests.
  var random = SystemRandom()
  /// Until when the last rest is that was told of.
  var toldRest = Instant(milliseconds: .min)
  /// Whether the platform said, or seems to say, that another device has the identity.
  var isKicked = false
  /// How many drops were told of.
  var toldDrops = 0
  /// Whether the first datagram that waits is a report, for which there was no room.
  var isDatagramHeld = false

  init(
    _ identity: DeviceIdentity,
    exchange: consuming DownlinkExchange<16, 8_192>,
    model: ModelText
  ) {
    self.exchange = exchange
    self.identity = identity
    self.model = model
  }

  /// When something of it is due.
  var deadline: Instant? {
    let next = earlier(command.deadline, exchange.pollTimeout())
    return earlier(next, earlier(drops.deadline, refusals.deadline))
  }

  #if GATEWAY
  /// Likewise, with the configurations.
  var deadlineOfAll: Instant? {
    let first = earlier(deadline, configurations.deadline)
    guard let shutSince, shutSince + Self.shutPatience > MonotonicClock.now() else { return first }
    return earlier(first, shutSince + Self.shutPatience)
  }
  #endif

  /// Reads what is kept of an upgrade.
  @inline(never)
  mutating func open(_ directory: borrowing StateDirectory) {
    store.join(directory)
    let state = store.load()
    firmware = FirmwarePush(kept: state.bytes)
    #if GATEWAY
    configurations.open(directory)
    #endif
  }

  /// Keeps what is known of the upgrade, before anybody is told.
  @inline(never)
  mutating func keepFirmware() throws(StoreError) {
    var state = FixedBytes<192>()
    state.write { (writer: inout ByteWriter) in
      // It has room for the longest version.
      try? firmware.writeState(into: &writer)
    }
    try store.keep(state.bytes)
  }

  /// Takes the message of the last event `downlink`, checked by the thing model if there is one.
  @inline(never)
  mutating func take<Channel: DownlinkChannel & ~Copyable>(
    from channel: inout Channel,
    at now: Instant
  ) -> DownlinkVerdict {
    if !model.isEmpty, let view = try? ThingModelView(model.bytes) {
      return exchange.take(from: &channel, model: view, at: now)
    }
    return exchange.take(from: &channel, at: now)
  }

  #if GATEWAY
  /// Takes the message of the last event `downlink`; the thing model is the gateway's own.
  @inline(never)
  mutating func take<Channel: DownlinkChannel & ~Copyable>(
    from channel: inout Channel,
    subDevice: DeviceIdentity?,
    at now: Instant
  ) -> DownlinkVerdict {
    guard let subDevice else { return take(from: &channel, at: now) }
    return exchange.take(from: &channel, subDevice: subDevice, at: now)
  }
  #endif

  /// Ends the command.
  mutating func end() {
    command.end()
    #if GATEWAY
    configurations.end()
    #endif
  }
}

/// Reads the thing model of the configuration, if there is one; an error ends the process.
@inline(never)
func readModel(_ configuration: borrowing Configuration) -> ModelText {
  if !configuration.has(.thingModel) { return ModelText() }
  let model = ModelText(configuration)
  do throws(ThingModelError) {
    _ = try ThingModelView(model.bytes)
  } catch {
    configuration.refuse(.thingModel)
  }
  return model
}
