// SPDX-License-Identifier: Apache-2.0
/// What devices may subscribe to, where their protocol has subscriptions.
extension TopicVerdict {
  /// Whether the platform sends to a topic of the device's.
  static func isSubscribable(
    _ topic: ArraySlice<String>,
    of device: SimulatedDevice,
    _ classes: [TopicClass],
    _ model: ProductModel?
  ) -> Bool {
    switch TopicVerdict(topic, of: device, classes, model, isConnected: true) {
    case .subscribeOnly: return true
    case .foreign, .unknown: return false
    case .publish:
      // Topics for both ways: classes of the product, and those of synchronous calls.
      if topic.first == "ext" { return topic.dropFirst().first == "rrpc" }
      guard !["sys", "ota", "shadow"].contains(topic.first) else { return false }
      let name = topic.dropFirst(2).joined(separator: "/")
      return classes.last { $0.name == name }?.permission == .both
    }
  }

  /// Whether a filter has a level that stands for others.
  static func hasWildcard(_ filter: ArraySlice<String>) -> Bool {
    filter.contains { $0.contains("+") || $0.contains("#") }
  }

  /// Whether wildcards stand where they may (MQTT 3.1.1, 4.7.1).
  static func areFilterLevels(_ filter: ArraySlice<String>) -> Bool {
    let levels = Array(filter)
    return levels.indices.allSatisfy { index in
      let level = levels[index]
      if level == "+" { return true }
      if level == "#" { return index == levels.count - 1 }
      return areLevels([level])
    }
  }
}
