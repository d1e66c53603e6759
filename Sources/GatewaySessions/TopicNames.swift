// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// Where in a topic the two names of its device stand.
struct TopicNames {
  let productKey: Range<Int>
  let deviceName: Range<Int>
  /// Whether only a topic of the platform's own, or one below `user`, has such a form, so that names that are no
  /// sub-device's are another device's.
  let isCertain: Bool

  /// The names in `/sys/PK/DN/…`, `/PK/DN/…`, `/ota/device/X/PK/DN`, `/shadow/X/PK/DN` or `/ext/…/PK/DN`; `nil` for a
  /// topic that is too short for them.
  init?(_ topic: Span<UInt8>) {
    guard topic.count > 0, topic[0] == UInt8(ascii: "/") else { return nil }
    var levels = InlineArray<6, Range<Int>>(repeating: 0..<0)
    var count = 0
    var start = 1
    for index in 1...topic.count where count < 6 {
      guard index == topic.count || topic[index] == UInt8(ascii: "/") else { continue }
      levels[count] = start..<index
      count += 1
      start = index + 1
    }
    func isLevel(_ level: Int, _ text: StaticString) -> Bool {
      level < count && topic.extracting(levels[level]).isEqual(to: text)
    }
    let before =
      if isLevel(0, "sys") {
        1
      } else if isLevel(0, "ota") {
        3
      } else if isLevel(0, "shadow") {
        2
      } else if isLevel(0, "ext") {
        isLevel(1, "rrpc") ? 3 : 2
      } else {
        0
      }
    guard count >= before + 2 else { return nil }
    productKey = levels[before]
    deviceName = levels[before + 1]
    isCertain = before > 0 && !isLevel(0, "ext") || before == 0 && isLevel(2, "user")
  }
}
