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
      guard options.names(device) else { throw refuse(.foreign, topic, &record) }
      return
    }
    let product = things.products[device.productKey]
    var verdict = TopicVerdict(
      topic,
      of: device,
      configuration.topicClasses + (product?.topicClasses ?? [])
    )
    if verdict == .publish, configuration.assumptions.refusesStatusUpdate,
      topic.suffix(2) == ["status", "update"], topic.first == "sys"
    {
      verdict = .unknown
    }
    guard verdict == .publish else { throw refuse(verdict, topic, &record) }
  }

  private func refuse(
    _ verdict: TopicVerdict,
    _ topic: ArraySlice<String>,
    _ record: inout RequestRecord
  ) -> Refusal {
    record.topicRefusal = verdict
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
        case "sys", "ota": "the device guide has no such topic"
        case "ext": "a topic of MQTT alone"
        default: "the product has no topic class of that name"
        }
      return Refusal(code: assumptions.unknownTopic, note: note)
    }
  }
}
