// SPDX-License-Identifier: Apache-2.0
/// The configuration of a gateway's sub-devices: how each is reached and what its registers mean
/// (device guide 6.7).
///
/// The platform announces the file by `thing.model.config.push`; `FileOffer` in Alink has its
/// address and digest. Memory held: the entries, and the text of each thing model; while the file
/// is read also a tree of its values.
public struct GatewayConfiguration: Equatable, Sendable {
  /// The longest file that is read, in bytes: 1,500 sub-devices, the most a gateway may have (device
  /// guide 5), take 300 KB, and a thing model some tens of KB.
  public static let maxBytes = 4 << 20

  /// The most values in a file; each takes some 60 bytes while the file is read.
  public static let maxValues = 1 << 18

  /// The most problems that are listed.
  public static let maxProblems = 200

  /// The products of the sub-devices, `modelList`.
  public internal(set) var products: [SubDeviceProduct] = []
  /// The connections to sub-devices, `serverList`.
  public internal(set) var servers: [SubDeviceServer] = []
  /// The sub-devices, `deviceList`.
  public internal(set) var devices: [ConfiguredSubDevice] = []
  /// The thing models of the products, `tslList`.
  public internal(set) var thingModels: [SubDeviceThingModel] = []

  /// Reads a file; throws the first problem that makes it, or an entry of it, unreadable.
  ///
  /// A gateway calls this: half a configuration would leave sub-devices out without a word. What
  /// is readable but does not fit together is in `problems()`.
  public init(_ bytes: [UInt8]) throws(GatewayProblem) {
    let examination = GatewayExamination(bytes)
    if let problem = examination.problems.first { throw problem }
    self = examination.configuration
  }

  init() {}

  /// The product with a key; the first if it is listed twice.
  public func product(_ key: String) -> SubDeviceProduct? {
    products.first { $0.productKey == key }
  }

  /// The server with an id; the first if it is listed twice.
  public func server(_ id: String) -> SubDeviceServer? { servers.first { $0.id == id } }

  /// The thing model of a product; the first if it is listed twice.
  public func thingModel(of key: String) -> SubDeviceThingModel? {
    thingModels.first { $0.productKey == key }
  }
}

/// What can be read of a file, with everything that cannot.
public struct GatewayExamination: Equatable, Sendable {
  /// The entries that are readable.
  public let configuration: GatewayConfiguration
  /// Why others are not, in the order of the file, at most `GatewayConfiguration.maxProblems`.
  public let problems: [GatewayProblem]

  /// Reads as much of a file as is readable.
  public init(_ bytes: [UInt8]) {
    var reading = ConfigurationReading(bytes)
    configuration = reading.read()
    problems = reading.problems
  }
}

/// Where something is in the file.
public struct GatewayPlace: Hashable, Sendable {
  /// The member, as in `modelList[0].properties[1].registerAddress`; empty for the whole file.
  public let path: String
  /// The offset of its value, in bytes from 0.
  public let offset: Int

  /// Creates a place.
  public init(path: String, offset: Int) {
    self.path = path
    self.offset = offset
  }
}
