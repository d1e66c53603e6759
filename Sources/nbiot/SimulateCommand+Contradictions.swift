// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import PlatformCore
internal import PlatformFaults
internal import PlatformSimulator

extension SimulateCommand {
  /// Refuses options that contradict each other, or have no effect in this mode.
  func checkContradictions(_ configuration: SimulatorConfiguration) throws {
    try checkMode(configuration)
    let assumptions = configuration.assumptions
    if topics.anyTopic, assumptions.platform.refusesStatusUpdate {
      throw ValidationError(
        "--any-topic takes thing/status/update, --assume status-update=refused refuses it: give one of them"
      )
    }
    if topics.anyTopic, let text = topics.topicClass.first(where: { $0.hasSuffix("=subscribe") }) {
      throw ValidationError(
        "--any-topic takes what --topic-class \(text) refuses: give one of them"
      )
    }
    if product.downlink != nil, !assumptions.servesPull {
      throw ValidationError("--downlink waits for /pull, which --assume pull=missing takes away")
    }
  }

  /// Refuses options of the other mode.
  private func checkMode(_ configuration: SimulatorConfiguration) throws {
    let isSecure = serving.security == .dtls
    for text in self.assumptions.assume {
      guard let protection = Assumption.named(String(text.prefix { $0 != "=" }))?.protection,
        (protection == .dtls) != isSecure
      else { continue }
      try Contradiction.check(
        [("--assume \(text)", true)],
        belongTo: isSecure ? "the symmetric mode" : "DTLS",
        give: isSecure ? "--security symmetric" : "--security dtls"
      )
    }
    if let text = self.assumptions.ofBroker {
      try Contradiction.check(
        [("--assume \(text)", mqtt.ports.isEmpty)],
        belongTo: "MQTT",
        give: "--mqtt, --mqtts, --ws or --wss"
      )
    }
    if let text = self.assumptions.ofWeb {
      try Contradiction.check(
        [("--assume \(text)", web.https == nil)],
        belongTo: "HTTPS",
        give: "--https"
      )
    }
    try checkAnswers(configuration)
  }

  /// Refuses answers to requests that nobody makes in this mode.
  private func checkAnswers(_ configuration: SimulatorConfiguration) throws {
    let isSecure = serving.security == .dtls
    let faults = configuration.faults.compactMap {
      rule -> (status: Int, request: FaultedRequest?)? in
      guard case .answer(let status, _, let request) = rule.effect else { return nil }
      return (status, request)
    }
    if web.https == nil {
      try Contradiction.check(
        [
          (
            "--fail with a code of five digits", configuration.failures.contains { $0.status > 999 }
          ),
          ("--fault with a code of five digits", faults.contains { $0.status > 999 }),
        ],
        belongTo: "HTTPS",
        give: "--https"
      )
    }
    if !isSecure, !mqtt.hasTLS, web.https == nil {
      try Contradiction.check(
        [
          ("--fail with on=register", configuration.failures.contains { $0.kind == .registration }),
          ("--fault with on=register", faults.contains { $0.request == .registration }),
        ],
        belongTo: "DTLS",
        give: "--security dtls"
      )
    }
  }
}

/// The names given to an option so far, to detect duplicates.
struct NamedOnce {
  private let option: String
  private var names: Set<String> = []

  /// Starts for the option of that name.
  init(_ option: String) { self.option = option }

  /// Adds a name; throws if it is a duplicate.
  mutating func add(_ name: String) throws {
    guard names.insert(name).inserted else {
      throw Complaint("\(option) is given twice for \(name): give it once")
    }
  }
}
