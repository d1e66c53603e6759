// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import ConstrainedCore
internal import OpenSSLSupport
internal import PlatformCore
internal import PlatformFaults
internal import PlatformSimulator
internal import RadioModel

/// Why a fleet cannot run.
public enum FleetError: Error, Equatable, Sendable {
  /// The platform does not accept the product key or the name of a device: the two, with a comma between them.
  case name(String)
  /// OpenSSL or a security layer failed.
  case library
  /// The endpoint has no address, or no socket can be opened: the system's code.
  case endpoint(code: Int32)
}

/// The platform in this process: a simulated one for devices in symmetric mode and another for those over DTLS, each
/// behind a network with the faults of the scenario.
struct FleetWorld {
  /// A device as the platform's network knows it.
  struct Peer: SimulatedPeer {
    let index: Int

    var shown: String { String(index) }
  }

  /// What the platform has done.
  struct Output {
    var datagrams: [(index: Int, bytes: [UInt8])] = []
    var records: [RequestRecord] = []
  }

  /// The names in the platform's certificate.
  static let serverName = "cn-shanghai.iot-as-coap.aliyuncs.com"

  /// The authority that issued the platform's certificate.
  let authority: [UInt8]
  private var plain: ServedPlatform<Peer>
  private var secure: ServedPlatform<Peer>

  init(_ plan: FleetPlan, at start: Instant) throws(FleetError) {
    let certificate: IssuedCertificate
    do throws(OpenSSLError) {
      certificate = try IssuedCertificate(names: [Self.serverName])
      authority = certificate.authority
    } catch {
      throw .library
    }
    var configuration = SimulatorConfiguration()
    configuration.takesAnyTopic = true
    configuration.assumptions = plan.assumptions
    configuration.faultSeed = plan.seed
    configuration.exchangeLifetime = TransmissionParameters.nbIoTDeep.exchangeLifetime
    configuration.requestLimit = max(10_000, 10 * plan.devices)
    configuration.dtls.certificate = certificate.certificate
    configuration.dtls.key = certificate.key
    configuration.dtls.clock = plan.isVirtual ? .virtual : .machine
    configuration.dtls.patience.timeout = TransmissionParameters.nbIoTDeep.acknowledgementTimeout
    configuration.associationLimit = max(1_000, 8 * plan.devices)
    for number in plan.numbers {
      let identity = plan.identity(of: number)
      let device = SimulatedDevice(
        productKey: identity.productKey,
        deviceName: identity.deviceName,
        secret: identity.secret
      )
      configuration.devices.append(device)
    }
    do throws(OpenSSLError) {
      plain = try ServedPlatform(configuration, random: SplitMix(seed: plan.seed &+ 1), at: start)
      configuration.protection = .dtls
      secure = try ServedPlatform(configuration, random: SplitMix(seed: plan.seed &+ 2), at: start)
    } catch {
      throw .library
    }
    let lifetime = Milliseconds(Int64(RadioModel().network.natLifetime))
    plain.network.natLifetime = lifetime
    secure.network.natLifetime = lifetime
    for (index, number) in plan.numbers.enumerated() {
      let identity = plan.identity(of: number)
      let device = "\(identity.productKey)/\(identity.deviceName)"
      plain.network.expect(device, at: Peer(index: index), since: start)
      secure.network.expect(device, at: Peer(index: index), since: start)
    }
  }

  /// Adds faults to both platforms; their numbers, `nil` if one of them is full.
  mutating func add(_ rules: [FaultRule], at now: Instant) -> [Int]? {
    let tables = [plain.core.faults, secure.core.faults]
    for table in tables {
      table.removeEnded(at: now)
      guard table.entries.count + rules.count <= FaultTable.limit else { return nil }
    }
    var numbers: [Int] = []
    for rule in rules {
      for table in tables {
        // Both count alike, so that a fault has the same number in both.
        let number = table.add(rule, at: now) ?? 0
        if number > 0, numbers.last != number { numbers.append(number) }
      }
    }
    return numbers
  }

  /// The faults of either platform, with how often they have happened.
  func faults(at now: Instant) -> [(entry: FaultTable.Entry, count: Int)] {
    let tables = [plain.core.faults, secure.core.faults]
    for table in tables { table.removeEnded(at: now) }
    let other = tables[1].entries.filter { entry in
      !tables[0].entries.contains { $0.id == entry.id }
    }
    return (tables[0].entries + other).map { entry in
      let counts = tables.compactMap { $0.entries.first { $0.id == entry.id }?.count }
      return (entry, counts.reduce(0, +))
    }
  }

  /// Removes a fault, or all of them.
  func removeFault(_ id: Int?) -> Bool {
    let tables = [plain.core.faults, secure.core.faults]
    guard let id else {
      for table in tables { table.removeAll() }
      return true
    }
    // Not `||`: both are asked.
    return tables.map { $0.remove(id) }.contains(true)
  }

  /// Takes a device's datagram.
  mutating func receive(
    _ bytes: [UInt8],
    from index: Int,
    _ security: FleetSecurity,
    at now: Instant
  ) {
    if security == .symmetric {
      plain.receive(bytes, from: Peer(index: index), at: now)
    } else {
      secure.receive(bytes, from: Peer(index: index), at: now)
    }
  }

  /// When `handleTimeout` has something to do; not cheap, so it is kept until something happens.
  func pollTimeout() -> Instant? { earlier(plain.pollTimeout(), secure.pollTimeout()) }

  /// Does what is due.
  mutating func handleTimeout(at now: Instant) -> Output {
    var output = Output()
    for made in [plain.handleTimeout(at: now), secure.handleTimeout(at: now)] {
      output.datagrams += made.datagrams.map { ($0.peer.index, $0.bytes) }
      output.records += made.records
    }
    return output
  }
}
