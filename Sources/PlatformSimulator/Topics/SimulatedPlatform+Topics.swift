internal import CoAPMessage

/// Topics have permissions: a device publishes only where the console or the guide lets it (device guide 3.6).
extension SimulatedPlatform {
  /// Refuses a report to a topic that the device cannot publish to.
  func checkTopic(
    _ options: RequestOptions,
    of device: SimulatedDevice,
    record: inout RequestRecord
  ) throws(Refusal) {
    let topic = options.segments.dropFirst()
    guard !configuration.takesAnyTopic else {
      guard TopicVerdict.areLevels(topic) else { throw refuse(.unknown, topic, device, &record) }
      guard TopicVerdict.names(topic, device) else {
        throw refuse(.foreign, topic, device, &record)
      }
      return
    }
    let product = things.products[device.productKey]
    var verdict = TopicVerdict(
      topic,
      of: device,
      configuration.topicClasses + (product?.topicClasses ?? []),
      product?.thingModel
    )
    if verdict == .publish, isRefusedStatusUpdate(topic) { verdict = .unknown }
    guard verdict == .publish else { throw refuse(verdict, topic, device, &record) }
  }

  private func isRefusedStatusUpdate(_ topic: ArraySlice<String>) -> Bool {
    configuration.assumptions.refusesStatusUpdate && topic.first == "sys"
      && topic.suffix(2) == ["status", "update"]
  }

  private func refuse(
    _ verdict: TopicVerdict,
    _ topic: ArraySlice<String>,
    _ device: SimulatedDevice,
    _ record: inout RequestRecord
  ) -> Refusal {
    record.topicRefusal = verdict
    record.topicRemedies = remedies(verdict, topic, device)
    let assumptions = configuration.assumptions
    switch verdict {
    case .foreign:
      return Refusal(
        code: assumptions.foreignTopic,
        note: "the topic does not name the device of this token"
      )
    case .subscribeOnly:
      return Refusal(
        code: assumptions.subscribeTopic,
        note: "devices may only subscribe to this topic"
      )
    case .publish, .unknown:
      let note =
        switch topic.first {
        case _ where !TopicVerdict.areLevels(topic):
          "no topic has a wildcard, U+0000 or a slash within a segment"
        case "sys", "ota", "shadow": "the device guide has no such topic"
        case "ext": "a topic of MQTT alone"
        default: "the product has no topic class of that name"
        }
      return Refusal(code: assumptions.unknownTopic, note: note)
    }
  }

  /// What would let the device publish there.
  private func remedies(
    _ verdict: TopicVerdict,
    _ topic: ArraySlice<String>,
    _ device: SimulatedDevice
  ) -> TopicRemedies {
    var remedies = TopicRemedies()
    guard verdict == .unknown || verdict == .subscribeOnly, !configuration.takesAnyTopic,
      TopicVerdict.areLevels(topic), TopicVerdict.names(topic, device),
      !isRefusedStatusUpdate(topic)
    else { return remedies }
    remedies.isAnyTopicEnough = true
    let name = topic.dropFirst(2).joined(separator: "/")
    guard !["sys", "ota", "ext", "shadow"].contains(topic.first), !name.isEmpty else {
      return remedies
    }
    remedies.topicClass = TopicClass(name, verdict == .unknown ? .publish : .both)
    let own = things.products[device.productKey]?.topicClasses ?? []
    remedies.isOfProduct = own.contains { $0.name == name }
    return remedies
  }
}

/// What would let a device publish to a topic that was refused.
public struct TopicRemedies: Equatable, Sendable {
  /// A class of topics; `nil` where none would.
  public var topicClass: TopicClass?
  /// Whether it must be the product's own, for that has one of the same name.
  public var isOfProduct = false
  /// Whether `SimulatorConfiguration.takesAnyTopic` would.
  public var isAnyTopicEnough = false

  /// Nothing would.
  public init() {}
}
