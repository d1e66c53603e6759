// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding
package import PayloadValues

/// The platform's answer to an accepted report.
package enum ReportAnswer {
  /// The report was accepted, without a reply.
  case taken
  /// The Alink reply.
  case reply(PayloadValue)
  /// The result of `PlatformConfiguration.reply`.
  case configured([UInt8])
}

extension PlatformCore {
  /// The method of a report's topic; `nil` if the platform only accepts the report.
  package func method(of topic: ArraySlice<String>) -> ThingMethod? {
    configuration.reply == nil ? ThingMethod(topic: topic) : nil
  }

  /// Refuses a plain payload above the limit.
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

  /// Executes a report whose token, topic, number and size are valid.
  ///
  /// `topic` does not include the segment `topic`; `format` is the payload's, and irrelevant if
  /// `method` is opaque.
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

  /// A text from a device, made safe for one line of a terminal.
  private static func readable(_ text: String) -> String {
    let bytes = Array(String(text.unicodeScalars.prefix(300)).utf8)
    return ReadableText.plain(bytes.span, keepsLines: false) ?? ""
  }
}
