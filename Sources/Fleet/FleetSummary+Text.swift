// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

extension FleetSummary {
  /// The summary as lines for a person; `cost` is the last one.
  public var lines: [String] {
    var lines: [String] = []
    let kinds = FleetSecurity.allCases.compactMap { kind in
      security[kind].map { "\($0) \(kind.rawValue)" }
    }
    let classes = radio.keys.sorted().map { "\(radio[$0] ?? 0) ECL \($0)" }
    lines.append(
      "\(devices) devices (\(kinds.joined(separator: ", ")); \(classes.joined(separator: ", "))), "
        + "a report each \(Self.time(interval.count)), \(Self.time(duration.count)), seed \(seed)"
        + (scenario.isEmpty ? "" : ", \(scenario)")
    )
    lines.append(
      "reports: \(reports) made, \(delivered) delivered, \(refused) refused, \(waiting) waiting; "
        + "\(authenticated) devices authenticated"
    )
    lines.append(
      isRecorded
        ? "by the platform's record: \(taken) taken, \(lost) lost, \(doubles) double"
        : "what the platform has taken is in its own log: it is another program"
    )
    let percents: [(String, Double)] = [("50", 0.5), ("90", 0.9), ("99", 0.99), ("100", 1)]
    let times = percents.map { "\($0.0) % \(delivery($0.1).map(Self.time) ?? "never")" }
    lines.append("delivered within: \(times.joined(separator: ", "))")
    lines.append(
      "\(requests) requests, \(retransmissions) retransmissions, \(authentications) authentications, "
        + "\(handshakes) handshakes (\(resumptions) resumed)"
    )
    if isRecorded {
      lines.append(
        "requests for a token: \(isMerged ? "at most " : "")\(authenticationPeak) in the busiest second, "
          + "\(isMerged ? "at most " : "")\(authenticationMinute) in the busiest minute; "
          + "reports made: \(Self.shown(reportRate)) in a second"
      )
    }
    lines.append(
      "\(bytesUp) B in \(datagramsUp) datagrams up, \(bytesDown) B in \(datagramsDown) down, "
        + "\(Self.shown(reports > 0 ? Double(bytesUp + bytesDown) / Double(reports) : 0)) B a report"
    )
    lines.append(
      "energy: \(Self.shown(energy)) J, \(Self.shown(reports > 0 ? energy / Double(reports) : 0)) J a report"
    )
    lines.append(
      "this machine: \(Self.shown(cost.cpu)) s of the processor in \(Self.shown(cost.wall)) s, "
        + "\(devices > 0 ? cost.devices / devices : 0) B a device, \(cost.process >> 20) MiB in all"
    )
    return lines
  }

  /// A number with at most two places behind the point.
  static func shown(_ value: Double) -> String {
    let hundredths = (value * 100).rounded()
    guard hundredths.magnitude < 9e15 else { return "\(value)" }
    let number = Int64(hundredths)
    let (whole, rest) = (number / 100, (number % 100).magnitude)
    if rest == 0 { return "\(whole)" }
    return "\(number < 0 && whole == 0 ? "-" : "")\(whole).\(rest < 10 ? "0" : "")\(rest)"
  }

  /// A time in its largest unit that is not too coarse.
  static func time(_ milliseconds: Int64) -> String {
    switch milliseconds {
    case ..<1_000: "\(milliseconds) ms"
    case ..<120_000: "\(shown(Double(milliseconds) / 1_000)) s"
    case ..<7_200_000: "\(shown(Double(milliseconds) / 60_000)) min"
    default: "\(shown(Double(milliseconds) / 3_600_000)) h"
    }
  }
}
