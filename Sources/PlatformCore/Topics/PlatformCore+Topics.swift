// SPDX-License-Identifier: Apache-2.0
/// The permissions of topics: a device may publish only where the console or the guide allows it
/// (device guide 3.6).
extension PlatformCore {
  /// Refuses a topic of more than 128 bytes.
  package func checkTopicLength(_ bytes: Int) throws(Refusal) {
    guard bytes <= 128 else { throw Refusal(.longTopic, "the topic has over 128 bytes") }
  }

  /// Refuses a report to a topic that the device cannot publish to; with `isConnected` those of synchronous calls
  /// count as well.
  package func checkTopic(
    _ topic: ArraySlice<String>,
    of device: SimulatedDevice,
    isConnected: Bool = false,
    _ notes: inout RequestNotes
  ) throws(Refusal) {
    guard !configuration.takesAnyTopic else {
      guard TopicVerdict.areLevels(topic) else { throw refuse(.unknown, topic, device, &notes) }
      guard TopicVerdict.names(device, in: topic) else {
        throw refuse(.foreign, topic, device, &notes)
      }
      return
    }
    let product = things.products[device.productKey]
    var verdict = TopicVerdict(
      topic,
      of: device,
      configuration.topicClasses + (product?.topicClasses ?? []),
      product?.thingModel,
      isConnected: isConnected
    )
    if verdict == .publish, isRefusedStatusUpdate(topic) { verdict = .unknown }
    guard verdict == .publish else { throw refuse(verdict, topic, device, &notes) }
  }

  private func isRefusedStatusUpdate(_ topic: ArraySlice<String>) -> Bool {
    assumptions.refusesStatusUpdate && topic.first == "sys"
      && topic.suffix(2) == ["status", "update"]
  }

  private func refuse(
    _ verdict: TopicVerdict,
    _ topic: ArraySlice<String>,
    _ device: SimulatedDevice,
    _ notes: inout RequestNotes
  ) -> Refusal {
    notes.topicRefusal = verdict
    notes.topicRemedies = remedies(verdict, topic, device)
    switch verdict {
    case .foreign:
      return Refusal(.foreignTopic, "the topic does not name the device of this token")
    case .subscribeOnly:
      return Refusal(.subscribeOnlyTopic, "devices may only subscribe to this topic")
    case .publish, .unknown:
      let note =
        switch topic.first {
        case _ where !TopicVerdict.areLevels(topic):
          "no topic has a wildcard, U+0000 or a slash within a segment"
        case "sys", "ota", "shadow": "the device guide has no such topic"
        case "ext": "a topic of MQTT alone"
        default: "the product has no topic class of that name"
        }
      return Refusal(.unknownTopic, note)
    }
  }

  /// The changes that would let the device publish there.
  private func remedies(
    _ verdict: TopicVerdict,
    _ topic: ArraySlice<String>,
    _ device: SimulatedDevice
  ) -> TopicRemedies {
    var remedies = TopicRemedies()
    guard verdict == .unknown || verdict == .subscribeOnly, !configuration.takesAnyTopic,
      TopicVerdict.areLevels(topic), TopicVerdict.names(device, in: topic),
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
