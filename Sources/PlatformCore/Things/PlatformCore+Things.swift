internal import ConstrainedCore
internal import PayloadCoding
package import PayloadValues

/// What the platform answers to a report that it has taken.
package enum ReportAnswer {
  /// Nothing but that it is taken.
  case taken
  /// The Alink reply.
  case reply(PayloadValue)
  /// What `PlatformConfiguration.reply` says.
  case configured([UInt8])
}

extension PlatformCore {
  /// What a report on a topic asks for; `nil` where the platform only takes it.
  package func method(of topic: ArraySlice<String>) -> ThingMethod? {
    configuration.reply == nil ? ThingMethod(topic: topic) : nil
  }

  /// Refuses a plain payload that is over the limit.
  package func checkSize(_ payload: [UInt8]) throws(Refusal) {
    guard payload.count <= configuration.payloadLimit else {
      throw Refusal(
        .longPayload,
        configuration.payloadLimit == 1_024
          ? "the payload has over 1,024 bytes"
          : "the payload has over \(configuration.payloadLimit) bytes"
      )
    }
  }

  /// Carries out what a report asks for whose token, topic, number and size are good.
  ///
  /// `topic` has no leading `topic`; `format` is the payload's and does not matter where `method` is opaque.
  package func execute(
    _ method: ThingMethod?,
    topic: ArraySlice<String>,
    _ payload: [UInt8],
    _ format: PayloadValue.Format,
    of session: PlatformSession,
    _ notes: inout RequestNotes
  ) throws(Refusal) -> ReportAnswer {
    let name = "/" + topic.joined(separator: "/")
    if let configured = configuration.reply { return .configured(configured(name, payload)) }
    guard let method else {
      if let first = topic.first, ["sys", "ota", "ext", "shadow"].contains(first) {
        notes.note = "the guide has no such topic: taken, and nothing done"
      }
      return .taken
    }
    if assumptions.refusesBrokenPayloads, !method.isOpaque, PayloadValue(payload, format) == nil {
      throw Refusal(.brokenPayload, "the payload is not a value of its Content-Format")
    }
    let device = DeviceState.Identity(
      productKey: session.device.productKey,
      deviceName: session.device.deviceName
    )
    let outcome = things.execute(
      method,
      topic: name,
      payload,
      format,
      of: device,
      random: &random
    )
    notes.method = Self.readable(method.name)
    notes.replyCode = outcome.code
    notes.note = Self.readable(outcome.note)
    return outcome.reply.map { .reply($0) } ?? .taken
  }

  /// What a device has written, fit for one line of a terminal.
  private static func readable(_ text: String) -> String {
    let bytes = Array(String(text.unicodeScalars.prefix(300)).utf8)
    return ReadableText.plain(bytes.span, keepsLines: false) ?? ""
  }
}
