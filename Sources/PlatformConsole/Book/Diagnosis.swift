// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues

/// Why a device does not report, in sentences, the likeliest reason first.
struct Diagnosis {
  private(set) var lines: [String] = []

  /// `platform` is what the platform holds of the device.
  init(_ device: BookPages.Device, _ pages: BookPages, _ platform: PayloadValue, _ now: Int64) {
    guard !device.path.isEmpty else {
      lines = ["What came from nobody that the platform could recognise."]
      return
    }
    if platform["isDisabled"] == .boolean(true) {
      lines.append("The device is disabled: the platform refuses it.")
    }
    if platform["isKnown"] == .boolean(false) {
      lines.append("The platform does not know the device: it is not in its configuration.")
    }
    let missing = pages.missing(device, at: now)
    let isRefused = device.state == .refused
    if isRefused {
      let time = Self.time(now - device.lastRefusal)
      lines.append("Its last request was refused \(time) ago: \(device.refusal)")
    }
    if device.lastSeen == 0 {
      lines.append(
        "Nothing has come from it since the platform was started \(Self.time(now - pages.start)) ago."
      )
    } else if device.lastReport == 0 {
      lines.append(
        isRefused
          ? "It has never reported." : "It has been here, but has never reported."
      )
    }
    if missing > 0 {
      let every = Self.time(pages.interval(of: device))
      let silent =
        device.lastReport > 0
        ? "its last came \(Self.time(now - device.lastReport)) ago" : "none came"
      lines.append(
        "\(missing) \(missing == 1 ? "report is" : "reports are") missing: it reports every \(every), "
          + "and \(silent)."
      )
      if !isRefused, device.lastSeen > 0 {
        lines.append(
          "Nothing has come from it for \(Self.time(now - device.lastSeen)); its last request was taken."
        )
      }
    }
    let isWell = lines.isEmpty
    for fault in platform["faults"]?.elements ?? [] {
      let text = fault["fault"]?.string ?? ""
      let count = fault["count"]?.integer ?? 0
      let often = "\(count) \(count == 1 ? "time" : "times")"
      lines.append("A fault may touch it: \(text), which has happened \(often) in all.")
    }
    if let end = pages.end, now >= end {
      lines.append("No more reports are due: the time is over.")
    }
    guard isWell else { return }
    let every = pages.interval(of: device)
    let isOver = pages.end.map { now >= $0 } ?? false
    lines.insert(
      isOver
        ? "It has reported every \(Self.time(every)), and none is missing."
        : every > 0
          ? "It reports every \(Self.time(every)), and none is missing."
          : "Its last report came \(Self.time(now - device.lastReport)) ago; how often it reports is not known yet.",
      at: 0
    )
  }

  /// A length of time for people.
  static func time(_ milliseconds: Int64) -> String {
    let seconds = max(0, (milliseconds + 500) / 1_000)
    if seconds < 120 { return "\(seconds) s" }
    if seconds < 7_200 { return "\(seconds / 60) min" }
    return seconds < 172_800 ? "\(seconds / 3_600) h" : "\(seconds / 86_400) d"
  }
}
