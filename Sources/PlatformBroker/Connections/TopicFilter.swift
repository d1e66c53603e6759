// SPDX-License-Identifier: Apache-2.0
/// A topic filter (MQTT 3.1.1, 4.7).
struct TopicFilter {
  private let levels: [Substring]

  init(_ text: String) {
    levels = text.split(separator: "/", omittingEmptySubsequences: false)
  }

  /// Whether a topic without wildcards is among those that it stands for.
  func matches(_ topic: String) -> Bool {
    let names = topic.split(separator: "/", omittingEmptySubsequences: false)
    for (index, level) in levels.enumerated() {
      if level == "#" { return true }
      guard index < names.count, level == "+" || level == names[index] else { return false }
    }
    // sport/tennis/# also stands for sport/tennis: its # is one level further.
    return names.count == levels.count
  }
}

extension TopicFilter {
  /// The segments of a topic or filter behind its slash; `nil` for one that does not begin with one.
  static func segments(of topic: String) -> ArraySlice<String>? {
    guard topic.hasPrefix("/") else { return nil }
    return topic.split(separator: "/", omittingEmptySubsequences: false).map(String.init)[1...]
  }
}
