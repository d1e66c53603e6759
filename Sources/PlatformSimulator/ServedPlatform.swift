// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore
package import OpenSSLSupport
package import PlatformCore
package import PlatformFaults

/// A device's address that can be shown in the log.
package protocol SimulatedPeer: Hashable, Sendable {
  /// The address as a person writes it.
  var shown: String { get }
}

/// The platform behind a network with faults, with or without DTLS, as a state machine without I/O.
///
/// Order of calls: `receive` datagrams, then `handleTimeout`, which returns what is to be sent; again at
/// `pollTimeout`.
package struct ServedPlatform<Peer: SimulatedPeer> {
  package typealias Address = FaultyNetwork<Peer>.Address

  /// What is to be sent, and what happened.
  package struct Output {
    /// Datagrams with their destinations, in order.
    package var datagrams: [(peer: Peer, bytes: [UInt8])] = []
    /// Requests, in order.
    package var records: [RequestRecord] = []
  }

  // Exactly one of the two is set.
  private var plain: SimulatedPlatform<Address>?
  private var secure: SecurePlatform<Address>?
  /// The network in front of it.
  package var network: FaultyNetwork<Peer>

  /// Serves from `now` on, with the faults of the configuration.
  package init(
    _ configuration: SimulatorConfiguration,
    random: any RandomSource,
    at now: Instant
  ) throws(OpenSSLError) {
    let core: PlatformCore
    switch configuration.protection {
    case .symmetric:
      let platform = SimulatedPlatform<Address>(configuration, random: random)
      core = platform.core
      plain = platform
    case .dtls:
      var platform = try SecurePlatform<Address>(configuration, random: random)
      if let limit = configuration.associationLimit { platform.limit = limit }
      platform.shown = { $0.shown }
      core = platform.core
      secure = platform
    }
    for rule in configuration.faults { _ = core.faults.add(rule, at: now) }
    network = FaultyNetwork(
      core.faults,
      coverage: configuration.coverage,
      seed: configuration.faultSeed &+ 1
    )
  }

  /// Who decides.
  package var core: PlatformCore {
    guard let core = plain?.core ?? secure?.core else {
      preconditionFailure("there is one of the two")
    }
    return core
  }

  /// The platform's state of its devices.
  package var things: SimulatedThings {
    get { core.things }
    set { core.things = newValue }
  }

  /// Takes a datagram of a device.
  package mutating func receive(_ bytes: [UInt8], from peer: Peer, at now: Instant) {
    // NAT gives an address before the next datagram, not after it.
    takeMoments()
    network.receive(bytes, from: peer, at: now)
  }

  /// When `handleTimeout` has something to do; `nil` if nothing is pending.
  package func pollTimeout() -> Instant? {
    earlier(network.pollTimeout, plain?.pollTimeout() ?? secure?.pollTimeout())
  }

  /// Does what is due by `now`.
  package mutating func handleTimeout(at now: Instant) -> Output {
    takeMoments()
    var output = Output()
    if let timeout = plain?.pollTimeout() ?? secure?.pollTimeout(), timeout <= now {
      if let datagrams = plain?.handleTimeout(at: now) {
        for datagram in datagrams { network.send(datagram.bytes, to: datagram.peer, at: now) }
      }
      if let made = secure?.handleTimeout(at: now) { take(made, at: now, &output) }
    }
    while let arrival = network.poll(at: now) {
      switch arrival {
      case .down(let bytes, to: let peer): output.datagrams.append((peer, bytes))
      case .up(let bytes, from: let address): handle(bytes, address, at: now, &output)
      }
    }
    return output
  }

  private mutating func handle(
    _ bytes: [UInt8],
    _ address: Address,
    at now: Instant,
    _ output: inout Output
  ) {
    if let made = plain?.handle(bytes, from: address, at: now) {
      if let record = made.record { note(record, of: address, &output) }
      for datagram in made.datagrams { network.send(datagram.bytes, to: datagram.peer, at: now) }
    }
    if var made = secure?.handle(bytes, from: address, at: now) {
      let records = made.records
      made.records = []
      for record in records { note(record, of: address, &output) }
      take(made, at: now, &output)
    }
  }

  private mutating func note(_ record: RequestRecord, of address: Address, _ output: inout Output) {
    var record = record
    record.peer = address.shown
    if let device = record.device { network.learn(device, at: address) }
    output.records.append(record)
  }

  private mutating func take(
    _ made: SecurePlatform<Address>.Output,
    at now: Instant,
    _ output: inout Output
  ) {
    output.records += made.records
    for datagram in made.datagrams { network.send(datagram.bytes, to: datagram.peer, at: now) }
  }

  /// What happens once to the network and on it; the core forgets its tokens by itself.
  private mutating func takeMoments() {
    for rule in core.faults.takeMoments() {
      switch rule.effect {
      case .rebind: network.rebind(rule.device)
      case .forgetSessions: secure?.forgetAssociations(isRestart: false)
      case .restart:
        plain?.forgetMessages()
        secure?.forgetAssociations(isRestart: true)
      default: break
      }
    }
  }
}

extension FaultyNetwork.Address where Peer: SimulatedPeer {
  /// The address, and behind it which one in a row.
  fileprivate var shown: String { peer.shown + (binding > 0 ? "#\(binding)" : "") }
}
