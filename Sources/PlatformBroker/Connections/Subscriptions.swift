// SPDX-License-Identifier: Apache-2.0
/// The topic filters of a session with their quality of service, kept by the device that each names: a gateway has
/// some for each of its sub-devices.
struct Subscriptions {
  /// By `PRODUCTKEY/DEVICENAME`, empty for a filter that names nobody, and by filter.
  private var owners: [String: [String: UInt8]] = [:]

  /// How many name a device.
  func count(of owner: String) -> Int { owners[owner]?.count ?? 0 }

  /// Whether the filter is among them.
  func contains(_ filter: String, of owner: String) -> Bool { owners[owner]?[filter] != nil }

  /// Adds a filter, or changes its quality of service.
  mutating func add(_ filter: String, _ qos: UInt8, of owner: String) {
    owners[owner, default: [:]][filter] = qos
  }

  /// Takes a filter away.
  mutating func remove(_ filter: String, of owner: String) {
    owners[owner]?[filter] = nil
    if owners[owner]?.isEmpty == true { owners[owner] = nil }
  }

  /// The best quality of service of those that stand for a topic; `nil` where there is none.
  func quality(of topic: String, of owner: String) -> UInt8? {
    let names = owner.isEmpty ? [""] : ["", owner]
    return names.compactMap { name in
      owners[name]?.filter { TopicFilter($0.key).matches(topic) }.map(\.value).max()
    }.max()
  }
}
