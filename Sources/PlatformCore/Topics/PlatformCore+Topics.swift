/// Topics have permissions: a device publishes only where the console or the guide lets it (device guide 3.6).
extension PlatformCore {
  /// Refuses a topic of over 128 bytes.
  package func checkTopicLength(_ bytes: Int) throws(Refusal) {
    guard bytes <= 128 else { throw Refusal(.longTopic, "the topic has over 128 bytes") }
  }

  /// Refuses a report to a topic that the device cannot publish to.
  package func checkTopic(
    _ topic: ArraySlice<String>,
    of device: SimulatedDevice,
    _ notes: inout RequestNotes
  ) throws(Refusal) {
    guard !configuration.takesAnyTopic else {
      guard TopicVerdict.names(device, in: topic) else { throw refuse(.foreign, topic, &notes) }
      return
    }
    let product = things.products[device.productKey]
    var verdict = TopicVerdict(
      topic,
      of: device,
      configuration.topicClasses + (product?.topicClasses ?? [])
    )
    if verdict == .publish, assumptions.refusesStatusUpdate,
      topic.suffix(2) == ["status", "update"], topic.first == "sys"
    {
      verdict = .unknown
    }
    guard verdict == .publish else { throw refuse(verdict, topic, &notes) }
  }

  private func refuse(
    _ verdict: TopicVerdict,
    _ topic: ArraySlice<String>,
    _ notes: inout RequestNotes
  ) -> Refusal {
    notes.topicRefusal = verdict
    switch verdict {
    case .foreign:
      return Refusal(.foreignTopic, "the topic does not name the device of this token")
    case .subscribeOnly:
      return Refusal(.subscribeOnlyTopic, "devices may only subscribe to this topic")
    case .publish, .unknown:
      let note =
        switch topic.first {
        case "sys", "ota": "the device guide has no such topic"
        case "ext": "a topic of MQTT alone"
        default: "the product has no topic class of that name"
        }
      return Refusal(.unknownTopic, note)
    }
  }
}
