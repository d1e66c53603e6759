// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore
package import PlatformFaults

/// The platform's mind: who its devices are, what they may do, and what it holds of them, whatever protocol they
/// come in by.
///
/// A front speaks one protocol with devices. It asks the core, in this order for each request:
/// 1. `applyConsole()`, then `nextFailure(_:…)`: a failure is the whole answer;
/// 2. `authenticate` or `register` for a device that proves who it is, `session(_:at:for:_:)` for one that has a
///    token; `connect` where a connection takes the token's place;
/// 3. for a report `checkTopic`, `method(of:)`, `use(_:in:_:)` where reports are numbered, `checkSize`, then
///    `execute`; for what waits for the device `things.downlink(of:)`;
/// 4. `countRequest(of:)` once the request was taken.
///
/// What the core refuses it throws as a `Refusal`, whose reason the front says in codes of its own; what it finds
/// out on the way it writes into the caller's `RequestNotes`, for the log. It knows no message, no code of a
/// protocol, no socket and no clock.
///
/// Fronts may share a core, each call after the other.
package final class PlatformCore {
  package let configuration: PlatformConfiguration
  package let assumptions: PlatformAssumptions
  /// The platform's state of its devices, and the console's operations on them.
  package var things: SimulatedThings
  /// The faults of answers, and the clock that jumps; the front adds those of the configuration when it begins.
  package let faults: FaultTable
  /// The source of tokens and secrets.
  package var random: any RandomSource
  /// The devices by `PRODUCTKEY/DEVICENAME`.
  package internal(set) var devices: [String: SimulatedDevice]
  /// The devices that have registered themselves, and whether they have authenticated since.
  var registered: [String: Bool] = [:]
  /// Those of them that no product lists.
  var unlisted: Set<String> = []
  var sessions: [[UInt8]: PlatformSession] = [:]
  /// The tokens of each device and service, the newest last.
  var tokens: [TokenOwner: [[UInt8]]] = [:]
  var takenBackTokens = TakenBackTokens()
  /// The sub-devices that are online, by `PRODUCTKEY/DEVICENAME`.
  var subDeviceSessions: [String: SubDeviceSession] = [:]
  /// What gateways have not been told yet.
  var subDeviceNotices: [SubDeviceNotice] = []
  /// When each sub-device has logged in within the last minute, five times at most.
  var logins: [String: [Instant]] = [:]
  private var lastMessageID: UInt64

  /// Starts without authenticated devices.
  package init(
    _ configuration: PlatformConfiguration,
    _ assumptions: PlatformAssumptions,
    random: any RandomSource
  ) {
    self.configuration = configuration
    self.assumptions = assumptions
    things = SimulatedThings(configuration, assumptions)
    faults = FaultTable(seed: configuration.faultSeed)
    var source = random
    // The message ids in the guide's examples have 18 digits.
    lastMessageID = 892_687_627_916_247_040 + source.next() % 1_000_000
    self.random = source
    devices = Dictionary(configuration.devices.map { ($0.path, $0) }) { $1 }
  }

  /// A new id for a message of the platform.
  package func makeMessageID() -> UInt64 {
    lastMessageID += 1
    return lastMessageID
  }
}
