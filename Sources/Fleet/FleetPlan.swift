// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PlatformSimulator
internal import RadioModel

/// How the messages of a device are protected over CoAP.
public enum FleetSecurity: String, Sendable, CaseIterable {
  /// The platform's AES mode.
  case symmetric
  /// DTLS 1.2 with a key derived from the device's secret.
  case preSharedKey = "psk"
  /// DTLS 1.2 with the platform's certificate.
  case certificate = "dtls"
}

/// Who a device is.
public struct FleetIdentity: Equatable, Sendable {
  /// The product's key.
  public var productKey: String
  /// The device's name.
  public var deviceName: String
  /// Its secret.
  public var secret: [UInt8]

  /// A device with its three credentials.
  public init(productKey: String, deviceName: String, secret: [UInt8]) {
    self.productKey = productKey
    self.deviceName = deviceName
    self.secret = secret
  }

  /// What it reports to.
  var topic: String { "/sys/\(productKey)/\(deviceName)/thing/event/property/post" }
}

/// A platform in another program, for devices in symmetric mode or with pre-shared keys.
public struct FleetEndpoint: Equatable, Sendable {
  /// A name, or an address in digits.
  public var host: String
  /// The UDP port.
  public var port: UInt16

  /// A platform at that place.
  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }
}

/// What a fleet is, and what it does.
///
/// A device's identity, phase, radio and random numbers depend on `seed` and its number alone, so that shards of a
/// fleet are the fleet.
public struct FleetPlan: Sendable {
  /// Which part of a fleet runs here: one of `count`, counted from 1.
  public struct Shard: Equatable, Sendable {
    /// Which one.
    public var number: Int
    /// Of how many.
    public var count: Int

    /// The shard with that number.
    public init(_ number: Int, of count: Int) {
      self.number = number
      self.count = count
    }
  }

  /// How many devices the whole fleet has.
  public var devices = 100
  /// The part that runs here.
  public var shard = Shard(1, of: 1)
  /// From one report of a device to the next.
  public var interval = Milliseconds(60_000)
  /// The time over which devices start, evenly.
  public var ramp = Milliseconds(60_000)
  /// How long devices make reports.
  public var duration = Milliseconds(300_000)
  /// How long to wait for the remaining reports after that.
  public var settling = Milliseconds(6 * 3_600_000)
  /// The coverage classes of the radios.
  public var radio = FleetMix<Int>([(0, 1)])
  /// The protection of messages.
  public var security = FleetMix<FleetSecurity>([(.symmetric, 1)])
  /// What a report says.
  public var template = ReportTemplate.standard
  /// What all random numbers begin with.
  public var seed: UInt64 = 1
  /// Who the devices are, one for each; empty for made-up ones of one product.
  public var identities: [FleetIdentity] = []
  /// The platform that they report to in real time; `nil` for a simulated one in this process.
  public var endpoint: FleetEndpoint?
  /// What happens meanwhile, and what must hold.
  public var scenario = FleetScenario()
  /// What the platform does where only the cloud could show it.
  public var assumptions = SimulatorAssumptions()
  /// Whether time is simulated.
  public var isVirtual = true
  /// The date when the clock of the run is 0, in milliseconds since 1970; before the run that of its start, which is
  /// 2026 in simulated time.
  var date: Int64 = 1_767_225_600_000

  /// A hundred devices in symmetric mode for 5 minutes.
  public init() {}

  /// The numbers of the devices that run here.
  public var numbers: [Int] { Array(stride(from: shard.number - 1, to: devices, by: shard.count)) }

  /// Who the device with that number of the whole fleet is.
  public func identity(of number: Int) -> FleetIdentity {
    guard identities.isEmpty else { return identities[number % identities.count] }
    var random = SplitMix(seed: seed &* 0x9E37_79B9 &+ UInt64(number))
    let digits = Array("0123456789abcdef".utf8)
    var secret: [UInt8] = []
    for _ in 0..<2 {
      let value = random.next()
      secret += (0..<16).map { digits[Int(value >> UInt64($0 * 4) & 0xF)] }
    }
    let text = String(number)
    return FleetIdentity(
      productKey: "a1B2c3D4e5F",
      deviceName: "meter" + String(repeating: "0", count: max(0, 6 - text.count)) + text,
      secret: secret
    )
  }
}

/// Kinds with their shares of a fleet.
public struct FleetMix<Kind: Hashable & Sendable>: Sendable {
  /// The kinds with their shares, whose sum is 1.
  public let parts: [(kind: Kind, share: Double)]

  /// A mix; shares are divided by their sum, which is above 0.
  public init(_ parts: [(Kind, Double)]) {
    let sum = parts.reduce(0) { $0 + $1.1 }
    precondition(sum > 0, "a mix has something in it")
    self.parts = parts.map { ($0.0, $0.1 / sum) }
  }

  /// The kind of the device with that number: evenly spread, by multiples of an irrational step.
  func kind(of number: Int, step: Double) -> Kind {
    let place = (Double(number) + 0.5) * step
    var fraction = place - place.rounded(.down)
    for part in parts {
      if fraction < part.share { return part.kind }
      fraction -= part.share
    }
    return parts[parts.count - 1].kind
  }
}
