internal import PlatformCore
internal import PlatformSimulator

extension SimulateCommand {
  /// Refuses options that contradict each other, or have no effect in this mode.
  func checkContradictions(_ configuration: SimulatorConfiguration) throws {
    try checkMode(configuration)
    let assumptions = configuration.assumptions
    if topics.anyTopic, assumptions.platform.refusesStatusUpdate {
      throw Complaint(
        "--any-topic takes thing/status/update, --assume status-update=refused refuses it: give one of them"
      )
    }
    if topics.anyTopic, let text = topics.topicClass.first(where: { $0.hasSuffix("=subscribe") }) {
      throw Complaint("--any-topic takes what --topic-class \(text) refuses: give one of them")
    }
    if product.downlink != nil, !assumptions.servesPull {
      throw Complaint("--downlink waits for /pull, which --assume pull=missing takes away")
    }
  }

  /// Refuses options of the other mode.
  private func checkMode(_ configuration: SimulatorConfiguration) throws {
    let isSecure = serving.security == .dtls
    for text in self.assumptions.assume {
      guard let protection = Assumption.named(String(text.prefix { $0 != "=" }))?.protection,
        (protection == .dtls) != isSecure
      else { continue }
      throw Complaint(
        isSecure
          ? "--assume \(text) belongs to the symmetric mode: leave it out with --security dtls"
          : "--assume \(text) belongs to DTLS: give --security dtls with it"
      )
    }
    if !isSecure, configuration.failures.contains(where: { $0.kind == .registration }) {
      throw Complaint("--fail with on=register belongs to DTLS: give --security dtls with it")
    }
    if isSecure, answering.seqOffset != 1 || answering.sequenceRule != .greater {
      throw Complaint(
        "--seq-offset and --sequence-rule belong to the symmetric mode: leave them out with --security dtls"
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
